/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_WEAVE_WEAVE_ATOMIC_H
#define TESTS_WEAVE_WEAVE_ATOMIC_H

/*
 * Included before all else where a source is compiled for weave.h: <stdatomic.h>,
 * the futex call, the clock and the look at ctl's lock, with calls to the simulation in
 * the place of what they do.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

uint64_t weave_load(const volatile void *word, size_t size, memory_order order);
void weave_store(volatile void *word, size_t size, uint64_t value, memory_order order);
void weave_fence(memory_order order);
void weave_compiler_barrier(void);
long weave_futex(const volatile void *word, int op, uint32_t value, const struct timespec *timeout);
int weave_clock(int clock, struct timespec *now);
int weave_usleep(useconds_t us);

/* The type of what is loaded, without _Atomic: that of a comma expression's value. */
#define WEAVE_VALUE(word) __typeof__((void)0, *(word))

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_thread_fence
#undef atomic_signal_fence
#define atomic_load_explicit(word, order)                                                          \
    ((WEAVE_VALUE(word))weave_load((word), sizeof *(word), (order)))
#define atomic_store_explicit(word, value, order)                                                  \
    weave_store((word), sizeof *(word), (uint64_t)(value), (order))
#define atomic_thread_fence(order) weave_fence(order)
#define atomic_signal_fence(order) weave_compiler_barrier()
#define syscall(number, word, op, value, timeout, word2, value3)                                   \
    weave_futex((word), (op), (value), (timeout))
#define clock_gettime(clock, now) weave_clock((clock), (now))
#define usleep(us) weave_usleep(us)
#define nanosleep(time, rest) weave_usleep((useconds_t)((time)->tv_nsec / 1000))
/* It takes longer than a simulated load. */
#define __builtin_ia32_pause() ((void)0)
/* The dispatcher of a scenario is always alive. */
#define fb_ctl_alive weave_ctl_alive
#define fb_ctl_is_named weave_ctl_is_named

#endif
