/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/recorder.c, dispatcher/run/post_mortem.c and shm/view/history.c: what happened in
 * a run, while it goes on, when its dispatcher is gone, and in the file that is kept of it.
 */
#include "tests/lib/feed.h"
#include "tests/lib/life.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PACKETS 3000u
#define FOREVER "--loop 1000000 --timeout all=never "
#define OTHER_USER 65534

static void make_trace(struct test *t) {
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --size 60 --packets %u --flows 100", PACKETS),
        EXIT_DONE);
}

/* ---- what flow-stat says; the caller frees it */

static json_t *history_from(struct test *t, const char *options) {
    struct process *stat = process_start(t, "flow-stat -n @ --history --json %s", options);
    process_expect(t, stat, EXIT_DONE);
    FILE *out = fopen(stat->output, "re");
    assert_non_null(out);
    json_t *history = json_loadf(out, 0, NULL);
    fclose(out);
    process_forget(t, stat);
    assert_non_null(history);
    assert_string_equal(text_at(history, "schema"), "flow-balancer.history/1");
    assert_string_equal(text_at(history, "instance"), t->name);
    return history;
}

static json_t *history_of(struct test *t) {
    return history_from(t, "");
}

/* The place of the next event of that name from `from` on, or SIZE_MAX. */
static size_t find_event(const json_t *history, const char *name, size_t from) {
    const json_t *events = json_object_get(history, "events");
    for (size_t i = from; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        if (strcmp(json_string_value(json_object_get(event, "event")), name) == 0)
            return i;
    }
    return SIZE_MAX;
}

static const json_t *event_at(const json_t *history, size_t i) {
    return json_array_get(json_object_get(history, "events"), i);
}

static size_t samples_of(const json_t *history) {
    return json_array_size(json_object_get(history, "samples"));
}

static bool has_event(struct test *t, const char *name) {
    json_t *history = history_of(t);
    bool has = find_event(history, name, 0) != SIZE_MAX;
    json_decref(history);
    return has;
}

static bool has_samples(struct test *t, size_t count) {
    json_t *history = history_of(t);
    bool has = samples_of(history) >= count;
    json_decref(history);
    return has;
}

/* Each after the one before it, in place and in time. */
static void expect_order(const json_t *history, const char *const *names, size_t count) {
    double time = 0;
    for (size_t i = 0, at = 0; i < count; i++, at++) {
        at = find_event(history, names[i], at);
        if (at == SIZE_MAX)
            fail_msg("no event %s in its place", names[i]);
        double now = json_real_value(json_object_get(event_at(history, at), "time"));
        assert_true(now >= time);
        time = now;
    }
}

/* Totals never go back, and every sample's ledger adds up. */
static void expect_samples_right(const json_t *history) {
    json_int_t received = 0, inspected = 0;
    double time = 0;
    for (size_t i = 0; i < samples_of(history); i++) {
        const json_t *s = json_array_get(json_object_get(history, "samples"), i);
        assert_true(number_at(s, "received") >= received && number_at(s, "inspected") >= inspected);
        assert_true(json_real_value(json_object_get(s, "time")) > time);
        received = number_at(s, "received");
        inspected = number_at(s, "inspected");
        time = json_real_value(json_object_get(s, "time"));
        json_int_t dropped = number_at(s, "dropped.ring_full") + number_at(s, "dropped.no_worker") +
                             number_at(s, "dropped.abandoned");
        assert_int_equal(received, inspected + number_at(s, "shunted") +
                                       number_at(s, "quarantined") + number_at(s, "in_flight") +
                                       dropped);
        assert_int_equal(sum_of_workers(s, "packets"), inspected);
    }
}

/* ---- a run that goes on */

