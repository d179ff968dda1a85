/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/counters.c: the lists of counters; and the packed byte of a descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/descriptor.h"
#include "flow_balancer/life.h"

#define ONE(...) +1

/* Every list, with the length of the enum that it yields and of the list itself. */
static const struct list {
    const char *name;
    const struct fb_counter_text *texts;
    unsigned enum_count, list_count;
} lists[] = {
    {"decode", fb_decode_texts, FB_DECODE_COUNT, 0 FB_DECODE_REASONS(ONE)},
    {"end", fb_end_texts, FB_END_COUNT, 0 FB_END_REASONS(ONE)},
    {"drop", fb_drop_texts, FB_DROP_COUNT, 0 FB_DROP_REASONS(ONE)},
    {"violation", fb_violation_texts, FB_VIOLATION_COUNT, 0 FB_VIOLATIONS(ONE)},
    {"run", fb_run_texts, FB_RUN_COUNT, 0 FB_RUN_COUNTERS(ONE)},
    {"lane", fb_lane_texts, FB_LANE_COUNT, 0 FB_LANE_COUNTERS(ONE)},
    {"interface", fb_interface_texts, FB_INTERFACE_COUNT, 0 FB_INTERFACE_COUNTERS(ONE)},
    {"interface state", fb_interface_state_texts, FB_INTERFACE_STATE_COUNT,
     0 FB_INTERFACE_STATES(ONE)},
    {"worker", fb_worker_texts, FB_WORKER_COUNT, 0 FB_WORKER_COUNTERS(ONE)},
};
#define LISTS (sizeof lists / sizeof *lists)

static bool is_lower_case_word(const char *name) {
    return name[0] >= 'a' && name[0] <= 'z' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' &&
           name[strlen(name) - 1] != '_' && strstr(name, "__") == NULL;
}

static void every_list_is_as_long_as_its_enum(void **state) {
    (void)state;
    for (size_t l = 0; l < LISTS; l++)
        if (lists[l].enum_count != lists[l].list_count || lists[l].list_count == 0)
            fail_msg("%s: %u in the enum, %u in the list", lists[l].name, lists[l].enum_count,
                     lists[l].list_count);
}

static void every_counter_has_a_name_that_is_one_lower_case_word(void **state) {
    (void)state;
    for (size_t l = 0; l < LISTS; l++)
        for (unsigned i = 0; i < lists[l].enum_count; i++)
            if (lists[l].texts[i].name == NULL || !is_lower_case_word(lists[l].texts[i].name))
                fail_msg("%s %u: '%s'", lists[l].name, i, lists[l].texts[i].name);
}

static void no_two_counters_of_a_list_share_name_or_sentence(void **state) {
    (void)state;
    for (size_t l = 0; l < LISTS; l++)
        for (unsigned i = 0; i < lists[l].enum_count; i++)
            for (unsigned j = 0; j < i; j++)
                if (strcmp(lists[l].texts[i].name, lists[l].texts[j].name) == 0 ||
                    strcmp(lists[l].texts[i].text, lists[l].texts[j].text) == 0)
                    fail_msg("%s: %u and %u are both '%s'", lists[l].name, i, j,
                             lists[l].texts[i].name);
}

/* A worker's object in the report has both. */
static void what_a_worker_counts_itself_is_told_apart_from_the_ledger(void **state) {
    (void)state;
    for (unsigned i = 0; i < FB_WORKER_COUNT; i++) {
        assert_memory_equal(fb_worker_texts[i].name, "self_", 5);
        for (unsigned j = 0; j < FB_LANE_COUNT; j++)
            assert_string_not_equal(fb_worker_texts[i].name, fb_lane_texts[j].name);
    }
}

/* A line of the report has 100 columns; number and name take 38 of them. */
static void every_counter_has_a_sentence_of_one_line(void **state) {
    (void)state;
    for (size_t l = 0; l < LISTS; l++)
        for (unsigned i = 0; i < lists[l].enum_count; i++) {
            const char *text = lists[l].texts[i].text;
            if (strlen(text) < 8 || strlen(text) > 62 || strchr(text, ' ') == NULL ||
                strchr(text, '\n') != NULL || text[strlen(text) - 1] == '.')
                fail_msg("%s %s: '%s'", lists[l].name, lists[l].texts[i].name, text);
        }
}

