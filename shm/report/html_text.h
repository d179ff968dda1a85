/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_REPORT_HTML_TEXT_H
#define SHM_REPORT_HTML_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* Text and numbers of the page: what comes from outside is made harmless here, and nowhere else. */

/*
 * Writes a text that somebody else chose, as content of an element or between double quotes:
 * of HTML and of XML. Markup becomes entities. What cannot be seen is written out: control
 * characters, what has no width or turns the direction of writing, and bytes that are not UTF-8
 * (RFC 3629), as \xNN or \u{NNNN}.
 */
void html_escaped(FILE *out, const char *text, size_t size);

/* The same of a string of the JSON; of a key of an object, where what is missing is "". */
void html_string(FILE *out, const json_t *string);
void html_word(FILE *out, const json_t *object, const char *key);

/* The number at a path of keys, as "ledger.received"; 0 where it is missing or negative. */
double html_at(const json_t *object, const char *path);

struct html_number {
    char text[48];
};

/* Numbers for people. None is negative, and what is beyond any sense stays readable. */
struct html_number html_count(double count);      /* 1,234,567 */
struct html_number html_short(double count);      /* 1.23 M */
struct html_number html_bytes(double bytes);      /* 1.23 MB */
struct html_number html_percent(double share);    /* 12.3 %; what is not zero is never "0 %" */
struct html_number html_time(double seconds);     /* 82 us, 2.1 ms, 3.05 s */
struct html_number html_duration(double seconds); /* 3.05 s, 2 min 5 s, 3 h 12 min, 4 d 5 h */

/* The time of day of a second since 1970, in the time zone of this process; the step says whether
 * it has tenths. */
struct html_number html_clock(double time, double step_s);
struct html_number html_date(double time); /* with the day and the offset from UTC */

#endif
