/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parse.h"

/* A file while it is read. */
struct reading {
    FILE *file;
    char *text; /* of the line, as getline() holds it */
    size_t room;
    const char *path;
    unsigned line;
    bool refused; /* and logged: nothing is read on */
    unsigned readers;
    fb_config_take take;
    void *arg;
};

static bool take_value(const struct reading *r, enum fb_option option, const char *value) {
    const struct fb_option_line *line = fb_option_line(option);
    bool on = true;
    if (line->argument != NULL)
        return r->take(r->arg, option, value, on);
    return fb_parse_flag(line->spelled, value, &on) && r->take(r->arg, option, NULL, on);
}

static bool take_line(const struct reading *r, const char *section, const char *key,
                      const char *value) {
    if (section[0] != '\0') {
        fb_error("'%s' is in a section: leave out the header [%s], one list serves all "
                 "programs",
                 key, section);
        return false;
    }
    enum fb_option option = fb_option_find_key(r->readers, key);
    if (option != FB_OPT_NONE)
        return take_value(r, option, value);
    if (fb_option_find_key(FB_ALL, key) != FB_OPT_NONE)
        return true;
    if (fb_option_find(FB_ALL, key) != FB_OPT_NONE)
        fb_error("'%s' is for the command line only: leave it out", key);
    else
        fb_error("'%s' is an option of no program: give a long name without dashes, as in --help",
                 key);
    return false;
}

/* The library's handler: 0 stands for an error. */
static int handle(void *user, const char *section, const char *key, const char *value) {
    struct reading *r = user;
    if (!r->refused)
        r->refused = !take_line(r, section, key, value);
    return !r->refused;
}

/*
 * The library's fgets(): it gets whole lines, or what does not fit into its
 * buffer (200 bytes unless built otherwise) would come to it as a line more. It
 * tells its handler no line number, so lines are counted here. Blanks in front
 * go: it would take an indented 'key = value' for more of the value before.
 */
static char *read_line(char *text, int room, void *stream) {
    struct reading *r = stream;
    ssize_t length = r->refused ? -1 : getline(&r->text, &r->room, r->file);
    if (length < 0)
        return NULL;
    fb_log_set_place(r->path, ++r->line);
    const char *start = r->text + strspn(r->text, " \t");
    bool comment = *start == '#' || *start == ';';
    if (strlen(r->text) != (size_t)length) {
        fb_error("a NUL byte: give plain text");
        r->refused = true;
    } else if (strlen(start) >= (size_t)room && !comment) {
        fb_error("'%.20s...': longer than %d characters: take a long filter from a file, with "
                 "filter-file",
                 start, room - 2);
        r->refused = true;
    } else {
        snprintf(text, (size_t)room, "%s", start);
        return text;
    }
    return NULL;
}

bool fb_config_read(const char *path, unsigned readers, fb_config_take take, void *arg) {
    struct reading r = {.path = path, .readers = readers, .take = take, .arg = arg};
    r.file = fopen(path, "re");
    if (r.file == NULL) {
        fb_error("--config '%s': cannot read the file: %s", path, strerror(errno));
        return false;
    }
    int first_wrong = ini_parse_stream(read_line, &r, handle, &r);
    int error = ferror(r.file) != 0 ? errno : 0;
    fb_log_set_place(NULL, 0);
    fclose(r.file);
    free(r.text);
    if (r.refused)
        return false;
    if (error != 0)
        fb_error("--config '%s': cannot read the file: %s", path, strerror(error));
    else if (first_wrong > 0)
        fb_error("%s:%d: not 'key = value'", path, first_wrong);
    else if (first_wrong < 0)
        fb_error("--config '%s': no memory to read the file", path);
    return error == 0 && first_wrong == 0;
}
