/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/chaos/chaos.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * A flow may have been harmed by a worker that wrote nonsense: it says what is
 * finished. A flow of which a packet stood in the ring of such a worker until
 * it was revoked, and is missing or came again unflagged, is left out. All
 * others are held to the promises.
 */
struct judge {
    struct chaos *c;
    struct verdict *v;
    struct records records;
    struct trace trace;
    uint64_t total;
    uint64_t bypassed;              /* packets, as the ledger has them */
    struct flow_frame *quarantined; /* by frame, then by flow */
    size_t quarantined_count;
    struct flow_frame *bypasses; /* flows that go to no worker any more, from a frame of them on */
    size_t bypass_count, bypass_room;
    unsigned losses[CHAOS_NUMBERS]; /* of each number, as the dispatcher's log has them */
    unsigned deaths[CHAOS_NUMBERS];
    uint64_t *excluded; /* flows, ascending */
    size_t excluded_count, excluded_room;
};

/* What was done while a frame was on its way: where a promise is broken, one of these did it. */
static void print_blows(const struct judge *j, uint64_t frame) {
    for (unsigned i = 0; i < j->c->blow_count; i++) {
        const struct blow *blow = &j->c->blows[i];
        if (blow->first <= frame && frame <= blow->last)
            print_error("  %s of worker %u, frames %" PRIu64 " to %" PRIu64 "%s%s\n",
                        chaos_names[blow->kind], blow->worker, blow->first, blow->last,
                        blow->effective ? "" : ", without effect", blow->lost ? ", lost" : "");
    }
}

#define FAULT(j, frame, ...)                                                                       \
    do {                                                                                           \
        print_error("seed %" PRIu64 ", frame %" PRIu64 ":\n", (j)->c->seed, (uint64_t)(frame));    \
        print_blows(j, frame);                                                                     \
        chaos_keep((j)->c);                                                                        \
        fail_msg(__VA_ARGS__);                                                                     \
    } while (0)

static void *grown(void *items, size_t count, size_t *room, size_t size) {
    if (count < *room)
        return items;
    *room = *room == 0 ? 256 : 2 * *room;
    items = realloc(items, *room * size);
    assert_non_null(items);
    return items;
}

/* ---- what the dispatcher said */

/* The frame that was quarantined last is the last one of the flow that a worker got. */
static void note_bypassed(struct judge *j, uint64_t flow) {
    struct flow_frame last = {.flow = flow};
    for (size_t i = 0; i < j->quarantined_count; i++)
        if (j->quarantined[i].flow == flow && j->quarantined[i].frame > last.frame)
            last = j->quarantined[i];
    assert_true(last.frame != 0);
    j->bypasses = grown(j->bypasses, j->bypass_count, &j->bypass_room, sizeof *j->bypasses);
    j->bypasses[j->bypass_count++] = last;
}

static void read_line(struct judge *j, size_t *room, const char *line) {
    struct flow_frame q;
    unsigned k, bytes, worker_killed;
    const char *frame = strstr(line, "frame "), *worker = strstr(line, "worker ");
    if (frame != NULL && strstr(line, "it is quarantined") != NULL &&
        sscanf(frame, "frame %" SCNu64 " (flow %" SCNu64 ", %u bytes) killed worker %u", &q.frame,
               &q.flow, &bytes, &worker_killed) == 4) {
        j->quarantined = grown(j->quarantined, j->quarantined_count, room, sizeof *j->quarantined);
        j->quarantined[j->quarantined_count++] = q;
    } else if (strstr(line, "the rest of it is bypassed") != NULL &&
               sscanf(strstr(line, "flow "), "flow %" SCNu64, &q.flow) == 1) {
        note_bypassed(j, q.flow);
    } else if (worker != NULL && sscanf(worker, "worker %u", &k) == 1 && k < CHAOS_NUMBERS) {
        j->losses[k] += strstr(line, " is lost: ") != NULL || strstr(line, " is drained: ") != NULL;
        j->deaths[k] += strstr(line, ") died; ") != NULL || strstr(line, "it is revoked") != NULL;
    }
}

static int by_frame(const void *left, const void *right) {
    const struct flow_frame *a = left, *b = right;
    return a->frame < b->frame ? -1 : a->frame > b->frame;
}

