/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/grouped.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/names.h"
#include "flow_balancer/object.h"

#define NS_PER_S UINT64_C(1000000000)
#define RATE_OVER_NS (NS_PER_S / 2) /* some snapshots of 100 ms */
#define SUFFIX ".ctl"
#define NO_NUMBER (-1.0)

/* One row. A number that is not known is NO_NUMBER. */
struct row {
    char name[FB_NAME_MAX + 1];
    const char *state;
    char version[24];
    unsigned uid;
    double pid, uptime_s, ready, wanted, packets_per_s;
    struct view view; /* of a running one */
};

struct list {
    struct row *rows;
    size_t count;
};

/* ---- finding them */

/* Whether the file of that name begins as an instance does, and a row of it, or one of a file that
 * may not be read, which is then taken for one. */
static bool take(struct row *row, const char *file) {
    size_t length = strlen(file);
    if (length <= strlen(SUFFIX) || length - strlen(SUFFIX) > FB_NAME_MAX ||
        strcmp(file + length - strlen(SUFFIX), SUFFIX) != 0)
        return false;
    *row = (struct row){.state = "no permission",
                        .pid = NO_NUMBER,
                        .uptime_s = NO_NUMBER,
                        .ready = NO_NUMBER,
                        .wanted = NO_NUMBER,
                        .packets_per_s = NO_NUMBER};
    memcpy(row->name, file, length - strlen(SUFFIX));
    char path[FB_PATH_MAX];
    struct stat st;
    if (!fb_name_valid(row->name) || !fb_object_path(path, FB_SHM_DIR, row->name, FB_KIND_CTL, 0) ||
        lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    row->uid = (unsigned)st.st_uid;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES || errno == EPERM;
    uint64_t magic = 0;
    ssize_t n = pread(fd, &magic, sizeof magic, offsetof(struct fb_header, magic));
    close(fd);
    return n == (ssize_t)sizeof magic && magic == FB_MAGIC;
}

/* False, logged, if memory ran out. */
static bool append(struct list *list, const struct row *row) {
    struct row *rows = realloc(list->rows, (list->count + 1) * sizeof *rows);
    if (rows == NULL) {
        fb_error("no memory for a list of %zu instances", list->count + 1);
        return false;
    }
    list->rows = rows;
    rows[list->count++] = *row;
    return true;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static bool find(struct list *list) {
    DIR *directory = opendir(FB_SHM_DIR);
    if (directory == NULL) {
        fb_error("cannot read %s: %s", FB_SHM_DIR, strerror(errno));
        return false;
    }
    bool complete = true;
    const struct dirent *entry;
    struct row row;
    while (complete && (entry = readdir(directory)) != NULL) {
        if (take(&row, entry->d_name))
            complete = append(list, &row);
    }
    closedir(directory);
    if (list->count != 0)
        qsort(list->rows, list->count, sizeof *list->rows, by_name);
    return complete;
}

/* ---- looking at them */

/* A fb_log_sink: the row says it in a word. */
static void say_nothing(void *arg, int level, const char *line) {
    (void)arg;
    (void)level;
    (void)line;
}

static void take_report(struct row *row) {
    const json_t *report = row->view.report, *worker;
    const char *state = json_string_value(view_at(report, "dispatcher.state"));
    row->state = "running";
    if (state != NULL && (strcmp(state, "starting") == 0 || strcmp(state, "stopping") == 0))
        row->state = strcmp(state, "starting") == 0 ? "starting" : "stopping";
    const char *version = json_string_value(view_at(report, "version"));
    snprintf(row->version, sizeof row->version, "%s", version != NULL ? version : "");
    row->pid = view_number(report, "dispatcher.pid");
    row->uptime_s = view_number(report, "running_s");
    row->wanted = view_number(report, "run.workers_wanted");
    row->ready = 0;
    size_t k;
    json_array_foreach(view_at(report, "workers"), k, worker) {
        const char *word = json_string_value(view_at(worker, "state"));
        row->ready += word != NULL && strcmp(word, "ready") == 0;
    }
}

/* What a dispatcher that died left says who it was. */
static void take_dead(struct row *row) {
    struct fb_ctl_handle handle;
    if (fb_ctl_join_dead(&handle, row->name) != FB_JOINED) {
        row->state = NULL; /* it has gone meanwhile */
        return;
    }
    int slot = fb_guard_add(handle.region.base, handle.region.size);
    row->state = "stale";
    row->pid = (double)handle.ctl->pid;
    snprintf(row->version, sizeof row->version, "%.*s", (int)sizeof handle.ctl->version,
             handle.ctl->version);
    if (fb_guard_faulted(slot))
        row->pid = NO_NUMBER;
    fb_guard_remove(slot);
    fb_ctl_leave(&handle);
}

static void look_first(struct row *row) {
    row->view.name = row->name;
    switch (view_look(&row->view)) {
    case VIEW_REPORT:
        take_report(row);
        break;
    case VIEW_ABSENT:
        take_dead(row);
        break;
    default:
        if (row->uid == (unsigned)geteuid())
            row->state = "other build";
        break;
    }
}

static void look_later(struct row *row) {
    if (row->view.report == NULL || view_look(&row->view) != VIEW_REPORT)
        return;
    take_report(row);
    if (row->view.before != NULL)
        row->packets_per_s = view_per_s(&row->view, "ledger.received");
}

static void look_at_all(struct list *list) {
    fb_log_set_sink(say_nothing, NULL);
    bool any = false;
    for (size_t i = 0; i < list->count; i++) {
        look_first(&list->rows[i]);
        any = any || list->rows[i].view.report != NULL;
    }
    const struct timespec pause = {.tv_nsec = (long)RATE_OVER_NS};
    if (any)
        nanosleep(&pause, NULL);
    for (size_t i = 0; i < list->count; i++)
        look_later(&list->rows[i]);
    fb_log_set_sink(NULL, NULL);
}

/* ---- showing them */

static json_t *number_or_null(double number, bool is_whole) {
    if (number < 0)
        return json_null();
    return is_whole ? json_integer((json_int_t)number) : json_real(number);
}

static json_t *json_of(const struct row *row) {
    return json_pack("{s:s, s:s, s:o, s:I, s:s*, s:o, s:o, s:o, s:o}", "name", row->name, "state",
                     row->state, "pid", number_or_null(row->pid, true), "uid", (json_int_t)row->uid,
                     "version", row->version[0] != '\0' ? row->version : NULL, "uptime_s",
                     number_or_null(row->uptime_s, false), "workers_ready",
                     number_or_null(row->ready, true), "workers_wanted",
                     number_or_null(row->wanted, true), "packets_per_s",
                     number_or_null(row->packets_per_s, false));
}

static void print_json(const struct list *list) {
    json_t *rows = json_array();
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].state != NULL)
            json_array_append_new(rows, json_of(&list->rows[i]));
    }
    json_dumpf(rows, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(rows);
}

