/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/steady.h"

#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/bench/bench.h"
#include "tests/tools/tracegen_pcap.h"
#include "tests/tools/tracegen_random.h"

#define FRAME_ALIGN 16u /* as preloaded frames stand */
#define NS_PER_PACKET 100u
#define START_NS (UINT64_C(1700000000) * 1000000000)
#define SEED 1u
/* Frames of a mix: as tracegen's, 649 bytes on average. */
static const uint16_t mix[16] = {60,  60,  60,  60,   60,   60,   90,   590,
                                 590, 590, 590, 1514, 1514, 1514, 1514, 1514};

static uint32_t aligned(uint32_t bytes) {
    return (bytes + FRAME_ALIGN - 1) & ~(FRAME_ALIGN - 1);
}

static uint32_t size_of(uint32_t frame_bytes, size_t i) {
    return frame_bytes != STEADY_MIX ? frame_bytes : mix[i % 16];
}

/* Bytes that count frames take in memory. */
static size_t bytes_of(uint32_t frame_bytes, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < 16; i++)
        bytes += (count / 16 + (i < count % 16)) * aligned(size_of(frame_bytes, i));
    return bytes;
}

static void *map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        bench_die("no memory for %zu MB of frames", bytes >> 20);
    madvise(at, bytes, MADV_HUGEPAGE); /* as the dispatcher's preloaded traces; refused: slower */
    return at;
}

/* Any odd multiplier maps the numbers below 2^48 one to one: flows with scattered addresses. */
static uint64_t tuple_of(uint64_t flow) {
    return (flow * UINT64_C(0x9e3779b97f4b)) & (TG_TUPLES - 1);
}

static void build(struct tg_random *random, uint32_t flow, uint8_t *at, uint32_t bytes) {
    uint64_t drawn = tg_random_next(random);
    struct tg_segment segment = {
        .tuple = tuple_of(flow),
        .seq = (uint32_t)drawn,
        .ack = (uint32_t)(drawn >> 8),
        .frame_bytes = bytes,
        .ip_id = (uint16_t)(drawn >> 16),
        .kind = flow % 5 == 0 ? TG_UDP : 0,
        .sender = drawn >> 63 != 0 ? TG_SERVER : TG_CLIENT,
        .tcp_flags = TG_PSH | TG_ACK,
    };
    uint32_t headers = tg_header_bytes(segment.kind);
    segment.payload_bytes = bytes - headers;
    tg_frame_build(at, &segment);
    /* All payload is zero, and would look alike in another's place. Checksums are not looked at. */
    memcpy(at + bytes - sizeof(uint32_t), &segment.seq, sizeof(uint32_t));
}

static void shuffle(struct tg_random *random, uint32_t *order, uint64_t count) {
    for (uint64_t i = count - 1; i > 0; i--) {
        uint64_t j = tg_random_below(random, (uint32_t)i + 1);
        uint32_t held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
}

static void build_all(struct steady *s, uint32_t frame_bytes, uint32_t *order) {
    struct tg_random random;
    uint8_t *at = s->bytes;
    tg_random_init(&random, SEED);
    for (size_t i = 0; i < s->count; i++) {
        size_t in_round = i % s->flows;
        if (in_round == 0)
            shuffle(&random, order, s->flows);
        uint32_t flow = order[in_round];
        uint32_t bytes = size_of(frame_bytes, i);
        build(&random, flow, at, bytes);
        s->frames[i] = (struct frame){.data = at,
                                      .time_ns = START_NS + i * NS_PER_PACKET,
                                      .caplen = bytes,
                                      .wirelen = bytes,
                                      .dlt = DLT_EN10MB,
                                      .new_source = i == 0};
        bench_tally_add(&s->tally, at, bytes);
        if (i < s->flows) {
            s->first[flow] = (uint32_t)i;
            s->opened = s->tally;
        }
        at += aligned(bytes);
    }
}

static unsigned next_frames(struct bench_source *source, const struct frame **frames) {
    struct steady *s = (struct steady *)(void *)source;
    size_t left = s->count - s->at;
    unsigned count = left < BURST_MAX ? (unsigned)left : BURST_MAX;
    *frames = s->frames + s->at;
    s->at = count == 0 ? 0 : s->at + count;
    return count;
}

static unsigned next_flows(struct bench_source *source, const struct frame **frames) {
    struct steady *s = (struct steady *)(void *)((char *)source - offsetof(struct steady, opener));
    unsigned count = 0;
    for (; count < BURST_MAX && s->next_flow < s->flows; count++, s->next_flow++) {
        s->window[count] = s->frames[s->first[s->next_flow]];
        s->window[count].time_ns = START_NS + s->next_flow * NS_PER_PACKET;
        s->window[count].new_source = s->next_flow == 0;
    }
    *frames = s->window;
    if (count == 0)
        s->next_flow = 0;
    return count;
}

bool steady_open(struct steady *s, uint32_t frame_bytes, uint64_t flows, size_t least_bytes,
                 size_t *needs_bytes) {
    *s = (struct steady){.source = {next_frames, true}, .opener = {next_flows, false}};
    size_t round = bytes_of(frame_bytes, flows);
    s->flows = flows;
    s->count = (least_bytes > round ? (least_bytes + round - 1) / round : 1) * flows;
    size_t bytes = bytes_of(frame_bytes, s->count) + CAPTURE_SLACK;
    s->mapped_bytes = bytes;
    *needs_bytes = bytes + s->count * sizeof *s->frames + flows * 2 * sizeof *s->first;
    if (*needs_bytes > bench_memory_available())
        return false;
    uint32_t *order = malloc(flows * sizeof *order);
    s->first = malloc(flows * sizeof *s->first);
    if (order == NULL || s->first == NULL)
        bench_die("no memory for %llu flows", (unsigned long long)flows);
    for (uint64_t i = 0; i < flows; i++)
        order[i] = (uint32_t)i;
    s->bytes = map(bytes);
    s->frames = map(s->count * sizeof *s->frames);
    build_all(s, frame_bytes, order);
    free(order);
    return true;
}

void steady_close(struct steady *s) {
    munmap(s->bytes, s->mapped_bytes);
    munmap(s->frames, s->count * sizeof *s->frames);
    free(s->first);
}
