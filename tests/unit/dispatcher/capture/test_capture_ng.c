/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_ng.c, read through the capture: files of blocks made by
 * hand. Those that are right, then those that are not.
 */
#include "tests/lib/capture_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S UINT64_C(1000000000) /* nanoseconds */
#define OPTION_COMMENT 1
#define OPTION_UNIT 9 /* if_tsresol */
#define OPTION_OFFSET 14

/* Saves and reads; whatever was not to be read would be an error line. */
static void expect_frames(struct capture_fixture *f, struct pcap_bytes *b, unsigned count) {
    const char *files[] = {save(f, "x.pcapng", b), NULL};
    struct capture_config config = config_of(files);
    catch_begin(&f->log);
    bool failed = take_all(&config, &f->taken);
    assert_string_equal(catch_end(&f->log), "");
    assert_false(failed);
    assert_int_equal(f->taken.count, count);
}

/* Saves and reads; one line says why there are no more frames than `count`. */
static void expect_break(struct capture_fixture *f, struct pcap_bytes *b, unsigned count,
                         const char *part) {
    const char *files[] = {save(f, "x.pcapng", b), NULL};
    struct capture_config config = config_of(files);
    char said[64];
    catch_begin(&f->log);
    bool failed = take_all(&config, &f->taken);
    expect_one_line(catch_end(&f->log), part);
    assert_true(failed);
    assert_int_equal(f->taken.count, count);
    snprintf(said, sizeof said, "x.pcapng breaks off after %u frames: block at byte ", count);
    assert_non_null(strstr(f->log.text, said));
    assert_non_null(strstr(f->log.text, ": the frames before were taken: write or copy"));
}

static void begin_file(struct pcap_bytes *b) {
    put_section(b);
    put_interface(b, 1);
    put_packet(b, 0, 60, 1);
}

/* ---- what is right */

static void interfaces_of_several_link_types_and_snapshot_lengths_give_every_frame(void **state) {
    struct capture_fixture *f = *state;
    for (enum byte_order order = LITTLE; order <= BIG; order++) {
        struct pcap_bytes b = {.order = order};
        put_section(&b);
        put_interface(&b, 1);
        end_block(&b, begin_interface(&b, 113, 96));
        put_packet(&b, 1, 61, 1);
        put_packet(&b, 0, 62, 2);
        end_block(&b, begin_interface(&b, 1, 0));
        put_packet(&b, 2, 63, 3);
        put_packet(&b, 1, 64, 4);
        expect_frames(f, &b, 4);
        static const int dlts[] = {113, 1, 1, 113};
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(f->taken.frames[i].dlt, dlts[i]);
            assert_int_equal(f->taken.frames[i].caplen, 61 + i);
            assert_int_equal(f->taken.frames[i].data[0], 1 + i);
            assert_int_equal(f->taken.frames[i].time_ns, S);
        }
        assert_int_equal(f->taken.new_sources, 1);
        assert_true(f->taken.frames[0].new_source);
    }
}

/* Link types that nobody knows, too. */
static void unused_interfaces_are_no_matter(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    put_section(&b);
    for (unsigned i = 0; i < 200; i++)
        put_interface(&b, i == 150 ? 1 : 1 + i % 50);
    put_packet(&b, 150, 60, 7);
    expect_frames(f, &b, 1);
    assert_int_equal(f->taken.frames[0].dlt, 1);
}

static void file_without_a_frame_or_an_interface_is_empty(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    put_section(&b);
    expect_frames(f, &b, 0);
    put_section(&b);
    put_interface(&b, 1);
    expect_frames(f, &b, 0);
}

