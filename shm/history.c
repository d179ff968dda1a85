/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/history.h"

#include <string.h>

#include "flow_balancer/align.h"
#include "flow_balancer/common/log.h"

#define WORD sizeof(uint64_t)
#define HEAD_WORDS (offsetof(struct fb_history_sample, interfaces) / WORD)
#define INTERFACE_WORDS (sizeof(struct fb_history_interface) / WORD)
#define LANE_WORDS (sizeof(struct fb_history_lane) / WORD)
#define EVENT_WORDS (sizeof(struct fb_run_event) / WORD)
#define EVENT_SLOT_WORDS (1 + EVENT_WORDS)
#define EVENTS_SHARE 4u /* events take at most this part of the memory */

_Static_assert(sizeof(struct fb_history_lane) % WORD == 0 &&
                   sizeof(struct fb_run_event) % WORD == 0,
               "records are copied by words");

static size_t sample_slot_words(const struct fb_history_shape *shape) {
    return 1 + HEAD_WORDS + shape->interfaces * INTERFACE_WORDS + shape->lanes * LANE_WORDS;
}

size_t fb_history_footprint(const struct fb_history_shape *shape) {
    return sizeof(struct fb_history) + shape->samples * sample_slot_words(shape) * WORD +
           shape->events * EVENT_SLOT_WORDS * WORD;
}

struct fb_history_shape fb_history_plan(unsigned workers, unsigned interfaces, size_t bytes) {
    struct fb_history_shape shape = {.interfaces = interfaces, .lanes = workers};
    size_t room = bytes < FB_HISTORY_BYTES_MOST ? bytes : FB_HISTORY_BYTES_MOST;
    if (room < sizeof(struct fb_history))
        return shape;
    room -= sizeof(struct fb_history);
    size_t events = room / EVENTS_SHARE / (EVENT_SLOT_WORDS * WORD);
    shape.events = events < FB_HISTORY_EVENTS_MOST ? (uint32_t)events : FB_HISTORY_EVENTS_MOST;
    size_t samples =
        (room - shape.events * EVENT_SLOT_WORDS * WORD) / (sample_slot_words(&shape) * WORD);
    if (samples >= FB_HISTORY_SAMPLES_LEAST)
        shape.samples =
            samples < FB_HISTORY_SAMPLES_MOST ? (uint32_t)samples : FB_HISTORY_SAMPLES_MOST;
    return shape;
}

void fb_history_writer_init(struct fb_history_writer *writer, struct fb_history *history,
                            const struct fb_history_shape *shape, const uint8_t instance[16]) {
    *writer = (struct fb_history_writer){.history = history, .shape = *shape};
    history->shape = *shape;
    fb_header_format(&history->header, instance, FB_KIND_HISTORY, 0, fb_history_footprint(shape));
}

/* ---- one slot: its sequence, and then its words, in one or more parts */

typedef _Atomic uint64_t slot_word;

static slot_word *sample_slot(const struct fb_history *history,
                              const struct fb_history_shape *shape, uint64_t n) {
    return (slot_word *)(uintptr_t)(history + 1) +
           (size_t)(n % shape->samples) * sample_slot_words(shape);
}

static slot_word *event_slot(const struct fb_history *history, const struct fb_history_shape *shape,
                             uint64_t n) {
    return (slot_word *)(uintptr_t)(history + 1) + shape->samples * sample_slot_words(shape) +
           (size_t)(n % shape->events) * EVENT_SLOT_WORDS;
}

static void slot_begin(slot_word *slot, uint64_t n) {
    /* Relaxed: the fence keeps it before the words. */
    atomic_store_explicit(slot, 2 * n + 1, memory_order_relaxed);
    /* H1: pairs with H4 in slot_is_whole */
    atomic_thread_fence(memory_order_release);
}

static slot_word *slot_put(slot_word *to, const void *from, size_t words) {
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, (const char *)from + i * WORD, WORD);
        /* Relaxed: between H1 and H2. */
        atomic_store_explicit(&to[i], word, memory_order_relaxed);
    }
    return to + words;
}

static void slot_end(slot_word *slot, slot_word *count, uint64_t n) {
    /* H2: pairs with H3 in slot_has */
    atomic_store_explicit(slot, 2 * n + 2, memory_order_release);
    /* Relaxed: who sees it looks at the slot. */
    atomic_store_explicit(count, n + 1, memory_order_relaxed);
}

static bool slot_has(const slot_word *slot, uint64_t n) {
    /* H3: pairs with H2 in slot_end */
    return atomic_load_explicit(slot, memory_order_acquire) == 2 * n + 2;
}

