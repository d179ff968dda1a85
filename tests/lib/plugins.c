/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/plugins.h"

#include <unistd.h>

void use_plugin(struct test *t, const char *name) {
    char from[PROCESS_PATH_MAX + 64], to[64];
    snprintf(from, sizeof from, "%s/tests/plugins/%s.so", t->programs, name);
    snprintf(to, sizeof to, "%s.so", name);
    assert_int_equal(symlink(from, file_in(t, to)), 0);
}

const char *text_in(struct test *t, const char *name) {
    FILE *file = fopen(file_in(t, name), "re");
    size_t n = file == NULL ? 0 : fread(t->text, 1, sizeof t->text - 1, file);
    t->text[n] = '\0';
    if (file != NULL)
        fclose(file);
    return t->text;
}

unsigned lines_with(const char *text, const char *begin) {
    unsigned lines = 0;
    for (const char *line = text; *line != '\0';) {
        lines += strncmp(line, begin, strlen(begin)) == 0;
        const char *end = strchr(line, '\n');
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    return lines;
}
