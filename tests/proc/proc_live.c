/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs on live interfaces: what is sent on one end of a virtual line is
 * captured at the other, and every frame is found again, in the counter where
 * it belongs. No one else sends there, so all counts are exact.
 */
#include "tests/lib/life.h"
#include "tests/lib/live.h"
#include "tests/lib/netns.h"

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALL_NEVER "--timeout all=never "

static void make_trace(struct test *t, unsigned packets) {
    assert_int_equal(process_run(t,
                                 "tracegen -o t.pcap --packets %u --flows 500 --ipv6 0.3 "
                                 "--vlan 0.1",
                                 packets),
                     EXIT_DONE);
}

/* Sends a capture as fast as it goes; returns how many frames arrived. */
static json_int_t send_file(struct test *t, const char *file) {
    json_int_t before = arrived_at("tap");
    json_int_t sent = netns_replayed(t, netns_replay(t, "sender", "--topspeed", file));
    json_int_t arrived = arrived_at("tap") - before;
    assert_in_range(arrived, 1, sent);
    return arrived;
}

/* The same; all that were sent arrived. */
static json_int_t send_whole_file(struct test *t, const char *file) {
    json_int_t sent = netns_replayed(t, netns_replay(t, "sender", "--topspeed", file));
    netns_need_whole_line(sent, arrived_at("tap"));
    return sent;
}

/* ---- as from the file */

/* Captures that others made: any that are there are sent. All of Ethernet, none cut short. */
static const char *const captures[] = {
    "pcpp__many-protocols.pcap",
    "ndpi__teams.pcap",
    "ndpi__zoom.pcap",
    "ndpi__dnscrypt-v1-and-resolver-pings.pcap",
    "mercury__emix.pcap",
    "tcpdump__afs.pcap",
    "libtrace__vlan.pcap",
    "zeek__gtp1_gn_normal_incl_fragmentation.pcap",
    "zeek__mpls-6in6-broken.pcap",
    "mercury__pppoe_double_vlan_tagging.pcap",
    "arkime__arkime_synthetic.pcap",
};

/* Appends the frames of a capture, all stamped with times of now: no more passes between them in
 * the file than on the line, so that nothing is over in one and not in the other. */
static void append_capture(pcap_dumper_t *to, const char *path, uint64_t *time_ns) {
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *data;
    pcap_t *from = pcap_open_offline(path, error);
    if (from == NULL)
        fail_msg("%s: %s", path, error);
    assert_int_equal(pcap_datalink(from), DLT_EN10MB);
    while (pcap_next_ex(from, &header, &data) == 1) {
        assert_int_equal(header->caplen, header->len);
        header->ts = (struct timeval){.tv_sec = (time_t)(*time_ns / 1000000000),
                                      .tv_usec = (suseconds_t)(*time_ns % 1000000000)};
        *time_ns += 1000;
        pcap_dump((u_char *)to, header, data);
    }
    pcap_close(from);
}

/* The trace and all captures that are there as one, all.pcap. */
static void join_captures(struct test *t) {
    const char *given = getenv("FB_CAPTURES");
    char *directory = realpath(given != NULL ? given : "../shared/captures", NULL);
    uint64_t time_ns = UINT64_C(1700000000000000000);
    pcap_t *dead = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 1 << 18, 1);
    pcap_dumper_t *all = pcap_dump_open(dead, file_in(t, "all.pcap"));
    assert_non_null(all);
    append_capture(all, file_in(t, "t.pcap"), &time_ns);
    for (unsigned i = 0; directory != NULL && i < sizeof captures / sizeof *captures; i++) {
        char path[2 * PROCESS_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, captures[i]);
        if (access(path, R_OK) == 0)
            append_capture(all, path, &time_ns);
        else
            print_message("%s is not there\n", path);
    }
    if (directory == NULL)
        print_message("no captures: set FB_CAPTURES to their folder; a generated trace is sent\n");
    pcap_dump_close(all);
    pcap_close(dead);
    free(directory);
}

