# SPDX-License-Identifier: BSD-2-Clause
"""What `run` and `start` were asked for, and what each program gets of it."""

import os
import signal

from fakes import FolderTest
from supervisor import options
from supervisor import plan as module
from supervisor.failure import EXIT_USAGE, Failure
from supervisor.log import Log
from supervisor.paths import Places
from supervisor.plan import Plan

# Notes its words, says what it is told to say, ends with the status that it is told.
PROGRAM = """#!/bin/sh
[ "$1" != --list-options ] || { cat "$0.options"; exit; }
printf '%s\\n' "$@" >"$0.words"
[ ! -r "$0.says" ] || cat "$0.says"
[ ! -r "$0.status" ] || exit "$(cat "$0.status")"
"""


OPTIONS = (
    "read\tr\tFILE\t-\tdispatcher\tyes\tRead packets\n"
    "interface\ti\tIFACE\t-\tdispatcher\tyes\tCapture from an interface\n"
    "report\t-\tFILE\t-\tdispatcher\tyes\tWrite the report\n"
    "html\t-\tFILE\t-\tdispatcher\tyes\tWrite a page\n"
    "policy\t-\tNAME\tbacklog-share\tdispatcher\tyes\tChoose the worker\n"
)


class PlanTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.log = Log()
        for name in ("flow-dispatcher", "flow-worker", "flow-stat"):
            self.write(name, PROGRAM, 0o700)
        self.write("flow-dispatcher.options", OPTIONS)

    def plan(self, *words):
        places = Places("/scripts", environ={"FB_BUILD": self.folder})
        return Plan(options.parse(["run", *words], places, self.log), "the-default")

    def words_of(self, name):
        return self.read(name + ".words").split("\n")[:-1]


