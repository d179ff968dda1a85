/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_CAPTURE_FIXTURE_H
#define TESTS_LIB_CAPTURE_FIXTURE_H

/* Captures of files made by hand, a directory for them, what they gave and what was logged. */

#include "dispatcher/capture/capture.h"
#include "tests/lib/caught.h"
#include "tests/lib/directory.h"
#include "tests/lib/pcap_bytes.h"
#include "tests/lib/unit.h"

#define TAKEN_FRAMES 1024u /* enough for any test to see what it wants */
#define TAKEN_BYTES 64u    /* of each */

/* What a capture gave. */
struct taken {
    struct frame frames[TAKEN_FRAMES]; /* data: a copy in bytes */
    uint8_t bytes[TAKEN_FRAMES * TAKEN_BYTES];
    unsigned count, idles, new_sources;
};

struct capture_fixture {
    struct directory directory;
    struct caught log;
    struct capture *capture; /* the test opens and closes it */
    struct taken taken;
};

int capture_fixture_set_up(void **state);
int capture_fixture_tear_down(void **state);
#define CAPTURE_TEST(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, capture_fixture_set_up, capture_fixture_tear_down)

/* Writes the bytes into the directory, frees them, returns the path. */
const char *save(struct capture_fixture *f, const char *name, struct pcap_bytes *b);

/* Writes a plain file (pcap_bytes.h). */
const char *saved_plain(struct capture_fixture *f, const char *name, unsigned count,
                        uint8_t first_tag);

/* The configuration for a list of files that ends with NULL. */
struct capture_config config_of(const char *const *files);

/* Takes bursts until the end, or until the source was idle most_idles times in a row. */
enum capture_status take_until_idle(struct capture *c, struct taken *t, unsigned most_idles);

/* Replaces the filter, and waits for that. As capture_poll_filter() returns. */
int set_filter(struct capture *c, const char *filter);

/* Opens, takes everything, closes; asserts that it opened. Returns capture_failed(). */
bool take_all(const struct capture_config *config, struct taken *t);

/* It cannot be opened, with this error and one logged line that has the reason. */
void expect_open_refused(struct capture_fixture *f, struct capture_config config, int err,
                         const char *reason);

#endif
