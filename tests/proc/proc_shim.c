/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libflowbalancer-pcap.so: worker/shim/shim_read.c, shim/shim_filter.c, shim/shim_answers.c,
 * shim/shim_settings.c, shim/shim_real.c under pcap_reader, a libpcap program that reads in each of
 * the ways that there are. See also proc_shim_life.c, proc_shim_end.c, proc_shim_programs.c, and
 * proc_shim_calls.c, which compares with libpcap itself.
 */
#include "tests/lib/parts.h"
#include "tests/lib/shim.h"

#define READER "tests/pcap_reader "
#define TO_THE_END "20000 packets, status -2\n"

static void expect_printed(struct test *t, struct process *p, const char *text) {
    process_expect(t, p, EXIT_DONE);
    assert_string_equal(process_output(t, p), text);
    assert_string_equal(process_errors(t, p), "");
}

/* ---- ways to read */

static void reads_all(struct test *t, const char *way) {
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *reader = shim_start(t, READER "%s @@ part.pcap", way);
    expect_printed(t, reader, TO_THE_END);
    expect_number(shim_expect_done(t, dispatcher), "redelivered", 0);
    const char *const parts[] = {file_in(t, "part.pcap")};
    expect_parts(file_in(t, "t.pcap"), parts, 1, 0);
}

#define WAY(name, way)                                                                             \
    static void name##_gives_every_packet_once(void **state) {                                     \
        reads_all(*state, way);                                                                    \
    }
WAY(loop, "loop")
WAY(dispatch, "dispatch")
WAY(dispatch_with_a_bound, "dispatch-3")
WAY(next_ex, "next-ex")
WAY(next, "next")
WAY(poll, "poll")
WAY(select, "select")
WAY(epoll, "epoll")
WAY(nonblock_without_a_descriptor, "asking")
WAY(another_thread_than_opened_it, "thread")

static void two_readers_share_the_flows(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 2, "");
    struct process *first = shim_start(t, READER "loop @@ part-0.pcap");
    struct process *second = shim_start(t, READER "next-ex @@:1 part-1.pcap");
    process_expect(t, first, EXIT_DONE);
    process_expect(t, second, EXIT_DONE);
    expect_number(shim_expect_done(t, dispatcher), "redelivered", 0);
    const char *const parts[] = {file_in(t, "part-0.pcap"), file_in(t, "part-1.pcap")};
    expect_parts(file_in(t, "t.pcap"), parts, 2, 0);
}

static void filter_is_run_here_and_the_rest_counts_as_inspected(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    t->enter = NULL;
    struct process *reader = shim_start(t, READER "filter @@ ip6");
    process_expect(t, reader, EXIT_DONE);
    shim_expect_done(t, dispatcher);
    unsigned received, dropped, left_out, packets, wanted;
    assert_int_equal(sscanf(process_output(t, reader),
                            "received %u, dropped %u, left out %u\n%u packets, status -2",
                            &received, &dropped, &left_out, &packets),
                     4);
    struct process *offline = process_start(t, "%s -r t.pcap --count ip6", shim_program("tcpdump"));
    process_expect(t, offline, EXIT_DONE);
    assert_int_equal(sscanf(process_output(t, offline), "%u", &wanted), 1);
    assert_in_range(wanted, 1, SHIM_PACKETS - 1);
    assert_int_equal(packets, wanted);
    assert_int_equal(received, wanted);
    assert_int_equal(dropped + left_out, 0);
}

/* ---- breakloop */

static void is_broken(struct test *t, const char *how) {
    struct process *dispatcher =
        process_start_piped(t, "flow-dispatcher -n @ -r - -w 1 --report out.json");
    UNTIL(t, stat_of(t, t->name) != NULL);
    struct process *reader = shim_start(t, READER "%s @@", how);
    process_expect(t, reader, EXIT_DONE);
    assert_string_equal(process_output(t, reader), "in time\n0 packets, status -2\n");
    expect_said(t, reader, "Ethernet is assumed"); /* of a pipe that has given nothing yet */
    process_close_input(dispatcher);
    process_wait(t, dispatcher);
}

static void breakloop_in_a_signal_handler_ends_a_wait(void **state) {
    is_broken(*state, "signal");
}

static void breakloop_in_another_thread_ends_a_wait(void **state) {
    is_broken(*state, "other-thread");
}

static void each_breakloop_ends_one_call_and_loses_no_packet(void **state) {
    struct test *t = *state;
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *reader = shim_start(t, READER "breaks @@ part.pcap");
    expect_printed(t, reader, "2000 breaks\n" TO_THE_END);
    shim_expect_done(t, dispatcher);
    const char *const parts[] = {file_in(t, "part.pcap")};
    expect_parts(file_in(t, "t.pcap"), parts, 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(loop_gives_every_packet_once),
        PROCESS_TEST(dispatch_gives_every_packet_once),
        PROCESS_TEST(dispatch_with_a_bound_gives_every_packet_once),
        PROCESS_TEST(next_ex_gives_every_packet_once),
        PROCESS_TEST(next_gives_every_packet_once),
        PROCESS_TEST(poll_gives_every_packet_once),
        PROCESS_TEST(select_gives_every_packet_once),
        PROCESS_TEST(epoll_gives_every_packet_once),
        PROCESS_TEST(nonblock_without_a_descriptor_gives_every_packet_once),
        PROCESS_TEST(another_thread_than_opened_it_gives_every_packet_once),
        PROCESS_TEST(two_readers_share_the_flows),
        PROCESS_TEST(filter_is_run_here_and_the_rest_counts_as_inspected),
        PROCESS_TEST(breakloop_in_a_signal_handler_ends_a_wait),
        PROCESS_TEST(breakloop_in_another_thread_ends_a_wait),
        PROCESS_TEST(each_breakloop_ends_one_call_and_loses_no_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
