/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/options.c, options_rules.c: the command line of flow-dispatcher. */
#include "tests/lib/options_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dispatcher/capture/packet_clock.h"
#include "dispatcher/run/options_rules.h"
#include "tests/lib/help_options.h"

#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static void what_is_no_option_is_refused(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE(f, "-r", "x", "--nonsense"), OPTIONS_WRONG);
    expect_refusal_with(f, "--nonsense");
    assert_int_equal(PARSE(f, "-r", "x", "-Z"), OPTIONS_WRONG);
    expect_refusal_with(f, "-Z");
    assert_int_equal(PARSE(f, "-r", "x", "trace.pcap"), OPTIONS_WRONG);
    expect_refusal_with(f, "'trace.pcap'");
    assert_int_equal(PARSE(f, "-r", "x", "-w"), OPTIONS_WRONG);
    expect_refusal_with(f, "-w");
    assert_int_equal(PARSE(f, "-r", "x", "--preload=3"), OPTIONS_WRONG);
    expect_refusal_with(f, "--preload");
}

/* Not the word behind, which popt would take for a value, or leave over. */
static void an_option_without_its_value_is_refused_by_its_own_name(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE(f, "-r", "x", "-w"), OPTIONS_WRONG);
    expect_refusal_with(f, "error: -w: missing argument");
    assert_int_equal(PARSE(f, "-w", "8", "-r"), OPTIONS_WRONG);
    expect_refusal_with(f, "error: -r: missing argument");
    assert_int_equal(PARSE(f, "-r", "-w", "8"), OPTIONS_WRONG);
    expect_refusal_with(f, "error: --read '-w': its value is missing, -w is an option: give FILE");
    assert_int_equal(PARSE(f, "-r", "x", "--report", "--preload"), OPTIONS_WRONG);
    expect_refusal_with(f, "error: --report '--preload': its value is missing");
    assert_int_equal(PARSE(f, "--config", "-r", "x"), OPTIONS_WRONG);
    expect_refusal_with(f, "error: --config '-r': its value is missing");
    /* What only looks like one is a value: of flow-worker, or a file that is there. */
    assert_int_equal(PARSE(f, "-r", "-k", "-r", "-", "-r", "./-w", "-r", "-w8"), OPTIONS_RUN);
    assert_int_equal(f->options.file_count, 4);
}

static void what_does_not_go_together_is_refused(void **state) {
    struct options_fixture *f = *state;
    static const char *const nothing[] = {NULL};
    assert_int_equal(options_fixture_parse(f, nothing), OPTIONS_WRONG);
    expect_refusal_with(f, "-r FILE");
    assert_int_equal(PARSE(f, "-w", "3"), OPTIONS_WRONG);
    expect_refusal_with(f, "-i IFACE");
    assert_int_equal(PARSE(f, "-r", "x.pcap", "-i", "lo"), OPTIONS_WRONG);
    expect_refusal_with(f, "'x.pcap'");
    expect_refusal_with(f, "'lo'");
    assert_int_equal(PARSE(f, "-r", "x", "--report", "y", "--html", "y"), OPTIONS_WRONG);
    expect_refusal_with(f, "--report and --html would both go to 'y'");
    assert_int_equal(PARSE(f, "-i", "lo", "--preload"), OPTIONS_WRONG);
    expect_refusal_with(f, "--preload");
    assert_int_equal(PARSE(f, "-i", "lo", "--loop", "2"), OPTIONS_WRONG);
    expect_refusal_with(f, "--loop");
    assert_int_equal(PARSE(f, "-i", "lo", "--speed", "1"), OPTIONS_WRONG);
    expect_refusal_with(f, "--speed");
    assert_int_equal(PARSE(f, "-i", "lo", "--loop", "1", "--speed", "max"), OPTIONS_RUN);
    assert_int_equal(PARSE(f, "-r", "x.pcap", "--fanout", "7"), OPTIONS_WRONG);
    expect_refusal_with(f, "--fanout 7: only interfaces can be shared: leave it out with -r 'x.");
    assert_int_equal(PARSE(f, "-i", "a", "-i", "b", "--fanout", "65535"), OPTIONS_WRONG);
    expect_refusal_with(f, "2 interfaces would be in group 65536: give at most 65534");
    assert_int_equal(PARSE(f, "-r", "x", "-w", "9", "--max-workers", "8"), OPTIONS_WRONG);
    expect_refusal_with(f, "--max-workers 8");
    assert_int_equal(PARSE(f, "-r", "x", "--max-workers", "7"), OPTIONS_WRONG); /* -w is 8 */
    assert_int_equal(PARSE(f, "-r", "x", "--bpf", "tcp", "--bpf", "udp"), OPTIONS_WRONG);
    expect_refusal_with(f, "--bpf");
}

