/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long random runs of dispatcher/datapath/datapath.c: each descriptor is checked by the
 * fixture as it is consumed, the ledger at every step, and the totals at the end.
 */
#include "tests/lib/datapath_fixture.h"

#define PACKETS 60000u

/*
 * A worker reads while the dispatcher works on a burst: the policy is asked for
 * the load of each ring that is looked at, and here the ring is read then too.
 */
static struct datapath_fixture *policy_fixture; /* a policy is called with facts alone */
static uint32_t read_along;                     /* descriptors each time */

static uint64_t backlog_of_a_busy_worker(const struct policy_facts *facts) {
    struct datapath_fixture *f = policy_fixture;
    for (unsigned k = 0; k < f->base.fleet.count && read_along != 0; k++)
        if (f->base.hands[k].holds)
            consume(f, k, random_below(&f->random, read_along + 1));
    return facts->waiting;
}

static const struct policy busy = {"busy", "backlog, while the workers read", POLICY_LEAST,
                                   backlog_of_a_busy_worker};

static void use_policy(struct datapath_fixture *f, const struct policy *policy) {
    policy_fixture = f;
    f->base.fleet.balance.policy = policy;
}

static void random_frame(struct datapath_fixture *f) {
    static const unsigned flags[] = {SYN, SYN | ACK, ACK, ACK, ACK, ACK, ACK, FIN | ACK, RST};
    unsigned tuple = random_below(&f->random, 4) == 0 ? random_below(&f->random, MOST_TUPLES)
                                                      : 240 + random_below(&f->random, 32);
    uint32_t payload = random_below(&f->random, 8) == 0 ? random_below(&f->random, 1400)
                                                        : random_below(&f->random, 40);
    uint32_t cut =
        payload != 0 && random_below(&f->random, 8) == 0 ? random_below(&f->random, payload) : 0;
    if (random_below(&f->random, 64) == 0)
        f->packet_ns +=
            random_below(&f->random, random_below(&f->random, 16) == 0 ? 40u : 2u) * SECOND;
    f->packet_ns += random_below(&f->random, 1000);
    add_frame(f, tuple, random_below(&f->random, 2),
              tuple_is_tcp(tuple) ? flags[random_below(&f->random, 9)] : 0, payload, cut);
}

static void deliver_while_workers_read(struct datapath_fixture *f) {
    unsigned at = 0, waits = 0;
    while (run_burst(f) != EGRESS_DONE) {
        assert_true(f->datapath.egress.block);
        waits = f->datapath.ingress.burst.next == at ? waits + 1 : 0;
        at = f->datapath.ingress.burst.next;
        assert_true(waits < 10000);
        unsigned k = random_below(&f->random, f->base.fleet.count);
        if (f->base.hands[k].holds)
            consume(f, k, 1 + random_below(&f->random, 8));
    }
}

/* A worker goes, and another process takes its number: nothing is lost and nothing comes twice. */
static void replace_a_worker(struct datapath_fixture *f, unsigned k) {
    worker_dies(&f->base, k);
    poll_fleet(&f->base);
    assert_int_equal(state_of(&f->base, k), FB_STATE_VACANT);
    worker_starts(&f->base, k);
}

struct run {
    unsigned workers;
    uint32_t depth, max_flows, read_along;
    bool block, deaths;
};

static void random_run(struct datapath_fixture *f, const struct run *run, uint32_t packets) {
    make_datapath(f, run->workers, run->depth, run->block, run->max_flows, NULL);
    use_policy(f, &busy);
    read_along = run->read_along;
    start_workers(f);
    while (f->sent_count < packets) {
        unsigned n = 1 + random_below(&f->random, BURST_MAX);
        while (n-- != 0)
            random_frame(f);
        give_burst(f);
        deliver_while_workers_read(f);
        for (unsigned k = 0; k < run->workers; k++)
            if (random_below(&f->random, 3) == 0)
                consume(f, k, random_below(&f->random, 2 * run->depth));
        if (random_below(&f->random, 16) == 0)
            datapath_flush(&f->datapath);
        if (run->deaths && random_below(&f->random, 256) == 0)
            replace_a_worker(f, random_below(&f->random, run->workers));
    }
    read_along = 0;
    finish_run(f);
    assert_int_equal(f->base.fleet.redelivered, 0);
    if (run->block)
        assert_int_equal(f->heard.packets, f->sent_count);
    else
        assert_int_equal(f->heard.packets + f->datapath.egress.dropped[FB_DROP_RING_FULL],
                         f->sent_count);
}

