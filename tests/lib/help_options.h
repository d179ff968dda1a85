/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_HELP_OPTIONS_H
#define TESTS_LIB_HELP_OPTIONS_H

#include "flow_balancer/common/option.h"

/* The text of --help has a line that begins with each option of the reader, and no other option. */
void expect_help_lists(const char *help, enum fb_reader reader);

#endif
