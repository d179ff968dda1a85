/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_OPTIONS_FIXTURE_H
#define TESTS_LIB_OPTIONS_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include "dispatcher/run/options.h"

/* Command lines of flow-dispatcher: what is made of one, and what is printed meanwhile. */
struct options_fixture {
    struct options options; /* of the last one: options_free() after the last test */
    struct caught output, errors;
};

#define WORDS(...)                                                                                 \
    (const char *const[]) {                                                                        \
        __VA_ARGS__, NULL                                                                          \
    }

/* Parses a command line that ends with NULL, program name apart. */
static inline enum options_result options_fixture_parse(struct options_fixture *f,
                                                        const char *const *words) {
    static const char *argv[OPTIONS_SOURCES_MAX * 2 + 16];
    int argc = 1;
    argv[0] = "flow-dispatcher";
    while (words[argc - 1] != NULL) {
        argv[argc] = words[argc - 1];
        argc++;
    }
    argv[argc] = NULL;
    options_free(&f->options);
    catch_begin_of(STDOUT_FILENO, &f->output);
    catch_begin_of(STDERR_FILENO, &f->errors);
    enum options_result result = options_parse(&f->options, argc, argv);
    catch_end_of(STDERR_FILENO, &f->errors);
    catch_end_of(STDOUT_FILENO, &f->output);
    return result;
}

/* The same with a --config file of that text before the words. */
static inline enum options_result
options_fixture_parse_file(struct options_fixture *f, const char *text, const char *const *words) {
    char path[] = "/tmp/test_options.XXXXXX";
    const char *line[16] = {"--config", path};
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    for (unsigned i = 0; words[i] != NULL; i++)
        line[i + 2] = words[i];
    enum options_result result = options_fixture_parse(f, line);
    unlink(path);
    return result;
}

/* One line was logged, an error with that part. */
static inline void expect_refusal_with(const struct options_fixture *f, const char *part) {
    expect_one_line(f->errors.text, "error: ");
    expect_one_line(f->errors.text, part);
}

#endif
