/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_LINES_H
#define WORKER_RECORDS_LINES_H

#include <stddef.h>

/*
 * Files of lines, each of which is there whole or not at all, also if a process was killed in the
 * middle of a write or the disk was full. One process writes a file at a time. Worker; any thread.
 */

/*
 * Opens a file of that name in a directory (a descriptor, or AT_FDCWD) to append lines to it, and
 * makes it if it is missing. A link may lead to a device or a pipe; a file behind one is somebody's
 * and would be cut: -ELOOP. Returns a descriptor that the caller owns, or -errno.
 */
int lines_open(int directory, const char *name);

/* What an error of lines_open() or lines_cut(), -errno, means, in words; valid until the next
 * call. */
const char *lines_error(int error);

/* Cuts what a file has behind its last line end; what is no regular file has no lines to cut.
 * Returns 0, or -errno. */
int lines_cut(int file);

/* Appends a line by one write(). Returns 0; or -errno, and then a part of it may be there, which is
 * for lines_cut(). */
int lines_write(int file, const char *line, size_t length);

#endif
