/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/flows/flow_class.c: states, classes and timeouts of flows, and the text of
 * --timeout.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "dispatcher/flows/flow_class.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { TCP = 6, UDP = 17, ICMP = 1 };

#define OPENING FLOW_CLASS_TCP_OPENING
#define ESTABLISHED FLOW_CLASS_TCP_ESTABLISHED
#define CLOSING FLOW_CLASS_TCP_CLOSING
#define PICKED_UP FLOW_CLASS_TCP_PICKED_UP

static struct flow_rules rules;
static struct flow_timeouts timeouts;
static char error[300];

static int default_rules(void **state) {
    (void)state;
    flow_timeouts_init(&timeouts);
    flow_rules_init(&rules, &timeouts, 32);
    memset(error, 0, sizeof error);
    return 0;
}

static int rules_without_endings(void **state) {
    (void)state;
    flow_timeouts_init(&timeouts);
    assert_int_equal(flow_timeouts_parse(&timeouts, "tcp-closing=never", error, sizeof error), 0);
    flow_rules_init(&rules, &timeouts, 32);
    return 0;
}

static int parse(const char *text) {
    return flow_timeouts_parse(&timeouts, text, error, sizeof error);
}

static void refused(const char *text, const char *value_in_error) {
    struct flow_timeouts before = timeouts;
    error[0] = '\0';
    assert_int_equal(parse(text), -EINVAL);
    assert_non_null(strstr(error, value_in_error));
    assert_null(strchr(error, '\n'));
    assert_memory_equal(&before, &timeouts, sizeof before);
}

static void an_unknown_class_is_refused(void **state) {
    (void)state;
    refused("tcp=3", "class \"tcp\"");
    refused("=3", "class \"\"");
    refused("ALL=3", "class \"ALL\"");
    refused("other=5,udp-two=3", "class \"udp-two\"");
    refused(" other=5", "class \" other\"");
    refused("tcp-openingg=5", "use tcp-opening, tcp-established");
}

static void what_is_no_item_is_refused(void **state) {
    (void)state;
    refused("", "\"\" is not CLASS=SECONDS");
    refused("other", "\"other\"");
    refused("other=5,", "\"\" is not CLASS=SECONDS");
    refused(",other=5", "\"\" is not CLASS=SECONDS");
}

static void what_is_not_whole_seconds_is_refused(void **state) {
    (void)state;
    static const char *const values[] = {
        "",         "-1",         "+1",  "1.5",   "5s",
        "0x10",     " 5",         "5 ",  "Never", "0",
        "31536001", "4294967297", "5=6", "1e3",   "99999999999999999999999"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[64] = "udp-twoway=";
        char quoted[64] = "\"";
        strcat(text, values[i]);
        strcat(strcat(quoted, values[i]), "\" of udp-twoway");
        refused(text, quoted);
        assert_non_null(strstr(error, "never"));
    }
}

static void an_error_repeats_little_of_a_long_text_and_fits_a_short_buffer(void **state) {
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(parse(text), -EINVAL);
    assert_true(strlen(error) < 150);
    char small[8];
    assert_int_equal(flow_timeouts_parse(&timeouts, text, small, sizeof small), -EINVAL);
    assert_string_equal(small, "timeout");
}

static void the_defaults_are_those_of_the_manual(void **state) {
    (void)state;
    static const uint32_t seconds[FLOW_CLASS_COUNT] = {30, 3600, 10, 30, 180, 60, 3600};
    assert_memory_equal(timeouts.seconds, seconds, sizeof timeouts.seconds);
    assert_int_equal(flow_timeouts_longest_s(&timeouts), 3600);
    for (int i = 0; i < FLOW_CLASS_COUNT; i++)
        assert_int_equal(rules.timeout_ticks[i], seconds[i] * 32);
}

static void each_class_can_be_set_by_its_name(void **state) {
    (void)state;
    for (int i = 0; i < FLOW_CLASSES_NAMED; i++) {
        char text[64];
        strcpy(text, flow_class_names[i]);
        strcat(text, "=31536000");
        flow_timeouts_init(&timeouts);
        struct flow_timeouts expected = timeouts;
        expected.seconds[i] = 31536000;
        assert_int_equal(parse(text), 0);
        assert_memory_equal(&timeouts, &expected, sizeof expected);
        assert_int_equal(flow_timeouts_longest_s(&timeouts), 31536000);
    }
}

