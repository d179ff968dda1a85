/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/ring.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Shared, not private: the two sides are different processes. */
static long futex(const _Atomic uint32_t *word, int op, uint32_t value,
                  const struct timespec *timeout) {
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* Relaxed: the producer reads back what it wrote itself. */
void fb_tx_init(struct fb_tx *tx, struct fb_down *down, const struct fb_up *up) {
    uint64_t seq = atomic_load_explicit(&down->published, memory_order_relaxed);
    *tx = (struct fb_tx){
        .descs = fb_down_descs(down),
        .arena = fb_down_arena(down),
        .down = down,
        .up = up,
        .slot_mask = (uint64_t)down->slots - 1,
        .arena_mask = down->arena_bytes - 1,
        .depth = down->depth,
        .seq = seq,
        .published = seq,
        .consumed = seq,
    };
}

/* Where room is looked for: the head, or the start of the next lap. */
static uint64_t next_position(const struct fb_tx *tx, uint64_t need) {
    uint64_t left = tx->arena_mask + 1 - (tx->head & tx->arena_mask);
    return need > left ? tx->head + left : tx->head;
}

bool fb_tx_reserve(struct fb_tx *tx, uint32_t caplen, uint64_t *position) {
    uint64_t need = fb_align_up(caplen, FB_ARENA_ALIGN);
    uint64_t size = tx->arena_mask + 1;
    uint64_t at = next_position(tx, need);
    *position = at;
    if (tx->seq == tx->consumed)
        tx->tail = at;
    else if (tx->seq - tx->consumed >= tx->depth)
        return false;
    else if (at + need - tx->tail > size)
        tx->tail = tx->descs[tx->consumed & tx->slot_mask].arena_pos;
    if (at + need - tx->tail > size)
        return false;
    if (at == tx->head) {
        uint64_t lap_left = size - (at & tx->arena_mask), free = size - (at - tx->tail);
        tx->clear_to = at + (lap_left < free ? lap_left : free);
    }
    return true;
}

void fb_tx_attach(struct fb_tx *tx, const struct fb_up *up) {
    tx->up = up;
    tx->wake_pending_since_ns = 0;
}

/* Relaxed is enough: the futex call compares in the kernel, under its lock. */
static void move_doorbell(struct fb_down *down) {
    uint32_t bell = atomic_load_explicit(&down->doorbell, memory_order_relaxed);
    atomic_store_explicit(&down->doorbell, bell + 1, memory_order_relaxed);
    futex(&down->doorbell, FUTEX_WAKE, INT_MAX, NULL);
}

/* Relaxed look at parked: F2 comes before it, see ring.h. */
bool fb_tx_wake(struct fb_tx *tx, uint64_t now_ns, bool force, bool *woken) {
    if (tx->wake_pending_since_ns == 0)
        return false;
    if (atomic_load_explicit(&tx->up->parked, memory_order_relaxed) == 0) {
        /* Awake after F2: it sees what is published before it sleeps. */
        tx->wake_pending_since_ns = 0;
        return false;
    }
    if (!force) {
        bool due = tx->published - tx->consumed >= FB_WAKE_WAITING ||
                   now_ns - tx->wake_pending_since_ns >= FB_WAKE_DELAY_NS;
        if (!due || now_ns - tx->last_wake_ns < FB_WAKE_PAUSE_NS)
            return true;
    }
    move_doorbell(tx->down);
    tx->wake_pending_since_ns = 0;
    tx->last_wake_ns = now_ns;
    *woken = true;
    return false;
}

struct fb_resume_point fb_tx_recover(struct fb_tx *tx) {
    struct fb_resume_point resume_point = {.violation = fb_tx_refresh(tx)};
    uint64_t cursor = fb_up_cursor(tx->up);
    /* cursor holds the low 63 bits of the sequence: count from consumed on. */
    uint64_t ahead = ((cursor >> 1) - tx->consumed) & (UINT64_MAX >> 1);
    uint64_t waiting = tx->published - tx->consumed;
    bool busy = (cursor & 1) != 0;
    if (ahead > waiting || (busy && ahead == waiting)) {
        if (resume_point.violation == FB_VIOLATION_NONE)
            resume_point.violation = FB_VIOLATION_CURSOR_RANGE;
    } else {
        tx->consumed += ahead;
        resume_point.suspect = busy;
    }
    resume_point.resume_seq = tx->consumed;
    return resume_point;
}

/* Commands and epochs wake the worker immediately, by the same fence and relaxed look at parked as
 * packets. */
static void wake_worker(struct fb_tx *tx) {
    fb_tx_fence();
    if (tx->up != NULL && atomic_load_explicit(&tx->up->parked, memory_order_relaxed) != 0)
        move_doorbell(tx->down);
}

void fb_tx_set_epoch(struct fb_tx *tx, uint64_t epoch) {
    /* Relaxed: the worker only compares it, and nothing is reached through it. */
    atomic_store_explicit(&tx->down->epoch, epoch, memory_order_relaxed);
    wake_worker(tx);
}

void fb_tx_set_command(struct fb_tx *tx, enum fb_command command) {
    /* R3: pairs with A3 in fb_rx_command */
    atomic_store_explicit(&tx->down->command, command, memory_order_release);
    wake_worker(tx);
}

/* Relaxed: claim.h says how the up side came to be ours, with acquire. */
void fb_rx_init(struct fb_rx *rx, const struct fb_down *down, struct fb_up *up) {
    *rx = (struct fb_rx){
        .down = down,
        .up = up,
        .descs = (const struct fb_desc *)(const void *)((const char *)down + down->desc_offset),
        .arena = (const uint8_t *)down + down->arena_offset,
        .slot_mask = (uint64_t)down->slots - 1,
        .arena_mask = down->arena_bytes - 1,
        .next = atomic_load_explicit(&up->consumed, memory_order_relaxed),
        .epoch = up->epoch,
        .burst = down->worker_burst,
    };
    rx->published = rx->next;
    rx->publishes = atomic_load_explicit(&down->publishes, memory_order_relaxed);
}

void fb_rx_pause(const struct fb_rx *rx, uint32_t i) {
    /* R6: pairs with A4 in fb_up_cursor */
    atomic_store_explicit(&rx->up->cursor, (rx->next + i) * 2, memory_order_release);
}

/* Relaxed loads and stores: F1 orders parked against published, command and epoch, see ring.h. */
enum fb_wake fb_rx_park(struct fb_rx *rx, unsigned timeout_ms) {
    uint32_t bell = atomic_load_explicit(&rx->down->doorbell, memory_order_relaxed);
    enum fb_command command = (enum fb_command)rx->command;
    atomic_store_explicit(&rx->up->parked, 1, memory_order_relaxed);
    /* F1: pairs with F2 in fb_tx_fence */
    atomic_thread_fence(memory_order_seq_cst);
    enum fb_wake wake = FB_WAKE_NEW_DATA;
    if (atomic_load_explicit(&rx->down->published, memory_order_relaxed) == rx->next &&
        fb_rx_command(rx) == command && !fb_rx_revoked(rx)) {
        struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                                   .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
        if (futex(&rx->down->doorbell, FUTEX_WAIT, bell, &timeout) != 0 && errno != EAGAIN)
            wake = errno == EINTR ? FB_WAKE_SIGNAL : FB_WAKE_TIMEOUT;
    }
    atomic_store_explicit(&rx->up->parked, 0, memory_order_relaxed);
    return wake;
}

/* In the order of sequence numbers, which wraps. Relaxed: see fb_rx_stamp(). */
static bool ends_after(const struct fb_stamp *stamp, uint64_t seq) {
    uint64_t end = atomic_load_explicit(&stamp->end_seq, memory_order_relaxed);
    return end - seq - 1 < UINT64_MAX / 2;
}

/* Relaxed: statistics; an entry that was overwritten meanwhile is found out by the count. */
uint64_t fb_rx_stamp(struct fb_rx *rx) {
    /* Not older than published, which was loaded with acquire: its stamp is there. */
    uint64_t publishes = atomic_load_explicit(&rx->down->publishes, memory_order_relaxed);
    if (publishes - rx->publishes > FB_STAMPS / 2) {
        /* Too far behind: what was skipped may hold the one that is looked for. */
        rx->publishes = publishes - FB_STAMPS / 2;
        return 0;
    }
    for (; rx->publishes != publishes; rx->publishes++) {
        const struct fb_stamp *stamp = &rx->down->stamps[rx->publishes % FB_STAMPS];
        if (!ends_after(stamp, rx->next))
            continue;
        /* The first that was looked at need not be the first that ends after next. */
        if (rx->publishes != 0 &&
            ends_after(&rx->down->stamps[(rx->publishes - 1) % FB_STAMPS], rx->next))
            return 0;
        uint64_t time_ns = atomic_load_explicit(&stamp->time_ns, memory_order_relaxed);
        /* T1: pairs with T2 in fb_tx_publish */
        atomic_thread_fence(memory_order_acquire);
        publishes = atomic_load_explicit(&rx->down->publishes, memory_order_relaxed);
        return publishes - rx->publishes < FB_STAMPS ? time_ns : 0;
    }
    return 0;
}

/* Relaxed: as in fb_rx_stamp(). */
uint64_t fb_rx_stamp_bound(const struct fb_rx *rx) {
    uint64_t publishes = atomic_load_explicit(&rx->down->publishes, memory_order_relaxed);
    if (publishes < FB_STAMPS / 2)
        return 0;
    uint64_t looked = publishes - FB_STAMPS / 2;
    const struct fb_stamp *stamp = &rx->down->stamps[looked % FB_STAMPS];
    if (!ends_after(stamp, rx->next))
        return 0;
    uint64_t time_ns = atomic_load_explicit(&stamp->time_ns, memory_order_relaxed);
    /* T3: pairs with T2 in fb_tx_publish */
    atomic_thread_fence(memory_order_acquire);
    publishes = atomic_load_explicit(&rx->down->publishes, memory_order_relaxed);
    return publishes - looked < FB_STAMPS ? time_ns : 0;
}
