/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet log, as a program in C that takes the place of a worker: what it was given, as
 * tab-separated lines.
 *
 *   gcc -std=c11 -O2 -Wall -Wextra -o packet_log_program packet_log_program.c \
 *       $(pkg-config --cflags --libs flowbalancer)
 *   flow-dispatcher -r trace.pcap -w 2 &
 *   ./packet_log_program DIR & ./packet_log_program DIR
 *
 * DIR/worker-K.tsv, a line a packet:
 *   frame flow flow_seq dir src src_port dst dst_port proto payload_len flags
 * DIR/flows-K.tsv, a line when a flow ends; packets and bytes of payload as this process saw them:
 *   frame flow reason src src_port dst dst_port proto packets bytes
 *
 * src is the sender of the flow's first packet; dir is 1 where a packet goes the other way.
 *
 * If it dies, the next process with its number goes on behind the last packet that was finished.
 * SIGTERM and SIGINT let it leave when no packet waits for it, twice: now.
 */
#define _GNU_SOURCE
#include <flow_balancer/consumer.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 512 /* more than the longest line: two addresses, all flags, numbers */
#define RETRY_MS 100   /* between two tries to write */

/* Exit statuses as of flow-worker(1). */
enum { EXIT_USAGE = 2, EXIT_REVOKED = 3, EXIT_NOTHING_TO_CLAIM = 75 };

/* A file of lines that only grows. A line is written with one write(), without a buffer: it has
 * left the process when the packet is finished. */
struct lines {
    int file;
    off_t size; /* of its whole lines */
    char path[4096];
};

struct packet_log {
    struct fb_consumer *consumer;
    struct lines packets, ends;
    uint64_t payload_bytes, flow_lines;
};

/* Counters of this program; they appear in status and report. */
enum { PAYLOAD_BYTES, FLOW_LINES };
static const char *const stat_names[] = {"payload_bytes", "flow_lines", NULL};

/* What is kept for each flow; zero at the first packet. */
struct flow_state {
    uint64_t packets, bytes;
};

static volatile int leave; /* how often it was asked to */

static void on_leave_signal(int signo) {
    (void)signo;
    leave = leave + 1;
}

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

