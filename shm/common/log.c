/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"

#include "shm/common/log_journal.h"
#include "shm/common/log_output.h"

#define LINE_MAX_BYTES 1024u
#define ERASE "\r\x1b[K" /* to the start of the line, and clear it to its end */
#define USUAL_WIDTH 80u  /* of a terminal that does not say */

#define LEVELS (FB_LOG_DEBUG + 1)

static const char *const level_names[LEVELS] = {
    [FB_LOG_ERROR] = "error",
    [FB_LOG_WARNING] = "warning",
    [FB_LOG_INFO] = "info",
    [FB_LOG_DEBUG] = "debug",
};

/* As syslog(3) and sd-daemon(3) number them. */
static const unsigned journal_levels[LEVELS] = {
    [FB_LOG_ERROR] = LOG_ERR,
    [FB_LOG_WARNING] = LOG_WARNING,
    [FB_LOG_INFO] = LOG_INFO,
    [FB_LOG_DEBUG] = LOG_DEBUG,
};

/* Process-wide by nature: where standard error is, there is one program name and one level. */
static const char *program_name = "flow-balancer";
static enum fb_log_level written_up_to = FB_LOG_INFO;
static unsigned errors; /* that were logged */
static const char *place_file;
static unsigned place_line;
static char *kept_text; /* NULL: it is not wanted */
static size_t kept_room;
static fb_log_sink *line_sink; /* NULL: standard error */
static void *line_sink_arg;
static char status_line[FB_LOG_STATUS_MAX]; /* what is below the log lines */
static struct log_output output = {.own = -1};
static bool broken_off; /* only a part of the last line was written */

struct line {
    char text[LINE_MAX_BYTES];
    size_t used;
    size_t program, message; /* where they begin; the message after program and level */
};

/* Lines for which there was no room, and that were not reported yet. */
static struct {
    uint64_t total, lines[LEVELS];
    uint64_t since_ns; /* when the first of them was lost */
} lost;

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
    tzset(); /* reads a file, which may be forbidden or too slow later */
}

void fb_log_set_level(enum fb_log_level last_level) {
    written_up_to = last_level;
}

unsigned fb_log_errors(void) {
    return errors;
}

void fb_log_set_place(const char *file, unsigned line) {
    place_file = file;
    place_line = line;
}

void fb_log_keep(char *text, size_t room) {
    kept_text = text;
    kept_room = room;
}

void fb_log_set_sink(fb_log_sink *sink, void *arg) {
    line_sink = sink;
    line_sink_arg = arg;
}

