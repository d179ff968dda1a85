/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_CHILD_H
#define TESTS_LIB_CHILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow_balancer/names.h"

/*
 * Parts of a test that run in a forked child: what may kill, what changes
 * mounts or the uid, and the other process of an agreement between two. A
 * child expects with EXPECT(), never with cmocka's asserts, which would go on
 * with the parent's tests in it; it ends by returning, or by the parent's hand.
 */

/* In a child: says what did not hold and ends it. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "child: %s:%d: %s\n", __FILE__, __LINE__, #condition);                 \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

#define CHILD_SKIPS 77 /* exit status of a child that cannot be run */

typedef void (*child_body)(void *arg);

static inline pid_t child_start(child_body body, void *arg) {
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

/* Waits for the child's end; returns the status of waitpid(). */
static inline int child_wait(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) != pid)
        ;
    return status;
}

static inline void child_kill(pid_t pid) {
    kill(pid, SIGKILL);
    child_wait(pid);
}

#define SKIP(...)                                                                                  \
    do {                                                                                           \
        print_message("skip: " __VA_ARGS__);                                                       \
        print_message("\n");                                                                       \
        skip();                                                                                    \
    } while (0)

/* Runs it to its end, in which every EXPECT() held; skips if it found that it cannot be run. */
static inline void in_child(child_body body, void *arg) {
    int status = child_wait(child_start(body, arg));
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPS)
        SKIP("the child could not run, and said why");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the child ended with wait status 0x%x", (unsigned)status);
}

/* Two processes in step: a letter through a pipe. */
struct step {
    int ends[2];
};

static inline void step_open(struct step *step) {
    assert_int_equal(pipe2(step->ends, O_CLOEXEC), 0);
}

static inline void step_close(struct step *step) {
    close(step->ends[0]);
    close(step->ends[1]);
}

static inline void step_tell(const struct step *step, char letter) {
    if (write(step->ends[1], &letter, 1) != 1)
        _exit(1);
}

/* The next letter, or 0 if everybody who could tell is gone: close your own end for that. */
static inline char step_hear(const struct step *step) {
    char letter = 0;
    return read(step->ends[0], &letter, 1) == 1 ? letter : (char)0;
}

/* In a child: says why it cannot be run, and ends it. */
static inline void child_skip(const char *why) {
    printf("skip: %s\n", why);
    fflush(stdout);
    _exit(CHILD_SKIPS);
}

/*
 * In a child, for root: mounts of its own, which end with it. In a chroot whose
 * root is no mount point only those over `point` are its own: returns false then.
 */
static inline bool private_mounts(const char *point) {
    EXPECT(unshare(CLONE_NEWNS) == 0);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return true;
    if (mount(NULL, point, NULL, MS_PRIVATE, NULL) != 0)
        child_skip("in this chroot no mount can be kept from the rest of the machine");
    return false;
}

/* In a child, for root: a /dev/shm that is not the machine's, and no hugetlbfs. */
static inline void private_shm(const char *options) {
    bool all = private_mounts(FB_SHM_DIR);
    char path[FB_PATH_MAX];
    while (fb_hugetlbfs_mount(0, path)) {
        if (!all)
            child_skip("in this chroot a hugetlbfs mount cannot be put aside");
        EXPECT(umount2(path, MNT_DETACH) == 0);
    }
    EXPECT(mount("tmpfs", FB_SHM_DIR, "tmpfs", 0, options) == 0);
}

/* What is written to standard error, or to another descriptor, between two calls, in memory. */
struct caught {
    int file, saved;
    char text[65536];
};

static inline void catch_begin_of(int fd, struct caught *c) {
    fflush(NULL);
    c->file = memfd_create("caught", MFD_CLOEXEC);
    c->saved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (c->file < 0 || c->saved < 0 || dup2(c->file, fd) < 0)
        abort();
}

static inline const char *catch_end_of(int fd, struct caught *c) {
    fflush(NULL);
    dup2(c->saved, fd);
    close(c->saved);
    ssize_t n = pread(c->file, c->text, sizeof c->text - 1, 0);
    c->text[n > 0 ? n : 0] = '\0';
    close(c->file);
    return c->text;
}

static inline void catch_begin(struct caught *c) {
    catch_begin_of(STDERR_FILENO, c);
}

static inline const char *catch_end(struct caught *c) {
    return catch_end_of(STDERR_FILENO, c);
}

static inline unsigned lines_of(const char *text) {
    unsigned lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static inline void expect_one_line(const char *text, const char *part) {
    if (lines_of(text) != 1 || strstr(text, part) == NULL)
        fail_msg("not one line with '%s': '%s'", part, text);
}

#endif
