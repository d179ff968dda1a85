/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_SCREEN_H
#define SHM_VIEW_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/view/frame.h"

/*
 * A terminal, by ncurses, which may be missing. From screen_open() to screen_close() it is in
 * another mode; whatever ends the program in order has to close it. Signals SIGINT, SIGQUIT,
 * SIGTERM, SIGHUP, SIGTSTP, SIGCONT and SIGWINCH are blocked but while screen_wait() waits, so that
 * none of them finds ncurses at work. One screen in a process.
 */

/* The version of ncurses, or NULL: it was missing when this was built. */
const char *screen_version(void);

/*
 * Takes over the terminal of standard input and output. Returns false after one logged line, and
 * the terminal is as it was: no ncurses, no terminal, or one that cannot place a cursor.
 */
bool screen_open(void);

/* Gives it back as it was. */
void screen_close(void);

/* How large it is now. */
void screen_size(unsigned *columns, unsigned *lines);

/* Shows a picture; all: also what should be on the screen already. */
void screen_draw(const struct frame *frame, bool all);

enum screen_event {
    SCREEN_KEY,
    SCREEN_RESIZED, /* or to be drawn again, after a stop */
    SCREEN_TIME,    /* it is that late */
    SCREEN_END,     /* a signal asked for the end, or the terminal is gone */
};

/* Waits until a time of CLOCK_MONOTONIC. *key: a character, or enum scene_key. */
enum screen_event screen_wait(uint64_t until_ns, int *key);

#endif
