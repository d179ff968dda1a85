/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_FRAME_H
#define SHM_VIEW_FRAME_H

#include <stdbool.h>

/*
 * A picture as lines of text, for a terminal or a file: it knows neither. Each character is one
 * printable one of ASCII and takes one column; anything else that is added, such as a control
 * character from shared memory, becomes '?'. A style is never all that tells something: there is
 * a word or a sign as well.
 */
#define FRAME_COLUMNS_MAX 512u

enum frame_style {
    FRAME_PLAIN,
    FRAME_BOLD,
    FRAME_TITLE,
    FRAME_GOOD,
    FRAME_WARN,
    FRAME_BAD,
    FRAME_STYLES
};

struct frame_line {
    char text[FRAME_COLUMNS_MAX + 1];
    unsigned char styles[FRAME_COLUMNS_MAX]; /* enum frame_style, of each character */
    unsigned length;
    int worker; /* whose line it is, or -1 */
    bool title; /* of the lines below it */
};

/* Zero before its first use. */
struct frame {
    struct frame_line *lines;
    unsigned count, room;
    unsigned width;          /* at most FRAME_COLUMNS_MAX: what is beyond it is cut off */
    struct frame_line spare; /* what is written to once memory ran out */
};

/* Makes it empty. */
void frame_begin(struct frame *frame, unsigned width);
void frame_free(struct frame *frame);

/* Begins an empty line. */
struct frame_line *frame_new_line(struct frame *frame);

/* Adds a line that is the title of those below it. */
void frame_add_title(struct frame *frame, const char *text);

/* Adds to the last line. */
void frame_add(struct frame *frame, enum frame_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds blanks to the last line until it has that many columns. */
void frame_pad(struct frame *frame, unsigned columns);

/* Cuts the last line to so many columns. */
void frame_cut(struct frame *frame, unsigned columns);

/* How many columns are left in the last line. */
unsigned frame_left(const struct frame *frame);

/* Adds lines with words, which are parted by blanks; the second and all others are indented. */
void frame_add_words(struct frame *frame, enum frame_style style, unsigned indent,
                     const char *words);

/* Adds a copy of a line of another frame, cut to this one's width. */
void frame_copy_line(struct frame *frame, const struct frame_line *line);

#endif
