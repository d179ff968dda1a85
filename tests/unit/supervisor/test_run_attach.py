# SPDX-License-Identifier: BSD-2-Clause
"""Programs of --attach in the place of workers: how they are started, when again, and how they are ended."""

import os
import subprocess
import unittest
from signal import SIGHUP, SIGKILL, SIGTERM

from fakes import FakeRun
from supervisor import group, run as module
from supervisor.attach import Command


class AttachTest(unittest.TestCase):
    def setUp(self):
        adopted = []
        self.adopted = adopted
        for name, put in (("adopt_orphans", lambda: adopted.append("orphans")), ("reap_adopted", adopted.append)):
            self.addCleanup(setattr, module, name, getattr(module, name))
            setattr(module, name, put)
        self.run_ = FakeRun(attach=Command("tool -i %d -w %k-%r %n")).begin()

    def open(self, number=0):
        """Its program opens the device."""
        seen = self.run_.said.workers[number]
        self.run_.said.say(number, state="ready", claims=seen["claims"] + 1)
        self.run_.loop.advance(0.25)

    def close(self, number=0, state="vacant", **more):
        self.run_.said.say(number, state=state, **more)

    def begin_free(self):
        """As it is before any process had the number."""
        self.run_ = FakeRun(attach=Command("tool -i %d -w %k-%r %n")).begin(listening=False)
        for number in self.run_.supervisor.workers:
            self.run_.said.say(number, state="absent")
        self.run_.listen()
        for number in self.run_.supervisor.workers:
            self.open(number)

    def starts(self, number):
        word = f"fb:test:{number}"
        return [child for child in self.run_.started if word in child.argv]

    def end(self, status, number=0, state="vacant"):
        """Its program ends, and the dispatcher has seen that its number is free."""
        self.close(number, state)
        self.run_.worker(number).exit(status)


class Start(AttachTest):
    def setUp(self):
        super().setUp()
        self.begin_free()

    def test_each_copy_gets_its_words_its_environment_its_mark_and_its_processor(self):
        for number in range(2):
            child = self.run_.worker(number)
            self.assertEqual(child.argv, ["tool", "-i", f"fb:test:{number}", "-w", f"{number}-0", "test"])
            self.assertEqual(child.environment["FB_ATTACH_GROUP"], "1")
            self.assertEqual(child.environment["FB_ATTACH_COPY"], f"{number}.0")
            self.assertEqual(child.environment["PATH"], os.environ["PATH"])
            self.assertEqual(child.mark, f"FB_ATTACH_COPY={number}.0".encode())
            self.assertEqual(child.cpus, [number + 10])
            self.assertEqual((child.stdin, child.stdout, child.kept), (subprocess.DEVNULL, 2, ()))

    def test_copies_of_a_number_are_counted_also_over_its_end_and_a_new_beginning(self):
        self.end(-9)
        self.run_.loop.advance(0.01)
        self.assertEqual(self.run_.worker(0).argv[4], "0-1")
        for _ in range(7):
            self.end(1)
            self.run_.loop.advance(0.55)
        self.assertIsNone(self.run_.worker(0))
        self.run_.said.say(0, wanted=True)
        self.run_.loop.advance(0.25)
        self.assertEqual(self.run_.worker(0).argv[4], "0-8")
        self.assertEqual(self.run_.worker(0).mark, b"FB_ATTACH_COPY=0.8")
        self.assertEqual(self.run_.worker(1).argv[4], "1-0")

    def test_a_number_that_another_process_has_gets_none_until_it_is_free_and_that_is_said_once(self):
        self.run_.worker(0).exit(-9)  # and its number is not free yet
        self.run_.loop.advance(4.9)
        self.assertEqual(len(self.starts(0)), 1)
        self.assertNotIn("none of ours", self.run_.log.text())
        self.run_.loop.advance(20)
        self.assertEqual(len(self.starts(0)), 1)
        self.assertEqual(self.run_.log.text().count("worker 0: a process that is none of ours has the number"), 1)
        self.close()
        self.run_.loop.advance(0.21)
        self.assertEqual(len(self.starts(0)), 2)

    def test_it_is_looked_soon_whether_the_number_is_free(self):
        self.run_.worker(0).exit(-9)
        self.run_.loop.advance(0.012)
        self.assertIsNone(self.run_.worker(0))
        self.close()
        self.run_.loop.advance(0.02)
        self.assertEqual(len(self.starts(0)), 2)

    def test_a_program_that_is_gone_is_a_crash_that_names_it(self):
        self.run_.missing = True
        self.end(-9)
        self.run_.loop.advance(0.01)
        self.assertIn("worker 0 crashed: tool cannot be started: No such file", self.run_.log.text())
        self.run_.missing = False
        self.run_.loop.advance(0.1)
        self.assertIsNotNone(self.run_.worker(0))

    def test_orphans_are_adopted_and_reaped_but_not_our_own_children(self):
        self.run_.loop.advance(0.25)
        self.assertEqual(self.adopted[-1], {child.pid for child in self.run_.started})
        run = FakeRun().begin()
        self.adopted.clear()
        run.loop.advance(1)
        self.assertEqual(self.adopted, [])


