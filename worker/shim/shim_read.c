/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "flow_balancer/common/clock.h"

#include "worker/shim/shim.h"
#include "worker/shim/shim_claim.h"
#include "worker/shim/shim_real.h"

/* Packets of one dispatch without a bound of the program's, about: it is to come back to what else
 * it does also where packets never run out. libpcap's is a block of the kernel's buffer. */
#define DISPATCH_PACKETS 512

/* ---- one packet ------------------------------------------------------------------------------ */

static __attribute__((noinline)) void count_other_link(struct shim_handle *h, int link_type) {
    h->other_link++;
    if (h->told_link)
        return;
    h->told_link = true;
    const char *name = shim_real()->datalink_val_to_name(link_type);
    fprintf(stderr,
            "flow-balancer: warning: %s: packets of link type %d (%s) are left out: a handle has "
            "one link type, %d\n",
            h->name, link_type, name != NULL ? name : "unnamed", h->link_type);
}

/* Gives a packet to the callback unless it is filtered out; returns how many were given. */
static int give(struct shim_handle *h, const struct fb_packet *packet, pcap_handler callback,
                u_char *user) {
    h->lost += packet->gap;
    if (packet->link_type != h->link_type) {
        count_other_link(h, packet->link_type);
        return 0;
    }
    uint64_t fraction_ns = packet->time_ns % FB_NS_PER_S;
    struct pcap_pkthdr header = {
        .ts = {.tv_sec = (time_t)(packet->time_ns / FB_NS_PER_S),
               .tv_usec =
                   (suseconds_t)(h->precision == PCAP_TSTAMP_PRECISION_NANO ? fraction_ns
                                                                            : fraction_ns / 1000)},
        .caplen = packet->caplen,
        .len = packet->wirelen,
    };
    uint32_t most = (uint32_t)h->snaplen;
    if (h->filter.bf_insns != NULL) {
        /* What it returns is how much of the packet is wanted. */
        uint32_t wanted = (uint32_t)shim_real()->offline_filter(&h->filter, &header, packet->data);
        if (wanted == 0)
            return 0;
        most = wanted < most ? wanted : most;
    }
    header.caplen = header.caplen < most ? header.caplen : most;
    h->passed++;
    callback(user, &header, packet->data);
    return 1;
}

/* ---- a call for packets ---------------------------------------------------------------------- */

static bool take_break(struct shim_handle *h) {
    if (__builtin_expect(h->broken == 0, 1))
        return false;
    h->broken = 0;
    return true;
}

static int end_status(const struct shim_handle *h) {
    return h->ended == FB_ENDED_FAILED ? PCAP_ERROR : PCAP_ERROR_BREAK;
}

/* How long a call may wait. */
struct patience {
    bool none;         /* it does not */
    bool bounded;      /* up to until_ns */
    uint64_t until_ns; /* 0: it has not waited yet */
};

static struct patience patience_of(const struct shim_handle *h) {
    struct patience p = {.until_ns = 0};
    p.none = h->nonblock || h->timeout_ms < 0;
    p.bounded = h->timeout_ms > 0;
    return p;
}

/* How long to wait now, in ms; 0: no longer. */
static int wait_of(const struct shim_handle *h, struct patience *p) {
    if (p->none)
        return 0;
    if (!p->bounded)
        return SHIM_LOOK_MS;
    uint64_t now_ns = fb_now_ns();
    if (p->until_ns == 0)
        p->until_ns = now_ns + (uint64_t)h->timeout_ms * UINT64_C(1000000);
    if (now_ns >= p->until_ns)
        return 0;
    uint64_t left_ms = (p->until_ns - now_ns + 999999) / 1000000;
    return left_ms < SHIM_LOOK_MS ? (int)left_ms : SHIM_LOOK_MS;
}

/*
 * Takes the next burst, waiting for it unless `given`. Returns more than 0 if there is one; 0 if
 * the call is to return what it has; or less than 0: what it is to return.
 */
