/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/fuzz/flows_model.h"
#include "tests/lib/frames.h"

/*
 * dispatcher/flows/flows.c: the input is a program that drives the flow table,
 * its timers and the handles of two workers, as the data path does, and their
 * model. Keys are decoded from frames, in both directions.
 */
#define TALKERS 24u /* hosts times ports */
#define STEPS_BETWEEN_LOOKS 8u
#define NEVER_BYTE 250u

static struct flows_model model; /* made again for each input */

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
    for (unsigned class = 0; class < FLOW_CLASSES_NAMED; class ++) {
        unsigned n = fuzz_byte(in);
        timeouts.seconds[class] = n >= NEVER_BYTE ? FLOW_TIMEOUT_NEVER : 1 + n * unit;
    }
    flows_model_make(&model, max_flows, &timeouts);
    model.flows.hash.secret[0] = 1; /* the same every time, so that what fails can be repeated */
    model.flows.hash.secret[1] = 2;
}

/* ---- ends ---- */

/* What the model has and the table has no more: at most so many ended, for the reason found. */
static unsigned find_ended(enum fb_end_reason (*judge)(const struct model_flow *)) {
    unsigned ended = 0;
    model.batch++;
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (!model.model_flows[i].alive ||
            flows_by_id(&model.flows, model.model_flows[i].id) != NO_FLOW)
            continue;
        flows_model_end(&model, &model.model_flows[i], judge(&model.model_flows[i]));
        ended++;
    }
    return ended;
}

static enum fb_end_reason was_due(const struct model_flow *m) {
    assert_true(flows_model_timeout(&model, m) != FLOW_TIMEOUT_NEVER &&
                model.flows.now - m->last >= flows_model_timeout(&model, m));
    return flow_expiry_reason(flows_model_class(&model, m));
}

