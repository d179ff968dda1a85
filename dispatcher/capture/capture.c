/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture.h"

#include "dispatcher/capture/capture_filter.h"
#include "dispatcher/capture/capture_pace.h"
#include "dispatcher/capture/capture_source.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Two of the longest frames and a burst of small ones. Small frames use only its start. */
#define BURST_BYTES (CAPTURE_BURST_MAX * 2048u + 2u * CAPTURE_SINK_ROOM)

struct capture {
    struct capture_config config;
    const struct capture_source *source;
    void *state;
    struct capture_filters filters;
    struct capture_filter *change; /* the filter that is to follow; NULL: none */

    /* Frames that were read but not yet taken. */
    struct frame *frames;
    size_t pending;
    uint64_t taken;
    bool left; /* capture_leave() was called */

    struct capture_pace pace; /* where a speed is given */
    struct capture_sink sink;
    uint8_t *buffer;
    struct frame burst[CAPTURE_BURST_MAX];
};

/* The first that takes it. */
static const struct capture_source *choose_source(const struct capture_config *config) {
#define SOURCE_ADDRESS(source) &(source),
    static const struct capture_source *const sources[] = {CAPTURE_SOURCES(SOURCE_ADDRESS)};
#undef SOURCE_ADDRESS

    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (sources[i]->takes(config))
            return sources[i];
    }
    return NULL;
}

/* An interface has several names (ip link property add dev NAME altname OTHER), and one index. */
static bool is_same_interface(const char *name, const char *other) {
    unsigned index = if_nametoindex(name);
    return strcmp(name, other) == 0 || (index != 0 && index == if_nametoindex(other));
}

/* Two handles on one interface would give every frame twice. */
static int check_interfaces(const struct capture_config *config) {
    if (config->interface_count > FB_MAX_INTERFACES) {
        fb_error("%u interfaces: -i takes at most %u: start a second instance for the rest",
                 config->interface_count, FB_MAX_INTERFACES);
        return -EINVAL;
    }
    for (unsigned i = 0; i < config->interface_count; i++) {
        if (config->interface_count > 1 && strcmp(config->interfaces[i], "any") == 0) {
            fb_error("interface any has the frames of all others: give it alone");
            return -EINVAL;
        }
        for (unsigned j = 0; j < i; j++) {
            const char *name = config->interfaces[i], *other = config->interfaces[j];
            if (!is_same_interface(name, other))
                continue;
            if (strcmp(name, other) == 0)
                fb_error("interface %s is given twice: once is enough", name);
            else
                fb_error("%s and %s are two names of one interface: give it once", other, name);
            return -EINVAL;
        }
    }
    return 0;
}

static int check_config(const struct capture_config *config) {
    if ((config->file_count == 0) == (config->interface_count == 0)) {
        fb_error("%u files and %u interfaces to read: give either -r FILE or -i INTERFACE",
                 config->file_count, config->interface_count);
        return -EINVAL;
    }
    if (config->snaplen < 0 || config->snaplen > (int)FB_FRAME_MAX) {
        fb_error("snapshot length %d: -s takes 0 to %u", config->snaplen, FB_FRAME_MAX);
        return -EINVAL;
    }
    if (config->loops < 1 || !(config->speed >= 0)) {
        fb_error("%llu loops at speed %g: --loop takes 1 or more, --speed 0 or more",
                 (unsigned long long)config->loops, config->speed);
        return -EINVAL;
    }
    if (config->interface_count > 0 &&
        (config->preload || config->loops > 1 || config->speed > 0)) {
        fb_error("an interface cannot be preloaded, looped or paced: give -r FILE");
        return -EINVAL;
    }
    return check_interfaces(config);
}

int capture_open(struct capture **capture, const struct capture_config *config) {
    struct capture *c;
    int err = check_config(config);

    if (err < 0)
        return err;
    c = calloc(1, sizeof *c);
    if (c == NULL || (c->buffer = aligned_alloc(CAPTURE_SLACK, BURST_BYTES)) == NULL) {
        fb_error("no memory for the burst buffer, %u bytes: free some", BURST_BYTES);
        free(c);
        return -ENOMEM;
    }
    c->config = *config;
    if (c->config.snaplen == 0)
        c->config.snaplen = (int)FB_FRAME_MAX;
    c->sink = (struct capture_sink){
        .snaplen = (uint32_t)c->config.snaplen,
        .align_mask = CAPTURE_SLACK - 1,
        .may_point = true,
        .new_source = true,
    };
    capture_pace_init(&c->pace, c->config.speed);
    c->source = choose_source(&c->config);
    err = capture_filters_init(&c->filters, config->filter);
    if (err < 0)
        fb_error("no memory for the filter: free some");
    else
        err = c->source->open(&c->state, &c->config, &c->filters);
    if (err < 0) {
        capture_filters_fini(&c->filters);
        free(c->buffer);
        free(c);
        return err;
    }
    *capture = c;
    return 0;
}

static size_t count_due(struct capture *c, size_t most) {
    uint64_t now = fb_now_ns();
    size_t count;

    for (count = 0; count < most; count++) {
        if (capture_pace_due(&c->pace, &c->frames[count], now) > now)
            break;
        capture_pace_take(&c->pace);
    }
    return count;
}

static enum capture_status read_source(struct capture *c, unsigned max) {
    enum capture_status status;

