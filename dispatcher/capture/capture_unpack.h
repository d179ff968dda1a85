/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_UNPACK_H
#define DISPATCHER_CAPTURE_CAPTURE_UNPACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The bytes of a compressed file as they were before: gzip, xz, zstd and lz4, also several of
 * a kind one behind the other. By the library of each, as far as the program was built with them:
 * libarchive, which has them all in one, loses up to 128 KB before the place at which a file
 * breaks off. Of one source, one thread. Knows no capture format.
 */
struct capture_unpack;

/* A way to compress files, told by the first bytes of a file. */
struct capture_packed {
    const char *magic, *what;
    const char *command; /* that unpacks */
};

/* How a file that begins with these bytes is compressed; NULL: it is not. */
const struct capture_packed *capture_find_packed(const uint8_t *bytes, size_t count);

/*
 * Starts to unpack a regular file, from where the descriptor is. That stays the caller's
 * and is open until the close. name: for log lines. Returns 0; -errno after one logged line,
 * -ENOTSUP if it is packed in a way that was not built in.
 */
int capture_unpack_open(struct capture_unpack **unpack, const struct capture_packed *packed, int fd,
                        const char *name);

/* NULL is allowed. */
void capture_unpack_close(struct capture_unpack *unpack);

/* As read(2), but -errno; -EBADMSG if the file is damaged or breaks off, after all that could be
 * unpacked before was given; or if it asks for more than 128 MiB of memory. */
ssize_t capture_unpack_read(struct capture_unpack *unpack, uint8_t *to, size_t size);

/* What is wrong with the file after -EBADMSG, and what to do. They last as long as the process. */
const char *capture_unpack_problem(const struct capture_unpack *unpack);
const char *capture_unpack_fix(const struct capture_unpack *unpack);

/* How many bytes of the compressed file were unpacked so far. */
uint64_t capture_unpack_offset(const struct capture_unpack *unpack);
#endif
