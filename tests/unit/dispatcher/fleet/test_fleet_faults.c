/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/fleet/fleet.c, dispatcher/fleet/fleet_life.c when things go wrong: deaths,
 * lies, deadlines.
 */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/fleet_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow_balancer/guard.h"
#include "flow_balancer/hidden.h"

static uint64_t violations_in_all(struct fleet_fixture *f) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < FB_VIOLATION_COUNT; i++)
        sum += f->fleet.violations[i];
    return sum;
}

/*
 * The number is revoked, with this reason and no other, and nothing of it is
 * offered before the process has had time to look.
 */
static void is_revoked_for(struct fleet_fixture *f, unsigned k, enum fb_violation violation) {
    assert_int_equal(state_of(f, k), FB_STATE_DEAD);
    assert_int_equal(f->fleet.violations[violation], 1);
    assert_int_equal(violations_in_all(f), 1);
    assert_false(worker_heap_contains(&f->fleet.balance.heap, k));
    assert_true(fb_rx_revoked(&f->hands[k].rx));
    poll_fleet(f); /* the wait begins with the first look at the clock */
    uint64_t since = f->now_ns;
    struct fb_claim other;
    f->now_ns = since + REVOKE_WAIT_NS - 1;
    poll_fleet(f);
    assert_int_equal(state_of(f, k), FB_STATE_DEAD);
    assert_int_not_equal(fb_claim_take(&other, &f->seen, k), FB_CLAIMED);
    f->now_ns = since + REVOKE_WAIT_NS;
    poll_fleet(f);
    assert_int_equal(state_of(f, k), FB_STATE_VACANT);
    assert_int_equal(violations_in_all(f), 1);
    assert_true(fb_rx_revoked(&f->hands[k].rx));
}

/* Another process takes the number although the liar still lives, and finds all but `done`. */
static void the_next_goes_on_at(struct fleet_fixture *f, unsigned k, uint64_t done) {
    struct hand liar = f->hands[k];
    f->hands[k].holds = false;
    worker_starts(f, k);
    assert_int_equal(f->hands[k].rx.next, done);
    assert_false(fb_rx_revoked(&f->hands[k].rx));
    /* Whatever the liar still writes goes nowhere. */
    atomic_store(&liar.claim.up->consumed, UINT64_MAX);
    fb_up_set_worker_status(liar.claim.up, (enum fb_worker_status)99);
    poll_fleet(f);
    fleet_refresh(&f->fleet, k, f->now_ns);
    assert_int_equal(state_of(f, k), FB_STATE_READY);
    assert_int_equal(violations_in_all(f), 1);
    fb_claim_release(&liar.claim);
    uint64_t left = lane_of(f, k)->tx.seq - done;
    worker_finishes(f, k, (uint32_t)left);
    fleet_refresh(&f->fleet, k, f->now_ns);
    assert_int_equal(lane_waiting(lane_of(f, k)), 0);
    lanes_balance(f);
}

static void make_fleet_with_work(struct fleet_fixture *f) {
    make_fleet(f, 2, 16, "backlog", NEVER);
    worker_starts(f, 0);
    worker_starts(f, 1);
    give_packets(f, 0, 8);
    worker_finishes(f, 0, 3);
    fleet_refresh(&f->fleet, 0, f->now_ns);
}

static void consumed_that_goes_back_is_a_violation(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet_with_work(f);
    atomic_store(&f->hands[0].claim.up->consumed, 2);
    fleet_refresh(&f->fleet, 0, f->now_ns);
    is_revoked_for(f, 0, FB_VIOLATION_CONSUMED_BACK);
    the_next_goes_on_at(f, 0, 3);
}

static void consumed_beyond_published_is_a_violation(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet_with_work(f);
    stage_packet(f, 0);
    atomic_store(&f->hands[0].claim.up->consumed, 9); /* staged, but not published */
    fleet_refresh(&f->fleet, 0, f->now_ns);
    is_revoked_for(f, 0, FB_VIOLATION_CONSUMED_AHEAD);
    publish_to(f, 0);
    the_next_goes_on_at(f, 0, 3);
}

static void a_lie_is_found_when_the_liar_is_about_to_get_a_flow(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet_with_work(f);
    give_packets(f, 1, 7);
    atomic_store(&f->hands[0].claim.up->consumed, 1000);
    assert_int_equal(fleet_pick(&f->fleet, 0, f->now_ns), 1);
    is_revoked_for(f, 0, FB_VIOLATION_CONSUMED_AHEAD);
    the_next_goes_on_at(f, 0, 3);
}

