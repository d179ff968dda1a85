/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures that others made, with the truth beside them: every file that is pcapng or
 * that libpcap opens, with 3 and 8 workers, by innermost and by outermost header. What
 * each run delivered is judged here (each frame once, each flow in order) and by
 * compare.py of the captures, which lets no tunnel be left unopened. All files
 * that fail are named.
 *
 * compare.py asks on which workers a flow was, and two flows may be on one by
 * chance. So it is asked a second time with our flows in the place of the workers:
 * its answer then depends on no policy, and what it finds is to be as often as
 * the table says, no more and no less.
 */
#include "tests/lib/process.h"
#include "tests/lib/records.h"

#include <dirent.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <unistd.h>

#define FILES_MAX 256u
#define NAME_MAX_BYTES 128u
#define AT_A_TIME 2u /* files: the processes of a small one wait more than they work */

/* Every difference from the truth, and why it is none of ours. */
#define QUOTED                                                                                     \
    "an ICMP error goes with the flow that it quotes, each to its own; the truth has one flow of " \
    "all errors between two hosts"
#define TEREDO                                                                                     \
    "a Teredo tunnel is opened, so the flow is that of the IPv6 packet in it, as tshark has it; "  \
    "the truth keeps that of UDP"
#define FIRST_FRAGMENT                                                                             \
    "the first fragment of a GTP-U packet holds the inner headers, so its ID is of the inner "     \
    "flow, as tshark has it; the truth looks into no fragment"
#define WIRE_LENGTH                                                                                \
    "the only frame has a wire length beyond any network's: libpcap gives it, the truth has no "   \
    "row for it"

static const struct difference {
    const char *file;
    const char *kind; /* as compare.py calls it */
    unsigned inner, outer;
    const char *reason;
} differences[] = {
    {"mercury__dns_packet.capture2.pcap", "softsplit", 5, 5, QUOTED},
    {"mercury__dns_packet.capture2.pcap", "optsplit", 1, 0, TEREDO},
    {"mercury__dns_packet.capture2.pcap", "cid_soft", 6, 0, TEREDO},
    {"mercury__emix.pcap", "cid_soft", 1, 0, TEREDO},
    {"ndpi__fuzz-2021-10-13.pcap", "unknown_frames", 1, 1, WIRE_LENGTH},
    {"ndpi__gnutella.pcap", "softsplit", 1, 1, QUOTED},
    {"ndpi__nintendo.pcap", "softsplit", 1, 1, QUOTED},
    {"ndpi__teredo.pcap", "optsplit", 5, 0, TEREDO},
    {"ndpi__teredo.pcap", "cid_soft", 24, 0, TEREDO},
    {"pcpp__clusterfuzz-testcase-minimized-FuzzTarget-5766899836387328.pcap", "unknown_frames", 1,
     1, WIRE_LENGTH},
    {"tcpdump__afs.pcap", "softsplit", 1, 1, QUOTED},
    {"tcpreplay__test-test.pcap", "softsplit", 1, 1, QUOTED},
    {"zeek__gtp1_gn_normal_incl_fragmentation.pcap", "cid_soft", 40, 0, FIRST_FRAGMENT},
    {"zeek__gtp_ext_header.pcap", "cid_soft", 1, 0, FIRST_FRAGMENT},
};
#define DIFFERENCES (sizeof differences / sizeof *differences)

struct capture {
    char name[NAME_MAX_BYTES];
    unsigned frames; /* that can be read */
    bool broken;     /* after them */
};

/* A file that is being run. */
struct job {
    const struct capture *capture;
    char name[FB_NAME_MAX + 1]; /* of the instance */
    char folder[8];             /* of its records */
    struct process *dispatcher;
    struct process *workers[8];
};

struct suite {
    struct test *test;
    char directory[PROCESS_PATH_MAX];
    const char *tunnel; /* inner or outer */
    unsigned workers;
    struct capture captures[FILES_MAX];
    unsigned count;
    struct job jobs[AT_A_TIME];
    unsigned seen[DIFFERENCES]; /* how often, in the judgement by flows that is under way */
    unsigned findings;
};

/* ---- the files */

/*
 * Counts the packet blocks of a file that is pcapng, of which libpcap reads not all; false
 * if it is none. All such files here are whole.
 */
