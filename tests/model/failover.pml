/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three worker numbers: the ring of a lost one becomes the dispatcher's input,
 * and the order within each flow holds. How one number dies and comes back is
 * in claim_resume.pml; here its outcome is taken as given: at a death the
 * dispatcher learns what is finished and which packet is suspect. tests/model/run
 * says which variants spin has to refute.
 *
 * What stands for what:
 *
 *   Dispatcher          dispatcher/loop.c, with block mode's waits (run.c)
 *     source              protocol, "a lost ring becomes the input": last lost, first
 *                         emptied, then what was put back, then capture
 *     deliver             loop.c: deliver_one(): look-up, assignment, room, stage
 *     publish             loop.c: publish(); ring.h: fb_tx_publish()
 *     housekeeping        fleet.c: fleet_poll(): between bursts, and while one waits for room
 *   ring[k], unpublished[k]   ring.h: struct fb_tx of number k: [consumed, seq), and how
 *                         much of it lies beyond `published`
 *   state[k]            life.h: enum fb_state, as the dispatcher has it
 *   worker[f]           flows.h: the binding; a flow whose number's loss count has
 *                         changed since has none
 *   Worker(k)           worker/consumer/consumer.c, and the next process of the same number
 *
 * Packets are numbered in the order of capture; spin chooses the flow of each,
 * and whether a flow that has no worker goes to one or another living number.
 *
 * What must hold:
 *   in order          a flow's packets are inspected in the order of capture
 *   exactly once      but for the suspect, once more per death
 *   one victim        a packet kills processes of one number only, two at most
 *   one place each    at the end every packet is inspected or quarantined, or waits
 *                     because no number is left to take it (`no_worker`)
 * and no state without a way on (spin's invalid end states).
 *
 * Variants, each with a hole that spin has to find:
 *   FIRST_LOST_FIRST   K's packets, partly moved to L, go on before those that L took
 *                      of the same flow and lost
 *   CAPTURE_TOO        a new packet overtakes its flow's packets in the lost ring
 *   KEEP_BURST         as CAPTURE_TOO, by the rest of a burst that waited for room
 *                      while its flow's worker was lost
 *   MOVE_SUSPECT       a packet that kills walks through the fleet
 *   UNPUBLISHED_WAIT   dispatcher and worker wait for each other
 *
 * Flow ends are left out: they change no order among packets.
 */
#ifndef PACKETS
#define PACKETS 4
#endif
#ifndef POISON
#define POISON 255 /* kills every process that inspects it; 255: none does */
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#define FLOWS 2
#define NUMBERS 3
#define BURST 2
#ifndef DEPTH
#define DEPTH 2
#endif
#define NONE 255

mtype = { READY, DEAD, LOST }; /* dead: gone, but not looked at yet, or waiting for a claim */

chan ring[NUMBERS] = [DEPTH] of { byte };
byte unpublished[NUMBERS];
mtype state[NUMBERS] = READY;
byte worker[FLOWS] = NONE;
byte crashes = CRASHES;

/* Of each packet. */
byte flow[PACKETS];
byte deaths[PACKETS];
byte victim[PACKETS] = NONE; /* the number that it killed */

/* Of each number: what the cursor of a dead process says. */
bit busy[NUMBERS];

/* For the assertions only. */
byte latest[FLOWS] = NONE;
byte begun[PACKETS];
bit inspected[PACKETS];
bit quarantined[PACKETS];

#define MAY_BEGIN(k) (state[k] == READY && !busy[k] && len(ring[k]) > unpublished[k])

proctype Worker(byte k) {
    byte p;
end:
    do
    :: d_step {
        MAY_BEGIN(k) ->
        ring[k]?<p>;
        assert(begun[p] == deaths[p]);
        assert(victim[p] == NONE || victim[p] == k);
        assert(latest[flow[p]] == NONE || latest[flow[p]] < p || latest[flow[p]] == p && deaths[p] > 0);
        latest[flow[p]] = p;
        begun[p]++;
        busy[k] = 1 }
    :: d_step {
        state[k] == READY && busy[k] && p != POISON ->
        ring[k]?p;
        inspected[p] = 1;
        p = 0;
        busy[k] = 0 }
    :: d_step { state[k] == READY && busy[k] && p == POISON -> state[k] = DEAD; p = 0 }
    :: d_step { state[k] == READY && crashes > 0 && len(ring[k]) > 0 -> crashes--; state[k] = DEAD; p = 0 }
    od
}

inline quarantine(k) {
    ring[k]?p;
    quarantined[p] = 1
}

/* The suspect is marked before anything else is done with the number: fleet.c: settle(). */
inline mark(k) {
    if
    :: busy[k] ->
        busy[k] = 0;
        ring[k]?<p>;
        deaths[p]++;
        victim[p] = k;
        if
        :: deaths[p] == 2 -> quarantine(k)
        :: else
        fi
    :: else
    fi
}

inline lose(k) {
    state[k] = LOST;
    if
    :: len(ring[k]) > 0 ->
        ring[k]?<p>;
        if
#ifndef MOVE_SUSPECT
        :: deaths[p] > 0 -> quarantine(k)
#endif
        :: else
        fi
    :: else
    fi;
    unpublished[k] = 0;
    lost[lost_count] = k;
    lost_count++;
    p = 0;
    do
    :: p < FLOWS ->
        if
        :: worker[p] == k -> worker[p] = NONE
        :: else
        fi;
        p++
    :: else -> break
    od;
    p = 0
}

/*
 * Housekeeping, fleet_poll(): what a dead number left is judged, and it is
 * claimed again, or no process does so in time.
 */
inline settle(k) {
    if
    :: d_step { mark(k); p = 0; state[k] = READY }
    :: d_step { mark(k); lose(k) }
    fi
}
#define DEAD_ANY (state[0] == DEAD || state[1] == DEAD || state[2] == DEAD)
inline housekeeping() {
    if
    :: state[0] == DEAD -> settle(0)
    :: state[1] == DEAD -> settle(1)
    :: state[2] == DEAD -> settle(2)
    fi
}

inline publish() {
    unpublished[0] = 0;
    unpublished[1] = 0;
    unpublished[2] = 0
}

#ifdef FIRST_LOST_FIRST
#define SOURCE lost[0]
#else
#define SOURCE lost[lost_count - 1]
#endif

/* The packet in hand is now in its worker's ring, and nowhere else. */
inline stage(k) {
    ring[k]!p;
    unpublished[k]++;
    worker[flow[p]] = k;
    used = (k == used -> used + 1 : used);
    if
    :: from != NONE -> ring[from]?p
    :: else ->
        held[0] = held[1];
        held[1] = NONE
    fi;
    taken++;
    p = 0
}

/* Captures a burst; a packet may be of any flow, and the first is of flow 0. */
inline capture() {
    do
    :: n < BURST && captured < PACKETS ->
        if
        :: flow[captured] = 0
        :: captured > 0 -> flow[captured] = 1
        fi;
        held[n] = captured;
        captured++;
        n++
    :: else -> break
    od;
    n = 0
}

#define LOST_ALL (state[0] == LOST && state[1] == LOST && state[2] == LOST)
#define MAY_HAVE(k) (worker[flow[p]] == k || worker[flow[p]] == NONE && state[k] != LOST && k <= used)

/* One burst from a lost ring, or from capture where from is NONE. */
inline deliver() {
    do
    :: taken < BURST && (from != NONE -> len(ring[from]) > 0 : held[0] != NONE) && !LOST_ALL ->
        atomic {
            if
            :: from != NONE -> ring[from]?<p>
            :: else -> p = held[0]
            fi;
            if
            :: MAY_HAVE(0) -> to = 0
            :: MAY_HAVE(1) -> to = 1
            :: MAY_HAVE(2) -> to = 2
            fi;
            if
            :: len(ring[to]) < DEPTH -> stage(to)
            :: len(ring[to]) == DEPTH ->
                p = 0;
#ifndef UNPUBLISHED_WAIT
                publish();
#endif
                before = lost_count;
                if
                :: DEAD_ANY -> housekeeping()
                :: len(ring[to]) < DEPTH
                fi;
                to = 0;
#ifndef KEEP_BURST
                /* Put back, and looked up again when the ring just lost is empty. */
                if
                :: lost_count != before -> break
                :: else
                fi
#endif
            fi
        }
    :: else -> break
    od;
    atomic { publish(); before = 0; taken = 0; to = 0; from = NONE }
}

/* The ring in hand is empty: its number is offered, and claimed, again. */
inline offer() {
    state[SOURCE] = READY;
    lost_count--;
#ifdef FIRST_LOST_FIRST
    lost[0] = lost[1];
    lost[1] = lost[2];
#endif
    lost[lost_count] = NONE
}

active proctype Dispatcher() {
    byte lost[NUMBERS] = NONE;
    byte lost_count, before;
    byte held[BURST] = NONE; /* of the burst from capture: what is not delivered */
    byte from = NONE;
    byte to, taken, captured, used, p, n;

    atomic {
        run Worker(0);
        run Worker(1);
        run Worker(2)
    };
    do
    :: DEAD_ANY -> housekeeping()
    :: lost_count > 0 && len(ring[SOURCE]) == 0 -> atomic { offer() }
    :: lost_count > 0 && len(ring[SOURCE]) > 0 && !LOST_ALL -> from = SOURCE; deliver()
#ifndef CAPTURE_TOO
    :: lost_count == 0 && (held[0] != NONE || captured < PACKETS) ->
#else
    :: !LOST_ALL && (held[0] != NONE || captured < PACKETS) ->
#endif
        atomic {
            if
            :: held[0] == NONE -> capture()
            :: else
            fi
        };
        deliver()
    :: lost_count == 0 && held[0] == NONE && captured == PACKETS &&
       len(ring[0]) == 0 && len(ring[1]) == 0 && len(ring[2]) == 0 -> break
    :: LOST_ALL && len(ring[SOURCE]) > 0 -> break /* the rest is no_worker */
    od;
    atomic {
        p = 0;
        do
        :: p < captured ->
            assert(inspected[p] + quarantined[p] == 1 || LOST_ALL);
            p++
        :: else -> break
        od
    }
}
