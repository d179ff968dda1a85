/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/main.c, worker/inspection.c: what becomes of a run whose inspector, a plugin, does what
 * it should not. What is here is what include/flow_balancer/inspector.h says.
 */
#include "flow_balancer/flow.h"
#include "tests/lib/life.h"
#include "tests/lib/plugins.h"

#include <signal.h>
#include <unistd.h>

#define PACKETS 2000
#define FRAME 300 /* of misbehave.c */
#define FLOW 7u
#define FLOWS_MOST 2000u
/* One worker; time decides nothing but where a test says so. */
#define RUN                                                                                        \
    "flow-balancer run -n @ -r t.pcap -w 1 --timeout all=never --failover never --report "         \
    "out.json "                                                                                    \
    "--quarantine bad.pcap "

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets %d --flows 40", PACKETS),
                     EXIT_DONE);
    use_plugin(t, "misbehave");
}

/* The same for one run after the other. */
static void make_trace_again(struct test *t) {
    static const char *const left[] = {"misbehave.so", "seen", "done", "out.json"};
    processes_forget(t);
    for (unsigned i = 0; i < sizeof left / sizeof left[0]; i++)
        unlink(file_in(t, left[i]));
    make_trace(t);
}

/* A run whose inspector does this; it is to end with this status. */
static struct process *play(struct test *t, int status, const char *action, const char *more) {
    make_trace(t);
    struct process *run = process_start(t, RUN "--inspector ./misbehave.so:%s %s", action, more);
    process_expect(t, run, status);
    return run;
}

/* How often FRAME was begun and ended, and with which flags it was begun last. */
struct history {
    unsigned begun, ended, flags;
};

static struct history history_of(struct test *t, unsigned frame) {
    struct history h = {.begun = 0};
    const char *text = text_in(t, "seen");
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        unsigned found, flags;
        line += *line == '\n';
        if (sscanf(line, "begin %u %u", &found, &flags) == 2 && found == frame) {
            h.begun++;
            h.flags = flags;
        } else if (sscanf(line, "end %u", &found) == 1 && found == frame) {
            h.ended++;
        }
    }
    return h;
}

/* All is inspected but what is quarantined; so many processes ended before their time. */
static void expect_counts(struct test *t, unsigned quarantined, unsigned redelivered,
                          unsigned restarts) {
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.received", PACKETS);
    expect_number(report, "ledger.quarantined", quarantined);
    expect_number(report, "ledger.inspected", PACKETS - quarantined);
    expect_number(report, "redelivered", redelivered);
    expect_number(report, "workers.0.restarts", restarts);
}

/* Each frame but `poison` was ended once. */
static void expect_each_once(struct test *t, unsigned poison) {
    unsigned char ended[PACKETS + 1] = {0};
    for (const char *line = text_in(t, "seen"); line != NULL; line = strchr(line, '\n')) {
        unsigned frame;
        line += *line == '\n';
        if (sscanf(line, "end %u", &frame) == 1 && frame <= PACKETS)
            ended[frame]++;
    }
    for (unsigned frame = 1; frame <= PACKETS; frame++)
        if (ended[frame] != (frame != poison))
            fail_msg("frame %u: %u times", frame, ended[frame]);
}

/* ---- it fails, and ends its process */

static void expect_poison(struct test *t, struct process *run, const char *said) {
    expect_said(t, run, said);
    expect_said(t, run, "it is quarantined");
    struct history h = history_of(t, FRAME);
    assert_int_equal(h.begun, 2); /* it came once more, and so said */
    assert_int_equal(h.ended, 0);
    assert_int_equal(h.flags & FB_F_REDELIVERED, FB_F_REDELIVERED);
    expect_each_once(t, FRAME);
    expect_counts(t, 1, 1, 2);
}

