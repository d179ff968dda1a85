/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/shim/shim.h"
#include "worker/shim/shim_claim.h"
#include "worker/shim/shim_device.h"
#include "worker/shim/shim_real.h"

pcap_t *pcap_create(const char *device, char *errbuf) {
    if (!shim_names_device(device))
        return shim_real()->create(device, errbuf);
    struct shim_handle *h = shim_make(device, errbuf);
    return h == NULL ? NULL : h->pcap;
}

/* ---- activation ------------------------------------------------------------------------------ */

/* The handle that is activated, of which there is one; only looked for, so no lock. */
static const struct shim_handle *active;

static void note_active(struct shim_handle *h) {
    if (h->activated)
        active = h;
}

static const struct shim_handle *find_active(void) {
    active = NULL;
    shim_each(note_active);
    return active;
}

static void take_link_type(struct shim_handle *h, int link_type) {
    h->link_type = link_type;
    if (link_type >= 0)
        return;
    h->link_type = DLT_EN10MB;
    fprintf(stderr,
            "flow-balancer: warning: %s: its link type is not known before its first packet, since "
            "it reads from a pipe: Ethernet is assumed\n",
            h->name);
}

static int make_inner(struct shim_handle *h) {
    if (h->snaplen <= 0 || h->snaplen > SHIM_SNAPLEN_MAX)
        h->snaplen = SHIM_SNAPLEN_MAX;
    h->inner =
        shim_real()->open_dead_with_tstamp_precision(h->link_type, h->snaplen, (u_int)h->precision);
    if (h->inner == NULL)
        return shim_fail(h, PCAP_ERROR, "%s: no memory for a handle", h->name);
    h->activated = true;
    return 0;
}

static int activate(struct shim_handle *h) {
    struct shim_look look;
    if (h->activated)
        return shim_fail(h, PCAP_ERROR_ACTIVATED, "can't perform  operation on activated capture");
    if (!shim_parse_device(&h->device, h->name))
        return shim_fail(h, PCAP_ERROR_NO_SUCH_DEVICE,
                         "write " SHIM_PREFIX "NAME or " SHIM_PREFIX
                         "NAME:K: the name of an instance, and a worker number");
    const struct shim_handle *other = find_active();
    if (other != NULL)
        return shim_fail(h, PCAP_ERROR,
                         "this process has %s open: one device " SHIM_PREFIX " a process at a time",
                         other->name);
    int status = shim_look(&h->device, shim_wait_ms(), &look);
    if (status != 0)
        return shim_fail(h, status, "%s", look.problem);
    if (h->rfmon)
        return shim_fail(h, PCAP_ERROR_RFMON_NOTSUP, "%s",
                         shim_real()->statustostr(PCAP_ERROR_RFMON_NOTSUP));
    take_link_type(h, look.link_type);
    return make_inner(h);
}

int pcap_activate(pcap_t *p) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->activate(p) : activate(h);
}

void pcap_close(pcap_t *p) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL) {
        shim_real()->close(p);
        return;
    }
    shim_leave(h);
    shim_free(h);
}

/* ---- all in one ------------------------------------------------------------------------------ */

/* As libpcap writes it: the status where it says more than "error", and the text behind it. */
static void say_not_opened(const struct shim_handle *h, int status, char *errbuf) {
    const char *text = shim_real()->geterr(h->pcap);
    if (status == PCAP_ERROR)
        snprintf(errbuf, PCAP_ERRBUF_SIZE, "%.70s: %.180s", h->name, text);
    else if (status == PCAP_ERROR_NO_SUCH_DEVICE || status == PCAP_ERROR_PERM_DENIED)
        snprintf(errbuf, PCAP_ERRBUF_SIZE, "%.70s: %.60s (%.110s)", h->name,
                 shim_real()->statustostr(status), text);
    else
        snprintf(errbuf, PCAP_ERRBUF_SIZE, "%.70s: %.180s", h->name,
                 shim_real()->statustostr(status));
}

pcap_t *pcap_open_live(const char *device, int snaplen, int promisc, int to_ms, char *errbuf) {
    if (!shim_names_device(device))
        return shim_real()->open_live(device, snaplen, promisc, to_ms, errbuf);
    struct shim_handle *h = shim_make(device, errbuf);
    if (h == NULL)
        return NULL;
    h->snaplen = snaplen;
    h->timeout_ms = to_ms;
    int status = activate(h);
    if (status == 0)
        return h->pcap;
    say_not_opened(h, status, errbuf);
    shim_free(h);
    return NULL;
}
