/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_CONTROL_FIXTURE_H
#define TESTS_LIB_CONTROL_FIXTURE_H

/* A control socket with a handler that echoes, and clients of it. */

#include <jansson.h>

#include "dispatcher/run/control.h"
#include "flow_balancer/names.h"
#include "tests/lib/unit.h"

/* Real sockets. For root they are in /run, for others in a folder of the test's own. */
struct control_fixture {
    struct control control;
    char name[FB_NAME_MAX + 1];
    char dir[FB_PATH_MAX];
    unsigned handled;
    size_t padding; /* bytes of text in each reply */
};

/* Of the requests echo, fail and wait; arg: the fixture. */
json_t *handle_echo(void *arg, const char *request_name, const json_t *request);

int control_fixture_set_up(void **state);
int control_fixture_tear_down(void **state);
#define CONTROL_TEST(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, control_fixture_set_up, control_fixture_tear_down)

/* Runs the tests with a run-time directory of their own, where it is not root's. */
int run_control_tests(const char *name, const struct CMUnitTest *tests, size_t count);

/* A connection; -1 if there is none, or the test fails. */
int try_connect(const struct control_fixture *f);
int connect_client(const struct control_fixture *f);
/* As many as are connected at the same time, each of which has been served. */
void connect_all(struct control_fixture *f, int clients[CONTROL_CLIENTS]);

/* Polls once and returns what the client finds then; NULL if it has been dropped. */
json_t *poll_reply(struct control_fixture *f, int fd);
/* The same, after a request. */
json_t *ask_bytes(struct control_fixture *f, int fd, const void *bytes, size_t size);

/* Takes a reply that must be a refusal with this in its text. */
void expect_refusal(json_t *reply, const char *part);
/* Asks for an echo and gets it. */
void expect_echo(struct control_fixture *f, int fd);

#endif