static void more_sources_than_there_is_room_for_are_refused(void **state) {
    struct options_fixture *f = *state;
    static const char *args[OPTIONS_SOURCES_MAX + 2];
    for (unsigned i = 0; i < OPTIONS_SOURCES_MAX; i++)
        args[i] = "-rx";
    assert_int_equal(options_fixture_parse(f, args), OPTIONS_RUN);
    assert_int_equal(f->options.file_count, OPTIONS_SOURCES_MAX);
    args[OPTIONS_SOURCES_MAX] = "-rlast";
    assert_int_equal(options_fixture_parse(f, args), OPTIONS_WRONG);
    expect_refusal_with(f, "'last'");
}

static void a_filter_file_that_cannot_be_read_is_refused(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE(f, "-r", "x", "-F", "/nonexistent/filter"), OPTIONS_WRONG);
    expect_refusal_with(f, "'/nonexistent/filter'");
    assert_int_equal(PARSE(f, "-r", "x", "-F", "/tmp"),
                     OPTIONS_WRONG); /* opens, but does not read */
    expect_refusal_with(f, "'/tmp'");
}

static void a_filter_file_is_one_line_without_its_comments(void **state) {
    struct options_fixture *f = *state;
    char path[] = "/tmp/test_options.XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "# web\ntcp port 80 # and its like\nor tcp port 443";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    enum options_result result = PARSE(f, "-r", "x", "-F", path);
    enum options_result both = OPTIONS_RUN;
    char filter[128] = "";
    if (result == OPTIONS_RUN) {
        snprintf(filter, sizeof filter, "%s", f->options.filter);
        both = PARSE(f, "-r", "x", "--bpf", "udp", "-F", path);
    }
    unlink(path);
    assert_int_equal(result, OPTIONS_RUN);
    assert_int_equal(both, OPTIONS_WRONG);
    assert_null(strchr(filter, '\n'));
    char words[128] = "";
    for (char *word = strtok(filter, " "); word != NULL; word = strtok(NULL, " ")) {
        strcat(words, word);
        strcat(words, " ");
    }
    assert_string_equal(words, "tcp port 80 or tcp port 443 ");
}

static void there_are_numbers_for_workers_to_be_added(void **state) {
    struct options_fixture *f = *state;
    static const struct {
        const char *workers;
        uint32_t most;
    } cases[] = {{"1", 5}, {"3", 7}, {"4", 8}, {"5", 10}, {"100", 200}, {"200", 256}, {"256", 256}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(PARSE(f, "-r", "x.pcap", "-w", cases[i].workers), OPTIONS_RUN);
        assert_int_equal(f->options.max_workers, cases[i].most);
        assert_int_equal(f->options.rings, f->options.workers);
    }
    assert_int_equal(PARSE(f, "-r", "x.pcap", "-w", "3", "--max-workers", "3"), OPTIONS_RUN);
    assert_int_equal(f->options.max_workers, 3);
    assert_int_equal(f->options.rings, 3);
}

static void the_defaults_are_those_of_the_manual(void **state) {
    struct options_fixture *f = *state;
    struct flow_timeouts timeouts;
    flow_timeouts_init(&timeouts);
    assert_int_equal(PARSE(f, "-r", "x.pcap"), OPTIONS_RUN);
    assert_int_equal(f->options.file_count, 1);
    assert_string_equal(f->options.files[0], "x.pcap");
    assert_string_equal(f->options.name, "flow-balancer");
    assert_int_equal(f->options.workers, 8);
    assert_int_equal(f->options.max_workers, 16);
    assert_int_equal(f->options.rings, 8);
    assert_string_equal(f->options.policy->name, "backlog-share");
    assert_true(f->options.block);
    assert_int_equal(f->options.depth, 10000);
    assert_int_equal(f->options.max_flows, 1000000);
    assert_int_equal(f->options.ring_bytes, 0);
    assert_int_equal(f->options.hugepages, FB_HUGEPAGES_AUTO);
    assert_int_equal(f->options.failover_ns, SECOND);
    assert_int_equal(f->options.start_timeout_ns, 30 * SECOND);
    assert_int_equal(f->options.no_worker_timeout_ns, 30 * SECOND);
    assert_int_equal(f->options.drain_timeout_ns, 30 * SECOND);
    assert_int_equal(f->options.loops, 1);
    assert_true(f->options.speed <= 0);
    assert_false(f->options.preload || f->options.no_promiscuous);
    assert_null(f->options.filter);
    assert_null(f->options.report);
    assert_null(f->options.html);
    assert_string_equal(f->options.direction, "inout");
    assert_int_equal(f->options.log_level, FB_LOG_INFO);
    assert_memory_equal(&f->options.timeouts, &timeouts, sizeof timeouts);
    struct fragments_config fragments = fragments_default_config(PACKET_CLOCK_TICKS_PER_SECOND);
    assert_memory_equal(&f->options.fragments, &fragments, sizeof fragments);
    assert_string_equal(f->options.policy->name, POLICY_DEFAULT);
    assert_string_equal(f->options.json, "{\"read\":\"x.pcap\"}");
}

