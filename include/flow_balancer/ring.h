/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_RING_H
#define FLOW_BALANCER_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/align.h"
#include "flow_balancer/prefetch.h"
#include "flow_balancer/sides.h"

/*
 * The ring between the dispatcher and one worker: single producer, single consumer, over a
 * down side (descriptors, bytes, `published`) and an up side (`consumed`, `cursor`).
 *
 * Why it is correct:
 *
 * Data. The producer writes descriptors [published, seq) and their bytes, then stores published
 * (R1, release); the consumer loads published (A1, acquire) and reads what lies before it. The
 * consumer finishes with descriptors, then stores consumed (R2, release); the producer loads
 * consumed (A2, acquire) and uses again what lies before it. None reads what is being written.
 *
 * Bytes. A frame never wraps: it is padded to the start of the next lap of the
 * arena. The tail, the first byte still in use, is the arena position of the
 * descriptor at consumed, or the head if the ring is empty, so the padding
 * before a frame is given back with the descriptor before it.
 *
 * Sleep. The consumer stores parked = 1, then F1 (seq_cst fence), then looks at
 * published, command and epoch once more. The producer stores published, then F2
 * (seq_cst fence), then looks at parked. Of two seq_cst fences one is first: if
 * F1, the producer sees parked and wakes; if F2, the consumer sees published
 * and does not sleep. The doorbell is read before parked is set, so a wake
 * between F1 and the futex call changes it and the call returns immediately.
 *
 * Death. The worker may die between any two instructions. cursor names the
 * descriptor under inspection (busy) or the next one (idle), and is stored
 * before consumed at the end of a burst: so consumed <= cursor holds in the
 * memory that is left, and at most the busy one is inspected twice. (A revoked
 * process that goes on within an inspection has a copy of the descriptor, but the
 * bytes may be another packet's by then.) Of a living worker: see lane_watch().
 */

/* Producer handle: can only stage and publish. Dispatcher only, one thread. */
struct fb_tx {
    struct fb_desc *descs;
    uint8_t *arena;
    struct fb_down *down;
    const struct fb_up *up;
    uint64_t slot_mask;
    uint64_t arena_mask;
    uint64_t depth;
    uint64_t seq;       /* next descriptor to be staged */
    uint64_t published; /* as stored */
    uint64_t consumed;  /* greatest valid value taken from the worker */
    uint64_t head;      /* arena position of the next byte */
    uint64_t tail;      /* a lower bound of the first byte in use */
    uint64_t clear_to; /* none is in use from head to here, in this lap; behind the head: unknown */
    uint64_t publishes;
    uint64_t wake_pending_since_ns; /* when new data came that no wake was sent for, or 0: none */
    uint64_t last_wake_ns;
};

/* Consumer handle: can only peek and release. Worker only, one thread. */
struct fb_rx {
    const struct fb_down *down;
    struct fb_up *up;
    const struct fb_desc *descs;
    const uint8_t *arena;
    uint64_t slot_mask;
    uint64_t arena_mask;
    uint64_t next;               /* first descriptor that is not finished */
    uint64_t published;          /* as last seen */
    uint64_t epoch;              /* of this incarnation */
    uint64_t publishes;          /* stamps looked at */
    const struct fb_flow *flows; /* of the claim, by handle: flow_records.h */
    uint32_t flow_records;       /* of these are populated, as of `published` */
    uint32_t burst;
    uint32_t command; /* as last looked at: fb_rx_park() returns if it differs */
};

/* Every frame starts on a cache line of its own. */
#define FB_ARENA_ALIGN UINT64_C(64)
/* What stays in a core's L2 while it is written again and again (measured: see tests/bench). */
#define FB_ARENA_WINDOW UINT64_C(65536)
/* Descriptors are fetched for writing so far ahead: their lines come from the reader's cache. */
#define FB_DESC_AHEAD 16u
/* A sleeper is woken for so many waiting descriptors, or at this age; this often at most. */
#define FB_WAKE_WAITING 64u
#define FB_WAKE_DELAY_NS UINT64_C(50000)
#define FB_WAKE_PAUSE_NS UINT64_C(20000)

/* Sets up a producer at what the down side has published; up may be NULL until fb_tx_attach(). */
void fb_tx_init(struct fb_tx *tx, struct fb_down *down, const struct fb_up *up);
/* Puts a new up side in place after a death; consumed stays what fb_tx_recover() found. */
void fb_tx_attach(struct fb_tx *tx, const struct fb_up *up);

/*
 * Finds room for a packet of caplen bytes (at most arena_bytes / 4). Returns
 * false if the ring is full; changes nothing that another fb_tx_reserve()
 * would see. Else *position is where its bytes go, fb_tx_bytes() their address.
 */
bool fb_tx_reserve(struct fb_tx *tx, uint32_t caplen, uint64_t *position);

