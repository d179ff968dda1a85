/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_MADE_REPORTS_H
#define TESTS_LIB_MADE_REPORTS_H

#include <jansson.h>

/* Reports as tests want them, without an instance. The caller owns them. */

/* Of a healthy run with so many workers, each of which inspected 1000 packets. */
json_t *made_report(unsigned workers);

/* Puts a number or a string at a path of keys and indexes, as "workers.3.backlog"; what is on the
 * way and is not there is made, as an object. */
void made_set(json_t *report, const char *path, double value);
void made_set_text(json_t *report, const char *path, const char *text);

/* Puts JSON text there, in which ' is a quotation mark. */
void made_set_json(json_t *report, const char *path, const char *text);

#endif
