/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/flows/top.c: the largest flows, against exact counts, on skewed streams and on
 * such as would mislead it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/flows/flows.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"

#define MOST_FLOWS 20000u
#define NEVER_SAMPLED 232u /* packets in a row of a flow, after its 32nd */
#define S UINT64_C(1000000000)
#define UDP 17

static struct flows flows;
static struct handle handle_table[MOST_FLOWS];
static struct handles handles;
static struct handles *const by_worker[1] = {&handles};

/* What was really sent, by number. */
static uint64_t sent[MOST_FLOWS], sent_bytes[MOST_FLOWS];
static double faded[MOST_FLOWS]; /* packets, as `now` counts them */
static struct fb_large_flow out[FB_LARGE_FLOWS];

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
                                                               .hugepages = FB_HUGEPAGES_AUTO,
                                                               .handles = by_worker}),
                     0);
    memset(sent, 0, sizeof sent);
    memset(sent_bytes, 0, sizeof sent_bytes);
    memset(faded, 0, sizeof faded);
}

static struct fb_flow_key key_number(uint32_t n) {
    return (struct fb_flow_key){.word = {0, n, 0, ~n, UDP << 8 | FB_KEY_IP4}};
}

static uint32_t number_of(const struct fb_large_flow *flow) {
    return (uint32_t)flow->key.word[1];
}

/* A packet of flow number n, which begins with it if there is none. */
static void send(uint32_t n, uint32_t bytes) {
    struct fb_flow_key key = key_number(n);
    uint64_t hash = key_hash_one(&flows.hash, &key);
    uint32_t flow = flow_table_find(&flows.table, hash, &key);
    if (flow == NO_FLOW)
        flow = flows_create(&flows, hash, &key, n % 2 != 0, UDP, 0, 1);
    flows_count(&flows, flow, bytes);
    sent[n]++;
    sent_bytes[n] += bytes;
    faded[n]++;
}

static void end_number(uint32_t n) {
    struct fb_flow_key key = key_number(n);
    flows_end(&flows, flow_table_find(&flows.table, key_hash_one(&flows.hash, &key), &key),
              FB_END_TIMED_OUT);
}

/* Fades what was sent, as a list at 0.1 s a step does. */
static void pass_tenths(uint64_t *now_ns, unsigned tenths) {
    *now_ns += tenths * S / 10;
    top_age(&flows.top, *now_ns);
    for (uint32_t n = 0; n < MOST_FLOWS; n++)
        faded[n] *= exp(-0.02 * tenths);
}

static unsigned look_at_run(void) {
    unsigned count = 0;
    top_of_run(&flows.top, &flows.table, out);
    while (count < FB_LARGE_FLOWS && out[count].packets != 0)
        count++;
    for (unsigned i = count; i < FB_LARGE_FLOWS; i++)
        assert_int_equal(out[i].packets, 0);
    return count;
}

static unsigned look_at_now(void) {
    unsigned count = 0;
    top_now(&flows.top, &flows.table, out);
    while (count < FB_LARGE_FLOWS && out[count].packets != 0)
        count++;
    return count;
}

/* Every count is exact, in order, and what is missing is not much larger than the least in it. */
static void expect_run_right(void) {
    static bool listed[MOST_FLOWS];
    memset(listed, 0, sizeof listed);
    unsigned count = look_at_run();
    for (unsigned i = 0; i < count; i++) {
        uint32_t n = number_of(&out[i]);
        assert_false(listed[n]);
        listed[n] = true;
        assert_int_equal(out[i].packets, sent[n]);
        assert_int_equal(out[i].sender, n % 2);
        assert_true(i == 0 || out[i].packets <= out[i - 1].packets);
    }
    uint64_t least = count == FB_LARGE_FLOWS ? out[count - 1].packets : 0;
    for (uint32_t n = 0; n < MOST_FLOWS; n++) {
        if (listed[n] || sent[n] <= TOP_FIRST_SAMPLE)
            continue;
        if (count < FB_LARGE_FLOWS || sent[n] > least + NEVER_SAMPLED)
            fail_msg("flow %u has %llu packets, the least of %u listed %llu", n,
                     (unsigned long long)sent[n], count, (unsigned long long)least);
    }
}

