/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the policies do to loss, waiting and shares, simulated with the
 * product's own balance, policy and heap: see tests/sim/balance_sim.h. Prints a
 * Markdown table per policy, the baseline first. Simulated time: the numbers
 * are the same on every machine. Then the same over captures, if any are given.
 *
 * usage: bench_balance [-s SEED] [PACKETS [FILE...]]
 *        packets measured per run, default 300000; the first seed, default 1;
 *        captures, each a trace of its own
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "tests/sim/balance_sim.h"

#define WORKERS 8u
/* The unequal workers at half speed: two, neither first nor last, where ties would tell. */
#define IS_SLOW(k) ((k) % 4 == 2)
#define HELD 0.05 /* of its time a held worker is off its core */
#define RUNS 4u
#define BASELINE "hash"
#define TRACES_MAX 16u
/* A short trace is run more often, to make as many packets a row as the others have. */
#define TRACE_RUNS_MAX 64u

enum kind { EQUAL, UNEQUAL, HOLDING, KINDS };
static const char *const kinds[KINDS] = {"equal", "unequal", "held"};

static const double loads[] = {0.70, 0.80, 0.90, 0.95};
static const double elephants[] = {0.10, 0.30, 0.60};
#define ELEPHANT_LOAD 0.80

struct options {
    uint64_t packets, seed;
};

static void simulate(const struct sim_settings *settings, struct sim_result *result) {
    if (sim_run(settings, result))
        return;
    fb_error("no memory for the simulation");
    exit(1);
}

static void row(struct sim_settings *settings, enum kind kind) {
    struct sim_result r;
    for (unsigned k = 0; k < WORKERS; k++)
        settings->speed[k] = kind == UNEQUAL && IS_SLOW(k) ? 0.5 : 1;
    settings->held = kind == HOLDING ? HELD : 0;
    simulate(settings, &r);
    printf("| %s | %.0f %% | %.0f %% | %.3f | %.3f | %.1f | %u | %.1f | %.1f | %.2f | %.2f | %.2f "
           "- %.2f |\n",
           kinds[kind], settings->load * 100, settings->elephant * 100, r.lost * 100,
           sim_unavoidable(settings) * 100, r.ahead_mean, r.ahead_p99, r.wait_mean, r.wait_p99,
           r.share_max, r.work_max, r.ns_least, r.ns_most);
    fflush(stdout);
}

static void table(const struct policy *policy, const void *arg) {
    const struct options *options = arg;
    printf("\n### %s: %s\n\n", policy->name, policy->help);
    puts("| workers | load | elephant | lost % | unavoidable % | ahead, mean | ahead, p99 |"
         " wait, mean | wait, p99 | largest share | largest work | measured |");
    puts("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct sim_settings settings = {.policy = policy,
                                        .workers = WORKERS,
                                        .packets = options->packets,
                                        .runs = RUNS,
                                        .seed = options->seed};
        /* 95 % is all that workers have who are held for 5 %. */
        for (unsigned i = 0; i < (kind == HOLDING ? 3 : sizeof loads / sizeof *loads); i++) {
            settings.load = loads[i];
            row(&settings, kind);
        }
        settings.load = ELEPHANT_LOAD;
        for (unsigned i = 0; kind != HOLDING && i < sizeof elephants / sizeof *elephants; i++) {
            settings.elephant = elephants[i];
            row(&settings, kind);
        }
    }
}

static void each_policy(void (*print)(const struct policy *, const void *), const void *arg) {
    const struct policy *baseline = policy_find(BASELINE);
    print(baseline, arg);
    for (unsigned i = 0; policy_at(i) != NULL; i++) {
        if (policy_at(i) != baseline)
            print(policy_at(i), arg);
    }
}

static void print_settings(const struct options *options) {
    puts("## Balance, simulated\n");
    printf("- %u workers, rings of %u packets, the newest dropped when full; unequal: two of"
           " them at half speed\n",
           WORKERS, SIM_RING);
    printf("- %u flows alive, sizes Pareto 1.2 from %u to %u packets, pace as the root of the size;"
           " Poisson arrivals\n",
           SIM_FLOWS, SIM_SMALLEST, SIM_LARGEST);
    printf("- %.0f us a packet at full speed, each 0.5 to 1.5 of it; bursts of %u on both sides\n",
           SIM_SERVICE_NS / 1000, SIM_BURST);
    printf("- held: equal, but %.0f %% of the time off the core, %.0f ms at a time, each at its own"
           " time\n",
           HELD * 100, SIM_HELD_NS / 1e6);
    puts("- elephant: one flow with that part of all packets; unavoidable: what it would lose with"
         " the fastest worker to itself");
    puts("- ahead: packets in the ring before one that enters; wait: arrival to inspection, in mean"
         " times per packet at full speed");
    puts("- largest share: the most packets of a worker over the mean; largest work: the same, by"
         " time instead of packets");
    puts(
        "- measured: a worker's time per packet as the dispatcher measured it over the true one, at"
        " the end of a run, least - most of all workers");
    printf(
        "- %u runs a row, each of %llu packets after a quarter as many unmeasured, seeds from %llu"
        " on, the same packets for each policy; shares are those of the worst run\n",
        RUNS, (unsigned long long)options->packets, (unsigned long long)options->seed);
}

