/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/control.c: the socket of a running dispatcher, and clients that misbehave. */
#include "tests/lib/control_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u

/* ---- refusals */

static void
a_request_that_is_no_json_object_with_a_name_is_refused_and_the_client_stays(void **state) {
    struct control_fixture *f = *state;
    static const struct {
        const char *bytes, *error;
    } cases[] = {
        {"stop", "not JSON"},
        {"{\"request\": \"echo\"", "not JSON"},
        {"{\"request\": \"\xff\"}", "not JSON"},
        {"{\"request\": \"a\", \"request\": \"b\"}", "not JSON"},
        {"[\"request\"]", "not a JSON object"},
        {"{}", "no string \"request\""},
        {"{\"request\": 1}", "no string \"request\""},
    };
    int fd = connect_client(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refusal(ask_bytes(f, fd, cases[i].bytes, strlen(cases[i].bytes)), cases[i].error);
    expect_refusal(ask_bytes(f, fd, "{}\0{}", 5), "not JSON");
    assert_int_equal(f->handled, 0);
    expect_echo(f, fd);
    close(fd);
}

static void an_unknown_request_is_refused_by_name(void **state) {
    struct control_fixture *f = *state;
    int fd = connect_client(f);
    const char request[] = "{\"request\": \"fly\"}";
    expect_refusal(ask_bytes(f, fd, request, strlen(request)), "unknown request 'fly'");
    close(fd);
}

static void a_refusal_of_the_handler_reaches_the_client(void **state) {
    struct control_fixture *f = *state;
    int fd = connect_client(f);
    const char request[] = "{\"request\": \"fail\", \"what\": \"worker 9\"}";
    expect_refusal(ask_bytes(f, fd, request, strlen(request)), "cannot fail 'worker 9'");
    close(fd);
}

static void a_request_of_the_greatest_length_is_taken_and_one_byte_more_is_refused(void **state) {
    struct control_fixture *f = *state;
    int fd = connect_client(f);
    char request[CONTROL_REQUEST_BYTES + 1];
    memset(request, ' ', sizeof request);
    const char text[] = "{\"request\": \"echo\", \"value\": 1}";
    memcpy(request, text, strlen(text));
    expect_refusal(ask_bytes(f, fd, request, sizeof request), "4097 bytes: at most 4096");
    json_t *reply = ask_bytes(f, fd, request, CONTROL_REQUEST_BYTES);
    assert_true(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
    close(fd);
}

static void the_idlest_client_is_dropped_for_a_new_one_and_told_so(void **state) {
    struct control_fixture *f = *state;
    int clients[CONTROL_CLIENTS];
    connect_all(f, clients);
    expect_echo(f, clients[0]); /* so 1 is the idlest */
    int extra = connect_client(f);
    expect_echo(f, extra);
    json_t *reply = poll_reply(f, clients[1]);
    assert_true(json_is_true(json_object_get(reply, "dropped")));
    expect_refusal(reply, "16 are connected and this one asked nothing");
    assert_null(poll_reply(f, clients[1]));
    close(clients[1]);
    clients[1] = extra;
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        expect_echo(f, clients[i]);
        close(clients[i]);
    }
}

static void a_client_whose_request_waits_is_not_the_idlest(void **state) {
    struct control_fixture *f = *state;
    int clients[CONTROL_CLIENTS], extra[CONTROL_CLIENTS - 1];
    const char request[] = "{\"request\": \"echo\", \"value\": 1}";
    connect_all(f, clients);
    assert_true(send(clients[0], request, strlen(request), MSG_NOSIGNAL) > 0);
    for (unsigned i = 0; i < CONTROL_CLIENTS - 1; i++)
        extra[i] = connect_client(f);
    json_t *reply = poll_reply(f, clients[0]);
    assert_true(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
    expect_echo(f, clients[0]); /* and it stays */
    for (unsigned i = 0; i < CONTROL_CLIENTS - 1; i++)
        close(extra[i]);
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        close(clients[i]);
}

/* More than are connected, all together; each has its request with it. */
static void any_number_of_new_clients_is_answered(void **state) {
    struct control_fixture *f = *state;
    enum { NEW = 100 };
    int clients[NEW];
    const char request[] = "{\"request\": \"echo\", \"value\": 1}";
    for (unsigned i = 0; i < NEW; i++) {
        clients[i] = connect_client(f);
        assert_true(send(clients[i], request, strlen(request), MSG_NOSIGNAL) > 0);
    }
    for (unsigned i = 0; i < NEW / CONTROL_CLIENTS + 1; i++)
        control_poll(&f->control);
    assert_int_equal(f->handled, NEW);
    for (unsigned i = 0; i < NEW; i++)
        close(clients[i]);
}

static void a_place_is_free_when_a_client_leaves(void **state) {
    struct control_fixture *f = *state;
    int clients[CONTROL_CLIENTS];
    connect_all(f, clients);
    close(clients[3]);
    control_poll(&f->control);
    clients[3] = connect_client(f);
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        expect_echo(f, clients[i]);
        close(clients[i]);
    }
}

static void a_client_that_does_not_read_is_dropped_and_the_others_are_served(void **state) {
    struct control_fixture *f = *state;
    int slow = connect_client(f), other = connect_client(f);
    f->padding = 20000;
    const char request[] = "{\"request\": \"echo\", \"value\": 1}";
    bool dropped = false;
    for (unsigned i = 0; i < 10000 && !dropped; i++) {
        dropped = send(slow, request, strlen(request), MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
        control_poll(&f->control);
    }
    assert_true(dropped);
    expect_echo(f, other);
    close(slow);
    close(other);
}

static void a_reply_that_fits_no_packet_drops_the_client(void **state) {
    struct control_fixture *f = *state;
    int fd = connect_client(f), other = connect_client(f);
    f->padding = 64u << 20;
    const char request[] = "{\"request\": \"echo\", \"value\": 1}";
    assert_null(ask_bytes(f, fd, request, strlen(request)));
    f->padding = 0;
    expect_echo(f, other);
    close(fd);
    close(other);
}

/* A process of another uid that may pass the folder and the socket's mode all the same. */
static int connect_as_other_user(const struct control_fixture *f, int go_on) {
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) != 0 || setuid(NOBODY) != 0)
        return 77;
    int fd = try_connect(f);
    if (fd < 0)
        return 77;
    char text[512] = "";
    if (read(go_on, text, 1) != 1)
        return 1;
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    return n > 0 && strstr(text, "uid 65534 may not control") != NULL &&
                   recv(fd, text, sizeof text, 0) == 0
               ? 0
               : 1;
}

