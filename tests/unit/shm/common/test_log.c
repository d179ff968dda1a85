/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/log.c: lines of the log, and the status line below them; test_log_output.c has what is
 * lost. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>

#include "flow_balancer/common/log.h"

#include "tests/lib/stamps.h"

/*
 * A pipe in packet mode stands for standard error: each read() returns what
 * one write() wrote, so a line that came in pieces would be seen.
 */
static int ends[2], saved;
static char packet[4096];

static int set_up(void **state) {
    (void)state;
    fb_log_init("tester", FB_LOG_INFO);
    return pipe2(ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC);
}

static int tear_down(void **state) {
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static void to_pipe(void) {
    fflush(stderr);
    saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(ends[1], STDERR_FILENO);
}

static void to_terminal(void) {
    dup2(saved, STDERR_FILENO);
    close(saved);
}

/* The next write, or NULL if there was none. */
static const char *raw_write(void) {
    ssize_t n = read(ends[0], packet, sizeof packet - 1);
    if (n < 0)
        return NULL;
    packet[n] = '\0';
    return packet;
}

/* The same, of a line that went to no terminal: behind its time. */
static const char *next_line(void) {
    const char *line = raw_write();
    if (line == NULL)
        return NULL;
    assert_true(is_stamped(line));
    return line + STAMP_BYTES;
}

static void errors_and_warnings_can_be_kept_to_answer_somebody(void **state) {
    (void)state;
    char kept[16] = "";
    to_pipe();
    fb_log_set_level(FB_LOG_ERROR);
    fb_log_keep(kept, sizeof kept);
    fb_info("not this");
    assert_string_equal(kept, "");
    fb_warning("number %d", 1); /* not written, and kept all the same */
    assert_string_equal(kept, "number 1");
    fb_error("%s", "longer than there is room for");
    assert_string_equal(kept, "longer than the");
    fb_log_keep(NULL, 0);
    fb_error("no one");
    to_terminal();
    assert_string_equal(kept, "longer than the");
    assert_string_equal(next_line(), "tester: error: longer than there is room for\n");
    assert_string_equal(next_line(), "tester: error: no one\n");
    assert_null(next_line());
}

static void a_level_beyond_the_last_writes_nothing(void **state) {
    (void)state;
    to_pipe();
    fb_debug("not %s", "this");
    fb_log_set_level(FB_LOG_ERROR);
    fb_warning("nor this");
    fb_info("nor this");
    to_terminal();
    assert_null(next_line());
}

static void an_unknown_level_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "ERROR", "warn", "errors", "4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum fb_log_level level = FB_LOG_WARNING;
        assert_int_equal(fb_log_parse_level(bad[i], &level), -EINVAL);
        assert_int_equal(level, FB_LOG_WARNING);
    }
}

static void every_level_has_its_name(void **state) {
    (void)state;
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (unsigned i = 0; i < 4; i++) {
        enum fb_log_level level;
        char expected[64];
        assert_int_equal(fb_log_parse_level(names[i], &level), 0);
        assert_int_equal(level, i);
        fb_log_set_level(level);
        to_pipe();
        fb_log(level, "%d of %s", 7, "9");
        to_terminal();
        snprintf(expected, sizeof expected, "tester: %s: 7 of 9\n", names[i]);
        const char *line = next_line();
        assert_non_null(line);
        assert_string_equal(line, expected);
    }
}

static void a_line_is_one_write(void **state) {
    (void)state;
    to_pipe();
    fb_error("first");
    fb_info("second");
    to_terminal();
    const char *line = next_line();
    assert_non_null(line);
    assert_string_equal(line, "tester: error: first\n");
    line = next_line();
    assert_non_null(line);
    assert_string_equal(line, "tester: info: second\n");
    assert_null(next_line());
}

