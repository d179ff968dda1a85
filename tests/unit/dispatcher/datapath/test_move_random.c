/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long random runs of dispatcher/datapath/move.c, in which workers die, are lost, drained,
 * restarted, given up and come back: the fixture follows every flow over all of them, and
 * the ledger is looked at after each step.
 */
#include "tests/lib/moves_fixture.h"

#include <stdlib.h>

struct run {
    unsigned workers;
    uint32_t depth, max_flows;
    uint32_t tuples; /* that most packets are of */
    bool block;
};

static uint64_t seed;
static uint64_t dropped_alone; /* in block mode, where all were given up */

/* A random event in so many steps. */
static bool once_in(struct moves_fixture *m, uint32_t steps) {
    return random_below(&m->path.random, steps) == 0;
}

static unsigned any_worker(struct moves_fixture *m) {
    return random_below(&m->path.random, m->path.base.fleet.count);
}

static void random_frame(struct moves_fixture *m, const struct run *run) {
    static const unsigned flags[] = {SYN, SYN | ACK, ACK, ACK, ACK, ACK, ACK, FIN | ACK, RST};
    unsigned tuple = once_in(m, 8)
                         ? random_below(&m->path.random, MOST_TUPLES)
                         : 256 - run->tuples / 2 + random_below(&m->path.random, run->tuples);
    uint32_t payload =
        once_in(m, 8) ? random_below(&m->path.random, 900) : random_below(&m->path.random, 40);
    if (once_in(m, 64))
        m->path.packet_ns += random_below(&m->path.random, once_in(m, 16) ? 40u : 2u) * SECOND;
    m->path.packet_ns += random_below(&m->path.random, 1000);
    add_frame(&m->path, tuple, random_below(&m->path.random, 2),
              tuple_is_tcp(tuple) ? flags[random_below(&m->path.random, 9)] : 0, payload, 0);
}

/* ---- what happens to workers */

static void kill_one(struct moves_fixture *m) {
    unsigned k = any_worker(m);
    if (!m->path.base.hands[k].holds || state_of(&m->path.base, k) == FB_STATE_DEAD)
        return;
    worker_dies_at(m, k, once_in(m, 2) ? 0 : random_below(&m->path.random, 40));
    look(m);
}

static bool may_come(struct moves_fixture *m, unsigned k) {
    enum fb_state state = state_of(&m->path.base, k);
    return !m->path.base.hands[k].holds &&
           (state == FB_STATE_ABSENT || state == FB_STATE_VACANT || state == FB_STATE_LOST);
}

static bool none_can_come(struct moves_fixture *m) {
    for (unsigned k = 0; k < m->path.base.fleet.count; k++)
        if (state_of(&m->path.base, k) != FB_STATE_MOVING)
            return false;
    return true;
}

static void one_comes(struct moves_fixture *m) {
    unsigned k = any_worker(m);
    if (may_come(m, k))
        worker_comes(m, k);
}

/* Processes that were told to leave do, after what they have at hand; a revoked one just ends.
 */
static void leave_as_told(struct moves_fixture *m) {
    for (unsigned k = 0; k < m->path.base.fleet.count; k++) {
        if (!m->path.base.hands[k].holds)
            continue;
        struct fb_rx *rx = &m->path.base.hands[k].rx;
        if (fb_rx_revoked(rx)) {
            worker_dies(&m->path.base, k);
        } else if (fb_rx_command(rx) == FB_COMMAND_LEAVE) {
            worker_works(m, k, random_below(&m->path.random, 4));
            worker_leaves(&m->path.base, k);
        } else if (fb_rx_command(rx) == FB_COMMAND_STOP) {
            worker_works(m, k, UINT32_MAX);
            worker_leaves(&m->path.base, k);
        }
    }
    look(m);
}

static void ask_for_something(struct moves_fixture *m) {
    unsigned k = any_worker(m);
    switch (random_below(&m->path.random, 5)) {
    case 0:
        fleet_drain(&m->path.base.fleet, k, m->path.base.now_ns);
        break;
    case 1:
        fleet_restart(&m->path.base.fleet, k, m->path.base.now_ns);
        break;
    case 2:
        fleet_give_up(&m->path.base.fleet, k, m->path.base.now_ns);
        break;
    case 3:
        fleet_add(&m->path.base.fleet, &k);
        break;
    default:
        m->path.base.now_ns += random_below(&m->path.random, 3) * SECOND;
    }
    observe(m);
    leave_as_told(m);
}

static void work_somewhere(struct moves_fixture *m) {
    unsigned k = any_worker(m);
    if (m->path.base.hands[k].holds && !fb_rx_revoked(&m->path.base.hands[k].rx))
        worker_works(m, k, 1 + random_below(&m->path.random, 8));
}

static void something_happens(struct moves_fixture *m) {
    m->path.base.now_ns += random_below(&m->path.random, 20) * MS;
    work_somewhere(m);
    if (once_in(m, 40))
        kill_one(m);
    if (once_in(m, 10))
        one_comes(m);
    if (once_in(m, 100))
        ask_for_something(m);
    if (once_in(m, 30))
        leave_as_told(m);
    look(m);
}

