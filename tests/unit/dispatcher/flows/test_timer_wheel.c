/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/flows/timer_wheel.c: when an id is due, with every width of a slot, and a
 * naive model.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "dispatcher/flows/timer_wheel.h"
#include "tests/lib/random.h"

#define IDS 512u
#define PLENTY 1000000u

static struct timer_wheel wheel;
static struct timer_link links[IDS];

static uint32_t due_at(uint32_t now) {
    uint32_t budget = PLENTY;
    return timer_wheel_due(&wheel, now, &budget);
}

static uint32_t width(void) {
    return UINT32_C(1) << wheel.shift;
}

static uint32_t occupied_slots(void) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < TIMER_WHEEL_SLOTS / 64; i++)
        n += (uint32_t)__builtin_popcountll(wheel.occupied[i]);
    return n;
}

static int fresh_links(void **state) {
    (void)state;
    memset(links, 0xa5, sizeof links);
    return 0;
}

static void an_empty_wheel_gives_nothing(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, 960, 1);
    assert_int_equal(due_at(1), TIMER_WHEEL_NO_ID);
    assert_int_equal(due_at(UINT32_MAX - 1), TIMER_WHEEL_NO_ID);
    assert_int_equal(timer_wheel_oldest(&wheel), TIMER_WHEEL_NO_ID);
    assert_int_equal(wheel.count, 0);
}

static void no_budget_gives_nothing_and_keeps_the_id(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, 960, 1);
    timer_wheel_add(&wheel, 7, 10);
    uint32_t budget = 0;
    assert_int_equal(timer_wheel_due(&wheel, 100, &budget), TIMER_WHEEL_NO_ID);
    assert_int_equal(wheel.count, 1);
    budget = 1;
    assert_int_equal(timer_wheel_due(&wheel, 100, &budget), 7);
    assert_int_equal(budget, 0);
    assert_int_equal(wheel.count, 0);
}

static void the_timeout_spans_half_the_wheel_at_most(void **state) {
    (void)state;
    static const uint32_t timeouts[] = {
        0, 1, 320, 960, 1023, 1024, 1025, 2048, 2049, 115200, 1u << 30, UINT32_MAX - 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        timer_wheel_init(&wheel, links, timeouts[i], 1);
        uint64_t span = (uint64_t)TIMER_WHEEL_SPAN_SLOTS << wheel.shift;
        assert_true(span >= timeouts[i]);
        assert_true(wheel.shift == 0 || span / 2 < timeouts[i]);
    }
}

static void an_id_comes_out_at_its_tick_when_slots_are_one_tick_wide(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, 1024, 1);
    timer_wheel_add(&wheel, 3, 1025);
    for (uint32_t now = 1; now < 1025; now++)
        assert_int_equal(due_at(now), TIMER_WHEEL_NO_ID);
    assert_int_equal(due_at(1025), 3);
}

static void a_due_tick_that_has_passed_comes_out_next(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, 5760, 100000);
    timer_wheel_add(&wheel, 1, 0);
    timer_wheel_add(&wheel, 2, 100000 - width());
    assert_int_equal(due_at(100000), 1);
    assert_int_equal(due_at(100000), 2);
    assert_int_equal(due_at(100000), TIMER_WHEEL_NO_ID);
}

/* Removes one of n ids that share a slot, then expects the others in their order. */
static void remove_one_of(uint32_t n, uint32_t gone, bool passed) {
    timer_wheel_init(&wheel, links, 960, 1);
    for (uint32_t id = 0; id < n; id++)
        timer_wheel_add(&wheel, id, 500);
    timer_wheel_add(&wheel, n, 501);
    if (passed) {
        timer_wheel_add(&wheel, n + 1, 499);
        assert_int_equal(due_at(499), n + 1);
        timer_wheel_add(&wheel, n + 1, 499);
        uint32_t budget = 1;
        assert_int_equal(timer_wheel_due(&wheel, 500, &budget), n + 1);
        /* Nothing is due now; the next call passes the slot, and one id comes back to its end. */
        assert_int_equal(due_at(500), 0);
        timer_wheel_add(&wheel, 0, 500);
    }
    timer_wheel_remove(&wheel, gone);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = passed ? (i + 1) % n : i;
        if (id != gone)
            assert_int_equal(due_at(500), id);
    }
    assert_int_equal(due_at(500), TIMER_WHEEL_NO_ID);
    assert_int_equal(due_at(501), n);
    assert_int_equal(wheel.count, 0);
    assert_int_equal(occupied_slots(), 0);
}

