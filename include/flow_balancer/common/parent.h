/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_PARENT_H
#define FLOW_BALANCER_COMMON_PARENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Lets the process get SIGTERM when its parent dies, whose pid is given.
 * Returns false, logged, if it is not the parent any more: then leave. The
 * kernel forgets such a request when it runs a program with file capabilities, so
 * the program has to utter it itself. Dispatcher and worker, at the start.
 */
bool fb_follow_parent(uint64_t pid);

/* Whether the parent with this pid, 0 for none, has died. */
bool fb_parent_is_gone(uint64_t pid);

#endif
