/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is on the terminal while files are read, or interfaces: a small terminal keeps the
 * lines that were ended, and each status line that stood below them.
 */
#include "tests/lib/live.h"
#include "tests/lib/netns.h"
#include "tests/lib/process.h"

#include <signal.h>
#include <unistd.h>

#include "flow_balancer/common/grouped.h"

#define LINE_MAX_COLUMNS 400u
#define LINES_MAX 200u

struct screen {
    char line[LINE_MAX_COLUMNS]; /* that the cursor is in; blanks behind what was written: none */
    size_t column, length;
    enum { PLAIN, ESCAPE, BRACKET } in;
    char lines[LINES_MAX][LINE_MAX_COLUMNS]; /* ended ones */
    char states[LINES_MAX][LINE_MAX_COLUMNS];
    unsigned line_count, state_count;
    size_t bytes;
    bool overwritten; /* something was written over what stood there, and not erased before */
};

static struct screen screen;

static void keep(char kept[LINES_MAX][LINE_MAX_COLUMNS], unsigned *count) {
    if (*count < LINES_MAX)
        snprintf(kept[(*count)++], LINE_MAX_COLUMNS, "%.*s", (int)screen.length, screen.line);
}

static void put(char c) {
    if (screen.in == BRACKET && c == 'K') {
        screen.length = screen.column;
        screen.in = PLAIN;
    } else if (screen.in != PLAIN || c == '\x1b') {
        if (c != (screen.in == PLAIN ? '\x1b' : '['))
            fail_msg("'%c' is no part of an escape sequence that is known here", c);
        screen.in = screen.in == PLAIN ? ESCAPE : BRACKET;
    } else if (c == '\n') {
        keep(screen.lines, &screen.line_count);
        screen.column = screen.length = 0;
    } else if (c == '\r') {
        if (screen.column > 2 && memcmp(screen.line, "  ", 2) == 0)
            keep(screen.states, &screen.state_count);
        screen.column = 0;
    } else if (screen.column < LINE_MAX_COLUMNS - 1) {
        screen.overwritten = screen.overwritten || screen.column < screen.length;
        screen.line[screen.column++] = c;
        screen.length = screen.column > screen.length ? screen.column : screen.length;
    }
}

static void look(const struct process *p) {
    char bytes[4096];
    for (ssize_t n; (n = read(p->screen, bytes, sizeof bytes)) > 0;) {
        screen.bytes += (size_t)n;
        for (ssize_t i = 0; i < n; i++)
            put(bytes[i]);
    }
}

static bool is_among(char kept[LINES_MAX][LINE_MAX_COLUMNS], unsigned count, const char *part) {
    for (unsigned i = 0; i < count; i++) {
        if (strstr(kept[i], part) != NULL)
            return true;
    }
    return false;
}

/* Whether it was, or is, in a status line. */
static bool stood(const struct process *p, const char *part) {
    look(p);
    return is_among(screen.states, screen.state_count, part);
}

static bool was_logged(const struct process *p, const char *part) {
    look(p);
    return is_among(screen.lines, screen.line_count, part);
}

static bool has_ended(struct test *t, struct process *p) {
    look(p);
    return process_ended(t, p);
}

/* Watches it to its end, which is in order and leaves nothing in the last line. */
static void watch(struct test *t, struct process *p) {
    UNTIL(t, has_ended(t, p));
    look(p);
    for (unsigned i = 0; i < screen.line_count && p->status != EXIT_DONE; i++)
        print_error("%s\n", screen.lines[i]);
    process_expect(t, p, EXIT_DONE);
    if (screen.length != 0)
        fail_msg("left: '%.*s'", (int)screen.length, screen.line);
}

