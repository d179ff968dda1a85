/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>

static void print_flags(bpf_u_int32 flags) {
    static const struct {
        bpf_u_int32 flag;
        const char *name;
    } names[] = {{PCAP_IF_UP, "Up"},
                 {PCAP_IF_RUNNING, "Running"},
                 {PCAP_IF_LOOPBACK, "Loopback"},
                 {PCAP_IF_WIRELESS, "Wireless"}};
    bpf_u_int32 status = flags & PCAP_IF_CONNECTION_STATUS;
    bool wireless = (flags & PCAP_IF_WIRELESS) != 0;
    const char *separator = "";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((flags & names[i].flag) == 0)
            continue;
        printf("%s%s", separator, names[i].name);
        separator = ", ";
    }
    if (*separator == '\0')
        printf("none");
    if (status == PCAP_IF_CONNECTION_STATUS_CONNECTED)
        printf(wireless ? ", Associated" : ", Connected");
    else if (status == PCAP_IF_CONNECTION_STATUS_DISCONNECTED)
        printf(wireless ? ", Not associated" : ", Disconnected");
}

int capture_list_interfaces(void) {
    char reason[PCAP_ERRBUF_SIZE];
    pcap_if_t *all;
    unsigned number = 0;

    if (pcap_findalldevs(&all, reason) < 0) {
        fb_error("cannot list the interfaces: %s: run as root, or with cap_net_raw", reason);
        return -EIO;
    }
    for (const pcap_if_t *i = all; i != NULL; i = i->next) {
        printf("%u.%s", ++number, i->name);
        if (i->description != NULL)
            printf(" (%s)", i->description);
        if (i->flags != 0) {
            printf(" [");
            print_flags(i->flags);
            printf("]");
        }
        printf("\n");
    }
    pcap_freealldevs(all);
    return 0;
}
