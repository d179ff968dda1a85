/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/run.c on an interface: a burst waits for room, and the time of its flows goes on.
 */
#include "tests/lib/life.h"
#include "tests/lib/netns.h"

#include <signal.h>

#define BURST_MOST 64 /* frames that are taken together */

static void flows_time_out_while_a_burst_waits(void **state) {
    struct test *t = *state;
    netns_enter();
    netns_veth("sender", "tap");
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 2000 --flows 500"), EXIT_DONE);
    struct process *dispatcher = process_start(
        t, "flow-dispatcher -n @ -i tap -w 1 --on-full block --ring-depth 512 --hang 600 "
           "--timeout all=1 --drain-timeout 1 --log-level warning");
    struct process *worker =
        process_start(t, "flow-worker-fault -n @ -k 0 --inspector fault:rec,sleep@20");
    UNTIL(t, stat_of(t, t->name) != NULL &&
                 strcmp(text_at(t->report, "dispatcher.state"), "running") == 0);
    netns_replayed(t, netns_replay(t, "sender", "--topspeed", "t.pcap"));
    /* Its ring is full, and nothing moves but time. Those in the burst end by being looked at. */
    UNTIL(t, stat_number(t, t->name, "workers.0.backlog") >= 490);
    UNTIL(t, stat_number(t, t->name, "flows.ended.timed_out") > BURST_MOST);
    assert_true(stat_number(t, t->name, "workers.0.backlog") >= 490);
    process_signal(worker, SIGKILL);
    process_wait(t, worker);
    process_signal(dispatcher, SIGTERM);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(flows_time_out_while_a_burst_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
