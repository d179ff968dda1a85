/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/serve.c, shm/view/listen.c: what clients can ask for, and what they cannot do. */
#include "tests/lib/caught.h"
#include "tests/lib/http.h"
#include "tests/lib/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

#include "shm/view/listen.h"
#include "shm/view/serve.h"

#define BIG (4u << 20) /* more than the kernel takes of an answer at a time */

struct served {
    pthread_t thread;
    unsigned port;
    int listening_fd;
    int stop[2];
    size_t size;   /* of what is made */
    unsigned made; /* how often; by the serving thread */
    int error;     /* what serve() returned */
    char text[BIG + 4096];
};

/* A serve_make: tells how often it was asked, in as many bytes as it was told. */
static char *make(void *arg, size_t *size) {
    struct served *s = arg;
    char *text = malloc(s->size);
    if (text == NULL)
        return NULL;
    memset(text, 'x', s->size);
    int n = snprintf(text, s->size, "made %u\n", ++s->made);
    text[n] = 'x';
    *size = s->size;
    return text;
}

static void *run(void *arg) {
    struct served *s = arg;
    s->error = serve(s->listening_fd, s->stop[0], make, s);
    return NULL;
}

static int set_up(void **state) {
    struct served *s = new_state(state, sizeof *s);
    s->size = 100;
    s->error = -1;
    s->listening_fd = http_listen(&s->port);
    assert_int_equal(pipe(s->stop), 0);
    return pthread_create(&s->thread, NULL, run, s);
}

static int tear_down(void **state) {
    struct served *s = *state;
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    assert_int_equal(s->error, 0);
    close(s->stop[0]);
    close(s->stop[1]);
    free(s);
    return 0;
}

static int get(struct served *s, const char *path) {
    return http_get(s->port, path, s->text, sizeof s->text);
}

/* Sends a request as it is, and receives the answer. */
static int ask(struct served *s, const char *request) {
    int fd = http_connect(s->port);
    assert_true(fd >= 0);
    http_send(fd, request);
    return http_receive(fd, s->text, sizeof s->text);
}

/* ---- requests */

static void each_request_has_a_text_of_its_own(void **state) {
    struct served *s = *state;
    assert_int_equal(get(s, "/metrics"), 200);
    assert_int_equal(strncmp(s->text, "made 1\n", 7), 0);
    assert_int_equal(strlen(s->text), s->size);
    assert_int_equal(get(s, "/metrics?x=y"), 200);
    assert_int_equal(strncmp(s->text, "made 2\n", 7), 0);
}

static void its_health_needs_no_text(void **state) {
    struct served *s = *state;
    assert_int_equal(get(s, "/healthz"), 200);
    assert_string_equal(s->text, "ok\n");
    assert_int_equal(s->made, 0);
}

