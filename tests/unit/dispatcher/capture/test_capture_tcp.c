/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_tcp.c, and the connections of capture_window.c and capture_file.c,
 * read through the capture. The server is this same process: a read that waited would never return.
 */
#include "dispatcher/capture/capture_window.h"
#include "flow_balancer/common/clock.h"
#include "tests/lib/capture_fixture.h"
#include "tests/lib/loopback.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char name[64];

/* Listens on a free port of an address of this machine, whose name is then in `name`. */
static int listen_on(int family) {
    int fd = loopback_bind(family, 0);
    if (fd < 0)
        SKIP("no address of family %d on this machine: %s", family, strerror(errno));
    assert_int_equal(listen(fd, 4), 0);
    snprintf(name, sizeof name, family == AF_INET6 ? "tcp:[::1]:%u" : "tcp:127.0.0.1:%u",
             loopback_port(fd));
    return fd;
}

static int accept_one(int listener) {
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void send_all(int fd, const void *bytes, size_t size) {
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static struct capture_config config_of_name(struct capture_fixture *f) {
    static const char *files[] = {name, NULL};
    memset(&f->taken, 0, sizeof f->taken);
    return config_of(files);
}

/* Bursts until so many frames came, or it ends; at most ten seconds. */
static enum capture_status take_frames(struct capture_fixture *f, unsigned count) {
    enum capture_status status = CAPTURE_IDLE;
    uint64_t until_ns = fb_now_ns() + 10 * FB_NS_PER_S;
    while (f->taken.count < count && status != CAPTURE_END) {
        assert_true(fb_now_ns() < until_ns);
        status = take_until_idle(f->capture, &f->taken, 1);
        capture_wait(f->capture, 1000);
    }
    return status;
}

/* The capture goes on until it has connected. */
static int accept_soon(struct capture_fixture *f, int listener) {
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    uint64_t until_ns = fb_now_ns() + 10 * FB_NS_PER_S;
    while (poll(&ready, 1, 0) == 0) {
        assert_true(fb_now_ns() < until_ns);
        take_until_idle(f->capture, &f->taken, 1);
        capture_wait(f->capture, 1000);
    }
    return accept_one(listener);
}

static void a_stream_is_read_as_it_comes(void **state) {
    static const int families[] = {AF_INET, AF_INET6};
    struct capture_fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        struct pcap_bytes b = {.order = LITTLE};
        int listener = listen_on(families[i]);
        struct capture_config config = config_of_name(f);
        put_plain_file(&b, 3, 1);
        assert_int_equal(capture_open(&f->capture, &config), 0);
        assert_int_equal(take_until_idle(f->capture, &f->taken, 3), CAPTURE_IDLE);
        int server = accept_one(listener);
        send_all(server, b.data, b.size - 10);
        take_frames(f, 2);
        assert_int_equal(take_until_idle(f->capture, &f->taken, 3), CAPTURE_IDLE);
        assert_int_equal(f->taken.count, 2);
        send_all(server, b.data + b.size - 10, 10);
        close(server);
        assert_int_equal(take_frames(f, UINT32_MAX), CAPTURE_END);
        assert_int_equal(f->taken.count, 3);
        assert_false(capture_failed(f->capture));
        capture_close(f->capture);
        f->capture = NULL;
        close(listener);
        free(b.data);
    }
}

static struct addrinfo *address_of(const char *tcp_name) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found;
    assert_int_equal(getaddrinfo("127.0.0.1", strrchr(tcp_name, ':') + 1, &hints, &found), 0);
    return found;
}

/* A name may have an address at which nothing listens before the one that does. */
static void every_address_of_a_name_is_tried(void **state) {
    struct capture_window window = {.fd = -1};
    uint64_t until_ns = fb_now_ns() + 10 * FB_NS_PER_S;
    (void)state;
    close(listen_on(AF_INET));
    window.tcp.addresses = address_of(name);
    int listener = listen_on(AF_INET);
    window.tcp.addresses->ai_next = address_of(name);
    window.tcp.name = strdup(name);
    assert_int_equal(capture_window_open(&window, name), 0);
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    while (poll(&ready, 1, 1) == 0) {
        assert_int_equal(capture_window_need(&window, 3), CAPTURE_WINDOW_WAITS);
        assert_true(fb_now_ns() < until_ns);
    }
    int server = accept_one(listener);
    send_all(server, "abc", 3);
    while (capture_window_need(&window, 3) == CAPTURE_WINDOW_WAITS)
        assert_true(fb_now_ns() < until_ns);
    assert_memory_equal(capture_window_bytes(&window), "abc", 3);
    close(server);
    close(listener);
    capture_window_close(&window);
    capture_window_free(&window);
}

