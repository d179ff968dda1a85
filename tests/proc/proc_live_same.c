/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_packet.c beside libpcap: two captures of the same line, one of each
 * kind, give the same frames, byte by byte, with the same stamps and lengths. Both are in this
 * program.
 */
#include "dispatcher/capture/capture.h"
#include "tests/lib/live.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS 12u
#define SEGMENT_BYTES 32768u
#define GIVEN_MOST 4096u

enum { BY_PACKET, BY_LIBPCAP, READERS };

/* A frame that a capture gave; the bytes are a copy. */
struct given {
    struct frame frame;
    uint8_t *bytes;
};

struct reader {
    struct capture *capture;
    struct given *given;
    unsigned count;
};

static struct reader readers[READERS];

/* libpcap's calls come here too: a kernel that has no memory for programs but the shortest. */
static bool refuses_programs;

int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    unsigned short count = 0;
    if (level == SOL_SOCKET && name == SO_ATTACH_FILTER)
        memcpy(&count, value, sizeof count);
    if (refuses_programs && count > 1) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}

/* ---- both captures */

static void open_both(const struct capture_config *config) {
    static const char *const names[] = {"tap"};
    for (unsigned r = 0; r < READERS; r++) {
        struct capture_config own = *config;
        own.interfaces = names;
        own.interface_count = 1;
        own.loops = 1;
        own.by_libpcap = r == BY_LIBPCAP;
        readers[r] = (struct reader){.given = calloc(GIVEN_MOST, sizeof(struct given))};
        assert_non_null(readers[r].given);
        assert_int_equal(capture_open(&readers[r].capture, &own), 0);
    }
}

static void close_both(void) {
    for (unsigned r = 0; r < READERS; r++) {
        for (unsigned i = 0; i < readers[r].count; i++)
            free(readers[r].given[i].bytes);
        free(readers[r].given);
        capture_close(readers[r].capture);
    }
}

static void take_waiting(struct reader *r) {
    const struct frame *frames;
    unsigned count;
    while (capture_burst(r->capture, 32, &frames, &count) == CAPTURE_MORE) {
        for (unsigned i = 0; i < count; i++) {
            struct given *given = &r->given[r->count++];
            assert_in_range(r->count, 1, GIVEN_MOST);
            *given = (struct given){frames[i], malloc(frames[i].caplen + 1)};
            assert_non_null(given->bytes);
            memcpy(given->bytes, frames[i].data, frames[i].caplen);
        }
    }
}

static uint64_t received(struct reader *r) {
    struct capture_stats stats;
    capture_stats(r->capture, &stats);
    assert_int_equal(stats.kernel_drops, 0);
    return stats.received;
}

/* So many from each, and what comes within some blocks' time then, which is to be none. */
static void take_from_both(unsigned count) {
    double end = seconds_now() + PROCESS_DEADLINE_S;
    for (unsigned idle = 0; idle < 10 && seconds_now() < end;) {
        pause_ms(5);
        idle += readers[BY_PACKET].count >= count && readers[BY_LIBPCAP].count >= count;
        for (unsigned r = 0; r < READERS; r++)
            take_waiting(&readers[r]);
    }
}

static void expect_same_frame(const struct given *one, const struct given *other, unsigned i) {
    if (one->frame.caplen != other->frame.caplen || one->frame.wirelen != other->frame.wirelen ||
        one->frame.time_ns != other->frame.time_ns || one->frame.dlt != other->frame.dlt ||
        one->frame.new_source != other->frame.new_source ||
        memcmp(one->bytes, other->bytes, one->frame.caplen) != 0)
        fail_msg("frame %u differs: %u of %u bytes, not %u of %u", i, one->frame.caplen,
                 one->frame.wirelen, other->frame.caplen, other->frame.wirelen);
}

/* Both gave the same, and so many. */
static void expect_same(unsigned count) {
    const struct reader *one = &readers[BY_PACKET], *other = &readers[BY_LIBPCAP];
    take_from_both(count);
    assert_int_equal(other->count, count);
    assert_int_equal(one->count, count);
    for (unsigned i = 0; i < count; i++)
        expect_same_frame(&one->given[i], &other->given[i], i);
    assert_int_equal(received(&readers[BY_PACKET]), received(&readers[BY_LIBPCAP]));
}

