/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet costs a worker beside its inspection: the ring's protocol alone, the library's
 * steps and single events, and flow-worker's loop with an inspector that is built in, a plugin,
 * and both together. One thread: the ring is filled, which is not measured, then emptied.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "tests/bench/bench.h"
#include "tests/lib/memory.h"
#include "worker/consumer/consumer_parts.h"
#include "worker/inspectors/inspectors.h"
#include "worker/loop.h"
#include "worker/plugin.h"

#define DEPTH 1024u /* descriptors in play: what a run has when its worker keeps up */
#define SLOTS 2048u
#define BURST 32u
#define ARENA (1u << 20)
#define FLOWS 200u
#define FRAME 60u
#define FILLS 400u /* of a measurement */
#define PASSES_MOST 64u

static struct fb_ctl_handle ctl, seen;
static struct fb_down *down;
static struct fb_up *up;
static struct fb_tx tx;
static struct fb_consumer consumer;
static struct inspection inspection;
static const volatile int never;
static struct fb_flow flows[FLOWS]; /* their records */
static uint64_t frames;

/* ---- the ring -------------------------------------------------------------------------------- */

static void make_ring(void) {
    const struct fb_geometry geometry = {
        .depth = DEPTH, .slots = SLOTS, .worker_burst = BURST, .arena_bytes = ARENA};
    char name[FB_NAME_MAX];
    snprintf(name, sizeof name, "fb-bench-%d", (int)getpid());
    if (fb_ctl_create(&ctl, name) != 0)
        bench_die("no ctl");
    fb_ctl_add_link_type(ctl.ctl, 0, 1);
    fb_ctl_format(&ctl);
    if (fb_ctl_join(&seen, name) != FB_JOINED)
        bench_die("cannot join ctl");
    down = zeroed_pages(fb_down_footprint(&geometry));
    up = zeroed_pages(fb_up_footprint());
    fb_down_format(down, &geometry, ctl.ctl->header.instance, 0, 0);
    fb_up_format(up, ctl.ctl->header.instance, 0, 1, 0);
    fb_tx_init(&tx, down, up);
    fb_tx_set_epoch(&tx, 1);
    for (unsigned i = 0; i < FLOWS; i++)
        flows[i].id = i;
    fb_down_set_flow_records(down, FLOWS);
}

/* TCP over IPv4 over Ethernet: an acknowledgement with padding. */
static void write_frame(uint8_t *bytes) {
    static const uint8_t headers[] = {0, 0,    0, 0, 0,  2, 0, 0, 0, 0,  0, 1, 8,
                                      0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0};
    memcpy(bytes, headers, sizeof headers);
}

static void fill(void) {
    uint64_t position;
    if (fb_tx_refresh(&tx) != FB_VIOLATION_NONE)
        bench_die("consumed is not what it must be");
    fb_tx_rewind(&tx, true);
    while (fb_tx_reserve(&tx, FRAME, &position)) {
        write_frame(fb_tx_bytes(&tx, position));
        uint32_t flow = (uint32_t)(frames % FLOWS);
        frames++;
        *fb_tx_stage(&tx, position, FRAME) =
            (struct fb_desc){.frame = frames,
                             .arena_pos = position,
                             .flow_id = flow,
                             .caplen = FRAME,
                             .wirelen = FRAME,
                             .handle = flow,
                             .l3_off = 14,
                             .l4_off = 34,
                             .payload_off = 54,
                             .flags = frames <= FLOWS ? FB_F_START : 0,
                             .proto = 6};
    }
    fb_tx_publish(&tx, 1);
}

/* ---- ways to empty it ------------------------------------------------------------------------ */

static uint64_t bytes_seen;

/* The least that the protocol allows. */
static void empty_by_hand(void) {
    struct fb_rx *rx = &consumer.rx;
    uint32_t n;
    while ((n = fb_rx_peek(rx)) != 0) {
        for (uint32_t i = 0; i < n; i++) {
            struct fb_desc desc;
            if (!fb_rx_begin(rx, i, &desc))
                bench_die("revoked");
            bytes_seen += desc.caplen;
            fb_rx_end();
        }
        fb_rx_release(rx, n);
    }
}

