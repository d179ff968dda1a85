/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/records.h"

#include <inttypes.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS_MAX 256u
#define KEY_BYTES 40u

static uint64_t hash_text(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t record_id_of(const char *community_id) {
    return strcmp(community_id, "-") == 0 ? 0 : hash_text(community_id);
}

static unsigned parse_flags(char *text) {
    static const struct {
        const char *name;
        unsigned flag;
    } known[] = {
        {"start", RECORD_START},
        {"gap", RECORD_GAP},
        {"redelivered", RECORD_REDELIVERED},
        {"mid-stream", RECORD_MID_STREAM},
        {"truncated", RECORD_TRUNCATED},
    };
    unsigned flags = 0;
    for (char *word; (word = strsep(&text, ",")) != NULL;)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            flags |= strcmp(word, known[i].name) == 0 ? known[i].flag : 0;
    return flags;
}

/* A line of so many columns, parted by tabs. */
static bool split_line(char *line, char *columns[], unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if ((columns[i] = strsep(&line, "\t")) == NULL)
            return false;
    return line == NULL;
}

/* A line without its newline, of the file of this worker; false: it is no record. */
typedef bool parse_line(char *line, unsigned worker, struct record *row);

/* As `record` writes it. */
static bool parse_record(char *line, unsigned worker, struct record *row) {
    char *columns[8];
    if (!split_line(line, columns, 8))
        return false;
    *row = (struct record){
        .frame = strtoull(columns[0], NULL, 10),
        .worker = (unsigned)strtoul(columns[1], NULL, 10),
        .id = record_id_of(columns[2]),
        .flow = strtoull(columns[3], NULL, 10),
        .seq = (uint32_t)strtoul(columns[4], NULL, 10),
        .dir = (unsigned)strtoul(columns[5], NULL, 10),
        .flags = parse_flags(columns[7]),
    };
    return row->frame != 0 && row->worker == worker;
}

/* As the packet logs of tests/examples: the two ends of the flow are what it is known by. */
static bool parse_packet_log(char *line, unsigned worker, struct record *row) {
    char *columns[11], ends[256];
    if (!split_line(line, columns, 11))
        return false;
    snprintf(ends, sizeof ends, "%s %s %s %s", columns[4], columns[5], columns[6], columns[7]);
    *row = (struct record){
        .frame = strtoull(columns[0], NULL, 10),
        .worker = worker,
        .id = hash_text(ends),
        .flow = strtoull(columns[1], NULL, 10),
        .seq = (uint32_t)strtoul(columns[2], NULL, 10),
        .dir = (unsigned)strtoul(columns[3], NULL, 10),
        .flags = parse_flags(columns[10]),
    };
    return row->frame != 0;
}

static void read_worker(struct records *r, FILE *file, unsigned worker, parse_line *parse) {
    char line[512];
    for (uint64_t n = 0; fgets(line, sizeof line, file) != NULL; n++) {
        if (r->count == r->room) {
            r->room = r->room == 0 ? 4096 : 2 * r->room;
            r->rows = realloc(r->rows, r->room * sizeof *r->rows);
            assert_non_null(r->rows);
        }
        struct record *row = &r->rows[r->count];
        char *newline = strchr(line, '\n');
        if (newline == NULL)
            fail_msg("worker %u, line %" PRIu64 ": not whole: %s", worker, n + 1, line);
        *newline = '\0';
        if (!parse(line, worker, row))
            fail_msg("worker %u, line %" PRIu64 ": not a record", worker, n + 1);
        row->line = n;
        r->count++;
    }
}

static void read_workers(struct records *r, const char *directory, parse_line *parse) {
    memset(r, 0, sizeof *r);
    for (unsigned worker = 0; worker < WORKERS_MAX; worker++) {
        char path[512];
        snprintf(path, sizeof path, "%s/worker-%u.tsv", directory, worker);
        FILE *file = fopen(path, "re");
        if (file == NULL)
            continue;
        read_worker(r, file, worker, parse);
        fclose(file);
        r->workers++;
    }
}

void records_read(struct records *r, const char *directory) {
    read_workers(r, directory, parse_record);
}

void records_read_packet_log(struct records *r, const char *directory) {
    read_workers(r, directory, parse_packet_log);
}

void records_free(struct records *r) {
    free(r->rows);
    memset(r, 0, sizeof *r);
}

static int by_frame(const void *left, const void *right) {
    const struct record *a = left, *b = right;
    if (a->frame != b->frame)
        return a->frame < b->frame ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static int by_flow(const void *left, const void *right) {
    const struct record *a = left, *b = right;
    if (a->flow != b->flow)
        return a->flow < b->flow ? -1 : 1;
    if (a->worker != b->worker)
        return a->worker < b->worker ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static int by_flow_and_frame(const void *left, const void *right) {
    const struct record *a = left, *b = right;
    if (a->flow != b->flow)
        return a->flow < b->flow ? -1 : 1;
    return by_frame(left, right);
}

static void sort(struct records *r, int (*order)(const void *, const void *)) {
    if (r->count != 0)
        qsort(r->rows, r->count, sizeof *r->rows, order);
}

void records_by_frame(struct records *r) {
    sort(r, by_frame);
}

void records_by_flow(struct records *r) {
    sort(r, by_flow);
}

void records_by_flow_and_frame(struct records *r) {
    sort(r, by_flow_and_frame);
}

size_t records_drop_redelivered(struct records *r) {
    size_t kept = 0, flagged = 0;
    records_by_frame(r);
    for (size_t i = 0; i < r->count; i++) {
        const struct record *row = &r->rows[i], *before = &r->rows[kept - (kept != 0)];
        bool again = (row->flags & RECORD_REDELIVERED) != 0;
        flagged += again;
        if (!again || kept == 0 || before->frame != row->frame || before->flow != row->flow ||
            before->worker != row->worker || before->seq != row->seq)
            r->rows[kept++] = *row;
    }
    r->count = kept;
    return flagged;
}

/* What is wrong, in words. One test program, one thread: one place for it is enough. */
static const char *problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *problem(const char *format, ...) {
    static char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

const char *frames_problem(struct records *r, uint64_t last) {
    records_by_frame(r);
    for (size_t i = 0; i < r->count; i++) {
        uint64_t frame = r->rows[i].frame;
        if (frame < i + 1)
            return problem("frame %" PRIu64 " was delivered twice, to workers %u and %u", frame,
                           r->rows[i - 1].worker, r->rows[i].worker);
        if (frame > i + 1)
            return problem("frame %zu was not delivered", i + 1);
    }
    if (r->count != last)
        return problem("%zu frames were delivered, not %" PRIu64, r->count, last);
    return NULL;
}

/* Judges a row by the one before it in its flow, or NULL; adds the packets missing between. */
static const char *row_problem(const struct record *row, const struct record *before,
                               bool with_gaps, uint64_t *holes) {
    if (before != NULL && row->worker != before->worker)
        return problem("flow %" PRIu64 ": frame %" PRIu64 " on worker %u, frame %" PRIu64
                       " on worker %u",
                       row->flow, before->frame, before->worker, row->frame, row->worker);
    if (before != NULL && row->frame <= before->frame)
        return problem("flow %" PRIu64 ": frame %" PRIu64 " after frame %" PRIu64, row->flow,
                       row->frame, before->frame);
    uint32_t wanted = before == NULL ? 0 : before->seq + 1;
    if (row->seq < wanted)
        return problem("flow %" PRIu64 ", frame %" PRIu64 ": sequence %" PRIu32 ", not %" PRIu32,
                       row->flow, row->frame, row->seq, wanted);
    uint32_t hole = row->seq - wanted;
    bool told = (row->flags & RECORD_GAP) != 0;
    if ((hole != 0) != told || (told && !with_gaps))
        return problem("flow %" PRIu64 ", frame %" PRIu64 ": a hole of %" PRIu32 ", flags %#x",
                       row->flow, row->frame, hole, row->flags);
    if (((row->flags & RECORD_START) != 0) != (before == NULL))
        return problem("flow %" PRIu64 ", frame %" PRIu64 ": flow start %s", row->flow, row->frame,
                       before == NULL ? "missing" : "in mid-flow");
    *holes += hole;
    return NULL;
}

const char *flows_problem(struct records *r, bool with_gaps, uint64_t *holes) {
    *holes = 0;
    records_by_flow(r);
    for (size_t i = 0; i < r->count; i++) {
        bool same = i != 0 && r->rows[i - 1].flow == r->rows[i].flow;
        const char *found =
            row_problem(&r->rows[i], same ? &r->rows[i - 1] : NULL, with_gaps, holes);
        if (found != NULL)
            return found;
    }
    return NULL;
}

void expect_frames_once(struct records *r, uint64_t last) {
    const char *found = frames_problem(r, last);
    if (found != NULL)
        fail_msg("%s", found);
}

uint64_t expect_flows_in_order(struct records *r, bool with_gaps) {
    uint64_t holes;
    const char *found = flows_problem(r, with_gaps, &holes);
    if (found != NULL)
        fail_msg("%s", found);
    return holes;
}

/* Judges a row by the one before it in its flow, or NULL, where flows may leave one worker. */
static const char *moved_row_problem(const struct record *row, const struct record *before,
                                     unsigned lost) {
    uint32_t wanted = before == NULL ? 0 : before->seq + 1;
    if (row->seq != wanted)
        return problem("flow %" PRIu64 ", frame %" PRIu64 ": sequence %" PRIu32 ", not %" PRIu32,
                       row->flow, row->frame, row->seq, wanted);
    if (((row->flags & RECORD_START) != 0) != (before == NULL))
        return problem("flow %" PRIu64 ", frame %" PRIu64 ": flow start %s", row->flow, row->frame,
                       before == NULL ? "missing" : "in mid-flow");
    if (before == NULL || row->worker == before->worker)
        return before != NULL && row->line <= before->line
                   ? problem("flow %" PRIu64 ": worker %u had frame %" PRIu64
                             " before frame %" PRIu64,
                             row->flow, row->worker, row->frame, before->frame)
                   : NULL;
    if (before->worker != lost)
        return problem("flow %" PRIu64 ", frame %" PRIu64 ": from worker %u to %u", row->flow,
                       row->frame, before->worker, row->worker);
    return (row->flags & RECORD_MID_STREAM) == 0
               ? problem("flow %" PRIu64 ", frame %" PRIu64 ": moved and not mid-stream", row->flow,
                         row->frame)
               : NULL;
}

size_t expect_flows_moved_in_order(struct records *r, unsigned lost) {
    size_t moved = 0;
    records_by_flow_and_frame(r);
    for (size_t i = 0; i < r->count; i++) {
        const struct record *row = &r->rows[i], *before = NULL;
        if (i != 0 && r->rows[i - 1].flow == row->flow)
            before = &r->rows[i - 1];
        const char *found = moved_row_problem(row, before, lost);
        if (found != NULL)
            fail_msg("%s", found);
        moved += before != NULL && before->worker != row->worker;
    }
    return moved;
}

/* ---- the trace that was recorded */

struct keyed {
    uint8_t key[KEY_BYTES];
    size_t frame;
};

/* Protocol and the two ends in a fixed order, of a TCP or UDP frame over Ethernet. */
static void take_key(const uint8_t *data, uint32_t caplen, uint8_t key[KEY_BYTES]) {
    uint32_t at = 12;
    if (data[at] == 0x81 && data[at + 1] == 0)
        at += 4;
    bool ip6 = data[at] == 0x86 && data[at + 1] == 0xdd;
    assert_true(ip6 || (data[at] == 8 && data[at + 1] == 0));
    const uint8_t *ip = data + at + 2;
    uint32_t header = ip6 ? 40 : (ip[0] & 15u) * 4;
    uint32_t address = ip6 ? 16 : 4;
    const uint8_t *from = ip + (ip6 ? 8 : 12);
    assert_true(at + 2 + header + 4 <= caplen);
    uint8_t ends[2][18] = {{0}};
    for (unsigned i = 0; i < 2; i++) {
        memcpy(ends[i], from + i * address, address);
        memcpy(ends[i] + 16, ip + header + 2 * i, 2);
    }
    unsigned first = memcmp(ends[0], ends[1], sizeof ends[0]) > 0;
    memset(key, 0, KEY_BYTES);
    key[0] = ip6 ? 6 : 4;
    key[1] = ip6 ? ip[6] : ip[9];
    memcpy(key + 2, ends[first], 18);
    memcpy(key + 20, ends[!first], 18);
}

static int by_key(const void *left, const void *right) {
    const struct keyed *a = left, *b = right;
    int order = memcmp(a->key, b->key, KEY_BYTES);
    return order != 0 ? order : a->frame < b->frame ? -1 : a->frame > b->frame;
}

void trace_read(struct trace *trace, const char *path) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(path, error);
    if (pcap == NULL)
        fail_msg("%s: %s", path, error);
    struct keyed *frames = NULL;
    size_t count = 0, room = 0;
    struct pcap_pkthdr *header;
    const u_char *data;
    for (int status; (status = pcap_next_ex(pcap, &header, &data)) != PCAP_ERROR_BREAK; count++) {
        assert_int_equal(status, 1);
        if (count == room) {
            room = room == 0 ? 4096 : 2 * room;
            frames = realloc(frames, room * sizeof *frames);
            assert_non_null(frames);
        }
        take_key(data, header->caplen, frames[count].key);
        frames[count].frame = count;
    }
    pcap_close(pcap);
    assert_non_null(frames);
    *trace = (struct trace){.tuples = calloc(count, sizeof *trace->tuples), .count = count};
    assert_non_null(trace->tuples);
    qsort(frames, count, sizeof *frames, by_key);
    for (size_t i = 0; i < count; i++) {
        trace->tuple_count += i != 0 && memcmp(frames[i - 1].key, frames[i].key, KEY_BYTES) != 0;
        trace->tuples[frames[i].frame] = trace->tuple_count;
    }
    trace->tuple_count++;
    free(frames);
}

void trace_free(struct trace *trace) {
    free(trace->tuples);
}

static int by_number(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void expect_flows_differ(const struct record *const *rows, uint32_t count) {
    uint64_t *flows = calloc(count, sizeof *flows);
    uint32_t n = 0;
    assert_non_null(flows);
    for (uint32_t i = 0; i < count; i++)
        if (rows[i] != NULL)
            flows[n++] = rows[i]->flow;
    qsort(flows, n, sizeof *flows, by_number);
    for (uint32_t i = 1; i < n; i++)
        if (flows[i] == flows[i - 1])
            fail_msg("two tuples have flow %" PRIu64, flows[i]);
    free(flows);
}

void expect_tuples_whole(const struct records *r, const struct trace *trace) {
    const struct record **rows = calloc(trace->tuple_count, sizeof(struct record *));
    assert_non_null(rows);
    for (size_t i = 0; i < r->count; i++) {
        const struct record *row = &r->rows[i];
        const struct record **known = &rows[trace->tuples[(row->frame - 1) % trace->count]];
        if (row->id == 0)
            fail_msg("frame %" PRIu64 " has no Community ID", row->frame);
        if (*known == NULL)
            *known = row;
        if ((*known)->worker != row->worker || (*known)->flow != row->flow ||
            (*known)->id != row->id)
            fail_msg("frames %" PRIu64 " and %" PRIu64 " of one tuple: workers %u and %u, "
                     "flows %" PRIu64 " and %" PRIu64 ", Community IDs %s",
                     (*known)->frame, row->frame, (*known)->worker, row->worker, (*known)->flow,
                     row->flow, (*known)->id == row->id ? "the same" : "differ");
    }
    expect_flows_differ(rows, trace->tuple_count);
    free(rows);
}

uint64_t count_lost_at_ends(const struct records *r, const struct trace *trace) {
    uint64_t *last = calloc(trace->tuple_count, sizeof *last);
    uint64_t lost = 0;
    assert_non_null(last);
    for (size_t i = 0; i < r->count; i++) {
        uint64_t *known = &last[trace->tuples[r->rows[i].frame - 1]];
        *known = r->rows[i].frame > *known ? r->rows[i].frame : *known;
    }
    for (size_t i = 0; i < trace->count; i++)
        lost += i + 1 > last[trace->tuples[i]];
    free(last);
    return lost;
}
