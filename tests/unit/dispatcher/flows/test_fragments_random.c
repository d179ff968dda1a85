/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/fragments_model.h"

#include <string.h>

#include "tests/lib/random.h"

/*
 * dispatcher/flows/fragments.c against its model: many datagrams together, shuffled,
 * doubled, overlapping, with firsts that never come. What is promised is then asked of
 * the log of deliveries without regard to the model.
 */
#define MOST_IDS 65536u
#define PLANS 24u /* datagrams under way at a time */
#define STEPS 10000u

/* A datagram that is being sent. */
struct plan {
    uint32_t id;
    unsigned parts, count, at;
    uint64_t ports;
    struct event events[2 * PARTS];
};

struct run {
    struct fragments_config config;
    uint32_t ids;         /* identifications used over and over; 0: each once */
    unsigned tick_every;  /* steps between two ticks, in the mean */
    bool leaps;           /* now and then time leaps by up to twice the timeout */
    unsigned long_frames; /* one in so many is much longer */
};

static struct event sent_event[MOST_SENT]; /* by frame number */
static struct plan plans[PLANS];
static uint64_t plan_count;

/* ---- what is sent ---- */

/* Its fragments in a random order, some twice, some joined with the next, some not at all. */
static void new_plan(struct random *random, struct plan *p, const struct run *run) {
    *p = (struct plan){.id = run->ids == 0 ? (uint32_t)plan_count : random_below(random, run->ids),
                       .parts = 2 + random_below(random, PARTS - 1)};
    plan_count++;
    /* Some of those that share an identification are of one flow. */
    p->ports = run->ids != 0 && random_below(random, 4) == 0 ? p->id + 1 : MOST_IDS + plan_count;
    for (unsigned from = 0; from < p->parts; from++) {
        unsigned copies = random_below(random, 10) == 0 ? 2 : random_below(random, 16) != 0;
        while (copies-- != 0) {
            struct event e = {.id = p->id,
                              .from = from,
                              .parts = 1,
                              .ports = from == 0 ? p->ports : 0,
                              .caplen = random_below(random, 1600)};
            /* Not all of it in one: that would be no fragment. */
            if (random_below(random, 8) == 0 && from + 1 < p->parts && p->parts > 2)
                e.parts = 2;
            if (random_below(random, run->long_frames) == 0)
                e.caplen = random_below(random, FB_FRAME_MAX + 1);
            e.more = e.from + e.parts < p->parts;
            p->events[p->count++] = e;
        }
    }
    bool shuffled = random_below(random, 2) == 0;
    for (unsigned i = 0; shuffled && i + 1 < p->count; i++) {
        unsigned j = i + random_below(random, p->count - i);
        struct event e = p->events[i];
        p->events[i] = p->events[j];
        p->events[j] = e;
    }
}

static void send(struct fragments_model *m, const struct event *e) {
    sent_event[m->real.sent + 1] = *e;
    fragments_model_send(m, e);
}

static void step(struct random *random, struct fragments_model *m, const struct run *run) {
    struct plan *p = &plans[random_below(random, PLANS)];
    if (p->at == p->count)
        new_plan(random, p, run);
    else
        send(m, &p->events[p->at++]);
    bool leaps = run->leaps && random_below(random, 32) == 0;
    if (random_below(random, run->tick_every) == 0)
        m->real.now += leaps ? random_below(random, 2 * m->limits.timeout_ticks) : 1;
    if (random_below(random, 8) == 0) {
        fragments_model_expire(m);
        if (random_below(random, 2) == 0)
            deliver_burst(&m->real, 1 + random_below(random, RELEASE_BURST));
    }
}

static void random_run(struct random *random, struct fragments_model *m, const struct run *run) {
    fragments_model_make(m, run->config);
    memset(plans, 0, sizeof plans);
    plan_count = 0;
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned from = m->real.delivered_count;
        step(random, m, run);
        fragments_model_compare_deliveries(m, from);
        if (i % 16 == 0)
            fragments_model_compare_state(m);
    }
    fragments_model_release(m);
    unsigned from = m->real.delivered_count;
    deliver_released(&m->real);
    fragments_model_compare_deliveries(m, from);
    fragments_model_compare_state(m);
    assert_int_equal(fragments_held(&m->real.tracker), 0);
    assert_int_equal(m->real.tracker.blocks_used, 0);
    assert_int_equal(m->real.tracker.released_blocks, 0);
    assert_int_equal(counter(&m->real, FB_FRAGMENT_TAKEN), m->real.sent);
}

/* ---- what is promised ---- */

