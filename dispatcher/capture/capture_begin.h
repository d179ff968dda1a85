/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_BEGIN_H
#define DISPATCHER_CAPTURE_CAPTURE_BEGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a file is named in messages, what is said of one that libpcap cannot open, and one fault that
 * it need not refuse. */

/* "standard input" where the name is -, else the name. */
const char *capture_shown_name(const char *name);

#define CAPTURE_BEGIN_BYTES 24u /* the file header of pcap */

/*
 * Logs one line on a file whose beginning libpcap refused, with its reason. bytes
 * are the first count of the file: CAPTURE_BEGIN_BYTES, or all there are.
 */
void capture_say_no_begin(const char *name, const uint8_t *bytes, size_t count, const char *reason);

/*
 * Puts the version right in a file header of pcap, of CAPTURE_BEGIN_BYTES, whose two
 * halves have their bytes swapped (512.1024 for 2.4). Returns whether they were.
 */
bool capture_turn_version(uint8_t *header);

#endif
