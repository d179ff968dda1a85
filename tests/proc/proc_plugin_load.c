/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/plugin.c: plugins that load, and what is said of those that do not; by a worker itself,
 * and by the script, which has a worker look at them before anything is started. */
#include "tests/lib/life.h"
#include "tests/lib/plugins.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_trace(struct test *t, unsigned packets) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets %u --flows 40", packets),
                     EXIT_DONE);
}

/* One line, and this status; the script ends with 1 where the worker was killed. */
static void refused(struct test *t, const char *inspector, int status, const char *part) {
    static const char *const commands[] = {"flow-worker --check",
                                           "flow-balancer run -n @ -r t.pcap",
                                           "flow-balancer start -n @ -r t.pcap"};
    for (unsigned i = 0; i < 3; i++) {
        int expected = i != 0 && status > 128 ? EXIT_RUNTIME : status;
        EXPECT_REFUSED(t, expected, part, "%s --inspector %s", commands[i], inspector);
        processes_forget(t);
    }
}

static void versions_that_do_not_fit_are_named(void **state) {
    struct test *t = *state;
    make_trace(t, 10);
    use_plugin(t, "other_major");
    use_plugin(t, "later_minor");
    refused(t, "./other_major.so", EXIT_WRONG_USAGE,
            "--inspector ./other_major.so: it is built for inspector interface 2.1, this worker "
            "has 1.1");
    refused(t, "./later_minor.so:x", EXIT_WRONG_USAGE,
            "--inspector ./later_minor.so: it is built for inspector interface 1.4, this worker "
            "has 1.1");
}

static void what_is_no_whole_plugin_is_refused(void **state) {
    static const char *const rows[][2] = {
        {"no_symbol", "it exports no fb_plugin: define it with FB_PLUGIN"},
        {"no_name", "its fb_plugin has no name (interface 1.1, this worker has 1.1)"},
        {"no_open", "its fb_plugin has no open (interface 1.1, this worker has 1.1)"},
        {"no_packet", "its fb_plugin has no packet (interface 1.1, this worker has 1.1)"},
        {"bad_name", "its name 'No Name' must be 1 to 31 of a-z, 0-9, _ and -"}};
    struct test *t = *state;
    make_trace(t, 10);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char inspector[64];
        use_plugin(t, rows[i][0]);
        snprintf(inspector, sizeof inspector, "./%s.so", rows[i][0]);
        refused(t, inspector, EXIT_WRONG_USAGE, rows[i][1]);
    }
}

static void what_is_no_shared_object_is_refused(void **state) {
    struct test *t = *state;
    make_trace(t, 10);
    FILE *text = fopen(file_in(t, "text.so"), "we");
    assert_non_null(text);
    for (unsigned i = 0; i < 100; i++)
        fputs("these are not the bytes of a shared object\n", text);
    assert_int_equal(fclose(text), 0);
    assert_int_equal(mkdir(file_in(t, "folder.so"), 0700), 0);
    refused(t, "./text.so", EXIT_WRONG_USAGE, "./text.so: cannot load it: ./text.so: invalid ELF");
    refused(t, "./missing.so", EXIT_WRONG_USAGE, "cannot open shared object file: No such file");
    refused(t, "./folder.so", EXIT_WRONG_USAGE, "./folder.so: cannot load it: ");
    refused(t, "good.so", EXIT_WRONG_USAGE, "a plugin is given by its path: write ./good.so");
}

static void an_open_that_fails_ends_with_what_it_returned(void **state) {
    struct test *t = *state;
    make_trace(t, 10);
    use_plugin(t, "misbehave");
    refused(t, "./misbehave.so:open,error=22", EXIT_WRONG_USAGE,
            "inspector misbehave: open() failed: Invalid argument");
    refused(t, "./misbehave.so:open,error=12", EXIT_RUNTIME,
            "inspector misbehave: open() failed: Cannot allocate memory");
    refused(t, "./misbehave.so:open,say=22", EXIT_WRONG_USAGE,
            "inspector misbehave: it does not like this");
    refused(t, "./misbehave.so:open,exit=0", EXIT_RUNTIME, "an inspector called exit(0)");
    refused(t, "./misbehave.so:open,exit=2", EXIT_RUNTIME, "an inspector called exit(2)");
}

