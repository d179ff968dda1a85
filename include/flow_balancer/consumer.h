/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_CONSUMER_H
#define FLOW_BALANCER_CONSUMER_H

#include "flow_balancer/flow.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The consumer side as a library, libflowbalancer: a program that uses it is a worker like
 * any other. It claims a number, gets the packets of the flows that are bound to it, in
 * order, and their ends; if it dies, its successor goes on behind the last packet that it
 * finished, and the one it was at comes once more.
 *
 *   struct fb_consumer *consumer;
 *   struct fb_consumer_config config = FB_CONSUMER_CONFIG;
 *   const struct fb_event *event;
 *   int taken;
 *   if (fb_consumer_open(&consumer, &config) != 0)
 *       return 1;
 *   while ((taken = fb_consumer_next(consumer, 1000, &event)) >= 0)
 *       if (taken != 0 && event->kind == FB_EVENT_PACKET)
 *           look_at(event->packet.data, event->packet.caplen);
 *   fb_consumer_close(consumer);
 *
 * One consumer a process at a time, used by one thread at a time. After fork() it is the
 * parent's alone. What fails is said in one line, on standard error or to config.log.
 * Build with `pkg-config --cflags --libs flowbalancer`. See flow-balancer-inspectors(7).
 */
struct fb_consumer;

#define FB_WORKER_ANY UINT32_MAX

/* Levels of a line: 0 error, 1 warning, 2 info, 3 debug. */
typedef void fb_log_line(void *arg, int level, const char *line);

struct fb_consumer_config {
    size_t size;              /* of this struct: FB_CONSUMER_CONFIG sets it */
    const char *instance;     /* name of the dispatcher's instance */
    uint32_t worker;          /* number to claim; FB_WORKER_ANY: the first that is free */
    uint32_t wait_ms;         /* how long open waits for a dispatcher and an offer */
    size_t state_bytes;       /* memory a flow that events carry, at most 1 MiB; 0: none */
    uint32_t spin;            /* 1: wait by looking, not by sleeping */
    int32_t log_level;        /* last level that is told */
    fb_log_line *log;         /* NULL: standard error */
    void *log_arg;            /* for log */
    const char *program;      /* name in log lines, and of its counters; NULL: its own */
    const char *const *stats; /* names of the program's counters, [a-z0-9_], at most 32, ends with
                                 NULL; or NULL. They appear in status and report. */
    /* How often the program was asked to leave, by a signal handler say; or NULL. Once is
     * followed when no packet waits, but not while the run is stopping, which says so itself, nor
     * within the first half second; twice after the burst. */
    const volatile int *leave;
    /* 1: the ends of flows of which this process had no packet, since another process of the number
     * had them, are handed out too, with FB_F_MID_STREAM and state NULL. 0: they are not. */
    uint32_t all_ends;
};

#define FB_CONSUMER_CONFIG                                                                         \
    {                                                                                              \
        sizeof(struct fb_consumer_config), "flow-balancer", FB_WORKER_ANY, 30000, 0, 0, 2, 0, 0,   \
            0, 0, 0, 0                                                                             \
    }

enum fb_event_kind {
    FB_EVENT_PACKET = 1,
    FB_EVENT_FLOW_END = 2,
};

/*
 * Valid until the next call with this consumer. state is state_bytes of memory of the flow,
 * zero with the first packet of it that this process gets (which has FB_F_START or
 * FB_F_MID_STREAM), the same until its end; NULL if state_bytes is 0, or where config->all_ends
 * says so.
 */
struct fb_event {
    int32_t kind;
    uint32_t reserved;
    void *state;
    struct fb_packet packet; /* FB_EVENT_PACKET */
    struct fb_flow_end end;  /* FB_EVENT_FLOW_END */
};

/* Why there are no more events, where a function returns less than 0. */
enum fb_ended {
    FB_ENDED_STOPPED = -1,  /* told to stop or leave: all that was to be done is done */
    FB_ENDED_LEFT = -2,     /* config->leave was followed */
    FB_ENDED_ORPHANED = -3, /* the dispatcher is gone; all flows were ended before */
    FB_ENDED_REVOKED = -4,  /* another process has the number: nothing may be touched any more */
    FB_ENDED_FAILED = -5,   /* no memory, or the dispatcher went during a retry: logged */
};

