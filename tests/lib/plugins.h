/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_PLUGINS_H
#define TESTS_LIB_PLUGINS_H

#include "tests/lib/process.h"

/* For tests with the plugins of tests/tools/plugins. */

/* From here on the plugin is there as ./NAME.so. */
void use_plugin(struct test *t, const char *name);

/* The text of a file of the test's directory; "" if there is none. Good until the next call. */
const char *text_in(struct test *t, const char *name);

/* How many lines of a text begin so. */
unsigned lines_with(const char *text, const char *begin);

#endif
