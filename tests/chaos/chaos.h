/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_CHAOS_CHAOS_H
#define TESTS_CHAOS_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/ctl.h"

#include "tests/lib/process.h"
#include "tests/lib/random.h"
#include "tests/lib/records.h"

/*
 * A run in which workers are killed, stopped, restarted, added, drained, and
 * write nonsense, at random moments that a seed chooses; and the judgement of
 * what the workers recorded.
 *
 *   chaos_feed     the input: a trace over and over, its time going on
 *   chaos_view     what the dispatcher says of its workers: ctl, rings, requests
 *   chaos_events   what is done to the workers, and their supervisor
 *   chaos_judge    whether the promises were kept
 *
 * Nothing is decided by how long it took. What was done to a worker counts as
 * effective when the dispatcher shows that it took effect.
 */
#define CHAOS_NUMBERS 12u /* --max-workers */
#define CHAOS_WORKERS 8u  /* -w */

/* Records, and sleeps at every 12th packet: so most that die have a packet in their hands. */
#define CHAOS_INSPECTOR "fault:rec,slow=1000@%12"

enum chaos_kind {
    CHAOS_KILL,          /* and started again, immediately or after a moment */
    CHAOS_KILL_TWICE,    /* the second time as soon as it has claimed its number */
    CHAOS_FAILOVER,      /* killed, and not started again before its number is lost */
    CHAOS_STOP,          /* stopped, and continued before it counts as hanging */
    CHAOS_HANG,          /* stopped until revoked; continued when another serves the number */
    CHAOS_HANG_FAILOVER, /* the same, its number lost in between */
    CHAOS_RESTART,
    CHAOS_ADD,
    CHAOS_DRAIN,
    CHAOS_SCRIBBLE, /* nonsense in its up side */
    CHAOS_TRUNCATE, /* its up side cut to nothing */
    CHAOS_KINDS,
    CHAOS_UNASKED = CHAOS_KINDS /* we did nothing: held for hanging, the machine being busy */
};
extern const char *const chaos_names[CHAOS_KINDS + 1];

struct flow_frame {
    uint64_t flow, frame;
    bool finished; /* before any nonsense: it may come again, but it cannot be missing */
};

/*
 * What was done to a number. What it can have touched are frames that were in
 * a ring in the meantime: not before the first that waited when it began, not
 * after the last that was received when it was over. Nonsense touches what
 * stood in the number's own ring until it was revoked, and what was finished so
 * shortly before that the dispatcher may not know.
 */
struct blow {
    enum chaos_kind kind;
    unsigned worker;
    uint64_t first, last;
    struct flow_frame *held; /* in its ring then, or just finished; the chaos owns it */
    size_t held_count;
    bool blind; /* it went round before we had seen all: any frame from first to last */
    bool effective;
    bool lost;  /* the number was seen lost */
    bool woken; /* its process was continued when another served the number */
};

/* A number as its supervisor knows it: us, or the script. */
struct seat {
    struct process *process; /* ours; NULL: none */
    struct process *old;     /* the one before, stopped, while another serves the number */
    pid_t pid;
    bool in_service;
    bool busy; /* something is being done to it: `blow`, at `step` */
    struct blow blow;
    unsigned step, refusals;
    uint64_t epoch;     /* of the incarnation that it is done to */
    double due;         /* when the next step comes, where that is a matter of time */
    double give_up;     /* then what was done is given up as without effect */
    uint64_t finished;  /* descriptors of its ring before this one were so, before any nonsense */
    uint64_t noted;     /* descriptors of its ring before this one are in blow.held */
    uint64_t snapshots; /* sequence of ctl's snapshot, to see a later one */
    int up;             /* its up side, opened for writing; -1 */
    double crashes[8];  /* times of the last: a supervisor gives up at eight in 10 s */
    unsigned crash_count;
};

#define CHAOS_BLOWS_MAX 4096u

struct chaos {
    struct test *t;
    struct process *run; /* the dispatcher, or the script that has started it */
    bool supervised;     /* by the script */
    uint64_t seed;
    struct random random; /* begun with the seed */
    unsigned events;      /* to be made */
    pid_t feeder;
    struct fb_ctl_handle ctl;
    const struct fb_down *down[CHAOS_NUMBERS];
    bool ending;
    struct seat seats[CHAOS_NUMBERS];
    struct blow blows[CHAOS_BLOWS_MAX];
    unsigned blow_count;
    unsigned begun;     /* events begun */
    double progress_at; /* when something last came to an end */
    long rss_kb;        /* of the dispatcher, at the end */
};

/* ---- input */

/*
 * Starts a child that writes the trace into the input of `to`, again and again,
 * rate packets a second; each time its stamps go on. It ends when it is sent
 * SIGTERM, at the end of a packet. Returns its pid.
 */
pid_t chaos_feed(struct process *to, const char *trace, unsigned rate);

/* ---- the dispatcher's view */

/* Joins the running instance. */
void chaos_view_open(struct chaos *c);
void chaos_view_close(struct chaos *c);
/* A number below the frame of every packet that is in a ring. */
uint64_t chaos_first_waiting(const struct chaos *c);
uint64_t chaos_received(const struct chaos *c);
uint64_t chaos_snapshots(const struct chaos *c);
/* Adds what was published in the ring of a seat since it was last looked at to what its blow held.
 */
void chaos_note_ring(struct chaos *c, unsigned worker);
/* What is finished in the ring, as its worker says. */
uint64_t chaos_consumed(const struct chaos *c, unsigned worker);
bool chaos_revoked(const struct chaos *c, unsigned worker);
/* Opens the up side that is on offer or claimed, for writing. */
int chaos_open_up(const struct chaos *c, unsigned worker);
/* Asks over the control socket; "ok" in the answer. *number: the answer's "worker", or NULL. */
bool chaos_ask(const struct chaos *c, const char *request, int worker, unsigned *number);
/* As the kernel has it: R, S, T (stopped), Z; '-' for none. */
char chaos_process_state(pid_t pid);
/* Everything that tells why nothing goes on. */
void chaos_print(struct chaos *c);
/* Keeps the test's directory, with log and records, beyond a failure, and says where. */
void chaos_keep(const struct chaos *c);

/* ---- what is done to the workers */

/* Starts the workers that -w asks for; nothing when the script does. */
void chaos_begin(struct chaos *c);
/* Makes all events, each begun at a random moment, and returns when the last is over. */
void chaos_play(struct chaos *c);
/* Waits for the end of the run, whose input has ended; still starts again who dies. */
void chaos_end(struct chaos *c);

/* ---- the judgement */

struct verdict {
    uint64_t packets, flows;
    uint64_t redelivered, quarantined, deaths, failovers;
    uint64_t excluded_flows, excluded_missing; /* harmed by workers that wrote nonsense */
    uint64_t late;            /* packets that a process recorded when it was continued, too late */
    uint64_t untouched_flows; /* whose workers had no event while they lived */
};

/* Fails the test at the first promise that was not kept. */
void chaos_judge(struct chaos *c, struct verdict *verdict);

#endif
