/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/ctl.c: the life of ctl; and what shm/object.c says of one that cannot be joined. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/hidden.h"
#include "flow_balancer/layout.h"
#include "flow_balancer/lock.h"
#include "flow_balancer/sides.h"

#define NOBODY 65534u

struct fixture {
    char name[FB_NAME_MAX + 1];
    char path[FB_PATH_MAX]; /* of ctl */
    struct fb_ctl_handle ours, joined;
    struct step up, down;
    struct caught caught;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return 1;
    snprintf(f->name, sizeof f->name, "test-ctl-%ld", (long)getpid());
    fb_object_path(f->path, FB_SHM_DIR, f->name, FB_KIND_CTL, 0);
    f->ours.region.fd = f->joined.region.fd = -1;
    step_open(&f->up);
    step_open(&f->down);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    fb_ctl_leave(&f->joined);
    fb_ctl_destroy(&f->ours);
    step_close(&f->up);
    step_close(&f->down);
    if (unlink(f->path) != 0)
        rmdir(f->path);
    fb_clear_objects(f->name, true);
    free(f);
    return 0;
}

static bool exists(const struct fixture *f, enum fb_kind kind, unsigned worker) {
    char path[FB_PATH_MAX];
    struct stat st;
    fb_object_path(path, FB_SHM_DIR, f->name, kind, worker);
    return lstat(path, &st) == 0;
}

static void make_ours(struct fixture *f) {
    assert_int_equal(fb_ctl_create(&f->ours, f->name), 0);
    fb_ctl_format(&f->ours);
}

static void put_file(const char *path, const void *bytes, size_t size) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static enum fb_join join_quietly(struct fixture *f) {
    catch_begin(&f->caught);
    enum fb_join joined = fb_ctl_join(&f->joined, f->name);
    catch_end(&f->caught);
    return joined;
}

/* ---- a second dispatcher */

static void a_second_dispatcher_is_refused_and_the_first_goes_on(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    struct fb_ctl_handle second;
    catch_begin(&f->caught);
    int error = fb_ctl_create(&second, f->name);
    expect_one_line(catch_end(&f->caught), "is already running");
    assert_int_equal(error, -EBUSY);
    assert_non_null(strstr(f->caught.text, f->name));
    fb_ctl_destroy(&second); /* harmless */
    catch_begin(&f->caught);
    error = fb_ctl_clean(f->name);
    expect_one_line(catch_end(&f->caught), "is already running");
    assert_int_equal(error, -EBUSY);
    struct stat by_name, by_fd;
    assert_int_equal(stat(f->path, &by_name), 0);
    assert_int_equal(fstat(f->ours.region.fd, &by_fd), 0);
    assert_int_equal(by_name.st_ino, by_fd.st_ino);
    assert_int_equal(fb_ctl_join(&f->joined, f->name), FB_JOINED);
    assert_true(fb_ctl_alive(&f->joined));
}

static void refuse_in_child(void *arg) {
    struct fixture *f = arg;
    struct fb_ctl_handle second;
    catch_begin(&f->caught);
    int error = fb_ctl_create(&second, f->name);
    catch_end(&f->caught);
    EXPECT(error == -EBUSY);
}

static void a_second_dispatcher_process_is_refused_before_and_after_the_magic(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fb_ctl_create(&f->ours, f->name), 0);
    in_child(refuse_in_child, f);
    fb_ctl_format(&f->ours);
    in_child(refuse_in_child, f);
    assert_int_equal(fb_ctl_join(&f->joined, f->name), FB_JOINED);
}

static void names_side_by_side_do_not_disturb_each_other(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    char longer[FB_NAME_MAX + 8];
    snprintf(longer, sizeof longer, "%s-2", f->name);
    struct fb_ctl_handle other;
    assert_int_equal(fb_ctl_create(&other, longer), 0);
    assert_memory_not_equal(other.ctl->header.instance, f->ours.ctl->header.instance, 16);
    fb_ctl_destroy(&other);
    assert_int_equal(fb_ctl_join(&f->joined, f->name), FB_JOINED);
    assert_true(fb_ctl_alive(&f->joined));
}

