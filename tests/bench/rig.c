/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/rig.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dispatcher/run/ledger.h"
#include "flow_balancer/claim.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "tests/bench/bench.h"

#define PATIENCE_NS UINT64_C(30000000000)
#define WORKER_BURST 32u
#define IDLE_ROUNDS 10000u /* between passes others may want the core; never within one */

/*
 * read_bytes is written before frames are published and tally before
 * descriptors are given back, each read behind the ring's own acquire.
 */
struct consumer {
    pthread_t thread;
    const char *name;
    unsigned workers;
    bool read_bytes;
    struct bench_tally tally;
    atomic_bool stop;
    struct fb_claim claims[FB_MAX_WORKERS];
    struct fb_rx rx[FB_MAX_WORKERS];
};

static void claim_all(struct consumer *consumer, struct fb_ctl_handle *ctl) {
    if (fb_ctl_join(ctl, consumer->name) != FB_JOINED)
        bench_die("cannot join %s", consumer->name);
    for (unsigned k = 0; k < consumer->workers; k++) {
        struct fb_claim *claim = &consumer->claims[k];
        if (fb_claim_take(claim, ctl, k) != FB_CLAIMED)
            bench_die("cannot claim number %u of %s", k, consumer->name);
        fb_rx_init(&consumer->rx[k], claim->down, claim->up);
        fb_up_set_worker_status(claim->up, FB_STATUS_READY);
    }
}

/* One burst of one ring, its sums in registers; returns how many descriptors there were. */
static uint32_t take(struct consumer *consumer, struct fb_rx *rx) {
    uint32_t n = fb_rx_peek(rx);
    if (n == 0)
        return 0;
    struct bench_tally tally = consumer->tally;
    bool read_bytes = consumer->read_bytes;
    for (uint32_t i = 0; i < n; i++) {
        const struct fb_desc *desc = fb_rx_desc(rx, i);
        if ((desc->flags & FB_F_END) != 0)
            continue;
        if (read_bytes) {
            bench_tally_add(&tally, fb_rx_bytes(rx, desc), desc->caplen);
        } else {
            tally.packets++;
            tally.bytes += desc->caplen;
        }
    }
    consumer->tally = tally;
    fb_rx_release(rx, n);
    return n;
}

static void *consume(void *arg) {
    struct consumer *consumer = arg;
    struct fb_ctl_handle ctl;
    bench_pin(1);
    claim_all(consumer, &ctl);
    /* Relaxed: nothing else is read behind it. */
    for (unsigned idle = 0; !atomic_load_explicit(&consumer->stop, memory_order_relaxed);) {
        uint32_t taken = 0;
        for (unsigned k = 0; k < consumer->workers; k++)
            taken += take(consumer, &consumer->rx[k]);
        idle = taken != 0 ? 0 : idle + 1;
        if (idle > IDLE_ROUNDS)
            sched_yield();
    }
    for (unsigned k = 0; k < consumer->workers; k++)
        fb_claim_release(&consumer->claims[k]);
    fb_ctl_leave(&ctl);
    return NULL;
}

static void start_consumer(struct rig *rig, unsigned workers) {
    rig->consumer = calloc(1, sizeof *rig->consumer);
    if (rig->consumer == NULL)
        bench_die("no memory for a consumer");
    rig->consumer->name = rig->name;
    rig->consumer->workers = workers;
    if (pthread_create(&rig->consumer->thread, NULL, consume, rig->consumer) != 0)
        bench_die("cannot start the consumer's thread");
}

void rig_wait_ready(struct rig *rig) {
    uint64_t begin = bench_now_ns();
    while (rig->fleet.balance.count < rig->fleet.count) {
        fleet_poll(&rig->fleet, bench_now_ns());
        usleep(1000);
        if (bench_now_ns() - begin > PATIENCE_NS)
            bench_die("%u of %u workers are ready after 30 s", rig->fleet.balance.count,
                      rig->fleet.count);
    }
}

