/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/fragments.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/log.h"

#define NONE UINT32_MAX
#define SPANS 3u
#define DEFAULT_DATAGRAMS 65536u
#define DEFAULT_FRAMES 4096u
#define DEFAULT_BYTES (UINT64_C(4) << 20)
#define DEFAULT_TIMEOUT_S 30u
#define DEFAULT_REUSE_S 1u
#define MOST_BYTES (UINT64_C(4) << 30)

/* Bytes of a datagram that were seen, in units of 8; {0, 0}: none. */
struct span {
    uint16_t from, to;
};

/* What is over word[0] and word[2] of a key, see struct fragment. Beside the datagrams: two lines
 * each are enough, and few keys have one. */
struct digest {
    uint64_t word[2];
};

struct datagram {
    struct fb_flow_key identity; /* word[4]: id, protocol, version */
    uint64_t scope;
    struct fb_flow_key key; /* under which its fragments go */
    uint32_t since;         /* tick: when it began to wait, else its last fragment */
    uint32_t prev, next;    /* in the list of its state; next of the free ones */
    uint32_t chain;         /* next of the same bucket */
    uint32_t first_held, last_held;
    struct span spans[SPANS]; /* ascending, apart from each other */
    uint16_t total;           /* length in units of 8, 0: not known */
    uint8_t swapped;
    uint8_t state; /* enum fragments_state */
};
_Static_assert(sizeof(struct datagram) == 128, "two cache lines a datagram");

/* A frame held. What is below the line holds for the first one of a datagram only. */
struct held {
    uint64_t time_ns;
    uint64_t number;
    uint32_t caplen;
    uint32_t wirelen;
    int32_t dlt;
    uint32_t block; /* first of a chain */
    uint32_t next;  /* of the datagram; of the free ones */
    uint32_t interface;

    uint32_t frames, blocks; /* of the datagram */
    uint32_t next_released;  /* once it is released, as what follows */
    uint32_t swapped;
    struct fb_flow_key key;
    struct digest digest;
};

/* ---- lists and chains ---- */

static void advance(struct fragments *t, uint32_t now) {
    t->now = now > t->now ? now : t->now;
}

static void unlink_datagram(struct fragments *t, uint32_t d) {
    struct datagram *g = &t->datagrams[d];
    struct fragments_list *list = &t->lists[g->state];
    if (g->prev == NONE)
        list->first = g->next;
    else
        t->datagrams[g->prev].next = g->next;
    if (g->next == NONE)
        list->last = g->prev;
    else
        t->datagrams[g->next].prev = g->prev;
}

static void append_datagram(struct fragments *t, uint32_t d, enum fragments_state state) {
    struct datagram *g = &t->datagrams[d];
    struct fragments_list *list = &t->lists[state];
    g->state = (uint8_t)state;
    g->since = t->now;
    g->next = NONE;
    g->prev = list->last;
    if (list->last == NONE)
        list->first = d;
    else
        t->datagrams[list->last].next = d;
    list->last = d;
}

/* Each list is in the order of `since`, because it is only ever appended to, with the present. */
static void set_state(struct fragments *t, uint32_t d, enum fragments_state state) {
    unlink_datagram(t, d);
    append_datagram(t, d, state);
}

static struct fb_flow_key identity_of(const struct fragment *f) {
    uint64_t rest = (uint64_t)f->version << 40 | (uint64_t)f->proto << 32 | f->id;
    return (struct fb_flow_key){
        {f->source[0], f->source[1], f->destination[0], f->destination[1], rest}};
}

/* A scope is hashed after the rest: mixed in before, somebody could choose what collides. */
static uint32_t *bucket_of(const struct fragments *t, const struct fb_flow_key *identity,
                           uint64_t scope) {
    uint64_t hash = key_hash_one(&t->hash, identity);
    if (scope != 0)
        hash = key_hash_one(&t->hash, &(struct fb_flow_key){{hash, scope, 0, 0, 0}});
    return &t->buckets[hash & t->bucket_mask];
}

