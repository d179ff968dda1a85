/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and numbers: several instances, second dispatchers and workers, what a
 * killed dispatcher leaves, and workers without a supervisor.
 */
#include "tests/lib/feed.h"
#include "tests/lib/life.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISPATCH "flow-dispatcher -n @ -w 2 --timeout all=never --failover never "
#define TRACE_PACKETS 5000

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 5000 --flows 100"), EXIT_DONE);
}

/* A dispatcher that waits for what comes through a pipe. */
static struct process *start_dispatcher(struct test *t) {
    return process_start_piped(t, DISPATCH "-r - --report out.json");
}

static struct process *start_worker(struct test *t, unsigned number, const char *options) {
    return process_start(t, "flow-worker -n @ -k %u %s", number, options);
}

/* Feeds the trace to a dispatcher whose workers record, and sees it to a balanced end. */
static void finish(struct test *t, struct process *dispatcher, struct process *const workers[2]) {
    feed_file(t, dispatcher, "t.pcap");
    process_close_input(dispatcher);
    process_expect(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), TRACE_PACKETS);
    expect_recorded_in(t, "rec", TRACE_PACKETS, 0);
}

/* ---- side by side */

static void two_instances_do_not_disturb_each_other(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *runs[2];
    for (unsigned i = 0; i < 2; i++)
        runs[i] = process_start(t,
                                "flow-balancer run -n %s-%u -r t.pcap --loop 20 -w 3 --timeout "
                                "all=never --inspector record:rec-%u --report out-%u.json",
                                t->name, i, i, i);
    for (unsigned i = 0; i < 2; i++)
        process_expect(t, runs[i], EXIT_DONE);
    for (unsigned i = 0; i < 2; i++) {
        char file[32];
        snprintf(file, sizeof file, "out-%u.json", i);
        expect_all_inspected(report_of(t, file), 20 * TRACE_PACKETS);
        snprintf(file, sizeof file, "rec-%u", i);
        expect_recorded_in(t, file, 20 * TRACE_PACKETS, 0);
    }
}

static void a_name_that_begins_like_another_is_another(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *workers[2] = {start_worker(t, 0, "--inspector record:rec"),
                                  start_worker(t, 1, "--inspector record:rec")};
    struct process *dispatcher = start_dispatcher(t);
    UNTIL(t, worker_is(t, t->name, 0, "ready") && worker_is(t, t->name, 1, "ready"));
    /* Starts, ends and is cleared up while the first runs. */
    process_expect(t, process_start(t, "flow-balancer run -n %s-1 -r t.pcap -w 1", t->name),
                   EXIT_DONE);
    process_expect(t, process_start(t, "flow-dispatcher --clean -n %s-1", t->name), EXIT_DONE);
    assert_int_equal(objects_of(t->name), 8);
    finish(t, dispatcher, workers);
}

static void a_second_dispatcher_of_a_name_is_refused_and_the_first_goes_on(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *workers[2] = {start_worker(t, 0, "--inspector record:rec"),
                                  start_worker(t, 1, "--inspector record:rec")};
    struct process *dispatcher = start_dispatcher(t);
    UNTIL(t, worker_is(t, t->name, 0, "ready") && worker_is(t, t->name, 1, "ready"));
    char wanted[128];
    snprintf(wanted, sizeof wanted, "instance '%s' is already running", t->name);
    static const char *const seconds[] = {
        "flow-dispatcher -n @ -r t.pcap -w 2",
        "flow-balancer run -n @ -r t.pcap -w 2",
        "flow-dispatcher --clean -n @",
    };
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        struct process *second = process_start(t, "%s", seconds[i]);
        process_expect(t, second, EXIT_RUNTIME);
        expect_one_line_with(t, second, wanted);
    }
    assert_int_equal(objects_of(t->name), 8);
    finish(t, dispatcher, workers);
}

