/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_ng.h"
#include "dispatcher/capture/capture_begin.h"
#include "dispatcher/capture/capture_links.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Block types. */
#define SECTION_HEADER 0x0a0d0d0au
#define INTERFACE_DESCRIPTION 1u
#define OBSOLETE_PACKET 2u
#define SIMPLE_PACKET 3u
#define ENHANCED_PACKET 6u

#define BYTE_ORDER_MAGIC 0x1a2b3c4du

/* Bytes of blocks: what each begins with, what it has at least, its length once more at the end. */
#define BEGIN_BYTES 8u
#define TRAILER_BYTES 4u
#define BLOCK_LEAST (BEGIN_BYTES + TRAILER_BYTES)
#define SECTION_LEAST 28u
#define INTERFACE_LEAST 20u
#define PACKET_LEAST 32u /* enhanced or obsolete */
#define SIMPLE_LEAST 16u
#define PACKET_DATA 28u /* where the bytes of a frame begin */
#define SIMPLE_DATA 12u

/* Blocks up to this length are looked at whole: the longest frame with 64 KB of options. */
#define WHOLE_MOST (PACKET_LEAST + FB_FRAME_MAX + (64u << 10))

/* Options of an interface. */
#define OPTION_END 0u
#define OPTION_UNIT 9u /* if_tsresol */
#define OPTION_OFFSET 14u

struct interface {
    uint64_t units; /* of its stamps, in a second */
    int64_t offset_s;
    uint32_t snaplen; /* 0: none */
    uint8_t shift;    /* units is 2 to the power of this, or 0: of ten */
    uint8_t link;
};

struct capture_ng {
    struct capture_window *window;
    const char *name;
    bool foreign; /* the section has the other byte order */
    bool failed;
    bool broken; /* nothing more can be read of this file */
    bool checks; /* only up to the first frame */
    bool told_option;
    bool found; /* that frame, of interface found_interface */
    uint32_t found_interface;
    uint64_t frames; /* of this file, whether taken or not */
    uint64_t sections;

    /* The rest of a block longer than WHOLE_MOST, which is passed over. */
    uint32_t rest, rest_length;
    bool rest_is_first; /* of the file's first block */
    uint64_t block_at;  /* the present block */

    uint32_t count, room; /* interfaces of the section */
    struct interface *interfaces;
    struct capture_links links;
};

/* A block of which `there` bytes can be looked at, all unless it is longer than WHOLE_MOST. */
struct block {
    const uint8_t *bytes;
    uint32_t type, length, there;
};

int capture_ng_new(struct capture_ng **ng, const struct capture_config *config,
                   struct capture_filter *const *filter) {
    struct capture_ng *n = calloc(1, sizeof *n);

    if (n == NULL)
        return -ENOMEM;
    capture_links_init(&n->links, config, filter);
    *ng = n;
    return 0;
}

void capture_ng_free(struct capture_ng *n) {
    if (n == NULL)
        return;
    capture_links_fini(&n->links);
    free(n->interfaces);
    free(n);
}

void capture_ng_begin(struct capture_ng *n, struct capture_window *window, const char *name) {
    n->window = window;
    n->name = name;
    n->broken = false;
    n->frames = 0;
    n->sections = 0;
    n->rest = 0;
    n->count = 0;
}

void capture_ng_end(struct capture_ng *n) {
    capture_links_end(&n->links);
}

bool capture_ng_failed(const struct capture_ng *n) {
    return n->failed;
}

int capture_ng_check_filter(struct capture_ng *n, struct capture_filter *filter) {
    return capture_links_check_filter(&n->links, filter, n->name);
}

void capture_ng_take_filter(struct capture_ng *n, struct capture_filter *filter) {
    capture_links_take_filter(&n->links, filter);
}

/* ---- numbers, in the byte order of the section */

static uint16_t load16(const struct capture_ng *n, const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return n->foreign ? __builtin_bswap16(value) : value;
}

static uint32_t load32(const struct capture_ng *n, const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return n->foreign ? __builtin_bswap32(value) : value;
}

static uint64_t load64(const struct capture_ng *n, const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return n->foreign ? __builtin_bswap64(value) : value;
}

