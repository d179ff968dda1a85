/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_SETTINGS_H
#define WORKER_INSPECTORS_SETTINGS_H

#include "worker/inspectors/inspectors.h"

/* What inspectors_configure() was given, or all zero. */
const struct inspectors_settings *inspectors_settings(void);

#endif