/* In the chain that begins with d. */
static uint32_t find(const struct fragments *t, uint32_t d, const struct fb_flow_key *identity,
                     uint64_t scope) {
    while (d != NONE && (!fb_flow_key_equal(&t->datagrams[d].identity, identity) ||
                         t->datagrams[d].scope != scope))
        d = t->datagrams[d].chain;
    return d;
}

/* Takes a datagram that holds no frame out of the table. */
static void forget(struct fragments *t, uint32_t d) {
    struct datagram *g = &t->datagrams[d];
    uint32_t *link = bucket_of(t, &g->identity, g->scope);
    while (*link != d)
        link = &t->datagrams[*link].chain;
    *link = g->chain;
    unlink_datagram(t, d);
    g->next = t->free_datagram;
    t->free_datagram = d;
    t->counters[FB_FRAGMENT_ACTIVE]--;
}

/* ---- frames that wait ---- */

static uint32_t blocks_for(uint32_t caplen) {
    return (caplen + FRAGMENTS_BLOCK - 1) / FRAGMENTS_BLOCK;
}

/* Copies bytes into a chain of free blocks, which were proven to be there. It ends by their count.
 */
static uint32_t store(struct fragments *t, const uint8_t *bytes, uint32_t n) {
    uint32_t first = NONE, *link = &first;
    t->blocks_used += blocks_for(n);
    while (n != 0) {
        uint32_t block = t->free_block, part = n < FRAGMENTS_BLOCK ? n : FRAGMENTS_BLOCK;
        t->free_block = t->block_next[block];
        memcpy(t->blocks + (size_t)block * FRAGMENTS_BLOCK, bytes, part);
        *link = block;
        link = &t->block_next[block];
        bytes += part;
        n -= part;
    }
    return first;
}

/* Copies n bytes out of a chain, and frees it. */
static void fetch(struct fragments *t, uint32_t block, uint8_t *to, uint32_t n) {
    t->blocks_used -= blocks_for(n);
    while (n != 0) {
        uint32_t next = t->block_next[block], part = n < FRAGMENTS_BLOCK ? n : FRAGMENTS_BLOCK;
        memcpy(to, t->blocks + (size_t)block * FRAGMENTS_BLOCK, part);
        t->block_next[block] = t->free_block;
        t->free_block = block;
        block = next;
        to += part;
        n -= part;
    }
}

/* Copies a frame behind those that its datagram holds. There is room. */
static void hold(struct fragments *t, struct datagram *g, const struct frame *frame,
                 uint64_t number) {
    uint32_t h = t->free_held;
    struct held *held = &t->held[h];
    t->free_held = held->next;
    *held = (struct held){.time_ns = frame->time_ns,
                          .number = number,
                          .caplen = frame->caplen,
                          .wirelen = frame->wirelen,
                          .dlt = frame->dlt,
                          .interface = frame->interface,
                          .block = store(t, frame->data, frame->caplen),
                          .next = NONE};
    if (g->first_held == NONE)
        g->first_held = h;
    else
        t->held[g->last_held].next = h;
    g->last_held = h;
    t->held[g->first_held].frames++;
    t->held[g->first_held].blocks += blocks_for(frame->caplen);
    t->frames_used++;
    t->counters[FB_FRAGMENT_HELD]++;
    if (t->frames_used > t->counters[FB_FRAGMENT_PEAK])
        t->counters[FB_FRAGMENT_PEAK] = t->frames_used;
}

/* Releases what a datagram holds, under its key: the whole list in one step, however long. */
static void release(struct fragments *t, uint32_t d, enum fb_fragment_counter cause) {
    struct datagram *g = &t->datagrams[d];
    uint32_t h = g->first_held;
    if (h == NONE)
        return;
    struct held *held = &t->held[h];
    held->key = g->key;
    held->digest = t->digests[d];
    held->swapped = g->swapped;
    held->next_released = NONE;
    if (t->released_first == NONE)
        t->released_first = h;
    else
        t->held[t->released_last].next_released = h;
    t->released_last = h;
    t->released_frames += held->frames;
    t->released_blocks += held->blocks;
    t->counters[cause] += held->frames;
    g->first_held = g->last_held = NONE;
}