static void another_uid_is_refused(void **state) {
    struct control_fixture *f = *state;
    if (geteuid() != 0) {
        print_message("skip: only root can take another uid\n");
        skip();
    }
    int go_on[2];
    assert_int_equal(pipe2(go_on, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(connect_as_other_user(f, go_on[0]));
    int status = -1;
    assert_int_equal(write(go_on[1], "x", 1), 1);
    for (unsigned i = 0; i < 5000 && waitpid(child, &status, WNOHANG) == 0; i++) {
        control_poll(&f->control);
        usleep(1000);
    }
    close(go_on[0]);
    close(go_on[1]);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skip: the capabilities to pass the folder as another uid are missing\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void something_else_than_a_socket_under_its_name_is_not_removed(void **state) {
    struct control_fixture *f = *state;
    char path[sizeof f->control.address.sun_path];
    snprintf(path, sizeof path, "%s", f->control.address.sun_path);
    control_close(&f->control);
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(control_open(&f->control, f->name, handle_echo, f), -EEXIST);
    control_poll(&f->control);  /* a control that did not open does nothing */
    control_close(&f->control); /* and removes nothing */
    assert_int_equal(unlink(path), 0);
}

static void a_path_longer_than_a_socket_address_is_refused(void **state) {
    struct control_fixture *f = *state;
    if (geteuid() == 0) {
        print_message("skip: root's sockets are in /run, which is always short enough\n");
        skip();
    }
    char old[FB_PATH_MAX], deep[FB_PATH_MAX];
    snprintf(old, sizeof old, "%s", getenv("XDG_RUNTIME_DIR"));
    int n = snprintf(deep, sizeof deep, "%s/%080d", old, 1);
    assert_true(n > 0 && (size_t)n < sizeof deep);
    assert_int_equal(mkdir(deep, 0700), 0);
    setenv("XDG_RUNTIME_DIR", deep, 1);
    struct control control;
    assert_int_equal(control_open(&control, f->name, handle_echo, f), -ENAMETOOLONG);
    setenv("XDG_RUNTIME_DIR", old, 1);
    strncat(deep, "/flow-balancer", sizeof deep - strlen(deep) - 1);
    rmdir(deep);
    *strrchr(deep, '/') = '\0';
    rmdir(deep);
}

/* ---- what it does */

static void the_socket_is_for_its_owner_only(void **state) {
    struct control_fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->control.address.sun_path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    mode_t mask = umask(022);
    umask(mask);
    assert_int_equal(mask, 022); /* the process's own mask is as it was */
}

static void a_socket_that_a_dead_run_left_is_replaced(void **state) {
    struct control_fixture *f = *state;
    close(f->control.listener); /* as kill -9 does: closed, not unlinked */
    assert_int_equal(try_connect(f), -1);
    assert_int_equal(control_open(&f->control, f->name, handle_echo, f), 0);
    int fd = connect_client(f);
    expect_echo(f, fd);
    close(fd);
}

static void one_connection_serves_many_requests(void **state) {
    struct control_fixture *f = *state;
    int fd = connect_client(f);
    for (unsigned i = 0; i < 1000; i++)
        expect_echo(f, fd);
    assert_int_equal(f->handled, 1000);
    close(fd);
}

static void one_poll_answers_at_most_one_request_of_a_client(void **state) {
    struct control_fixture *f = *state;
    int fd = connect_client(f);
    const char request[] = "{\"request\": \"echo\", \"value\": 1}";
    for (unsigned i = 0; i < 3; i++)
        assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
    for (unsigned i = 1; i <= 3; i++) {
        control_poll(&f->control);
        assert_int_equal(f->handled, i);
    }
    close(fd);
}

static void a_client_that_leaves_before_its_reply_does_no_harm(void **state) {
    struct control_fixture *f = *state;
    const char request[] = "{\"request\": \"echo\", \"value\": 1}";
    for (unsigned i = 0; i < 3 * CONTROL_CLIENTS; i++) {
        int fd = connect_client(f);
        assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
        close(fd);
        control_poll(&f->control);
        control_poll(&f->control);
    }
    int fd = connect_client(f);
    expect_echo(f, fd);
    close(fd);
}

static void closing_drops_the_clients_and_unlinks_the_socket(void **state) {
    struct control_fixture *f = *state;
    int fd = connect_client(f);
    expect_echo(f, fd);
    control_close(&f->control);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    assert_int_equal(access(f->control.address.sun_path, F_OK), -1);
    close(fd);
}

/* The control's socket is in folder from now on. */
static void set_path(struct control_fixture *f, const char *folder) {
    struct sockaddr_un *address = &f->control.address;
    snprintf(f->dir, sizeof f->dir, "%s", folder);
    int n = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s.sock", folder, f->name);
    assert_true(n > 0 && (size_t)n < sizeof address->sun_path);
}

static void a_socket_that_was_removed_is_there_again_and_its_clients_stay(void **state) {
    struct control_fixture *f = *state;
    int before = connect_client(f);
    expect_echo(f, before);
    assert_int_equal(unlink(f->control.address.sun_path), 0);
    control_restore(&f->control);
    int after = connect_client(f);
    expect_echo(f, after);
    expect_echo(f, before);
    close(before);
    close(after);
}

static void so_is_its_folder(void **state) {
    struct control_fixture *f = *state;
    char base[] = "/tmp/test-control.XXXXXX", folder[sizeof base + 8];
    assert_non_null(mkdtemp(base));
    snprintf(folder, sizeof folder, "%s/folder", base);
    assert_int_equal(unlink(f->control.address.sun_path), 0);
    set_path(f, folder);
    control_restore(&f->control);
    struct stat st;
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    int fd = connect_client(f);
    expect_echo(f, fd);
    close(fd);
    control_close(&f->control);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(base), 0);
}

static void in_a_folder_that_others_may_write_to_it_is_not(void **state) {
    struct control_fixture *f = *state;
    char folder[] = "/tmp/test-control.XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(unlink(f->control.address.sun_path), 0);
    set_path(f, folder);
    control_restore(&f->control);
    assert_int_equal(rmdir(folder), 0);
}

static void what_has_taken_its_name_is_left_alone(void **state) {
    struct control_fixture *f = *state;
    const char *path = f->control.address.sun_path;
    assert_int_equal(unlink(path), 0);
    struct control other;
    assert_int_equal(control_open(&other, f->name, handle_echo, f), 0);
    control_restore(&f->control);
    control_close(&f->control);
    assert_int_equal(access(path, F_OK), 0);
    control_close(&other);
    assert_int_equal(access(path, F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONTROL_TEST(a_request_that_is_no_json_object_with_a_name_is_refused_and_the_client_stays),
        CONTROL_TEST(an_unknown_request_is_refused_by_name),
        CONTROL_TEST(a_refusal_of_the_handler_reaches_the_client),
        CONTROL_TEST(a_request_of_the_greatest_length_is_taken_and_one_byte_more_is_refused),
        CONTROL_TEST(the_idlest_client_is_dropped_for_a_new_one_and_told_so),
        CONTROL_TEST(a_client_whose_request_waits_is_not_the_idlest),
        CONTROL_TEST(any_number_of_new_clients_is_answered),
        CONTROL_TEST(a_place_is_free_when_a_client_leaves),
        CONTROL_TEST(a_client_that_does_not_read_is_dropped_and_the_others_are_served),
        CONTROL_TEST(a_reply_that_fits_no_packet_drops_the_client),
        CONTROL_TEST(another_uid_is_refused),
        CONTROL_TEST(something_else_than_a_socket_under_its_name_is_not_removed),
        CONTROL_TEST(a_path_longer_than_a_socket_address_is_refused),
        CONTROL_TEST(the_socket_is_for_its_owner_only),
        CONTROL_TEST(a_socket_that_a_dead_run_left_is_replaced),
        CONTROL_TEST(one_connection_serves_many_requests),
        CONTROL_TEST(one_poll_answers_at_most_one_request_of_a_client),
        CONTROL_TEST(a_client_that_leaves_before_its_reply_does_no_harm),
        CONTROL_TEST(closing_drops_the_clients_and_unlinks_the_socket),
        CONTROL_TEST(a_socket_that_was_removed_is_there_again_and_its_clients_stay),
        CONTROL_TEST(so_is_its_folder),
        CONTROL_TEST(in_a_folder_that_others_may_write_to_it_is_not),
        CONTROL_TEST(what_has_taken_its_name_is_left_alone),
    };
    return run_control_tests("test_control", tests, sizeof tests / sizeof *tests);
}
