/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_begin.h"
#include "dispatcher/capture/capture_pipe.h"
#include "dispatcher/capture/capture_source.h"
#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Nanoseconds a frame, medians of 3 runs of 3:
 *
 *     buffer                      4 KB (stdio's own)   32 KB   256 KB   1 MB
 *     frames of 650 bytes, mean          285            160      150     140
 *     frames of 60 bytes                  72             65       56      47
 *
 * Half of a level-2 cache of 512 KB: the rest of the data path needs the other half.
 */
#define STREAM_BYTES (256u << 10)

/*
 * Capture files, one open at a time, from the first to the last, once per loop.
 *
 *     closed -> opening -> reading -> closed (next name) ... -> end
 *                  |          +-- breaks off: logged, failed --^
 *                  +-- a pipe whose header has not come yet: asked again
 */
struct capture_file {
    const struct capture_config *config;
    unsigned next; /* index of the name that is open, or will be next */
    uint64_t loops_left;
    uint64_t loop_frames; /* frames read in this loop */
    bool failed;

    FILE *stream;              /* not NULL: opening or reading */
    struct capture_pipe *pipe; /* not NULL: the stream is a pipe */
    pcap_t *pcap;              /* not NULL: reading */
    struct bpf_program program;
    uint64_t *file_bytes; /* how long each file is, 0: a pipe */
    char stream_buffer[STREAM_BYTES];
};

static const char *present_name(const struct capture_file *f) {
    return f->config->files[f->next];
}

static int stat_name(const char *name, struct stat *st) {
    return strcmp(name, "-") == 0 ? fstat(STDIN_FILENO, st) : stat(name, st);
}

/* Regular files are read with plain stdio; anything else may make the reader wait. */
static bool is_regular(const char *name) {
    struct stat st;
    return stat_name(name, &st) == 0 && S_ISREG(st.st_mode);
}

static int open_stream(struct capture_file *f, const char *name) {
    int err;

    if (!is_regular(name)) {
        f->pipe = capture_pipe_open(name, &f->stream);
    } else {
        f->stream = strcmp(name, "-") == 0 ? fdopen(dup(STDIN_FILENO), "r") : fopen(name, "re");
        if (f->stream != NULL)
            setvbuf(f->stream, f->stream_buffer, _IOFBF, sizeof f->stream_buffer);
    }
    if (f->stream != NULL)
        return 0;
    err = errno;
    fb_error("cannot open %s: %s%s", capture_shown_name(name), fb_errno_text(err),
             err == EMFILE ? "" : ": give a capture file that can be read");
    return -err;
}

static void close_present(struct capture_file *f) {
    if (f->pcap != NULL)
        pcap_close(f->pcap); /* closes the stream */
    else if (f->stream != NULL)
        fclose(f->stream);
    pcap_freecode(&f->program);
    f->pcap = NULL;
    f->stream = NULL;
    f->pipe = NULL;
}

/* Logs why the stream that began at `start` cannot be read. */
static void say_no_begin(struct capture_file *f, const char *name, off_t start,
                         const char *reason) {
    uint8_t head[CAPTURE_BEGIN_BYTES];
    const uint8_t *bytes = head;
    size_t count;

    if (f->pipe != NULL) {
        count = capture_pipe_begin(f->pipe, &bytes, sizeof head);
    } else {
        ssize_t got = pread(fileno(f->stream), head, sizeof head, start);
        count = got > 0 ? (size_t)got : 0;
    }
    capture_say_no_begin(name, bytes, count, reason);
}

/*
 * Reads the header of the open stream. Returns 0; -EAGAIN if a pipe has not
 * given enough of it yet; -errno after one logged line.
 */
static int open_header(struct capture_file *f, const char *name) {
    char reason[PCAP_ERRBUF_SIZE];
    off_t start = f->pipe == NULL ? ftello(f->stream) : 0;
    int err;

    f->pcap =
        pcap_fopen_offline_with_tstamp_precision(f->stream, PCAP_TSTAMP_PRECISION_NANO, reason);
    if (f->pcap == NULL) {
        if (f->pipe != NULL && feof(f->stream) && !capture_pipe_ended(f->pipe))
            return -EAGAIN;
        say_no_begin(f, name, start, reason);
        return -EINVAL;
    }
    if (f->pipe != NULL)
        capture_pipe_start(f->pipe);
    err = capture_check_link(f->config, f->pcap, name);
    return err < 0 ? err : capture_compile(f->config, f->pcap, name, &f->program);
}

/* Checks all that can be checked before a frame is read, without taking bytes out of a pipe. */
static int check_name(struct capture_file *f, const char *name) {
    struct stat st = {.st_mode = S_IFIFO};
    int err = 0;

    if (strcmp(name, "-") != 0 && stat(name, &st) < 0)
        err = errno;
    else if (S_ISDIR(st.st_mode))
        err = EISDIR;
    if (err != 0) {
        fb_error("cannot open %s: %s: give a capture file", name, strerror(err));
        return -err;
    }
    if (S_ISREG(st.st_mode)) {
        err = open_stream(f, name);
        if (err == 0)
            err = open_header(f, name);
        close_present(f);
        return err;
    }
    if (f->config->loops > 1) {
        fb_error("%s is a pipe and cannot be read %llu times: add --preload, or give a file",
                 capture_shown_name(name), (unsigned long long)f->config->loops);
        return -EINVAL;
    }
    return 0;
}

static void file_close(void *state) {
    struct capture_file *f = state;
    close_present(f);
    free(f->file_bytes);
    free(f);
}

static void measure(struct capture_file *f, unsigned file) {
    struct stat st;
    if (stat_name(f->config->files[file], &st) == 0 && S_ISREG(st.st_mode))
        f->file_bytes[file] = (uint64_t)st.st_size;
}

static bool file_takes(const struct capture_config *config) {
    return config->file_count > 0;
}

static int file_open(void **state, const struct capture_config *config) {
    struct capture_file *f = calloc(1, sizeof *f);
    int err = 0;

    if (f == NULL || (f->file_bytes = calloc(config->file_count, sizeof(uint64_t))) == NULL) {
        fb_error("no memory for the file buffer, %zu bytes: free some", sizeof *f);
        free(f);
        return -ENOMEM;
    }
    f->config = config;
    f->loops_left = config->loops;
    for (unsigned i = 0; i < config->file_count && err == 0; i++) {
        err = check_name(f, config->files[i]);
        measure(f, i);
    }
    if (err < 0) {
        file_close(f);
        return err;
    }
    *state = f;
    return 0;
}

static void go_to_next(struct capture_file *f) {
    close_present(f);
    f->next++;
}

/* If a whole loop gave no frame, neither would the next. */
static bool next_loop(struct capture_file *f) {
    if (f->loops_left <= 1 || f->loop_frames == 0)
        return false;
    f->loops_left--;
    f->loop_frames = 0;
    f->next = 0;
    return true;
}

/* CAPTURE_MORE: the file is open; or it was skipped with an error, and the next call goes on. */
static enum capture_status open_present(struct capture_file *f, struct capture_sink *sink) {
    int err = 0;

    if (f->next == f->config->file_count && !next_loop(f))
        return CAPTURE_END;
    if (f->stream == NULL)
        err = open_stream(f, present_name(f));
    else
        capture_pipe_rewind(f->pipe);
    if (err == 0) {
        clearerr(f->stream);
        err = open_header(f, present_name(f));
    }
    if (err == -EAGAIN)
        return CAPTURE_IDLE;
    if (err < 0) {
        f->failed = true;
        go_to_next(f);
        return CAPTURE_MORE;
    }
    sink->new_source = true;
    sink->seen = 0;
    return CAPTURE_MORE;
}

/*
 * capture_keep() applies the filter, not libpcap: pcap_dispatch() counts the frames
 * that pass, so that with a filter that passes few it would read on and on.
 */
static int dispatch(struct capture_file *f, struct capture_sink *sink, unsigned max) {
    sink->pcap = f->pcap;
    sink->filter = f->config->filter == NULL ? NULL : &f->program;
    sink->dlt = pcap_datalink(f->pcap);
    sink->stamp_unit_ns = 1; /* as open_header() asked for */
    if (f->pipe != NULL)
        clearerr(f->stream); /* its end may only mean that no whole record has come */
    return pcap_dispatch(f->pcap, (int)max, capture_keep, (u_char *)sink);
}

static enum capture_status file_read(void *state, struct capture_sink *sink, unsigned max) {
    struct capture_file *f = state;
    enum capture_status status;
    int n;

    if (f->pcap == NULL) {
        status = open_present(f, sink);
        if (status != CAPTURE_MORE || f->pcap == NULL)
            return status;
    }
    n = dispatch(f, sink, max);
    f->loop_frames += sink->count; /* without those that the filter drops: it would again */
    if (n > 0 || n == PCAP_ERROR_BREAK)
        return CAPTURE_MORE;
    if (n == 0 && f->pipe != NULL && !capture_pipe_ended(f->pipe))
        return CAPTURE_IDLE;
    if (n < 0) {
        fb_error("%s breaks off after %llu frames: %s: the frames before were taken",
                 capture_shown_name(present_name(f)), (unsigned long long)sink->seen,
                 pcap_geterr(f->pcap));
        f->failed = true;
    }
    go_to_next(f);
    return CAPTURE_MORE;
}

static void file_wait(void *state, unsigned timeout_us) {
    struct capture_file *f = state;
    if (f->pipe != NULL)
        capture_pipe_wait(f->pipe, timeout_us);
}

static bool file_failed(const void *state) {
    const struct capture_file *f = state;
    return f->failed;
}

/* The open file may still be written to. Growth of the others shows when their turn comes. */
static void see_growth(struct capture_file *f) {
    struct stat st;
    if (fstat(fileno(f->stream), &st) == 0 && (uint64_t)st.st_size > f->file_bytes[f->next])
        f->file_bytes[f->next] = (uint64_t)st.st_size;
}

/* Frames that were read and not yet taken are fewer than a burst, and count as taken. */
static void file_position(void *state, const struct frame *next,
                          struct capture_position *position) {
    struct capture_file *f = state;
    uint64_t all = 0, before = 0;
    uint64_t at = 0;

    (void)next;
    if (f->pcap != NULL && f->pipe == NULL) {
        see_growth(f);
        at = (uint64_t)ftello(f->stream);
        at = at < f->file_bytes[f->next] ? at : f->file_bytes[f->next];
    }
    for (unsigned i = 0; i < f->config->file_count; i++) {
        if (f->file_bytes[i] == 0)
            return;
        before += i < f->next ? f->file_bytes[i] : 0;
        all += f->file_bytes[i];
    }
    position->loop_bytes = all;
    position->at = before + at;
    position->loops_left = f->loops_left;
}

/* Returns 0 if the filter fits a file that is read later, or if that file cannot be opened now:
 * that is reported when its turn comes. */
static int check_filter(const struct capture_file *f, const char *name) {
    char reason[PCAP_ERRBUF_SIZE];
    struct bpf_program program = {0};
    pcap_t *pcap = is_regular(name) ? pcap_open_offline(name, reason) : NULL;
    int err;

    if (pcap == NULL)
        return 0;
    err = capture_compile(f->config, pcap, name, &program);
    pcap_freecode(&program);
    pcap_close(pcap);
    return err;
}

/* The filter is tried on all regular files to come: one that refused it when its turn came would be
 * skipped. A pipe cannot be opened twice. */
static int file_set_filter(void *state) {
    struct capture_file *f = state;
    struct bpf_program program = {0};
    bool is_open = f->pcap != NULL;
    int err = is_open ? capture_compile(f->config, f->pcap, present_name(f), &program) : 0;

    for (unsigned i = f->loops_left > 1 ? 0 : f->next + is_open;
         i < f->config->file_count && err == 0; i++)
        err = check_filter(f, f->config->files[i]);
    if (err < 0 || !is_open) {
        pcap_freecode(&program);
        return err;
    }
    pcap_freecode(&f->program);
    f->program = program;
    return 0;
}

const struct capture_source capture_file_source = {
    .takes = file_takes,
    .open = file_open,
    .read = file_read,
    .wait = file_wait,
    .failed = file_failed,
    .set_filter = file_set_filter,
    .position = file_position,
    .close = file_close,
};
