/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/chaos/chaos.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "flow_balancer/sides.h"

#define BUSY_MOST 6u     /* numbers to which something is done at the same time */
#define READY_LEAST 3u   /* numbers to which nothing is done */
#define SERVICE_LEAST 6u /* numbers in service that stay: below, add comes in place of drain */
#define BETWEEN_MS 50u   /* from one event to the next, at most */
#define AWAY_MS 150u     /* killed and not started again, at most: below --failover */
#define STOPPED_MS 200u  /* stopped, at most: below --hang */
#define UNNOTICED_S 10.0 /* then a hang or nonsense has had no effect */
#define STUCK_S 60.0     /* a watchdog */
#define CRASHES_BORNE 4u /* by the script within 10 s, with room for one more event */
#define CRASH_WINDOW_S 11.0

const char *const chaos_names[CHAOS_KINDS + 1] = {
    [CHAOS_KILL] = "kill",         [CHAOS_KILL_TWICE] = "kill-twice",
    [CHAOS_FAILOVER] = "failover", [CHAOS_STOP] = "stop",
    [CHAOS_HANG] = "hang",         [CHAOS_HANG_FAILOVER] = "hang-failover",
    [CHAOS_RESTART] = "restart",   [CHAOS_ADD] = "add",
    [CHAOS_DRAIN] = "drain",       [CHAOS_SCRIBBLE] = "scribble",
    [CHAOS_TRUNCATE] = "truncate", [CHAOS_UNASKED] = "unasked",
};

/* In hundredths. Failovers are ours alone: the script starts again what has died. */
static const unsigned char weights[CHAOS_KINDS] = {
    [CHAOS_KILL] = 26, [CHAOS_KILL_TWICE] = 8,    [CHAOS_FAILOVER] = 10, [CHAOS_STOP] = 15,
    [CHAOS_HANG] = 6,  [CHAOS_HANG_FAILOVER] = 4, [CHAOS_RESTART] = 10,  [CHAOS_ADD] = 3,
    [CHAOS_DRAIN] = 4, [CHAOS_SCRIBBLE] = 8,      [CHAOS_TRUNCATE] = 6,
};

enum step {
    AWAIT_SECOND, /* the next process has claimed the number: it is killed too */
    AWAIT_LOSS,
    AWAIT_DUE, /* dead or stopped for a while */
    AWAIT_REVOCATION,
    AWAIT_LEAVING, /* of a process that was asked to */
    AWAIT_FREE,    /* no process serves it any more */
    AWAIT_READY,   /* again */
    AWAIT_OLD,     /* continued, the process before has to see that it is revoked */
    AWAIT_SNAPSHOT
};

#define STATUS_KILLED (128 + SIGKILL)
#define STATUS_BUS (128 + SIGBUS)
#define STATUS_REVOKED 3

static enum fb_state state_of(const struct chaos *c, unsigned k) {
    return (enum fb_state)fb_ctl_state(c->ctl.ctl, k);
}

static bool chance(struct chaos *c, unsigned hundredths) {
    return random_below(&c->random, 100) < hundredths;
}

static double ms_from_now(struct chaos *c, uint32_t most) {
    return seconds_now() + (double)random_below(&c->random, most) / 1000.0;
}

/* ---- processes */

_Noreturn static void fail_worker(struct chaos *c, unsigned k, int status) {
    chaos_print(c);
    fail_msg("seed %" PRIu64 ": worker %u ended with status %d after %s", c->seed, k, status,
             c->seats[k].busy ? chaos_names[c->seats[k].blow.kind] : "nothing");
    abort(); /* not reached */
}

static void start_worker(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    if (c->supervised)
        return;
    seat->process =
        process_start(c->t, "flow-worker-fault -n @ -k %u --inspector %s", k, CHAOS_INSPECTOR);
    seat->pid = seat->process->pid;
}

/* Takes note of the end of a process of ours, which must have one of these statuses. */
static void reap(struct chaos *c, unsigned k, struct process **process, int status, int other) {
    struct process *p = *process;
    if (process_wait(c->t, p) != status && p->status != other && p->status != STATUS_REVOKED)
        fail_worker(c, k, p->status);
    process_forget(c->t, p);
    *process = NULL;
}

