/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/sim/balance_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/decode/decode.h"
#include "dispatcher/flows/flow_table.h"
#include "dispatcher/flows/key_hash.h"
#include "flow_balancer/common/log.h"

#define LINE_BYTES 64u /* of the cache: what the flow table's memory is aligned to */

/* What one pass over the file needs. */
struct reader {
    struct balance_trace *trace; /* NULL: only count */
    struct flow_table table;
    struct key_hash hash; /* any secret will do: the simulation hashes the keys again */
    uint32_t *sizes;      /* packets of each flow */
    uint64_t first_ns, last_ns;
    uint64_t bytes;
    uint32_t packets;
};

static uint32_t flow_of(struct reader *reader, const struct fb_flow_key *key) {
    uint64_t hash = key_hash_one(&reader->hash, key);
    uint32_t flow = flow_table_find(&reader->table, hash, key);
    if (flow != NO_FLOW)
        return flow;
    flow = flow_table_add(&reader->table, hash, key);
    reader->trace->key[flow] = *key;
    reader->trace->flows++;
    return flow;
}

static void take(struct reader *reader, const struct frame *frame) {
    static const struct decode_options by_default = {.ports = &decode_usual_ports};
    struct balance_trace *trace = reader->trace;
    uint32_t number = reader->packets++;
    if (trace == NULL)
        return;
    enum link_layer link;
    struct decoded decoded;
    link_layer_of(frame->dlt, &link);
    decode(frame->data, frame->caplen, link, &by_default, &decoded);
    if (number == 0)
        reader->first_ns = reader->last_ns = frame->time_ns;
    if (frame->time_ns > reader->last_ns)
        reader->last_ns = frame->time_ns;
    uint32_t flow = flow_of(reader, &decoded.key);
    trace->packet[number] = (struct trace_packet){
        .at = (double)(reader->last_ns - reader->first_ns), .flow = flow, .bytes = frame->wirelen};
    reader->bytes += frame->wirelen;
    if (++reader->sizes[flow] > trace->largest)
        trace->largest = reader->sizes[flow];
}

/* Reads the file, at most `most` packets of it. */
static int read_file(struct reader *reader, const char *file, uint32_t most) {
    const struct capture_config config = {.files = &file, .file_count = 1, .loops = 1};
    struct capture *capture;
    int rc = capture_open(&capture, &config);
    if (rc != 0)
        return rc;
    enum capture_status status = CAPTURE_MORE;
    while (status != CAPTURE_END && reader->packets < most) {
        const struct frame *frames;
        unsigned count, room = most - reader->packets;
        status = capture_burst(capture, room < CAPTURE_BURST_MAX ? room : CAPTURE_BURST_MAX,
                               &frames, &count);
        for (unsigned i = 0; i < count; i++)
            take(reader, &frames[i]);
        if (status == CAPTURE_IDLE)
            capture_wait(capture, 1000);
    }
    rc = capture_failed(capture) ? -EINVAL : 0; /* which the capture has logged */
    capture_close(capture);
    return rc;
}

/* Memory for a trace of that many packets, each perhaps a flow; false if there is none. */
static bool make_room(struct reader *reader, struct balance_trace *trace, uint32_t packets) {
    size_t bytes = (flow_table_footprint(packets) + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    void *memory = aligned_alloc(LINE_BYTES, bytes);
    trace->packet = calloc(packets, sizeof *trace->packet);
    trace->key = calloc(packets, sizeof *trace->key);
    reader->sizes = calloc(packets, sizeof *reader->sizes);
    if (memory != NULL) {
        memset(memory, 0, bytes);
        flow_table_init(&reader->table, memory, packets);
    }
    return memory != NULL && trace->packet != NULL && trace->key != NULL && reader->sizes != NULL;
}

/* From nanoseconds to mean gaps. */
static int stretch(struct balance_trace *trace, const char *file) {
    double span = trace->packets < 2 ? 0 : trace->packet[trace->packets - 1].at;
    if (span <= 0) {
        fb_error("%s: no time passes between its %u packets: give a capture with time stamps", file,
                 trace->packets);
        return -EINVAL;
    }
    for (uint32_t i = 0; i < trace->packets; i++)
        trace->packet[i].at *= (trace->packets - 1) / span;
    return 0;
}

int trace_load(struct balance_trace *trace, const char *file) {
    struct reader count = {.trace = NULL}, fill = {.trace = trace};
    *trace = (struct balance_trace){.packets = 0};
    int rc = read_file(&count, file, FLOW_TABLE_MAX);
    if (rc != 0)
        return rc;
    if (count.packets > 0 && !make_room(&fill, trace, count.packets)) {
        fb_error("%s: no memory for its %u packets", file, count.packets);
        rc = -ENOMEM;
    } else if (count.packets > 0) {
        rc = read_file(&fill, file, count.packets);
        trace->packets = fill.packets;
        trace->mean_bytes = (double)fill.bytes / fill.packets;
    }
    if (rc == 0)
        rc = stretch(trace, file);
    free(fill.table.entries);
    free(fill.sizes);
    if (rc != 0)
        trace_free(trace);
    return rc;
}

void trace_free(struct balance_trace *trace) {
    free(trace->packet);
    free(trace->key);
    trace->packet = NULL;
    trace->key = NULL;
}
