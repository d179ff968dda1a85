/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One worker number: claim, death, revocation, resume, poison, and the loss of
 * a number that no process claims. Numbers share nothing below the fleet, so one is
 * enough here; what happens between several is in failover.pml. tests/model/run
 * says which variants spin has to refute.
 *
 * What stands for what:
 *
 *   Dispatcher          dispatcher/fleet.c: fleet_poll() and what it calls
 *     write, take         ring.h: fb_tx_publish(), fb_tx_refresh(); lane.h: lane_account()
 *     raise, wait         fleet.c: revoke_worker(), poll_dead(): REVOKE_WAIT_NS
 *     judge               ring.c: fb_tx_recover()
 *     withdraw, offer     fleet.c: withdraw(), offer()
 *     mark                lane.c: lane_mark_suspect()
 *   Process             a worker process; started again when it is gone
 *     claim               claim.c: fb_claim_take(), lock_up(), may_claim()
 *     burst               worker/consumer/consumer.c: burst, step, wait_for_burst
 *     begin, release      ring.h: fb_rx_begin(), fb_rx_release()
 *   Memory              the processors' store buffers
 *   Fate                kill -9, at any step of a process
 *   up[], down_epoch    sides.h: struct fb_up (one per incarnation), struct fb_down
 *   directory_epoch     ctl.h: the directory's epoch
 *   named               what /NAME.up.K leads to
 *
 * A process may stop anywhere for any time (SIGSTOP): spin tries every order of
 * steps, so no word is needed for it. Killed, it loses nothing that it stored:
 * the kernel tears it down, then frees its lock.
 *
 * A cursor store may wait in a store buffer while later loads, the look at the
 * epoch among them, are done; consumed is a release and so never passes the
 * cursor stored before it. (That consumed may arrive late needs no buffer: the
 * dispatcher takes it late, too.) The wait of 10 ms after a revocation means:
 * until no store is left in a buffer. It does not mean that the process went
 * on: that one may be stopped.
 *
 * What must hold, as assertions below:
 *   nothing lost      what the dispatcher counts as inspected was inspected
 *   nothing doubled   inspected at most once more than it was a suspect
 *   nothing swapped   who has the number finds all before its packet settled
 *   alone             no two processes of one incarnation inspect at the same time
 *   told              an inspection that is not the first carries `redelivered`
 *   bounded poison    at the second death a packet is quarantined
 *   no false charge   an honest worker never breaks the protocol
 *   one place each    a packet is inspected, quarantined or moved, and all are one of these
 * and no state without a way on (spin's invalid end states). A flow's packets
 * are all in one ring, so `nothing swapped` in the ring is order in each flow.
 *
 * Variants, each with a hole that spin has to find:
 *   EPOCH_BEFORE_CURSOR    stopped between the two: judged idle, it inspects after all
 *   NO_WAIT                the cursor is judged while its store is still in a buffer
 *   NO_EPOCH_LOOK          a revoked process inspects on beside the next one
 *   CLAIM_WITHOUT_EPOCH    the incarnation is read from the order line and not compared
 *                          with the up side's: a claim of a withdrawn up side holds
 *   NO_STATUS_CHECK        an up side that a dead process leaves is claimed again: from
 *                          consumed on, though its cursor is further
 *   CONSUMED_BEFORE_CURSOR between the two an honest worker breaks the protocol
 *   MARK_AFTER_OFFER       the next process meets its suspect unmarked
 *   LOST_UNSEEN            given up by the last look at the status, without a new epoch,
 *                          wait and judgement: who has claimed it since inspects
 *                          what is moved away
 *   LAP                    not a hole, a limit: a stopped process doubles one packet
 *                          at most, but that is its suspect only until the ring has
 *                          been round once; then it reads what is there now
 */
#ifndef CRASHES
#define CRASHES 1 /* kills at any step; the poison's come on top */
#endif
#ifndef REVOKES
#define REVOKES 1
#endif
#ifndef LOSSES
#define LOSSES 1 /* times that the number is given up unclaimed */
#endif
#ifndef POISON
#define POISON 1 /* kills every process that inspects it; NONE: no packet does */
#endif
#ifndef PACKETS
#define PACKETS 3
#endif
#define END (PACKETS - 1) /* the last descriptor is a flow end */
#define SLOTS 2
#define BURST 2
#define PROCESSES 2
#define OBJECTS (PROCESSES + 1) /* one that no process has mapped is made again */
#define NONE 255

/* The down side and ctl. Writer: dispatcher. */
typedef Desc {
    byte seq;
    byte deaths;
    bit redelivered;
    bit skipped
};
Desc descs[SLOTS];
byte published;
byte down_epoch;
byte directory_epoch;
byte named = NONE;
bit stop;

/* Up sides. Writer: first the dispatcher, then who claims it. */
typedef Up {
    byte epoch;
    byte consumed;
    byte cursor;
    bit claimed; /* the worker's status: not vacant */
    byte lock = NONE
};
Up up[OBJECTS];

/* Processes: what they have mapped, and stores that no other process sees yet. */
byte object_of[PROCESSES] = NONE;
byte epoch_of[PROCESSES];
byte cursor_store[PROCESSES] = NONE;
bit killed[PROCESSES];

/* For the assertions only. */
byte begun[PACKETS];
byte suspected[PACKETS];
bit inspected[PACKETS];
bit counted[PACKETS];
bit quarantined[PACKETS];
bit moved[PACKETS];
byte inspecting[PROCESSES] = NONE;

inline drain(p) {
    if
    :: cursor_store[p] != NONE -> up[object_of[p]].cursor = cursor_store[p]; cursor_store[p] = NONE
    :: else
    fi
}

active proctype Memory() {
end:
    do
    :: d_step { cursor_store[0] != NONE -> drain(0) }
    :: d_step { cursor_store[1] != NONE -> drain(1) }
    od
}

#define HOLDS(p) (object_of[p] != NONE && up[object_of[p]].lock == p)

active proctype Fate() {
    byte crashes = CRASHES;
end:
    do
    :: d_step { crashes > 0 && HOLDS(0) && !killed[0] -> crashes--; killed[0] = 1 }
    :: d_step { crashes > 0 && HOLDS(1) && !killed[1] -> crashes--; killed[1] = 1 }
    od
}

inline store_cursor(value) {
    d_step { cursor_store[me] == NONE -> cursor_store[me] = value }
}
inline store_consumed(value) {
    d_step { cursor_store[me] == NONE -> up[object_of[me]].consumed = value }
}
inline look_at_epoch() {
#ifndef NO_EPOCH_LOOK
    if
    :: down_epoch == epoch_of[me]
    :: else -> goto gone
    fi
#else
    skip
#endif
}

/* begin_inspection: what the process reads in its slot now, and whether that is right. */
#define DESC descs[at % SLOTS]
inline begin_inspection() {
    d_step {
        if
        :: DESC.skipped || DESC.seq != at ->
            /*
             * Nothing to inspect; or the process was revoked, stopped, and its
             * slot used again since: instead of its suspect it reads what is
             * there. That is still its one and last inspection.
             */
            assert(DESC.seq == at || down_epoch != epoch_of[me]);
#ifdef LAP
            assert(DESC.seq == at)
#endif
        :: else ->
            if
            :: down_epoch == epoch_of[me] ->
                assert(at == 0 || inspected[at - 1] || quarantined[at - 1] || moved[at - 1] ||
                       suspected[at - 1] && at - 1 == END);
                assert(inspecting[1 - me] == NONE || epoch_of[1 - me] != epoch_of[me]);
                assert(begun[at] == 0 || DESC.redelivered)
            :: else
            fi;
            assert(!moved[at]);
            begun[at]++;
            assert(begun[at] <= 1 + suspected[at] && begun[at] <= 2);
            inspecting[me] = at;
            killed[me] = (at == POISON)
        fi
    }
}
inline end_inspection() {
    d_step {
        if
        :: inspecting[me] != NONE -> inspected[at] = 1; inspecting[me] = NONE
        :: else
        fi;
        at++
    }
}

proctype Process(byte me) {
    byte at, next, last;
again:
    {
        /* fb_claim_take(): what the name leads to is mapped. */
        if
        :: d_step { named != NONE -> object_of[me] = named }
        :: stop -> goto done
        fi;
        if
        :: d_step { up[object_of[me]].lock == NONE -> up[object_of[me]].lock = me }
        :: named != object_of[me] -> goto again
        :: stop -> goto done
        fi;
        /* may_claim(), holding the lock: only a holder changes the status: one step. */
        if
#ifdef NO_STATUS_CHECK
        :: named == object_of[me]
#else
        :: !up[object_of[me]].claimed && named == object_of[me]
#endif
        :: else -> goto gone
        fi;
#ifdef CLAIM_WITHOUT_EPOCH
        epoch_of[me] = down_epoch;
#else
        if
        :: d_step {
               up[object_of[me]].epoch == directory_epoch && up[object_of[me]].epoch == down_epoch ->
               epoch_of[me] = up[object_of[me]].epoch }
        :: else -> goto gone
        fi;
#endif
        d_step {
            up[object_of[me]].claimed = 1;
            next = up[object_of[me]].consumed /* fb_rx_init() */
        };

        do
        :: d_step { published > next ->
               at = next;
               last = (published - next > BURST -> next + BURST : published) };
            do
            :: at < last ->
#ifdef EPOCH_BEFORE_CURSOR
                look_at_epoch();
                store_cursor(at * 2 + 1);
#else
                store_cursor(at * 2 + 1);
                look_at_epoch();
#endif
                begin_inspection();
                end_inspection()
            :: d_step { at == last -> next = last; at = 0; last = 0 } -> break
            od;
#ifdef CONSUMED_BEFORE_CURSOR
            store_consumed(next);
            store_cursor(next * 2)
#else
            store_cursor(next * 2);
            store_consumed(next)
#endif
        :: down_epoch != epoch_of[me] -> goto gone
        :: stop && published == next -> goto gone
        od
    } unless { killed[me] };
gone: /* killed or left: its stores arrive, then the kernel frees the lock */
    atomic {
        drain(me);
        killed[me] = 0;
        inspecting[me] = NONE;
        up[object_of[me]].lock = NONE;
        object_of[me] = NONE;
        epoch_of[me] = 0;
        at = 0;
        next = 0;
        last = 0
    };
    goto again;
done:
    skip
}

inline write() {
    d_step {
        descs[seq % SLOTS].seq = seq;
        descs[seq % SLOTS].deaths = 0;
        descs[seq % SLOTS].redelivered = 0;
        descs[seq % SLOTS].skipped = 0;
        seq++;
        published = seq
    }
}

/* What consumed or a judged cursor has passed counts as inspected, but for skips. */
inline pass(to) {
    do
    :: consumed < to ->
        assert(inspected[consumed] || descs[consumed % SLOTS].skipped);
        counted[consumed] = !descs[consumed % SLOTS].skipped;
        consumed++
    :: else -> break
    od;
    skip /* a d_step may not end with a loop */
}
inline take() {
    d_step {
        assert(up[object].consumed >= consumed && up[object].consumed <= seq);
        pass(up[object].consumed)
    }
}

#define WAITS(p) (object_of[p] == object && cursor_store[p] != NONE)
inline raise_and_wait() {
    down_epoch = epoch + 1;
#ifndef NO_WAIT
    !WAITS(0) && !WAITS(1)
#endif
}

inline judge() {
    take();
    d_step {
        resume = up[object].cursor / 2;
        suspect = up[object].cursor % 2;
        assert(resume >= consumed && (resume < seq || resume == seq && !suspect));
        pass(resume);
        resume = 0
    }
}

inline withdraw() {
    d_step { epoch++; down_epoch = epoch };
    named = NONE
}

inline offer() {
    d_step {
        claimed = 0;
        epoch++;
        object = (object_of[0] != 0 && object_of[1] != 0 -> 0 :
                  (object_of[0] != 1 && object_of[1] != 1 -> 1 : 2));
        up[object].claimed = 0;
        up[object].epoch = epoch;
        up[object].consumed = consumed;
        up[object].cursor = consumed * 2;
        named = object
    };
    d_step { down_epoch = epoch; directory_epoch = epoch }
}

#define HEAD descs[consumed % SLOTS]
inline quarantine() {
    HEAD.skipped = 1;
    quarantined[consumed] = 1
}
inline mark() {
    d_step {
        if
        :: suspect && !HEAD.skipped ->
            suspected[consumed]++;
            HEAD.redelivered = 1;
            HEAD.deaths++;
            if
            :: HEAD.deaths == 2 && consumed == END -> HEAD.skipped = 1
            :: HEAD.deaths == 2 && consumed != END -> quarantine()
            :: else
            fi
        :: else
        fi;
        suspect = 0
    }
}

/* The number is lost: what waits in its ring goes to others, but for a suspect. A suspect flow end
 * goes nowhere by itself: all packets of its flow that were in the ring are finished. */
inline move() {
    d_step {
        if
        :: consumed < seq && HEAD.deaths > 0 && !HEAD.skipped ->
            if
            :: consumed == END -> HEAD.skipped = 1
            :: else -> quarantine()
            fi
        :: else
        fi;
        do
        :: consumed < seq ->
            assert(begun[consumed] == 0 || HEAD.skipped);
            moved[consumed] = !HEAD.skipped;
            consumed++
        :: else -> break
        od;
        skip /* a d_step may not end with a loop */
    }
}

/* The worker is gone, or was revoked and waited for. */
inline settle() {
    judge();
    withdraw();
#ifdef MARK_AFTER_OFFER
    offer();
    mark()
#else
    mark();
    offer()
#endif
}

/* The clock of --failover ran out when the status was last looked at: it may be claimed since. */
inline lose() {
#ifndef LOST_UNSEEN
    raise_and_wait();
    judge();
#endif
    withdraw();
    mark();
    move();
    offer()
}

active proctype Dispatcher() {
    byte seq, consumed, epoch, resume;
    byte object;
    bit claimed, suspect;
    byte revokes = REVOKES;
    byte losses = LOSSES;

    offer();
    atomic {
        run Process(0);
        run Process(1)
    };
    do
    :: seq < PACKETS && seq - consumed < SLOTS -> write()
    :: up[object].consumed != consumed && (seq - consumed == SLOTS || seq == PACKETS) -> take()
    :: !claimed && up[object].claimed -> claimed = 1
    :: claimed && up[object].lock == NONE -> settle()
    :: claimed && revokes > 0 -> revokes--; raise_and_wait(); settle()
    :: !claimed && losses > 0 -> losses--; lose()
    :: seq == PACKETS && consumed == PACKETS -> break
    od;
    stop = 1;
    d_step {
        resume = 0;
        do
        :: resume < PACKETS ->
            assert(counted[resume] + quarantined[resume] + moved[resume] == 1 ||
                   resume == END && suspected[END] >= 1);
            resume++
        :: else -> break
        od;
        skip /* a d_step may not end with a loop */
    }
}
