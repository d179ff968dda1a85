/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/serve.c over loopback: link types, clients that are too many, a second claim.
 * Whole runs are in tests/proc/proc_serve.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/loopback.h"
#include "tests/lib/unit.h"
#include "worker/inspection.h"
#include "worker/inspectors/inspectors.h"

static const uint8_t bytes[100], large[262144];
static struct inspection inspection;
static struct caught caught;
static uint16_t port;
enum { PACKETS, LOST, OTHER_LINK_TYPE, CLIENTS };

static void claim(unsigned worker, uint64_t incarnation, int wanted) {
    const struct fb_instance instance = {
        .name = "test", .worker = worker, .incarnation = incarnation};
    assert_int_equal(inspection_claimed(&inspection, &instance), wanted);
}

/* Worker 0 on a port that is free, as is the next one. */
static void begin(const char *more) {
    static const struct inspectors_settings settings = {.drain_ns = FB_NS_PER_S};
    static char args[64];
    int fd = loopback_bind(AF_INET, 0);
    port = (uint16_t)loopback_port(fd);
    close(fd);
    snprintf(args, sizeof args, ":%u%s", port, more);
    memset(&inspection, 0, sizeof inspection);
    inspectors_configure(&settings);
    catch_begin(&caught);
    assert_int_equal(inspection_add(&inspection, &inspect_serve_ops, args), 0);
    claim(0, 1, 0);
}

static int connect_to(unsigned number) {
    const struct timeval second = {.tv_sec = 1};
    int fd = loopback_connect(AF_INET, number, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    return fd;
}

static int give_large(void) {
    const struct fb_packet packet = {
        .data = large, .caplen = sizeof large, .wirelen = sizeof large, .link_type = 1};
    return inspect_serve_ops.packet(inspection.items[0].self, NULL, &packet);
}

static int give(int32_t link_type) {
    const struct fb_packet packet = {
        .data = bytes, .caplen = sizeof bytes, .wirelen = sizeof bytes, .link_type = link_type};
    return inspect_serve_ops.packet(inspection.items[0].self, NULL, &packet);
}

static void tick(void) {
    assert_int_equal(inspect_serve_ops.tick(inspection.items[0].self, fb_now_ns()), 0);
}

static uint64_t stat(unsigned i) {
    uint64_t values[FB_STATS_MAX] = {0};
    inspection_stats(&inspection, 0, values);
    return values[i];
}

/* Reads so many bytes, and returns the last number of the header, the link type. */
static uint32_t read_stream(int fd, size_t size) {
    static uint8_t got[4096];
    uint32_t link_type;
    assert_int_equal(recv(fd, got, size, MSG_WAITALL), size);
    memcpy(&link_type, got + 20, sizeof link_type);
    return link_type;
}

static bool is_at_end(int fd) {
    char byte;
    return recv(fd, &byte, 1, 0) == 0;
}

/* One that came before the first packet and one that came after it. */
static void a_stream_has_the_link_type_of_the_first_packet(void **state) {
    (void)state;
    begin("");
    int first = connect_to(port);
    tick();
    assert_int_equal(give(12), 0);
    int second = connect_to(port);
    tick();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(give(12), 0);
        assert_int_equal(give(1), 0);
    }
    tick();
    assert_int_equal(read_stream(first, 24 + 4 * 116), 101);
    assert_int_equal(read_stream(second, 24 + 3 * 116), 101);
    assert_int_equal(stat(OTHER_LINK_TYPE), 3);
    assert_int_equal(stat(PACKETS), 4 + 3);
    assert_int_equal(stat(LOST), 0);
    inspection_close(&inspection);
    assert_true(is_at_end(first) && is_at_end(second));
    expect_one_line(catch_end(&caught), "packets of link type 1 are not served");
    close(first);
    close(second);
}

