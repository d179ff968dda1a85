/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/scene.c, shm/view/spread.c and shm/view/keys.c: what is taken from two reports, what is
 * remembered, and what keys change. */
#include "tests/lib/made_reports.h"
#include "tests/lib/unit.h"

#include <string.h>

#include "shm/view/scene.h"
#include "shm/view/spread.h"

#define SECOND_NS UINT64_C(1000000000)

struct fixture {
    struct view view;
    struct scene scene;
    struct layout layout;
    struct scene_worker workers[FB_MAX_WORKERS];
    unsigned count;
};
static struct fixture fixture;

/* Two reports, two seconds apart. */
static struct fixture *begin(unsigned workers) {
    fixture = (struct fixture){.view = {.name = "sensor",
                                        .before = made_report(workers),
                                        .report = made_report(workers),
                                        .before_ns = 10 * SECOND_NS,
                                        .taken_ns = 12 * SECOND_NS}};
    fixture.scene.view = &fixture.view;
    fixture.scene.running = true;
    return &fixture;
}

static void finish(struct fixture *f) {
    json_decref(f->view.report);
    json_decref(f->view.before);
    layout_free(&f->layout);
}

static void take(struct fixture *f) {
    f->count = scene_workers(&f->scene, f->workers);
}

static void rates_and_shares_are_of_the_last_interval(void **state) {
    (void)state;
    struct fixture *f = begin(2);
    made_set(f->view.report, "workers.1.packets", 4000);
    made_set(f->view.report, "workers.1.bytes", 66000);
    take(f);
    assert_int_equal(f->count, 2);
    assert_true(f->workers[0].packets_per_s == 0 && f->workers[0].share == 0);
    assert_true(f->workers[1].packets_per_s == 1500 && f->workers[1].share == 1);
    assert_true(f->workers[1].bits_per_s == 8000);
    json_decref(f->view.before);
    f->view.before = NULL;
    take(f);
    assert_true(f->workers[1].packets_per_s == -1 && f->workers[1].share == 0.5);
    finish(f);
}

/* A row that is missing in the report before must not shift the others. */
static void workers_are_compared_by_number(void **state) {
    (void)state;
    struct fixture *f = begin(3);
    json_array_remove(json_object_get(f->view.before, "workers"), 0);
    made_set(f->view.report, "workers.2.packets", 1200);
    take(f);
    assert_null(f->workers[0].before);
    assert_true(f->workers[1].packets_per_s == 0);
    assert_true(f->workers[2].packets_per_s == 100);
    finish(f);
}

static void counts_that_go_back_are_no_rate(void **state) {
    (void)state;
    struct fixture *f = begin(1);
    made_set(f->view.report, "workers.0.packets", 3);
    made_set(f->view.report, "ledger.received", 0);
    take(f);
    assert_true(f->workers[0].packets_per_s == 0);
    assert_true(scene_per_s(&f->scene, "ledger.received") == 0);
    finish(f);
}

static void numbers_that_are_none_or_never_had_a_worker_are_left_out(void **state) {
    (void)state;
    struct fixture *f = begin(4);
    made_set(f->view.report, "geometry.workers", 2);
    made_set_text(f->view.report, "workers.1.state", "absent");
    made_set_text(f->view.report, "workers.2.state", "absent");
    made_set(f->view.report, "workers.2.entered", 0);
    made_set(f->view.report, "workers.3.worker", 256);
    take(f);
    assert_int_equal(f->count, 2);
    assert_int_equal(f->workers[1].number, 1);
    finish(f);
}

static void each_order_has_the_greatest_first(void **state) {
    (void)state;
    static const struct {
        enum scene_sort sort;
        const char *path;
        double value;
    } orders[] = {{SORT_RATE, "workers.2.packets", 5000},
                  {SORT_BACKLOG, "workers.2.backlog", 5},
                  {SORT_SHARE, "workers.2.packets", 5000},
                  {SORT_WAIT, "workers.2.latency.p99_us", 5000}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct fixture *f = begin(4);
        made_set(f->view.report, orders[i].path, orders[i].value);
        f->scene.settings.sort = orders[i].sort;
        take(f);
        assert_int_equal(f->workers[0].number, 2);
        assert_int_equal(f->workers[1].number, 0); /* what is equal, by number */
        assert_int_equal(f->workers[3].number, 3);
        f->scene.settings.sort = SORT_NUMBER;
        take(f);
        assert_int_equal(f->workers[2].number, 2);
        finish(f);
    }
}

