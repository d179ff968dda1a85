/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be asked of a running dispatcher, through a real socket, in every state of a number. */
#include "tests/lib/fleet_fixture.h"

#include <jansson.h>
#include <sys/socket.h>

#include "dispatcher/run/requests.h"

#define HANG (5 * SECOND)

static struct requests requests;
static int client = -1;

static void no_requests(void) {
    if (client >= 0)
        close(client);
    client = -1;
    requests_close(&requests);
    no_fleet();
}

static int free_requests(void **state) {
    (void)state;
    no_requests();
    return 0;
}

static void make_requests(unsigned workers, unsigned max_workers) {
    no_requests();
    memset(&requests, 0, sizeof requests);
    hang_of_fleet = HANG;
    make_fleet(max_workers, 16, "backlog", SECOND);
    for (unsigned k = workers; k < max_workers; k++)
        lane_of(k)->wanted = false;
    assert_int_equal(
        requests_open(&requests, &(struct requests_config){.name = ctl.ctl->name, .fleet = &fleet}),
        0);
    const struct sockaddr_un address = requests.control.address;
    client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof address), 0);
}

/* Sends a request as it is; the reply is the caller's. */
static json_t *ask(const char *text) {
    char reply[65536];
    assert_int_equal(send(client, text, strlen(text), 0), strlen(text));
    requests_poll(&requests, now_ns);
    ssize_t n = recv(client, reply, sizeof reply, MSG_DONTWAIT);
    assert_true(n > 0);
    json_t *json = json_loadb(reply, (size_t)n, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *ask_of(const char *request, unsigned worker) {
    char text[100];
    snprintf(text, sizeof text, "{\"request\": \"%s\", \"worker\": %u}", request, worker);
    return ask(text);
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

/* ---- a number in each state, with another worker ready beside it */

static void bring_to(enum fb_state state) {
    uint16_t generation;
    make_requests(2, 2);
    start(1);
    if (state == FB_STATE_ABSENT)
        return;
    if (state == FB_STATE_STARTING) {
        claim(0);
        poll_fleet();
        return;
    }
    start(0);
    handles_take(&lane_of(0)->handles, 7, &generation);
    if (state == FB_STATE_DRAINING) {
        assert_null(fleet_drain(&fleet, 0, now_ns));
    } else if (state == FB_STATE_STOPPING) {
        assert_null(fleet_restart(&fleet, 0, now_ns));
    } else if (state == FB_STATE_DEAD) {
        fb_up_set_worker_status(hands[0].claim.up, FB_STATUS_COUNT);
        poll_fleet();
    } else if (state != FB_STATE_READY) {
        die(0);
        poll_fleet();
        if (state != FB_STATE_VACANT) {
            now_ns += SECOND;
            poll_fleet();
            revocation_passes();
        }
        if (state == FB_STATE_LOST)
            fleet_emptied(&fleet, now_ns);
    }
}

/* What a request is answered in each state, the state after it, and that once all has settled. */
struct expected {
    const char *refusal;
    enum fb_state then, at_last;
};

/* Its process leaves or is gone, no other comes, and its packets are moved. */
static enum fb_state settled(void) {
    for (unsigned n = 0; n < 4; n++) {
        if (hands[0].holds && fb_rx_revoked(&hands[0].rx))
            die(0);
        else if (hands[0].holds && fb_rx_command(&hands[0].rx) != FB_COMMAND_RUN)
            leave(0);
        poll_fleet();
        now_ns += REVOKE_WAIT_NS;
        poll_fleet();
    }
    return state_of(0);
}

static void each_state_answers(const char *request, const struct expected *table) {
    for (unsigned s = 0; s < FB_STATE_COUNT; s++) {
        char refusal[200];
        bring_to((enum fb_state)s);
        assert_int_equal(state_of(0), s);
        bool wanted = lane_of(0)->wanted;
        json_t *reply = ask_of(request, 0);
        if (table[s].refusal != NULL) {
            snprintf(refusal, sizeof refusal, "%s 0: %s", request, table[s].refusal);
            is_refused(reply, refusal);
            assert_int_equal(lane_of(0)->wanted, wanted);
        } else {
            is_done(reply);
        }
        if (state_of(0) != table[s].then)
            fail_msg("%s in %s: %s", request, fb_state_names[s], fb_state_names[state_of(0)]);
        if (settled() != table[s].at_last)
            fail_msg("%s in %s at last: %s", request, fb_state_names[s],
                     fb_state_names[state_of(0)]);
    }
}

static void drain_is_answered_in_every_state(void **state) {
    (void)state;
    static const struct expected table[FB_STATE_COUNT] = {
        [FB_STATE_ABSENT] = {"it has no worker", FB_STATE_ABSENT, FB_STATE_ABSENT},
        [FB_STATE_VACANT] = {NULL, FB_STATE_DEAD, FB_STATE_MOVING},
        [FB_STATE_STARTING] = {"it is not ready yet: try again in a moment", FB_STATE_STARTING,
                               FB_STATE_STARTING},
        [FB_STATE_READY] = {NULL, FB_STATE_DRAINING, FB_STATE_DRAINING},
        [FB_STATE_DRAINING] = {NULL, FB_STATE_DRAINING, FB_STATE_DRAINING},
        [FB_STATE_STOPPING] = {NULL, FB_STATE_STOPPING, FB_STATE_MOVING},
        [FB_STATE_DEAD] = {NULL, FB_STATE_DEAD, FB_STATE_MOVING},
        [FB_STATE_MOVING] = {NULL, FB_STATE_MOVING, FB_STATE_MOVING},
        [FB_STATE_LOST] = {"it has no worker", FB_STATE_LOST, FB_STATE_LOST},
    };
    each_state_answers("drain", table);
}

static void restart_is_answered_in_every_state(void **state) {
    (void)state;
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
    each_state_answers("restart", table);
}

static void give_up_is_answered_in_every_state(void **state) {
    (void)state;
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
    each_state_answers("give-up", table);
    for (unsigned s = 0; s < FB_STATE_COUNT; s++) {
        bring_to((enum fb_state)s);
        is_done(ask_of("give-up", 0));
        assert_int_equal(fleet_wanted(&fleet), 1);
    }
}

/* Only a number that no process has or waits for can be added. */
static void add_is_answered_in_every_state(void **state) {
    (void)state;
    for (unsigned s = 0; s < FB_STATE_COUNT; s++) {
        for (unsigned wanted = 0; wanted < 2; wanted++) {
            bring_to((enum fb_state)s);
            lane_of(0)->wanted = wanted != 0;
            bool is_free = wanted == 0 && (s == FB_STATE_ABSENT || s == FB_STATE_LOST);
            json_t *reply = ask("{\"request\": \"add\"}");
            if (is_free) {
                assert_int_equal(json_integer_value(json_object_get(reply, "worker")), 0);
                is_done(reply);
                assert_true(lane_of(0)->wanted);
                start(0);
            } else {
                is_refused(reply, "add: every worker number is in use: --max-workers at the start "
                                  "gives more");
            }
        }
    }
}

static void add_takes_the_first_free_number_until_there_is_none(void **state) {
    (void)state;
    make_requests(2, 4);
    for (unsigned k = 2; k < 4; k++) {
        json_t *reply = ask("{\"request\": \"add\"}");
        assert_int_equal(json_integer_value(json_object_get(reply, "worker")), k);
        is_done(reply);
        assert_int_equal(fleet_wanted(&fleet), k + 1);
    }
    is_refused(ask("{\"request\": \"add\"}"),
               "add: every worker number is in use: --max-workers at the start gives more");
    /* What was given up can be added again, and is then not given up any more. */
    is_done(ask_of("give-up", 1));
    json_t *reply = ask("{\"request\": \"add\"}");
    assert_int_equal(json_integer_value(json_object_get(reply, "worker")), 1);
    is_done(reply);
    assert_false(lane_of(1)->given_up);
}

static void the_last_worker_cannot_be_drained(void **state) {
    (void)state;
    make_requests(2, 2);
    start(0);
    is_refused(ask_of("drain", 0), "drain 0: it is the only one that is ready: add another first");
    assert_int_equal(state_of(0), FB_STATE_READY);
    die(0);
    poll_fleet();
    assert_int_equal(state_of(0), FB_STATE_VACANT);
    is_refused(ask_of("drain", 0), "drain 0: no other worker is ready to take its flows");
    assert_int_equal(state_of(0), FB_STATE_VACANT);
    assert_int_equal(fleet_wanted(&fleet), 2);
}

static void a_worker_that_is_no_number_in_range_is_refused(void **state) {
    (void)state;
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
    make_requests(3, 3);
    start(0);
    start(1);
    for (unsigned n = 0; n < 3; n++) {
        for (unsigned i = 0; i < sizeof workers / sizeof *workers; i++) {
            char text[100], refusal[100];
            snprintf(text, sizeof text, "{\"request\": \"%s\"%s}", names[n], workers[i][0]);
            snprintf(refusal, sizeof refusal, "%s%s", names[n], workers[i][1]);
            is_refused(ask(text), refusal);
        }
    }
    assert_int_equal(fleet_wanted(&fleet), 3);
    assert_int_equal(state_of(0), FB_STATE_READY);
    is_refused(ask("{\"request\": \"dance\"}"), "unknown request 'dance'");
}

static void while_the_run_ends_no_worker_is_added_drained_or_restarted(void **state) {
    (void)state;
    make_requests(2, 3);
    start(0);
    start(1);
    requests.stopping = true;
    is_refused(ask("{\"request\": \"add\"}"), "add: the run is ending");
    is_refused(ask_of("drain", 0), "drain 0: the run is ending");
    is_refused(ask_of("restart", 0), "restart 0: the run is ending");
    assert_int_equal(state_of(0), FB_STATE_READY);
    assert_int_equal(fleet_wanted(&fleet), 2);
    is_done(ask_of("give-up", 0)); /* what is not started any more must not be waited for */
    assert_int_equal(fleet_wanted(&fleet), 1);
}

static const char *reload_by(void *arg, const char **filter) {
    *filter = arg;
    return arg == NULL ? "it does not compile" : NULL;
}

static void a_reload_tells_the_filter_or_why_there_is_no_other(void **state) {
    (void)state;
    char expression[] = "tcp";
    make_requests(1, 1);
    requests.reload = reload_by;
    requests.reload_arg = expression;
    json_t *reply = ask("{\"request\": \"reload\"}");
    assert_string_equal(json_string_value(json_object_get(reply, "filter")), "tcp");
    is_done(reply);
    expression[0] = (char)0xff; /* not UTF-8: done all the same */
    is_done(ask("{\"request\": \"reload\"}"));
    requests.reload_arg = NULL;
    is_refused(ask("{\"request\": \"reload\"}"), "reload: it does not compile");
    requests.stopping = true;
    is_refused(ask("{\"request\": \"reload\"}"), "reload: the run is ending");
}

static void stops_are_counted_and_now_is_kept(void **state) {
    (void)state;
    make_requests(1, 1);
    is_done(ask("{\"request\": \"stop\"}"));
    assert_int_equal(requests.stops, 1);
    assert_false(requests.stop_now);
    is_done(ask("{\"request\": \"stop\", \"now\": true}"));
    is_done(ask("{\"request\": \"stop\", \"now\": false}"));
    assert_int_equal(requests.stops, 3);
    assert_true(requests.stop_now);
}

static void workers_lists_every_number_as_it_is(void **state) {
    (void)state;
    make_requests(2, 3);
    start(0);
    start(1);
    is_done(ask_of("restart", 0));
    lane_of(1)->revoked_pid = 4711;
    json_t *reply = ask("{\"request\": \"workers\"}");
    assert_true(json_is_false(json_object_get(reply, "stopping")));
    const json_t *list = json_object_get(reply, "workers");
    assert_int_equal(json_array_size(list), 3);
    static const struct {
        const char *state;
        json_int_t pid, revoked_pid, restarts;
        bool wanted;
    } expected[] = {
        {"stopping", 1, 0, 1, true}, {"ready", 1, 4711, 0, true}, {"absent", 0, 0, 0, false}};
    for (unsigned k = 0; k < 3; k++) {
        const json_t *w = json_array_get(list, k);
        assert_int_equal(json_integer_value(json_object_get(w, "worker")), k);
        assert_string_equal(json_string_value(json_object_get(w, "state")), expected[k].state);
        assert_int_equal(json_integer_value(json_object_get(w, "pid")),
                         expected[k].pid != 0 ? getpid() : 0);
        assert_int_equal(json_integer_value(json_object_get(w, "revoked_pid")),
                         expected[k].revoked_pid);
        assert_int_equal(json_integer_value(json_object_get(w, "restarts_asked")),
                         expected[k].restarts);
        assert_int_equal(json_is_true(json_object_get(w, "wanted")), expected[k].wanted);
    }
    is_done(reply);
    requests.stopping = true;
    reply = ask("{\"request\": \"workers\"}");
    assert_true(json_is_true(json_object_get(reply, "stopping")));
    is_done(reply);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain_is_answered_in_every_state),
        cmocka_unit_test(restart_is_answered_in_every_state),
        cmocka_unit_test(give_up_is_answered_in_every_state),
        cmocka_unit_test(add_is_answered_in_every_state),
        cmocka_unit_test(add_takes_the_first_free_number_until_there_is_none),
        cmocka_unit_test(the_last_worker_cannot_be_drained),
        cmocka_unit_test(a_worker_that_is_no_number_in_range_is_refused),
        cmocka_unit_test(while_the_run_ends_no_worker_is_added_drained_or_restarted),
        cmocka_unit_test(a_reload_tells_the_filter_or_why_there_is_no_other),
        cmocka_unit_test(stops_are_counted_and_now_is_kept),
        cmocka_unit_test(workers_lists_every_number_as_it_is),
    };
    requests.control.listener = -1;
    return cmocka_run_group_tests(tests, NULL, free_requests);
}
