/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of Debian as workers, through libflowbalancer-pcap.so, as users type them: tcpdump,
 * tshark, Python with pcapy. Also worker/shim/shim_find.c and shim/shim_rights.c, without which
 * tcpdump is not told of a device, and cannot read it once it has given up root.
 */
#include "tests/lib/life.h"
#include "tests/lib/parts.h"
#include "tests/lib/shim.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOREVER "--loop 1000000 --no-worker-timeout 1 --drain-timeout 1"

/* The folder is writable for the user that tcpdump goes on as. */
static const char *tcpdump(const struct test *t) {
    assert_int_equal(chmod(t->directory, 0777), 0);
    return shim_program("tcpdump");
}

/* What tcpdump says when it ends: how many packets it was given. */
static unsigned captured(struct test *t, const struct process *p) {
    const char *errors = process_errors(t, p);
    const char *line = strstr(errors, " packets captured");
    if (line == NULL)
        fail_msg("not said how many packets were captured: %s", errors);
    while (line > errors && line[-1] != '\n')
        line--;
    return (unsigned)strtoul(line, NULL, 10);
}

static void union_of_parts_is_the_trace(struct test *t, unsigned copies) {
    const char *program = tcpdump(t);
    struct process *dispatcher = shim_dispatcher(t, copies, "");
    struct process *started[2];
    unsigned sum = 0;
    for (unsigned k = 0; k < copies; k++)
        started[k] = shim_start(t, "%s -i @@ -U -w part-%u.pcap", program, k);
    for (unsigned k = 0; k < copies; k++) {
        process_expect(t, started[k], EXIT_DONE);
        sum += captured(t, started[k]);
    }
    expect_number(shim_expect_done(t, dispatcher), "redelivered", 0);
    assert_int_equal(sum, SHIM_PACKETS);
    const char *const parts[] = {file_in(t, "part-0.pcap"), file_in(t, "part-1.pcap")};
    expect_parts(file_in(t, "t.pcap"), parts, copies, 0);
}

static void one_tcpdump_writes_the_trace(void **state) {
    union_of_parts_is_the_trace(*state, 1);
}

static void two_tcpdumps_write_the_trace_together(void **state) {
    union_of_parts_is_the_trace(*state, 2);
}

