/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_CONTENT_H
#define TESTS_LIB_CONTENT_H

/* What capture files hold between them, whatever the order and the file. */
#include "tests/lib/process.h"

struct content {
    bool has_us; /* set before: times are compared to the microsecond only */
    uint64_t packets;
    uint64_t sum; /* over a hash of each one's bytes, lengths and time in nanoseconds */
};

/* Adds what a file holds up to its end, or to where it breaks off. */
void content_add(struct content *content, const char *path);

/* Adds the files of a folder of the test's directory, "" for that itself, whose names begin with a
 * word. Returns how many there were. */
unsigned content_add_all(struct content *content, const struct test *t, const char *folder,
                         const char *begin);

void expect_same_content(const struct content *wanted, const struct content *found);

#endif
