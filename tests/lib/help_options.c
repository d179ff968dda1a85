/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/help_options.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

void expect_help_lists(const char *help, enum fb_reader reader) {
    unsigned shown = 0, expected = 0;
    for (const char *line = help; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *name = line + strspn(line, " ");
        if (name == line || name - line > 6 || *name != '-')
            continue; /* no option, or the rest of a description */
        name = strstr(name, "--");
        assert_non_null(name);
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(name, "= \n"), name);
        if (fb_option_spelled(reader, word) == FB_OPT_NONE)
            fail_msg("help shows %s, which is no option of the list", word);
        shown++;
    }
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++)
        expected += (fb_option_line(i)->readers & reader) != 0;
    assert_int_equal(shown, expected);
}
