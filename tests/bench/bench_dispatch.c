/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nanoseconds a packet of the dispatcher core, frames from memory, with a given
 * number of flows alive, as one row of a Markdown table: while its consumer
 * reads every descriptor, while it reads every byte too, and, as yardstick,
 * copying the same frames into memory of the size of one ring. The three
 * alternate. Every pass is checked (see check.h); a pass that is not what it is
 * said to be ends the program with one line and status 1.
 *
 * A pass is at least PASS_MB of frames, so that none of them waits in a cache.
 *
 * usage: bench_dispatch --settings | --head | SIZE|mix FLOWS WORKERS [RUNS [PASS_MB]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "tests/bench/bench.h"
#include "tests/bench/steady.h"
#include "tests/tools/tracegen_pcap.h"

/* A run is as many whole passes as it takes to deliver this many packets. */
#define RUN_PACKETS UINT64_C(1000000)

struct cell {
    uint32_t frame_bytes;
    uint64_t flows;
    unsigned workers;
    unsigned runs;
};

struct figures {
    struct bench_series ns, waited;
};

static void print_head(void) {
    puts("| frame, bytes | flows alive | workers | ns a packet | waited % | reading every byte |"
         " waited % | copying alone | against copying | pages of rings, table |");
    puts("|---|---|---|---|---|---|---|---|---|---|");
}

static void print_settings(void) {
#ifdef __clang__
    static const char compiler[] = __VERSION__;
#else
    static const char compiler[] = "gcc " __VERSION__;
#endif
    printf("- built by %s, %s\n", compiler, BENCH_CFLAGS);
    printf("- dispatcher: policy %s, rings of %u packets and %llu MB, table for %u flows, or for a"
           " quarter more than are alive\n",
           POLICY_DEFAULT, RIG_DEPTH, (unsigned long long)(RIG_ARENA >> 20), RIG_MAX_FLOWS);
}

static void label(const struct cell *cell, char *text, size_t size) {
    char bytes[16] = "mix";
    if (cell->frame_bytes != STEADY_MIX)
        snprintf(bytes, sizeof bytes, "%" PRIu32, cell->frame_bytes);
    snprintf(text, size, "| %s | %" PRIu64 " | %u |", bytes, cell->flows, cell->workers);
}

/* One pass, checked against what it was given. */
static void pass(struct rig *rig, const struct cell *cell, struct bench_source *source,
                 const struct bench_tally *given, bool read_bytes, struct rig_time *time) {
    struct bench_facts facts = {.given = *given, .flows_asked = cell->flows};
    char what[64], why[160];
    rig_pass(rig, source, read_bytes, time, &facts);
    if (!bench_check(&facts, why, sizeof why)) {
        label(cell, what, sizeof what);
        bench_die("%s %s", what, why);
    }
}

static void measure(struct rig *rig, const struct cell *cell, struct steady *steady,
                    bool read_bytes, struct figures *figures) {
    struct rig_time time = {0};
    while (time.packets < RUN_PACKETS)
        pass(rig, cell, &steady->source, &steady->tally, read_bytes, &time);
    bench_add(&figures->ns, rig_ns(&time));
    bench_add(&figures->waited, rig_waited(&time));
}

static void print_row(const struct cell *cell, const struct rig *rig, struct figures *descriptors,
                      struct figures *bytes, struct bench_series *copying) {
    char text[64], a[64], b[64], c[64];
    label(cell, text, sizeof text);
    double copied = bench_median(copying);
    printf("%s %s | %.1f | %s | %.1f | %s | %.2f, %.2f | %s, %s |\n", text,
           bench_spread(&descriptors->ns, a, sizeof a), bench_median(&descriptors->waited),
           bench_spread(&bytes->ns, b, sizeof b), bench_median(&bytes->waited),
           bench_spread(copying, c, sizeof c), bench_median(&descriptors->ns) / copied,
           bench_median(&bytes->ns) / copied, fb_page_kind_names[fb_ctl_page_kind(rig->ctl.ctl, 0)],
           fb_page_kind_names[rig->flows.region.page_kind]);
}

static void bench(const struct cell *cell, struct steady *steady) {
    struct rig *rig = rig_open(cell->workers, rig_table_for(cell->flows), true);
    uint8_t *arena = rig_arena();
    struct figures descriptors = {0}, bytes = {0};
    struct bench_series copying = {0};
    struct rig_time unmeasured = {0};
    pass(rig, cell, &steady->opener, &steady->opened, true, &unmeasured);
    pass(rig, cell, &steady->source, &steady->tally, true, &unmeasured); /* both directions seen */
    for (unsigned r = 0; r < cell->runs; r++) {
        struct rig_time time = {0};
        measure(rig, cell, steady, false, &descriptors);
        while (time.packets < RUN_PACKETS)
            rig_copy(&steady->source, arena, &time);
        bench_add(&copying, rig_ns(&time));
        measure(rig, cell, steady, true, &bytes);
    }
    print_row(cell, rig, &descriptors, &bytes, &copying);
    free(arena);
    rig_close(rig);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--head") == 0) {
        print_head();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--settings") == 0) {
        print_settings();
        return 0;
    }
    if (argc < 4 || argc > 6) {
        fputs(
            "usage: bench_dispatch --settings | --head | SIZE|mix FLOWS WORKERS [RUNS [PASS_MB]]\n",
            stderr);
        return 2;
    }
    struct cell cell = {
        .frame_bytes = strcmp(argv[1], "mix") == 0
                           ? STEADY_MIX
                           : (uint32_t)bench_number("SIZE", argv[1], TG_FRAME_MIN, TG_FRAME_MAX),
        .flows = bench_number("FLOWS", argv[2], 1, STEADY_FLOWS_MAX),
        .workers = (unsigned)bench_number("WORKERS", argv[3], 1, FB_MAX_WORKERS),
        .runs = argc > 4 ? (unsigned)bench_number("RUNS", argv[4], 1, BENCH_RUNS_MAX) : 5,
    };
    size_t pass_bytes = argc > 5 ? (size_t)bench_number("PASS_MB", argv[5], 1, 65536) << 20
                                 : (size_t)256 << 20; /* eight times a large third-level cache */
    fb_log_init("bench_dispatch", FB_LOG_WARNING);
    bench_pin(0);
    struct steady steady;
    size_t needs, spare = cell.workers * (size_t)RIG_ARENA + rig_table_for(cell.flows) * 96;
    if (bench_memory_available() < spare ||
        !steady_open(&steady, cell.frame_bytes, cell.flows, pass_bytes, &needs)) {
        char text[64];
        label(&cell, text, sizeof text);
        printf("%s not measured: memory is short |\n", text);
        return 0;
    }
    bench(&cell, &steady);
    steady_close(&steady);
    return 0;
}