static void the_death_of_a_worker_is_recorded_in_its_order(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap " FOREVER "-w 2");
    UNTIL(t, inspected(t) >= 1000);
    pid_t pid = ready_pid(t, 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    UNTIL(t, is_back(t, 1, pid));
    UNTIL(t, has_samples(t, 3));
    json_t *history = history_of(t);
    static const char *const names[] = {"worker_offered", "run_started",    "worker_claimed",
                                        "worker_ready",   "run_running",    "worker_died",
                                        "worker_offered", "worker_claimed", "worker_back"};
    expect_order(history, names, sizeof names / sizeof *names);
    const json_t *died = event_at(history, find_event(history, "worker_died", 0));
    expect_number(died, "worker", 1);
    expect_number(died, "pid", pid);
    assert_string_equal(text_at(died, "severity"), "warning");
    char line[128];
    snprintf(line, sizeof line, "worker 1 (pid %d) died; its flows wait for its next process",
             (int)pid);
    assert_string_equal(text_at(died, "text"), line);
    expect_said(t, run, line);
    expect_samples_right(history);
    json_decref(history);
    struct process *text = process_start(t, "flow-stat -n @ --history");
    process_expect(t, text, EXIT_DONE);
    assert_non_null(strstr(process_output(t, text), line));
    assert_non_null(strstr(t->text, "received/s"));
    stop_run(t, run, EXIT_DONE);
    assert_int_equal(objects_of(t->name), 0);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "is not running", "flow-stat -n @ --history");
}

static void drops_begin_and_end_in_it_with_their_count(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher = process_start_piped(
        t, "flow-dispatcher -n @ -r - -w 1 --on-full drop --ring-depth 500 --timeout all=never "
           "--hang never");
    struct process *worker = process_start(t, "flow-worker -n @");
    UNTIL(t, ready_pid(t, 0) != 0);
    process_signal(worker, SIGSTOP);
    feed_file(t, dispatcher, "t.pcap");
    UNTIL(t, has_event(t, "ring_drops_ended"));
    json_t *history = history_of(t);
    size_t began = find_event(history, "ring_drops_began", 0);
    size_t ended = find_event(history, "ring_drops_ended", 0);
    assert_true(began < ended);
    expect_number(event_at(history, began), "worker", 0);
    expect_number(event_at(history, began), "count", 500);
    expect_number(event_at(history, ended), "count", stat_number(t, t->name, "workers.0.dropped"));
    assert_true(json_real_value(json_object_get(event_at(history, ended), "duration_s")) > 0);
    expect_samples_right(history);
    json_decref(history);
    process_signal(worker, SIGCONT);
    process_close_input(dispatcher);
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
}

/* ---- a dispatcher that is gone */

static void the_history_of_a_killed_dispatcher_is_there_until_it_is_cleared(void **state) {
    struct test *t = *state;
    make_trace(t);
    struct process *dispatcher = process_start(t, "flow-dispatcher -n @ -r t.pcap " FOREVER "-w 1");
    UNTIL(t, stat_of(t, t->name) != NULL);
    struct process *worker = process_start(t, "flow-worker -n @ --orphan-timeout 1");
    UNTIL(t, inspected(t) >= 1000);
    UNTIL(t, has_samples(t, 3));
    process_signal(dispatcher, SIGKILL);
    process_wait(t, dispatcher);
    process_expect(t, worker, EXIT_NOTHING_TO_CLAIM);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "is not running", "flow-stat -n @");
    json_t *dead = history_of(t);
    assert_true(samples_of(dead) >= 3);
    assert_true(find_event(dead, "run_running", 0) != SIZE_MAX);
    expect_samples_right(dead);
    struct process *clean = process_start(t, "flow-dispatcher --clean -n @ --report out.json");
    process_expect(t, clean, EXIT_DONE);
    expect_said(t, clean, "are kept in ");
    assert_int_equal(objects_of(t->name), 0);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "is not running", "flow-stat -n @ --history");
    /* It says the same. */
    char file[PROCESS_PATH_MAX];
    snprintf(file, sizeof file, "--history-file %s-history.json", t->name);
    json_t *kept = history_from(t, file);
    assert_true(json_equal(kept, dead));
    json_decref(kept);
    json_decref(dead);
    struct process *text = process_start(t, "flow-stat %s --last 2", file);
    process_expect(t, text, EXIT_DONE);
    assert_non_null(strstr(process_output(t, text), ", 3 samples\n"));
}

