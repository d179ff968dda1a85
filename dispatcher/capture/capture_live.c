/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_buffer.h"
#include "dispatcher/capture/capture_install.h"
#include "dispatcher/capture/capture_interface.h"
#include "dispatcher/capture/capture_merge.h"
#include "dispatcher/capture/capture_source.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/run_events.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How much --merge-window can hold of each interface: 10 ms, for which the kernel may hold back the
 * frames of another, at 3 million frames or 13 Gbit a second. Memory is touched only as far as it
 * is needed. */
#define MERGE_FRAMES 32768u
#define MERGE_BYTES ((size_t)16 << 20)

/*
 * Interfaces, read in turn. Each burst starts with the next one, so that a flood on
 * one leaves the others their share. libpcap gives nothing from an interface that is
 * down, and goes on when it is up again; any error is final for that interface, and
 * the capture ends with the last one. With --merge-window frames are read into queues
 * and leave them in the order of their time stamps.
 */
struct capture_live {
    const struct capture_config *config;
    struct capture_filters *filters;
    unsigned count;
    unsigned alive;
    unsigned turn;
    bool failed;
    struct capture_merge *merge; /* NULL: frames go as they are read */
    struct pollfd *fds;          /* one per interface */
    struct capture_interface interfaces[];
};

static void log_activate_error(const struct capture_config *config, const char *name, pcap_t *pcap,
                               int code) {
    const char *needed =
        capture_wants_adapter_stamps(config) ? "cap_net_raw,cap_net_admin" : "cap_net_raw";
    char program[256];
    ssize_t n;

    switch (code) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        fb_error("there is no interface %s: -D lists the interfaces", name);
        return;
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        n = readlink("/proc/self/exe", program, sizeof program - 1);
        program[n < 0 ? 0 : n] = '\0';
        fb_error("no permission to capture on %s, %s is missing: run as root, or "
                 "`setcap %s+ep %s`",
                 name, needed, needed, program);
        return;
    case PCAP_ERROR_IFACE_NOT_UP:
        fb_error("interface %s is down: `ip link set %s up`", name, name);
        return;
    default:
        fb_error(
            "cannot capture on %s: %s: %s: %s", name, pcap_statustostr(code), pcap_geterr(pcap),
            capture_buffer_is_refused(pcap) ? "free some memory, or give a smaller buffer with -B"
                                            : "fix that, or choose another (-D lists them)");
    }
}

/* Options that libpcap takes before activation; none of them can fail on a fresh handle. */
static void configure(const struct capture_config *config, const struct capture_interface *i) {
    pcap_t *pcap = i->pcap;
    capture_buffer_configure(config, pcap, !i->by_packet);
    pcap_set_promisc(pcap, config->promiscuous && strcmp(i->name, "any") != 0);
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
    if (config->fanout.wanted || i->is_socket) /* nothing passes before the filter is there */
        pcap_set_protocol_linux(pcap, FANOUT_PROTOCOL_NONE);
}

/* The names of the types, separated by commas; of none, "host", which always works. */
static void list_tstamp_types(const int *types, int count, char *list, size_t room) {
    size_t used = 0;

    snprintf(list, room, "host");
    for (int i = 0; i < count && used < room; i++) {
        const char *type = pcap_tstamp_type_val_to_name(types[i]);
        used += (size_t)snprintf(list + used, room - used, "%s%s", used > 0 ? ", " : "",
                                 type == NULL ? "?" : type);
    }
}

/* If the interface does not exist, activation will say so. `any` has the type host only. */
static int choose_tstamp_type(const struct capture_config *config, pcap_t *pcap, const char *name) {
    int type, count, *types = NULL;
    char list[256];
    bool found;

    if (config->tstamp_type == NULL || (if_nametoindex(name) == 0 && strcmp(name, "any") != 0))
        return 0;
    type = pcap_tstamp_type_name_to_val(config->tstamp_type);
    count = pcap_list_tstamp_types(pcap, &types);
    found = type == PCAP_TSTAMP_HOST;
    for (int i = 0; i < count && !found; i++)
        found = types[i] == type;
    list_tstamp_types(types, count, list, sizeof list);
    pcap_free_tstamp_types(types);
    if (found && (type == PCAP_TSTAMP_HOST || pcap_set_tstamp_type(pcap, type) == 0))
        return 0;
    fb_error("interface %s has no time stamps of type %s: it has %s", name, config->tstamp_type,
             list);
    return -EINVAL;
}

