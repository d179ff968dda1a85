/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/fuzz/flows_model.h"

/*
 * The input is a program that drives the flow table, its timers and the handles
 * of two workers, as the loop does, and their model. Keys are decoded from
 * frames, in both directions.
 */
#define TALKERS 24u /* hosts times ports */
#define STEPS_BETWEEN_LOOKS 8u
#define NEVER_BYTE 250u

/* By the first byte of an operation, modulo the sum of all. */
enum operation {
    PACKET = 12,
    TICK = 15,
    LEAP = 16,
    EXPIRE = 18,
    END = 19,
    POP = 22,
    GIVE = 25,
    LOSE = 26,
    END_ALL
};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    fuzz_abort_on_failure();
    return 0;
}

/* A second is a tick. */
static void begin(struct fuzz_input *in) {
    struct flow_timeouts timeouts;
    uint32_t max_flows = 1 + fuzz_below(in, MOST_FLOWS);
    unsigned unit = fuzz_below(in, 2) ? 1 : 60; /* wide slots of a wheel, too */
    for (unsigned class = 0; class < FLOW_CLASS_COUNT; class ++) {
        unsigned n = fuzz_byte(in);
        timeouts.seconds[class] = n >= NEVER_BYTE ? FLOW_TIMEOUT_NEVER : 1 + n * unit;
    }
    memset(handle_tables, 0, sizeof handle_tables);
    for (unsigned k = 0; k < WORKERS; k++)
        handles_init(&handles[k], handle_tables[k], HANDLES);
    assert_int_equal(flows_init(&flows, &(struct flows_config){.max_flows = max_flows,
                                                               .timeouts = &timeouts,
                                                               .ticks_per_second = 1,
                                                               .hugepages = FB_HUGEPAGES_NEVER,
                                                               .handles = by_worker}),
                     0);
    flows.hash.secret[0] = 1; /* the same every time, so that what fails can be repeated */
    flows.hash.secret[1] = 2;
    memset(model, 0, sizeof model);
    memset(model_handles, 0, sizeof model_handles);
    memset(model_ended, 0, sizeof model_ended);
    model_created = batch = 0;
}

/* ---- ends ---- */

/* What the model has and the table has no more: at most so many ended, for the reason found. */
static unsigned find_ended(enum fb_end_reason (*judge)(const struct model_flow *)) {
    unsigned ended = 0;
    batch++;
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (!model[i].alive || flows_by_id(&flows, model[i].id) != NO_FLOW)
            continue;
        model_end(&model[i], judge(&model[i]));
        ended++;
    }
    return ended;
}

static enum fb_end_reason was_due(const struct model_flow *m) {
    assert_true(model_timeout(m) != FLOW_TIMEOUT_NEVER && flows.now - m->last >= model_timeout(m));
    return flow_expiry_reason(model_class(m));
}

static enum fb_end_reason was_the_least_valuable(const struct model_flow *victim) {
    unsigned place = 0, of_class = 0;
    bool oldest = true;
    while (flow_eviction_order[place] != model_class(victim))
        place++;
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (!model[i].alive)
            continue;
        for (unsigned k = 0; k < place; k++)
            assert_int_not_equal(model_class(&model[i]), flow_eviction_order[k]);
        if (model_class(&model[i]) == model_class(victim)) {
            of_class++;
            oldest = oldest && victim->last <= model[i].last;
        }
    }
    assert_true(oldest || of_class > CANDIDATES);
    return FB_END_EVICTED;
}

static enum fb_end_reason at_the_end(const struct model_flow *m) {
    (void)m;
    return FB_END_SHUTDOWN;
}

/* An id comes out of its wheel at most a slot less one tick late. */
static void expire(void) {
    flows_expire(&flows);
    find_ended(was_due);
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        const struct model_flow *m = &model[i];
        uint32_t late = m->alive ? (1u << flows.wheels[model_class(m)].shift) - 1 : 0;
        if (m->alive && model_timeout(m) != FLOW_TIMEOUT_NEVER)
            assert_true(flows.now - m->last < model_timeout(m) + late);
    }
}