/* Where help only says what the default is, giving it changes nothing. */
static void the_timeouts_that_help_shows_are_those_in_force(void **state) {
    struct options_fixture *f = *state;
    char text[256];
    unsigned length = 0;
    for (const char *c = fb_option_line(FB_OPT_TIMEOUT)->default_text; *c != '\0'; c++) {
        if (*c != ' ')
            text[length++] = *c;
    }
    text[length] = '\0';
    struct flow_timeouts timeouts;
    flow_timeouts_init(&timeouts);
    assert_int_equal(PARSE(f, "-r", "x.pcap", "--timeout", "all=1", "--timeout", text),
                     OPTIONS_RUN);
    assert_memory_equal(&f->options.timeouts, &timeouts, sizeof timeouts);
}

/* Silently ignored it would look as if two files had been put in order. */
static void files_are_not_merged(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE(f, "-r", "a", "-r", "b", "--merge-window", "1000"), OPTIONS_WRONG);
    expect_refusal_with(f, "--merge-window 1000: files are read one after another");
    assert_int_equal(PARSE(f, "-r", "a", "--merge-window", "0"), OPTIONS_RUN);
    assert_int_equal(PARSE(f, "-i", "a", "--merge-window", "1000"), OPTIONS_RUN);
}

static void an_interface_is_given_once_and_32_at_most(void **state) {
    struct options_fixture *f = *state;
    static char names[FB_MAX_INTERFACES + 1][8];
    const char *words[2 * (FB_MAX_INTERFACES + 1) + 1] = {NULL};
    assert_int_equal(PARSE(f, "-i", "eth0", "-i", "eth1", "-i", "eth0"), OPTIONS_WRONG);
    expect_refusal_with(f, "--interface 'eth0': given twice");
    for (unsigned i = 0; i <= FB_MAX_INTERFACES; i++) {
        snprintf(names[i], sizeof names[i], "eth%u", i);
        words[2 * i] = "-i";
        words[2 * i + 1] = names[i];
    }
    assert_int_equal(options_fixture_parse(f, words), OPTIONS_WRONG);
    expect_refusal_with(f, "--interface 'eth32': more than 32");
    words[2 * FB_MAX_INTERFACES] = NULL;
    assert_int_equal(options_fixture_parse(f, words), OPTIONS_RUN);
    assert_int_equal(f->options.interface_count, 32);
}

