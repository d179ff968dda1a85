/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/consumer/consumer_parts.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/flow_records.h"
#include "flow_balancer/prefetch.h"
#include "flow_balancer/stats.h"

#include "worker/consumer/consumer_fd.h"
#include "worker/consumer/event.h"

#define PARK_MS 100u /* bounds every lost wake: a reader of the ring could move a sleeper away */
#define LOOK_NS UINT64_C(100000000) /* between two looks at the dispatcher's lock */
/* Looks at an empty ring before parking: 12 us (measured: 29 ns a look), what a wake costs. */
#define SPINS_BEFORE_PARK 400u
/* Looks between two yields, where it only spins: others may need the core, the dispatcher first. */
#define SPINS_PER_YIELD 400u
#define RETRY_MOST_MS 1000u
/* Packets whose flow state and first bytes are fetched ahead of the inspection. */
#define STATES_AHEAD 4u

static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int consumer_init(struct fb_consumer *consumer, const struct consumer_sides *sides,
                  const struct fb_consumer_config *config) {
    memset(consumer, 0, sizeof *consumer);
    consumer->ctl = sides->ctl;
    consumer->down = sides->down;
    consumer->up = sides->up;
    consumer->spin = config->spin != 0;
    consumer->all_ends = config->all_ends != 0;
    consumer->leave = config->leave;
    consumer->now_ns = fb_now_ns();
    fb_rx_init(&consumer->rx, sides->down, sides->up);
    fb_rx_set_flows(&consumer->rx, sides->flows);
    return flow_states_init(&consumer->states, config->state_bytes);
}

void consumer_fini(struct fb_consumer *consumer) {
    consumer_fd_stop(consumer->fd);
    flow_states_fini(&consumer->states);
}

/* ---- the end of it --------------------------------------------------------------------------- */

/* How often it was asked to leave. */
static int asked(const struct fb_consumer *c) {
    return c->leave != NULL ? *c->leave : 0;
}

/*
 * Returns whether a request to leave is followed now, if no packet waits. The handler that counts
 * them may run at any instruction: so one look at the count, and what it finds is noted.
 */
static bool consider_leaving(struct fb_consumer *c) {
    int times = asked(c);
    if (times != 0 && c->asked_ns == 0)
        c->asked_ns = fb_now_ns();
    return consumer_leave_is_due(c->ctl->ctl, times, c->asked_ns);
}

static void publish_counters(struct fb_consumer *c) {
    for (unsigned i = 0; i < FB_WORKER_COUNT; i++)
        fb_up_set_counter(c->up, (enum fb_worker_counter)i, c->counters[i]);
}

void consumer_count_reload(struct fb_consumer *c, bool failed) {
    c->counters[failed ? FB_WORKER_RELOAD_FAILURES : FB_WORKER_RELOADS]++;
    publish_counters(c);
}

/* The burst that was begun last was over at c->now_ns; once a burst. */
static inline void note_inspection(struct fb_consumer *c) {
    uint64_t packets = c->counters[FB_WORKER_PACKETS] - c->begun_packets;
    if (c->begun_ns != 0 && packets != 0)
        fb_delays_add(&c->up->inspection, c->now_ns - c->begun_ns, packets);
    c->begun_ns = 0;
}

static int end_with(struct fb_consumer *c, enum fb_ended ended) {
    c->ended = ended;
    c->orphaned = false;
    publish_counters(c);
    return ended;
}

/* ---- the steps of a burst -------------------------------------------------------------------- */

static void *state_of(const struct fb_consumer *c, void *state) {
    return c->states.flow_bytes != 0 ? state : NULL;
}

/* The record of a flow that the dispatcher had no memory for; packet NULL: there is none at hand.
 */
static __attribute__((noinline)) const struct fb_flow *
partial_flow(struct fb_consumer *c, uint64_t flow_id, const struct fb_packet *packet) {
    event_partial_flow(&c->partial, flow_id, packet);
    return &c->partial;
}

