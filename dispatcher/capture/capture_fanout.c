/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_fanout.h"
#include "flow_balancer/common/log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

const char *const capture_fanout_modes[] = {
    [FANOUT_CBPF] = "cbpf", [FANOUT_HASH] = "hash", [FANOUT_CPU] = "cpu",
    [FANOUT_QM] = "qm",     [FANOUT_MODES] = NULL,
};

static const uint32_t types[FANOUT_MODES] = {
    [FANOUT_CBPF] = PACKET_FANOUT_CBPF,
    [FANOUT_HASH] = PACKET_FANOUT_HASH,
    [FANOUT_CPU] = PACKET_FANOUT_CPU,
    [FANOUT_QM] = PACKET_FANOUT_QM,
};

/* ---- the program of mode cbpf
 *
 * Runs in the kernel for each frame and returns a hash of its two addresses, the same
 * in both directions: those of the first IP header behind tags, PPPoE and MPLS; where
 * there is none, the MAC pair of an Ethernet frame, else 0. A fragment has the
 * addresses of its datagram, so nothing else is needed to keep fragments together.
 *
 * The bytes of a received frame begin with its network header; the card or the kernel
 * has removed an outer tag before. Those of a frame that is being sent begin with its
 * link header, and its tags are there. Its network header (SKF_NET_OFF) may or may not
 * be behind the tags, depending on who made the frame. A load past the end makes the
 * kernel return 0.
 */
#define PROGRAM_MOST 256
#define TAGS_MOST 3u
#define LABELS_MOST 4u
#define ETH_HEADER 14u
#define VERSION_SHIFT 4u

/* Multipliers of MurmurHash3's 32-bit finaliser, and of Fibonacci hashing. */
#define MIX_FIRST 0x85ebca6bu
#define MIX_SECOND 0xc2b2ae35u
#define SCATTER 0x9e3779b1u

/* The program's memory. */
enum cell {
    TYPE, /* ethertype of what comes next */
    BASE, /* where that begins */
    FOLD, /* XOR of the words of an address so far */
    HASH, /* of the first address */
    TEMP,
};

struct program {
    struct sock_filter code[PROGRAM_MOST];
    unsigned short count;
    uint32_t seed;
};

static void put(struct program *p, unsigned code, uint32_t k) {
    assert(p->count < PROGRAM_MOST);
    p->code[p->count++] = (struct sock_filter){.code = (uint16_t)code, .k = k};
}

static void put_about(struct program *p, int what) {
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + what));
}

static void put_load(struct program *p, enum cell cell) {
    put(p, BPF_LD | BPF_MEM, cell);
}

static void put_set(struct program *p, enum cell cell, uint32_t value) {
    put(p, BPF_LD | BPF_IMM, value);
    put(p, BPF_ST, cell);
}

static void put_advance(struct program *p, uint32_t bytes) {
    put_load(p, BASE);
    put(p, BPF_ALU | BPF_ADD | BPF_K, bytes);
    put(p, BPF_ST, BASE);
}

/* A = what is at BASE + `at`; size is BPF_B, BPF_H or BPF_W. */
static void put_peek(struct program *p, unsigned size, uint32_t at) {
    put(p, BPF_LDX | BPF_MEM, BASE);
    put(p, BPF_LD | size | BPF_IND, at);
}

