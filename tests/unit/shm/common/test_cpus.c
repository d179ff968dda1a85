/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/cpus.c: lists of processors, and running on them. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/log.h"

static struct caught caught;

static cpu_set_t set_of(unsigned count, const unsigned *cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = 0; i < count; i++)
        CPU_SET(cpus[i], &set);
    return set;
}
#define SET(...)                                                                                   \
    set_of(sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned), (unsigned[]){__VA_ARGS__})

static void expect_list(const char *text, cpu_set_t wanted, const char *formatted) {
    cpu_set_t set;
    char out[FB_CPUS_TEXT];
    assert_true(fb_cpus_parse("--cpu", text, &set));
    assert_true(CPU_EQUAL(&set, &wanted));
    fb_cpus_format(&set, out);
    assert_string_equal(out, formatted);
}

static void lists_are_those_of_taskset(void **state) {
    (void)state;
    expect_list("3", SET(3), "3");
    expect_list("2-5", SET(2, 3, 4, 5), "2-5");
    expect_list("0,2,4-6", SET(0, 2, 4, 5, 6), "0,2,4-6");
    expect_list("5,1,1,0-1", SET(0, 1, 5), "0-1,5");
    expect_list("1022-1023,64", SET(64, 1022, 1023), "64,1022-1023");
    expect_list("007", SET(7), "7");
}

static void what_is_no_list_is_one_line_with_option_and_value(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",          "x",  "-1",   "1-",  "2-1",    "0,",    ",0",  "0,,1", " 0",
        "0 ",        "+0", "1024", "0.5", "0-1024", "0-1-2", "all", "0x1",  "18446744073709551616",
        "4294967296"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cpu_set_t set;
        char start[64];
        snprintf(start, sizeof start, "error: --cpu '%s': give processors", bad[i]);
        catch_begin(&caught);
        bool taken = fb_cpus_parse("--cpu", bad[i], &set);
        expect_one_line(catch_end(&caught), start);
        assert_false(taken);
    }
}

static void a_set_too_long_to_write_ends_with_dots(void **state) {
    (void)state;
    cpu_set_t set;
    char text[FB_CPUS_TEXT];
    CPU_ZERO(&set);
    fb_cpus_format(&set, text);
    assert_string_equal(text, "none");
    for (unsigned cpu = 1; cpu < CPU_SETSIZE; cpu += 2)
        CPU_SET(cpu, &set);
    fb_cpus_format(&set, text);
    assert_true(strlen(text) < FB_CPUS_TEXT);
    assert_string_equal(text + strlen(text) - 3, "...");
    assert_memory_equal(text, "1,3,5,", 6);
}

static void only_a_set_of_one_has_a_processor(void **state) {
    (void)state;
    cpu_set_t one = SET(1023), two = SET(0, 1), none;
    CPU_ZERO(&none);
    assert_int_equal(fb_cpus_single(&one), 1023);
    assert_int_equal(fb_cpus_single(&two), -1);
    assert_int_equal(fb_cpus_single(&none), -1);
}

static unsigned first_of(const cpu_set_t *set) {
    unsigned cpu = 0;
    while (!CPU_ISSET(cpu, set))
        cpu++;
    return cpu;
}

/* The highest number is beyond what any test machine has. */
static void run_on_some(void *arg) {
    (void)arg;
    cpu_set_t before, now;
    EXPECT(fb_cpus_allowed(&before) == 0 && CPU_COUNT(&before) >= 1);
    cpu_set_t one = SET(first_of(&before)), none_there = SET(CPU_SETSIZE - 1);
    cpu_set_t half_there = SET(first_of(&before), CPU_SETSIZE - 1);
    EXPECT(fb_cpus_run_on(&one) == 0);
    EXPECT(fb_cpus_allowed(&now) == 0 && CPU_EQUAL(&now, &one));
    EXPECT(fb_cpus_run_on(&none_there) == -EINVAL);
    EXPECT(fb_cpus_run_on(&half_there) == -EINVAL);
    catch_begin(&caught);
    EXPECT(fb_cpus_restrict("--cpu", &half_there) == -EINVAL);
    const char *said = catch_end(&caught);
    char start[64];
    snprintf(start, sizeof start, "error: --cpu '%u,1023': not all", first_of(&before));
    EXPECT(lines_of(said) == 1 && strstr(said, start) != NULL);
    catch_begin(&caught);
    EXPECT(fb_cpus_restrict("--cpu", &before) == 0);
    EXPECT(catch_end(&caught)[0] == '\0');
}

static void a_processor_that_is_not_there_is_said_though_the_kernel_takes_the_rest(void **state) {
    (void)state;
    in_child(run_on_some, NULL);
}

int main(void) {
    fb_log_init("test_cpus", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_those_of_taskset),
        cmocka_unit_test(what_is_no_list_is_one_line_with_option_and_value),
        cmocka_unit_test(a_set_too_long_to_write_ends_with_dots),
        cmocka_unit_test(only_a_set_of_one_has_a_processor),
        cmocka_unit_test(a_processor_that_is_not_there_is_said_though_the_kernel_takes_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