static void a_crash_while_it_is_loaded_or_opened_is_one_line(void **state) {
    struct test *t = *state;
    make_trace(t, 10);
    use_plugin(t, "misbehave");
    use_plugin(t, "crash_in_constructor");
#define OPENED(signal)                                                                             \
    "it crashed while it was opened, by signal " signal " (it is built for interface 1.1, this "   \
    "worker has interface 1.1)"
    refused(t, "./misbehave.so:open,segv", 128 + SIGSEGV, OPENED("11"));
    refused(t, "./misbehave.so:open,abort", 128 + SIGABRT, OPENED("06"));
    refused(t, "./misbehave.so:open,deep", 128 + SIGSEGV, OPENED("11"));
#undef OPENED
    refused(
        t, "./crash_in_constructor.so", 128 + SIGABRT,
        "--inspector ./crash_in_constructor.so: it crashed while it was loaded, by signal 06 (this "
        "worker has interface 1.1)");
}

/* A runtime in a plugin lives by handlers like these, on a stack of its own. */
static void a_crash_handler_that_open_sets_stays(void **state) {
    enum { TRAPPED = 42 };
    struct test *t = *state;
    make_trace(t, 500);
    use_plugin(t, "misbehave");
    struct process *run = process_start(t, "flow-worker --read t.pcap --inspector "
                                           "./misbehave.so:open,trap --inspector "
                                           "./misbehave.so:packet,deep");
    process_expect(t, run, TRAPPED);
    expect_said(t, run, "trapped by the inspector");
}

static void one_that_ends_the_check_without_a_word_is_said_by_the_script(void **state) {
    struct test *t = *state;
    make_trace(t, 10);
    use_plugin(t, "misbehave");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "the check of the workers' options ended with exit status 3",
                   "flow-balancer run -n @ -r t.pcap -w 1 --inspector ./misbehave.so:open,quit=3");
}

/* ---- those that load */

static void a_plugin_by_a_relative_path_works_in_a_run(void **state) {
    enum { PACKETS = 500 };
    struct test *t = *state;
    make_trace(t, PACKETS);
    use_plugin(t, "good");
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r t.pcap -w 1 --report out.json "
                                    "--inspector ./good.so:lines"),
                   EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), PACKETS);
    const char *lines = text_in(t, "lines");
    assert_int_equal(lines_with(lines, "packet "), PACKETS);
    assert_int_equal(lines_with(lines, "open "), 2); /* it was looked at first */
    assert_int_equal(lines_with(lines, "close"), 2);
}

static void of_an_older_one_what_it_does_not_know_is_not_read(void **state) {
    enum { PACKETS = 500 };
    struct test *t = *state;
    make_trace(t, PACKETS);
    use_plugin(t, "shorter");
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r t.pcap -w 1 --report out.json "
                                    "--speed 100 --inspector ./shorter.so:lines"),
                   EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), PACKETS);
    const char *lines = text_in(t, "lines");
    assert_int_equal(lines_with(lines, "packet "), PACKETS);
    assert_int_equal(lines_with(lines, "tick") + lines_with(lines, "close"), 0);
}

