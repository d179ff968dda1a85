/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/life.c: the state of a worker number after each event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow_balancer/life.h"

/* The drawing of life.h, read off by hand, in words: what is not here is no arrow. */
static const struct {
    const char *state, *event, *next;
} drawing[] = {
    {"absent", "claim", "starting"}, {"absent", "gone", "dead"}, /* its up side was truncated */
    {"vacant", "claim", "starting"}, {"vacant", "gone", "dead"},
    {"starting", "ready", "ready"},  {"starting", "gone", "dead"},
    {"ready", "drain", "draining"},  {"ready", "stop", "stopping"},
    {"ready", "gone", "dead"},       {"draining", "stop", "stopping"},
    {"draining", "gone", "dead"},    {"stopping", "gone", "dead"},
    {"dead", "free", "absent"},      {"dead", "owes", "vacant"},
    {"dead", "lose", "moving"},      {"moving", "emptied", "lost"},
    {"lost", "claim", "starting"},   {"lost", "gone", "dead"},
};
#define ARROWS (sizeof drawing / sizeof *drawing)

static const char *const states[] = {"absent",   "vacant", "starting", "ready", "draining",
                                     "stopping", "dead",   "moving",   "lost"};
static const char *const events[] = {"claim", "ready", "drain", "stop",   "gone",
                                     "free",  "owes",  "lose",  "emptied"};

static void every_state_and_event_has_its_name(void **state) {
    (void)state;
    assert_int_equal(FB_STATE_COUNT, sizeof states / sizeof *states);
    assert_int_equal(FB_EVENT_COUNT, sizeof events / sizeof *events);
    for (unsigned i = 0; i < FB_STATE_COUNT; i++)
        assert_string_equal(fb_state_names[i], states[i]);
    for (unsigned i = 0; i < FB_EVENT_COUNT; i++)
        assert_string_equal(fb_event_names[i], events[i]);
}

static const char *drawn(const char *from, const char *event) {
    for (size_t i = 0; i < ARROWS; i++)
        if (strcmp(drawing[i].state, from) == 0 && strcmp(drawing[i].event, event) == 0)
            return drawing[i].next;
    return "no arrow";
}

static void each_event_leads_where_the_drawing_says_and_nowhere_else(void **state) {
    (void)state;
    unsigned arrows = 0;
    for (unsigned s = 0; s < FB_STATE_COUNT; s++) {
        for (unsigned e = 0; e < FB_EVENT_COUNT; e++) {
            enum fb_state next = fb_life_next((enum fb_state)s, (enum fb_life_event)e);
            const char *name = next == FB_STATE_NONE ? "no arrow" : fb_state_names[next];
            if (strcmp(name, drawn(states[s], events[e])) != 0)
                fail_msg("%s, %s: %s, not %s", states[s], events[e], name,
                         drawn(states[s], events[e]));
            arrows += next != FB_STATE_NONE;
        }
    }
    assert_int_equal(arrows, ARROWS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_event_has_its_name),
        cmocka_unit_test(each_event_leads_where_the_drawing_says_and_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
