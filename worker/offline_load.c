/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of common/offline.h for flow-worker, from a shared object that is loaded with
 * --read only. It brings libpcap, and what that needs, which would make each start of a worker half
 * as long again, and so each restart.
 */
#include "flow_balancer/common/offline.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

static struct {
    struct fb_offline_options *(*options_new)(void);
    void (*options_free)(struct fb_offline_options *options);
    bool (*take)(struct fb_offline_options *options, const struct fb_command_line *line,
                 enum fb_option option, char *text, bool on, enum fb_origin origin);
    const char *(*first_file)(const struct fb_offline_options *options);
    int (*run)(const struct fb_offline_config *config, const struct fb_offline_sink *sink,
               struct fb_offline_counts *counts);
} loaded;

/* Beside the program, as it is built; or where `make install` puts it. */
static void *load_object(void) {
    static const char *const places[] = {"flow-offline.so", "../lib/flow-balancer/flow-offline.so"};
    char folder[PATH_MAX], path[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    void *object = NULL;
    folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    for (unsigned i = 0; i < 2 && object == NULL; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, places[i]);
        object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (object == NULL)
        fb_error("--read: cannot load what reads files: %s: install all of flow-balancer",
                 dlerror());
    return object;
}

/* ISO C has no conversion from what dlsym() returns to a function. */
static bool find(void *object, const char *name, void *function) {
    void *found = dlsym(object, name);
    if (found == NULL)
        fb_error("--read: flow-offline.so is of another version: it has no %s", name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

struct fb_offline_options *fb_offline_options_new(void) {
    void *object = load_object();
    bool complete = object != NULL && find(object, "fb_offline_options_new", &loaded.options_new) &&
                    find(object, "fb_offline_options_free", &loaded.options_free) &&
                    find(object, "fb_offline_take", &loaded.take) &&
                    find(object, "fb_offline_first_file", &loaded.first_file) &&
                    find(object, "fb_offline_run", &loaded.run);
    return complete ? loaded.options_new() : NULL;
}

void fb_offline_options_free(struct fb_offline_options *options) {
    if (options != NULL)
        loaded.options_free(options);
}

bool fb_offline_take(struct fb_offline_options *options, const struct fb_command_line *line,
                     enum fb_option option, char *text, bool on, enum fb_origin origin) {
    return loaded.take(options, line, option, text, on, origin);
}

const char *fb_offline_first_file(const struct fb_offline_options *options) {
    return loaded.first_file(options);
}

int fb_offline_run(const struct fb_offline_config *config, const struct fb_offline_sink *sink,
                   struct fb_offline_counts *counts) {
    return loaded.run(config, sink, counts);
}
