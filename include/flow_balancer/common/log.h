/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_LOG_H
#define FLOW_BALANCER_COMMON_LOG_H

#include <stddef.h>

/*
 * One line to standard error per event, "program: level: text", written with
 * one write() so that lines of several processes do not mix. Never called on
 * the data path. Any process, one thread at a time.
 *
 * On a terminal that is all. In systemd's journal the line begins with its level, as
 * "<4>"; elsewhere with the time, as "2026-11-28T22:10:09.123+00:00 ".
 *
 * Writing a line never waits: a stopped terminal, or a pipe that is not read, must not
 * stop a capture (log_output.h says how). A line for which there is no room is lost,
 * and counted by level. Once there is room, one line reports the losses: before the
 * next line, or when fb_log_report_lost() is called.
 *
 * Below the log lines on a terminal there may be a status line: one at a time,
 * of this process or of another one that shares the terminal. The cursor waits
 * at its start; a log line of any process erases it, and the process that it
 * belongs to writes it again after its own log lines.
 */
enum fb_log_level { FB_LOG_ERROR, FB_LOG_WARNING, FB_LOG_INFO, FB_LOG_DEBUG };

/* Sets the program's name (kept by pointer, for the life of the process) and the last level that is
 * written. Called first of all: standard streams that are closed are opened on /dev/null, or lines
 * would go into whatever is opened next. */
void fb_log_init(const char *program, enum fb_log_level last_level);

/* Sets the last level that is written. */
void fb_log_set_level(enum fb_log_level last_level);

/* How many lines of level error were logged so far, whether they were written or not: for callers
 * that say what failed unless that was said. */
unsigned fb_log_errors(void);

/* Reports lost lines, if there are any and standard error has room again; else it does nothing.
 * Long-running programs call it several times a second, and before they end. */
void fb_log_report_lost(void);

/* From now on each line's text begins with "file:line: "; file NULL: no more. Kept by pointer. */
void fb_log_set_place(const char *file, unsigned line);

/*
 * From now on the text of each line of level error or warning is also written to
 * text, without program and level; the last one stays. NULL: no more. For answers
 * to requests, which say what was logged.
 */
void fb_log_keep(char *text, size_t room);

/*
 * From now on lines go, without program, level and time, to sink instead of standard error;
 * NULL: no more. Its line is valid during the call. For programs that we are a library in.
 */
typedef void fb_log_sink(void *arg, int level, const char *line);
void fb_log_set_sink(fb_log_sink *sink, void *arg);

/* Parses "error", "warning", "info" or "debug". Returns 0, or -EINVAL. */
int fb_log_parse_level(const char *text, enum fb_log_level *level);

#define FB_LOG_STATUS_MAX 256u /* bytes of a status line with the 0 that ends it */

/*
 * Columns that a status line may have; 0: there is to be none, since standard
 * error is no terminal that can erase a line, or another job than this has it,
 * or lines of level info are not wanted. Some system calls: a few times a second.
 */
unsigned fb_log_status_width(void);

/*
 * Shows one line of at most fb_log_status_width() columns, without a line end;
 * "" takes it away. Writes nothing where the width is 0 or the terminal has no room.
 */
void fb_log_set_status(const char *text);

void fb_log(enum fb_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the journal is told of a line beside its text: a name of capitals, digits and underscores.
 */
struct fb_log_field {
    const char *name;
    const char *value;
};

/*
 * The same for a line with fields, the last one with the name NULL. Where standard error goes to
 * the journal they go there with the line, which has no level before it then; else, and
 * where the journal does not take them, it is a line like any other.
 */
void fb_log_with(enum fb_log_level level, const struct fb_log_field *fields, const char *format,
                 ...) __attribute__((format(printf, 3, 4)));

#define fb_error(...) fb_log(FB_LOG_ERROR, __VA_ARGS__)
#define fb_warning(...) fb_log(FB_LOG_WARNING, __VA_ARGS__)
#define fb_info(...) fb_log(FB_LOG_INFO, __VA_ARGS__)
#define fb_debug(...) fb_log(FB_LOG_DEBUG, __VA_ARGS__)

#endif
