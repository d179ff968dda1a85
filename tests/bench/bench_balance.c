/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the policies do to loss, waiting and shares, simulated with the
 * product's own balance, policy and heap: see tests/balance_sim.h. Prints a
 * Markdown table per policy, the baseline first. Simulated time: the numbers
 * are the same on every machine.
 *
 * usage: bench_balance [PACKETS [SEED]]    packets measured per run; default 300000, 1
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/balance_sim.h"

#define WORKERS 8u
/* The unequal workers at half speed: two, neither first nor last, where ties would tell. */
#define IS_SLOW(k) ((k) % 4 == 2)
#define HELD 0.05 /* of its time a held worker is off its core */
#define RUNS 4u
#define BASELINE "hash"

enum kind { EQUAL, UNEQUAL, HOLDING, KINDS };
static const char *const kinds[KINDS] = {"equal", "unequal", "held"};

static const double loads[] = {0.70, 0.80, 0.90, 0.95};
static const double elephants[] = {0.10, 0.30, 0.60};
#define ELEPHANT_LOAD 0.80

static void row(struct sim_settings *settings, enum kind kind) {
    struct sim_result r;
    for (unsigned k = 0; k < WORKERS; k++)
        settings->speed[k] = kind == UNEQUAL && IS_SLOW(k) ? 0.5 : 1;
    settings->held = kind == HOLDING ? HELD : 0;
    if (!sim_run(settings, &r)) {
        fputs("bench_balance: out of memory\n", stderr);
        exit(1);
    }
    printf("| %s | %.0f %% | %.0f %% | %.3f | %.3f | %.1f | %u | %.1f | %.1f | %.2f | %.2f | %.2f "
           "- %.2f |\n",
           kinds[kind], settings->load * 100, settings->elephant * 100, r.lost * 100,
           sim_unavoidable(settings) * 100, r.ahead_mean, r.ahead_p99, r.wait_mean, r.wait_p99,
           r.share_max, r.work_max, r.ns_least, r.ns_most);
    fflush(stdout);
}

static void table(const struct policy *policy, uint64_t packets, uint64_t seed) {
    printf("\n### %s: %s\n\n", policy->name, policy->help);
    puts("| workers | load | elephant | lost % | unavoidable % | ahead, mean | ahead, p99 |"
         " wait, mean | wait, p99 | largest share | largest work | measured |");
    puts("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct sim_settings settings = {
            .policy = policy, .workers = WORKERS, .packets = packets, .runs = RUNS, .seed = seed};
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

static void print_settings(uint64_t packets, uint64_t seed) {
    puts("## Balance, simulated\n");
    printf("- %u workers, rings of %u packets, the newest dropped when full; unequal: two of"
           " them at half speed\n",
           WORKERS, SIM_RING);
    printf("- %u flows alive, sizes Pareto 1.2 from %u to %u packets, pace as the root of the size;"
           " Poisson arrivals\n",
           SIM_FLOWS, SIM_SMALLEST, SIM_LARGEST);
    printf("- %.0f us a packet at full speed, each 0.5 to 1.5 of it; bursts of %u on both sides\n",
           SIM_SERVICE_NS / 1000, SIM_BURST);
    printf("- held: equal, but %.0f %% of the time off the core, %.0f ms at once, each at its own"
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
        RUNS, (unsigned long long)packets, (unsigned long long)seed);
}

int main(int argc, char **argv) {
    uint64_t packets = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    if (argc > 3 || packets == 0) {
        fputs("usage: bench_balance [PACKETS [SEED]]\n", stderr);
        return 2;
    }
    print_settings(packets, seed);
    const struct policy *baseline = policy_find(BASELINE);
    table(baseline, packets, seed);
    for (unsigned i = 0; policy_at(i) != NULL; i++) {
        if (policy_at(i) != baseline)
            table(policy_at(i), packets, seed);
    }
    return 0;
}
