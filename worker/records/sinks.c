/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/sinks.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/grouped.h"
#include "flow_balancer/common/log.h"
#include "worker/records/sink.h"

#define MS_NS UINT64_C(1000000)
#define TICK_NS (100 * MS_NS)     /* where nothing waits */
#define TICK_BUSY_NS (10 * MS_NS) /* where something does */
#define POLL_MS 20                /* at the end, between two looks at what does not say */
#define END_NS (1000 * MS_NS)     /* at the end no packet waits: a sink has this time at least */

/* The sinks of this process: what writes records has no other way to them. */
static struct {
    struct sink sinks[SINKS_MAX];
    unsigned count;
    char who[24];
    uint64_t drain_ns, drained_ns; /* and the time by which it is over; 0: the end has not come */
    uint64_t next_tick_ns;
    bool is_followed; /* by a process of the number, which is not to wait for this one */

    /* A line that one of them did not take: is the next one the same? */
    bool is_pending;
    size_t pending_length;
    uint64_t pending_hash;
} all;

const char *const sinks_stat_names[SINK_STATS + 1] = {
    [SINK_WRITTEN] = "written", [SINK_DROPPED] = "dropped", [SINK_RETRIED] = "retried"};

/* ---- opening --------------------------------------------------------------------------------- */

/* A kind of sink and how --eve names it; what ends with a colon has an argument. */
static const struct {
    const char *begin;
    const struct sink_kind *kind;
} kinds[] = {{"file:", &sink_file_kind}, {"-", &sink_output_kind}, {"unix:", &sink_unix_kind}};

/* Returns 0, or -EINVAL after one logged line. */
static int set_kind(struct sink *sink, const char *text) {
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = strlen(kinds[i].begin);
        bool has_argument = kinds[i].begin[length - 1] == ':';
        if (has_argument ? strncmp(text, kinds[i].begin, length) != 0
                         : strcmp(text, kinds[i].begin) != 0)
            continue;
        *sink = (struct sink){.kind = kinds[i].kind, .argument = text + length, .fd = -1};
        snprintf(sink->text, sizeof sink->text, "--eve %s", text);
        return 0;
    }
    fb_error("--eve '%s': give file:PATTERN, unix:PATH, or - for standard output", text);
    return -EINVAL;
}

static bool is_given_before(const struct sinks_config *config, unsigned i) {
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(config->sinks[i], config->sinks[k]) == 0)
            return true;
    }
    return false;
}

/* With a number behind it if there are several of the kind. */
static void set_name(struct sink *sink) {
    unsigned before = 0, others = 0;
    for (unsigned i = 0; i < all.count; i++) {
        before += all.sinks[i].kind == sink->kind && &all.sinks[i] < sink;
        others += all.sinks[i].kind == sink->kind && &all.sinks[i] != sink;
    }
    if (others == 0)
        snprintf(sink->name, sizeof sink->name, "eve-%s", sink->kind->word);
    else
        snprintf(sink->name, sizeof sink->name, "eve-%s-%u", sink->kind->word, before + 1);
}

int sinks_open(const struct sinks_config *config) {
    memset(&all, 0, sizeof all);
    all.drain_ns = config->drain_ns;
    for (unsigned i = 0; i < config->count; i++) {
        struct sink *sink = &all.sinks[all.count];
        if (is_given_before(config, i))
            continue;
        int error = set_kind(sink, config->sinks[i]);
        if (error != 0)
            return error;
        sink->who = all.who;
        sink->wait_ns = config->wait_ns;
        all.count++;
        error = sink->kind->open(sink);
        if (error != 0)
            return error;
    }
    for (unsigned i = 0; i < all.count; i++)
        set_name(&all.sinks[i]);
    return 0;
}

