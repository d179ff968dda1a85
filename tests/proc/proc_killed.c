/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything killed at the same time, and runs of which no worker is left. */
#include "tests/lib/life.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NR_HUGEPAGES "/proc/sys/vm/nr_hugepages"
#define SPARE_PAGES                                                                                \
    32u /* of 2 MB: two rings, a flow table and handles, each with its own last page */
#define WORKERS 2u
#define FOREVER "--loop 1000000 "
#define SMALL "-w 2 --ring-depth 500 --ring-bytes 1M --max-flows 1000 "

static void make_trace(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 5000 --flows 100"), EXIT_DONE);
}

/* ---- all of them */

/* The process that started another. */
static pid_t parent_of(pid_t pid) {
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %*s %*c %d", &parent), 1);
    fclose(file);
    return (pid_t)parent;
}

/* Stops all first, so that none sees another die. */
static void kill_all(struct test *t) {
    pid_t pids[WORKERS + 2];
    pids[0] = process_of_dispatcher(t->name);
    pids[1] = parent_of(pids[0]);
    for (unsigned k = 0; k < WORKERS; k++)
        pids[2 + k] = process_of_worker(t->name, k);
    for (unsigned i = 0; i < WORKERS + 2; i++) {
        assert_true(pids[i] > 1 && pids[i] != getpid());
        assert_int_equal(kill(pids[i], SIGSTOP), 0);
    }
    for (unsigned i = 0; i < WORKERS + 2; i++)
        assert_int_equal(kill(pids[i], SIGKILL), 0);
    for (unsigned i = 0; i < WORKERS + 2; i++)
        UNTIL(t, kill(pids[i], 0) != 0);
}

static void everything_killed_together_does_not_hinder_the_next_start(void **state) {
    struct test *t = *state;
    make_trace(t);
    const char *start =
        "flow-balancer start -n @ -r t.pcap " FOREVER "--timeout all=never --report out.json -w 2";
    for (unsigned i = 0; i < 2; i++) { /* the second starts upon what the first left */
        process_expect(t, process_start(t, "%s", start), EXIT_DONE);
        UNTIL(t, inspected(t) >= 1000);
        assert_int_equal(objects_of(t->name), 2 + 3 * WORKERS);
        kill_all(t);
        assert_int_equal(objects_of(t->name), 2 + 3 * WORKERS);
        EXPECT_REFUSED(t, EXIT_RUNTIME, "is not running", "flow-balancer status -n @");
        EXPECT_REFUSED(t, EXIT_RUNTIME, "no instance", "flow-balancer stop -n @");
    }
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap -w 1 --report o.json");
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "cleared 8 objects");
    expect_all_inspected(report_of(t, "o.json"), 5000);
    assert_int_equal(objects_of(t->name), 0);
}

/* ---- the same on huge pages, which this test reserves and gives back */

static struct {
    int fd; /* of NR_HUGEPAGES, its lock held, or -1 */
    unsigned long reserved;
    char mount[PROCESS_PATH_MAX]; /* empty: none */
} huge = {.fd = -1};

static unsigned long read_pages(void) {
    char text[32] = "";
    return pread(huge.fd, text, sizeof text - 1, 0) > 0 ? strtoul(text, NULL, 10) : 0;
}

static void write_pages(unsigned long pages) {
    char text[32];
    int n = snprintf(text, sizeof text, "%lu\n", pages);
    if (pwrite(huge.fd, text, (size_t)n, 0) != n)
        print_message("cannot write %s\n", NR_HUGEPAGES);
}

static void reserve_pages(void) {
    if (geteuid() != 0)
        SKIP("mounts and huge pages need root");
    huge.fd = open(NR_HUGEPAGES, O_RDWR | O_CLOEXEC);
    if (huge.fd < 0)
        SKIP("%s cannot be written: %s", NR_HUGEPAGES, strerror(errno));
    assert_int_equal(flock(huge.fd, LOCK_EX), 0); /* one test of a machine at a time */
    unsigned long before = read_pages();
    write_pages(before + SPARE_PAGES);
    unsigned long now = read_pages();
    huge.reserved = now > before ? now - before : 0;
    if (huge.reserved != SPARE_PAGES)
        SKIP("the kernel gave %lu of %u huge pages", huge.reserved, SPARE_PAGES);
}

/* A mount that only this program and its children see. */
static void mount_pages(struct test *t) {
    snprintf(huge.mount, sizeof huge.mount, "%s", file_in(t, "huge"));
    assert_int_equal(mkdir(huge.mount, 0700), 0);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", huge.mount, "hugetlbfs", 0, "pagesize=2M") != 0)
        SKIP("hugetlbfs cannot be mounted: %s", strerror(errno));
}

static int give_pages_back(void **state) {
    if (huge.mount[0] != '\0')
        umount2(huge.mount, MNT_DETACH);
    huge.mount[0] = '\0';
    int left = processes_tear_down(state);
    if (huge.fd >= 0) {
        unsigned long now = read_pages();
        write_pages(now > huge.reserved ? now - huge.reserved : 0);
        close(huge.fd);
    }
    huge.fd = -1;
    return left;
}

