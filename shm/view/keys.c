/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/scene.h"

enum { ESCAPE = 27 };

static void move(struct scene_settings *settings, const struct layout *layout, long by) {
    long cursor = (long)layout->cursor + by;
    settings->cursor = cursor > 0 ? (unsigned)cursor : 0;
    settings->offset = layout->offset;
}

/* Another page begins at its top. */
static void turn_to(struct scene_settings *settings, enum scene_page page) {
    settings->page = page;
    settings->cursor = settings->offset = 0;
}

static enum scene_action open_worker(struct scene_settings *settings, const struct layout *layout) {
    if (settings->page != PAGE_ALL) {
        turn_to(settings, PAGE_ALL);
        return SCENE_DRAW;
    }
    if (layout->worker < 0)
        return SCENE_NOTHING;
    settings->worker = (unsigned)layout->worker;
    turn_to(settings, PAGE_WORKER);
    return SCENE_DRAW;
}

static enum scene_action scroll(struct scene_settings *settings, const struct layout *layout,
                                int key) {
    long page = layout->page > 1 ? (long)layout->page - 1 : 1, all = (long)layout->body.count;
    switch (key) {
    case SCENE_KEY_UP:
        move(settings, layout, -1);
        return SCENE_DRAW;
    case SCENE_KEY_DOWN:
        move(settings, layout, 1);
        return SCENE_DRAW;
    case SCENE_KEY_PAGE_UP:
        move(settings, layout, -page);
        return SCENE_DRAW;
    case SCENE_KEY_PAGE_DOWN:
        move(settings, layout, page);
        return SCENE_DRAW;
    case SCENE_KEY_HOME:
        move(settings, layout, -all);
        return SCENE_DRAW;
    case SCENE_KEY_END:
        move(settings, layout, all);
        return SCENE_DRAW;
    default:
        return SCENE_NOTHING;
    }
}

enum scene_action scene_press(struct scene *scene, const struct layout *layout, int key) {
    struct scene_settings *settings = &scene->settings;
    switch (key) {
    case 'q':
        return SCENE_QUIT;
    case ' ':
    case 'p':
        settings->paused = !settings->paused;
        return SCENE_DRAW;
    case 's':
        settings->sort = (settings->sort + 1) % SORTS;
        return SCENE_DRAW;
    case 'r':
        scene_reset(scene);
        return SCENE_DRAW;
    case 'h':
    case '?':
        turn_to(settings, settings->page == PAGE_HELP ? PAGE_ALL : PAGE_HELP);
        return SCENE_DRAW;
    case '\n':
    case '\r':
    case 'd':
        return open_worker(settings, layout);
    case ESCAPE:
        turn_to(settings, PAGE_ALL);
        return SCENE_DRAW;
    case SCENE_KEY_REDRAW:
        return SCENE_DRAW;
    default:
        return scroll(settings, layout, key);
    }
}
