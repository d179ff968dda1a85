/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nanoseconds an element of rings between two cores, one producer and one
 * consumer, from the first element put in until the last one was looked at:
 *
 *   ours   as the data path uses it, in bulks of 32: a clock reading, the fence
 *          and a look at consumed per bulk, cursor and epoch per packet; the
 *          64 bytes of each descriptor written and read; with and without the
 *          60 bytes of a packet
 *   CK     Concurrency Kit's ck_ring, the same 64 bytes by value; it publishes
 *          each element by itself
 *   DPDK   rte_ring as dpdk-test measures it: bulks of 32 elements of 16 bytes,
 *          which no one reads or writes. It prints the cycles of both sides
 *          added up; they run at the same time, so half of it is shown
 *
 * They alternate. Consumers check number and contents of every element of ours
 * and of CK's, and that none is missing, else the program ends with status 1.
 *
 * usage: bench_ring [RUNS [ELEMENTS]]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "dispatcher/datapath/copy.h"
#include "flow_balancer/ring.h"
#include "tests/bench/bench.h"
#include "tests/bench/check.h"

#ifdef BENCH_HAVE_CK
#include <ck_ring.h>
#endif

#define BULK 32u
#define SLOTS 16384u
#define DEPTH 10000u
#define ARENA (UINT64_C(16) << 20)
#define PACKET_BYTES 60u
#define DPDK_RUNS 3u /* each takes 8 s, of which the line that is wanted is a small part */

struct contest {
    uint64_t elements;
    atomic_bool ready; /* the consumer runs */
    uint64_t end_ns;   /* set by the consumer when it has seen the last */
    uint32_t packet_bytes;
    struct fb_tx tx;
    struct fb_rx rx;
#ifdef BENCH_HAVE_CK
    ck_ring_t ck;
    struct fb_desc *ck_slots;
#endif
};

/* What element n holds; the consumer tells it from every other. */
static void fill(struct fb_desc *desc, uint64_t n) {
    *desc = (struct fb_desc){.frame = n,
                             .time_ns = n * 3,
                             .flow_id = n * 5,
                             .caplen = (uint32_t)n,
                             .flow_seq = (uint32_t)(n * 7)};
}

static void expect(const struct fb_desc *desc, uint64_t n) {
    if (desc->frame != n || desc->time_ns != n * 3 || desc->flow_id != n * 5 ||
        desc->caplen != (uint32_t)n || desc->flow_seq != (uint32_t)(n * 7))
        bench_die("element %llu came as %llu or with other contents", (unsigned long long)n,
                  (unsigned long long)desc->frame);
}

/* ---- ours ---- */

static void stage_one(struct contest *c, uint64_t n, const uint8_t *packet) {
    uint64_t position;
    while (!fb_tx_reserve(&c->tx, c->packet_bytes, &position)) {
        if (fb_tx_refresh(&c->tx) != FB_VIOLATION_NONE)
            bench_die("the ring's consumed is impossible");
    }
    if (c->packet_bytes != 0)
        copy_frame(fb_tx_bytes(&c->tx, position), packet, c->packet_bytes, 0);
    struct fb_desc *desc = fb_tx_stage(&c->tx, position, c->packet_bytes);
    fill(desc, n);
    desc->arena_pos = position;
}

static void produce_ours(struct contest *c) {
    uint64_t packet[8];
    for (uint64_t n = 0; n < c->elements;) {
        uint64_t now_ns = bench_now_ns();
        for (unsigned i = 0; i < BULK && n < c->elements; i++, n++) {
            for (unsigned word = 0; c->packet_bytes != 0 && word < 8; word++)
                packet[word] = n + word;
            stage_one(c, n, (const uint8_t *)packet);
        }
        fb_tx_publish(&c->tx, now_ns);
        fb_tx_fence();
        if (fb_tx_refresh(&c->tx) != FB_VIOLATION_NONE)
            bench_die("the ring's consumed is impossible");
        fb_tx_rewind(&c->tx, true);
    }
}

