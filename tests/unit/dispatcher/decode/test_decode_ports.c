/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/decode/decode_ports.c, tunnels on ports that are told, and what else is on the ports
 * of tunnels. */
#include "tests/lib/frames_hostile.h"
#include "tests/lib/frames_tunnel.h"

#include <string.h>

static const struct tunnel_case vxlan = {"VXLAN", false, 22, {8, 0, 0, 0, 0, 0, 7, 0, ETHERNET_4},
                                         true,    6};

/* Those that have no port of their own, and those that are given another. */
static const struct told_case {
    uint16_t port;
    struct tunnel_case t; /* behind the UDP header */
} told_cases[] = {
    {48879, {"iVXLAN", false, 22, {0xc8, 0x80, 0, 0x10, 0, 0, 7, 0x01, ETHERNET_4}, true, 6}},
    {6080, {"GUE ip4", false, 4, {0, 4, 0, 0}, false, 0}},
    {6080, {"GUE ip6", true, 12, {2, 41, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, false, 0}},
    {6080, {"GUE Ethernet", false, 18, {0, 143, 0, 0, ETHERNET_4}, false, 0}},
    {6080, {"GUE GRE", true, 12, {0, 47, 0, 0, 0x20, 0, 0x86, 0xdd, 0, 0, 0, 7}, true, 11}},
    {6080,
     {"GUE GRE options", false, 16, {2, 47, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 8, 0}, false, 0}},
    {6080, {"GUE MPLS", false, 8, {0, 137, 0, 0, 0, 1, 1, 64}, false, 0}},
    {6080, {"GUE 1", false, 0, {0}, false, 0}},
    {6080, {"GUE 1 ip6", true, 0, {0}, false, 0}},
    {7932, {"HP ERM", true, 26, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ETHERNET_6}, false, 0}},
    {4799, {"VXLAN", false, 22, {8, 0, 0, 0, 0, 0, 7, 0, ETHERNET_4}, true, 6}},
};

static const struct decode_ports *told_ports(void) {
    static struct decode_ports ports;
    ports = decode_usual_ports;
    assert_null(decode_ports_replace(&ports, DECODE_IVXLAN, (const uint16_t[]){48879}, 1));
    assert_null(decode_ports_replace(&ports, DECODE_GUE, (const uint16_t[]){6080}, 1));
    assert_null(decode_ports_replace(&ports, DECODE_HP_ERM, (const uint16_t[]){7932}, 1));
    assert_null(decode_ports_replace(&ports, DECODE_VXLAN, (const uint16_t[]){4799, 4789}, 2));
    return &ports;
}

static void tunnels_are_looked_for_on_the_ports_that_are_told(void **state) {
    (void)state;
    const struct decode_options told = {.ports = told_ports()};
    for (unsigned i = 0; i < sizeof told_cases / sizeof *told_cases; i++) {
        const struct tunnel_case *t = &told_cases[i].t;
        struct packet plain = t->six ? tcp6() : tcp4();
        struct decoded want = decoded(&plain);
        struct packet f = to_port(told_cases[i].port, t);
        struct decoded d = decoded_with(&f, &told);
        if (d.reason != FB_DECODE_OK || d.flags != FB_F_TUNNEL || !same_key(&d, &want))
            fail_msg("%s: %s, flags %x", t->name, fb_decode_texts[d.reason].name, d.flags);
        d = decoded(&f);
        assert_plain_udp(&d, FB_DECODE_OK);
    }
    struct packet f = to_port(8472, &vxlan); /* is no longer VXLAN's */
    struct decoded d = decoded_with(&f, &told);
    assert_plain_udp(&d, FB_DECODE_OK);
    f = to_port(4789, &vxlan);
    d = decoded_with(&f, &told);
    assert_int_equal(d.flags, FB_F_TUNNEL);
}

static void tunnels_on_ports_that_are_told_may_be_cut_anywhere(void **state) {
    (void)state;
    const struct decode_options told = {.ports = told_ports()};
    uint8_t *end = guarded_end();
    for (unsigned i = 0; i < sizeof told_cases / sizeof *told_cases; i++) {
        struct packet f = to_port(told_cases[i].port, &told_cases[i].t);
        for (uint32_t n = 0; n <= f.n; n++) {
            struct decoded d;
            memcpy(end - n, f.bytes, n);
            decode(end - n, n, LINK_ETHERNET, &told, &d);
            assert_consistent(&d, n);
        }
    }
    free_guarded(end);
}

