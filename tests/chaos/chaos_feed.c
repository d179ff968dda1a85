/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/chaos/chaos.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_HEADER 24u
#define PACKET_HEADER 16u
#define CHUNK_PACKETS 64u
#define NS_PER_S UINT64_C(1000000000)
/* Behind by more, since the rings were full: what was not sent then is not made up for. */
#define BEHIND_S 0.05

static volatile sig_atomic_t feed_ended;

static void end_feed(int signo) {
    (void)signo;
    feed_ended = 1;
}

/* A packet's header as tracegen writes it: nanoseconds, in this machine's order of bytes. */
struct packet_header {
    uint32_t s, ns, caplen, wirelen;
};

struct feed {
    const uint8_t *bytes;
    size_t size, at;
    uint64_t shift_ns, begun_ns, stamp_ns; /* stamps of the first packet and of this one */
};

/* Copies the next packet with its stamp shifted; returns its length. */
static size_t next_packet(struct feed *f, uint8_t *to) {
    struct packet_header header;
    if (f->at >= f->size) {
        f->at = FILE_HEADER;
        f->shift_ns += f->stamp_ns - f->begun_ns + 1000;
    }
    memcpy(&header, f->bytes + f->at, sizeof header);
    f->stamp_ns = header.s * NS_PER_S + header.ns;
    if (f->begun_ns == 0)
        f->begun_ns = f->stamp_ns;
    uint64_t stamp_ns = f->stamp_ns + f->shift_ns;
    header.s = (uint32_t)(stamp_ns / NS_PER_S);
    header.ns = (uint32_t)(stamp_ns % NS_PER_S);
    memcpy(to, &header, sizeof header);
    memcpy(to + PACKET_HEADER, f->bytes + f->at + PACKET_HEADER, header.caplen);
    f->at += PACKET_HEADER + header.caplen;
    return PACKET_HEADER + header.caplen;
}

_Noreturn static void feed(struct feed *f, struct process *to, double rate) {
    static uint8_t chunk[CHUNK_PACKETS * (PACKET_HEADER + 2048)];
    bool fed = process_feed(to, f->bytes, FILE_HEADER);
    double next = seconds_now();
    while (fed && !feed_ended) {
        size_t used = 0;
        for (unsigned i = 0; i < CHUNK_PACKETS; i++)
            used += next_packet(f, chunk + used);
        fed = process_feed(to, chunk, used);
        next += CHUNK_PACKETS / rate;
        double now = seconds_now();
        if (now - next > BEHIND_S)
            next = now - BEHIND_S;
        if (next - now > 0.001)
            pause_ms((long)((next - now) * 1000));
    }
    _exit(fed ? 0 : 1);
}

pid_t chaos_feed(struct process *to, const char *trace, unsigned rate) {
    int file = open(trace, O_RDONLY | O_CLOEXEC);
    struct stat st;
    assert_true(file >= 0 && fstat(file, &st) == 0 && st.st_size > (off_t)FILE_HEADER);
    struct feed f = {.size = (size_t)st.st_size, .at = FILE_HEADER};
    f.bytes = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, file, 0);
    assert_true(f.bytes != MAP_FAILED);
    close(file);
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGTERM, end_feed);
        if (getppid() != parent)
            _exit(1);
        feed(&f, to, rate);
    }
    munmap((void *)(uintptr_t)f.bytes, f.size);
    process_close_input(to); /* from now on the input ends with the feeder */
    return pid;
}
