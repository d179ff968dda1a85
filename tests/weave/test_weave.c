/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/weave/weave.c: the simulation itself, by the litmus tests of the field. What C11
 * forbids never happens, what it allows is found: else the other tests of
 * this folder would tell nothing, or cry wolf.
 */
#include "tests/weave/weave_atomic.h"

#include <linux/futex.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/weave/weave.h"

struct litmus {
    _Atomic uint64_t x, y;
    _Atomic uint32_t bell;
    uint64_t plain;
    uint64_t seen[2]; /* by each thread */
    memory_order store, load, fence[2];
    bool fenced, barrier;
};

static void set_up(struct litmus *l) {
    l->x = l->y = 0;
    l->bell = 0;
    l->plain = 0;
    l->seen[0] = l->seen[1] = UINT64_MAX;
    WEAVE_WATCH(l->x);
    WEAVE_WATCH(l->y);
    WEAVE_WATCH(l->bell);
}

static void tear_down(void *world) {
    (void)world;
}

static bool is_found(struct litmus *l, const struct weave_scenario *scenario) {
    const char *error;
    uint64_t runs = weave_explore(scenario, l, &error);
    if (runs == 0 && strcmp(error, "found") != 0)
        fail_msg("%s: %s", scenario->name, error);
    return runs == 0;
}

/* ---- store buffering: each stores, then looks at the other's */

static void store_x_load_y(void *world) {
    struct litmus *l = world;
    atomic_store_explicit(&l->x, 1, memory_order_relaxed);
    if (l->fenced)
        atomic_thread_fence(l->fence[0]);
    l->seen[0] = atomic_load_explicit(&l->y, memory_order_relaxed);
}

static void store_y_load_x(void *world) {
    struct litmus *l = world;
    atomic_store_explicit(&l->y, 1, memory_order_relaxed);
    if (l->fenced)
        atomic_thread_fence(l->fence[1]);
    l->seen[1] = atomic_load_explicit(&l->x, memory_order_relaxed);
}

static void begin_store_buffering(void *world) {
    set_up(world);
    weave_thread(store_x_load_y, world);
    weave_thread(store_y_load_x, world);
}

static void neither_sees_the_other(void *world) {
    struct litmus *l = world;
    weave_expect(l->seen[0] != 0 || l->seen[1] != 0, "found");
}

static bool store_buffering(memory_order first, memory_order second, bool fenced) {
    struct litmus l = {.fenced = fenced, .fence = {first, second}};
    return is_found(&l, &(struct weave_scenario){"store buffering", begin_store_buffering,
                                                 neither_sees_the_other, tear_down, 2, 2, false});
}

static void two_full_fences_alone_show_one_thread_the_store_of_the_other(void **state) {
    (void)state;
    assert_false(store_buffering(memory_order_seq_cst, memory_order_seq_cst, true));
    assert_true(store_buffering(memory_order_seq_cst, memory_order_acq_rel, true));
    assert_true(store_buffering(memory_order_release, memory_order_seq_cst, true));
    assert_true(store_buffering(memory_order_acquire, memory_order_acquire, true));
    assert_true(store_buffering(memory_order_seq_cst, memory_order_seq_cst, false));
}

/* ---- message passing */

static void send_message(void *world) {
    struct litmus *l = world;
    atomic_store_explicit(&l->x, 1, memory_order_relaxed);
    if (l->fenced)
        atomic_thread_fence(l->fence[0]);
    atomic_store_explicit(&l->y, 1, l->store);
}

static void take_message(void *world) {
    struct litmus *l = world;
    bool there = atomic_load_explicit(&l->y, l->load) == 1;
    if (l->fenced)
        atomic_thread_fence(l->fence[1]);
    uint64_t x = atomic_load_explicit(&l->x, memory_order_relaxed);
    weave_expect(!there || x == 1, "found");
}

static void begin_message(void *world) {
    set_up(world);
    weave_thread(send_message, world);
    weave_thread(take_message, world);
}

static bool message_is_torn(struct litmus l) {
    return is_found(
        &l, &(struct weave_scenario){"message", begin_message, tear_down, tear_down, 2, 2, false});
}

