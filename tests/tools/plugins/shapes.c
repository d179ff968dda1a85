/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin that appends a line to the file of its arguments for each call, and the same with one
 * thing wrong: -DSHAPE_NAME says which (PLUGIN_SHAPES in the Makefile).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "flow_balancer/inspector.h"

struct lines {
    int file;
    uint32_t worker;
    uint64_t packets;
};

/* Of some shapes not every function is used. */
#define SHAPED __attribute__((unused)) static

SHAPED int lines_open(struct fb_setup *setup) {
    static const char *const stats[] = {"packets", NULL};
    struct lines *lines = calloc(1, sizeof *lines);
    if (lines == NULL)
        return -ENOMEM;
    lines->file = open(setup->args != NULL ? setup->args : "/dev/null",
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (lines->file < 0) {
        setup->host->log(setup->host, FB_HOST_ERROR, "cannot open its file");
        free(lines);
        return -EINVAL;
    }
    dprintf(lines->file, "open %d\n", (int)getpid());
    setup->self = lines;
    setup->tick_ms = 20;
#ifndef SHAPE_shorter
    setup->stats = stats;
#else
    (void)stats;
#endif
    return 0;
}

SHAPED int lines_packet(void *self, void *state, const struct fb_packet *packet) {
    struct lines *lines = self;
    (void)state;
    lines->packets++;
    dprintf(lines->file, "packet %" PRIu64 " %u\n", packet->frame, packet->flags);
    return 0;
}

static int lines_tick(void *self, uint64_t now_ns) {
    struct lines *lines = self;
    (void)now_ns;
    dprintf(lines->file, "tick %" PRIu64 "\n", lines->packets);
    return 0;
}

static int lines_reload(void *self) {
    struct lines *lines = self;
    dprintf(lines->file, "reload\n");
    return 0;
}

static void lines_stats(void *self, uint64_t *values) {
    values[0] = ((struct lines *)self)->packets;
}

static void lines_close(void *self) {
    struct lines *lines = self;
    dprintf(lines->file, "close\n");
    close(lines->file);
    free(lines);
}

#ifdef SHAPE_crash_in_constructor
__attribute__((constructor)) static void crash(void) {
    abort();
}
#endif

#ifdef SHAPE_no_symbol
#undef FB_PLUGIN
#define FB_PLUGIN __attribute__((visibility("default"))) const struct fb_inspector fb_plugin_2
extern const struct fb_inspector fb_plugin_2;
#else
extern const struct fb_inspector fb_plugin;
#endif

FB_PLUGIN = {
    .minor = FB_INSPECTOR_MINOR
#ifdef SHAPE_later_minor
             + 3
#endif
#ifdef SHAPE_shorter
             - 1
#endif
    ,
    .major = FB_INSPECTOR_MAJOR
#ifdef SHAPE_other_major
             + 1
#endif
    ,
/* As one that was built before there was a tick: what is behind it is not to be read. */
#ifdef SHAPE_shorter
    .size = offsetof(struct fb_inspector, tick),
#else
    .size = sizeof(struct fb_inspector),
#endif
#if defined SHAPE_bad_name
    .name = "No Name",
#elif !defined SHAPE_no_name
    .name = "lines",
#endif
#ifndef SHAPE_no_open
    .open = lines_open,
#endif
#ifndef SHAPE_no_packet
    .packet = lines_packet,
#endif
    .tick = lines_tick,
    .reload = lines_reload,
    .stats = lines_stats,
    .close = lines_close,
};
