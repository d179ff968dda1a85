/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_CHILD_H
#define TESTS_LIB_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "tests/lib/unit.h"

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

pid_t child_start(child_body body, void *arg);

/* A body that does nothing until the parent's hand. */
void child_lives_on(void *arg);

/* Waits for the child's end; returns the status of waitpid(). */
int child_wait(pid_t pid);

void child_kill(pid_t pid);

/* Runs it to its end, in which every EXPECT() held; skips if it found that it cannot be run. */
void in_child(child_body body, void *arg);

/* In a child: says why it cannot be run, and ends it. */
void child_skip(const char *why);

/* Two processes in step: a letter through a pipe. */
struct step {
    int ends[2];
};

void step_open(struct step *step);
void step_close(struct step *step);
void step_tell(const struct step *step, char letter);

/* The next letter, or 0 if every process that could tell is gone: close your own end for that. */
char step_hear(const struct step *step);

/*
 * In a child, for root: mounts of its own, which end with it. In a chroot whose
 * root is no mount point only those over `point` are its own: returns false then.
 */
bool private_mounts(const char *point);

/* In a child, for root: a /dev/shm that is not the machine's, and no hugetlbfs. */
void private_shm(const char *options);

#endif