static void kill_worker(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    if (seat->process == NULL || !process_ended(c->t, seat->process))
        kill(seat->pid, SIGKILL);
    seat->crashes[seat->crash_count++ % 8] = seconds_now();
    if (seat->process != NULL)
        reap(c, k, &seat->process, STATUS_KILLED,
             seat->blow.kind == CHAOS_TRUNCATE ? STATUS_BUS : STATUS_KILLED);
}

/* Whether the number has another process than before that has claimed it. */
static bool is_claimed_again(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    bool revoked = chaos_revoked(c, k); /* before the state, which may be of the process before */
    enum fb_state state = state_of(c, k);
    if (!revoked || (state != FB_STATE_STARTING && state != FB_STATE_READY))
        return false;
    pid_t pid = c->supervised ? process_of_worker(c->t->name, k) : seat->pid;
    if (pid == 0 || (c->supervised && pid == seat->pid))
        return false;
    seat->pid = pid;
    return true;
}

static void note(struct chaos *c, const struct blow *blow) {
    assert_in_range(c->blow_count, 0, CHAOS_BLOWS_MAX - 1);
    c->blows[c->blow_count++] = *blow;
    c->progress_at = seconds_now();
}

/* A process of ours that ended by itself: only a starved one that was held for hanging may. */
static void look_for_ended(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    if (seat->process == NULL || !process_ended(c->t, seat->process))
        return;
    int status = seat->process->status;
    if (c->ending && status == EXIT_DONE)
        return;
    if (status != STATUS_REVOKED && status != EXIT_NOTHING_TO_CLAIM)
        fail_worker(c, k, status);
    process_forget(c->t, seat->process);
    seat->process = NULL;
    if (status == STATUS_REVOKED)
        note(c, &(struct blow){.kind = CHAOS_UNASKED,
                               .worker = k,
                               .last = UINT64_MAX,
                               .effective = true,
                               .lost = true});
}

/* ---- nonsense */

/* One word of the up side, of those that the dispatcher goes by or any other. */
static void scribble(struct chaos *c, unsigned k) {
    static const size_t words[] = {offsetof(struct fb_up, consumed), offsetof(struct fb_up, cursor),
                                   offsetof(struct fb_up, worker_status),
                                   offsetof(struct fb_up, parked),
                                   offsetof(struct fb_up, counters)};
    const struct fb_down *down = c->down[k];
    size_t at = words[random_below(&c->random, sizeof words / sizeof *words)];
    if (chance(c, 30))
        at = random_below(&c->random, (uint32_t)(sizeof(struct fb_up) / 8)) * 8;
    /* Relaxed: any number serves. */
    uint64_t published = atomic_load_explicit(&down->published, memory_order_relaxed);
    uint64_t value = random_word(&c->random);
    if (chance(c, 40)) /* near what would be right */
        value = published - random_below(&c->random, 64) + 32;
    size_t bytes = at == offsetof(struct fb_up, worker_status) ? sizeof(uint32_t) : sizeof value;
    if (at == offsetof(struct fb_up, worker_status))
        value = random_below(&c->random, 8);
    ssize_t written = pwrite(c->seats[k].up, &value, bytes, (off_t)at);
    assert_int_equal(written, (ssize_t)bytes);
}

static void close_up(struct seat *seat) {
    if (seat->up >= 0)
        close(seat->up);
    seat->up = -1;
}

/* ---- one event, step by step: each is looked at again and again until it is over */

static void go_to(struct seat *seat, enum step step) {
    seat->step = step;
}

static void be_over(struct chaos *c, struct seat *seat) {
    seat->snapshots = chaos_snapshots(c);
    go_to(seat, AWAIT_SNAPSHOT);
}

static void await_second(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    look_for_ended(c, k);
    if (seat->process == NULL && !c->supervised)
        start_worker(c, k);
    if (!is_claimed_again(c, k))
        return;
    seat->epoch = fb_ctl_epoch(c->ctl.ctl, k);
    kill_worker(c, k);
    go_to(seat, AWAIT_READY);
}

