/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/loop.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"

#define PARK_MS 100u /* bounds every lost wake: a reader of the ring could move a sleeper away */
/* Looks at an empty ring before parking: 12 us (measured: 29 ns a look), what a wake costs. */
#define SPINS_BEFORE_PARK 400u

/* Looks between two at the dispatcher's lock, where the worker only spins: some milliseconds. */
#define SPINS_PER_LOOK 200000u
/* Looks between two yields, where it only spins: others may need the core, the dispatcher first. */
#define SPINS_PER_YIELD 400u
/* Between two tries of an inspector that cannot write: doubled from the first to the last. */
#define OUTPUT_PAUSE_FIRST_MS 1u
#define OUTPUT_PAUSE_MOST_MS 100u
/* Packets whose flow state and first bytes are fetched ahead of the inspection. */
#define STATES_AHEAD 4u

static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int worker_loop_init(struct worker_loop *loop, const struct worker_loop_config *config) {
    *loop = (struct worker_loop){.config = *config};
    fb_rx_init(&loop->rx, config->down, config->up);
    return flow_states_init(&loop->states, config->flow_bytes);
}

void worker_loop_fini(struct worker_loop *loop) {
    flow_states_fini(&loop->states);
}

static bool inspect_end(struct worker_loop *loop, const struct fb_desc *desc) {
    void *flow = flow_states_end(&loop->states, desc->handle, desc->generation);
    if (flow == NULL) {
        loop->counters[FB_WORKER_UNKNOWN_ENDS]++;
        return true;
    }
    loop->counters[FB_WORKER_ENDS]++;
    if (loop->config.ops->flow_end != NULL)
        loop->config.ops->flow_end(loop->config.inspector, flow, desc, fb_desc_reason(desc));
    return true;
}

static void publish_counters(struct worker_loop *loop) {
    for (unsigned i = 0; i < FB_WORKER_COUNT; i++)
        fb_up_set_counter(loop->config.up, (enum fb_worker_counter)i, loop->counters[i]);
}

/* Notes when a signal first asked to leave. */
static void note_signal(struct worker_loop *loop, int asked) {
    if (asked != 0 && loop->asked_ns == 0)
        loop->asked_ns = fb_now_ns();
}

static bool may_leave(const struct worker_loop *loop, int asked) {
    if (asked == 0)
        return false;
    return asked >= 2 || (fb_ctl_run_state(loop->config.ctl->ctl) != FB_RUN_STOPPING &&
                          fb_now_ns() - loop->asked_ns >= LEAVE_GRACE_NS);
}

/*
 * The inspector cannot write what it has to say of descriptor i: pauses, says so in the counter
 * that keeps the worker from being taken for hanging, and begins the descriptor again. False if
 * the loop must end instead; nothing is under inspection then.
 */
static bool pause_for_output(struct worker_loop *loop, uint32_t i, unsigned ms,
                             enum loop_end *end) {
    struct fb_rx *rx = &loop->rx;
    struct fb_desc again;
    fb_rx_pause(rx, i);
    loop->counters[FB_WORKER_OUTPUT_WAITS]++;
    publish_counters(loop);
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
    note_signal(loop, *loop->leave);
    if (fb_rx_revoked(rx))
        *end = LOOP_REVOKED;
    else if (fb_rx_command(rx) == FB_COMMAND_LEAVE)
        *end = LOOP_STOPPED;
    else if (may_leave(loop, *loop->leave))
        *end = LOOP_ASKED;
    else if (!fb_ctl_alive(loop->config.ctl))
        *end = LOOP_FAILED;              /* the rest of the ring waits for what may never come */
    else if (fb_rx_begin(rx, i, &again)) /* the same descriptor: it is not consumed */
        return true;
    else
        *end = LOOP_REVOKED;
    return false;
}

static bool inspect_packet(struct worker_loop *loop, uint32_t i, const struct fb_desc *desc,
                           enum loop_end *end) {
    unsigned pause_ms = OUTPUT_PAUSE_FIRST_MS;
    bool known;
    void *flow = flow_states_begin(&loop->states, desc->handle, desc->generation, &known);
    if (flow == NULL) {
        *end = LOOP_FAILED;
        return false;
    }
    unsigned start = desc->flags & FB_F_START;
    bool mid_stream = !known && start == 0;
    const struct fb_packet packet = {
        .desc = desc,
        .data = fb_rx_bytes(&loop->rx, desc),
        .flags = (uint16_t)(desc->flags | (mid_stream ? FB_F_MID_STREAM : 0)),
        .link_type = fb_ctl_link_type(loop->config.ctl->ctl, fb_desc_link(desc)),
    };
    loop->counters[FB_WORKER_STARTS] += start != 0;
    loop->counters[FB_WORKER_MID_STREAM] += mid_stream;
    loop->counters[FB_WORKER_GAP_PACKETS] += desc->gap;
    void *state = loop->states.flow_bytes != 0 ? flow : NULL;
    int rc;
    while ((rc = loop->config.ops->packet(loop->config.inspector, state, &packet)) ==
           FB_OUTPUT_FAILED) {
        if (!pause_for_output(loop, i, pause_ms, end))
            return false;
        pause_ms = pause_ms * 2 < OUTPUT_PAUSE_MOST_MS ? pause_ms * 2 : OUTPUT_PAUSE_MOST_MS;
    }
    if (rc != 0) {
        *end = LOOP_FAILED;
        return false;
    }
    loop->counters[FB_WORKER_PACKETS]++;
    loop->counters[FB_WORKER_BYTES] += desc->caplen;
    return true;
}