static const struct stamp_row {
    int unit; /* of if_tsresol; -1: none */
    int64_t offset_s;
    uint64_t stamp;
    uint64_t time_ns;
} stamps[] = {
    {-1, 0, 1700000000123456, UINT64_C(1700000000123456000)},
    {6, 0, 1700000000123456, UINT64_C(1700000000123456000)},
    {9, 0, UINT64_C(1700000000123456789), UINT64_C(1700000000123456789)},
    {0, 0, 2209032000, 2209032000 * S},
    {3, 0, 1700000000123, UINT64_C(1700000000123000000)},
    {12, 0, UINT64_C(1700000000123456), UINT64_C(1700000000123)},
    {19, 0, UINT64_MAX, 1844674407},
    {0x80, 0, 12, 12 * S},
    {0x80 | 1, 0, 25, 12 * S + S / 2},
    {0x80 | 10, 0, (5 << 10) + 1, 5 * S + 976562},
    {0x80 | 32, 0, (UINT64_C(1700000000) << 32) + (1u << 31), 1700000000 * S + S / 2},
    {0x80 | 33, 0, (UINT64_C(1700000000) << 33) + UINT32_MAX, 1700000000 * S + 499999999},
    {0x80 | 63, 0, UINT64_MAX, 1 * S + 999999999},
    {0x80 | 50, 0, (UINT64_C(3) << 50) + (UINT64_C(1) << 49), 3 * S + S / 2},
    {6, 1700000000, 5, 1700000000 * S + 5000},
    {6, -10, 15000001, 5 * S + 1000},
    {6, -20, 15000000, 0},                                            /* before 1970 */
    {0x80, INT64_MIN, INT64_MAX, 0},                                  /* at -1 s */
    {6, INT64_MAX, UINT64_MAX, (UINT64_MAX / S - 5) * S + 551615000}, /* cut, not wrapped */
    {6, INT64_MIN, UINT64_MAX, 0},
    {0, 0, UINT64_MAX, (UINT64_MAX / S - 5) * S},
};

static void stamps_count_in_the_units_and_from_the_offset_of_their_interface(void **state) {
    struct capture_fixture *f = *state;
    for (unsigned k = 0; k < 2 * sizeof stamps / sizeof *stamps; k++) {
        const struct stamp_row *row = &stamps[k / 2];
        struct pcap_bytes b = {.order = k % 2 ? BIG : LITTLE}, offset = {.order = b.order};
        uint8_t unit = (uint8_t)row->unit;
        put_section(&b);
        size_t start = begin_interface(&b, 1, 0);
        put_option(&b, OPTION_COMMENT, "of no matter", 12);
        if (row->unit >= 0)
            put_option(&b, OPTION_UNIT, &unit, 1);
        put32(&offset, (uint32_t)((uint64_t)row->offset_s >> (b.order == BIG ? 32 : 0)));
        put32(&offset, (uint32_t)((uint64_t)row->offset_s >> (b.order == BIG ? 0 : 32)));
        if (row->offset_s != 0)
            put_option(&b, OPTION_OFFSET, offset.data, 8);
        if (k % 4 < 2)
            put_option(&b, 0, "", 0);
        end_block(&b, start);
        put_stamped(&b, 0, row->stamp, 60, 1514, 1);
        put_obsolete(&b, 0, row->stamp, 60, 2);
        free(offset.data);
        expect_frames(f, &b, 2);
        assert_int_equal(f->taken.frames[0].time_ns, row->time_ns);
        assert_int_equal(f->taken.frames[1].time_ns, f->taken.frames[0].time_ns);
        assert_int_equal(f->taken.frames[0].wirelen, 1514);
    }
}

/* It has no stamp, and its captured length is what the first interface lets it be. */
static void simple_packets_are_of_the_first_interface(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    put_section(&b);
    end_block(&b, begin_interface(&b, 101, 50));
    put_interface(&b, 1);
    put_simple(&b, 40, 40, 1);
    put_simple(&b, 50, 1514, 2);
    put_section(&b);
    end_block(&b, begin_interface(&b, 1, 0)); /* no limit */
    put_simple(&b, 600, 600, 3);
    expect_frames(f, &b, 3);
    assert_int_equal(f->taken.frames[0].dlt, 12); /* as libpcap numbers 101 */
    assert_int_equal(f->taken.frames[0].caplen, 40);
    assert_int_equal(f->taken.frames[0].time_ns, 0);
    assert_int_equal(f->taken.frames[1].caplen, 50);
    assert_int_equal(f->taken.frames[1].wirelen, 1514);
    assert_int_equal(f->taken.frames[2].caplen, 600);
    assert_int_equal(f->taken.frames[2].dlt, 1);
}

