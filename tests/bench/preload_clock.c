/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests/bench/instructions, loaded before the C library: a CLOCK_MONOTONIC that goes on by a
 * fixed step with each look at it, and by what is slept. Valgrind makes a program slower by a
 * hundred times, and what it does by time (ten snapshots a second, a look at its workers each
 * millisecond) as many times too frequent. The step is half the time of a burst of 32 packets at
 * 100 ns, since a dispatcher looks at the clock twice a burst.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define STEP_NS UINT64_C(1600)

static _Atomic uint64_t passed_ns = NS_PER_S; /* 0 says "never" in the dispatcher */

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, time);
    uint64_t now_ns = atomic_fetch_add_explicit(&passed_ns, STEP_NS, memory_order_relaxed);
    *time = (struct timespec){.tv_sec = (time_t)(now_ns / NS_PER_S),
                              .tv_nsec = (long)(now_ns % NS_PER_S)};
    return 0;
}

int nanosleep(const struct timespec *wanted, struct timespec *left) {
    uint64_t ns = (uint64_t)wanted->tv_sec * NS_PER_S + (uint64_t)wanted->tv_nsec;
    atomic_fetch_add_explicit(&passed_ns, ns, memory_order_relaxed);
    return (int)syscall(SYS_nanosleep, wanted, left);
}
