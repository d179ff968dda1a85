/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

#include "worker/inspection.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_-"

bool plugin_is_path(const char *name) {
    return strchr(name, '/') != NULL;
}

/* ---- a crash while it is opened -------------------------------------------------------------- */

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
#define CRASH_SIGNALS (sizeof crash_signals / sizeof crash_signals[0])

static char crash_stack[16384];                /* the inspector may have used up its own */
static stack_t stack_before;                   /* what another one was opened with */
static struct sigaction before[CRASH_SIGNALS]; /* what the signals did without us */
static char crash_line[1024];
static size_t crash_length, crash_signal_at; /* where its two digits go */

static void use_crash_stack(void) {
    const stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};
    sigaltstack(&stack, &stack_before);
}

static void on_crash(int signo);

/* An inspector may have brought a stack and handlers of its own, a runtime's say: they stay. */
static void end_watching(void) {
    stack_t stack;
    crash_length = 0; /* who calls on what was there before comes to on_crash() */
    if (sigaltstack(NULL, &stack) == 0 && stack.ss_sp == crash_stack)
        sigaltstack(&stack_before, NULL);
    for (unsigned i = 0; i < CRASH_SIGNALS; i++) {
        struct sigaction now;
        if (sigaction(crash_signals[i], NULL, &now) == 0 && now.sa_handler == on_crash)
            sigaction(crash_signals[i], &before[i], NULL);
    }
}

static void on_crash(int signo) {
    crash_line[crash_signal_at] = (char)('0' + signo / 10);
    crash_line[crash_signal_at + 1] = (char)('0' + signo % 10);
    if (write(STDERR_FILENO, crash_line, crash_length) < 0)
        crash_length = 0; /* there is no one to tell */
    for (unsigned i = 0; i < CRASH_SIGNALS; i++)
        sigaction(crash_signals[i], &before[i], NULL);
    raise(signo); /* when the handler returns: as if it had not been there */
}

void plugin_watch_opening(const char *name, const struct fb_inspector *ops) {
    static bool watching;
    if (watching)
        end_watching();
    watching = name != NULL;
    if (!watching)
        return;
    char built[64] = "";
    if (ops != NULL)
        snprintf(built, sizeof built, "it is built for interface %u.%u, ", ops->major, ops->minor);
    int n =
        snprintf(crash_line, sizeof crash_line,
                 "flow-worker: error: --inspector %.512s: it crashed while it was %s, by signal ",
                 name, ops != NULL ? "opened" : "loaded");
    crash_signal_at = (size_t)n;
    n += snprintf(crash_line + n, sizeof crash_line - (size_t)n,
                  "00 (%sthis worker has interface %u.%u)\n", built, FB_INSPECTOR_MAJOR,
                  FB_INSPECTOR_MINOR);
    crash_length = (size_t)n;
    use_crash_stack();
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < CRASH_SIGNALS; i++)
        sigaction(crash_signals[i], &action, &before[i]);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Whether the worker can work with what it was built for; its first members are the same in all
 * versions. */
static bool check_version(const char *path, const struct fb_inspector *ops) {
    if (ops->major == FB_INSPECTOR_MAJOR && ops->minor <= FB_INSPECTOR_MINOR)
        return true;
    fb_error("--inspector %s: it is built for inspector interface %u.%u, this worker has %u.%u: "
             "build it with the headers of this version",
             path, ops->major, ops->minor, FB_INSPECTOR_MAJOR, FB_INSPECTOR_MINOR);
    return false;
}

static bool check_members(const char *path, const struct fb_inspector *ops) {
    const char *missing = ops->name == NULL     ? "name"
                          : ops->open == NULL   ? "open"
                          : ops->packet == NULL ? "packet"
                                                : NULL;
    if (missing != NULL) {
        fb_error("--inspector %s: its " FB_PLUGIN_SYMBOL " has no %s (interface %u.%u, this worker "
                 "has %u.%u)",
                 path, missing, ops->major, ops->minor, FB_INSPECTOR_MAJOR, FB_INSPECTOR_MINOR);
        return false;
    }
    size_t length = strlen(ops->name);
    if (length > 0 && length < FB_INSPECTOR_NAME_MAX && strspn(ops->name, NAME_LETTERS) == length)
        return true;
    fb_error("--inspector %s: its name '%s' must be 1 to %u of a-z, 0-9, _ and -", path, ops->name,
             FB_INSPECTOR_NAME_MAX - 1);
    return false;
}

/* A copy that is as long as this version's, with NULL for what the plugin does not know of. */
static const struct fb_inspector *complete(const char *path, const struct fb_inspector *ops) {
    struct fb_inspector *whole = calloc(1, sizeof *whole);
    if (whole == NULL) {
        fb_error("--inspector %s: no memory for %zu bytes", path, sizeof *whole);
        return NULL;
    }
    memcpy(whole, ops, ops->size < sizeof *whole ? ops->size : sizeof *whole);
    if (check_members(path, whole))
        return whole;
    free(whole);
    return NULL;
}

/* An object is loaded once, however often it is asked for, and so are its static variables. */
static void warn_of_shared(const char *path, const void *object) {
    static const void *objects[INSPECTIONS_MAX];
    static unsigned times[INSPECTIONS_MAX];
    unsigned i = 0;
    while (i < INSPECTIONS_MAX && objects[i] != NULL && objects[i] != object)
        i++;
    if (i == INSPECTIONS_MAX)
        return;
    objects[i] = object;
    if (++times[i] == 2)
        fb_warning("--inspector %s: it is given more than once: what it keeps in static variables "
                   "is shared, and its counters are added up",
                   path);
}

const struct fb_inspector *plugin_load(const char *path) {
    plugin_watch_opening(path, NULL); /* its constructors run */
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    plugin_watch_opening(NULL, NULL);
    if (object == NULL) {
        fb_error("--inspector %s: cannot load it: %s", path, dlerror());
        return NULL;
    }
    const struct fb_inspector *ops = dlsym(object, FB_PLUGIN_SYMBOL);
    if (ops == NULL)
        fb_error("--inspector %s: it exports no " FB_PLUGIN_SYMBOL ": define it with FB_PLUGIN of "
                 "flow_balancer/inspector.h (this worker has interface %u.%u)",
                 path, FB_INSPECTOR_MAJOR, FB_INSPECTOR_MINOR);
    else if (check_version(path, ops))
        ops = complete(path, ops);
    else
        ops = NULL;
    if (ops == NULL)
        dlclose(object);
    else
        warn_of_shared(path, object);
    return ops;
}
