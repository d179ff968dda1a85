# SPDX-License-Identifier: BSD-2-Clause
"""What is asked of a running instance, and what is waited for."""

import argparse
import contextlib
import fcntl
import io
import os
import socket
import subprocess
import threading
import time
from unittest import mock

from fakes import FolderTest
from supervisor import commands, instance
from supervisor.failure import Failure
from supervisor.options import Call
from supervisor.outcome import Outcome
from supervisor.paths import Places


class Answers:
    """A dispatcher that answers each request from a list of its own, the last one again and again."""

    def __init__(self, pid, **answers):
        self.pid = pid
        self.after_stop = {}  # what happens once so many stops were asked for
        self.answers = answers
        self.asked = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, request, **fields):
        self.asked.append((request, fields))
        stops = len([asked for asked, _ in self.asked if asked == "stop"])
        if request == "stop" and stops in self.after_stop:
            self.after_stop[stops]()
        answers = self.answers[request]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"ok": True, **answer}


def workers(*states):
    """An answer to `workers`: (state, pid) of each number."""
    return {"workers": [{"worker": k, "state": state, "pid": pid} for k, (state, pid) in enumerate(states)]}


class CommandTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.places = Places("/scripts", uid=1000, environ={"XDG_RUNTIME_DIR": self.folder})
        os.mkdir(self.path("flow-balancer"))
        for name in ("ADD_TIMEOUT_S", "START_TIMEOUT_S"):
            patch = mock.patch.object(commands, name, 0.05)
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch.object(instance, "READY_POLL_S", 0.001)
        patch.start()
        self.addCleanup(patch.stop)

    def running(self, dispatcher_pid=0, **answers):
        """The next command finds this instance running."""
        answers = Answers(dispatcher_pid, **answers)
        patch = mock.patch.object(instance.Instance, "open", lambda _: answers)
        patch.start()
        self.addCleanup(patch.stop)
        return answers

    def call(self, command, **options):
        """Its status, and what it printed."""
        call = Call(argparse.Namespace(**{"name": "x", "config": None, **options}), [], self.places, None)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = command(call)
        return status, output.getvalue()

    def process(self, command="exec sleep 600"):
        process = subprocess.Popen(["/bin/sh", "-c", command])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process