/* Whether a flow has a record is found out with its first packet here: its line is left alone
 * then, unless an inspector reads it. */
static inline const struct fb_flow *flow_of(const struct fb_consumer *c, void *state,
                                            uint32_t handle) {
    return (flow_state_tag(state)->flow_id & FLOW_STATE_BARE) == 0 ? &c->rx.flows[handle] : NULL;
}

static const struct fb_flow *flow_of_end(struct fb_consumer *c, void *state, uint32_t handle) {
    const struct fb_flow *flow = flow_of(c, state, handle);
    return flow != NULL ? flow
                        : partial_flow(c, flow_state_tag(state)->flow_id & ~FLOW_STATE_BARE, NULL);
}

/* The state of a flow that this process has not seen; NULL if there is no memory. */
static __attribute__((noinline)) void *begin_flow(struct fb_consumer *c, unsigned *mid_stream) {
    const struct fb_desc *desc = &c->out.raw.desc;
    bool known;
    void *state =
        flow_states_begin(&c->states, desc->handle, desc->generation, desc->flow_id, &known);
    if (state == NULL)
        return NULL;
    if (fb_rx_flow(&c->rx, desc) == NULL)
        flow_state_tag(state)->flow_id |= FLOW_STATE_BARE;
    *mid_stream = (desc->flags & FB_F_START) == 0 ? FB_F_MID_STREAM : 0;
    c->counters[FB_WORKER_MID_STREAM] += *mid_stream != 0;
    return state;
}

/* The packet whose descriptor was copied is handed out; false if there is no memory for the state
 * of its flow. */
static inline bool hand_out_packet(struct fb_consumer *c) {
    const struct fb_desc *desc = &c->out.raw.desc;
    unsigned mid_stream = 0;
    void *state = flow_states_known(&c->states, desc->handle, desc->generation);
    if (__builtin_expect(state == NULL, 0)) {
        state = begin_flow(c, &mid_stream);
        if (state == NULL)
            return false;
    }
    if (__builtin_expect((desc->flags & (FB_F_START | FB_F_GAP)) != 0, 0)) {
        c->counters[FB_WORKER_STARTS] += (desc->flags & FB_F_START) != 0;
        c->counters[FB_WORKER_GAP_PACKETS] += desc->gap;
    }
    c->counters[FB_WORKER_PACKETS]++;
    c->counters[FB_WORKER_BYTES] += desc->caplen;
    uint64_t flow_id = desc->flow_id;
    const struct fb_flow *flow = flow_of(c, state, desc->handle);
    int link_type = fb_ctl_link_type(c->ctl->ctl, fb_desc_link(desc));
    event_make_packet(&c->out, fb_rx_bytes(&c->rx, desc), link_type, mid_stream);
    c->out.event.kind = FB_EVENT_PACKET;
    c->out.event.state = state_of(c, state);
    c->out.event.packet.flow = flow;
    if (__builtin_expect(flow == NULL, 0))
        c->out.event.packet.flow = partial_flow(c, flow_id, &c->out.event.packet);
    return true;
}

static void make_end(struct fb_consumer *c, void *state, const struct fb_flow *flow,
                     unsigned flags) {
    const struct fb_desc *desc = &c->out.raw.desc;
    c->out.event.kind = FB_EVENT_FLOW_END;
    c->out.event.state = state;
    c->out.event.end = (struct fb_flow_end){.flow = flow,
                                            .time_ns = desc->time_ns,
                                            .frame = desc->frame,
                                            .reason = fb_desc_reason(desc),
                                            .flags = (desc->flags & FB_F_REDELIVERED) | flags};
}