class Programs(PlanTest):
    def test_the_dispatcher_gets_what_is_not_ours_and_what_it_has_to_agree_on(self):
        plan = self.plan("-r", "x.pcap", "-w", "3", "-n", "a", "--policy", "hash", "--log-level", "debug")
        words = plan.dispatcher_args
        for pair in (["-r", "x.pcap"], ["-w", "3"], ["-n", "a"], ["--policy", "hash"], ["--log-level", "debug"]):
            self.assertEqual(words[words.index(pair[0]) + 1], pair[1])
        self.assertEqual(len(words), 10)
        self.assertEqual(words[-4:], ["-r", "x.pcap", "--policy", "hash"])
        self.assertEqual((plan.workers, plan.name), (3, "a"))

    def test_what_clears_up_is_told_the_name_and_the_files_of_the_report(self):
        program = self.path("flow-dispatcher")
        self.assertEqual(self.plan("-r", "x.pcap", "-n", "a").post_mortem_args("--clean"), [program, "--clean", "-n", "a"])
        for words in (["--report", "y", "--report", "x.json"], ["--report=x.json", "--policy", "hash"]):
            plan = self.plan("-n", "a", *words, "-r", "x.pcap")
            self.assertEqual(plan.post_mortem_args("--clean")[3:], ["a", "--report", "x.json"])
        plan = self.plan("-n", "a", "--html", "x.html", "--report", "x.json", "-r", "x.pcap")
        self.assertEqual(plan.post_mortem_args("--clean")[3:], ["a", "--report", "x.json", "--html", "x.html"])
        self.write("flow-dispatcher.says", '{"html": "in-file.html", "report": "in-file.json"}')
        plan = self.plan("-n", "a", "--config", self.write("x.conf", ""), "-r", "x.pcap", "--inspector", "count", "-w", "1")
        self.assertEqual(plan.post_mortem_args("--clean")[3:], ["a", "--report", "in-file.json", "--html", "in-file.html"])

    def test_further_files_are_read_too_and_a_missing_value_is_known_before_anything_is_started(self):
        files = [self.write("a.pcap", ""), self.write("b.pcap", "")]
        self.assertEqual(self.plan("-r", *files).dispatcher_args[-4:], ["-r", files[0], "-r", files[1]])
        with self.assertRaisesRegex(Failure, "^-r needs a value: write -r FILE$"):
            self.plan("-r", "-w", "8")

    def test_workers_get_what_is_theirs(self):
        plan = self.plan("-r", "x", "--inspector", "digest:5", "--wait", "spin", "--orphan-timeout", "7", "-n", "a")
        self.assertEqual(
            plan.worker_args, ["--inspector", "digest:5", "--orphan-timeout", "7", "--wait", "spin", "-n", "a"]
        )

    def test_what_is_said_of_children_goes_to_the_workers_and_is_waited_for_with_exec_alone(self):
        self.write("flow-dispatcher.options", OPTIONS + "drain-timeout\t-\tS\t30\tdispatcher\tyes\tWait\n")
        words = ["-r", "x", "--exec-timeout", "3", "--exec-output", "out-%k", "--drain-timeout", "7", "-n", "a"]
        plan = self.plan(*words, "--inspector", "exec:cat -u")
        for pair in (["--exec-timeout", "3"], ["--exec-output", "out-%k"], ["--drain-timeout", "7"]):
            self.assertEqual(plan.worker_args[plan.worker_args.index(pair[0]) + 1], pair[1])
        self.assertEqual(plan.dispatcher_args[-2:], ["--drain-timeout", "7"])
        self.assertEqual(plan.end_s, 7.0)
        self.assertEqual(self.plan("-r", "x", "--inspector", "exec:cat").end_s, 30.0)
        self.assertEqual(self.plan("-r", "x", "--drain-timeout", "7", "--inspector", "count").end_s, 0.0)
        self.assertEqual(self.plan("-r", "x", "--drain-timeout", "7").end_s, 0.0)
        path = self.write("x.conf", "inspector = exec:cat\n")
        self.write("flow-dispatcher.says", '{"drain-timeout": "5"}')
        self.assertEqual(self.plan("-r", "x", "-n", "a", "-w", "1", "--config", path).end_s, 5.0)

    def test_sinks_go_to_the_workers_and_their_readers_are_waited_for(self):
        words = ["--eve", "unix:/a", "--eve", "file:b-%k", "--eve-wait", "7"]
        plan = self.plan("-r", "x", "-n", "a", *words)
        self.assertEqual(plan.worker_args, [*words, "--orphan-timeout", "1", "-n", "a"])
        self.assertNotIn("--eve", plan.dispatcher_args)
        self.assertEqual(plan.end_s, 30.0)
        self.assertEqual(self.plan("-r", "x", "--eve", "file:b-%k").end_s, 0.0)
        with self.assertRaisesRegex(Failure, "8 workers cannot write one file"):
            self.plan("-r", "x", "--eve", "file:b")
        path = self.write("x.conf", "eve = file:b\nworkers = 2\n")
        self.write("flow-dispatcher.says", '{"workers": "2"}')
        with self.assertRaisesRegex(Failure, "2 workers cannot write one file"):
            self.plan("-r", "x", "--config", path)

    def test_the_exporter_gets_where_metrics_go_and_is_asked_before_anything_is_started(self):
        self.assertIsNone(self.plan("-r", "x").exporter_args())
        self.plan("-r", "x").check_exporter()  # there is nothing to ask
        plan = self.plan("-r", "x", "-n", "a", "--metrics", "[::1]:9187", "--log-level", "error")
        words = ["--log-level", "error", "-n", "a", "--prometheus", "--listen", "[::1]:9187"]
        self.assertEqual(plan.exporter_args(), [self.path("flow-stat"), *words])
        plan.check_exporter()
        self.assertEqual(self.words_of("flow-stat"), [*words, "--check"])
        for status, wanted in (("2", EXIT_USAGE), ("1", 1)):
            self.write("flow-stat.status", status)
            with self.assertRaises(Failure) as failed:
                plan.check_exporter()
            self.assertEqual((str(failed.exception), failed.exception.status), ("", wanted))

    def test_where_metrics_go_may_be_in_the_file_and_the_command_line_wins(self):
        path = self.write("x.conf", "metrics = /run/fb.prom\n")
        self.assertIn("/run/fb.prom", self.plan("-r", "x", "--config", path).exporter_args())
        self.assertIn("9187", self.plan("-r", "x", "--config", path, "--metrics", "9187").exporter_args())

    def test_workers_get_each_inspector_in_the_order_given(self):
        plan = self.plan("-r", "x", "--inspector", "count", "--inspector", "./a.so:x y", "--inspector=count", "-n", "a")
        words = ["--inspector", "count", "--inspector", "./a.so:x y", "--inspector", "count"]
        self.assertEqual(plan.worker_args, [*words, "--orphan-timeout", "1", "-n", "a"])
        plan.check_worker_options()
        self.assertEqual(self.words_of("flow-worker")[1:7], words)

    def test_by_default_eight_workers_leave_a_second_after_their_dispatcher(self):
        plan = self.plan("-r", "x")
        self.assertEqual((plan.workers, plan.name), (8, "the-default"))
        self.assertEqual(plan.worker_args, ["--orphan-timeout", "1", "-n", "the-default"])

    def test_processors_are_given_by_number_and_from_the_first_again(self):
        plan = self.plan("-r", "x", "--worker-cpu", "5,2-3")
        self.assertEqual([plan.cpu_args(k)[1] for k in range(5)], ["5", "2", "3", "5", "2"])
        self.assertEqual(self.plan("-r", "x").cpu_args(0), [])

    def test_its_socket_is_where_the_dispatcher_listens(self):
        self.assertTrue(self.plan("-r", "x", "-n", "a").socket.endswith("/flow-balancer/a.sock"))


