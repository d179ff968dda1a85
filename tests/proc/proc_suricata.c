/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suricata 7 as it is, as a worker through libflowbalancer-pcap.so and as a child of exec: the
 * flows that its copies write are those that it writes of the whole file.
 */
#include "tests/lib/life.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACE_PACKETS 20000
#define WORKERS 2u
/* No rules, checksums as they are, and one thread: what it says then depends on the packets. */
#define SETTINGS "-S /dev/null -k none --runmode single"

static int set_up(void **state) {
    int error = processes_set_up(state);
    struct test *t = *state;
    if (access("/usr/bin/suricata", X_OK) != 0)
        return error;
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --packets %d --flows 500 --ipv6 0.3", TRACE_PACKETS),
        EXIT_DONE);
    static const char *const folders[] = {"whole", "part-0-0", "part-1-0", "part-0-1", "part-1-1"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(file_in(t, folders[i]), 0700), 0);
    return error;
}
#define SURICATA_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, processes_tear_down)

static void need_suricata(void) {
    if (access("/usr/bin/suricata", X_OK) != 0)
        SKIP("suricata is not installed: Debian 12 has version 7 in bookworm-backports");
}

/* What was seen of flows: how many, their packets and bytes, and who talked to whom. */
struct seen {
    uint64_t flows, packets, bytes, tuples;
};

static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t number_of(const json_t *object, const char *key) {
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void add_flow(struct seen *seen, const json_t *event) {
    const json_t *flow = json_object_get(event, "flow");
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    hash = hash_text(hash, json_string_value(json_object_get(event, "src_ip")));
    hash = hash_text(hash, json_string_value(json_object_get(event, "dest_ip")));
    hash = hash_text(hash, json_string_value(json_object_get(event, "proto")));
    hash ^= number_of(event, "src_port") << 16 | number_of(event, "dest_port");
    hash ^= number_of(flow, "pkts_toserver") << 48 | number_of(flow, "pkts_toclient") << 32;
    seen->flows++;
    seen->packets += number_of(flow, "pkts_toserver") + number_of(flow, "pkts_toclient");
    seen->bytes += number_of(flow, "bytes_toserver") + number_of(flow, "bytes_toclient");
    seen->tuples += hash;
}

/* Adds what the file of one copy says. */
static void add_events(struct seen *seen, const char *path) {
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    json_t *event;
    while ((event = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
        if (strcmp(json_string_value(json_object_get(event, "event_type")), "flow") == 0)
            add_flow(seen, event);
        json_decref(event);
    }
    fclose(file);
}

/* The two copies against Suricata alone; run: which incarnation they are. */
static void expect_same_flows(struct test *t, unsigned run) {
    struct seen whole = {.flows = 0}, parts = {.flows = 0};
    char path[64];
    assert_int_equal(process_run(t, "/usr/bin/suricata -r t.pcap -l whole " SETTINGS), EXIT_DONE);
    add_events(&whole, file_in(t, "whole/eve.json"));
    for (unsigned k = 0; k < WORKERS; k++) {
        snprintf(path, sizeof path, "part-%u-%u/eve.json", k, run);
        add_events(&parts, file_in(t, path));
    }
    assert_int_equal(whole.packets, TRACE_PACKETS);
    assert_int_equal(parts.flows, whole.flows);
    assert_int_equal(parts.packets, whole.packets);
    assert_int_equal(parts.bytes, whole.bytes);
    assert_int_equal(parts.tuples, whole.tuples);
    expect_all_inspected(report_of(t, "out.json"), TRACE_PACKETS);
}

static void run_copies(struct test *t, const char *option, const char *command) {
    static const char run[] =
        "flow-balancer run -n @ -w 2 -r t.pcap --failover never --report out.json";
    process_expect(t, process_start_with(t, run, option, command), EXIT_DONE);
}

static void copies_of_it_see_what_it_sees_alone(void **state) {
    struct test *t = *state;
    need_suricata();
    run_copies(t, "--attach", "/usr/bin/suricata --pcap=%d -l part-%k-%r " SETTINGS);
    expect_same_flows(t, 0);
}

static void children_of_exec_see_what_it_sees_alone(void **state) {
    struct test *t = *state;
    need_suricata();
    run_copies(t, "--inspector", "exec:/usr/bin/suricata -r /dev/stdin -l part-%k-%r " SETTINGS);
    expect_same_flows(t, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SURICATA_TEST(copies_of_it_see_what_it_sees_alone),
        SURICATA_TEST(children_of_exec_see_what_it_sees_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