static bool count_packet_blocks(const char *path, struct capture *capture) {
    uint32_t head[3];
    FILE *file = fopen(path, "re");
    bool swapped = false, is_pcapng = false;
    assert_non_null(file);
    while (fread(head, sizeof head, 1, file) == 1 && (is_pcapng || head[0] == 0x0a0d0d0a)) {
        is_pcapng = true;
        if (head[0] == 0x0a0d0d0a)
            swapped = head[2] == 0x4d3c2b1a;
        uint32_t type = swapped ? __builtin_bswap32(head[0]) : head[0];
        uint32_t length = swapped ? __builtin_bswap32(head[1]) : head[1];
        capture->frames += type == 2 || type == 3 || type == 6;
        fseek(file, (long)length - (long)sizeof head, SEEK_CUR);
    }
    fclose(file);
    return is_pcapng;
}

/* Counts what can be read of a file; false if that is none of it. */
static bool count_frames(const char *path, struct capture *capture) {
    char error[PCAP_ERRBUF_SIZE];
    if (count_packet_blocks(path, capture))
        return true;
    pcap_t *pcap = pcap_open_offline(path, error);
    if (pcap == NULL)
        return false;
    struct pcap_pkthdr *header;
    const u_char *data;
    int status;
    while ((status = pcap_next_ex(pcap, &header, &data)) == 1)
        capture->frames++;
    capture->broken = status != PCAP_ERROR_BREAK;
    pcap_close(pcap);
    return true;
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct capture *)left)->name, ((const struct capture *)right)->name);
}

static bool find_captures(struct suite *suite) {
    const char *given = getenv("FB_CAPTURES");
    const char *directory = given != NULL ? given : "../shared/captures";
    char *path = realpath(directory, NULL);
    DIR *entries = path == NULL ? NULL : opendir(path);
    if (entries == NULL) {
        printf("SKIP: no captures in %s: set FB_CAPTURES to their folder\n", directory);
        free(path);
        return false;
    }
    snprintf(suite->directory, sizeof suite->directory, "%s", path);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char file[2 * PROCESS_PATH_MAX];
        struct capture capture = {.name = ""};
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR || strlen(entry->d_name) >= sizeof capture.name ||
            !count_frames(file, &capture))
            continue;
        assert_in_range(suite->count, 0, FILES_MAX - 1);
        memcpy(capture.name, entry->d_name, strlen(entry->d_name) + 1);
        suite->captures[suite->count++] = capture;
    }
    closedir(entries);
    free(path);
    qsort(suite->captures, suite->count, sizeof *suite->captures, by_name);
    assert_int_not_equal(suite->count, 0);
    return true;
}

static void progress(const struct suite *suite, unsigned done) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s, %u workers: %u of %u \033[K%s", suite->tunnel, suite->workers, done,
                suite->count, done == suite->count ? "\r\033[K" : "");
}

static void finding(struct suite *suite, const char *file, const char *what) {
    suite->findings++;
    print_error("%s, %u workers, %s: %s\n", file, suite->workers, suite->tunnel, what);
}

/* ---- one run */

/* Dispatcher and workers by hand: a tenth of the time that the script takes. */
static void start(struct suite *suite, struct job *job, const struct capture *capture) {
    struct test *t = suite->test;
    unsigned slot = (unsigned)(job - suite->jobs);
    job->capture = capture;
    snprintf(job->name, sizeof job->name, "%.*s-%u", FB_NAME_MAX - 2, t->name, slot);
    snprintf(job->folder, sizeof job->folder, "rec%u", slot);
    job->dispatcher = process_start(
        t,
        "flow-dispatcher -n %s -r %s/%s -w %u --timeout all=never --ring-bytes 1M "
        "--max-flows 100000 --hugepages never --failover never --log-level error "
        "--report %s.json --tunnel %s",
        job->name, suite->directory, capture->name, suite->workers, job->folder, suite->tunnel);
    for (unsigned k = 0; k < suite->workers; k++)
        job->workers[k] =
            process_start(t, "flow-worker -n %s -k %u --inspector record:%s --log-level error",
                          job->name, k, job->folder);
}

