/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/options.h"

#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/numa.h"
#include "flow_balancer/common/option_rule.h"
#include "flow_balancer/common/parse.h"
#include "flow_balancer/names.h"

#include "worker/inspectors/inspectors.h"
#include "worker/plugin.h"

#define INSPECTORS_NAMED 32 /* in a message, at most */

/* Whether an inspector is built in; a plugin is looked at when it is loaded. */
static bool check_name(const char *option, const char *name) {
    if (plugin_is_path(name) || inspector_find(name) != NULL)
        return true;
    size_t length = strlen(name);
    if (length > 3 && strcmp(name + length - 3, ".so") == 0) {
        fb_error("%s '%s': a plugin is given by its path: write ./%s", option, name, name);
        return false;
    }
    const char *names[INSPECTORS_NAMED + 1] = {NULL};
    for (unsigned i = 0; i < INSPECTORS_NAMED && inspector_at(i) != NULL; i++)
        names[i] = inspector_at(i)->name;
    unsigned ignored;
    return fb_parse_word(option, name, names, &ignored);
}

/* NAME[:ARGS] or PATH[:ARGS] */
static bool set_inspector(void *options, const struct fb_option_value *v) {
    struct worker_options *o = options;
    char *colon = strchr(v->text, ':');
    if (colon != NULL)
        *colon = '\0';
    if (!check_name(v->name, v->text))
        return false;
    if (o->inspector_count == INSPECTIONS_MAX) {
        fb_error("%s '%s': at most %u inspectors", v->name, v->text, INSPECTIONS_MAX);
        return false;
    }
    o->inspectors[o->inspector_count++] =
        (struct inspector_request){.name = v->text, .args = colon == NULL ? NULL : colon + 1};
    return true;
}

static bool set_wait(void *options, const struct fb_option_value *v) {
    struct worker_options *o = options;
    unsigned index = 0;
    bool ok = fb_option_choice(v, &index);
    o->spin = index == 1;
    return ok;
}

static bool set_exec_timeout(void *options, const struct fb_option_value *v) {
    struct worker_options *o = options;
    o->inspectors_settings.exec_timeout_ns = 0;
    return strcmp(v->text, "never") == 0 ||
           fb_parse_duration(v->name, v->text, FB_OPTION_SECOND_NS, FB_OPTION_DAY_NS,
                             &o->inspectors_settings.exec_timeout_ns);
}

/* What it names is looked at when it is opened. */
static bool set_eve(void *options, const struct fb_option_value *v) {
    struct worker_options *o = options;
    if (o->eve_count == SINKS_MAX) {
        fb_error("%s '%s': at most %u sinks", v->name, v->text, SINKS_MAX);
        return false;
    }
    o->eve[o->eve_count++] = v->text;
    return true;
}

static bool set_eve_wait(void *options, const struct fb_option_value *v) {
    struct worker_options *o = options;
    o->eve_wait_ns = UINT64_MAX;
    return strcmp(v->text, "forever") == 0 ||
           fb_parse_duration(v->name, v->text, 1000000, FB_OPTION_DAY_NS, &o->eve_wait_ns);
}

static bool set_cpu(void *options, const struct fb_option_value *v) {
    struct worker_options *o = options;
    o->place.cpus_given = true;
    return fb_cpus_parse(v->name, v->text, &o->place.cpus);
}

static bool set_numa_node(void *options, const struct fb_option_value *v) {
    struct worker_options *o = options;
    uint64_t node;
    o->place.node = PLACE_OFF;
    if (strcmp(v->text, "off") == 0)
        return true;
    if (!fb_parse_count(v->name, v->text, 0, FB_NODE_NUMBERS - 1, &node))
        return false;
    o->place.node = (int)node;
    return true;
}

#define OWNER struct worker_options

static const struct fb_option_rule rules[FB_OPTIONS] = {
    [FB_OPT_NAME] = FB_RULE_NAME(OWNER, name),
    [FB_OPT_WORKER] = FB_RULE_COUNT(OWNER, worker, 0, FB_MAX_WORKERS - 1),
    [FB_OPT_INSPECTOR] = FB_RULE_CALL(set_inspector),
    [FB_OPT_EVE] = FB_RULE_CALL(set_eve),
    [FB_OPT_EVE_WAIT] = FB_RULE_CALL(set_eve_wait),
    [FB_OPT_WAIT] = FB_RULE_CALL(set_wait),
    [FB_OPT_CPU] = FB_RULE_CALL(set_cpu),
    [FB_OPT_NUMA_NODE] = FB_RULE_CALL(set_numa_node),
    [FB_OPT_ORPHAN_TIMEOUT] = FB_RULE_SECONDS(OWNER, orphan_ns),
    [FB_OPT_WORKER_DRAIN_TIMEOUT] = FB_RULE_SECONDS(OWNER, inspectors_settings.drain_ns),
    [FB_OPT_EXEC_TIMEOUT] = FB_RULE_CALL(set_exec_timeout),
    [FB_OPT_EXEC_OUTPUT] = FB_RULE_TEXT(OWNER, inspectors_settings.exec_output),
    [FB_OPT_LOG_LEVEL] = FB_RULE_LOG_LEVEL(OWNER, log_level),
    [FB_OPT_WORKER_CHECK] = FB_RULE_FLAG(OWNER, check),
    [FB_OPT_PARENT] = FB_RULE_COUNT64(OWNER, parent, 1, INT32_MAX),
};