static void a_packet_that_fails_comes_once_more_and_is_quarantined(void **state) {
    struct test *t = *state;
    struct process *run = play(t, EXIT_DONE, "packet,error=5", "");
    expect_poison(t, run, "inspector misbehave: packet() failed: Input/output error");
    expect_said(t, run, "worker 0 crashed: exit status 1");
}

static void a_packet_that_calls_exit_is_taken_for_one_that_kills(void **state) {
    struct test *t = *state;
    struct process *run = play(t, EXIT_DONE, "packet,exit=7", "");
    expect_poison(t, run, "an inspector called exit(7): the worker ends as if it had crashed");
}

static void exit_with_0_is_no_way_to_leave(void **state) {
    struct test *t = *state;
    struct process *run = play(t, EXIT_DONE, "packet,exit=0", "");
    expect_poison(t, run, "an inspector called exit(0): the worker ends as if it had crashed");
}

static void a_process_that_ends_without_exit_is_one_that_crashed(void **state) {
    struct test *t = *state;
    struct process *run = play(t, EXIT_DONE, "packet,quit=9", "");
    expect_poison(t, run, "worker 0 crashed: exit status 9");
}

/* How often each flow was over, and how it was told the last time. */
struct over {
    unsigned times[FLOWS_MOST], flags[FLOWS_MOST], known[FLOWS_MOST];
};

static struct over over_of(struct test *t) {
    struct over o = {.times = {0}};
    for (const char *line = text_in(t, "seen"); line != NULL; line = strchr(line, '\n')) {
        unsigned flow, flags, known;
        line += *line == '\n';
        if (sscanf(line, "over %u %u %u", &flow, &flags, &known) != 3)
            continue;
        assert_true(flow < FLOWS_MOST);
        o.times[flow]++;
        o.flags[flow] = flags;
        o.known[flow] = known;
    }
    return o;
}

/* FLOW killed at its end; all others are over once, whether this process had packets of them or
 * only the one before. */
static void expect_over(struct test *t, unsigned restarts) {
    const struct over o = over_of(t);
    unsigned flows = (unsigned)number_at(report_of(t, "out.json"), "flows.created"), unknown = 0;
    for (unsigned flow = 0; flow < flows; flow++) {
        assert_int_equal(o.times[flow], flow == FLOW ? 2 : 1);
        unsigned flags = o.known[flow] ? 0 : FB_F_MID_STREAM;
        assert_int_equal(o.flags[flow], flow == FLOW ? flags | FB_F_REDELIVERED : flags);
        unknown += !o.known[flow];
    }
    assert_true(unknown > 1 && unknown < flows);
    assert_false(o.known[FLOW]);
    expect_counts(t, 0, 0, restarts);
}

static void the_end_of_a_flow_that_kills_comes_once_more_if_that_is_asked_for(void **state) {
    struct test *t = *state;
    play(t, EXIT_DONE, "over,quit=9!", "");
    expect_over(t, 1);
}

static void the_end_of_a_flow_that_kills_twice_is_left_out(void **state) {
    struct test *t = *state;
    play(t, EXIT_DONE, "over,quit=9", "");
    expect_over(t, 2);
}

/* Status 0 is that of a worker that was told to leave, which this one was not. */
static void a_process_that_ends_with_0_is_replaced_while_the_run_drains_too(void **state) {
    struct test *t = *state;
    struct process *run = play(t, EXIT_DONE, "packet,quit=0", "");
    expect_poison(t, run, "worker 0 crashed: left with");
}

static void what_failed_once_is_redelivered_and_inspected(void **state) {
    struct test *t = *state;
    play(t, EXIT_DONE, "packet,error=5!", "");
    struct history h = history_of(t, FRAME);
    assert_int_equal(h.begun, 2);
    assert_int_equal(h.ended, 1);
    expect_each_once(t, 0);
    expect_counts(t, 0, 1, 1);
}

