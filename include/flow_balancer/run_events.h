/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_RUN_EVENTS_H
#define FLOW_BALANCER_RUN_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* As grave as log lines are, by the same names. */
#define FB_SEVERITIES(X) X(ERROR, "error") X(WARNING, "warning") X(INFO, "info")

enum fb_severity {
#define X(id, ...) FB_SEVERITY_##id,
    FB_SEVERITIES(X)
#undef X
        FB_SEVERITY_COUNT
};

extern const char *const fb_severity_names[FB_SEVERITY_COUNT];

/*
 * What happens in a run that somebody may want to know later, declared once, here:
 * X(ID, name, severity, whether it has a log line by default, sentence).
 *
 * One call, fb_tell_event(), tells of an event; the log, where it is the journal with
 * fields of its own, and the recorder of the run (history.h) print it. The name is the
 * one of the history's JSON. An event that has no line by default has one at --log-level
 * debug. To add an event: a line here, and the call where it happens.
 */
#define FB_RUN_EVENTS(X)                                                                           \
    X(RUN_STARTED, "run_started", FB_SEVERITY_INFO, false,                                         \
      "the dispatcher is there; workers may come")                                                 \
    X(RUN_RUNNING, "run_running", FB_SEVERITY_INFO, false,                                         \
      "packets are taken; count: workers that are ready")                                          \
    X(RUN_STOPPING, "run_stopping", FB_SEVERITY_INFO, false, "no more packets are taken")          \
    X(RUN_ENDED, "run_ended", FB_SEVERITY_INFO, false, "nothing waits any longer")                 \
    X(RUN_PAUSED, "run_paused", FB_SEVERITY_WARNING, true,                                         \
      "the dispatcher did not run: stopped, frozen, or the machine was suspended")                 \
    X(FILTER_RELOADED, "filter_reloaded", FB_SEVERITY_INFO, true,                                  \
      "another filter is in force; count: of reloads")                                             \
    X(WORKER_OFFERED, "worker_offered", FB_SEVERITY_INFO, false,                                   \
      "any process may take the number")                                                           \
    X(WORKER_CLAIMED, "worker_claimed", FB_SEVERITY_INFO, false, "a process took the number")      \
    X(WORKER_READY, "worker_ready", FB_SEVERITY_INFO, false, "its first process gets flows")       \
    X(WORKER_BACK, "worker_back", FB_SEVERITY_INFO, true,                                          \
      "its next process gets flows; duration: how long there was none")                            \
    X(WORKER_ADDED, "worker_added", FB_SEVERITY_INFO, true, "one more worker was asked for")       \
    X(WORKER_ASKED, "worker_asked", FB_SEVERITY_INFO, true, "a drain or a restart was asked for")  \
    X(WORKER_DRAINING, "worker_draining", FB_SEVERITY_INFO, false,                                 \
      "it gets no new flows, and leaves when those that it has are over")                          \
    X(WORKER_LEFT, "worker_left", FB_SEVERITY_INFO, true, "its process left, as it was told")      \
    X(WORKER_DONE, "worker_done", FB_SEVERITY_INFO, false,                                         \
      "its process left because the run ends")                                                     \
    X(WORKER_DIED, "worker_died", FB_SEVERITY_WARNING, true, "its process is gone unasked")        \
    X(WORKER_HUNG, "worker_hung", FB_SEVERITY_WARNING, true,                                       \
      "it finished nothing for --hang, and was revoked")                                           \
    X(WORKER_SILENT, "worker_silent", FB_SEVERITY_WARNING, true,                                   \
      "a process took the number and said nothing, and was revoked")                               \
    X(WORKER_UNREADY, "worker_unready", FB_SEVERITY_WARNING, true,                                 \
      "it did not become ready in time, and was revoked")                                          \
    X(WORKER_STAYED, "worker_stayed", FB_SEVERITY_WARNING, true,                                   \
      "it was told to leave and did not, and was revoked")                                         \
    X(WORKER_VIOLATED, "worker_violated", FB_SEVERITY_WARNING, true,                               \
      "it broke the protocol, and was revoked")                                                    \
    X(WORKER_OVERDUE, "worker_overdue", FB_SEVERITY_WARNING, true,                                 \
      "no process took its number within --failover")                                              \
    X(WORKER_GIVEN_UP, "worker_given_up", FB_SEVERITY_ERROR, true,                                 \
      "its supervisor will not start it again")                                                    \
    X(WORKER_LOST, "worker_lost", FB_SEVERITY_WARNING, true,                                       \
      "its packets and flows go to the others; count: packets")                                    \
    X(WORKER_DRAINED, "worker_drained", FB_SEVERITY_INFO, true,                                    \
      "the same, because it was drained; count: packets")                                          \
    X(WORKER_BLOCKED, "worker_blocked", FB_SEVERITY_WARNING, true,                                 \
      "its number cannot be offered: what is needed for it cannot be made")                        \
    X(WORKER_UNBLOCKED, "worker_unblocked", FB_SEVERITY_INFO, true,                                \
      "its number can be offered again")                                                           \
    X(PACKET_QUARANTINED, "packet_quarantined", FB_SEVERITY_WARNING, true,                         \
      "two processes died on a packet; count: its frame number")                                   \
    X(FLOW_BYPASSED, "flow_bypassed", FB_SEVERITY_WARNING, true,                                   \
      "three packets of a flow were quarantined; count: the flow's id")                            \
    X(RING_DROPS_BEGAN, "ring_drops_began", FB_SEVERITY_WARNING, true,                             \
      "packets are dropped: the ring of a worker is full; count: packets in it")                   \
    X(RING_DROPS_ENDED, "ring_drops_ended", FB_SEVERITY_WARNING, true,                             \
      "that is over; count: packets dropped, duration: for how long")                              \
    X(NO_WORKER_DROPS_BEGAN, "no_worker_drops_began", FB_SEVERITY_WARNING, true,                   \
      "packets are dropped: no worker is ready")                                                   \
    X(NO_WORKER_DROPS_ENDED, "no_worker_drops_ended", FB_SEVERITY_WARNING, true,                   \
      "that is over; count: packets dropped, duration: for how long")                              \
    X(KERNEL_DROPS_BEGAN, "kernel_drops_began", FB_SEVERITY_WARNING, true,                         \
      "frames are dropped: the kernel's buffer of an interface is full")                           \
    X(KERNEL_DROPS_ENDED, "kernel_drops_ended", FB_SEVERITY_WARNING, true,                         \
      "that is over; count: frames dropped, duration: for how long")                               \
    X(INTERFACE_DROPS_BEGAN, "interface_drops_began", FB_SEVERITY_WARNING, true,                   \
      "an interface or its driver drops frames")                                                   \
    X(INTERFACE_DROPS_ENDED, "interface_drops_ended", FB_SEVERITY_WARNING, true,                   \
      "that is over; count: frames dropped, duration: for how long")                               \
    X(INTERFACE_UP, "interface_up", FB_SEVERITY_INFO, true, "an interface is up again")            \
    X(INTERFACE_DOWN, "interface_down", FB_SEVERITY_WARNING, true, "an interface is switched off") \
    X(INTERFACE_NO_LINK, "interface_no_link", FB_SEVERITY_WARNING, true,                           \
      "an interface has no link")                                                                  \
    X(INTERFACE_GONE, "interface_gone", FB_SEVERITY_ERROR, true,                                   \
      "an interface cannot be read any more; final")

