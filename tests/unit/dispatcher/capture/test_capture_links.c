/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_links.c, read through the capture: which interfaces of a
 * pcapng file are taken, what their filters let through, and bytes of the other order.
 */
#include "tests/lib/capture_fixture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#define LINKTYPE_RAW 101
#define LINKTYPE_SLL 113
#define LINKTYPE_NFLOG 239

/* Interfaces: Ethernet, raw IP, Ethernet; frames of the first two in turn, tagged from 0. */
static const char *save_mixed(struct capture_fixture *f, unsigned count, unsigned first) {
    struct pcap_bytes b = {0};
    put_section(&b);
    put_interface(&b, 1);
    put_interface(&b, LINKTYPE_RAW);
    put_interface(&b, 1);
    for (unsigned i = 0; i < count; i++)
        put_packet(&b, (i + first) % 2, 60, (uint8_t)i);
    return save(f, "mixed.pcapng", &b);
}

static const char *all_but(void *context, int dlt) {
    return dlt == *(int *)context ? "which is not known: give another" : NULL;
}

/* An IPv4 header of a protocol, on Ethernet or without a link layer. */
static void put_ip(struct pcap_bytes *b, uint32_t interface, bool ethernet, uint8_t protocol) {
    const uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    uint8_t header[20] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1};
    uint32_t size = ethernet ? 34 : 20;
    size_t start = begin_block(b, 6);
    put32(b, interface);
    put32(b, 0);
    put32(b, 0);
    put32(b, size);
    put32(b, size);
    if (ethernet)
        put_bytes(b, addresses, sizeof addresses);
    if (ethernet)
        put_bytes(b, "\x08\0", 2);
    put_bytes(b, header, sizeof header);
    end_block(b, start);
}

static void filter_is_compiled_for_each_link_type(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    put_section(&b);
    put_interface(&b, 1);
    for (unsigned i = 0; i < 20; i++)
        put_ip(&b, 0, true, i % 2 == 0 ? 6 : 17);
    put_interface(&b, LINKTYPE_RAW);
    for (unsigned i = 0; i < 20; i++)
        put_ip(&b, i % 2, i % 2 == 0, i % 4 < 2 ? 6 : 17);
    const char *files[] = {save(f, "ip.pcapng", &b), NULL};
    struct capture_config config = config_of(files);
    config.filter = "udp and host 192.0.2.1";
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 20);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(f->taken.frames[i].dlt, i >= 10 && i % 2 == 1 ? 12 : 1);
        assert_int_equal(f->taken.frames[i].data[f->taken.frames[i].caplen - 11], 17);
    }
}

static void
frames_whose_link_type_the_filter_does_not_fit_are_left_out_with_one_line(void **state) {
    struct capture_fixture *f = *state;
    for (unsigned first = 0; first < 2; first++) {
        const char *files[] = {save_mixed(f, 40, first), NULL};
        struct capture_config config = config_of(files);
        config.filter = "not ether host 2:0:0:0:0:1";
        for (unsigned preload = 0; preload < 2; preload++) {
            config.preload = preload == 1;
            catch_begin(&f->log);
            assert_true(take_all(&config, &f->taken));
            catch_end(&f->log);
            const char *said = strstr(f->log.text, "filter \"not ether host 2:0:0:0:0:1\" does not "
                                                   "fit ");
            assert_non_null(said);
            assert_non_null(strstr(said, "mixed.pcapng, link type 12 (RAW): "));
            assert_non_null(strstr(said, "frames of that link type are left out"));
            assert_null(strstr(said + 1, "filter \""));
            assert_int_equal(f->taken.count, 20);
            for (unsigned i = 0; i < 20; i++)
                assert_int_equal(f->taken.frames[i].dlt, 1);
        }
    }
}

static void filter_that_fits_no_interface_is_refused_at_the_start(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {save_mixed(f, 4, 1), NULL};
    struct capture_config config = config_of(files);
    config.filter = "tcp and and";
    catch_begin(&f->log);
    assert_int_equal(capture_open(&f->capture, &config), -EINVAL);
    expect_one_line(catch_end(&f->log), "filter \"tcp and and\" does not fit ");
    assert_non_null(strstr(f->log.text, "syntax error: see pcap-filter(7)"));
}

static void unused_interface_need_not_fit_the_filter(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    put_section(&b);
    put_interface(&b, LINKTYPE_RAW);
    put_interface(&b, 1);
    put_packet(&b, 1, 60, 1);
    const char *files[] = {save(f, "unused.pcapng", &b), NULL};
    struct capture_config config = config_of(files);
    config.filter = "not ether host 2:0:0:0:0:1";
    catch_begin(&f->log);
    assert_false(take_all(&config, &f->taken));
    assert_string_equal(catch_end(&f->log), "");
    assert_int_equal(f->taken.count, 1);
}

static void link_type_that_is_not_known_leaves_its_frames_out(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {save_mixed(f, 40, 0), NULL};
    struct capture_config config = config_of(files);
    int unknown = 12;
    config.link_problem = all_but;
    config.link_context = &unknown;
    config.loops = 2;
    catch_begin(&f->log);
    assert_true(take_all(&config, &f->taken));
    expect_one_line(catch_end(&f->log), "has link type 12 (RAW), which is not known: give another: "
                                        "frames of that link type are left out");
    assert_int_equal(f->taken.count, 40);
    struct pcap_bytes b = {0};
    put_section(&b);
    put_interface(&b, LINKTYPE_RAW);
    put_packet(&b, 0, 60, 1);
    files[0] = save(f, "alone.pcapng", &b);
    catch_begin(&f->log);
    assert_int_equal(capture_open(&f->capture, &config), -EPROTONOSUPPORT);
    expect_one_line(catch_end(&f->log), "alone.pcapng has link type 12 (RAW), which is not known");
}