static void later_items_win_and_all_sets_every_class(void **state) {
    (void)state;
    assert_int_equal(parse("other=7,all=never,tcp-opening=5,tcp-opening=6"), 0);
    for (int i = 0; i < FLOW_CLASSES_NAMED; i++)
        assert_int_equal(timeouts.seconds[i], i == OPENING ? 6 : FLOW_TIMEOUT_NEVER);
    assert_int_equal(flow_timeouts_longest_s(&timeouts), 6);
    assert_int_equal(parse("all=001"), 0);
    assert_int_equal(timeouts.seconds[CLOSING], 1);
    assert_int_equal(parse("all=never"), 0);
    assert_int_equal(flow_timeouts_longest_s(&timeouts), 0);
    flow_rules_init(&rules, &timeouts, 32);
    for (int i = 0; i < FLOW_CLASS_COUNT; i++)
        assert_int_equal(rules.timeout_ticks[i], FLOW_TIMEOUT_NEVER);
}

/* One packet: direction, flags, payload; dir 9 ends a list. */
struct packet {
    unsigned dir;
    unsigned flags;
    uint32_t payload;
};
#define END_OF_LIST                                                                                \
    { 9, 0, 0 }

static uint8_t state_after(const struct packet *p) {
    uint8_t state = flow_state_first(&rules, TCP, p->flags, p->payload);
    for (p++; p->dir != 9; p++)
        state = flow_state_next(&rules, state, p->dir, p->flags, p->payload);
    return state;
}

#define AFTER(...) state_after((const struct packet[]){__VA_ARGS__, END_OF_LIST})
#define CLASS_AFTER(...) flow_state_class(&rules, AFTER(__VA_ARGS__))

static void a_flow_opens_with_syn_and_syn_ack_and_the_ack_establishes_it(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, SYN, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {0, SYN, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {1, SYN | ACK, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {1, SYN | ACK, 0}, {1, SYN | ACK, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {1, SYN | ACK, 0}, {0, ACK, 0}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {1, ACK, 0}), ESTABLISHED);
}

static void what_begins_without_syn_is_picked_up_and_the_next_packet_establishes_it(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, ACK, 0}), PICKED_UP);
    assert_int_equal(CLASS_AFTER({0, ACK | FIN, 0}), PICKED_UP);
    assert_int_equal(CLASS_AFTER({0, ACK | PSH, 1}), PICKED_UP);
    assert_int_equal(CLASS_AFTER({0, 0, 1}), PICKED_UP);
    assert_int_equal(CLASS_AFTER({0, ACK, 0}, {0, ACK, 0}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, ACK, 0}, {1, ACK, 0}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, ACK, 0}, {0, SYN, 0}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, ACK | FIN, 0}, {1, ACK, 0}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, ACK | FIN, 0}, {1, ACK | FIN, 0}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, ACK, 0}, {1, RST, 0}), CLOSING);
    assert_int_equal(flow_syn_meaning(&rules, AFTER({0, ACK, 0}), SYN), FLOW_SYN_STRAY);
}

static void what_begins_with_syn_or_with_nothing_is_not_picked_up(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {0, ACK, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, SYN | ACK, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, FIN, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, FIN | PSH, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, 0, 0}), OPENING); /* as of a later fragment, too */
    assert_int_equal(CLASS_AFTER({0, RST | ACK, 10}), CLOSING);
}

static void data_one_way_establishes(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, ACK | PSH, 1}, {0, ACK | PSH, 1}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {0, ACK, 1460}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, FIN, 0}, {0, 0, UINT32_MAX}), ESTABLISHED);
}

static void what_a_syn_carries_is_no_data(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, SYN, 100}), OPENING);
    assert_int_equal(CLASS_AFTER({0, SYN, 100}, {1, SYN | ACK, 100}), OPENING);
}

