/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long random runs in which workers die, are lost, drained, restarted, given up
 * and come back: the listener follows every flow over all of them, and the
 * ledger is looked at after each step.
 */
#include "tests/lib/move_listener.h"

struct run {
    unsigned workers;
    uint32_t depth, max_flows;
    uint32_t tuples; /* that most packets are of */
    bool block;
};

static uint64_t seed;
static uint64_t dropped_alone; /* in block mode, where all were given up */

/* A random event in so many steps. */
static bool once_in(uint32_t steps) {
    return random_below(steps) == 0;
}

static unsigned any_worker(void) {
    return random_below(fleet.count);
}

static void random_frame(const struct run *run) {
    static const unsigned flags[] = {SYN, SYN | ACK, ACK, ACK, ACK, ACK, ACK, FIN | ACK, RST};
    unsigned tuple =
        once_in(8) ? random_below(MOST_TUPLES) : 256 - run->tuples / 2 + random_below(run->tuples);
    uint32_t payload = once_in(8) ? random_below(900) : random_below(40);
    if (once_in(64))
        packet_ns += random_below(once_in(16) ? 40u : 2u) * SECOND;
    packet_ns += random_below(1000);
    add_frame(tuple, random_below(2), tuple_is_tcp(tuple) ? flags[random_below(9)] : 0, payload, 0);
}

/* ---- what happens to workers */

static void kill_somebody(void) {
    unsigned k = any_worker();
    if (!hands[k].holds || state_of(k) == FB_STATE_DEAD)
        return;
    die_at(k, once_in(2) ? 0 : random_below(40));
    look();
}

static bool may_come(unsigned k) {
    enum fb_state state = state_of(k);
    return !hands[k].holds &&
           (state == FB_STATE_ABSENT || state == FB_STATE_VACANT || state == FB_STATE_LOST);
}

static bool no_process_can_come(void) {
    for (unsigned k = 0; k < fleet.count; k++)
        if (state_of(k) != FB_STATE_MOVING)
            return false;
    return true;
}

static void somebody_comes(void) {
    unsigned k = any_worker();
    if (may_come(k))
        come(k);
}

/* Processes that were ordered to leave do, after what they have at hand; a revoked one just ends.
 */
static void follow_commands(void) {
    for (unsigned k = 0; k < fleet.count; k++) {
        if (!hands[k].holds)
            continue;
        struct fb_rx *rx = &hands[k].rx;
        if (fb_rx_revoked(rx)) {
            die(k);
        } else if (fb_rx_command(rx) == FB_COMMAND_LEAVE) {
            work(k, random_below(4));
            leave(k);
        } else if (fb_rx_command(rx) == FB_COMMAND_STOP) {
            work(k, UINT32_MAX);
            leave(k);
        }
    }
    look();
}

static void ask_for_something(void) {
    unsigned k = any_worker();
    switch (random_below(5)) {
    case 0:
        fleet_drain(&fleet, k, now_ns);
        break;
    case 1:
        fleet_restart(&fleet, k, now_ns);
        break;
    case 2:
        fleet_give_up(&fleet, k, now_ns);
        break;
    case 3:
        fleet_add(&fleet, &k);
        break;
    default:
        now_ns += random_below(3) * SECOND;
    }
    observe();
    follow_commands();
}

static void work_somewhere(void) {
    unsigned k = any_worker();
    if (hands[k].holds && !fb_rx_revoked(&hands[k].rx))
        work(k, 1 + random_below(8));
}

static void something_happens(void) {
    now_ns += random_below(20) * MS;
    work_somewhere();
    if (once_in(40))
        kill_somebody();
    if (once_in(10))
        somebody_comes();
    if (once_in(100))
        ask_for_something();
    if (once_in(30))
        follow_commands();
    look();
}

/* ---- the run, as run.c drives the loop */

