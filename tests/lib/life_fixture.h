/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LIFE_FIXTURE_H
#define TESTS_LIB_LIFE_FIXTURE_H

/*
 * For tests of workers that come, go and break under the real programs: a
 * supervisor whose workers can be told to fail, and a capture that is made
 * packet by packet while it is read.
 */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/process.h"
#include "tests/lib/records.h"

enum { EXIT_WORKER_REVOKED = 3 };

/* ---- the workers as the dispatcher sees them */

/* The pid that serves a number; 0 if it is not ready. */
static inline pid_t ready_pid(struct test *t, unsigned worker) {
    char path[64];
    if (!worker_is(t, t->name, worker, "ready"))
        return 0;
    snprintf(path, sizeof path, "workers.%u.pid", worker);
    return (pid_t)number_at(t->report, path);
}

/* Whether a number is served again, by another process than before. */
static inline bool is_back(struct test *t, unsigned worker, pid_t before) {
    pid_t pid = ready_pid(t, worker);
    return pid != 0 && pid != before;
}

static inline json_int_t inspected(struct test *t) {
    return stat_number(t, t->name, "ledger.inspected");
}

/* Waits until so many more packets were inspected. */
static inline void go_on(struct test *t, json_int_t packets) {
    json_int_t before = inspected(t);
    UNTIL(t, inspected(t) >= before + packets);
}

static inline void stop(struct test *t, struct process *run, int status) {
    process_signal(run, SIGTERM);
    process_expect(t, run, status);
}

/* Runs a command that fails with one line. */
#define EXPECT_REFUSED(t, status, part, ...)                                                       \
    do {                                                                                           \
        struct process *refused_ = process_start((t), __VA_ARGS__);                                \
        process_expect((t), refused_, (status));                                                   \
        expect_one_line_with((t), refused_, (part));                                               \
    } while (0)

/* ---- a supervisor whose flow-worker is flow-worker-fault */

static inline void enter_with_faults(const struct test *t) {
    setenv("FB_BUILD", file_in(t, "programs"), 1);
}

static inline void let_workers_fail(struct test *t) {
    static const char *const programs[][2] = {{"flow-dispatcher", "flow-dispatcher"},
                                              {"flow-stat", "flow-stat"},
                                              {"flow-worker-fault", "flow-worker"}};
    assert_int_equal(mkdir(file_in(t, "programs"), 0700), 0);
    for (unsigned i = 0; i < 3; i++) {
        char from[2 * PROCESS_PATH_MAX], to[64];
        snprintf(from, sizeof from, "%s/%s", t->programs, programs[i][0]);
        snprintf(to, sizeof to, "programs/%s", programs[i][1]);
        assert_int_equal(symlink(from, file_in(t, to)), 0);
    }
    t->enter = enter_with_faults;
}

/* ---- a capture made packet by packet: into a file and, if somebody reads it, into a pipe */

#define FEED_LINK_ETHERNET 1u
#define FEED_LINK_RAW 101u
#define FEED_STEP_NS UINT64_C(1000001) /* from one packet to the next: nanoseconds count */
#define FEED_PAYLOAD 32u

struct feed {
    struct process *to; /* or NULL */
    FILE *file;
    uint32_t link;
    uint64_t time_ns;
    uint64_t frames;
};

static inline void feed_bytes(struct feed *feed, const void *bytes, size_t size) {
    assert_int_equal(fwrite(bytes, 1, size, feed->file), size);
    if (feed->to != NULL)
        assert_true(process_feed(feed->to, bytes, size));
}

static inline void feed_open(struct feed *feed, struct test *t, const char *name, uint32_t link,
                             struct process *to) {
    /* Nanoseconds, version 2.4, no zone, no accuracy, longest frame, link type. */
    const uint32_t header[6] = {0xa1b23c4d, 4u << 16 | 2u, 0, 0, 65535, link};
    *feed = (struct feed){.to = to, .link = link, .time_ns = UINT64_C(1700000000123456789)};
    feed->file = fopen(file_in(t, name), "we");
    assert_non_null(feed->file);
    feed_bytes(feed, header, sizeof header);
}

static inline void feed_close(struct feed *feed) {
    assert_int_equal(fclose(feed->file), 0);
    if (feed->to != NULL)
        process_close_input(feed->to);
}

/* One packet over UDP; flows differ in their source address. The payload begins with the mark. */
static inline void feed_packet(struct feed *feed, unsigned flow, const char *mark) {
    enum { ETHERNET = 14, IP = 20, UDP = 8, ALL = ETHERNET + IP + UDP + FEED_PAYLOAD };
    uint8_t frame[ALL] = {2, 0, 0, 0, 0, 11, 2, 0, 0, 0, 0, 10, 8, 0};
    const uint8_t headers[IP + UDP] = {0x45,
                                       0,
                                       0,
                                       IP + UDP + FEED_PAYLOAD,
                                       0,
                                       1,
                                       0,
                                       0,
                                       64,
                                       17,
                                       0,
                                       0, /* no checksum */
                                       10,
                                       1,
                                       (uint8_t)(flow >> 8),
                                       (uint8_t)flow,
                                       10,
                                       0,
                                       0,
                                       2, /* from, to */
                                       0x03,
                                       0xe8,
                                       0,
                                       80,
                                       0,
                                       UDP + FEED_PAYLOAD,
                                       0,
                                       0};
    unsigned skipped = feed->link == FEED_LINK_RAW ? ETHERNET : 0;
    memcpy(frame + ETHERNET, headers, sizeof headers);
    snprintf((char *)frame + ETHERNET + IP + UDP, FEED_PAYLOAD, "%s %u", mark,
             (unsigned)++feed->frames);
    feed->time_ns += FEED_STEP_NS;
    const uint32_t record[4] = {(uint32_t)(feed->time_ns / 1000000000),
                                (uint32_t)(feed->time_ns % 1000000000), ALL - skipped,
                                ALL - skipped};
    feed_bytes(feed, record, sizeof record);
    feed_bytes(feed, frame + skipped, ALL - skipped);
}

/* A packet of each flow from `first` to below `end`, so many times. */
static inline void feed_flows(struct feed *feed, unsigned first, unsigned end, unsigned times) {
    for (unsigned i = 0; i < times; i++)
        for (unsigned flow = first; flow < end; flow++)
            feed_packet(feed, flow, "harmless");
}

/* Waits until all that was fed was inspected. */
static inline void await_fed(struct test *t, const struct feed *feed) {
    UNTIL(t, inspected(t) == (json_int_t)feed->frames);
}

/* ---- what was recorded */

/* Each frame once, the suspects apart; each tuple of the trace on the worker that it began on. */
static inline void expect_recorded(struct test *t, uint64_t last, size_t suspects) {
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, "rec"));
    trace_read(&trace, file_in(t, "t.pcap"));
    size_t again = records_drop_redelivered(&records);
    if (again > suspects)
        fail_msg("%zu packets came again, not at most %zu", again, suspects);
    expect_frames_once(&records, last);
    expect_flows_in_order(&records, false);
    expect_tuples_whole(&records, &trace);
    trace_free(&trace);
    records_free(&records);
}

/* The same where the flows of one worker went to others; returns how many did. */
static inline size_t expect_recorded_moved(struct test *t, uint64_t last, unsigned lost) {
    struct records records;
    records_read(&records, file_in(t, "rec"));
    expect_frames_once(&records, last);
    size_t moved = expect_flows_moved_in_order(&records, lost);
    records_free(&records);
    return moved;
}

#endif
