/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Fletcher's two sums over words of 64 bits: two additions a word, which run
 * beside the loads, so that the reader waits for memory and not for us. Mixed
 * at the end, or swapped words of two packets would not show in their sum.
 */
uint64_t bench_digest(const uint8_t *bytes, uint32_t n) {
    uint64_t sum = n, sums = 0, word;
    uint32_t at = 0;
    for (; at + sizeof word <= n; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        sum += word;
        sums += sum;
    }
    word = 0;
    memcpy(&word, bytes + at, n - at);
    sum += word;
    sums += sum;
    uint64_t mixed = sum * UINT64_C(0x9e3779b97f4a7c15) ^ sums;
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
    return mixed ^ mixed >> 29;
}

void bench_tally_add(struct bench_tally *tally, const uint8_t *bytes, uint32_t n) {
    tally->packets++;
    tally->bytes += n;
    tally->digest += bench_digest(bytes, n);
}

bool bench_check(const struct bench_facts *f, char *text, size_t size) {
    const struct fact {
        const char *what, *against;
        uint64_t is, should_be;
        bool matters;
    } facts[] = {
        {"packets that consumers read", "frames given", f->read.packets, f->given.packets, true},
        {"bytes that consumers read", "bytes given", f->read.bytes, f->given.bytes, true},
        {"digest of the bytes read", "digest of the source", f->read.digest, f->given.digest,
         f->bytes_read},
        {"received in the ledger", "frames given since the start", f->received, f->delivered, true},
        {"inspected in the ledger", "received", f->inspected, f->received, true},
        {"dropped in the ledger", "none", f->dropped, 0, true},
        {"flows created", "flows asked", f->flows_created, f->flows_asked, f->flows_asked != 0},
        {"flows alive", "flows asked", f->flows_active, f->flows_asked, f->flows_asked != 0},
    };
    if (f->given.packets == 0) {
        snprintf(text, size, "no frame was given");
        return false;
    }
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const struct fact *fact = &facts[i];
        if (fact->matters && fact->is != fact->should_be) {
            snprintf(text, size, "%s: %" PRIu64 ", but %s: %" PRIu64, fact->what, fact->is,
                     fact->against, fact->should_be);
            return false;
        }
    }
    return true;
}