/* A tick has no packet in its hands. */
static void a_tick_that_calls_exit_or_fails_makes_no_packet_suspect(void **state) {
    struct test *t = *state;
    static const char *const actions[] = {"tick,exit=7!", "tick,error=5!"};
    static const char *const said[] = {"an inspector called exit(7)",
                                       "inspector misbehave: tick() failed: Input/output error"};
    for (unsigned i = 0; i < 2; i++) {
        make_trace_again(t);
        struct process *run =
            process_start(t, RUN "--speed 0.5 --inspector ./misbehave.so:%s", actions[i]);
        process_expect(t, run, EXIT_DONE);
        expect_said(t, run, said[i]);
        expect_each_once(t, 0);
        expect_counts(t, 0, 0, 1);
    }
}

static void a_claim_that_fails_is_tried_again(void **state) {
    struct test *t = *state;
    struct process *run = play(t, EXIT_DONE, "claimed,error=13!", "");
    expect_said(t, run, "inspector misbehave: claimed() failed: Permission denied");
    expect_each_once(t, 0);
    expect_counts(t, 0, 0, 1);
}

static void one_that_blocks_is_revoked_and_replaced(void **state) {
    struct test *t = *state;
    struct process *run = play(t, EXIT_DONE, "packet,block!", "--hang 0.5");
    expect_said(t, run, "hangs: packets wait and it finished nothing for 0.5 s");
    assert_int_equal(history_of(t, FRAME).begun, 2);
    expect_each_once(t, 0);
    expect_counts(t, 0, 1, 1);
    expect_number(report_of(t, "out.json"), "workers.0.hangs", 1);
}

/* ---- it goes on, with what it has changed */

static void expect_undisturbed(struct test *t) {
    expect_each_once(t, 0);
    expect_counts(t, 0, 0, 0);
}

static void its_threads_keep_no_worker_from_leaving(void **state) {
    struct test *t = *state;
    play(t, EXIT_DONE, "claimed,threads", "");
    expect_undisturbed(t);
}

static void a_signal_to_a_worker_with_threads_is_followed(void **state) {
    struct test *t = *state;
    static const int signals[] = {SIGTERM, SIGINT};
    make_trace(t);
    for (unsigned i = 0; i < 2; i++) {
        struct process *dispatcher =
            process_start(t, "flow-dispatcher -n @ -r t.pcap -w 1 --loop 1000000 --drain-timeout 1 "
                             "--report out.json");
        struct process *worker =
            process_start(t, "flow-worker -n @ --inspector ./misbehave.so:claimed,threads");
        UNTIL(t, inspected(t) >= 1000);
        process_signal(worker, signals[i]);
        pause_ms(200); /* two of a kind that wait are one */
        process_signal(worker, signals[i]);
        process_expect(t, worker, EXIT_DONE);
        process_signal(dispatcher, SIGTERM);
        process_wait(t, dispatcher);
        expect_ledger_balanced(report_of(t, "out.json"));
    }
}

static void closed_streams_stop_no_worker(void **state) {
    struct test *t = *state;
    play(t, EXIT_DONE, "open,close", "");
    expect_undisturbed(t);
}

static void handlers_that_were_changed_in_open_are_those_of_the_worker_again(void **state) {
    struct test *t = *state;
    make_trace(t);
    use_plugin(t, "good");
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap -w 1 --loop 1000000 --speed 1 "
                         "--drain-timeout 1 --report out.json");
    struct process *worker =
        process_start(t, "flow-worker -n @ --inspector ./misbehave.so:open,handlers "
                         "--inspector ./good.so:lines");
    UNTIL(t, ready_pid(t, 0) == worker->pid);
    process_signal(worker, SIGHUP);
    UNTIL(t, lines_with(text_in(t, "lines"), "reload") == 1);
    process_signal(worker, SIGTERM);
    pause_ms(200);
    process_signal(worker, SIGINT);
    process_expect(t, worker, EXIT_DONE);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

