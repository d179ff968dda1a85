/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_SCENE_H
#define SHM_VIEW_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_balancer/names.h"

#include "shm/view/frame.h"
#include "shm/view/view.h"

/*
 * The terminal view without a terminal: what is shown, and the picture of it.
 *
 *   scene.c          what is taken from two reports: rows of workers, and what is remembered
 *   layout.c         which parts a picture of some size has, and what of them can be seen
 *   layout_parts.c   head, losses, and all that is below the workers
 *   layout_workers.c the table of workers
 *   layout_detail.c  one of them in detail; help
 *   notes.c          what is wrong, and what to do
 *   frame.c amount.c spread.c flow_text.c   lines, and what is written into them
 *   keys.c           what a key changes
 *   screen.c         ncurses: the only one that knows a terminal
 *   watch.c          looks, draws, waits; and -1
 *
 * All but the last two are pure: they read no clock and no shared memory.
 */

enum scene_sort { SORT_NUMBER, SORT_RATE, SORT_BACKLOG, SORT_SHARE, SORT_WAIT, SORTS };
extern const char *const scene_sort_names[SORTS];

enum scene_page { PAGE_ALL, PAGE_WORKER, PAGE_HELP };

/* What the user chose. */
struct scene_settings {
    enum scene_sort sort;
    enum scene_page page;
    unsigned worker; /* of PAGE_WORKER */
    bool paused;
    unsigned cursor; /* line of the part that scrolls */
    unsigned offset; /* its first line that is seen */
};

/* What is known of a worker number beyond the last two reports; of one dispatcher. */
struct scene_memory {
    struct {
        double peak;                          /* greatest backlog since the reset that was seen */
        double max_at_reset;                  /* what the report had as its maximum then */
        double restarts, hangs;               /* counts when the window began */
        double restarts_before, hangs_before; /* ... and when the one before it began */
    } workers[FB_MAX_WORKERS];
    uint64_t window_ns; /* when the window began */
    bool begun;
};

/* How long after a restart or a hang a note says so, at least; at most twice that. */
#define SCENE_WINDOW_NS UINT64_C(60000000000)

struct scene {
    const struct view *view; /* its reports */
    struct scene_settings settings;
    struct scene_memory memory;
    bool running;        /* else the reports are the last ones, or there are none */
    double absent_s;     /* for so long */
    const char *trouble; /* why there is no new report, or NULL */
    double interval_s;
};

/* The reports are new: takes what is to be remembered. new_dispatcher: forgets all before. */
void scene_take(struct scene *scene, bool new_dispatcher);

/* The maxima of the backlogs count from now on. */
void scene_reset(struct scene *scene);

/* One worker, made of two reports. Rates and times are -1 where they are not known. */
struct scene_worker {
    const json_t *now, *before; /* its objects; before may be NULL */
    unsigned number;
    const char *state;
    double packets_per_s, bits_per_s, dropped_per_s;
    double share;         /* of all packets inspected: of the last interval, or of the run */
    double waiting, peak; /* packets in its ring, and the most there were */
    double wait_p50_ns, wait_p99_ns, per_packet_ns;
    double restarted, hung; /* times in the window of memory */
    double key;             /* it is sorted by */
};

/* Fills workers[FB_MAX_WORKERS], sorted, without numbers that never had a worker; returns how many.
 */
unsigned scene_workers(const struct scene *scene, struct scene_worker *workers);

/* Growth a second of a number in two objects, -1 where there is no older one. */
double scene_rate(const struct scene *scene, const json_t *now, const json_t *before,
                  const char *key);

/* The same of the whole report, by path. */
double scene_per_s(const struct scene *scene, const char *path);

/* The same worker, which is at i in the report, in the one before; NULL: there is none. */
const json_t *scene_older(const struct scene *scene, size_t i, const json_t *worker);

/* A string of a report, or "". */
const char *scene_text(const json_t *report, const char *path);

/* ---- notes */

#define NOTES_MAX 32u
#define NOTE_MAX 320u

struct notes {
    unsigned count;
    struct note {
        bool bad; /* packets are lost, or soon will be; else worth knowing */
        char text[NOTE_MAX];
    } notes[NOTES_MAX];
};

/* The worst comes first. */
void notes_take(struct notes *notes, const struct scene *scene, const struct scene_worker *workers,
                unsigned count);

/* ---- layout */

/* A picture is no smaller. */
#define LAYOUT_COLUMNS_MIN 40u
#define LAYOUT_LINES_MIN 10u

struct layout {
    struct frame frame;
    struct frame body; /* what scrolls, whole */
    unsigned cursor;   /* as the settings should be: within the body */
    unsigned offset;
    unsigned page;      /* lines of the body that are seen */
    unsigned seen_from; /* the first line of the frame that is of the body */
    int worker;         /* whose line the cursor is in, or -1 */
};

/*
 * Makes the picture: of that many lines, the last one about keys; lines 0: of as many as it
 * needs, without keys and without a cursor. The layout is zero before its first use, and freed
 * with layout_free().
 */
void layout_make(struct layout *layout, const struct scene *scene, unsigned columns,
                 unsigned lines);
void layout_free(struct layout *layout);

/* Parts of it, which are added to a frame. */
void layout_head(struct frame *frame, const struct scene *scene);
void layout_losses(struct frame *frame, const struct scene *scene, bool compact);
void layout_flows(struct frame *frame, const struct scene *scene);
void layout_more(struct frame *frame, const struct scene *scene);
void layout_workers(struct frame *frame, const struct scene *scene,
                    const struct scene_worker *workers, unsigned count);
void layout_worker(struct frame *frame, const struct scene *scene,
                   const struct scene_worker *workers, unsigned count);
void layout_help(struct frame *frame);

/* ---- keys */

/* What a key does besides changing the settings. */
enum scene_action { SCENE_DRAW, SCENE_NOTHING, SCENE_QUIT };

/* Keys that are no characters. */
enum scene_key {
    SCENE_KEY_REDRAW = 12, /* Ctrl-L */
    SCENE_KEY_UP = 256,
    SCENE_KEY_DOWN,
    SCENE_KEY_PAGE_UP,
    SCENE_KEY_PAGE_DOWN,
    SCENE_KEY_HOME,
    SCENE_KEY_END
};

enum scene_action scene_press(struct scene *scene, const struct layout *layout, int key);

#endif
