/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/control.c: replies that come later. */
#include "tests/lib/control_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* It asks, and has no reply. */
static void ask_later(struct control_fixture *f, int fd, unsigned ticket) {
    char text[64];
    snprintf(text, sizeof text, "{\"request\": \"wait\", \"ticket\": %u}", ticket);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    control_poll(&f->control);
    assert_int_equal(recv(fd, text, sizeof text, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void answer_ticket(struct control_fixture *f, unsigned ticket) {
    control_answer(&f->control, ticket, json_pack("{s:b, s:i}", "ok", 1, "ticket", (int)ticket));
}

static void expect_ticket(struct control_fixture *f, int fd, unsigned ticket) {
    json_t *reply = poll_reply(f, fd);
    assert_int_equal(json_integer_value(json_object_get(reply, "ticket")), ticket);
    json_decref(reply);
}

static void a_later_reply_is_for_all_who_wait_for_it_and_for_no_other(void **state) {
    struct control_fixture *f = *state;
    int one = connect_client(f), other = connect_client(f), second = connect_client(f);
    int between = connect_client(f);
    ask_later(f, one, 1);
    ask_later(f, other, 1);
    ask_later(f, second, 2);
    expect_echo(f, between); /* others are served meanwhile */
    answer_ticket(f, 1);
    expect_ticket(f, one, 1);
    expect_ticket(f, other, 1);
    answer_ticket(f, 1); /* no client waits any more */
    answer_ticket(f, 2);
    expect_ticket(f, second, 2);
    expect_echo(f, one);
    close(one);
    close(other);
    close(second);
    close(between);
}

static void a_client_that_waits_is_asked_for_nothing_else_before(void **state) {
    struct control_fixture *f = *state;
    const char request[] = "{\"request\": \"echo\", \"value\": 1}";
    int fd = connect_client(f);
    ask_later(f, fd, 7);
    assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
    control_poll(&f->control);
    assert_int_equal(f->handled, 0);
    answer_ticket(f, 7);
    expect_ticket(f, fd, 7); /* and the poll has answered the next one */
    assert_int_equal(f->handled, 1);
    close(fd);
}

static void who_leaves_while_it_waits_leaves_its_place(void **state) {
    struct control_fixture *f = *state;
    for (unsigned i = 0; i < 3 * CONTROL_CLIENTS; i++) {
        int fd = connect_client(f);
        ask_later(f, fd, 1);
        close(fd);
    }
    control_poll(&f->control);
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        assert_int_equal(f->control.clients[i].fd, -1);
    answer_ticket(f, 1);
    int fd = connect_client(f);
    ask_later(f, fd, 2);
    close(fd);
    answer_ticket(f, 2); /* before it is seen to have left */
    control_poll(&f->control);
    fd = connect_client(f);
    expect_echo(f, fd);
    close(fd);
}

static void who_waits_is_idle_only_if_all_do(void **state) {
    struct control_fixture *f = *state;
    int clients[CONTROL_CLIENTS];
    connect_all(f, clients);
    for (unsigned i = 0; i < CONTROL_CLIENTS - 1; i++)
        ask_later(f, clients[i], 1);
    int extra = connect_client(f); /* takes the place of the one that does not wait */
    expect_echo(f, extra);
    expect_refusal(poll_reply(f, clients[CONTROL_CLIENTS - 1]), "dropped for another client");
    ask_later(f, extra, 1);
    close(clients[CONTROL_CLIENTS - 1]);
    clients[CONTROL_CLIENTS - 1] = connect_client(f); /* all others wait */
    expect_echo(f, clients[CONTROL_CLIENTS - 1]);
    expect_refusal(poll_reply(f, clients[0]), "dropped for another client");
    answer_ticket(f, 1);
    expect_ticket(f, clients[1], 1);
    expect_ticket(f, extra, 1);
    close(extra);
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        close(clients[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONTROL_TEST(a_later_reply_is_for_all_who_wait_for_it_and_for_no_other),
        CONTROL_TEST(a_client_that_waits_is_asked_for_nothing_else_before),
        CONTROL_TEST(who_leaves_while_it_waits_leaves_its_place),
        CONTROL_TEST(who_waits_is_idle_only_if_all_do),
    };
    return run_control_tests("test_control_later", tests, sizeof tests / sizeof *tests);
}
