/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/flow.c with workers killed: each flow of the run has a record, also those whose
 * packets were all taken by a process that is gone, and one is there twice only if it says that it
 * may be.
 */
#include "tests/lib/life.h"
#include "tests/lib/plugins.h"

#include <signal.h>
#include <stdlib.h>

#define KILLS 4
#define PACKETS 60000 /* in six seconds; most flows end meanwhile */
#define RECORDS_MOST 100000u
#define LINE_BYTES 4096
#define OPTIONS                                                                                    \
    "-w 2 --failover never --speed 0.5 --timeout all=1 --inspector flow --report out.json "

/* What the files say of the flows of a run. */
struct told {
    json_int_t ids[RECORDS_MOST];
    unsigned records;
    unsigned again; /* records of an end that came again */
    unsigned empty; /* of flows whose packets another process had */
};

static void note_record(struct told *told, const json_t *event) {
    if (strcmp(json_string_value(json_object_get(event, "event_type")), "flow") != 0)
        return;
    assert_true(told->records < RECORDS_MOST);
    told->ids[told->records++] = number_at(event, "flow_balancer.flow");
    const json_t *ours = json_object_get(event, "flow_balancer");
    bool is_again = json_object_get(ours, "end_redelivered") != NULL;
    told->again += is_again;
    if (number_at(event, "flow.pkts_toserver") + number_at(event, "flow.pkts_toclient") == 0) {
        assert_non_null(json_object_get(ours, "mid_stream"));
        assert_non_null(json_object_get(event, "src_ip"));
        told->empty++;
    }
}

static void note_records(struct test *t, struct told *told, const char *name) {
    char line[LINE_BYTES];
    FILE *file = fopen(file_in(t, name), "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        json_t *event = json_loads(line, 0, NULL);
        assert_non_null(event);
        note_record(told, event);
        json_decref(event);
    }
    fclose(file);
}

static int compare_ids(const void *a, const void *b) {
    json_int_t first = *(const json_int_t *)a, second = *(const json_int_t *)b;
    return (first > second) - (first < second);
}

static unsigned count_different(struct told *told) {
    unsigned different = 0;
    qsort(told->ids, told->records, sizeof *told->ids, compare_ids);
    for (unsigned i = 0; i < told->records; i++)
        different += i == 0 || told->ids[i] != told->ids[i - 1];
    return different;
}

static void each_flow_has_a_record_though_workers_are_killed(void **state) {
    struct test *t = *state;
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --packets %d --flows 900 --rate 20000", PACKETS),
        EXIT_DONE);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap " OPTIONS "--eve file:eve-%%k.json");
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t pid = 0;
        UNTIL(t, (pid = ready_pid(t, i % 2)) != 0);
        pause_ms(100 + 37 * i);
        kill(pid, SIGKILL);
        UNTIL(t, is_back(t, i % 2, pid));
    }
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.received", PACKETS);
    assert_int_equal(sum_of_workers(report, "restarts"), KILLS);
    static struct told told;
    note_records(t, &told, "eve-0.json");
    note_records(t, &told, "eve-1.json");
    assert_int_equal(count_different(&told), number_at(report, "flows.created"));
    assert_in_range(told.records, 0, number_at(report, "flows.created") + told.again);
    assert_in_range(told.again, 0, KILLS);
    assert_true(told.empty > 0); /* or nothing was tried */
}

/* It has what the worker had open, and a lock would live on in it. */
static void a_child_of_an_inspector_keeps_no_file_from_the_next_worker(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 20000 --flows 90 --rate 10000"),
                     EXIT_DONE);
    use_plugin(t, "misbehave");
    struct process *run = process_start(
        t, "flow-balancer run -n @ -r t.pcap -w 1 --speed 0.5 --failover never --report out.json "
           "--inspector ./misbehave.so:packet,child! --inspector flow --eve file:eve-%%k.json");
    UNTIL(t, file_exists(t, "done")); /* it has forked */
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 0)) != 0);
    kill(pid, SIGKILL);
    UNTIL(t, is_back(t, 0, pid));
    process_expect(t, run, EXIT_DONE);
    fclose(fopen(file_in(t, "end"), "we")); /* for the child */
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "workers.0.restarts", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(each_flow_has_a_record_though_workers_are_killed),
        PROCESS_TEST(a_child_of_an_inspector_keeps_no_file_from_the_next_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