/* Tries to become the dispatcher; holds on to it until the test has heard from all. */
static void compete(void *arg) {
    struct fixture *f = arg;
    catch_begin(&f->caught);
    int error = fb_ctl_create(&f->ours, f->name);
    catch_end(&f->caught);
    step_tell(&f->up, error == 0 ? 'w' : error == -EBUSY ? 'b' : '?');
    step_hear(&f->down);
    fb_ctl_destroy(&f->ours);
}

static void of_several_that_start_together_one_becomes_the_dispatcher(void **state) {
    struct fixture *f = *state;
    enum { RIVALS = 4, ROUNDS = 40 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t rivals[RIVALS];
        unsigned winners = 0, strange = 0;
        if (round % 2 == 1) /* with debris to fight over */
            put_file(f->path, "", 0);
        for (unsigned i = 0; i < RIVALS; i++)
            rivals[i] = child_start(compete, f);
        for (unsigned i = 0; i < RIVALS; i++) {
            char letter = step_hear(&f->up);
            winners += letter == 'w';
            strange += letter != 'w' && letter != 'b';
        }
        bool there = exists(f, FB_KIND_CTL, 0);
        for (unsigned i = 0; i < RIVALS; i++)
            step_tell(&f->down, 'g');
        for (unsigned i = 0; i < RIVALS; i++)
            assert_int_equal(child_wait(rivals[i]), 0);
        assert_int_equal(winners, 1);
        assert_int_equal(strange, 0);
        assert_true(there);
        assert_false(exists(f, FB_KIND_CTL, 0));
    }
}

/* ---- debris */

/* A dispatcher with two workers' sides, which does not get to clear up. */
static void be_dispatcher(void *arg) {
    struct fixture *f = arg;
    EXPECT(fb_ctl_create(&f->ours, f->name) == 0);
    fb_ctl_format(&f->ours);
    for (unsigned k = 0; k < 2; k++) {
        struct fb_region down, up;
        struct fb_region_config config = {.instance = f->name,
                                          .kind = FB_KIND_DOWN,
                                          .worker = k,
                                          .size = 8192,
                                          .hugepages = FB_HUGEPAGES_NEVER,
                                          .node = -1};
        EXPECT(fb_region_create(&down, &config) == 0 && fb_region_place(&down, &config) == 0);
        config.kind = FB_KIND_UP;
        EXPECT(fb_region_create(&up, &config) == 0 && fb_region_place(&up, &config) == 0);
    }
    step_tell(&f->up, 'r');
    pause();
}

static void leave_debris(struct fixture *f) {
    pid_t pid = child_start(be_dispatcher, f);
    assert_int_equal(step_hear(&f->up), 'r');
    assert_int_equal(fb_ctl_join(&f->joined, f->name), FB_JOINED);
    assert_true(fb_ctl_alive(&f->joined));
    child_kill(pid);
    assert_false(fb_ctl_alive(&f->joined));
    assert_true(exists(f, FB_KIND_CTL, 0) && exists(f, FB_KIND_DOWN, 1) &&
                exists(f, FB_KIND_UP, 1));
}

static void what_a_killed_dispatcher_left_is_cleared_by_the_next(void **state) {
    struct fixture *f = *state;
    leave_debris(f);
    uint8_t before[16];
    memcpy(before, f->joined.ctl->header.instance, sizeof before);
    make_ours(f);
    for (unsigned k = 0; k < 2; k++)
        assert_false(exists(f, FB_KIND_DOWN, k) || exists(f, FB_KIND_UP, k));
    assert_memory_not_equal(f->ours.ctl->header.instance, before, sizeof before);
    /* Who still has the old one mapped sees that its dispatcher is gone, not the new one. */
    assert_false(fb_ctl_alive(&f->joined));
    assert_memory_equal(f->joined.ctl->header.instance, before, sizeof before);
}