static void wait_for(struct suite *suite, const struct job *job) {
    struct test *t = suite->test;
    process_wait(t, job->dispatcher);
    for (unsigned k = 0; k < suite->workers; k++) {
        struct process *worker = job->workers[k];
        if (job->dispatcher->status == EXIT_DONE) {
            process_expect(t, worker, EXIT_DONE);
            continue;
        }
        /* Where the dispatcher refused the file, its workers still wait for one, or begin to. */
        if (!process_ended(t, worker))
            process_signal(worker, SIGTERM);
        process_wait(t, worker);
    }
}

/* One line of a worker, "frame worker community_id flow ...": as it is, and with the flow in the
 * place of the worker. */
static void copy_line(const char *line, FILE *by_worker, FILE *by_flow) {
    unsigned long long frame, flow;
    char id[64];
    int rest;
    fputs(line, by_worker);
    assert_int_equal(sscanf(line, "%llu %*u %63s %llu%n", &frame, id, &flow, &rest), 3);
    fprintf(by_flow, "%llu\t%llu\t%s\t%llu%s", frame, flow, id, flow, line + rest);
}

/* Puts the lines of all workers into one file each, where compare.py looks for it. */
static void gather(const struct suite *suite, const struct job *job) {
    struct test *t = suite->test;
    char name[NAME_MAX_BYTES + 32], line[512];
    FILE *out[2] = {NULL, NULL};
    for (unsigned k = 0; k < suite->workers; k++) {
        snprintf(name, sizeof name, "%s/worker-%u.tsv", job->folder, k);
        FILE *in = fopen(file_in(t, name), "re");
        if (in == NULL)
            continue;
        unlink(file_in(t, name));
        for (unsigned i = 0; i < 2; i++) {
            snprintf(name, sizeof name, "%s/%s.tsv", i == 0 ? "workers" : "flows",
                     job->capture->name);
            out[i] = out[i] != NULL ? out[i] : fopen(file_in(t, name), "we");
            assert_non_null(out[i]);
        }
        while (fgets(line, sizeof line, in) != NULL)
            copy_line(line, out[0], out[1]);
        fclose(in);
    }
    for (unsigned i = 0; i < 2; i++)
        if (out[i] != NULL)
            fclose(out[i]);
}

/* What is wrong with a run that took the file, or NULL. */
static const char *run_problem(const struct suite *suite, const struct job *job) {
    struct test *t = suite->test;
    const struct capture *capture = job->capture;
    struct records records;
    char name[16];
    uint64_t holes;
    if (strstr(process_errors(t, job->dispatcher), "link type") != NULL)
        return "its link type is not known";
    if (job->dispatcher->status != (capture->broken ? EXIT_RUNTIME : EXIT_DONE))
        return "exit status";
    snprintf(name, sizeof name, "%s.json", job->folder);
    const json_t *report = report_of(t, name);
    if (!json_is_true(value_at(report, "ledger.balanced")) ||
        number_at(report, "ledger.inspected") != capture->frames ||
        sum_of_workers(report, "self_packets") != capture->frames)
        return "the ledger";
    records_read(&records, file_in(t, job->folder));
    const char *problem = frames_problem(&records, capture->frames);
    if (problem == NULL)
        problem = flows_problem(&records, false, &holes);
    records_free(&records);
    return problem;
}

static void finish(struct suite *suite, struct job *job) {
    struct test *t = suite->test;
    if (job->capture == NULL)
        return;
    wait_for(suite, job);
    const char *problem = run_problem(suite, job);
    if (problem != NULL)
        finding(suite, job->capture->name, problem);
    gather(suite, job);
    process_forget(t, job->dispatcher);
    for (unsigned k = 0; k < suite->workers; k++)
        process_forget(t, job->workers[k]);
    job->capture = NULL;
}

/* ---- the judge */

static unsigned expected(const struct suite *suite, const struct difference *row) {
    return strcmp(suite->tunnel, "inner") == 0 ? row->inner : row->outer;
}

/* Whether the table has the difference. Workers are fewer than flows, so that it may show less. */
static bool explained(struct suite *suite, const char *file, const char *kind, unsigned count,
                      bool by_flow) {
    for (unsigned i = 0; i < DIFFERENCES; i++) {
        if (strcmp(differences[i].file, file) != 0 || strcmp(differences[i].kind, kind) != 0)
            continue;
        if (by_flow)
            suite->seen[i] = count;
        return count <= expected(suite, &differences[i]);
    }
    return false;
}

/* Figures of compare.py that count no difference. */
static bool plain_figure(const char *name) {
    static const char *const plain[] = {"frames", "flows", "cid_ok", "spread"};
    for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(plain[i], name) == 0)
            return true;
    return false;
}

