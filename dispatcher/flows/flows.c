/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/flows.h"

#include <assert.h>
#include <string.h>

#include "flow_balancer/align.h"

/* Timers of a class that never times out stand this far behind a flow's last packet. */
#define NEVER_PACE_S 3600u
/* Flows that an eviction compares: what leads the wheel may have been used since its timer was set.
 */
#define EVICT_CANDIDATES 8u

static size_t links_offset(uint32_t max_flows) {
    return fb_align_up(flow_table_footprint(max_flows), 64);
}

static size_t pairs_offset(uint32_t max_flows) {
    return fb_align_up(links_offset(max_flows) + (size_t)max_flows * sizeof(struct timer_link), 64);
}

static size_t digests_offset(uint32_t max_flows) {
    return fb_align_up(pairs_offset(max_flows) + pairs_footprint(max_flows), 64);
}

int flows_init(struct flows *flows, const struct flows_config *config) {
    uint32_t max_flows = config->max_flows;
    memset(flows, 0, sizeof *flows);
    flows->handles = config->handles;
    flows->now = 1;
    int error = key_hash_init(&flows->hash);
    if (error != 0)
        return error;
    size_t size = digests_offset(max_flows);
    if (config->digests)
        size += (size_t)max_flows * sizeof(struct key_digest);
    error = fb_region_private(&flows->region, size, config->hugepages, true);
    if (error != 0)
        return error;
    flow_table_init(&flows->table, flows->region.base, max_flows);
    top_init(&flows->top, config->now_ns);
    flows->links =
        (struct timer_link *)(void *)((char *)flows->region.base + links_offset(max_flows));
    pairs_init(&flows->pairs, (char *)flows->region.base + pairs_offset(max_flows));
    if (config->digests)
        flows->digests =
            (struct key_digest *)(void *)((char *)flows->region.base + digests_offset(max_flows));
    flow_rules_init(&flows->rules, config->timeouts, config->ticks_per_second);
    for (unsigned class = 0; class < FLOW_CLASS_COUNT; class ++) {
        uint32_t timeout = flows->rules.timeout_ticks[class];
        flows->pace_ticks[class] =
            timeout == FLOW_TIMEOUT_NEVER ? NEVER_PACE_S * config->ticks_per_second : timeout;
        timer_wheel_init(&flows->wheels[class], flows->links, flows->pace_ticks[class], flows->now);
    }
    return 0;
}

void flows_fini(struct flows *flows) {
    fb_region_close(&flows->region);
}

static enum flow_class class_of(const struct flows *flows, uint32_t flow) {
    return flow_state_class(&flows->rules, flows->table.entries[flow].state);
}

/* Sets the timer of a flow that is in no wheel, by its last packet. */
static void arm(struct flows *flows, uint32_t flow, enum flow_class class) {
    uint32_t last = flows->table.entries[flow].last;
    uint32_t pace = flows->pace_ticks[class];
    timer_wheel_add(&flows->wheels[class], flow,
                    last > UINT32_MAX - pace ? UINT32_MAX : last + pace);
}

void flows_offer(struct flows *flows, uint32_t flow, uint32_t wirelen) {
    const struct fb_flow_key key = flows->digests != NULL
                                       ? flows_clear_key(flows, flow)
                                       : flow_plain_key(&flows->table.entries[flow]);
    top_offer(&flows->top, &flows->table, flow, &key, wirelen);
}

/* Ends a flow that is in no wheel. */
static void end_unarmed(struct flows *flows, uint32_t flow, enum fb_end_reason reason) {
    const struct flow_entry *entry = &flows->table.entries[flow];
    const struct fb_flow_key key = flow_plain_key(entry);
    if (entry->seq > TOP_FIRST_SAMPLE)
        top_end(&flows->top, &flows->table, flow);
    if (flow_state_is_connection(entry->state))
        pairs_end(&flows->pairs, flow, (entry->state & FLOW_REVERSE) != 0);
    if (flows_has_worker(flows, entry)) {
        handles_end(flows->handles[entry->worker], entry->handle, reason);
        flows->ends_pending++;
    } else {
        reason = FB_END_WORKER_LOST;
    }
    flow_table_remove(&flows->table, key_hash_one(&flows->hash, &key), flow);
    flows->ended[reason]++;
}

void flows_end(struct flows *flows, uint32_t flow, enum fb_end_reason reason) {
    timer_wheel_remove(&flows->wheels[class_of(flows, flow)], flow);
    end_unarmed(flows, flow, reason);
}

/* Of the first few in a wheel, set again by their last packets, the one that is idle longest. */
static uint32_t oldest_of_class(struct flows *flows, enum flow_class class) {
    struct timer_wheel *wheel = &flows->wheels[class];
    uint32_t oldest = NO_FLOW, first = NO_FLOW;
    for (unsigned i = 0; i < EVICT_CANDIDATES; i++) {
        uint32_t flow = timer_wheel_oldest(wheel);
        if (flow == TIMER_WHEEL_NO_ID || flow == first)
            break;
        if (first == NO_FLOW)
            first = flow;
        if (oldest == NO_FLOW ||
            flows->table.entries[flow].last < flows->table.entries[oldest].last)
            oldest = flow;
        timer_wheel_remove(wheel, flow);
        arm(flows, flow, class);
    }
    return oldest;
}

