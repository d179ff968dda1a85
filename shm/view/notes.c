/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shm/view/amount.h"
#include "shm/view/flow_text.h"

#define HEARTBEAT_OLD_S 2.0 /* it beats ten times a second, also when nothing comes */
#define TABLE_FULL 0.9      /* of the flows that there is room for */
#define RING_FULL 0.9       /* of the packets: it is about to be full */
#define OUTPUT_SHARE 0.3    /* of a worker's time, as --why has it */
#define ELEPHANT 0.5        /* of a worker's packets in one flow */
#define LEAST_PER_S 1e-3    /* less is nothing */
#define AGAIN_AND_AGAIN 3

struct writer {
    struct notes *notes;
    const struct scene *scene;
    const json_t *report;
    const struct scene_worker *workers;
    unsigned count;
};

__attribute__((format(printf, 3, 4))) static void say(struct writer *w, bool bad,
                                                      const char *format, ...) {
    if (w->notes->count == NOTES_MAX)
        return;
    struct note *note = &w->notes->notes[w->notes->count++];
    va_list args;
    va_start(args, format);
    vsnprintf(note->text, sizeof note->text, format, args);
    va_end(args);
    note->bad = bad;
}

/* Numbers of workers, as "1, 4, 7 and 12 more". */
struct numbers {
    char text[64];
    unsigned count;
};

static void add_number(struct numbers *numbers, unsigned k) {
    size_t used = strlen(numbers->text);
    if (numbers->count++ < 4)
        snprintf(numbers->text + used, sizeof numbers->text - used, "%s%u", used != 0 ? ", " : "",
                 k);
}

static void end_numbers(struct numbers *numbers) {
    size_t used = strlen(numbers->text);
    if (numbers->count > 4)
        snprintf(numbers->text + used, sizeof numbers->text - used, " and %u more",
                 numbers->count - 4);
}

static const char *plural(unsigned count) {
    return count == 1 ? "" : "s";
}

/* ---- the instance */

static void note_instance(struct writer *w) {
    const char *state = scene_text(w->report, "dispatcher.state");
    double age_s = view_number(w->report, "dispatcher.heartbeat_age_s");
    if (!w->scene->running)
        say(w, true, "ended %s ago: the last picture stays until the instance runs again",
            amount_uptime(w->scene->absent_s).text);
    else if (age_s > HEARTBEAT_OLD_S)
        say(w, true, "dispatcher silent for %.0f s: it is stopped, or gets no CPU (--cpu)", age_s);
    if (w->scene->trouble != NULL)
        say(w, true, "%s", w->scene->trouble);
    if (w->scene->running && strcmp(state, "died") == 0)
        say(w, true, "the dispatcher has died");
    const json_t *balanced = view_at(w->report, "ledger.balanced");
    if (json_is_false(balanced))
        say(w, true, "the ledger does not add up: please report this as an error of flow-balancer");
}

/* ---- before the dispatcher */

static void note_kernel_drops(struct writer *w) {
    double drops = scene_per_s(w->scene, "capture.kernel_drops");
    if (drops <= 0)
        return;
    double received = scene_per_s(w->scene, "capture.received");
    const char *buffer = scene_text(w->report, "options.buffer-size");
    say(w, true,
        "kernel drops %s/s (%s): its buffer is full: give it more with -B (now %s KiB), and the "
        "dispatcher a CPU of its own with --cpu",
        amount_of(drops).text, amount_share(drops, received).text,
        buffer[0] != '\0' ? buffer : "49152");
}

static void note_interfaces(struct writer *w) {
    const json_t *interfaces = view_at(w->report, "capture.interfaces"), *each;
    size_t i;
    json_array_foreach(interfaces, i, each) {
        const json_t *before =
            json_array_get(view_at(w->scene->view->before, "capture.interfaces"), i);
        const char *name = scene_text(each, "name"), *state = scene_text(each, "state");
        double drops = scene_rate(w->scene, each, before, "interface_drops");
        if (drops > 0)
            say(w, true,
                "%.15s drops %s/s, or its driver does, before they are captured: give it more "
                "buffers with ethtool -G",
                name, amount_of(drops).text);
        if (strcmp(state, "down") == 0)
            say(w, false, "%.15s is down: it is switched off, or has no link", name);
        if (strcmp(state, "gone") == 0)
            say(w, true, "%.15s is gone, and not captured from any more", name);
    }
    if (json_array_size(interfaces) == 0 && scene_per_s(w->scene, "capture.interface_drops") > 0)
        say(w, true, "an interface drops packets before they are captured: see ethtool -G");
}

