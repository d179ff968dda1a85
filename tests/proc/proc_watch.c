/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/view/watch.c and shm/view/screen.c: flow-stat --watch on a terminal, which is one of tmux,
 * in a shell with jobs: what is on it, and that it is as it was afterwards.
 */
#include "tests/lib/process.h"

#include <signal.h>
#include <unistd.h>

#define TMUX "/usr/bin/tmux"
#define SHELL_SAYS "shell:" /* its prompt */

static char screen[1 << 16];

/* Runs a command of tmux; what it prints is in screen. */
__attribute__((format(printf, 2, 3))) static bool tmux(const struct test *t, const char *format,
                                                       ...) {
    char words[512], command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    snprintf(command, sizeof command, "exec " TMUX " -S '%s/tmux' %s 2>&1", t->directory, words);
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    size_t n = fread(screen, 1, sizeof screen - 1, pipe);
    screen[n] = '\0';
    return pclose(pipe) == 0;
}

static bool shows(const struct test *t, const char *part) {
    if (!tmux(t, "capture-pane -p"))
        fail_msg("there is no terminal: %s", screen);
    return strstr(screen, part) != NULL;
}

static void press(const struct test *t, const char *keys) {
    assert_true(tmux(t, "send-keys %s", keys));
}

/* Types a line into the shell. */
static void type_line(const struct test *t, const char *line) {
    assert_true(tmux(t, "send-keys -l -- \"%s\"", line));
    press(t, "Enter");
}

/* A terminal with a shell in it, in the foreground of which nothing runs. */
static struct process *begin(struct test *t, unsigned columns, unsigned lines) {
    if (access(TMUX, X_OK) != 0)
        SKIP("tmux is not installed: apt-get install tmux");
    if (process_run(t, "flow-stat --version") != EXIT_DONE)
        fail_msg("flow-stat --version failed");
    if (strstr(process_output(t, &t->processes[0]), "built without ncurses") != NULL)
        SKIP("flow-stat was built without ncurses: apt-get install libncurses-dev");
    struct process *server = process_start(t, TMUX " -S tmux -f /dev/null -D");
    UNTIL(t, tmux(t, "start-server \\; show-options -s"));
    assert_true(
        tmux(t,
             "new-session -d -c '%s' -x %u -y %u 'env -u NO_COLOR -u PROMPT_COMMAND PS1=" SHELL_SAYS
             " PATH=%s:/usr/bin:/bin /bin/bash --norc --noprofile -i'",
             t->directory, columns, lines, t->programs));
    UNTIL(t, shows(t, SHELL_SAYS));
    type_line(t, "stty -g >before");
    UNTIL(t, file_exists(t, "before"));
    return server;
}

static bool is_alternate(const struct test *t) {
    assert_true(tmux(t, "display-message -p '#{alternate_on}'"));
    return screen[0] == '1';
}

/* The shell is there again, and the modes of the terminal, and its first screen. */
static void expect_restored(struct test *t, const char *say) {
    char line[128];
    UNTIL(t, !is_alternate(t));
    snprintf(line, sizeof line, "stty -g | cmp - before && echo same%s", say);
    type_line(t, line);
    snprintf(line, sizeof line, "\nsame%s", say);
    UNTIL(t, shows(t, line));
    assert_true(tmux(t, "display-message -p '#{cursor_flag}'"));
    assert_int_equal(screen[0], '1');
}

static void finish(struct test *t, struct process *server) {
    tmux(t, "kill-server");
    UNTIL(t, process_ended(t, server));
}

static struct process *start_run(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --size 60 --flows 100 --packets 50000 "
                                    "--rate 5000"),
                     EXIT_DONE);
    struct process *run = process_start(
        t, "flow-balancer run -n @ -r t.pcap -w 2 --speed 1 --loop 1000 --on-full drop");
    UNTIL(t, worker_is(t, t->name, 1, "ready"));
    return run;
}

static void watch(struct test *t) {
    char line[256];
    snprintf(line, sizeof line, "flow-stat --watch --interval 0.1 -n %s", t->name);
    type_line(t, line);
}

static void stop(struct test *t, struct process *run) {
    process_signal(run, SIGTERM);
    process_wait(t, run);
}

/* ---- tests */

static void keys_and_size_change_the_picture(void **state) {
    struct test *t = *state;
    struct process *server = begin(t, 80, 24), *run = start_run(t);
    watch(t);
    UNTIL(t, shows(t, ">  0 ready"));
    assert_true(shows(t, "received") && shows(t, "by number"));
    assert_true(is_alternate(t));
    press(t, "s");
    UNTIL(t, shows(t, "by rate"));
    press(t, "s s s s");
    UNTIL(t, shows(t, "by number"));
    press(t, "Down");
    UNTIL(t, shows(t, ">  1 ready"));
    press(t, "Enter");
    UNTIL(t, shows(t, "worker 1\n") && shows(t, "  process "));
    press(t, "d");
    UNTIL(t, shows(t, ">  1 ready") || shows(t, ">  0 ready"));
    press(t, "h");
    UNTIL(t, shows(t, "pause, and go on"));
    press(t, "h p");
    UNTIL(t, shows(t, "PAUSED"));
    press(t, "p");
    UNTIL(t, shows(t, "running"));
    assert_true(tmux(t, "resize-window -x 150 -y 40"));
    UNTIL(t, shows(t, "restarts hangs"));
    assert_true(tmux(t, "resize-window -x 40 -y 10"));
    UNTIL(t, shows(t, "lost/s capture 0"));
    assert_true(tmux(t, "resize-window -x 30 -y 8"));
    UNTIL(t, shows(t, "has 30x8"));
    assert_true(tmux(t, "resize-window -x 80 -y 24"));
    UNTIL(t, shows(t, "0 ready") && shows(t, "received"));
    press(t, "q");
    expect_restored(t, "A");
    stop(t, run);
    finish(t, server);
}