static void set_both(const char *filter) {
    for (unsigned r = 0; r < READERS; r++) {
        int err = capture_begin_filter(readers[r].capture, filter);
        while (err == 0 && (err = capture_poll_filter(readers[r].capture)) == -EINPROGRESS) {
            pause_ms(1);
            err = 0;
            continue;
        }
        assert_int_equal(err, 0);
    }
}

/* ---- the line */

struct kind {
    const char *name;
    unsigned count;
    uint16_t words[5]; /* behind the addresses, up to the type of IP */
    size_t size;
    bool is_tagged;
};

static const struct kind kinds[] = {
    {"plain", 1, {0x0800}, 60, false},
    {"VLAN", 3, {0x8100, 0x2064, 0x0800}, 64, true},
    {"QinQ", 5, {0x88a8, 0x0007, 0x8100, 0xe065, 0x0800}, 68, true},
    {"two of one kind", 5, {0x8100, 0x0007, 0x8100, 0x0008, 0x0800}, 100, true},
    {"priority only", 3, {0x8100, 0xe000, 0x0800}, 650, true},
    {"all zero", 3, {0x8100, 0x0000, 0x0800}, 61, true},
    {"jumbo", 1, {0x0800}, 9014, false},
    {"tagged jumbo", 3, {0x8100, 0x0064, 0x0800}, 9018, true},
    {"type that is none", 1, {0xffff}, 77, false},
};
#define UDP_KINDS 6u /* with IP behind one tag or none */
#define KINDS (sizeof kinds / sizeof *kinds)

static uint8_t bytes[sizeof(struct virtio_net_hdr) + SEGMENT_BYTES];

static size_t put_addresses(uint8_t *frame, const uint16_t *words, unsigned count) {
    static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa};
    size_t at = sizeof addresses;
    memcpy(frame, addresses, sizeof addresses);
    for (unsigned i = 0; i < count; i++) {
        frame[at++] = (uint8_t)(words[i] >> 8);
        frame[at++] = (uint8_t)words[i];
    }
    return at;
}

static void send_kind(int sender, const struct kind *kind, unsigned number) {
    static const uint8_t ip[] = {0x45, 0, 0, 46, 0,  1, 0, 0, 0x40, 17,   0, 0,
                                 10,   0, 0, 1,  10, 0, 0, 2, 0x30, 0x39, 0, 80};
    size_t at = put_addresses(bytes, kind->words, kind->count);
    for (size_t i = at; i < kind->size; i++)
        bytes[i] = (uint8_t)(i * 7 + number);
    memcpy(bytes + at, ip, sizeof ip);
    netns_send(sender, bytes, kind->size);
}

/* A TCP segment that the line would carry in parts, as offload leaves it whole. */
static void send_segment(int sender) {
    static const uint16_t type[1] = {0x0800};
    const struct virtio_net_hdr offload = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                           .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                           .hdr_len = 54,
                                           .gso_size = 1448,
                                           .csum_start = 34,
                                           .csum_offset = 16};
    static const uint8_t headers[40] = {0x45,
                                        0,
                                        (SEGMENT_BYTES - 14) >> 8,
                                        (SEGMENT_BYTES - 14) & 0xff,
                                        0,
                                        1,
                                        0,
                                        0,
                                        0x40,
                                        6,
                                        0,
                                        0,
                                        10,
                                        0,
                                        0,
                                        1,
                                        10,
                                        0,
                                        0,
                                        2,
                                        0x30,
                                        0x39,
                                        0,
                                        80,
                                        0,
                                        0,
                                        0,
                                        1,
                                        0,
                                        0,
                                        0,
                                        1,
                                        0x50,
                                        0x10,
                                        255,
                                        255};
    int on = 1;
    uint8_t *frame = bytes + sizeof offload;
    assert_int_equal(setsockopt(sender, SOL_PACKET, 15 /* PACKET_VNET_HDR */, &on, sizeof on), 0);
    memset(bytes, 0x5a, sizeof bytes);
    memcpy(bytes, &offload, sizeof offload);
    memcpy(frame + put_addresses(frame, type, 1), headers, sizeof headers);
    netns_send(sender, bytes, sizeof bytes);
}