/* ---- what is remembered */

static double peak_of(struct fixture *f) {
    scene_take(&f->scene, false);
    take(f);
    return f->workers[0].peak;
}

static void a_reset_begins_the_maxima_again(void **state) {
    (void)state;
    struct fixture *f = begin(1);
    made_set(f->view.report, "workers.0.max_backlog", 900);
    assert_true(peak_of(f) == 900);
    made_set(f->view.report, "workers.0.backlog", 30);
    scene_reset(&f->scene);
    assert_true(peak_of(f) == 30);
    made_set(f->view.report, "workers.0.backlog", 70);
    assert_true(peak_of(f) == 70);
    made_set(f->view.report, "workers.0.backlog", 10);
    assert_true(peak_of(f) == 70);
    made_set(f->view.report, "workers.0.max_backlog", 950);
    assert_true(peak_of(f) == 950);
    scene_take(&f->scene, true);
    made_set(f->view.report, "workers.0.max_backlog", 20);
    assert_true(peak_of(f) == 20);
    finish(f);
}

static double restarted_at(struct fixture *f, double restarts, uint64_t second) {
    made_set(f->view.report, "workers.0.restarts", restarts);
    f->view.taken_ns = second * SECOND_NS;
    scene_take(&f->scene, false);
    take(f);
    return f->workers[0].restarted;
}

static void restarts_are_remembered_for_one_to_two_minutes(void **state) {
    (void)state;
    struct fixture *f = begin(1);
    assert_true(restarted_at(f, 5, 100) == 0); /* before we came */
    assert_true(restarted_at(f, 6, 130) == 1);
    assert_true(restarted_at(f, 6, 160) == 1);
    assert_true(restarted_at(f, 8, 170) == 3);
    assert_true(restarted_at(f, 8, 221) == 2);
    assert_true(restarted_at(f, 8, 290) == 0);
    finish(f);
}

/* ---- distributions */

static json_t *spread(const char *text) {
    json_t *object = json_object();
    made_set_json(object, "it", text);
    return object;
}

static void quantiles_are_of_what_came_since_the_report_before(void **state) {
    (void)state;
    json_t *now = spread("{'samples':210,'sum_s':0.003,'buckets':[[10,50],[20,59],[4000,101]]}");
    json_t *before = spread("{'samples':10,'sum_s':0.001,'buckets':[[20,10]]}");
    const json_t *n = json_object_get(now, "it"), *b = json_object_get(before, "it");
    assert_true(spread_quantile_ns(n, b, 0.5) == 4000);
    assert_true(spread_quantile_ns(n, b, 0.495) == 20);
    assert_true(spread_quantile_ns(n, b, 0.25) == 10);
    assert_true(spread_quantile_ns(n, b, 0.26) == 20);
    assert_true(spread_quantile_ns(n, NULL, 0.5) == 20);
    assert_true(spread_mean_ns(n, b) > 9999 && spread_mean_ns(n, b) < 10001);
    assert_true(spread_quantile_ns(n, n, 0.5) == -1);
    assert_true(spread_mean_ns(n, n) == -1);
    assert_true(spread_quantile_ns(b, n, 0.5) == -1); /* another worker: fewer than before */
    json_decref(now);
    json_decref(before);
}

static void without_buckets_they_are_of_the_run(void **state) {
    (void)state;
    json_t *now = spread("{'samples':10,'p50_us':8.0,'p99_us':90.5}");
    const json_t *n = json_object_get(now, "it");
    assert_true(spread_quantile_ns(n, n, 0.5) == 8000);
    assert_true(spread_quantile_ns(n, n, 0.99) == 90500);
    assert_true(spread_mean_ns(n, NULL) == -1);
    assert_true(spread_quantile_ns(NULL, NULL, 0.5) == -1);
    json_decref(now);
    now = spread("{'samples':0,'p50_us':0.0,'p99_us':0.0,'buckets':'none'}");
    assert_true(spread_quantile_ns(json_object_get(now, "it"), NULL, 0.5) == -1);
    json_decref(now);
}

