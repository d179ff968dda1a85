/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_REPLACE_H
#define FLOW_BALANCER_COMMON_REPLACE_H

#include <stdio.h>
#include <sys/types.h>

/* Writes what a file is to hold. Returns 0, or -errno. */
typedef int fb_replace_write(const void *arg, FILE *out);

/*
 * Makes a new file beside path, as path.XXXXXX, has it written, and renames it: a
 * reader finds a complete file, the old one or the new one. A link that has the name is
 * replaced, not followed. mode is that of the new file, whatever the umask is; fb_replace_mode()
 * is what open() would make. Returns 0, or -errno; what had the name is then as it was, and
 * nothing is logged. Any process, one thread.
 */
int fb_replace_file(const char *path, mode_t mode, fb_replace_write *write, const void *arg);
mode_t fb_replace_mode(void);

#endif
