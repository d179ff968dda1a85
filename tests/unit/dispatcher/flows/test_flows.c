/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/flows/flows.c: flows from their first packet to their end, and the handles of
 * their workers. A tick is a second here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/flows/flows.h"
#include "tests/lib/random.h"

#define WORKERS 2u
#define MOST_FLOWS 4096u
#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define ACK 0x10u
#define TCP 6
#define UDP 17
#define ICMP 1

static struct flows flows;
static struct handle handle_table[WORKERS][MOST_FLOWS];
static struct handles handles[WORKERS];
static struct handles *const by_worker[WORKERS] = {&handles[0], &handles[1]};

static void no_flows(void) {
    if (flows.region.base != NULL)
        flows_fini(&flows);
}

static void make_flows(uint32_t max_flows, const char *timeout_text) {
    struct flow_timeouts timeouts;
    char error[200];
    no_flows();
    flow_timeouts_init(&timeouts);
    if (timeout_text != NULL)
        assert_int_equal(flow_timeouts_parse(&timeouts, timeout_text, error, sizeof error), 0);
    memset(handle_table, 0, sizeof handle_table);
    for (unsigned k = 0; k < WORKERS; k++)
        handles_init(&handles[k], handle_table[k], MOST_FLOWS);
    assert_int_equal(flows_init(&flows, &(struct flows_config){.max_flows = max_flows,
                                                               .timeouts = &timeouts,
                                                               .ticks_per_second = 1,
                                                               .hugepages = FB_HUGEPAGES_AUTO,
                                                               .handles = by_worker}),
                     0);
}

static int free_flows(void **state) {
    (void)state;
    no_flows();
    return 0;
}

static struct fb_flow_key key_number(uint64_t n) {
    return (struct fb_flow_key){.word = {0, n, 0, ~n, n << 32 | FB_KEY_IP4}};
}

static uint32_t flow_number(uint64_t n) {
    struct fb_flow_key key = key_number(n);
    return flow_table_find(&flows.table, key_hash_one(&flows.hash, &key), &key);
}

static uint32_t create(uint64_t n, uint8_t proto, unsigned tcp_flags, uint32_t payload_len) {
    struct fb_flow_key key = key_number(n);
    return flows_create(&flows, key_hash_one(&flows.hash, &key), &key, false, proto, tcp_flags,
                        payload_len);
}

static struct flow_entry *entry_of(uint32_t flow) {
    return &flows.table.entries[flow];
}

static enum flow_class class_of(uint32_t flow) {
    return flow_state_class(&flows.rules, entry_of(flow)->state);
}

static uint64_t ended_in_all(void) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < FB_END_COUNT; i++)
        sum += flows.ended[i];
    return sum;
}

static void books_balance(void) {
    assert_int_equal(flows.created, ended_in_all() + flows.table.used);
    assert_int_equal(flows.ends_pending, handles[0].pending + handles[1].pending);
}

/* A bound flow in each class, whatever it takes to get there; all at the present tick. */
static uint32_t create_in(enum flow_class class, uint64_t n) {
    uint32_t flow = NO_FLOW;
    switch (class) {
    case FLOW_CLASS_TCP_OPENING:
        flow = create(n, TCP, SYN, 0);
        break;
    case FLOW_CLASS_TCP_ESTABLISHED:
        flow = create(n, TCP, ACK, 100);
        flows_touch(&flows, flow, 0, ACK, 100);
        break;
    case FLOW_CLASS_TCP_PICKED_UP:
        flow = create(n, TCP, ACK, 0);
        break;
    case FLOW_CLASS_TCP_CLOSING:
        flow = create(n, TCP, ACK, 100);
        flows_touch(&flows, flow, 0, RST, 0);
        break;
    case FLOW_CLASS_UDP_ONEWAY:
        flow = create(n, UDP, 0, 10);
        break;
    case FLOW_CLASS_UDP_TWOWAY:
        flow = create(n, UDP, 0, 10);
        flows_touch(&flows, flow, 1, 0, 10);
        break;
    default:
        flow = create(n, ICMP, 0, 10);
    }
    assert_int_equal(class_of(flow), class);
    flows_bind(&flows, flow, (uint8_t)(n % WORKERS));
    return flow;
}