static void give_up(struct fragments *t, uint32_t d, enum fb_fragment_counter cause) {
    release(t, d, cause);
    set_state(t, d, FRAGMENTS_GIVEN_UP);
}

/* Takes the first frame off those that are released; what follows of its datagram inherits the key.
 */
static void take_released(struct fragments *t, struct fragments_out *out, uint8_t *to) {
    uint32_t h = t->released_first;
    struct held *held = &t->held[h];
    out->frame = (struct frame){.data = to,
                                .time_ns = held->time_ns,
                                .caplen = held->caplen,
                                .wirelen = held->wirelen,
                                .dlt = held->dlt,
                                .interface = (uint8_t)held->interface};
    out->number = held->number;
    out->key = held->key;
    memcpy(out->digest, held->digest.word, sizeof out->digest);
    out->swapped = (uint8_t)held->swapped;
    fetch(t, held->block, to, held->caplen);
    uint32_t next = held->next;
    if (next != NONE) {
        t->held[next].key = held->key;
        t->held[next].digest = held->digest;
        t->held[next].swapped = held->swapped;
        t->held[next].next_released = held->next_released;
        if (t->released_last == h)
            t->released_last = next;
    } else {
        next = held->next_released;
    }
    t->released_first = next;
    t->released_frames--;
    t->released_blocks -= blocks_for(held->caplen);
    t->frames_used--;
    held->next = t->free_held;
    t->free_held = h;
}

unsigned fragments_burst(struct fragments *t, struct fragments_out *out, unsigned max) {
    uint32_t at = 0;
    unsigned n = 0;
    while (n < max && t->released_frames != 0) {
        uint32_t caplen = t->held[t->released_first].caplen;
        if (caplen > FB_FRAME_MAX - at)
            break;
        take_released(t, &out[n++], t->scratch + at);
        at = (at + caplen + 63) & ~UINT32_C(63);
    }
    return n;
}

/* Whether a frame of so many blocks would fit, were everything gone that is released. */
static bool has_room(const struct fragments *t, uint32_t blocks) {
    return t->frames_used - t->released_frames < t->config.max_frames &&
           t->blocks_used - t->released_blocks + blocks <= t->block_count;
}

/* Gives up those that wait longest, until a burst of frames like this one has room. */
static void make_room(struct fragments *t, uint32_t blocks) {
    uint32_t at_once = t->config.max_frames / (2 * FRAGMENTS_RELEASED_MOST);
    if (at_once > FRAGMENTS_RELEASED_MOST)
        at_once = FRAGMENTS_RELEASED_MOST;
    const struct fragments_list *waiting = &t->lists[FRAGMENTS_WAITING];
    while (waiting->first != NONE && (t->released_frames < at_once || !has_room(t, blocks)))
        give_up(t, waiting->first, FB_FRAGMENT_BY_FULL);
}

/* ---- what was seen of a datagram ---- */

/* Adds a span: joins those that it touches, and forgets the last if there are too many. */
static void add_span(struct span spans[SPANS], struct span add) {
    struct span joined[SPANS + 1];
    unsigned n = 0, i = 0;
    for (; i < SPANS && spans[i].to != 0 && spans[i].to < add.from; i++)
        joined[n++] = spans[i];
    for (; i < SPANS && spans[i].to != 0 && spans[i].from <= add.to; i++) {
        add.from = spans[i].from < add.from ? spans[i].from : add.from;
        add.to = spans[i].to > add.to ? spans[i].to : add.to;
    }
    joined[n++] = add;
    for (; i < SPANS && spans[i].to != 0; i++)
        joined[n++] = spans[i];
    for (i = 0; i < SPANS; i++)
        spans[i] = i < n ? joined[i] : (struct span){0, 0};
}

/*
 * Notes the bytes of a fragment. All but the last have a multiple of 8 (RFC
 * 791): what is over belongs to no unit.
 */
static void note(struct datagram *g, const struct fragment *f) {
    uint32_t from = f->offset / 8u;
    uint32_t to = f->more ? from + f->length / 8 : from + (f->length + 7) / 8;
    if (!f->more && f->length != 0 && g->total == 0)
        g->total = (uint16_t)to;
    if (to > from)
        add_span(g->spans, (struct span){(uint16_t)from, (uint16_t)to});
}

