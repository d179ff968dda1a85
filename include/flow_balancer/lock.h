/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_LOCK_H
#define FLOW_BALANCER_LOCK_H

#include <stdbool.h>

/*
 * Life as a lock: open-file-description locks (fcntl(2), F_OFD_SETLK) on an
 * object. A lock lives until the last reference to its open file
 * description is gone: descriptors and mappings alike. So a process that maps
 * the object with MADV_DONTFORK, takes the lock and closes the descriptor
 * holds it exactly until its address space is torn down, children or not.
 *
 * A life is a lock on all bytes, whatever the length of the file. Who clears
 * what a dead process left locks all but the first byte, and who asks whether the
 * process lives looks at the first byte alone:
 *
 *              byte 0   from byte 1 on
 *   life         W            W
 *   clearing     -            W         excludes, and is excluded by, both
 *   the look     R                      sees a life only
 *
 * So a dead process never looks alive, however long the clearing takes.
 */

/* Takes the lock of a life without waiting. Returns 0, -EAGAIN if another holds it or clears, else
 * -errno. */
int fb_lock_take(int fd);

/* Takes the lock for clearing without waiting. Returns as fb_lock_take(). */
int fb_lock_take_to_clear(int fd);

/*
 * True if some other description holds the lock of a life. Probes with a read
 * lock, since a write-lock probe also reports mere readers. fd must not be a
 * descriptor of the description that holds the lock.
 */
bool fb_lock_held(int fd);

#endif