/* The end of a flow that this process does not know; false if it is not to be told. */
static bool hand_out_unknown_end(struct fb_consumer *c) {
    const struct fb_desc *desc = &c->out.raw.desc;
    c->counters[FB_WORKER_UNKNOWN_ENDS]++;
    if (!c->all_ends)
        return false;
    const struct fb_flow *flow = fb_rx_flow(&c->rx, desc);
    make_end(c, NULL, flow != NULL ? flow : partial_flow(c, desc->flow_id, NULL), FB_F_MID_STREAM);
    return true;
}

/* A flow end is handed out; false if it is not to be told. */
static bool hand_out_end(struct fb_consumer *c) {
    const struct fb_desc *desc = &c->out.raw.desc;
    void *state = flow_states_end(&c->states, desc->handle, desc->generation);
    if (state == NULL)
        return hand_out_unknown_end(c);
    c->counters[FB_WORKER_ENDS]++;
    make_end(c, state_of(c, state), flow_of_end(c, state, desc->handle), 0);
    return true;
}

/* The packet that is handed out counts as inspected, or not. */
static void count_packet(struct fb_consumer *c, bool counts) {
    if (!c->busy || c->out.event.kind != FB_EVENT_PACKET)
        return;
    uint64_t bytes = c->out.event.packet.caplen;
    c->counters[FB_WORKER_PACKETS] += counts ? 1 : UINT64_MAX;
    c->counters[FB_WORKER_BYTES] += counts ? bytes : -bytes;
}

/* Nothing is handed out any more, and nothing more of the burst is touched or given back. */
static void leave_burst(struct fb_consumer *c) {
    c->busy = false;
    c->steps = c->step = 0;
}

/* The event that is handed out was not inspected. */
static void take_back(struct fb_consumer *c) {
    count_packet(c, false);
    leave_burst(c);
}

void consumer_finish(struct fb_consumer *c, bool abandon) {
    if (abandon && c->busy) {
        take_back(c);
        publish_counters(c);
        return; /* the cursor stays at it: the dispatcher sees a process that died there */
    }
    uint32_t done = c->step;
    bool has_burst = c->steps != 0;
    fb_rx_end();
    leave_burst(c);
    if (!has_burst)
        return;
    if (!c->prompt) {
        c->now_ns = fb_now_ns();
        note_inspection(c);
    }
    publish_counters(c);
    fb_rx_release(&c->rx, done);
}

void consumer_give_back(struct fb_consumer *c) {
    if (!c->busy)
        return;
    fb_rx_pause(&c->rx, c->step - 1);
    take_back(c);
    publish_counters(c);
}

/* All flows that are known end, one a call. */
static const struct fb_event *end_orphan(struct fb_consumer *c) {
    struct begun_flow flow;
    if (!flow_states_take(&c->states, &c->orphan_next, &flow)) {
        end_with(c, FB_ENDED_ORPHANED);
        return NULL;
    }
    c->counters[FB_WORKER_ENDS]++;
    c->out.event.kind = FB_EVENT_FLOW_END;
    c->out.event.state = state_of(c, flow.state);
    c->out.event.end = (struct fb_flow_end){.flow = flow_of_end(c, flow.state, flow.handle),
                                            .reason = FB_END_ORPHANED};
    return &c->out.event;
}

static inline void prefetch_step(const struct fb_consumer *c, uint32_t i) {
    if (i >= c->steps)
        return;
    const struct fb_desc *later = fb_rx_desc(&c->rx, i);
    flow_states_prefetch(&c->states, later->handle);
    fb_prefetch(fb_rx_bytes(&c->rx, later));
    if ((later->flags & FB_F_START) != 0 && later->handle < c->rx.flow_records)
        fb_prefetch(&c->rx.flows[later->handle]); /* the other core has just written it */
}

static const struct fb_event *no_event(struct fb_consumer *c, enum fb_ended ended) {
    leave_burst(c);
    end_with(c, ended);
    return NULL;
}

