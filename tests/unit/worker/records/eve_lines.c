/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/worker/records/eve_lines.h"

#include <limits.h>
#include <string.h>

#include "flow_balancer/inspector.h"
#include "tests/lib/unit.h"
#include "worker/records/sinks.h"

struct eve_lines eve_lines;

void eve_lines_begin(void) {
    memset(&eve_lines, 0, sizeof eve_lines);
    eve_lines.has_sinks = true;
    eve_lines.takes = UINT_MAX;
}

void expect_in_line(const char *line, const char *part) {
    if (strstr(line, part) == NULL)
        fail_msg("'%s' is not in %s", part, line);
}

void expect_not_in_line(const char *line, const char *part) {
    if (strstr(line, part) != NULL)
        fail_msg("'%s' is in %s", part, line);
}

/* ---- the double ------------------------------------------------------------------------------ */

bool sinks_any(void) {
    return eve_lines.has_sinks;
}

int sinks_write(const char *line, size_t length) {
    assert_true(length <= sizeof eve_lines.last);
    assert_int_equal(line[length - 1], '\n');
    assert_null(memchr(line, '\n', length - 1));
    memcpy(eve_lines.last, line, length - 1);
    eve_lines.last[length - 1] = '\0';
    eve_lines.count++;
    return eve_lines.count > eve_lines.takes ? FB_OUTPUT_FAILED : eve_lines.answer;
}

/* ---- what `stats` says of sinks -------------------------------------------------------------- */

const char *const sinks_stat_names[SINK_STATS + 1] = {"written", "dropped", "retried"};

unsigned sinks_count(void) {
    return 1;
}

const char *sinks_name(unsigned i) {
    assert_int_equal(i, 0);
    return "eve-file";
}

void sinks_stats(unsigned i, uint64_t values[SINK_STATS]) {
    assert_int_equal(i, 0);
    for (unsigned k = 0; k < SINK_STATS; k++)
        values[k] = k + 1;
}

void sinks_tick(uint64_t now_ns) {
    (void)now_ns;
    eve_lines.ticks++;
}

/* ---- what else the worker does with sinks ---------------------------------------------------- */

int sinks_claimed(const struct fb_instance *instance) {
    (void)instance;
    return 0;
}

uint64_t sinks_next_tick(void) {
    return UINT64_MAX;
}

unsigned sinks_reload(void) {
    return 0;
}

void sinks_finish(uint64_t until_ns) {
    (void)until_ns;
}

void sinks_close(void) {
}

void sinks_close_in_child(void) {
}
