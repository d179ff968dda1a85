/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/parts.h"

#include <pcap/pcap.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

struct frame {
    uint64_t time_ns;
    uint64_t digest; /* of its lengths and bytes */
    unsigned seen;
};

struct frames {
    struct frame *all;
    size_t count, room;
};

static struct frame read_frame(const struct pcap_pkthdr *header, const u_char *data) {
    struct frame frame = {.time_ns = (uint64_t)header->ts.tv_sec * 1000000000u +
                                     (uint64_t)header->ts.tv_usec,
                          .digest = 14695981039346656037u ^ header->len};
    for (uint32_t i = 0; i < header->caplen; i++)
        frame.digest = (frame.digest ^ data[i]) * 1099511628211u;
    return frame;
}

/* A file that was cut off by the death of its writer is read up to there. */
static void read_frames(struct frames *frames, const char *path) {
    char errbuf[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *data;
    pcap_t *pcap =
        pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, errbuf);
    if (pcap == NULL)
        fail_msg("%s", errbuf);
    *frames = (struct frames){0};
    while (pcap_next_ex(pcap, &header, &data) == 1) {
        if (frames->count == frames->room) {
            frames->room = frames->room * 2 + 1024;
            frames->all = realloc(frames->all, frames->room * sizeof *frames->all);
            assert_non_null(frames->all);
        }
        frames->all[frames->count++] = read_frame(header, data);
    }
    pcap_close(pcap);
}

/* In the trace, whose frames are in the order of time. */
static size_t find(const struct frames *trace, uint64_t time_ns) {
    size_t low = 0, high = trace->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (trace->all[middle].time_ns < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void judge_part(struct frames *trace, const char *path) {
    struct frames part;
    size_t last = 0;
    read_frames(&part, path);
    for (size_t i = 0; i < part.count; i++) {
        const struct frame *frame = &part.all[i];
        size_t at = find(trace, frame->time_ns);
        if (at == trace->count || trace->all[at].time_ns / 1000 != frame->time_ns / 1000 ||
            trace->all[at].digest != frame->digest)
            fail_msg("%s: frame %zu is not in the trace", path, i + 1);
        if (at < last && i != 1)
            fail_msg("%s: frame %zu is frame %zu of the trace, behind frame %zu", path, i + 1,
                     at + 1, last + 1);
        trace->all[at].seen++;
        last = at;
    }
    free(part.all);
}

size_t expect_parts(const char *path, const char *const *files, unsigned count, size_t again) {
    struct frames trace;
    size_t twice = 0;
    read_frames(&trace, path);
    for (unsigned i = 0; i < count; i++)
        judge_part(&trace, files[i]);
    for (size_t i = 0; i < trace.count; i++) {
        if (trace.all[i].seen == 0)
            fail_msg("frame %zu is in none of the %u files", i + 1, count);
        twice += trace.all[i].seen - 1;
    }
    if (twice > again)
        fail_msg("%zu frames are there twice, at most %zu may be", twice, again);
    free(trace.all);
    return twice;
}
