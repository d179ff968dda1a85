/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The examples of tests/examples, as in proc_examples.c, over all captures that can be read to
 * their end, with 1, 2 and 4 workers, of which all log the same; and over a long trace: a million
 * packets, each with one of these numbers of workers. With FB_FULL set these are 5 million, and
 * each has all numbers: that takes ten minutes.
 */
#include "tests/lib/examples.h"
#include "tests/lib/life.h"

#include <dirent.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/samples.h"

#define TRACE_PACKETS 1000000u
#define TRACE_PACKETS_FULL 5000000u
#define WORKERS_MOST 4u
#define STALLED_S 60.0

static const char *in_folder(const char *name) {
    static char path[PROCESS_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", examples_folder(), name);
    return path;
}

/* However long it takes, as long as packets are inspected. */
static void await_end(struct test *t, struct process *dispatcher) {
    json_int_t before = -1;
    double end = seconds_now() + STALLED_S;
    while (!process_ended(t, dispatcher)) {
        json_int_t now = inspected(t);
        if (now != before)
            end = seconds_now() + STALLED_S;
        before = now;
        pause_or_fail(t, end, "the next packet");
        pause_ms(200);
    }
    process_expect(t, dispatcher, EXIT_DONE);
}

/* A run of one example; its log is judged by the caller, and then removed. */
static const json_t *run_with(struct test *t, const struct example *example, unsigned workers,
                              const char *source) {
    struct process *dispatcher =
        process_start(t,
                      "flow-dispatcher -n @ %s -w %u --timeout all=never --failover never "
                      "--log-level error --report out.json",
                      source, workers);
    struct process *started[WORKERS_MOST];
    for (unsigned k = 0; k < workers; k++)
        started[k] = example_start(t, example, k, "log");
    await_end(t, dispatcher);
    for (unsigned k = 0; k < workers; k++)
        process_expect(t, started[k], EXIT_DONE);
    processes_forget(t);
    return report_of(t, "out.json");
}

static void remove_log(struct test *t) {
    assert_int_equal(process_run(t, "/usr/bin/env rm -r log"), EXIT_DONE);
    processes_forget(t);
}

/* ---- a long trace */

static void logs_a_long_trace(struct test *t, const struct example *example) {
    const bool full = getenv("FB_FULL") != NULL;
    const unsigned packets = full ? TRACE_PACKETS_FULL : TRACE_PACKETS;
    char source[PROCESS_PATH_MAX + 8];
    if (access(in_folder("long.pcap"), F_OK) != 0) {
        assert_int_equal(process_run(t,
                                     "tracegen -o %s --packets %u --flows 50000 --size 60 "
                                     "--ipv6 0.3",
                                     in_folder("long.pcap"), packets),
                         EXIT_DONE);
        processes_forget(t);
    }
    snprintf(source, sizeof source, "-r %s", in_folder("long.pcap"));
    for (unsigned n = 0; n < 3; n++) {
        const unsigned workers = 1u << n;
        if (n != (unsigned)(example - examples) % 3 && !full)
            continue;
        const json_t *report = run_with(t, example, workers, source);
        expect_all_inspected(report, packets);
        examples_expect_logged(t, "log", in_folder("long.pcap"), packets, 0);
        examples_expect_ends(t, "log", number_at(report, "flows.created"), packets);
        remove_log(t);
    }
}

/* ---- captures */

/* The frames of a capture that can be read to its end, else 0. */
static uint64_t frames_of(const char *path) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(path, error);
    struct pcap_pkthdr *header;
    const u_char *data;
    uint64_t frames = 0;
    int status = PCAP_ERROR;
    while (pcap != NULL && (status = pcap_next_ex(pcap, &header, &data)) == 1)
        frames++;
    if (pcap != NULL)
        pcap_close(pcap);
    return status == PCAP_ERROR_BREAK ? frames : 0;
}

/* A file of options that reads them all, one after the other. Returns their frames. */
static uint64_t list_captures(struct test *t) {
    const char *folder = samples_folder(SAMPLES_CAPTURES);
    DIR *entries = opendir(folder);
    FILE *list = fopen(file_in(t, "captures.conf"), "we");
    char path[2 * PROCESS_PATH_MAX];
    uint64_t frames = 0;
    assert_non_null(entries);
    assert_non_null(list);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        uint64_t found = strstr(entry->d_name, ".pcap") != NULL ? frames_of(path) : 0;
        if (found != 0)
            fprintf(list, "read = %s\n", path);
        frames += found;
    }
    closedir(entries);
    assert_int_equal(fclose(list), 0);
    return frames;
}

/* Each frame once, each flow at one worker, and in its order there: that of its sequence, since a
 * fragment that waits for the first of its datagram may be passed by frames of others. */
static void expect_frames_and_flows(struct test *t, uint64_t frames) {
    struct records records;
    records_read_packet_log(&records, file_in(t, "log"));
    expect_frames_once(&records, frames);
    records_by_flow(&records);
    for (size_t i = 0; i < records.count; i++) {
        const struct record *row = &records.rows[i], *before = i != 0 ? row - 1 : NULL;
        bool goes_on = before != NULL && before->flow == row->flow;
        if (row->seq != (goes_on ? before->seq + 1 : 0) ||
            (goes_on && row->worker != before->worker) ||
            ((row->flags & RECORD_START) != 0) == goes_on)
            fail_msg("flow %llu, frame %llu: sequence %u, worker %u", (unsigned long long)row->flow,
                     (unsigned long long)row->frame, row->seq, row->worker);
    }
    records_free(&records);
}

static void logs_all_captures(struct test *t, const struct example *example) {
    uint64_t frames = list_captures(t);
    for (unsigned workers = 1; workers <= WORKERS_MOST; workers *= 2) {
        const json_t *report = run_with(t, example, workers, "--config captures.conf");
        expect_ledger_balanced(report);
        expect_number(report, "ledger.inspected", (json_int_t)frames);
        expect_frames_and_flows(t, frames);
        examples_expect_ends(t, "log", number_at(report, "flows.created"), frames);
        examples_expect_same(t, "log", "captures");
        remove_log(t);
    }
}

/* ---- each test for each example */

#define TEST(test, number)                                                                         \
    static void test##_##number(void **state) {                                                    \
        example_or_skip(&examples[number]);                                                        \
        test(*state, &examples[number]);                                                           \
    }
#define EVERY_TEST(test)                                                                           \
    TEST(test, 0) TEST(test, 1) TEST(test, 2) TEST(test, 3) TEST(test, 4) TEST(test, 5)
#define EVERY_ENTRY(test)                                                                          \
    PROCESS_TEST(test##_0), PROCESS_TEST(test##_1), PROCESS_TEST(test##_2),                        \
        PROCESS_TEST(test##_3), PROCESS_TEST(test##_4), PROCESS_TEST(test##_5)

EVERY_TEST(logs_all_captures)
EVERY_TEST(logs_a_long_trace)

int main(void) {
    const struct CMUnitTest tests[] = {
        EVERY_ENTRY(logs_all_captures),
        EVERY_ENTRY(logs_a_long_trace),
    };
    return cmocka_run_group_tests(tests, examples_set_up, examples_tear_down);
}
