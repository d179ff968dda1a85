/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/flow.c and worker/records/eve.c in whole runs over captures that others made:
 * records add up to what was inspected, have the Community IDs of the truth, are those of Suricata,
 * and are valid by the schema, which accepts nothing else. What a line is to be is judged by
 * eve_cases.py. Events of a plugin (worker/records/eve_inspector.c) are among them.
 */
#include "tests/lib/life.h"
#include "tests/lib/plugins.h"
#include "tests/lib/samples.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAPTURES_LEAST 100u /* that can be read: fewer, and something is wrong with the test */
#define FLOWS_LEAST 8000u
#define PACKETS_LEAST 140000u
#define SAME_LEAST 4500u
#define ANOMALIES_LEAST 40u
#define NAME_MAX_BYTES 128u
#define WORKERS_MAX 3u
#define NEEDS_JSONSCHEMA 77

/* Python with a case, which has to succeed; what it printed, good until the next process ends. */
static const char *judged(struct test *t, const char *arguments) {
    char cwd[PROCESS_PATH_MAX];
    assert_non_null(getcwd(cwd, sizeof cwd));
    struct process *p =
        process_start(t, "/usr/bin/python3 %s/tests/proc/eve_cases.py %s", cwd, arguments);
    int status = process_wait(t, p);
    if (status == NEEDS_JSONSCHEMA)
        SKIP("python3-jsonschema is not installed: scripts/install-deps --all has it");
    if (status != EXIT_DONE) {
        print_error("%s\n", process_output(t, p));
        fail_msg("%s: %s", arguments, process_errors(t, p));
    }
    return process_output(t, p);
}

static const char *schema(void) {
    static char path[PROCESS_PATH_MAX];
    char cwd[PROCESS_PATH_MAX / 2];
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(path, sizeof path, "%s/scripts/schema/eve.schema.json", cwd);
    return path;
}

/* ---- all captures */

typedef void capture_run(struct test *t, const char *folder, const char *name, unsigned workers);

/* Each file that has a name as a capture has it. Returns how many there were. */
static unsigned each_capture(struct test *t, capture_run *run, unsigned workers) {
    const char *folder = samples_folder(SAMPLES_CAPTURES);
    char path[PROCESS_PATH_MAX];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s", folder);
    DIR *entries = opendir(path);
    assert_non_null(entries);
    assert_int_equal(mkdir(file_in(t, "out"), 0700), 0);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char out[NAME_MAX_BYTES + 8];
        if (strstr(entry->d_name, "cap") == NULL || strchr(entry->d_name, '.') == NULL ||
            entry->d_type == DT_DIR || strlen(entry->d_name) >= NAME_MAX_BYTES)
            continue;
        snprintf(out, sizeof out, "out/%s", entry->d_name);
        assert_int_equal(mkdir(file_in(t, out), 0700), 0);
        run(t, path, entry->d_name, workers);
        processes_forget(t);
        count++;
    }
    closedir(entries);
    return count;
}

/* A file that the dispatcher refuses has no folder afterwards. */
static void run_capture(struct test *t, const char *folder, const char *name, unsigned workers) {
    struct process *dispatcher, *worker[WORKERS_MAX];
    char out[NAME_MAX_BYTES + 8];
    dispatcher = process_start(t,
                               "flow-dispatcher -n @ -r %s/%s -w %u --ring-bytes 1M "
                               "--max-flows 100000 --hugepages never --failover never "
                               "--log-level error --report out/%s/report.json",
                               folder, name, workers, name);
    for (unsigned k = 0; k < workers; k++)
        worker[k] = process_start(t,
                                  "flow-worker -n @ -k %u --log-level error --inspector "
                                  "record:out/%s --inspector flow --eve file:out/%s/eve-%%k.json",
                                  k, name, name);
    process_wait(t, dispatcher);
    snprintf(out, sizeof out, "out/%s/report.json", name);
    bool is_refused = !file_exists(t, out);
    for (unsigned k = 0; k < workers; k++) {
        if (is_refused && !process_ended(t, worker[k]))
            process_signal(worker[k], SIGTERM);
        process_wait(t, worker[k]);
        if (!is_refused)
            process_expect(t, worker[k], EXIT_DONE);
    }
    snprintf(out, sizeof out, "out/%s", name);
    if (is_refused)
        assert_int_equal(process_run(t, "/usr/bin/env rm -r %s", out), EXIT_DONE);
}

static void records_are_what_the_truth_says(struct test *t, unsigned workers) {
    char arguments[2 * PROCESS_PATH_MAX];
    assert_true(each_capture(t, run_capture, workers) >= CAPTURES_LEAST);
    snprintf(arguments, sizeof arguments, "truth %s out", samples_folder(SAMPLES_CAPTURES));
    unsigned flows, packets, ids;
    assert_int_equal(sscanf(judged(t, arguments), "%u flows, %u packets, %u Community IDs", &flows,
                            &packets, &ids),
                     3);
    assert_in_range(flows, FLOWS_LEAST, UINT_MAX);
    assert_in_range(packets, PACKETS_LEAST, UINT_MAX);
    assert_in_range(ids, FLOWS_LEAST / 2, UINT_MAX);
}

static void records_of_one_worker_add_up(void **state) {
    records_are_what_the_truth_says(*state, 1);
}