/* Calls each flow by its first frame, which two runs of the same frames have in common. */
static void name_flows_by_first_frame(struct records *r) {
    records_by_flow_and_frame(r);
    uint64_t flow = 0, first = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct record *row = &r->rows[i];
        if (i == 0 || row->flow != flow) {
            flow = row->flow;
            first = row->frame;
        }
        row->flow = first;
    }
    records_by_frame(r);
}

static void read_run(struct records *r, const struct test *t, const char *name, uint64_t frames) {
    records_read(r, file_in(t, name));
    expect_frames_once(r, frames);
    expect_flows_in_order(r, false);
    name_flows_by_first_frame(r);
}

/* Both runs put the same frames into the same flows; which worker has a flow may differ. */
static void expect_same_flows(struct test *t, const char *one, const char *other, uint64_t frames) {
    struct records a, b;
    read_run(&a, t, one, frames);
    read_run(&b, t, other, frames);
    for (size_t i = 0; i < frames; i++) {
        const struct record *x = &a.rows[i], *y = &b.rows[i];
        if (x->flow != y->flow || x->seq != y->seq || x->id != y->id || x->dir != y->dir ||
            x->flags != y->flags)
            fail_msg("frame %zu: in %s of the flow of frame %u, sequence %u, flags %#x; in %s of "
                     "that of frame %u, sequence %u, flags %#x",
                     i + 1, one, (unsigned)x->flow, x->seq, x->flags, other, (unsigned)y->flow,
                     y->seq, y->flags);
    }
    records_free(&a);
    records_free(&b);
}

static void what_is_sent_is_inspected_as_from_the_file(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    make_trace(t, 10000);
    join_captures(t);
    start_live(t, &live, WORKERS, "record:file", ALL_NEVER "-r all.pcap");
    process_expect(t, live.dispatcher, EXIT_DONE);
    json_int_t frames = number_at(report_of(t, "out.json"), "ledger.inspected");

    start_live(t, &live, WORKERS, "record:live", ALL_NEVER "-i tap -B 65536");
    await_running(t);
    json_int_t sent = send_whole_file(t, "all.pcap");
    await_accounted(t, sent);
    expect_none_lost(end_live(t, &live), sent);
    assert_int_equal(sent, frames);
    expect_same_flows(t, "file", "live", (uint64_t)frames);
}

/* ---- drops */

static void signal_workers(const struct live *live, int signo) {
    for (unsigned k = 0; k < live->count; k++)
        process_signal(live->workers[k], signo);
}

/* Each row once, and each hole within a flow told. Returns how many packets are in the holes. */
static uint64_t holes_of(struct test *t, json_int_t inspected_packets) {
    struct records records;
    records_read(&records, file_in(t, "rec"));
    assert_int_equal(records.count, inspected_packets);
    uint64_t holes = expect_flows_in_order(&records, true);
    records_free(&records);
    return holes;
}

/*
 * Three bursts: into the rings of stopped workers; into the kernel's buffer
 * before a stopped dispatcher; at full speed before slow workers, whose flows
 * are then told what they lost. The kernel's counters tell no more than two things
 * apart, taken into the buffer and dropped for want of room in it, both exactly:
 * received is their sum (TPACKET_V3, and libpcap passes over no frame here).
 */
static void every_drop_is_in_its_own_line(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    make_trace(t, 10000);
    start_live(t, &live, WORKERS, "fault:rec,slow=100@%10",
               ALL_NEVER "-i tap -B 64 --ring-depth 64 --hang never");
    await_running(t);
    signal_workers(&live, SIGSTOP);
    json_int_t sent = 0;
    do { /* a dispatcher without a core may lose all of a burst but a few in the kernel */
        sent += send_file(t, "t.pcap");
        await_accounted(t, sent);
    } while (number_at(t->report, "ledger.dropped.ring_full") == 0);
    process_signal(live.dispatcher, SIGSTOP);
    sent += send_file(t, "t.pcap");
    process_signal(live.dispatcher, SIGCONT);
    await_accounted(t, sent);
    assert_true(number_at(t->report, "capture.kernel_drops") > 0);
    signal_workers(&live, SIGCONT);
    UNTIL(t, stat_number(t, t->name, "ledger.in_flight") == 0);
    sent += send_file(t, "t.pcap");
    await_accounted(t, sent);

    const json_t *report = end_live(t, &live);
    json_int_t received = number_at(report, "ledger.received");
    json_int_t ring_full = number_at(report, "ledger.dropped.ring_full");
    expect_balanced(report);
    expect_number(report, "capture.received", sent);
    expect_number(report, "capture.kernel_drops", sent - received);
    expect_number(report, "capture.interface_drops", 0);
    expect_number(report, "ledger.inspected", received - ring_full);
    expect_drops_logged(t, live.dispatcher, report);
    assert_in_range(holes_of(t, received - ring_full), 1, (uint64_t)ring_full);
}

