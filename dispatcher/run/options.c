/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/options.h"

#include <errno.h>
#include <jansson.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/config.h"
#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/parse.h"
#include "flow_balancer/ctl.h"

#include "dispatcher/capture/capture.h"
#include "dispatcher/flows/packet_clock.h"
#include "dispatcher/run/options_table.h"

#define SECOND_NS UINT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)
#define HANG_LEAST_NS (SECOND_NS / 10)
#define MERGE_WINDOW_MOST_US 10000000u
#define FRAGMENT_BYTES_LEAST (UINT64_C(4) * CAPTURE_FRAME_MAX)

static void set_defaults(struct options *o) {
    *o = (struct options){
        .snaplen = 0,
        .direction = "inout",
        .name = "flow-balancer",
        .workers = 8,
        .policy = policy_find(POLICY_DEFAULT),
        .max_flows = 1000000,
        .depth = 10000,
        .hugepages = FB_HUGEPAGES_AUTO,
        .failover_ns = SECOND_NS,
        .hang_ns = 5 * SECOND_NS,
        .start_timeout_ns = 30 * SECOND_NS,
        .no_worker_timeout_ns = 30 * SECOND_NS,
        .drain_timeout_ns = 30 * SECOND_NS,
        .loops = 1,
        .log_level = FB_LOG_INFO,
    };
    flow_timeouts_init(&o->timeouts);
    o->fragments = fragments_default_config(PACKET_CLOCK_TICKS_PER_SECOND);
}

static bool set_count32(const char *option, const char *text, uint64_t least, uint64_t most,
                        uint32_t *value) {
    uint64_t wide;
    if (!fb_parse_count(option, text, least, most, &wide))
        return false;
    *value = (uint32_t)wide;
    return true;
}

static bool add_source(const char *const option, const char *text, const char **list,
                       unsigned *count) {
    if (*text == '\0') {
        fb_error("%s '': give a name", option);
        return false;
    }
    if (*count == OPTIONS_SOURCES_MAX) {
        fb_error("%s '%s': more than %u sources", option, text, OPTIONS_SOURCES_MAX);
        return false;
    }
    list[(*count)++] = text;
    return true;
}

/* Each has a place in the report, and its frames are to come once. */
static bool add_interface(struct options *o, const char *text) {
    for (unsigned i = 0; i < o->interface_count; i++) {
        if (strcmp(o->interfaces[i], text) == 0) {
            fb_error("--interface '%s': given twice: once is enough", text);
            return false;
        }
    }
    if (o->interface_count == FB_MAX_INTERFACES) {
        fb_error("--interface '%s': more than %u: start a second instance for the rest", text,
                 FB_MAX_INTERFACES);
        return false;
    }
    return add_source("--interface", text, o->interfaces, &o->interface_count);
}

static bool set_name(struct options *o, const char *text) {
    o->name = text;
    if (fb_name_valid(text))
        return true;
    fb_error("--name '%s': give 1 to %u letters, digits, '_' or '-'", text, FB_NAME_MAX);
    return false;
}

static bool set_policy(struct options *o, const char *text) {
    o->policy = policy_find(text);
    if (o->policy != NULL)
        return true;
    const char *names[16] = {NULL};
    for (unsigned i = 0; i + 1 < 16 && policy_at(i) != NULL; i++)
        names[i] = policy_at(i)->name;
    unsigned ignored;
    return fb_parse_word("--policy", text, names, &ignored);
}

static bool set_max_share(struct options *o, const char *text) {
    char *end;
    o->max_share = strtod(text, &end);
    if (text[0] != '\0' && text[strspn(text, "0123456789.")] == '\0' && *end == '\0' &&
        o->max_share > 0 && o->max_share <= 1)
        return true;
    fb_error("--max-share '%s': give a number above 0 and at most 1, such as 0.5", text);
    return false;
}

