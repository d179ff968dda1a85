/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/fleet/quarantine.h"

#include <byteswap.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define NAME_BYTES (PATH_MAX + 64) /* more than open() takes: a name that is cut opens nothing */

#define MAGIC_NANOSECONDS 0xa1b23c4du
#define MAGIC_MICROSECONDS 0xa1b2c3d4u
#define MAGIC_PCAPNG 0x0a0d0d0au /* the same in either byte order */

struct record_header {
    uint32_t seconds, nanoseconds, caplen, wirelen;
};

_Static_assert(sizeof(struct pcap_file_header) == QUARANTINE_HEADER_BYTES, "as in the file");
_Static_assert(sizeof(struct record_header) == 16, "as in the file");

/* Whether packets can be appended to what a file holds. */
enum fit {
    FIT,
    FIT_UNREADABLE,
    FIT_NO_CAPTURE,
    /* From here on it is a capture, and packets of this run may go to a file beside it. */
    FIT_BYTE_ORDER,
    FIT_TIME_UNIT,
    FIT_PCAPNG,
    FIT_VERSION,
    FIT_SNAPLEN,
    FIT_LINK_TYPE,
    FIT_TORN,
};

static const char *const fit_texts[] = {
    [FIT] = "fits",
    [FIT_UNREADABLE] = "cannot be read",
    [FIT_NO_CAPTURE] = "is not a capture",
    [FIT_BYTE_ORDER] = "is a capture of the other byte order",
    [FIT_TIME_UNIT] = "is a capture in microseconds",
    [FIT_PCAPNG] = "is a capture in the pcapng format",
    [FIT_VERSION] = "is a capture of another version",
    [FIT_SNAPLEN] = "is a capture with a smaller snapshot length",
    [FIT_LINK_TYPE] = "is a capture of another link type",
    [FIT_TORN] = "is a capture that ends inside a packet",
};

/* bad.pcap, or bad-RAW.pcap. */
static void name_file(char name[NAME_BYTES], const struct quarantine *quarantine,
                      const struct quarantine_file *file) {
    const char *path = quarantine->path;
    if (!file->beside) {
        snprintf(name, NAME_BYTES, "%s", path);
        return;
    }
    const char *base = strrchr(path, '/');
    const char *dot = strrchr(base == NULL ? path : base, '.');
    int stem = dot == NULL ? (int)strlen(path) : (int)(dot - path);
    const char *type = pcap_datalink_val_to_name(file->dlt);
    char number[16];
    snprintf(number, sizeof number, "%d", file->dlt);
    snprintf(name, NAME_BYTES, "%.*s-%s%s", stem, path, type == NULL ? number : type,
             dot == NULL ? "" : dot);
}

/* The header as libpcap writes it: it alone knows the number of a link type in files. */
static int make_header(struct quarantine_file *file) {
    char *bytes = NULL;
    size_t size = 0;
    int dlt = file->dlt == QUARANTINE_DLT_NONE ? DLT_NULL : file->dlt;
    pcap_t *pcap =
        pcap_open_dead_with_tstamp_precision(dlt, FB_FRAME_MAX, PCAP_TSTAMP_PRECISION_NANO);
    FILE *stream = pcap == NULL ? NULL : open_memstream(&bytes, &size);
    pcap_dumper_t *dumper = stream == NULL ? NULL : pcap_dump_fopen(pcap, stream);
    /* The stream goes with the dumper; without one libpcap may have closed it, so it is left. */
    if (dumper != NULL)
        pcap_dump_close(dumper);
    bool made = dumper != NULL && size == sizeof file->header;
    if (made)
        memcpy(file->header, bytes, size);
    else
        fb_error("no memory for the header of the quarantine file");
    free(bytes);
    if (pcap != NULL)
        pcap_close(pcap);
    return made ? 0 : -ENOMEM;
}

/* Whether the last packet of a capture is whole: what follows a part of one cannot be read. */
static bool ends_whole(int fd, off_t size) {
    off_t at = QUARANTINE_HEADER_BYTES;
    struct record_header record;
    while (at < size) {
        if (pread(fd, &record, sizeof record, at) != (ssize_t)sizeof record)
            return false;
        at += (off_t)sizeof record + record.caplen;
    }
    return at == size;
}

