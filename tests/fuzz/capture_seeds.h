/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_CAPTURE_SEEDS_H
#define TESTS_FUZZ_CAPTURE_SEEDS_H

#include <stddef.h>
#include <stdint.h>

/* A small capture of each kind. Stores the bytes of number 0 and up, which the caller frees, and
 * returns how many; 0: there are no more. */
size_t capture_seed(unsigned number, uint8_t **bytes);

#endif
