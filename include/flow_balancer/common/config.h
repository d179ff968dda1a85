/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_CONFIG_H
#define FLOW_BALANCER_COMMON_CONFIG_H

#include <stdbool.h>

#include "flow_balancer/common/option.h"

/*
 * --config FILE: options as lines 'key = value' (or 'key: value'), where key is
 * the long name of an option. One file serves all programs. Lines that begin
 * with '#' or ';' are comments, and so is what follows a blank and ';' behind a
 * value. There are no sections, no quotes and no continued lines.
 */

/*
 * Takes one line. value lives until the return; of a flag it is NULL, and on says
 * what was given. Returns false after one logged line if the value is wrong.
 */
typedef bool (*fb_config_take)(void *arg, enum fb_option option, const char *value, bool on);

/*
 * Reads the file and hands the lines of these readers to take, in their order. In
 * each line that is logged meanwhile, file and line number stand first. Returns
 * false after one logged line, without reading on, if the file cannot be read,
 * a line is no 'key = value' or too long, no program has the key, a value is
 * wrong, or a section begins. What was taken before stays taken.
 */
bool fb_config_read(const char *path, unsigned readers, fb_config_take take, void *arg);

#endif
