/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

#define NS_PER_SECOND UINT64_C(1000000000)

int quarantine_open(struct quarantine *quarantine, const char *path) {
    *quarantine = (struct quarantine){.path = path};
    if (path == NULL)
        return 0;
    /* Asked before the run, since the first packet may come after days. */
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK;
    int fd = open(path, flags);
    bool made = fd < 0 && errno == ENOENT;
    if (made)
        fd = open(path, flags | O_CREAT | O_EXCL, 0600);
    struct stat st;
    int error = 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        error = -errno;
    else if (!S_ISREG(st.st_mode))
        error = -EINVAL;
    if (error != 0)
        fb_error("--quarantine '%s': cannot append there: %s", path,
                 error == -EINVAL ? "not a regular file" : strerror(-error));
    if (fd >= 0) {
        if (made) /* and nothing else: what was there is somebody's, even if it is empty */
            unlink(path);
        close(fd);
    }
    return error;
}

/* The file of a link type: bad.pcap, bad-RAW.pcap. */
static void name_file(char *name, size_t size, const char *path, unsigned link, int dlt) {
    if (link == 0) {
        snprintf(name, size, "%s", path);
        return;
    }
    const char *base = strrchr(path, '/');
    const char *dot = strrchr(base == NULL ? path : base, '.');
    int stem = dot == NULL ? (int)strlen(path) : (int)(dot - path);
    const char *type = pcap_datalink_val_to_name(dlt);
    char number[16];
    snprintf(number, sizeof number, "%d", dlt);
    snprintf(name, size, "%.*s-%s%s", stem, path, type == NULL ? number : type,
             dot == NULL ? "" : dot);
}

static pcap_dumper_t *open_file(const char *name, const struct quarantined *packet) {
    pcap_t *pcap =
        pcap_open_dead_with_tstamp_precision(packet->dlt, FB_FRAME_MAX, PCAP_TSTAMP_PRECISION_NANO);
    if (pcap == NULL) {
        fb_error("no memory for the quarantine file %s", name);
        return NULL;
    }
    mode_t before = umask(077);
    pcap_dumper_t *file = pcap_dump_open_append(pcap, name);
    umask(before);
    if (file == NULL)
        fb_error("cannot append to the quarantine file: %s: move it away, or give another "
                 "--quarantine",
                 pcap_geterr(pcap));
    pcap_close(pcap);
    return file;
}

/* Takes back what was written of a packet, or nothing could read what is appended after it. */
static void cut_back(const char *name, long whole) {
    if (truncate(name, whole) != 0)
        fb_error("cannot cut the quarantine file %s back to %ld bytes: %s", name, whole,
                 strerror(errno));
}

int quarantine_add(struct quarantine *quarantine, const struct quarantined *packet) {
    char name[PATH_MAX];
    if (quarantine->path == NULL)
        return 0;
    name_file(name, sizeof name, quarantine->path, packet->link, packet->dlt);
    pcap_dumper_t **file = &quarantine->files[packet->link];
    if (*file == NULL)
        *file = open_file(name, packet);
    if (*file == NULL)
        return -EIO;
    struct pcap_pkthdr header = {.caplen = packet->caplen, .len = packet->wirelen};
    header.ts.tv_sec = (time_t)(packet->time_ns / NS_PER_SECOND);
    header.ts.tv_usec = (suseconds_t)(packet->time_ns % NS_PER_SECOND); /* nanoseconds there */
    long whole = pcap_dump_ftell(*file);
    pcap_dump((u_char *)*file, &header, packet->bytes);
    if (pcap_dump_flush(*file) == 0)
        return 0;
    fb_error("frame %llu could not be written to the quarantine file %s: %s",
             (unsigned long long)packet->frame, name, strerror(errno));
    pcap_dump_close(*file);
    *file = NULL;
    cut_back(name, whole);
    return -EIO;
}

void quarantine_close(struct quarantine *quarantine) {
    for (unsigned i = 0; i < FB_MAX_LINKS; i++) {
        if (quarantine->files[i] != NULL)
            pcap_dump_close(quarantine->files[i]);
        quarantine->files[i] = NULL;
    }
}
