/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/command_line.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/config.h"
#include "flow_balancer/common/log.h"

/* One reading, from the defaults to the last word. */
struct reading {
    struct fb_command_line *line;
    const struct fb_program *program;
    poptContext context;
    fb_command_line_take take;
    void *arg;
};

/* Keeps a value, which is freed if that fails; NULL has no need of it. */
static bool keep_text(struct fb_command_line *line, char *text) {
    char **longer = realloc(line->texts, (line->text_count + 1) * sizeof *longer);
    if (longer == NULL) {
        fb_error("no memory for the options");
        free(text);
        return false;
    }
    line->texts = longer;
    line->texts[line->text_count++] = text;
    return true;
}

/* A copy that is kept, or NULL after one logged line. */
static char *copy_text(struct fb_command_line *line, const char *text) {
    char *copy = strdup(text);
    if (copy == NULL)
        fb_error("no memory for the options");
    return copy != NULL && keep_text(line, copy) ? copy : NULL;
}

static bool take_defaults(const struct reading *r) {
    for (unsigned i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line((enum fb_option)i);
        if ((line->readers & r->program->reader) == 0 || !line->default_is_value)
            continue;
        char *text = copy_text(r->line, line->default_text);
        if (text == NULL || !r->take(r->arg, (enum fb_option)i, text, true, FB_FROM_DEFAULT))
            return false;
    }
    return true;
}

/*
 * Of "-r -w 8" popt takes -w for the file and refuses 8. A value is never an
 * option by itself: a file of such a name is ./-w.
 */
static bool is_value(const struct reading *r, int code, const char *text) {
    const struct fb_option_line *line = fb_option_line((enum fb_option)code);
    if (text == NULL || fb_option_spelled(r->program->reader, text) == FB_OPT_NONE)
        return true;
    fb_error("%s '%s': its value is missing, %s is an option: give %s", line->spelled, text, text,
             line->argument);
    return false;
}

/* Goes over the words without taking them: what is given, and which file is to be read before. */
static bool scan_words(struct reading *r) {
    bool ok = true;
    int code;
    while (ok && (code = poptGetNextOpt(r->context)) > 0) {
        char *text = poptGetOptArg(r->context);
        r->line->given[code] = true;
        ok = keep_text(r->line, text) && is_value(r, code, text);
        if (code == FB_OPT_CONFIG)
            r->line->config = text;
    }
    poptResetContext(r->context);
    return ok;
}

/* A fb_config_take. */
static bool take_file_line(void *arg, enum fb_option option, const char *value, bool on) {
    const struct reading *r = arg;
    char *text = value == NULL ? NULL : copy_text(r->line, value);
    return (value == NULL || text != NULL) && r->take(r->arg, option, text, on, FB_FROM_FILE);
}

static bool take_file(struct reading *r) {
    const struct fb_command_line *line = r->line;
    bool prints =
        line->given[FB_OPT_HELP] || line->given[FB_OPT_VERSION] || line->given[FB_OPT_LIST_OPTIONS];
    return line->config == NULL || prints ||
           fb_config_read(line->config, r->program->file_readers, take_file_line, r);
}

static void print_help(const struct reading *r) {
    if (r->program->usage != NULL)
        poptSetOtherOptionHelp(r->context, r->program->usage);
    poptPrintHelp(r->context, stdout, 0);
    r->program->print_more_help();
}

static enum fb_command_line_end take_word(const struct reading *r, enum fb_option option,
                                          char *text) {
    switch (option) {
    case FB_OPT_HELP:
        print_help(r);
        return FB_COMMAND_LINE_PRINTED;
    case FB_OPT_VERSION:
        r->program->print_version();
        return FB_COMMAND_LINE_PRINTED;
    case FB_OPT_LIST_OPTIONS:
        fb_option_print_list(stdout);
        return FB_COMMAND_LINE_PRINTED;
    case FB_OPT_CONFIG: /* has been read */
        return FB_COMMAND_LINE_TAKEN;
    default:
        return r->take(r->arg, option, text, true, FB_FROM_WORDS) ? FB_COMMAND_LINE_TAKEN
                                                                  : FB_COMMAND_LINE_WRONG;
    }
}

static enum fb_command_line_end take_words(const struct reading *r) {
    int code;
    while ((code = poptGetNextOpt(r->context)) > 0) {
        char *text = poptGetOptArg(r->context);
        if (!keep_text(r->line, text))
            return FB_COMMAND_LINE_WRONG;
        enum fb_command_line_end end = take_word(r, (enum fb_option)code, text);
        if (end != FB_COMMAND_LINE_TAKEN)
            return end;
    }
    const char *stray = poptPeekArg(r->context);
    if (code == -1 && stray == NULL)
        return FB_COMMAND_LINE_TAKEN;
    if (code < -1)
        fb_error("%s: %s: see --help", poptBadOption(r->context, POPT_BADOPTION_NOALIAS),
                 poptStrerror(code));
    else
        fb_error("'%s': not an option: %s", stray, r->program->stray);
    return FB_COMMAND_LINE_WRONG;
}

enum fb_command_line_end fb_command_line_read(struct fb_command_line *line,
                                              const struct fb_program *program, int argc,
                                              const char **argv, fb_command_line_take take,
                                              void *arg) {
    struct poptOption table[FB_OPTIONS + 1];
    fb_option_table(program->reader, table);
    struct reading r = {.line = line, .program = program, .take = take, .arg = arg};
    r.context = poptGetContext(program->name, argc, argv, table, 0);
    enum fb_command_line_end end = FB_COMMAND_LINE_WRONG;
    if (take_defaults(&r) && scan_words(&r) && take_file(&r))
        end = take_words(&r);
    poptFreeContext(r.context);
    return end;
}

void fb_command_line_free(struct fb_command_line *line) {
    for (unsigned i = 0; i < line->text_count; i++)
        free(line->texts[i]);
    free(line->texts);
    *line = (struct fb_command_line){.config = NULL};
}
