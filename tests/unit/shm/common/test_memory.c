/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/memory.c: what the kernel says of free memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/sysinfo.h>

#include <cmocka.h>

#include "flow_balancer/common/memory.h"

/* MemAvailable is MemFree and most of what caches could give back, less a reserve. */
static void available_memory_is_in_bytes_and_no_more_than_there_is(void **state) {
    struct sysinfo info;
    uint64_t available = fb_memory_available();
    (void)state;
    assert_int_equal(sysinfo(&info), 0);
    assert_true(available <= (uint64_t)info.totalram * info.mem_unit);
    assert_true(available >= (uint64_t)info.freeram * info.mem_unit / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(available_memory_is_in_bytes_and_no_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
