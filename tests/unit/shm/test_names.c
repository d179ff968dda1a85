/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/names.c: names of instances and objects, and clearing what a run left. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/hidden.h"

#define NOBODY 65534u

struct fixture {
    char name[FB_NAME_MAX + 1];
    char dir[64]; /* of the test's own */
    struct caught caught;
};

static const char *const leftovers[] = {
    ".ctl",     ".up.0", ".up.7",  ".up.255", ".down.0", ".down.12", ".flows.3", ".flows.3x",
    ".up.1000", ".up.",  ".up.1x", ".up.-1",  ".down",   ".ctl.0",   "x.up.1",   ".socket"};

static void path_of(char path[FB_PATH_MAX], const struct fixture *f, const char *dir,
                    const char *suffix) {
    snprintf(path, FB_PATH_MAX, "%s/%s%s", dir, f->name, suffix);
}

static bool exists(const struct fixture *f, const char *dir, const char *suffix) {
    char path[FB_PATH_MAX];
    struct stat st;
    path_of(path, f, dir, suffix);
    return lstat(path, &st) == 0;
}

static void make_file(const struct fixture *f, const char *dir, const char *suffix) {
    char path[FB_PATH_MAX];
    path_of(path, f, dir, suffix);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        abort();
    close(fd);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return 1;
    snprintf(f->name, sizeof f->name, "test-names-%ld", (long)getpid());
    strcpy(f->dir, "/tmp/test_names.XXXXXX");
    *state = f;
    return mkdtemp(f->dir) == NULL;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    char path[FB_PATH_MAX];
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
        path_of(path, f, FB_SHM_DIR, leftovers[i]);
        if (unlink(path) != 0)
            rmdir(path);
    }
    int error = rmdir(f->dir);
    free(f);
    return error;
}

/* ---- refusals */

static void a_name_that_could_mean_something_else_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", ".", "..", "a.b", "a/b", "/a", "a b", " a", "a\n", "a\xc3\xa9", "a*", "a.ctl", "%s",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (fb_name_valid(bad[i]))
            fail_msg("'%s' is taken as a name", bad[i]);
    char longest[FB_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[FB_NAME_MAX + 1] = '\0';
    assert_false(fb_name_valid(longest));
    longest[FB_NAME_MAX] = '\0';
    assert_true(fb_name_valid(longest));
}

static void a_path_that_does_not_fit_is_refused(void **state) {
    (void)state;
    char dir[FB_PATH_MAX + 1], path[FB_PATH_MAX];
    memset(dir, 'd', sizeof dir);
    /* "/n.up.7" has seven letters, and the final zero one more */
    dir[FB_PATH_MAX - 8] = '\0';
    assert_true(fb_object_path(path, dir, "n", FB_KIND_UP, 7));
    assert_int_equal(strlen(path), FB_PATH_MAX - 1);
    assert_false(fb_object_path(path, dir, "n", FB_KIND_UP, 17));
    assert_false(fb_object_path(path, dir, "n", FB_KIND_DOWN, 7));
}

/* ---- names and paths */