/*
 * Waits up to config->wait_ms for a number and claims it. On success the caller owns
 * *consumer until fb_consumer_close(). Returns 0; -EAGAIN if there was none to claim in time
 * or all are taken, or another -errno, each after one logged line; -EINTR if config->leave was
 * followed. *consumer is NULL then. config and what it points to must last until close, but for
 * the struct itself.
 */
int fb_consumer_open(struct fb_consumer **consumer, const struct fb_consumer_config *config);

/*
 * Finishes the event that was handed out last and takes the next one. Returns 1 with *event
 * set; 0 if none came within timeout_ms (0: does not wait; -1: as long as it takes) or a
 * signal handler ran; or an enum fb_ended, from then on always.
 */
int fb_consumer_next(struct fb_consumer *consumer, int timeout_ms, const struct fb_event **event);

/*
 * The same in two steps, for programs with something to do once a burst.
 * fb_consumer_burst() finishes what was handed out, and returns more than 0 if there is a burst
 * to step through, which may turn out to have no event, or as fb_consumer_next().
 * fb_consumer_step() finishes the event before and returns the next of the burst, which alone is
 * the suspect if the process dies; NULL: the burst is over, or there are no more events, and the
 * next call of fb_consumer_burst() says why.
 */
int fb_consumer_burst(struct fb_consumer *consumer, int timeout_ms);
const struct fb_event *fb_consumer_step(struct fb_consumer *consumer);

/*
 * The output for the present event cannot be written: waits pause_ms (at most 1,000), in
 * which the process is neither taken for hanging nor suspected. Returns 0: the event, still
 * valid, may be tried again; or an enum fb_ended, and it counts as not inspected. The
 * end of a flow with FB_END_ORPHANED may be tried until config->leave ends it.
 */
int fb_consumer_retry(struct fb_consumer *consumer, unsigned pause_ms);

/*
 * A descriptor for poll(), select() and epoll, the consumer's, that is readable when
 * fb_consumer_next() may have something: then call that with a timeout of 0 until it returns
 * 0, which also makes the descriptor wait again. config->leave makes it readable too, within
 * 100 ms. The first call asks for packets, as that of fb_consumer_next() does, and starts a
 * thread. Returns -errno after one logged line.
 */
int fb_consumer_fd(struct fb_consumer *consumer);

/* Stores the program's counter with that index in config->stats. */
void fb_consumer_set_stat(struct fb_consumer *consumer, unsigned index, uint64_t value);

/* CLOCK_MONOTONIC in ns as the consumer last looked at it: when the burst began, or the wait for
 * one ended. */
uint64_t fb_consumer_now(const struct fb_consumer *consumer);

/* What this process has taken so far. */
struct fb_consumer_stats {
    uint64_t packets;
    uint64_t bytes; /* captured */
    uint64_t flows_started;
    uint64_t flows_ended;
    uint64_t mid_stream;  /* flows taken up in mid-stream */
    uint64_t gap_packets; /* packets told as lost before one that came */
    uint64_t waiting;     /* descriptors in the ring now */
    uint32_t worker;      /* its number */
    uint32_t reserved;
    uint64_t incarnation; /* grows with each process of the number in this run */
};

/* size: sizeof *stats as the caller knows it; what the library knows of that is filled in. */
void fb_consumer_stats(const struct fb_consumer *consumer, struct fb_consumer_stats *stats,
                       size_t size);

/* The name of interface `index` of a flow's record; "" where there is none. Valid until close. */
const char *fb_consumer_interface(const struct fb_consumer *consumer, unsigned index);

/* The present event could not be inspected: leaves with it as if the process had died there. The
 * next process of the number gets it once more, flagged. In the place of close. */
void fb_consumer_abandon(struct fb_consumer *consumer);

/* Leaves: the event that was handed out last is finished, the number is free, flows that have not
 * ended wait for the next process of it. NULL is allowed. */
void fb_consumer_close(struct fb_consumer *consumer);

/* What the library was built as: "0.1.0". */
const char *fb_consumer_version(void);

#ifdef __cplusplus
}
#endif

#endif
