/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that kill every worker that looks at them: each is tried twice, put
 * into the quarantine file as it was captured, and costs nothing else.
 */
#include "tests/lib/feed.h"
#include "tests/lib/life.h"

#include <pcap/pcap.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLOWS 50u
#define ROUNDS 20u
#define PACKETS (FLOWS * ROUNDS)
#define POISON "poison!"
#define KILLED_BY_POISON                                                                           \
    "--inspector fault:rec,crash@=706f69736f6e21 " /* the same in hexadecimal */
/* How long a restart takes on a busy machine decides nothing. */
#define RUN                                                                                        \
    "flow-balancer run -n @ -w 2 --timeout all=never --quarantine bad.pcap --report out.json "     \
    "--failover never " KILLED_BY_POISON

/* ROUNDS packets of every flow; one more of flow 7 in the middle kills. */
static void make_poisoned(struct test *t, const char *name, uint32_t link) {
    struct feed feed;
    feed_open(&feed, t, name, link, NULL);
    feed_flows(&feed, 0, FLOWS, ROUNDS / 2);
    feed_packet(&feed, 7, POISON);
    feed_flows(&feed, 0, FLOWS, ROUNDS / 2);
    feed_close(&feed);
}

/* Every frame once but those that are poison. */
static void expect_all_but_poison(struct test *t, uint64_t frames, uint64_t poison) {
    struct records records;
    records_read(&records, file_in(t, "rec"));
    records_by_frame(&records);
    for (size_t i = 0; i < records.count; i++)
        if (records.rows[i].frame != i + 1 + (i + 1 >= poison))
            fail_msg("row %zu: frame %u", i, (unsigned)records.rows[i].frame);
    assert_int_equal(records.count, frames - 1);
    records_free(&records);
}

static pcap_t *open_capture(struct test *t, const char *name) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(file_in(t, name),
                                                           PCAP_TSTAMP_PRECISION_NANO, error);
    if (pcap == NULL)
        fail_msg("%s: %s", name, error);
    return pcap;
}

/* The next packet that is poison; false at the end of the file. */
static bool next_poison(pcap_t *pcap, struct pcap_pkthdr **header, const u_char **data) {
    while (pcap_next_ex(pcap, header, data) == 1)
        if (memmem(*data, (*header)->caplen, POISON, strlen(POISON)) != NULL)
            return true;
    return false;
}

/* The first `count` packets of poison of a capture, so many times over, and nothing else. */
static void expect_quarantined(struct test *t, const char *kept, const char *captured,
                               unsigned count, unsigned times) {
    struct pcap_pkthdr *found, *wanted;
    const u_char *found_data, *wanted_data;
    pcap_t *quarantine = open_capture(t, kept);
    for (unsigned i = 0; i < times; i++) {
        pcap_t *capture = open_capture(t, captured);
        assert_int_equal(pcap_datalink(quarantine), pcap_datalink(capture));
        for (unsigned n = 0; n < count; n++) {
            assert_true(next_poison(capture, &wanted, &wanted_data));
            assert_int_equal(pcap_next_ex(quarantine, &found, &found_data), 1);
            assert_int_equal(found->ts.tv_sec, wanted->ts.tv_sec);
            assert_int_equal(found->ts.tv_usec, wanted->ts.tv_usec);
            assert_int_equal(found->caplen, wanted->caplen);
            assert_int_equal(found->len, wanted->len);
            assert_memory_equal(found_data, wanted_data, wanted->caplen);
        }
        pcap_close(capture);
    }
    assert_int_equal(pcap_next_ex(quarantine, &found, &found_data), PCAP_ERROR_BREAK);
    pcap_close(quarantine);
}

static void expect_tcpdump_reads_it(struct test *t) {
    static const char *const places[] = {"/usr/bin/tcpdump", "/usr/sbin/tcpdump"};
    for (unsigned i = 0; i < 2; i++) {
        if (access(places[i], X_OK) != 0)
            continue;
        struct process *p = process_start(t, "%s -n -r bad.pcap", places[i]);
        process_expect(t, p, EXIT_DONE);
        assert_non_null(strstr(process_output(t, p), "10.1.0.7.1000 > 10.0.0.2.80: UDP"));
        return;
    }
    print_message("skip: tcpdump is not installed\n");
}