static void await_due(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    if (seconds_now() < seat->due)
        return;
    if (seat->blow.kind != CHAOS_STOP) {
        go_to(seat, AWAIT_READY);
        return;
    }
    bool revoked = chaos_revoked(c, k);
    seat->blow.effective = !revoked && chaos_process_state(seat->pid) == 'T';
    kill(seat->pid, SIGCONT);
    if (!revoked)
        be_over(c, seat);
    else /* the machine stood still: it counts as a hang */
        go_to(seat, AWAIT_LEAVING);
}

/* A process that was stopped, or writes nonsense, until the dispatcher will have no more of it. */
static void await_revocation(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    bool late = seconds_now() >= seat->give_up;
    bool hangs = seat->blow.kind == CHAOS_HANG || seat->blow.kind == CHAOS_HANG_FAILOVER;
    bool nonsense = seat->blow.kind == CHAOS_SCRIBBLE || seat->blow.kind == CHAOS_TRUNCATE;
    if (seat->blow.kind == CHAOS_SCRIBBLE && !chaos_revoked(c, k))
        scribble(c, k);
    if (nonsense)
        chaos_note_ring(c, k);
    if (!late && !chaos_revoked(c, k))
        return;
    seat->blow.effective = chaos_revoked(c, k);
    if (nonsense) /* also what was published between the last look and the revocation */
        chaos_note_ring(c, k);
    close_up(seat);
    if (hangs && !seat->blow.effective) {
        kill(seat->pid, SIGCONT);
        be_over(c, seat);
        return;
    }
    if (hangs) {
        seat->old = seat->process;
        seat->process = NULL;
        seat->crashes[seat->crash_count++ % 8] = seconds_now(); /* the script kills it */
    } else if (!c->supervised || !seat->blow.effective) {
        kill_worker(c, k);
    } else {
        seat->crashes[seat->crash_count++ % 8] = seconds_now();
    }
    go_to(seat, seat->blow.kind == CHAOS_HANG_FAILOVER ? AWAIT_LOSS : AWAIT_READY);
}

static void await_loss(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    if (state_of(c, k) != FB_STATE_LOST)
        return;
    seat->blow.lost = true;
    go_to(seat, AWAIT_READY);
}

static void await_leaving(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    if (c->supervised ? !chaos_revoked(c, k) : !process_ended(c->t, seat->process))
        return;
    if (!c->supervised)
        reap(c, k, &seat->process, EXIT_DONE, EXIT_DONE);
    go_to(seat, seat->blow.kind == CHAOS_DRAIN ? AWAIT_FREE : AWAIT_READY);
}

static void await_free(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    bool revoked = chaos_revoked(c, k);
    enum fb_state state = state_of(c, k);
    if (!revoked || (state != FB_STATE_ABSENT && state != FB_STATE_LOST))
        return;
    seat->blow.effective = true;
    seat->blow.lost = state == FB_STATE_LOST;
    seat->in_service = false;
    be_over(c, seat);
}

static void await_ready(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    bool revoked = chaos_revoked(c, k);
    enum fb_state state = state_of(c, k);
    bool lost = state == FB_STATE_LOST || state == FB_STATE_MOVING;
    seat->blow.lost = seat->blow.lost || (lost && seat->blow.kind != CHAOS_ADD);
    look_for_ended(c, k);
    if (seat->process == NULL)
        start_worker(c, k);
    if (!revoked || state != FB_STATE_READY)
        return;
    if (seat->blow.kind != CHAOS_SCRIBBLE)
        seat->blow.effective = true;
    if (seat->old == NULL) {
        be_over(c, seat);
        return;
    }
    seat->blow.woken = chance(c, 75);
    kill(seat->old->pid, seat->blow.woken ? SIGCONT : SIGKILL);
    go_to(seat, AWAIT_OLD);
}

static void await_old(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    if (!process_ended(c->t, seat->old))
        return;
    reap(c, k, &seat->old, STATUS_REVOKED, STATUS_KILLED);
    be_over(c, seat);
}

