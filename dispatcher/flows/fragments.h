/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLOWS_FRAGMENTS_H
#define DISPATCHER_FLOWS_FRAGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/counters.h"
#include "flow_balancer/region.h"

#include "dispatcher/capture/frame.h"
#include "dispatcher/decode/decode.h"
#include "dispatcher/flows/key_hash.h"

/*
 * IP fragments: which flow each belongs to. Only the first of a datagram has
 * ports, so the tracker keeps, per datagram, the flow key that its first
 * fragment had. The key and not the flow: that may end and begin again
 * meanwhile. Fragments go on unaltered and are never reassembled. What comes
 * before its first fragment is copied and held.
 *
 * A datagram is the same one by source, destination and identification, in
 * IPv4 also by protocol (RFC 791), in IPv6 not by the next header (RFC 8200,
 * 4.5), and by VLAN and tunnel ids where those are part of flow keys.
 *
 *             later fragment            first fragment
 *   (none) ------------------> WAITING ----------------> KNOWN <---- (none)
 *                                 |                      |   ^
 *            time over, buffer or |      every byte seen |   | a new datagram,
 *            table full, all let  |                      v   | see below
 *            out                  +----> GIVEN_UP       DONE
 *
 *   WAITING   holds what came; key by addresses and protocol, of what came first
 *   KNOWN     every fragment goes immediately under the key of the first
 *   DONE      the same, complete: kept for duplicates
 *   GIVEN_UP  what was held has gone by addresses and protocol, so all that
 *             still comes goes likewise, the first fragment too: a datagram
 *             stays on one worker, if not on that of its flow
 *
 * A datagram waits for at most timeout_ticks after the fragment that came
 * first, however many follow (RFC 791 would prolong it; then who sends one now
 * and again has us hold them for ever). In the other states it is forgotten
 * timeout_ticks after its last fragment. When there are too many, the one
 * longest in its list is forgotten: of DONE, else GIVEN_UP, else KNOWN, else
 * WAITING, the cheapest to lose first. So later fragments that nothing asked
 * for, however many, push out no datagram whose first has come, as long as the
 * table has room for those and max_frames more.
 *
 * Two datagrams under one identification within the timeout. Identifications
 * of IPv4 have 16 bits, a gigabit of 2 KB datagrams between two hosts uses
 * them up in about a second (RFC 4963, RFC 6864). "Idle" is: no fragment for
 * reuse_ticks, over which no path spreads a datagram.
 *   - A first fragment of a complete datagram begins a new one, as it does at
 *     the receiver, which has reassembled the old one and forgotten it. A later
 *     one is a duplicate, but after an idle time the first to come of a new one.
 *   - If the complete one had been given up, either begins a new one only after
 *     an idle time: before, a duplicate of its first must go where the rest went.
 *   - A first fragment with another key than the one learned begins a new
 *     datagram if the old one is idle: what is missing of that was lost.
 *   - With another key, sooner, the key learned first stays. Else two firsts
 *     (overlapping fragments: RFC 1858, RFC 3128, RFC 5722) would take one
 *     datagram to two workers, which is how an inspector is evaded. Where
 *     identifications wrap sooner and a fragment was lost, one datagram may so
 *     follow the flow of another; completing it ends that.
 *   - A first fragment releases whatever waits for it, if some is of an older
 *     datagram too: the receiver would put it together likewise.
 * Which bytes were seen is kept as up to three spans, exact for any order of
 * six fragments (8 KB at an MTU of 1,500) and for any number in ascending or
 * descending order. What does not fit is forgotten: such a datagram is complete
 * late or never, not early. Duplicates and overlaps count once.
 *
 * A first fragment too short for ports (RFC 1858) has a key by addresses and
 * protocol: that one is learned. A fragment at offset 0 without more to come
 * (RFC 6946) is a whole packet, is passed as it is and leaves no trace.
 *
 * Order. A worker sees a flow's packets in the order in which they were
 * delivered to the flow. A fragment that had to wait is delivered when it is
 * released: those of a datagram in capture order, immediately before the first
 * fragment that released them, which was captured after them. Packets of the
 * flow that came while they waited went before them. Whatever did not wait
 * keeps its capture order, and frames of one datagram always do.
 *
 * Under a flood of later fragments under random identifications a fragment
 * costs a bounded amount of work and memory, the time for which fragments may
 * wait shrinks to what the buffer holds, and packets that are not fragments
 * notice nothing.
 *
 * Dispatcher only, one thread. Memory is taken at the start; afterwards no
 * allocation, no system call. Work per call: a constant, plus what is copied,
 * plus FRAGMENTS_EXPIRE_BUDGET or FRAGMENTS_RELEASED_MOST datagrams, or one for each
 * block that a long frame takes.
 *
 * ---- How the data path uses it ----
 *
 * The decoder says of a frame that is a fragment (FB_F_FRAGMENT) at which two
 * offsets its datagram's headers are, see fragment_read(). Where a fragment is
 * inside a tunnel those are of the innermost fragmented datagram. Of a tunnel
 * that is fragmented itself the first fragment is decoded as far as it goes: its
 * key is the inner flow's, its datagram the outer one, whose later fragments so
 * follow that flow. (A fragment within a first fragment counts as the inner
 * one's only; the rest of the outer datagram then goes by addresses.)
 *
 * A burst is filled from the source in capture order (datapath/ingress.c):
 *     decode
 *     no fragment        it is in the burst
 *     fragment_read, fragments_offer
 *       FRAGMENT_PASSES  it is in the burst, with the key and direction now in decoded
 *       FRAGMENT_HELD    it is not; its bytes are copied, its frame number is used up
 *       FRAGMENT_REFUSED the burst ends before it. Deliver that and what is released,
 *                        then offer it again
 *     hash, look up, deliver
 * Released fragments: until fragments_burst() returns 0,
 *     decode each frame again (not counted again) with its stored link type, set
 *     key, digest and direction to those given, hash, look up, deliver at the present
 *     tick; its own stamp must not go to the packet clock again. A flow that it
 *     begins is of the protocol in the key: decoded->proto is what the frame says
 * After a burst, and when idle: fragments_expire(), which releases some.
 * At the end of the input or at a stop: fragments_release(), which releases all.
 *
 * A fragment is offered until it is taken and then never again: not if it waits
 * for a full ring, not if it comes back out of a lost worker's ring. Frames that
 * are released are valid until the next fragments_burst(), so delivery may
 * wait. Ledger: fragments_held() are `held`; they leave it with
 * fragments_burst(), and are pending, dropped or abandoned like any other.
 */