/* ---- the run, as run.c drives the loop */

static void move_lost(struct moves_fixture *m) {
    for (unsigned turns = 0; m->path.base.fleet.lost_count != 0; turns++) {
        assert_true(turns < 100000);
        enum egress_result stop = move_some(m);
        assert_true(stop == EGRESS_DONE || m->path.datapath.egress.block);
        if (stop == EGRESS_NO_WORKER && none_can_come(m)) /* given up, one and all */
            move_drop_stopped(&m->path.datapath, FB_DROP_NO_WORKER);
        something_happens(m);
    }
}

static void send_some(struct moves_fixture *m, const struct run *run) {
    for (unsigned n = 1 + random_below(&m->path.random, BURST_MAX); n != 0; n--)
        random_frame(m, run);
    give_burst(&m->path);
    for (unsigned turns = 0; run_burst(&m->path) != EGRESS_DONE; turns++) {
        assert_true(m->path.datapath.egress.block && turns < 100000);
        something_happens(m);
        move_lost(m);
    }
}

static void random_run(struct moves_fixture *m, const struct run *run, uint32_t packets) {
    make_moves(m, run->workers, run->depth, run->block, run->max_flows, NULL);
    m->path.base.fleet.timing.drain_ns = SECOND;
    workers_come(m);
    while (m->path.sent_count < packets) {
        send_some(m, run);
        for (unsigned n = random_below(&m->path.random, 8); n != 0; n--)
            something_happens(m);
        move_lost(m);
        if (once_in(m, 16))
            datapath_flush(&m->path.datapath);
    }
    /* All come back, and what is left is finished. */
    for (unsigned left = 1, turns = 0; left != 0; turns++) {
        assert_true(turns < 1000);
        left = 0;
        leave_as_told(m);
        for (unsigned k = 0; k < m->path.base.fleet.count; k++) {
            if (may_come(m, k))
                worker_comes(m, k);
            left += state_of(&m->path.base, k) != FB_STATE_READY;
        }
        m->path.base.now_ns += REVOKE_WAIT_NS;
        look(m);
        move_lost(m);
    }
    finish_moves(m);
    if (run->block)
        assert_int_equal(dropped_in_all(&m->path),
                         m->path.datapath.egress.dropped[FB_DROP_NO_WORKER]);
    dropped_alone += run->block ? m->path.datapath.egress.dropped[FB_DROP_NO_WORKER] : 0;
}

static void random_runs(struct moves_fixture *m, const struct run *runs, size_t count,
                        uint32_t packets) {
    uint64_t moves = 0, failovers = 0, redelivered = 0;
    for (size_t i = 0; i < count; i++) {
        m->path.random = random_from(++seed);
        print_message("seed %llu: %u workers, depth %u, %u flows\n", (unsigned long long)seed,
                      runs[i].workers, runs[i].depth, runs[i].max_flows);
        random_run(m, &runs[i], packets);
        moves += m->told.moves;
        failovers += m->path.base.fleet.failovers;
        redelivered += m->told.redelivered;
    }
    assert_true(moves > 200 && failovers > 30 && redelivered > 5);
}

static void block_mode_loses_nothing_whichever_worker_is_lost(void **state) {
    struct moves_fixture *m = *state;
    static const struct run runs[] = {
        {.workers = 4, .depth = 32, .max_flows = 200, .tuples = 40, .block = true},
        {.workers = 6, .depth = 8, .max_flows = 60, .tuples = 60, .block = true},
        {.workers = 3, .depth = 2, .max_flows = 40, .tuples = 20, .block = true},
        {.workers = 2, .depth = 32, .max_flows = 3, .tuples = 8, .block = true},
        {.workers = 12, .depth = 8, .max_flows = 300, .tuples = 200, .block = true},
    };
    random_runs(m, runs, sizeof runs / sizeof *runs, 12000);
    assert_true(dropped_alone < 200);
}

static void drop_mode_accounts_for_all_whichever_worker_is_lost(void **state) {
    struct moves_fixture *m = *state;
    static const struct run runs[] = {
        {.workers = 4, .depth = 32, .max_flows = 200, .tuples = 40},
        {.workers = 6, .depth = 8, .max_flows = 60, .tuples = 60},
        {.workers = 3, .depth = 2, .max_flows = 40, .tuples = 20},
        {.workers = 2, .depth = 32, .max_flows = 3, .tuples = 8},
        {.workers = 12, .depth = 8, .max_flows = 300, .tuples = 200},
    };
    random_runs(m, runs, sizeof runs / sizeof *runs, 12000);
}

/* An argument is the seed to begin with. */
int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20;
    const struct CMUnitTest tests[] = {
        MOVES_TEST(block_mode_loses_nothing_whichever_worker_is_lost),
        MOVES_TEST(drop_mode_accounts_for_all_whichever_worker_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
