/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/view/why_look.c: flow-stat --why in staged runs, each with one limit that is far from
 * the others, and in three runs that have none. The judgement itself is in test_view_why.
 */
#include "tests/lib/live.h"
#include "tests/lib/packed.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/sides.h"

#include "tests/lib/child.h"

static const json_t *why;

#define SETTLE_MS 500 /* until a run is where it is staged to */
#define ANSWERS 3u    /* the first ones may still be of its beginning, or of a busy machine */

/* What is answered; NULL where the instance is not there yet. */
static const json_t *ask(struct test *t) {
    struct process *p = process_start(t, "flow-stat -n @ --why --json");
    int status = process_wait(t, p);
    json_decref(t->report);
    t->report = status == EXIT_DONE ? json_loads(process_output(t, p), 0, NULL) : NULL;
    process_forget(t, p);
    return t->report;
}

static void expect_limit(struct test *t, const char *limit, size_t workers) {
    UNTIL(t, stat_of(t, t->name) != NULL);
    pause_ms(SETTLE_MS);
    for (unsigned i = 0; i < ANSWERS; i++) {
        why = ask(t);
        if (why != NULL && strcmp(text_at(why, "limit"), limit) == 0 &&
            json_array_size(value_at(why, "limiting_workers")) == workers)
            return;
    }
    if (why != NULL)
        json_dumpf(why, stderr, JSON_INDENT(1));
    fail_msg("no answer with '%s' and %zu workers", limit, workers);
}

static void expect_text(const char *part) {
    if (strstr(text_at(why, "text"), part) == NULL)
        fail_msg("'%s' is not in: %s", part, text_at(why, "text"));
}

static double real_at(const char *path) {
    return json_number_value(value_at(why, path));
}

static void make_trace(struct test *t, const char *options) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap %s", options), EXIT_DONE);
}

static struct process *start_run(struct test *t, const char *options) {
    return process_start(t, "flow-balancer run -n @ -r t.pcap %s", options);
}

static void stop(struct test *t, struct process *run) {
    process_run(t, "flow-balancer stop --now -n @"); /* whether or not something is abandoned */
    process_wait(t, run);
}

/* ---- workers */

static void workers_that_are_all_slow(void **state) {
    struct test *t = *state;
    make_trace(t, "--packets 100000 --flows 2000");
    struct process *run = start_run(t, "--loop 1000 -w 3 --inspector digest:300");
    expect_limit(t, "workers", 3);
    expect_text("are the limit, all that are ready");
    assert_true(real_at("dispatcher.blocked") > 0.5);
    /* The same in words. */
    struct process *p = process_start(t, "flow-stat -n @ --why");
    process_expect(t, p, EXIT_DONE);
    assert_non_null(strstr(process_output(t, p), "limit: workers\nWorkers 0, 1, 2 are"));
    stop(t, run);
}

static void one_worker_that_has_a_large_flow(void **state) {
    struct test *t = *state;
    make_trace(t, "--packets 100000 --flows 2000 --elephant 0.97");
    struct process *run = start_run(t, "--loop 1000 -w 3 --inspector digest:300");
    expect_limit(t, "worker", 1);
    expect_text("The others of 3 have time left: so it is one large flow");
    stop(t, run);
}

static void output_that_is_not_taken(void **state) {
    struct test *t = *state;
    make_trace(t, "--packets 100000 --flows 2000");
    /* It ends by no end of its input: the run has to see to that. */
    struct process *run = process_start_with(t, "flow-balancer run -n @ -r t.pcap --loop 1000 -w 2",
                                             "--inspector", "exec:sleep 600");
    expect_limit(t, "sink", 2);
    expect_text("by the output");
    stop(t, run);
}

static void no_worker_is_left(void **state) {
    struct test *t = *state;
    make_trace(t, "--packets 100000 --flows 2000");
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap -w 1 --loop 1000 --drain-timeout 0.1");
    struct process *worker = process_start(t, "flow-worker -n @ -k 0 --inspector count");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") > 0);
    process_signal(worker, SIGKILL);
    process_wait(t, worker);
    expect_limit(t, "no_worker", 0);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

/* ---- capture and dispatcher */

static void input_that_is_slow_to_unpack(void **state) {
    struct test *t = *state;
    struct pcap_bytes packed = {.data = NULL}, plain = {.data = NULL};
    char chunk[1 << 16];
    need_packed();
    make_trace(t, "--packets 50000 --flows 2000 --size 1400");
    FILE *file = fopen(file_in(t, "t.pcap"), "re");
    assert_non_null(file);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) != 0;)
        put_bytes(&plain, chunk, n);
    fclose(file);
    put_packed(&packed, PACKED_XZ, plain.data, plain.size);
    file = fopen(file_in(t, "t.pcap"), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(packed.data, 1, packed.size, file), packed.size);
    fclose(file);
    free(packed.data);
    free(plain.data);
    struct process *run = start_run(t, "--loop 10000 -w 1 --inspector count");
    expect_limit(t, "capture", 0);
    expect_text("Reading the input is the limit");
    stop(t, run);
}

