/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_PACKED_H
#define TESTS_LIB_PACKED_H

/* Files compressed by the libraries that capture_unpack.c unpacks with. */

#include "tests/lib/pcap_bytes.h"

enum packed_way { PACKED_GZIP, PACKED_XZ, PACKED_ZSTD, PACKED_LZ4, PACKED_WAYS };

/* Skips the test where they are not built in. */
void need_packed(void);

/* Appends what comes of the bytes to `to`. */
void put_packed(struct pcap_bytes *to, enum packed_way way, const void *bytes, size_t size);

/* The same of xz or zstd, but it asks for 2 GiB of memory to be unpacked; at most 2 KiB. */
void put_packed_wide(struct pcap_bytes *to, enum packed_way way, const void *bytes, size_t size);

#endif
