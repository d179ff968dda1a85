/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/source_files.c: a directory of more files than a process may have open, through
 * the real dispatcher.
 */
#include "tests/lib/doors.h"
#include "tests/lib/feed.h"
#include "tests/lib/passed.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define FILES 3000u
#define PACKETS_A_FILE 3u
#define PACKETS (FILES * PACKETS_A_FILE)
#define FLOWS 100u
#define DESCRIPTORS 64u /* that each process may have */

static void enter_with_few_descriptors(const struct test *t) {
    (void)t;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){DESCRIPTORS, DESCRIPTORS});
}

/* Consecutive parts of t.pcap, by name; one file is empty, and one is not to be read. */
static void make_directory(struct test *t) {
    struct feed whole;
    assert_int_equal(mkdir(file_in(t, "captures"), 0700), 0);
    feed_open(&whole, t, "t.pcap", FEED_LINK_ETHERNET, NULL);
    for (unsigned i = 0; i < FILES; i++) {
        struct feed part;
        char name[64];
        snprintf(name, sizeof name, "captures/c-%05u.pcap", i);
        feed_open(&part, t, name, FEED_LINK_ETHERNET, NULL);
        part.time_ns = whole.time_ns;
        part.frames = whole.frames;
        for (unsigned n = 0; n < PACKETS_A_FILE; n++) {
            unsigned flow = (i * PACKETS_A_FILE + n) * 7 % FLOWS;
            feed_packet(&whole, flow, "part");
            feed_packet(&part, flow, "part");
        }
        feed_close(&part);
    }
    feed_close(&whole);
    fclose(fopen(file_in(t, "captures/c-01500-empty.pcap"), "we"));
    FILE *notes = fopen(file_in(t, "captures/c-00000.txt"), "we");
    assert_non_null(notes);
    fputs("no capture\n", notes);
    fclose(notes);
}

static void three_thousand_files_are_read_in_the_order_of_their_names(void **state) {
    struct test *t = *state;
    make_directory(t);
    for (unsigned workers = 1; workers <= 2; workers++) {
        char begin[8];
        snprintf(begin, sizeof begin, "n%u", workers);
        t->enter = enter_with_few_descriptors;
        struct process *run = process_start(
            t,
            "flow-balancer run -n @ -r captures --pattern *.pcap -w %u --timeout all=never "
            "--report out.json --inspector exec:cat --exec-output %s-%%k-%%r.pcap",
            workers, begin);
        t->enter = NULL;
        process_expect(t, run, EXIT_DONE);
        expect_all_inspected(report_of(t, "out.json"), PACKETS);
        expect_passed_whole(t, "", begin);
        expect_said(t, run, "c-01500-empty.pcap is empty: going on with the other files");
        processes_forget(t);
    }
}

/* Of one worker, which gets all that there is, the order is that of all files. */
static void packets_of_all_flows_keep_the_order_of_the_files(void **state) {
    struct test *t = *state;
    struct passed parts;
    make_directory(t);
    process_expect(t,
                   process_start(t, "flow-worker --read captures --pattern *.pcap --inspector "
                                    "exec:cat --exec-output part-%%k-%%r.pcap"),
                   EXIT_DONE);
    passed_read(&parts, t, "", "part");
    assert_int_equal(parts.files, 1);
    assert_int_equal(parts.records.count, PACKETS);
    for (unsigned i = 0; i < PACKETS; i++)
        assert_int_equal(parts.records.rows[i].frame, i + 1);
    passed_free(&parts);
}

/* One that is gone when its turn comes is said, and the others are read. */
static void one_that_is_gone_by_its_turn_is_said_and_the_rest_is_read(void **state) {
    struct test *t = *state;
    make_directory(t);
    struct process *run = process_start(t, "flow-dispatcher -n @ -r captures --pattern *.pcap -w 1 "
                                           "--report out.json");
    UNTIL(t, stat_of(t, t->name) != NULL); /* it has looked at all of them, and waits */
    assert_int_equal(remove(file_in(t, "captures/c-02000.pcap")), 0);
    process_expect(t, process_start(t, "flow-worker -n @ --inspector count"), EXIT_DONE);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "cannot open captures/c-02000.pcap: No such file");
    expect_all_inspected(report_of(t, "out.json"), PACKETS - PACKETS_A_FILE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(three_thousand_files_are_read_in_the_order_of_their_names),
        PROCESS_TEST(packets_of_all_flows_keep_the_order_of_the_files),
        PROCESS_TEST(one_that_is_gone_by_its_turn_is_said_and_the_rest_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
