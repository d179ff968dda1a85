/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_DIRECTORY_H
#define TESTS_LIB_DIRECTORY_H

/* A directory of a test's own in /tmp. */
#define DIRECTORY_PATHS 16u /* how many paths in it are good at a time */

struct directory {
    char path[32];
    char paths[DIRECTORY_PATHS][128];
    unsigned next;
};

/* Fails the test if it cannot be made. */
void directory_make(struct directory *d);

/* With the files in it, not with directories. */
void directory_remove(struct directory *d);

/* The path of a name in it; good for DIRECTORY_PATHS calls. */
const char *path_in(struct directory *d, const char *name);

#endif
