/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_packet.c: blocks made by hand, as the kernel hands them over and as
 * it never does. What the kernel gives is that of tests/proc/proc_live_same.c.
 */
#include "dispatcher/capture/capture_packet.h"
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK_BYTES 4096u
#define BLOCKS 3u
#define FIRST_AT 48u
#define MAC_AT 82u
#define STEP 256u /* from one frame to the next */
#define FRAME_BYTES 60u

struct ring {
    struct capture_packet packet;
    struct capture_sink sink;
    struct frame frames[CAPTURE_BURST_MAX];
    uint8_t copies[4 * CAPTURE_SINK_ROOM];
};

static void empty_sink(struct ring *r, bool keeps) {
    r->sink = (struct capture_sink){.frames = r->frames,
                                    .next = r->copies,
                                    .end = r->copies + sizeof r->copies,
                                    .align_mask = CAPTURE_SLACK - 1,
                                    .snaplen = FB_FRAME_MAX,
                                    .dlt = 1,
                                    .may_point = !keeps};
}

static int set_up(void **state) {
    struct ring *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->packet = (struct capture_packet){.fd = open("/dev/null", O_RDWR | O_CLOEXEC),
                                        .bytes = BLOCKS * BLOCK_BYTES,
                                        .block_bytes = BLOCK_BYTES,
                                        .blocks = BLOCKS};
    r->packet.map = mmap(NULL, r->packet.bytes + BLOCK_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(r->packet.map, MAP_FAILED);
    empty_sink(r, false);
    *state = r;
    return 0;
}

static int tear_down(void **state) {
    struct ring *r = *state;
    capture_packet_close(&r->packet);
    free(r);
    return 0;
}

static struct tpacket_block_desc *block_at(struct ring *r, unsigned block) {
    return (struct tpacket_block_desc *)(void *)(r->packet.map + (size_t)block * BLOCK_BYTES);
}

static struct tpacket3_hdr *header_at(struct ring *r, unsigned block, unsigned frame) {
    return (struct tpacket3_hdr *)(void *)((uint8_t *)block_at(r, block) + FIRST_AT +
                                           (size_t)frame * STEP);
}

static uint8_t *bytes_at(struct ring *r, unsigned block, unsigned frame) {
    return (uint8_t *)header_at(r, block, frame) + MAC_AT;
}

static struct sockaddr_ll *address_at(struct ring *r, unsigned block, unsigned frame) {
    return (struct sockaddr_ll *)(void *)((uint8_t *)header_at(r, block, frame) +
                                          sizeof(struct tpacket3_hdr));
}

/* Hands over a block of frames that have their number in the last byte. */
static void hand_over(struct ring *r, unsigned block, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        *header_at(r, block, i) = (struct tpacket3_hdr){.tp_next_offset = i + 1 < count ? STEP : 0,
                                                        .tp_sec = 1700000000,
                                                        .tp_nsec = i,
                                                        .tp_snaplen = FRAME_BYTES,
                                                        .tp_len = FRAME_BYTES,
                                                        .tp_mac = MAC_AT};
        *address_at(r, block, i) = (struct sockaddr_ll){.sll_family = 17};
        memset(bytes_at(r, block, i), 0x11, FRAME_BYTES);
        bytes_at(r, block, i)[FRAME_BYTES - 1] = (uint8_t)(block * 16 + i);
    }
    block_at(r, block)->hdr.bh1.num_pkts = count;
    block_at(r, block)->hdr.bh1.offset_to_first_pkt = FIRST_AT;
    block_at(r, block)->hdr.bh1.block_status = TP_STATUS_USER;
}

static bool is_kernels(struct ring *r, unsigned block) {
    return block_at(r, block)->hdr.bh1.block_status == TP_STATUS_KERNEL;
}

static bool read_all(struct ring *r) {
    return capture_packet_read(&r->packet, &r->sink, CAPTURE_BURST_MAX);
}

static void frames_are_where_the_kernel_put_them(void **state) {
    struct ring *r = *state;
    hand_over(r, 0, 2);
    header_at(r, 0, 1)->tp_len = 1500;
    r->sink.snaplen = 40;
    r->sink.new_source = true;
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, 2);
    assert_ptr_equal(r->frames[0].data, bytes_at(r, 0, 0));
    assert_int_equal(r->frames[1].time_ns, UINT64_C(1700000000000000001));
    assert_int_equal(r->frames[1].caplen, 40);
    assert_int_equal(r->frames[1].wirelen, 1500);
    assert_int_equal(r->frames[1].dlt, 1);
    assert_true(r->frames[0].new_source);
    assert_false(r->frames[1].new_source);
}