static void every_line_is_valid_by_the_schema(struct test *t) {
    char arguments[2 * PROCESS_PATH_MAX];
    snprintf(arguments, sizeof arguments, "valid %s out", schema());
    unsigned anomalies, flows, stats;
    assert_int_equal(
        sscanf(judged(t, arguments), "anomaly=%u flow=%u stats=%u", &anomalies, &flows, &stats), 3);
    assert_in_range(anomalies, ANOMALIES_LEAST, UINT_MAX);
    assert_in_range(flows, FLOWS_LEAST, UINT_MAX);
    assert_in_range(stats, 2 * CAPTURES_LEAST, UINT_MAX);
}

static void records_of_three_workers_add_up_and_are_valid(void **state) {
    records_are_what_the_truth_says(*state, 3);
    every_line_is_valid_by_the_schema(*state);
}

/* ---- the schema */

static void a_line_with_another_name_or_type_is_refused(void **state) {
    struct test *t = *state;
    char arguments[PROCESS_PATH_MAX + 16];
    snprintf(arguments, sizeof arguments, "refused %s", schema());
    unsigned changes;
    assert_int_equal(sscanf(judged(t, arguments), "%u changes", &changes), 1);
    assert_in_range(changes, 2000, UINT_MAX);
}

/* ---- a plugin ---------------------------------------------------------------------------------
 */

static void events_of_a_plugin_are_among_the_records(void **state) {
    struct test *t = *state;
    char arguments[PROCESS_PATH_MAX + 16];
    use_plugin(t, "alerts");
    assert_int_equal(process_run(t, "/usr/bin/env mkdir -p out/t"), EXIT_DONE);
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 3000 --flows 50 --ipv6 0.3"),
                     EXIT_DONE);
    struct process *run = process_start(
        t, "flow-balancer run -n @ -r t.pcap -w 2 --inspector flow --inspector ./alerts.so "
           "--eve file:out/t/eve-%%k.json --timeout all=never --report out.json");
    process_expect(t, run, EXIT_DONE);
    json_int_t flows = number_at(report_of(t, "out.json"), "flows.created");
    snprintf(arguments, sizeof arguments, "valid %s out", schema());
    unsigned alerts, records, sizes, stats;
    const char *counts = judged(t, arguments);
    assert_int_equal(
        sscanf(counts, "alert=%u flow=%u size=%u stats=%u", &alerts, &records, &sizes, &stats), 4);
    assert_int_equal(alerts, flows);
    assert_int_equal(records, flows);
    assert_int_equal(sizes, flows);
    struct process *grep =
        process_start(t, "/usr/bin/env grep -ch \"alerted\":true out/t/eve-0.json "
                         "out/t/eve-1.json");
    process_expect(t, grep, EXIT_DONE);
    unsigned alerted[2];
    assert_int_equal(sscanf(process_output(t, grep), "%u %u", &alerted[0], &alerted[1]), 2);
    assert_int_equal(alerted[0] + alerted[1], flows);
}

/* ---- Suricata -------------------------------------------------------------------------------- */

/* A capture at a time, each in less than a deadline. */
static void run_suricata(struct test *t, const char *folder, const char *name, unsigned workers) {
    char arguments[3 * PROCESS_PATH_MAX];
    (void)workers;
    snprintf(arguments, sizeof arguments, "both %s %s out %s", t->programs, folder, name);
    judged(t, arguments);
}

/* Direction, packets, bytes, state and reason; eve_cases.py says why some differ, and how many may.
 */
static void flows_are_those_that_suricata_sees(void **state) {
    struct test *t = *state;
    char arguments[2 * PROCESS_PATH_MAX];
    if (access("/usr/bin/suricata", X_OK) != 0)
        SKIP("suricata is not installed: Debian 12 has version 7 in bookworm-backports");
    assert_true(each_capture(t, run_suricata, 0) >= CAPTURES_LEAST);
    snprintf(arguments, sizeof arguments, "suricata %s out", samples_folder(SAMPLES_CAPTURES));
    unsigned same;
    assert_int_equal(sscanf(judged(t, arguments), "%u flows are the same", &same), 1);
    assert_in_range(same, SAME_LEAST, UINT_MAX);
}

/* ---- what is refused */

static void flow_needs_a_place_for_its_records(void **state) {
    struct test *t = *state;
    struct process *p = process_start(t, "flow-worker --check --inspector flow");
    process_expect(t, p, EXIT_WRONG_USAGE);
    expect_one_line_with(t, p, "give --eve, such as --eve file:flows-%k.json");
    processes_forget(t);
    p = process_start(t, "flow-worker --check --inspector flow:x --eve file:f.json");
    process_expect(t, p, EXIT_WRONG_USAGE);
    expect_one_line_with(t, p, "flow takes no arguments: leave out \":x\"");
}

static void a_flow_has_one_record(void **state) {
    struct test *t = *state;
    struct process *p = process_start(
        t, "flow-worker --check --inspector flow --inspector count --inspector flow --eve -");
    process_expect(t, p, EXIT_WRONG_USAGE);
    expect_one_line_with(t, p, "each writes a record a flow: leave one of them out");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(records_of_one_worker_add_up),
        PROCESS_TEST(records_of_three_workers_add_up_and_are_valid),
        PROCESS_TEST(a_line_with_another_name_or_type_is_refused),
        PROCESS_TEST(events_of_a_plugin_are_among_the_records),
        PROCESS_TEST(flows_are_those_that_suricata_sees),
        PROCESS_TEST(flow_needs_a_place_for_its_records),
        PROCESS_TEST(a_flow_has_one_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
