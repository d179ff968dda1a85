/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_PACKETS_FIXTURE_H
#define TESTS_LIB_PACKETS_FIXTURE_H

/*
 * Packets of any kind through the data path: sent as the dispatcher sends a
 * source's burst, and what the workers got of them.
 */

#include "tests/lib/datapath_fixture.h"
#include "tests/lib/ip_packets.h"

#define MOST_GIVEN 4096u

/* A packet that a worker got. */
struct got {
    uint64_t frame, flow;
    uint32_t seq, gap, handle;
    unsigned worker, dir, flags, generation;
    uint64_t losses; /* of workers, until then */
    struct fb_flow record;
};

struct packets_fixture {
    struct datapath_fixture path;
    struct fragments tracker;
    bool tracks;
    struct packet given[MOST_GIVEN + 1]; /* by frame number */
    struct got got[MOST_GIVEN];          /* in the order of each worker */
    unsigned got_count, got_expected;
};

/* For cmocka: the fixture, without a data path yet. */
int packets_fixture_set_up(void **state);
int packets_fixture_tear_down(void **state);
#define PACKETS_TEST(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, packets_fixture_set_up, packets_fixture_tear_down)

/* Fragments wait up to 20 s, at most 64 at a time; workers are still to be started. */
void make_packet_path(struct packets_fixture *f, unsigned workers, uint32_t depth, bool block,
                      const char *policy);

/* ---- input */

/* Adds a frame to the burst in the making, or an IP packet on Ethernet. Returns its number. */
uint32_t give_frame(struct packets_fixture *f, struct packet p);
uint32_t give_ip(struct packets_fixture *f, struct packet p);
void pass_seconds(struct packets_fixture *f, uint64_t seconds);

/* Runs the burst that is given to its end; whose ring is full reads. */
void run_to_the_end(struct packets_fixture *f);
/* Sends what was given as the dispatcher does. The workers then have read it all. */
void send_given(struct packets_fixture *f);

/* ---- the workers' side; what is read is checked */

/* Worker k reads up to n descriptors. */
void read_ring(struct packets_fixture *f, unsigned k, uint32_t n);
void read_rings(struct packets_fixture *f);

/* What a worker got of a frame, or NULL. */
const struct got *got_of(const struct packets_fixture *f, uint64_t frame);
bool same_flow(const struct packets_fixture *f, uint32_t frame, uint32_t other);
/* The frames that the workers got since the last look, by worker. */
void expect_order(struct packets_fixture *f, const char *order);

/* Worker k dies and no process takes its number in time: its flows go elsewhere. */
void lose_worker(struct packets_fixture *f, unsigned k);

/* The end of the input: what is held comes out, every flow ends, each frame is in one place. */
void finish_packets(struct packets_fixture *f);

#endif