/* No rate is too low, and without what it may have too much none is too high; by one sample. */
static void expect_now_right(double span_s) {
    unsigned count = look_at_now();
    double all = 0, sample = TOP_SAMPLE_PACKETS / span_s + 2;
    static bool listed[MOST_FLOWS];
    memset(listed, 0, sizeof listed);
    for (uint32_t n = 0; n < MOST_FLOWS; n++)
        all += faded[n];
    for (unsigned i = 0; i < count; i++) {
        uint32_t n = number_of(&out[i]);
        double real = faded[n] / span_s;
        listed[n] = true;
        assert_true(i == 0 || out[i].per_s <= out[i - 1].per_s);
        if ((double)out[i].per_s + sample < real ||
            (double)out[i].per_s - (double)out[i].over_per_s > real + sample)
            fail_msg("flow %u sends %.1f a second, listed is %llu, %llu of it perhaps others'", n,
                     real, (unsigned long long)out[i].per_s, (unsigned long long)out[i].over_per_s);
        assert_true((double)out[i].over_per_s <= all / span_s / TOP_SLOTS * 1.2 + sample);
    }
    for (uint32_t n = 0; n < MOST_FLOWS; n++)
        if (!listed[n] && faded[n] > 2 * all / TOP_SLOTS + 2 * TOP_SAMPLE_PACKETS)
            fail_msg("flow %u has %.0f of %.0f packets now and is not listed", n, faded[n], all);
}

/* ---- samples */

static void samples_are_one_in_128_with_three_gaps_and_come_round(void **state) {
    (void)state;
    uint32_t samples = 0, before = 0, odd = 0;
    for (uint32_t seq = 0; seq < 1u << 20; seq++) {
        if (!top_is_sample(seq))
            continue;
        uint32_t gap = seq - before;
        assert_true(samples == 0 ? seq == TOP_FIRST_SAMPLE : gap == 89 || gap == 144 || gap == 233);
        before = seq;
        samples++;
        odd += seq & 1;
    }
    assert_in_range(samples, (1u << 20) / TOP_SAMPLE_PACKETS - 2,
                    (1u << 20) / TOP_SAMPLE_PACKETS + 2);
    assert_in_range(odd, samples * 2 / 5, samples * 3 / 5);
    unsigned last = 0; /* the gap in which seq comes round to 0 is no longer */
    for (uint32_t seq = UINT32_MAX - NEVER_SAMPLED; seq != TOP_FIRST_SAMPLE; seq++)
        last += top_is_sample(seq);
    assert_true(last >= 1);
}

/* ---- the run */

static void without_a_flow_that_is_large_enough_the_lists_are_empty(void **state) {
    (void)state;
    make_flows(100);
    assert_int_equal(look_at_run(), 0);
    assert_int_equal(look_at_now(), 0);
    for (unsigned i = 0; i < TOP_FIRST_SAMPLE; i++)
        send(1, 100);
    assert_int_equal(look_at_run(), 0);
    send(1, 100);
    assert_int_equal(look_at_run(), 1);
    assert_int_equal(out[0].packets, TOP_FIRST_SAMPLE + 1);
    assert_int_equal(out[0].worker, FB_NO_WORKER);
    assert_int_equal(out[0].per_s, 0); /* no time has passed */
}

static void flows_of_a_skewed_stream_are_counted_exactly(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        make_flows(MOST_FLOWS);
        struct random random = random_from(seed);
        for (unsigned i = 0; i < 400000; i++) {
            double u = (double)random_below(&random, 1u << 30) / (1u << 30);
            send((uint32_t)(pow(u, 6) * (MOST_FLOWS - 1)), 60 + i % 1000);
            if (i % 50000 == 0)
                expect_run_right();
        }
        expect_run_right();
        assert_int_equal(look_at_run(), FB_LARGE_FLOWS);
    }
}

/* Each is as large as all before it: in a list that forgot what was put out all would be wrong. */
static void flows_that_grow_together_are_counted_exactly(void **state) {
    (void)state;
    make_flows(MOST_FLOWS);
    for (unsigned round = 0; round < 600; round++)
        for (uint32_t n = 0; n < 500; n++)
            send(n, 60);
    expect_run_right();
}

static void flows_each_larger_than_all_before_are_counted_exactly(void **state) {
    (void)state;
    make_flows(MOST_FLOWS);
    for (uint32_t n = 0; n < 300; n++) {
        for (unsigned i = 0; i < 40 + 5 * n; i++)
            send(n, 60);
        end_number(n);
    }
    expect_run_right();
    for (unsigned i = 0; i < FB_LARGE_FLOWS; i++)
        assert_true(out[i].ended && number_of(&out[i]) == 299 - i);
}

