/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/view.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/replace.h"

#include "shm/view/listen.h"
#include "shm/view/metrics.h"
#include "shm/view/serve.h"

#define NS_PER_MS 1000000u
#define OTHERS_READ 0644 /* node_exporter is another user */

/* ---- an instance that comes and goes, and what was said of it */

struct exporter {
    const struct view_options *options;
    struct view view;
    char said[512];     /* why it could not be read, as it was logged last; "": it could */
    char heard[512];    /* what was to be logged in this look */
    bool is_unwritable; /* the file was, the last time */
};

/* A fb_log_sink: the last line of the look. */
static void hear(void *arg, int level, const char *line) {
    (void)level;
    struct exporter *exporter = arg;
    snprintf(exporter->heard, sizeof exporter->heard, "%s", line);
}

/* Looks, and says what is wrong when that is new, not at each look. NULL: no report. */
static const json_t *look_again(struct exporter *exporter) {
    exporter->heard[0] = '\0';
    fb_log_set_sink(hear, exporter);
    enum view_seen seen = view_look(&exporter->view);
    fb_log_set_sink(NULL, NULL);
    if (exporter->heard[0] != '\0' && strcmp(exporter->heard, exporter->said) != 0)
        fb_error("%s", exporter->heard);
    memcpy(exporter->said, exporter->heard, sizeof exporter->said);
    return seen == VIEW_REPORT ? exporter->view.report : NULL;
}

/* A serve_make. */
static char *make(void *arg, size_t *size) {
    struct exporter *exporter = arg;
    const json_t *report = look_again(exporter);
    return metrics_of(exporter->view.name, report, size);
}

/* ---- once, to standard output */

static int print_metrics(struct exporter *exporter) {
    size_t size = 0;
    const json_t *report = look_again(exporter);
    char *text = metrics_of(exporter->view.name, report, &size);
    bool printed = text != NULL && fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0;
    free(text);
    if (!printed)
        fb_error("cannot write the metrics to standard output");
    else if (report == NULL && exporter->said[0] == '\0')
        view_say_absent(exporter->view.name);
    return printed && report != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- into a file */

struct text {
    const char *bytes;
    size_t size;
};

/* A fb_replace_write. */
static int write_text(const void *arg, FILE *out) {
    const struct text *text = arg;
    errno = 0;
    if (fwrite(text->bytes, 1, text->size, out) == text->size && fflush(out) == 0)
        return 0;
    return errno != 0 ? -errno : -EIO;
}

/* Says that the file cannot be written once, until it could. */
static bool write_file(struct exporter *exporter) {
    struct text text = {0};
    char *made = make(exporter, &text.size);
    text.bytes = made;
    int error = made == NULL
                    ? -ENOMEM
                    : fb_replace_file(exporter->options->output, OTHERS_READ, write_text, &text);
    free(made);
    if (error != 0 && !exporter->is_unwritable)
        fb_error("cannot write the metrics to %s: %s", exporter->options->output, strerror(-error));
    exporter->is_unwritable = error != 0;
    return error == 0;
}

/* The first writing has to succeed: what cannot be written then is a mistake, later it may pass.
 * What is not kept up to date any more is removed, or its last numbers would go on as if they were.
 */
static int write_again_and_again(struct exporter *exporter, int stop_fd) {
    uint64_t interval_ms = exporter->options->every_ns / NS_PER_MS;
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    if (!write_file(exporter))
        return EXIT_FAILURE;
    while (stop.revents == 0) {
        if (poll(&stop, 1, (int)(interval_ms != 0 ? interval_ms : 1)) == 0)
            write_file(exporter);
        fb_log_report_lost();
    }
    unlink(exporter->options->output);
    return EXIT_SUCCESS;
}

static int write_once(struct exporter *exporter) {
    if (!write_file(exporter))
        return EXIT_FAILURE;
    if (exporter->view.report != NULL)
        return EXIT_SUCCESS;
    if (exporter->said[0] == '\0')
        view_say_absent(exporter->view.name);
    return EXIT_FAILURE;
}

/* What has the name is replaced, so it is to be a file of that kind. */
static bool is_replaceable(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0 || S_ISREG(st.st_mode))
        return true;
    fb_error("--output '%s': this is no regular file, which would be replaced: give another name",
             path);
    return false;
}

