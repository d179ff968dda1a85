# SPDX-License-Identifier: BSD-2-Clause
"""A dispatcher that dies: of interfaces it is started again, of files the run ends."""

import unittest
from signal import SIGKILL, SIGTERM

from fakes import FakeRun
from supervisor.run import REJOIN_S

REPORT = ["/programs/flow-dispatcher", "--last-report", "-n", "test"]
CLEAN = ["/programs/flow-dispatcher", "--clean", "-n", "test"]


def live_run(workers=2):
    run = FakeRun(workers)
    run.said.live = True
    run.said.filter = "tcp"
    return run.begin()


class LiveTest(unittest.TestCase):
    def setUp(self):
        self.run_ = live_run()

    def die(self, status=-9):
        """The dispatcher dies, and the next one, if there is one by then, listens."""
        self.run_.said.pid = None
        self.run_.dispatcher.exit(status)
        self.run_.loop.advance(0)

    def come_again(self):
        self.run_.said.workers.clear()
        for number in range(2):
            self.run_.said.say(number)
        self.run_.listen()

    def over(self):
        return not self.run_.supervisor.children() and not self.run_.supervisor.restarting


class Death(LiveTest):
    def test_on_interfaces_another_one_is_started_immediately_once_the_dead_one_has_its_report(self):
        self.die()
        self.assertEqual(len(self.run_.dispatchers()), 2)
        first, second = [child.argv for child in self.run_.dispatchers()]
        self.assertEqual(second, [first[0], "--resume-filter", "tcp", *first[1:]])
        self.assertEqual(self.run_.called, [REPORT])
        self.assertIn("the dispatcher died: signal 9 (SIGKILL); starting another in 0 ms", self.run_.log.text())

    def test_the_run_has_failed_all_the_same(self):
        self.die()
        self.come_again()
        self.run_.dispatcher.exit(0)
        self.assertEqual(self.run_.supervisor.status(), 1)
        self.run_.supervisor.clear_up()
        self.assertEqual(self.run_.called, [REPORT])  # the second one has cleared up itself

    def test_what_the_dead_one_left_is_cleared_if_the_next_does_not_come_to_it(self):
        self.die()
        self.run_.dispatcher.exit(1)
        self.run_.supervisor.clear_up()
        self.assertEqual(self.run_.called, [REPORT, CLEAN])

    def test_of_a_file_the_run_ends(self):
        run = FakeRun().begin()
        run.dispatcher.exit(-9)
        run.loop.advance(1)
        self.assertEqual(len(run.dispatchers()), 1)
        self.assertFalse(run.supervisor.restarting)
        self.assertEqual(run.supervisor.status(), 1)
        self.assertIn("the dispatcher died: signal 9 (SIGKILL); the run ends", run.log.text())

    def test_one_that_ends_by_itself_is_not_started_again(self):
        for status in (0, 1, 2):
            run = live_run()
            run.dispatcher.exit(status)
            run.loop.advance(1)
            self.assertEqual(len(run.dispatchers()), 1)

    def test_nor_one_that_was_told_to_stop(self):
        self.run_.signal(SIGTERM)
        self.die()
        self.assertEqual(len(self.run_.dispatchers()), 1)
        run = live_run()
        run.said.stopping = True
        run.loop.advance(0.3)
        run.dispatcher.exit(-9)
        run.loop.advance(1)
        self.assertEqual(len(run.dispatchers()), 1)

    def test_one_that_dies_again_and_again_waits_longer_each_time_and_the_eighth_ends_the_run(self):
        for pause in (0, 0.05, 0.1, 0.2, 0.4, 0.5, 0.5):
            before = len(self.run_.dispatchers())
            self.die(-11)
            self.run_.loop.advance(pause - 0.001)
            if pause:
                self.assertEqual(len(self.run_.dispatchers()), before)
            self.run_.loop.advance(0.001)
            self.assertEqual(len(self.run_.dispatchers()), before + 1)
        self.die(-11)
        self.run_.loop.advance(1)
        self.assertEqual(len(self.run_.dispatchers()), 8)
        self.assertIn("the dispatcher died 8 times within 10 s, last by signal 11", self.run_.log.text())
        self.assertEqual(self.run_.supervisor.status(), 1)

    def test_while_it_is_waited_for_the_run_is_not_over(self):
        self.die()
        self.die()
        for number in range(2):
            self.run_.worker(number).exit(75)
        self.assertFalse(self.over())
        self.assertNotIn("crashed", self.run_.log.text())

    def test_a_signal_meanwhile_ends_it(self):
        self.die()
        self.die()
        self.run_.signal(SIGTERM)
        self.assertEqual(self.run_.worker(0).signals, [SIGTERM])
        self.run_.loop.advance(1)
        self.assertEqual(len(self.run_.dispatchers()), 2)
        self.run_.loop.advance(10)
        self.assertEqual(self.run_.worker(0).signals[-1], SIGKILL)
        for number in range(2):
            self.run_.worker(number).exit(0)
        self.assertTrue(self.over())
        self.assertEqual(self.run_.supervisor.status(), 1)

    def test_a_program_that_is_being_replaced_counts_as_one_that_died(self):
        self.run_.missing = True
        self.die()
        self.assertIn("it cannot be started: No such file or directory; starting another in 50 ms", self.run_.log.text())
        self.run_.missing = False
        self.run_.loop.advance(0.06)
        self.assertEqual(len(self.run_.dispatchers()), 2)
        self.assertFalse(self.run_.supervisor.restarting)

    def test_so_does_one_that_cannot_start_in_the_place_of_another(self):
        self.die()
        self.run_.dispatcher.exit(1)  # workers still hold the memory of the one before, say
        self.assertIn("the dispatcher died: exit status 1; starting another in 50 ms", self.run_.log.text())
        self.run_.loop.advance(0.06)
        self.assertEqual(len(self.run_.dispatchers()), 3)
        self.assertEqual(len(self.run_.called), 1)  # the report of the first, which has one
        self.come_again()
        self.run_.dispatcher.exit(1)  # of its own accord: that is the end of the run
        self.assertFalse(self.run_.supervisor.restarting)
        self.assertEqual(len(self.run_.dispatchers()), 3)

    def test_but_not_one_that_refuses_its_options(self):
        self.die()
        self.run_.dispatcher.exit(2)
        self.assertFalse(self.run_.supervisor.restarting)

    def test_one_that_stays_away_ends_the_run(self):
        self.run_.missing = True
        self.die()
        self.run_.loop.advance(10)
        self.assertFalse(self.run_.supervisor.restarting)
        self.assertIn(SIGTERM, self.run_.worker(0).signals)


