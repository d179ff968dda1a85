/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet log, as a plugin in C: what each worker was given, as tab-separated lines.
 *
 *   gcc -std=c11 -O2 -Wall -Wextra -fPIC -shared $(pkg-config --cflags flowbalancer) \
 *       -o packet_log.so packet_log.c
 *   flow-balancer run -r trace.pcap -w 4 --inspector ./packet_log.so:DIR
 *
 * DIR/worker-K.tsv, a line a packet:
 *   frame flow flow_seq dir src src_port dst dst_port proto payload_len flags
 * DIR/flows-K.tsv, a line when a flow ends; packets and bytes of payload as this process saw them:
 *   frame flow reason src src_port dst dst_port proto packets bytes
 *
 * src is the sender of the flow's first packet; dir is 1 where a packet goes the other way.
 * Copy it and change what write_packet() and write_end() do.
 */
#define _GNU_SOURCE
#include <flow_balancer/inspector.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 512 /* more than the longest line: two addresses, all flags, numbers */

/* A file of lines that only grows. A line is written with one write(), without a buffer: it has
 * left the process when the packet is finished. */
struct lines {
    int file;
    off_t size; /* of its whole lines */
    char path[4096];
};

struct packet_log {
    const struct fb_host *host;
    const char *directory;
    unsigned worker;
    struct lines packets, ends;
    bool waits;           /* the last line could not be written */
    uint64_t counters[4]; /* in the order of stat_names */
    uint64_t gaps, gaps_told;
};

enum { PACKETS, PAYLOAD_BYTES, FLOWS_ENDED, OUTPUT_FAILURES };
static const char *const stat_names[] = {"packets", "payload_bytes", "flows_ended",
                                         "output_failures", NULL};

/* What is kept for each flow. No pointers: it may be kept as bytes (FB_STATE_FLAT). */
struct flow_state {
    uint64_t packets, bytes;
};

/* ---- files ----------------------------------------------------------------------------------- */

/* How long the file is without the part of a line that a killed process left; -errno. */
static off_t whole_lines(int file) {
    char tail[LINE_BYTES];
    off_t size = lseek(file, 0, SEEK_END);
    if (size <= 0)
        return size < 0 ? -errno : 0;
    size_t n = size < (off_t)sizeof tail ? (size_t)size : sizeof tail;
    if (pread(file, tail, n, size - (off_t)n) != (ssize_t)n)
        return -EIO;
    const char *newline = memrchr(tail, '\n', n);
    if (newline == NULL)
        return n == sizeof tail ? -EINVAL : 0; /* no line is that long: not a file of ours */
    return size - (off_t)n + (newline - tail) + 1;
}

