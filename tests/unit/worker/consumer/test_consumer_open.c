/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/consumer/consumer_open.c: from a name to a claimed number, and what is said without. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/fleet_fixture.h"
#include "worker/consumer/consumer_parts.h"

#define WORKERS 2u

static struct fb_consumer_config config_of(struct fleet_fixture *f) {
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    config.instance = f->ctl.ctl->name;
    config.wait_ms = 0;
    config.program = "prog";
    return config;
}

static struct fb_consumer *open_one(const struct fb_consumer_config *config) {
    struct fb_consumer *consumer;
    assert_int_equal(fb_consumer_open(&consumer, config), 0);
    assert_non_null(consumer);
    return consumer;
}

static uint32_t number_of(const struct fb_consumer *consumer) {
    struct fb_consumer_stats stats;
    fb_consumer_stats(consumer, &stats, sizeof stats);
    return stats.worker;
}

/* It fails with one line, and hands out nothing. */
static void refused(const struct fb_consumer_config *config, int error, const char *part) {
    struct caught caught;
    struct fb_consumer *consumer = (struct fb_consumer *)&caught;
    catch_begin(&caught);
    int rc = fb_consumer_open(&consumer, config);
    catch_end(&caught);
    assert_int_equal(rc, error);
    assert_null(consumer);
    expect_one_line(caught.text, part);
    assert_non_null(strstr(caught.text, "prog: error: "));
}

static struct fleet_fixture *make(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, WORKERS, 16, "hash", NEVER);
    return f;
}

/* ---- refusals */

static void without_a_dispatcher_there_is_nothing_to_claim(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    config.instance = "there-is-no-such-instance";
    refused(&config, -EAGAIN, "no dispatcher of instance 'there-is-no-such-instance'");
}

static void a_number_that_is_served_is_busy(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    worker_starts(f, 1);
    config.worker = 1;
    refused(&config, -EAGAIN, "worker 1 of instance");
    worker_starts(f, 0);
    config.worker = FB_WORKER_ANY;
    refused(&config, -EAGAIN, "has no free worker number");
}

static void a_number_that_there_is_not_is_wrong(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    config.worker = FB_MAX_WORKERS;
    refused(&config, -EINVAL, "has numbers 0 to");
}

static void what_a_later_library_knows_is_refused(void **state) {
    struct fleet_fixture *f = make(state);
    struct {
        struct fb_consumer_config known;
        uint64_t unknown;
    } later = {.known = config_of(f)};
    later.known.size = sizeof later;
    refused(&later.known, -EINVAL, "built for a later libflowbalancer: a configuration of ");
}

static void what_an_earlier_library_knew_is_enough(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    config.size = offsetof(struct fb_consumer_config, wait_ms);
    config.state_bytes = SIZE_MAX; /* not known to it */
    struct fb_consumer *consumer = open_one(&config);
    assert_int_equal(number_of(consumer), 0);
    fb_consumer_close(consumer);
}

static void too_large_a_state_is_refused(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    config.state_bytes = CONSUMER_STATE_MAX + 1;
    refused(&config, -EINVAL, "a flow's state of 1048577 bytes is too large: at most 1048576");
    config.state_bytes = CONSUMER_STATE_MAX;
    fb_consumer_close(open_one(&config));
}

static void an_instance_needs_a_name(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    config.instance = NULL;
    refused(&config, -EINVAL, "config.instance is NULL");
}

static void who_is_asked_to_leave_waits_no_more(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    struct fb_consumer *consumer;
    struct caught caught;
    static const volatile int leave = 1;
    config.instance = "there-is-no-such-instance";
    config.wait_ms = 60000;
    config.leave = &leave;
    catch_begin(&caught);
    int rc = fb_consumer_open(&consumer, &config);
    assert_string_equal(catch_end(&caught), "");
    assert_int_equal(rc, -EINTR);
    assert_null(consumer);
}

/* ---- one a process */

/* Lines of a consumer, to its own log. */
struct lines {
    char last[256];
    int level;
    unsigned count;
};

static void keep_line(void *arg, int level, const char *line) {
    struct lines *lines = arg;
    snprintf(lines->last, sizeof lines->last, "%s", line);
    lines->level = level;
    lines->count++;
}

static void a_second_consumer_is_refused_and_the_first_one_is_as_it_was(void **state) {
    struct fleet_fixture *f = make(state);
    struct lines first = {.count = 0}, second = {.count = 0};
    struct fb_consumer_config config = config_of(f);
    config.log = keep_line;
    config.log_arg = &first;
    struct fb_consumer *consumer = open_one(&config), *other;
    config.log_arg = &second;
    assert_int_equal(fb_consumer_open(&other, &config), -EBUSY);
    assert_null(other);
    assert_int_equal(first.count, 0);
    assert_int_equal(second.count, 1);
    assert_string_equal(second.last, "this process is worker 0 already: close that consumer first");
    fb_error("of the first");
    assert_string_equal(first.last, "of the first");
    assert_int_equal(second.count, 1);
    fb_consumer_close(consumer);
    fb_consumer_close(open_one(&config)); /* now there is room */
}