static void tcpdump_lists_the_instance_and_its_link_type(void **state) {
    struct test *t = *state;
    const char *program = tcpdump(t);
    struct process *dispatcher = shim_dispatcher(t, 1, FOREVER);
    char line[256];
    snprintf(line, sizeof line, "fb:%s (flow-balancer instance %s: 1 of 1 worker numbers free)",
             t->name, t->name);
    struct process *lists = shim_start(t, "%s -D", program);
    process_expect(t, lists, EXIT_DONE);
    const char *all = process_output(t, lists), *found = strstr(all, line);
    assert_non_null(found);
    assert_true(found > strstr(all, ".lo ")); /* behind the interfaces */
    assert_non_null(strstr(all, ".lo "));
    struct process *links = shim_start(t, "%s -i @@ -L", program);
    process_expect(t, links, EXIT_DONE);
    expect_said(t, links, "EN10MB (Ethernet)");
    assert_true(worker_is(t, t->name, 0, "absent"));
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

static void tcpdump_is_told_why_a_device_is_refused(void **state) {
    struct test *t = *state;
    const char *program = tcpdump(t);
    struct process *refused = shim_start(t, "%s -i @@", program);
    process_expect(t, refused, EXIT_RUNTIME);
    expect_said(t, refused, "No such device exists");
    expect_said(t, refused, "no dispatcher of instance");
    struct process *dispatcher = shim_dispatcher(t, 1, FOREVER);
    struct process *runs = shim_start(t, "%s -i @@ -w /dev/null", program);
    await_more(t, 1000);
    refused = shim_start(t, "%s -i @@", program);
    process_expect(t, refused, EXIT_RUNTIME);
    expect_said(t, refused, "all 1 worker numbers of instance");
    process_signal(dispatcher, SIGTERM);
    shim_expect_done(t, dispatcher);
    process_expect(t, runs, EXIT_DONE);
}

static void tcpdump_shows_what_passes_its_filter(void **state) {
    struct test *t = *state;
    const char *program = tcpdump(t);
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    const char *const words[] = {program, "-r", file_in(t, "t.pcap"), "-n", "port 53", NULL};
    struct process *wanted = process_start_words(t, words);
    process_expect(t, wanted, EXIT_DONE);
    char text[4096];
    snprintf(text, sizeof text, "%s", process_output(t, wanted));
    struct process *shows = shim_start(t, "%s -i @@ -n port 53", program);
    process_expect(t, shows, EXIT_DONE);
    assert_memory_equal(process_output(t, shows), text, strlen(text));
    assert_true(strlen(text) > 1000);
    shim_expect_done(t, dispatcher);
}

/* Leaves as it does on an interface, and what it was given is inspected, all of it. */
static void tcpdump_leaves(struct test *t, int signo) {
    const char *program = tcpdump(t);
    struct process *dispatcher = shim_dispatcher(t, 1, FOREVER " --speed 1");
    struct process *leaves = shim_start(t, "%s -i @@ -U -w part.pcap", program);
    await_more(t, 1000);
    process_signal(leaves, signo);
    process_expect(t, leaves, EXIT_DONE);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
    const json_t *report = report_of(t, "out.json");
    expect_number(report, "redelivered", 0);
    expect_number(report, "workers.0.packets", captured(t, leaves));
}

static void tcpdump_leaves_at_control_c(void **state) {
    tcpdump_leaves(*state, SIGINT);
}

static void tcpdump_leaves_when_its_time_is_over(void **state) {
    tcpdump_leaves(*state, SIGTERM);
}

static void a_killed_tcpdump_writes_at_most_one_frame_twice(void **state) {
    struct test *t = *state;
    const char *program = tcpdump(t);
    struct process *dispatcher = shim_dispatcher(t, 2, "--speed 0.02");
    struct process *stays = shim_start(t, "%s -i @@:0 -U -w part-0.pcap", program);
    struct process *killed = shim_start(t, "%s -i @@:1 -U -w part-1.pcap", program);
    await_more(t, 2000);
    process_signal(killed, SIGKILL);
    process_expect(t, killed, 128 + SIGKILL);
    struct process *next = shim_start(t, "%s -i @@:1 -U -w part-2.pcap", program);
    process_expect(t, next, EXIT_DONE);
    process_expect(t, stays, EXIT_DONE);
    expect_number(shim_expect_done(t, dispatcher), "workers.1.restarts", 1);
    const char *const parts[] = {file_in(t, "part-0.pcap"), file_in(t, "part-1.pcap"),
                                 file_in(t, "part-2.pcap")};
    expect_parts(file_in(t, "t.pcap"), parts, 3, 1);
}

/* ---- tshark: dumpcap, a child of it, has the number */

static void tshark_leaves_after_ten_packets(void **state) {
    struct test *t = *state;
    const char *program = shim_program("tshark");
    struct process *dispatcher = shim_dispatcher(t, 1, FOREVER);
    struct process *shows = shim_start(t, "%s -i @@ -c 10", program);
    process_expect(t, shows, EXIT_DONE);
    expect_said(t, shows, "10 packets captured");
    UNTIL(t, worker_is(t, t->name, 0, "vacant"));
    expect_number(stat_of(t, t->name), "workers.0.packets", 10);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
    expect_number(report_of(t, "out.json"), "redelivered", 0);
}

static void tshark_ends_with_the_trace(void **state) {
    struct test *t = *state;
    const char *program = shim_program("tshark");
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *writes = shim_start(t, "%s -i @@ -w part.pcapng", program);
    process_expect(t, writes, EXIT_DONE);
    shim_expect_done(t, dispatcher);
    const char *const parts[] = {file_in(t, "part.pcapng")};
    expect_parts(file_in(t, "t.pcap"), parts, 1, 0);
}

/* ---- Python: libpcap comes with a module, after the program has started */

static void pcapy_reads_every_packet(void **state) {
    struct test *t = *state;
    const char *python = shim_program("python3");
    const char *const probe[] = {python, "-c", "import pcapy", NULL};
    if (process_wait(t, process_start_words(t, probe)) != EXIT_DONE)
        SKIP("no pcapy for %s: install python3-pcapy", python);
    FILE *script = fopen(file_in(t, "count.py"), "we");
    assert_non_null(script);
    fputs("import pcapy, sys\n"
          "reader = pcapy.open_live(sys.argv[1], 65536, 1, 100)\n"
          "count = 0\n"
          "while reader.next()[0] is not None:\n"
          "    count += 1\n"
          "print(reader.datalink(), count, reader.stats())\n",
          script);
    assert_int_equal(fclose(script), 0);
    struct process *dispatcher = shim_dispatcher(t, 1, "");
    struct process *reads = shim_start(t, "%s count.py @@", python);
    process_expect(t, reads, EXIT_DONE);
    assert_string_equal(process_output(t, reads), "1 20000 (20000, 0, 0)\n");
    shim_expect_done(t, dispatcher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(one_tcpdump_writes_the_trace),
        PROCESS_TEST(two_tcpdumps_write_the_trace_together),
        PROCESS_TEST(tcpdump_lists_the_instance_and_its_link_type),
        PROCESS_TEST(tcpdump_is_told_why_a_device_is_refused),
        PROCESS_TEST(tcpdump_shows_what_passes_its_filter),
        PROCESS_TEST(tcpdump_leaves_at_control_c),
        PROCESS_TEST(tcpdump_leaves_when_its_time_is_over),
        PROCESS_TEST(a_killed_tcpdump_writes_at_most_one_frame_twice),
        PROCESS_TEST(tshark_leaves_after_ten_packets),
        PROCESS_TEST(tshark_ends_with_the_trace),
        PROCESS_TEST(pcapy_reads_every_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
