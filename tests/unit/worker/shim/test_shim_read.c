/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/shim/shim_read.c, shim/shim_claim.c, shim/shim_filter.c, shim/shim_open.c,
 * shim/shim_handle.c and shim/shim_answers.c, called as libpcap, in the process that is the
 * dispatcher too.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fleet_fixture.h"
#include "worker/shim/shim.h"

#define ETHERTYPE 12u
#define TIMEOUT_MS 100

struct shim_fixture {
    struct fleet_fixture fleet;
    pcap_t *pcap;
    unsigned taken;
    struct pcap_pkthdr last;
    unsigned break_at; /* packets; 0: never */
};

static int set_up(void **state) {
    struct shim_fixture *f = new_state(state, sizeof *f);
    fleet_fixture_init(&f->fleet);
    return 0;
}

static int tear_down(void **state) {
    struct shim_fixture *f = *state;
    if (f->pcap != NULL)
        pcap_close(f->pcap);
    fleet_fixture_fini(&f->fleet);
    free(f);
    return 0;
}
#define SHIM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static pcap_t *create(struct shim_fixture *f) {
    char errbuf[PCAP_ERRBUF_SIZE], name[FB_NAME_MAX + 32];
    snprintf(name, sizeof name, SHIM_PREFIX "%s:0", f->fleet.ctl.ctl->name);
    pcap_t *pcap = pcap_create(name, errbuf);
    assert_non_null(pcap);
    return pcap;
}

/* A fleet of one number, and its device, which does not wait. */
static void open_device(struct shim_fixture *f, int snaplen, int precision) {
    char errbuf[PCAP_ERRBUF_SIZE];
    if (f->pcap != NULL)
        pcap_close(f->pcap);
    make_fleet(&f->fleet, 1, 64, "hash", NEVER);
    fb_ctl_add_link_type(f->fleet.ctl.ctl, 0, DLT_EN10MB);
    fb_ctl_add_link_type(f->fleet.ctl.ctl, 1, DLT_RAW);
    f->pcap = create(f);
    f->taken = f->break_at = 0;
    assert_int_equal(pcap_set_snaplen(f->pcap, snaplen), 0);
    assert_int_equal(pcap_set_timeout(f->pcap, TIMEOUT_MS), 0);
    assert_int_equal(pcap_set_tstamp_precision(f->pcap, precision), 0);
    assert_int_equal(pcap_activate(f->pcap), 0);
    assert_int_equal(pcap_setnonblock(f->pcap, 1, errbuf), 0);
}

static void open_plainly(struct shim_fixture *f) {
    open_device(f, 0, PCAP_TSTAMP_PRECISION_NANO);
}

/* A packet of 60 bytes like this descriptor, with an Ethernet type; not yet published. */
static void stage(struct shim_fixture *f, const struct fb_desc *like, unsigned ethertype) {
    struct lane *lane = lane_of(&f->fleet, 0);
    uint64_t position;
    assert_true(fb_tx_reserve(&lane->tx, 60, &position));
    uint8_t *bytes = fb_tx_bytes(&lane->tx, position);
    memset(bytes, 0, 60);
    bytes[ETHERTYPE] = (uint8_t)(ethertype >> 8);
    bytes[ETHERTYPE + 1] = (uint8_t)ethertype;
    struct fb_desc *desc = fb_tx_stage(&lane->tx, position, 60);
    *desc = *like;
    desc->arena_pos = position;
    desc->caplen = 60;
    desc->frame = lane->tx.seq;
    lane->counters[FB_LANE_ENTERED]++;
}

static void give(struct shim_fixture *f, unsigned packets) {
    const struct fb_desc plain = {.wirelen = 60};
    for (unsigned i = 0; i < packets; i++)
        stage(f, &plain, 0x800);
    publish_to(&f->fleet, 0);
}

static void command_to_stop(struct shim_fixture *f) {
    fb_tx_set_command(&lane_of(&f->fleet, 0)->tx, FB_COMMAND_STOP);
}

static void take(u_char *user, const struct pcap_pkthdr *header, const u_char *data) {
    struct shim_fixture *f = (struct shim_fixture *)(void *)user;
    assert_non_null(data);
    f->last = *header;
    if (++f->taken == f->break_at)
        pcap_breakloop(f->pcap);
}

static int dispatch(struct shim_fixture *f, int count) {
    return pcap_dispatch(f->pcap, count, take, (u_char *)f);
}

static bool is_readable(int fd) {
    struct pollfd event = {.fd = fd, .events = POLLIN};
    return poll(&event, 1, 0) == 1;
}

/* ---- the number */