static void a_worker_that_is_killed_shows_and_so_does_the_end(void **state) {
    struct test *t = *state;
    struct process *server = begin(t, 100, 24);
    watch(t);
    UNTIL(t, shows(t, "is not running: waiting for it"));
    struct process *run = start_run(t);
    UNTIL(t, shows(t, "1 ready"));
    pid_t killed = process_of_worker(t->name, 1);
    assert_int_equal(kill(killed, SIGKILL), 0);
    UNTIL(t, shows(t, "restarted lately: worker 1"));
    stop(t, run);
    UNTIL(t, shows(t, "ENDED") && shows(t, "the last picture stays"));
    assert_true(shows(t, "1 ") && shows(t, "received"));
    process_forget(t, run);
    run = start_run(t);
    UNTIL(t, !shows(t, "ENDED") && shows(t, "1 ready"));
    assert_false(shows(t, "restarted lately")); /* that was another one */
    press(t, "q");
    expect_restored(t, "A");
    stop(t, run);
    finish(t, server);
}

static pid_t pid_of_view(const struct test *t) {
    assert_true(tmux(t, "display-message -p '#{pane_pid}'"));
    char command[64], text[32] = "";
    snprintf(command, sizeof command, "pgrep -P %ld flow-stat", strtol(screen, NULL, 10));
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    if (fgets(text, sizeof text, pipe) == NULL)
        text[0] = '\0';
    pclose(pipe);
    return (pid_t)strtol(text, NULL, 10);
}

/* By a key where there is one: C-c, C-z. */
static void signals_leave_the_terminal_as_it_was(void **state) {
    struct test *t = *state;
    struct process *server = begin(t, 80, 24), *run = start_run(t);
    watch(t);
    UNTIL(t, shows(t, "0 ready"));
    press(t, "C-z");
    expect_restored(t, "Z");
    type_line(t, "fg");
    UNTIL(t, is_alternate(t) && shows(t, "0 ready"));
    press(t, "s");
    UNTIL(t, shows(t, "by rate"));
    press(t, "C-c");
    expect_restored(t, "C");
    static const int signals[] = {SIGTERM, SIGHUP, SIGQUIT};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        char say[2] = {(char)('1' + i), '\0'};
        watch(t);
        UNTIL(t, is_alternate(t) && shows(t, "0 ready"));
        pid_t pid = pid_of_view(t);
        assert_true(pid > 0);
        assert_int_equal(kill(pid, signals[i]), 0);
        expect_restored(t, say);
    }
    stop(t, run);
    finish(t, server);
}

/* As sequences for red, green and yellow text. */
static void expect_colours(const struct test *t, bool wanted) {
    assert_true(tmux(t, "capture-pane -p -e"));
    bool found = false;
    for (char c = '1'; c <= '3'; c++) {
        const char sequence[] = {'\x1b', '[', '3', c, 'm', '\0'};
        found = found || strstr(screen, sequence) != NULL;
    }
    assert_true(found == wanted);
}

static void colours_are_left_out_where_they_are_not_wanted(void **state) {
    struct test *t = *state;
    struct process *server = begin(t, 80, 24), *run = start_run(t);
    watch(t);
    UNTIL(t, shows(t, "0 ready"));
    expect_colours(t, true);
    press(t, "q");
    expect_restored(t, "A");
    type_line(t, "export NO_COLOR=1");
    watch(t);
    UNTIL(t, is_alternate(t) && shows(t, "0 ready"));
    expect_colours(t, false);
    press(t, "q");
    expect_restored(t, "B");
    type_line(t, "unset NO_COLOR; export TERM=vt100");
    watch(t);
    UNTIL(t, shows(t, "0 ready") && shows(t, "quit"));
    expect_colours(t, false);
    press(t, "q");
    UNTIL(t, !shows(t, "q quit") || shows(t, SHELL_SAYS));
    stop(t, run);
    finish(t, server);
}

static void what_is_no_terminal_for_it_is_a_line(void **state) {
    struct test *t = *state;
    struct process *server = begin(t, 100, 24);
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"TERM= flow-stat --watch", "TERM is not set"},
        {"TERM=no-such-one flow-stat --watch", "TERM 'no-such-one' is not known here"},
        {"TERM=dumb flow-stat --watch", "of TERM 'dumb' cannot place the cursor"},
        {"flow-stat --watch | cat", "standard output is not a terminal"},
        {"flow-stat --watch </dev/null", "standard input is not a terminal"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char say[2] = {(char)('a' + i), '\0'};
        type_line(t, cases[i].line);
        UNTIL(t, shows(t, cases[i].says));
        expect_restored(t, say);
    }
    finish(t, server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(keys_and_size_change_the_picture),
        PROCESS_TEST(a_worker_that_is_killed_shows_and_so_does_the_end),
        PROCESS_TEST(signals_leave_the_terminal_as_it_was),
        PROCESS_TEST(colours_are_left_out_where_they_are_not_wanted),
        PROCESS_TEST(what_is_no_terminal_for_it_is_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
