/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspectors/ndpi_result.c: what is kept of a flow, and what is said of it. Built where
 * libndpi is. */
#include "tests/lib/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/inspectors/ndpi_result.h"

#define JA3_CLIENT "0123456789abcdef0123456789abcdef"
#define JA3_SERVER "fedcba9876543210fedcba9876543210"

static struct ndpi_detection_module_struct *module;

static int make_module(void **state) {
    NDPI_PROTOCOL_BITMASK all;
    (void)state;
    module = ndpi_init_detection_module(ndpi_no_prefs);
    assert_non_null(module);
    NDPI_BITMASK_SET_ALL(all);
    ndpi_set_protocol_detection_bitmask2(module, &all);
    ndpi_finalize_initialization(module);
    return 0;
}

static int free_module(void **state) {
    (void)state;
    ndpi_exit_detection_module(module);
    return 0;
}

static ndpi_protocol protocol_of(unsigned master, unsigned app, ndpi_protocol_category_t category) {
    return (ndpi_protocol){
        .master_protocol = (uint16_t)master, .app_protocol = (uint16_t)app, .category = category};
}

/* What the library would have of a TLS connection to Google. */
static struct ndpi_flow_struct tls_flow(void) {
    struct ndpi_flow_struct flow = {.confidence = NDPI_CONFIDENCE_DPI};
    flow.risk = (ndpi_risk)1 << NDPI_TLS_SELFSIGNED_CERTIFICATE | (ndpi_risk)1
                                                                      << NDPI_TLS_WEAK_CIPHER;
    flow.protos.tls_quic.ssl_version = 0x303;
    strcpy(flow.host_server_name, "www.example.org");
    strcpy(flow.protos.tls_quic.ja3_client, JA3_CLIENT);
    strcpy(flow.protos.tls_quic.ja3_server, JA3_SERVER);
    return flow;
}

/* The result as compact JSON with sorted keys; free() it. */
static char *json_of(const struct ndpi_result *result) {
    json_t *json = ndpi_result_json(module, result);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
    assert_non_null(text);
    json_decref(json);
    return text;
}

static void expect_json(const struct ndpi_flow_struct *flow, ndpi_protocol protocol,
                        const char *wanted) {
    struct ndpi_result result;
    assert_int_equal(ndpi_result_take(&result, flow, protocol), 0);
    char *text = json_of(&result);
    assert_string_equal(text, wanted);
    free(text);
    ndpi_result_free(&result);
}

static void all_that_is_known_is_in_the_record(void **state) {
    struct ndpi_flow_struct flow = tls_flow();
    (void)state;
    expect_json(
        &flow, protocol_of(NDPI_PROTOCOL_TLS, NDPI_PROTOCOL_GOOGLE, NDPI_PROTOCOL_CATEGORY_WEB),
        "{\"ndpi\":{\"breed\":\"Acceptable\",\"category\":\"Web\",\"category_id\":5,"
        "\"confidence\":{\"4\":\"DPI\"},\"encrypted\":1,"
        "\"flow_risk\":{"
        "\"6\":{\"risk\":\"Self-signed Certificate\",\"risk_score\":{\"client\":90,\"server\":10,"
        "\"total\":100},\"severity\":\"High\"},"
        "\"8\":{\"risk\":\"Weak TLS Cipher\",\"risk_score\":{\"client\":90,\"server\":10,"
        "\"total\":100},\"severity\":\"High\"}},"
        "\"hostname\":\"www.example.org\",\"proto\":\"TLS.Google\",\"proto_id\":\"91.126\","
        "\"tls\":{\"ja3\":\"" JA3_CLIENT "\",\"ja3s\":\"" JA3_SERVER
        "\",\"version\":\"TLSv1.2\"}}}");
}

static void what_is_not_known_is_left_out(void **state) {
    const struct ndpi_flow_struct flow = {.confidence = NDPI_CONFIDENCE_UNKNOWN};
    (void)state;
    expect_json(&flow, protocol_of(0, 0, NDPI_PROTOCOL_CATEGORY_UNSPECIFIED),
                "{\"ndpi\":{\"breed\":\"Unrated\",\"encrypted\":0,\"proto\":\"Unknown\","
                "\"proto_id\":\"0\"}}");
}

/* The library's union has something else there then. */
static void a_flow_that_is_no_tls_has_no_fingerprint(void **state) {
    struct ndpi_flow_struct flow = tls_flow();
    struct ndpi_result result;
    (void)state;
    flow.risk = 0;
    assert_int_equal(
        ndpi_result_take(&result, &flow, protocol_of(NDPI_PROTOCOL_DNS, NDPI_PROTOCOL_GOOGLE, 0)),
        0);
    char *text = json_of(&result);
    assert_null(strstr(text, "ja3"));
    assert_null(strstr(text, "tls"));
    assert_non_null(strstr(text, "www.example.org"));
    free(text);
    ndpi_result_free(&result);
}

static void quic_has_its_own_member(void **state) {
    const struct ndpi_flow_struct flow = tls_flow();
    struct ndpi_result result;
    (void)state;
    assert_int_equal(
        ndpi_result_take(&result, &flow, protocol_of(NDPI_PROTOCOL_QUIC, NDPI_PROTOCOL_YOUTUBE, 0)),
        0);
    char *text = json_of(&result);
    assert_non_null(strstr(text, "\"quic\":{\"ja3\":\"" JA3_CLIENT "\""));
    assert_null(strstr(text, "\"tls\""));
    free(text);
    ndpi_result_free(&result);
}