/* ROUNDS of every kind come in. */
static void send_all(void) {
    int sender = netns_sender("sender");
    for (unsigned i = 0; i < ROUNDS * KINDS; i++)
        send_kind(sender, &kinds[i % KINDS], i);
    close(sender);
}

static unsigned tagged(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < KINDS; i++)
        count += kinds[i].is_tagged ? ROUNDS : 0;
    return count;
}

static void every_kind_of_frame_is_the_same(void **state) {
    (void)state;
    make_line();
    open_both(&(struct capture_config){.snaplen = 0});
    send_all();
    expect_same(ROUNDS * KINDS);
    for (unsigned i = 0; i < ROUNDS * KINDS; i++)
        assert_int_equal(readers[BY_PACKET].given[i].frame.wirelen, kinds[i % KINDS].size);
    close_both();
}

static void segments_of_offload_are_the_same(void **state) {
    (void)state;
    make_line();
    open_both(&(struct capture_config){.snaplen = 0});
    NETNS_IP("link set dev sender mtu 1500");
    int sender = netns_sender("sender");
    for (unsigned i = 0; i < 20; i++)
        send_segment(sender);
    close(sender);
    expect_same(20);
    assert_int_equal(readers[BY_PACKET].given[19].frame.caplen, SEGMENT_BYTES);
    close_both();
}

/* Cut before, within and behind the tag, and where the frame ends. */
static void frames_that_are_cut_are_the_same(void **state) {
    static const int lengths[] = {1, 11, 12, 13, 14, 16, 17, 18, 60, 61, 64, 96, 650, 9000};
    (void)state;
    make_line();
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        open_both(&(struct capture_config){.snaplen = lengths[i], .buffer_kib = 8192});
        send_all();
        expect_same(ROUNDS * KINDS);
        close_both();
    }
}

static void either_direction_is_the_same(void **state) {
    static const unsigned counts[] = {[CAPTURE_INOUT] = 3, [CAPTURE_IN] = 1, [CAPTURE_OUT] = 2};
    (void)state;
    make_line();
    for (unsigned d = CAPTURE_INOUT; d <= CAPTURE_OUT; d++) {
        open_both(&(struct capture_config){.direction = (enum capture_direction)d});
        int in = netns_sender("sender"), out = netns_sender("tap");
        for (unsigned i = 0; i < 3 * ROUNDS; i++)
            send_kind(i % 3 == 0 ? in : out, &kinds[i % 2], i);
        close(in);
        close(out);
        expect_same(counts[d] * ROUNDS);
        close_both();
    }
}

/* The last filter takes two kinds; the kernel's length is that without the tag. */
static void change_filters(const char *last) {
    unsigned count = 0, all = ROUNDS * KINDS;
    open_both(&(struct capture_config){.filter = "vlan", .snaplen = 200});
    send_all();
    expect_same(count += tagged());
    set_both("not vlan");
    send_all();
    expect_same(count += all - tagged());
    set_both("vlan 100");
    send_all();
    expect_same(count += 2 * ROUNDS);
    set_both("udp dst port 80"); /* behind one tag, which the kernel does not see there */
    send_all();
    expect_same(count += UDP_KINDS * ROUNDS);
    set_both(last);
    send_all();
    expect_same(count += 2 * ROUNDS);
    set_both(NULL);
    send_all();
    expect_same(count + all);
    close_both();
}

static void filters_that_change_in_flight_pass_the_same(void **state) {
    (void)state;
    make_line();
    change_filters("inbound and greater 9014");
}

/* Then they are applied outside of the kernel. */
static void filters_that_the_kernel_refuses_pass_the_same(void **state) {
    (void)state;
    make_line();
    refuses_programs = true;
    change_filters("greater 9014"); /* libpcap's interpreter does not know what is inbound */
    refuses_programs = false;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(every_kind_of_frame_is_the_same),
        PROCESS_TEST(segments_of_offload_are_the_same),
        PROCESS_TEST(frames_that_are_cut_are_the_same),
        PROCESS_TEST(either_direction_is_the_same),
        PROCESS_TEST(filters_that_change_in_flight_pass_the_same),
        PROCESS_TEST(filters_that_the_kernel_refuses_pass_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
