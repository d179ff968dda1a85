/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_BUFFER_H
#define DISPATCHER_CAPTURE_CAPTURE_BUFFER_H

#include <pcap/pcap.h>

#include "dispatcher/capture/capture.h"

/*
 * The kernel's buffer of an interface: how large it is, and how long a dispatcher that
 * does not run may leave it unread. For capture_live.c.
 *
 * It consists of blocks of 128 KB, 256 KB where libpcap reads. The kernel hands a block over when
 * it is full, and otherwise after the retire time, however little is in it. So at low rates the
 * buffer lasts as many retire times as it has blocks, at high rates until its bytes are full, and a
 * frame waits for the retire time at most. With --immediate there are no blocks but slots, each for
 * one frame of whatever length.
 */

/*
 * How long a frame may wait for its block to fill. Kernels before 6.18 round this up to
 * their tick, and may take a tick longer: 12 ms at 250 ticks a second, 20 ms at 100.
 *
 * They count from the moment that a block is opened. From 6.18 on the time is that
 * between two ticks of a clock that goes on: each ends a block, also one that was opened
 * just now. So where a block is full sooner than this, up to half of the buffer is lost.
 */
#define CAPTURE_RETIRE_MS 8

/* Whether there is memory for the buffers of all interfaces; with --immediate also logs how few
 * frames they hold. Returns 0, or -ENOMEM after one logged line. */
int capture_buffer_check(const struct capture_config *config);

/* Sets the buffer, the snapshot length and the mode of a handle that is not yet active. receives:
 * it is to be read; else it has the smallest buffer. */
void capture_buffer_configure(const struct capture_config *config, pcap_t *pcap, bool receives);

/* The KiB that are asked for, of each interface. */
int capture_buffer_wanted_kib(const struct capture_config *config);

/* Whether pcap_activate() failed because there was no memory for a buffer of any size. */
bool capture_buffer_is_refused(pcap_t *pcap);

/* The size of an active handle's buffer in KiB. */
int capture_buffer_given_kib(const struct capture_config *config, pcap_t *pcap);

/* Logs a warning if the size that was given is less than was asked for, where name is the
 * interface. */
void capture_buffer_warn(const struct capture_config *config, int given_kib, const char *name);

#endif