static void frames_that_outlast_the_burst_are_copies(void **state) {
    struct ring *r = *state;
    empty_sink(r, true);
    hand_over(r, 0, 2);
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, 2);
    assert_ptr_equal(r->frames[1].data, r->copies + 64);
    assert_int_equal(r->frames[1].data[FRAME_BYTES - 1], 1);
}

static void a_block_is_given_back_when_all_its_frames_are_done(void **state) {
    struct ring *r = *state;
    hand_over(r, 0, 3);
    assert_true(capture_packet_read(&r->packet, &r->sink, 2));
    capture_packet_release(&r->packet);
    assert_false(is_kernels(r, 0));
    empty_sink(r, false);
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, 1);
    assert_int_equal(r->frames[0].data[FRAME_BYTES - 1], 2);
    assert_false(is_kernels(r, 0));
    capture_packet_release(&r->packet);
    assert_true(is_kernels(r, 0));
}

/* The ring begins again behind its last block, but not with one that is still held. */
static void all_blocks_may_be_held_and_reading_goes_on_with_the_first(void **state) {
    struct ring *r = *state;
    for (unsigned i = 0; i < BLOCKS; i++)
        hand_over(r, i, 1);
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, BLOCKS);
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, BLOCKS);
    capture_packet_release(&r->packet);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_true(is_kernels(r, i));
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, BLOCKS);
    hand_over(r, 1, 1); /* not its turn */
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, BLOCKS);
    hand_over(r, 0, 2);
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, BLOCKS + 3);
    assert_int_equal(r->frames[BLOCKS + 2].data[FRAME_BYTES - 1], 16);
}

static void tags_are_put_back_behind_the_addresses(void **state) {
    struct ring *r = *state;
    static const uint8_t qinq[4] = {0x88, 0xa8, 0xe0, 0x64}, plain[4] = {0x81, 0, 0, 0};
    hand_over(r, 0, 4);
    header_at(r, 0, 0)->tp_status = TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID;
    header_at(r, 0, 0)->hv1.tp_vlan_tci = 0xe064;
    header_at(r, 0, 0)->hv1.tp_vlan_tpid = 0x88a8;
    header_at(r, 0, 1)->tp_status = TP_STATUS_VLAN_VALID; /* of an old kernel, and all zero */
    header_at(r, 0, 2)->tp_status = TP_STATUS_VLAN_VALID;
    header_at(r, 0, 2)->tp_snaplen = 11; /* too short to have had one */
    assert_true(read_all(r));
    assert_int_equal(r->sink.count, 4);
    assert_memory_equal(r->frames[0].data + 12, qinq, 4);
    assert_memory_equal(r->frames[1].data + 12, plain, 4);
    assert_int_equal(r->frames[0].data[0], 0x11);
    assert_int_equal(r->frames[0].data[FRAME_BYTES + 3], 0);
    assert_int_equal(r->frames[0].caplen, FRAME_BYTES + 4);
    assert_int_equal(r->frames[0].wirelen, FRAME_BYTES + 4);
    assert_int_equal(r->frames[2].caplen, 11);
    assert_int_equal(r->frames[3].caplen, FRAME_BYTES);
}

static unsigned taken_with(struct ring *r, enum capture_direction direction, bool is_loopback) {
    r->packet.direction = direction;
    r->packet.is_loopback = is_loopback;
    hand_over(r, r->packet.block, 3);
    address_at(r, r->packet.block, 1)->sll_pkttype = PACKET_OUTGOING;
    empty_sink(r, false);
    assert_true(read_all(r));
    capture_packet_release(&r->packet);
    return (unsigned)r->sink.count;
}

static void frames_of_the_other_direction_are_passed_over(void **state) {
    struct ring *r = *state;
    assert_int_equal(taken_with(r, CAPTURE_INOUT, false), 3);
    assert_int_equal(taken_with(r, CAPTURE_IN, false), 2);
    assert_int_equal(taken_with(r, CAPTURE_OUT, false), 1);
    assert_int_equal(taken_with(r, CAPTURE_INOUT, true), 2);
    assert_int_equal(taken_with(r, CAPTURE_OUT, true), 0);
}

