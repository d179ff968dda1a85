/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_COMMAND_LINE_H
#define FLOW_BALANCER_COMMON_COMMAND_LINE_H

#include <stdbool.h>

#include "flow_balancer/common/option.h"

/*
 * The options of one call of a program, in the order in which they count: the
 * defaults of the list, the lines of the --config file, the command line. What
 * is the same in all programs is done here: --config, --help, --version,
 * --list-options, and the message on a word that is no option.
 */
enum fb_origin { FB_FROM_DEFAULT, FB_FROM_FILE, FB_FROM_WORDS };

enum fb_command_line_end {
    FB_COMMAND_LINE_TAKEN,
    FB_COMMAND_LINE_PRINTED, /* --help or another that prints and ends the program */
    FB_COMMAND_LINE_WRONG,   /* one line was logged */
};

/* A program, constant. */
struct fb_program {
    enum fb_reader reader;
    unsigned file_readers; /* whose lines of the file are taken: at least its own */
    const char *name;
    const char *usage;             /* what follows the name in --help; NULL: [OPTION...] */
    const char *stray;             /* what to do about a word that is no option */
    void (*print_more_help)(void); /* what follows the options in --help */
    void (*print_version)(void);
};

/*
 * Takes one option. text: NULL for a flag, which is `on` or, in a file, not; it
 * lives until fb_command_line_free(). Returns false after one logged line.
 */
typedef bool (*fb_command_line_take)(void *arg, enum fb_option option, char *text, bool on,
                                     enum fb_origin origin);

/* Zero before its first use. */
struct fb_command_line {
    bool given[FB_OPTIONS]; /* on the command line, known before the file is read */
    const char *config;     /* the file, or NULL */
    char **texts;           /* all values, owned */
    unsigned text_count;
};

/* Reads a command line, of which argv[0] is skipped, and hands the options to take. */
enum fb_command_line_end fb_command_line_read(struct fb_command_line *line,
                                              const struct fb_program *program, int argc,
                                              const char **argv, fb_command_line_take take,
                                              void *arg);

void fb_command_line_free(struct fb_command_line *line);

#endif
