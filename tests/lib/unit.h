/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_UNIT_H
#define TESTS_LIB_UNIT_H

/* cmocka with the headers that it needs before it, and a skip that says why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Ends the test as skipped; the reason, of printf's form, is shown by scripts/run-tests. */
#define SKIP(...)                                                                                  \
    do {                                                                                           \
        print_message("skip: " __VA_ARGS__);                                                       \
        print_message("\n");                                                                       \
        skip();                                                                                    \
    } while (0)

/* For a set-up function: zeroed memory as the state of the test, which its tear-down frees. */
void *new_state(void **state, size_t size);

#endif
