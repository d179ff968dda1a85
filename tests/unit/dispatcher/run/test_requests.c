/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/requests.c: what can be asked of a running dispatcher, through a real
 * socket, in every state of a number.
 */
#include "tests/lib/fleet_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dispatcher/run/requests.h"
#include "flow_balancer/common/log.h"

#define HANG (5 * SECOND)

struct requests_fixture {
    struct fleet_fixture base;
    struct requests requests;
    int client;
};

static void close_both_ends(struct requests_fixture *f) {
    if (f->client >= 0)
        close(f->client);
    f->client = -1;
    requests_close(&f->requests);
}

static int set_up(void **state) {
    struct requests_fixture *f = new_state(state, sizeof *f);
    fleet_fixture_init(&f->base);
    f->base.hang_ns = HANG;
    f->client = f->requests.control.listener = -1;
    return 0;
}

static int tear_down(void **state) {
    struct requests_fixture *f = *state;
    close_both_ends(f);
    fleet_fixture_fini(&f->base);
    free(f);
    return 0;
}

#define REQUESTS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const char *filter_in_force;

static void make_requests(struct requests_fixture *f, unsigned workers, unsigned max_workers) {
    close_both_ends(f);
    memset(&f->requests, 0, sizeof f->requests);
    make_fleet(&f->base, max_workers, 16, "backlog", SECOND);
    for (unsigned k = workers; k < f->base.fleet.count; k++)
        lane_of(&f->base, k)->wanted = false;
    assert_int_equal(
        requests_open(&f->requests, &(struct requests_config){.name = f->base.ctl.ctl->name,
                                                              .fleet = &f->base.fleet,
                                                              .filter = &filter_in_force}),
        0);
    const struct sockaddr_un address = f->requests.control.address;
    f->client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(f->client, (const struct sockaddr *)&address, sizeof address), 0);
}

