/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "dispatcher/run/options.h"
#include "flow_balancer/names.h"
#include "tests/lib/option_names.h"

#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static struct options options;
static char errors[65536], output[65536];

/* Standard output or error goes to memory from here to take_back(). */
static int divert(int fd, int *kept) {
    int memory = memfd_create("diverted", MFD_CLOEXEC);
    assert_true(memory >= 0);
    fflush(NULL);
    *kept = dup(fd);
    dup2(memory, fd);
    return memory;
}

static void take_back(int fd, int kept, int memory, char *text, size_t room) {
    fflush(NULL);
    ssize_t n = pread(memory, text, room - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    dup2(kept, fd);
    close(kept);
    close(memory);
}

/* Parses a command line that ends with NULL, program name apart. */
static enum options_result parse(const char *const *args) {
    static const char *argv[OPTIONS_SOURCES_MAX * 2 + 16];
    int argc = 1, kept_output, kept_errors;
    argv[0] = "flow-dispatcher";
    while (args[argc - 1] != NULL) {
        argv[argc] = args[argc - 1];
        argc++;
    }
    argv[argc] = NULL;
    options_free(&options);
    int out = divert(STDOUT_FILENO, &kept_output);
    int err = divert(STDERR_FILENO, &kept_errors);
    enum options_result result = options_parse(&options, argc, argv);
    take_back(STDERR_FILENO, kept_errors, err, errors, sizeof errors);
    take_back(STDOUT_FILENO, kept_output, out, output, sizeof output);
    return result;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static int no_options(void **state) {
    (void)state;
    options_free(&options);
    memset(&options, 0, sizeof options);
    return 0;
}

static void one_line_was_logged_with(const char *part) {
    const char *end = strchr(errors, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\n");
    assert_non_null(strstr(errors, "error: "));
    if (strstr(errors, part) == NULL)
        fail_msg("'%s' is not in: %s", part, errors);
}

struct row {
    const char *option;
    const char *good[12];
    const char *bad[24];
};

static const struct row rows[] = {
    {"--snapshot-length",
     {"0", "1", "262144", "0096"},
     {"", "-1", "262145", "96k", "x", " 1", "1 "}},
    {"--buffer-size", {"1", "2097151"}, {"", "0", "2097152", "1.5", "-1", "2M"}},
    {"--direction", {"in", "out", "inout"}, {"", "IN", "both", "inou"}},
    {"--fanout",
     {NULL}, /* not with files */
     {"", "x", "-1", " 1", "+1", "1 ", "65536", "99999999999999999999", ":hash", "7:", "7:lb",
      "7:Hash", "7:hash:", "7.0", "0x7", "7hash", "7:rollover"}},
    {"--name", {"a", "A-Z_09", "x1"}, {"", "a b", "a/b", "..", "a.b", "\xc3\xa4"}},
    {"--workers", {"1", "8"}, {"", "0", "257", "-1", "1.0", "two", "18446744073709551617"}},
    {"--max-workers", {"8", "256"}, {"", "0", "257", "8x"}},
    {"--policy", {"backlog", "backlog-share"}, {"", "hsh", "Backlog", "backlog-"}},
    {"--on-full", {"block", "drop"}, {"", "wait", "BLOCK"}},
    {"--timeout",
     {"all=never", "other=1", "tcp-opening=1,other=never", "udp-oneway=31536000"},
     {"", "all", "all=", "all=0", "all=-1", "all=1.5", "other=31536001", "x=1", "other=1,"}},
    {"--max-flows", {"1", "1000000", "134217728"}, {"", "0", "134217729", "1M"}},
    {"--ring-depth", {"1", "10000", "16777216"}, {"", "0", "16777217", "1K"}},
    {"--ring-bytes",
     {"auto", "1M", "1048576", "16M", "64G"},
     {"", "1048575", "1023K", "65G", "16MB", "M", "AUTO", "-1", "99999999999999999999"}},
    {"--hugepages", {"auto", "require", "never"}, {"", "yes", "thp"}},
    {"--numa", {"auto", "off", "0", "0,0,1-3", "1023"}, {"", "on", "0,", "1-0", "1024", "-1"}},
    {"--cpu", {"0", "2-5", "0,2,4-6,1023"}, {"", "1024", "2-1", "0,", "-1", "all"}},
    {"--tunnel", {"inner", "outer"}, {"", "both", "Outer"}},
    {"--failover", {"0", "1000", "0.5", "never", "86400000"}, {"", "-1", "86400001", "1s", "inf"}},
    {"--start-timeout", {"0", "30", ".5", "86400"}, {"", "-1", "86401", "never", "nan", "30s"}},
    {"--no-worker-timeout", {"0", "30"}, {"", "-0.1", "86401", "x"}},
    {"--drain-timeout", {"0", "30"}, {"", "-0.1", "86401", "x"}},
    {"--loop", {"1", "1099511627776"}, {"", "0", "1099511627777", "-1", "x"}},
    {"--speed",
     {"max", "1", "0.5", "0.000001", "1000000"},
     {"", "0", "-1", "MAX", "1x", "1e7", "inf"}},
    {"--log-level", {"error", "warning", "info", "debug"}, {"", "Info", "3", "warn"}},
    {"--read", {"a", "-", "/x/y"}, {""}},
};

static void every_bad_value_is_refused_with_one_line_that_names_it(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned v = 0; rows[i].bad[v] != NULL; v++) {
            char named[128];
            enum options_result result = PARSE("-r", "x.pcap", rows[i].option, rows[i].bad[v]);
            if (result != OPTIONS_WRONG)
                fail_msg("%s '%s' was taken", rows[i].option, rows[i].bad[v]);
            snprintf(named, sizeof named, "%s '%s': ", rows[i].option, rows[i].bad[v]);
            one_line_was_logged_with(named);
            assert_string_equal(output, "");
        }
    }
}

static void every_good_value_is_taken_in_silence_and_noted(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned v = 0; rows[i].good[v] != NULL; v++) {
            enum options_result result = PARSE("-r", "x.pcap", rows[i].option, rows[i].good[v]);
            if (result != OPTIONS_RUN)
                fail_msg("%s '%s': %s", rows[i].option, rows[i].good[v], errors);
            assert_string_equal(errors, "");
            assert_string_equal(output, "");
            json_t *json = json_loads(options.json, 0, NULL);
            const json_t *noted = json_object_get(json, rows[i].option + 2);
            if (json_is_array(noted))
                noted = json_array_get(noted, 1);
            assert_string_equal(json_string_value(noted), rows[i].good[v]);
            json_decref(json);
        }
    }
}

