/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndpi/ndpi_api.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "worker/inspectors/ndpi_result.h"
#include "worker/records/eve.h"
#include "worker/records/sinks.h"

/*
 * The protocol of each flow, as nDPI finds it, in the record of the flow. The library is called as
 * its own ndpiReader calls it, with the same limits and in the same order, so that both say the
 * same of the same packets. What it keeps of a flow is freed when it can find out no more; what it
 * keeps of hosts, to recognize their next flows, is this process's, and ends with it.
 */
#define TCP_PACKETS_MOST 80u /* of a flow that are inspected; ndpiReader's defaults */
#define UDP_PACKETS_MOST 24u
#define LENGTH_MOST UINT16_MAX /* what the library has room for */
#define NS_PER_MS UINT64_C(1000000)
#define IP6_HEADER_BYTES 40u

enum { STAT_FLOWS, STAT_DETECTED, STAT_GUESSED, STAT_UNKNOWN, STAT_GIVEUPS, STAT_PACKETS };
static const char *const stat_names[] = {[STAT_FLOWS] = "flows",
                                         [STAT_DETECTED] = "detected",
                                         [STAT_GUESSED] = "guessed",
                                         [STAT_UNKNOWN] = "unknown",
                                         [STAT_GIVEUPS] = "giveups",
                                         [STAT_PACKETS] = "packets",
                                         NULL};

/* A flow that is being inspected; in a list, for those that have no end before close(). */
struct live {
    struct live *next, **link; /* link: what points to it */
    struct ndpi_flow_struct flow;
};

struct dpi {
    struct ndpi_detection_module_struct *module;
    struct live *first;
    uint64_t last_ns; /* the latest time of a packet: the library is told none before it */
    uint64_t stats[sizeof stat_names / sizeof *stat_names];
};

/* The state of a flow. */
struct dpi_flow {
    struct eve_flow eve;
    struct ndpi_result result; /* its protocol from the first packet on, all once complete */
    struct live *live;         /* NULL: no packet of it was inspected, or it is complete */
    uint32_t packets;          /* inspected */
    bool is_complete;
    bool has_payload;
};

/* ---- opening --------------------------------------------------------------------------------- */

/* The library says no more than that it cannot. */
static int check_readable(const char *what, const char *path) {
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 || read(fd, &byte, 1) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    if (error != 0)
        fb_error("--inspector ndpi: %s=%s: cannot read it: %s: give a file as ndpiReader takes it",
                 what, path, strerror(-error));
    return error;
}

/* One of protos=FILE and categories=FILE. */
static int load_file(struct dpi *dpi, const char *text) {
    static const struct {
        const char *name;
        int (*load)(struct ndpi_detection_module_struct *module, const char *path);
    } files[] = {{"protos", ndpi_load_protocols_file}, {"categories", ndpi_load_categories_file}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t length = strlen(files[i].name);
        if (strncmp(text, files[i].name, length) != 0 || text[length] != '=')
            continue;
        const char *path = text + length + 1;
        int error = check_readable(files[i].name, path);
        if (error == 0 && files[i].load(dpi->module, path) < 0) {
            fb_error("--inspector ndpi: %s=%s: libndpi refuses it", files[i].name, path);
            error = -EIO;
        }
        return error;
    }
    fb_error("--inspector ndpi: '%s' is none of protos=FILE and categories=FILE: write "
             "ndpi:protos=FILE,categories=FILE; a comma cannot be part of FILE",
             text);
    return -EINVAL;
}

static int load_files(struct dpi *dpi, const char *args) {
    char *copy = strdup(args), *rest = copy;
    int error = copy == NULL ? -ENOMEM : 0;
    for (char *text; error == 0 && (text = strsep(&rest, ",")) != NULL;)
        error = load_file(dpi, text);
    free(copy);
    return error;
}

