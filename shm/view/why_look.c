/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/history_report.h"

#include "shm/view/view.h"
#include "shm/view/why.h"

#define LOOKS 20u
#define LOOK_EVERY_NS UINT64_C(100000000) /* as often as there is a new snapshot */
#define LOOK_BACK_S 600u                  /* for bursts */
#define SCHEMA "flow-balancer.why/1"

/* ---- what the kernel says of a process */

/* The time that the main thread of a process has run, and waited for a processor; 0: not known. */
struct turns {
    uint64_t running_ns, queued_ns;
};

static bool read_line(const char *format, json_int_t pid, char *line, int size) {
    char path[64];
    snprintf(path, sizeof path, format, pid);
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(line, size, file) != NULL;
    if (file != NULL)
        fclose(file);
    return read;
}

static struct turns turns_of(json_int_t pid) {
    struct turns turns = {0};
    char line[96];
    if (pid <= 0 ||
        !read_line("/proc/%" JSON_INTEGER_FORMAT "/schedstat", pid, line, sizeof line) ||
        sscanf(line, "%" SCNu64 " %" SCNu64, &turns.running_ns, &turns.queued_ns) != 2)
        return (struct turns){0};
    return turns;
}

/* Whether our /proc is the one in which the processes have their pids: no other PID namespace. */
static bool is_our_proc(json_int_t dispatcher) {
    char name[32];
    return read_line("/proc/%" JSON_INTEGER_FORMAT "/comm", dispatcher, name, sizeof name) &&
           strcmp(name, "flow-dispatcher\n") == 0;
}

/* ---- looking */

/* One worker number between the first look and the last. */
struct watched {
    bool is_ready;     /* at every look */
    json_int_t pid;    /* of the first look */
    double backlog;    /* sum over the looks */
    struct turns then; /* at the first look */
};

struct looking {
    struct view view;
    json_t *first; /* report */
    uint64_t first_ns;
    bool has_turns;
    struct turns then; /* of the dispatcher, at the first look */
    struct watched workers[FB_MAX_WORKERS];
};

static json_int_t integer(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static const json_t *worker_of(const json_t *report, unsigned number) {
    const json_t *workers = json_object_get(report, "workers");
    const json_t *at = json_array_get(workers, number);
    if (at != NULL && integer(at, "worker") == number)
        return at;
    for (size_t i = 0; i < json_array_size(workers); i++) {
        at = json_array_get(workers, i);
        if (integer(at, "worker") == number)
            return at;
    }
    return NULL;
}

static void begin_looking(struct looking *l) {
    l->first = json_incref(l->view.report);
    l->first_ns = l->view.taken_ns;
    json_int_t pid = (json_int_t)view_number(l->first, "dispatcher.pid");
    l->has_turns = is_our_proc(pid);
    l->then = turns_of(l->has_turns ? pid : 0);
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        const json_t *worker = worker_of(l->first, k);
        struct watched *w = &l->workers[k];
        w->is_ready = worker != NULL;
        w->pid = integer(worker, "pid");
        w->then = turns_of(l->has_turns ? w->pid : 0);
    }
}

static void look_at_workers(struct looking *l) {
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        const json_t *worker = worker_of(l->view.report, k);
        const char *state = json_string_value(json_object_get(worker, "state"));
        struct watched *w = &l->workers[k];
        w->is_ready = w->is_ready && state != NULL && strcmp(state, "ready") == 0;
        w->backlog += (double)integer(worker, "backlog");
    }
}

/* Looks for two seconds at one dispatcher; a new one is begun with. */
static enum view_seen look_for_a_while(struct looking *l) {
    const struct timespec pause = fb_timespec(LOOK_EVERY_NS);
    for (unsigned i = 0; i <= LOOKS; i++) {
        if (i != 0)
            nanosleep(&pause, NULL);
        enum view_seen seen = view_look(&l->view);
        if (seen != VIEW_REPORT)
            return seen;
        if (i == 0)
            begin_looking(l);
        else if (l->view.before == NULL)
            return VIEW_ABSENT; /* another one has the name now */
        else
            look_at_workers(l);
    }
    return VIEW_REPORT;
}

/* ---- facts */

/* How much the number at a path has grown a second. */
static double growth(const struct looking *l, const struct why_facts *f, const char *path) {
    double more = view_number(l->view.report, path) - view_number(l->first, path);
    return more > 0 ? more / f->seconds : 0;
}