static void the_supervisor_keeps_it_beside_the_report_or_in_its_folder(void **state) {
    struct test *t = *state;
    make_trace(t);
    for (unsigned with_report = 0; with_report < 2; with_report++) {
        struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap " FOREVER "-w 1%s",
                                            with_report ? " --report out.json" : "");
        UNTIL(t, inspected(t) >= 1000);
        assert_int_equal(kill(process_of_dispatcher(t->name), SIGKILL), 0);
        process_expect(t, run, EXIT_RUNTIME);
        char path[FB_PATH_MAX + FB_NAME_MAX + 32] = "", line[sizeof path + 64];
        if (!with_report)
            assert_int_equal(fb_runtime_dir(path, false), 0);
        snprintf(path + strlen(path), 2 * FB_NAME_MAX, "%s%s-history.json", with_report ? "" : "/",
                 t->name);
        snprintf(line, sizeof line, "instance '%s' are kept in %s: ", t->name, path);
        expect_said(t, run, line);
        char file[sizeof path + 32];
        snprintf(file, sizeof file, "--history-file %s", path);
        json_t *kept = history_from(t, file);
        assert_true(samples_of(kept) >= 1);
        assert_true(find_event(kept, "run_running", 0) != SIZE_MAX);
        json_decref(kept);
    }
}

/* ---- who and where */

static void become_other(const struct test *t) {
    (void)t;
    if (setgid(OTHER_USER) != 0 || setuid(OTHER_USER) != 0)
        _exit(126);
}

static void another_user_is_told_whose_it_is(void **state) {
    struct test *t = *state;
    if (geteuid() != 0)
        SKIP("only root can become another user");
    make_trace(t);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap " FOREVER "-w 1");
    UNTIL(t, inspected(t) >= 1000);
    assert_int_equal(chmod(t->directory, 0755), 0);
    t->enter = become_other;
    struct process *version = process_start(t, "flow-stat --version");
    bool can = process_wait(t, version) == EXIT_DONE;
    struct process *stat = process_start(t, "flow-stat -n @ --history");
    int status = process_wait(t, stat);
    t->enter = NULL;
    if (can) {
        assert_int_equal(status, EXIT_RUNTIME);
        expect_one_line_with(t, stat, "run as the user that started the dispatcher");
    }
    stop_run(t, run, EXIT_DONE);
    if (!can)
        SKIP("another user cannot run the programs under test");
}

static json_int_t samples_kept(struct test *t) {
    json_t *history = history_of(t);
    json_int_t kept = number_at(history, "samples_kept");
    json_decref(history);
    return kept;
}

static void a_small_dev_shm_has_a_short_history(void **state) {
    struct test *t = *state;
    static const struct {
        const char *options;
        json_int_t least, most; /* samples */
    } cases[] = {{"size=48M", 1000, 3600}, {"size=3M", 10, 500}};
    if (geteuid() != 0)
        SKIP("only root can have a /dev/shm of its own");
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        SKIP("no mounts of its own: %s", strerror(errno));
    make_trace(t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mount("tmpfs", FB_SHM_DIR, "tmpfs", 0, cases[i].options), 0);
        struct process *run = process_start(
            t, "flow-balancer run -n @ -r t.pcap " FOREVER
               "-w 1 --max-workers 1 --ring-bytes 1M --ring-depth 100 --max-flows 1000 "
               "--hugepages never");
        UNTIL(t, inspected(t) >= 1000);
        assert_in_range(samples_kept(t), cases[i].least, cases[i].most);
        stop_run(t, run, EXIT_DONE);
        assert_int_equal(objects_of(t->name), 0);
        assert_int_equal(umount2(FB_SHM_DIR, MNT_DETACH), 0);
    }
}

