/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SIM_BALANCE_SIM_H
#define TESTS_SIM_BALANCE_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/fleet/balance.h"
#include "tests/sim/balance_trace.h"

/*
 * A discrete-event simulation of the dispatcher and its workers: balance,
 * policy and heap are the product's own, rings, workers and time are not real.
 *
 * Traffic: packets arrive as a Poisson process. SIM_FLOWS flows are alive at
 * any time, one that ends makes room for a new one. Their sizes are bounded
 * Pareto; a flow's pace is as the square root of its size (big flows are the
 * faster ones, but also live longer), and each packet belongs to one of the
 * living flows with a chance in proportion to its pace. The run begins in the
 * steady state of that process. An elephant is one flow more, with a fixed part
 * of all packets from beginning to end.
 *
 * Or the packets of a capture, each with its flow; the times between them are
 * stretched all alike so that the mean rate of the whole makes the load. Its
 * pauses and bursts stay, so a ring may overflow at any load. The run begins
 * with nothing, as the capture does.
 *
 * The dispatcher delivers bursts of SIM_BURST packets when the last of them has
 * arrived; of a capture fewer, if more would take longer than SIM_BURST mean
 * gaps. It sees a worker only then, and only what the worker has given back:
 * SIM_IN_TURN workers before the burst, who was given packets after it, and
 * once more who seems full. A worker takes what is published, at most SIM_BURST
 * packets, and gives them back when the last is done.
 *
 * A row is pooled from several runs with seeds that follow one another: how a
 * hash spreads the big flows is luck, and one run would show only that. The
 * same seed gives the same packets, with the same work, to every policy. For a
 * capture the seed chooses the secret of the hash, and the work.
 */
#define SIM_WORKERS_MAX 64u
#define SIM_FLOWS 4096u
#define SIM_RING 4096u         /* packets; a full ring drops the newest */
#define SIM_BURST 32u          /* as LOOP_BURST and the geometry's worker_burst */
#define SIM_IN_TURN 8u         /* as REFRESH_IN_TURN of the loop */
#define SIM_SMALLEST 4u        /* packets of a flow: 1.2 as exponent and these bounds ... */
#define SIM_LARGEST 100000u    /* ... make a mean of 20 */
#define SIM_SERVICE_NS 10000.0 /* mean time per packet at speed 1; each takes 0.5 to 1.5 of it */
#define SIM_HELD_NS 5e6 /* how long a worker that is held stays so: a few turns of a scheduler */

struct sim_settings {
    const struct policy *policy;
    /* Who gets a new flow, instead of balance_pick(); NULL for the product's. For broken ones. */
    unsigned (*pick)(struct balance *balance, uint64_t hash);
    const struct balance_trace *trace; /* the packets, instead of made-up ones; or NULL */
    bool by_bytes;                 /* of a trace: the work is in proportion to the packet's bytes */
    unsigned workers;              /* at most SIM_WORKERS_MAX */
    double speed[SIM_WORKERS_MAX]; /* of each worker; 1: SIM_SERVICE_NS a packet */
    double load;                   /* arrivals over what all workers together can do */
    double elephant;               /* its part of all packets, or 0; for made-up traffic */
    double held;                   /* the part of its time that a worker is off its core, or 0 */
    /* Measured in each run; a quarter as many come before. A trace: all of it is measured. */
    uint64_t packets;
    unsigned runs; /* at least 1 */
    uint64_t seed; /* of the first run */
};

struct sim_result {
    double lost;        /* part of the packets that found their ring full */
    double ahead_mean;  /* packets ahead in the ring of one that enters */
    uint32_t ahead_p99; /* its 99th percentile */
    double wait_mean;   /* arrival to the begin of inspection, in units of SIM_SERVICE_NS */
    double wait_p99;    /* its 99th percentile */
    double share_max;   /* the most packets a worker was given over the mean of all, in any run */
    double work_max;    /* the same, each worker's packets divided by its speed */
    double ns_least; /* time per packet as the dispatcher measured it, over the worker's true ... */
    double ns_most;  /* ... mean: least and most of all workers, at the end of any run */
};

/* Runs the simulation; false if there is no memory. Any thread: nothing is shared. */
bool sim_run(const struct sim_settings *settings, struct sim_result *result);

/* The part of all packets that an elephant must lose even if it has the fastest worker alone. */
double sim_unavoidable(const struct sim_settings *settings);

/*
 * Mean wait of a trace's packets, in units of SIM_SERVICE_NS, in one endless
 * queue before one worker as fast as all together: what bursts above the
 * capacity cost before anything is balanced.
 */
double sim_pooled_wait(const struct sim_settings *settings);

#endif