static void in_block_mode_the_kernel_keeps_what_the_rings_cannot(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    make_trace(t, 10000);
    start_live(t, &live, 2, "record:rec",
               ALL_NEVER "-i tap -B 65536 --ring-depth 64 --on-full block --hang never");
    await_running(t);
    process_signal(live.workers[0], SIGSTOP);
    json_int_t sent = send_whole_file(t, "t.pcap");
    UNTIL(t, stat_number(t, t->name, "capture.received") == sent);
    assert_true(number_at(t->report, "ledger.received") < sent);
    process_signal(live.workers[0], SIGCONT);
    await_accounted(t, sent);
    expect_none_lost(end_live(t, &live), sent);
    expect_recorded(t, (uint64_t)sent, 0);
}

/* ---- large segments */

#define SEGMENT_HEADERS 54u           /* Ethernet, IPv4, TCP */
#define SEGMENT_MAX (NETNS_MTU + 14u) /* IPv4 has 16 bits for its length */

/* A TCP segment that no line would carry whole, and what virtio calls it: to be cut later. */
struct segment {
    struct virtio_net_hdr offload;
    uint8_t bytes[SEGMENT_MAX];
};

static const char segment_headers[SEGMENT_HEADERS + 1] =
    "\x02\0\0\0\0\x0b\x02\0\0\0\0\x0a\x08\0"                      /* Ethernet */
    "\x45\0\0\0\0\x01\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"    /* 10.0.0.1 to 10.0.0.2 */
    "\x30\x39\0\x50\0\0\0\x01\0\0\0\x01\x50\x10\xff\xff\0\0\0\0"; /* TCP to port 80 */

static void fill_segment(struct segment *segment, size_t size) {
    segment->offload = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                               .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                               .hdr_len = SEGMENT_HEADERS,
                                               .gso_size = 1448,
                                               .csum_start = 34,
                                               .csum_offset = 16};
    memcpy(segment->bytes, segment_headers, SEGMENT_HEADERS);
    segment->bytes[16] = (uint8_t)((size - 14) >> 8); /* length of the IP packet */
    segment->bytes[17] = (uint8_t)(size - 14);
    for (size_t i = SEGMENT_HEADERS; i < size; i++)
        segment->bytes[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + size);
}

/* The next packet that the worker copied is this one; with offload its checksum is unfinished. */
static void expect_copied(FILE *packets, const struct segment *wanted, size_t size) {
    static uint8_t found[SEGMENT_MAX];
    uint32_t length;
    assert_int_equal(fread(&length, sizeof length, 1, packets), 1);
    assert_int_equal(length, size);
    assert_int_equal(fread(found, 1, length, packets), length);
    memcpy(found + 50, wanted->bytes + 50, 2);
    assert_memory_equal(found, wanted->bytes, size);
}

