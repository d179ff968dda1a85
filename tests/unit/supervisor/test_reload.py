# SPDX-License-Identifier: BSD-2-Clause
"""A reload's round: which workers are told, when, and what is said of each."""

import unittest
from signal import SIGHUP, SIGTERM

from fakes import FakeRun

CRASH = -11
LOOK_S = 0.25
ANSWER_S = 10.0


class Round(unittest.TestCase):
    def setUp(self):
        self.run_ = FakeRun(workers=3).begin()
        for child in self.run_.started[1:]:
            child.handled = {SIGHUP}

    def ask(self):
        """The dispatcher has had one more, and the supervisor sees that."""
        self.run_.said.reloads += 1
        self.run_.loop.advance(LOOK_S)

    def told(self, number):
        return self.run_.worker(number).signals.count(SIGHUP)

    def count(self, number, reloads=0, failures=0):
        """What the worker counts once it has read its rules."""
        self.run_.said.say(number, reloads=reloads, reload_failures=failures)
        self.run_.loop.advance(0.06)

    def noted(self):
        """How the one round that was ended."""
        self.assertEqual(len(self.run_.noted), 1)
        found = self.run_.noted[0]
        self.assertEqual(found["dispatcher"], self.run_.dispatcher.pid)
        return {key: value for key, value in found.items() if value and key not in ("dispatcher", "number")}

    def test_without_a_reload_no_worker_is_told(self):
        self.run_.loop.advance(60)
        self.assertEqual([self.told(k) for k in range(3)], [0, 0, 0])
        self.assertEqual(self.run_.noted, [])

    def test_they_are_told_one_after_the_other_each_when_the_one_before_is_done(self):
        self.ask()
        self.assertEqual([self.told(k) for k in range(3)], [1, 0, 0])
        self.run_.loop.advance(3)
        self.assertEqual([self.told(k) for k in range(3)], [1, 0, 0])
        self.count(0, reloads=1)
        self.assertEqual([self.told(k) for k in range(3)], [1, 1, 0])
        self.count(1, reloads=1)
        self.assertEqual(self.run_.noted, [])
        self.count(2, reloads=1)
        self.assertEqual([self.told(k) for k in range(3)], [1, 1, 1])
        self.assertEqual(self.noted(), {"done": [0, 1, 2]})
        self.assertEqual(self.run_.noted[0]["number"], 1)
        self.run_.loop.advance(60)
        self.assertEqual([self.told(k) for k in range(3)], [1, 1, 1])

    def test_only_what_is_counted_after_the_signal_counts(self):
        self.run_.said.say(0, reloads=7, reload_failures=2)
        self.ask()
        self.run_.loop.advance(1)
        self.assertEqual(self.told(1), 0)
        self.count(0, reloads=8, failures=2)
        self.assertEqual(self.told(1), 1)

    def test_a_worker_that_fails_is_said_and_the_next_one_is_told(self):
        self.ask()
        self.count(0, failures=1)
        self.count(1, reloads=1)
        self.count(2, reloads=1)
        self.assertEqual(self.noted(), {"done": [1, 2], "failed": [0]})
        self.assertIn("warning: worker 0 cannot read its rules again: it keeps the old ones", self.run_.log.text())

    def test_a_worker_that_does_not_answer_is_said_after_ten_seconds_and_the_next_one_is_told(self):
        self.ask()
        self.count(0, reloads=1)
        self.run_.loop.advance(ANSWER_S - 0.5)
        self.assertEqual(self.told(2), 0)
        self.run_.loop.advance(1)
        self.assertEqual(self.told(2), 1)
        self.count(2, reloads=1)
        self.assertEqual(self.noted(), {"done": [0, 2], "silent": [1]})
        self.assertIn("warning: worker 1 has not read its rules again within 10 s", self.run_.log.text())

    def test_a_worker_that_dies_meanwhile_ends_the_round_and_is_started_again(self):
        self.ask()
        self.count(0, reloads=1)
        self.run_.worker(1).exit(CRASH)
        self.run_.loop.advance(1)
        self.assertEqual(self.told(2), 0)
        self.assertEqual(self.noted(), {"done": [0], "died": [1]})
        self.assertIn("error: worker 1 died while it read its rules again", self.run_.log.text())
        self.assertEqual(len(self.run_.starts(1)), 2)
        self.assertEqual(self.run_.worker(1).signals, [])

    def test_one_that_leaves_as_it_was_told_is_none_that_died(self):
        self.ask()
        self.run_.said.say(0, restarts_asked=1)
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(0.06)
        self.assertEqual(self.told(1), 1)
        self.count(1, reloads=1)
        self.count(2, reloads=1)
        self.assertEqual(self.noted(), {"done": [0, 1, 2]})

    def test_a_program_that_would_die_of_the_signal_does_not_get_it(self):
        self.run_.worker(0).handled = set()
        self.ask()
        self.assertEqual(self.told(0), 0)
        self.count(1, reloads=1)
        self.count(2, reloads=1)
        self.assertEqual(self.noted(), {"done": [1, 2], "deaf": [0]})

    def test_one_that_does_not_serve_yet_is_waited_for(self):
        self.run_.said.say(0, state="starting")
        self.ask()
        self.run_.loop.advance(5)
        self.assertEqual([self.told(k) for k in range(3)], [0, 0, 0])
        self.run_.said.say(0, state="draining")
        self.run_.loop.advance(0.06)
        self.assertEqual(self.told(0), 1)

    def test_one_that_ends_before_it_is_told_begins_with_the_new_rules(self):
        self.run_.said.say(0, state="starting")
        self.ask()
        self.run_.worker(0).exit(CRASH)
        self.run_.loop.advance(0.06)
        self.assertEqual((self.told(0), self.told(1)), (0, 1))
        self.count(1, reloads=1)
        self.count(2, reloads=1)
        self.assertEqual(self.noted(), {"done": [1, 2]})

    def test_one_that_waits_to_be_started_when_its_turn_comes_is_passed_over(self):
        self.ask()
        for _ in range(4):  # each time it is started a little later
            self.run_.worker(1).exit(CRASH)
            self.run_.loop.advance(0.3)
        self.run_.worker(1).exit(CRASH)
        self.count(0, reloads=1)
        self.assertEqual(self.told(2), 1)
        self.count(2, reloads=1)
        self.assertEqual(self.noted(), {"done": [0, 2]})

    def test_a_number_without_a_process_of_ours_is_passed_over(self):
        self.run_.said.say(0, wanted=False, restarts_asked=0)
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(1)
        self.run_.said.say(3, wanted=False)  # another one's
        self.ask()
        self.count(1, reloads=1)
        self.count(2, reloads=1)
        self.assertEqual(self.noted(), {"done": [1, 2]})

    def test_what_is_asked_during_a_round_makes_one_more(self):
        self.ask()
        self.ask()
        self.ask()
        for number in range(3):
            self.count(number, reloads=1)
        self.run_.loop.advance(LOOK_S)
        self.assertEqual([self.told(k) for k in range(3)], [2, 1, 1])
        for number in range(3):
            self.count(number, reloads=2)
        self.run_.loop.advance(60)
        self.assertEqual([self.told(k) for k in range(3)], [2, 2, 2])
        self.assertEqual([found["number"] for found in self.run_.noted], [1, 3])

    def test_the_end_of_the_run_ends_the_round(self):
        self.ask()
        self.run_.said.stopping = True
        self.run_.loop.advance(1)
        self.assertEqual([self.told(k) for k in range(3)], [1, 0, 0])
        self.assertEqual(self.noted(), {"ended": True})
        self.ask()
        self.assertEqual(self.told(0), 1)

    def test_a_dispatcher_that_does_not_answer_for_a_while_is_asked_again(self):
        self.ask()
        self.run_.said.refuses = True
        self.run_.loop.advance(1)
        self.run_.said.refuses = False
        self.count(0, reloads=1)
        self.assertEqual(self.told(1), 1)

    def test_with_the_dispatcher_its_round_is_over_and_the_next_one_counts_from_0(self):
        self.run_.said.live = True
        self.ask()
        self.run_.dispatcher.exit(-9)
        self.run_.said.reloads = 0
        self.run_.loop.advance(0.01)
        self.run_.listen()
        self.run_.loop.advance(60)
        self.assertEqual(self.told(0), 1)
        self.assertEqual(self.run_.noted, [])
        self.ask()
        self.assertEqual(self.told(0), 2)

    def test_a_signal_of_ours_reaches_the_workers_by_the_dispatcher(self):
        self.run_.signal(SIGHUP)
        self.run_.loop.advance(1)
        self.assertEqual(self.run_.dispatcher.signals, [SIGHUP])
        self.assertEqual(self.told(0), 0)  # the filter is not in force yet
        self.ask()
        self.assertEqual(self.told(0), 1)

    def test_the_run_can_be_ended_meanwhile(self):
        self.ask()
        self.run_.signal(SIGTERM)
        self.assertEqual(self.run_.dispatcher.signals, [SIGTERM])
