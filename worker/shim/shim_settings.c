/* SPDX-License-Identifier: BSD-2-Clause */
#include <net/ethernet.h>

#include "worker/shim/shim.h"
#include "worker/shim/shim_real.h"

/* Settings of a handle that is not activated; what has no meaning here is taken and not kept. */

static int check_settable(struct shim_handle *h) {
    return h->activated
               ? shim_fail(h, PCAP_ERROR_ACTIVATED, "can't perform  operation on activated capture")
               : 0;
}

int pcap_set_snaplen(pcap_t *p, int snaplen) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->set_snaplen(p, snaplen);
    int status = check_settable(h);
    if (status == 0)
        h->snaplen = snaplen;
    return status;
}

/* The dispatcher opens the interfaces. */
int pcap_set_promisc(pcap_t *p, int promisc) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->set_promisc(p, promisc) : check_settable(h);
}

/* Refused by activate, as for any interface that is not wireless. */
int pcap_set_rfmon(pcap_t *p, int rfmon) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->set_rfmon(p, rfmon);
    int status = check_settable(h);
    if (status == 0)
        h->rfmon = rfmon != 0;
    return status;
}

int pcap_can_set_rfmon(pcap_t *p) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->can_set_rfmon(p) : 0;
}

int pcap_set_timeout(pcap_t *p, int timeout_ms) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->set_timeout(p, timeout_ms);
    int status = check_settable(h);
    if (status == 0)
        h->timeout_ms = timeout_ms;
    return status;
}

/* Packets come as they are published: always immediate. */
int pcap_set_immediate_mode(pcap_t *p, int immediate) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->set_immediate_mode(p, immediate) : check_settable(h);
}

/* The ring has the size that the dispatcher gave it. */
int pcap_set_buffer_size(pcap_t *p, int size) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->set_buffer_size(p, size) : check_settable(h);
}

int pcap_set_tstamp_type(pcap_t *p, int type) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->set_tstamp_type(p, type);
    int status = check_settable(h);
    return status != 0 || type == PCAP_TSTAMP_HOST ? status : PCAP_WARNING_TSTAMP_TYPE_NOTSUP;
}

int pcap_set_tstamp_precision(pcap_t *p, int precision) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->set_tstamp_precision(p, precision);
    int status = check_settable(h);
    if (status != 0)
        return status;
    if (precision != PCAP_TSTAMP_PRECISION_MICRO && precision != PCAP_TSTAMP_PRECISION_NANO)
        return PCAP_ERROR_TSTAMP_PRECISION_NOTSUP;
    h->precision = precision;
    return 0;
}

int pcap_set_protocol_linux(pcap_t *p, int protocol) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->set_protocol_linux(p, protocol);
    int status = check_settable(h);
    if (status != 0 || protocol == 0 || protocol == ETH_P_ALL)
        return status;
    return shim_fail(h, PCAP_ERROR, "%s: packets of one protocol only: give a filter", h->name);
}