static void a_line_that_is_too_long_is_cut_and_still_one_line(void **state) {
    (void)state;
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    /* Around every length at which something might be cut off by one. */
    for (size_t length = 950; length <= 1000; length++) {
        to_pipe();
        fb_error("%.*s", (int)length, text);
        to_terminal();
        const char *line = next_line();
        assert_non_null(line);
        size_t n = strlen(line);
        assert_true(n + STAMP_BYTES <= 1024 && line[n - 1] == '\n' && line[n - 2] == 'x');
        if (n + STAMP_BYTES < 1023)
            assert_int_equal(n, strlen("tester: error: \n") + length);
        assert_null(next_line());
    }
    to_pipe();
    fb_error("%s", text);
    to_terminal();
    assert_int_equal(lines_of(next_line()), 1);
}

static void a_closed_standard_error_is_no_error(void **state) {
    (void)state;
    fflush(stderr);
    saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    close(STDERR_FILENO);
    fb_error("into nothing");
    dup2(ends[1], STDERR_FILENO);
    fb_log_report_lost();
    to_terminal();
    const char *line = next_line();
    assert_non_null(line);
    assert_non_null(strstr(line, "tester: error: 1 log line was lost within "));
}

/* ---- when */

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)(now.tv_nsec / 1000000) / 1000;
}

static double seconds_of(const char *stamp) {
    struct tm time = {0};
    char sign;
    int ms, hours, minutes;
    const char *rest = strptime(stamp, "%Y-%m-%dT%H:%M:%S", &time);
    assert_non_null(rest);
    assert_int_equal(sscanf(rest, ".%3d%c%2d:%2d ", &ms, &sign, &hours, &minutes), 4);
    int offset_s = (sign == '-' ? -60 : 60) * (60 * hours + minutes);
    return (double)(timegm(&time) - offset_s) + ms / 1000.0;
}

static void a_line_begins_with_its_time_in_the_zone_of_the_machine(void **state) {
    (void)state;
    static const struct {
        const char *zone, *offset;
    } cases[] = {{"UTC0", "+00:00"},     {"IST-05:30", "+05:30"}, {"CHA-12:45", "+12:45"},
                 {"NST03:30", "-03:30"}, {"PST08", "-08:00"},     {"ODD00:30", "-00:30"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("TZ", cases[i].zone, 1);
        fb_log_init("tester", FB_LOG_INFO);
        double before = seconds_now();
        to_pipe();
        fb_info("now");
        to_terminal();
        double after = seconds_now();
        const char *line = raw_write();
        assert_non_null(line);
        assert_true(is_stamped(line));
        assert_memory_equal(line + strlen("0000-00-00T00:00:00.000"), cases[i].offset, 6);
        assert_true(before <= seconds_of(line) && seconds_of(line) <= after);
    }
    unsetenv("TZ");
    fb_log_init("tester", FB_LOG_INFO);
}

/* What a service gets in its environment for a stream, off by so much. */
static void set_journal_stream(int fd, unsigned device_off, unsigned inode_off) {
    struct stat st;
    char text[64];
    assert_int_equal(fstat(fd, &st), 0);
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)st.st_dev + device_off,
             (uintmax_t)st.st_ino + inode_off);
    setenv("JOURNAL_STREAM", text, 1);
}

static void the_journal_gets_the_level_and_stamps_lines_itself(void **state) {
    (void)state;
    static const char *const lines[] = {"<3>tester: error: 1\n", "<4>tester: warning: 1\n",
                                        "<6>tester: info: 1\n", "<7>tester: debug: 1\n"};
    set_journal_stream(ends[1], 0, 0);
    fb_log_set_level(FB_LOG_DEBUG);
    for (unsigned i = 0; i < 4; i++) {
        to_pipe();
        fb_log((enum fb_log_level)i, "%d", 1);
        to_terminal();
        const char *line = raw_write();
        assert_non_null(line);
        assert_string_equal(line, lines[i]);
    }
    unsetenv("JOURNAL_STREAM");
}

