/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "worker/records/community_id.h"
#include "worker/records/lines.h"
#include "worker/records/output_folder.h"

/*
 * One line a packet in DIR/worker-K.tsv, for tests and audits. A line has left
 * the process when packet() returns: one write() with O_APPEND, no buffer. A
 * process that was killed in that write may leave half a line; the next one
 * cuts it off, and the packet comes again, flagged.
 */
struct record {
    struct community_id id;
    unsigned worker;
    int directory;
    int file;         /* -1 until the number is claimed */
    bool waits;       /* the last line could not be written */
    const char *path; /* for messages */
};

/* Six numbers of 20 digits at most, the ID, all flag names, tabs: about 300; see append_flags(). */
#define LINE_MAX_BYTES 512u

/* Flags that a packet can carry; the others belong to descriptors without a packet. */
#define RECORDED_FLAGS (((1u << FB_DESC_FLAG_COUNT) - 1u) & ~(unsigned)(FB_F_END | FB_F_SKIP))

static size_t append_text(char *line, size_t used, const char *text) {
    size_t n = strlen(text);
    if (n > LINE_MAX_BYTES - used)
        n = LINE_MAX_BYTES - used;
    memcpy(line + used, text, n);
    return used + n;
}

static size_t append_flags(char *line, size_t used, unsigned flags) {
    static const char *const names[] = {
#define X(id, name) [FB_BIT_##id] = name,
        FB_DESC_FLAGS(X)
#undef X
    };
    const char *separator = "";
    flags &= RECORDED_FLAGS;
    if (flags == 0)
        return append_text(line, used, "-");
    for (unsigned bit = 0; bit < FB_DESC_FLAG_COUNT; bit++) {
        if ((flags >> bit & 1u) == 0)
            continue;
        used = append_text(line, used, separator);
        used = append_text(line, used, names[bit]);
        separator = ",";
    }
    return used;
}

static size_t format_line(struct record *record, const struct fb_packet *packet,
                          char line[LINE_MAX_BYTES]) {
    const struct community_id_packet headers = {
        .bytes = packet->data,
        .caplen = packet->caplen,
        .l3_off = packet->l3_off,
        .l4_off = packet->l4_off,
        .proto = packet->proto,
    };
    char id[COMMUNITY_ID_SIZE];
    char proto[4] = "-";
    community_id_of(&record->id, &headers, id);
    if (packet->l3_off != FB_NO_OFFSET)
        snprintf(proto, sizeof proto, "%u", packet->proto);
    int n = snprintf(line, LINE_MAX_BYTES,
                     "%" PRIu64 "\t%u\t%s\t%" PRIu64 "\t%" PRIu32 "\t%u\t%s\t", packet->frame,
                     record->worker, id, packet->flow->id, packet->flow_seq, packet->dir, proto);
    size_t used = append_flags(line, (size_t)n, packet->flags);
    return append_text(line, used, "\n");
}

static void record_close(void *self) {
    struct record *record = self;
    if (record->file >= 0)
        close(record->file);
    if (record->directory >= 0)
        close(record->directory);
    community_id_fini(&record->id);
    free(record);
}

static int record_open(struct fb_setup *setup) {
    struct record *record = calloc(1, sizeof *record);
    if (record == NULL) {
        fb_error("inspector record: no memory for %zu bytes", sizeof *record);
        return -ENOMEM;
    }
    record->directory = -1;
    record->file = -1;
    record->directory = output_folder_open("--inspector record", setup->args);
    int rc = record->directory < 0 ? record->directory : community_id_init(&record->id);
    if (rc != 0) {
        record_close(record);
        return rc;
    }
    record->path = setup->args;
    setup->self = record;
    setup->needs = FB_NEEDS_FILES;
    return 0;
}

static int record_claimed(void *self, const struct fb_instance *instance) {
    struct record *record = self;
    char name[32];
    snprintf(name, sizeof name, "worker-%u.tsv", instance->worker);
    record->worker = instance->worker;
    if (record->file >= 0)
        close(record->file); /* of the dispatcher before */
    record->file = lines_open(record->directory, name);
    int rc = record->file < 0 ? record->file : lines_cut(record->file);
    if (rc != 0)
        fb_error("inspector record: cannot open %s/%s: %s", record->path, name, lines_error(rc));
    return rc;
}

/* Says once that it waits, and that it goes on. */
static void set_waits(struct record *record, int rc) {
    if (!record->waits && rc != 0)
        fb_error("inspector record: cannot write %s/worker-%u.tsv: %s: the worker waits until it "
                 "can",
                 record->path, record->worker, strerror(-rc));
    else if (record->waits && rc == 0)
        fb_info("inspector record: %s/worker-%u.tsv can be written again", record->path,
                record->worker);
    record->waits = rc != 0;
}

static int record_packet(void *self, void *state, const struct fb_packet *packet) {
    struct record *record = self;
    char line[LINE_MAX_BYTES];
    (void)state;
    size_t n = format_line(record, packet, line);
    int rc = lines_write(record->file, line, n);
    if (__builtin_expect(rc != 0 || record->waits, 0))
        set_waits(record, rc);
    if (rc == 0)
        return 0;
    /* What a cut-short write has left: the packet comes again. */
    rc = lines_cut(record->file);
    return rc == 0 ? FB_OUTPUT_FAILED : rc;
}

const struct fb_inspector inspect_record_ops = {
    FB_INSPECTOR_HEAD,
    .name = "record",
    .help = "record:DIR: one line a packet in DIR/worker-K.tsv (made if missing)",
    .open = record_open,
    .claimed = record_claimed,
    .packet = record_packet,
    .close = record_close,
};
