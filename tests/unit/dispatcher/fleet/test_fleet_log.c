/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says when a worker number changes hands (fleet_log.c). */
#include "tests/lib/caught.h"
#include "tests/lib/fleet_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

static struct caught caught;

static void begin(struct fleet_fixture *f) {
    make_fleet(f, 2, 16, "backlog", SECOND);
    fb_log_set_level(FB_LOG_INFO);
    catch_begin(&caught);
}

/* All that was said since the last call. */
static void expect_log(const char *expected) {
    char text[sizeof caught.text];
    snprintf(text, sizeof text, "%s", catch_end(&caught));
    assert_string_equal(text, expected);
    catch_begin(&caught);
}

static void end(void) {
    expect_log("");
    catch_end(&caught);
}

#define MAX_LINE 256u
static const char *said(const char *format, ...) {
    static char text[2 * MAX_LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

static int pid(void) {
    return (int)getpid(); /* of every worker here */
}

static void a_worker_that_comes_back_is_said_to_with_the_time_it_took(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    worker_starts(f, 0);
    expect_log(""); /* the first to come is not back */
    worker_dies(f, 0);
    poll_fleet(f);
    f->now_ns += 12 * MS;
    worker_starts(f, 0);
    expect_log(said("flow-balancer: warning: worker 0 (pid %d) died; its flows wait for its next "
                    "process\nflow-balancer: info: worker 0 is back (pid %d) after 12 ms\n",
                    pid(), pid()));
    f->now_ns += SECOND;
    worker_leaves(f, 0); /* and after a restart that was asked for */
    poll_fleet(f);
    f->now_ns += 7 * MS;
    worker_starts(f, 0);
    expect_log(said("flow-balancer: info: worker 0 left\n"
                    "flow-balancer: info: worker 0 is back (pid %d) after 7 ms\n",
                    pid()));
    end();
}

static void what_died_before_it_was_ready_had_not_come_back(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    worker_starts(f, 0);
    worker_dies(f, 0);
    poll_fleet(f);
    f->now_ns += 10 * MS;
    worker_claims(f, 0);
    poll_fleet(f);
    worker_dies(f, 0);
    poll_fleet(f);
    f->now_ns += 10 * MS;
    worker_starts(f, 0);
    const char *died = "flow-balancer: warning: worker 0 (pid %d) died; its flows wait for its "
                       "next process\n";
    char expected[3 * MAX_LINE];
    int n = snprintf(expected, sizeof expected, "%s", said(died, pid()));
    n += snprintf(expected + n, sizeof expected - (size_t)n, "%s", said(died, pid()));
    snprintf(expected + n, sizeof expected - (size_t)n,
             "flow-balancer: info: worker 0 is back (pid %d) after 20 ms\n", pid());
    expect_log(expected);
    end();
}

static void what_no_one_starts_again_is_lost_with_a_warning(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 3);
    worker_dies(f, 0);
    poll_fleet(f);
    f->now_ns += SECOND;
    poll_fleet(f);
    revocation_passes(f);
    expect_log(said("flow-balancer: warning: worker 0 (pid %d) died; its flows wait for its next "
                    "process\n"
                    "flow-balancer: warning: worker 0 was not started again within 1.0 s\n"
                    "flow-balancer: warning: worker 0 is lost: 3 packets and 0 flows of it go to "
                    "the others\n",
                    pid()));
    end();
}

/* It is what was asked for, so it is no warning; it counts as a failover all the same. */
static void what_is_drained_at_its_deadline_is_not_lost(void **state) {
    struct fleet_fixture *f = *state;
    uint16_t generation;
    begin(f);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 3);
    handles_take(&lane_of(f, 0)->handles, 1, &generation);
    assert_null(fleet_drain(&f->fleet, 0, f->now_ns));
    f->now_ns += 30 * SECOND;
    poll_fleet(f);
    worker_leaves(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_MOVING);
    assert_int_equal(f->fleet.failovers, 1);
    expect_log("flow-balancer: info: worker 0 left\nflow-balancer: info: worker 0 is drained: 3 "
               "packets and 1 flows of it go to the others\n");
    end();
}