static void sections_have_byte_order_and_interfaces_of_their_own(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {.order = BIG};
    put_section(&b);
    put_interface(&b, 1);
    put_interface(&b, 113);
    put_packet(&b, 1, 60, 1);
    b.order = LITTLE;
    put_section(&b);
    put_interface(&b, 276);
    put_obsolete(&b, 0, 2000000, 70, 2);
    b.order = BIG;
    put_section(&b);
    put_interface(&b, 1);
    put_packet(&b, 0, 80, 3);
    put_packet(&b, 0, 81, 4);
    expect_frames(f, &b, 4);
    assert_int_equal(f->taken.frames[0].dlt, 113);
    assert_int_equal(f->taken.frames[1].dlt, 276);
    assert_int_equal(f->taken.frames[1].time_ns, 2 * S);
    assert_int_equal(f->taken.frames[2].dlt, 1);
    assert_int_equal(f->taken.frames[2].caplen, 80);
    assert_int_equal(f->taken.new_sources, 3); /* time may start over, as between files */
    assert_false(f->taken.frames[3].new_source);
}

/* Up to one that is longer than any buffer, with what would be a packet in its body. */
static void blocks_of_other_types_are_passed_over_however_long(void **state) {
    static const uint32_t types[] = {4, 5, 9, 10, 0xbad, 0x40000bad, 0x80000001, 0};
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    begin_file(&b);
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        size_t start = begin_block(&b, types[i]);
        for (unsigned k = 0; k < (i == 6 ? 40000u : i); k++)
            put_packet(&b, 0, 60, 9);
        end_block(&b, start);
        put_packet(&b, 0, 61, (uint8_t)(2 + i));
    }
    expect_frames(f, &b, 9);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(f->taken.frames[i].data[0], 1 + i);
}

/* A frame above the limit is cut, and its block passed over. */
static void frames_are_cut_to_the_greatest_length(void **state) {
    static const uint32_t lengths[] = {
        FB_FRAME_MAX - 1, FB_FRAME_MAX, FB_FRAME_MAX + 1, FB_FRAME_MAX + 65536,
        300000,           327713,       3000000};
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    begin_file(&b);
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        put_packet(&b, 0, lengths[i], (uint8_t)(2 + i));
        put_packet(&b, 0, 60, 100);
    }
    expect_frames(f, &b, 15);
    for (unsigned i = 0; i < 7; i++) {
        const struct frame *frame = &f->taken.frames[1 + 2 * i];
        assert_int_equal(frame->caplen, i == 0 ? FB_FRAME_MAX - 1 : FB_FRAME_MAX);
        assert_int_equal(frame->wirelen, lengths[i]);
        assert_int_equal(frame->data[63], (uint8_t)(2 + i + 63));
    }
    put_section(&b);
    end_block(&b, begin_interface(&b, 1, 0));
    put_simple(&b, FB_FRAME_MAX, 300000, 1);
    expect_frames(f, &b, 1);
    assert_int_equal(f->taken.frames[0].caplen, FB_FRAME_MAX);
    assert_int_equal(f->taken.frames[0].wirelen, 300000);
}

/* Its bytes behind the limit are not in memory. */
static void filter_sees_no_more_than_the_greatest_length(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    begin_file(&b);
    put_packet(&b, 0, 3000000, 1);
    const char *files[] = {save(f, "x.pcapng", &b), NULL};
    struct capture_config config = config_of(files);
    config.filter = "link[2000000] < 256";
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 0);
    config.filter = "link[262143] < 256";
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 1);
}

static void filters_cuts_loops_and_memory_do_the_same_as_with_pcap(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0}, plain = {0};
    put_section(&b);
    put_interface(&b, 113);
    put_interface(&b, 1);
    for (unsigned i = 0; i < 100; i++)
        put_stamped(&b, 1, (1000 + i) * UINT64_C(1000000), 60, 60, (uint8_t)i);
    put_plain_file(&plain, 100, 0);
    const char *ng[] = {save(f, "x.pcapng", &b), NULL}, *pcap[] = {save(f, "x.pcap", &plain), NULL};
    for (unsigned preload = 0; preload < 2; preload++) {
        struct capture_config config = config_of(ng), other = config_of(pcap);
        static struct taken expected;
        config.preload = other.preload = preload == 1;
        config.loops = other.loops = 3;
        config.filter = other.filter = "ether[0] > 30";
        config.snaplen = other.snaplen = 33;
        assert_false(take_all(&other, &expected));
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(expected.count, 3 * 69);
        assert_int_equal(f->taken.count, 3 * 69);
        for (unsigned i = 0; i < expected.count; i++) {
            struct frame one = expected.frames[i], two = f->taken.frames[i];
            assert_memory_equal(one.data, two.data, 33);
            one.data = two.data = NULL;
            assert_int_equal(one.time_ns, two.time_ns);
            assert_int_equal(one.caplen, two.caplen);
            assert_int_equal(one.wirelen, two.wirelen);
            assert_int_equal(one.dlt, two.dlt);
            assert_int_equal(one.new_source, two.new_source);
        }
    }
}

