/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_EXAMPLES_H
#define TESTS_LIB_EXAMPLES_H

/*
 * The examples of tests/examples, built against an installed tree, never against this one: a
 * group of tests installs into a directory of its own, and builds there. They all write the same
 * packet log, so that one judge does for all.
 */
#include "tests/lib/process.h"
#include "tests/lib/records.h"

struct example {
    const char *name;
    const char *plugin;  /* its file, for --inspector; or NULL: */
    const char *program; /* how its command begins; @ stands for the folder of what was built */
};

/* C, C++, Rust; then programs: C, C with poll(), Python. */
#define EXAMPLES 6u
extern const struct example examples[EXAMPLES];

/* For cmocka_run_group_tests(): the folder, and what is built in it. Its path is good until the
 * tear down; "" if it could not be set up, which is printed. */
int examples_set_up(void **state);
int examples_tear_down(void **state);
const char *examples_folder(void);

/* Skips the test where the example cannot be built, or run: no rustc, no /usr/bin/python3. */
void example_or_skip(const struct example *example);

/* Starts it as worker k of the instance t->name, with its log in the test's directory `log`. */
struct process *example_start(struct test *t, const struct example *example, unsigned worker,
                              const char *log);

/* Sets the environment that finds the installed library and module; for t->enter, and in it. */
void examples_enter(const struct test *t);

/* The log of a run over a trace: each packet once, but for at most so many that came again, and
 * each flow in order at one worker. */
void examples_expect_logged(struct test *t, const char *log, const char *trace, uint64_t last,
                            size_t suspects);

/* The lines of flow ends: one a flow, and each packet counted in one of them. */
void examples_expect_ends(struct test *t, const char *log, json_int_t flows, uint64_t packets);

/* The lines of all workers, in the order of frames and flows, are those of the first example that
 * this was called for with that label. */
void examples_expect_same(struct test *t, const char *log, const char *label);

#endif
