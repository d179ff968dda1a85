/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COUNTERS_H
#define FLOW_BALANCER_COUNTERS_H

#include <stdint.h>

#include "flow_balancer/flow.h"

/*
 * Every counter is declared once, here: X(ID, name in the report, sentence), or
 * X(ID, name, path, sentence). The lists yield the enums, the names in reports
 * and the texts of flow-stat. An enum that tells a result is the index of the
 * counter of that result.
 *
 * A path says where the report has the counter: OBJECT.KEY. Counters of one
 * path are added up there, and the text shows them as parts. NULL, or no path:
 * in the object of its list, under its name. To add a counter: a line here, and
 * the line that counts it; JSON, text and flow-stat follow. How a frame decoded, which
 * inspectors are told, is in flow.h.
 */

/* Why a packet was dropped. */
#define FB_DROP_REASONS(X)                                                                         \
    X(RING_FULL, "ring_full", "the worker's ring was full (--on-full drop)")                       \
    X(NO_WORKER, "no_worker", "no worker was alive")                                               \
    X(ABANDONED, "abandoned", "still in a ring when the run ended")

/* What a worker may do wrong in its up side; one is enough to revoke it. */
#define FB_VIOLATIONS(X)                                                                           \
    X(CONSUMED_BACK, "consumed_back", "consumed went backwards")                                   \
    X(CONSUMED_AHEAD, "consumed_ahead", "consumed is beyond what was published")                   \
    X(CURSOR_RANGE, "cursor_range", "cursor is outside consumed and published")                    \
    X(STATE_VALUE, "state_value", "a state that the protocol does not know")                       \
    X(FAULT, "fault", "its up side was truncated (SIGBUS)")                                        \
    X(DOWN_SIDE, "down_side", "a descriptor in its ring is not the one that was written there")

/* The run as the dispatcher counts it. All are in the report's `run` as well, under their names. */
#define FB_RUN_COUNTERS(X)                                                                         \
    X(RECEIVED, "received", "ledger.received", "frames that libpcap delivered")                    \
    X(CAPTURE_RECEIVED, "capture_received", "capture.received",                                    \
      "frames received, as the capture source counts them")                                        \
    X(KERNEL_DROPS, "kernel_drops", "capture.kernel_drops",                                        \
      "frames dropped by the kernel for want of buffer space")                                     \
    X(INTERFACE_DROPS, "interface_drops", "capture.interface_drops",                               \
      "frames dropped by the interface or its driver")                                             \
    X(MERGED_LATE, "merged_late", "capture.merged_late",                                           \
      "frames that came too late to be put in order of time")                                      \
    X(PENDING, "pending", "ledger.in_flight",                                                      \
      "frames taken from the source and not yet in a ring")                                        \
    X(HELD, "held", "ledger.in_flight", "fragments that wait for their first fragment")            \
    X(BYPASSED, "shunted", "ledger.shunted",                                                       \
      "packets not inspected: three of their flow were quarantined")                               \
    X(REDELIVERED, "redelivered", NULL, "packets given a second time after a worker died")         \
    X(FAILOVERS, "failovers", NULL, "worker numbers given up, their flows moved")                  \
    X(QUARANTINE_LOST, "quarantine_lost", NULL,                                                    \
      "quarantined packets that --quarantine could not keep")                                      \
    X(FLOWS_CREATED, "flows_created", "flows.created", "flows begun")                              \
    X(FLOWS_ACTIVE, "flows_active", "flows.active", "flows alive now")                             \
    X(FLOWS_PEAK, "flows_peak", "flows.peak", "most flows alive at the same time")                 \
    X(FLOW_RECORDS_MISSING, "flow_records_missing", NULL,                                          \
      "flows given to a worker without their record")                                              \
    X(SYN_ON_LIVE_FLOW, "syn_on_live_flow", NULL,                                                  \
      "SYN on an established flow: counted, the flow stays")                                       \
    X(STAMPS_HELD, "stamps_held", NULL, "time stamps too far ahead to be believed immediately")    \
    X(CLOCK_STEPS_BACK, "clock_steps_back", NULL, "times that stamps stepped back within a file")  \
    X(WORKERS_WANTED, "workers_wanted", NULL, "worker numbers that are to have a process now")     \
    X(IDLE_NS, "idle_ns", "dispatcher.idle_s",                                                     \
      "nanoseconds that the dispatcher waited for frames")                                         \
    X(READING_NS, "reading_ns", "dispatcher.reading_s", "nanoseconds that it read the source")     \
    X(DISPATCHING_NS, "dispatching_ns", "dispatcher.dispatching_s",                                \
      "nanoseconds that it put packets into rings")                                                \
    X(BLOCKED_NS, "blocked_ns", "dispatcher.blocked_s",                                            \
      "nanoseconds that it waited for room or for a worker")                                       \
    X(STAMPS_UNUSABLE, "stamps_unusable", NULL,                                                    \
      "time stamps that are missing, ahead of the clock or too old")                               \
    X(ELAPSED_NS, "elapsed_ns", "elapsed_s",                                                       \
      "wall clock from the first packet taken to the last inspected")