/* ---- Captures ---- */

enum work { SAME, SLOW, BYTES, WORKS };
static const char *const works[WORKS] = {"equal", "unequal", "by bytes"};

struct traces {
    struct options options;
    unsigned count;
    const char *name[TRACES_MAX];
    struct balance_trace trace[TRACES_MAX];
};

static unsigned trace_runs(const struct traces *traces, unsigned i) {
    uint64_t wanted = traces->options.packets * RUNS / traces->trace[i].packets;
    return wanted < RUNS ? RUNS : wanted < TRACE_RUNS_MAX ? (unsigned)wanted : TRACE_RUNS_MAX;
}

static void trace_row(const struct traces *traces, unsigned i, const struct policy *policy,
                      enum work work, double load) {
    struct sim_settings settings = {.policy = policy,
                                    .trace = &traces->trace[i],
                                    .by_bytes = work == BYTES,
                                    .workers = WORKERS,
                                    .load = load,
                                    .runs = trace_runs(traces, i),
                                    .seed = traces->options.seed};
    for (unsigned k = 0; k < WORKERS; k++)
        settings.speed[k] = work == SLOW && IS_SLOW(k) ? 0.5 : 1;
    struct sim_result r;
    simulate(&settings, &r);
    printf("| %s | %s | %.0f %% | %.3f | %.1f | %u | %.1f | %.1f | %.1f | %.2f | %.2f |\n",
           traces->name[i], works[work], load * 100, r.lost * 100, r.ahead_mean, r.ahead_p99,
           sim_pooled_wait(&settings), r.wait_mean, r.wait_p99, r.share_max, r.work_max);
    fflush(stdout);
}

static void trace_table(const struct policy *policy, const void *arg) {
    const struct traces *traces = arg;
    printf("\n### %s, captured traffic\n\n", policy->name);
    puts("| trace | workers | load | lost % | ahead, mean | ahead, p99 | pooled wait | wait, mean |"
         " wait, p99 | largest share | largest work |");
    puts("|---|---|---|---|---|---|---|---|---|---|---|");
    for (unsigned i = 0; i < traces->count; i++) {
        for (enum work work = 0; work < WORKS; work++) {
            for (unsigned load = 0; load < sizeof loads / sizeof *loads; load++)
                trace_row(traces, i, policy, work, loads[load]);
        }
    }
}

static void print_traces(const struct traces *traces) {
    puts("\n## Balance over captured traffic, simulated\n");
    puts("- packets, flows, their order and times from capture files, through the product's decoder"
         " and key hash; workers and rings as above");
    puts("- load: the times of a capture are stretched all alike, so that its mean rate is that"
         " part of what all workers can do; pauses and bursts stay, and a burst is above the load");
    puts("- pooled wait: the mean wait if all packets stood in one endless queue before one worker"
         " as fast as all together: what bursts cost any policy");
    puts("- all of it is measured, from empty rings on; a flow keeps its worker to the end");
    puts("- equal, unequal: as above; by bytes: equal workers, the work in proportion to the bytes"
         " of the packet; largest share, largest work: of the packets, as above");
    printf("- runs: as many as make the packets of a row above, %u to %u, each with another secret"
           " of the hash\n\n",
           RUNS, TRACE_RUNS_MAX);
    puts("| trace | packets | flows | largest flow | bytes, mean | runs |");
    puts("|---|---|---|---|---|---|");
    for (unsigned i = 0; i < traces->count; i++) {
        const struct balance_trace *trace = &traces->trace[i];
        printf("| %s | %u | %u | %.1f %% | %.0f | %u |\n", traces->name[i], trace->packets,
               trace->flows, 100.0 * trace->largest / trace->packets, trace->mean_bytes,
               trace_runs(traces, i));
    }
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void load_traces(struct traces *traces, char *const *files) {
    for (; *files != NULL; files++) {
        if (traces->count == TRACES_MAX) {
            fb_error("%s: at most %u captures: leave some out", *files, TRACES_MAX);
            exit(2);
        }
        traces->name[traces->count] = file_name(*files);
        if (trace_load(&traces->trace[traces->count], *files) != 0)
            exit(1);
        traces->count++;
    }
}

/* ---- The command line ---- */

static uint64_t number(const char *text, const char *what) {
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (value > 0 && *end == '\0' && text[0] != '-')
        return value;
    fb_error("%s '%s': give a whole number from 1", what, text);
    exit(2);
}

int main(int argc, char **argv) {
    static struct traces traces = {.options = {.packets = 300000, .seed = 1}};
    fb_log_init("bench_balance", FB_LOG_WARNING);
    for (int option; (option = getopt(argc, argv, "s:")) != -1;) {
        if (option != 's') {
            fputs("usage: bench_balance [-s SEED] [PACKETS [FILE...]]\n", stderr);
            return 2;
        }
        traces.options.seed = number(optarg, "seed");
    }
    if (optind < argc)
        traces.options.packets = number(argv[optind++], "packets");
    load_traces(&traces, argv + optind);
    print_settings(&traces.options);
    each_policy(table, &traces.options);
    if (traces.count > 0) {
        print_traces(&traces);
        each_policy(trace_table, &traces);
    }
    for (unsigned i = 0; i < traces.count; i++)
        trace_free(&traces.trace[i]);
    return 0;
}