static void buckets_that_are_none_do_no_harm(void **state) {
    (void)state;
    json_t *now = spread("{'samples':1,'buckets':[[],7,['x','y'],[5,-3],[3,1],[null,2]]}");
    const json_t *n = json_object_get(now, "it");
    double at = spread_quantile_ns(n, n, 0.5), first = spread_quantile_ns(n, NULL, 0.99);
    assert_true(at == -1 || at >= 0);
    assert_true(first >= -1 && first <= 5);
    json_decref(now);
}

/* ---- keys */

/* What the layout makes of the settings is what they are then. */
static enum scene_action press(struct fixture *f, int key) {
    enum scene_action action = scene_press(&f->scene, &f->layout, key);
    layout_make(&f->layout, &f->scene, 80, 24);
    f->scene.settings.cursor = f->layout.cursor;
    f->scene.settings.offset = f->layout.offset;
    return action;
}

static void keys_pause_sort_and_turn_pages(void **state) {
    (void)state;
    struct fixture *f = begin(4);
    const struct scene_settings *settings = &f->scene.settings;
    layout_make(&f->layout, &f->scene, 80, 24);
    assert_int_equal(press(f, 'q'), SCENE_QUIT);
    assert_int_equal(press(f, 'x'), SCENE_NOTHING);
    assert_int_equal(press(f, ' '), SCENE_DRAW);
    assert_true(settings->paused);
    press(f, 'p');
    assert_false(settings->paused);
    for (unsigned i = 1; i <= SORTS; i++) {
        press(f, 's');
        assert_int_equal(settings->sort, i % SORTS);
    }
    press(f, 'h');
    assert_int_equal(settings->page, PAGE_HELP);
    press(f, '?');
    assert_int_equal(settings->page, PAGE_ALL);
    press(f, SCENE_KEY_DOWN);
    press(f, SCENE_KEY_DOWN);
    press(f, '\r');
    assert_int_equal(settings->page, PAGE_WORKER);
    assert_int_equal(settings->worker, 2);
    press(f, 'd');
    assert_int_equal(settings->page, PAGE_ALL);
    press(f, SCENE_KEY_END);
    assert_int_equal(press(f, '\n'), SCENE_NOTHING); /* there is no worker in that line */
    assert_int_equal(settings->page, PAGE_ALL);
    finish(f);
}

static void every_line_can_be_scrolled_to_and_no_further(void **state) {
    (void)state;
    struct fixture *f = begin(256);
    layout_make(&f->layout, &f->scene, 80, 24);
    press(f, SCENE_KEY_UP);
    assert_int_equal(f->layout.worker, 0);
    for (int k = 1; k < 256; k++) {
        press(f, SCENE_KEY_DOWN);
        assert_int_equal(f->layout.worker, k);
        assert_in_range(f->layout.cursor, f->layout.offset, f->layout.offset + f->layout.page - 1);
        assert_true(f->layout.cursor > f->layout.offset || f->layout.offset == 0);
    }
    for (int i = 0; i < 100; i++)
        press(f, SCENE_KEY_PAGE_DOWN);
    assert_int_equal(f->layout.cursor, f->layout.body.count - 1);
    assert_int_equal(f->layout.offset + f->layout.page, f->layout.body.count);
    press(f, SCENE_KEY_PAGE_UP);
    assert_true(f->layout.cursor < f->layout.body.count - 1);
    press(f, SCENE_KEY_HOME);
    assert_int_equal(f->layout.cursor, 1);
    assert_int_equal(f->layout.offset, 0);
    finish(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_and_shares_are_of_the_last_interval),
        cmocka_unit_test(workers_are_compared_by_number),
        cmocka_unit_test(counts_that_go_back_are_no_rate),
        cmocka_unit_test(numbers_that_are_none_or_never_had_a_worker_are_left_out),
        cmocka_unit_test(each_order_has_the_greatest_first),
        cmocka_unit_test(a_reset_begins_the_maxima_again),
        cmocka_unit_test(restarts_are_remembered_for_one_to_two_minutes),
        cmocka_unit_test(quantiles_are_of_what_came_since_the_report_before),
        cmocka_unit_test(without_buckets_they_are_of_the_run),
        cmocka_unit_test(buckets_that_are_none_do_no_harm),
        cmocka_unit_test(keys_pause_sort_and_turn_pages),
        cmocka_unit_test(every_line_can_be_scrolled_to_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
