/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/scene.h"

#include <stdio.h>
#include <string.h>

#include "shm/view/amount.h"

/* From so many lines on there is room for the ledger as a table, and for flows and pages. */
#define LINES_FOR_TABLE 18u
#define COLUMNS_FOR_TABLE 78u
/* One line of so many may be a note that is always seen. */
#define LINES_A_NOTE 8u

void layout_free(struct layout *layout) {
    frame_free(&layout->frame);
    frame_free(&layout->body);
}

/* ---- notes */

static void add_note(struct frame *frame, const struct note *note) {
    char text[NOTE_MAX + 2];
    snprintf(text, sizeof text, "%c %s", note->bad ? '!' : '*', note->text);
    frame_add_words(frame, note->bad ? FRAME_BAD : FRAME_WARN, 2, text);
}

/* As many as there is room for, the first always. Returns how many. */
static unsigned add_notes(struct layout *layout, const struct notes *notes, unsigned room) {
    struct frame *frame = &layout->frame;
    unsigned first = frame->count, shown = 0;
    for (; shown < notes->count; shown++) {
        unsigned before = frame->count;
        add_note(frame, &notes->notes[shown]);
        if (frame->count - first > room) {
            frame->count = shown == 0 ? first + room : before; /* the first is cut short */
            break;
        }
    }
    return shown;
}

/* ---- the part that scrolls */

static void make_body(struct layout *layout, const struct scene *scene,
                      const struct scene_worker *workers, unsigned count,
                      const struct notes *notes) {
    struct frame *body = &layout->body;
    frame_begin(body, layout->frame.width);
    if (scene->settings.page == PAGE_HELP) {
        layout_help(body);
    } else if (scene->settings.page == PAGE_WORKER) {
        layout_worker(body, scene, workers, count);
    } else {
        layout_workers(body, scene, workers, count);
        layout_more(body, scene);
    }
    if (notes == NULL || scene->settings.page != PAGE_ALL)
        return;
    frame_add_title(body, "notes");
    for (unsigned i = 0; i < notes->count; i++)
        add_note(body, &notes->notes[i]);
}

/* The title of a line of the body: itself, or one above it. */
static unsigned title_of(const struct frame *body, unsigned line) {
    while (line > 0 && !body->lines[line].title)
        line--;
    return line;
}

static void place_cursor(struct layout *layout, const struct scene_settings *settings) {
    unsigned count = layout->body.count, page = layout->page;
    unsigned last = count != 0 ? count - 1 : 0;
    layout->cursor = settings->cursor < 1 ? 1 : settings->cursor;
    layout->cursor = layout->cursor < last ? layout->cursor : last;
    unsigned offset = settings->offset < layout->cursor ? settings->offset : layout->cursor;
    if (offset > 0 && offset == layout->cursor)
        offset--; /* the first line may be covered by a title */
    if (layout->cursor >= offset + page)
        offset = layout->cursor + 1 - page;
    unsigned most = count > page ? count - page : 0;
    layout->offset = offset < most ? offset : most;
    layout->worker = count != 0 ? layout->body.lines[layout->cursor].worker : -1;
}

/* The first line that is seen makes way for the title of what follows it. */
static void add_body(struct layout *layout, bool cursor) {
    const struct frame *body = &layout->body;
    layout->seen_from = layout->frame.count;
    for (unsigned i = 0; i < layout->page && layout->offset + i < body->count; i++) {
        unsigned line = layout->offset + i;
        if (i == 0)
            line = title_of(body, line);
        frame_copy_line(&layout->frame, &body->lines[line]);
        struct frame_line *copy = &layout->frame.lines[layout->frame.count - 1];
        if (cursor && line == layout->cursor && copy->worker >= 0)
            copy->text[0] = '>';
    }
}

/* ---- the last line */

struct where {
    char text[96];
};

/* What of the body is seen, and in which order it is. */
static struct where where_of(const struct layout *layout, const struct scene *scene,
                             unsigned unseen_notes) {
    struct where out;
    char notes[24] = "", sort[24] = "";
    unsigned end = layout->offset + layout->page;
    end = end < layout->body.count ? end : layout->body.count;
    if (unseen_notes != 0)
        snprintf(notes, sizeof notes, "+%u note%s  ", unseen_notes, unseen_notes == 1 ? "" : "s");
    if (scene->settings.page == PAGE_ALL && layout->frame.width >= COLUMNS_FOR_TABLE)
        snprintf(sort, sizeof sort, "by %s  ", scene_sort_names[scene->settings.sort]);
    snprintf(out.text, sizeof out.text, "%s%s%u-%u/%u", notes, sort, layout->offset + 1, end,
             layout->body.count);
    return out;
}

