# SPDX-License-Identifier: BSD-2-Clause
"""What a run does with signals: drain, hurry, kill, or read the filter again."""

import unittest
from signal import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM, SIGTSTP

from fakes import FakeRun


class Stop(unittest.TestCase):
    def setUp(self):
        self.run_ = FakeRun().begin()

    def test_the_first_goes_to_the_dispatcher_alone(self):
        for signum in (SIGINT, SIGTERM):
            run = FakeRun().begin()
            run.signal(signum)
            self.assertEqual(run.dispatcher.signals, [SIGTERM])
            self.assertEqual(run.worker(0).signals, [])

    def test_what_comes_within_a_second_is_the_same_request(self):
        self.run_.signal(SIGINT)
        for _ in range(9):
            self.run_.loop.advance(0.1)
            self.run_.signal(SIGTERM)
        self.assertEqual(self.run_.dispatcher.signals, [SIGTERM])

    def test_many_at_the_same_time_are_one_request(self):
        self.run_.signal(SIGINT, SIGTERM, SIGINT)
        self.assertEqual(self.run_.dispatcher.signals, [SIGTERM])

    def test_a_second_one_after_a_second_goes_to_the_dispatcher_too(self):
        self.run_.signal(SIGINT)
        self.run_.loop.advance(1.0)
        self.run_.signal(SIGINT)
        self.assertEqual(self.run_.dispatcher.signals, [SIGTERM, SIGTERM])
        self.assertEqual(self.run_.worker(0).signals, [])

    def test_the_second_is_counted_from_the_last_that_counted(self):
        self.run_.signal(SIGINT)
        self.run_.loop.advance(0.9)
        self.run_.signal(SIGINT)
        self.run_.loop.advance(0.2)
        self.run_.signal(SIGINT)
        self.assertEqual(self.run_.dispatcher.signals, [SIGTERM, SIGTERM])

    def test_the_first_signal_counts_however_early_it_comes(self):
        run = FakeRun()
        run.loop.time = 0.5  # the machine has just booted
        run.begin()
        run.signal(SIGTERM)
        self.assertEqual(run.dispatcher.signals, [SIGTERM])

    def stop_three_times(self):
        for _ in range(3):
            self.run_.signal(SIGINT)
            self.run_.loop.advance(1.1)

    def test_the_third_kills_everything(self):
        self.stop_three_times()
        self.assertEqual(self.run_.dispatcher.signals, [SIGTERM, SIGTERM, SIGKILL])
        for number in range(2):
            self.assertEqual(self.run_.worker(number).signals, [SIGKILL])

    def test_who_was_killed_by_the_third_is_not_replaced(self):
        self.stop_three_times()
        self.run_.said.stopping = True
        self.run_.worker(0).exit(-9)
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.starts(0)), 1)
        self.assertNotIn("crashed", self.run_.log.text())

    def test_who_crashes_while_the_rings_drain_is_replaced(self):
        self.run_.signal(SIGINT)
        self.run_.worker(0).exit(-11)
        self.run_.loop.advance(0.01)
        self.assertEqual(len(self.run_.starts(0)), 2)

    def test_before_the_dispatcher_listens_a_signal_ends_it(self):
        run = FakeRun().begin(listening=False)
        run.signal(SIGTERM)
        self.assertEqual(run.dispatcher.signals, [SIGTERM])

    def test_a_dispatcher_that_dies_of_it_since_it_has_no_handlers_yet_was_told_to_end(self):
        run = FakeRun().begin(listening=False)
        run.signal(SIGTERM)
        run.dispatcher.exit(-SIGTERM)
        self.assertEqual(run.supervisor.status(), 0)
        self.assertEqual(run.log.lines, [])
        run.supervisor.clear_up()
        self.assertEqual(len(run.called), 1)  # it may have left something

    def test_one_that_had_them_or_was_not_told_by_us_has_died(self):
        run = FakeRun().begin(listening=False)
        run.dispatcher.exit(-SIGTERM)
        self.assertEqual(run.supervisor.status(), 1)
        self.run_.signal(SIGTERM)
        self.run_.dispatcher.exit(-SIGTERM)
        self.assertEqual(self.run_.supervisor.status(), 1)

    def test_once_the_dispatcher_has_ended_the_workers_are_told(self):
        self.run_.dispatcher.exit(0)
        self.run_.signal(SIGTERM)
        self.assertEqual(self.run_.worker(0).signals, [SIGTERM])
        self.run_.loop.advance(1.1)
        self.run_.signal(SIGTERM)
        self.assertEqual(self.run_.worker(1).signals, [SIGTERM, SIGKILL])


