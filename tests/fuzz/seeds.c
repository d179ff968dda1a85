/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_seeds FOLDER [CAPTURE...]: what each fuzz target begins with, in
 * FOLDER/NAME. The frames made by hand for the unit tests, and of each capture
 * the first few; as an input of fuzz_decode, and in a capture file for
 * fuzz_capture. A capture that libpcap cannot read is passed over: some are made
 * to be wrong, and a small one is a seed as it is.
 *
 * Exit status: 0, or 1 after one line if something could not be written.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/capture_input.h"
#include "tests/fuzz/capture_seeds.h"
#include "tests/fuzz/decode_input.h"
#include "tests/lib/frames_links.h"

#define FRAMES_OF_A_CAPTURE 24u
#define LONGEST_FRAME 1024u /* headers are what counts */
#define LONGEST_CAPTURE 8192u

static const char *folder;
static unsigned written;

/* One seed: what is before it, then its bytes. */
static void save(const char *target, const void *head, size_t head_bytes, const void *bytes,
                 size_t n) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%05u", folder, target, written++);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(head, 1, head_bytes, file) != head_bytes ||
        fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
        fprintf(stderr, "fuzz_seeds: cannot write %s: %s: give a folder with room\n", path,
                strerror(errno));
        exit(1);
    }
}

static void save_frame(enum link_layer link, const void *bytes, size_t n) {
    const uint8_t head[DECODE_INPUT_BYTES] = {(uint8_t)link, (uint8_t)(written % 8)};
    save("decode", head, sizeof head, bytes, n < LONGEST_FRAME ? n : LONGEST_FRAME);
}

/* ---- frames made by hand ---- */

/* What is inside of a tunnel over UDP, with its header, outside of tcp4() from its IP header on. */
static const struct {
    uint8_t port[2];
    uint8_t n;
    uint8_t header[24];
} over_udp[] = {
    {{0x12, 0xb5}, 22, {8, 0, 0, 0, 0, 0, 7, 0, MACS, 8, 0}}, /* VXLAN */
    {{0x12, 0xb6}, 8, {0x0c, 0, 0, 1, 0, 0, 7, 0}},           /* VXLAN-GPE */
    {{0x17, 0xc1}, 12, {1, 0, 8, 0, 0, 0, 7, 0, 1, 2, 3, 0}}, /* Geneve, one option */
    {{0x08, 0x68}, 16, {0x34, 255, 0, 56, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0, 0, 0}}, /* GTP-U */
    {{0x06, 0xa5}, 10, {0, 2, 0, 1, 0, 7, 0xff, 3, 0, 0x21}},                      /* L2TPv2 */
    {{0x06, 0xa5}, 12, {0, 3, 0, 0, 0, 0, 0, 7, 0xff, 3, 0, 0x21}},                /* L2TPv3 */
    {{0x19, 0xeb}, 8, {0, 1, 0, 64, 0, 1, 1, 64}},                                 /* MPLS */
    {{0x12, 0x92}, 8, {0x20, 0, 8, 0, 0, 0, 0, 7}},                                /* GRE, key */
    {{0x14, 0x7f}, 22, {0, 0x10, 0x42, 0, 0, 0, 0, 0, MACS, 8, 0}},                /* CAPWAP */
    {{0x10, 0xf5}, 8, {0x88, 0, 0, 0, 0, 0, 7, 0}},                                /* LISP */
    {{0x10, 0xf5}, 16, {0x0c, 0, 0, 4, 0, 0, 7, 0, 0, 2, 2, 1, 0, 0, 1, 255}},     /* NSH in LISP */
    {{0x90, 0x90}, 9, {1, 0, 0, 4, 1, 0xff, 3, 0, 0x21}},                          /* TZSP, PPP */
    {{0x90, 0x90}, 22, {1, 0, 0, 1, 10, 1, 9, 1, MACS, 8, 0}}, /* TZSP, one tag */
};

/* GRE's header, outside of the same. */
static const struct {
    uint8_t n;
    uint8_t header[40];
} in_gre[] = {
    {4, {0, 0, 8, 0}},
    {16, {0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1}},
    {20, {0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4, 10, 0, 0, 1, 0, 0, 0, 0}},
    {16, {0x30, 1, 0x88, 0x0b, 0, 48, 0, 7, 0, 0, 0, 1, 0xff, 3, 0, 0x21}},
    {30, {0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 7, 0, 0, 0, 0, MACS, 8, 0}},
    {34, {0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, MACS, 8, 0}},
    {8, {0, 0, 0x88, 0x3e, 0, 0, 0, 0}},
    {8, {0, 0, 0x88, 0x47, 0, 1, 1, 64}},
    {12, {0x30, 1, 8, 0, 0, 0, 0, 7, 0, 0, 0, 1}},
    {22, {0x20, 1, 0x64, 0, 0, 58, 7, 0, MACS, 8, 0}},
    {36, {0, 0, 0x82, 0, 8, 1, 0, 0, [28] = 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}},
};