class Attach(PlanTest):
    """A program in the place of flow-worker."""

    def refused(self, part, *words):
        with self.assertRaisesRegex(Failure, part) as caught:
            self.plan(*words)
        self.assertEqual(caught.exception.status, 2)

    def test_it_is_the_command_of_the_command_line(self):
        plan = self.plan("-r", "x", "-n", "a", "--attach", "sh -c 'x %k' %n")
        self.assertEqual(plan.attach.argv(plan.name, 1, 0), ["sh", "-c", "x 1", "a"])
        self.assertEqual(plan.worker_program, "sh")
        self.assertNotIn("--attach", plan.dispatcher_args)
        plan = self.plan("-r", "x")
        self.assertEqual((plan.attach, plan.worker_program), (None, self.path("flow-worker")))

    def test_options_of_flow_worker_exclude_it(self):
        for words in (["--inspector", "count"], ["--wait", "spin"], ["--orphan-timeout", "3"], ["--eve", "-"]):
            self.refused(f"^--attach and {words[0]} exclude each other", "-r", "x", "--attach", "sh %k", *words)

    def test_it_is_checked_instead_of_the_options_of_flow_worker(self):
        self.plan("-r", "x", "--attach", "sh %k").check_worker_options()
        self.assertFalse(os.path.exists(self.path("flow-worker.words")))
        with self.assertRaisesRegex(Failure, "^--attach: 'no-such-program' cannot be run"):
            self.plan("-r", "x", "--attach", "no-such-program %k").check_worker_options()
        with self.assertRaisesRegex(Failure, f"libflowbalancer-pcap.so is not in {self.folder} nor in /lib nor in"):
            self.plan("-r", "x", "--attach", "sh %d").check_worker_options()

    def test_its_processors_are_checked_too_and_ours_stay(self):
        before = os.sched_getaffinity(0)
        plan = self.plan("-r", "x", "--attach", "sh %k", "--worker-cpu", f"{min(before)}")
        plan.check_worker_options()
        self.assertEqual(plan.cpus_of(3), [min(before)])
        with self.assertRaisesRegex(Failure, "^--worker-cpu: there is no processor 1023 that this process may use: give some of"):
            self.plan("-r", "x", "--attach", "sh %k", "--worker-cpu", f"{min(before)},1023").check_worker_options()
        self.assertEqual(os.sched_getaffinity(0), before)

    def test_it_may_be_in_the_file_of_config_and_the_command_line_wins(self):
        self.write("flow-dispatcher.says", "{}")
        path = self.write("x.conf", "attach = sh -c 'x %k'\nwait = spin\n")
        self.assertEqual(self.plan("--config", path).attach.words, ["sh", "-c", "x %k"])
        self.assertEqual(self.plan("--config", path, "--attach", "y %d").attach.words, ["y", "%d"])
        self.assertIsNone(self.plan("--config", path, "--inspector", "count").attach)
        path = self.write("y.conf", "inspector = count\n")
        self.assertEqual(self.plan("--config", path, "--attach", "y %d").attach.words, ["y", "%d"])

    def test_a_file_with_both_or_with_a_wrong_one_is_a_line_with_its_place(self):
        self.write("flow-dispatcher.says", "{}")
        path = self.write("x.conf", "attach = x %k\ninspector = count\n")
        self.refused("x.conf: 'attach' and 'inspector' exclude each other", "--config", path)
        self.refused("x.conf:1: attach: '%H' in '%H' is none of", "--config", self.write("x.conf", "attach = x %k %H\n"))


