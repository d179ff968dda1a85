# SPDX-License-Identifier: BSD-2-Clause
"""The workers of a run: when each is started, again or not at all."""

import subprocess
import unittest
from signal import SIGKILL, SIGTERM

from fakes import FakeRun

CRASH = -11
EXIT_REVOKED = 3
EXIT_REFUSED = 75


class Start(unittest.TestCase):
    def test_workers_start_when_our_dispatcher_listens(self):
        run = FakeRun().begin(listening=False)
        run.loop.advance(60)
        self.assertEqual(len(run.started), 1)
        run.said.pid = run.dispatcher.pid + 1  # another dispatcher of that name
        run.loop.advance(60)
        self.assertEqual(len(run.started), 1)
        run.listen()
        self.assertEqual(len(run.started), 3)

    def test_the_dispatcher_is_looked_for_quickly_at_first_and_ten_times_a_second_later(self):
        run = FakeRun()
        looks = []

        def connect(_):
            looks.append(run.loop.now())
            raise FileNotFoundError

        run.supervisor.connect = connect
        run.begin(listening=False)
        run.loop.advance(1.0)
        pauses = [round(after - before, 4) for before, after in zip(looks, looks[1:])]
        self.assertEqual(pauses[:7], [0.005, 0.01, 0.02, 0.04, 0.08, 0.1, 0.1])

    def test_each_gets_its_options_its_number_and_its_processor(self):
        run = FakeRun(workers=3).begin()
        self.assertEqual(run.dispatcher.argv, ["/programs/flow-dispatcher", "-r", "x.pcap"])
        for number in range(3):
            expected = ["/programs/flow-worker", "--inspector", "count", "-k", str(number), "--cpu", str(number + 10)]
            self.assertEqual(run.worker(number).argv, expected)

    def test_each_has_what_the_plan_keeps_for_it_also_the_next_one(self):
        run = FakeRun().begin()
        self.assertEqual((run.dispatcher.kept, run.worker(0).kept), ([77], [77]))
        run.worker(0).exit(CRASH)
        run.loop.advance(0.01)
        self.assertEqual(run.worker(0).kept, [77])

    def test_a_dispatcher_that_follows_another_begins_with_the_filter_that_was_in_force(self):
        run = FakeRun().begin()
        self.assertNotIn("--resume-filter", run.dispatcher.argv)
        for text, expected in (("udp port 53", "udp port 53"), (None, "")):
            run.said.filter = text
            run.loop.advance(1)
            run.supervisor.start_dispatcher()
            words = run.started[-1].argv
            self.assertEqual(words, [words[0], "--resume-filter", expected, "-r", "x.pcap"])

    def test_a_worker_reads_from_dev_null_and_the_dispatcher_from_our_input(self):
        run = FakeRun().begin()
        self.assertIsNone(run.dispatcher.stdin)
        self.assertEqual(run.worker(0).stdin, subprocess.DEVNULL)
        run.worker(0).exit(CRASH)
        run.loop.advance(0.01)
        self.assertEqual(run.worker(0).stdin, subprocess.DEVNULL)

    def test_a_worker_prints_to_standard_error_and_the_dispatcher_to_our_output(self):
        run = FakeRun().begin()
        self.assertIsNone(run.dispatcher.stdout)
        self.assertEqual(run.worker(0).stdout, 2)

    def test_a_dispatcher_that_ends_before_it_listens_gets_no_workers(self):
        run = FakeRun().begin(listening=False)
        run.dispatcher.exit(2)
        run.said.pid = run.dispatcher.pid
        run.loop.advance(60)
        self.assertEqual(len(run.started), 1)


class Ready(unittest.TestCase):
    def setUp(self):
        self.calls = []
        self.run_ = FakeRun(on_ready=lambda: self.calls.append(self.run_.loop.now())).begin(listening=False)

    def test_it_is_said_once_when_every_worker_is_ready(self):
        self.run_.said.say(0, state="starting")
        self.run_.said.say(1, state="ready")
        self.run_.listen()
        self.run_.loop.advance(10)
        self.assertEqual(self.calls, [])
        self.run_.said.say(0, state="ready")
        self.run_.loop.advance(0.05)
        self.assertEqual(len(self.calls), 1)
        self.run_.loop.advance(10)
        self.assertEqual(len(self.calls), 1)

    def test_a_worker_that_leaves_again_was_ready(self):
        self.run_.said.say(0, state="draining")
        self.run_.said.say(1, state="stopping")
        self.run_.listen()
        self.assertEqual(len(self.calls), 1)

    def test_an_absent_or_unknown_worker_is_not_ready(self):
        self.run_.said.say(0, state="absent")
        self.run_.listen()
        self.run_.said.workers.clear()
        self.run_.loop.advance(10)
        self.assertEqual(self.calls, [])

    def test_nothing_is_said_once_the_dispatcher_has_ended(self):
        self.run_.said.say(0, state="starting")
        self.run_.listen()
        self.run_.dispatcher.exit(1)
        self.run_.said.say(0, state="ready")
        self.run_.loop.advance(60)
        self.assertEqual(self.calls, [])


