/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_POLICY_H
#define DISPATCHER_FLEET_POLICY_H

#include <stdint.h>

/*
 * Balancing policies: who gets a new flow. Most are a function from what the
 * dispatcher knows of a worker to a number, and the worker with the least is
 * taken; two do not look at load at all. To add one: a function and a line in
 * policy.c.
 */
struct policy_facts {
    uint64_t waiting;     /* packets in the worker's ring, published or not */
    double share;         /* packets given to it, decayed with POLICY_HALF_LIFE_S */
    double ns_per_packet; /* while packets waited, by the dispatcher's clock; 0: not known yet */
};

enum policy_kind {
    POLICY_LEAST, /* the worker with the least load() */
    POLICY_HASH,  /* hash of the flow modulo the workers alive */
    POLICY_TURN,  /* one after another */
};

struct policy {
    const char *name;
    const char *help;
    enum policy_kind kind;
    uint64_t (*load)(const struct policy_facts *facts); /* NULL but for POLICY_LEAST */
};

/*
 * Half-life of the share: long against a burst, so that it does not chase
 * noise; short against a run, so that an elephant of an hour ago is forgiven.
 */
#define POLICY_HALF_LIFE_S 10.0

#define POLICY_DEFAULT "backlog-share"

/* The policy of that name, or NULL. */
const struct policy *policy_find(const char *name);

/* The i-th policy, or NULL behind the last: for help texts. */
const struct policy *policy_at(unsigned i);

#endif
