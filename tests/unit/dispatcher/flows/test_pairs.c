/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/flows/pairs.h, with flows.c and flow_class.h that tell it: from which interface each
 * direction of a connection came, and whether the direction is guessed.
 */
#include <string.h>

#include "dispatcher/flows/flows.h"
#include "tests/lib/unit.h"

#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define ACK 0x10u
#define TCP 6
#define UDP 17
#define MOST_FLOWS 64u

static struct flows flows;
static struct handle handle_table[MOST_FLOWS];
static struct handles handles;
static struct handles *const by_worker[1] = {&handles};

static int end_flows(void **state) {
    (void)state;
    if (flows.region.base != NULL)
        flows_fini(&flows);
    return 0;
}

static void make_flows(uint32_t max_flows) {
    struct flow_timeouts timeouts;
    end_flows(NULL);
    flow_timeouts_init(&timeouts);
    memset(handle_table, 0, sizeof handle_table);
    handles_init(&handles, handle_table, MOST_FLOWS);
    assert_int_equal(flows_init(&flows, &(struct flows_config){.max_flows = max_flows,
                                                               .timeouts = &timeouts,
                                                               .ticks_per_second = 1,
                                                               .digests = max_flows % 2 != 0,
                                                               .hugepages = FB_HUGEPAGES_AUTO,
                                                               .handles = by_worker}),
                     0);
}

/* A packet: where from, which way, flags, payload. */
struct packet {
    unsigned interface, dir, flags;
    uint32_t payload;
};

static uint32_t begin(uint64_t n, uint8_t proto, const struct packet *p) {
    struct fb_flow_key key = {.word = {0, n, 0, ~n, (uint64_t)proto << 8 | FB_KEY_IP4}};
    uint32_t flow = flows_create(&flows, key_hash_one(&flows.hash, &key), &key, false, proto,
                                 p->flags, p->payload);
    pairs_forward(&flows.pairs, flow, p->interface);
    return flow;
}

static void touch(uint32_t flow, const struct packet *p) {
    if (flows_touch(&flows, flow, p->dir, p->flags, p->payload))
        pairs_reverse(&flows.pairs, flow, p->interface);
}

/* A flow with these packets, from its first to its end. */
static void live(uint64_t n, uint8_t proto, const struct packet *packets, size_t count) {
    uint32_t flow = begin(n, proto, packets);
    for (size_t i = 1; i < count; i++)
        touch(flow, &packets[i]);
    flows_end(&flows, flow, FB_END_TIMED_OUT);
}
#define LIVE(proto, ...)                                                                           \
    live(1, (proto), (const struct packet[]){__VA_ARGS__},                                         \
         sizeof((const struct packet[]){__VA_ARGS__}) / sizeof(struct packet))

static uint64_t in_all(enum fb_pair_counter counter) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < FB_MAX_INTERFACES; i++)
        for (unsigned k = 0; k < FB_PAIR_REVERSES; k++)
            sum += flows.pairs.counts[i][k][counter];
    return sum;
}

/* Of all flows there is one of this pair. */
static void expect_one(unsigned forward, unsigned reverse, bool guessed) {
    assert_int_equal(in_all(FB_PAIR_FLOWS), 1);
    assert_int_equal(flows.pairs.counts[forward][reverse][FB_PAIR_FLOWS], 1);
    assert_int_equal(in_all(FB_PAIR_GUESSED), guessed);
    assert_int_equal(flows.pairs.counts[forward][reverse][FB_PAIR_GUESSED], guessed);
    memset(flows.pairs.counts, 0, sizeof flows.pairs.counts);
}

static void expect_none(void) {
    assert_int_equal(in_all(FB_PAIR_FLOWS), 0);
    assert_int_equal(in_all(FB_PAIR_GUESSED), 0);
}

/* A scan and the answers to forged addresses have one direction by nature. */
static void what_is_no_connection_is_not_counted(void **state) {
    (void)state;
    make_flows(8);
    LIVE(UDP, {1, 0, 0, 10});
    LIVE(UDP, {1, 0, 0, 10}, {2, 1, 0, 10});
    LIVE(1, {1, 0, 0, 10}, {2, 1, 0, 10});
    LIVE(TCP, {1, 0, SYN, 0});
    LIVE(TCP, {1, 0, SYN, 0}, {1, 0, SYN, 0}, {1, 0, SYN, 100});
    LIVE(TCP, {1, 0, SYN, 0}, {1, 0, RST, 0});
    LIVE(TCP, {1, 0, SYN | ACK, 0});
    LIVE(TCP, {1, 0, RST, 0});
    LIVE(TCP, {1, 0, ACK, 0});
    LIVE(TCP, {1, 0, ACK, 1460});
    expect_none();
}

