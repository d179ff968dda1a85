/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/directory.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/unit.h"

void directory_make(struct directory *d) {
    strcpy(d->path, "/tmp/fb-test.XXXXXX");
    assert_non_null(mkdtemp(d->path));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

void directory_remove(struct directory *d) {
    nftw(d->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int directory_set_up(void **state) {
    directory_make(new_state(state, sizeof(struct directory)));
    return 0;
}

int directory_tear_down(void **state) {
    directory_remove(*state);
    free(*state);
    return 0;
}

const char *path_in(struct directory *d, const char *name) {
    char path[sizeof d->paths[0]], *kept = d->paths[d->next++ % DIRECTORY_PATHS];
    snprintf(path, sizeof path, "%s/%s", d->path, name);
    return strcpy(kept, path);
}
