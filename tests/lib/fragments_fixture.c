/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/fragments_fixture.h"

#include <stdio.h>
#include <stdlib.h>

void fragments_fixture_init(struct fragments_fixture *fx) {
    for (unsigned i = 0; i < sizeof fx->pattern; i++)
        fx->pattern[i] = (uint8_t)(i * 7 + i / 251);
}

void fragments_fixture_fini(struct fragments_fixture *fx) {
    if (fx->made)
        fragments_fini(&fx->tracker);
    fx->made = false;
}

void make_tracker(struct fragments_fixture *fx, struct fragments_config config) {
    fragments_fixture_fini(fx);
    assert_int_equal(fragments_init(&fx->tracker, &config, FB_HUGEPAGES_NEVER), 0);
    fx->made = true;
    fx->now = 1;
    fx->sent = 0;
    fx->delivered_count = 0;
}

int fragments_fixture_set_up(void **state) {
    struct fragments_fixture *fx = new_state(state, sizeof *fx);
    fragments_fixture_init(fx);
    make_tracker(fx, small_config());
    return 0;
}

int fragments_fixture_tear_down(void **state) {
    struct fragments_fixture *fx = *state;
    fragments_fixture_fini(fx);
    free(fx);
    return 0;
}

struct fragments_config small_config(void) {
    return (struct fragments_config){.max_datagrams = 16,
                                     .max_frames = 8,
                                     .max_bytes = FB_FRAME_MAX,
                                     .timeout_ticks = 30,
                                     .reuse_ticks = 4};
}

/* ---- what is offered */

struct frame frame_number(const struct fragments_fixture *fx, uint64_t n, uint32_t caplen) {
    return (struct frame){.data = fx->pattern + n % 199,
                          .time_ns = n * 1000,
                          .caplen = caplen,
                          .wirelen = caplen + (uint32_t)(n % 3),
                          .dlt = (int32_t)(n % 5)};
}

struct fb_flow_key key_with(uint64_t ports, uint64_t proto) {
    return (struct fb_flow_key){
        {0, 0x0a000001, 0, 0x0a000002, ports << 32 | proto << 8 | FB_KEY_IP4}};
}

struct fragment piece(uint32_t id, unsigned offset, unsigned length, bool more) {
    return (struct fragment){.source = {0, 0x0a000001},
                             .destination = {0, 0x0a000002},
                             .id = id,
                             .length = length,
                             .offset = (uint16_t)offset,
                             .version = 4,
                             .proto = UDP,
                             .more = more};
}

bool offer(struct fragments_fixture *fx, const struct fragment *fragment, struct fb_flow_key key,
           unsigned swapped, uint32_t caplen) {
    struct frame frame = frame_number(fx, ++fx->sent, caplen);
    struct decoded decoded = {.key = key, .swapped = (uint8_t)swapped};
    unsigned refusals = fragments_any_released(&fx->tracker) ? 2 : 1;
    struct fragment offered = *fragment;
    enum fragments_result result;
    while ((result = fragments_offer(&fx->tracker, &offered, &frame, fx->sent, fx->now,
                                     &decoded)) == FRAGMENT_REFUSED) {
        assert_int_not_equal(refusals--, 0);
        assert_memory_equal(&decoded.key, &key, sizeof key);
        deliver_released(fx);
    }
    if (result == FRAGMENT_PASSES)
        deliver(fx, fx->sent, &decoded.key, decoded.swapped);
    return result == FRAGMENT_HELD;
}

bool offer_first(struct fragments_fixture *fx, uint32_t id, uint64_t ports) {
    struct fragment f = piece(id, 0, 16, true);
    return offer(fx, &f, key_with(ports, UDP), 1, 100);
}

bool offer_later(struct fragments_fixture *fx, uint32_t id, unsigned offset) {
    struct fragment f = piece(id, offset, 16, true);
    return offer(fx, &f, key_with(0, UDP), 0, 100);
}

bool offer_last(struct fragments_fixture *fx, uint32_t id, unsigned offset) {
    struct fragment f = piece(id, offset, 16, false);
    return offer(fx, &f, key_with(0, UDP), 0, 100);
}

/* ---- what is delivered */

void deliver(struct fragments_fixture *fx, uint64_t number, const struct fb_flow_key *key,
             unsigned swapped) {
    assert_true(fx->delivered_count < MOST_SENT);
    fx->delivered[fx->delivered_count++] =
        (struct delivered){.number = number, .key = *key, .swapped = swapped};
}

/* Every frame is looked at only when all of the burst are there. */
unsigned deliver_burst(struct fragments_fixture *fx, unsigned max) {
    struct fragments_out out[RELEASE_BURST];
    assert_true(max <= RELEASE_BURST);
    unsigned n = fragments_burst(&fx->tracker, out, max);
    assert_true(n <= max);
    for (unsigned i = 0; i < n; i++) {
        const struct frame *got = &out[i].frame;
        struct frame expected = frame_number(fx, out[i].number, got->caplen);
        assert_int_equal((uintptr_t)got->data % 64, 0);
        assert_memory_equal(got->data, expected.data, got->caplen);
        assert_true(got->time_ns == expected.time_ns && got->wirelen == expected.wirelen);
        assert_true(got->dlt == expected.dlt && !got->new_source);
        deliver(fx, out[i].number, &out[i].key, out[i].swapped);
    }
    return n;
}

void deliver_released(struct fragments_fixture *fx) {
    while (deliver_burst(fx, RELEASE_BURST) != 0)
        ;
    assert_false(fragments_any_released(&fx->tracker));
}

void expire_at(struct fragments_fixture *fx, uint32_t tick) {
    fx->now = tick;
    fragments_expire(&fx->tracker, fx->now);
    deliver_released(fx);
}

void expect_delivered(struct fragments_fixture *fx, const char *numbers, uint64_t ports) {
    char got[256] = "";
    size_t n = 0;
    struct fb_flow_key key = key_with(ports, UDP);
    for (unsigned i = 0; i < fx->delivered_count; i++) {
        n += (size_t)snprintf(got + n, sizeof got - n, i == 0 ? "%u" : " %u",
                              (unsigned)fx->delivered[i].number);
        assert_memory_equal(&fx->delivered[i].key, &key, sizeof key);
        assert_int_equal(fx->delivered[i].swapped, ports != 0);
    }
    assert_string_equal(got, numbers);
    fx->delivered_count = 0;
}
