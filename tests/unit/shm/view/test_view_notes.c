/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/notes.c: a healthy run has no note, and each thing that is wrong has its own. */
#include "tests/lib/made_reports.h"
#include "tests/lib/unit.h"

#include <string.h>

#include "shm/view/scene.h"

#define SECOND_NS UINT64_C(1000000000)

struct fixture {
    struct view view;
    struct scene scene;
    struct scene_worker workers[FB_MAX_WORKERS];
    struct notes notes;
};
static struct fixture fixture;

/* Two reports, a second apart, in which packets come and are inspected. */
static struct fixture *begin(unsigned workers) {
    fixture = (struct fixture){.view = {.name = "sensor",
                                        .before = made_report(workers),
                                        .report = made_report(workers),
                                        .before_ns = 10 * SECOND_NS,
                                        .taken_ns = 11 * SECOND_NS}};
    fixture.scene.view = &fixture.view;
    fixture.scene.running = true;
    for (unsigned k = 0; k < workers; k++) {
        char path[64];
        snprintf(path, sizeof path, "workers.%u.packets", k);
        made_set(fixture.view.report, path, 2000);
    }
    return &fixture;
}

static void take(struct fixture *f) {
    unsigned count = scene_workers(&f->scene, f->workers);
    notes_take(&f->notes, &f->scene, f->workers, count);
}

/* The only note. */
static void expect_note(struct fixture *f, bool bad, const char *part) {
    take(f);
    if (f->notes.count != 1 || strstr(f->notes.notes[0].text, part) == NULL ||
        f->notes.notes[0].bad != bad)
        fail_msg("not '%s' but %u notes, first '%s'", part, f->notes.count, f->notes.notes[0].text);
    json_decref(f->view.report);
    json_decref(f->view.before);
}

static void a_healthy_run_has_none(void **state) {
    (void)state;
    struct fixture *f = begin(4);
    made_set(f->view.report, "workers.1.restarts", 7);
    made_set(f->view.report, "workers.2.backlog", 8999);
    made_set(f->view.report, "workers.2.dropped", 7);
    made_set(f->view.before, "workers.2.dropped", 7);
    made_set(f->view.report, "flows.active", 900000);
    scene_take(&f->scene, true);
    take(f);
    assert_int_equal(f->notes.count, 0);
    json_decref(f->view.report);
    json_decref(f->view.before);
}

