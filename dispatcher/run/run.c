/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/run.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parent.h"
#include "flow_balancer/history_report.h"
#include "flow_balancer/report.h"
#include "flow_balancer/run_events.h"

#include "dispatcher/datapath/move.h"
#include "dispatcher/run/ledger.h"
#include "dispatcher/run/post_mortem.h"
#include "dispatcher/run/run_parts.h"

#define MS_NS UINT64_C(1000000)
#define POLL_EVERY_NS                                                                              \
    (5 * MS_NS) /* deaths, claims, requests: what 64 lock probes cost is 20 us                     \
                 */
#define SNAPSHOT_EVERY_NS (100 * MS_NS) /* of the protocol */
#define SAY_EVERY_NS (1000 * MS_NS)     /* what is being waited for */
#define GAP_NS                                                                                     \
    (1000 * MS_NS)              /* between two looks at the clock: above what a busy machine takes \
                                 */
#define LEAVE_NS (5000 * MS_NS) /* for workers to report and leave once their rings are empty */
#define YIELDS_BEFORE_SLEEP 16u
#define FIRST_SLEEP_NS UINT64_C(10000)
#define LAST_SLEEP_NS UINT64_C(200000)
#define FLOWS_ENDED_AT_ONCE 1024u

/* How often a signal asked to stop: once, cleanly; twice, immediately. */
static volatile sig_atomic_t stop_signals;

/* How often one asked to read the filter again. */
static volatile sig_atomic_t reload_signals;

static void on_signal(int signo) {
    if (signo == SIGHUP)
        reload_signals = reload_signals + 1;
    else
        stop_signals = stop_signals + 1;
}

/* --- what has to be done every few milliseconds ----------------------------------------------- */

static void publish_snapshot(struct run *run) {
    struct capture_stats stats;
    uint64_t now_ns = run->datapath.egress.now_ns;
    capture_stats(run->capture, &stats);
    top_age(&run->flows.top, now_ns);
    ledger_gather(&run->snapshot, &run->datapath, &stats);
    run->snapshot.run[FB_RUN_IDLE_NS] = run->times.spent_ns[RUN_TIME_IDLE];
    run->snapshot.run[FB_RUN_READING_NS] = run->times.spent_ns[RUN_TIME_READING];
    run->snapshot.run[FB_RUN_DISPATCHING_NS] = run->times.spent_ns[RUN_TIME_DISPATCHING];
    run->snapshot.run[FB_RUN_BLOCKED_NS] = run->times.spent_ns[RUN_TIME_BLOCKED];
    capture_delay_gather(&run->capture_delay, &run->snapshot);
    if (run->first_taken_ns != 0)
        run->snapshot.run[FB_RUN_ELAPSED_NS] =
            (run->drained_ns != 0 ? run->drained_ns : now_ns) - run->first_taken_ns;
    fb_ctl_write_snapshot(run->ctl.ctl, &run->snapshot, run->fleet.count);
    fb_ctl_beat(run->ctl.ctl, now_ns);
}

/* No more is taken: a stop was asked for, or the input has ended. A second time changes nothing. */
static void leave_capture(struct run *run) {
    if (fb_ctl_run_state(run->ctl.ctl) != FB_RUN_STOPPING)
        fb_tell_event(FB_RUN_EVENT(RUN_STOPPING), "no more packets are taken");
    capture_leave(run->capture);
    run->said_ns = run->datapath.egress.now_ns; /* the first second needs no word */
    fb_ctl_set_run_state(run->ctl.ctl, FB_RUN_STOPPING);
}

static void end_input(struct run *run) {
    if (!run_stage_is_reading(&run->stages))
        return;
    run_stage_end(&run->stages, run->datapath.egress.now_ns);
    leave_capture(run);
}

static void handle_stop_requests(struct run *run) {
    const struct run_asked asked = {.signals = (unsigned)stop_signals,
                                    .stop = run->requests.stop,
                                    .now = run->requests.stop_now};
    if (!run_stage_ask(&run->stages, &asked, run->datapath.egress.now_ns))
        return;
    if (asked.signals != 0 && fb_parent_is_gone(run->options->parent))
        fb_warning("the supervisor (pid %" PRIu64 ") is gone: the run is shut down cleanly",
                   run->options->parent);
    leave_capture(run);
}

static void handle_reload_requests(struct run *run) {
    unsigned asked = (unsigned)reload_signals;
    bool reading = run_stage_is_reading(&run->stages);
    if (asked != run->reloaded && reading)
        reload_ask(&run->reload); /* it logs how it went */
    run->reloaded = asked;
    if (reading)
        reload_poll(&run->reload);
    else
        reload_cancel(&run->reload);
}

