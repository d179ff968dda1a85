/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_CAPTURE_INPUT_H
#define TESTS_FUZZ_CAPTURE_INPUT_H

/* How an input of fuzz_capture is laid out: how it is read, where a pipe pauses, then the file. */

#include <stddef.h>
#include <stdint.h>

#define CAPTURE_INPUT_BYTES 2u
#define CAPTURE_INPUT_SNAP 1u       /* frames are cut */
#define CAPTURE_INPUT_FILTER 2u     /* some frames are dropped */
#define CAPTURE_INPUT_PRELOAD 0xe0u /* all: loaded into memory first, too; costs the most */
#define CAPTURE_INPUT_SINGLE 4u     /* one frame a burst */

struct capture_input {
    unsigned flags;
    const uint8_t *bytes;
    size_t size;
    size_t pause; /* bytes that a pipe gives before it pauses, at most size */
};

static inline int capture_input_read(const uint8_t *data, size_t size, struct capture_input *in) {
    if (size < CAPTURE_INPUT_BYTES)
        return 0;
    *in = (struct capture_input){
        .flags = data[0], .bytes = data + CAPTURE_INPUT_BYTES, .size = size - CAPTURE_INPUT_BYTES};
    in->pause = in->size * data[1] / 256;
    return 1;
}

#endif
