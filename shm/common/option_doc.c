/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/option.h"

/*
 * option-doc: the list of options as documentation, when the programs are
 * built. Its output takes the place of the line with @OPTIONS in
 * scripts/man/X.1.in and scripts/completion/X.in. Never installed.
 */

/* Where a command line begins to be completed: a program, or a command of the script. */
struct context {
    const char *name;
    const char *argument; /* of a command, or NULL */
    unsigned reader;
    unsigned passed_on; /* whose options it takes as well, where they may stand in a file */
    const char *help;   /* of a command, or NULL */
};

static const struct context contexts[] = {{"dispatcher", NULL, FB_DISPATCHER, 0, NULL},
                                          {"worker", NULL, FB_WORKER, 0, NULL},
                                          {"stat", NULL, FB_STAT, 0, NULL},
                                          {"script", NULL, FB_ALONE, 0, NULL},
#define X(name, argument, reader, passed_on, help) {name, argument, reader, passed_on, help},
                                          FB_COMMAND_LIST(X)
#undef X
};
#define CONTEXTS (sizeof contexts / sizeof *contexts)

static bool is_taken(const struct context *context, enum fb_option option) {
    const struct fb_option_line *line = fb_option_line(option);
    if ((line->readers & context->reader) != 0)
        return true;
    return (line->readers & context->passed_on) != 0 && line->where == FB_ANYWHERE &&
           fb_option_find(context->reader, line->name) == FB_OPT_NONE;
}

/* The next of "A|b|c", which is written over; *is_word: it is to be given literally. */
static char *next_alternative(char **rest, bool *is_word) {
    char *alternative = strsep(rest, "|");
    *is_word = alternative != NULL && islower((unsigned char)alternative[0]) != 0;
    return alternative;
}

/* ---- mdoc */

#define MDOC_COLUMNS 76

/* One word; minus signs in front of options are no hyphens. */
static void print_mdoc_word(const char *word, int length) {
    for (int i = 0; i < length; i++) {
        if (word[i] == '-' && (i == 0 || word[i - 1] == '-'))
            putchar('\\');
        putchar(word[i]);
    }
}

/* A sentence in lines of moderate length, none of which begins as a request would. */
static void print_mdoc_text(const char *text) {
    int column = 0;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + length > MDOC_COLUMNS) {
            putchar('\n');
            column = 0;
        }
        if (column > 0)
            putchar(' ');
        else if (*text == '.' || *text == '\'')
            fputs("\\&", stdout);
        print_mdoc_word(text, length);
        column += 1 + length;
        text += length;
        text += strspn(text, " ");
    }
    puts(".");
}

/* "SIZE|auto" is "Ar SIZE | Cm auto", and "GROUP[:MODE]" is "Ar GROUP Ns Op : Ns Ar MODE". */
static void print_mdoc_argument(const char *argument) {
    char text[64];
    snprintf(text, sizeof text, "%s", argument);
    char *rest = text, *alternative;
    const char *between = " ";
    bool is_word;
    while ((alternative = next_alternative(&rest, &is_word)) != NULL) {
        char *more = strstr(alternative, "[:");
        if (more != NULL)
            *more = '\0';
        printf("%s%s %s", between, is_word ? "Cm" : "Ar", alternative);
        if (more != NULL)
            printf(" Ns Op : Ns Ar %.*s", (int)strcspn(more + 2, "]"), more + 2);
        between = " | ";
    }
}

static int print_mdoc(unsigned readers) {
    puts(".Bl -tag -width Ds");
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line(i);
        if ((line->readers & readers) == 0)
            continue;
        printf(".It ");
        if (line->letter != 0)
            printf("Fl %c , ", line->letter);
        printf("Fl -%s", line->name);
        if (line->argument != NULL)
            print_mdoc_argument(line->argument);
        putchar('\n');
        print_mdoc_text(line->help_with_default);
    }
    puts(".El");
    return EXIT_SUCCESS;
}

/* ---- shells */