/* Names of the report that its readers rely on (design.md, section 7). */
static void the_names_that_the_report_promises_are_there(void **state) {
    (void)state;
    assert_string_equal(fb_drop_texts[FB_DROP_RING_FULL].name, "ring_full");
    assert_string_equal(fb_drop_texts[FB_DROP_NO_WORKER].name, "no_worker");
    assert_string_equal(fb_drop_texts[FB_DROP_ABANDONED].name, "abandoned");
    static const char *const ends[] = {"closed",  "timed_out", "evicted",    "reused",
                                       "verdict", "shutdown",  "worker_lost"};
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
        assert_string_equal(fb_end_texts[i].name, ends[i]);
    assert_string_equal(fb_interface_texts[FB_INTERFACE_RECEIVED].name, "received");
    assert_string_equal(fb_interface_texts[FB_INTERFACE_KERNEL_DROPS].name, "kernel_drops");
    assert_string_equal(fb_interface_texts[FB_INTERFACE_INTERFACE_DROPS].name, "interface_drops");
    assert_string_equal(fb_interface_state_texts[FB_INTERFACE_IS_GONE].name, "gone");
    assert_string_equal(fb_lane_texts[FB_LANE_INSPECTED].name, "packets");
    assert_string_equal(fb_lane_texts[FB_LANE_WAITING].name, "backlog");
    assert_string_equal(fb_lane_texts[FB_LANE_MAX_WAITING].name, "max_backlog");
    assert_string_equal(fb_worker_texts[FB_WORKER_PACKETS].name, "self_packets");
}

static void every_state_has_a_name_of_its_own(void **state) {
    (void)state;
    for (unsigned i = 0; i < FB_STATE_COUNT; i++) {
        assert_non_null(fb_state_names[i]);
        assert_true(is_lower_case_word(fb_state_names[i]));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(fb_state_names[i], fb_state_names[j]);
    }
}

/* ---- the packed byte of a descriptor */

static void direction_deaths_and_reason_share_a_byte_without_touching_each_other(void **state) {
    (void)state;
    for (unsigned dir = 0; dir < 2; dir++)
        for (unsigned deaths = 0; deaths < 4; deaths++)
            for (unsigned reason = 0; reason < FB_END_COUNT; reason++) {
                const struct fb_desc d = {.dir_deaths_reason =
                                              fb_pack_dir_deaths_reason(dir, deaths, reason)};
                assert_int_equal(fb_desc_dir(&d), dir);
                assert_int_equal(fb_desc_deaths(&d), deaths);
                assert_int_equal(fb_desc_reason(&d), reason);
            }
}

static void the_link_index_is_above_all_flags(void **state) {
    (void)state;
    for (unsigned link = 0; link < FB_MAX_LINKS; link++) {
        struct fb_desc d = {.flags = (uint16_t)(link << FB_LINK_SHIFT)};
        assert_int_equal(fb_desc_link(&d), link);
        for (unsigned bit = 0; bit < FB_DESC_FLAG_COUNT; bit++)
            d.flags = (uint16_t)(d.flags | 1u << bit);
        assert_int_equal(fb_desc_link(&d), link);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_list_is_as_long_as_its_enum),
        cmocka_unit_test(every_counter_has_a_name_that_is_one_lower_case_word),
        cmocka_unit_test(no_two_counters_of_a_list_share_name_or_sentence),
        cmocka_unit_test(what_a_worker_counts_itself_is_told_apart_from_the_ledger),
        cmocka_unit_test(every_counter_has_a_sentence_of_one_line),
        cmocka_unit_test(the_names_that_the_report_promises_are_there),
        cmocka_unit_test(every_state_has_a_name_of_its_own),
        cmocka_unit_test(direction_deaths_and_reason_share_a_byte_without_touching_each_other),
        cmocka_unit_test(the_link_index_is_above_all_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
