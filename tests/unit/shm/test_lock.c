/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/lock.c: a lock that lives as long as its process. */
#include "tests/lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "flow_balancer/lock.h"

/* A file in /dev/shm, where locks of shared objects live; each test has its own. */
struct fixture {
    char path[64];
    int fd; /* a description that never takes the lock: it probes */
    struct step up, down;
    bool keep_fork; /* the holder leaves MADV_DONTFORK out */
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return 1;
    strcpy(f->path, "/dev/shm/test-lock.XXXXXX");
    f->fd = mkostemp(f->path, O_CLOEXEC);
    *state = f;
    step_open(&f->up);
    step_open(&f->down);
    return f->fd < 0 || ftruncate(f->fd, 4096) != 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    step_close(&f->up);
    step_close(&f->down);
    close(f->fd);
    int error = unlink(f->path);
    free(f);
    return error;
}

static int open_again(const struct fixture *f) {
    int fd = open(f->path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* ---- refusals */

static void a_second_description_is_refused_even_in_the_same_process(void **state) {
    struct fixture *f = *state;
    int a = open_again(f), b = open_again(f);
    assert_int_equal(fb_lock_take(a), 0);
    assert_int_equal(fb_lock_take(b), -EAGAIN);
    assert_int_equal(fb_lock_take(a), 0); /* it is its own */
    assert_true(fb_lock_held(b));
    close(b); /* unlike POSIX locks, closing another descriptor of the file frees nothing */
    assert_true(fb_lock_held(f->fd));
    close(a);
    assert_false(fb_lock_held(f->fd));
}

static void a_descriptor_that_cannot_be_probed_is_not_declared_dead(void **state) {
    (void)state;
    assert_true(fb_lock_held(-1));
    assert_int_equal(fb_lock_take(-1), -EBADF);
}

static void a_read_only_descriptor_cannot_take_it_but_can_probe(void **state) {
    struct fixture *f = *state;
    int reader = open(f->path, O_RDONLY | O_CLOEXEC), holder = open_again(f);
    assert_int_equal(fb_lock_take(reader), -EBADF);
    assert_false(fb_lock_held(reader));
    assert_int_equal(fb_lock_take(holder), 0);
    assert_true(fb_lock_held(reader));
    close(holder);
    close(reader);
}

static void clearing_and_a_life_exclude_each_other_and_themselves(void **state) {
    struct fixture *f = *state;
    int a = open_again(f), b = open_again(f);
    assert_int_equal(fb_lock_take(a), 0);
    assert_int_equal(fb_lock_take_to_clear(b), -EAGAIN);
    close(a);
    assert_int_equal(fb_lock_take_to_clear(b), 0);
    a = open_again(f);
    assert_int_equal(fb_lock_take(a), -EAGAIN);
    assert_int_equal(fb_lock_take_to_clear(a), -EAGAIN);
    close(b);
    assert_int_equal(fb_lock_take(a), 0);
    close(a);
}

static void who_clears_does_not_look_alive(void **state) {
    struct fixture *f = *state;
    int cleaner = open_again(f);
    assert_int_equal(fb_lock_take_to_clear(cleaner), 0);
    assert_false(fb_lock_held(f->fd));
    close(cleaner);
}

/* ---- who holds it, and how long */

static void no_process_holds_a_new_file(void **state) {
    struct fixture *f = *state;
    assert_false(fb_lock_held(f->fd));
}

static void readers_do_not_count_as_holders(void **state) {
    struct fixture *f = *state;
    int reader = open_again(f);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(reader, F_OFD_SETLK, &lock), 0);
    assert_false(fb_lock_held(f->fd));
    close(reader);
}

static void the_lock_covers_the_file_whatever_its_length(void **state) {
    struct fixture *f = *state;
    int holder = open_again(f);
    assert_int_equal(fb_lock_take(holder), 0);
    assert_int_equal(ftruncate(f->fd, 1 << 20), 0);
    struct flock far = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 1 << 19, .l_len = 1};
    assert_int_equal(fcntl(f->fd, F_OFD_GETLK, &far), 0);
    assert_int_equal(far.l_type, F_WRLCK);
    assert_int_equal(ftruncate(f->fd, 0), 0);
    assert_true(fb_lock_held(f->fd));
    close(holder);
}