static int by_flow(const void *left, const void *right) {
    const struct flow_frame *a = left, *b = right;
    return a->flow != b->flow ? (a->flow < b->flow ? -1 : 1) : by_frame(left, right);
}

static void sort_quarantined(struct judge *j, int (*order)(const void *, const void *)) {
    if (j->quarantined_count != 0)
        qsort(j->quarantined, j->quarantined_count, sizeof *j->quarantined, order);
}

static void read_log(struct judge *j) {
    char line[1024];
    size_t room = 0;
    FILE *log = fopen(j->c->run->errors, "re");
    assert_non_null(log);
    while (fgets(line, sizeof line, log) != NULL)
        read_line(j, &room, line);
    fclose(log);
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++) {
        j->v->deaths += j->deaths[k];
        j->v->failovers += j->losses[k];
    }
    j->v->quarantined = j->quarantined_count;
}

/*
 * Deaths that we did not cause: where the machine is very busy, or a write takes
 * long, a worker is held for hanging. All of its number's flows may have met it.
 */
static void note_unasked(struct judge *j) {
    static const unsigned deaths[CHAOS_KINDS + 1] = {
        [CHAOS_KILL] = 1,     [CHAOS_KILL_TWICE] = 2, [CHAOS_FAILOVER] = 1,
        [CHAOS_STOP] = 0,     [CHAOS_HANG] = 1,       [CHAOS_HANG_FAILOVER] = 1,
        [CHAOS_SCRIBBLE] = 1, [CHAOS_TRUNCATE] = 1,   [CHAOS_UNASKED] = 1};
    unsigned caused[CHAOS_NUMBERS] = {0};
    for (unsigned i = 0; i < j->c->blow_count; i++)
        caused[j->c->blows[i].worker] += deaths[j->c->blows[i].kind];
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++) {
        if (j->deaths[k] <= caused[k] || j->c->blow_count == CHAOS_BLOWS_MAX)
            continue;
        j->c->blows[j->c->blow_count++] = (struct blow){.kind = CHAOS_UNASKED,
                                                        .worker = k,
                                                        .last = UINT64_MAX,
                                                        .effective = true,
                                                        .lost = true};
    }
}

/* ---- the report */

static void judge_report(struct judge *j) {
    const json_t *report = report_of(j->c->t, "out.json");
    expect_balanced(report);
    j->total = j->v->packets = (uint64_t)number_at(report, "ledger.received");
    j->v->redelivered = (uint64_t)number_at(report, "redelivered");
    j->bypassed = (uint64_t)number_at(report, "ledger.shunted");
    expect_number(report, "ledger.quarantined", (json_int_t)j->v->quarantined);
    /* Nothing dropped, for want of room or of a worker, nor abandoned: it is lossless. */
    expect_number(report, "ledger.received",
                  number_at(report, "ledger.inspected") + number_at(report, "ledger.quarantined") +
                      number_at(report, "ledger.shunted"));
    expect_number(report, "failovers", (json_int_t)j->v->failovers);
    if (j->v->redelivered > j->v->deaths)
        FAULT(j, 0, "%" PRIu64 " packets came again after %" PRIu64 " deaths", j->v->redelivered,
              j->v->deaths);
}

/* ---- blows */

/* Whether something was done to the worker while one of these frames may have been with it. */
static bool was_touched(const struct judge *j, unsigned worker, uint64_t first, uint64_t last) {
    for (unsigned i = 0; i < j->c->blow_count; i++) {
        const struct blow *blow = &j->c->blows[i];
        if (blow->worker == worker && blow->effective && blow->first <= last && first <= blow->last)
            return true;
    }
    return false;
}

/* Whether a flow may have left the worker between two frames of it. */
static bool may_leave(const struct judge *j, unsigned worker, uint64_t last, uint64_t next) {
    unsigned seen = 0;
    bool hit = false;
    for (unsigned i = 0; i < j->c->blow_count; i++) {
        const struct blow *blow = &j->c->blows[i];
        if (blow->worker != worker)
            continue;
        bool between = last <= blow->last && blow->first <= next;
        if (blow->lost && between)
            return true;
        seen += blow->lost && blow->kind != CHAOS_UNASKED;
        hit = hit || between;
    }
    /* The dispatcher had it lost for a moment that we did not see. */
    return hit && j->losses[worker] > seen;
}

