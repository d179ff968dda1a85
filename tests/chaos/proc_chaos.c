/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything at the same time: 50,000 flows over eight to twelve workers to which
 * something happens all the time, and the promises hold. FB_CHAOS_SEED=N
 * repeats a run as far as the machine lets it: the events, their numbers and
 * pauses are those of the seed, the packet at which each strikes is not.
 */
#include "tests/chaos/chaos.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_SEED 1u
#define FLOWS_ALIVE 50000
#define RATE 60000u /* packets a second, so that a short run has some to lose and to record */
#define UNDER_WAY 60000u
#define EVENTS 200u
#define EFFECTIVE_LEAST 150u
#define EVENTS_SUPERVISED 40u
#define EFFECTIVE_LEAST_SUPERVISED 30u

#define DISPATCHER                                                                                 \
    "-n @ -r - -w 8 --max-workers 12 --max-flows 200000 --hugepages never --on-full block "        \
    "--hang 0.5 --drain-timeout 1 --timeout tcp-closing=2,udp-oneway=5 "                           \
    "--quarantine q.pcap --report out.json "

static uint64_t chosen_seed(void) {
    const char *text = getenv("FB_CHAOS_SEED");
    char *end = NULL;
    if (text == NULL || *text == '\0')
        return DEFAULT_SEED;
    errno = 0;
    uint64_t seed = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || *text == '-')
        fail_msg("FB_CHAOS_SEED '%s': give a whole number below 2^64", text);
    return seed;
}

static long rss_kb(pid_t pid) {
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kb;
}

/* The script takes its programs from a folder where the worker is one that can be told to be slow.
 */
static void use_fault_worker(const struct test *t) {
    setenv("FB_BUILD", file_in(t, "bin"), 1);
}

static void make_programs(struct test *t) {
    char path[PROCESS_PATH_MAX + 32];
    assert_int_equal(mkdir(file_in(t, "bin"), 0700), 0);
    snprintf(path, sizeof path, "%s/flow-dispatcher", t->programs);
    assert_int_equal(symlink(path, file_in(t, "bin/flow-dispatcher")), 0);
    snprintf(path, sizeof path, "%s/flow-worker-fault", t->programs);
    assert_int_equal(symlink(path, file_in(t, "bin/flow-worker")), 0);
}

static void set_out(struct chaos *c) {
    /* Either numbers are lost while others move, or some flows wait for a restart. */
    unsigned failover_ms = random_below(&c->random, 3) == 0 ? 0 : 300;
    /* The depth binds, or the bytes do. */
    bool mixed = random_below(&c->random, 2) == 0;
    unsigned depth = random_below(&c->random, 2) == 0 ? 500 : 2000;
    assert_int_equal(
        process_run(c->t,
                    "tracegen -o t.pcap --packets %d --flows %d --size %s --rate 20000 "
                    "--busy 0.3 --ipv6 0.3 --seed %" PRIu64,
                    mixed ? 100000 : 250000, FLOWS_ALIVE, mixed ? "mix" : "60", c->seed),
        EXIT_DONE);
    if (c->supervised) {
        make_programs(c->t);
        c->t->enter = use_fault_worker;
    }
    c->run = process_start_piped(
        c->t, "%s " DISPATCHER "--failover %u --ring-depth %u --ring-bytes 1M %s",
        c->supervised ? "flow-balancer run" : "flow-dispatcher", failover_ms, depth,
        c->supervised ? "--inspector " CHAOS_INSPECTOR : "");
    chaos_view_open(c);
    chaos_begin(c);
    c->feeder = chaos_feed(c->run, file_in(c->t, "t.pcap"), RATE);
    UNTIL(c->t, chaos_received(c) >= UNDER_WAY);
}

static void bring_home(struct chaos *c) {
    c->rss_kb = rss_kb(c->supervised ? process_of_dispatcher(c->t->name) : c->run->pid);
    kill(c->feeder, SIGTERM);
    chaos_end(c);
    chaos_view_close(c);
    process_expect(c->t, c->run, EXIT_DONE);
    for (unsigned k = 0; k < CHAOS_NUMBERS; k++)
        if (c->seats[k].process != NULL)
            process_expect(c->t, c->seats[k].process, EXIT_DONE);
}

static unsigned count_effective(const struct chaos *c) {
    unsigned effective = 0;
    for (unsigned i = 0; i < c->blow_count; i++)
        effective += c->blows[i].effective && c->blows[i].kind != CHAOS_UNASKED;
    return effective;
}

static void print_summary(const struct chaos *c, const struct verdict *v, double began) {
    unsigned made[CHAOS_KINDS + 1] = {0}, worked[CHAOS_KINDS + 1] = {0};
    char kinds[512];
    size_t used = 0;
    for (unsigned i = 0; i < c->blow_count; i++) {
        made[c->blows[i].kind]++;
        worked[c->blows[i].kind] += c->blows[i].effective;
    }
    for (unsigned i = 0; i <= CHAOS_KINDS; i++)
        if (made[i] != 0)
            used += (size_t)snprintf(kinds + used, sizeof kinds - used, " %s %u/%u", chaos_names[i],
                                     worked[i], made[i]);
    print_message(
        "chaos: seed %" PRIu64 "%s: %u of %u events effective:%s; deaths %" PRIu64
        ", failovers %" PRIu64 ", redelivered %" PRIu64 ", quarantined %" PRIu64
        "; packets %" PRIu64 ", flows %" PRIu64 ", untouched %" PRIu64 ", excluded %" PRIu64
        " (%" PRIu64 " packets missing), late %" PRIu64 "; dispatcher %ld MB, "
        "%.1f s\n",
        c->seed, c->supervised ? " (script)" : "", count_effective(c), c->begun, kinds, v->deaths,
        v->failovers, v->redelivered, v->quarantined, v->packets, v->flows, v->untouched_flows,
        v->excluded_flows, v->excluded_missing, v->late, c->rss_kb / 1024, seconds_now() - began);
}

static void run_chaos(struct test *t, bool supervised, unsigned events, unsigned effective) {
    struct chaos *c = calloc(1, sizeof *c);
    struct verdict verdict;
    double began = seconds_now();
    assert_non_null(c);
    *c = (struct chaos){.t = t, .supervised = supervised, .seed = chosen_seed(), .events = events};
    c->random = random_from(2 * c->seed + supervised);
    set_out(c);
    chaos_play(c);
    bring_home(c);
    chaos_judge(c, &verdict);
    print_summary(c, &verdict, began);
    assert_true(number_at(t->report, "flows.peak") >= FLOWS_ALIVE);
    assert_true(verdict.untouched_flows > 0);
    if (count_effective(c) < effective)
        fail_msg("seed %" PRIu64 ": %u of %u events took effect, not %u", c->seed,
                 count_effective(c), events, effective);
    for (unsigned i = 0; i < c->blow_count; i++)
        free(c->blows[i].held);
    free(c);
}

static void two_hundred_events_break_no_promise(void **state) {
    run_chaos(*state, false, EVENTS, EFFECTIVE_LEAST);
}

static void nor_do_forty_under_the_script(void **state) {
    run_chaos(*state, true, EVENTS_SUPERVISED, EFFECTIVE_LEAST_SUPERVISED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(two_hundred_events_break_no_promise),
        PROCESS_TEST(nor_do_forty_under_the_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
