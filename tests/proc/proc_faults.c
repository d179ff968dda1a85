/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small captures that were read wrongly once, with the truth beside them: each frame is
 * delivered once, with the Community ID that an independent decoder gives it, and in as
 * many flows as there are.
 */
#include "tests/lib/process.h"
#include "tests/lib/samples.h"

#include <unistd.h>

#define FRAMES_MAX 64u

static const struct {
    const char *file;
    unsigned flows;
    const char *what;
} faults[] = {
    {"ng_mixed.pcapng", 1, "interfaces of two link types"},
    {"ng_snap.pcapng", 1, "interfaces of two snapshot lengths"},
    {"y2040.pcap", 2, "stamps from 2^31 on, and a silence longer than the timeout"},
};

struct truth {
    char ids[FRAMES_MAX][64]; /* of frame i + 1 */
    unsigned count;
};

static struct truth read_truth(const char *folder, const char *file) {
    struct truth truth = {.count = 0};
    char path[PROCESS_PATH_MAX + 16], line[512], name[128], id[64];
    unsigned frame;
    snprintf(path, sizeof path, "%s/TRUTH.tsv", folder);
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    while (fgets(line, sizeof line, in) != NULL) {
        if (sscanf(line, "%127s %u %63s", name, &frame, id) != 3 || strcmp(name, file) != 0)
            continue;
        assert_int_equal(frame, truth.count + 1);
        assert_in_range(frame, 1, FRAMES_MAX);
        memcpy(truth.ids[truth.count++], id, sizeof id);
    }
    fclose(in);
    assert_int_not_equal(truth.count, 0);
    return truth;
}

/* What the one worker recorded: frames in their order, their IDs, and how many flows began. */
static void judge_records(struct test *t, const char *what, const struct truth *truth,
                          unsigned flows) {
    char line[512], id[64], flags[64];
    unsigned count = 0, begun = 0, frame;
    FILE *in = fopen(file_in(t, "rec/worker-0.tsv"), "re");
    assert_non_null(in);
    while (fgets(line, sizeof line, in) != NULL) {
        if (sscanf(line, "%u %*u %63s %*u %*u %*u %*u %63s", &frame, id, flags) != 3)
            fail_msg("%s: %s", what, line);
        if (frame != ++count || frame > truth->count || strcmp(id, truth->ids[frame - 1]) != 0)
            fail_msg("%s: frame %u of %u has %s", what, frame, truth->count, id);
        begun += strstr(flags, "start") != NULL;
    }
    fclose(in);
    unlink(file_in(t, "rec/worker-0.tsv"));
    if (count != truth->count || begun != flows)
        fail_msg("%s: %u frames in %u flows", what, count, begun);
}

static void captures_that_were_read_wrongly_are_read_rightly(void **state) {
    struct test *t = *state;
    const char *folder = samples_folder(SAMPLES_FAULTS);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct truth truth = read_truth(folder, faults[i].file);
        for (unsigned preload = 0; preload < 2; preload++) {
            process_start(t, "flow-worker -n @ --inspector record:rec");
            struct process *run = process_start(t, "flow-dispatcher -n @ -r %s/%s -w 1%s", folder,
                                                faults[i].file, preload ? " --preload" : "");
            for (unsigned k = 0; k < t->count; k++)
                process_expect(t, &t->processes[k], EXIT_DONE);
            if (strstr(process_errors(t, run), ": error: ") != NULL)
                fail_msg("%s: %s", faults[i].what, t->text);
            judge_records(t, faults[i].what, &truth, faults[i].flows);
            processes_forget(t);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(captures_that_were_read_wrongly_are_read_rightly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
