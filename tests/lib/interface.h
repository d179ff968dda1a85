/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_INTERFACE_H
#define TESTS_LIB_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

/* Network interfaces of the namespace that the test is in, without any program. */

void set_interface_up(const char *name, bool up);

/*
 * A tap device that is up, and goes with its descriptor; what is written to it
 * comes in there. Skips the test where none is to be had.
 */
int open_tap(const char *name);

/* One datagram over loopback: captured going out and coming in. */
void send_datagram(uint16_t port);

#endif
