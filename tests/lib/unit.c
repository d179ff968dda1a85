/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <stdlib.h>

void *new_state(void **state, size_t size) {
    *state = calloc(1, size);
    assert_non_null(*state);
    return *state;
}