static void what_is_no_option_is_refused(void **state) {
    (void)state;
    assert_int_equal(PARSE("-r", "x", "--nonsense"), OPTIONS_WRONG);
    one_line_was_logged_with("--nonsense");
    assert_int_equal(PARSE("-r", "x", "-Z"), OPTIONS_WRONG);
    one_line_was_logged_with("-Z");
    assert_int_equal(PARSE("-r", "x", "trace.pcap"), OPTIONS_WRONG);
    one_line_was_logged_with("'trace.pcap'");
    assert_int_equal(PARSE("-r", "x", "-w"), OPTIONS_WRONG);
    one_line_was_logged_with("-w");
    assert_int_equal(PARSE("-r", "x", "--preload=3"), OPTIONS_WRONG);
    one_line_was_logged_with("--preload");
}

static void what_does_not_go_together_is_refused(void **state) {
    (void)state;
    static const char *const nothing[] = {NULL};
    assert_int_equal(parse(nothing), OPTIONS_WRONG);
    one_line_was_logged_with("-r FILE");
    assert_int_equal(PARSE("-w", "3"), OPTIONS_WRONG);
    one_line_was_logged_with("-i IFACE");
    assert_int_equal(PARSE("-r", "x.pcap", "-i", "lo"), OPTIONS_WRONG);
    one_line_was_logged_with("'x.pcap'");
    one_line_was_logged_with("'lo'");
    assert_int_equal(PARSE("-i", "lo", "--preload"), OPTIONS_WRONG);
    one_line_was_logged_with("--preload");
    assert_int_equal(PARSE("-i", "lo", "--loop", "2"), OPTIONS_WRONG);
    one_line_was_logged_with("--loop");
    assert_int_equal(PARSE("-i", "lo", "--speed", "1"), OPTIONS_WRONG);
    one_line_was_logged_with("--speed");
    assert_int_equal(PARSE("-i", "lo", "--loop", "1", "--speed", "max"), OPTIONS_RUN);
    assert_int_equal(PARSE("-r", "x.pcap", "--fanout", "7"), OPTIONS_WRONG);
    one_line_was_logged_with("--fanout 7: only interfaces can be shared: leave it out with -r 'x.");
    assert_int_equal(PARSE("-i", "a", "-i", "b", "--fanout", "65535"), OPTIONS_WRONG);
    one_line_was_logged_with("2 interfaces would be in group 65536: give at most 65534");
    assert_int_equal(PARSE("-r", "x", "-w", "9", "--max-workers", "8"), OPTIONS_WRONG);
    one_line_was_logged_with("--max-workers 8");
    assert_int_equal(PARSE("-r", "x", "--max-workers", "7"), OPTIONS_WRONG); /* -w is 8 */
    assert_int_equal(PARSE("-r", "x", "--bpf", "tcp", "--bpf", "udp"), OPTIONS_WRONG);
    one_line_was_logged_with("--bpf");
}