/* Whether --read is among the words: what it needs is loaded before they are read. */
static bool names_files(int argc, const char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-r", 2) == 0 || strncmp(argv[i], "--read", 6) == 0)
            return true;
    }
    return false;
}

/* An option of the dispatcher that also counts with --read: on the command line, else in the file.
 */
static bool take_reading(struct worker_options *o, enum fb_option option, char *text, bool on,
                         enum fb_origin origin) {
    if (o->offline == NULL && origin == FB_FROM_WORDS) {
        fb_error("%s: flow-worker has it with --read FILE only: leave it out, or give it to the "
                 "dispatcher",
                 fb_option_line(option)->spelled);
        return false;
    }
    if (o->offline == NULL)
        return true;
    return fb_offline_take(o->offline, &o->line,
                           option == FB_OPT_WORKER_READ ? FB_OPT_READ : option, text, on, origin);
}

/* A fb_command_line_take. */
static bool take(void *arg, enum fb_option option, char *text, bool on, enum fb_origin origin) {
    struct worker_options *o = arg;
    if (option == FB_OPT_INSPECTOR && origin != o->inspectors_from) {
        o->inspector_count = 0; /* those of the file take the place of the default, and so on */
        o->inspectors_from = origin;
    }
    if (option == FB_OPT_EVE && origin != o->eve_from) {
        o->eve_count = 0;
        o->eve_from = origin;
    }
    if (rules[option].take == NULL)
        return take_reading(o, option, text, on, origin);
    return fb_option_take(rules, arg, option, text, on);
}

/* Of inspectors that write a record a flow at most one: a flow would have two. */
static bool check_flow_records(const struct worker_options *o) {
    static const char *const writers[] = {"flow", "ndpi"};
    const char *first = NULL;
    for (unsigned i = 0; i < o->inspector_count; i++) {
        const char *name = o->inspectors[i].name;
        if (strcmp(name, writers[0]) != 0 && strcmp(name, writers[1]) != 0)
            continue;
        if (first != NULL) {
            fb_error("--inspector %s and --inspector %s: each writes a record a flow: leave one of "
                     "them out",
                     first, name);
            return false;
        }
        first = name;
    }
    return true;
}

/* Options of an instance say nothing where there is none. */
static bool check_together(struct worker_options *o) {
    static const enum fb_option without[] = {FB_OPT_NAME, FB_OPT_WORKER, FB_OPT_WAIT,
                                             FB_OPT_ORPHAN_TIMEOUT};
    o->reads = o->line.given[FB_OPT_WORKER_READ];
    for (unsigned i = 0; o->reads && i < sizeof without / sizeof *without; i++) {
        if (!o->line.given[without[i]])
            continue;
        fb_error("%s: with --read '%s' there is no dispatcher and no ring: leave one of them out",
                 fb_option_line(without[i])->spelled, fb_offline_first_file(o->offline));
        return false;
    }
    return check_flow_records(o);
}

static void print_more_help(void) {
    puts("\nInspectors:");
    for (unsigned i = 0; inspector_at(i) != NULL; i++)
        printf("  %-8s %s\n", inspector_at(i)->name, inspector_at(i)->help);
    puts("\nOptions on what is captured, and on flows, count with --read only.");
    puts("\nExit status: 0 shut down cleanly, 1 failed, 2 wrong usage, 3 revoked by the "
         "dispatcher,\n"
         "75 nothing to claim (try again).");
}

static void print_version(void) {
    fb_numa_print_version("flow-worker");
    for (unsigned i = 0; inspector_at(i) != NULL; i++) {
        if (inspector_at(i)->version != NULL)
            printf("%s: %s\n", inspector_at(i)->name, inspector_at(i)->version);
    }
}

static const struct fb_program program = {
    .reader = FB_WORKER,
    .file_readers = FB_WORKER,
    .name = "flow-worker",
    .stray = "see --help",
    .print_more_help = print_more_help,
    .print_version = print_version,
};

enum fb_command_line_end worker_options_parse(struct worker_options *options, int argc,
                                              const char **argv) {
    *options = (struct worker_options){.worker = FB_WORKER_ANY, .place.node = PLACE_PLAN};
    if (names_files(argc, argv)) {
        options->offline = fb_offline_options_new();
        if (options->offline == NULL)
            return FB_COMMAND_LINE_WRONG;
    }
    enum fb_command_line_end end =
        fb_command_line_read(&options->line, &program, argc, argv, take, options);
    return end != FB_COMMAND_LINE_TAKEN || check_together(options) ? end : FB_COMMAND_LINE_WRONG;
}

void worker_options_free(struct worker_options *options) {
    fb_offline_options_free(options->offline);
    options->offline = NULL;
    fb_command_line_free(&options->line);
}
