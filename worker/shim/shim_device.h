/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_SHIM_SHIM_DEVICE_H
#define WORKER_SHIM_SHIM_DEVICE_H

#include <stddef.h>

#include "worker/shim/shim.h"

/* Whether a name of a device is ours, valid or not. NULL is not. */
bool shim_names_device(const char *name);

/* Takes fb:NAME or fb:NAME:K apart. False: it is not written like that. */
bool shim_parse_device(struct shim_device *device, const char *name);

/* What is known of a device without taking a number. */
struct shim_look {
    int link_type; /* DLT_; -1: not known before the first packet */
    char problem[PCAP_ERRBUF_SIZE];
};

/*
 * Looks whether the instance runs and the number, or any one, is free; for at most wait_ms, as long
 * as that may still come. Returns 0; or PCAP_ERROR_NO_SUCH_DEVICE (no such instance or number),
 * PCAP_ERROR_PERM_DENIED, or PCAP_ERROR (taken, or what was logged), with look->problem.
 */
int shim_look(const struct shim_device *device, unsigned wait_ms, struct shim_look *look);

/* Why a file in /dev/shm may not be opened, in a few words: its user, or AppArmor's profile. */
void shim_why_denied(char *why, size_t size);

/*
 * Calls found with the name of each instance that runs and may be joined, what its ctl says of its
 * numbers, and arg.
 */
struct shim_instance {
    const char *name;
    unsigned numbers; /* worker numbers that have a ring */
    unsigned free;    /* of these, fb:NAME could be */
};
void shim_each_instance(void (*found)(const struct shim_instance *instance, void *arg), void *arg);

#endif
