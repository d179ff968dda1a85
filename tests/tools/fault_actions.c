/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tools/fault_actions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/sides.h"

#include "tests/lib/random.h"

#define MAPPINGS_MAX 64u

struct mapping {
    uintptr_t from, to;
    bool writable, shared;
    char path[PATH_MAX];
};

/* The next mapping of this process; false at the end. */
static bool next_mapping(FILE *maps, struct mapping *mapping) {
    char line[PATH_MAX + 256], mode[8];
    int path_at = 0;
    if (fgets(line, sizeof line, maps) == NULL)
        return false;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*x %*s %*u %n", &mapping->from, &mapping->to,
               mode, &path_at) != 3)
        return false;
    mapping->writable = mode[1] == 'w';
    mapping->shared = mode[3] == 's';
    snprintf(mapping->path, sizeof mapping->path, "%s", line + path_at);
    return true;
}

/*
 * The worker's own two sides, looked up as somebody who took the process over
 * would: its up side is all that it shares and may write, its down side is
 * where the packet's descriptor is.
 */
struct sides {
    struct fb_up *up;
    const struct fb_down *down;
    char up_path[PATH_MAX];
};

static int find_sides(const struct fb_packet *packet, struct sides *sides) {
    struct mapping mapping;
    FILE *maps = fopen("/proc/self/maps", "re");
    *sides = (struct sides){.up = NULL};
    while (maps != NULL && next_mapping(maps, &mapping)) {
        uintptr_t data = (uintptr_t)packet->data; /* the descriptor is a copy */
        if (mapping.writable && mapping.shared) {
            sides->up = (struct fb_up *)mapping.from;
            memcpy(sides->up_path, mapping.path, sizeof sides->up_path);
        }
        if (data >= mapping.from && data < mapping.to)
            sides->down = (const struct fb_down *)mapping.from;
    }
    if (maps != NULL)
        fclose(maps);
    if (sides->up != NULL && sides->down != NULL)
        return 0;
    fb_error("inspector fault: the sides of this worker are not in /proc/self/maps");
    return -ENOENT;
}

static int scribble(uint64_t seed) {
    struct mapping found[MAPPINGS_MAX];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL)
        return -errno;
    while (count < MAPPINGS_MAX && next_mapping(maps, &found[count]))
        count += found[count].writable && found[count].shared;
    fclose(maps);
    struct random random = random_from(seed);
    for (unsigned i = 0; i < count; i++)
        for (uintptr_t at = found[i].from; at < found[i].to; at += sizeof(uint64_t))
            *(volatile uint64_t *)at = random_word(&random);
    return 0;
}

static int cut_up_side(const struct fb_packet *packet, uint64_t bytes) {
    struct sides sides;
    int rc = find_sides(packet, &sides);
    if (rc == 0 && truncate(sides.up_path, (off_t)bytes) != 0) {
        rc = -errno;
        fb_error("inspector fault: cannot cut %s: %s", sides.up_path, strerror(-rc));
    }
    return rc;
}

/* Relaxed: a lie needs no order. */
static int lie(const struct fault_rule *rule, const struct fb_packet *packet) {
    struct sides sides;
    int rc = find_sides(packet, &sides);
    if (rc != 0)
        return rc;
    uint64_t published = atomic_load_explicit(&sides.down->published, memory_order_relaxed);
    uint64_t consumed = atomic_load_explicit(&sides.up->consumed, memory_order_relaxed);
    _Atomic uint64_t *word = &sides.up->consumed;
    uint64_t value = published;
    switch (rule->action) {
    case FAULT_CONSUMED_AHEAD:
        value = published + rule->number;
        break;
    case FAULT_CONSUMED_BACK:
        value = consumed - rule->number;
        break;
    case FAULT_CURSOR_AHEAD:
    case FAULT_CURSOR_BACK:
        word = &sides.up->cursor;
        value =
            rule->action == FAULT_CURSOR_AHEAD ? published + rule->number : consumed - rule->number;
        value = value * 2 + 1;
        break;
    case FAULT_STATUS:
        fb_up_set_worker_status(sides.up, (enum fb_worker_status)rule->number);
        return 0;
    default:
        break;
    }
    atomic_store_explicit(word, value, memory_order_relaxed);
    return 0;
}