static void one_that_refuses_is_one_line(void **state) {
    struct capture_fixture *f = *state;
    close(listen_on(AF_INET));
    struct capture_config config = config_of_name(f);
    struct caught log;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    catch_begin(&log);
    assert_int_equal(take_frames(f, 1), CAPTURE_END);
    expect_one_line(catch_end(&log), "Connection refused");
    assert_true(capture_failed(f->capture));
    capture_close(f->capture);
}

/* No connection goes to a broadcast address, whatever routes there are. */
static void one_that_cannot_be_reached_is_one_line(void **state) {
    struct capture_fixture *f = *state;
    struct caught log;
    snprintf(name, sizeof name, "tcp:255.255.255.255:9");
    struct capture_config config = config_of_name(f);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    catch_begin(&log);
    assert_int_equal(take_frames(f, 1), CAPTURE_END);
    expect_one_line(catch_end(&log), "cannot open tcp:255.255.255.255:9: Network is unreachable: "
                                     "give an address that can be reached");
    assert_true(capture_failed(f->capture));
    capture_close(f->capture);
}

/* What came before is taken. */
static void one_that_breaks_off_has_failed(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {.order = LITTLE};
    int listener = listen_on(AF_INET);
    struct capture_config config = config_of_name(f);
    struct caught log;
    put_plain_file(&b, 3, 1);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    take_until_idle(f->capture, &f->taken, 1);
    int server = accept_one(listener);
    send_all(server, b.data, b.size - 10);
    close(server);
    catch_begin(&log);
    assert_int_equal(take_frames(f, UINT32_MAX), CAPTURE_END);
    expect_one_line(catch_end(&log), "breaks off after 2 frames");
    assert_int_equal(f->taken.count, 2);
    assert_true(capture_failed(f->capture));
    capture_close(f->capture);
    close(listener);
    free(b.data);
}

/* A connection that ends or fails is made again, which is said, and begins a new file. */
static void it_is_connected_to_again_where_asked(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {.order = LITTLE};
    int listener = listen_on(AF_INET);
    struct capture_config config = config_of_name(f);
    struct caught log;
    config.reconnect = true;
    put_plain_file(&b, 2, 1);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    catch_begin(&log);
    for (unsigned i = 0; i < 2; i++) {
        int server = accept_soon(f, listener);
        send_all(server, b.data, b.size);
        close(server);
        take_frames(f, 2 * (i + 1));
        assert_int_equal(f->taken.count, 2 * (i + 1));
    }
    const char *said = catch_end(&log);
    const char *again = strstr(said, "the stream has ended: connecting again every second");
    assert_non_null(again);
    assert_non_null(strstr(again, "connected again"));
    assert_int_equal(f->taken.new_sources, 2);
    assert_false(capture_failed(f->capture));
    capture_close(f->capture);
    close(listener);
    free(b.data);
}

static void a_name_that_is_none_is_refused(void **state) {
    struct capture_fixture *f = *state;
    static const char *const wrong[] = {"tcp:",      "tcp:host",   "tcp:host:",    "tcp::1",
                                        "tcp:[::1]", "tcp:[::1:2", "tcp:a:b:c:80", "tcp:[]:80"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *files[] = {wrong[i], NULL};
        expect_open_refused(f, config_of(files), -EINVAL, "give tcp:HOST:PORT");
    }
    const char *files[] = {"tcp:127.0.0.1:no-such-service", NULL};
    expect_open_refused(f, config_of(files), -ENOENT, "give a host and a port");
    const char *often[] = {"tcp:127.0.0.1:1", NULL};
    struct capture_config config = config_of(often);
    config.loops = 2;
    expect_open_refused(f, config, -EINVAL, "cannot be read 2 times");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(a_stream_is_read_as_it_comes),
        CAPTURE_TEST(every_address_of_a_name_is_tried),
        CAPTURE_TEST(one_that_refuses_is_one_line),
        CAPTURE_TEST(one_that_cannot_be_reached_is_one_line),
        CAPTURE_TEST(one_that_breaks_off_has_failed),
        CAPTURE_TEST(it_is_connected_to_again_where_asked),
        CAPTURE_TEST(a_name_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