static const slot_word *slot_take(const slot_word *from, void *to, size_t words) {
    for (size_t i = 0; i < words; i++) {
        /* Relaxed: between H3 and H4. */
        uint64_t word = atomic_load_explicit(&from[i], memory_order_relaxed);
        memcpy((char *)to + i * WORD, &word, WORD);
    }
    return from + words;
}

/* Whether it was so while its words were taken. */
static bool slot_is_whole(const slot_word *slot, uint64_t n) {
    /* H4: pairs with H1 in slot_begin */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(slot, memory_order_relaxed) == 2 * n + 2;
}

/* ---- the dispatcher */

void fb_history_add_sample(struct fb_history_writer *writer,
                           const struct fb_history_sample *sample) {
    const struct fb_history_shape *shape = &writer->shape;
    uint64_t n = writer->samples++;
    slot_word *slot = sample_slot(writer->history, shape, n);
    slot_begin(slot, n);
    slot_word *at = slot_put(slot + 1, sample, HEAD_WORDS);
    at = slot_put(at, sample->interfaces, shape->interfaces * INTERFACE_WORDS);
    slot_put(at, sample->lane, shape->lanes * LANE_WORDS);
    slot_end(slot, &writer->history->samples, n);
}

void fb_history_add_event(struct fb_history_writer *writer, const struct fb_run_event *event) {
    if (writer->shape.events == 0)
        return;
    uint64_t n = writer->events++;
    slot_word *slot = event_slot(writer->history, &writer->shape, n);
    slot_begin(slot, n);
    slot_put(slot + 1, event, EVENT_WORDS);
    slot_end(slot, &writer->history->events, n);
}

/* ---- readers */

static bool fits(const struct fb_history_shape *shape, size_t size) {
    return shape->samples >= 1 && shape->samples <= FB_HISTORY_SAMPLES_MOST &&
           shape->events <= FB_HISTORY_EVENTS_MOST && shape->interfaces <= FB_MAX_INTERFACES &&
           shape->lanes <= FB_MAX_WORKERS && fb_history_footprint(shape) <= size;
}

bool fb_history_reader_init(struct fb_history_reader *reader, const struct fb_history *history,
                            size_t size) {
    *reader = (struct fb_history_reader){.history = history};
    if (size >= sizeof *history)
        memcpy(&reader->shape, &history->shape, sizeof reader->shape);
    if (fits(&reader->shape, size))
        return true;
    fb_error("history: %u samples of %u workers and %u interfaces, and %u events, do not fit its "
             "%zu bytes",
             reader->shape.samples, reader->shape.lanes, reader->shape.interfaces,
             reader->shape.events, size);
    return false;
}

static void find_records(const slot_word *count, uint32_t slots, uint64_t *first, uint64_t *end) {
    /* Relaxed: whether a record is there its slot says. */
    *end = atomic_load_explicit(count, memory_order_relaxed);
    *first = *end > slots ? *end - slots : 0;
}

void fb_history_samples(const struct fb_history_reader *reader, uint64_t *first, uint64_t *end) {
    find_records(&reader->history->samples, reader->shape.samples, first, end);
}

void fb_history_events(const struct fb_history_reader *reader, uint64_t *first, uint64_t *end) {
    find_records(&reader->history->events, reader->shape.events, first, end);
}

bool fb_history_read_sample(const struct fb_history_reader *reader, uint64_t n,
                            struct fb_history_sample *sample) {
    const struct fb_history_shape *shape = &reader->shape;
    const slot_word *slot = sample_slot(reader->history, shape, n);
    memset(sample, 0, sizeof *sample);
    if (!slot_has(slot, n))
        return false;
    const slot_word *at = slot_take(slot + 1, sample, HEAD_WORDS);
    at = slot_take(at, sample->interfaces, shape->interfaces * INTERFACE_WORDS);
    slot_take(at, sample->lane, shape->lanes * LANE_WORDS);
    if (sample->lanes > shape->lanes)
        sample->lanes = shape->lanes;
    return slot_is_whole(slot, n);
}

static uint32_t number_below(uint32_t number, uint32_t end) {
    return number < end ? number : FB_EVENT_NOT_ONE;
}

bool fb_history_read_event(const struct fb_history_reader *reader, uint64_t n,
                           struct fb_run_event *event) {
    if (reader->shape.events == 0)
        return false;
    const slot_word *slot = event_slot(reader->history, &reader->shape, n);
    if (!slot_has(slot, n))
        return false;
    slot_take(slot + 1, event, EVENT_WORDS);
    event->text[sizeof event->text - 1] = '\0';
    event->worker = number_below(event->worker, FB_MAX_WORKERS);
    event->interface = number_below(event->interface, FB_MAX_INTERFACES);
    return slot_is_whole(slot, n) && event->kind < FB_HAPPENED_COUNT;
}