static void save_wrapped(unsigned proto, const void *before, uint32_t before_bytes,
                         const void *header, uint32_t n) {
    struct packet inner = {0};
    add_bytes(&inner, before, before_bytes);
    add_bytes(&inner, header, n);
    add_inner(&inner, false);
    struct packet f = in_ip(false, proto, &inner);
    save_frame(LINK_ETHERNET, f.bytes, f.n);
}

static void save_tunnels(void) {
    for (unsigned i = 0; i < sizeof over_udp / sizeof *over_udp; i++) {
        unsigned length = 8u + over_udp[i].n + tcp4().n - ETHERNET;
        const uint8_t udp[] = {
            0xc3, 0x50, over_udp[i].port[0], over_udp[i].port[1], HIGH(length), LOW(length), 0, 0};
        save_wrapped(17, udp, sizeof udp, over_udp[i].header, over_udp[i].n);
    }
    for (unsigned i = 0; i < sizeof in_gre / sizeof *in_gre; i++)
        save_wrapped(47, "", 0, in_gre[i].header, in_gre[i].n);
    static const uint8_t bridged[] = {0x30, 0, MACS, 8, 0};
    save_wrapped(97, "", 0, bridged, sizeof bridged);
    save_wrapped(143, "", 0, bridged + 2, sizeof bridged - 2);
    for (unsigned i = 0; i < 4; i++) {
        struct packet f = ip_in_ip(i & 1, i & 2);
        save_frame(LINK_ETHERNET, f.bytes, f.n);
    }
}

/* An IP packet behind each link layer's header. */
static void save_links(void) {
    static const struct {
        enum link_layer link;
        uint8_t n;
        uint8_t header[48];
    } all[] = {
        {LINK_RAW, 0, {0}},
        {LINK_SLL, 16, {[15] = 0, [14] = 8}},
        {LINK_SLL2, 20, {8}},
        {LINK_NULL, 4, {2}},
        {LINK_LOOP, 4, {0, 0, 0, 2}},
        {LINK_PPP, 4, {0xff, 3, 0, 0x21}},
        {LINK_HDLC, 4, {0x0f, 0, 8, 0}},
        {LINK_FRAME_RELAY, 4, {0x18, 0x41, 3, 0xcc}},
        {LINK_WIFI, 32, {8, 1, [24] = 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}},
        {LINK_WIFI, 34, {0x88, 1, [26] = 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}},
        {LINK_RADIOTAP, 41, {0, 0, 9, 0, 2, [9] = 8, 1, [33] = 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}},
        {LINK_PPI, 22, {0, 0, 8, 0, 1, 0, 0, 0, MACS, 8, 0}},
        {LINK_ETHERNET, 22, {MACS, 0x88, 0x64, 0x11, 0, 0, 7, 0, 50, 0, 0x21}},
        {LINK_ETHERNET, 18, {MACS, 0x88, 0x47, 0, 1, 1, 64}},
        {LINK_ETHERNET, 22, {MACS, 0x89, 0x09, 1, 1, 0, 1, 0, 7, 8, 0}}, /* security group tag */
        {LINK_ETHERNET, 22, {MACS, 0x89, 0x3f, 0, 0, 0, 7, 0, 0, 8, 0}}, /* 802.1BR */
        {LINK_ETHERNET, 20, {MACS, 0x89, 0x26, 0, 0, 0, 7, 8, 0}},       /* VN tag */
        {LINK_RAW, 48, {0x60, [7] = 64, [40] = 4, 0, 0xc2, 4, 0, 1}},    /* jumbo payload option */
        {LINK_ETHERNET, 32, {MACS, 0x88, 0xe7, 0, 0, 0, 7, MACS, 8, 0}},
        {LINK_ETHERNET, 22, {MACS, 0x89, 0x4f, 0, 2, 1, 1, 0, 0, 7, 1}},
        {LINK_ETHERNET, 28, {MACS, 0xd2, 0x8b, 0, 1, 0, 0x10, [26] = 8, 0}}, /* time, 64 bits */
        {LINK_ETHERNET, 22, {MACS, 0x89, 0x88, 0, 0, 0, 0, 0, 7, 8, 0}},     /* time, TTag */
        {LINK_ETHERNET, 20, {MACS, 0x89, 0x2f, 0, 60, 0, 7, 8, 0}},          /* HSR */
        {LINK_ETHERNET, 22, {MACS, 0x88, 0xe5, 0, 0, 0, 0, 0, 7, 8, 0}},     /* MACsec */
        {LINK_ETHERNET, 30, {MACS, 0x89, 0x03, 4, 0x20, MACS, 8, 0}},        /* FabricPath */
        {LINK_ETHERNET, 34, {MACS, 0x22, 0xf3, 0, 0x20, 0, 1, 0, 2, MACS, 8, 0}}, /* TRILL */
        {LINK_ETHERNET, 38, {MACS, 0x43, 5, 0x40, 15, 50, 1, [24] = MACS, 8, 0}}, /* batman-adv */
        {LINK_ETHERNET, 36, {MACS, 0x43, 5, 5, 15, 50, 0, 0, 2, [22] = MACS, 8, 0}}, /* to many */
    };
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        struct packet f = {0};
        add_bytes(&f, all[i].header, all[i].n);
        add_inner(&f, false);
        save_frame(all[i].link, f.bytes, f.n);
    }
    for (unsigned i = 0; i < LINK_CASES; i++) {
        struct packet f = frame_of(&link_cases[i]);
        save_frame(link_of(link_cases[i].dlt), f.bytes, f.n);
    }
    static const uint8_t nflog[] = {2, 0, 0, 7, 8, 0, 1, 0, 8, 0, 1, 0, 56, 0, 9, 0};
    struct packet f = {0};
    add_bytes(&f, nflog, sizeof nflog);
    add_inner(&f, false);
    save_frame(LINK_NFLOG, f.bytes, f.n);
}

