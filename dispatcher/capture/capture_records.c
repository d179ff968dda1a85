/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)320 << 10) /* 512 KB and 1 MB measured alike */
#define HEADER_BYTES 16u                 /* seconds, fraction, two lengths */
#define MODIFIED_HEADER_BYTES 24u        /* and interface, protocol, packet type */

_Static_assert(BUFFER_BYTES >= MODIFIED_HEADER_BYTES + FB_FRAME_MAX, "the longest record fits");

int capture_records_init(struct capture_records *r) {
    *r = (struct capture_records){.fd = -1};
    r->bytes = aligned_alloc(CAPTURE_SLACK, BUFFER_BYTES + CAPTURE_SLACK);
    return r->bytes == NULL ? -ENOMEM : 0;
}

void capture_records_fini(struct capture_records *r) {
    free(r->bytes);
    r->bytes = NULL;
}

static uint32_t load32(const uint8_t *at, bool is_foreign) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return is_foreign ? __builtin_bswap32(value) : value;
}

/* Those whose frames libpcap gives as they are in the file, which none takes longer than
 * FB_FRAME_MAX. Of cooked captures it turns the numbers of CAN if their byte order is the other. */
static bool is_given_as_it_is(int dlt, bool is_foreign) {
    switch (dlt) {
    case DLT_EN10MB:
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
    case DLT_NULL:
    case DLT_LOOP:
    case DLT_PPP:
    case DLT_PPP_SERIAL:
    case DLT_PPP_ETHER:
    case DLT_C_HDLC:
    case DLT_IEEE802_11:
    case DLT_IEEE802_11_RADIO:
        return true;
    case DLT_LINUX_SLL:
    case DLT_LINUX_SLL2:
        return !is_foreign;
    default:
        return false;
    }
}

void capture_records_begin(struct capture_records *r, const uint8_t *header, pcap_t *pcap, int fd) {
    static const struct {
        uint32_t magic, header_bytes, unit_ns;
    } kinds[] = {{0xa1b2c3d4, HEADER_BYTES, 1000},
                 {0xa1b23c4d, HEADER_BYTES, 1},
                 {0xa1b2cd34, MODIFIED_HEADER_BYTES, 1000}};

    r->is_foreign = pcap_is_swapped(pcap) != 0;
    if (pcap_major_version(pcap) != 2 || pcap_minor_version(pcap) != 4 ||
        !is_given_as_it_is(pcap_datalink(pcap), r->is_foreign))
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (load32(header, r->is_foreign) != kinds[i].magic)
            continue;
        r->header_bytes = kinds[i].header_bytes;
        r->unit_ns = kinds[i].unit_ns;
        r->snaplen = (uint32_t)pcap_snapshot(pcap);
        r->at = CAPTURE_BEGIN_BYTES;
        r->pos = 0;
        r->filled = 0;
        r->fd = fd;
    }
}

void capture_records_end(struct capture_records *r) {
    r->fd = -1;
}

/* Two signed numbers, of which libpcap takes those in the other byte order as unsigned. */
static struct timeval stamp_of(const uint8_t *record, bool is_foreign) {
    uint32_t s = load32(record, is_foreign), fraction = load32(record + 4, is_foreign);

    if (is_foreign)
        return (struct timeval){.tv_sec = s, .tv_usec = fraction};
    return (struct timeval){.tv_sec = (int32_t)s, .tv_usec = (int32_t)fraction};
}

static void put(const struct capture_records *r, struct capture_sink *sink, const uint8_t *record,
                uint32_t caplen) {
    struct pcap_pkthdr header = {.ts = stamp_of(record, r->is_foreign),
                                 .caplen = caplen < r->snaplen ? caplen : r->snaplen,
                                 .len = load32(record + 12, r->is_foreign)};

    capture_sink_take(sink, &header, record + r->header_bytes, r->unit_ns, true);
}

/* Without reading. Returns how many records it went over. */
static unsigned take_there(struct capture_records *r, struct capture_sink *sink, unsigned max) {
    unsigned count = 0;

    while (count < max && r->filled - r->pos >= r->header_bytes && capture_sink_has_room(sink)) {
        const uint8_t *record = r->bytes + r->pos;
        uint32_t caplen = load32(record + 8, r->is_foreign);
        size_t length = (size_t)r->header_bytes + caplen;
        if (caplen > FB_FRAME_MAX || length > r->filled - r->pos)
            break;
        put(r, sink, record, caplen);
        r->pos += length;
        r->at += length;
        count++;
    }
    return count;
}

/* Whether there is more than before. */
static bool fill(struct capture_records *r) {
    ssize_t n;

    memmove(r->bytes, r->bytes + r->pos, r->filled - r->pos);
    r->filled -= r->pos;
    r->pos = 0;
    do
        n = pread(r->fd, r->bytes + r->filled, BUFFER_BYTES - r->filled,
                  (off_t)(r->at + r->filled));
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    r->filled += (size_t)n;
    return true;
}

unsigned capture_records_read(struct capture_records *r, struct capture_sink *sink, unsigned max) {
    unsigned count;

    do
        count = take_there(r, sink, max);
    while (count == 0 && fill(r));
    return count;
}
