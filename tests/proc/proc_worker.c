/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/main.c: flow-worker as it is started by hand. */
#include "tests/lib/process.h"

#include <signal.h>

static struct process *start_worker(struct test *t, const char *options) {
    return process_start(t, "flow-worker -n @ %s", options);
}

static void help_and_version_need_no_instance(void **state) {
    struct test *t = *state;
    static const char *const options[] = {"--help", "--version"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct process *worker = start_worker(t, options[i]);
        process_expect(t, worker, EXIT_DONE);
        assert_string_equal(process_errors(t, worker), "");
        assert_non_null(strstr(process_output(t, worker), "flow-worker"));
    }
}

static void without_a_dispatcher_there_is_nothing_to_claim(void **state) {
    struct test *t = *state;
    struct process *worker = start_worker(t, "--orphan-timeout 0");
    process_expect(t, worker, EXIT_NOTHING_TO_CLAIM);
    expect_one_line_with(t, worker, "no dispatcher of instance");
}

static void a_number_that_the_instance_does_not_have_is_an_error(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 100"), EXIT_DONE);
    struct process *dispatcher =
        process_start(t, "flow-dispatcher -n @ -r t.pcap -w 2 --start-timeout 600");
    UNTIL(t, stat_of(t, t->name) != NULL);
    struct process *worker = start_worker(t, "-k 2");
    process_expect(t, worker, EXIT_RUNTIME);
    expect_one_line_with(t, worker, "worker number 2: instance");
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(help_and_version_need_no_instance),
        PROCESS_TEST(without_a_dispatcher_there_is_nothing_to_claim),
        PROCESS_TEST(a_number_that_the_instance_does_not_have_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
