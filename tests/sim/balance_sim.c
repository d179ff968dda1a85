/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/sim/balance_sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/flows/key_hash.h"
#include "tests/tools/tracegen_random.h"

#define ELEPHANT SIM_FLOWS /* its number, behind those of the others */
#define NOBODY WORKER_HEAP_NONE
#define ALPHA (TG_ALPHA_ONE * 12 / 10)
/* Of the flows alive: who lives as the square root of the size is met that much more often. */
#define ALPHA_ALIVE (ALPHA - TG_ALPHA_ONE / 2)
#define PACE_UNIT 16.0
#define BEGIN_NS 1e9         /* the balance takes 0 as no time at all */
#define WAIT_STEPS 8u        /* of the histogram of waits, in a unit of SIM_SERVICE_NS */
#define WAIT_BINS (1u << 17) /* 16,384 units: a full ring at a quarter of the speed */

struct flow {
    uint32_t left, pace;
    uint64_t hash;
    uint32_t worker; /* or NOBODY */
    bool begun;
};

struct packet {
    double arrived_ns, work_ns;
    uint64_t hash;
    uint32_t flow;
    bool first; /* of a flow */
};

struct worker {
    double speed;
    /* Numbers of packets: consumed <= done <= taken <= published <= staged. */
    uint64_t staged, published, taken, done, consumed;
    uint64_t seen;  /* consumed as the dispatcher knows it */
    uint64_t round; /* of the last look */
    bool touched;
    struct tg_random holds;
    double free_ns; /* when what is taken is done */
    uint64_t entered;
    double arrived_ns[SIM_RING], work_ns[SIM_RING], done_ns[SIM_RING];
};

/* What was measured, over all runs. */
struct tally {
    uint64_t entered, dropped, waited;
    double ahead_sum, wait_sum, share_max, work_max, ns_least, ns_most;
    uint64_t ahead[SIM_RING + 1], wait[WAIT_BINS];
};

struct sim {
    const struct sim_settings *settings;
    struct balance balance;
    struct tg_random random;
    struct tg_pareto sizes, sizes_alive;
    struct flow *flows;           /* SIM_FLOWS and the elephant, or those of the trace */
    uint32_t next;                /* packet of the trace */
    uint32_t tree[SIM_FLOWS + 1]; /* paces of the living flows, as sums over ranges */
    uint32_t pace_sum;
    double now_ns, gap_ns, measure_from_ns;
    uint64_t round;
    unsigned next_in_turn;
    bool measuring;
    struct packet burst[SIM_BURST];
    struct worker workers[SIM_WORKERS_MAX];
    struct tally *tally;
};

/* ---- Traffic ---- */

static double uniform(struct tg_random *random) {
    return ((double)(tg_random_next(random) >> 11) + 0.5) * 0x1p-53;
}

/* Fenwick's tree: an entry holds the sum of as many paces as its lowest set bit says. */
static void set_pace(struct sim *sim, uint32_t flow, uint32_t pace) {
    uint32_t change = pace - sim->flows[flow].pace; /* modulo 2^32 */
    for (uint32_t i = flow + 1; i <= SIM_FLOWS; i += i & -i)
        sim->tree[i] += change;
    sim->pace_sum += change;
    sim->flows[flow].pace = pace;
}

/* The flow in whose stretch of all paces, laid end to end, the point lies. */
static uint32_t flow_at(const struct sim *sim, uint32_t point) {
    uint32_t at = 0;
    for (uint32_t step = SIM_FLOWS; step > 0; step /= 2) {
        if (at + step <= SIM_FLOWS && sim->tree[at + step] <= point) {
            at += step;
            point -= sim->tree[at];
        }
    }
    return at;
}

static void new_flow(struct sim *sim, uint32_t flow, const struct tg_pareto *sizes) {
    uint32_t size = tg_pareto_draw(sizes, &sim->random, SIM_SMALLEST, SIM_LARGEST);
    sim->flows[flow].left = size;
    sim->flows[flow].hash = tg_random_next(&sim->random);
    sim->flows[flow].begun = false;
    set_pace(sim, flow, (uint32_t)(sqrt(size) * PACE_UNIT));
}

/* The flows alive at any moment, each somewhere on its way. */
static void begin_flows(struct sim *sim) {
    tg_pareto_init(&sim->sizes, ALPHA);
    tg_pareto_init(&sim->sizes_alive, ALPHA_ALIVE);
    for (uint32_t flow = 0; flow < SIM_FLOWS; flow++) {
        new_flow(sim, flow, &sim->sizes_alive);
        sim->flows[flow].left = 1 + tg_random_below(&sim->random, sim->flows[flow].left);
    }
    sim->flows[ELEPHANT].hash = tg_random_next(&sim->random);
}