/* Busy, to all appearance: with the first packet of its burst, then with this one, then again. */
static int move_to_and_fro(const struct fb_packet *packet) {
    static const struct timespec pause = {.tv_nsec = 1000000};
    struct sides sides;
    int rc = find_sides(packet, &sides);
    if (rc != 0)
        return rc;
    /* Relaxed: as in lie(). */
    uint64_t first = atomic_load_explicit(&sides.up->consumed, memory_order_relaxed) * 2 + 1;
    uint64_t last = atomic_load_explicit(&sides.up->cursor, memory_order_relaxed);
    for (;;) {
        atomic_store_explicit(&sides.up->cursor, first, memory_order_relaxed);
        nanosleep(&pause, NULL);
        atomic_store_explicit(&sides.up->cursor, last, memory_order_relaxed);
        nanosleep(&pause, NULL);
    }
}

/* Bytes as the inspector sees them, for who knows what they were when they were sent. */
static int copy(const struct fb_packet *packet, int directory) {
    uint32_t length = packet->caplen;
    const struct iovec parts[] = {{&length, sizeof length},
                                  {(void *)(uintptr_t)packet->data, length}};
    int file = openat(directory, "packets", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool done = file >= 0 && writev(file, parts, 2) == (ssize_t)(sizeof length + length);
    int error = errno;
    if (file >= 0)
        close(file);
    if (done)
        return 0;
    fb_error("inspector fault: cannot copy a packet of %u bytes: %s", length, strerror(error));
    return -EIO;
}

/* A child with all that a fork hands on. It ends by itself. */
static int leave_child(uint64_t seconds, int directory) {
    int file = openat(directory, "child", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    pid_t pid = file < 0 ? -1 : fork();
    if (pid < 0) {
        int error = errno;
        fb_error("inspector fault: cannot leave a child: %s", strerror(error));
        return -error;
    }
    if (pid == 0) {
        signal(SIGALRM, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        alarm((unsigned)seconds);
        for (;;)
            pause();
    }
    dprintf(file, "%d\n", (int)pid);
    close(file);
    return 0;
}

_Noreturn static void crash(const struct fb_packet *packet) {
    *(volatile uint8_t *)(uintptr_t)packet->data = 0;
    fb_error("inspector fault: the ring could be written to");
    abort();
}

int fault_act(const struct fault_rule *rule, const struct fb_packet *packet, int directory) {
    switch (rule->action) {
    case FAULT_CRASH:
        crash(packet);
    case FAULT_KILL:
        raise(SIGKILL);
        return 0;
    case FAULT_EXIT:
        _exit((int)rule->number);
    case FAULT_FAIL:
        fb_error("inspector fault: it failed at frame %" PRIu64, packet->frame);
        return -EIO;
    case FAULT_STOP:
        raise(SIGSTOP);
        return 0;
    case FAULT_HANG:
        for (;;)
            __asm__ volatile("" ::: "memory");
    case FAULT_SLEEP:
        for (;;)
            pause();
    case FAULT_TO_AND_FRO:
        return move_to_and_fro(packet);
    case FAULT_SLOW:
        nanosleep(&(struct timespec){.tv_sec = (time_t)(rule->number / 1000000),
                                     .tv_nsec = (long)(rule->number % 1000000) * 1000},
                  NULL);
        return 0;
    case FAULT_PRINT:
        printf("inspector fault: frame %" PRIu64 "\n", packet->frame);
        return 0;
    case FAULT_COPY:
        return copy(packet, directory);
    case FAULT_FORK:
        return leave_child(rule->number, directory);
    case FAULT_SCRIBBLE:
        return scribble(rule->number);
    case FAULT_TRUNCATE:
        return cut_up_side(packet, rule->number);
    default:
        return lie(rule, packet);
    }
}