class Stop(CommandTest):
    def stop(self, timeout=60.0, now=False):
        return self.call(commands.stop, timeout=timeout, now=now)[0]

    def supervised(self, keep=True, log=None):
        """A supervisor of the instance lives."""
        return Outcome(self.places.outcome("x"), "x", keep, log)

    def test_its_status_is_that_of_the_run(self):
        for status in (0, 1, 2):
            run = self.supervised(log="/the/log")
            answers = self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
            answers.after_stop[1] = lambda run=run, status=status: run.end(status)
            if status == 0:
                self.assertEqual(self.stop(), 0)
                continue
            with self.assertRaisesRegex(Failure, f"'x' ended with exit status {status}: the reason is in /the/log") as c:
                self.stop()
            self.assertEqual(c.exception.status, status)

    def test_so_it_is_of_a_run_in_the_foreground_which_leaves_nothing(self):
        run = self.supervised(keep=False)
        answers = self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        answers.after_stop[1] = lambda: run.end(1)
        with self.assertRaisesRegex(Failure, "'x' ended with exit status 1: its own output has the reason"):
            self.stop()
        self.assertFalse(os.path.exists(self.places.outcome("x")))

    def test_a_second_one_waits_for_the_same_end(self):
        run = self.supervised()
        answers = self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        answers.after_stop[2] = lambda: run.end(1)
        failures = []
        other = threading.Thread(target=lambda: failures.append(self.assertRaises(Failure, self.stop)))
        other.start()
        with self.assertRaises(Failure) as caught:
            self.stop()
        other.join()
        self.assertEqual(caught.exception.status, 1)
        self.assertEqual([fields for request, fields in answers.asked if request == "stop"], [{}, {}])

    def test_only_now_says_now(self):
        answers = self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        self.stop(now=True)
        self.assertEqual(answers.asked[-1], ("stop", {"now": True}))

    def test_a_supervisor_that_is_killed_leaves_no_status(self):
        run = self.supervised()
        answers = self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        answers.after_stop[1] = lambda: os.close(run.fd)  # as the kernel does
        with self.assertRaisesRegex(Failure, "how 'x' ended is not known, its supervisor was killed") as caught:
            self.stop()
        self.assertEqual(caught.exception.status, 1)

    def test_an_earlier_run_of_the_name_has_no_say(self):
        self.supervised().end(1)
        self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        self.assertEqual(self.stop(), 0)

    def test_a_supervisor_that_does_not_end_is_waited_for_to_the_timeout(self):
        run = self.supervised()
        self.addCleanup(os.close, run.fd)
        self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        with self.assertRaisesRegex(Failure, "'x' still runs 0.03 s"):
            self.stop(timeout=0.03)

    def test_while_a_supervisor_lives_a_dispatcher_that_does_not_listen_yet_is_waited_for(self):
        run = self.supervised()
        answers = Answers(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        opened = iter([Failure("no instance 'x' is running")] * 3 + [answers])

        def open_one(_):
            found = next(opened)
            if isinstance(found, Failure):
                raise found
            return found

        answers.after_stop[1] = lambda: run.end(0)
        with mock.patch.object(instance.Instance, "open", open_one):
            self.assertEqual(self.stop(), 0)
        self.assertEqual([request for request, _ in answers.asked], ["workers", "stop"])

    def test_a_dispatcher_that_follows_one_that_died_is_told_as_well(self):
        run = self.supervised()
        self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        second = Answers(os.getpid(), workers=[workers()], stop=[{}])
        second.after_stop[1] = lambda: run.end(1)
        connect = mock.Mock(side_effect=[ConnectionRefusedError(), second, second, *[FileNotFoundError()] * 9999])
        found = instance.Instance("x", self.places, connect)
        wait = commands.Stop(found, True, 60.0)
        wait.tell()
        wait.watched.clear()
        wait.await_end()
        self.assertEqual([asked for asked in second.asked if asked[0] == "stop"], [("stop", {"now": True})])

    def test_one_that_ends_meanwhile_was_stopped_as_well(self):
        run = self.supervised()
        with mock.patch.object(time, "sleep", lambda _: run.end(1)):
            with self.assertRaisesRegex(Failure, "'x' ended with exit status 1"):
                self.stop()

    def test_the_log_is_the_one_beside_the_socket(self):
        found = instance.Instance("x", self.places)
        self.assertEqual(found.log(), self.places.log("x"))
        found.path = "/run/user/7/flow-balancer/x.sock"
        self.assertEqual(found.log(), "/run/user/7/flow-balancer/x.log")

    def test_it_asks_for_the_stop_and_returns_when_all_processes_have_ended(self):
        dispatcher, worker = self.process("sleep 0.05"), self.process("sleep 0.1")
        answers = self.running(dispatcher.pid, workers=[workers(("ready", worker.pid))], stop=[{}])
        self.assertEqual(self.stop(), 0)
        self.assertEqual([request for request, _ in answers.asked], ["workers", "stop"])
        for process in (dispatcher, worker):
            self.assertIsNotNone(os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))

    def test_a_dispatcher_that_does_not_end_is_waited_for_to_the_timeout(self):
        self.running(self.process().pid, workers=[workers(("ready", 0))], stop=[{}])
        with self.assertRaisesRegex(Failure, "'x' still runs 0.03 s after it was told to stop: give a longer"):
            self.stop(timeout=0.03)

    def test_so_is_a_worker(self):
        dispatcher = self.process("exit 0")
        stuck = self.process()
        self.running(dispatcher.pid, workers=[workers(("absent", 0), ("ready", stuck.pid))], stop=[{}])
        with self.assertRaisesRegex(Failure, "'x' still runs"):
            self.stop(timeout=0.03)

    def test_no_process_is_signalled(self):
        worker = self.process()
        self.running(self.process("exit 0").pid, workers=[workers(("ready", worker.pid))], stop=[{}])
        with self.assertRaises(Failure):
            self.stop(timeout=0.03)
        self.assertIsNone(worker.poll())

    def test_what_a_worker_says_that_is_no_pid_is_passed_over(self):
        nonsense = [("ready", pid) for pid in (-1, 1 << 40, "x", None, 4194304)]
        self.running(self.process("exit 0").pid, workers=[workers(*nonsense)], stop=[{}])
        self.assertEqual(self.stop(), 0)

    def test_a_refusal_is_one_line(self):
        self.running(os.getpid(), workers=[OSError("the run is ending")])
        with self.assertRaisesRegex(Failure, "'x' cannot be told to stop: the run is ending"):
            self.stop()

    def hold_log(self):
        fd = os.open(self.places.log("x"), os.O_RDWR | os.O_CREAT, 0o600)
        self.addCleanup(os.close, fd)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    def test_the_supervisor_of_start_is_waited_for_by_its_log(self):
        self.hold_log()
        self.running(self.process("exit 0").pid, workers=[workers()], stop=[{}])
        begun = time.monotonic()
        self.assertEqual(self.stop(timeout=0.2), 0)
        self.assertGreaterEqual(time.monotonic() - begun, 0.2)

    def test_a_log_that_is_released_ends_the_wait(self):
        fcntl.flock(self.hold_log(), fcntl.LOCK_UN)
        with mock.patch.object(time, "sleep", lambda _: self.fail("it waits for a log that is free")):
            commands.await_log_release(self.places.log("x"), time.monotonic() + 60)

    def test_a_link_in_its_place_is_not_followed(self):
        self.hold_log()
        os.rename(self.places.log("x"), self.path("held"))
        os.symlink(self.path("held"), self.places.log("x"))
        with mock.patch.object(time, "sleep", lambda _: self.fail("it waits for what is no log of ours")):
            commands.await_log_release(self.places.log("x"), time.monotonic() + 60)

    def test_a_pipe_in_its_place_is_not_waited_for(self):
        os.mkfifo(self.places.log("x"))
        commands.await_log_release(self.places.log("x"), time.monotonic() + 60)

    def test_without_a_log_there_is_nothing_to_wait_for(self):
        commands.await_log_release(self.path("none"), time.monotonic() + 60)