static void a_number_is_claimed_with_the_first_call_for_packets(void **state) {
    struct shim_fixture *f = *state;
    open_plainly(f);
    poll_fleet(&f->fleet);
    assert_int_equal(pcap_datalink(f->pcap), DLT_EN10MB);
    assert_int_equal(state_of(&f->fleet, 0), FB_STATE_ABSENT);
    assert_int_equal(dispatch(f, -1), 0);
    poll_fleet(&f->fleet);
    poll_fleet(&f->fleet);
    assert_int_equal(state_of(&f->fleet, 0), FB_STATE_READY);
    pcap_close(f->pcap);
    f->pcap = NULL;
    poll_fleet(&f->fleet);
    assert_int_equal(state_of(&f->fleet, 0), FB_STATE_ABSENT);
}

static void a_second_device_is_refused_while_one_is_open(void **state) {
    struct shim_fixture *f = *state;
    open_plainly(f);
    pcap_t *second = create(f);
    assert_int_equal(pcap_activate(second), PCAP_ERROR);
    assert_non_null(strstr(pcap_geterr(second), "one device fb: a process at a time"));
    pcap_close(second);
}

/* ---- packets */

static void a_bound_is_kept_and_the_rest_comes_next(void **state) {
    struct shim_fixture *f = *state;
    open_plainly(f);
    give(f, 10);
    assert_int_equal(dispatch(f, 4), 4);
    assert_int_equal(f->taken, 4);
    assert_int_equal(dispatch(f, -1), 6);
    assert_int_equal(dispatch(f, -1), 0);
    assert_int_equal(f->taken, 10);
}

static void stamps_and_lengths_are_as_asked_for(void **state) {
    struct shim_fixture *f = *state;
    static const struct {
        int snaplen, precision;
        uint32_t caplen;
        long fraction;
    } rows[] = {{0, PCAP_TSTAMP_PRECISION_NANO, 60, 123456789},
                {0, PCAP_TSTAMP_PRECISION_MICRO, 60, 123456},
                {40, PCAP_TSTAMP_PRECISION_NANO, 40, 123456789},
                {60, PCAP_TSTAMP_PRECISION_NANO, 60, 123456789}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct fb_desc desc = {.time_ns = UINT64_C(1700000000123456789), .wirelen = 1500};
        open_device(f, rows[i].snaplen, rows[i].precision);
        stage(f, &desc, 0x800);
        publish_to(&f->fleet, 0);
        assert_int_equal(dispatch(f, 1), 1);
        assert_int_equal(f->last.ts.tv_sec, 1700000000);
        assert_int_equal(f->last.ts.tv_usec, rows[i].fraction);
        assert_int_equal(f->last.caplen, rows[i].caplen);
        assert_int_equal(f->last.len, 1500);
    }
}

static void what_was_lost_and_what_is_left_out_is_counted(void **state) {
    struct shim_fixture *f = *state;
    const struct fb_desc plain = {.wirelen = 60};
    const struct fb_desc behind_gap = {.wirelen = 60, .gap = 7, .flags = FB_F_GAP};
    const struct fb_desc raw = {.wirelen = 60, .flags = 1u << FB_LINK_SHIFT};
    struct pcap_stat stats;
    open_plainly(f);
    stage(f, &plain, 0x800);
    stage(f, &behind_gap, 0x800);
    stage(f, &raw, 0x800);
    publish_to(&f->fleet, 0);
    assert_int_equal(dispatch(f, -1), 2);
    assert_int_equal(pcap_stats(f->pcap, &stats), 0);
    assert_int_equal(stats.ps_recv, 2 + 7);
    assert_int_equal(stats.ps_drop, 7);
    assert_int_equal(stats.ps_ifdrop, 1);
}

/* ---- the filter */

