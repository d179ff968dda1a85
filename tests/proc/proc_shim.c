/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libflowbalancer-pcap.so: worker/shim/shim_read.c, shim/shim_filter.c, shim/shim_answers.c,
 * shim/shim_settings.c, shim/shim_real.c under pcap_reader, a libpcap program that reads in each of
 * the ways that there are. See also proc_shim_life.c, proc_shim_end.c, proc_shim_programs.c, and
 * proc_shim_calls.c, which compares with libpcap itself.
 */
#include "tests/lib/parts.h"
#include "tests/lib/pcap_bytes.h"
#include "tests/lib/shim.h"

#include <signal.h>

#define READER "tests/pcap_reader "
#define PCAP_MAGIC_MICRO 0xa1b2c3d4
#define LINKTYPE_RAW 101 /* in files; DLT_RAW is 12 */
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

/* ---- link types */

static void write_file(const struct test *t, const char *name, const struct pcap_bytes *bytes) {
    FILE *file = fopen(file_in(t, name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    assert_int_equal(fclose(file), 0);
    free(bytes->data);
}

/* Five packets of raw IP, and then seven of Ethernet. */
static struct process *start_with_two_link_types(struct test *t) {
    struct pcap_bytes raw = {.order = LITTLE}, ethernet = {.order = LITTLE};
    put_pcap_header(&raw, PCAP_MAGIC_MICRO, LINKTYPE_RAW);
    for (uint8_t n = 0; n < 5; n++)
        put_record(&raw, n, 0, 60, 60, n);
    put_plain_file(&ethernet, 7, 100);
    write_file(t, "raw.pcap", &raw);
    write_file(t, "ethernet.pcap", &ethernet);
    struct process *dispatcher = process_start(
        t, "flow-dispatcher -n @ -r raw.pcap -r ethernet.pcap -w 1 --report out.json");
    UNTIL(t, stat_of(t, t->name) != NULL);
    assert_int_equal(json_array_size(value_at(t->report, "links")), 2);
    return dispatcher;
}

static void packets_of_another_link_type_are_left_out_and_said_once(void **state) {
    struct test *t = *state;
    struct process *dispatcher = start_with_two_link_types(t);
    struct process *reader = shim_start(t, READER "filter @@ ether[0]>=0");
    process_expect(t, reader, EXIT_DONE);
    assert_string_equal(process_output(t, reader), "received 5, dropped 0, left out 7\n"
                                                   "5 packets, status -2\n");
    expect_one_line_with(t, reader, "packets of link type 1 (EN10MB) are left out");
    expect_number(shim_expect_done(t, dispatcher), "ledger.inspected", 12);
}

static void link_type_of_the_first_source_is_known_before_its_first_packet(void **state) {
    struct test *t = *state;
    struct process *dispatcher = start_with_two_link_types(t);
    struct process *asks = shim_start(t, READER "ask @@");
    UNTIL(t, strstr(process_output(t, asks), "stats 0: 0\n") != NULL);
    assert_non_null(strstr(process_output(t, asks), "link type 12, snapshot 262144\n"));
    process_signal(asks, SIGKILL);
    process_wait(t, asks);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

/* ---- what was dropped */

static void drops_are_told_by_the_gaps_that_packets_carry(void **state) {
    struct test *t = *state;
    unsigned received, dropped, left_out, packets;
    struct process *dispatcher = shim_dispatcher(t, 1, "--on-full drop --ring-depth 64");
    struct process *reader = shim_start(t, READER "filter @@ ether[0]>=0");
    process_expect(t, reader, EXIT_DONE);
    process_expect(t, dispatcher, EXIT_DONE);
    assert_int_equal(sscanf(process_output(t, reader),
                            "received %u, dropped %u, left out %u\n%u packets, status -2",
                            &received, &dropped, &left_out, &packets),
                     4);
    const json_t *report = report_of(t, "out.json");
    expect_number(report, "ledger.inspected", packets);
    assert_int_equal(received, packets + dropped);
    assert_int_equal(dropped, number_at(report, "workers.0.self_gap_packets"));
    assert_true(dropped > 0);
}

/* ---- calls that wait */

static void waits(struct test *t, const char *how, int status) {
    struct process *dispatcher =
        process_start_piped(t, "flow-dispatcher -n @ -r - -w 1 --report out.json");
    UNTIL(t, stat_of(t, t->name) != NULL);
    struct process *reader = shim_start(t, READER "%s @@", how);
    process_expect(t, reader, EXIT_DONE);
    char wanted[64];
    snprintf(wanted, sizeof wanted, "in time\n0 packets, status %d\n", status);
    assert_string_equal(process_output(t, reader), wanted);
    expect_said(t, reader, "Ethernet is assumed"); /* of a pipe that has given nothing yet */
    process_close_input(dispatcher);
    process_wait(t, dispatcher);
}

static void breakloop_in_a_signal_handler_ends_a_wait(void **state) {
    waits(*state, "signal", -2);
}

static void breakloop_in_another_thread_ends_a_wait(void **state) {
    waits(*state, "other-thread", -2);
}

static void a_call_without_packets_returns_when_its_timeout_is_over(void **state) {
    waits(*state, "timeout", 0);
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
        PROCESS_TEST(packets_of_another_link_type_are_left_out_and_said_once),
        PROCESS_TEST(link_type_of_the_first_source_is_known_before_its_first_packet),
        PROCESS_TEST(drops_are_told_by_the_gaps_that_packets_carry),
        PROCESS_TEST(a_call_without_packets_returns_when_its_timeout_is_over),
        PROCESS_TEST(breakloop_in_a_signal_handler_ends_a_wait),
        PROCESS_TEST(breakloop_in_another_thread_ends_a_wait),
        PROCESS_TEST(each_breakloop_ends_one_call_and_loses_no_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
