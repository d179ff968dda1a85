/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/amount.h"

#include <inttypes.h>
#include <stdio.h>

#define BEYOND 1e18 /* what is more is a lie, and would need more columns */

/* Three digits of a number below 1000. */
static int decimals_of(double number) {
    return number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
}

struct amount amount_of(double number) {
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    struct amount out = {"-"};
    unsigned unit = 0;
    if (!(number >= 0))
        return out;
    if (number > BEYOND)
        number = BEYOND;
    if (number < 999.5) {
        double rounded = (double)(uint64_t)(number + 0.5), off = number - rounded;
        int is_whole = number >= 9.95 || (off < 1e-6 && off > -1e-6);
        if (number > 0 && number < 0.05)
            snprintf(out.text, sizeof out.text, "<0.1");
        else
            snprintf(out.text, sizeof out.text, "%.*f", is_whole ? 0 : 1, number);
        return out;
    }
    for (; number >= 999.5 && unit < 6; unit++)
        number /= 1000;
    snprintf(out.text, sizeof out.text, "%.*f%s", decimals_of(number), number, units[unit]);
    return out;
}

struct amount amount_ns(double ns) {
    static const char *const units[] = {"ns", "us", "ms", "s"};
    struct amount out = {"-"};
    unsigned unit = 0;
    if (!(ns >= 0))
        return out;
    if (ns > 9999e9)
        ns = 9999e9;
    for (; ns >= 999.5 && unit < 3; unit++)
        ns /= 1000;
    snprintf(out.text, sizeof out.text, "%.*f%s", unit != 0 && ns < 9.95 ? 1 : 0, ns, units[unit]);
    return out;
}

struct amount amount_uptime(double seconds) {
    struct amount out = {"-"};
    if (!(seconds >= 0 && seconds < BEYOND))
        return out;
    uint64_t s = (uint64_t)seconds;
    if (s >= 86400)
        snprintf(out.text, sizeof out.text, "%" PRIu64 "d %02u:%02u", s / 86400,
                 (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60));
    else if (s >= 3600)
        snprintf(out.text, sizeof out.text, "%u:%02u:%02u", (unsigned)(s / 3600),
                 (unsigned)(s / 60 % 60), (unsigned)(s % 60));
    else
        snprintf(out.text, sizeof out.text, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
    return out;
}

struct amount amount_share(double part, double whole) {
    struct amount out = {"0%"};
    if (!(part > 0 && whole > 0))
        return out;
    double share = part < whole ? 100 * part / whole : 100;
    if (share < 0.05)
        snprintf(out.text, sizeof out.text, "<0.1%%");
    else if (share > 99 && share < 100)
        snprintf(out.text, sizeof out.text, "99%%"); /* all is all */
    else
        snprintf(out.text, sizeof out.text, "%.*f%%", share < 9.95 ? 1 : 0, share);
    return out;
}