class Add(CommandTest):
    def test_it_returns_when_the_worker_is_ready(self):
        states = [workers(("ready", 7), (state, 8)) for state in ("absent", "starting", "starting", "ready")]
        self.running(add=[{"worker": 1}], workers=states)
        self.assertEqual(self.call(commands.add), (0, "worker 1 of 'x' is ready\n"))

    def test_without_a_supervisor_it_says_what_to_do(self):
        self.running(add=[{"worker": 1}], workers=[workers(("ready", 7), ("absent", 0))])
        with self.assertRaisesRegex(Failure, "start it yourself: flow-worker -n x -k 1"):
            self.call(commands.add)

    def test_one_that_does_not_become_ready_is_said(self):
        self.running(add=[{"worker": 0}], workers=[workers(("starting", 7))])
        with self.assertRaisesRegex(Failure, "worker 0 of 'x' did not become ready within"):
            self.call(commands.add)

    def test_a_refusal_is_one_line(self):
        self.running(add=[OSError("--max-workers at the start gives more")])
        with self.assertRaisesRegex(Failure, "'x': --max-workers at the start gives more"):
            self.call(commands.add)


class Attached(CommandTest):
    """Where workers are programs of --attach."""

    def test_an_added_one_may_take_long_before_it_opens_its_device(self):
        for attached, looks in ((True, 30), (False, 3)):
            path = self.path("flow-balancer", "x.status")
            end = Outcome(path, "x", True, attached=attached)
            with mock.patch.object(commands, "ADD_TIMEOUT_S", 0.0), mock.patch.object(commands, "START_TIMEOUT_S", 30):
                self.running(add=[{"worker": 0}], workers=[workers(("absent", 0))] * looks + [workers(("ready", 5))])
                if attached:
                    self.assertEqual(self.call(commands.add), (0, "worker 0 of 'x' is ready\n"))
                else:
                    with self.assertRaisesRegex(Failure, "no process started worker 0 of 'x' within 0.0 s"):
                        self.call(commands.add)
            end.end(0)


