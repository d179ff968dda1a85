/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/delay.h"

static void add(uint64_t *to, uint64_t value) {
    if (__builtin_add_overflow(*to, value, to))
        *to = UINT64_MAX;
}

void fb_delay_counts_add(struct fb_delay_counts *to, const struct fb_delay_counts *from) {
    for (unsigned i = 0; i < FB_DELAY_BUCKETS; i++)
        add(&to->buckets[i], from->buckets[i]);
    add(&to->sum_ns, from->sum_ns);
}

void fb_delay_counts_read(struct fb_delay_counts *to, const struct fb_delays *from) {
    for (unsigned i = 0; i < FB_DELAY_BUCKETS; i++)
        add(&to->buckets[i], fb_delays_bucket(from, i));
    add(&to->sum_ns, fb_delays_sum_ns(from));
}