    c->sink.frames = c->burst;
    c->sink.count = 0;
    c->sink.next = c->buffer;
    c->sink.end = c->buffer + BURST_BYTES;
    status = c->source->read(c->state, &c->sink, max);
    c->frames = c->sink.frames;
    c->pending = c->sink.count;
    return status;
}

enum capture_status capture_burst(struct capture *c, unsigned max, const struct frame **frames,
                                  unsigned *count) {
    enum capture_status status;
    size_t ready;

    *count = 0;
    if (c->left && c->source->leave == NULL)
        return CAPTURE_END;
    max = max > CAPTURE_BURST_MAX ? CAPTURE_BURST_MAX : max;
    if (c->pending == 0) {
        status = read_source(c, max);
        if (c->pending == 0)
            return status;
    }
    ready = c->pending > max ? max : c->pending;
    if (c->config.speed > 0) {
        ready = count_due(c, ready);
        if (ready == 0)
            return CAPTURE_IDLE;
    }
    *frames = c->frames;
    *count = (unsigned)ready;
    c->frames += ready;
    c->pending -= ready;
    c->taken += ready;
    return CAPTURE_MORE;
}

static void sleep_ns(uint64_t ns) {
    struct timespec span = fb_timespec(ns);
    nanosleep(&span, NULL); /* a signal ends it early, and with it the caller's wait */
}

void capture_wait(struct capture *c, unsigned timeout_us) {
    uint64_t most_ns = timeout_us * FB_NS_PER_US, due, now;

    if (c->pending == 0) {
        c->source->wait(c->state, timeout_us);
        return;
    }
    now = fb_now_ns();
    due = capture_pace_due(&c->pace, c->frames, now);
    if (due > now)
        sleep_ns(due - now < most_ns ? due - now : most_ns);
}

void capture_stats(struct capture *c, struct capture_stats *stats) {
    *stats = (struct capture_stats){.received = c->taken};
    if (c->source->stats != NULL)
        c->source->stats(c->state, stats);
}

void capture_progress(struct capture *c, struct capture_progress *progress) {
    struct capture_position position = {0};
    uint64_t loops, done, total;

    *progress = (struct capture_progress){0};
    if (c->source->position == NULL)
        return;
    c->source->position(c->state, c->pending > 0 ? c->frames : NULL, &position);
    progress->preloading = position.preloading;
    loops = position.preloading ? 1 : c->config.loops;
    if (__builtin_mul_overflow(loops, position.loop_bytes, &total))
        return; /* so many loops never end: there is no progress to report */
    done = position.preloading ? 0 : (loops - position.loops_left) * position.loop_bytes;
    done += position.at;
    progress->total_bytes = total;
    progress->done_bytes = done < total ? done : total;
}

static void abandon_change(struct capture *c) {
    if (c->change != NULL)
        capture_filter_abandon(&c->filters);
    c->change = NULL;
}

void capture_leave(struct capture *c) {
    c->left = true;
    abandon_change(c);
    if (c->source->leave != NULL)
        c->source->leave(c->state);
}

bool capture_failed(const struct capture *c) {
    return c->source->failed(c->state);
}

bool capture_is_live(const struct capture *c) {
    return c->source->live;
}

bool capture_has_host_stamps(const struct capture *c) {
    return c->source->live && !capture_wants_adapter_stamps(&c->config);
}

/* ---- another filter */

/* No more of it, or it is the thread's. */
static int end_change(struct capture *c, int err) {
    capture_filter_free(c->change);
    c->change = NULL;
    return err;
}

static int compile_change(struct capture *c) {
    int err = capture_filter_start(&c->filters, c->change);

    if (err < 0)
        fb_error("no thread to compile the filter: %s: free some memory", strerror(-err));
    return err;
}

int capture_begin_filter(struct capture *c, const char *filter) {
    int err;

    if (c->change != NULL || c->left) {
        fb_error("the filter cannot be replaced: %s",
                 c->left ? "the run is ending" : "another one is being compiled: try again");
        return c->left ? -ESHUTDOWN : -EBUSY;
    }
    c->change = capture_filter_new(filter);
    if (c->change == NULL) {
        fb_error("no memory for the filter: free some");
        return -ENOMEM;
    }
    err = c->source->check_filter(c->state, c->change);
    if (err == 0)
        err = compile_change(c); /* also if it lacks nothing: there is one way */
    return err < 0 ? end_change(c, err) : 0;
}

int capture_poll_filter(struct capture *c) {
    int err;

    if (!capture_filter_has_ended(&c->filters))
        return -EINPROGRESS;
    err = c->source->check_filter(c->state, c->change);
    if (err == 0 && c->change->lacks) { /* a file or a link type has come meanwhile */
        err = compile_change(c);
        return err < 0 ? end_change(c, err) : -EINPROGRESS;
    }
    if (err == 0)
        err = c->source->take_filter(c->state, c->change);
    if (err < 0)
        return end_change(c, err);
    capture_filter_put_in_force(&c->filters, c->change);
    c->change = NULL;
    return 0;
}

bool capture_changes_filter(const struct capture *c) {
    return c->change != NULL;
}

void capture_close(struct capture *c) {
    if (c == NULL)
        return;
    abandon_change(c);
    c->source->close(c->state);
    capture_filters_fini(&c->filters);
    free(c->buffer);
    free(c);
}
