/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_PCAP_H
#define DISPATCHER_CAPTURE_CAPTURE_PCAP_H

#include <pcap/pcap.h>
#include <stdio.h>

#include "dispatcher/capture/capture_filter.h"
#include "dispatcher/capture/capture_pipe.h"
#include "dispatcher/capture/capture_records.h"
#include "dispatcher/capture/capture_window.h"

/*
 * One pcap file, or what libpcap takes for one, from its first byte, as libpcap reads it. Of one
 * source, one thread.
 *
 *     a pipe, compressed, or a version to put right   libpcap, from the window
 *     a regular file                                  its records in place, then libpcap, from
 *                                                     the file: what is no whole record, and
 *                                                     the end
 *     a regular file of rare kind                     libpcap, from the file
 *
 * A file that grows is read up to the end that libpcap finds.
 */
struct capture_pcap {
    pcap_t *handle;                /* NULL: no file is open */
    FILE *stream;                  /* that it reads */
    struct capture_pipe *pipe;     /* not NULL: the stream takes from the window */
    const struct bpf_program *bpf; /* of the filter, set by the caller; NULL: there is none */
    struct capture_records records;
    char *stream_buffer;
};

/* Starts as no file is open. Returns 0, or -ENOMEM with nothing logged; either way it may go to
 * capture_pcap_fini(). */
int capture_pcap_init(struct capture_pcap *pcap);
void capture_pcap_fini(struct capture_pcap *pcap);

/*
 * Opens what is in the window, with CAPTURE_BEGIN_BYTES or all there are; of a regular file takes
 * its descriptor away. Checks the link type. Returns 0, or -errno after one logged line; either way
 * it goes to capture_pcap_close().
 */
int capture_pcap_open(struct capture_pcap *pcap, const struct capture_config *config,
                      struct capture_window *window, const char *name);
void capture_pcap_close(struct capture_pcap *pcap);

/*
 * As a source's read; CAPTURE_END: of the file. *problem: not NULL if it breaks off, as libpcap
 * says it, until the close.
 */
enum capture_status capture_pcap_read(struct capture_pcap *pcap, struct capture_sink *sink,
                                      unsigned max, const char **problem);

/*
 * Asks a filter for its program for a file that libpcap has open. *bpf: NULL if there is none, or
 * filter->lacks it. Returns 0, or -EINVAL after one logged line.
 */
int capture_pcap_ask_filter(struct capture_filter *filter, pcap_t *handle, const char *name,
                            const struct bpf_program **bpf);

/* Of a regular file that is not compressed, its descriptor; -1: the window has it. */
int capture_pcap_fd(const struct capture_pcap *pcap);

/* How many bytes of such a file were read. */
uint64_t capture_pcap_offset(const struct capture_pcap *pcap);

#endif
