# SPDX-License-Identifier: BSD-2-Clause
"""Timers and descriptors, with a clock that the tests move and with real waiting."""

import os
import time
import unittest

from supervisor.loop import Loop


class Timers(unittest.TestCase):
    def setUp(self):
        self.time = 50.0
        self.loop = Loop(clock=lambda: self.time)
        self.called = []

    def after(self, seconds, name):
        self.loop.after(seconds, lambda: self.called.append(name))

    def test_they_are_called_in_the_order_of_their_times_once_these_have_come(self):
        self.after(2, "second")
        self.after(1, "first")
        self.after(3, "third")
        self.loop.run_due_timers()
        self.assertEqual(self.called, [])
        self.time += 2
        self.loop.run_due_timers()
        self.assertEqual(self.called, ["first", "second"])
        self.loop.run_due_timers()
        self.assertEqual(self.called, ["first", "second"])

    def test_those_of_one_time_are_called_in_the_order_in_which_they_were_set(self):
        for name in "abcdef":
            self.after(1, name)
        self.time += 1
        self.loop.run_due_timers()
        self.assertEqual("".join(self.called), "abcdef")

    def test_one_that_is_set_for_now_by_another_is_called_too(self):
        self.loop.after(0, lambda: self.after(0, "inner"))
        self.loop.run_due_timers()
        self.assertEqual(self.called, ["inner"])

    def test_what_is_cancelled_is_not_called(self):
        self.after(1, "cancelled")
        self.loop.cancel_timers()
        self.time += 5
        self.loop.run_due_timers()
        self.assertEqual(self.called, [])


class Waiting(unittest.TestCase):
    def setUp(self):
        self.loop = Loop()
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.addCleanup(os.close, self.writer)

    def test_a_descriptor_that_is_readable_ends_the_wait(self):
        read = []
        self.loop.watch(self.reader, lambda: read.append(os.read(self.reader, 10)))
        os.write(self.writer, b"x")
        self.loop.after(600, self.fail)
        self.loop.step()
        self.assertEqual(read, [b"x"])

    def test_a_timer_ends_the_wait_and_not_before_its_time(self):
        called = []
        steps = 0
        self.loop.watch(self.reader, self.fail)
        begun = time.monotonic()
        self.loop.after(0.02, lambda: called.append(time.monotonic()))
        while not called:
            self.loop.step()
            steps += 1
        self.assertGreaterEqual(called[0] - begun, 0.02)
        self.assertLess(steps, 10)  # it sleeps meanwhile

    def test_what_is_not_watched_any_more_is_not_called(self):
        called = []
        self.loop.watch(self.reader, self.fail)
        self.loop.unwatch(self.reader)
        os.write(self.writer, b"x")
        self.loop.after(0, lambda: called.append(1))
        self.loop.step()
        self.assertEqual(called, [1])
