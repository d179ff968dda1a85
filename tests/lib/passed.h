/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_PASSED_H
#define TESTS_LIB_PASSED_H

#include "tests/lib/process.h"
#include "tests/lib/records.h"

/*
 * Captures that workers passed on, of the trace t.pcap: files of the test's directory, or of a
 * folder in it, whose names begin with a word, then worker and incarnation, then anything:
 * part-0-1.pcap. A frame is known by its time stamp, which no other frame of the trace has, and its
 * bytes are compared.
 */
struct passed {
    struct records records; /* what they hold: flow is the tuple, seq the place in it */
    struct trace trace;
    unsigned files;
    unsigned broken; /* files that break off in their last record */
    unsigned links;  /* a bit for each link type that is below 32 */
};

/* Reads all files there are. folder: "" for the directory itself. */
void passed_read(struct passed *parts, struct test *t, const char *folder, const char *begin);
void passed_free(struct passed *parts);

/* How many packets the files hold; a file that is being written may break off. */
size_t passed_count(struct test *t, const char *folder, const char *begin);

/* Every frame of the trace once, each flow on one worker and in order. */
void expect_passed_whole(struct test *t, const char *folder, const char *begin);

#endif