static bool set_timeouts(struct options *o, const char *text) {
    char error[256];
    if (flow_timeouts_parse(&o->timeouts, text, error, sizeof error) == 0)
        return true;
    fb_error("--timeout '%s': %s", text, error);
    return false;
}

static bool set_filter(struct options *o, char *text) {
    return options_set_filter(&o->filter, text);
}

/* Of a later -F there will be a refusal, or it comes from the command line: the last one counts. */
static bool set_filter_file(struct options *o, const char *path) {
    o->filter_file = path;
    return set_filter(o, options_read_filter(path));
}

static bool set_speed(struct options *o, const char *text) {
    char *end;
    o->speed = 0;
    if (strcmp(text, "max") == 0)
        return true;
    o->speed = strtod(text, &end);
    if (text[0] != '\0' && text[strspn(text, "0123456789.")] == '\0' && *end == '\0' &&
        o->speed >= 1e-6 && o->speed <= 1e6)
        return true;
    fb_error("--speed '%s': give a number from 0.000001 to 1000000, or max", text);
    return false;
}

/* GROUP[:MODE] */
static bool set_fanout(struct options *o, const char *text) {
    char *end;
    unsigned mode = FANOUT_CBPF;
    unsigned long group = strtoul(text, &end, 10);
    bool ok = text[0] >= '0' && text[0] <= '9' && group <= FANOUT_GROUP_MAX;
    if (*end == ':')
        for (mode = 0; mode < FANOUT_MODES && strcmp(end + 1, capture_fanout_modes[mode]) != 0;)
            mode++;
    else
        ok &= *end == '\0';
    if (!ok || mode == FANOUT_MODES)
        fb_error("--fanout '%s': give a group from 0 to %u, and perhaps a mode: cbpf, hash, cpu or "
                 "qm, such as 7 or 7:hash",
                 text, FANOUT_GROUP_MAX);
    o->fanout = (struct capture_fanout){
        .wanted = true, .group = (uint32_t)group, .mode = (enum capture_fanout_mode)mode};
    return ok && mode != FANOUT_MODES;
}

/* Options that take a word of a list, or a number of seconds. */
static bool set_mode(struct options *o, enum option_code code, const char *text) {
    static const char *const directions[] = {"inout", "in", "out", NULL};
    /* Those of pcap-tstamp(7); which an interface has is seen when it is opened. */
    static const char *const stamps[] = {"host",    "host_lowprec",         "host_hiprec",
                                         "adapter", "host_hiprec_unsynced", "adapter_unsynced",
                                         NULL};
    static const char *const modes[] = {"block", "drop", NULL};
    static const char *const tunnels[] = {"inner", "outer", NULL};
    static const char *const huge[] = {"auto", "require", "never", NULL};
    unsigned index = 0;
    bool ok;
    switch (code) {
    case OPT_DIRECTION:
        ok = fb_parse_word("--direction", text, directions, &index);
        o->direction = directions[index];
        return ok;
    case OPT_TSTAMP_TYPE:
        ok = fb_parse_word("--tstamp-type", text, stamps, &index);
        o->tstamp_type = stamps[index];
        return ok;
    case OPT_ON_FULL:
        ok = fb_parse_word("--on-full", text, modes, &index);
        o->block = index == 0;
        o->on_full_given = true;
        return ok;
    case OPT_TUNNEL:
        ok = fb_parse_word("--tunnel", text, tunnels, &index);
        o->decode.outer = index == 1;
        return ok;
    default:
        ok = fb_parse_word("--hugepages", text, huge, &index);
        o->hugepages = (enum fb_hugepages)index;
        return ok;
    }
}

