/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/options_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int options_fixture_set_up(void **state) {
    new_state(state, sizeof(struct options_fixture));
    return 0;
}

int options_fixture_tear_down(void **state) {
    struct options_fixture *f = *state;
    options_free(&f->options);
    free(f);
    return 0;
}

enum options_result options_fixture_parse(struct options_fixture *f, const char *const *words) {
    const char **argv = f->argv;
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

enum options_result options_fixture_parse_file(struct options_fixture *f, const char *text,
                                               const char *const *words) {
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

void expect_refusal_with(const struct options_fixture *f, const char *part) {
    expect_one_line(f->errors.text, "error: ");
    expect_one_line(f->errors.text, part);
}
