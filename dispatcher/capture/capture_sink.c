/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_sink.h"

#include <errno.h>

#include "dispatcher/capture/capture_begin.h"
#include "flow_balancer/common/log.h"

/* Files have 32 bits of seconds, which count from 1970 to 2106. libpcap takes them as signed. */
static uint64_t stamp_ns(const struct timeval *stamp, uint32_t unit_ns) {
    int64_t s = stamp->tv_sec;

    if (__builtin_expect(s < 0, 0)) {
        if (s < INT32_MIN)
            return 0;
        s += INT64_C(1) << 32;
    }
    return capture_stamp_ns(s, stamp->tv_usec < 0 ? 0 : (uint64_t)stamp->tv_usec * unit_ns);
}

void capture_keep(u_char *user, const struct pcap_pkthdr *header, const u_char *data) {
    struct capture_sink *sink = (struct capture_sink *)(void *)user;
    uint32_t wirelen = header->len > header->caplen ? header->len : header->caplen;

    sink->seen++;
    if (sink->filter != NULL && pcap_offline_filter(sink->filter, header, data) == 0)
        return;
    capture_sink_put(sink, data, header->caplen, wirelen,
                     stamp_ns(&header->ts, sink->stamp_unit_ns));
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
