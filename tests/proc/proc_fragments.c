/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fragments through the real programs: captures that others made, as they
 * are, shuffled, doubled and mixed; and datagrams cut up here, in every order
 * of up to four fragments. Which datagram a frame is of is found out here, with
 * no help of the decoder.
 *
 * Judged is a datagram whose first fragments, if there are several, are alike:
 * all of it on one worker in one flow. Where an identification was used again
 * for other bytes, which fragments belong together is for the time between them
 * to say; of those only that each frame comes once, and in order.
 */
#include "tests/lib/process.h"
#include "tests/lib/random.h"
#include "tests/lib/records.h"

#include <dirent.h>
#include <pcap/pcap.h>
#include <unistd.h>

#define IDENTITY_BYTES 40u
#define NO_GROUP UINT32_MAX

struct shot {
    const uint8_t *bytes;
    uint32_t caplen, wirelen;
    uint64_t time_us;
    uint32_t group; /* the datagram, or NO_GROUP */
    bool first;     /* its first fragment */
    uint32_t tag;   /* of datagrams cut up here: the port */
    const uint8_t *payload;
    uint32_t payload_bytes;
    uint8_t identity[IDENTITY_BYTES];
};

/* A trace in the making: frame n is shots[n - 1]. */
struct trace_of {
    struct shot *shots;
    uint32_t count, room;
};

/* A datagram. */
struct group {
    uint32_t fragments;
    uint32_t first; /* frame number of its first fragment to come; 0: none comes */
    bool ambiguous; /* several datagrams, or one that overlaps itself */
};

/* ---- taking frames apart */

static unsigned be16(const uint8_t *p) {
    return (unsigned)p[0] << 8 | p[1];
}

static void note_payload(struct shot *s, const uint8_t *from, uint32_t ip_bytes) {
    const uint8_t *end = s->bytes + s->caplen;
    s->payload = from;
    s->payload_bytes = (uint32_t)(end - from);
    if (ip_bytes < s->payload_bytes)
        s->payload_bytes = ip_bytes;
}

static bool identify4(struct shot *s, const uint8_t *h, uint32_t there) {
    uint32_t header = (h[0] & 15u) * 4, total = there < 20 ? 0 : be16(h + 2);
    if (there < 20 || header < 20 || header > there || (total != 0 && total < header))
        return false;
    if ((be16(h + 6) & 0x3fff) == 0)
        return false;
    s->first = (be16(h + 6) & 0x1fff) == 0;
    s->identity[0] = 4;
    s->identity[1] = h[9];
    memcpy(s->identity + 2, h + 12, 8);
    memcpy(s->identity + 10, h + 4, 2);
    note_payload(s, h + header, total == 0 ? there : total - header);
    return true;
}

static bool identify6(struct shot *s, const uint8_t *h, uint32_t there) {
    uint32_t at = 40;
    unsigned next = there < 40 ? 59 : h[6];
    while ((next == 0 || next == 43 || next == 60) && at + 8 <= there) {
        next = h[at];
        at += (h[at + 1] + 1u) * 8;
    }
    if (next != 44 || at + 8 > there || (be16(h + at + 2) & 0xfff9) == 0)
        return false;
    s->first = (be16(h + at + 2) & 0xfff8) == 0;
    s->identity[0] = 6;
    memcpy(s->identity + 2, h + 8, 32);
    memcpy(s->identity + 34, h + at + 4, 4);
    note_payload(s, h + at + 8, 40 + be16(h + 4) - at - 8);
    return true;
}

/* Whether it is a fragment, over Ethernet with any number of tags; fills what tells of which. */
static bool identify(struct shot *s) {
    uint32_t at = 12;
    while (at + 6 <= s->caplen && (be16(s->bytes + at) == 0x8100 || be16(s->bytes + at) == 0x88a8))
        at += 4;
    if (at + 3 > s->caplen)
        return false;
    unsigned version = s->bytes[at + 2] >> 4, type = be16(s->bytes + at);
    if (type == 0x0800 && version == 4)
        return identify4(s, s->bytes + at + 2, s->caplen - at - 2);
    return type == 0x86dd && version == 6 && identify6(s, s->bytes + at + 2, s->caplen - at - 2);
}

