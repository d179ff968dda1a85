/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "worker/inspectors/pcap_record.h"
#include "worker/records/file_limits.h"
#include "worker/records/output_folder.h"

/*
 * The packets in files: DIR/worker-K-R-LINK-TIME.pcap, one for each link type, and further ones
 * where a size or a time is given. A record is written by one write(), the first of a file with the
 * header of the file, and kept nowhere else: so a file is whole between any two packets. Of a
 * record that could not be written nothing stays.
 */
#define FILES_MAX 16u   /* open at the same time: link types */
#define NAMES_MAX 1000u /* tried for one file: those of runs before, of the same packets */
#define NAME_BYTES 112u

enum { STAT_PACKETS, STAT_FILES };
static const char *const stat_names[] = {[STAT_PACKETS] = "packets", [STAT_FILES] = "files", NULL};

struct pcap_output {
    int fd; /* -1: none */
    int32_t link_type;
    uint64_t begin_ns; /* time stamp of its first packet */
    uint64_t size;     /* of what is whole */
    char name[NAME_BYTES];
};

struct pcap_files {
    char *path; /* of the folder */
    int directory;
    struct file_limits limits;
    unsigned worker;
    uint64_t incarnation;
    struct pcap_output outputs[FILES_MAX];
    unsigned last; /* which the last packet went to */
    bool waits;    /* the last packet could not be written */
    uint64_t stats[sizeof stat_names / sizeof *stat_names];
};

/* ---- opening --------------------------------------------------------------------------------- */

/* DIR[,size=SIZE][,seconds=S] */
static int take_arguments(struct pcap_files *pcap, const char *args) {
    pcap->path = strdup(args != NULL ? args : "");
    if (pcap->path == NULL)
        return -ENOMEM;
    int error = file_limits_take(&pcap->limits, "--inspector pcap", pcap->path);
    if (error != 0)
        return error;
    pcap->directory = output_folder_open("--inspector pcap", pcap->path);
    return pcap->directory < 0 ? pcap->directory : 0;
}

static void close_output(struct pcap_output *output) {
    if (output->fd >= 0)
        close(output->fd);
    output->fd = -1;
}

static void close_outputs(struct pcap_files *pcap) {
    for (unsigned i = 0; i < FILES_MAX; i++)
        close_output(&pcap->outputs[i]);
}

static void pcap_files_close(void *self) {
    struct pcap_files *pcap = self;
    close_outputs(pcap);
    if (pcap->directory >= 0)
        close(pcap->directory);
    free(pcap->path);
    free(pcap);
}

static int pcap_files_open(struct fb_setup *setup) {
    struct pcap_files *pcap = calloc(1, sizeof *pcap);
    if (pcap == NULL) {
        fb_error("inspector pcap: no memory for %zu bytes", sizeof *pcap);
        return -ENOMEM;
    }
    pcap->directory = -1;
    for (unsigned i = 0; i < FILES_MAX; i++)
        pcap->outputs[i].fd = -1;
    int error = take_arguments(pcap, setup->args);
    if (error != 0) {
        pcap_files_close(pcap);
        return error;
    }
    setup->self = pcap;
    setup->needs = FB_NEEDS_FILES;
    setup->stats = stat_names;
    return 0;
}

static int pcap_files_claimed(void *self, const struct fb_instance *instance) {
    struct pcap_files *pcap = self;
    close_outputs(pcap); /* of the dispatcher before */
    pcap->worker = instance->worker;
    pcap->incarnation = instance->incarnation;
    return 0;
}

/* ---- packets --------------------------------------------------------------------------------- */

/* Says once that it waits, and that it goes on. */
static void say_waits(struct pcap_files *pcap, const char *name, int error) {
    if (!pcap->waits && error != 0)
        fb_error("inspector pcap: cannot write %s/%s: %s: the worker waits until it can",
                 pcap->path, name, strerror(-error));
    else if (pcap->waits && error == 0)
        fb_info("inspector pcap: %s/%s can be written again", pcap->path, name);
    pcap->waits = error != 0;
}

/* A name that sorts by time, and by number where it is taken. */
static void set_name(const struct pcap_files *pcap, struct pcap_output *output, unsigned number) {
    struct tm t;
    char date[32], again[16] = "";
    time_t seconds = (time_t)(output->begin_ns / FB_NS_PER_S);
    if (gmtime_r(&seconds, &t) == NULL || strftime(date, sizeof date, "%Y%m%dT%H%M%S", &t) == 0)
        snprintf(date, sizeof date, "%" PRIu64, output->begin_ns / FB_NS_PER_S);
    if (number > 1)
        snprintf(again, sizeof again, "-%u", number);
    snprintf(output->name, sizeof output->name, "worker-%u-%" PRIu64 "-%" PRIu32 "-%s.%06u%s.pcap",
             pcap->worker, pcap->incarnation, pcap_link_type(output->link_type), date,
             (unsigned)(output->begin_ns % FB_NS_PER_S / FB_NS_PER_US), again);
}

