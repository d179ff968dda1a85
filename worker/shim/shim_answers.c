/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "worker/shim/shim.h"
#include "worker/shim/shim_real.h"

/* ---- numbers of an activated handle: inner has them ------------------------------------------ */

#define ANSWER(name)                                                                               \
    int pcap_##name(pcap_t *p) {                                                                   \
        struct shim_handle *h = shim_find(p);                                                      \
        if (h == NULL)                                                                             \
            return shim_real()->name(p);                                                           \
        return h->activated ? shim_real()->name(h->inner) : PCAP_ERROR_NOT_ACTIVATED;              \
    }
ANSWER(snapshot)
ANSWER(datalink)
ANSWER(datalink_ext)
ANSWER(is_swapped)
ANSWER(major_version)
ANSWER(minor_version)
ANSWER(bufsize)
#undef ANSWER

int pcap_get_tstamp_precision(pcap_t *p) {
    const struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->get_tstamp_precision(p) : h->precision;
}

/* ---- lists of one ---------------------------------------------------------------------------- */

static int list_one(struct shim_handle *h, int **list, int value) {
    *list = malloc(sizeof **list);
    if (*list == NULL)
        return shim_fail(h, PCAP_ERROR, "%s: no memory for a list", h->name);
    **list = value;
    return 1;
}

int pcap_list_datalinks(pcap_t *p, int **list) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->list_datalinks(p, list);
    return h->activated ? list_one(h, list, h->link_type) : PCAP_ERROR_NOT_ACTIVATED;
}

int pcap_list_tstamp_types(pcap_t *p, int **list) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->list_tstamp_types(p, list)
                     : list_one(h, list, PCAP_TSTAMP_HOST);
}

int pcap_set_datalink(pcap_t *p, int dlt) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->set_datalink(p, dlt);
    if (h->activated && dlt == h->link_type)
        return 0;
    const char *name = dlt < 0 ? NULL : shim_real()->datalink_val_to_name(dlt);
    if (name != NULL)
        return shim_fail(h, PCAP_ERROR, "%s is not one of the DLTs supported by this device", name);
    return shim_fail(h, PCAP_ERROR, "DLT %d is not one of the DLTs supported by this device", dlt);
}

/* ---- files: their header has the link type and the snapshot length ------------------------------
 */

#define DUMP(name, type, shown)                                                                    \
    pcap_dumper_t *pcap_##name(pcap_t *p, type file) {                                             \
        struct shim_handle *h = shim_find(p);                                                      \
        if (h == NULL)                                                                             \
            return shim_real()->name(p, file);                                                     \
        pcap_dumper_t *dumper = h->activated ? shim_real()->name(h->inner, file) : NULL;           \
        if (!h->activated)                                                                         \
            shim_fail(h, PCAP_ERROR, "%s: not-yet-activated pcap_t passed to pcap_" #name, shown); \
        else if (dumper == NULL)                                                                   \
            shim_fail(h, PCAP_ERROR, "%s", shim_real()->geterr(h->inner));                         \
        return dumper;                                                                             \
    }
DUMP(dump_open, const char *, file)
DUMP(dump_open_append, const char *, file)
DUMP(dump_fopen, FILE *, "stream")
#undef DUMP

/* ---- the rest -------------------------------------------------------------------------------- */

/*
 * Received are, as on Linux, the packets that passed the filter and those that were dropped; the
 * dispatcher's rings drop before the filter is run. What the interfaces dropped is in its report.
 */
int pcap_stats(pcap_t *p, struct pcap_stat *stats) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->stats(p, stats);
    if (!h->activated)
        return shim_fail_inactive(h);
    *stats = (struct pcap_stat){.ps_recv = (u_int)(h->passed + h->lost),
                                .ps_drop = (u_int)h->lost,
                                .ps_ifdrop = (u_int)h->other_link};
    return 0;
}

/* Which way a packet went over an interface is not kept. */
int pcap_setdirection(pcap_t *p, pcap_direction_t direction) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->setdirection(p, direction);
    if (direction != PCAP_D_INOUT && direction != PCAP_D_IN && direction != PCAP_D_OUT)
        return shim_fail(h, PCAP_ERROR, "Invalid direction");
    if (!h->activated)
        return shim_fail_inactive(h);
    if (direction == PCAP_D_INOUT)
        return 0;
    return shim_fail(h, PCAP_ERROR, "Setting direction is not supported on this device");
}

static int refuse_to_send(struct shim_handle *h) {
    if (!h->activated)
        return shim_fail_inactive(h);
    return shim_fail(h, PCAP_ERROR, "%s: packets cannot be sent: flow-balancer only reads",
                     h->name);
}

int pcap_inject(pcap_t *p, const void *bytes, size_t size) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->inject(p, bytes, size) : refuse_to_send(h);
}

int pcap_sendpacket(pcap_t *p, const u_char *bytes, int size) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->sendpacket(p, bytes, size) : refuse_to_send(h);
}
