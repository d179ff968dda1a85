/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers that break in every way that the inspector `fault` knows, under a
 * real dispatcher: what they break is theirs alone. Worker 0 breaks, worker 1
 * never notices; the number 0 is served on by a new process, started by hand.
 */
#include "tests/lib/life.h"

#include <pcap/pcap.h>
#include <signal.h>
#include <unistd.h>

#define TRACE_PACKETS 10000
/* Rings that fill up: the dispatcher waits for the broken worker with packets in its hands. */
#define DISPATCHER                                                                                 \
    "flow-dispatcher -n @ -r t.pcap -w 2 --ring-depth 500 --timeout all=never --failover never "   \
    "--report out.json"

struct play {
    struct process *dispatcher, *workers[2];
};

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10000 --flows 200 --ipv6 0.3"),
                     EXIT_DONE);
}

/* A worker that breaks by these rules, or by none. */
static struct process *start_worker(struct test *t, unsigned worker, const char *rules) {
    if (rules == NULL)
        return process_start(t, "flow-worker -n @ -k %u --inspector record:rec", worker);
    return process_start(t, "flow-worker-fault -n @ -k %u --inspector fault:rec,%s", worker, rules);
}

static void begin(struct test *t, struct play *play, const char *rules) {
    make_trace(t);
    play->dispatcher = process_start(t, DISPATCHER);
    play->workers[0] = start_worker(t, 0, rules);
    play->workers[1] = start_worker(t, 1, NULL);
}

/* Starts the next process of a number once the dispatcher has seen the end of the last one. */
static void replace(struct test *t, struct play *play, unsigned worker, const char *rules) {
    UNTIL(t, worker_is(t, t->name, worker, "vacant"));
    play->workers[worker] = start_worker(t, worker, rules);
}

static const json_t *finish(struct test *t, struct play *play) {
    process_expect(t, play->workers[0], EXIT_DONE);
    process_expect(t, play->workers[1], EXIT_DONE);
    process_expect(t, play->dispatcher, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.received", TRACE_PACKETS);
    return report;
}

/* Makes place for another run in the same test. */
static void forget_run(struct test *t) {
    unlink(file_in(t, "rec/worker-0.tsv"));
    unlink(file_in(t, "rec/worker-1.tsv"));
    processes_forget(t);
}

/* ---- what was recorded */

/* Each packet of the trace once, in order, its flow on one worker; so many are flagged. */
static void expect_whole(struct test *t, size_t redelivered) {
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, "rec"));
    trace_read(&trace, file_in(t, "t.pcap"));
    expect_frames_once(&records, TRACE_PACKETS);
    expect_flows_in_order(&records, false);
    expect_tuples_whole(&records, &trace);
    assert_int_equal(records_drop_redelivered(&records), redelivered);
    trace_free(&trace);
    records_free(&records);
}

static void expect_died(struct test *t, struct play *play, json_int_t deaths) {
    const json_t *report = finish(t, play);
    expect_number(report, "ledger.inspected", TRACE_PACKETS);
    expect_number(report, "workers.0.restarts", deaths);
    expect_number(report, "workers.1.restarts", 0);
    expect_number(report, "redelivered", deaths);
    assert_int_equal(json_object_size(value_at(report, "violations")), 0);
    expect_whole(t, (size_t)deaths);
}

static void keep_worker(struct records *records, unsigned worker) {
    size_t kept = 0;
    for (size_t i = 0; i < records->count; i++)
        if (records->rows[i].worker == worker)
            records->rows[kept++] = records->rows[i];
    records->count = kept;
}

/* Every packet of every flow that worker 1 has, once and in order. */
static void expect_other_worker_whole(struct test *t) {
    struct records records;
    struct trace trace;
    records_read(&records, file_in(t, "rec"));
    trace_read(&trace, file_in(t, "t.pcap"));
    keep_worker(&records, 1);
    assert_true(records.count > TRACE_PACKETS / 10);
    expect_flows_in_order(&records, false);
    expect_tuples_whole(&records, &trace);
    bool *its = calloc(trace.tuple_count, sizeof *its);
    assert_non_null(its);
    for (size_t i = 0; i < records.count; i++)
        its[trace.tuples[records.rows[i].frame - 1]] = true;
    size_t wanted = 0;
    for (size_t i = 0; i < trace.count; i++)
        wanted += its[trace.tuples[i]];
    assert_int_equal(records.count, wanted);
    assert_int_equal(records_drop_redelivered(&records), 0);
    free(its);
    trace_free(&trace);
    records_free(&records);
}

