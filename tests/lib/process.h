/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_PROCESS_H
#define TESTS_LIB_PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <jansson.h>

#include "flow_balancer/names.h"
#include "tests/lib/unit.h"

/*
 * The programs under test as processes of one test, which has a directory and
 * an instance name of its own. The test adopts what its processes leave behind,
 * so that tear down knows whether anything is left. Every wait has a deadline,
 * after which the test fails and says where it stood: a watchdog far beyond
 * what a slow machine needs, never a measurement.
 */
#define PROCESS_DEADLINE_S 60.0
#define PROCESSES_MAX 32u
#define PROCESS_PATH_MAX 256u

/* Exit statuses that mean something; those above 128 are signals. */
enum { EXIT_DONE = 0, EXIT_RUNTIME = 1, EXIT_WRONG_USAGE = 2, EXIT_NOTHING_TO_CLAIM = 75 };

struct process {
    pid_t pid;
    int input;  /* writes to its standard input; -1 */
    int screen; /* reads what is on its terminal, and does not wait for it; -1 */
    int status; /* once ended: its exit status, or 128 + signal */
    bool ended;
    char command[512];
    char output[PROCESS_PATH_MAX], errors[PROCESS_PATH_MAX]; /* files of its two streams */
};

struct test {
    char directory[PROCESS_PATH_MAX - 64]; /* where every process runs */
    char name[FB_NAME_MAX + 1];            /* of the test's instance; more begin with it */
    char programs[PROCESS_PATH_MAX], scripts[PROCESS_PATH_MAX];
    int unread[2]; /* the pipe of process_start_unread(), or -1 */
    struct process processes[PROCESSES_MAX];
    unsigned count;
    unsigned started;                    /* numbers the files of the streams */
    void (*enter)(const struct test *t); /* called in each process before its program; or NULL */
    json_t *report;                      /* of the last report_of() */
    char text[1 << 18];
};

/* For cmocka; the state is a struct test. Tear down fails if the test left anything. */
int processes_set_up(void **state);
int processes_tear_down(void **state);
#define PROCESS_TEST(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, processes_set_up, processes_tear_down)

/*
 * Starts the words of a command, parted by single blanks; a word @ stands for
 * the instance's name. The first is a program of the build, or flow-balancer,
 * the script, or an absolute path. Paths are relative to the test's directory.
 */
struct process *process_start(struct test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with a pipe as its standard input. */
struct process *process_start_piped(struct test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, and with a terminal of 100 columns as its standard error. */
struct process *process_start_on_terminal(struct test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with a pipe as its standard input, and a full pipe as its standard error, which all such
 * processes of the test share. It has no room before process_read_unread(). */
struct process *process_start_unread(struct test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with words as they are, empty ones too; the last is NULL. */
struct process *process_start_words(struct test *t, const char *const words[]);
/* The words of a command as of process_start(), and then an option whose value may have blanks. */
struct process *process_start_with(struct test *t, const char *command, const char *option,
                                   const char *value);
/* Starts it, waits for its end, returns its status. */
int process_run(struct test *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Waits for its end and returns its status. */
int process_wait(struct test *t, struct process *p);
/* Waits for its end and fails, with what it said, unless it has this status. */
void process_expect(struct test *t, struct process *p, int status);
void process_signal(const struct process *p, int signo);
bool process_ended(struct test *t, struct process *p);
/* Writes all bytes to its standard input; false if it reads no more. */
bool process_feed(struct process *p, const void *bytes, size_t size);
void process_close_input(struct process *p);
/* Prints what every process said and which are running: before a failure. */
void processes_print(struct test *t);
/* Lets the slot of a process that has ended be used again, or those of all. */
void process_forget(struct test *t, struct process *p);
void processes_forget(struct test *t);

/* What it wrote, in t->text; log lines without the time before them. */
const char *process_output(struct test *t, const struct process *p);
const char *process_errors(struct test *t, const struct process *p);
/* What was written to the pipe of process_start_unread() since the last call. It then has room. */
const char *process_read_unread(struct test *t);
void expect_said(struct test *t, const struct process *p, const char *part);
void expect_one_line_with(struct test *t, const struct process *p, const char *part);

/* The process of the instance that serves a worker number, a child of ours or of the script. */
pid_t process_of_worker(const char *instance, unsigned worker);
/* The dispatcher of the instance. */
pid_t process_of_dispatcher(const char *instance);

/* UNTIL(t, condition): looks at it again and again up to the deadline. */
#define UNTIL(t, condition)                                                                        \
    for (double until_end_ = seconds_now() + PROCESS_DEADLINE_S; !(condition);                     \
         pause_or_fail((t), until_end_, #condition))
double seconds_now(void);
void pause_ms(long ms);
void pause_or_fail(struct test *t, double end, const char *what);

/* The path of a file in the test's directory; good until the fourth call after. */
const char *file_in(const struct test *t, const char *name);
bool file_exists(const struct test *t, const char *name);
/* How many objects in /dev/shm the instance has, hidden ones too. */
unsigned objects_of(const char *instance);

/* The sum of the counts in the lines "WHAT: no more drops: N ..." of what a dispatcher wrote. */
json_int_t drops_logged(struct test *t, const struct process *p, const char *what);

/* ---- reports: owned by the test, good until the next */

/* A report written with --report into the test's directory. */
const json_t *report_of(struct test *t, const char *file);
/* What flow-stat says of the instance now; NULL if it is not running. */
const json_t *stat_of(struct test *t, const char *instance);
/* A value by its path, parts joined by dots: "ledger.dropped.ring_full", "workers.0.pid". */
const json_t *value_at(const json_t *report, const char *path);
json_int_t number_at(const json_t *report, const char *path);
const char *text_at(const json_t *report, const char *path);
/* number_at() of stat_of(), or -1. */
json_int_t stat_number(struct test *t, const char *instance, const char *path);
/* Whether the worker is in this state now. */
bool worker_is(struct test *t, const char *instance, unsigned worker, const char *state);
/* The sum of a number over all workers. */
json_int_t sum_of_workers(const json_t *report, const char *number);

void expect_number(const json_t *report, const char *path, json_int_t wanted);
/* The two sides agree, nothing is in flight, flows add up, shares sum to 1. */
void expect_ledger_balanced(const json_t *report);
/* The same, and the source counted what was taken from it and what it dropped, no more. */
void expect_balanced(const json_t *report);
/* What a dispatcher in drop mode logged of drops adds up to what it counted, for each ring and each
 * interface. */
void expect_drops_logged(struct test *t, const struct process *p, const json_t *report);
/* The same, all of `received` was inspected, and the workers themselves counted as many. */
void expect_all_inspected(const json_t *report, json_int_t received);

#endif