/* A service whose standard error was redirected since still has the variable. */
static void another_stream_than_the_journals_gets_the_time(void **state) {
    (void)state;
    static const char *const nonsense[] = {"", "1", "x:y", ":"};
    for (unsigned i = 0; i < 6; i++) {
        tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
        if (i < 2)
            set_journal_stream(ends[1], i == 0, i == 1);
        else
            setenv("JOURNAL_STREAM", nonsense[i - 2], 1);
        to_pipe();
        fb_info("text");
        to_terminal();
        const char *line = next_line();
        assert_non_null(line);
        assert_string_equal(line, "tester: info: text\n");
    }
    unsetenv("JOURNAL_STREAM");
}

/* ---- on a terminal, of which ends[0] is what the user sees */

#define ERASE "\r\x1b[K"

static int set_up_terminal(void **state) {
    (void)state;
    struct termios raw;
    fb_log_init("tester", FB_LOG_INFO);
    setenv("TERM", "xterm", 1);
    ends[0] = ends[1] = -1;
    if (openpty(&ends[0], &ends[1], NULL, NULL, &(struct winsize){.ws_row = 24, .ws_col = 60}) != 0)
        return 0; /* need_terminal() says so */
    tcgetattr(ends[1], &raw);
    cfmakeraw(&raw);
    tcsetattr(ends[1], TCSANOW, &raw);
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static void need_terminal(void) {
    if (ends[0] >= 0)
        return;
    printf("skip: no pseudo-terminal to be had: is /dev/pts mounted?\n");
    skip();
}

/* All that was written since the last call. It comes piecemeal; a mark says where it ends. */
static void expect_seen(const char *expected) {
    struct pollfd terminal = {.fd = ends[0], .events = POLLIN};
    size_t n = 0;
    assert_int_equal(write(ends[1], "#", 1), 1);
    while ((n == 0 || packet[n - 1] != '#') && poll(&terminal, 1, 10000) == 1) {
        ssize_t more = read(ends[0], packet + n, sizeof packet - 1 - n);
        assert_true(more > 0);
        n += (size_t)more;
    }
    assert_int_not_equal(n, 0);
    assert_int_equal(packet[n - 1], '#');
    packet[n - 1] = '\0';
    assert_string_equal(packet, expected);
}

static void status_line_is_below_the_log_lines_until_it_is_taken_away(void **state) {
    (void)state;
    need_terminal();
    to_pipe();
    fb_log_set_status("  50 %");
    fb_info("first");
    fb_info("second");
    fb_log_set_status("");
    fb_log_set_status("");
    fb_info("third");
    to_terminal();
    expect_seen(ERASE "  50 %\r" ERASE "tester: info: first\n  50 %\r" ERASE
                      "tester: info: second\n  50 %\r" ERASE "\r" ERASE "tester: info: third\n");
}

static void where_lines_cannot_be_erased_there_is_no_status_line(void **state) {
    (void)state;
    need_terminal();
    static const char *const kinds[] = {"", "dumb", NULL};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        unsetenv("TERM");
        if (kinds[i] != NULL)
            setenv("TERM", kinds[i], 1);
        to_pipe();
        unsigned width = fb_log_status_width();
        fb_log_set_status("  50 %");
        fb_info("text");
        to_terminal();
        assert_int_equal(width, 0);
        expect_seen("tester: info: text\n");
    }
}

static void a_pipe_gets_no_status_line(void **state) {
    (void)state;
    setenv("TERM", "xterm", 1);
    to_pipe();
    unsigned width = fb_log_status_width();
    fb_log_set_status("  50 %");
    fb_info("text");
    fb_log_set_status("");
    to_terminal();
    assert_int_equal(width, 0);
    const char *line = next_line();
    assert_non_null(line);
    assert_string_equal(line, "tester: info: text\n");
    assert_null(next_line());
}

