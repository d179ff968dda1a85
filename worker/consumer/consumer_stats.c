/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/stats.h"

#include "worker/consumer/consumer_parts.h"

#define COUNTER_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define OWNER_LETTERS COUNTER_LETTERS "-"

bool consumer_check_stats(const char *const *names) {
    for (unsigned i = 0; names != NULL && names[i] != NULL; i++) {
        size_t length = strlen(names[i]);
        if (i == FB_UP_STATS) {
            fb_error("config.stats: there is room for %u counters", FB_UP_STATS);
            return false;
        }
        if (length == 0 || length > FB_STAT_WORD_MAX ||
            strspn(names[i], COUNTER_LETTERS) != length) {
            fb_error("config.stats: '%s' must be 1 to %u of a-z, 0-9 and _", names[i],
                     FB_STAT_WORD_MAX);
            return false;
        }
    }
    return true;
}

/* Programs have names that the owner of a counter cannot have. */
static void make_owner(char owner[FB_STAT_WORD_MAX + 1], const char *program) {
    size_t n = 0;
    if (program == NULL)
        program = program_invocation_short_name;
    for (; program[n] != '\0' && n < FB_STAT_WORD_MAX; n++) {
        char letter = program[n];
        letter = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
        owner[n] = letter;
        if (strchr(OWNER_LETTERS, letter) == NULL)
            owner[n] = '_';
    }
    owner[n] = '\0';
}

void consumer_add_stats(struct fb_consumer *c, const char *owner, const char *const *names) {
    char word[FB_STAT_WORD_MAX + 1];
    make_owner(word, owner);
    for (unsigned i = 0; names != NULL && names[i] != NULL; i++) {
        if (!fb_up_name_stat(c->up, c->stat_count, word, names[i])) {
            fb_warning("%s: its counters from '%s' on are not shown: there is room for %u", word,
                       names[i], FB_UP_STATS);
            return;
        }
        c->stat_count++;
    }
}

void fb_consumer_set_stat(struct fb_consumer *c, unsigned index, uint64_t value) {
    if (index < c->stat_count)
        fb_up_set_stat(c->up, index, value);
}

/* What the dispatcher has published; what the consumer sees of it stays as it is. */
static uint64_t published(const struct fb_consumer *c) {
    struct fb_rx look = c->rx;
    look.next = look.published;
    fb_rx_peek(&look);
    return look.published;
}

void fb_consumer_stats(const struct fb_consumer *c, struct fb_consumer_stats *stats, size_t size) {
    const struct fb_consumer_stats all = {
        .packets = c->counters[FB_WORKER_PACKETS],
        .bytes = c->counters[FB_WORKER_BYTES],
        .flows_started = c->counters[FB_WORKER_STARTS],
        .flows_ended = c->counters[FB_WORKER_ENDS],
        .mid_stream = c->counters[FB_WORKER_MID_STREAM],
        .gap_packets = c->counters[FB_WORKER_GAP_PACKETS],
        .waiting = published(c) - c->rx.next - c->step,
        .worker = c->up->header.worker,
        .incarnation = c->up->epoch,
    };
    memcpy(stats, &all, size < sizeof all ? size : sizeof all);
}
