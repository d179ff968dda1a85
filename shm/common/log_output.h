/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_COMMON_LOG_OUTPUT_H
#define SHM_COMMON_LOG_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Writes to standard error that never wait for a reader. Any process, one thread.
 *
 * Standard error is an open file description that is shared with the shell, the
 * supervisor and all workers. O_NONBLOCK set there would make their writes fail, so it
 * is not touched. What is used instead depends on the kind of file:
 *
 *   socket     send() with MSG_DONTWAIT, which holds for one call.
 *   pipe       A second description, opened with O_NONBLOCK through /proc/self/fd/2. Up
 *              to PIPE_BUF bytes go into a pipe whole or, with O_NONBLOCK, not at all.
 *   terminal   The same. A terminal takes as many bytes as it has room for: none while
 *              Ctrl-S stops it, or while another process waits in a write to it.
 *   other      A regular file or /dev/null: plain write(). O_NONBLOCK has no effect on
 *              them; a write may wait for the disk, but not for a reader. A second
 *              description would have a position of its own, and without O_APPEND
 *              overwrite what others write.
 *
 * A pipe or terminal that cannot be opened again, because it belongs to another user or
 * /proc is not mounted, is polled before each write. A pipe polls writable if a page is
 * free, which is room for PIPE_BUF bytes; a terminal if it is not stopped and has some
 * room. In this case alone a write can wait: if another process takes that room between
 * poll() and write().
 */
struct log_output {
    dev_t device; /* of the file that standard error was when last checked */
    ino_t inode;
    mode_t type; /* S_IFMT of its mode; 0: not checked yet, or closed */
    bool terminal;
    bool journal; /* its lines go to systemd's journal, by JOURNAL_STREAM */
    int own;      /* the second description, or -1 */
};

/* Checks whether standard error is still the same file, which is one system call; if not, opens the
 * new one again. */
void log_output_check(struct log_output *output);

/*
 * Writes at most PIPE_BUF bytes; log_output_check() comes first. Returns how many were
 * written: fewer than length if there is no room, or on an error.
 */
size_t log_output_write(const struct log_output *output, const char *text, size_t length);

/*
 * Whether another job than ours is at the front of the terminal that standard error is. In a
 * session of our own that is not our terminal, but it may be our parent's: then its job counts.
 */
bool log_output_in_background(void);

#endif
