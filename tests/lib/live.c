/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/live.h"

#include <signal.h>

#include "flow_balancer/ctl.h"

void make_line(void) {
    netns_enter();
    netns_veth("sender", "tap");
}

json_int_t arrived_at(const char *tap) {
    return (json_int_t)netns_counts_of(tap).rx_packets;
}

void start_live(struct test *t, struct live *live, unsigned workers, const char *inspector,
                const char *options) {
    live->count = workers;
    live->dispatcher = process_start(
        t, "flow-dispatcher -n @ -w %u --report out.json --log-level warning %s", workers, options);
    for (unsigned k = 0; k < workers; k++)
        live->workers[k] = process_start(t,
                                         "flow-worker-fault -n @ -k %u --log-level warning "
                                         "--inspector %s",
                                         k, inspector);
}

void await_running(struct test *t) {
    UNTIL(t, stat_of(t, t->name) != NULL &&
                 strcmp(text_at(t->report, "dispatcher.state"), "running") == 0);
}

void await_accounted(struct test *t, json_int_t frames) {
    UNTIL(t, stat_of(t, t->name) != NULL && number_at(t->report, "ledger.received") +
                                                    number_at(t->report, "capture.kernel_drops") >=
                                                frames);
}

void await_snapshots(struct test *t, unsigned count) {
    struct fb_ctl_handle ctl;
    assert_int_equal(fb_ctl_join(&ctl, t->name), FB_JOINED);
    uint64_t begun = atomic_load(&ctl.ctl->snapshot_sequence);
    UNTIL(t, atomic_load(&ctl.ctl->snapshot_sequence) - begun >= 2 * count);
    fb_ctl_leave(&ctl);
}

const json_t *end_live(struct test *t, struct live *live) {
    process_signal(live->dispatcher, SIGTERM);
    process_expect(t, live->dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < live->count; k++)
        process_expect(t, live->workers[k], EXIT_DONE);
    return report_of(t, "out.json");
}

void expect_none_lost(const json_t *report, json_int_t sent) {
    expect_all_inspected(report, sent);
    expect_number(report, "capture.received", sent);
    expect_number(report, "capture.kernel_drops", 0);
    expect_number(report, "capture.interface_drops", 0);
}