/* A new file, empty, that begins with this packet. Returns 0, or -errno. */
static int begin_output(struct pcap_files *pcap, struct pcap_output *output,
                        const struct fb_packet *packet) {
    close_output(output);
    *output =
        (struct pcap_output){.fd = -1, .link_type = packet->link_type, .begin_ns = packet->time_ns};
    for (unsigned number = 1; output->fd < 0 && number <= NAMES_MAX; number++) {
        set_name(pcap, output, number);
        output->fd = openat(pcap->directory, output->name,
                            O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (output->fd < 0 && errno != EEXIST)
            break;
    }
    return output->fd < 0 ? -errno : 0;
}

/* The place of a link type's file: its own, or a free one, or that of another. */
static __attribute__((noinline)) struct pcap_output *find_output(struct pcap_files *pcap,
                                                                 int32_t link_type) {
    unsigned free = (pcap->last + 1) % FILES_MAX;
    for (unsigned i = 0; i < FILES_MAX; i++) {
        if (pcap->outputs[i].fd >= 0 && pcap->outputs[i].link_type == link_type) {
            pcap->last = i;
            return &pcap->outputs[i];
        }
        if (pcap->outputs[i].fd < 0)
            free = i;
    }
    pcap->last = free;
    close_output(&pcap->outputs[free]);
    return &pcap->outputs[free];
}

static bool is_full(const struct pcap_files *pcap, const struct pcap_output *output,
                    const struct fb_packet *packet) {
    uint64_t record = PCAP_RECORD_BYTES + packet->caplen;
    return (output->size + record > pcap->limits.size && output->size != 0) ||
           (packet->time_ns > output->begin_ns &&
            packet->time_ns - output->begin_ns >= pcap->limits.time_ns);
}

/* What is left of a write that was cut short goes on: the error behind it then shows itself. */
static int write_parts(int fd, struct iovec *part, int count) {
    while (count > 0) {
        ssize_t n = writev(fd, part, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        for (; count > 0 && (size_t)n >= part->iov_len; part++, count--)
            n -= (ssize_t)part->iov_len;
        if (count > 0)
            *part = (struct iovec){(char *)part->iov_base + n, part->iov_len - (size_t)n};
    }
    return 0;
}

/* Returns 0; or -errno, and then nothing of the record is in the file; INSPECTOR_OUTPUT_GONE if
 * what is there of it cannot be cut off, after one logged line. */
static int write_record(struct pcap_output *output, const struct fb_packet *packet) {
    struct pcap_file_head head;
    struct pcap_record_head record = pcap_record_head(packet);
    struct iovec parts[3] = {
        {&head, 0}, {&record, sizeof record}, {(void *)(uintptr_t)packet->data, packet->caplen}};
    if (output->size == 0) {
        head = pcap_file_head(packet->link_type);
        parts[0].iov_len = sizeof head;
    }
    uint64_t size = output->size + parts[0].iov_len + sizeof record + packet->caplen;
    int error = write_parts(output->fd, parts, 3);
    if (error == 0)
        output->size = size;
    if (error == 0 || ftruncate(output->fd, (off_t)output->size) == 0)
        return error;
    fb_error("inspector pcap: cannot cut %s to what is whole: %s", output->name, strerror(errno));
    return INSPECTOR_OUTPUT_GONE;
}

/* The packet comes again. A file that nothing could be written to is not left behind. */
static int keep_nothing(struct pcap_files *pcap, struct pcap_output *output, int error) {
    say_waits(pcap, output->name, error);
    if (output->fd >= 0 && output->size == 0) {
        unlinkat(pcap->directory, output->name, 0);
        close_output(output);
    }
    return FB_OUTPUT_FAILED;
}

static int pcap_files_packet(void *self, void *state, const struct fb_packet *packet) {
    struct pcap_files *pcap = self;
    struct pcap_output *output = &pcap->outputs[pcap->last];
    (void)state;
    if (__builtin_expect(output->fd < 0 || output->link_type != packet->link_type, 0))
        output = find_output(pcap, packet->link_type);
    bool begins = output->fd < 0 || is_full(pcap, output, packet);
    int error = begins ? begin_output(pcap, output, packet) : 0;
    if (error == 0)
        error = write_record(output, packet);
    if (__builtin_expect(error != 0, 0))
        return error == INSPECTOR_OUTPUT_GONE ? error : keep_nothing(pcap, output, error);
    if (__builtin_expect(pcap->waits, 0))
        say_waits(pcap, output->name, 0);
    pcap->stats[STAT_FILES] += begins;
    pcap->stats[STAT_PACKETS]++;
    return 0;
}

static void pcap_files_stats(void *self, uint64_t *values) {
    const struct pcap_files *pcap = self;
    memcpy(values, pcap->stats, (sizeof stat_names / sizeof *stat_names - 1) * sizeof *values);
}

const struct fb_inspector inspect_pcap_ops = {
    FB_INSPECTOR_HEAD,
    .name = "pcap",
    .help = "pcap:DIR[,size=SIZE][,seconds=S]: its packets as files DIR/worker-K-R-LINK-TIME.pcap",
    .open = pcap_files_open,
    .claimed = pcap_files_claimed,
    .packet = pcap_files_packet,
    .stats = pcap_files_stats,
    .close = pcap_files_close,
};
