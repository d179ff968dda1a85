/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_AMOUNT_H
#define SHM_VIEW_AMOUNT_H

/* Amounts in few columns, for people. Pure; any process. */
struct amount {
    char text[24];
};

/* At most five columns: 0, 7, 0.3, 999, 1.23k, 12.3k, 123k, 1.23M; more than nothing is never 0. */
struct amount amount_of(double number);

/* A time, at most five columns: 640ns, 82us, 2.1ms, 15ms, 1.2s; "-" for a negative one: unknown. */
struct amount amount_ns(double ns);

/* How long something runs: 0:07, 1:02:03, 3d 04:05. */
struct amount amount_uptime(double s);

/* A part of a whole: 0%, 0.4%, 12%, 100%; 0% of nothing. More than nothing is never 0%. */
struct amount amount_share(double part, double whole);

#endif
