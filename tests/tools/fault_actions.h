/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TOOLS_FAULT_ACTIONS_H
#define TESTS_TOOLS_FAULT_ACTIONS_H

#include "flow_balancer/inspector.h"

#include "tests/tools/fault_rules.h"

/*
 * Does what the rule says, in a worker process and to it, with the packet that
 * it has in its hands. directory: an open one, for what is left there. Returns
 * 0 where the worker is to go on with the packet, or -errno after one logged
 * line if the fault could not be made; many do not return.
 */
int fault_act(const struct fault_rule *rule, const struct fb_packet *packet, int directory);

#endif
