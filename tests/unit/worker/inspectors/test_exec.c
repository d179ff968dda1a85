/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/exec.c, worker/inspectors/finish.c and worker/inspectors/settings.c: what the
 * worker is told of children, and what is said of them. Whole runs are in tests/proc/proc_exec.c.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/unit.h"
#include "worker/inspection.h"
#include "worker/inspectors/inspectors.h"

static const uint8_t bytes[1000];
static struct inspection inspection;
static struct caught caught;

static struct fb_packet packet_of(int32_t link_type) {
    return (struct fb_packet){
        .data = bytes, .caplen = sizeof bytes, .wirelen = sizeof bytes, .link_type = link_type};
}

/* A worker with this command that has claimed number 3. */
static void claim(const char *command, const struct inspectors_settings *settings) {
    static const struct fb_instance instance = {.name = "test", .worker = 3, .incarnation = 9};
    memset(&inspection, 0, sizeof inspection);
    inspectors_configure(settings);
    catch_begin(&caught);
    assert_int_equal(inspection_add(&inspection, &inspect_exec_ops, command), 0);
    assert_int_equal(inspection_claimed(&inspection, &instance), 0);
}

static int give(int32_t link_type) {
    const struct fb_packet packet = packet_of(link_type);
    return inspect_exec_ops.packet(inspection.items[0].self, NULL, &packet);
}

static int tick(void) {
    return inspect_exec_ops.tick(inspection.items[0].self, fb_now_ns());
}

static uint64_t stat(unsigned i) {
    uint64_t values[FB_STATS_MAX] = {0};
    inspection_stats(&inspection, 0, values);
    return values[i];
}
enum { PACKETS, LOST, CHILDREN };

