/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/option.h"

#include <string.h>

/* The default of a line is three arguments once it is expanded. */
#define LINE(name, letter, argument, text, is_value, shown, readers, where, help)                  \
    { name, "--" name, letter, argument, text, is_value, readers, where, help, help shown }

static const struct fb_option_line lines[FB_OPTIONS] = {
#define X(id, ...) [FB_OPT_##id] = LINE(__VA_ARGS__),
    FB_OPTION_LIST(X)
#undef X
};

const struct fb_option_line *fb_option_line(enum fb_option option) {
    return option == FB_OPT_NONE ? NULL : &lines[option];
}

static enum fb_option find(unsigned readers, const char *name, enum fb_where least) {
    for (unsigned i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        if ((lines[i].readers & readers) != 0 && lines[i].where >= least &&
            strcmp(lines[i].name, name) == 0)
            return (enum fb_option)i;
    }
    return FB_OPT_NONE;
}

enum fb_option fb_option_find(unsigned readers, const char *name) {
    return find(readers, name, FB_COMMAND_LINE);
}

enum fb_option fb_option_find_key(unsigned readers, const char *key) {
    return find(readers, key, FB_ANYWHERE);
}

enum fb_option fb_option_spelled(unsigned readers, const char *word) {
    if (strncmp(word, "--", 2) == 0)
        return fb_option_find(readers, word + 2);
    if (word[0] != '-' || word[1] == '\0' || word[2] != '\0')
        return FB_OPT_NONE;
    for (unsigned i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        if ((lines[i].readers & readers) != 0 && lines[i].letter == word[1])
            return (enum fb_option)i;
    }
    return FB_OPT_NONE;
}

void fb_option_table(enum fb_reader reader, struct poptOption table[FB_OPTIONS + 1]) {
    unsigned count = 0;
    for (unsigned i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = &lines[i];
        if ((line->readers & reader) == 0)
            continue;
        table[count++] = (struct poptOption){
            .longName = line->name,
            .shortName = line->letter,
            .argInfo = line->argument != NULL ? POPT_ARG_STRING : POPT_ARG_NONE,
            .val = (int)i,
            .descrip = line->help_with_default,
            .argDescrip = line->argument,
        };
    }
    table[count] = (struct poptOption)POPT_TABLEEND;
}

static void print_readers(FILE *out, unsigned readers) {
    static const struct {
        unsigned readers;
        const char *name;
    } names[] = {
        {FB_DISPATCHER, "dispatcher"},
        {FB_WORKER, "worker"},
        {FB_STAT, "stat"},
        {FB_SCRIPT, "script"},
    };
    const char *between = "";
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if ((readers & names[i].readers) == 0)
            continue;
        fprintf(out, "%s%s", between, names[i].name);
        between = ",";
    }
}

void fb_option_print_list(FILE *out) {
    for (unsigned i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = &lines[i];
        const char letter[] = {line->letter != 0 ? line->letter : '-', '\0'};
        fprintf(out, "%s\t%s\t%s\t%s\t", line->name, letter,
                line->argument != NULL ? line->argument : "-",
                line->default_text != NULL ? line->default_text : "-");
        print_readers(out, line->readers);
        fprintf(out, "\t%s\t%s\n", line->where == FB_ANYWHERE ? "yes" : "no", line->help);
    }
}
