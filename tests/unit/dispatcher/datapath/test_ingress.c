/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/datapath/ingress.c: the link types that ctl tells, before there is a frame. */
#include "tests/lib/unit.h"

#include <pcap/dlt.h>
#include <stdlib.h>

#include "dispatcher/datapath/ingress.h"

static void link_types_of_the_sources_are_told_in_their_order_and_once(void **state) {
    (void)state;
    static const int first[] = {DLT_RAW, DLT_EN10MB}, again[] = {DLT_EN10MB, DLT_LINUX_SLL};
    struct ingress *in = calloc(1, sizeof *in);
    struct fb_ctl *ctl = calloc(1, sizeof *ctl);
    assert_non_null(in);
    assert_non_null(ctl);
    in->ctl = ctl;
    assert_int_equal(fb_ctl_links(ctl), 0);
    ingress_tell_links(in, first, 2);
    ingress_tell_links(in, again, 2);
    assert_int_equal(fb_ctl_links(ctl), 3);
    assert_int_equal(fb_ctl_link_type(ctl, 0), DLT_RAW);
    assert_int_equal(fb_ctl_link_type(ctl, 1), DLT_EN10MB);
    assert_int_equal(fb_ctl_link_type(ctl, 2), DLT_LINUX_SLL);
    free(ctl);
    free(in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_types_of_the_sources_are_told_in_their_order_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
