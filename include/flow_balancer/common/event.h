/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_EVENT_H
#define FLOW_BALANCER_COMMON_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/consumer.h"
#include "flow_balancer/descriptor.h"

/*
 * From descriptors to what is handed to inspectors, with a ring between or without. A packet has
 * its descriptor's layout, but for what only the ring knows: it is the copy of it, with a few
 * members written over. Any process.
 */
#define EVENT_SAME(packet_member, desc_member)                                                     \
    _Static_assert(offsetof(struct fb_packet, packet_member) ==                                    \
                       offsetof(struct fb_desc, desc_member),                                      \
                   "a packet begins as its descriptor")
EVENT_SAME(time_ns, time_ns);
EVENT_SAME(frame, frame);
EVENT_SAME(data, arena_pos);
EVENT_SAME(flow, flow_id);
EVENT_SAME(caplen, caplen);
EVENT_SAME(wirelen, wirelen);
EVENT_SAME(flow_seq, flow_seq);
EVENT_SAME(link_type, handle);
EVENT_SAME(gap, gap);
EVENT_SAME(deaths, generation);
EVENT_SAME(l3_off, l3_off);
EVENT_SAME(l4_off, l4_off);
EVENT_SAME(payload_off, payload_off);
EVENT_SAME(flags, flags);
EVENT_SAME(proto, proto);
EVENT_SAME(dir, dir_deaths_reason);
#undef EVENT_SAME
_Static_assert(offsetof(struct fb_packet, payload_len) == sizeof(struct fb_desc), "and goes on");

/*
 * Whether the addresses of an IP header are captured, which an l3_off promises: looked at again,
 * where it costs nothing, since a descriptor of a lost ring has been where others may write.
 */
static inline bool event_has_ip(const uint8_t *data, uint16_t l3_off, uint32_t caplen) {
    enum { IP4_BYTES = 20, IP6_BYTES = 40 };
    return l3_off != FB_NO_OFFSET && l3_off < caplen &&
           caplen - l3_off >= (data[l3_off] >> 4 == 6 ? IP6_BYTES : IP4_BYTES);
}

/*
 * Captured bytes of payload where the dispatcher does not say how many follow it: up to the end of
 * the IP packet by its own length, or of the capture; a length of 0 (segmentation offload,
 * jumbograms) ends with the capture.
 */
static inline uint32_t event_find_payload_len(const struct fb_desc *desc, const uint8_t *data) {
    enum { IP4_LENGTH = 2, IP6_LENGTH = 4, IP6_HEADER = 40 };
    if (desc->payload_off == FB_NO_OFFSET || !event_has_ip(data, desc->l3_off, desc->caplen))
        return 0;
    const uint8_t *ip = data + desc->l3_off;
    bool is_ip6 = ip[0] >> 4 == 6;
    const uint8_t *field = ip + (is_ip6 ? IP6_LENGTH : IP4_LENGTH);
    uint32_t length = (uint32_t)field[0] << 8 | field[1];
    uint32_t end = desc->l3_off + length + (is_ip6 ? IP6_HEADER : 0);
    end = length == 0 || end > desc->caplen ? desc->caplen : end;
    return end > desc->payload_off ? end - desc->payload_off : 0;
}

static inline uint32_t event_payload_len(const struct fb_desc *desc, const uint8_t *data) {
    unsigned tail = fb_desc_tail(desc);
    if (__builtin_expect(tail == FB_TAIL_LONG || (desc->flags & FB_F_MALFORMED) != 0, 0))
        return event_find_payload_len(desc, data);
    return desc->payload_off == FB_NO_OFFSET ? 0 : desc->caplen - desc->payload_off - tail;
}

/* What is handed out: a packet is made where its descriptor was copied to. */
union event_buffer {
    struct fb_event event;
    struct {
        int32_t kind;
        uint32_t reserved;
        void *state;
        struct fb_desc desc;
    } raw;
};
_Static_assert(offsetof(union event_buffer, event.packet) == offsetof(union event_buffer, raw.desc),
               "a packet begins as its descriptor");

/* Makes the packet, but for its flow; mid_stream: FB_F_MID_STREAM where it is to be flagged. */
static inline void event_make_packet(union event_buffer *buffer, const uint8_t *data, int link_type,
                                     unsigned mid_stream) {
    struct fb_packet *packet = &buffer->event.packet;
    const struct fb_desc *desc = &buffer->raw.desc;
    unsigned flags = (desc->flags & ((1u << FB_LINK_SHIFT) - 1)) | mid_stream;
    unsigned dir = fb_desc_dir(desc), deaths = fb_desc_deaths(desc);
    unsigned decode = (flags & FB_F_MALFORMED) != 0 ? fb_desc_decode(desc) : 0;
    packet->payload_len = event_payload_len(desc, data);
    packet->decode = decode;
    packet->data = data;
    packet->link_type = link_type;
    packet->deaths = (uint16_t)deaths;
    packet->flags = (uint16_t)flags;
    packet->dir = (uint8_t)dir;
}

#endif
