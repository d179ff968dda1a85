/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_INSTALL_H
#define DISPATCHER_CAPTURE_CAPTURE_INSTALL_H

#include "dispatcher/capture/capture_filter.h"
#include "dispatcher/capture/capture_interface.h"

/*
 * Puts filters in force on an interface of capture_live.c: in the kernel, which puts one in the
 * place of another between two frames, or where it refuses, outside of it. An interface whose
 * frames were once filtered outside is always filtered there: what is in its buffer passed no
 * filter.
 */

/* The first filter of an interface that receives nothing yet. Returns 0, or -errno after one logged
 * line. */
int capture_install_first(struct capture_filters *filters, struct capture_interface *interface);

/* Asks for the program that a filter needs on an interface. Returns 0, or -errno after one logged
 * line if it does not fit. *bpf: NULL if the filter lacks it as yet (filter->lacks is set then). */
int capture_install_ask(struct capture_filter *filter, const struct capture_interface *interface,
                        const struct bpf_program **bpf);

/* Puts a program in force that was asked for, which lasts until another one is; NULL: every frame
 * passes. Returns 0, or -errno after one logged line, and what is in force then is not known. */
int capture_install_set(const struct capture_filter *filter, struct capture_interface *interface,
                        const struct bpf_program *bpf);

#endif
