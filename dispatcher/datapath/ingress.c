/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/datapath/ingress.h"

#include <assert.h>
#include <string.h>

void ingress_set_decoding(struct ingress *in, const struct decode_options *options,
                          const struct key_hash *hash) {
    in->decoding = *options;
    memcpy(in->decoding.secret, hash->secret, sizeof in->decoding.secret);
}

void ingress_give(struct ingress *in, const struct frame *frames, unsigned count) {
    assert(in->given_count == 0);
    in->given = frames;
    in->given_count = count;
}

bool ingress_take(struct ingress *in) {
    struct burst *burst = &in->burst;
    assert(burst->count == 0);
    burst->next = 0;
    burst->held = 0;
    burst->released = in->fragments != NULL && fragments_any_released(in->fragments);
    if (burst->released) {
        burst->frames = in->out_frames;
        burst->count = fragments_burst(in->fragments, in->out, BURST_MAX);
    } else {
        burst->frames = in->given;
        burst->count = in->given_count < BURST_MAX ? in->given_count : BURST_MAX;
    }
    return burst->count != 0;
}

/* The index of a link type; the source has refused types that are not known, or too many. */
static uint8_t link_index_of(struct ingress *in, int dlt) {
    for (unsigned i = 0; i < in->link_count; i++) {
        if (in->link_dlts[i] == dlt)
            return (uint8_t)i;
    }
    assert(in->link_count < FB_MAX_LINKS);
    unsigned i = in->link_count++;
    in->link_dlts[i] = dlt;
    link_layer_of(dlt, &in->links[i]);
    if (in->ctl != NULL)
        fb_ctl_add_link_type(in->ctl, i, dlt);
    return (uint8_t)i;
}

void ingress_tell_links(struct ingress *in, const int *dlts, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        link_index_of(in, dlts[i]);
}

void ingress_decode_again(struct ingress *in, unsigned i) {
    const struct frame *frame = &in->burst.frames[i];
    in->burst.links[i] = link_index_of(in, frame->dlt);
    decode(frame->data, frame->caplen, in->links[in->burst.links[i]], &in->decoding,
           &in->burst.decoded[i]);
}

/* What the tracker knew of fragments that it held: their key, and when they were captured. */
static void decode_released(struct ingress *in) {
    struct burst *burst = &in->burst;
    for (unsigned i = 0; i < burst->count; i++) {
        in->out_frames[i] = in->out[i].frame;
        ingress_decode_again(in, i);
        burst->decoded[i].key = in->out[i].key;
        memcpy(burst->digests[i], in->out[i].digest, sizeof burst->digests[i]);
        burst->decoded[i].swapped = in->out[i].swapped;
        burst->ticks[i] = flow_clock_now(&in->clock);
        burst->numbers[i] = in->out[i].number;
    }
}

void ingress_find_ids(const struct ingress *in, unsigned i, struct decoded_ids *ids) {
    const struct frame *frame = &in->burst.frames[i];
    decode_ids(frame->data, frame->caplen, in->links[in->burst.links[i]], &in->decoding, ids);
}

static void find_digest(struct ingress *in, unsigned i) {
    struct decoded_ids ids = {.digest = {0}};
    if (in->decoding.key_vlan || in->decoding.key_tunnel)
        ingress_find_ids(in, i, &ids);
    memcpy(in->burst.digests[i], ids.digest, sizeof ids.digest);
}

/* Asks the tracker where a fragment goes. Returns false if it is not to be taken yet. */
static __attribute__((noinline)) bool offer_fragment(struct ingress *in, unsigned i) {
    struct burst *burst = &in->burst;
    const struct frame *frame = &burst->frames[i];
    struct decoded *decoded = &burst->decoded[i];
    struct fragment fragment;
    find_digest(in, i);
    if (in->fragments == NULL ||
        !fragment_read(frame->data, frame->caplen, decoded->fragment_off,
                       decoded->fragment_extension_off, decoded->fragment_scope, &fragment))
        return true;
    memcpy(fragment.digest, burst->digests[i], sizeof fragment.digest);
    switch (fragments_offer(in->fragments, &fragment, frame, burst->numbers[i], burst->ticks[i],
                            decoded)) {
    case FRAGMENT_REFUSED:
        flow_clock_tell_no_more(&in->clock);
        return false;
    case FRAGMENT_HELD:
        burst->held |= 1u << i;
        break;
    case FRAGMENT_PASSES:
        memcpy(burst->digests[i], fragment.digest, sizeof burst->digests[i]);
        break;
    }
    return true;
}

/* Returns how many of the frames given are taken. The link type is looked up where it changes. */
static unsigned decode_given(struct ingress *in) {
    struct burst *burst = &in->burst;
    const struct frame *frames = burst->frames;
    unsigned count = burst->count;
    int dlt = -1; /* none's */
    uint8_t link = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct frame *frame = &frames[i];
        struct decoded *decoded = &burst->decoded[i];
        if (__builtin_expect(frame->dlt != dlt, 0)) {
            dlt = frame->dlt;
            link = link_index_of(in, dlt);
        }
        burst->links[i] = link;
        decode(frame->data, frame->caplen, in->links[link], &in->decoding, decoded);
        burst->ticks[i] = flow_clock_tell(&in->clock, frame);
        burst->numbers[i] = in->frame + i + 1;
        if (__builtin_expect((decoded->flags & FB_F_FRAGMENT) != 0, 0) && !offer_fragment(in, i))
            return i;
        in->decode[decoded->reason]++;
    }
    return count;
}

void ingress_decode(struct ingress *in) {
    struct burst *burst = &in->burst;
    if (__builtin_expect(burst->released, 0)) {
        decode_released(in);
        return;
    }
    burst->count = decode_given(in);
    in->given += burst->count;
    in->given_count -= burst->count;
    in->received += burst->count;
}

void ingress_hash(struct ingress *in, const struct key_hash *hash) {
    struct burst *burst = &in->burst;
    key_hash_burst(hash, &burst->decoded[0].key, sizeof burst->decoded[0], burst->count,
                   burst->hashes);
}

void ingress_finish(struct ingress *in) {
    if (!in->burst.released)
        in->frame += in->burst.count;
    in->burst.count = in->burst.next = 0;
    in->burst.held = 0;
}
