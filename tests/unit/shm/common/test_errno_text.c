/* SPDX-License-Identifier: BSD-2-Clause */
/* What shm/common/errno_text.c says of an error, and what to do about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "flow_balancer/common/errno_text.h"

static struct rlimit before;

static int remember(void **state) {
    (void)state;
    return getrlimit(RLIMIT_NOFILE, &before);
}

static int restore(void **state) {
    (void)state;
    return setrlimit(RLIMIT_NOFILE, &before);
}

static void an_error_without_a_fix_is_what_strerror_says(void **state) {
    (void)state;
    static const int errors[] = {ENOENT, EACCES, ENFILE, 0, 9999};
    for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++) {
        char expected[128]; /* strerror() frees what it said of an unknown error */
        snprintf(expected, sizeof expected, "%s", strerror(errors[i]));
        assert_string_equal(fb_errno_text(errors[i]), expected);
    }
}

static void too_many_open_files_names_the_limit_and_how_to_raise_it(void **state) {
    (void)state;
    struct rlimit lower = {.rlim_cur = 20, .rlim_max = before.rlim_max};
    assert_true(before.rlim_max > 64);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    char expected[128];
    snprintf(expected, sizeof expected,
             "Too many open files: the limit is 20: raise it with 'ulimit -n %llu'",
             before.rlim_max < 4096 ? (unsigned long long)before.rlim_max : 4096ULL);
    assert_string_equal(fb_errno_text(EMFILE), expected);
}

/* Last: nothing raises a hard limit again where the test is not root. */
static void at_the_hard_limit_it_says_who_can_raise_it(void **state) {
    (void)state;
    struct rlimit lower = {.rlim_cur = 64, .rlim_max = 64};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    assert_string_equal(fb_errno_text(EMFILE),
                        "Too many open files: the limit is 64, and so is the hard limit: raise "
                        "both as root, with 'ulimit -n 4096', or with LimitNOFILE= in a systemd "
                        "unit");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_without_a_fix_is_what_strerror_says),
        cmocka_unit_test_setup_teardown(too_many_open_files_names_the_limit_and_how_to_raise_it,
                                        remember, restore),
        cmocka_unit_test(at_the_hard_limit_it_says_who_can_raise_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
