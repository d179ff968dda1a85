/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs on interfaces, in a network namespace that this program makes for itself
 * and that goes with it: loopback and tap devices. Skipped where that is not
 * permitted.
 */
#include "tests/lib/interface.h"
#include "tests/lib/netns.h"
#include "tests/lib/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static json_int_t received(struct test *t) {
    return stat_number(t, t->name, "ledger.received");
}

static bool is_running(struct test *t) {
    const json_t *report = stat_of(t, t->name);
    return report != NULL && strcmp(text_at(report, "dispatcher.state"), "running") == 0;
}

static bool interface_is(struct test *t, unsigned i, const char *wanted) {
    char path[64];
    const json_t *report = stat_of(t, t->name);
    snprintf(path, sizeof path, "capture.interfaces.%u.state", i);
    return report != NULL && strcmp(text_at(report, path), wanted) == 0;
}

static bool has_said(struct test *t, const struct process *p, const char *part) {
    return strstr(process_errors(t, p), part) != NULL;
}

static bool passes(struct test *t, uint16_t port) {
    json_int_t before = received(t);
    send_datagram(port);
    json_int_t after = before;
    for (unsigned waits = 0; waits < 20 && after == before; waits++) {
        pause_ms(10); /* the snapshot is of every 100 ms */
        after = received(t);
    }
    return after != before;
}

/*
 * Sends one that the filter is to pass over, and behind it one that it is to
 * take; returns when as many are counted as were to be taken so far. One that
 * came wrongly shows then, or in the report.
 */
static void expect_taken(struct test *t, json_int_t *taken, uint16_t port, uint16_t other_port) {
    send_datagram(other_port);
    send_datagram(port);
    ++*taken;
    UNTIL(t, received(t) == *taken);
}

/* Of loopback the kernel counts each frame twice, going out and coming in, and libpcap gives one.
 */
static void expect_ledger(const json_t *report) {
    assert_true(json_is_true(value_at(report, "ledger.balanced")));
    expect_number(report, "ledger.inspected", number_at(report, "ledger.received"));
}

#define RUN "flow-balancer run -n @ -w 1 --report out.json "

/* ---- interfaces that come and go */

static void an_interface_that_goes_down_goes_on_when_it_is_up(void **state) {
    struct test *t = *state;
    need_own_network();
    int tap = open_tap("tap0");
    struct process *run = process_start(t, RUN "-i lo -i tap0 --bpf udp");
    UNTIL(t, is_running(t) && interface_is(t, 1, "up"));
    set_interface_up("tap0", false);
    UNTIL(t, interface_is(t, 1, "down") &&
                 has_said(t, run, "warning: interface tap0 is down: the capture waits for it"));
    set_interface_up("tap0", true);
    UNTIL(t, interface_is(t, 1, "up"));
    UNTIL(t, passes(t, 4444));
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "info: interface tap0 is up again");
    expect_ledger(report_of(t, "out.json"));
    close(tap);
}

static void an_interface_without_link_that_is_shut_down_says_what_to_fix_each_time(void **state) {
    struct test *t = *state;
    need_own_network();
    int tap = open_tap("tap3");
    if (ioctl(tap, TUNSETCARRIER, &(int){1}) != 0) {
        print_message("no tap device whose link can be lost (%s): skipped\n", strerror(errno));
        skip();
    }
    struct process *run = process_start(t, RUN "-i tap3 --bpf udp");
    UNTIL(t, is_running(t) && interface_is(t, 0, "up"));
    assert_int_equal(ioctl(tap, TUNSETCARRIER, &(int){0}), 0);
    UNTIL(t, has_said(t, run, "warning: interface tap3 has no link: the capture waits for it"));
    set_interface_up("tap3", false);
    UNTIL(t, has_said(t, run, "warning: interface tap3 is down: the capture waits for it"));
    assert_int_equal(ioctl(tap, TUNSETCARRIER, &(int){1}), 0);
    set_interface_up("tap3", true);
    UNTIL(t, has_said(t, run, "info: interface tap3 is up again"));
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    close(tap);
}

