/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_FLEET_DISPOSITION_H
#define DISPATCHER_FLEET_DISPOSITION_H

#include <stdbool.h>

/*
 * What becomes of a worker number's packets and flows when its process is gone. The
 * states of life.h say where a number is; this says where it goes from `dead`.
 *
 *   disposition   set by                          until
 *   WAIT_NEXT     an offer, a claim
 *   MOVE_GONE     drain, give up                  the next offer; a claim if given up
 *   MOVE_NOW      drain and give up of a vacant   the next offer
 *                 number, an overdue one
 *
 * MOVE_NOW takes the offer back. A process may have claimed it unseen, so the number
 * is revoked and goes through `dead` as any other.
 */
enum disposition {
    DISPOSITION_WAIT_NEXT, /* they wait for the next process of the number */
    DISPOSITION_MOVE_GONE, /* they move when the process is gone */
    DISPOSITION_MOVE_NOW,  /* they move as soon as the number is resolved */
    DISPOSITION_COUNT
};

/* Why they are to move. */
enum move_reason {
    MOVE_REASON_NONE,
    MOVE_REASON_DRAINED,  /* a drain was asked for */
    MOVE_REASON_GIVEN_UP, /* no process of it will be started */
    MOVE_REASON_OVERDUE,  /* none claimed it within --failover */
    MOVE_REASON_COUNT
};

/* How far the run is. */
enum fleet_phase {
    FLEET_RUNNING,
    FLEET_STOPPING, /* rings drain; a number is offered only while packets wait in it */
    FLEET_ENDING,   /* no number is offered again, whatever waits */
    FLEET_PHASES
};

/* What is done with a number whose process is gone. */
enum resolution {
    RESOLVE_RETIRE, /* absent, and not offered again */
    RESOLVE_FREE,   /* absent: offered to any process */
    RESOLVE_WAIT,   /* vacant: offered, its flows wait */
    RESOLVE_LOSE,   /* moving: its packets and flows go to the others */
};

/* The facts about a dead number that decide. */
struct remains {
    enum fleet_phase phase;
    enum disposition disposition;
    bool has_packets; /* descriptors wait in its ring */
    bool is_awaited;  /* packets, flows or ends wait, or its process died and is to come back */
};

/* Pure, total; the table is in disposition.c. Dispatcher. */
enum resolution resolve(const struct remains *remains);

#endif
