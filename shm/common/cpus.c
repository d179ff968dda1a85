/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/cpus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parse.h"

static bool take_range(const char **text, cpu_set_t *cpus) {
    uint64_t first, last;
    if (!fb_parse_digits(text, CPU_SETSIZE - 1, &first))
        return false;
    last = first;
    if (**text == '-') {
        ++*text;
        if (!fb_parse_digits(text, CPU_SETSIZE - 1, &last) || last < first)
            return false;
    }
    for (uint64_t cpu = first; cpu <= last; cpu++)
        CPU_SET(cpu, cpus);
    return true;
}

bool fb_cpus_parse(const char *option, const char *text, cpu_set_t *cpus) {
    CPU_ZERO(cpus);
    const char *rest = text;
    bool ok = take_range(&rest, cpus);
    while (ok && *rest == ',') {
        rest++;
        ok = take_range(&rest, cpus);
    }
    if (ok && *rest == '\0')
        return true;
    fb_error("%s '%s': give processors from 0 to %u as a list, such as 0,2,4-6", option, text,
             (unsigned)CPU_SETSIZE - 1);
    return false;
}

void fb_cpus_format(const cpu_set_t *cpus, char text[FB_CPUS_TEXT]) {
    const size_t most = sizeof ",1023-1023...";
    size_t used = 0;
    strcpy(text, "none");
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, cpus))
            continue;
        if (used + most > FB_CPUS_TEXT) {
            strcpy(text + used, "...");
            return;
        }
        unsigned first = cpu;
        while (cpu + 1 < CPU_SETSIZE && CPU_ISSET(cpu + 1, cpus))
            cpu++;
        const char *comma = used == 0 ? "" : ",";
        int n = first == cpu
                    ? snprintf(text + used, FB_CPUS_TEXT - used, "%s%u", comma, cpu)
                    : snprintf(text + used, FB_CPUS_TEXT - used, "%s%u-%u", comma, first, cpu);
        used += (size_t)n;
    }
}

int fb_cpus_allowed(cpu_set_t *cpus) {
    CPU_ZERO(cpus);
    return sched_getaffinity(0, sizeof *cpus, cpus) == 0 ? 0 : -errno;
}

int fb_cpus_run_on(const cpu_set_t *cpus) {
    cpu_set_t got;
    if (sched_setaffinity(0, sizeof *cpus, cpus) != 0)
        return -errno;
    int error = fb_cpus_allowed(&got);
    return error != 0 ? error : CPU_EQUAL(&got, cpus) ? 0 : -EINVAL;
}

int fb_cpus_restrict(const char *option, const cpu_set_t *cpus) {
    cpu_set_t before;
    char asked[FB_CPUS_TEXT], allowed[FB_CPUS_TEXT];
    int error = fb_cpus_allowed(&before);
    if (error == 0)
        error = fb_cpus_run_on(cpus);
    if (error == 0)
        return 0;
    fb_cpus_format(cpus, asked);
    fb_cpus_format(&before, allowed);
    if (error == -EINVAL)
        fb_error("%s '%s': not all of these processors are there and allowed: give some of %s",
                 option, asked, allowed);
    else
        fb_error("%s '%s': cannot choose processors: %s: leave it out, or let the container do so",
                 option, asked, strerror(-error));
    return error;
}

int fb_cpus_single(const cpu_set_t *cpus) {
    if (CPU_COUNT(cpus) != 1)
        return -1;
    int cpu = 0;
    while (!CPU_ISSET((unsigned)cpu, cpus))
        cpu++;
    return cpu;
}