static void fin_one_way_does_not_close_and_fin_both_ways_does(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {0, FIN | ACK, 0}, {0, FIN | ACK, 0}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {0, FIN | ACK, 0}, {1, ACK, 5}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {0, FIN | ACK, 0}, {1, FIN | ACK, 0}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {1, FIN | ACK, 0}, {0, FIN | ACK, 5}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, FIN, 0}, {1, FIN, 0}, {0, ACK, 5}, {1, ACK, 5}, {0, ACK, 0}),
                     CLOSING);
}

static void rst_closes_from_every_class(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, RST, 0}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {1, RST | ACK, 0}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {1, RST, 0}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, FIN, 5}, {1, FIN, 0}, {1, RST, 0}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {0, RST | ACK, 40}), CLOSING);
}

static void data_both_ways_after_rst_establishes_again(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {1, RST, 0}, {0, ACK, 5}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {1, RST, 0}, {0, ACK, 5}, {0, ACK, 5}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {1, RST, 0}, {0, ACK, 5}, {1, ACK, 0}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, ACK, 5}, {1, RST, 0}, {0, ACK, 5}, {1, ACK, 5}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, RST, 0}, {1, ACK, 5}, {0, ACK, 5}), ESTABLISHED);
}

static void another_rst_begins_the_linger_again(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, RST, 0}, {1, ACK, 5}, {1, RST, 0}, {0, ACK, 5}), CLOSING);
    assert_int_equal(CLASS_AFTER({0, RST, 0}, {1, ACK, 5}, {0, ACK, 5}, {0, RST, 0}), CLOSING);
}

static void rst_forgets_the_fins_before_it_and_later_ones_count(void **state) {
    (void)state;
    assert_int_equal(CLASS_AFTER({0, FIN, 5}, {1, RST, 0}, {0, ACK, 5}, {1, FIN, 5}), ESTABLISHED);
    assert_int_equal(CLASS_AFTER({0, RST, 0}, {0, FIN, 5}, {1, ACK, 5}, {1, FIN, 0}), CLOSING);
}

static void a_new_syn_reuses_only_a_closing_flow(void **state) {
    (void)state;
    uint8_t opening = AFTER({0, SYN, 0});
    uint8_t established = AFTER({0, ACK, 5}, {0, ACK, 5});
    uint8_t reset = AFTER({0, RST, 0});
    uint8_t finished = AFTER({0, FIN, 0}, {1, FIN, 0});
    assert_int_equal(flow_syn_meaning(&rules, opening, SYN), FLOW_SYN_NOTHING);
    assert_int_equal(flow_syn_meaning(&rules, established, SYN), FLOW_SYN_STRAY);
    assert_int_equal(flow_syn_meaning(&rules, reset, SYN), FLOW_SYN_REUSE);
    assert_int_equal(flow_syn_meaning(&rules, finished, SYN | PSH), FLOW_SYN_REUSE);
    assert_int_equal(flow_syn_meaning(&rules, finished, SYN | 0xc0), FLOW_SYN_REUSE); /* ECN */
    for (unsigned flags = 0; flags < 256; flags++)
        if (!(flags & SYN) || flags & (ACK | RST | FIN))
            assert_int_equal(flow_syn_meaning(&rules, finished, flags), FLOW_SYN_NOTHING);
    /* It leaves the state as it is. */
    assert_int_equal(flow_state_next(&rules, established, 0, SYN, 0), established);
    assert_int_equal(flow_state_next(&rules, established, 1, SYN, 0), established | FLOW_REVERSE);
    assert_int_equal(flow_state_next(&rules, opening, 0, SYN, 0), opening);
}

static void no_syn_means_anything_to_what_is_not_tcp(void **state) {
    (void)state;
    assert_int_equal(flow_syn_meaning(&rules, flow_state_first(&rules, UDP, SYN, 1), SYN),
                     FLOW_SYN_NOTHING);
    assert_int_equal(flow_syn_meaning(&rules, flow_state_first(&rules, ICMP, SYN, 1), SYN),
                     FLOW_SYN_NOTHING);
}

