/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures that nobody here wrote, with the truth beside them: every file that
 * libpcap opens, with 1, 3 and 8 workers, and with 3 by outermost header. What
 * each run delivered is judged here (each frame once, each flow in order) and,
 * with several workers, by compare.py of the captures, which lets no tunnel be
 * left unopened. All files that fail are named.
 */
#include "tests/process.h"
#include "tests/records.h"

#include <dirent.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <unistd.h>

#define FILES_MAX 256u
#define NAME_MAX_BYTES 128u

/*
 * What cannot be judged right yet. A file that is listed and passes fails the
 * test, so that nothing stays here for longer than its reason.
 */
#define NO_ROW "one frame has an absurd wire length: libpcap gives it, the truth has no row for it"

static const struct {
    const char *file;
    const char *reason;
} excused[] = {
    {"ndpi__fuzz-2021-10-13.pcap", NO_ROW},
    {"pcpp__clusterfuzz-testcase-minimized-FuzzTarget-5766899836387328.pcap", NO_ROW},
};
#define EXCUSED (sizeof excused / sizeof *excused)

struct capture {
    char name[NAME_MAX_BYTES];
    unsigned frames; /* that libpcap reads */
    bool broken;     /* it then reports an error */
    bool failed;     /* with some number of workers, by compare.py */
};

struct suite {
    struct test *test;
    char directory[PROCESS_PATH_MAX];
    const char *tunnel; /* inner or outer */
    struct capture captures[FILES_MAX];
    unsigned count;
    unsigned findings; /* failures that are not excused */
};

static int excuse_of(const char *file) {
    for (unsigned i = 0; i < EXCUSED; i++)
        if (strcmp(excused[i].file, file) == 0)
            return (int)i;
    return -1;
}

/* ---- the files */

/* Counts what libpcap reads of a file; false if it opens none of it. */
static bool count_frames(const char *path, struct capture *capture) {
    char error[PCAP_ERRBUF_SIZE];
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

static void progress(const struct suite *suite, unsigned workers, unsigned done) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%u workers: %u of %u \033[K%s", workers, done, suite->count,
                done == suite->count ? "\r\033[K" : "");
}

static void finding(struct suite *suite, const char *file, unsigned workers, const char *what) {
    suite->findings++;
    print_error("%s, %u workers, %s: %s\n", file, workers, suite->tunnel, what);
}

/* ---- one run */

/* Dispatcher and workers by hand: a tenth of the time that the script takes. */
static struct process *run(struct suite *suite, const struct capture *capture, unsigned workers) {
    struct test *t = suite->test;
    struct process *dispatcher =
        process_start(t,
                      "flow-dispatcher -n @ -r %s/%s -w %u --timeout all=never --ring-bytes 1M "
                      "--max-flows 100000 --hugepages never --failover never --log-level error "
                      "--report out.json --tunnel %s",
                      suite->directory, capture->name, workers, suite->tunnel);
    for (unsigned k = 0; k < workers; k++)
        process_start(t, "flow-worker -n @ -k %u --inspector record:rec --log-level error", k);
    process_wait(t, dispatcher);
    for (unsigned i = 1; i < t->count; i++) {
        struct process *worker = &t->processes[i];
        if (dispatcher->status == EXIT_DONE) {
            process_expect(t, worker, EXIT_DONE);
            continue;
        }
        /* Where the dispatcher refused the file, its workers still wait for one, or begin to. */
        if (!process_ended(t, worker))
            process_signal(worker, SIGTERM);
        process_wait(t, worker);
    }
    return dispatcher;
}

/* Puts the lines of all workers into one file, where compare.py looks for it; false: no lines. */
static bool gather(struct test *t, const struct capture *capture, unsigned workers) {
    char name[NAME_MAX_BYTES + 32], bytes[1 << 16];
    FILE *out = NULL;
    for (unsigned k = 0; k < workers; k++) {
        snprintf(name, sizeof name, "rec/worker-%u.tsv", k);
        FILE *in = fopen(file_in(t, name), "re");
        if (in == NULL)
            continue;
        unlink(file_in(t, name));
        snprintf(name, sizeof name, "all/%.*s.tsv", (int)sizeof capture->name, capture->name);
        out = out != NULL ? out : fopen(file_in(t, name), "we");
        assert_non_null(out);
        for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) != 0;)
            assert_int_equal(fwrite(bytes, 1, n, out), n);
        fclose(in);
    }
    if (out != NULL)
        fclose(out);
    return out != NULL;
}

