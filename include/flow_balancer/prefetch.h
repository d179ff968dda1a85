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

/*
 * The same for a line that will be written: no other core has it then, where a worker has just read
 * it. With -mprfchw this is an instruction of its own, which processors that lack it (Intel's
 * before 2014) take for none; without, compilers fetch the line as for reading.
 */
static inline void fb_prefetch_to_write(const void *address) {
    __builtin_prefetch(address, 1);
    __asm__ volatile("");
}

#endif