static unsigned rings_on_huge_pages(const struct test *t) {
    unsigned count = 0;
    DIR *entries = opendir(huge.mount);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += strncmp(entry->d_name, t->name, strlen(t->name)) == 0;
    closedir(entries);
    return count;
}

static void everything_killed_together_gives_its_huge_pages_back(void **state) {
    struct test *t = *state;
    make_trace(t);
    reserve_pages();
    mount_pages(t);
    process_start(t, "flow-balancer run -n @ -r t.pcap " FOREVER SMALL "--hugepages require");
    UNTIL(t, inspected(t) >= 1000);
    assert_string_equal(text_at(t->report, "hugepages.down"), "hugetlbfs");
    assert_int_equal(rings_on_huge_pages(t), WORKERS);
    kill_all(t);
    assert_int_equal(rings_on_huge_pages(t), WORKERS);
    /* Its pages are needed again, and are there since the debris goes first. */
    struct process *run = process_start(t, "flow-balancer run -n @ -r t.pcap " SMALL
                                           "--hugepages require --report out.json");
    process_expect(t, run, EXIT_DONE);
    expect_said(t, run, "cleared 8 objects");
    expect_all_inspected(report_of(t, "out.json"), 5000);
    assert_string_equal(text_at(t->report, "hugepages.down"), "hugetlbfs");
    assert_int_equal(rings_on_huge_pages(t), 0);
    assert_int_equal(objects_of(t->name), 0);
}

/* ---- no worker left */

struct play {
    struct process *dispatcher, *worker;
};

/* The only worker dies, and its flows wait for no particular one. */
static void begin_and_kill_the_only_worker(struct test *t, struct play *play, const char *options) {
    make_trace(t);
    play->dispatcher = process_start(t,
                                     "flow-dispatcher -n @ -r t.pcap " FOREVER "-w 1 --timeout "
                                     "all=never --failover 0 --report out.json %s",
                                     options);
    play->worker = process_start(t, "flow-worker -n @ -k 0 --inspector record:rec");
    UNTIL(t, inspected(t) >= 1000);
    process_signal(play->worker, SIGKILL);
    process_expect(t, play->worker, 128 + SIGKILL);
}

static void come_again(struct test *t, struct play *play) {
    play->worker = process_start(t, "flow-worker -n @ -k 0 --inspector record:rec");
    await_more(t, 1000);
}

static void without_a_worker_a_lossless_run_ends_at_its_timeout(void **state) {
    struct test *t = *state;
    struct play play;
    begin_and_kill_the_only_worker(t, &play, "--no-worker-timeout 1");
    process_expect(t, play.dispatcher, EXIT_RUNTIME);
    expect_said(t, play.dispatcher, "packets were not inspected: no worker was alive");
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    assert_true(number_at(report, "ledger.dropped.no_worker") > 0);
    expect_number(report, "ledger.dropped.abandoned", 0);
}

static void a_worker_that_comes_within_the_timeout_finds_all_that_waited(void **state) {
    struct test *t = *state;
    struct play play;
    struct records records;
    begin_and_kill_the_only_worker(t, &play, "--no-worker-timeout 600");
    UNTIL(t, strstr(process_errors(t, play.dispatcher), "no worker is alive: waiting") != NULL);
    come_again(t, &play);
    stop_run(t, play.dispatcher, EXIT_DONE);
    process_expect(t, play.worker, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    json_int_t quarantined = number_at(report, "ledger.quarantined");
    json_int_t received = number_at(report, "ledger.received");
    assert_in_range(quarantined, 0, 1);
    expect_number(report, "ledger.inspected", received - quarantined);
    records_read(&records, file_in(t, "rec"));
    assert_in_range(records_drop_redelivered(&records), 0, 1);
    for (size_t i = 1; i < records.count; i++)
        assert_true(records.rows[i].frame > records.rows[i - 1].frame);
    assert_in_range(records.count, received - quarantined, received);
    records_free(&records);
}

static void a_run_that_drops_goes_on_without_a_worker_and_says_how_many(void **state) {
    struct test *t = *state;
    struct play play;
    begin_and_kill_the_only_worker(t, &play, "--on-full drop --no-worker-timeout 0");
    UNTIL(t, stat_number(t, t->name, "ledger.dropped.no_worker") > 1000);
    come_again(t, &play);
    stop_run(t, play.dispatcher, EXIT_DONE);
    process_expect(t, play.worker, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.dropped.abandoned", 0);
    assert_in_range(number_at(report, "ledger.quarantined"), 0, 1);
    expect_said(t, play.dispatcher, "warning: no worker is ready: packets are dropped");
    expect_drops_logged(t, play.dispatcher, report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(everything_killed_together_does_not_hinder_the_next_start),
        PROCESS_TEST(without_a_worker_a_lossless_run_ends_at_its_timeout),
        PROCESS_TEST(a_worker_that_comes_within_the_timeout_finds_all_that_waited),
        PROCESS_TEST(a_run_that_drops_goes_on_without_a_worker_and_says_how_many),
        cmocka_unit_test_setup_teardown(everything_killed_together_gives_its_huge_pages_back,
                                        processes_set_up, give_pages_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
