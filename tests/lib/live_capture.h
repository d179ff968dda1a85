/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LIVE_CAPTURE_H
#define TESTS_LIB_LIVE_CAPTURE_H

/* Captures of interfaces, within the test program. */

#include "tests/lib/capture_fixture.h"

/* For cmocka, of a group of tests: a network namespace of its own, if that is permitted. */
int enter_namespace(void **state);
/* Skips the test if there is none. */
void need_namespace(struct capture_fixture *f);

/* The configuration of lo, with a filter for datagrams to port 4444. */
struct capture_config config_of_lo(void);

/* Takes until so many frames came. Idle is not the end of it: the kernel holds frames back to fill
 * a block. */
void take_at_least(struct capture_fixture *f, unsigned count);

enum fb_interface_state state_of_interface(struct capture_fixture *f, unsigned interface);

#endif
