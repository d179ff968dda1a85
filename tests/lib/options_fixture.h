/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_OPTIONS_FIXTURE_H
#define TESTS_LIB_OPTIONS_FIXTURE_H

#include "dispatcher/run/options.h"
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

/* Command lines of flow-dispatcher: what is made of one, and what is printed meanwhile. */
struct options_fixture {
    struct options options; /* of the last one */
    struct caught output, errors;
    const char *argv[OPTIONS_SOURCES_MAX * 2 + 16];
};

int options_fixture_set_up(void **state);
int options_fixture_tear_down(void **state);
#define OPTIONS_TEST(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, options_fixture_set_up, options_fixture_tear_down)

/* The two below, with the words of the command line as they are. */
#define PARSE(f, ...) options_fixture_parse((f), WORDS(__VA_ARGS__))
#define PARSE_FILE(f, text, ...) options_fixture_parse_file((f), (text), WORDS(__VA_ARGS__))
#define WORDS(...)                                                                                 \
    (const char *const[]) {                                                                        \
        __VA_ARGS__, NULL                                                                          \
    }

/* Parses a command line that ends with NULL, program name apart. */
enum options_result options_fixture_parse(struct options_fixture *f, const char *const *words);

/* The same with a --config file of that text before the words. */
enum options_result options_fixture_parse_file(struct options_fixture *f, const char *text,
                                               const char *const *words);

/* One line was logged, an error with that part. */
void expect_refusal_with(const struct options_fixture *f, const char *part);

#endif
