/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/doors.h"

void make_door_trace(struct test *t) {
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --packets %d --flows 200 --rate 10000", DOOR_PACKETS),
        EXIT_DONE);
}

struct process *start_door(struct test *t, const char *inspector, const char *options) {
    static char copy[1024];
    const char *words[40] = {"flow-balancer", "run",       "-n",        t->name,    "-r",
                             "t.pcap",        "--timeout", "all=never", "--report", "out.json",
                             "--inspector",   inspector};
    unsigned count = 12;
    snprintf(copy, sizeof copy, "%s", options);
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;)
        words[count++] = word;
    words[count] = NULL;
    return process_start_words(t, words);
}

json_int_t counter_of(const json_t *report, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "inspectors.%s", name);
    return number_at(report, path);
}

const json_t *expect_door_inspected(struct test *t) {
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", DOOR_PACKETS);
    expect_number(report, "ledger.quarantined", 0);
    return report;
}
