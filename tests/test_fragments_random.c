/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fragments_fixture.h"

#include "tests/random.h"

/*
 * The tracker against a model that knows no hash, no list, no block and no
 * span: an array of datagrams that is searched from end to end, with a flag for
 * each part of a datagram. Both get the same fragments of many datagrams at
 * once, shuffled, doubled, overlapping, with firsts that never come, and have to
 * deliver the same frames in the same order under the same keys. What is promised is
 * then asked of the log of deliveries without regard to the model.
 *
 * Datagrams have up to six parts of 16 bytes, so that spans are exact.
 */
#define PARTS 6u
#define PART 16u
#define MOST_DATAGRAMS 300u
#define MOST_FRAMES 200u
#define MOST_IDS 65536u
#define PLANS 24u /* datagrams under way at once */
#define STEPS 10000u

struct model_datagram {
    bool alive;
    enum fragments_state state;
    uint32_t id;
    uint64_t ports;
    uint32_t since;
    uint64_t turn; /* its place among those of its state */
    bool seen[PARTS];
    unsigned parts; /* 0: not known */
    unsigned held_count;
    uint64_t held[MOST_FRAMES];
    unsigned blocks;
};

/* A fragment, as model and tracker are given it. */
struct event {
    uint32_t id;
    unsigned from, parts;
    bool more;
    uint64_t ports;
    uint32_t caplen;
};

/* A datagram that is being sent. */
struct plan {
    uint32_t id;
    unsigned parts, count, at;
    uint64_t ports;
    struct event events[2 * PARTS];
};

struct expected {
    uint64_t number, ports;
};

struct run {
    struct fragments_config config;
    uint32_t ids;         /* identifications used over and over; 0: each once */
    unsigned tick_every;  /* steps between two ticks, in the mean */
    bool leaps;           /* now and then time leaps by up to twice the timeout */
    unsigned long_frames; /* one in so many is much longer */
};

static struct model_datagram model[MOST_DATAGRAMS];
static struct fragments_config limits;
static uint32_t model_now;
static uint64_t turns;
static struct expected expected[MOST_SENT];
static unsigned expected_count;
static struct event sent_event[MOST_SENT]; /* by frame number */
static struct plan plans[PLANS];
static uint64_t plan_count;

/* ---- the model ---- */

static void expect_frame(uint64_t number, uint64_t ports) {
    expected[expected_count++] = (struct expected){number, ports};
}

static void enter(struct model_datagram *d, enum fragments_state state) {
    d->state = state;
    d->since = model_now;
    d->turn = ++turns;
}

static void let_go(struct model_datagram *d) {
    for (unsigned i = 0; i < d->held_count; i++)
        expect_frame(d->held[i], d->ports);
    d->held_count = d->blocks = 0;
}

static struct model_datagram *leads(enum fragments_state state) {
    struct model_datagram *leader = NULL;
    for (struct model_datagram *d = model; d < model + limits.max_datagrams; d++)
        if (d->alive && d->state == state && (leader == NULL || d->turn < leader->turn))
            leader = d;
    return leader;
}

static bool is_over(const struct model_datagram *d) {
    return model_now - d->since >= limits.timeout_ticks;
}

static unsigned blocks_of(uint32_t caplen) {
    return (caplen + FRAGMENTS_BLOCK - 1) / FRAGMENTS_BLOCK;
}

static unsigned model_held(unsigned *blocks) {
    unsigned frames = 0;
    *blocks = 0;
    for (unsigned i = 0; i < limits.max_datagrams; i++) {
        frames += model[i].alive ? model[i].held_count : 0;
        *blocks += model[i].alive ? model[i].blocks : 0;
    }
    return frames;
}

static bool model_has_room(unsigned blocks) {
    unsigned used;
    return model_held(&used) < limits.max_frames &&
           used + blocks <= limits.max_bytes / FRAGMENTS_BLOCK;
}

static struct model_datagram *model_find(uint32_t id) {
    for (unsigned i = 0; i < limits.max_datagrams; i++)
        if (model[i].alive && model[i].id == id)
            return &model[i];
    return NULL;
}