static bool is_complete(const struct datagram *g) {
    return g->total != 0 && g->spans[0].from == 0 && g->spans[0].to >= g->total;
}

/* ---- datagrams ---- */

/* Makes room for one more datagram. */
static void evict(struct fragments *t) {
    unsigned state = 0;
    while (t->lists[state].first == NONE)
        state++;
    uint32_t d = t->lists[state].first;
    release(t, d, FB_FRAGMENT_BY_EVICTION);
    t->counters[state == FRAGMENTS_DONE ? FB_FRAGMENT_EVICTED_DONE : FB_FRAGMENT_EVICTED]++;
    forget(t, d);
}

static uint32_t begin(struct fragments *t, const struct fragment *f, uint32_t *bucket,
                      const struct fb_flow_key *identity, const struct decoded *decoded) {
    if (t->free_datagram == NONE)
        evict(t);
    uint32_t d = t->free_datagram;
    struct datagram *g = &t->datagrams[d];
    t->free_datagram = g->next;
    *g = (struct datagram){.identity = *identity,
                           .scope = f->scope,
                           .key = decoded->key,
                           .swapped = decoded->swapped,
                           .chain = *bucket,
                           .first_held = NONE,
                           .last_held = NONE};
    t->digests[d] = (struct digest){{f->digest[0], f->digest[1]}};
    *bucket = d;
    append_datagram(t, d, f->offset == 0 ? FRAGMENTS_KNOWN : FRAGMENTS_WAITING);
    t->counters[FB_FRAGMENT_DATAGRAMS]++;
    t->counters[FB_FRAGMENT_ACTIVE]++;
    return d;
}

/* Whether a fragment under the identification of a datagram belongs to a new one. */
static bool is_of_a_new_one(const struct fragments *t, const struct datagram *g,
                            const struct fragment *f, const struct decoded *decoded) {
    bool idle = t->now - g->since >= t->config.reuse_ticks;
    switch ((enum fragments_state)g->state) {
    case FRAGMENTS_DONE:
        return f->offset == 0 || idle;
    case FRAGMENTS_GIVEN_UP:
        return idle && is_complete(g);
    case FRAGMENTS_KNOWN:
        return idle && f->offset == 0 && !fb_flow_key_equal(&g->key, &decoded->key);
    default:
        return false;
    }
}

/* The datagram of a fragment, begun if need be. What is over, or of an older one, ends here. */
static uint32_t datagram_of(struct fragments *t, const struct fragment *f,
                            const struct decoded *decoded) {
    struct fb_flow_key identity = identity_of(f);
    uint32_t *bucket = bucket_of(t, &identity, f->scope);
    uint32_t d = find(t, *bucket, &identity, f->scope);
    if (d != NONE) {
        const struct datagram *g = &t->datagrams[d];
        bool over = t->now - g->since >= t->config.timeout_ticks;
        if (over && g->state == FRAGMENTS_WAITING) {
            give_up(t, d, FB_FRAGMENT_BY_TIME);
            return d;
        }
        if (!over && !is_of_a_new_one(t, g, f, decoded))
            return d;
        t->counters[over ? FB_FRAGMENT_EXPIRED : FB_FRAGMENT_REUSED]++;
        forget(t, d);
    }
    return begin(t, f, bucket, &identity, decoded);
}

static void learn(struct fragments *t, uint32_t d, const struct fragment *f,
                  const struct decoded *decoded) {
    struct datagram *g = &t->datagrams[d];
    g->key = decoded->key;
    g->swapped = decoded->swapped;
    t->digests[d] = (struct digest){{f->digest[0], f->digest[1]}};
    release(t, d, FB_FRAGMENT_BY_FIRST);
    set_state(t, d, FRAGMENTS_KNOWN);
}

