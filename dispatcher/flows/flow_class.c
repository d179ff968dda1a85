/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/flow_class.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/parse.h"

#define QUOTE_MAX 64 /* characters of the user's text that an error repeats */

const char *const flow_class_names[FLOW_CLASSES_NAMED] = {
#define X(id, name, seconds) [FLOW_CLASS_##id] = name,
    FLOW_CLASSES(X)
#undef X
};

static const uint32_t default_seconds[FLOW_CLASSES_NAMED] = {
#define X(id, name, seconds) [FLOW_CLASS_##id] = seconds,
    FLOW_CLASSES(X)
#undef X
};

const enum flow_class flow_eviction_order[FLOW_CLASS_COUNT] = {
    FLOW_CLASS_TCP_PICKED_UP,   FLOW_CLASS_TCP_CLOSING, FLOW_CLASS_UDP_ONEWAY,
    FLOW_CLASS_TCP_OPENING,     FLOW_CLASS_OTHER,       FLOW_CLASS_UDP_TWOWAY,
    FLOW_CLASS_TCP_ESTABLISHED,
};

static const uint8_t syn_in_class[FLOW_CLASS_COUNT] = {
    [FLOW_CLASS_TCP_OPENING] = FLOW_SYN_NOTHING,
    [FLOW_CLASS_TCP_ESTABLISHED] = FLOW_SYN_STRAY,
    [FLOW_CLASS_TCP_CLOSING] = FLOW_SYN_REUSE,
    [FLOW_CLASS_TCP_PICKED_UP] = FLOW_SYN_STRAY,
};

void flow_timeouts_init(struct flow_timeouts *t) {
    memcpy(t->seconds, default_seconds, sizeof t->seconds);
}

/* Index of the class, FLOW_CLASSES_NAMED for `all`, or -1. */
static int find_class(const char *name, size_t length) {
    for (int i = 0; i < FLOW_CLASSES_NAMED; i++)
        if (strlen(flow_class_names[i]) == length && memcmp(flow_class_names[i], name, length) == 0)
            return i;
    return length == 3 && memcmp(name, "all", 3) == 0 ? FLOW_CLASSES_NAMED : -1;
}

static bool parse_seconds(const char *text, size_t length, uint32_t *seconds) {
    if (length == 5 && memcmp(text, "never", 5) == 0) {
        *seconds = FLOW_TIMEOUT_NEVER;
        return true;
    }
    uint64_t value;
    const char *rest = text;
    if (!fb_parse_digits(&rest, FLOW_TIMEOUT_MAX_S, &value) || rest != text + length)
        return false;
    *seconds = (uint32_t)value;
    return value != 0;
}

static int quoted(size_t length) {
    return length < QUOTE_MAX ? (int)length : QUOTE_MAX;
}

/* One CLASS=SECONDS|never of the given length. */
static int parse_item(struct flow_timeouts *t, const char *item, size_t length, char *error,
                      size_t error_size) {
    const char *equals = memchr(item, '=', length);
    if (equals == NULL) {
        snprintf(error, error_size, "timeout \"%.*s\" is not CLASS=SECONDS or CLASS=never",
                 quoted(length), item);
        return -EINVAL;
    }
    size_t name_length = (size_t)(equals - item);
    size_t value_length = length - name_length - 1;
    int class = find_class(item, name_length);
    if (class < 0) {
        snprintf(error, error_size,
                 "timeout class \"%.*s\" is not known: use tcp-opening, tcp-established, "
                 "tcp-closing, udp-oneway, udp-twoway, other or all",
                 quoted(name_length), item);
        return -EINVAL;
    }
    uint32_t seconds;
    if (!parse_seconds(equals + 1, value_length, &seconds)) {
        snprintf(error, error_size,
                 "timeout \"%.*s\" of %.*s is not a number of whole seconds from 1 to %u: "
                 "give one, or never",
                 quoted(value_length), equals + 1, quoted(name_length), item, FLOW_TIMEOUT_MAX_S);
        return -EINVAL;
    }
    for (int i = 0; i < FLOW_CLASSES_NAMED; i++)
        if (class == FLOW_CLASSES_NAMED || class == i)
            t->seconds[i] = seconds;
    return 0;
}