/* A program that ends early leaves nothing in /dev/shm: a ring takes 17 MB there. */
static struct rig *open_rig;
static volatile sig_atomic_t interrupted; /* looked at between passes */

static void interrupt(int number) {
    interrupted = number;
}

static void unlink_rig(void) {
    if (open_rig != NULL)
        fb_ctl_destroy(&open_rig->ctl);
}

struct rig *rig_open(unsigned workers, uint32_t max_flows, bool consume_too) {
    struct rig *rig = calloc(1, sizeof *rig);
    struct flow_timeouts timeouts;
    const struct fleet_timing timing = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    if (rig == NULL)
        bench_die("no memory for the rig");
    snprintf(rig->name, sizeof rig->name, "bench-%d", (int)getpid());
    flow_timeouts_init(&timeouts);
    if (fb_guard_init() != 0 || fb_ctl_create(&rig->ctl, rig->name) != 0)
        exit(1);
    open_rig = rig;
    atexit(unlink_rig);
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    rig->ctl.ctl->geometry = (struct fb_geometry){.workers = workers,
                                                  .max_workers = workers,
                                                  .depth = RIG_DEPTH,
                                                  .slots = RIG_SLOTS,
                                                  .worker_burst = WORKER_BURST,
                                                  .arena_bytes = RIG_ARENA,
                                                  .max_flows = max_flows};
    if (fleet_init(&rig->fleet, &(struct fleet_config){.ctl = rig->ctl.ctl,
                                                       .rings = workers,
                                                       .policy = policy_find(POLICY_DEFAULT),
                                                       .hugepages = FB_HUGEPAGES_AUTO,
                                                       .timing = timing,
                                                       .lossless = true}) != 0 ||
        flows_init(&rig->flows,
                   &(struct flows_config){.max_flows = max_flows,
                                          .timeouts = &timeouts,
                                          .ticks_per_second = PACKET_CLOCK_TICKS_PER_SECOND,
                                          .hugepages = FB_HUGEPAGES_AUTO,
                                          .handles = rig->fleet.handles}) != 0)
        exit(1);
    fb_ctl_format(&rig->ctl);
    datapath_init(
        &rig->datapath,
        &(struct datapath_config){
            .fleet = &rig->fleet,
            .flows = &rig->flows,
            .decoding = &(struct decode_options){.ports = &decode_usual_ports, .outer = false},
            .block = true,
            .preloaded = true,
            .longest_timeout_ns = UINT64_C(3600) * 1000000000,
        });
    rig->ahead = rig->datapath.ahead;
    if (consume_too) {
        start_consumer(rig, workers);
        rig_wait_ready(rig);
    }
    return rig;
}

void rig_close(struct rig *rig) {
    if (rig->consumer != NULL) {
        atomic_store_explicit(&rig->consumer->stop, true, memory_order_relaxed);
        pthread_join(rig->consumer->thread, NULL);
        free(rig->consumer);
    }
    fleet_fini(&rig->fleet);
    flows_fini(&rig->flows);
    fb_ctl_destroy(&rig->ctl);
    open_rig = NULL;
    free(rig);
}

/* Yields until a consumer may have made room; the dispatcher's own work is timed apart. */
static void wait_for_room(struct rig *rig, struct rig_time *time) {
    uint64_t begin = bench_now_ns(), now = begin;
    enum egress_result stop = EGRESS_RING_FULL;
    while (stop != EGRESS_DONE) {
        sched_yield();
        rig->datapath.egress.now_ns = now;
        stop = datapath_run(&rig->datapath);
        now = bench_now_ns();
        if (stop == EGRESS_NO_WORKER)
            bench_die("a worker is gone");
        if (now - begin > PATIENCE_NS)
            bench_die("the ring of worker %u has been full for 30 s",
                      rig->datapath.egress.stopped_worker);
    }
    time->waited_ns += now - begin;
}

