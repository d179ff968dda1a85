/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_begin.h"
#include "dispatcher/capture/capture_ng.h"
#include "dispatcher/capture/capture_pcap.h"
#include "dispatcher/capture/capture_source.h"
#include "dispatcher/capture/capture_window.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECONNECT_NS FB_NS_PER_S /* from the end of a connection to the next try */

/*
 * Capture files, one open at a time, from the first to the last, once per loop. A file
 * is opened as a window; its first bytes say who reads on: capture_ng.c reads pcapng,
 * capture_pcap.c everything else.
 *
 *     closed -> opening -> reading -> closed (next name) ... -> end
 *                  |          +-- breaks off: logged, failed --^
 *                  +-- a pipe whose header has not come yet: asked again
 */
struct capture_file {
    const struct capture_config *config;
    struct capture_filters *filters;
    unsigned next; /* index of the name that is open, or will be next */
    uint64_t loops_left;
    uint64_t loop_frames; /* frames read in this loop */
    bool any;             /* a file was not empty */
    bool failed;
    bool told_again;   /* that a connection ended and is made again */
    uint64_t again_ns; /* not before this */

    enum { CLOSED, OPENING, READING_PCAP, READING_NG } stage;
    struct capture_window window; /* open in every other stage, unless pcap has the file */
    struct capture_ng *ng;
    struct capture_pcap pcap;
    struct named_file {
        uint64_t bytes;
        bool is_regular;
        bool told_empty;
    } * named;
};

static const char *present_name(const struct capture_file *f) {
    return f->config->files[f->next];
}

static int stat_name(const char *name, struct stat *st) {
    return strcmp(name, "-") == 0 ? fstat(STDIN_FILENO, st) : stat(name, st);
}

static int open_window(struct capture_file *f, const char *name) {
    bool is_connection = capture_tcp_is(name);
    int err = is_connection ? capture_tcp_resolve(&f->window.tcp, name) : 0;

    if (err < 0)
        return err; /* which was logged */
    err = capture_window_open(&f->window, name);
    if (err == 0)
        f->stage = OPENING;
    else if (is_connection && f->config->reconnect)
        return err; /* the caller says so */
    else
        fb_error("cannot open %s: %s%s", capture_shown_name(name), fb_errno_text(-err),
                 err == -EMFILE  ? ""
                 : is_connection ? ": give an address that can be reached"
                                 : ": give a capture file that can be read");
    return err;
}

static void close_present(struct capture_file *f) {
    capture_pcap_close(&f->pcap);
    capture_ng_end(f->ng);
    capture_window_close(&f->window);
    f->stage = CLOSED;
}

static int open_pcap(struct capture_file *f, const char *name) {
    int err = capture_pcap_open(&f->pcap, f->config, &f->window, name);

    if (err < 0)
        return err;
    f->stage = READING_PCAP;
    return capture_pcap_ask_filter(f->filters->present, f->pcap.handle, name, &f->pcap.bpf);
}

/*
 * Reads the header of the file in the window. Returns 0; -EAGAIN if a pipe has not given
 * enough of it yet; -ENODATA if it is empty and one of several, or that of a connection
 * that failed, with nothing logged; -errno after one logged line.
 */
static int open_header(struct capture_file *f, const char *name) {
    struct capture_window *w = &f->window;
    int err;

    if (capture_window_need(w, CAPTURE_BEGIN_BYTES) == CAPTURE_WINDOW_WAITS)
        return -EAGAIN;
    if (w->is_connection && w->error != 0 && capture_window_count(w) == 0)
        return -w->error;
    err = capture_window_unpack(w, CAPTURE_BEGIN_BYTES, capture_shown_name(name));
    if (err < 0)
        return err;
    if (capture_window_count(w) == 0 && w->error == 0 && f->config->file_count > 1)
        return -ENODATA;
    f->any = true;
    if (capture_window_count(w) < CAPTURE_NG_MAGIC_BYTES ||
        memcmp(capture_window_bytes(w), CAPTURE_NG_MAGIC, CAPTURE_NG_MAGIC_BYTES) != 0)
        return open_pcap(f, name);
    f->stage = READING_NG;
    capture_ng_begin(f->ng, w, name);
    return 0;
}

