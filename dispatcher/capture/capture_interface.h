/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_INTERFACE_H
#define DISPATCHER_CAPTURE_CAPTURE_INTERFACE_H

#include <pcap/pcap.h>

#include "dispatcher/capture/capture.h"
#include "dispatcher/capture/capture_packet.h"

/*
 * One interface of capture_live.c: its handle, its counters and its state.
 *
 * libpcap has a handle of every interface. Of one that is read by capture_packet.c that handle
 * receives nothing and has the smallest buffer: it says what the interface is and what is wrong
 * with it, keeps it in promiscuous mode and its adapter stamping, and reads its driver's drops.
 */
struct capture_interface {
    const char *name;
    pcap_t *pcap; /* NULL once gone */
    int dlt;
    bool by_packet;                /* frames come through `packet`, not through libpcap */
    struct capture_packet packet;  /* its frames are valid until it is closed */
    pcap_t *compiles;              /* belongs to the filters: a filter is compiled for it */
    const struct bpf_program *bpf; /* that was set; NULL: none */
    int buffer_kib;                /* of the kernel's buffer */
    uint32_t stamp_unit_ns; /* of its time stamps: 1, or 1,000 where it has microseconds only */
    bool is_socket;         /* a packet socket that is bound to it */
    bool outside;           /* of the kernel its frames are filtered, once and for all times */
    unsigned number;        /* among those of the capture, from 0 */
    int index;              /* the kernel's number for it; 0: none, as of `any` */
    bool vanished;          /* when last checked, there was no interface of that number */
    struct capture_interface_stats stats;
    struct pcap_stat last; /* libpcap's counters when last read: 32 bits wide, they wrap */
    bool no_link_logged;   /* since it lost its link: if it goes down too, that is logged as well */
};

/* The socket that its frames come through. Not of one that is gone. */
int capture_interface_fd(const struct capture_interface *interface);

/* To be called once the handle is active: finds the interface that it is bound to. */
void capture_interface_begin(struct capture_interface *interface);

/* Adds what the kernel has counted since the last call. Does nothing for one that is gone. */
void capture_interface_count(struct capture_interface *interface);

/* Takes the error that its socket of capture_packet.c may have, as it has one when the interface
 * goes down or away, and finds out whether it has vanished. */
void capture_interface_take_error(struct capture_interface *interface);

/* Checks whether it is up. Logs a line when that has changed. */
void capture_interface_watch(struct capture_interface *interface);

/* Stops capturing on it: counts a last time and closes the handle. Its state stays, and so do
 * frames of capture_packet.c. */
void capture_interface_leave(struct capture_interface *interface);

/* It is gone: counts a last time and closes the handle. The caller has logged why. */
void capture_interface_end(struct capture_interface *interface);

#endif