/* ---- traces */

static void add_shot(struct trace_of *trace, struct shot shot) {
    if (trace->count == trace->room) {
        trace->room = trace->room == 0 ? 1024 : 2 * trace->room;
        trace->shots = realloc(trace->shots, trace->room * sizeof *trace->shots);
        assert_non_null(trace->shots);
    }
    trace->shots[trace->count++] = shot;
}

static void add_bytes(struct trace_of *trace, const void *bytes, uint32_t caplen, uint32_t wirelen,
                      uint64_t time_us) {
    uint8_t *copy = malloc(caplen + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, caplen);
    add_shot(trace, (struct shot){
                        .bytes = copy, .caplen = caplen, .wirelen = wirelen, .time_us = time_us});
}

static void free_frames(struct trace_of *trace) {
    for (uint32_t i = 0; i < trace->count; i++)
        free((void *)(uintptr_t)trace->shots[i].bytes);
    free(trace->shots);
}

static int by_identity(const void *left, const void *right) {
    const struct shot *a = *(struct shot *const *)left, *b = *(struct shot *const *)right;
    int order = memcmp(a->identity, b->identity, sizeof a->identity);
    return order != 0 ? order : a < b ? -1 : a > b;
}

/* Those of frames that are whole stay apart from each other: they are of no datagram here. */
static uint32_t find_groups(struct trace_of *trace) {
    struct shot **fragments = calloc(trace->count, sizeof *fragments);
    uint32_t n = 0, groups = 0;
    assert_non_null(fragments);
    for (uint32_t i = 0; i < trace->count; i++) {
        trace->shots[i].group = NO_GROUP;
        if (identify(&trace->shots[i]))
            fragments[n++] = &trace->shots[i];
    }
    qsort(fragments, n, sizeof(struct shot *), by_identity);
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 ||
            memcmp(fragments[i - 1]->identity, fragments[i]->identity, IDENTITY_BYTES) != 0)
            groups++;
        fragments[i]->group = groups - 1;
    }
    free(fragments);
    return groups;
}

static bool alike(const struct shot *a, const struct shot *b) {
    return a->payload_bytes == b->payload_bytes &&
           memcmp(a->payload, b->payload, a->payload_bytes) == 0;
}

static struct group *describe_groups(const struct trace_of *trace, uint32_t count) {
    struct group *groups = calloc(count + 1, sizeof *groups);
    assert_non_null(groups);
    for (uint32_t i = 0; i < trace->count; i++) {
        const struct shot *s = &trace->shots[i];
        if (s->group == NO_GROUP)
            continue;
        struct group *g = &groups[s->group];
        g->fragments++;
        if (!s->first)
            continue;
        if (g->first == 0)
            g->first = i + 1;
        g->ambiguous |= !alike(s, &trace->shots[g->first - 1]);
    }
    return groups;
}

static void write_trace(const struct trace_of *trace, const char *path) {
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 262144);
    pcap_dumper_t *dump = pcap_dump_open(dead, path);
    assert_non_null(dump);
    for (uint32_t i = 0; i < trace->count; i++) {
        const struct shot *s = &trace->shots[i];
        struct pcap_pkthdr header = {.caplen = s->caplen, .len = s->wirelen};
        header.ts.tv_sec = (time_t)(s->time_us / 1000000);
        header.ts.tv_usec = (suseconds_t)(s->time_us % 1000000);
        pcap_dump((u_char *)dump, &header, s->bytes);
    }
    assert_int_equal(pcap_dump_flush(dump), 0);
    pcap_dump_close(dump);
    pcap_close(dead);
}

/* Frames in a new order have come within a second, so that nothing is over by time. */
static void restamp(struct trace_of *trace) {
    for (uint32_t i = 0; i < trace->count; i++)
        trace->shots[i].time_us = UINT64_C(1700000000000000) + i;
}

static void shuffle(struct random *random, struct trace_of *trace) {
    for (uint32_t i = trace->count; i > 1; i--) {
        uint32_t other = random_below(random, i);
        struct shot kept = trace->shots[i - 1];
        trace->shots[i - 1] = trace->shots[other];
        trace->shots[other] = kept;
    }
    restamp(trace);
}

