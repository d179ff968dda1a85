/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_RUN_SOURCE_FILES_H
#define DISPATCHER_RUN_SOURCE_FILES_H

/*
 * The files that -r names: a directory stands for the files in it, in the order of their names as
 * bytes, but for hidden ones and directories. Looked at once, at the start: what comes later is
 * not read.
 */
struct source_files {
    const char **names; /* in the order to be read */
    unsigned count;
    char **found; /* of these, those that were found in directories */
    unsigned found_count;
};

/*
 * Fills *files, which is zero before, from `count` names, which outlive it. pattern: of the files
 * of directories only those whose names match, as a shell would (glob(7)); NULL: all. Returns 0,
 * or -errno after one logged line; then too *files is for source_files_fini().
 */
int source_files_init(struct source_files *files, const char *const *names, unsigned count,
                      const char *pattern);
void source_files_fini(struct source_files *files);

#endif
