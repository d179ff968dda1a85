/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/worker_heap.h"

#include <string.h>

static bool before(const struct worker_heap_entry *a, const struct worker_heap_entry *b) {
    return a->load < b->load || (a->load == b->load && a->rank < b->rank);
}

static void place(struct worker_heap *h, uint32_t at, struct worker_heap_entry entry) {
    h->entries[at] = entry;
    h->place[entry.worker].position = (uint16_t)(at + 1);
}

/* Puts entry where it belongs between the hole `at` and the root. */
static void sift_up(struct worker_heap *h, uint32_t at, struct worker_heap_entry entry) {
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!before(&entry, &h->entries[parent]))
            break;
        place(h, at, h->entries[parent]);
        at = parent;
    }
    place(h, at, entry);
}

/* Puts entry where it belongs between the hole `at` and the leaves. */
static void sift_down(struct worker_heap *h, uint32_t at, struct worker_heap_entry entry) {
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && before(&h->entries[child + 1], &h->entries[child]))
            child++;
        if (!before(&h->entries[child], &entry))
            break;
        place(h, at, h->entries[child]);
        at = child;
    }
    place(h, at, entry);
}

static void sift(struct worker_heap *h, uint32_t at, struct worker_heap_entry entry) {
    if (at > 0 && before(&entry, &h->entries[(at - 1) / 2]))
        sift_up(h, at, entry);
    else
        sift_down(h, at, entry);
}

void worker_heap_init(struct worker_heap *h) {
    memset(h, 0, sizeof *h);
    for (uint32_t k = 0; k < WORKER_HEAP_MAX; k++)
        h->place[k].rank = (uint16_t)k;
}

bool worker_heap_set_far(struct worker_heap *h, uint32_t worker, bool far) {
    if (worker >= WORKER_HEAP_MAX || h->place[worker].position != 0)
        return false;
    h->place[worker].rank = (uint16_t)(worker + (far ? WORKER_HEAP_MAX : 0));
    return true;
}

bool worker_heap_contains(const struct worker_heap *h, uint32_t worker) {
    return worker < WORKER_HEAP_MAX && h->place[worker].position != 0;
}

static struct worker_heap_entry entry_of(const struct worker_heap *h, uint32_t worker,
                                         uint64_t load) {
    return (struct worker_heap_entry){
        .load = load, .worker = worker, .rank = h->place[worker].rank};
}

bool worker_heap_add(struct worker_heap *h, uint32_t worker, uint64_t load) {
    if (worker >= WORKER_HEAP_MAX || h->place[worker].position != 0)
        return false;
    h->count++;
    sift_up(h, h->count - 1, entry_of(h, worker, load));
    return true;
}

bool worker_heap_remove(struct worker_heap *h, uint32_t worker) {
    if (!worker_heap_contains(h, worker))
        return false;
    uint32_t hole = h->place[worker].position - 1u;
    h->place[worker].position = 0;
    h->count--;
    /* The last entry leaves the end of the heap and fills the hole, unless it was the hole. */
    if (hole < h->count)
        sift(h, hole, h->entries[h->count]);
    return true;
}

bool worker_heap_update(struct worker_heap *h, uint32_t worker, uint64_t load) {
    if (!worker_heap_contains(h, worker))
        return false;
    sift(h, h->place[worker].position - 1u, entry_of(h, worker, load));
    return true;
}

uint32_t worker_heap_top(const struct worker_heap *h) {
    return h->count == 0 ? WORKER_HEAP_NONE : h->entries[0].worker;
}
