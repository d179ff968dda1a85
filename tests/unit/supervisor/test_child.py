# SPDX-License-Identifier: BSD-2-Clause
"""A process of ours, with real ones: how it is started, signalled and reaped."""

import os
import select
import signal
import subprocess

from fakes import FolderTest
from supervisor import config
from supervisor.child import Child, describe

DEADLINE_S = 60  # a watchdog, not a measurement


class RealChild(FolderTest):
    def start(self, script, *words, **streams):
        child = Child([self.write("program", "#!/bin/sh\n" + script, 0o700), *words], **streams)
        self.addCleanup(lambda: child.process.poll() is None and child.process.kill())
        return child

    def end_of(self, child):
        readable, _, _ = select.select([child.pidfd], [], [], DEADLINE_S)
        self.assertEqual(readable, [child.pidfd], "the child does not end")
        return child.reap()

    def test_it_is_told_whom_to_follow_and_gets_its_words_in_order(self):
        child = self.start(f'echo "$@" >{self.path("words")}', "-r", "a b", "-w", "2")
        self.assertEqual(self.end_of(child), 0)
        # In front: the last word may be an option that lacks its value.
        self.assertEqual(self.read("words"), f"--parent {os.getpid()} -r a b -w 2\n")

    def test_it_has_a_session_of_its_own_so_that_the_terminal_does_not_signal_it(self):
        child = self.start(f'cut -d " " -f 6 /proc/$$/stat >{self.path("session")}')
        self.assertEqual(self.end_of(child), 0)
        self.assertEqual(int(self.read("session")), child.pid)

    def test_its_standard_input_is_what_it_was_given(self):
        with open(self.write("given", ""), encoding="utf-8") as given:
            for stdin, name in ((given, self.path("given")), (subprocess.DEVNULL, "/dev/null")):
                child = self.start(f'readlink /proc/$$/fd/0 >{self.path("input")}', stdin=stdin)
                self.assertEqual(self.end_of(child), 0)
                self.assertEqual(self.read("input").strip(), name)

    def test_its_standard_output_is_what_it_was_given(self):
        with open(self.path("given"), "w", encoding="utf-8") as given:
            self.assertEqual(self.end_of(self.start("echo hello", stdout=given)), 0)
        self.assertEqual(self.read("given"), "hello\n")

    def test_it_has_the_descriptors_that_are_kept_for_it_and_no_other(self):
        descriptors = [config.keep(self.write("given", text)) for text in ("one\n", "two\n")]
        for fd in descriptors:
            self.addCleanup(os.close, fd)
        script = f'cat {config.kept_path(descriptors[1])} >{self.path("copy")}; ls /proc/$$/fd >{self.path("open")}'
        self.assertEqual(self.end_of(self.start(script, kept=descriptors[1:])), 0)
        self.assertEqual(self.read("copy"), "two\n")
        opened = self.read("open").split()
        self.assertIn(str(descriptors[1]), opened)
        self.assertNotIn(str(descriptors[0]), opened)

    def test_its_status_is_its_exit_status_or_the_signal_that_it_died_of(self):
        self.assertEqual(self.end_of(self.start("exit 7")), 7)
        child = self.start("exec sleep 600")
        child.kill(signal.SIGTERM)
        self.assertEqual(self.end_of(child), -signal.SIGTERM)

    def test_a_signal_to_one_that_has_ended_does_nothing(self):
        child = self.start("exit 0")
        select.select([child.pidfd], [], [], DEADLINE_S)
        os.waitpid(child.pid, 0)
        child.kill(signal.SIGKILL)
        os.close(child.pidfd)

    def test_it_says_which_signals_its_program_handles(self):
        # A shell cannot trap what was ignored when it began, as under nohup.
        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL))
        for script, handles in (
            (f'trap "echo again" HUP; : >{self.path("there")}', True),
            (f'trap "" HUP; : >{self.path("there")}', False),
            (f': >{self.path("there")}', False),
        ):
            child = self.start(script + "; while sleep 0.01; do :; done")
            while not os.path.exists(self.path("there")):
                pass
            self.assertEqual(child.handles(signal.SIGHUP), handles)
            self.assertFalse(child.handles(signal.SIGUSR1))
            child.kill(signal.SIGKILL)
            self.end_of(child)
            os.unlink(self.path("there"))
        self.assertFalse(child.handles(signal.SIGHUP))  # nor does one that has ended

    def test_reaping_closes_the_pidfd(self):
        child = self.start("exit 0")
        pidfd = child.pidfd
        self.end_of(child)
        with self.assertRaises(OSError):
            os.fstat(pidfd)

    def test_a_program_that_is_not_there_is_an_error_with_its_name(self):
        with self.assertRaises(FileNotFoundError) as caught:
            Child([self.path("none")])
        self.assertEqual(caught.exception.filename, self.path("none"))


class Describe(FolderTest):
    def test_a_status_in_words(self):
        self.assertEqual(describe(7), "exit status 7")
        self.assertEqual(describe(0), "exit status 0")
        self.assertEqual(describe(-11), "signal 11 (SIGSEGV)")
        self.assertEqual(describe(-35), "signal 35")
