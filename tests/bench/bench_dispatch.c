/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nanoseconds a packet of the dispatcher core, beside two yardsticks of the
 * same run: copying the same frames into the same ring, and reading the same
 * file with libpcap. The real data path (dispatcher/loop.c) runs on one core;
 * on another a consumer reads every descriptor through fb_rx_peek() and gives
 * it back, so that the cache lines really travel and the ring is never full.
 * Runs alternate; medians and spread are printed as Markdown.
 *
 * usage: bench_dispatch TRACE.pcap LABEL [workers [runs [packets]]]
 */
#include <pcap/pcap.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dispatcher/copy.h"
#include "dispatcher/ledger.h"
#include "dispatcher/loop.h"
#include "flow_balancer/claim.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/log.h"

#define RUNS_MAX 64u
#define DEPTH 10000u
#define SLOTS 16384u
#define ARENA (UINT64_C(16) << 20)
#define MAX_FLOWS 2000000u

static struct rig {
    struct fb_ctl_handle ctl;
    struct fleet fleet;
    struct flows flows;
    struct loop loop;
    struct fb_snapshot snapshot;
} rig;

struct consumer {
    const char *name;
    unsigned workers;
    volatile bool ready, stop;
    uint64_t packets;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void pin(unsigned cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void fail(const char *what) {
    fprintf(stderr, "bench_dispatch: %s\n", what);
    exit(1);
}

static void *consume(void *arg) {
    struct consumer *consumer = arg;
    static struct fb_claim claims[FB_MAX_WORKERS];
    static struct fb_rx rx[FB_MAX_WORKERS];
    struct fb_ctl_handle ctl;
    pin(1);
    if (fb_ctl_join(&ctl, consumer->name) != FB_JOINED)
        fail("cannot join");
    for (unsigned k = 0; k < consumer->workers; k++) {
        if (fb_claim_take(&claims[k], &ctl, k) != FB_CLAIMED)
            fail("cannot claim");
        fb_rx_init(&rx[k], claims[k].down, claims[k].up);
        fb_up_set_wish(claims[k].up, FB_WISH_READY);
    }
    consumer->ready = true;
    uint64_t sum = 0;
    while (!consumer->stop) {
        for (unsigned k = 0; k < consumer->workers; k++) {
            uint32_t n = fb_rx_peek(&rx[k]);
            for (uint32_t i = 0; i < n; i++) {
                const struct fb_desc *desc = fb_rx_desc(&rx[k], i);
                sum += desc->caplen;
                consumer->packets += (desc->flags & FB_F_END) == 0;
            }
            if (n != 0)
                fb_rx_release(&rx[k], n);
        }
    }
    if (sum == 1)
        puts(""); /* the bytes are read */
    for (unsigned k = 0; k < consumer->workers; k++)
        fb_claim_release(&claims[k]);
    fb_ctl_leave(&ctl);
    return NULL;
}

static struct capture *open_trace(const char *path, bool preload, uint64_t loops) {
    const struct capture_config config = {
        .files = &path, .file_count = 1, .preload = preload, .loops = loops};
    struct capture *capture;
    if (capture_open(&capture, &config) != 0)
        exit(1);
    return capture;
}

/* Delivers up to `packets` frames of a source through the data path; returns ns a packet. */
static double run_dispatch(struct capture *capture, uint64_t packets) {
    struct loop *loop = &rig.loop;
    uint64_t done = 0, begin = 0;
    for (;;) {
        const struct frame *frames;
        unsigned count;
        loop->now_ns = now_ns();
        enum capture_status status = capture_burst(capture, LOOP_BURST, &frames, &count);
        if (count != 0) {
            begin = begin == 0 ? loop->now_ns : begin;
            loop_take(loop, frames, count);
            while (loop_deliver(loop) != LOOP_DONE)
                sched_yield();
            done += count;
        }
        if (done >= packets || (count == 0 && status == CAPTURE_END))
            break;
    }
    return (double)(now_ns() - begin) / (double)done;
}

/* The same frames into memory of the size of one ring; returns ns a packet. */
static double run_copy(struct capture *capture, uint64_t packets, uint8_t *arena) {
    uint64_t done = 0, begin = 0, head = 0;
    while (done < packets) {
        const struct frame *frames;
        unsigned count;
        if (capture_burst(capture, LOOP_BURST, &frames, &count) == CAPTURE_END)
            break;
        if (begin == 0 && count != 0)
            begin = now_ns();
        for (unsigned i = 0; i < count; i++) {
            if ((head & (ARENA - 1)) + frames[i].caplen > ARENA)
                head = (head | (ARENA - 1)) + 1;
            memcpy(arena + (head & (ARENA - 1)), frames[i].data, frames[i].caplen);
            head += (frames[i].caplen + 63) & ~UINT64_C(63);
        }
        done += count;
    }
    return (double)(now_ns() - begin) / (double)done;
}

static void count_frame(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes) {
    (void)bytes;
    *(uint64_t *)(void *)user += header->caplen != 0;
}

static double run_libpcap(const char *path) {
    char error[PCAP_ERRBUF_SIZE];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail("cannot open the trace");
    setvbuf(file, NULL, _IOFBF, 1 << 20);
    pcap_t *pcap =
        pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
    if (pcap == NULL)
        fail(error);
    uint64_t frames = 0, begin = now_ns();
    while (pcap_dispatch(pcap, LOOP_BURST, count_frame, (u_char *)&frames) > 0)
        ;
    double ns = (double)(now_ns() - begin) / (double)frames;
    pcap_close(pcap);
    return ns;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double row(const char *label, const char *what, double *ns, unsigned runs, double against) {
    qsort(ns, runs, sizeof *ns, compare);
    double median = ns[runs / 2];
    printf("| %s | %s | %.1f | %.1f - %.1f |", label, what, median, ns[0], ns[runs - 1]);
    if (against > 0)
        printf(" %.2f |\n", median / against);
    else
        printf(" |\n");
    return median;
}

static void set_up(const char *name, unsigned workers) {
    struct flow_timeouts timeouts;
    flow_timeouts_init(&timeouts);
    if (fb_guard_init() != 0 || fb_ctl_create(&rig.ctl, name) != 0)
        exit(1);
    rig.ctl.ctl->geometry = (struct fb_geometry){.workers = workers,
                                                 .max_workers = workers,
                                                 .depth = DEPTH,
                                                 .slots = SLOTS,
                                                 .worker_burst = 32,
                                                 .arena_bytes = ARENA,
                                                 .max_flows = MAX_FLOWS};
    const struct fleet_timing timing = {UINT64_MAX, UINT64_MAX};
    if (fleet_init(&rig.fleet, rig.ctl.ctl, policy_find(POLICY_DEFAULT), 0, FB_HUGEPAGES_AUTO,
                   &timing) != 0 ||
        flows_init(&rig.flows, MAX_FLOWS, &timeouts, PACKET_CLOCK_TICKS_PER_SECOND,
                   FB_HUGEPAGES_AUTO, rig.fleet.handles) != 0)
        exit(1);
    fb_ctl_format(&rig.ctl);
}

static void wait_ready(const struct consumer *consumer) {
    while (!consumer->ready)
        usleep(1000);
    while (rig.fleet.balance.count < consumer->workers)
        fleet_poll(&rig.fleet, now_ns());
}

int main(int argc, char **argv) {
    if (argc < 3)
        fail("usage: bench_dispatch TRACE.pcap LABEL [workers [runs [packets]]]");
    const char *path = argv[1], *label = argv[2];
    unsigned workers = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
    unsigned runs = argc > 4 ? (unsigned)atoi(argv[4]) : 5;
    uint64_t packets = argc > 5 ? strtoull(argv[5], NULL, 10) : 4000000;
    if (workers < 1 || workers > FB_MAX_WORKERS || runs < 1 || runs > RUNS_MAX)
        fail("workers 1 to 256, runs 1 to 64");
    fb_log_init("bench_dispatch", FB_LOG_WARNING);
    char name[32];
    snprintf(name, sizeof name, "bench-%d", (int)getpid());
    set_up(name, workers);
    struct consumer consumer = {.name = name, .workers = workers};
    pthread_t thread;
    pthread_create(&thread, NULL, consume, &consumer);
    pin(0);
    wait_ready(&consumer);
    loop_init(&rig.loop, &rig.fleet, &rig.flows, false, true, true, UINT64_C(3600000000000));

    uint8_t *arena = aligned_alloc(4096, ARENA + 4096);
    memset(arena, 0, ARENA + 4096);
    /* One preloaded source for the data path and one for copying: each goes round for ever. */
    struct capture *memory = open_trace(path, true, UINT64_MAX);
    static double dispatch[RUNS_MAX], copy[RUNS_MAX], file[RUNS_MAX], libpcap[RUNS_MAX];
    run_dispatch(memory, packets); /* the flows are then alive */
    for (unsigned r = 0; r < runs; r++) {
        rig.loop.ahead = 32768;
        dispatch[r] = run_dispatch(memory, packets);
        copy[r] = run_copy(memory, packets, arena);
        libpcap[r] = run_libpcap(path);
        rig.loop.ahead = 0;
        struct capture *from_file = open_trace(path, false, 1);
        file[r] = run_dispatch(from_file, UINT64_MAX);
        capture_close(from_file);
    }
    double copying = row(label, "copying alone, from memory", copy, runs, 0);
    row(label, "dispatcher, from memory", dispatch, runs, copying);
    double reading = row(label, "libpcap alone, from a file", libpcap, runs, 0);
    row(label, "dispatcher, from a file", file, runs, reading);
    struct capture_stats none = {0};
    ledger_gather(&rig.snapshot, &rig.loop, &none);
    printf("\n%s: %u flows alive, %u worker rings on %s pages, flow table on %s pages, %u runs\n\n",
           label, rig.flows.table.used, workers, fb_rung_names[fb_ctl_rung(rig.ctl.ctl, 0)],
           fb_rung_names[rig.flows.region.rung], runs);
    capture_close(memory);
    consumer.stop = true;
    pthread_join(thread, NULL);
    fleet_fini(&rig.fleet);
    flows_fini(&rig.flows);
    fb_ctl_destroy(&rig.ctl);
    return 0;
}