int flow_timeouts_parse(struct flow_timeouts *t, const char *text, char *error, size_t error_size) {
    struct flow_timeouts parsed = *t;
    for (;;) {
        size_t length = strcspn(text, ",");
        int rc = parse_item(&parsed, text, length, error, error_size);
        if (rc != 0)
            return rc;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    *t = parsed;
    return 0;
}

uint32_t flow_timeouts_longest_s(const struct flow_timeouts *t) {
    uint32_t longest = 0;
    for (int i = 0; i < FLOW_CLASSES_NAMED; i++)
        if (t->seconds[i] != FLOW_TIMEOUT_NEVER && t->seconds[i] > longest)
            longest = t->seconds[i];
    return longest;
}

static bool is_picked_up(unsigned state) {
    return (state & FLOW_PICKED_UP) == FLOW_PICKED_UP;
}

/* One packet without RST: what it adds to the two halves. */
static unsigned tcp_halves(unsigned state, bool reverse, bool syn, bool data) {
    if (state & FLOW_RST)
        return !data ? 0u : reverse ? (unsigned)FLOW_HALF_B : (unsigned)FLOW_HALF_A;
    if (data)
        return FLOW_HALVES;
    return (reverse ? (unsigned)FLOW_HALF_A : 0u) | (syn ? 0u : (unsigned)FLOW_HALF_B);
}

static unsigned tcp_next(unsigned state, unsigned event, bool endings) {
    bool syn = (event & FLOW_EVENT_SYN) != 0;
    bool fin = (event & FLOW_EVENT_FIN) != 0 && endings;
    bool rst = (event & FLOW_EVENT_RST) != 0 && endings;
    bool data = (event & 1u << FLOW_EVENT_DATA_BIT) != 0 && !syn;
    bool reverse = (event & 1u << FLOW_EVENT_DIR_BIT) != 0;

    if (reverse)
        state |= FLOW_REVERSE;
    if (is_picked_up(state))
        state &= ~(unsigned)FLOW_RST;
    if (rst)
        return (state & ~(unsigned)(FLOW_HALVES | FLOW_FINS)) | FLOW_RST;
    state |= tcp_halves(state, reverse, syn, data);
    if ((state & FLOW_HALVES) == FLOW_HALVES)
        state &= ~(unsigned)FLOW_RST;
    if (fin)
        state |= reverse ? FLOW_FIN_1 : FLOW_FIN_0;
    return state;
}

static unsigned state_next(unsigned state, unsigned event, bool endings) {
    switch (state & FLOW_FAMILY_MASK) {
    case FLOW_FAMILY_TCP:
        return tcp_next(state, event, endings);
    case FLOW_FAMILY_UDP:
        return event & 1u << FLOW_EVENT_DIR_BIT ? state | FLOW_HALF_A : state;
    default:
        return state;
    }
}

static enum flow_class state_class(unsigned state) {
    switch (state & FLOW_FAMILY_MASK) {
    case FLOW_FAMILY_TCP:
        if (is_picked_up(state))
            return FLOW_CLASS_TCP_PICKED_UP;
        if ((state & FLOW_RST) != 0 || (state & FLOW_FINS) == FLOW_FINS)
            return FLOW_CLASS_TCP_CLOSING;
        return (state & FLOW_HALVES) == FLOW_HALVES ? FLOW_CLASS_TCP_ESTABLISHED
                                                    : FLOW_CLASS_TCP_OPENING;
    case FLOW_FAMILY_UDP:
        return state & FLOW_HALF_A ? FLOW_CLASS_UDP_TWOWAY : FLOW_CLASS_UDP_ONEWAY;
    default:
        return FLOW_CLASS_OTHER;
    }
}

void flow_rules_init(struct flow_rules *r, const struct flow_timeouts *t,
                     uint32_t ticks_per_second) {
    assert(ticks_per_second <= FLOW_MAX_TICKS_PER_SECOND);
    memset(r, 0, sizeof *r);
    bool endings = t->seconds[FLOW_CLASS_TCP_CLOSING] != FLOW_TIMEOUT_NEVER;
    for (unsigned state = 0; state < FLOW_STATES; state++) {
        r->class_of[state] = (uint8_t)state_class(state);
        for (unsigned event = 0; event < FLOW_EVENTS; event++)
            r->next[state][event] = (uint8_t)state_next(state, event, endings);
    }
    memcpy(r->syn_in_class, syn_in_class, sizeof r->syn_in_class);
    for (int i = 0; i < FLOW_CLASSES_NAMED; i++)
        r->timeout_ticks[i] = t->seconds[i] == FLOW_TIMEOUT_NEVER
                                  ? FLOW_TIMEOUT_NEVER
                                  : t->seconds[i] * ticks_per_second;
    r->timeout_ticks[FLOW_CLASS_TCP_PICKED_UP] = r->timeout_ticks[FLOW_CLASS_TCP_ESTABLISHED];
}
