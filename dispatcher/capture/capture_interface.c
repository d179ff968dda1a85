/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_interface.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/run_events.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int capture_interface_fd(const struct capture_interface *interface) {
    return interface->by_packet ? interface->packet.fd : pcap_fileno(interface->pcap);
}

void capture_interface_begin(struct capture_interface *interface) {
    struct sockaddr_ll bound = {.sll_family = AF_UNSPEC};
    socklen_t length = sizeof bound;

    /* Devices that are no network interfaces (USB, Bluetooth) have no state: they count as up. */
    if (getsockname(pcap_fileno(interface->pcap), (struct sockaddr *)&bound, &length) == 0 &&
        bound.sll_family == AF_PACKET)
        interface->index = bound.sll_ifindex;
    interface->stats.state = FB_INTERFACE_IS_UP;
}

/*
 * libpcap reports the driver's counter less its value at the start of the capture. It
 * goes back when the driver starts counting again, and when libpcap can no longer read
 * it by name, because the interface is gone or was renamed: nothing was dropped then.
 */
static uint32_t new_interface_drops(const struct pcap_stat *now, const struct pcap_stat *last) {
    uint32_t more = now->ps_ifdrop - last->ps_ifdrop;
    return more > INT32_MAX ? 0 : more;
}

void capture_interface_count(struct capture_interface *interface) {
    uint64_t *counters = interface->stats.counters;
    struct capture_packet_counts more;
    struct pcap_stat now;

    if (interface->pcap == NULL || pcap_stats(interface->pcap, &now) < 0)
        return;
    counters[FB_INTERFACE_RECEIVED] += now.ps_recv - interface->last.ps_recv; /* modulo 2^32 */
    counters[FB_INTERFACE_KERNEL_DROPS] += now.ps_drop - interface->last.ps_drop;
    counters[FB_INTERFACE_INTERFACE_DROPS] += new_interface_drops(&now, &interface->last);
    interface->last = now;
    if (interface->by_packet && capture_packet_count(&interface->packet, &more) == 0) {
        counters[FB_INTERFACE_RECEIVED] += more.received;
        counters[FB_INTERFACE_KERNEL_DROPS] += more.drops;
    }
}

/*
 * Reads its flags, by number because it may have been renamed, and through its own
 * socket, whose network namespace is the right one. Returns false if the kernel does
 * not know them: in most cases the interface is gone then.
 */
static bool read_flags(struct capture_interface *interface, int *flags) {
    struct ifreq request = {.ifr_ifindex = interface->index};
    int fd = pcap_fileno(interface->pcap);
    bool named = ioctl(fd, SIOCGIFNAME, &request) == 0;

    interface->vanished = !named && errno == ENODEV;
    if (!named || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return false;
    *flags = request.ifr_flags;
    return true;
}

void capture_interface_take_error(struct capture_interface *interface) {
    int flags, error;
    socklen_t size = sizeof error;

    if (interface->pcap == NULL || !interface->by_packet ||
        getsockopt(interface->packet.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return;
    read_flags(interface, &flags);
}

/* While an interface is shut down the kernel reports for some milliseconds that it has no link. */
void capture_interface_watch(struct capture_interface *interface) {
    enum fb_interface_state *state = &interface->stats.state;
    int flags;

    if (interface->pcap == NULL || interface->index <= 0 || !read_flags(interface, &flags))
        return;
    bool up = (flags & IFF_UP) != 0, link = up && (flags & IFF_RUNNING) != 0;
    if (link && *state == FB_INTERFACE_IS_DOWN) {
        fb_tell_event(FB_INTERFACE_EVENT(INTERFACE_UP, interface->number),
                      "interface %s is up again", interface->name);
    } else if (!up && (*state == FB_INTERFACE_IS_UP || interface->no_link_logged)) {
        fb_tell_event(FB_INTERFACE_EVENT(INTERFACE_DOWN, interface->number),
                      "interface %s is down: the capture waits for it: `ip link set %s up`",
                      interface->name, interface->name);
    } else if (up && !link && *state == FB_INTERFACE_IS_UP) {
        fb_tell_event(
            FB_INTERFACE_EVENT(INTERFACE_NO_LINK, interface->number),
            "interface %s has no link: the capture waits for it: check its cable and the other end",
            interface->name);
        interface->no_link_logged = true;
    }
    interface->no_link_logged = interface->no_link_logged && up && !link;
    *state = link ? FB_INTERFACE_IS_UP : FB_INTERFACE_IS_DOWN;
}

void capture_interface_leave(struct capture_interface *interface) {
    capture_interface_count(interface);
    if (interface->by_packet)
        capture_packet_leave(&interface->packet);
    pcap_close(interface->pcap);
    interface->pcap = NULL;
}

void capture_interface_end(struct capture_interface *interface) {
    capture_interface_leave(interface);
    interface->stats.state = FB_INTERFACE_IS_GONE;
}