static void a_release_and_an_acquire_carry_what_was_stored_before(void **state) {
    (void)state;
    static const memory_order relaxed = memory_order_relaxed;
    assert_false(message_is_torn(
        (struct litmus){.store = memory_order_release, .load = memory_order_acquire}));
    assert_true(message_is_torn((struct litmus){.store = relaxed, .load = memory_order_acquire}));
    assert_true(message_is_torn((struct litmus){.store = memory_order_release, .load = relaxed}));
    assert_false(
        message_is_torn((struct litmus){.store = relaxed,
                                        .load = relaxed,
                                        .fenced = true,
                                        .fence = {memory_order_release, memory_order_acquire}}));
    assert_true(
        message_is_torn((struct litmus){.store = relaxed,
                                        .load = relaxed,
                                        .fenced = true,
                                        .fence = {memory_order_acquire, memory_order_acquire}}));
}

/* ---- what time and compilers do */

static void store_then_look(void *world) {
    struct litmus *l = world;
    atomic_store_explicit(&l->x, 1, memory_order_release);
    if (l->barrier)
        atomic_signal_fence(memory_order_seq_cst);
    l->seen[0] = atomic_load_explicit(&l->y, memory_order_relaxed);
}

static void raise_wait_look(void *world) {
    struct litmus *l = world;
    atomic_store_explicit(&l->y, 1, memory_order_relaxed);
    weave_time_passes();
    l->seen[1] = atomic_load_explicit(&l->x, memory_order_relaxed);
}

static void begin_wait(void *world) {
    set_up(world);
    weave_thread(store_then_look, world);
    weave_thread(raise_wait_look, world);
}

static void time_shows_every_store_that_the_compiler_has_not_put_off(void **state) {
    (void)state;
    const struct weave_scenario scenario = {
        "wait", begin_wait, neither_sees_the_other, tear_down, 2, 2, false};
    struct litmus kept = {.barrier = true}, put_off = {.barrier = false};
    assert_false(is_found(&kept, &scenario));
    assert_true(is_found(&put_off, &scenario));
}

static void inspect_then_say_so(void *world) {
    struct litmus *l = world;
    weave_plain_store(&l->plain, 1);
    if (l->barrier)
        atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&l->x, 1, l->store);
    weave_pause();
}

static void kill_and_look(void *world) {
    struct litmus *l = world;
    weave_kill(0);
    if (atomic_load_explicit(&l->x, memory_order_relaxed) == 1)
        weave_expect(l->plain == 1, "found");
}

static void begin_death(void *world) {
    set_up(world);
    weave_thread(inspect_then_say_so, world);
    weave_thread(kill_and_look, world);
}

static bool dead_left_half(memory_order store, bool barrier) {
    struct litmus l = {.store = store, .barrier = barrier};
    return is_found(
        &l, &(struct weave_scenario){"death", begin_death, tear_down, tear_down, 2, 2, false});
}

static void a_plain_store_stays_before_a_release_and_before_a_compiler_fence(void **state) {
    (void)state;
    assert_false(dead_left_half(memory_order_relaxed, true));
    assert_false(dead_left_half(memory_order_release, false));
    assert_true(dead_left_half(memory_order_relaxed, false));
}

/* ---- futexes */

static void lie_down(void *world) {
    struct litmus *l = world;
    weave_futex(&l->bell, FUTEX_WAIT, 0, NULL);
}

static void move_and_wake(void *world) {
    struct litmus *l = world;
    atomic_store_explicit(&l->bell, 1, memory_order_relaxed);
    if (l->fenced)
        weave_futex(&l->bell, FUTEX_WAKE, 1, NULL);
}

static void begin_futex(void *world) {
    set_up(world);
    weave_thread(lie_down, world);
    weave_thread(move_and_wake, world);
}

static void none_sleeps(void *world) {
    (void)world;
    weave_expect(!weave_is_asleep(0), "found");
}

static void a_futex_sleeps_unless_its_word_has_moved_and_wakes_when_told(void **state) {
    (void)state;
    const struct weave_scenario scenario = {"futex", begin_futex, none_sleeps, tear_down,
                                            2,       2,           false};
    struct litmus woken = {.fenced = true}, left = {.fenced = false};
    assert_false(is_found(&woken, &scenario));
    assert_true(is_found(&left, &scenario));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_full_fences_alone_show_one_thread_the_store_of_the_other),
        cmocka_unit_test(a_release_and_an_acquire_carry_what_was_stored_before),
        cmocka_unit_test(time_shows_every_store_that_the_compiler_has_not_put_off),
        cmocka_unit_test(a_plain_store_stays_before_a_release_and_before_a_compiler_fence),
        cmocka_unit_test(a_futex_sleeps_unless_its_word_has_moved_and_wakes_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
