/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_INTERFACE_H
#define TESTS_LIB_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

/* Network interfaces of the namespace that the test is in, without any program. */

void set_interface_up(const char *name, bool up);

/* For the set-up of a group: a network namespace of the program's own, with its loopback up, that
 * goes with the program. Where that is not permitted, tests that need it are skipped. */
int enter_own_network(void **state);
void need_own_network(void);

/*
 * A tap device that is up, and goes with its descriptor; what is written to it
 * comes in there. Skips the test where none is to be had.
 */
int open_tap(const char *name);

/* One datagram over loopback: captured going out and coming in. */
void send_datagram(uint16_t port);

#endif
