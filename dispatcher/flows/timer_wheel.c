/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/timer_wheel.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define SLOT_MASK (TIMER_WHEEL_SLOTS - 1)
#define DUE_LIST TIMER_WHEEL_SLOTS
#define LIST_MARK TIMER_WHEEL_MAX_IDS
#define NO_ID TIMER_WHEEL_NO_ID

_Static_assert(TIMER_WHEEL_SLOTS == 32 * 64, "words has one bit per word of occupied");

static void mark_occupied(struct timer_wheel *w, uint32_t list) {
    w->occupied[list / 64] |= UINT64_C(1) << (list % 64);
    w->words |= UINT32_C(1) << (list / 64);
}

static void mark_empty(struct timer_wheel *w, uint32_t list) {
    w->occupied[list / 64] &= ~(UINT64_C(1) << (list % 64));
    if (w->occupied[list / 64] == 0)
        w->words &= ~(UINT32_C(1) << (list / 64));
}

/* Empty slots from the cursor on to the first that is not; at least one is not. */
static uint32_t empty_run(const struct timer_wheel *w) {
    uint32_t start = (uint32_t)w->cursor & SLOT_MASK;
    uint32_t word = start / 64;
    uint64_t rest = w->occupied[word] >> (start % 64);
    if (rest != 0)
        return (uint32_t)__builtin_ctzll(rest);
    /* The words after this one, in turn; this one's lower bits come last. */
    uint32_t after = (word + 1) % 32;
    uint32_t turned = (w->words >> after) | (w->words << ((32 - after) % 32));
    word = (after + (uint32_t)__builtin_ctz(turned)) % 32;
    uint32_t found = word * 64 + (uint32_t)__builtin_ctzll(w->occupied[word]);
    return (found - start) & SLOT_MASK;
}

static void append(struct timer_wheel *w, uint32_t list, uint32_t id) {
    struct timer_list *l = &w->lists[list];
    w->links[id].next = LIST_MARK | list;
    if (l->first == NO_ID) {
        l->first = id;
        w->links[id].prev = LIST_MARK | list;
        if (list != DUE_LIST)
            mark_occupied(w, list);
    } else {
        w->links[l->last].next = id;
        w->links[id].prev = l->last;
    }
    l->last = id;
}

/* Moves a whole slot, not empty, behind what is due. */
static void pass_slot(struct timer_wheel *w, uint32_t list) {
    struct timer_list *l = &w->lists[list];
    struct timer_list *due = &w->lists[DUE_LIST];
    if (due->first == NO_ID) {
        due->first = l->first;
        w->links[l->first].prev = LIST_MARK | DUE_LIST;
    } else {
        w->links[due->last].next = l->first;
        w->links[l->first].prev = due->last;
    }
    due->last = l->last;
    w->links[l->last].next = LIST_MARK | DUE_LIST;
    l->first = NO_ID;
    mark_empty(w, list);
}

/* Moves the cursor towards slot number end, up to and past the first slot that is not empty. */
static void pass_next(struct timer_wheel *w, uint64_t end) {
    uint64_t slot = w->words == 0 ? end : w->cursor + empty_run(w);
    if (slot >= end) {
        w->cursor = end;
        return;
    }
    pass_slot(w, (uint32_t)slot & SLOT_MASK);
    w->cursor = slot + 1;
}

void timer_wheel_init(struct timer_wheel *w, struct timer_link *links, uint32_t timeout_ticks,
                      uint32_t now) {
    memset(w, 0, sizeof *w);
    w->links = links;
    while ((uint64_t)TIMER_WHEEL_SPAN_SLOTS << w->shift < timeout_ticks)
        w->shift++;
    w->cursor = ((uint64_t)now >> w->shift) + 1;
    for (uint32_t i = 0; i <= DUE_LIST; i++)
        w->lists[i].first = NO_ID;
}

void timer_wheel_add(struct timer_wheel *w, uint32_t id, uint32_t due_tick) {
    assert(id < TIMER_WHEEL_MAX_IDS);
    w->count++;
    /* Rounded up: a slot passes at its start, and none of its ids may be early then. */
    uint64_t slot = ((uint64_t)due_tick + (UINT64_C(1) << w->shift) - 1) >> w->shift;
    if (slot < w->cursor) {
        append(w, DUE_LIST, id);
        return;
    }
    /*
     * Beyond one revolution: the present is within a span before slot, so the
     * slots that are in the way have passed, and timer_wheel_due() has not yet
     * come to them.
     */
    while (slot - w->cursor >= TIMER_WHEEL_SLOTS)
        pass_next(w, slot - TIMER_WHEEL_SLOTS + 1);
    append(w, (uint32_t)slot & SLOT_MASK, id);
}

void timer_wheel_remove(struct timer_wheel *w, uint32_t id) {
    struct timer_link link = w->links[id];
    bool is_first = (link.prev & LIST_MARK) != 0;
    bool is_last = (link.next & LIST_MARK) != 0;
    w->count--;
    if (is_first && is_last) {
        uint32_t list = link.prev & ~LIST_MARK;
        w->lists[list].first = NO_ID;
        if (list != DUE_LIST)
            mark_empty(w, list);
        return;
    }
    if (is_first)
        w->lists[link.prev & ~LIST_MARK].first = link.next;
    else
        w->links[link.prev].next = link.next;
    if (is_last)
        w->lists[link.next & ~LIST_MARK].last = link.prev;
    else
        w->links[link.next].prev = link.prev;
}

uint32_t timer_wheel_due(struct timer_wheel *w, uint32_t now, uint32_t *budget) {
    if (*budget == 0)
        return NO_ID;
    uint64_t end = ((uint64_t)now >> w->shift) + 1;
    if (w->lists[DUE_LIST].first == NO_ID && w->cursor < end)
        pass_next(w, end);
    uint32_t id = w->lists[DUE_LIST].first;
    if (id == NO_ID)
        return NO_ID;
    --*budget;
    timer_wheel_remove(w, id);
    return id;
}

uint32_t timer_wheel_oldest(const struct timer_wheel *w) {
    if (w->lists[DUE_LIST].first != NO_ID)
        return w->lists[DUE_LIST].first;
    if (w->words == 0)
        return NO_ID;
    return w->lists[(uint32_t)(w->cursor + empty_run(w)) & SLOT_MASK].first;
}
