/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/view/metrics.c as Prometheus itself sees it, and scripts/dashboard: promtool finds no fault,
 * and a server that scrapes a run has the ledger's numbers, evaluates the alert rules, and answers
 * every expression of the dashboard. Skipped where Prometheus is not installed.
 */
#include "tests/lib/http.h"
#include "tests/lib/process.h"

#include <signal.h>
#include <unistd.h>

#define PACKETS 3000
#define PROMETHEUS "/usr/bin/prometheus"
#define PROMTOOL "/usr/bin/promtool"

static void need_prometheus(void) {
    if (access(PROMETHEUS, X_OK) != 0 || access(PROMTOOL, X_OK) != 0)
        SKIP("prometheus is not installed: scripts/install-deps --all has it");
}

/* The path of a file of the source tree. */
static const char *source(const char *name) {
    static char paths[4][PROCESS_PATH_MAX * 2];
    static unsigned next;
    char cwd[PROCESS_PATH_MAX];
    char *path = paths[next++ % 4];
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(path, sizeof paths[0], "%s/%s", cwd, name);
    return path;
}

static void expect_done(struct test *t, struct process *p) {
    if (process_wait(t, p) == EXIT_DONE)
        return;
    print_error("%s\n", process_output(t, p));
    fail_msg("%s: %s", p->command, process_errors(t, p));
}

static unsigned free_port(void) {
    unsigned port;
    close(http_listen(&port));
    return port;
}

/* A run that has inspected all of its packets, and waits for more. */
static struct process *start_run(struct test *t, unsigned port) {
    static char bytes[8 << 20];
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets %d --flows 100", PACKETS),
                     EXIT_DONE);
    struct process *run =
        process_start_piped(t,
                            "flow-balancer run -n @ -r - -w 2 --inspector flow --eve file:eve-%%k "
                            "--metrics 127.0.0.1:%u",
                            port);
    FILE *file = fopen(file_in(t, "t.pcap"), "r");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    UNTIL(t, stat_of(t, t->name) != NULL);
    assert_true(process_feed(run, bytes, size));
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == PACKETS);
    return run;
}

static void end_run(struct test *t, struct process *run) {
    process_close_input(run);
    process_expect(t, run, EXIT_DONE);
}

/* A server that looks every second, at what is at a port. */
static struct process *start_server(struct test *t, unsigned scraped, unsigned port) {
    FILE *config = fopen(file_in(t, "prometheus.yml"), "w");
    assert_non_null(config);
    fprintf(config,
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            "rule_files: ['%s']\n"
            "scrape_configs:\n"
            "  - job_name: flow-balancer\n"
            "    static_configs: [{targets: ['127.0.0.1:%u']}]\n",
            source("scripts/dashboard/flow-balancer.rules.yml"), scraped);
    assert_int_equal(fclose(config), 0);
    struct process *server =
        process_start(t,
                      PROMETHEUS " --config.file=prometheus.yml --storage.tsdb.path=data "
                                 "--log.level=warn --web.listen-address=127.0.0.1:%u",
                      port);
    char text[4096];
    UNTIL(t, http_get(port, "/-/ready", text, sizeof text) == 200);
    return server;
}

/* What the server has of an expression, -1: nothing. */
static json_int_t value_of(struct test *t, unsigned port, const char *expr) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    const char *const words[] = {"/usr/bin/python3",
                                 "-B",
                                 source("tests/proc/prometheus_cases.py"),
                                 "value",
                                 url,
                                 expr,
                                 NULL};
    struct process *p = process_start_words(t, words);
    expect_done(t, p);
    const char *text = process_output(t, p);
    json_int_t value = text[0] >= '0' && text[0] <= '9' ? atoll(text) : -1;
    process_forget(t, p);
    return value;
}

static void judge(struct test *t, const char *name, unsigned port, const char *file) {
    expect_done(t,
                process_start(t, "/usr/bin/python3 -B %s %s http://127.0.0.1:%u %s",
                              source("tests/proc/prometheus_cases.py"), name, port, source(file)));
}

static void a_server_has_the_ledger_and_answers_the_dashboard(void **state) {
    struct test *t = *state;
    need_prometheus();
    unsigned scraped = free_port(), port = free_port();
    struct process *run = start_run(t, scraped);
    struct process *server = start_server(t, scraped, port);
    UNTIL(t, value_of(t, port, "sum(flow_balancer_packets_total)") == PACKETS);
    /* The run waits: what was true at the last look is true now. */
    static const struct {
        const char *expr, *path;
    } same[] = {
        {"flow_balancer_packets_total{fate='inspected'}", "ledger.inspected"},
        {"flow_balancer_received_total", "ledger.received"},
        {"flow_balancer_packets_total{reason='ring_full'}", "ledger.dropped.ring_full"},
        {"flow_balancer_flows_created_total", "flows.created"},
        {"flow_balancer_worker_packets_total{worker='1'}", "workers.1.packets"},
        {"flow_balancer_worker_self_bytes_total{worker='0'}", "workers.0.self_bytes"},
        {"sum(flow_balancer_worker_bytes_total)", "self.self_bytes"},
        {"flow_balancer_frames_decoded_total{result='ok'}", "decode.ok"},
        {"flow_balancer_ring_depth_packets", "geometry.depth"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        json_int_t seen = value_of(t, port, same[i].expr);
        expect_number(stat_of(t, t->name), same[i].path, seen);
    }
    assert_int_equal(
        value_of(t, port,
                 "sum(flow_balancer_received_total) - sum(flow_balancer_packets_total) "
                 "- sum(flow_balancer_packets_in_flight)"),
        0);
    judge(t, "expressions", port, "scripts/dashboard/flow-balancer.json");
    judge(t, "rules", port, "scripts/dashboard/flow-balancer.rules.yml");
    end_run(t, run);
    UNTIL(t, value_of(t, port, "up{job='flow-balancer'}") == 0);
    process_signal(server, SIGTERM);
    process_wait(t, server);
}

static void promtool_finds_no_fault_in_the_metrics(void **state) {
    struct test *t = *state;
    need_prometheus();
    struct process *run = start_run(t, free_port());
    char command[PROCESS_PATH_MAX * 2];
    snprintf(command, sizeof command,
             "'%s/flow-stat' -n %s --prometheus >m && " PROMTOOL " check metrics <m", t->programs,
             t->name);
    const char *const words[] = {"/bin/sh", "-c", command, NULL};
    struct process *p = process_start_words(t, words);
    expect_done(t, p);
    assert_string_equal(process_errors(t, p), "");
    end_run(t, run);
}

static void each_alert_fires_when_it_should_and_not_else(void **state) {
    struct test *t = *state;
    need_prometheus();
    expect_done(t, process_start(t, PROMTOOL " check rules %s",
                                 source("scripts/dashboard/flow-balancer.rules.yml")));
    expect_done(t, process_start(t, PROMTOOL " test rules %s",
                                 source("tests/proc/flow-balancer.rules.test.yml")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_server_has_the_ledger_and_answers_the_dashboard),
        PROCESS_TEST(promtool_finds_no_fault_in_the_metrics),
        PROCESS_TEST(each_alert_fires_when_it_should_and_not_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
