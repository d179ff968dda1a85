# SPDX-License-Identifier: BSD-2-Clause
"""The end of a run: who is waited for, who is killed, what is cleared, which status it has."""

import os
import signal
import unittest
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM

from fakes import FakeRun, keep_signals
from supervisor.loop import Loop

CLEAN = ["/programs/flow-dispatcher", "--clean", "-n", "test"]


class Leave(unittest.TestCase):
    """Once the dispatcher has ended, workers have some time to leave by themselves."""

    def signals_after(self, run, seconds):
        run.loop.advance(seconds)
        return run.worker(0).signals

    def test_five_seconds_to_sigterm_and_two_more_to_sigkill(self):
        run = FakeRun().begin()
        run.dispatcher.exit(0)
        self.assertEqual(self.signals_after(run, 4.9), [])
        self.assertEqual(self.signals_after(run, 0.2), [SIGTERM])
        self.assertEqual(self.signals_after(run, 1.8), [SIGTERM])
        self.assertEqual(self.signals_after(run, 0.2), [SIGTERM, SIGKILL])
        self.assertIn("worker 0 did not leave by itself: SIGKILL", run.log.text())

    def test_one_signal_does_not_hurry_them(self):
        run = FakeRun().begin()
        run.signal(SIGTERM)
        run.dispatcher.exit(0)
        self.assertEqual(self.signals_after(run, 4.9), [])

    def test_after_a_second_signal_it_is_three_tenths_each(self):
        run = FakeRun().begin()
        run.signal(SIGTERM)
        run.loop.advance(1.1)
        run.signal(SIGTERM)
        run.dispatcher.exit(1)
        self.assertEqual(self.signals_after(run, 0.29), [])
        self.assertEqual(self.signals_after(run, 0.02), [SIGTERM])
        self.assertEqual(self.signals_after(run, 0.28), [SIGTERM])
        self.assertEqual(self.signals_after(run, 0.02), [SIGTERM, SIGKILL])

    def test_who_has_left_is_not_signalled(self):
        run = FakeRun().begin()
        run.dispatcher.exit(0)
        gone = run.worker(1)
        gone.exit(0)
        run.loop.advance(60)
        self.assertEqual(gone.signals, [])

    def test_the_run_is_over_with_the_last_child(self):
        run = FakeRun().begin()
        self.assertEqual(len(run.supervisor.children()), 3)
        run.dispatcher.exit(0)
        run.worker(0).exit(0)
        self.assertEqual(len(run.supervisor.children()), 1)
        run.worker(1).exit(0)
        self.assertEqual(run.supervisor.children(), [])
        self.assertEqual(run.loop.watched, {})


class Status(unittest.TestCase):
    def status(self, dispatcher, forced=0):
        run = FakeRun().begin()
        run.supervisor.forced_status = forced
        run.dispatcher.exit(dispatcher)
        return run.supervisor.status()

    def test_it_is_that_of_the_dispatcher(self):
        self.assertEqual([self.status(status) for status in (0, 1, 2)], [0, 1, 2])

    def test_a_dispatcher_that_was_killed_is_1(self):
        self.assertEqual(self.status(-9), 1)

    def test_what_failed_meanwhile_is_not_forgotten(self):
        self.assertEqual([self.status(0, 1), self.status(0, 2), self.status(1, 2), self.status(-9, 2)], [1, 2, 2, 2])

    def test_a_worker_that_is_given_up_after_another_refused_its_options_does_not_hide_that(self):
        run = FakeRun().begin()
        run.worker(1).exit(2)
        for _ in range(8):
            run.worker(0).exit(-11)
            run.loop.advance(0.5)
        run.dispatcher.exit(0)
        self.assertEqual(run.supervisor.status(), 2)


class ClearUp(unittest.TestCase):
    def test_what_a_killed_dispatcher_left_is_cleared_by_its_program(self):
        run = FakeRun().begin()
        run.dispatcher.exit(-9)
        run.supervisor.clear_up()
        self.assertEqual(run.called, [CLEAN])
        self.assertIn("the dispatcher died: signal 9 (SIGKILL)", run.log.text())

    def test_a_dispatcher_that_ended_by_itself_has_cleared_up(self):
        for status in (0, 1, 2):
            run = FakeRun().begin()
            run.dispatcher.exit(status)
            run.supervisor.clear_up()
            self.assertEqual(run.called, [])
            self.assertNotIn("died", run.log.text())

    def test_a_program_that_is_gone_by_then_does_not_change_how_the_run_ended(self):
        run = FakeRun().begin()
        run.dispatcher.exit(-9)
        run.missing = True
        run.supervisor.clear_up()
        self.assertIn("error: what the dispatcher left in shared memory stays there: No such file", run.log.text())
        self.assertEqual(run.supervisor.status(), 1)

    def test_whatever_cuts_the_run_short_leaves_no_child(self):
        keep_signals(self)
        run = FakeRun()

        def fail():
            run.said.workers = {0: {}}
            run.listen()
            raise OSError("of ours")

        run.loop.step = fail
        with self.assertRaisesRegex(OSError, "of ours"):
            run.supervisor.run()
        self.assertEqual(len(run.started), 3)
        for child in run.started:
            self.assertEqual(child.signals, [SIGKILL])
            self.assertTrue(child.reaped)
        self.assertEqual(run.called, [CLEAN])


class WholeRun(unittest.TestCase):
    """run() itself, with real signals to this process and real waiting."""

    def test_signals_arrive_one_after_the_other_and_the_end_of_the_dispatcher_is_its_end(self):
        keep_signals(self)
        run = FakeRun()
        real = Loop()
        seen = []

        def step():
            """Waits as the real loop does; the only descriptor that can become readable is that of the signals."""
            fd = next(fd for fd in run.loop.watched if fd >= 0)
            if len(seen) == 3:
                run.dispatcher.exit(0)
                return
            real.watch(fd, run.loop.watched[fd])
            os.kill(os.getpid(), (SIGTERM, SIGHUP, SIGINT)[len(seen)])
            real.after(10, lambda: self.fail("no signal arrived"))
            real.step()
            real.cancel_timers()
            real.unwatch(fd)

        run.loop.step = step
        run.supervisor.signals_arrived = seen.extend
        self.assertEqual(run.supervisor.run(), 0)
        self.assertEqual(seen, [SIGTERM, SIGHUP, SIGINT])
        self.assertEqual(signal.set_wakeup_fd(-1), -1)