static void more_than_sixteen_are_sent_away(void **state) {
    (void)state;
    int fds[18];
    begin("");
    for (unsigned i = 0; i < 18; i++) {
        fds[i] = connect_to(port);
        tick();
    }
    assert_int_equal(stat(CLIENTS), 16);
    assert_true(is_at_end(fds[16]) && is_at_end(fds[17]));
    close(fds[3]);
    int later = connect_to(port);
    for (unsigned i = 0; i < 100 && stat(CLIENTS) == 16; i++) {
        assert_int_equal(give(1), 0); /* that one has gone is seen when it is sent something */
        tick();
        usleep(1000);
        if (stat(CLIENTS) == 16 && is_at_end(later)) {
            close(later);
            later = connect_to(port);
        }
    }
    assert_int_equal(stat(CLIENTS), 17);
    inspection_close(&inspection);
    catch_end(&caught);
    for (unsigned i = 0; i < 18; i++)
        if (i != 3)
            close(fds[i]);
    close(later);
}

static void clients_stay_with_the_number(void **state) {
    (void)state;
    begin("");
    int fd = connect_to(port);
    tick();
    assert_int_equal(give(1), 0);
    claim(0, 7, 0); /* of another dispatcher */
    assert_int_equal(give(1), 0);
    tick();
    assert_int_equal(read_stream(fd, 24 + 2 * 116), 1);
    claim(1, 8, 0); /* another number is another port */
    assert_true(is_at_end(fd));
    assert_int_equal(connect_to(port), -1);
    int other = connect_to(port + 1u);
    assert_true(other >= 0);
    claim(65535, 9, -EINVAL);
    inspection_close(&inspection);
    expect_one_line(catch_end(&caught), "there is no port for worker 65535");
    close(fd);
    close(other);
}