/* How many frames no worker recorded. */
static size_t count_missing(struct test *t) {
    struct records records;
    records_read(&records, file_in(t, "rec"));
    records_by_frame(&records);
    size_t seen = 0;
    for (size_t i = 0; i < records.count; i++)
        seen += i == 0 || records.rows[i].frame != records.rows[i - 1].frame;
    records_free(&records);
    return TRACE_PACKETS - seen;
}

/* ---- deaths */

static void however_a_worker_dies_its_packet_comes_again_and_nothing_else(void **state) {
    static const struct {
        const char *rules;
        int status;
    } deaths[] = {
        {"crash@100", 128 + SIGSEGV},
        {"kill@1", 128 + SIGKILL},
        {"exit@777", 7},
    };
    struct test *t = *state;
    for (unsigned i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        struct play play;
        begin(t, &play, deaths[i].rules);
        process_expect(t, play.workers[0], deaths[i].status);
        replace(t, &play, 0, NULL);
        expect_died(t, &play, 1);
        forget_run(t);
    }
}

static void a_worker_that_dies_at_each_300th_packet_loses_nothing(void **state) {
    struct test *t = *state;
    struct play play;
    json_int_t deaths = 0;
    begin(t, &play, "crash@%300");
    while (process_wait(t, play.workers[0]) != EXIT_DONE) {
        process_expect(t, play.workers[0], 128 + SIGSEGV);
        replace(t, &play, 0, "crash@%300");
        deaths++;
    }
    expect_died(t, &play, deaths);
    /* Each process but the last finished 299 packets, one of them after the process before it. */
    json_int_t packets = number_at(report_of(t, "out.json"), "workers.0.packets");
    assert_int_not_equal(deaths, 0);
    assert_int_equal(deaths, (packets - 1) / 299);
}

/* How often a process has gone to sleep. */
static unsigned long sleeps_of(const struct process *p) {
    char path[64], line[128];
    unsigned long sleeps = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)p->pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL &&
           sscanf(line, "voluntary_ctxt_switches: %lu", &sleeps) != 1)
        ;
    fclose(file);
    return sleeps;
}

/* The processor time that a process has used, in seconds. */
static double processor_time(const struct process *p) {
    char path[64];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)p->pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(
        fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
        2);
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* In its own processor time, which a busy machine does not stretch: 0.03 ms a sleep measured. */
static void expect_sleeping(struct test *t, const struct process *p) {
    enum { SLEEPS = 200 };
    double used = processor_time(p);
    unsigned long since = sleeps_of(p);
    UNTIL(t, sleeps_of(p) - since >= SLEEPS);
    used = processor_time(p) - used;
    if (used > SLEEPS * 0.001)
        fail_msg("it used %.2f s of the processor while it slept %d times", used, SLEEPS);
}

/* Worker 0 has begun its packet 100 and gets no further, and the ring is full behind it. */
static bool is_stuck(struct test *t) {
    const json_t *report = stat_of(t, t->name);
    return report != NULL && number_at(report, "workers.0.backlog") == 500;
}

static void while_a_worker_is_stuck_the_dispatcher_waits_without_spinning(void **state) {
    static const char *const ways[] = {"hang@100", "sleep@100", "stop@100"};
    struct test *t = *state;
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct play play;
        begin(t, &play, ways[i]);
        UNTIL(t, is_stuck(t));
        expect_sleeping(t, play.dispatcher);
        process_signal(play.workers[0], SIGKILL);
        process_expect(t, play.workers[0], 128 + SIGKILL);
        replace(t, &play, 0, NULL);
        expect_died(t, &play, 1);
        forget_run(t);
    }
}