/* With all protocols, as ndpiReader has it. */
static int make_module(struct dpi *dpi, const char *args) {
    NDPI_PROTOCOL_BITMASK all;
    if (ndpi_get_api_version() != NDPI_API_VERSION) {
        fb_error("--inspector ndpi: libndpi is %s here, and its structs are others than those of "
                 "the %s that this worker was built with: build it again",
                 ndpi_revision(), FB_NDPI_VERSION);
        return -ENOTSUP;
    }
    dpi->module = ndpi_init_detection_module(ndpi_no_prefs);
    if (dpi->module == NULL)
        return -ENOMEM;
    NDPI_BITMASK_SET_ALL(all);
    ndpi_set_protocol_detection_bitmask2(dpi->module, &all);
    int error = args == NULL ? 0 : load_files(dpi, args);
    if (error == 0)
        ndpi_finalize_initialization(dpi->module);
    return error;
}

static void dpi_close(void *self);

static int dpi_open(struct fb_setup *setup) {
    struct dpi *dpi = calloc(1, sizeof *dpi);
    if (dpi == NULL) {
        fb_error("inspector ndpi: no memory for %zu bytes", sizeof *dpi);
        return -ENOMEM;
    }
    int error = make_module(dpi, setup->args);
    if (error != 0) {
        dpi_close(dpi);
        return error;
    }
    setup->self = dpi;
    setup->state_bytes = sizeof(struct dpi_flow);
    setup->stats = stat_names;
    setup->all_ends = 1; /* a record a flow, as with `flow` */
    return 0;
}

/* ---- a flow ---------------------------------------------------------------------------------- */

static struct live *begin_live(struct dpi *dpi) {
    struct live *live = calloc(1, sizeof *live);
    if (live == NULL)
        return NULL;
    live->next = dpi->first;
    live->link = &dpi->first;
    if (live->next != NULL)
        live->next->link = &live->next;
    dpi->first = live;
    return live;
}

static void end_live(struct live *live) {
    *live->link = live->next;
    if (live->next != NULL)
        live->next->link = live->link;
    ndpi_free_flow_data(&live->flow);
    free(live);
}

/* What was found last may be a guess now, by ports and addresses. */
static void give_up(struct dpi *dpi, struct dpi_flow *flow) {
    uint8_t was_guessed;
    dpi->stats[STAT_GIVEUPS] += flow->result.protocol.app_protocol == NDPI_PROTOCOL_UNKNOWN;
    flow->result.protocol = ndpi_detection_giveup(dpi->module, &flow->live->flow, 1, &was_guessed);
}

/* Keeps the result, and frees what the library has of the flow. */
static int complete(struct dpi *dpi, struct dpi_flow *flow) {
    int error = ndpi_result_take(&flow->result, &flow->live->flow, flow->result.protocol);
    end_live(flow->live);
    flow->live = NULL;
    flow->is_complete = true;
    dpi->stats[STAT_FLOWS]++;
    dpi->stats[STAT_DETECTED] += ndpi_result_is_detected(&flow->result);
    dpi->stats[STAT_GUESSED] += ndpi_result_is_guessed(&flow->result);
    dpi->stats[STAT_UNKNOWN] +=
        !ndpi_result_is_detected(&flow->result) && !ndpi_result_is_guessed(&flow->result);
    return error;
}

/* ---- packets --------------------------------------------------------------------------------- */

static unsigned be16_at(const uint8_t *at) {
    return (unsigned)at[0] << 8 | at[1];
}

/* Whether all of the IP packet was captured. The library takes no part of one, but counts it. */
static bool is_whole(const struct fb_packet *packet) {
    const uint8_t *ip = packet->data + packet->l3_off;
    uint32_t captured = packet->caplen - packet->l3_off;
    return ip[0] >> 4 == 4 ? be16_at(ip + 2) <= captured
                           : IP6_HEADER_BYTES + be16_at(ip + 4) <= captured;
}

/* No error that quotes the flow; no later fragment, and none without a valid header. */
static bool is_to_inspect(const struct fb_packet *packet) {
    if (packet->l3_off == FB_NO_OFFSET || (packet->flags & FB_F_ICMP_ERROR) != 0)
        return false;
    bool has_header =
        packet->l4_off != FB_NO_OFFSET || (packet->flags & (FB_F_FRAGMENT | FB_F_MALFORMED)) == 0;
    return has_header && is_whole(packet);
}