static void a_connection_has_the_interfaces_of_the_first_packets_of_its_directions(void **state) {
    (void)state;
    make_flows(8);
    LIVE(TCP, {3, 0, SYN, 0}, {5, 1, SYN | ACK, 0}, {4, 0, ACK, 0}, {6, 1, ACK, 100});
    expect_one(3, 5, false);
    LIVE(TCP, {0, 0, SYN, 0}, {0, 1, SYN | ACK, 0}, {0, 0, ACK, 0});
    expect_one(0, 0, false);
    LIVE(TCP, {31, 0, SYN, 0}, {31, 1, RST | ACK, 0});
    expect_one(31, 31, false);
    LIVE(TCP, {2, 0, SYN, 0}, {2, 0, ACK, 10}, {2, 0, FIN | ACK, 0}, {1, 1, RST, 0},
         {2, 0, RST, 0});
    expect_one(2, 1, false);
}

static void a_connection_whose_answers_do_not_come_here_is_one_sided(void **state) {
    (void)state;
    make_flows(8);
    LIVE(TCP, {1, 0, SYN, 0}, {1, 0, ACK, 0});
    expect_one(1, FB_PAIR_ONE_SIDED, false);
    LIVE(TCP, {1, 0, SYN, 0}, {1, 0, ACK, 100}, {2, 0, FIN | ACK, 0});
    expect_one(1, FB_PAIR_ONE_SIDED, false);
    LIVE(TCP, {4, 0, SYN | ACK, 0}, {4, 0, ACK, 1460});
    expect_one(4, FB_PAIR_ONE_SIDED, true);
}

static void the_direction_is_guessed_where_the_first_packet_is_not_the_syn(void **state) {
    (void)state;
    make_flows(8);
    LIVE(TCP, {1, 0, ACK, 0}, {1, 0, ACK, 0});
    expect_one(1, FB_PAIR_ONE_SIDED, true);
    LIVE(TCP, {1, 0, SYN | ACK, 0}, {2, 1, SYN, 0});
    expect_one(1, 2, true);
    LIVE(TCP, {1, 0, ACK, 9}, {2, 1, ACK, 0});
    expect_one(1, 2, true);
    LIVE(TCP, {1, 0, SYN | 0xc0, 0}, {2, 1, SYN | ACK, 0}); /* asks for ECN */
    expect_one(1, 2, false);
}

/* The entry, and the bytes beside it, had another flow before. */
static void each_way_to_end_counts_a_flow_once_and_leaves_nothing_for_the_next(void **state) {
    (void)state;
    static const struct packet first = {7, 0, ACK, 5}, second = {9, 1, ACK, 5};
    for (uint32_t max_flows = 1; max_flows <= 2; max_flows++) {
        make_flows(max_flows);
        for (uint64_t n = 1; n <= 5; n++) /* evicted, but for the last */
            touch(begin(n, TCP, &first), &second);
        assert_int_equal(in_all(FB_PAIR_FLOWS), 5 - max_flows);
        uint32_t from = 0;
        while (flows_end_all(&flows, &from, 1))
            ;
        assert_int_equal(flows.pairs.counts[7][9][FB_PAIR_FLOWS], 5);
        assert_int_equal(flows.pairs.counts[7][9][FB_PAIR_GUESSED], 5);
        memset(flows.pairs.counts, 0, sizeof flows.pairs.counts);
        LIVE(TCP, {0, 0, SYN, 0}, {0, 0, ACK, 0});
        expect_one(0, FB_PAIR_ONE_SIDED, false);
        touch(begin(1, TCP, &(struct packet){2, 0, SYN, 0}), &(struct packet){2, 0, ACK, 1});
        flows_set_now(&flows, 1000000);
        for (unsigned i = 0; i < FLOW_CLASS_COUNT; i++)
            flows_expire(&flows);
        expect_one(2, FB_PAIR_ONE_SIDED, false);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_connection_is_not_counted),
        cmocka_unit_test(a_connection_has_the_interfaces_of_the_first_packets_of_its_directions),
        cmocka_unit_test(a_connection_whose_answers_do_not_come_here_is_one_sided),
        cmocka_unit_test(the_direction_is_guessed_where_the_first_packet_is_not_the_syn),
        cmocka_unit_test(each_way_to_end_counts_a_flow_once_and_leaves_nothing_for_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, end_flows);
}
