# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# For scripts that run tests: what they count, for scripts/test to add up, and how far they are.

# tally passed|failed N; tally skipped N WHAT: REASON. A line each in the file FB_TALLY, if there is one.
tally() {
    [[ -z ${FB_TALLY-} ]] || echo "$*" >>"$FB_TALLY"
}

# progress TEXT: on a terminal, in a line that the next one is written over; without TEXT the line is empty again.
progress() {
    [[ ! -t 2 ]] || printf '\r\033[K%s' "$*" >&2
}