static void a_state_that_the_protocol_does_not_know_is_a_violation(void **state) {
    struct fleet_fixture *f = *state;
    static const uint32_t statuses[] = {FB_STATUS_COUNT, UINT32_MAX, FB_STATUS_VACANT};
    for (unsigned i = 0; i < 3; i++) {
        make_fleet_with_work(f);
        fb_up_set_worker_status(f->hands[0].claim.up, (enum fb_worker_status)statuses[i]);
        poll_fleet(f);
        is_revoked_for(f, 0, FB_VIOLATION_STATE_VALUE);
        the_next_goes_on_at(f, 0, 3);
    }
}

static void a_status_taken_back_by_a_claimer_that_died_is_a_violation_too(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet_with_work(f);
    fb_up_set_worker_status(f->hands[0].claim.up, FB_STATUS_VACANT);
    worker_dies(f, 0);
    poll_fleet(f);
    assert_int_equal(f->fleet.violations[FB_VIOLATION_STATE_VALUE], 1);
    poll_fleet(f);
    f->now_ns += REVOKE_WAIT_NS;
    poll_fleet(f);
    worker_starts(f, 0);
    assert_int_equal(f->hands[0].rx.next, 3);
}

static void a_cursor_that_cannot_be_is_a_violation_and_nothing_is_lost(void **state) {
    struct fleet_fixture *f = *state;
    static const uint64_t cursors[] = {
        2 * 2,          /* before consumed */
        8 * 2 + 1,      /* busy with what was not published */
        9 * 2,          /* beyond published */
        UINT64_MAX - 1, /* far beyond */
        UINT64_MAX,
    };
    for (unsigned i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        make_fleet_with_work(f);
        atomic_store(&f->hands[0].claim.up->cursor, cursors[i]);
        worker_dies(f, 0);
        poll_fleet(f);
        assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
        assert_int_equal(f->fleet.violations[FB_VIOLATION_CURSOR_RANGE], 1);
        assert_int_equal(f->fleet.redelivered, 0);
        worker_starts(f, 0);
        assert_int_equal(f->hands[0].rx.next, 3);
        lanes_balance(f);
    }
}

static void truncate_up_side(struct fleet_fixture *f, unsigned k) {
    int fd = open(lane_of(f, k)->up_region.path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
}

static void a_truncated_up_side_is_a_violation_and_not_our_death(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet_with_work(f);
    truncate_up_side(f, 0);
    poll_fleet(f);
    is_revoked_for(f, 0, FB_VIOLATION_FAULT);
    /* Its own mapping is of nothing now: only the process that did it would die of that. */
    fb_claim_release(&f->hands[0].claim);
    f->hands[0].holds = false;
    worker_starts(f, 0);
    assert_int_equal(f->hands[0].rx.next, 3);
    lanes_balance(f);
}

static void a_truncated_up_side_that_the_data_path_finds_is_the_same_violation(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet_with_work(f);
    truncate_up_side(f, 0);
    fleet_refresh(&f->fleet, 0, f->now_ns);
    is_revoked_for(f, 0, FB_VIOLATION_FAULT);
}

/* Whatever has a hidden name of the instance. */
static void truncate_for_ever(void *instance) {
    DIR *entries = opendir(FB_SHM_DIR);
    if (entries == NULL)
        return;
    for (;;) {
        struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            rewinddir(entries);
        } else if (fb_hidden_is(entry->d_name, instance)) {
            int fd = openat(dirfd(entries), entry->d_name, O_RDWR | O_CLOEXEC);
            if (fd >= 0 && ftruncate(fd, 0) == 0)
                close(fd);
        }
    }
}

/* It can be opened before it is whole: by the worker before it, taken over. */
static void an_up_side_truncated_while_it_is_made_is_not_our_death(void **state) {
    struct fleet_fixture *f = *state;
    struct caught caught;
    make_fleet(f, 1, 16, "backlog", NEVER);
    catch_begin(&caught); /* some are truncated before they have a page, which is said */
    pid_t child = child_start(truncate_for_ever, f->ctl.ctl->name);
    unsigned met = 0;
    for (unsigned i = 0; i < 20000 && met < 5; i++) {
        met += fb_guard_faulted(lane_of(f, 0)->guard);
        lane_withdraw(lane_of(f, 0), &f->fleet.totals[0]);
        lane_offer(lane_of(f, 0), f->fleet.ctl, 0);
    }
    child_kill(child);
    catch_end(&caught);
    lane_withdraw(lane_of(f, 0), &f->fleet.totals[0]); /* while SIGBUS is handled */
    assert_true(met > 0);
}