/* Takes one line of compare.py, "ok|FAIL|MISSING FILE NAME=NUMBER...". Returns true for the last.
 */
static bool take_verdict(struct suite *suite, char *line, bool by_flow) {
    char *rest = line, *word;
    char what[128];
    line[strcspn(line, "\n")] = '\0';
    const char *verdict = strsep(&rest, " ");
    while (rest != NULL && *rest == ' ')
        rest++;
    const char *file = rest == NULL ? "" : strsep(&rest, " ");
    if (strcmp(file, "TOTAL") == 0)
        return true;
    if (strcmp(verdict, "MISSING") == 0 || strcmp(file, "idle:") == 0)
        finding(suite, file, verdict);
    if (strcmp(verdict, "FAIL") != 0 && strcmp(verdict, "ok") != 0)
        return false;
    while ((word = strsep(&rest, " ")) != NULL) {
        const char *name = strsep(&word, "=");
        if (word == NULL || plain_figure(name) ||
            explained(suite, file, name, (unsigned)strtoul(word, NULL, 10), by_flow))
            continue;
        snprintf(what, sizeof what, "%s=%s%s", name, word, by_flow ? " by flows" : "");
        finding(suite, file, what);
    }
    return false;
}

/* A row that is too high explains what is not there. */
static void judge_rows(struct suite *suite) {
    char what[512];
    for (unsigned i = 0; i < DIFFERENCES; i++) {
        unsigned wanted = expected(suite, &differences[i]);
        if (suite->seen[i] < wanted) {
            snprintf(what, sizeof what, "%s is %u and no longer %u: fix its row (%s)",
                     differences[i].kind, suite->seen[i], wanted, differences[i].reason);
            finding(suite, differences[i].file, what);
        }
        suite->seen[i] = 0;
    }
}

static void judge(struct suite *suite, bool by_flow) {
    struct test *t = suite->test;
    struct process *p = process_start(
        t, "/usr/bin/python3 %s/compare.py --mode %s --optional= --all-frames --dir %s/truth %s",
        suite->directory, suite->tunnel, suite->directory, by_flow ? "flows" : "workers");
    process_wait(t, p);
    bool total = false;
    FILE *verdicts = fopen(p->output, "re");
    assert_non_null(verdicts);
    char line[1024];
    while (fgets(line, sizeof line, verdicts) != NULL)
        total |= take_verdict(suite, line, by_flow);
    fclose(verdicts);
    if (!total)
        fail_msg("compare.py came to no end: %s", process_errors(t, p));
    processes_forget(t);
    if (by_flow)
        judge_rows(suite);
}

/* ---- all runs */

static void run_all(struct suite *suite, const char *tunnel, unsigned workers) {
    struct test *t = suite->test;
    suite->tunnel = tunnel;
    suite->workers = workers;
    assert_int_equal(process_run(t, "/usr/bin/env mkdir workers flows"), EXIT_DONE);
    processes_forget(t);
    for (unsigned i = 0; i < suite->count; i++) {
        struct job *job = &suite->jobs[i % AT_A_TIME];
        progress(suite, i);
        finish(suite, job);
        start(suite, job, &suite->captures[i]);
    }
    for (unsigned i = 0; i < AT_A_TIME; i++)
        finish(suite, &suite->jobs[(suite->count + i) % AT_A_TIME]);
    progress(suite, suite->count);
    processes_forget(t);
    judge(suite, false);
    if (workers == 3) /* the flows are the same with every number of workers */
        judge(suite, true);
    assert_int_equal(process_run(t, "/usr/bin/env rm -r workers flows"), EXIT_DONE);
    processes_forget(t);
}

static void every_capture_is_delivered_as_the_truth_says(void **state) {
    struct suite *suite = calloc(1, sizeof *suite);
    assert_non_null(suite);
    suite->test = *state;
    if (!find_captures(suite)) {
        free(suite);
        skip();
    }
    run_all(suite, "inner", 3);
    run_all(suite, "inner", 8);
    run_all(suite, "outer", 3);
    run_all(suite, "outer", 8);
    unsigned findings = suite->findings;
    free(suite);
    if (findings != 0)
        fail_msg("%u findings in the captures", findings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(every_capture_is_delivered_as_the_truth_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
