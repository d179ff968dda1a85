/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/datapath/quoted.h"

/* Of a fragment that is quoted, other than the first, only the tracker knows the flow. */
static void find_datagram(const struct ingress *in, const struct frame *frame,
                          struct decoded *quoted) {
    struct fragment fragment;
    if ((quoted->flags & FB_F_FRAGMENT) != 0 && in->fragments != NULL &&
        fragment_read(frame->data, frame->caplen, quoted->fragment_off,
                      quoted->fragment_extension_off, quoted->fragment_scope, &fragment))
        fragments_key_of(in->fragments, &fragment, &quoted->key, &quoted->swapped);
}

uint32_t quoted_flow(struct ingress *in, struct flows *flows, unsigned i) {
    const struct frame *frame = &in->burst.frames[i];
    struct decoded *decoded = &in->burst.decoded[i];
    struct decoded quoted;
    enum fb_end_reason reason;
    if ((decoded->flags & FB_F_ICMP_ERROR) != 0) /* looked up before it had to wait */
        ingress_decode_again(in, i);
    if (!decode_quoted(frame->data, frame->caplen, in->links[in->burst.links[i]], &in->decoding,
                       &quoted))
        return NO_FLOW;
    find_datagram(in, frame, &quoted);
    uint32_t flow =
        flow_table_find(&flows->table, key_hash_one(&flows->hash, &quoted.key), &quoted.key);
    if (flow == NO_FLOW || flow_expired(flows, &flows->table.entries[flow], 0, &reason))
        return NO_FLOW;
    decoded->flags |= FB_F_ICMP_ERROR;
    decoded->swapped = !quoted.swapped;
    flows_forget_lost(flows, &flows->table.entries[flow]);
    return flow;
}