static void more_sources_than_there_is_room_for_are_refused(void **state) {
    (void)state;
    static const char *args[OPTIONS_SOURCES_MAX + 2];
    for (unsigned i = 0; i < OPTIONS_SOURCES_MAX; i++)
        args[i] = "-rx";
    assert_int_equal(parse(args), OPTIONS_RUN);
    assert_int_equal(options.file_count, OPTIONS_SOURCES_MAX);
    args[OPTIONS_SOURCES_MAX] = "-rlast";
    assert_int_equal(parse(args), OPTIONS_WRONG);
    one_line_was_logged_with("'last'");
}

static void a_filter_file_that_cannot_be_read_is_refused(void **state) {
    (void)state;
    assert_int_equal(PARSE("-r", "x", "-F", "/nonexistent/filter"), OPTIONS_WRONG);
    one_line_was_logged_with("'/nonexistent/filter'");
    assert_int_equal(PARSE("-r", "x", "-F", "/tmp"), OPTIONS_WRONG); /* opens, but does not read */
    one_line_was_logged_with("'/tmp'");
}

static void a_filter_file_is_one_line_without_its_comments(void **state) {
    (void)state;
    char path[] = "/tmp/test_options.XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "# web\ntcp port 80 # and its like\nor tcp port 443";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    enum options_result result = PARSE("-r", "x", "-F", path);
    enum options_result both = OPTIONS_RUN;
    char filter[128] = "";
    if (result == OPTIONS_RUN) {
        snprintf(filter, sizeof filter, "%s", options.filter);
        both = PARSE("-r", "x", "--bpf", "udp", "-F", path);
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

static void the_defaults_are_those_of_the_manual(void **state) {
    (void)state;
    struct flow_timeouts timeouts;
    flow_timeouts_init(&timeouts);
    assert_int_equal(PARSE("-r", "x.pcap"), OPTIONS_RUN);
    assert_int_equal(options.file_count, 1);
    assert_string_equal(options.files[0], "x.pcap");
    assert_string_equal(options.name, "flow-balancer");
    assert_int_equal(options.workers, 8);
    assert_int_equal(options.max_workers, 8);
    assert_string_equal(options.policy->name, "backlog-share");
    assert_true(options.block);
    assert_int_equal(options.depth, 10000);
    assert_int_equal(options.max_flows, 1000000);
    assert_int_equal(options.ring_bytes, 0);
    assert_int_equal(options.hugepages, FB_HUGEPAGES_AUTO);
    assert_int_equal(options.failover_ns, SECOND);
    assert_int_equal(options.start_timeout_ns, 30 * SECOND);
    assert_int_equal(options.no_worker_timeout_ns, 30 * SECOND);
    assert_int_equal(options.drain_timeout_ns, 30 * SECOND);
    assert_int_equal(options.loops, 1);
    assert_true(options.speed <= 0);
    assert_false(options.preload || options.no_promiscuous);
    assert_null(options.filter);
    assert_null(options.report);
    assert_string_equal(options.direction, "inout");
    assert_int_equal(options.log_level, FB_LOG_INFO);
    assert_memory_equal(&options.timeouts, &timeouts, sizeof timeouts);
}

/* Silently ignored it would look as if two files had been put in order. */
static void files_are_not_merged(void **state) {
    (void)state;
    assert_int_equal(PARSE("-r", "a", "-r", "b", "--merge-window", "1000"), OPTIONS_WRONG);
    one_line_was_logged_with("--merge-window 1000: files are read one after another");
    assert_int_equal(PARSE("-r", "a", "--merge-window", "0"), OPTIONS_RUN);
    assert_int_equal(PARSE("-i", "a", "--merge-window", "1000"), OPTIONS_RUN);
}

static void an_interface_is_given_once_and_32_at_most(void **state) {
    (void)state;
    static char names[FB_MAX_INTERFACES + 1][8];
    const char *words[2 * (FB_MAX_INTERFACES + 1) + 1] = {NULL};
    assert_int_equal(PARSE("-i", "eth0", "-i", "eth1", "-i", "eth0"), OPTIONS_WRONG);
    one_line_was_logged_with("--interface 'eth0': given twice");
    for (unsigned i = 0; i <= FB_MAX_INTERFACES; i++) {
        snprintf(names[i], sizeof names[i], "eth%u", i);
        words[2 * i] = "-i";
        words[2 * i + 1] = names[i];
    }
    assert_int_equal(parse(words), OPTIONS_WRONG);
    one_line_was_logged_with("--interface 'eth32': more than 32");
    words[2 * FB_MAX_INTERFACES] = NULL;
    assert_int_equal(parse(words), OPTIONS_RUN);
    assert_int_equal(options.interface_count, 32);
}

static void what_is_given_is_what_is_meant(void **state) {
    (void)state;
    assert_int_equal(PARSE("-i", "eth0", "-i", "eth1", "-s", "96", "-B", "4096", "-p", "-Q", "in",
                           "-n", "ids", "-w", "4", "--max-workers", "16", "--policy", "backlog",
                           "--bpf", "tcp or udp", "--report", "out.json", "--timeout",
                           "all=5,other=never", "--timeout", "udp-oneway=7", "--max-flows", "5000",
                           "--ring-depth", "100", "--ring-bytes", "2M", "--hugepages", "require",
                           "--failover", "250", "--start-timeout", "1.5", "--no-worker-timeout",
                           "2", "--drain-timeout", "0", "--log-level", "debug", "--merge-window",
                           "2500", "--immediate", "-j", "adapter_unsynced"),
                     OPTIONS_RUN);
    assert_int_equal(options.interface_count, 2);
    assert_string_equal(options.interfaces[0], "eth0");
    assert_string_equal(options.interfaces[1], "eth1");
    assert_int_equal(options.snaplen, 96);
    assert_int_equal(options.buffer_kib, 4096);
    assert_true(options.no_promiscuous);
    assert_string_equal(options.direction, "in");
    assert_int_equal(options.merge_window_us, 2500);
    assert_true(options.immediate);
    assert_string_equal(options.tstamp_type, "adapter_unsynced");
    assert_string_equal(options.name, "ids");
    assert_int_equal(options.workers, 4);
    assert_int_equal(options.max_workers, 16);
    assert_string_equal(options.policy->name, "backlog");
    assert_string_equal(options.filter, "tcp or udp");
    assert_string_equal(options.report, "out.json");
    assert_int_equal(options.timeouts.seconds[FLOW_CLASS_TCP_OPENING], 5);
    assert_int_equal(options.timeouts.seconds[FLOW_CLASS_OTHER], FLOW_TIMEOUT_NEVER);
    assert_int_equal(options.timeouts.seconds[FLOW_CLASS_UDP_ONEWAY], 7);
    assert_int_equal(options.max_flows, 5000);
    assert_int_equal(options.depth, 100);
    assert_int_equal(options.ring_bytes, 2u << 20);
    assert_int_equal(options.hugepages, FB_HUGEPAGES_REQUIRE);
    assert_int_equal(options.failover_ns, 250 * MS);
    assert_int_equal(options.start_timeout_ns, 1500 * MS);
    assert_int_equal(options.no_worker_timeout_ns, 2 * SECOND);
    assert_int_equal(options.drain_timeout_ns, 0);
    assert_int_equal(options.log_level, FB_LOG_DEBUG);
    assert_int_equal(PARSE("-r", "-", "--failover", "never", "--speed", "2", "--loop", "3",
                           "--preload", "--ring-bytes", "auto"),
                     OPTIONS_RUN);
    assert_int_equal(options.failover_ns, UINT64_MAX);
    assert_true(options.speed > 1.99 && options.speed < 2.01);
    assert_int_equal(options.loops, 3);
    assert_true(options.preload);
    assert_string_equal(options.files[0], "-");
}

static void files_block_and_interfaces_drop_unless_told_otherwise(void **state) {
    (void)state;
    static const struct {
        const char *source, *value;
        bool block;
    } cases[] = {{"-r", NULL, true},    {"-i", NULL, false},   {"-r", "drop", false},
                 {"-r", "block", true}, {"-i", "drop", false}, {"-i", "block", true}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *args[] = {cases[i].source, "x", cases[i].value == NULL ? NULL : "--on-full",
                              cases[i].value, NULL};
        assert_int_equal(parse(args), OPTIONS_RUN);
        assert_int_equal(options.block, cases[i].block);
    }
}

static void help_version_list_and_clean_need_no_source(void **state) {
    (void)state;
    assert_int_equal(PARSE("--help"), OPTIONS_DONE);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_non_null(strstr(output, rows[i].option));
    assert_string_equal(errors, "");
    assert_int_equal(PARSE("-h", "--nonsense"), OPTIONS_DONE);
    assert_int_equal(PARSE("--version"), OPTIONS_DONE);
    assert_ptr_equal(strstr(output, "flow-dispatcher " FB_VERSION "\nnuma: "), output);
    assert_int_equal(PARSE("-D"), OPTIONS_INTERFACES);
    assert_int_equal(PARSE("--clean", "-n", "old"), OPTIONS_CLEAN);
    assert_string_equal(options.name, "old");
    assert_int_equal(PARSE("--clean", "stray"), OPTIONS_WRONG);
}

static void options_are_noted_as_given(void **state) {
    (void)state;
    assert_int_equal(PARSE("-r", "a \"b\"", "-w", "4", "-rc", "--preload", "--read=d"),
                     OPTIONS_RUN);
    assert_string_equal(options.json, "{\"read\":[\"a \\\"b\\\"\",\"c\",\"d\"],\"workers\":\"4\","
                                      "\"preload\":true}");
    /* What is not UTF-8 cannot be noted, and is taken all the same. */
    assert_int_equal(PARSE("-r", "\xff\xfe", "-r", "b", "-r", "\xff"), OPTIONS_RUN);
    assert_int_equal(options.file_count, 3);
    json_t *json = json_loads(options.json, 0, NULL);
    assert_true(json_is_object(json));
    json_decref(json);
}

static void the_table_and_the_list_of_keys_agree(void **state) {
    (void)state;
    static const char *const keys[] = {FB_DISPATCHER_KEYS(NAME) NULL};
    expect_agreement(options_table(), FB_PROGRAM_DISPATCHER, keys);
}

/* Parses with a --config file of that text; its arguments end with NULL. */
static enum options_result parse_file(const char *text, const char *const *args) {
    static char path[32];
    const char *line[16] = {"--config", path};
    strcpy(path, "/tmp/test_options.XXXXXX");
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    for (unsigned i = 0; args[i] != NULL; i++)
        line[i + 2] = args[i];
    enum options_result result = parse(line);
    unlink(path);
    return result;
}

#define FILE_AND(text, ...) parse_file(text, (const char *const[]){__VA_ARGS__, NULL})

static void what_a_flow_is_can_be_chosen(void **state) {
    (void)state;
    assert_int_equal(PARSE("-r", "x"), OPTIONS_RUN);
    assert_false(options.decode.outer || options.decode.key_vlan || options.decode.key_tunnel);
    assert_int_equal(PARSE("-r", "x", "--tunnel", "outer", "--key-vlan"), OPTIONS_RUN);
    assert_true(options.decode.outer && options.decode.key_vlan && !options.decode.key_tunnel);
    assert_int_equal(PARSE("-r", "x", "--tunnel", "inner", "--key-tunnel"), OPTIONS_RUN);
    assert_true(!options.decode.outer && !options.decode.key_vlan && options.decode.key_tunnel);
    assert_int_equal(FILE_AND("read = x\ntunnel = outer\nkey-vlan = yes\nkey-tunnel = yes\n"
                              "key-vlan = no\n",
                              NULL),
                     OPTIONS_RUN);
    assert_true(options.decode.outer && !options.decode.key_vlan && options.decode.key_tunnel);
}

static void an_interface_can_be_shared(void **state) {
    static const char *const modes[] = {"65535:cbpf", "65535:hash", "65535:cpu", "65535:qm"};
    (void)state;
    assert_int_equal(PARSE("-i", "lo"), OPTIONS_RUN);
    assert_false(options.fanout.wanted);
    assert_int_equal(PARSE("-i", "lo", "--fanout", "0"), OPTIONS_RUN);
    assert_true(options.fanout.wanted);
    assert_int_equal(options.fanout.group, 0);
    assert_int_equal(options.fanout.mode, FANOUT_CBPF);
    for (unsigned mode = 0; mode < FANOUT_MODES; mode++) {
        assert_int_equal(PARSE("-i", "lo", "--fanout", modes[mode]), OPTIONS_RUN);
        assert_int_equal(options.fanout.group, 65535);
        assert_int_equal(options.fanout.mode, mode);
    }
    assert_int_equal(FILE_AND("interface = lo\nfanout = 7:qm\n", "--fanout", "8"), OPTIONS_RUN);
    assert_int_equal(options.fanout.group, 8);
    assert_int_equal(options.fanout.mode, FANOUT_CBPF);
}

static void every_bad_value_in_a_file_is_refused_with_line_key_and_value(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned v = 0; rows[i].bad[v] != NULL; v++) {
            const char *bad = rows[i].bad[v];
            if (bad[0] == ' ' || (bad[0] != '\0' && bad[strlen(bad) - 1] == ' '))
                continue; /* blanks around a value are not its own there */
            char text[256], named[256];
            snprintf(text, sizeof text, "read = x\n%s = %s\n", rows[i].option + 2, bad);
            snprintf(named, sizeof named, ":2: %s '%s': ", rows[i].option, bad);
            if (FILE_AND(text, NULL) != OPTIONS_WRONG)
                fail_msg("taken: %s", text);
            one_line_was_logged_with(named);
        }
    }
    assert_int_equal(FILE_AND("read = x\nbpf = udp\nfilter-file = /dev/null\n", NULL),
                     OPTIONS_WRONG);
    one_line_was_logged_with(":3: ");
    assert_int_equal(FILE_AND("read = x\ninterface = lo\n", NULL), OPTIONS_WRONG);
    assert_int_equal(PARSE("-r", "x", "--config", "/nonexistent"), OPTIONS_WRONG);
    one_line_was_logged_with("'/nonexistent'");
}

