/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/weave/weave.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "tests/weave/weave_atomic.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#define WORDS 16u
#define STACK_BYTES 262144u
#define CHOICES 4096u
/* A run that makes more accesses than any that ends. */
#define ACCESSES_MOST 2000000u
/* Stores older than the last one that a weak read may see. */
#define STALE_MOST 2u

/* Of each word the oldest store that can still be seen. */
struct view {
    uint32_t at[WORDS];
};

struct store {
    uint64_t value;
    struct view view; /* what comes with it to who acquires it */
};

struct word {
    const volatile void *address;
    const char *name;
    size_t size;
    struct store *stores; /* the first is what the set-up left there */
    uint32_t count, room;
};

enum thread_state { RUNNABLE, SLEEPING, IN_FUTEX, ENDED, KILLED };

struct late {
    volatile void *address;
    size_t size;
    uint64_t value;
    memory_order order;
};

struct thread {
    void (*body)(void *world);
    void *world;
    ucontext_t context;
    enum thread_state state;
    struct view current, acquired, released;
    struct late late;  /* an atomic store; address NULL: none */
    struct late plain; /* the same of an inspector */
    /* What it has loaded since it last did something else: to load it again is no choice. */
    uint64_t activity, loaded[WORDS];
    bool again;        /* the last access was such a load */
    uint64_t slept_at; /* the stores made when it went to sleep */
    const volatile void *futex;
    uint64_t futex_ns;
    unsigned sleeps;
};

struct choice {
    uint8_t taken, options;
};

static struct {
    struct word words[WORDS];
    unsigned word_count;
    struct thread threads[WEAVE_THREADS];
    unsigned thread_count, running;
    struct view seq_cst; /* of the last fence of that kind */
    uint64_t stores, accesses;
    uint64_t clock_ns;
    unsigned wakes;
    struct choice choices[CHOICES];
    unsigned depth, planned; /* choices made in this run, and of these by the plan */
    unsigned preemptions_left, weak_left;
    const char *error;
    ucontext_t main;
    bool in_run, traced, quiet, no_late;
} w;

static _Alignas(64) char stacks[WEAVE_THREADS][STACK_BYTES];

static struct thread *self(void) {
    return &w.threads[w.running];
}

__attribute__((format(printf, 1, 2))) static void trace(const char *format, ...) {
    if (!w.traced)
        return;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "    thread %u: ", w.running);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- choices */

/* One of `options`, each but 0 at the cost of one from *left; NULL: none costs anything. */
static unsigned choose(unsigned options, unsigned *left) {
    if (options < 2 || (left != NULL && (*left == 0 || w.quiet)))
        return 0;
    if (w.depth == CHOICES) {
        w.error = "a run has more choices than there is room for";
        return 0;
    }
    struct choice *choice = &w.choices[w.depth];
    if (w.depth++ >= w.planned)
        *choice = (struct choice){.taken = 0, .options = (uint8_t)options};
    else if (choice->options != options)
        w.error = "the same choices led to another place: the scenario depends on something else";
    if (left != NULL)
        *left -= choice->taken != 0;
    return choice->taken;
}

/* The plan of the next run; false if all have been made. */
static bool plan_next(void) {
    while (w.depth > 0 && w.choices[w.depth - 1].taken + 1u >= w.choices[w.depth - 1].options)
        w.depth--;
    if (w.depth == 0)
        return false;
    w.choices[w.depth - 1].taken++;
    w.planned = w.depth;
    return true;
}

/* ---- threads */

static void join_views(struct view *into, const struct view *other) {
    for (unsigned i = 0; i < w.word_count; i++)
        if (into->at[i] < other->at[i])
            into->at[i] = other->at[i];
}

static void see_all(struct thread *thread) {
    for (unsigned i = 0; i < w.word_count; i++)
        thread->current.at[i] = w.words[i].count - 1;
    thread->activity++;
}

static bool can_run(const struct thread *thread) {
    return thread->state == RUNNABLE || (thread->state == SLEEPING && thread->slept_at < w.stores);
}

static void switch_to(unsigned next) {
    unsigned from = w.running;
    if (next == from)
        return;
    w.running = next;
    w.threads[next].activity++;
    swapcontext(&w.threads[from].context, &w.threads[next].context);
}

