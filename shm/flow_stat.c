/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/option_rule.h"
#include "flow_balancer/common/parent.h"
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
    [FB_OPT_LIST] = FB_RULE_FLAG(struct view_options, list),
    [FB_OPT_PROMETHEUS] = FB_RULE_FLAG(struct view_options, prometheus),
    [FB_OPT_OUTPUT] = FB_RULE_TEXT(struct view_options, output),
    [FB_OPT_EVERY] = FB_RULE_SECONDS(struct view_options, every_ns),
    [FB_OPT_LISTEN] = FB_RULE_TEXT(struct view_options, listen),
    [FB_OPT_STAT_CHECK] = FB_RULE_FLAG(struct view_options, check),
    [FB_OPT_LOG_LEVEL] = FB_RULE_LOG_LEVEL(struct view_options, log_level),
    [FB_OPT_PARENT] = FB_RULE_COUNT64(struct view_options, parent, 1, INT32_MAX),
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
    puts("\nExit status: 0 what was asked for was shown, 1 the instance is not running, what was\n"
         "asked for cannot be read, written or served, or the terminal cannot be used, 2 wrong\n"
         "usage.");
}

static void print_version(void) {
    const char *curses = view_curses_version(), *http = view_served_by();
    printf("flow-stat " FB_VERSION "\nterminal: %s%s\n", curses != NULL ? "ncurses " : "",
           curses != NULL ? curses : "off, built without ncurses");
    printf("served metrics: %s%s\n", http != NULL ? "libmicrohttpd " : "",
           http != NULL ? http : "off, built without libmicrohttpd");
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

/* The option that asks for a view; of --watch and -1 the latter. */
static const struct {
    enum fb_option option;
    view_show *show;
} views[] = {
    {FB_OPT_WATCH, view_watch},
    {FB_OPT_ONCE, view_once},
    {FB_OPT_RING, view_ring},
    {FB_OPT_WHY, view_why},
    {FB_OPT_HISTORY, view_history},
    {FB_OPT_HISTORY_FILE, view_history},
    {FB_OPT_STAT_HTML, view_html},
    {FB_OPT_LIST, view_list},
    {FB_OPT_PROMETHEUS, view_prometheus},
};
#define VIEWS (sizeof views / sizeof *views)

/* An option that goes with some views only, and for messages, with which. */
static const struct {
    enum fb_option option;
    view_show *with[5];
    const char *names;
} parts[] = {
    {FB_OPT_JSON,
     {view_text, view_ring, view_why, view_history, view_list},
     "--ring, --why, --history, --list or none of them"},
    {FB_OPT_INTERVAL, {view_watch, view_once}, "--watch or -1"},
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
        bool is_picture = show == view_watch && views[i].show == view_once;
        if (asked != NULL && views[i].show != show && !is_picture) {
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

/* NULL after one logged line. */
static view_show *choose(const struct view_options *options) {
    view_show *view = view_prometheus_fits(options) ? find_view(options->line.given) : NULL;
    return view != NULL && parts_fit(options->line.given, view) ? view : NULL;
}

static int show(const struct view_options *options) {
    fb_log_set_level(options->log_level);
    view_show *view = choose(options);
    if (view == NULL)
        return EXIT_USAGE;
    if (fb_guard_init() != 0 || (options->parent != 0 && !fb_follow_parent(options->parent)))
        return EXIT_FAILURE;
    return view(options);
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