/* Whether no worker is alive for longer than may be, or none is to come. */
static bool is_deserted(const struct run *run) {
    return run->fleet.balance.count == 0 && (run->datapath.egress.now_ns - run->alone_since_ns >=
                                                 run->options->no_worker_timeout_ns ||
                                             fleet_wanted(&run->fleet) == 0);
}

static void check_no_worker(struct run *run) {
    if (run->fleet.balance.count != 0)
        run->alone_since_ns = run->datapath.egress.now_ns;
    else if (is_deserted(run))
        fleet_give_up_all(&run->fleet);
}

/* Until now it did what it was doing; a ring that was waited for is told. */
static void mark_time(struct run *run, uint64_t now_ns) {
    uint64_t ns = run_times_mark(&run->times, now_ns);
    if (run->times.doing == RUN_TIME_BLOCKED && run->full_lane != NULL)
        run->full_lane->counters[FB_LANE_FULL_NS] += ns;
}

/* The dispatcher did not run: stopped, frozen with its container, or the machine was suspended. */
static void skip_gap(struct run *run, uint64_t now) {
    uint64_t gap_ns = now - run->datapath.egress.now_ns;
    if (gap_ns < GAP_NS)
        return;
    fb_tell_event(FB_RUN_EVENT(RUN_PAUSED, .duration_ns = gap_ns),
                  "the dispatcher did not run for %.1f s: that time counts against no worker",
                  (double)gap_ns / 1e9);
    fleet_skip_time(&run->fleet, gap_ns);
    run_stage_skip_time(&run->stages, gap_ns);
    run->alone_since_ns += gap_ns;
    run->since_ns += gap_ns;
    run->said_ns += gap_ns;
    run->times.since_ns = now; /* it did nothing */
}

