/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines where no one reads (log_output.c): none waits, and those lost are counted (log.c). */
#include "tests/lib/child.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>

#include "flow_balancer/common/log.h"

#include "tests/lib/stamps.h"

/* What is written to ends[1] is read from ends[0], which does not wait. */
static int ends[2], saved;
static char seen[1 << 20], everything[1 << 20];

/* What waits for a reader waits for ever: alarm() ends it. */
static int watch(bool open) {
    fb_log_init("tester", FB_LOG_INFO);
    alarm(30);
    return open && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : -1;
}

static int set_up_pipe(void **state) {
    (void)state;
    return watch(pipe2(ends, O_CLOEXEC) == 0);
}

static int set_up_socket(void **state) {
    (void)state;
    return watch(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
}

static int set_up_terminal(void **state) {
    (void)state;
    struct termios raw;
    setenv("TERM", "dumb", 1); /* plain lines */
    ends[0] = ends[1] = -1;
    if (openpty(&ends[0], &ends[1], NULL, NULL, NULL) != 0)
        return 0; /* need_terminal() says so */
    tcgetattr(ends[1], &raw);
    cfmakeraw(&raw);
    tcsetattr(ends[1], TCSANOW, &raw);
    return watch(true);
}

static void log_begin(void) {
    fflush(stderr);
    saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(ends[1], STDERR_FILENO);
}

static void log_end(void) {
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static int tear_down(void **state) {
    (void)state;
    alarm(0);
    close(ends[0]);
    close(ends[1]);
    ends[1] = open("/dev/null", O_WRONLY | O_CLOEXEC); /* what a failed test lost is said here */
    log_begin();
    fb_log_report_lost();
    log_end();
    close(ends[1]);
    return 0;
}

static void need_terminal(void) {
    if (ends[0] < 0)
        SKIP("no pseudo-terminal to be had: is /dev/pts mounted?");
}

/* Fills ends[1] to the last byte, and leaves it such that writes to it wait. */
static void fill(void) {
    static const char zeros[PIPE_BUF] = {0};
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], zeros, sizeof zeros) > 0)
        ;
    while (write(ends[1], zeros, 1) > 0)
        ;
    fcntl(ends[1], F_SETFL, 0);
}

/* All that waits to be read, without what fill() wrote and the time before each line. */
static const char *read_all(void) {
    char part[PIPE_BUF];
    size_t used = 0;
    for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;) {
        for (ssize_t i = 0; i < n && used < sizeof seen - 1; i++) {
            if (part[i] != '\0')
                seen[used++] = part[i];
        }
    }
    seen[used] = '\0';
    return without_stamps(seen);
}

/* If text begins with `before`, some seconds and `after`: what follows, else NULL. */
static const char *behind(const char *text, const char *before, const char *after) {
    if (strncmp(text, before, strlen(before)) != 0)
        return NULL;
    text += strlen(before);
    text += strspn(text, "0123456789.");
    return strncmp(text, after, strlen(after)) == 0 ? text + strlen(after) : NULL;
}

/* ---- what is lost */

static void what_finds_no_room_is_counted_by_level_and_said_when_there_is_room(void **state) {
    (void)state;
    fill();
    log_begin();
    fb_info("one");
    fb_warning("two");
    fb_info("three");
    fb_log_report_lost();
    fb_debug("not to be written");
    log_end();
    assert_string_equal(read_all(), "");
    log_begin();
    fb_log_report_lost();
    fb_log_report_lost(); /* once is enough */
    fb_info("four");
    log_end();
    const char *rest =
        behind(read_all(), "tester: warning: 3 log lines were lost within ",
               " s (warning 1, info 2): standard error had no room: make sure that it is read\n");
    assert_non_null(rest);
    assert_string_equal(rest, "tester: info: four\n");
}

