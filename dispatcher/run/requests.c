/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/requests.h"

#include <jansson.h>
#include <string.h>

#include "flow_balancer/common/json_text.h"
#include "flow_balancer/run_events.h"

#define RESTORE_EVERY_NS UINT64_C(1000000000) /* how soon a person may ask again */

static json_t *done(void) {
    return json_pack("{s:b}", "ok", 1);
}

/* What a worker counts itself, over its processes; one that lies may count anything. */
static json_t *count_of(const struct requests *r, unsigned worker, enum fb_worker_counter counter) {
    uint64_t count = fleet_self_count(r->fleet, worker, counter);
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

static json_t *list_workers(const struct requests *r) {
    json_t *list = json_array();
    for (unsigned k = 0; k < r->fleet->count; k++) {
        const struct lane *lane = &r->fleet->lanes[k];
        json_array_append_new(
            list,
            json_pack("{s:i, s:s, s:I, s:b, s:I, s:I, s:i, s:o, s:o}", "worker", (int)k, "state",
                      fb_state_names[lane->state], "pid", (json_int_t)fb_ctl_pid(r->fleet->ctl, k),
                      "wanted", (int)lane->wanted, "claims", (json_int_t)lane->claims,
                      "revocations", (json_int_t)lane->revocations, "restarts_asked",
                      (int)lane->restarts_asked, "reloads", count_of(r, k, FB_WORKER_RELOADS),
                      "reload_failures", count_of(r, k, FB_WORKER_RELOAD_FAILURES)));
    }
    json_t *reply = json_pack("{s:b, s:b, s:b, s:b, s:I, s:o}", "ok", 1, "live", (int)r->live,
                              "stopping", (int)r->stopping, "hurrying", (int)r->stop_now, "reloads",
                              (json_int_t)r->reloads, "workers", list);
    /* An expression need not be UTF-8: it is left out then. */
    json_object_set_new(reply, "filter",
                        *r->filter != NULL ? json_string(*r->filter) : json_null());
    return reply;
}

static json_t *add(struct requests *r) {
    unsigned worker;
    const char *refusal = r->stopping ? "the run is ending" : fleet_add(r->fleet, &worker);
    if (refusal != NULL)
        return control_refusal("add: %s", refusal);
    fb_tell_event(FB_WORKER_EVENT(WORKER_ADDED, worker), "worker %u is wanted", worker);
    return json_pack("{s:b, s:i}", "ok", 1, "worker", (int)worker);
}

static json_t *reload(struct requests *r) {
    if (r->stopping)
        return control_refusal("reload: the run is ending");
    return control_later(r->reload(r->reload_arg));
}

/* NULL is null. */
static json_t *text_or_null(const char *text) {
    return text != NULL ? fb_json_text(text, strlen(text)) : json_null();
}

void requests_answer_reload(struct requests *r, const struct requests_reload *reload) {
    json_t *reply =
        reload->refusal != NULL
            ? control_refusal("reload: %s", reload->refusal)
            : json_pack("{s:b, s:I, s:o, s:o}", "ok", 1, "reload", (json_int_t)reload->number,
                        "filter", text_or_null(reload->filter), "kept", text_or_null(reload->kept));
    if (reload->refusal == NULL)
        r->reloads = reload->number;
    control_answer(&r->control, reload->number, reply);
}

static json_t *give_up(struct requests *r, unsigned worker) {
    fb_tell_event(FB_WORKER_EVENT(WORKER_GIVEN_UP, worker),
                  "worker %u will not be started again: its supervisor gave it up", worker);
    fleet_give_up(r->fleet, worker, r->now_ns);
    return done();
}

/* Requests for one worker. */
static json_t *ask_of_worker(struct requests *r, const char *name, const json_t *request) {
    const json_t *number = json_object_get(request, "worker");
    json_int_t k = json_integer_value(number);
    if (!json_is_integer(number))
        return control_refusal("%s: give a worker, a number from 0 to %u", name,
                               r->fleet->count - 1);
    if (k < 0 || k >= (json_int_t)r->fleet->count)
        return control_refusal("%s %lld: there is no such worker: give a number from 0 to %u", name,
                               (long long)k, r->fleet->count - 1);
    unsigned worker = (unsigned)k;
    if (strcmp(name, "give-up") == 0)
        return give_up(r, worker);
    if (r->stopping)
        return control_refusal("%s %u: the run is ending", name, worker);
    const char *refusal = strcmp(name, "drain") == 0 ? fleet_drain(r->fleet, worker, r->now_ns)
                                                     : fleet_restart(r->fleet, worker, r->now_ns);
    if (refusal != NULL)
        return control_refusal("%s %u: %s", name, worker, refusal);
    fb_tell_event(FB_WORKER_EVENT(WORKER_ASKED, worker), "worker %u: %s, as was asked", worker,
                  name);
    return done();
}

static json_t *answer(void *arg, const char *name, const json_t *request) {
    struct requests *r = arg;
    if (strcmp(name, "workers") == 0)
        return list_workers(r);
    if (strcmp(name, "add") == 0)
        return add(r);
    if (strcmp(name, "drain") == 0 || strcmp(name, "restart") == 0 || strcmp(name, "give-up") == 0)
        return ask_of_worker(r, name, request);
    if (strcmp(name, "reload") == 0)
        return reload(r);
    if (strcmp(name, "stop") == 0) {
        r->stop = true;
        r->stop_now = r->stop_now || json_is_true(json_object_get(request, "now"));
        return done();
    }
    return NULL;
}

int requests_open(struct requests *requests, const struct requests_config *config) {
    requests->fleet = config->fleet;
    requests->filter = config->filter;
    requests->live = config->live;
    requests->reload = config->reload;
    requests->reload_arg = config->reload_arg;
    return control_open(&requests->control, config->name, answer, requests);
}

void requests_poll(struct requests *requests, uint64_t now_ns) {
    requests->now_ns = now_ns;
    if (now_ns - requests->restored_ns >= RESTORE_EVERY_NS) {
        requests->restored_ns = now_ns;
        if (fb_ctl_is_named(requests->fleet->ctl))
            control_restore(&requests->control);
    }
    control_poll(&requests->control);
}

void requests_close(struct requests *requests) {
    control_close(&requests->control);
}