/*
 * True if a packet of caplen bytes has room at tx->head: what fb_tx_reserve() would say too. False
 * says nothing: it has to be asked. Beyond clear_to, and where the head has gone beyond it, the
 * first difference is larger than any arena.
 */
static inline bool fb_tx_has_room(const struct fb_tx *tx, uint32_t caplen) {
    uint64_t need = fb_align_up(caplen, FB_ARENA_ALIGN);
    return tx->clear_to - tx->head - need <= tx->arena_mask && tx->seq - tx->consumed < tx->depth;
}

static inline uint8_t *fb_tx_bytes(const struct fb_tx *tx, uint64_t position) {
    return tx->arena + (position & tx->arena_mask);
}

/* Stages a packet at the position just reserved; the caller fills the descriptor. */
static inline struct fb_desc *fb_tx_stage(struct fb_tx *tx, uint64_t position, uint32_t caplen) {
    struct fb_desc *desc = &tx->descs[tx->seq & tx->slot_mask];
    fb_prefetch_to_write(&tx->descs[(tx->seq + FB_DESC_AHEAD) & tx->slot_mask]);
    tx->seq++;
    tx->head = position + fb_align_up(caplen, FB_ARENA_ALIGN);
    return desc;
}

/* Stages a flow end, which has no bytes. NULL if no slot is free, the spare ones included. */
static inline struct fb_desc *fb_tx_stage_end(struct fb_tx *tx) {
    if (tx->seq - tx->consumed > tx->slot_mask)
        return NULL;
    struct fb_desc *desc = &tx->descs[tx->seq & tx->slot_mask];
    tx->seq++;
    desc->arena_pos = tx->head;
    return desc;
}

/*
 * Moves the head to the start of the next lap where that keeps the bytes in cache: when the
 * ring is empty, and, where lossless, when the room that the reader has left at the start of
 * this lap is twice its lag. What is jumped over is no room until the reader has passed it: a
 * lossless dispatcher waits for that, another would lose packets. Once per burst.
 */
static inline void fb_tx_rewind(struct fb_tx *tx, bool lossless) {
    uint64_t offset = tx->head & tx->arena_mask;
    if (offset < FB_ARENA_WINDOW)
        return;
    if (tx->seq != tx->consumed) {
        if (!lossless)
            return;
        uint64_t tail = tx->descs[tx->consumed & tx->slot_mask].arena_pos;
        uint64_t lag = tx->head - tail, left = tail & tx->arena_mask;
        if (lag > offset || left < FB_ARENA_WINDOW || left < 2 * lag)
            return;
    }
    tx->head = (tx->head | tx->arena_mask) + 1;
}

/* Makes what is staged visible. One fb_tx_fence() is needed after all rings of a burst. */
static inline void fb_tx_publish(struct fb_tx *tx, uint64_t now_ns) {
    if (tx->published == tx->seq)
        return;
    struct fb_stamp *stamp = &tx->down->stamps[tx->publishes % FB_STAMPS];
    /* Relaxed: stamps are statistics. What overwrites one comes after a count that tells (T2). */
    /* T2: pairs with T1 in fb_rx_stamp, T3 in fb_rx_stamp_bound */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&stamp->end_seq, tx->seq, memory_order_relaxed);
    atomic_store_explicit(&stamp->time_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&tx->down->publishes, ++tx->publishes, memory_order_relaxed);
    /* R1: pairs with A1 in fb_rx_peek */
    atomic_store_explicit(&tx->down->published, tx->seq, memory_order_release);
    tx->published = tx->seq;
    if (tx->wake_pending_since_ns == 0)
        tx->wake_pending_since_ns = now_ns;
}

static inline void fb_tx_fence(void) {
    atomic_thread_fence(memory_order_seq_cst); /* F2: pairs with F1 in fb_rx_park */
}

/*
 * After fb_tx_fence(): wakes the worker if it sleeps and enough descriptors wait, or have waited
 * for long enough, or force. Returns true if a wake is still due: call it again. *woken: it was.
 */
bool fb_tx_wake(struct fb_tx *tx, uint64_t now_ns, bool force, bool *woken);

/*
 * Takes the worker's consumed. Returns FB_VIOLATION_NONE if it is in range
 * (tx->consumed is then up to date), else the violation, and nothing changed.
 */
static inline enum fb_violation fb_tx_refresh(struct fb_tx *tx) {
    /* A2: pairs with R2 in fb_rx_release */
    uint64_t consumed = atomic_load_explicit(&tx->up->consumed, memory_order_acquire);
    uint64_t passed = consumed - tx->consumed;
    if (__builtin_expect(passed > tx->published - tx->consumed, 0))
        return passed >> 63 != 0 ? FB_VIOLATION_CONSUMED_BACK : FB_VIOLATION_CONSUMED_AHEAD;
    tx->consumed = consumed;
    return FB_VIOLATION_NONE;
}