static void first_middle_last_and_only_can_be_removed_from_a_slot(void **state) {
    (void)state;
    for (uint32_t n = 1; n <= 4; n++)
        for (uint32_t gone = 0; gone < n; gone++)
            remove_one_of(n, gone, false);
}

static void first_middle_last_and_only_can_be_removed_when_due(void **state) {
    (void)state;
    for (uint32_t n = 1; n <= 4; n++)
        for (uint32_t gone = 0; gone < n; gone++)
            remove_one_of(n, gone, true);
}

static void the_last_of_the_due_ids_can_be_removed_while_slots_wait(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, 960, 1);
    for (uint32_t id = 0; id < 6; id++)
        timer_wheel_add(&wheel, id, 10 + id / 3);
    assert_int_equal(due_at(11), 0);
    timer_wheel_remove(&wheel, 2);
    timer_wheel_remove(&wheel, 5);
    assert_int_equal(due_at(11), 1);
    assert_int_equal(due_at(11), 3);
    assert_int_equal(due_at(11), 4);
    assert_int_equal(due_at(11), TIMER_WHEEL_NO_ID);
}

static void every_offset_in_two_revolutions_is_met(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, 1024, 1);
    uint32_t now = 1;
    for (uint32_t i = 0; i < 3 * TIMER_WHEEL_SLOTS; i++) {
        uint32_t ahead = i % 1025;
        timer_wheel_add(&wheel, 5, now + ahead);
        assert_int_equal(timer_wheel_oldest(&wheel), 5);
        if (ahead > 0)
            assert_int_equal(due_at(now + ahead - 1), TIMER_WHEEL_NO_ID);
        now += ahead;
        assert_int_equal(due_at(now), 5);
        now++;
    }
}

static void oldest_is_what_would_come_out_first(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, 1024, 1);
    timer_wheel_add(&wheel, 1, 900);
    timer_wheel_add(&wheel, 2, 200);
    timer_wheel_add(&wheel, 3, 200);
    assert_int_equal(timer_wheel_oldest(&wheel), 2);
    timer_wheel_remove(&wheel, 2);
    assert_int_equal(timer_wheel_oldest(&wheel), 3);
    timer_wheel_remove(&wheel, 3);
    assert_int_equal(timer_wheel_oldest(&wheel), 1);
    timer_wheel_add(&wheel, 4, 0);
    assert_int_equal(timer_wheel_oldest(&wheel), 4);
}

static void a_class_that_never_times_out_keeps_the_order_of_adding(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, UINT32_MAX, 1);
    for (uint32_t id = 0; id < IDS; id++)
        timer_wheel_add(&wheel, IDS - 1 - id, UINT32_MAX);
    assert_int_equal(due_at(UINT32_MAX - 1), TIMER_WHEEL_NO_ID);
    for (uint32_t id = IDS; id-- > 0;) {
        assert_int_equal(timer_wheel_oldest(&wheel), id);
        timer_wheel_remove(&wheel, id);
    }
}

static void wheels_may_share_the_links(void **state) {
    (void)state;
    static struct timer_wheel other;
    timer_wheel_init(&wheel, links, 960, 1);
    timer_wheel_init(&other, links, 1920, 1);
    for (uint32_t id = 0; id < 8; id++)
        timer_wheel_add(id % 2 ? &other : &wheel, id, 100);
    timer_wheel_remove(&wheel, 2);
    timer_wheel_add(&other, 2, 100);
    assert_int_equal(wheel.count, 3);
    assert_int_equal(other.count, 5);
    for (uint32_t id = 0; id < 8; id += 2)
        if (id != 2)
            assert_int_equal(due_at(100), id);
    uint32_t budget = PLENTY;
    for (uint32_t id = 1; id < 8; id += 2)
        assert_int_equal(timer_wheel_due(&other, 100, &budget), id);
    assert_int_equal(timer_wheel_due(&other, 100, &budget), 2);
}

