/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/records/sinks.c, worker/records/sink_file.c, worker/records/sink_queue.c and
 * worker/records/sink_unix.c in whole runs: a record a packet, each of which is there whole,
 * whatever becomes of workers, disks and readers, or is counted as dropped.
 */
#include "tests/lib/doors.h"
#include "tests/lib/life.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Which frames there are records of, and what the workers write of themselves (statistics). */
struct seen {
    uint8_t times[DOOR_PACKETS + 1];
    unsigned records, frames, others, torn;
};
#define OTHERS_MAX 10u

static void note_line(struct seen *seen, const char *line) {
    json_t *record = json_loads(line, 0, NULL);
    json_int_t frame = json_integer_value(json_object_get(record, "frame"));
    bool is_other = json_object_get(record, "event_type") != NULL;
    json_decref(record);
    if (is_other) {
        seen->others++;
        return;
    }
    if (frame < 1 || frame > DOOR_PACKETS) {
        seen->torn++;
        return;
    }
    seen->records++;
    seen->frames += seen->times[frame]++ == 0;
}

static void note_file(struct seen *seen, const char *path) {
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (getline(&line, &room, file) > 0)
        note_line(seen, strchr(line, '\n') != NULL ? line : "");
    free(line);
    fclose(file);
}

/* All files of a directory that begin so; returns how many there are. */
static unsigned note_files(struct seen *seen, const struct test *t, const char *begin) {
    char path[2 * PROCESS_PATH_MAX];
    struct dirent *entry;
    unsigned files = 0;
    DIR *directory = opendir(t->directory);
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        if (strncmp(entry->d_name, begin, strlen(begin)) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", t->directory, entry->d_name);
        note_file(seen, path);
        files++;
    }
    closedir(directory);
    return files;
}

static struct seen *no_frames(void) {
    static struct seen seen;
    memset(&seen, 0, sizeof seen);
    return &seen;
}

/* Each frame once, and as many written. */
static void expect_each_once(const struct seen *seen, const json_t *report, const char *sink) {
    char name[64];
    assert_int_equal(seen->torn, 0);
    assert_int_equal(seen->frames, DOOR_PACKETS);
    assert_int_equal(seen->records, DOOR_PACKETS);
    snprintf(name, sizeof name, "%s.written", sink);
    assert_int_equal(counter_of(report, name), DOOR_PACKETS + seen->others);
    snprintf(name, sizeof name, "%s.dropped", sink);
    assert_int_equal(counter_of(report, name), 0);
}

static void begin(struct test *t) {
    make_door_trace(t);
    let_workers_fail(t);
}

/* ---- files */

static void each_worker_has_a_file_and_each_packet_a_record(void **state) {
    struct test *t = *state;
    begin(t);
    struct seen *seen = no_frames();
    process_expect(t, start_door(t, "lines", "-w 2 --eve file:a/eve-%k.json --eve file:%n-%k-%r"),
                   EXIT_DONE);
    const json_t *report = expect_door_inspected(t);
    note_file(seen, file_in(t, "a/eve-0.json"));
    note_file(seen, file_in(t, "a/eve-1.json"));
    expect_each_once(seen, report, "eve-file-1");
    seen = no_frames();
    assert_int_equal(note_files(seen, t, t->name), 2);
    expect_each_once(seen, report, "eve-file-2");
    assert_int_equal(counter_of(report, "eve-file-1.retried"), 0);
}

static void files_are_rotated_in_a_run(void **state) {
    struct test *t = *state;
    begin(t);
    struct seen *seen = no_frames();
    process_expect(t, start_door(t, "lines:500", "-w 2 --eve file:eve-%k.json,size=1M"), EXIT_DONE);
    assert_in_range(note_files(seen, t, "eve-"), 10, 12);
    expect_each_once(seen, expect_door_inspected(t), "eve-file");
}

#define KILLS 3