/* What the datagram of a fragment is, and where in it the fragment belongs. */
struct fragment {
    uint64_t source[2]; /* IPv4: the low 32 bits of [1] */
    uint64_t destination[2];
    uint64_t scope;     /* VLAN and tunnel ids, where flow keys have them; else 0 */
    uint32_t id;        /* identification: 16 bits in IPv4, 32 in IPv6 */
    uint32_t length;    /* bytes of payload by the IP length; 0: none or unknown */
    uint16_t offset;    /* bytes, a multiple of 8 */
    uint8_t version;    /* 4 or 6 */
    uint8_t proto;      /* IPv4: the protocol; IPv6: 0 */
    bool more;          /* fragments follow */
    uint64_t digest[2]; /* of the ids in the key (flow_key.h): the caller's to say, else 0 */
};

/*
 * Reads a fragment's headers: ip_off is the offset of the IPv4 or IPv6 header,
 * extension_off that of the IPv6 fragment header (IPv4: not looked at). Bytes
 * are never read beyond caplen. Returns false, and leaves *out undefined, if
 * they are not there or not of a version known: the frame is no fragment then.
 * Dispatcher; any thread.
 */
bool fragment_read(const uint8_t *bytes, uint32_t caplen, uint32_t ip_off, uint32_t extension_off,
                   uint64_t scope, struct fragment *out);

struct fragments_config {
    uint32_t max_datagrams; /* tracked at the same time, 1 to FRAGMENTS_MAX */
    uint32_t max_frames;    /* held at the same time, 1 to FRAGMENTS_MAX */
    uint64_t max_bytes;     /* of buffer, FB_FRAME_MAX to 4 GB; frames take whole blocks */
    uint32_t timeout_ticks; /* at least 1 */
    uint32_t reuse_ticks;
};
#define FRAGMENTS_MAX (1u << 24)
#define FRAGMENTS_BLOCK 512u /* a frame of 1,514 bytes takes three and wastes 22 bytes */

/*
 *   datagrams  65,536: as many as a pair of hosts can have under way; 8 MB. The complete ones go
 *              first, so it is enough for those that lost a fragment within 30 s
 *   frames     4,096, and 4 MB as Linux allows for IPv4 reassembly (ipfrag_high_thresh): 2,730
 *              frames of a full Ethernet packet
 *   timeout    30 s, as Linux waits for IPv4 (ipfrag_time). If it were less than what the receiver
 *              waits, delaying the first would be a way round the inspector
 *   reuse      1 s
 */
