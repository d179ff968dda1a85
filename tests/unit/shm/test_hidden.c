/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/hidden.c: how an object gets its name among other users. */
#include "tests/lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "flow_balancer/hidden.h"

#define NOBODY 65534u
#define DAEMON 1u

struct fixture {
    char name[FB_NAME_MAX + 1];
    char path[FB_PATH_MAX]; /* of an up side */
    char hidden[FB_PATH_MAX];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return 1;
    snprintf(f->name, sizeof f->name, "test-hidden-%ld", (long)getpid());
    fb_object_path(f->path, FB_SHM_DIR, f->name, FB_KIND_UP, 3);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    if (f->hidden[0] != '\0')
        unlink(f->hidden);
    if (unlink(f->path) != 0)
        rmdir(f->path);
    unsigned left = fb_clear_objects(f->name, true);
    free(f);
    return (int)left;
}

static const char *file_of(const char *path) {
    return strrchr(path, '/') + 1;
}

static ino_t inode_of(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static void make(struct fixture *f) {
    int fd = fb_hidden_make(f->hidden, f->path);
    assert_true(fd >= 0);
    close(fd);
}

/* ---- refusals */

static void the_first_time_nothing_is_replaced(void **state) {
    struct fixture *f = *state;
    make(f);
    assert_int_equal(symlink("/nowhere", f->path), 0);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, false), -EEXIST);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    ino_t before = inode_of(f->path);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, false), -EEXIST);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, true), -EISDIR);
    assert_int_equal(inode_of(f->path), before);
    assert_true(inode_of(f->hidden) != 0);
}

static void what_was_cleared_meanwhile_is_told_from_what_is_in_the_way(void **state) {
    struct fixture *f = *state;
    make(f);
    assert_int_equal(fb_clear_objects(f->name, false), 1);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, false), -ENOENT);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, true), -ENOENT);
    f->hidden[0] = '\0';
}

static void a_path_that_does_not_fit_is_refused(void **state) {
    struct fixture *f = *state;
    char path[FB_PATH_MAX];
    memset(path, 'd', sizeof path);
    path[0] = '/';
    strcpy(path + FB_PATH_MAX - 24, "/n.up.7");
    assert_int_equal(fb_hidden_make(f->hidden, path), -ENAMETOOLONG);
    f->hidden[0] = '\0';
}

static void only_hidden_names_of_the_instance_are_taken_for_such(void **state) {
    (void)state;
    static const char *const wrong[] = {
        ".n",
        ".n.",
        "n.0123456789abcdef0123456789abcdef",
        ".n.0123456789abcdef0123456789abcde",
        ".n.0123456789abcdef0123456789abcdef0",
        ".n.0123456789ABCDEF0123456789ABCDEF",
        ".m.0123456789abcdef0123456789abcdef",
        ".n-1.0123456789abcdef0123456789abcdef",
        ".n.up.0123456789abcdef0123456789abc",
        "..n.0123456789abcdef0123456789abcdef",
        "",
    };
    assert_true(fb_hidden_is(".n.0123456789abcdef0123456789abcdef", "n"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (fb_hidden_is(wrong[i], "n"))
            fail_msg("'%s' is taken for a hidden name", wrong[i]);
}

/* ---- what is made, and kept */

static void a_hidden_file_is_empty_private_and_beside_its_place(void **state) {
    struct fixture *f = *state;
    char other[FB_PATH_MAX];
    struct stat st;
    make(f);
    assert_int_equal(lstat(f->hidden, &st), 0);
    assert_true(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_size == 0);
    assert_true(strncmp(f->hidden, FB_SHM_DIR "/", strlen(FB_SHM_DIR) + 1) == 0);
    assert_true(fb_hidden_is(file_of(f->hidden), f->name));
    int fd = fb_hidden_make(other, f->path);
    assert_true(fd >= 0);
    close(fd);
    assert_string_not_equal(other, f->hidden); /* no one can guess it */
    assert_int_equal(unlink(other), 0);
}

static void a_reveal_moves_the_file_and_later_ones_replace_it(void **state) {
    struct fixture *f = *state;
    make(f);
    ino_t first = inode_of(f->hidden);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, false), 0);
    assert_int_equal(inode_of(f->path), first);
    assert_int_equal(inode_of(f->hidden), 0);
    make(f);
    ino_t second = inode_of(f->hidden);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, true), 0);
    assert_int_equal(inode_of(f->path), second);
}