/* Each ended line is one log line, with nothing of a status line in it. */
static void expect_whole_lines(void) {
    static const char *const starts[] = {"flow-balancer: ", "flow-dispatcher: ", "flow-worker: "};
    assert_false(screen.overwritten);
    for (unsigned i = 0; i < screen.line_count; i++) {
        unsigned found = 0;
        for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
            const char *at = strstr(screen.lines[i], starts[k]);
            found += at == screen.lines[i] && strstr(at + 1, starts[k]) == NULL;
        }
        if (found != 1 || strstr(screen.lines[i], "busy") != NULL ||
            strstr(screen.lines[i], "backlog") != NULL || strstr(screen.lines[i], "/s  ") != NULL)
            fail_msg("not one log line: '%s'", screen.lines[i]);
    }
}

static uint64_t number_of(const char *text) {
    uint64_t n = 0;
    for (; *text != '\0'; text++)
        n = *text == ',' ? n : 10 * n + (uint64_t)(*text - '0');
    return n;
}

/*
 * The frames are of one length, so the share must follow from the packets; both
 * only grow. Their rate depends on the machine; the time left on the rate.
 */
static void expect_plausible(uint64_t all, unsigned workers) {
    uint64_t before = 0;
    for (unsigned i = 0; i < screen.state_count; i++) {
        char packets[32], unit[8], left[16];
        unsigned share, busy, alive;
        double rate;
        const char *state = screen.states[i];
        int fields =
            sscanf(state, " %u %%  %31[0-9,] packets  %lf %7s  %15s left  %u of %u workers busy",
                   &share, packets, &rate, unit, left, &busy, &alive);
        if (fields != 7 || strlen(state) > 99)
            fail_msg("not a status line: '%s'", state);
        uint64_t taken = number_of(packets);
        uint64_t expected = 100 * taken / all;
        if (taken < before || taken > all || share > expected + 1 || share + 1 < expected ||
            rate < 0 || busy > alive || alive > workers)
            fail_msg("not plausible: '%s'", state);
        before = taken;
    }
}

/* Frames of 60 bytes, so many a second: --speed 1 takes what it says. */
static void make_trace(struct test *t, unsigned packets, unsigned rate) {
    memset(&screen, 0, sizeof screen);
    assert_int_equal(process_run(t,
                                 "tracegen -o t.pcap --size 60 --flows 100 --packets %u --rate %u",
                                 packets, rate),
                     EXIT_DONE);
}

static void feed_trace(struct test *t, struct process *p) {
    static char bytes[1 << 20];
    FILE *file = fopen(file_in(t, "t.pcap"), "re");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_in_range(size, 24, sizeof bytes - 1);
    assert_true(process_feed(p, bytes, size));
    process_close_input(p);
}

static void signal_worker(const struct test *t, unsigned worker, int signo) {
    pid_t pid = process_of_worker(t->name, worker);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, signo), 0);
}

static void terminal_shows_how_far_a_file_is_read(void **state) {
    struct test *t = *state;
    make_trace(t, 30000, 20000);
    struct process *run = process_start_on_terminal(
        t, "flow-balancer run -n @ -r t.pcap -w 2 --speed 1 --report out.json");
    double start = seconds_now();
    watch(t, run);
    /* Four a second; half of them on a busy machine. */
    assert_in_range(screen.state_count, 3, 1 + (unsigned)(4 * (seconds_now() - start)));
    expect_plausible(30000, 2);
    expect_whole_lines();
    expect_all_inspected(report_of(t, "out.json"), 30000);
    assert_null(strchr(process_output(t, run), '\x1b'));
}

static void log_lines_that_come_meanwhile_stay_whole(void **state) {
    struct test *t = *state;
    make_trace(t, 30000, 15000);
    struct process *run =
        process_start_on_terminal(t, "flow-balancer run -n @ -r t.pcap -w 2 --speed 1 --failover "
                                     "never --timeout all=never --log-level debug");
    UNTIL(t, stood(run, " packets "));
    signal_worker(t, 0, SIGKILL);
    UNTIL(t, was_logged(run, "worker 0 crashed"));
    unsigned before = screen.state_count;
    watch(t, run);
    assert_true(screen.state_count > before);
    expect_plausible(30000, 2);
    expect_whole_lines();
}