int fb_log_parse_level(const char *text, enum fb_log_level *level) {
    for (unsigned i = 0; i < LEVELS; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum fb_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool can_erase(void) {
    const char *kind = getenv("TERM");
    return output.terminal && kind != NULL && *kind != '\0' && strcmp(kind, "dumb") != 0;
}

unsigned fb_log_status_width(void) {
    struct winsize size;
    log_output_check(&output);
    if (written_up_to < FB_LOG_INFO || !can_erase() || log_output_in_background())
        return 0;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return USUAL_WIDTH;
    return size.ws_col;
}

void fb_log_set_status(const char *text) {
    if (*text == '\0' && *status_line == '\0')
        return;
    bool shown = fb_log_status_width() != 0;
    snprintf(status_line, sizeof status_line, "%s", shown ? text : "");
    if (!shown)
        return;
    char out[sizeof ERASE + sizeof status_line + 1];
    int n = snprintf(out, sizeof out, ERASE "%s\r", status_line);
    log_output_write(&output, out, (size_t)n); /* lost or not: it is soon drawn again */
}

/* One whole line, in place of the status line if there may be one. False: there is no room. */
static bool write_line(const struct line *line) {
    char out[1 + sizeof ERASE + LINE_MAX_BYTES + sizeof status_line + 1];
    _Static_assert(sizeof out <= PIPE_BUF, "a pipe takes it whole or not at all");
    int n =
        snprintf(out, sizeof out, "%s%s%.*s%s%s", broken_off ? "\n" : "", can_erase() ? ERASE : "",
                 (int)line->used, line->text, status_line, *status_line != '\0' ? "\r" : "");
    size_t written = log_output_write(&output, out, (size_t)n);
    if (written != 0)
        broken_off = written != (size_t)n;
    return written == (size_t)n;
}

/* --- lines ------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 0))) static void line_append(struct line *line, const char *format,
                                                              va_list args) {
    size_t room = sizeof line->text - line->used - 1; /* for its end */
    int n = vsnprintf(line->text + line->used, room, format, args);
    if (n > 0)
        line->used += (size_t)n < room ? (size_t)n : room - 1;
}

__attribute__((format(printf, 2, 3))) static void line_add(struct line *line, const char *format,
                                                           ...) {
    va_list args;
    va_start(args, format);
    line_append(line, format, args);
    va_end(args);
}

/* RFC 3339. */
static void line_add_stamp(struct line *line) {
    struct timespec now;
    struct tm local;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
    long minutes = labs(local.tm_gmtoff) / 60;
    line_add(line, "%s.%03ld%c%02ld:%02ld ", text, now.tv_nsec / 1000000,
             local.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

/* The journal adds the time itself, and people at a terminal see when a line comes. */
static void line_begin(struct line *line, enum fb_log_level level) {
    line->used = 0;
    log_output_check(&output);
    if (output.journal)
        line_add(line, "<%u>", journal_levels[level]);
    else if (!output.terminal)
        line_add_stamp(line);
    line->program = line->used;
    line_add(line, "%s: %s: ", program_name, level_names[level]);
    line->message = line->used;
}

static void line_end(struct line *line) {
    line->text[line->used++] = '\n';
}

static void count_lost(enum fb_log_level level) {
    if (lost.total++ == 0)
        lost.since_ns = fb_now_ns();
    lost.lines[level]++;
}

/* Returns false if lines were lost and there is no room for the report either. */
static bool report_lost(void) {
    struct line line;
    enum fb_log_level gravest = FB_LOG_ERROR;
    if (lost.total == 0)
        return true;
    while (lost.lines[gravest] == 0)
        gravest++;
    line_begin(&line, gravest);
    line_add(&line, "%" PRIu64 " log %s lost within %.1f s (", lost.total,
             lost.total == 1 ? "line was" : "lines were",
             (double)(fb_now_ns() - lost.since_ns) / 1e9);
    const char *separator = "";
    for (unsigned level = 0; level < LEVELS; level++) {
        if (lost.lines[level] == 0)
            continue;
        line_add(&line, "%s%s %" PRIu64, separator, level_names[level], lost.lines[level]);
        separator = ", ";
    }
    line_add(&line, "): standard error had no room: make sure that it is read");
    line_end(&line);
    if (!write_line(&line))
        return false;
    memset(&lost, 0, sizeof lost);
    return true;
}

void fb_log_report_lost(void) {
    report_lost();
}

/* Cut at the front: the end of a long path says more, and the text needs the room. */
static void add_place(struct line *line) {
    size_t length = strlen(place_file), most = sizeof line->text / 2;
    const char *shown = length > most ? place_file + length - most : place_file;
    line_add(line, "%s:%u: ", shown, place_line);
}

/* A line with fields, for which there is a journal. */
static bool give_to_journal(const struct line *line, enum fb_log_level level,
                            const struct fb_log_field *fields) {
    return log_journal_send(&(struct log_journal_line){.program = program_name,
                                                       .priority = journal_levels[level],
                                                       .message = line->text + line->program,
                                                       .length = line->used - line->program,
                                                       .fields = fields});
}

/* fields: NULL if it has none. */
__attribute__((format(printf, 3, 0))) static void log_line(enum fb_log_level level,
                                                           const struct fb_log_field *fields,
                                                           const char *format, va_list args) {
    struct line line;
    bool kept = kept_text != NULL && level <= FB_LOG_WARNING;
    errors += level == FB_LOG_ERROR;
    if (level > written_up_to && !kept)
        return;
    line_begin(&line, level);
    if (place_file != NULL)
        add_place(&line);
    line_append(&line, format, args);
    if (kept)
        snprintf(kept_text, kept_room, "%.*s", (int)(line.used - line.message),
                 line.text + line.message);
    if (level > written_up_to)
        return;
    if (line_sink != NULL) {
        line.text[line.used] = '\0';
        line_sink(line_sink_arg, (int)level, line.text + line.message);
        return;
    }
    if (fields != NULL && output.journal && give_to_journal(&line, level, fields))
        return;
    line_end(&line);
    if (!report_lost() || !write_line(&line))
        count_lost(level);
}

void fb_log(enum fb_log_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_line(level, NULL, format, args);
    va_end(args);
}

void fb_log_with(enum fb_log_level level, const struct fb_log_field *fields, const char *format,
                 ...) {
    va_list args;
    va_start(args, format);
    log_line(level, fields, format, args);
    va_end(args);
}
