/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_SHIM_SHIM_CLAIM_H
#define WORKER_SHIM_SHIM_CLAIM_H

#include "worker/shim/shim.h"

/*
 *   shim_claim()    the number of an activated handle, once
 *        |
 *   events are taken (shim_read.c), until one call says why there are no more
 *        |
 *   shim_finish()   the number is free, while the handle stays: each further call gives the end
 *   shim_leave()    the program closes the handle, or ends: the number is free, too
 *
 * After fork() the number is the parent's: in the child the handle cannot be read any more, and
 * closing it frees memory only.
 */

/* How long activate and the claim wait for an instance and a number: a supervisor starts
 * dispatcher and programs at the same time; by hand, as long as a number that was just given back
 * may take to be offered again. */
unsigned shim_wait_ms(void);

/* Claims the number. Returns 0, also when it was claimed; or PCAP_ERROR with the handle's text. */
int shim_claim(struct shim_handle *h);

/* There are no more events, for that reason. Frees the number. */
void shim_finish(struct shim_handle *h, int ended);

/* The handle goes. */
void shim_leave(struct shim_handle *h);

/* The descriptor that is readable when a call for packets would not wait; claims the number. -1
 * with the handle's text if that fails. */
int shim_descriptor(struct shim_handle *h);

#endif
