# SPDX-License-Identifier: BSD-2-Clause
"""Whether a program has its number: what is done about one that has lost it, left it, or never opened it."""

import unittest
from signal import SIGKILL, SIGTERM

from supervisor.holding import HELD, SAY, Holding

FREE = ("absent", "vacant", "dead", "moving", "lost")


class HoldingTest(unittest.TestCase):
    def setUp(self):
        self.holding = Holding(1000.0, claims=4, restarts_asked=1)
        self.seen = {"state": "absent", "claims": 4, "wanted": True, "restarts_asked": 1}
        self.now = 1000.0
        self.stopping = False

    def after(self, seconds, **changes):
        """One look, so long after the one before."""
        self.now += seconds
        self.seen.update(changes)
        return self.holding.look(self.seen, self.stopping, self.now)

    def open(self):
        for action in (self.after(0), self.after(1, state="ready", claims=5)):
            self.assertIsNone(action)


class Opening(HoldingTest):
    def test_one_that_does_not_open_its_device_is_said_once_and_left_alone(self):
        self.assertIsNone(self.after(29.9))
        self.assertEqual(self.after(0.2), SAY)
        for _ in range(100):
            self.assertIsNone(self.after(10))

    def test_a_number_that_another_process_has_is_not_its_own(self):
        self.after(0, state="ready")
        self.assertFalse(self.holding.has_held)

    def test_what_it_was_before_does_not_matter(self):
        for state in FREE:
            self.assertIsNone(self.after(1, state=state))

    def test_one_whose_number_is_not_wanted_any_more_is_ended_immediately(self):
        self.assertEqual(self.after(1, wanted=False), SIGTERM)
        self.assertIsNone(self.after(1.9))
        self.assertEqual(self.after(0.2), SIGKILL)

    def test_so_is_one_whose_run_ends(self):
        self.stopping = True
        self.assertEqual(self.after(1), SIGTERM)


class Held(HoldingTest):
    def test_one_that_has_its_number_is_left_alone(self):
        self.open()
        for state in HELD:
            self.assertIsNone(self.after(100, state=state))
        self.assertIsNone(self.after(100, wanted=False))

    def test_one_that_lost_it_has_two_seconds_to_open_it_again(self):
        for state in FREE:
            self.setUp()
            self.open()
            self.assertIsNone(self.after(1, state=state))
            self.assertIsNone(self.after(1.9))
            self.assertEqual(self.after(0.2), SIGTERM)
            self.assertIsNone(self.after(1.9))
            self.assertEqual(self.after(0.2), SIGKILL)
            self.assertEqual(self.after(0.25), SIGKILL)

    def test_so_has_one_that_had_it_between_two_looks(self):
        self.assertIsNone(self.after(0.25, state="vacant", claims=5))
        self.assertIsNone(self.after(1.9))
        self.assertEqual(self.after(0.2), SIGTERM)

    def test_where_claims_are_not_known_it_counts_what_is_seen(self):
        self.holding = Holding(1000.0, claims=None, restarts_asked=1)
        self.assertIsNone(self.after(10, state="vacant"))
        self.assertFalse(self.holding.has_held)
        self.assertIsNone(self.after(1, state="ready"))
        self.assertTrue(self.holding.has_held)

    def test_one_that_opens_it_again_begins_again(self):
        self.open()
        self.after(1, state="vacant")
        self.assertIsNone(self.after(1.5, state="starting", claims=6))
        self.assertIsNone(self.after(1, state="vacant"))
        self.assertIsNone(self.after(1.9))
        self.assertEqual(self.after(0.2), SIGTERM)
        self.assertIsNone(self.after(0.1, state="ready", claims=7))
        self.assertIsNone(self.after(10, state="vacant"))

    def test_one_that_was_told_to_leave_has_five(self):
        for told in ({"wanted": False}, {"restarts_asked": 2}):
            self.setUp()
            self.open()
            self.assertIsNone(self.after(1, state="absent", **told))
            self.assertIsNone(self.after(4.9))
            self.assertEqual(self.after(0.2), SIGTERM)

    def test_the_end_of_the_run_tells_it_too_unless_packets_wait_for_another_copy(self):
        for state, seconds in (("absent", 5), ("vacant", 2)):
            self.setUp()
            self.open()
            self.stopping = True
            self.assertIsNone(self.after(1, state=state))
            self.assertIsNone(self.after(seconds - 0.1))
            self.assertEqual(self.after(0.2), SIGTERM)
