/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/parent.c: a process that ends with its parent. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parent.h"

#define DEADLINE_MS 20000 /* a watchdog: a death is seen within milliseconds */

static struct caught caught;

static void follow_no_parent(void *arg) {
    (void)arg;
    /* Itself, and a process that is there, but not the one that made it. */
    const uint64_t others[] = {(uint64_t)getpid(), 1, UINT64_C(4194305)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i] == (uint64_t)getppid())
            continue;
        catch_begin(&caught);
        bool followed = fb_follow_parent(others[i]);
        const char *said = catch_end(&caught);
        EXPECT(!followed);
        EXPECT(strstr(said, "--parent ") != NULL && strstr(said, "not the parent") != NULL);
    }
}

static void a_process_that_is_not_the_parent_is_refused(void **state) {
    (void)state;
    in_child(follow_no_parent, NULL);
}

/* Tells the pipe that it follows its parent, and then lives until a signal. */
static void follow_and_wait(int to) {
    bool followed = fb_follow_parent((uint64_t)getppid());
    if (write(to, followed ? "y" : "n", 1) == 1)
        pause();
    _exit(1);
}

/* A parent that dies once its child has told that it follows it. */
static void die_with_a_child(int from, int to) {
    pid_t pid = fork();
    if (pid == 0) {
        close(from);
        alarm(DEADLINE_MS / 1000 * 2);
        follow_and_wait(to);
    }
    close(to);
    char told = 0;
    _exit(pid > 0 && read(from, &told, 1) == 1 && told == 'y' ? 0 : 1);
}

static void it_is_told_to_leave_when_its_parent_dies(void **state) {
    (void)state;
    int alive[2], told[2];
    assert_int_equal(pipe(alive), 0); /* closed for writing when parent and child are gone */
    assert_int_equal(pipe(told), 0);
    fflush(NULL);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        close(alive[0]);
        die_with_a_child(told[0], told[1]);
    }
    close(alive[1]);
    close(told[0]);
    close(told[1]);
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_int_equal(status, 0); /* the child had said that it follows */
    struct pollfd end = {.fd = alive[0], .events = POLLIN};
    assert_int_equal(poll(&end, 1, DEADLINE_MS), 1);
    assert_true((end.revents & POLLHUP) != 0);
    close(alive[0]);
}

int main(void) {
    fb_log_init("test_parent", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_is_not_the_parent_is_refused),
        cmocka_unit_test(it_is_told_to_leave_when_its_parent_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
