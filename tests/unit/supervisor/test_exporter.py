# SPDX-License-Identifier: BSD-2-Clause
"""The exporter of --metrics: with the run, again when it dies, and never what the run depends on."""

import subprocess
import unittest
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, SIGTSTP

from fakes import FakeRun
from supervisor.child import STANDARD_ERROR
from supervisor.exporter import INTERVAL_S, RESTART_MAX_S, words


class Words(unittest.TestCase):
    def test_what_ends_with_a_port_is_an_address(self):
        for text in ("9187", "127.0.0.1:9187", "[::1]:9187", "sensor.example:9187"):
            self.assertEqual(words(text), ["--prometheus", "--listen", text])

    def test_what_else_there_is_is_a_file(self):
        for text in ("/var/lib/fb.prom", "fb.prom", "./9187", "/run/a:1", "a:b"):
            self.assertEqual(words(text), ["--prometheus", "--output", text, "--every", str(INTERVAL_S)])


class Exporter(unittest.TestCase):
    def start(self, **fields):
        return FakeRun(metrics="9187", **fields).begin()

    def test_without_the_option_there_is_none(self):
        self.assertEqual(FakeRun().begin().exporters(), [])

    def test_it_begins_when_the_dispatcher_listens_and_touches_neither_input_nor_output(self):
        run = FakeRun(metrics="9187").begin(listening=False)
        self.assertEqual(run.exporters(), [])
        run.listen()
        (exporter,) = run.exporters()
        self.assertEqual(exporter.argv[1:], ["--prometheus", "--listen", "9187"])
        self.assertEqual((exporter.stdin, exporter.stdout), (subprocess.DEVNULL, STANDARD_ERROR))

    def test_the_run_does_not_wait_for_it(self):
        run = self.start()
        self.assertEqual(len(run.supervisor.children()), 3)

    def test_one_that_dies_is_started_again_after_pauses_that_grow(self):
        run = self.start()
        pauses = []
        for _ in range(12):
            count, began = len(run.exporters()), run.loop.time
            run.exporters()[-1].exit(1)
            while len(run.exporters()) == count:
                run.loop.advance(0.05)
            pauses.append(run.loop.time - began)
        self.assertLess(pauses[0], 0.2)
        self.assertTrue(all(a <= b + 0.1 for a, b in zip(pauses, pauses[1:])))
        self.assertAlmostEqual(pauses[-1], RESTART_MAX_S, delta=0.2)
        self.assertIn("warning: the exporter of metrics ended: exit status 1; starting it again in 0.1 s", run.log.text())
        self.assertEqual(run.supervisor.forced_status, 0)
        self.assertEqual(len(run.supervisor.children()), 3)

    def test_one_that_has_lived_for_long_is_started_again_soon(self):
        run = self.start()
        for _ in range(6):
            run.exporters()[-1].exit(1)
            run.loop.advance(5)
        run.loop.advance(61)
        count = len(run.exporters())
        run.exporters()[-1].exit(1)
        run.loop.advance(0.15)
        self.assertEqual(len(run.exporters()), count + 1)

    def test_a_program_that_is_not_there_is_tried_again(self):
        run = self.start()
        run.exporters()[-1].exit(1)
        run.missing = True
        run.loop.advance(0.15)
        self.assertIn("cannot be started: No such file or directory", run.log.text())
        run.missing = False
        run.loop.advance(0.3)
        self.assertEqual(len(run.exporters()), 2)

    def test_a_dispatcher_that_dies_takes_neither_it_nor_its_next_start_along(self):
        run = self.start()
        run.supervisor.live = True
        run.dispatcher.exit(-SIGKILL)
        self.assertFalse(run.exporters()[0].reaped)
        run.listen()
        self.assertEqual(len(run.exporters()), 1)
        run.exporters()[0].exit(1)
        run.supervisor.live = True
        run.dispatcher.exit(-SIGKILL)  # cancels all timers
        run.loop.advance(0.15)
        self.assertEqual(len(run.exporters()), 2)

    def test_it_is_stopped_and_continued_with_the_others(self):
        run = self.start()
        run.signal(SIGTSTP)
        self.assertEqual(run.exporters()[0].signals, [SIGSTOP, SIGCONT])

    def test_it_ends_with_the_run_and_not_before(self):
        run = self.start()
        exporter = run.exporters()[0]
        run.dispatcher.exit(0)
        for number in (0, 1):
            run.worker(number).exit(0)
        self.assertEqual(exporter.signals, [])
        run.supervisor.clear_up()
        self.assertEqual((exporter.signals, exporter.reaped), ([SIGTERM], True))
        run.loop.advance(100)
        self.assertEqual(len(run.exporters()), 1)

    def test_one_that_does_not_end_is_killed(self):
        run = self.start()
        exporter = run.exporters()[0]
        exporter.ends_when_told = False
        run.dispatcher.exit(0)
        run.supervisor.clear_up()
        self.assertEqual(exporter.signals, [SIGTERM, SIGKILL])

    def test_one_that_waits_for_its_next_start_is_not_started_after_the_end(self):
        run = self.start()
        run.exporters()[0].exit(1)
        run.dispatcher.exit(0)
        run.supervisor.clear_up()
        run.loop.advance(100)
        self.assertEqual(len(run.exporters()), 1)
