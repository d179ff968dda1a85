/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include "shm/report/report_ids.h"

void fb_worker_totals_add(struct fb_worker_totals *totals, const struct fb_up *up) {
    for (unsigned i = 0; i < FB_WORKER_COUNT; i++)
        totals->counters[i] += fb_up_counter(up, (enum fb_worker_counter)i);
    fb_delay_counts_read(&totals->latency, &up->latency);
    fb_delay_counts_read(&totals->inspection, &up->inspection);
    fb_stats_add(&totals->stats, up);
    uint32_t status = fb_up_worker_status(up);
    if (status == FB_STATUS_VACANT)
        return;
    totals->left = status == FB_STATUS_LEFT;
    /* Relaxed: for display, and each is a fact of its own. */
    totals->cpu = fb_up_cpu(up);
    totals->numa_node = report_id(atomic_load_explicit(&up->numa_node, memory_order_relaxed));
}
