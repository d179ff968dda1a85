/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/chaos/chaos.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "flow_balancer/sides.h"

#define STAGED_MOST 64u /* descriptors that may be written beyond what is published */
#define ANSWER_S 30     /* a watchdog: requests are answered between bursts */

void chaos_view_open(struct chaos *c) {
    UNTIL(c->t, fb_ctl_join(&c->ctl, c->t->name) == FB_JOINED);
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++) {
        int file = open(c->ctl.ctl->directory[k].down_path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        assert_true(file >= 0 && fstat(file, &st) == 0);
        void *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, file, 0);
        assert_true(base != MAP_FAILED);
        close(file);
        c->down[k] = base;
    }
}

void chaos_view_close(struct chaos *c) {
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++)
        munmap((void *)(uintptr_t)c->down[k], fb_down_footprint(&c->ctl.ctl->geometry));
    fb_ctl_leave(&c->ctl);
}

int chaos_open_up(const struct chaos *c, unsigned worker) {
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, c->t->name, FB_KIND_UP, worker);
    return open(path, O_RDWR | O_CLOEXEC);
}

static uint64_t published_in(const struct chaos *c, unsigned worker) {
    /* A1: pairs with R1 in fb_tx_publish */
    return atomic_load_explicit(&c->down[worker]->published, memory_order_acquire);
}

static const struct fb_desc *desc_at(const struct chaos *c, unsigned worker, uint64_t seq) {
    const struct fb_down *down = c->down[worker];
    const struct fb_desc *descs =
        (const struct fb_desc *)(const void *)((const char *)down + down->desc_offset);
    return &descs[seq & (down->slots - 1)];
}

uint64_t chaos_consumed(const struct chaos *c, unsigned worker) {
    uint64_t published = published_in(c, worker), slots = c->down[worker]->slots, consumed = 0;
    int up = chaos_open_up(c, worker);
    bool known = up >= 0 && pread(up, &consumed, sizeof consumed,
                                  offsetof(struct fb_up, consumed)) == sizeof consumed;
    if (up >= 0)
        close(up);
    /* Where there is no number, or nonsense, all slots may be in use. */
    if (!known || published - consumed > slots)
        consumed = published < slots ? 0 : published - slots;
    return consumed;
}

static uint64_t first_waiting_in(const struct chaos *c, unsigned worker) {
    uint64_t least = UINT64_MAX, consumed = chaos_consumed(c, worker);
    /* A descriptor that has been written again since belongs to a later frame. */
    for (uint64_t seq = consumed, end = published_in(c, worker); seq < end; seq++) {
        uint64_t frame = desc_at(c, worker, seq)->frame;
        least = frame < least ? frame : least;
    }
    return least;
}

void chaos_note_ring(struct chaos *c, unsigned worker) {
    struct seat *seat = &c->seats[worker];
    struct blow *blow = &seat->blow;
    uint64_t published = published_in(c, worker), slots = c->down[worker]->slots;
    if (published - seat->noted > slots - STAGED_MOST) {
        seat->noted = published - (slots - STAGED_MOST);
        blow->blind = true;
    }
    size_t room = blow->held_count + (size_t)(published - seat->noted);
    if (room == blow->held_count)
        return;
    blow->held = realloc(blow->held, room * sizeof *blow->held);
    assert_non_null(blow->held);
    for (; seat->noted != published; seat->noted++) {
        const struct fb_desc *desc = desc_at(c, worker, seat->noted);
        if ((desc->flags & FB_F_END) == 0)
            blow->held[blow->held_count++] =
                (struct flow_frame){.flow = desc->flow_id,
                                    .frame = desc->frame,
                                    .finished = seat->noted < seat->finished};
    }
}

uint64_t chaos_first_waiting(const struct chaos *c) {
    uint64_t least = chaos_received(c);
    /* Twice: a packet may be moved into a ring that has been looked at. */
    for (unsigned i = 0; i < 2 * CHAOS_NUMBERS; i++) {
        uint64_t first = first_waiting_in(c, i % CHAOS_NUMBERS);
        least = first < least ? first : least;
    }
    return least;
}

