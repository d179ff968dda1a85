/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/samples.h"

#include <limits.h>
#include <stdlib.h>

#include "tests/lib/unit.h"

const char *samples_folder(const char *variable, const char *otherwise) {
    static char folder[PATH_MAX];
    const char *given = getenv(variable);

    if (realpath(given != NULL ? given : otherwise, folder) == NULL)
        SKIP("no folder %s: set %s to that of the captures", given != NULL ? given : otherwise,
             variable);
    return folder;
}