static void pipe_has_no_share_and_no_time_left(void **state) {
    struct test *t = *state;
    make_trace(t, 10000, 10000);
    struct process *run =
        process_start_on_terminal(t, "flow-balancer run -n @ -r - -w 2 --speed 1");
    feed_trace(t, run);
    watch(t, run);
    assert_true(stood(run, " packets  "));
    for (unsigned i = 0; i < screen.state_count; i++) {
        assert_null(strchr(screen.states[i], '%'));
        assert_null(strstr(screen.states[i], "left"));
        assert_non_null(strstr(screen.states[i], " of 2 workers busy"));
    }
}

/* A worker that was stopped keeps the rings from draining for as long as the test wants. */
static void long_draining_says_how_many_packets_wait(void **state) {
    struct test *t = *state;
    make_trace(t, 3000, 1000000);
    struct process *run = process_start_on_terminal(t, "flow-balancer run -n @ -r - -w 1");
    UNTIL(t, worker_is(t, t->name, 0, "ready"));
    signal_worker(t, 0, SIGSTOP);
    feed_trace(t, run);
    UNTIL(t, stood(run, "  draining: 3,000 packets wait"));
    signal_worker(t, 0, SIGCONT);
    watch(t, run);
    expect_whole_lines();
}

static void quiet_log_and_no_terminal_get_nothing(void **state) {
    struct test *t = *state;
    make_trace(t, 6000, 10000);
    struct process *quiet = process_start_on_terminal(
        t, "flow-balancer run -n @ -r t.pcap -w 2 --speed 1 --log-level error");
    watch(t, quiet);
    assert_int_equal(screen.bytes, 0);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --speed 1");
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "flow-dispatcher: info: rings on ");
    assert_null(strpbrk(process_errors(t, run), "\r\x1b"));
}

/* A worker that was stopped loses what its ring cannot hold, and then all is lost to the rings. */
static void interfaces_have_a_line_with_what_is_lost(void **state) {
    struct test *t = *state;
    make_line();
    make_trace(t, 3000, 1000000);
    struct process *run = process_start_on_terminal(
        t, "flow-balancer run -n @ -i tap -w 2 --ring-depth 256 --hang never --report out.json");
    await_running(t);
    UNTIL(t, stood(run, "  none lost  2 of 2 workers ready  backlog 0 %"));
    signal_worker(t, 0, SIGSTOP);
    signal_worker(t, 1, SIGSTOP);
    netns_replayed(t, netns_replay(t, "sender", "--topspeed", "t.pcap"));
    UNTIL(t, stood(run, "  rings lost ") && stood(run, "/s)  2 of 2 workers ready"));
    await_accounted(t, arrived_at("tap"));
    signal_worker(t, 0, SIGCONT);
    signal_worker(t, 1, SIGCONT);
    char lost[96];
    UNTIL(t, stat_number(t, t->name, "ledger.in_flight") == 0);
    json_int_t count = stat_number(t, t->name, "ledger.dropped.ring_full");
    assert_true(count > 0);
    snprintf(lost, sizeof lost, "  rings lost %s  2 of 2 workers ready",
             fb_grouped((uint64_t)count).text);
    UNTIL(t, stood(run, lost)); /* it is over */
    process_signal(run, SIGTERM);
    watch(t, run);
    expect_whole_lines();
    expect_balanced(report_of(t, "out.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(terminal_shows_how_far_a_file_is_read),
        PROCESS_TEST(log_lines_that_come_meanwhile_stay_whole),
        PROCESS_TEST(pipe_has_no_share_and_no_time_left),
        PROCESS_TEST(long_draining_says_how_many_packets_wait),
        PROCESS_TEST(interfaces_have_a_line_with_what_is_lost),
        PROCESS_TEST(quiet_log_and_no_terminal_get_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
