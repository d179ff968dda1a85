/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_KEY_HASH_H
#define DISPATCHER_FLOWS_KEY_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/flow_key.h"

/*
 * Keyed hash of flow keys: SipHash-1-3 over the 40 bytes of a key (J.-P.
 * Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012), with
 * a random key per run, so that no outsider can choose flows that collide.
 * Eight keys are hashed together, one per vector lane; the plain function gives
 * the same values. Dispatcher only; what it returns is not stored anywhere
 * outside the run.
 */
#define KEY_HASH_LANES 8u

struct key_hash {
    uint64_t secret[2];
    /* The fastest eight-lane function for this processor; keys stand stride bytes apart. */
    void (*eight)(const uint64_t secret[2], const char *first, size_t stride,
                  uint64_t hashes[KEY_HASH_LANES]);
};

/* Takes a random secret from the kernel. Returns 0, or -errno after one logged line. */
int key_hash_init(struct key_hash *hash);

/* The hash of one key. */
uint64_t key_hash_one(const struct key_hash *hash, const struct fb_flow_key *key);

/*
 * The hashes of n keys that stand stride bytes apart, the first at first. Both
 * keys and hashes have room for n rounded up to KEY_HASH_LANES: the keys beyond
 * the last are hashed too, whatever they hold.
 */
void key_hash_burst(const struct key_hash *hash, const struct fb_flow_key *first, size_t stride,
                    unsigned n, uint64_t *hashes);

#endif
