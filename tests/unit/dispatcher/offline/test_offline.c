/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/offline/offline.c, offline_flows.c, dispatcher/run/sources.c: files to a sink, without
 * a dispatcher: which packets and which ends, in which order, and what they come with. That they
 * are those of a worker behind a dispatcher: proc_read_captures.c.
 */
#include "tests/lib/caught.h"
#include "tests/lib/directory.h"
#include "tests/lib/ip_packets.h"
#include "tests/lib/pcap_bytes.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/offline.h"

#define STATE_BYTES 24u
#define FIN_ACK 0x11u
#define MOST_OPTIONS 8u

struct offline_fixture {
    struct directory directory;
    struct caught log;
    struct pcap_bytes bytes;
    struct fb_offline_options *options;
    struct fb_command_line line;
    char texts[MOST_OPTIONS][160];
    unsigned text_count;
    volatile int stop;
    int stop_at; /* packets, then stop is set to stop_to; 0: never */
    int stop_to;
    int fail_at; /* packets, the last of which is refused; 0: never */
    unsigned packets, betweens;
    struct fb_offline_counts counts;
    char told[4096]; /* p: a packet's frame and flow; e: an end's frame, flow and reason */
};

static int set_up(void **state) {
    struct offline_fixture *f = new_state(state, sizeof *f);
    directory_make(&f->directory);
    f->bytes.order = LITTLE;
    put_pcap_header(&f->bytes, 0xa1b2c3d4, 1);
    f->options = fb_offline_options_new();
    return f->options != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    struct offline_fixture *f = *state;
    directory_remove(&f->directory);
    free(f->bytes.data);
    fb_offline_options_free(f->options);
    free(f);
    return 0;
}
#define OFFLINE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- the file */

/* A frame at this second, of which `cut` bytes are not captured. */
static void put_frame(struct offline_fixture *f, uint32_t second, struct packet p, uint32_t cut) {
    put32(&f->bytes, second);
    put32(&f->bytes, 0);
    put32(&f->bytes, p.n - cut);
    put32(&f->bytes, p.n);
    put_bytes(&f->bytes, p.bytes, p.n - cut);
}