static void what_it_prints_is_not_in_the_report(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap -w 1 --report - --inspector "
                         "./misbehave.so:packet,print");
    process_expect(t, run, EXIT_DONE);
    assert_null(strstr(process_output(t, run), "printed by an inspector"));
    json_t *report = json_loads(process_output(t, run), JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(report);
    expect_number(report, "ledger.inspected", PACKETS);
    json_decref(report);
    expect_said(t, run, "printed by an inspector");
}

/* ---- children */

static pid_t child_in(struct test *t) {
    const char *line = strstr(text_in(t, "seen"), "child ");
    return line != NULL ? (pid_t)atoi(line + strlen("child ")) : 0;
}

static void end_child(struct test *t) {
    FILE *file = fopen(file_in(t, "end"), "we");
    assert_non_null(file);
    fclose(file);
    pid_t child = child_in(t);
    UNTIL(t, kill(child, 0) != 0);
}

static void a_child_keeps_neither_the_number_nor_the_run(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run =
        process_start(t, RUN "--loop 1000000 --inspector ./misbehave.so:packet,child!");
    UNTIL(t, child_in(t) != 0);
    pid_t pid = process_of_worker(t->name, 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    UNTIL(t, is_back(t, 0, pid));
    await_more(t, 1000);
    assert_int_equal(kill(child_in(t), 0), 0);
    stop_run(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "workers.0.restarts", 1);
    expect_number(report, "ledger.inspected", number_at(report, "ledger.received"));
    assert_int_equal(kill(child_in(t), 0), 0);
    end_child(t);
}

static void a_child_that_returns_is_no_second_worker(void **state) {
    struct test *t = *state;
    static const char *const actions[] = {"open,twin", "claimed,twin", "packet,twin", "tick,twin!"};
    for (unsigned i = 0; i < 4; i++) {
        char said[64];
        make_trace_again(t);
        struct process *run = process_start(t,
                                            RUN "--speed 0.5 --inspector ./misbehave.so:%s "
                                                "--inspector record:rec%u",
                                            actions[i], i);
        process_expect(t, run, EXIT_DONE);
        snprintf(said, sizeof said, "a child that it forked returned from %.*s()",
                 (int)strcspn(actions[i], ","), actions[i]);
        expect_said(t, run, said);
        expect_undisturbed(t);
        snprintf(said, sizeof said, "rec%u", i);
        expect_recorded_in(t, said, PACKETS, 0); /* the next inspector had each once too */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_packet_that_fails_comes_once_more_and_is_quarantined),
        PROCESS_TEST(a_packet_that_calls_exit_is_taken_for_one_that_kills),
        PROCESS_TEST(exit_with_0_is_no_way_to_leave),
        PROCESS_TEST(a_process_that_ends_without_exit_is_one_that_crashed),
        PROCESS_TEST(the_end_of_a_flow_that_kills_comes_once_more_if_that_is_asked_for),
        PROCESS_TEST(the_end_of_a_flow_that_kills_twice_is_left_out),
        PROCESS_TEST(a_process_that_ends_with_0_is_replaced_while_the_run_drains_too),
        PROCESS_TEST(what_failed_once_is_redelivered_and_inspected),
        PROCESS_TEST(a_tick_that_calls_exit_or_fails_makes_no_packet_suspect),
        PROCESS_TEST(a_claim_that_fails_is_tried_again),
        PROCESS_TEST(one_that_blocks_is_revoked_and_replaced),
        PROCESS_TEST(its_threads_keep_no_worker_from_leaving),
        PROCESS_TEST(a_signal_to_a_worker_with_threads_is_followed),
        PROCESS_TEST(closed_streams_stop_no_worker),
        PROCESS_TEST(handlers_that_were_changed_in_open_are_those_of_the_worker_again),
        PROCESS_TEST(what_it_prints_is_not_in_the_report),
        PROCESS_TEST(a_child_keeps_neither_the_number_nor_the_run),
        PROCESS_TEST(a_child_that_returns_is_no_second_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
