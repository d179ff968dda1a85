/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_outside.c: programs as libpcap compiles them for the kernel, applied
 * to frames and to what the kernel keeps beside them.
 */
#include "dispatcher/capture/capture_outside.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>

#define FRAME_BYTES 60u

struct beside {
    uint8_t room[CAPTURE_ASIDE_BYTES], frame[FRAME_BYTES];
};

/* Ethernet, IPv4 with one word of options, UDP to port 80. */
static void make_frame(struct beside *b) {
    static const uint8_t frame[] = {2,    0, 0,  0,  0, 0xb, 2, 0, 0,    0,  0,    0xa,  8,  0,
                                    0x46, 0, 0,  46, 0, 1,   0, 0, 0x40, 17, 0,    0,    10, 0,
                                    0,    1, 10, 0,  0, 2,   1, 1, 1,    1,  0x30, 0x39, 0,  80};
    memset(b, 0xee, sizeof *b);
    memcpy(b->frame, frame, sizeof frame);
}

static bool passes(const struct bpf_program *program, const uint32_t asides[CAPTURE_ASIDES],
                   uint32_t caplen, uint32_t wirelen) {
    struct bpf_program made;
    struct beside b;
    bool result;

    make_frame(&b);
    assert_int_equal(capture_outside_make(&made, program), 0);
    result = capture_outside_passes(&made, asides, b.frame, caplen, wirelen);
    capture_outside_free(&made);
    assert_null(made.bf_insns);
    return result;
}

static bool text_passes(const char *text, uint32_t caplen) {
    static const uint32_t none[CAPTURE_ASIDES];
    struct bpf_program program;
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 262144);
    bool result;

    assert_int_equal(pcap_compile(dead, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
    result = passes(&program, none, caplen, 100);
    pcap_freecode(&program);
    pcap_close(dead);
    return result;
}

static void what_is_read_of_the_frame_is_that_of_the_frame(void **state) {
    (void)state;
    assert_true(text_passes("ether src 02:00:00:00:00:0a", FRAME_BYTES));
    assert_true(text_passes("udp dst port 80", FRAME_BYTES)); /* behind options: by its length */
    assert_false(text_passes("udp dst port 81", FRAME_BYTES));
    assert_true(text_passes("ether[41] = 80", 42));
    assert_false(text_passes("ether[41] = 80", 41)); /* not captured */
    assert_false(text_passes("ether[0x7fffffff] = 2", FRAME_BYTES));
    assert_true(text_passes("len = 100", FRAME_BYTES)); /* on the wire */
    assert_true(text_passes("", FRAME_BYTES));
}

/* One load at a negative offset, which is to give this value. */
static bool aside_is(uint32_t offset, uint32_t value, const uint32_t asides[CAPTURE_ASIDES]) {
    struct bpf_insn insns[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)SKF_AD_OFF + offset),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    return passes(&(struct bpf_program){4, insns}, asides, FRAME_BYTES, FRAME_BYTES);
}

static void what_is_read_beside_it_is_what_the_kernel_keeps_there(void **state) {
    const uint32_t asides[CAPTURE_ASIDES] = {[CAPTURE_PACKET_TYPE] = PACKET_OUTGOING,
                                             [CAPTURE_INDEX] = 70000,
                                             [CAPTURE_TAG] = 0xe064,
                                             [CAPTURE_TAGGED] = 1};
    (void)state;
    assert_true(aside_is(SKF_AD_PKTTYPE, PACKET_OUTGOING, asides));
    assert_true(aside_is(SKF_AD_IFINDEX, 70000, asides));
    assert_true(aside_is(SKF_AD_VLAN_TAG, 0xe064, asides));
    assert_true(aside_is(SKF_AD_VLAN_TAG_PRESENT, 1, asides));
    assert_false(aside_is(SKF_AD_VLAN_TAG_PRESENT, 0, asides));
}

static void what_is_not_known_is_refused(void **state) {
    struct bpf_insn insns[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_RXHASH),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct bpf_program made;
    (void)state;
    assert_int_equal(capture_outside_make(&made, &(struct bpf_program){2, insns}), -EINVAL);
    assert_null(made.bf_insns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_of_the_frame_is_that_of_the_frame),
        cmocka_unit_test(what_is_read_beside_it_is_what_the_kernel_keeps_there),
        cmocka_unit_test(what_is_not_known_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