static bool is_big_endian(const struct capture_ng *n) {
    return n->foreign == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
}

/* ---- what is wrong */

/*
 * Says what is wrong with the present block, unless the run will say so when it comes to
 * it. Returns false: nothing behind the block can be read.
 */
__attribute__((format(printf, 2, 3))) static bool refuse(struct capture_ng *n, const char *format,
                                                         ...) {
    const char *shown = capture_shown_name(n->name);
    char what[160];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    n->broken = true;
    n->failed = true;
    if (n->sections == 0)
        fb_error("cannot read %s: block at byte %" PRIu64 ": %s: give a pcap or pcapng file", shown,
                 n->block_at, what);
    else if (!n->checks)
        fb_error("%s breaks off after %" PRIu64 " frames: block at byte %" PRIu64 ": %s: the "
                 "frames before were taken: write or copy the file again",
                 shown, n->frames, n->block_at, what);
    return false;
}

static void refuse_end(struct capture_ng *n, uint64_t length, uint64_t there) {
    if (n->window->error != 0)
        refuse(n, "cannot be read: %s", capture_window_problem(n->window));
    else
        refuse(n, "truncated, %" PRIu64 " of %" PRIu64 " bytes are there", there, length);
}

/* ---- sections and interfaces */

static bool take_section(struct capture_ng *n, const struct block *b) {
    uint16_t major;

    if (b->length < SECTION_LEAST)
        return refuse(n, "a section header of %u bytes has at least %u", b->length, SECTION_LEAST);
    major = load16(n, b->bytes + 12);
    if (major != 1)
        return refuse(n, "a section of pcapng version %u.%u, of which only 1 is known", major,
                      load16(n, b->bytes + 14));
    n->sections++;
    n->count = 0;
    return true;
}

/* Said once a run: one writer makes all its interfaces alike. */
static void pass_over_option(struct capture_ng *n, const char *option, const char *meant) {
    if (!n->checks && !n->told_option)
        fb_warning("%s: block at byte %" PRIu64 ": option %s of an interface is not valid: it is "
                   "passed over, as if %s: its time stamps may be wrong",
                   capture_shown_name(n->name), n->block_at, option, meant);
    n->told_option |= !n->checks;
}

/* if_tsresol: a negative power of ten, or with the highest bit of two. Returns whether it fits. */
static bool take_unit(struct interface *i, uint8_t value) {
    bool binary = (value & 0x80) != 0;
    unsigned power = value & 0x7f;

    if (power > (binary ? 63 : 19))
        return false;
    i->units = 1;
    i->shift = binary ? (uint8_t)power : 0;
    if (binary)
        i->units <<= power;
    else
        while (power-- > 0)
            i->units *= 10;
    return true;
}

/* What is wrong with a time stamp's options is no reason to lose the frames. */
static void take_option(struct capture_ng *n, struct interface *i, uint16_t code,
                        const uint8_t *value, uint16_t length) {
    if (code == OPTION_UNIT && (length != 1 || !take_unit(i, value[0])))
        pass_over_option(n, "if_tsresol", "the unit were 1 us");
    if (code == OPTION_OFFSET && length != 8)
        pass_over_option(n, "if_tsoffset", "it were 0");
    else if (code == OPTION_OFFSET)
        i->offset_s = (int64_t)load64(n, value);
}

static bool take_options(struct capture_ng *n, struct interface *i, const struct block *b) {
    const uint8_t *at = b->bytes + INTERFACE_LEAST - TRAILER_BYTES;
    const uint8_t *end = b->bytes + b->length - TRAILER_BYTES;

    while (at != end) { /* both at multiples of four */
        uint16_t code = load16(n, at), length = load16(n, at + 2);
        size_t padded = (length + (size_t)3) & ~(size_t)3;
        if (code == OPTION_END)
            break;
        if (padded > (size_t)(end - at) - 4)
            return refuse(n, "option %u of an interface is %u bytes long, longer than its block",
                          code, length);
        take_option(n, i, code, at + 4, length);
        at += 4 + padded;
    }
    return true;
}