static void segments_of_offload_arrive_whole(void **state) {
    /* One as a jumbo frame, the others by offload: of 64 KB and more the kernel cuts these up. */
    static const size_t sizes[] = {SEGMENT_MAX, 1514, 1515, 9014, 32768, 65535};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    static struct segment segment;
    struct test *t = *state;
    struct live live;
    make_line();
    start_live(t, &live, 1, "fault:rec,copy@%1", ALL_NEVER "-i tap -B 8192");
    await_running(t);
    int sender = netns_sender("sender");
    fill_segment(&segment, sizes[0]);
    netns_send(sender, segment.bytes, sizes[0]);
    NETNS_IP("link set dev sender mtu 1500");
    assert_int_equal(setsockopt(sender, SOL_PACKET, PACKET_VNET_HDR, &(int){1}, sizeof(int)), 0);
    for (unsigned i = 1; i < SIZES; i++) {
        fill_segment(&segment, sizes[i]);
        netns_send(sender, &segment, sizeof segment.offload + sizes[i]);
    }
    close(sender);
    await_accounted(t, SIZES);
    expect_none_lost(end_live(t, &live), SIZES);
    expect_number(t->report, "flows.created", 1);
    FILE *packets = fopen(file_in(t, "rec/packets"), "re");
    assert_non_null(packets);
    for (unsigned i = 0; i < SIZES; i++) {
        fill_segment(&segment, sizes[i]);
        expect_copied(packets, &segment, sizes[i]);
    }
    fclose(packets);
}

/* ---- workers and the end */

static void a_worker_killed_in_mid_replay_costs_one_packet_twice_at_most(void **state) {
    struct test *t = *state;
    pid_t killed = 0;
    make_line();
    make_trace(t, 20000);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -w 4 -i tap -B 65536 --ring-depth 20000 " ALL_NEVER
                         "--failover never --inspector record:rec --report out.json");
    await_running(t);
    struct process *replay = netns_replay(t, "sender", "--pps=20000", "t.pcap");
    UNTIL(t, inspected(t) >= 1000 && (killed = ready_pid(t, 1)) != 0);
    assert_int_equal(kill(killed, SIGKILL), 0);
    UNTIL(t, is_back(t, 1, killed));
    json_int_t sent = netns_replayed(t, replay);
    netns_need_whole_line(sent, arrived_at("tap"));
    await_accounted(t, sent);
    if (number_at(t->report, "capture.kernel_drops") != 0)
        SKIP("the dispatcher had no core for as long as the kernel's buffer lasts");
    UNTIL(t, inspected(t) >= sent);
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", sent);
    expect_number(report, "capture.kernel_drops", 0);
    assert_in_range(number_at(report, "redelivered"), 0, 1);
    expect_recorded(t, (uint64_t)sent, 1);
}

static bool is_stopping(struct test *t) {
    const json_t *report = stat_of(t, t->name);
    return report != NULL && strcmp(text_at(report, "dispatcher.state"), "stopping") == 0;
}

static json_int_t sent_so_far(void) {
    return (json_int_t)netns_counts_of("sender").tx_packets;
}

/* The run is what came before the stop, which comes while a full ring is waited for: the flood goes
 * on and is none of it. */
static void a_stop_in_mid_flood_drains_and_counts_no_further(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    make_trace(t, 10000);
    start_live(t, &live, 2, "record:rec",
               ALL_NEVER "-i tap -B 1024 --ring-depth 64 --on-full block --hang never");
    await_running(t);
    struct process *flood = netns_replay(t, "sender", "--topspeed --loop=0", "t.pcap");
    UNTIL(t, inspected(t) >= 5000);
    process_signal(live.workers[0], SIGSTOP);
    UNTIL(t, stat_of(t, t->name) != NULL && number_at(t->report, "workers.0.backlog") >= 64);
    process_signal(live.dispatcher, SIGTERM);
    UNTIL(t, is_stopping(t));
    json_int_t sent = sent_so_far();
    UNTIL(t, sent_so_far() >= sent + 20000);
    process_signal(live.workers[0], SIGCONT);
    process_expect(t, live.dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < live.count; k++)
        process_expect(t, live.workers[k], EXIT_DONE);
    assert_false(process_ended(t, flood));
    process_signal(flood, SIGTERM);
    process_wait(t, flood);
    const json_t *report = report_of(t, "out.json");
    expect_ledger_balanced(report);
    json_int_t received = number_at(report, "capture.received");
    assert_in_range(received, 1, sent);
    expect_number(report, "ledger.dropped.abandoned", 0);
    assert_true(received >=
                number_at(report, "ledger.received") + number_at(report, "capture.kernel_drops"));
    holes_of(t, number_at(report, "ledger.inspected"));
}