class Crash(unittest.TestCase):
    def setUp(self):
        self.run_ = FakeRun().begin()

    def crash(self, number=0, status=CRASH):
        self.run_.worker(number).exit(status)

    def test_it_is_started_again_after_the_pause_and_the_other_is_left_alone(self):
        self.crash()
        self.run_.loop.advance(0)
        self.assertEqual(len(self.run_.starts(0)), 2)
        self.crash()
        self.run_.loop.advance(0.049)
        self.assertIsNone(self.run_.worker(0))
        self.run_.loop.advance(0.001)
        self.assertEqual(len(self.run_.starts(0)), 3)
        self.assertEqual(len(self.run_.starts(1)), 1)
        self.assertIn("worker 0 crashed: signal 11 (SIGSEGV); starting it again in 50 ms", self.run_.log.text())

    def test_any_status_but_those_with_a_meaning_is_a_crash(self):
        for status in (1, 4, 74, 76, 127, -6):
            self.crash(1, status)
            self.run_.loop.advance(11)
        self.assertEqual(len(self.run_.starts(1)), 7)

    def crash_to_the_limit(self):
        for _ in range(8):
            self.crash()
            self.run_.loop.advance(0.5)

    def test_at_the_eighth_it_is_given_up_the_dispatcher_told_and_the_run_ends_with_1(self):
        self.crash_to_the_limit()
        self.assertEqual(self.run_.said.asked.count(("give-up", {"worker": 0})), 1)
        self.assertIn("worker 0 crashed 8 times within 10 s, last by signal 11 (SIGSEGV)", self.run_.log.text())
        self.run_.loop.advance(3600)
        self.assertEqual(len(self.run_.starts(0)), 8)
        self.assertEqual(len(self.run_.starts(1)), 1)
        self.run_.dispatcher.exit(0)
        self.assertEqual(self.run_.supervisor.status(), 1)

    def test_given_up_and_wanted_again_it_begins_with_no_crash_counted(self):
        self.crash_to_the_limit()
        self.run_.said.say(0, wanted=True, restarts_asked=3)
        self.run_.loop.advance(0.25)
        self.assertEqual(len(self.run_.starts(0)), 9)
        self.assertEqual(self.run_.supervisor.workers[0].restarts_asked, 3)
        self.crash()
        self.run_.loop.advance(0)
        self.assertEqual(len(self.run_.starts(0)), 10)

    def test_a_dispatcher_that_does_not_take_it_is_stopped(self):
        self.run_.said.refuses = True
        self.crash_to_the_limit()
        self.assertEqual(self.run_.dispatcher.signals, [SIGTERM])
        self.assertIn("the dispatcher does not accept that", self.run_.log.text())

    def test_crashes_with_time_between_them_are_never_too_many(self):
        for _ in range(50):
            self.crash()
            self.run_.loop.advance(5)
        self.assertEqual(len(self.run_.starts(0)), 51)

    def test_a_dispatcher_that_has_ended_gets_no_new_worker(self):
        self.crash()
        self.crash(1)
        self.run_.dispatcher.exit(0)
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.started), 3)

    def test_who_crashes_after_the_dispatcher_has_ended_is_not_replaced(self):
        self.run_.dispatcher.exit(0)
        self.crash()
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.started), 3)
        self.assertNotIn("crashed", self.run_.log.text())


