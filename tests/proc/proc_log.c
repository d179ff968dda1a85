/* SPDX-License-Identifier: BSD-2-Clause */
/* The log of the real programs: where no one reads it (shm/common/log_output.c), nothing waits. */
#include <signal.h>

#include "tests/lib/life.h"
#include "tests/lib/stamps.h"

#define PACKETS 6000

/* ---- a pipe that is full, and no one reads */

static void feed_half(struct test *t, struct process *p, unsigned half) {
    static char bytes[1 << 20];
    FILE *file = fopen(file_in(t, "t.pcap"), "re");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_in_range(size, 24, sizeof bytes - 1);
    assert_true(process_feed(p, bytes + half * (size / 2), half == 0 ? size / 2 : size - size / 2));
}

static bool heart_beats(struct test *t) {
    const json_t *report = stat_of(t, t->name);
    return report != NULL && json_real_value(value_at(report, "dispatcher.heartbeat_age_s")) < 1.0;
}

static char heard[1 << 16]; /* what was read of the pipe */

/* Whether a line that begins with start has part in it, once the pipe was read again. */
static bool was_said(struct test *t, const char *start, const char *part) {
    size_t used = strlen(heard);
    snprintf(heard + used, sizeof heard - used, "%s", process_read_unread(t));
    for (const char *at = heard; (at = strstr(at, start)) != NULL; at++) {
        const char *found = strstr(at, part);
        if ((at == heard || at[-1] == '\n') && found != NULL && found < at + strcspn(at, "\n"))
            return true;
    }
    return false;
}

static void run_unread(struct test *t, const char *on_full) {
    heard[0] = '\0';
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --size 60 --packets %u --flows 100", PACKETS),
        EXIT_DONE);
    struct process *workers[2],
        *dispatcher =
            process_start_unread(t,
                                 "flow-dispatcher -n @ -r - -w 2 --on-full %s --failover never "
                                 "--timeout all=never --log-level debug --report out.json",
                                 on_full);
    for (unsigned k = 0; k < 2; k++)
        workers[k] = process_start_unread(t, "flow-worker -n @ -k %u --log-level debug", k);
    UNTIL(t, ready_pid(t, 0) != 0 && ready_pid(t, 1) != 0);
    feed_half(t, dispatcher, 0);
    UNTIL(t, inspected(t) >= PACKETS / 2 - 100); /* the last one is not whole */
    process_signal(workers[0], SIGKILL);
    process_expect(t, workers[0], 128 + SIGKILL);
    UNTIL(t, worker_is(t, t->name, 0, "vacant"));
    workers[0] = process_start_unread(t, "flow-worker -n @ -k 0 --log-level debug");
    UNTIL(t, ready_pid(t, 0) != 0);
    for (unsigned i = 0; i < 4; i++) { /* one that waits is soon older than a second, for good */
        pause_ms(400);
        UNTIL(t, heart_beats(t));
    }
    UNTIL(t, was_said(t, "flow-dispatcher: warning: ", " lost within "));
    UNTIL(t, was_said(t, "flow-worker: debug: ", " lost within "));
    feed_half(t, dispatcher, 1);
    process_close_input(dispatcher);
    process_expect(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), PACKETS);
}

static void a_log_that_no_one_reads_does_not_stop_a_run_that_blocks(void **state) {
    run_unread(*state, "block");
}

static void a_log_that_no_one_reads_does_not_stop_a_run_that_drops(void **state) {
    run_unread(*state, "drop");
}

/* Each crash is a line of the script. */
static void
a_log_that_no_one_reads_does_not_keep_the_script_from_restarting_a_worker(void **state) {
    struct test *t = *state;
    heard[0] = '\0';
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --size 60 --packets %u --flows 100", PACKETS),
        EXIT_DONE);
    struct process *run = process_start_unread(
        t,
        "flow-balancer run -n @ -r - -w 1 --failover never --timeout all=never --report out.json");
    for (unsigned i = 0; i < 3; i++) {
        pid_t pid;
        UNTIL(t, (pid = ready_pid(t, 0)) != 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        UNTIL(t, ready_pid(t, 0) != pid && ready_pid(t, 0) != 0);
    }
    UNTIL(t, was_said(t, "flow-balancer: warning: ", " log lines were lost within "));
    feed_half(t, run, 0);
    feed_half(t, run, 1);
    process_close_input(run);
    process_expect(t, run, EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), PACKETS);
}

