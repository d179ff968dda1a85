/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/view/prometheus.c, shm/view/serve_absent.c: metrics of real runs, printed, written and
 * served, before, during and after them, and of what cannot be read.
 */
#include "tests/lib/http.h"
#include "tests/lib/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/object.h"

#define PACKETS 3000
#define OTHER 65534u
#define UP "flow_balancer_up{balancer=\""

static void become_other(const struct test *t) {
    (void)t;
    if (setgid(OTHER) != 0 || setuid(OTHER) != 0)
        _exit(1);
}

static void feed_file(struct test *t, struct process *p, const char *name) {
    static char bytes[8 << 20];
    FILE *file = fopen(file_in(t, name), "r");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    assert_true(process_feed(p, bytes, size));
}

/* A run that has inspected all of its packets, and waits for more. */
static struct process *start_run(struct test *t, const char *command) {
    if (!file_exists(t, "t.pcap"))
        assert_int_equal(process_run(t, "tracegen -o t.pcap --packets %d --flows 100", PACKETS),
                         EXIT_DONE);
    struct process *run = process_start_piped(t, "%s", command);
    UNTIL(t, stat_of(t, t->name) != NULL);
    feed_file(t, run, "t.pcap");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == PACKETS);
    return run;
}

#define RUN "flow-balancer run -n @ -r - -w 2 --report out.json"
#define DISPATCHER "flow-dispatcher -n @ -r - -w 2"

static void end_run(struct test *t, struct process *run) {
    process_close_input(run);
    process_expect(t, run, EXIT_DONE);
}

/* Which is 1 or 0 in this text; -1: there is none. */
static int up_in(const struct test *t, const char *text) {
    char line[128];
    snprintf(line, sizeof line, UP "%s\"} ", t->name);
    const char *at = strstr(text, line);
    return at == NULL ? -1 : at[strlen(line)] - '0';
}

static const char *read_file(struct test *t, const char *name) {
    t->text[0] = '\0';
    FILE *file = fopen(file_in(t, name), "r");
    if (file == NULL)
        return t->text;
    t->text[fread(t->text, 1, sizeof t->text - 1, file)] = '\0';
    fclose(file);
    return t->text;
}

/* The metrics of now, printed, by a flow-stat that ends with this status. */
static const char *printed(struct test *t, int status) {
    struct process *p = process_start(t, "flow-stat -n @ --prometheus");
    process_expect(t, p, status);
    const char *text = process_output(t, p);
    process_forget(t, p);
    return text;
}

static void expect_sample(const struct test *t, const char *text, const char *name,
                          const char *labels, json_int_t value) {
    char line[256];
    snprintf(line, sizeof line, "\nflow_balancer_%s{balancer=\"%s\"%s} %" JSON_INTEGER_FORMAT "\n",
             name, t->name, labels, value);
    if (strstr(text, line) == NULL)
        fail_msg("no%s in %s", line, text);
}

/* ---- before, during and after a run */

static void before_a_run_it_is_up_0_and_a_line_says_why(void **state) {
    struct test *t = *state;
    struct process *p = process_start(t, "flow-stat -n @ --prometheus");
    process_expect(t, p, EXIT_RUNTIME);
    assert_int_equal(up_in(t, process_output(t, p)), 0);
    expect_said(t, p, "is not running");
}

static void metrics_json_and_report_say_the_same(void **state) {
    struct test *t = *state;
    struct process *run = start_run(t, RUN);
    static char text[1 << 18];
    snprintf(text, sizeof text, "%s", printed(t, EXIT_DONE));
    const json_t *report = stat_of(t, t->name);
    assert_int_equal(up_in(t, text), 1);
    expect_sample(t, text, "packets_total", ",fate=\"inspected\"", PACKETS);
    expect_sample(t, text, "received_total", "", number_at(report, "ledger.received"));
    expect_sample(t, text, "flows_created_total", "", number_at(report, "flows.created"));
    for (unsigned k = 0; k < 2; k++) {
        char path[64], label[32];
        snprintf(label, sizeof label, ",worker=\"%u\"", k);
        snprintf(path, sizeof path, "workers.%u.packets", k);
        expect_sample(t, text, "worker_packets_total", label, number_at(report, path));
        snprintf(path, sizeof path, "workers.%u.self_bytes", k);
        expect_sample(t, text, "worker_self_bytes_total", label, number_at(report, path));
    }
    end_run(t, run);
    expect_number(report_of(t, "out.json"), "ledger.inspected", PACKETS);
    assert_int_equal(up_in(t, printed(t, EXIT_RUNTIME)), 0);
}

