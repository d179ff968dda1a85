/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scripts/python/flow_balancer.py, as it is installed, under the Python of the system: the cases of
 * python_cases.py with a real dispatcher. Each takes all packets of its run, and prints how many.
 */
#include "tests/lib/examples.h"
#include "tests/lib/life.h"

#include <signal.h>
#include <unistd.h>

#define PACKETS 20000u
#define EVERY_PACKET "20000\n"
#define FOREVER "--loop 1000000"

static struct process *start_dispatcher(struct test *t, const char *options) {
    example_or_skip(&examples[EXAMPLES - 1]);
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 20000 --flows 200 --ipv6 0.3"),
                     EXIT_DONE);
    return process_start(t,
                         "flow-dispatcher -n @ -r t.pcap -w 1 --timeout all=never --failover never "
                         "--report out.json %s",
                         options);
}

static struct process *start_case(struct test *t, const char *name) {
    char cwd[PROCESS_PATH_MAX];
    assert_non_null(getcwd(cwd, sizeof cwd));
    t->enter = examples_enter;
    struct process *p =
        process_start_piped(t, "/usr/bin/python3 %s/tests/proc/python_cases.py %s @", cwd, name);
    t->enter = NULL;
    return p;
}

static void expect_printed(struct test *t, struct process *p, const char *text) {
    process_expect(t, p, EXIT_DONE);
    assert_string_equal(process_output(t, p), text);
    assert_string_equal(process_errors(t, p), "");
}

/* It takes all packets, of which so many are redelivered. */
static void takes_all(struct test *t, const char *name, json_int_t redelivered) {
    struct process *dispatcher = start_dispatcher(t, "");
    expect_printed(t, start_case(t, name), EVERY_PACKET);
    process_expect(t, dispatcher, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", PACKETS);
    expect_number(report, "redelivered", redelivered);
}

static void a_view_that_is_kept_raises(void **state) {
    takes_all(*state, "views", 0);
}

static void packets_and_flows_say_what_their_bytes_say(void **state) {
    takes_all(*state, "packets", 0);
}

static void events_are_taken_with_select(void **state) {
    takes_all(*state, "selected", 0);
}

static void events_are_taken_in_asyncio(void **state) {
    takes_all(*state, "in_asyncio", 0);
}

static void a_packet_at_which_the_program_fails_comes_once_more(void **state) {
    takes_all(*state, "raised", 1);
}

static void a_packet_that_a_signal_kept_from_the_loop_comes_once_more(void **state) {
    takes_all(*state, "raised_in_between", 1);
}

static void a_loop_that_is_left_has_finished_its_packet(void **state) {
    takes_all(*state, "broken_off", 0);
}

static void a_consumer_may_be_closed_in_its_own_loop(void **state) {
    takes_all(*state, "closed_inside", 0);
}

static void a_child_has_no_consumer(void **state) {
    takes_all(*state, "forked", 0);
}

static void ctrl_c_ends_a_wait_for_packets(void **state) {
    struct test *t = *state;
    struct process *dispatcher = start_dispatcher(t, "-w 2 --no-worker-timeout 1");
    expect_printed(t, start_case(t, "interrupted"), "0\n");
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

static void an_exception_says_what_the_library_says(void **state) {
    struct test *t = *state;
    struct process *dispatcher = start_dispatcher(t, "--no-worker-timeout 1 " FOREVER);
    expect_printed(t, start_case(t, "refused"), "0\n");
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

static void flows_are_ended_where_the_dispatcher_is_gone(void **state) {
    struct test *t = *state;
    struct process *dispatcher = start_dispatcher(t, FOREVER);
    struct process *p = start_case(t, "orphaned");
    UNTIL(t, strcmp(process_output(t, p), "taking\n") == 0);
    process_signal(dispatcher, SIGKILL);
    expect_printed(t, p, "taking\n0\n");
    process_wait(t, dispatcher);
    assert_int_equal(process_run(t, "flow-dispatcher --clean -n @"), EXIT_DONE);
}

static void a_process_that_is_replaced_is_told_so(void **state) {
    struct test *t = *state;
    struct process *dispatcher = start_dispatcher(t, "--hang 0.3 --drain-timeout 1 " FOREVER);
    struct process *p = start_case(t, "revoked");
    UNTIL(t, strcmp(process_output(t, p), "hanging\n") == 0);
    UNTIL(t, worker_is(t, t->name, 0, "vacant"));
    process_close_input(p);
    expect_printed(t, p, "hanging\n0\n");
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_view_that_is_kept_raises),
        PROCESS_TEST(packets_and_flows_say_what_their_bytes_say),
        PROCESS_TEST(events_are_taken_with_select),
        PROCESS_TEST(events_are_taken_in_asyncio),
        PROCESS_TEST(a_packet_at_which_the_program_fails_comes_once_more),
        PROCESS_TEST(a_packet_that_a_signal_kept_from_the_loop_comes_once_more),
        PROCESS_TEST(a_loop_that_is_left_has_finished_its_packet),
        PROCESS_TEST(a_consumer_may_be_closed_in_its_own_loop),
        PROCESS_TEST(a_child_has_no_consumer),
        PROCESS_TEST(ctrl_c_ends_a_wait_for_packets),
        PROCESS_TEST(an_exception_says_what_the_library_says),
        PROCESS_TEST(flows_are_ended_where_the_dispatcher_is_gone),
        PROCESS_TEST(a_process_that_is_replaced_is_told_so),
    };
    return cmocka_run_group_tests(tests, examples_set_up, examples_tear_down);
}