static void an_interface_that_is_gone_is_status_1_once_the_run_ends(void **state) {
    struct test *t = *state;
    need_own_network();
    int tap = open_tap("tap1");
    struct process *run = process_start(t, RUN "-i tap1 -i lo --bpf udp --merge-window 1000");
    UNTIL(t, is_running(t));
    close(tap);
    UNTIL(t, interface_is(t, 0, "gone"));
    UNTIL(t, passes(t, 4444));
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "going on without it, with 1 of 2");
    const json_t *report = report_of(t, "out.json");
    expect_ledger(report);
    assert_string_equal(text_at(report, "capture.interfaces.1.state"), "up");
    assert_true(number_at(report, "capture.interfaces.1.received") > 0);
}

static void the_last_interface_that_is_gone_ends_the_run_in_order(void **state) {
    struct test *t = *state;
    need_own_network();
    int tap = open_tap("tap2");
    struct process *run = process_start(t, RUN "-i tap2 --bpf udp");
    UNTIL(t, is_running(t));
    close(tap);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "no interface is left, so the run ends");
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, number_at(report, "ledger.received"));
}

/* ---- the filter is read again */

static void write_text(struct test *t, const char *name, const char *text) {
    FILE *file = fopen(file_in(t, name), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void stop(struct test *t, struct process *run) {
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    expect_ledger(report_of(t, "out.json"));
}

/* As under a service manager: on a terminal the signal means that it has gone. */
static void leave_terminal(const struct test *t) {
    (void)t;
    setsid();
}

static void a_signal_to_the_supervisor_or_the_dispatcher_reads_the_filter_again(void **state) {
    struct test *t = *state;
    need_own_network();
    t->enter = leave_terminal;
    write_text(t, "filter", "udp dst port 4444\n");
    struct process *run = process_start(t, RUN "-i lo -F filter");
    json_int_t taken = 0;
    UNTIL(t, is_running(t));
    expect_taken(t, &taken, 4444, 5555);
    write_text(t, "filter", "udp dst port 5555 # as of today\n");
    process_signal(run, SIGHUP);
    UNTIL(t, has_said(t, run, "reload: the filter is now \"udp dst port 5555"));
    expect_taken(t, &taken, 5555, 4444);
    write_text(t, "filter", "udp dst prt\n");
    kill(process_of_dispatcher(t->name), SIGHUP);
    UNTIL(t, has_said(t, run, "filter \"udp dst prt \" does not fit lo: "));
    expect_taken(t, &taken, 5555, 4444);
    stop(t, run);
    expect_number(t->report, "ledger.received", taken);
}

static void a_request_reads_it_again_and_tells_how_it_went(void **state) {
    struct test *t = *state;
    need_own_network();
    write_text(t, "run.conf", "interface = lo\nbpf = udp dst port 4444\n");
    struct process *run = process_start(t, RUN "--config run.conf");
    UNTIL(t, is_running(t) && passes(t, 4444));
    write_text(t, "run.conf", "interface = lo\nfilter-file = missing\n");
    struct process *reload = process_start(t, "flow-balancer reload -n @");
    process_expect(t, reload, EXIT_RUNTIME);
    expect_one_line_with(t, reload, "'missing': cannot read the filter file: No such file");
    UNTIL(t, passes(t, 4444));
    write_text(t, "run.conf", "interface = lo\n");
    reload = process_start(t, "flow-balancer reload -n @");
    process_expect(t, reload, EXIT_DONE);
    assert_non_null(strstr(process_output(t, reload), "has no filter now: every frame is taken"));
    UNTIL(t, passes(t, 5555));
    stop(t, run);
}

static void a_filter_of_the_command_line_cannot_be_read_again(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 1000 --flows 10"), EXIT_DONE);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap --loop 1000000 -w 1 --bpf tcp "
                         "--timeout all=never --report out.json");
    struct process *worker = process_start(t, "flow-worker -n @");
    UNTIL(t, received(t) > 1000);
    process_signal(dispatcher, SIGHUP);
    UNTIL(t, has_said(t, dispatcher,
                      "warning: there is no filter to read again: it is from the command"));
    struct process *reload = process_start(t, "flow-balancer reload -n @");
    process_expect(t, reload, EXIT_RUNTIME);
    expect_one_line_with(t, reload, "there is no filter to read again");
    assert_non_null(strstr(process_output(t, reload), "has no supervisor: its workers were not"));
    stop(t, dispatcher);
    process_expect(t, worker, EXIT_DONE);
}

static void files_get_the_new_filter_from_the_next_frame_on(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 1000 --flows 10"), EXIT_DONE);
    write_text(t, "filter", "ip or ip6");
    struct process *run =
        process_start(t, RUN "-r t.pcap --loop 1000000 -F filter --timeout all=never");
    UNTIL(t, received(t) > 1000);
    write_text(t, "filter", "ip proto 200");
    process_run(t, "flow-balancer reload -n @"); /* the run may end before all have answered */
    process_expect(t, run, EXIT_DONE); /* nothing passes in a whole loop, nor would in the next */
    expect_ledger(report_of(t, "out.json"));
}

/* A pipe that no one reads yet stands for any reader of the report that takes its time. */
static void a_signal_while_the_report_is_written_does_no_harm(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10 --flows 1"), EXIT_DONE);
    assert_int_equal(mkfifo(file_in(t, "fifo"), 0600), 0);
    struct process *run = process_start(t, "flow-dispatcher -n @ -r t.pcap -w 1 --report fifo");
    process_start(t, "flow-worker -n @ --inspector count");
    UNTIL(t, strstr(process_output(t, run), "ledger: BALANCED") != NULL);
    for (unsigned i = 0; i < 10; i++) { /* one finds it waiting */
        pause_ms(10);
        process_signal(run, SIGHUP);
    }
    assert_false(has_said(t, run, "cannot write the report"));
    expect_ledger_balanced(report_of(t, "fifo"));
    process_expect(t, run, EXIT_DONE);
}

/* ---- time goes on while a ring is full */

static void flows_time_out_while_a_full_ring_is_waited_for(void **state) {
    struct test *t = *state;
    need_own_network();
    struct process *run = process_start(
        t, RUN "-i lo -Q in --bpf udp --on-full block --ring-depth 4 --hang never --timeout all=1");
    UNTIL(t, is_running(t));
    for (uint16_t port = 5000; port < 5003; port++)
        send_datagram(port);
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") >= 3);
    pid_t worker = process_of_worker(t->name, 0);
    kill(worker, SIGSTOP);
    json_int_t ended = stat_number(t, t->name, "flows.ended.timed_out");
    json_int_t alive = stat_number(t, t->name, "flows.active");
    for (unsigned i = 0; i < 40; i++) /* of one more flow, or a few: from ports as they come */
        send_datagram(6000);
    UNTIL(t, stat_number(t, t->name, "workers.0.backlog") >= 4);
    UNTIL(t, stat_number(t, t->name, "flows.ended.timed_out") >= ended + alive);
    kill(worker, SIGCONT);
    stop(t, run);
}

static void an_interface_under_two_names_is_refused(void **state) {
    struct test *t = *state;
    need_own_network();
    if (netns_run("ip link property add dev lo altname lo-again", true) != 0)
        SKIP("no other name can be given to lo: it takes iproute2");
    struct process *p = process_start(t, "flow-dispatcher -n @ -i lo -i lo-again");
    process_expect(t, p, EXIT_RUNTIME);
    expect_one_line_with(t, p, "lo and lo-again are two names of one interface");
    netns_run("ip link property del dev lo altname lo-again", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(an_interface_that_goes_down_goes_on_when_it_is_up),
        PROCESS_TEST(an_interface_without_link_that_is_shut_down_says_what_to_fix_each_time),
        PROCESS_TEST(an_interface_that_is_gone_is_status_1_once_the_run_ends),
        PROCESS_TEST(the_last_interface_that_is_gone_ends_the_run_in_order),
        PROCESS_TEST(a_signal_to_the_supervisor_or_the_dispatcher_reads_the_filter_again),
        PROCESS_TEST(a_request_reads_it_again_and_tells_how_it_went),
        PROCESS_TEST(a_filter_of_the_command_line_cannot_be_read_again),
        PROCESS_TEST(files_get_the_new_filter_from_the_next_frame_on),
        PROCESS_TEST(a_signal_while_the_report_is_written_does_no_harm),
        PROCESS_TEST(an_interface_under_two_names_is_refused),
        PROCESS_TEST(flows_time_out_while_a_full_ring_is_waited_for),
    };
    return cmocka_run_group_tests(tests, enter_own_network, NULL);
}
