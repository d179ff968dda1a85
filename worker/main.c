/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/claim.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parent.h"
#include "flow_balancer/guard.h"

#include "worker/loop.h"
#include "worker/options.h"
#include "worker/place.h"

/* Exit statuses: what a supervisor has to tell apart. */
enum exit_status {
    EXIT_CLEAN = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_REVOKED = 3,
    EXIT_TRY_AGAIN = 75, /* EX_TEMPFAIL: there was nothing to claim; not a crash */
};

/* Pauses between tries to claim: a number is offered again milliseconds after its process died. */
#define RETRY_FIRST_MS 1
#define RETRY_MOST_MS 20

struct worker {
    const struct worker_options *options;
    struct place place;
    void *inspector;
    size_t flow_bytes; /* that the inspector needs */
};

static volatile sig_atomic_t leave_signals;

static void on_leave_signal(int signo) {
    (void)signo;
    leave_signals = leave_signals + 1;
}

static bool is_on_terminal(void) {
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0)
        close(terminal);
    return terminal >= 0;
}

/*
 * SIGHUP of a terminal that is gone is followed; without one it means that something is to be
 * read again, of which a worker has nothing, and under a supervisor that is what follows it.
 */
static void handle_signals(bool follows_hangup) {
    struct sigaction action = {.sa_handler = on_leave_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!follows_hangup)
        action.sa_handler = SIG_IGN;
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error that the inspector tells */
}

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* One try at the number asked for, or at each number for whose process no flow waits. */
static enum fb_claim_result try_claim(const struct worker_options *o,
                                      const struct fb_ctl_handle *ctl, struct fb_claim *claim) {
    uint32_t numbers = ctl->ctl->geometry.max_workers;
    if (o->worker != WORKER_ANY) {
        if (o->worker < numbers && fb_ctl_epoch(ctl->ctl, o->worker) != 0)
            return fb_claim_take(claim, ctl, o->worker);
        if (o->worker < numbers)
            fb_error("-k %u: instance '%s' has this worker number only once it is added: "
                     "'flow-balancer add -n %s'",
                     o->worker, o->name, o->name);
        else
            fb_error("-k %u: instance '%s' has worker numbers 0 to %u", o->worker, o->name,
                     numbers - 1);
        return FB_CLAIM_WRONG;
    }
    bool wait = false;
    for (unsigned k = 0; k < numbers; k++) {
        uint32_t state = fb_ctl_state(ctl->ctl, k);
        if (fb_ctl_epoch(ctl->ctl, k) == 0)
            break; /* this one, and those after it, have no ring before they are added */
        if (state != FB_STATE_ABSENT && state != FB_STATE_LOST)
            continue;
        enum fb_claim_result result = fb_claim_take(claim, ctl, k);
        if (result == FB_CLAIMED || result == FB_CLAIM_WRONG)
            return result;
        wait = wait || result == FB_CLAIM_NOT_YET;
    }
    return wait ? FB_CLAIM_NOT_YET : FB_CLAIM_BUSY;
}

static void log_busy(const struct worker_options *o, long long pid) {
    if (o->worker == WORKER_ANY)
        fb_error("instance '%s' has no free worker number: see 'flow-balancer add' and "
                 "--max-workers",
                 o->name);
    else
        fb_error("worker %u of instance '%s' is already running (pid %lld): leave -k out for a "
                 "free number",
                 o->worker, o->name, pid);
}

static void log_too_late(const struct worker_options *o, bool joined) {
    double waited_s = (double)o->orphan_ns / 1e9;
    if (joined)
        fb_error("instance '%s' offered no worker number for %.0f s: its dispatcher says why",
                 o->name, waited_s);
    else
        fb_error("no dispatcher of instance '%s' for %.0f s: start flow-dispatcher -n %s, or see "
                 "--orphan-timeout",
                 o->name, waited_s, o->name);
}

/* One try with the ctl that is joined, which is left again unless the number was claimed. */
static enum fb_claim_result claim_or_leave(const struct worker_options *o,
                                           struct fb_ctl_handle *ctl, struct fb_claim *claim) {
    enum fb_claim_result result = try_claim(o, ctl, claim);
    if (result == FB_CLAIMED)
        return result;
    /* What a dispatcher that died meanwhile says of its numbers is of no use. */
    if (result == FB_CLAIM_BUSY && !fb_ctl_alive(ctl))
        result = FB_CLAIM_NOT_YET;
    if (result == FB_CLAIM_BUSY)
        log_busy(o, o->worker != WORKER_ANY ? (long long)fb_ctl_pid(ctl->ctl, o->worker) : 0);
    fb_ctl_leave(ctl);
    return result;
}

/*
 * Waits for a dispatcher of the name and claims a number. Returns -1 when it
 * has one, else an exit status after one logged line.
 */