static enum fb_end_reason was_the_least_valuable(const struct model_flow *victim) {
    unsigned place = 0, of_class = 0;
    bool oldest = true;
    while (flow_eviction_order[place] != flows_model_class(&model, victim))
        place++;
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        if (!model.model_flows[i].alive)
            continue;
        for (unsigned k = 0; k < place; k++)
            assert_int_not_equal(flows_model_class(&model, &model.model_flows[i]),
                                 flow_eviction_order[k]);
        if (flows_model_class(&model, &model.model_flows[i]) == flows_model_class(&model, victim)) {
            of_class++;
            oldest = oldest && victim->last <= model.model_flows[i].last;
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
    flows_expire(&model.flows);
    find_ended(was_due);
    for (unsigned i = 0; i < MOST_FLOWS; i++) {
        const struct model_flow *m = &model.model_flows[i];
        uint32_t late =
            m->alive ? (1u << model.flows.wheels[flows_model_class(&model, m)].shift) - 1 : 0;
        if (m->alive && flows_model_timeout(&model, m) != FLOW_TIMEOUT_NEVER)
            assert_true(model.flows.now - m->last < flows_model_timeout(&model, m) + late);
    }
}

static void end_one(struct model_flow *m, enum fb_end_reason reason) {
    flows_end(&model.flows, flows_by_id(&model.flows, m->id), reason);
    assert_int_equal(flows_by_id(&model.flows, m->id), NO_FLOW);
    model.batch++;
    flows_model_end(&model, m, reason);
}

static bool pop(unsigned worker) {
    struct pending_end end;
    if (!handles_pop_end(&model.handles[worker], &end)) {
        assert_int_equal(flows_model_uses(&model, worker, HANDLE_PENDING), 0);
        return false;
    }
    model.flows.ends_pending--; /* as who stages it does */
    flows_model_pop(&model, worker, &end);
    return true;
}

static bool give_back(unsigned worker) {
    for (uint32_t i = 0; i < HANDLES; i++) {
        if (model.model_handles[worker][i].use != HANDLE_ENDING)
            continue;
        handles_give_back(&model.handles[worker], i);
        model.model_handles[worker][i].use = HANDLE_FREE;
        return true;
    }
    return false;
}

static void lose(struct fuzz_input *in) {
    unsigned worker = fuzz_below(in, WORKERS);
    bool stopped = fuzz_below(in, 4) == 0; /* the clock cannot step */
    flows_lose(&model.flows, worker, stopped ? 0 : model.flows.now);
    model.flows.now += !stopped;
    model.flows.ends_pending -= model.handles[worker].pending;
    handles_reset(&model.handles[worker]);
    flows_model_lose(&model, worker);
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
    while (model.handles[worker].bound + model.handles[worker].pending +
               flows_model_uses(&model, worker, HANDLE_ENDING) ==
           HANDLES)
        if (!give_back(worker))
            pop(worker);
    flows_bind(&model.flows, flow, worker);
    flows_model_bind(&model, m, &model.flows.table.entries[flow]);
}

static struct model_flow *create(uint64_t hash, const struct decoded *d, struct talk talk,
                                 bool from_high, uint32_t *flow) {
    bool full = flows_model_alive(&model) == model.flows.table.capacity;
    *flow = flows_create(&model.flows, hash, &d->key, d->swapped, d->proto, d->tcp_flags,
                         d->payload_len);
    assert_int_equal(find_ended(was_the_least_valuable), full);
    struct model_flow *m = flows_model_add(&model);
    *m = (struct model_flow){
        .alive = true,
        .talk = talk,
        .first_from_high = from_high,
        .state = flow_state_first(&model.flows.rules, d->proto, d->tcp_flags, d->payload_len),
        .last = model.flows.now,
        .id = flow_table_id(&model.flows.table, *flow)};
    model.created++;
    return m;
}

static bool is_over(const struct model_flow *m, unsigned tcp_flags, enum fb_end_reason *reason) {
    *reason = flow_expiry_reason(flows_model_class(&model, m));
    if (flows_model_timeout(&model, m) != FLOW_TIMEOUT_NEVER &&
        model.flows.now - m->last >= flows_model_timeout(&model, m))
        return true;
    *reason = FB_END_REUSED;
    return flow_syn_meaning(&model.flows.rules, m->state, tcp_flags) == FLOW_SYN_REUSE;
}

static void touch(struct model_flow *m, uint32_t flow, const struct decoded *d, bool from_high) {
    struct flow_entry *entry = &model.flows.table.entries[flow];
    unsigned dir = d->swapped != ((entry->key.word[4] & FLOW_FIRST_SWAPPED) != 0);
    assert_int_equal(dir, from_high != m->first_from_high);
    flows_forget_lost(&model.flows, entry);
    flows_touch(&model.flows, flow, dir, d->tcp_flags, d->payload_len);
    m->state = flow_state_next(&model.flows.rules, m->state, dir, d->tcp_flags, d->payload_len);
    m->last = model.flows.now;
}

static void packet(struct fuzz_input *in) {
    static const struct decode_options options = {.ports = &decode_usual_ports};
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
    uint64_t hash = key_hash_one(&model.flows.hash, &d.key);
    uint32_t flow = flow_table_find(&model.flows.table, hash, &d.key);
    struct model_flow *m = flows_model_find(&model, talk);
    assert_int_equal(flow == NO_FLOW, m == NULL);
    if (m != NULL) {
        enum fb_end_reason reason, expected;
        assert_true(flow_table_id(&model.flows.table, flow) == m->id);
        bool over = is_over(m, d.tcp_flags, &expected);
        assert_int_equal(
            flow_expired(&model.flows, &model.flows.table.entries[flow], d.tcp_flags, &reason),
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
    struct model_flow *m = &model.model_flows[fuzz_below(in, MOST_FLOWS)];
    if (m->alive)
        end_one(m, (enum fb_end_reason)fuzz_below(in, FB_END_WORKER_LOST));
}

static void end_all(struct fuzz_input *in) {
    uint32_t from = 0, count = 1 + fuzz_below(in, 8);
    while (flows_end_all(&model.flows, &from, count))
        find_ended(at_the_end);
    find_ended(at_the_end);
    assert_int_equal(flow_table_live(&model.flows.table), 0);
}

static void step(struct fuzz_input *in) {
    unsigned operation = fuzz_below(in, END_ALL + 1);
    if (operation < PACKET)
        packet(in);
    else if (operation < TICK)
        model.flows.now += 1 + fuzz_below(in, 4);
    else if (operation < LEAP)
        model.flows.now += fuzz_16(in);
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
            flows_model_compare(&model);
    }
    flows_model_compare(&model);
    for (unsigned k = 0; k < WORKERS; k++)
        while (pop(k))
            ;
    flows_model_compare(&model);
    flows_fini(&model.flows);
    return 0;
}