static void hash_trace(struct sim *sim) {
    const struct balance_trace *trace = sim->settings->trace;
    uint64_t lower = tg_random_next(&sim->random), upper = tg_random_next(&sim->random);
    const struct key_hash hash = {.secret = {lower, upper}};
    for (uint32_t flow = 0; flow < trace->flows; flow++)
        sim->flows[flow].hash = key_hash_one(&hash, &trace->key[flow]);
}

static void begin_traffic(struct sim *sim, uint64_t seed) {
    tg_random_init(&sim->random, seed);
    if (sim->settings->trace != NULL)
        hash_trace(sim);
    else
        begin_flows(sim);
    double capacity = 0;
    for (unsigned k = 0; k < sim->settings->workers; k++)
        capacity += sim->settings->speed[k];
    sim->gap_ns = SIM_SERVICE_NS / (sim->settings->load * capacity);
    sim->now_ns = BEGIN_NS;
}

static void make_packet(struct sim *sim, struct packet *packet) {
    sim->now_ns -= log(uniform(&sim->random)) * sim->gap_ns;
    bool elephant = uniform(&sim->random) < sim->settings->elephant;
    uint32_t at = elephant ? ELEPHANT : flow_at(sim, tg_random_below(&sim->random, sim->pace_sum));
    struct flow *flow = &sim->flows[at];
    packet->arrived_ns = sim->now_ns;
    packet->work_ns = SIM_SERVICE_NS * (0.5 + uniform(&sim->random));
    packet->flow = at;
    packet->hash = flow->hash;
    packet->first = !flow->begun;
    flow->begun = true;
    if (!elephant && --flow->left == 0)
        new_flow(sim, at, &sim->sizes);
}

static void replay_packet(struct sim *sim, struct packet *packet) {
    const struct balance_trace *trace = sim->settings->trace;
    const struct trace_packet *from = &trace->packet[sim->next++];
    struct flow *flow = &sim->flows[from->flow];
    sim->now_ns = BEGIN_NS + from->at * sim->gap_ns;
    packet->arrived_ns = sim->now_ns;
    packet->work_ns = SIM_SERVICE_NS * (sim->settings->by_bytes ? from->bytes / trace->mean_bytes
                                                                : 0.5 + uniform(&sim->random));
    packet->flow = from->flow;
    packet->hash = flow->hash;
    packet->first = !flow->begun;
    flow->begun = true;
}

/* Whether the packet that follows in the trace is of the burst that began at a time. */
static bool in_burst(const struct sim *sim, double begin) {
    const struct balance_trace *trace = sim->settings->trace;
    return sim->next < trace->packets && trace->packet[sim->next].at <= begin + SIM_BURST;
}

/* Returns how many packets the burst has. */
static unsigned next_burst(struct sim *sim) {
    const struct balance_trace *trace = sim->settings->trace;
    unsigned n = 0;
    if (trace != NULL) {
        double begin = trace->packet[sim->next].at;
        while (n < SIM_BURST && in_burst(sim, begin))
            replay_packet(sim, &sim->burst[n++]);
    } else {
        while (n < SIM_BURST)
            make_packet(sim, &sim->burst[n++]);
    }
    return n;
}

/* ---- Workers ---- */

static void count_wait(struct sim *sim, double arrived_ns, double begun_ns) {
    if (!sim->measuring || arrived_ns < sim->measure_from_ns)
        return;
    double wait = (begun_ns - arrived_ns) / SIM_SERVICE_NS;
    uint64_t bin = (uint64_t)(wait * WAIT_STEPS);
    sim->tally->wait[bin < WAIT_BINS ? bin : WAIT_BINS - 1]++;
    sim->tally->wait_sum += wait;
    sim->tally->waited++;
}

/* Before a packet: how long the scheduler keeps the worker off its core, mostly not at all. */
static double held_ns(const struct sim *sim, struct worker *w) {
    double held = sim->settings->held;
    if (held <= 0)
        return 0;
    double chance = SIM_SERVICE_NS / w->speed / SIM_HELD_NS * held / (1 - held);
    return uniform(&w->holds) < chance ? SIM_HELD_NS : 0;
}

/* An idle worker takes what is published. */
static void take(struct sim *sim, struct worker *w, double at_ns) {
    uint64_t end = w->published - w->taken < SIM_BURST ? w->published : w->taken + SIM_BURST;
    w->free_ns = at_ns;
    for (; w->taken != end; w->taken++) {
        w->free_ns += held_ns(sim, w);
        unsigned slot = w->taken % SIM_RING;
        count_wait(sim, w->arrived_ns[slot], w->free_ns);
        w->free_ns += w->work_ns[slot] / w->speed;
        w->done_ns[slot] = w->free_ns;
    }
}

