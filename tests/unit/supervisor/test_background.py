# SPDX-License-Identifier: BSD-2-Clause
"""The log of `start`, and what is said when a run in the background is ready, or never will be."""

import contextlib
import io
import os
from unittest import mock

from fakes import FakeLog, FakePlan, FolderTest
from supervisor import background
from supervisor.failure import Failure


class OpenLog(FolderTest):
    def setUp(self):
        super().setUp()
        before = os.umask(0)
        self.addCleanup(os.umask, before)

    def open(self):
        fd = background.open_log(self.path("x.log"), "x")
        self.addCleanup(os.close, fd)
        return fd

    def test_only_its_owner_reads_or_writes_it(self):
        self.open()
        self.assertEqual(os.stat(self.path("x.log")).st_mode & 0o7777, 0o600)

    def test_a_symbolic_link_in_its_place_is_not_followed(self):
        self.write("victim", "precious\n")
        os.symlink(self.path("victim"), self.path("x.log"))
        with self.assertRaisesRegex(Failure, "cannot open the log .*x.log: "):
            self.open()
        self.assertEqual(self.read("victim"), "precious\n")
        os.unlink(self.path("x.log"))
        os.symlink(self.path("new"), self.path("x.log"))
        with self.assertRaises(Failure):
            self.open()
        self.assertFalse(os.path.exists(self.path("new")))

    def test_what_an_earlier_run_said_stays(self):
        self.write("x.log", "from an earlier run\n")
        fd = self.open()
        os.write(fd, b"new\n")
        self.assertEqual(self.read("x.log"), "from an earlier run\nnew\n")

    def test_lines_of_several_processes_are_appended(self):
        fd = self.open()
        os.write(fd, b"one\n")
        with open(self.path("x.log"), "a", encoding="utf-8") as other:
            other.write("two\n")
        os.write(fd, b"three\n")
        self.assertEqual(self.read("x.log"), "one\ntwo\nthree\n")

    def test_a_log_that_is_in_use_is_that_of_a_running_instance_and_stays_as_it_is(self):
        os.write(self.open(), b"of the running one\n")
        with self.assertRaisesRegex(Failure, "'x' is already running .its log .* is in use.: stop it"):
            background.open_log(self.path("x.log"), "x")
        self.assertEqual(self.read("x.log"), "of the running one\n")

    def test_it_is_not_inherited_but_as_a_stream(self):
        self.assertFalse(os.get_inheritable(self.open()))


class AwaitStart(FolderTest):
    def await_start(self, words, begin=0):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.write(writer, words)
        os.close(writer)
        output = io.StringIO()
        log = FakeLog()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                status = background.await_start(FakePlan(2), reader, self.path("x.log"), begin, log)
            except Failure as failure:
                return failure.status, output.getvalue() + "".join(f"{line}\n" for _, line in log.lines) + str(failure)
        return status, output.getvalue()

    def test_ready(self):
        status, text = self.await_start(b"ready\n")
        self.assertEqual(status, 0)
        self.assertIn("'test' runs with 2 workers, log ", text)
        self.assertEqual(self.await_start(b"ready\nended 1\n")[0], 0)

    def test_a_short_run_that_has_ended_is_no_failure(self):
        status, text = self.await_start(b"ended 0\n")
        self.assertEqual(status, 0)
        self.assertIn("already", text)

    def test_one_that_failed_has_its_status_and_the_end_of_its_log(self):
        self.write("x.log", "".join(f"line {i}\n" for i in range(15)))
        status, text = self.await_start(b"ended 2\n")
        self.assertEqual(status, 2)
        self.assertIn("'test' did not start", text)
        self.assertIn("line 5\n", text)
        self.assertIn("line 14\n", text)
        self.assertNotIn("line 4\n", text)

    def test_what_earlier_runs_said_is_not_its_reason(self):
        self.write("x.log", "earlier\nline\n")
        self.assertNotIn("earlier", self.await_start(b"ended 1\n", len("earlier\n"))[1])

    def test_one_that_died_without_a_word_failed(self):
        self.write("x.log", "")
        self.assertEqual(self.await_start(b"")[0], 1)

    def test_one_that_says_nothing_is_not_waited_for_for_ever(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        with mock.patch.object(background, "START_TIMEOUT_S", 0.01):
            with self.assertRaisesRegex(Failure, "'test' is not ready after 0.01 s"):
                background.await_start(FakePlan(2), reader, self.path("x.log"), 0, FakeLog())
