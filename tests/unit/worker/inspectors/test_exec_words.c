/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspectors/exec_words.c: words as sh parts them. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "worker/inspectors/exec_words.h"

/* The words of a command with a | between two. */
static void expect_words(const char *command, const char *wanted) {
    struct exec_words words;
    char found[256] = "";
    const char *problem = exec_words_split(&words, command);
    if (problem != NULL)
        fail_msg("%s: %s", command, problem);
    for (unsigned i = 0; i < words.count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i == 0 ? "" : "|",
                 words.word[i]);
    assert_null(words.word[words.count]);
    exec_words_free(&words);
    if (strcmp(found, wanted) != 0)
        fail_msg("%s: '%s', not '%s'", command, found, wanted);
}

static void words_are_parted_as_a_shell_parts_them(void **state) {
    (void)state;
    expect_words("cat", "cat");
    expect_words("  a \t b\nc  ", "a|b|c");
    expect_words("a 'b  c' d", "a|b  c|d");
    expect_words("a \"b  c\" d", "a|b  c|d");
    expect_words("a b\\ c", "a|b c");
    expect_words("a'b'\"c\"d", "abcd");
    expect_words("a '' \"\" b", "a|||b");
    expect_words("a 'b\\c' \"d\\e\" \"f\\\"g\\\\h\"", "a|b\\c|d\\e|f\"g\\h");
    expect_words("a \"'\" '\"'", "a|'|\"");
    expect_words("a '|&;<>()$`' \\| \"|;\"", "a||&;<>()$`||||;");
    expect_words("a \"\\$x\" \\$x '$x'", "a|$x|$x|$x");
    expect_words("a * ? ~ # {b,c} x=1", "a|*|?|~|#|{b,c}|x=1");
    expect_words("sh -c 'cat | wc -c > \"%k\"'", "sh|-c|cat | wc -c > \"%k\"");
}

static void what_is_no_command_is_told(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "names no program"},
        {"  ", "names no program"},
        {"'' x", "names no program"},
        {"a 'b", "a ' is not closed"},
        {"a \"b", "a \" is not closed"},
        {"a \"b\\", "a \" is not closed"},
        {"a b\\", "behind its last \\"},
        {"a | b", "no shell"},
        {"a &", "no shell"},
        {"a; b", "no shell"},
        {"a < b", "no shell"},
        {"a >b", "no shell"},
        {"(a)", "no shell"},
        {"a $b", "no shell"},
        {"a `b`", "no shell"},
        {"a \"$b\"", "no shell"},
        {"a \"`b`\"", "no shell"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct exec_words words;
        const char *problem = exec_words_split(&words, rows[i][0]);
        if (problem == NULL || strstr(problem, rows[i][1]) == NULL)
            fail_msg("%s: %s", rows[i][0], problem != NULL ? problem : "taken");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_parted_as_a_shell_parts_them),
        cmocka_unit_test(what_is_no_command_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