static void progress_is_that_of_the_bytes(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    begin_file(&b);
    uint64_t total = b.size + 99 * 92, first = b.size;
    for (unsigned i = 0; i < 99; i++)
        put_packet(&b, 0, 60, 1);
    const char *files[] = {save(f, "x.pcapng", &b), NULL};
    struct capture_config config = config_of(files);
    struct capture_progress progress;
    const struct frame *frames;
    unsigned count = 0, taken = 0;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    while (capture_burst(f->capture, 8, &frames, &count) != CAPTURE_END) {
        taken += count;
        capture_progress(f->capture, &progress);
        assert_int_equal(progress.total_bytes, total);
        if (count != 0)
            assert_int_equal(progress.done_bytes, first + (taken - 1) * UINT64_C(92));
    }
    assert_int_equal(taken, 100);
    capture_close(f->capture);
}

/* ---- what is wrong */

static void put_bad_length(struct pcap_bytes *b, uint32_t length) {
    put32(b, 6);
    put32(b, length);
    for (unsigned i = 0; i < 20; i++)
        put32(b, 0);
}

static void block_lengths_that_cannot_be_are_named(void **state) {
    struct capture_fixture *f = *state;
    static const uint32_t lengths[] = {0, 4, 8, 11, 13, 90};
    struct pcap_bytes b = {0};
    char part[64];
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        begin_file(&b);
        snprintf(part, sizeof part, "block at byte %zu: %u bytes long", b.size, lengths[i]);
        put_bad_length(&b, lengths[i]);
        expect_break(f, &b, 1, part);
    }
    begin_file(&b);
    put_bad_length(&b, 0xfffffffc);
    expect_break(f, &b, 1, "truncated, 88 of 4294967292 bytes are there");
    begin_file(&b);
    b.data[b.size - 4]++;
    put_packet(&b, 0, 60, 2);
    expect_break(f, &b, 0, "byte 48: 92 bytes long at its begin and 93 at its end");
    begin_file(&b);
    put_packet(&b, 0, 500000, 2); /* longer than what is looked at whole */
    b.data[b.size - 4]++;
    put_packet(&b, 0, 60, 2);
    expect_break(f, &b, 2, "byte 140: 500032 bytes long at its begin and 500033 at its end");
}

static void packets_that_cannot_be_are_named(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    begin_file(&b);
    put_packet(&b, 1, 60, 2);
    expect_break(f, &b, 1, "a packet of interface 1, and its section describes 1");
    begin_file(&b);
    put_packet(&b, UINT32_MAX, 60, 2);
    expect_break(f, &b, 1, "a packet of interface 4294967295");
    begin_file(&b);
    put_section(&b);
    put_packet(&b, 0, 60, 2); /* the interface was of the section before */
    expect_break(f, &b, 1, "a packet of interface 0, and its section describes 0");
    begin_file(&b);
    put_section(&b);
    put_simple(&b, 60, 60, 2);
    expect_break(f, &b, 1, "a packet of interface 0");
    begin_file(&b);
    put_packet(&b, 0, 60, 2);
    b.data[b.size - 92 + 20] = 61;
    expect_break(f, &b, 1, "a packet of 61 bytes in a block that has room for 60");
    begin_file(&b);
    put_simple(&b, 60, 100, 2);
    expect_break(f, &b, 1, "a packet of 100 bytes in a block that has room for 60");
    for (uint32_t type = 2; type < 7; type += type == 3 ? 3 : 1) {
        begin_file(&b);
        end_block(&b, begin_block(&b, type));
        expect_break(f, &b, 1,
                     type == 3 ? "a simple packet block of 12 bytes has at least 16"
                               : "a packet block of 12 bytes has at least 32");
    }
}

