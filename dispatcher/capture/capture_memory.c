/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_source.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)64 << 20) /* memory is taken in units of this: 32 hugepages */
#define SLICE_FRAMES 4096u             /* loaded per call of memory_read(): less than 1 ms */
#define KEPT_FREE_SHARE 32u            /* one part in so many of all memory is left to others */

/*
 * All files in memory, delivered from there. Two ranges of address space, each as
 * long as all memory and filled from its start: the frames' bytes, one frame behind
 * the other so that a reader can prefetch far ahead, and their struct frame. A burst
 * is a window on the latter: delivery copies nothing.
 */
struct range {
    uint8_t *base;
    size_t used;
    size_t committed; /* bytes that may be written: a multiple of CHUNK_BYTES */
    size_t reserved;
};

struct capture_memory {
    struct capture_config config; /* the files', with one loop */
    void *files;
    struct range bytes;
    struct range frames;
    struct capture_sink sink;
    uint64_t loops_left;
    bool loading;
    bool failed;
};

static int range_open(struct range *s) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t memory = (size_t)sysconf(_SC_PHYS_PAGES) * page;

    s->reserved = (memory + 2 * CHUNK_BYTES) & ~(CHUNK_BYTES - 1);
    s->base =
        mmap(NULL, s->reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->base == MAP_FAILED) {
        s->base = NULL;
        fb_error("cannot reserve %zu MB of addresses for --preload: %s: raise `ulimit -v`",
                 s->reserved >> 20, strerror(errno));
        return -ENOMEM;
    }
    madvise(s->base, s->reserved, MADV_HUGEPAGE); /* if refused, it is slower but not wrong */
    madvise(s->base, s->reserved, MADV_DONTFORK); /* a fork would split the hugepages */
    return 0;
}

static void range_close(struct range *s) {
    if (s->base != NULL)
        munmap(s->base, s->reserved);
}

/* Checked before each chunk: the kernel promises more than it has, and kills processes when they
 * use it. */
static bool memory_is_short(const struct range *s) {
    return fb_memory_available() < CHUNK_BYTES + s->reserved / KEPT_FREE_SHARE;
}

/* Makes room for that many more bytes, less than a chunk. Returns 0 or -ENOMEM. */
static int range_grow(struct range *s, size_t more) {
    if (s->committed - s->used >= more)
        return 0;
    if (s->committed == s->reserved || memory_is_short(s))
        return -ENOMEM;
    if (mprotect(s->base + s->committed, CHUNK_BYTES, PROT_READ | PROT_WRITE) < 0)
        return -ENOMEM;
    s->committed += CHUNK_BYTES;
    return 0;
}

static size_t frame_count(const struct capture_memory *m) {
    return m->frames.used / sizeof(struct frame);
}

static void end_loading(struct capture_memory *m) {
    m->loading = false;
    m->failed |= capture_file_source.failed(m->files);
    capture_file_source.close(m->files);
    m->files = NULL;
    fb_info("preloaded %zu frames, %zu MB with their descriptions", frame_count(m),
            (m->bytes.used + m->frames.used) >> 20);
}

/* Nothing is delivered: a measurement would take part of the trace for all of it. */
static void give_up_loading(struct capture_memory *m) {
    fb_error("no memory for more than %zu preloaded frames, %zu MB: give fewer files, a smaller -s "
             "SNAPLEN, or leave out --preload",
             frame_count(m), (m->bytes.used + m->frames.used) >> 20);
    end_loading(m);
    m->failed = true;
    m->loops_left = 0;
}

static enum capture_status load_slice(struct capture_memory *m) {
    enum capture_status status;

    if (range_grow(&m->bytes, CAPTURE_SINK_ROOM) < 0 ||
        range_grow(&m->frames, SLICE_FRAMES * sizeof(struct frame)) < 0) {
        give_up_loading(m);
        return CAPTURE_END;
    }
    m->sink.frames = (struct frame *)(void *)(m->frames.base + m->frames.used);
    m->sink.count = 0;
    m->sink.next = m->bytes.base + m->bytes.used;
    m->sink.end = m->bytes.base + m->bytes.committed;
    status = capture_file_source.read(m->files, &m->sink, SLICE_FRAMES);
    m->frames.used += m->sink.count * sizeof(struct frame);
    m->bytes.used = (size_t)(m->sink.next - m->bytes.base);
    if (status == CAPTURE_END)
        end_loading(m);
    return CAPTURE_IDLE;
}

static enum capture_status memory_read(void *state, struct capture_sink *sink, unsigned max) {
    struct capture_memory *m = state;

    (void)max; /* all frames at the same time; capture_burst() cuts them into bursts */
    if (m->loading)
        return load_slice(m);
    if (m->loops_left == 0 || frame_count(m) == 0)
        return CAPTURE_END;
    m->loops_left--;
    sink->frames = (struct frame *)(void *)m->frames.base;
    sink->count = frame_count(m);
    return CAPTURE_MORE;
}

static void memory_wait(void *state, unsigned timeout_us) {
    struct capture_memory *m = state;
    if (m->loading)
        capture_file_source.wait(m->files, timeout_us);
}

static bool memory_failed(const void *state) {
    const struct capture_memory *m = state;
    return m->failed || (m->loading && capture_file_source.failed(m->files));
}

static void memory_position(void *state, const struct frame *next,
                            struct capture_position *position) {
    struct capture_memory *m = state;

    if (m->loading) {
        capture_file_source.position(m->files, NULL, position);
        position->preloading = true;
        return;
    }
    position->loop_bytes = m->bytes.used;
    position->at = next == NULL ? 0 : (uint64_t)(next->data - m->bytes.base);
    position->loops_left = m->loops_left + (next == NULL ? 0 : 1);
}

static void memory_close(void *state) {
    struct capture_memory *m = state;
    if (m->files != NULL)
        capture_file_source.close(m->files);
    range_close(&m->bytes);
    range_close(&m->frames);
    free(m);
}

static int memory_check_filter(void *state, struct capture_filter *filter) {
    (void)state;
    (void)filter;
    fb_error("frames are preloaded and are not filtered again: leave out --preload");
    return -ENOTSUP;
}

static bool memory_takes(const struct capture_config *config) {
    return config->file_count > 0 && config->preload;
}

static int memory_open(void **state, const struct capture_config *config,
                       struct capture_filters *filters) {
    struct capture_memory *m = calloc(1, sizeof *m);
    int err;

    if (m == NULL) {
        fb_error("no memory for %zu bytes: free some", sizeof *m);
        return -ENOMEM;
    }
    m->config = *config;
    m->config.loops = 1;
    m->loops_left = config->loops;
    m->loading = true;
    m->sink = (struct capture_sink){
        .snaplen = (uint32_t)config->snaplen,
        .align_mask = 15, /* dense enough to prefetch, aligned enough to copy */
    };
    err = range_open(&m->bytes);
    if (err == 0)
        err = range_open(&m->frames);
    if (err == 0)
        err = capture_file_source.open(&m->files, &m->config, filters);
    if (err < 0) {
        memory_close(m);
        return err;
    }
    *state = m;
    return 0;
}

const struct capture_source capture_memory_source = {
    .takes = memory_takes,
    .open = memory_open,
    .read = memory_read,
    .wait = memory_wait,
    .failed = memory_failed,
    .check_filter = memory_check_filter,
    .position = memory_position,
    .close = memory_close,
};
