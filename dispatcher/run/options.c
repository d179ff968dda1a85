/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/options.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/json_text.h"

#include "dispatcher/capture/capture.h"
#include "dispatcher/capture/packet_clock.h"
#include "dispatcher/run/options_rules.h"

/* One call: defaults, file, command line. */
struct parsing {
    struct options *options;
    enum options_result result;
    json_t *given;      /* the options for the report */
    json_t *for_script; /* those of the file that are the supervisor's */
};

/* Notes the option: its text, true, or a list where it was repeated. */
static void note(json_t *json, enum fb_option option, const char *text) {
    const char *name = fb_option_line(option)->name;
    json_t *value = text != NULL ? fb_json_text(text, strlen(text)) : json_true();
    json_t *before = json_object_get(json, name);
    if (json_is_array(before)) {
        json_array_append_new(before, value);
    } else if (before != NULL) {
        json_t *list = json_array();
        json_array_append(list, before);
        json_array_append_new(list, value);
        json_object_set_new(json, name, list);
    } else {
        json_object_set_new(json, name, value);
    }
}

bool options_is_replaced(const bool *given, enum fb_option option) {
    if (option == FB_OPT_READ || option == FB_OPT_INTERFACE)
        return given[FB_OPT_READ] || given[FB_OPT_INTERFACE];
    if (option == FB_OPT_BPF || option == FB_OPT_FILTER_FILE)
        return given[FB_OPT_BPF] || given[FB_OPT_FILTER_FILE];
    return false;
}

bool options_take(struct options *o, enum fb_option option, char *text, bool on,
                  enum fb_origin origin) {
    if (origin == FB_FROM_FILE && (option == FB_OPT_BPF || option == FB_OPT_FILTER_FILE)) {
        if (option == o->file_filter) { /* the later line wins; the other key is refused */
            free(o->filter);
            o->filter = NULL;
        }
        o->file_filter = option;
    }
    return fb_option_take(options_rules, o, option, text, on);
}

/* One line of the file, before the command line is applied. */
static bool take_from_file(struct parsing *p, enum fb_option option, char *text, bool on) {
    struct options *o = p->options;
    if ((fb_option_line(option)->readers & FB_DISPATCHER) == 0) {
        json_object_set_new(p->for_script, fb_option_line(option)->name, json_string(text));
        return true;
    }
    if (options_is_replaced(o->line.given, option))
        return true;
    if (!options_take(o, option, text, on, FB_FROM_FILE))
        return false;
    bool adds_up = option == FB_OPT_READ || option == FB_OPT_INTERFACE ||
                   option == FB_OPT_TIMEOUT || option == FB_OPT_TUNNEL_PORT;
    if (!adds_up)
        json_object_del(p->given, fb_option_line(option)->name);
    if (on && (adds_up || !o->line.given[option]))
        note(p->given, option, text);
    return true;
}

static bool take_from_words(struct parsing *p, enum fb_option option, char *text) {
    switch (option) {
    case FB_OPT_CHECK:
        p->result = OPTIONS_CHECK;
        return true;
    case FB_OPT_LIST_INTERFACES:
        p->result = OPTIONS_INTERFACES;
        return true;
    case FB_OPT_LAST_REPORT:
        p->result = OPTIONS_LAST_REPORT;
        return true;
    case FB_OPT_CLEAN:
        p->result = OPTIONS_CLEAN;
        return true;
    default:
        if (!options_take(p->options, option, text, true, FB_FROM_WORDS))
            return false;
        note(p->given, option, text);
        return true;
    }
}

/* A fb_command_line_take. */
static bool take(void *arg, enum fb_option option, char *text, bool on, enum fb_origin origin) {
    struct parsing *p = arg;
    switch (origin) {
    case FB_FROM_DEFAULT:
        return options_take(p->options, option, text, on, origin);
    case FB_FROM_FILE:
        return take_from_file(p, option, text, on);
    default:
        return take_from_words(p, option, text);
    }
}

#define ROOM_LEAST 4u /* worker numbers beyond --workers */

/* Some numbers are left for workers to be added; they cost nothing before they are. */
static void choose_max_workers(struct options *o) {
    o->rings = o->max_workers != 0 ? o->max_workers : o->workers;
    if (o->max_workers == 0)
        o->max_workers = o->workers < ROOM_LEAST ? o->workers + ROOM_LEAST : 2 * o->workers;
    if (o->max_workers > FB_MAX_WORKERS)
        o->max_workers = FB_MAX_WORKERS;
}

static bool has_connection(const struct options *o) {
    for (unsigned i = 0; i < o->file_count; i++) {
        if (capture_tcp_is(o->files[i]))
            return true;
    }
    return false;
}

