/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scripts/supervisor/reload.py under the real programs: workers read their rules again, one
 * after the other, and what they name themselves is in the report.
 */
#include "tests/lib/life.h"

#include <signal.h>
#include <unistd.h>

#define WORKERS 3u

/* As under a service manager: on a terminal the signal means that it has gone. */
static void leave_terminal(const struct test *t) {
    setsid();
    setenv("FB_BUILD", file_in(t, "programs"), 1);
}

static void write_text(struct test *t, const char *name, const char *text) {
    char path[32];
    snprintf(path, sizeof path, "%s.new", name); /* in one step */
    FILE *file = fopen(file_in(t, path), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(file_in(t, path), file_in(t, name)), 0);
}

/* What the worker shows as its rules now; -1: nothing yet, though it may have become ready since
 * its up side was read. */
static json_int_t version(struct test *t, unsigned worker) {
    static const char *const keys[] = {"inspectors", "rules", "version"};
    if (!worker_is(t, t->name, worker, "ready"))
        return -1;
    const json_t *at = json_array_get(json_object_get(t->report, "workers"), worker);
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
        at = json_object_get(at, keys[i]);
    return json_is_integer(at) ? json_integer_value(at) : -1;
}

static bool all_have(struct test *t, json_int_t wanted) {
    for (unsigned k = 0; k < WORKERS; k++) {
        if (version(t, k) != wanted)
            return false;
    }
    return true;
}

/* A run over and over of a trace, whose workers all have version 1. */
static struct process *begin(struct test *t, const char *options) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 1000 --flows 100"), EXIT_DONE);
    let_workers_be(t, "flow-worker-rules");
    t->enter = leave_terminal;
    write_text(t, "rules", "1\n");
    struct process *run = process_start(t,
                                        "flow-balancer run -n @ -r t.pcap --loop 1000000 -w 3 "
                                        "--timeout all=never --report out.json %s",
                                        options);
    UNTIL(t, all_have(t, 1));
    return run;
}

static void end(struct test *t, struct process *run) {
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    json_int_t received = number_at(report, "ledger.received");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", received);
    expect_number(report, "inspectors.rules.packets", received);
}

static struct process *reload(struct test *t, int status) {
    struct process *p = process_start(t, "flow-balancer reload -n @");
    process_expect(t, p, status);
    return p;
}

static void rules_are_read_again_by_every_worker_without_a_loss(void **state) {
    struct test *t = *state;
    struct process *run = begin(t, "");
    write_text(t, "rules", "2\n");
    struct process *p = reload(t, EXIT_DONE);
    assert_non_null(strstr(process_output(t, p), "workers 0, 1, 2 of '"));
    assert_non_null(strstr(t->text, "' read the rules again\n"));
    assert_true(all_have(t, 2));
    assert_int_equal(sum_of_workers(t->report, "self_reloads"), WORKERS);
    end(t, run);
    expect_number(t->report, "inspectors.rules.version", 2 * WORKERS);
    assert_int_equal(sum_of_workers(t->report, "restarts"), 0);
    assert_non_null(strstr(process_output(t, run), "inspectors, all together:\n"));
    assert_non_null(strstr(t->text, "              6  rules.version\n"));
}

static void a_signal_to_the_supervisor_does_the_same(void **state) {
    struct test *t = *state;
    write_text(t, "filter", "ip or ip6");
    struct process *run = begin(t, "-F filter");
    for (unsigned turn = 2; turn < 5; turn++) {
        char text[16];
        snprintf(text, sizeof text, "%u\n", turn);
        write_text(t, "rules", text);
        process_signal(run, SIGHUP);
        UNTIL(t, all_have(t, turn));
    }
    end(t, run);
}

static void a_wrong_filter_changes_no_rules_either(void **state) {
    struct test *t = *state;
    write_text(t, "filter", "ip or ip6");
    struct process *run = begin(t, "-F filter");
    write_text(t, "filter", "ip or ip7");
    write_text(t, "rules", "2\n");
    expect_one_line_with(t, reload(t, EXIT_RUNTIME), "filter \"ip or ip7\" does not fit");
    pause_ms(600); /* the supervisor has looked twice */
    assert_true(all_have(t, 1));
    write_text(t, "filter", "ip");
    assert_non_null(strstr(process_output(t, reload(t, EXIT_DONE)), "is now \"ip\"\n"));
    assert_true(all_have(t, 2));
    end(t, run);
}