class Workers(LiveTest):
    """What becomes of them meanwhile."""

    def test_who_joins_the_next_one_stays(self):
        before = self.run_.worker(0)
        self.die()
        self.come_again()
        self.run_.said.say(0, claims=1)
        self.run_.said.say(1, claims=1)
        self.run_.loop.advance(2 * REJOIN_S)
        self.assertIs(self.run_.worker(0), before)
        self.assertEqual(before.signals, [])

    def test_who_left_is_started_once_the_next_one_listens(self):
        self.die()
        self.run_.worker(1).exit(75)
        self.run_.loop.advance(5)
        self.assertEqual(len(self.run_.starts(1)), 1)
        self.come_again()
        self.assertEqual(len(self.run_.starts(1)), 2)
        self.assertEqual(len(self.run_.starts(0)), 1)

    def test_whose_restart_was_due_is_started_by_then_too(self):
        for _ in range(4):
            self.run_.worker(1).exit(-11)
            self.run_.loop.advance(0.25)
        self.run_.worker(1).exit(-11)
        self.die()
        self.come_again()
        self.assertIsNotNone(self.run_.worker(1))

    def test_who_does_not_join_is_killed_in_the_end_and_replaced(self):
        stuck = self.run_.worker(0)
        self.die()
        self.come_again()
        self.run_.said.say(1, claims=1)
        self.run_.loop.advance(REJOIN_S - 1)
        self.assertEqual(stuck.signals, [])
        self.run_.loop.advance(2)
        self.assertEqual(stuck.signals, [SIGKILL])
        self.assertEqual(self.run_.worker(1).signals, [])
        stuck.exit(-9)
        self.run_.loop.advance(0.1)
        self.assertEqual(len(self.run_.starts(0)), 2)

    def test_revocations_are_counted_from_the_start_again(self):
        self.run_.said.say(0, revocations=3)
        self.run_.worker(0).exit(-11)
        self.run_.loop.advance(0.5)
        self.die()
        self.come_again()
        self.run_.said.say(0, claims=1)
        self.run_.loop.advance(1)
        self.assertEqual(self.run_.worker(0).signals, [])

    def test_who_was_given_up_stays_so_and_who_was_added_is_added_again(self):
        for _ in range(8):
            self.run_.worker(0).exit(-11)
            self.run_.loop.advance(0.6)
        self.run_.said.say(2, wanted=True)
        self.run_.loop.advance(0.3)
        self.assertEqual(len(self.run_.starts(2)), 1)
        self.run_.said.asked.clear()
        self.die()
        self.come_again()
        self.assertEqual(self.told(), [("give-up", {"worker": 0}), ("add", {})])
        self.assertIsNone(self.run_.worker(0))


    def told(self):
        return [(request, fields) for request, fields in self.run_.said.asked if request != "workers"]

    def test_who_was_drained_stays_away_and_who_still_drains_is_told_to_leave(self):
        self.run_.said.say(1, wanted=False, state="draining")
        self.run_.loop.advance(0.3)
        self.run_.said.asked.clear()
        self.die()
        self.come_again()
        self.assertEqual(self.told(), [("drain", {"worker": 1})])
        self.assertEqual([self.run_.worker(k).signals for k in range(2)], [[], [SIGTERM]])
        self.run_.worker(1).exit(0)
        self.run_.loop.advance(1)
        self.assertIsNone(self.run_.worker(1))

    def test_who_was_added_and_given_up_is_not_known_to_the_next_one(self):
        self.run_.said.say(2, wanted=True)
        self.run_.loop.advance(0.3)
        for _ in range(8):
            self.run_.worker(2).exit(-11)
            self.run_.loop.advance(0.6)
        self.run_.said.say(3, wanted=True)
        self.run_.loop.advance(0.3)
        self.run_.said.asked.clear()
        self.die()
        self.come_again()
        self.assertEqual(self.told(), [("add", {})])