static void what_is_given_is_what_is_meant(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE(f, "-i", "eth0", "-i", "eth1", "-s", "96", "-B", "4096", "-p", "-Q",
                           "in", "-n", "ids", "-w", "4", "--max-workers", "16", "--policy",
                           "backlog", "--bpf", "tcp or udp", "--report", "out.json", "--html",
                           "out.html", "--timeout", "all=5,other=never", "--timeout",
                           "udp-oneway=7", "--max-flows", "5000", "--ring-depth", "100",
                           "--ring-bytes", "2M", "--hugepages", "require", "--failover", "250",
                           "--start-timeout", "1.5", "--no-worker-timeout", "2", "--drain-timeout",
                           "0", "--log-level", "debug", "--merge-window", "2500", "--immediate",
                           "-j", "adapter_unsynced"),
                     OPTIONS_RUN);
    assert_int_equal(f->options.interface_count, 2);
    assert_string_equal(f->options.interfaces[0], "eth0");
    assert_string_equal(f->options.interfaces[1], "eth1");
    assert_int_equal(f->options.snaplen, 96);
    assert_int_equal(f->options.buffer_kib, 4096);
    assert_true(f->options.no_promiscuous);
    assert_string_equal(f->options.direction, "in");
    assert_int_equal(f->options.merge_window_us, 2500);
    assert_true(f->options.immediate);
    assert_string_equal(f->options.tstamp_type, "adapter_unsynced");
    assert_string_equal(f->options.name, "ids");
    assert_int_equal(f->options.workers, 4);
    assert_int_equal(f->options.max_workers, 16);
    assert_int_equal(f->options.rings, 16);
    assert_string_equal(f->options.policy->name, "backlog");
    assert_string_equal(f->options.filter, "tcp or udp");
    assert_string_equal(f->options.report, "out.json");
    assert_string_equal(f->options.html, "out.html");
    assert_int_equal(f->options.timeouts.seconds[FLOW_CLASS_TCP_OPENING], 5);
    assert_int_equal(f->options.timeouts.seconds[FLOW_CLASS_OTHER], FLOW_TIMEOUT_NEVER);
    assert_int_equal(f->options.timeouts.seconds[FLOW_CLASS_UDP_ONEWAY], 7);
    assert_int_equal(f->options.max_flows, 5000);
    assert_int_equal(f->options.depth, 100);
    assert_int_equal(f->options.ring_bytes, 2u << 20);
    assert_int_equal(f->options.hugepages, FB_HUGEPAGES_REQUIRE);
    assert_int_equal(f->options.failover_ns, 250 * MS);
    assert_int_equal(f->options.start_timeout_ns, 1500 * MS);
    assert_int_equal(f->options.no_worker_timeout_ns, 2 * SECOND);
    assert_int_equal(f->options.drain_timeout_ns, 0);
    assert_int_equal(f->options.log_level, FB_LOG_DEBUG);
    assert_int_equal(PARSE(f, "-r", "-", "--failover", "never", "--speed", "2", "--loop", "3",
                           "--preload", "--ring-bytes", "auto"),
                     OPTIONS_RUN);
    assert_int_equal(f->options.failover_ns, UINT64_MAX);
    assert_true(f->options.speed > 1.99 && f->options.speed < 2.01);
    assert_int_equal(f->options.loops, 3);
    assert_true(f->options.preload);
    assert_string_equal(f->options.files[0], "-");
}

static void files_block_and_interfaces_drop_unless_told_otherwise(void **state) {
    struct options_fixture *f = *state;
    static const struct {
        const char *source, *value;
        bool block;
    } cases[] = {{"-r", NULL, true},    {"-i", NULL, false},   {"-r", "drop", false},
                 {"-r", "block", true}, {"-i", "drop", false}, {"-i", "block", true}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *args[] = {cases[i].source, "x", cases[i].value == NULL ? NULL : "--on-full",
                              cases[i].value, NULL};
        assert_int_equal(options_fixture_parse(f, args), OPTIONS_RUN);
        assert_int_equal(f->options.block, cases[i].block);
    }
}

static void help_version_list_and_clean_need_no_source(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE(f, "--help"), OPTIONS_DONE);
    expect_help_lists(f->output.text, FB_DISPATCHER);
    assert_string_equal(f->errors.text, "");
    assert_int_equal(PARSE(f, "-h", "--nonsense"), OPTIONS_DONE);
    assert_int_equal(PARSE(f, "--version"), OPTIONS_DONE);
    assert_ptr_equal(strstr(f->output.text, "flow-dispatcher " FB_VERSION "\nnuma: "),
                     f->output.text);
    assert_int_equal(PARSE(f, "--list-options"), OPTIONS_DONE);
    assert_non_null(strstr(f->output.text, "\nworkers\tw\tN\t8\tdispatcher,script\tyes\t"));
    assert_int_equal(PARSE(f, "-D"), OPTIONS_INTERFACES);
    assert_int_equal(PARSE(f, "--clean", "-n", "old"), OPTIONS_CLEAN);
    assert_int_equal(PARSE(f, "--last-report", "-n", "old"), OPTIONS_LAST_REPORT);
    assert_string_equal(f->options.name, "old");
    assert_int_equal(PARSE(f, "--clean", "stray"), OPTIONS_WRONG);
}

