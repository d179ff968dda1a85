# SPDX-License-Identifier: BSD-2-Clause
"""Log lines on standard error. Must not know what they are about."""

import os

LEVELS = ("error", "warning", "info", "debug")
ERASE = "\r\x1b[K"  # removes the dispatcher's status line, which may be on the same terminal


class Log:
    """Writes each line with one call, so that lines of several processes do not mix."""

    def __init__(self, level="info", fd=2):
        self.level = level
        self.fd = fd

    def error(self, text):
        self.write("error", text)

    def warning(self, text):
        self.write("warning", text)

    def debug(self, text):
        self.write("debug", text)

    def mark(self, text):
        """Where a run begins or ends in a log that has several: of no level too low."""
        self.put("info", text)

    def write(self, level, text):
        if LEVELS.index(level) <= LEVELS.index(self.level):
            self.put(level, text)

    def put(self, level, text):
        self.out(f"{self.erase()}flow-balancer: {level}: {text}\n")

    def erase(self):
        return ERASE if os.isatty(self.fd) and os.environ.get("TERM", "dumb") not in ("", "dumb") else ""

    def erase_status(self):
        """Something else is about to use the line."""
        erase = self.erase()
        if erase:
            self.out(erase)

    def out(self, text):
        try:
            os.write(self.fd, text.encode(errors="replace"))
        except OSError:
            pass  # nowhere else to say it