/* The frames of all traces, each in its own order, dealt at random. */
static struct trace_of deal(struct random *random, const struct trace_of *from, uint32_t count) {
    struct trace_of mixed = {.shots = NULL};
    uint32_t *taken = calloc(count, sizeof *taken);
    uint64_t left = 0;
    assert_non_null(taken);
    for (uint32_t i = 0; i < count; i++)
        left += from[i].count;
    for (; left != 0; left--) {
        uint64_t at = random_word(random) % left;
        uint32_t i = 0;
        for (; at >= from[i].count - taken[i]; i++)
            at -= from[i].count - taken[i];
        add_shot(&mixed, from[i].shots[taken[i]++]);
    }
    free(taken);
    restamp(&mixed);
    return mixed;
}

/* ---- runs */

static const json_t *run(struct test *t, const char *path, unsigned workers) {
    struct process *dispatcher =
        process_start(t,
                      "flow-dispatcher -n @ -r %s -w %u --timeout all=never --ring-bytes 1M "
                      "--max-flows 100000 --fragment-frames 40000 --fragment-bytes 64M "
                      "--hugepages never --failover never --log-level error --report out.json",
                      path, workers);
    for (unsigned k = 0; k < workers; k++)
        process_start(t, "flow-worker -n @ -k %u --inspector record:rec --log-level error", k);
    process_expect(t, dispatcher, EXIT_DONE);
    for (unsigned i = 1; i < t->count; i++)
        process_expect(t, &t->processes[i], EXIT_DONE);
    processes_forget(t);
    return report_of(t, "out.json");
}

struct judge {
    const char *what;
    const struct trace_of *trace;
    const struct group *groups;
    uint32_t group_count;
    bool as_it_is; /* in its own time: what waits may be given up */
};

/* The rows stand by frame. */
static void expect_datagrams_whole(const struct judge *j, const struct records *r) {
    uint32_t *any = calloc(j->group_count + 1, sizeof *any);
    assert_non_null(any);
    for (uint32_t i = 0; i < j->trace->count; i++) {
        uint32_t g = j->trace->shots[i].group;
        if (g == NO_GROUP || j->groups[g].ambiguous)
            continue;
        if (any[g] == 0)
            any[g] = i + 1;
        const struct record *row = &r->rows[i], *other = &r->rows[any[g] - 1];
        if (row->worker != other->worker || row->flow != other->flow)
            fail_msg("%s: frames %u and %u of one datagram: workers %u and %u, flows %u and %u",
                     j->what, (unsigned)other->frame, (unsigned)row->frame, other->worker,
                     row->worker, (unsigned)other->flow, (unsigned)row->flow);
    }
    free(any);
}

/*
 * Row `at` is behind one that was captured later. So it had to wait for its
 * first fragment; and what comes next of its flow, but for more of the same
 * datagram that waited, is that.
 */
static void expect_waited(const struct judge *j, const struct record *rows, size_t at, size_t end) {
    const struct shot *s = &j->trace->shots[rows[at].frame - 1];
    if (s->group == NO_GROUP || s->first)
        fail_msg("%s: frame %u comes late, and is not one that waits", j->what,
                 (unsigned)rows[at].frame);
    const struct group *g = &j->groups[s->group];
    if (g->ambiguous)
        return;
    if (at != 0 && j->trace->shots[rows[at - 1].frame - 1].group == s->group &&
        rows[at - 1].frame > rows[at].frame)
        fail_msg("%s: frame %u comes after frame %u of its datagram", j->what,
                 (unsigned)rows[at].frame, (unsigned)rows[at - 1].frame);
    if (j->as_it_is || g->first == 0)
        return;
    size_t next = at;
    while (next < end && rows[next].frame < g->first &&
           j->trace->shots[rows[next].frame - 1].group == s->group)
        next++;
    if (g->first < rows[at].frame || next == end || rows[next].frame != g->first)
        fail_msg("%s: frame %u comes late, and not right before its first fragment, frame %u",
                 j->what, (unsigned)rows[at].frame, g->first);
}