static void a_mapping_keeps_the_lock_when_the_descriptor_is_closed(void **state) {
    struct fixture *f = *state;
    int holder = open_again(f);
    void *base = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, holder, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(fb_lock_take(holder), 0);
    close(holder);
    assert_true(fb_lock_held(f->fd));
    munmap(base, 4096);
    assert_false(fb_lock_held(f->fd));
}

static void an_unlinked_file_keeps_its_lock(void **state) {
    struct fixture *f = *state;
    char other[80];
    snprintf(other, sizeof other, "%s.moved", f->path);
    int holder = open_again(f);
    assert_int_equal(fb_lock_take(holder), 0);
    assert_int_equal(rename(f->path, other), 0);
    int fresh = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(unlink(other), 0);
    assert_true(fb_lock_held(f->fd));
    assert_false(fb_lock_held(fresh)); /* the name leads elsewhere, and so does its lock */
    close(fresh);
    close(holder);
}

/* Holds the lock as a worker does: by its mapping alone; then has a child that outlives it. */
static void hold(void *arg) {
    struct fixture *f = arg;
    int fd = open(f->path, O_RDWR | O_CLOEXEC);
    void *base = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(fd >= 0 && base != MAP_FAILED);
    if (!f->keep_fork)
        EXPECT(madvise(base, 4096, MADV_DONTFORK) == 0);
    EXPECT(fb_lock_take(fd) == 0);
    close(fd);
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        alarm(60);
        step_tell(&f->up, 'c');
        step_hear(&f->down); /* until the test lets it go */
        _exit(0);
    }
    step_tell(&f->up, 'h');
    pause();
}

/* Returns when the holder is dead and its child still lives. */
static void kill_holder_of(struct fixture *f) {
    pid_t holder = child_start(hold, f);
    char a = step_hear(&f->up), b = step_hear(&f->up);
    assert_true((a == 'h' && b == 'c') || (a == 'c' && b == 'h'));
    assert_true(fb_lock_held(f->fd));
    child_kill(holder);
}

static void the_lock_of_a_killed_process_is_free_though_its_child_lives(void **state) {
    struct fixture *f = *state;
    kill_holder_of(f);
    bool held = fb_lock_held(f->fd);
    step_tell(&f->down, 'g');
    assert_false(held);
}

/* Why a worker marks its up side so: without it the child keeps the lock. */
static void without_dontfork_a_child_would_keep_the_lock_of_its_dead_parent(void **state) {
    struct fixture *f = *state;
    f->keep_fork = true;
    kill_holder_of(f);
    bool held = fb_lock_held(f->fd);
    step_tell(&f->down, 'g');
    assert_true(held);
}

#define LOCK_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOCK_TEST(a_second_description_is_refused_even_in_the_same_process),
        LOCK_TEST(a_descriptor_that_cannot_be_probed_is_not_declared_dead),
        LOCK_TEST(a_read_only_descriptor_cannot_take_it_but_can_probe),
        LOCK_TEST(clearing_and_a_life_exclude_each_other_and_themselves),
        LOCK_TEST(who_clears_does_not_look_alive),
        LOCK_TEST(no_process_holds_a_new_file),
        LOCK_TEST(readers_do_not_count_as_holders),
        LOCK_TEST(the_lock_covers_the_file_whatever_its_length),
        LOCK_TEST(a_mapping_keeps_the_lock_when_the_descriptor_is_closed),
        LOCK_TEST(an_unlinked_file_keeps_its_lock),
        LOCK_TEST(the_lock_of_a_killed_process_is_free_though_its_child_lives),
        LOCK_TEST(without_dontfork_a_child_would_keep_the_lock_of_its_dead_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
