/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/serve.c with clients over TCP: fast ones, one that never reads, ones that come
 * and go. What they got and what was counted as lost add up to the trace.
 */
#include "tests/lib/doors.h"
#include "tests/lib/life.h"
#include "tests/lib/loopback.h"
#include "tests/lib/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- ports and clients */

/* The first of three ports that are free. */
static unsigned free_port(void) {
    for (unsigned port = 20000 + (unsigned)getpid() % 1000 * 10; port < 32000; port += 10) {
        unsigned free = 0;
        for (unsigned i = 0; i < 3; i++) {
            int fd = loopback_bind(AF_INET, port + i);
            free += fd >= 0;
            if (fd >= 0)
                close(fd);
        }
        if (free == 3)
            return port;
    }
    fail_msg("no port is free");
    return 0;
}

/* A child that connects when it can, and copies what comes to a file until the end, or so many
 * bytes. */
static pid_t start_client(struct test *t, int family, unsigned port, const char *name,
                          size_t most) {
    char path[PROCESS_PATH_MAX];
    snprintf(path, sizeof path, "%s", file_in(t, name));
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    static char bytes[65536];
    int fd;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while ((fd = loopback_connect(family, port, 0)) < 0 && getppid() == parent)
        usleep(2000);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t n;
    while (most != 0 && (n = read(fd, bytes, sizeof bytes)) > 0) {
        if (write(file, bytes, (size_t)n) != n)
            _exit(1);
        most -= (size_t)n < most ? (size_t)n : most;
    }
    _exit(0);
}

static void await_client(pid_t pid) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) /* or it is reaped already */
        ;
}

static struct process *start_serving(struct test *t, const char *address, unsigned port,
                                     const char *wait, const char *options) {
    char inspector[64];
    snprintf(inspector, sizeof inspector, "serve:%s:%u%s", address, port, wait);
    return start_door(t, inspector, options);
}

/* What was sent and lost is what there was. */
static const json_t *expect_added_up(struct test *t) {
    const json_t *report = expect_door_inspected(t);
    assert_int_equal(counter_of(report, "serve.packets") + counter_of(report, "serve.output_lost"),
                     DOOR_PACKETS);
    expect_number(report, "workers.0.hangs", 0);
    expect_number(report, "workers.0.restarts", 0);
    return report;
}

/* ---- with `wait` */

static void two_clients_get_the_whole_trace(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    unsigned port = free_port();
    pid_t clients[2] = {start_client(t, AF_INET, port, "part-0-1", SIZE_MAX),
                        start_client(t, AF_INET, port + 1, "part-1-1", SIZE_MAX)};
    process_expect(t, start_serving(t, "", port, ",wait", "-w 2"), EXIT_DONE);
    await_client(clients[0]);
    await_client(clients[1]);
    const json_t *report = expect_door_inspected(t);
    assert_int_equal(counter_of(report, "serve.packets"), DOOR_PACKETS);
    assert_int_equal(counter_of(report, "serve.output_lost"), 0);
    assert_int_equal(counter_of(report, "serve.clients"), 2);
    expect_passed_whole(t, "", "part");
}

/* Nothing is inspected before there is one, which is no hang. */
static void packets_wait_for_the_first_client(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    unsigned port = free_port();
    struct process *run = start_serving(t, "127.0.0.1", port, ",wait", "-w 1 --hang 0.3");
    UNTIL(t, stat_number(t, t->name, "workers.0.self_output_waits") >= 15);
    assert_int_equal(inspected(t), 0);
    pid_t client = start_client(t, AF_INET, port, "part-0-1", SIZE_MAX);
    process_expect(t, run, EXIT_DONE);
    await_client(client);
    expect_number(expect_door_inspected(t), "workers.0.hangs", 0);
    expect_passed_whole(t, "", "part");
}

