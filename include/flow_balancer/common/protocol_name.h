/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_PROTOCOL_NAME_H
#define FLOW_BALANCER_COMMON_PROTOCOL_NAME_H

#include <stdint.h>

#define FB_PROTOCOL_NAME_SIZE 16u

/* Writes the name of an IP protocol, as events and reports have it: "TCP", or "253" where there is
 * none. Any process. */
void fb_protocol_name(uint8_t number, char name[FB_PROTOCOL_NAME_SIZE]);

#endif