static void what_a_killed_dispatcher_left_can_be_cleaned_and_is_joined_by_none(void **state) {
    struct fixture *f = *state;
    leave_debris(f);
    fb_ctl_leave(&f->joined);
    assert_int_equal(fb_ctl_join(&f->joined, f->name), FB_NOT_YET);
    assert_int_equal(fb_ctl_clean(f->name), 0);
    assert_int_equal(fb_ctl_join_dead(&f->joined, f->name), FB_NOT_YET);
    assert_false(exists(f, FB_KIND_CTL, 0) || exists(f, FB_KIND_DOWN, 0) ||
                 exists(f, FB_KIND_UP, 1));
    assert_int_equal(fb_ctl_clean(f->name), 0); /* nothing is left to clean */
}

static void what_a_killed_dispatcher_counted_can_be_read_until_then(void **state) {
    struct fixture *f = *state;
    leave_debris(f);
    fb_ctl_leave(&f->joined);
    assert_int_equal(fb_ctl_join_dead(&f->joined, f->name), FB_JOINED);
    assert_string_equal(f->joined.ctl->name, f->name);
    fb_ctl_leave(&f->joined);
    make_ours(f);
    fb_ctl_format(&f->ours);
    assert_int_equal(fb_ctl_join_dead(&f->joined, f->name), FB_NOT_YET); /* this one lives */
}

static void sides_without_a_ctl_are_cleared_too(void **state) {
    struct fixture *f = *state;
    leave_debris(f);
    assert_int_equal(unlink(f->path), 0);
    make_ours(f);
    assert_false(exists(f, FB_KIND_DOWN, 0) || exists(f, FB_KIND_UP, 0));
}

static void become_dispatcher(void *arg) {
    struct fixture *f = arg;
    EXPECT(fb_ctl_create(&f->ours, f->name) == 0);
    step_tell(&f->up, 'r');
    EXPECT(step_hear(&f->down) == 'g');
    fb_ctl_destroy(&f->ours);
}

static void clean_up(void *arg) {
    struct fixture *f = arg;
    EXPECT(fb_ctl_clean(f->name) == 0);
}

/* Another process clears, for as long as the test likes. */
static int clear_for_long(struct fixture *f) {
    leave_debris(f);
    int fd = open(f->path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fb_lock_take_to_clear(fd), 0);
    return fd;
}

static void while_debris_is_cleared_its_dispatcher_does_not_look_alive(void **state) {
    struct fixture *f = *state;
    int cleaner = clear_for_long(f);
    assert_false(fb_ctl_alive(&f->joined));
    fb_ctl_leave(&f->joined);
    assert_int_equal(join_quietly(f), FB_NOT_YET);
    assert_string_equal(f->caught.text, "");
    close(cleaner);
}

/* Clears in the end, and no other process did before. */
static void finish_clearing(struct fixture *f, int cleaner) {
    usleep(20000);
    assert_int_equal(fb_clear_objects(f->name, true), 5);
    close(cleaner);
}

static void the_next_dispatcher_waits_for_one_that_clears(void **state) {
    struct fixture *f = *state;
    int cleaner = clear_for_long(f);
    pid_t next = child_start(become_dispatcher, f);
    finish_clearing(f, cleaner);
    assert_int_equal(step_hear(&f->up), 'r');
    step_tell(&f->down, 'g');
    assert_int_equal(child_wait(next), 0);
}

static void a_further_cleaner_waits_for_one_that_clears(void **state) {
    struct fixture *f = *state;
    int cleaner = clear_for_long(f);
    pid_t other = child_start(clean_up, f);
    finish_clearing(f, cleaner);
    assert_int_equal(child_wait(other), 0);
}

/* No ctl, since its dispatcher died before it had its name. */
static void leave_hidden(struct fixture *f, char hidden[FB_PATH_MAX]) {
    int fd = fb_hidden_make(hidden, f->path);
    assert_true(fd >= 0);
    close(fd);
}

