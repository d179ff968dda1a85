/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/life.h"

const char *const fb_state_names[FB_STATE_COUNT] = {
    [FB_STATE_ABSENT] = "absent",     [FB_STATE_VACANT] = "vacant",
    [FB_STATE_STARTING] = "starting", [FB_STATE_READY] = "ready",
    [FB_STATE_DRAINING] = "draining", [FB_STATE_STOPPING] = "stopping",
    [FB_STATE_DEAD] = "dead",         [FB_STATE_MOVING] = "moving",
    [FB_STATE_LOST] = "lost",
};

const char *const fb_event_names[FB_EVENT_COUNT] = {
    [FB_EVENT_CLAIM] = "claim", [FB_EVENT_READY] = "ready", [FB_EVENT_DRAIN] = "drain",
    [FB_EVENT_STOP] = "stop",   [FB_EVENT_GONE] = "gone",   [FB_EVENT_FREE] = "free",
    [FB_EVENT_OWES] = "owes",   [FB_EVENT_LOSE] = "lose",   [FB_EVENT_EMPTIED] = "emptied",
};

/* State plus 1, so that a cell that is not listed is no arrow. */
#define TO(state) FB_STATE_##state + 1

static const unsigned char next[FB_STATE_COUNT][FB_EVENT_COUNT] = {
    [FB_STATE_ABSENT] = {[FB_EVENT_CLAIM] = TO(STARTING), [FB_EVENT_GONE] = TO(DEAD)},
    [FB_STATE_VACANT] = {[FB_EVENT_CLAIM] = TO(STARTING), [FB_EVENT_GONE] = TO(DEAD)},
    [FB_STATE_STARTING] = {[FB_EVENT_READY] = TO(READY), [FB_EVENT_GONE] = TO(DEAD)},
    [FB_STATE_READY] = {[FB_EVENT_DRAIN] = TO(DRAINING),
                        [FB_EVENT_STOP] = TO(STOPPING),
                        [FB_EVENT_GONE] = TO(DEAD)},
    [FB_STATE_DRAINING] = {[FB_EVENT_STOP] = TO(STOPPING), [FB_EVENT_GONE] = TO(DEAD)},
    [FB_STATE_STOPPING] = {[FB_EVENT_GONE] = TO(DEAD)},
    [FB_STATE_DEAD] =
        {[FB_EVENT_FREE] = TO(ABSENT), [FB_EVENT_OWES] = TO(VACANT), [FB_EVENT_LOSE] = TO(MOVING)},
    [FB_STATE_MOVING] = {[FB_EVENT_EMPTIED] = TO(LOST)},
    [FB_STATE_LOST] = {[FB_EVENT_CLAIM] = TO(STARTING), [FB_EVENT_GONE] = TO(DEAD)},
};

enum fb_state fb_life_next(enum fb_state state, enum fb_life_event event) {
    return next[state][event] == 0 ? FB_STATE_NONE : (enum fb_state)(next[state][event] - 1);
}
