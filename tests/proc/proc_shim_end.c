/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/shim/shim_end.c: the end of the packets, for programs that end then and for those that do
 * not.
 */
#include "tests/lib/life.h"
#include "tests/lib/shim.h"

#include <signal.h>

#define READER "tests/pcap_reader "
#define TO_THE_END "20000 packets, status -2\n"
#define FOREVER "--loop 1000000"

static void expect_printed(struct test *t, struct process *p, const char *text) {
    process_expect(t, p, EXIT_DONE);
    assert_string_equal(process_output(t, p), text);
    assert_string_equal(process_errors(t, p), "");
}

/* ---- the end */

static void a_process_that_lives_on_after_the_end_gets_sigterm(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *reader = shim_start(t, READER "linger @@");
    shim_expect_done(t, dispatcher);
    double ended = seconds_now();
    process_expect(t, reader, 128 + SIGTERM);
    assert_true(seconds_now() - ended > 1.5);
    assert_string_equal(process_output(t, reader), TO_THE_END TO_THE_END);
}

static void a_process_that_closed_its_handle_gets_none(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *reader = shim_start(t, READER "close @@");
    shim_expect_done(t, dispatcher);
    expect_printed(t, reader, TO_THE_END);
}

/* The parent of the process that has the number, which are alone in their group. */
static void parent_gets(struct test *t, const char *parent, int signo, double at_s) {
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *p = shim_start_attached(t, READER "%s @@", parent);
    shim_expect_done(t, dispatcher);
    double ended = seconds_now();
    process_expect(t, p, 128 + signo);
    assert_true(seconds_now() - ended > at_s - 0.5);
    assert_string_equal(process_output(t, p), TO_THE_END);
}

static void a_group_made_for_it_gets_sigterm(void **state) {
    parent_gets(*state, "parent", SIGTERM, 2.0);
}

static void a_group_made_for_it_that_ignores_that_is_killed(void **state) {
    parent_gets(*state, "stubborn-parent", SIGKILL, 5.0);
}

static void the_end_of_the_dispatcher_is_the_end_of_the_packets(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, FOREVER);
    struct process *reader = shim_start(t, READER "next-ex @@");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") >= 1000);
    process_signal(dispatcher, SIGKILL);
    process_expect(t, dispatcher, 128 + SIGKILL);
    process_expect(t, reader, EXIT_DONE);
    assert_non_null(strstr(process_output(t, reader), "packets, status -2\n"));
    assert_int_equal(process_run(t, "flow-dispatcher -n @ --clean"), EXIT_DONE);
}

static void a_number_that_is_drained_ends(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 2, FOREVER " --drain-timeout 1");
    struct process *stays = shim_start(t, READER "poll @@:0");
    struct process *drained = shim_start(t, READER "poll @@:1");
    await_more(t, 1000);
    assert_int_equal(process_run(t, "flow-balancer drain 1 -n @"), EXIT_DONE);
    process_expect(t, drained, EXIT_DONE);
    assert_non_null(strstr(process_output(t, drained), "packets, status -2\n"));
    await_more(t, 1000);
    process_signal(dispatcher, SIGTERM);
    shim_expect_done(t, dispatcher);
    process_expect(t, stays, EXIT_DONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_process_that_lives_on_after_the_end_gets_sigterm),
        PROCESS_TEST(a_process_that_closed_its_handle_gets_none),
        PROCESS_TEST(a_group_made_for_it_gets_sigterm),
        PROCESS_TEST(a_group_made_for_it_that_ignores_that_is_killed),
        PROCESS_TEST(the_end_of_the_dispatcher_is_the_end_of_the_packets),
        PROCESS_TEST(a_number_that_is_drained_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