/* One large flow, and a flood of others of which each is sampled once and ends. */
static void a_flood_of_short_flows_does_not_put_a_large_one_out(void **state) {
    (void)state;
    make_flows(MOST_FLOWS);
    for (unsigned i = 0; i < 5000; i++)
        send(0, 1500);
    for (uint32_t n = 1; n < 4000; n++) {
        for (unsigned i = 0; i <= TOP_FIRST_SAMPLE; i++)
            send(n, 60);
        end_number(n);
    }
    expect_run_right();
    assert_int_equal(number_of(&out[0]), 0);
    assert_false(out[0].ended);
    assert_int_equal(out[0].bytes, 5000 * 1500);
}

static void an_ended_flow_keeps_its_count_and_its_entry_is_another_flow(void **state) {
    (void)state;
    make_flows(1); /* each flow has the entry of the one before */
    for (uint32_t n = 0; n < 10; n++)
        for (unsigned i = 0; i < 100 + n; i++)
            send(n, 60);
    expect_run_right();
    assert_int_equal(look_at_run(), 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(out[i].ended, i != 0);
    for (unsigned i = 1; i < 10; i++)
        assert_true(out[i].id != out[i - 1].id);
}

static void a_flow_is_counted_on_when_its_sequence_comes_round_to_0(void **state) {
    (void)state;
    make_flows(100);
    for (unsigned i = 0; i < 1000; i++)
        send(7, 60);
    struct fb_flow_key key = key_number(7);
    uint32_t flow = flow_table_find(&flows.table, key_hash_one(&flows.hash, &key), &key);
    for (uint64_t most = UINT64_C(1) << 33; sent[7] < most; sent[7] += UINT64_C(1) << 30) {
        flows.table.entries[flow].seq += 1u << 30; /* as many packets between two looks */
        look_at_run();
    }
    expect_run_right();
    /* Its seq is small again when it ends, and the next of its entry is not taken for it. */
    flows.table.entries[flow].seq = 3;
    flows_end(&flows, flow, FB_END_TIMED_OUT);
    for (unsigned i = 0; i < 200; i++)
        send(8, 60);
    assert_int_equal(look_at_run(), 2);
    assert_true(out[0].ended && number_of(&out[0]) == 7);
    assert_true(!out[1].ended && out[1].packets == 200);
}

static void bytes_of_a_dialogue_that_alternates_are_those_of_both_directions(void **state) {
    (void)state;
    make_flows(100);
    for (unsigned i = 0; i < 100000; i++)
        send(1, i % 2 == 0 ? 1500 : 60);
    for (unsigned i = 0; i < 90000; i++)
        send(2, i % 3 == 0 ? 60 : 1500);
    assert_int_equal(look_at_run(), 2);
    for (unsigned i = 0; i < 2; i++) {
        double real = (double)sent_bytes[number_of(&out[i])];
        assert_true((double)out[i].bytes > real * 0.95 && (double)out[i].bytes < real * 1.05);
    }
}

static void the_worker_of_a_flow_is_the_one_it_was_given_last(void **state) {
    (void)state;
    make_flows(100);
    for (unsigned i = 0; i < 100; i++)
        send(5, 60);
    struct fb_flow_key key = key_number(5);
    uint32_t flow = flow_table_find(&flows.table, key_hash_one(&flows.hash, &key), &key);
    flows.table.entries[flow].last = 1;
    flows_bind(&flows, flow, 0);
    look_at_run();
    assert_int_equal(out[0].worker, 0);
    end_number(5);
    look_at_run();
    assert_int_equal(out[0].worker, 0);
}

/* ---- now */

static void the_busiest_are_those_of_the_last_seconds(void **state) {
    (void)state;
    uint64_t now_ns = 0;
    make_flows(MOST_FLOWS);
    for (unsigned i = 0; i < 100000; i++)
        send(1, 60);
    pass_tenths(&now_ns, 100);
    for (unsigned tenth = 0; tenth < 200; tenth++) {
        for (unsigned i = 0; i < 100; i++)
            send(2, 60);
        pass_tenths(&now_ns, 1);
    }
    look_at_run();
    assert_int_equal(number_of(&out[0]), 1);
    assert_in_range(look_at_now(), 1, 2);
    assert_int_equal(number_of(&out[0]), 2);
    assert_in_range(out[0].per_s, 950, 1050);
    assert_int_equal(out[0].over_per_s, 0);
    pass_tenths(&now_ns, 1000);
    assert_int_equal(look_at_now(), 0);
    pass_tenths(&now_ns, 36000); /* an hour in which nothing ran */
    send(2, 60);
    look_at_now();
}

static void a_run_that_has_just_begun_has_rates(void **state) {
    (void)state;
    make_flows(100);
    for (unsigned i = 0; i < 100; i++)
        send(1, 60);
    top_age(&flows.top, S / 20);
    assert_int_equal(look_at_now(), 1);
    assert_int_equal(out[0].per_s, 2000);
}

/* Between two steps of fading, too: else one would take the place of the other. */
static void each_newcomer_takes_the_place_of_the_one_that_has_least_then(void **state) {
    (void)state;
    enum { newcomers = 2 * TOP_GROUP };
    make_flows(100);
    for (uint32_t n = 0; n < TOP_SLOTS + newcomers; n++)
        for (unsigned i = 0; i <= TOP_FIRST_SAMPLE; i++)
            send(n, 60);
    top_age(&flows.top, S / 20);
    assert_int_equal(look_at_now(), FB_LARGE_FLOWS);
    for (unsigned i = 0; i < newcomers; i++) {
        assert_true(number_of(&out[i]) >= TOP_SLOTS);
        assert_int_equal(out[i].per_s, 2 * 32 * 20);
        assert_int_equal(out[i].over_per_s, 32 * 20);
    }
    assert_int_equal(out[newcomers].per_s, 32 * 20);
}

static void rates_of_a_skewed_stream_are_within_what_is_told(void **state) {
    (void)state;
    uint64_t now_ns = 0;
    make_flows(MOST_FLOWS);
    struct random random = random_from(4);
    for (unsigned tenth = 0; tenth < 120; tenth++) {
        for (unsigned i = 0; i < 6000; i++) {
            double u = (double)random_below(&random, 1u << 30) / (1u << 30);
            uint32_t from = tenth / 40 * 5000; /* others every four seconds */
            send(from + (uint32_t)(pow(u, 8) * 4999), 60);
        }
        pass_tenths(&now_ns, 1);
    }
    expect_now_right(flows.top.span_s);
    assert_int_equal(look_at_now(), FB_LARGE_FLOWS);
    assert_int_equal(number_of(&out[0]), 10000);
}

/* One flow in twenty packets, hidden among flows that come once, are sampled, and go. */
static void a_flood_of_short_flows_does_not_hide_who_is_busy(void **state) {
    (void)state;
    uint64_t now_ns = 0;
    uint32_t n = 1;
    make_flows(MOST_FLOWS);
    for (unsigned tenth = 0; tenth < 100; tenth++) {
        for (unsigned k = 0; k < 100; k++, n = n % (MOST_FLOWS - 1) + 1) {
            for (unsigned i = 0; i <= TOP_FIRST_SAMPLE; i++) {
                send(n, 60);
                if (i % 19 == 0)
                    send(0, 60);
            }
            end_number(n);
        }
        pass_tenths(&now_ns, 1);
    }
    expect_now_right(flows.top.span_s);
    assert_int_equal(number_of(&out[0]), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_one_in_128_with_three_gaps_and_come_round),
        cmocka_unit_test(without_a_flow_that_is_large_enough_the_lists_are_empty),
        cmocka_unit_test(flows_of_a_skewed_stream_are_counted_exactly),
        cmocka_unit_test(flows_that_grow_together_are_counted_exactly),
        cmocka_unit_test(flows_each_larger_than_all_before_are_counted_exactly),
        cmocka_unit_test(a_flood_of_short_flows_does_not_put_a_large_one_out),
        cmocka_unit_test(an_ended_flow_keeps_its_count_and_its_entry_is_another_flow),
        cmocka_unit_test(a_flow_is_counted_on_when_its_sequence_comes_round_to_0),
        cmocka_unit_test(bytes_of_a_dialogue_that_alternates_are_those_of_both_directions),
        cmocka_unit_test(the_worker_of_a_flow_is_the_one_it_was_given_last),
        cmocka_unit_test(the_busiest_are_those_of_the_last_seconds),
        cmocka_unit_test(a_run_that_has_just_begun_has_rates),
        cmocka_unit_test(each_newcomer_takes_the_place_of_the_one_that_has_least_then),
        cmocka_unit_test(rates_of_a_skewed_stream_are_within_what_is_told),
        cmocka_unit_test(a_flood_of_short_flows_does_not_hide_who_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, end_flows);
}
