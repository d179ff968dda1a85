/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: where it is, and when connections that ask nothing hold it. */
#include "tests/lib/life.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FEW 16u    /* as many as are connected at the same time */
#define MANY 1000u /* connections, of which each was taken and all but the last few are dropped */

static int connect_idle(const struct test *t) {
    char folder[FB_PATH_MAX];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_int_equal(fb_runtime_dir(folder, false), 0);
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s.sock", folder, t->name);
    assert_true(n > 0 && (size_t)n < sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void allow_files(rlim_t files) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= files)
        return;
    limit.rlim_cur = files;
    if (limit.rlim_max < files)
        limit.rlim_max = files;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        SKIP("this process may not open %u files", MANY);
}

/* Ends a run that has a hanging worker, while so many connections are held. */
static void run_among(struct test *t, unsigned connections) {
    static int idle[MANY];
    process_expect(t, process_start(t, "tracegen -o t.pcap --packets 5000 --flows 100"), EXIT_DONE);
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap --loop 1000000 -w 2 "
                                           "--ring-depth 500 --hang 0.5 --report out.json");
    pid_t stopped = 0;
    UNTIL(t, inspected(t) >= 1000 && (stopped = ready_pid(t, 1)) != 0);
    for (unsigned i = 0; i < connections; i++)
        idle[i] = connect_idle(t);
    assert_int_equal(kill(stopped, SIGSTOP), 0);
    UNTIL(t, is_back(t, 1, stopped));
    assert_int_not_equal(kill(stopped, 0), 0);
    process_expect(t, process_start(t, "flow-balancer restart 0 -n @"), EXIT_DONE);
    process_expect(t, process_start(t, "flow-balancer stop -n @"), EXIT_DONE);
    process_expect(t, run, EXIT_DONE);
    for (unsigned i = 0; i < connections; i++)
        close(idle[i]);
    expect_balanced(report_of(t, "out.json"));
}

static void sixteen_idle_connections_keep_no_request_out(void **state) {
    run_among(*state, FEW);
}

static void a_thousand_idle_connections_keep_no_request_out(void **state) {
    allow_files(MANY + 200);
    run_among(*state, MANY);
}

static void it_is_in_the_directory_that_is_told(void **state) {
    struct test *t = *state;
    struct process *run = process_start_piped(
        t, "flow-balancer run -n @ -r - -w 1 --inspector count --runtime-dir %s", t->directory);
    UNTIL(t, ready_pid(t, 0) != 0);
    char socket[128];
    snprintf(socket, sizeof socket, "flow-balancer/%s.sock", t->name);
    assert_int_equal(access(file_in(t, socket), F_OK), 0);
    assert_int_equal(process_run(t, "flow-balancer add -n @"), EXIT_RUNTIME);
    assert_int_equal(process_run(t, "flow-balancer add -n @ --runtime-dir %s", t->directory),
                     EXIT_DONE);
    assert_int_equal(process_run(t, "flow-balancer stop -n @ --runtime-dir %s", t->directory),
                     EXIT_DONE);
    process_expect(t, run, EXIT_DONE);
    assert_int_not_equal(access(file_in(t, socket), F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(it_is_in_the_directory_that_is_told),
        PROCESS_TEST(sixteen_idle_connections_keep_no_request_out),
        PROCESS_TEST(a_thousand_idle_connections_keep_no_request_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
