/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TOOLS_FAULT_LINES_H
#define TESTS_TOOLS_FAULT_LINES_H

#include "flow_balancer/inspector.h"

/* The inspector `lines`; see fault_lines.c. */
extern const struct fb_inspector inspect_lines_ops;

#endif