/*
 * One ring as the dispatcher counts it: entered = inspected + quarantined +
 * removed + waiting. A path is of the sum over all rings; those of `workers`
 * are columns of the text.
 */
#define FB_LANE_COUNTERS(X)                                                                        \
    X(ENTERED, "entered", NULL, "packets put into a ring")                                         \
    X(INSPECTED, "packets", "ledger.inspected", "packets that a worker has finished")              \
    X(QUARANTINED, "quarantined", "ledger.quarantined", "packets on which two processes died")     \
    X(REMOVED, "removed", NULL, "packets taken out uninspected: moved, bypassed or abandoned")     \
    X(WAITING, "backlog", "ledger.in_flight", "packets in a ring")                                 \
    X(MAX_WAITING, "max_backlog", "workers.max_backlog", "most packets in the ring at any time")   \
    X(BYTES, "bytes", "workers.bytes", "captured bytes of the packets put into the ring")          \
    X(FLOWS, "flows", "workers.flows", "flows given to the worker")                                \
    X(FLOWS_BOUND, "flows_bound", NULL, "flows bound to a worker now")                             \
    X(RESTARTS, "restarts", "workers.restarts", "claims of the number after the first")            \
    X(HANGS, "hangs", NULL, "times a worker was revoked because it finished nothing")              \
    X(DROPPED, "dropped", "workers.dropped", "packets dropped because the ring was full")          \
    X(FULL_NS, "full_ns", NULL, "nanoseconds that the dispatcher waited for room in the ring")     \
    X(WAKES, "wakes", NULL, "times a worker was woken")

/* What a worker counts itself. */
#define FB_WORKER_COUNTERS(X)                                                                      \
    X(PACKETS, "self_packets", "packets inspected")                                                \
    X(BYTES, "self_bytes", "captured bytes inspected")                                             \
    X(STARTS, "self_flow_starts", "flow starts seen")                                              \
    X(ENDS, "self_flow_ends", "flow ends seen")                                                    \
    X(UNKNOWN_ENDS, "self_unknown_ends", "ends of flows that a worker held no state for")          \
    X(MID_STREAM, "self_mid_stream", "flows taken up in mid-stream after a restart")               \
    X(GAP_PACKETS, "self_gap_packets", "packets reported lost before one that was delivered")      \
    X(PARKS, "self_parks", "times a worker went to sleep")                                         \
    X(OUTPUT_WAITS, "self_output_waits", "pauses of a worker whose inspector could not write")     \
    X(OUTPUT_WAIT_NS, "self_output_wait_ns", "nanoseconds of those pauses")                        \
    X(RELOADS, "self_reloads", "times that inspectors read their rules again")                     \
    X(RELOAD_FAILURES, "self_reload_failures", "reloads that failed: the old rules stay")

/* One interface, as the kernel and its driver count it. */
#define FB_INTERFACE_COUNTERS(X)                                                                   \
    X(RECEIVED, "received", "frames that passed the filter, dropped ones included")                \
    X(KERNEL_DROPS, "kernel_drops", "of these dropped by the kernel for want of buffer space")     \
    X(INTERFACE_DROPS, "interface_drops", "frames dropped by the interface or its driver")

/* How an interface is. */
#define FB_INTERFACE_STATES(X)                                                                     \
    X(UP, "up", "frames can come")                                                                 \
    X(DOWN, "down", "switched off or without a link; waited for")                                  \
    X(GONE, "gone", "removed, or reading from it failed; final")

