/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/ndpi.c and worker/inspectors/ndpi_result.c over captures that others made: one
 * worker says of each flow what ndpiReader says, and several say so of nearly all. What they do
 * not, the library remembers of other flows of the same hosts, in caches of each process.
 */
#include "tests/lib/doors.h"
#include "tests/lib/samples.h"
#include "tests/lib/verdicts.h"
#include "worker/inspectors/inspectors.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER "/usr/bin/ndpiReader"
#define NAME_MAX_BYTES 128u
#define NEEDS_JSONSCHEMA 77

static void need_library(void) {
    const struct fb_inspector *ops = inspector_find("ndpi");
    if (ops == NULL || ops->stats == NULL)
        SKIP("built without libndpi");
}

static void need_reader(void) {
    need_library();
    if (access(READER, X_OK) != 0)
        SKIP("no " READER ": install libndpi-bin");
}

/* Records are in eve/eve-K.json and record/worker-K.tsv. */
static void make_folder(const struct test *t) {
    assert_int_equal(mkdir(file_in(t, "eve"), 0700), 0);
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* Runs a file through so many workers. */
static void run_workers(struct test *t, const char *path, unsigned workers) {
    struct process *worker[8];
    struct process *dispatcher = process_start(
        t,
        "flow-dispatcher -n @ -r %s -w %u --timeout all=never --key-vlan --ring-bytes 1M "
        "--max-flows 100000 --hugepages never --failover never --log-level error --report out.json",
        path, workers);
    for (unsigned k = 0; k < workers; k++)
        worker[k] =
            process_start(t,
                          "flow-worker -n @ -k %u --inspector ndpi --eve file:eve/eve-%u.json "
                          "--inspector record:record --log-level error",
                          k, k);
    process_expect(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < workers; k++)
        process_expect(t, worker[k], EXIT_DONE);
    processes_forget(t);
}

/* Every line is as the schema says, where there is what holds it against that. */
static void expect_valid_records(struct test *t) {
    char cwd[PROCESS_PATH_MAX];
    assert_non_null(getcwd(cwd, sizeof cwd));
    int status = process_run(
        t, "/usr/bin/python3 %s/tests/proc/eve_cases.py valid %s/scripts/schema/eve.schema.json .",
        cwd, cwd);
    if (status != EXIT_DONE && status != NEEDS_JSONSCHEMA)
        processes_print(t);
    assert_true(status == EXIT_DONE || status == NEEDS_JSONSCHEMA);
    processes_forget(t);
}

static void read_records(const struct test *t, struct verdicts *v, unsigned workers) {
    for (unsigned k = 0; k < workers; k++) {
        char eve[32], record[48];
        snprintf(eve, sizeof eve, "eve/eve-%u.json", k);
        snprintf(record, sizeof record, "record/worker-%u.tsv", k);
        verdicts_add_records(v, file_in(t, eve), file_in(t, record));
        unlink(file_in(t, eve));
        unlink(file_in(t, record));
    }
    verdicts_sort(v);
}

static struct process *start_reader(struct test *t, const char *path) {
    unlink(file_in(t, "table.csv"));
    return process_start(t, READER " -q -v 3 -i %s -C table.csv", path);
}

/* False: ndpiReader does not read the file. */
static bool read_table(const struct test *t, struct verdicts *v) {
    bool is_read = verdicts_read_table(v, file_in(t, "table.csv"));
    verdicts_sort(v);
    return is_read && v->count != 0;
}

/* ---- one worker ------------------------------------------------------------------------------ */

/* Why ndpiReader has no such flow. */
#define ETHERTYPE                                                                                  \
    "it takes a packet of any EtherType for IP, here a damaged one, and adds it to a flow"
#define LINK "it does not look behind 802.1ad, a pseudowire or such a tunnel"
#define HEADER "it does not look behind an authentication header"
#define CUT "it has no ports of a header that is cut short"
#define SUMS "it tells hosts of IPv6 apart by a sum of half their address"

static const struct exception {
    const char *ends, *reason;
} exceptions[] = {
    {"17 192.168.1.1 53 192.168.1.2 2804", ETHERTYPE},
    {"17 192.168.1.1 53 192.168.1.2 2827", ETHERTYPE},
    {"1 10.5.2.1 0 10.5.2.100 0", LINK},
    {"1 192.168.10.1 0 192.168.10.2 0", LINK},
    {"1 192.168.1.1 0 192.168.1.2 0", LINK},
    {"1 10.2.3.2 0 10.3.4.4 0", HEADER},
    {"1 47.245.159.156 0 92.104.109.0 0", LINK},
    {"50 10.0.0.1 0 10.0.0.2 0", HEADER},
    {"6 147.234.1.253 47645 192.168.1.2 58657", CUT},
    {"58 2001:db8:90::1 0 2001:db8:90::2 0", SUMS},
    {"58 3ffe:501::1001::2 0 3ffe:507::1:200:86ff:fe05:80da 0", SUMS},
    {"58 fe80::200:86ff:fe05:80da 0 ff02::2 0", SUMS},
};

static bool is_excepted(const struct verdict *mine) {
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
        if (strcmp(exceptions[i].ends, mine->ends) == 0)
            return true;
    }
    return false;
}

