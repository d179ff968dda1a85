/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_POLICY_H
#define DISPATCHER_POLICY_H

#include <stdint.h>

/*
 * Balancing policies: what "least-loaded" means. A policy is a function from
 * what the dispatcher knows of a worker to a number; a new flow goes to the
 * worker with the least. To add one: a function and a line in policy.c.
 */
struct policy_facts {
    uint64_t waiting; /* packets in the worker's ring, published or not */
    double share;     /* packets given to it, decayed with POLICY_HALF_LIFE_S */
};

struct policy {
    const char *name;
    const char *help;
    uint64_t (*load)(const struct policy_facts *facts);
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
