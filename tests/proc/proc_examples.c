/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The examples of tests/examples, built against the installed headers, library and module, as
 * plugins of flow-worker and as programs in the place of workers: each logs each packet once, each
 * flow in order at one worker, and the same as the others; after kill -9, on a full disk, and when
 * its files are rotated too. And the examples of flow-balancer-inspectors(7). See also
 * proc_examples_long.c; the module of Python has tests of its own, proc_python.c.
 */
#include "tests/lib/examples.h"
#include "tests/lib/life.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACE_PACKETS 100000u
#define WORKERS_MOST 4u
#define FOREVER "--loop 1000000"

static const char *trace(void) {
    static char path[PROCESS_PATH_MAX];
    snprintf(path, sizeof path, "%s/t.pcap", examples_folder());
    return path;
}

static struct process *start_dispatcher(struct test *t, unsigned workers, const char *options) {
    return process_start(t,
                         "flow-dispatcher -n @ -r %s -w %u --timeout all=never --failover never "
                         "--report out.json %s",
                         trace(), workers, options);
}

/* ---- all packets, once */

/* The counters that the example names itself: bytes as all the others count them. */
static void expect_counters(const json_t *report) {
    static json_int_t bytes;
    json_t *inspectors = (json_t *)(uintptr_t)value_at(report, "inspectors");
    const json_t *counters = json_object_iter_value(json_object_iter(inspectors));
    assert_int_equal(json_object_size(inspectors), 1);
    json_int_t counted = number_at(counters, "payload_bytes");
    bytes = bytes == 0 ? counted : bytes;
    assert_true(counted > 0);
    assert_int_equal(counted, bytes);
}

static void run_with(struct test *t, const struct example *example, unsigned workers) {
    struct process *dispatcher = start_dispatcher(t, workers, "");
    struct process *started[WORKERS_MOST];
    for (unsigned k = 0; k < workers; k++)
        started[k] = example_start(t, example, k, "log");
    process_expect(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < workers; k++)
        process_expect(t, started[k], EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, TRACE_PACKETS);
    expect_counters(report);
    examples_expect_logged(t, "log", trace(), TRACE_PACKETS, 0);
    examples_expect_ends(t, "log", number_at(report, "flows.created"), TRACE_PACKETS);
    examples_expect_same(t, "log", "short");
    processes_forget(t);
    assert_int_equal(process_run(t, "/usr/bin/env rm -r log"), EXIT_DONE);
    processes_forget(t);
}

static void logs_every_packet_once_as_the_others_do(struct test *t, const struct example *example) {
    for (unsigned workers = 1; workers <= WORKERS_MOST; workers *= 2)
        run_with(t, example, workers);
}

/* ---- kill -9 */

