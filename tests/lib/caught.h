/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_CAUGHT_H
#define TESTS_LIB_CAUGHT_H

/* What a test's own process writes to a descriptor: kept in memory, and compared. Log lines are
 * without their time. */
struct caught {
    int file, saved;
    char text[65536]; /* what is longer is cut */
};

/* From here to catch_end(), which returns the text, standard error is kept from the screen. */
void catch_begin(struct caught *c);
const char *catch_end(struct caught *c);

/* The same of another descriptor. */
void catch_begin_of(int fd, struct caught *c);
const char *catch_end_of(int fd, struct caught *c);

unsigned lines_of(const char *text);

/* Fails the test unless the text is one line and contains `part`. */
void expect_one_line(const char *text, const char *part);

#endif
