/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/settings.h"

/* An inspector is opened with its arguments alone: what options say of it is here. */
static struct inspectors_settings settings;

void inspectors_configure(const struct inspectors_settings *given) {
    settings = *given;
}

const struct inspectors_settings *inspectors_settings(void) {
    return &settings;
}
