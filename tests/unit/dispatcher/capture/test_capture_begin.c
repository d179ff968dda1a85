/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/capture/capture_begin.c: what is said of files that libpcap cannot open. */
#include "dispatcher/capture/capture_begin.h"
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static void assert_said(const char *name, const void *bytes, size_t count, const char *reason,
                        const char *expected) {
    struct caught log;
    catch_begin(&log);
    capture_say_no_begin(name, bytes, count, reason);
    expect_one_line(catch_end(&log), expected);
}

static void dash_is_called_standard_input(void **state) {
    (void)state;
    assert_string_equal(capture_shown_name("-"), "standard input");
    assert_string_equal(capture_shown_name("-x"), "-x");
    assert_string_equal(capture_shown_name("a.pcap"), "a.pcap");
}

static void compressed_file_is_named_with_its_unpacker(void **state) {
    static const struct {
        const char *magic;
        size_t bytes;
        const char *unpack;
    } packed[] = {
        {"\x1f\x8b\x08\x00", 4, "gunzip -c"}, {"\xfd\x37zXZ\x00", 6, "xz -dc"},
        {"\x28\xb5\x2f\xfd", 4, "zstd -dc"},  {"\x04\x22\x4d\x18", 4, "lz4 -dc"},
        {"BZh91AY", 7, "bunzip2 -c"},
    };
    char expected[128];
    (void)state;
    for (unsigned i = 0; i < sizeof packed / sizeof *packed; i++) {
        snprintf(expected, sizeof expected,
                 "cannot read a.pcap: it is compressed: give '%s a.pcap | ... "
                 "-r -'",
                 packed[i].unpack);
        assert_said("a.pcap", packed[i].magic, packed[i].bytes, "unknown file format", expected);
        snprintf(
            expected, sizeof expected,
            "cannot read standard input: it is compressed: put '%s |' before, or name the file",
            packed[i].unpack);
        assert_said("-", packed[i].magic, packed[i].bytes, "unknown file format", expected);
    }
}

static void magic_number_that_breaks_off_is_none(void **state) {
    (void)state;
    assert_said("a", "\x28\xb5\x2f", 3, "truncated dump file",
                "cannot read a: truncated dump file: its header breaks off after 3 bytes");
}

static void empty_and_short_files_are_said_to_be_so(void **state) {
    static const char header[CAPTURE_BEGIN_BYTES] = "\xd4\xc3\xb2\xa1";
    (void)state;
    assert_said("a", "", 0, "truncated dump file; tried to read 24 file header bytes, only got 0",
                "cannot read a: truncated dump file: it is empty: give a pcap or pcapng file");
    assert_said("-", header, 23, "truncated dump file; tried to read",
                "cannot read standard input: truncated dump file: its header breaks off after 23 "
                "bytes: give a whole pcap or pcapng file");
}

static void any_other_reason_is_that_of_libpcap(void **state) {
    static const char header[CAPTURE_BEGIN_BYTES] = "\xd4\xc3\xb2\xa1";
    (void)state;
    assert_said("a", header, sizeof header, "unsupported pcap savefile version 7.7",
                "cannot read a: unsupported pcap savefile version 7.7: give a pcap or pcapng file");
    assert_said("a", header, 10, "unknown file format",
                "cannot read a: unknown file format: give a pcap or pcapng file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dash_is_called_standard_input),
        cmocka_unit_test(compressed_file_is_named_with_its_unpacker),
        cmocka_unit_test(magic_number_that_breaks_off_is_none),
        cmocka_unit_test(empty_and_short_files_are_said_to_be_so),
        cmocka_unit_test(any_other_reason_is_that_of_libpcap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
