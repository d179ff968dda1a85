/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_interface.c: the counters that libpcap has of an
 * interface, which wrap and start over. Its states are those of test_capture_live.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatcher/capture/capture_interface.h"

static struct pcap_stat said;

/* Takes the place of libpcap's. */
int pcap_stats(pcap_t *pcap, struct pcap_stat *stats) {
    (void)pcap;
    *stats = said;
    return 0;
}

static struct capture_interface interface;

static int begin(void **state) {
    (void)state;
    interface = (struct capture_interface){.name = "test", .pcap = pcap_open_dead(1, 64)};
    said = (struct pcap_stat){0};
    return interface.pcap == NULL;
}

static int end(void **state) {
    (void)state;
    if (interface.pcap != NULL)
        pcap_close(interface.pcap);
    return 0;
}

static void say(uint32_t received, uint32_t kernel_drops, uint32_t interface_drops) {
    said.ps_recv = received;
    said.ps_drop = kernel_drops;
    said.ps_ifdrop = interface_drops;
    capture_interface_count(&interface);
}

static void assert_counters(uint64_t received, uint64_t kernel_drops, uint64_t interface_drops) {
    const uint64_t *counters = interface.stats.counters;
    assert_int_equal(counters[FB_INTERFACE_RECEIVED], received);
    assert_int_equal(counters[FB_INTERFACE_KERNEL_DROPS], kernel_drops);
    assert_int_equal(counters[FB_INTERFACE_INTERFACE_DROPS], interface_drops);
}

static void counters_go_on_where_those_of_32_bits_wrap(void **state) {
    (void)state;
    say(4000000000u, 3000000000u, 2000000000u);
    assert_counters(4000000000u, 3000000000u, 2000000000u);
    say(1000000000u, 2500000000u, 4000000000u);
    say(1000000001u, 2500000001u, 4000000001u);
    assert_counters(5294967297u, 6794967297u, 4000000001u);
    say(1000000001u, 2500000001u, 5);
    assert_counters(5294967297u, 6794967297u, 4294967301u);
}

/* libpcap takes the difference to what its driver said before: 0 of one that is gone or was
 * renamed, and less than before where it starts counting again. */
static void drops_of_an_interface_that_counts_again_from_0_are_no_drops(void **state) {
    (void)state;
    say(10, 0, 7);
    say(20, 0, (uint32_t)-93); /* there had been 93 before the capture */
    assert_counters(20, 0, 7);
    say(30, 0, (uint32_t)-91);
    assert_counters(30, 0, 9);
    capture_interface_end(&interface);
    assert_counters(30, 0, 9);
    assert_null(interface.pcap);
    assert_int_equal(interface.stats.state, FB_INTERFACE_IS_GONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counters_go_on_where_those_of_32_bits_wrap, begin, end),
        cmocka_unit_test_setup_teardown(drops_of_an_interface_that_counts_again_from_0_are_no_drops,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