static void options_are_noted_as_given(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE(f, "-r", "a \"b\"", "-w", "4", "-rc", "--preload", "--read=d"),
                     OPTIONS_RUN);
    assert_string_equal(f->options.json,
                        "{\"read\":[\"a \\\"b\\\"\",\"c\",\"d\"],\"workers\":\"4\","
                        "\"preload\":true}");
    /* What is not UTF-8 is noted escaped, and taken as it is. */
    assert_int_equal(PARSE(f, "-r", "\xff\xfe", "-r", "b", "-r", "\xff"), OPTIONS_RUN);
    assert_int_equal(f->options.file_count, 3);
    assert_string_equal(f->options.files[0], "\xff\xfe");
    assert_string_equal(f->options.json, "{\"read\":[\"\\\\xff\\\\xfe\",\"b\",\"\\\\xff\"]}");
}

static void every_option_that_a_file_may_have_has_a_rule(void **state) {
    (void)state;
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line(i);
        if ((line->readers & FB_DISPATCHER) == 0)
            assert_null(options_rules[i].take);
        else if (line->where == FB_ANYWHERE && options_rules[i].take == NULL)
            fail_msg("--%s has no rule in options_rules.c", line->name);
    }
}

static void what_a_flow_is_can_be_chosen(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE(f, "-r", "x"), OPTIONS_RUN);
    assert_false(f->options.decode.outer || f->options.decode.key_vlan ||
                 f->options.decode.key_tunnel);
    assert_int_equal(PARSE(f, "-r", "x", "--tunnel", "outer", "--key-vlan"), OPTIONS_RUN);
    assert_true(f->options.decode.outer && f->options.decode.key_vlan &&
                !f->options.decode.key_tunnel);
    assert_int_equal(PARSE(f, "-r", "x", "--tunnel", "inner", "--key-tunnel"), OPTIONS_RUN);
    assert_true(!f->options.decode.outer && !f->options.decode.key_vlan &&
                f->options.decode.key_tunnel);
    assert_int_equal(PARSE_FILE(f,
                                "read = x\ntunnel = outer\nkey-vlan = yes\nkey-tunnel = yes\n"
                                "key-vlan = no\n",
                                NULL),
                     OPTIONS_RUN);
    assert_true(f->options.decode.outer && !f->options.decode.key_vlan &&
                f->options.decode.key_tunnel);
}

static void an_interface_can_be_shared(void **state) {
    struct options_fixture *f = *state;
    static const char *const modes[] = {"65535:cbpf", "65535:hash", "65535:cpu", "65535:qm"};
    assert_int_equal(PARSE(f, "-i", "lo"), OPTIONS_RUN);
    assert_false(f->options.fanout.wanted);
    assert_int_equal(PARSE(f, "-i", "lo", "--fanout", "0"), OPTIONS_RUN);
    assert_true(f->options.fanout.wanted);
    assert_int_equal(f->options.fanout.group, 0);
    assert_int_equal(f->options.fanout.mode, FANOUT_CBPF);
    for (unsigned mode = 0; mode < FANOUT_MODES; mode++) {
        assert_int_equal(PARSE(f, "-i", "lo", "--fanout", modes[mode]), OPTIONS_RUN);
        assert_int_equal(f->options.fanout.group, 65535);
        assert_int_equal(f->options.fanout.mode, mode);
    }
    assert_int_equal(PARSE_FILE(f, "interface = lo\nfanout = 7:qm\n", "--fanout", "8"),
                     OPTIONS_RUN);
    assert_int_equal(f->options.fanout.group, 8);
    assert_int_equal(f->options.fanout.mode, FANOUT_CBPF);
}

static void later_lines_win_and_sources_add_up(void **state) {
    struct options_fixture *f = *state;
    assert_int_equal(PARSE_FILE(f,
                                "read = a\nworkers = 2\npreload = yes\nbpf = tcp\nworkers = 3\n"
                                "read = b\npreload = no\nbpf = udp\ntimeout = all=5\n"
                                "timeout = other=7\ninspector = count\n",
                                NULL),
                     OPTIONS_RUN);
    assert_int_equal(f->options.file_count, 2);
    assert_string_equal(f->options.files[0], "a");
    assert_string_equal(f->options.files[1], "b");
    assert_int_equal(f->options.workers, 3);
    assert_false(f->options.preload);
    assert_string_equal(f->options.filter, "udp");
    assert_int_equal(f->options.timeouts.seconds[FLOW_CLASS_TCP_OPENING], 5);
    assert_int_equal(f->options.timeouts.seconds[FLOW_CLASS_OTHER], 7);
    assert_string_equal(f->options.json, "{\"read\":[\"a\",\"b\"],\"workers\":\"3\",\"bpf\":"
                                         "\"udp\",\"timeout\":[\"all=5\",\"other=7\"]}");
}

