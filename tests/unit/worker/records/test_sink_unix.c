/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/sink_unix.c: sockets whose reader is absent, slow, goes away and comes back. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/sinks_fixture.h"

static struct caught caught;

/* The reader's socket at ./socket. */
static int bind_socket(int type) {
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink("socket");
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static char got[2 << 20];
static size_t got_size;

static void forget_got(void) {
    got_size = 0;
    got[0] = '\0';
}

/* What comes within a while, until there are so many bytes. */
static void read_until(int fd, size_t size) {
    for (unsigned i = 0; i < 500 && got_size < size; i++) {
        ssize_t n = recv(fd, got + got_size, sizeof got - 1 - got_size, MSG_DONTWAIT);
        got_size += n > 0 ? (size_t)n : 0;
        got[got_size] = '\0';
        if (n <= 0)
            tick_ms(11);
    }
}

static int accept_within_time(int listener) {
    int fd = -1;
    for (unsigned i = 0; i < 1000 && fd < 0; i++) {
        fd = accept(listener, NULL, NULL);
        if (fd < 0)
            tick_ms(11);
    }
    assert_true(fd >= 0);
    return fd;
}

static void a_stream_has_line_after_line(void **state) {
    struct sinks_fixture *f = *state;
    forget_got();
    int listener = bind_socket(SOCK_STREAM);
    add_sink(f, "unix:socket");
    open_sinks(f, 0);
    int reader = accept_within_time(listener);
    assert_int_equal(give_line(1, 0), 0);
    assert_int_equal(give_line(2, 0), 0);
    expect_counted(0, 2, 0, 0);
    read_until(reader, 14);
    expect_lines(got, 1, 2, 0);
    assert_string_equal(sinks_name(0), "eve-unix");
    close(reader);
    close(listener);
}

static void each_datagram_is_a_line(void **state) {
    struct sinks_fixture *f = *state;
    int reader = bind_socket(SOCK_DGRAM);
    add_sink(f, "unix:socket");
    open_sinks(f, 0);
    assert_int_equal(give_line(1, 10000), 0);
    assert_int_equal(give_line(2, 0), 0);
    assert_int_equal(recv(reader, got, sizeof got, 0), 10007);
    got[10007] = '\0';
    expect_lines(got, 1, 1, 10000);
    assert_int_equal(recv(reader, got, sizeof got, 0), 7);
    expect_counted(0, 2, 0, 0);
    close(reader);
}

/* Whether it is given when there is room, or from the queue. */
static void a_datagram_that_is_too_long_is_dropped_alone(void **state) {
    struct sinks_fixture *f = *state;
    int reader = bind_socket(SOCK_DGRAM);
    add_sink(f, "unix:socket");
    open_sinks(f, UINT64_MAX);
    catch_begin(&caught);
    assert_int_equal(give_line(1, 500000), 0);
    unsigned n = 1;
    uint64_t values[SINK_STATS];
    do {
        assert_int_equal(give_line(++n, 0), 0);
        sinks_stats(0, values);
    } while (values[SINK_RETRIED] == 0); /* until one is queued */
    assert_int_equal(give_line(n + 1, 500000), 0);
    assert_int_equal(give_line(n + 2, 0), 0);
    for (unsigned i = 2; i <= n + 2; i++) {
        if (i == n + 1)
            continue;
        got_size = 0;
        read_until(reader, 1);
        expect_lines(got, i, i, 0);
        tick_ms(11);
    }
    expect_one_line(catch_end(&caught), "--eve unix:socket: a record of 500007 bytes is too long "
                                        "for a datagram: it is dropped, and so are others");
    expect_counted(0, n, 2, 3);
    close(reader);
}

static void lines_wait_for_a_reader_that_is_absent(void **state) {
    struct sinks_fixture *f = *state;
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    fb_log_set_level(FB_LOG_INFO);
    for (unsigned i = 0; i < 2; i++) {
        forget_got();
        f->config.count = 0;
        add_sink(f, "unix:socket");
        unlink("socket");
        catch_begin(&caught);
        open_sinks(f, 1000);
        assert_int_equal(give_line(1, 0), 0);
        assert_int_equal(give_line(2, 0), 0);
        expect_counted(0, 0, 0, 2);
        int fd = bind_socket(types[i]);
        int reader = i == 0 ? accept_within_time(fd) : fd;
        read_until(reader, 14);
        const char *said = catch_end(&caught);
        assert_int_equal(lines_of(said), 2);
        assert_non_null(strstr(said, "--eve unix:socket: cannot connect: No such file or "
                                     "directory: records are queued, then the worker waits for at "
                                     "most 1000 ms, then they are dropped"));
        assert_non_null(strstr(said, "--eve unix:socket takes records again; 0 were dropped"));
        expect_lines(got, 1, 2, 0);
        expect_counted(0, 2, 0, 2);
        sinks_close();
        close(reader);
        if (i == 0)
            close(fd);
    }
    fb_log_set_level(FB_LOG_ERROR);
}

static void another_reader_has_the_line_whole_that_was_sent_in_part(void **state) {
    struct sinks_fixture *f = *state;
    forget_got();
    int listener = bind_socket(SOCK_STREAM);
    add_sink(f, "unix:socket");
    catch_begin(&caught);
    open_sinks(f, UINT64_MAX);
    int reader = accept_within_time(listener);
    assert_int_equal(give_line(1, 0), 0);
    assert_int_equal(give_line(2, 400000), 0); /* more than the socket holds */
    assert_int_equal(give_line(3, 0), 0);
    expect_counted(0, 1, 0, 2);
    read_until(reader, 20000);
    assert_memory_equal(got, "line 1\nline 2xxx", 16);
    close(reader);
    forget_got();
    reader = accept_within_time(listener);
    read_until(reader, 400007 + 7);
    expect_one_line(catch_end(&caught), "--eve unix:socket: cannot write: ");
    assert_string_equal(got + 400007, "line 3\n");
    got[400007] = '\0';
    expect_lines(got, 2, 2, 400000);
    close(reader);
    close(listener);
}

static void a_reader_that_comes_and_goes_is_not_called_all_the_time(void **state) {
    struct sinks_fixture *f = *state;
    int listener = bind_socket(SOCK_STREAM);
    unsigned readers = 0;
    add_sink(f, "unix:socket");
    catch_begin(&caught);
    open_sinks(f, 0);
    uint64_t end_ns = fb_now_ns() + FB_NS_PER_S;
    while (fb_now_ns() < end_ns) {
        int reader = accept(listener, NULL, NULL);
        if (reader >= 0) {
            close(reader);
            readers++;
        }
        assert_int_equal(give_line(1, 300000), 0); /* never taken whole */
        tick_ms(11);
    }
    catch_end(&caught);
    assert_in_range(readers, 2, 5); /* after 100, 200, 400, 800 ms */
    close(listener);
}

static void a_slow_reader_holds_the_worker_no_longer_than_set(void **state) {
    struct sinks_fixture *f = *state;
    int listener = bind_socket(SOCK_STREAM);
    add_sink(f, "unix:socket");
    add_sink(f, "file:eve.json");
    catch_begin(&caught);
    open_sinks(f, 200);
    int reader = accept_within_time(listener);
    uint64_t held_ns = 0;
    for (unsigned n = 1; n <= 120; n++) {
        uint64_t begin_ns = fb_now_ns();
        do { /* it takes some all the time, and never all: no wait is long */
            recv(reader, got, 5000, MSG_DONTWAIT);
            usleep(1000);
        } while (give_line(n, 60000) != 0);
        held_ns += fb_now_ns() - begin_ns;
    }
    expect_one_line(catch_end(&caught), "they are not taken as fast as they come");
    assert_in_range(held_ns, 190000000, 2000000000);
    uint64_t values[SINK_STATS];
    sinks_stats(0, values);
    assert_in_range(values[SINK_DROPPED], 5, 60);
    expect_counted(1, 120, 0, 0); /* none of it is another sink's business */
    close(reader);
    close(listener);
}

static void what_is_queued_is_sent_at_the_end_unless_another_process_follows(void **state) {
    struct sinks_fixture *f = *state;
    add_sink(f, "unix:socket");
    catch_begin(&caught);
    open_sinks(f, 0);
    assert_int_equal(give_line(1, 0), 0);
    assert_int_equal(give_line(2, 0), 0);
    sinks_finish(0);
    expect_counted(0, 0, 2, 2);
    sinks_close();
    catch_end(&caught);
    forget_got();
    catch_begin(&caught);
    open_sinks(f, 0);
    assert_int_equal(give_line(1, 0), 0);
    int reader = bind_socket(SOCK_DGRAM);
    sinks_finish(UINT64_MAX); /* it connects again within the second */
    catch_end(&caught);
    expect_counted(0, 1, 0, 1);
    read_until(reader, 7);
    expect_lines(got, 1, 1, 0);
    close(reader);
}

static void wrong_sockets_are_one_line(void **state) {
    struct sinks_fixture *f = *state;
    static const char *const parts[] = {"--eve unix:: the path of the socket is missing",
                                        "the path of a socket has at most 107 characters, and "
                                        "this one 108: give a shorter one",
                                        NULL};
    for (unsigned i = 0; i < 3; i++) {
        f->config.count = 0;
        add_sink(
            f, "unix:%.*s",
            i == 0   ? 0
            : i == 1 ? 108
                     : 107,
            "/tmp/"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        catch_begin(&caught);
        int error = sinks_open(&f->config);
        const char *said = catch_end(&caught);
        assert_int_equal(error, parts[i] != NULL ? -EINVAL : 0);
        if (parts[i] != NULL)
            expect_one_line(said, parts[i]);
        else
            assert_string_equal(said, "");
        sinks_close();
    }
}

static int unix_set_up(void **state) {
    signal(SIGPIPE, SIG_IGN);
    return sinks_set_up(state);
}

#define UNIX_TEST(name) cmocka_unit_test_setup_teardown(name, unix_set_up, sinks_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIX_TEST(a_stream_has_line_after_line),
        UNIX_TEST(each_datagram_is_a_line),
        UNIX_TEST(a_datagram_that_is_too_long_is_dropped_alone),
        UNIX_TEST(lines_wait_for_a_reader_that_is_absent),
        UNIX_TEST(another_reader_has_the_line_whole_that_was_sent_in_part),
        UNIX_TEST(a_reader_that_comes_and_goes_is_not_called_all_the_time),
        UNIX_TEST(a_slow_reader_holds_the_worker_no_longer_than_set),
        UNIX_TEST(what_is_queued_is_sent_at_the_end_unless_another_process_follows),
        UNIX_TEST(wrong_sockets_are_one_line),
    };
    fb_log_set_level(FB_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
