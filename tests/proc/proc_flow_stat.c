/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/flow_stat.c, shm/view/text.c, shm/view/ring.c and shm/view/watch.c themselves, against an
 * instance whose dispatcher is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"
#include "flow_balancer/sides.h"
#include "flow_balancer/stats.h"

/* flow-stat itself, against an instance whose dispatcher is this test. */
#define WORKERS 3u
#define OUTPUT_MAX 65536u

struct instance {
    struct fb_ctl_handle handle;
    char name[FB_NAME_MAX + 1];
    struct fb_region up[WORKERS];
    char output[OUTPUT_MAX]; /* of the last flow-stat, both streams unless told otherwise */
};

static int set_up(void **state) {
    struct instance *in = calloc(1, sizeof *in);
    assert_non_null(in);
    snprintf(in->name, sizeof in->name, "proc-flow-stat-%ld", (long)getpid());
    assert_int_equal(fb_ctl_create(&in->handle, in->name), 0);
    struct fb_ctl *ctl = in->handle.ctl;
    ctl->geometry = (struct fb_geometry){.workers = WORKERS, .max_workers = WORKERS};
    for (unsigned k = 0; k < WORKERS; k++) {
        const struct fb_region_config config = {.instance = in->name,
                                                .kind = FB_KIND_UP,
                                                .worker = k,
                                                .size = fb_up_footprint(),
                                                .hugepages = FB_HUGEPAGES_NEVER,
                                                .node = -1};
        assert_int_equal(fb_region_create(&in->up[k], &config), 0);
        fb_up_format(in->up[k].base, ctl->header.instance, k, 1, 0);
        assert_int_equal(fb_region_place(&in->up[k], &config), 0);
        fb_up_set_counter(in->up[k].base, FB_WORKER_PACKETS, 70 + k);
        fb_ctl_set_epoch(ctl, k, 1);
        fb_ctl_set_state(ctl, k, FB_STATE_READY);
    }
    struct fb_snapshot snapshot = {.run = {[FB_RUN_RECEIVED] = 5}};
    snapshot.lane[1][FB_LANE_ENTERED] = snapshot.lane[1][FB_LANE_INSPECTED] = 5;
    fb_ctl_write_snapshot(ctl, &snapshot, WORKERS);
    fb_ctl_format(&in->handle);
    *state = in;
    return 0;
}

static int tear_down(void **state) {
    struct instance *in = *state;
    for (unsigned k = 0; k < WORKERS; k++)
        fb_region_close(&in->up[k]);
    fb_ctl_destroy(&in->handle);
    free(in);
    return 0;
}