/* One flow, from row 0 to end. */
static void expect_flow_in_order(const struct judge *j, const struct record *rows, size_t end) {
    uint64_t latest = 0;
    for (size_t i = 0; i < end; i++) {
        const struct record *row = &rows[i];
        if (row->worker != rows[0].worker || row->seq != i || (row->flags & RECORD_GAP) != 0 ||
            ((row->flags & RECORD_START) != 0) != (i == 0))
            fail_msg("%s: flow %u, frame %u: worker %u, sequence %u, flags %#x", j->what,
                     (unsigned)row->flow, (unsigned)row->frame, row->worker, row->seq, row->flags);
        if (row->frame < latest)
            expect_waited(j, rows, i, end);
        else
            latest = row->frame;
    }
}

static void expect_flows(const struct judge *j, struct records *r) {
    records_by_flow(r);
    for (size_t from = 0, end; from < r->count; from = end) {
        for (end = from; end < r->count && r->rows[end].flow == r->rows[from].flow; end++)
            ;
        expect_flow_in_order(j, r->rows + from, end - from);
    }
}

/* Each frame once, the ledger, each datagram, each flow. The rows then stand by frame. */
static void run_and_judge(struct test *t, const char *path, struct judge *j, unsigned workers,
                          struct records *r) {
    char file[32];
    const json_t *report = run(t, path, workers);
    records_read(r, file_in(t, "rec"));
    for (unsigned k = 0; k < workers; k++) {
        snprintf(file, sizeof file, "rec/worker-%u.tsv", k);
        unlink(file_in(t, file));
    }
    const char *problem = frames_problem(r, j->trace->count);
    if (problem != NULL)
        fail_msg("%s, %u workers: %s", j->what, workers, problem);
    expect_all_inspected(report, (json_int_t)j->trace->count);
    expect_datagrams_whole(j, r);
    expect_flows(j, r);
    records_by_frame(r);
}

/* Runs the trace, from path as it is, or NULL. Returns how many datagrams were judged. */
static uint32_t judge_trace(struct test *t, struct trace_of *trace, const char *what,
                            const char *path, unsigned workers) {
    uint32_t count = find_groups(trace);
    struct group *groups = describe_groups(trace, count);
    struct judge j = {.what = what,
                      .trace = trace,
                      .groups = groups,
                      .group_count = count,
                      .as_it_is = path != NULL};
    if (path == NULL)
        write_trace(trace, file_in(t, "t.pcap"));
    struct records records;
    run_and_judge(t, path != NULL ? path : "t.pcap", &j, workers, &records);
    records_free(&records);
    uint32_t judged = 0;
    for (uint32_t g = 0; g < count; g++)
        judged += !groups[g].ambiguous;
    free(groups);
    return judged;
}

/* ---- captures */

/* Reads a capture; an empty trace if it has no fragment over Ethernet, or breaks off. */
static struct trace_of read_capture(const char *path) {
    char error[PCAP_ERRBUF_SIZE];
    struct trace_of trace = {.shots = NULL};
    struct pcap_pkthdr *header;
    const u_char *data;
    pcap_t *pcap = pcap_open_offline(path, error);
    if (pcap == NULL || pcap_datalink(pcap) != DLT_EN10MB) {
        if (pcap != NULL)
            pcap_close(pcap);
        return trace;
    }
    int status;
    while ((status = pcap_next_ex(pcap, &header, &data)) == 1)
        add_bytes(&trace, data, header->caplen, header->len,
                  (uint64_t)header->ts.tv_sec * 1000000 + (uint64_t)header->ts.tv_usec);
    pcap_close(pcap);
    if (status == PCAP_ERROR_BREAK && trace.count != 0 && find_groups(&trace) != 0)
        return trace;
    free_frames(&trace);
    return (struct trace_of){.shots = NULL};
}

