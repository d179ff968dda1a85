# SPDX-License-Identifier: BSD-2-Clause
"""The error that ends the program: one line and an exit status. Must not know who raises it."""

EXIT_FAILED = 1
EXIT_USAGE = 2


class Failure(Exception):
    """Ends the program with one line and an exit status."""

    def __init__(self, text, status=EXIT_FAILED):
        super().__init__(text)
        self.status = status
