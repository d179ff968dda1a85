/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_VIEW_H
#define SHM_VIEW_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"

/*
 * What flow-stat shows of a running instance. All of it is made of the report
 * (flow_balancer/report.h), and of two of them where it is a rate: so text, JSON and every
 * other view say the same, and a view knows a counter by its key at most.
 *
 * A view is an observer: it maps ctl and the up sides, read-only and guarded, and never a
 * down side, which holds packets (ring_look.h copies the head of one). It takes no lock and writes
 * nothing that the data path reads; any number of them may look at a time. It must not know how the
 * dispatcher and the workers do what they count.
 */

/* What flow-stat was asked for. The texts are those of line. */
struct view_options {
    const char *name;
    bool json;
    bool why;
    const char *html; /* the file of the page; NULL: none */
    bool history;
    const char *history_file; /* NULL: that of the instance */
    uint32_t last_s;          /* of the history; 0: as much as is usual */
    bool list;
    bool prometheus;
    const char *output, *listen; /* where the metrics go; NULL */
    uint64_t every_ns;           /* from one writing of them to the next; 0: once */
    enum fb_log_level log_level;
    bool check;      /* only whether they can go there */
    uint64_t parent; /* the process that started this one, and ends it; 0: none */
    bool watch, once;
    uint32_t ring;        /* worker number whose ring is shown, where it was given */
    uint64_t interval_ns; /* between two looks */
    struct fb_command_line line;
};

/* Shows an instance until it is done. Returns the exit status of the program. */
typedef int view_show(const struct view_options *options);

view_show view_text;       /* the report, as text or JSON, once */
view_show view_why;        /* what limits the run: why.h */
view_show view_html;       /* the report and the last minutes as a page, once */
view_show view_history;    /* the last minutes, as text or JSON, once */
view_show view_prometheus; /* the report as metrics: once, or for as long as it lives */
view_show view_list;       /* every instance of this machine, as text or JSON, once */

/* Whether the options of view_prometheus() fit together. False after one logged line. */
bool view_prometheus_fits(const struct view_options *options);

/* The version of the library that serves metrics; NULL: there is none. */
const char *view_served_by(void);
view_show view_watch; /* pictures of it on a terminal, until the user quits */
view_show view_once;  /* one such picture as text */
view_show view_ring;  /* the words of the ring of one worker, as text or JSON, once */

/* The version of ncurses, which view_watch needs, or NULL: it was missing when this was built. */
const char *view_curses_version(void);

/* ---- an instance that is looked at again and again */

/* Zero but for its name before its first use. */
struct view {
    const char *name;
    struct fb_ctl_handle handle;
    bool joined;
    uint8_t instance[16];         /* of the dispatcher that both reports are of */
    json_t *report, *before;      /* the latest and the one before it; NULL: none */
    uint64_t taken_ns, before_ns; /* when they were read, CLOCK_MONOTONIC */
};

enum view_seen {
    VIEW_REPORT, /* there is a new report */
    VIEW_ABSENT, /* no dispatcher of that name is running; nothing is logged */
    VIEW_FAILED, /* one line was logged */
};

/*
 * Reads the report once more. One of a new dispatcher has none before it. While no
 * dispatcher is running the last reports stay. fb_guard_init() comes first.
 */
enum view_seen view_look(struct view *view);

/* Frees everything but the name. */
void view_leave(struct view *view);

/* What is at a path of keys and indexes of a report, as "workers.3.packets"; NULL: nothing. */
const json_t *view_at(const json_t *report, const char *path);

/* The number there, 0 where there is none. */
double view_number(const json_t *report, const char *path);

/* How much a count has grown a second between the last two reports; 0 while there is one only. */
double view_per_s(const struct view *view, const char *path);

/* Logs that no dispatcher of that name is running, and what to do. */
void view_say_absent(const char *name);

#endif
