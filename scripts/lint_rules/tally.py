# SPDX-License-Identifier: BSD-2-Clause
"""What scripts/test adds up: lines in the file FB_TALLY, as in tests/lib/tally.sh."""

import os


def tally(*lines):
    if os.environ.get("FB_TALLY"):
        with open(os.environ["FB_TALLY"], "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