/* The thread that runs cannot go on: another does, or the run is over. */
static void leave(void) {
    unsigned others[WEAVE_THREADS], count = 0;
    for (unsigned t = 0; t < w.thread_count; t++)
        if (can_run(&w.threads[t]))
            others[count++] = t;
    /* None has anything to do: then who only waits for time to pass goes on. */
    for (unsigned t = 0; count == 0 && t < w.thread_count; t++)
        if (w.threads[t].state == SLEEPING)
            others[count++] = t;
    if (count == 0 || w.error != NULL)
        swapcontext(&self()->context, &w.main);
    else
        switch_to(others[choose(count, NULL)]);
}

void weave_pause(void) {
    if (!w.in_run)
        return;
    if (w.accesses++ > ACCESSES_MOST)
        w.error = "a run does not end";
    if (w.error != NULL)
        swapcontext(&self()->context, &w.main);
    unsigned others[WEAVE_THREADS] = {w.running}, count = 1;
    if (w.preemptions_left == 0)
        return;
    for (unsigned t = 0; t < w.thread_count; t++)
        if (t != w.running && can_run(&w.threads[t]))
            others[count++] = t;
    switch_to(others[choose(count, &w.preemptions_left)]);
}

void weave_fail(const char *why) {
    if (w.error == NULL)
        w.error = why;
    trace("%s", why);
    if (w.in_run)
        swapcontext(&self()->context, &w.main);
}

static void drain(struct late *late);

static void thread_main(void) {
    struct thread *thread = self();
    thread->body(thread->world);
    drain(&thread->late);
    drain(&thread->plain);
    trace("ends");
    thread->state = ENDED;
    leave();
}

/* ---- words */

/* Most accesses are a worker's that looks at an empty ring: where it looked last is tried first. */
static struct word *word_at(const volatile void *address) {
    static uint8_t last[256];
    uint8_t *guess = &last[((uintptr_t)address >> 2) % 256];
    if (*guess < w.word_count && w.words[*guess].address == address)
        return &w.words[*guess];
    for (unsigned i = 0; i < w.word_count; i++) {
        if (w.words[i].address == address) {
            *guess = (uint8_t)i;
            return &w.words[i];
        }
    }
    return NULL;
}

static uint64_t memory_load(const volatile void *address, size_t size) {
    switch (size) {
    case 4:
        return *(const volatile uint32_t *)address;
    case 8:
        return *(const volatile uint64_t *)address;
    default:
        abort();
    }
}

static void memory_store(volatile void *address, size_t size, uint64_t value) {
    if (size == 4)
        *(volatile uint32_t *)address = (uint32_t)value;
    else
        *(volatile uint64_t *)address = value;
}

static void add_store(struct word *word, uint64_t value, const struct view *view) {
    if (word->count == word->room) {
        word->room = word->room == 0 ? 64 : word->room * 2;
        word->stores = realloc(word->stores, word->room * sizeof *word->stores);
        if (word->stores == NULL)
            abort();
    }
    word->stores[word->count++] = (struct store){.value = value, .view = *view};
}