/* ---- flows that are left out */

static int by_number(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void exclude(struct judge *j, uint64_t flow) {
    j->excluded = grown(j->excluded, j->excluded_count, &j->excluded_room, sizeof *j->excluded);
    j->excluded[j->excluded_count++] = flow;
}

static void sort_excluded(struct judge *j) {
    size_t kept = 0;
    if (j->excluded_count != 0)
        qsort(j->excluded, j->excluded_count, sizeof *j->excluded, by_number);
    for (size_t i = 0; i < j->excluded_count; i++)
        if (kept == 0 || j->excluded[kept - 1] != j->excluded[i])
            j->excluded[kept++] = j->excluded[i];
    j->excluded_count = kept;
}

static bool is_excluded(const struct judge *j, uint64_t flow) {
    return j->excluded_count != 0 &&
           bsearch(&flow, j->excluded, j->excluded_count, sizeof flow, by_number) != NULL;
}

static bool is_quarantined(const struct judge *j, uint64_t frame) {
    struct flow_frame wanted = {.frame = frame};
    return j->quarantined_count != 0 &&
           bsearch(&wanted, j->quarantined, j->quarantined_count, sizeof wanted, by_frame) != NULL;
}

static uint32_t tuple_of(const struct judge *j, uint64_t frame) {
    return j->trace.tuples[(frame - 1) % j->trace.count];
}

/* A frame that has been moved away and back stood there twice, and was finished only if both were.
 */
static void sort_held(struct judge *j) {
    for (unsigned i = 0; i < j->c->blow_count; i++) {
        struct blow *blow = &j->c->blows[i];
        size_t kept = 0;
        if (blow->held_count != 0)
            qsort(blow->held, blow->held_count, sizeof *blow->held, by_frame);
        for (size_t h = 0; h < blow->held_count; h++) {
            if (kept == 0 || blow->held[kept - 1].frame != blow->held[h].frame)
                blow->held[kept++] = blow->held[h];
            else
                blow->held[kept - 1].finished &= blow->held[h].finished;
        }
        blow->held_count = kept;
    }
}

/*
 * Whether nonsense explains that a frame is missing, or else came twice. Its
 * flow is left out then: as the row of it says, or else as the ring did.
 */
static bool forgiven(struct judge *j, uint64_t frame, const struct record *row) {
    struct flow_frame wanted = {.frame = frame};
    bool any = false;
    for (unsigned i = 0; i < j->c->blow_count; i++) {
        const struct blow *blow = &j->c->blows[i];
        const struct flow_frame *held =
            blow->held_count == 0
                ? NULL
                : bsearch(&wanted, blow->held, blow->held_count, sizeof wanted, by_frame);
        bool late = blow->blind && blow->first <= frame && frame <= blow->last;
        if (held != NULL && (row != NULL || !held->finished))
            exclude(j, held->flow);
        else if (!late)
            continue;
        any = true;
    }
    if (any && row != NULL)
        exclude(j, row->flow);
    return any;
}

/* Whether a frame may be one of a flow that is bypassed by then. */
static bool may_be_bypassed(const struct judge *j, uint64_t frame) {
    for (size_t i = 0; i < j->bypass_count; i++)
        if (frame > j->bypasses[i].frame && tuple_of(j, frame) == tuple_of(j, j->bypasses[i].frame))
            return true;
    return false;
}

/*
 * Rows are by frame. What is missing was bypassed, exactly as often as the
 * ledger says, but for what is forgiven: that may have been either.
 */
static void judge_coverage(struct judge *j) {
    uint64_t frame = 0, bypassed = 0;
    for (size_t i = 0; i <= j->records.count; i++) {
        uint64_t next = i < j->records.count ? j->records.rows[i].frame : j->total + 1;
        for (uint64_t m = frame + 1; m < next && m <= j->total; m++) {
            if (is_quarantined(j, m))
                continue;
            if (forgiven(j, m, NULL))
                j->v->excluded_missing++;
            else if (may_be_bypassed(j, m))
                bypassed++;
            else
                FAULT(j, m, "frame %" PRIu64 " was not delivered, nor quarantined", m);
        }
        frame = next > frame ? next : frame;
    }
    if (bypassed > j->bypassed || bypassed + j->v->excluded_missing < j->bypassed)
        FAULT(j, 0,
              "%" PRIu64 " frames of bypassed flows are missing (and %" PRIu64
              " others), the ledger has bypassed %" PRIu64,
              bypassed, j->v->excluded_missing, j->bypassed);
}

/* ---- what is recorded */

/*
 * A process that was stopped with a packet in its hands records it when it is
 * continued. Where its number has gone on so far that the descriptor was
 * written again, that is a later packet: one for each such process.
 */
static bool was_woken(struct judge *j, const struct record *a, const struct record *b) {
    for (unsigned i = 0; i < j->c->blow_count; i++) {
        struct blow *blow = &j->c->blows[i];
        if (!blow->woken || (blow->worker != a->worker && blow->worker != b->worker) ||
            a->frame < blow->first || a->frame > blow->last)
            continue;
        blow->woken = false;
        j->v->late++;
        exclude(j, a->flow);
        exclude(j, b->flow);
        return true;
    }
    return false;
}

/*
 * One of two rows of a frame is left: that of the process that came after.
 * The other is of one that died with the packet in its hands, or was stopped
 * then, and in that case is wherever it went on.
 */
static void judge_doubles(struct judge *j) {
    struct records *r = &j->records;
    size_t kept = 0;
    uint64_t again = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct record *row = &r->rows[i], *before = kept == 0 ? NULL : &r->rows[kept - 1];
        bool flagged = (row->flags & RECORD_REDELIVERED) != 0;
        again += flagged;
        if (row->frame == 0 || row->frame > j->total)
            FAULT(j, row->frame, "frame %" PRIu64 " of %" PRIu64, row->frame, j->total);
        if (flagged && !was_touched(j, row->worker, row->frame, row->frame))
            FAULT(j, row->frame,
                  "frame %" PRIu64 " came again to worker %u, to which nothing was done",
                  row->frame, row->worker);
        if (before == NULL || before->frame != row->frame) {
            r->rows[kept++] = *row;
            continue;
        }
        bool was = (before->flags & RECORD_REDELIVERED) != 0;
        bool fine = flagged != was && before->worker == row->worker && before->flow == row->flow &&
                    before->seq == row->seq;
        if (!fine && !forgiven(j, row->frame, row) && !was_woken(j, before, row))
            FAULT(j, row->frame, "frame %" PRIu64 " was delivered twice, to workers %u and %u%s",
                  row->frame, before->worker, row->worker, was ? ", flagged each time" : "");
        if (flagged)
            *before = *row;
    }
    r->count = kept;
    if (again > j->v->redelivered)
        FAULT(j, 0, "%" PRIu64 " rows are flagged redelivered, the ledger has %" PRIu64, again,
              j->v->redelivered);
}

