/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/report_pairs.c: connections by interface pair as JSON and as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/report/report_pairs.h"

static struct fb_ctl ctl;
static struct fb_snapshot snapshot;

static void set_up(unsigned interfaces) {
    memset(&ctl, 0, sizeof ctl);
    memset(&snapshot, 0, sizeof snapshot);
    ctl.interfaces = interfaces;
    for (unsigned i = 0; i < interfaces && i < FB_MAX_INTERFACES; i++)
        snprintf(ctl.interface_names[i], sizeof ctl.interface_names[i], "eth%u", i);
}

static void set_pair(unsigned forward, unsigned reverse, uint64_t flows, uint64_t guessed) {
    snapshot.pairs[forward][reverse][FB_PAIR_FLOWS] = flows;
    snapshot.pairs[forward][reverse][FB_PAIR_GUESSED] = guessed;
}

static void expect(const char *wanted) {
    json_t *made = report_pairs(&ctl, &snapshot), *value = json_loads(wanted, 0, NULL);
    assert_non_null(value);
    if (!json_equal(made, value))
        fail_msg("%s, and not %s", json_dumps(made, 0), wanted);
    json_decref(value);
    json_decref(made);
}

static char *print(void) {
    char *text = NULL;
    size_t size = 0;
    json_t *report = json_pack("{s:{s:o}}", "capture", "pairs", report_pairs(&ctl, &snapshot));
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report_print_pairs(out, report);
    fclose(out);
    json_decref(report);
    return text;
}

static void expect_text(const char *wanted) {
    char *text = print();
    assert_string_equal(text, wanted);
    free(text);
}

static void words_that_cannot_be_do_no_harm(void **state) {
    (void)state;
    set_up(UINT32_MAX);
    memset(&snapshot, 0xff, sizeof snapshot);
    memset(ctl.interface_names, 0xff, sizeof ctl.interface_names);
    json_t *made = report_pairs(&ctl, &snapshot);
    assert_int_equal(json_array_size(made), FB_MAX_INTERFACES * FB_PAIR_REVERSES);
    json_decref(made);
    free(print());
}

static void without_connections_there_is_no_pair(void **state) {
    (void)state;
    set_up(0);
    expect("[]");
    set_up(2);
    expect("[]");
    expect_text("");
}

static void all_that_is_in_files_is_one_pair(void **state) {
    (void)state;
    set_up(0);
    set_pair(0, 0, 90, 3);
    set_pair(0, FB_PAIR_ONE_SIDED, 10, 7);
    expect("[{\"forward\": \"file\", \"reverse\": \"file\", \"flows\": 100, \"one_sided\": 10,"
           " \"guessed\": 10}]");
}

static void interfaces_are_paired_by_direction_and_what_is_one_sided_has_no_reverse(void **state) {
    (void)state;
    set_up(2);
    set_pair(0, 1, 5, 0);
    set_pair(1, 0, 6, 1);
    set_pair(1, FB_PAIR_ONE_SIDED, 3, 2);
    expect("[{\"forward\": \"eth0\", \"reverse\": \"eth1\", \"flows\": 5, \"one_sided\": 0,"
           " \"guessed\": 0},"
           " {\"forward\": \"eth1\", \"reverse\": \"eth0\", \"flows\": 6, \"one_sided\": 0,"
           " \"guessed\": 1},"
           " {\"forward\": \"eth1\", \"reverse\": null, \"flows\": 3, \"one_sided\": 3,"
           " \"guessed\": 2}]");
}

static void the_text_has_them_only_where_something_is_odd(void **state) {
    (void)state;
    set_up(2);
    set_pair(0, 1, 950, 50);
    set_pair(0, FB_PAIR_ONE_SIDED, 50, 0);
    expect_text("");
    set_pair(0, FB_PAIR_ONE_SIDED, 1051, 0);
    expect_text(
        "       TCP from  answered from             flows       one-sided         guessed\n"
        "           eth0  eth1                        950               0              50\n"
        "           eth0  nowhere                   1,051           1,051               0\n");
    set_pair(0, FB_PAIR_ONE_SIDED, 0, 0);
    set_pair(0, 1, 950, 51);
    expect_text(
        "       TCP from  answered from             flows       one-sided         guessed\n"
        "           eth0  eth1                        950               0              51\n");
    set_pair(0, 1, 19, 19); /* too few to tell */
    expect_text("");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_that_cannot_be_do_no_harm),
        cmocka_unit_test(without_connections_there_is_no_pair),
        cmocka_unit_test(all_that_is_in_files_is_one_pair),
        cmocka_unit_test(interfaces_are_paired_by_direction_and_what_is_one_sided_has_no_reverse),
        cmocka_unit_test(the_text_has_them_only_where_something_is_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
