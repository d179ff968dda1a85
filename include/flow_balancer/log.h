/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_LOG_H
#define FLOW_BALANCER_LOG_H

/*
 * One line to standard error per event, "program: level: text", written with
 * one write() so that lines of several processes do not mix. Never called on
 * the data path. Any process, one thread at a time.
 */
enum fb_log_level { FB_LOG_ERROR, FB_LOG_WARNING, FB_LOG_INFO, FB_LOG_DEBUG };

/* Sets the program's name (kept by pointer, for the life of the process) and the last level that is
 * written. */
void fb_log_init(const char *program, enum fb_log_level last_level);

/* Sets the last level that is written. */
void fb_log_set_level(enum fb_log_level last_level);

/* From now on "file:line: " stands before the text of each line; file NULL: no more. file is kept
 * by pointer. */
void fb_log_set_place(const char *file, unsigned line);

/* Parses "error", "warning", "info" or "debug". Returns 0, or -EINVAL. */
int fb_log_parse_level(const char *text, enum fb_log_level *level);

void fb_log(enum fb_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define fb_error(...) fb_log(FB_LOG_ERROR, __VA_ARGS__)
#define fb_warning(...) fb_log(FB_LOG_WARNING, __VA_ARGS__)
#define fb_info(...) fb_log(FB_LOG_INFO, __VA_ARGS__)
#define fb_debug(...) fb_log(FB_LOG_DEBUG, __VA_ARGS__)

#endif
