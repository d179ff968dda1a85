/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/finish.h"

#include <stddef.h>

#include "worker/inspectors/settings.h"

/* Those that hand packets on, and may hold some. */
static const struct door {
    const struct fb_inspector *ops;
    inspector_finisher *finish;
    inspector_parter *has_part_out;
    inspector_closer *close_in_child;
} doors[] = {
    {&inspect_exec_ops, exec_finish, exec_has_part_out, exec_close_in_child},
    {&inspect_serve_ops, serve_finish, serve_has_part_out, serve_close_in_child},
};

static const struct door *find_door(const struct fb_inspector *ops) {
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        if (doors[i].ops == ops)
            return &doors[i];
    }
    return NULL;
}

void inspector_finish(const struct fb_inspector *ops, void *self, uint64_t until_ns) {
    const struct door *door = find_door(ops);
    if (door != NULL)
        door->finish(self, until_ns);
}

uint64_t inspector_stay_ns(const struct fb_inspector *ops, const void *self) {
    const struct door *door = find_door(ops);
    return door != NULL && door->has_part_out(self) ? inspectors_settings()->drain_ns : 0;
}

void inspector_close_in_child(const struct fb_inspector *ops, void *self) {
    const struct door *door = find_door(ops);
    if (door != NULL)
        door->close_in_child(self);
}