static uint32_t judge_capture(struct random *random, struct test *t, const struct trace_of *trace,
                              const char *path) {
    char what[2 * PROCESS_PATH_MAX + 32];
    struct trace_of copy = {.shots = NULL};
    for (uint32_t i = 0; i < trace->count; i++)
        add_shot(&copy, trace->shots[i]);
    uint32_t judged = judge_trace(t, &copy, path, path, 3);
    judge_trace(t, &copy, path, path, 8);
    shuffle(random, &copy);
    snprintf(what, sizeof what, "%s, shuffled", path);
    judge_trace(t, &copy, what, NULL, 3);
    for (uint32_t i = 0; i < trace->count; i++)
        add_shot(&copy, trace->shots[i]);
    shuffle(random, &copy);
    snprintf(what, sizeof what, "%s, twice and shuffled", path);
    judge_trace(t, &copy, what, NULL, 8);
    free(copy.shots);
    return judged;
}

#define CAPTURES_MAX 64u

static void captured_datagrams_stay_whole(void **state) {
    struct test *t = *state;
    struct trace_of traces[CAPTURES_MAX];
    uint32_t count = 0, judged = 0;
    const char *given = getenv("FB_CAPTURES");
    char *directory = realpath(given != NULL ? given : "../shared/captures", NULL);
    DIR *entries = directory == NULL ? NULL : opendir(directory);
    if (entries == NULL) {
        free(directory);
        SKIP("no captures: set FB_CAPTURES to their folder");
    }
    struct random random = random_from(77);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[2 * PROCESS_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        traces[count] = read_capture(path);
        if (traces[count].count == 0)
            continue;
        judged += judge_capture(&random, t, &traces[count++], path);
        assert_true(count < CAPTURES_MAX);
    }
    closedir(entries);
    free(directory);
    assert_int_not_equal(count, 0);
    assert_in_range(judged, count, UINT32_MAX);
    struct trace_of mixed = deal(&random, traces, count);
    judge_trace(t, &mixed, "all captures mixed", NULL, 3);
    judge_trace(t, &mixed, "all captures mixed", NULL, 8);
    shuffle(&random, &mixed);
    judge_trace(t, &mixed, "all captures mixed and shuffled", NULL, 8);
    printf("%u datagrams of %u captures\n", judged, count);
    free(mixed.shots);
    for (uint32_t i = 0; i < count; i++)
        free_frames(&traces[i]);
}

/* ---- datagrams cut up here */

#define PIECE 1400u /* bytes, a multiple of 8 */
#define PIECES_MAX 4u
#define DATAGRAMS_MAX 80u

static uint32_t put_headers(uint8_t *f, bool six, uint32_t id, uint32_t offset, bool more,
                            bool whole, uint32_t bytes) {
    uint32_t field = (more ? 0x2000u : 0) | offset / 8, length = 20 + bytes;
    const uint8_t lengths[8] = {(uint8_t)(length >> 8),
                                (uint8_t)length,
                                (uint8_t)(id >> 8),
                                (uint8_t)id,
                                (uint8_t)(field >> 8),
                                (uint8_t)field,
                                64,
                                17};
    const uint8_t ends[8] = {10, 0, 0, 1, 10, 0, 0, 2};
    uint32_t payload = bytes + (whole ? 0 : 8);
    uint8_t ip6[48] = {0x60, 0, 0, 0, (uint8_t)(payload >> 8), (uint8_t)payload, whole ? 17 : 44,
                       64};
    memset(f, 2, 12);
    f[12] = six ? 0x86 : 8;
    f[13] = six ? 0xdd : 0;
    if (!six) {
        memcpy(f + 14, (uint8_t[]){0x45, 0}, 2);
        memcpy(f + 16, lengths, 8);
        memset(f + 24, 0, 2);
        memcpy(f + 26, ends, 8);
        return 34;
    }
    ip6[8] = ip6[24] = 0xfd;
    ip6[23] = 1;
    ip6[39] = 2;
    ip6[40] = 17;
    ip6[42] = (uint8_t)(offset >> 8);
    ip6[43] = (uint8_t)(offset | more);
    ip6[46] = (uint8_t)(id >> 8);
    ip6[47] = (uint8_t)id;
    memcpy(f + 14, ip6, whole ? 40 : 48);
    return whole ? 54 : 62;
}