static void a_jump_of_days_is_spread_by_the_budget(void **state) {
    (void)state;
    struct random random = random_from(1);
    uint32_t timeout = 115200; /* an hour */
    timer_wheel_init(&wheel, links, timeout, 1);
    for (uint32_t id = 0; id < IDS; id++)
        timer_wheel_add(&wheel, id, 1 + random_below(&random, timeout));
    uint32_t now = 1 + 3 * 86400 * 32;
    uint32_t bursts = 0;
    uint32_t seen = 0;
    while (seen < IDS) {
        uint32_t budget = 10;
        uint32_t slots = occupied_slots();
        while (timer_wheel_due(&wheel, now, &budget) != TIMER_WHEEL_NO_ID) {
            seen++;
            /* One call passes one slot at most. */
            assert_true(slots - occupied_slots() <= 1);
            slots = occupied_slots();
        }
        assert_true(seen == ++bursts * 10 || seen == IDS);
    }
    assert_int_equal(bursts, (IDS + 9) / 10);
    assert_int_equal(wheel.count, 0);
}

static void ids_added_while_a_jump_is_worked_off_are_not_early(void **state) {
    (void)state;
    timer_wheel_init(&wheel, links, 1024, 1);
    for (uint32_t id = 0; id < 256; id++)
        timer_wheel_add(&wheel, id, 2 + id * 4);
    /* Far beyond the revolution, and every low bit different from those that wait. */
    uint32_t now = 1000003;
    uint32_t seen = 0;
    for (uint32_t id = 256; id < IDS; id++) {
        timer_wheel_add(&wheel, id, now + 1024 - id % 7);
        uint32_t budget = 1;
        uint32_t out = timer_wheel_due(&wheel, now, &budget);
        assert_int_equal(out, seen);
        seen++;
    }
    assert_int_equal(due_at(now), TIMER_WHEEL_NO_ID);
    assert_int_equal(wheel.count, 256);
    assert_int_equal(due_at(now + 1024 - 7), TIMER_WHEEL_NO_ID);
    for (uint32_t i = 0; i < 256; i++)
        assert_int_not_equal(due_at(now + 1024), TIMER_WHEEL_NO_ID);
    assert_int_equal(wheel.count, 0);
}

/* What the wheel should hold: in[id], due[id]. */
struct model {
    uint32_t due[IDS];
    bool in[IDS];
    uint32_t count;
    struct random random;
};

static void model_take(struct model *m, uint32_t id, uint32_t now) {
    assert_true(id < IDS);
    assert_true(m->in[id]);
    assert_true(m->due[id] <= now);
    m->in[id] = false;
    m->count--;
}

/* Nothing that is left is later than a slot's width. */
static void model_is_drained(const struct model *m, uint32_t now) {
    for (uint32_t id = 0; id < IDS; id++)
        if (m->in[id])
            assert_true((uint64_t)m->due[id] + width() - 1 > now);
}

static void drain(struct model *m, uint32_t now, uint32_t budget) {
    uint32_t given = budget;
    uint32_t taken = 0;
    for (;;) {
        uint32_t oldest = timer_wheel_oldest(&wheel);
        uint32_t id = timer_wheel_due(&wheel, now, &budget);
        if (id == TIMER_WHEEL_NO_ID)
            break;
        assert_int_equal(id, oldest);
        model_take(m, id, now);
        taken++;
    }
    assert_int_equal(taken, given - budget);
    if (budget > 0)
        model_is_drained(m, now);
    assert_int_equal(wheel.count, m->count);
}

