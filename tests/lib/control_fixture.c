/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/control_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

#define REPLY_MAX (1u << 20)

json_t *handle_echo(void *arg, const char *request_name, const json_t *request) {
    struct control_fixture *f = arg;
    if (strcmp(request_name, "fail") == 0)
        return control_refusal("cannot %s '%s'", request_name,
                               json_string_value(json_object_get(request, "what")));
    if (strcmp(request_name, "wait") == 0)
        return control_later((uint64_t)json_integer_value(json_object_get(request, "ticket")));
    if (strcmp(request_name, "echo") != 0)
        return NULL;
    f->handled++;
    char *padding = malloc(f->padding + 1);
    assert_non_null(padding);
    memset(padding, 'x', f->padding);
    padding[f->padding] = '\0';
    json_t *reply = json_pack("{s:b, s:O, s:s}", "ok", 1, "value",
                              json_object_get(request, "value"), "padding", padding);
    free(padding);
    return reply;
}

int control_fixture_set_up(void **state) {
    struct control_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->name, sizeof f->name, "test-control-%ld", (long)getpid());
    *state = f;
    return fb_runtime_dir(f->dir, true) != 0 ||
           control_open(&f->control, f->name, handle_echo, f) != 0;
}

int control_fixture_tear_down(void **state) {
    struct control_fixture *f = *state;
    control_close(&f->control);
    free(f);
    return 0;
}

int try_connect(const struct control_fixture *f) {
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s.sock", f->dir, f->name);
    assert_true(fd >= 0 && n > 0 && (size_t)n < sizeof address.sun_path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

int connect_client(const struct control_fixture *f) {
    int fd = try_connect(f);
    assert_true(fd >= 0);
    return fd;
}

json_t *poll_reply(struct control_fixture *f, int fd) {
    static char text[REPLY_MAX];
    control_poll(&f->control);
    ssize_t n = recv(fd, text, sizeof text, MSG_DONTWAIT);
    if (n <= 0) {
        assert_true(n == 0 || errno == ECONNRESET);
        return NULL;
    }
    json_t *reply = json_loadb(text, (size_t)n, 0, NULL);
    assert_non_null(reply);
    return reply;
}

json_t *ask_bytes(struct control_fixture *f, int fd, const void *bytes, size_t size) {
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
    return poll_reply(f, fd);
}

void expect_refusal(json_t *reply, const char *part) {
    assert_non_null(reply);
    assert_true(json_is_false(json_object_get(reply, "ok")));
    const char *error = json_string_value(json_object_get(reply, "error"));
    assert_non_null(error);
    if (strstr(error, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error);
    json_decref(reply);
}

void expect_echo(struct control_fixture *f, int fd) {
    const char request[] = "{\"request\": \"echo\", \"value\": 42}";
    json_t *reply = ask_bytes(f, fd, request, strlen(request));
    assert_non_null(reply);
    assert_true(json_is_true(json_object_get(reply, "ok")));
    assert_int_equal(json_integer_value(json_object_get(reply, "value")), 42);
    json_decref(reply);
}

void connect_all(struct control_fixture *f, int clients[CONTROL_CLIENTS]) {
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        clients[i] = connect_client(f);
        control_poll(&f->control);
    }
}

int run_control_tests(const char *name, const struct CMUnitTest *tests, size_t count) {
    char dir[64], inner[96];
    fb_log_init(name, FB_LOG_ERROR);
    umask(022);
    snprintf(dir, sizeof dir, "/tmp/%s.XXXXXX", name);
    if (mkdtemp(dir) == NULL || setenv("XDG_RUNTIME_DIR", dir, 1) != 0)
        return 1;
    int failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    snprintf(inner, sizeof inner, "%s/flow-balancer", dir);
    rmdir(inner);
    rmdir(dir);
    return failed;
}