static bool make_interface_room(struct capture_ng *n) {
    uint32_t room = n->room == 0 ? 16 : 2 * n->room;
    struct interface *more;

    if (n->count < n->room)
        return true;
    more = room > CAPTURE_NG_INTERFACES_MOST ? NULL : realloc(n->interfaces, room * sizeof *more);
    if (more == NULL)
        return refuse(n, "there is no memory for more than %u interfaces", n->count);
    n->interfaces = more;
    n->room = room;
    return true;
}

static bool take_interface(struct capture_ng *n, const struct block *b) {
    struct interface i = {.units = 1000000};

    if (b->length < INTERFACE_LEAST)
        return refuse(n, "an interface description of %u bytes has at least %u", b->length,
                      INTERFACE_LEAST);
    if (b->there < b->length)
        return refuse(n, "an interface description of %u bytes: at most %u are taken", b->length,
                      WHOLE_MOST);
    i.snaplen = load32(n, b->bytes + 12);
    if (!take_options(n, &i, b) || !make_interface_room(n))
        return false;
    i.link = (uint8_t)capture_links_find(&n->links, load16(n, b->bytes + 8), is_big_endian(n));
    n->interfaces[n->count++] = i;
    return true;
}

/* ---- packets */

struct packet {
    uint32_t interface, caplen, wirelen;
    uint32_t data, room; /* where its bytes are in the block, and how many there can be */
    uint64_t stamp;
};

/* rest / 2 to the power of shift in nanoseconds; rest is less than that power. */
static uint64_t binary_ns(uint64_t rest, unsigned shift) {
    uint64_t high, low;

    if (shift <= 32)
        return (rest * FB_NS_PER_S) >> shift;
    high = (rest >> 32) * FB_NS_PER_S;
    low = (rest & UINT32_MAX) * FB_NS_PER_S;
    return (high + (low >> 32)) >> (shift - 32);
}

static uint64_t stamp_ns(const struct interface *i, uint64_t stamp) {
    uint64_t s = stamp / i->units, rest = stamp % i->units, ns;
    int64_t since_1970;

    if (i->shift != 0)
        ns = binary_ns(rest, i->shift);
    else if (i->units <= FB_NS_PER_S)
        ns = rest * (FB_NS_PER_S / i->units);
    else
        ns = rest / (i->units / FB_NS_PER_S);
    if (s > INT64_MAX || __builtin_add_overflow((int64_t)s, i->offset_s, &since_1970))
        since_1970 = i->offset_s < 0 && s <= INT64_MAX ? INT64_MIN : INT64_MAX;
    return capture_stamp_ns(since_1970, ns);
}

static bool read_packet(struct capture_ng *n, const struct block *b, struct packet *p) {
    const uint8_t *at = b->bytes;

    if (b->length < PACKET_LEAST)
        return refuse(n, "a packet block of %u bytes has at least %u", b->length, PACKET_LEAST);
    p->interface = b->type == OBSOLETE_PACKET ? load16(n, at + 8) : load32(n, at + 8);
    p->stamp = (uint64_t)load32(n, at + 12) << 32 | load32(n, at + 16);
    p->caplen = load32(n, at + 20);
    p->wirelen = load32(n, at + 24);
    p->data = PACKET_DATA;
    p->room = b->length - PACKET_LEAST;
    return true;
}

/* It does not say how long the frame is that it has: as long as interface 0 lets it be. */
static bool read_simple_packet(struct capture_ng *n, const struct block *b, struct packet *p) {
    uint32_t snaplen = n->count == 0 ? 0 : n->interfaces[0].snaplen;

    if (b->length < SIMPLE_LEAST)
        return refuse(n, "a simple packet block of %u bytes has at least %u", b->length,
                      SIMPLE_LEAST);
    snaplen = snaplen == 0 || snaplen > FB_FRAME_MAX ? FB_FRAME_MAX : snaplen;
    p->interface = 0;
    p->stamp = 0;
    p->wirelen = load32(n, b->bytes + 8);
    p->caplen = p->wirelen < snaplen ? p->wirelen : snaplen;
    p->data = SIMPLE_DATA;
    p->room = b->length - SIMPLE_LEAST;
    return true;
}

/* The link type of an interface, if it is taken. What is left out is said once for each. */
static struct capture_link *link_of(struct capture_ng *n, const struct interface *i) {
    struct capture_link *link;