static void every_good_value_in_a_file_is_taken_and_noted(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned v = 0; rows[i].good[v] != NULL; v++) {
            char text[256], noted[256];
            snprintf(text, sizeof text, "%s = %s\n", rows[i].option + 2, rows[i].good[v]);
            bool source = strcmp(rows[i].option, "--read") == 0;
            if (FILE_AND(text, source ? NULL : "-rx") != OPTIONS_RUN)
                fail_msg("%s: %s", text, errors);
            snprintf(noted, sizeof noted, "\"%s\":\"%s\"", rows[i].option + 2, rows[i].good[v]);
            assert_non_null(strstr(options.json, noted));
        }
    }
}

static void later_lines_win_and_sources_add_up(void **state) {
    (void)state;
    assert_int_equal(FILE_AND("read = a\nworkers = 2\npreload = yes\nbpf = tcp\nworkers = 3\n"
                              "read = b\npreload = no\nbpf = udp\ntimeout = all=5\n"
                              "timeout = other=7\ninspector = count\n",
                              NULL),
                     OPTIONS_RUN);
    assert_int_equal(options.file_count, 2);
    assert_string_equal(options.files[0], "a");
    assert_string_equal(options.files[1], "b");
    assert_int_equal(options.workers, 3);
    assert_false(options.preload);
    assert_string_equal(options.filter, "udp");
    assert_int_equal(options.timeouts.seconds[FLOW_CLASS_TCP_OPENING], 5);
    assert_int_equal(options.timeouts.seconds[FLOW_CLASS_OTHER], 7);
    assert_string_equal(options.json, "{\"read\":[\"a\",\"b\"],\"workers\":\"3\",\"bpf\":"
                                      "\"udp\",\"timeout\":[\"all=5\",\"other=7\"]}");
}