/* What the worker did until now. */
static void advance(struct sim *sim, struct worker *w, double now_ns) {
    while (w->taken != w->consumed && w->free_ns <= now_ns) {
        w->consumed = w->taken;
        take(sim, w, w->free_ns);
    }
    while (w->done != w->taken && w->done_ns[w->done % SIM_RING] <= now_ns)
        w->done++;
}

/* ---- Dispatcher: the loop, the lanes and the fleet in small ---- */

static void refresh(struct sim *sim, unsigned k) {
    struct worker *w = &sim->workers[k];
    uint64_t finished = w->consumed - w->seen;
    w->seen = w->consumed;
    w->round = sim->round;
    balance_update(&sim->balance, k, w->staged - w->seen, finished, (uint64_t)sim->now_ns);
}

static void refresh_in_turn(struct sim *sim) {
    unsigned workers = sim->settings->workers;
    for (unsigned i = 0; i < workers && i < SIM_IN_TURN; i++) {
        sim->next_in_turn = sim->next_in_turn + 1 < workers ? sim->next_in_turn + 1 : 0;
        refresh(sim, sim->next_in_turn);
    }
}

/* As fleet_pick(): the worker that leads the heap is looked at first. */
static unsigned pick(struct sim *sim, uint64_t hash) {
    if (sim->settings->pick != NULL)
        return sim->settings->pick(&sim->balance, hash);
    unsigned last = NOBODY, top = balance_lead(&sim->balance);
    while (top != last && sim->workers[top].round != sim->round) {
        refresh(sim, top);
        last = top;
        top = balance_lead(&sim->balance);
    }
    return balance_pick(&sim->balance, hash);
}

static bool has_room(struct sim *sim, unsigned k) {
    struct worker *w = &sim->workers[k];
    if (w->staged - w->seen == SIM_RING)
        refresh(sim, k);
    return w->staged - w->seen < SIM_RING;
}

static void stage(struct sim *sim, const struct packet *packet, unsigned k) {
    struct worker *w = &sim->workers[k];
    uint64_t ahead = w->staged - w->done;
    w->arrived_ns[w->staged % SIM_RING] = packet->arrived_ns;
    w->work_ns[w->staged % SIM_RING] = packet->work_ns;
    w->staged++;
    w->touched = true;
    balance_packet(&sim->balance, k);
    if (!sim->measuring)
        return;
    sim->tally->ahead[ahead]++;
    sim->tally->ahead_sum += (double)ahead;
    sim->tally->entered++;
    w->entered++;
}

static void deliver(struct sim *sim, const struct packet *packet) {
    uint32_t *bound = &sim->flows[packet->flow].worker;
    if (packet->first)
        *bound = NOBODY;
    unsigned k = *bound != NOBODY ? *bound : pick(sim, packet->hash);
    if (!has_room(sim, k)) {
        sim->tally->dropped += sim->measuring;
        return;
    }
    if (*bound == NOBODY) {
        *bound = k;
        balance_flow(&sim->balance, k);
    }
    stage(sim, packet, k);
}

static void publish(struct sim *sim) {
    for (unsigned k = 0; k < sim->settings->workers; k++) {
        struct worker *w = &sim->workers[k];
        if (!w->touched)
            continue;
        w->touched = false;
        w->published = w->staged;
        if (w->taken == w->consumed)
            take(sim, w, sim->now_ns);
        if (w->round != sim->round)
            refresh(sim, k);
    }
}

static void deliver_burst(struct sim *sim) {
    unsigned count = next_burst(sim);
    for (unsigned k = 0; k < sim->settings->workers; k++)
        advance(sim, &sim->workers[k], sim->now_ns);
    sim->round++;
    balance_decay(&sim->balance, (uint64_t)sim->now_ns);
    refresh_in_turn(sim);
    for (unsigned i = 0; i < count; i++)
        deliver(sim, &sim->burst[i]);
    publish(sim);
}

/* ---- Result ---- */

static unsigned percentile_99(const uint64_t *counts, unsigned bins, uint64_t total) {
    uint64_t below = 0;
    for (unsigned i = 0; i < bins; i++) {
        below += counts[i];
        if ((double)below >= 0.99 * (double)total)
            return i;
    }
    return bins - 1;
}