static void expire_all(void) {
    uint64_t before;
    do {
        before = ended_in_all();
        flows_expire(&flows);
    } while (ended_in_all() != before);
}

static void a_packet_finds_its_flow_over_at_the_tick_of_its_timeout(void **state) {
    (void)state;
    make_flows(64, NULL);
    for (unsigned class = 0; class < FLOW_CLASS_COUNT; class ++) {
        flows.now = 1000;
        uint32_t flow = create_in((enum flow_class) class, class);
        uint32_t timeout = flows.rules.timeout_ticks[class];
        enum fb_end_reason reason = FB_END_COUNT;
        flows.now = 1000 + timeout - 1;
        assert_false(flow_expired(&flows, entry_of(flow), ACK, &reason));
        /* No wheel was turned: the entry alone tells. */
        flows.now = 1000 + timeout;
        assert_true(flow_expired(&flows, entry_of(flow), ACK, &reason));
        assert_int_equal(reason,
                         class == FLOW_CLASS_TCP_CLOSING ? FB_END_CLOSED : FB_END_TIMED_OUT);
        flows_end(&flows, flow, reason);
        flows.now = 0; /* an empty table: time may start over */
    }
    assert_int_equal(flows.ended[FB_END_CLOSED], 1);
    assert_int_equal(flows.ended[FB_END_TIMED_OUT], FLOW_CLASS_COUNT - 1);
    books_balance();
}

static void an_idle_flow_expires_after_its_timeout_and_at_most_a_slot_later(void **state) {
    (void)state;
    for (unsigned class = 0; class < FLOW_CLASS_COUNT; class ++) {
        make_flows(64, NULL);
        create_in((enum flow_class) class, class);
        uint32_t timeout = flows.rules.timeout_ticks[class];
        uint32_t width = 1u << flows.wheels[class].shift;
        flows.now += timeout - 1;
        expire_all();
        assert_int_equal(flows.table.used, 1);
        flows.now += width;
        expire_all();
        assert_int_equal(flows.table.used, 0);
        assert_int_equal(flows.ended[flow_expiry_reason((enum flow_class) class)], 1);
        assert_int_equal(flows.ends_pending, 1);
        books_balance();
    }
}

static void a_class_that_never_times_out_keeps_its_flows(void **state) {
    (void)state;
    make_flows(64, "all=never");
    enum fb_end_reason reason;
    for (unsigned class = 0; class < FLOW_CLASS_COUNT; class ++)
        if (class != FLOW_CLASS_TCP_CLOSING)
            create_in((enum flow_class) class, class);
    flows.now = UINT32_MAX - 1;
    expire_all();
    assert_int_equal(flows.table.used, FLOW_CLASS_COUNT - 1);
    for (unsigned n = 0; n < FLOW_CLASS_COUNT; n++)
        if (n != FLOW_CLASS_TCP_CLOSING)
            assert_false(flow_expired(&flows, entry_of(flow_number(n)), SYN, &reason));
}

static void a_used_flow_keeps_its_timer_and_expires_by_its_last_packet(void **state) {
    (void)state;
    make_flows(64, NULL);
    uint32_t flow = create_in(FLOW_CLASS_UDP_ONEWAY, 0);
    struct timer_link before = flows.links[flow];
    flows.now = 21;
    flows_touch(&flows, flow, 0, 0, 10);
    assert_memory_equal(&flows.links[flow], &before, sizeof before);
    flows.now = 31; /* 30 after the first packet, when the timer comes due */
    expire_all();
    assert_int_equal(flows.table.used, 1);
    flows.now = 50;
    expire_all();
    assert_int_equal(flows.table.used, 1);
    flows.now = 51;
    expire_all();
    assert_int_equal(flows.table.used, 0);
    assert_int_equal(flows.ended[FB_END_TIMED_OUT], 1);
}

