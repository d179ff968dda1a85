/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/grouped.h"

/* From here on something is said to be waited for. What is healthy is far below, what is the limit
 * far above: see the staged runs of tests/proc/proc_why.c. */
#define BLOCKED_SHARE 0.25 /* of the dispatcher's time, for rings */
#define PRESSED_FULL 0.10  /* of the same, for one ring; where there are many, see is_pressed() */
#define PRESSED_BACKLOG 0.25
#define SOME_BACKLOG 0.02  /* large packets fill a ring of few bytes */
#define BUSY_SHARE 0.50    /* of a worker's time, with a processor or waiting for one */
#define OUTPUT_SHARE 0.30  /* of a worker's time, for its output */
#define IDLE_SHARE 0.10    /* a dispatcher that waits less than this for frames has no time left */
#define ALL_TIME 0.90      /* of the dispatcher's, with a processor or waiting for one */
#define READING_SHARE 0.60 /* of the time in which it does not wait */
#define QUEUED_SHARE 0.20  /* of a process's time, for a processor */
#define MOST_WORKERS 0.75  /* so many are all: a worker that has few flows is never full */
#define HEARTBEAT_S 2.0
#define NAMED_WORKERS 8u

const char *const why_limit_names[WHY_LIMIT_COUNT] = {
#define X(id, name) [WHY_##id] = name,
    WHY_LIMITS(X)
#undef X
};

/* ---- sentences */

/* Appends what fits. */
__attribute__((format(printf, 2, 3))) static void say(struct why_answer *answer, const char *format,
                                                      ...) {
    size_t used = strlen(answer->text);
    va_list args;
    va_start(args, format);
    vsnprintf(answer->text + used, sizeof answer->text - used, format, args);
    va_end(args);
}

static double percent(double share) {
    return 100.0 * share;
}

/* A rate as a count of people: not negative. */
static struct fb_grouped rate(double per_s) {
    return fb_grouped(per_s > 0 && per_s < 1e18 ? (uint64_t)(per_s + 0.5) : 0);
}

/* "Worker 3" or "Workers 0, 2, 5 and 4 more" */
static void say_workers(struct why_answer *answer) {
    say(answer, "Worker%s", answer->count == 1 ? "" : "s");
    for (unsigned i = 0; i < answer->count && i < NAMED_WORKERS; i++)
        say(answer, "%s %u", i == 0 ? "" : ",", answer->workers[i]);
    if (answer->count > NAMED_WORKERS)
        say(answer, " and %u more", answer->count - NAMED_WORKERS);
}

static void say_processor(struct why_answer *answer, double running, double queued) {
    if (running < 0)
        return;
    if (queued >= QUEUED_SHARE)
        say(answer,
            " It had to wait for a processor %.0f %% of the time: other processes have its core; "
            "see --cpu and --worker-cpu.",
            percent(queued));
    else
        say(answer, " It had a processor %.0f %% of the time.", percent(running));
}

static void say_dispatcher_time(struct why_answer *answer, const struct why_facts *f) {
    say(answer,
        "The dispatcher waited for frames %.0f %% of the time, read %.0f %%, dispatched %.0f %% "
        "and waited for workers %.0f %%.",
        percent(f->idle), percent(f->reading), percent(f->dispatching), percent(f->blocked));
}

/* ---- workers */

/* Whether it has more to do than it does, for all that is known. A dispatcher that waited for a
 * short time may then wait for a processor, and count that too: its worker sleeps meanwhile. */
static bool has_work(const struct why_worker *worker) {
    return worker->backlog >= SOME_BACKLOG &&
           (worker->running < 0 || worker->running + worker->queued >= BUSY_SHARE);
}

/* Of many workers none may be waited for much, and yet they are. */
static bool is_pressed(const struct why_facts *f, const struct why_worker *worker) {
    bool is_awaited = worker->full >= PRESSED_FULL ||
                      (f->blocked >= BLOCKED_SHARE && 2 * f->count * worker->full >= f->blocked);
    return worker->drops_per_s > 0 || worker->backlog >= PRESSED_BACKLOG ||
           (is_awaited && has_work(worker));
}

