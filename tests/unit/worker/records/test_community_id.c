/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/community_id.c, by the examples of its specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "flow_balancer/common/icmp_pairs.h"
#include "flow_balancer/descriptor.h"
#include "worker/records/community_id.h"

/* What the specification gives as expected values, version 1, seed 0; ICMP: type and code. */
static const struct expected {
    uint8_t proto;
    const char *src;
    const char *dst;
    uint16_t sport;
    uint16_t dport;
    const char *id;
} specification[] = {
    {1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
    {1, "192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
    {1, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
    {6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
    {6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
    {17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
    {17, "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
    {46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
    {46, "10.1.12.2", "10.1.12.1", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
    {132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
    {132, "192.168.170.56", "192.168.170.8", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
    {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
     "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
    {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
     "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
    {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 0,
     "1:zavyT/cezQr1fmImYCwYnMXbgck="},
    {58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
     "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="},
    {58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
     "1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
    {58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0,
     "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
    {58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
    {58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="},
};

#define SPECIFICATION_COUNT (sizeof specification / sizeof *specification)

/* An IP header and what the protocol has of ports, both at the start of `bytes`. */
struct made {
    uint8_t bytes[64];
    struct community_id_packet packet;
};

static void make(const struct expected *e, struct made *m) {
    memset(m, 0, sizeof *m);
    bool six = strchr(e->src, ':') != NULL;
    int family = six ? AF_INET6 : AF_INET;
    uint16_t header = six ? 40 : 20;
    m->bytes[0] = six ? 0x60 : 0x45;
    assert_int_equal(inet_pton(family, e->src, m->bytes + (six ? 8 : 12)), 1);
    assert_int_equal(inet_pton(family, e->dst, m->bytes + (six ? 24 : 16)), 1);
    uint8_t *l4 = m->bytes + header;
    if (e->proto == 1 || e->proto == 58) {
        l4[0] = (uint8_t)e->sport;
        l4[1] = (uint8_t)e->dport;
    } else {
        l4[0] = (uint8_t)(e->sport >> 8);
        l4[1] = (uint8_t)e->sport;
        l4[2] = (uint8_t)(e->dport >> 8);
        l4[3] = (uint8_t)e->dport;
    }
    m->packet = (struct community_id_packet){
        .bytes = m->bytes, .caplen = header + 4u, .l3_off = 0, .l4_off = header, .proto = e->proto};
}

static int set_up(void **state) {
    static struct community_id id;
    *state = &id;
    return community_id_init(&id);
}

static int tear_down(void **state) {
    community_id_fini(*state);
    return 0;
}

static void ids_are_those_of_the_specification(void **state) {
    for (unsigned i = 0; i < SPECIFICATION_COUNT; i++) {
        struct made m;
        char text[COMMUNITY_ID_SIZE];
        make(&specification[i], &m);
        assert_true(community_id_of(*state, &m.packet, text));
        assert_string_equal(text, specification[i].id);
    }
}

static void flows_have_the_ids_of_their_packets(void **state) {
    for (unsigned i = 0; i < SPECIFICATION_COUNT; i++) {
        const struct expected *e = &specification[i];
        bool six = strchr(e->src, ':') != NULL, is_icmp = e->proto == 1 || e->proto == 58;
        uint8_t answer = (uint8_t)e->dport;
        char text[COMMUNITY_ID_SIZE];
        if (is_icmp)
            fb_icmp_answer(e->proto, (uint8_t)e->sport, &answer);
        struct fb_flow flow = {.src_port = e->sport,
                               .dst_port = is_icmp ? answer : e->dport,
                               .proto = e->proto,
                               .layer = six ? FB_LAYER_IP6 : FB_LAYER_IP4};
        assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, e->src, flow.src), 1);
        assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, e->dst, flow.dst), 1);
        assert_true(community_id_of_flow(*state, &flow, true, text));
        assert_string_equal(text, e->id);
        assert_true(community_id_of_flow(*state, &flow, false, text));
        assert_int_equal(strcmp(text, e->id) == 0, e->proto == 46); /* RSVP has no ports */
        flow.layer = FB_LAYER_MAC;
        assert_false(community_id_of_flow(*state, &flow, true, text));
        assert_string_equal(text, "-");
    }
}

static void frame_without_ip_has_no_id(void **state) {
    struct made m;
    char text[COMMUNITY_ID_SIZE];
    make(&specification[3], &m);
    m.packet.l3_off = FB_NO_OFFSET;
    assert_false(community_id_of(*state, &m.packet, text));
    assert_string_equal(text, "-");
    m.packet.l3_off = 0;
    m.bytes[0] = 0x55;
    assert_false(community_id_of(*state, &m.packet, text));
}

static void later_fragment_is_named_by_addresses_and_protocol(void **state) {
    struct made m;
    char there[COMMUNITY_ID_SIZE];
    char back[COMMUNITY_ID_SIZE];
    for (unsigned i = 3; i < 5; i++) {
        make(&specification[i], &m);
        m.packet.l4_off = FB_NO_OFFSET;
        assert_true(community_id_of(*state, &m.packet, i == 3 ? there : back));
    }
    assert_string_equal(there, back);
    assert_string_not_equal(there, specification[3].id);
}

static void protocols_that_the_specification_gives_no_ports_have_none(void **state) {
    struct expected e = specification[7];
    struct made m;
    char one[COMMUNITY_ID_SIZE];
    char other[COMMUNITY_ID_SIZE];
    for (unsigned proto = 33; proto <= 136; proto += 103) { /* DCCP, UDP-Lite */
        e.proto = (uint8_t)proto;
        e.sport = 1;
        make(&e, &m);
        assert_true(community_id_of(*state, &m.packet, one));
        e.sport = 2;
        make(&e, &m);
        assert_true(community_id_of(*state, &m.packet, other));
        assert_string_equal(one, other);
    }
}

static void packet_is_never_read_past_its_end(void **state) {
    for (unsigned i = 0; i < SPECIFICATION_COUNT; i++) {
        struct made m;
        make(&specification[i], &m);
        uint32_t whole = m.packet.caplen;
        for (uint32_t n = 0; n <= whole; n++) {
            uint8_t *exact = malloc(n == 0 ? 1 : n); /* the sanitizer watches its end */
            char text[COMMUNITY_ID_SIZE];
            assert_non_null(exact);
            memcpy(exact, m.bytes, n);
            m.packet.bytes = exact;
            m.packet.caplen = n;
            bool has_addresses = n >= m.packet.l4_off;
            assert_int_equal(community_id_of(*state, &m.packet, text), has_addresses);
            free(exact);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_the_specification),
        cmocka_unit_test(flows_have_the_ids_of_their_packets),
        cmocka_unit_test(frame_without_ip_has_no_id),
        cmocka_unit_test(later_fragment_is_named_by_addresses_and_protocol),
        cmocka_unit_test(protocols_that_the_specification_gives_no_ports_have_none),
        cmocka_unit_test(packet_is_never_read_past_its_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