class End(AttachTest):
    def setUp(self):
        super().setUp()
        self.begin_free()

    def lines(self):
        return self.run_.log.text()

    def test_any_status_but_0_is_a_crash_with_its_pauses_and_its_limit(self):
        for status in (1, 2, 3, 75, -11):
            before = len(self.starts(1))
            self.end(status, 1)
            self.run_.loop.advance(0.01)
            self.assertEqual(len(self.starts(1)), before + 1, status)
            self.open(1)
            self.run_.loop.advance(11)
        self.assertEqual(self.run_.dispatcher.signals, [])
        for _ in range(7):
            self.end(2)
            self.run_.loop.advance(0.51)
        self.end(2)
        self.run_.loop.advance(60)
        self.assertEqual(len(self.starts(0)), 8)
        self.assertIn(("give-up", {"worker": 0}), self.run_.said.asked)
        self.assertIn("last by exit status 2: it is given up and its flows go to the others; fix the command, then", self.lines())
        self.run_.dispatcher.exit(0)
        self.assertEqual(self.run_.supervisor.status(), 1)

    def test_one_that_never_opened_its_device_is_a_crash_as_well(self):
        self.close(claims=1)
        self.end(75)
        self.run_.loop.advance(0.01)
        self.end(75)
        self.run_.loop.advance(0.01)
        self.assertIn("worker 0 crashed: exit status 75; starting it again in 50 ms", self.lines())

    def test_0_without_having_been_told_is_a_crash_once_the_dispatcher_has_had_time_to_know(self):
        self.end(0)
        self.run_.loop.advance(0.19)
        self.assertIsNone(self.run_.worker(0))
        self.run_.loop.advance(0.02)
        self.assertEqual(len(self.starts(0)), 2)
        self.assertIn("worker 0 crashed: left without having been told to", self.lines())

    def test_any_status_will_do_of_one_that_was_told_to_leave_and_is_said(self):
        for status, number in ((0, 0), (7, 1)):
            self.run_.said.say(number, wanted=False)
            self.end(status, number, "absent")
        self.run_.loop.advance(60)
        self.assertEqual((len(self.starts(0)), len(self.starts(1))), (1, 1))
        self.assertEqual(self.lines(), "warning: worker 1: its program ended with exit status 7 when its packets had ended")

    def test_one_that_was_to_be_restarted_is_whatever_it_ends_with_and_has_not_crashed(self):
        for asked, status in enumerate((0, 1, -15), 1):
            self.run_.said.say(0, restarts_asked=asked)
            self.end(status)
            self.run_.loop.advance(0)
            self.assertEqual(len(self.starts(0)), 1 + asked)
            self.open()
        self.assertNotIn("crashed", self.lines())

    def test_at_the_end_of_the_run_it_is_replaced_only_if_packets_wait(self):
        self.run_.said.stopping = True
        self.end(1, 0, "absent")
        self.end(-9, 1, "vacant")
        self.run_.loop.advance(0.21)
        self.assertEqual((len(self.starts(0)), len(self.starts(1))), (1, 2))
        self.assertIn("worker 1 crashed: signal 9 (SIGKILL); starting it again", self.lines())
        self.assertNotIn("worker 0 crashed", self.lines())

    def test_when_the_dispatcher_has_ended_it_is_not_replaced_and_the_run_waits_for_it(self):
        self.run_.dispatcher.exit(0)
        self.run_.worker(0).exit(0)
        self.run_.worker(1).exit(1)
        self.assertEqual(self.run_.supervisor.children(), [])
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.started), 3)
        self.assertEqual(self.lines(), "warning: worker 1: its program ended with exit status 1 when its packets had ended")
        self.assertEqual(self.run_.supervisor.status(), 0)

    def test_one_that_stays_then_is_ended(self):
        self.run_.dispatcher.exit(0)
        self.run_.loop.advance(4.9)
        self.assertEqual(self.run_.worker(0).signals, [])
        self.run_.loop.advance(0.2)
        self.assertEqual(self.run_.worker(0).signals, [SIGTERM])
        self.run_.loop.advance(2)
        self.assertEqual(self.run_.worker(0).signals, [SIGTERM, SIGKILL])