static void the_command_line_wins_over_the_file(void **state) {
    (void)state;
    static const char text[] = "read = a\nread = b\nworkers = 3\nname = sensor\nbpf = tcp\n"
                               "timeout = all=5\npreload = yes\n";
    assert_int_equal(FILE_AND(text, "-r", "c", "-w", "2", "--bpf", "udp", "--timeout", "other=7"),
                     OPTIONS_RUN);
    assert_int_equal(options.file_count, 1);
    assert_string_equal(options.files[0], "c");
    assert_int_equal(options.workers, 2);
    assert_string_equal(options.name, "sensor");
    assert_string_equal(options.filter, "udp");
    assert_int_equal(options.timeouts.seconds[FLOW_CLASS_TCP_OPENING], 5);
    assert_int_equal(options.timeouts.seconds[FLOW_CLASS_OTHER], 7);
    assert_true(options.preload);
    json_t *json = json_loads(options.json, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "workers")), "2");
    assert_string_equal(json_string_value(json_object_get(json, "read")), "c");
    json_decref(json);
    /* Sources of the other kind go as well, and so does a filter of the other kind. */
    assert_int_equal(FILE_AND("read = a\nfilter-file = /nonexistent\n", "-ilo", "--bpf", "tcp"),
                     OPTIONS_RUN);
    assert_int_equal(options.file_count, 0);
    assert_int_equal(FILE_AND("wokers = 1\n", "--help"), OPTIONS_DONE);
    assert_int_equal(FILE_AND(text, "--check"), OPTIONS_CHECK);
    assert_int_equal(FILE_AND("workers = 3\n", "--check"), OPTIONS_WRONG); /* nothing to read */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_value_is_refused_with_one_line_that_names_it),
        cmocka_unit_test(what_is_no_option_is_refused),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(more_sources_than_there_is_room_for_are_refused),
        cmocka_unit_test(a_filter_file_that_cannot_be_read_is_refused),
        cmocka_unit_test(the_table_and_the_list_of_keys_agree),
        cmocka_unit_test(every_bad_value_in_a_file_is_refused_with_line_key_and_value),
        cmocka_unit_test(every_good_value_in_a_file_is_taken_and_noted),
        cmocka_unit_test(later_lines_win_and_sources_add_up),
        cmocka_unit_test(the_command_line_wins_over_the_file),
        cmocka_unit_test(every_good_value_is_taken_in_silence_and_noted),
        cmocka_unit_test(the_defaults_are_those_of_the_manual),
        cmocka_unit_test(what_is_given_is_what_is_meant),
        cmocka_unit_test(files_are_not_merged),
        cmocka_unit_test(an_interface_is_given_once_and_32_at_most),
        cmocka_unit_test(files_block_and_interfaces_drop_unless_told_otherwise),
        cmocka_unit_test(help_version_list_and_clean_need_no_source),
        cmocka_unit_test(a_filter_file_is_one_line_without_its_comments),
        cmocka_unit_test(what_a_flow_is_can_be_chosen),
        cmocka_unit_test(an_interface_can_be_shared),
        cmocka_unit_test(options_are_noted_as_given),
    };
    return cmocka_run_group_tests(tests, NULL, no_options);
}
