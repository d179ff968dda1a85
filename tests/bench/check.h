/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_CHECK_H
#define TESTS_BENCH_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether a measured pass did what it is said to have done: a figure of a pass
 * that lost, changed or made up packets, or had other flows than asked, is not
 * printed. Pure functions.
 */
struct bench_tally {
    uint64_t packets;
    uint64_t bytes;
    uint64_t digest; /* sum of bench_digest() over the packets, in whatever order they came */
};

/* A pass, its rings empty again. */
struct bench_facts {
    struct bench_tally given; /* the frames at their source */
    struct bench_tally read;  /* what the consumers saw at the other end of the rings */
    bool bytes_read;          /* read.digest holds: every byte was read */
    /* The ledger, since the rig was made: */
    uint64_t delivered; /* frames that were given to the data path, as the rig counts */
    uint64_t received;
    uint64_t inspected;
    uint64_t dropped;
    /* Likewise, where flows_asked is not 0: */
    uint64_t flows_asked;
    uint64_t flows_created;
    uint64_t flows_active;
};

/* A number for n bytes that another byte, another place or another length changes. */
uint64_t bench_digest(const uint8_t *bytes, uint32_t n);

void bench_tally_add(struct bench_tally *tally, const uint8_t *bytes, uint32_t n);

/* True if all agrees; else text says which fact differs first, with both values. */
bool bench_check(const struct bench_facts *facts, char *text, size_t size);

#endif
