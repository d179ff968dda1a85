/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_CONSUMER_CONSUMER_FD_H
#define WORKER_CONSUMER_CONSUMER_FD_H

#include <stdbool.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/ring.h"

/*
 * A descriptor that becomes readable when the ring has something. The dispatcher wakes by a
 * futex, which poll() cannot wait for, so a thread sleeps on the futex, and writes to an
 * eventfd when it is woken.
 *
 * With it the consumer's own thread never parks: `parked` of the up side is written by one
 * thread, this one. It is armed with a copy of what the consumer has seen of the ring, and looks
 * at the ring after it has said that it sleeps, as any worker that parks (ring.h, Sleep): so
 * what is published between the consumer's last look and the arming is found. It fires once,
 * for packets, for another command or epoch, when the dispatcher is gone, or when a request to
 * leave is to be noted or followed, and then waits to be armed again; one that fires too often
 * costs a look.
 */
struct consumer_fd;

/* Starts the thread, with all signals blocked. leave: how often it was asked to leave, or NULL.
 * Returns NULL and sets errno after one logged line. */
struct consumer_fd *consumer_fd_start(const struct fb_ctl_handle *ctl, const volatile int *leave);

/* Ends the thread, within 100 ms, and closes the descriptor. NULL is allowed. */
void consumer_fd_stop(struct consumer_fd *fd);

/* The descriptor, open until consumer_fd_stop(). */
int consumer_fd_number(const struct consumer_fd *fd);

/* The descriptor is not readable any more, until there is something beyond what rx has seen.
 * asked_ns: when a request to leave was noted, or 0. */
void consumer_fd_arm(struct consumer_fd *fd, const struct fb_rx *rx, uint64_t asked_ns);

/* Waits until it is readable, at most timeout_ms; false: a signal handler ran. */
bool consumer_fd_wait(struct consumer_fd *fd, unsigned timeout_ms);

#endif
