/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/sink_queue.c: standard output, pipes, and readers that are slow or go. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/sinks_fixture.h"

static struct caught caught;
static int ends[2];    /* of what stands for standard output: ours reads */
static int saved = -1; /* standard output */

/* From here on standard output is fd. */
static void put_output(int fd) {
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    close(fd);
}

static void put_output_back(void) {
    if (saved >= 0) {
        dup2(saved, STDOUT_FILENO);
        close(saved);
    }
    saved = -1;
}

static int output_tear_down(void **state) {
    int rc = sinks_tear_down(state);
    put_output_back();
    return rc;
}

static int queue_set_up(void **state) {
    signal(SIGPIPE, SIG_IGN);
    return sinks_set_up(state);
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, queue_set_up, output_tear_down)

/* A pipe is standard output, and the sink; what others print goes to standard error again. */
static void open_on_pipe(struct sinks_fixture *f, uint64_t wait_ms) {
    assert_int_equal(pipe(ends), 0);
    put_output(ends[1]);
    add_sink(f, "-");
    open_sinks(f, wait_ms);
    put_output_back();
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

/* What can be read now, behind what was read before. */
static char got[6 << 20];
static size_t got_size;

static size_t read_some(int fd, size_t most) {
    size_t before = got_size;
    while (got_size - before < most && got_size < sizeof got - 1) {
        size_t room = sizeof got - 1 - got_size;
        size_t wanted = most - (got_size - before);
        ssize_t n = read(fd, got + got_size, wanted < room ? wanted : room);
        if (n <= 0)
            break;
        got_size += (size_t)n;
    }
    got[got_size] = '\0';
    return got_size - before;
}

static void forget_got(void) {
    got_size = 0;
    got[0] = '\0';
}

static void records_go_to_standard_output_and_nothing_else_does(void **state) {
    struct sinks_fixture *f = *state;
    forget_got();
    assert_int_equal(pipe(ends), 0);
    put_output(ends[1]);
    add_sink(f, "-");
    catch_begin(&caught);
    open_sinks(f, 0);
    assert_int_equal(give_line(1, 0), 0);
    printf("an inspector prints\n");
    fflush(stdout);
    assert_int_equal(give_line(2, 0), 0);
    const char *said = catch_end(&caught);
    put_output_back();
    expect_one_line(said, "an inspector prints");
    read_some(ends[0], 14);
    expect_lines(got, 1, 2, 0);
    assert_string_equal(sinks_name(0), "eve-stdout");
    expect_counted(0, 2, 0, 0);
    close(ends[0]);
}

static void a_slow_reader_has_every_line_whole_and_once(void **state) {
    struct sinks_fixture *f = *state;
    forget_got();
    open_on_pipe(f, UINT64_MAX);
    unsigned n = 1;
    for (; n <= 100; n++)
        assert_int_equal(give_line(n, 9000), 0); /* longer than a pipe takes whole */
    uint64_t values[SINK_STATS];
    sinks_stats(0, values);
    assert_in_range(values[SINK_WRITTEN], 5, 8);
    assert_int_equal(values[SINK_RETRIED], 100 - values[SINK_WRITTEN]);
    for (unsigned i = 0; i < 2000 && got_size < 100 * 9008; i++) {
        read_some(ends[0], 1000);
        tick_ms(0);
        sinks_finish(1); /* whose time is over: no more than is taken now */
    }
    expect_counted(0, 100, 0, values[SINK_RETRIED]);
    read_some(ends[0], sizeof got);
    expect_lines(got, 1, 100, 9000);
    close(ends[0]);
}

/* The queue is full, the worker waits; then it does not any more. */
static void a_reader_that_stops_holds_the_worker_for_a_while(void **state) {
    struct sinks_fixture *f = *state;
    static char text[64];
    forget_got();
    fb_log_set_level(FB_LOG_INFO);
    catch_begin(&caught);
    open_on_pipe(f, 50);
    unsigned n = 1;
    while (give_line(n, 100000) == 0)
        n++;
    assert_in_range(n, 42, 43); /* 4 MiB, and the pipe */
    assert_int_equal(give_line(n, 100000), FB_OUTPUT_FAILED);
    usleep(60000);
    assert_int_equal(give_line(n, 100000), 0); /* it is dropped */
    assert_int_equal(give_line(n + 1, 100000), 0);
    uint64_t values[SINK_STATS];
    sinks_stats(0, values);
    assert_int_equal(values[SINK_DROPPED], 2);
    /* Room for one: it is taken again, but does not hold the worker before all is taken. */
    while (read_some(ends[0], 1 << 17) != 0 && got_size < 200000)
        tick_ms(11);
    assert_int_equal(give_line(n + 2, 100000), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(give_line(n + 3 + i, 100000), 0);
    for (unsigned i = 0; i < 500 && values[SINK_WRITTEN] + values[SINK_DROPPED] != n + 6; i++) {
        read_some(ends[0], 1 << 17);
        tick_ms(11);
        sinks_stats(0, values);
    }
    const char *said = catch_end(&caught);
    fb_log_set_level(FB_LOG_ERROR);
    assert_int_equal(lines_of(said), 2);
    assert_non_null(strstr(said, "standard output: cannot hand records on: they are not taken as "
                                 "fast as they come: records are queued, then they are dropped"));
    snprintf(text, sizeof text, "takes records again; %u were dropped",
             (unsigned)values[SINK_DROPPED]);
    assert_non_null(strstr(said, text));
    assert_in_range(values[SINK_DROPPED], 4, 6);
    close(ends[0]);
}

static void a_reader_that_is_gone_is_told_once(void **state) {
    struct sinks_fixture *f = *state;
    open_on_pipe(f, UINT64_MAX);
    assert_int_equal(give_line(1, 100000), 0); /* queued in part */
    close(ends[0]);
    catch_begin(&caught);
    for (unsigned n = 2; n <= 5; n++)
        assert_int_equal(give_line(n, 0), 0);
    expect_one_line(catch_end(&caught), "standard output: no process reads it any more: records "
                                        "are dropped");
    expect_counted(0, 0, 5, 1);
}

static void what_is_queued_is_handed_on_at_the_end(void **state) {
    struct sinks_fixture *f = *state;
    forget_got();
    f->config.drain_ns = 60 * FB_NS_PER_S;
    open_on_pipe(f, 0);
    for (unsigned n = 1; n <= 30; n++)
        assert_int_equal(give_line(n, 9000), 0);
    pid_t pid = fork();
    if (pid == 0) { /* a reader that is slow */
        fcntl(ends[0], F_SETFL, 0);
        usleep(200000);
        for (size_t left = 30 * 9000 + 21 * 8 + 9 * 7; left > 0;) {
            size_t n = read_some(ends[0], left < 5000 ? left : 5000);
            left -= n;
            usleep(1000);
        }
        _exit(strncmp(got, "line 1x", 7) == 0 ? 0 : 1);
    }
    uint64_t values[SINK_STATS];
    sinks_stats(0, values);
    assert_in_range(values[SINK_WRITTEN], 5, 8);
    sinks_finish(UINT64_MAX);
    expect_counted(0, 30, 0, 30 - values[SINK_WRITTEN]);
    assert_int_equal(child_wait(pid), 0);
    close(ends[0]);
}

static void at_the_end_a_reader_that_takes_nothing_is_given_up(void **state) {
    struct sinks_fixture *f = *state;
    open_on_pipe(f, UINT64_MAX);
    for (unsigned n = 1; n <= 30; n++)
        assert_int_equal(give_line(n, 9000), 0);
    uint64_t values[SINK_STATS];
    sinks_stats(0, values);
    uint64_t begin_ns = fb_now_ns();
    sinks_finish(UINT64_MAX);
    assert_in_range(fb_now_ns() - begin_ns, 990000000, 5000000000); /* --drain-timeout */
    catch_begin(&caught);
    begin_ns = fb_now_ns();
    sinks_close();
    assert_in_range(fb_now_ns() - begin_ns, 0, 500000000); /* which is over */
    char text[80];
    snprintf(text, sizeof text, "%u records were queued, and not taken in time: they are dropped",
             30 - (unsigned)values[SINK_WRITTEN]);
    expect_one_line(catch_end(&caught), text);
    close(ends[0]);
}

static void print_lines(unsigned first) {
    for (unsigned n = first; n < first + 100; n++)
        give_line_again(n, 9000);
    sinks_finish(UINT64_MAX);
    sinks_close();
}

/* Lines that are longer than what goes into a pipe whole. */
static void lines_of_two_processes_do_not_mix(void **state) {
    struct sinks_fixture *f = *state;
    static bool seen[300];
    forget_got();
    f->config.drain_ns = 60 * FB_NS_PER_S;
    open_on_pipe(f, UINT64_MAX);
    pid_t pids[2];
    for (unsigned i = 0; i < 2; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            print_lines(100 + 100 * i);
            _exit(0);
        }
    }
    const size_t length = 9009; /* "line 100" and a line end */
    for (unsigned i = 0; i < 20000 && got_size < 200 * length; i++) {
        struct pollfd fd = {.fd = ends[0], .events = POLLIN};
        poll(&fd, 1, 10);
        read_some(ends[0], 3000);
    }
    assert_int_equal(got_size, 200 * length);
    for (unsigned i = 0; i < 200; i++) {
        const char *line = got + i * length;
        unsigned n = (unsigned)strtoul(line + 5, NULL, 10);
        assert_in_range(n, 100, 299);
        assert_false(seen[n]);
        seen[n] = true;
        assert_int_equal(strspn(line + 8, "x"), 9000);
        assert_int_equal(line[length - 1], '\n');
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(child_wait(pids[i]), 0);
    close(ends[0]);
}

/* As a shell opens it: without O_APPEND, with one position for all. */
static void a_file_as_standard_output_is_written_where_it_is(void **state) {
    struct sinks_fixture *f = *state;
    int file = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int shell = dup(file);
    put_output(file);
    assert_int_equal(write(shell, "line 1\n", 7), 7);
    add_sink(f, "-");
    open_sinks(f, 0);
    assert_int_equal(give_line(2, 0), 0);
    assert_int_equal(write(shell, "line 3\n", 7), 7);
    assert_int_equal(give_line(4, 0), 0);
    put_output_back();
    expect_lines(text_of("out"), 1, 4, 0);
    close(shell);
}

static void a_socket_as_standard_output_is_not_waited_for(void **state) {
    struct sinks_fixture *f = *state;
    forget_got();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    put_output(ends[1]);
    add_sink(f, "-");
    open_sinks(f, 0);
    put_output_back();
    for (unsigned n = 1; n <= 5; n++)
        assert_int_equal(give_line(n, 100000), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    for (unsigned i = 0; i < 500 && got_size < 500035; i++) {
        read_some(ends[0], 10000);
        tick_ms(11);
    }
    expect_lines(got, 1, 5, 100000);
    close(ends[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(records_go_to_standard_output_and_nothing_else_does),
        QUEUE_TEST(a_slow_reader_has_every_line_whole_and_once),
        QUEUE_TEST(a_reader_that_stops_holds_the_worker_for_a_while),
        QUEUE_TEST(a_reader_that_is_gone_is_told_once),
        QUEUE_TEST(what_is_queued_is_handed_on_at_the_end),
        QUEUE_TEST(at_the_end_a_reader_that_takes_nothing_is_given_up),
        QUEUE_TEST(lines_of_two_processes_do_not_mix),
        QUEUE_TEST(a_file_as_standard_output_is_written_where_it_is),
        QUEUE_TEST(a_socket_as_standard_output_is_not_waited_for),
    };
    fb_log_set_level(FB_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