/* What follows, up to land(), is executed if A is one of these values. */
static unsigned put_if_any(struct program *p, const uint32_t *values, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        put(p, BPF_JMP | BPF_JEQ | BPF_K, values[i]);
        p->code[p->count - 1].jt = (uint8_t)(count - 1 - i);
    }
    return p->count - 1u;
}
#define PUT_IF(p, ...)                                                                             \
    put_if_any(p, (const uint32_t[]){__VA_ARGS__},                                                 \
               sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void land(struct program *p, unsigned jump) {
    unsigned over = p->count - jump - 1u;
    assert(over <= UINT8_MAX);
    p->code[jump].jf = (uint8_t)over;
}

/* A ^= A >> bits */
static void put_shift_xor(struct program *p, uint32_t bits) {
    put(p, BPF_MISC | BPF_TAX, 0);
    put(p, BPF_ALU | BPF_RSH | BPF_K, bits);
    put(p, BPF_ALU | BPF_XOR | BPF_X, 0);
}

static void put_multiply(struct program *p, uint32_t by) {
    put(p, BPF_ALU | BPF_MUL | BPF_K, by);
}

/* A = hash of an address of that many words. */
static void put_address(struct program *p, uint32_t at, unsigned words) {
    for (unsigned i = 0; i < words; i++) {
        if (i != 0)
            put(p, BPF_ST, FOLD);
        put_peek(p, BPF_W, at + 4 * i);
        if (i == 0)
            continue;
        put(p, BPF_LDX | BPF_MEM, FOLD);
        put(p, BPF_ALU | BPF_XOR | BPF_X, 0);
    }
    put(p, BPF_ALU | BPF_ADD | BPF_K, p->seed);
    put_multiply(p, SCATTER);
    put_shift_xor(p, 15);
}

/*
 * Returns the hash of two addresses. Each is scattered before they are added: source ^
 * destination alone is one value for all pairs of 10.0.0.i and 10.1.0.i, as they occur
 * in laboratories. All bits of the sum are mixed into the lowest ones, which decide
 * when there are 2 or 4 members.
 */
static void put_hash(struct program *p, uint32_t one, uint32_t other, unsigned words) {
    put_address(p, one, words);
    put(p, BPF_ST, HASH);
    put_address(p, other, words);
    put(p, BPF_LDX | BPF_MEM, HASH);
    put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    put_shift_xor(p, 16);
    put_multiply(p, MIX_FIRST);
    put_shift_xor(p, 13);
    put_multiply(p, MIX_SECOND);
    put_shift_xor(p, 16);
    put(p, BPF_RET | BPF_A, 0);
}

/* The loopback interface has an Ethernet header too. */
static unsigned put_if_ethernet(struct program *p) {
    put_about(p, SKF_AD_HATYPE);
    return PUT_IF(p, ARPHRD_ETHER, ARPHRD_LOOPBACK);
}

/* Sets TYPE and BASE for the first header. */
static void put_begin(struct program *p) {
    unsigned sent, ethernet;
    put_set(p, BASE, 0);
    put_about(p, SKF_AD_PROTOCOL);
    put(p, BPF_ST, TYPE);
    put_about(p, SKF_AD_PKTTYPE);
    sent = PUT_IF(p, PACKET_OUTGOING);
    put_set(p, BASE, (uint32_t)SKF_NET_OFF);
    ethernet = put_if_ethernet(p);
    put(p, BPF_LD | BPF_H | BPF_ABS, ETH_HEADER - 2);
    put(p, BPF_ST, TYPE);
    put_set(p, BASE, ETH_HEADER);
    land(p, ethernet);
    land(p, sent);
}

static void put_tag(struct program *p) {
    unsigned tag;
    put_load(p, TYPE);
    tag = PUT_IF(p, ETH_P_8021Q, ETH_P_8021AD, ETH_P_QINQ1, ETH_P_QINQ2);
    put_peek(p, BPF_H, 2);
    put(p, BPF_ST, TYPE);
    put_advance(p, 4);
    land(p, tag);
}

/* From here on the version nibble decides whether it is IP. */
static void put_pppoe(struct program *p) {
    unsigned session;
    put_load(p, TYPE);
    session = PUT_IF(p, ETH_P_PPP_SES);
    put_advance(p, 8);
    put_set(p, TYPE, ETH_P_IP);
    land(p, session);
}

static void put_label(struct program *p) {
    unsigned label, bottom;
    put_load(p, TYPE);
    label = PUT_IF(p, ETH_P_MPLS_UC, ETH_P_MPLS_MC);
    put_peek(p, BPF_B, 2);
    put(p, BPF_ALU | BPF_AND | BPF_K, 1);
    put(p, BPF_ST, TEMP);
    put_advance(p, 4);
    put_load(p, TEMP);
    bottom = PUT_IF(p, 1);
    put_set(p, TYPE, ETH_P_IP);
    land(p, bottom);
    land(p, label);
}

static void put_ip(struct program *p) {
    unsigned ip, four, six;
    put_load(p, TYPE);
    ip = PUT_IF(p, ETH_P_IP, ETH_P_IPV6);
    put_peek(p, BPF_B, 0);
    put(p, BPF_ALU | BPF_RSH | BPF_K, VERSION_SHIFT);
    put(p, BPF_ST, TEMP);
    four = PUT_IF(p, 4);
    put_hash(p, 12, 16, 1);
    land(p, four);
    put_load(p, TEMP);
    six = PUT_IF(p, 6);
    put_hash(p, 8, 24, 4);
    land(p, six);
    land(p, ip);
}

/* The lower four bytes of both addresses. */
static void put_mac_pair(struct program *p) {
    unsigned ethernet = put_if_ethernet(p);
    put_set(p, BASE, (uint32_t)SKF_LL_OFF);
    put_hash(p, 2, 8, 1);
    land(p, ethernet);
    put(p, BPF_RET | BPF_K, 0);
}

/*
 * The seed keeps others from choosing addresses that all go to one member. All members
 * must have the same, and one that was restarted must get its flows again, so it is
 * made from the kernel's id of this boot. (0 where /proc does not have it.)
 */
static uint32_t read_seed(void) {
    unsigned seed = 0;
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%8x", &seed) != 1)
        seed = 0;
    fclose(file);
    return seed;
}

static void make_program(struct program *p) {
    *p = (struct program){.seed = read_seed()};
    put_begin(p);
    for (unsigned i = 0; i < TAGS_MOST; i++)
        put_tag(p);
    put_pppoe(p);
    for (unsigned i = 0; i < LABELS_MOST; i++)
        put_label(p);
    put_ip(p);
    put_mac_pair(p);
}

/* ---- joining */

static int take_all_protocols(int fd) {
    struct sockaddr_ll address = {.sll_family = 0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    if (address.sll_family != AF_PACKET) /* USB, netfilter: not a network interface */
        return -EOPNOTSUPP;
    address.sll_protocol = htons(ETH_P_ALL);
    return bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

static int set_program(int fd) {
    struct program p;
    struct sock_fprog data = {.filter = p.code};
    make_program(&p);
    data.len = p.count;
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &data, sizeof data) < 0 ? -errno : 0;
}

static const char *advice_on(int error) {
    switch (error) {
    case -EINVAL:
        return "a group of this number has another interface or mode, or the kernel does not know "
               "the mode (cbpf: from 4.3 on): give another";
    case -ENOSPC:
        return "the group is full: give another";
    case -EOPNOTSUPP:
    case -ENOPROTOOPT:
        return "it is not an interface that can be shared: leave out --fanout";
    default:
        return "leave out --fanout";
    }
}

int capture_fanout_join(int fd, const struct capture_fanout *fanout, unsigned number,
                        const char *name) {
    uint32_t group = fanout->group + number, value = group | types[fanout->mode] << 16;
    int error = take_all_protocols(fd);
    if (error == 0 && setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof value) < 0)
        error = -errno;
    /* The first member sets this before there is another; the others set the same again. */
    if (error == 0 && fanout->mode == FANOUT_CBPF)
        error = set_program(fd);
    if (error < 0)
        fb_error("--fanout '%u:%s': %s cannot join this group: %s: %s", group,
                 capture_fanout_modes[fanout->mode], name, strerror(-error), advice_on(error));
    return error;
}

int capture_fanout_receive(int fd, const char *name) {
    int error = take_all_protocols(fd);
    if (error < 0)
        fb_error("cannot capture on %s: %s: choose another interface (-D lists them)", name,
                 strerror(-error));
    return error;
}
