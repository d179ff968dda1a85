/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/packet_clock.h"

#include <string.h>

#define NS_PER_TICK PACKET_CLOCK_NS_PER_TICK
#define STEP_BACK_NS PACKET_CLOCK_STEP_BACK_NS
#define NS_PER_DAY UINT64_C(86400000000000)
/* Later stamps (from the year 2554) count as this one, so that boundary_ns cannot overflow. */
#define LAST_STAMP_NS (UINT64_MAX - NS_PER_TICK)

/* Whether a stamp lies at or after `at` less the longest timeout. */
static bool confirms(const struct packet_clock *c, uint64_t stamp_ns, uint64_t at_ns) {
    return stamp_ns >= at_ns || at_ns - stamp_ns <= c->longest_ns;
}

static bool first_is_confirmed(const struct packet_clock *c) {
    return c->first_confirmations >= PACKET_CLOCK_CONFIRMATIONS;
}

static void add_ticks(struct packet_clock *c, uint64_t ticks) {
    uint64_t left = PACKET_CLOCK_LAST_TICK - c->now_ticks;
    c->now_ticks += (uint32_t)(ticks < left ? ticks : left);
}

/* An ordinary step forward, below limit_ns. */
static void move_to(struct packet_clock *c, uint64_t stamp_ns) {
    c->greatest_ns = stamp_ns;
    if (stamp_ns < c->boundary_ns)
        return;
    uint64_t over_ns = stamp_ns - c->boundary_ns;
    uint64_t ticks = 1;
    if (over_ns >= NS_PER_TICK)
        ticks += over_ns / NS_PER_TICK;
    c->boundary_ns += ticks * NS_PER_TICK;
    add_ticks(c, ticks);
}

/* From here on the clock is at this stamp; no time passes, and the part of a tick is kept. */
static void rebase(struct packet_clock *c, uint64_t stamp_ns) {
    uint64_t to_boundary_ns = c->started ? c->boundary_ns - c->greatest_ns : NS_PER_TICK;
    c->greatest_ns = stamp_ns;
    c->boundary_ns = stamp_ns + to_boundary_ns;
    c->started = true;
    c->holding = false;
    c->started_over = false;
}

/* The first stamp of a file, or the one from which it starts over. */
static void begin_at(struct packet_clock *c, uint64_t stamp_ns) {
    c->first_ns = stamp_ns;
    c->first_confirmations = 0;
    c->file_begins = false;
    /* A stamp that is not before the clock is treated as any other, and a jump held goes on. */
    if (!c->started || stamp_ns < c->greatest_ns)
        rebase(c, stamp_ns);
}

/* The clock is at stamp_ns, before the one that is left: perhaps the frames return to that. */
static void leave_clock(struct packet_clock *c, uint64_t left_ns) {
    c->started_over = c->greatest_ns < left_ns;
    c->ahead_ns = left_ns - c->greatest_ns;
}

/* Where the clock that was left would be now. */
static uint64_t left_clock(const struct packet_clock *c) {
    uint64_t now_ns = c->greatest_ns + c->ahead_ns;
    return now_ns < c->greatest_ns || now_ns > LAST_STAMP_NS ? LAST_STAMP_NS : now_ns;
}

static void start_over_at(struct packet_clock *c, uint64_t stamp_ns) {
    uint64_t left_ns = c->greatest_ns;
    bool counted = c->holding && c->jump_ns == c->first_ns;
    c->held += !counted;
    begin_at(c, stamp_ns);
    leave_clock(c, left_ns);
}

static void check_first(struct packet_clock *c, uint64_t stamp_ns) {
    if (stamp_ns < c->first_ns && c->first_ns - stamp_ns >= c->limit_ns)
        start_over_at(c, stamp_ns);
    else if (confirms(c, stamp_ns, c->first_ns))
        c->first_confirmations++;
}

static void hold(struct packet_clock *c, uint64_t stamp_ns) {
    c->holding = true;
    c->jump_ns = stamp_ns;
    c->jump_confirmations = 0;
    c->held++;
}

static void believe_jump(struct packet_clock *c) {
    c->holding = false;
    uint64_t from_ns = c->greatest_ns;
    if (c->started_over && confirms(c, c->jump_ns, left_clock(c))) {
        from_ns = left_clock(c);
        c->started_over = false;
    }
    if (c->jump_ns > from_ns) {
        uint64_t step_ns = c->jump_ns - from_ns;
        add_ticks(c, (step_ns < c->limit_ns ? step_ns : c->limit_ns) / NS_PER_TICK);
    }
    if (c->jump_ns > c->greatest_ns) {
        c->greatest_ns = c->jump_ns;
        c->boundary_ns = c->jump_ns + NS_PER_TICK;
    }
}