/* How many fragments may wait, and for how long. */
static bool set_fragments(struct options *o, enum option_code code, const char *text) {
    uint64_t ns;
    switch (code) {
    case OPT_FRAGMENT_FRAMES:
        return set_count32("--fragment-frames", text, 1, FRAGMENTS_MAX, &o->fragments.max_frames);
    case OPT_FRAGMENT_BYTES:
        return fb_parse_size("--fragment-bytes", text, FRAGMENT_BYTES_LEAST, UINT32_MAX,
                             &o->fragments.max_bytes);
    default:
        if (!fb_parse_duration("--fragment-timeout", text, SECOND_NS, DAY_NS, &ns))
            return false;
        o->fragments.timeout_ticks = (uint32_t)(ns / PACKET_CLOCK_NS_PER_TICK);
        if (o->fragments.timeout_ticks != 0)
            return true;
        fb_error("--fragment-timeout '%s': give at least 0.1 s", text);
        return false;
    }
}

static bool set_time(struct options *o, enum option_code code, const char *text) {
    bool never = strcmp(text, "never") == 0;
    switch (code) {
    case OPT_FAILOVER:
        o->failover_ns = UINT64_MAX;
        return never || fb_parse_duration("--failover", text, 1000000, DAY_NS, &o->failover_ns);
    case OPT_HANG:
        o->hang_ns = UINT64_MAX;
        if (never || !fb_parse_duration("--hang", text, SECOND_NS, DAY_NS, &o->hang_ns))
            return never;
        if (o->hang_ns >= HANG_LEAST_NS)
            return true;
        fb_error("--hang '%s': give at least 0.1 s, above any pause of a scheduler, or never",
                 text);
        return false;
    case OPT_START_TIMEOUT:
        return fb_parse_duration("--start-timeout", text, SECOND_NS, DAY_NS, &o->start_timeout_ns);
    case OPT_NO_WORKER_TIMEOUT:
        return fb_parse_duration("--no-worker-timeout", text, SECOND_NS, DAY_NS,
                                 &o->no_worker_timeout_ns);
    default:
        return fb_parse_duration("--drain-timeout", text, SECOND_NS, DAY_NS, &o->drain_timeout_ns);
    }
}

/* Applies one option that says how the run is to be; its text is kept by the caller. */
static bool apply(struct options *o, enum option_code code, char *text) {
    switch (code) {
    case OPT_READ:
        return add_source("--read", text, o->files, &o->file_count);
    case OPT_INTERFACE:
        return add_interface(o, text);
    case OPT_FILTER_FILE:
        return set_filter_file(o, text);
    case OPT_BPF:
        return set_filter(o, strdup(text));
    case OPT_SNAPLEN:
        return set_count32("--snapshot-length", text, 0, 262144, &o->snaplen);
    case OPT_BUFFER:
        return set_count32("--buffer-size", text, 1, 2097151, &o->buffer_kib);
    case OPT_MERGE_WINDOW:
        return set_count32("--merge-window", text, 0, MERGE_WINDOW_MOST_US, &o->merge_window_us);
    case OPT_IMMEDIATE:
        return o->immediate = true;
    case OPT_NO_PROMISCUOUS:
        return o->no_promiscuous = true;
    case OPT_FANOUT:
        return set_fanout(o, text);
    case OPT_NAME:
        return set_name(o, text);
    case OPT_WORKERS:
        return set_count32("--workers", text, 1, FB_MAX_WORKERS, &o->workers);
    case OPT_MAX_WORKERS:
        return set_count32("--max-workers", text, 1, FB_MAX_WORKERS, &o->max_workers);
    case OPT_POLICY:
        return set_policy(o, text);
    case OPT_MAX_SHARE:
        return set_max_share(o, text);
    case OPT_REPORT:
        o->report = text;
        if (*text == '\0')
            fb_error("--report '': give a file name, or - for standard output");
        return *text != '\0';
    case OPT_QUARANTINE:
        o->quarantine = text;
        if (*text == '\0')
            fb_error("--quarantine '': give a file name");
        return *text != '\0';
    case OPT_TIMEOUT:
        return set_timeouts(o, text);
    case OPT_MAX_FLOWS:
        return set_count32("--max-flows", text, 1, 1u << 27, &o->max_flows);
    case OPT_RING_DEPTH:
        return set_count32("--ring-depth", text, 1, 1u << 24, &o->depth);
    case OPT_RING_BYTES:
        o->ring_bytes = 0;
        return strcmp(text, "auto") == 0 ||
               fb_parse_size("--ring-bytes", text, 4 * 262144, UINT64_C(1) << 36, &o->ring_bytes);
    case OPT_NUMA:
        return placement_parse(text, &o->numa);
    case OPT_CPU:
        o->cpu_given = true;
        return fb_cpus_parse("--cpu", text, &o->cpus);
    case OPT_KEY_VLAN:
        return o->decode.key_vlan = true;
    case OPT_KEY_TUNNEL:
        return o->decode.key_tunnel = true;
    case OPT_PRELOAD:
        return o->preload = true;
    case OPT_LOOP:
        return fb_parse_count("--loop", text, 1, UINT64_C(1) << 40, &o->loops);
    case OPT_SPEED:
        return set_speed(o, text);
    case OPT_LOG_LEVEL:
        if (fb_log_parse_level(text, &o->log_level) == 0)
            return true;
        fb_error("--log-level '%s': give one of error, warning, info, debug", text);
        return false;
    case OPT_PARENT:
        return fb_parse_count("--parent", text, 1, INT32_MAX, &o->parent);
    case OPT_DIRECTION:
    case OPT_TSTAMP_TYPE:
    case OPT_ON_FULL:
    case OPT_HUGEPAGES:
    case OPT_TUNNEL:
        return set_mode(o, code, text);
    case OPT_FRAGMENT_TIMEOUT:
    case OPT_FRAGMENT_FRAMES:
    case OPT_FRAGMENT_BYTES:
        return set_fragments(o, code, text);
    default:
        return set_time(o, code, text);
    }
}