static void start_leaves_the_directory_as_it_is(void **state) {
    struct test *t = *state;
    make_trace(t, 500);
    use_plugin(t, "good");
    process_expect(t,
                   process_start(t, "flow-balancer start -n @ -r t.pcap -w 2 --loop 1000000 "
                                    "--report out.json --inspector ./good.so"),
                   EXIT_DONE);
    /* Another process of a number finds it too, from where the first one did. */
    pid_t pid = ready_pid(t, 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    UNTIL(t, is_back(t, 1, pid));
    await_more(t, 1000);
    process_expect(t, process_start(t, "flow-balancer stop -n @"), EXIT_DONE);
    expect_balanced(report_of(t, "out.json"));
}

/* Rows of two directories are the same, line by line. */
static void same_rows(struct test *t, const char *one, const char *other, unsigned workers) {
    for (unsigned k = 0; k < workers; k++) {
        char path[2][96];
        snprintf(path[0], sizeof path[0], "%s/worker-%u.tsv", one, k);
        snprintf(path[1], sizeof path[1], "%s/worker-%u.tsv", other, k);
        char *rows = strdup(text_in(t, path[0]));
        assert_non_null(rows);
        assert_true(*rows != '\0');
        assert_string_equal(rows, text_in(t, path[1]));
        free(rows);
    }
}

static void two_inspectors_have_the_same_packets(void **state) {
    enum { PACKETS = 2000, WORKERS = 2 };
    struct test *t = *state;
    make_trace(t, PACKETS);
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --report out.json "
                                    "--inspector record:one --inspector record:other"),
                   EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), PACKETS);
    same_rows(t, "one", "other", WORKERS);
    expect_recorded_in(t, "one", PACKETS, 0);
}

static void one_that_is_given_twice_shares_its_statics_and_is_warned_of(void **state) {
    struct test *t = *state;
    make_trace(t, 500);
    use_plugin(t, "good");
    struct process *run = process_start(t, "flow-worker --read t.pcap --inspector ./good.so "
                                           "--inspector ./good.so --inspector ./good.so");
    process_expect(t, run, EXIT_DONE);
    const char *said = strstr(process_errors(t, run), "./good.so: it is given more than once");
    assert_non_null(said);
    assert_null(strstr(strchr(said, '\n'), "more than once"));
    run = process_start(t, "flow-worker --read t.pcap --inspector ./good.so --inspector count");
    process_expect(t, run, EXIT_DONE);
    assert_null(strstr(process_errors(t, run), "more than once"));
}

static void a_file_asks_for_several_and_the_command_line_for_others(void **state) {
    enum { PACKETS = 500 };
    struct test *t = *state;
    make_trace(t, PACKETS);
    use_plugin(t, "good");
    FILE *file = fopen(file_in(t, "x.conf"), "we");
    assert_non_null(file);
    fputs("read = t.pcap\nworkers = 1\ninspector = record:one\ninspector = ./good.so:lines\n"
          "report = out.json\n",
          file);
    assert_int_equal(fclose(file), 0);
    process_expect(t, process_start(t, "flow-balancer run -n @ --config x.conf"), EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), PACKETS);
    expect_recorded_in(t, "one", PACKETS, 0);
    assert_int_equal(lines_with(text_in(t, "lines"), "packet "), PACKETS);
    process_expect(t,
                   process_start(t, "flow-balancer run -n @ --config x.conf --inspector "
                                    "record:two"),
                   EXIT_DONE);
    expect_recorded_in(t, "two", PACKETS, 0);
    assert_int_equal(lines_with(text_in(t, "lines"), "packet "), PACKETS); /* no more */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(versions_that_do_not_fit_are_named),
        PROCESS_TEST(what_is_no_whole_plugin_is_refused),
        PROCESS_TEST(what_is_no_shared_object_is_refused),
        PROCESS_TEST(an_open_that_fails_ends_with_what_it_returned),
        PROCESS_TEST(a_crash_while_it_is_loaded_or_opened_is_one_line),
        PROCESS_TEST(a_crash_handler_that_open_sets_stays),
        PROCESS_TEST(one_that_ends_the_check_without_a_word_is_said_by_the_script),
        PROCESS_TEST(a_plugin_by_a_relative_path_works_in_a_run),
        PROCESS_TEST(of_an_older_one_what_it_does_not_know_is_not_read),
        PROCESS_TEST(start_leaves_the_directory_as_it_is),
        PROCESS_TEST(two_inspectors_have_the_same_packets),
        PROCESS_TEST(one_that_is_given_twice_shares_its_statics_and_is_warned_of),
        PROCESS_TEST(a_file_asks_for_several_and_the_command_line_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
