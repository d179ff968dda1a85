/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scripts/supervisor/exporter.py: flow-stat as a child of real runs, which has their metrics served
 * or written (--metrics), and on which no run depends.
 */
#include "tests/lib/http.h"
#include "tests/lib/process.h"

#include <signal.h>
#include <unistd.h>

#define PACKETS 2000
#define RUN "flow-balancer run -n @ -r t.pcap -w 2 --speed 0.0001 --metrics"

/* A port that is free now. */
static unsigned free_port(void) {
    unsigned port;
    close(http_listen(&port));
    return port;
}

static bool is_up(const struct test *t, const char *text) {
    char line[128];
    snprintf(line, sizeof line, "flow_balancer_up{balancer=\"%s\"} 1\n", t->name);
    return strstr(text, line) != NULL;
}

static bool is_served(struct test *t, unsigned port) {
    return http_get(port, "/metrics", t->text, sizeof t->text) == 200 && is_up(t, t->text);
}

static bool is_written(struct test *t, const char *name) {
    FILE *file = fopen(file_in(t, name), "r");
    if (file == NULL)
        return false;
    t->text[fread(t->text, 1, sizeof t->text - 1, file)] = '\0';
    fclose(file);
    return is_up(t, t->text);
}

/* The exporter, by its command line; 0: there is none. */
static pid_t exporter_of(struct test *t) {
    struct process *p =
        process_start(t, "/usr/bin/pgrep -f flow-stat.*-n.%s.--prometheus", t->name);
    process_wait(t, p);
    pid_t pid = (pid_t)atol(process_output(t, p));
    process_forget(t, p);
    return pid;
}

static void make_capture(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets %d --flows 50", PACKETS),
                     EXIT_DONE);
}

static void end_run(struct test *t, struct process *run) {
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    assert_int_equal(exporter_of(t), 0);
}

static void a_run_has_its_metrics_served_as_long_as_it_lasts(void **state) {
    struct test *t = *state;
    unsigned port = free_port();
    make_capture(t);
    struct process *run = process_start(t, RUN " 127.0.0.1:%u", port);
    UNTIL(t, is_served(t, port));
    end_run(t, run);
    assert_int_equal(http_get(port, "/healthz", t->text, sizeof t->text), 0);
}

static void a_file_is_there_as_long_as_the_run(void **state) {
    struct test *t = *state;
    make_capture(t);
    struct process *run = process_start(t, RUN " fb.prom");
    UNTIL(t, is_written(t, "fb.prom"));
    end_run(t, run);
    assert_false(file_exists(t, "fb.prom"));
}

static void an_exporter_that_is_killed_is_replaced_and_the_run_goes_on(void **state) {
    struct test *t = *state;
    unsigned port = free_port();
    make_capture(t);
    struct process *run = process_start(t, RUN " %u", port);
    for (unsigned i = 0; i < 2; i++) {
        UNTIL(t, is_served(t, port));
        pid_t pid = exporter_of(t);
        assert_true(pid > 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        UNTIL(t, is_served(t, port) && exporter_of(t) != pid);
    }
    end_run(t, run);
    expect_said(t, run, "the exporter of metrics ended: signal 9 (SIGKILL); starting it again");
}

static void one_in_the_background_ends_with_stop(void **state) {
    struct test *t = *state;
    unsigned port = free_port();
    make_capture(t);
    assert_int_equal(process_run(t,
                                 "flow-balancer start -n @ -r t.pcap -w 2 --speed 0.0001 "
                                 "--metrics %u",
                                 port),
                     EXIT_DONE);
    UNTIL(t, is_served(t, port));
    assert_int_equal(process_run(t, "flow-balancer stop -n @"), EXIT_DONE);
    assert_int_equal(exporter_of(t), 0);
}

/* Nothing may be left that would have to be ended. */
static void expect_refusal(struct test *t, int status, const char *metrics, const char *part) {
    static const char *const commands[] = {"run", "start"};
    for (size_t i = 0; i < 2; i++) {
        struct process *p = process_start(t, "flow-balancer %s -n @ -r t.pcap -w 2 --metrics %s",
                                          commands[i], metrics);
        process_expect(t, p, status);
        const char *errors = process_errors(t, p);
        if (strstr(errors, part) == NULL || strcspn(errors, "\n") + 1 != strlen(errors))
            fail_msg("%s --metrics %s: not one line with '%s': %s", commands[i], metrics, part,
                     errors);
        assert_int_equal(objects_of(t->name), 0);
        process_forget(t, p);
    }
}

static void what_cannot_be_had_is_one_line_before_anything_is_started(void **state) {
    struct test *t = *state;
    unsigned port;
    char text[16];
    int fd = http_listen(&port);
    make_capture(t);
    snprintf(text, sizeof text, "%u", port);
    expect_refusal(t, EXIT_RUNTIME, text, "another process has the port");
    close(fd);
    expect_refusal(t, EXIT_RUNTIME, "no/fb.prom", "cannot write the metrics to no/fb.prom");
    expect_refusal(t, EXIT_RUNTIME, "/dev/null", "this is no regular file");
    expect_refusal(t, EXIT_WRONG_USAGE, "127.0.0.1:99999", "give PORT, ADDRESS:PORT");
}

static void records_on_standard_output_stay_alone_there(void **state) {
    struct test *t = *state;
    unsigned port = free_port();
    make_capture(t);
    struct process *run = process_start(
        t, "flow-balancer run -n @ -r t.pcap -w 1 --inspector flow --eve - --metrics %u", port);
    process_expect(t, run, EXIT_DONE);
    char *rest = t->text;
    process_output(t, run);
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (line[0] != '\0' && line[0] != '{')
            fail_msg("no record: %s", line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_run_has_its_metrics_served_as_long_as_it_lasts),
        PROCESS_TEST(a_file_is_there_as_long_as_the_run),
        PROCESS_TEST(an_exporter_that_is_killed_is_replaced_and_the_run_goes_on),
        PROCESS_TEST(one_in_the_background_ends_with_stop),
        PROCESS_TEST(what_cannot_be_had_is_one_line_before_anything_is_started),
        PROCESS_TEST(records_on_standard_output_stay_alone_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
