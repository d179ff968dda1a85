/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/option_rule.h"
#include "flow_balancer/guard.h"

#include "shm/view/view.h"

/* flow-stat: reads its options, and leaves the rest to one of the views. */
enum { EXIT_USAGE = 2 };

static const struct fb_option_rule rules[FB_OPTIONS] = {
    [FB_OPT_NAME] = FB_RULE_NAME(struct view_options, name),
    [FB_OPT_JSON] = FB_RULE_FLAG(struct view_options, json),
    [FB_OPT_WHY] = FB_RULE_FLAG(struct view_options, why),
    [FB_OPT_STAT_HTML] = FB_RULE_TEXT(struct view_options, html),
    [FB_OPT_HISTORY] = FB_RULE_FLAG(struct view_options, history),
    [FB_OPT_HISTORY_FILE] = FB_RULE_TEXT(struct view_options, history_file),
    [FB_OPT_LAST] = FB_RULE_COUNT(struct view_options, last_s, 1, 86400),
};

/* A fb_command_line_take. */
static bool take(void *arg, enum fb_option option, char *text, bool on, enum fb_origin origin) {
    (void)origin;
    return fb_option_take(rules, arg, option, text, on);
}

static void print_more_help(void) {
    puts("\nExit status: 0 what was asked for was printed or written, 1 the instance is not "
         "running or\n"
         "it cannot be read or written, 2 wrong usage.");
}

static void print_version(void) {
    puts("flow-stat " FB_VERSION);
}

static const struct fb_program program = {
    .reader = FB_STAT,
    .file_readers = FB_STAT,
    .name = "flow-stat",
    .stray = "see --help",
    .print_more_help = print_more_help,
    .print_version = print_version,
};

/* ---- which view ------------------------------------------------------------------------------ */

/* The option that asks for a view. */
static const struct {
    enum fb_option option;
    view_show *show;
} views[] = {
    {FB_OPT_WHY, view_why},
    {FB_OPT_STAT_HTML, view_html},
    {FB_OPT_HISTORY, view_history},
    {FB_OPT_HISTORY_FILE, view_history},
};
#define VIEWS (sizeof views / sizeof *views)

/* An option that goes with some views only, and for messages, with which. */
static const struct {
    enum fb_option option;
    view_show *with[5];
    const char *names;
} parts[] = {
    {FB_OPT_JSON, {view_text, view_why, view_history}, "--why, --history or none of them"},
    {FB_OPT_LAST, {view_history, view_html}, "--history or --html"},
};
#define PARTS (sizeof parts / sizeof *parts)

static const char *spelled(enum fb_option option) {
    return fb_option_line(option)->spelled;
}

/* The view that was asked for; NULL after one logged line: several were. */
static view_show *find_view(const bool *given) {
    const char *asked = NULL;
    view_show *show = view_text;
    for (size_t i = 0; i < VIEWS; i++) {
        if (!given[views[i].option])
            continue;
        if (asked != NULL && views[i].show != show) {
            fb_error("%s and %s exclude each other: call flow-stat once for each", asked,
                     spelled(views[i].option));
            return NULL;
        }
        asked = spelled(views[i].option);
        show = views[i].show;
    }
    return show;
}

/* False after one logged line: an option is of another view. */
static bool parts_fit(const bool *given, view_show *show) {
    for (size_t i = 0; i < PARTS; i++) {
        bool belongs = !given[parts[i].option];
        for (size_t k = 0; k < sizeof parts[i].with / sizeof *parts[i].with; k++)
            belongs |= parts[i].with[k] == show;
        if (belongs)
            continue;
        fb_error("%s: it goes with %s: leave it out, or call flow-stat with what it goes with",
                 spelled(parts[i].option), parts[i].names);
        return false;
    }
    return true;
}

static int show(const struct view_options *options) {
    view_show *view = find_view(options->line.given);
    if (view == NULL || !parts_fit(options->line.given, view))
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
