/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_SHIM_SHIM_REAL_H
#define WORKER_SHIM_SHIM_REAL_H

#include <pcap/pcap.h>

#include "worker/shim/shim_list.h"

/*
 * libpcap's own functions. They are looked up when the first one is wanted: the program may load
 * libpcap later than this library, as an interpreter does for an extension module. NULL: libpcap
 * is older than that function.
 */
struct shim_real {
#define X(name) __typeof__(&pcap_##name) name;
    SHIM_OURS(X)
    SHIM_USED(X)
#undef X
    __typeof__(&bpf_validate) validate;
};

/* Any thread. Where there is no libpcap at all the process says so and ends: it cannot go on. */
const struct shim_real *shim_real(void);

#endif