static enum fit fit_of(const struct quarantine_file *file) {
    struct pcap_file_header wanted, found;
    struct stat st;
    memcpy(&wanted, file->header, sizeof wanted);
    ssize_t got = pread(file->fd, &found, sizeof found, 0);
    if (got < 0 || fstat(file->fd, &st) != 0)
        return FIT_UNREADABLE;
    if (got == 0)
        return FIT;
    if (got != (ssize_t)sizeof found)
        return FIT_NO_CAPTURE;
    if (found.magic == bswap_32(MAGIC_NANOSECONDS) || found.magic == bswap_32(MAGIC_MICROSECONDS))
        return FIT_BYTE_ORDER;
    if (found.magic == MAGIC_MICROSECONDS)
        return FIT_TIME_UNIT;
    if (found.magic == MAGIC_PCAPNG)
        return FIT_PCAPNG;
    if (found.magic != MAGIC_NANOSECONDS)
        return FIT_NO_CAPTURE;
    if (found.version_major != wanted.version_major || found.version_minor != wanted.version_minor)
        return FIT_VERSION;
    if (found.snaplen != 0 && found.snaplen < wanted.snaplen) /* readers would cut packets */
        return FIT_SNAPLEN;
    if (file->dlt != QUARANTINE_DLT_NONE && found.linktype != wanted.linktype)
        return FIT_LINK_TYPE;
    return ends_whole(file->fd, st.st_size) ? FIT : FIT_TORN;
}

static void close_file(struct quarantine_file *file) {
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    file->checked = false;
}

/* Follows no link, and waits for no pipe or device. */
static int open_name(struct quarantine_file *file, const char *name) {
    const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct stat st;
    file->fd = open(name, flags);
    file->made = file->fd < 0 && errno == ENOENT;
    if (file->made)
        file->fd = open(name, flags | O_CREAT, 0600);
    int error = file->fd < 0 || fstat(file->fd, &st) != 0 ? -errno : 0;
    if (error == 0 && S_ISREG(st.st_mode))
        return 0;
    if (error == 0)
        fb_error("--quarantine '%s' is not a regular file: give one", name);
    else if (error == -ELOOP)
        fb_error("--quarantine '%s' is a symbolic link, which is not followed: give the file "
                 "itself",
                 name);
    else
        fb_error("--quarantine '%s': cannot append there: %s: give a file that you may write to",
                 name, strerror(-error));
    close_file(file);
    return error != 0 ? error : -EINVAL;
}

/*
 * Opens the file of a link type, unless it is open, and looks at what it holds. Where
 * that does not fit, the type goes to the file beside it.
 */
static int open_file(struct quarantine *quarantine, struct quarantine_file *file) {
    char name[NAME_BYTES];
    int error = make_header(file);
    while (error == 0) {
        name_file(name, quarantine, file);
        error = file->fd >= 0 ? 0 : open_name(file, name);
        if (error != 0)
            break;
        enum fit fit = fit_of(file);
        bool is_known = file->dlt != QUARANTINE_DLT_NONE;
        if (fit == FIT || (fit > FIT_NO_CAPTURE && !is_known)) {
            file->checked = is_known;
            return 0;
        }
        close_file(file);
        if (fit <= FIT_NO_CAPTURE || file->beside) {
            fb_error("--quarantine '%s' %s: move it away, or give another file", name,
                     fit_texts[fit]);
            return -EINVAL;
        }
        char beside[NAME_BYTES];
        file->beside = true;
        name_file(beside, quarantine, file);
        fb_info("--quarantine '%s' %s: packets of this run go to %s", name, fit_texts[fit], beside);
    }
    return error;
}