/* For the state of a flow. That memory ran out is not the packet's fault: it is not suspected. */
static const struct fb_event *no_room(struct fb_consumer *c) {
    if (flow_states_may_have(c->out.raw.desc.handle))
        fb_rx_pause(&c->rx, c->step - 1);
    return no_event(c, FB_ENDED_FAILED);
}

const struct fb_event *fb_consumer_step(struct fb_consumer *c) {
    fb_rx_end(); /* of the one before: nothing of it moves below the next cursor */
    while (c->step < c->steps) {
        const struct fb_desc *desc = &c->out.raw.desc; /* the copy: all that follows uses it */
        prefetch_step(c, c->step + STATES_AHEAD);
        if (__builtin_expect(!fb_rx_begin(&c->rx, c->step, &c->out.raw.desc), 0))
            return no_event(c, FB_ENDED_REVOKED);
        c->step++;
        c->busy = true;
        if (__builtin_expect((desc->flags & (FB_F_END | FB_F_SKIP)) == 0, 1)) {
            if (__builtin_expect(!hand_out_packet(c), 0))
                return no_room(c);
            return &c->out.event;
        }
        if ((desc->flags & FB_F_SKIP) == 0 && hand_out_end(c))
            return &c->out.event;
        fb_rx_end();
        c->busy = false;
    }
    if (__builtin_expect(c->orphaned, 0))
        return end_orphan(c);
    consumer_finish(c, false);
    return NULL;
}

