/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/report_write.c: a report as a file, as JSON or as a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/report.h"
#include "flow_balancer/report_html.h"

static json_t *make_report(void) {
    json_t *report =
        json_pack("{s:s, s:{s:i}}", "schema", FB_REPORT_SCHEMA, "ledger", "received", 1234567);
    assert_non_null(report);
    return report;
}

static void a_report_that_cannot_be_written_is_an_error_and_leaves_nothing(void **state) {
    (void)state;
    json_t *report = make_report();
    assert_int_equal(fb_report_write(report, "/nonexistent/report.json", false), -ENOENT);
    char dir[] = "/tmp/test_report.XXXXXX", full[64];
    assert_non_null(mkdtemp(dir));
    /* By a link of our own: what replaced its target would replace the device of the machine. */
    snprintf(full, sizeof full, "%s/full", dir);
    assert_int_equal(symlink("/dev/full", full), 0);
    assert_int_equal(fb_report_write(report, full, true), -ENOSPC);
    unlink(full);
    for (unsigned in_place = 0; in_place < 2; in_place++)
        assert_int_equal(fb_report_write(report, dir, in_place != 0), -EISDIR);
    assert_int_equal(rmdir(dir), 0);
    json_decref(report);
}

static void a_written_report_reads_back_equal_and_replaces_an_older_one(void **state) {
    (void)state;
    char dir[] = "/tmp/test_report.XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[64];
    snprintf(path, sizeof path, "%s/report.json", dir);
    json_t *report = make_report();
    FILE *older = fopen(path, "w");
    assert_non_null(older);
    fputs("an older report", older);
    fclose(older);
    mode_t mask = umask(027);
    assert_int_equal(fb_report_write(report, path, false), 0);
    umask(mask);
    json_t *back = json_load_file(path, 0, NULL);
    assert_non_null(back);
    assert_true(json_equal(back, report));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0); /* no temporary file is left */
    json_decref(back);
    json_decref(report);
}

static void a_report_to_something_else_than_a_file_does_not_replace_it(void **state) {
    (void)state;
    char dir[] = "/tmp/test_report.XXXXXX";
    assert_non_null(mkdtemp(dir));
    char target[64], link[64];
    snprintf(target, sizeof target, "%s/target", dir);
    snprintf(link, sizeof link, "%s/link", dir);
    fclose(fopen(target, "w"));
    assert_int_equal(symlink("target", link), 0);
    json_t *report = make_report();
    assert_int_equal(fb_report_write(report, link, true), 0);
    struct stat st;
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    json_t *back = json_load_file(target, 0, NULL);
    assert_non_null(back);
    json_decref(back);
    /* A link that came in the place of a file, or of none, is replaced and not followed. */
    assert_int_equal(truncate(target, 0), 0);
    assert_int_equal(fb_report_write(report, link, false), 0);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(stat(target, &st), 0);
    assert_int_equal(st.st_size, 0);
    unlink(link);
    unlink(target);
    assert_int_equal(rmdir(dir), 0);
    json_decref(report);
}

/* What the file of a page begins with. */
static void expect_page_in(const char *path) {
    char first[16] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(first, 1, sizeof first - 1, file), sizeof first - 1);
    fclose(file);
    assert_string_equal(first, "<!DOCTYPE html>");
}

static void a_page_is_written_as_a_report_is(void **state) {
    (void)state;
    char dir[] = "/tmp/test_report.XXXXXX", path[64], full[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/page.html", dir);
    snprintf(full, sizeof full, "%s/full", dir);
    json_t *report = make_report();
    assert_int_equal(fb_report_write_html(report, NULL, path, false), 0);
    expect_page_in(path);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(fb_report_write_html(report, NULL, path, true), 0);
    expect_page_in(path);
    assert_int_equal(symlink("/dev/full", full), 0);
    assert_int_equal(fb_report_write_html(report, NULL, full, true), -ENOSPC);
    assert_int_equal(fb_report_write_html(report, NULL, "/nonexistent/page", false), -ENOENT);
    unlink(full);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    json_decref(report);
}

static void where_nothing_can_be_written_is_known_before(void **state) {
    (void)state;
    char dir[] = "/tmp/test_report.XXXXXX", path[64];
    bool in_place = true;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(fb_report_check_path("--x", NULL, &in_place), 0);
    assert_int_equal(fb_report_check_path("--x", "-", &in_place), 0);
    assert_int_equal(fb_report_check_path("--x", "/nonexistent/x", &in_place), -ENOENT);
    assert_int_equal(fb_report_check_path("--x", dir, &in_place), -EISDIR);
    snprintf(path, sizeof path, "%s/x", dir);
    assert_int_equal(fb_report_check_path("--x", path, &in_place), 0);
    assert_false(in_place); /* a new file */
    fclose(fopen(path, "w"));
    assert_int_equal(fb_report_check_path("--x", path, &in_place), 0);
    assert_false(in_place); /* one that is replaced */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(fb_report_check_path("--x", path, &in_place), 0);
    assert_true(in_place);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    fb_log_init("test_report_write", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_that_cannot_be_written_is_an_error_and_leaves_nothing),
        cmocka_unit_test(a_written_report_reads_back_equal_and_replaces_an_older_one),
        cmocka_unit_test(a_report_to_something_else_than_a_file_does_not_replace_it),
        cmocka_unit_test(a_page_is_written_as_a_report_is),
        cmocka_unit_test(where_nothing_can_be_written_is_known_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