static void the_death_of_a_worker_shows_though_its_child_lives_on(void **state) {
    struct test *t = *state;
    struct play play;
    int child = 0;
    begin(t, &play, "fork=4@100,kill@100");
    process_expect(t, play.workers[0], 128 + SIGKILL);
    replace(t, &play, 0, NULL);
    expect_died(t, &play, 1);
    FILE *file = fopen(file_in(t, "rec/child"), "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &child), 1);
    fclose(file);
    assert_int_equal(kill(child, 0), 0); /* it held on to the end of the run */
    UNTIL(t, kill(child, 0) != 0);
}

static void a_slow_worker_loses_nothing(void **state) {
    struct test *t = *state;
    struct play play;
    begin(t, &play, "slow=1000@%100");
    expect_died(t, &play, 0);
}

/* ---- poison */

/* Sixteen bytes, in hexadecimal digits, that one packet of the trace has and no other. */
static uint64_t find_rare_bytes(struct test *t, char hex[33]) {
    enum { AT = 34, BYTES = 16, NTH = 3000 }; /* past the fixed part of an IP header */
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *data;
    uint8_t wanted[BYTES] = {0};
    unsigned found = 0;
    for (unsigned round = 0; round < 2; round++) {
        pcap_t *pcap = pcap_open_offline(file_in(t, "t.pcap"), error);
        assert_non_null(pcap);
        for (unsigned n = 1; pcap_next_ex(pcap, &header, &data) == 1; n++) {
            if (round == 0 && n == NTH)
                memcpy(wanted, data + AT, BYTES);
            found += round == 1 && memmem(data, header->caplen, wanted, BYTES) != NULL;
        }
        pcap_close(pcap);
    }
    assert_int_equal(found, 1);
    for (unsigned i = 0; i < BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", wanted[i]);
    return NTH;
}

static void a_poison_packet_kills_who_looks_at_it_and_costs_no_other_a_packet(void **state) {
    struct test *t = *state;
    struct play play;
    char hex[33], rules[64];
    make_trace(t);
    uint64_t poison = find_rare_bytes(t, hex);
    snprintf(rules, sizeof rules, "crash@=%s", hex);
    play.dispatcher = process_start(t, DISPATCHER);
    for (unsigned k = 0; k < 2; k++)
        play.workers[k] = start_worker(t, k, rules);
    UNTIL(t, process_ended(t, play.workers[0]) || process_ended(t, play.workers[1]));
    unsigned dead = process_ended(t, play.workers[1]);
    process_expect(t, play.workers[dead], 128 + SIGSEGV);
    replace(t, &play, dead, rules);
    process_expect(t, play.workers[dead], 128 + SIGSEGV);
    replace(t, &play, dead, NULL); /* whom it would not kill */
    const json_t *report = finish(t, &play);
    json_int_t quarantined = number_at(report, "ledger.quarantined");
    assert_in_range(quarantined, 0, 1);
    expect_number(report, "ledger.inspected", TRACE_PACKETS - quarantined);
    struct records records;
    records_read(&records, file_in(t, "rec"));
    records_by_frame(&records);
    for (size_t i = 0; i < records.count; i++)
        if (records.rows[i].frame != i + 1 + (quarantined != 0 && i + 1 >= poison) ||
            ((records.rows[i].flags & RECORD_REDELIVERED) != 0) !=
                (records.rows[i].frame == poison))
            fail_msg("row %zu: frame %d, flags %#x", i + 1, (int)records.rows[i].frame,
                     records.rows[i].flags);
    assert_int_equal(records.count, TRACE_PACKETS - quarantined);
    records_free(&records);
}

/* ---- violations */

/* One process of worker 0 does it, and is revoked or dead; the next one serves on. */
static void break_once(struct test *t, const char *rules, const char *violation, bool lossless) {
    struct play play;
    begin(t, &play, rules);
    struct process *broken = play.workers[0];
    /* It may live on, and hold what it had: the number is free all the same. */
    replace(t, &play, 0, NULL);
    const json_t *report = finish(t, &play);
    if (violation != NULL)
        expect_number(value_at(report, "violations"), violation, 1);
    assert_int_equal(json_object_size(value_at(report, "violations")), 1);
    expect_number(report, "ledger.inspected", TRACE_PACKETS);
    expect_number(report, "workers.0.restarts", 1);
    expect_other_worker_whole(t);
    size_t missing = count_missing(t);
    if ((missing == 0) != lossless)
        fail_msg("%s: %zu packets were not recorded", rules, missing);
    if (!process_ended(t, broken))
        process_signal(broken, SIGKILL);
    process_wait(t, broken);
    forget_run(t);
}

static void what_a_living_worker_lies_about_is_counted_and_it_is_revoked(void **state) {
    /* Beyond what a ring of 500 can be published to before the dispatcher looks. */
    break_once(*state, "consumed-ahead=501@100,sleep@100", "consumed_ahead", true);
    break_once(*state, "consumed-ahead=4000000000@100,sleep@100", "consumed_ahead", true);
    break_once(*state, "consumed-back@100,sleep@100", "consumed_back", true);
    break_once(*state, "status=0@100,sleep@100", "state_value", true);
    break_once(*state, "status@100,sleep@100", "state_value", true);
    break_once(*state, "truncate@100,sleep@100", "fault", true);
}

static void what_a_dead_worker_lied_about_is_counted(void **state) {
    break_once(*state, "consumed-ahead@100,kill@100", "consumed_ahead", true);
    break_once(*state, "cursor-ahead@100,kill@100", "cursor_range", true);
    break_once(*state, "cursor-back@100,kill@100", "cursor_range", true);
    break_once(*state, "truncate@100", "fault", true);
}

static void who_claims_to_have_finished_all_loses_packets_of_its_own_only(void **state) {
    break_once(*state, "consumed-all@100,kill@100", "cursor_range", false);
}

static void random_bytes_in_all_that_a_worker_may_write_hurt_no_other(void **state) {
    for (unsigned seed = 1; seed <= 5; seed++) {
        char rules[64];
        snprintf(rules, sizeof rules, "scribble=%u@100,sleep@100", seed);
        break_once(*state, rules, NULL, true);
    }
}

static void who_scribbles_and_goes_on_is_revoked_and_leaves(void **state) {
    enum { TIMES = 5 };
    struct test *t = *state;
    struct play play;
    begin(t, &play, "scribble=1@100,slow=200@%1");
    for (unsigned i = 0; i < TIMES; i++) {
        char rules[64];
        process_expect(t, play.workers[0], 3);
        expect_said(t, play.workers[0], "revoked by the dispatcher");
        snprintf(rules, sizeof rules, "scribble=%u@100,slow=200@%%1", i + 2);
        replace(t, &play, 0, i + 1 < TIMES ? rules : NULL);
    }
    const json_t *report = finish(t, &play);
    json_int_t violations = 0;
    const char *name;
    json_t *count;
    json_object_foreach((json_t *)(uintptr_t)value_at(report, "violations"), name, count)
        violations += json_integer_value(count);
    assert_int_equal(violations, TIMES);
    expect_number(report, "ledger.inspected", TRACE_PACKETS);
    expect_other_worker_whole(t);
    assert_int_equal(count_missing(t), 0);
}

/* ---- what it prints */

static void what_a_worker_prints_goes_to_standard_error(void **state) {
    struct test *t = *state;
    struct play play;
    begin(t, &play, "print@%1000");
    finish(t, &play);
    expect_said(t, play.workers[0], "inspector fault: frame ");
    assert_string_equal(process_output(t, play.workers[0]), "");
}

static void a_report_on_standard_output_has_nothing_else_in_it(void **state) {
    struct test *t = *state;
    make_trace(t);
    let_workers_fail(t);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --report - "
                                           "--inspector fault:rec,print@%%100");
    process_expect(t, run, EXIT_DONE);
    json_t *report = json_loads(process_output(t, run), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(report);
    expect_all_inspected(report, TRACE_PACKETS);
    json_decref(report);
    expect_said(t, run, "inspector fault: frame ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(however_a_worker_dies_its_packet_comes_again_and_nothing_else),
        PROCESS_TEST(a_worker_that_dies_at_each_300th_packet_loses_nothing),
        PROCESS_TEST(while_a_worker_is_stuck_the_dispatcher_waits_without_spinning),
        PROCESS_TEST(the_death_of_a_worker_shows_though_its_child_lives_on),
        PROCESS_TEST(a_slow_worker_loses_nothing),
        PROCESS_TEST(a_poison_packet_kills_who_looks_at_it_and_costs_no_other_a_packet),
        PROCESS_TEST(what_a_living_worker_lies_about_is_counted_and_it_is_revoked),
        PROCESS_TEST(what_a_dead_worker_lied_about_is_counted),
        PROCESS_TEST(who_claims_to_have_finished_all_loses_packets_of_its_own_only),
        PROCESS_TEST(random_bytes_in_all_that_a_worker_may_write_hurt_no_other),
        PROCESS_TEST(who_scribbles_and_goes_on_is_revoked_and_leaves),
        PROCESS_TEST(what_a_worker_prints_goes_to_standard_error),
        PROCESS_TEST(a_report_on_standard_output_has_nothing_else_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
