/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/offline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/event.h"
#include "flow_balancer/common/log.h"

#include "dispatcher/capture/packet_clock.h"
#include "dispatcher/datapath/look_up.h"
#include "dispatcher/offline/offline_flows.h"
#include "dispatcher/run/options.h"
#include "dispatcher/run/sources.h"

/* As of the data path, whose order of packets and ends is to be had: an idle source has time, and
 * flows end a thousand at a time at the end, with a look at what is overdue between. */
#define EXPIRIES_PER_FLUSH 16u
#define FLOWS_ENDED_AT_ONCE 1024u
#define WAIT_US 5000u

struct fb_offline_options {
    struct options dispatcher;
};

struct offline {
    const struct fb_offline_config *config;
    const struct fb_offline_sink *sink;
    struct fb_offline_counts *counts;
    struct sources sources;
    struct capture *capture;
    struct offline_flows known;
    struct handles *by_worker[1];
    struct flows flows;
    struct fragments fragments;
    struct ingress ingress;
    uint64_t frame; /* number of the last frame taken, for the ends of flows */
    uint64_t stamp_ns;
};

/* ---- options --------------------------------------------------------------------------------- */

struct fb_offline_options *fb_offline_options_new(void) {
    struct fb_offline_options *options = malloc(sizeof *options);
    if (options == NULL)
        fb_error("no memory for the options of --read");
    else
        options_init(&options->dispatcher);
    return options;
}

void fb_offline_options_free(struct fb_offline_options *options) {
    if (options != NULL)
        options_free(&options->dispatcher);
    free(options);
}

bool fb_offline_take(struct fb_offline_options *options, const struct fb_command_line *line,
                     enum fb_option option, char *text, bool on, enum fb_origin origin) {
    if (origin == FB_FROM_FILE && options_is_replaced(line->given, option))
        return true;
    return options_take(&options->dispatcher, option, text, on, origin);
}

const char *fb_offline_first_file(const struct fb_offline_options *options) {
    return options->dispatcher.file_count != 0 ? options->dispatcher.files[0] : NULL;
}

/* ---- from the parts to the whole ------------------------------------------------------------- */

static int make_flows(struct offline *o, const struct options *options) {
    o->by_worker[0] = &o->known.handles;
    const struct flows_config config = {
        .max_flows = options->max_flows,
        .timeouts = &options->timeouts,
        .ticks_per_second = PACKET_CLOCK_TICKS_PER_SECOND,
        .hugepages = FB_HUGEPAGES_NEVER,
        .digests = options->decode.key_vlan || options->decode.key_tunnel,
        .handles = o->by_worker,
    };
    return flows_init(&o->flows, &config);
}

static int set_up(struct offline *o) {
    const struct options *options = &o->config->options->dispatcher;
    o->flows.region.fd = o->fragments.region.fd = -1;
    o->known.handle_region.fd = o->known.known_region.fd = -1;
    int error = sources_open(&o->sources, options, &o->capture);
    if (error == 0)
        error = offline_flows_init(&o->known, options->max_flows, o->config->state_bytes);
    if (error == 0)
        error = make_flows(o, options);
    if (error == 0)
        error = fragments_init(&o->fragments, &options->fragments, FB_HUGEPAGES_NEVER);
    if (error != 0)
        return error;
    o->ingress.fragments = &o->fragments;
    ingress_set_decoding(&o->ingress, &options->decode, &o->flows.hash);
    flow_clock_init_file(&o->ingress.clock,
                         (uint64_t)flow_timeouts_longest_s(&options->timeouts) * 1000000000u);
    return 0;
}

static void tear_down(struct offline *o) {
    offline_flows_fini(&o->known);
    flows_fini(&o->flows);
    fragments_fini(&o->fragments);
    capture_close(o->capture);
    sources_fini(&o->sources);
}

/* ---- what the sink is told ------------------------------------------------------------------- */

static int tell_end(struct offline *o, const struct pending_end *end) {
    const struct offline_flow *known = offline_flows_at(&o->known, end->handle);
    const struct fb_event event = {
        .kind = FB_EVENT_FLOW_END,
        .state = known->state,
        .end = {.flow = &known->record,
                .time_ns = o->stamp_ns,
                .frame = o->frame,
                .reason = end->reason},
    };
    int rc = o->sink->event(o->sink->arg, &event);
    offline_flows_end(&o->known, end->handle);
    return rc;
}

/* The flows that have ended, in that order. */
static int tell_ends(struct offline *o) {
    struct pending_end end;
    int rc = 0;
    while (rc == 0 && o->flows.ends_pending != 0 && handles_pop_end(&o->known.handles, &end)) {
        o->flows.ends_pending--;
        rc = tell_end(o, &end);
    }
    return rc;
}

/* Packet i of the burst, whose descriptor is in *out, in a block of memory as long as it is. */
static int tell_packet(struct offline *o, unsigned i, union event_buffer *out) {
    const struct frame *frame = &o->ingress.burst.frames[i];
    const struct offline_flow *known = offline_flows_at(&o->known, out->raw.desc.handle);
    uint8_t *bytes = malloc(frame->caplen);
    if (bytes == NULL && frame->caplen != 0) {
        fb_error("no memory for a packet of %u bytes", frame->caplen);
        return -ENOMEM;
    }
    if (frame->caplen != 0)
        memcpy(bytes, frame->data, frame->caplen);
    event_make_packet(out, bytes, frame->dlt, 0);
    out->event.kind = FB_EVENT_PACKET;
    out->event.state = known->state;
    out->event.packet.flow = &known->record;
    o->counts->packets++;
    o->counts->bytes += frame->caplen;
    int rc = o->sink->event(o->sink->arg, &out->event);
    free(bytes);
    return rc;
}

