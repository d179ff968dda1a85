/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_PLUGIN_H
#define WORKER_PLUGIN_H

#include <stdbool.h>

#include "flow_balancer/inspector.h"

/* Inspectors from shared objects. */

/* True if what comes before the colon of --inspector is the path of one: it has a slash. */
bool plugin_is_path(const char *name);

/*
 * Loads a plugin, which stays for the life of the process. Returns its operations, complete to
 * this version's length and valid for ever, or NULL after one logged line that says what it was
 * built for. Worker only, once a plugin, before it claims a number.
 */
const struct fb_inspector *plugin_load(const char *path);

/*
 * From now on a crash of this process is one line that names the inspector (in --inspector's
 * words) and both versions of the interface, before the signal takes its course. NULL: no more.
 */
void plugin_watch_opening(const char *name, const struct fb_inspector *ops);

#endif
