/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/live_capture.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static bool isolated;

int enter_namespace(void **state) {
    (void)state;
    isolated = unshare(CLONE_NEWNET) == 0;
    if (!isolated)
        print_message("no network namespace of our own (%s): live tests are skipped\n",
                      strerror(errno));
    return 0;
}

void need_namespace(struct capture_fixture *f) {
    memset(&f->taken, 0, sizeof f->taken);
    if (!isolated)
        skip();
}

struct capture_config config_of_lo(void) {
    static const char *const names[] = {"lo"};
    return (struct capture_config){
        .interfaces = names, .interface_count = 1, .loops = 1, .filter = "udp dst port 4444"};
}

void take_at_least(struct capture_fixture *f, unsigned count) {
    for (unsigned waits = 0; waits < 100 && f->taken.count < count; waits++) {
        capture_wait(f->capture, 100000);
        assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_IDLE);
    }
    assert_true(f->taken.count >= count);
}

enum fb_interface_state state_of_interface(struct capture_fixture *f, unsigned interface) {
    struct capture_stats stats;
    capture_stats(f->capture, &stats);
    assert_true(interface < stats.interface_count);
    return stats.interfaces[interface].state;
}
