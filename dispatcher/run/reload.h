/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_RELOAD_H
#define DISPATCHER_RUN_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/run/options.h"
#include "dispatcher/run/requests.h"

/*
 * Reading the filter again while the run goes on: on request, or on a signal. Capture
 * compiles it in a thread, which may take seconds; who asked is answered when it is in force
 * or refused. Dispatcher only, between bursts.
 *
 *     nothing --ask--> asked --poll: file read--> compiling --poll--> in force, or refused
 *                        ^                            |ask
 *                        +------- once more ----------+
 *
 * Who asks while one is compiled is answered by the next one, which reads the file after
 * that: so the newest text wins, nobody is told of a filter that was read before the request, and
 * however often it is asked for, one compiles and one waits.
 *
 * A filter that is from no file stays as it is, and the reload is done: workers may have rules
 * to read again, which their supervisor has them do (requests.h). One that is wrong is
 * refused as a whole.
 */
struct reload {
    const struct options *options; /* where the filter is from */
    struct capture *capture;
    struct requests *requests; /* whose clients are answered */
    const char *text;          /* in force; NULL: every frame is taken */
    char *owned;               /* text, once it was read again */
    char *next;                /* is compiled */
    bool asked, compiles;
    bool unreadable; /* the last one found that the filter is from no file: it stays */
    uint64_t begun;  /* how many were begun: the number of the one that compiles */
    char refusal[512];
};

/* All pointers are the caller's and outlive it. */
void reload_init(struct reload *reload, const struct options *options, struct capture *capture,
                 struct requests *requests);

/* Asks for it. Returns the number of the reload that will be answered, as requests.h has it; arg is
 * the reload. */
uint64_t reload_ask(void *arg);

/* Goes on with it; to be called every few milliseconds. Does not wait, except to read the file. */
void reload_poll(struct reload *reload);

/* The capture has been left: what was asked for is refused. May be called again. */
void reload_cancel(struct reload *reload);

void reload_fini(struct reload *reload);

#endif
