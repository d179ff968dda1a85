/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_links.h"
#include "dispatcher/capture/capture_begin.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PCAP_HEADER_BYTES 24u
#define RECORD_HEADER_BYTES 16u

void capture_links_init(struct capture_links *l, const struct capture_config *config,
                        struct capture_filter *const *filter) {
    *l = (struct capture_links){.config = config, .filter = filter};
}

void capture_links_fini(struct capture_links *l) {
    for (unsigned i = 0; i < l->count; i++)
        pcap_close(l->all[i].pcap);
    l->count = 0;
}

void capture_links_end(struct capture_links *l) {
    for (unsigned i = 0; i < l->count; i++)
        l->all[i].present = false;
}

/* ---- libpcap's handle of a link type */

static ssize_t input_read(void *cookie, char *to, size_t size) {
    struct capture_link_input *input = cookie;
    unsigned part = input->sizes[0] != 0 ? 0 : 1;
    size_t n = size < input->sizes[part] ? size : input->sizes[part];

    if (n != 0)
        memcpy(to, input->parts[part], n);
    input->parts[part] += n;
    input->sizes[part] -= n;
    return (ssize_t)n;
}

static void give_input(struct capture_link *link, const uint8_t *head, size_t head_size,
                       const uint8_t *data, size_t size) {
    link->input = (struct capture_link_input){.parts = {head, data}, .sizes = {head_size, size}};
}

static void store(uint8_t *to, uint32_t value, unsigned bytes, bool big_endian) {
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * (big_endian ? bytes - 1 - i : i));
}

/*
 * Which number of libpcap is meant by a file's, and what it does with bytes of the other
 * order, it says of files only: so it gets a file, a pcap header and no frame.
 */
static pcap_t *open_handle(struct capture_link *link) {
    const cookie_io_functions_t functions = {.read = input_read};
    uint8_t header[PCAP_HEADER_BYTES] = {0};
    bool big = link->big_endian;
    FILE *stream = fopencookie(&link->input, "r", functions);
    pcap_t *pcap;

    if (stream == NULL)
        return NULL;
    setvbuf(stream, NULL, _IONBF, 0); /* every read is one of exactly what was given */
    store(header, 0xa1b23c4d, 4, big);
    store(header + 4, 2, 2, big);
    store(header + 6, 4, 2, big);
    store(header + 16, FB_FRAME_MAX, 4, big);
    store(header + 20, link->linktype, 4, big);
    give_input(link, header, sizeof header, NULL, 0);
    pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO,
                                                    (char[PCAP_ERRBUF_SIZE]){0});
    if (pcap == NULL)
        fclose(stream);
    return pcap;
}

/* Link types of which libpcap converts fields. */
static bool needs_conversion(int dlt, bool foreign) {
    switch (dlt) {
    case DLT_USB_LINUX_MMAPPED: /* a length that old versions counted wrongly */
        return true;
    case DLT_LINUX_SLL:
    case DLT_LINUX_SLL2:
    case DLT_NFLOG:
    case DLT_PFLOG:
    case DLT_USB_LINUX:
        return foreign;
    default:
        return false;
    }
}

unsigned capture_links_find(struct capture_links *l, uint16_t linktype, bool big_endian) {
    struct capture_link *link = l->all;

    for (unsigned i = 0; i < l->count; i++, link++) {
        if (link->linktype != linktype || link->big_endian != big_endian)
            continue;
        link->present = true;
        return i;
    }
    if (l->count == CAPTURE_LINKS_MOST)
        return CAPTURE_LINKS_NONE;
    *link = (struct capture_link){.linktype = linktype, .big_endian = big_endian, .present = true};
    link->pcap = open_handle(link);
    if (link->pcap == NULL)
        return CAPTURE_LINKS_NONE;
    link->dlt = pcap_datalink(link->pcap);
    link->converts = needs_conversion(link->dlt, pcap_is_swapped(link->pcap) != 0);
    return l->count++;
}