static void a_flow_that_comes_into_a_shorter_class_expires_by_that(void **state) {
    (void)state;
    make_flows(64, NULL);
    uint32_t flow = create_in(FLOW_CLASS_TCP_ESTABLISHED, 0);
    flows.now = 100;
    flows_touch(&flows, flow, 0, FIN | ACK, 0);
    assert_int_equal(class_of(flow), FLOW_CLASS_TCP_ESTABLISHED);
    flows_touch(&flows, flow, 1, FIN | ACK, 0);
    assert_int_equal(class_of(flow), FLOW_CLASS_TCP_CLOSING);
    flows.now = 109;
    expire_all();
    assert_int_equal(flows.table.used, 1);
    flows.now = 110;
    expire_all();
    assert_int_equal(flows.table.used, 0);
    assert_int_equal(flows.ended[FB_END_CLOSED], 1);
}

static void a_flow_that_comes_into_a_longer_class_lives_on(void **state) {
    (void)state;
    make_flows(64, NULL);
    uint32_t flow = create_in(FLOW_CLASS_UDP_ONEWAY, 0);
    flows.now = 10;
    flows_touch(&flows, flow, 1, 0, 10);
    flows.now = 10 + 179;
    expire_all();
    assert_int_equal(flows.table.used, 1);
    flows.now = 10 + 180;
    expire_all();
    assert_int_equal(flows.table.used, 0);
}

static void a_syn_ends_a_closing_flow_and_only_that(void **state) {
    (void)state;
    make_flows(64, NULL);
    for (unsigned class = 0; class < FLOW_CLASS_COUNT; class ++) {
        uint32_t flow = create_in((enum flow_class) class, class);
        enum fb_end_reason reason = FB_END_COUNT;
        bool closing = class == FLOW_CLASS_TCP_CLOSING;
        assert_int_equal(flow_expired(&flows, entry_of(flow), SYN, &reason), closing);
        assert_int_equal(reason, closing ? FB_END_REUSED : FB_END_COUNT);
        assert_false(flow_expired(&flows, entry_of(flow), SYN | ACK, &reason));
        assert_false(flow_expired(&flows, entry_of(flow), ACK, &reason));
    }
    uint32_t old = flow_number(FLOW_CLASS_TCP_CLOSING);
    uint64_t old_id = flow_table_id(&flows.table, old);
    flows_end(&flows, old, FB_END_REUSED);
    assert_int_equal(flow_number(FLOW_CLASS_TCP_CLOSING), NO_FLOW);
    uint32_t new = create(FLOW_CLASS_TCP_CLOSING, TCP, SYN, 0);
    assert_int_not_equal(flow_table_id(&flows.table, new), old_id);
    assert_int_equal(class_of(new), FLOW_CLASS_TCP_OPENING);
    assert_int_equal(flows.ended[FB_END_REUSED], 1);
    books_balance();
}

static void closing_never_switches_endings_off(void **state) {
    (void)state;
    make_flows(64, "tcp-closing=never");
    enum fb_end_reason reason;
    uint32_t flow = create_in(FLOW_CLASS_TCP_ESTABLISHED, 0);
    flows_touch(&flows, flow, 0, RST, 0);
    flows_touch(&flows, flow, 0, FIN | ACK, 0);
    flows_touch(&flows, flow, 1, FIN | ACK, 0);
    assert_int_equal(class_of(flow), FLOW_CLASS_TCP_ESTABLISHED);
    assert_false(flow_expired(&flows, entry_of(flow), SYN, &reason));
}

static void a_forged_syn_is_counted_and_moves_no_live_flow(void **state) {
    (void)state;
    make_flows(64, NULL);
    uint32_t flow = create_in(FLOW_CLASS_TCP_ESTABLISHED, 0);
    uint64_t id = flow_table_id(&flows.table, flow);
    for (unsigned n = 1; n <= 3; n++) {
        enum fb_end_reason reason;
        assert_false(flow_expired(&flows, entry_of(flow), SYN, &reason));
        flows_touch(&flows, flow, n & 1, SYN, 0);
        assert_int_equal(flows.stray_syns, n);
    }
    assert_int_equal(flow_number(0), flow);
    assert_int_equal(flow_table_id(&flows.table, flow), id);
    assert_int_equal(class_of(flow), FLOW_CLASS_TCP_ESTABLISHED);
}

