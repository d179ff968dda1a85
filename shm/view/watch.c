/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/view.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"

#include "shm/view/scene.h"
#include "shm/view/screen.h"

#define TEXT_COLUMNS 100u /* of a picture as text, where COLUMNS does not say */

const char *view_curses_version(void) {
    return screen_version();
}

/* A view that is looked at again and again. */
struct watch {
    struct view view;
    struct scene scene;
    struct layout layout;
    char logged[NOTE_MAX]; /* the last line while the screen is in use */
    uint64_t absent_since_ns;
};

/* A fb_log_sink: a line would be written across the picture. */
static void keep_line(void *arg, int level, const char *line) {
    struct watch *w = arg;
    (void)level;
    snprintf(w->logged, sizeof w->logged, "%s", line);
}

static void begin(struct watch *w, const struct view_options *options) {
    w->view.name = options->name;
    w->scene.view = &w->view;
    w->scene.interval_s = (double)options->interval_ns / 1e9;
    w->absent_since_ns = fb_now_ns();
}

static void end(struct watch *w) {
    view_leave(&w->view);
    layout_free(&w->layout);
}

static enum view_seen look(struct watch *w) {
    w->logged[0] = '\0';
    enum view_seen seen = view_look(&w->view);
    uint64_t now_ns = fb_now_ns();
    if (seen == VIEW_REPORT)
        scene_take(&w->scene, w->view.before == NULL);
    else if (w->scene.running)
        w->absent_since_ns = now_ns;
    w->scene.running = seen == VIEW_REPORT;
    w->scene.absent_s = (double)(now_ns - w->absent_since_ns) / 1e9;
    w->scene.trouble = w->logged[0] != '\0' ? w->logged : NULL;
    return seen;
}

/* ---- on a terminal */

static void draw(struct watch *w, bool all) {
    unsigned columns, lines;
    screen_size(&columns, &lines);
    layout_make(&w->layout, &w->scene, columns, lines);
    w->scene.settings.cursor = w->layout.cursor;
    w->scene.settings.offset = w->layout.offset;
    screen_draw(&w->layout.frame, all);
}

/* False: it is to end. */
static bool press(struct watch *w, int key) {
    enum scene_action action = scene_press(&w->scene, &w->layout, key);
    if (action == SCENE_DRAW)
        draw(w, key == SCENE_KEY_REDRAW);
    return action != SCENE_QUIT;
}

static void run_keys(struct watch *w, uint64_t interval_ns) {
    uint64_t due_ns = fb_now_ns() + interval_ns;
    look(w);
    draw(w, false);
    for (int key;;) {
        switch (screen_wait(due_ns, &key)) {
        case SCREEN_KEY:
            if (!press(w, key))
                return;
            break;
        case SCREEN_RESIZED:
            draw(w, true);
            break;
        case SCREEN_TIME:
            due_ns = fb_now_ns() + interval_ns;
            if (w->scene.settings.paused)
                break;
            look(w);
            draw(w, false);
            break;
        case SCREEN_END:
            return;
        }
    }
}

int view_watch(const struct view_options *options) {
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        fb_error("no memory for the view");
        return EXIT_FAILURE;
    }
    bool opened = screen_open();
    if (opened) {
        begin(w, options);
        fb_log_set_sink(keep_line, w);
        run_keys(w, options->interval_ns);
        screen_close();
        fb_log_set_sink(NULL, NULL);
        end(w);
    }
    free(w);
    return opened ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- as text */

static unsigned text_columns(void) {
    const char *text = getenv("COLUMNS");
    char *rest = NULL;
    long columns = text == NULL ? 0 : strtol(text, &rest, 10);
    if (columns < LAYOUT_COLUMNS_MIN || *rest != '\0')
        return TEXT_COLUMNS;
    return columns < FRAME_COLUMNS_MAX ? (unsigned)columns : FRAME_COLUMNS_MAX;
}

static int print_frame(const struct frame *frame) {
    for (unsigned i = 0; i < frame->count; i++)
        puts(frame->lines[i].text);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fb_error("cannot write to standard output");
    return EXIT_FAILURE;
}

static int show_once(struct watch *w, uint64_t interval_ns) {
    enum view_seen seen = look(w);
    if (seen == VIEW_ABSENT)
        view_say_absent(w->view.name);
    if (seen != VIEW_REPORT)
        return EXIT_FAILURE;
    struct timespec pause = fb_timespec(interval_ns);
    nanosleep(&pause, NULL);
    look(w); /* if it has ended meanwhile, the picture says so */
    layout_make(&w->layout, &w->scene, text_columns(), 0);
    return print_frame(&w->layout.frame);
}

int view_once(const struct view_options *options) {
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        fb_error("no memory for the view");
        return EXIT_FAILURE;
    }
    begin(w, options);
    int status = show_once(w, options->interval_ns);
    end(w);
    free(w);
    return status;
}
