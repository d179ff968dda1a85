/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/html_series.c and shm/report/html_plot.c: what is drawn of a history. */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "shm/report/html_plot.h"
#include "shm/report/html_series.h"

#define BEGIN 1000.0

/* A history without samples, taken each second. */
static json_t *make_history(void) {
    return json_pack("{s:f, s:[], s:[]}", "interval_s", 1.0, "samples", "events");
}

/* Totals of the run at a time; one worker, number 3, has inspected all. */
static void add_sample(json_t *history, double time, json_int_t inspected, json_int_t full) {
    json_t *sample = json_pack("{s:f, s:I, s:I, s:{s:I}, s:I, s:[{s:i, s:I, s:I, s:I}]}", "time",
                               time, "received", inspected + full, "inspected", inspected,
                               "dropped", "ring_full", full, "in_flight", full, "workers", "worker",
                               3, "packets", inspected, "backlog", full, "max_backlog", full);
    assert_non_null(sample);
    json_array_append_new(json_object_get(history, "samples"), sample);
}

static json_t *make_report(json_int_t inspected, json_int_t full) {
    return json_pack("{s:{s:I, s:{s:I}}, s:[{s:i, s:I}]}", "ledger", "inspected", inspected,
                     "dropped", "ring_full", full, "workers", "worker", 3, "packets", inspected);
}

/* Frees both. */
static struct html_series *make_series(json_t *report, json_t *history, double end) {
    struct html_series *series = html_series_make(report, history, BEGIN, end);
    assert_non_null(series);
    json_decref(report);
    json_decref(history);
    return series;
}

static void a_run_begins_with_nothing_and_ends_with_its_report(void **state) {
    (void)state;
    json_t *history = make_history();
    add_sample(history, BEGIN + 1, 100, 0);
    add_sample(history, BEGIN + 3, 500, 40);
    struct html_series *s = make_series(make_report(600, 70), history, BEGIN + 4);
    assert_int_equal(s->columns, 3);
    const double edges[] = {BEGIN, BEGIN + 1, BEGIN + 3, BEGIN + 4};
    const double rates[] = {100, 200, 100}, drops[] = {0, 20, 30}, levels[] = {0, 40, 0};
    for (unsigned c = 0; c < 3; c++) {
        assert_true(s->edge[c] == edges[c]);
        assert_true(s->per_s[HTML_INSPECTED][c] == rates[c]);
        assert_true(s->per_s[HTML_RING_FULL][c] == drops[c]);
        assert_true(s->in_flight[c] == levels[c]);
        assert_true(s->workers[3].share[c] == 1);
        assert_true(s->workers[3].backlog[c] == levels[c]);
        assert_true(s->workers[2].share[c] == 0);
    }
    assert_true(s->edge[3] == edges[3]);
    free(s);
}

static void a_history_that_lost_its_beginning_begins_with_its_first_sample(void **state) {
    (void)state;
    json_t *history = make_history();
    add_sample(history, BEGIN + 100, 9000, 0);
    add_sample(history, BEGIN + 101, 9010, 0);
    struct html_series *s = make_series(make_report(9030, 0), history, BEGIN + 102);
    assert_int_equal(s->columns, 2);
    assert_true(s->edge[0] == BEGIN + 100);
    assert_true(s->per_s[HTML_INSPECTED][0] == 10);
    assert_true(s->per_s[HTML_INSPECTED][1] == 20);
    free(s);
    history = make_history(); /* one that began late, and had nothing before */
    add_sample(history, BEGIN + 100, 0, 0);
    add_sample(history, BEGIN + 101, 10, 0);
    s = make_series(make_report(30, 0), history, BEGIN + 102);
    assert_int_equal(s->columns, 3);
    assert_true(s->edge[0] == BEGIN);
    assert_true(s->per_s[HTML_INSPECTED][0] == 0);
    free(s);
}

/* Else a moment would have a rate far above all others. */
static void a_report_soon_after_a_sample_takes_its_place(void **state) {
    (void)state;
    json_t *history = make_history();
    add_sample(history, BEGIN + 1, 100, 0);
    add_sample(history, BEGIN + 2, 200, 0);
    struct html_series *s = make_series(make_report(300, 0), history, BEGIN + 2.01);
    assert_int_equal(s->columns, 2);
    assert_true(s->edge[2] == BEGIN + 2.01);
    assert_true(s->per_s[HTML_INSPECTED][1] > 198 && s->per_s[HTML_INSPECTED][1] < 200);
    free(s);
}

