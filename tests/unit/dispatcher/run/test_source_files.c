/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/source_files.c and sources.c: which files -r names, directories among them. */
#include "dispatcher/run/source_files.h"
#include "tests/lib/caught.h"
#include "tests/lib/directory.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void touch(struct directory *d, const char *name) {
    int fd = open(path_in(d, name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* Names in the directory, parted by blanks, as they come of `name` and the pattern. */
static void expect_files(struct directory *d, const char *name, const char *pattern,
                         const char *expected) {
    struct source_files files = {.count = 0};
    char seen[256] = "";
    assert_int_equal(source_files_init(&files, &name, 1, pattern), 0);
    for (unsigned i = 0; i < files.count; i++) {
        const char *path = files.names[i];
        assert_int_equal(strncmp(path, d->path, strlen(d->path)), 0);
        assert_int_equal(access(path, R_OK), 0);
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%s", i == 0 ? "" : " ",
                 strrchr(path, '/') + 1);
    }
    assert_string_equal(seen, expected);
    source_files_fini(&files);
}

static void expect_refused(const char *name, const char *pattern, int error, const char *reason) {
    struct source_files files = {.count = 0};
    struct caught log;
    catch_begin(&log);
    assert_int_equal(source_files_init(&files, &name, 1, pattern), error);
    expect_one_line(catch_end(&log), reason);
    source_files_fini(&files);
}

static void fill(struct directory *d) {
    touch(d, "b.pcap");
    touch(d, "a10.pcap");
    touch(d, "a9.pcap");
    touch(d, "B.pcap");
    touch(d, "c.pcap.gz");
    touch(d, ".hidden.pcap");
    assert_int_equal(mkdir(path_in(d, "sub.pcap"), 0700), 0);
    assert_int_equal(symlink("b.pcap", path_in(d, "link.pcap")), 0);
    assert_int_equal(mkfifo(path_in(d, "fifo.pcap"), 0600), 0);
}

/* As bytes: capitals first, and numbers are no numbers. */
static void a_directory_is_its_files_in_name_order(void **state) {
    struct directory *d = *state;
    char with_slash[64];
    fill(d);
    expect_files(d, d->path, NULL, "B.pcap a10.pcap a9.pcap b.pcap c.pcap.gz link.pcap");
    snprintf(with_slash, sizeof with_slash, "%s/", d->path);
    expect_files(d, with_slash, "a*", "a10.pcap a9.pcap");
}

static void a_pattern_is_matched_as_by_a_shell(void **state) {
    struct directory *d = *state;
    fill(d);
    expect_files(d, d->path, "*.pcap", "B.pcap a10.pcap a9.pcap b.pcap link.pcap");
    expect_files(d, d->path, "[bc].pcap*", "b.pcap c.pcap.gz");
    expect_files(d, d->path, "a?.pcap", "a9.pcap");
}

static void files_and_directories_come_as_they_are_given(void **state) {
    struct directory *d = *state;
    struct source_files files = {.count = 0};
    touch(d, "x");
    touch(d, "y");
    const char *names[] = {"-", d->path, "none"};
    assert_int_equal(source_files_init(&files, names, 3, NULL), 0);
    assert_int_equal(files.count, 4);
    assert_ptr_equal(files.names[0], names[0]);
    assert_string_equal(strrchr(files.names[1], '/'), "/x");
    assert_string_equal(strrchr(files.names[2], '/'), "/y");
    assert_ptr_equal(files.names[3], names[2]); /* what is not there is said when it is opened */
    source_files_fini(&files);
}

static void nothing_found_is_an_error(void **state) {
    struct directory *d = *state;
    expect_refused(d->path, NULL, -ENOENT, "there is no file in this directory");
    fill(d);
    expect_refused(d->path, "*.cap", -ENOENT, "matches --pattern '*.cap'");
    expect_refused("t.pcap", "*", -EINVAL, "--pattern '*': it is for directories");
}

static void thousands_are_taken(void **state) {
    struct directory *d = *state;
    struct source_files files = {.count = 0};
    char name[16];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "%05u", 4999 - i);
        touch(d, name);
    }
    const char *folder = d->path;
    assert_int_equal(source_files_init(&files, &folder, 1, NULL), 0);
    assert_int_equal(files.count, 5000);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "/%05u", i);
        assert_string_equal(strrchr(files.names[i], '/'), name);
    }
    source_files_fini(&files);
}

#define DIRECTORY_TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(a_directory_is_its_files_in_name_order),
        DIRECTORY_TEST(a_pattern_is_matched_as_by_a_shell),
        DIRECTORY_TEST(files_and_directories_come_as_they_are_given),
        DIRECTORY_TEST(nothing_found_is_an_error),
        DIRECTORY_TEST(thousands_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
