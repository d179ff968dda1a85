/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/frame.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64u

void frame_begin(struct frame *frame, unsigned width) {
    frame->count = 0;
    frame->width = width < FRAME_COLUMNS_MAX ? width : FRAME_COLUMNS_MAX;
}

void frame_free(struct frame *frame) {
    free(frame->lines);
    frame->lines = NULL;
    frame->count = frame->room = 0;
}

static bool make_room(struct frame *frame) {
    if (frame->count < frame->room)
        return true;
    unsigned room = frame->room == 0 ? FIRST_ROOM : 2 * frame->room;
    struct frame_line *lines = realloc(frame->lines, room * sizeof *lines);
    if (lines == NULL)
        return false;
    frame->lines = lines;
    frame->room = room;
    return true;
}

struct frame_line *frame_new_line(struct frame *frame) {
    struct frame_line *line = &frame->spare;
    if (make_room(frame))
        line = &frame->lines[frame->count++];
    line->text[0] = '\0';
    line->length = 0;
    line->worker = -1;
    line->title = false;
    return line;
}

static struct frame_line *last(struct frame *frame) {
    return frame->count != 0 ? &frame->lines[frame->count - 1] : &frame->spare;
}

unsigned frame_left(const struct frame *frame) {
    unsigned length =
        frame->count != 0 ? frame->lines[frame->count - 1].length : frame->spare.length;
    return length < frame->width ? frame->width - length : 0;
}

static void add_text(struct frame *frame, enum frame_style style, const char *text, size_t size) {
    struct frame_line *line = last(frame);
    for (size_t i = 0; i < size && line->length < frame->width; i++) {
        line->styles[line->length] = (unsigned char)style;
        line->text[line->length++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }
    line->text[line->length] = '\0';
}

void frame_add(struct frame *frame, enum frame_style style, const char *format, ...) {
    char text[FRAME_COLUMNS_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_text(frame, style, text, strlen(text));
}

void frame_add_title(struct frame *frame, const char *text) {
    frame_new_line(frame)->title = true;
    frame_add(frame, FRAME_TITLE, "%s", text);
}

void frame_pad(struct frame *frame, unsigned columns) {
    while (last(frame)->length < columns && frame_left(frame) > 0)
        add_text(frame, FRAME_PLAIN, " ", 1);
}

void frame_cut(struct frame *frame, unsigned columns) {
    struct frame_line *line = last(frame);
    if (line->length > columns)
        line->length = columns;
    line->text[line->length] = '\0';
}

void frame_add_words(struct frame *frame, enum frame_style style, unsigned indent,
                     const char *words) {
    frame_new_line(frame);
    for (unsigned used = 0; *words != '\0'; used++) {
        size_t size = strcspn(words, " ");
        if (used != 0 && size + 1 > frame_left(frame)) {
            frame_new_line(frame);
            frame_pad(frame, indent);
            used = 0;
        }
        if (used != 0)
            add_text(frame, style, " ", 1);
        add_text(frame, style, words, size);
        words += size + (words[size] == ' ');
    }
}

void frame_copy_line(struct frame *frame, const struct frame_line *line) {
    *frame_new_line(frame) = *line;
    frame_cut(frame, frame->width);
}
