/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_MOVES_FIXTURE_H
#define TESTS_LIB_MOVES_FIXTURE_H

/*
 * Workers that die, and whose flows move: every descriptor is checked against
 * what all workers together have had of its flow. Flows are known by their ids,
 * which stay; a handle is known to one process only.
 */

#include "dispatcher/datapath/move.h"
#include "tests/lib/datapath_fixture.h"

#define FLOW_SLOTS (1u << 16)
#define HANDLE_SLOTS 8192u

/* A flow, over all workers. */
struct journey {
    uint64_t id_plus_1; /* 0: free */
    uint64_t first_ns;  /* as its record had it last */
    uint32_t next_seq;  /* after the last packet that a worker had, or that was quarantined */
    uint32_t losses;    /* of its worker, at that packet */
    uint16_t tuple;
    uint8_t first_reverse, worker;
    bool started, known, ended; /* known: its tuple and direction */
};

/* A handle, as the present process of a number knows it. */
struct held {
    bool begun;
    uint16_t generation;
    uint64_t flow_id;
};

/* A number as the test sees it. */
struct number {
    struct held held[HANDLE_SLOTS];
    struct fb_desc suspect; /* under inspection when its last process died */
    uint64_t quarantined;   /* of the lane, as last seen */
    uint32_t losses;
    bool moving;
};

/* What the descriptors told, over all workers. */
struct told {
    uint64_t packets, starts, gaps, ends, unknown_ends, moves, redelivered;
};

struct moves_fixture {
    struct datapath_fixture path;
    struct journey journeys[FLOW_SLOTS];
    struct number numbers[MOST_WORKERS];
    struct told told;
};

/* For cmocka: the fixture, without a data path yet. */
int moves_fixture_set_up(void **state);
int moves_fixture_tear_down(void **state);
#define MOVES_TEST(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, moves_fixture_set_up, moves_fixture_tear_down)

/* A data path in the place of the one before; a number is lost after a second. */
void make_moves(struct moves_fixture *m, unsigned workers, uint32_t depth, bool block,
                uint32_t max_flows, const char *timeouts);

/* ---- the dispatcher's side */

/* After anything that may lose a worker or quarantine a packet. */
void observe(struct moves_fixture *m);
/* Polls the fleet at the present time, and observes. */
void look(struct moves_fixture *m);
/* A number that was revoked has its time, and is judged. */
void pass_revocation(struct moves_fixture *m);
/* No process comes for a number that waits. */
void wait_for_failover(struct moves_fixture *m);

/* Moves a burst; or until no ring is lost any more, or a packet has to wait. */
enum egress_result move_some(struct moves_fixture *m);
enum egress_result move_all(struct moves_fixture *m);

/* ---- the workers' side; what they have is checked */

/* A process comes and is ready; it knows nothing of what others had. */
void worker_comes(struct moves_fixture *m, unsigned k);
void workers_come(struct moves_fixture *m);
/* Worker k finishes up to n descriptors. Returns how many. */
uint32_t worker_works(struct moves_fixture *m, unsigned k, uint32_t n);
void workers_work(struct moves_fixture *m);
/* Worker k has descriptor i after the last that it gave back. */
void worker_has(struct moves_fixture *m, unsigned k, uint32_t i);
/* Worker k dies in the n-th descriptor of a burst, or with all done if there are not so many. */
void worker_dies_at(struct moves_fixture *m, unsigned k, uint32_t n);

/* Every flow ends, everything is read, all handles are back, and each frame is somewhere once. */
void finish_moves(struct moves_fixture *m);

#endif
