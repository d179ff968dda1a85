/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/flows/top.h"

#include <string.h>

#define AGE_STEP_NS UINT64_C(100000000)
#define AGE_FACTOR 0.9801986733 /* exp(-0.1 s / 5 s) */
#define AGE_STEPS_MOST 2048u    /* after which nothing is left */
#define NO_SLOT TOP_SLOTS

void top_init(struct top *top, uint64_t now_ns) {
    memset(top, 0, sizeof *top);
    memset(top->run.flows, 0xff, sizeof top->run.flows);
    memset(top->now.flows, 0xff, sizeof top->now.flows);
    top->aged_ns = now_ns;
}

/* ---- one list -------------------------------------------------------------------------------- */

/* The slot of a flow, or NO_SLOT. Without a way out of the loop: so it is done four at a time. */
static unsigned find(const struct top_list *list, uint32_t flow) {
    uint32_t found = 0;
    if (list->alike[flow % TOP_NUMBERS] == 0)
        return NO_SLOT;
    for (uint32_t i = 0; i < TOP_SLOTS; i++)
        found |= list->flows[i] == flow ? i + 1 : 0;
    return found != 0 ? found - 1 : NO_SLOT;
}

/* The slot has a flow that was not seen to end: it did so just after its count was at 0 again. */
static bool is_other(const struct top_slot *slot, const struct flow_table *table, uint32_t flow) {
    return !flow_is_live(&table->entries[flow]) || flow_table_id(table, flow) != slot->id;
}

/* The slot has a flow from now on, or NO_FLOW. */
static void set_flow(struct top_list *list, unsigned i, uint32_t flow) {
    if (list->flows[i] != NO_FLOW)
        list->alike[list->flows[i] % TOP_NUMBERS]--;
    if (flow != NO_FLOW)
        list->alike[flow % TOP_NUMBERS]++;
    list->flows[i] = flow;
}

static void forget(struct top_list *list, unsigned i) {
    set_flow(list, i, NO_FLOW);
    list->slots[i].ended = true;
}

/* Takes the packets that the flow has by now, with so many not yet in its seq. Returns how many
 * came since the last time. */
static uint32_t count(struct top_slot *slot, const struct flow_entry *entry, uint32_t more) {
    uint32_t seq = entry->seq + more, came = seq - slot->seq;
    slot->packets += came;
    slot->seq = seq;
    slot->bound = flow_is_bound(entry);
    if (slot->bound)
        slot->worker = entry->worker;
    return came;
}

/* The same for the flow in a slot. 0: it has ended. */
static uint32_t count_slot(struct top_list *list, unsigned i, const struct flow_table *table,
                           uint32_t more) {
    uint32_t flow = list->flows[i];
    if (flow == NO_FLOW)
        return 0;
    if (!is_other(&list->slots[i], table, flow))
        return count(&list->slots[i], &table->entries[flow], more);
    forget(list, i);
    return 0;
}

static void sample(struct top_slot *slot, uint32_t wirelen) {
    slot->sampled_bytes += wirelen;
    slot->samples++;
}

/* A flow comes into a slot, with the packet of the sample. */
static void put(struct top_list *list, unsigned i, const struct flow_table *table, uint32_t flow,
                const struct fb_flow_key *key) {
    const struct flow_entry *entry = &table->entries[flow];
    set_flow(list, i, flow);
    list->slots[i] = (struct top_slot){
        .key = *key,
        .id = flow_table_id(table, flow),
        .packets = (uint64_t)entry->seq + 1,
        .seq = entry->seq + 1,
        .worker = entry->worker,
        .bound = flow_is_bound(entry),
        .first_swapped = flow_first_swapped(entry),
    };
}

/* The slot of a flow that is in the list; one that only has its entry has ended unseen. */
static unsigned find_own(struct top_list *list, const struct flow_table *table, uint32_t flow) {
    unsigned i = find(list, flow);
    if (i == NO_SLOT || !is_other(&list->slots[i], table, flow))
        return i;
    forget(list, i);
    return NO_SLOT;
}

/* ---- of the run ------------------------------------------------------------------------------ */