static void the_command_line_wins_over_the_file(void **state) {
    struct options_fixture *f = *state;
    static const char text[] = "read = a\nread = b\nworkers = 3\nname = sensor\nbpf = tcp\n"
                               "timeout = all=5\npreload = yes\n";
    assert_int_equal(
        PARSE_FILE(f, text, "-r", "c", "-w", "2", "--bpf", "udp", "--timeout", "other=7"),
        OPTIONS_RUN);
    assert_int_equal(f->options.file_count, 1);
    assert_string_equal(f->options.files[0], "c");
    assert_int_equal(f->options.workers, 2);
    assert_string_equal(f->options.name, "sensor");
    assert_string_equal(f->options.filter, "udp");
    assert_int_equal(f->options.timeouts.seconds[FLOW_CLASS_TCP_OPENING], 5);
    assert_int_equal(f->options.timeouts.seconds[FLOW_CLASS_OTHER], 7);
    assert_true(f->options.preload);
    json_t *json = json_loads(f->options.json, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "workers")), "2");
    assert_string_equal(json_string_value(json_object_get(json, "read")), "c");
    json_decref(json);
    /* Sources of the other kind go as well, and so does a filter of the other kind. */
    assert_int_equal(
        PARSE_FILE(f, "read = a\nfilter-file = /nonexistent\n", "-ilo", "--bpf", "tcp"),
        OPTIONS_RUN);
    assert_int_equal(f->options.file_count, 0);
    assert_int_equal(PARSE_FILE(f, "wokers = 1\n", "--help"), OPTIONS_DONE);
    assert_int_equal(PARSE_FILE(f, text, "--check"), OPTIONS_CHECK);
    assert_int_equal(PARSE_FILE(f, "workers = 3\n", "--check"),
                     OPTIONS_WRONG); /* nothing to read */
}

/* The supervisor reads no file itself: what is its own there comes with --check. */
static void a_check_also_tells_what_the_file_has_for_the_supervisor(void **state) {
    struct options_fixture *f = *state;
    static const char text[] = "read = a\nworker-cpu = 1\nworker-cpu = 2-5\ninspector = count\n"
                               "orphan-timeout = 7\njson = yes\nworker = 3\n";
    assert_int_equal(PARSE_FILE(f, text, "--check"), OPTIONS_CHECK);
    assert_string_equal(f->options.json, "{\"read\":\"a\",\"worker-cpu\":\"2-5\",\"inspector\":"
                                         "\"count\",\"orphan-timeout\":\"7\"}");
    assert_int_equal(PARSE_FILE(f, text, NULL), OPTIONS_RUN);
    assert_string_equal(f->options.json, "{\"read\":\"a\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OPTIONS_TEST(what_is_no_option_is_refused),
        OPTIONS_TEST(an_option_without_its_value_is_refused_by_its_own_name),
        OPTIONS_TEST(what_does_not_go_together_is_refused),
        OPTIONS_TEST(more_sources_than_there_is_room_for_are_refused),
        OPTIONS_TEST(a_filter_file_that_cannot_be_read_is_refused),
        OPTIONS_TEST(every_option_that_a_file_may_have_has_a_rule),
        OPTIONS_TEST(later_lines_win_and_sources_add_up),
        OPTIONS_TEST(the_command_line_wins_over_the_file),
        OPTIONS_TEST(the_defaults_are_those_of_the_manual),
        OPTIONS_TEST(there_are_numbers_for_workers_to_be_added),
        OPTIONS_TEST(the_timeouts_that_help_shows_are_those_in_force),
        OPTIONS_TEST(a_check_also_tells_what_the_file_has_for_the_supervisor),
        OPTIONS_TEST(what_is_given_is_what_is_meant),
        OPTIONS_TEST(files_are_not_merged),
        OPTIONS_TEST(an_interface_is_given_once_and_32_at_most),
        OPTIONS_TEST(files_block_and_interfaces_drop_unless_told_otherwise),
        OPTIONS_TEST(help_version_list_and_clean_need_no_source),
        OPTIONS_TEST(a_filter_file_is_one_line_without_its_comments),
        OPTIONS_TEST(what_a_flow_is_can_be_chosen),
        OPTIONS_TEST(an_interface_can_be_shared),
        OPTIONS_TEST(options_are_noted_as_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