static void a_killed_worker_loses_no_record_and_tears_none(void **state) {
    struct test *t = *state;
    begin(t);
    struct process *run =
        start_door(t, "lines:1000", "-w 2 --speed 0.25 --failover never --eve file:eve-%k.json");
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t pid = 0;
        UNTIL(t, (pid = ready_pid(t, i % 2)) != 0);
        pause_ms(50);
        kill(pid, SIGKILL);
        UNTIL(t, is_back(t, i % 2, pid));
    }
    assert_true(stat_number(t, t->name, "inspectors.eve-file.written") > 0);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    assert_int_equal(sum_of_workers(report, "restarts"), KILLS);
    json_int_t again = number_at(report, "redelivered");
    struct seen *seen = no_frames();
    assert_int_equal(note_files(seen, t, "eve-"), 2);
    assert_int_equal(seen->torn, 0);
    assert_int_equal(seen->frames, DOOR_PACKETS);
    assert_in_range(seen->records, DOOR_PACKETS, DOOR_PACKETS + again);
}

static void reload_opens_files_that_were_renamed(void **state) {
    struct test *t = *state;
    begin(t);
    struct process *run = start_door(t, "lines", "-w 2 --speed 1 --eve file:eve-%k.json");
    UNTIL(t, ready_pid(t, 0) != 0 && ready_pid(t, 1) != 0);
    UNTIL(t, stat_number(t, t->name, "inspectors.eve-file.written") > 100);
    assert_int_equal(rename(file_in(t, "eve-0.json"), file_in(t, "eve-0.old")), 0);
    assert_int_equal(rename(file_in(t, "eve-1.json"), file_in(t, "eve-1.old")), 0);
    process_expect(t, process_start(t, "flow-balancer reload -n @"), EXIT_DONE);
    assert_true(file_exists(t, "eve-0.json") && file_exists(t, "eve-1.json"));
    process_expect(t, run, EXIT_DONE);
    struct seen *seen = no_frames();
    note_file(seen, file_in(t, "eve-0.json"));
    note_file(seen, file_in(t, "eve-1.json"));
    assert_in_range(seen->records, 1000, DOOR_PACKETS - 100);
    note_files(seen, t, "eve-0.o");
    note_files(seen, t, "eve-1.o");
    expect_each_once(seen, expect_door_inspected(t), "eve-file");
}

static const struct rlimit short_files = {200000, RLIM_INFINITY};

static void enter_with_short_files(const struct test *t) {
    (void)t;
    setrlimit(RLIMIT_FSIZE, &short_files);
}

/* A disk that is full, for a while or to the end. */
static struct process *run_on_full_disk(struct test *t, const char *wait,
                                        struct process **dispatcher) {
    *dispatcher = process_start(
        t, "flow-dispatcher -n @ -r t.pcap -w 1 --hang 2 --timeout all=never --report out.json");
    t->enter = enter_with_short_files;
    struct process *worker = process_start(
        t, "flow-worker-fault -n @ -k 0 --inspector lines --eve file:eve --eve-wait %s", wait);
    t->enter = NULL;
    return worker;
}

static void a_full_disk_is_waited_for_or_not_as_asked(void **state) {
    struct test *t = *state;
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    struct process *dispatcher;
    make_door_trace(t);
    struct process *worker = run_on_full_disk(t, "forever", &dispatcher);
    UNTIL(t, stat_number(t, t->name, "workers.0.self_output_waits") >= 12);
    struct seen *seen = no_frames();
    note_file(seen, file_in(t, "eve"));
    assert_int_equal(seen->records, 2500);
    assert_int_equal(seen->torn, 0);
    assert_int_equal(prlimit(worker->pid, RLIMIT_FSIZE, &unlimited, NULL), 0);
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    expect_said(t, worker, "--eve file:eve: cannot write: File too large: the worker waits until");
    expect_said(t, worker, "--eve file:eve takes records again; 0 were dropped");
    const json_t *report = expect_door_inspected(t);
    expect_number(report, "workers.0.hangs", 0);
    seen = no_frames();
    note_file(seen, file_in(t, "eve"));
    expect_each_once(seen, report, "eve-file");
    assert_int_equal(counter_of(report, "eve-file.retried"), 1);
    assert_int_equal(unlink(file_in(t, "eve")), 0);

    worker = run_on_full_disk(t, "50", &dispatcher);
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    expect_one_line_with(t, worker, "the worker waits for at most 50 ms, then they are dropped");
    report = expect_door_inspected(t);
    assert_int_equal(counter_of(report, "eve-file.written"), 2500);
    assert_in_range(counter_of(report, "eve-file.dropped"), DOOR_PACKETS - 2500,
                    DOOR_PACKETS - 2500 + OTHERS_MAX);
}