/* ---- the way of a burst ---------------------------------------------------------------------- */

/* The flow of packet i is bound to the only worker that there is. */
static int begin_flow(struct offline *o, unsigned i, uint32_t flow) {
    look_up_note_digest(&o->ingress, &o->flows, i, flow);
    flows_bind(&o->flows, flow, 0);
    struct offline_flow *known =
        offline_flows_begin(&o->known, o->flows.table.entries[flow].handle);
    if (known == NULL)
        return -ENOMEM;
    look_up_record(&o->ingress, &o->flows, i, flow, &known->record);
    return 0;
}

/* One packet: its flow, what has ended before it, and the packet. */
static int deliver_packet(struct offline *o, unsigned i) {
    struct ingress *in = &o->ingress;
    flows_set_now(&o->flows, in->burst.ticks[i]);
    uint32_t flow = look_up_flow(in, &o->flows, i);
    bool bound = flow != NO_FLOW;
    int rc = tell_ends(o);
    if (rc != 0)
        return rc;
    flow = look_up_touch_or_create(in, &o->flows, i, flow);
    if (!bound)
        rc = begin_flow(o, i, flow);
    if (rc != 0)
        return rc;
    union event_buffer out = {.event = {.kind = 0}};
    look_up_describe(in, &o->flows, i, flow, bound, &out.raw.desc);
    return tell_packet(o, i, &out);
}

static void expire(struct offline *o) {
    flows_expire(&o->flows);
    fragments_expire(&o->fragments, o->flows.now);
}

static void finish_burst(struct offline *o) {
    const struct burst *burst = &o->ingress.burst;
    if (!burst->released && burst->count != 0)
        o->stamp_ns = burst->frames[burst->count - 1].time_ns;
    ingress_finish(&o->ingress);
    o->frame = o->ingress.frame;
    expire(o);
}

/* All that was given, and the fragments that it releases. */
static int deliver(struct offline *o) {
    struct ingress *in = &o->ingress;
    while (ingress_take(in)) {
        ingress_decode(in);
        ingress_hash(in, &o->flows.hash);
        look_up_fetch(in, &o->flows);
        look_up_candidates(in, &o->flows);
        int rc = tell_ends(o);
        for (; rc == 0 && in->burst.next < in->burst.count; in->burst.next++) {
            if (*o->config->stop > 1)
                rc = -EINTR;
            else if ((in->burst.held >> in->burst.next & 1u) == 0)
                rc = deliver_packet(o, in->burst.next);
        }
        if (rc != 0)
            return rc;
        finish_burst(o);
    }
    return 0;
}

/* No burst is under way, and may not be for a while. */
static int flush(struct offline *o) {
    for (unsigned i = 1; i < EXPIRIES_PER_FLUSH; i++)
        flows_expire(&o->flows);
    expire(o);
    return tell_ends(o);
}

/* ---- from the first to the last frame -------------------------------------------------------- */

/* One burst of the source. Sets *ended at its end. */
static int read_burst(struct offline *o, bool *ended) {
    const struct frame *frames;
    unsigned count;
    enum capture_status status = capture_burst(o->capture, BURST_MAX, &frames, &count);
    int rc = 0;
    *ended = status == CAPTURE_END;
    if (count != 0) {
        ingress_give(&o->ingress, frames, count);
        rc = deliver(o);
    } else if (status == CAPTURE_IDLE) {
        rc = flush(o);
        if (rc == 0)
            rc = deliver(o);
        if (rc == 0)
            capture_wait(o->capture, WAIT_US);
    }
    return rc != 0 ? rc : o->sink->between(o->sink->arg);
}

static int read_all(struct offline *o) {
    bool ended = false;
    int rc = 0;
    while (rc == 0 && !ended && *o->config->stop == 0)
        rc = read_burst(o, &ended);
    capture_leave(o->capture);
    return rc;
}

/* What was held, and the ends of all flows. */
static int end_flows(struct offline *o) {
    uint32_t from = 0;
    fragments_release(&o->fragments);
    int rc = deliver(o);
    for (bool more = true; rc == 0 && more;) {
        if (*o->config->stop > 1)
            return -EINTR;
        more = flows_end_all(&o->flows, &from, FLOWS_ENDED_AT_ONCE);
        rc = flush(o);
        if (rc == 0)
            rc = o->sink->between(o->sink->arg);
    }
    return rc;
}

int fb_offline_run(const struct fb_offline_config *config, const struct fb_offline_sink *sink,
                   struct fb_offline_counts *counts) {
    *counts = (struct fb_offline_counts){.packets = 0};
    struct offline *o = calloc(1, sizeof *o);
    if (o == NULL) {
        fb_error("no memory to read with");
        return -ENOMEM;
    }
    o->config = config;
    o->sink = sink;
    o->counts = counts;
    int rc = set_up(o);
    if (rc == 0)
        rc = read_all(o);
    if (rc == 0)
        rc = end_flows(o);
    if (rc == 0 && capture_failed(o->capture))
        rc = -EIO;
    counts->flows = o->flows.created;
    tear_down(o);
    free(o);
    return rc;
}
