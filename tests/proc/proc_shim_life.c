/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/shim/shim_claim.c, shim/shim_open.c, shim/shim_handle.c: which process has the number when
 * a libpcap program forks, exits or is killed, and which device is refused.
 */
#include "tests/lib/life.h"
#include "tests/lib/parts.h"
#include "tests/lib/shim.h"

#include <signal.h>
#include <unistd.h>

#define READER "tests/pcap_reader "
#define TO_THE_END "20000 packets, status -2\n"
#define FOREVER "--loop 1000000"
#define NOBODY 65534u

static void expect_printed(struct test *t, struct process *p, const char *text) {
    process_expect(t, p, EXIT_DONE);
    assert_string_equal(process_output(t, p), text);
    assert_string_equal(process_errors(t, p), "");
}

/* ---- processes */

static void a_child_may_read_what_its_parent_opened(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    expect_printed(t, shim_start(t, READER "child @@"), TO_THE_END);
    shim_expect_done(t, dispatcher);
}

static void a_child_forked_while_its_parent_reads_can_only_close(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *reader = shim_start(t, READER "beside-child @@");
    process_expect(t, reader, EXIT_DONE);
    assert_non_null(strstr(process_output(t, reader), "child: status -1: fb:"));
    assert_non_null(strstr(process_output(t, reader), "forked from\n" TO_THE_END));
    expect_number(shim_expect_done(t, dispatcher), "redelivered", 0);
}

/* What the process took before it ended; then another one takes the rest. */
static void leaves(struct test *t, const char *how, const char *rest, json_int_t redelivered) {
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    expect_printed(t, shim_start(t, READER "%s @@", how), "10 packets, status 0\n");
    UNTIL(t, worker_is(t, t->name, 0, "vacant"));
    expect_printed(t, shim_start(t, READER "loop @@:0"), rest);
    expect_number(shim_expect_done(t, dispatcher), "redelivered", redelivered);
}

static void exit_without_close_leaves_behind_the_last_packet(void **state) {
    leaves(*state, "exit", "19990 packets, status -2\n", 0);
}

static void exit_in_a_callback_leaves_that_packet_unfinished(void **state) {
    leaves(*state, "exit-within", "19991 packets, status -2\n", 1);
}

static void killed_process_is_followed_by_another_with_one_packet_twice(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "--speed 0.02");
    struct process *first = shim_start(t, READER "loop @@ part-0.pcap");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") >= 1000);
    process_signal(first, SIGKILL);
    process_expect(t, first, 128 + SIGKILL);
    UNTIL(t, worker_is(t, t->name, 0, "vacant"));
    struct process *second = shim_start(t, READER "loop @@:0 part-1.pcap");
    process_expect(t, second, EXIT_DONE);
    const json_t *report = shim_expect_done(t, dispatcher);
    const char *const parts[] = {file_in(t, "part-0.pcap"), file_in(t, "part-1.pcap")};
    expect_parts(file_in(t, "t.pcap"), parts, 2, (size_t)number_at(report, "redelivered"));
    assert_in_range(number_at(report, "redelivered"), 0, 1);
}

/* ---- what is refused */

static void a_program_that_only_asks_takes_no_number(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *asks = shim_start(t, READER "ask @@");
    UNTIL(t, strstr(process_output(t, asks), "stats 0: 0\n") != NULL);
    assert_string_equal(process_output(t, asks),
                        "link type 1, snapshot 262144\n1 link types\n1 time stamp types\n"
                        "stats 0: 0\n");
    assert_true(worker_is(t, t->name, 0, "absent"));
    expect_printed(t, shim_start(t, READER "loop @@"), TO_THE_END);
    shim_expect_done(t, dispatcher);
    process_signal(asks, SIGKILL);
    process_wait(t, asks);
}

static void is_refused(struct test *t, struct process *p, const char *part) {
    process_expect(t, p, EXIT_RUNTIME);
    assert_non_null(strstr(process_output(t, p), part));
}

