/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_EXEC_CHILD_H
#define WORKER_INSPECTORS_EXEC_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "flow_balancer/flow.h"
#include "worker/inspectors/pcap_record.h"

/*
 * A program that reads packets of one link type, as a pcap stream, from its standard input.
 *
 *   start -> running -- end_input --> ending -- it ends by itself, or is killed --> reap
 *
 * A packet is given when its whole record is in the pipe, by one write() where that has room:
 * nothing is kept in this process, so that what was given reaches the child though this process is
 * killed. The pipe does not block. Part of a record may be in it when it is full; the rest follows
 * before anything else, and a child that gets no rest has a file that breaks off in its last
 * record, of a packet that was not given.
 *
 * How far the child has read is what was written less what the pipe holds: so the packets that it
 * has not read whole can be counted, also after its death. Of what it did with those that it read
 * nothing is known.
 */
struct exec_child {
    pid_t pid; /* also of its session, and its process group */
    int32_t link_type;
    int input;        /* writes to its standard input; -1: it was ended */
    int unread;       /* the pipe's other end, once input is -1: to count what it holds; or -1 */
    uint32_t part;    /* bytes of the present record that are in the pipe */
    uint32_t written; /* bytes that ever were, modulo 2^32 */
    uint32_t *ends;   /* of the last records given: `written` behind each */
    uint32_t mask;    /* their number less 1: a power of two, more than the pipe has room for */
    uint64_t given;   /* packets */
    /* While the pipe is full: */
    uint64_t full_ns;     /* since when the child reads nothing, CLOCK_MONOTONIC; 0: it reads */
    uint32_t full_unread; /* bytes in the pipe then */
    bool said;            /* that it reads nothing */
};

/*
 * Starts a program in a session of its own, without signals blocked or ignored, with a pipe as its
 * standard input and `output` as its standard output, and writes the header of the stream. argv[0]
 * is looked up in PATH. Returns 0, and the caller reaps *child; or -errno.
 */
int exec_child_start(struct exec_child *child, char *const argv[], int output, int32_t link_type);

enum exec_gave { EXEC_GIVEN, EXEC_FULL, EXEC_CLOSED };

/* EXEC_FULL: the same packet is to be given again, before any other. EXEC_CLOSED: no process reads
 * the pipe any more. */
enum exec_gave exec_child_give(struct exec_child *child, const struct fb_packet *packet);

/* How long it has read nothing, where the pipe was full when it was last looked at. */
uint64_t exec_child_stuck_ns(struct exec_child *child, uint64_t now_ns);

/* Bytes in its pipe, and packets of which it has not read the last byte. */
uint32_t exec_child_unread_bytes(const struct exec_child *child);
uint64_t exec_child_unread(const struct exec_child *child);

/* End of file for it. */
void exec_child_end_input(struct exec_child *child);

/* Whether it has ended; it is still to be reaped. */
bool exec_child_has_ended(const struct exec_child *child);

/* A signal to it and to those of its process group. */
void exec_child_kill(const struct exec_child *child, int signo);

/* Frees what there is of it, and lets it end by itself. */
void exec_child_leave(struct exec_child *child);

/* Kills what is left of its process group, waits for its end, and frees what there was of it.
 * Returns its status as waitpid() has it. */
int exec_child_reap(struct exec_child *child);

#endif
