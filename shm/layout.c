/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/layout.h"

#include <string.h>

#include "flow_balancer/ctl.h"
#include "flow_balancer/flow_records.h"
#include "flow_balancer/history.h"
#include "flow_balancer/sides.h"

/* A member is in the list of its struct, in order; tests/unit/shm/test_layout.c looks for holes. */
#define FIELD(type, field)                                                                         \
    {                                                                                              \
        .name = #field, .offset = offsetof(type, field), .size = sizeof(((type *)0)->field),       \
        .align = __alignof__(((type *)0)->field)                                                   \
    }
#define LAYOUT(which)                                                                              \
    {                                                                                              \
        .name = "fb_" #which, .size = sizeof(struct fb_##which), .fields = which##_fields,         \
        .count = sizeof which##_fields / sizeof which##_fields[0]                                  \
    }

static const struct fb_layout_field header_fields[] = {
    FIELD(struct fb_header, magic),    FIELD(struct fb_header, fingerprint),
    FIELD(struct fb_header, instance), FIELD(struct fb_header, size),
    FIELD(struct fb_header, kind),     FIELD(struct fb_header, worker),
};
static const struct fb_layout_field desc_fields[] = {
    FIELD(struct fb_desc, time_ns),     FIELD(struct fb_desc, frame),
    FIELD(struct fb_desc, arena_pos),   FIELD(struct fb_desc, flow_id),
    FIELD(struct fb_desc, caplen),      FIELD(struct fb_desc, wirelen),
    FIELD(struct fb_desc, flow_seq),    FIELD(struct fb_desc, handle),
    FIELD(struct fb_desc, gap),         FIELD(struct fb_desc, generation),
    FIELD(struct fb_desc, l3_off),      FIELD(struct fb_desc, l4_off),
    FIELD(struct fb_desc, payload_off), FIELD(struct fb_desc, flags),
    FIELD(struct fb_desc, proto),       FIELD(struct fb_desc, dir_deaths_reason),
};
static const struct fb_layout_field geometry_fields[] = {
    FIELD(struct fb_geometry, workers),      FIELD(struct fb_geometry, max_workers),
    FIELD(struct fb_geometry, depth),        FIELD(struct fb_geometry, slots),
    FIELD(struct fb_geometry, worker_burst), FIELD(struct fb_geometry, reserved),
    FIELD(struct fb_geometry, arena_bytes),  FIELD(struct fb_geometry, max_flows),
};
static const struct fb_layout_field worker_entry_fields[] = {
    FIELD(struct fb_worker_entry, state),          FIELD(struct fb_worker_entry, page_kind),
    FIELD(struct fb_worker_entry, epoch),          FIELD(struct fb_worker_entry, pid),
    FIELD(struct fb_worker_entry, down_path),      FIELD(struct fb_worker_entry, numa_node),
    FIELD(struct fb_worker_entry, ring_numa_node), FIELD(struct fb_worker_entry, reserved),
};
static const struct fb_layout_field large_flow_fields[] = {
    FIELD(struct fb_large_flow, key),        FIELD(struct fb_large_flow, sender),
    FIELD(struct fb_large_flow, id),         FIELD(struct fb_large_flow, packets),
    FIELD(struct fb_large_flow, bytes),      FIELD(struct fb_large_flow, per_s),
    FIELD(struct fb_large_flow, over_per_s), FIELD(struct fb_large_flow, worker),
    FIELD(struct fb_large_flow, ended),
};
static const struct fb_layout_field snapshot_fields[] = {
    FIELD(struct fb_snapshot, run),           FIELD(struct fb_snapshot, decode),
    FIELD(struct fb_snapshot, ended),         FIELD(struct fb_snapshot, dropped),
    FIELD(struct fb_snapshot, violations),    FIELD(struct fb_snapshot, fragments),
    FIELD(struct fb_snapshot, interface),     FIELD(struct fb_snapshot, interface_state),
    FIELD(struct fb_snapshot, capture_delay), FIELD(struct fb_snapshot, largest),
    FIELD(struct fb_snapshot, busiest),       FIELD(struct fb_snapshot, pairs),
    FIELD(struct fb_snapshot, lane),
};
static const struct fb_layout_field ctl_fields[] = {
    FIELD(struct fb_ctl, header),
    FIELD(struct fb_ctl, geometry),
    FIELD(struct fb_ctl, name),
    FIELD(struct fb_ctl, version),
    FIELD(struct fb_ctl, policy),
    FIELD(struct fb_ctl, started_ns),
    FIELD(struct fb_ctl, pid),
    FIELD(struct fb_ctl, flow_table_page_kind),
    FIELD(struct fb_ctl, cpu),
    FIELD(struct fb_ctl, numa_node),
    FIELD(struct fb_ctl, flow_table_numa_node),
    FIELD(struct fb_ctl, numa_nodes),
    FIELD(struct fb_ctl, interfaces),
    FIELD(struct fb_ctl, report_in_place),
    FIELD(struct fb_ctl, interface_names),
    FIELD(struct fb_ctl, options),
    FIELD(struct fb_ctl, heartbeat_ns),
    FIELD(struct fb_ctl, run_state),
    FIELD(struct fb_ctl, links),
    FIELD(struct fb_ctl, link_types),
    FIELD(struct fb_ctl, snapshot_sequence),
    FIELD(struct fb_ctl, snapshot),
    FIELD(struct fb_ctl, directory),
};
static const struct fb_layout_field stamp_fields[] = {
    FIELD(struct fb_stamp, end_seq),
    FIELD(struct fb_stamp, time_ns),
};
static const struct fb_layout_field down_fields[] = {
    FIELD(struct fb_down, header),       FIELD(struct fb_down, depth),
    FIELD(struct fb_down, slots),        FIELD(struct fb_down, worker_burst),
    FIELD(struct fb_down, reserved),     FIELD(struct fb_down, arena_bytes),
    FIELD(struct fb_down, desc_offset),  FIELD(struct fb_down, arena_offset),
    FIELD(struct fb_down, published),    FIELD(struct fb_down, publishes),
    FIELD(struct fb_down, flow_records), FIELD(struct fb_down, epoch),
    FIELD(struct fb_down, command),      FIELD(struct fb_down, doorbell),
    FIELD(struct fb_down, stamps),
};
static const struct fb_layout_field stat_name_fields[] = {
    FIELD(struct fb_stat_name, words),
};
static const struct fb_layout_field up_fields[] = {
    FIELD(struct fb_up, header),     FIELD(struct fb_up, epoch),
    FIELD(struct fb_up, consumed),   FIELD(struct fb_up, parked),
    FIELD(struct fb_up, cursor),     FIELD(struct fb_up, worker_status),
    FIELD(struct fb_up, cpu),        FIELD(struct fb_up, numa_node),
    FIELD(struct fb_up, reserved),   FIELD(struct fb_up, pid),
    FIELD(struct fb_up, counters),   FIELD(struct fb_up, latency),
    FIELD(struct fb_up, inspection), FIELD(struct fb_up, stats),
    FIELD(struct fb_up, stat_names), FIELD(struct fb_up, stat_values),
};