static double worker_growth(const json_t *now, const json_t *then, const char *key,
                            double seconds) {
    double more = json_number_value(json_object_get(now, key)) -
                  json_number_value(json_object_get(then, key));
    return more > 0 ? more / seconds : 0;
}

static void find_turns(const struct turns *then, json_int_t pid, double seconds, double *running,
                       double *queued) {
    struct turns now = turns_of(pid);
    bool known = then->running_ns != 0 && now.running_ns >= then->running_ns &&
                 now.queued_ns >= then->queued_ns;
    *running = known ? (double)(now.running_ns - then->running_ns) / 1e9 / seconds : WHY_UNKNOWN;
    *queued = known ? (double)(now.queued_ns - then->queued_ns) / 1e9 / seconds : WHY_UNKNOWN;
}

/* Between the two looks: what is not in a snapshot. */
static double look_seconds(const struct looking *l) {
    return (double)(l->view.taken_ns - l->first_ns) / 1e9;
}

/* -1: it has no node of its own. */
static bool is_elsewhere(json_int_t node, json_int_t memory) {
    return node >= 0 && memory >= 0 && node != memory;
}

static void find_worker(const struct looking *l, struct why_facts *f, unsigned number) {
    const json_t *now = worker_of(l->view.report, number), *then = worker_of(l->first, number);
    const struct watched *watched = &l->workers[number];
    double depth = view_number(l->view.report, "geometry.depth");
    struct why_worker *w = &f->workers[f->count++];
    bool same = watched->pid == integer(now, "pid");
    *w = (struct why_worker){
        .number = number,
        .packets_per_s = worker_growth(now, then, "packets", f->seconds),
        .drops_per_s = worker_growth(now, then, "dropped", f->seconds),
        .full = worker_growth(now, then, "full_ns", f->seconds) / 1e9,
        .backlog = depth > 0 ? watched->backlog / LOOKS / depth : 0,
        .output = fmin(1, worker_growth(now, then, "self_output_wait_ns", look_seconds(l)) / 1e9),
        .is_remote = is_elsewhere(integer(now, "numa_node"), integer(now, "ring_numa_node")),
    };
    find_turns(&watched->then, same && l->has_turns ? watched->pid : 0, look_seconds(l),
               &w->running, &w->queued);
}

/* Between the two snapshots, which are older than the looks: all that the dispatcher's time went
 * into. A dispatcher that does not run tells none. */
static double snapshot_seconds(const struct looking *l) {
    static const char *const parts[] = {"run.idle_ns", "run.reading_ns", "run.dispatching_ns",
                                        "run.blocked_ns"};
    double ns = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ns += view_number(l->view.report, parts[i]) - view_number(l->first, parts[i]);
    return ns > 0 ? ns / 1e9 : look_seconds(l);
}

static void find_facts(const struct looking *l, struct why_facts *f) {
    const json_t *now = l->view.report;
    *f = (struct why_facts){.seconds = snapshot_seconds(l)};
    f->is_live = json_array_size(view_at(now, "capture.interfaces")) != 0;
    f->received_per_s = growth(l, f, "ledger.received");
    f->kernel_drops_per_s = growth(l, f, "capture.kernel_drops");
    f->interface_drops_per_s = growth(l, f, "capture.interface_drops");
    f->no_worker_per_s = growth(l, f, "ledger.dropped.no_worker");
    f->idle = growth(l, f, "run.idle_ns") / 1e9;
    f->reading = growth(l, f, "run.reading_ns") / 1e9;
    f->dispatching = growth(l, f, "run.dispatching_ns") / 1e9;
    f->blocked = growth(l, f, "run.blocked_ns") / 1e9;
    f->heartbeat_age_s = view_number(now, "dispatcher.heartbeat_age_s");
    f->workers_wanted = (unsigned)view_number(now, "run.workers_wanted");
    f->is_remote = is_elsewhere((json_int_t)view_number(now, "dispatcher.numa_node"),
                                (json_int_t)view_number(now, "dispatcher.flow_table_numa_node"));
    json_int_t pid = l->has_turns ? (json_int_t)view_number(now, "dispatcher.pid") : 0;
    find_turns(&l->then, pid, look_seconds(l), &f->running, &f->queued);
    for (unsigned k = 0; k < FB_MAX_WORKERS; k++) {
        if (l->workers[k].is_ready)
            find_worker(l, f, k);
    }
}

/* ---- the answer */

/* What is said: the limit, and the last bursts. */
struct why_words {
    struct why_answer answer;
    unsigned burst_count;
    struct why_burst bursts[WHY_BURSTS];
};