/* Sends a request as it is; the reply is the caller's. */
static json_t *ask(struct requests_fixture *f, const char *text) {
    char reply[65536];
    assert_int_equal(send(f->client, text, strlen(text), 0), strlen(text));
    requests_poll(&f->requests, f->base.now_ns);
    ssize_t n = recv(f->client, reply, sizeof reply, MSG_DONTWAIT);
    assert_true(n > 0);
    json_t *json = json_loadb(reply, (size_t)n, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *ask_of(struct requests_fixture *f, const char *request, unsigned worker) {
    char text[100];
    snprintf(text, sizeof text, "{\"request\": \"%s\", \"worker\": %u}", request, worker);
    return ask(f, text);
}

static void is_done(json_t *reply) {
    if (!json_is_true(json_object_get(reply, "ok")))
        fail_msg("refused: %s", json_string_value(json_object_get(reply, "error")));
    json_decref(reply);
}

static void is_refused(json_t *reply, const char *text) {
    assert_true(json_is_false(json_object_get(reply, "ok")));
    assert_string_equal(json_string_value(json_object_get(reply, "error")), text);
    json_decref(reply);
}

/* ---- a number in each state, with another worker ready as well */

static void bring_to(struct requests_fixture *f, enum fb_state state) {
    uint16_t generation;
    make_requests(f, 2, 2);
    worker_starts(&f->base, 1);
    if (state == FB_STATE_ABSENT)
        return;
    if (state == FB_STATE_STARTING) {
        worker_claims(&f->base, 0);
        poll_fleet(&f->base);
        return;
    }
    worker_starts(&f->base, 0);
    handles_take(&lane_of(&f->base, 0)->handles, 7, &generation);
    if (state == FB_STATE_DRAINING) {
        assert_null(fleet_drain(&f->base.fleet, 0, f->base.now_ns));
    } else if (state == FB_STATE_STOPPING) {
        assert_null(fleet_restart(&f->base.fleet, 0, f->base.now_ns));
    } else if (state == FB_STATE_DEAD) {
        fb_up_set_worker_status(f->base.hands[0].claim.up, FB_STATUS_COUNT);
        poll_fleet(&f->base);
    } else if (state != FB_STATE_READY) {
        worker_dies(&f->base, 0);
        poll_fleet(&f->base);
        if (state != FB_STATE_VACANT) {
            f->base.now_ns += SECOND;
            poll_fleet(&f->base);
            revocation_passes(&f->base);
        }
        if (state == FB_STATE_LOST)
            fleet_emptied(&f->base.fleet, f->base.now_ns);
    }
}

/* What a request is answered in each state, the state after it, and that once all has settled. */
struct expected {
    const char *refusal;
    enum fb_state then, at_last;
};

/* Its process leaves as told or is gone, none comes, and its packets are moved. */
static enum fb_state settled(struct requests_fixture *f) {
    for (unsigned n = 0; n < 4; n++) {
        if (f->base.hands[0].holds && fb_rx_revoked(&f->base.hands[0].rx))
            worker_dies(&f->base, 0);
        else if (f->base.hands[0].holds && fb_rx_command(&f->base.hands[0].rx) != FB_COMMAND_RUN)
            worker_leaves(&f->base, 0);
        poll_fleet(&f->base);
        f->base.now_ns += REVOKE_WAIT_NS;
        poll_fleet(&f->base);
    }
    return state_of(&f->base, 0);
}

static void each_state_answers(struct requests_fixture *f, const char *request,
                               const struct expected *table) {
    for (unsigned s = 0; s < FB_STATE_COUNT; s++) {
        char refusal[200];
        bring_to(f, (enum fb_state)s);
        assert_int_equal(state_of(&f->base, 0), s);
        bool wanted = lane_of(&f->base, 0)->wanted;
        json_t *reply = ask_of(f, request, 0);
        if (table[s].refusal != NULL) {
            snprintf(refusal, sizeof refusal, "%s 0: %s", request, table[s].refusal);
            is_refused(reply, refusal);
            assert_int_equal(lane_of(&f->base, 0)->wanted, wanted);
        } else {
            is_done(reply);
        }
        if (state_of(&f->base, 0) != table[s].then)
            fail_msg("%s in %s: %s", request, fb_state_names[s],
                     fb_state_names[state_of(&f->base, 0)]);
        if (settled(f) != table[s].at_last)
            fail_msg("%s in %s at last: %s", request, fb_state_names[s],
                     fb_state_names[state_of(&f->base, 0)]);
    }
}

static void drain_is_answered_in_every_state(void **state) {
    struct requests_fixture *f = *state;
    static const struct expected table[FB_STATE_COUNT] = {
        [FB_STATE_ABSENT] = {NULL, FB_STATE_ABSENT, FB_STATE_ABSENT},
        [FB_STATE_VACANT] = {NULL, FB_STATE_DEAD, FB_STATE_MOVING},
        [FB_STATE_STARTING] = {"it is not ready yet: try again in a moment", FB_STATE_STARTING,
                               FB_STATE_STARTING},
        [FB_STATE_READY] = {NULL, FB_STATE_DRAINING, FB_STATE_DRAINING},
        [FB_STATE_DRAINING] = {NULL, FB_STATE_DRAINING, FB_STATE_DRAINING},
        [FB_STATE_STOPPING] = {NULL, FB_STATE_STOPPING, FB_STATE_MOVING},
        [FB_STATE_DEAD] = {NULL, FB_STATE_DEAD, FB_STATE_MOVING},
        [FB_STATE_MOVING] = {NULL, FB_STATE_MOVING, FB_STATE_MOVING},
        [FB_STATE_LOST] = {NULL, FB_STATE_LOST, FB_STATE_LOST},
    };
    each_state_answers(f, "drain", table);
}

/* No process comes for it then, as for one that was drained while it had one. */
static void number_without_process_is_drained_once(void **state) {
    struct requests_fixture *f = *state;
    static const enum fb_state none[] = {FB_STATE_ABSENT, FB_STATE_LOST};
    for (unsigned i = 0; i < 2; i++) {
        bring_to(f, none[i]);
        is_done(ask_of(f, "drain", 0));
        assert_false(lane_of(&f->base, 0)->wanted);
        is_refused(ask_of(f, "drain", 0), "drain 0: it has no worker");
    }
    bring_to(f, FB_STATE_ABSENT);
    lane_of(&f->base, 1)->wanted = false;
    is_refused(ask_of(f, "drain", 0),
               "drain 0: it is the only one that is wanted: add another first");
    assert_true(lane_of(&f->base, 0)->wanted);
}

static void restart_is_answered_in_every_state(void **state) {
    struct requests_fixture *f = *state;
    static const struct expected table[FB_STATE_COUNT] = {
        [FB_STATE_ABSENT] = {"it has no worker: add starts one", FB_STATE_ABSENT, FB_STATE_ABSENT},
        [FB_STATE_VACANT] = {NULL, FB_STATE_VACANT, FB_STATE_VACANT},
        [FB_STATE_STARTING] = {NULL, FB_STATE_DEAD, FB_STATE_VACANT},
        [FB_STATE_READY] = {NULL, FB_STATE_STOPPING, FB_STATE_VACANT},
        [FB_STATE_DRAINING] = {"it is about to leave", FB_STATE_DRAINING, FB_STATE_DRAINING},
        [FB_STATE_STOPPING] = {"it is about to leave", FB_STATE_STOPPING, FB_STATE_VACANT},
        [FB_STATE_DEAD] = {NULL, FB_STATE_DEAD, FB_STATE_VACANT},
        [FB_STATE_MOVING] = {NULL, FB_STATE_MOVING, FB_STATE_MOVING},
        [FB_STATE_LOST] = {"it has no worker: add starts one", FB_STATE_LOST, FB_STATE_LOST},
    };
    each_state_answers(f, "restart", table);
}

static void give_up_is_answered_in_every_state(void **state) {
    struct requests_fixture *f = *state;
    static const struct expected table[FB_STATE_COUNT] = {
        [FB_STATE_ABSENT] = {NULL, FB_STATE_ABSENT, FB_STATE_ABSENT},
        [FB_STATE_VACANT] = {NULL, FB_STATE_DEAD, FB_STATE_MOVING},
        [FB_STATE_STARTING] = {NULL, FB_STATE_STARTING, FB_STATE_STARTING},
        [FB_STATE_READY] = {NULL, FB_STATE_READY, FB_STATE_READY},
        [FB_STATE_DRAINING] = {NULL, FB_STATE_DRAINING, FB_STATE_DRAINING},
        [FB_STATE_STOPPING] = {NULL, FB_STATE_STOPPING, FB_STATE_MOVING},
        [FB_STATE_DEAD] = {NULL, FB_STATE_DEAD, FB_STATE_MOVING},
        [FB_STATE_MOVING] = {NULL, FB_STATE_MOVING, FB_STATE_MOVING},
        [FB_STATE_LOST] = {NULL, FB_STATE_LOST, FB_STATE_LOST},
    };
    fb_log_set_level(FB_LOG_ERROR);
    each_state_answers(f, "give-up", table);
    for (unsigned s = 0; s < FB_STATE_COUNT; s++) {
        bring_to(f, (enum fb_state)s);
        is_done(ask_of(f, "give-up", 0));
        assert_int_equal(fleet_wanted(&f->base.fleet), 1);
    }
}

/* Only a number that no process has and none is waited for can be added. */
static void add_is_answered_in_every_state(void **state) {
    struct requests_fixture *f = *state;
    for (unsigned s = 0; s < FB_STATE_COUNT; s++) {
        for (unsigned wanted = 0; wanted < 2; wanted++) {
            bring_to(f, (enum fb_state)s);
            lane_of(&f->base, 0)->wanted = wanted != 0;
            bool is_free = wanted == 0 && (s == FB_STATE_ABSENT || s == FB_STATE_LOST);
            json_t *reply = ask(f, "{\"request\": \"add\"}");
            if (is_free) {
                assert_int_equal(json_integer_value(json_object_get(reply, "worker")), 0);
                is_done(reply);
                assert_true(lane_of(&f->base, 0)->wanted);
                worker_starts(&f->base, 0);
            } else {
                is_refused(reply, "add: every worker number is in use: --max-workers at the start "
                                  "gives more");
            }
        }
    }
}

static void add_takes_the_first_free_number_until_there_is_none(void **state) {
    struct requests_fixture *f = *state;
    make_requests(f, 2, 4);
    for (unsigned k = 2; k < 4; k++) {
        json_t *reply = ask(f, "{\"request\": \"add\"}");
        assert_int_equal(json_integer_value(json_object_get(reply, "worker")), k);
        is_done(reply);
        assert_int_equal(fleet_wanted(&f->base.fleet), k + 1);
    }
    is_refused(ask(f, "{\"request\": \"add\"}"),
               "add: every worker number is in use: --max-workers at the start gives more");
    /* What was given up can be added again, and is then not given up any more. */
    is_done(ask_of(f, "give-up", 1));
    json_t *reply = ask(f, "{\"request\": \"add\"}");
    assert_int_equal(json_integer_value(json_object_get(reply, "worker")), 1);
    is_done(reply);
    assert_int_equal(lane_of(&f->base, 1)->disposition, DISPOSITION_WAIT_NEXT);
}

static void a_number_gets_its_ring_when_it_is_added(void **state) {
    struct requests_fixture *f = *state;
    char path[FB_PATH_MAX];
    f->base.unmade = 2;
    make_requests(f, 2, 4);
    assert_int_equal(f->base.fleet.count, 2);
    assert_int_equal(fb_ctl_epoch(f->base.ctl.ctl, 2), 0);
    is_refused(ask_of(f, "restart", 2),
               "restart 2: there is no such worker: give a number from 0 to 1");
    /* Something is in the way of its up side: the next try finds nothing of this one. */
    assert_true(fb_object_path(path, FB_SHM_DIR, f->base.ctl.ctl->name, FB_KIND_UP, 2));
    assert_int_equal(mkdir(path, 0700), 0);
    is_refused(ask(f, "{\"request\": \"add\"}"),
               "add: its ring cannot be made: the dispatcher's log says why");
    assert_int_equal(f->base.fleet.count, 2);
    assert_int_equal(rmdir(path), 0);
    for (unsigned k = 2; k < 4; k++) {
        json_t *reply = ask(f, "{\"request\": \"add\"}");
        assert_int_equal(json_integer_value(json_object_get(reply, "worker")), k);
        is_done(reply);
        assert_int_equal(f->base.fleet.count, k + 1);
        worker_starts(&f->base, k);
        assert_int_equal(lane_of(&f->base, k)->state, FB_STATE_READY);
    }
    is_refused(ask(f, "{\"request\": \"add\"}"),
               "add: every worker number is in use: --max-workers at the start gives more");
}

static void the_last_worker_cannot_be_drained(void **state) {
    struct requests_fixture *f = *state;
    make_requests(f, 2, 2);
    worker_starts(&f->base, 0);
    is_refused(ask_of(f, "drain", 0),
               "drain 0: it is the only one that is ready: add another first");
    assert_int_equal(state_of(&f->base, 0), FB_STATE_READY);
    worker_dies(&f->base, 0);
    poll_fleet(&f->base);
    assert_int_equal(state_of(&f->base, 0), FB_STATE_VACANT);
    is_refused(ask_of(f, "drain", 0), "drain 0: no other worker is ready to take its flows");
    assert_int_equal(state_of(&f->base, 0), FB_STATE_VACANT);
    assert_int_equal(fleet_wanted(&f->base.fleet), 2);
}

static void a_worker_that_is_no_number_in_range_is_refused(void **state) {
    struct requests_fixture *f = *state;
#define NONE ": give a worker, a number from 0 to 2"
#define ABSENT(number) " " number ": there is no such worker: give a number from 0 to 2"
    static const char *const workers[][2] = {
        {"", NONE},
        {", \"worker\": 1.0", NONE},
        {", \"worker\": \"1\"", NONE},
        {", \"worker\": null", NONE},
        {", \"worker\": -1", ABSENT("-1")},
        {", \"worker\": 3", ABSENT("3")},
        {", \"worker\": 4294967296", ABSENT("4294967296")},
    };
    static const char *const names[] = {"drain", "restart", "give-up"};
    make_requests(f, 3, 3);
    worker_starts(&f->base, 0);
    worker_starts(&f->base, 1);
    for (unsigned n = 0; n < 3; n++) {
        for (unsigned i = 0; i < sizeof workers / sizeof *workers; i++) {
            char text[100], refusal[100];
            snprintf(text, sizeof text, "{\"request\": \"%s\"%s}", names[n], workers[i][0]);
            snprintf(refusal, sizeof refusal, "%s%s", names[n], workers[i][1]);
            is_refused(ask(f, text), refusal);
        }
    }
    assert_int_equal(fleet_wanted(&f->base.fleet), 3);
    assert_int_equal(state_of(&f->base, 0), FB_STATE_READY);
    is_refused(ask(f, "{\"request\": \"dance\"}"), "unknown request 'dance'");
}

static void while_the_run_ends_no_worker_is_added_drained_or_restarted(void **state) {
    struct requests_fixture *f = *state;
    make_requests(f, 2, 3);
    worker_starts(&f->base, 0);
    worker_starts(&f->base, 1);
    f->requests.stopping = true;
    is_refused(ask(f, "{\"request\": \"add\"}"), "add: the run is ending");
    is_refused(ask_of(f, "drain", 0), "drain 0: the run is ending");
    is_refused(ask_of(f, "restart", 0), "restart 0: the run is ending");
    assert_int_equal(state_of(&f->base, 0), FB_STATE_READY);
    assert_int_equal(fleet_wanted(&f->base.fleet), 2);
    is_done(ask_of(f, "give-up", 0)); /* what is not started any more must not be waited for */
    assert_int_equal(fleet_wanted(&f->base.fleet), 1);
}

static uint64_t count_reloads(void *arg) {
    return ++*(uint64_t *)arg;
}

#define RELOAD "{\"request\": \"reload\"}"

/* What is answered to a reload that ends so. */
static json_t *ask_reload(struct requests_fixture *f, const char *refusal, const char *filter) {
    const uint64_t *asked = f->requests.reload_arg;
    char text[256];
    assert_int_equal(send(f->client, RELOAD, strlen(RELOAD), 0), strlen(RELOAD));
    requests_poll(&f->requests, f->base.now_ns);
    const struct requests_reload other = {.number = *asked + 1, .filter = "of another one"};
    const struct requests_reload ours = {.number = *asked, .refusal = refusal, .filter = filter};
    requests_answer_reload(&f->requests, &other);
    assert_int_equal(recv(f->client, text, sizeof text, MSG_DONTWAIT), -1);
    requests_answer_reload(&f->requests, &ours);
    ssize_t n = recv(f->client, text, sizeof text, MSG_DONTWAIT);
    assert_true(n > 0);
    return json_loadb(text, (size_t)n, 0, NULL);
}

static void a_reload_tells_once_it_is_over_the_filter_or_why_there_is_no_other(void **state) {
    struct requests_fixture *f = *state;
    uint64_t asked = 0;
    make_requests(f, 1, 1);
    f->requests.reload = count_reloads;
    f->requests.reload_arg = &asked;
    json_t *reply = ask_reload(f, NULL, "tcp");
    assert_string_equal(json_string_value(json_object_get(reply, "filter")), "tcp");
    assert_int_equal(json_integer_value(json_object_get(reply, "reload")), 1);
    assert_true(json_is_null(json_object_get(reply, "kept")));
    is_done(reply);
    reply = ask_reload(f, NULL,
                       "\xff"
                       "cp"); /* not UTF-8 */
    assert_string_equal(json_string_value(json_object_get(reply, "filter")), "\\xffcp");
    is_done(reply);
    reply = ask_reload(f, NULL, NULL);
    assert_true(json_is_null(json_object_get(reply, "filter")));
    is_done(reply);
    is_refused(ask_reload(f, "it does not compile", NULL), "reload: it does not compile");
    f->requests.stopping = true;
    is_refused(ask(f, RELOAD), "reload: the run is ending");
    assert_int_equal(asked, 4);
}

/* Who starts workers sees both in one look: that they are to follow a reload, and that they did. */
static void the_workers_are_told_with_how_often_they_read_their_rules_again(void **state) {
    struct requests_fixture *f = *state;
    make_requests(f, 1, 1);
    worker_starts(&f->base, 0);
    fb_up_set_counter(f->base.hands[0].claim.up, FB_WORKER_RELOADS, 5);
    worker_dies(&f->base, 0);
    poll_fleet(&f->base);
    worker_starts(&f->base, 0);
    fb_up_set_counter(f->base.hands[0].claim.up, FB_WORKER_RELOADS, 2);
    fb_up_set_counter(f->base.hands[0].claim.up, FB_WORKER_RELOAD_FAILURES, UINT64_MAX);
    requests_answer_reload(&f->requests, &(struct requests_reload){.number = 3});
    requests_answer_reload(&f->requests, &(struct requests_reload){.number = 4, .refusal = "no"});
    json_t *reply = ask(f, "{\"request\": \"workers\"}");
    const json_t *worker = json_array_get(json_object_get(reply, "workers"), 0);
    assert_int_equal(json_integer_value(json_object_get(reply, "reloads")), 3);
    assert_int_equal(json_integer_value(json_object_get(worker, "reloads")), 7);
    assert_int_equal(json_integer_value(json_object_get(worker, "reload_failures")), INT64_MAX);
    json_decref(reply);
}

static bool workers_says(struct requests_fixture *f, const char *key) {
    json_t *reply = ask(f, "{\"request\": \"workers\"}");
    bool is_true = json_is_true(json_object_get(reply, key));
    assert_true(json_is_boolean(json_object_get(reply, key)));
    json_decref(reply);
    return is_true;
}

static void a_stop_and_now_are_kept(void **state) {
    struct requests_fixture *f = *state;
    make_requests(f, 1, 1);
    is_done(ask(f, "{\"request\": \"stop\"}"));
    assert_true(f->requests.stop);
    assert_false(f->requests.stop_now);
    f->requests.live = true;
    assert_true(workers_says(f, "live"));
    is_done(ask(f, "{\"request\": \"stop\"}")); /* the same once more */
    assert_false(f->requests.stop_now);
    assert_false(workers_says(f, "hurrying"));
    is_done(ask(f, "{\"request\": \"stop\", \"now\": true}"));
    is_done(ask(f, "{\"request\": \"stop\", \"now\": false}"));
    assert_true(f->requests.stop_now);
    assert_true(workers_says(f, "hurrying"));
}

static void workers_tells_the_filter_in_force(void **state) {
    struct requests_fixture *f = *state;
    make_requests(f, 1, 1);
    filter_in_force = NULL;
    json_t *reply = ask(f, "{\"request\": \"workers\"}");
    assert_true(json_is_null(json_object_get(reply, "filter")));
    is_done(reply);
    filter_in_force = "udp port 53";
    reply = ask(f, "{\"request\": \"workers\"}");
    assert_string_equal(json_string_value(json_object_get(reply, "filter")), "udp port 53");
    is_done(reply);
    filter_in_force = "ether host \xff"; /* cannot be told */
    reply = ask(f, "{\"request\": \"workers\"}");
    assert_null(json_object_get(reply, "filter"));
    assert_int_equal(json_array_size(json_object_get(reply, "workers")), 1);
    is_done(reply);
    filter_in_force = NULL;
}

static void workers_lists_every_number_as_it_is(void **state) {
    struct requests_fixture *f = *state;
    make_requests(f, 2, 3);
    worker_starts(&f->base, 0);
    worker_starts(&f->base, 1);
    is_done(ask_of(f, "restart", 0));
    lane_of(&f->base, 1)->revocations = 4711;
    json_t *reply = ask(f, "{\"request\": \"workers\"}");
    assert_true(json_is_false(json_object_get(reply, "stopping")));
    assert_true(json_is_false(json_object_get(reply, "live")));
    const json_t *list = json_object_get(reply, "workers");
    assert_int_equal(json_array_size(list), 3);
    static const struct {
        const char *state;
        json_int_t pid, revocations, restarts;
        bool wanted;
    } expected[] = {
        {"stopping", 1, 0, 1, true}, {"ready", 1, 4711, 0, true}, {"absent", 0, 0, 0, false}};
    for (unsigned k = 0; k < 3; k++) {
        const json_t *w = json_array_get(list, k);
        assert_int_equal(json_integer_value(json_object_get(w, "worker")), k);
        assert_string_equal(json_string_value(json_object_get(w, "state")), expected[k].state);
        assert_int_equal(json_integer_value(json_object_get(w, "pid")),
                         expected[k].pid != 0 ? getpid() : 0);
        assert_int_equal(json_integer_value(json_object_get(w, "revocations")),
                         expected[k].revocations);
        assert_int_equal(json_integer_value(json_object_get(w, "restarts_asked")),
                         expected[k].restarts);
        assert_int_equal(json_is_true(json_object_get(w, "wanted")), expected[k].wanted);
    }
    is_done(reply);
    f->requests.stopping = true;
    reply = ask(f, "{\"request\": \"workers\"}");
    assert_true(json_is_true(json_object_get(reply, "stopping")));
    is_done(reply);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        REQUESTS_TEST(drain_is_answered_in_every_state),
        REQUESTS_TEST(number_without_process_is_drained_once),
        REQUESTS_TEST(restart_is_answered_in_every_state),
        REQUESTS_TEST(give_up_is_answered_in_every_state),
        REQUESTS_TEST(add_is_answered_in_every_state),
        REQUESTS_TEST(add_takes_the_first_free_number_until_there_is_none),
        REQUESTS_TEST(a_number_gets_its_ring_when_it_is_added),
        REQUESTS_TEST(the_last_worker_cannot_be_drained),
        REQUESTS_TEST(a_worker_that_is_no_number_in_range_is_refused),
        REQUESTS_TEST(while_the_run_ends_no_worker_is_added_drained_or_restarted),
        REQUESTS_TEST(a_reload_tells_once_it_is_over_the_filter_or_why_there_is_no_other),
        REQUESTS_TEST(the_workers_are_told_with_how_often_they_read_their_rules_again),
        REQUESTS_TEST(a_stop_and_now_are_kept),
        REQUESTS_TEST(workers_tells_the_filter_in_force),
        REQUESTS_TEST(workers_lists_every_number_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