static void expect_counts(const json_t *report, json_int_t received, json_int_t quarantined,
                          json_int_t bypassed) {
    expect_balanced(report);
    expect_number(report, "ledger.received", received);
    expect_number(report, "ledger.quarantined", quarantined);
    expect_number(report, "ledger.shunted", bypassed);
    expect_number(report, "ledger.inspected", received - quarantined - bypassed);
}

/* How many quarantined packets the report says are in no file. */
static void expect_lost(const json_t *report, json_int_t lost) {
    expect_number(report, "run.quarantine_lost", lost);
}

/* ---- one packet */

static void poison_kills_two_processes_and_lies_in_the_file_as_captured(void **state) {
    enum { RUNS = 2 };
    struct test *t = *state;
    make_poisoned(t, "t.pcap", FEED_LINK_ETHERNET);
    let_workers_fail(t);
    for (unsigned i = 0; i < RUNS; i++) { /* the second run appends */
        struct process *run = process_start(t, RUN "-r t.pcap");
        process_expect(t, run, EXIT_DONE);
        expect_said(t, run, "it is quarantined");
        const json_t *report = report_of(t, "out.json");
        expect_counts(report, PACKETS + 1, 1, 0);
        expect_number(report, "redelivered", 1);
        expect_number(report, "failovers", 0);
        assert_int_equal(sum_of_workers(report, "restarts"), 2);
        expect_all_but_poison(t, PACKETS + 1, PACKETS / 2 + 1);
        unlink(file_in(t, "rec/worker-0.tsv"));
        unlink(file_in(t, "rec/worker-1.tsv"));
    }
    expect_quarantined(t, "bad.pcap", "t.pcap", 1, RUNS);
    struct stat st;
    assert_int_equal(stat(file_in(t, "bad.pcap"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    expect_tcpdump_reads_it(t);
}

static void without_a_file_poison_is_counted_and_not_kept(void **state) {
    struct test *t = *state;
    make_poisoned(t, "t.pcap", FEED_LINK_ETHERNET);
    let_workers_fail(t);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -w 2 --timeout all=never --report out.json "
                         "--failover never -r t.pcap " KILLED_BY_POISON);
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "and not kept; --quarantine FILE.pcap keeps such packets");
    expect_counts(report_of(t, "out.json"), PACKETS + 1, 1, 0);
}

static void with_failover_immediate_poison_kills_one_process_and_no_other_worker(void **state) {
    struct test *t = *state;
    struct records records;
    make_poisoned(t, "t.pcap", FEED_LINK_ETHERNET);
    let_workers_fail(t);
    struct process *run = process_start(t, RUN "-r t.pcap --failover 0");
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_counts(report, PACKETS + 1, 1, 0);
    expect_number(report, "failovers", 1);
    expect_number(report, "redelivered", 0);
    expect_quarantined(t, "bad.pcap", "t.pcap", 1, 1);
    /* One died, and neither the other nor who came after it. */
    unsigned died = number_at(report, "workers.0.removed") == 0;
    const char *first = strstr(process_errors(t, run), "crashed: signal 11");
    assert_non_null(first);
    assert_null(strstr(first + 1, "crashed:"));
    expect_all_but_poison(t, PACKETS + 1, PACKETS / 2 + 1);
    /* In order over both workers, but that the poison is missing from its flow. */
    records_read(&records, file_in(t, "rec"));
    records_by_frame(&records);
    uint64_t flow = 0;
    for (size_t i = 0; i < records.count; i++)
        flow = records.rows[i].frame == 8 ? records.rows[i].flow : flow;
    for (size_t i = 0; i < records.count; i++)
        records.rows[i].seq -= records.rows[i].flow == flow && records.rows[i].seq > ROUNDS / 2;
    assert_true(expect_flows_moved_in_order(&records, died) > 0);
    records_free(&records);
}

/* ---- several */

static void a_flow_of_poison_costs_three_packets_and_is_bypassed(void **state) {
    enum { POISONED = 40 };
    struct test *t = *state;
    struct feed feed;
    feed_open(&feed, t, "t.pcap", FEED_LINK_ETHERNET, NULL);
    feed_flows(&feed, 0, FLOWS, ROUNDS / 2);
    for (unsigned i = 0; i < POISONED; i++) {
        feed_packet(&feed, 1000, POISON);
        feed_flows(&feed, 0, FLOWS, 1);
    }
    feed_close(&feed);
    let_workers_fail(t);
    struct process *run = process_start(t, RUN "-r t.pcap --ring-depth 64");
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "had 3 packets quarantined: the rest of it is bypassed");
    const json_t *report = report_of(t, "out.json");
    expect_counts(report, (json_int_t)feed.frames, 3, POISONED - 3);
    assert_int_equal(sum_of_workers(report, "restarts"), 2 * 3);
    expect_quarantined(t, "bad.pcap", "t.pcap", 3, 1);
}