    if (i->link == CAPTURE_LINKS_NONE) {
        refuse(n, "an interface has a further link type, more than %u: read it in a run of its own",
               CAPTURE_LINKS_MOST);
        return NULL;
    }
    link = capture_links_use(&n->links, i->link);
    if (__builtin_expect(link != NULL, 1))
        return link;
    link = &n->links.all[i->link];
    if (!link->told)
        capture_links_say(&n->links, link, n->name, ": frames of that link type are left out");
    link->told = true;
    n->failed = true;
    return NULL;
}

/* Puts a packet that was found right. Its bytes are in the block as far as a frame has them. */
static bool put_packet(struct capture_ng *n, const struct block *b, const struct packet *p,
                       struct capture_sink *sink) {
    const struct interface *i = &n->interfaces[p->interface];
    const uint8_t *data = b->bytes + p->data;
    struct pcap_pkthdr header = {.caplen = p->caplen < FB_FRAME_MAX ? p->caplen : FB_FRAME_MAX,
                                 .len = p->wirelen};
    struct capture_link *link = link_of(n, i);

    if (link != NULL && link->converts && !capture_links_convert(link, &header, &data))
        return refuse(n, "%s", pcap_geterr(link->pcap));
    if (n->broken)
        return false;
    n->frames++;
    if (link == NULL)
        return true;
    if (!capture_link_passes(link, &header, data))
        return true;
    sink->dlt = link->dlt;
    capture_sink_put(sink, data, header.caplen, header.len > p->caplen ? header.len : p->caplen,
                     stamp_ns(i, p->stamp));
    return true;
}

static bool take_packet(struct capture_ng *n, const struct block *b, struct capture_sink *sink) {
    struct packet p = {0};

    if (!(b->type == SIMPLE_PACKET ? read_simple_packet(n, b, &p) : read_packet(n, b, &p)))
        return false;
    if (p.interface >= n->count)
        return refuse(n, "a packet of interface %u, and its section describes %u", p.interface,
                      n->count);
    if (p.caplen > p.room)
        return refuse(n, "a packet of %u bytes in a block that has room for %u", p.caplen, p.room);
    if (n->checks) {
        n->found = true;
        n->found_interface = p.interface;
        return true;
    }
    return put_packet(n, b, &p, sink);
}

/* ---- blocks */

/* Returns false after a logged line. */
static bool take_block(struct capture_ng *n, const struct block *b, struct capture_sink *sink) {
    switch (b->type) {
    case ENHANCED_PACKET:
    case OBSOLETE_PACKET:
    case SIMPLE_PACKET:
        return take_packet(n, b, sink);
    case INTERFACE_DESCRIPTION:
        return take_interface(n, b);
    case SECTION_HEADER:
        if (n->sections > 0 && sink != NULL)
            sink->new_source = true; /* one capture behind another, as files are */
        return take_section(n, b);
    default:
        return true;
    }
}

/* The first block is told by its first bytes alone: libpcap does not look at its end either. */
static bool ends_with_length(struct capture_ng *n, const uint8_t *trailer, uint32_t length,
                             bool is_first) {
    uint32_t again = load32(n, trailer);
    return is_first || again == length ||
           refuse(n, "%u bytes long at its begin and %u at its end", length, again);
}

/* Goes on over the block that began before. */
static enum capture_status pass_rest(struct capture_ng *n) {
    size_t step = n->rest < WHOLE_MOST ? n->rest : WHOLE_MOST - TRAILER_BYTES;

    switch (capture_window_need(n->window, step)) {
    case CAPTURE_WINDOW_WAITS:
        return CAPTURE_IDLE;
    case CAPTURE_WINDOW_ENDS:
        refuse_end(n, n->rest_length, n->rest_length - n->rest + capture_window_count(n->window));
        return CAPTURE_END;
    default:
        break;
    }
    if (step == n->rest &&
        !ends_with_length(n, capture_window_bytes(n->window) + step - TRAILER_BYTES, n->rest_length,
                          n->rest_is_first))
        return CAPTURE_END;
    capture_window_pass(n->window, step);
    n->rest -= (uint32_t)step;
    return CAPTURE_MORE;
}

