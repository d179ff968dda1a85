/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/ring_look.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "flow_balancer/common/grouped.h"
#include "flow_balancer/life.h"
#include "flow_balancer/ring.h"

static const char *const status_names[FB_STATUS_COUNT] = {
    [FB_STATUS_VACANT] = "vacant",
    [FB_STATUS_STARTING] = "starting",
    [FB_STATUS_READY] = "ready",
    [FB_STATUS_LEFT] = "left",
};
static const char *const command_names[] = {
    [FB_COMMAND_RUN] = "run",
    [FB_COMMAND_STOP] = "stop",
    [FB_COMMAND_LEAVE] = "leave",
};

const char *ring_status_name(uint32_t worker_status) {
    return worker_status < FB_STATUS_COUNT ? status_names[worker_status] : "unknown";
}

const char *ring_command_name(uint32_t command) {
    return command < sizeof command_names / sizeof *command_names ? command_names[command]
                                                                  : "unknown";
}

/* Two looks, and what is said of them. */
struct said {
    char *text;
    const struct ring_look *before, *now;
};

/* Always true, so that what was said ends the search. */
__attribute__((format(printf, 2, 3))) static bool tell(struct said *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(s->text, RING_MEANING_MAX, format, args);
    va_end(args);
    return true;
}

static struct fb_grouped waiting_text(const struct ring_look *look) {
    return fb_grouped(ring_waiting(look));
}

static const char *packets(uint64_t count) {
    return count == 1 ? "packet" : "packets"; /* and ends of flows */
}

/* Whether the worker, the same one, has finished nothing between the two looks. */
static bool has_not_moved(const struct said *s) {
    return s->before->up_epoch == s->now->up_epoch && s->before->consumed == s->now->consumed &&
           s->before->cursor == s->now->cursor;
}

static double apart_s(const struct said *s) {
    return (double)(s->now->taken_ns - s->before->taken_ns) / 1e9;
}

/* ---- what the words may not be */

static bool cursor_is_valid(const struct ring_look *look) {
    uint64_t ahead = ring_cursor_seq(look) - look->consumed;
    return ahead < ring_waiting(look) ||
           (ahead == ring_waiting(look) && !ring_cursor_is_busy(look));
}

/* One look may have a consumed that is younger than its cursor, since nothing orders the two loads,
 * and a published that is much younger than both. */
static bool say_invalid(struct said *s) {
    const struct ring_look *n = s->now;
    if (!n->has_up)
        return tell(s, "there is no up side: it is being replaced, or was removed or cut short");
    if (ring_waiting(n) > n->slots && ring_waiting(s->before) > s->before->slots)
        return tell(s,
                    "consumed is beyond published, or more than a ring before it: the worker broke "
                    "the protocol, or its down side is another's");
    if (!cursor_is_valid(n) && !cursor_is_valid(s->before))
        return tell(s, "the cursor is not between consumed and published: the worker broke the "
                       "protocol");
    if (n->worker_status >= FB_STATUS_COUNT)
        return tell(s, "the worker status is none that the protocol knows: the worker broke the "
                       "protocol");
    return false;
}

/* ---- without a process */

static bool say_unclaimed(struct said *s) {
    const struct ring_look *n = s->now;
    uint64_t waiting = ring_waiting(n);
    if (n->locked)
        return false;
    if (n->worker_status == FB_STATUS_VACANT)
        return tell(s, "it is offered: %s %s for a process to take the number",
                    waiting_text(n).text, waiting == 1 ? "packet waits" : "packets wait");
    if (n->worker_status == FB_STATUS_LEFT)
        return tell(s, "its process has left cleanly, with %s %s waiting", waiting_text(n).text,
                    packets(waiting));
    if (ring_cursor_is_busy(n))
        return tell(s,
                    "its process is dead: it died while it inspected %s, and %s %s, that one "
                    "included",
                    fb_grouped(ring_cursor_seq(n)).text, waiting_text(n).text,
                    waiting == 1 ? "waits" : "wait");
    return tell(s, "its process is dead: it died between two packets, and %s %s",
                waiting_text(n).text, waiting == 1 ? "waits" : "wait");
}