/* ---- standard output */

static void standard_output_has_records_and_the_report_makes_way(void **state) {
    struct test *t = *state;
    begin(t);
    struct process *run = start_door(t, "lines:5000", "-w 3 --eve -");
    process_expect(t, run, EXIT_DONE);
    struct seen *seen = no_frames();
    note_file(seen, run->output);
    expect_each_once(seen, expect_door_inspected(t), "eve-stdout");
    expect_said(t, run, "ledger: BALANCED");
}

/* ---- sockets */

static int bind_socket(const struct test *t, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(file_in(t, "sock")) < sizeof address.sun_path);
    strcpy(address.sun_path, file_in(t, "sock"));
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* Notes the lines that a reader has until it has so many, or the other end is closed. When it goes
 * it takes what is there, and the line that it has in part comes again. */
static void read_lines(struct seen *seen, int fd, unsigned most) {
    static char bytes[1 << 16];
    size_t used = 0;
    bool goes = false;
    for (ssize_t n; (n = recv(fd, bytes + used, sizeof bytes - used - 1, 0)) > 0;) {
        char *line = bytes, *end;
        used += (size_t)n;
        bytes[used] = '\0';
        for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            note_line(seen, line);
        }
        used -= (size_t)(line - bytes);
        memmove(bytes, line, used);
        if (seen->records >= most && !goes) {
            goes = true;
            shutdown(fd, SHUT_RD);
        }
    }
    close(fd);
}

#define BEHIND_QUEUE 10000 /* records: the outage is over by then */

static void a_reader_that_comes_late_and_goes_and_comes_misses_nothing(void **state) {
    struct test *t = *state;
    begin(t);
    struct process *run =
        start_door(t, "lines:1000", "-w 1 --speed 0.5 --eve unix:sock --eve-wait forever");
    UNTIL(t, ready_pid(t, 0) != 0);
    UNTIL(t, stat_number(t, t->name, "inspectors.eve-unix.retried") > 500);
    int listener = bind_socket(t, SOCK_STREAM);
    struct seen *seen = no_frames();
    read_lines(seen, accept(listener, NULL, NULL), BEHIND_QUEUE);
    assert_in_range(seen->records, BEHIND_QUEUE, DOOR_PACKETS - 1);
    read_lines(seen, accept(listener, NULL, NULL), UINT32_MAX);
    close(listener);
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run,
                "--eve unix:sock: cannot connect: No such file or directory: records are "
                "queued, then the worker waits until it can");
    expect_said(t, run, "--eve unix:sock: cannot write: ");
    expect_each_once(seen, expect_door_inspected(t), "eve-unix");
}

static void a_slow_reader_of_datagrams_has_them_all(void **state) {
    struct test *t = *state;
    begin(t);
    int reader = bind_socket(t, SOCK_DGRAM);
    struct seen *seen = no_frames();
    struct process *run = start_door(t, "lines:1000", "-w 2 --eve unix:sock --eve-wait forever");
    for (bool is_over = false; !is_over;) {
        static char line[4000];
        is_over = process_ended(t, run);
        for (ssize_t n; (n = recv(reader, line, sizeof line - 1, MSG_DONTWAIT)) > 0;) {
            line[n] = '\0';
            note_line(seen, line);
        }
        pause_ms(1);
    }
    process_expect(t, run, EXIT_DONE);
    close(reader);
    expect_each_once(seen, expect_door_inspected(t), "eve-unix");
}