static void an_up_side_truncated_before_its_claim_is_replaced(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 16, "backlog", NEVER);
    for (unsigned life = 1; life <= 2; life++) {
        truncate_up_side(f, 0);
        poll_fleet(f);
        poll_fleet(f);
        f->now_ns += REVOKE_WAIT_NS;
        poll_fleet(f);
        assert_int_equal(f->fleet.violations[FB_VIOLATION_FAULT], life);
        /* No process must come for a number that never had a worker. */
        assert_int_equal(state_of(f, 0), life == 1 ? FB_STATE_ABSENT : FB_STATE_VACANT);
        worker_starts(f, 0);
        worker_dies(f, 0);
        poll_fleet(f);
        assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    }
}

static void a_liar_is_judged_once(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet_with_work(f);
    struct fb_up *up = f->hands[0].claim.up;
    atomic_store(&up->consumed, 1);
    fleet_refresh(&f->fleet, 0, f->now_ns);
    fleet_refresh(&f->fleet, 0, f->now_ns);
    poll_fleet(f);
    fb_up_set_worker_status(up, (enum fb_worker_status)77);
    atomic_store(&up->cursor, UINT64_MAX);
    poll_fleet(f);
    is_revoked_for(f, 0, FB_VIOLATION_CONSUMED_BACK);
    the_next_goes_on_at(f, 0, 3);
}

static void what_a_revoked_worker_has_finished_is_not_done_twice(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet_with_work(f);
    fb_up_set_worker_status(f->hands[0].claim.up, (enum fb_worker_status)99);
    poll_fleet(f);
    /* It was in the middle of a packet, finishes that, and then sees that it is revoked. */
    worker_finishes(f, 0, 1);
    assert_false(fb_rx_begin(&f->hands[0].rx, 0, &(struct fb_desc){0}));
    is_revoked_for(f, 0, FB_VIOLATION_STATE_VALUE);
    assert_int_equal(f->fleet.redelivered, 1);
    the_next_goes_on_at(f, 0, 4);
}

static void one_that_does_not_become_ready_in_time_is_revoked(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 16, "backlog", NEVER);
    worker_claims(f, 0);
    poll_fleet(f);
    f->now_ns += 30 * SECOND - 1;
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_STARTING);
    f->now_ns += 1;
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_DEAD);
    assert_true(fb_rx_revoked(&f->hands[0].rx));
    assert_int_equal(violations_in_all(f), 0);
    fb_up_set_worker_status(f->hands[0].claim.up, FB_STATUS_READY); /* too late */
    poll_fleet(f);
    f->now_ns += REVOKE_WAIT_NS;
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    worker_dies(f, 0);
    worker_starts(f, 0);
}

/* ---- real processes */

/* Claims number 0 as a worker would, begins descriptor `at`, says so, and sleeps. Never returns. */
static void be_a_worker(struct fleet_fixture *f, uint32_t at, int tell) {
    struct fb_claim own;
    struct fb_rx rx;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fb_claim_take(&own, &f->seen, 0) != FB_CLAIMED)
        _exit(1);
    fb_rx_init(&rx, own.down, own.up);
    fb_up_set_worker_status(own.up, FB_STATUS_READY);
    while (fb_rx_peek(&rx) <= at)
        sched_yield();
    for (uint32_t i = 0; i <= at; i++)
        if (!fb_rx_begin(&rx, i, &(struct fb_desc){0}))
            _exit(2);
    if (write(tell, "x", 1) != 1)
        _exit(3);
    for (;;)
        pause();
}

static pid_t start_process(struct fleet_fixture *f, uint32_t at, int *told) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        be_a_worker(f, at, ends[1]);
    close(ends[1]);
    *told = ends[0];
    return pid;
}

static void kill_it(struct fleet_fixture *f, pid_t pid, int told) {
    char byte;
    assert_int_equal(read(told, &byte, 1), 1);
    close(told);
    poll_fleet(f);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_READY);
    assert_int_equal(fb_ctl_pid(f->seen.ctl, 0), pid);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (unsigned i = 0; i < 1000000 && state_of(f, 0) != FB_STATE_VACANT; i++, sched_yield())
        poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
}

static void a_process_killed_in_the_middle_of_a_burst_costs_one_packet_twice(void **state) {
    struct fleet_fixture *f = *state;
    int told;
    make_fleet(f, 1, 64, "backlog", NEVER);
    pid_t pid = start_process(f, 5, &told);
    give_packets(f, 0, 12);
    kill_it(f, pid, told);
    assert_int_equal(f->fleet.redelivered, 1);
    assert_int_equal(lane_of(f, 0)->tx.consumed, 5);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_INSPECTED], 5);
    lanes_balance(f);
    worker_starts(f, 0);
    struct fb_rx *rx = &f->hands[0].rx;
    assert_int_equal(fb_rx_peek(rx), 7);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(fb_rx_desc(rx, i)->frame, 6 + i);
        assert_int_equal(fb_rx_desc(rx, i)->flags, i == 0 ? FB_F_REDELIVERED : 0);
        assert_int_equal(fb_desc_deaths(fb_rx_desc(rx, i)), i == 0 ? 1 : 0);
    }
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_RESTARTS], 1);
}

