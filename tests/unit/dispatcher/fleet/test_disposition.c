/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/disposition.c: what becomes of a number whose process is gone, cell by cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatcher/fleet/disposition.h"

/* Read off by hand: by phase, whether packets wait, disposition, whether anything is awaited. */
static const struct cell {
    struct remains remains;
    enum resolution resolution;
} cells[] = {
#define CELL(phase, packets, disposition, awaited, resolution)                                     \
    { {FLEET_##phase, DISPOSITION_##disposition, packets, awaited}, RESOLVE_##resolution }
    CELL(RUNNING, false, WAIT_NEXT, false, FREE),
    CELL(RUNNING, false, WAIT_NEXT, true, WAIT),
    CELL(RUNNING, true, WAIT_NEXT, true, WAIT),
    CELL(RUNNING, false, MOVE_GONE, false, FREE),
    CELL(RUNNING, false, MOVE_GONE, true, LOSE),
    CELL(RUNNING, true, MOVE_GONE, true, LOSE),
    CELL(RUNNING, false, MOVE_NOW, false, FREE),
    CELL(RUNNING, false, MOVE_NOW, true, LOSE),
    CELL(RUNNING, true, MOVE_NOW, true, LOSE),
    CELL(STOPPING, false, WAIT_NEXT, false, RETIRE),
    CELL(STOPPING, false, WAIT_NEXT, true, RETIRE),
    CELL(STOPPING, true, WAIT_NEXT, true, WAIT),
    CELL(STOPPING, false, MOVE_GONE, false, RETIRE),
    CELL(STOPPING, false, MOVE_GONE, true, RETIRE),
    CELL(STOPPING, true, MOVE_GONE, true, LOSE),
    CELL(STOPPING, false, MOVE_NOW, false, RETIRE),
    CELL(STOPPING, false, MOVE_NOW, true, RETIRE),
    CELL(STOPPING, true, MOVE_NOW, true, LOSE),
    CELL(ENDING, false, WAIT_NEXT, false, RETIRE),
    CELL(ENDING, true, WAIT_NEXT, true, RETIRE),
    CELL(ENDING, false, MOVE_GONE, true, RETIRE),
    CELL(ENDING, true, MOVE_GONE, true, RETIRE),
    CELL(ENDING, false, MOVE_NOW, true, RETIRE),
    CELL(ENDING, true, MOVE_NOW, true, RETIRE),
#undef CELL
};

static void each_cell_is_as_drawn(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        if (resolve(&cells[i].remains) != cells[i].resolution)
            fail_msg("cell %zu: %d, not %d", i, resolve(&cells[i].remains), cells[i].resolution);
    }
}

/* A number that is lost has work for the others, and nothing else is ever taken from it. */
static void only_what_is_awaited_is_lost_or_waited_for(void **state) {
    (void)state;
    for (unsigned i = 0; i < FLEET_PHASES * DISPOSITION_COUNT * 2; i++) {
        struct remains remains = {.phase = (enum fleet_phase)(i % FLEET_PHASES),
                                  .disposition =
                                      (enum disposition)(i / FLEET_PHASES % DISPOSITION_COUNT)};
        enum resolution resolution = resolve(&remains);
        assert_true(resolution == RESOLVE_RETIRE || resolution == RESOLVE_FREE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cell_is_as_drawn),
        cmocka_unit_test(only_what_is_awaited_is_lost_or_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
