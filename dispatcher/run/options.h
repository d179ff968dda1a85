/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_OPTIONS_H
#define DISPATCHER_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/names.h"
#include "flow_balancer/region.h"

#include "dispatcher/capture/capture_fanout.h"
#include "dispatcher/decode/decode.h"
#include "dispatcher/fleet/policy.h"
#include "dispatcher/flows/flow_class.h"
#include "dispatcher/flows/fragments.h"
#include "dispatcher/run/placement.h"

#define OPTIONS_SOURCES_MAX 4096u /* files */

/* What the command line asks for, checked. Texts live as long as the struct. */
struct options {
    const char *files[OPTIONS_SOURCES_MAX]; /* or directories */
    bool reconnect;
    const char *pattern; /* of the files in directories; NULL: all */
    unsigned file_count;
    const char *interfaces[FB_MAX_INTERFACES];
    unsigned interface_count;
    char *filter;               /* of --bpf or -F; NULL: none */
    const char *filter_file;    /* of -F; NULL: none */
    enum fb_option file_filter; /* which of --bpf and -F the file has, or FB_OPT_NONE */
    const char *reload_config;  /* the file that --config has a copy of; NULL: the file itself */
    const char *filter_config;  /* one of the two, unless the command line has the filter */
    uint32_t snaplen;
    uint32_t buffer_kib;
    bool no_promiscuous;
    const char *direction; /* in, out or inout */
    bool by_libpcap;
    const char *tstamp_type; /* NULL: not given */
    bool immediate;
    uint32_t merge_window_us;
    struct capture_fanout fanout;
    const char *name;
    uint32_t workers, max_workers;
    uint32_t rings; /* made at the start: --max-workers if it was given, else --workers */
    const struct policy *policy;
    double max_share; /* of the new flows for one worker, 0: no bound */
    bool block, on_full_given;
    const char *report;      /* NULL: none */
    const char *html;        /* the same */
    const char *runtime_dir; /* NULL: the usual one */
    struct flow_timeouts timeouts;
    uint32_t max_flows;
    uint32_t depth;
    uint64_t ring_bytes; /* 0: auto */
    enum fb_hugepages hugepages;
    struct placement_request numa;
    cpu_set_t cpus; /* only if cpu_given */
    bool cpu_given;
    struct decode_options decode; /* but for its secret */
    struct decode_ports tunnel_ports;
    struct fragments_config fragments;
    uint64_t failover_ns; /* UINT64_MAX: never */
    uint64_t hang_ns;     /* UINT64_MAX: never */
    uint64_t start_timeout_ns, no_worker_timeout_ns, drain_timeout_ns;
    const char *quarantine; /* NULL: such packets are not kept */
    bool preload;
    uint64_t loops;
    double speed; /* 0: as fast as possible */
    enum fb_log_level log_level;
    uint64_t parent;             /* pid to follow, 0: none */
    char *json;                  /* the options as given, as JSON text, for the report */
    struct fb_command_line line; /* as given; owns the texts that the members above point to */
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_CLEAN,       /* --clean: clear the debris of an instance */
    OPTIONS_LAST_REPORT, /* --last-report: only print what it has counted */
    OPTIONS_INTERFACES,  /* -D */
    OPTIONS_CHECK,       /* --check: to print the options as JSON */
    OPTIONS_DONE,        /* --help or --version: printed */
    OPTIONS_WRONG,       /* one line was logged */
};

/* Sets what has no default in the list of options. */
void options_init(struct options *options);

/*
 * Takes one option as fb_command_line_read() gives it: first the defaults, then those of the
 * file, then those of the command line. Returns false after one logged line.
 */
bool options_take(struct options *options, enum fb_option option, char *text, bool on,
                  enum fb_origin origin);

/* Whether the command line, of which `given` tells what is there, replaces what the file says of
 * an option, where applying one after the other would add it up. */
bool options_is_replaced(const bool *given, enum fb_option option);

/* Parses and checks the command line, and the file of --config if it names one. */
enum options_result options_parse(struct options *options, int argc, const char **argv);

/*
 * The expression in a file as one line of text, comments (# to the end of the line)
 * taken out, as tcpdump -F. Returns NULL after one logged line; the caller frees it.
 */
char *options_read_filter(const char *path);

/* Sets *filter to text, and owns it then. Returns false after one logged line if there is one
 * already, or if text is NULL (and that was logged); text is freed. */
bool options_set_filter(char **filter, char *text);

/*
 * Reads the filter again from the file that it came from: the file of -F, or that
 * of --config where the command line has none; there it may be new, or missing by
 * now. Does not wait: only a regular file is read again. Sets *filter, which the
 * caller frees; NULL: every frame. Returns 0, or -errno after one logged line;
 * -ENOENT if there is no such file.
 */
int options_reread_filter(const struct options *options, char **filter);

void options_free(struct options *options);

#endif
