/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

/*
 * What the fuzz targets share. Each is linked with libFuzzer, which calls
 * LLVMFuzzerTestOneInput() with bytes of its making. A broken promise is an
 * assertion of cmocka's, as in the unit tests: outside of its tests it aborts,
 * where main.c of a target asked for it, and libFuzzer keeps the input.
 */

#include <stdbool.h>
#include <stdlib.h>

#include "tests/lib/unit.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A failed assertion aborts immediately, where it was made, and not at exit. */
static inline void fuzz_abort_on_failure(void) {
    setenv("CMOCKA_TEST_ABORT", "1", 1);
}

/* The input read as a program: numbers one after another, 0 once it is used up. */
struct fuzz_input {
    const uint8_t *next, *end;
};

static inline bool fuzz_more(const struct fuzz_input *in) {
    return in->next != in->end;
}

static inline uint8_t fuzz_byte(struct fuzz_input *in) {
    return in->next == in->end ? 0 : *in->next++;
}

/* 0 to n - 1, of one byte: n at most 256. */
static inline unsigned fuzz_below(struct fuzz_input *in, unsigned n) {
    return fuzz_byte(in) % n;
}

static inline unsigned fuzz_16(struct fuzz_input *in) {
    unsigned high = fuzz_byte(in);
    return high << 8 | fuzz_byte(in);
}

#endif
