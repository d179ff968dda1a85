/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/counters.h"

#include <stddef.h>

#define X(id, name, text) {name, NULL, text},
const struct fb_counter_text fb_decode_texts[FB_DECODE_COUNT] = {FB_DECODE_REASONS(X)};
const struct fb_counter_text fb_end_texts[FB_END_COUNT] = {FB_END_REASONS(X)};
const struct fb_counter_text fb_drop_texts[FB_DROP_COUNT] = {FB_DROP_REASONS(X)};
const struct fb_counter_text fb_violation_texts[FB_VIOLATION_COUNT] = {FB_VIOLATIONS(X)};
const struct fb_counter_text fb_interface_texts[FB_INTERFACE_COUNT] = {FB_INTERFACE_COUNTERS(X)};
const struct fb_counter_text fb_interface_state_texts[FB_INTERFACE_STATE_COUNT] = {
    FB_INTERFACE_STATES(X)};
const struct fb_counter_text fb_fragment_texts[FB_FRAGMENT_COUNT] = {FB_FRAGMENT_COUNTERS(X)};
const struct fb_counter_text fb_worker_texts[FB_WORKER_COUNT] = {FB_WORKER_COUNTERS(X)};
#undef X

#define X(id, name, path, text) {name, path, text},
const struct fb_counter_text fb_run_texts[FB_RUN_COUNT] = {FB_RUN_COUNTERS(X)};
const struct fb_counter_text fb_lane_texts[FB_LANE_COUNT] = {FB_LANE_COUNTERS(X)};
#undef X
