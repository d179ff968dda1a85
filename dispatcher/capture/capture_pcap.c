/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_pcap.h"
#include "flow_balancer/common/errno_text.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Of what libpcap reads itself. Nanoseconds a frame, medians of 3 runs of 3:
 *
 *     buffer                      4 KB (stdio's own)   32 KB   256 KB   1 MB
 *     frames of 650 bytes, mean          285            160      150     140
 *     frames of 60 bytes                  72             65       56      47
 *
 * Half of a level-2 cache of 512 KB: the rest of the data path needs the other half.
 */
#define STREAM_BYTES ((size_t)256 << 10)

int capture_pcap_init(struct capture_pcap *p) {
    *p = (struct capture_pcap){.stream_buffer = malloc(STREAM_BYTES)};
    int err = capture_records_init(&p->records);
    return p->stream_buffer == NULL ? -ENOMEM : err;
}

void capture_pcap_fini(struct capture_pcap *p) {
    capture_records_fini(&p->records);
    free(p->stream_buffer);
}

void capture_pcap_close(struct capture_pcap *p) {
    capture_records_end(&p->records);
    if (p->handle != NULL)
        pcap_close(p->handle); /* closes the stream */
    else if (p->stream != NULL)
        fclose(p->stream);
    p->bpf = NULL;
    p->handle = NULL;
    p->stream = NULL;
    p->pipe = NULL;
}

/* What libpcap is to read: records from the window, or the file. */
static int open_stream(struct capture_pcap *p, struct capture_window *window, bool from_window) {
    int fd;

    if (from_window) {
        p->pipe = capture_pipe_open(window, &p->stream);
        return p->pipe == NULL ? -errno : 0;
    }
    fd = capture_window_give_away(window);
    if (fd < 0)
        return -errno;
    p->stream = fdopen(fd, "r");
    if (p->stream == NULL) {
        int err = -errno;
        close(fd);
        return err;
    }
    setvbuf(p->stream, p->stream_buffer, _IOFBF, STREAM_BYTES);
    return 0;
}

/*
 * Everything that is not pcapng is libpcap's. A version whose bytes are swapped, as some
 * writers have it, is put right, since libpcap takes no version but 2.0 to 2.4.
 */
int capture_pcap_open(struct capture_pcap *p, const struct capture_config *config,
                      struct capture_window *w, const char *name) {
    size_t count = capture_window_count(w);
    uint8_t head[CAPTURE_BEGIN_BYTES];
    char reason[PCAP_ERRBUF_SIZE];
    bool turned = count >= CAPTURE_BEGIN_BYTES && capture_turn_version(capture_window_bytes(w));
    int err;

    count = count < sizeof head ? count : sizeof head;
    if (count != 0)
        memcpy(head, capture_window_bytes(w), count);
    err = open_stream(p, w, w->is_pipe || w->unpack != NULL || turned);
    if (err < 0) {
        fb_error("cannot read %s: %s", capture_shown_name(name), fb_errno_text(-err));
        return err;
    }
    p->handle =
        pcap_fopen_offline_with_tstamp_precision(p->stream, PCAP_TSTAMP_PRECISION_NANO, reason);
    if (p->handle == NULL) {
        capture_say_no_begin(name, head, count, reason);
        return -EINVAL;
    }
    if (p->pipe == NULL)
        capture_records_begin(&p->records, head, p->handle, fileno(p->stream));
    return capture_check_link(config, p->handle, name);
}

int capture_pcap_ask_filter(struct capture_filter *filter, pcap_t *handle, const char *name,
                            const struct bpf_program **bpf) {
    const struct capture_program *program;
    enum capture_fit fit;

    *bpf = NULL;
    if (filter->text == NULL)
        return 0;
    fit = capture_filter_fits(filter, capture_kind_of_file(handle), &program);
    if (fit == CAPTURE_FITS)
        *bpf = &program->bpf;
    if (fit == CAPTURE_FITS || (fit == CAPTURE_FIT_UNKNOWN && filter->lacks))
        return 0;
    capture_filter_say(filter, program, capture_shown_name(name), "");
    return -EINVAL;
}

/* libpcap goes on where no record was taken. Returns 0, or -1 with errno set. */
static int hand_over(struct capture_pcap *p) {
    off_t at = (off_t)p->records.at;

    capture_records_end(&p->records);
    return fseeko(p->stream, at, SEEK_SET);
}

/*
 * capture_keep() applies the filter, not libpcap: pcap_dispatch() counts the frames
 * that pass, so that with a filter that passes few it would read on and on.
 */
static int dispatch(struct capture_pcap *p, struct capture_sink *sink, unsigned max) {
    sink->pcap = p->handle;
    sink->stamp_unit_ns = 1; /* as capture_pcap_open() asked for */
    if (p->pipe != NULL)
        clearerr(p->stream); /* its end may only mean that no whole record has come */
    return pcap_dispatch(p->handle, (int)max, capture_keep, (u_char *)sink);
}

enum capture_status capture_pcap_read(struct capture_pcap *p, struct capture_sink *sink,
                                      unsigned max, const char **problem) {
    int n;

    *problem = NULL;
    sink->filter = p->bpf;
    sink->dlt = pcap_datalink(p->handle);
    if (capture_records_is_reading(&p->records)) {
        if (capture_records_read(&p->records, sink, max) != 0)
            return CAPTURE_MORE;
        if (hand_over(p) < 0) {
            *problem = fb_errno_text(errno);
            return CAPTURE_END;
        }
    }
    n = dispatch(p, sink, max);
    if (n > 0 || n == PCAP_ERROR_BREAK)
        return CAPTURE_MORE;
    if (n == 0 && p->pipe != NULL && !capture_pipe_ended(p->pipe))
        return CAPTURE_IDLE;
    if (n < 0)
        *problem = pcap_geterr(p->handle);
    return CAPTURE_END;
}

int capture_pcap_fd(const struct capture_pcap *p) {
    return p->stream == NULL || p->pipe != NULL ? -1 : fileno(p->stream);
}

uint64_t capture_pcap_offset(const struct capture_pcap *p) {
    return capture_records_is_reading(&p->records) ? p->records.at : (uint64_t)ftello(p->stream);
}