static void a_drained_number_that_is_used_again_is_not_back(void **state) {
    struct fleet_fixture *f = *state;
    unsigned added;
    begin(f);
    worker_starts(f, 0);
    worker_starts(f, 1);
    assert_null(fleet_drain(&f->fleet, 0, f->now_ns));
    poll_fleet(f);
    worker_leaves(f, 0);
    poll_fleet(f);
    f->now_ns += 60 * SECOND;
    assert_null(fleet_add(&f->fleet, &added));
    assert_int_equal(added, 0);
    worker_starts(f, 0);
    expect_log("flow-balancer: info: worker 0 left\n");
    end();
}

static void who_dies_while_it_is_drained_is_not_waited_for(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 3);
    assert_null(fleet_drain(&f->fleet, 0, f->now_ns));
    worker_dies(f, 0);
    poll_fleet(f);
    expect_log(said("flow-balancer: warning: worker 0 (pid %d) died; its flows go to the others\n"
                    "flow-balancer: info: worker 0 is drained: 3 packets and 0 flows of it go to "
                    "the others\n",
                    pid()));
    end();
}

/* The drain of a number whose process had died: no process is missed any more. */
static void a_number_that_is_drained_while_it_waits_is_not_back_later(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 3);
    worker_dies(f, 0);
    poll_fleet(f);
    assert_null(fleet_drain(&f->fleet, 0, f->now_ns));
    revocation_passes(f);
    assert_int_equal(lane_of(f, 0)->away_since_ns, 0);
    expect_log(said("flow-balancer: warning: worker 0 (pid %d) died; its flows wait for its next "
                    "process\nflow-balancer: info: worker 0 is drained: 3 packets and 0 flows of "
                    "it go to the others\n",
                    pid()));
    end();
}

static void a_number_whose_name_is_taken_is_said_once_and_tried_every_second(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    worker_starts(f, 0);
    give_packets(f, 0, 3); /* its number waits for the next process */
    const char *path = lane_of(f, 0)->up_region.path;
    char kept[FB_PATH_MAX];
    snprintf(kept, sizeof kept, "%s", path);
    assert_int_equal(unlink(kept), 0);
    assert_int_equal(mkdir(kept, 0700), 0);
    worker_dies(f, 0);
    for (unsigned i = 0; i < 4; i++) {
        poll_fleet(f);
        f->now_ns += OFFER_AGAIN_NS / 4; /* below --failover */
    }
    expect_log(
        said("flow-balancer: warning: worker 0 (pid %d) died; its flows wait for its next "
             "process\nflow-balancer: error: cannot make %s: a directory of uid %d is in the "
             "way: let its owner or root remove it\nflow-balancer: warning: worker 0 cannot "
             "be started until then: it is tried again every 1 s\n",
             pid(), kept, (int)geteuid()));
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
    poll_fleet(f);
    expect_log("");
    assert_int_equal(rmdir(kept), 0);
    f->now_ns += OFFER_AGAIN_NS;
    poll_fleet(f);
    expect_log("flow-balancer: info: worker 0 can be started again\n");
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(a_worker_that_comes_back_is_said_to_with_the_time_it_took),
        FLEET_TEST(a_number_whose_name_is_taken_is_said_once_and_tried_every_second),
        FLEET_TEST(what_died_before_it_was_ready_had_not_come_back),
        FLEET_TEST(what_no_one_starts_again_is_lost_with_a_warning),
        FLEET_TEST(what_is_drained_at_its_deadline_is_not_lost),
        FLEET_TEST(a_drained_number_that_is_used_again_is_not_back),
        FLEET_TEST(who_dies_while_it_is_drained_is_not_waited_for),
        FLEET_TEST(a_number_that_is_drained_while_it_waits_is_not_back_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
