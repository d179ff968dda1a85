/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared captures through each way out of a worker: worker/inspectors/exec.c,
 * worker/inspectors/pcap.c, and tcpdump with libflowbalancer-pcap.so. What comes out between all
 * workers is what went in, to the nanosecond.
 */
#include "tests/lib/content.h"
#include "tests/lib/samples.h"

#include <sys/stat.h>
#include <unistd.h>

static const unsigned numbers_of_workers[] = {1, 2, 4};

/* Links to the captures, in `captures`: those that end as they should; of one link type, or NULL.
 */
static void link_captures(struct test *t, const char *link_type) {
    char path[PROCESS_PATH_MAX], folder[PROCESS_PATH_MAX], line[2048];
    snprintf(folder, sizeof folder, "%s", samples_folder(SAMPLES_CAPTURES));
    snprintf(path, sizeof path, "%.200s/INDEX.tsv", folder);
    FILE *index = fopen(path, "re");
    if (index == NULL)
        SKIP("no INDEX.tsv in %s", folder);
    assert_int_equal(mkdir(file_in(t, "captures"), 0700), 0);
    while (fgets(line, sizeof line, index) != NULL) {
        char *column[17], *rest = line, to[160];
        unsigned count = 0;
        while (count < 17 && (column[count] = strsep(&rest, "\t")) != NULL)
            count++;
        if (count < 17 || strcmp(column[16], "-") != 0 || /* of the file's error, and its format */
            strcmp(column[8], "pcap") != 0 ||
            (link_type != NULL && strcmp(column[9], link_type) != 0))
            continue;
        snprintf(path, sizeof path, "%.150s/%.100s", folder, column[0]);
        snprintf(to, sizeof to, "captures/%.100s", column[0]);
        assert_int_equal(symlink(path, file_in(t, to)), 0);
    }
    fclose(index);
}

/* What came out into files out-N/BEGIN..., for each number N of workers, which is # in the value.
 */
static void expect_all_out(struct test *t, const char *option, const char *value,
                           const char *begin) {
    struct content wanted = {.packets = 0};
    assert_in_range(content_add_all(&wanted, t, "captures", ""), 50, 200);
    for (unsigned i = 0; i < 3; i++) {
        struct content found = {.packets = 0};
        char command[128], words[256], folder[16];
        unsigned workers = numbers_of_workers[i];
        snprintf(folder, sizeof folder, "out-%u", workers);
        assert_int_equal(mkdir(file_in(t, folder), 0700), 0);
        snprintf(command, sizeof command,
                 "flow-balancer run -n @ -r captures -w %u --report out.json", workers);
        snprintf(words, sizeof words, "%s", value);
        *strchr(words, '#') = (char)('0' + workers);
        process_expect(t, process_start_with(t, command, option, words), EXIT_DONE);
        expect_all_inspected(report_of(t, "out.json"), (json_int_t)wanted.packets);
        content_add_all(&found, t, folder, begin);
        expect_same_content(&wanted, &found);
        processes_forget(t);
    }
}

static void of_children_that_read_a_pipe(void **state) {
    struct test *t = *state;
    link_captures(t, NULL);
    expect_all_out(t, "--inspector", "exec:sh -c 'exec cat >out-#/part-%k-%l'", "part");
}

static void of_children_that_are_tcpdump(void **state) {
    struct test *t = *state;
    if (access("/usr/bin/tcpdump", X_OK) != 0)
        SKIP("tcpdump is not installed");
    link_captures(t, NULL);
    expect_all_out(t, "--inspector",
                   "exec:/usr/bin/tcpdump -Z root --nano -r - -w out-#/part-%k-%l", "part");
}

static void of_files(void **state) {
    struct test *t = *state;
    link_captures(t, NULL);
    expect_all_out(t, "--inspector", "pcap:out-#,size=1M", "worker");
}

/* A handle has one link type. */
static void of_tcpdumps_in_the_place_of_workers(void **state) {
    struct test *t = *state;
    if (access("/usr/bin/tcpdump", X_OK) != 0)
        SKIP("tcpdump is not installed");
    link_captures(t, "EN10MB");
    expect_all_out(t, "--attach", "/usr/bin/tcpdump -Z root --nano -i %d -U -w out-#/part-%k-%r",
                   "part");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(of_children_that_read_a_pipe),
        PROCESS_TEST(of_children_that_are_tcpdump),
        PROCESS_TEST(of_files),
        PROCESS_TEST(of_tcpdumps_in_the_place_of_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