static int next_burst(struct shim_handle *h, struct patience *patience, int given) {
    for (;;) {
        int wait_ms = given != 0 ? 0 : wait_of(h, patience);
        int taken = fb_consumer_burst(h->consumer, wait_ms);
        if (taken < 0) {
            shim_finish(h, taken);
            return given != 0 ? 0 : end_status(h);
        }
        if (take_break(h))
            return PCAP_ERROR_BREAK;
        if (taken > 0)
            return taken;
        if (wait_ms == 0)
            return 0;
    }
}

/* Gives out packets, at most count of them. */
static int give_packets(struct shim_handle *h, int count, pcap_handler callback, u_char *user) {
    struct patience patience = patience_of(h);
    int given = 0;
    if (count <= 0)
        count = INT_MAX;
    while (given < count) {
        const struct fb_event *event = fb_consumer_step(h->consumer);
        if (event != NULL) {
            if (event->kind == FB_EVENT_PACKET)
                given += give(h, &event->packet, callback, user);
            if (take_break(h))
                return PCAP_ERROR_BREAK;
            continue;
        }
        int taken = next_burst(h, &patience, given);
        if (taken <= 0)
            return taken < 0 ? taken : given;
        if (given >= DISPATCH_PACKETS)
            break; /* of the burst that has begun no event is taken */
    }
    return given;
}

static int read_packets(struct shim_handle *h, int count, pcap_handler callback, u_char *user) {
    if (!h->activated)
        return shim_fail_inactive(h);
    if (take_break(h))
        return PCAP_ERROR_BREAK;
    if (h->ended != 0)
        return end_status(h);
    if (__builtin_expect(h->consumer == NULL || h->inherited, 0) && shim_claim(h) != 0)
        return PCAP_ERROR;
    h->reading = true;
    int given = give_packets(h, count, callback, user);
    h->reading = false;
    return given;
}

static int loop(struct shim_handle *h, int count, pcap_handler callback, u_char *user) {
    for (;;) {
        int given;
        do {
            given = read_packets(h, count, callback, user);
        } while (given == 0);
        if (given < 0)
            return given;
        if (count <= 0)
            continue;
        count -= given;
        if (count <= 0)
            return 0;
    }
}

/* ---- libpcap's functions --------------------------------------------------------------------- */

int pcap_dispatch(pcap_t *p, int count, pcap_handler callback, u_char *user) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->dispatch(p, count, callback, user)
                     : read_packets(h, count, callback, user);
}

int pcap_loop(pcap_t *p, int count, pcap_handler callback, u_char *user) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->loop(p, count, callback, user) : loop(h, count, callback, user);
}

/* Where next and next_ex put their packet. */
struct one_packet {
    struct pcap_pkthdr *header;
    const u_char *data;
};

static void keep_one(u_char *user, const struct pcap_pkthdr *header, const u_char *data) {
    struct one_packet *one = (struct one_packet *)(void *)user;
    *one->header = *header;
    one->data = data;
}

const u_char *pcap_next(pcap_t *p, struct pcap_pkthdr *header) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->next(p, header);
    struct one_packet one = {.header = header};
    return read_packets(h, 1, keep_one, (u_char *)&one) > 0 ? one.data : NULL;
}

int pcap_next_ex(pcap_t *p, struct pcap_pkthdr **header, const u_char **data) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->next_ex(p, header, data);
    struct one_packet one = {.header = &h->header};
    *header = &h->header;
    int given = read_packets(h, 1, keep_one, (u_char *)&one);
    if (given > 0)
        *data = one.data;
    return given;
}

void pcap_breakloop(pcap_t *p) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        shim_real()->breakloop(p);
    else
        h->broken = 1;
}

int pcap_get_selectable_fd(pcap_t *p) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->get_selectable_fd(p);
    return h->activated ? shim_descriptor(h) : PCAP_ERROR;
}

int pcap_fileno(pcap_t *p) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->fileno(p);
    return h->activated ? shim_descriptor(h) : PCAP_ERROR;
}

int pcap_setnonblock(pcap_t *p, int nonblock, char *errbuf) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->setnonblock(p, nonblock, errbuf);
    h->nonblock = nonblock != 0;
    return 0;
}

int pcap_getnonblock(pcap_t *p, char *errbuf) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->getnonblock(p, errbuf);
    if (!h->activated)
        return shim_fail_inactive(h);
    return h->nonblock || h->timeout_ms < 0;
}
