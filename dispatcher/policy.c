/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy.h"

#include <stddef.h>
#include <string.h>

static uint64_t backlog(const struct policy_facts *facts) {
    return facts->waiting;
}

/* Ties by the share: the backlog in the upper half, the share in the lower, capped at what fits. */
static uint64_t backlog_share(const struct policy_facts *facts) {
    uint64_t share = facts->share < 4294967295.0 ? (uint64_t)facts->share : UINT32_MAX;
    return facts->waiting << 32 | share;
}

static const struct policy policies[] = {
    {"backlog-share", "fewest packets waiting, ties to the smallest share of the packets",
     backlog_share},
    {"backlog", "fewest packets waiting", backlog},
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