static void a_second_worker_of_a_number_is_refused_and_the_first_goes_on(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *workers[2] = {start_worker(t, 0, "--inspector record:rec"),
                                  start_worker(t, 1, "--inspector record:rec")};
    struct process *dispatcher = start_dispatcher(t);
    UNTIL(t, worker_is(t, t->name, 0, "ready") && worker_is(t, t->name, 1, "ready"));
    char wanted[128];
    snprintf(wanted, sizeof wanted, "worker 1 of instance '%s' is already running (pid %d)",
             t->name, (int)workers[1]->pid);
    struct process *second = start_worker(t, 1, "--inspector record:other");
    process_expect(t, second, EXIT_NOTHING_TO_CLAIM);
    expect_one_line_with(t, second, wanted);
    struct process *any = process_start(t, "flow-worker -n @");
    process_expect(t, any, EXIT_NOTHING_TO_CLAIM);
    expect_one_line_with(t, any, "has no free worker number");
    struct process *beyond = start_worker(t, 2, "");
    process_expect(t, beyond, EXIT_RUNTIME);
    expect_one_line_with(t, beyond, "only once it is added");
    finish(t, dispatcher, workers);
    assert_false(file_exists(t, "other/worker-1.tsv"));
}

/* ---- by hand */

static void workers_may_be_there_before_their_dispatcher(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *workers[2] = {start_worker(t, 1, "--inspector record:rec"),
                                  start_worker(t, 0, "--inspector record:rec")};
    pause_ms(100);
    assert_false(process_ended(t, workers[0]) || process_ended(t, workers[1]));
    finish(t, start_dispatcher(t), workers);
}

static void workers_without_a_number_take_the_first_free(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher = start_dispatcher(t), *workers[2];
    for (unsigned k = 0; k < 2; k++)
        workers[k] = process_start(t, "flow-worker -n @ --inspector record:rec");
    finish(t, dispatcher, workers);
}

static void a_worker_without_a_dispatcher_gives_up_at_its_timeout(void **state) {
    struct test *t = *state;
    struct process *worker = process_start(t, "flow-worker -n @ --orphan-timeout 1");
    process_expect(t, worker, EXIT_NOTHING_TO_CLAIM);
    expect_one_line_with(t, worker, "no dispatcher of instance");
}

static void a_dispatcher_without_workers_gives_up_at_its_timeout(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -w 2 -r t.pcap --start-timeout 1 --log-level error "
                         "--report out.json");
    process_expect(t, dispatcher, EXIT_RUNTIME);
    expect_one_line_with(t, dispatcher, "no worker became ready within 1 s");
    expect_balanced(report_of(t, "out.json"));
}

static void reading_begins_with_the_workers_that_are_ready_in_time(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *worker = start_worker(t, 1, "--inspector record:rec");
    struct process *dispatcher =
        process_start(t, DISPATCH "-r t.pcap --start-timeout 2 --report out.json");
    process_expect(t, dispatcher, EXIT_DONE);
    expect_said(t, dispatcher, "1 of 2 workers are ready");
    process_expect(t, worker, EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), TRACE_PACKETS);
    expect_recorded_in(t, "rec", TRACE_PACKETS, 0);
}

/* ---- what a killed dispatcher leaves */

/* Kills a dispatcher in the middle of a run; its objects stay. */
static void make_debris(struct test *t, struct process *workers[2], const char *options) {
    struct process *dispatcher = start_dispatcher(t);
    UNTIL(t, stat_of(t, t->name) != NULL); /* they do not wait for long */
    for (unsigned k = 0; k < 2; k++)
        workers[k] = start_worker(t, k, options);
    feed_file(t, dispatcher, "t.pcap");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == TRACE_PACKETS);
    process_signal(dispatcher, SIGKILL);
    process_expect(t, dispatcher, 128 + SIGKILL);
    assert_int_equal(objects_of(t->name), 8);
    assert_null(stat_of(t, t->name));
}

static void debris_is_cleared_by_the_next_start(void **state) {
    struct test *t = *state;
    struct process *workers[2];
    make_trace(t);
    make_debris(t, workers, "--orphan-timeout 1");
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_NOTHING_TO_CLAIM);
    /* One worker fewer than before: the sides of the second are debris all the same. */
    struct process *next =
        process_start(t, "flow-balancer run -n @ -r t.pcap -w 1 --report out.json");
    process_expect(t, next, EXIT_DONE);
    expect_said(t, next, "cleared 8 objects");
    expect_all_inspected(report_of(t, "out.json"), TRACE_PACKETS);
    assert_int_equal(objects_of(t->name), 0);
}

static void debris_is_cleared_by_clean(void **state) {
    struct test *t = *state;
    struct process *workers[2];
    make_trace(t);
    make_debris(t, workers, "--orphan-timeout 1");
    process_expect(t, process_start(t, "flow-dispatcher --clean -n @"), EXIT_DONE);
    assert_int_equal(objects_of(t->name), 0);
    process_expect(t, process_start(t, "flow-dispatcher --clean -n @"), EXIT_DONE);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_NOTHING_TO_CLAIM);
}