/* The share of each worker, and its time per packet as the dispatcher sees it, of one run. */
static void tally_workers(const struct sim *sim, struct tally *tally) {
    unsigned workers = sim->settings->workers;
    double entered = 0, speeds = 0;
    for (unsigned k = 0; k < workers; k++) {
        entered += (double)sim->workers[k].entered;
        speeds += sim->workers[k].speed;
    }
    for (unsigned k = 0; k < workers; k++) {
        const struct worker *w = &sim->workers[k];
        double share = (double)w->entered / entered;
        double true_ns = SIM_SERVICE_NS / w->speed / (1 - sim->settings->held);
        double measured = sim->balance.workers[k].facts.ns_per_packet / true_ns;
        tally->share_max = fmax(tally->share_max, share * workers);
        tally->work_max = fmax(tally->work_max, share * speeds / w->speed);
        tally->ns_least = fmin(tally->ns_least, measured);
        tally->ns_most = fmax(tally->ns_most, measured);
    }
}

static void deliver_all(struct sim *sim) {
    const struct sim_settings *settings = sim->settings;
    if (settings->trace != NULL) {
        sim->measuring = true;
        while (sim->next < settings->trace->packets)
            deliver_burst(sim);
        return;
    }
    for (uint64_t sent = 0; sent < settings->packets / 4; sent += SIM_BURST)
        deliver_burst(sim);
    sim->measuring = true;
    sim->measure_from_ns = sim->now_ns;
    for (uint64_t sent = 0; sent < settings->packets; sent += SIM_BURST)
        deliver_burst(sim);
}

static uint32_t flow_count(const struct sim_settings *settings) {
    return settings->trace != NULL ? settings->trace->flows : SIM_FLOWS + 1;
}

static void run(struct sim *sim, const struct sim_settings *settings, struct tally *tally,
                uint64_t seed) {
    struct flow *flows = sim->flows;
    memset(sim, 0, sizeof *sim);
    memset(flows, 0, flow_count(settings) * sizeof *flows);
    sim->flows = flows;
    sim->settings = settings;
    sim->tally = tally;
    begin_traffic(sim, seed);
    balance_init(&sim->balance, settings->policy, 0);
    balance_decay(&sim->balance, (uint64_t)sim->now_ns);
    for (unsigned k = 0; k < settings->workers; k++) {
        sim->workers[k].speed = settings->speed[k];
        tg_random_init(&sim->workers[k].holds, ~(seed * SIM_WORKERS_MAX + k));
        balance_join(&sim->balance, k);
    }
    deliver_all(sim);
    for (unsigned k = 0; k < settings->workers; k++)
        advance(sim, &sim->workers[k], INFINITY);
    tally_workers(sim, tally);
}

bool sim_run(const struct sim_settings *settings, struct sim_result *result) {
    struct sim *sim = malloc(sizeof *sim);
    struct tally *tally = calloc(1, sizeof *tally);
    struct flow *flows = calloc(flow_count(settings), sizeof *flows);
    bool ok = sim != NULL && tally != NULL && flows != NULL;
    if (ok) {
        sim->flows = flows;
        tally->ns_least = INFINITY;
        for (unsigned i = 0; i < settings->runs; i++)
            run(sim, settings, tally, settings->seed + i);
        *result = (struct sim_result){
            .lost = (double)tally->dropped / (double)(tally->dropped + tally->entered),
            .ahead_mean = tally->ahead_sum / (double)tally->entered,
            .ahead_p99 = percentile_99(tally->ahead, SIM_RING + 1, tally->entered),
            .wait_mean = tally->wait_sum / (double)tally->waited,
            .wait_p99 = (double)percentile_99(tally->wait, WAIT_BINS, tally->waited) / WAIT_STEPS,
            .share_max = tally->share_max,
            .work_max = tally->work_max,
            .ns_least = tally->ns_least,
            .ns_most = tally->ns_most,
        };
    }
    free(flows);
    free(tally);
    free(sim);
    return ok;
}

double sim_unavoidable(const struct sim_settings *settings) {
    double speeds = 0, fastest = 0;
    for (unsigned k = 0; k < settings->workers; k++) {
        speeds += settings->speed[k];
        fastest = fmax(fastest, settings->speed[k]);
    }
    return fmax(0, settings->elephant - fastest / speeds / settings->load);
}

double sim_pooled_wait(const struct sim_settings *settings) {
    const struct balance_trace *trace = settings->trace;
    double speeds = 0, waiting = 0, sum = 0, before = 0;
    for (unsigned k = 0; k < settings->workers; k++)
        speeds += settings->speed[k];
    /* In times per packet of them all: a mean gap is 1 / load of that. */
    for (uint32_t i = 0; i < trace->packets; i++) {
        const struct trace_packet *packet = &trace->packet[i];
        waiting = fmax(0, waiting - (packet->at - before) / settings->load);
        sum += waiting;
        waiting += settings->by_bytes ? packet->bytes / trace->mean_bytes : 1;
        before = packet->at;
    }
    return sum / trace->packets / speeds;
}
