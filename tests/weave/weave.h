/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_WEAVE_WEAVE_H
#define TESTS_WEAVE_WEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Runs the threads of a scenario, one after the other in every order that the
 * bounds allow, over production code: its sources are compiled a second time with
 * weave_atomic.h, where each atomic access, fence and futex call is a call to here.
 * So the mistakes of ordering are found that a machine shows once in a million
 * runs, or never, since it keeps more order than C11 does; and always the same ones.
 *
 * What may happen, beside that another thread goes on at any access:
 *
 *   weak reads  A load may see an older store than the last, as far as C11 allows:
 *               each thread has a view, the oldest store of each word that it can
 *               still see; acquire, release and fences join views (the operational
 *               model of Kang et al., "A promising semantics for relaxed-memory
 *               concurrency", 2017, without promises).
 *   late stores A compiler may put a store behind loads that follow it, and plain
 *               stores behind relaxed ones, until a signal fence is in the way.
 *   deaths      A thread that is killed does not go on; its stores are in memory,
 *               but for a late one.
 *
 * What of these happens in a run is a list of choices; the runs are counted through by
 * depth first, and no run has more preemptions, and weak or late accesses, than
 * the bounds say. Plain accesses of the production code are not looked at: for them
 * there is ThreadSanitizer.
 */
#define WEAVE_THREADS 4u

struct weave_scenario {
    const char *name;
    /* Makes the world, watches its words and adds its threads; before each run. */
    void (*set_up)(void *world);
    /* After each run: all threads have ended, or sleep and none wakes them. */
    void (*check)(void *world);
    void (*tear_down)(void *world);
    unsigned preemptions; /* of threads that could have gone on */
    unsigned weak;        /* weak reads and late stores */
    bool no_late;         /* weak reads only */
};

/*
 * Explores a scenario. Returns how many runs that took, or 0 after the first one that
 * went wrong; *error is then why. FB_WEAVE_TRACE in the environment prints the
 * accesses of that run.
 */
uint64_t weave_explore(const struct weave_scenario *scenario, void *world, const char **error);

/* ---- in set_up() */

/* A word of 4 or 8 bytes whose accesses are choices; what is not watched is plain memory. */
#define WEAVE_WATCH(word) weave_watch(&(word), sizeof(word), #word)
void weave_watch(const volatile void *word, size_t size, const char *name);

/* Adds a thread; the first is 0. */
void weave_thread(void (*body)(void *world), void *world);

/* ---- in threads and check() */

/* The run went wrong. The thread does not come back. */
void weave_fail(const char *why);

static inline void weave_expect(bool fact, const char *why) {
    if (!fact)
        weave_fail(why);
}

/* Another thread may go on here. */
void weave_pause(void);

/* While it is on there are no choices but which thread goes on where one cannot. */
void weave_quiet(bool on);

/* The thread sees all that the others have stored: it took a lock of theirs. */
void weave_synchronize(void);

/*
 * The thread waits until something has been stored since weave_stores() said `since`, and
 * sees all stores. Returns false if nothing will come: all others have ended or
 * sleep for ever.
 */
bool weave_sleep(uint64_t since);
uint64_t weave_stores(void);

/* So much time goes by that each store that was made is seen by all threads: 10 ms. */
void weave_time_passes(void);

/* A plain store by an inspector, which the compiler may move down to the next fence. */
void weave_plain_store(uint64_t *word, uint64_t value);

/* Kills a thread where it is. The caller knows it (a lock): it sees all that the other stored. */
void weave_kill(unsigned thread);

bool weave_ended(unsigned thread);
bool weave_is_asleep(unsigned thread); /* in a futex */
/* How often a thread has gone to sleep in a futex, and for how long at most when it last did. */
unsigned weave_sleeps(unsigned thread);
uint64_t weave_sleep_ns(unsigned thread);
/* FUTEX_WAKE calls in this run. */
unsigned weave_wakes(void);

#endif