static void evict(struct flows *flows) {
    for (unsigned i = 0; i < FLOW_CLASS_COUNT; i++) {
        uint32_t flow = oldest_of_class(flows, flow_eviction_order[i]);
        if (flow != NO_FLOW) {
            flows_end(flows, flow, FB_END_EVICTED);
            return;
        }
    }
    assert(false); /* a full table has a flow in some wheel */
}

uint32_t flows_create(struct flows *flows, uint64_t hash, const struct fb_flow_key *key,
                      bool swapped, uint8_t proto, unsigned tcp_flags, uint32_t payload_len) {
    if (flow_table_full(&flows->table))
        evict(flows);
    uint32_t flow = flow_table_add(&flows->table, hash, key);
    struct flow_entry *entry = &flows->table.entries[flow];
    flow_set_bits(entry, swapped ? FLOW_FIRST_SWAPPED : 0);
    entry->last = flows->now;
    entry->state = flow_state_first(&flows->rules, proto, tcp_flags, payload_len);
    arm(flows, flow, class_of(flows, flow));
    pairs_begin(&flows->pairs, flow, flow_direction_is_guessed(proto, tcp_flags));
    flows->created++;
    if (flow_table_live(&flows->table) > flows->peak)
        flows->peak = flow_table_live(&flows->table);
    return flow;
}

void flows_bind(struct flows *flows, uint32_t flow, uint8_t worker) {
    struct flow_entry *entry = &flows->table.entries[flow];
    entry->worker = worker;
    entry->handle = handles_take(flows->handles[worker], flow_table_id(&flows->table, flow),
                                 &entry->generation);
    flows->handles[worker]->table[entry->handle].quarantined = (uint8_t)flow_quarantined(entry);
    flow_set_bits(entry, FLOW_BOUND);
}

void flows_lose(struct flows *flows, unsigned worker, uint32_t tick) {
    if (tick != 0) {
        flows->lost_ticks[worker] = tick;
        return;
    }
    struct flow_table *table = &flows->table;
    for (uint32_t flow = 0; flow < table->fresh; flow++) {
        if (table->entries[flow].worker == worker)
            flow_clear_bits(&table->entries[flow], FLOW_BOUND);
    }
}

uint32_t flows_by_id(const struct flows *flows, uint64_t flow_id) {
    uint32_t flow = (uint32_t)(flow_id % flows->table.capacity);
    return flow_is_live(&flows->table.entries[flow]) &&
                   flow_table_id(&flows->table, flow) == flow_id
               ? flow
               : NO_FLOW;
}

void flows_count_quarantined(struct flows *flows, uint64_t flow_id) {
    uint32_t flow = flows_by_id(flows, flow_id);
    if (flow == NO_FLOW)
        return;
    struct flow_entry *entry = &flows->table.entries[flow];
    if (flow_quarantined(entry) < FLOW_QUARANTINED_MOST)
        flow_add_quarantined(entry);
    if (flow_quarantined(entry) == FLOW_QUARANTINED_MOST)
        flow_set_bits(entry, FLOW_BYPASSED);
}

void flows_change_class(struct flows *flows, uint32_t flow, enum flow_class from,
                        enum flow_class to) {
    timer_wheel_remove(&flows->wheels[from], flow);
    arm(flows, flow, to);
}

void flows_expire(struct flows *flows) {
    uint32_t budget = FLOW_EXPIRE_BUDGET;
    /* Nothing that was armed since is due in the same tick: no timeout is below one. */
    if (flows->expired == flows->now)
        return;
    /* Each class leads in turn, or a flood that fills one would use up the budget of the others. */
    flows->expire_first = (flows->expire_first + 1) % FLOW_CLASS_COUNT;
    for (unsigned i = 0; i < FLOW_CLASS_COUNT; i++) {
        enum flow_class class = (enum flow_class)((flows->expire_first + i) % FLOW_CLASS_COUNT);
        uint32_t timeout = flows->rules.timeout_ticks[class];
        if (timeout == FLOW_TIMEOUT_NEVER)
            continue;
        uint32_t flow;
        while ((flow = timer_wheel_due(&flows->wheels[class], flows->now, &budget)) !=
               TIMER_WHEEL_NO_ID) {
            if (flows->now - flows->table.entries[flow].last >= timeout)
                end_unarmed(flows, flow, flow_expiry_reason(class));
            else
                arm(flows, flow, class);
        }
    }
    if (budget != 0)
        flows->expired = flows->now;
}

bool flows_end_all(struct flows *flows, uint32_t *from, uint32_t count) {
    const struct flow_table *table = &flows->table;
    for (; *from < table->fresh && count != 0; (*from)++) {
        if (!flow_is_live(&table->entries[*from]))
            continue;
        flows_end(flows, *from, FB_END_SHUTDOWN);
        count--;
    }
    return *from < table->fresh;
}
