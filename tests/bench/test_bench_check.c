/* SPDX-License-Identifier: BSD-2-Clause */
/* That a benchmark cannot flatter: what its check refuses, of made-up facts and of real passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flow_balancer/common/log.h"
#include "tests/bench/check.h"
#include "tests/bench/steady.h"

#define FLOWS 300u
#define WORKERS 2u

static char why[160];

static struct bench_facts honest(void) {
    const struct bench_tally tally = {.packets = 10, .bytes = 600, .digest = 12345};
    return (struct bench_facts){.given = tally,
                                .read = tally,
                                .bytes_read = true,
                                .delivered = 30,
                                .received = 30,
                                .inspected = 30,
                                .flows_asked = 7,
                                .flows_created = 7,
                                .flows_active = 7};
}

static void assert_refused(const struct bench_facts *facts, const char *expected) {
    assert_false(bench_check(facts, why, sizeof why));
    if (strstr(why, expected) == NULL)
        fail_msg("refused because of '%s', not '%s'", why, expected);
}

static void honest_facts_pass(void **state) {
    (void)state;
    struct bench_facts facts = honest();
    assert_true(bench_check(&facts, why, sizeof why));
}

static void each_fact_that_differs_is_named_with_both_values(void **state) {
    (void)state;
    const struct {
        size_t offset;
        const char *expected;
    } cases[] = {
        {offsetof(struct bench_facts, read.packets), "packets that consumers read: 11, but"},
        {offsetof(struct bench_facts, read.bytes), "bytes that consumers read: 601, but"},
        {offsetof(struct bench_facts, read.digest), "digest of the bytes read: 12346, but"},
        {offsetof(struct bench_facts, received), "received in the ledger: 31, but"},
        {offsetof(struct bench_facts, inspected), "inspected in the ledger: 31, but received: 30"},
        {offsetof(struct bench_facts, dropped), "dropped in the ledger: 1, but none: 0"},
        {offsetof(struct bench_facts, flows_created), "flows created: 8, but flows asked: 7"},
        {offsetof(struct bench_facts, flows_active), "flows alive: 8, but flows asked: 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench_facts facts = honest();
        ++*(uint64_t *)(void *)((char *)&facts + cases[i].offset);
        assert_refused(&facts, cases[i].expected);
    }
}

static void a_pass_without_frames_is_refused(void **state) {
    (void)state;
    struct bench_facts facts = {0};
    assert_refused(&facts, "no frame was given");
}

static void digest_and_flows_count_only_where_they_were_taken(void **state) {
    (void)state;
    struct bench_facts facts = honest();
    facts.bytes_read = false;
    facts.read.digest++;
    facts.flows_asked = 0;
    facts.flows_created++;
    assert_true(bench_check(&facts, why, sizeof why));
}

static void digest_tells_every_byte_every_place_and_the_length(void **state) {
    (void)state;
    uint8_t bytes[72] = {0};
    for (uint32_t n = 0; n <= 64; n++) {
        uint64_t before = bench_digest(bytes, n);
        assert_int_not_equal(bench_digest(bytes, n + 1), before);
        for (uint32_t at = 0; at < n; at++) {
            bytes[at] ^= 1;
            uint64_t here = bench_digest(bytes, n);
            bytes[at] ^= 1;
            assert_int_not_equal(here, before);
            for (uint32_t other = 0; other < at; other++) {
                bytes[other] ^= 1;
                assert_int_not_equal(bench_digest(bytes, n), here);
                bytes[other] ^= 1;
            }
        }
        bytes[n] = 255; /* beyond the end of a frame: not to be read */
        assert_int_equal(bench_digest(bytes, n), before);
        bytes[n] = 0;
    }
}

static void words_that_two_packets_swap_show_in_their_sum(void **state) {
    (void)state;
    const uint64_t a[2] = {1, 2}, b[2] = {3, 4}, swapped_a[2] = {3, 2}, swapped_b[2] = {1, 4};
    struct bench_tally tally = {0}, swapped = {0};
    bench_tally_add(&tally, (const uint8_t *)a, sizeof a);
    bench_tally_add(&tally, (const uint8_t *)b, sizeof b);
    bench_tally_add(&swapped, (const uint8_t *)swapped_a, sizeof a);
    bench_tally_add(&swapped, (const uint8_t *)swapped_b, sizeof b);
    assert_int_equal(tally.packets, swapped.packets);
    assert_int_equal(tally.bytes, swapped.bytes);
    assert_int_not_equal(tally.digest, swapped.digest);
}

/* ---- real passes through real rings */

struct bench {
    struct steady steady;
    struct rig *rig;
};
static struct bench it;

static int make(uint32_t max_flows) {
    size_t needs;
    fb_log_init("test_bench_check", FB_LOG_ERROR);
    assert_true(steady_open(&it.steady, STEADY_MIX, FLOWS, 1 << 20, &needs));
    it.rig = rig_open(WORKERS, max_flows, true);
    return 0;
}

static int make_bench(void **state) {
    (void)state;
    return make(2 * FLOWS);
}