static void block_mode_delivers_every_packet_once_and_in_order(void **state) {
    struct datapath_fixture *f = *state;
    static const struct run runs[] = {
        {.workers = 5, .depth = 64, .max_flows = 200, .block = true, .deaths = true},
        {.workers = 3, .depth = 200, .max_flows = 64, .read_along = 3, .block = true},
        {.workers = 1, .depth = 1, .max_flows = 300, .block = true},
        {.workers = 2, .depth = 2, .max_flows = 1, .block = true, .deaths = true},
        {.workers = 16, .depth = 8, .max_flows = 40, .read_along = 2, .block = true},
    };
    f->random = random_from(9);
    for (unsigned i = 0; i < sizeof runs / sizeof *runs; i++)
        random_run(f, &runs[i], i == 0 ? PACKETS : PACKETS / 4);
}

static void drop_mode_accounts_for_every_packet(void **state) {
    struct datapath_fixture *f = *state;
    static const struct run runs[] = {
        {.workers = 4, .depth = 16, .max_flows = 200, .deaths = true},
        {.workers = 2, .depth = 64, .max_flows = 64, .read_along = 3},
        {.workers = 1, .depth = 1, .max_flows = 300},
        {.workers = 3, .depth = 2, .max_flows = 1},
        {.workers = 8, .depth = 8, .max_flows = 40, .read_along = 2, .deaths = true},
    };
    f->random = random_from(10);
    uint64_t lost = 0;
    for (unsigned i = 0; i < sizeof runs / sizeof *runs; i++) {
        random_run(f, &runs[i], i == 0 ? PACKETS : PACKETS / 4);
        lost += f->datapath.egress.dropped[FB_DROP_RING_FULL];
    }
    assert_true(lost > PACKETS / 4);
}

/* A worker that reads just enough for one more packet, at any moment: its ring is always full. */
static uint64_t backlog_of_a_slow_worker(const struct policy_facts *facts) {
    struct datapath_fixture *f = policy_fixture;
    const struct fb_tx *tx = &lane_of(&f->base, 0)->tx;
    while (tx->seq - f->base.hands[0].rx.next >= tx->depth && consume(f, 0, 1) != 0)
        ;
    return facts->waiting;
}

static const struct policy slow = {"slow", "backlog of a worker that is always behind",
                                   POLICY_LEAST, backlog_of_a_slow_worker};

static void a_flood_of_flows_never_runs_out_of_handles(void **state) {
    struct datapath_fixture *f = *state;
    static const uint32_t depths[] = {1, 2, 8, 40, 56, 100, 110};
    for (unsigned d = 0; d < sizeof depths / sizeof *depths; d++) {
        for (unsigned block = 0; block < 2; block++) {
            make_datapath(f, 1, depths[d], block != 0, 4, NULL);
            use_policy(f, &slow);
            worker_starts(&f->base, 0);
            for (unsigned burst = 0; burst < 100; burst++) {
                for (unsigned n = 0; n < BURST_MAX; n++)
                    add_udp_frame(f, (burst * BURST_MAX + n) % 256);
                give_burst(f);
                deliver_while_workers_read(f);
            }
            assert_true(lane_of(&f->base, 0)->handles.fresh <=
                        lane_of(&f->base, 0)->handles.capacity);
            finish_run(f);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DATAPATH_TEST(a_flood_of_flows_never_runs_out_of_handles),
        DATAPATH_TEST(block_mode_delivers_every_packet_once_and_in_order),
        DATAPATH_TEST(drop_mode_accounts_for_every_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