/* A fragment that goes on, under the key of its datagram. */
static void pass(struct fragments *t, uint32_t d, struct fragment *f, struct decoded *decoded) {
    struct datagram *g = &t->datagrams[d];
    bool known = g->state == FRAGMENTS_KNOWN, was_complete = is_complete(g);
    note(g, f);
    bool complete = is_complete(g);
    t->counters[FB_FRAGMENT_COMPLETE] += complete && !was_complete;
    t->counters[FB_FRAGMENT_OTHER_FIRST] +=
        known && f->offset == 0 && !fb_flow_key_equal(&g->key, &decoded->key);
    set_state(t, d, known && complete ? FRAGMENTS_DONE : (enum fragments_state)g->state);
    decoded->key = g->key;
    decoded->swapped = g->swapped;
    memcpy(f->digest, t->digests[d].word, sizeof f->digest);
}

enum fragments_result fragments_offer(struct fragments *t, struct fragment *fragment,
                                      const struct frame *frame, uint64_t number, uint32_t now,
                                      struct decoded *decoded) {
    if (fragment->offset == 0 && !fragment->more)
        return FRAGMENT_PASSES;
    if (t->released_frames != 0)
        return FRAGMENT_REFUSED;
    advance(t, now);
    uint32_t d = datagram_of(t, fragment, decoded);
    struct datagram *g = &t->datagrams[d];
    if (g->state == FRAGMENTS_WAITING && fragment->offset == 0)
        learn(t, d, fragment, decoded);
    else if (g->state == FRAGMENTS_WAITING && !has_room(t, blocks_for(frame->caplen)))
        make_room(t, blocks_for(frame->caplen));
    if (t->released_frames != 0)
        return FRAGMENT_REFUSED;
    t->counters[FB_FRAGMENT_TAKEN]++;
    if (g->state != FRAGMENTS_WAITING) {
        pass(t, d, fragment, decoded);
        return FRAGMENT_PASSES;
    }
    note(g, fragment);
    hold(t, g, frame, number);
    return FRAGMENT_HELD;
}

bool fragments_key_of(const struct fragments *t, const struct fragment *fragment,
                      struct fb_flow_key *key, uint8_t *swapped) {
    struct fb_flow_key identity = identity_of(fragment);
    uint32_t d = find(t, *bucket_of(t, &identity, fragment->scope), &identity, fragment->scope);
    if (d == NONE ||
        (t->datagrams[d].state != FRAGMENTS_KNOWN && t->datagrams[d].state != FRAGMENTS_DONE))
        return false;
    *key = t->datagrams[d].key;
    *swapped = t->datagrams[d].swapped;
    return true;
}

/* ---- time ---- */

/* The datagram that leads a list, if it is overdue. */
static uint32_t overdue(const struct fragments *t, unsigned state) {
    uint32_t d = t->lists[state].first;
    if (d == NONE || t->now - t->datagrams[d].since < t->config.timeout_ticks)
        return NONE;
    return d;
}

void fragments_expire(struct fragments *t, uint32_t now) {
    advance(t, now);
    unsigned budget = FRAGMENTS_EXPIRE_BUDGET;
    uint32_t d;
    while (budget != 0 && (d = overdue(t, FRAGMENTS_WAITING)) != NONE) {
        give_up(t, d, FB_FRAGMENT_BY_TIME);
        budget--;
    }
    for (unsigned state = 0; state < FRAGMENTS_WAITING; state++) {
        while (budget != 0 && (d = overdue(t, state)) != NONE) {
            forget(t, d);
            t->counters[FB_FRAGMENT_EXPIRED]++;
            budget--;
        }
    }
}

void fragments_release(struct fragments *t) {
    while (t->lists[FRAGMENTS_WAITING].first != NONE)
        give_up(t, t->lists[FRAGMENTS_WAITING].first, FB_FRAGMENT_BY_END);
}

/* ---- begin and end ---- */

struct fragments_config fragments_default_config(uint32_t ticks_per_second) {
    return (struct fragments_config){
        .max_datagrams = DEFAULT_DATAGRAMS,
        .max_frames = DEFAULT_FRAMES,
        .max_bytes = DEFAULT_BYTES,
        .timeout_ticks = DEFAULT_TIMEOUT_S * ticks_per_second,
        .reuse_ticks = DEFAULT_REUSE_S * ticks_per_second,
    };
}