/* Runs flow-stat and returns its exit status; -1 if it died of a signal. */
static int flow_stat(struct instance *in, const char *arguments) {
    const char *build = getenv("FB_BUILD");
    char command[512];
    snprintf(command, sizeof command, "exec '%s/flow-stat' 2>&1 %s",
             build != NULL ? build : "build", arguments);
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    size_t n = fread(in->output, 1, sizeof in->output - 1, pipe);
    in->output[n] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int flow_stat_of(struct instance *in, const char *options) {
    char arguments[128];
    snprintf(arguments, sizeof arguments, "-n %s %s", in->name, options);
    return flow_stat(in, arguments);
}

static json_int_t self_packets(const json_t *report, size_t k) {
    const json_t *worker = json_array_get(json_object_get(report, "workers"), k);
    return json_integer_value(json_object_get(worker, "self_packets"));
}

static json_t *json_report(struct instance *in) {
    assert_int_equal(flow_stat_of(in, "--json 2>/dev/null"), 0);
    json_t *report = json_loads(in->output, 0, NULL);
    if (report == NULL)
        fail_msg("not JSON: %s", in->output);
    return report;
}

static void expect_one_line_with(const struct instance *in, const char *part) {
    if (strstr(in->output, part) == NULL || strcspn(in->output, "\n") + 1 != strlen(in->output))
        fail_msg("not one line with '%s': %s", part, in->output);
}

static bool view_has_curses(struct instance *in) {
    assert_int_equal(flow_stat(in, "--version"), 0);
    return strstr(in->output, "terminal: ncurses ") != NULL;
}

/* ---- refusals */

static void wrong_usage_is_one_line_and_2(void **state) {
    struct instance *in = *state;
    assert_int_equal(flow_stat(in, "--whatever"), 2);
    expect_one_line_with(in, "--whatever");
    assert_int_equal(flow_stat(in, "--watch --json"), 2);
    expect_one_line_with(in, "--json: it goes with");
    assert_int_equal(flow_stat(in, "--interval 2"), 2);
    expect_one_line_with(in, "--interval: it goes with");
    assert_int_equal(flow_stat(in, "-1 --interval 0.09"), 2);
    expect_one_line_with(in, "--interval '0.09'");
    assert_int_equal(flow_stat(in, "-1 --interval 3601"), 2);
    expect_one_line_with(in, "--interval '3601'");
    assert_int_equal(flow_stat(in, "extra"), 2);
    expect_one_line_with(in, "extra");
    assert_int_equal(flow_stat(in, "-n ../x"), 2);
    expect_one_line_with(in, "'../x'");
    assert_int_equal(flow_stat(in, "-n"), 2);
    expect_one_line_with(in, "-n");
}

static void an_instance_that_is_not_there_is_one_line_and_1(void **state) {
    struct instance *in = *state;
    assert_int_equal(flow_stat(in, "-n no-such-instance --json"), 1);
    expect_one_line_with(in, "instance 'no-such-instance' is not running");
    assert_int_equal(flow_stat(in, "-n no-such-instance -1"), 1);
    expect_one_line_with(in, "instance 'no-such-instance' is not running");
}

static void a_picture_for_no_terminal_is_refused(void **state) {
    struct instance *in = *state;
    const char *why = view_has_curses(in) ? "standard output is not a terminal" : "ncurses";
    assert_int_equal(flow_stat_of(in, "--watch </dev/null"), 1);
    expect_one_line_with(in, why);
}

static void an_instance_whose_dispatcher_is_dead_is_not_running(void **state) {
    struct instance *in = *state;
    /* As a death frees it: the last references to the locked description go. */
    char path[FB_PATH_MAX];
    snprintf(path, sizeof path, "%s", in->handle.region.path);
    fb_region_close(&in->handle.region);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(flow_stat_of(in, ""), 1);
    expect_one_line_with(in, "is not running");
    assert_int_equal(fb_ctl_clean(in->name), 0);
}

static void a_truncated_up_side_says_nothing_and_kills_no_process(void **state) {
    struct instance *in = *state;
    assert_int_equal(truncate(in->up[0].path, 0), 0);
    assert_int_equal(truncate(in->up[1].path, 64), 0); /* a header, and the rest beyond the end */
    json_t *report = json_report(in);
    assert_int_equal(self_packets(report, 0), 0);
    assert_int_equal(self_packets(report, 1), 0);
    assert_int_equal(self_packets(report, 2), 72);
    json_decref(report);
}

static void an_up_side_of_another_run_or_none_is_passed_over(void **state) {
    struct instance *in = *state;
    struct fb_up *up = in->up[0].base;
    up->header.instance[0] ^= 1;
    assert_int_equal(unlink(in->up[1].path), 0);
    json_t *report = json_report(in);
    assert_int_equal(self_packets(report, 0), 0);
    assert_int_equal(self_packets(report, 1), 0);
    assert_int_equal(self_packets(report, 2), 72);
    json_decref(report);
}

/* Where the dispatcher has made none the name is anybody's. */
static void what_has_the_name_of_a_number_that_was_never_offered_is_not_looked_at(void **state) {
    struct instance *in = *state;
    fb_ctl_set_epoch(in->handle.ctl, 1, 0);
    assert_int_equal(unlink(in->up[1].path), 0);
    assert_int_equal(symlink("/etc/passwd", in->up[1].path), 0);
    int status = flow_stat_of(in, "--json");
    assert_int_equal(unlink(in->up[1].path), 0);
    assert_int_equal(status, 0);
    assert_int_equal(in->output[0], '{'); /* no line of its log comes first */
    assert_null(strstr(in->output, "cannot open"));
}

/* ---- what it shows */

static void json_has_the_ledger_and_what_the_workers_say(void **state) {
    struct instance *in = *state;
    json_t *report = json_report(in);
    const json_t *ledger = json_object_get(report, "ledger");
    assert_true(json_is_true(json_object_get(ledger, "balanced")));
    assert_int_equal(json_integer_value(json_object_get(ledger, "inspected")), 5);
    assert_int_equal(self_packets(report, 1), 71);
    json_decref(report);
}

static void counters_that_inspectors_name_are_shown_and_what_is_no_name_is_not(void **state) {
    struct instance *in = *state;
    for (unsigned k = 0; k < WORKERS; k++) {
        struct fb_up *up = in->up[k].base;
        assert_true(fb_up_name_stat(up, 0, "ids", "alerts"));
        assert_true(fb_up_name_stat(up, 1, "ids", k == 2 ? "flows" : "bytes"));
        fb_up_set_stat(up, 0, 10 + k);
        fb_up_set_stats(up, 2);
    }
    struct fb_up *liar = in->up[1].base;
    memcpy(&liar->stat_names[1], "\x1b[2Jx.y\n", 9);
    memset(&liar->stat_names[2], 0xff, sizeof liar->stat_names[2]);
    atomic_store(&liar->stats, UINT64_MAX);
    json_t *report = json_report(in);
    char *sums = json_dumps(json_object_get(report, "inspectors"), JSON_COMPACT);
    assert_string_equal(sums, "{\"ids\":{\"alerts\":33,\"bytes\":0,\"flows\":0}}");
    free(sums);
    json_decref(report);
    assert_int_equal(flow_stat_of(in, ""), 0);
    assert_non_null(strstr(in->output, "inspectors, all together:\n             33  ids.alerts\n"));
    assert_non_null(strstr(in->output, "worker 1: 63 counters of its inspectors are left out"));
    assert_null(strchr(in->output, '\x1b'));
}

static void text_names_dispatcher_geometry_and_workers(void **state) {
    struct instance *in = *state;
    char pid[64];
    snprintf(pid, sizeof pid, "dispatcher: pid %ld, starting, heartbeat ", (long)getpid());
    assert_int_equal(flow_stat_of(in, ""), 0);
    assert_non_null(strstr(in->output, pid));
    assert_non_null(strstr(in->output, "geometry: 3 workers of at most 3"));
    assert_non_null(strstr(in->output, "ledger: BALANCED"));
    assert_non_null(strstr(in->output, "     2 ready "));
}

static void help_and_version_need_no_instance(void **state) {
    struct instance *in = *state;
    assert_int_equal(flow_stat(in, "--help"), 0);
    assert_non_null(strstr(in->output, "--json"));
    assert_int_equal(flow_stat(in, "--version"), 0);
    assert_ptr_equal(strstr(in->output, "flow-stat " FB_VERSION "\nterminal: "), in->output);
    assert_non_null(strstr(in->output, "\nserved metrics: "));
}

/* This test makes no down sides but that one. */
static void a_ring_is_words_and_a_sentence(void **state) {
    struct instance *in = *state;
    struct fb_ctl *ctl = in->handle.ctl;
    struct fb_geometry geometry = {.depth = 8, .slots = 16, .worker_burst = 4, .arena_bytes = 4096};
    const struct fb_region_config config = {.instance = in->name,
                                            .kind = FB_KIND_DOWN,
                                            .worker = 1,
                                            .size = fb_down_footprint(&geometry),
                                            .hugepages = FB_HUGEPAGES_NEVER,
                                            .node = -1};
    struct fb_region down;
    assert_int_equal(fb_region_create(&down, &config), 0);
    fb_down_format(down.base, &geometry, ctl->header.instance, 1, 0);
    assert_int_equal(fb_region_place(&down, &config), 0);
    snprintf(ctl->directory[1].down_path, FB_PATH_MAX, "%s", down.path);
    atomic_store(&((struct fb_down *)down.base)->published, 6);
    assert_int_equal(flow_stat_of(in, "--ring 1"), 0);
    assert_non_null(strstr(in->output, ": ready\ngeometry: 8 packets in 16 descriptors, 4 KB"));
    assert_non_null(strstr(in->output, "                         6  published "));
    assert_non_null(strstr(in->output, "meaning: it is offered: 6 packets wait for a process"));
    assert_int_equal(flow_stat_of(in, "--ring 1 --json 2>/dev/null"), 0);
    json_t *ring = json_loads(in->output, 0, NULL);
    assert_non_null(ring);
    const json_t *up = json_object_get(ring, "up");
    assert_int_equal(json_integer_value(json_object_get(up, "waiting")), 6);
    assert_string_equal(json_string_value(json_object_get(up, "lock")), "free");
    json_decref(ring);
    assert_int_equal(truncate(in->up[1].path, 0), 0);
    assert_int_equal(flow_stat_of(in, "--ring 1 --json 2>/dev/null"), 0);
    assert_non_null(strstr(in->output, "\"up\": null"));
    assert_int_equal(flow_stat_of(in, "--ring 1 >/dev/full"), 1);
    fb_region_close(&down);
    assert_int_equal(flow_stat_of(in, "--ring 3"), 1);
    expect_one_line_with(in, "--ring '3': the instance has worker numbers 0 to 2");
    assert_int_equal(flow_stat(in, "-n no-such-instance --ring 0"), 1);
    expect_one_line_with(in, "instance 'no-such-instance' is not running");
}

/* Its width is that of COLUMNS, or 100. */
static void one_picture_is_text(void **state) {
    struct instance *in = *state;
    assert_int_equal(flow_stat_of(in, "-1 --interval 0.1"), 0);
    assert_non_null(strstr(in->output, "\n   # state    pkts/s share"));
    assert_non_null(strstr(in->output, "\n   2 ready         0    0%"));
    assert_null(strchr(in->output, '\x1b'));
    assert_int_equal(strcspn(in->output, "\n"), 100);
    assert_int_equal(setenv("COLUMNS", "70", 1), 0);
    assert_int_equal(flow_stat_of(in, "--watch -1 --interval 0.1"), 0);
    assert_int_equal(strcspn(in->output, "\n"), 70);
    assert_int_equal(setenv("COLUMNS", "many", 1), 0);
    assert_int_equal(flow_stat_of(in, "-1 --interval 0.1"), 0);
    assert_int_equal(strcspn(in->output, "\n"), 100);
    unsetenv("COLUMNS");
}

static void one_picture_that_cannot_be_written_is_an_error(void **state) {
    struct instance *in = *state;
    assert_int_equal(flow_stat_of(in, "-1 --interval 0.1 >/dev/full"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    fb_log_init("proc_flow_stat", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(wrong_usage_is_one_line_and_2),
        TEST(an_instance_that_is_not_there_is_one_line_and_1),
        TEST(an_instance_whose_dispatcher_is_dead_is_not_running),
        TEST(a_truncated_up_side_says_nothing_and_kills_no_process),
        TEST(an_up_side_of_another_run_or_none_is_passed_over),
        TEST(what_has_the_name_of_a_number_that_was_never_offered_is_not_looked_at),
        TEST(json_has_the_ledger_and_what_the_workers_say),
        TEST(counters_that_inspectors_name_are_shown_and_what_is_no_name_is_not),
        TEST(text_names_dispatcher_geometry_and_workers),
        TEST(help_and_version_need_no_instance),
        TEST(a_picture_for_no_terminal_is_refused),
        TEST(a_ring_is_words_and_a_sentence),
        TEST(one_picture_is_text),
        TEST(one_picture_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
