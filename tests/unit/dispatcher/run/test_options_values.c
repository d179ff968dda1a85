/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/options_rules.c: what each option of flow-dispatcher takes, and what it refuses.
 */
#include "tests/lib/options_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

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
    {"--capture", {"packet", "libpcap"}, {"", "Packet", "pcap", "afpacket"}},
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
    {"--tunnel-port",
     {"vxlan=4789", "vxlan=4789,8472", "gue=6080", "hp-erm=7932", "ivxlan=48879", "gtp=65535,1"},
     {"", "vxlan", "vxlan=", "=1", "vxlan=0", "vxlan=65536", "vxlan=4789,", "vxlan=,4789",
      "vxlan=4789,4789", "vxlan=6081", "VXLAN=4789", "vx=1", "vxlan 4789", "vxlan=4789;8472",
      "vxlan=-1"}},
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
    struct options_fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned v = 0; rows[i].bad[v] != NULL; v++) {
            char named[128];
            enum options_result result = PARSE(f, "-r", "x.pcap", rows[i].option, rows[i].bad[v]);
            if (result != OPTIONS_WRONG)
                fail_msg("%s '%s' was taken", rows[i].option, rows[i].bad[v]);
            snprintf(named, sizeof named, "%s '%s': ", rows[i].option, rows[i].bad[v]);
            expect_refusal_with(f, named);
            assert_string_equal(f->output.text, "");
        }
    }
}

static void every_good_value_is_taken_in_silence_and_noted(void **state) {
    struct options_fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned v = 0; rows[i].good[v] != NULL; v++) {
            enum options_result result = PARSE(f, "-r", "x.pcap", rows[i].option, rows[i].good[v]);
            if (result != OPTIONS_RUN)
                fail_msg("%s '%s': %s", rows[i].option, rows[i].good[v], f->errors.text);
            assert_string_equal(f->errors.text, "");
            assert_string_equal(f->output.text, "");
            json_t *json = json_loads(f->options.json, 0, NULL);
            const json_t *noted = json_object_get(json, rows[i].option + 2);
            if (json_is_array(noted))
                noted = json_array_get(noted, 1);
            assert_string_equal(json_string_value(noted), rows[i].good[v]);
            json_decref(json);
        }
    }
}

static void every_bad_value_in_a_file_is_refused_with_line_key_and_value(void **state) {
    struct options_fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned v = 0; rows[i].bad[v] != NULL; v++) {
            const char *bad = rows[i].bad[v];
            if (bad[0] == ' ' || (bad[0] != '\0' && bad[strlen(bad) - 1] == ' '))
                continue; /* blanks around a value are not its own there */
            char text[256], named[256];
            snprintf(text, sizeof text, "read = x\n%s = %s\n", rows[i].option + 2, bad);
            snprintf(named, sizeof named, ":2: %s '%s': ", rows[i].option, bad);
            if (PARSE_FILE(f, text, NULL) != OPTIONS_WRONG)
                fail_msg("taken: %s", text);
            expect_refusal_with(f, named);
        }
    }
    assert_int_equal(PARSE_FILE(f, "read = x\nbpf = udp\nfilter-file = /dev/null\n", NULL),
                     OPTIONS_WRONG);
    expect_refusal_with(f, ":3: ");
    assert_int_equal(PARSE_FILE(f, "read = x\ninterface = lo\n", NULL), OPTIONS_WRONG);
    assert_int_equal(PARSE(f, "-r", "x", "--config", "/nonexistent"), OPTIONS_WRONG);
    expect_refusal_with(f, "'/nonexistent'");
}

static void every_good_value_in_a_file_is_taken_and_noted(void **state) {
    struct options_fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned v = 0; rows[i].good[v] != NULL; v++) {
            char text[256], noted[256];
            snprintf(text, sizeof text, "%s = %s\n", rows[i].option + 2, rows[i].good[v]);
            bool source = strcmp(rows[i].option, "--read") == 0;
            if (PARSE_FILE(f, text, source ? NULL : "-rx") != OPTIONS_RUN)
                fail_msg("%s: %s", text, f->errors.text);
            snprintf(noted, sizeof noted, "\"%s\":\"%s\"", rows[i].option + 2, rows[i].good[v]);
            assert_non_null(strstr(f->options.json, noted));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OPTIONS_TEST(every_bad_value_is_refused_with_one_line_that_names_it),
        OPTIONS_TEST(every_good_value_is_taken_in_silence_and_noted),
        OPTIONS_TEST(every_bad_value_in_a_file_is_refused_with_line_key_and_value),
        OPTIONS_TEST(every_good_value_in_a_file_is_taken_and_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