/* Until every ring is empty, by what the dispatcher sees. */
static void drain(struct rig *rig, struct rig_time *time) {
    uint64_t begin = bench_now_ns(), now = begin;
    datapath_flush(&rig->datapath);
    egress_wake_all(&rig->datapath.egress);
    for (unsigned k = 0; k < rig->fleet.count;) {
        struct lane *lane = &rig->fleet.lanes[k];
        fleet_refresh(&rig->fleet, k, now);
        now = bench_now_ns();
        if (lane->tx.consumed == lane->tx.seq) {
            k++;
            continue;
        }
        sched_yield();
        if (now - begin > PATIENCE_NS)
            bench_die("worker %u has left %llu packets in its ring for 30 s", k,
                      (unsigned long long)lane_waiting(lane));
    }
    time->waited_ns += now - begin;
}

static uint64_t deliver(struct rig *rig, struct bench_source *source, struct rig_time *time) {
    const struct frame *frames;
    uint64_t done = 0, begin = 0;
    unsigned count;
    while ((count = source->next(source, &frames)) != 0) {
        rig->datapath.egress.now_ns = bench_now_ns();
        begin = begin == 0 ? rig->datapath.egress.now_ns : begin;
        datapath_give(&rig->datapath, frames, count);
        if (datapath_run(&rig->datapath) != EGRESS_DONE)
            wait_for_room(rig, time);
        done += count;
    }
    drain(rig, time);
    time->packets += done;
    time->ns += bench_now_ns() - begin;
    return done;
}

static void gather(struct rig *rig, struct bench_facts *facts) {
    const struct capture_stats none = {0};
    struct fb_snapshot *snapshot = malloc(sizeof *snapshot);
    if (snapshot == NULL)
        bench_die("no memory for the ledger");
    ledger_gather(snapshot, &rig->datapath, &none);
    facts->delivered = rig->delivered;
    facts->received = snapshot->run[FB_RUN_RECEIVED];
    facts->flows_created = snapshot->run[FB_RUN_FLOWS_CREATED];
    facts->flows_active = snapshot->run[FB_RUN_FLOWS_ACTIVE];
    facts->inspected = facts->dropped = 0;
    for (unsigned k = 0; k < rig->fleet.count; k++)
        facts->inspected += snapshot->lane[k][FB_LANE_INSPECTED];
    for (unsigned reason = 0; reason < FB_DROP_COUNT; reason++)
        facts->dropped += snapshot->dropped[reason];
    free(snapshot);
}

void rig_pass(struct rig *rig, struct bench_source *source, bool read_bytes, struct rig_time *time,
              struct bench_facts *facts) {
    if (interrupted != 0)
        bench_die("ended by %s", strsignal(interrupted));
    if (rig->consumer != NULL) {
        rig->consumer->read_bytes = read_bytes;
        rig->consumer->tally = (struct bench_tally){0};
    }
    rig->datapath.ahead = source->in_memory ? rig->ahead : 0;
    rig->delivered += deliver(rig, source, time);
    if (rig->consumer != NULL)
        facts->read = rig->consumer->tally;
    facts->bytes_read = read_bytes;
    gather(rig, facts);
}

uint8_t *rig_arena(void) {
    uint8_t *arena = aligned_alloc(4096, RIG_ARENA);
    if (arena == NULL)
        bench_die("no memory for a ring");
    return memset(arena, 0, RIG_ARENA);
}

void rig_copy(struct bench_source *source, uint8_t *arena, struct rig_time *time) {
    const struct frame *frames;
    uint64_t begin = 0, at = 0;
    unsigned count;
    while ((count = source->next(source, &frames)) != 0) {
        if (begin == 0)
            begin = bench_now_ns();
        for (unsigned i = 0; i < count; i++) {
            if (at + frames[i].caplen > RIG_ARENA)
                at = 0;
            memcpy(arena + at, frames[i].data, frames[i].caplen);
            at += fb_align_up(frames[i].caplen, FB_ARENA_ALIGN);
        }
        time->packets += count;
    }
    time->ns += bench_now_ns() - begin;
}
