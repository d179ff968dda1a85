/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_DATAPATH_FIXTURE_H
#define TESTS_LIB_DATAPATH_FIXTURE_H

/*
 * The data path in one process: frames made here go through it into real rings,
 * and the workers check every descriptor against what was sent and against what
 * they know of the flow.
 */

#include "dispatcher/datapath/datapath.h"
#include "dispatcher/run/ledger.h"
#include "tests/lib/fleet_fixture.h"
#include "tests/lib/random.h"

#define DLT_ETHERNET 1
#define MOST_FRAMES 131072u
#define MOST_TUPLES 512u
#define MOST_WORKERS 20u
#define MOST_HANDLES 1280u
#define FRAME_ROOM 1600u

#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define ACK 0x10u

/* What was sent under a frame number, and how often it came out. */
struct sent {
    uint64_t time_ns;
    uint32_t caplen, wirelen;
    uint16_t tuple;
    uint8_t reverse, tcp_flags, delivered;
};

/* A flow as its worker knows it, by handle. */
struct known {
    bool begun;
    uint16_t generation, tuple;
    uint8_t first_reverse;
    uint64_t flow_id, first_ns;
    uint32_t next_seq;
};

/* What the descriptors told, over all workers. */
struct heard {
    uint64_t packets, starts, gap_packets;
    uint64_t ends[FB_END_COUNT];
    uint64_t last_frame[FB_MAX_WORKERS];
};

struct datapath_fixture {
    struct fleet_fixture base;
    struct datapath datapath;
    struct flows flows;
    bool made;
    bool ids_in_keys;     /* of VLANs and tunnels, in the next data path that is made */
    struct random random; /* for what a test does at random */
    /* The input. */
    struct sent sent[MOST_FRAMES + 1]; /* by frame number */
    uint32_t sent_count;
    uint8_t frame_bytes[BURST_MAX][FRAME_ROOM];
    struct frame frames[BURST_MAX];
    unsigned frame_count; /* of the burst in the making */
    uint64_t packet_ns;   /* time stamp of the next frame */
    /* The workers' side. */
    struct known known[MOST_WORKERS][MOST_HANDLES];
    struct heard heard;
    struct fb_snapshot snapshot; /* of the last ledger_balances() */
};

/* For cmocka: the fixture, without a data path yet. */
int datapath_fixture_set_up(void **state);
int datapath_fixture_tear_down(void **state);
#define DATAPATH_TEST(name)                                                                        \
    cmocka_unit_test_setup_teardown(name, datapath_fixture_set_up, datapath_fixture_tear_down)

/* The same where the fixture is part of another, zeroed before. */
void datapath_fixture_init(struct datapath_fixture *f);
void datapath_fixture_fini(struct datapath_fixture *f);

/* A data path in the place of the one before; timeouts as --timeout has them, or NULL. */
void make_datapath(struct datapath_fixture *f, unsigned workers, uint32_t depth, bool block,
                   uint32_t max_flows, const char *timeouts);

void start_workers(struct datapath_fixture *f);

/* ---- frames; tuples below 256 are UDP, the others TCP */

bool tuple_is_tcp(unsigned tuple);

/* Adds a frame to the burst in the making. Payload bytes, of which the last `cut` are not captured.
 */
void add_frame(struct datapath_fixture *f, unsigned tuple, bool reverse, unsigned tcp_flags,
               uint32_t payload, uint32_t cut);
void add_udp_frame(struct datapath_fixture *f, unsigned tuple);

/* Gives what was added to the data path, runs it; or both: then it must all find room. */
void give_burst(struct datapath_fixture *f);
enum egress_result run_burst(struct datapath_fixture *f);
void send_burst(struct datapath_fixture *f);

/* Both sides of the ledger, from what was gathered. */
void ledger_balances(struct datapath_fixture *f);
uint64_t dropped_in_all(const struct datapath_fixture *f);

/* ---- the workers' side */

/* The bytes of a descriptor are those that were sent under its frame number, and what it says of
 * their payload is so. */
void expect_bytes_sent(const struct datapath_fixture *f, const struct fb_desc *desc,
                       const uint8_t *bytes);

/* What worker k is told of a descriptor's flow: there always is something. */
const struct fb_flow *record_of(struct datapath_fixture *f, unsigned k, const struct fb_desc *desc);
/* The addresses and ports are those of a flow of this tuple, whose first packet was in reverse or
 * not; and nothing is told of VLANs and tunnels. */
void expect_record_of(const struct fb_flow *record, unsigned tuple, bool first_reverse);

/* Worker k takes up to n descriptors and checks each. Returns how many it took. */
uint32_t consume(struct datapath_fixture *f, unsigned k, uint32_t n);
void consume_all(struct datapath_fixture *f);

/* ---- the end */

/* Ends flows, a hundred or so at a time; false once all have ended and no end is pending. */
bool end_flows(struct datapath_fixture *f, uint32_t *from);
/* The dispatcher sees what every worker has given back. */
void refresh_lanes(struct datapath_fixture *f);
uint64_t delivered_in_all(const struct datapath_fixture *f);

/* Ends every flow, lets the workers read all, and balances the books to the last packet. */
void finish_run(struct datapath_fixture *f);

#endif