static void
what_was_hidden_when_its_maker_died_is_cleared_and_so_is_all_without_a_ctl(void **state) {
    struct fixture *f = *state;
    char hidden[FB_PATH_MAX];
    leave_debris(f);
    leave_hidden(f, hidden);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(fb_ctl_clean(f->name), 0);
    assert_int_equal(access(hidden, F_OK), -1);
    assert_false(exists(f, FB_KIND_CTL, 0) || exists(f, FB_KIND_UP, 0) ||
                 exists(f, FB_KIND_DOWN, 1));
    leave_hidden(f, hidden);
    make_ours(f);
    assert_int_equal(access(hidden, F_OK), -1);
}

/* Says so if the ctl's name is ever free, or leads to one that looks alive before it is whole. */
static void watch_name(void *arg) {
    struct fixture *f = arg;
    char letter = 'k';
    while (letter == 'k') {
        int fd = open(f->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        EXPECT(fd >= 0);
        struct stat st;
        EXPECT(!fb_lock_held(fd) || (fstat(fd, &st) == 0 && st.st_size != 0));
        close(fd);
        struct pollfd told = {.fd = f->down.ends[0], .events = POLLIN};
        letter = poll(&told, 1, 0) > 0 ? 'e' : 'k';
    }
}

static void die_as_dispatcher(void *arg) {
    struct fixture *f = arg;
    EXPECT(fb_ctl_create(&f->ours, f->name) == 0);
    _exit(0); /* it clears nothing up */
}

static void the_name_of_a_dead_ctl_is_never_free_until_the_next_has_it(void **state) {
    struct fixture *f = *state;
    in_child(die_as_dispatcher, f);
    pid_t watcher = child_start(watch_name, f);
    for (unsigned i = 0; i < 40; i++)
        in_child(die_as_dispatcher, f);
    step_tell(&f->down, 'e');
    assert_int_equal(child_wait(watcher), 0);
}

/* In children: a try without end would be cut off by their watchdog. */
static void be_refused(void *arg) {
    struct fixture *f = arg;
    catch_begin(&f->caught);
    int error = fb_ctl_create(&f->ours, f->name);
    const char *text = catch_end(&f->caught);
    EXPECT(error == -EPERM && lines_of(text) == 1 && strstr(text, "is in the way") != NULL);
    catch_begin(&f->caught);
    error = fb_ctl_clean(f->name);
    text = catch_end(&f->caught);
    EXPECT(error == -EPERM && lines_of(text) == 1 && strstr(text, f->path) != NULL);
}

static void what_cannot_be_cleared_is_a_refusal_and_no_endless_try(void **state) {
    struct fixture *f = *state;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    in_child(be_refused, f);
    assert_true(exists(f, FB_KIND_CTL, 0));
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    catch_begin(&f->caught);
    int created = fb_ctl_create(&f->ours, f->name);
    expect_one_line(catch_end(&f->caught), "a directory of uid");
    assert_int_equal(created, -EISDIR);
}

static void the_ctl_of_another_user_is_refused_even_by_root(void **state) {
    struct fixture *f = *state;
    if (geteuid() != 0)
        SKIP("a file can be given away by root only");
    put_file(f->path, "", 0);
    assert_int_equal(chown(f->path, NOBODY, NOBODY), 0);
    in_child(be_refused, f);
    assert_true(exists(f, FB_KIND_CTL, 0));
}

static void
destroying_unlinks_everything_of_the_instance_and_nothing_of_its_successor(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    char side[FB_PATH_MAX];
    fb_object_path(side, FB_SHM_DIR, f->name, FB_KIND_UP, 3);
    put_file(side, "", 0);
    fb_ctl_destroy(&f->ours);
    assert_false(exists(f, FB_KIND_CTL, 0) || exists(f, FB_KIND_UP, 3));
    fb_ctl_destroy(&f->ours);
    /* The name was taken away by hand and another one has it now. */
    make_ours(f);
    assert_int_equal(unlink(f->path), 0);
    struct fb_ctl_handle successor;
    assert_int_equal(fb_ctl_create(&successor, f->name), 0);
    fb_ctl_destroy(&f->ours);
    assert_true(exists(f, FB_KIND_CTL, 0));
    fb_ctl_destroy(&successor);
    assert_false(exists(f, FB_KIND_CTL, 0));
}

/* ---- joining: not yet, wrong, joined */

static void a_ctl_that_is_still_being_made_is_not_there_yet(void **state) {
    struct fixture *f = *state;
    assert_int_equal(join_quietly(f), FB_NOT_YET); /* no such object */
    assert_string_equal(f->caught.text, "");
    put_file(f->path, "", 0);
    assert_int_equal(join_quietly(f), FB_NOT_YET); /* empty */
    assert_string_equal(f->caught.text, "");
    assert_int_equal(truncate(f->path, 4096), 0);
    assert_int_equal(join_quietly(f), FB_NOT_YET); /* no magic */
    assert_string_equal(f->caught.text, "");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(fb_ctl_create(&f->ours, f->name), 0);
    assert_int_equal(join_quietly(f), FB_NOT_YET);
    assert_string_equal(f->caught.text, "");
    assert_null(f->joined.ctl);
    assert_int_equal(f->joined.region.fd, -1);
    fb_ctl_format(&f->ours);
    assert_int_equal(join_quietly(f), FB_JOINED);
}

static void expect_wrong(struct fixture *f, const char *one, const char *other) {
    assert_int_equal(join_quietly(f), FB_WRONG);
    expect_one_line(f->caught.text, one);
    expect_one_line(f->caught.text, other);
    assert_null(f->joined.ctl);
    assert_int_equal(f->joined.region.fd, -1);
}

static void what_is_no_flow_balancer_object_is_refused_with_both_magics(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    atomic_store(&f->ours.ctl->header.magic, UINT64_C(0xdeadbeef01020304));
    expect_wrong(f, "deadbeef01020304", "31624177306c4662");
}

static void another_layout_is_refused_with_both_fingerprints(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    char ours[32];
    snprintf(ours, sizeof ours, "%016llx", (unsigned long long)fb_layout_fingerprint());
    f->ours.ctl->header.fingerprint = UINT64_C(0x0123456789abcdef);
    expect_wrong(f, "0123456789abcdef", ours);
}

static void an_object_of_another_kind_number_or_length_is_refused_with_both(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    f->ours.ctl->header.kind = FB_KIND_UP;
    expect_wrong(f, "says kind 3", "expected kind 1");
    f->ours.ctl->header.kind = FB_KIND_CTL;
    f->ours.ctl->header.worker = 9;
    expect_wrong(f, "worker 9", "worker 0");
    f->ours.ctl->header.worker = 0;
    f->ours.ctl->header.size = f->ours.region.size + 1;
    expect_wrong(f, "at most", "bytes");
    /* A header of ours on an object too short for a ctl. */
    f->ours.ctl->header.size = 4096;
    assert_int_equal(ftruncate(f->ours.region.fd, 4096), 0);
    expect_wrong(f, "has 4096 bytes", "expected");
}

static void a_name_too_long_for_a_path_cannot_be_joined_or_made(void **state) {
    struct fixture *f = *state;
    char name[FB_PATH_MAX];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(fb_ctl_create(&f->ours, name), -ENAMETOOLONG);
    assert_int_equal(fb_ctl_clean(name), -ENAMETOOLONG);
    assert_int_equal(fb_ctl_join(&f->joined, name), FB_WRONG);
}

static void truncate_while_joining(void *arg) {
    struct fixture *f = arg;
    EXPECT(fb_guard_init() == 0);
    EXPECT(fb_ctl_join(&f->joined, f->name) == FB_JOINED);
    int slot = fb_guard_add(f->joined.region.base, f->joined.region.size);
    step_tell(&f->up, 'j');
    EXPECT(step_hear(&f->down) == 't');
    struct fb_snapshot snapshot;
    EXPECT(fb_ctl_read_snapshot(f->joined.ctl, &snapshot, FB_MAX_WORKERS));
    EXPECT(fb_guard_faulted(slot) && snapshot.run[FB_RUN_RECEIVED] == 0);
}

static void a_ctl_that_is_truncated_does_not_kill_its_reader(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    pid_t pid = child_start(truncate_while_joining, f);
    assert_int_equal(step_hear(&f->up), 'j');
    assert_int_equal(ftruncate(f->ours.region.fd, 0), 0);
    step_tell(&f->down, 't');
    assert_int_equal(child_wait(pid), 0);
    /* The dispatcher's own mapping has lost its pages as well: not touched any more. */
}

static void a_joiner_sees_what_the_dispatcher_writes_and_cannot_write(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    assert_int_equal(fb_ctl_join(&f->joined, f->name), FB_JOINED);
    assert_string_equal(f->joined.ctl->name, f->name);
    assert_string_equal(f->joined.ctl->version, FB_VERSION);
    assert_int_equal(f->joined.ctl->pid, getpid());
    assert_memory_equal(f->joined.ctl->header.instance, f->ours.ctl->header.instance, 16);
    fb_ctl_set_state(f->ours.ctl, 255, FB_STATE_LOST);
    fb_ctl_set_epoch(f->ours.ctl, 255, UINT64_MAX);
    fb_ctl_add_link_type(f->ours.ctl, FB_MAX_LINKS - 1, -7);
    assert_int_equal(fb_ctl_state(f->joined.ctl, 255), FB_STATE_LOST);
    assert_true(fb_ctl_epoch(f->joined.ctl, 255) == UINT64_MAX);
    assert_int_equal(fb_ctl_link_type(f->joined.ctl, FB_MAX_LINKS - 1), -7);
    fb_ctl_destroy(&f->ours);
    assert_false(fb_ctl_alive(&f->joined));
}

static void write_to_joined(void *arg) {
    struct fixture *f = arg;
    ((volatile struct fb_ctl *)f->joined.ctl)->pid = 1;
}

static void a_joiner_that_writes_dies(void **state) {
    struct fixture *f = *state;
    make_ours(f);
    assert_int_equal(fb_ctl_join(&f->joined, f->name), FB_JOINED);
    int status = child_wait(child_start(write_to_joined, f));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

#define CTL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    fb_log_init("test_ctl", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        CTL_TEST(a_second_dispatcher_is_refused_and_the_first_goes_on),
        CTL_TEST(a_second_dispatcher_process_is_refused_before_and_after_the_magic),
        CTL_TEST(names_side_by_side_do_not_disturb_each_other),
        CTL_TEST(of_several_that_start_together_one_becomes_the_dispatcher),
        CTL_TEST(what_a_killed_dispatcher_left_is_cleared_by_the_next),
        CTL_TEST(what_a_killed_dispatcher_left_can_be_cleaned_and_is_joined_by_none),
        CTL_TEST(while_debris_is_cleared_its_dispatcher_does_not_look_alive),
        CTL_TEST(the_next_dispatcher_waits_for_one_that_clears),
        CTL_TEST(a_further_cleaner_waits_for_one_that_clears),
        CTL_TEST(what_a_killed_dispatcher_counted_can_be_read_until_then),
        CTL_TEST(sides_without_a_ctl_are_cleared_too),
        CTL_TEST(what_was_hidden_when_its_maker_died_is_cleared_and_so_is_all_without_a_ctl),
        CTL_TEST(the_name_of_a_dead_ctl_is_never_free_until_the_next_has_it),
        CTL_TEST(what_cannot_be_cleared_is_a_refusal_and_no_endless_try),
        CTL_TEST(the_ctl_of_another_user_is_refused_even_by_root),
        CTL_TEST(destroying_unlinks_everything_of_the_instance_and_nothing_of_its_successor),
        CTL_TEST(a_ctl_that_is_still_being_made_is_not_there_yet),
        CTL_TEST(what_is_no_flow_balancer_object_is_refused_with_both_magics),
        CTL_TEST(another_layout_is_refused_with_both_fingerprints),
        CTL_TEST(an_object_of_another_kind_number_or_length_is_refused_with_both),
        CTL_TEST(a_name_too_long_for_a_path_cannot_be_joined_or_made),
        CTL_TEST(a_ctl_that_is_truncated_does_not_kill_its_reader),
        CTL_TEST(a_joiner_sees_what_the_dispatcher_writes_and_cannot_write),
        CTL_TEST(a_joiner_that_writes_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
