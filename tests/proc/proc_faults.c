/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small captures that were read wrongly once, with the truth beside them: TRUTH.tsv has
 * for each frame of a file the Community ID of the innermost flow. Each frame is delivered
 * once with that ID, and all frames of an ID are one flow, both directions, on one worker,
 * unless it timed out between. Files that are not there are named.
 */
#include "tests/lib/process.h"
#include "tests/lib/records.h"
#include "tests/lib/samples.h"

#include <unistd.h>

#define WORKERS 3u
#define FRAMES_MAX 64u

static const struct {
    const char *file;
    unsigned flows; /* by their timeouts; 0: one an ID, whatever the time */
} faults[] = {
    {"vxlan_rsvd24.pcap", 0}, {"geneve_rsvd.pcap", 0}, {"tencent_gre.pcap", 0},
    {"arista_ts.pcap", 0},    {"ttag.pcap", 0},        {"macsec_clear.pcap", 0},
    {"tzsp.pcap", 0},         {"capwap_8023.pcap", 0}, {"erspan_ttag_mixed.pcap", 0},
    {"srv6_l2.pcap", 0},      {"ng_mixed.pcapng", 0},  {"ng_snap.pcapng", 0},
    {"y2040.pcap", 2},  /* stamps from 2^31 on, and a silence longer than the timeout */
    {"glitch.pcap", 2}, /* one stamp a day ahead */
};

struct truth {
    uint64_t ids[FRAMES_MAX]; /* of frame i + 1 */
    uint64_t count;
};

static void read_truth(struct truth *truth, const char *directory, const char *file) {
    char path[2 * PROCESS_PATH_MAX], line[512], name[128], id[64];
    unsigned long long frame;
    snprintf(path, sizeof path, "%s/TRUTH.tsv", directory);
    FILE *rows = fopen(path, "re");
    assert_non_null(rows);
    *truth = (struct truth){.count = 0};
    while (fgets(line, sizeof line, rows) != NULL) {
        if (sscanf(line, "%127s %llu %63s", name, &frame, id) != 3 || strcmp(name, file) != 0)
            continue;
        assert_int_equal(frame, truth->count + 1);
        assert_in_range(truth->count, 0, FRAMES_MAX - 1);
        truth->ids[truth->count++] = record_id_of(id);
    }
    fclose(rows);
    assert_int_not_equal(truth->count, 0);
}

static void run_file(struct test *t, const char *directory, const char *file, const char *options) {
    struct process *workers[WORKERS];
    struct process *dispatcher =
        process_start(t,
                      "flow-dispatcher -n @ -r %s/%s -w %u --ring-bytes 1M --max-flows 1000 "
                      "--log-level warning --report out.json%s",
                      directory, file, WORKERS, options);
    for (unsigned k = 0; k < WORKERS; k++)
        workers[k] = process_start(
            t, "flow-worker -n @ -k %u --inspector record:%s.d --log-level warning", k, file);
    process_expect(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < WORKERS; k++)
        process_expect(t, workers[k], EXIT_DONE);
    processes_forget(t);
}

static void expect_truth(struct test *t, const struct truth *truth, const char *file,
                         unsigned flows) {
    char folder[128];
    struct records records;
    snprintf(folder, sizeof folder, "%s.d", file);
    records_read(&records, file_in(t, folder));
    expect_all_inspected(report_of(t, "out.json"), (json_int_t)truth->count);
    if (flows != 0)
        expect_number(t->report, "flows.created", flows);
    expect_frames_once(&records, truth->count);
    expect_flows_in_order(&records, false);
    records_by_frame(&records);
    for (uint64_t i = 0; i < truth->count; i++) {
        const struct record *row = &records.rows[i];
        if (row->id != truth->ids[i])
            fail_msg("%s: frame %u has another Community ID", file, (unsigned)i + 1);
        for (uint64_t k = 0; k < i && flows == 0; k++) {
            const struct record *other = &records.rows[k];
            if ((truth->ids[k] == truth->ids[i]) != (other->flow == row->flow))
                fail_msg("%s: frames %u and %u: one flow or two?", file, (unsigned)k + 1,
                         (unsigned)i + 1);
        }
    }
    records_free(&records);
}

static void every_header_is_read_as_the_truth_says(void **state) {
    struct test *t = *state;
    const char *directory = samples_folder(SAMPLES_FAULTS);
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
        const char *file = faults[i].file;
        char path[2 * PROCESS_PATH_MAX];
        struct truth truth;
        snprintf(path, sizeof path, "%s/%s", directory, file);
        if (access(path, R_OK) != 0) {
            print_message("%s is not there\n", path);
            continue;
        }
        read_truth(&truth, directory, file);
        for (unsigned preload = 0; preload < 2; preload++) {
            char options[64];
            snprintf(options, sizeof options, "%s%s", preload ? " --preload" : "",
                     faults[i].flows == 0 ? " --timeout all=never" : "");
            run_file(t, directory, file, options);
            expect_truth(t, &truth, file, faults[i].flows);
            char remove[PROCESS_PATH_MAX + 128];
            snprintf(remove, sizeof remove, "rm -rf %s.d", file_in(t, file));
            assert_int_equal(system(remove), 0);
        }
    }
}

/* Copies a file, with this port in the place of VXLAN's. */
static void copy_with_port(const char *from, const char *to, uint16_t port) {
    uint8_t bytes[1 << 14];
    FILE *file = fopen(from, "re");
    if (file == NULL)
        SKIP("%s is not there", from);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t i = 0; i + 1 < n; i++) {
        if (bytes[i] == 0x12 && bytes[i + 1] == 0xb5) {
            bytes[i] = (uint8_t)(port >> 8);
            bytes[i + 1] = (uint8_t)port;
        }
    }
    file = fopen(to, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static void tunnel_is_found_on_the_port_that_is_told(void **state) {
    static const char file[] = "vxlan_rsvd24.pcap";
    struct test *t = *state;
    const char *directory = samples_folder(SAMPLES_FAULTS);
    char path[2 * PROCESS_PATH_MAX];
    struct truth truth;
    snprintf(path, sizeof path, "%s/%s", directory, file);
    copy_with_port(path, file_in(t, file), 50001);
    read_truth(&truth, directory, file);
    run_file(t, t->directory, file, " --timeout all=never --tunnel-port vxlan=4789,50001");
    expect_truth(t, &truth, file, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(every_header_is_read_as_the_truth_says),
        PROCESS_TEST(tunnel_is_found_on_the_port_that_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
