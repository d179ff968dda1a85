/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_GEOMETRY_H
#define DISPATCHER_RUN_GEOMETRY_H

#include "flow_balancer/ctl.h"

#include "dispatcher/run/options.h"

/*
 * Fills in the constant part of ctl from the options: how many workers, the
 * depth of their rings, the bytes of their arenas. Where the options leave
 * those open and shared memory is short they are smaller, and one line says so.
 * Dispatcher, before anybody can join.
 */
void geometry_fill(struct fb_ctl *ctl, const struct options *options);

#endif