class Rest(AttachTest):
    """What a leader leaves behind."""

    def setUp(self):
        super().setUp()
        self.begin_free()
        self.child = self.run_.worker(0)
        reader, writer = os.pipe()  # a descriptor that is ours to close
        os.close(writer)
        self.left = reader

    def end_leader(self, status):
        self.child.left = [self.left]
        self.close()
        self.child.exit(status)

    def test_it_is_told_to_end_and_the_number_waits_for_its_end(self):
        self.end_leader(-9)
        self.assertEqual(self.child.signals, [SIGTERM])
        self.assertFalse(self.child.reaped)
        self.assertIs(self.run_.worker(0), self.child)
        self.run_.loop.watched[self.left]()
        self.assertTrue(self.child.reaped)
        with self.assertRaises(OSError):
            os.fstat(self.left)
        self.run_.loop.advance(0.01)
        self.assertEqual(len(self.starts(0)), 2)
        self.assertNotIn("left processes behind", self.run_.log.text())

    def test_after_a_second_it_is_killed(self):
        self.addCleanup(os.close, self.left)
        self.end_leader(-9)
        self.run_.loop.advance(0.99)
        self.assertEqual(self.child.signals, [SIGTERM])
        self.run_.loop.advance(0.02)
        self.assertEqual(self.child.signals, [SIGTERM, SIGKILL])

    def test_one_that_goes_to_the_background_is_told_not_to(self):
        self.end_leader(0)
        self.run_.loop.watched[self.left]()
        self.assertIn("worker 0: its program ended and left processes behind, which were ended too: have it stay in the "
                      "foreground", self.run_.log.text())  # fmt: skip

    def test_the_run_is_over_only_when_it_is_gone_too(self):
        self.run_.dispatcher.exit(0)
        self.run_.worker(1).exit(0)
        self.end_leader(0)
        self.assertEqual(self.run_.supervisor.children(), [self.child])
        self.run_.loop.watched[self.left]()
        self.assertEqual(self.run_.supervisor.children(), [])


class Holder(AttachTest):
    """The program lives, and the process of it that had the number does not."""

    def setUp(self):
        super().setUp()
        self.begin_free()

    def test_it_is_ended_after_a_while_and_another_copy_is_started(self):
        self.close()
        self.run_.loop.advance(2.6)
        self.assertEqual(self.run_.worker(0).signals, [SIGTERM])
        self.assertEqual(self.run_.worker(1).signals, [])
        self.assertIn("worker 0: its program has lost its number, or left it, and still runs: SIGTERM", self.run_.log.text())
        self.run_.worker(0).exit(-15)
        self.run_.loop.advance(0.01)
        self.assertEqual(len(self.starts(0)), 2)

    def test_one_that_was_drained_is_waited_for(self):
        self.close(state="absent", wanted=False)
        self.run_.loop.advance(5)
        self.assertEqual(self.run_.worker(0).signals, [])
        self.run_.loop.advance(0.5)
        self.assertEqual(self.run_.worker(0).signals, [SIGTERM])
        self.run_.loop.advance(2.3)
        self.assertIn(SIGKILL, self.run_.worker(0).signals)

    def test_a_revoked_one_is_killed(self):
        self.run_.said.say(0, revocations=1)
        self.run_.loop.advance(0.25)
        self.assertEqual(self.run_.worker(0).signals, [SIGKILL])

    def test_one_that_does_not_open_its_device_is_said_with_what_to_write(self):
        self.end(-9)
        self.run_.loop.advance(31)
        self.assertIn("worker 0: its program has not taken the number within 30 s: it is to open fb:test:0, %d in the command "
                      "of --attach, or take number %k of instance %n", self.run_.log.text())  # fmt: skip
        self.assertEqual(self.run_.worker(0).signals, [])


class NextDispatcher(AttachTest):
    """On an interface another dispatcher follows one that died; programs have their packets from the one before."""

    def setUp(self):
        super().setUp()
        self.run_.said.live = True
        self.begin_free()
        self.run_.said.live = True
        self.run_.loop.advance(0.25)
        self.copies = [self.run_.worker(number) for number in range(2)]
        self.run_.dispatcher.exit(-9)
        for number in range(2):
            self.run_.said.say(number, state="absent", claims=0)

    def test_each_that_ends_is_replaced_and_has_not_crashed(self):
        self.copies[0].exit(1)
        self.run_.loop.advance(0.05)
        self.run_.listen()
        self.assertEqual((len(self.starts(0)), len(self.starts(1))), (2, 1))
        self.copies[1].exit(1)
        self.run_.loop.advance(0.01)
        self.assertEqual(len(self.starts(1)), 2)
        self.assertNotIn("crashed", self.run_.log.text())

    def test_one_that_stays_is_ended(self):
        self.run_.loop.advance(0.05)
        self.run_.listen()
        self.run_.loop.advance(4.8)
        self.assertEqual(self.copies[0].signals, [])
        self.run_.loop.advance(0.3)
        self.assertEqual(self.copies[0].signals, [SIGTERM])
        self.run_.loop.advance(2)
        self.assertEqual(self.copies[0].signals, [SIGTERM, SIGKILL])


class Reload(AttachTest):
    def test_they_are_not_told_and_that_is_noted(self):
        for number in range(2):
            self.run_.said.say(number, state="absent")
        for child in self.run_.started:
            child.handled = {SIGHUP}
        self.begin_free()
        self.run_.said.reloads = 1
        self.run_.loop.advance(0.25)
        self.assertEqual(self.run_.noted[0]["foreign"], [0, 1])
        self.assertEqual([child.signals for child in self.run_.started[1:]], [[], []])


class Family(unittest.TestCase):
    def test_a_child_that_is_none_of_ours_any_more_is_passed_over(self):
        self.assertTrue(group.reap_if_ended(os.getpid()))
