/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_SINKS_FIXTURE_H
#define TESTS_LIB_SINKS_FIXTURE_H

#include "tests/lib/directory.h"
#include "tests/lib/unit.h"
#include "worker/records/sinks.h"

/* For tests of sinks: those of one test, in a directory of its own, which is the working directory.
 */
struct sinks_fixture {
    struct directory directory; /* first */
    char texts[SINKS_MAX][160];
    const char *sinks[SINKS_MAX];
    struct sinks_config config;
};

int sinks_set_up(void **state);
int sinks_tear_down(void **state);
#define SINKS_TEST(name) cmocka_unit_test_setup_teardown(name, sinks_set_up, sinks_tear_down)

/* One more sink for sinks_open(). */
void add_sink(struct sinks_fixture *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Opens them as those of worker 4 of instance `test`, its process number 2; an outage holds the
 * worker for so long, the end a second or as long as config says. */
void open_sinks(struct sinks_fixture *f, uint64_t wait_ms);

/* Gives "line N" with so many further characters; returns what sinks_write() does. */
int give_line(unsigned n, size_t more);

/* The same until it is taken. */
void give_line_again(unsigned n, size_t more);

/* Time passes, and sinks do what they do then. */
void tick_ms(unsigned ms);

void expect_counted(unsigned sink, uint64_t written, uint64_t dropped, uint64_t retried);

/* The text of a file; "" if there is none. Good until the next call. */
const char *text_of(const char *path);

/* Whether the text is "line FIRST" to "line LAST", each with so many further characters, once and
 * in this order. */
void expect_lines(const char *text, unsigned first, unsigned last, size_t more);

#endif