/* What a process leaves that is killed in the middle of a write. */
static void append_half_a_line(struct test *t, const char *path) {
    FILE *file = fopen(file_in(t, path), "ae");
    assert_non_null(file);
    assert_true(fputs("4711\t12", file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void killed_loses_nothing(struct test *t, const struct example *example) {
    enum { KILLS = 3 };
    struct process *dispatcher = start_dispatcher(t, 2, FOREVER);
    struct process *started[2];
    for (unsigned k = 0; k < 2; k++)
        started[k] = example_start(t, example, k, "log");
    for (unsigned i = 0; i < KILLS; i++) {
        UNTIL(t, ready_pid(t, 1) == started[1]->pid);
        await_more(t, 5000);
        process_signal(started[1], SIGKILL);
        process_expect(t, started[1], 128 + SIGKILL);
        append_half_a_line(t, "log/worker-1.tsv");
        append_half_a_line(t, "log/flows-1.tsv");
        started[1] = example_start(t, example, 1, "log");
    }
    UNTIL(t, ready_pid(t, 1) == started[1]->pid);
    await_more(t, 1000);
    stop_run(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, started[k], EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", number_at(report, "ledger.received"));
    expect_number(report, "workers.1.restarts", KILLS);
    size_t suspects = (size_t)number_at(report, "redelivered");
    assert_in_range(suspects, 0, KILLS);
    examples_expect_logged(t, "log", trace(), (uint64_t)number_at(report, "ledger.received"),
                           suspects);
}

/* ---- an output that cannot be written */

static const struct rlimit short_files = {4096, RLIM_INFINITY}; /* some 60 lines */

static void enter_with_short_files(const struct test *t) {
    examples_enter(t);
    setrlimit(RLIMIT_FSIZE, &short_files);
}

static void waits_for_a_full_disk(struct test *t, const struct example *example) {
    struct process *dispatcher = start_dispatcher(t, 1, "--hang 0.5");
    t->enter = enter_with_short_files;
    struct process *worker = example_start(t, example, 0, "log");
    t->enter = NULL;
    UNTIL(t, stat_number(t, t->name, "workers.0.self_output_waits") >= 12); /* twice --hang */
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    assert_int_equal(prlimit(worker->pid, RLIMIT_FSIZE, &unlimited, NULL), 0);
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    expect_said(t, worker, "cannot write log/worker-0.tsv: ");
    expect_said(t, worker, "log/worker-0.tsv can be written again");
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, TRACE_PACKETS);
    expect_number(report, "redelivered", 0);
    expect_number(report, "workers.0.hangs", 0);
    examples_expect_logged(t, "log", trace(), TRACE_PACKETS, 0);
}

/* ---- plugins: reload */

/* SIGHUP means reload where no terminal is. */
static void enter_without_terminal(const struct test *t) {
    (void)t;
    setsid();
}

static struct process *start_rotating(struct test *t, const struct example *example) {
    t->enter = enter_without_terminal;
    struct process *worker = example_start(t, example, 0, "log");
    t->enter = NULL;
    await_more(t, 5000);
    assert_int_equal(mkdir(file_in(t, "old"), 0700), 0);
    assert_int_equal(rename(file_in(t, "log/worker-0.tsv"), file_in(t, "old/worker-0.tsv")), 0);
    return worker;
}

static void rotates_its_files_at_reload(struct test *t, const struct example *example) {
    struct process *dispatcher = start_dispatcher(t, 1, FOREVER);
    struct process *worker = start_rotating(t, example);
    process_signal(worker, SIGHUP);
    UNTIL(t, file_exists(t, "log/worker-0.tsv"));
    await_more(t, 1000);
    stop_run(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    assert_int_equal(mkdir(file_in(t, "all"), 0700), 0);
    const char *const join[] = {"/bin/sh", "-c",
                                "cat old/worker-0.tsv log/worker-0.tsv >all/worker-0.tsv", NULL};
    process_expect(t, process_start_words(t, join), EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    examples_expect_logged(t, "all", trace(), (uint64_t)number_at(report, "ledger.received"), 0);
}

static void goes_on_with_its_files_where_a_reload_fails(struct test *t,
                                                        const struct example *example) {
    struct process *dispatcher = start_dispatcher(t, 1, FOREVER);
    struct process *worker = start_rotating(t, example);
    assert_int_equal(mkdir(file_in(t, "log/worker-0.tsv"), 0700), 0);
    process_signal(worker, SIGHUP);
    UNTIL(t, strstr(process_errors(t, worker), "cannot open log/worker-0.tsv: ") != NULL);
    await_more(t, 1000);
    stop_run(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    examples_expect_logged(t, "old", trace(), (uint64_t)number_at(report, "ledger.received"), 0);
}

static void refuses_to_work_without_a_directory(struct test *t, const struct example *example) {
    EXPECT_REFUSED(t, EXIT_WRONG_USAGE, "the directory is missing",
                   "flow-worker -n @ --check --inspector %s/%s", examples_folder(),
                   example->plugin);
}

/* ---- programs: signals and claims */

static void leaves_when_it_is_asked_to(struct test *t, const struct example *example) {
    struct process *dispatcher = start_dispatcher(t, 1, FOREVER " --no-worker-timeout 1");
    struct process *worker = example_start(t, example, 0, "log");
    await_more(t, 5000);
    process_signal(worker, SIGTERM);
    pause_ms(1000);
    process_signal(worker, SIGTERM); /* twice: not only when no packet waits */
    process_expect(t, worker, EXIT_DONE);
    process_expect(t, dispatcher, EXIT_RUNTIME); /* no process comes instead */
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "redelivered", 0);
    examples_expect_logged(t, "log", trace(), (uint64_t)number_at(report, "ledger.inspected"), 0);
}

static void says_that_its_number_is_taken(struct test *t, const struct example *example) {
    struct process *dispatcher = start_dispatcher(t, 1, FOREVER);
    struct process *worker = example_start(t, example, 0, "log");
    await_more(t, 1000);
    struct process *second = example_start(t, example, 0, "other");
    process_expect(t, second, EXIT_NOTHING_TO_CLAIM);
    expect_said(t, second, "is already running");
    stop_run(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
}

/* With run --attach; one copy is killed. */
static void has_a_supervisor(struct test *t, const struct example *example) {
    char command[2 * PROCESS_PATH_MAX];
    const char *at = strchr(example->program, '@');
    assert_non_null(at);
    snprintf(command, sizeof command, "%.*s%s%s -n %%n -k %%k log", (int)(at - example->program),
             example->program, examples_folder(), at + 1);
    const char *const words[] = {
        "flow-balancer", "run",      "-n",         t->name,     "-r",
        trace(),         "-w",       "2",          "--timeout", "all=never",
        "--loop",        "1000000",  "--failover", "never",     "--report",
        "out.json",      "--attach", command,      NULL};
    t->enter = examples_enter;
    struct process *run = process_start_words(t, words);
    t->enter = NULL;
    pid_t pid = 0;
    UNTIL(t, (pid = ready_pid(t, 1)) != 0);
    await_more(t, 5000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    UNTIL(t, is_back(t, 1, pid));
    await_more(t, 1000);
    stop_run(t, run, EXIT_DONE);
    expect_said(t, run, "worker 1 crashed: signal 9 (SIGKILL)");
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", number_at(report, "ledger.received"));
    size_t suspects = (size_t)number_at(report, "redelivered");
    assert_in_range(suspects, 0, 1);
    examples_expect_logged(t, "log", trace(), (uint64_t)number_at(report, "ledger.received"),
                           suspects);
}

/* ---- each test for each example */

/* ---- the manual page */

/* Takes the program out of the installed page that begins with these words, as a reader would. */
static void write_example_of_page(struct test *t, const char *begins, const char *name) {
    char path[PROCESS_PATH_MAX], line[512];
    snprintf(path, sizeof path, "%s/root/usr/share/man/man7/flow-balancer-inspectors.7",
             examples_folder());
    FILE *page = fopen(path, "re"), *program = fopen(file_in(t, name), "we");
    assert_non_null(page);
    assert_non_null(program);
    bool in_it = false, found = false;
    while (fgets(line, sizeof line, page) != NULL) {
        in_it = (in_it || strstr(line, begins) == line) && strcmp(line, ".Ed\n") != 0;
        found = found || in_it;
        char *escaped = strstr(line, "\\e");
        if (escaped != NULL) /* how a page writes a backslash */
            memmove(escaped + 1, escaped + 2, strlen(escaped + 2) + 1), *escaped = '\\';
        if (in_it)
            assert_true(fputs(line, program) >= 0);
    }
    fclose(page);
    fclose(program);
    assert_true(found);
}

static void compile(struct test *t, const char *options) {
    assert_int_equal(process_run(t, "/usr/bin/env gcc -O2 -Wall -Werror -I%s/root/usr/include %s",
                                 examples_folder(), options),
                     EXIT_DONE);
    processes_forget(t);
}

static void the_plugin_of_the_manual_page_works(void **state) {
    struct test *t = *state;
    write_example_of_page(t, "#include <arpa/inet.h>", "heavy.c");
    compile(t, "-shared -fPIC -o heavy.so heavy.c");
    struct process *run =
        process_start(t, "flow-worker --read %s --inspector ./heavy.so:30000", trace());
    process_expect(t, run, EXIT_DONE);
    assert_non_null(strstr(process_errors(t, run), "inspector heavy: "));
    assert_non_null(strstr(process_errors(t, run), " bytes to 198.18."));
    assert_non_null(strstr(process_errors(t, run), "heavy: flows"));
}

static void the_program_of_the_manual_page_works(void **state) {
    struct test *t = *state;
    write_example_of_page(t, "#include <flow_balancer/consumer.h>", "bytes.c");
    char options[PROCESS_PATH_MAX];
    snprintf(options, sizeof options, "-o bytes bytes.c -L%s/root/usr/lib -lflowbalancer",
             examples_folder());
    compile(t, options);
    struct process *dispatcher = start_dispatcher(t, 1, "");
    t->enter = examples_enter;
    struct process *program = process_start(t, "%s @", file_in(t, "bytes"));
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, program, EXIT_DONE);
    assert_non_null(strstr(process_output(t, program), " bytes\n"));
}

#define TEST(test, number)                                                                         \
    static void test##_##number(void **state) {                                                    \
        example_or_skip(&examples[number]);                                                        \
        test(*state, &examples[number]);                                                           \
    }
#define PLUGIN_TEST(test) TEST(test, 0) TEST(test, 1) TEST(test, 2)
#define PROGRAM_TEST(test) TEST(test, 3) TEST(test, 4) TEST(test, 5)
#define PLUGIN_ENTRY(test) PROCESS_TEST(test##_0), PROCESS_TEST(test##_1), PROCESS_TEST(test##_2)
#define PROGRAM_ENTRY(test) PROCESS_TEST(test##_3), PROCESS_TEST(test##_4), PROCESS_TEST(test##_5)
#define EVERY_TEST(test) PLUGIN_TEST(test) PROGRAM_TEST(test)
#define EVERY_ENTRY(test) PLUGIN_ENTRY(test), PROGRAM_ENTRY(test)

EVERY_TEST(logs_every_packet_once_as_the_others_do)
EVERY_TEST(killed_loses_nothing)
EVERY_TEST(waits_for_a_full_disk)
PLUGIN_TEST(rotates_its_files_at_reload)
PLUGIN_TEST(goes_on_with_its_files_where_a_reload_fails)
PLUGIN_TEST(refuses_to_work_without_a_directory)
PROGRAM_TEST(leaves_when_it_is_asked_to)
PROGRAM_TEST(says_that_its_number_is_taken)
PROGRAM_TEST(has_a_supervisor)

int main(void) {
    const struct CMUnitTest tests[] = {
        EVERY_ENTRY(logs_every_packet_once_as_the_others_do),
        EVERY_ENTRY(killed_loses_nothing),
        EVERY_ENTRY(waits_for_a_full_disk),
        PLUGIN_ENTRY(rotates_its_files_at_reload),
        PLUGIN_ENTRY(goes_on_with_its_files_where_a_reload_fails),
        PLUGIN_ENTRY(refuses_to_work_without_a_directory),
        PROGRAM_ENTRY(leaves_when_it_is_asked_to),
        PROGRAM_ENTRY(says_that_its_number_is_taken),
        PROGRAM_ENTRY(has_a_supervisor),
        PROCESS_TEST(the_plugin_of_the_manual_page_works),
        PROCESS_TEST(the_program_of_the_manual_page_works),
    };
    return cmocka_run_group_tests(tests, examples_set_up, examples_tear_down);
}
