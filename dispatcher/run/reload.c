/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/run_events.h"

void reload_init(struct reload *reload, const struct options *options, struct capture *capture,
                 struct requests *requests) {
    *reload = (struct reload){
        .options = options, .capture = capture, .requests = requests, .text = options->filter};
}

uint64_t reload_ask(void *arg) {
    struct reload *r = arg;

    r->asked = true;
    return r->begun + 1;
}

static void take_next(struct reload *r) {
    free(r->owned);
    r->text = r->owned = r->next;
    r->next = NULL;
    if (r->text != NULL)
        fb_tell_event(FB_RUN_EVENT(FILTER_RELOADED, .count = r->begun),
                      "reload: the filter is now \"%s\"", r->text);
    else
        fb_tell_event(FB_RUN_EVENT(FILTER_RELOADED, .count = r->begun),
                      "reload: there is no filter now: every frame is taken");
}

/* Of the one that was begun last. Its line is in the refusal, if it has one. */
static void end(struct reload *r, int err) {
    bool refused = err != 0 && !r->unreadable;

    r->compiles = false;
    if (err == 0)
        take_next(r);
    free(r->next);
    r->next = NULL;
    requests_answer_reload(r->requests,
                           &(struct requests_reload){.number = r->begun,
                                                     .refusal = refused ? r->refusal : NULL,
                                                     .kept = r->unreadable ? r->refusal : NULL,
                                                     .filter = r->text});
}

static int begin(struct reload *r) {
    int err = options_reread_filter(r->options, &r->next);

    r->unreadable = err == -ENOENT;
    return err == 0 ? capture_begin_filter(r->capture, r->next) : err;
}

/* One step, whose line is kept for the answer. */
static int step(struct reload *r, int (*does)(struct reload *)) {
    int err;

    snprintf(r->refusal, sizeof r->refusal, "no memory");
    fb_log_keep(r->refusal, sizeof r->refusal);
    err = does(r);
    fb_log_keep(NULL, 0);
    return err;
}

static int poll_capture(struct reload *r) {
    return capture_poll_filter(r->capture);
}

void reload_poll(struct reload *r) {
    int err;

    if (r->compiles) {
        err = step(r, poll_capture);
        if (err == -EINPROGRESS)
            return;
        end(r, err);
    }
    if (!r->asked)
        return;
    r->asked = false;
    r->begun++;
    err = step(r, begin);
    r->compiles = err == 0;
    if (err != 0)
        end(r, err);
}

void reload_cancel(struct reload *r) {
    if (!r->compiles && !r->asked)
        return;
    snprintf(r->refusal, sizeof r->refusal, "the run is ending");
    fb_warning("reload: the run is ending: the filter stays as it was");
    if (r->compiles)
        end(r, -ESHUTDOWN);
    if (r->asked)
        requests_answer_reload(
            r->requests, &(struct requests_reload){.number = ++r->begun, .refusal = r->refusal});
    r->asked = false;
}

void reload_fini(struct reload *reload) {
    free(reload->next);
    free(reload->owned);
    reload->next = reload->owned = NULL;
}
