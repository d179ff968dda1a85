/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/unit.h"

void set_interface_up(const char *name, bool up) {
    struct ifreq request = {.ifr_flags = 0};
    int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    strcpy(request.ifr_name, name);
    assert_int_equal(ioctl(probe, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    assert_int_equal(ioctl(probe, SIOCSIFFLAGS, &request), 0);
    close(probe);
}

static bool has_own_network;

int enter_own_network(void **state) {
    (void)state;
    has_own_network = unshare(CLONE_NEWNET) == 0;
    if (has_own_network)
        set_interface_up("lo", true);
    return 0;
}

void need_own_network(void) {
    if (!has_own_network)
        SKIP("no network namespace of our own: that needs root");
}

int open_tap(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    strcpy(request.ifr_name, name);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
        SKIP("no tap device: %s", strerror(errno));
    set_interface_up(name, true);
    return tap;
}

void send_datagram(uint16_t port) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(from, "live", 4, 0, (struct sockaddr *)&to, sizeof to), 4);
    close(from);
}
