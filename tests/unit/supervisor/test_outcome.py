# SPDX-License-Identifier: BSD-2-Clause
"""How a run ended, as it says itself and as others read it."""

import fcntl
import os
import threading

from fakes import FolderTest
from supervisor.failure import Failure
from supervisor.outcome import Outcome, Turn, Watched


class OutcomeTest(FolderTest):
    def setUp(self):
        super().setUp()
        before = os.umask(0)
        self.addCleanup(os.umask, before)

    def begin(self, keep=True):
        return Outcome(self.path("x.status"), "x", keep, "/the/log")

    def test_while_it_runs_it_is_held_and_has_no_status(self):
        run = self.begin()
        self.addCleanup(os.close, run.fd)
        found = Watched.running(self.path("x.status"))
        self.addCleanup(found.close)
        self.assertTrue(found.is_held())
        self.assertIsNone(found.status())
        self.assertEqual(found.read()["log"], "/the/log")

    def test_afterwards_it_has_one(self):
        run = self.begin()
        found = Watched.running(self.path("x.status"))
        self.addCleanup(found.close)
        run.end(1)
        self.assertFalse(found.is_held())
        self.assertEqual(found.status(), 1)
        self.assertIsNone(Watched.running(self.path("x.status")))

    def test_it_has_how_the_latest_reload_ended_whatever_was_there_before(self):
        run = self.begin()
        self.addCleanup(os.close, run.fd)
        found = Watched.running(self.path("x.status"))
        self.addCleanup(found.close)
        self.assertNotIn("reload", found.read())
        for reload in ({"done": list(range(64))}, {"done": [1]}, {"done": [], "number": 3}):
            run.note_reload(reload)
            self.assertEqual(found.read()["reload"], reload)
            self.assertEqual(found.read()["log"], "/the/log")

    def test_only_its_owner_reads_or_writes_it(self):
        self.begin().end(0)
        self.assertEqual(os.stat(self.path("x.status")).st_mode & 0o7777, 0o600)

    def test_one_that_is_not_kept_can_be_read_by_who_has_it_open(self):
        run = self.begin(keep=False)
        found = Watched.running(self.path("x.status"))
        self.addCleanup(found.close)
        run.end(2)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(found.status(), 2)

    def test_a_new_run_says_nothing_of_the_one_before(self):
        self.begin().end(1)
        before = Watched.open(self.path("x.status"))
        self.addCleanup(before.close)
        run = self.begin()
        self.addCleanup(os.close, run.fd)
        found = Watched.open(self.path("x.status"))
        self.addCleanup(found.close)
        self.assertIsNone(found.status())
        self.assertTrue(found.is_held())
        self.assertEqual(before.status(), 1)  # who has read it already
        self.assertEqual(os.listdir(self.folder), ["x.status"])

    def test_the_file_of_a_later_run_is_not_removed(self):
        run = self.begin(keep=False)
        os.rename(self.write("other", "{}"), self.path("x.status"))
        run.end(0)
        self.assertEqual(self.read("x.status"), "{}")

    def test_two_of_a_name_are_one_too_many(self):
        run = self.begin()
        self.addCleanup(os.close, run.fd)
        with self.assertRaisesRegex(Failure, "'x' is already running: stop it, or choose another -n"):
            self.begin()

    def test_a_process_that_was_forked_off_goes_on_with_it(self):
        run = self.begin()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            run.end(7)
            os._exit(0)
        os.close(reader)
        run.close()
        found = Watched.running(self.path("x.status"))
        self.addCleanup(found.close)
        self.assertTrue(found.is_held())
        os.close(writer)
        os.waitpid(child, 0)
        self.assertEqual(found.status(), 7)

    def test_a_link_in_its_place_is_replaced_not_followed(self):
        self.write("victim", "precious\n")
        os.symlink(self.path("victim"), self.path("x.status"))
        self.assertIsNone(Watched.open(self.path("x.status")))
        self.begin().end(1)
        self.assertEqual(self.read("victim"), "precious\n")
        self.assertFalse(os.path.islink(self.path("x.status")))

    def test_where_it_cannot_be_made_that_is_one_line(self):
        os.mkdir(self.path("x.status"))
        with self.assertRaisesRegex(Failure, "cannot make .*x.status: Is a directory: remove what is there"):
            self.begin()
        self.assertEqual(os.listdir(self.folder), ["x.status"])

    def test_of_two_that_begin_at_the_same_time_the_second_sees_the_first(self):
        said = []

        def begin():
            try:
                said.append(self.begin())
            except Failure as failure:
                said.append(str(failure))

        second = threading.Thread(target=begin)
        with Turn(self.folder):
            second.start()
            second.join(0.2)  # what does not wait for its turn is done by then
            first = os.open(self.write("x.status", "{}"), os.O_RDWR)
            self.addCleanup(os.close, first)
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        second.join()
        self.assertEqual(said, ["'x' is already running: stop it, or choose another -n"])
