/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {
    [FB_LOG_ERROR] = "error",
    [FB_LOG_WARNING] = "warning",
    [FB_LOG_INFO] = "info",
    [FB_LOG_DEBUG] = "debug",
};

/* Process-wide by nature: where standard error is, there is one program name and one level. */
static const char *program_name = "flow-balancer";
static enum fb_log_level written_up_to = FB_LOG_INFO;
static const char *place_file;
static unsigned place_line;

void fb_log_init(const char *program, enum fb_log_level last_level) {
    program_name = program;
    written_up_to = last_level;
}

void fb_log_set_level(enum fb_log_level last_level) {
    written_up_to = last_level;
}

void fb_log_set_place(const char *file, unsigned line) {
    place_file = file;
    place_line = line;
}

int fb_log_parse_level(const char *text, enum fb_log_level *level) {
    for (unsigned i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum fb_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void fb_log(enum fb_log_level level, const char *format, ...) {
    if (level > written_up_to)
        return;
    char line[1024];
    int n = snprintf(line, sizeof line, "%s: %s: ", program_name, level_names[level]);
    size_t used = (size_t)n;
    if (place_file != NULL) {
        /* Cut at the front: the end of a long path says more, and the text needs the room. */
        size_t length = strlen(place_file), most = sizeof line / 2;
        const char *shown = length > most ? place_file + length - most : place_file;
        used += (size_t)snprintf(line + used, sizeof line - used, "%s:%u: ", shown, place_line);
    }
    va_list args;
    va_start(args, format);
    n = vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    used += (size_t)n;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    line[used++] = '\n';
    /* A log line that cannot be written has nowhere else to go. */
    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void)ignored;
}
