/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_OUTSIDE_H
#define DISPATCHER_CAPTURE_CAPTURE_OUTSIDE_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Filters of interfaces outside of the kernel, where that refuses a program: of more than 4096
 * instructions, or for want of memory.
 *
 * libpcap compiles for the kernel, where a program asks for what is kept beside a frame by reading
 * at negative offsets: its tag, its interface, whether it is going out. Its interpreter for
 * programs knows no such offsets. So these values are written before the first byte, and the
 * program is rewritten to read them there, and all else as many bytes further on.
 */
enum capture_aside {
    CAPTURE_PACKET_TYPE,
    CAPTURE_INDEX,
    CAPTURE_TAG,
    CAPTURE_TAGGED,
    CAPTURE_ASIDES
};

#define CAPTURE_ASIDE_BYTES (CAPTURE_ASIDES * 4u)

/* Makes *to of a program that was compiled for an interface. Returns 0; -ENOMEM; or -EINVAL if it
 * reads what is not known here, with nothing to free. The caller frees it. */
int capture_outside_make(struct bpf_program *to, const struct bpf_program *from);
void capture_outside_free(struct bpf_program *program);

/* Whether a frame passes. The CAPTURE_ASIDE_BYTES before data are written over. */
bool capture_outside_passes(const struct bpf_program *program,
                            const uint32_t asides[CAPTURE_ASIDES], uint8_t *data, uint32_t caplen,
                            uint32_t wirelen);

#endif
