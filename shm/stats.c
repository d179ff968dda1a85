/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/stats.h"

#include <stdio.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

static bool is_word(size_t length) {
    return length >= 1 && length <= FB_STAT_WORD_MAX;
}

/* Of text that has an end. */
static bool is_name(const char *name) {
    size_t inspector = strspn(name, LETTERS "-");
    if (!is_word(inspector) || name[inspector] != '.')
        return false;
    const char *counter = name + inspector + 1;
    size_t length = strspn(counter, LETTERS);
    return is_word(length) && counter[length] == '\0';
}

bool fb_up_name_stat(struct fb_up *up, unsigned i, const char *inspector, const char *counter) {
    char name[FB_STAT_NAME_BYTES] = "";
    int length = snprintf(name, sizeof name, "%s.%s", inspector, counter);
    if (i >= FB_UP_STATS || length < 0 || (size_t)length >= sizeof name || !is_name(name))
        return false;
    for (size_t w = 0; w < sizeof name / sizeof(uint64_t); w++) {
        uint64_t word;
        memcpy(&word, name + w * sizeof word, sizeof word);
        /* Relaxed: N1 in fb_up_set_stats releases them all. */
        atomic_store_explicit(&up->stat_names[i].words[w], word, memory_order_relaxed);
    }
    return true;
}

bool fb_up_stat_name(const struct fb_up *up, unsigned i, char name[FB_STAT_NAME_BYTES]) {
    for (size_t w = 0; w < FB_STAT_NAME_BYTES / sizeof(uint64_t); w++) {
        /* Relaxed: N2 in fb_up_stats acquired them all. Once each, and only the copy is used. */
        uint64_t word = atomic_load_explicit(&up->stat_names[i].words[w], memory_order_relaxed);
        memcpy(name + w * sizeof word, &word, sizeof word);
    }
    if (name[FB_STAT_NAME_BYTES - 1] != '\0')
        return false;
    return is_name(name);
}

/* The entry of a name, made if it is new; FB_UP_STATS if there is no room. */
static unsigned entry_of(struct fb_stats *stats, const char *name) {
    unsigned i = 0;
    while (i < stats->count && strcmp(stats->names[i], name) != 0)
        i++;
    if (i == stats->count && i < FB_UP_STATS) {
        snprintf(stats->names[i], sizeof stats->names[i], "%s", name);
        stats->values[i] = 0;
        stats->count++;
    }
    return i;
}

void fb_stats_add(struct fb_stats *stats, const struct fb_up *up) {
    unsigned count = fb_up_stats(up);
    for (unsigned i = 0; i < count; i++) {
        char name[FB_STAT_NAME_BYTES];
        unsigned entry = fb_up_stat_name(up, i, name) ? entry_of(stats, name) : FB_UP_STATS;
        if (entry == FB_UP_STATS)
            stats->left_out++;
        else if (__builtin_add_overflow(stats->values[entry], fb_up_stat(up, i),
                                        &stats->values[entry]))
            stats->values[entry] = UINT64_MAX;
    }
}