static int make_bench_with_a_small_table(void **state) {
    (void)state;
    return make(FLOWS - 1);
}

static int free_bench(void **state) {
    (void)state;
    rig_close(it.rig);
    steady_close(&it.steady);
    return 0;
}

static struct bench_facts pass(struct bench_source *source, const struct bench_tally *given,
                               uint64_t flows) {
    struct bench_facts facts = {.given = *given, .flows_asked = flows};
    struct rig_time time = {0};
    rig_pass(it.rig, source, true, &time, &facts);
    assert_true(time.packets > 0 && time.waited_ns < time.ns);
    return facts;
}

static struct bench_facts whole_pass(uint64_t flows) {
    return pass(&it.steady.source, &it.steady.tally, flows);
}

static void an_honest_pass_passes_again_and_again(void **state) {
    (void)state;
    struct bench_facts facts = pass(&it.steady.opener, &it.steady.opened, FLOWS);
    if (!bench_check(&facts, why, sizeof why))
        fail_msg("%s", why);
    for (unsigned i = 0; i < 3; i++) {
        facts = whole_pass(FLOWS);
        if (!bench_check(&facts, why, sizeof why))
            fail_msg("pass %u: %s", i, why);
        assert_true(facts.read.packets > FLOWS);
    }
}

static void a_byte_changed_on_the_way_is_refused(void **state) {
    (void)state;
    const struct frame *frame = &it.steady.frames[it.steady.count / 2];
    it.steady.bytes[(size_t)(frame->data - it.steady.bytes) + frame->caplen - 1] ^= 1;
    struct bench_facts facts = whole_pass(FLOWS);
    assert_refused(&facts, "digest of the bytes read");
}

/* All frames but the last one. */
static unsigned next_but_last(struct bench_source *source, const struct frame **frames) {
    (void)source;
    unsigned count = it.steady.source.next(&it.steady.source, frames);
    return it.steady.at == it.steady.count ? count - 1 : count;
}

static void a_packet_that_is_missing_is_refused(void **state) {
    (void)state;
    struct bench_source source = {next_but_last, true};
    struct bench_facts facts = pass(&source, &it.steady.tally, FLOWS);
    assert_refused(&facts, "packets that consumers read");
}

static void a_packet_that_the_dispatcher_drops_is_refused(void **state) {
    (void)state;
    it.rig->datapath.egress.block = false;
    for (unsigned k = 0; k < WORKERS; k++)
        it.rig->fleet.lanes[k].tx.depth = 1;
    struct bench_facts facts = whole_pass(FLOWS);
    assert_true(facts.dropped > 0);
    facts.read = facts.given; /* what the ledger alone says */
    assert_refused(&facts, "inspected in the ledger");
    facts.inspected = facts.received;
    assert_refused(&facts, "dropped in the ledger");
}

static void fewer_flows_than_asked_are_refused(void **state) {
    (void)state;
    struct bench_facts facts = whole_pass(FLOWS + 1);
    assert_refused(&facts, "flows created: 300, but flows asked: 301");
}

/* One burst of flows. */
static unsigned next_first_only(struct bench_source *source, const struct frame **frames) {
    (void)source;
    return it.steady.next_flow == BURST_MAX ? 0 : it.steady.opener.next(&it.steady.opener, frames);
}

static void a_flow_that_has_ended_is_refused(void **state) {
    (void)state;
    pass(&it.steady.opener, &it.steady.opened, FLOWS);
    flows_end(&it.rig->flows, FLOWS - 1, FB_END_TIMED_OUT);
    struct bench_source source = {next_first_only, false};
    struct bench_facts facts = pass(&source, &it.steady.opened, FLOWS);
    facts.given = facts.read;
    assert_int_equal(facts.given.packets, BURST_MAX);
    assert_refused(&facts, "flows alive: 299, but flows asked: 300");
}

static void flows_that_the_table_cannot_hold_are_refused(void **state) {
    (void)state;
    struct bench_facts facts = pass(&it.steady.opener, &it.steady.opened, FLOWS);
    assert_refused(&facts, "flows alive: 299, but flows asked: 300");
}

int main(void) {
#define REAL(test) cmocka_unit_test_setup_teardown(test, make_bench, free_bench)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_facts_pass),
        cmocka_unit_test(each_fact_that_differs_is_named_with_both_values),
        cmocka_unit_test(a_pass_without_frames_is_refused),
        cmocka_unit_test(digest_and_flows_count_only_where_they_were_taken),
        cmocka_unit_test(digest_tells_every_byte_every_place_and_the_length),
        cmocka_unit_test(words_that_two_packets_swap_show_in_their_sum),
        REAL(an_honest_pass_passes_again_and_again),
        REAL(a_byte_changed_on_the_way_is_refused),
        REAL(a_packet_that_is_missing_is_refused),
        REAL(a_packet_that_the_dispatcher_drops_is_refused),
        REAL(fewer_flows_than_asked_are_refused),
        REAL(a_flow_that_has_ended_is_refused),
        cmocka_unit_test_setup_teardown(flows_that_the_table_cannot_hold_are_refused,
                                        make_bench_with_a_small_table, free_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
