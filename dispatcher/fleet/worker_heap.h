/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_WORKER_HEAP_H
#define DISPATCHER_FLEET_WORKER_HEAP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The workers that take new flows, least load first: a binary min-heap with
 * the position of each worker, so that any one of them can be re-keyed. The
 * load is the policy's: any unit, lower is better. Of equal loads a near worker
 * comes before a far one, then the lower worker number, so that a run can be
 * repeated; a policy that wants to break ties otherwise puts the tie-breaker
 * into the load's low bits.
 * Dispatcher only, one thread.
 */
#define WORKER_HEAP_MAX 256u /* worker numbers are below this */
#define WORKER_HEAP_NONE UINT32_MAX

struct worker_heap_entry {
    uint64_t load;
    uint32_t worker;
    uint32_t rank; /* among equal loads */
};

struct worker_heap_place {
    uint16_t position; /* index in entries plus 1; 0: not in */
    uint16_t rank;
};

struct worker_heap {
    uint32_t count;
    struct worker_heap_place place[WORKER_HEAP_MAX]; /* by worker */
    struct worker_heap_entry entries[WORKER_HEAP_MAX];
};

/* Makes an empty heap of workers that are all near. */
void worker_heap_init(struct worker_heap *h);

/*
 * Says whether a worker that is not in is far: that of two with equal loads a
 * near one is better. False if it is in, or its number is too high.
 */
bool worker_heap_set_far(struct worker_heap *h, uint32_t worker, bool far);

/* Adds a worker. False, and nothing changes, if it is in already or its number is too high. */
bool worker_heap_add(struct worker_heap *h, uint32_t worker, uint64_t load);

/* Removes a worker. False if it is not in. */
bool worker_heap_remove(struct worker_heap *h, uint32_t worker);

/* Gives a worker another load, lower or higher. False if it is not in. */
bool worker_heap_update(struct worker_heap *h, uint32_t worker, uint64_t load);

bool worker_heap_contains(const struct worker_heap *h, uint32_t worker);

/* The worker with the least load, or WORKER_HEAP_NONE. It stays in. */
uint32_t worker_heap_top(const struct worker_heap *h);

#endif