static int print_limit(const struct why_words *words, const struct why_facts *f) {
    char text[WHY_TEXT_MAX];
    printf("limit: %s\n%s\n", why_limit_names[words->answer.limit], words->answer.text);
    for (unsigned i = 0; i < words->burst_count; i++) {
        why_say_burst(&words->bursts[i], text);
        printf("%s\n", text);
    }
    printf("judged by %.1f s\n", f->seconds);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fb_error("cannot write to standard output");
    return EXIT_FAILURE;
}

static json_t *worker_json(const struct why_worker *w) {
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "worker",
                     (json_int_t)w->number, "packets_per_s", w->packets_per_s, "drops_per_s",
                     w->drops_per_s, "full", w->full, "backlog", w->backlog, "output", w->output,
                     "running", w->running, "queued", w->queued, "remote", (int)w->is_remote);
}

static json_t *burst_json(const struct why_burst *burst) {
    char text[WHY_TEXT_MAX];
    why_say_burst(burst, text);
    json_t *json = json_pack("{s:f, s:f, s:f, s:s, s:f, s:f, s:s}", "lost", burst->lost, "seconds",
                             burst->seconds, "ago_s", burst->ago_s, "option", burst->option, "now",
                             burst->now, "enough", burst->enough, "text", text);
    if (burst->worker >= 0)
        json_object_set_new(json, "worker", json_integer((json_int_t)burst->worker));
    return json;
}

static json_t *answer_json(const struct why_words *words, const struct why_facts *f,
                           const char *name) {
    const struct why_answer *answer = &words->answer;
    json_t *limits = json_array(), *workers = json_array(), *bursts = json_array();
    for (unsigned i = 0; i < words->burst_count; i++)
        json_array_append_new(bursts, burst_json(&words->bursts[i]));
    for (unsigned i = 0; i < answer->count; i++)
        json_array_append_new(limits, json_integer(answer->workers[i]));
    for (unsigned i = 0; i < f->count; i++)
        json_array_append_new(workers, worker_json(&f->workers[i]));
    return json_pack(
        "{s:s, s:s, s:f, s:s, s:o, s:s, s:{s:f, s:f, s:f, s:f}, s:{s:f, s:f, s:f, s:f, s:f, s:f, "
        "s:b}, s:o, s:o}",
        "schema", SCHEMA, "instance", name, "seconds", f->seconds, "limit",
        why_limit_names[answer->limit], "limiting_workers", limits, "text", answer->text, "rates",
        "received_per_s", f->received_per_s, "kernel_drops_per_s", f->kernel_drops_per_s,
        "interface_drops_per_s", f->interface_drops_per_s, "no_worker_per_s", f->no_worker_per_s,
        "dispatcher", "idle", f->idle, "reading", f->reading, "dispatching", f->dispatching,
        "blocked", f->blocked, "running", f->running, "queued", f->queued, "remote",
        (int)f->is_remote, "workers", workers, "bursts", bursts);
}

static int print_answer(const struct looking *l, const struct why_facts *f,
                        const struct view_options *options) {
    struct why_words words = {.burst_count = 0};
    json_t *history = NULL;
    why_judge(f, &words.answer);
    if (fb_history_read(&l->view.handle, LOOK_BACK_S, &history) == 0)
        words.burst_count = why_find_bursts(l->view.report, history, words.bursts);
    json_decref(history);
    if (!options->json)
        return print_limit(&words, f);
    json_t *json = answer_json(&words, f, options->name);
    int status = json != NULL && json_dumpf(json, stdout, JSON_INDENT(2)) == 0 &&
                         putchar('\n') != EOF && fflush(stdout) == 0
                     ? EXIT_SUCCESS
                     : EXIT_FAILURE;
    if (status != EXIT_SUCCESS)
        fb_error("cannot write to standard output");
    json_decref(json);
    return status;
}

int view_why(const struct view_options *options) {
    struct looking *l = calloc(1, sizeof *l);
    struct why_facts *f = calloc(1, sizeof *f);
    int status = EXIT_FAILURE;
    if (l != NULL && f != NULL) {
        l->view.name = options->name;
        enum view_seen seen = look_for_a_while(l);
        if (seen == VIEW_ABSENT)
            view_say_absent(options->name);
        if (seen == VIEW_REPORT) {
            find_facts(l, f);
            status = print_answer(l, f, options);
        }
        json_decref(l->first);
        view_leave(&l->view);
    } else {
        fb_error("no memory");
    }
    free(f);
    free(l);
    return status;
}
