/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_EVE_NAMES_H
#define WORKER_RECORDS_EVE_NAMES_H

#include <stdint.h>

#define EVE_PROTOCOL_NAME_SIZE 16u

/* Writes the member proto of an event for an IP protocol: "TCP", or "253" where there is no name.
 */
void eve_protocol_name(uint8_t number, char name[EVE_PROTOCOL_NAME_SIZE]);

#endif
