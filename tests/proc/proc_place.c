/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/run_place.c and the workers' own placement: where processes
 * run and where their memory lies, as /proc has it. The
 * machine may have one node: that several are told apart is for a machine that
 * has them.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/numa.h"

#include "tests/lib/life.h"

/* A trace over and over, until it is stopped. */
#define LOADED "flow-balancer run -n @ -r t.pcap --loop 1000000 --ring-depth 500 "

/* The first two processors that the test may run on. */
static void two_processors(unsigned cpus[2]) {
    cpu_set_t allowed;
    unsigned found = 0;
    assert_int_equal(fb_cpus_allowed(&allowed), 0);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            cpus[found++] = cpu;
    if (found < 2)
        SKIP("two processors are needed: with one nothing can be told apart");
}

/* A node of the machine that has memory and processors for us. */
static int some_node(void) {
    static struct fb_topology topology;
    (void)fb_topology_read(&topology);
    for (unsigned i = topology.count; i-- > 0;)
        if (topology.nodes[i].memory)
            return topology.nodes[i].number;
    SKIP("%s", fb_numa_version() == NULL ? "built without libnuma" : "no NUMA here");
    return -1;
}

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10000 --flows 200"), EXIT_DONE);
}

static struct process *begin(struct test *t, unsigned workers, const char *options) {
    make_trace(t);
    struct process *run = process_start(t, LOADED "-w %u %s", workers, options);
    for (unsigned k = 0; k < workers; k++)
        UNTIL(t, ready_pid(t, k) != 0);
    await_more(t, 1);
    return run;
}

/* The processors of a process, as a list; good until the next call. */
static const char *processors_of(pid_t pid) {
    static char line[512];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    const char key[] = "Cpus_allowed_list:\t";
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = strncmp(line, key, sizeof key - 1) == 0;
    fclose(file);
    assert_true(found);
    line[strcspn(line, "\n")] = '\0';
    return line + sizeof key - 1;
}

static void expect_on_processor(pid_t pid, unsigned cpu) {
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%u", cpu);
    assert_string_equal(processors_of(pid), wanted);
}

/* The line of a process's numa_maps with this word in it; false if there is none. */
static bool find_map(pid_t pid, const char *word, char *line, int size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/numa_maps", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    bool found = false;
    while (!found && fgets(line, size, file) != NULL)
        found = strstr(line, word) != NULL;
    fclose(file);
    return found;
}

/* What numa_maps says of a down side: policy ("default", "prefer:0"), and pages on the node or
 * none. */
static void expect_ring(const struct test *t, unsigned worker, const char *policy, int node) {
    char object[FB_NAME_MAX + 32], line[1024], word[32];
    snprintf(object, sizeof object, "/%s.down.%u", t->name, worker);
    if (!find_map(process_of_dispatcher(t->name), object, line, sizeof line))
        fail_msg("the dispatcher has no mapping of %s", object);
    snprintf(word, sizeof word, " %s ", policy);
    if (strstr(line, word) == NULL)
        fail_msg("not %s: %s", policy, line);
    snprintf(word, sizeof word, " N%d=", node);
    if (node >= 0 && strstr(line, word) == NULL)
        fail_msg("no page on node %d: %s", node, line);
}

/* ---- processors */

static void each_process_runs_on_its_processor_and_so_does_its_successor(void **state) {
    struct test *t = *state;
    unsigned cpus[2];
    two_processors(cpus);
    char options[64];
    snprintf(options, sizeof options, "--cpu %u --worker-cpu %u,%u", cpus[1], cpus[0], cpus[1]);
    struct process *run = begin(t, 3, options);
    expect_on_processor(process_of_dispatcher(t->name), cpus[1]);
    for (unsigned k = 0; k < 3; k++) {
        char path[32];
        expect_on_processor(process_of_worker(t->name, k), cpus[k % 2]);
        snprintf(path, sizeof path, "workers.%u.cpu", k);
        assert_int_equal(stat_number(t, t->name, path), cpus[k % 2]);
    }
    assert_int_equal(stat_number(t, t->name, "dispatcher.cpu"), cpus[1]);
    for (unsigned k = 0; k < 2; k++) {
        pid_t before = ready_pid(t, k);
        kill(before, SIGKILL);
        UNTIL(t, is_back(t, k, before));
        expect_on_processor(process_of_worker(t->name, k), cpus[k]);
    }
    stop_run(t, run, EXIT_DONE);
}

