/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parent.h"
#include "flow_balancer/guard.h"

#include "worker/consumer/consumer_parts.h"
#include "worker/inspectors/inspectors.h"
#include "worker/loop.h"
#include "worker/options.h"
#include "worker/place.h"
#include "worker/plugin.h"
#include "worker/read.h"
#include "worker/records/eve.h"
#include "worker/records/sinks.h"

/* Exit statuses: what a supervisor has to tell apart. */
enum exit_status {
    EXIT_CLEAN = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_REVOKED = 3,
    EXIT_TRY_AGAIN = 75, /* EX_TEMPFAIL: there was nothing to claim; not a crash */
};

struct worker {
    const struct worker_options *options;
    struct place place;
    struct inspection inspection;
    int reloads; /* signals to reload that were followed */
};

/* How often signals asked for it. */
static volatile int leave_signals, reload_signals;
static bool may_exit; /* a call of exit() is ours */
static pid_t own_pid;

static void on_leave_signal(int signo) {
    (void)signo;
    leave_signals = leave_signals + 1;
}

static void on_reload_signal(int signo) {
    (void)signo;
    reload_signals = reload_signals + 1;
}

static bool is_on_terminal(void) {
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0)
        close(terminal);
    return terminal >= 0;
}

/*
 * SIGHUP of a terminal that is gone is followed; without one, and under a supervisor, it means
 * that the inspectors are to read their rules again.
 */
static void handle_signals(bool follows_hangup) {
    struct sigaction action = {.sa_handler = on_leave_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!follows_hangup)
        action.sa_handler = on_reload_signal;
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error that the inspector tells */
}

/* An inspector that calls exit() would look like a worker that leaves cleanly. */
static void on_exit_called(int status, void *arg) {
    (void)arg;
    if (may_exit || getpid() != own_pid)
        return;
    fb_error("an inspector called exit(%d): the worker ends as if it had crashed", status);
    _exit(EXIT_FAILED);
}

/* Serves one claim to its end, and leaves it. Returns an exit status, or -1 to join again as a
 * stranger. */
static int serve(struct worker *w, struct fb_consumer *consumer) {
    const struct fb_ctl *ctl = consumer->ctl->ctl;
    const char *interfaces[FB_MAX_INTERFACES];
    for (unsigned i = 0; i < FB_MAX_INTERFACES; i++)
        interfaces[i] = fb_consumer_interface(consumer, i);
    const struct fb_instance instance = {.name = w->options->name,
                                         .worker = consumer->up->header.worker,
                                         .interfaces = ctl->interfaces,
                                         .incarnation = consumer->up->epoch,
                                         .interface_names = interfaces};
    struct worker_loop loop = {.consumer = consumer,
                               .inspection = &w->inspection,
                               .reload_asked = &reload_signals,
                               .reloads = w->reloads};
    fb_debug("claimed worker %u of instance '%s'", instance.worker, instance.name);
    place_claimed(&w->place, ctl, instance.worker, consumer->up);
    int ended = LOOP_FAILED;
    uint64_t run;
    memcpy(&run, ctl->header.instance, sizeof run);
    if (eve_claimed(&instance, run) == 0 && inspection_claimed(&w->inspection, &instance) == 0)
        ended = worker_loop_run(&loop);
    w->reloads = loop.reloads;
    if (ended == LOOP_FAILED)
        fb_consumer_abandon(consumer);
    else
        fb_consumer_close(consumer);
    switch (ended) {
    case FB_ENDED_STOPPED:
    case FB_ENDED_LEFT:
        return EXIT_CLEAN;
    case FB_ENDED_ORPHANED:
        fb_warning("worker %u: the dispatcher of instance '%s' is gone; its ring is finished",
                   instance.worker, instance.name);
        return leave_signals != 0 ? EXIT_CLEAN : -1;
    case FB_ENDED_REVOKED:
        fb_warning("worker %u: revoked by the dispatcher", instance.worker);
        return EXIT_REVOKED;
    default:
        return EXIT_FAILED;
    }
}

/*
 * Goes to the node planned for its number, if a dispatcher is there already:
 * before the inspector takes memory. False after one logged line.
 */
static bool place_early(struct worker *w) {
    struct fb_ctl_handle ctl;
    if (w->options->worker == FB_WORKER_ANY || w->options->check || w->options->reads)
        return true;
    enum fb_join joined = fb_ctl_join(&ctl, w->options->name);
    if (joined != FB_JOINED)
        return joined == FB_NOT_YET;
    place_planned(&w->place, ctl.ctl, w->options->worker);
    fb_ctl_leave(&ctl);
    return true;
}