/* Whatever there is to drain, for which there would be 30 seconds. */
static void a_run_whose_client_never_comes_is_ended_in_a_hurry(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    for (unsigned way = 0; way < 2; way++) {
        struct process *run = start_serving(t, "", free_port(), ",wait", "-w 2");
        UNTIL(t, stat_number(t, t->name, "workers.1.self_output_waits") >= 5);
        process_signal(run, SIGTERM);
        pause_ms(1200);
        assert_false(process_ended(t, run));
        double hurried_s = seconds_now();
        if (way == 0)
            process_signal(run, SIGTERM);
        else
            process_start(t, "flow-balancer stop --now -n @");
        process_expect(t, run, EXIT_RUNTIME);
        assert_true(seconds_now() - hurried_s < 5);
        expect_said(t, run, "a second signal, or 'stop --now', ended the run");
        const json_t *report = report_of(t, "out.json");
        expect_balanced(report);
        expect_number(report, "ledger.inspected", 0);
        expect_number(report, "workers.0.hangs", 0);
        for (unsigned i = 0; i < t->count; i++)
            process_wait(t, &t->processes[i]);
        processes_forget(t);
    }
}

static void a_client_that_reads_nothing_holds_its_worker(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    unsigned port = free_port();
    struct process *run = start_serving(t, "", port, ",wait", "-w 1 --hang 0.3");
    int fd = -1;
    UNTIL(t, (fd = loopback_connect(AF_INET, port, 4096)) >= 0);
    UNTIL(t, stat_number(t, t->name, "workers.0.self_output_waits") >= 15);
    json_int_t held;
    /* The kernel may still find room in its buffers, and a snapshot is a little old. */
    UNTIL(t, (held = inspected(t), pause_ms(300), inspected(t) == held));
    assert_in_range(held, 1, DOOR_PACKETS - 1);
    close(fd);
    pid_t client = start_client(t, AF_INET, port, "part-0-1", SIZE_MAX);
    process_expect(t, run, EXIT_DONE);
    await_client(client);
    expect_number(expect_door_inspected(t), "workers.0.hangs", 0);
    /* From the packet on that waited when the first one went. */
    size_t got = passed_count(t, "", "part");
    assert_in_range(got, DOOR_PACKETS - (size_t)held - 64, DOOR_PACKETS - (size_t)held + 64);
}

/* ---- without */

static void without_a_client_all_is_lost_and_counted(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    process_expect(t, start_serving(t, "", free_port(), "", "-w 2"), EXIT_DONE);
    const json_t *report = expect_added_up(t);
    assert_int_equal(counter_of(report, "serve.output_lost"), DOOR_PACKETS);
    assert_int_equal(sum_of_workers(report, "self_output_waits"), 0);
}

static void what_a_client_gets_and_what_is_lost_add_up(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    unsigned port = free_port();
    pid_t clients[2] = {start_client(t, AF_INET6, port, "part-0-1", SIZE_MAX),
                        start_client(t, AF_INET6, port + 1, "part-1-1", SIZE_MAX)};
    struct process *run = start_serving(t, "[::1]", port, "", "-w 2 --speed 1");
    process_expect(t, run, EXIT_DONE);
    await_client(clients[0]);
    await_client(clients[1]);
    const json_t *report = expect_added_up(t);
    size_t got = passed_count(t, "", "part");
    assert_int_equal(got, counter_of(report, "serve.packets"));
    assert_in_range(got, DOOR_PACKETS / 2, DOOR_PACKETS);
    expect_said(t, run, "listens on [::1]:");
}

static void a_client_that_reads_nothing_holds_no_one(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    unsigned port = free_port();
    struct process *run =
        start_serving(t, "", port, "", "-w 1 --speed 3 --loop 2 --drain-timeout 0.5");
    int fd = -1;
    UNTIL(t, (fd = loopback_connect(AF_INET, port, 4096)) >= 0);
    process_expect(t, run, EXIT_DONE);
    close(fd);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", 2 * DOOR_PACKETS);
    assert_int_equal(sum_of_workers(report, "self_output_waits"), 0);
    json_int_t lost = counter_of(report, "serve.output_lost");
    assert_in_range(lost, 1000, 2 * DOOR_PACKETS);
    assert_int_equal(lost + counter_of(report, "serve.packets"), 2 * DOOR_PACKETS);
}