class Attach(CommandTest):
    """A program by hand: what is checked before it takes our place."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("shm"))
        self.places = Places(
            "/scripts", environ={"FB_BUILD": self.folder, "PATH": self.path("bin"), "A": "b"}, shm=self.path("shm")
        )
        self.write("flow-dispatcher", "", 0o700)
        self.shim = self.write("libflowbalancer-pcap.so", "")
        os.mkdir(self.path("bin"))
        self.program = self.write("bin/tool", "#!/bin/sh\n", 0o700)

    def attach(self, *words, **options):
        options = argparse.Namespace(**{"name": None, "config": None, **options})
        executed = []
        path = mock.patch.dict(os.environ, {"PATH": self.path("bin")})
        with path, mock.patch.object(commands.os, "execve", lambda *all: executed.append(all)):
            commands.attach(Call(options, list(words), self.places, None))
        return executed[0]

    def refused_with(self, part, status, *words, **options):
        with self.assertRaisesRegex(Failure, part) as caught:
            self.attach(*words, **options)
        self.assertEqual(caught.exception.status, status)

    def test_it_becomes_the_program_with_its_words_and_the_library(self):
        self.write("shm/x.ctl", "")
        program, words, environ = self.attach("tool", "-i", "fb:x:1", "100%", name="x")
        self.assertEqual((program, words), (self.program, ["tool", "-i", "fb:x:1", "100%"]))
        self.assertEqual(environ["LD_PRELOAD"], self.shim)
        self.assertEqual(environ["A"], "b")
        self.assertNotIn("FB_ATTACH_GROUP", environ)

    def test_an_instance_that_is_not_there_is_said_whether_asked_for_or_in_the_command(self):
        self.refused_with("^no instance 'x' is running: start it first", 1, "tool", name="x")
        self.refused_with("^no instance 'y' is running", 1, "tool", "-i", "fb:y:3")
        self.attach("tool", "-i", "eth0")

    def test_one_of_another_user_is_said(self):
        self.write("shm/x.ctl", "")
        self.places.uid += 1
        self.refused_with("^instance 'x' belongs to user .*: run this as that user", 1, "tool", "-i", "fb:x")

    def test_what_cannot_be_preloaded_or_is_not_there_is_said(self):
        self.refused_with("^attach: 'none' cannot be run: it is in no folder of PATH", 2, "none")
        with open(self.program, "wb") as file:
            file.write(b"\x7fELF\x02\x01" + bytes(26) + (64).to_bytes(8, "little") + bytes(14) + b"\x38\0\1\0" + bytes(62))
        self.refused_with("^attach: .*/tool cannot be preloaded: it is statically linked", 2, "tool")
        os.unlink(self.shim)
        self.refused_with("^attach: libflowbalancer-pcap.so is not in", 2, "tool")


class Restart(CommandTest):
    def test_it_returns_when_another_process_is_ready(self):
        states = [workers(("ready", 7)), workers(("ready", 7)), workers(("vacant", 0)), workers(("ready", 8))]
        answers = self.running(restart=[{}], workers=states)
        self.assertEqual(self.call(commands.restart, worker=0), (0, "worker 0 of 'x' was restarted\n"))
        self.assertEqual(len(answers.answers["workers"]), 1)

    def test_the_same_process_is_no_restart(self):
        self.running(restart=[{}], workers=[workers(("ready", 7))])
        with self.assertRaisesRegex(Failure, "worker 0 of 'x' is not ready again"):
            self.call(commands.restart, worker=0)

    def test_all_are_those_that_serve_one_after_the_other(self):
        first = workers(("ready", 1), ("absent", 0), ("lost", 0), ("draining", 4), ("starting", 5))
        answers = self.running(restart=[{}], workers=[first, *[first, workers(("ready", 9))] * 2])
        with mock.patch.object(commands, "restart_one", lambda _, number: answers.asked.append(number)):
            self.call(commands.restart, worker="all")
        self.assertEqual(answers.asked[1:], [0, 4])

    def test_a_number_that_is_not_there_is_said_before_anything_is_asked(self):
        answers = self.running(restart=[{}], workers=[workers(("ready", 1))])
        with self.assertRaisesRegex(Failure, "'x' has no worker number 1"):
            self.call(commands.restart, worker=1)
        self.assertNotIn("restart", [request for request, _ in answers.asked])


class Drain(CommandTest):
    def test_drain_names_the_worker(self):
        answers = self.running(drain=[{}])
        status, text = self.call(commands.drain, worker=3)
        self.assertEqual(status, 0)
        self.assertEqual(answers.asked, [("drain", {"worker": 3})])
        self.assertIn("worker 3 of 'x' gets no new flows", text)


NO_SUPERVISOR = "'x' has no supervisor: its workers were not told to read their rules again\n"


class Reload(CommandTest):
    def reload(self, **answer):
        self.running(reload=[{"reload": 1, **answer}])
        return self.call(commands.reload)

    def test_reload_says_which_filter_there_is_now(self):
        text = "the filter of 'x' is now \"tcp port 80\"\n"
        self.assertEqual(self.reload(filter="tcp port 80"), (0, text + NO_SUPERVISOR))

    def test_it_is_waited_for_longer_than_other_requests_but_not_for_ever(self):
        answers = self.running(reload=[{"reload": 1, "filter": "tcp"}])
        self.call(commands.reload)
        self.assertEqual(answers.asked, [("reload", {"limit_s": commands.RELOAD_TIMEOUT_S})])
        answers.ask = mock.Mock(side_effect=TimeoutError("timed out"))
        with self.assertRaisesRegex(Failure, "no answer after 120 s: the filter may still be compiled, and .*x.log"):
            self.call(commands.reload)

    def test_a_filter_is_no_command_to_the_terminal(self):
        self.assertEqual(self.reload(filter="\x1b[2J")[1], "the filter of 'x' is now \"?[2J\"\n" + NO_SUPERVISOR)

    def test_or_that_there_is_none(self):
        self.assertIn("has no filter now", self.reload()[1])

    def test_where_nothing_can_be_read_again_that_is_an_error(self):
        with self.assertRaisesRegex(Failure, "'x': reload: it is from nowhere"):
            self.reload(filter="tcp", kept="it is from nowhere")


class Rules(CommandTest):
    """After the filter: how the workers read their rules again."""

    def setUp(self):
        super().setUp()
        self.supervisor = Outcome(self.places.outcome("x"), "x", True, "/the/log")
        reload = {"reload": 4, "filter": "tcp"}
        self.answers = self.running(os.getpid(), reload=[reload], workers=[workers(("ready", 1))])

    def note(self, number=4, pid=None, **found):
        self.supervisor.note_reload({"dispatcher": pid or os.getpid(), "number": number, **found})

    def reload(self):
        """What it printed after the filter."""
        status, text = self.call(commands.reload)
        self.assertEqual(status, 0)
        return text.removeprefix("the filter of 'x' is now \"tcp\"\n")

    def refused(self):
        with contextlib.redirect_stdout(io.StringIO()), self.assertRaises(Failure) as caught:
            self.reload()
        self.assertEqual(caught.exception.status, 1)
        return str(caught.exception)

    def test_who_did_is_said(self):
        self.note(done=[0])
        self.assertEqual(self.reload(), "worker 0 of 'x' read the rules again\n")
        self.note(done=[0, 2, 63], deaf=[1])
        self.assertEqual(
            self.reload(),
            "workers 0, 2, 63 of 'x' read the rules again\n"
            "worker 1 of 'x' cannot read rules again: no handler of SIGHUP\n",
        )

    def test_programs_of_attach_are_named_with_what_starts_them_again(self):
        self.note(foreign=[0, 1])
        self.assertEqual(
            self.reload(),
            "workers 0, 1 of 'x' were not told: what signals mean to a program of --attach is its own affair; "
            "'flow-balancer restart all -n x' starts new copies\n",
        )

    def test_who_did_not_is_an_error_with_the_log(self):
        for result, text in (
            ("failed", "could not read the rules again, and keep the old ones"),
            ("silent", "did not read the rules again within 10 s"),
            ("died", "died while reading the rules again, and those after it keep the old ones"),
        ):
            self.note(done=[0], **{result: [1, 2]})
            self.assertEqual(self.refused(), f"'x': workers 1, 2 {text}: see /the/log")
        self.note(failed=[1], silent=[2])
        self.assertRegex(self.refused(), "^'x': worker 1 could not .*; worker 2 did not .*: see /the/log$")

    def test_a_later_reload_counts_too_but_none_before_and_none_of_another_dispatcher(self):
        self.note(number=5, done=[0])
        self.assertIn("worker 0 ", self.reload())
        for number, pid in ((3, None), (4, os.getppid())):
            self.note(number=number, pid=pid, failed=[1])
            writer = threading.Timer(0.1, lambda: self.note(done=[7]))
            writer.start()
            self.assertIn("worker 7 ", self.reload())
            writer.join()

    def test_a_run_that_ends_meanwhile_needs_no_rules_any_more(self):
        ended = "'x' has ended meanwhile: no other worker reads the rules again\n"
        self.note(done=[0], ended=True)
        self.assertEqual(self.reload(), "worker 0 of 'x' read the rules again\n" + ended)
        self.note(number=3)
        ender = threading.Timer(0.1, lambda: self.supervisor.end(0))
        ender.start()
        self.assertEqual(self.reload(), ended)
        ender.join()

    def test_a_dispatcher_that_dies_and_is_followed_by_another_is_an_error(self):
        dispatcher = self.process()
        self.answers.pid = dispatcher.pid
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)

        def follow():
            dispatcher.kill()
            time.sleep(0.1)
            listener.bind(self.places.socket("x"))
            listener.listen()

        killer = threading.Timer(0.1, follow)
        killer.start()
        self.assertIn("its dispatcher died before", self.refused())
        killer.join()

    def test_it_is_not_waited_for_ever(self):
        with mock.patch.object(commands, "ANSWER_S", 0.02):
            self.assertEqual(self.refused(), "'x': not all workers are done with their rules after 0 s: see /the/log")

    def test_a_filter_that_stays_is_no_error_where_rules_were_read(self):
        self.answers.answers["reload"] = [{"reload": 4, "filter": "tcp", "kept": "it is from nowhere"}]
        self.note(done=[0])
        self.assertEqual(self.reload(), "worker 0 of 'x' read the rules again\n")
        self.note(deaf=[0])
        self.assertEqual(self.refused(), "'x': reload: it is from nowhere")

    def test_nonsense_of_another_user_is_not_printed(self):
        self.note(done=["\x1b[2J", 3, True, None], failed="\x1b", died=5)
        self.assertEqual(self.reload(), "worker 3 of 'x' read the rules again\n")


class Status(CommandTest):
    """Of an instance that does not run: flow-stat is not even asked."""

    def setUp(self):
        super().setUp()
        patch = mock.patch.object(Places, "owner", lambda *_: self.owner)
        patch.start()
        self.addCleanup(patch.stop)
        self.owner = None

    def check(self):
        commands.check_ended("x", self.places)

    def end(self, status=None, log="/the/log"):
        run = Outcome(self.places.outcome("x"), "x", True, log)
        if status is None:
            os.close(run.fd)
        else:
            run.end(status)

    def test_it_says_how_the_last_run_ended(self):
        self.end(0)
        with self.assertRaisesRegex(Failure, "'x' is not running: it ended with exit status 0 at 20[^ ]+: see /the/log"):
            self.check()
        self.end(1, log=None)
        with self.assertRaisesRegex(Failure, "'x' is not running: it ended with exit status 1 at 20[^ ]+$") as caught:
            self.check()
        self.assertEqual(caught.exception.status, 1)

    def test_or_that_its_supervisor_was_killed(self):
        self.end()
        with self.assertRaisesRegex(Failure, "'x' is not running: its supervisor was killed: see /the/log"):
            self.check()

    def test_what_runs_is_shown(self):
        run = Outcome(self.places.outcome("x"), "x", True)
        self.addCleanup(os.close, run.fd)
        self.check()

    def test_so_is_what_was_never_there(self):
        self.check()

    def test_so_is_one_that_another_program_started_since(self):
        self.end(1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self.places.socket("x"))
            listener.listen()
            self.check()

    def test_so_is_that_of_another_user(self):
        self.end(1)
        self.owner = self.places.uid + 1
        self.check()

    def test_nonsense_in_its_place_is_no_end(self):
        for text in ("", "[]", "{", '{"status": "1"}', '{"status": 256}', '{"status": true}', "null", "1"):
            self.write("flow-balancer/x.status", text)
            with self.assertRaisesRegex(Failure, "its supervisor was killed"):
                self.check()


class Absent(CommandTest):
    def test_an_instance_that_does_not_run_is_one_line_with_its_path(self):
        for command, options in ((commands.stop, {"timeout": 1, "now": False}), (commands.add, {}), (commands.reload, {}),
                                 (commands.drain, {"worker": 0}), (commands.restart, {"worker": "all"})):  # fmt: skip
            with self.assertRaisesRegex(Failure, "no instance 'x' is running: .*flow-balancer/x.sock"):
                self.call(command, **options)

    def test_so_is_one_whose_dispatcher_was_killed(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self.places.socket("x"))
        with self.assertRaisesRegex(Failure, "no instance 'x' is running"):
            self.call(commands.stop, timeout=1, now=False)
