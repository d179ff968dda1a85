/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/option_rule.c: values of options, and the members that they set. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdbool.h>
#include <stdio.h>

#include "flow_balancer/common/option_rule.h"

struct sample {
    bool flag;
    struct {
        uint32_t count;
    } inner;
    uint64_t wide, size, time_ns;
    const char *text, *name;
    enum fb_log_level level;
    unsigned choice;
};

static bool set_choice(void *options, const struct fb_option_value *value) {
    struct sample *sample = options;
    return fb_option_choice(value, &sample->choice);
}

static const struct fb_option_rule rules[FB_OPTIONS] = {
    [FB_OPT_PRELOAD] = FB_RULE_FLAG(struct sample, flag),
    [FB_OPT_WORKERS] = FB_RULE_COUNT(struct sample, inner.count, 1, 256),
    [FB_OPT_LOOP] = FB_RULE_COUNT64(struct sample, wide, 0, UINT64_MAX),
    [FB_OPT_FRAGMENT_BYTES] = FB_RULE_SIZE(struct sample, size, 1 << 20, 1 << 30),
    [FB_OPT_DRAIN_TIMEOUT] = FB_RULE_SECONDS(struct sample, time_ns),
    [FB_OPT_QUARANTINE] = FB_RULE_TEXT(struct sample, text),
    [FB_OPT_NAME] = FB_RULE_NAME(struct sample, name),
    [FB_OPT_LOG_LEVEL] = FB_RULE_LOG_LEVEL(struct sample, level),
    [FB_OPT_ON_FULL] = FB_RULE_CALL(set_choice),
    [FB_OPT_HUGEPAGES] = FB_RULE_CALL(set_choice),
};

static struct sample sample;
static struct caught caught;
static char text[512]; /* values may be written to */

static bool take(enum fb_option option, const char *value) {
    snprintf(text, sizeof text, "%s", value);
    return fb_option_take(rules, &sample, option, text, true);
}

static void expect_refused(enum fb_option option, const char *value, const char *line) {
    catch_begin(&caught);
    bool taken = take(option, value);
    expect_one_line(catch_end(&caught), line);
    assert_false(taken);
}

static void a_value_sets_its_member_and_no_other(void **state) {
    (void)state;
    struct sample expected = {.flag = true};
    sample = (struct sample){.flag = false};
    assert_true(fb_option_take(rules, &sample, FB_OPT_PRELOAD, NULL, true));
    assert_true(take(FB_OPT_WORKERS, "256"));
    expected.inner.count = 256;
    assert_true(take(FB_OPT_LOOP, "18446744073709551615"));
    expected.wide = UINT64_MAX;
    assert_true(take(FB_OPT_FRAGMENT_BYTES, "4M"));
    expected.size = 4 << 20;
    assert_true(take(FB_OPT_DRAIN_TIMEOUT, "1.5"));
    expected.time_ns = 1500000000;
    assert_true(take(FB_OPT_LOG_LEVEL, "debug"));
    expected.level = FB_LOG_DEBUG;
    assert_memory_equal(&sample, &expected, sizeof expected);
    assert_true(take(FB_OPT_QUARANTINE, "x.pcap"));
    assert_string_equal(sample.text, "x.pcap");
    assert_true(take(FB_OPT_NAME, "a_b"));
    assert_string_equal(sample.name, "a_b");
    assert_true(fb_option_take(rules, &sample, FB_OPT_PRELOAD, NULL, false));
    assert_false(sample.flag);
}

static void a_wrong_value_is_refused_with_option_value_and_fix(void **state) {
    (void)state;
    expect_refused(FB_OPT_WORKERS, "0", "--workers '0': give a whole number from 1 to 256");
    expect_refused(FB_OPT_WORKERS, "4294967297", "--workers '4294967297': give");
    expect_refused(FB_OPT_LOOP, "18446744073709551616", "--loop '18446744073709551616': give");
    expect_refused(FB_OPT_FRAGMENT_BYTES, "1023K",
                   "--fragment-bytes '1023K': give bytes from 1024K");
    expect_refused(FB_OPT_DRAIN_TIMEOUT, "86401",
                   "--drain-timeout '86401': give a number of seconds");
    expect_refused(FB_OPT_QUARANTINE, "", "--quarantine '': give FILE.pcap");
    expect_refused(FB_OPT_NAME, "a b", "--name 'a b': give 1 to 64 letters, digits, '_' or '-'");
    expect_refused(FB_OPT_LOG_LEVEL, "loud",
                   "--log-level 'loud': give one of error, warning, info");
}

static void a_choice_is_one_of_the_words_in_the_list(void **state) {
    (void)state;
    assert_true(take(FB_OPT_ON_FULL, "block"));
    assert_int_equal(sample.choice, 0);
    assert_true(take(FB_OPT_ON_FULL, "drop"));
    assert_int_equal(sample.choice, 1);
    assert_true(take(FB_OPT_HUGEPAGES, "never"));
    assert_int_equal(sample.choice, 2);
    expect_refused(FB_OPT_ON_FULL, "block|drop", "--on-full 'block|drop': give one of block, drop");
    expect_refused(FB_OPT_ON_FULL, "", "--on-full '': give one of block, drop");
}

int main(void) {
    fb_log_init("test_option_rule", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_sets_its_member_and_no_other),
        cmocka_unit_test(a_wrong_value_is_refused_with_option_value_and_fix),
        cmocka_unit_test(a_choice_is_one_of_the_words_in_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