/* A line for each option: contexts parted by commas, -letter or -, --name, argument or -. */
static int print_bash(void) {
    puts("_flow_balancer_commands='");
    for (const struct context *c = contexts; c < contexts + CONTEXTS; c++) {
        if (c->help != NULL)
            printf("%s %s\n", c->name, c->argument != NULL ? c->argument : "-");
    }
    puts("'\n_flow_balancer_options='");
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line(i);
        for (const struct context *c = contexts; c < contexts + CONTEXTS; c++) {
            if (is_taken(c, i))
                printf(",%s", c->name);
        }
        const char letter[] = {line->letter, '\0'};
        printf(", -%s %s %s\n", letter, line->spelled,
               line->argument != NULL ? line->argument : "-");
    }
    puts("'");
    return EXIT_SUCCESS;
}

/* Within single quotes, of a word that zsh's _arguments takes apart at colons and brackets. */
static void print_zsh_text(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\'", stdout);
        else if (strchr(":[]\\", *text) != NULL)
            putchar('\\');
        putchar(*text);
    }
}

/* What is offered for an argument: ":message:action". */
static void print_zsh_argument(const char *argument) {
    char text[64];
    snprintf(text, sizeof text, "%s", argument);
    putchar(':');
    print_zsh_text(argument);
    putchar(':');
    if (strncmp(argument, "FILE", 4) == 0) {
        fputs("_files", stdout);
    } else if (strcmp(argument, "IFACE") == 0) {
        fputs("_net_interfaces", stdout);
    } else {
        char *rest = text, *alternative;
        const char *before = "(", *after = " "; /* a blank: there is nothing to offer */
        bool is_word;
        while ((alternative = next_alternative(&rest, &is_word)) != NULL) {
            if (!is_word)
                continue;
            printf("%s%s", before, alternative);
            before = " ", after = ")";
        }
        fputs(after, stdout);
    }
}

static void print_zsh_option(const struct fb_option_line *line) {
    const char *value = line->argument != NULL ? "=" : "";
    fputs("        '*'", stdout);
    if (line->letter != 0)
        printf("{-%c%s,%s%s}", line->letter, line->argument != NULL ? "+" : "", line->spelled,
               value);
    else
        printf("%s%s", line->spelled, value);
    fputs("'[", stdout);
    print_zsh_text(line->help_with_default);
    putchar(']');
    if (line->argument != NULL)
        print_zsh_argument(line->argument);
    puts("'");
}

/* The arrays `subcommands` and `specs` of the caller, for the context that it gives. */
static int print_zsh(void) {
    puts("subcommands=(");
    for (const struct context *c = contexts; c < contexts + CONTEXTS; c++) {
        if (c->help == NULL)
            continue;
        printf("    '%s:", c->name);
        print_zsh_text(c->help);
        puts("'");
    }
    puts(")\ncase $context in");
    for (const struct context *c = contexts; c < contexts + CONTEXTS; c++) {
        printf("%s)\n    specs=(\n", c->name);
        for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
            if (is_taken(c, i))
                print_zsh_option(fb_option_line(i));
        }
        if (c->argument != NULL) {
            fputs("        '1", stdout);
            print_zsh_argument(c->argument);
            puts("'");
        }
        puts("    )\n    ;;");
    }
    puts("esac");
    return EXIT_SUCCESS;
}

static int print_program(const char *program) {
    static const struct {
        const char *name;
        unsigned readers;
    } programs[] = {{"dispatcher", FB_DISPATCHER},
                    {"worker", FB_WORKER},
                    {"stat", FB_STAT},
                    {"script", FB_SCRIPT}};
    for (unsigned i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (strcmp(program, programs[i].name) == 0)
            return print_mdoc(programs[i].readers);
    }
    fprintf(stderr, "option-doc: no program '%s': give dispatcher, worker, stat or script\n",
            program);
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    const char *format = argc > 1 ? argv[1] : "";
    int status = EXIT_FAILURE;
    if (argc == 3 && strcmp(format, "mdoc") == 0) {
        status = print_program(argv[2]);
    } else if (argc == 2 && strcmp(format, "bash") == 0) {
        status = print_bash();
    } else if (argc == 2 && strcmp(format, "zsh") == 0) {
        status = print_zsh();
    } else if (argc == 2 && strcmp(format, "list") == 0) {
        fb_option_print_list(stdout);
        status = EXIT_SUCCESS;
    } else {
        fputs("Usage: option-doc mdoc dispatcher|worker|stat|script | bash | zsh | list\n", stderr);
    }
    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}