static int choose_direction(const struct capture_config *config, pcap_t *pcap, const char *name) {
    static const pcap_direction_t directions[] = {
        [CAPTURE_INOUT] = PCAP_D_INOUT,
        [CAPTURE_IN] = PCAP_D_IN,
        [CAPTURE_OUT] = PCAP_D_OUT,
    };
    if (config->direction == CAPTURE_INOUT ||
        pcap_setdirection(pcap, directions[config->direction]) == 0)
        return 0;
    fb_error("%s has no directions: %s: leave out -Q", name, pcap_geterr(pcap));
    return -EINVAL;
}

static int activate(const struct capture_config *config, struct capture_interface *i) {
    const char *name = i->name;
    pcap_t *pcap = i->pcap;
    int err, code;

    configure(config, i);
    err = choose_tstamp_type(config, pcap, name);
    if (err < 0)
        return err;
    code = pcap_activate(pcap);
    if (code < 0) {
        log_activate_error(config, name, pcap, code);
        return code == PCAP_ERROR_NO_SUCH_DEVICE ? -ENODEV
               : code == PCAP_ERROR_IFACE_NOT_UP ? -ENETDOWN
               : capture_buffer_is_refused(pcap) ? -ENOMEM
                                                 : -EPERM;
    }
    if (code == PCAP_WARNING_TSTAMP_TYPE_NOTSUP) {
        fb_error("interface %s cannot stamp the frames it receives by type %s: %s: give another "
                 "--tstamp-type",
                 name, config->tstamp_type, pcap_geterr(pcap));
        return -EINVAL;
    }
    if (code > 0)
        fb_warning("%s: %s: %s", name, pcap_statustostr(code), pcap_geterr(pcap));
    if (pcap_datalink(pcap) == DLT_LINUX_SLL)
        pcap_set_datalink(pcap, DLT_LINUX_SLL2); /* as tcpdump does: it names the interface */
    err = capture_check_link(config, pcap, name);
    return err < 0 ? err : choose_direction(config, pcap, name);
}

static int open_handle(const struct capture_config *config, struct capture_interface *i) {
    char reason[PCAP_ERRBUF_SIZE];

    i->pcap = pcap_create(i->name, reason);
    if (i->pcap != NULL)
        return activate(config, i);
    fb_error("cannot capture on %s: %s: -D lists the interfaces", i->name, reason);
    return -EINVAL;
}

/* Who reads it: libpcap where it has to, or where the kernel gives no ring. */
static int open_reader(const struct capture_config *config, struct capture_interface *i) {
    int err;

    i->by_packet =
        i->is_socket && !config->by_libpcap && !config->immediate && capture_packet_fits(i->name);
    err = open_handle(config, i);
    if (err < 0 || !i->by_packet)
        return err;
    if (pcap_datalink(i->pcap) != DLT_EN10MB) /* a switch's port, with a tag of its own */
        err = -EPROTONOSUPPORT;
    else
        err = capture_packet_open(&i->packet, i->pcap, config, capture_buffer_wanted_kib(config));
    if (err == 0)
        return 0;
    if (err != -EPROTONOSUPPORT)
        fb_info("interface %s: the kernel gives no ring for --capture packet: %s: libpcap reads it",
                i->name, strerror(-err));
    pcap_close(i->pcap);
    i->by_packet = false;
    return open_handle(config, i);
}

static void note_buffer(const struct capture_config *config, struct capture_interface *i) {
    i->buffer_kib =
        i->by_packet ? (int)(i->packet.bytes >> 10) : capture_buffer_given_kib(config, i->pcap);
    capture_buffer_warn(config, i->buffer_kib, i->name);
}

static int begin_reading(struct capture_live *l, struct capture_interface *i) {
    char reason[PCAP_ERRBUF_SIZE];
    int err = capture_install_first(l->filters, i);

    if (err == 0 && pcap_setnonblock(i->pcap, 1, reason) < 0) {
        fb_error("%s cannot be read without waiting: %s: choose another", i->name, reason);
        err = -EINVAL;
    }
    if (err == 0 && l->config->fanout.wanted)
        err = capture_fanout_join(capture_interface_fd(i), &l->config->fanout, i->number, i->name);
    else if (err == 0 && i->is_socket)
        err = capture_fanout_receive(capture_interface_fd(i), i->name);
    return err;
}