class Checks(PlanTest):
    def test_the_worker_checks_its_options_before_anything_is_started(self):
        self.plan("-r", "x", "--inspector", "count", "--worker-cpu", "1,3").check_worker_options()
        words = self.words_of("flow-worker")
        self.assertEqual(words[0], "--check")
        self.assertIn("count", words)
        self.assertEqual(words[words.index("--cpu") + 1], "1,3")

    def errors_of(self, what):
        """What is written to standard error, by us or by a program, while it is done."""
        before = os.dup(2)
        with open(self.path("errors"), "w", encoding="utf-8") as errors:
            os.dup2(errors.fileno(), 2)
        try:
            what()
        finally:
            os.dup2(before, 2)
            os.close(before)
        return self.read("errors")

    def test_what_an_inspector_prints_then_is_no_part_of_our_output(self):
        self.write("flow-worker", "#!/bin/sh\necho printed\n", 0o700)
        self.assertEqual(self.errors_of(self.plan("-r", "x").check_worker_options), "printed\n")

    def test_its_refusal_ends_the_program_without_another_word(self):
        for theirs, ours in (("2", 2), ("1", 1)):
            self.write("flow-worker.status", theirs)
            with self.assertRaises(Failure) as caught:
                self.plan("-r", "x").check_worker_options()
            self.assertEqual((str(caught.exception), caught.exception.status), ("", ours))

    def test_one_that_takes_long_is_seen_and_one_that_never_ends_does_not_outlive_us(self):
        self.addCleanup(setattr, module, "CHECK_PAUSE_S", module.CHECK_PAUSE_S)
        module.CHECK_PAUSE_S = 1
        self.write("flow-worker", "#!/bin/sh\nsleep 1.5\n", 0o700)
        said = self.errors_of(self.plan("-r", "x").check_worker_options)
        self.assertRegex(said, "warning: the inspectors are not opened yet, after 1 s: open.. of one of them takes long")
        self.assertEqual(said.count("\n"), 1)

        self.write("flow-worker", f"#!/bin/sh\necho $$ >{self.path('pid')}\ntrap '' INT\nexec sleep 60\n", 0o700)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with self.assertRaises(KeyboardInterrupt):
            self.plan("-r", "x").check_worker_options()
        with self.assertRaises(ProcessLookupError):
            os.kill(int(self.read("pid")), 0)

    def test_a_crash_that_it_says_itself_ends_the_program_and_one_that_it_cannot_say_is_a_line(self):
        for how, words in (
            ("kill -SEGV $$", "^$"),
            ("kill -ABRT $$", "^$"),
            ("kill -KILL $$", r"^the check of the workers' options ended with signal 9 \(SIGKILL\): an inspector ended it$"),
            ("exit 3", "^the check of the workers' options ended with exit status 3: an inspector ended it$"),
        ):
            self.write("flow-worker", f"#!/bin/sh\nulimit -c 0\n{how}\n", 0o700)
            with self.assertRaisesRegex(Failure, words) as caught:
                self.plan("-r", "x").check_worker_options()
            self.assertEqual(caught.exception.status, 1)


