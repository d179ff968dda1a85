/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_SHIM_SHIM_END_H
#define WORKER_SHIM_SHIM_END_H

/*
 * What becomes of a process whose packets have ended: the run stopped, the number was drained or
 * revoked, or the dispatcher is gone. Calls for packets return PCAP_ERROR_BREAK, as after
 * breakloop, and most programs then come to their end. Some do not: they wait for a signal, as
 * they would on an interface where nothing comes any more, or a process beside them does (tshark
 * beside dumpcap, which has the number). So that a run ends by itself:
 *
 *   SHIM_TERM_MS after the end    SIGTERM
 *   SHIM_KILL_MS after the end    SIGKILL
 *
 * To whom? Only where a supervisor started the program, in a process group made for it, which it
 * says by FB_ATTACH_GROUP=1, is there a group that may be signalled: the parent, or a pipeline,
 * belongs to it. Without that the group may be that of a shell, a test or a service: then SIGTERM
 * goes to this process alone, SIGKILL to none, and the program that closes its handle gets no
 * signal: it has seen the end, and what it still does (sums, a last write) is its own.
 *
 * A thread waits for it, with all signals blocked, one a process. It is gone with the process: who
 * waits for one that ends by itself sees that.
 */
#define SHIM_TERM_MS 2000L
#define SHIM_KILL_MS 5000L

/* The packets have ended. */
void shim_end_begin(void);

/* The handle was closed. */
void shim_end_close(void);

#endif
