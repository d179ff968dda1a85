/* SPDX-License-Identifier: BSD-2-Clause */
/* Job control: a shell on a terminal of its own stops a run with Ctrl-Z and continues it. */
#include "tests/lib/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static char terminal[64];

/* In each process before its program: the terminal is the one that its session has. */
static void take_terminal(const struct test *t) {
    (void)t;
    setsid();
    int fd = open(terminal, O_RDWR);
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
        _exit(126);
    for (int i = 0; i <= 2; i++)
        dup2(fd, i);
    setenv("PS1", "$ ", 1);
    setenv("TERM", "xterm", 1); /* one that can erase, so that there is a status line */
    unsetenv("ENV");
}

/* Returns our end of a terminal on which a shell runs. */
static int start_shell(struct test *t, struct process **shell) {
    static const char *const words[] = {"/bin/sh", "-i", NULL};
    int screen = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(screen >= 0);
    assert_int_equal(grantpt(screen), 0);
    assert_int_equal(unlockpt(screen), 0);
    assert_int_equal(ptsname_r(screen, terminal, sizeof terminal), 0);
    assert_int_equal(fcntl(screen, F_SETFL, O_NONBLOCK), 0);
    t->enter = take_terminal;
    *shell = process_start_words(t, words);
    t->enter = NULL;
    return screen;
}

static void type(int screen, const char *text) {
    assert_int_equal(write(screen, text, strlen(text)), (ssize_t)strlen(text));
}

/* Reads what was printed. Whether this was, since it was last found. */
static bool has_printed(int screen, const char *text) {
    static char printed[1 << 16];
    static size_t size;
    if (size > sizeof printed / 2)
        size = 0;
    ssize_t n = read(screen, printed + size, sizeof printed - 1 - size);
    if (n > 0)
        size += (size_t)n;
    printed[size] = '\0';
    if (strstr(printed, text) == NULL)
        return false;
    size = 0;
    return true;
}

/* The letter of /proc/PID/stat, and the parent; ' ' if there is no such process. */
static char state_of(pid_t pid, pid_t *parent) {
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return ' ';
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = '\0';
    const char *end = strrchr(line, ')');
    char state = ' ';
    int found = 0;
    if (end != NULL && sscanf(end + 1, " %c %d", &state, &found) == 2)
        *parent = found;
    return state;
}

static void in_the_background_a_run_leaves_the_terminal_alone(void **state) {
    struct test *t = *state;
    struct process *shell;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 5000 --flows 100"), EXIT_DONE);
    int screen = start_shell(t, &shell);
    char command[1024];
    snprintf(command, sizeof command, "%s/flow-balancer run -n %s -r t.pcap --loop 1000000 -w 2\n",
             t->scripts, t->name);
    type(screen, command);
    UNTIL(t, has_printed(screen, "workers busy")); /* the status line */
    pid_t dispatcher = process_of_dispatcher(t->name), parent;
    type(screen, "\032");
    UNTIL(t, (has_printed(screen, "\001"), state_of(dispatcher, &parent) == 'T'));
    type(screen, "bg; echo it is $((1 + 1))\n");
    UNTIL(t, has_printed(screen, "it is 2"));
    json_int_t inspected = stat_number(t, t->name, "ledger.inspected");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") > inspected + 1000);
    pause_ms(1500); /* in which it would be drawn several times */
    assert_false(has_printed(screen, "workers busy"));
    type(screen, "fg\n");
    UNTIL(t, has_printed(screen, "workers busy"));
    type(screen, "\003");
    UNTIL(t, (has_printed(screen, "\001"), process_of_dispatcher(t->name) == 0));
    type(screen, "exit\n");
    process_wait(t, shell);
    close(screen);
}

static void ctrl_z_stops_all_of_a_run_and_fg_continues_it(void **state) {
    struct test *t = *state;
    struct process *shell;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 5000 --flows 100"), EXIT_DONE);
    int screen = start_shell(t, &shell);
    char command[1024];
    snprintf(
        command, sizeof command,
        "%s/flow-balancer run -n %s -r t.pcap --loop 1000000 -w 2 --hang 2 --report out.json\n",
        t->scripts, t->name);
    type(screen, command);
    UNTIL(t, (has_printed(screen, "\001"), stat_number(t, t->name, "ledger.inspected") >= 1000));
    pid_t all[4], parent = 0;
    all[0] = process_of_dispatcher(t->name);
    all[1] = process_of_worker(t->name, 0);
    all[2] = process_of_worker(t->name, 1);
    state_of(all[0], &parent);
    all[3] = parent; /* the script */
    type(screen, "\032");
    for (unsigned i = 0; i < 4; i++)
        UNTIL(t, (has_printed(screen, "\001"), state_of(all[i], &parent) == 'T'));
    pause_ms(3000); /* longer than --hang, and time for the terminal to be written to */
    json_int_t inspected = stat_number(t, t->name, "ledger.inspected");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(state_of(all[i], &parent), 'T');
    type(screen, "fg >/dev/null; echo it is $?\n");
    UNTIL(t, (has_printed(screen, "\001"),
              stat_number(t, t->name, "ledger.inspected") > inspected + 1000));
    assert_int_equal(process_of_worker(t->name, 0), all[1]);
    assert_int_equal(process_of_worker(t->name, 1), all[2]);
    type(screen, "\003");
    UNTIL(t, has_printed(screen, "it is 0"));
    type(screen, "exit\n");
    process_wait(t, shell);
    close(screen);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, number_at(report, "ledger.received"));
    expect_number(report, "failovers", 0);
    assert_int_equal(sum_of_workers(report, "restarts"), 0);
    assert_int_equal(sum_of_workers(report, "hangs"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(in_the_background_a_run_leaves_the_terminal_alone),
        PROCESS_TEST(ctrl_z_stops_all_of_a_run_and_fg_continues_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