/* ---- what is taken */

/* What the filter is to this link type. *program: NULL if there is no filter, or it is unknown. */
static enum capture_fit ask_filter(struct capture_filter *filter, const struct capture_link *link,
                                   const struct capture_program **program) {
    *program = NULL;
    if (filter->text == NULL)
        return CAPTURE_FITS;
    return capture_filter_fits(filter, capture_kind_of_file(link->pcap), program);
}

bool capture_links_try(struct capture_links *l, struct capture_link *link) {
    const struct capture_config *config = l->config;
    enum capture_fit fit;

    if (link->state != CAPTURE_LINK_NEW)
        return link->state == CAPTURE_LINK_TAKEN;
    link->problem =
        config->link_problem == NULL ? NULL : config->link_problem(config->link_context, link->dlt);
    if (link->problem == NULL) {
        fit = ask_filter(*l->filter, link, &link->program);
        if (fit == CAPTURE_FIT_UNKNOWN && (*l->filter)->lacks)
            return true; /* and is asked again */
        if (fit == CAPTURE_FITS) {
            link->state = CAPTURE_LINK_TAKEN;
            return true;
        }
    }
    link->state = CAPTURE_LINK_REFUSED;
    return false;
}

static void say_unfit(const struct capture_filter *filter, const struct capture_link *link,
                      const struct capture_program *program, const char *name, const char *then) {
    const char *link_name = pcap_datalink_val_to_name(link->dlt);
    char what[PATH_MAX + 64];

    snprintf(what, sizeof what, "%s, link type %d (%s)", capture_shown_name(name), link->dlt,
             link_name == NULL ? "unnamed" : link_name);
    capture_filter_say(filter, program, what, then);
}

void capture_links_say(const struct capture_links *l, const struct capture_link *link,
                       const char *name, const char *then) {
    const char *link_name = pcap_datalink_val_to_name(link->dlt);

    if (link->problem != NULL)
        fb_error("%s has link type %d (%s), %s%s", capture_shown_name(name), link->dlt,
                 link_name == NULL ? "unnamed" : link_name, link->problem, then);
    else
        say_unfit(*l->filter, link, link->program, name, then);
}

/* Whether a link type has frames that are filtered: its program is needed now. */
static bool is_used(const struct capture_link *link) {
    return link->present && link->state == CAPTURE_LINK_TAKEN;
}

int capture_links_check_filter(struct capture_links *l, struct capture_filter *filter,
                               const char *name) {
    const struct capture_program *program;

    for (unsigned i = 0; i < l->count; i++) {
        struct capture_link *link = &l->all[i];
        if (!is_used(link) || ask_filter(filter, link, &program) == CAPTURE_FITS ||
            (program == NULL && filter->lacks))
            continue;
        say_unfit(filter, link, program, name, "");
        return -EINVAL;
    }
    return 0;
}

void capture_links_take_filter(struct capture_links *l, struct capture_filter *filter) {
    for (unsigned i = 0; i < l->count; i++) {
        struct capture_link *link = &l->all[i];
        if (is_used(link))
            ask_filter(filter, link, &link->program);
        else
            link->program = NULL;
        if (!is_used(link))
            link->state = CAPTURE_LINK_NEW;
        link->told = false;
    }
}

/* ---- conversion */

bool capture_links_convert(struct capture_link *link, struct pcap_pkthdr *header,
                           const uint8_t **data) {
    uint8_t record[RECORD_HEADER_BYTES] = {0};
    struct pcap_pkthdr *converted;
    const u_char *bytes;

    store(record + 8, header->caplen, 4, link->big_endian);
    store(record + 12, header->len, 4, link->big_endian);
    give_input(link, record, sizeof record, *data, header->caplen);
    if (pcap_next_ex(link->pcap, &converted, &bytes) != 1)
        return false;
    header->caplen = converted->caplen;
    header->len = converted->len;
    *data = bytes;
    return true;
}
