/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/source_files.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flow_balancer/common/log.h"

static bool is_directory(const char *name) {
    struct stat st;
    return strcmp(name, "-") != 0 && stat(name, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Makes room for n more names. */
static bool make_room(struct source_files *files, unsigned n) {
    size_t count = (size_t)files->count + n;
    const char **names = realloc(files->names, count * sizeof *names);
    if (names != NULL)
        files->names = names;
    char **found = realloc(files->found, count * sizeof *found);
    if (found != NULL)
        files->found = found;
    return names != NULL && found != NULL;
}

/* strcmp(), in any locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file that is no directory. What cannot be looked at now is reported when it is opened. */
static bool is_file(const char *path) {
    struct stat st;
    return stat(path, &st) != 0 || S_ISREG(st.st_mode);
}

/* Returns 0 or -ENOMEM. */
static int add_entry(struct source_files *files, const char *folder, const char *name) {
    char *path;
    if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name) < 0)
        return -ENOMEM;
    if (!is_file(path)) {
        free(path);
        return 0;
    }
    files->found[files->found_count++] = path;
    files->names[files->count++] = path;
    return 0;
}

static int add_entries(struct source_files *files, const char *folder, struct dirent **entries,
                       unsigned n, const char *pattern) {
    int error = make_room(files, n) ? 0 : -ENOMEM;
    for (unsigned i = 0; i < n && error == 0; i++) {
        const char *name = entries[i]->d_name;
        if (name[0] != '.' && (pattern == NULL || fnmatch(pattern, name, 0) == 0))
            error = add_entry(files, folder, name);
    }
    return error;
}

/* Returns 0, or -errno after one logged line. */
static int add_directory(struct source_files *files, const char *folder, const char *pattern) {
    struct dirent **entries;
    unsigned before = files->count;
    int n = scandir(folder, &entries, NULL, by_name);
    if (n < 0) {
        int error = errno;
        fb_error("-r '%s': cannot read the directory: %s", folder, strerror(error));
        return -error;
    }
    int error = add_entries(files, folder, entries, (unsigned)n, pattern);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    if (error != 0)
        fb_error("-r '%s': no memory for the names of %d files: free some", folder, n);
    else if (files->count == before && pattern != NULL)
        fb_error("-r '%s': no file in this directory matches --pattern '%s': give another", folder,
                 pattern);
    else if (files->count == before)
        fb_error("-r '%s': there is no file in this directory: give another, or a file", folder);
    return error != 0 ? error : files->count == before ? -ENOENT : 0;
}

int source_files_init(struct source_files *files, const char *const *names, unsigned count,
                      const char *pattern) {
    bool any = false;
    int error = 0;
    for (unsigned i = 0; i < count && error == 0; i++) {
        if (is_directory(names[i])) {
            any = true;
            error = add_directory(files, names[i], pattern);
        } else if (make_room(files, 1)) {
            files->names[files->count++] = names[i];
        } else {
            fb_error("no memory for the names of %u files: free some", count);
            error = -ENOMEM;
        }
    }
    if (error == 0 && pattern != NULL && !any) {
        fb_error("--pattern '%s': it is for directories: give one with -r, or leave it out",
                 pattern);
        error = -EINVAL;
    }
    return error;
}

void source_files_fini(struct source_files *files) {
    for (unsigned i = 0; i < files->found_count; i++)
        free(files->found[i]);
    free(files->found);
    free(files->names);
    *files = (struct source_files){.count = 0};
}