/* The file of a link type, taken for it if need be; NULL if there is no more room. */
static struct quarantine_file *file_of(struct quarantine *quarantine, int dlt) {
    for (unsigned i = 0; i < quarantine->count; i++) {
        struct quarantine_file *file = &quarantine->files[i];
        if (file->dlt == QUARANTINE_DLT_NONE)
            file->dlt = dlt;
        if (file->dlt == dlt)
            return file;
    }
    if (quarantine->count == FB_MAX_LINKS)
        return NULL;
    struct quarantine_file *file = &quarantine->files[quarantine->count];
    *file = (struct quarantine_file){.dlt = dlt, .fd = -1, .beside = quarantine->count != 0};
    quarantine->count++;
    return file;
}

int quarantine_open(struct quarantine *quarantine, const char *path, const int *dlts,
                    unsigned count) {
    static const int not_known[] = {QUARANTINE_DLT_NONE};
    int error = 0;
    *quarantine = (struct quarantine){.path = path};
    if (path == NULL)
        return 0;
    if (count == 0) {
        dlts = not_known;
        count = 1;
    }
    for (unsigned i = 0; i < count && error == 0; i++)
        error = open_file(quarantine, file_of(quarantine, dlts[i]));
    return error;
}

/* Writes a packet at the end, or nothing. */
static int append(struct quarantine_file *file, const struct quarantined *packet,
                  const char *name) {
    struct record_header record = {
        .seconds = (uint32_t)(packet->time_ns / NS_PER_SECOND),
        .nanoseconds = (uint32_t)(packet->time_ns % NS_PER_SECOND),
        .caplen = packet->caplen,
        .wirelen = packet->wirelen,
    };
    struct stat st = {.st_size = -1};
    ssize_t written = -1;
    if (fstat(file->fd, &st) == 0) {
        size_t header_bytes = st.st_size == 0 ? sizeof file->header : 0;
        const struct iovec parts[] = {{file->header, header_bytes},
                                      {&record, sizeof record},
                                      {(void *)packet->bytes, packet->caplen}};
        do
            written = writev(file->fd, parts, 3);
        while (written < 0 && errno == EINTR);
        if (written == (ssize_t)(header_bytes + sizeof record + packet->caplen))
            return 0;
    }
    fb_error("frame %llu could not be written to the quarantine file %s: %s",
             (unsigned long long)packet->frame, name,
             written < 0 ? strerror(errno) : "there is room for a part of it only");
    /* A part that stays makes the file one that ends inside a packet: it is looked at again. */
    if (written > 0 && ftruncate(file->fd, st.st_size) != 0)
        close_file(file);
    return -EIO;
}

static bool is_deleted(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

static int add(struct quarantine *quarantine, const struct quarantined *packet) {
    char name[NAME_BYTES];
    struct quarantine_file *file = file_of(quarantine, packet->dlt);
    if (file == NULL) {
        fb_error("frame %llu could not be kept: there are quarantine files for %u link types",
                 (unsigned long long)packet->frame, FB_MAX_LINKS);
        return -ENOSPC;
    }
    if (file->fd >= 0 && is_deleted(file->fd))
        close_file(file);
    int error = file->checked ? 0 : open_file(quarantine, file);
    if (error != 0)
        return error;
    name_file(name, quarantine, file);
    return append(file, packet, name);
}

const char *quarantine_keep(struct quarantine *quarantine, const struct quarantined *packet) {
    if (quarantine == NULL || quarantine->path == NULL)
        return " and not kept; --quarantine FILE.pcap keeps such packets";
    if (packet != NULL && add(quarantine, packet) == 0)
        return "";
    quarantine->lost++;
    return " and could not be kept";
}

/* Removes what this run made and did not need, if the name still leads to it. */
static void remove_empty(const struct quarantine_file *file, const char *name) {
    struct stat own, named;
    if (file->made && fstat(file->fd, &own) == 0 && own.st_size == 0 && lstat(name, &named) == 0 &&
        named.st_dev == own.st_dev && named.st_ino == own.st_ino)
        unlink(name);
}

void quarantine_close(struct quarantine *quarantine) {
    char name[NAME_BYTES];
    for (unsigned i = 0; i < quarantine->count; i++) {
        struct quarantine_file *file = &quarantine->files[i];
        if (file->fd < 0)
            continue;
        name_file(name, quarantine, file);
        remove_empty(file, name);
        close_file(file);
    }
    quarantine->count = 0;
}