/* With `wait` a packet goes to the next client whole, and is not lost. */
static void a_packet_that_waits_goes_to_the_next_client(void **state) {
    (void)state;
    begin(",wait");
    assert_int_equal(give(1), FB_OUTPUT_FAILED);
    int first = connect_to(port);
    assert_int_equal(give(1), 0);
    assert_int_equal(read_stream(first, 24 + 116), 1);
    const struct linger hard = {.l_onoff = 1};
    setsockopt(first, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(first); /* with a reset */
    usleep(20000);
    assert_int_equal(give(1), FB_OUTPUT_FAILED);
    int second = connect_to(port);
    assert_int_equal(give(1), 0);
    assert_int_equal(read_stream(second, 24 + 116), 1);
    assert_int_equal(stat(PACKETS), 2);
    assert_int_equal(stat(LOST), 0);
    inspection_close(&inspection);
    assert_true(is_at_end(second));
    assert_int_equal(lines_of(catch_end(&caught)), 0);
    close(second);
}

/* Reads up to so many bytes, or to the end; returns how many there were. */
static size_t read_some(int fd, size_t most) {
    static uint8_t got[65536];
    size_t sum = 0;
    ssize_t n = 1;
    while (sum < most && n > 0) {
        n = recv(fd, got, most - sum < sizeof got ? most - sum : sizeof got, 0);
        sum += n > 0 ? (size_t)n : 0;
    }
    return sum;
}

static void what_a_client_was_not_sent_when_it_is_left_is_lost(void **state) {
    (void)state;
    begin("");
    int fd = loopback_connect(AF_INET, port, 4096); /* it reads nothing */
    tick();
    for (unsigned i = 0; i < 15; i++) /* the queue has room for them all */
        assert_int_equal(give_large(), 0);
    assert_int_equal(stat(LOST), 0);
    inspection_finish(&inspection, 0);
    assert_in_range(stat(LOST), 1, 15);
    assert_int_equal(stat(LOST) + stat(PACKETS), 15);
    inspection_close(&inspection);
    catch_end(&caught);
    close(fd);
}

static void a_worker_stays_while_a_client_has_a_part_of_a_packet(void **state) {
    (void)state;
    begin(",wait");
    assert_int_equal(give_large(), FB_OUTPUT_FAILED);
    assert_int_equal(inspection_stay_ns(&inspection), 0); /* there is no client */
    int fd = connect_to(port);
    uint64_t given = 0;
    while (give_large() == 0) {
        given++;
        assert_int_equal(inspection_stay_ns(&inspection), 0);
    }
    assert_int_equal(inspection_stay_ns(&inspection), FB_NS_PER_S);
    size_t read = 0;
    int rc;
    while ((rc = give_large()) == FB_OUTPUT_FAILED)
        read += read_some(fd, 50000);
    assert_int_equal(rc, 0);
    assert_int_equal(inspection_stay_ns(&inspection), 0);
    inspection_finish(&inspection, 0);
    read += read_some(fd, SIZE_MAX);
    assert_int_equal(read, 24 + (given + 1) * (16 + sizeof large));
    inspection_close(&inspection);
    catch_end(&caught);
    close(fd);
}

/* The other end of a connection, which is in this process too. */
static int server_end(int client) {
    struct sockaddr_in wanted, found;
    socklen_t size = sizeof wanted;
    assert_int_equal(getsockname(client, (struct sockaddr *)&wanted, &size), 0);
    for (int fd = 0; fd < 1024; fd++) {
        size = sizeof found;
        if (getpeername(fd, (struct sockaddr *)&found, &size) == 0 &&
            found.sin_port == wanted.sin_port)
            return fd;
    }
    fail_msg("no connection from port %u", ntohs(wanted.sin_port));
    return -1;
}

/* Until the socket takes nothing more. Returns how many bytes it took. */
static size_t fill(int fd) {
    size_t filled = 0;
    ssize_t n;
    for (size_t size = sizeof large; size != 0; size /= 2) {
        while ((n = send(fd, large, size, MSG_DONTWAIT)) > 0)
            filled += (size_t)n;
    }
    return filled;
}

/* It comes again, to the next process: so no client is to have it from this one. */
static void a_packet_of_which_nothing_went_is_not_sent_at_the_end(void **state) {
    (void)state;
    begin(",wait");
    int fd = connect_to(port);
    assert_int_equal(give(1), 0);
    size_t whole = 24 + 16 + sizeof bytes + fill(server_end(fd));
    assert_int_equal(give(1), FB_OUTPUT_FAILED);
    assert_int_equal(inspection_stay_ns(&inspection), 0);
    size_t read = read_some(fd, whole - 1); /* there is room again */
    inspection_finish(&inspection, 0);
    inspection_close(&inspection);
    read += read_some(fd, SIZE_MAX);
    assert_int_equal(read, whole);
    catch_end(&caught);
    close(fd);
}

/* Nor the clients' connections. */
static void a_child_that_another_inspector_forked_keeps_no_port(void **state) {
    (void)state;
    begin("");
    inspection_watch_children(&inspection);
    int client = connect_to(port);
    tick();
    pid_t child = child_start(child_lives_on, NULL);
    inspection_close(&inspection);
    assert_int_equal(read_some(client, SIZE_MAX), 0); /* its end, and no wait for it */
    int fd = loopback_bind(AF_INET, port);
    assert_true(fd >= 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    close(client);
    child_kill(child);
    catch_end(&caught);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_the_link_type_of_the_first_packet),
        cmocka_unit_test(more_than_sixteen_are_sent_away),
        cmocka_unit_test(clients_stay_with_the_number),
        cmocka_unit_test(a_packet_that_waits_goes_to_the_next_client),
        cmocka_unit_test(what_a_client_was_not_sent_when_it_is_left_is_lost),
        cmocka_unit_test(a_worker_stays_while_a_client_has_a_part_of_a_packet),
        cmocka_unit_test(a_packet_of_which_nothing_went_is_not_sent_at_the_end),
        cmocka_unit_test(a_child_that_another_inspector_forked_keeps_no_port),
    };
    fb_log_set_level(FB_LOG_WARNING);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