static void a_flow_that_goes_on_after_a_forged_rst_is_established_again(void **state) {
    (void)state;
    make_flows(64, NULL);
    uint32_t flow = create_in(FLOW_CLASS_TCP_ESTABLISHED, 0);
    uint64_t id = flow_table_id(&flows.table, flow);
    flows_touch(&flows, flow, 0, RST, 0);
    assert_int_equal(class_of(flow), FLOW_CLASS_TCP_CLOSING);
    flows.now = 8;
    flows_touch(&flows, flow, 0, ACK, 100); /* re-arms the linger */
    flows.now = 17;
    expire_all();
    flows_touch(&flows, flow, 1, ACK, 100);
    assert_int_equal(class_of(flow), FLOW_CLASS_TCP_ESTABLISHED);
    flows.now = 17 + 3599;
    expire_all();
    assert_int_equal(flow_number(0), flow);
    assert_int_equal(flow_table_id(&flows.table, flow), id);
}

static void a_full_table_gives_up_the_least_valuable_class_first(void **state) {
    (void)state;
    static const enum flow_class order[] = {FLOW_CLASS_TCP_PICKED_UP,  FLOW_CLASS_TCP_CLOSING,
                                            FLOW_CLASS_UDP_ONEWAY,     FLOW_CLASS_TCP_OPENING,
                                            FLOW_CLASS_OTHER,          FLOW_CLASS_UDP_TWOWAY,
                                            FLOW_CLASS_TCP_ESTABLISHED};
    make_flows(FLOW_CLASS_COUNT, NULL);
    for (unsigned class = FLOW_CLASS_COUNT; class -- > 0;) {
        create_in((enum flow_class) class, class);
        flows.now++;
    }
    for (unsigned i = 0; i < FLOW_CLASS_COUNT; i++) {
        assert_int_not_equal(flow_number(order[i]), NO_FLOW);
        create_in(FLOW_CLASS_TCP_ESTABLISHED, 100 + i);
        assert_int_equal(flow_number(order[i]), NO_FLOW);
        assert_int_equal(flows.ended[FB_END_EVICTED], i + 1);
        assert_int_equal(flows.table.used, FLOW_CLASS_COUNT);
        flows.now++;
        books_balance();
    }
    assert_int_equal(flows.peak, FLOW_CLASS_COUNT);
}

/* Eight flows a tick apart, of which the oldest four are then used once more. */
static void evict_the_one_idle_longest(const char *timeouts, enum flow_class class) {
    make_flows(8, timeouts);
    for (uint64_t n = 0; n < 8; n++, flows.now++)
        create_in(class, n);
    for (uint64_t n = 0; n < 4; n++, flows.now++)
        flows_touch(&flows, flow_number(n), 0, ACK, 10);
    static const uint64_t order[] = {4, 5, 6, 7, 0, 1, 2, 3, 100};
    for (unsigned i = 0; i < 9; i++, flows.now++) {
        assert_int_not_equal(flow_number(order[i]), NO_FLOW);
        create_in(class, 100 + i);
        assert_int_equal(flow_number(order[i]), NO_FLOW);
    }
    assert_int_equal(flows.ended[FB_END_EVICTED], 9);
}

static void of_one_class_the_flow_idle_longest_is_evicted(void **state) {
    (void)state;
    evict_the_one_idle_longest(NULL, FLOW_CLASS_UDP_ONEWAY);
    evict_the_one_idle_longest(NULL, FLOW_CLASS_TCP_ESTABLISHED);
}

static void a_class_that_never_times_out_is_evicted_from_all_the_same(void **state) {
    (void)state;
    evict_the_one_idle_longest("all=never", FLOW_CLASS_UDP_ONEWAY);
    evict_the_one_idle_longest("all=never", FLOW_CLASS_TCP_ESTABLISHED);
}

