/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/run_stage.h"

#include "flow_balancer/common/clock.h"

void run_stage_init(struct run_stages *p, uint64_t drain_ns) {
    *p = (struct run_stages){.stage = RUN_READING, .drain_ns = drain_ns, .deadline_ns = UINT64_MAX};
}

void run_stage_end(struct run_stages *p, uint64_t now_ns) {
    if (p->stage != RUN_READING)
        return;
    p->stage = RUN_ENDING;
    p->deadline_ns = fb_deadline_ns(now_ns, p->drain_ns);
}

bool run_stage_ask(struct run_stages *p, const struct run_asked *asked, uint64_t now_ns) {
    bool any = asked->signals != 0 || asked->stop || asked->now;
    bool first = any && (p->stage == RUN_READING || p->stage == RUN_ENDING);
    if (first) {
        p->stage = RUN_STOPPING;
        p->deadline_ns = fb_deadline_ns(now_ns, p->drain_ns);
    }
    if (p->stage != RUN_STOPPING)
        return first;
    if (asked->signals != 0 && p->signals == 0)
        p->signal_ns = now_ns;
    if (now_ns - p->signal_ns < STOP_SAME_NS)
        p->signals = asked->signals;
    if (asked->signals > p->signals || asked->now) {
        p->stage = RUN_HURRYING;
        p->hurried = true;
        p->deadline_ns = now_ns;
    }
    return first;
}

void run_stage_finished(struct run_stages *p, uint64_t finished, uint64_t now_ns) {
    if (p->stage != RUN_ENDING || finished == p->finished)
        return;
    p->finished = finished;
    p->deadline_ns = fb_deadline_ns(now_ns, p->drain_ns);
}

void run_stage_drained(struct run_stages *p) {
    p->stage = RUN_DRAINED;
}

void run_stage_skip_time(struct run_stages *p, uint64_t gap_ns) {
    if (p->stage == RUN_ENDING || p->stage == RUN_STOPPING)
        p->deadline_ns = fb_deadline_ns(p->deadline_ns, gap_ns);
}
