/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/report/report_build.c: reports of real runs, of dispatchers that died and of flow-stat,
 * against their schema, which accepts nothing else. What a report is to be is judged by
 * report_cases.py.
 */
#include "tests/lib/interface.h"
#include "tests/lib/process.h"

#include <signal.h>
#include <unistd.h>

#define NEEDS_JSONSCHEMA 77

/* Python with a case, which has to succeed. */
static void judge(struct test *t, const char *name, const char *files) {
    char cwd[PROCESS_PATH_MAX];
    assert_non_null(getcwd(cwd, sizeof cwd));
    struct process *p = process_start(t,
                                      "/usr/bin/python3 -B %s/tests/proc/report_cases.py %s "
                                      "%s/scripts/schema/report.schema.json %s",
                                      cwd, name, cwd, files);
    int status = process_wait(t, p);
    if (status == NEEDS_JSONSCHEMA)
        SKIP("python3-jsonschema is not installed: scripts/install-deps --all has it");
    if (status != EXIT_DONE) {
        print_error("%s\n", process_output(t, p));
        fail_msg("%s: %s", name, process_errors(t, p));
    }
}

static void make_capture(struct test *t) {
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 3000 --flows 100"), EXIT_DONE);
}

/* What flow-stat says now, in a file. */
static void save_stat(struct test *t, const char *name) {
    struct process *p = process_start(t, "flow-stat -n @ --json");
    process_expect(t, p, EXIT_DONE);
    FILE *file = fopen(file_in(t, name), "w");
    assert_non_null(file);
    fputs(process_output(t, p), file);
    assert_int_equal(fclose(file), 0);
    process_forget(t, p);
}

static void reports_of_files_are_valid_at_every_stage(void **state) {
    struct test *t = *state;
    make_capture(t);
    process_expect(
        t,
        process_start(t, "flow-balancer run -n @ -r t.pcap -r t.pcap -w 2 --report out.json "
                         "--inspector count --inspector flow --eve file:eve-%%k "
                         "--key-vlan --timeout all=never"),
        EXIT_DONE);
    struct process *alone = process_start_piped(t, "flow-dispatcher -n @ -r - -w 3");
    UNTIL(t, stat_of(t, t->name) != NULL);
    save_stat(t, "before.json");
    process_signal(alone, SIGKILL);
    process_wait(t, alone);
    process_run(t, "flow-dispatcher -n @ --clean --report died.json");
    judge(t, "valid", "out.json before.json died.json");
}

static void those_of_an_interface_are_valid(void **state) {
    struct test *t = *state;
    need_own_network();
    struct process *run =
        process_start(t, "flow-balancer run -n @ -i lo --bpf udp -w 2 --report out.json");
    UNTIL(t, worker_is(t, t->name, 0, "ready") && worker_is(t, t->name, 1, "ready"));
    for (unsigned i = 0; i < 10; i++)
        send_datagram(4000);
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == 10);
    save_stat(t, "during.json");
    process_signal(run, SIGTERM);
    process_expect(t, run, EXIT_DONE);
    judge(t, "valid", "during.json out.json");
}

static void the_schema_has_every_key_and_accepts_no_other(void **state) {
    struct test *t = *state;
    make_capture(t);
    assert_int_equal(process_run(t, "flow-balancer run -n @ -r t.pcap -w 1 --report out.json"),
                     EXIT_DONE);
    judge(t, "refused", "out.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(reports_of_files_are_valid_at_every_stage),
        PROCESS_TEST(those_of_an_interface_are_valid),
        PROCESS_TEST(the_schema_has_every_key_and_accepts_no_other),
    };
    return cmocka_run_group_tests(tests, enter_own_network, NULL);
}
