/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs $FB_BUILD/tracegen and reads with libpcap what it wrote. The headers
 * are taken apart here by hand: the project's decoder is tested with this
 * generator, so it must not vouch for it.
 */
#include <fcntl.h>
#include <jansson.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/directory.h"

#define PATH_BYTES 512
#define ARGS_MAX 32

/* Twice the flows of any trace below, a power of two. */
#define FLOW_SLOTS (1u << 17)

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

static char *in_directory(void **state, const char *name, char path[PATH_BYTES]) {
    int n = snprintf(path, PATH_BYTES, "%s/%s", (const char *)*state, name);
    assert_in_range(n, 1, PATH_BYTES - 1);
    return path;
}

/* ---- running the generator ---- */

/*
 * Runs tracegen with the words of options (parted by single blanks) and
 * returns its exit status. Standard output and error go to files `out` and
 * `err` in the test's directory.
 */
static int run_tracegen(void **state, const char *options) {
    const char *build = getenv("FB_BUILD");
    char program[PATH_BYTES], out[PATH_BYTES], err[PATH_BYTES];
    char *args[ARGS_MAX] = {program};
    snprintf(program, sizeof program, "%s/tracegen", build != NULL ? build : "build");
    char *words = strdup(options);
    assert_non_null(words);
    unsigned count = 1;
    char *rest = words;
    for (char *word; (word = strsep(&rest, " ")) != NULL; count++) {
        assert_in_range(count, 1, ARGS_MAX - 2);
        args[count] = word;
    }
    posix_spawn_file_actions_t files;
    assert_int_equal(posix_spawn_file_actions_init(&files), 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, in_directory(state, "out", out),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, in_directory(state, "err", err),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid;
    int error = posix_spawn(&pid, program, &files, NULL, args, environ);
    posix_spawn_file_actions_destroy(&files);
    free(words);
    if (error != 0)
        fail_msg("%s: %s; set FB_BUILD to where tracegen is", program, strerror(error));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Writes the trace `name` and expects success in silence. */
static void make_trace(void **state, const char *name, const char *options) {
    char words[2 * PATH_BYTES], path[PATH_BYTES];
    snprintf(words, sizeof words, "-o %s%s%s", in_directory(state, name, path),
             *options != '\0' ? " " : "", options);
    assert_int_equal(run_tracegen(state, words), 0);
    FILE *err = fopen(in_directory(state, "err", path), "r");
    assert_non_null(err);
    assert_int_equal(fgetc(err), EOF);
    fclose(err);
}

/* FNV-1a over the file `name`; stores its length. */
static uint64_t hash_file(void **state, const char *name, uint64_t *bytes) {
    char path[PATH_BYTES];
    FILE *file = fopen(in_directory(state, name, path), "rb");
    assert_non_null(file);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    *bytes = 0;
    for (int c; (c = fgetc(file)) != EOF; ++*bytes)
        hash = (hash ^ (uint64_t)c) * UINT64_C(0x100000001b3);
    fclose(file);
    return hash;
}

static void assert_one_line_with(void **state, const char *options, const char *value) {
    char path[PATH_BYTES], line[1024];
    FILE *err = fopen(in_directory(state, "err", path), "r");
    assert_non_null(err);
    if (fgets(line, sizeof line, err) == NULL)
        fail_msg("'%s': no line on standard error", options);
    if (strchr(line, '\n') == NULL || fgetc(err) != EOF)
        fail_msg("'%s': more than one line: %s", options, line);
    if (strstr(line, value) == NULL)
        fail_msg("'%s': '%s' is not in: %s", options, value, line);
    fclose(err);
}

/* ---- reading a trace ---- */

struct frame {
    const uint8_t *data;
    struct pcap_pkthdr header; /* tv_usec holds nanoseconds */
    bool vlan, ipv6, udp;
    unsigned tcp_flags;
    uint32_t seq, ack, payload_bytes;
    uint8_t sender[18]; /* address and port, IPv4 with zeros behind */
    uint8_t receiver[18];
};

static unsigned be16(const uint8_t *at) {
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t be32(const uint8_t *at) {
    return (uint32_t)be16(at) << 16 | be16(at + 2);
}

static uint32_t sum_be16(const uint8_t *at, uint32_t bytes) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i + 1 < bytes; i += 2)
        sum += be16(at + i);
    return bytes % 2 == 0 ? sum : sum + ((uint32_t)at[bytes - 1] << 8);
}

static void assert_sums_to_ones(uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    assert_int_equal(sum, 0xffff);
}

static void parse_transport(struct frame *f, const uint8_t *at, uint32_t length) {
    memcpy(f->sender + 16, at, 2);
    memcpy(f->receiver + 16, at + 2, 2);
    if (f->udp) {
        assert_int_equal(be16(at + 4), length);
        assert_int_not_equal(be16(at + 6), 0);
        f->payload_bytes = length - 8;
        return;
    }
    assert_int_equal(at[12] >> 4, 5);
    f->seq = be32(at + 4);
    f->ack = be32(at + 8);
    f->tcp_flags = at[13];
    f->payload_bytes = length - 20;
}

/* Fills the rest of f and asserts every length and checksum on the way. */
static void parse_frame(struct frame *f) {
    assert_int_equal(f->header.caplen, f->header.len);
    f->vlan = be16(f->data + 12) == 0x8100;
    const uint8_t *ip = f->data + (f->vlan ? 18 : 14);
    f->ipv6 = be16(ip - 2) == 0x86dd;
    uint32_t header_bytes = f->ipv6 ? 40 : 20;
    uint32_t address_bytes = f->ipv6 ? 16 : 4;
    const uint8_t *addresses = ip + header_bytes - 2 * address_bytes;
    uint32_t length = be16(ip + (f->ipv6 ? 4 : 2));
    unsigned proto = ip[f->ipv6 ? 6 : 9];
    if (f->ipv6) {
        assert_int_equal(ip[0], 0x60);
    } else {
        assert_int_equal(be16(ip - 2), 0x0800);
        assert_int_equal(ip[0], 0x45);
        assert_sums_to_ones(sum_be16(ip, header_bytes));
        length -= header_bytes;
    }
    assert_true(proto == 6 || proto == 17);
    const uint8_t *transport = ip + header_bytes;
    assert_true((uint32_t)(transport - f->data) + length <= f->header.caplen);
    assert_sums_to_ones(sum_be16(addresses, 2 * address_bytes) + sum_be16(transport, length) +
                        length + proto);
    f->udp = proto == 17;
    memset(f->sender, 0, sizeof f->sender);
    memset(f->receiver, 0, sizeof f->receiver);
    memcpy(f->sender, addresses, address_bytes);
    memcpy(f->receiver, addresses + address_bytes, address_bytes);
    parse_transport(f, transport, length);
}

/* Calls each(frame, context) for every frame of the trace `name`. */
static void for_each_frame(void **state, const char *name,
                           void (*each)(const struct frame *frame, void *context), void *context) {
    char path[PATH_BYTES], text[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(in_directory(state, name, path),
                                                           PCAP_TSTAMP_PRECISION_NANO, text);
    if (pcap == NULL)
        fail_msg("%s", text);
    assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
    struct pcap_pkthdr *header;
    struct frame frame;
    int result;
    while ((result = pcap_next_ex(pcap, &header, &frame.data)) == 1) {
        frame.header = *header;
        parse_frame(&frame);
        each(&frame, context);
    }
    assert_int_equal(result, PCAP_ERROR_BREAK);
    pcap_close(pcap);
}

/* ---- counting a trace, with every flow in a table ---- */

struct flow {
    bool used, udp, over;
    uint8_t client[18], server[18]; /* the client sent the first packet */
    uint8_t fins;                   /* bit per side */
    uint8_t syns;
    uint32_t next_seq[2];
    uint64_t packets;
};

struct tally {
    uint64_t packets, bytes, flows, tcp, udp, ipv4, ipv6, vlan, over, resets, largest;
    uint64_t changes; /* packets of another flow than the one before */
    uint32_t frame_min, frame_max;
    struct timeval first, last;
    const struct flow *previous;
    struct flow *table;
};

static struct flow *find_flow(struct tally *tally, const struct frame *f, unsigned *side) {
    uint64_t hash = f->udp;
    for (unsigned i = 0; i < 18; i++)
        hash += ((uint64_t)f->sender[i] * f->receiver[i] + f->sender[i] + f->receiver[i])
                << (3 * i % 48);
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t slot = (uint32_t)(hash >> 32);; slot++) {
        struct flow *flow = &tally->table[slot % FLOW_SLOTS];
        if (!flow->used) {
            assert_in_range(++tally->flows, 1, FLOW_SLOTS / 2);
            flow->used = true;
            flow->udp = f->udp;
            memcpy(flow->client, f->sender, 18);
            memcpy(flow->server, f->receiver, 18);
        }
        *side = memcmp(flow->client, f->sender, 18) != 0;
        const uint8_t *from = *side ? flow->server : flow->client;
        const uint8_t *to = *side ? flow->client : flow->server;
        if (flow->udp == f->udp && memcmp(from, f->sender, 18) == 0 &&
            memcmp(to, f->receiver, 18) == 0)
            return flow;
    }
}

/* First SYN, then SYN|ACK, then numbers without a gap; nothing after an RST or the last ACK. */
static void follow_connection(struct tally *tally, struct flow *flow, const struct frame *f,
                              unsigned side) {
    assert_false(flow->over);
    if (flow->packets == 0)
        assert_int_equal(f->tcp_flags, TCP_SYN);
    else if (flow->packets == 1)
        assert_int_equal(f->tcp_flags, TCP_SYN | TCP_ACK);
    else
        assert_false(f->tcp_flags & TCP_SYN);
    if (f->tcp_flags & TCP_SYN)
        assert_int_equal(flow->syns++, side);
    else
        assert_int_equal(f->seq, flow->next_seq[side]);
    if (f->tcp_flags & TCP_ACK)
        assert_int_equal(f->ack, flow->next_seq[side ^ 1]);
    bool numbered = f->tcp_flags & (TCP_SYN | TCP_FIN);
    flow->next_seq[side] = f->seq + f->payload_bytes + numbered;
    flow->over = flow->fins == 3 || f->tcp_flags & TCP_RST;
    if (f->tcp_flags & TCP_FIN)
        flow->fins |= (uint8_t)(1u << side);
    tally->over += flow->over;
    tally->resets += (f->tcp_flags & TCP_RST) != 0;
}

static void tally_frame(const struct frame *f, void *context) {
    struct tally *tally = context;
    unsigned side;
    struct flow *flow = find_flow(tally, f, &side);
    if (!f->udp)
        follow_connection(tally, flow, f, side);
    if (++flow->packets > tally->largest)
        tally->largest = flow->packets;
    if (tally->packets == 0)
        tally->first = f->header.ts;
    tally->last = f->header.ts;
    tally->changes += flow != tally->previous;
    tally->previous = flow;
    tally->packets++;
    tally->bytes += f->header.len;
    tally->tcp += !f->udp;
    tally->udp += f->udp;
    tally->ipv4 += !f->ipv6;
    tally->ipv6 += f->ipv6;
    tally->vlan += f->vlan;
    if (f->header.len < tally->frame_min)
        tally->frame_min = f->header.len;
    if (f->header.len > tally->frame_max)
        tally->frame_max = f->header.len;
}

static struct tally tally_trace(void **state, const char *options) {
    struct tally tally = {.frame_min = UINT32_MAX};
    tally.table = calloc(FLOW_SLOTS, sizeof *tally.table);
    assert_non_null(tally.table);
    make_trace(state, "trace.pcap", options);
    for_each_frame(state, "trace.pcap", tally_frame, &tally);
    free(tally.table);
    tally.table = NULL;
    return tally;
}

/* As tally_trace, with the summary, to be released by the caller. */
static struct tally tally_with_summary(void **state, const char *options, json_t **summary) {
    char words[2 * PATH_BYTES], path[PATH_BYTES];
    in_directory(state, "summary.json", path);
    snprintf(words, sizeof words, "--summary %s %s", path, options);
    struct tally tally = tally_trace(state, words);
    json_error_t error;
    *summary = json_load_file(path, 0, &error);
    if (*summary == NULL)
        fail_msg("summary: %s", error.text);
    return tally;
}

static uint64_t number(const json_t *summary, const char *name) {
    const json_t *value = json_object_get(summary, name);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

/* ---- the tests ---- */

static void same_seed_gives_same_bytes_and_another_seed_others(void **state) {
    const char *options = "--packets 20000 --flows 500 --ipv6 0.3 --seed 7";
    uint64_t bytes[3], hash[3];
    make_trace(state, "a.pcap", options);
    make_trace(state, "b.pcap", options);
    make_trace(state, "c.pcap", "--packets 20000 --flows 500 --ipv6 0.3 --seed 8");
    hash[0] = hash_file(state, "a.pcap", &bytes[0]);
    hash[1] = hash_file(state, "b.pcap", &bytes[1]);
    hash[2] = hash_file(state, "c.pcap", &bytes[2]);
    assert_int_equal(bytes[0], bytes[1]);
    assert_true(hash[0] == hash[1]);
    assert_true(hash[0] != hash[2]);
}

/* If this fails on a new machine, traces are not comparable; after a change meant, renew the
 * numbers. */
static void the_bytes_are_the_same_on_every_machine(void **state) {
    uint64_t bytes;
    make_trace(state, "trace.pcap",
               "--packets 5000 --flows 100 --ipv6 0.3 --udp 0.3 --vlan 0.1 --elephant 0.05"
               " --busy 0.1 --alpha 0.9 --seed 18446744073709551615");
    uint64_t hash = hash_file(state, "trace.pcap", &bytes);
    assert_int_equal(bytes, 3328557);
    assert_int_equal(hash, UINT64_C(0x4df5c4d02fe8ff90));
}

static void a_dash_writes_the_same_trace_to_standard_output(void **state) {
    uint64_t bytes[2];
    make_trace(state, "trace.pcap", "--packets 3000");
    assert_int_equal(run_tracegen(state, "-o - --packets 3000"), 0);
    assert_true(hash_file(state, "trace.pcap", &bytes[0]) == hash_file(state, "out", &bytes[1]));
    assert_int_equal(bytes[0], bytes[1]);
}

static void the_summary_counts_what_libpcap_reads(void **state) {
    static const char *const options[] = {
        "--packets 1",
        "--packets 100000 --flows 2000 --ipv6 0.3 --udp 0.4 --vlan 0.2",
        "--packets 100000 --flows 1000 --elephant 0.2 --size 300 --alpha 3",
        "--packets 50000 --flows 100 --udp 1 --ipv6 1",
    };
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
        json_t *summary;
        struct tally tally = tally_with_summary(state, options[i], &summary);
        assert_int_equal(number(summary, "packets"), tally.packets);
        assert_int_equal(number(summary, "bytes"), tally.bytes);
        assert_int_equal(number(summary, "flows"), tally.flows);
        assert_int_equal(number(summary, "tcp"), tally.tcp);
        assert_int_equal(number(summary, "udp"), tally.udp);
        assert_int_equal(number(summary, "ipv4"), tally.ipv4);
        assert_int_equal(number(summary, "ipv6"), tally.ipv6);
        json_decref(summary);
    }
}

/* tally_frame asserts the order within each connection and every checksum. */
static void connections_begin_with_syn_and_end_by_fin_or_rst(void **state) {
    json_t *summary;
    struct tally tally = tally_with_summary(
        state, "--packets 200000 --flows 3000 --ipv6 0.5 --vlan 0.5 --udp 0", &summary);
    assert_int_equal(tally.flows, tally.over + number(summary, "alive_at_end"));
    assert_in_range(tally.resets, tally.over / 10, tally.over / 6);
    json_decref(summary);
}

static void flows_alive_reach_the_number_asked_after_as_many_packets(void **state) {
    json_t *summary;
    struct tally tally = tally_with_summary(state, "--packets 52500 --flows 50000", &summary);
    assert_in_range(number(summary, "alive_at_end"), 49999, 50000);
    json_decref(summary);
    tally = tally_with_summary(state, "--packets 300000 --flows 20000", &summary);
    assert_in_range(number(summary, "alive_at_end"), 19999, 20000);
    assert_in_range(tally.changes, tally.packets * 99 / 100, tally.packets);
    json_decref(summary);
}

static void frames_have_the_size_asked(void **state) {
    static const struct {
        const char *options;
        uint32_t min, max;
    } cases[] = {
        {"--size 60", 60, 60},
        {"--size 60 --vlan 1", 60, 60},
        {"--size 61 --udp 1", 61, 61},
        {"--size 650 --ipv6 0.5", 650, 650},
        {"--size 1514 --ipv6 0.5 --vlan 0.5", 1514, 1514},
        {"--size mix", 60, 1514},
        /* Headers of 74 and 78 bytes and at least one byte of data. */
        {"--size 60 --ipv6 1 --udp 0", 74, 75},
        {"--size 60 --ipv6 1 --udp 0 --vlan 1", 78, 79},
        {"--size 60 --ipv6 1 --udp 1", 63, 63},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[PATH_BYTES];
        snprintf(words, sizeof words, "--packets 10000 --flows 100 %s", cases[i].options);
        struct tally tally = tally_trace(state, words);
        assert_int_equal(tally.frame_min, cases[i].min);
        assert_int_equal(tally.frame_max, cases[i].max);
    }
}

static void a_mix_has_650_bytes_on_average(void **state) {
    struct tally tally = tally_trace(state, "--packets 200000 --flows 10000 --size mix");
    assert_in_range(tally.bytes / tally.packets, 640, 660);
}

static void shares_are_kept(void **state) {
    struct tally tally = tally_trace(
        state, "--packets 200000 --flows 20000 --alpha 5 --ipv6 0.25 --udp 0.5 --vlan 0.1");
    assert_in_range(tally.ipv6 * 100 / tally.packets, 24, 26);
    assert_in_range(tally.vlan * 100 / tally.packets, 9, 11);
    assert_in_range(tally.udp * 100 / tally.packets, 5,
                    50); /* a share of flows, and UDP's are short */
    tally = tally_trace(state, "--packets 20000 --flows 200 --udp 1 --vlan 1");
    assert_int_equal(tally.tcp, 0);
    assert_int_equal(tally.vlan, tally.packets);
}

static void the_elephant_gets_its_share(void **state) {
    json_t *summary;
    struct tally tally = tally_with_summary(
        state, "--packets 300000 --flows 5000 --alpha 3 --elephant 0.3", &summary);
    assert_in_range(tally.largest, 300000 * 0.297, 300000 * 0.303);
    assert_int_equal(number(summary, "elephant_packets"), tally.largest);
    json_decref(summary);
    tally = tally_trace(state, "--packets 1000 --elephant 1");
    assert_int_equal(tally.flows, 1);
    tally = tally_with_summary(state, "--packets 1000", &summary);
    assert_int_equal(number(summary, "elephant_packets"), 0);
    json_decref(summary);
}

static void a_smaller_alpha_means_fewer_and_larger_flows(void **state) {
    struct tally light = tally_trace(state, "--packets 200000 --flows 1000 --busy 0.3 --alpha 3");
    struct tally heavy = tally_trace(state, "--packets 200000 --flows 1000 --busy 0.3 --alpha 0.8");
    assert_true(heavy.largest > 5 * light.largest);
    assert_true(heavy.flows < light.flows / 2);
}

static void large_flows_reach_their_size_only_if_busy(void **state) {
    struct tally alike = tally_trace(state, "--packets 200000 --flows 10000");
    struct tally busy = tally_trace(state, "--packets 200000 --flows 10000 --busy 0.5");
    assert_in_range(alike.largest, 20, 60);
    assert_in_range(busy.largest, 1000, 100000);
}

static void stamps_follow_rate_and_start(void **state) {
    struct tally tally = tally_trace(state, "--packets 10 --rate 3 --start 1000");
    assert_int_equal(tally.first.tv_sec, 1000);
    assert_int_equal(tally.first.tv_usec, 0);
    assert_int_equal(tally.last.tv_sec, 1003);
    assert_int_equal(tally.last.tv_usec, 0);
    tally = tally_trace(state, "--packets 3 --rate 3 --start 4294967295");
    assert_int_equal(tally.last.tv_usec, 666666666);
    tally = tally_trace(state, "--packets 3 --rate 1000000000");
    assert_int_equal(tally.last.tv_usec, 2);
}

static void bad_values_are_refused_in_one_line(void **state) {
    static const struct {
        const char *options, *value;
    } cases[] = {
        {"--packets 10", "-o FILE"},
        {"-o", "-o"},
        {"-o - stray", "stray"},
        {"-o - --bogus", "--bogus"},
        {"-o - --packets", "--packets"},
        {"-o - --packets 0", "--packets '0'"},
        {"-o - --packets -1", "--packets '-1'"},
        {"-o - --packets 4294967296", "4294967296"},
        {"-o - --packets 1e6", "1e6"},
        {"-o - --flows 0", "--flows '0'"},
        {"-o - --flows 4194305", "4194305"},
        {"-o - --busy 1.01", "1.01"},
        {"-o - --size 59", "59"},
        {"-o - --size 1515", "1515"},
        {"-o - --size mixed", "mixed"},
        {"-o - --seed 18446744073709551616", "18446744073709551616"},
        {"-o - --alpha 0.29", "0.29"},
        {"-o - --alpha 10.1", "10.1"},
        {"-o - --alpha nan", "nan"},
        {"-o - --elephant 1.1", "1.1"},
        {"-o - --elephant -0.1", "-0.1"},
        {"-o - --ipv6 .", "--ipv6 '.'"},
        {"-o - --udp 0.1.2", "0.1.2"},
        {"-o - --vlan 50%", "50%"},
        {"-o - --rate 0", "--rate '0'"},
        {"-o - --rate 1000000001", "1000000001"},
        {"-o - --start 4294967296", "4294967296"},
        {"-o - --packets 2 --rate 1 --start 4294967295", "4294967296 s"},
        {"-o - --summary=", "--summary ''"},
        {"--output=", "--output ''"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = run_tracegen(state, cases[i].options);
        if (status != 2)
            fail_msg("'%s': exit %d", cases[i].options, status);
        uint64_t bytes;
        hash_file(state, "out", &bytes);
        assert_int_equal(bytes, 0);
        assert_one_line_with(state, cases[i].options, cases[i].value);
    }
}

static void what_cannot_be_written_is_an_error_in_one_line(void **state) {
    static const struct {
        const char *options, *value;
    } cases[] = {
        {"-o /nonexistent/trace.pcap", "/nonexistent/trace.pcap"},
        {"-o /dev/full", "/dev/full"},
        {"-o /dev/null --packets 10 --summary /nonexistent/s.json", "/nonexistent/s.json"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(run_tracegen(state, cases[i].options), 1);
        assert_one_line_with(state, cases[i].options, cases[i].value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_values_are_refused_in_one_line),
        cmocka_unit_test(what_cannot_be_written_is_an_error_in_one_line),
        cmocka_unit_test(same_seed_gives_same_bytes_and_another_seed_others),
        cmocka_unit_test(the_bytes_are_the_same_on_every_machine),
        cmocka_unit_test(a_dash_writes_the_same_trace_to_standard_output),
        cmocka_unit_test(the_summary_counts_what_libpcap_reads),
        cmocka_unit_test(connections_begin_with_syn_and_end_by_fin_or_rst),
        cmocka_unit_test(flows_alive_reach_the_number_asked_after_as_many_packets),
        cmocka_unit_test(frames_have_the_size_asked),
        cmocka_unit_test(a_mix_has_650_bytes_on_average),
        cmocka_unit_test(shares_are_kept),
        cmocka_unit_test(the_elephant_gets_its_share),
        cmocka_unit_test(a_smaller_alpha_means_fewer_and_larger_flows),
        cmocka_unit_test(large_flows_reach_their_size_only_if_busy),
        cmocka_unit_test(stamps_follow_rate_and_start),
    };
    return cmocka_run_group_tests(tests, directory_set_up, directory_tear_down);
}
