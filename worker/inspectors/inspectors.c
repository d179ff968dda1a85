/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <string.h>

static const struct fb_inspector *const inspectors[] = {
#define X(name) &inspect_##name##_ops,
    INSPECTORS(X)
#undef X
};

#define INSPECTOR_COUNT (sizeof inspectors / sizeof *inspectors)

const struct fb_inspector *inspector_at(unsigned i) {
    return i < INSPECTOR_COUNT ? inspectors[i] : NULL;
}

const struct fb_inspector *inspector_find(const char *name) {
    for (unsigned i = 0; i < INSPECTOR_COUNT; i++) {
        if (strcmp(inspectors[i]->name, name) == 0)
            return inspectors[i];
    }
    return NULL;
}