/* Keeps a value for as long as the options. */
static bool keep(struct options *o, char *text) {
    char **longer = realloc(o->texts, (o->text_count + 1) * sizeof *longer);
    if (longer == NULL) {
        fb_error("no memory for the options");
        free(text);
        return false;
    }
    o->texts = longer;
    o->texts[o->text_count++] = text;
    return true;
}

static const char *name_of(int code) {
    const struct poptOption *option = options_table();
    while (option->val != code)
        option++;
    return option->longName;
}

/* Notes the option for the report: its text, true, or a list where it was repeated. */
static void note(json_t *json, int code, const char *text) {
    const char *name = name_of(code);
    json_t *value = text != NULL ? json_string(text) : json_true();
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

static bool check_together(struct options *o) {
    if (o->max_workers == 0)
        o->max_workers = o->workers;
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
    else if (o->max_share > 0 && o->max_share * o->max_workers < 1)
        fb_error("--max-share %g: %u workers cannot share all flows then: give at least %.3f",
                 o->max_share, o->max_workers, 1.0 / o->max_workers);
    else if (o->max_workers < o->workers)
        fb_error("--max-workers %u: give at least --workers, %u", o->max_workers, o->workers);
    else
        return true;
    return false;
}

static void print_help(poptContext context) {
    poptSetOtherOptionHelp(context, "-r FILE... | -i IFACE... [OPTION...]");
    poptPrintHelp(context, stdout, 0);
    puts(
        "\nExit status: 0 read to the end or stopped in order; 1 failed, broke off, something was\n"
        "abandoned or does not add up; 2 wrong usage.");
}

/* The command line and the file that it names. */
struct parsing {
    struct options *options;
    json_t *json;
    bool given[OPT_COUNT]; /* on the command line */
    int file_filter;       /* which of --bpf and -F the file has, or 0 */
};

/* Whether the command line replaces what the file says, where applying one after the other would
 * add it up. */
static bool replaced(const struct parsing *p, int code) {
    if (code == OPT_READ || code == OPT_INTERFACE)
        return p->given[OPT_READ] || p->given[OPT_INTERFACE];
    if (code == OPT_BPF || code == OPT_FILTER_FILE)
        return p->given[OPT_BPF] || p->given[OPT_FILTER_FILE];
    return false;
}

/* A fb_config_take_code: one line of the file, before the command line is applied. */
static bool take(void *arg, int code, const char *value, bool on) {
    struct parsing *p = arg;
    struct options *o = p->options;
    if (replaced(p, code))
        return true;
    if (code == OPT_BPF || code == OPT_FILTER_FILE) {
        if (code == p->file_filter) { /* the later line wins; the other key is refused */
            free(o->filter);
            o->filter = NULL;
        }
        p->file_filter = code;
    }
    char *text = NULL;
    if (value != NULL && ((text = strdup(value)) == NULL || !keep(o, text)))
        return false;
    if (code == OPT_NO_PROMISCUOUS)
        o->no_promiscuous = on;
    else if (code == OPT_IMMEDIATE)
        o->immediate = on;
    else if (code == OPT_PRELOAD)
        o->preload = on;
    else if (code == OPT_KEY_VLAN)
        o->decode.key_vlan = on;
    else if (code == OPT_KEY_TUNNEL)
        o->decode.key_tunnel = on;
    else if (!apply(o, (enum option_code)code, text))
        return false;
    bool adds_up = code == OPT_READ || code == OPT_INTERFACE || code == OPT_TIMEOUT;
    if (!adds_up)
        json_object_del(p->json, name_of(code));
    if (on && (adds_up || !p->given[code]))
        note(p->json, code, text);
    return true;
}

static bool read_config(struct parsing *p, poptContext context) {
    char *path = fb_config_scan(context, OPT_CONFIG, p->given);
    bool wanted = path != NULL && !p->given[OPT_HELP] && !p->given[OPT_VERSION];
    if (path == NULL || !keep(p->options, path))
        return path == NULL;
    if (!p->given[OPT_BPF] && !p->given[OPT_FILTER_FILE])
        p->options->filter_config = path;
    return !wanted || fb_config_read_codes(path, FB_DISPATCHER, options_table(), take, p);
}

static enum options_result parse(struct options *o, poptContext context, json_t *json) {
    enum options_result result = OPTIONS_RUN;
    struct parsing parsing = {.options = o, .json = json};
    if (!read_config(&parsing, context))
        return OPTIONS_WRONG;
    int code;
    while ((code = poptGetNextOpt(context)) > 0) {
        char *text = poptGetOptArg(context);
        if (!keep(o, text))
            return OPTIONS_WRONG;
        switch (code) {
        case OPT_HELP:
            print_help(context);
            return OPTIONS_DONE;
        case OPT_VERSION:
            fb_numa_print_version("flow-dispatcher");
            return OPTIONS_DONE;
        case OPT_CONFIG: /* has been read */
            break;
        case OPT_CHECK:
            result = OPTIONS_CHECK;
            break;
        case OPT_LIST:
            result = OPTIONS_INTERFACES;
            break;
        case OPT_CLEAN:
            result = OPTIONS_CLEAN;
            break;
        default:
            if (!apply(o, (enum option_code)code, text))
                return OPTIONS_WRONG;
            note(json, code, text);
        }
    }
    const char *rest = poptPeekArg(context);
    if (code < -1)
        fb_error("%s: %s: see --help", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                 poptStrerror(code));
    else if (rest != NULL)
        fb_error("'%s': not an option: files are given with -r, interfaces with -i", rest);
    else if ((result != OPTIONS_RUN && result != OPTIONS_CHECK) || check_together(o))
        return result;
    return OPTIONS_WRONG;
}

enum options_result options_parse(struct options *options, int argc, const char **argv) {
    set_defaults(options);
    json_t *json = json_object();
    poptContext context = poptGetContext("flow-dispatcher", argc, argv, options_table(), 0);
    enum options_result result = parse(options, context, json);
    options->json = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    poptFreeContext(context);
    return result;
}

void options_free(struct options *options) {
    for (unsigned i = 0; i < options->text_count; i++)
        free(options->texts[i]);
    free(options->texts);
    free(options->filter);
    free(options->json);
}