/* ---- rings */

/* Whether a flow has most of what is given to a worker: now, or, where the report does not say
 * that, in the run. What may be other flows' does not count. */
static bool is_elephant(const json_t *flow, const struct scene_worker *worker) {
    const json_t *now = json_object_get(flow, "packets_per_s");
    double given = view_number(worker->now, "entered") + view_number(worker->now, "dropped");
    double its = view_number(flow, "packets") - view_number(flow, "error");
    if (now != NULL) {
        given = worker->packets_per_s + (worker->dropped_per_s > 0 ? worker->dropped_per_s : 0);
        its = json_number_value(now) - view_number(flow, "error_per_s");
    }
    const json_t *number = json_object_get(flow, "worker");
    return json_is_integer(number) && json_integer_value(number) == worker->number &&
           !json_is_true(json_object_get(flow, "ended")) && its > ELEPHANT * given;
}

static const json_t *elephant_of(const struct writer *w, const struct scene_worker *worker) {
    static const char *const lists[] = {"busiest_flows", "largest_flows"};
    for (unsigned list = 0; list < sizeof lists / sizeof *lists; list++) {
        const json_t *each;
        size_t i;
        json_array_foreach(view_at(w->report, lists[list]), i, each) {
            if (is_elephant(each, worker))
                return each;
        }
    }
    return NULL;
}

/* Rings that are full: with loss, or those that hold up a lossless run. */
struct full {
    struct numbers numbers;
    const struct scene_worker *one;
    unsigned ready;
    unsigned waiting; /* of them, that wait for their output */
    double lost_per_s;
};

static bool has_slow_output(const struct writer *w, const struct scene_worker *worker) {
    return scene_rate(w->scene, worker->now, worker->before, "self_output_wait_ns") >=
           OUTPUT_SHARE * 1e9;
}

static struct full find_full(const struct writer *w) {
    struct full full = {.one = NULL};
    bool dropping = scene_per_s(w->scene, "ledger.dropped.ring_full") > 0;
    double depth = view_number(w->report, "geometry.depth");
    for (unsigned i = 0; i < w->count; i++) {
        const struct scene_worker *worker = &w->workers[i];
        bool is_full = dropping ? worker->dropped_per_s > 0
                                : depth > 0 && worker->waiting >= RING_FULL * depth;
        full.ready += strcmp(worker->state, "ready") == 0;
        if (!is_full)
            continue;
        full.one = worker;
        full.waiting += has_slow_output(w, worker);
        full.lost_per_s += worker->dropped_per_s > 0 ? worker->dropped_per_s : 0;
        add_number(&full.numbers, worker->number);
    }
    end_numbers(&full.numbers);
    return full;
}

static bool finishes_nothing(const struct scene_worker *worker) {
    return worker->packets_per_s >= 0 && worker->packets_per_s < LEAST_PER_S;
}

static void say_one_is_full(struct writer *w, const struct scene_worker *worker, bool bad,
                            const char *loss) {
    const json_t *flow = elephant_of(w, worker);
    if (finishes_nothing(worker))
        say(w, bad, "worker %u is full%s: it finishes nothing: stopped, or it hangs, see --hang",
            worker->number, loss);
    else if (flow != NULL)
        say(w, bad,
            "worker %u is full%s, no other: most of its packets are of one flow, which is never "
            "split: %s",
            worker->number, loss, flow_text_of(flow).text);
    else
        say(w, bad,
            "worker %u is full%s, no other: one flow is too much for it, or its inspector is slow: "
            "look at it with Enter",
            worker->number, loss);
}

static void note_full(struct writer *w) {
    struct full full = find_full(w);
    unsigned count = full.numbers.count;
    bool bad = full.lost_per_s > 0;
    char loss[40] = "";
    if (count == 0)
        return;
    if (bad)
        snprintf(loss, sizeof loss, ", %s/s dropped", amount_of(full.lost_per_s).text);
    if (2 * full.waiting > count)
        say(w, bad,
            "worker%s %s %s full%s, by the output: what they write to is slower than they are: see "
            "the log",
            count == 1 ? "" : "s", full.numbers.text, count == 1 ? "is" : "are", loss);
    else if (count == 1 && (w->count > 1 || finishes_nothing(full.one)))
        say_one_is_full(w, full.one, bad, loss);
    else if (count >= full.ready)
        say(w, bad,
            "all workers are full%s: inspection is too slow for what comes: add workers "
            "(flow-balancer add, -w)",
            loss);
    else
        say(w, bad, "workers %s of %u are full%s: compare time/pkt and wait", full.numbers.text,
            w->count, loss);
}

