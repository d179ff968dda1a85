# SPDX-License-Identifier: BSD-2-Clause
"""Log lines on standard error. Must not know what they are about."""

import os
import select
import time

from .log_output import Output

LEVELS = ("error", "warning", "info", "debug")
JOURNAL_LEVELS = {"error": 3, "warning": 4, "info": 6, "debug": 7}  # as sd-daemon(3) numbers them
ERASE = "\r\x1b[K"  # removes the dispatcher's status line, which may be on the same terminal
LINE_BYTES = select.PIPE_BUF - 64  # a pipe takes it whole or not at all, with what comes before it


def stamp():
    """The local time, in the form of RFC 3339."""
    now = time.time()
    local = time.localtime(now)
    zone = time.strftime("%z", local)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(now * 1000) % 1000:03}{zone[:3]}:{zone[3:]}"


class Log:
    """Writes each line with one call, so that lines of several processes do not mix, and never waits for a reader."""

    def __init__(self, level="info", fd=2, clock=time.monotonic):
        self.level = level
        self.output = Output(fd)
        self.now = clock
        self.broken_off = False  # only a part of the last line was written
        self.lost = {}  # lines for which there was no room, by level
        self.lost_since = None

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
        if not self.report_lost() or not self.line(level, text):
            self.lost_since = self.lost_since if self.lost else self.now()
            self.lost[level] = self.lost.get(level, 0) + 1

    def report_lost(self):
        """Once there is room again. False if lines were lost, and there is none for that either."""
        if not self.lost:
            return True
        count = sum(self.lost.values())
        lost = [level for level in LEVELS if level in self.lost]
        if not self.line(
            lost[0],
            f"{count} log {'line was' if count == 1 else 'lines were'} lost within {self.now() - self.lost_since:.1f} s "
            f"({', '.join(f'{level} {self.lost[level]}' for level in lost)}): standard error had no room: "
            "make sure that it is read",
        ):
            return False
        self.lost.clear()
        return True

    def line(self, level, text):
        """The journal adds the time itself, and people at a terminal see when a line comes."""
        self.output.check()
        before = ""
        if self.output.journal:
            before = f"<{JOURNAL_LEVELS[level]}>"
        elif not self.output.terminal:
            before = stamp() + " "
        return self.raw(f"{self.erase()}{before}flow-balancer: {level}: {text}")

    def raw(self, line):
        """A line as it is, without its end. False: there is no room, or not enough."""
        self.output.check()
        data = line.encode(errors="replace")[:LINE_BYTES] + b"\n"
        if self.broken_off:
            data = b"\n" + data
        written = self.output.write(data)
        if written:
            self.broken_off = written != len(data)
        return written == len(data)

    def erase(self):
        return ERASE if self.output.terminal and os.environ.get("TERM", "dumb") not in ("", "dumb") else ""

    def erase_status(self):
        """Something else is about to use the line."""
        self.output.check()
        if self.erase():
            self.output.write(ERASE.encode())
