/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tools/tracegen_traffic.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tests/tools/tracegen_random.h"

#define NS_PER_S UINT64_C(1000000000)

/* Packets of the talk, at least: with fewer, handshakes outweigh data and a mix cannot reach its
 * mean. */
#define TALK_MIN 4u
#define DATAGRAMS_MIN 1u /* a lone query or log line */
#define FLOW_PACKETS_MAX (1u << 20)

/* Flows of so many packets may be busy: at alpha 1.2 one in 750. More than BUSY_MAX at a time are
 * not. */
#define BUSY_PACKETS_MIN 1000u
#define BUSY_MAX 4096u

/* Chances in 256. */
#define CHANCE_SERVER_SENDS 176u /* downloads outweigh uploads */
#define CHANCE_ACK_IF_OWED 96u   /* below that of data: delayed ACKs answer several segments */
#define CHANCE_RESET 32u         /* one connection in eight ends by RST */
#define CHANCE_ONE_WAY 64u       /* one UDP flow in four gets no answer */

/* Mean of a mix, bytes: the larger of the two frame sizes that the benchmarks state goals for. */
#define MIX_MEAN_BYTES 650u

/*
 * Picks drawn ahead and prefetched: 4 million flows do not fit a cache. 8 to
 * 128 take a tenth less time than 1 there. A power of two.
 */
#define PICKS_AHEAD 8u

enum step {
    STEP_SYN,
    STEP_SYN_ACK,
    STEP_ACK,
    STEP_TALK,
    STEP_FIN,
    STEP_FIN_BACK,
    STEP_LAST_ACK,
    STEP_RESET,
    STEP_DATAGRAM,
    STEP_ENDED,
};

/* The steps that are always alike; TALK and DATAGRAM have functions of their own. */
static const struct step_rule {
    bool by_closer; /* the side named is seen from the closer: client means the closer itself */
    uint8_t sender;
    uint8_t tcp_flags;
    uint8_t next;
} step_rules[] = {
    [STEP_SYN] = {false, TG_CLIENT, TG_SYN, STEP_SYN_ACK},
    [STEP_SYN_ACK] = {false, TG_SERVER, TG_SYN | TG_ACK, STEP_ACK},
    [STEP_ACK] = {false, TG_CLIENT, TG_ACK, STEP_TALK},
    [STEP_FIN] = {true, TG_CLIENT, TG_FIN | TG_ACK, STEP_FIN_BACK},
    [STEP_FIN_BACK] = {true, TG_SERVER, TG_FIN | TG_ACK, STEP_LAST_ACK},
    [STEP_LAST_ACK] = {true, TG_CLIENT, TG_ACK, STEP_ENDED},
    [STEP_RESET] = {true, TG_CLIENT, TG_RST | TG_ACK, STEP_ENDED},
};

/* 24 bytes: what 4 million flows cost is 96 MB. */
struct flow {
    uint64_t tuple;
    uint32_t left;   /* packets still to come in TALK or DATAGRAM */
    uint32_t seq[2]; /* next sequence number of each side */
    uint8_t kind;    /* TG_IPV6 and so on */
    uint8_t step;
    uint8_t owes; /* bit per side: it has data to acknowledge */
    uint8_t closer : 1;
    uint8_t by_reset : 1;
    uint8_t one_way : 1;
};
_Static_assert(sizeof(struct flow) == 24, "4 million flows in 96 MB");

/* A busy flow, for as long as the slot still has this tuple and has not ended. */
struct busy {
    uint64_t tuple;
    uint32_t slot;
};

struct traffic {
    const struct tg_profile *profile;
    struct tg_summary *summary;
    struct tg_random random;
    struct tg_pareto sizes;
    uint64_t tuple_offset;
    struct flow *slots; /* profile->flows of them */
    uint32_t opened;    /* slots that have been in use */
    struct flow *ended; /* the slot to be used again by the next packet, or NULL */
    struct flow elephant;
    uint32_t picks[PICKS_AHEAD];
    uint32_t next_pick;
    uint32_t busy_count;
    struct busy busy[BUSY_MAX];
};

/*
 * A permutation of the numbers below 2^48: the product with an odd number and
 * the exclusive or with the own upper half can both be undone. So different
 * flow numbers give different tuples.
 */
static uint64_t permute_tuple(uint64_t x) {
    const uint64_t mask = TG_TUPLES - 1;
    x = (x * UINT64_C(0x9e3779b97f4b)) & mask;
    x ^= x >> 24;
    x = (x * UINT64_C(0xd1342543de83)) & mask;
    return x ^ (x >> 24);
}

static void draw_tcp(struct traffic *t, struct flow *flow) {
    uint64_t drawn = tg_random_next(&t->random);
    flow->step = STEP_SYN;
    flow->left = tg_pareto_draw(&t->sizes, &t->random, TALK_MIN, FLOW_PACKETS_MAX);
    flow->seq[TG_CLIENT] = (uint32_t)drawn;
    flow->seq[TG_SERVER] = (uint32_t)(drawn >> 32);
    drawn = tg_random_next(&t->random) >> 32;
    flow->closer = drawn & 1;
    flow->by_reset = ((drawn >> 8) & 0xff) < CHANCE_RESET;
}

