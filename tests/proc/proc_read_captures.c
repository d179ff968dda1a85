/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow-worker --read (worker/read.c, dispatcher/offline/offline.c) against a dispatcher with one
 * worker, over captures that others made: the inspectors are told the same, to the last flow end,
 * in the same order, and what is wrong with a file is said in the same words.
 */
#include "tests/lib/process.h"
#include "tests/lib/samples.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define FILES_MAX 256u

/* A text file of the test, owned by the caller; "" if it is not there. */
static char *contents(const struct test *t, const char *name) {
    char *text = NULL;
    size_t room = 0;
    FILE *file = fopen(file_in(t, name), "re");
    ssize_t length = file == NULL ? -1 : getdelim(&text, &room, '\0', file);
    if (file != NULL)
        fclose(file);
    if (length < 0) {
        free(text);
        text = strdup("");
    }
    assert_non_null(text);
    return text;
}

static bool same_contents(const struct test *t, const char *one, const char *other) {
    char *texts[] = {contents(t, one), contents(t, other)};
    bool same = strcmp(texts[0], texts[1]) == 0;
    free(texts[0]);
    free(texts[1]);
    return same;
}

/* What a program has to say, but for its name. */
static void copy_errors(struct test *t, const struct process *p, char *out, size_t room) {
    const char *text = process_errors(t, p), *error = strstr(text, "error: ");
    snprintf(out, room, "%s", error != NULL ? error : text);
}

/* A dispatcher, and one worker; returns the status of the dispatcher. */
static int run_with_dispatcher(struct test *t, const char *path, const char *options, char *errors,
                               size_t room) {
    struct process *dispatcher =
        process_start(t,
                      "flow-dispatcher -n @ -r %s -w 1 --ring-bytes 1M --hugepages never "
                      "--log-level error %s",
                      path, options);
    struct process *worker =
        process_start(t, "flow-worker-fault -n @ --log-level error "
                         "--inspector record:ring --inspector events:ring.txt");
    int status = process_wait(t, dispatcher);
    copy_errors(t, dispatcher, errors, room);
    /* Where the dispatcher refused the file its worker still waits for one. */
    if (!process_ended(t, worker) && status != EXIT_DONE)
        process_signal(worker, SIGTERM);
    process_wait(t, worker);
    return status;
}

static const char *difference(struct test *t, const char *path, const char *options) {
    static char wanted[4096], errors[4096];
    int status = run_with_dispatcher(t, path, options, wanted, sizeof wanted);
    struct process *read = process_start(t,
                                         "flow-worker-fault --read %s --log-level error %s "
                                         "--inspector record:read --inspector events:read.txt",
                                         path, options);
    int own = process_wait(t, read);
    copy_errors(t, read, errors, sizeof errors);
    char *told = contents(t, "ring.txt");
    bool refused = strstr(told, "packet") == NULL;
    free(told);
    if (own != status)
        return "exit status";
    if (strcmp(errors, wanted) != 0)
        return "what is said of it";
    if (!same_contents(t, "read/worker-0.tsv", "ring/worker-0.tsv"))
        return "the lines of record";
    if (!refused && !same_contents(t, "read.txt", "ring.txt"))
        return "packets, flow ends, or what comes with them";
    return NULL;
}

static bool is_capture(const char *name) {
    const char *suffix = strrchr(name, '.');
    return suffix != NULL && (strcmp(suffix, ".pcap") == 0 || strcmp(suffix, ".pcapng") == 0);
}

static int only_captures(const struct dirent *entry) {
    return is_capture(entry->d_name);
}

static void every_capture_is_read_as_a_worker_gets_it(struct test *t, const char *options) {
    const char *folder = samples_folder(SAMPLES_CAPTURES);
    struct dirent **entries;
    int count = scandir(folder, &entries, only_captures, alphasort);
    unsigned findings = 0;
    assert_in_range(count, 1, FILES_MAX);
    for (int i = 0; i < count; i++) {
        char path[2 * PROCESS_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        const char *what = difference(t, path, options);
        if (what != NULL)
            print_error("%s, '%s': %s\n", entries[i]->d_name, options, what);
        findings += what != NULL;
        processes_forget(t);
        assert_int_equal(process_run(t, "/usr/bin/env rm -rf read ring read.txt ring.txt"),
                         EXIT_DONE);
        processes_forget(t);
        free(entries[i]);
    }
    free(entries);
    if (findings != 0)
        fail_msg("%u of %d captures", findings, count);
}

static void captures_are_read_as_a_worker_gets_them(void **state) {
    every_capture_is_read_as_a_worker_gets_it(*state, "--max-flows 20000");
}

/* Flows that end early, for want of room, by time and by both, under larger keys. */
static void flows_end_as_those_of_a_worker(void **state) {
    every_capture_is_read_as_a_worker_gets_it(
        *state, "--max-flows 20 --timeout all=2 --key-vlan --key-tunnel --tunnel outer");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(captures_are_read_as_a_worker_gets_them),
        PROCESS_TEST(flows_end_as_those_of_a_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