static bool check_together(struct options *o) {
    choose_max_workers(o);
    if (!o->on_full_given)
        o->block = o->interface_count == 0;
    if (o->file_count == 0 && o->interface_count == 0)
        fb_error("nothing to read: give -r FILE or -i IFACE");
    else if (o->file_count != 0 && o->interface_count != 0)
        fb_error("-r '%s' and -i '%s': give files or interfaces, not both", o->files[0],
                 o->interfaces[0]);
    else if (o->interface_count != 0 && (o->preload || o->loops > 1 || o->speed > 0))
        fb_error("--preload, --loop and --speed are for files: leave them out with -i '%s'",
                 o->interfaces[0]);
    else if (o->reconnect && !has_connection(o))
        fb_error("--reconnect: it is for -r tcp:HOST:PORT: give one, or leave it out");
    else if (o->file_count != 0 && o->merge_window_us != 0)
        fb_error("--merge-window %u: files are read one after another: leave it out, or join them "
                 "by time first, with mergecap",
                 o->merge_window_us);
    else if (o->fanout.wanted && o->interface_count == 0)
        fb_error("--fanout %u: only interfaces can be shared: leave it out with -r '%s'",
                 o->fanout.group, o->files[0]);
    else if (o->fanout.wanted && o->fanout.group + o->interface_count - 1 > FANOUT_GROUP_MAX)
        fb_error("--fanout %u: the last of %u interfaces would be in group %u: give at most %u",
                 o->fanout.group, o->interface_count, o->fanout.group + o->interface_count - 1,
                 FANOUT_GROUP_MAX - o->interface_count + 1);
    else if (o->report != NULL && o->html != NULL && strcmp(o->report, o->html) == 0)
        fb_error("--report and --html would both go to '%s': give one of them another file",
                 o->html);
    else if (o->max_share > 0 && o->max_share * o->rings < 1)
        fb_error("--max-share %g: %u workers cannot share all flows then: give at least %.3f",
                 o->max_share, o->rings, 1.0 / o->rings);
    else if (o->max_workers < o->workers)
        fb_error("--max-workers %u: give at least --workers, %u", o->max_workers, o->workers);
    else
        return true;
    return false;
}

static void print_more_help(void) {
    puts("\nExit status: 0 the capture was read to its end, or the run was shut down cleanly;\n"
         "1 something failed, broke off, was abandoned or does not add up; 2 wrong usage.");
}

static void print_version(void) {
    fb_numa_print_version("flow-dispatcher");
    printf("compressed files: %s\n", capture_unpack_ways());
}

static const struct fb_program program = {
    .reader = FB_DISPATCHER,
    .file_readers = FB_DISPATCHER | FB_RUN,
    .name = "flow-dispatcher",
    .usage = "-r FILE... | -i IFACE... [OPTION...]",
    .stray = "files are given with -r, interfaces with -i",
    .print_more_help = print_more_help,
    .print_version = print_version,
};

static enum options_result parse(struct parsing *p, int argc, const char **argv) {
    struct options *o = p->options;
    enum fb_command_line_end end = fb_command_line_read(&o->line, &program, argc, argv, take, p);
    if (end != FB_COMMAND_LINE_TAKEN)
        return end == FB_COMMAND_LINE_PRINTED ? OPTIONS_DONE : OPTIONS_WRONG;
    if (!o->line.given[FB_OPT_BPF] && !o->line.given[FB_OPT_FILTER_FILE])
        o->filter_config = o->reload_config != NULL ? o->reload_config : o->line.config;
    if (p->result == OPTIONS_CHECK)
        json_object_update_missing(p->given, p->for_script);
    bool runs = p->result == OPTIONS_RUN || p->result == OPTIONS_CHECK;
    return !runs || check_together(o) ? p->result : OPTIONS_WRONG;
}

void options_init(struct options *options) {
    *options = (struct options){
        .fragments = fragments_default_config(PACKET_CLOCK_TICKS_PER_SECOND),
        .tunnel_ports = decode_usual_ports,
        .decode = {.ports = &options->tunnel_ports},
    };
    flow_timeouts_init(&options->timeouts);
}

enum options_result options_parse(struct options *options, int argc, const char **argv) {
    struct parsing parsing = {.options = options,
                              .result = OPTIONS_RUN,
                              .given = json_object(),
                              .for_script = json_object()};
    options_init(options);
    enum options_result result = parse(&parsing, argc, argv);
    options->json = json_dumps(parsing.given, JSON_COMPACT);
    json_decref(parsing.given);
    json_decref(parsing.for_script);
    return result;
}

void options_free(struct options *options) {
    fb_command_line_free(&options->line);
    free(options->filter);
    free(options->json);
}
