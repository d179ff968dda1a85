/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/report/report_flows.c: the largest flows as JSON and as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/report/report_flows.h"

static struct fb_large_flow flows[FB_LARGE_FLOWS];

static uint64_t ports(unsigned low, unsigned high, unsigned proto, enum fb_key_kind kind) {
    return (uint64_t)low << 48 | (uint64_t)high << 32 | (uint64_t)proto << 8 | kind;
}

static void set_key(struct fb_large_flow *flow, const uint64_t address[4], uint64_t last) {
    memcpy(flow->key.word, address, 4 * sizeof *address);
    memcpy(&flow->key.word[4], &last, sizeof last);
}

/* 10.0.0.1 and 10.0.0.2, the second of which sent first; a worker has it. */
static void set_tcp(struct fb_large_flow *flow) {
    static const uint64_t address[4] = {0, 0x0a000001, 0, 0x0a000002};
    *flow = (struct fb_large_flow){.sender = 1,
                                   .id = 77,
                                   .packets = 1234567,
                                   .bytes = 7000000000,
                                   .per_s = 900,
                                   .over_per_s = 12,
                                   .worker = 3};
    set_key(flow, address, ports(443, 50000, 6, FB_KEY_IP4));
}

static json_t *make(uint64_t received) {
    json_t *array = report_flows(flows, received);
    assert_non_null(array);
    return array;
}

static void expect(const json_t *array, size_t i, const char *wanted) {
    json_error_t error;
    json_t *value = json_loads(wanted, 0, &error);
    assert_non_null(value);
    if (!json_equal(json_array_get(array, i), value)) {
        char *text = json_dumps(json_array_get(array, i), 0);
        fail_msg("%s, and not %s", text, wanted);
    }
    json_decref(value);
}

static char *print(json_t *array, int active) {
    char *text = NULL;
    size_t size = 0;
    json_t *report = json_pack("{s:o,s:{s:i}}", "largest_flows", array, "flows", "active", active);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report_print_flows(out, report);
    fclose(out);
    json_decref(report);
    return text;
}

static void no_flow_is_no_line(void **state) {
    (void)state;
    memset(flows, 0, sizeof flows);
    json_t *array = make(0);
    assert_int_equal(json_array_size(array), 0);
    char *text = print(array, 0);
    assert_string_equal(text, "");
    free(text);
}

static void words_that_cannot_be_do_no_harm(void **state) {
    (void)state;
    memset(flows, 0xff, sizeof flows);
    json_t *array = make(1);
    assert_int_equal(json_array_size(array), FB_LARGE_FLOWS);
    free(print(array, 1));
}

static void a_flow_has_the_keys_of_its_layer_and_its_sender_first(void **state) {
    (void)state;
    memset(flows, 0, sizeof flows);
    set_tcp(&flows[0]);
    flows[1] = (struct fb_large_flow){.id = 1, .packets = 10, .worker = FB_NO_WORKER, .ended = 1};
    uint64_t ip6[4];
    static const uint8_t a[16] = {0x20, 1, 0xd, 0xb8, [15] = 1},
                         b[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
    memcpy(&ip6[0], a, 16);
    memcpy(&ip6[2], b, 16);
    set_key(&flows[1], ip6, ports(128, 129, 58, FB_KEY_IP6));
    flows[2] = (struct fb_large_flow){.id = 2, .packets = 1234567};
    static const uint64_t mac[4] = {0, 0x020000000001, 0, 0xffffffffffff};
    set_key(&flows[2], mac, (uint64_t)0x0806 << 16 | FB_KEY_MAC);
    flows[3] = (struct fb_large_flow){.id = 3, .packets = 4};
    json_t *array = make(2469134);
    assert_int_equal(json_array_size(array), 4);
    expect(array, 0,
           "{\"flow\": 77, \"layer\": \"ip4\", \"src_ip\": \"10.0.0.2\", \"src_port\": 50000,"
           " \"dest_ip\": \"10.0.0.1\", \"dest_port\": 443, \"proto\": \"TCP\", \"worker\": 3,"
           " \"packets\": 1234567, \"bytes\": 7000000000, \"error\": 0, \"share\": 0.5,"
           " \"packets_per_s\": 900, \"error_per_s\": 12, \"ended\": false}");
    assert_null(json_object_get(json_array_get(array, 1), "src_port"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(array, 1), "proto")),
                        "IPv6-ICMP");
    assert_string_equal(json_string_value(json_object_get(json_array_get(array, 1), "src_ip")),
                        "2001:db8::1");
    assert_true(json_is_null(json_object_get(json_array_get(array, 1), "worker")));
    expect(array, 2,
           "{\"flow\": 2, \"layer\": \"mac\", \"src_mac\": \"02:00:00:00:00:01\","
           " \"dest_mac\": \"ff:ff:ff:ff:ff:ff\", \"proto\": \"ethertype 0x0806\", \"worker\": 0,"
           " \"packets\": 1234567, \"bytes\": 0, \"error\": 0, \"share\": 0.5,"
           " \"packets_per_s\": 0, \"error_per_s\": 0, \"ended\": false}");
    assert_string_equal(json_string_value(json_object_get(json_array_get(array, 3), "layer")),
                        "none");
    assert_string_equal(json_string_value(json_object_get(json_array_get(array, 3), "proto")),
                        "unknown");
    char *text = print(array, 1);
    assert_string_equal(text, "largest flows:\n"
                              "      1,234,567  50.0%  TCP 10.0.0.2:50000 > 10.0.0.1:443\n"
                              "             10   0.0%  IPv6-ICMP 2001:db8::1 > 2001:db8::2, ended\n"
                              "      1,234,567  50.0%  ethertype 0x0806 02:00:00:00:00:01 > "
                              "ff:ff:ff:ff:ff:ff\n"
                              "              4   0.0%  unknown\n");
    free(text);
}

static void the_text_has_five_and_breaks_long_lines(void **state) {
    (void)state;
    memset(flows, 0, sizeof flows);
    for (unsigned i = 0; i < 8; i++) {
        flows[i] = (struct fb_large_flow){.id = i, .packets = 1000000000000 - i, .ended = 1};
        uint64_t word[4];
        memset(word, 0xdd + (int)i, sizeof word);
        set_key(&flows[i], word, ports(60000, 50000, 17, FB_KEY_IP6));
    }
    char *text = print(make(UINT64_C(2000000000000)), 0);
    unsigned lines = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        assert_true(end - line <= 100);
        lines++;
    }
    assert_int_equal(lines, 1 + 2 * 5);
    assert_null(strstr(text, "ended")); /* all have: the run is over */
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flow_is_no_line),
        cmocka_unit_test(words_that_cannot_be_do_no_harm),
        cmocka_unit_test(a_flow_has_the_keys_of_its_layer_and_its_sender_first),
        cmocka_unit_test(the_text_has_five_and_breaks_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