static void lines_go_where_they_are_wanted_and_to_standard_error_again(void **state) {
    struct fleet_fixture *f = make(state);
    struct lines lines = {.count = 0};
    struct caught caught;
    struct fb_consumer_config config = config_of(f);
    config.log = keep_line;
    config.log_arg = &lines;
    config.worker = FB_MAX_WORKERS;
    struct fb_consumer *consumer;
    catch_begin(&caught);
    assert_int_equal(fb_consumer_open(&consumer, &config), -EINVAL);
    assert_string_equal(catch_end(&caught), "");
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.level, FB_LOG_ERROR);
    /* Without program, level and time. */
    assert_int_equal(strncmp(lines.last, "worker number ", 14), 0);
    catch_begin(&caught);
    fb_error("after that");
    expect_one_line(catch_end(&caught), "prog: error: after that");
    config.worker = 0;
    fb_consumer_close(open_one(&config));
    catch_begin(&caught);
    fb_error("after close");
    expect_one_line(catch_end(&caught), "prog: error: after close");
    assert_int_equal(lines.count, 1);
}

/* ---- from open to close */

static void any_number_is_the_first_that_is_free(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    worker_starts(f, 0);
    struct fb_consumer *consumer = open_one(&config);
    assert_int_equal(number_of(consumer), 1);
    fb_consumer_close(consumer);
}

static void a_consumer_is_ready_when_it_asks_for_packets(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    const struct fb_event *event;
    struct fb_consumer *consumer = open_one(&config);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_STARTING);
    assert_int_equal(fb_consumer_next(consumer, 0, &event), 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    fb_consumer_close(consumer);
    fb_consumer_close(NULL);
    fb_consumer_abandon(NULL);
}

/* Packets 0 and 1 are taken, of a burst of three. */
static struct fb_consumer *open_and_take_two(struct fleet_fixture *f) {
    struct fb_consumer_config config = config_of(f);
    const struct fb_event *event;
    struct fb_consumer *consumer = open_one(&config);
    assert_int_equal(fb_consumer_next(consumer, 0, &event), 0);
    poll_fleet(f);
    give_packets(f, 0, 3);
    for (unsigned n = 0; n < 2; n++)
        assert_int_equal(fb_consumer_next(consumer, 0, &event), 1);
    return consumer;
}

static void a_closed_consumer_has_finished_what_it_was_handed(void **state) {
    struct fleet_fixture *f = make(state);
    fb_consumer_close(open_and_take_two(f));
    struct fb_resume_point point = fb_tx_recover(&lane_of(f, 0)->tx);
    assert_int_equal(point.resume_seq, 2);
    assert_false(point.suspect);
    assert_int_equal(fb_up_worker_status(lane_of(f, 0)->tx.up), FB_STATUS_LEFT);
}

static void an_abandoned_consumer_looks_like_one_that_died_at_its_event(void **state) {
    struct fleet_fixture *f = make(state);
    fb_consumer_abandon(open_and_take_two(f));
    struct fb_resume_point point = fb_tx_recover(&lane_of(f, 0)->tx);
    assert_int_equal(point.resume_seq, 1);
    assert_true(point.suspect);
    assert_int_equal(fb_up_worker_status(lane_of(f, 0)->tx.up), FB_STATUS_READY);
}

static void interfaces_have_names_and_what_is_none_is_empty(void **state) {
    struct fleet_fixture *f = make(state);
    struct fb_consumer_config config = config_of(f);
    struct fb_consumer *consumer = open_one(&config);
    assert_string_equal(fb_consumer_interface(consumer, 0), "");
    assert_string_equal(fb_consumer_interface(consumer, UINT32_MAX), "");
    fb_consumer_close(consumer);
    assert_string_equal(fb_consumer_version(), FB_VERSION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(without_a_dispatcher_there_is_nothing_to_claim),
        FLEET_TEST(a_number_that_is_served_is_busy),
        FLEET_TEST(a_number_that_there_is_not_is_wrong),
        FLEET_TEST(what_a_later_library_knows_is_refused),
        FLEET_TEST(what_an_earlier_library_knew_is_enough),
        FLEET_TEST(too_large_a_state_is_refused),
        FLEET_TEST(an_instance_needs_a_name),
        FLEET_TEST(who_is_asked_to_leave_waits_no_more),
        FLEET_TEST(a_second_consumer_is_refused_and_the_first_one_is_as_it_was),
        FLEET_TEST(lines_go_where_they_are_wanted_and_to_standard_error_again),
        FLEET_TEST(any_number_is_the_first_that_is_free),
        FLEET_TEST(a_consumer_is_ready_when_it_asks_for_packets),
        FLEET_TEST(a_closed_consumer_has_finished_what_it_was_handed),
        FLEET_TEST(an_abandoned_consumer_looks_like_one_that_died_at_its_event),
        FLEET_TEST(interfaces_have_names_and_what_is_none_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