static void closing_never_knows_no_endings(void **state) {
    (void)state;
    uint8_t after = AFTER({0, ACK, 5}, {0, FIN, 0}, {1, FIN, 0}, {1, RST, 0});
    assert_int_equal(flow_state_class(&rules, after), ESTABLISHED);
    assert_int_equal(flow_syn_meaning(&rules, after, SYN), FLOW_SYN_STRAY);
    assert_int_equal(CLASS_AFTER({0, RST, 0}), OPENING);
    assert_int_equal(CLASS_AFTER({0, SYN, 0}, {1, RST | ACK, 0}), ESTABLISHED);
    for (unsigned event = 0; event < FLOW_EVENTS; event++)
        for (unsigned bits = 0; bits < 4; bits++) {
            uint8_t state_now = (uint8_t)(FLOW_FAMILY_TCP | bits << 2);
            assert_int_not_equal(flow_state_class(&rules, rules.next[state_now][event]), CLOSING);
        }
}

static void udp_is_twoway_from_the_first_packet_back(void **state) {
    (void)state;
    for (unsigned flags = 0; flags < 256; flags++) {
        uint8_t udp = flow_state_first(&rules, UDP, flags, flags % 3);
        assert_int_equal(flow_state_class(&rules, udp), FLOW_CLASS_UDP_ONEWAY);
        udp = flow_state_next(&rules, udp, 0, flags, 1);
        assert_int_equal(flow_state_class(&rules, udp), FLOW_CLASS_UDP_ONEWAY);
        udp = flow_state_next(&rules, udp, 1, flags, 0);
        assert_int_equal(flow_state_class(&rules, udp), FLOW_CLASS_UDP_TWOWAY);
        udp = flow_state_next(&rules, udp, 0, flags, 9);
        assert_int_equal(flow_state_class(&rules, udp), FLOW_CLASS_UDP_TWOWAY);
    }
}

static void every_other_protocol_is_other_for_good(void **state) {
    (void)state;
    for (unsigned proto = 0; proto < 256; proto++) {
        if (proto == TCP || proto == UDP)
            continue;
        uint8_t other = flow_state_first(&rules, (uint8_t)proto, proto, proto);
        for (unsigned event = 0; event < FLOW_EVENTS; event++) {
            other = rules.next[other][event];
            assert_int_equal(flow_state_class(&rules, other), FLOW_CLASS_OTHER);
        }
    }
}

static void every_state_has_a_class_and_keeps_its_family(void **state) {
    (void)state;
    for (unsigned s = 0; s < 256; s++) {
        assert_true(flow_state_class(&rules, (uint8_t)s) < FLOW_CLASS_COUNT);
        uint8_t next = flow_state_next(&rules, (uint8_t)s, 7, 0xffff, 1);
        assert_int_equal(next & FLOW_FAMILY_MASK, s & FLOW_FAMILY_MASK);
    }
}

static void only_a_closing_flow_ends_as_closed(void **state) {
    (void)state;
    for (int i = 0; i < FLOW_CLASS_COUNT; i++)
        assert_int_equal(flow_expiry_reason((enum flow_class)i),
                         i == CLOSING ? FB_END_CLOSED : FB_END_TIMED_OUT);
}

static void eviction_order_names_each_class_once(void **state) {
    (void)state;
    unsigned seen = 0;
    for (int i = 0; i < FLOW_CLASS_COUNT; i++)
        seen |= 1u << flow_eviction_order[i];
    assert_int_equal(seen, (1u << FLOW_CLASS_COUNT) - 1);
    assert_int_equal(flow_eviction_order[0], PICKED_UP);
    assert_int_equal(flow_eviction_order[FLOW_CLASS_COUNT - 1], ESTABLISHED);
}

/* The same rules told as a history, without bits that mean two things. */
struct history {
    bool seen[2];
    bool fin[2];
    bool data_since_rst[2];
    bool not_syn;
    bool established;
    bool reset;
    bool only_packet; /* of a flow that began in mid-stream */
};

