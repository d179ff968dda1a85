# SPDX-License-Identifier: BSD-2-Clause
"""One worker number: back-off, the window in which crashes count, the limit, refused claims."""

import unittest

from supervisor.worker import CRASH_LIMIT, CRASH_WINDOW_S, Worker


class Crashes(unittest.TestCase):
    def setUp(self):
        self.worker = Worker(3)

    def test_the_first_restart_is_immediate_and_each_further_waits_twice_as_long_up_to_half_a_second(self):
        pauses = [self.worker.note_crash(100.0) for _ in range(7)]
        self.assertEqual(pauses, [0.0, 0.05, 0.1, 0.2, 0.4, 0.5, 0.5])

    def test_the_eighth_crash_within_ten_seconds_is_the_last(self):
        for crash in range(7):
            self.assertIsNotNone(self.worker.note_crash(100.0 + crash))
        self.assertIsNone(self.worker.note_crash(107.0))
        self.assertEqual((CRASH_LIMIT, CRASH_WINDOW_S), (8, 10.0))

    def test_a_crash_is_forgotten_after_ten_seconds(self):
        for crash in range(7):
            self.worker.note_crash(100.0 + crash)
        # That of 100.0 is not within the last ten seconds any more: seven are.
        self.assertEqual(self.worker.note_crash(110.0), 0.5)
        # Those of 101 to 106 and of 110 are: this is the eighth.
        self.assertIsNone(self.worker.note_crash(110.9))

    def test_one_crash_a_day_is_restarted_for_ever_and_immediately(self):
        for day in range(30):
            self.assertEqual(self.worker.note_crash(day * 86400.0), 0.0)

    def test_what_is_forgotten_is_not_kept(self):
        for second in range(0, 1000, 5):
            self.worker.note_crash(float(second))
        self.assertLessEqual(len(self.worker.crashes.recent), 2)


class Refusals(unittest.TestCase):
    def setUp(self):
        self.worker = Worker(3)

    def test_each_refused_claim_waits_twice_as_long_up_to_a_fifth_of_a_second(self):
        pauses = [self.worker.note_refusal() for _ in range(7)]
        self.assertEqual(pauses, [0.01, 0.02, 0.04, 0.08, 0.16, 0.2, 0.2])

    def test_ten_thousand_refusals_are_still_a_pause(self):
        for _ in range(10000):
            self.assertLessEqual(self.worker.note_refusal(), 0.2)

    def test_a_refusal_is_no_crash(self):
        for _ in range(20):
            self.worker.note_refusal()
        self.assertEqual(self.worker.note_crash(100.0), 0.0)

    def test_a_crash_ends_a_row_of_refusals(self):
        for _ in range(5):
            self.worker.note_refusal()
        self.worker.note_crash(100.0)
        self.assertEqual(self.worker.note_refusal(), 0.01)
