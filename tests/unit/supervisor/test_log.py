# SPDX-License-Identifier: BSD-2-Clause
"""Lines on standard error: what they look like, and that no line waits."""

import fcntl
import os
import pty
import socket
import unittest
from unittest import mock

from fakes import STAMP, FolderTest, without_stamps
from supervisor import log_output
from supervisor.log import LINE_BYTES, Log, stamp


class PipeTest(unittest.TestCase):
    def setUp(self):
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.addCleanup(os.close, self.reader)
        self.addCleanup(os.close, self.writer)
        self.time = 100.0
        self.log = Log(fd=self.writer, clock=lambda: self.time)
        self.addCleanup(self.log.output.close)

    def read(self):
        try:
            return os.read(self.reader, 1 << 20).decode()
        except BlockingIOError:
            return ""

    def lines(self):
        return without_stamps(self.read())


class Lines(PipeTest):
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

    def test_but_not_where_a_run_begins_and_ends(self):
        self.log.level = "error"
        self.log.mark("it begins")
        self.assertEqual(self.lines(), "flow-balancer: info: it begins\n")

    def test_each_line_is_one_write(self):
        with mock.patch("os.write") as write:
            self.log.error("one")
        self.assertEqual(write.call_count, 1)

    def test_what_is_not_text_is_written_all_the_same(self):
        self.log.error(os.fsdecode(b"\xff"))
        self.assertEqual(self.lines(), "flow-balancer: error: ?\n")

    def test_a_line_that_a_pipe_would_not_take_whole_is_cut(self):
        self.log.error("x" * 10000)
        line = self.read()
        self.assertEqual(len(line), LINE_BYTES + 1)
        self.assertTrue(line.endswith("x\n"))

    def test_a_reader_that_has_gone_is_no_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        log = Log(fd=writer)
        log.error("x")
        log.output.close()
        os.close(writer)

    def test_nor_is_a_descriptor_that_is_closed(self):
        reader, writer = os.pipe()
        os.close(reader)
        os.close(writer)
        Log(fd=writer).error("x")


class Beginnings(PipeTest):
    def test_in_a_pipe_it_is_the_time_with_its_zone(self):
        self.log.error("x")
        self.assertRegex(self.read(), f"^{STAMP}flow-balancer: error: x\n$")
        self.assertRegex(stamp() + " ", f"^{STAMP}$")

    def test_of_the_journal_it_is_the_level(self):
        found = os.fstat(self.writer)
        with mock.patch.dict(os.environ, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}):
            self.log.level = "debug"
            for write in (self.log.error, self.log.warning, self.log.mark, self.log.debug):
                write("x")
        self.assertEqual(
            self.read(),
            "<3>flow-balancer: error: x\n<4>flow-balancer: warning: x\n<6>flow-balancer: info: x\n"
            "<7>flow-balancer: debug: x\n",
        )

    def test_not_if_the_stream_was_redirected_since(self):
        with mock.patch.dict(os.environ, {"JOURNAL_STREAM": "1:2"}):
            self.log.error("x")
        self.assertRegex(self.read(), f"^{STAMP}flow-balancer: error: x\n$")


class NoRoom(PipeTest):
    def fill(self):
        os.set_blocking(self.writer, False)
        try:
            while os.write(self.writer, b"." * 4096):
                pass
        except BlockingIOError:
            pass
        os.set_blocking(self.writer, True)

    def test_a_line_does_not_wait_and_is_counted_and_said_later(self):
        self.fill()
        self.log.warning("one")
        self.time += 4.2
        self.log.warning("two")
        self.log.error("three")
        self.assertFalse(self.log.report_lost())
        self.assertEqual(self.read().strip("."), "")
        self.log.error("four")
        self.assertEqual(
            self.lines(),
            "flow-balancer: error: 3 log lines were lost within 4.2 s (error 1, warning 2): standard error had no room: "
            "make sure that it is read\nflow-balancer: error: four\n",
        )

    def test_it_is_said_once_and_without_another_line(self):
        self.fill()
        self.log.warning("one")
        self.read()
        self.assertTrue(self.log.report_lost())
        self.assertIn("warning: 1 log line was lost within 0.0 s (warning 1): ", self.lines())
        self.assertTrue(self.log.report_lost())
        self.assertEqual(self.lines(), "")

    def test_the_descriptor_that_others_have_too_is_left_as_it_is(self):
        self.log.error("x")
        self.assertEqual(fcntl.fcntl(self.writer, fcntl.F_GETFL) & os.O_NONBLOCK, 0)

    def test_a_pipe_that_cannot_be_opened_again_is_asked_for_room(self):
        with mock.patch.object(log_output.Output, "open_again", lambda *_: None):
            self.fill()
            self.log.error("one")
            self.read()
            self.log.error("two")
        self.assertIn("error: two\n", self.lines())

    def test_no_more_does_a_socket_wait(self):
        ours, other = socket.socketpair()
        with ours, other:
            log = Log(fd=ours.fileno())
            self.addCleanup(log.output.close)
            for _ in range(2000):
                log.error("x" * 1000)
            self.assertNotEqual(log.lost, {})
            self.assertTrue(ours.getblocking())
            self.assertIn(b"flow-balancer: error: xxx", other.recv(4096))

    def test_nor_does_a_terminal_and_a_line_that_was_begun_is_ended(self):
        screen, terminal = pty.openpty()
        self.addCleanup(os.close, screen)
        self.addCleanup(os.close, terminal)
        with mock.patch.dict(os.environ, {"TERM": "dumb"}):
            log = Log(fd=terminal)
            self.addCleanup(log.output.close)
            for _ in range(1000):
                log.error("x" * 1000)
            self.assertNotEqual(log.lost, {})
            log.broken_off = True
            os.set_blocking(screen, False)
            while True:
                try:
                    os.read(screen, 65536)
                except BlockingIOError:
                    break
            self.assertTrue(log.report_lost())
            self.assertTrue(os.read(screen, 65536).startswith(b"\r\nflow-balancer: error: "))


class Redirected(FolderTest):
    def test_a_descriptor_that_becomes_another_file_is_seen(self):
        """As `start` does with its log."""
        reader, writer = os.pipe()
        log = Log(fd=writer)
        self.addCleanup(log.output.close)
        log.error("one")
        fd = os.open(self.path("x.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(fd, writer)
        os.close(fd)
        log.error("two")
        os.close(writer)
        self.assertIn("error: one\n", os.read(reader, 4096).decode())
        os.close(reader)
        self.assertIn("error: two\n", self.read("x.log"))


class Terminal(unittest.TestCase):
    def line(self, term, write=lambda log: log.error("x")):
        screen, terminal = pty.openpty()
        with mock.patch.dict(os.environ, {"TERM": term}):
            log = Log(fd=terminal)
            write(log)
            log.output.close()
        os.close(terminal)
        try:
            return os.read(screen, 4096)
        except OSError:
            return b""
        finally:
            os.close(screen)

    def test_the_status_line_is_erased_first(self):
        self.assertEqual(self.line("xterm"), b"\r\x1b[Kflow-balancer: error: x\r\n")

    def test_unless_the_terminal_cannot(self):
        for term in ("dumb", ""):
            self.assertEqual(self.line(term), b"flow-balancer: error: x\r\n")

    def test_it_is_erased_for_others_too(self):
        self.assertEqual(self.line("xterm", Log.erase_status), b"\r\x1b[K")
        self.assertEqual(self.line("dumb", Log.erase_status), b"")
