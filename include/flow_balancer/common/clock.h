/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_CLOCK_H
#define FLOW_BALANCER_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

#define FB_NS_PER_S UINT64_C(1000000000)
#define FB_NS_PER_US UINT64_C(1000)

/* CLOCK_MONOTONIC in nanoseconds: comparable between the processes of one machine. About 25 ns. */
static inline uint64_t fb_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * FB_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* CLOCK_REALTIME in nanoseconds since 1970, the time of time stamps: it may be set. */
static inline uint64_t fb_realtime_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * FB_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* A span of time as the kernel takes it. */
static inline struct timespec fb_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / FB_NS_PER_S),
                             .tv_nsec = (long)(ns % FB_NS_PER_S)};
}

/* The time so long after now_ns, or UINT64_MAX, which is never: no clock gets there. */
static inline uint64_t fb_deadline_ns(uint64_t now_ns, uint64_t timeout_ns) {
    return timeout_ns < UINT64_MAX - now_ns ? now_ns + timeout_ns : UINT64_MAX;
}

#endif