/* Reads up to the first frame of a pcapng file, with a reader of its own: what that learns of link
 * types is forgotten. */
static int check_ng(const struct capture_config *config, struct capture_filter *filter,
                    struct capture_window *window, const char *name) {
    struct capture_ng *ng;
    int err = capture_ng_new(&ng, config, &filter);

    if (err < 0) {
        fb_error("no memory to read %s: free some", name);
        return err;
    }
    capture_ng_begin(ng, window, name);
    err = capture_ng_check(ng);
    capture_ng_free(ng);
    return err;
}

static void say_empty(struct capture_file *f, unsigned file) {
    if (!f->named[file].told_empty)
        fb_warning("%s is empty: going on with the other files",
                   capture_shown_name(f->config->files[file]));
    f->named[file].told_empty = true;
}

static int check_regular(struct capture_file *f, unsigned file) {
    const char *name = f->config->files[file];
    int err = open_window(f, name);

    if (err == 0)
        err = open_header(f, name);
    if (err == 0 && f->stage == READING_NG)
        err = check_ng(f->config, f->filters->present, &f->window, name);
    close_present(f);
    if (err != -ENODATA)
        return err;
    say_empty(f, file);
    return 0;
}

/* Checks all that can be checked before a frame is read, without taking bytes out of a pipe. */
static int check_name(struct capture_file *f, unsigned file) {
    const char *name = f->config->files[file];
    struct stat st = {.st_mode = S_IFIFO};
    int err = 0;

    if (capture_tcp_is(name)) {
        err = capture_tcp_resolve(&f->window.tcp, name);
        if (err < 0)
            return err;
    } else if (strcmp(name, "-") != 0 && stat(name, &st) < 0)
        err = errno;
    else if (S_ISDIR(st.st_mode))
        err = EISDIR;
    if (err != 0) {
        fb_error("cannot open %s: %s: give a capture file", name, strerror(err));
        return -err;
    }
    if (S_ISREG(st.st_mode))
        return check_regular(f, file);
    f->any = true; /* until it was read */
    if (f->config->loops > 1) {
        fb_error("%s is a pipe and cannot be read %llu times: add --preload, or give a file",
                 capture_shown_name(name), (unsigned long long)f->config->loops);
        return -EINVAL;
    }
    return 0;
}

static void say_all_empty(const struct capture_file *f) {
    fb_error("all %u files are empty: give a pcap or pcapng file", f->config->file_count);
}

static void free_file(struct capture_file *f) {
    capture_window_free(&f->window);
    capture_pcap_fini(&f->pcap);
    capture_ng_free(f->ng);
    free(f->named);
    free(f);
}

static void file_close(void *state) {
    struct capture_file *f = state;
    close_present(f);
    free_file(f);
}

static void measure(struct capture_file *f, unsigned file) {
    struct stat st;
    if (stat_name(f->config->files[file], &st) < 0 || !S_ISREG(st.st_mode))
        return;
    f->named[file].is_regular = true;
    f->named[file].bytes = (uint64_t)st.st_size;
}

static bool file_takes(const struct capture_config *config) {
    return config->file_count > 0;
}

static int check_all(struct capture_file *f) {
    int err = 0;

    for (unsigned i = 0; i < f->config->file_count && err == 0; i++) {
        err = check_name(f, i);
        measure(f, i);
    }
    if (err == 0 && !f->any) {
        say_all_empty(f);
        err = -EINVAL;
    }
    f->any = false;
    return err;
}

static int make_readers(struct capture_file *f) {
    int err = capture_pcap_init(&f->pcap);

    if (err == 0)
        err = capture_ng_new(&f->ng, f->config, &f->filters->present);
    if (err < 0)
        return err;
    f->named = calloc(f->config->file_count, sizeof *f->named);
    return f->named == NULL ? -ENOMEM : 0;
}