static bool is_writable(const char *path) {
    size_t size = strlen(path) + sizeof ".XXXXXX";
    char *beside = malloc(size);
    if (beside == NULL)
        return false;
    snprintf(beside, size, "%s.XXXXXX", path);
    int fd = mkstemp(beside);
    if (fd < 0) {
        fb_error("cannot write the metrics to %s: %s", path, strerror(errno));
    } else {
        close(fd);
        unlink(beside);
    }
    free(beside);
    return fd >= 0;
}

/* ---- the view */

static bool refuse_option(const char *option, const char *why) {
    fb_error("%s: %s", option, why);
    return false;
}

bool view_prometheus_fits(const struct view_options *options) {
    const char *to = options->listen != NULL   ? "--listen"
                     : options->output != NULL ? "--output"
                     : options->check          ? "--check"
                                               : NULL;
    if (options->list && (options->prometheus || to != NULL))
        return refuse_option("--list",
                             "it is printed, as text or with --json: leave out the options of "
                             "metrics");
    if (options->prometheus && options->json)
        return refuse_option("--prometheus", "it excludes --json: leave one of them out");
    if (!options->prometheus && to != NULL)
        return refuse_option(to, "it says where metrics go: give --prometheus as well");
    if (options->listen != NULL && options->output != NULL)
        return refuse_option("--listen", "it excludes --output: start flow-stat twice for both");
    if (options->every_ns != 0 && options->output == NULL)
        return refuse_option("--every", "it is for the file of --output: give that as well");
    struct listen_address address;
    return options->listen == NULL || listen_parse(options->listen, &address);
}

const char *view_served_by(void) {
    return serve_version();
}

/* Readable once this process is told to end; -1 after one logged line. */
static int open_stop(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        fb_error("cannot wait for signals: %s", strerror(errno));
    return fd;
}

static bool can_serve(void) {
    if (serve_version() != NULL)
        return true;
    fb_error("--listen: flow-stat was built without libmicrohttpd: install libmicrohttpd-dev and "
             "build it again, or give --output");
    return false;
}

static int serve_until_told(struct exporter *exporter) {
    int fd = can_serve() ? listen_open(exporter->options->listen) : -1;
    if (fd < 0)
        return EXIT_FAILURE;
    if (exporter->options->check) {
        close(fd);
        return EXIT_SUCCESS;
    }
    int stop_fd = open_stop();
    if (stop_fd < 0)
        return EXIT_FAILURE;
    fb_info("serves the metrics of '%s' on %s", exporter->view.name, exporter->options->listen);
    int error = serve(fd, stop_fd, make, exporter);
    close(stop_fd);
    return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int write_until_told(struct exporter *exporter) {
    const struct view_options *options = exporter->options;
    if (!is_replaceable(options->output))
        return EXIT_FAILURE;
    if (options->check)
        return is_writable(options->output) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (options->every_ns == 0)
        return write_once(exporter);
    int stop_fd = open_stop();
    int status = stop_fd < 0 ? EXIT_FAILURE : write_again_and_again(exporter, stop_fd);
    if (stop_fd >= 0)
        close(stop_fd);
    return status;
}

int view_prometheus(const struct view_options *options) {
    struct exporter exporter = {.options = options, .view = {.name = options->name}};
    int status;
    if (options->listen != NULL)
        status = serve_until_told(&exporter);
    else if (options->output != NULL)
        status = write_until_told(&exporter);
    else
        status = options->check ? EXIT_SUCCESS : print_metrics(&exporter);
    view_leave(&exporter.view);
    return status;
}