static void each_link_type_has_a_quarantine_file_of_its_own(void **state) {
    struct test *t = *state;
    make_poisoned(t, "t.pcap", FEED_LINK_ETHERNET);
    make_poisoned(t, "raw.pcap", FEED_LINK_RAW);
    let_workers_fail(t);
    struct process *run = process_start(t, RUN "-r t.pcap -r raw.pcap");
    process_expect(t, run, EXIT_DONE);
    expect_counts(report_of(t, "out.json"), 2 * (PACKETS + 1), 2, 0);
    expect_quarantined(t, "bad.pcap", "t.pcap", 1, 1);
    expect_quarantined(t, "bad-RAW.pcap", "raw.pcap", 1, 1);
}

/* ---- files that are there, or cannot grow */

/* A capture of Ethernet, in microseconds or nanoseconds, of so many packets of 60,000 bytes. */
static off_t make_older(struct test *t, const char *name, int precision, unsigned packets) {
    static const u_char bytes[60000];
    const struct pcap_pkthdr header = {.caplen = sizeof bytes, .len = sizeof bytes};
    struct stat st;
    pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 262144, (u_int)precision);
    pcap_dumper_t *dumper = pcap_dump_open(pcap, file_in(t, name));
    assert_non_null(dumper);
    for (unsigned i = 0; i < packets; i++)
        pcap_dump((u_char *)dumper, &header, bytes);
    pcap_dump_close(dumper);
    pcap_close(pcap);
    assert_int_equal(stat(file_in(t, name), &st), 0);
    return st.st_size;
}

static void expect_size(struct test *t, const char *name, off_t size) {
    struct stat st;
    assert_int_equal(stat(file_in(t, name), &st), 0);
    assert_int_equal(st.st_size, size);
}

static void beside_a_capture_in_microseconds_poison_lies_in_another_file(void **state) {
    struct test *t = *state;
    make_poisoned(t, "t.pcap", FEED_LINK_ETHERNET);
    off_t size = make_older(t, "bad.pcap", PCAP_TSTAMP_PRECISION_MICRO, 1);
    let_workers_fail(t);
    struct process *run = process_start(t, RUN "-r t.pcap");
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run,
                "--quarantine 'bad.pcap' is a capture in microseconds: packets of this run go to "
                "bad-EN10MB.pcap");
    const json_t *report = report_of(t, "out.json");
    expect_counts(report, PACKETS + 1, 1, 0);
    expect_lost(report, 0);
    expect_size(t, "bad.pcap", size);
    expect_quarantined(t, "bad-EN10MB.pcap", "t.pcap", 1, 1);
}

static void what_cannot_take_poison_is_refused_before_the_run(void **state) {
    struct test *t = *state;
    make_poisoned(t, "t.pcap", FEED_LINK_ETHERNET);
    off_t size = make_older(t, "older.pcap", PCAP_TSTAMP_PRECISION_MICRO, 1);
    assert_int_equal(symlink("older.pcap", file_in(t, "link.pcap")), 0);
    assert_int_equal(symlink("none.pcap", file_in(t, "nowhere.pcap")), 0);
    make_older(t, "older-EN10MB.pcap", PCAP_TSTAMP_PRECISION_MICRO, 1);
    FILE *notes = fopen(file_in(t, "notes"), "we");
    assert_non_null(notes);
    fputs("these are somebody's notes, and of some length\n", notes);
    assert_int_equal(fclose(notes), 0);
#define REFUSED(file, part)                                                                        \
    EXPECT_REFUSED(t, EXIT_RUNTIME, part,                                                          \
                   "flow-dispatcher -n @ --log-level error -r t.pcap --quarantine " file)
    REFUSED("link.pcap", "--quarantine 'link.pcap' is a symbolic link, which is not followed: give "
                         "the file itself");
    REFUSED("nowhere.pcap", "--quarantine 'nowhere.pcap' is a symbolic link");
    REFUSED("notes", "--quarantine 'notes' is not a capture: move it away, or give another file");
    REFUSED("older.pcap", "--quarantine 'older-EN10MB.pcap' is a capture in microseconds: move it "
                          "away, or give another file");
#undef REFUSED
    assert_false(file_exists(t, "none.pcap"));
    expect_size(t, "older.pcap", size);
    expect_size(t, "older-EN10MB.pcap", size);
}