/* Where the next process of a number goes on. */
struct fb_resume_point {
    uint64_t resume_seq;         /* first descriptor that is not finished */
    bool suspect;                /* it was under inspection */
    enum fb_violation violation; /* FB_VIOLATION_NONE: none */
};

/*
 * Reads the cursor of a worker whose lock is free, and takes the resume point that it gives as
 * consumed. An impossible cursor is a violation: it is then the last valid consumed.
 */
struct fb_resume_point fb_tx_recover(struct fb_tx *tx);

/* Stores a new epoch or command and wakes the worker for it. Dispatcher only. */
void fb_tx_set_epoch(struct fb_tx *tx, uint64_t epoch);
void fb_tx_set_command(struct fb_tx *tx, enum fb_command command);

/* Sets up a consumer on claimed sides, at the resume point. */
void fb_rx_init(struct fb_rx *rx, const struct fb_down *down, struct fb_up *up);

/* How many descriptors wait from rx->next on, at most one burst. */
static inline uint32_t fb_rx_peek(struct fb_rx *rx) {
    uint64_t waiting = rx->published - rx->next;
    if (waiting == 0) {
        /* A1: pairs with R1 in fb_tx_publish */
        rx->published = atomic_load_explicit(&rx->down->published, memory_order_acquire);
        rx->flow_records = fb_down_flow_records(rx->down);
        waiting = rx->published - rx->next;
    }
    return waiting < rx->burst ? (uint32_t)waiting : rx->burst;
}

static inline const struct fb_desc *fb_rx_desc(const struct fb_rx *rx, uint32_t i) {
    return &rx->descs[(rx->next + i) & rx->slot_mask];
}
static inline const uint8_t *fb_rx_bytes(const struct fb_rx *rx, const struct fb_desc *desc) {
    return rx->arena + (desc->arena_pos & rx->arena_mask);
}

/*
 * Takes the copy of descriptor i after rx->next that alone is to be used, and says that
 * it comes under inspection. Returns false if this incarnation is revoked: leave without
 * touching the packet. The cursor is stored before the epoch is looked at; the dispatcher
 * raises it, waits, then reads the cursor. That needs no processor fence: after 10 ms the
 * store has left the store buffer, and a dead process has none.
 */
static inline bool fb_rx_begin(const struct fb_rx *rx, uint32_t i, struct fb_desc *copy) {
    *copy = *fb_rx_desc(rx, i);
    /* R4: pairs with A4 in fb_up_cursor */
    atomic_store_explicit(&rx->up->cursor, (rx->next + i) * 2 + 1, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst); /* S1: compiler only */
    return atomic_load_explicit(&rx->down->epoch, memory_order_relaxed) == rx->epoch;
}

/* After the inspection: nothing of it moves below the next cursor store. */
static inline void fb_rx_end(void) {
    atomic_signal_fence(memory_order_seq_cst); /* S2: compiler only */
}

/* Descriptor i after rx->next is not under inspection any more; fb_rx_begin() begins it again. */
void fb_rx_pause(const struct fb_rx *rx, uint32_t i);

/* Gives n descriptors back: first cursor, idle at the next, then consumed. */
static inline void fb_rx_release(struct fb_rx *rx, uint32_t n) {
    rx->next += n;
    /* R5: pairs with A4 in fb_up_cursor */
    atomic_store_explicit(&rx->up->cursor, rx->next * 2, memory_order_release);
    /* R2: pairs with A2 in fb_tx_refresh */
    atomic_store_explicit(&rx->up->consumed, rx->next, memory_order_release);
}

enum fb_wake {
    FB_WAKE_NEW_DATA, /* something was published, or the command or the epoch changed */
    FB_WAKE_TIMEOUT,  /* nothing new: look whether the dispatcher lives */
    FB_WAKE_SIGNAL,   /* a signal handler ran */
};

/* Sleeps until something is published, the epoch changes, or the command is not the last one
 * of fb_rx_command(); at most timeout_ms. Worker only. */
enum fb_wake fb_rx_park(struct fb_rx *rx, unsigned timeout_ms);

/* The command, and whether this incarnation may go on. */
static inline enum fb_command fb_rx_command(struct fb_rx *rx) {
    /* A3: pairs with R3 in fb_tx_set_command */
    rx->command = atomic_load_explicit(&rx->down->command, memory_order_acquire);
    return (enum fb_command)rx->command;
}
static inline bool fb_rx_revoked(const struct fb_rx *rx) {
    return atomic_load_explicit(&rx->down->epoch, memory_order_relaxed) != rx->epoch;
}

/* When the descriptor at rx->next was published (CLOCK_MONOTONIC, ns); 0: too long ago. */
uint64_t fb_rx_stamp(struct fb_rx *rx);

/* Where fb_rx_stamp() is 0 since it was too long ago: when a publish of some hundred ago was, at
 * which that descriptor was published at the latest; 0: not known either. */
uint64_t fb_rx_stamp_bound(const struct fb_rx *rx);

#endif
