/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_PIPE_H
#define DISPATCHER_CAPTURE_CAPTURE_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A pipe as a stdio stream that never waits. It gives whole records only, and is
 * at its end while there is none; clearerr() makes it go on. Of one source, one
 * thread. Knows nothing of libpcap but the file formats that it reads.
 */
struct capture_pipe;

/*
 * Opens a path, or standard input (-). Stores in *stream what libpcap is to read.
 * Returns NULL with errno set and nothing logged. fclose() of the stream frees the
 * pipe.
 */
struct capture_pipe *capture_pipe_open(const char *path, FILE **stream);

/* Goes back to the first byte, for another attempt at opening; the stream is still at its end. */
void capture_pipe_rewind(struct capture_pipe *pipe);

/*
 * Until capture_pipe_start(): sets *bytes to what has come so far, valid until the
 * next read. Returns how many, at most `most`.
 */
size_t capture_pipe_begin(const struct capture_pipe *pipe, const uint8_t **bytes, size_t most);

/* libpcap has opened the stream: bytes that were given are no longer kept. */
void capture_pipe_start(struct capture_pipe *pipe);

/* True once the stream has given everything and the writer is gone: no more will come. */
bool capture_pipe_ended(const struct capture_pipe *pipe);

/* Returns when there is something to read, or after timeout_us. */
void capture_pipe_wait(const struct capture_pipe *pipe, unsigned timeout_us);

#endif