static void an_error_that_no_one_reads_ends_a_program_all_the_same(void **state) {
    struct test *t = *state;
    static const struct {
        const char *command;
        int status;
    } cases[] = {
        {"flow-stat -n @", EXIT_RUNTIME},
        {"flow-stat --no-such-option", EXIT_WRONG_USAGE},
        {"flow-worker -n @ --orphan-timeout 0.1", EXIT_NOTHING_TO_CLAIM},
        {"flow-dispatcher -n @ -r no-such-file", EXIT_RUNTIME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct process *p = process_start_unread(t, "%s", cases[i].command);
        for (double end = seconds_now() + PROCESS_DEADLINE_S; !process_ended(t, p); pause_ms(2))
            assert_true(seconds_now() < end);
        assert_int_equal(p->status, cases[i].status);
    }
}

/* ---- when packets are dropped */

/* Its beginning and its end, while the run goes on. */
static void drops_have_a_line_when_they_begin_and_one_when_they_are_over(void **state) {
    struct test *t = *state;
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --size 60 --packets %u --flows 100", PACKETS),
        EXIT_DONE);
    struct process *dispatcher = process_start_piped(
        t, "flow-dispatcher -n @ -r - -w 1 --on-full drop --ring-depth 500 --timeout all=never "
           "--hang never --report out.json");
    struct process *worker = process_start(t, "flow-worker -n @");
    UNTIL(t, ready_pid(t, 0) != 0);
    process_signal(worker, SIGSTOP);
    feed_half(t, dispatcher, 0);
    UNTIL(t, strstr(process_errors(t, dispatcher), "warning: worker 0: its ring is full (500 "
                                                   "packets wait): packets are dropped\n") != NULL);
    UNTIL(t, strstr(process_errors(t, dispatcher), "warning: worker 0: no more drops: ") != NULL);
    process_signal(worker, SIGCONT);
    UNTIL(t, inspected(t) == 500);
    assert_int_equal(drops_logged(t, dispatcher, "worker 0"),
                     stat_number(t, t->name, "workers.0.dropped"));
    process_close_input(dispatcher);
    process_expect(t, dispatcher, EXIT_RUNTIME); /* its input breaks off */
    process_expect(t, worker, EXIT_DONE);
    expect_balanced(report_of(t, "out.json"));
    expect_drops_logged(t, dispatcher, t->report);
}

/* ---- what lines look like */

/* Each line of the program's standard error, a file: the time, its name, a level. */
static void expect_stamped_lines(const struct process *p, const char *program) {
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    char line[1100], start[64];
    unsigned lines = 0;
    FILE *file = fopen(p->errors, "re");
    assert_non_null(file);
    for (; fgets(line, sizeof line, file) != NULL; lines++) {
        bool known = false;
        for (unsigned i = 0; i < 4; i++) {
            snprintf(start, sizeof start, "%s: %s: ", program, levels[i]);
            known = known || strncmp(line + STAMP_BYTES, start, strlen(start)) == 0;
        }
        if (!is_stamped(line) || !known || strchr(line, '\n') == NULL)
            fail_msg("no line of %s: %s", program, line);
    }
    fclose(file);
    assert_true(lines != 0);
}

static void each_line_begins_with_its_time(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 100"), EXIT_DONE);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap -w 1 --log-level debug");
    struct process *worker = process_start(t, "flow-worker -n @ --log-level debug");
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    struct process *refused = process_start(t, "flow-stat -n @");
    process_expect(t, refused, EXIT_RUNTIME);
    struct process *script = process_start(t, "flow-balancer stop -n @");
    process_expect(t, script, EXIT_RUNTIME);
    expect_stamped_lines(script, "flow-balancer");
    expect_stamped_lines(dispatcher, "flow-dispatcher");
    expect_stamped_lines(worker, "flow-worker");
    expect_stamped_lines(refused, "flow-stat");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_log_that_no_one_reads_does_not_stop_a_run_that_blocks),
        PROCESS_TEST(a_log_that_no_one_reads_does_not_stop_a_run_that_drops),
        PROCESS_TEST(a_log_that_no_one_reads_does_not_keep_the_script_from_restarting_a_worker),
        PROCESS_TEST(an_error_that_no_one_reads_ends_a_program_all_the_same),
        PROCESS_TEST(drops_have_a_line_when_they_begin_and_one_when_they_are_over),
        PROCESS_TEST(each_line_begins_with_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