static void tell(struct history *h, unsigned event, bool endings) {
    unsigned dir = event >> FLOW_EVENT_DIR_BIT & 1u;
    bool syn = (event & FLOW_EVENT_SYN) != 0;
    bool data = (event >> FLOW_EVENT_DATA_BIT & 1u) && !syn;
    h->only_packet = false;
    if (endings && event & FLOW_EVENT_RST) {
        *h = (struct history){.reset = true};
        return;
    }
    if (endings && event & FLOW_EVENT_FIN)
        h->fin[dir] = true;
    if (h->reset) {
        h->data_since_rst[dir] |= data;
        if (h->data_since_rst[0] && h->data_since_rst[1]) {
            h->reset = false;
            h->established = true;
        }
        return;
    }
    h->seen[dir] = true;
    h->not_syn |= !syn;
    h->established |= data || (h->seen[0] && h->seen[1] && h->not_syn);
}

static enum flow_class class_of_history(const struct history *h) {
    if (h->only_packet)
        return PICKED_UP;
    if (h->reset || (h->fin[0] && h->fin[1]))
        return CLOSING;
    return h->established ? ESTABLISHED : OPENING;
}

static void follow(struct history h, uint8_t state_now, unsigned depth, bool endings) {
    for (unsigned event = 0; event < FLOW_EVENTS; event++) {
        struct history told = h;
        tell(&told, event, endings);
        uint8_t next = rules.next[state_now][event];
        if (flow_state_class(&rules, next) != class_of_history(&told))
            fail_msg("state 0x%x, event 0x%x: class %d, not %d", state_now, event,
                     flow_state_class(&rules, next), class_of_history(&told));
        if (depth > 1)
            follow(told, next, depth - 1, endings);
    }
}

static void follow_from_first_packet(unsigned event, unsigned ack, bool endings) {
    struct history h = {.reset = false};
    tell(&h, event, endings);
    bool data = (event >> FLOW_EVENT_DATA_BIT & 1u) != 0;
    if ((event & (SYN | RST)) == 0 && (data || ack != 0))
        h.only_packet = h.established = true;
    uint8_t first = flow_state_first(&rules, TCP, (event & FLOW_EVENT_TCP) | ack, data);
    assert_int_equal(flow_state_class(&rules, first), class_of_history(&h));
    follow(h, first, 3, endings);
}

static void follow_from_each_first_packet(bool endings) {
    for (unsigned event = 0; event < 1u << FLOW_EVENT_DIR_BIT; event++) {
        follow_from_first_packet(event, 0, endings);
        follow_from_first_packet(event, ACK, endings);
    }
}

static void every_row_of_four_packets_agrees_with_its_history(void **state) {
    (void)state;
    follow_from_each_first_packet(true);
}

static void every_row_of_four_packets_agrees_with_its_history_without_endings(void **state) {
    (void)state;
    follow_from_each_first_packet(false);
}

static void long_random_rows_agree_with_their_history(void **state) {
    (void)state;
    uint64_t word = 88172645463325252u;
    for (unsigned run = 0; run < 5000; run++) {
        struct history h = {.reset = false};
        uint8_t state_now = FLOW_FAMILY_TCP;
        for (unsigned n = 0; n < 40; n++) {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            unsigned event = (unsigned)(word >> 20) % FLOW_EVENTS;
            event &= n == 0 ? 15u : 31u;
            event &= word >> 40 & 7 ? ~(unsigned)FLOW_EVENT_RST : ~0u;
            tell(&h, event, true);
            state_now = rules.next[state_now][event];
            assert_int_equal(flow_state_class(&rules, state_now), class_of_history(&h));
        }
    }
}