static bool open_lines(struct lines *lines, const char *directory, const char *name,
                       unsigned worker) {
    snprintf(lines->path, sizeof lines->path, "%s/%s-%u.tsv", directory, name, worker);
    lines->file = open(lines->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    lines->size = lines->file < 0 ? -errno : whole_lines(lines->file);
    if (lines->size >= 0 && ftruncate(lines->file, lines->size) != 0)
        lines->size = -errno;
    if (lines->size < 0)
        fprintf(stderr, "cannot open %s: %s\n", lines->path, strerror((int)-lines->size));
    return lines->size >= 0;
}

/*
 * A full disk is not the packet's fault: fb_consumer_retry() waits, in which the process is
 * neither taken for hanging nor is the packet suspected. Returns 0; or an enum fb_ended where the
 * run ended meanwhile, and then the packet counts as not inspected.
 */
static int write_line(struct packet_log *log, struct lines *lines, const char *line, size_t n) {
    bool told = false;
    for (;;) {
        ssize_t written = write(lines->file, line, n);
        if (written == (ssize_t)n)
            break;
        const char *why = written < 0 ? strerror(errno) : "no room for a whole line";
        if (!told)
            fprintf(stderr, "cannot write %s: %s: waiting until it can\n", lines->path, why);
        told = true;
        if (written > 0 && ftruncate(lines->file, lines->size) != 0)
            return FB_ENDED_FAILED;
        int ended = fb_consumer_retry(log->consumer, RETRY_MS);
        if (ended != 0)
            return ended;
    }
    lines->size += (off_t)n;
    if (told)
        fprintf(stderr, "%s can be written again\n", lines->path);
    return 0;
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

static int take_packet(struct packet_log *log, struct flow_state *flow,
                       const struct fb_packet *packet) {
    char ends[2 * INET6_ADDRSTRLEN + 16], flags[160], line[LINE_BYTES];
    format_ends(packet->flow, ends, sizeof ends);
    format_flags(packet->flags, flags, sizeof flags);
    int n = snprintf(line, sizeof line,
                     "%" PRIu64 "\t%" PRIu64 "\t%" PRIu32 "\t%u\t%s\t%u\t%" PRIu32 "\t%s\n",
                     packet->frame, packet->flow->id, packet->flow_seq, packet->dir, ends,
                     packet->proto, packet->payload_len, flags);
    int ended = write_line(log, &log->packets, line, (size_t)n);
    if (ended != 0)
        return ended;
    flow->packets++;
    flow->bytes += packet->payload_len;
    log->payload_bytes += packet->payload_len;
    fb_consumer_set_stat(log->consumer, PAYLOAD_BYTES, log->payload_bytes);
    return 0;
}

static int take_end(struct packet_log *log, const struct flow_state *flow,
                    const struct fb_flow_end *end) {
    char ends[2 * INET6_ADDRSTRLEN + 16], line[LINE_BYTES];
    format_ends(end->flow, ends, sizeof ends);
    int n = snprintf(line, sizeof line,
                     "%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\n", end->frame,
                     end->flow->id, reason_name(end->reason), ends, end->flow->proto, flow->packets,
                     flow->bytes);
    int ended = write_line(log, &log->ends, line, (size_t)n);
    if (ended == 0)
        fb_consumer_set_stat(log->consumer, FLOW_LINES, ++log->flow_lines);
    return ended;
}

static int take(struct packet_log *log, const struct fb_event *event) {
    if (event->kind == FB_EVENT_PACKET)
        return take_packet(log, event->state, &event->packet);
    if (event->kind == FB_EVENT_FLOW_END)
        return take_end(log, event->state, &event->end);
    return 0; /* a kind of a later version */
}

/* ---- the loop, twice ------------------------------------------------------------------------- */

/* Where there is nothing else to wait for. Returns an enum fb_ended. */
static int serve(struct packet_log *log) {
    const struct fb_event *event;
    for (;;) {
        int taken = fb_consumer_next(log->consumer, 1000, &event);
        if (taken > 0)
            taken = take(log, event);
        if (taken < 0)
            return taken;
    }
}

/* Where there is: the descriptor is one of those that poll() waits for. */
static int serve_polling(struct packet_log *log) {
    const struct fb_event *event;
    struct pollfd waits[] = {{.fd = fb_consumer_fd(log->consumer), .events = POLLIN}};
    if (waits[0].fd < 0)
        return FB_ENDED_FAILED;
    for (;;) {
        /* Until it returns 0, which also makes the descriptor wait again. */
        int taken;
        while ((taken = fb_consumer_next(log->consumer, 0, &event)) > 0)
            if ((taken = take(log, event)) < 0)
                return taken;
        if (taken < 0)
            return taken;
        /* Not for ever: a signal that comes just before poll() does not end it. */
        if (poll(waits, 1, 100) < 0 && errno != EINTR)
            return FB_ENDED_FAILED;
    }
}

/* ---- the program ----------------------------------------------------------------------------- */

static int usage(void) {
    fputs("Usage: packet_log_program [-n INSTANCE] [-k WORKER] [-p] DIR\n"
          "  -p  waits with poll() on the consumer's descriptor\n",
          stderr);
    return EXIT_USAGE;
}

static void print_counters(const struct packet_log *log) {
    struct fb_consumer_stats stats;
    fb_consumer_stats(log->consumer, &stats, sizeof stats);
    fprintf(stderr,
            "worker %u: %" PRIu64 " packets, %" PRIu64 " bytes of payload, %" PRIu64
            " flows ended, %" PRIu64 " packets lost before\n",
            stats.worker, stats.packets, log->payload_bytes, stats.flows_ended, stats.gap_packets);
}

/* Returns an exit status. */
static int run(struct packet_log *log, const char *directory, bool polls) {
    struct fb_consumer_stats stats;
    fb_consumer_stats(log->consumer, &stats, sizeof stats);
    if (!open_lines(&log->packets, directory, "worker", stats.worker) ||
        !open_lines(&log->ends, directory, "flows", stats.worker)) {
        fb_consumer_close(log->consumer);
        return EXIT_FAILURE;
    }
    int ended = polls ? serve_polling(log) : serve(log);
    print_counters(log);
    if (ended == FB_ENDED_FAILED) { /* the packet in hand was not finished: it comes once more */
        fb_consumer_abandon(log->consumer);
        return EXIT_FAILURE;
    }
    fb_consumer_close(log->consumer);
    switch (ended) {
    case FB_ENDED_STOPPED:
    case FB_ENDED_LEFT:
        return EXIT_SUCCESS;
    case FB_ENDED_REVOKED:
        return EXIT_REVOKED;
    default: /* the dispatcher is gone: another run may begin, with another process */
        return EXIT_FAILURE;
    }
}

int main(int argc, char **argv) {
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    struct packet_log log = {.packets.file = -1, .ends.file = -1};
    bool polls = false;
    for (int option; (option = getopt(argc, argv, "n:k:p")) != -1;) {
        if (option == 'n')
            config.instance = optarg;
        else if (option == 'k')
            config.worker = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'p')
            polls = true;
        else
            return usage();
    }
    if (optind != argc - 1)
        return usage();
    const char *directory = argv[optind];
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "cannot make %s: %s\n", directory, strerror(errno));
        return EXIT_FAILURE;
    }

    struct sigaction action = {.sa_handler = on_leave_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is like a full disk */
    config.leave = &leave;
    config.state_bytes = sizeof(struct flow_state);
    config.stats = stat_names;
    int error = fb_consumer_open(&log.consumer, &config); /* says itself what failed */
    if (error == -EINTR)
        return EXIT_SUCCESS;
    if (error != 0)
        return error == -EAGAIN ? EXIT_NOTHING_TO_CLAIM : EXIT_FAILURE;
    return run(&log, directory, polls);
}
