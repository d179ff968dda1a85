/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_LISTEN_H
#define SHM_VIEW_LISTEN_H

#include <stdbool.h>

/* An address of --listen, taken apart. */
struct listen_address {
    char host[256]; /* without brackets */
    char port[8];
};

/*
 * Takes "PORT", of the loopback address, "ADDRESS:PORT" or "[ADDRESS]:PORT" apart, where an
 * address may be a name. False after one logged line.
 */
bool listen_parse(const char *text, struct listen_address *address);

/*
 * A socket that listens there, which does not block and which the caller closes; -1 after one
 * logged line that says what to do, where the port is in use for example.
 */
int listen_open(const char *text);

#endif
