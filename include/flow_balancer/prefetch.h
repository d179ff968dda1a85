/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_PREFETCH_H
#define FLOW_BALANCER_PREFETCH_H

/*
 * Fetches a line of memory ahead of its use; any address is allowed, and nothing faults.
 *
 * GCC 12 takes a static function in which a prefetch is all that is done for
 * one without effect, and leaves out the calls of it. The empty statement for the assembler is an
 * effect that costs no instruction.
 */
static inline void fb_prefetch(const void *address) {
    __builtin_prefetch(address);
    __asm__ volatile("");
}

/* The same for a line that will be written. */
static inline void fb_prefetch_to_write(const void *address) {
    __builtin_prefetch(address, 1);
    __asm__ volatile("");
}

#endif