/* Days are what runs of months are told by. */
static void format_uptime(char text[32], double s) {
    unsigned long all = s < 0 ? 0 : (unsigned long)s;
    if (s < 0)
        snprintf(text, 32, "-");
    else if (all >= 86400)
        snprintf(text, 32, "%lud %02luh", all / 86400, all / 3600 % 24);
    else
        snprintf(text, 32, "%lu:%02lu:%02lu", all / 3600, all / 60 % 60, all % 60);
}

static void print_row(const struct row *row) {
    char pid[24] = "-", uptime[32], workers[24] = "-", user[24];
    const struct passwd *owner = getpwuid(row->uid);
    snprintf(user, sizeof user, "%u", row->uid);
    if (row->pid >= 0)
        snprintf(pid, sizeof pid, "%.0f", row->pid);
    if (row->ready >= 0)
        snprintf(workers, sizeof workers, "%.0f/%.0f", row->ready, row->wanted);
    format_uptime(uptime, row->uptime_s);
    printf("%-20s %-13s %8s %11s %8s %12s  %-9s %s\n", row->name, row->state, pid, uptime, workers,
           row->packets_per_s >= 0 ? fb_grouped((uint64_t)row->packets_per_s).text : "-",
           row->version[0] != '\0' ? row->version : "-", owner != NULL ? owner->pw_name : user);
}

static void print_text(const struct list *list) {
    printf("%-20s %-13s %8s %11s %8s %12s  %-9s %s\n", "NAME", "STATE", "PID", "UPTIME", "WORKERS",
           "PACKETS/S", "VERSION", "USER");
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].state != NULL)
            print_row(&list->rows[i]);
    }
}

int view_list(const struct view_options *options) {
    struct list list = {0};
    bool found = find(&list);
    if (found) {
        look_at_all(&list);
        if (options->json)
            print_json(&list);
        else
            print_text(&list);
    }
    for (size_t i = 0; i < list.count; i++)
        view_leave(&list.rows[i].view);
    free(list.rows);
    if (!found)
        return EXIT_FAILURE;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fb_error("cannot write the list to standard output");
    return EXIT_FAILURE;
}