static void end_one(struct model_flow *m, enum fb_end_reason reason) {
    flows_end(&flows, flows_by_id(&flows, m->id), reason);
    assert_int_equal(flows_by_id(&flows, m->id), NO_FLOW);
    batch++;
    model_end(m, reason);
}

static bool pop(unsigned worker) {
    struct pending_end end;
    if (!handles_pop_end(&handles[worker], &end)) {
        assert_int_equal(model_uses(worker, HANDLE_PENDING), 0);
        return false;
    }
    flows.ends_pending--; /* as who stages it does */
    model_pop(worker, &end);
    return true;
}

static bool give_back(unsigned worker) {
    for (uint32_t i = 0; i < HANDLES; i++) {
        if (model_handles[worker][i].use != HANDLE_ENDING)
            continue;
        handles_give_back(&handles[worker], i);
        model_handles[worker][i].use = HANDLE_FREE;
        return true;
    }
    return false;
}

static void lose(struct fuzz_input *in) {
    unsigned worker = fuzz_below(in, WORKERS);
    bool stopped = fuzz_below(in, 4) == 0; /* the clock cannot step */
    flows_lose(&flows, worker, stopped ? 0 : flows.now);
    flows.now += !stopped;
    flows.ends_pending -= handles[worker].pending;
    handles_reset(&handles[worker]);
    model_lose(worker);
}

/* ---- packets ---- */

static void put_talker(uint8_t *address, uint8_t *port, unsigned talker) {
    address[3] = (uint8_t)(1 + talker / 4);
    port[1] = (uint8_t)(1 + talker % 4);
}

static struct packet make_frame(unsigned from, unsigned to, bool tcp, unsigned flags, bool data) {
    struct packet f = tcp ? tcp4() : udp4();
    uint8_t *ip = f.bytes + ETHERNET, *transport = ip + IP4;
    put_talker(ip + 12, transport, from);
    put_talker(ip + 16, transport + 2, to);
    transport[0] = transport[2] = 0x40;
    if (tcp) {
        transport[13] = (uint8_t)flags;
        ip[3] = (uint8_t)(data ? 44 : 40);
    }
    return f;
}

/* The decoder orders by address, then by port: so do the numbers. */
static struct talk talk_of(unsigned from, unsigned to, bool tcp) {
    return (struct talk){(uint8_t)(from < to ? from : to), (uint8_t)(from < to ? to : from), tcp};
}

static void bind(struct model_flow *m, uint32_t flow, uint8_t worker) {
    while (handles[worker].bound + handles[worker].pending + model_uses(worker, HANDLE_ENDING) ==
           HANDLES)
        if (!give_back(worker))
            pop(worker);
    flows_bind(&flows, flow, worker);
    model_bind(m, &flows.table.entries[flow]);
}

static struct model_flow *create(uint64_t hash, const struct decoded *d, struct talk talk,
                                 bool from_high, uint32_t *flow) {
    bool full = model_alive() == flows.table.capacity;
    *flow = flows_create(&flows, hash, &d->key, d->swapped, d->proto, d->tcp_flags, d->payload_len);
    assert_int_equal(find_ended(was_the_least_valuable), full);
    struct model_flow *m = model_add();
    *m = (struct model_flow){
        .alive = true,
        .talk = talk,
        .first_from_high = from_high,
        .state = flow_state_first(&flows.rules, d->proto, d->tcp_flags, d->payload_len),
        .last = flows.now,
        .id = flow_table_id(&flows.table, *flow)};
    model_created++;
    return m;
}

static bool is_over(const struct model_flow *m, unsigned tcp_flags, enum fb_end_reason *reason) {
    *reason = flow_expiry_reason(model_class(m));
    if (model_timeout(m) != FLOW_TIMEOUT_NEVER && flows.now - m->last >= model_timeout(m))
        return true;
    *reason = FB_END_REUSED;
    return flow_syn_meaning(&flows.rules, m->state, tcp_flags) == FLOW_SYN_REUSE;
}