static void a_packet_that_kills_two_processes_is_skipped(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 64, "backlog", NEVER);
    for (unsigned deaths = 1; deaths <= 2; deaths++) {
        int told;
        pid_t pid = start_process(f, deaths == 1 ? 5 : 0, &told);
        if (deaths == 1) {
            uint16_t generation; /* of handle 0, which is that of all packets here */
            handles_take(&lane_of(f, 0)->handles, 1, &generation);
            give_packets(f, 0, 12);
        }
        kill_it(f, pid, told);
        assert_int_equal(f->fleet.redelivered, 1);
        assert_int_equal(lane_of(f, 0)->tx.consumed, 5);
        assert_int_equal(lane_of(f, 0)->counters[FB_LANE_QUARANTINED], deaths - 1);
        lanes_balance(f);
    }
    worker_starts(f, 0);
    assert_int_equal(fb_rx_desc(&f->hands[0].rx, 0)->flags, FB_F_SKIP);
    worker_finishes(f, 0, 7);
    poll_fleet(f);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_INSPECTED], 11);
    lanes_balance(f);
}

static void a_process_killed_in_a_flow_end_costs_no_packet(void **state) {
    struct fleet_fixture *f = *state;
    int told;
    make_fleet(f, 1, 64, "backlog", NEVER);
    pid_t pid = start_process(f, 2, &told);
    stage_packet(f, 0);
    stage_packet(f, 0);
    stage_flow_end(f, 0);
    give_packets(f, 0, 2);
    kill_it(f, pid, told);
    assert_int_equal(f->fleet.redelivered, 0);
    worker_starts(f, 0);
    struct fb_rx *rx = &f->hands[0].rx;
    assert_int_equal(fb_rx_peek(rx), 3);
    assert_int_equal(fb_rx_desc(rx, 0)->flags, FB_F_END | FB_F_REDELIVERED);
    assert_int_equal(fb_rx_desc(rx, 1)->flags, 0);
    worker_finishes(f, 0, 3);
    fleet_refresh(&f->fleet, 0, f->now_ns);
    assert_int_equal(lane_of(f, 0)->counters[FB_LANE_INSPECTED], 4);
    lanes_balance(f);
}

static void a_child_of_a_worker_does_not_keep_it_alive(void **state) {
    struct fleet_fixture *f = *state;
    make_fleet(f, 1, 16, "backlog", NEVER);
    worker_starts(f, 0);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char byte;
        close(ends[1]);
        ssize_t ignored = read(ends[0], &byte, 1); /* until the parent has seen it */
        _exit(ignored != 0);
    }
    worker_dies(f, 0);
    poll_fleet(f);
    assert_int_equal(state_of(f, 0), FB_STATE_VACANT);
    close(ends[1]);
    close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(consumed_that_goes_back_is_a_violation),
        FLEET_TEST(consumed_beyond_published_is_a_violation),
        FLEET_TEST(a_lie_is_found_when_the_liar_is_about_to_get_a_flow),
        FLEET_TEST(a_state_that_the_protocol_does_not_know_is_a_violation),
        FLEET_TEST(a_status_taken_back_by_a_claimer_that_died_is_a_violation_too),
        FLEET_TEST(a_cursor_that_cannot_be_is_a_violation_and_nothing_is_lost),
        FLEET_TEST(a_truncated_up_side_is_a_violation_and_not_our_death),
        FLEET_TEST(a_truncated_up_side_that_the_data_path_finds_is_the_same_violation),
        FLEET_TEST(an_up_side_truncated_while_it_is_made_is_not_our_death),
        FLEET_TEST(an_up_side_truncated_before_its_claim_is_replaced),
        FLEET_TEST(a_liar_is_judged_once),
        FLEET_TEST(what_a_revoked_worker_has_finished_is_not_done_twice),
        FLEET_TEST(one_that_does_not_become_ready_in_time_is_revoked),
        FLEET_TEST(a_process_killed_in_the_middle_of_a_burst_costs_one_packet_twice),
        FLEET_TEST(a_packet_that_kills_two_processes_is_skipped),
        FLEET_TEST(a_process_killed_in_a_flow_end_costs_no_packet),
        FLEET_TEST(a_child_of_a_worker_does_not_keep_it_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
