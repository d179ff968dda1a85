/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/scene.h"

#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/grouped.h"

#include "shm/view/amount.h"
#include "shm/view/spread.h"

#define BAR_WIDEST 60u

/* ---- bar */

/* A cell that is filled by half is '=', by less '-'. The most there was is '|'. */
static void add_bar(struct frame *frame, double waiting, double peak, double depth,
                    unsigned width) {
    unsigned cells = width - 2;
    double fill = depth > 0 ? waiting / depth : 0;
    double filled = (fill < 1 ? fill : 1) * cells;
    double high = depth > 0 ? peak / depth * cells : 0;
    enum frame_style style = fill >= 0.9 ? FRAME_BAD : fill >= 0.5 ? FRAME_WARN : FRAME_GOOD;
    frame_add(frame, FRAME_PLAIN, "[");
    for (unsigned i = 0; i < cells; i++) {
        double here = filled - i;
        bool is_high = high > 0 && (high >= cells ? i == cells - 1 : high >= i && high < i + 1);
        if (here >= 1 && !(is_high && here < 2 && high > filled))
            frame_add(frame, style, "#");
        else if (is_high)
            frame_add(frame, FRAME_BOLD, "|");
        else
            frame_add(frame, style, "%s", here <= 0 ? " " : here < 0.5 ? "-" : "=");
    }
    frame_add(frame, FRAME_PLAIN, "]");
}

/* ---- columns */

enum column_id {
    COLUMN_NUMBER,
    COLUMN_STATE,
    COLUMN_RATE,
    COLUMN_BITS,
    COLUMN_SHARE,
    COLUMN_WAITING,
    COLUMN_BAR,
    COLUMN_P50,
    COLUMN_P99,
    COLUMN_PER_PACKET,
    COLUMN_DROPPED,
    COLUMN_RESTARTS,
    COLUMN_HANGS,
    COLUMN_FLOWS,
    COLUMN_PID,
    COLUMN_CPU,
    COLUMN_NODE,
    COLUMNS
};

/* The bar gets what is left. rank: what has a higher one is left out first. */
static const struct column {
    const char *title;
    unsigned width;
    unsigned rank;
} columns[COLUMNS] = {
    [COLUMN_NUMBER] = {"#", 3, 0},        [COLUMN_STATE] = {"state", 8, 0},
    [COLUMN_RATE] = {"pkts/s", 6, 0},     [COLUMN_BITS] = {"bits/s", 6, 12},
    [COLUMN_SHARE] = {"share", 5, 3},     [COLUMN_WAITING] = {"waiting", 7, 2},
    [COLUMN_BAR] = {"ring fill", 10, 0},  [COLUMN_P50] = {"wait p50", 8, 11},
    [COLUMN_P99] = {"wait p99", 8, 1},    [COLUMN_PER_PACKET] = {"time/pkt", 8, 5},
    [COLUMN_DROPPED] = {"dropped", 7, 4}, [COLUMN_RESTARTS] = {"restarts", 8, 6},
    [COLUMN_HANGS] = {"hangs", 5, 8},     [COLUMN_FLOWS] = {"flows", 5, 13},
    [COLUMN_PID] = {"pid", 7, 7},         [COLUMN_CPU] = {"cpu", 3, 9},
    [COLUMN_NODE] = {"node", 4, 10},
};
#define RANKS 14u

/* Which columns a table of that width has, and how wide the bar is. */
struct table {
    bool shown[COLUMNS];
    unsigned bar;
};

static struct table choose(unsigned width, bool has_per_packet) {
    struct table table = {.bar = columns[COLUMN_BAR].width};
    unsigned used = 1;
    bool fits = true;
    for (unsigned rank = 0; rank < RANKS && fits; rank++) {
        for (unsigned i = 0; i < COLUMNS; i++) {
            if (columns[i].rank != rank || (i == COLUMN_PER_PACKET && !has_per_packet))
                continue;
            fits = fits && used + columns[i].width + 1 <= width + 1;
            table.shown[i] = fits;
            used += fits ? columns[i].width + 1 : 0;
        }
    }
    if (used < width + 1)
        table.bar += width + 1 - used;
    table.bar = table.bar < BAR_WIDEST ? table.bar : BAR_WIDEST;
    return table;
}

static bool has_per_packet(const struct scene_worker *workers, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (json_object_get(workers[i].now, "inspection") != NULL)
            return true;
    }
    return false;
}

