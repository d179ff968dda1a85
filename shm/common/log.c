/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024u
#define ERASE "\r\x1b[K" /* to the start of the line, and clear it to its end */
#define USUAL_WIDTH 80u  /* of a terminal that does not say */

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
static char *kept_text; /* NULL: it is not wanted */
static size_t kept_room;
static char status_line[FB_LOG_STATUS_MAX]; /* what is below the log lines */

/* A standard stream that is closed would be the next file that is opened: shared memory, say. */
static void occupy_standard_streams(void) {
    int fd;
    do
        fd = open("/dev/null", O_RDWR); /* inherited, as standard streams are */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void fb_log_init(const char *program, enum fb_log_level last_level) {
    occupy_standard_streams();
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

void fb_log_keep(char *text, size_t room) {
    kept_text = text;
    kept_room = room;
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

static bool can_erase(void) {
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind != NULL && *kind != '\0' && strcmp(kind, "dumb") != 0;
}

/* The shell has sent this job to the background. Of a terminal that is not ours it is not known. */
static bool in_background(void) {
    pid_t front = tcgetpgrp(STDERR_FILENO);
    return front >= 0 && front != getpgrp();
}

unsigned fb_log_status_width(void) {
    struct winsize size;
    if (written_up_to < FB_LOG_INFO || !can_erase() || in_background())
        return 0;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return USUAL_WIDTH;
    return size.ws_col;
}

/* What cannot be written has nowhere else to go. */
static void write_once(const char *text, size_t length) {
    ssize_t ignored = write(STDERR_FILENO, text, length);
    (void)ignored;
}

void fb_log_set_status(const char *text) {
    if (*text == '\0' && *status_line == '\0')
        return;
    bool shown = fb_log_status_width() != 0;
    snprintf(status_line, sizeof status_line, "%s", shown ? text : "");
    struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (!shown || poll(&terminal, 1, 0) != 1)
        return;
    char out[sizeof ERASE + sizeof status_line + 1];
    int n = snprintf(out, sizeof out, ERASE "%s\r", status_line);
    write_once(out, (size_t)n);
}

/* One whole line, in place of the status line if there may be one. */
static void write_line(const char *line, size_t length) {
    char out[sizeof ERASE + LINE_MAX_BYTES + sizeof status_line + 1];
    int n = snprintf(out, sizeof out, "%s%.*s%s%s", can_erase() ? ERASE : "", (int)length, line,
                     status_line, *status_line != '\0' ? "\r" : "");
    write_once(out, (size_t)n);
}

void fb_log(enum fb_log_level level, const char *format, ...) {
    bool kept = kept_text != NULL && level <= FB_LOG_WARNING;
    if (level > written_up_to && !kept)
        return;
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof line, "%s: %s: ", program_name, level_names[level]);
    size_t used = (size_t)n, start = used;
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
    if (kept)
        snprintf(kept_text, kept_room, "%.*s", (int)(used - start), line + start);
    if (level > written_up_to)
        return;
    line[used++] = '\n';
    write_line(line, used);
}
