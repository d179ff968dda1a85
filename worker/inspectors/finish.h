/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_FINISH_H
#define WORKER_INSPECTORS_FINISH_H

#include "worker/inspectors/inspectors.h"

/* inspector_finish() of one inspector. */
typedef void inspector_finisher(void *self, uint64_t until_ns);

inspector_finisher exec_finish, serve_finish;

#endif