static void expect_packet(const struct contest *c, const struct fb_desc *desc, uint64_t n) {
    const uint8_t *bytes = fb_rx_bytes(&c->rx, desc);
    for (unsigned at = 0; at < PACKET_BYTES; at += 8) {
        uint64_t word = 0, wanted = n + at / 8;
        uint32_t size = PACKET_BYTES - at < 8 ? PACKET_BYTES - at : 8;
        memcpy(&word, bytes + at, size);
        if (memcmp(&word, &wanted, size) != 0)
            bench_die("the packet of element %llu has other bytes", (unsigned long long)n);
    }
}

static void consume_ours(struct contest *c) {
    for (uint64_t n = 0; n < c->elements;) {
        uint32_t there = fb_rx_peek(&c->rx);
        for (uint32_t i = 0; i < there; i++, n++) {
            const struct fb_desc *desc = fb_rx_desc(&c->rx, i);
            if (!fb_rx_begin(&c->rx, i, &(struct fb_desc){0}))
                bench_die("the ring's epoch has changed");
            expect(desc, n);
            if (c->packet_bytes != 0)
                expect_packet(c, desc, n);
            fb_rx_end();
        }
        if (there != 0)
            fb_rx_release(&c->rx, there);
    }
}

static void *zeroed(size_t size) {
    void *memory = aligned_alloc(4096, (size + 4095) & ~(size_t)4095);
    if (memory == NULL)
        bench_die("no memory for a ring of %zu bytes", size);
    return memset(memory, 0, size);
}

/* ---- Concurrency Kit's ---- */

#ifdef BENCH_HAVE_CK
CK_RING_PROTOTYPE(element, fb_desc)

static void produce_ck(struct contest *c) {
    struct fb_desc desc;
    for (uint64_t n = 0; n < c->elements; n++) {
        fill(&desc, n);
        while (!CK_RING_ENQUEUE_SPSC(element, &c->ck, c->ck_slots, &desc))
            ;
    }
}

static void consume_ck(struct contest *c) {
    struct fb_desc desc;
    for (uint64_t n = 0; n < c->elements; n++) {
        while (!CK_RING_DEQUEUE_SPSC(element, &c->ck, c->ck_slots, &desc))
            ;
        expect(&desc, n);
    }
}
#endif

/* ---- both ---- */

struct ring_kind {
    const char *name;
    void (*produce)(struct contest *);
    void (*consume)(struct contest *);
    uint32_t packet_bytes;
};
static const struct ring_kind kinds[] = {
    {"ours, 64-byte descriptors, bulks of 32", produce_ours, consume_ours, 0},
    {"ours, and the 60 bytes of a packet", produce_ours, consume_ours, PACKET_BYTES},
#ifdef BENCH_HAVE_CK
    {"Concurrency Kit, ck_ring, 64-byte elements", produce_ck, consume_ck, 0},
#endif
};
#define KINDS (sizeof kinds / sizeof *kinds)

struct second {
    struct contest *contest;
    const struct ring_kind *kind;
};

static void *consume(void *arg) {
    const struct second *second = arg;
    bench_pin(1);
    /* Relaxed: the thread's creation has ordered all that was set up. */
    atomic_store_explicit(&second->contest->ready, true, memory_order_relaxed);
    second->kind->consume(second->contest);
    second->contest->end_ns = bench_now_ns();
    return NULL;
}

static double run(const struct ring_kind *kind, uint64_t elements) {
    const struct fb_geometry geometry = {
        .depth = DEPTH, .slots = SLOTS, .worker_burst = BULK, .arena_bytes = ARENA};
    static const uint8_t instance[16] = "bench";
    struct contest c = {.elements = elements, .packet_bytes = kind->packet_bytes};
    struct second second = {&c, kind};
    struct fb_down *down = zeroed(fb_down_footprint(&geometry));
    struct fb_up *up = zeroed(fb_up_footprint());
    pthread_t thread;
    fb_down_format(down, &geometry, instance, 0, 0);
    fb_up_format(up, instance, 0, 1, 0);
    fb_tx_init(&c.tx, down, up);
    fb_tx_set_epoch(&c.tx, 1);
    fb_rx_init(&c.rx, down, up);
#ifdef BENCH_HAVE_CK
    c.ck_slots = zeroed(SLOTS * sizeof(struct fb_desc));
    ck_ring_init(&c.ck, SLOTS);
#endif
    if (pthread_create(&thread, NULL, consume, &second) != 0)
        bench_die("cannot start the consumer's thread");
    while (!atomic_load_explicit(&c.ready, memory_order_relaxed))
        ;
    uint64_t begin = bench_now_ns();
    kind->produce(&c);
    pthread_join(thread, NULL);
    free(down);
    free(up);
#ifdef BENCH_HAVE_CK
    free(c.ck_slots);
#endif
    return (double)(c.end_ns - begin) / (double)elements;
}

