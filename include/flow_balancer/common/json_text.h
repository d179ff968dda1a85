/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_JSON_TEXT_H
#define FLOW_BALANCER_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/*
 * A JSON string of size bytes that somebody else chose: a path, a filter. JSON is
 * UTF-8 and a path need not be: bytes that are not (RFC 3629) are written as
 * \xNN, in hexadecimal. Returns a new reference, or NULL if there is no memory.
 */
json_t *fb_json_text(const char *text, size_t size);

#endif
