/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FEED_H
#define TESTS_LIB_FEED_H

/* Captures for a process that reads its standard input. */

#include "tests/lib/process.h"

/* Writes a whole file of the test's directory to the process. */
void feed_file(struct test *t, struct process *p, const char *name);

/* ---- a capture made packet by packet: into a file and, if a process reads it, into a pipe */

#define FEED_LINK_ETHERNET 1u
#define FEED_LINK_RAW 101u

struct feed {
    struct process *to; /* or NULL */
    FILE *file;
    uint32_t link;
    uint64_t time_ns;
    uint64_t frames;
};

void feed_open(struct feed *feed, struct test *t, const char *name, uint32_t link,
               struct process *to);
void feed_close(struct feed *feed);

/* One packet over UDP; flows differ in their source address. The payload begins with the mark. */
void feed_packet(struct feed *feed, unsigned flow, const char *mark);
/* The same of 60,000 bytes: more than a pipe takes or leaves in one. */
void feed_large(struct feed *feed, unsigned flow);
/* A packet of each flow from `first` to below `end`, so many times. */
void feed_flows(struct feed *feed, unsigned first, unsigned end, unsigned times);

/* Waits until all that was fed was inspected. */
void await_fed(struct test *t, const struct feed *feed);

#endif