static void set_text(struct shim_fixture *f, const char *text, int wanted) {
    struct bpf_program program;
    assert_int_equal(pcap_compile(f->pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
    assert_int_equal(pcap_setfilter(f->pcap, &program), wanted);
    pcap_freecode(&program);
}

static void a_filter_takes_what_it_says(void **state) {
    struct shim_fixture *f = *state;
    const struct fb_desc plain = {.wirelen = 60};
    struct pcap_stat stats;
    open_plainly(f);
    set_text(f, "ether proto 0x86dd", 0);
    for (unsigned i = 0; i < 6; i++)
        stage(f, &plain, i % 3 == 0 ? 0x86dd : 0x800);
    publish_to(&f->fleet, 0);
    assert_int_equal(dispatch(f, -1), 2);
    assert_int_equal(pcap_stats(f->pcap, &stats), 0);
    assert_int_equal(stats.ps_recv, 2);
    /* The one in force stays where another is refused. */
    set_text(f, "inbound", PCAP_ERROR);
    assert_non_null(strstr(pcap_geterr(f->pcap), "asks for the direction"));
    stage(f, &plain, 0x800);
    stage(f, &plain, 0x86dd);
    publish_to(&f->fleet, 0);
    assert_int_equal(dispatch(f, -1), 1);
}

static void a_filter_says_how_much_of_a_packet_is_wanted(void **state) {
    struct shim_fixture *f = *state;
    static const uint32_t wanted[] = {20, 100};
    for (unsigned i = 0; i < 2; i++) {
        struct bpf_insn instruction = {.code = BPF_RET | BPF_K, .k = wanted[i]};
        struct bpf_program program = {.bf_len = 1, .bf_insns = &instruction};
        open_device(f, 50, PCAP_TSTAMP_PRECISION_NANO);
        assert_int_equal(pcap_setfilter(f->pcap, &program), 0);
        instruction.k = 0; /* ours is a copy */
        give(f, 1);
        assert_int_equal(dispatch(f, -1), 1);
        assert_int_equal(f->last.caplen, i == 0 ? 20 : 50);
    }
}

/* ---- breakloop */

static void a_break_ends_the_next_call_and_loses_no_packet(void **state) {
    struct shim_fixture *f = *state;
    open_plainly(f);
    give(f, 5);
    pcap_breakloop(f->pcap);
    assert_int_equal(dispatch(f, -1), PCAP_ERROR_BREAK);
    assert_int_equal(f->taken, 0);
    f->break_at = 2;
    assert_int_equal(dispatch(f, -1), PCAP_ERROR_BREAK);
    assert_int_equal(f->taken, 2);
    assert_int_equal(dispatch(f, -1), 3);
}

/* ---- the end */

static void the_end_comes_behind_the_last_packet(void **state) {
    struct shim_fixture *f = *state;
    open_plainly(f);
    give(f, 3);
    command_to_stop(f);
    assert_int_equal(dispatch(f, 2), 2);
    assert_int_equal(dispatch(f, -1), 1);
    assert_int_equal(dispatch(f, -1), PCAP_ERROR_BREAK);
    assert_int_equal(dispatch(f, -1), PCAP_ERROR_BREAK);
    for (unsigned polls = 0; polls < 3; polls++) /* it has come, and gone, and is judged */
        poll_fleet(&f->fleet);
    assert_int_equal(lane_waiting(lane_of(&f->fleet, 0)), 0);
}

/*
 * In the call that gives the last packets the consumer is gone, and with it what made the
 * descriptor readable. Often, since its thread may have made it so before.
 */
static void the_descriptor_is_readable_when_the_end_comes_with_packets(void **state) {
    struct shim_fixture *f = *state;
    for (unsigned i = 0; i < 10; i++) {
        open_plainly(f);
        int fd = pcap_get_selectable_fd(f->pcap);
        assert_true(fd >= 0);
        assert_int_equal(dispatch(f, -1), 0);
        assert_false(is_readable(fd));
        give(f, 3);
        command_to_stop(f);
        assert_int_equal(dispatch(f, -1), 3);
        assert_true(is_readable(fd));
        assert_int_equal(dispatch(f, -1), PCAP_ERROR_BREAK);
        assert_true(is_readable(fd));
        assert_int_equal(pcap_fileno(f->pcap), fd);
    }
}

static void a_descriptor_asked_for_after_the_end_is_readable(void **state) {
    struct shim_fixture *f = *state;
    open_plainly(f);
    command_to_stop(f);
    assert_int_equal(dispatch(f, -1), PCAP_ERROR_BREAK);
    assert_true(is_readable(pcap_get_selectable_fd(f->pcap)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SHIM_TEST(a_number_is_claimed_with_the_first_call_for_packets),
        SHIM_TEST(a_second_device_is_refused_while_one_is_open),
        SHIM_TEST(a_bound_is_kept_and_the_rest_comes_next),
        SHIM_TEST(stamps_and_lengths_are_as_asked_for),
        SHIM_TEST(what_was_lost_and_what_is_left_out_is_counted),
        SHIM_TEST(a_filter_takes_what_it_says),
        SHIM_TEST(a_filter_says_how_much_of_a_packet_is_wanted),
        SHIM_TEST(a_break_ends_the_next_call_and_loses_no_packet),
        SHIM_TEST(the_end_comes_behind_the_last_packet),
        SHIM_TEST(the_descriptor_is_readable_when_the_end_comes_with_packets),
        SHIM_TEST(a_descriptor_asked_for_after_the_end_is_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