/* Takes turns with the dispatcher on its core. */
static void burn(void *arg) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(*(const size_t *)arg, &set);
    sched_setaffinity(0, sizeof set, &set);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        (void)getppid();
}

/* The first two processors that the test may run on; skips where there is one only. */
static void find_cpus(size_t cpus[2]) {
    cpu_set_t set;
    unsigned found = 0;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
        if (CPU_ISSET(cpu, &set))
            cpus[found++] = cpu;
    }
    if (found < 2)
        SKIP("one processor only: the dispatcher cannot be the slowest of two");
}

static void a_dispatcher_that_has_little_of_a_core(void **state) {
    struct test *t = *state;
    size_t cpus[2];
    pid_t burners[4];
    find_cpus(cpus);
    make_trace(t, "--packets 100000 --flows 2000");
    for (unsigned i = 0; i < 4; i++)
        burners[i] = child_start(burn, &cpus[0]);
    struct process *dispatcher = process_start(t,
                                               "flow-dispatcher -n @ -r t.pcap -w 1 --preload "
                                               "--loop 1000000 --drain-timeout 0.1 --cpu %zu",
                                               cpus[0]);
    struct process *worker =
        process_start(t, "flow-worker -n @ -k 0 --inspector count --cpu %zu", cpus[1]);
    expect_limit(t, "dispatcher", 0);
    expect_text("It had to wait for a processor");
    for (unsigned i = 0; i < 4; i++)
        child_kill(burners[i]);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
    process_wait(t, worker);
}

