/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter of a live run is read again, and libpcap needs long to compile it: frames are
 * taken, workers are served and restarted, and the run can be stopped meanwhile.
 */
#include "tests/lib/live.h"

#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SECONDS_OF_HOSTS 300u /* libpcap needs seconds */
#define MINUTES_OF_HOSTS 2000u
#define OTHERS 100u /* frames that no filter of the test takes */

/* A filter of so many hosts; the first of them is the receiver of all that is paced. */
static void write_hosts(struct test *t, unsigned count) {
    FILE *file = fopen(file_in(t, "filter"), "we");
    assert_non_null(file);
    fputs("host 10.0.0.2", file);
    for (unsigned i = 1; i < count; i++)
        fprintf(file, " or host 10.%u.%u.7", 1 + i / 200, i % 200);
    fclose(file);
}

static void write_filter(struct test *t, const char *text) {
    FILE *file = fopen(file_in(t, "filter"), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void await_arrived(struct test *t, json_int_t more) {
    json_int_t before = arrived_at("tap");
    UNTIL(t, arrived_at("tap") >= before + more);
}

static unsigned threads_of(pid_t pid) {
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    while (tasks != NULL && readdir(tasks) != NULL)
        count++;
    if (tasks != NULL)
        closedir(tasks);
    return count < 2 ? 0 : count - 2; /* . and .. */
}

static struct process *start_reload(struct test *t) {
    return process_start(t, "flow-balancer reload -n @");
}

static void expect_reloaded(struct test *t, const char *filter) {
    char said[128];
    struct process *reload = start_reload(t);
    process_expect(t, reload, EXIT_DONE);
    snprintf(said, sizeof said, "the filter of '%s' is now \"%s", t->name, filter);
    assert_non_null(strstr(process_output(t, reload), said));
}

/* Of a protocol that none of the filters names. */
static void send_others(void) {
    const char frame[60] = "\x02\0\0\0\0\x0b\x02\0\0\0\0\x0a\x88\xb5";
    int sender = netns_sender("sender");
    for (unsigned i = 0; i < OTHERS; i++)
        netns_send(sender, frame, sizeof frame);
    close(sender);
}

/* Nothing more is received, though frames come. */
static void expect_nothing_received(struct test *t) {
    await_snapshots(t, 2);
    json_int_t before = stat_number(t, t->name, "capture.received");
    await_arrived(t, 4000);
    await_snapshots(t, 2);
    assert_int_equal(stat_number(t, t->name, "capture.received"), before);
}

static void three_hundred_hosts_under_20000_frames_lose_none(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    write_filter(t, "udp");
    start_live(t, &live, 2, "count", "-i tap -F filter");
    await_running(t);
    pid_t sender = netns_pace("sender", 20000, 650);
    await_arrived(t, 5000);
    write_hosts(t, SECONDS_OF_HOSTS);
    expect_reloaded(t, "host 10.0.0.2 or host 10.1.1.7 or ");
    send_others();
    await_arrived(t, 5000);
    bool kept = netns_stop_pace(sender);
    json_int_t wanted = arrived_at("tap") - OTHERS;
    if (kept)
        await_accounted(t, wanted);
    sender = netns_pace("sender", 20000, 650);
    write_filter(t, "tcp");
    expect_reloaded(t, "tcp");
    expect_nothing_received(t);
    netns_stop_pace(sender);
    const json_t *report = end_live(t, &live);
    const char *log = process_errors(t, live.dispatcher);
    assert_null(strstr(log, "revoked"));
    if (!kept)
        SKIP("the sender did not keep its pace: nothing to be judged");
    assert_string_equal(log, "");
    assert_int_equal(sum_of_workers(report, "restarts"), 0);
    expect_number(report, "capture.kernel_drops", 0);
    expect_number(report, "capture.interface_drops", 0);
    expect_all_inspected(report, number_at(report, "capture.received"));
}

/* A client of the dispatcher that has asked for a reload. */
static int ask_reload(struct test *t) {
    const char request[] = "{\"request\": \"reload\"}";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[FB_PATH_MAX];
    int client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(fb_runtime_dir(folder, false), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.60s/%.40s.sock", folder, t->name);
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(client, request, strlen(request), 0), strlen(request));
    return client;
}

static void while_a_filter_is_compiled_workers_are_restarted_and_the_run_is_stopped(void **state) {
    struct test *t = *state;
    char reply[256] = "";
    make_line();
    write_filter(t, "udp");
    struct process *run = process_start(
        t, "flow-balancer run -n @ -w 2 -i tap -F filter --inspector count --report out.json");
    await_running(t);
    UNTIL(t, worker_is(t, t->name, 0, "ready") && worker_is(t, t->name, 1, "ready"));
    pid_t dispatcher = process_of_dispatcher(t->name), worker = process_of_worker(t->name, 1);
    write_hosts(t, MINUTES_OF_HOSTS);
    int leaves = ask_reload(t);
    UNTIL(t, threads_of(dispatcher) == 2);
    close(leaves);
    int waits = ask_reload(t);
    process_expect(t, process_start(t, "flow-balancer restart 1 -n @"), EXIT_DONE);
    assert_int_not_equal(process_of_worker(t->name, 1), worker);
    assert_int_equal(threads_of(dispatcher), 2);
    assert_int_equal(recv(waits, reply, sizeof reply, MSG_DONTWAIT), -1);
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    assert_true(recv(waits, reply, sizeof reply - 1, 0) > 0);
    assert_string_equal(reply, "{\"ok\":false,\"error\":\"reload: the run is ending\"}");
    close(waits);
    expect_said(t, run, "reload: the run is ending: the filter stays as it was");
    expect_balanced(report_of(t, "out.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(three_hundred_hosts_under_20000_frames_lose_none),
        PROCESS_TEST(while_a_filter_is_compiled_workers_are_restarted_and_the_run_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