static void the_next_line_comes_after_the_one_that_says_what_was_lost(void **state) {
    (void)state;
    fill();
    log_begin();
    fb_info("lost");
    log_end();
    read_all();
    log_begin();
    fb_info("next");
    log_end();
    const char *rest =
        behind(read_all(), "tester: info: 1 log line was lost within ",
               " s (info 1): standard error had no room: make sure that it is read\n");
    assert_non_null(rest);
    assert_string_equal(rest, "tester: info: next\n");
}

static void writers_that_share_standard_error_may_still_wait(void **state) {
    (void)state;
    fill();
    log_begin();
    fb_info("lost");
    log_end();
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    read_all();
    log_begin();
    fb_log_report_lost();
    log_end();
}

#define LINE_BYTES 700u
#define LINE_START "tester: error: "

static void log_a_long_line(void) {
    char text[LINE_BYTES + 1 - sizeof LINE_START];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_begin();
    fb_error("%s", text);
    log_end();
}

struct tally {
    unsigned whole, broken, lost; /* lost: as was said */
};

/* Counts long lines, and parts of them that stand in a line of their own. */
static void count_lines(const char *text, struct tally *tally) {
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        unsigned lost;
        size_t length = (size_t)(end + 1 - text);
        bool is_part = strncmp(text, LINE_START, sizeof LINE_START - 1) == 0 &&
                       strspn(text + sizeof LINE_START - 1, "x") == length - sizeof LINE_START;
        if (sscanf(text, LINE_START "%u log line", &lost) == 1)
            tally->lost += lost;
        else if (is_part && length == LINE_BYTES)
            tally->whole++;
        else if ((is_part && length < LINE_BYTES) || length < sizeof LINE_START)
            tally->broken++;
        else
            fail_msg("no line of ours: '%.*s'", (int)length, text);
    }
    assert_string_equal(text, "");
}

/* As many as find room, again and again. */
static void each_line_comes_whole_or_is_counted(void **state) {
    (void)state;
    enum { LINES = 920, LINES_TOGETHER = 300 };
    struct tally tally = {0};
    for (unsigned i = 1; i <= LINES; i++) {
        log_a_long_line();
        if (i % LINES_TOGETHER == 0)
            count_lines(read_all(), &tally);
    }
    count_lines(read_all(), &tally);
    assert_int_equal(tally.whole + tally.lost, LINES);
    assert_true(tally.whole != 0 && tally.lost != 0);
    assert_int_equal(tally.broken, 0);
}

/* The next poll() finds a pipe ready, and then another process fills it. */
static bool fill_after_poll;

int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    int ready = (int)syscall(SYS_ppoll, fds, count,
                             &(struct timespec){.tv_nsec = (long)timeout_ms * 1000000}, NULL, 0);
    if (fill_after_poll)
        fill();
    return ready;
}

static void room_that_another_process_takes_first_is_not_waited_for(void **state) {
    (void)state;
    log_begin();
    fill_after_poll = true;
    fb_info("one");
    fill();
    fb_info("lost");
    fill_after_poll = false;
    log_end();
    assert_string_equal(read_all(), "tester: info: one\n");
}

/* A pipe that this process may write to, and not open. */
static void log_to_the_pipe_of_another_user(void *arg) {
    char path[32];
    (void)arg;
    if (geteuid() != 0)
        child_skip("another user's pipe needs root");
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
    EXPECT(fchmod(ends[1], 0600) == 0);
    EXPECT(setresuid(65534, 65534, 65534) == 0);
    EXPECT(open(path, O_WRONLY | O_NONBLOCK) < 0);
    log_begin();
    fb_info("lost");
    log_end();
    EXPECT(*read_all() == '\0');
    log_begin();
    fb_info("next");
    log_end();
    const char *rest =
        behind(read_all(), "tester: info: 1 log line was lost within ",
               " s (info 1): standard error had no room: make sure that it is read\n");
    EXPECT(rest != NULL && strcmp(rest, "tester: info: next\n") == 0);
}

static void a_pipe_of_another_user_is_not_waited_for(void **state) {
    (void)state;
    fill();
    in_child(log_to_the_pipe_of_another_user, NULL);
}

/* ---- a terminal */