/* The frames are worth more than their stamps, which then count as without the option. */
static void options_of_time_that_cannot_be_are_passed_over(void **state) {
    struct capture_fixture *f = *state;
    static const struct {
        unsigned code;
        const char *value;
        size_t size;
    } options[] = {
        {OPTION_UNIT, "\x09\x09", 2}, {OPTION_UNIT, "", 0},       {OPTION_UNIT, "\x14", 1},
        {OPTION_UNIT, "\xc0", 1},     {OPTION_OFFSET, "\x06", 1}, {OPTION_OFFSET, "", 0},
    };
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
        struct pcap_bytes b = {0};
        const char *files[2] = {NULL};
        struct capture_config config;
        put_section(&b);
        for (unsigned k = 0; k < 2; k++) {
            size_t start = begin_interface(&b, 1, 0);
            put_option(&b, options[i].code, options[i].value, options[i].size);
            end_block(&b, start);
            put_packet(&b, k, 60, 7);
        }
        files[0] = save(f, "x.pcapng", &b);
        config = config_of(files);
        config.loops = 2;
        catch_begin(&f->log);
        assert_false(take_all(&config, &f->taken));
        expect_one_line(catch_end(&f->log), options[i].code == OPTION_UNIT
                                                ? "if_tsresol of an interface is not valid"
                                                : "if_tsoffset of an interface is not valid");
        assert_int_equal(f->taken.count, 4);
        assert_int_equal(f->taken.frames[0].time_ns, 1 * S);
    }
}

static void interfaces_and_sections_that_cannot_be_are_named(void **state) {
    struct capture_fixture *f = *state;
    static const uint8_t zeros[50000];
    struct pcap_bytes b = {0};
    size_t start;
    begin_file(&b);
    start = begin_interface(&b, 1, 0);
    put16(&b, 2);
    put16(&b, 60000);
    end_block(&b, start);
    expect_break(f, &b, 1, "option 2 of an interface is 60000 bytes long");
    begin_file(&b);
    start = begin_interface(&b, 1, 0);
    put16(&b, 2);
    put16(&b, 4); /* one word more than there is */
    end_block(&b, start);
    expect_break(f, &b, 1, "option 2 of an interface is 4 bytes long");
    begin_file(&b);
    end_block(&b, begin_block(&b, 1));
    expect_break(f, &b, 1, "an interface description of 12 bytes has at least 20");
    begin_file(&b);
    start = begin_interface(&b, 1, 0);
    for (unsigned i = 0; i < 7; i++)
        put_option(&b, OPTION_COMMENT, zeros, sizeof zeros);
    end_block(&b, start);
    expect_break(f, &b, 1, "an interface description of 350048 bytes: at most");
    begin_file(&b);
    start = begin_block(&b, 0x0a0d0d0a);
    put32(&b, 0x1a2b3c4d);
    end_block(&b, start);
    expect_break(f, &b, 1, "a section header of 16 bytes has at least 28");
    begin_file(&b);
    put_section(&b);
    b.data[b.size - 16] = 2;
    expect_break(f, &b, 1, "a section of pcapng version 2.0");
    begin_file(&b);
    put_section(&b);
    b.data[b.size - 20] = 0;
    expect_break(f, &b, 1, "a section of unknown byte order, 0x1a2b3c00");
}

static void memory_for_interfaces_is_bounded(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    begin_file(&b);
    for (unsigned i = 1; i <= 65536; i++)
        put_interface(&b, 1);
    expect_break(f, &b, 1, "no memory for more than 65536 interfaces");
}

static void file_that_is_wrong_from_the_start_is_refused(void **state) {
    struct capture_fixture *f = *state;
    for (unsigned i = 0; i < 3; i++) {
        struct pcap_bytes b = {0};
        put_section(&b);
        if (i == 0)
            b.size = 20;
        else
            b.data[i == 1 ? 12 : 8] ^= 2;
        const char *files[] = {save(f, "x.pcapng", &b), NULL};
        struct capture_config config = config_of(files);
        catch_begin(&f->log);
        assert_int_equal(capture_open(&f->capture, &config), -EINVAL);
        expect_one_line(catch_end(&f->log), "cannot read ");
        assert_non_null(strstr(f->log.text, "x.pcapng: block at byte 0: "));
        assert_non_null(strstr(f->log.text, ": give a pcap or pcapng file"));
    }
}