static void a_run_that_goes_on_is_drawn_up_to_its_last_sample(void **state) {
    (void)state;
    json_t *history = make_history(), *report = make_report(201, 0);
    json_object_set_new(report, "dispatcher", json_pack("{s:s}", "state", "running"));
    add_sample(history, BEGIN + 1, 100, 0);
    add_sample(history, BEGIN + 2, 200, 0);
    struct html_series *s = make_series(report, history, BEGIN + 2.9);
    assert_int_equal(s->columns, 2);
    assert_true(s->edge[2] == BEGIN + 2);
    assert_true(s->per_s[HTML_INSPECTED][1] == 100);
    free(s);
}

static void without_samples_there_is_one_column_at_most(void **state) {
    (void)state;
    struct html_series *s = make_series(make_report(50, 0), make_history(), BEGIN + 0.5);
    assert_int_equal(s->columns, 1);
    assert_true(s->per_s[HTML_INSPECTED][0] == 100);
    free(s);
    s = html_series_make(NULL, NULL, BEGIN, BEGIN);
    assert_int_equal(s->columns, 0);
    free(s);
}

static void a_long_history_has_columns_of_several_samples(void **state) {
    (void)state;
    json_t *history = make_history();
    for (int i = 1; i <= 1000; i++)
        add_sample(history, BEGIN + i, 10 * i, i == 500 ? 77 : 0);
    struct html_series *s = make_series(make_report(10010, 0), history, BEGIN + 1001);
    assert_true(s->columns > HTML_COLUMNS / 2 && s->columns <= HTML_COLUMNS);
    assert_true(s->edge[s->columns] == BEGIN + 1001);
    for (unsigned c = 0; c < s->columns; c++) {
        assert_true(s->edge[c + 1] > s->edge[c]);
        assert_true(s->per_s[HTML_INSPECTED][c] > 9.99 && s->per_s[HTML_INSPECTED][c] < 10.01);
    }
    assert_true(html_highest(s->in_flight, s->columns) == 77); /* a peak of one sample is kept */
    free(s);
}

/* The last column of such a history has what is left, and no more. */
static void each_length_has_all_its_time(void **state) {
    (void)state;
    for (int n = 1; n <= 520; n += 13) {
        json_t *history = make_history();
        for (int i = 1; i <= n; i++)
            add_sample(history, BEGIN + i, i, 0);
        struct html_series *s = make_series(make_report(n + 1, 0), history, BEGIN + n + 1);
        assert_true(s->columns >= 1 && s->columns <= HTML_COLUMNS);
        assert_true(s->edge[0] == BEGIN && s->edge[s->columns] == BEGIN + n + 1);
        double all = 0;
        for (unsigned c = 0; c < s->columns; c++)
            all += s->per_s[HTML_INSPECTED][c] * (s->edge[c + 1] - s->edge[c]);
        assert_true(all > n + 0.99 && all < n + 1.01);
        free(s);
    }
}

static void a_record_between_two_samples_is_a_level_of_its_column(void **state) {
    (void)state;
    json_t *history = make_history();
    add_sample(history, BEGIN + 1, 10, 5);
    add_sample(history, BEGIN + 2, 20, 5);
    json_t *last = json_array_get(json_object_get(history, "samples"), 1);
    json_t *worker = json_array_get(json_object_get(last, "workers"), 0);
    json_object_set_new(worker, "max_backlog", json_integer(900));
    struct html_series *s = make_series(make_report(30, 0), history, BEGIN + 3);
    assert_true(s->workers[3].backlog[0] == 5);
    assert_true(s->workers[3].backlog[1] == 900);
    assert_true(s->workers[3].backlog[2] == 0);
    free(s);
}

static void samples_that_cannot_be_are_left_out(void **state) {
    (void)state;
    json_t *history = make_history(), *samples = json_object_get(history, "samples");
    add_sample(history, BEGIN + 1, 100, 0);
    add_sample(history, BEGIN + 1, 5000, 0);   /* no time has passed */
    add_sample(history, BEGIN - 500, 5000, 0); /* time went back */
    add_sample(history, BEGIN + 2, 50, 0);     /* a count went back */
    json_array_append_new(samples, json_string("no sample"));
    json_array_append_new(samples, json_pack("{s:s, s:[i, {s:I, s:I}, {s:i, s:I}]}", "time",
                                             "later", "workers", 7, "worker", INT64_MAX, "packets",
                                             INT64_MAX, "worker", -1, "packets", INT64_MAX));
    struct html_series *s = make_series(make_report(150, 0), history, BEGIN + 3);
    assert_int_equal(s->columns, 3);
    assert_true(s->per_s[HTML_INSPECTED][0] == 100);
    assert_true(s->per_s[HTML_INSPECTED][1] == 0);
    assert_true(s->per_s[HTML_INSPECTED][2] == 100);
    free(s);
}