/* Sets the byte order. */
static bool read_order(struct capture_ng *n, const uint8_t *bytes) {
    uint32_t magic;

    memcpy(&magic, bytes, sizeof magic);
    n->foreign = magic == __builtin_bswap32(BYTE_ORDER_MAGIC);
    return n->foreign || magic == BYTE_ORDER_MAGIC ||
           refuse(n, "a section of unknown byte order, 0x%08x: give a pcap or pcapng file", magic);
}

/* Reads what the next block begins with, of which BLOCK_LEAST bytes are there. */
static bool read_begin(struct capture_ng *n, struct block *b) {
    const uint8_t *bytes = capture_window_bytes(n->window);

    if (memcmp(bytes, CAPTURE_NG_MAGIC, CAPTURE_NG_MAGIC_BYTES) == 0 &&
        !read_order(n, bytes + BEGIN_BYTES))
        return false;
    b->type = load32(n, bytes);
    b->length = load32(n, bytes + 4);
    if (b->length < BLOCK_LEAST || b->length % 4 != 0)
        return refuse(n, "%u bytes long: blocks have at least %u, and a multiple of 4", b->length,
                      BLOCK_LEAST);
    b->there = b->length < WHOLE_MOST ? b->length : WHOLE_MOST;
    return true;
}

static enum capture_status read_block(struct capture_ng *n, struct capture_sink *sink) {
    struct capture_window *w = n->window;
    struct block b = {.length = BLOCK_LEAST, .there = BLOCK_LEAST};
    enum capture_window_state state;

    if (n->rest != 0)
        return pass_rest(n);
    n->block_at = capture_window_offset(w);
    state = capture_window_need(w, BLOCK_LEAST);
    if (state == CAPTURE_WINDOW_HAS) {
        if (!read_begin(n, &b))
            return CAPTURE_END;
        state = capture_window_need(w, b.there);
    }
    if (state == CAPTURE_WINDOW_WAITS)
        return CAPTURE_IDLE;
    if (state == CAPTURE_WINDOW_ENDS) {
        if (capture_window_count(w) != 0 || w->error != 0)
            refuse_end(n, b.length, capture_window_count(w));
        return CAPTURE_END;
    }
    b.bytes = capture_window_bytes(w);
    n->rest_is_first = n->sections == 0;
    if (b.there == b.length &&
        !ends_with_length(n, b.bytes + b.length - TRAILER_BYTES, b.length, n->rest_is_first))
        return CAPTURE_END;
    if (!take_block(n, &b, sink))
        return CAPTURE_END;
    capture_window_pass(w, b.there);
    n->rest = b.length - b.there;
    n->rest_length = b.length;
    return CAPTURE_MORE;
}

enum capture_status capture_ng_read(struct capture_ng *n, struct capture_sink *sink, unsigned max) {
    enum capture_status status = CAPTURE_MORE;

    for (unsigned blocks = 0; blocks < max && capture_sink_has_room(sink) && status == CAPTURE_MORE;
         blocks++)
        status = n->broken ? CAPTURE_END : read_block(n, sink);
    return sink->count > 0 ? CAPTURE_MORE : status;
}

/* ---- before the run */

/* Whether frames of one of the interfaces would be taken. */
static bool takes_one(struct capture_ng *n) {
    for (uint32_t i = 0; i < n->count; i++)
        if (n->interfaces[i].link != CAPTURE_LINKS_NONE &&
            capture_links_use(&n->links, n->interfaces[i].link) != NULL)
            return true;
    return false;
}

int capture_ng_check(struct capture_ng *n) {
    enum capture_status status = CAPTURE_MORE;
    struct capture_link *link;

    n->checks = true;
    n->found = false;
    while (status == CAPTURE_MORE && !n->found)
        status = read_block(n, NULL);
    n->checks = false;
    if (n->sections == 0)
        return -EINVAL;
    if (!n->found || n->interfaces[n->found_interface].link == CAPTURE_LINKS_NONE)
        return 0;
    link = &n->links.all[n->interfaces[n->found_interface].link];
    if (capture_links_try(&n->links, link) || takes_one(n))
        return 0;
    capture_links_say(&n->links, link, n->name, "");
    return link->problem != NULL ? -EPROTONOSUPPORT : -EINVAL;
}