static bool is_sound(const struct fragments_config *config) {
    if (config->max_datagrams == 0 || config->max_datagrams > FRAGMENTS_MAX)
        fb_error("fragments: %" PRIu32 " datagrams cannot be tracked: 1 to %u can",
                 config->max_datagrams, FRAGMENTS_MAX);
    else if (config->max_frames == 0 || config->max_frames > FRAGMENTS_MAX)
        fb_error("fragments: %" PRIu32 " frames cannot be held: 1 to %u can", config->max_frames,
                 FRAGMENTS_MAX);
    else if (config->max_bytes < FB_FRAME_MAX || config->max_bytes > MOST_BYTES)
        fb_error("fragments: a buffer of %" PRIu64 " bytes: it must have %u (the longest frame) to "
                 "%" PRIu64,
                 config->max_bytes, FB_FRAME_MAX, MOST_BYTES);
    else if (config->timeout_ticks == 0)
        fb_error("fragments: a timeout of 0 ticks: it must be at least 1");
    else
        return true;
    return false;
}

/* Offsets in the region. */
struct layout {
    size_t datagrams, digests, held, buckets, block_next, blocks, scratch, size;
};

static size_t place(size_t *at, size_t bytes) {
    size_t start = *at;
    *at = fb_align_up(start + bytes, 64);
    return start;
}

static struct layout lay_out(const struct fragments *t) {
    size_t at = 0;
    struct layout layout;
    layout.datagrams = place(&at, t->config.max_datagrams * sizeof(struct datagram));
    layout.digests = place(&at, t->config.max_datagrams * sizeof(struct digest));
    layout.held = place(&at, t->config.max_frames * sizeof(struct held));
    layout.buckets = place(&at, ((size_t)t->bucket_mask + 1) * sizeof(uint32_t));
    layout.block_next = place(&at, t->block_count * sizeof(uint32_t));
    layout.blocks = place(&at, (size_t)t->block_count * FRAGMENTS_BLOCK);
    layout.scratch = place(&at, FB_FRAME_MAX + CAPTURE_SLACK);
    layout.size = at;
    return layout;
}

static void make_empty(struct fragments *t) {
    for (uint32_t i = 0; i <= t->bucket_mask; i++)
        t->buckets[i] = NONE;
    for (uint32_t i = 0; i < t->config.max_datagrams; i++)
        t->datagrams[i].next = i + 1 < t->config.max_datagrams ? i + 1 : NONE;
    for (uint32_t i = 0; i < t->config.max_frames; i++)
        t->held[i].next = i + 1 < t->config.max_frames ? i + 1 : NONE;
    for (uint32_t i = 0; i < t->block_count; i++)
        t->block_next[i] = i + 1 < t->block_count ? i + 1 : NONE;
    for (unsigned state = 0; state < FRAGMENTS_STATES; state++)
        t->lists[state] = (struct fragments_list){NONE, NONE};
    t->released_first = t->released_last = NONE;
}

int fragments_init(struct fragments *t, const struct fragments_config *config,
                   enum fb_hugepages hugepages) {
    memset(t, 0, sizeof *t);
    if (!is_sound(config))
        return -EINVAL;
    t->config = *config;
    t->block_count = (uint32_t)(config->max_bytes / FRAGMENTS_BLOCK);
    while (t->bucket_mask + 1 < config->max_datagrams)
        t->bucket_mask = t->bucket_mask * 2 + 1;
    int error = key_hash_init(&t->hash);
    if (error != 0)
        return error;
    struct layout layout = lay_out(t);
    error = fb_region_private(&t->region, layout.size, hugepages, true);
    if (error != 0)
        return error;
    uint8_t *base = t->region.base;
    t->datagrams = (struct datagram *)(void *)(base + layout.datagrams);
    t->digests = (struct digest *)(void *)(base + layout.digests);
    t->held = (struct held *)(void *)(base + layout.held);
    t->buckets = (uint32_t *)(void *)(base + layout.buckets);
    t->block_next = (uint32_t *)(void *)(base + layout.block_next);
    t->blocks = base + layout.blocks;
    t->scratch = base + layout.scratch;
    make_empty(t);
    return 0;
}

void fragments_fini(struct fragments *t) {
    fb_region_close(&t->region);
}
