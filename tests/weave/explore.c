/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/weave/explore.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/memory.h"

#define ARENA 4096u
#define NOW_NS UINT64_C(1000000000)

static const struct ring_start from_zero = {.text = "0"};
static const volatile int never;
static struct fb_ctl ctl; /* of a dispatcher that runs and has no link types */
static const struct fb_ctl_handle ctl_handle = {.ctl = &ctl};

/* Under the names that weave_atomic.h gives them. */
bool fb_ctl_alive(const struct fb_ctl_handle *handle) {
    (void)handle;
    return true;
}

bool fb_ctl_is_named(const struct fb_ctl *named) {
    (void)named;
    return true;
}

/* ---- the states of flows, in the place of worker/consumer/flow_states.c: there are none */

int flow_states_init(struct flow_states *states, size_t flow_bytes) {
    static char *no_chunks[FLOW_STATES_CHUNKS];
    *states = (struct flow_states){.flow_bytes = flow_bytes, .chunks = no_chunks};
    return 0;
}

void flow_states_fini(struct flow_states *states) {
    (void)states;
}

void *flow_states_begin(struct flow_states *states, uint32_t handle, uint16_t generation,
                        uint64_t flow_id, bool *known) {
    static struct flow_state_tag tag[2]; /* the state would be behind the first */
    (void)states, (void)handle, (void)generation, (void)flow_id;
    *known = true;
    return &tag[1];
}

void *flow_states_end(struct flow_states *states, uint32_t handle, uint16_t generation) {
    (void)states, (void)handle, (void)generation;
    return NULL;
}

bool flow_states_take(struct flow_states *states, uint32_t *next, struct begun_flow *flow) {
    (void)states, (void)next, (void)flow;
    return false;
}

/* ---- the inspector */

static int note_packet(void *self, void *flow, const struct fb_packet *packet) {
    struct serving *s = self;
    struct world *world = s->world;
    uint64_t frame = packet->frame;
    (void)flow;
    weave_expect(frame < MOST_FRAMES, "a frame that was never sent is inspected");
    if (frame != 0 && frame == world->no_output_for && !s->had_no_output) {
        s->had_no_output = true;
        weave_pause();
        return FB_OUTPUT_FAILED;
    }
    weave_expect(world->inspection_count < 4 * MOST_FRAMES, "far too much is inspected");
    world->inspections[world->inspection_count++] =
        (struct inspected){.frame = frame,
                           .process = s->process,
                           .redelivered = (packet->flags & FB_F_REDELIVERED) != 0};
    weave_pause();
    weave_plain_store(&world->finished[frame], world->finished[frame] + 1);
    return 0;
}

static const struct fb_inspector noting = {FB_INSPECTOR_HEAD, .name = "note",
                                           .packet = note_packet};

/* ---- the world */

void world_watch_up(struct fb_up *up) {
    WEAVE_WATCH(up->consumed);
    WEAVE_WATCH(up->parked);
    WEAVE_WATCH(up->cursor);
}

struct serving *world_serve(struct world *world, unsigned process, uint64_t epoch) {
    struct serving *s = &world->serving[process];
    s->world = world;
    s->process = process;
    if (process == 0)
        s->up = world->ring.up;
    fb_up_format(s->up, ring_instance, 0, epoch, world->ring.tx.consumed);
    return s;
}

void world_make(struct world *world, uint32_t depth, uint32_t slots) {
    memset(world, 0, sizeof *world);
    world->ring.start = &from_zero;
    ring_make(&world->ring, depth, slots, ARENA);
    world_serve(world, 0, 1);
    struct fb_down *down = world->ring.down;
    WEAVE_WATCH(down->published);
    WEAVE_WATCH(down->epoch);
    WEAVE_WATCH(down->command);
    WEAVE_WATCH(down->doorbell);
    world_watch_up(world->ring.up);
}

void world_free(void *arg) {
    struct world *world = arg;
    for (unsigned p = 0; p < MOST_PROCESSES; p++) {
        if (p != 0)
            free(world->serving[p].up);
    }
    world->ring.up = world->serving[0].up;
    ring_free(&world->ring);
}

void serve(void *arg) {
    struct serving *s = arg;
    const struct consumer_sides sides = {
        .ctl = &ctl_handle, .down = s->world->ring.down, .up = s->up};
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    config.spin = s->world->spin;
    weave_expect(consumer_init(&s->consumer, &sides, &config) == 0, "no memory");
    struct inspection inspection = {.count = 1, .items = {{.ops = &noting, .self = s}}};
    struct worker_loop loop = {
        .consumer = &s->consumer, .inspection = &inspection, .reload_asked = &never};
    s->ended = worker_loop_run(&loop);
}

/* ---- the dispatcher */

void give(struct world *world) {
    struct fb_tx *tx = &world->ring.tx;
    bool woken = false;
    weave_expect(ring_put(&world->ring, 0), "the ring is full");
    fb_tx_publish(tx, NOW_NS);
    fb_tx_fence();
    fb_tx_wake(tx, NOW_NS, true, &woken);
}

static bool is_empty(struct fb_tx *tx) {
    weave_expect(fb_tx_refresh(tx) == FB_VIOLATION_NONE, "consumed is out of range");
    return tx->consumed == tx->seq;
}

void await_empty(struct world *world) {
    struct fb_tx *tx = &world->ring.tx;
    for (;;) {
        uint64_t before = weave_stores();
        if (is_empty(tx))
            return;
        bool more = weave_sleep(before);
        weave_expect(more || is_empty(tx), "packets wait and the worker sleeps: a wake is lost");
    }
}

void explore(const struct weave_scenario *scenario, void *world) {
    const char *error = NULL;
    struct weave_scenario strong = *scenario, weak = *scenario;
    strong.weak = 0;
    weak.preemptions--;
    uint64_t runs = weave_explore(&strong, world, &error);
    if (error == NULL)
        runs += weave_explore(&weak, world, &error);
    if (error != NULL)
        fail_msg("%s: %s (FB_WEAVE_TRACE=1 shows the run)", scenario->name, error);
    print_message("%s: %llu runs\n", scenario->name, (unsigned long long)runs);
}
