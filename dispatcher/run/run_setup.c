/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/run_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/report.h"
#include "flow_balancer/run_events.h"

#include "dispatcher/run/geometry.h"

#define MS_NS UINT64_C(1000000)

static void log_pages(const struct run *run) {
    const struct fb_ctl *ctl = run->ctl.ctl;
    uint32_t kind = fb_ctl_page_kind(ctl, 0);
    fb_info("rings on %s pages, flow table on %s pages%s%s", fb_page_kind_names[kind],
            fb_page_kind_names[ctl->flow_table_page_kind], run_place_note(run),
            kind == FB_PAGES_4K && run->options->hugepages == FB_HUGEPAGES_AUTO
                ? "; 'mount -o remount,huge=advise /dev/shm' gives huge pages"
                : "");
}

/* A report that cannot be written is better known before the run than after it. */
static int check_reports(const struct options *o, uint32_t *in_place) {
    bool report = false, html = false;
    int error = fb_report_check_path("--report", o->report, &report);
    if (error == 0)
        error = fb_report_check_path("--html", o->html, &html);
    *in_place = (report ? FB_REPORT_IN_PLACE : 0) | (html ? FB_HTML_IN_PLACE : 0);
    return error;
}

static int make_fleet(struct run *run) {
    const struct options *o = run->options;
    const struct fleet_config config = {
        .ctl = run->ctl.ctl,
        .rings = o->rings,
        .flow_records = o->max_flows < FLOW_SLOTS_READY ? o->max_flows : FLOW_SLOTS_READY,
        .policy = o->policy,
        .max_share = o->max_share,
        .hugepages = o->hugepages,
        .timing = {.failover_ns = o->failover_ns,
                   .start_timeout_ns = o->start_timeout_ns,
                   .hang_ns = o->hang_ns,
                   .drain_ns = o->drain_timeout_ns},
        .lossless = o->block,
        .quarantine = &run->quarantine,
    };
    return fleet_init(&run->fleet, &config);
}

static int make_flows(struct run *run) {
    const struct options *o = run->options;
    const struct flows_config config = {
        .max_flows = o->max_flows,
        .timeouts = &o->timeouts,
        .ticks_per_second = PACKET_CLOCK_TICKS_PER_SECOND,
        .hugepages = o->hugepages,
        .now_ns = fb_now_ns(),
        .digests = o->decode.key_vlan || o->decode.key_tunnel,
        .handles = run->fleet.handles,
    };
    return flows_init(&run->flows, &config);
}

static void make_datapath(struct run *run) {
    const struct options *o = run->options;
    const struct datapath_config config = {
        .fleet = &run->fleet,
        .flows = &run->flows,
        .fragments = &run->fragments,
        .decoding = &o->decode,
        .links = run->sources.links,
        .link_count = run->sources.link_count,
        .block = o->block,
        .preloaded = o->preload,
        .in_ring = o->interface_count > 0 && !o->by_libpcap,
        .live = capture_is_live(run->capture),
        .now_ns = fb_now_ns(),
        .longest_timeout_ns = (uint64_t)flow_timeouts_longest_s(&o->timeouts) * 1000 * MS_NS,
    };
    datapath_init(&run->datapath, &config);
    run->drops.lossless = o->block;
    capture_delay_init(&run->capture_delay, run->capture);
}

static int open_requests(struct run *run) {
    reload_init(&run->reload, run->options, run->capture, &run->requests);
    const struct requests_config config = {.name = run->options->name,
                                           .fleet = &run->fleet,
                                           .live = capture_is_live(run->capture),
                                           .filter = &run->reload.text,
                                           .reload = reload_ask,
                                           .reload_arg = &run->reload};
    return requests_open(&run->requests, &config);
}

/* What a run is made of, once ctl has its geometry. */
static int make_parts(struct run *run) {
    int error = make_fleet(run);
    if (error == 0)
        error = make_flows(run);
    if (error == 0)
        error = fragments_init(&run->fragments, &run->options->fragments, run->options->hugepages);
    if (error == 0)
        error = open_requests(run);
    if (error == 0)
        make_datapath(run);
    return error;
}

int run_set_up(struct run *run) {
    const struct options *o = run->options;
    run->ctl.region.fd = -1;
    run->recorder.region.fd = -1;
    run->flows.region.fd = -1;
    run->fragments.region.fd = -1;
    run->requests.control.listener = -1;
    fb_tell_events_of(o->name);
    uint32_t report_in_place = 0;
    int error = check_reports(o, &report_in_place);
    if (error == 0)
        error = run_place(run);
    if (error == 0)
        error = sources_open(&run->sources, o, &run->capture);
    if (error == 0)
        error = quarantine_open(&run->quarantine, o->quarantine, run->sources.links,
                                run->sources.link_count);
    if (error == 0)
        error = fb_guard_init();
    if (error == 0)
        error = fb_ctl_create(&run->ctl, o->name);
    if (error != 0)
        return error;
    geometry_fill(run->ctl.ctl, o);
    run->ctl.ctl->report_in_place = report_in_place;
    run_place_workers(run);
    recorder_open(&run->recorder, run->ctl.ctl);
    error = make_parts(run);
    if (error != 0)
        return error;
    run->ctl.ctl->flow_table_page_kind = run->flows.region.page_kind;
    run_place_check(run);
    log_pages(run);
    fb_ctl_format(&run->ctl);
    fb_tell_event(FB_RUN_EVENT(RUN_STARTED, .pid = getpid()), "the dispatcher (pid %d) is there",
                  (int)getpid());
    return 0;
}

void run_tear_down(struct run *run) {
    fleet_fini(&run->fleet);
    flows_fini(&run->flows);
    fragments_fini(&run->fragments);
    requests_close(&run->requests);
    quarantine_close(&run->quarantine);
    recorder_close(&run->recorder);
    fb_ctl_destroy(&run->ctl);
    capture_close(run->capture);
    sources_fini(&run->sources);
    reload_fini(&run->reload);
    fb_tell_events_of(NULL);
}
