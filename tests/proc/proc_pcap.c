/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspectors/pcap.c in whole runs: the files of all workers add up to the trace. */
#include "tests/lib/doors.h"
#include "tests/lib/passed.h"

#include <sys/resource.h>

/* Returns how many files there were; none breaks off. */
static unsigned expect_files_whole(struct test *t, const char *folder) {
    struct passed parts;
    expect_passed_whole(t, folder, "worker");
    passed_read(&parts, t, folder, "worker");
    unsigned files = parts.files;
    assert_int_equal(parts.broken, 0);
    passed_free(&parts);
    return files;
}

static void the_files_add_up_to_the_trace(void **state) {
    struct test *t = *state;
    static const struct {
        const char *inspector, *options, *folder;
        unsigned least, most;
    } rows[] = {{"pcap:one", "-w 1", "one", 1, 1},
                {"pcap:two", "-w 2", "two", 2, 2},
                {"pcap:small,size=512K", "-w 2", "small", 8, 30},
                {"pcap:short,seconds=1,size=1G", "-w 2", "short", 4, 6}};
    make_door_trace(t);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        process_expect(t, start_door(t, rows[i].inspector, rows[i].options), EXIT_DONE);
        const json_t *report = expect_door_inspected(t);
        assert_int_equal(counter_of(report, "pcap.packets"), DOOR_PACKETS);
        json_int_t files = counter_of(report, "pcap.files");
        assert_in_range(files, rows[i].least, rows[i].most);
        assert_int_equal(expect_files_whole(t, rows[i].folder), files);
        processes_forget(t);
    }
}

static void a_worker_that_is_killed_leaves_whole_files(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run = start_door(t, "pcap:files", "-w 2 --speed 0.4 --failover never");
    json_int_t again = expect_six_killed(t, run);
    struct passed parts;
    passed_read(&parts, t, "files", "worker");
    assert_in_range(parts.records.count, DOOR_PACKETS, DOOR_PACKETS + again);
    assert_in_range(parts.broken, 0, again); /* killed in the middle of a write */
    passed_free(&parts);
    if (again == 0)
        expect_passed_whole(t, "files", "worker");
}

static const struct rlimit short_files = {40000, RLIM_INFINITY};

static void enter_with_short_files(const struct test *t) {
    (void)t;
    setrlimit(RLIMIT_FSIZE, &short_files);
}

static void a_worker_that_cannot_write_waits_and_goes_on(void **state) {
    struct test *t = *state;
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    make_door_trace(t);
    struct process *dispatcher = process_start(
        t, "flow-dispatcher -n @ -r t.pcap -w 1 --hang 0.3 --timeout all=never --report out.json");
    t->enter = enter_with_short_files;
    struct process *worker = process_start(t, "flow-worker -n @ -k 0 --inspector pcap:files");
    t->enter = NULL;
    UNTIL(t, stat_number(t, t->name, "workers.0.self_output_waits") >= 18);
    size_t held = passed_count(t, "files", "worker");
    assert_in_range(held, 10, 1000);
    assert_int_equal(prlimit(worker->pid, RLIMIT_FSIZE, &unlimited, NULL), 0);
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    expect_said(t, worker, "File too large: the worker waits until it can");
    expect_said(t, worker, "can be written again");
    const json_t *report = expect_door_inspected(t);
    expect_number(report, "workers.0.hangs", 0);
    expect_number(report, "redelivered", 0);
    /* The last of the pauses are of 100 ms. */
    assert_true(number_at(report, "workers.0.self_output_wait_ns") >= 100 * 1000000);
    assert_int_equal(expect_files_whole(t, "files"), 1);
}

static void a_folder_that_cannot_be_used_is_refused_before_the_run(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *run = start_door(t, "pcap:/proc/no", "-w 1");
    process_expect(t, run, EXIT_RUNTIME);
    expect_one_line_with(t, run, "--inspector pcap:/proc/no: cannot make or use the directory");
    run = start_door(t, "pcap:x,size=3", "-w 1");
    process_expect(t, run, EXIT_WRONG_USAGE);
    expect_one_line_with(t, run, "--inspector pcap: size '3'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(the_files_add_up_to_the_trace),
        PROCESS_TEST(a_worker_that_is_killed_leaves_whole_files),
        PROCESS_TEST(a_worker_that_cannot_write_waits_and_goes_on),
        PROCESS_TEST(a_folder_that_cannot_be_used_is_refused_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
