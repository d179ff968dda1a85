/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_OPTIONS_RULES_H
#define DISPATCHER_RUN_OPTIONS_RULES_H

#include "flow_balancer/common/option_rule.h"

/*
 * What the value of each option of the dispatcher may be, and what it sets in
 * struct options. Of this folder only.
 */
extern const struct fb_option_rule options_rules[FB_OPTIONS];

#endif
