/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/passed.h"

#include <dirent.h>
#include <inttypes.h>

#include <pcap/pcap.h>

#define FILES_MAX 256u

struct frame {
    uint64_t time_ns;
    uint64_t hash; /* of its bytes */
    uint64_t number;
    uint32_t seq; /* of its tuple */
};

struct file {
    unsigned worker, incarnation;
    char path[512];
};

static uint64_t hash_of(const uint8_t *bytes, uint32_t n) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static pcap_t *open_capture(const char *path) {
    char why[PCAP_ERRBUF_SIZE];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    pcap_t *pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
    if (pcap == NULL)
        fclose(file); /* of no length yet, or its header is not whole */
    return pcap;
}

/* The next frame; less than 0: there is none, -1: the file breaks off. */
static int next_frame(pcap_t *pcap, struct frame *frame) {
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int rc = pcap_next_ex(pcap, &header, &bytes);
    if (rc == 1)
        *frame = (struct frame){.time_ns = (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) +
                                           (uint64_t)header->ts.tv_usec,
                                .hash = hash_of(bytes, header->caplen)};
    return rc;
}

static int by_time(const void *left, const void *right) {
    const struct frame *a = left, *b = right;
    return a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
}

/* The frames of the trace by their time, which each has alone. */
static struct frame *read_trace(const struct trace *trace, const char *path) {
    struct frame *frames = calloc(trace->count, sizeof *frames);
    uint32_t *seen = calloc(trace->tuple_count, sizeof *seen);
    pcap_t *pcap = open_capture(path);
    assert_true(frames != NULL && seen != NULL && pcap != NULL);
    for (size_t i = 0; i < trace->count; i++) {
        assert_int_equal(next_frame(pcap, &frames[i]), 1);
        frames[i].number = i + 1;
        frames[i].seq = seen[trace->tuples[i]]++;
    }
    pcap_close(pcap);
    free(seen);
    qsort(frames, trace->count, sizeof *frames, by_time);
    for (size_t i = 1; i < trace->count; i++)
        assert_true(frames[i - 1].time_ns < frames[i].time_ns);
    return frames;
}

static int by_incarnation(const void *left, const void *right) {
    const struct file *a = left, *b = right;
    if (a->worker != b->worker)
        return a->worker < b->worker ? -1 : 1;
    if (a->incarnation != b->incarnation)
        return a->incarnation < b->incarnation ? -1 : 1;
    return strcmp(a->path, b->path); /* numbered or with a time */
}

static unsigned find_files(struct test *t, const char *folder, const char *begin,
                           struct file files[FILES_MAX]) {
    unsigned count = 0;
    DIR *directory = opendir(file_in(t, folder));
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct file *file = &files[count];
        size_t n = strlen(begin);
        if (strncmp(entry->d_name, begin, n) != 0 ||
            sscanf(entry->d_name + n, "-%u-%u", &file->worker, &file->incarnation) != 2)
            continue;
        snprintf(file->path, sizeof file->path, "%.200s/%.250s", file_in(t, folder), entry->d_name);
        assert_true(++count < FILES_MAX);
    }
    closedir(directory);
    qsort(files, count, sizeof *files, by_incarnation);
    return count;
}

static void add(struct passed *parts, const struct file *file, const struct frame *known) {
    struct records *r = &parts->records;
    if (r->count == r->room) {
        r->room = r->room == 0 ? 4096 : 2 * r->room;
        r->rows = realloc(r->rows, r->room * sizeof *r->rows);
        assert_non_null(r->rows);
    }
    r->rows[r->count] = (struct record){.frame = known->number,
                                        .flow = parts->trace.tuples[known->number - 1],
                                        .line = r->count,
                                        .seq = known->seq,
                                        .worker = file->worker,
                                        .flags = known->seq == 0 ? RECORD_START : 0};
    r->count++;
}

static void read_file(struct passed *parts, const struct file *file, const struct frame *frames) {
    struct frame frame;
    int rc;
    pcap_t *pcap = open_capture(file->path);
    if (pcap == NULL) {
        parts->broken++;
        return;
    }
    if (pcap_datalink(pcap) < 32)
        parts->links |= 1u << pcap_datalink(pcap);
    while ((rc = next_frame(pcap, &frame)) == 1) {
        const struct frame *known =
            bsearch(&frame, frames, parts->trace.count, sizeof *frames, by_time);
        if (known == NULL || known->hash != frame.hash)
            fail_msg("%s: a frame of %" PRIu64 " ns that is not in the trace", file->path,
                     frame.time_ns);
        add(parts, file, known);
    }
    parts->broken += rc == -1;
    pcap_close(pcap);
}

void passed_read(struct passed *parts, struct test *t, const char *folder, const char *begin) {
    static struct file files[FILES_MAX];
    memset(parts, 0, sizeof *parts);
    trace_read(&parts->trace, file_in(t, "t.pcap"));
    struct frame *frames = read_trace(&parts->trace, file_in(t, "t.pcap"));
    parts->files = find_files(t, folder, begin, files);
    for (unsigned i = 0; i < parts->files; i++)
        read_file(parts, &files[i], frames);
    free(frames);
}

void passed_free(struct passed *parts) {
    records_free(&parts->records);
    trace_free(&parts->trace);
}

size_t passed_count(struct test *t, const char *folder, const char *begin) {
    struct passed parts;
    passed_read(&parts, t, folder, begin);
    size_t count = parts.records.count;
    passed_free(&parts);
    return count;
}

void expect_passed_whole(struct test *t, const char *folder, const char *begin) {
    struct passed parts;
    passed_read(&parts, t, folder, begin);
    expect_frames_once(&parts.records, parts.trace.count);
    expect_flows_in_order(&parts.records, false);
    passed_free(&parts);
}
