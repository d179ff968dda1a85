/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/screen.h"

#include "flow_balancer/common/log.h"

#ifdef FB_HAVE_CURSES

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"

#include "shm/view/scene.h"

#include <curses.h>
#include <term.h>
/* Of term.h: names that we use for something else. */
#undef columns
#undef lines

static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
#define SIGNALS (sizeof signals / sizeof *signals)

static volatile sig_atomic_t end_asked, draw_asked;
static sigset_t waiting_mask; /* as it was before */
static SCREEN *terminal;
static attr_t styles[FRAME_STYLES];

const char *screen_version(void) {
    return FB_HAVE_CURSES;
}

/* ---- signals */

static void on_end(int signo) {
    (void)signo;
    end_asked = 1;
}

static void on_draw(int signo) {
    (void)signo;
    draw_asked = 1;
}

/* Only in screen_wait(), where ncurses does nothing: so it may be called from here. */
static void on_stop(int signo) {
    int saved = errno;
    struct sigaction stop = {.sa_handler = SIG_DFL}, own;
    sigset_t unblocked, blocked;
    endwin();
    sigaction(signo, &stop, &own);
    sigemptyset(&unblocked);
    sigaddset(&unblocked, signo);
    raise(signo);
    sigprocmask(SIG_UNBLOCK, &unblocked, &blocked); /* here it stops, and later goes on */
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    sigaction(signo, &own, NULL);
    draw_asked = 1;
    errno = saved;
}

static void take_signals(void) {
    sigset_t block;
    sigemptyset(&block);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaddset(&block, signals[i]);
    sigprocmask(SIG_BLOCK, &block, &waiting_mask);
    for (size_t i = 0; i < SIGNALS; i++) {
        struct sigaction action = {.sa_handler = on_end}, before;
        if (signals[i] == SIGTSTP)
            action.sa_handler = on_stop;
        else if (signals[i] == SIGCONT || signals[i] == SIGWINCH)
            action.sa_handler = on_draw;
        sigfillset(&action.sa_mask);
        sigaction(signals[i], NULL, &before);
        if (signals[i] != SIGTSTP || before.sa_handler != SIG_IGN) /* a shell without jobs */
            sigaction(signals[i], &action, NULL);
        sigdelset(&waiting_mask, signals[i]);
    }
}

/* ---- open and close */

/* Whether a terminal of that kind can show pictures; else says why. */
static bool kind_can_show(const char *kind) {
    int found;
    if (kind == NULL || kind[0] == '\0') {
        fb_error("--watch: TERM is not set: set it to the kind of this terminal, such as 'xterm', "
                 "or give -1 for one picture as text");
        return false;
    }
    if (setupterm(NULL, STDOUT_FILENO, &found) != OK) {
        fb_error("--watch: TERM '%s' is not known here: set it to one that is, such as 'xterm', "
                 "install ncurses-term, or give -1 for one picture as text",
                 kind);
        return false;
    }
    bool can = cursor_address != NULL && clear_screen != NULL;
    del_curterm(cur_term);
    if (!can)
        fb_error("--watch: a terminal of TERM '%s' cannot place the cursor: use another one, or "
                 "give -1 for one picture as text",
                 kind);
    return can;
}

static bool can_show(void) {
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return kind_can_show(getenv("TERM"));
    fb_error("--watch: standard %s is not a terminal: run it on one, or give -1 for one picture as "
             "text",
             isatty(STDOUT_FILENO) ? "input" : "output");
    return false;
}

static attr_t style_of(short pair, short color, attr_t attributes) {
    if (init_pair(pair, color, -1) != OK)
        return attributes;
    return attributes | (attr_t)COLOR_PAIR(pair);
}

