/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/life.h"

const char *const fb_state_names[FB_STATE_COUNT] = {
    [FB_STATE_ABSENT] = "absent",     [FB_STATE_VACANT] = "vacant",
    [FB_STATE_STARTING] = "starting", [FB_STATE_READY] = "ready",
    [FB_STATE_DRAINING] = "draining", [FB_STATE_STOPPING] = "stopping",
    [FB_STATE_DEAD] = "dead",         [FB_STATE_MOVING] = "moving",
    [FB_STATE_LOST] = "lost",
};