/* A signal ends it. */
static void pause_at_most(unsigned ms) {
    ms = ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS;
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

/* No descriptor is behind the end of an orphaned flow: there is only the time to wait. */
static int retry_orphan(struct fb_consumer *c, unsigned pause_ms) {
    pause_at_most(pause_ms);
    return asked(c) != 0 ? end_with(c, FB_ENDED_LEFT) : 0;
}

/* The rest of the ring waits for what may never come. */
static void say_left_uninspected(const struct fb_consumer *c) {
    fb_error("worker %u: the dispatcher is gone, and output cannot be written: what its ring holds "
             "stays uninspected",
             c->up->header.worker);
}

/* Why an event that waits for its output is to be left, but for a revocation; 0: it is not. */
static int reason_to_leave(struct fb_consumer *c) {
    if (fb_rx_command(&c->rx) == FB_COMMAND_LEAVE)
        return FB_ENDED_STOPPED;
    if (consider_leaving(c))
        return FB_ENDED_LEFT;
    return fb_ctl_alive(c->ctl) ? 0 : FB_ENDED_FAILED;
}

/* Whether it is put off, unless two signals came; what was asked for once is not taken back, so
 * there is one time for all events that are left of the burst. */
static bool puts_off(struct fb_consumer *c, uint64_t stay_ns) {
    uint64_t now_ns = stay_ns != 0 ? fb_now_ns() : 0;
    if (c->stays_since_ns == 0)
        c->stays_since_ns = now_ns;
    return now_ns - c->stays_since_ns < stay_ns && asked(c) < 2;
}

/*
 * A descriptor that may be tried again: nothing is under inspection while it waits, a counter
 * moves, so that the wait is not taken for hanging, and then the same descriptor is begun again.
 */
int consumer_retry(struct fb_consumer *c, unsigned pause_ms, uint64_t stay_ns) {
    struct fb_desc again;
    if (c->ended != 0)
        return c->ended;
    if (c->orphaned)
        return retry_orphan(c, pause_ms);
    if (!c->busy)
        return 0;
    uint32_t i = c->step - 1;
    fb_rx_pause(&c->rx, i);
    c->counters[FB_WORKER_OUTPUT_WAITS]++;
    count_packet(c, false); /* who dies in the pause has not inspected it */
    publish_counters(c);
    count_packet(c, true);
    uint64_t paused_ns = fb_now_ns();
    pause_at_most(pause_ms);
    c->counters[FB_WORKER_OUTPUT_WAIT_NS] += fb_now_ns() - paused_ns;
    int ended = fb_rx_revoked(&c->rx) ? FB_ENDED_REVOKED : reason_to_leave(c);
    if (ended != 0 && ended != FB_ENDED_REVOKED && puts_off(c, stay_ns))
        ended = 0;
    if (ended == FB_ENDED_FAILED)
        say_left_uninspected(c);
    if (ended == 0 && !fb_rx_begin(&c->rx, i, &again)) /* the same descriptor: it is not consumed */
        ended = FB_ENDED_REVOKED;
    if (ended == 0)
        return 0;
    take_back(c);
    return end_with(c, (enum fb_ended)ended);
}

int fb_consumer_retry(struct fb_consumer *c, unsigned pause_ms) {
    return consumer_retry(c, pause_ms, 0);
}

/* ---- bursts ---------------------------------------------------------------------------------- */

/* Takes a burst of n descriptors. */
static int begin_burst(struct fb_consumer *c, uint32_t n) {
    struct fb_rx *rx = &c->rx;
    uint64_t stamp_ns = fb_rx_stamp(rx);
    if (__builtin_expect(stamp_ns == 0, 0))
        stamp_ns = fb_rx_stamp_bound(rx); /* far behind: it has waited for that long at least */
    c->now_ns = fb_now_ns();
    note_inspection(c);
    if (stamp_ns != 0)
        fb_delays_add(&c->up->latency, c->now_ns > stamp_ns ? c->now_ns - stamp_ns : 0, 1);
    c->begun_ns = c->now_ns;
    c->begun_packets = c->counters[FB_WORKER_PACKETS];
    for (uint32_t i = 0; i < n; i++)
        fb_prefetch(fb_rx_desc(rx, i));
    c->steps = n;
    c->step = 0;
    for (uint32_t i = 0; i < STATES_AHEAD; i++)
        prefetch_step(c, i);
    return (int)n;
}

/* One look at an empty ring. True: there is something, or *ended is set. */
static bool look(struct fb_consumer *c, int *ended) {
    /* The command first: what was published before it is then seen. */
    enum fb_command command = fb_rx_command(&c->rx);
    if (fb_rx_peek(&c->rx) != 0)
        return true;
    if (fb_rx_revoked(&c->rx))
        *ended = FB_ENDED_REVOKED;
    else if (command == FB_COMMAND_STOP || command == FB_COMMAND_LEAVE)
        *ended = FB_ENDED_STOPPED;
    else if (consider_leaving(c))
        *ended = FB_ENDED_LEFT;
    return *ended != 0;
}

/* Looks for a while, or, where it spins, until until_ns. True as look(). */
static bool look_for_a_while(struct fb_consumer *c, uint64_t until_ns, int *ended) {
    for (unsigned spin = 1;; spin++) {
        if (look(c, ended))
            return true;
        if (!c->spin && spin >= SPINS_BEFORE_PARK)
            return false;
        cpu_relax();
        if (c->spin && spin % SPINS_PER_YIELD == 0) {
            sched_yield();
            c->now_ns = fb_now_ns();
            if (c->now_ns >= until_ns)
                return false;
        }
    }
}

/* Who waits for packets wants them, also where it has not yet tried to take one. */
static void ask_for_packets(struct fb_consumer *c) {
    if (__builtin_expect(c->ready, 1))
        return;
    c->ready = true;
    fb_up_set_stats(c->up, c->stat_count);
    fb_up_set_worker_status(c->up, FB_STATUS_READY);
}

int fb_consumer_fd(struct fb_consumer *c) {
    ask_for_packets(c);
    if (c->fd == NULL)
        c->fd = consumer_fd_start(c->ctl, c->leave);
    if (c->fd == NULL)
        return -errno;
    consumer_fd_arm(c->fd, &c->rx, c->asked_ns);
    return consumer_fd_number(c->fd);
}

/* Sleeps until there may be something, at most until until_ns. False: a signal handler ran. */
static bool park(struct fb_consumer *c, uint64_t until_ns) {
    uint64_t most_ms = until_ns > c->now_ns ? (until_ns - c->now_ns + 999999) / 1000000 : 1;
    c->counters[FB_WORKER_PARKS]++;
    fb_up_set_counter(c->up, FB_WORKER_PARKS, c->counters[FB_WORKER_PARKS]);
    fb_log_report_lost();
    unsigned ms = most_ms < PARK_MS ? (unsigned)most_ms : PARK_MS;
    if (c->fd != NULL) { /* its thread is the one that parks */
        consumer_fd_arm(c->fd, &c->rx, c->asked_ns);
        return consumer_fd_wait(c->fd, ms);
    }
    enum fb_wake wake = fb_rx_park(&c->rx, ms);
    return wake != FB_WAKE_SIGNAL;
}

/* True: the dispatcher is gone, and all that it published is finished. Looked at now and then. */
static bool look_for_dispatcher(struct fb_consumer *c, bool now) {
    if (!now && c->now_ns - c->looked_ns < LOOK_NS)
        return false;
    c->looked_ns = c->now_ns;
    /* It published all that it ever will before its lock was free. */
    return !fb_ctl_alive(c->ctl) && fb_rx_peek(&c->rx) == 0;
}

/*
 * An empty ring: looks, sleeps, and looks why there may be no more. Returns 1 if the ring has
 * something, 0 if not and it is time to return, or an enum fb_ended.
 */
static int wait_for_burst(struct fb_consumer *c, int timeout_ms) {
    c->now_ns = fb_now_ns();
    note_inspection(c);
    uint64_t until_ns =
        timeout_ms < 0 ? UINT64_MAX : c->now_ns + (uint64_t)timeout_ms * UINT64_C(1000000);
    for (;;) {
        int ended = 0;
        uint64_t look_ns = c->now_ns + LOOK_NS < until_ns ? c->now_ns + LOOK_NS : until_ns;
        if (timeout_ms == 0 ? look(c, &ended) : look_for_a_while(c, look_ns, &ended))
            return ended != 0 ? ended : 1;
        bool parks = timeout_ms != 0 && !c->spin;
        bool undisturbed = !parks || park(c, until_ns);
        if (fb_rx_peek(&c->rx) != 0)
            return 1;
        c->now_ns = fb_now_ns();
        if (look_for_dispatcher(c, parks)) {
            c->orphaned = true;
            return 1;
        }
        if (undisturbed && c->now_ns < until_ns)
            continue;
        if (c->fd != NULL)
            consumer_fd_arm(c->fd, &c->rx, c->asked_ns);
        return 0;
    }
}

int fb_consumer_burst(struct fb_consumer *c, int timeout_ms) {
    consumer_finish(c, false);
    ask_for_packets(c);
    for (;;) {
        if (c->ended != 0)
            return c->ended;
        if (c->orphaned)
            return 1;
        uint32_t n = fb_rx_peek(&c->rx);
        if (n != 0 && asked(c) >= 2)
            return end_with(c, FB_ENDED_LEFT);
        if (n != 0 && fb_rx_command(&c->rx) == FB_COMMAND_LEAVE)
            return end_with(c, FB_ENDED_STOPPED);
        if (n != 0)
            return begin_burst(c, n);
        int waited = wait_for_burst(c, timeout_ms);
        if (waited < 0)
            return end_with(c, (enum fb_ended)waited);
        if (waited == 0)
            return 0;
    }
}

int fb_consumer_next(struct fb_consumer *c, int timeout_ms, const struct fb_event **event) {
    c->prompt = true; /* what follows a burst is here */
    for (;;) {
        *event = fb_consumer_step(c);
        if (*event != NULL)
            return 1;
        int taken = fb_consumer_burst(c, timeout_ms);
        if (taken <= 0)
            return taken;
    }
}
