/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs on live interfaces: tcpreplay sends on one end of a virtual line, the
 * dispatcher captures at the other, and every frame that was sent is found again.
 */
#include "tests/life_fixture.h"
#include "tests/netns_fixture.h"

#define LIVE "flow-balancer run -n @ --timeout all=never --report out.json --inspector record:rec "

/* A live run takes frames from here on: before its workers are ready it takes none, and the
 * kernel keeps them. */
static void await_running(struct test *t) {
    UNTIL(t, stat_of(t, t->name) != NULL &&
                 strcmp(text_at(t->report, "dispatcher.state"), "running") == 0);
}

static void await_inspected(struct test *t, json_int_t frames) {
    UNTIL(t, inspected(t) >= frames);
}

static void what_is_sent_is_inspected(void **state) {
    struct test *t = *state;
    netns_enter();
    netns_veth("sender", "tap");
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10000 --flows 500"), EXIT_DONE);
    struct process *run = process_start(t, LIVE "-w 4 -i tap -B 65536");
    await_running(t);
    json_int_t sent = netns_replayed(t, netns_replay(t, "sender", "--topspeed", "t.pcap"));
    assert_int_equal(sent, 10000);
    await_inspected(t, sent);
    stop(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, sent);
    expect_number(report, "capture.kernel_drops", 0);
    expect_recorded(t, (uint64_t)sent, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(what_is_sent_is_inspected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