struct findings {
    const char *file;
    unsigned count, excepted;
};

static void differs(void *arg, const struct verdict *mine, const struct verdict *its) {
    struct findings *findings = arg;
    if (is_excepted(mine)) {
        findings->excepted++;
        return;
    }
    findings->count++;
    print_error("%s: %s: '%s' '%s' '%s' here (%s), '%s' '%s' '%s' of ndpiReader\n", findings->file,
                mine->ends, mine->proto, mine->host, mine->ja3, mine->confidence,
                its == NULL ? "nothing" : its->proto, its == NULL ? "" : its->host,
                its == NULL ? "" : its->ja3);
}

/* In one process, which is told what the only worker of a run is told. */
static size_t compare_one(struct test *t, const char *folder, const char *name,
                          struct findings *findings) {
    struct verdicts ours = {.rows = NULL}, theirs = {.rows = NULL};
    char path[PROCESS_PATH_MAX + NAME_MAX_BYTES];
    size_t flows = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    findings->file = name;
    struct process *reader = start_reader(t, path);
    struct process *worker = process_start(
        t,
        "flow-worker --read %s --inspector ndpi --eve file:eve/eve-0.json --inspector "
        "record:record --timeout all=never --key-vlan --log-level error",
        path);
    if (process_wait(t, worker) > EXIT_RUNTIME) /* which is that of a file that breaks off */
        fail_msg("%s: the worker ended with %d: %s", name, worker->status,
                 process_errors(t, worker));
    process_wait(t, reader);
    processes_forget(t);
    read_records(t, &ours, 1);
    if (read_table(t, &theirs))
        flows = verdicts_compare(&ours, &theirs, differs, findings);
    verdicts_free(&ours);
    verdicts_free(&theirs);
    return flows;
}

static int is_capture(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_type != DT_DIR && dot != NULL &&
           (strncmp(dot, ".pcap", 5) == 0 || strcmp(dot, ".cap") == 0);
}

static void one_worker_says_of_each_flow_what_ndpireader_says(void **state) {
    struct test *t = *state;
    struct findings findings = {.count = 0};
    struct dirent **names;
    size_t flows = 0;
    need_reader();
    make_folder(t);
    const char *folder = samples_folder(SAMPLES_CAPTURES);
    int count = scandir(folder, &names, is_capture, alphasort);
    for (int i = 0; i < count; i++) {
        flows += compare_one(t, folder, names[i]->d_name, &findings);
        free(names[i]);
    }
    free(names);
    print_message("%zu flows of %d captures, %u excepted\n", flows, count, findings.excepted);
    assert_int_equal(findings.count, 0);
    assert_in_range(flows, 5000, SIZE_MAX);
}

/* ---- several --------------------------------------------------------------------------------- */

/* What the library remembers of hosts, and what it then says of their flows. */
static const struct {
    const char *proto; /* begin of it */
    const char *cache;
} caches[] = {
    {"BitTorrent", "bittorrent_cache"}, {"STUN", "stun_cache"},
    {"Ookla", "ookla_cache"},           {"Zoom", "zoom_cache"},
    {"Mining", "mining_cache"},         {"Teams", "msteams_cache"},
    {"TLS.", "tls_cert_cache"},
};
#define CACHES (sizeof caches / sizeof *caches)

struct traced {
    unsigned by_cache[CACHES];
    unsigned differences, untraced;
};

static bool begins(const char *text, const char *begin) {
    return strncmp(text, begin, strlen(begin)) == 0;
}

/* Where the flow was named by a cache of the one process, the library said so. It does not where a
 * host is one that STUN was seen of: it guesses by that, and finds STUN in the packet. */
static void trace_to_cache(void *arg, const struct verdict *mine, const struct verdict *its) {
    struct traced *traced = arg;
    traced->differences++;
    for (size_t i = 0; its != NULL && i < CACHES; i++) {
        bool is_said = strcmp(its->confidence, "DPI (cache)") == 0 ||
                       strcmp(mine->confidence, "DPI (cache)") == 0;
        bool is_stun = strcmp(caches[i].cache, "stun_cache") == 0;
        bool is_named = begins(its->proto, caches[i].proto) || begins(mine->proto, caches[i].proto);
        if (is_named && (is_said || is_stun)) {
            traced->by_cache[i]++;
            return;
        }
    }
    traced->untraced++;
    print_error("%s: '%s' (%s) of several, '%s' (%s) of one\n", mine->ends, mine->proto,
                mine->confidence, its == NULL ? "nothing" : its->proto,
                its == NULL ? "" : its->confidence);
}

