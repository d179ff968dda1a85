/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_OPTION_H
#define FLOW_BALANCER_COMMON_OPTION_H

#include <popt.h>
#include <stdbool.h>
#include <stdio.h>

#include "flow_balancer/common/option_list.h"

/* The list of options as data. Constant; any process. */

/* Who reads an option: bits of a mask. The script's commands differ in what they take. */
enum fb_reader {
    FB_DISPATCHER = 1 << 0,
    FB_WORKER = 1 << 1,
    FB_STAT = 1 << 2,
    FB_RUN = 1 << 3,   /* flow-balancer run and start */
    FB_STOP = 1 << 4,  /* flow-balancer stop */
    FB_ASK = 1 << 5,   /* its other commands */
    FB_ALONE = 1 << 6, /* flow-balancer without a command */
    FB_LIST = 1 << 7,  /* flow-balancer list */
    FB_SCRIPT = FB_RUN | FB_STOP | FB_ASK | FB_ALONE | FB_LIST,
    FB_READING = FB_DISPATCHER | FB_WORKER, /* of flow-worker with --read only */
    FB_ALL = FB_DISPATCHER | FB_WORKER | FB_STAT | FB_SCRIPT,
};

/* Where an option may stand. */
enum fb_where { FB_COMMAND_LINE, FB_ANYWHERE };

enum fb_option {
    FB_OPT_NONE, /* popt takes a code of 0 for none as well */
#define X(id, ...) FB_OPT_##id,
    FB_OPTION_LIST(X)
#undef X
        FB_OPTIONS /* size of an array by option */
};

struct fb_option_line {
    const char *name;         /* long, without dashes */
    const char *spelled;      /* the same with dashes */
    char letter;              /* or 0 */
    const char *argument;     /* what stands for the value; NULL: a flag */
    const char *default_text; /* NULL: none */
    bool default_is_value;    /* it is given to the reader, else only shown */
    unsigned readers;
    enum fb_where where;
    const char *help;
    const char *help_with_default;
};

/* The line of an option, or NULL for FB_OPT_NONE. */
const struct fb_option_line *fb_option_line(enum fb_option option);

/* The option of that long name that one of the readers has, or FB_OPT_NONE. */
enum fb_option fb_option_find(unsigned readers, const char *name);

/* The same for a key of a --config file: the option may stand there. */
enum fb_option fb_option_find_key(unsigned readers, const char *key);

/*
 * The option that a word of a command line is by itself, such as -w or
 * --workers, but not -w3 or --workers=3. FB_OPT_NONE: the readers have none.
 */
enum fb_option fb_option_spelled(unsigned readers, const char *word);

/* Fills a popt table with the options of one reader; the codes are those of enum fb_option. */
void fb_option_table(enum fb_reader reader, struct poptOption table[FB_OPTIONS + 1]);

/*
 * Prints every option on a line of its own, columns parted by tabs: long name,
 * letter, argument, default, readers parted by commas (dispatcher, worker, stat,
 * script), config (yes or no: it may stand in a file), help. What there is none
 * of is "-".
 */
void fb_option_print_list(FILE *out);

#endif
