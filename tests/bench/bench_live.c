/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reading an interface costs the reader: the dispatcher's two ways beside a loop over the same
 * ring that does nothing else, in alternating runs on a virtual line in a network namespace of its
 * own. Processor time of the reading thread for each frame, its waits and wake-ups included; each
 * reader looks at the first byte of every frame. Needs root.
 */
#include "dispatcher/capture/capture.h"
#include "flow_balancer/common/log.h"
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES (128u << 10)
#define BLOCKS 384u
#define RETIRE_MS 8u
#define SENT_TOGETHER 32u
#define WAIT_MS 50 /* more than any block waits */
#define WARM_NS UINT64_C(300000000)

enum { BARE, BY_PACKET, BY_LIBPCAP, READERS };

static const char *const names[READERS] = {"a bare loop over the ring", "`--capture packet`",
                                           "`--capture libpcap`"};

struct load {
    unsigned per_second, size;
};

static volatile uint8_t seen; /* keeps the look at each frame */

static uint64_t own_time_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the line */

static void make_line(void) {
    if (unshare(CLONE_NEWNET) < 0)
        bench_die("no network namespace of its own: run it as root");
    if (system("ip link add sender type veth peer name tap && ip link set sender up && "
               "ip link set tap up") != 0)
        bench_die("no line: ip from iproute2 is needed");
}

static int packet_socket(const char *name, uint16_t protocol) {
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(protocol),
                                  .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        bench_die("no packet socket on %s", name);
    return fd;
}

