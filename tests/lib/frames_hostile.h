/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_FRAMES_HOSTILE_H
#define TESTS_LIB_FRAMES_HOSTILE_H

/* What must hold for a frame of any kind: its answer, and any part of it. */

#include "tests/lib/frames.h"

#define OPTIONS 4u
extern const struct decode_options all_options[OPTIONS];

/* The end of a page behind which nothing can be touched; frames are put right before it. */
uint8_t *guarded_end(void);
void free_guarded(uint8_t *end);

/* What was decoded makes sense, and points nowhere beyond caplen. */
void assert_consistent(const struct decoded *d, uint32_t caplen);
/* Every beginning of the frame, as what every link type and options say that it is. */
void assert_safe_at_every_length(uint8_t *end, const struct packet *f);
/* The answer of a TCP or UDP flow, or of one without ports, has its key and the other direction. */
void assert_mirrors(struct packet f, enum link_layer link, const struct decode_options *options);
/* Both of the above for one frame, with all options. */
void assert_sample_holds(uint8_t *end, const struct packet *f, enum link_layer link);

void swap_bytes(uint8_t *a, uint8_t *b, uint32_t n);

#endif
