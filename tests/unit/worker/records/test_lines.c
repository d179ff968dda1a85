/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/lines.c: files of whole lines; worker/inspectors/record.c has them too. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/directory.h"
#include "tests/lib/unit.h"
#include "worker/records/lines.h"

static void write_file(const char *path, const char *text, size_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(file, text, size), (ssize_t)size);
    close(file);
}

static off_t size_of(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void what_is_behind_the_last_line_end_is_cut(void **state) {
    struct directory *d = *state;
    const char *path = path_in(d, "a");
    char *text = malloc(20000);
    memset(text, 'x', 20000);
    static const struct {
        size_t size, line_end; /* where the last is; 0: none */
    } rows[] = {{0, 0},       {1, 0},       {10, 10},   {10, 4},    {4096, 1},      {4097, 1},
                {8192, 4096}, {8193, 4097}, {20000, 0}, {20000, 1}, {20000, 19999}, {20000, 20000}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].line_end != 0)
            text[rows[i].line_end - 1] = '\n';
        write_file(path, text, rows[i].size);
        int file = lines_open(AT_FDCWD, path);
        assert_true(file >= 0);
        assert_int_equal(lines_cut(file), 0);
        assert_int_equal(size_of(path), rows[i].line_end);
        assert_int_equal(lines_write(file, "next\n", 5), 0);
        assert_int_equal(size_of(path), rows[i].line_end + 5);
        close(file);
        memset(text, 'x', 20000);
    }
    free(text);
}

static void a_link_leads_to_a_device_and_to_no_file(void **state) {
    struct directory *d = *state;
    write_file(path_in(d, "file"), "half a li", 9);
    assert_int_equal(symlink("file", path_in(d, "link")), 0);
    assert_int_equal(lines_open(AT_FDCWD, path_in(d, "link")), -ELOOP);
    assert_int_equal(size_of(path_in(d, "file")), 9);
    assert_non_null(strstr(lines_error(-ELOOP), "is not followed: remove it"));
    assert_string_equal(lines_error(-ENOENT), strerror(ENOENT));
    assert_int_equal(symlink("/dev/full", path_in(d, "full")), 0);
    int file = lines_open(AT_FDCWD, path_in(d, "full"));
    assert_true(file >= 0);
    assert_int_equal(lines_cut(file), 0);
    assert_int_equal(lines_write(file, "x\n", 2), -ENOSPC);
    close(file);
}

#define LINES_TEST(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        LINES_TEST(what_is_behind_the_last_line_end_is_cut),
        LINES_TEST(a_link_leads_to_a_device_and_to_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
