/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_PARTS_H
#define TESTS_LIB_PARTS_H

/* Capture files that several processes wrote, held against the trace that they were fed. */
#include <stddef.h>

/*
 * Every frame of the trace is in one of the files, with its bytes and its time stamp (where the
 * file has only microseconds, up to those), once but for `again` frames at most that are there
 * twice; and each file has its frames in the order of the trace, but for the first one of a file,
 * which may have come again. Fails the test otherwise. No two frames of the trace may have the same
 * time stamp. Returns how many were there twice.
 */
size_t expect_parts(const char *trace, const char *const *files, unsigned count, size_t again);

#endif