static void upkeep(struct run *run) {
    uint64_t now = fb_now_ns();
    skip_gap(run, now);
    mark_time(run, now);
    datapath_set_time(&run->datapath, now);
    if (now - run->polled_ns >= POLL_EVERY_NS) {
        run->polled_ns = now;
        fleet_poll(&run->fleet, now);
        run->requests.stopping = !run_stage_is_reading(&run->stages);
        requests_poll(&run->requests, now);
        datapath_apply_losses(&run->datapath);
        check_no_worker(run);
        handle_stop_requests(run);
        handle_reload_requests(run);
    }
    if (now - run->snapshot_ns >= SNAPSHOT_EVERY_NS) {
        run->snapshot_ns = now;
        publish_snapshot(run);
        drop_episodes_log(&run->drops, run->ctl.ctl, &run->snapshot, false, now);
        recorder_look(&run->recorder, &run->fleet, &run->snapshot, now);
        fb_log_report_lost();
    }
    progress_update(&run->progress, !run_stage_is_reading(&run->stages));
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Once a second, a line that says what is being waited for. */
static bool is_time_to_say(const struct run *run) {
    return run->datapath.egress.now_ns - run->said_ns >= SAY_EVERY_NS;
}

/* Waits a little longer each time: a worker on the same core must get to run. */
static void pause_a_little(unsigned waits) {
    if (waits < YIELDS_BEFORE_SLEEP) {
        sched_yield();
        return;
    }
    unsigned doublings = waits - YIELDS_BEFORE_SLEEP;
    uint64_t ns = doublings < 5 ? FIRST_SLEEP_NS << doublings : LAST_SLEEP_NS;
    nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static bool has_process(const struct lane *lane) {
    return lane->state != FB_STATE_VACANT && lane->state != FB_STATE_DEAD;
}

/* Whether the packet that has to wait does so for a worker that there is, not for one to come. */
static bool waits_for_room(const struct run *run, enum egress_result stopped) {
    const struct lane *lane = &run->fleet.lanes[run->datapath.egress.stopped_worker];
    return stopped == EGRESS_RING_FULL && (run->fleet.balance.count != 0 || has_process(lane));
}

/* Why the packet that has to wait is given up, or FB_DROP_NONE while it goes on waiting. */
static enum fb_drop_reason stop_waiting(const struct run *run, enum egress_result stopped) {
    bool late = run_stage_is_late(&run->stages, run->datapath.egress.now_ns);
    if (waits_for_room(run, stopped))
        return late ? FB_DROP_ABANDONED : FB_DROP_NONE;
    return late || is_deserted(run) ? FB_DROP_NO_WORKER : FB_DROP_NONE;
}

/* Says once a second that a ring stays full, unless its worker finishes something. */
static void say_ring_is_full(struct run *run) {
    unsigned worker = run->datapath.egress.stopped_worker;
    const struct lane *lane = &run->fleet.lanes[worker];
    uint64_t finished = lane->counters[FB_LANE_INSPECTED];
    if (finished == run->stuck_at && !is_time_to_say(run))
        return;
    if (finished == run->stuck_at)
        fb_warning("worker %u (%s) has a full ring and finishes nothing: waiting for it", worker,
                   fb_state_names[lane->state]);
    run->stuck_at = finished;
    run->said_ns = run->datapath.egress.now_ns;
}

static void say_no_worker(struct run *run) {
    uint64_t alone_ns = run->datapath.egress.now_ns - run->alone_since_ns;
    if (!is_time_to_say(run) || is_deserted(run))
        return;
    run->said_ns = run->datapath.egress.now_ns;
    fb_warning("no worker is alive: waiting %.0f s more",
               (double)(run->options->no_worker_timeout_ns - alone_ns) / 1e9);
}

/*
 * A packet has to wait. Returns why it is to be dropped instead, or FB_DROP_NONE. A
 * run without workers to come is ended.
 */
static enum fb_drop_reason look_at_wait(struct run *run, enum egress_result stopped) {
    run->times.doing = RUN_TIME_BLOCKED;
    run->full_lane =
        stopped == EGRESS_RING_FULL ? &run->fleet.lanes[run->datapath.egress.stopped_worker] : NULL;
    enum fb_drop_reason reason = stop_waiting(run, stopped);
    if (waits_for_room(run, stopped)) {
        say_ring_is_full(run);
    } else if (is_deserted(run)) {
        run->failed = true;
        end_input(run);
    } else {
        say_no_worker(run);
    }
    return reason;
}

/*
 * Whatever waits in the rings of lost workers comes before anything else. No flow
 * ends meanwhile (datapath_expire()), also where time goes on: some worker would get
 * its end, and then the packets of it that are still in a lost ring.
 */
static void move_lost(struct run *run) {
    unsigned waits = 0;
    while (run->fleet.lost_count != 0) {
        unsigned rings = run->fleet.lost_count;
        enum egress_result result = move_burst(&run->datapath);
        upkeep(run);
        if (result == EGRESS_DONE || run->fleet.lost_count != rings) { /* one more comes first */
            run->times.doing = RUN_TIME_DISPATCHING;
            waits = 0;
            continue;
        }
        enum fb_drop_reason reason = look_at_wait(run, result);
        if (reason != FB_DROP_NONE)
            move_drop_stopped(&run->datapath, reason);
        else
            pause_a_little(waits++);
    }
}

/* At the end of the input there is no hurry, as long as some worker finishes something. */
static void extend_deadline(struct run *run) {
    uint64_t finished = 0;
    for (unsigned k = 0; k < run->fleet.count; k++)
        finished += run->fleet.lanes[k].tx.consumed;
    run_stage_finished(&run->stages, finished, run->datapath.egress.now_ns);
}

/* --- the stages of a run ---------------------------------------------------------------------- */

/* What had to wait goes on. */
static void end_wait(struct run *run) {
    if (run->times.doing != RUN_TIME_BLOCKED)
        return;
    mark_time(run, fb_now_ns());
    run->times.doing = RUN_TIME_DISPATCHING;
    run->full_lane = NULL;
}

/* Lets the data path run until all that was given, and all released fragments, are delivered. */
static void deliver(struct run *run) {
    const struct burst *burst = &run->datapath.ingress.burst;
    enum egress_result result;
    unsigned waits = 0, stopped_at = 0;
    while ((result = datapath_run(&run->datapath)) != EGRESS_DONE) {
        upkeep(run);
        move_lost(run);
        extend_deadline(run);              /* fragments that were held to the end */
        if (capture_is_live(run->capture)) /* of files packet time does not pass meanwhile */
            datapath_expire(&run->datapath);
        enum fb_drop_reason reason = look_at_wait(run, result);
        if (reason != FB_DROP_NONE) {
            datapath_drop_stopped(&run->datapath, reason);
            continue;
        }
        waits = burst->next == stopped_at ? waits + 1 : 0;
        stopped_at = burst->next;
        pause_a_little(waits);
    }
    end_wait(run);
}

/* A burst of the source, at least one frame: all of it is delivered. */
static void take(struct run *run, const struct frame *frames, unsigned count) {
    if (run->first_taken_ns == 0)
        run->first_taken_ns = run->datapath.egress.now_ns;
    capture_delay_begin(&run->capture_delay, frames);
    datapath_give(&run->datapath, frames, count);
    deliver(run);
    if (run->capture_delay.measures)
        capture_delay_end(&run->capture_delay, fb_realtime_ns());
}

static void read_all(struct run *run) {
    if (run_stage_is_reading(&run->stages)) {
        fb_ctl_set_run_state(run->ctl.ctl, FB_RUN_RUNNING);
        fb_tell_event(FB_RUN_EVENT(RUN_RUNNING, .count = run->fleet.balance.count),
                      "packets are taken, for %u workers", run->fleet.balance.count);
    }
    progress_begin(&run->progress, run->capture, &run->datapath, &run->snapshot);
    for (;;) {
        const struct frame *frames;
        unsigned count;
        upkeep(run);
        move_lost(run);
        run->times.doing = RUN_TIME_READING;
        enum capture_status status = capture_burst(run->capture, BURST_MAX, &frames, &count);
        if (count != 0) {
            mark_time(run, fb_now_ns());
            run->times.doing = RUN_TIME_DISPATCHING;
            take(run, frames, count);
        } else if (status == CAPTURE_END) {
            break;
        } else if (status == CAPTURE_IDLE) {
            run->times.doing = RUN_TIME_IDLE;
            datapath_flush(&run->datapath);
            deliver(run);
            capture_wait(run->capture, POLL_EVERY_NS / 1000);
        } else {
            egress_wake_all(&run->datapath.egress); /* a filter may reject frames for long */
        }
    }
}

static int wait_for_workers(struct run *run) {
    run->since_ns = fb_now_ns();
    unsigned wanted;
    for (;;) {
        upkeep(run);
        move_lost(run); /* a number is not free again before, even if nothing waits there */
        wanted = fleet_wanted(&run->fleet);
        if ((wanted != 0 && run->fleet.balance.count >= wanted) ||
            !run_stage_is_reading(&run->stages))
            return 0;
        if (wanted == 0 ||
            run->datapath.egress.now_ns - run->since_ns >= run->options->start_timeout_ns)
            break;
        nanosleep(&(struct timespec){.tv_nsec = MS_NS}, NULL);
    }
    if (run->fleet.balance.count == 0) {
        fb_error("no worker became ready within %.0f s: start them with 'flow-worker -n %s "
                 "--inspector count', or see --start-timeout",
                 (double)run->options->start_timeout_ns / 1e9, run->options->name);
        return -ETIMEDOUT;
    }
    fb_warning("%u of %u workers are ready after %.0f s: going on with those",
               run->fleet.balance.count, wanted, (double)run->options->start_timeout_ns / 1e9);
    return 0;
}

/* Ends every flow, so that each worker frees its state. */
static void end_flows(struct run *run) {
    uint32_t from = 0;
    unsigned waits = 0;
    bool more = true;
    while (more || run->flows.ends_pending != 0) {
        uint64_t pending = run->flows.ends_pending;
        more = flows_end_all(&run->flows, &from, FLOWS_ENDED_AT_ONCE);
        datapath_flush(&run->datapath);
        upkeep(run);
        move_lost(run);
        extend_deadline(run);
        if (more || run->flows.ends_pending < pending) {
            waits = 0;
            continue;
        }
        if (run_stage_is_late(&run->stages, run->datapath.egress.now_ns) ||
            !fleet_owes_ends(&run->fleet))
            break;
        pause_a_little(++waits);
    }
    while (more)
        more = flows_end_all(&run->flows, &from, UINT32_MAX);
}

/* Until every ring is empty and every end delivered, or the time for it is over. */
static void drain_rings(struct run *run) {
    /* What moves may leave ends behind that wait for the next flush. */
    for (unsigned waits = 0; !fleet_drained(&run->fleet) || fleet_owes_ends(&run->fleet); waits++) {
        datapath_flush(&run->datapath);
        upkeep(run);
        move_lost(run);
        extend_deadline(run);
        uint64_t now_ns = run->datapath.egress.now_ns;
        if (run_stage_is_late(&run->stages, now_ns))
            break;
        if (is_time_to_say(run)) {
            run->said_ns = now_ns;
            fb_info("draining: %.0f s left", (double)(run->stages.deadline_ns - now_ns) / 1e9);
        }
        pause_a_little(waits);
    }
}

/* The workers are told to leave, and waited for. */
static void dismiss_workers(struct run *run) {
    uint64_t now_ns = run->drained_ns = run->since_ns = fb_now_ns();
    run_stage_drained(&run->stages);
    datapath_set_time(&run->datapath, now_ns);
    fleet_stop(&run->fleet, !fleet_drained(&run->fleet), now_ns);
    for (unsigned waits = 0; !fleet_gone(&run->fleet); waits++) {
        pause_a_little(waits);
        run->polled_ns = 0; /* look at every turn: the run ends when the last one is gone */
        upkeep(run);
        if (run->datapath.egress.now_ns - run->since_ns >= LEAVE_NS)
            break;
    }
}

/* Counts what is still in a ring, and says what was not inspected. */
static void abandon_rest(struct run *run) {
    uint64_t *dropped = run->datapath.egress.dropped;
    dropped[FB_DROP_ABANDONED] += fleet_abandon(&run->fleet);
    if (dropped[FB_DROP_ABANDONED] != 0) {
        run->failed = true;
        fb_error("%" PRIu64 " packets were not inspected: they waited when %s",
                 dropped[FB_DROP_ABANDONED],
                 run->stages.hurried ? "a second signal, or 'stop --now', ended the run"
                                     : "the time to drain was over (--drain-timeout)");
    }
    if (dropped[FB_DROP_NO_WORKER] != 0 && run->datapath.egress.block) {
        run->failed = true;
        fb_error("%" PRIu64 " packets were not inspected: no worker was alive",
                 dropped[FB_DROP_NO_WORKER]);
    }
}

/* What the user wanted to keep and does not have. */
static void say_not_kept(struct run *run) {
    uint64_t lost = run->quarantine.lost;
    if (lost == 0)
        return;
    run->failed = true;
    fb_error("%" PRIu64 " packet%s that killed workers could not be kept in '%s': the log says why",
             lost, lost == 1 ? "" : "s", run->options->quarantine);
}

static void drain(struct run *run) {
    run->times.doing = RUN_TIME_DISPATCHING;
    end_input(run);
    datapath_release_fragments(&run->datapath);
    deliver(run);
    end_flows(run);
    drain_rings(run);
    dismiss_workers(run);
    abandon_rest(run);
    say_not_kept(run);
}

/* --- from the first to the last
 * -------------------------------------------------------------------- */

static void handle_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_flags = SA_RESTART; /* it is no reason to give anything up */
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write() */
    /* Sleeps of 10 us mean 10 us, not the 60 that the default slack makes of them. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

/* Builds, prints and writes the report. Returns 0, or -errno; -EBADMSG if the ledger does not
 * balance. */
static int report(struct run *run) {
    publish_snapshot(run);
    drop_episodes_log(&run->drops, run->ctl.ctl, &run->snapshot, true, fb_now_ns());
    fb_tell_event(FB_RUN_EVENT(RUN_ENDED), "the run is over");
    recorder_take(&run->recorder, &run->fleet, &run->snapshot);
    fb_ctl_set_run_state(run->ctl.ctl, FB_RUN_ENDED);
    for (unsigned k = 0; k < run->fleet.count; k++)
        fleet_totals(&run->fleet, k, &run->totals[k]);
    json_t *json = fb_report_build(run->ctl.ctl, &run->snapshot, run->totals);
    if (json == NULL) {
        fb_error("no memory for the report");
        return -ENOMEM;
    }
    const struct report_files files = {.report = run->options->report,
                                       .html = run->options->html,
                                       .in_place = run->ctl.ctl->report_in_place,
                                       .history_s = FB_HISTORY_ALL};
    int error = report_give(json, &run->ctl, &files);
    if (!fb_report_balanced(json)) {
        fb_error("the ledger does not balance: this is a fault of flow-balancer, please report it");
        error = -EBADMSG;
    }
    json_decref(json);
    return error;
}

int run_dispatcher(const struct options *options) {
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        fb_error("no memory");
        return 1;
    }
    run->options = options;
    run_stage_init(&run->stages, options->drain_timeout_ns);
    run->alone_since_ns = fb_now_ns();
    handle_signals();
    int error = run_set_up(run);
    if (error == 0) {
        error = wait_for_workers(run);
        if (error == 0) {
            fleet_touch_flow_slots(&run->fleet);
            read_all(run);
        }
        drain(run);
        progress_end(&run->progress);
        int reported = report(run);
        error = error != 0 ? error : reported;
    }
    bool failed = error != 0 || run->failed || capture_failed(run->capture);
    run_tear_down(run);
    free(run);
    return failed ? 1 : 0;
}