static void move_lost(void) {
    for (unsigned turns = 0; fleet.lost_count != 0; turns++) {
        assert_true(turns < 100000);
        enum egress_result stop = move_some();
        assert_true(stop == EGRESS_DONE || datapath.egress.block);
        if (stop == EGRESS_NO_WORKER && no_process_can_come()) /* given up, one and all */
            move_drop_stopped(&datapath, FB_DROP_NO_WORKER);
        something_happens();
    }
}

static void send_some(const struct run *run) {
    for (unsigned n = 1 + random_below(BURST_MAX); n != 0; n--)
        random_frame(run);
    take_burst();
    for (unsigned turns = 0; deliver() != EGRESS_DONE; turns++) {
        assert_true(datapath.egress.block && turns < 100000);
        something_happens();
        move_lost();
    }
}

static void random_run(const struct run *run, uint32_t packets) {
    make_moves_loop(run->workers, run->depth, run->block, run->max_flows, NULL);
    fleet.timing.drain_ns = SECOND;
    come_all();
    while (sent_count < packets) {
        send_some(run);
        for (unsigned n = random_below(8); n != 0; n--)
            something_happens();
        move_lost();
        if (once_in(16))
            datapath_flush(&datapath);
    }
    /* All come back, and what is left is finished. */
    for (unsigned left = 1, turns = 0; left != 0; turns++) {
        assert_true(turns < 1000);
        left = 0;
        follow_commands();
        for (unsigned k = 0; k < fleet.count; k++) {
            if (may_come(k))
                come(k);
            left += state_of(k) != FB_STATE_READY;
        }
        now_ns += REVOKE_WAIT_NS;
        look();
        move_lost();
    }
    finish_moves();
    if (run->block)
        assert_int_equal(dropped_in_all(), datapath.egress.dropped[FB_DROP_NO_WORKER]);
    dropped_alone += run->block ? datapath.egress.dropped[FB_DROP_NO_WORKER] : 0;
}

static void random_runs(const struct run *runs, size_t count, uint32_t packets) {
    uint64_t moves = 0, failovers = 0, redelivered = 0;
    for (size_t i = 0; i < count; i++) {
        random_begin(++seed);
        print_message("seed %llu: %u workers, depth %u, %u flows\n", (unsigned long long)seed,
                      runs[i].workers, runs[i].depth, runs[i].max_flows);
        random_run(&runs[i], packets);
        moves += told.moves;
        failovers += fleet.failovers;
        redelivered += told.redelivered;
    }
    assert_true(moves > 200 && failovers > 30 && redelivered > 5);
}

static void block_mode_loses_nothing_whichever_is_lost(void **state) {
    (void)state;
    static const struct run runs[] = {
        {.workers = 4, .depth = 32, .max_flows = 200, .tuples = 40, .block = true},
        {.workers = 6, .depth = 8, .max_flows = 60, .tuples = 60, .block = true},
        {.workers = 3, .depth = 2, .max_flows = 40, .tuples = 20, .block = true},
        {.workers = 2, .depth = 32, .max_flows = 3, .tuples = 8, .block = true},
        {.workers = 12, .depth = 8, .max_flows = 300, .tuples = 200, .block = true},
    };
    random_runs(runs, sizeof runs / sizeof *runs, 12000);
    assert_true(dropped_alone < 200);
}

static void drop_mode_accounts_for_all_whichever_is_lost(void **state) {
    (void)state;
    static const struct run runs[] = {
        {.workers = 4, .depth = 32, .max_flows = 200, .tuples = 40},
        {.workers = 6, .depth = 8, .max_flows = 60, .tuples = 60},
        {.workers = 3, .depth = 2, .max_flows = 40, .tuples = 20},
        {.workers = 2, .depth = 32, .max_flows = 3, .tuples = 8},
        {.workers = 12, .depth = 8, .max_flows = 300, .tuples = 200},
    };
    random_runs(runs, sizeof runs / sizeof *runs, 12000);
}

/* An argument is the seed to begin with. */
int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_mode_loses_nothing_whichever_is_lost),
        cmocka_unit_test(drop_mode_accounts_for_all_whichever_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, free_loop);
}
