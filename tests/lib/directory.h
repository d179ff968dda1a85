/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_DIRECTORY_H
#define TESTS_LIB_DIRECTORY_H

/* A directory of a test's own in /tmp. */
#define DIRECTORY_PATHS 16u /* how many paths in it are good at a time */

struct directory {
    char path[32]; /* first, so that a test whose state it is has its path there */
    char paths[DIRECTORY_PATHS][128];
    unsigned next;
};

/* Fails the test if it cannot be made. */
void directory_make(struct directory *d);

/* With all that is in it. */
void directory_remove(struct directory *d);

/* For cmocka: of a test, or of a group of tests. */
int directory_set_up(void **state);
int directory_tear_down(void **state);

/* The path of a name in it; good for DIRECTORY_PATHS calls. */
const char *path_in(struct directory *d, const char *name);

#endif