/* ---- what the kernel never does */

static void expect_broken_after(struct ring *r, unsigned good) {
    assert_false(read_all(r));
    assert_int_equal(r->sink.count, good);
    capture_packet_release(&r->packet);
    empty_sink(r, false);
    assert_true(read_all(r)); /* and is not read again */
    assert_int_equal(r->sink.count, 0);
}

static void lengths_that_leave_the_block_end_the_reading(void **state) {
    static const uint32_t lengths[] = {BLOCK_BYTES, UINT32_MAX,
                                       BLOCK_BYTES - FIRST_AT - MAC_AT + 1};
    struct ring *r = *state;
    for (unsigned i = 0; i < 3; i++) {
        unsigned block = r->packet.block;
        hand_over(r, block, 2);
        header_at(r, block, 0)->tp_snaplen = lengths[i];
        expect_broken_after(r, 0);
    }
}

static void a_frame_just_as_long_as_the_block_is_read(void **state) {
    struct ring *r = *state;
    hand_over(r, 0, 1);
    header_at(r, 0, 0)->tp_snaplen = BLOCK_BYTES - FIRST_AT - MAC_AT;
    assert_true(read_all(r));
    assert_int_equal(r->frames[0].caplen, BLOCK_BYTES - FIRST_AT - MAC_AT);
}

static void offsets_that_cannot_be_end_the_reading(void **state) {
    static const uint32_t steps[] = {BLOCK_BYTES, UINT32_MAX - 7, 4, BLOCK_BYTES - FIRST_AT - 8};
    static const uint16_t macs[] = {0, 71, BLOCK_BYTES, UINT16_MAX};
    struct ring *r = *state;
    for (unsigned i = 0; i < 4; i++) {
        unsigned block = r->packet.block;
        hand_over(r, block, 2);
        header_at(r, block, 0)->tp_next_offset = steps[i];
        expect_broken_after(r, 1);
        block = r->packet.block;
        hand_over(r, block, 2);
        header_at(r, block, 1)->tp_mac = macs[i];
        expect_broken_after(r, 1);
    }
    hand_over(r, r->packet.block, 1);
    block_at(r, r->packet.block)->hdr.bh1.offset_to_first_pkt = UINT32_MAX;
    expect_broken_after(r, 0);
}

/* ---- the end, and sizes */

static void frames_that_were_read_outlast_the_socket(void **state) {
    struct ring *r = *state;
    hand_over(r, 0, 2);
    hand_over(r, 1, 2);
    assert_true(capture_packet_read(&r->packet, &r->sink, 3));
    int fd = r->packet.fd;
    capture_packet_leave(&r->packet);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(r->frames[i].data[FRAME_BYTES - 1], i < 2 ? i : 16);
    capture_packet_release(&r->packet);
    capture_packet_leave(&r->packet);
    assert_true(read_all(r) && r->sink.count == 3);
}

static void blocks_are_as_long_as_frames_need(void **state) {
    (void)state;
    assert_int_equal(capture_packet_block_bytes(FB_FRAME_MAX), 128 << 10);
    assert_int_equal(capture_packet_block_bytes(9018), 64 << 10);
    assert_int_equal(capture_packet_block_bytes(1), 32 << 10);
    assert_int_equal(capture_packet_blocks(48 << 10, 128 << 10), 384);
    assert_int_equal(capture_packet_blocks(1000, 128 << 10), 8);
    assert_int_equal(capture_packet_blocks(1, 128 << 10), 2);
}

#define RING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        RING_TEST(frames_are_where_the_kernel_put_them),
        RING_TEST(frames_that_outlast_the_burst_are_copies),
        RING_TEST(a_block_is_given_back_when_all_its_frames_are_done),
        RING_TEST(all_blocks_may_be_held_and_reading_goes_on_with_the_first),
        RING_TEST(tags_are_put_back_behind_the_addresses),
        RING_TEST(frames_of_the_other_direction_are_passed_over),
        RING_TEST(lengths_that_leave_the_block_end_the_reading),
        RING_TEST(a_frame_just_as_long_as_the_block_is_read),
        RING_TEST(offsets_that_cannot_be_end_the_reading),
        RING_TEST(frames_that_were_read_outlast_the_socket),
        cmocka_unit_test(blocks_are_as_long_as_frames_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
