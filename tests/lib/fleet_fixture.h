/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FLEET_FIXTURE_H
#define TESTS_LIB_FLEET_FIXTURE_H

/*
 * A fleet over real shared memory, and its workers in the same process: a lock
 * belongs to an open file description, so one process can be both ends. Time
 * is a number that the test sets.
 */

#include "dispatcher/fleet/fleet.h"
#include "flow_balancer/claim.h"
#include "tests/lib/unit.h"

#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)
#define NEVER UINT64_MAX

/* What one worker process would hold. */
struct hand {
    struct fb_claim claim;
    struct fb_rx rx;
    bool holds;
};

struct fleet_fixture {
    struct fb_ctl_handle ctl;  /* the dispatcher's */
    struct fb_ctl_handle seen; /* as the workers map it */
    struct fleet fleet;
    struct hand hands[FB_MAX_WORKERS];
    uint64_t now_ns;
    bool made;
    /* What the next fleet is made with. */
    uint64_t max_flows;    /* that the handles of each worker are made for */
    uint32_t flow_records; /* from the start, of all workers */
    uint64_t hang_ns;
    unsigned unmade;         /* the last numbers, so many, have no ring yet */
    int node;                /* of the dispatcher, -1: none */
    const int *worker_nodes; /* of all workers, or NULL */
};

/* For cmocka: the fixture, without a fleet yet. */
int fleet_fixture_set_up(void **state);
int fleet_fixture_tear_down(void **state);
#define FLEET_TEST(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, fleet_fixture_set_up, fleet_fixture_tear_down)

/* The same where the fixture is part of another, zeroed before. */
void fleet_fixture_init(struct fleet_fixture *f);
void fleet_fixture_fini(struct fleet_fixture *f);

/* A fleet in the place of the one before. */
void make_fleet(struct fleet_fixture *f, unsigned workers, uint32_t depth, const char *policy,
                uint64_t failover_ns);

/* ---- the dispatcher's side */

struct lane *lane_of(struct fleet_fixture *f, unsigned k);
double *share_of(struct fleet_fixture *f, unsigned k);
/* The dispatcher's view, which is also what ctl tells every process. */
enum fb_state state_of(struct fleet_fixture *f, unsigned k);

void poll_fleet(struct fleet_fixture *f);
/* A revoked worker has its time to see it, and is judged. */
void revocation_passes(struct fleet_fixture *f);

/* A packet, or the end of a flow, for worker k; the first is false if there is no room. */
bool stage_packet(struct fleet_fixture *f, unsigned k);
void stage_flow_end(struct fleet_fixture *f, unsigned k);
void publish_to(struct fleet_fixture *f, unsigned k);
/* So many packets, published. */
void give_packets(struct fleet_fixture *f, unsigned k, unsigned packets);

/* Each ring's side of the ledger. */
void lanes_balance(struct fleet_fixture *f);

/* ---- what workers do; the dispatcher has not looked yet, but where it is said */

void worker_claims(struct fleet_fixture *f, unsigned k);
/* Comes and is ready, which the dispatcher sees. */
void worker_starts(struct fleet_fixture *f, unsigned k);
/* Is gone, as the kernel leaves it: its mapping and with it the lock. */
void worker_dies(struct fleet_fixture *f, unsigned k);
void worker_leaves(struct fleet_fixture *f, unsigned k);
/* Gives back n descriptors, which it must have. */
void worker_finishes(struct fleet_fixture *f, unsigned k, uint32_t n);

#endif
