/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_filter.c under ThreadSanitizer: frames are read, files are opened
 * and link types are asked about while the thread compiles, and captures are closed
 * meanwhile.
 */
#include "tests/lib/capture_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHANGES 200u
#define ABANDONED 50u
#define HOSTS 30u

/* The files are of two link types, and are read again and again. */
static void open_files(struct capture_fixture *f) {
    static const char *files[3];
    struct pcap_bytes b = {0};
    files[0] = saved_plain(f, "ethernet", 50, 0);
    put_pcap_header(&b, 0xa1b2c3d4, 101);
    put_record(&b, 1, 0, 60, 60, 0);
    files[1] = save(f, "raw", &b);
    struct capture_config config = config_of(files);
    config.loops = 1u << 30;
    assert_int_equal(capture_open(&f->capture, &config), 0);
}

static void begin_change(struct capture_fixture *f, unsigned number) {
    char text[HOSTS * 32];
    size_t used = (size_t)sprintf(text, "len >= %u", number % 50);
    for (unsigned i = 0; number % 3 != 0 && i < HOSTS; i++)
        used += (size_t)sprintf(text + used, " or host 10.1.2.%u", i);
    if (number % 7 == 0)
        sprintf(text + used, " and nonsense nonsense");
    assert_int_equal(capture_begin_filter(f->capture, text), 0);
}

static void take_burst(struct capture_fixture *f) {
    const struct frame *frames;
    unsigned count;
    assert_int_not_equal(capture_burst(f->capture, 32, &frames, &count), CAPTURE_END);
}

static void filters_change_under_frames(void **state) {
    struct capture_fixture *f = *state;
    open_files(f);
    for (unsigned n = 0; n < CHANGES; n++) {
        int err;
        begin_change(f, n);
        while ((err = capture_poll_filter(f->capture)) == -EINPROGRESS)
            take_burst(f);
        if (err != (n % 7 == 0 ? -EINVAL : 0))
            fail_msg("change %u: %s", n, strerror(-err));
    }
    capture_close(f->capture);
}

static void captures_are_closed_at_any_time_of_a_change(void **state) {
    struct capture_fixture *f = *state;
    for (unsigned n = 0; n < ABANDONED; n++) {
        open_files(f);
        begin_change(f, 3 * n + 1);
        for (unsigned bursts = 0; bursts < 4 * n; bursts++)
            take_burst(f);
        if (n % 2 == 0)
            capture_leave(f->capture);
        capture_close(f->capture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(filters_change_under_frames),
        CAPTURE_TEST(captures_are_closed_at_any_time_of_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
