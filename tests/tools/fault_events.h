/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TOOLS_FAULT_EVENTS_H
#define TESTS_TOOLS_FAULT_EVENTS_H

#include "flow_balancer/inspector.h"

/* The inspector `events`; see fault_events.c. */
extern const struct fb_inspector inspect_events_ops;

#endif