static bool acquires(memory_order order) {
    return order == memory_order_acquire || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static bool releases(memory_order order) {
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

/* A store that all can see from now on. */
static void make_store(const struct late *late) {
    struct thread *thread = self();
    struct word *word = word_at(late->address);
    memory_store(late->address, late->size, late->value);
    w.stores++;
    thread->activity++;
    if (word == NULL)
        return;
    size_t i = (size_t)(word - w.words);
    uint64_t value = memory_load(late->address, late->size);
    thread->current.at[i] = word->count;
    struct view view = releases(late->order) ? thread->current : thread->released;
    view.at[i] = word->count;
    add_store(word, value, &view);
    trace("%s = %" PRIu64, word->name, value);
}

static void drain(struct late *late) {
    if (late->address == NULL)
        return;
    struct late now = *late;
    late->address = NULL;
    make_store(&now);
}

/* ---- what weave_atomic.h calls */

uint64_t weave_load(const volatile void *address, size_t size, memory_order order) {
    struct word *word = w.in_run ? word_at(address) : NULL;
    if (word == NULL)
        return memory_load(address, size);
    struct thread *thread = self();
    size_t i = (size_t)(word - w.words);
    if (thread->late.address == address)
        return thread->late.value;
    if (thread->loaded[i] == thread->activity) {
        if (w.accesses++ > ACCESSES_MOST)
            weave_fail("a run does not end");
        thread->again = true;
        return word->stores[thread->current.at[i]].value;
    }
    if (thread->again)
        weave_pause(); /* between the last load that was no choice and this one */
    thread->again = false;
    uint32_t last = word->count - 1, oldest = thread->current.at[i];
    uint32_t stale = last - oldest < STALE_MOST ? last - oldest : STALE_MOST;
    uint32_t at = last - choose(stale + 1, &w.weak_left);
    const struct store *store = &word->stores[at];
    uint64_t value = store->value;
    thread->current.at[i] = at;
    join_views(acquires(order) ? &thread->current : &thread->acquired, &store->view);
    thread->loaded[i] = thread->activity;
    trace("%s is %" PRIu64 "%s", word->name, value, at != last ? " (stale)" : "");
    weave_pause(); /* what another does from now on comes after it */
    return value;
}

void weave_store(volatile void *address, size_t size, uint64_t value, memory_order order) {
    if (!w.in_run || word_at(address) == NULL) {
        memory_store(address, size, value);
        return;
    }
    struct thread *thread = self();
    weave_pause();
    drain(&thread->late);
    if (releases(order))
        drain(&thread->plain);
    thread->late = (struct late){address, size, value, order};
    if (order == memory_order_seq_cst || w.no_late || choose(2, &w.weak_left) == 0)
        drain(&thread->late);
    else
        trace("%s = %" PRIu64 " put off", word_at(address)->name, value);
    weave_pause();
}

void weave_compiler_barrier(void) {
    if (!w.in_run)
        return;
    drain(&self()->late);
    drain(&self()->plain);
}

void weave_fence(memory_order order) {
    if (!w.in_run)
        return;
    struct thread *thread = self();
    weave_compiler_barrier();
    if (acquires(order))
        join_views(&thread->current, &thread->acquired);
    if (order == memory_order_seq_cst) {
        join_views(&thread->current, &w.seq_cst);
        w.seq_cst = thread->current;
    }
    if (releases(order))
        thread->released = thread->current;
    thread->activity++;
}

static long futex_wait(const volatile void *word, uint32_t value, const struct timespec *timeout) {
    struct thread *thread = self();
    if (memory_load(word, 4) != value) {
        trace("does not sleep: the futex word has changed");
        errno = EAGAIN;
        return -1;
    }
    trace("sleeps");
    thread->state = IN_FUTEX;
    thread->futex = word;
    thread->sleeps++;
    thread->futex_ns = timeout == NULL ? UINT64_MAX
                                       : (uint64_t)timeout->tv_sec * UINT64_C(1000000000) +
                                             (uint64_t)timeout->tv_nsec;
    leave();
    return 0;
}

/* The kernel compares, sleeps and wakes under one lock: in memory itself, and at one moment. */
long weave_futex(const volatile void *word, int op, uint32_t value,
                 const struct timespec *timeout) {
    if (!w.in_run)
        return 0;
    weave_pause();
    weave_compiler_barrier();
    self()->activity++;
    long result = 0;
    if (op == FUTEX_WAIT) {
        result = futex_wait(word, value, timeout);
    } else {
        w.wakes++;
        trace("wakes who sleeps");
        for (unsigned t = 0; t < w.thread_count; t++) {
            struct thread *thread = &w.threads[t];
            if (thread->state == IN_FUTEX && thread->futex == word)
                thread->state = RUNNABLE;
        }
    }
    int error = errno;
    weave_pause();
    errno = error; /* another thread had one of its own */
    return result;
}

/* A clock that moves by being looked at would make each look a difference. */
int weave_clock(int clock, struct timespec *now) {
    (void)clock;
    *now = (struct timespec){.tv_sec = 1000};
    return 0;
}

int weave_usleep(useconds_t us) {
    (void)us;
    if (w.in_run)
        weave_sleep(w.stores);
    return 0;
}

/* ---- what scenarios call */

void weave_watch(const volatile void *address, size_t size, const char *name) {
    if (w.word_count == WORDS)
        abort();
    struct word *word = &w.words[w.word_count++];
    word->address = address;
    word->size = size;
    word->name = name;
    word->count = 0;
}

void weave_thread(void (*body)(void *world), void *world) {
    if (w.thread_count == WEAVE_THREADS)
        abort();
    unsigned t = w.thread_count++;
    struct thread *thread = &w.threads[t];
    memset(thread, 0, sizeof *thread);
    thread->body = body;
    thread->world = world;
    thread->activity = 1;
#ifdef __SANITIZE_ADDRESS__
    ASAN_UNPOISON_MEMORY_REGION(stacks[t], STACK_BYTES); /* of a thread that was left */
#endif
    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = stacks[t];
    thread->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&thread->context, thread_main, 0);
}

void weave_quiet(bool on) {
    w.quiet = on;
}

void weave_synchronize(void) {
    see_all(self());
}

bool weave_sleep(uint64_t since) {
    struct thread *thread = self();
    weave_compiler_barrier();
    if (w.stores == since) {
        thread->state = SLEEPING;
        thread->slept_at = since;
        leave();
        thread->state = RUNNABLE;
    }
    see_all(thread);
    return w.stores != since;
}

uint64_t weave_stores(void) {
    return w.stores;
}

void weave_time_passes(void) {
    weave_pause();
    weave_compiler_barrier();
    for (unsigned t = 0; t < w.thread_count; t++)
        see_all(&w.threads[t]);
    trace("time passes");
    weave_pause();
}

void weave_plain_store(uint64_t *word, uint64_t value) {
    struct thread *thread = self();
    drain(&thread->late);
    thread->plain = (struct late){word, sizeof *word, value, memory_order_relaxed};
    if (choose(2, &w.weak_left) == 0)
        drain(&thread->plain);
    else
        trace("a plain store is put off");
    weave_pause();
}

void weave_kill(unsigned t) {
    if (w.threads[t].state != ENDED) {
        w.threads[t].state = KILLED;
        trace("thread %u is killed", t);
    }
    see_all(self());
}

bool weave_ended(unsigned t) {
    return w.threads[t].state == ENDED;
}

bool weave_is_asleep(unsigned t) {
    return w.threads[t].state == IN_FUTEX;
}

unsigned weave_sleeps(unsigned t) {
    return w.threads[t].sleeps;
}

uint64_t weave_sleep_ns(unsigned t) {
    return w.threads[t].futex_ns;
}

unsigned weave_wakes(void) {
    return w.wakes;
}

/* ---- runs */

static void run(const struct weave_scenario *scenario, void *world) {
    w.word_count = w.thread_count = w.running = w.wakes = w.depth = 0;
    w.stores = w.accesses = 0;
    w.preemptions_left = scenario->preemptions;
    w.weak_left = scenario->weak;
    w.no_late = scenario->no_late;
    w.quiet = false;
    memset(&w.seq_cst, 0, sizeof w.seq_cst);
    scenario->set_up(world);
    static const struct view none;
    for (unsigned i = 0; i < w.word_count; i++)
        add_store(&w.words[i], memory_load(w.words[i].address, w.words[i].size), &none);
    w.in_run = true;
    w.running = choose(w.thread_count, NULL);
    swapcontext(&w.main, &self()->context);
    w.in_run = false;
    if (w.error == NULL)
        scenario->check(world);
    scenario->tear_down(world);
}

uint64_t weave_explore(const struct weave_scenario *scenario, void *world, const char **error) {
    uint64_t runs = 0;
    w.planned = 0;
    w.error = NULL;
    w.traced = false;
    do {
        run(scenario, world);
        runs++;
    } while (w.error == NULL && plan_next());
    *error = w.error;
    if (w.error == NULL)
        return runs;
    if (getenv("FB_WEAVE_TRACE") != NULL) {
        fprintf(stderr, "%s: run %" PRIu64 "\n", scenario->name, runs);
        w.planned = w.depth;
        w.traced = true;
        w.error = NULL;
        run(scenario, world);
        w.traced = false;
    }
    return 0;
}
