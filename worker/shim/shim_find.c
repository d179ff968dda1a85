/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/shim/shim.h"
#include "worker/shim/shim_device.h"
#include "worker/shim/shim_real.h"

/* A device for the list, which pcap_freealldevs() frees by free(). NULL: no memory. */
static pcap_if_t *make_device(const struct shim_instance *instance) {
    char text[160];
    pcap_if_t *device = calloc(1, sizeof *device);
    if (device == NULL)
        return NULL;
    snprintf(text, sizeof text, SHIM_PREFIX "%s", instance->name);
    device->name = strdup(text);
    snprintf(text, sizeof text, "flow-balancer instance %s: %u of %u worker numbers free",
             instance->name, instance->free, instance->numbers);
    device->description = strdup(text);
    device->flags = PCAP_IF_UP | PCAP_IF_RUNNING | PCAP_IF_CONNECTION_STATUS_NOT_APPLICABLE;
    if (device->name != NULL && device->description != NULL)
        return device;
    free(device->name);
    free(device->description);
    free(device);
    return NULL;
}

/* Behind those that are there: users know interfaces by their place in the list. */
static void append_device(const struct shim_instance *instance, void *arg) {
    pcap_if_t **last = arg;
    while (*last != NULL)
        last = &(*last)->next;
    *last = make_device(instance);
}

/* Where interfaces cannot be listed, for want of rights say, instances still may be. */
int pcap_findalldevs(pcap_if_t **devices, char *errbuf) {
    int status = shim_real()->findalldevs(devices, errbuf);
    if (status != 0)
        *devices = NULL;
    shim_each_instance(append_device, devices);
    return *devices != NULL ? 0 : status;
}

int pcap_lookupnet(const char *device, bpf_u_int32 *net, bpf_u_int32 *mask, char *errbuf) {
    if (!shim_names_device(device))
        return shim_real()->lookupnet(device, net, mask, errbuf);
    *net = *mask = 0; /* as for "any" */
    return 0;
}
