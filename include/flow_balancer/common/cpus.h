/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_CPUS_H
#define FLOW_BALANCER_COMMON_CPUS_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Sets of processors, and running on them. Numbers are the kernel's, below
 * CPU_SETSIZE (1024). Any process; what is set holds for the calling thread,
 * before it has made others.
 */
#define FB_CPUS_TEXT 256u /* bytes for fb_cpus_format(), final zero included */

/*
 * A list as taskset's: numbers and ascending ranges parted by commas, such as
 * 0,2,4-6. Returns false after one logged line that names the option.
 */
bool fb_cpus_parse(const char *option, const char *text, cpu_set_t *cpus);

/* Writes the set as such a list; "..." ends one that is too long, and "none" is the empty one. */
void fb_cpus_format(const cpu_set_t *cpus, char text[FB_CPUS_TEXT]);

/* The processors on which the caller may run now. Returns 0 or -errno, no log. */
int fb_cpus_allowed(cpu_set_t *cpus);

/*
 * Runs on these from now on, and reads back whether the kernel took them all:
 * it leaves out silently what it does not have. Returns 0; -EINVAL if one is
 * not there or not allowed; or another -errno. No log.
 */
int fb_cpus_run_on(const cpu_set_t *cpus);

/* fb_cpus_run_on() what the user of an option asked for: one logged line where it fails. */
int fb_cpus_restrict(const char *option, const cpu_set_t *cpus);

/* The processor of a set of one, or -1. */
int fb_cpus_single(const cpu_set_t *cpus);

#endif
