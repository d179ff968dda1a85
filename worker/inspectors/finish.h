/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_FINISH_H
#define WORKER_INSPECTORS_FINISH_H

#include <stdbool.h>

#include "worker/inspectors/inspectors.h"

/* inspector_finish() of one inspector. */
typedef void inspector_finisher(void *self, uint64_t until_ns);

inspector_finisher exec_finish, serve_finish;

/* Whether a part of the present packet has left the process. */
typedef bool inspector_parter(const void *self);

inspector_parter exec_has_part_out, serve_has_part_out;

/* inspector_close_in_child() of one inspector. */
typedef void inspector_closer(void *self);

inspector_closer exec_close_in_child, serve_close_in_child;

#endif
