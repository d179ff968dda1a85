/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in /dev/shm that another user is after, or has. */
#include "tests/lib/child.h"
#include "tests/lib/life.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define USER 65534u /* who runs an instance, where that is not root */
#define RIVAL 1u    /* who wants its names */
#define RIVALS 2u
#define RESTARTS 40u
#define DISPATCH "flow-dispatcher -n @ -r - -w 1 --ring-depth 500 --ring-bytes 1M --max-flows 1000"
#define WORK "flow-worker -n @ -k 0 --orphan-timeout 60"

/* A /dev/shm with the sticky bit, as it should be, that only this program and its children see. */
static void enter_sticky_shm(void) {
    if (geteuid() != 0)
        SKIP("only root can have a /dev/shm of its own and become other users");
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", FB_SHM_DIR, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64M") != 0)
        SKIP("no /dev/shm of its own: %s", strerror(errno));
}

static int leave_shm(void **state) {
    int left = processes_tear_down(state);
    umount2(FB_SHM_DIR, MNT_DETACH); /* nothing, if the test was skipped before */
    return left;
}

static void become_user(const struct test *t) {
    char place[PROCESS_PATH_MAX];
    snprintf(place, sizeof place, "%s", t->directory);
    if (setgid(USER) != 0 || setuid(USER) != 0 || setenv("XDG_RUNTIME_DIR", place, 1) != 0)
        _exit(126);
}

static void run_as_user(struct test *t) {
    assert_int_equal(chown(t->directory, USER, USER), 0);
    t->enter = become_user;
    struct process *p = process_start(t, "flow-dispatcher --version");
    bool can = process_wait(t, p) == EXIT_DONE;
    process_forget(t, p);
    if (!can)
        SKIP("another user cannot run the programs under test");
}

static void path_of(char path[FB_PATH_MAX], const struct test *t, enum fb_kind kind) {
    assert_true(fb_object_path(path, FB_SHM_DIR, t->name, kind, 0));
}

/* ---- a name that is taken as soon as it is free */

static void take_up_side(void *arg) {
    const struct test *t = arg;
    char path[FB_PATH_MAX];
    EXPECT(fb_object_path(path, FB_SHM_DIR, t->name, FB_KIND_UP, 0));
    EXPECT(setresgid(RIVAL, RIVAL, RIVAL) == 0 && setresuid(RIVAL, RIVAL, RIVAL) == 0);
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
    }
}

static void restart_among_rivals(struct test *t) {
    struct process *dispatcher = process_start_piped(t, DISPATCH);
    struct process *worker = process_start(t, WORK);
    UNTIL(t, ready_pid(t, 0) != 0);
    pid_t rivals[RIVALS];
    for (unsigned i = 0; i < RIVALS; i++)
        rivals[i] = child_start(take_up_side, t);
    for (unsigned i = 0; i < RESTARTS; i++) {
        pid_t before = worker->pid;
        process_signal(worker, SIGKILL);
        process_expect(t, worker, 128 + SIGKILL);
        process_forget(t, worker);
        worker = process_start(t, WORK);
        UNTIL(t, is_back(t, 0, before));
    }
    for (unsigned i = 0; i < RIVALS; i++)
        child_kill(rivals[i]);
    process_signal(dispatcher, SIGTERM);
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    assert_int_equal(objects_of(t->name), 0);
}

static void a_number_of_root_survives_others_that_are_after_its_name(void **state) {
    enter_sticky_shm();
    restart_among_rivals(*state);
}

static void a_number_of_any_user_survives_others_that_are_after_its_name(void **state) {
    struct test *t = *state;
    enter_sticky_shm();
    run_as_user(t);
    restart_among_rivals(t);
}

/* ---- a name that is taken before */

static void put_file_of_rival(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fchown(fd, RIVAL, RIVAL), 0);
    close(fd);
}

static void expect_in_the_way(struct test *t, enum fb_kind kind, const char *remedy) {
    char path[FB_PATH_MAX];
    struct stat st;
    path_of(path, t, kind);
    put_file_of_rival(path);
    struct process *dispatcher = process_start(t, DISPATCH);
    process_expect(t, dispatcher, EXIT_RUNTIME);
    expect_one_line_with(t, dispatcher, path);
    expect_said(t, dispatcher, "a file of uid 1 is in the way");
    expect_said(t, dispatcher, remedy);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_uid, RIVAL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(objects_of(t->name), 0);
}

static void expect_each_in_the_way(struct test *t) {
    expect_in_the_way(t, FB_KIND_CTL, "choose another name with -n, or let its owner or root");
    expect_in_the_way(t, FB_KIND_UP, "let its owner or root remove it");
    expect_in_the_way(t, FB_KIND_DOWN, "let its owner or root remove it");
}

static void what_another_user_has_is_one_line_at_the_start(void **state) {
    struct test *t = *state;
    enter_sticky_shm();
    expect_each_in_the_way(t);
    run_as_user(t);
    expect_each_in_the_way(t);
}

/* ---- a name that is lost in the middle of a run */

static void a_number_whose_name_is_lost_is_tried_again_until_it_is_free(void **state) {
    struct test *t = *state;
    char path[FB_PATH_MAX];
    enter_sticky_shm();
    run_as_user(t);
    struct process *dispatcher = process_start_piped(t, DISPATCH);
    struct process *worker = process_start(t, WORK);
    UNTIL(t, ready_pid(t, 0) != 0);
    pid_t before = worker->pid;
    path_of(path, t, FB_KIND_UP);
    assert_int_equal(unlink(path), 0); /* by a root without care, and somebody was quick */
    put_file_of_rival(path);
    process_signal(worker, SIGKILL);
    process_expect(t, worker, 128 + SIGKILL);
    worker = process_start(t, WORK);
    UNTIL(t, strstr(process_errors(t, dispatcher), "it is tried again every 1 s") != NULL);
    expect_said(t, dispatcher, "a file of uid 1 is in the way: let its owner or root remove it");
    EXPECT_REFUSED(t, EXIT_NOTHING_TO_CLAIM, "offered no worker number for 1 s",
                   "flow-worker -n @ -k 0 --orphan-timeout 1");
    assert_int_equal(ready_pid(t, 0), 0);
    assert_int_equal(unlink(path), 0);
    UNTIL(t, is_back(t, 0, before));
    expect_said(t, dispatcher, "worker 0 can be started again");
    process_signal(dispatcher, SIGTERM);
    process_expect(t, dispatcher, EXIT_DONE);
    process_expect(t, worker, EXIT_DONE);
    assert_int_equal(objects_of(t->name), 0);
}

#define NAMES_TEST(name) cmocka_unit_test_setup_teardown(name, processes_set_up, leave_shm)

int main(void) {
    const struct CMUnitTest tests[] = {
        NAMES_TEST(a_number_of_root_survives_others_that_are_after_its_name),
        NAMES_TEST(a_number_of_any_user_survives_others_that_are_after_its_name),
        NAMES_TEST(what_another_user_has_is_one_line_at_the_start),
        NAMES_TEST(a_number_whose_name_is_lost_is_tried_again_until_it_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