/* Against the run with one worker. */
static void compare_several(struct test *t, struct verdicts *one, unsigned workers) {
    struct verdicts ours = {.rows = NULL};
    struct traced traced = {.differences = 0};
    run_workers(t, "replay.pcap", workers);
    expect_valid_records(t);
    read_records(t, &ours, workers);
    for (size_t i = 0; i < one->count; i++)
        one->rows[i].is_matched = false;
    size_t flows = verdicts_compare(&ours, one, trace_to_cache, &traced);
    print_message("%u workers: %u of %zu flows differ\n", workers, traced.differences, flows);
    for (size_t i = 0; i < CACHES; i++) {
        if (traced.by_cache[i] != 0)
            print_message("    %s: %u\n", caches[i].cache, traced.by_cache[i]);
    }
    verdicts_free(&ours);
    assert_int_equal(traced.untraced, 0);
    assert_in_range(traced.differences, 0, flows / 100);
}

/* All captures of Ethernet at the same time, as on one link. */
static void several_workers_say_the_same_but_for_what_is_remembered(void **state) {
    struct test *t = *state;
    struct verdicts theirs = {.rows = NULL}, one = {.rows = NULL};
    struct findings findings = {.file = "replay.pcap"};
    need_reader();
    make_folder(t);
    const char *folder = samples_folder(SAMPLES_CAPTURES);
    assert_int_equal(
        process_run(t, "/usr/bin/python3 %s/make_replay.py %s replay.pcap", folder, folder),
        EXIT_DONE);
    process_expect(t, start_reader(t, "replay.pcap"), EXIT_DONE);
    assert_true(read_table(t, &theirs));
    run_workers(t, "replay.pcap", 1);
    read_records(t, &one, 1);
    assert_in_range(verdicts_compare(&one, &theirs, differs, &findings), 5000, SIZE_MAX);
    assert_int_equal(findings.count, 0);
    compare_several(t, &one, 3);
    compare_several(t, &one, 8);
    verdicts_free(&theirs);
    verdicts_free(&one);
}

/* ---- a worker that dies ---------------------------------------------------------------------- */

static void a_worker_that_is_killed_goes_on_with_what_comes(void **state) {
    struct test *t = *state;
    need_library();
    make_door_trace(t);
    struct process *run =
        start_door(t, "ndpi", "-w 2 --speed 1 --failover never --eve file:eve-%k.json");
    for (unsigned i = 0; i < 4; i++) {
        pid_t pid = 0;
        UNTIL(t, worker_is(t, t->name, i % 2, "ready") &&
                     (pid = process_of_worker(t->name, i % 2)) > 0);
        kill(pid, SIGKILL);
        UNTIL(t, process_of_worker(t->name, i % 2) != pid);
    }
    process_expect(t, run, EXIT_DONE);
    const json_t *report = expect_door_inspected(t);
    assert_int_equal(sum_of_workers(report, "restarts"), 4);
    struct verdicts records = {.rows = NULL};
    verdicts_add_records(&records, file_in(t, "eve-0.json"), "");
    verdicts_add_records(&records, file_in(t, "eve-1.json"), "");
    /* What was found of a flow that had no packet after a death is gone, but not its record. */
    size_t flows = (size_t)number_at(report, "flows.created"), inspected = 0;
    assert_in_range(records.count, flows, flows + 4);
    for (size_t i = 0; i < records.count; i++)
        inspected += records.rows[i].is_inspected;
    assert_in_range(inspected, flows / 2, flows);
    assert_true(counter_of(report, "ndpi.packets") >= DOOR_PACKETS / 2);
    verdicts_free(&records);
}

/* ---- the command line ------------------------------------------------------------------------ */

static void the_version_says_whether_it_is_in(void **state) {
    struct test *t = *state;
    const struct fb_inspector *ops = inspector_find("ndpi");
    struct process *p = process_start(t, "flow-worker --version");
    char line[128];
    process_expect(t, p, EXIT_DONE);
    snprintf(line, sizeof line, "\nndpi: %s\n", ops->version);
    assert_non_null(strstr(process_output(t, p), line));
}

static void what_it_cannot_use_is_refused_before_the_run(void **state) {
    struct test *t = *state;
    make_door_trace(t);
    bool is_built_in = inspector_find("ndpi")->stats != NULL;
    struct process *run = start_door(t, "ndpi:protos=no-such-file", "-w 1");
    process_expect(t, run, is_built_in ? EXIT_RUNTIME : EXIT_WRONG_USAGE);
    expect_one_line_with(t, run,
                         is_built_in ? "protos=no-such-file: cannot read it: No such file"
                                     : "install libndpi-dev");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(the_version_says_whether_it_is_in),
        PROCESS_TEST(what_it_cannot_use_is_refused_before_the_run),
        PROCESS_TEST(a_worker_that_is_killed_goes_on_with_what_comes),
        PROCESS_TEST(several_workers_say_the_same_but_for_what_is_remembered),
        PROCESS_TEST(one_worker_says_of_each_flow_what_ndpireader_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