static void an_empty_file_holds_a_name(void **state) {
    struct fixture *f = *state;
    struct stat st;
    int fd = fb_hidden_make(f->hidden, f->path);
    assert_int_equal(write(fd, "worker", 6), 6);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, false), 0);
    assert_int_equal(fb_hidden_hold(f->path), 0);
    assert_int_equal(lstat(f->path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(fstat(fd, &st), 0); /* who has the old one keeps it as it is */
    assert_int_equal(st.st_size, 6);
    close(fd);
}

/* Never for a moment is the name free: the other process would get it. */
static void take_the_name(void *arg) {
    struct fixture *f = arg;
    for (;;) {
        int fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            _exit(1);
    }
}

static void a_name_that_is_held_is_never_free(void **state) {
    struct fixture *f = *state;
    make(f);
    assert_int_equal(fb_hidden_reveal(f->hidden, f->path, false), 0);
    pid_t rival = child_start(take_the_name, f);
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(fb_hidden_hold(f->path), 0);
        make(f);
        assert_int_equal(fb_hidden_reveal(f->hidden, f->path, true), 0);
    }
    assert_int_equal(kill(rival, SIGKILL), 0);
    int status = child_wait(rival);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- other users, in a directory with the sticky bit as /dev/shm should be */

static void meet_another_user(void *arg) {
    struct fixture *f = arg;
    char text[FB_FILE_TEXT_MAX];
    private_shm("size=1M,mode=1777");
    EXPECT(mkdir(f->path, 0700) == 0 && chown(f->path, NOBODY, NOBODY) == 0);
    EXPECT(strcmp(fb_describe_file(text, f->path), "a directory of uid 65534") == 0);
    EXPECT(rmdir(f->path) == 0);
    EXPECT(strcmp(fb_describe_file(text, f->path), "something that is gone by now") == 0);
    int fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && fchown(fd, NOBODY, NOBODY) == 0);
    EXPECT(setresuid(DAEMON, DAEMON, 0) == 0);
    fd = fb_hidden_make(f->hidden, f->path);
    EXPECT(fd >= 0);
    EXPECT(fb_hidden_reveal(f->hidden, f->path, false) == -EEXIST);
    EXPECT(fb_hidden_reveal(f->hidden, f->path, true) == -EPERM);
    EXPECT(fb_hidden_hold(f->path) == -EPERM);
    EXPECT(strcmp(fb_describe_file(text, f->path), "a file of uid 65534") == 0);
    EXPECT(setresuid(0, 0, 0) == 0 && unlink(f->path) == 0);
    EXPECT(setresuid(DAEMON, DAEMON, 0) == 0);
    EXPECT(fb_hidden_reveal(f->hidden, f->path, true) == 0);
    /* Now it is held: the other user cannot have it in any way. */
    EXPECT(setresuid(0, 0, 0) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
    char theirs[FB_PATH_MAX];
    EXPECT(fb_hidden_make(theirs, f->path) >= 0);
    EXPECT(fb_hidden_reveal(theirs, f->path, true) == -EPERM && unlink(f->path) != 0);
}

static void another_user_keeps_his_name_and_cannot_take_ours(void **state) {
    if (geteuid() != 0)
        SKIP("a /dev/shm of its own needs root");
    in_child(meet_another_user, *state);
}

#define HIDDEN_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        HIDDEN_TEST(the_first_time_nothing_is_replaced),
        HIDDEN_TEST(what_was_cleared_meanwhile_is_told_from_what_is_in_the_way),
        HIDDEN_TEST(a_path_that_does_not_fit_is_refused),
        HIDDEN_TEST(only_hidden_names_of_the_instance_are_taken_for_such),
        HIDDEN_TEST(a_hidden_file_is_empty_private_and_beside_its_place),
        HIDDEN_TEST(a_reveal_moves_the_file_and_later_ones_replace_it),
        HIDDEN_TEST(an_empty_file_holds_a_name),
        HIDDEN_TEST(a_name_that_is_held_is_never_free),
        HIDDEN_TEST(another_user_keeps_his_name_and_cannot_take_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