static struct model_datagram *model_begin(const struct event *e) {
    struct model_datagram *d = NULL;
    for (unsigned i = 0; i < limits.max_datagrams; i++)
        if (!model[i].alive)
            d = &model[i];
    static const enum fragments_state order[] = {FRAGMENTS_DONE, FRAGMENTS_GIVEN_UP,
                                                 FRAGMENTS_KNOWN, FRAGMENTS_WAITING};
    for (unsigned i = 0; d == NULL; i++) {
        d = leads(order[i]);
        if (d != NULL)
            let_go(d);
    }
    memset(d, 0, sizeof *d);
    d->alive = true;
    d->id = e->id;
    d->ports = e->ports;
    enter(d, e->from == 0 ? FRAGMENTS_KNOWN : FRAGMENTS_WAITING);
    return d;
}

static bool is_complete(const struct model_datagram *d) {
    bool complete = d->parts != 0;
    for (unsigned i = 0; i < d->parts; i++)
        complete = complete && d->seen[i];
    return complete;
}

static bool begins_new(const struct model_datagram *d, const struct event *e) {
    bool idle = model_now - d->since >= limits.reuse_ticks;
    if (d->state == FRAGMENTS_DONE)
        return e->from == 0 || idle;
    if (d->state == FRAGMENTS_GIVEN_UP)
        return idle && is_complete(d);
    return d->state == FRAGMENTS_KNOWN && e->from == 0 && e->ports != d->ports && idle;
}

static void model_note(struct model_datagram *d, const struct event *e) {
    for (unsigned i = 0; i < e->parts; i++)
        d->seen[e->from + i] = true;
    if (!e->more && d->parts == 0)
        d->parts = e->from + e->parts;
}

static void model_offer(const struct event *e, uint64_t number) {
    unsigned before = expected_count;
    struct model_datagram *d = model_find(e->id);
    if (d != NULL && is_over(d) && d->state == FRAGMENTS_WAITING) {
        let_go(d);
        enter(d, FRAGMENTS_GIVEN_UP);
    } else if (d != NULL && (is_over(d) || begins_new(d, e))) {
        d->alive = false;
        d = NULL;
    }
    if (d == NULL)
        d = model_begin(e);
    if (d->state == FRAGMENTS_WAITING && e->from == 0) {
        d->ports = e->ports;
        let_go(d);
        enter(d, FRAGMENTS_KNOWN);
    }
    unsigned blocks = blocks_of(e->caplen);
    bool full = d->state == FRAGMENTS_WAITING && !model_has_room(blocks);
    /* What an eviction let go for this fragment counts towards what goes at once. */
    while (full && leads(FRAGMENTS_WAITING) != NULL &&
           (expected_count - before < limits.max_frames / 64 || !model_has_room(blocks))) {
        let_go(leads(FRAGMENTS_WAITING));
        enter(leads(FRAGMENTS_WAITING), FRAGMENTS_GIVEN_UP);
    }
    model_note(d, e);
    if (d->state == FRAGMENTS_WAITING) {
        d->held[d->held_count++] = number;
        d->blocks += blocks;
        return;
    }
    expect_frame(number, d->ports);
    enter(d, d->state == FRAGMENTS_KNOWN && is_complete(d) ? FRAGMENTS_DONE : d->state);
}

static void model_expire(void) {
    static const enum fragments_state order[] = {FRAGMENTS_WAITING, FRAGMENTS_DONE,
                                                 FRAGMENTS_GIVEN_UP, FRAGMENTS_KNOWN};
    unsigned budget = FRAGMENTS_EXPIRE_BUDGET;
    for (unsigned i = 0; i < 4; i++) {
        struct model_datagram *d;
        while (budget != 0 && (d = leads(order[i])) != NULL && is_over(d)) {
            budget--;
            let_go(d);
            if (order[i] == FRAGMENTS_WAITING)
                enter(d, FRAGMENTS_GIVEN_UP);
            else
                d->alive = false;
        }
    }
}

/* ---- what is sent ---- */