class OtherEnds(unittest.TestCase):
    def setUp(self):
        self.run_ = FakeRun().begin()

    def test_a_refused_claim_is_tried_again_after_a_pause_for_as_long_as_it_takes(self):
        for attempt in range(100):
            self.run_.worker(0).exit(EXIT_REFUSED)
            self.run_.loop.advance(0.009 if attempt == 0 else 0.19)
            if attempt in (0, 99):
                self.assertIsNone(self.run_.worker(0))
            self.run_.loop.advance(0.01)
            self.assertIsNotNone(self.run_.worker(0))
        self.assertEqual(self.run_.log.lines, [])

    def test_75_after_a_claim_is_a_crash_and_given_up_like_any(self):
        for n in range(1, 9):
            self.run_.said.say(0, claims=n)
            self.run_.worker(0).exit(EXIT_REFUSED)
            self.run_.loop.advance(0.5)
        self.assertIn(("give-up", {"worker": 0}), self.run_.said.asked)

    def test_2_of_a_number_that_was_once_claimed_is_a_crash(self):
        self.run_.said.say(0, claims=1)
        self.run_.worker(0).exit(2)
        self.run_.loop.advance(0.01)
        self.assertEqual(len(self.run_.starts(0)), 2)
        self.assertEqual(self.run_.dispatcher.signals, [])

    def test_a_drained_worker_that_dies_is_not_started_again(self):
        self.run_.said.say(0, wanted=False)
        self.run_.worker(0).exit(-9)
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.starts(0)), 1)

    def test_a_program_that_is_not_there_for_a_moment_is_a_crash_with_a_pause(self):
        self.run_.missing = True
        self.run_.worker(0).exit(-9)
        self.run_.loop.advance(0.01)
        self.assertIsNone(self.run_.worker(0))
        self.run_.missing = False
        self.run_.loop.advance(0.1)
        self.assertIsNotNone(self.run_.worker(0))
        self.assertIn("cannot be started", self.run_.log.text())

    def test_wrong_usage_ends_the_run_with_2(self):
        self.run_.worker(0).exit(2)
        self.assertEqual(self.run_.dispatcher.signals, [SIGTERM])
        self.run_.said.stopping = True
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.starts(0)), 1)
        self.run_.dispatcher.exit(0)
        self.assertEqual(self.run_.supervisor.status(), 2)

    def test_revoked_is_a_crash_before_a_second_signal_and_its_end_after(self):
        self.run_.worker(0).exit(EXIT_REVOKED)
        self.run_.loop.advance(0.01)
        self.assertEqual(len(self.run_.starts(0)), 2)
        self.run_.signal(SIGTERM)
        self.run_.said.stopping = True
        self.run_.worker(0).exit(EXIT_REVOKED)
        self.run_.loop.advance(1.5)
        self.assertEqual(len(self.run_.starts(0)), 3)
        self.run_.signal(SIGTERM)
        self.run_.worker(0).exit(EXIT_REVOKED)
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.starts(0)), 3)

    def test_who_left_and_is_still_wanted_counts_as_crashed_once_the_dispatcher_has_had_time_to_know(self):
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(0.19)
        self.assertIsNone(self.run_.worker(0))
        self.assertEqual(self.run_.log.lines, [])
        self.run_.loop.advance(0.02)
        self.assertEqual(len(self.run_.starts(0)), 2)
        self.assertIn("worker 0 crashed: left without having been told to", self.run_.log.text())
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(0.24)
        self.assertIsNone(self.run_.worker(0))  # 0.2 s to settle and 0.05 s of pause
        self.run_.loop.advance(0.02)
        self.assertEqual(len(self.run_.starts(0)), 3)

    def test_a_worker_that_always_leaves_is_given_up(self):
        for _ in range(8):
            self.run_.worker(0).exit(0)
            self.run_.loop.advance(0.75)
        self.assertIn(("give-up", {"worker": 0}), self.run_.said.asked)

    def test_who_left_because_it_was_drained_is_not_replaced_until_it_is_wanted_again(self):
        self.run_.said.say(0, wanted=False)
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.starts(0)), 1)
        self.assertEqual(self.run_.log.lines, [])
        self.run_.said.say(0, wanted=True)
        self.run_.loop.advance(0.25)
        self.assertEqual(len(self.run_.starts(0)), 2)

    def test_who_left_because_the_run_is_stopping_is_not_replaced(self):
        self.run_.said.stopping = True
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.starts(0)), 1)
        self.assertEqual(self.run_.log.lines, [])

    def test_who_left_because_a_restart_was_asked_for_is_replaced_immediately_and_has_not_crashed(self):
        for asked in range(1, 12):
            self.run_.said.say(0, restarts_asked=asked)
            self.run_.worker(0).exit(0)
            self.run_.loop.advance(0)
            self.assertEqual(len(self.run_.starts(0)), 1 + asked)
        self.assertEqual(self.run_.log.lines, [])

    def test_one_restart_that_was_asked_for_is_one_restart(self):
        self.run_.said.say(0, restarts_asked=1)
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(0)
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(0.1)
        self.assertIsNone(self.run_.worker(0))

    def test_a_restart_asked_for_while_the_run_is_stopping_starts_nothing(self):
        self.run_.said.stopping = True
        self.run_.said.say(0, restarts_asked=1)
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(60)
        self.assertEqual(len(self.run_.starts(0)), 1)

    def test_a_dispatcher_that_does_not_answer_is_asked_again(self):
        self.run_.said.refuses = True
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(5)
        self.assertEqual(len(self.run_.starts(0)), 1)
        self.run_.said.refuses = False
        self.run_.loop.advance(0.41)
        self.assertEqual(len(self.run_.starts(0)), 2)

    def test_an_answer_without_what_is_needed_is_none(self):
        del self.run_.said.workers[0]["worker"]
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(5)
        self.assertEqual(len(self.run_.starts(0)), 1)