/* Claims and serves until there is a reason to end. Returns an exit status. */
static int claim_and_serve(struct worker *w) {
    const struct worker_options *o = w->options;
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    config.program = "flow-worker";
    config.log_level = (int32_t)o->log_level;
    config.instance = o->name;
    config.worker = o->worker;
    config.wait_ms = (uint32_t)(o->orphan_ns / 1000000);
    config.state_bytes = w->inspection.state_bytes;
    config.all_ends = w->inspection.all_ends;
    config.spin = o->spin;
    config.leave = &leave_signals;
    int status = -1;
    while (status < 0) {
        struct fb_consumer *consumer;
        int error = fb_consumer_open(&consumer, &config);
        if (error != 0)
            return error == -EINTR ? EXIT_CLEAN : error == -EAGAIN ? EXIT_TRY_AGAIN : EXIT_FAILED;
        status = serve(w, consumer);
    }
    return status;
}

/* --read. Returns an exit status. */
static int read_files(struct worker *w) {
    static const char *const no_interface[] = {NULL};
    const struct fb_instance instance = {.name = fb_offline_first_file(w->options->offline),
                                         .incarnation = 1,
                                         .interface_names = no_interface};
    struct worker_read read = {.options = w->options->offline,
                               .inspection = &w->inspection,
                               .leave = &leave_signals,
                               .reload_asked = &reload_signals,
                               .reloads = reload_signals};
    return eve_claimed(&instance, 0) == 0 && inspection_claimed(&w->inspection, &instance) == 0 &&
                   worker_read_run(&read) == 0
               ? EXIT_CLEAN
               : EXIT_FAILED;
}

/* Loads and opens what was asked for. Returns 0, or an exit status after one logged line. */
static int open_inspectors(struct worker *w) {
    for (unsigned i = 0; i < w->options->inspector_count; i++) {
        const struct inspector_request *request = &w->options->inspectors[i];
        bool is_plugin = plugin_is_path(request->name);
        const struct fb_inspector *ops =
            is_plugin ? plugin_load(request->name) : inspector_find(request->name);
        if (ops == NULL)
            return EXIT_USAGE;
        if (is_plugin)
            plugin_watch_opening(request->name, ops);
        int error = inspection_add(&w->inspection, ops, request->args);
        plugin_watch_opening(NULL, NULL);
        if (error != 0)
            return error == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
    }
    return 0;
}

/* Returns 0, or an exit status after one logged line. */
static int open_sinks(const struct worker_options *o) {
    const struct sinks_config config = {.sinks = o->eve,
                                        .count = o->eve_count,
                                        .wait_ns = o->eve_wait_ns,
                                        .drain_ns = o->inspectors_settings.drain_ns};
    int error = sinks_open(&config);
    return error == 0 ? 0 : error == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

static int work(const struct worker_options *o) {
    static struct worker worker; /* 13 KB of topology */
    worker.options = o;
    if (place_init(&worker.place, &o->place) != 0 || !place_early(&worker))
        return EXIT_FAILED;
    int status = open_sinks(o);
    /* Where the dispatcher may print the report: an inspector that prints would be in it. */
    if (!o->reads && dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        fb_error("cannot print to standard error: %s", strerror(errno));
        return EXIT_FAILED;
    }
    inspectors_configure(&o->inspectors_settings);
    /* Before the claim: a number that is claimed has packets waiting. */
    inspection_watch_children(&worker.inspection);
    if (status == 0)
        status = open_inspectors(&worker);
    handle_signals(o->parent == 0 && is_on_terminal()); /* what was loaded may have its own */
    if (status == 0 && !o->check)
        status = o->reads ? read_files(&worker) : claim_and_serve(&worker);
    inspection_close(&worker.inspection);
    eve_close();
    return status;
}

/*
 * A core dump of a large worker takes long, and its number is not free until it is written. Where
 * kernel.core_pattern names a program the kernel dumps at a limit of 0 as well, but not at 1.
 */
static void forbid_core_dump(void) {
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}) != 0)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* the limit that we came with is 0 */
}

int main(int argc, char **argv) {
    fb_log_init("flow-worker", FB_LOG_INFO);
    struct worker_options options;
    switch (worker_options_parse(&options, argc, (const char **)argv)) {
    case FB_COMMAND_LINE_TAKEN:
        break;
    case FB_COMMAND_LINE_PRINTED:
        worker_options_free(&options);
        return EXIT_CLEAN;
    case FB_COMMAND_LINE_WRONG:
        worker_options_free(&options);
        return EXIT_USAGE;
    }
    fb_log_set_level(options.log_level);
    if ((!options.reads && fb_guard_init() != 0) ||
        (options.parent != 0 && !fb_follow_parent(options.parent)))
        return EXIT_FAILED;
    handle_signals(options.parent == 0 && is_on_terminal());
    if (!options.reads)
        forbid_core_dump();
    own_pid = getpid();
    on_exit(on_exit_called, NULL);
    int status = work(&options);
    may_exit = true;
    worker_options_free(&options);
    fb_log_report_lost();
    return status;
}