static const struct fb_layout_field flow_fields[] = {
    FIELD(struct fb_flow, id),        FIELD(struct fb_flow, first_ns),
    FIELD(struct fb_flow, src),       FIELD(struct fb_flow, dst),
    FIELD(struct fb_flow, src_port),  FIELD(struct fb_flow, dst_port),
    FIELD(struct fb_flow, proto),     FIELD(struct fb_flow, layer),
    FIELD(struct fb_flow, vlan),      FIELD(struct fb_flow, tunnel),
    FIELD(struct fb_flow, interface), FIELD(struct fb_flow, tunnel_id),
};
static const struct fb_layout_field flow_records_fields[] = {
    FIELD(struct fb_flow_records, header),
    FIELD(struct fb_flow_records, capacity),
    FIELD(struct fb_flow_records, offset),
};
static const struct fb_layout_field run_event_fields[] = {
    FIELD(struct fb_run_event, real_ns),   FIELD(struct fb_run_event, mono_ns),
    FIELD(struct fb_run_event, kind),      FIELD(struct fb_run_event, worker),
    FIELD(struct fb_run_event, interface), FIELD(struct fb_run_event, reserved),
    FIELD(struct fb_run_event, pid),       FIELD(struct fb_run_event, epoch),
    FIELD(struct fb_run_event, count),     FIELD(struct fb_run_event, duration_ns),
    FIELD(struct fb_run_event, text),
};
static const struct fb_layout_field history_lane_fields[] = {
    FIELD(struct fb_history_lane, packets),      FIELD(struct fb_history_lane, backlog),
    FIELD(struct fb_history_lane, max_backlog),  FIELD(struct fb_history_lane, bytes),
    FIELD(struct fb_history_lane, flows_bound),  FIELD(struct fb_history_lane, dropped),
    FIELD(struct fb_history_lane, restarts),     FIELD(struct fb_history_lane, hangs),
    FIELD(struct fb_history_lane, self_packets), FIELD(struct fb_history_lane, pid),
    FIELD(struct fb_history_lane, state),        FIELD(struct fb_history_lane, cpu),
};
static const struct fb_layout_field history_interface_fields[] = {
    FIELD(struct fb_history_interface, counters),
    FIELD(struct fb_history_interface, state),
};
static const struct fb_layout_field history_sample_fields[] = {
    FIELD(struct fb_history_sample, real_ns),    FIELD(struct fb_history_sample, mono_ns),
    FIELD(struct fb_history_sample, run),        FIELD(struct fb_history_sample, dropped),
    FIELD(struct fb_history_sample, violations), FIELD(struct fb_history_sample, quarantined),
    FIELD(struct fb_history_sample, lanes),      FIELD(struct fb_history_sample, interfaces),
    FIELD(struct fb_history_sample, lane),
};
static const struct fb_layout_field history_shape_fields[] = {
    FIELD(struct fb_history_shape, samples),
    FIELD(struct fb_history_shape, events),
    FIELD(struct fb_history_shape, interfaces),
    FIELD(struct fb_history_shape, lanes),
};
static const struct fb_layout_field history_fields[] = {
    FIELD(struct fb_history, header),
    FIELD(struct fb_history, shape),
    FIELD(struct fb_history, samples),
    FIELD(struct fb_history, events),
};

