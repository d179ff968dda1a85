/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/policy.h"

#include <stddef.h>
#include <string.h>

/* A load in the upper 31 bits below the highest, which is not the policies', and ties by the share
 * in the lower 32, each capped at what fits. */
static uint64_t with_share(double load, double share) {
    uint64_t high = load < INT32_MAX ? (uint64_t)load : INT32_MAX;
    uint64_t low = share < UINT32_MAX ? (uint64_t)share : UINT32_MAX;
    return high << 32 | low;
}

static uint64_t backlog(const struct policy_facts *facts) {
    return facts->waiting;
}

static uint64_t backlog_share(const struct policy_facts *facts) {
    return with_share((double)facts->waiting, facts->share);
}

/* In steps of 64 ns: 2^31 of them are two minutes of work in a ring. */
static uint64_t cost(const struct policy_facts *facts) {
    return with_share((double)facts->waiting * facts->ns_per_packet / 64, facts->share);
}

static const struct policy policies[] = {
    {"backlog-share", "fewest packets waiting, ties to the smallest share of the packets",
     POLICY_LEAST, backlog_share},
    {"backlog", "fewest packets waiting", POLICY_LEAST, backlog},
    {"cost", "least work waiting: packets times the worker's measured time per packet",
     POLICY_LEAST, cost},
    {"hash", "hash of the flow modulo the number of workers: the baseline", POLICY_HASH, NULL},
    {"round-robin", "each new flow to the next worker", POLICY_TURN, NULL},
};

const struct policy *policy_find(const char *name) {
    for (unsigned i = 0; policy_at(i) != NULL; i++) {
        if (strcmp(policies[i].name, name) == 0)
            return &policies[i];
    }
    return NULL;
}

const struct policy *policy_at(unsigned i) {
    return i < sizeof policies / sizeof *policies ? &policies[i] : NULL;
}