static void await_snapshot(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    /* One that was begun and ended since: two steps each, and one may have been under way. */
    if (chaos_snapshots(c) - seat->snapshots < 4)
        return;
    seat->blow.last = chaos_received(c);
    note(c, &seat->blow);
    seat->busy = false;
}

static void (*const steps[])(struct chaos *c, unsigned k) = {
    [AWAIT_SECOND] = await_second,     [AWAIT_LOSS] = await_loss,
    [AWAIT_DUE] = await_due,           [AWAIT_REVOCATION] = await_revocation,
    [AWAIT_LEAVING] = await_leaving,   [AWAIT_FREE] = await_free,
    [AWAIT_READY] = await_ready,       [AWAIT_OLD] = await_old,
    [AWAIT_SNAPSHOT] = await_snapshot,
};

/* ---- how each begins */

static void begin_asked(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    const char *request = seat->blow.kind == CHAOS_DRAIN ? "drain" : "restart";
    if (chaos_ask(c, request, (int)k, NULL))
        go_to(seat, AWAIT_LEAVING);
    else
        be_over(c, seat);
}

static void begin_nonsense(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    seat->up = chaos_open_up(c, k);
    if (seat->up < 0 || chaos_revoked(c, k)) {
        be_over(c, seat);
        return;
    }
    seat->finished = chaos_consumed(c, k);
    seat->noted = 0;
    chaos_note_ring(c, k);
    seat->blow.blind = false; /* what was overwritten by now is long known to be finished */
    if (seat->blow.kind == CHAOS_TRUNCATE)
        assert_int_equal(ftruncate(seat->up, 0), 0);
    go_to(seat, AWAIT_REVOCATION);
}

static void begin(struct chaos *c, unsigned k, enum chaos_kind kind) {
    struct seat *seat = &c->seats[k];
    seat->busy = true;
    seat->blow = (struct blow){.kind = kind, .worker = k, .first = chaos_first_waiting(c)};
    seat->give_up = seconds_now() + UNNOTICED_S;
    switch (kind) {
    case CHAOS_KILL:
        kill_worker(c, k);
        seat->due = chance(c, 50) ? 0.0 : ms_from_now(c, AWAY_MS);
        go_to(seat, AWAIT_DUE);
        break;
    case CHAOS_KILL_TWICE:
        kill_worker(c, k);
        go_to(seat, AWAIT_SECOND);
        break;
    case CHAOS_FAILOVER:
        kill_worker(c, k);
        go_to(seat, AWAIT_LOSS);
        break;
    case CHAOS_STOP:
        kill(seat->pid, SIGSTOP);
        seat->due = ms_from_now(c, STOPPED_MS);
        go_to(seat, AWAIT_DUE);
        break;
    case CHAOS_HANG:
    case CHAOS_HANG_FAILOVER:
        kill(seat->pid, SIGSTOP);
        go_to(seat, AWAIT_REVOCATION);
        break;
    case CHAOS_SCRIBBLE:
    case CHAOS_TRUNCATE:
        begin_nonsense(c, k);
        break;
    default:
        begin_asked(c, k);
        break;
    }
}

/* The number is the dispatcher's choice, and what it had before is over. */
static void begin_add(struct chaos *c) {
    unsigned k;
    if (!chaos_ask(c, "add", -1, &k)) {
        note(c, &(struct blow){.kind = CHAOS_ADD});
        return;
    }
    struct seat *seat = &c->seats[k];
    assert_false(seat->busy || seat->in_service);
    seat->busy = seat->in_service = true;
    seat->epoch = 0;
    seat->blow = (struct blow){.kind = CHAOS_ADD, .worker = k, .first = chaos_first_waiting(c)};
    go_to(seat, AWAIT_READY);
}

/* ---- which, and when */

/* The script gives a number up at its eighth crash within 10 s. */
static bool bears_a_crash(const struct chaos *c, const struct seat *seat) {
    unsigned recent = 0;
    for (unsigned i = 0; i < 8 && i < seat->crash_count; i++)
        recent += seconds_now() - seat->crashes[i] < CRASH_WINDOW_S;
    return !c->supervised || recent <= CRASHES_BORNE;
}