/* A version that the library has no name for, and no fingerprint. */
static void a_connection_of_which_nothing_is_known_has_no_empty_member(void **state) {
    struct ndpi_flow_struct flow = {.confidence = NDPI_CONFIDENCE_DPI};
    (void)state;
    flow.protos.tls_quic.ssl_version = 0x1234;
    expect_json(&flow, protocol_of(0, NDPI_PROTOCOL_TLS, NDPI_PROTOCOL_CATEGORY_UNSPECIFIED),
                "{\"ndpi\":{\"breed\":\"Safe\",\"confidence\":{\"4\":\"DPI\"},\"encrypted\":1,"
                "\"proto\":\"TLS\",\"proto_id\":\"91\"}}");
}

/* They end with the array where no 0 does. */
static void texts_that_fill_their_arrays_are_not_read_beyond(void **state) {
    struct ndpi_flow_struct *flow = calloc(1, sizeof *flow);
    struct ndpi_result result;
    char wanted[128] = "\"hostname\":\"";
    (void)state;
    assert_non_null(flow);
    memset(flow->host_server_name, 'h', sizeof flow->host_server_name);
    flow->initial_binary_bytes[0] = 'x'; /* behind it */
    memset(wanted + strlen(wanted), 'h', sizeof flow->host_server_name);
    strcat(wanted, "\"");
    assert_int_equal(ndpi_result_take(&result, flow, protocol_of(0, NDPI_PROTOCOL_DNS, 0)), 0);
    free(flow);
    char *text = json_of(&result);
    assert_non_null(strstr(text, wanted));
    free(text);
    ndpi_result_free(&result);
}

static void a_name_that_is_no_utf8_is_written_all_the_same(void **state) {
    struct ndpi_flow_struct flow = {.confidence = NDPI_CONFIDENCE_DPI};
    struct ndpi_result result;
    (void)state;
    strcpy(flow.host_server_name, "a\xff\"\x01.org");
    assert_int_equal(ndpi_result_take(&result, &flow, protocol_of(0, NDPI_PROTOCOL_DNS, 0)), 0);
    char *text = json_of(&result);
    assert_non_null(strstr(text, "\"hostname\":\"a?\\\"\\u0001.org\""));
    free(text);
    ndpi_result_free(&result);
}

static void suricata_names_what_was_found_in_packets(void **state) {
    static const struct {
        unsigned master, app;
        ndpi_confidence_t confidence;
        bool has_payload;
        const char *name;
    } rows[] = {
        {NDPI_PROTOCOL_TLS, NDPI_PROTOCOL_GOOGLE, NDPI_CONFIDENCE_DPI, true, "tls"},
        {NDPI_PROTOCOL_TLS, NDPI_PROTOCOL_DOH_DOT, NDPI_CONFIDENCE_DPI_CACHE, true, "tls"},
        {NDPI_PROTOCOL_NETBIOS, NDPI_PROTOCOL_SMBV1, NDPI_CONFIDENCE_DPI, true, "smb"},
        {0, NDPI_PROTOCOL_MAIL_IMAPS, NDPI_CONFIDENCE_DPI, true, "tls"},
        {0, NDPI_PROTOCOL_FTP_CONTROL, NDPI_CONFIDENCE_DPI, true, "ftp"},
        {0, NDPI_PROTOCOL_ETHERNET_IP, NDPI_CONFIDENCE_DPI, true, "enip"},
        {0, NDPI_PROTOCOL_BITTORRENT, NDPI_CONFIDENCE_DPI, true, "failed"},
        {0, NDPI_PROTOCOL_TLS, NDPI_CONFIDENCE_MATCH_BY_PORT, true, "failed"},
        {0, NDPI_PROTOCOL_TLS, NDPI_CONFIDENCE_MATCH_BY_PORT, false, NULL},
        {0, 0, NDPI_CONFIDENCE_UNKNOWN, true, "failed"},
        {0, 0, NDPI_CONFIDENCE_UNKNOWN, false, NULL},
        {0, NDPI_PROTOCOL_IP_ICMP, NDPI_CONFIDENCE_DPI, false, NULL},
        {0, UINT16_MAX, NDPI_CONFIDENCE_DPI, false, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct ndpi_result result = {.protocol = protocol_of(rows[i].master, rows[i].app, 0),
                                           .confidence = (uint8_t)rows[i].confidence};
        const char *name = ndpi_result_app_proto(&result, rows[i].has_payload);
        assert_string_equal(name == NULL ? "none" : name,
                            rows[i].name == NULL ? "none" : rows[i].name);
    }
}

static void a_flow_is_detected_or_guessed_or_neither(void **state) {
    struct ndpi_result result = {.protocol = protocol_of(NDPI_PROTOCOL_TLS, 0, 0),
                                 .confidence = NDPI_CONFIDENCE_DPI_CACHE};
    (void)state;
    assert_true(ndpi_result_is_detected(&result));
    assert_false(ndpi_result_is_guessed(&result));
    result.confidence = NDPI_CONFIDENCE_MATCH_BY_IP;
    assert_false(ndpi_result_is_detected(&result));
    assert_true(ndpi_result_is_guessed(&result));
    result.protocol = protocol_of(0, 0, 0);
    assert_false(ndpi_result_is_guessed(&result));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_known_is_in_the_record),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(a_flow_that_is_no_tls_has_no_fingerprint),
        cmocka_unit_test(quic_has_its_own_member),
        cmocka_unit_test(a_connection_of_which_nothing_is_known_has_no_empty_member),
        cmocka_unit_test(texts_that_fill_their_arrays_are_not_read_beyond),
        cmocka_unit_test(a_name_that_is_no_utf8_is_written_all_the_same),
        cmocka_unit_test(suricata_names_what_was_found_in_packets),
        cmocka_unit_test(a_flow_is_detected_or_guessed_or_neither),
    };
    return cmocka_run_group_tests(tests, make_module, free_module);
}