static int open_interface(struct capture_live *l, const char *name) {
    struct capture_interface *i = &l->interfaces[l->count];
    int err;

    i->name = name;
    i->packet.fd = -1;
    i->number = l->count++;
    i->is_socket = strcmp(name, "any") != 0 && if_nametoindex(name) != 0;
    err = open_reader(l->config, i);
    if (err == 0)
        err = begin_reading(l, i);
    if (err < 0)
        return err;
    i->dlt = pcap_datalink(i->pcap);
    i->stamp_unit_ns = pcap_get_tstamp_precision(i->pcap) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
    if (i->stamp_unit_ns != 1)
        fb_info("interface %s stamps its frames in microseconds", name);
    note_buffer(l->config, i);
    capture_interface_begin(i);
    l->fds[l->alive].fd = i->by_packet ? i->packet.fd : pcap_get_selectable_fd(i->pcap);
    l->fds[l->alive].events = POLLIN;
    l->alive++;
    return 0;
}

static void live_close(void *state) {
    struct capture_live *l = state;
    for (unsigned i = 0; i < l->count; i++) {
        if (l->interfaces[i].pcap != NULL)
            pcap_close(l->interfaces[i].pcap);
        if (l->interfaces[i].by_packet)
            capture_packet_close(&l->interfaces[i].packet);
    }
    capture_merge_free(l->merge);
    free(l->fds);
    free(l);
}

/* A single interface needs no ordering. */
static int open_merge(struct capture_live *l) {
    const struct capture_config *config = l->config;

    if (config->merge_window_ns == 0 || l->count < 2 ||
        capture_merge_new(&l->merge, l->count, config->merge_window_ns, MERGE_FRAMES,
                          MERGE_BYTES) == 0)
        return 0;
    fb_error("no memory for --merge-window, %zu MB for each interface: free some, or leave it out",
             MERGE_BYTES >> 20);
    return -ENOMEM;
}

static bool live_takes(const struct capture_config *config) {
    return config->interface_count > 0;
}

static void log_interfaces(const struct capture_live *l) {
    for (unsigned i = 0; i < l->count; i++) {
        const char *link = pcap_datalink_val_to_name(l->interfaces[i].dlt);
        fb_info("capturing on %s (%s, snapshot length %d, buffer %d KiB)", l->interfaces[i].name,
                link != NULL ? link : "link type without a name",
                pcap_snapshot(l->interfaces[i].pcap), l->interfaces[i].buffer_kib);
    }
}

static int live_open(void **state, const struct capture_config *config,
                     struct capture_filters *filters) {
    struct capture_live *l =
        calloc(1, sizeof *l + config->interface_count * sizeof(struct capture_interface));
    int err = 0;

    if (l == NULL || (l->fds = calloc(config->interface_count, sizeof *l->fds)) == NULL) {
        fb_error("no memory for %u interfaces: free some", config->interface_count);
        free(l);
        return -ENOMEM;
    }
    l->config = config;
    l->filters = filters;
    err = capture_buffer_check(config);
    for (unsigned i = 0; i < config->interface_count && err == 0; i++)
        err = open_interface(l, config->interfaces[i]);
    if (err == 0)
        err = open_merge(l);
    if (err < 0) {
        live_close(l);
        return err;
    }
    log_interfaces(l);
    *state = l;
    return 0;
}

/* Of an interface whose handle was closed. */
static void stop_reading(struct capture_live *l, unsigned at) {
    l->alive--;
    l->fds[at].fd = -1; /* poll() passes over it */
    if (l->merge != NULL)
        capture_merge_end(l->merge, at);
}

static void give_up(struct capture_live *l, unsigned at, const char *reason) {
    struct capture_interface *i = &l->interfaces[at];

    l->failed = true;
    if (l->alive > 1)
        fb_tell_event(
            FB_INTERFACE_EVENT(INTERFACE_GONE, at),
            "reading from interface %s failed: %s: going on without it, with %u of %u: start "
            "again once it is back (-D lists the interfaces)",
            i->name, reason, l->alive - 1, l->count);
    else
        fb_tell_event(
            FB_INTERFACE_EVENT(INTERFACE_GONE, at),
            "reading from interface %s failed: %s: no interface is left, so the run ends: "
            "start again once it is back (-D lists the interfaces)",
            i->name, reason);
    capture_interface_end(i);
    stop_reading(l, at);
}

