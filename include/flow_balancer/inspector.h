/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_INSPECTOR_H
#define FLOW_BALANCER_INSPECTOR_H

#include "flow_balancer/flow.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What an inspector is: a name and some functions, called by one worker process from one
 * thread, the main one. A plugin is a shared object that exports one with FB_PLUGIN:
 *
 *   FB_PLUGIN = {FB_INSPECTOR_HEAD, .name = "mine", .open = mine_open, .packet = mine_packet};
 *
 * and `--inspector ./mine.so:ARGS` loads it. See flow-balancer-inspectors(7).
 *
 * Order of the calls. open() once, before the worker has a number; claimed() after each
 * claim; then, in the order of the flow's packets, flow_start(), packet() for each, and
 * flow_end(). tick() and stats() come between packets; close() last, if the worker leaves
 * of its own accord. The worker may be killed at any instruction: what must survive that
 * has left the process when the function returns. The next process of the number begins
 * with open(), and goes on with the flows where they are: their next packets have
 * FB_F_MID_STREAM or FB_F_REDELIVERED.
 *
 * What functions return: 0; or FB_OUTPUT_FAILED where that is said; or -errno, after one
 * line logged (if it logged none, the worker says which function failed with what), and then
 * the worker leaves with status 1, and its supervisor starts another.
 * What they are given is valid until they return, but for *self and the state of a flow.
 *
 * Suspicion. A packet is suspected of killing a worker only while flow_start() or packet()
 * has it: it then comes once more, flagged, and if it kills again it is put into quarantine.
 * So an inspector that cannot write its output (a full disk) says that apart from a failure
 * of its own: FB_OUTPUT_FAILED. The worker then makes the same call again until it
 * succeeds, with pauses up to 100 ms between, in which it is not taken for hanging, and the
 * packet is not suspected. Of the output of a call that says so nothing may be left.
 *
 * Blocking. While a function blocks, the flows of this worker wait, and after --hang (5 s)
 * the worker is taken for hanging and replaced. exit() in an inspector is taken for a crash.
 *
 * Threads, children, signals. Threads may be started in claimed() or later, and children at
 * any time; neither may call host functions or use what belongs to packets and flows, and
 * threads should block signals. A child has none of the worker's number: it lives on when the
 * worker dies and is in no one's way. It ends, after one logged line, if it returns from the
 * function that forked: it calls exec or _exit(). SIGTERM, SIGINT, SIGHUP, SIGPIPE and SIGXFSZ
 * are the worker's, which sets their handlers once more after open(); those of other signals stay
 * as the inspector sets them.
 *
 * Standard input is /dev/null under the supervisor. What is printed to standard output
 * goes to standard error, among the log lines: the standard output of a run may be its
 * report. Results go into files, or wherever else they are wanted.
 */

/* A plugin of another major version is refused, as is one of a later minor version than the
 * worker's. */
#define FB_INSPECTOR_MAJOR 1u
#define FB_INSPECTOR_MINOR 1u

#define FB_OUTPUT_FAILED 1 /* "not now": the same call is made again */

enum fb_state_kind {
    FB_STATE_PRIVATE, /* may hold pointers: a flow's state ends with the process */
    FB_STATE_FLAT,    /* bytes and nothing else: no pointer, no descriptor; may be kept or moved */
};
#define FB_STATE_PRIVATE_MAX 65536u /* bytes a flow */
#define FB_STATE_FLAT_MAX 1024u

/* What it needs beside memory once a number is claimed: what a sandbox must leave it. */
enum fb_need {
    FB_NEEDS_FILES = 1u,   /* to open files */
    FB_NEEDS_NETWORK = 2u, /* to make sockets */
    FB_NEEDS_EXEC = 4u,    /* to start programs */
};

#define FB_STATS_MAX 32u     /* counters of one inspector */
#define FB_STAT_NAME_MAX 32u /* with the 0 that ends it */
#define FB_INSPECTOR_NAME_MAX 32u

enum fb_host_level { FB_HOST_ERROR, FB_HOST_WARNING, FB_HOST_INFO, FB_HOST_DEBUG };

/*
 * An event for the records of the worker (--eve, flow-balancer-eve(7)), since minor version 1: one
 * JSON object, with what all events have, and the members given as another object under the name of
 * its type. Zero what is not used; all of it is the inspector's and is not kept.
 */
struct fb_host_event {
    const char *type;    /* "alert", or a name of the inspector's own: [a-z][a-z0-9_]* */
    const char *members; /* text of a JSON object; NULL: {}. Of an alert: Suricata's action, gid,
                            signature_id, rev, signature, category and severity, of which only
                            signature_id and signature must be there. */
    const struct fb_packet *packet; /* that it is about: its time, flow and direction; or NULL */
    const struct fb_flow_end *end;  /* the same of the end of a flow; or NULL */
};
#define FB_EVENT_TYPE_MAX 32u /* with the 0 that ends it */