static void devices_that_are_not_there_are_refused(void **state) {
    struct test *t = *state;
    is_refused(t, shim_start(t, READER "loop @@"),
               "No such device exists: no dispatcher of instance");
    struct process *dispatcher = shim_dispatcher(t, 1, FOREVER);
    is_refused(t, shim_start(t, READER "loop fb:"), "write fb:NAME or fb:NAME:K");
    is_refused(t, shim_start(t, READER "loop @@:"), "write fb:NAME or fb:NAME:K");
    is_refused(t, shim_start(t, READER "loop @@:1x"), "write fb:NAME or fb:NAME:K");
    is_refused(t, shim_start(t, READER "loop fb:a.b"), "write fb:NAME or fb:NAME:K");
    is_refused(t, shim_start(t, READER "loop @@:1"), "has worker numbers 0 to 0");
    struct process *reader = shim_start(t, READER "loop @@");
    await_more(t, 1000);
    is_refused(t, shim_start(t, READER "loop @@"), "all 1 worker numbers of instance");
    is_refused(t, shim_start(t, READER "loop @@:0"), "is already running");
    process_signal(reader, SIGKILL);
    process_wait(t, reader);
    UNTIL(t, worker_is(t, t->name, 0, "vacant"));
    is_refused(t, shim_start(t, READER "loop @@"), "the flows of number 0 wait");
    process_signal(dispatcher, SIGKILL);
    process_wait(t, dispatcher);
    assert_int_equal(process_run(t, "flow-dispatcher -n @ --clean"), EXIT_DONE);
}

/* The user nobody, for whom the dispatcher's objects are not. */
static void enter_as_another_user(const struct test *t) {
    shim_enter(t);
    if (setuid(NOBODY) != 0)
        _exit(126);
}

static void another_user_is_told_whose_the_instance_is(void **state) {
    struct test *t = *state;
    char command[128];
    if (geteuid() != 0)
        SKIP("no other user to be: run it as root");
    struct process *dispatcher = shim_dispatcher(t, 1, FOREVER);
    snprintf(command, sizeof command, READER "loop fb:%s", t->name);
    t->enter = enter_as_another_user;
    struct process *refused = process_start(t, "%s", command);
    t->enter = NULL;
    process_expect(t, refused, EXIT_RUNTIME);
    const char *output = process_output(t, refused);
    assert_non_null(strstr(output, "You don't have permission"));
    assert_non_null(strstr(output, ".ctl: "));
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

static void of_two_that_race_one_is_told_when_it_reads(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, FOREVER), *both[2];
    both[0] = shim_start(t, READER "loop @@");
    both[1] = shim_start(t, READER "loop @@");
    UNTIL(t, process_ended(t, both[0]) || process_ended(t, both[1]));
    struct process *refused = both[process_ended(t, both[0]) ? 0 : 1];
    assert_non_null(strstr(process_output(t, refused), "worker number"));
    process_signal(dispatcher, SIGTERM);
    shim_expect_done(t, dispatcher);
    process_expect(t, both[refused == both[0] ? 1 : 0], EXIT_DONE);
}

static void a_second_device_in_one_process_is_refused(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 2, "--start-timeout 1");
    struct process *reader = shim_start(t, READER "second @@");
    process_expect(t, reader, EXIT_DONE);
    assert_non_null(strstr(process_output(t, reader), "second: -1 this process has fb:"));
    assert_non_null(strstr(process_output(t, reader), "a time\n" TO_THE_END));
    shim_expect_done(t, dispatcher);
}

static void what_only_an_interface_can_is_refused(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *reader = shim_start(t, READER "refusals @@");
    process_expect(t, reader, EXIT_DONE);
    const char *output = process_output(t, reader);
    assert_non_null(strstr(output, "inbound: -1 fb:"));
    assert_non_null(strstr(output, "inject: -1 fb:"));
    assert_non_null(strstr(output, "sendpacket: -1 fb:"));
    assert_non_null(strstr(output, "direction: -1 Setting direction is not supported"));
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_child_may_read_what_its_parent_opened),
        PROCESS_TEST(a_child_forked_while_its_parent_reads_can_only_close),
        PROCESS_TEST(exit_without_close_leaves_behind_the_last_packet),
        PROCESS_TEST(exit_in_a_callback_leaves_that_packet_unfinished),
        PROCESS_TEST(killed_process_is_followed_by_another_with_one_packet_twice),
        PROCESS_TEST(a_program_that_only_asks_takes_no_number),
        PROCESS_TEST(devices_that_are_not_there_are_refused),
        PROCESS_TEST(another_user_is_told_whose_the_instance_is),
        PROCESS_TEST(of_two_that_race_one_is_told_when_it_reads),
        PROCESS_TEST(a_second_device_in_one_process_is_refused),
        PROCESS_TEST(what_only_an_interface_can_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
