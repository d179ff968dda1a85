/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "flow_balancer/names.h"

pid_t child_start(child_body body, void *arg) {
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* Deaths on purpose leave no core, and are neither a report of a sanitizer nor a failure
         * that cmocka would go on from. */
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT};
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
            signal(signals[i], SIG_DFL);
        alarm(20); /* a watchdog: no child outlives a test that broke off, or waits for ever */
        body(arg);
        _exit(0);
    }
    return pid;
}

void child_lives_on(void *arg) {
    (void)arg;
    for (;;)
        pause();
}

int child_wait(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) != pid)
        ;
    return status;
}

void child_kill(pid_t pid) {
    kill(pid, SIGKILL);
    child_wait(pid);
}

void in_child(child_body body, void *arg) {
    int status = child_wait(child_start(body, arg));
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPS)
        SKIP("the child could not run, and said why");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the child ended with wait status 0x%x", (unsigned)status);
}

void child_skip(const char *why) {
    printf("skip: %s\n", why);
    fflush(stdout);
    _exit(CHILD_SKIPS);
}

void step_open(struct step *step) {
    assert_int_equal(pipe2(step->ends, O_CLOEXEC), 0);
}

void step_close(struct step *step) {
    close(step->ends[0]);
    close(step->ends[1]);
}

void step_tell(const struct step *step, char letter) {
    if (write(step->ends[1], &letter, 1) != 1)
        _exit(1);
}

char step_hear(const struct step *step) {
    char letter = 0;
    return read(step->ends[0], &letter, 1) == 1 ? letter : (char)0;
}

bool private_mounts(const char *point) {
    EXPECT(unshare(CLONE_NEWNS) == 0);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return true;
    if (mount(NULL, point, NULL, MS_PRIVATE, NULL) != 0)
        child_skip("in this chroot no mount can be kept from the rest of the machine");
    return false;
}

void private_shm(const char *options) {
    bool all = private_mounts(FB_SHM_DIR);
    char path[FB_PATH_MAX];
    while (fb_hugetlbfs_mount(0, path)) {
        if (!all)
            child_skip("in this chroot a hugetlbfs mount cannot be put aside");
        EXPECT(umount2(path, MNT_DETACH) == 0);
    }
    EXPECT(mount("tmpfs", FB_SHM_DIR, "tmpfs", 0, options) == 0);
}