/* Descriptor i of the burst, of which desc is the copy; *end is set if the loop must end. */
static bool inspect(struct worker_loop *loop, uint32_t i, const struct fb_desc *desc,
                    enum loop_end *end) {
    if ((desc->flags & (FB_F_END | FB_F_SKIP)) == 0)
        return inspect_packet(loop, i, desc, end);
    return (desc->flags & FB_F_SKIP) != 0 || inspect_end(loop, desc);
}

/* Takes one burst of n; *end is set if the loop must end. */
static bool inspect_burst(struct worker_loop *loop, uint32_t n, enum loop_end *end) {
    struct fb_rx *rx = &loop->rx;
    uint64_t stamp_ns = fb_rx_stamp(rx);
    if (stamp_ns != 0) {
        uint64_t now_ns = fb_now_ns();
        fb_up_add_latency(loop->config.up, now_ns > stamp_ns ? now_ns - stamp_ns : 0);
    }
    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(fb_rx_desc(rx, i));
    for (uint32_t i = 0; i < n; i++) {
        struct fb_desc desc;
        if (i + STATES_AHEAD < n) {
            const struct fb_desc *later = fb_rx_desc(rx, i + STATES_AHEAD);
            flow_states_prefetch(&loop->states, later->handle);
            __builtin_prefetch(fb_rx_bytes(rx, later));
        }
        if (!fb_rx_begin(rx, i, &desc)) {
            *end = LOOP_REVOKED;
            return false;
        }
        if (!inspect(loop, i, &desc, end))
            return false;
        fb_rx_end();
    }
    publish_counters(loop);
    fb_rx_release(rx, n);
    return true;
}

static void end_orphan(void *arg, void *flow) {
    struct worker_loop *loop = arg;
    static const struct fb_desc end = {.flags = FB_F_END,
                                       .dir_deaths_reason = FB_END_ORPHANED << 3};
    loop->counters[FB_WORKER_ENDS]++;
    if (loop->config.ops->flow_end != NULL)
        loop->config.ops->flow_end(loop->config.inspector, flow, &end, FB_END_ORPHANED);
}

/* An empty ring: spins, parks, and looks why there may be no more. True if the loop must end. */
static bool idle(struct worker_loop *loop, enum loop_end *end) {
    struct fb_rx *rx = &loop->rx;
    for (unsigned spin = 0; spin < SPINS_BEFORE_PARK || loop->config.spin; spin++) {
        /* The command first: what was published before it is then seen. */
        enum fb_command command = fb_rx_command(rx);
        if (fb_rx_peek(rx) != 0)
            return false;
        if (fb_rx_revoked(rx)) {
            *end = LOOP_REVOKED;
            return true;
        }
        int asked = *loop->leave;
        note_signal(loop, asked);
        bool commanded = command == FB_COMMAND_STOP || command == FB_COMMAND_LEAVE;
        if (commanded || may_leave(loop, asked)) {
            *end = commanded ? LOOP_STOPPED : LOOP_ASKED;
            return true;
        }
        cpu_relax();
        if (loop->config.spin && (spin + 1) % SPINS_PER_YIELD == 0)
            sched_yield();
        if (loop->config.spin && (spin + 1) % SPINS_PER_LOOK == 0 &&
            !fb_ctl_alive(loop->config.ctl))
            break;
    }
    if (!loop->config.spin) {
        loop->counters[FB_WORKER_PARKS]++;
        fb_up_set_counter(loop->config.up, FB_WORKER_PARKS, loop->counters[FB_WORKER_PARKS]);
        fb_log_report_lost();
        if (fb_rx_park(rx, PARK_MS) == FB_WAKE_NEW_DATA || fb_ctl_alive(loop->config.ctl))
            return false;
    }
    /* The dispatcher published all that it ever will before its lock was free. */
    if (fb_rx_peek(rx) != 0)
        return false;
    flow_states_each(&loop->states, end_orphan, loop);
    *end = LOOP_ORPHANED;
    return true;
}

enum loop_end worker_loop_run(struct worker_loop *loop, const volatile sig_atomic_t *leave) {
    enum loop_end end = LOOP_STOPPED;
    loop->leave = leave;
    for (;;) {
        uint32_t n = fb_rx_peek(&loop->rx);
        if (n != 0 && *leave >= 2) {
            end = LOOP_ASKED;
            break;
        }
        if (n != 0 && fb_rx_command(&loop->rx) == FB_COMMAND_LEAVE)
            break;
        if (n != 0 ? !inspect_burst(loop, n, &end) : idle(loop, &end))
            break;
    }
    publish_counters(loop);
    return end;
}