class Suspend(unittest.TestCase):
    def setUp(self):
        self.run_ = FakeRun().begin()

    def test_everything_stops_before_we_do_and_goes_on_after_us(self):
        self.run_.signal(SIGTSTP)
        self.assertEqual(self.run_.stops, [[[SIGSTOP]] * 3])
        for child in self.run_.started:
            self.assertEqual(child.signals, [SIGSTOP, SIGCONT])
        self.assertIn(("", "erased"), self.run_.log.lines)

    def test_it_is_no_request_to_end(self):
        self.run_.signal(SIGTSTP)
        self.assertEqual(self.run_.supervisor.signals_seen, 0)
        self.run_.signal(SIGTSTP, SIGTERM)
        self.assertEqual(self.run_.dispatcher.signals[-3:], [SIGSTOP, SIGCONT, SIGTERM])

    def test_time_in_which_nothing_ran_brings_no_timer_nearer(self):
        self.run_.dispatcher.exit(0)
        self.run_.loop.advance(1)
        self.run_.signal(SIGTSTP)
        self.run_.loop.advance(3.9)
        self.assertEqual(self.run_.worker(0).signals, [SIGSTOP, SIGCONT])
        self.run_.loop.advance(0.2)
        self.assertEqual(self.run_.worker(0).signals[-1], SIGTERM)


class Hangup(unittest.TestCase):
    def test_without_a_terminal_it_goes_to_the_dispatcher_and_the_run_goes_on(self):
        run = FakeRun(terminal=False).begin()
        for _ in range(5):
            run.signal(SIGHUP)
            run.loop.advance(2)
        self.assertEqual(run.dispatcher.signals, [SIGHUP] * 5)
        self.assertEqual(run.worker(0).signals, [])
        run.signal(SIGTERM)
        self.assertEqual(run.dispatcher.signals[5:], [SIGTERM])

    def test_a_dispatcher_that_does_not_listen_yet_would_die_of_it(self):
        run = FakeRun(terminal=False).begin(listening=False)
        run.signal(SIGHUP)
        self.assertEqual(run.dispatcher.signals, [])
        self.assertEqual(run.supervisor.signals_seen, 0)

    def test_after_the_dispatcher_it_is_nothing(self):
        run = FakeRun(terminal=False).begin()
        run.dispatcher.exit(0)
        run.signal(SIGHUP)
        self.assertEqual(run.worker(0).signals, [])

    def test_with_another_signal_both_count(self):
        run = FakeRun(terminal=False).begin()
        run.signal(SIGHUP, SIGTERM)
        self.assertEqual(run.dispatcher.signals, [SIGHUP, SIGTERM])

    def test_it_is_no_part_of_the_second_that_makes_two_signals_one(self):
        run = FakeRun(terminal=False).begin()
        run.signal(SIGHUP)
        run.signal(SIGTERM)
        self.assertEqual(run.dispatcher.signals, [SIGHUP, SIGTERM])

    def test_on_a_terminal_which_has_gone_it_ends_the_run(self):
        run = FakeRun(terminal=True).begin()
        run.signal(SIGHUP)
        self.assertEqual(run.dispatcher.signals, [SIGTERM])
