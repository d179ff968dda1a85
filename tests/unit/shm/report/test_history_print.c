/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/history_print.c: a history as text, its end alone, and as a file that may say
 * anything. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/history_report.h"

static struct caught caught;
static char printed[65536];

static int in_utc(void **state) {
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    return 0;
}

static json_t *sample(double time, int received, int ring_full, int first, int second) {
    return json_pack(
        "{s:f, s:i, s:i, s:i, s:i, s:{s:i, s:i}, s:i, s:i, s:i, s:i, s:[{s:i}, {s:i}]}", "time",
        time, "received", received, "inspected", received, "in_flight", 7, "bytes", 1000 * received,
        "dropped", "ring_full", ring_full, "no_worker", 0, "kernel_drops", 0, "interface_drops", 0,
        "flows_active", 12, "flows_created", received / 10, "workers", "packets", first, "packets",
        second);
}

static json_t *event(double time, const char *level, const char *text) {
    return json_pack("{s:f, s:s, s:s}", "time", time, "severity", level, "text", text);
}

static json_t *make(void) {
    return json_pack("{s:s, s:s, s:s, s:[o, o, o], s:[o, o]}", "schema", FB_HISTORY_SCHEMA,
                     "instance", "test", "version", "1", "samples", sample(100, 0, 0, 0, 0),
                     sample(101, 2000, 0, 1500, 500), sample(103, 6000, 300, 1500, 4500), "events",
                     event(100.5, "info", "it began"), event(102.25, "warning", "it died"));
}

static const char *print(const json_t *history) {
    FILE *out = fmemopen(printed, sizeof printed, "w");
    assert_non_null(out);
    fb_history_print(out, history);
    fclose(out);
    return printed;
}

#define HEADING                                                                                    \
    "                                                                         | dropped a second " \
    "by                 | % of the packets\n"                                                      \
    "time      received/s inspected/s     MB/s   flows/s     flows   backlog |      nic   kernel " \
    "    ring no worker |   0   1\n"

static void rates_and_shares_are_those_between_two_samples_with_what_happened_there(void **state) {
    (void)state;
    json_t *history = make();
    assert_string_equal(
        print(history),
        "instance 'test', version 1, 3 samples\n"
        "00:01:40.500  info: it began\n" HEADING
        "00:01:41       2,000       2,000      2.0       200        12         7 |        0        "
        "0        0         0 |  75  25\n"
        "00:01:42.250  warning: it died\n"
        "00:01:43       2,000       2,000      2.0       200        12         7 |        0        "
        "0      150         0 |   0 100\n");
    json_decref(history);
}

static void the_end_alone_has_the_rates_that_it_had(void **state) {
    (void)state;
    json_t *history = make();
    fb_history_cut(history, 1);
    assert_string_equal(
        print(history),
        "instance 'test', version 1, 2 samples\n"
        "00:01:42.250  warning: it died\n" HEADING
        "00:01:43       2,000       2,000      2.0       200        12         7 |        0        "
        "0      150         0 |   0 100\n");
    fb_history_cut(history, 1000);
    assert_int_equal(json_array_size(json_object_get(history, "samples")), 2);
    json_decref(history);
}

static void of_many_workers_only_the_first_and_the_last_have_a_share(void **state) {
    (void)state;
    json_t *history = make();
    for (size_t i = 0; i < 3; i++) {
        json_t *workers =
            json_object_get(json_array_get(json_object_get(history, "samples"), i), "workers");
        for (int k = 2; k < 20; k++)
            json_array_append_new(workers, json_pack("{s:i}", "packets", (int)i * 100));
    }
    print(history);
    assert_non_null(strstr(printed, "(worker)\n"));
    assert_non_null(strstr(printed, "|  most 39 (0), least 3 (2)\n"));
    assert_non_null(strstr(printed, "|  most 69 (1), least 0 (0)\n"));
    json_decref(history);
}

static void a_clock_that_was_set_back_makes_no_nonsense(void **state) {
    (void)state;
    json_t *history = json_pack("{s:[o, o]}", "samples", sample(500, 10, 0, 10, 0),
                                sample(100, 2010, 0, 1010, 1000));
    print(history);
    assert_non_null(strstr(printed, "00:01:40       2,000 "));
    json_decref(history);
}

/* ---- files */

static int load(const char *text, json_t **history) {
    char path[] = "/tmp/test-history-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int error = fb_history_load(path, history);
    unlink(path);
    return error;
}

static void what_was_written_is_read_again(void **state) {
    (void)state;
    char path[] = "/tmp/test-history-XXXXXX", before[sizeof printed];
    close(mkstemp(path));
    json_t *history = make(), *again = NULL;
    assert_int_equal(fb_history_write(history, path), 0);
    assert_int_equal(fb_history_load(path, &again), 0);
    strcpy(before, print(history));
    assert_string_equal(print(again), before);
    json_decref(again);
    json_decref(history);
    unlink(path);
}

static void a_file_that_is_no_history_is_refused_in_one_line(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "x", "[]", "{}", "{\"schema\":7}", "{\"schema\":\"flow-balancer.report/1\"}"};
    json_t *history;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        catch_begin(&caught);
        int error = load(texts[i], &history);
        expect_one_line(catch_end(&caught), "flow-stat --history --json");
        assert_int_equal(error, -EBADMSG);
        assert_null(history);
    }
    catch_begin(&caught);
    int error = fb_history_load("/nonexistent/x", &history);
    expect_one_line(catch_end(&caught), "/nonexistent/x");
    assert_int_equal(error, -ENOENT);
}

/* Whatever it says, it is printed without harm to the terminal. */
static void a_file_may_say_anything(void **state) {
    (void)state;
    static const char *const texts[] = {
        "\"samples\":7,\"events\":{}",
        "\"samples\":[1,null,[],{\"time\":\"x\"}],\"events\":[1,{\"text\":7}]",
        "\"samples\":[{\"time\":-1e300},{\"time\":1e300,\"received\":9223372036854775807}]",
        ("\"samples\":[{\"time\":1,\"received\":-5,\"workers\":{}},"
         "{\"time\":1.0000001,\"received\":9223372036854775807,\"dropped\":[],\"workers\":[1,2,{}]}"
         "]"),
        ("\"instance\":\"\\u001b[2J\",\"version\":\"a\\nb\","
         "\"events\":[{\"severity\":\"\\u0007\",\"text\":\"\\u001b]0;x\\u007f\"}]"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"schema\":\"%s\",%s}", FB_HISTORY_SCHEMA, texts[i]);
        json_t *history;
        assert_int_equal(load(text, &history), 0);
        fb_history_cut(history, 3600);
        print(history);
        for (const char *c = printed; *c != '\0'; c++)
            assert_true(*c == '\n' || (unsigned char)*c >= ' ');
        assert_null(strchr(printed, 0x7f));
        json_decref(history);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_and_shares_are_those_between_two_samples_with_what_happened_there),
        cmocka_unit_test(the_end_alone_has_the_rates_that_it_had),
        cmocka_unit_test(of_many_workers_only_the_first_and_the_last_have_a_share),
        cmocka_unit_test(a_clock_that_was_set_back_makes_no_nonsense),
        cmocka_unit_test(what_was_written_is_read_again),
        cmocka_unit_test(a_file_that_is_no_history_is_refused_in_one_line),
        cmocka_unit_test(a_file_may_say_anything),
    };
    return cmocka_run_group_tests(tests, in_utc, NULL);
}
