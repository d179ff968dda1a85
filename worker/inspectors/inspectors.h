/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_INSPECTORS_H
#define WORKER_INSPECTORS_INSPECTORS_H

#include "flow_balancer/inspector.h"

/*
 * Every inspector, in the order of --help. To add one: a file inspect_NAME.c
 * that defines inspect_NAME_ops, and NAME here.
 */
#define INSPECTORS(X)                                                                              \
    X(count)                                                                                       \
    X(digest)                                                                                      \
    X(record)

#define X(name) extern const struct fb_inspector_ops inspect_##name##_ops;
INSPECTORS(X)
#undef X

/*
 * Finds the inspector called `name`, as it stands before the colon of
 * --inspector. Returns its operations, constant and valid for ever, or NULL if
 * there is none of that name. Worker; any thread.
 */
const struct fb_inspector_ops *inspector_find(const char *name);

/*
 * The inspector at place `i`, from 0, in the order of --help; NULL past the
 * last one. Constant and valid for ever. Worker; any thread.
 */
const struct fb_inspector_ops *inspector_at(unsigned i);

#endif