struct fragments_config fragments_default_config(uint32_t ticks_per_second);

enum fragments_state {
    FRAGMENTS_DONE, /* in the order in which they are forgotten */
    FRAGMENTS_GIVEN_UP,
    FRAGMENTS_KNOWN,
    FRAGMENTS_WAITING,
    FRAGMENTS_STATES
};

/* Datagrams in the order of their `since`. */
struct fragments_list {
    uint32_t first, last;
};

struct fragments {
    uint64_t counters[FB_FRAGMENT_COUNT];

    /* Private to fragments.c. */
    struct fragments_config config;
    struct key_hash hash;
    struct fb_region region;
    struct datagram *datagrams;
    struct digest *digests; /* of the keys of the datagrams */
    struct held *held;      /* what is known of each frame held */
    uint32_t *buckets;      /* by hash: first datagram of a chain */
    uint32_t *block_next;   /* of a frame, or of the free ones */
    uint8_t *blocks;        /* max_bytes */
    uint8_t *scratch;       /* frames that are released */
    uint32_t now;           /* greatest tick given */
    uint32_t bucket_mask;
    uint32_t free_datagram, free_held, free_block;
    uint32_t frames_used, blocks_used, block_count;
    uint32_t released_first, released_last; /* first frames of datagrams that are released */
    uint32_t released_frames, released_blocks;
    struct fragments_list lists[FRAGMENTS_STATES];
};

/*
 * Takes memory and a random hash key. Returns 0, or -errno after one logged
 * line, -EINVAL for a configuration out of range. Ends with fragments_fini().
 */
int fragments_init(struct fragments *t, const struct fragments_config *config,
                   enum fb_hugepages hugepages);
void fragments_fini(struct fragments *t);

enum fragments_result {
    FRAGMENT_PASSES,  /* deliver it, under the key that is now in decoded */
    FRAGMENT_HELD,    /* copied; it comes out of fragments_burst() */
    FRAGMENT_REFUSED, /* not taken: what is released comes first, then offer it again */
};

/*
 * Takes a fragment: frame is number `number` of the run, at tick now (never
 * less than before), decoded what the decoder says of it. Where it passes
 * decoded->key and ->swapped and fragment->digest become its datagram's. It is refused as long as
 * frames are released, and then only once.
 */
enum fragments_result fragments_offer(struct fragments *t, struct fragment *fragment,
                                      const struct frame *frame, uint64_t number, uint32_t now,
                                      struct decoded *decoded);

/*
 * The key and direction under which the fragments of a datagram go, for one that
 * is not among them: what an ICMP error quotes. Returns false, and leaves both,
 * unless its first fragment has come.
 */
bool fragments_key_of(const struct fragments *t, const struct fragment *fragment,
                      struct fb_flow_key *key, uint8_t *swapped);

/* A released frame: as it was captured, and the flow to which it goes. */
struct fragments_out {
    struct frame frame; /* new_source is false; 64-byte aligned, CAPTURE_SLACK bytes behind it */
    uint64_t number;
    struct fb_flow_key key;
    uint64_t digest[2]; /* in the key */
    uint8_t swapped;
};

/*
 * Lets out up to max (at least 1) frames, in the order in which they are to be
 * delivered. Returns how many; 0: there are none. They are valid until the next
 * call and are no longer held.
 */
unsigned fragments_burst(struct fragments *t, struct fragments_out *out, unsigned max);

/* Whether frames are released and not taken. */
static inline bool fragments_any_released(const struct fragments *t) {
    return t->released_frames != 0;
}

/* Frames in the buffer, those that are released included. */
static inline uint32_t fragments_held(const struct fragments *t) {
    return t->frames_used;
}

#define FRAGMENTS_EXPIRE_BUDGET 64u /* datagrams per call: twice what a burst can begin */
/* Frames released together by a full buffer, or a 64th of it: else a flood would cut every burst.
 */
#define FRAGMENTS_RELEASED_MOST 32u

/* Gives up and forgets what is overdue at tick now, a bounded number per call. */
void fragments_expire(struct fragments *t, uint32_t now);

/* Gives up every datagram that waits: no more fragments come. Work: all that wait. */
void fragments_release(struct fragments *t);

#endif