static void expect_no_child(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static const struct inspectors_settings patient = {.drain_ns = 20 * FB_NS_PER_S};

static void there_is_a_child_for_each_link_type_from_its_first_packet_on(void **state) {
    (void)state;
    claim("sh -c 'test $(wc -c) -eq %l'", &patient);
    assert_int_equal(stat(CHILDREN), 0);
    static const int32_t links[] = {1, 113, 1, 1, 113, 12};
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(give(links[i]), 0);
    assert_int_equal(stat(CHILDREN), 3);
    assert_int_equal(stat(PACKETS), 6);
    assert_int_equal(tick(), 0);
    inspection_finish(&inspection, UINT64_MAX);
    assert_int_equal(stat(LOST), 0);
    inspection_close(&inspection);
    assert_int_equal(lines_of(catch_end(&caught)), 3); /* each ends with 1 and says so */
    expect_no_child();
}

static void a_child_that_ends_is_noticed_by_a_tick_and_counted(void **state) {
    (void)state;
    claim("sh -c 'dd bs=1040 count=1 of=/dev/null 2>/dev/null; exit 5'", &patient);
    int rc = 0;
    assert_int_equal(give(1), 0); /* 24 bytes and 1,016: the first is read whole */
    while (rc == 0 && stat(PACKETS) < 30)
        rc = give(1);
    while (rc == 0) {
        usleep(1000);
        rc = tick();
    }
    assert_int_equal(rc, INSPECTOR_OUTPUT_GONE);
    assert_int_equal(stat(LOST), stat(PACKETS) - 1);
    uint64_t began_ns = fb_now_ns();
    inspection_close(&inspection);
    assert_in_range(fb_now_ns() - began_ns, 0, FB_NS_PER_S); /* not to be waited for */
    expect_one_line(catch_end(&caught), "ended with status 5, and had not read");
    expect_no_child();
}

static void at_the_end_of_the_run_what_a_child_leaves_is_counted(void **state) {
    (void)state;
    claim("sh -c 'sleep 0.1; kill -9 $$'", &patient);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(give(1), 0);
    inspection_finish(&inspection, UINT64_MAX);
    assert_int_equal(stat(LOST), 10);
    inspection_close(&inspection);
    expect_one_line(catch_end(&caught),
                    "was killed by signal 9 (Killed), and had not read 10 packets");
    expect_no_child();
}

static void one_that_does_not_end_in_time_is_ended_with_its_group(void **state) {
    (void)state;
    static const struct inspectors_settings hasty = {.drain_ns = FB_NS_PER_S / 10};
    claim("sh -c 'trap \"\" TERM; sleep 100 & cat >/dev/null; wait'", &hasty);
    assert_int_equal(give(1), 0);
    inspection_finish(&inspection, UINT64_MAX);
    uint64_t began_ns = fb_now_ns();
    inspection_close(&inspection);
    assert_in_range(fb_now_ns() - began_ns, FB_NS_PER_S / 2, 5 * FB_NS_PER_S);
    const char *said = catch_end(&caught);
    assert_non_null(strstr(said, "still runs though its input has ended: SIGTERM"));
    assert_non_null(strstr(said, "was killed by signal 9"));
    expect_no_child();
}

/* The next process of the number would wait for it, and flows with it. */
static void where_the_run_goes_on_no_child_is_waited_for(void **state) {
    (void)state;
    claim("sh -c 'cat >/dev/null; sleep 0.3'", &patient);
    assert_int_equal(give(1), 0);
    uint64_t began_ns = fb_now_ns();
    inspection_finish(&inspection, 0);
    inspection_close(&inspection);
    assert_in_range(fb_now_ns() - began_ns, 0, FB_NS_PER_S / 5);
    assert_int_equal(lines_of(catch_end(&caught)), 0);
    assert_true(waitpid(-1, NULL, 0) > 0); /* it ended by itself */
}

/* The dispatcher is gone, and no other one came. */
static void where_no_one_follows_a_child_is_waited_for(void **state) {
    (void)state;
    claim("sh -c 'cat >/dev/null; sleep 0.3'", &patient);
    assert_int_equal(give(1), 0);
    inspection_close(&inspection);
    assert_int_equal(lines_of(catch_end(&caught)), 0);
    expect_no_child();
}

/* Those of the dispatcher before end by themselves, and are seen to. */
static void another_claim_has_children_of_its_own(void **state) {
    (void)state;
    static const struct fb_instance again = {.name = "test", .worker = 3, .incarnation = 10};
    claim("sh -c 'cat >/dev/null'", &patient);
    assert_int_equal(give(1), 0);
    assert_int_equal(inspection_claimed(&inspection, &again), 0);
    assert_int_equal(give(1), 0);
    assert_int_equal(stat(CHILDREN), 1); /* since then */
    usleep(200000);
    assert_int_equal(tick(), 0);
    inspection_finish(&inspection, UINT64_MAX);
    inspection_close(&inspection);
    assert_int_equal(lines_of(catch_end(&caught)), 0);
    expect_no_child();
}

static int give_large(void) {
    static const uint8_t large[60000];
    const struct fb_packet packet = {
        .data = large, .caplen = sizeof large, .wirelen = sizeof large, .link_type = 1};
    return inspect_exec_ops.packet(inspection.items[0].self, NULL, &packet);
}

/* The pipe takes whole pages: of a record this long it has a part when it is full. */
static void a_worker_stays_while_a_child_has_a_part_of_a_packet(void **state) {
    (void)state;
    claim("sh -c 'sleep 0.3; cat >/dev/null'", &patient);
    assert_int_equal(inspection_stay_ns(&inspection), 0);
    int rc;
    while ((rc = give_large()) == 0)
        assert_int_equal(inspection_stay_ns(&inspection), 0);
    assert_int_equal(rc, FB_OUTPUT_FAILED);
    assert_int_equal(inspection_stay_ns(&inspection), patient.drain_ns);
    while ((rc = give_large()) == FB_OUTPUT_FAILED)
        usleep(1000);
    assert_int_equal(rc, 0);
    assert_int_equal(inspection_stay_ns(&inspection), 0);
    inspection_finish(&inspection, UINT64_MAX);
    inspection_close(&inspection);
    catch_end(&caught);
}

static void finishing_is_nothing_to_others(void **state) {
    (void)state;
    memset(&inspection, 0, sizeof inspection);
    assert_int_equal(inspection_add(&inspection, &inspect_count_ops, NULL), 0);
    assert_int_equal(inspection_stay_ns(&inspection), 0);
    inspection_finish(&inspection, UINT64_MAX);
    inspection_close(&inspection);
}

static void a_child_that_another_inspector_forked_keeps_no_pipe_open(void **state) {
    (void)state;
    static const struct inspectors_settings settings = {.drain_ns = 5 * FB_NS_PER_S};
    claim("sh -c 'cat >/dev/null'", &settings);
    inspection_watch_children(&inspection);
    assert_int_equal(give(1), 0);
    pid_t other = child_start(child_lives_on, NULL);
    inspection_finish(&inspection, UINT64_MAX);
    inspection_close(&inspection);
    assert_string_equal(catch_end(&caught), ""); /* it ended by itself, at the end of its input */
    child_kill(other);
    expect_no_child();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_a_child_for_each_link_type_from_its_first_packet_on),
        cmocka_unit_test(a_child_that_ends_is_noticed_by_a_tick_and_counted),
        cmocka_unit_test(at_the_end_of_the_run_what_a_child_leaves_is_counted),
        cmocka_unit_test(one_that_does_not_end_in_time_is_ended_with_its_group),
        cmocka_unit_test(where_the_run_goes_on_no_child_is_waited_for),
        cmocka_unit_test(where_no_one_follows_a_child_is_waited_for),
        cmocka_unit_test(another_claim_has_children_of_its_own),
        cmocka_unit_test(a_worker_stays_while_a_child_has_a_part_of_a_packet),
        cmocka_unit_test(a_child_that_another_inspector_forked_keeps_no_pipe_open),
        cmocka_unit_test(finishing_is_nothing_to_others),
    };
    signal(SIGPIPE, SIG_IGN);
    fb_log_set_level(FB_LOG_WARNING);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