int sinks_claimed(const struct fb_instance *instance) {
    snprintf(all.who, sizeof all.who, "worker %u: ", instance->worker);
    for (unsigned i = 0; i < all.count; i++) {
        struct sink *sink = &all.sinks[i];
        memset(sink->stats, 0, sizeof sink->stats);
        sink->lost_before = 0;
        int error = sink->kind->claimed != NULL ? sink->kind->claimed(sink, instance) : 0;
        if (error != 0)
            return error;
    }
    return 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

bool sinks_any(void) {
    return all.count != 0;
}

/* FNV-1a: only tells a line from the one before. */
static uint64_t hash_of(const char *line, size_t length) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)line[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void next_line(void) {
    for (unsigned i = 0; i < all.count; i++)
        all.sinks[i].has_line = false;
    all.is_pending = false;
}

/* A line that was to be given again was given up: by those that wait with it as well. */
static void check_pending(const char *line, size_t length) {
    if (length == all.pending_length && hash_of(line, length) == all.pending_hash)
        return;
    for (unsigned i = 0; i < all.count; i++) {
        struct sink *sink = &all.sinks[i];
        sink_drop(sink, !sink->has_line);
        sink->was_retried = false;
    }
    next_line();
}

static void set_pending(const char *line, size_t length) {
    if (all.is_pending)
        return;
    all.is_pending = true;
    all.pending_length = length;
    all.pending_hash = hash_of(line, length);
}

int sinks_write(const char *line, size_t length) {
    bool waits = false;
    if (__builtin_expect(all.is_pending, 0))
        check_pending(line, length);
    for (unsigned i = 0; i < all.count; i++) {
        struct sink *sink = &all.sinks[i];
        if (sink->has_line)
            continue;
        sink->has_line = !sink_settle(sink, sink->kind->put(sink, line, length));
        waits |= !sink->has_line;
    }
    if (__builtin_expect(waits, 0)) {
        set_pending(line, length);
        return FB_OUTPUT_FAILED;
    }
    next_line();
    return 0;
}

/* ---- between lines --------------------------------------------------------------------------- */

static bool is_any_queued(void) {
    for (unsigned i = 0; i < all.count; i++) {
        if (!line_queue_is_empty(&all.sinks[i].queue))
            return true;
    }
    return false;
}

void sinks_tick(uint64_t now_ns) {
    if (now_ns < all.next_tick_ns)
        return;
    for (unsigned i = 0; i < all.count; i++)
        all.sinks[i].kind->tick(&all.sinks[i], now_ns);
    all.next_tick_ns = now_ns + (is_any_queued() ? TICK_BUSY_NS : TICK_NS);
}

uint64_t sinks_next_tick(void) {
    return all.count != 0 ? all.next_tick_ns : UINT64_MAX;
}

unsigned sinks_reload(void) {
    unsigned failed = 0;
    for (unsigned i = 0; i < all.count; i++) {
        struct sink *sink = &all.sinks[i];
        failed += sink->kind->reload != NULL && sink->kind->reload(sink) != 0;
    }
    return failed;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Whether it is worth while to wait for a sink: it has something, and takes something. */
static bool is_awaited(const struct sink *sink, uint64_t now_ns) {
    uint64_t wait_ns = sink->wait_ns > END_NS ? sink->wait_ns : END_NS;
    return !line_queue_is_empty(&sink->queue) && now_ns < fb_deadline_ns(sink->taken_ns, wait_ns);
}

/* Waits until a sink takes something, a moment at most; false: a signal handler ran. One that is
 * shared may have room, and be another process's just now. */
static bool await_room(uint64_t now_ns) {
    struct pollfd fds[SINKS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < all.count; i++) {
        const struct sink *sink = &all.sinks[i];
        if (sink->fd >= 0 && !sink->is_shared && is_awaited(sink, now_ns))
            fds[count++] = (struct pollfd){.fd = sink->fd, .events = POLLOUT};
    }
    return poll(fds, count, POLL_MS) >= 0;
}

/* Hands on what waits, until then or until --drain-timeout is over. */
static void drain(uint64_t until_ns) {
    if (all.drained_ns == 0)
        all.drained_ns = fb_deadline_ns(fb_now_ns(), all.drain_ns);
    until_ns = until_ns < all.drained_ns ? until_ns : all.drained_ns;
    for (unsigned i = 0; i < all.count; i++)
        all.sinks[i].taken_ns = fb_now_ns();
    for (bool is_awaiting = true; is_awaiting;) {
        uint64_t now_ns = fb_now_ns();
        is_awaiting = false;
        for (unsigned i = 0; i < all.count; i++) {
            struct sink *sink = &all.sinks[i];
            uint64_t lines = sink->queue.lines;
            sink->kind->tick(sink, now_ns);
            if (sink->queue.lines < lines)
                sink->taken_ns = now_ns;
            is_awaiting |= is_awaited(sink, now_ns);
        }
        is_awaiting = is_awaiting && now_ns < until_ns && await_room(now_ns);
    }
}

static void give_up(struct sink *sink) {
    uint64_t lines = line_queue_clear(&sink->queue);
    if (lines != 0)
        fb_error("%s%s: %s records were queued, and not taken in time: they are dropped", sink->who,
                 sink->text, fb_grouped(lines).text);
    sink_drop(sink, lines);
}

void sinks_finish(uint64_t until_ns) {
    drain(until_ns);
    all.is_followed = until_ns == 0;
    for (unsigned i = 0; i < all.count; i++) {
        struct sink *sink = &all.sinks[i];
        if (all.is_followed || !is_awaited(sink, fb_now_ns()))
            give_up(sink);
        if (sink->is_file)
            sink->kind->close(sink);
    }
}

void sinks_close(void) {
    if (!all.is_followed && is_any_queued())
        drain(UINT64_MAX);
    for (unsigned i = 0; i < all.count; i++) {
        give_up(&all.sinks[i]);
        all.sinks[i].kind->close(&all.sinks[i]);
    }
    all.count = 0;
}

void sinks_close_in_child(void) {
    for (unsigned i = 0; i < all.count; i++) {
        if (all.sinks[i].fd >= 0)
            close(all.sinks[i].fd);
        all.sinks[i].fd = -1;
    }
}

/* ---- counters -------------------------------------------------------------------------------- */

unsigned sinks_count(void) {
    return all.count;
}

const char *sinks_name(unsigned i) {
    return all.sinks[i].name;
}

void sinks_stats(unsigned i, uint64_t values[SINK_STATS]) {
    memcpy(values, all.sinks[i].stats, sizeof all.sinks[i].stats);
}