/* Its fragments in a random order, some twice, some joined with the next, some not at all. */
static void new_plan(struct plan *p, const struct run *run) {
    *p = (struct plan){.id = run->ids == 0 ? (uint32_t)plan_count : random_below(run->ids),
                       .parts = 2 + random_below(PARTS - 1)};
    plan_count++;
    /* Some of those that share an identification are of one flow. */
    p->ports = run->ids != 0 && random_below(4) == 0 ? p->id + 1 : MOST_IDS + plan_count;
    for (unsigned from = 0; from < p->parts; from++) {
        unsigned copies = random_below(10) == 0 ? 2 : random_below(16) != 0;
        while (copies-- != 0) {
            struct event e = {.id = p->id,
                              .from = from,
                              .parts = 1,
                              .ports = from == 0 ? p->ports : 0,
                              .caplen = random_below(1600)};
            /* Not all of it in one: that would be no fragment. */
            if (random_below(8) == 0 && from + 1 < p->parts && p->parts > 2)
                e.parts = 2;
            if (random_below(run->long_frames) == 0)
                e.caplen = random_below(CAPTURE_FRAME_MAX + 1);
            e.more = e.from + e.parts < p->parts;
            p->events[p->count++] = e;
        }
    }
    bool shuffled = random_below(2) == 0;
    for (unsigned i = 0; shuffled && i + 1 < p->count; i++) {
        unsigned j = i + random_below(p->count - i);
        struct event e = p->events[i];
        p->events[i] = p->events[j];
        p->events[j] = e;
    }
}

/* Every other identification is of IPv6. */
static void send(const struct event *e) {
    struct fragment f = piece(e->id, e->from * PART, e->parts * PART, e->more);
    if (e->id % 2 != 0) {
        f.version = 6;
        f.proto = 0;
        f.source[0] = f.destination[0] = UINT64_C(0x20010db8) << 32;
    }
    sent_event[sent + 1] = *e;
    model_offer(e, sent + 1);
    offer(&f, key_with(e->ports, UDP), e->ports != 0, e->caplen);
}

static void compare_deliveries(unsigned from) {
    /* What is to be let out is in the model's list already. */
    assert_true(delivered_count <= expected_count);
    for (unsigned i = from; i < delivered_count; i++) {
        struct fb_flow_key key = key_with(expected[i].ports, UDP);
        assert_int_equal(delivered[i].number, expected[i].number);
        assert_memory_equal(&delivered[i].key, &key, sizeof key);
        assert_int_equal(delivered[i].swapped, expected[i].ports != 0);
    }
}

static void compare_state(void) {
    unsigned alive = 0, blocks, frames = model_held(&blocks);
    for (unsigned i = 0; i < limits.max_datagrams; i++)
        alive += model[i].alive;
    assert_int_equal(counter(FB_FRAGMENT_ACTIVE), alive);
    assert_int_equal(fragments_held(&tracker), frames + tracker.leaving_frames);
    assert_true(fragments_held(&tracker) <= limits.max_frames);
    assert_int_equal(counter(FB_FRAGMENT_HELD),
                     counter(FB_FRAGMENT_BY_FIRST) + counter(FB_FRAGMENT_BY_TIME) +
                         counter(FB_FRAGMENT_BY_FULL) + counter(FB_FRAGMENT_BY_EVICTION) +
                         counter(FB_FRAGMENT_BY_END) + frames);
}

static void step(const struct run *run) {
    struct plan *p = &plans[random_below(PLANS)];
    if (p->at == p->count)
        new_plan(p, run);
    else
        send(&p->events[p->at++]);
    bool leaps = run->leaps && random_below(32) == 0;
    if (random_below(run->tick_every) == 0)
        model_now = now += leaps ? random_below(2 * limits.timeout_ticks) : 1;
    if (random_below(8) == 0) {
        fragments_expire(&tracker, now);
        model_expire();
        if (random_below(2) == 0)
            let_out_burst(1 + random_below(LOOP_BURST));
    }
}

static void random_run(const struct run *run) {
    make_tracker(run->config);
    limits = run->config;
    memset(model, 0, sizeof model);
    memset(plans, 0, sizeof plans);
    assert_true(limits.max_datagrams <= MOST_DATAGRAMS && limits.max_frames <= MOST_FRAMES);
    model_now = now;
    expected_count = 0;
    turns = plan_count = 0;
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned from = delivered_count;
        step(run);
        compare_deliveries(from);
        if (i % 16 == 0)
            compare_state();
    }
    fragments_release_all(&tracker);
    for (struct model_datagram *d; (d = leads(FRAGMENTS_WAITING)) != NULL;
         d->state = FRAGMENTS_GIVEN_UP)
        let_go(d);
    unsigned from = delivered_count;
    let_out();
    compare_deliveries(from);
    compare_state();
    assert_int_equal(fragments_held(&tracker), 0);
    assert_int_equal(tracker.blocks_used, 0);
    assert_int_equal(tracker.leaving_blocks, 0);
    assert_int_equal(counter(FB_FRAGMENT_TAKEN), sent);
}