static void another_path_is_404_and_another_method_405(void **state) {
    struct served *s = *state;
    static const char *const paths[] = {"/", "/metrics/", "/metric", "//metrics", "/../metrics"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(get(s, paths[i]), 404);
    assert_int_equal(ask(s, "POST /metrics HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"),
                     405);
    assert_int_equal(ask(s, "DELETE /metrics HTTP/1.1\r\nHost: t\r\n\r\n"), 405);
    assert_int_equal(s->made, 0);
    assert_int_equal(get(s, "/metrics"), 200);
}

static void what_is_no_request_ends_the_connection_only(void **state) {
    struct served *s = *state;
    assert_int_not_equal(ask(s, "\r\n\r\n\x01\x02 nonsense\r\n\r\n"), 200);
    static char head[64 << 10];
    memset(head, 'a', sizeof head - 1);
    memcpy(head, "GET /metrics HTTP/1.1\r\nX: ", 26);
    assert_int_not_equal(ask(s, head), 200);
    assert_int_equal(s->made, 0);
    assert_int_equal(get(s, "/metrics"), 200);
}

/* ---- clients that take their time */

/* More of them than there are places, and none ever finishes its request. */
static void clients_that_send_nothing_do_not_keep_others_away(void **state) {
    struct served *s = *state;
    int idle[SERVE_CONNECTIONS + 8];
    size_t count = sizeof idle / sizeof *idle;
    for (size_t i = 0; i < count; i++) {
        idle[i] = http_connect(s->port);
        assert_true(idle[i] >= 0);
        if (i % 2 == 0)
            http_send(idle[i], "GET /metrics HTTP/1.1\r\nHos");
    }
    assert_int_equal(get(s, "/metrics"), 200);
    for (size_t i = 0; i < count; i++)
        close(idle[i]);
    assert_int_equal(get(s, "/metrics"), 200);
}

static void one_that_does_not_read_its_answer_holds_up_no_other(void **state) {
    struct served *s = *state;
    s->size = BIG;
    int slow = http_connect(s->port);
    assert_true(slow >= 0);
    http_send(slow, "GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(get(s, "/metrics"), 200);
    assert_int_equal(strlen(s->text), BIG);
    close(slow);
}

static void several_are_answered_at_the_same_time(void **state) {
    struct served *s = *state;
    s->size = BIG;
    int fds[8];
    for (size_t i = 0; i < 8; i++) {
        fds[i] = http_connect(s->port);
        assert_true(fds[i] >= 0);
        http_send(fds[i], "GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    for (size_t i = 8; i-- > 0;) {
        assert_int_equal(http_receive(fds[i], s->text, sizeof s->text), 200);
        assert_int_equal(strlen(s->text), BIG);
    }
}

/* ---- addresses */

static void expect_address(const char *text, const char *host, const char *port) {
    struct listen_address address;
    assert_true(listen_parse(text, &address));
    assert_string_equal(address.host, host);
    assert_string_equal(address.port, port);
}

static void a_port_alone_is_of_the_loopback_address(void **state) {
    (void)state;
    expect_address("9187", "127.0.0.1", "9187");
    expect_address("0.0.0.0:1", "0.0.0.0", "1");
    expect_address("[::1]:65535", "::1", "65535");
    expect_address("sensor.example:09187", "sensor.example", "9187");
}

static void wrong_addresses_are_one_line_each(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",         "0",     "65536", "x",         "host:", ":9187", "::1",    "a:-1",
        "::1:9187", "[]:80", "[::1]", "127.0.0.1", "a:9 ",  "a:+9",  "[::1:80"};
    struct listen_address address;
    static struct caught caught;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        catch_begin(&caught);
        bool taken = listen_parse(wrong[i], &address);
        expect_one_line(catch_end(&caught), "give PORT, ADDRESS:PORT");
        if (taken)
            fail_msg("'%s' is taken", wrong[i]);
    }
}

static void a_port_in_use_is_one_line_that_says_so(void **state) {
    (void)state;
    unsigned port;
    char text[16];
    static struct caught caught;
    int fd = http_listen(&port);
    snprintf(text, sizeof text, "%u", port);
    catch_begin(&caught);
    int second = listen_open(text);
    expect_one_line(catch_end(&caught), "another process has the port");
    assert_int_equal(second, -1);
    close(fd);
    int now = listen_open(text);
    assert_true(now >= 0);
    close(now);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    fb_log_init("test_view_serve", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(each_request_has_a_text_of_its_own),
        TEST(its_health_needs_no_text),
        TEST(another_path_is_404_and_another_method_405),
        TEST(what_is_no_request_ends_the_connection_only),
        TEST(clients_that_send_nothing_do_not_keep_others_away),
        TEST(one_that_does_not_read_its_answer_holds_up_no_other),
        TEST(several_are_answered_at_the_same_time),
        cmocka_unit_test(a_port_alone_is_of_the_loopback_address),
        cmocka_unit_test(wrong_addresses_are_one_line_each),
        cmocka_unit_test(a_port_in_use_is_one_line_that_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