/* The slot with the least packets, as last counted. */
static unsigned smallest(const struct top_list *list) {
    unsigned least = 0;
    for (unsigned i = 1; i < list->used; i++) {
        if (list->slots[i].packets < list->slots[least].packets)
            least = i;
    }
    return least;
}

/* The slot for a flow that is not in the list, or NO_SLOT: it is not large enough. */
static unsigned room_in_run(struct top *top, uint64_t packets) {
    struct top_list *list = &top->run;
    if (list->used < TOP_SLOTS)
        return list->used++;
    unsigned i = smallest(list);
    top->least = list->slots[i].packets;
    return packets > top->least ? i : NO_SLOT;
}

static void offer_to_run(struct top *top, const struct flow_table *table, uint32_t flow,
                         const struct fb_flow_key *key, uint32_t wirelen) {
    struct top_list *list = &top->run;
    uint64_t packets = (uint64_t)table->entries[flow].seq + 1;
    if (packets <= top->least) /* what is in a full list has more: most flows need no search */
        return;
    unsigned i = find_own(list, table, flow);
    if (i != NO_SLOT) {
        count(&list->slots[i], &table->entries[flow], 1);
    } else {
        i = room_in_run(top, packets);
        if (i == NO_SLOT)
            return;
        put(list, i, table, flow, key);
    }
    sample(&list->slots[i], wirelen);
}

/* ---- now ------------------------------------------------------------------------------------- */

/* The recent packets of a slot have changed. */
static void note_least(struct top *top, unsigned i) {
    const double *recent = &top->recent[i / TOP_GROUP * TOP_GROUP];
    double least = recent[0];
    for (unsigned k = 1; k < TOP_GROUP; k++)
        least = recent[k] < least ? recent[k] : least;
    top->group_least[i / TOP_GROUP] = least;
}

static unsigned least_of(const double *values, unsigned count) {
    unsigned least = 0;
    for (unsigned i = 1; i < count; i++)
        least = values[i] < values[least] ? i : least;
    return least;
}

/* The slot with the least recent packets. */
static unsigned quietest(const struct top *top) {
    unsigned group = least_of(top->group_least, TOP_SLOTS / TOP_GROUP);
    return group * TOP_GROUP + least_of(&top->recent[group * TOP_GROUP], TOP_GROUP);
}

static void offer_to_now(struct top *top, const struct flow_table *table, uint32_t flow,
                         const struct fb_flow_key *key, uint32_t wirelen) {
    struct top_list *list = &top->now;
    unsigned i = find_own(list, table, flow);
    if (i != NO_SLOT) {
        top->recent[i] += count(&list->slots[i], &table->entries[flow], 1);
    } else {
        i = list->used < TOP_SLOTS ? list->used++ : quietest(top);
        put(list, i, table, flow, key);
        top->over[i] = top->recent[i]; /* 0 in a slot that was never used */
        top->recent[i] += table->entries[flow].seq == TOP_FIRST_SAMPLE ? TOP_FIRST_SAMPLE + 1
                                                                       : TOP_SAMPLE_PACKETS;
    }
    sample(&list->slots[i], wirelen);
    note_least(top, i);
}

static void fade(struct top *top) {
    for (unsigned i = 0; i < TOP_SLOTS; i++) {
        top->recent[i] *= AGE_FACTOR;
        top->over[i] *= AGE_FACTOR;
    }
    for (unsigned i = 0; i < TOP_SLOTS; i += TOP_GROUP)
        note_least(top, i);
    top->span_s = top->span_s * AGE_FACTOR + (double)AGE_STEP_NS / 1e9;
}

void top_age(struct top *top, uint64_t now_ns) {
    unsigned steps = 0;
    for (; now_ns - top->aged_ns >= AGE_STEP_NS && steps < AGE_STEPS_MOST; steps++) {
        fade(top);
        top->aged_ns += AGE_STEP_NS;
    }
    if (steps == AGE_STEPS_MOST)
        top->aged_ns = now_ns;
    top->since_s = (double)(now_ns - top->aged_ns) / 1e9;
}