/* Whether one is waited for more than another: by what is lost for it, or else by time. */
static bool is_slower(const struct why_worker *a, const struct why_worker *b) {
    if (a->drops_per_s > 0 || b->drops_per_s > 0)
        return a->drops_per_s > b->drops_per_s;
    if (a->full >= PRESSED_FULL || b->full >= PRESSED_FULL)
        return a->full > b->full;
    return a->backlog > b->backlog;
}

/* Fills in the workers of the answer, and returns the slowest one, or NULL. */
static const struct why_worker *find_pressed(const struct why_facts *f, struct why_answer *answer) {
    const struct why_worker *slowest = NULL;
    for (unsigned i = 0; i < f->count; i++) {
        const struct why_worker *worker = &f->workers[i];
        if (!is_pressed(f, worker))
            continue;
        answer->workers[answer->count++] = worker->number;
        if (slowest == NULL || is_slower(worker, slowest))
            slowest = worker;
    }
    return slowest;
}

/* How many of those that are pressed have it. */
static unsigned count_pressed(const struct why_facts *f, bool (*has)(const struct why_worker *)) {
    unsigned count = 0;
    for (unsigned i = 0; i < f->count; i++)
        count += is_pressed(f, &f->workers[i]) && has(&f->workers[i]);
    return count;
}

static bool waits_for_output(const struct why_worker *worker) {
    return worker->output >= OUTPUT_SHARE;
}

static bool is_remote(const struct why_worker *worker) {
    return worker->is_remote;
}

static enum why_limit limit_of_workers(const struct why_facts *f, const struct why_answer *answer) {
    if (2 * count_pressed(f, waits_for_output) > answer->count)
        return WHY_SINK;
    if (2 * count_pressed(f, is_remote) > answer->count)
        return WHY_PLACEMENT;
    return answer->count >= MOST_WORKERS * f->count ? WHY_WORKERS : WHY_WORKER;
}

static void say_pressure(struct why_answer *answer, const struct why_worker *w) {
    if (answer->count > 1)
        say(answer, ". The slowest is worker %u", w->number);
    say(answer, ":");
    if (w->drops_per_s > 0)
        say(answer, " %s packets/s are dropped because its ring is full,",
            rate(w->drops_per_s).text);
    if (w->full > 0)
        say(answer, " the dispatcher waited for room in its ring %.0f %% of the time,",
            percent(w->full));
    say(answer, " its ring was %.0f %% full in the mean, it inspects %s packets/s",
        percent(w->backlog), rate(w->packets_per_s).text);
    if (w->output > 0)
        say(answer, " and waited for its output %.0f %% of the time", percent(w->output));
    say(answer, ".");
    say_processor(answer, w->running, w->queued);
}

static void say_remedy(struct why_answer *answer, const struct why_facts *f) {
    switch (answer->limit) {
    case WHY_SINK:
        say(answer, " What they write to is slower than they are: see the log for what it is, "
                    "and look at that disk, pipe or reader.");
        break;
    case WHY_PLACEMENT:
        say(answer, " Their rings are on another NUMA node: see --numa and --worker-cpu.");
        break;
    case WHY_WORKERS:
        say(answer, " More workers (-w, or 'flow-balancer add') on cores of their own would help, "
                    "or a faster inspector.");
        break;
    default:
        say(answer,
            " The other%s of %u ha%s time left: so it is one large flow, which stays with one "
            "worker, or that worker has less of a processor.",
            f->count - answer->count == 1 ? "" : "s", f->count,
            f->count - answer->count == 1 ? "s" : "ve");
        break;
    }
}

static void judge_workers(const struct why_facts *f, struct why_answer *answer,
                          const struct why_worker *slowest) {
    answer->limit = limit_of_workers(f, answer);
    say_workers(answer);
    say(answer, "%s the limit%s", answer->count == 1 ? " is" : " are",
        answer->limit == WHY_SINK        ? ", by the output"
        : answer->limit == WHY_PLACEMENT ? ", by where the memory is"
        : answer->limit == WHY_WORKERS   ? ", all that are ready"
                                         : "");
    say_pressure(answer, slowest);
    say_remedy(answer, f);
}

/* ---- dispatcher and capture */

