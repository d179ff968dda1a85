/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/balance.h"

#include <math.h>
#include <string.h>

#define DECAY_EVERY_NS UINT64_C(100000000)
/* The time per packet is a mean over about so many of its samples, each an update's packets. */
#define COST_SAMPLES 64.0
/* Above every load that a policy gives but the highest: over its share, but better than none. */
#define OVER_SHARE (UINT64_C(1) << 63)

void balance_init(struct balance *balance, const struct policy *policy, double max_share) {
    memset(balance, 0, sizeof *balance);
    balance->policy = policy;
    balance->max_share = max_share;
    worker_heap_init(&balance->heap);
}

static uint64_t load_of(const struct balance *balance, const struct balance_worker *worker) {
    if (balance->policy->load == NULL)
        return 0;
    uint64_t load = balance->policy->load(&worker->facts) & ~OVER_SHARE;
    bool over = balance->max_share > 0 && worker->flows > balance->max_share * balance->flows + 1;
    return over ? load | OVER_SHARE : load;
}

/* Takes a worker's load, which the heap is told when it is looked at. */
static void reload(struct balance *balance, unsigned worker) {
    struct balance_worker *w = &balance->workers[worker];
    uint64_t load = load_of(balance, w);
    if (load == w->heap_load)
        return;
    w->heap_load = load;
    balance->untold[worker / 64] |= UINT64_C(1) << worker % 64;
}

/* Before the heap is looked at. */
static void tell_heap(struct balance *balance) {
    for (unsigned i = 0; i < WORKER_HEAP_MAX / 64; i++) {
        for (; balance->untold[i] != 0; balance->untold[i] &= balance->untold[i] - 1) {
            unsigned worker = i * 64 + (unsigned)__builtin_ctzll(balance->untold[i]);
            worker_heap_update(&balance->heap, worker, balance->workers[worker].heap_load);
        }
    }
}

static void list_in_order(struct balance *balance) {
    balance->count = 0;
    for (unsigned k = 0; k < WORKER_HEAP_MAX; k++) {
        if (balance->workers[k].in)
            balance->in_order[balance->count++] = (uint8_t)k;
    }
}

void balance_set_far(struct balance *balance, unsigned worker, bool far) {
    worker_heap_set_far(&balance->heap, worker, far);
}

void balance_join(struct balance *balance, unsigned worker) {
    struct balance_worker *w = &balance->workers[worker];
    if (w->in)
        return;
    double share = 0, flows = 0;
    for (unsigned i = 0; i < balance->count; i++) {
        share += balance->workers[balance->in_order[i]].facts.share;
        flows += balance->workers[balance->in_order[i]].flows;
    }
    if (balance->count > 0) {
        w->facts.share = share / balance->count;
        balance->flows += flows / balance->count - w->flows;
        w->flows = flows / balance->count;
    }
    w->facts.ns_per_packet = 0;
    w->measured_ns = 0;
    w->in = true;
    w->heap_load = load_of(balance, w);
    worker_heap_add(&balance->heap, worker, w->heap_load);
    list_in_order(balance);
}

void balance_leave(struct balance *balance, unsigned worker) {
    if (!balance->workers[worker].in)
        return;
    balance->workers[worker].in = false;
    worker_heap_remove(&balance->heap, worker);
    list_in_order(balance);
}

unsigned balance_lead(struct balance *balance) {
    tell_heap(balance);
    return worker_heap_top(&balance->heap);
}

static unsigned pick_least(struct balance *balance) {
    unsigned top = balance_lead(balance);
    while (top != WORKER_HEAP_NONE) {
        reload(balance, top);
        unsigned again = balance_lead(balance);
        if (again == top)
            break;
        top = again;
    }
    return top;
}

unsigned balance_pick(struct balance *balance, uint64_t hash) {
    if (balance->count == 0)
        return WORKER_HEAP_NONE;
    switch (balance->policy->kind) {
    case POLICY_HASH:
        return balance->in_order[hash % balance->count];
    case POLICY_TURN:
        return balance->in_order[balance->turn % balance->count];
    default:
        return pick_least(balance);
    }
}

/* A mean that forgets, of samples weighted by their packets. */
static void measure(struct balance_worker *w, uint64_t finished, uint64_t now_ns) {
    if (finished == 0)
        return;
    double sample = (double)(now_ns - w->measured_ns) / (double)finished;
    double weight = w->facts.ns_per_packet == 0 ? 1 : 1 / COST_SAMPLES;
    w->facts.ns_per_packet += (sample - w->facts.ns_per_packet) * weight;
    w->measured_ns = now_ns;
}

void balance_update(struct balance *balance, unsigned worker, uint64_t waiting, uint64_t finished,
                    uint64_t now_ns) {
    struct balance_worker *w = &balance->workers[worker];
    w->facts.waiting = waiting;
    if (waiting == 0)
        w->measured_ns = 0; /* it may have been idle: this stretch says nothing */
    else if (w->measured_ns == 0)
        w->measured_ns = now_ns;
    else
        measure(w, finished, now_ns);
    if (w->in)
        reload(balance, worker);
}

void balance_decay(struct balance *balance, uint64_t now_ns) {
    if (now_ns - balance->decayed_ns < DECAY_EVERY_NS)
        return;
    double seconds = balance->decayed_ns == 0 ? 0 : (double)(now_ns - balance->decayed_ns) / 1e9;
    double factor = exp2(-seconds / POLICY_HALF_LIFE_S);
    balance->decayed_ns = now_ns;
    balance->flows *= factor;
    for (unsigned k = 0; k < WORKER_HEAP_MAX; k++) {
        balance->workers[k].facts.share *= factor;
        balance->workers[k].flows *= factor;
    }
    for (unsigned i = 0; i < balance->count; i++)
        reload(balance, balance->in_order[i]);
}