static void a_name_is_letters_digits_underscores_and_dashes(void **state) {
    (void)state;
    static const char *const good[] = {"a", "Z9", "flow-balancer", "_", "-", "run-4711", "0"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(fb_name_valid(good[i]));
}

static void each_object_has_a_path_of_its_own(void **state) {
    (void)state;
    char path[FB_PATH_MAX];
    assert_true(fb_object_path(path, FB_SHM_DIR, "n", FB_KIND_CTL, 3));
    assert_string_equal(path, "/dev/shm/n.ctl");
    assert_true(fb_object_path(path, FB_SHM_DIR, "n", FB_KIND_UP, 255));
    assert_string_equal(path, "/dev/shm/n.up.255");
    assert_true(fb_object_path(path, "/mnt/huge", "n", FB_KIND_DOWN, 0));
    assert_string_equal(path, "/mnt/huge/n.down.0");
    assert_true(fb_object_path(path, FB_SHM_DIR, "n", FB_KIND_FLOWS, 12));
    assert_string_equal(path, "/dev/shm/n.flows.12");
}

/* ---- debris */

static void only_the_objects_of_the_instance_are_cleared(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
        make_file(f, FB_SHM_DIR, leftovers[i]);
    assert_int_equal(fb_clear_objects(f->name, false), 6);
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
        assert_int_equal(exists(f, FB_SHM_DIR, leftovers[i]), i == 0 || i > 6);
    assert_int_equal(fb_clear_objects(f->name, true), 1);
    assert_false(exists(f, FB_SHM_DIR, ".ctl"));
    assert_int_equal(fb_clear_objects(f->name, true), 0);
}

static void what_a_dispatcher_left_while_it_made_it_is_cleared_and_of_no_other(void **state) {
    struct fixture *f = *state;
    char path[FB_PATH_MAX], ours[FB_PATH_MAX], longer[FB_PATH_MAX], other[FB_PATH_MAX],
        theirs[FB_PATH_MAX];
    path_of(path, f, FB_SHM_DIR, ".up.0");
    path_of(longer, f, FB_SHM_DIR, "-2.up.0");
    int fds[] = {fb_hidden_make(ours, path), fb_hidden_make(other, longer),
                 fb_hidden_make(theirs, path)};
    for (unsigned i = 0; i < 3; i++)
        assert_true(fds[i] >= 0);
    unsigned expected = 2;
    if (geteuid() == 0) {
        assert_int_equal(fchown(fds[2], NOBODY, NOBODY), 0);
        expected = 1;
    }
    assert_int_equal(fb_clear_objects(f->name, false), expected);
    assert_int_equal(access(ours, F_OK), -1);
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(access(theirs, F_OK), expected == 1 ? 0 : -1);
    unlink(other);
    unlink(theirs);
    for (unsigned i = 0; i < 3; i++)
        close(fds[i]);
}

static void what_is_no_file_is_left_alone_and_so_is_a_links_target(void **state) {
    struct fixture *f = *state;
    char link[FB_PATH_MAX], dir[FB_PATH_MAX], target[FB_PATH_MAX];
    path_of(link, f, FB_SHM_DIR, ".up.0");
    path_of(dir, f, FB_SHM_DIR, ".up.7");
    path_of(target, f, FB_SHM_DIR, ".socket");
    make_file(f, FB_SHM_DIR, ".socket");
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(fb_clear_objects(f->name, true), 0);
    assert_true(exists(f, FB_SHM_DIR, ".up.0") && exists(f, FB_SHM_DIR, ".up.7") &&
                exists(f, FB_SHM_DIR, ".socket"));
}

static void what_another_user_made_is_left_alone(void **state) {
    struct fixture *f = *state;
    if (geteuid() != 0)
        SKIP("a file can be given away by root only");
    char path[FB_PATH_MAX];
    make_file(f, FB_SHM_DIR, ".up.0");
    make_file(f, FB_SHM_DIR, ".up.7");
    path_of(path, f, FB_SHM_DIR, ".up.0");
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    assert_int_equal(fb_clear_objects(f->name, true), 1);
    assert_true(exists(f, FB_SHM_DIR, ".up.0"));
    assert_false(exists(f, FB_SHM_DIR, ".up.7"));
}

static void clear_hugetlbfs(void *arg) {
    struct fixture *f = arg;
    const char *huge = FB_SHM_DIR "/huge";
    private_shm("size=1M");
    EXPECT(mkdir(huge, 0700) == 0);
    if (mount("hugetlbfs", huge, "hugetlbfs", 0, "pagesize=2M") != 0)
        child_skip("this kernel has no huge pages of 2 MB");
    make_file(f, huge, ".down.12");
    make_file(f, huge, ".ctl"); /* has no business there */
    make_file(f, FB_SHM_DIR, ".down.0");
    EXPECT(fb_clear_objects(f->name, true) == 2);
    EXPECT(!exists(f, huge, ".down.12") && exists(f, huge, ".ctl"));
}

static void down_sides_on_a_hugetlbfs_mount_are_cleared_too(void **state) {
    if (geteuid() != 0)
        SKIP("mounting hugetlbfs needs root");
    in_child(clear_hugetlbfs, *state);
}

/* ---- the run-time directory */

static void expect_runtime_refusal(struct fixture *f, bool make, const char *remedy) {
    char path[FB_PATH_MAX];
    catch_begin(&f->caught);
    int got = fb_runtime_dir(path, make);
    const char *text = catch_end(&f->caught);
    EXPECT(got == -EPERM);
    EXPECT(lines_of(text) == 1 && strstr(text, "flow-balancer") != NULL &&
           strstr(text, remedy) != NULL);
}

/* As somebody who is not root, with a directory of his own for run-time files. */
static void become_somebody(const char *dir) {
    if (geteuid() == 0) {
        EXPECT(chown(dir, NOBODY, NOBODY) == 0);
        EXPECT(setresuid(NOBODY, NOBODY, NOBODY) == 0);
    }
    EXPECT(setenv("XDG_RUNTIME_DIR", dir, 1) == 0);
}

static void use_xdg(void *arg) {
    struct fixture *f = arg;
    char path[FB_PATH_MAX], expected[FB_PATH_MAX];
    struct stat st;
    become_somebody(f->dir);
    umask(0);
    snprintf(expected, sizeof expected, "%s/flow-balancer", f->dir);
    EXPECT(fb_runtime_dir(path, false) == -ENOENT);
    EXPECT(fb_runtime_dir(path, true) == 0 && strcmp(path, expected) == 0);
    EXPECT(stat(expected, &st) == 0 && (st.st_mode & 07777) == 0700);
    EXPECT(fb_runtime_dir(path, true) == 0 && fb_runtime_dir(path, false) == 0);
    EXPECT(chmod(expected, 0720) == 0);
    expect_runtime_refusal(f, true, ": chmod 700 it");
    expect_runtime_refusal(f, false, ": chmod 700 it");
    EXPECT(rmdir(expected) == 0 && symlink("/tmp", expected) == 0);
    expect_runtime_refusal(f, true, ": remove it");
    EXPECT(unlink(expected) == 0);
    make_file(f, f->dir, ".ctl");
    char file[FB_PATH_MAX];
    path_of(file, f, f->dir, ".ctl");
    EXPECT(rename(file, expected) == 0);
    expect_runtime_refusal(f, true, ": remove it");
    EXPECT(unlink(expected) == 0);
}

static void a_run_time_directory_that_others_could_write_to_is_refused(void **state) {
    in_child(use_xdg, *state);
}

static void use_tmp(void *arg) {
    struct fixture *f = arg;
    char path[FB_PATH_MAX], base[64], expected[FB_PATH_MAX];
    private_mounts("/tmp");
    EXPECT(mount("tmpfs", "/tmp", "tmpfs", 0, "size=1M,mode=1777") == 0);
    snprintf(base, sizeof base, "/tmp/flow-balancer-%u", NOBODY);
    /* Somebody else was first. */
    EXPECT(mkdir(base, 0700) == 0);
    EXPECT(setresuid(NOBODY, NOBODY, 0) == 0);
    EXPECT(unsetenv("XDG_RUNTIME_DIR") == 0);
    expect_runtime_refusal(f, true, ": set XDG_RUNTIME_DIR to a directory of yours");
    expect_runtime_refusal(f, true, "is a directory of uid 0, not");
    EXPECT(setresuid(0, 0, 0) == 0 && rmdir(base) == 0);
    EXPECT(setresuid(NOBODY, NOBODY, NOBODY) == 0);
    snprintf(expected, sizeof expected, "%s/flow-balancer", base);
    EXPECT(fb_runtime_dir(path, true) == 0 && strcmp(path, expected) == 0);
    /* What is no absolute path is no directory that could be meant. */
    EXPECT(setenv("XDG_RUNTIME_DIR", "relative", 1) == 0);
    EXPECT(fb_runtime_dir(path, true) == 0 && strcmp(path, expected) == 0);
}

static void without_a_run_time_directory_tmp_is_used_with_care(void **state) {
    if (geteuid() != 0)
        SKIP("a /tmp of its own needs root");
    in_child(use_tmp, *state);
}

static void use_run(void *arg) {
    (void)arg;
    char path[FB_PATH_MAX];
    private_mounts("/run");
    EXPECT(mount("tmpfs", "/run", "tmpfs", 0, "size=1M,mode=755") == 0);
    EXPECT(setenv("XDG_RUNTIME_DIR", "/tmp", 1) == 0);
    EXPECT(fb_runtime_dir(path, true) == 0 && strcmp(path, "/run/flow-balancer") == 0);
}

static void use_run_read_only(void *arg) {
    struct fixture *f = arg;
    char path[FB_PATH_MAX], expected[FB_PATH_MAX];
    private_mounts("/run");
    EXPECT(mount("tmpfs", "/run", "tmpfs", MS_RDONLY, "size=1M,mode=755") == 0);
    EXPECT(setenv("XDG_RUNTIME_DIR", f->dir, 1) == 0);
    snprintf(expected, sizeof expected, "%s/flow-balancer", f->dir);
    EXPECT(fb_runtime_dir(path, true) == 0 && strcmp(path, expected) == 0);
    EXPECT(unsetenv("XDG_RUNTIME_DIR") == 0);
    catch_begin(&f->caught);
    int got = fb_runtime_dir(path, true);
    const char *text = catch_end(&f->caught);
    EXPECT(got == -EROFS && lines_of(text) == 1 && strstr(text, "--runtime-dir") != NULL);
    EXPECT(rmdir(expected) == 0);
}

static void root_that_cannot_write_to_run_takes_what_the_environment_says(void **state) {
    if (geteuid() != 0)
        SKIP("for root only");
    in_child(use_run_read_only, *state);
}

static void use_chosen(void *arg) {
    struct fixture *f = arg;
    char path[FB_PATH_MAX], expected[FB_PATH_MAX];
    EXPECT(setenv("XDG_RUNTIME_DIR", "/tmp", 1) == 0);
    fb_runtime_dir_use(f->dir);
    snprintf(expected, sizeof expected, "%s/flow-balancer", f->dir);
    EXPECT(fb_runtime_dir(path, true) == 0 && strcmp(path, expected) == 0);
    EXPECT(chmod(expected, 0720) == 0);
    expect_runtime_refusal(f, false, ": chmod 700 it");
    EXPECT(rmdir(expected) == 0);
}

static void the_run_time_directory_that_is_told_wins(void **state) {
    in_child(use_chosen, *state);
}

static void root_uses_run_whatever_the_environment_says(void **state) {
    if (geteuid() != 0)
        SKIP("for root only");
    in_child(use_run, *state);
}

#define NAMES_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    fb_log_init("test_names", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_could_mean_something_else_is_refused),
        cmocka_unit_test(a_path_that_does_not_fit_is_refused),
        cmocka_unit_test(a_name_is_letters_digits_underscores_and_dashes),
        cmocka_unit_test(each_object_has_a_path_of_its_own),
        NAMES_TEST(only_the_objects_of_the_instance_are_cleared),
        NAMES_TEST(what_a_dispatcher_left_while_it_made_it_is_cleared_and_of_no_other),
        NAMES_TEST(what_is_no_file_is_left_alone_and_so_is_a_links_target),
        NAMES_TEST(what_another_user_made_is_left_alone),
        NAMES_TEST(down_sides_on_a_hugetlbfs_mount_are_cleared_too),
        NAMES_TEST(a_run_time_directory_that_others_could_write_to_is_refused),
        NAMES_TEST(without_a_run_time_directory_tmp_is_used_with_care),
        NAMES_TEST(root_uses_run_whatever_the_environment_says),
        NAMES_TEST(root_that_cannot_write_to_run_takes_what_the_environment_says),
        NAMES_TEST(the_run_time_directory_that_is_told_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