static void empty_by_step(void) {
    while (fb_consumer_burst(&consumer, 0) > 0) {
        const struct fb_event *event;
        while ((event = fb_consumer_step(&consumer)) != NULL)
            bytes_seen += event->packet.caplen;
    }
}

static void empty_by_next(void) {
    const struct fb_event *event;
    while (fb_consumer_next(&consumer, 0, &event) > 0)
        bytes_seen += event->packet.caplen;
}

/* It ends at the command to stop, when the ring is empty. */
static void empty_by_loop(void) {
    struct worker_loop loop = {
        .consumer = &consumer, .inspection = &inspection, .reload_asked = &never};
    if (worker_loop_run(&loop) != FB_ENDED_STOPPED)
        bench_die("the loop has not stopped");
    consumer.ended = 0;
}

/* ---- measuring ------------------------------------------------------------------------------- */

struct row {
    const char *what;
    void (*empty)(void);
    const char *inspectors[2]; /* names, or the plugin's path */
    struct bench_series ns;
};

static void add_inspector(const char *name) {
    static const struct fb_inspector *plugin;
    if (plugin == NULL && plugin_is_path(name))
        plugin = plugin_load(name);
    const struct fb_inspector *ops = plugin_is_path(name) ? plugin : inspector_find(name);
    if (ops == NULL || inspection_add(&inspection, ops, NULL) != 0)
        bench_die("no inspector %s", name);
}

static void measure(struct row *row) {
    const struct consumer_sides sides = {.ctl = &seen, .down = down, .up = up, .flows = flows};
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    for (unsigned i = 0; i < 2 && row->inspectors[i] != NULL; i++)
        add_inspector(row->inspectors[i]);
    config.state_bytes = inspection.state_bytes;
    fb_tx_set_command(&tx, row->empty == empty_by_loop ? FB_COMMAND_STOP : FB_COMMAND_RUN);
    if (consumer_init(&consumer, &sides, &config) != 0)
        bench_die("no consumer");
    uint64_t spent_ns = 0, packets = 0;
    for (unsigned i = 0; i < FILLS; i++) {
        uint64_t before = frames;
        fill();
        packets += frames - before;
        uint64_t from_ns = bench_now_ns();
        row->empty();
        spent_ns += bench_now_ns() - from_ns;
    }
    bench_add(&row->ns, (double)spent_ns / (double)packets);
    consumer_fini(&consumer);
    inspection_close(&inspection);
    memset(&inspection, 0, sizeof inspection);
}

int main(int argc, char **argv) {
    if (argc < 3)
        bench_die("usage: bench_worker RUNS PLUGIN");
    uint64_t runs = bench_number("RUNS", argv[1], 1, PASSES_MOST);
    struct row rows[] = {
        {.what = "the ring's protocol alone", .empty = empty_by_hand},
        {.what = "library, fb_consumer_burst and step", .empty = empty_by_step},
        {.what = "library, fb_consumer_next", .empty = empty_by_next},
        {.what = "flow-worker, count", .empty = empty_by_loop, .inspectors = {"count"}},
        {.what = "flow-worker, the same as a plugin",
         .empty = empty_by_loop,
         .inspectors = {argv[2]}},
        {.what = "flow-worker, both together",
         .empty = empty_by_loop,
         .inspectors = {"count", argv[2]}},
    };
    fb_log_init("bench_worker", FB_LOG_WARNING);
    bench_pin(1);
    make_ring();
    for (uint64_t run = 0; run <= runs; run++)
        for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            measure(&rows[i]);
            if (run == 0) /* caches, pages, clock frequency */
                rows[i].ns.runs = 0;
        }
    puts("| a worker's cost beside the inspection | ns a packet |\n|---|---|");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        printf("| %s | %s |\n", rows[i].what, bench_spread(&rows[i].ns, text, sizeof text));
    }
    fb_ctl_leave(&seen);
    fb_ctl_destroy(&ctl);
    return bytes_seen == 0;
}
