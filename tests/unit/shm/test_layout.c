/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/layout.c: two builds that differ in any member do not meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_balancer/layout.h"
#include "flow_balancer/object.h"

/* So none was left out. Padding would be a hole: it is named `reserved`. */
static void each_struct_is_listed_without_a_hole(void **state) {
    (void)state;
    size_t count;
    const struct fb_layout *layouts = fb_layouts(&count);
    assert_true(count >= 9);
    for (size_t i = 0; i < count; i++) {
        const struct fb_layout *layout = &layouts[i];
        size_t end = 0, most = 1;
        for (size_t n = 0; n < layout->count; n++) {
            const struct fb_layout_field *field = &layout->fields[n];
            if (field->align == FB_APART)
                end = (end + FB_APART - 1) / FB_APART * FB_APART;
            if (field->offset != end)
                fail_msg("struct %s: %zu bytes before %s are in no list", layout->name,
                         field->offset - end, field->name);
            end += field->size;
            most = field->align > most ? field->align : most;
        }
        if ((end + most - 1) / most * most != layout->size ||
            (most < FB_APART && end != layout->size))
            fail_msg("struct %s: it ends at %zu of %zu", layout->name, end, layout->size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_struct_is_listed_without_a_hole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