/* What is wrong with a run that took the file, or NULL. */
static const char *run_problem(struct suite *suite, const struct capture *capture, int status) {
    struct test *t = suite->test;
    struct records records;
    uint64_t holes;
    if (status != (capture->broken ? EXIT_RUNTIME : EXIT_DONE))
        return "exit status";
    const json_t *report = report_of(t, "out.json");
    if (!json_is_true(value_at(report, "ledger.balanced")) ||
        number_at(report, "ledger.inspected") != capture->frames ||
        sum_of_workers(report, "self_packets") != capture->frames)
        return "the ledger";
    records_read(&records, file_in(t, "rec"));
    const char *problem = frames_problem(&records, capture->frames);
    if (problem == NULL)
        problem = flows_problem(&records, false, &holes);
    records_free(&records);
    return problem;
}

static void run_one(struct suite *suite, struct capture *capture, unsigned workers) {
    struct test *t = suite->test;
    const struct process *dispatcher = run(suite, capture, workers);
    const char *problem = NULL;
    if (strstr(process_errors(t, dispatcher), "link type") == NULL)
        problem = run_problem(suite, capture, dispatcher->status);
    else if (excuse_of(capture->name) < 0)
        problem = "its link type is not known";
    if (problem != NULL)
        finding(suite, capture->name, workers, problem);
    gather(t, capture, workers);
    processes_forget(t);
}

/* ---- the judge */

/* Reads one line of compare.py, "ok|FAIL|MISSING FILE RESULTS", and notes it. */
static void take_verdict(struct suite *suite, char *line, unsigned workers, bool *total) {
    char *rest = line;
    line[strcspn(line, "\n")] = '\0';
    const char *verdict = strsep(&rest, " ");
    while (rest != NULL && *rest == ' ')
        rest++;
    const char *file = rest == NULL ? "" : strsep(&rest, " ");
    if (strcmp(file, "TOTAL") == 0)
        *total = true;
    if (strcmp(verdict, "FAIL") != 0 && strcmp(verdict, "MISSING") != 0)
        return;
    for (unsigned i = 0; i < suite->count; i++) {
        struct capture *capture = &suite->captures[i];
        if (strcmp(capture->name, file) != 0)
            continue;
        capture->failed = true;
        if (excuse_of(file) < 0)
            finding(suite, file, workers, rest != NULL ? rest : verdict);
        return;
    }
    if (strcmp(file, "TOTAL") != 0)
        finding(suite, file, workers, rest != NULL ? rest : verdict);
}

static void judge(struct suite *suite, unsigned workers) {
    struct test *t = suite->test;
    struct process *p = process_start(
        t, "/usr/bin/env python3 %s/compare.py --mode %s --optional= --dir %s/truth all",
        suite->directory, suite->tunnel, suite->directory);
    process_wait(t, p);
    bool total = false;
    FILE *verdicts = fopen(p->output, "re");
    assert_non_null(verdicts);
    char line[1024];
    while (fgets(line, sizeof line, verdicts) != NULL)
        take_verdict(suite, line, workers, &total);
    fclose(verdicts);
    if (!total)
        fail_msg("compare.py came to no end: %s", process_errors(t, p));
    processes_forget(t);
}

static void run_all(struct suite *suite, const char *tunnel, unsigned workers) {
    suite->tunnel = tunnel;
    assert_int_equal(process_run(suite->test, "/usr/bin/env mkdir all"), EXIT_DONE);
    processes_forget(suite->test);
    for (unsigned i = 0; i < suite->count; i++) {
        progress(suite, workers, i);
        run_one(suite, &suite->captures[i], workers);
    }
    progress(suite, workers, suite->count);
    if (workers >= 3)
        judge(suite, workers);
    assert_int_equal(process_run(suite->test, "/usr/bin/env rm -r all"), EXIT_DONE);
    processes_forget(suite->test);
}

/* Each excused file is there, and fails. */
static void judge_excuses(struct suite *suite) {
    for (unsigned i = 0; i < EXCUSED; i++) {
        struct capture key;
        snprintf(key.name, sizeof key.name, "%s", excused[i].file);
        const struct capture *found =
            bsearch(&key, suite->captures, suite->count, sizeof key, by_name);
        if (found != NULL && found->failed)
            continue;
        suite->findings++;
        print_error("%s: %s: take it off the list (%s)\n", excused[i].file,
                    found == NULL ? "it is not there" : "it passes", excused[i].reason);
    }
}

static void every_capture_is_delivered_as_the_truth_says(void **state) {
    struct suite *suite = calloc(1, sizeof *suite);
    assert_non_null(suite);
    suite->test = *state;
    if (!find_captures(suite)) {
        free(suite);
        skip();
    }
    run_all(suite, "inner", 1);
    run_all(suite, "inner", 3);
    run_all(suite, "inner", 8);
    run_all(suite, "outer", 3);
    judge_excuses(suite);
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