/* It passes on what was written some time later: a mark says where that ends. */
static const char *read_terminal(void) {
    size_t used = 0;
    bool marked = false;
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (used == 0 || seen[used - 1] != '#') {
        marked = marked || write(ends[1], "#", 1) == 1;
        ssize_t n = read(ends[0], seen + used, sizeof seen - 1 - used);
        if (n > 0)
            used += (size_t)n;
        else
            usleep(100);
    }
    fcntl(ends[1], F_SETFL, 0);
    seen[used - 1] = '\0';
    return seen;
}

static void a_stopped_terminal_is_not_waited_for(void **state) {
    (void)state;
    need_terminal();
    assert_int_equal(tcflow(ends[1], TCOOFF), 0);
    log_begin();
    fb_warning("lost");
    log_end();
    assert_int_equal(tcflow(ends[1], TCOON), 0);
    log_begin();
    fb_info("next");
    log_end();
    const char *rest =
        behind(read_terminal(), "tester: warning: 1 log line was lost within ",
               " s (warning 1): standard error had no room: make sure that it is read\n");
    assert_non_null(rest);
    assert_string_equal(rest, "tester: info: next\n");
}

/* A terminal takes a part of the line that fills it. */
static void a_line_that_broke_off_is_ended_before_the_next(void **state) {
    (void)state;
    enum { LINES = 500 };
    need_terminal();
    struct tally tally = {0};
    for (unsigned i = 0; i < LINES; i++)
        log_a_long_line();
    size_t used = strlen(read_terminal());
    log_a_long_line(); /* ends what broke off */
    log_begin();
    fb_log_report_lost();
    log_end();
    memmove(everything, seen, used);
    snprintf(everything + used, sizeof everything - used, "%s", read_terminal());
    count_lines(everything, &tally);
    assert_int_equal(tally.whole + tally.lost, LINES + 1);
    assert_true(tally.whole != 0 && tally.broken != 0);
}

/* ---- files, which have room, and whose position is shared */

static int set_up_file(void **state) {
    (void)state;
    char name[] = "/tmp/test_log_output.XXXXXX";
    ends[1] = mkstemp(name);
    ends[0] = open(name, O_RDONLY | O_CLOEXEC);
    unlink(name);
    return watch(ends[0] >= 0 && ends[1] >= 0);
}

static void a_file_that_others_write_to_gets_lines_where_they_left_off(void **state) {
    (void)state;
    log_begin();
    fb_info("one");
    assert_int_equal(write(STDERR_FILENO, "two\n", 4), 4);
    fb_info("three");
    log_end();
    assert_string_equal(read_all(), "tester: info: one\ntwo\ntester: info: three\n");
}

#define PIPE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up_pipe, tear_down)
#define SOCKET_TEST(f)                                                                             \
    { #f " (socket)", f, set_up_socket, tear_down, NULL }
#define TERMINAL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up_terminal, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PIPE_TEST(what_finds_no_room_is_counted_by_level_and_said_when_there_is_room),
        PIPE_TEST(the_next_line_comes_after_the_one_that_says_what_was_lost),
        PIPE_TEST(writers_that_share_standard_error_may_still_wait),
        PIPE_TEST(each_line_comes_whole_or_is_counted),
        PIPE_TEST(room_that_another_process_takes_first_is_not_waited_for),
        PIPE_TEST(a_pipe_of_another_user_is_not_waited_for),
        SOCKET_TEST(what_finds_no_room_is_counted_by_level_and_said_when_there_is_room),
        SOCKET_TEST(the_next_line_comes_after_the_one_that_says_what_was_lost),
        SOCKET_TEST(writers_that_share_standard_error_may_still_wait),
        SOCKET_TEST(each_line_comes_whole_or_is_counted),
        TERMINAL_TEST(a_stopped_terminal_is_not_waited_for),
        TERMINAL_TEST(a_line_that_broke_off_is_ended_before_the_next),
        cmocka_unit_test_setup_teardown(a_file_that_others_write_to_gets_lines_where_they_left_off,
                                        set_up_file, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