static const char *saved(struct offline_fixture *f) {
    const char *path = path_in(&f->directory, "made.pcap");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(f->bytes.data, 1, f->bytes.size, file), f->bytes.size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static struct packet request(unsigned port) {
    return ethernet(ip4(UDP, A, B, udp(port, 53, payload(20))));
}

static struct packet answer(unsigned port) {
    return ethernet(ip4(UDP, B, A, udp(53, port, payload(20))));
}

/* ---- the run */

static bool take_as(struct offline_fixture *f, enum fb_option option, const char *text,
                    enum fb_origin origin) {
    char *copy = f->texts[f->text_count++];
    snprintf(copy, sizeof f->texts[0], "%s", text);
    return fb_offline_take(f->options, &f->line, option, copy, true, origin);
}

static void take(struct offline_fixture *f, enum fb_option option, const char *text) {
    assert_true(take_as(f, option, text, FB_FROM_WORDS));
}

static void tell(struct offline_fixture *f, const char *format, unsigned a, unsigned b,
                 unsigned c) {
    size_t used = strlen(f->told);
    snprintf(f->told + used, sizeof f->told - used, format, a, b, c);
}

/* The state counts packets: zero at the first, and kept until the end. */
static void check_packet(const struct fb_event *event) {
    static const uint8_t zero[STATE_BYTES];
    const struct fb_packet *p = &event->packet;
    uint8_t *state = event->state;
    assert_non_null(state);
    if ((p->flags & FB_F_START) != 0)
        assert_memory_equal(state, zero, sizeof zero);
    assert_int_equal(state[STATE_BYTES - 1], p->flow_seq);
    state[STATE_BYTES - 1]++;
    assert_int_equal(p->link_type, 1);
    assert_int_equal(p->gap, 0);
    assert_int_equal(p->deaths, 0);
}

static int on_event(void *arg, const struct fb_event *event) {
    struct offline_fixture *f = arg;
    if (event->kind == FB_EVENT_FLOW_END) {
        assert_int_not_equal(((uint8_t *)event->state)[STATE_BYTES - 1], 0);
        tell(f, "e%u.%u.%u ", (unsigned)event->end.frame, (unsigned)event->end.flow->id,
             event->end.reason);
        return 0;
    }
    assert_int_equal(event->kind, FB_EVENT_PACKET);
    check_packet(event);
    f->packets++;
    tell(f, "p%u.%u ", (unsigned)event->packet.frame, (unsigned)event->packet.flow->id, 0);
    if (f->stop_at != 0 && f->packets == (unsigned)f->stop_at)
        f->stop = f->stop_to;
    return f->fail_at != 0 && f->packets == (unsigned)f->fail_at ? -EPROTO : 0;
}

static int on_between(void *arg) {
    struct offline_fixture *f = arg;
    f->betweens++;
    return 0;
}

static int run_files(struct offline_fixture *f) {
    const struct fb_offline_config config = {
        .options = f->options, .state_bytes = STATE_BYTES, .stop = &f->stop};
    const struct fb_offline_sink sink = {on_event, on_between, f};
    return fb_offline_run(&config, &sink, &f->counts);
}

/* Reads the file made so far. max_flows and timeouts as on the command line. */
static int run_made(struct offline_fixture *f, const char *max_flows, const char *timeouts) {
    static const struct {
        enum fb_option option;
        const char *text;
    } defaults[] = {{FB_OPT_SNAPSHOT_LENGTH, "262144"}, {FB_OPT_LOOP, "1"}};
    for (unsigned i = 0; i < sizeof defaults / sizeof *defaults; i++)
        assert_true(take_as(f, defaults[i].option, defaults[i].text, FB_FROM_DEFAULT));
    take(f, FB_OPT_MAX_FLOWS, max_flows);
    take(f, FB_OPT_TIMEOUT, timeouts);
    take(f, FB_OPT_READ, saved(f));
    return run_files(f);
}

/* ---- packets and ends */

static void packets_come_with_their_flow_and_ends_at_the_end(void **state) {
    struct offline_fixture *f = *state;
    put_frame(f, 1, request(1000), 0);
    put_frame(f, 1, request(1001), 0);
    put_frame(f, 2, answer(1000), 0);
    put_frame(f, 2, request(1001), 3);
    assert_int_equal(run_made(f, "100", "all=60"), 0);
    assert_string_equal(f->told, "p1.0 p2.1 p3.0 p4.1 e4.0.5 e4.1.5 ");
    assert_int_equal(f->counts.packets, 4);
    assert_int_equal(f->counts.flows, 2);
    assert_int_equal(f->counts.bytes, 4 * request(1000).n - 3);
    assert_in_range(f->betweens, 2, 10);
}

static void a_flow_that_was_idle_ends_before_its_next_packet(void **state) {
    struct offline_fixture *f = *state;
    put_frame(f, 1, request(1000), 0);
    put_frame(f, 9, request(1000), 0);
    assert_int_equal(run_made(f, "100", "all=5"), 0);
    /* Both are of one burst, so the last frame before the end is that of the burst before. */
    assert_string_equal(f->told, "p1.0 e0.0.1 p2.100 e2.100.5 ");
}

static void a_full_table_ends_a_flow_behind_the_packet_that_needs_room(void **state) {
    struct offline_fixture *f = *state;
    put_frame(f, 1, request(1000), 0);
    put_frame(f, 1, request(1001), 0);
    put_frame(f, 1, request(1002), 0);
    assert_int_equal(run_made(f, "2", "all=60"), 0);
    /* The ended flow's state and record are there, though its entry is another's by then. */
    assert_string_equal(f->told, "p1.0 p2.1 p3.2 e3.0.2 e3.2.5 e3.1.5 ");
}

static void a_new_connection_ends_the_closed_one(void **state) {
    struct offline_fixture *f = *state;
    put_frame(f, 1, ethernet(ip4(TCP, A, B, tcp(1000, 80, FIN_ACK, payload(1)))), 0);
    put_frame(f, 1, ethernet(ip4(TCP, B, A, tcp(80, 1000, FIN_ACK, payload(1)))), 0);
    put_frame(f, 1, ethernet(ip4(TCP, A, B, tcp(1000, 80, 2, payload(0)))), 0);
    assert_int_equal(run_made(f, "100", "all=60"), 0);
    assert_string_equal(f->told, "p1.0 p2.0 e0.0.3 p3.100 e3.100.5 ");
}

static void fragments_that_wait_come_at_the_end(void **state) {
    struct offline_fixture *f = *state;
    struct packet whole = ip4(UDP, A, B, udp(1000, 53, payload(100)));
    put_frame(f, 1, ethernet(fragment(whole, 7, 48, 108)), 0);
    put_frame(f, 1, request(1001), 0);
    assert_int_equal(run_made(f, "100", "all=60"), 0);
    assert_string_equal(f->told, "p2.0 p1.1 e2.0.5 e2.1.5 ");
}

/* ---- files and options */

static void a_file_that_breaks_off_is_told_up_to_there(void **state) {
    struct offline_fixture *f = *state;
    put_frame(f, 1, request(1000), 0);
    put_frame(f, 1, request(1000), 0);
    f->bytes.size -= 5;
    catch_begin(&f->log);
    int rc = run_made(f, "100", "all=60");
    expect_one_line(catch_end(&f->log), "made.pcap");
    assert_int_equal(rc, -EIO);
    assert_string_equal(f->told, "p1.0 e1.0.5 ");
}

static void of_files_that_are_not_there_nothing_is_told(void **state) {
    struct offline_fixture *f = *state;
    put_frame(f, 1, request(1000), 0);
    take(f, FB_OPT_READ, "/nonexistent.pcap");
    assert_string_equal(fb_offline_first_file(f->options), "/nonexistent.pcap");
    catch_begin(&f->log);
    int rc = run_made(f, "100", "all=60");
    expect_one_line(catch_end(&f->log), "/nonexistent.pcap");
    assert_int_equal(rc, -ENOENT);
    assert_string_equal(f->told, "");
}

static void options_of_the_command_line_take_the_place_of_those_of_a_file(void **state) {
    struct offline_fixture *f = *state;
    f->line.given[FB_OPT_FILTER_FILE] = true;
    assert_true(take_as(f, FB_OPT_BPF, "udp", FB_FROM_FILE));
    f->line.given[FB_OPT_FILTER_FILE] = false;
    assert_true(take_as(f, FB_OPT_BPF, "udp", FB_FROM_FILE));
    assert_true(take_as(f, FB_OPT_BPF, "port 1001", FB_FROM_FILE)); /* the later line wins */
    put_frame(f, 1, request(1000), 0);
    put_frame(f, 1, request(1001), 0);
    assert_int_equal(run_made(f, "100", "all=60"), 0);
    assert_string_equal(f->told, "p1.0 e1.0.5 ");
    catch_begin(&f->log);
    bool taken = take_as(f, FB_OPT_TIMEOUT, "all=x", FB_FROM_WORDS);
    expect_one_line(catch_end(&f->log), "--timeout 'all=x'");
    assert_false(taken);
}

static void a_loop_reads_the_files_again(void **state) {
    struct offline_fixture *f = *state;
    put_frame(f, 1, request(1000), 0);
    take(f, FB_OPT_LOOP, "1");
    assert_int_equal(run_made(f, "100", "all=60"), 0);
    assert_string_equal(f->told, "p1.0 e1.0.5 ");
    f->told[0] = '\0';
    take(f, FB_OPT_LOOP, "2");
    assert_int_equal(run_files(f), 0);
    assert_string_equal(f->told, "p1.0 p2.0 e2.0.5 ");
}

/* ---- the end before the end */

static void who_asks_to_stop_gets_the_ends_of_what_was_read(void **state) {
    struct offline_fixture *f = *state;
    for (unsigned i = 0; i < 100; i++)
        put_frame(f, 1, request(1000), 0);
    f->stop_at = 7;
    f->stop_to = 1;
    assert_int_equal(run_made(f, "100", "all=60"), 0);
    assert_int_equal(f->counts.packets, 32); /* the rest of the burst */
    assert_non_null(strstr(f->told, "p32.0 e32.0.5 "));
}

static void who_asks_twice_gets_nothing_more(void **state) {
    struct offline_fixture *f = *state;
    for (unsigned i = 0; i < 10; i++)
        put_frame(f, 1, request(1000), 0);
    f->stop_at = 3;
    f->stop_to = 2;
    assert_int_equal(run_made(f, "100", "all=60"), -EINTR);
    assert_string_equal(f->told, "p1.0 p2.0 p3.0 ");
}

static void a_sink_that_fails_is_told_nothing_more(void **state) {
    struct offline_fixture *f = *state;
    for (unsigned i = 0; i < 10; i++)
        put_frame(f, 1, request(1000 + i), 0);
    f->fail_at = 3;
    assert_int_equal(run_made(f, "100", "all=60"), -EPROTO);
    assert_string_equal(f->told, "p1.0 p2.1 p3.2 ");
}

int main(void) {
    fb_log_init("test_offline", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        OFFLINE_TEST(packets_come_with_their_flow_and_ends_at_the_end),
        OFFLINE_TEST(a_flow_that_was_idle_ends_before_its_next_packet),
        OFFLINE_TEST(a_full_table_ends_a_flow_behind_the_packet_that_needs_room),
        OFFLINE_TEST(a_new_connection_ends_the_closed_one),
        OFFLINE_TEST(fragments_that_wait_come_at_the_end),
        OFFLINE_TEST(a_file_that_breaks_off_is_told_up_to_there),
        OFFLINE_TEST(of_files_that_are_not_there_nothing_is_told),
        OFFLINE_TEST(options_of_the_command_line_take_the_place_of_those_of_a_file),
        OFFLINE_TEST(a_loop_reads_the_files_again),
        OFFLINE_TEST(who_asks_to_stop_gets_the_ends_of_what_was_read),
        OFFLINE_TEST(who_asks_twice_gets_nothing_more),
        OFFLINE_TEST(a_sink_that_fails_is_told_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