class Look(unittest.TestCase):
    """Four times a second at what the dispatcher wants, and what it has revoked."""

    def setUp(self):
        self.run_ = FakeRun().begin()

    def look(self):
        self.run_.loop.advance(0.25)

    def test_it_goes_on_to_the_end_of_the_dispatcher(self):
        self.run_.said.asked.clear()
        self.run_.loop.advance(10)
        self.assertEqual(len(self.run_.said.asked), 40)
        self.run_.dispatcher.exit(0)
        self.run_.said.asked.clear()
        self.run_.loop.advance(10)
        self.assertEqual(self.run_.said.asked, [])

    def test_a_revoked_process_of_ours_is_killed(self):
        self.run_.said.say(0, revocations=1)
        self.look()
        self.assertEqual(self.run_.worker(0).signals, [SIGKILL])
        self.assertEqual(self.run_.worker(1).signals, [])

    def test_the_process_after_the_revoked_one_is_left_alone(self):
        revoked = self.run_.worker(0)
        self.run_.said.say(0, revocations=1)
        revoked.exit(EXIT_REVOKED)
        self.run_.loop.advance(1)
        self.assertEqual(len(self.run_.starts(0)), 2)
        self.assertEqual(self.run_.worker(0).signals, [])

    def test_what_was_revoked_before_it_started_or_has_another_number_is_left_alone(self):
        self.run_.said.say(0, revocations=3)
        self.run_.worker(0).exit(CRASH)
        self.run_.loop.advance(0.01)
        self.run_.said.say(7, wanted=False, revocations=4)
        self.look()
        for child in self.run_.started:
            self.assertEqual(child.signals, [])

    def test_a_revocation_is_not_missed_though_the_number_is_lost_by_the_next_look(self):
        self.run_.said.say(0, revocations=1, state="lost", pid=0)
        self.look()
        self.assertEqual(self.run_.worker(0).signals, [SIGKILL])

    def test_a_number_that_is_wanted_is_started_once(self):
        self.run_.said.say(2, restarts_asked=5)
        self.run_.loop.advance(10)
        self.assertEqual(len(self.run_.starts(2)), 1)
        self.run_.worker(2).exit(0)  # that a restart was asked for before it started is known
        self.run_.loop.advance(0.1)
        self.assertEqual(len(self.run_.starts(2)), 1)

    def test_a_number_that_is_not_wanted_is_not_started(self):
        self.run_.said.say(2, wanted=False)
        self.run_.loop.advance(10)
        self.assertEqual(self.run_.starts(2), [])

    def test_nothing_is_started_while_the_run_is_stopping(self):
        self.run_.said.stopping = True
        self.run_.said.say(2)
        self.run_.loop.advance(10)
        self.assertEqual(self.run_.starts(2), [])

    def test_a_look_does_not_shorten_the_pause_after_a_crash(self):
        for _ in range(5):
            self.run_.worker(0).exit(CRASH)
            self.run_.loop.advance(0.45)
        self.run_.worker(0).exit(CRASH)
        self.run_.loop.advance(0.45)  # of 0.5 s, with one look or two in them
        self.assertIsNone(self.run_.worker(0))

    def test_a_look_does_not_start_who_has_just_left(self):
        self.run_.loop.advance(0.2)
        self.run_.worker(0).exit(0)
        self.run_.loop.advance(0.19)  # a look is within
        self.assertIsNone(self.run_.worker(0))


class MayStart(unittest.TestCase):
    """The one place that is asked before every start."""

    def setUp(self):
        self.run_ = FakeRun().begin()
        self.worker = self.run_.supervisor.workers[0]
        self.worker.child = None

    def may_start(self):
        allowed = self.run_.supervisor.may_start(self.worker)
        before = len(self.run_.started)
        self.run_.supervisor.start_worker(self.worker)
        self.assertEqual(len(self.run_.started) - before, allowed)
        return allowed

    def test_a_number_without_a_process(self):
        self.assertTrue(self.may_start())

    def test_not_one_that_has_a_process(self):
        self.worker.child = self.run_.worker(1)
        self.assertFalse(self.may_start())

    def test_not_one_that_was_given_up(self):
        self.worker.given_up = True
        self.assertFalse(self.may_start())

    def test_not_one_whose_start_is_on_a_timer(self):
        self.worker.awaited = True
        self.assertFalse(self.may_start())

    def test_not_without_a_dispatcher(self):
        self.run_.supervisor.listening = False
        self.assertFalse(self.may_start())
