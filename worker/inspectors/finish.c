/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/finish.h"

#include <stddef.h>

static const struct {
    const struct fb_inspector *ops;
    inspector_finisher *finish;
} finishers[] = {
    {&inspect_exec_ops, exec_finish},
    {&inspect_serve_ops, serve_finish},
};

void inspector_finish(const struct fb_inspector *ops, void *self, uint64_t until_ns) {
    for (size_t i = 0; i < sizeof finishers / sizeof *finishers; i++) {
        if (finishers[i].ops == ops)
            finishers[i].finish(self, until_ns);
    }
}