static void one_number_that_is_wrong_has_its_note(void **state) {
    (void)state;
    static const struct {
        const char *path;
        double value;
        bool bad;
        const char *note;
    } cases[] = {
        {"capture.kernel_drops", 250, true, "kernel drops 250/s (25%): its buffer is full"},
        {"capture.kernel_drops", 250, true, "-B (now 4096 KiB)"},
        {"capture.interfaces.0.interface_drops", 30, true, "eth0 drops 30/s"},
        {"ledger.dropped.no_worker", 9, true, "no worker is alive, 9/s dropped"},
        {"ledger.quarantined", 1, true, "quarantine"},
        {"ledger.shunted", 5, true, "not inspected any more"},
        {"violations.cursor_range", 2, true, "(cursor_range, 2 times)"},
        {"flows.active", 900001, true, "--max-flows"},
        {"dispatcher.heartbeat_age_s", 7, true, "dispatcher silent for 7 s"},
        {"inspectors.eve-unix.dropped", 7, true, "eve-unix drops 7 records/s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = begin(4);
        made_set(f->view.before, "inspectors.eve-unix.dropped", 0);
        made_set(f->view.report, "capture.received", 1000);
        made_set(f->view.report, cases[i].path, cases[i].value);
        expect_note(f, cases[i].bad, cases[i].note);
    }
}

static void one_word_that_is_wrong_has_its_note(void **state) {
    (void)state;
    static const struct {
        const char *path, *word;
        bool bad;
        const char *note;
    } cases[] = {
        {"capture.interfaces.0.state", "down", false, "eth0 is down"},
        {"capture.interfaces.0.state", "gone", true, "eth0 is gone"},
        {"workers.2.state", "lost", false, "3 of 4 workers are ready"},
        {"dispatcher.state", "died", true, "the dispatcher has died"},
        {"hugepages.down", "mixed", false, "huge pages"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = begin(4);
        made_set_text(f->view.report, cases[i].path, cases[i].word);
        expect_note(f, cases[i].bad, cases[i].note);
    }
    struct fixture *f = begin(1);
    made_set_text(f->view.report, "workers.0.state", "vacant");
    expect_note(f, true, "no worker is ready");
    f = begin(1);
    made_set_json(f->view.report, "ledger.balanced", "false");
    expect_note(f, true, "does not add up");
}

/* ---- full rings */

static struct fixture *begin_full(unsigned workers, unsigned full) {
    struct fixture *f = begin(workers);
    made_set(f->view.report, "ledger.dropped.ring_full", 100);
    for (unsigned k = 0; k < full; k++) {
        char path[64];
        snprintf(path, sizeof path, "workers.%u.dropped", k);
        made_set(f->view.report, path, 100.0 / full);
    }
    return f;
}

static void which_rings_are_full_tells_what_to_do(void **state) {
    (void)state;
    expect_note(begin_full(4, 1), true, "worker 0 is full, 100/s dropped, no other: one flow is");
    expect_note(begin_full(4, 4), true, "all workers are full, 100/s dropped: inspection is too");
    expect_note(begin_full(1, 1), true, "all workers are full");
    expect_note(begin_full(4, 2), true, "workers 0, 1 of 4 are full");
    expect_note(begin_full(8, 6), true, "workers 0, 1, 2, 3 and 2 more of 8 are full");
    struct fixture *f = begin_full(4, 1);
    made_set(f->view.report, "workers.0.packets", 1000);
    expect_note(f, true, "it finishes nothing");
    f = begin_full(1, 1);
    made_set(f->view.report, "workers.0.packets", 1000);
    expect_note(f, true, "worker 0 is full, 100/s dropped: it finishes nothing");
    f = begin(4);
    made_set(f->view.report, "workers.3.backlog", 9000);
    expect_note(f, false, "worker 3 is full, no other");
    f = begin_full(4, 2);
    made_set(f->view.before, "workers.0.self_output_wait_ns", 0);
    made_set(f->view.report, "workers.0.self_output_wait_ns", 900000000);
    expect_note(f, true, "workers 0, 1 of 4 are full"); /* one of two is no majority */
    f = begin_full(4, 2);
    for (unsigned k = 0; k < 2; k++) {
        char path[64];
        snprintf(path, sizeof path, "workers.%u.self_output_wait_ns", k);
        made_set(f->view.before, path, 0);
        made_set(f->view.report, path, 310000000);
    }
    expect_note(f, true, "workers 0, 1 are full, 100/s dropped, by the output");
}

/* Worker 0, which inspects 1000 a second and drops 100. */
static void expect_elephant(const char *list, const char *flows, bool is_one) {
    struct fixture *f = begin_full(4, 1);
    made_set_json(f->view.report, list, flows);
    expect_note(f, true,
                is_one ? "no other: most of its packets are of one flow, which is never split: "
                         "10.0.0.1:5001 > 10.0.0.2:443 TCP"
                       : "one flow is too much for it, or its inspector is slow");
}

#define FLOW                                                                                       \
    "'src_ip':'10.0.0.1','src_port':5001,'dest_ip':'10.0.0.2','dest_port':443,'proto':'TCP',"

static void an_elephant_is_named_if_it_is_one(void **state) {
    (void)state;
    static const char *const rates[] = {
        "[{" FLOW "'worker':0,'packets_per_s':%d,'error_per_s':0,'ended':false}]",
        "[{" FLOW "'worker':0,'packets_per_s':%d,'error_per_s':10,'ended':false}]",
        "[{" FLOW "'worker':1,'packets_per_s':%d,'error_per_s':0,'ended':false}]",
        "[{" FLOW "'worker':null,'packets_per_s':%d,'error_per_s':0,'ended':false}]",
        "[{" FLOW "'worker':0,'packets_per_s':%d,'error_per_s':0,'ended':true}]"};
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        char flows[512];
        snprintf(flows, sizeof flows, rates[i], 560);
        expect_elephant("busiest_flows", flows, i == 0);
        snprintf(flows, sizeof flows, rates[i], 561);
        expect_elephant("largest_flows", flows, i <= 1);
        snprintf(flows, sizeof flows, rates[i], 550);
        expect_elephant("busiest_flows", flows, false);
    }
    expect_elephant("largest_flows", "[{" FLOW "'worker':0,'packets':600,'error':0}]", true);
    expect_elephant("largest_flows", "[{" FLOW "'worker':0,'packets':600,'error':50}]", false);
}

/* ---- what happened lately */

static void restarts_and_hangs_are_told_of(void **state) {
    (void)state;
    struct fixture *f = begin(4);
    scene_take(&f->scene, true);
    made_set(f->view.report, "workers.1.restarts", 1);
    made_set(f->view.report, "workers.3.restarts", 2);
    expect_note(f, false, "restarted lately: workers 1, 3");
    f = begin(4);
    scene_take(&f->scene, true);
    made_set(f->view.report, "workers.1.restarts", 3);
    expect_note(f, true, "worker 1 dies again and again (3 times lately)");
    f = begin(4);
    scene_take(&f->scene, true);
    made_set(f->view.report, "workers.1.restarts", 3);
    made_set(f->view.report, "workers.1.hangs", 1);
    expect_note(f, true, "worker 1 hung and was revoked");
}

static void the_end_is_told_first_and_bad_before_worth_knowing(void **state) {
    (void)state;
    struct fixture *f = begin(4);
    f->scene.running = false;
    f->scene.absent_s = 65;
    f->scene.trouble = "of another build";
    made_set_text(f->view.report, "hugepages.down", "mixed");
    made_set_text(f->view.report, "capture.interfaces.0.state", "down");
    made_set(f->view.report, "flows.active", 999999);
    take(f);
    assert_int_equal(f->notes.count, 5);
    assert_non_null(strstr(f->notes.notes[0].text, "ended 1:05 ago"));
    assert_string_equal(f->notes.notes[1].text, "of another build");
    assert_non_null(strstr(f->notes.notes[2].text, "flow table"));
    assert_non_null(strstr(f->notes.notes[3].text, "down"));
    assert_non_null(strstr(f->notes.notes[4].text, "huge pages"));
    json_decref(f->view.report);
    json_decref(f->view.before);
}

/* More than there is room for. */
static void there_are_never_too_many(void **state) {
    (void)state;
    struct fixture *f = begin(64);
    scene_take(&f->scene, true);
    for (unsigned k = 0; k < 64; k++) {
        char path[64];
        snprintf(path, sizeof path, "workers.%u.hangs", k);
        made_set(f->view.report, path, 1);
    }
    take(f);
    assert_int_equal(f->notes.count, NOTES_MAX);
    json_decref(f->view.report);
    json_decref(f->view.before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_run_has_none),
        cmocka_unit_test(one_number_that_is_wrong_has_its_note),
        cmocka_unit_test(one_word_that_is_wrong_has_its_note),
        cmocka_unit_test(which_rings_are_full_tells_what_to_do),
        cmocka_unit_test(an_elephant_is_named_if_it_is_one),
        cmocka_unit_test(restarts_and_hangs_are_told_of),
        cmocka_unit_test(the_end_is_told_first_and_bad_before_worth_knowing),
        cmocka_unit_test(there_are_never_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
