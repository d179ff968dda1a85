/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/grouped.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/life.h"

#include "shm/view/ring_look.h"

#define RING_SCHEMA "flow-balancer.ring/1"
#define APART_NS UINT64_C(100000000) /* two looks: a worker that is at work gets on in between */

/* What is printed. */
struct ring_facts {
    const char *instance;
    unsigned worker;
    struct ring_look before, now;
    char meaning[RING_MEANING_MAX];
};

static const char *state_name(const struct ring_look *look) {
    return look->state < FB_STATE_COUNT ? fb_state_names[look->state] : "unknown";
}

/* Seconds since a time, or -1: not known. */
static double age_s(const struct ring_look *look, uint64_t then_ns) {
    return then_ns == 0 || then_ns > look->taken_ns ? -1 : (double)(look->taken_ns - then_ns) / 1e9;
}

/* ---- text */

static void print_number(uint64_t number, const char *name, const char *text) {
    printf("%26s  %-13s %s\n", fb_grouped(number).text, name, text);
}

static void print_word(const char *word, const char *name, const char *text) {
    printf("%26s  %-13s %s\n", word, name, text);
}

static void print_id(int64_t id, const char *name, const char *text) {
    printf("%26" PRId64 "  %-13s %s\n", id, name, text);
}

static void print_down(const struct ring_look *look) {
    char text[64] = "times that descriptors were published";
    double last_s = age_s(look, look->last_publish_ns);
    if (last_s >= 0)
        snprintf(text, sizeof text, "times that any were published, the last %.6f s ago", last_s);
    puts("down side, by the dispatcher:");
    print_number(look->published, "published", "descriptors before this one are complete");
    print_number(look->publishes, "publishes", text);
    print_number(look->flow_records, "flow_records", "that are populated");
    print_number(look->down_epoch, "epoch", "the incarnation that may read on");
    print_word(ring_command_name(look->command), "command", "what the worker is to do");
    print_number(look->doorbell, "doorbell", "moves with each wake");
}

static void print_cursor(const struct ring_look *look) {
    char text[64] = "the next to be inspected";
    double age = age_s(look, look->cursor_published_ns);
    if (ring_cursor_is_busy(look) && age >= 0)
        snprintf(text, sizeof text, "under inspection, published %.6f s ago", age);
    else if (ring_cursor_is_busy(look))
        snprintf(text, sizeof text, "under inspection");
    print_number(ring_cursor_seq(look), "cursor", text);
}

static void print_up(const struct ring_look *look) {
    puts("up side, by the worker:");
    print_number(look->up_epoch, "epoch", "of this incarnation");
    print_number(look->consumed, "consumed", "descriptors before this one are finished");
    print_cursor(look);
    print_number(look->parked, "parked", "1: asleep, or about to be");
    print_word(ring_status_name(look->worker_status), "worker_status", "what it says of itself");
    print_id(look->pid, "pid", "as it says");
    print_id(look->cpu, "cpu", "the only one that it may run on, or -1");
    print_id(look->numa_node, "numa_node", "the same");
    print_word(look->locked ? "held" : "free", "lock", "held: a process lives and has the number");
}

static void print_ring(const struct ring_facts *f) {
    const struct ring_look *look = &f->now;
    printf("worker %u of '%s': %s\n", f->worker, f->instance, state_name(look));
    printf("geometry: %u packets in %u descriptors, %" PRIu64 " KB of packets, bursts of %u\n",
           look->depth, look->slots, look->arena_bytes >> 10, look->worker_burst);
    print_down(look);
    if (look->has_up) {
        print_up(look);
        print_number(ring_waiting(look), "waiting",
                     "published and not finished, ends of flows too");
    }
    printf("meaning: %s\n", f->meaning);
}

/* ---- JSON */

/* Integers of JSON are signed: a number beyond is a lie, or the test of a wrap. */
static json_t *whole(uint64_t number) {
    return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

static json_t *down_json(const struct ring_look *look) {
    double last_s = age_s(look, look->last_publish_ns);
    return json_pack("{s:o, s:o, s:o, s:I, s:o, s:s, s:I}", "published", whole(look->published),
                     "publishes", whole(look->publishes), "last_publish_age_s",
                     last_s < 0 ? json_null() : json_real(last_s), "flow_records",
                     (json_int_t)look->flow_records, "epoch", whole(look->down_epoch), "command",
                     ring_command_name(look->command), "doorbell", (json_int_t)look->doorbell);
}

static json_t *up_json(const struct ring_look *look) {
    double age = age_s(look, look->cursor_published_ns);
    if (!look->has_up)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:b, s:o, s:I, s:s, s:I, s:i, s:i, s:s, s:o}", "epoch",
                     whole(look->up_epoch), "consumed", whole(look->consumed), "cursor",
                     whole(ring_cursor_seq(look)), "cursor_busy", ring_cursor_is_busy(look),
                     "cursor_age_s", age < 0 ? json_null() : json_real(age), "parked",
                     (json_int_t)look->parked, "worker_status",
                     ring_status_name(look->worker_status), "pid", (json_int_t)look->pid, "cpu",
                     look->cpu, "numa_node", look->numa_node, "lock",
                     look->locked ? "held" : "free", "waiting", whole(ring_waiting(look)));
}

static void print_ring_json(const struct ring_facts *f) {
    const struct ring_look *look = &f->now;
    json_t *geometry = json_pack("{s:I, s:I, s:o, s:I}", "depth", (json_int_t)look->depth, "slots",
                                 (json_int_t)look->slots, "arena_bytes", whole(look->arena_bytes),
                                 "worker_burst", (json_int_t)look->worker_burst);
    json_t *report =
        json_pack("{s:s, s:s, s:i, s:s, s:o, s:o, s:o, s:s}", "schema", RING_SCHEMA, "instance",
                  f->instance, "worker", (int)f->worker, "state", state_name(look), "geometry",
                  geometry, "down", down_json(look), "up", up_json(look), "meaning", f->meaning);
    json_dumpf(report, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(report);
}

/* ---- the whole */

static bool look_twice(struct ring_facts *f, const struct fb_ctl *ctl) {
    struct timespec pause = fb_timespec(APART_NS);
    if (!ring_look(&f->before, ctl, f->worker))
        return false;
    nanosleep(&pause, NULL);
    return ring_look(&f->now, ctl, f->worker);
}

static bool read_ring(struct ring_facts *f) {
    struct fb_ctl_handle handle;
    enum fb_join joined = fb_ctl_join(&handle, f->instance);
    if (joined != FB_JOINED) {
        if (joined == FB_NOT_YET)
            view_say_absent(f->instance);
        return false;
    }
    int slot = fb_guard_add(handle.region.base, handle.region.size);
    unsigned errors = fb_log_errors();
    bool read = slot >= 0 && look_twice(f, handle.ctl);
    if (slot >= 0 && fb_guard_faulted(slot)) {
        if (fb_log_errors() == errors)
            view_say_absent(f->instance);
        read = false;
    }
    fb_guard_remove(slot);
    fb_ctl_leave(&handle);
    return read;
}

int view_ring(const struct view_options *options) {
    struct ring_facts facts = {.instance = options->name, .worker = options->ring};
    if (!read_ring(&facts))
        return EXIT_FAILURE;
    ring_say(facts.meaning, &facts.before, &facts.now);
    if (options->json)
        print_ring_json(&facts);
    else
        print_ring(&facts);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fb_error("cannot write to standard output");
    return EXIT_FAILURE;
}