static void a_flood_of_forged_acks_evicts_no_other_flow(void **state) {
    (void)state;
    make_flows(FLOW_CLASSES_NAMED + 8, NULL);
    for (unsigned class = 0; class < FLOW_CLASSES_NAMED; class ++)
        create_in((enum flow_class) class, class);
    for (unsigned n = 0; n < 1000000; n++, flows.now += n % 100000 == 0)
        create(FLOW_CLASSES_NAMED + n, TCP, ACK, n % 2 * 100);
    for (unsigned class = 0; class < FLOW_CLASSES_NAMED; class ++)
        assert_int_not_equal(flow_number(class), NO_FLOW);
}

static void a_table_for_one_flow_evicts_it_for_the_next(void **state) {
    (void)state;
    make_flows(1, NULL);
    for (uint64_t n = 0; n < 100; n++) {
        assert_int_equal(create(n, UDP, 0, 1), 0);
        assert_int_equal(flow_number(n), 0);
        books_balance();
    }
    assert_int_equal(flows.ended[FB_END_WORKER_LOST], 99);
    assert_int_equal(flows.peak, 1);
}

static void a_flow_without_a_worker_ends_as_worker_lost_whatever_the_reason(void **state) {
    (void)state;
    make_flows(64, NULL);
    for (unsigned reason = 0; reason < FB_END_ORPHANED; reason++) {
        uint32_t flow = create(reason, UDP, 0, 1);
        flows_end(&flows, flow, (enum fb_end_reason)reason);
        assert_int_equal(flows.ended[FB_END_WORKER_LOST], reason + 1);
    }
    create(100, UDP, 0, 1);
    flows.now += 30;
    expire_all();
    assert_int_equal(flows.ended[FB_END_WORKER_LOST], FB_END_ORPHANED + 1);
    assert_int_equal(flows.ends_pending, 0);
    books_balance();
}

static void a_bound_flow_ends_at_its_worker_with_id_and_generation(void **state) {
    (void)state;
    make_flows(64, NULL);
    uint32_t flow = create_in(FLOW_CLASS_UDP_ONEWAY, 1);
    struct flow_entry before = *entry_of(flow);
    uint64_t id = flow_table_id(&flows.table, flow);
    assert_int_equal(before.worker, 1);
    flows_end(&flows, flow, FB_END_VERDICT);
    struct pending_end end;
    assert_false(handles_pop_end(&handles[0], &end));
    assert_true(handles_pop_end(&handles[1], &end));
    assert_int_equal(end.flow_id, id);
    assert_int_equal(end.handle, before.handle);
    assert_int_equal(end.generation, before.generation);
    assert_int_equal(end.reason, FB_END_VERDICT);
}

static void the_first_direction_is_remembered(void **state) {
    (void)state;
    make_flows(8, NULL);
    for (uint64_t n = 0; n < 2; n++) {
        struct fb_flow_key key = key_number(n);
        uint64_t hash = key_hash_one(&flows.hash, &key);
        uint32_t flow = flows_create(&flows, hash, &key, n == 1, UDP, 0, 1);
        assert_int_equal((entry_of(flow)->key.word[4] & FLOW_FIRST_SWAPPED) != 0, n == 1);
        assert_int_equal(flow_number(n), flow);
        flows_end(&flows, flow, FB_END_CLOSED); /* finds its slot by the key all the same */
        assert_int_equal(flow_number(n), NO_FLOW);
    }
}

static void expiry_looks_at_a_bounded_number_of_timers_a_call(void **state) {
    (void)state;
    make_flows(2000, NULL);
    for (uint64_t n = 0; n < 2000; n++)
        create_in(FLOW_CLASS_UDP_ONEWAY, n);
    /* A thousand of them were used since: those timers count too. */
    flows.now = 20;
    for (uint64_t n = 0; n < 2000; n += 2)
        flows_touch(&flows, flow_number(n), 0, 0, 1);
    flows.now = 31;
    unsigned calls = 0;
    while (flows.table.used > 1000) {
        uint64_t before = ended_in_all();
        flows_expire(&flows);
        assert_true(ended_in_all() - before <= FLOW_EXPIRE_BUDGET);
        assert_true(++calls < 1000);
    }
    assert_true(calls >= 1999 / FLOW_EXPIRE_BUDGET);
    books_balance();
}

