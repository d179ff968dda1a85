# SPDX-License-Identifier: BSD-2-Clause
"""Lines on standard error."""

import os
import pty
import unittest
from unittest import mock

from supervisor.log import Log


class Lines(unittest.TestCase):
    def setUp(self):
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.log = Log(fd=self.writer)

    def lines(self):
        os.close(self.writer)
        return os.read(self.reader, 4096).decode()

    def test_a_line_has_the_program_and_the_level(self):
        self.log.error("x\u00e4")
        self.log.warning("y")
        self.assertEqual(self.lines(), "flow-balancer: error: x\u00e4\nflow-balancer: warning: y\n")

    def test_what_is_above_the_level_is_left_out(self):
        self.log.debug("not at info")
        self.log.level = "error"
        self.log.warning("not at error")
        self.log.level = "debug"
        self.log.debug("at debug")
        self.assertEqual(self.lines(), "flow-balancer: debug: at debug\n")

    def test_each_line_is_one_write(self):
        with mock.patch("os.write") as write:
            self.log.error("one")
        os.close(self.writer)
        self.assertEqual(write.call_count, 1)

    def test_what_is_not_text_is_written_all_the_same(self):
        self.log.error(os.fsdecode(b"\xff"))
        self.assertEqual(self.lines(), "flow-balancer: error: ?\n")

    def test_a_reader_that_has_gone_is_no_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        with mock.patch("os.write", side_effect=BrokenPipeError):
            Log(fd=writer).error("x")
        os.close(writer)
        os.close(self.writer)


class Terminal(unittest.TestCase):
    def line(self, term):
        screen, terminal = pty.openpty()
        with mock.patch.dict(os.environ, {"TERM": term}):
            Log(fd=terminal).error("x")
        os.close(terminal)
        try:
            return os.read(screen, 4096)
        finally:
            os.close(screen)

    def test_the_status_line_is_erased_first(self):
        self.assertTrue(self.line("xterm").startswith(b"\r\x1b[Kflow-balancer: error: x"))

    def test_unless_the_terminal_cannot(self):
        for term in ("dumb", ""):
            self.assertTrue(self.line(term).startswith(b"flow-balancer: error: x"))
