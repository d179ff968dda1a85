/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/option.c: the list of options as data, and what is made of it. */
#include "tests/lib/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/option.h"

static const enum fb_reader readers[] = {FB_DISPATCHER, FB_WORKER, FB_STAT,  FB_RUN,
                                         FB_STOP,       FB_ASK,    FB_ALONE, FB_LIST};
#define READERS (sizeof readers / sizeof *readers)

static void no_two_options_of_a_reader_have_one_name_or_letter(void **state) {
    (void)state;
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line(i);
        assert_int_not_equal(line->readers, 0);
        for (enum fb_option k = i + 1; k < FB_OPTIONS; k++) {
            const struct fb_option_line *other = fb_option_line(k);
            if ((line->readers & other->readers) == 0)
                continue;
            if (strcmp(line->name, other->name) == 0 ||
                (line->letter != 0 && line->letter == other->letter))
                fail_msg("--%s and --%s are one to somebody", line->name, other->name);
        }
    }
}

/* They stand in tables, in man pages, between quotes of shells, and in columns with tabs. */
static void help_begins_with_a_capital_and_has_no_full_stop(void **state) {
    (void)state;
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line(i);
        size_t length = strlen(line->help);
        if (!isupper((unsigned char)line->help[0]) || line->help[length - 1] == '.' ||
            strstr(line->help, "default:") != NULL || strpbrk(line->help, "\t\n\\\"`$") != NULL)
            fail_msg("help of --%s: %s", line->name, line->help);
        assert_memory_equal(line->help_with_default, line->help, length);
        char shown[256] = "";
        if (line->default_text != NULL)
            snprintf(shown, sizeof shown, " (default: %s)", line->default_text);
        assert_string_equal(line->help_with_default + length, shown);
    }
}

/* popt writes its columns as wide as the widest. */
static void arguments_are_short_words(void **state) {
    (void)state;
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line(i);
        if (line->argument == NULL) {
            assert_null(line->default_text);
            continue;
        }
        if (line->argument[0] == '\0' || strlen(line->argument) > 24 ||
            strpbrk(line->argument, " \t'\"") != NULL)
            fail_msg("argument of --%s: '%s'", line->name, line->argument);
    }
}

static void an_option_is_found_by_its_name_and_as_it_is_spelled(void **state) {
    (void)state;
    assert_null(fb_option_line(FB_OPT_NONE));
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line(i);
        assert_int_equal(fb_option_find(line->readers, line->name), i);
        assert_int_equal(fb_option_spelled(line->readers, line->spelled), i);
        assert_int_equal(fb_option_find_key(line->readers, line->name),
                         line->where == FB_ANYWHERE ? i : FB_OPT_NONE);
        const char word[] = {'-', line->letter, '\0'};
        if (line->letter != 0)
            assert_int_equal(fb_option_spelled(line->readers, word), i);
    }
    static const char *const none[] = {"",        "-",     "--",          "w",
                                       "workers", "-w3",   "--workers=3", "--w",
                                       "---",     "-\xe4", "--workers ",  "- w"};
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(fb_option_spelled(FB_ALL, none[i]), FB_OPT_NONE);
    assert_int_equal(fb_option_find(FB_STAT, "workers"), FB_OPT_NONE);
    assert_int_equal(fb_option_find(FB_DISPATCHER, "timeout"), FB_OPT_TIMEOUT);
    assert_int_equal(fb_option_find(FB_STOP, "timeout"), FB_OPT_STOP_TIMEOUT);
}

static void the_table_of_a_reader_has_its_options(void **state) {
    (void)state;
    for (unsigned r = 0; r < READERS; r++) {
        struct poptOption table[FB_OPTIONS + 1];
        const struct poptOption *entry = table;
        fb_option_table(readers[r], table);
        for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
            const struct fb_option_line *line = fb_option_line(i);
            if ((line->readers & readers[r]) == 0)
                continue;
            assert_int_equal(entry->val, i);
            assert_string_equal(entry->longName, line->name);
            assert_int_equal(entry->shortName, line->letter);
            assert_int_equal(entry->argInfo,
                             line->argument != NULL ? POPT_ARG_STRING : POPT_ARG_NONE);
            assert_string_equal(entry->descrip, line->help_with_default);
            entry++;
        }
        assert_null(entry->longName);
        assert_int_equal(entry->shortName, 0);
    }
}

static void the_list_has_seven_columns(void **state) {
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fb_option_print_list(out);
    fclose(out);
    assert_non_null(strstr(text, "\npreload\t-\t-\t-\tdispatcher,worker\tyes\tLoad "));
    assert_non_null(strstr(text, "\nworker-cpu\t-\tLIST\tthose of the worker's NUMA node\tscript\t"
                                 "yes\t"));
    assert_non_null(strstr(text, "\ninspector\t-\tNAME[:ARGS]\tcount\tworker,script\tyes\t"));
    assert_non_null(strstr(text, "\nhelp\th\t-\t-\tdispatcher,worker,stat,script\tno\t"));
    char *rest = text, *line;
    unsigned lines = 0;
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        unsigned columns = 1;
        for (const char *c = line; *c != '\0'; c++)
            columns += *c == '\t';
        if (columns != 7 || strstr(line, "\t\t") != NULL)
            fail_msg("%u columns: %s", columns, line);
        lines++;
    }
    assert_int_equal(lines, FB_OPTIONS - 1);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_options_of_a_reader_have_one_name_or_letter),
        cmocka_unit_test(help_begins_with_a_capital_and_has_no_full_stop),
        cmocka_unit_test(arguments_are_short_words),
        cmocka_unit_test(an_option_is_found_by_its_name_and_as_it_is_spelled),
        cmocka_unit_test(the_table_of_a_reader_has_its_options),
        cmocka_unit_test(the_list_has_seven_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