/* Two rows of a flow that follow each other by frame, `between` quarantined ones apart. */
static void judge_step(struct judge *j, const struct record *before, const struct record *row,
                       uint32_t between) {
    if (tuple_of(j, before->frame) != tuple_of(j, row->frame))
        FAULT(j, row->frame, "frames %" PRIu64 " and %" PRIu64 " of two tuples have flow %" PRIu64,
              before->frame, row->frame, row->flow);
    if (row->seq != before->seq + 1 + between)
        FAULT(j, row->frame,
              "flow %" PRIu64 ", frame %" PRIu64 ": sequence %u after %u, %u quarantined",
              row->flow, row->frame, row->seq, before->seq, between);
    if (row->worker == before->worker && row->line <= before->line)
        FAULT(j, row->frame,
              "flow %" PRIu64 ": worker %u had frame %" PRIu64 " before frame %" PRIu64, row->flow,
              row->worker, row->frame, before->frame);
    if (row->worker != before->worker && !may_leave(j, before->worker, before->frame, row->frame))
        FAULT(j, row->frame,
              "flow %" PRIu64 ": frame %" PRIu64 " on worker %u, frame %" PRIu64
              " on worker %u, though the first was not lost",
              row->flow, before->frame, before->worker, row->frame, row->worker);
    if ((row->flags & (RECORD_START | RECORD_GAP)) != 0)
        FAULT(j, row->frame, "flow %" PRIu64 ", frame %" PRIu64 ": flags %#x in mid-flow",
              row->flow, row->frame, row->flags);
}

