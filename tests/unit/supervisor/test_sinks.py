# SPDX-License-Identifier: BSD-2-Clause
"""Where records go, as far as the workers together have to agree on it: scripts/supervisor/sinks.py."""

from fakes import FakeRun, FolderTest
from supervisor.failure import EXIT_USAGE, Failure
from supervisor.sinks import Sinks


class SinksTest(FolderTest):
    def refused(self, part, action):
        with self.assertRaisesRegex(Failure, part) as caught:
            action()
        self.assertEqual(caught.exception.status, EXIT_USAGE)

    def test_those_of_the_command_line_take_the_place_of_those_of_the_file(self):
        path = self.write("x.conf", "eve = unix:/a\nworkers = 2\neve = -\n")
        self.assertEqual(Sinks(None, path).given, ["unix:/a", "-"])
        self.assertEqual(Sinks(["unix:/b"], path).given, ["unix:/b"])
        self.assertEqual(Sinks(None, None).given, [])

    def test_a_reader_may_be_waited_for_and_a_file_not(self):
        self.assertFalse(Sinks(["file:-"], None).are_queued)
        self.assertTrue(Sinks(["file:x", "-"], None).are_queued)
        self.assertTrue(Sinks(["unix:x"], None).are_queued)
        self.assertFalse(Sinks(None, None).are_queued)

    def test_several_workers_do_not_write_one_file(self):
        for name, better in (
            ("eve.json", "eve-%k.json"), ("/a.b/eve", "/a.b/eve-%k"), ("eve-%%k", "eve-%%k-%k"), ("x,size=1G", "x-%k"), ("a/.json", "a/.json-%k"),
        ):  # fmt: skip
            sinks = Sinks([f"file:{name}"], None)
            self.refused(f"^--eve 'file:{name}': 3 workers cannot write one file: write file:{better}$", lambda: sinks.check(3, {}))
            sinks.check(1, {})
        for name in ("eve-%k.json", "%k/x", "%%%k", "/dev/null"):
            Sinks([f"file:{name}"], None).check(3, {})
        path = self.write("there", "")
        self.refused("cannot write one file", lambda: Sinks([f"file:{path}"], None).check(2, {}))

    def test_standard_output_has_records_or_the_report_or_is_none(self):
        for option in ("--report", "--html"):
            self.refused(f"^{option} - and --eve - would both go", lambda: Sinks(["-"], None).check(1, {option: "-"}))
            Sinks(["-"], None).check(1, {option: "x.json"})
            Sinks(["unix:-"], None).check(1, {option: "-"})
        self.refused("^--eve -: an instance in the background has no standard output", Sinks(["-"], None).check_background)
        Sinks(["unix:-"], None).check_background()

    def test_the_readable_report_makes_way_for_records(self):
        for given, dispatcher, worker in ((None, None, 2), (["file:x"], None, 2), (["file:x", "-"], 2, None)):
            run = FakeRun(workers=1)
            run.supervisor.plan.sinks = Sinks(given, None)
            run.begin()
            self.assertEqual([child.stdout for child in run.started], [dispatcher, worker])
