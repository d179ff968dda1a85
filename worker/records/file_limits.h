/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_FILE_LIMITS_H
#define WORKER_RECORDS_FILE_LIMITS_H

#include <stdint.h>

/* How large and how old an output file becomes before the next one is begun. */
struct file_limits {
    uint64_t size;    /* bytes; UINT64_MAX: no limit */
    uint64_t time_ns; /* UINT64_MAX: no limit */
};

/*
 * Takes "NAME[,size=SIZE][,seconds=S]" apart: text is then NAME alone, and what is not given has no
 * limit. option: what it is an argument of, such as "--inspector pcap", for messages. Returns 0, or
 * -EINVAL after one logged line. Worker; any thread.
 */
int file_limits_take(struct file_limits *limits, const char *option, char *text);

#endif