/* ---- cut at every byte */

/* Every kind of block once. Sets ends[] to where blocks end, frames[] to how many frames are
 * before.
 */
static unsigned put_one_of_each(struct pcap_bytes *b, size_t *ends, unsigned *frames) {
    unsigned blocks = 0, put = 0;
    for (unsigned kind = 0; kind < 9; kind++) {
        switch (kind) {
        case 0:
        case 6:
            put_section(b);
            break;
        case 1:
        case 7:
            put_interface(b, kind == 1 ? 1 : 113);
            break;
        case 2:
            put_packet(b, 0, 61, 1);
            break;
        case 3:
            put_obsolete(b, 0, 5, 62, 2);
            break;
        case 4:
            end_block(b, begin_block(b, 5));
            break;
        case 5:
            put_simple(b, 63, 63, 3);
            break;
        default:
            put_packet(b, 0, 64, 4);
            break;
        }
        put += kind == 2 || kind == 3 || kind == 5 || kind == 8;
        ends[blocks] = b->size;
        frames[blocks++] = put;
    }
    return blocks;
}

/* From a file, and from a pipe that has all of it. */
static void file_cut_anywhere_gives_the_whole_blocks_before(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes all = {0};
    size_t ends[16];
    unsigned frames[16], blocks = put_one_of_each(&all, ends, frames), whole = 0;
    int kept = dup(STDIN_FILENO);
    for (size_t cut = ends[0]; cut <= all.size; cut++) {
        while (whole < blocks && ends[whole] <= cut)
            whole++;
        bool broken = ends[whole - 1] != cut;
        for (unsigned piped = 0; piped < 2; piped++) {
            struct pcap_bytes b = {0};
            put_bytes(&b, all.data, cut);
            const char *files[] = {save(f, "x.pcapng", &b), NULL};
            int pipes[2];
            if (piped == 1) {
                assert_int_equal(pipe(pipes), 0);
                assert_int_equal(write(pipes[1], all.data, cut), cut);
                dup2(pipes[0], STDIN_FILENO);
                close(pipes[0]);
                close(pipes[1]);
                files[0] = "-";
            }
            struct capture_config config = config_of(files);
            catch_begin(&f->log);
            bool failed = take_all(&config, &f->taken);
            assert_int_equal(lines_of(catch_end(&f->log)), broken);
            assert_int_equal(failed, broken);
            assert_int_equal(f->taken.count, frames[whole - 1]);
        }
    }
    dup2(kept, STDIN_FILENO);
    close(kept);
    free(all.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(interfaces_of_several_link_types_and_snapshot_lengths_give_every_frame),
        CAPTURE_TEST(unused_interfaces_are_no_matter),
        CAPTURE_TEST(file_without_a_frame_or_an_interface_is_empty),
        CAPTURE_TEST(stamps_count_in_the_units_and_from_the_offset_of_their_interface),
        CAPTURE_TEST(simple_packets_are_of_the_first_interface),
        CAPTURE_TEST(sections_have_byte_order_and_interfaces_of_their_own),
        CAPTURE_TEST(blocks_of_other_types_are_passed_over_however_long),
        CAPTURE_TEST(frames_are_cut_to_the_greatest_length),
        CAPTURE_TEST(filter_sees_no_more_than_the_greatest_length),
        CAPTURE_TEST(filters_cuts_loops_and_memory_do_the_same_as_with_pcap),
        CAPTURE_TEST(progress_is_that_of_the_bytes),
        CAPTURE_TEST(block_lengths_that_cannot_be_are_named),
        CAPTURE_TEST(packets_that_cannot_be_are_named),
        CAPTURE_TEST(options_of_time_that_cannot_be_are_passed_over),
        CAPTURE_TEST(interfaces_and_sections_that_cannot_be_are_named),
        CAPTURE_TEST(memory_for_interfaces_is_bounded),
        CAPTURE_TEST(file_that_is_wrong_from_the_start_is_refused),
        CAPTURE_TEST(file_cut_anywhere_gives_the_whole_blocks_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