/* ---- workers */

static void note_no_worker(struct writer *w) {
    double wanted = view_number(w->report, "run.workers_wanted");
    double lost = scene_per_s(w->scene, "ledger.dropped.no_worker");
    unsigned ready = 0;
    bool busy =
        strcmp(scene_text(w->report, "dispatcher.state"), "running") == 0 && w->scene->running;
    for (unsigned i = 0; i < w->count; i++)
        ready += strcmp(w->workers[i].state, "ready") == 0 ||
                 strcmp(w->workers[i].state, "draining") == 0;
    if (lost > 0)
        say(w, true, "no worker is alive, %s/s dropped: see the log for why", amount_of(lost).text);
    else if (busy && ready == 0)
        say(w, true, "no worker is ready: see the log for why");
    else if (busy && ready < wanted)
        say(w, false, "%u of %.0f workers are ready", ready, wanted);
}

static void note_restarts(struct writer *w) {
    struct numbers once = {"", 0};
    for (unsigned i = 0; i < w->count; i++) {
        const struct scene_worker *worker = &w->workers[i];
        if (worker->hung > 0)
            say(w, true,
                "worker %u hung and was revoked: it finished nothing for --hang seconds: see the "
                "log",
                worker->number);
        else if (worker->restarted >= AGAIN_AND_AGAIN)
            say(w, true,
                "worker %u dies again and again (%.0f times lately): see the log, and "
                "--quarantine keeps the packets that do it",
                worker->number, worker->restarted);
        else if (worker->restarted > 0)
            add_number(&once, worker->number);
    }
    end_numbers(&once);
    if (once.count != 0)
        say(w, false, "restarted lately: worker%s %s", plural(once.count), once.text);
}

static void note_violations(struct writer *w) {
    const char *name;
    json_t *count;
    json_object_foreach(json_object_get(w->report, "violations"), name, count) {
        say(w, true,
            "a worker wrote what it must not (%s, %s times) and was revoked: it is faulty or "
            "hostile, see the log",
            name, amount_of(json_number_value(count)).text);
    }
    if (scene_per_s(w->scene, "ledger.quarantined") > 0)
        say(w, true, "packets kill the workers, and are put into quarantine: see the log");
    if (scene_per_s(w->scene, "ledger.shunted") > 0)
        say(w, true, "flows that killed workers are not inspected any more: see the log");
}

/* ---- sinks, flows, memory */

static void note_sinks(struct writer *w) {
    json_t *inspectors = json_object_get(w->report, "inspectors"), *counters;
    const char *name;
    json_object_foreach(inspectors, name, counters) {
        const json_t *before = json_object_get(view_at(w->scene->view->before, "inspectors"), name);
        double drops = scene_rate(w->scene, counters, before, "dropped");
        if (drops > 0 && strncmp(name, "eve", 3) == 0)
            say(w, true,
                "%s drops %s records/s: what they are written to is too slow or gone; --eve-wait "
                "waits longer for it",
                name, amount_of(drops).text);
    }
}

static void note_flows(struct writer *w) {
    double active = view_number(w->report, "flows.active");
    double most = view_number(w->report, "geometry.max_flows");
    if (most > 0 && active > TABLE_FULL * most)
        say(w, true,
            "the flow table is nearly full (%s of %s): flows are ended early; make it larger with "
            "--max-flows, or shorten --timeout",
            amount_of(active).text, amount_of(most).text);
}

static void note_pages(struct writer *w) {
    if (strcmp(scene_text(w->report, "hugepages.down"), "mixed") == 0)
        say(w, false,
            "some rings have huge pages and some have none left: reserve more "
            "(flow-balancer-tuning(7))");
}

/* Stable, and short. */
static void put_worst_first(struct notes *notes) {
    struct notes sorted = {.count = 0};
    for (int bad = 1; bad >= 0; bad--) {
        for (unsigned i = 0; i < notes->count; i++) {
            if (notes->notes[i].bad == (bad != 0))
                sorted.notes[sorted.count++] = notes->notes[i];
        }
    }
    *notes = sorted;
}

void notes_take(struct notes *notes, const struct scene *scene, const struct scene_worker *workers,
                unsigned count) {
    struct writer w = {notes, scene, scene->view->report, workers, count};
    notes->count = 0;
    note_instance(&w);
    note_no_worker(&w);
    note_kernel_drops(&w);
    note_full(&w);
    note_interfaces(&w);
    note_restarts(&w);
    note_violations(&w);
    note_sinks(&w);
    note_flows(&w);
    note_pages(&w);
    put_worst_first(notes);
}