/* ---- what is drawn */

static void the_top_of_a_graph_is_round_and_not_below_what_it_shows(void **state) {
    (void)state;
    static const double values[][2] = {{0, 1},        {1, 1},         {0.3, 0.32},  {1.3, 1.6},
                                       {9999, 10000}, {10001, 12000}, {0.081, 0.1}, {6e15, 6e15}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double top = html_round_top(values[i][0]);
        assert_true(top > values[i][1] * 0.999 && top < values[i][1] * 1.001);
    }
    assert_true(html_round_top(-1) == 1);
    for (double value = 1e-6; value < 1e18; value *= 1.7)
        assert_true(html_round_top(value) >= value * 0.999999 &&
                    html_round_top(value) <= value * 2);
}

static char *draw(const struct html_plot *plot) {
    char *page = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&page, &size);
    assert_non_null(out);
    html_plot_open(out, plot, "Title", "Description");
    html_plot_area(out, plot, NULL, plot->series->in_flight, "under-way");
    html_plot_close(out, plot);
    assert_int_equal(fclose(out), 0);
    return page;
}

static void a_plot_has_steps_a_title_and_marks_of_events_in_its_time(void **state) {
    (void)state;
    json_t *history = make_history();
    add_sample(history, BEGIN + 1, 0, 5);
    add_sample(history, BEGIN + 2, 0, 10);
    struct html_series *s = make_series(make_report(0, 10), history, BEGIN + 4);
    const struct html_event list[] = {{BEGIN + 1, 1, 3, "info", NULL},
                                      {BEGIN + 1.01, 2, -1, "error", NULL},
                                      {BEGIN + 3, 3, 4, "warning", NULL},
                                      {BEGIN + 9, 4, 3, "warning", NULL}};
    const struct html_events events = {list, 4};
    struct html_plot plot = {.id = "p",
                             .size = HTML_TALL,
                             .top = 10,
                             .label = html_short,
                             .series = s,
                             .events = &events,
                             .worker = -1};
    char *page = draw(&plot);
    assert_non_null(strstr(page, "<title id=\"p-t\">Title</title><desc id=\"p-d\">Description"));
    /* Half the height for a quarter of the width, then all of it for another, then nothing. */
    assert_non_null(strstr(page, "d=\"M0 240V120.0H250.0V0.0H500.0V240.0H1000.0V240H0Z\""));
    assert_non_null(strstr(page, ">1\u20262</text>")); /* two that are near share a text */
    assert_non_null(strstr(page, "<text class=\"mark error\" x=\"25.00%\""));
    assert_non_null(strstr(page, ">3</text>"));
    assert_null(strstr(page, ">4</text>")); /* after its end */
    free(page);
    plot.worker = 3;
    plot.size = HTML_SMALL;
    page = draw(&plot);
    assert_non_null(strstr(page, ">1</text>"));
    assert_null(strstr(page, ">3</text>")); /* of another worker */
    free(page);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_begins_with_nothing_and_ends_with_its_report),
        cmocka_unit_test(a_history_that_lost_its_beginning_begins_with_its_first_sample),
        cmocka_unit_test(a_report_soon_after_a_sample_takes_its_place),
        cmocka_unit_test(a_run_that_goes_on_is_drawn_up_to_its_last_sample),
        cmocka_unit_test(without_samples_there_is_one_column_at_most),
        cmocka_unit_test(a_long_history_has_columns_of_several_samples),
        cmocka_unit_test(each_length_has_all_its_time),
        cmocka_unit_test(a_record_between_two_samples_is_a_level_of_its_column),
        cmocka_unit_test(samples_that_cannot_be_are_left_out),
        cmocka_unit_test(the_top_of_a_graph_is_round_and_not_below_what_it_shows),
        cmocka_unit_test(a_plot_has_steps_a_title_and_marks_of_events_in_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