/* IP fragments: what the tracker of datagrams did. */
#define FB_FRAGMENT_COUNTERS(X)                                                                    \
    X(TAKEN, "taken", "fragments taken: passed or held")                                           \
    X(HELD, "held", "later fragments that had to wait for their first")                            \
    X(PEAK, "held_peak", "most frames held at any time")                                           \
    X(BY_FIRST, "released_by_first", "held ones that went when their first fragment came")         \
    X(BY_TIME, "released_by_time", "held ones whose first fragment did not come in time")          \
    X(BY_FULL, "released_by_full", "held ones that went because the buffer was full")              \
    X(BY_EVICTION, "released_by_eviction", "held ones of datagrams that were forgotten")           \
    X(BY_END, "released_by_end", "held ones when the input ended")                                 \
    X(DATAGRAMS, "datagrams", "fragmented datagrams begun")                                        \
    X(ACTIVE, "datagrams_active", "datagrams tracked now")                                         \
    X(COMPLETE, "datagrams_complete", "datagrams of which every byte was seen")                    \
    X(EXPIRED, "datagrams_expired", "datagrams without a fragment for the timeout")                \
    X(EVICTED_DONE, "evicted_complete", "complete datagrams forgotten for want of room")           \
    X(EVICTED, "evicted", "other datagrams forgotten for want of room")                            \
    X(REUSED, "id_reused", "datagrams begun under the identification of an older one")             \
    X(OTHER_FIRST, "other_first", "first fragments unlike the first one learned: it stayed")

enum fb_drop_reason {
#define X(id, ...) FB_DROP_##id,
    FB_DROP_REASONS(X)
#undef X
        FB_DROP_COUNT,
    FB_DROP_NONE = FB_DROP_COUNT
};
enum fb_violation {
#define X(id, ...) FB_VIOLATION_##id,
    FB_VIOLATIONS(X)
#undef X
        FB_VIOLATION_COUNT,
    FB_VIOLATION_NONE = FB_VIOLATION_COUNT
};
enum fb_run_counter {
#define X(id, ...) FB_RUN_##id,
    FB_RUN_COUNTERS(X)
#undef X
        FB_RUN_COUNT
};
enum fb_lane_counter {
#define X(id, ...) FB_LANE_##id,
    FB_LANE_COUNTERS(X)
#undef X
        FB_LANE_COUNT
};
enum fb_interface_counter {
#define X(id, ...) FB_INTERFACE_##id,
    FB_INTERFACE_COUNTERS(X)
#undef X
        FB_INTERFACE_COUNT
};
enum fb_interface_state {
#define X(id, ...) FB_INTERFACE_IS_##id,
    FB_INTERFACE_STATES(X)
#undef X
        FB_INTERFACE_STATE_COUNT
};
enum fb_fragment_counter {
#define X(id, ...) FB_FRAGMENT_##id,
    FB_FRAGMENT_COUNTERS(X)
#undef X
        FB_FRAGMENT_COUNT
};
enum fb_worker_counter {
#define X(id, ...) FB_WORKER_##id,
    FB_WORKER_COUNTERS(X)
#undef X
        FB_WORKER_COUNT
};

/* What a report says of one counter. */
struct fb_counter_text {
    const char *name;
    const char *path; /* or NULL */
    const char *text;
};

extern const struct fb_counter_text fb_decode_texts[FB_DECODE_COUNT];
extern const struct fb_counter_text fb_end_texts[FB_END_COUNT];
extern const struct fb_counter_text fb_drop_texts[FB_DROP_COUNT];
extern const struct fb_counter_text fb_violation_texts[FB_VIOLATION_COUNT];
extern const struct fb_counter_text fb_run_texts[FB_RUN_COUNT];
extern const struct fb_counter_text fb_lane_texts[FB_LANE_COUNT];
extern const struct fb_counter_text fb_interface_texts[FB_INTERFACE_COUNT];
extern const struct fb_counter_text fb_interface_state_texts[FB_INTERFACE_STATE_COUNT];
extern const struct fb_counter_text fb_fragment_texts[FB_FRAGMENT_COUNT];
extern const struct fb_counter_text fb_worker_texts[FB_WORKER_COUNT];

#endif