/* ---- with one that is not to go on */

static bool say_leaving(struct said *s) {
    const struct ring_look *n = s->now;
    if (n->up_epoch != n->down_epoch)
        return tell(s,
                    "its process is revoked: epoch %" PRIu64 " may read on and it is of %" PRIu64
                    "; it has not left yet",
                    n->down_epoch, n->up_epoch);
    if (n->worker_status == FB_STATUS_STARTING)
        return tell(s, "its process starts, and has not said that it is ready; %s %s",
                    waiting_text(n).text, ring_waiting(n) == 1 ? "packet waits" : "packets wait");
    if (n->command == FB_COMMAND_STOP)
        return tell(s, "it is told to stop after what is published: %s %s left",
                    waiting_text(n).text, packets(ring_waiting(n)));
    if (n->command == FB_COMMAND_LEAVE)
        return tell(s, "it is told to leave after this burst; %s %s for the next process",
                    waiting_text(n).text, ring_waiting(n) == 1 ? "packet waits" : "packets wait");
    return false;
}

/* ---- at work, or not */

static bool say_asleep(struct said *s) {
    const struct ring_look *n = s->now;
    uint64_t waiting = ring_waiting(n);
    if (n->parked == 0)
        return false;
    if (waiting == 0)
        return tell(s, "it sleeps, and nothing waits: idle");
    if (has_not_moved(s) && s->before->parked != 0 && ring_waiting(s->before) != 0)
        return tell(
            s,
            "parked with %s %s waiting, and not awake after %.1f s: its process is stopped, "
            "or a wake was lost (doorbell %s)",
            waiting_text(n).text, packets(waiting), apart_s(s),
            s->before->doorbell == n->doorbell ? "has not moved" : "has moved");
    return tell(s, "parked with %s %s waiting: a wake is due (for %u of them, or after %u us)",
                waiting_text(n).text, packets(waiting), FB_WAKE_WAITING,
                (unsigned)(FB_WAKE_DELAY_NS / 1000));
}

static bool say_stuck(struct said *s) {
    const struct ring_look *n = s->now;
    if (!has_not_moved(s) || ring_waiting(n) == 0 || ring_waiting(s->before) == 0)
        return false;
    if (!ring_cursor_is_busy(n))
        return tell(s,
                    "%s %s waiting, and none was begun for %.1f s: its process is stopped, or gets "
                    "no CPU",
                    waiting_text(n).text, packets(ring_waiting(n)), apart_s(s));
    double age_s = (double)(n->taken_ns - n->cursor_published_ns) / 1e9;
    char since[48] = "";
    if (n->cursor_published_ns != 0 && n->cursor_published_ns < n->taken_ns)
        snprintf(since, sizeof since, ", which was published %.1f s ago", age_s);
    return tell(s,
                "the cursor has been at packet %s for %.1f s at least%s: a slow inspection, or it "
                "hangs; %s %s waiting",
                fb_grouped(ring_cursor_seq(n)).text, apart_s(s), since, waiting_text(n).text,
                packets(ring_waiting(n)));
}

static bool say_working(struct said *s) {
    const struct ring_look *n = s->now;
    uint64_t done = ring_cursor_seq(n) - ring_cursor_seq(s->before); /* consumed goes by bursts */
    if (n->up_epoch != s->before->up_epoch || done > UINT64_MAX / 2)
        done = 0;
    if (ring_waiting(n) == 0)
        return tell(s, "it is awake and has finished all: it polls, or is about to sleep");
    if (n->depth != 0 && ring_waiting(n) >= n->depth)
        return tell(s, "it works, and the ring is full: %s finished in %.1f s",
                    fb_grouped(done).text, apart_s(s));
    return tell(s, "it works: %s finished in %.1f s, %s waiting", fb_grouped(done).text, apart_s(s),
                waiting_text(n).text);
}

void ring_say(char text[RING_MEANING_MAX], const struct ring_look *before,
              const struct ring_look *look) {
    struct said s = {text, before, look};
    (void)(say_invalid(&s) || say_unclaimed(&s) || say_leaving(&s) || say_asleep(&s) ||
           say_stuck(&s) || say_working(&s));
}