/* Opens DIR/NAME-K.tsv. Returns 0 or -errno. */
static int open_lines(const struct packet_log *log, struct lines *lines, const char *name) {
    snprintf(lines->path, sizeof lines->path, "%s/%s-%u.tsv", log->directory, name, log->worker);
    lines->file = open(lines->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    lines->size = lines->file < 0 ? -errno : whole_lines(lines->file);
    if (lines->size >= 0 && ftruncate(lines->file, lines->size) != 0)
        lines->size = -errno;
    if (lines->size >= 0)
        return 0;
    log->host->log(log->host, FB_HOST_ERROR, "cannot open %s: %s", lines->path,
                   strerror((int)-lines->size));
    if (lines->file >= 0)
        close(lines->file);
    return (int)lines->size;
}

static void close_lines(struct lines *lines) {
    if (lines->file >= 0)
        close(lines->file);
    lines->file = -1;
}

/* Both are open before either takes the place of what was open: where that fails nothing has
 * changed. */
static int open_files(struct packet_log *log) {
    struct lines packets, ends;
    int error = open_lines(log, &packets, "worker");
    if (error != 0)
        return error;
    error = open_lines(log, &ends, "flows");
    if (error != 0) {
        close_lines(&packets);
        return error;
    }
    close_lines(&log->packets);
    close_lines(&log->ends);
    log->packets = packets;
    log->ends = ends;
    return 0;
}

/*
 * A full disk is not the packet's fault: with FB_OUTPUT_FAILED the worker makes the same call
 * again until it succeeds. So nothing may be left of the line, and the state of the flow must be
 * as it was. Said once, and once when it is over.
 */
static int write_line(struct packet_log *log, struct lines *lines, const char *line, size_t n) {
    ssize_t written = write(lines->file, line, n);
    if (written == (ssize_t)n) {
        lines->size += written;
        if (log->waits)
            log->host->log(log->host, FB_HOST_INFO, "%s can be written again", lines->path);
        log->waits = false;
        return 0;
    }
    const char *why = written < 0 ? strerror(errno) : "no room for a whole line";
    if (!log->waits)
        log->host->log(log->host, FB_HOST_ERROR, "cannot write %s: %s: waiting until it can",
                       lines->path, why);
    log->waits = true;
    log->counters[OUTPUT_FAILURES]++;
    if (written > 0 && ftruncate(lines->file, lines->size) != 0)
        return -errno;
    return FB_OUTPUT_FAILED;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* "SRC SRC_PORT DST DST_PORT" with tabs between. */
static void format_ends(const struct fb_flow *flow, char *text, size_t size) {
    char ends[2][INET6_ADDRSTRLEN];
    for (int i = 0; i < 2; i++) {
        const uint8_t *a = i == 0 ? flow->src : flow->dst;
        if (flow->layer == FB_LAYER_IP4 || flow->layer == FB_LAYER_IP6)
            inet_ntop(flow->layer == FB_LAYER_IP4 ? AF_INET : AF_INET6, a, ends[i], sizeof ends[i]);
        else if (flow->layer == FB_LAYER_MAC)
            snprintf(ends[i], sizeof ends[i], "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2],
                     a[3], a[4], a[5]);
        else
            snprintf(ends[i], sizeof ends[i], "-");
    }
    snprintf(text, size, "%s\t%u\t%s\t%u", ends[0], flow->src_port, ends[1], flow->dst_port);
}

/* "start,gap", or "-". The lists of names are in flow.h, for X macros like this one. */
static void format_flags(unsigned flags, char *text, size_t size) {
    static const char *const names[] = {
#define X(id, name) [FB_BIT_##id] = name,
        FB_DESC_FLAGS(X)
#undef X
    };
    size_t used = 0;
    snprintf(text, size, "-");
    for (unsigned bit = 0; bit < FB_DESC_FLAG_COUNT; bit++)
        if ((flags >> bit & 1u) != 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used != 0 ? "," : "",
                                     names[bit]);
}

static const char *reason_name(uint32_t reason) {
    static const char *const names[] = {
#define X(id, name, text) [FB_END_##id] = name,
        FB_END_REASONS(X)
#undef X
    };
    /* A later version may know more reasons than this file was compiled with. */
    return reason < FB_END_COUNT ? names[reason] : "?";
}

static int write_packet(struct packet_log *log, const struct fb_packet *packet) {
    char ends[2 * INET6_ADDRSTRLEN + 16], flags[160], line[LINE_BYTES];
    format_ends(packet->flow, ends, sizeof ends);
    format_flags(packet->flags, flags, sizeof flags);
    int n = snprintf(line, sizeof line,
                     "%" PRIu64 "\t%" PRIu64 "\t%" PRIu32 "\t%u\t%s\t%u\t%" PRIu32 "\t%s\n",
                     packet->frame, packet->flow->id, packet->flow_seq, packet->dir, ends,
                     packet->proto, packet->payload_len, flags);
    return write_line(log, &log->packets, line, (size_t)n);
}

static int write_end(struct packet_log *log, const struct flow_state *state,
                     const struct fb_flow_end *end) {
    char ends[2 * INET6_ADDRSTRLEN + 16], line[LINE_BYTES];
    format_ends(end->flow, ends, sizeof ends);
    int n = snprintf(line, sizeof line,
                     "%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\n", end->frame,
                     end->flow->id, reason_name(end->reason), ends, end->flow->proto,
                     state->packets, state->bytes);
    return write_line(log, &log->ends, line, (size_t)n);
}

/* ---- what the worker calls ------------------------------------------------------------------- */

static int log_open(struct fb_setup *setup) {
    const struct fb_host *host = setup->host;
    if (setup->args == NULL || *setup->args == '\0') {
        host->log(host, FB_HOST_ERROR, "the directory is missing: write packet_log.so:DIR");
        return -EINVAL;
    }
    /* All that can fail fails here, before packets wait for this worker. */
    if ((mkdir(setup->args, 0777) != 0 && errno != EEXIST) ||
        access(setup->args, W_OK | X_OK) != 0) {
        int error = errno;
        host->log(host, FB_HOST_ERROR, "cannot use the directory %s: %s", setup->args,
                  strerror(error));
        return -error;
    }
    struct packet_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return -ENOMEM;
    log->host = host;
    log->directory = setup->args; /* valid until close() */
    log->packets.file = log->ends.file = -1;
    setup->self = log;
    setup->state_bytes = sizeof(struct flow_state);
    setup->state_kind = FB_STATE_FLAT;
    setup->state_version = 1;
    setup->needs = FB_NEEDS_FILES;
    setup->tick_ms = 10000;
    setup->stats = stat_names;
    return 0;
}

/* The number is known now. It is claimed again if another dispatcher comes. */
static int log_claimed(void *self, const struct fb_instance *instance) {
    struct packet_log *log = self;
    log->worker = instance->worker;
    return open_files(log);
}

static int log_packet(void *self, void *state, const struct fb_packet *packet) {
    struct packet_log *log = self;
    struct flow_state *flow = state; /* zero at the first packet of a flow */
    int rc = write_packet(log, packet);
    if (rc != 0)
        return rc; /* counted below, when it succeeds */
    flow->packets++;
    flow->bytes += packet->payload_len;
    log->counters[PACKETS]++;
    log->counters[PAYLOAD_BYTES] += packet->payload_len;
    log->gaps += packet->gap;
    return 0;
}

static int log_flow_end(void *self, void *state, const struct fb_flow_end *end) {
    struct packet_log *log = self;
    int rc = write_end(log, state, end);
    if (rc == 0)
        log->counters[FLOWS_ENDED]++;
    return rc;
}

static int log_tick(void *self, uint64_t now_ns) {
    struct packet_log *log = self;
    (void)now_ns;
    if (log->gaps != log->gaps_told)
        log->host->log(log->host, FB_HOST_WARNING,
                       "%" PRIu64 " packets of these flows were lost in the last 10 s",
                       log->gaps - log->gaps_told);
    log->gaps_told = log->gaps;
    return 0;
}

/* After a rotation: mv DIR/worker-K.tsv elsewhere, then flow-balancer reload, or SIGHUP. */
static int log_reload(void *self) {
    return open_files(self);
}

static void log_stats(void *self, uint64_t *values) {
    const struct packet_log *log = self;
    memcpy(values, log->counters, sizeof log->counters);
}

static void log_close(void *self) {
    struct packet_log *log = self;
    close_lines(&log->packets);
    close_lines(&log->ends);
    free(log);
}

FB_PLUGIN = {
    FB_INSPECTOR_HEAD,
    .name = "packet_log",
    .version = "1",
    .help = "packet_log.so:DIR: a line a packet in DIR/worker-K.tsv, a line a flow in flows-K.tsv",
    .open = log_open,
    .claimed = log_claimed,
    .packet = log_packet,
    .flow_end = log_flow_end,
    .tick = log_tick,
    .reload = log_reload,
    .stats = log_stats,
    .close = log_close,
};