static void who_quiets_the_log_gets_no_status_line(void **state) {
    (void)state;
    need_terminal();
    to_pipe();
    fb_log_set_status("  50 %");
    fb_log_set_level(FB_LOG_WARNING);
    fb_log_set_status("  51 %");
    fb_warning("text");
    to_terminal();
    expect_seen(ERASE "  50 %\r" ERASE "tester: warning: text\n");
}

static void width_is_the_terminals(void **state) {
    (void)state;
    need_terminal();
    unsigned widths[2];
    to_pipe();
    widths[0] = fb_log_status_width();
    ioctl(STDERR_FILENO, TIOCSWINSZ, &(struct winsize){0});
    widths[1] = fb_log_status_width();
    to_terminal();
    assert_int_equal(widths[0], 60);
    assert_int_equal(widths[1], 80);
}

static void a_terminal_that_was_stopped_is_not_waited_for(void **state) {
    (void)state;
    need_terminal();
    assert_int_equal(tcflow(ends[1], TCOOFF), 0);
    to_pipe();
    alarm(10); /* what waits, waits for ever */
    fb_log_set_status("  50 %");
    fb_log_set_status("  51 %");
    alarm(0);
    to_terminal();
    assert_int_equal(tcflow(ends[1], TCOON), 0);
    to_pipe();
    fb_log_set_status("  52 %");
    fb_log_set_status("");
    to_terminal();
    expect_seen(ERASE "  52 %\r" ERASE "\r");
}

/* A session of its own on the terminal, whose leader is at the front, and then is not. */
static void go_to_the_background(void *arg) {
    (void)arg;
    EXPECT(setsid() == getpid());
    EXPECT(ioctl(ends[1], TIOCSCTTY, 0) == 0);
    EXPECT(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    EXPECT(fb_log_status_width() == 60);
    pid_t job = fork();
    if (job == 0) {
        bool told = setpgid(0, 0) == 0 && fb_log_status_width() == 0;
        fb_log_set_status("  50 %");
        _exit(told ? 0 : 1);
    }
    EXPECT(child_wait(job) == 0);
    /* The terminal is hung up when this process ends: what it shows is read before. */
    struct pollfd terminal = {.fd = ends[0], .events = POLLIN};
    EXPECT(write(ends[1], "#", 1) == 1);
    EXPECT(poll(&terminal, 1, 10000) == 1);
    EXPECT(strcmp(raw_write(), "#") == 0);
}

static void a_job_in_the_background_shows_no_status_line(void **state) {
    (void)state;
    need_terminal();
    in_child(go_to_the_background, NULL);
}

#define TERMINAL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up_terminal, tear_down)
#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOG_TEST(errors_and_warnings_can_be_kept_to_answer_somebody),
        LOG_TEST(a_level_beyond_the_last_writes_nothing),
        LOG_TEST(an_unknown_level_is_refused),
        LOG_TEST(every_level_has_its_name),
        LOG_TEST(a_line_is_one_write),
        LOG_TEST(a_line_that_is_too_long_is_cut_and_still_one_line),
        LOG_TEST(a_closed_standard_error_is_no_error),
        LOG_TEST(a_line_begins_with_its_time_in_the_zone_of_the_machine),
        LOG_TEST(the_journal_gets_the_level_and_stamps_lines_itself),
        LOG_TEST(another_stream_than_the_journals_gets_the_time),
        LOG_TEST(a_pipe_gets_no_status_line),
        TERMINAL_TEST(status_line_is_below_the_log_lines_until_it_is_taken_away),
        TERMINAL_TEST(where_lines_cannot_be_erased_there_is_no_status_line),
        TERMINAL_TEST(who_quiets_the_log_gets_no_status_line),
        TERMINAL_TEST(width_is_the_terminals),
        TERMINAL_TEST(a_terminal_that_was_stopped_is_not_waited_for),
        TERMINAL_TEST(a_job_in_the_background_shows_no_status_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