enum fb_happened {
#define X(id, ...) FB_HAPPENED_##id,
    FB_RUN_EVENTS(X)
#undef X
        FB_HAPPENED_COUNT
};

#define FB_EVENT_TEXT_BYTES 192u    /* of the line, with the final zero: a longer one is cut */
#define FB_EVENT_NOT_ONE UINT32_MAX /* no worker, or no interface */

/* An event as the recorder keeps it. What does not apply is 0; worker and interface:
 * FB_EVENT_NOT_ONE. */
struct fb_run_event {
    uint64_t real_ns;   /* CLOCK_REALTIME; set by fb_tell_event() */
    uint64_t mono_ns;   /* CLOCK_MONOTONIC; the same */
    uint32_t kind;      /* enum fb_happened */
    uint32_t worker;    /* its number */
    uint32_t interface; /* its place in ctl */
    uint32_t reserved;
    int64_t pid; /* of the worker's process, for display */
    uint64_t epoch;
    uint64_t count;                 /* what of: in the list */
    uint64_t duration_ns;           /* the same */
    char text[FB_EVENT_TEXT_BYTES]; /* the log line, without time and program; set by
                                       fb_tell_event() */
};
_Static_assert(sizeof(struct fb_run_event) == 256, "shared layout");

/* What the list says of one kind. */
struct fb_happened_text {
    const char *name;
    enum fb_severity severity;
    bool is_logged; /* by default */
    const char *text;
};

extern const struct fb_happened_text fb_happened_texts[FB_HAPPENED_COUNT];

/*
 * An event for fb_tell_event(), by its id in the list: of the run as a whole, of a worker, or of an
 * interface, whose number comes next. Other members may follow: FB_WORKER_EVENT(WORKER_DIED, 3,
 * .pid = pid).
 */
#define FB_RUN_EVENT(...)                                                                          \
    (&(struct fb_run_event){.worker = FB_EVENT_NOT_ONE,                                            \
                            .interface = FB_EVENT_NOT_ONE,                                         \
                            .kind = FB_HAPPENED_##__VA_ARGS__})
#define FB_WORKER_EVENT(which, ...)                                                                \
    (&(struct fb_run_event){                                                                       \
        .kind = FB_HAPPENED_##which, .interface = FB_EVENT_NOT_ONE, .worker = __VA_ARGS__})
#define FB_INTERFACE_EVENT(which, ...)                                                             \
    (&(struct fb_run_event){                                                                       \
        .kind = FB_HAPPENED_##which, .worker = FB_EVENT_NOT_ONE, .interface = __VA_ARGS__})

/*
 * Tells of an event, whose log line the format makes. Like a log line: never on the data
 * path; any process, one thread at a time.
 */
void fb_tell_event(const struct fb_run_event *event, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Which instance they are of, as the journal is told; kept by pointer. NULL: it is not known. */
void fb_tell_events_of(const char *instance);

/*
 * From now on each event goes to the recorder as well, its time and text filled in and
 * valid during the call; NULL: no more. One a process, like the log.
 */
typedef void fb_event_recorder(void *arg, const struct fb_run_event *event);
void fb_tell_events_to(fb_event_recorder *recorder, void *arg);

#endif