/* ---- what is promised ---- */

/* Every frame once, and those of one identification in the order of capture. */
static void every_frame_went_once_and_in_order(void) {
    static uint64_t last_of[MOST_IDS];
    memset(last_of, 0, sizeof last_of);
    uint64_t sum = 0;
    assert_int_equal(delivered_count, sent);
    for (unsigned i = 0; i < delivered_count; i++) {
        uint64_t number = delivered[i].number, *last = &last_of[sent_event[number].id];
        assert_true(number > *last); /* so none is there twice */
        *last = number;
        sum += number;
    }
    assert_true(sum == sent * (sent + 1) / 2);
}

/* With one identification each: under one key, its own if its first came. */
static void every_datagram_went_under_one_key(bool own) {
    static uint64_t ports_of[MOST_IDS], first_of[MOST_IDS];
    unsigned by_addresses = 0;
    memset(ports_of, 0xff, sizeof ports_of);
    memset(first_of, 0, sizeof first_of);
    for (uint64_t n = 1; n <= sent; n++)
        if (sent_event[n].from == 0)
            first_of[sent_event[n].id] = sent_event[n].ports;
    for (unsigned i = 0; i < delivered_count; i++) {
        uint32_t id = sent_event[delivered[i].number].id;
        uint64_t ports = delivered[i].key.word[4] >> 32;
        assert_true(ports_of[id] == UINT64_MAX || ports_of[id] == ports);
        assert_true(ports == first_of[id] || (!own && ports == 0));
        ports_of[id] = ports;
        by_addresses += ports == 0;
    }
    assert_true(by_addresses > 100); /* some firsts never came */
}

static void with_room_and_time_every_datagram_goes_to_its_flow(void **state) {
    (void)state;
    static const struct run run = {.config = {.max_datagrams = 300,
                                              .max_frames = 200,
                                              .max_bytes = 64 * CAPTURE_FRAME_MAX,
                                              .timeout_ticks = 100,
                                              .reuse_ticks = 100},
                                   .tick_every = 8,
                                   .long_frames = 200};
    random_begin(1);
    random_run(&run);
    every_frame_went_once_and_in_order();
    every_datagram_went_under_one_key(true);
    assert_true(counter(FB_FRAGMENT_BY_FIRST) > 500);
}

static void with_little_room_every_datagram_still_goes_one_way(void **state) {
    (void)state;
    static const struct run run = {.config = {.max_datagrams = 300,
                                              .max_frames = 6,
                                              .max_bytes = CAPTURE_FRAME_MAX,
                                              .timeout_ticks = 100,
                                              .reuse_ticks = 100},
                                   .tick_every = 8,
                                   .long_frames = 20};
    random_begin(2);
    random_run(&run);
    every_frame_went_once_and_in_order();
    every_datagram_went_under_one_key(false);
    assert_true(counter(FB_FRAGMENT_BY_FULL) > 500);
}

/* Small tables, short times and few identifications, so that everything happens. */
static void bounds_and_reuse_agree_with_the_model(void **state) {
    (void)state;
    uint64_t total[FB_FRAGMENT_COUNT] = {0};
    random_begin(3);
    for (unsigned i = 0; i < 16; i++) {
        struct run run = {.config = {.max_datagrams = 1 + random_below(i % 2 == 0 ? 12 : 60),
                                     .max_frames = 1 + random_below(i % 3 == 0 ? 200 : 10),
                                     .max_bytes = CAPTURE_FRAME_MAX * (1 + random_below(3)),
                                     .timeout_ticks = 1 + random_below(40),
                                     .reuse_ticks = random_below(10)},
                          .ids = i % 4 == 0 ? 0 : 4 + random_below(40),
                          .tick_every = 1 + random_below(24),
                          .leaps = true,
                          .long_frames = 10 + random_below(100)};
        random_run(&run);
        every_frame_went_once_and_in_order();
        for (unsigned c = 0; c < FB_FRAGMENT_COUNT; c++)
            total[c] += counter(c);
    }
    for (unsigned c = 0; c < FB_FRAGMENT_COUNT; c++)
        if (total[c] < 16)
            fail_msg("%s hardly ever came up", fb_fragment_texts[c].name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(with_room_and_time_every_datagram_goes_to_its_flow),
        TEST(with_little_room_every_datagram_still_goes_one_way),
        TEST(bounds_and_reuse_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