static void what_does_not_fit_the_packets_of_a_pipe_makes_status_1(void **state) {
    struct test *t = *state;
    struct feed feed;
    off_t size = make_older(t, "bad.pcap", PCAP_TSTAMP_PRECISION_MICRO, 1);
    make_older(t, "bad-EN10MB.pcap", PCAP_TSTAMP_PRECISION_MICRO, 1);
    let_workers_fail(t);
    struct process *run = process_start_piped(t, RUN "-r -");
    feed_open(&feed, t, "t.pcap", FEED_LINK_ETHERNET, run);
    feed_packet(&feed, 7, POISON);
    feed_flows(&feed, 0, FLOWS, 1);
    feed_close(&feed);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "--quarantine 'bad-EN10MB.pcap' is a capture in microseconds");
    expect_said(t, run, "it is quarantined and could not be kept");
    expect_said(t, run, "1 packet that killed workers could not be kept in 'bad.pcap'");
    const json_t *report = report_of(t, "out.json");
    expect_counts(report, (json_int_t)feed.frames, 1, 0);
    expect_lost(report, 1);
    expect_size(t, "bad.pcap", size);
    expect_size(t, "bad-EN10MB.pcap", size);
}

/* The limit is above all else that the dispatcher writes: objects in shared memory, the report. */
static void a_file_that_cannot_grow_makes_status_1_and_kills_no_process(void **state) {
    struct test *t = *state;
    struct feed feed;
    off_t size = make_older(t, "bad.pcap", PCAP_TSTAMP_PRECISION_NANO, 40);
    let_workers_fail(t);
    struct process *run = process_start_piped(t, RUN "-r -");
    feed_open(&feed, t, "t.pcap", FEED_LINK_ETHERNET, run);
    feed_flows(&feed, 0, FLOWS, 1);
    await_fed(t, &feed);
    const struct rlimit limit = {(rlim_t)size + 30, (rlim_t)size + 30};
    assert_int_equal(prlimit(process_of_dispatcher(t->name), RLIMIT_FSIZE, &limit, NULL), 0);
    feed_packet(&feed, 7, POISON);
    feed_packet(&feed, 8, POISON);
    feed_flows(&feed, 0, FLOWS, 1);
    feed_close(&feed);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run,
                "frame 51 could not be written to the quarantine file bad.pcap: there is "
                "room for a part of it only");
    expect_said(t, run, "2 packets that killed workers could not be kept in 'bad.pcap'");
    const json_t *report = report_of(t, "out.json");
    expect_counts(report, (json_int_t)feed.frames, 2, 0);
    expect_lost(report, 2);
    expect_size(t, "bad.pcap", size);
}

static void a_run_without_poison_leaves_no_file(void **state) {
    struct test *t = *state;
    struct feed feed;
    feed_open(&feed, t, "t.pcap", FEED_LINK_ETHERNET, NULL);
    feed_flows(&feed, 0, FLOWS, 1);
    feed_close(&feed);
    let_workers_fail(t);
    struct process *run = process_start(t, RUN "-r t.pcap");
    process_expect(t, run, EXIT_DONE);
    assert_false(file_exists(t, "bad.pcap"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(poison_kills_two_processes_and_lies_in_the_file_as_captured),
        PROCESS_TEST(without_a_file_poison_is_counted_and_not_kept),
        PROCESS_TEST(with_failover_immediate_poison_kills_one_process_and_no_other_worker),
        PROCESS_TEST(a_flow_of_poison_costs_three_packets_and_is_bypassed),
        PROCESS_TEST(each_link_type_has_a_quarantine_file_of_its_own),
        PROCESS_TEST(beside_a_capture_in_microseconds_poison_lies_in_another_file),
        PROCESS_TEST(what_cannot_take_poison_is_refused_before_the_run),
        PROCESS_TEST(what_does_not_fit_the_packets_of_a_pipe_makes_status_1),
        PROCESS_TEST(a_file_that_cannot_grow_makes_status_1_and_kills_no_process),
        PROCESS_TEST(a_run_without_poison_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