/* ---- quiet lines, several lines */

static void flows_of_a_line_that_went_quiet_expire(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    make_trace(t, 2000);
    start_live(t, &live, 2, "count", "--timeout all=1 -i tap -B 65536");
    await_running(t);
    json_int_t sent = send_file(t, "t.pcap");
    await_accounted(t, sent);
    UNTIL(t, stat_number(t, t->name, "flows.active") == 0 &&
                 number_at(t->report, "flows.created") > 0);
    assert_string_equal(text_at(t->report, "dispatcher.state"), "running");
    json_int_t flows = number_at(t->report, "flows.created");
    UNTIL(t, sum_of_workers(stat_of(t, t->name), "self_flow_ends") == flows);
    expect_none_lost(end_live(t, &live), sent);
    assert_int_equal(number_at(t->report, "flows.ended.timed_out") +
                         number_at(t->report, "flows.ended.closed"),
                     flows);
}

/* Sends the frames of a trace in turn on two lines, so that most flows are on both. */
static json_int_t send_on_both(struct test *t, const char *one, const char *other) {
    const int senders[] = {netns_sender(one), netns_sender(other)};
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *data;
    json_int_t sent = 0;
    pcap_t *trace = pcap_open_offline(file_in(t, "t.pcap"), error);
    assert_non_null(trace);
    while (pcap_next_ex(trace, &header, &data) == 1)
        netns_send(senders[sent++ % 2], data, header->caplen);
    pcap_close(trace);
    close(senders[0]);
    close(senders[1]);
    return sent;
}

static void two_lines_are_one_traffic(void **state) {
    struct test *t = *state;
    struct live live;
    struct trace trace;
    struct records records;
    make_line();
    netns_veth("sender2", "tap2");
    make_trace(t, 4000);
    start_live(t, &live, WORKERS, "record:rec", ALL_NEVER "-i tap -i tap2 -B 65536");
    await_running(t);
    json_int_t sent = send_on_both(t, "sender", "sender2");
    netns_need_whole_line(sent, arrived_at("tap") + arrived_at("tap2"));
    await_accounted(t, sent);
    expect_none_lost(end_live(t, &live), sent);
    assert_int_equal(arrived_at("tap"), sent / 2);
    trace_read(&trace, file_in(t, "t.pcap"));
    records_read(&records, file_in(t, "rec"));
    expect_number(t->report, "flows.created", trace.tuple_count);
    expect_frames_once(&records, (uint64_t)sent);
    expect_flows_in_order(&records, false);
    records_free(&records);
    trace_free(&trace);
}

/* They wait for a line that is quiet, for ten seconds; the stop comes before. */
static void what_the_merge_window_holds_is_inspected_at_the_stop(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    netns_veth("sender2", "tap2");
    make_trace(t, 200);
    start_live(t, &live, 2, "record:rec",
               ALL_NEVER "-i tap -i tap2 -B 65536 --merge-window 10000000");
    await_running(t);
    json_int_t sent = send_whole_file(t, "t.pcap");
    UNTIL(t, stat_number(t, t->name, "capture.received") == sent);
    await_snapshots(t, 5);
    expect_none_lost(end_live(t, &live), sent);
    expect_recorded(t, (uint64_t)sent, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(what_is_sent_is_inspected_as_from_the_file),
        PROCESS_TEST(every_drop_is_in_its_own_line),
        PROCESS_TEST(in_block_mode_the_kernel_keeps_what_the_rings_cannot),
        PROCESS_TEST(segments_of_offload_arrive_whole),
        PROCESS_TEST(a_worker_killed_in_mid_replay_costs_one_packet_twice_at_most),
        PROCESS_TEST(a_stop_in_mid_flood_drains_and_counts_no_further),
        PROCESS_TEST(flows_of_a_line_that_went_quiet_expire),
        PROCESS_TEST(two_lines_are_one_traffic),
        PROCESS_TEST(what_the_merge_window_holds_is_inspected_at_the_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