static void gue_that_is_none_is_plain_udp(void **state) {
    static const uint8_t wrong[][4] = {{0x20, 4, 0, 0}, /* control */
                                       {0x80, 4, 0, 0}, {0xc0, 4, 0, 0}, {0, 6, 0, 0},
                                       {0, 143, 0, 0},  {0, 137, 0, 0},  {0, 47, 0, 0},
                                       {31, 4, 0, 0},   {0, 0, 0, 0},    {0, 255, 0, 0}};
    (void)state;
    const struct decode_options told = {.ports = told_ports()};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct packet in = {0};
        add_bytes(&in, wrong[i], 4);
        add_inner(&in, false);
        struct packet f = in_udp(false, 50000, 6080, &in);
        struct decoded d = decoded_with(&f, &told);
        assert_plain_udp(&d, FB_DECODE_OK);
    }
}

static void assert_plain_on_every_port(const struct decode_options *options,
                                       const struct packet *payload, const char *what) {
    for (unsigned i = 0; i < options->ports->count; i++) {
        struct packet f = in_udp(false, options->ports->all[i].port, 50000, payload);
        struct decoded d = decoded_with(&f, options);
        if (d.flags != 0)
            fail_msg("%s, port %u: flags %x", what, options->ports->all[i].port, d.flags);
        assert_int_equal(d.l3_off, ETHERNET);
        assert_int_equal(d.l4_off, ETHERNET + IP4);
    }
}

/* An ephemeral port may be one of a tunnel's: no bytes that come by chance are taken for one. */
static void other_payloads_on_the_ports_of_tunnels_are_plain_udp(void **state) {
    static const uint8_t text[] = "GET / HTTP/1.1 and so on, for 40 bytes..";
    static const uint8_t question[] = {1,   0,   0,   1,   0, 0,   0,   0,   0, 0, 7, 'e', 'x', 'a',
                                       'm', 'p', 'l', 'e', 3, 'o', 'r', 'g', 0, 0, 1, 0,   1};
    uint64_t chance = 1;
    (void)state;
    const struct decode_options told = {.ports = told_ports()};
    struct packet p = {0};
    add_bytes(&p, text, sizeof text);
    assert_plain_on_every_port(&told, &p, "text");
    for (unsigned id = 0; id < 0x10000; id += 0x55) {
        p = (struct packet){0};
        ADD(&p, HIGH(id), LOW(id));
        add_bytes(&p, question, sizeof question);
        ADD(&p, 0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0);
        assert_plain_on_every_port(&told, &p, "DNS");
    }
    for (unsigned i = 0; i < 1000; i++) {
        p = (struct packet){0};
        for (unsigned k = 0; k < 100; k++) {
            chance = chance * 6364136223846793005u + 1442695040888963407u;
            ADD(&p, (uint8_t)(chance >> 56));
        }
        assert_plain_on_every_port(&told, &p, "chance");
    }
}

static void ports_belong_to_one_tunnel_each(void **state) {
    struct decode_ports ports = decode_usual_ports, before = ports;
    uint16_t many[DECODE_PORTS_MAX];
    (void)state;
    for (unsigned i = 0; i < DECODE_PORTS_MAX; i++)
        many[i] = (uint16_t)(20000 + i);
    assert_non_null(decode_ports_replace(&ports, DECODE_GUE, (const uint16_t[]){6081}, 1));
    assert_non_null(decode_ports_replace(&ports, DECODE_GUE, (const uint16_t[]){7, 7}, 2));
    assert_non_null(decode_ports_replace(&ports, DECODE_GUE, many, DECODE_PORTS_MAX));
    assert_memory_equal(&ports, &before, sizeof ports);
    assert_null(decode_ports_replace(&ports, DECODE_GENEVE, many, 1));
    assert_null(decode_ports_replace(&ports, DECODE_GUE, (const uint16_t[]){6081}, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tunnels_are_looked_for_on_the_ports_that_are_told),
        cmocka_unit_test(tunnels_on_ports_that_are_told_may_be_cut_anywhere),
        cmocka_unit_test(gue_that_is_none_is_plain_udp),
        cmocka_unit_test(other_payloads_on_the_ports_of_tunnels_are_plain_udp),
        cmocka_unit_test(ports_belong_to_one_tunnel_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
