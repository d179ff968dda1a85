/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_REQUESTS_H
#define DISPATCHER_RUN_REQUESTS_H

#include "dispatcher/fleet/fleet.h"
#include "dispatcher/run/control.h"

/*
 * What can be asked of a running dispatcher over its control socket (control.h
 * has the form). Dispatcher only, between bursts.
 *
 *   workers               every number: its state, the pid of its process, whether
 *                         one is wanted, and how often it was claimed, its process
 *                         revoked, a restart asked for, and rules read again or
 *                         not, by its own count; how many reloads there were that
 *                         the workers are to follow; and whether the run is
 *                         stopping, whether a stop said now, whether it captures on
 *                         interfaces, and the filter in force, with which a dispatcher
 *                         that follows this one is to begin
 *   add                   wants one worker more; tells its number
 *   drain     worker: K   no new flows for it; it leaves when its flows are over or
 *                         at --drain-timeout, and they move then
 *   restart   worker: K   its process leaves after its burst, and its flows wait for
 *                         the next one
 *   give-up   worker: K   no process of it will be started: its flows move
 *   reload                reads the filter again; tells it when it is in force, which
 *                         may take seconds, and the number of the reload
 *   stop      now: true   ends the run, or ends it without draining; another one
 *                         without now changes nothing
 *
 * `wanted` is what a supervisor goes by: a wanted number without a process is
 * to be started, one that is not wanted is left alone. The counts only grow, so that
 * nothing between two looks is missed: a process of the supervisor's whose number was
 * revoked since it started has to be killed, and after a reload its workers are to read
 * their rules again, which is the supervisor's to tell them.
 */
struct requests {
    struct control control;
    struct fleet *fleet;
    uint64_t now_ns;
    uint64_t restored_ns; /* when the socket was last looked after */

    const char *const *filter;
    uint64_t (*reload)(void *arg);
    void *reload_arg;
    uint64_t reloads; /* the number of the last one that was not refused */
    bool live;        /* it captures on interfaces: another dispatcher can go on */
    bool stop;        /* one was asked for */
    bool stop_now;    /* one that said now */
    bool stopping;    /* the run is ending; set by the caller */
};

struct requests_config {
    const char *name;          /* of the instance */
    struct fleet *fleet;       /* the caller's; outlives the requests */
    bool live;                 /* the run captures on interfaces */
    const char *const *filter; /* in force, *filter NULL: every frame; the caller's */
    /* Asks for the filter to be read again. Returns the number, not 0, of the reload that is to be
     * answered by requests_answer_reload(). */
    uint64_t (*reload)(void *arg);
    void *reload_arg;
};

/* Listens for the instance. Returns 0, or -errno after one logged line. */
int requests_open(struct requests *requests, const struct requests_config *config);

/* Answers what has come; does not wait. */
void requests_poll(struct requests *requests, uint64_t now_ns);

/* How a reload ended. */
struct requests_reload {
    uint64_t number;     /* as reload() returned it */
    const char *refusal; /* why it was not done; NULL: it was */
    const char *kept;    /* why the filter was not read again, or NULL */
    const char *filter;  /* in force now; NULL: every frame is taken */
};

/* All who wait for a reload are told. Unless it was refused, the supervisor then sees that
 * they are to read their rules again. */
void requests_answer_reload(struct requests *requests, const struct requests_reload *reload);

void requests_close(struct requests *requests);

#endif
