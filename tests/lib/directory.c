/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/directory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

void directory_make(struct directory *d) {
    strcpy(d->path, "/tmp/fb-test.XXXXXX");
    assert_non_null(mkdtemp(d->path));
}

void directory_remove(struct directory *d) {
    DIR *all = opendir(d->path);
    const struct dirent *entry;
    while (all != NULL && (entry = readdir(all)) != NULL)
        unlinkat(dirfd(all), entry->d_name, 0);
    if (all != NULL)
        closedir(all);
    rmdir(d->path);
}

const char *path_in(struct directory *d, const char *name) {
    char path[sizeof d->paths[0]], *kept = d->paths[d->next++ % DIRECTORY_PATHS];
    snprintf(path, sizeof path, "%s/%s", d->path, name);
    return strcpy(kept, path);
}
