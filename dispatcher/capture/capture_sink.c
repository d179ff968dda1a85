/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_sink.h"

#include <errno.h>

#include "dispatcher/capture/capture_begin.h"
#include "flow_balancer/common/log.h"

void capture_keep(u_char *user, const struct pcap_pkthdr *header, const u_char *data) {
    struct capture_sink *sink = (struct capture_sink *)(void *)user;

    capture_sink_take(sink, header, data, sink->stamp_unit_ns, false);
    if (!capture_sink_has_room(sink))
        pcap_breakloop(sink->pcap);
}

int capture_check_link(const struct capture_config *config, pcap_t *pcap, const char *name) {
    int dlt = pcap_datalink(pcap);
    const char *link = pcap_datalink_val_to_name(dlt);

    const char *problem =
        config->link_problem == NULL ? NULL : config->link_problem(config->link_context, dlt);
    if (problem == NULL)
        return 0;
    fb_error("%s has link type %d (%s), %s", capture_shown_name(name), dlt,
             link == NULL ? "unnamed" : link, problem);
    return -EPROTONOSUPPORT;
}