/* The drawing in the header, cell by cell: class before, packet, class after. */
static void each_class_goes_where_the_drawing_says(void **state) {
    (void)state;
    static const struct packet ways[][4] = {
        [OPENING] = {{0, SYN, 0}, END_OF_LIST},
        [ESTABLISHED] = {{0, ACK, 5}, {1, FIN, 0}, END_OF_LIST}, /* half closed */
        [CLOSING] = {{0, ACK, 5}, {1, RST, 0}, {0, ACK, 5}, END_OF_LIST},
    };
    static const struct {
        struct packet packet;
        enum flow_class after[3];
    } cells[] = {
        {{0, SYN, 0}, {OPENING, ESTABLISHED, CLOSING}},
        {{1, SYN | ACK, 0}, {OPENING, ESTABLISHED, CLOSING}},
        {{0, ACK, 0}, {OPENING, ESTABLISHED, CLOSING}},
        {{1, ACK, 0}, {ESTABLISHED, ESTABLISHED, CLOSING}},
        {{0, ACK, 5}, {ESTABLISHED, ESTABLISHED, CLOSING}},
        {{1, ACK, 5}, {ESTABLISHED, ESTABLISHED, ESTABLISHED}},
        {{0, FIN | ACK, 0}, {OPENING, CLOSING, CLOSING}},
        {{1, FIN | ACK, 0}, {ESTABLISHED, ESTABLISHED, CLOSING}},
        {{0, RST, 0}, {CLOSING, CLOSING, CLOSING}},
        {{1, RST | ACK, 0}, {CLOSING, CLOSING, CLOSING}},
    };
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        for (int before = OPENING; before <= CLOSING; before++) {
            const struct packet *p = &cells[i].packet;
            uint8_t state_now = state_after(ways[before]);
            assert_int_equal(flow_state_class(&rules, state_now), before);
            state_now = flow_state_next(&rules, state_now, p->dir, p->flags, p->payload);
            assert_int_equal(flow_state_class(&rules, state_now), cells[i].after[before]);
        }
}

#define WITH_DEFAULTS(test) cmocka_unit_test_setup(test, default_rules)
#define WITHOUT_ENDINGS(test) cmocka_unit_test_setup(test, rules_without_endings)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DEFAULTS(an_unknown_class_is_refused),
        WITH_DEFAULTS(what_is_no_item_is_refused),
        WITH_DEFAULTS(what_is_not_whole_seconds_is_refused),
        WITH_DEFAULTS(an_error_repeats_little_of_a_long_text_and_fits_a_short_buffer),
        WITH_DEFAULTS(the_defaults_are_those_of_the_manual),
        WITH_DEFAULTS(each_class_can_be_set_by_its_name),
        WITH_DEFAULTS(later_items_win_and_all_sets_every_class),
        WITH_DEFAULTS(each_class_goes_where_the_drawing_says),
        WITH_DEFAULTS(a_flow_opens_with_syn_and_syn_ack_and_the_ack_establishes_it),
        WITH_DEFAULTS(what_begins_without_syn_is_picked_up_and_the_next_packet_establishes_it),
        WITH_DEFAULTS(what_begins_with_syn_or_with_nothing_is_not_picked_up),
        WITH_DEFAULTS(data_one_way_establishes),
        WITH_DEFAULTS(what_a_syn_carries_is_no_data),
        WITH_DEFAULTS(fin_one_way_does_not_close_and_fin_both_ways_does),
        WITH_DEFAULTS(rst_closes_from_every_class),
        WITH_DEFAULTS(data_both_ways_after_rst_establishes_again),
        WITH_DEFAULTS(another_rst_begins_the_linger_again),
        WITH_DEFAULTS(rst_forgets_the_fins_before_it_and_later_ones_count),
        WITH_DEFAULTS(a_new_syn_reuses_only_a_closing_flow),
        WITH_DEFAULTS(no_syn_means_anything_to_what_is_not_tcp),
        WITHOUT_ENDINGS(closing_never_knows_no_endings),
        WITH_DEFAULTS(udp_is_twoway_from_the_first_packet_back),
        WITH_DEFAULTS(every_other_protocol_is_other_for_good),
        WITH_DEFAULTS(every_state_has_a_class_and_keeps_its_family),
        WITH_DEFAULTS(only_a_closing_flow_ends_as_closed),
        WITH_DEFAULTS(eviction_order_names_each_class_once),
        WITH_DEFAULTS(every_row_of_four_packets_agrees_with_its_history),
        WITHOUT_ENDINGS(every_row_of_four_packets_agrees_with_its_history_without_endings),
        WITH_DEFAULTS(long_random_rows_agree_with_their_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