static void clients_come_and_go(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    unsigned port = free_port();
    struct process *run = start_serving(t, "", port, "", "-w 1 --speed 1");
    UNTIL(t, inspected(t) >= 100);
    for (unsigned i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "part-0-%u", i);
        await_client(start_client(t, AF_INET, port, name, 100000));
    }
    process_expect(t, run, EXIT_DONE);
    const json_t *report = expect_added_up(t);
    assert_int_equal(counter_of(report, "serve.clients"), 5);
    struct passed parts;
    passed_read(&parts, t, "", "part");
    assert_int_equal(parts.files, 5); /* each with a header of its own */
    assert_in_range(parts.records.count, 5 * 100, counter_of(report, "serve.packets"));
    passed_free(&parts);
}

/* ---- what is said */

static void a_port_that_is_taken_is_one_line_and_the_run_ends(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    unsigned port = free_port();
    int fd = loopback_bind(AF_INET, port);
    assert_int_equal(listen(fd, 1), 0);
    struct process *worker =
        process_start(t, "flow-worker --read t.pcap --inspector serve:127.0.0.1:%u", port);
    process_expect(t, worker, EXIT_RUNTIME);
    expect_one_line_with(t, worker, "Address already in use");
    close(fd);
    worker = process_start(t, "flow-worker --read t.pcap --inspector serve:192.0.2.1:%u", port);
    process_expect(t, worker, EXIT_RUNTIME);
    expect_one_line_with(t, worker, "cannot listen on 192.0.2.1:");
    worker = process_start(t, "flow-worker --check --inspector serve:x:5");
    process_expect(t, worker, EXIT_WRONG_USAGE);
    expect_one_line_with(t, worker, "--inspector serve:x:5: ADDR is no IPv4 address");
    processes_forget(t);
    struct process *run = start_door(t, "serve::65535", "-w 2 --failover 0");
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "worker 1: inspector serve: there is no port for worker 1");
}

static void tshark_reads_what_is_served(void **state) {
    struct test *t = *state;
    if (system("command -v tshark >/dev/null") != 0)
        SKIP("tshark is not installed");
    make_door_trace(t);
    unsigned port = free_port();
    struct process *run = start_serving(t, "", port, ",wait", "-w 1");
    UNTIL(t, stat_number(t, t->name, "workers.0.self_output_waits") >= 3);
    char command[128];
    snprintf(command, sizeof command, "exec tshark -i TCP@127.0.0.1:%u -w - -q >part-0-1.pcap",
             port);
    struct process *tshark =
        process_start_words(t, (const char *const[]){"/bin/sh", "-c", command, NULL});
    process_expect(t, run, EXIT_DONE);
    process_expect(t, tshark, EXIT_DONE);
    expect_door_inspected(t);
    expect_passed_whole(t, "", "part");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(two_clients_get_the_whole_trace),
        PROCESS_TEST(packets_wait_for_the_first_client),
        PROCESS_TEST(a_run_whose_client_never_comes_is_ended_in_a_hurry),
        PROCESS_TEST(a_client_that_reads_nothing_holds_its_worker),
        PROCESS_TEST(without_a_client_all_is_lost_and_counted),
        PROCESS_TEST(what_a_client_gets_and_what_is_lost_add_up),
        PROCESS_TEST(a_client_that_reads_nothing_holds_no_one),
        PROCESS_TEST(clients_come_and_go),
        PROCESS_TEST(a_port_that_is_taken_is_one_line_and_the_run_ends),
        PROCESS_TEST(tshark_reads_what_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