static const struct fb_snapshot *snapshot_of(const struct chaos *c) {
    static struct fb_snapshot snapshot;
    fb_ctl_read_snapshot(c->ctl.ctl, &snapshot, CHAOS_NUMBERS);
    return &snapshot;
}

uint64_t chaos_received(const struct chaos *c) {
    return snapshot_of(c)->run[FB_RUN_RECEIVED];
}

uint64_t chaos_snapshots(const struct chaos *c) {
    /* Relaxed: only to see whether it moves. */
    return atomic_load_explicit(&c->ctl.ctl->snapshot_sequence, memory_order_relaxed);
}

bool chaos_revoked(const struct chaos *c, unsigned worker) {
    return fb_ctl_epoch(c->ctl.ctl, worker) != c->seats[worker].epoch;
}

bool chaos_ask(const struct chaos *c, const char *request, int worker, unsigned *number) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char directory[FB_PATH_MAX], text[4096];
    assert_int_equal(fb_runtime_dir(directory, false), 0);
    int n =
        snprintf(address.sun_path, sizeof address.sun_path, "%s/%s.sock", directory, c->t->name);
    assert_in_range(n, 1, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = ANSWER_S};
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    n = worker < 0
            ? snprintf(text, sizeof text, "{\"request\": \"%s\"}", request)
            : snprintf(text, sizeof text, "{\"request\": \"%s\", \"worker\": %d}", request, worker);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    ssize_t got = recv(fd, text, sizeof text, 0);
    close(fd);
    if (got <= 0)
        fail_msg("'%s' was not answered within %d s", request, ANSWER_S);
    json_t *answer = json_loadb(text, (size_t)got, 0, NULL);
    assert_non_null(answer);
    bool ok = json_is_true(json_object_get(answer, "ok"));
    if (ok && number != NULL)
        *number = (unsigned)json_integer_value(json_object_get(answer, "worker"));
    json_decref(answer);
    return ok;
}

/* ---- where it stood */

char chaos_process_state(pid_t pid) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = pid == 0 ? NULL : fopen(path, "re");
    if (file == NULL)
        return '-';
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    return end == NULL ? '-' : end[2];
}

void chaos_print(struct chaos *c) {
    const struct fb_snapshot *snapshot = snapshot_of(c);
    print_error("chaos: seed %" PRIu64 ", event %u of %u\n", c->seed, c->begun, c->events);
    for (unsigned i = 0; i < FB_RUN_COUNT; i++)
        print_error("  %s %" PRIu64 "\n", fb_run_texts[i].name, snapshot->run[i]);
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++) {
        const struct seat *seat = &c->seats[k];
        const uint64_t *lane = snapshot->lane[k];
        uint32_t state = fb_ctl_state(c->ctl.ctl, k);
        print_error("  worker %u: %s, epoch %" PRIu64 " (was %" PRIu64 "), process %d is %c, "
                    "%s step %u; entered %" PRIu64 " finished %" PRIu64 " moved %" PRIu64
                    " waiting %" PRIu64 ", flows %" PRIu64 "\n",
                    k, state < FB_STATE_COUNT ? fb_state_names[state] : "?",
                    fb_ctl_epoch(c->ctl.ctl, k), seat->epoch, (int)seat->pid,
                    chaos_process_state(seat->pid),
                    seat->busy ? chaos_names[seat->blow.kind] : "idle", seat->step,
                    lane[FB_LANE_ENTERED], lane[FB_LANE_INSPECTED], lane[FB_LANE_REMOVED],
                    lane[FB_LANE_WAITING], lane[FB_LANE_FLOWS_BOUND]);
    }
    processes_print(c->t);
    chaos_keep(c);
}

void chaos_keep(const struct chaos *c) {
    char kept[PROCESS_PATH_MAX];
    snprintf(kept, sizeof kept, "%s.failed", c->t->directory);
    if (rename(c->t->directory, kept) == 0)
        print_error("log and records: %s\n", kept);
}