/* Bytes from to `to` of the datagram of a port, which has `total`. */
static void add_piece(struct trace_of *trace, bool six, uint32_t port, uint32_t total,
                      uint32_t from, uint32_t to) {
    uint8_t frame[14 + 48 + PIECE];
    uint32_t at = put_headers(frame, six, port, from, to < total, to - from == total, to - from);
    for (uint32_t i = from; i < to; i++)
        frame[at + i - from] = (uint8_t)(i * 7 + port);
    const uint8_t udp[8] = {(uint8_t)(port >> 8),  (uint8_t)port, 0, 53,
                            (uint8_t)(total >> 8), (uint8_t)total};
    if (from == 0)
        memcpy(frame + at, udp, sizeof udp);
    add_bytes(trace, frame, at + to - from, at + to - from, 0);
    trace->shots[trace->count - 1].tag = port;
}

/* The order of a number below count!: which of those left comes next, and so on. */
static void put_in_order(unsigned number, unsigned count, unsigned order[PIECES_MAX]) {
    unsigned left[PIECES_MAX] = {0, 1, 2, 3};
    for (unsigned i = 0; i < count; i++) {
        unsigned at = number % (count - i);
        number /= count - i;
        order[i] = left[at];
        memmove(left + at, left + at + 1, (PIECES_MAX - 1 - at) * sizeof *left);
    }
}

/* A datagram in so many pieces, in one order, behind a whole packet of its flow. */
static struct trace_of cut_up(bool six, uint32_t port, unsigned pieces, unsigned order_number) {
    struct trace_of trace = {.shots = NULL};
    unsigned order[PIECES_MAX];
    uint32_t total = (pieces - 1) * PIECE + 100;
    add_piece(&trace, six, port, 100, 0, 100);
    put_in_order(order_number, pieces, order);
    for (unsigned i = 0; i < pieces; i++) {
        uint32_t from = order[i] * PIECE;
        add_piece(&trace, six, port, total, from, from + PIECE < total ? from + PIECE : total);
    }
    return trace;
}

/* Each tag is one flow on one worker, and no two are the same flow. */
static void expect_flow_per_tag(const struct trace_of *trace, const struct records *r) {
    for (uint32_t i = 0; i < trace->count; i++)
        for (uint32_t k = 0; k < i; k++) {
            bool same = r->rows[i].flow == r->rows[k].flow;
            if (same != (trace->shots[i].tag == trace->shots[k].tag))
                fail_msg("frames %u and %u, of ports %u and %u, are of %s flow", k + 1, i + 1,
                         trace->shots[k].tag, trace->shots[i].tag, same ? "one" : "no common");
        }
}

static void datagrams_in_every_order_go_with_their_flow(void **state) {
    struct test *t = *state;
    struct trace_of cut[DATAGRAMS_MAX];
    uint32_t count = 0;
    struct random random = random_from(78);
    for (unsigned six = 0; six < 2; six++)
        for (unsigned pieces = 1, orders = 1; pieces <= PIECES_MAX; orders *= ++pieces)
            for (unsigned order = 0; order < orders; order++, count++)
                cut[count] = cut_up(six, 1000 + count, pieces, order);
    assert_int_equal(count, 2 * (1 + 2 + 6 + 24));
    for (unsigned workers = 3; workers <= 8; workers += 5) {
        struct trace_of mixed = deal(&random, cut, count);
        uint32_t groups = find_groups(&mixed);
        assert_int_equal(groups, count - 2); /* those of one piece are whole packets */
        struct judge j = {.what = "cut up here", .trace = &mixed, .group_count = groups};
        struct group *described = describe_groups(&mixed, groups);
        struct records records;
        j.groups = described;
        write_trace(&mixed, file_in(t, "t.pcap"));
        run_and_judge(t, "t.pcap", &j, workers, &records);
        expect_flow_per_tag(&mixed, &records);
        records_free(&records);
        free(described);
        free(mixed.shots);
    }
    for (uint32_t i = 0; i < count; i++)
        free_frames(&cut[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(datagrams_in_every_order_go_with_their_flow),
        PROCESS_TEST(captured_datagrams_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