/* Evenly, until it is killed. */
_Noreturn static void send_frames(struct load load) {
    static uint8_t bytes[2048] = {2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 0x88, 0xb5};
    struct iovec part = {bytes, load.size};
    struct mmsghdr messages[SENT_TOGETHER];
    int fd = packet_socket("sender", 0);
    uint64_t begun = bench_now_ns(), sent = 0;

    memset(messages, 0, sizeof messages);
    for (unsigned i = 0; i < SENT_TOGETHER; i++) {
        messages[i].msg_hdr.msg_iov = &part;
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        int more = sendmmsg(fd, messages, SENT_TOGETHER, 0);
        sent += more > 0 ? (unsigned)more : 0;
        while (bench_now_ns() < begun + sent * 1000000000u / load.per_second)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
}

static pid_t start_sender(struct load load) {
    pid_t pid = fork();
    if (pid == 0) {
        bench_pin(0);
        send_frames(load);
    }
    return pid;
}

static void stop_sender(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* ---- readers: each returns how many frames it has read until then */

struct bare {
    int fd;
    uint8_t *map;
    unsigned block;
};

static void open_bare(struct bare *b) {
    struct tpacket_req3 ring = {.tp_block_size = BLOCK_BYTES,
                                .tp_block_nr = BLOCKS,
                                .tp_frame_size = BLOCK_BYTES,
                                .tp_frame_nr = BLOCKS,
                                .tp_retire_blk_tov = RETIRE_MS};
    int version = TPACKET_V3;
    b->block = 0;
    b->fd = packet_socket("tap", ETH_P_ALL);
    if (setsockopt(b->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
        setsockopt(b->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0)
        bench_die("the kernel gives no ring");
    b->map = mmap(NULL, (size_t)BLOCKS * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
    if (b->map == MAP_FAILED)
        bench_die("the ring cannot be mapped");
}

static uint64_t read_bare(struct bare *b, uint64_t until_ns) {
    uint64_t count = 0;
    while (bench_now_ns() < until_ns) {
        uint8_t *at = b->map + (size_t)b->block * BLOCK_BYTES;
        struct tpacket_hdr_v1 *block = &((struct tpacket_block_desc *)(void *)at)->hdr.bh1;
        if ((__atomic_load_n(&block->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) {
            poll(&(struct pollfd){.fd = b->fd, .events = POLLIN}, 1, WAIT_MS);
            continue;
        }
        at += block->offset_to_first_pkt;
        for (uint32_t n = block->num_pkts; n > 0; n--) {
            const struct tpacket3_hdr *header = (const struct tpacket3_hdr *)(void *)at;
            seen = at[header->tp_mac];
            at += header->tp_next_offset;
        }
        count += block->num_pkts;
        __atomic_store_n(&block->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        b->block = (b->block + 1) % BLOCKS;
    }
    return count;
}

static uint64_t read_capture(struct capture *capture, uint64_t until_ns) {
    const struct frame *frames;
    unsigned burst;
    uint64_t count = 0;
    while (bench_now_ns() < until_ns) {
        if (capture_burst(capture, CAPTURE_BURST_MAX, &frames, &burst) != CAPTURE_MORE) {
            capture_wait(capture, WAIT_MS * 1000);
            continue;
        }
        for (unsigned i = 0; i < burst; i++)
            seen = frames[i].data[0];
        count += burst;
    }
    return count;
}

static struct capture *open_capture(unsigned reader) {
    static const char *const interfaces[] = {"tap"};
    const struct capture_config config = {.interfaces = interfaces,
                                          .interface_count = 1,
                                          .loops = 1,
                                          .by_libpcap = reader == BY_LIBPCAP};
    struct capture *capture;
    if (capture_open(&capture, &config) != 0)
        bench_die("tap cannot be captured from");
    return capture;
}

/* ---- a run */

static double run(unsigned reader, struct load load, uint64_t for_ns) {
    struct capture *capture = NULL;
    struct bare bare;
    pid_t sender;
    uint64_t own_ns = 0, count = 0;

    if (reader == BARE)
        open_bare(&bare);
    else
        capture = open_capture(reader);
    sender = start_sender(load);
    for (unsigned part = 0; part < 2; part++) { /* the first warms up */
        uint64_t until_ns = bench_now_ns() + (part == 0 ? WARM_NS : for_ns);
        own_ns = own_time_ns();
        count = reader == BARE ? read_bare(&bare, until_ns) : read_capture(capture, until_ns);
        own_ns = own_time_ns() - own_ns;
    }
    stop_sender(sender);
    if (reader == BARE) {
        munmap(bare.map, (size_t)BLOCKS * BLOCK_BYTES);
        close(bare.fd);
    } else {
        capture_close(capture);
    }
    if (count == 0)
        bench_die("no frame came");
    return (double)own_ns / (double)count;
}

int main(int argc, char **argv) {
    struct bench_series series[READERS] = {0};
    char text[100];

    if (argc == 2 && strcmp(argv[1], "--head") == 0) {
        puts("| frames | read by | processor time a frame, ns |\n|---|---|---|");
        return 0;
    }
    if (argc != 5) {
        fputs("usage: bench_live --head\n"
              "       bench_live SIZE FRAMES_A_SECOND RUNS MILLISECONDS\n",
              stderr);
        return 2;
    }
    const struct load load = {
        .size = (unsigned)bench_number("SIZE", argv[1], 60, 1514),
        .per_second = (unsigned)bench_number("FRAMES_A_SECOND", argv[2], 100, 10000000)};
    unsigned runs = (unsigned)bench_number("RUNS", argv[3], 1, BENCH_RUNS_MAX);
    uint64_t for_ns = bench_number("MILLISECONDS", argv[4], 1, 100000) * 1000000;
    fb_log_init("bench_live", FB_LOG_WARNING);
    make_line();
    bench_pin(1);
    for (unsigned i = 0; i < runs; i++)
        for (unsigned reader = 0; reader < READERS; reader++)
            bench_add(&series[reader], run(reader, load, for_ns));
    for (unsigned reader = 0; reader < READERS; reader++)
        printf("| %u bytes, %u a second | %s | %s |\n", load.size, load.per_second, names[reader],
               bench_spread(&series[reader], text, sizeof text));
    return 0;
}
