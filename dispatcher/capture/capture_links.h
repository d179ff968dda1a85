/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_LINKS_H
#define DISPATCHER_CAPTURE_CAPTURE_LINKS_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/capture/capture_filter.h"

/*
 * The link types of pcapng interfaces: libpcap's number for each, whether it is taken,
 * and the filter that was compiled for it. They are kept over files and loops. Of one
 * source, one thread.
 *
 *     NEW -> TAKEN, or REFUSED (not known, or the filter does not fit) where it is used
 *
 * An interface may have a link type that nobody knows as long as no frame came from it.
 */
#define CAPTURE_LINKS_MOST 64u /* in either byte order; a run takes FB_MAX_LINKS of them */
#define CAPTURE_LINKS_NONE CAPTURE_LINKS_MOST /* of an interface: one too many */

enum capture_link_state { CAPTURE_LINK_NEW, CAPTURE_LINK_TAKEN, CAPTURE_LINK_REFUSED };

/* Read only but for this file's functions. */
struct capture_link {
    uint16_t linktype; /* the file's number */
    bool big_endian;   /* of the section */
    bool converts;     /* its frames go through capture_links_convert() */
    bool present;      /* in the file that is read now */
    bool told;         /* that it was refused: the caller's */
    enum capture_link_state state;
    int dlt;
    const char *problem; /* with the type; NULL: the filter does not fit, if refused */
    pcap_t *pcap;        /* knows the type */
    const struct capture_program *program; /* of the filter, if there is one */

    /* What pcap reads: a file header, then a frame to convert. */
    struct capture_link_input {
        const uint8_t *parts[2];
        size_t sizes[2];
    } input;
};

struct capture_links {
    const struct capture_config *config;
    struct capture_filter *const *filter;
    unsigned count;
    struct capture_link all[CAPTURE_LINKS_MOST];
};

/* Makes none. config and *filter, the filter to be used, outlive them, and they stay where they
 * are. */
void capture_links_init(struct capture_links *links, const struct capture_config *config,
                        struct capture_filter *const *filter);
void capture_links_fini(struct capture_links *links);

/* A file is over: no link type is present. */
void capture_links_end(struct capture_links *links);

/* The index of an interface's link type, which is present from now on; CAPTURE_LINKS_NONE: there is
 * no room for a further one. */
unsigned capture_links_find(struct capture_links *links, uint16_t linktype, bool big_endian);

/* Asks about a link type and for the filter's program, unless that was done. Returns whether it is
 * taken, or would be if a program that the filter lacks fits. */
bool capture_links_try(struct capture_links *links, struct capture_link *link);

/* The link type of a frame, by its index; NULL: it was refused. */
static inline struct capture_link *capture_links_use(struct capture_links *links, unsigned index) {
    struct capture_link *link = &links->all[index];
    return link->state == CAPTURE_LINK_TAKEN || capture_links_try(links, link) ? link : NULL;
}

/* Logs one line on a link type that was refused in a file; `then` follows it. */
void capture_links_say(const struct capture_links *links, const struct capture_link *link,
                       const char *name, const char *then);

/*
 * As a source's check_filter and take_filter, for the link types that are present and
 * taken; the others follow when they are used.
 */
int capture_links_check_filter(struct capture_links *links, struct capture_filter *filter,
                               const char *name);
void capture_links_take_filter(struct capture_links *links, struct capture_filter *filter);

/*
 * Has libpcap put fields in the capturing host's byte order into ours, as it does for a
 * few link types. Changes *header and *data, which are then valid until the next call;
 * header->caplen is at most FB_FRAME_MAX. Returns false if libpcap refuses the frame.
 */
bool capture_links_convert(struct capture_link *link, struct pcap_pkthdr *header,
                           const uint8_t **data);

/* Whether a frame passes the filter, if there is one. */
static inline bool capture_link_passes(const struct capture_link *link,
                                       const struct pcap_pkthdr *header, const uint8_t *data) {
    return link->program == NULL || pcap_offline_filter(&link->program->bpf, header, data) != 0;
}

#endif