static int join(const struct worker_options *o, struct fb_ctl_handle *ctl, struct fb_claim *claim) {
    uint64_t give_up_ns = fb_now_ns() + o->orphan_ns;
    for (long retry_ms = RETRY_FIRST_MS;; retry_ms *= 2) {
        enum fb_join joined = fb_ctl_join(ctl, o->name);
        enum fb_claim_result result = joined == FB_JOINED  ? claim_or_leave(o, ctl, claim)
                                      : joined == FB_WRONG ? FB_CLAIM_WRONG
                                                           : FB_CLAIM_NOT_YET;
        switch (result) {
        case FB_CLAIMED:
            return -1;
        case FB_CLAIM_WRONG:
            return EXIT_FAILED;
        case FB_CLAIM_BUSY:
            return EXIT_TRY_AGAIN;
        default:
            break;
        }
        if (leave_signals != 0)
            return EXIT_CLEAN;
        if (fb_now_ns() >= give_up_ns) {
            log_too_late(o, joined == FB_JOINED);
            return EXIT_TRY_AGAIN;
        }
        if (retry_ms > RETRY_MOST_MS)
            retry_ms = RETRY_MOST_MS;
        pause_ms(retry_ms);
    }
}

/* Serves one claim to its end. Returns an exit status, or -1 to join again as a stranger. */
static int serve(struct worker *w, const struct fb_ctl_handle *ctl, struct fb_claim *claim) {
    static struct worker_loop loop;
    const struct worker_options *o = w->options;
    const struct worker_loop_config config = {.ctl = ctl,
                                              .down = claim->down,
                                              .up = claim->up,
                                              .ops = o->ops,
                                              .inspector = w->inspector,
                                              .flow_bytes = w->flow_bytes,
                                              .spin = o->spin};
    place_claimed(&w->place, ctl->ctl, claim->worker, claim->up);
    if (worker_loop_init(&loop, &config) != 0)
        return EXIT_FAILED;
    enum loop_end end = LOOP_FAILED;
    if (o->ops->claimed == NULL || o->ops->claimed(w->inspector, claim->worker) == 0) {
        fb_up_set_worker_status(claim->up, FB_STATUS_READY);
        end = worker_loop_run(&loop, &leave_signals);
    }
    worker_loop_fini(&loop);
    switch (end) {
    case LOOP_STOPPED:
    case LOOP_ASKED:
        fb_up_set_worker_status(claim->up, FB_STATUS_LEFT);
        return EXIT_CLEAN;
    case LOOP_ORPHANED:
        fb_warning("worker %u: the dispatcher of instance '%s' is gone; its ring is finished",
                   claim->worker, o->name);
        return leave_signals != 0 ? EXIT_CLEAN : -1;
    case LOOP_REVOKED:
        fb_warning("worker %u: revoked by the dispatcher", claim->worker);
        return EXIT_REVOKED;
    default:
        return EXIT_FAILED;
    }
}

/*
 * Goes to the node planned for its number, if a dispatcher is there already:
 * before the inspector takes memory. False after one logged line.
 */
static bool place_early(struct worker *w) {
    struct fb_ctl_handle ctl;
    if (w->options->worker == WORKER_ANY || w->options->check)
        return true;
    enum fb_join joined = fb_ctl_join(&ctl, w->options->name);
    if (joined != FB_JOINED)
        return joined == FB_NOT_YET;
    place_planned(&w->place, ctl.ctl, w->options->worker);
    fb_ctl_leave(&ctl);
    return true;
}

/* Claims and serves until there is a reason to end. Returns an exit status. */
static int claim_and_serve(struct worker *w) {
    int status = -1;
    while (status < 0) {
        struct fb_ctl_handle ctl;
        struct fb_claim claim;
        status = join(w->options, &ctl, &claim);
        if (status >= 0)
            break;
        fb_debug("claimed worker %u of instance '%s'", claim.worker, w->options->name);
        status = serve(w, &ctl, &claim);
        fb_claim_release(&claim);
        fb_ctl_leave(&ctl);
    }
    return status;
}

static int work(const struct worker_options *o) {
    static struct worker worker; /* 13 KB of topology */
    worker.options = o;
    if (place_init(&worker.place, &o->place) != 0 || !place_early(&worker))
        return EXIT_FAILED;
    /* Where the dispatcher may print the report: an inspector that prints would be in it. */
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        fb_error("cannot print to standard error: %s", strerror(errno));
        return EXIT_FAILED;
    }
    /* Before the claim: a number that is claimed has packets waiting. */
    int error = o->ops->open(o->inspector_args, &worker.inspector, &worker.flow_bytes);
    if (error != 0)
        return error == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
    int status = o->check ? EXIT_CLEAN : claim_and_serve(&worker);
    if (o->ops->close != NULL)
        o->ops->close(worker.inspector);
    return status;
}

/*
 * A core dump of a large worker takes long, and its number is not free until it is written. Where
 * kernel.core_pattern names a program the kernel dumps at a limit of 0 as well, but not at 1.
 */
static void forbid_core_dump(void) {
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}) != 0)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* the limit that we came with is 0 */
}

int main(int argc, char **argv) {
    fb_log_init("flow-worker", FB_LOG_INFO);
    struct worker_options options;
    switch (worker_options_parse(&options, argc, (const char **)argv)) {
    case FB_COMMAND_LINE_TAKEN:
        break;
    case FB_COMMAND_LINE_PRINTED:
        worker_options_free(&options);
        return EXIT_CLEAN;
    case FB_COMMAND_LINE_WRONG:
        worker_options_free(&options);
        return EXIT_USAGE;
    }
    fb_log_set_level(options.log_level);
    if (fb_guard_init() != 0 || (options.parent != 0 && !fb_follow_parent(options.parent)))
        return EXIT_FAILED;
    handle_signals(options.parent == 0 && is_on_terminal());
    forbid_core_dump();
    int status = work(&options);
    worker_options_free(&options);
    fb_log_report_lost();
    return status;
}