static void a_flood_in_one_class_does_not_keep_another_from_expiring(void **state) {
    (void)state;
    for (unsigned class = 0; class < FLOW_CLASS_COUNT; class ++) {
        enum flow_class flood =
            class == FLOW_CLASS_UDP_ONEWAY ? FLOW_CLASS_OTHER : FLOW_CLASS_UDP_ONEWAY;
        make_flows(2001, "all=30");
        create_in((enum flow_class) class, 5000);
        for (uint64_t n = 0; n < 2000; n++)
            create_in(flood, n);
        flows.now += 31;
        for (unsigned call = 0; call < FLOW_CLASS_COUNT; call++)
            flows_expire(&flows);
        assert_int_equal(flow_number(5000), NO_FLOW);
    }
}

static void the_end_of_the_run_ends_every_flow_a_few_at_a_time(void **state) {
    (void)state;
    make_flows(100, NULL);
    for (uint64_t n = 0; n < 100; n++)
        create_in(FLOW_CLASS_UDP_ONEWAY, n);
    for (uint64_t n = 0; n < 100; n += 10)
        flows_end(&flows, flow_number(n), FB_END_VERDICT);
    uint32_t from = 0;
    assert_true(flows_end_all(&flows, &from, 0));
    assert_int_equal(flows.ended[FB_END_SHUTDOWN], 0);
    for (unsigned n = 1; n <= 12; n++) {
        bool more = flows_end_all(&flows, &from, 7);
        assert_true(more || n == 12);
        assert_int_equal(flows.ended[FB_END_SHUTDOWN], 7 * n);
    }
    while (flows_end_all(&flows, &from, 7))
        ;
    assert_int_equal(flows.ended[FB_END_SHUTDOWN], 90);
    assert_int_equal(flows.table.used, 0);
    assert_false(flows_end_all(&flows, &from, UINT32_MAX));
    books_balance();
}

/* What stood in the table before an expiry, to see who is gone and whether it was time. */
static void only_the_overdue_are_gone(const struct flow_entry *before, uint32_t count) {
    for (uint32_t flow = 0; flow < count; flow++) {
        bool was = (before[flow].key.word[4] & FLOW_LIVE) != 0;
        bool is = (entry_of(flow)->key.word[4] & FLOW_LIVE) != 0;
        assert_true(was || !is);
        if (!was)
            continue;
        enum flow_class class = flow_state_class(&flows.rules, before[flow].state);
        uint32_t timeout = flows.rules.timeout_ticks[class];
        uint64_t slack = 1u << flows.wheels[class].shift;
        uint64_t idle = flows.now - before[flow].last;
        if (!is)
            assert_true(timeout != FLOW_TIMEOUT_NEVER && idle >= timeout);
        else
            assert_true(idle < timeout + slack);
    }
}

static void one_random_packet(struct random *random, uint64_t n) {
    static const unsigned flags[] = {SYN, SYN | ACK, ACK, ACK, ACK, FIN | ACK, RST};
    unsigned tcp_flags = flags[random_below(random, 7)];
    uint8_t proto = (uint8_t[]){TCP, TCP, UDP, ICMP}[n % 4];
    uint32_t flow = flow_number(n);
    enum fb_end_reason reason;
    if (flow != NO_FLOW && flow_expired(&flows, entry_of(flow), tcp_flags, &reason)) {
        flows_end(&flows, flow, reason);
        flow = NO_FLOW;
    }
    if (flow == NO_FLOW)
        flow = create(n, proto, tcp_flags, random_below(random, 2));
    else
        flows_touch(&flows, flow, random_below(random, 2), tcp_flags, random_below(random, 2));
    if ((entry_of(flow)->key.word[4] & FLOW_BOUND) == 0 && random_below(random, 4) != 0)
        flows_bind(&flows, flow, (uint8_t)random_below(random, WORKERS));
}