static void add_or_remove(struct model *m, uint32_t timeout, uint32_t now) {
    uint32_t id = random_below(&m->random, IDS);
    if (m->in[id]) {
        timer_wheel_remove(&wheel, id);
        m->in[id] = false;
        m->count--;
        return;
    }
    uint32_t pick = random_below(&m->random, 8);
    uint32_t ahead = pick == 0 ? timeout : pick == 1 ? 0 : random_below(&m->random, timeout + 1);
    m->due[id] =
        pick == 2 && now > timeout ? now - random_below(&m->random, timeout + 1) : now + ahead;
    m->in[id] = true;
    m->count++;
    timer_wheel_add(&wheel, id, m->due[id]);
}

static uint32_t random_step(struct model *m, uint32_t timeout) {
    switch (random_below(&m->random, 16)) {
    case 0:
        return timeout;
    case 1:
        return random_below(&m->random, 5 * timeout + 1);
    case 2:
        return width() * TIMER_WHEEL_SLOTS - 1 + random_below(&m->random, 3);
    case 3:
    case 4:
        return random_below(&m->random, timeout + 1);
    case 5:
    case 6:
    case 7:
        return random_below(&m->random, timeout / 64 + 2);
    default:
        return random_below(&m->random, 3);
    }
}

static void run_against_model(uint32_t timeout, uint32_t start, uint32_t steps) {
    struct model m = {.random = random_from(timeout)};
    uint32_t now = start;
    timer_wheel_init(&wheel, links, timeout, now);
    for (uint32_t i = 0; i < steps; i++) {
        for (uint32_t n = random_below(&m.random, 12); n > 0; n--)
            add_or_remove(&m, timeout, now);
        uint32_t step = random_step(&m, timeout);
        now = step < UINT32_MAX - 1 - timeout - now ? now + step : now;
        uint32_t pick = random_below(&m.random, 4);
        if (pick > 0)
            drain(&m, now, pick == 1 ? random_below(&m.random, 4) : PLENTY);
    }
    drain(&m, now, PLENTY);
    for (uint32_t id = 0; id < IDS; id++)
        if (m.in[id])
            timer_wheel_remove(&wheel, id);
    assert_int_equal(wheel.count, 0);
    assert_int_equal(occupied_slots(), 0);
    assert_int_equal(wheel.words, 0);
}

static void random_use_agrees_with_a_naive_model(void **state) {
    (void)state;
    static const uint32_t timeouts[] = {1, 32, 320, 960, 1024, 1025, 5760, 115200, 31536000};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        run_against_model(timeouts[i], 1, 8000);
        run_against_model(timeouts[i], UINT32_MAX - 40 * timeouts[i] - 5000, 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_wheel_gives_nothing, fresh_links),
        cmocka_unit_test_setup(no_budget_gives_nothing_and_keeps_the_id, fresh_links),
        cmocka_unit_test_setup(the_timeout_spans_half_the_wheel_at_most, fresh_links),
        cmocka_unit_test_setup(an_id_comes_out_at_its_tick_when_slots_are_one_tick_wide,
                               fresh_links),
        cmocka_unit_test_setup(a_due_tick_that_has_passed_comes_out_next, fresh_links),
        cmocka_unit_test_setup(first_middle_last_and_only_can_be_removed_from_a_slot, fresh_links),
        cmocka_unit_test_setup(first_middle_last_and_only_can_be_removed_when_due, fresh_links),
        cmocka_unit_test_setup(the_last_of_the_due_ids_can_be_removed_while_slots_wait,
                               fresh_links),
        cmocka_unit_test_setup(every_offset_in_two_revolutions_is_met, fresh_links),
        cmocka_unit_test_setup(oldest_is_what_would_come_out_first, fresh_links),
        cmocka_unit_test_setup(a_class_that_never_times_out_keeps_the_order_of_adding, fresh_links),
        cmocka_unit_test_setup(wheels_may_share_the_links, fresh_links),
        cmocka_unit_test_setup(a_jump_of_days_is_spread_by_the_budget, fresh_links),
        cmocka_unit_test_setup(ids_added_while_a_jump_is_worked_off_are_not_early, fresh_links),
        cmocka_unit_test_setup(random_use_agrees_with_a_naive_model, fresh_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
