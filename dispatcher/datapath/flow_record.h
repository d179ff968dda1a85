/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_DATAPATH_FLOW_RECORD_H
#define DISPATCHER_DATAPATH_FLOW_RECORD_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "flow_balancer/flow.h"
#include "flow_balancer/flow_key.h"

#include "dispatcher/decode/decode.h"

_Static_assert((unsigned)FB_LAYER_NONE == FB_KEY_NONE && (unsigned)FB_LAYER_MAC == FB_KEY_MAC &&
                   (unsigned)FB_LAYER_IP4 == FB_KEY_IP4 && (unsigned)FB_LAYER_IP6 == FB_KEY_IP6,
               "the layer of a record is the kind of its key");

/* address: the two words of an endpoint. */
static inline void flow_record_put_address(uint8_t to[16], const uint64_t address[2],
                                           enum fb_key_kind kind) {
    uint64_t words[2] = {0, 0};
    switch (kind) {
    case FB_KEY_IP4:
        words[0] = htobe64(address[1] << 32);
        break;
    case FB_KEY_MAC:
        words[0] = htobe64(address[1] << 16);
        break;
    case FB_KEY_IP6: /* as it is on the wire, in any byte order of ours */
        words[0] = address[0];
        words[1] = address[1];
        break;
    case FB_KEY_NONE:
        break;
    }
    memcpy(to, words, sizeof words);
}

/*
 * The record of a flow, as inspectors read it, from what the data path knows of it.
 *
 * Addresses and ports come from the key: the packet at hand may be a later fragment, whose
 * ports are in another one, or an ICMP error, which quotes the flow and is sent by whomever.
 * What a key does not have, VLANs and tunnel, is that packet's. Pure; off the fast path, for
 * the first packet of a flow at a worker only.
 *
 * key: without a digest of ids (flow_key.h). first: 1 if the flow's first packet came from
 * the key's higher endpoint, else 0. Writes all of *record but what belongs to neither: id,
 * first_ns and interface, which the caller writes. In the header: a call costs a tenth of it.
 */
static inline void flow_record_make(struct fb_flow *record, const struct fb_flow_key *key,
                                    unsigned first, const struct decoded_ids *ids) {
    enum fb_key_kind kind = fb_flow_key_kind(key);
    bool is_ip = kind == FB_KEY_IP4 || kind == FB_KEY_IP6;
    /* Without a branch on `first`: which endpoint it is is random. */
    flow_record_put_address(record->src, &key->word[2 * first], kind);
    flow_record_put_address(record->dst, &key->word[2 - 2 * first], kind);
    record->src_port = is_ip ? fb_flow_key_port(key, first) : fb_flow_key_ethertype(key);
    record->dst_port = is_ip ? fb_flow_key_port(key, 1 - first) : 0;
    record->proto = fb_flow_key_proto(key);
    record->layer = (uint8_t)kind;
    record->vlan[0] = ids->vlan[0];
    record->vlan[1] = ids->vlan[1];
    record->tunnel = (uint8_t)ids->tunnel;
    record->tunnel_id = ids->tunnel_id;
}

#endif