static void where_none_can_be_kept_that_is_said_and_the_run_goes_on(void **state) {
    struct test *t = *state;
    char path[FB_PATH_MAX];
    make_trace(t);
    assert_true(fb_object_path(path, FB_SHM_DIR, t->name, FB_KIND_HISTORY, 0));
    assert_int_equal(mkdir(path, 0700), 0);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap " FOREVER "-w 1");
    UNTIL(t, inspected(t) >= 1000);
    expect_said(t, run, "no history of this run is kept: a directory of uid");
    EXPECT_REFUSED(t, EXIT_RUNTIME, ".history is no file", "flow-stat -n @ --history");
    stop_run(t, run, EXIT_DONE);
    assert_int_equal(rmdir(path), 0);
}

/* ---- the journal: a socket in its place, in a /run of this program's own */

#define JOURNAL "/run/systemd/journal"

static int open_journal(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL "/socket"};
    if (geteuid() != 0)
        SKIP("only root can have a /run of its own");
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/run", "tmpfs", 0, "") != 0)
        SKIP("no mounts of its own: %s", strerror(errno));
    assert_int_equal(mkdir("/run/systemd", 0755), 0);
    assert_int_equal(mkdir(JOURNAL, 0755), 0);
    int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(journal, (struct sockaddr *)&address, sizeof address), 0);
    return journal;
}

/* As systemd has it for a service. */
static void log_to_journal(const struct test *t) {
    struct stat st;
    char stream[64];
    (void)t;
    if (fstat(STDERR_FILENO, &st) != 0)
        _exit(126);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
}

static bool journal_has(int journal, char *seen, size_t room, const char *part) {
    size_t used = strlen(seen);
    for (ssize_t n; (n = recv(journal, seen + used, room - used - 1, 0)) > 0;)
        used += (size_t)n;
    seen[used] = '\0';
    return strstr(seen, part) != NULL;
}

static void the_journal_gets_events_with_their_fields(void **state) {
    struct test *t = *state;
    static char seen[1 << 16];
    make_trace(t);
    int journal = open_journal();
    t->enter = log_to_journal;
    struct process *dispatcher = process_start(t, "flow-dispatcher -n @ -r t.pcap " FOREVER "-w 1");
    t->enter = NULL;
    process_start(t, "flow-worker -n @ -k 0");
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 0)) != 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    char died[256];
    snprintf(died, sizeof died,
             "flow-dispatcher: warning: worker 0 (pid %d) died; its flows wait for its next process"
             "\nPRIORITY=4\nSYSLOG_IDENTIFIER=flow-dispatcher\nFB_EVENT=worker_died\n"
             "FB_INSTANCE=%s\nFB_WORKER=0\nFB_PID=%d\n",
             (int)pid, t->name, (int)pid);
    UNTIL(t, journal_has(journal, seen, sizeof seen, died));
    process_start(t, "flow-worker -n @ -k 0");
    UNTIL(t, journal_has(journal, seen, sizeof seen, "FB_EVENT=worker_back\n"));
    /* Others go to the stream, as before. */
    assert_non_null(strstr(process_errors(t, dispatcher), "<6>flow-dispatcher: info: rings on "));
    assert_null(strstr(t->text, "died"));
    stop_run(t, dispatcher, EXIT_DONE);
    close(journal);
    assert_int_equal(umount2("/run", MNT_DETACH), 0);
}

static void wrong_usage_is_one_line(void **state) {
    struct test *t = *state;
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "--last", "flow-stat -n @ --last 7");
    processes_forget(t);
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "--last", "flow-stat -n @ --history --last 0");
    processes_forget(t);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "cannot open no-such", "flow-stat --history-file no-such");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "is not running", "flow-stat -n @ --history");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(the_death_of_a_worker_is_recorded_in_its_order),
        PROCESS_TEST(drops_begin_and_end_in_it_with_their_count),
        PROCESS_TEST(the_history_of_a_killed_dispatcher_is_there_until_it_is_cleared),
        PROCESS_TEST(the_supervisor_keeps_it_beside_the_report_or_in_its_folder),
        PROCESS_TEST(another_user_is_told_whose_it_is),
        PROCESS_TEST(a_small_dev_shm_has_a_short_history),
        PROCESS_TEST(where_none_can_be_kept_that_is_said_and_the_run_goes_on),
        PROCESS_TEST(the_journal_gets_events_with_their_fields),
        PROCESS_TEST(wrong_usage_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
