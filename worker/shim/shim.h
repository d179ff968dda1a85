/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_SHIM_SHIM_H
#define WORKER_SHIM_SHIM_H

/*
 * ---- worker/shim/: libflowbalancer-pcap.so, with which any libpcap program is a worker
 *
 * Loaded before the libraries of a program (LD_PRELOAD) it answers libpcap's functions for the
 * devices fb:NAME (the first free number of the instance) and fb:NAME:K; for any other device they
 * are libpcap's, untouched. It is a user of libflowbalancer (consumer.h), which is linked into it.
 *
 *   shim_list.h          each function of libpcap: ours, used, left alone
 *   shim_real.h .c       libpcap's own functions
 *   shim.h shim_handle.c this: what is kept of a handle, and its text of an error
 *   shim_device.h .c     names of devices; the instance that one means, without taking a number
 *   shim_claim.h .c      a number, from the claim to its end
 *   shim_end.h .c        the process that goes on after the end
 *   shim_read.c          packets: dispatch, loop, next, breakloop, descriptors
 *   shim_filter.c        the filter, kept and run here
 *   shim_open.c          create, activate, close
 *   shim_settings.c      what is set before activation
 *   shim_answers.c       what a handle is asked
 *   shim_find.c          findalldevs, lookupnet
 *   shim_rights.c        the claim before rights are given up
 *
 * It may touch the process that it is loaded into only where libpcap would, but for SIGBUS
 * (guard.h) and the signals of shim_end.h. It must not know inspectors, rings, or the dispatcher.
 *
 * The handle. What the program holds is a real pcap_t of pcap_open_dead(), so that whatever libpcap
 * does with one works: geterr, perror, freecode. It is made by create, when neither the snapshot
 * length nor the link type is known, and neither can be changed later; so activate makes a second
 * one, `inner`, that has both, and compile, dump_open and the like are given that one.
 *
 * When a number is claimed. activate looks whether there is an instance and a free number, and
 * fails as it would for an interface that is not there: users expect the error then. It claims
 * none, since programs activate a handle only to ask it (tcpdump -L, dumpcap -L, -S and -D), or
 * open it before they fork and read in the child, which could not use the number of its parent. The
 * number is claimed with the first call that asks for packets: dispatch, loop, next, next_ex,
 * get_selectable_fd, fileno. By then another program may have it; that call then fails. A program
 * that opens its device as root and goes on as another user (Debian's tcpdump) could not claim any
 * more: so setuid() and the like claim first (shim_rights.c).
 *
 * What a link type is. A handle has one, that of the first source of the instance, which ctl tells
 * before the first packet. Frames of another one cannot be given: they count as dropped by the
 * interface, and one line says so. Of a pipe the link type is known with its first frame only:
 * Ethernet is assumed, and said.
 *
 * One at a time. A process is one worker: while a handle of fb: is activated, a second one is
 * refused.
 *
 * Threads and signals as for libpcap: a handle is used by one thread at a time, any thread, and
 * breakloop is called from anywhere. It sets a flag; the reader sees it within SHIM_LOOK_MS, or
 * immediately if a signal handler ran in its own thread.
 */
#include <pcap/pcap.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "flow_balancer/consumer.h"
#include "flow_balancer/names.h"

#define SHIM_PREFIX "fb:"
/* Handles of fb: in a process: one is read, others may be made before that. */
#define SHIM_HANDLES 16u
#define SHIM_SNAPLEN_MAX 262144 /* libpcap's own bound, and ours on a frame */
/* Between two looks at the flag of breakloop while there is no packet: what a user notices, and
 * half of what the ring's own wait looks at. */
#define SHIM_LOOK_MS 50

struct shim_device {
    char instance[FB_NAME_MAX + 1];
    uint32_t worker; /* or FB_WORKER_ANY */
};

struct shim_handle {
    pcap_t *pcap;  /* what the program holds */
    pcap_t *inner; /* of the right link type and snapshot length; NULL before activation */
    char *name;    /* of the device, as the program gave it */

    /* As set before activation. */
    int snaplen;
    int timeout_ms;
    int precision; /* PCAP_TSTAMP_PRECISION_... */
    bool rfmon;

    struct shim_device device; /* from activation on, as what follows */
    bool activated;
    bool nonblock;
    int link_type;
    struct bpf_program filter; /* our copy; bf_insns NULL: every packet passes */

    struct fb_consumer *consumer; /* from the claim to the end */
    int fd;                       /* for the program, -1 before it asks; stays after the end */
    int ended;                    /* enum fb_ended, or 0 */
    pid_t pid;                    /* of the process that claimed */
    bool inherited;               /* this one was forked from it */
    volatile bool reading;        /* a call for packets is under way */
    volatile sig_atomic_t broken; /* breakloop was called */
    bool told_link;

    uint64_t passed;           /* the filter, and were given out */
    uint64_t lost;             /* told as gaps */
    uint64_t other_link;       /* could not be given out */
    struct pcap_pkthdr header; /* of the packet that next_ex gave out last */
};

/* Of a handle of the program; NULL: it is none of ours. Any thread, signal handlers too. */
struct shim_handle *shim_find(const pcap_t *pcap);

/* Makes a handle, with libpcap's defaults. NULL and a text in errbuf if that fails. */
struct shim_handle *shim_make(const char *name, char *errbuf);

/* Frees it with both pcap_t. There is no consumer any more, or it is another process's. */
void shim_free(struct shim_handle *h);

/* Calls visit with each handle. */
void shim_each(void (*visit)(struct shim_handle *h));

/* Stores the text of an error, which pcap_geterr() returns. Returns `status`. */
int shim_fail(struct shim_handle *h, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* libpcap's text for what needs an activated handle; returns PCAP_ERROR_NOT_ACTIVATED. */
int shim_fail_inactive(struct shim_handle *h);

/*
 * From here on what our own code logs is kept, and not written to the program's standard error: of
 * errors the last one's text, warnings are written, other lines as the environment variable
 * FB_LOG_LEVEL (error, warning, info, debug) says.
 */
void shim_log_begin(void);
/* The same for the configuration of a consumer. */
void shim_log_line(void *arg, int level, const char *line);
int shim_log_level(void);
/* The text of the last error since shim_log_begin() of this thread; "" if there was none. */
const char *shim_log_error(void);

/* Whether a supervisor made the process group of this program, so that signals to all of it meet
 * nothing else: it sets FB_ATTACH_GROUP=1. */
bool shim_is_attached(void);

#endif