static void touch(struct model_flow *m, uint32_t flow, const struct decoded *d, bool from_high) {
    struct flow_entry *entry = &flows.table.entries[flow];
    unsigned dir = d->swapped != ((entry->key.word[4] & FLOW_FIRST_SWAPPED) != 0);
    assert_int_equal(dir, from_high != m->first_from_high);
    flows_forget_lost(&flows, entry);
    flows_touch(&flows, flow, dir, d->tcp_flags, d->payload_len);
    m->state = flow_state_next(&flows.rules, m->state, dir, d->tcp_flags, d->payload_len);
    m->last = flows.now;
}

static void packet(struct fuzz_input *in) {
    static const struct decode_options options;
    unsigned from = fuzz_below(in, TALKERS), to = fuzz_below(in, TALKERS);
    unsigned how = fuzz_byte(in), flags = fuzz_byte(in) & 0x17u;
    bool tcp = how & 1;
    if (from == to) /* has no direction */
        return;
    struct talk talk = talk_of(from, to, tcp);
    struct packet f = make_frame(from, to, tcp, flags, how & 2);
    struct decoded d;
    decode(f.bytes, f.n, LINK_ETHERNET, &options, &d);
    assert_int_equal(d.reason, FB_DECODE_OK);
    uint64_t hash = key_hash_one(&flows.hash, &d.key);
    uint32_t flow = flow_table_find(&flows.table, hash, &d.key);
    struct model_flow *m = model_find(talk);
    assert_int_equal(flow == NO_FLOW, m == NULL);
    if (m != NULL) {
        enum fb_end_reason reason, expected;
        assert_true(flow_table_id(&flows.table, flow) == m->id);
        bool over = is_over(m, d.tcp_flags, &expected);
        assert_int_equal(flow_expired(&flows, &flows.table.entries[flow], d.tcp_flags, &reason),
                         over);
        if (over) {
            assert_int_equal(reason, expected);
            end_one(m, reason);
            m = NULL;
        }
    }
    if (m != NULL)
        touch(m, flow, &d, from > to);
    else
        m = create(hash, &d, talk, from > to, &flow);
    if (!m->bound && (how & 12) != 0) /* else it was dropped */
        bind(m, flow, (how & 16) != 0);
}

/* ---- the program ---- */

static void end_any(struct fuzz_input *in) {
    struct model_flow *m = &model[fuzz_below(in, MOST_FLOWS)];
    if (m->alive)
        end_one(m, (enum fb_end_reason)fuzz_below(in, FB_END_WORKER_LOST));
}

static void end_all(struct fuzz_input *in) {
    uint32_t from = 0, count = 1 + fuzz_below(in, 8);
    while (flows_end_all(&flows, &from, count))
        find_ended(at_the_end);
    find_ended(at_the_end);
    assert_int_equal(flow_table_live(&flows.table), 0);
}

static void step(struct fuzz_input *in) {
    unsigned operation = fuzz_below(in, END_ALL + 1);
    if (operation < PACKET)
        packet(in);
    else if (operation < TICK)
        flows.now += 1 + fuzz_below(in, 4);
    else if (operation < LEAP)
        flows.now += fuzz_16(in);
    else if (operation < EXPIRE)
        expire();
    else if (operation < END)
        end_any(in);
    else if (operation < POP)
        pop(fuzz_below(in, WORKERS));
    else if (operation < GIVE)
        give_back(fuzz_below(in, WORKERS));
    else if (operation < LOSE)
        lose(in);
    else
        end_all(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, data + size};
    begin(&in);
    for (unsigned i = 0; fuzz_more(&in); i++) {
        step(&in);
        if (i % STEPS_BETWEEN_LOOKS == 0)
            compare_flows();
    }
    compare_flows();
    for (unsigned k = 0; k < WORKERS; k++)
        while (pop(k))
            ;
    compare_flows();
    flows_fini(&flows);
    return 0;
}
