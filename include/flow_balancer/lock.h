/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_LOCK_H
#define FLOW_BALANCER_LOCK_H

#include <stdbool.h>

/*
 * Life as a lock: open-file-description locks (fcntl(2), F_OFD_SETLK) over the
 * whole of an object. A lock lives until the last reference to its open file
 * description is gone: descriptors and mappings alike. So a process that maps
 * the object with MADV_DONTFORK, takes the lock and closes the descriptor
 * holds it exactly until its address space is torn down, children or not.
 */

/* Takes the write lock without waiting. Returns 0, -EAGAIN if another holds it, else -errno. */
int fb_lock_take(int fd);

/*
 * True if some other description holds the write lock. Probes with a read
 * lock, since a write-lock probe also reports mere readers. fd must not be a
 * descriptor of the description that holds the lock.
 */
bool fb_lock_held(int fd);

#endif