static void draw_udp(struct traffic *t, struct flow *flow) {
    flow->step = STEP_DATAGRAM;
    flow->left = tg_pareto_draw(&t->sizes, &t->random, DATAGRAMS_MIN, FLOW_PACKETS_MAX);
    flow->one_way = tg_random_below(&t->random, 256) < CHANCE_ONE_WAY;
    if (!flow->one_way && flow->left < 2)
        flow->left = 2;
}

static struct flow *open_flow(struct traffic *t, struct flow *flow) {
    const struct tg_profile *profile = t->profile;
    unsigned kind = tg_random_hit(&t->random, profile->ipv6) ? TG_IPV6 : 0;
    kind |= tg_random_hit(&t->random, profile->udp) ? TG_UDP : 0;
    kind |= tg_random_hit(&t->random, profile->vlan) ? TG_VLAN : 0;
    uint64_t number = (t->tuple_offset + t->summary->flows) & (TG_TUPLES - 1);
    *flow = (struct flow){.tuple = permute_tuple(number), .kind = (uint8_t)kind};
    if (kind & TG_UDP)
        draw_udp(t, flow);
    else
        draw_tcp(t, flow);
    t->summary->flows++;
    t->summary->alive_at_end++;
    return flow;
}

/* Opened by its first packet, and as long as the trace: `left` counts more packets than a trace
 * holds. */
static struct flow *pick_elephant(struct traffic *t) {
    if (t->summary->elephant_packets++ == 0) {
        open_flow(t, &t->elephant);
        t->elephant.left = UINT32_MAX;
    }
    return &t->elephant;
}

static void draw_pick(struct traffic *t, uint32_t *pick) {
    *pick = tg_random_below(&t->random, (uint32_t)t->profile->flows);
    __builtin_prefetch(&t->slots[*pick], 1);
}

static struct flow *open_slot(struct traffic *t, struct flow *slot) {
    open_flow(t, slot);
    if (slot->left >= BUSY_PACKETS_MIN && t->busy_count < BUSY_MAX)
        t->busy[t->busy_count++] = (struct busy){slot->tuple, (uint32_t)(slot - t->slots)};
    return slot;
}

/* NULL if no flow is busy. Forgets those that it finds ended. */
static struct flow *pick_busy(struct traffic *t) {
    while (t->busy_count > 0) {
        struct busy *busy = &t->busy[tg_random_below(&t->random, t->busy_count)];
        struct flow *flow = &t->slots[busy->slot];
        if (flow->tuple == busy->tuple && flow->step != STEP_ENDED)
            return flow;
        *busy = t->busy[--t->busy_count];
    }
    return NULL;
}

static struct flow *pick_flow(struct traffic *t) {
    if (tg_random_hit(&t->random, t->profile->elephant))
        return pick_elephant(t);
    if (t->ended != NULL) {
        struct flow *slot = t->ended;
        t->ended = NULL;
        return open_slot(t, slot);
    }
    if (t->opened < t->profile->flows)
        return open_slot(t, &t->slots[t->opened++]);
    if (tg_random_hit(&t->random, t->profile->busy)) {
        struct flow *busy = pick_busy(t);
        if (busy != NULL)
            return busy;
    }
    uint32_t *pick = &t->picks[t->next_pick++ % PICKS_AHEAD];
    struct flow *flow = &t->slots[*pick];
    draw_pick(t, pick);
    return flow;
}

/*
 * Small and large sizes in turns, so that their mean settles at
 * MIX_MEAN_BYTES whatever the share of handshakes and bare ACKs is.
 */
static uint32_t mixed_frame_bytes(struct traffic *t) {
    static const uint16_t light[8] = {60, 60, 60, 90, 200, 590, 590, 1514};
    static const uint16_t heavy[8] = {590, 1514, 1514, 1514, 1514, 1514, 1514, 1514};
    bool below = t->summary->bytes < t->summary->packets * MIX_MEAN_BYTES;
    uint32_t drawn = tg_random_below(&t->random, 8);
    return below ? heavy[drawn] : light[drawn];
}

/* Sets the frame's length, and the payload's as what the headers leave of it: at least one byte. */
static void size_data(struct traffic *t, struct tg_segment *segment) {
    uint32_t headers = tg_header_bytes(segment->kind);
    uint32_t bytes = (uint32_t)t->profile->frame_bytes;
    if (bytes == TG_FRAME_MIX)
        bytes = mixed_frame_bytes(t);
    segment->frame_bytes = bytes > headers ? bytes : headers + 1;
    segment->payload_bytes = segment->frame_bytes - headers;
}

/* A frame without data: in a mix as short as can be, else of the length asked, with a trailer. */
static void size_bare(const struct traffic *t, struct tg_segment *segment) {
    uint32_t headers = tg_header_bytes(segment->kind);
    uint32_t bytes = (uint32_t)t->profile->frame_bytes;
    if (bytes == TG_FRAME_MIX)
        bytes = TG_FRAME_MIN;
    segment->frame_bytes = bytes > headers ? bytes : headers;
    segment->payload_bytes = 0;
}