/* A port that is free now. */
static unsigned free_port(void) {
    unsigned port;
    close(http_listen(&port));
    return port;
}

static int served_up(struct test *t, unsigned port) {
    return http_get(port, "/metrics", t->text, sizeof t->text) == 200 ? up_in(t, t->text) : -1;
}

static void an_exporter_outlives_runs_and_finds_the_next_one(void **state) {
    struct test *t = *state;
    unsigned port = free_port();
    struct process *exporter = process_start(t, "flow-stat -n @ --prometheus --listen %u", port);
    UNTIL(t, served_up(t, port) == 0);
    for (unsigned i = 0; i < 2; i++) {
        struct process *run = start_run(t, RUN);
        UNTIL(t, served_up(t, port) == 1);
        expect_sample(t, t->text, "packets_total", ",fate=\"inspected\"", PACKETS);
        end_run(t, run);
        UNTIL(t, served_up(t, port) == 0);
    }
    assert_int_equal(http_get(port, "/healthz", t->text, sizeof t->text), 200);
    process_signal(exporter, SIGTERM);
    process_expect(t, exporter, EXIT_DONE);
}

static void a_file_is_kept_up_to_date_and_goes_with_its_writer(void **state) {
    struct test *t = *state;
    struct process *writer =
        process_start(t, "flow-stat -n @ --prometheus --output fb.prom --every 0.05");
    UNTIL(t, up_in(t, read_file(t, "fb.prom")) == 0);
    struct stat st;
    assert_int_equal(stat(file_in(t, "fb.prom"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    struct process *run = start_run(t, RUN);
    UNTIL(t, up_in(t, read_file(t, "fb.prom")) == 1);
    end_run(t, run);
    UNTIL(t, up_in(t, read_file(t, "fb.prom")) == 0);
    process_signal(writer, SIGTERM);
    process_expect(t, writer, EXIT_DONE);
    assert_false(file_exists(t, "fb.prom"));
}

static void without_an_interval_a_file_is_written_once(void **state) {
    struct test *t = *state;
    struct process *run = start_run(t, RUN);
    assert_int_equal(process_run(t, "flow-stat -n @ --prometheus --output fb.prom"), EXIT_DONE);
    assert_int_equal(up_in(t, read_file(t, "fb.prom")), 1);
    end_run(t, run);
    assert_int_equal(process_run(t, "flow-stat -n @ --prometheus --output fb.prom"), EXIT_RUNTIME);
    assert_int_equal(up_in(t, read_file(t, "fb.prom")), 0);
}

/* ---- what cannot be read */

static void of_a_dispatcher_that_was_killed_it_is_up_0(void **state) {
    struct test *t = *state;
    struct process *dispatcher = process_start_piped(t, DISPATCHER);
    UNTIL(t, stat_of(t, t->name) != NULL);
    process_signal(dispatcher, SIGKILL);
    process_wait(t, dispatcher);
    struct process *p = process_start(t, "flow-stat -n @ --prometheus");
    process_expect(t, p, EXIT_RUNTIME);
    expect_said(t, p, "is not running");
    assert_int_equal(up_in(t, process_output(t, p)), 0);
    assert_int_equal(process_run(t, "flow-dispatcher -n @ --clean"), EXIT_DONE);
}

static void another_user_is_told_whom_to_run_as(void **state) {
    struct test *t = *state;
    if (geteuid() != 0)
        SKIP("only root can be another user");
    struct process *run = start_run(t, RUN);
    t->enter = become_other;
    struct process *p = process_start(t, "flow-stat -n @ --prometheus");
    t->enter = NULL;
    process_expect(t, p, EXIT_RUNTIME);
    expect_said(t, p, "run as the user that started the dispatcher");
    assert_int_equal(up_in(t, process_output(t, p)), 0);
    end_run(t, run);
}

/* As the ctl of other programs has another fingerprint. */
static void change_build(const struct test *t) {
    char path[FB_PATH_MAX];
    const uint64_t other = 0x4242;
    assert_true(fb_object_path(path, FB_SHM_DIR, t->name, FB_KIND_CTL, 0));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &other, sizeof other, offsetof(struct fb_header, fingerprint)),
                     sizeof other);
    close(fd);
}

static unsigned count_of(const char *text, const char *part) {
    unsigned count = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

/* Said when it is new, not at each look. */
static void another_build_is_said_once_by_an_exporter(void **state) {
    struct test *t = *state;
    struct process *dispatcher = process_start_piped(t, DISPATCHER);
    UNTIL(t, stat_of(t, t->name) != NULL);
    change_build(t);
    unsigned port = free_port();
    struct process *exporter = process_start(t, "flow-stat -n @ --prometheus --listen %u", port);
    UNTIL(t, served_up(t, port) == 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(served_up(t, port), 0);
    process_signal(exporter, SIGTERM);
    process_expect(t, exporter, EXIT_DONE);
    assert_int_equal(count_of(process_errors(t, exporter), "use programs of one build"), 1);
    process_signal(dispatcher, SIGKILL);
    process_wait(t, dispatcher);
    assert_int_equal(process_run(t, "flow-dispatcher -n @ --clean"), EXIT_DONE);
}

/* ---- refusals */

static void expect_refusal(struct test *t, int status, const char *part, const char *options) {
    struct process *p = process_start(t, "flow-stat -n @ %s", options);
    process_expect(t, p, status);
    const char *errors = process_errors(t, p);
    if (strstr(errors, part) == NULL || count_of(errors, "\n") != 1)
        fail_msg("%s: not one line with '%s': %s", options, part, errors);
    process_forget(t, p);
}

static void options_that_do_not_fit_are_one_line_each(void **state) {
    struct test *t = *state;
    expect_refusal(t, 2, "--listen: it says where metrics go", "--listen 1234");
    expect_refusal(t, 2, "--output: it says where metrics go", "--output x");
    expect_refusal(t, 2, "--check: it says where metrics go", "--check");
    expect_refusal(t, 2, "it excludes --output", "--prometheus --listen 1234 --output x");
    expect_refusal(t, 2, "--every: it is for the file", "--prometheus --every 1");
    expect_refusal(t, 2, "it excludes --json", "--prometheus --json");
    expect_refusal(t, 2, "--list: it is printed", "--list --prometheus");
    expect_refusal(t, 2, "give PORT, ADDRESS:PORT", "--prometheus --listen nonsense");
    expect_refusal(t, 1, "give an address of this machine", "--prometheus --listen 192.0.2.1:9187");
}

static void a_port_in_use_is_one_line_also_of_a_check(void **state) {
    struct test *t = *state;
    unsigned port;
    char options[64];
    int fd = http_listen(&port);
    snprintf(options, sizeof options, "--prometheus --listen 127.0.0.1:%u", port);
    expect_refusal(t, 1, "another process has the port", options);
    strcat(options, " --check");
    expect_refusal(t, 1, "another process has the port", options);
    close(fd);
    assert_int_equal(process_run(t, "flow-stat -n @ %s", options), EXIT_DONE);
}

static void a_file_that_cannot_be_written_is_one_line_also_of_a_check(void **state) {
    struct test *t = *state;
    static const char *const more[] = {"", " --check", " --every 1"};
    for (size_t i = 0; i < 3; i++) {
        char options[96];
        snprintf(options, sizeof options, "--prometheus --output no/fb.prom%s", more[i]);
        expect_refusal(t, 1, "cannot write the metrics to no/fb.prom: No such file", options);
        snprintf(options, sizeof options, "--prometheus --output /dev/null%s", more[i]);
        expect_refusal(t, 1, "'/dev/null': this is no regular file", options);
    }
    assert_int_equal(process_run(t, "flow-stat -n @ --prometheus --output a --check"), EXIT_DONE);
    assert_false(file_exists(t, "a"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(before_a_run_it_is_up_0_and_a_line_says_why),
        PROCESS_TEST(metrics_json_and_report_say_the_same),
        PROCESS_TEST(an_exporter_outlives_runs_and_finds_the_next_one),
        PROCESS_TEST(a_file_is_kept_up_to_date_and_goes_with_its_writer),
        PROCESS_TEST(without_an_interval_a_file_is_written_once),
        PROCESS_TEST(of_a_dispatcher_that_was_killed_it_is_up_0),
        PROCESS_TEST(another_user_is_told_whom_to_run_as),
        PROCESS_TEST(another_build_is_said_once_by_an_exporter),
        PROCESS_TEST(options_that_do_not_fit_are_one_line_each),
        PROCESS_TEST(a_port_in_use_is_one_line_also_of_a_check),
        PROCESS_TEST(a_file_that_cannot_be_written_is_one_line_also_of_a_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
