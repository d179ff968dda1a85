/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/loop.h"

#include "worker/consumer/consumer_parts.h"

#define WAIT_MS 100u /* for packets, at most: then what else is to be done is looked at */
/* Between two tries of an inspector that cannot write: doubled from the first to the last. */
#define OUTPUT_PAUSE_FIRST_MS 1u
#define OUTPUT_PAUSE_MOST_MS 100u

/* An event that an inspector did not take, with the result rc. Returns 0 once all of them did, or
 * why the loop must end. */
static int try_again(struct worker_loop *loop, const struct fb_event *event, int rc) {
    unsigned pause_ms = OUTPUT_PAUSE_FIRST_MS;
    for (; rc == FB_OUTPUT_FAILED; rc = inspection_event(loop->inspection, event)) {
        int ended = fb_consumer_retry(loop->consumer, pause_ms);
        if (ended != 0)
            return ended;
        pause_ms = pause_ms * 2 < OUTPUT_PAUSE_MOST_MS ? pause_ms * 2 : OUTPUT_PAUSE_MOST_MS;
    }
    return rc == 0 ? 0 : LOOP_FAILED;
}

/* How long the next wait for packets may take. */
static int wait_ms(const struct worker_loop *loop) {
    uint64_t next_ns = inspection_next_tick(loop->inspection);
    uint64_t now_ns = fb_consumer_now(loop->consumer);
    if (next_ns <= now_ns)
        return 1;
    uint64_t ms = (next_ns - now_ns) / 1000000 + 1;
    return ms < WAIT_MS ? (int)ms : (int)WAIT_MS;
}

/* Between two bursts. Returns 0, or why the loop must end. */
static int look_after_inspectors(struct worker_loop *loop) {
    int asked = *loop->reload_asked;
    if (asked != loop->reloads) {
        loop->reloads = asked;
        consumer_count_reload(loop->consumer, inspection_reload(loop->inspection) != 0);
    }
    return inspection_tick(loop->inspection, fb_consumer_now(loop->consumer)) == 0 ? 0
                                                                                   : LOOP_FAILED;
}

int worker_loop_run(struct worker_loop *loop) {
    for (;;) {
        int taken = fb_consumer_burst(loop->consumer, wait_ms(loop));
        if (taken < 0)
            return taken;
        /* Not behind the burst: it may have shown that another process has the number. */
        int ended = look_after_inspectors(loop);
        const struct fb_event *event;
        while (ended == 0 && taken > 0 && (event = fb_consumer_step(loop->consumer)) != NULL) {
            int rc = inspection_event(loop->inspection, event);
            if (__builtin_expect(rc != 0, 0))
                ended = try_again(loop, event, rc);
        }
        if (ended != 0)
            return ended;
    }
}
