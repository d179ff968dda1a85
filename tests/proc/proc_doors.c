/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared captures through each way out of a worker: worker/inspectors/exec.c,
 * worker/inspectors/pcap.c, and tcpdump, tshark and Python with libflowbalancer-pcap.so. What comes
 * out between all workers is what went in, to the nanosecond. tshark, which takes seconds to start,
 * has one number of workers; with FB_FULL set all of them.
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

/* A way out: what came out into files out-N/part... for each number N of workers, which is # in the
 * value. */
struct way {
    const char *option, *value;
    const char *begin; /* of the names of the files; NULL: part */
    bool has_us;       /* it has times in microseconds */
    bool is_slow;      /* one number of workers only */
};

static void expect_all_out(struct test *t, const struct way *way) {
    struct content wanted = {.has_us = way->has_us};
    assert_in_range(content_add_all(&wanted, t, "captures", ""), 50, 200);
    for (unsigned i = 0; i < 3; i++) {
        struct content found = {.has_us = way->has_us};
        if (way->is_slow && i != 1 && getenv("FB_FULL") == NULL)
            continue;
        char command[128], words[256], folder[16];
        unsigned workers = numbers_of_workers[i];
        snprintf(folder, sizeof folder, "out-%u", workers);
        assert_int_equal(mkdir(file_in(t, folder), 0700), 0);
        snprintf(command, sizeof command,
                 "flow-balancer run -n @ -r captures -w %u --report out.json", workers);
        snprintf(words, sizeof words, "%s", way->value);
        *strchr(words, '#') = (char)('0' + workers);
        process_expect(t, process_start_with(t, command, way->option, words), EXIT_DONE);
        expect_all_inspected(report_of(t, "out.json"), (json_int_t)wanted.packets);
        content_add_all(&found, t, folder, way->begin != NULL ? way->begin : "part");
        expect_same_content(&wanted, &found);
        processes_forget(t);
    }
}

#define EXPECT_ALL_OUT(t, ...) expect_all_out(t, &(const struct way){__VA_ARGS__})

static void of_children_that_read_a_pipe(void **state) {
    struct test *t = *state;
    link_captures(t, NULL);
    EXPECT_ALL_OUT(t, .option = "--inspector", .value = "exec:sh -c 'exec cat >out-#/part-%k-%l'");
}

static void of_children_that_are_tcpdump(void **state) {
    struct test *t = *state;
    if (access("/usr/bin/tcpdump", X_OK) != 0)
        SKIP("tcpdump is not installed");
    link_captures(t, NULL);
    EXPECT_ALL_OUT(t, .option = "--inspector",
                   .value = "exec:/usr/bin/tcpdump -Z root --nano -r - -w out-#/part-%k-%l");
}

static void of_files(void **state) {
    struct test *t = *state;
    link_captures(t, NULL);
    EXPECT_ALL_OUT(t, .option = "--inspector", .value = "pcap:out-#,size=1M", .begin = "worker");
}

/* A handle has one link type. */
static void of_tcpdumps_in_the_place_of_workers(void **state) {
    struct test *t = *state;
    if (access("/usr/bin/tcpdump", X_OK) != 0)
        SKIP("tcpdump is not installed");
    link_captures(t, "EN10MB");
    EXPECT_ALL_OUT(t, .option = "--attach",
                   .value = "/usr/bin/tcpdump -Z root --nano -i %d -U -w out-#/part-%k-%r");
}

static void of_tsharks_in_the_place_of_workers(void **state) {
    struct test *t = *state;
    if (access("/usr/bin/tshark", X_OK) != 0)
        SKIP("tshark is not installed");
    link_captures(t, "EN10MB");
    EXPECT_ALL_OUT(t, .option = "--attach", .value = "/usr/bin/tshark -q -i %d -w out-#/part-%k-%r",
                   .is_slow = true);
}

static void of_python_in_the_place_of_workers(void **state) {
    struct test *t = *state;
    const char *const probe[] = {"/usr/bin/python3", "-c", "import pcapy", NULL};
    if (process_wait(t, process_start_words(t, probe)) != EXIT_DONE)
        SKIP("no pcapy: install python3-pcapy");
    processes_forget(t);
    FILE *script = fopen(file_in(t, "write.py"), "we");
    assert_non_null(script);
    fputs("import pcapy, sys\n"
          "reader = pcapy.open_live(sys.argv[1], 262144, 1, 100)\n"
          "writer = reader.dump_open(sys.argv[2])\n"
          "while True:\n"
          "    header, data = reader.next()\n"
          "    if header is None:\n"
          "        break\n"
          "    writer.dump(header, data)\n",
          script);
    assert_int_equal(fclose(script), 0);
    link_captures(t, "EN10MB");
    EXPECT_ALL_OUT(t, .option = "--attach",
                   .value = "/usr/bin/python3 write.py %d out-#/part-%k-%r", .has_us = true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(of_children_that_read_a_pipe),
        PROCESS_TEST(of_children_that_are_tcpdump),
        PROCESS_TEST(of_files),
        PROCESS_TEST(of_tcpdumps_in_the_place_of_workers),
        PROCESS_TEST(of_tsharks_in_the_place_of_workers),
        PROCESS_TEST(of_python_in_the_place_of_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
