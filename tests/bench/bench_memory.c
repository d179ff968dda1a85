/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a flow and a worker cost in memory: real flow-worker processes with the
 * inspector `count` behind the real data path, as many flows alive as the table
 * has room for. Bytes are resident pages as the kernel counts them, so what a
 * half-used page wastes is in them. Prints a row of two Markdown tables.
 *
 * usage: bench_memory --head-flows | --head-workers
 *        bench_memory --flows | --workers FLOWS WORKERS       FB_BUILD: where flow-worker is
 */
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "tests/bench/bench.h"
#include "tests/bench/steady.h"

extern char **environ;

struct state {
    uint64_t flows;
    unsigned workers;
    struct rig *rig;
    pid_t pids[FB_MAX_WORKERS];
};

/* Resident bytes by region; private_dirty of all worker processes together. */
struct sizes {
    uint64_t dispatcher; /* anonymous memory of this process */
    uint64_t table;
    uint64_t handles;
    uint64_t marks;
    uint64_t down;
    uint64_t up;
    uint64_t processes;
};

/* A line of /proc/WHO/smaps_rollup, in bytes. */
static uint64_t rollup(pid_t who, const char *field) {
    char path[64], line[128], name[64];
    unsigned long long kib;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)who);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        bench_die("cannot read %s", path);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%63[^:]: %llu kB", name, &kib) == 2 && strcmp(name, field) == 0) {
            fclose(file);
            return (uint64_t)kib * 1024;
        }
    }
    bench_die("%s has no line %s", path, field);
}

static uint64_t resident(const struct fb_region *region) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = region->size / page;
    unsigned char *there = malloc(pages);
    uint64_t bytes = 0;
    if (there == NULL || mincore(region->base, region->size, there) != 0)
        bench_die("cannot see which pages of %zu bytes are resident", region->size);
    for (size_t i = 0; i < pages; i++)
        bytes += (there[i] & 1) * page;
    free(there);
    return bytes;
}

static struct sizes measure(const struct state *state) {
    struct sizes sizes = {.dispatcher = rollup(getpid(), "Anonymous"),
                          .table = resident(&state->rig->flows.region)};
    for (unsigned k = 0; k < state->workers; k++) {
        const struct lane *lane = &state->rig->fleet.lanes[k];
        sizes.handles += resident(&lane->handle_region);
        sizes.marks += resident(&lane->mark_region);
        sizes.down += resident(&lane->down_region);
        sizes.up += resident(&lane->up_region);
        sizes.processes += rollup(state->pids[k], "Private_Dirty");
    }
    return sizes;
}

static void start_workers(struct state *state) {
    const char *build = getenv("FB_BUILD");
    char path[4096], number[16];
    snprintf(path, sizeof path, "%s/flow-worker", build != NULL ? build : "build");
    for (unsigned k = 0; k < state->workers; k++) {
        snprintf(number, sizeof number, "%u", k);
        char *argv[] = {path,          "-n",    state->rig->name, "-k",   number,
                        "--inspector", "count", "--wait",         "park", NULL};
        int error = posix_spawn(&state->pids[k], path, NULL, NULL, argv, environ);
        if (error != 0)
            bench_die("cannot start %s: %s: say by FB_BUILD where it is", path, strerror(error));
    }
    rig_wait_ready(state->rig);
}

static void stop_workers(struct state *state) {
    fleet_stop(&state->rig->fleet, false, bench_now_ns());
    while (!fleet_gone(&state->rig->fleet)) {
        fleet_poll(&state->rig->fleet, bench_now_ns());
        usleep(1000);
    }
    for (unsigned k = 0; k < state->workers; k++) {
        int status;
        if (waitpid(state->pids[k], &status, 0) < 0 || status != 0)
            bench_die("worker %u has failed", k);
    }
}

static void open_flows(struct state *state, struct steady *steady) {
    struct bench_facts facts = {.given = steady->opened, .flows_asked = state->flows};
    struct rig_time time = {0};
    char why[160];
    rig_pass(state->rig, &steady->opener, false, &time, &facts);
    facts.read = facts.given; /* by other processes: the ledger says whether they did */
    if (!bench_check(&facts, why, sizeof why))
        bench_die("%" PRIu64 " flows, %u workers: %s", state->flows, state->workers, why);
}

static void print_flows(const struct state *state, const struct sizes *before,
                        const struct sizes *full) {
    double flows = (double)state->flows;
    printf("| %" PRIu64 " | %u | %.1f | %.1f | %.1f | %.1f | %s |\n", state->flows, state->workers,
           (double)full->table / flows, (double)full->handles / flows,
           (double)(full->table + full->handles) / flows,
           (double)(full->dispatcher - before->dispatcher) / flows,
           fb_page_kind_names[state->rig->flows.region.page_kind]);
}

static void print_workers(const struct state *state, const struct sizes *empty,
                          const struct sizes *full) {
    double each = 1024.0 * state->workers;
    printf("| %u | %.0f | %.0f | %.0f | %.0f | %.0f | %" PRIu64 " | %s |\n", state->workers,
           (double)full->down / each, (double)full->up / each,
           (double)(full->marks + full->handles) / each, (double)empty->processes / each,
           (double)full->processes / each, state->flows / state->workers,
           fb_page_kind_names[fb_ctl_page_kind(state->rig->ctl.ctl, 0)]);
}

static void bench(struct state *state, bool by_flow) {
    struct steady steady;
    size_t needs;
    if (!steady_open(&steady, 60, state->flows, 1, &needs))
        bench_die("%" PRIu64 " flows take %zu MB of frames: memory is short", state->flows,
                  needs >> 20);
    struct sizes before = {.dispatcher = rollup(getpid(), "Anonymous")};
    state->rig = rig_open(state->workers, (uint32_t)state->flows, false);
    start_workers(state);
    struct sizes empty = measure(state);
    open_flows(state, &steady);
    struct sizes full = measure(state);
    if (by_flow)
        print_flows(state, &before, &full);
    else
        print_workers(state, &empty, &full);
    stop_workers(state);
    rig_close(state->rig);
    steady_close(&steady);
}

static void print_head(bool by_flow) {
    puts(by_flow
             ? "| flows, a full table | workers | table, index, timers: bytes a flow | handles |"
               " sum | all that the dispatcher took | pages |\n|---|---|---|---|---|---|---|"
             : "| workers | ring, KB each | up side | dispatcher's marks and handles |"
               " process, no flows | process, flows alive | flows each | pages of rings |\n"
               "|---|---|---|---|---|---|---|---|");
}

int main(int argc, char **argv) {
    static struct state state;
    const char *what = argc > 1 ? argv[1] : "";
    bool by_flow = strstr(what, "flows") != NULL;
    if (argc == 2 && (strcmp(what, "--head-flows") == 0 || strcmp(what, "--head-workers") == 0)) {
        print_head(by_flow);
        return 0;
    }
    if (argc != 4 || (strcmp(what, "--flows") != 0 && strcmp(what, "--workers") != 0)) {
        fputs("usage: bench_memory --head-flows | --head-workers\n"
              "       bench_memory --flows | --workers FLOWS WORKERS\n",
              stderr);
        return 2;
    }
    state.flows = bench_number("FLOWS", argv[2], 1, STEADY_FLOWS_MAX);
    state.workers = (unsigned)bench_number("WORKERS", argv[3], 1, FB_MAX_WORKERS);
    fb_log_init("bench_memory", FB_LOG_WARNING);
    bench(&state, by_flow);
    return 0;
}
