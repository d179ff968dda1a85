/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flow_balancer/common/config.h"
#include "flow_balancer/common/log.h"

#include "dispatcher/run/options.h"

char *options_read_filter(const char *path) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t room = 0;
    FILE *out = file == NULL ? NULL : open_memstream(&text, &room);
    if (out == NULL) {
        fb_error("--filter-file '%s': cannot read the filter file: %s", path, strerror(errno));
        if (file != NULL)
            fclose(file);
        return NULL;
    }
    bool comment = false;
    for (int c; (c = getc(file)) != EOF;) {
        comment = c == '#' || (comment && c != '\n');
        putc(comment || c == '\n' ? ' ' : c, out);
    }
    int error = ferror(file) != 0 ? errno : 0;
    fclose(file);
    fclose(out);
    if (error != 0) {
        fb_error("--filter-file '%s': cannot read the filter file: %s", path, strerror(error));
        free(text);
        return NULL;
    }
    return text;
}

bool options_set_filter(char **filter, char *text) {
    if (text == NULL)
        return false;
    if (*filter != NULL) {
        fb_error("--bpf and -F: give one filter, once; join expressions with 'and'");
        free(text);
        return false;
    }
    *filter = text;
    return true;
}

/* A pipe has given all that it had: it would be an empty file, or be waited for. */
static bool can_be_reread(const char *option, const char *path) {
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return true;
    fb_error("%s '%s': it cannot be read again: give a regular file, not a pipe or device", option,
             path);
    return false;
}

static char *reread_filter_file(const char *path) {
    return can_be_reread("--filter-file", path) ? options_read_filter(path) : NULL;
}

/* What a file says of the filter. */
struct rereading {
    char *filter;
    enum fb_option key; /* that it is from, FB_OPT_NONE: none yet */
};

/* A fb_config_take. The later line of a key wins, as it does at the start. */
static bool take_filter(void *arg, enum fb_option key, const char *value, bool on) {
    struct rereading *r = arg;
    (void)on;
    if (key != FB_OPT_BPF && key != FB_OPT_FILTER_FILE)
        return true;
    if (key == r->key) {
        free(r->filter);
        r->filter = NULL;
    }
    r->key = key;
    return options_set_filter(&r->filter,
                              key == FB_OPT_BPF ? strdup(value) : reread_filter_file(value));
}

int options_reread_filter(const struct options *options, char **filter) {
    struct rereading r = {.filter = NULL};
    if (options->filter_config != NULL) {
        if (can_be_reread("--config", options->filter_config) &&
            fb_config_read(options->filter_config, FB_DISPATCHER, take_filter, &r)) {
            *filter = r.filter;
            return 0;
        }
        free(r.filter);
        return -EINVAL;
    }
    if (options->filter_file == NULL) {
        fb_warning("there is no filter to read again: %s: -F FILE or --config FILE can be",
                   options->filter == NULL ? "none was given" : "it is from the command line");
        return -ENOENT;
    }
    *filter = reread_filter_file(options->filter_file);
    return *filter == NULL ? -EIO : 0;
}
