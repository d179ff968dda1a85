/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/lib/fragments_model.h"

/*
 * dispatcher/flows/fragments.c: the input is a program that drives the tracker
 * and its model together: first the bounds of both, then one operation after
 * another.
 */
#define FUZZ_IDS 12u
#define FUZZ_PORTS 3u
#define STEPS_BETWEEN_LOOKS 16u

static struct fragments_model model; /* made again for each input */

/* By the first byte of an operation, modulo the sum of all. */
enum operation { OFFER = 10, TICK = 12, LEAP = 13, EXPIRE = 15, BURST = 18, RELEASE = 19, WHOLE };

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    fuzz_abort_on_failure();
    fragments_fixture_init(&model.real);
    return 0;
}

static void begin(struct fuzz_input *in) {
    fragments_model_make(
        &model, (struct fragments_config){.max_datagrams = 1 + fuzz_below(in, 12),
                                          .max_frames = 1 + fuzz_below(in, 130),
                                          .max_bytes = FB_FRAME_MAX + 4096 * fuzz_below(in, 4),
                                          .timeout_ticks = 1 + fuzz_below(in, 16),
                                          .reuse_ticks = fuzz_below(in, 6)});
    /* The same every time, so that what fails can be repeated. */
    model.real.tracker.hash.secret[0] = 1;
    model.real.tracker.hash.secret[1] = 2;
}

/* Any part of a datagram, in any order, of any length; a first one is never all of it. */
static void offer_piece(struct fuzz_input *in) {
    unsigned shape = fuzz_byte(in), size = fuzz_byte(in);
    struct event e = {.id = shape % FUZZ_IDS, .from = fuzz_below(in, PARTS)};
    e.parts = 1 + size % (PARTS - e.from);
    e.more = e.from == 0 || shape < 160;
    e.ports = e.from == 0 ? 1 + shape / FUZZ_IDS % FUZZ_PORTS : 0;
    e.caplen = size < 240 ? size * 9u : fuzz_16(in) * 4u;
    fragments_model_send(&model, &e);
}

/* A whole packet with a fragment's header goes on as it is, and leaves no trace. */
static void offer_whole(struct fuzz_input *in) {
    struct fragment f = piece(fuzz_below(in, FUZZ_IDS), 0, PART, false);
    fragments_model_expect(&model, model.real.sent + 1, 77);
    struct frame frame = frame_number(&model.real, ++model.real.sent, 60);
    struct decoded d = {.key = key_with(77, UDP), .swapped = 1};
    uint64_t taken = counter(&model.real, FB_FRAGMENT_TAKEN);
    deliver_released(&model.real); /* what comes before it in the model's list */
    assert_int_equal(
        fragments_offer(&model.real.tracker, &f, &frame, model.real.sent, model.real.now, &d),
        FRAGMENT_PASSES);
    assert_int_equal(counter(&model.real, FB_FRAGMENT_TAKEN), taken);
    deliver(&model.real, model.real.sent, &d.key, d.swapped);
}

static void step(struct fuzz_input *in) {
    unsigned operation = fuzz_below(in, WHOLE + 1);
    if (operation < OFFER)
        offer_piece(in);
    else if (operation < TICK)
        model.real.now += 1 + fuzz_below(in, 4);
    else if (operation < LEAP)
        model.real.now += fuzz_below(in, 64);
    else if (operation < EXPIRE)
        fragments_model_expire(&model);
    else if (operation < BURST)
        deliver_burst(&model.real, 1 + fuzz_below(in, RELEASE_BURST));
    else if (operation < RELEASE)
        fragments_model_expire(&model), fragments_model_release(&model);
    else
        offer_whole(in);
}

/* Not one is lost, none comes twice. */
static void every_frame_went_once(void) {
    static uint8_t went[MOST_SENT];
    memset(went, 0, model.real.sent + 1);
    assert_int_equal(model.real.delivered_count, model.real.sent);
    for (unsigned i = 0; i < model.real.delivered_count; i++) {
        assert_in_range(model.real.delivered[i].number, 1, model.real.sent);
        assert_int_equal(went[model.real.delivered[i].number]++, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, data + size};
    unsigned looked_at = 0;
    begin(&in);
    for (unsigned i = 0; fuzz_more(&in); i++) {
        step(&in);
        fragments_model_compare_deliveries(&model, looked_at);
        looked_at = model.real.delivered_count;
        if (i % STEPS_BETWEEN_LOOKS == 0)
            fragments_model_compare_state(&model);
    }
    fragments_model_release(&model);
    deliver_released(&model.real);
    fragments_model_compare_deliveries(&model, looked_at);
    fragments_model_compare_state(&model);
    every_frame_went_once();
    assert_int_equal(fragments_held(&model.real.tracker), 0);
    assert_int_equal(model.real.tracker.blocks_used, 0);
    fragments_fixture_fini(&model.real);
    return 0;
}