static void pass_pending_ends(void) {
    struct pending_end end;
    for (unsigned k = 0; k < WORKERS; k++) {
        while (handles_pop_end(&handles[k], &end)) {
            handles_give_back(&handles[k], end.handle);
            flows.ends_pending--;
        }
    }
}

static void created_is_ended_and_active_at_every_step_of_a_random_run(void **state) {
    (void)state;
    enum { capacity = 50 };
    static struct flow_entry before[capacity];
    struct random random = random_from(6);
    make_flows(capacity, "tcp-established=600,udp-twoway=never");
    uint32_t peak = 0;
    for (unsigned step = 0; step < 40000; step++) {
        if (random_below(&random, 16) == 0)
            flows.now += random_below(&random, random_below(&random, 32) == 0 ? 200 : 4);
        memcpy(before, flows.table.entries, sizeof before);
        for (unsigned i = 0; i < FLOW_CLASS_COUNT; i++)
            flows_expire(&flows);
        only_the_overdue_are_gone(before, capacity);
        /* In turn more flows than there is room for, and fewer. */
        one_random_packet(&random, random_below(&random, step / 4000 % 2 == 0 ? 70 : 30));
        peak = flows.table.used > peak ? flows.table.used : peak;
        books_balance();
        if (random_below(&random, 8) == 0)
            pass_pending_ends();
    }
    assert_int_equal(flows.peak, peak);
    assert_int_equal(peak, capacity);
    static const enum fb_end_reason seen[] = {FB_END_CLOSED, FB_END_TIMED_OUT, FB_END_EVICTED,
                                              FB_END_REUSED, FB_END_WORKER_LOST};
    for (unsigned i = 0; i < sizeof seen / sizeof *seen; i++)
        assert_true(flows.ended[seen[i]] > 100);
    assert_true(flows.stray_syns > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_finds_its_flow_over_at_the_tick_of_its_timeout),
        cmocka_unit_test(an_idle_flow_expires_after_its_timeout_and_at_most_a_slot_later),
        cmocka_unit_test(a_class_that_never_times_out_keeps_its_flows),
        cmocka_unit_test(a_used_flow_keeps_its_timer_and_expires_by_its_last_packet),
        cmocka_unit_test(a_flow_that_comes_into_a_shorter_class_expires_by_that),
        cmocka_unit_test(a_flow_that_comes_into_a_longer_class_lives_on),
        cmocka_unit_test(a_syn_ends_a_closing_flow_and_only_that),
        cmocka_unit_test(closing_never_switches_endings_off),
        cmocka_unit_test(a_forged_syn_is_counted_and_moves_no_live_flow),
        cmocka_unit_test(a_flow_that_goes_on_after_a_forged_rst_is_established_again),
        cmocka_unit_test(a_full_table_gives_up_the_least_valuable_class_first),
        cmocka_unit_test(of_one_class_the_flow_idle_longest_is_evicted),
        cmocka_unit_test(a_class_that_never_times_out_is_evicted_from_all_the_same),
        cmocka_unit_test(a_flood_of_forged_acks_evicts_no_other_flow),
        cmocka_unit_test(a_table_for_one_flow_evicts_it_for_the_next),
        cmocka_unit_test(a_flow_without_a_worker_ends_as_worker_lost_whatever_the_reason),
        cmocka_unit_test(a_bound_flow_ends_at_its_worker_with_id_and_generation),
        cmocka_unit_test(the_first_direction_is_remembered),
        cmocka_unit_test(expiry_looks_at_a_bounded_number_of_timers_a_call),
        cmocka_unit_test(a_flood_in_one_class_does_not_keep_another_from_expiring),
        cmocka_unit_test(the_end_of_the_run_ends_every_flow_a_few_at_a_time),
        cmocka_unit_test(created_is_ended_and_active_at_every_step_of_a_random_run),
    };
    return cmocka_run_group_tests(tests, NULL, free_flows);
}