static void read_packet(struct capture_live *l, unsigned at, struct capture_sink *sink,
                        unsigned max) {
    struct capture_interface *i = &l->interfaces[at];
    size_t before = sink->count;

    if (!capture_packet_read(&i->packet, sink, (unsigned)before + max))
        give_up(l, at, "the kernel's ring has a frame of impossible length");
    else if (sink->count == before && i->vanished)
        give_up(l, at, "The interface disappeared"); /* libpcap's words */
}

static void read_interface(struct capture_live *l, unsigned at, struct capture_sink *sink,
                           unsigned max) {
    struct capture_interface *i = &l->interfaces[at];
    int n;

    sink->dlt = i->dlt;
    sink->interface = (uint8_t)at;
    if (i->by_packet) {
        read_packet(l, at, sink, max);
        return;
    }
    sink->pcap = i->pcap;
    sink->stamp_unit_ns = i->stamp_unit_ns;
    n = pcap_dispatch(i->pcap, (int)max, capture_keep, (u_char *)sink);
    if (n < 0 && n != PCAP_ERROR_BREAK)
        give_up(l, at, pcap_geterr(i->pcap));
    else if (n == 0 && i->vanished) /* libpcap has not noticed: set_filter() took its error */
        give_up(l, at, "it no longer exists");
}

/* Reads into the queues of all interfaces, or with `lacking` only into those that are empty.
 * Returns whether frames came. */
static bool fill_queues(struct capture_live *l, const struct capture_sink *all, bool lacking) {
    bool more = false;

    for (unsigned at = 0; at < l->count; at++) {
        struct capture_sink sink = *all;
        struct capture_merge_room room;
        if (l->interfaces[at].pcap == NULL || (lacking && !capture_merge_lacks(l->merge, at)) ||
            !capture_merge_room(l->merge, at, &room))
            continue;
        sink.frames = room.frames;
        sink.next = room.next;
        sink.end = room.end;
        sink.new_source = false;
        sink.may_point = false;
        read_interface(l, at, &sink, room.most < CAPTURE_BURST_MAX ? room.most : CAPTURE_BURST_MAX);
        capture_merge_put(l->merge, at, (unsigned)sink.count, sink.next, fb_now_ns());
        more = more || sink.count > 0;
    }
    return more;
}

/* The queues are read only as far as needed: frames that wait in the kernel use none of our memory.
 */
static enum capture_status read_merged(struct capture_live *l, struct capture_sink *sink,
                                       unsigned max) {
    bool more = fill_queues(l, sink, true);

    sink->count = capture_merge_take(l->merge, sink->frames, max, fb_now_ns());
    if (sink->count == 0) {
        more = fill_queues(l, sink, false) || more;
        sink->count = capture_merge_take(l->merge, sink->frames, max, fb_now_ns());
    }
    if (sink->count > 0) {
        sink->frames[0].new_source = sink->new_source;
        sink->new_source = false;
    }
    if (sink->count > 0 || more)
        return CAPTURE_MORE;
    return l->alive > 0 ? CAPTURE_IDLE : CAPTURE_END;
}

static enum capture_status live_read(void *state, struct capture_sink *sink, unsigned max) {
    struct capture_live *l = state;
    unsigned at;

    for (unsigned i = 0; i < l->count; i++)
        if (l->interfaces[i].by_packet)
            capture_packet_release(&l->interfaces[i].packet);
    if (l->merge != NULL)
        return read_merged(l, sink, max);
    for (unsigned n = 0; n < l->count && sink->count < max && capture_sink_has_room(sink); n++) {
        at = (l->turn + n) % l->count;
        if (l->interfaces[at].pcap != NULL)
            read_interface(l, at, sink, max - (unsigned)sink->count);
    }
    l->turn = (l->turn + 1) % l->count;
    if (sink->count > 0)
        return CAPTURE_MORE;
    return l->alive > 0 ? CAPTURE_IDLE : CAPTURE_END;
}

/* Some kinds of device (none of the usual ones) must be read at intervals, even if poll() sees no
 * data. */
static uint64_t shortest_timeout_us(const struct capture_live *l, uint64_t timeout_us) {
    for (unsigned i = 0; i < l->count; i++) {
        const struct timeval *required = NULL;
        uint64_t us;
        if (l->interfaces[i].pcap != NULL)
            required = pcap_get_required_select_timeout(l->interfaces[i].pcap);
        if (required == NULL)
            continue;
        us = (uint64_t)required->tv_sec * 1000000 + (uint64_t)required->tv_usec;
        timeout_us = us < timeout_us ? us : timeout_us;
    }
    return timeout_us;
}