/* A bare ACK where one is due, else data from either side. */
static void talk(struct traffic *t, struct flow *flow, struct tg_segment *segment) {
    uint64_t drawn = tg_random_next(&t->random) >> 32;
    if (flow->owes != 0 && (drawn & 0xff) < CHANCE_ACK_IF_OWED) {
        segment->sender = (flow->owes & (1u << TG_CLIENT)) ? TG_CLIENT : TG_SERVER;
        segment->tcp_flags = TG_ACK;
        size_bare(t, segment);
    } else {
        segment->sender = ((drawn >> 8) & 0xff) < CHANCE_SERVER_SENDS ? TG_SERVER : TG_CLIENT;
        segment->tcp_flags = TG_PSH | TG_ACK;
        size_data(t, segment);
        flow->owes |= (uint8_t)(1u << (segment->sender ^ 1u));
    }
    flow->owes &= (uint8_t) ~(1u << segment->sender);
    if (--flow->left == 0)
        flow->step = flow->by_reset ? STEP_RESET : STEP_FIN;
}

static void follow_rule(const struct traffic *t, struct flow *flow, struct tg_segment *segment) {
    const struct step_rule *rule = &step_rules[flow->step];
    segment->sender = rule->by_closer ? rule->sender ^ flow->closer : rule->sender;
    segment->tcp_flags = rule->tcp_flags;
    size_bare(t, segment);
    flow->step = rule->next;
}

static void number_segment(struct flow *flow, struct tg_segment *segment) {
    unsigned sender = segment->sender;
    segment->seq = flow->seq[sender];
    segment->ack = (segment->tcp_flags & TG_ACK) ? flow->seq[sender ^ 1u] : 0;
    flow->seq[sender] += segment->payload_bytes;
    if (segment->tcp_flags & (TG_SYN | TG_FIN))
        flow->seq[sender]++;
}

/* UDP keeps in seq[0] whose turn it is. */
static void send_datagram(struct traffic *t, struct flow *flow, struct tg_segment *segment) {
    segment->sender = flow->one_way ? TG_CLIENT : (uint8_t)(flow->seq[0] & 1);
    flow->seq[0]++;
    size_data(t, segment);
    if (--flow->left == 0)
        flow->step = STEP_ENDED;
}

static struct tg_segment next_segment(struct traffic *t, struct flow *flow) {
    struct tg_segment segment = {.tuple = flow->tuple, .kind = flow->kind};
    segment.ip_id = (uint16_t)t->summary->packets;
    switch (flow->step) {
    case STEP_DATAGRAM:
        send_datagram(t, flow, &segment);
        return segment;
    case STEP_TALK:
        talk(t, flow, &segment);
        break;
    default:
        follow_rule(t, flow, &segment);
    }
    number_segment(flow, &segment);
    return segment;
}

static void count(struct tg_summary *summary, const struct tg_segment *segment) {
    bool udp = segment->kind & TG_UDP;
    bool ipv6 = segment->kind & TG_IPV6;
    summary->packets++;
    summary->bytes += segment->frame_bytes;
    summary->tcp += !udp;
    summary->udp += udp;
    summary->ipv4 += !ipv6;
    summary->ipv6 += ipv6;
}

static int write_packet(struct traffic *t, struct tg_pcap *pcap) {
    uint64_t n = t->summary->packets;
    uint64_t rate = t->profile->rate_pps;
    struct flow *flow = pick_flow(t);
    struct tg_segment segment = next_segment(t, flow);
    if (flow->step == STEP_ENDED) {
        t->ended = flow;
        t->summary->alive_at_end--;
    }
    uint8_t *frame = tg_pcap_reserve(pcap, (uint32_t)(t->profile->start_s + n / rate),
                                     (uint32_t)(n % rate * NS_PER_S / rate), segment.frame_bytes);
    if (frame == NULL)
        return -errno;
    tg_frame_build(frame, &segment);
    count(t->summary, &segment);
    return 0;
}

uint64_t tg_profile_end_s(const struct tg_profile *profile) {
    return profile->start_s + (profile->packets - 1) / profile->rate_pps;
}

int tg_traffic_write(const struct tg_profile *profile, struct tg_pcap *pcap,
                     struct tg_summary *summary) {
    *summary = (struct tg_summary){0};
    struct traffic t = {.profile = profile, .summary = summary};
    t.slots = calloc(profile->flows, sizeof *t.slots);
    if (t.slots == NULL)
        return -ENOMEM;
    tg_random_init(&t.random, profile->seed);
    tg_pareto_init(&t.sizes, profile->alpha);
    t.tuple_offset = tg_random_next(&t.random);
    for (unsigned i = 0; i < PICKS_AHEAD; i++)
        draw_pick(&t, &t.picks[i]);
    int error = 0;
    while (error == 0 && summary->packets < profile->packets)
        error = write_packet(&t, pcap);
    free(t.slots);
    return error;
}