static void a_dispatcher_that_is_stopped(void **state) {
    struct test *t = *state;
    make_trace(t, "--packets 1000");
    struct process *dispatcher = process_start_piped(t, "flow-dispatcher -n @ -r - -w 1");
    UNTIL(t, stat_of(t, t->name) != NULL);
    process_signal(dispatcher, SIGSTOP);
    expect_limit(t, "dispatcher", 0);
    expect_text("it has not run for");
    process_signal(dispatcher, SIGCONT);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

static void bursts_that_a_small_buffer_does_not_hold(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    make_trace(t, "--packets 10000 --flows 500 --size 1400");
    start_live(t, &live, 2, "count", "-i tap -B 64");
    await_running(t);
    struct process *replay =
        netns_replay(t, "sender", "--topspeed --loop=0 --loopdelay-ms=200", "t.pcap");
    expect_limit(t, "capture", 0);
    expect_text("a larger buffer (-B)");
    assert_string_equal(text_at(why, "bursts.0.option"), "-B");
    assert_true(real_at("bursts.0.now") == 64 && real_at("bursts.0.enough") >= 1024);
    process_signal(replay, SIGKILL);
    process_wait(t, replay);
    end_live(t, &live);
}

/* ---- nothing */

static void a_live_run_that_keeps_up(void **state) {
    struct test *t = *state;
    struct live live;
    make_line();
    start_live(t, &live, 2, "count", "-i tap");
    await_running(t);
    pid_t sender = netns_pace("sender", 2000, 650);
    expect_limit(t, "none", 0);
    assert_true(real_at("dispatcher.idle") > 0.1);
    expect_text("Nothing limits the run: it takes all");
    netns_stop_pace(sender);
    end_live(t, &live);
}

static void a_file_at_its_own_speed(void **state) {
    struct test *t = *state;
    make_trace(t, "--packets 100000 --rate 5000");
    struct process *run = start_run(t, "--speed 1 -w 2 --inspector digest:5");
    expect_limit(t, "none", 0);
    stop(t, run);
}

static void a_pipe_that_gives_nothing(void **state) {
    struct test *t = *state;
    struct process *dispatcher = process_start_piped(t, "flow-dispatcher -n @ -r - -w 1");
    struct process *worker = process_start(t, "flow-worker -n @ -k 0 --inspector count");
    expect_limit(t, "none", 0);
    process_close_input(dispatcher);
    process_wait(t, dispatcher);
    process_wait(t, worker);
}

/* ---- placement: an instance whose dispatcher is this test */

#define DEPTH 1000u
#define TURN_MS 50

struct placed {
    struct fb_ctl_handle handle;
    struct fb_region up[2];
    struct fb_snapshot snapshot;
};

static void place(struct placed *p, const char *name, int ring_node) {
    assert_int_equal(fb_ctl_create(&p->handle, name), 0);
    struct fb_ctl *ctl = p->handle.ctl;
    snprintf(ctl->name, sizeof ctl->name, "%s", name);
    ctl->geometry = (struct fb_geometry){.workers = 2, .max_workers = 2, .depth = DEPTH};
    ctl->numa_nodes = 2;
    for (unsigned k = 0; k < 2; k++) {
        const struct fb_region_config config = {.instance = name,
                                                .kind = FB_KIND_UP,
                                                .worker = k,
                                                .size = fb_up_footprint(),
                                                .hugepages = FB_HUGEPAGES_NEVER,
                                                .node = -1};
        assert_int_equal(fb_region_create(&p->up[k], &config), 0);
        fb_up_format(p->up[k].base, ctl->header.instance, k, 1, 0);
        fb_up_set_numa_node(p->up[k].base, 1);
        fb_up_set_worker_status(p->up[k].base, FB_STATUS_READY);
        assert_int_equal(fb_region_place(&p->up[k], &config), 0);
        fb_ctl_set_ring_numa_node(ctl, k, ring_node);
        fb_ctl_set_epoch(ctl, k, 1);
        fb_ctl_set_state(ctl, k, FB_STATE_READY);
    }
    fb_ctl_format(&p->handle);
}

/* What the dispatcher of a run whose workers are all slow counts in a turn. */
static void turn(struct placed *p) {
    for (unsigned k = 0; k < 2; k++) {
        p->snapshot.lane[k][FB_LANE_FULL_NS] += TURN_MS * UINT64_C(1000000) / 2;
        p->snapshot.lane[k][FB_LANE_WAITING] = DEPTH;
    }
    p->snapshot.run[FB_RUN_BLOCKED_NS] += TURN_MS * UINT64_C(1000000);
    fb_ctl_write_snapshot(p->handle.ctl, &p->snapshot, 2);
    fb_ctl_beat(p->handle.ctl, fb_now_ns());
}

static void expect_of_placed(struct test *t, int ring_node, const char *limit) {
    static struct placed p;
    p = (struct placed){.snapshot = {.run = {0}}};
    place(&p, t->name, ring_node);
    turn(&p);
    struct process *stat = process_start(t, "flow-stat -n @ --why --json");
    for (; !process_ended(t, stat); pause_ms(TURN_MS))
        turn(&p);
    process_expect(t, stat, EXIT_DONE);
    json_decref(t->report);
    why = t->report = json_loads(process_output(t, stat), 0, NULL);
    assert_string_equal(text_at(why, "limit"), limit);
    assert_int_equal(json_array_size(value_at(why, "limiting_workers")), 2);
    for (unsigned k = 0; k < 2; k++)
        fb_region_close(&p.up[k]);
    fb_ctl_destroy(&p.handle);
}

static void rings_on_another_node(void **state) {
    struct test *t = *state;
    expect_of_placed(t, 0, "placement");
    expect_text("on another NUMA node");
    expect_of_placed(t, 1, "workers");
    expect_of_placed(t, -1, "workers"); /* not known */
}

/* ---- no answer */

static void an_instance_that_is_not_there(void **state) {
    struct test *t = *state;
    struct process *p = process_start(t, "flow-stat -n @ --why");
    process_expect(t, p, EXIT_RUNTIME);
    expect_one_line_with(t, p, "is not running");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(workers_that_are_all_slow),
        PROCESS_TEST(one_worker_that_has_a_large_flow),
        PROCESS_TEST(output_that_is_not_taken),
        PROCESS_TEST(no_worker_is_left),
        PROCESS_TEST(input_that_is_slow_to_unpack),
        PROCESS_TEST(a_dispatcher_that_has_little_of_a_core),
        PROCESS_TEST(a_dispatcher_that_is_stopped),
        PROCESS_TEST(bursts_that_a_small_buffer_does_not_hold),
        PROCESS_TEST(a_live_run_that_keeps_up),
        PROCESS_TEST(a_file_at_its_own_speed),
        PROCESS_TEST(a_pipe_that_gives_nothing),
        PROCESS_TEST(rings_on_another_node),
        PROCESS_TEST(an_instance_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
