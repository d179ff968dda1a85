/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_NETNS_H
#define TESTS_LIB_NETNS_H

/*
 * Lines of a test's own for its live runs: a network namespace that the test
 * program enters, so that it is gone with the program however that ends, and
 * pairs of virtual Ethernet interfaces in it. What is sent on one end of a pair
 * arrives at the other, and only the test sends: no addresses, no IPv6,
 * no ARP, no multicast, so that counts of frames are exact. Processes that are
 * started after netns_enter() live in it too. For process tests.
 */
#include <stddef.h>

#include "tests/lib/process.h"

#define NETNS_MTU 65535u /* any frame of a capture passes, and segments of offload */

/*
 * Runs the words of a command, parted by single blanks and found in PATH. What
 * it prints is not shown, nor, if quiet, what it says of errors. Returns its
 * status, 127 if it is not there. Programs under test go by process_start().
 */
int netns_run(const char *command, bool quiet);

/* An `ip` command that is to succeed: NETNS_IP("link set %s down", name). */
#define NETNS_IP(...)                                                                              \
    do {                                                                                           \
        char words_[200], command_[256];                                                           \
        snprintf(words_, sizeof words_, __VA_ARGS__);                                              \
        snprintf(command_, sizeof command_, "ip %s", words_);                                      \
        int status_ = netns_run(command_, false);                                                  \
        if (status_ != 0)                                                                          \
            fail_msg("status %d: %s", status_, command_);                                          \
    } while (0)

/*
 * First of all in a test: leaves whatever namespace the program was in, which
 * ends with its last process, for a fresh one. Skips the test where that is not
 * permitted, or iproute2 or tcpreplay is missing.
 */
void netns_enter(void);

/* A pair of interfaces, one line, both ends up. Names have at most 15 bytes. */
void netns_veth(const char *one, const char *other);

/* What the kernel counts of an interface, by its names in /sys/class/net/NAME/statistics. */
struct netns_counts {
    unsigned long long rx_packets, rx_dropped, tx_packets, tx_dropped;
};
struct netns_counts netns_counts_of(const char *name);

/* A busy kernel may lose frames between the ends of a line, which cannot be captured. Where frames
 * are known by their numbers, all must have arrived. */
void netns_need_whole_line(json_int_t sent, json_int_t arrived);

/* ---- senders */

/* Starts tcpreplay of a capture; options in its own words ("--topspeed", "--pps=1000"). */
struct process *netns_replay(struct test *t, const char *interface, const char *options,
                             const char *file);

/* Waits for its end; returns how many frames it says that the kernel took from it. None failed. */
json_int_t netns_replayed(struct test *t, struct process *replay);

/* A socket that sends whole Ethernet frames, at most NETNS_MTU + 14 bytes; the caller closes it. */
int netns_sender(const char *interface);
void netns_send(int sender, const void *frame, size_t size);

/* A process that sends frames of `size` bytes (at least 42) on an interface, so many each second
 * and evenly, as UDP of 500 flows in turn, until it is stopped or this program ends. */
pid_t netns_pace(const char *interface, unsigned per_second, size_t size);
/* Ends it. Returns whether it kept its pace: it was never behind by a tenth of a second. */
bool netns_stop_pace(pid_t sender);

#endif
