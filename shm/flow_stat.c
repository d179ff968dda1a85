/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/option_rule.h"
#include "flow_balancer/common/parse.h"
#include "flow_balancer/guard.h"

#include "shm/view/view.h"

/* flow-stat: reads its options, and leaves the rest to one of the views. */
enum { EXIT_USAGE = 2 };

#define INTERVAL_LEAST_NS (FB_OPTION_SECOND_NS / 10)
#define INTERVAL_MOST_NS (3600 * FB_OPTION_SECOND_NS)

/* A fb_option_taker. */
static bool take_interval(void *options, const struct fb_option_value *value) {
    struct view_options *o = options;
    if (!fb_parse_duration(value->name, value->text, FB_OPTION_SECOND_NS, INTERVAL_MOST_NS,
                           &o->interval_ns))
        return false;
    if (o->interval_ns >= INTERVAL_LEAST_NS)
        return true;
    fb_error("%s '%s': give at least 0.1 seconds", value->name, value->text);
    return false;
}

static const struct fb_option_rule rules[FB_OPTIONS] = {
    [FB_OPT_NAME] = FB_RULE_NAME(struct view_options, name),
    [FB_OPT_JSON] = FB_RULE_FLAG(struct view_options, json),
    [FB_OPT_WATCH] = FB_RULE_FLAG(struct view_options, watch),
    [FB_OPT_ONCE] = FB_RULE_FLAG(struct view_options, once),
    [FB_OPT_RING] = FB_RULE_COUNT(struct view_options, ring, 0, FB_MAX_WORKERS - 1),
    [FB_OPT_INTERVAL] = FB_RULE_CALL(take_interval),
};

/* A fb_command_line_take. */
static bool take(void *arg, enum fb_option option, char *text, bool on, enum fb_origin origin) {
    (void)origin;
    return fb_option_take(rules, arg, option, text, on);
}

static void print_more_help(void) {
    puts("\nExit status: 0 what was asked for was shown, 1 the instance is not running, what is "
         "there\n"
         "cannot be read or written, or the terminal cannot be used, 2 wrong usage.");
}

static void print_version(void) {
    const char *curses = view_curses_version();
    printf("flow-stat " FB_VERSION "\nterminal: %s%s\n", curses != NULL ? "ncurses " : "",
           curses != NULL ? curses : "off, built without ncurses");
}

static const struct fb_program program = {
    .reader = FB_STAT,
    .file_readers = FB_STAT,
    .name = "flow-stat",
    .stray = "see --help",
    .print_more_help = print_more_help,
    .print_version = print_version,
};

/* Which view was asked for; NULL after one logged line: several were. */
static view_show *choose(const struct view_options *options) {
    const bool *given = options->line.given;
    bool is_picture = options->watch || options->once;
    if (is_picture && given[FB_OPT_RING]) {
        fb_error("--ring: the words of a ring are no picture: leave out %s, or --ring",
                 options->watch ? "--watch" : "-1");
        return NULL;
    }
    if (is_picture && given[FB_OPT_JSON]) {
        fb_error("--json: a picture is no JSON: leave out %s, or --json",
                 options->watch ? "--watch" : "-1");
        return NULL;
    }
    if (!is_picture && given[FB_OPT_INTERVAL]) {
        fb_error("--interval: it is for --watch and -1: give one of them too");
        return NULL;
    }
    if (is_picture)
        return options->once ? view_once : view_watch;
    return given[FB_OPT_RING] ? view_ring : view_text;
}

static int show(const struct view_options *options) {
    view_show *view = choose(options);
    if (view == NULL)
        return EXIT_USAGE;
    return fb_guard_init() == 0 ? view(options) : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    fb_log_init("flow-stat", FB_LOG_INFO);
    struct view_options options = {0};
    int status = EXIT_SUCCESS;
    switch (
        fb_command_line_read(&options.line, &program, argc, (const char **)argv, take, &options)) {
    case FB_COMMAND_LINE_TAKEN:
        status = show(&options);
        break;
    case FB_COMMAND_LINE_PRINTED:
        break;
    default:
        status = EXIT_USAGE;
        break;
    }
    fb_command_line_free(&options.line);
    return status;
}