/* ---- DPDK's ---- */

/*
 * Adds half of what dpdk-test prints, in nanoseconds by the clock rate that it
 * prints too. Returns NULL, or why there is no figure.
 */
static const char *run_dpdk(struct bench_series *series) {
    static const char command[] =
        "timeout -k 5 60 dpdk-test --no-huge -m 256 --no-pci -l 0,1 --no-shconf"
        " --log-level=lib.eal:8 ring_perf_autotest </dev/null 2>&1";
    static const char wanted[] = "elem APIs: element size 16B: SP/SC: bulk (size: 32): %lf";
    if (system("command -v dpdk-test >/dev/null") != 0)
        return "not installed (dpdk-dev)";
    char line[256];
    double khz = 0, cycles = 0, figure;
    bool over_two_cores = false;
    FILE *output = popen(command, "re");
    if (output == NULL)
        return "could not be started";
    while (fgets(line, sizeof line, output) != NULL) {
        if (strncmp(line, "###", 3) == 0)
            over_two_cores = strstr(line, "two physical cores") != NULL;
        (void)sscanf(line, "EAL: TSC frequency is ~%lf KHz", &khz);
        if (over_two_cores && sscanf(line, wanted, &figure) == 1)
            cycles = figure;
    }
    int status = pclose(output);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 124) /* as timeout says */
        return "dpdk-test took longer than 60 s";
    if (status != 0)
        return "dpdk-test failed";
    if (khz <= 0 || cycles <= 0)
        return "dpdk-test has not printed two cores' cycles and its clock rate";
    bench_add(series, cycles / 2 * 1e6 / khz);
    return NULL;
}

static void print_rows(struct bench_series *ours, struct bench_series *dpdk, const char *no_dpdk) {
    char text[64];
    double first = bench_median(&ours[0]);
    for (unsigned i = 0; i < KINDS; i++)
        printf("| %s | %s | %u | %.2f |\n", kinds[i].name,
               bench_spread(&ours[i], text, sizeof text), ours[i].runs,
               bench_median(&ours[i]) / first);
#ifndef BENCH_HAVE_CK
    puts("| Concurrency Kit, ck_ring, 64-byte elements | not installed (libck-dev) | | |");
#endif
    static const char dpdk_name[] = "DPDK, rte_ring SP/SC, 16-byte elements, bulks of 32";
    if (no_dpdk != NULL)
        printf("| %s | %s | | |\n", dpdk_name, no_dpdk);
    else
        printf("| %s | %s | %u | %.2f |\n", dpdk_name, bench_spread(dpdk, text, sizeof text),
               dpdk->runs, bench_median(dpdk) / first);
}

int main(int argc, char **argv) {
    if (argc > 3) {
        fputs("usage: bench_ring [RUNS [ELEMENTS]]\n", stderr);
        return 2;
    }
    unsigned runs = argc > 1 ? (unsigned)bench_number("RUNS", argv[1], 1, BENCH_RUNS_MAX) : 5;
    uint64_t elements = argc > 2 ? bench_number("ELEMENTS", argv[2], 1, UINT32_MAX) : 10000000;
    static struct bench_series ours[KINDS], dpdk;
    const char *no_dpdk = NULL;
    bench_pin(0);
    for (unsigned r = 0; r < runs; r++) {
        for (unsigned i = 0; i < KINDS; i++)
            bench_add(&ours[i], run(&kinds[i], elements));
        if (r < DPDK_RUNS && no_dpdk == NULL)
            no_dpdk = run_dpdk(&dpdk);
    }
    puts("| ring | ns an element | runs | against ours |\n|---|---|---|---|");
    print_rows(ours, &dpdk, no_dpdk);
    return 0;
}
