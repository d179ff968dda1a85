/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/options.c: the command line of flow-worker, and its --config file. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/cpus.h"
#include "tests/lib/help_options.h"
#include "worker/options.h"

static char path[] = "/tmp/test_worker_options.XXXXXX";
static struct caught caught;
static struct worker_options options;

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    static const char text[] = "inspector = digest:7\nread = a.pcap\nwait = spin\nname = sensor\n"
                               "cpu = 1\ncpu = 2\ntimeout = all=7\nbpf = udp\nkey-vlan = yes\n"
                               "filter-file = /nonexistent\neve = -\neve = unix:b\n";
    return fd < 0 || write(fd, text, sizeof text - 1) < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static enum fb_command_line_end parse_line(struct worker_options *o, const char *const *args) {
    const char *argv[32] = {"flow-worker"};
    int argc = 1;
    for (; args[argc - 1] != NULL; argc++)
        argv[argc] = args[argc - 1];
    worker_options_free(o);
    return worker_options_parse(o, argc, argv);
}

#define PARSE(o, ...) parse_line(o, (const char *const[]){__VA_ARGS__, NULL})

static int free_options(void **state) {
    (void)state;
    worker_options_free(&options);
    return 0;
}

static void the_defaults_are_those_of_the_manual(void **state) {
    (void)state;
    assert_int_equal(PARSE(&options, "-n", "flow-balancer"), FB_COMMAND_LINE_TAKEN);
    assert_string_equal(options.name, "flow-balancer");
    assert_int_equal(options.worker, FB_WORKER_ANY);
    assert_int_equal(options.inspector_count, 1);
    assert_string_equal(options.inspectors[0].name, "count");
    assert_null(options.inspectors[0].args);
    assert_false(options.spin || options.check || options.place.cpus_given);
    assert_int_equal(options.place.node, PLACE_PLAN);
    assert_int_equal(options.orphan_ns, UINT64_C(30000000000));
    assert_int_equal(options.eve_count, 0);
    assert_int_equal(options.eve_wait_ns, UINT64_C(1000000000));
    assert_int_equal(options.parent, 0);
    assert_int_equal(options.log_level, FB_LOG_INFO);
}

static void what_is_given_is_what_is_meant(void **state) {
    (void)state;
    assert_int_equal(PARSE(&options, "-k", "3", "--inspector", "digest:7:8", "--wait", "spin",
                           "--cpu", "1", "--numa-node", "5", "--orphan-timeout", "1.5", "--parent",
                           "77", "--log-level", "debug", "--check"),
                     FB_COMMAND_LINE_TAKEN);
    assert_int_equal(options.worker, 3);
    assert_int_equal(options.inspector_count, 1);
    assert_string_equal(options.inspectors[0].name, "digest");
    assert_string_equal(options.inspectors[0].args, "7:8");
    assert_true(options.spin && options.check && options.place.cpus_given);
    assert_int_equal(fb_cpus_single(&options.place.cpus), 1);
    assert_int_equal(options.place.node, 5);
    assert_int_equal(options.orphan_ns, 1500000000);
    assert_int_equal(options.parent, 77);
    assert_int_equal(options.log_level, FB_LOG_DEBUG);
    assert_int_equal(PARSE(&options, "--eve", "-", "--eve=unix:a", "--eve-wait", "0.5"),
                     FB_COMMAND_LINE_TAKEN);
    assert_int_equal(options.eve_count, 2);
    assert_string_equal(options.eve[0], "-");
    assert_string_equal(options.eve[1], "unix:a");
    assert_int_equal(options.eve_wait_ns, 500000);
    assert_int_equal(PARSE(&options, "--eve-wait", "forever"), FB_COMMAND_LINE_TAKEN);
    assert_true(options.eve_wait_ns == UINT64_MAX);
    assert_int_equal(PARSE(&options, "--numa-node", "off"), FB_COMMAND_LINE_TAKEN);
    assert_int_equal(options.place.node, PLACE_OFF);
}

static void help_lists_the_options_and_the_inspectors(void **state) {
    (void)state;
    struct caught output;
    catch_begin_of(STDOUT_FILENO, &output);
    enum fb_command_line_end end = PARSE(&options, "-h");
    const char *help = catch_end_of(STDOUT_FILENO, &output);
    assert_int_equal(end, FB_COMMAND_LINE_PRINTED);
    expect_help_lists(help, FB_WORKER);
    assert_non_null(strstr(help, "\n  digest "));
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *words[4], *line;
    } cases[] = {
        {{"--config", "/nonexistent"}, "/nonexistent"},
        {{"--wait", "x"}, "--wait 'x': give one of park, spin"},
        {{"--inspector", "x:7"}, "--inspector 'x': give one of count, digest"},
        {{"--numa-node", "1024"}, "--numa-node '1024': "},
        {{"-k", "256"}, "--worker '256': "},
        {{"--wait", "--check"}, "--wait '--check': its value is missing"},
        {{"--wait"}, "--wait: missing argument"},
        {{"--timeout", "all=5"}, "--timeout: flow-worker has it with --read FILE only"},
        {{"--bpf", "udp"}, "--bpf: flow-worker has it with --read FILE only"},
        {{"-r", "a.pcap", "-k1"}, "--worker: with --read 'a.pcap' there is no dispatcher"},
        {{"-ra.pcap", "-n", "x"}, "--name: with --read 'a.pcap' there is no dispatcher"},
        {{"-ra.pcap", "--wait", "spin"}, "--wait: with --read 'a.pcap' there is no dispatcher"},
        {{"-ra.pcap", "--orphan-timeout=2"}, "--orphan-timeout: with --read 'a.pcap' there is"},
        {{"-ra.pcap", "--max-flows", "0"}, "--max-flows '0'"},
        {{"-r", ""}, "--read '': give a name"},
        {{"stray"}, "'stray': not an option: see --help"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        catch_begin(&caught);
        enum fb_command_line_end end = parse_line(&options, cases[i].words);
        expect_one_line(catch_end(&caught), cases[i].line);
        assert_int_equal(end, FB_COMMAND_LINE_WRONG);
    }
}