static void the_processors_of_the_workers_may_stand_in_the_file_of_config(void **state) {
    struct test *t = *state;
    unsigned cpus[2];
    two_processors(cpus);
    FILE *file = fopen(file_in(t, "place.conf"), "we");
    assert_non_null(file);
    fprintf(file, "worker-cpu = %u,%u\n", cpus[1], cpus[0]);
    fclose(file);
    struct process *run = begin(t, 2, "--config place.conf");
    for (unsigned k = 0; k < 2; k++)
        expect_on_processor(process_of_worker(t->name, k), cpus[1 - k]);
    stop_run(t, run, EXIT_DONE);
}

static void a_worker_by_hand_takes_a_list_of_processors(void **state) {
    struct test *t = *state;
    unsigned cpus[2];
    two_processors(cpus);
    struct process *dispatcher =
        process_start_piped(t, "flow-dispatcher -n @ -w 2 -r - --cpu %u", cpus[0]);
    struct process *both = process_start(t, "flow-worker -n @ -k 0 --cpu %u,%u", cpus[0], cpus[1]);
    struct process *one = process_start(t, "flow-worker -n @ -k 1 --cpu %u", cpus[1]);
    UNTIL(t, ready_pid(t, 0) != 0 && ready_pid(t, 1) != 0);
    expect_on_processor(dispatcher->pid, cpus[0]);
    expect_on_processor(one->pid, cpus[1]);
    char list[32];
    snprintf(list, sizeof list, cpus[1] == cpus[0] + 1 ? "%u-%u" : "%u,%u", cpus[0], cpus[1]);
    assert_string_equal(processors_of(both->pid), list);
    assert_int_equal(stat_number(t, t->name, "workers.0.cpu"), -1);
    assert_int_equal(stat_number(t, t->name, "workers.1.cpu"), cpus[1]);
    process_close_input(dispatcher);
    process_wait(t, dispatcher);
    process_expect(t, one, EXIT_DONE);
    process_expect(t, both, EXIT_DONE);
}

static void a_processor_that_is_not_there_ends_the_run_before_anything_is_made(void **state) {
    struct test *t = *state;
    make_trace(t);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--cpu '0,1023': not all of these processors",
                   "flow-balancer run -n @ -r t.pcap -w 1 --cpu 0,1023");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--cpu '0,1023': not all of these processors",
                   "flow-balancer run -n @ -r t.pcap -w 1 --worker-cpu 0,1023");
    assert_int_equal(objects_of(t->name), 0);
}

/* ---- nodes */

static void rings_and_workers_are_on_the_node_of_the_list(void **state) {
    struct test *t = *state;
    int node = some_node();
    char options[64], policy[32], line[1024];
    snprintf(options, sizeof options, "--max-workers 3 --numa %d", node);
    snprintf(policy, sizeof policy, "prefer:%d", node);
    struct process *run = begin(t, 2, options);
    for (unsigned k = 0; k < 3; k++)
        expect_ring(t, k, policy, node); /* of the number that is not in use, too */
    /* The stack follows the policy of the process. */
    assert_true(find_map(process_of_dispatcher(t->name), " stack ", line, sizeof line));
    assert_non_null(strstr(line, policy));
    pid_t before = ready_pid(t, 1);
    kill(before, SIGKILL);
    UNTIL(t, is_back(t, 1, before));
    for (unsigned k = 0; k < 2; k++) {
        assert_true(find_map(process_of_worker(t->name, k), " stack ", line, sizeof line));
        assert_non_null(strstr(line, policy));
    }
    const json_t *report = stat_of(t, t->name);
    expect_number(report, "dispatcher.numa_node", node);
    expect_number(report, "dispatcher.flow_table_numa_node", node);
    expect_number(report, "workers.1.numa_node", node);
    expect_number(report, "workers.1.ring_numa_node", node);
    expect_number(report, "workers.2.ring_numa_node", node);
    snprintf(line, sizeof line, "NUMA node %d: dispatcher, flow table, workers 0-2", node);
    expect_said(t, run, line);
    stop_run(t, run, EXIT_DONE);
}