static int file_open(void **state, const struct capture_config *config,
                     struct capture_filters *filters) {
    struct capture_file *f = calloc(1, sizeof *f);
    int err;

    if (f == NULL) {
        fb_error("no memory to read files: free some");
        return -ENOMEM;
    }
    f->config = config;
    f->filters = filters;
    f->loops_left = config->loops;
    f->window.fd = -1;
    err = make_readers(f);
    if (err < 0) {
        fb_error("no memory to read files: free some");
        free_file(f);
        return err;
    }
    err = check_all(f);
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

/* The last file was read for the last time. */
static enum capture_status end_of_files(struct capture_file *f) {
    if (!f->any && !f->failed) {
        say_all_empty(f);
        f->failed = true;
    }
    return CAPTURE_END;
}

/* After the end of a connection, for this reason or none: whether it is to be made again. */
static bool connects_again(struct capture_file *f, int error) {
    const char *name = present_name(f);

    if (!f->config->reconnect || !capture_tcp_is(name))
        return false;
    if (!f->told_again)
        fb_warning("%s: %s: connecting again every second", name,
                   error == 0 || error == ENODATA ? "the stream has ended" : fb_errno_text(error));
    f->told_again = true;
    close_present(f);
    f->again_ns = fb_now_ns() + RECONNECT_NS;
    return true;
}

/* CAPTURE_MORE: the file is open; or it was skipped with a line, and the next call goes on. */
static enum capture_status open_present(struct capture_file *f, struct capture_sink *sink) {
    int err = 0;

    if (f->next == f->config->file_count && !next_loop(f))
        return end_of_files(f);
    if (f->stage == CLOSED && fb_now_ns() < f->again_ns)
        return CAPTURE_IDLE;
    if (f->stage == CLOSED)
        err = open_window(f, present_name(f));
    if (err == 0)
        err = open_header(f, present_name(f));
    if (err == -EAGAIN)
        return CAPTURE_IDLE;
    if (err < 0 && connects_again(f, -err))
        return CAPTURE_IDLE;
    if (err < 0) {
        if (f->stage == OPENING && f->window.is_connection && f->window.error != 0)
            fb_error("cannot read %s: %s: start the server that sends it first", present_name(f),
                     fb_errno_text(-err));
        if (err == -ENODATA)
            say_empty(f, f->next);
        else
            f->failed = true;
        go_to_next(f);
        return CAPTURE_MORE;
    }
    if (f->told_again)
        fb_info("%s: connected again", present_name(f));
    f->told_again = false;
    sink->new_source = true;
    sink->seen = 0;
    return CAPTURE_MORE;
}

/* As a source's read; CAPTURE_END: of the file. */
static enum capture_status read_pcap(struct capture_file *f, struct capture_sink *sink,
                                     unsigned max) {
    const char *problem;
    enum capture_status status = capture_pcap_read(&f->pcap, sink, max, &problem);

    if (problem != NULL) {
        fb_error("%s breaks off after %llu frames: %s: the frames before were taken",
                 capture_shown_name(present_name(f)), (unsigned long long)sink->seen,
                 f->window.error != 0 ? capture_window_problem(&f->window) : problem);
        f->failed = true;
    }
    return status;
}

static enum capture_status file_read(void *state, struct capture_sink *sink, unsigned max) {
    struct capture_file *f = state;
    enum capture_status status;

    if (f->stage < READING_PCAP) {
        status = open_present(f, sink);
        if (status != CAPTURE_MORE || f->stage < READING_PCAP)
            return status;
    }
    status = f->stage == READING_NG ? capture_ng_read(f->ng, sink, max) : read_pcap(f, sink, max);
    f->loop_frames += sink->count; /* without those that the filter drops: it would again */
    if (status != CAPTURE_END)
        return status;
    if (connects_again(f, f->window.error))
        return CAPTURE_IDLE;
    go_to_next(f);
    return CAPTURE_MORE;
}

static void file_wait(void *state, unsigned timeout_us) {
    struct capture_file *f = state;
    const struct timespec timeout = fb_timespec(timeout_us * FB_NS_PER_US);

    if (f->stage == CLOSED)
        nanosleep(&timeout, NULL);
    else
        capture_window_wait(&f->window, timeout_us);
}

static bool file_failed(const void *state) {
    const struct capture_file *f = state;
    return f->failed || capture_ng_failed(f->ng);
}

/* Where the open file is read now. It may still be written to; growth of the others shows when
 * their turn comes. */
static uint64_t present_offset(struct capture_file *f) {
    struct named_file *named = &f->named[f->next];
    int fd = capture_pcap_fd(&f->pcap);
    uint64_t at;
    struct stat st;

    if (fstat(fd >= 0 ? fd : f->window.fd, &st) == 0 && (uint64_t)st.st_size > named->bytes)
        named->bytes = (uint64_t)st.st_size;
    at = fd >= 0 ? capture_pcap_offset(&f->pcap) : capture_window_file_offset(&f->window);
    return at < named->bytes ? at : named->bytes;
}

/* Frames that were read and not yet taken are fewer than a burst, and count as taken. */
static void file_position(void *state, const struct frame *next,
                          struct capture_position *position) {
    struct capture_file *f = state;
    uint64_t all = 0, before = 0;
    uint64_t at = 0;

    (void)next;
    if (f->stage >= READING_PCAP && f->named[f->next].is_regular)
        at = present_offset(f);
    for (unsigned i = 0; i < f->config->file_count; i++) {
        if (!f->named[i].is_regular)
            return;
        before += i < f->next ? f->named[i].bytes : 0;
        all += f->named[i].bytes;
    }
    position->loop_bytes = all;
    position->at = before + at;
    position->loops_left = f->loops_left;
}

/* As capture_pcap_ask_filter(), of a file whose first bytes are in a window that is not read on. */
static int check_window(struct capture_filter *filter, const struct capture_config *config,
                        struct capture_window *w, const char *name) {
    const struct bpf_program *bpf;
    char reason[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = NULL;
    FILE *stream;
    int err = 0;

    if (capture_window_need(w, CAPTURE_BEGIN_BYTES) == CAPTURE_WINDOW_ENDS ||
        capture_window_unpack(w, CAPTURE_BEGIN_BYTES, name) < 0)
        return 0;
    if (memcmp(capture_window_bytes(w), CAPTURE_NG_MAGIC, CAPTURE_NG_MAGIC_BYTES) == 0)
        return check_ng(config, filter, w, name);
    capture_turn_version(capture_window_bytes(w));
    if (capture_pipe_open(w, &stream) == NULL)
        return 0;
    pcap = pcap_fopen_offline(stream, reason);
    if (pcap == NULL) {
        fclose(stream);
        return 0;
    }
    err = capture_pcap_ask_filter(filter, pcap, name, &bpf);
    pcap_close(pcap); /* closes the stream */
    return err;
}

/* Returns 0 if the filter fits a file that is read later, or if that file cannot be opened now:
 * that is reported when its turn comes. */
static int check_later(const struct capture_file *f, unsigned file, struct capture_filter *filter) {
    const char *name = f->config->files[file];
    struct capture_window window = {.fd = -1};
    int err;

    if (!f->named[file].is_regular || strcmp(name, "-") == 0 ||
        capture_window_open(&window, name) < 0)
        return 0;
    err = check_window(filter, f->config, &window, name);
    capture_window_close(&window);
    capture_window_free(&window);
    return err;
}

/* The filter is tried on all regular files to come: one that refused it when its turn came would be
 * skipped. A pipe cannot be opened twice. */
static int file_check_filter(void *state, struct capture_filter *filter) {
    struct capture_file *f = state;
    const struct bpf_program *bpf;
    bool is_open = f->stage >= READING_PCAP;
    int err = 0;

    if (f->stage == READING_PCAP)
        err = capture_pcap_ask_filter(filter, f->pcap.handle, present_name(f), &bpf);
    for (unsigned i = f->loops_left > 1 ? 0 : f->next + is_open;
         i < f->config->file_count && err == 0; i++)
        err = check_later(f, i, filter);
    return err < 0 ? err : capture_ng_check_filter(f->ng, filter);
}

static int file_take_filter(void *state, struct capture_filter *filter) {
    struct capture_file *f = state;
    int err = 0;

    if (f->stage == READING_PCAP)
        err = capture_pcap_ask_filter(filter, f->pcap.handle, present_name(f), &f->pcap.bpf);
    if (err == 0)
        capture_ng_take_filter(f->ng, filter);
    return err;
}

const struct capture_source capture_file_source = {
    .takes = file_takes,
    .open = file_open,
    .read = file_read,
    .wait = file_wait,
    .failed = file_failed,
    .check_filter = file_check_filter,
    .take_filter = file_take_filter,
    .position = file_position,
    .close = file_close,
};