static void inspectors_are_kept_in_their_order(void **state) {
    (void)state;
    assert_int_equal(PARSE(&options, "--inspector", "digest:1", "--inspector", "./a.so:x:y",
                           "--inspector", "digest:2"),
                     FB_COMMAND_LINE_TAKEN);
    assert_int_equal(options.inspector_count, 3);
    assert_string_equal(options.inspectors[0].args, "1");
    assert_string_equal(options.inspectors[1].name, "./a.so");
    assert_string_equal(options.inspectors[1].args, "x:y");
    assert_string_equal(options.inspectors[2].args, "2");
    const char *nine[2 + 2 * (INSPECTIONS_MAX + 1)] = {"flow-worker"};
    int words = 1;
    for (unsigned i = 0; i <= INSPECTIONS_MAX; i++) {
        nine[words++] = "--inspector";
        nine[words++] = "count";
    }
    worker_options_free(&options);
    catch_begin(&caught);
    assert_int_equal(worker_options_parse(&options, words, nine), FB_COMMAND_LINE_WRONG);
    expect_one_line(catch_end(&caught), "at most 8 inspectors");
    catch_begin(&caught);
    assert_int_equal(PARSE(&options, "--inspector", "mine.so"), FB_COMMAND_LINE_WRONG);
    expect_one_line(catch_end(&caught), "write ./mine.so");
}

/* The file is that of the dispatcher, too: what it reads, and how, is nothing to a worker. */
static void the_file_has_nothing_to_read_for_a_worker(void **state) {
    (void)state;
    assert_int_equal(PARSE(&options, "--config", path), FB_COMMAND_LINE_TAKEN);
    assert_false(options.reads);
    assert_null(options.offline); /* nothing is loaded for it */
    assert_int_equal(
        PARSE(&options, "-r", "b.pcap", "--read", "-", "--bpf", "tcp", "--config", path),
        FB_COMMAND_LINE_TAKEN);
    assert_true(options.reads);
    assert_string_equal(fb_offline_first_file(options.offline), "b.pcap");
    catch_begin(&caught);
    assert_int_equal(PARSE(&options, "-r", "b.pcap", "--config", path), FB_COMMAND_LINE_WRONG);
    expect_one_line(catch_end(&caught), "'/nonexistent'");
}

static void the_command_line_wins_over_the_file(void **state) {
    (void)state;
    struct worker_options *o = &options;
    catch_begin(&caught);
    assert_int_equal(PARSE(o, "--config", path, "--wait", "x"), FB_COMMAND_LINE_WRONG);
    assert_null(strstr(catch_end(&caught), path));
    assert_int_equal(PARSE(o, "--config", path), FB_COMMAND_LINE_TAKEN);
    assert_string_equal(o->name, "sensor");
    assert_string_equal(o->inspectors[0].args, "7");
    assert_int_equal(o->eve_count, 2);
    assert_string_equal(o->eve[1], "unix:b");
    assert_true(o->spin && o->place.cpus_given);
    assert_int_equal(fb_cpus_single(&o->place.cpus), 2);
    assert_int_equal(PARSE(o, "-n", "other", "--wait", "park", "--config", path, "--inspector",
                           "count", "--eve", "file:c"),
                     FB_COMMAND_LINE_TAKEN);
    assert_string_equal(o->name, "other");
    assert_int_equal(o->eve_count, 1);
    assert_string_equal(o->eve[0], "file:c");
    assert_int_equal(o->inspector_count, 1);
    assert_null(o->inspectors[0].args);
    assert_true(!o->spin && o->place.cpus_given);
    assert_int_equal(fb_cpus_single(&o->place.cpus), 2);
}

int main(void) {
    fb_log_init("test_worker_options", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_defaults_are_those_of_the_manual, free_options),
        cmocka_unit_test_teardown(what_is_given_is_what_is_meant, free_options),
        cmocka_unit_test_teardown(help_lists_the_options_and_the_inspectors, free_options),
        cmocka_unit_test_teardown(wrong_options_are_refused, free_options),
        cmocka_unit_test_teardown(inspectors_are_kept_in_their_order, free_options),
        cmocka_unit_test_teardown(the_file_has_nothing_to_read_for_a_worker, free_options),
        cmocka_unit_test_teardown(the_command_line_wins_over_the_file, free_options),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