static void off_leaves_everything_where_it_was_started(void **state) {
    struct test *t = *state;
    some_node();
    char line[1024], own[512];
    snprintf(own, sizeof own, "%s", processors_of(getpid()));
    struct process *run = begin(t, 1, "--numa off");
    expect_ring(t, 0, "default", -1);
    const pid_t pids[] = {process_of_dispatcher(t->name), process_of_worker(t->name, 0)};
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(processors_of(pids[i]), own);
        assert_true(find_map(pids[i], " stack ", line, sizeof line));
        assert_non_null(strstr(line, " default "));
    }
    stop_run(t, run, EXIT_DONE);
}

static void a_worker_may_be_told_to_pass_over_the_plan(void **state) {
    struct test *t = *state;
    int node = some_node();
    char line[1024];
    struct process *dispatcher =
        process_start_piped(t, "flow-dispatcher -n @ -w 1 -r - --numa %d", node);
    struct process *worker = process_start(t, "flow-worker -n @ --numa-node off");
    UNTIL(t, ready_pid(t, 0) != 0);
    assert_true(find_map(worker->pid, " stack ", line, sizeof line));
    assert_non_null(strstr(line, " default "));
    process_close_input(dispatcher);
    process_wait(t, dispatcher);
    process_expect(t, worker, EXIT_DONE);
}

/* As the usual filter of containers does, and for processors too. */
static void forbid_to_place(const struct test *t) {
    (void)t;
    static const unsigned calls[] = {__NR_set_mempolicy, __NR_get_mempolicy, __NR_mbind,
                                     __NR_sched_setaffinity};
    enum { CALLS = sizeof calls / sizeof *calls };
    struct sock_filter program[CALLS + 3] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (unsigned i = 0; i < CALLS; i++)
        program[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i],
                                                      (uint8_t)(CALLS - i), 0);
    program[CALLS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program[CALLS + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog filter = {.len = CALLS + 3, .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(99);
}

static void
where_the_container_forbids_it_auto_goes_on_and_what_was_asked_for_is_refused(void **state) {
    struct test *t = *state;
    make_trace(t);
    t->enter = forbid_to_place;
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--numa: ", "flow-balancer run -n @ -r t.pcap -w 1 --numa 0");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--cpu '0': cannot choose processors",
                   "flow-balancer run -n @ -r t.pcap -w 1 --cpu 0");
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--numa-node '0': ", "flow-worker -n @ --check --numa-node 0");
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap -w 2 --report out.json");
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, 10000);
    expect_number(report, "workers.0.ring_numa_node", -1);
    expect_number(report, "dispatcher.flow_table_numa_node", -1);
}

static void a_node_that_is_not_there_is_one_line(void **state) {
    struct test *t = *state;
    make_trace(t);
    EXPECT_REFUSED(t, EXIT_RUNTIME, "--numa", "flow-balancer run -n @ -r t.pcap -w 1 --numa 1023");
    assert_int_equal(objects_of(t->name), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(each_process_runs_on_its_processor_and_so_does_its_successor),
        PROCESS_TEST(the_processors_of_the_workers_may_stand_in_the_file_of_config),
        PROCESS_TEST(a_worker_by_hand_takes_a_list_of_processors),
        PROCESS_TEST(a_processor_that_is_not_there_ends_the_run_before_anything_is_made),
        PROCESS_TEST(rings_and_workers_are_on_the_node_of_the_list),
        PROCESS_TEST(off_leaves_everything_where_it_was_started),
        PROCESS_TEST(a_worker_may_be_told_to_pass_over_the_plan),
        PROCESS_TEST(where_the_container_forbids_it_auto_goes_on_and_what_was_asked_for_is_refused),
        PROCESS_TEST(a_node_that_is_not_there_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
