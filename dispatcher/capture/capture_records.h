/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_RECORDS_H
#define DISPATCHER_CAPTURE_CAPTURE_RECORDS_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dispatcher/capture/capture_begin.h"
#include "dispatcher/capture/capture_sink.h"

/*
 * The records of a regular pcap file, read in large steps, whose frames are handed out where they
 * are: libpcap copies each twice before we have it. Of one source, one thread.
 *
 *     file:  | header | records gone over | those in the buffer | part of one | ... |
 *                                         at                                  at + filled - pos
 *
 * Only whole records with a possible length are taken. Whatever else comes is left to libpcap,
 * which goes on at the first byte that was not taken: the end of the file, a record that breaks
 * off, an impossible length, an error of the disk. So its answers and messages are the same as if
 * it had read all of the file, and there is one reader of faults.
 *
 * Why the file is not mapped. Nanoseconds a frame, page cache warm, medians of 9 alternating runs:
 * each frame copied once, as the data path does, or only its addresses looked at, as decoding does;
 * and reading and dispatching in the dispatcher.
 *
 *                                       60 bytes                    650 bytes, mean
 *                              copied  looked at  dispatcher   copied  looked at  dispatcher
 *     libpcap                   36.7     35.2        120         121      111        276
 *     read(2), 256 or 320 KB    13.7     12.6         84          60       53        196
 *     read(2), 1 MB             12.3     12.1         83          50       45        194
 *     mapped, 16 MB at a time    9.4      6.0         93          57      112        407
 *     mapped, MAP_POPULATE      11.2      7.0                     68      119
 *
 * A frame in a mapping comes from memory, line by line, when it is decoded; one that was read is in
 * the cache. And a mapping costs more than time: in a file that is truncated, frames of zeros or
 * SIGBUS, where read(2) gives fewer bytes; pages behind that must be dropped by hand.
 */
struct capture_records {
    int fd;      /* -1: no file is read */
    uint64_t at; /* offset in the file of the next record, bytes[pos] */
    size_t pos, filled;
    bool is_foreign; /* the file has the other byte order */
    uint32_t header_bytes;
    uint32_t snaplen; /* of the file, as libpcap takes it */
    uint32_t unit_ns; /* of the stamps' fraction */
    uint8_t *bytes;
};

/* Starts as nothing is read. Returns 0, or -ENOMEM with nothing logged. */
int capture_records_init(struct capture_records *records);
void capture_records_fini(struct capture_records *records);

/*
 * Begins behind the file header, of CAPTURE_BEGIN_BYTES, of a regular file that libpcap has opened
 * as `pcap`. The descriptor stays the caller's, and its position as it is. Does nothing where
 * records are of a kind that libpcap must read: of another version than 2.4, or of a link type
 * whose bytes it changes or may be asked to take longer than FB_FRAME_MAX.
 */
void capture_records_begin(struct capture_records *records, const uint8_t *header, pcap_t *pcap,
                           int fd);

/* No file is read any more. */
void capture_records_end(struct capture_records *records);

static inline bool capture_records_is_reading(const struct capture_records *records) {
    return records->fd >= 0;
}

/*
 * Goes over up to max records, and puts the frames that pass the sink's filter: in place if the
 * sink may point, valid until the next call. Returns how many records; 0: what comes at
 * records->at is libpcap's.
 */
unsigned capture_records_read(struct capture_records *records, struct capture_sink *sink,
                              unsigned max);

#endif