static void check_jump(struct packet_clock *c, uint64_t stamp_ns) {
    if (!confirms(c, stamp_ns, c->jump_ns))
        c->holding = false;
    else if (++c->jump_confirmations == PACKET_CLOCK_CONFIRMATIONS)
        believe_jump(c);
}

/* A step forward that is believed: an ordinary one, or back to the clock that was left. */
static void go_forward(struct packet_clock *c, uint64_t stamp_ns) {
    bool is_return = c->started_over && stamp_ns - c->greatest_ns > STEP_BACK_NS &&
                     left_clock(c) - STEP_BACK_NS <= stamp_ns;
    if (is_return) {
        uint64_t left_ns = left_clock(c);
        rebase(c, stamp_ns < left_ns ? stamp_ns : left_ns);
    }
    move_to(c, stamp_ns);
}

/* ---- steps back */

static bool is_late(const struct packet_clock *c, uint64_t stamp_ns) {
    return stamp_ns < c->greatest_ns && c->greatest_ns - stamp_ns > STEP_BACK_NS;
}

/* Whether a late stamp goes on with the row, as one clock's stamps do. */
static bool continues_row(const struct packet_clock *c, uint64_t stamp_ns) {
    if (stamp_ns < c->late_first_ns)
        return c->late_first_ns - stamp_ns <= STEP_BACK_NS;
    return stamp_ns < c->late_last_ns || stamp_ns - c->late_last_ns < c->limit_ns;
}

static void believe_step_back(struct packet_clock *c) {
    uint64_t left_ns = c->greatest_ns;
    c->steps_back++;
    c->late = 0;
    rebase(c, c->late_first_ns);
    leave_clock(c, left_ns);
    move_to(c, c->late_last_ns);
}

static void check_late(struct packet_clock *c, uint64_t stamp_ns) {
    if (!is_late(c, stamp_ns)) {
        c->late = 0;
        return;
    }
    if (c->late == 0 || !continues_row(c, stamp_ns)) {
        c->late = 0;
        c->late_first_ns = c->late_last_ns = stamp_ns;
    }
    if (stamp_ns > c->late_last_ns)
        c->late_last_ns = stamp_ns;
    if (++c->late == PACKET_CLOCK_CONFIRMATIONS)
        believe_step_back(c);
}

void packet_clock_init(struct packet_clock *c, uint64_t longest_timeout_ns) {
    memset(c, 0, sizeof *c);
    c->now_ticks = 1;
    c->longest_ns = longest_timeout_ns < UINT64_MAX ? longest_timeout_ns : UINT64_MAX - 1;
    c->limit_ns = c->longest_ns + 1 > NS_PER_DAY ? c->longest_ns + 1 : NS_PER_DAY;
    c->file_begins = true;
}

bool packet_clock_step(struct packet_clock *c) {
    uint32_t before = c->now_ticks;
    add_ticks(c, 1);
    return c->now_ticks != before;
}

void packet_clock_next_file(struct packet_clock *c) {
    c->file_begins = true;
    c->late = 0;
    c->quick_span_ns = 0;
}

uint32_t packet_clock_check(struct packet_clock *c, uint64_t stamp_ns) {
    if (stamp_ns > LAST_STAMP_NS)
        stamp_ns = LAST_STAMP_NS;
    if (c->file_begins)
        begin_at(c, stamp_ns);
    else if (!first_is_confirmed(c))
        check_first(c, stamp_ns);
    if (c->holding)
        check_jump(c, stamp_ns);
    check_late(c, stamp_ns);
    if (stamp_ns > c->greatest_ns) {
        if (stamp_ns - c->greatest_ns < c->limit_ns)
            go_forward(c, stamp_ns);
        else if (!c->holding)
            hold(c, stamp_ns);
    }
    bool is_quick = first_is_confirmed(c) && !c->holding && c->late == 0;
    c->quick_from_ns = c->boundary_ns > STEP_BACK_NS ? c->boundary_ns - STEP_BACK_NS : 0;
    c->quick_span_ns = is_quick ? c->boundary_ns - c->quick_from_ns : 0;
    return c->now_ticks;
}