/* An ICMP error quotes a packet, or a tunnel, or a tunnel cut within the header that is inside: on
 * Ethernet and without a link layer. */
static void save_quotes(void) {
    for (unsigned i = 0; i < 16; i++) {
        bool six = i & 1, tunnel = i & 2, raw = i & 4, cut = i & 8;
        struct packet quote = {0}, inside = ip_in_ip(six, false);
        ADD(&quote, six ? 1 : 3, 1, 0, 0, 0, 0, 0, 0);
        if (tunnel)
            add_bytes(&quote, inside.bytes + ETHERNET, inside.n - ETHERNET);
        else
            add_inner(&quote, six);
        if (cut)
            quote.n -= 30;
        struct packet f = in_ip(six, six ? 58 : 1, &quote);
        if (raw)
            save_frame(LINK_RAW, f.bytes + ETHERNET, f.n - ETHERNET);
        else
            save_frame(LINK_ETHERNET, f.bytes, f.n);
    }
}

static void save_made_by_hand(void) {
    struct packet all[SAMPLES];
    for (unsigned i = 0; i < samples(all); i++)
        save_frame(LINK_ETHERNET, all[i].bytes, all[i].n);
    save_tunnels();
    save_links();
    save_quotes();
}

/* ---- captures ---- */

static void save_frames_of(const char *path) {
    char reason[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *data;
    enum link_layer link;
    pcap_t *pcap = pcap_open_offline(path, reason);
    if (pcap == NULL)
        return;
    if (link_layer_of(pcap_datalink(pcap), &link)) {
        for (unsigned i = 0; i < FRAMES_OF_A_CAPTURE; i++) {
            if (pcap_next_ex(pcap, &header, &data) != 1)
                break;
            save_frame(link, data, header->caplen);
        }
    }
    pcap_close(pcap);
}

/* A pipe pauses half way. */
static void save_capture(const uint8_t *bytes, size_t n) {
    const uint8_t head[CAPTURE_INPUT_BYTES] = {(uint8_t)written, 128};
    save("capture", head, sizeof head, bytes, n);
}

static void save_small_captures(void) {
    uint8_t *bytes;
    for (size_t i = 0, n; (n = capture_seed((unsigned)i, &bytes)) != 0; i++) {
        save_capture(bytes, n);
        free(bytes);
    }
}

/* The first bytes: a capture that breaks off is one to be read too. */
static void save_beginning_of(const char *path) {
    static uint8_t bytes[LONGEST_CAPTURE];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return;
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    save_capture(bytes, n);
}

int main(int argc, char **argv) {
    static const char *const targets[] = {"decode", "capture"};
    if (argc < 2) {
        fprintf(stderr, "Usage: fuzz_seeds FOLDER [CAPTURE...]\n");
        return 1;
    }
    folder = argv[1];
    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, targets[i]);
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            fprintf(stderr, "fuzz_seeds: cannot make %s: %s: give a folder\n", path,
                    strerror(errno));
            return 1;
        }
    }
    save_made_by_hand();
    save_small_captures();
    for (int i = 2; i < argc; i++) {
        save_frames_of(argv[i]);
        save_beginning_of(argv[i]);
    }
    return 0;
}