static void a_worker_that_fails_keeps_its_old_rules_and_the_others_have_the_new(void **state) {
    struct test *t = *state;
    struct process *run = begin(t, "");
    write_text(t, "rules", "2\n");
    write_text(t, "rules-1", "bad\n");
    struct process *p = reload(t, EXIT_RUNTIME);
    expect_one_line_with(t, p, "worker 1 could not read the rules again");
    assert_non_null(strstr(process_output(t, p), "workers 0, 2 of '"));
    assert_int_equal(version(t, 0), 2);
    assert_int_equal(version(t, 1), 1);
    assert_int_equal(version(t, 2), 2);
    expect_number(t->report, "workers.1.self_reload_failures", 1);
    expect_said(t, run, "warning: worker 1 cannot read its rules again: it keeps the old ones");
    end(t, run);
}

static void a_worker_that_does_not_answer_is_said_and_the_others_have_the_new(void **state) {
    struct test *t = *state;
    struct process *run = begin(t, "");
    write_text(t, "rules", "2\n");
    write_text(t, "rules-0", "ignore\n");
    struct process *p = reload(t, EXIT_RUNTIME);
    expect_one_line_with(t, p, "worker 0 did not read the rules again within 10 s");
    assert_non_null(strstr(process_output(t, p), "workers 1, 2 of '"));
    assert_int_equal(version(t, 0), 1);
    assert_int_equal(version(t, 2), 2);
    end(t, run);
}

/* It comes back with what the file has then, as any worker that is started does. */
static void rules_that_kill_one_worker_are_not_given_to_the_next(void **state) {
    struct test *t = *state;
    struct process *run = begin(t, "");
    pid_t killed = ready_pid(t, 1), other = ready_pid(t, 2);
    write_text(t, "rules", "2\n");
    write_text(t, "rules-1", "kill\n");
    struct process *p = reload(t, EXIT_RUNTIME);
    expect_one_line_with(t, p, "worker 1 died while reading the rules again");
    UNTIL(t, is_back(t, 1, killed));
    assert_int_equal(version(t, 0), 2);
    assert_int_equal(version(t, 2), 1);
    assert_int_equal(ready_pid(t, 2), other);
    write_text(t, "rules-1", "2\n");
    reload(t, EXIT_DONE);
    UNTIL(t, version(t, 2) == 2);
    stop_run(t, run, EXIT_DONE);
    expect_balanced(report_of(t, "out.json"));
}

/* One that has packets, and one that sleeps. */
static void flow_worker_says_that_it_read_its_rules_again(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 1000 --flows 100"), EXIT_DONE);
    static const char *const inputs[] = {"-r t.pcap --loop 1000000", "-r -"};
    for (unsigned i = 0; i < 2; i++) {
        struct process *run =
            process_start_piped(t,
                                "flow-balancer run -n @ -w 2 --inspector count --timeout all=never "
                                "--report out.json %s",
                                inputs[i]);
        UNTIL(t, ready_pid(t, 0) != 0 && ready_pid(t, 1) != 0);
        assert_non_null(strstr(process_output(t, reload(t, EXIT_DONE)), "workers 0, 1 of '"));
        reload(t, EXIT_DONE);
        assert_int_equal(sum_of_workers(stat_of(t, t->name), "self_reloads"), 4);
        stop_run(t, run, EXIT_DONE);
        expect_balanced(report_of(t, "out.json"));
    }
}

static void a_worker_of_another_supervisor_is_left_alone(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 1000 --flows 100"), EXIT_DONE);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap --loop 1000000 -w 1 "
                                           "--max-workers 2 --timeout all=never --report out.json");
    UNTIL(t, ready_pid(t, 0) != 0);
    struct process *other = process_start(t, "flow-worker-rules -n @ -k 1");
    UNTIL(t, ready_pid(t, 1) != 0);
    assert_non_null(strstr(process_output(t, reload(t, EXIT_DONE)), "worker 0 of '"));
    expect_number(stat_of(t, t->name), "workers.1.self_reloads", 0);
    stop_run(t, run, EXIT_DONE);
    process_expect(t, other, EXIT_DONE);
    expect_balanced(report_of(t, "out.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(rules_are_read_again_by_every_worker_without_a_loss),
        PROCESS_TEST(a_signal_to_the_supervisor_does_the_same),
        PROCESS_TEST(a_wrong_filter_changes_no_rules_either),
        PROCESS_TEST(a_worker_that_fails_keeps_its_old_rules_and_the_others_have_the_new),
        PROCESS_TEST(a_worker_that_does_not_answer_is_said_and_the_others_have_the_new),
        PROCESS_TEST(rules_that_kill_one_worker_are_not_given_to_the_next),
        PROCESS_TEST(flow_worker_says_that_it_read_its_rules_again),
        PROCESS_TEST(a_worker_of_another_supervisor_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