/* Every frame once, and those of one identification in the order of capture. */
static void every_frame_went_once_and_in_order(struct fragments_model *m) {
    static uint64_t last_of[MOST_IDS];
    memset(last_of, 0, sizeof last_of);
    uint64_t sum = 0;
    assert_int_equal(m->real.delivered_count, m->real.sent);
    for (unsigned i = 0; i < m->real.delivered_count; i++) {
        uint64_t number = m->real.delivered[i].number, *last = &last_of[sent_event[number].id];
        assert_true(number > *last); /* so none is there twice */
        *last = number;
        sum += number;
    }
    assert_true(sum == m->real.sent * (m->real.sent + 1) / 2);
}

/* With one identification each: under one key, its own if its first came. */
static void every_datagram_went_under_one_key(struct fragments_model *m, bool own) {
    static uint64_t ports_of[MOST_IDS], first_of[MOST_IDS];
    unsigned by_addresses = 0;
    memset(ports_of, 0xff, sizeof ports_of);
    memset(first_of, 0, sizeof first_of);
    for (uint64_t n = 1; n <= m->real.sent; n++)
        if (sent_event[n].from == 0)
            first_of[sent_event[n].id] = sent_event[n].ports;
    for (unsigned i = 0; i < m->real.delivered_count; i++) {
        uint32_t id = sent_event[m->real.delivered[i].number].id;
        uint64_t ports = m->real.delivered[i].key.word[4] >> 32;
        assert_true(ports_of[id] == UINT64_MAX || ports_of[id] == ports);
        assert_true(ports == first_of[id] || (!own && ports == 0));
        ports_of[id] = ports;
        by_addresses += ports == 0;
    }
    assert_true(by_addresses > 100); /* some firsts never came */
}

static void with_room_and_time_every_datagram_goes_to_its_flow(void **state) {
    struct fragments_model *m = *state;
    static const struct run run = {.config = {.max_datagrams = 300,
                                              .max_frames = 200,
                                              .max_bytes = 64 * FB_FRAME_MAX,
                                              .timeout_ticks = 100,
                                              .reuse_ticks = 100},
                                   .tick_every = 8,
                                   .long_frames = 200};
    struct random random = random_from(1);
    random_run(&random, m, &run);
    every_frame_went_once_and_in_order(m);
    every_datagram_went_under_one_key(m, true);
    assert_true(counter(&m->real, FB_FRAGMENT_BY_FIRST) > 500);
}

static void with_little_room_every_datagram_still_goes_one_way(void **state) {
    struct fragments_model *m = *state;
    static const struct run run = {.config = {.max_datagrams = 300,
                                              .max_frames = 6,
                                              .max_bytes = FB_FRAME_MAX,
                                              .timeout_ticks = 100,
                                              .reuse_ticks = 100},
                                   .tick_every = 8,
                                   .long_frames = 20};
    struct random random = random_from(2);
    random_run(&random, m, &run);
    every_frame_went_once_and_in_order(m);
    every_datagram_went_under_one_key(m, false);
    assert_true(counter(&m->real, FB_FRAGMENT_BY_FULL) > 500);
}

/* Small tables, short times and few identifications, so that everything happens. */
static void bounds_and_reuse_agree_with_the_model(void **state) {
    struct fragments_model *m = *state;
    uint64_t total[FB_FRAGMENT_COUNT] = {0};
    struct random random = random_from(3);
    for (unsigned i = 0; i < 16; i++) {
        struct run run = {
            .config = {.max_datagrams = 1 + random_below(&random, i % 2 == 0 ? 12 : 60),
                       .max_frames = 1 + random_below(&random, i % 3 == 0 ? 200 : 10),
                       .max_bytes = FB_FRAME_MAX * (1 + random_below(&random, 3)),
                       .timeout_ticks = 1 + random_below(&random, 40),
                       .reuse_ticks = random_below(&random, 10)},
            .ids = i % 4 == 0 ? 0 : 4 + random_below(&random, 40),
            .tick_every = 1 + random_below(&random, 24),
            .leaps = true,
            .long_frames = 10 + random_below(&random, 100)};
        random_run(&random, m, &run);
        every_frame_went_once_and_in_order(m);
        for (unsigned c = 0; c < FB_FRAGMENT_COUNT; c++)
            total[c] += counter(&m->real, c);
    }
    for (unsigned c = 0; c < FB_FRAGMENT_COUNT; c++)
        if (total[c] < 16)
            fail_msg("%s hardly ever came up", fb_fragment_texts[c].name);
}

#define MODEL_TEST(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, fragments_model_set_up, fragments_model_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        MODEL_TEST(with_room_and_time_every_datagram_goes_to_its_flow),
        MODEL_TEST(with_little_room_every_datagram_still_goes_one_way),
        MODEL_TEST(bounds_and_reuse_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
