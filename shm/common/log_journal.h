/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_COMMON_LOG_JOURNAL_H
#define SHM_COMMON_LOG_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "flow_balancer/common/log.h"

/*
 * Lines with fields, for systemd's journal, by its native protocol: one datagram to
 * LOG_JOURNAL_SOCKET with a line "NAME=value" for each field, or, for a value with a line end,
 * the name, and the value with its length before it (systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * Not by sd_journal_send(3): that waits when the journal does not read, with about ten lines
 * unread, and says that all went well when there is no journal. Nothing here waits, and what the
 * journal does not take the caller writes to the stream. Any process, any thread.
 */
#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* A line: what journalctl(1) shows of it, and its other fields, the last one with the name NULL. */
struct log_journal_line {
    const char *program;
    unsigned priority; /* as syslog(3) numbers them */
    const char *message;
    size_t length; /* of message, at most a line of the log */
    const struct fb_log_field *fields;
};

/* Some system calls. False: it was not taken, and nothing of it is there. */
bool log_journal_send(const struct log_journal_line *line);

#endif
