/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/eve_lines.h"

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