/* What the worker does for an inspector; valid as long as the process. */
struct fb_host {
    uint32_t major, minor; /* of the worker's interface */
    /* Writes one line to the worker's log, named after the inspector, without waiting. */
    void (*log)(const struct fb_host *host, enum fb_host_level level, const char *format, ...)
#ifdef __GNUC__
        __attribute__((format(printf, 3, 4)))
#endif
        ;
    /*
     * Since minor version 1. Writes an event. Returns 0: it has left the worker, or is counted as
     * dropped, or there is no --eve; FB_OUTPUT_FAILED: not now, and then that is to be returned
     * from the function of the inspector, which is called again, and should write the same events
     * again: those that had been written are not repeated. -EINVAL after one logged line: the type
     * or the members are wrong. One without packet and end is of no flow and of now, as from
     * tick(): it waits in the worker if it has to, and is lost if that is killed.
     */
    int (*event)(const struct fb_host *host, const struct fb_host_event *event);
};

/* What open() is given, and what it gives back. */
struct fb_setup {
    const char *args;           /* what was given after the colon, or NULL; valid until close() */
    const struct fb_host *host; /* valid until close() */

    /* For open() to set; all zero before. */
    void *self;               /* the inspector's own state, handed to every call */
    size_t state_bytes;       /* per flow, at most FB_STATE_PRIVATE_MAX or FB_STATE_FLAT_MAX */
    uint32_t state_kind;      /* enum fb_state_kind */
    uint32_t state_version;   /* of the layout of a flat state; any number */
    uint32_t needs;           /* FB_NEEDS_* */
    uint32_t tick_ms;         /* how often tick() is wanted; 0: each second */
    const char *const *stats; /* names of its counters, [a-z0-9_], ends with NULL; or NULL. They
                                 stay as they are until close(). */
    uint32_t all_ends;        /* 1: flow_end() also for flows that this process does not know; since
                                 minor version 1 */
};

/* What claimed() is told; valid until it returns. */
struct fb_instance {
    const char *name;     /* of the instance; --read: the file's */
    uint32_t worker;      /* the number */
    uint32_t interfaces;  /* that are captured on; 0: files */
    uint64_t incarnation; /* grows with each process of the number in this run */
    const char *const *interface_names;
};

struct fb_inspector {
    uint32_t major, minor; /* FB_INSPECTOR_HEAD sets these and size */
    uint32_t size;         /* of this struct */
    uint32_t reserved;
    const char *name;    /* [a-z0-9_-], less than FB_INSPECTOR_NAME_MAX */
    const char *version; /* its own, for messages; or NULL */
    const char *help;    /* one sentence, with the syntax of the arguments; or NULL */

    /* Once. Wrong arguments: -EINVAL after one line logged; another -errno likewise. */
    int (*open)(struct fb_setup *setup);

    /* After each claim, before its first packet; again if a dispatcher went and another came: no
     * flow is known then. May be NULL. */
    int (*claimed)(void *self, const struct fb_instance *instance);

    /*
     * Before the first packet of a flow that this process gets, which is handed to packet()
     * next. state: state_bytes of memory that the worker owns, zero now, the same until
     * flow_end(), aligned for any type; NULL if state_bytes is 0. May be NULL.
     * FB_OUTPUT_FAILED is possible.
     */
    int (*flow_start)(void *self, void *state, const struct fb_packet *packet);

    /* Each packet, in order. FB_OUTPUT_FAILED is possible. */
    int (*packet)(void *self, void *state, const struct fb_packet *packet);

    /*
     * The end of a flow that flow_start() was called for, or would have been. May be NULL.
     * FB_OUTPUT_FAILED is possible, but for FB_END_ORPHANED, which is not told again. With all_ends
     * the end of a flow that only a process before this one had packets of, too: it has
     * FB_F_MID_STREAM, and state is NULL. It may then come twice, the second time with
     * FB_F_REDELIVERED: if the process before died in it.
     */
    int (*flow_end)(void *self, void *state, const struct fb_flow_end *end);

    /*
     * Every tick_ms, busy or not, as near as packets allow; now_ns is CLOCK_MONOTONIC. May
     * be NULL. FB_OUTPUT_FAILED: it is called again at the next tick.
     */
    int (*tick)(void *self, uint64_t now_ns);

    /*
     * Reads again what it was opened with (rules), on SIGHUP, between packets. Returns 0; or
     * -errno after one line logged, and then goes on with what it had. May be NULL.
     */
    int (*reload)(void *self);

    /* Stores the present values of its counters, in the order of setup->stats; they only grow
     * while the process lives. Some times a second, and before close(). May be NULL if there
     * are none. */
    void (*stats)(void *self, uint64_t *values);

    /* Once; frees self. Not called when the process is killed. May be NULL. */
    void (*close)(void *self);
};

/* The definition of a plugin: FB_PLUGIN = {...}; one a shared object. Before C++20 members have no
 * names there: all are given, from name on, in the order above. */
#if defined(__cplusplus) && __cplusplus < 202002L
#define FB_INSPECTOR_HEAD FB_INSPECTOR_MAJOR, FB_INSPECTOR_MINOR, sizeof(struct fb_inspector), 0
#else
#define FB_INSPECTOR_HEAD                                                                          \
    .major = FB_INSPECTOR_MAJOR, .minor = FB_INSPECTOR_MINOR, .size = sizeof(struct fb_inspector)
#endif
#ifdef __cplusplus
#define FB_PLUGIN                                                                                  \
    extern "C" __attribute__((visibility("default"))) const struct fb_inspector fb_plugin;         \
    const struct fb_inspector fb_plugin
#else
#define FB_PLUGIN __attribute__((visibility("default"))) const struct fb_inspector fb_plugin
#endif
#define FB_PLUGIN_SYMBOL "fb_plugin"

#ifdef __cplusplus
}
#endif

#endif
