/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/reload.c: the filter is read again while a file is read, and its clients on a
 * real socket are answered when that is over. The last test leaves a thread that compiles for
 * minutes.
 */
#include "dispatcher/run/reload.h"
#include "tests/lib/capture_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

#define RELOAD "{\"request\": \"reload\"}"
#define CLIENTS 3u

struct reload_fixture {
    struct capture_fixture base;
    struct options options;
    struct requests requests;
    struct reload reload;
    char name[FB_NAME_MAX + 1];
    char path[FB_PATH_MAX];
    int clients[CLIENTS];
    struct caught log;
    char reply[512];
};

static void write_filter(const struct reload_fixture *f, const char *text) {
    FILE *out = fopen(f->path, "we");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int set_up(void **state) {
    struct reload_fixture *f = new_state(state, sizeof *f);
    directory_make(&f->base.directory);
    struct pcap_bytes b = {0};
    snprintf(f->path, sizeof f->path, "%s", save(&f->base, "filter", &b));
    write_filter(f, "ip");
    f->options.filter_file = f->path;
    static const char *files[2];
    files[0] = saved_plain(&f->base, "file", 10, 0);
    struct capture_config config = config_of(files);
    assert_int_equal(capture_open(&f->base.capture, &config), 0);
    snprintf(f->name, sizeof f->name, "test-reload-%ld", (long)getpid());
    reload_init(&f->reload, &f->options, f->base.capture, &f->requests);
    assert_int_equal(
        requests_open(&f->requests, &(struct requests_config){.name = f->name,
                                                              .filter = &f->reload.text,
                                                              .reload = reload_ask,
                                                              .reload_arg = &f->reload}),
        0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct sockaddr_un *address = &f->requests.control.address;
        f->clients[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(f->clients[i], (const struct sockaddr *)address, sizeof *address),
                         0);
    }
    return 0;
}

static int tear_down(void **state) {
    struct reload_fixture *f = *state;
    for (unsigned i = 0; i < CLIENTS; i++)
        close(f->clients[i]);
    requests_close(&f->requests);
    capture_close(f->base.capture);
    reload_fini(&f->reload);
    directory_remove(&f->base.directory);
    free(f);
    return 0;
}

static void ask(struct reload_fixture *f, unsigned client) {
    assert_int_equal(send(f->clients[client], RELOAD, strlen(RELOAD), 0), strlen(RELOAD));
    requests_poll(&f->requests, 1);
}

/* What it was answered; NULL: nothing. */
static const char *reply_of(struct reload_fixture *f, unsigned client) {
    ssize_t n = recv(f->clients[client], f->reply, sizeof f->reply - 1, MSG_DONTWAIT);
    if (n < 0)
        return NULL;
    f->reply[n] = '\0';
    return f->reply;
}

static void poll_until_over(struct reload_fixture *f) {
    do {
        reload_poll(&f->reload);
        usleep(100);
    } while (f->reload.compiles || f->reload.asked);
}

static void expect_reply(struct reload_fixture *f, unsigned client, const char *text) {
    const char *reply = reply_of(f, client);
    assert_non_null(reply);
    assert_string_equal(reply, text);
}

#define NOW(number, filter)                                                                        \
    "{\"ok\":true,\"reload\":" number ",\"filter\":" filter ",\"kept\":null}"

static void who_asks_is_answered_when_the_filter_is_in_force(void **state) {
    struct reload_fixture *f = *state;
    ask(f, 0);
    assert_null(reply_of(f, 0));
    assert_null(f->reload.text); /* the one before, until then */
    catch_begin(&f->log);
    poll_until_over(f);
    expect_one_line(catch_end(&f->log), "reload: the filter is now \"ip\"");
    expect_reply(f, 0, NOW("1", "\"ip\""));
    assert_string_equal(f->reload.text, "ip");
}

static void a_filter_that_is_refused_leaves_the_one_before(void **state) {
    struct reload_fixture *f = *state;
    reload_ask(&f->reload);
    poll_until_over(f);
    write_filter(f, "tcp prot");
    ask(f, 0);
    catch_begin(&f->log);
    poll_until_over(f);
    expect_one_line(catch_end(&f->log), "filter \"tcp prot\" does not fit ");
    assert_non_null(strstr(reply_of(f, 0), "\"ok\":false,\"error\":\"reload: filter \\\"tcp prot"));
    assert_string_equal(f->reload.text, "ip");
    unlink(f->path);
    ask(f, 0);
    catch_begin(&f->log);
    poll_until_over(f);
    expect_one_line(catch_end(&f->log), "cannot read the filter file");
    assert_non_null(strstr(reply_of(f, 0), "cannot read the filter file"));
    assert_string_equal(f->reload.text, "ip");
    assert_int_equal(f->requests.reloads, 1); /* those two are not for the workers to follow */
}

static void a_filter_that_is_from_no_file_stays_and_the_reload_is_done(void **state) {
    struct reload_fixture *f = *state;
    f->options.filter_file = NULL;
    f->options.filter = "tcp";
    f->reload.text = f->options.filter;
    ask(f, 0);
    poll_until_over(f);
    expect_reply(
        f, 0,
        "{\"ok\":true,\"reload\":1,\"filter\":\"tcp\",\"kept\":\"there is no filter to read "
        "again: it is from the command line: -F FILE or --config FILE can be\"}");
    assert_int_equal(f->requests.reloads, 1);
    f->options.filter_file = f->path;
    ask(f, 0);
    poll_until_over(f);
    expect_reply(f, 0, NOW("2", "\"ip\""));
    f->options.filter_file = NULL;
    f->options.filter = NULL;
}

static void who_asks_meanwhile_gets_what_was_read_after_that(void **state) {
    struct reload_fixture *f = *state;
    ask(f, 0);
    reload_poll(&f->reload); /* has begun */
    write_filter(f, "tcp");
    ask(f, 1);
    write_filter(f, "udp");
    ask(f, 2);
    poll_until_over(f);
    expect_reply(f, 0, NOW("1", "\"ip\""));
    expect_reply(f, 1, NOW("2", "\"udp\""));
    expect_reply(f, 2, NOW("2", "\"udp\""));
    assert_string_equal(f->reload.text, "udp");
    assert_int_equal(f->reload.begun, 2);
}

static void a_client_that_leaves_changes_nothing(void **state) {
    struct reload_fixture *f = *state;
    ask(f, 0);
    ask(f, 1);
    reload_poll(&f->reload);
    close(f->clients[0]);
    f->clients[0] = -1;
    requests_poll(&f->requests, 2);
    poll_until_over(f);
    expect_reply(f, 1, NOW("1", "\"ip\""));
}

static void a_run_that_ends_refuses_all_that_were_asked(void **state) {
    struct reload_fixture *f = *state;
    FILE *out = fopen(f->path, "we");
    fputs("host 10.0.0.1", out);
    for (unsigned i = 0; i < 3000; i++)
        fprintf(out, " or host 10.1.%u.%u", i / 250, i % 250);
    fclose(out);
    reload_cancel(&f->reload); /* nothing to refuse */
    ask(f, 0);
    reload_poll(&f->reload);
    ask(f, 1);
    reload_poll(&f->reload);
    assert_null(reply_of(f, 0));
    capture_leave(f->base.capture);
    catch_begin(&f->log);
    reload_cancel(&f->reload);
    reload_cancel(&f->reload);
    expect_one_line(catch_end(&f->log), "the run is ending: the filter stays as it was");
    expect_reply(f, 0, "{\"ok\":false,\"error\":\"reload: the run is ending\"}");
    expect_reply(f, 1, "{\"ok\":false,\"error\":\"reload: the run is ending\"}");
    assert_null(f->reload.text);
    assert_int_equal(f->requests.reloads, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(who_asks_is_answered_when_the_filter_is_in_force),
        TEST(a_filter_that_is_refused_leaves_the_one_before),
        TEST(a_filter_that_is_from_no_file_stays_and_the_reload_is_done),
        TEST(who_asks_meanwhile_gets_what_was_read_after_that),
        TEST(a_client_that_leaves_changes_nothing),
        TEST(a_run_that_ends_refuses_all_that_were_asked),
    };
    fb_log_init("test_reload", FB_LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