/* Ends the wait when a frame that is held becomes due. */
static uint64_t until_due_us(const struct capture_live *l, uint64_t timeout_us) {
    uint64_t due_ns = capture_merge_due_ns(l->merge), now_ns = fb_now_ns(), us;

    if (due_ns == UINT64_MAX)
        return timeout_us;
    us = due_ns > now_ns ? (due_ns - now_ns) / 1000 + 1 : 0;
    return us < timeout_us ? us : timeout_us;
}

static void live_wait(void *state, unsigned timeout_us) {
    struct capture_live *l = state;
    uint64_t us = shortest_timeout_us(l, timeout_us);
    struct timespec timeout;

    if (l->merge != NULL)
        us = until_due_us(l, us);
    timeout = fb_timespec(us * FB_NS_PER_US);
    if (ppoll(l->fds, l->count, &timeout, NULL) <= 0)
        return;
    for (unsigned i = 0; i < l->count; i++)
        if ((l->fds[i].revents & POLLERR) != 0)
            capture_interface_take_error(&l->interfaces[i]);
}

static void live_leave(void *state) {
    struct capture_live *l = state;
    for (unsigned i = 0; i < l->count; i++) {
        if (l->interfaces[i].pcap == NULL)
            continue;
        capture_interface_leave(&l->interfaces[i]);
        stop_reading(l, i);
    }
}

static bool live_failed(const void *state) {
    const struct capture_live *l = state;
    return l->failed;
}

static void live_stats(void *state, struct capture_stats *stats) {
    struct capture_live *l = state;

    *stats = (struct capture_stats){.interface_count = l->count};
    if (l->merge != NULL)
        stats->merged_late = capture_merge_late(l->merge);
    for (unsigned i = 0; i < l->count; i++) {
        struct capture_interface *interface = &l->interfaces[i];
        const uint64_t *counters = interface->stats.counters;
        capture_interface_count(interface);
        capture_interface_watch(interface);
        stats->received += counters[FB_INTERFACE_RECEIVED];
        stats->kernel_drops += counters[FB_INTERFACE_KERNEL_DROPS];
        stats->interface_drops += counters[FB_INTERFACE_INTERFACE_DROPS];
        stats->interfaces[i] = interface->stats;
    }
}

static int live_check_filter(void *state, struct capture_filter *filter) {
    struct capture_live *l = state;
    const struct bpf_program *bpf;
    int err = 0;

    for (unsigned i = 0; i < l->count && err == 0; i++)
        if (l->interfaces[i].pcap != NULL)
            err = capture_install_ask(filter, &l->interfaces[i], &bpf);
    return err;
}

/* Gives the first `count` interfaces back what they had. That was set once and is set again. */
static void set_back(struct capture_live *l, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (l->interfaces[i].pcap != NULL)
            capture_install_set(l->filters->present, &l->interfaces[i], l->interfaces[i].bpf);
}

/* A filter that one interface refuses is in force on none. */
static int live_take_filter(void *state, struct capture_filter *filter) {
    struct capture_live *l = state;
    const struct bpf_program *bpfs[FB_MAX_INTERFACES] = {0};
    int err = 0;

    for (unsigned i = 0; i < l->count && err == 0; i++)
        if (l->interfaces[i].pcap != NULL)
            err = capture_install_ask(filter, &l->interfaces[i], &bpfs[i]);
    for (unsigned i = 0; i < l->count && err == 0; i++) {
        if (l->interfaces[i].pcap == NULL)
            continue;
        err = capture_install_set(filter, &l->interfaces[i], bpfs[i]);
        if (err < 0)
            set_back(l, i + 1); /* libpcap may have kept what failed */
    }
    for (unsigned i = 0; i < l->count && err == 0; i++)
        l->interfaces[i].bpf = bpfs[i];
    return err;
}

const struct capture_source capture_live_source = {
    .live = true,
    .takes = live_takes,
    .open = live_open,
    .read = live_read,
    .wait = live_wait,
    .leave = live_leave,
    .failed = live_failed,
    .stats = live_stats,
    .check_filter = live_check_filter,
    .take_filter = live_take_filter,
    .close = live_close,
};