static bool is_eligible(struct chaos *c, unsigned k) {
    struct seat *seat = &c->seats[k];
    if (seat->busy || !seat->in_service)
        return false;
    seat->epoch = fb_ctl_epoch(c->ctl.ctl, k); /* before the state: it is at least as old */
    if (state_of(c, k) != FB_STATE_READY)
        return false;
    if (c->supervised)
        seat->pid = process_of_worker(c->t->name, k);
    return seat->pid != 0;
}

static enum chaos_kind draw_kind(struct chaos *c, unsigned in_service) {
    unsigned at = random_below(&c->random, 100), kind = 0, draining = 0;
    for (; kind + 1 < CHAOS_KINDS && at >= weights[kind]; kind++)
        at -= weights[kind];
    if (c->supervised && kind == CHAOS_FAILOVER)
        return CHAOS_KILL;
    if (c->supervised && kind == CHAOS_HANG_FAILOVER)
        return CHAOS_HANG;
    if (kind == CHAOS_ADD && in_service == CHAOS_NUMBERS)
        return CHAOS_DRAIN;
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++)
        draining += c->seats[k].busy && c->seats[k].blow.kind == CHAOS_DRAIN;
    if (kind == CHAOS_DRAIN && in_service - draining <= SERVICE_LEAST)
        kind = CHAOS_ADD;
    if (kind == CHAOS_ADD && draining != 0) /* it would get a number that we think in service */
        return CHAOS_RESTART;
    return (enum chaos_kind)kind;
}

/* Begins the next event with one of the numbers that can have one now, if there is any. */
static bool begin_one(struct chaos *c) {
    unsigned eligible[CHAOS_NUMBERS], count = 0, busy = 0, in_service = 0;
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++) {
        busy += c->seats[k].busy;
        in_service += c->seats[k].in_service;
        if (is_eligible(c, k))
            eligible[count++] = k;
    }
    if (busy >= BUSY_MOST || count <= READY_LEAST)
        return false;
    enum chaos_kind kind = draw_kind(c, in_service);
    unsigned k = eligible[random_below(&c->random, count)];
    bool orderly = kind == CHAOS_STOP || kind == CHAOS_RESTART || kind == CHAOS_DRAIN;
    if (kind == CHAOS_ADD)
        begin_add(c);
    else if (orderly || bears_a_crash(c, &c->seats[k]))
        begin(c, k, kind);
    else
        begin(c, k, chance(c, 50) ? CHAOS_STOP : CHAOS_RESTART);
    c->begun++;
    return true;
}

/* Goes on with what is done to each number; returns to how many something is. */
static unsigned go_on(struct chaos *c) {
    unsigned busy = 0;
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++) {
        struct seat *seat = &c->seats[k];
        if (seat->busy)
            steps[seat->step](c, k);
        else
            look_for_ended(c, k);
        if (!seat->busy && seat->in_service && seat->process == NULL)
            start_worker(c, k); /* unasked, it died */
        busy += seat->busy;
    }
    bool ended = process_ended(c->t, c->run);
    if ((ended && !c->ending) || seconds_now() - c->progress_at > STUCK_S) {
        chaos_print(c);
        fail_msg("seed %" PRIu64 ": %s", c->seed,
                 ended ? "the run ended before its input" : "nothing goes on any more");
    }
    return busy;
}

void chaos_begin(struct chaos *c) {
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++) {
        c->seats[k] = (struct seat){.up = -1, .in_service = k < CHAOS_WORKERS};
        if (c->seats[k].in_service)
            start_worker(c, k);
    }
    c->progress_at = seconds_now();
}

void chaos_play(struct chaos *c) {
    double next = seconds_now();
    unsigned busy = 1;
    c->progress_at = next;
    for (; busy != 0 || c->begun < c->events; pause_ms(1)) {
        busy = go_on(c);
        if (c->begun < c->events && seconds_now() >= next && begin_one(c))
            next = ms_from_now(c, BETWEEN_MS);
    }
}

void chaos_end(struct chaos *c) {
    c->ending = true;
    c->progress_at = seconds_now();
    for (; !process_ended(c->t, c->run); pause_ms(1))
        go_on(c);
}