static void sides_without_a_ctl_are_cleared_by_the_next_start(void **state) {
    struct test *t = *state;
    struct process *workers[2];
    char ctl[FB_PATH_MAX];
    make_trace(t);
    make_debris(t, workers, "--orphan-timeout 1");
    assert_true(fb_object_path(ctl, FB_SHM_DIR, t->name, FB_KIND_CTL, 0));
    assert_int_equal(unlink(ctl), 0);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_NOTHING_TO_CLAIM);
    process_expect(t, process_start(t, "flow-balancer run -n @ -r t.pcap -w 1"), EXIT_DONE);
    assert_int_equal(objects_of(t->name), 0);
}

static void orphans_rejoin_the_next_dispatcher_of_the_name(void **state) {
    struct test *t = *state;
    struct process *workers[2];
    make_trace(t);
    make_debris(t, workers, "--inspector record:rec --orphan-timeout 60");
    for (unsigned k = 0; k < 2; k++)
        UNTIL(t, strstr(process_errors(t, workers[k]), "is gone; its ring is finished") != NULL);
    expect_recorded_in(t, "rec", TRACE_PACKETS, 0);
    unlink(file_in(t, "rec/worker-0.tsv"));
    unlink(file_in(t, "rec/worker-1.tsv"));
    finish(t, start_dispatcher(t), workers);
}

#define ALL_WORKERS 8u /* the default */
#define ROUNDS 10u

static unsigned count_ready(struct test *t) {
    unsigned ready = 0;
    for (unsigned k = 0; k < ALL_WORKERS; k++)
        ready += ready_pid(t, k) != 0;
    return ready;
}

/* Clearing rings of the default size takes longer than a worker's pause between two looks. */
static void eight_workers_without_a_number_join_each_next_dispatcher(void **state) {
    struct test *t = *state;
    struct process *workers[ALL_WORKERS];
    struct process *dispatcher = process_start_piped(t, "flow-dispatcher -n @ -r -");
    for (unsigned k = 0; k < ALL_WORKERS; k++)
        workers[k] = process_start(t, "flow-worker -n @ --orphan-timeout 600");
    UNTIL(t, count_ready(t) == ALL_WORKERS);
    for (unsigned round = 0; round < ROUNDS; round++) {
        process_signal(dispatcher, SIGKILL);
        process_expect(t, dispatcher, 128 + SIGKILL);
        process_forget(t, dispatcher);
        if (round % 2 == 1)
            pause_ms(150); /* until they all look for it, or before they know */
        dispatcher = process_start_piped(t, "flow-dispatcher -n @ -r -");
        for (unsigned found = 0; found != ALL_WORKERS; found = count_ready(t)) {
            for (unsigned k = 0; k < ALL_WORKERS; k++) {
                if (process_ended(t, workers[k]))
                    process_expect(t, workers[k], EXIT_DONE);
            }
            pause_ms(10);
        }
    }
    process_signal(dispatcher, SIGTERM);
    process_expect(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < ALL_WORKERS; k++)
        process_expect(t, workers[k], EXIT_DONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(two_instances_do_not_disturb_each_other),
        PROCESS_TEST(a_name_that_begins_like_another_is_another),
        PROCESS_TEST(a_second_dispatcher_of_a_name_is_refused_and_the_first_goes_on),
        PROCESS_TEST(a_second_worker_of_a_number_is_refused_and_the_first_goes_on),
        PROCESS_TEST(workers_may_be_there_before_their_dispatcher),
        PROCESS_TEST(workers_without_a_number_take_the_first_free),
        PROCESS_TEST(a_worker_without_a_dispatcher_gives_up_at_its_timeout),
        PROCESS_TEST(a_dispatcher_without_workers_gives_up_at_its_timeout),
        PROCESS_TEST(reading_begins_with_the_workers_that_are_ready_in_time),
        PROCESS_TEST(debris_is_cleared_by_the_next_start),
        PROCESS_TEST(debris_is_cleared_by_clean),
        PROCESS_TEST(sides_without_a_ctl_are_cleared_by_the_next_start),
        PROCESS_TEST(orphans_rejoin_the_next_dispatcher_of_the_name),
        PROCESS_TEST(eight_workers_without_a_number_join_each_next_dispatcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