/* https://no-color.org: NO_COLOR that is set, and not empty. */
static void choose_styles(void) {
    const char *no_color = getenv("NO_COLOR");
    styles[FRAME_BOLD] = A_BOLD;
    styles[FRAME_TITLE] = A_REVERSE;
    styles[FRAME_GOOD] = A_NORMAL;
    styles[FRAME_WARN] = styles[FRAME_BAD] = A_BOLD;
    if ((no_color != NULL && no_color[0] != '\0') || !has_colors() || start_color() != OK ||
        use_default_colors() != OK)
        return;
    styles[FRAME_GOOD] = style_of(1, COLOR_GREEN, A_NORMAL);
    styles[FRAME_WARN] = style_of(2, COLOR_YELLOW, A_BOLD);
    styles[FRAME_BAD] = style_of(3, COLOR_RED, A_BOLD);
}

/* The terminal's size as it is now. */
static void resize(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 && size.ws_col != 0)
        resizeterm(size.ws_row, size.ws_col);
}

bool screen_open(void) {
    if (!can_show())
        return false;
    take_signals(); /* first: ncurses leaves a signal alone that has a handler */
    terminal = newterm(NULL, stdout, stdin);
    if (terminal == NULL) {
        fb_error("--watch: ncurses cannot use this terminal, of TERM '%s'", getenv("TERM"));
        return false;
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    curs_set(0);
    choose_styles();
    resize(); /* whatever LINES and COLUMNS say */
    return true;
}

void screen_close(void) {
    if (terminal == NULL)
        return;
    endwin();
    delscreen(terminal);
    terminal = NULL;
}

/* ---- show */

void screen_size(unsigned *columns, unsigned *lines) {
    *columns = COLS > 0 ? (unsigned)COLS : 0;
    *lines = LINES > 0 ? (unsigned)LINES : 0;
}

static void draw_line(int y, const struct frame_line *line) {
    for (unsigned x = 0; x < line->length;) {
        unsigned end = x + 1;
        while (end < line->length && line->styles[end] == line->styles[x])
            end++;
        attrset((int)styles[line->styles[x]]);
        mvaddnstr(y, (int)x, line->text + x, (int)(end - x));
        x = end;
    }
    attrset(A_NORMAL);
}

void screen_draw(const struct frame *frame, bool all) {
    erase();
    for (unsigned i = 0; i < frame->count && (int)i < LINES; i++)
        draw_line((int)i, &frame->lines[i]);
    if (all)
        clearok(stdscr, TRUE);
    refresh();
}

/* ---- wait */

static int key_of(int key) {
    switch (key) {
    case KEY_UP:
        return SCENE_KEY_UP;
    case KEY_DOWN:
        return SCENE_KEY_DOWN;
    case KEY_PPAGE:
        return SCENE_KEY_PAGE_UP;
    case KEY_NPAGE:
        return SCENE_KEY_PAGE_DOWN;
    case KEY_HOME:
        return SCENE_KEY_HOME;
    case KEY_END:
        return SCENE_KEY_END;
    case KEY_ENTER:
        return '\n';
    default:
        return key;
    }
}

enum screen_event screen_wait(uint64_t until_ns, int *key) {
    for (;;) {
        *key = getch();
        if (*key != ERR && *key != KEY_RESIZE) {
            *key = key_of(*key);
            return SCREEN_KEY;
        }
        uint64_t now_ns = fb_now_ns();
        struct timespec left = fb_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        int ready = ppoll(&input, 1, &left, &waiting_mask);
        if (end_asked != 0 || (ready > 0 && (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0))
            return SCREEN_END;
        if (draw_asked != 0) {
            draw_asked = 0;
            resize();
            return SCREEN_RESIZED;
        }
        if (ready == 0)
            return SCREEN_TIME;
    }
}

#else

const char *screen_version(void) {
    return NULL;
}

bool screen_open(void) {
    fb_error("--watch: this flow-stat was built without ncurses: install libncurses-dev and build "
             "it again, or give -1 for one picture as text");
    return false;
}

void screen_close(void) {
}

void screen_size(unsigned *columns, unsigned *lines) {
    *columns = *lines = 0;
}

void screen_draw(const struct frame *frame, bool all) {
    (void)frame;
    (void)all;
}

enum screen_event screen_wait(uint64_t until_ns, int *key) {
    (void)until_ns;
    *key = 0;
    return SCREEN_END;
}

#endif
