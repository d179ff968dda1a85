/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/capture/capture_pace.c: when frames are due at --speed. */
#include <stdint.h>
#include <string.h>

#include "tests/lib/capture_fixture.h"

static void paced_frames_wait_for_their_time(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[2] = {0};
    struct capture_config config;
    struct capture *c;

    put_pcap_header(&b, 0xa1b2c3d4, 1);
    put_record(&b, 1000, 0, 60, 60, 0);
    put_record(&b, 999, 0, 60, 60, 1); /* out of order: due immediately */
    put_record(&b, 80000, 0, 60, 60, 2);
    files[0] = save(f, "paced", &b);
    config = config_of(files);
    for (unsigned preload = 0; preload < 2; preload++) {
        config.preload = preload == 1;
        config.speed = 1;
        memset(&f->taken, 0, sizeof f->taken);
        assert_int_equal(capture_open(&c, &config), 0);
        assert_int_equal(take_until_idle(c, &f->taken, 20), CAPTURE_IDLE);
        assert_int_equal(f->taken.count, 2);
        capture_close(c);

        config.speed = 1e9; /* a millisecond */
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(f->taken.count, 3);
    }
}

/* A day ahead, or long ago: it is disbelieved as the packet clock of the flows does. */
static void a_bad_stamp_is_due_immediately(void **state) {
    static const uint32_t bad_s[] = {0, 1000 + 86400 + 3600, INT32_MAX};
    struct capture_fixture *f = *state;

    for (size_t i = 0; i < sizeof bad_s / sizeof *bad_s; i++) {
        struct pcap_bytes b = {0};
        const char *files[2] = {0};
        struct capture_config config;

        put_pcap_header(&b, 0xa1b2c3d4, 1);
        put_record(&b, 1000, 0, 60, 60, 0);
        put_record(&b, bad_s[i], 0, 60, 60, 1);
        put_record(&b, 1000, 10000, 60, 60, 2);
        put_record(&b, 1000, 20000, 60, 60, 3);
        files[0] = save(f, "bad_stamp", &b);
        config = config_of(files);
        config.speed = 1;
        memset(&f->taken, 0, sizeof f->taken);
        assert_false(take_all(&config, &f->taken));
        assert_int_equal(f->taken.count, 4);
    }
}

/* Fifty hours without a frame: nobody waits for that. */
static void a_gap_of_days_is_not_waited_for(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[2] = {0};
    struct capture_config config;

    put_pcap_header(&b, 0xa1b2c3d4, 1);
    for (uint32_t i = 0; i < 100; i++)
        put_record(&b, i < 50 ? 1000 : 1000 + 180000, i * 100, 60, 60, (uint8_t)i);
    files[0] = save(f, "gap", &b);
    config = config_of(files);
    config.speed = 1;
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 100);
}

static void next_file_is_due_immediately_whatever_its_stamps(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes b = {0};
    const char *files[4] = {saved_plain(f, "a", 1, 0)};
    struct capture_config config;

    put_pcap_header(&b, 0xa1b2c3d4, 1);
    put_record(&b, INT32_MAX, 0, 60, 60, 0);
    files[1] = save(f, "later", &b);
    files[2] = files[0];
    config = config_of(files);
    config.speed = 1;
    config.loops = 2;
    assert_false(take_all(&config, &f->taken));
    assert_int_equal(f->taken.count, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(paced_frames_wait_for_their_time),
        CAPTURE_TEST(a_bad_stamp_is_due_immediately),
        CAPTURE_TEST(a_gap_of_days_is_not_waited_for),
        CAPTURE_TEST(next_file_is_due_immediately_whatever_its_stamps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
