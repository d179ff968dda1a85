/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/run_events.c: one call tells of an event, the log and the recorder print it. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/run_events.h"

static struct caught caught;
static struct fb_run_event recorded;
static unsigned records;

static void keep(void *arg, const struct fb_run_event *event) {
    assert_ptr_equal(arg, &records);
    recorded = *event;
    records++;
}

static int set_up(void **state) {
    (void)state;
    fb_log_init("tester", FB_LOG_INFO);
    records = 0;
    fb_tell_events_to(keep, &records);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fb_tell_events_to(NULL, NULL);
    return 0;
}

static const char *tell(const struct fb_run_event *event, const char *text) {
    catch_begin(&caught);
    fb_tell_event(event, "%s", text);
    return catch_end(&caught);
}

static void each_kind_has_a_name_of_its_own_and_says_what_it_is(void **state) {
    (void)state;
    for (unsigned i = 0; i < FB_HAPPENED_COUNT; i++) {
        const char *name = fb_happened_texts[i].name;
        assert_true(strlen(name) > 3 &&
                    strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
        assert_true(strlen(fb_happened_texts[i].text) > 3);
        assert_true(fb_happened_texts[i].severity < FB_SEVERITY_COUNT);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(name, fb_happened_texts[k].name);
    }
}

static void an_event_has_its_line_and_its_record(void **state) {
    (void)state;
    uint64_t before_ns = fb_now_ns(), real_ns = fb_realtime_ns();
    const char *line = tell(FB_WORKER_EVENT(WORKER_DIED, 3, .pid = 77, .epoch = 2), "it died");
    assert_string_equal(line, "tester: warning: it died\n");
    assert_int_equal(records, 1);
    assert_int_equal(recorded.kind, FB_HAPPENED_WORKER_DIED);
    assert_int_equal(recorded.worker, 3);
    assert_int_equal(recorded.interface, FB_EVENT_NOT_ONE);
    assert_int_equal(recorded.pid, 77);
    assert_int_equal(recorded.epoch, 2);
    assert_string_equal(recorded.text, "it died");
    assert_in_range(recorded.mono_ns, before_ns, fb_now_ns());
    assert_in_range(recorded.real_ns, real_ns, fb_realtime_ns());
}

static void its_level_is_that_of_the_list(void **state) {
    (void)state;
    assert_string_equal(tell(FB_WORKER_EVENT(WORKER_GIVEN_UP, 1), "x"), "tester: error: x\n");
    assert_string_equal(tell(FB_INTERFACE_EVENT(INTERFACE_UP, 1), "x"), "tester: info: x\n");
    assert_int_equal(recorded.worker, FB_EVENT_NOT_ONE);
    assert_int_equal(recorded.interface, 1);
}

static void what_has_no_line_by_default_is_recorded_and_has_one_for_those_who_debug(void **state) {
    (void)state;
    assert_string_equal(tell(FB_RUN_EVENT(RUN_STARTED), "started"), "");
    assert_int_equal(records, 1);
    fb_log_set_level(FB_LOG_DEBUG);
    assert_string_equal(tell(FB_RUN_EVENT(RUN_STARTED), "started"), "tester: debug: started\n");
}

static void a_line_that_the_log_is_not_to_have_is_recorded(void **state) {
    (void)state;
    fb_log_set_level(FB_LOG_ERROR);
    assert_string_equal(tell(FB_WORKER_EVENT(WORKER_DIED, 3), "it died"), "");
    assert_int_equal(records, 1);
}

static void a_long_line_is_whole_in_the_log_and_cut_in_the_record(void **state) {
    (void)state;
    char text[FB_EVENT_TEXT_BYTES + 100], line[sizeof text + 32];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    snprintf(line, sizeof line, "tester: warning: %s\n", text);
    assert_string_equal(tell(FB_WORKER_EVENT(WORKER_DIED, 3), text), line);
    assert_int_equal(strlen(recorded.text), FB_EVENT_TEXT_BYTES - 1);
}

static void without_a_recorder_there_is_the_log(void **state) {
    (void)state;
    fb_tell_events_to(NULL, NULL);
    assert_string_equal(tell(FB_WORKER_EVENT(WORKER_DIED, 3), "x"), "tester: warning: x\n");
    assert_int_equal(records, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_kind_has_a_name_of_its_own_and_says_what_it_is),
        TEST(an_event_has_its_line_and_its_record),
        TEST(its_level_is_that_of_the_list),
        TEST(what_has_no_line_by_default_is_recorded_and_has_one_for_those_who_debug),
        TEST(a_line_that_the_log_is_not_to_have_is_recorded),
        TEST(a_long_line_is_whole_in_the_log_and_cut_in_the_record),
        TEST(without_a_recorder_there_is_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