static enum frame_style style_of_state(const char *state) {
    static const char *const bad[] = {"dead", "lost", "moving", "vacant"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (strcmp(state, bad[i]) == 0)
            return FRAME_BAD;
    }
    return strcmp(state, "ready") == 0 || strcmp(state, "finished") == 0 ? FRAME_GOOD : FRAME_WARN;
}

/* A processor, a node or a process, or "-". */
static struct amount id_text(const struct scene_worker *w, const char *key, double least) {
    struct amount out = {"-"};
    double id = view_number(w->now, key);
    if (id >= least && id < 1e9)
        snprintf(out.text, sizeof out.text, "%.0f", id);
    return out;
}

/* Of a column that has no style of its own. */
static struct amount column_text(const struct scene_worker *w, enum column_id column) {
    switch (column) {
    case COLUMN_RATE:
        return amount_of(w->packets_per_s);
    case COLUMN_BITS:
        return amount_of(w->bits_per_s);
    case COLUMN_SHARE:
        return amount_share(w->share, 1);
    case COLUMN_WAITING:
        return amount_of(w->waiting);
    case COLUMN_P50:
        return amount_ns(w->wait_p50_ns);
    case COLUMN_P99:
        return amount_ns(w->wait_p99_ns);
    case COLUMN_PER_PACKET:
        return amount_ns(w->per_packet_ns);
    case COLUMN_FLOWS:
        return amount_of(view_number(w->now, "flows_bound"));
    case COLUMN_PID:
        return id_text(w, "pid", 1);
    case COLUMN_CPU:
        return id_text(w, "cpu", 0);
    case COLUMN_NODE:
        return id_text(w, "numa_node", 0);
    default:
        return (struct amount){""};
    }
}

/* A count that is wrong when it grows. */
static void add_fault(struct frame *frame, const struct scene_worker *w, const char *key,
                      bool grows, int width) {
    frame_add(frame, grows ? FRAME_BAD : FRAME_PLAIN, "%*s", width,
              amount_of(view_number(w->now, key)).text);
}

static void add_column(struct frame *frame, const struct scene *scene, const struct scene_worker *w,
                       enum column_id column, unsigned bar) {
    int width = (int)columns[column].width;
    double depth = view_number(scene->view->report, "geometry.depth");
    switch (column) {
    case COLUMN_NUMBER:
        frame_add(frame, FRAME_BOLD, "%*u", width, w->number);
        break;
    case COLUMN_STATE:
        frame_add(frame, style_of_state(w->state), "%-*.*s", width, width, w->state);
        break;
    case COLUMN_BAR:
        add_bar(frame, w->waiting, w->peak, depth, bar);
        break;
    case COLUMN_DROPPED:
        add_fault(frame, w, "dropped", w->dropped_per_s > 0, width);
        break;
    case COLUMN_RESTARTS:
        add_fault(frame, w, "restarts", w->restarted > 0, width);
        break;
    case COLUMN_HANGS:
        add_fault(frame, w, "hangs", w->hung > 0, width);
        break;
    default:
        frame_add(frame, FRAME_PLAIN, "%*s", width, column_text(w, column).text);
        break;
    }
}

static void add_titles(struct frame *frame, const struct table *table) {
    frame_new_line(frame)->title = true;
    for (unsigned i = 0; i < COLUMNS; i++) {
        int width = (int)(i == COLUMN_BAR ? table->bar : columns[i].width);
        if (!table->shown[i])
            continue;
        bool left = i == COLUMN_STATE || i == COLUMN_BAR;
        frame_add(frame, FRAME_TITLE, left ? " %-*s" : " %*s", width, columns[i].title);
    }
}

void layout_workers(struct frame *frame, const struct scene *scene,
                    const struct scene_worker *workers, unsigned count) {
    struct table table = choose(frame->width, has_per_packet(workers, count));
    add_titles(frame, &table);
    for (unsigned k = 0; k < count; k++) {
        frame_new_line(frame)->worker = (int)workers[k].number;
        for (unsigned i = 0; i < COLUMNS; i++) {
            if (!table.shown[i])
                continue;
            frame_add(frame, FRAME_PLAIN, " ");
            add_column(frame, scene, &workers[k], i, table.bar);
        }
    }
    if (count == 0) {
        frame_new_line(frame);
        frame_add(frame, FRAME_WARN, "  there is no worker yet");
    }
}