static bool has_ports(unsigned proto) {
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/* Others have no limit. */
static bool has_enough(unsigned proto, uint32_t packets) {
    return has_ports(proto) &&
           packets > (proto == IPPROTO_TCP ? TCP_PACKETS_MOST : UDP_PACKETS_MOST);
}

static int inspect_flow(struct dpi *dpi, struct dpi_flow *flow, const struct fb_packet *packet) {
    uint32_t length = packet->caplen - packet->l3_off;
    if (flow->live == NULL && (flow->live = begin_live(dpi)) == NULL)
        return -ENOMEM;
    struct ndpi_flow_struct *known = &flow->live->flow;
    flow->packets++;
    flow->has_payload |= packet->payload_len != 0 && has_ports(packet->proto);
    dpi->stats[STAT_PACKETS]++;
    flow->result.protocol = ndpi_detection_process_packet(
        dpi->module, known, packet->data + packet->l3_off,
        (unsigned short)(length < LENGTH_MOST ? length : LENGTH_MOST), dpi->last_ns / NS_PER_MS);
    bool is_found = flow->result.protocol.app_protocol != NDPI_PROTOCOL_UNKNOWN;
    if (!has_enough(packet->proto, flow->packets) &&
        (!is_found || ndpi_extra_dissection_possible(dpi->module, known)))
        return 0;
    if (!is_found)
        give_up(dpi, flow);
    return complete(dpi, flow);
}

static int dpi_packet(void *self, void *state, const struct fb_packet *packet) {
    struct dpi *dpi = self;
    struct dpi_flow *flow = state;
    if (packet->time_ns > dpi->last_ns)
        dpi->last_ns = packet->time_ns;
    eve_flow_packet(&flow->eve, packet);
    if (flow->is_complete || !is_to_inspect(packet))
        return 0;
    return inspect_flow(dpi, flow, packet);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* A flow of which no packet was inspected has no such member. */
static int write_flow_record(struct dpi *dpi, const struct dpi_flow *flow,
                             const struct fb_flow_end *end) {
    json_t *more = NULL;
    if (!sinks_any())
        return 0;
    if (flow->is_complete && (more = ndpi_result_json(dpi->module, &flow->result)) == NULL)
        return -ENOMEM;
    int rc = eve_flow_write(&flow->eve, end,
                            ndpi_result_app_proto(&flow->result, flow->has_payload), more);
    json_decref(more);
    return rc;
}

static int dpi_flow_end(void *self, void *state, const struct fb_flow_end *end) {
    struct dpi *dpi = self;
    struct dpi_flow *flow = state;
    int rc = 0;
    if (flow == NULL) /* another process had its packets, and what it knew is gone */
        return eve_flow_write(NULL, end, NULL, NULL);
    if (flow->live != NULL) { /* not when the call comes again */
        give_up(dpi, flow);
        rc = complete(dpi, flow);
    }
    if (rc == 0)
        rc = write_flow_record(dpi, flow, end);
    if (rc != FB_OUTPUT_FAILED || end->reason == FB_END_ORPHANED)
        ndpi_result_free(&flow->result);
    return rc;
}

static void dpi_stats(void *self, uint64_t *values) {
    const struct dpi *dpi = self;
    memcpy(values, dpi->stats, (sizeof stat_names / sizeof *stat_names - 1) * sizeof *values);
}

static void dpi_close(void *self) {
    struct dpi *dpi = self;
    while (dpi->first != NULL)
        end_live(dpi->first);
    if (dpi->module != NULL)
        ndpi_exit_detection_module(dpi->module);
    free(dpi);
}

const struct fb_inspector inspect_ndpi_ops = {
    FB_INSPECTOR_HEAD,
    .name = "ndpi",
    .version = "libndpi " FB_NDPI_VERSION,
    .help = "ndpi[:protos=FILE][,categories=FILE]: each flow's protocol, into its record (--eve)",
    .open = dpi_open,
    .packet = dpi_packet,
    .flow_end = dpi_flow_end,
    .stats = dpi_stats,
    .close = dpi_close,
};