static bool judge_dispatcher(const struct why_facts *f, struct why_answer *answer) {
    answer->limit = f->is_remote ? WHY_PLACEMENT : WHY_DISPATCHER;
    say(answer, "The dispatcher is the limit");
    if (f->kernel_drops_per_s > 0)
        say(answer, ": the kernel drops %s frames/s because it does not take them in time",
            rate(f->kernel_drops_per_s).text);
    say(answer, ". ");
    say_dispatcher_time(answer, f);
    say_processor(answer, f->running, f->queued);
    if (f->is_remote)
        say(answer, " Its flow table is on another NUMA node than itself: see --numa and --cpu.");
    else
        say(answer, " A faster core, a --bpf filter or a second dispatcher (--fanout) would help.");
    return true;
}

static bool judge_reading(const struct why_facts *f, struct why_answer *answer) {
    answer->limit = WHY_CAPTURE;
    say(answer, "Reading the input is the limit: the disk, the pipe or the unpacking. ");
    say_dispatcher_time(answer, f);
    say_processor(answer, f->running, f->queued);
    return true;
}

/* It has no time left, or takes all that a file has. */
static bool judge_busy(const struct why_facts *f, struct why_answer *answer) {
    double busy = f->reading + f->dispatching;
    bool is_starved = f->queued >= QUEUED_SHARE && f->running + f->queued >= ALL_TIME;
    if ((f->idle >= IDLE_SHARE && !is_starved) || busy <= 0)
        return false;
    return !f->is_live && f->reading >= READING_SHARE * busy ? judge_reading(f, answer)
                                                             : judge_dispatcher(f, answer);
}

static void judge_capture(const struct why_facts *f, struct why_answer *answer) {
    answer->limit = WHY_CAPTURE;
    if (f->kernel_drops_per_s > 0)
        say(answer,
            "The capture loses frames in bursts: the kernel drops %s frames/s although the "
            "dispatcher has time left; a larger buffer (-B) would hold them. ",
            rate(f->kernel_drops_per_s).text);
    else
        say(answer,
            "The capture loses frames before they come to the kernel's buffer: the interface or "
            "its driver drops %s frames/s; see ethtool -G, -L and -S. ",
            rate(f->interface_drops_per_s).text);
    say_dispatcher_time(answer, f);
}

/* ---- the whole */

static void judge_no_worker(const struct why_facts *f, struct why_answer *answer) {
    answer->limit = WHY_NO_WORKER;
    say(answer, "No worker is ready, of %u", f->workers_wanted);
    if (f->no_worker_per_s > 0)
        say(answer, ": %s packets/s are dropped", rate(f->no_worker_per_s).text);
    say(answer, ". See the log for why they do not come, or end.");
}

static void judge_stopped(const struct why_facts *f, struct why_answer *answer) {
    answer->limit = WHY_DISPATCHER;
    say(answer,
        "The dispatcher is the limit: it has not run for %.1f s. It was stopped or frozen, or has "
        "no processor.",
        f->heartbeat_age_s);
}

static void say_nothing_limits(const struct why_facts *f, struct why_answer *answer) {
    const struct why_worker *most = NULL;
    say(answer, "Nothing limits the run: it takes all %s frames/s that come. ",
        rate(f->received_per_s).text);
    say_dispatcher_time(answer, f);
    for (unsigned i = 0; i < f->count; i++)
        most = most == NULL || f->workers[i].backlog > most->backlog ? &f->workers[i] : most;
    if (most != NULL)
        say(answer, " The fullest ring, of worker %u, was %.1f %% full in the mean.", most->number,
            percent(most->backlog));
}

void why_judge(const struct why_facts *f, struct why_answer *answer) {
    *answer = (struct why_answer){.limit = WHY_NOTHING};
    if (f->heartbeat_age_s >= HEARTBEAT_S) {
        judge_stopped(f, answer);
        return;
    }
    if (f->no_worker_per_s > 0 || (f->count == 0 && f->blocked >= BLOCKED_SHARE)) {
        judge_no_worker(f, answer);
        return;
    }
    const struct why_worker *slowest = find_pressed(f, answer);
    if (slowest != NULL) {
        judge_workers(f, answer, slowest);
        return;
    }
    if (judge_busy(f, answer))
        return;
    if (f->kernel_drops_per_s > 0 || f->interface_drops_per_s > 0)
        judge_capture(f, answer);
    else
        say_nothing_limits(f, answer);
}