static void add_keys(struct layout *layout, const struct scene *scene, unsigned unseen_notes) {
    static const char *const keys[] = {
        [PAGE_ALL] = "q quit  h help  Enter detail  s sort  p pause  r reset",
        [PAGE_WORKER] = "q quit  h help  Enter back",
        [PAGE_HELP] = "q quit  h back",
    };
    struct frame *frame = &layout->frame;
    struct where where = where_of(layout, scene, unseen_notes);
    const char *text = keys[scene->settings.page];
    unsigned used = (unsigned)strlen(where.text);
    if (used + 2 + strlen(text) > frame->width)
        text = "q quit  h help";
    frame_new_line(frame);
    frame_add(frame, FRAME_PLAIN, "%s", text);
    frame_cut(frame, frame->width - used - 1);
    frame_pad(frame, frame->width - used);
    frame_add(frame, unseen_notes != 0 ? FRAME_WARN : FRAME_PLAIN, "%s", where.text);
}

/* ---- the whole */

/* There has been no report yet. */
static void make_empty(struct layout *layout, const struct scene *scene, unsigned lines) {
    struct frame *frame = &layout->frame;
    char text[NOTE_MAX];
    snprintf(text, sizeof text,
             scene->trouble == NULL ? "instance '%s' is not running: waiting for it (%s)"
                                    : "instance '%s' cannot be looked at: tried again (%s)",
             scene->view->name, amount_uptime(scene->absent_s).text);
    frame_add_words(frame, FRAME_BOLD, 0, text);
    if (scene->trouble != NULL)
        frame_add_words(frame, FRAME_BAD, 2, scene->trouble);
    while (lines != 0 && frame->count + 1 < lines)
        frame_new_line(frame);
    frame_new_line(frame);
    frame_add(frame, FRAME_PLAIN, "q quit");
}

static void make_small(struct layout *layout, unsigned columns, unsigned lines) {
    char text[NOTE_MAX];
    snprintf(text, sizeof text, "this terminal has %ux%u, and %ux%u are needed", columns, lines,
             LAYOUT_COLUMNS_MIN, LAYOUT_LINES_MIN);
    frame_add_words(&layout->frame, FRAME_PLAIN, 0, text);
    if (layout->frame.count > lines)
        layout->frame.count = lines;
}

/* What is always seen. Returns how many notes are. */
static unsigned make_top(struct layout *layout, const struct scene *scene,
                         const struct notes *notes, unsigned lines) {
    struct frame *frame = &layout->frame;
    bool table = frame->width >= COLUMNS_FOR_TABLE && (lines == 0 || lines >= LINES_FOR_TABLE);
    layout_head(frame, scene);
    unsigned shown =
        add_notes(layout, notes, lines == 0 ? NOTES_MAX * LAYOUT_LINES_MIN : lines / LINES_A_NOTE);
    layout_losses(frame, scene, !table);
    if (lines == 0 || lines >= LINES_FOR_TABLE)
        layout_flows(frame, scene);
    return shown;
}

static void make_picture(struct layout *layout, const struct scene *scene, unsigned lines) {
    static struct scene_worker workers[FB_MAX_WORKERS]; /* rather than on the stack */
    struct notes notes;
    unsigned count = scene_workers(scene, workers);
    notes_take(&notes, scene, workers, count);
    unsigned shown = make_top(layout, scene, &notes, lines);
    make_body(layout, scene, workers, count, shown < notes.count ? &notes : NULL);
    layout->page = lines == 0 ? layout->body.count : lines - 1 - layout->frame.count;
    place_cursor(layout, &scene->settings);
    add_body(layout, lines != 0);
    if (lines == 0)
        return;
    while (layout->frame.count + 1 < lines)
        frame_new_line(&layout->frame);
    add_keys(layout, scene, notes.count - shown);
}

void layout_make(struct layout *layout, const struct scene *scene, unsigned columns,
                 unsigned lines) {
    frame_begin(&layout->frame, columns);
    frame_begin(&layout->body, columns);
    layout->cursor = layout->offset = layout->page = layout->seen_from = 0;
    layout->worker = -1;
    if (lines != 0 && (columns < LAYOUT_COLUMNS_MIN || lines < LAYOUT_LINES_MIN))
        make_small(layout, columns, lines);
    else if (scene->view->report == NULL)
        make_empty(layout, scene, lines);
    else
        make_picture(layout, scene, lines);
}