/* Takes the packets of all flows that are alive. */
static void count_all(struct top *top, const struct flow_table *table) {
    for (unsigned i = 0; i < TOP_SLOTS; i++) {
        count_slot(&top->run, i, table, 0);
        top->recent[i] += count_slot(&top->now, i, table, 0);
    }
    for (unsigned i = 0; i < TOP_SLOTS; i += TOP_GROUP)
        note_least(top, i);
}

/* ---- both ------------------------------------------------------------------------------------ */

void top_offer(struct top *top, const struct flow_table *table, uint32_t flow,
               const struct fb_flow_key *key, uint32_t wirelen) {
    offer_to_run(top, table, flow, key, wirelen);
    offer_to_now(top, table, flow, key, wirelen);
}

void top_end(struct top *top, const struct flow_table *table, uint32_t flow) {
    unsigned run = find(&top->run, flow), now = find(&top->now, flow);
    if (run != NO_SLOT) {
        count_slot(&top->run, run, table, 0);
        forget(&top->run, run);
    }
    if (now != NO_SLOT) {
        top->recent[now] += count_slot(&top->now, now, table, 0);
        note_least(top, now);
        forget(&top->now, now);
    }
}

/* ---- what is told ---------------------------------------------------------------------------- */

static uint64_t rate(const struct top *top, double packets) {
    double span_s = top->span_s + top->since_s;
    return span_s > 0 ? (uint64_t)(packets / span_s + 0.5) : 0;
}

static uint64_t bytes(const struct top_slot *slot) {
    return (uint64_t)((double)slot->packets * (double)slot->sampled_bytes / (double)slot->samples +
                      0.5);
}

/* now: its slot among those of now, or NO_SLOT. */
static void tell(const struct top *top, const struct top_slot *slot, unsigned now,
                 struct fb_large_flow *out) {
    *out = (struct fb_large_flow){
        .key = slot->key,
        .sender = slot->first_swapped,
        .id = slot->id,
        .packets = slot->packets,
        .bytes = bytes(slot),
        .per_s = now == NO_SLOT ? 0 : rate(top, top->recent[now]),
        .over_per_s = now == NO_SLOT ? 0 : rate(top, top->over[now]),
        .worker = slot->bound ? slot->worker : FB_NO_WORKER,
        .ended = slot->ended,
    };
}

static unsigned find_id(const struct top_list *list, uint64_t id) {
    for (unsigned i = 0; i < list->used; i++) {
        if (list->slots[i].id == id)
            return i;
    }
    return NO_SLOT;
}

/* The numbers of `count` values, the largest first. By insertion: there are few, and seldom. */
static void sort(const double *values, unsigned count, uint8_t order[TOP_SLOTS]) {
    for (unsigned n = 0; n < count; n++) {
        unsigned at = n;
        for (; at > 0 && values[n] > values[order[at - 1]]; at--)
            order[at] = order[at - 1];
        order[at] = (uint8_t)n;
    }
}

void top_of_run(struct top *top, const struct flow_table *table,
                struct fb_large_flow out[FB_LARGE_FLOWS]) {
    double packets[TOP_SLOTS] = {0};
    uint8_t order[TOP_SLOTS];
    const struct top_list *list = &top->run;
    memset(out, 0, FB_LARGE_FLOWS * sizeof *out);
    count_all(top, table);
    for (unsigned i = 0; i < list->used; i++)
        packets[i] = (double)list->slots[i].packets;
    sort(packets, list->used, order);
    for (unsigned i = 0; i < list->used && i < FB_LARGE_FLOWS; i++) {
        const struct top_slot *slot = &list->slots[order[i]];
        tell(top, slot, find_id(&top->now, slot->id), &out[i]);
    }
}

void top_now(struct top *top, const struct flow_table *table,
             struct fb_large_flow out[FB_LARGE_FLOWS]) {
    uint8_t order[TOP_SLOTS];
    const struct top_list *list = &top->now;
    memset(out, 0, FB_LARGE_FLOWS * sizeof *out);
    count_all(top, table);
    sort(top->recent, list->used, order);
    for (unsigned i = 0, told = 0; i < list->used && told < FB_LARGE_FLOWS; i++) {
        unsigned slot = order[i];
        if (rate(top, top->recent[slot]) != 0) /* else it is none of now */
            tell(top, &list->slots[slot], slot, &out[told++]);
    }
}