/* A flow's rows, by frame. */
static void judge_flow(struct judge *j, const struct record *rows, size_t count, size_t *q) {
    uint64_t seen[CHAOS_NUMBERS] = {0};
    bool touched = false;
    for (size_t i = 0; i < count; i++) {
        const struct record *row = &rows[i];
        uint32_t between = 0;
        for (; *q < j->quarantined_count &&
               (j->quarantined[*q].flow < row->flow ||
                (j->quarantined[*q].flow == row->flow && j->quarantined[*q].frame < row->frame));
             ++*q)
            between += j->quarantined[*q].flow == row->flow;
        touched = touched || between != 0; /* by a worker of which it may have no row */
        if (i == 0 &&
            (row->seq != between || ((row->flags & RECORD_START) != 0) != (row->seq == 0)))
            FAULT(j, row->frame,
                  "flow %" PRIu64 " begins with frame %" PRIu64 ", sequence %u, flags %#x",
                  row->flow, row->frame, row->seq, row->flags);
        if (i != 0)
            judge_step(j, row - 1, row, between);
        /* Also where the flow has been elsewhere meanwhile. */
        if (row->line < seen[row->worker])
            FAULT(j, row->frame, "flow %" PRIu64 ": frame %" PRIu64 " too early on worker %u",
                  row->flow, row->frame, row->worker);
        seen[row->worker] = row->line;
        touched = touched || was_touched(j, row->worker, rows[0].frame, rows[count - 1].frame);
    }
    j->v->flows++;
    if (touched)
        return;
    j->v->untouched_flows++;
    for (size_t i = 0; i < count; i++)
        if (rows[i].worker != rows[0].worker || (rows[i].flags & RECORD_REDELIVERED) != 0)
            FAULT(j, rows[0].frame,
                  "flow %" PRIu64 " was touched, to whose worker %u nothing was done", rows[0].flow,
                  rows[0].worker);
}

static void leave_out(struct judge *j) {
    struct records *r = &j->records;
    size_t kept = 0;
    sort_excluded(j);
    j->v->excluded_flows = j->excluded_count;
    for (size_t i = 0; i < r->count; i++)
        if (!is_excluded(j, r->rows[i].flow))
            r->rows[kept++] = r->rows[i];
    r->count = kept;
}

/* Of packets in quarantine nothing more is asked: who died with one may have recorded it. */
static void drop_quarantined(struct judge *j) {
    struct records *r = &j->records;
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++)
        if (!is_quarantined(j, r->rows[i].frame))
            r->rows[kept++] = r->rows[i];
    r->count = kept;
}

static void judge_flows(struct judge *j) {
    struct records *r = &j->records;
    size_t first = 0, q = 0;
    sort_quarantined(j, by_flow);
    records_by_flow_and_frame(r);
    for (size_t i = 1; i <= r->count; i++) {
        if (i < r->count && r->rows[i].flow == r->rows[first].flow)
            continue;
        judge_flow(j, &r->rows[first], i - first, &q);
        first = i;
    }
}

void chaos_judge(struct chaos *c, struct verdict *verdict) {
    struct judge j = {.c = c, .v = verdict};
    *verdict = (struct verdict){0};
    read_log(&j);
    note_unasked(&j);
    judge_report(&j);
    records_read(&j.records, file_in(c->t, "rec"));
    trace_read(&j.trace, file_in(c->t, "t.pcap"));
    sort_quarantined(&j, by_frame);
    records_by_frame(&j.records);
    sort_held(&j);
    judge_coverage(&j);
    judge_doubles(&j);
    leave_out(&j);
    drop_quarantined(&j);
    judge_flows(&j);
    trace_free(&j.trace);
    records_free(&j.records);
    free(j.quarantined);
    free(j.bypasses);
    free(j.excluded);
}
