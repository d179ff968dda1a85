/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_PIPE_H
#define DISPATCHER_CAPTURE_CAPTURE_PIPE_H

#include <stdbool.h>
#include <stdio.h>

#include "dispatcher/capture/capture_window.h"

/*
 * A pcap file in a window as a stdio stream that never waits. It gives whole records
 * only, and is at its end while there is none; clearerr() makes it go on. Of one
 * source, one thread. Knows nothing of libpcap but the file format that it reads.
 */
struct capture_pipe;

#define CAPTURE_PIPE_HEADER 24u /* the file header, which has come before a stream is opened */

/*
 * Stores in *stream what libpcap is to read: the window from where it is, its file
 * header with it. Returns NULL with errno set and nothing logged. fclose() of the
 * stream frees the pipe and leaves the window open.
 */
struct capture_pipe *capture_pipe_open(struct capture_window *window, FILE **stream);

/* True once the stream has given everything and the writer is gone: no more will come. */
bool capture_pipe_ended(const struct capture_pipe *pipe);

#endif