static void link_types_beyond_the_bound_end_a_file(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    put_section(&b);
    for (unsigned i = 0; i < 70; i++)
        put_interface(&b, 1 + i);
    put_packet(&b, 63, 60, 1);
    put_packet(&b, 64, 60, 2);
    const char *files[] = {save(f, "many.pcapng", &b), NULL};
    struct capture_config config = config_of(files);
    catch_begin(&f->log);
    assert_true(take_all(&config, &f->taken));
    expect_one_line(catch_end(&f->log), "more than 64");
    assert_int_equal(f->taken.count, 1);
}

/* Takes single bursts until `count` frames came. */
static void take_some(struct capture_fixture *f, unsigned count) {
    const struct frame *frames;
    for (unsigned got = 0, more; got < count; got += more)
        assert_int_equal(capture_burst(f->capture, 1, &frames, &more), CAPTURE_MORE);
}

static void filter_changes_for_all_link_types_or_for_none(void **state) {
    struct capture_fixture *f = *state;
    const char *files[] = {save_mixed(f, 100, 0), NULL};
    struct capture_config config = config_of(files);
    const struct frame *frames;
    unsigned count, left = 0;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    take_some(f, 10);
    catch_begin(&f->log);
    assert_int_equal(set_filter(f->capture, "not ether host 2:0:0:0:0:1"), -EINVAL);
    expect_one_line(catch_end(&f->log), "mixed.pcapng, link type 12 (RAW): ");
    take_some(f, 10);
    catch_begin(&f->log);
    assert_int_equal(set_filter(f->capture, "link[0] > 89"), 0);
    while (capture_burst(f->capture, 1, &frames, &count) != CAPTURE_END)
        left += count;
    assert_string_equal(catch_end(&f->log), "");
    assert_int_equal(left, 10);
    assert_false(capture_failed(f->capture));
    capture_close(f->capture);
}

/* As with pcap files: one that would be refused when its turn comes. */
static void filter_is_tried_on_files_to_come(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    put_plain_file(&b, 100, 0);
    const char *files[] = {save(f, "now.pcap", &b), NULL, NULL};
    put_section(&b);
    put_interface(&b, LINKTYPE_RAW);
    put_packet(&b, 0, 60, 1);
    files[1] = save(f, "later.pcapng", &b);
    struct capture_config config = config_of(files);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    take_some(f, 1);
    catch_begin(&f->log);
    assert_int_equal(set_filter(f->capture, "not ether host 2:0:0:0:0:1"), -EINVAL);
    expect_one_line(catch_end(&f->log), "later.pcapng, link type 12 (RAW): ");
    capture_close(f->capture);
}

/* ---- fields in the byte order of the capturing host */

/* An NFLOG frame: a header and two fields, whose types and lengths are the host's. Behind it an SLL
 * frame of CAN, whose first word is the host's. */
static const char *save_host_order(struct capture_fixture *f, enum byte_order order) {
    struct pcap_bytes b = {.order = order};
    put_section(&b);
    put_interface(&b, LINKTYPE_NFLOG);
    put_interface(&b, LINKTYPE_SLL);
    for (unsigned i = 0; i < 3; i++) {
        size_t start = begin_block(&b, 6);
        put32(&b, 0);
        put32(&b, 0);
        put32(&b, 7000000 + i);
        put32(&b, 20);
        put32(&b, 20);
        put_bytes(&b, "\x02\0\0\0", 4);
        put16(&b, 8);
        put16(&b, 1);
        put_bytes(&b, "abcd", 4);
        put16(&b, 8);
        put16(&b, 2);
        put_bytes(&b, "efgh", 4);
        end_block(&b, start);
        start = begin_block(&b, 6);
        put32(&b, 1);
        put32(&b, 0);
        put32(&b, 7000000 + i);
        put32(&b, 24);
        put32(&b, 24);
        put_bytes(&b, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\0\x0c", 16);
        put32(&b, 0x12345678);
        put_bytes(&b, "ijkl", 4);
        end_block(&b, start);
    }
    return save(f, order == BIG ? "big.pcapng" : "little.pcapng", &b);
}

static void fields_in_the_order_of_the_capturing_host_are_turned_into_ours(void **state) {
    struct capture_fixture *f = *state;
    static struct taken other;
    const char *little[] = {save_host_order(f, LITTLE), NULL},
               *big[] = {save_host_order(f, BIG), NULL};
    struct capture_config one = config_of(little), two = config_of(big);
    assert_false(take_all(&one, &f->taken));
    assert_false(take_all(&two, &other));
    assert_int_equal(f->taken.count, 6);
    assert_int_equal(other.count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(other.frames[i].caplen, i % 2 == 0 ? 20 : 24);
        assert_memory_equal(f->taken.frames[i].data, other.frames[i].data, other.frames[i].caplen);
        assert_int_equal(other.frames[i].time_ns, UINT64_C(7000000000) + i / 2 * 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(filter_is_compiled_for_each_link_type),
        CAPTURE_TEST(frames_whose_link_type_the_filter_does_not_fit_are_left_out_with_one_line),
        CAPTURE_TEST(filter_that_fits_no_interface_is_refused_at_the_start),
        CAPTURE_TEST(unused_interface_need_not_fit_the_filter),
        CAPTURE_TEST(link_type_that_is_not_known_leaves_its_frames_out),
        CAPTURE_TEST(link_types_beyond_the_bound_end_a_file),
        CAPTURE_TEST(filter_changes_for_all_link_types_or_for_none),
        CAPTURE_TEST(filter_is_tried_on_files_to_come),
        CAPTURE_TEST(fields_in_the_order_of_the_capturing_host_are_turned_into_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
