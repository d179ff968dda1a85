/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/common/log_journal.h"

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DATAGRAM_MOST 4096u /* a line of the log and a dozen numbers */

struct datagram {
    char bytes[DATAGRAM_MOST];
    size_t used;
    bool full; /* a field did not fit: it is not sent */
};

static void add_bytes(struct datagram *d, const void *bytes, size_t size) {
    d->full = d->full || size > sizeof d->bytes - d->used;
    if (d->full)
        return;
    memcpy(d->bytes + d->used, bytes, size);
    d->used += size;
}

static void add_field(struct datagram *d, const char *name, const char *value, size_t length) {
    bool plain = memchr(value, '\n', length) == NULL;
    uint64_t size = htole64(length);
    add_bytes(d, name, strlen(name));
    add_bytes(d, plain ? "=" : "\n", 1);
    if (!plain)
        add_bytes(d, &size, sizeof size);
    add_bytes(d, value, length);
    add_bytes(d, "\n", 1);
}

/* A socket for each line: they are rare, and nothing is left open for what a process forks. */
static bool send_datagram(const struct datagram *d) {
    static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
                                               .sun_path = LOG_JOURNAL_SOCKET};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    ssize_t sent = sendto(fd, d->bytes, d->used, MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&journal, sizeof journal);
    close(fd);
    return sent == (ssize_t)d->used;
}

bool log_journal_send(const struct log_journal_line *line) {
    struct datagram d;
    char priority[12];
    int n = snprintf(priority, sizeof priority, "%u", line->priority);
    d.used = 0;
    d.full = false;
    add_field(&d, "MESSAGE", line->message, line->length);
    add_field(&d, "PRIORITY", priority, (size_t)n);
    add_field(&d, "SYSLOG_IDENTIFIER", line->program, strlen(line->program));
    for (const struct fb_log_field *field = line->fields; field->name != NULL; field++)
        add_field(&d, field->name, field->value, strlen(field->value));
    return !d.full && send_datagram(&d);
}
