/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/replace.c: a file that is replaced in one step. */
#include "tests/lib/directory.h"
#include "tests/lib/unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/replace.h"

static int write_text(const void *arg, FILE *out) {
    return fputs(arg, out) == EOF ? -EIO : 0;
}

static int write_and_fail(const void *arg, FILE *out) {
    fputs(arg, out);
    return -ENOSPC;
}

static void expect_text(const char *path, const char *text) {
    char found[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, text);
}

static unsigned entries(const struct directory *d) {
    unsigned count = 0;
    DIR *directory = opendir(d->path);
    assert_non_null(directory);
    for (const struct dirent *e; (e = readdir(directory)) != NULL;)
        count += e->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void a_new_file_has_the_mode_whatever_the_umask_is(void **state) {
    struct directory *d = *state;
    const char *path = path_in(d, "a");
    struct stat st;
    mode_t mask = umask(077);
    assert_int_equal(fb_replace_file(path, 0644, write_text, "one"), 0);
    assert_int_equal(fb_replace_mode(), 0600);
    assert_int_equal(umask(mask), 077);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    expect_text(path, "one");
}

static void a_reader_of_the_old_file_keeps_it(void **state) {
    struct directory *d = *state;
    const char *path = path_in(d, "a");
    assert_int_equal(fb_replace_file(path, 0644, write_text, "one"), 0);
    FILE *old = fopen(path, "r");
    assert_non_null(old);
    assert_int_equal(fb_replace_file(path, 0644, write_text, "other"), 0);
    char found[16] = "";
    assert_int_equal(fread(found, 1, sizeof found - 1, old), 3);
    assert_string_equal(found, "one");
    fclose(old);
    expect_text(path, "other");
    assert_int_equal(entries(d), 1);
}

static void one_that_cannot_be_written_leaves_what_was_there_and_nothing_else(void **state) {
    struct directory *d = *state;
    const char *path = path_in(d, "a");
    assert_int_equal(fb_replace_file(path, 0644, write_text, "one"), 0);
    assert_int_equal(fb_replace_file(path, 0644, write_and_fail, "half"), -ENOSPC);
    expect_text(path, "one");
    assert_int_equal(entries(d), 1);
    assert_int_equal(fb_replace_file(path_in(d, "no/a"), 0644, write_text, "x"), -ENOENT);
    assert_int_equal(fb_replace_file(d->path, 0644, write_text, "x"), -EISDIR);
}

static void a_link_is_replaced_and_what_it_leads_to_stays(void **state) {
    struct directory *d = *state;
    const char *target = path_in(d, "target"), *path = path_in(d, "link");
    assert_int_equal(fb_replace_file(target, 0644, write_text, "kept"), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(fb_replace_file(path, 0644, write_text, "new"), 0);
    expect_text(target, "kept");
    expect_text(path, "new");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)

int main(void) {
    fb_log_init("test_replace", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_has_the_mode_whatever_the_umask_is),
        TEST(a_reader_of_the_old_file_keeps_it),
        TEST(one_that_cannot_be_written_leaves_what_was_there_and_nothing_else),
        TEST(a_link_is_replaced_and_what_it_leads_to_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
