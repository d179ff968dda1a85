/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_PARSE_H
#define FLOW_BALANCER_COMMON_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Values of options. Each takes the whole text or refuses it with one logged
 * line that names the option, the value and what would be right. Any process.
 */

/*
 * Takes the digits at *text as a number, and moves *text behind them. False, and
 * no log line, if there are none or the number is above most: *text and *value
 * are then not to be used.
 */
bool fb_parse_digits(const char **text, uint64_t most, uint64_t *value);

/* A whole number in [least, most]. */
bool fb_parse_count(const char *option, const char *text, uint64_t least, uint64_t most,
                    uint64_t *value);

/* A number of bytes in [least, most]: a whole number with K, M or G behind it, or none. */
bool fb_parse_size(const char *option, const char *text, uint64_t least, uint64_t most,
                   uint64_t *bytes);

/* A duration: a number of units of unit_ns, fractions allowed, in [0, most_ns]. */
bool fb_parse_duration(const char *option, const char *text, uint64_t unit_ns, uint64_t most_ns,
                       uint64_t *ns);

/* A flag: yes, true or on, and no, false or off. */
bool fb_parse_flag(const char *option, const char *text, bool *flag);

/* One of the words, which end with NULL; *index says which. */
bool fb_parse_word(const char *option, const char *text, const char *const *words, unsigned *index);

#endif