static void a_reader_that_never_comes_holds_no_run(void **state) {
    struct test *t = *state;
    begin(t);
    struct process *run = start_door(t, "lines:1000", "-w 1 --eve unix:sock --eve-wait 100");
    process_expect(t, run, EXIT_DONE);
    const json_t *report = expect_door_inspected(t);
    assert_int_equal(counter_of(report, "eve-unix.written"), 0);
    assert_in_range(counter_of(report, "eve-unix.dropped"), DOOR_PACKETS,
                    DOOR_PACKETS + OTHERS_MAX);
    expect_said(t, run, "records were queued, and not taken in time: they are dropped");
}

/* ---- wrong usage, and no run */

static void wrong_sinks_are_refused_before_the_run(void **state) {
    struct test *t = *state;
    static const struct {
        const char *options, *part;
        int status;
    } rows[] = {
        {"-w 2 --eve file:eve.json", "2 workers cannot write one file: write file:eve-%k.json", 2},
        {"-w 1 --eve eve.json", "--eve 'eve.json': give file:PATTERN, unix:PATH, or -", 2},
        {"-w 1 --eve file:%x", "'%x' stands for nothing", 2},
        {"-w 1 --eve file:/proc/no/eve", "cannot make or use the directory", 1},
        {"-w 1 --eve - --report -", "would both go to standard output", 2},
        {"-w 1 --eve unix:s --eve-wait never", "--eve-wait 'never'", 2},
    };
    make_door_trace(t);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct process *run = start_door(t, "count", rows[i].options);
        process_expect(t, run, rows[i].status);
        expect_one_line_with(t, run, rows[i].part);
        processes_forget(t);
    }
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "an instance in the background has no standard output",
                   "flow-balancer start -n @ -r t.pcap --eve -");
    processes_forget(t);
    struct process *check = process_start(
        t, "flow-worker --check --eve file:eve-%%k.json --eve unix:sock --eve-wait 5");
    process_expect(t, check, EXIT_DONE);
    assert_string_equal(process_errors(t, check), "");
    assert_false(file_exists(t, "eve-0.json"));
}

static void records_of_files_need_no_instance(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    struct process *worker = process_start(
        t, "flow-worker-fault --read t.pcap --inspector lines --eve - --eve file:%%n-%%k");
    process_expect(t, worker, EXIT_DONE);
    struct seen *seen = no_frames();
    note_file(seen, worker->output);
    assert_int_equal(seen->frames, DOOR_PACKETS);
    seen = no_frames();
    note_file(seen, file_in(t, "t.pcap-0"));
    assert_int_equal(seen->frames, DOOR_PACKETS);
    expect_said(t, worker, "eve-stdout: written          20,000\n");
    expect_said(t, worker, "eve-file: dropped               0\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(each_worker_has_a_file_and_each_packet_a_record),
        PROCESS_TEST(files_are_rotated_in_a_run),
        PROCESS_TEST(a_killed_worker_loses_no_record_and_tears_none),
        PROCESS_TEST(reload_opens_files_that_were_renamed),
        PROCESS_TEST(a_full_disk_is_waited_for_or_not_as_asked),
        PROCESS_TEST(standard_output_has_records_and_the_report_makes_way),
        PROCESS_TEST(a_reader_that_comes_late_and_goes_and_comes_misses_nothing),
        PROCESS_TEST(a_slow_reader_of_datagrams_has_them_all),
        PROCESS_TEST(a_reader_that_never_comes_holds_no_run),
        PROCESS_TEST(wrong_sinks_are_refused_before_the_run),
        PROCESS_TEST(records_of_files_need_no_instance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
