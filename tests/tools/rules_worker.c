/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow-worker-rules: a worker that knows nothing but the contracts between processes, as a
 * program of a user's does. It counts packets and reads rules: the file rules-K of the
 * directory that it runs in, for worker K, else the file rules. In it is
 *
 *   a number   the version of the rules, which it shows as its counter rules.version
 *   bad        rules that cannot be read
 *   kill       rules on which it dies
 *   ignore     rules that it does not get to reading
 *
 * It begins with what is there, whatever that is. Of the options of flow-worker it
 * takes -n, -k and --check. For tests; never installed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/claim.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/ring.h"
#include "flow_balancer/stats.h"

enum { EXIT_REVOKED = 3, EXIT_TRY_AGAIN = 75 };
enum { STAT_PACKETS, STAT_VERSION, STATS };

#define PARK_MS 100u
#define TRIES 1000u /* to claim, a millisecond apart */

struct rules_worker {
    struct fb_ctl_handle ctl;
    struct fb_claim claim;
    struct fb_rx rx;
    uint64_t packets, version, reloads, failures;
};

static volatile sig_atomic_t asked;

static void on_hangup(int signo) {
    (void)signo;
    asked = 1;
}

/* The text of the rules of a worker; "" if there are none. */
static void read_rules(unsigned worker, char text[16]) {
    char own[32];
    snprintf(own, sizeof own, "rules-%u", worker);
    FILE *file = fopen(own, "re");
    if (file == NULL)
        file = fopen("rules", "re");
    text[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(text, 16, file) == NULL)
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

static void publish(struct rules_worker *w) {
    struct fb_up *up = w->claim.up;
    fb_up_set_counter(up, FB_WORKER_PACKETS, w->packets);
    fb_up_set_stat(up, STAT_PACKETS, w->packets);
    fb_up_set_stat(up, STAT_VERSION, w->version);
    fb_up_set_counter(up, FB_WORKER_RELOAD_FAILURES, w->failures);
    fb_up_set_counter(up, FB_WORKER_RELOADS, w->reloads); /* after what they are about */
}

static void read_again(struct rules_worker *w) {
    char text[16];
    asked = 0;
    read_rules(w->claim.worker, text);
    if (strcmp(text, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(text, "ignore") == 0)
        return;
    if (strcmp(text, "bad") == 0) {
        w->failures++;
    } else {
        w->version = strtoull(text, NULL, 10);
        w->reloads++;
    }
    publish(w);
}

static bool claim(struct rules_worker *w, const char *name, unsigned worker) {
    for (unsigned tries = 0; tries < TRIES; tries++) {
        if (fb_ctl_join(&w->ctl, name) == FB_JOINED) {
            if (fb_claim_take(&w->claim, &w->ctl, worker) == FB_CLAIMED)
                return true;
            fb_ctl_leave(&w->ctl);
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

/* False if this incarnation is revoked. */
static bool inspect_burst(struct rules_worker *w, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct fb_desc desc;
        if (!fb_rx_begin(&w->rx, i, &desc))
            return false;
        w->packets += (desc.flags & (FB_F_END | FB_F_SKIP)) == 0;
        fb_rx_end();
    }
    publish(w);
    fb_rx_release(&w->rx, n);
    return true;
}

static int serve(struct rules_worker *w) {
    for (;;) {
        enum fb_command command = fb_rx_command(&w->rx);
        uint32_t n = fb_rx_peek(&w->rx);
        if (asked)
            read_again(w);
        if (fb_rx_revoked(&w->rx) || (n != 0 && !inspect_burst(w, n)))
            return EXIT_REVOKED;
        if (command == FB_COMMAND_LEAVE || (n == 0 && command == FB_COMMAND_STOP))
            break;
        if (n == 0 && fb_rx_park(&w->rx, PARK_MS) == FB_WAKE_TIMEOUT && !fb_ctl_alive(&w->ctl))
            break;
    }
    fb_up_set_worker_status(w->claim.up, FB_STATUS_LEFT);
    return EXIT_SUCCESS;
}

static int work(const char *name, unsigned worker) {
    static struct rules_worker w;
    char text[16];
    if (fb_guard_init() != 0)
        return EXIT_FAILURE;
    if (!claim(&w, name, worker))
        return EXIT_TRY_AGAIN;
    fb_rx_init(&w.rx, w.claim.down, w.claim.up);
    read_rules(worker, text);
    w.version = strtoull(text, NULL, 10);
    if (!fb_up_name_stat(w.claim.up, STAT_PACKETS, "rules", "packets") ||
        !fb_up_name_stat(w.claim.up, STAT_VERSION, "rules", "version"))
        return EXIT_FAILURE;
    fb_up_set_stats(w.claim.up, STATS);
    publish(&w);
    fb_up_set_worker_status(w.claim.up, FB_STATUS_READY);
    int status = serve(&w);
    fb_claim_release(&w.claim);
    fb_ctl_leave(&w.ctl);
    return status;
}

int main(int argc, char **argv) {
    const char *name = "";
    unsigned worker = 0;
    fb_log_init("flow-worker-rules", FB_LOG_INFO);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0)
            return EXIT_SUCCESS;
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
            name = argv[++i];
        else if (strcmp(argv[i], "-k") == 0 && i + 1 < argc)
            worker = (unsigned)strtoul(argv[++i], NULL, 10);
    }
    sigaction(SIGHUP, &(struct sigaction){.sa_handler = on_hangup}, NULL);
    return work(name, worker);
}