static const struct fb_layout layouts[] = {
    LAYOUT(header),         LAYOUT(desc),          LAYOUT(geometry),     LAYOUT(worker_entry),
    LAYOUT(large_flow),     LAYOUT(snapshot),      LAYOUT(ctl),          LAYOUT(stamp),
    LAYOUT(down),           LAYOUT(stat_name),     LAYOUT(up),           LAYOUT(flow),
    LAYOUT(flow_records),   LAYOUT(run_event),     LAYOUT(history_lane), LAYOUT(history_interface),
    LAYOUT(history_sample), LAYOUT(history_shape), LAYOUT(history),
};

const struct fb_layout *fb_layouts(size_t *count) {
    *count = sizeof layouts / sizeof layouts[0];
    return layouts;
}

/* FNV-1a (draft-eastlake-fnv): tells layouts apart, guards against nothing else. */
static uint64_t fnv1a(uint64_t hash, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_names(uint64_t hash, const struct fb_counter_text *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        hash = fnv1a(hash, texts[i].name, strlen(texts[i].name) + 1);
    return hash;
}

static uint64_t hash_layout(uint64_t hash, const struct fb_layout *layout) {
    hash = fnv1a(hash, &layout->size, sizeof layout->size);
    for (size_t i = 0; i < layout->count; i++) {
        const uint64_t facts[] = {layout->fields[i].offset, layout->fields[i].size};
        hash = fnv1a(hash, facts, sizeof facts);
    }
    return hash;
}

uint64_t fb_layout_fingerprint(void) {
    /* What the bits and values of some members mean. */
    const uint64_t meanings[] = {FB_DESC_FLAG_COUNT, FB_STATE_COUNT,  FB_STATUS_COUNT,
                                 FB_DELAY_BUCKETS,   FB_TUNNEL_COUNT, FB_INTERFACE_STATE_COUNT};
    uint64_t hash = fnv1a(UINT64_C(0xcbf29ce484222325), meanings, sizeof meanings);
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        hash = hash_layout(hash, &layouts[i]);
    /* The lists too: a counter that changed places would be read as another one. */
    hash = hash_names(hash, fb_run_texts, FB_RUN_COUNT);
    hash = hash_names(hash, fb_decode_texts, FB_DECODE_COUNT);
    hash = hash_names(hash, fb_end_texts, FB_END_COUNT);
    hash = hash_names(hash, fb_drop_texts, FB_DROP_COUNT);
    hash = hash_names(hash, fb_violation_texts, FB_VIOLATION_COUNT);
    hash = hash_names(hash, fb_lane_texts, FB_LANE_COUNT);
    hash = hash_names(hash, fb_interface_texts, FB_INTERFACE_COUNT);
    for (size_t i = 0; i < FB_HAPPENED_COUNT; i++)
        hash = fnv1a(hash, fb_happened_texts[i].name, strlen(fb_happened_texts[i].name) + 1);
    return hash_names(hash, fb_worker_texts, FB_WORKER_COUNT);
}
