/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nanoseconds a packet of the dispatcher core on a trace whose flows begin and
 * end, beside two yardsticks of the same run: copying the same frames into
 * memory of the size of one ring, and reading the same file with libpcap. The
 * runs alternate; the rows of a Markdown table are printed. A consumer on
 * another core reads every descriptor, and every byte where the row says so;
 * every run is checked (see check.h).
 *
 * usage: bench_trace --head | TRACE.pcap LABEL WORKERS [RUNS]
 */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "tests/bench/bench.h"
#include "tests/bench/rig.h"

/* A capture as a source; a preloaded one goes round for ever, so a pass ends after its frames. */
struct trace {
    struct bench_source source;
    const char *path; /* the capture keeps its address */
    struct capture *capture;
    uint64_t frames; /* of a pass; UINT64_MAX: to the end of the capture */
    uint64_t at;
};

static unsigned next_frames(struct bench_source *source, const struct frame **frames) {
    struct trace *trace = (struct trace *)(void *)source;
    unsigned count = 0;
    enum capture_status status = CAPTURE_IDLE;
    if (trace->at == trace->frames) {
        trace->at = 0;
        return 0;
    }
    while (count == 0 && status != CAPTURE_END)
        status = capture_burst(trace->capture, BURST_MAX, frames, &count);
    if (status == CAPTURE_END && capture_failed(trace->capture))
        bench_die("the trace could not be read to its end");
    trace->at += count;
    return count;
}

/* trace stays where it is until it is closed. */
static void open_trace(struct trace *trace, const char *path, uint64_t preloaded_frames) {
    bool preload = preloaded_frames != 0;
    *trace = (struct trace){.source = {next_frames, preload},
                            .path = path,
                            .frames = preload ? preloaded_frames : UINT64_MAX};
    const struct capture_config config = {.files = &trace->path,
                                          .file_count = 1,
                                          .preload = preload,
                                          .loops = preload ? UINT64_MAX : 1};
    if (capture_open(&trace->capture, &config) != 0)
        exit(1);
}

/* What a pass has to bring to the other end, read by ourselves. */
static struct bench_tally tally_of(const char *path) {
    struct bench_tally tally = {0};
    struct trace trace;
    const struct frame *frames;
    unsigned count;
    open_trace(&trace, path, 0);
    while ((count = next_frames(&trace.source, &frames)) != 0) {
        for (unsigned i = 0; i < count; i++)
            bench_tally_add(&tally, frames[i].data, frames[i].caplen);
    }
    capture_close(trace.capture);
    if (tally.packets == 0)
        bench_die("%s has no frames", path);
    return tally;
}

static void count_frame(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes) {
    (void)bytes;
    *(uint64_t *)(void *)user += header->caplen != 0;
}

static double run_libpcap(const char *path) {
    char error[PCAP_ERRBUF_SIZE];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        bench_die("cannot open %s", path);
    setvbuf(file, NULL, _IOFBF, 1 << 20);
    pcap_t *pcap =
        pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
    if (pcap == NULL)
        bench_die("%s: %s", path, error);
    uint64_t frames = 0, begin = bench_now_ns();
    while (pcap_dispatch(pcap, BURST_MAX, count_frame, (u_char *)&frames) > 0)
        ;
    double ns = (double)(bench_now_ns() - begin) / (double)frames;
    pcap_close(pcap);
    return ns;
}

static double run_dispatch(struct rig *rig, struct trace *trace, const struct bench_tally *given,
                           bool read_bytes) {
    struct rig_time time = {0};
    struct bench_facts facts = {.given = *given};
    char why[160];
    rig_pass(rig, &trace->source, read_bytes, &time, &facts);
    if (!bench_check(&facts, why, sizeof why))
        bench_die("%s", why);
    return rig_ns(&time);
}

static double run_copy(struct trace *trace, uint8_t *arena) {
    struct rig_time time = {0};
    rig_copy(&trace->source, arena, &time);
    return rig_ns(&time);
}

enum { COPYING, DESCRIPTORS, BYTES, LIBPCAP, FROM_FILE, ROWS };
static const struct {
    const char *what;
    int against; /* the row of its yardstick, or -1 */
} rows[ROWS] = {
    [COPYING] = {"copying alone, from memory", -1},
    [DESCRIPTORS] = {"dispatcher, from memory", COPYING},
    [BYTES] = {"dispatcher, from memory, every byte read", COPYING},
    [LIBPCAP] = {"libpcap alone, from a file", -1},
    [FROM_FILE] = {"dispatcher, from a file, every byte read", LIBPCAP},
};

static void print_rows(const char *label, uint32_t alive, struct bench_series *series) {
    char text[64];
    for (unsigned i = 0; i < ROWS; i++) {
        printf("| %s, %" PRIu32 " flows alive | %s | %s |", label, alive, rows[i].what,
               bench_spread(&series[i], text, sizeof text));
        if (rows[i].against >= 0)
            printf(" %.2f |\n", bench_median(&series[i]) / bench_median(&series[rows[i].against]));
        else
            printf(" |\n");
    }
}

static void bench(const char *path, const char *label, unsigned workers, unsigned runs) {
    static struct bench_series series[ROWS];
    struct bench_tally given = tally_of(path);
    struct rig *rig = rig_open(workers, 2 * RIG_MAX_FLOWS, true);
    uint8_t *arena = rig_arena();
    struct trace memory;
    open_trace(&memory, path, given.packets);
    run_dispatch(rig, &memory, &given, true); /* unmeasured: loads the trace, flows come alive */
    for (unsigned r = 0; r < runs; r++) {
        bench_add(&series[DESCRIPTORS], run_dispatch(rig, &memory, &given, false));
        bench_add(&series[COPYING], run_copy(&memory, arena));
        bench_add(&series[BYTES], run_dispatch(rig, &memory, &given, true));
        bench_add(&series[LIBPCAP], run_libpcap(path));
        struct trace file;
        open_trace(&file, path, 0);
        bench_add(&series[FROM_FILE], run_dispatch(rig, &file, &given, true));
        capture_close(file.capture);
    }
    print_rows(label, flow_table_live(&rig->flows.table), series);
    capture_close(memory.capture);
    free(arena);
    rig_close(rig);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--head") == 0) {
        puts("| trace | what | ns a packet | against |\n|---|---|---|---|");
        return 0;
    }
    if (argc < 4 || argc > 5) {
        fputs("usage: bench_trace --head | TRACE.pcap LABEL WORKERS [RUNS]\n", stderr);
        return 2;
    }
    unsigned workers = (unsigned)bench_number("WORKERS", argv[3], 1, FB_MAX_WORKERS);
    unsigned runs = argc > 4 ? (unsigned)bench_number("RUNS", argv[4], 1, BENCH_RUNS_MAX) : 5;
    fb_log_init("bench_trace", FB_LOG_WARNING);
    bench_pin(0);
    bench(argv[1], argv[2], workers, runs);
    return 0;
}
