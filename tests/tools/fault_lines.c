/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inspector `lines` of flow-worker-fault: a record a packet for the sinks of --eve, of as many
 * bytes as it is told. What becomes of each can then be counted.
 */
#include "tests/tools/fault_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/records/sinks.h"

#define LINE_LEAST 80u /* with the greatest numbers */
#define LINE_MOST 65536u

struct lines {
    size_t length;
    char line[LINE_MOST];
};

static int lines_open(struct fb_setup *setup) {
    struct lines *lines = calloc(1, sizeof *lines);
    if (lines == NULL)
        return -ENOMEM;
    lines->length = setup->args != NULL ? strtoul(setup->args, NULL, 10) : LINE_LEAST;
    setup->self = lines;
    if (lines->length >= LINE_LEAST && lines->length <= LINE_MOST)
        return 0;
    free(lines);
    return -EINVAL;
}

static int lines_packet(void *self, void *state, const struct fb_packet *packet) {
    struct lines *lines = self;
    (void)state;
    int used =
        snprintf(lines->line, LINE_MOST, "{\"frame\":%" PRIu64 ",\"more\":\"", packet->frame);
    memset(lines->line + used, 'x', lines->length - (size_t)used);
    memcpy(lines->line + lines->length - 3, "\"}\n", 3);
    return sinks_write(lines->line, lines->length);
}

static void lines_close(void *self) {
    free(self);
}

const struct fb_inspector inspect_lines_ops = {
    FB_INSPECTOR_HEAD,
    .name = "lines",
    .help = "lines[:BYTES]: a record of so many bytes a packet",
    .open = lines_open,
    .packet = lines_packet,
    .close = lines_close,
};