class ConfigFile(PlanTest):
    def plan_with(self, says, *words):
        self.write("x.conf", "")
        self.write("flow-dispatcher.says", says)
        return self.plan("--config", self.path("x.conf"), *words)

    def test_the_dispatcher_reads_it_and_says_what_it_found(self):
        plan = self.plan_with('{"workers": "5", "name": "from-file", "log-level": "debug"}', "-i", "lo")
        self.assertEqual((plan.workers, plan.name), (5, "from-file"))
        self.assertEqual(self.log.level, "debug")
        words = self.words_of("flow-dispatcher")
        self.assertIn("--check", words)
        self.assertEqual(words[words.index("-i") + 1], "lo")
        self.assertEqual(words[words.index("--config") + 1], self.path("x.conf"))  # for its messages

    def test_processes_get_a_copy_of_it_and_the_dispatcher_its_name_for_reload(self):
        path = self.write("y.conf", "workers = 2\n")
        self.write("flow-dispatcher.says", "{}")
        plan = self.plan("--config", path)
        self.write("y.conf", "wrokers = 3\n")
        for args in (plan.dispatcher_args, plan.worker_args):
            self.assertEqual(args[:2], ["--config", f"/proc/self/fd/{plan.kept[0]}"])
            with open(args[1], encoding="utf-8") as copy:
                self.assertEqual(copy.read(), "workers = 2\n")
        self.assertEqual(plan.dispatcher_args[2:4], ["--reload-config", path])
        self.assertNotIn("--reload-config", plan.worker_args)

    def test_without_a_file_there_is_nothing_to_keep(self):
        plan = self.plan("-r", "x")
        self.assertEqual(plan.kept, [])
        self.assertFalse({"--config", "--reload-config"} & {*plan.dispatcher_args, *plan.worker_args})

    def test_the_command_line_wins(self):
        plan = self.plan_with('{"workers": "5", "name": "from-file"}', "-w", "2", "-n", "mine")
        self.assertEqual((plan.workers, plan.name), (2, "mine"))
        words = self.words_of("flow-dispatcher")
        self.assertEqual(words[words.index("-w") + 1], "2")
        self.assertEqual(words[words.index("-n") + 1], "mine")

    def test_of_what_is_repeated_the_last_counts(self):
        self.assertEqual(self.plan_with('{"workers": ["5", "6"]}').workers, 6)

    def test_a_file_that_cannot_be_read_is_a_line_with_its_name(self):
        with self.assertRaisesRegex(Failure, "^--config '.*missing': cannot read the file: No such file") as caught:
            self.plan("--config", self.path("missing"))
        self.assertEqual(caught.exception.status, 2)

    def test_what_it_does_not_say_has_its_default(self):
        plan = self.plan_with("{}")
        self.assertEqual((plan.workers, plan.name), (8, "the-default"))

    def test_how_long_workers_outlive_the_dispatcher_is_then_for_the_file_to_say(self):
        self.assertNotIn("--orphan-timeout", self.plan_with("{}").worker_args)

    def test_processors_of_the_workers_are_for_the_script_to_read(self):
        path = self.write("y.conf", "workers = 2\nworker-cpu = 4,6-7 ; a core each\n")
        self.write("flow-dispatcher.says", "{}")
        self.assertEqual(self.plan("--config", path).worker_cpus, [4, 6, 7])
        self.assertEqual(self.plan("--config", path, "--worker-cpu", "1").worker_cpus, [1])
        self.plan("--config", path).check_worker_options()
        words = self.words_of("flow-worker")
        self.assertEqual(words[words.index("--cpu") + 1], "4,6,7")
        self.assertEqual(words[words.index("--config") + 1], path)  # and it names the file in a message

    def test_a_wrong_list_of_them_is_a_line_with_its_place(self):
        path = self.write("y.conf", "workers = 2\nworker-cpu = 3-1\n")
        self.write("flow-dispatcher.says", "{}")
        with self.assertRaisesRegex(Failure, "y.conf:2: worker-cpu: '3-1' is no list of processors") as caught:
            self.plan("--config", path)
        self.assertEqual(caught.exception.status, 2)

    def test_a_refusal_ends_the_program_without_another_word(self):
        for theirs, ours in (("2", 2), ("1", 1)):
            self.write("flow-dispatcher.status", theirs)
            with self.assertRaises(Failure) as caught:
                self.plan_with("")
            self.assertEqual((str(caught.exception), caught.exception.status), ("", ours))

    def test_an_option_that_makes_it_print_something_else_is_left_to_it(self):
        self.assertEqual(self.plan_with("Usage: ...").workers, 8)
