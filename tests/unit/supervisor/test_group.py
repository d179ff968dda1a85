# SPDX-License-Identifier: BSD-2-Clause
"""A program with all that it starts, with real processes: none of them outlives it."""

import os
import select
import signal
import subprocess
import sys
import time

from fakes import FolderTest
from supervisor import group
from supervisor.group import Group

DEADLINE_S = 60  # a watchdog, not a measurement


class RealGroup(FolderTest):
    def setUp(self):
        super().setUp()
        group.adopt_orphans()
        self.addCleanup(group.prctl, group.PR_SET_CHILD_SUBREAPER, 0)

    def start(self, script, copy="7", **more):
        environment = {**os.environ, "FB_TEST_COPY": copy}
        argv = ["/bin/sh", "-c", script]
        child = Group(argv, environment, b"FB_TEST_COPY=" + copy.encode(), stdin=subprocess.DEVNULL, **more)
        self.addCleanup(self.end, child)
        return child

    def end(self, child):
        child.kill(signal.SIGKILL)
        if not child.is_reaped:
            child.reap()

    def ends(self, pidfd):
        readable, _, _ = select.select([pidfd], [], [], DEADLINE_S)
        self.assertEqual(readable, [pidfd], "it does not end")

    def pid_in(self, name):
        deadline = time.monotonic() + DEADLINE_S
        while not os.path.exists(self.path(name)) or not self.read(name).endswith("\n"):
            self.assertLess(time.monotonic(), deadline, f"no {name}")
            time.sleep(0.005)
        return int(self.read(name))

    def is_gone(self, pid):
        group.reap_adopted([])
        return not os.path.exists(f"/proc/{pid}")

    def rest_of(self, child):
        """Waits for all that the leader has left behind, as the supervisor does."""
        while (left := child.left_behind()) is not None:
            self.ends(left)
            os.close(left)

    def test_it_leads_a_session_and_a_group_of_its_own_and_has_its_environment_and_no_descriptor(self):
        fd = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, fd)
        child = self.start(f'cut -d " " -f 5,6 /proc/$$/stat >{self.path("ids")}; echo $FB_TEST_COPY >>{self.path("ids")}; '
                           f"ls /proc/$$/fd >{self.path('open')}")  # fmt: skip
        self.ends(child.pidfd)
        self.assertIsNone(child.left_behind())
        self.assertEqual(child.reap(), 0)
        self.assertEqual(self.read("ids"), f"{child.pid} {child.pid}\n7\n")
        self.assertNotIn(str(fd), self.read("open").split())

    def test_a_signal_goes_to_all_of_it(self):
        child = self.start(f'sleep 600 & echo $! >{self.path("pid")}; wait')
        pid = self.pid_in("pid")
        child.kill(signal.SIGTERM)
        self.ends(child.pidfd)
        self.rest_of(child)
        self.assertEqual(child.reap(), -signal.SIGTERM)
        self.assertTrue(self.is_gone(pid))

    def test_what_the_leader_leaves_is_found_and_can_be_ended(self):
        child = self.start(f'sleep 600 & echo $! >{self.path("pid")}; exit 3')
        pid = self.pid_in("pid")
        self.ends(child.pidfd)
        left = child.left_behind()
        self.assertIsNotNone(left)
        self.assertTrue(child.left_some)
        child.kill(signal.SIGTERM)
        self.ends(left)
        os.close(left)
        self.assertIsNone(child.left_behind())
        self.assertEqual(child.reap(), 3)
        self.assertTrue(self.is_gone(pid))

    def test_so_is_what_has_left_the_group_by_its_mark(self):
        child = self.start(f'setsid sh -c \'echo $$ >{self.path("pid")}; exec sleep 600\' & exit 0')
        pid = self.pid_in("pid")
        self.ends(child.pidfd)
        self.assertNotEqual(os.getpgid(pid), child.pid)
        child.kill(signal.SIGKILL)
        self.rest_of(child)
        self.assertEqual(child.reap(), 0)
        self.assertTrue(self.is_gone(pid))

    def test_a_process_of_another_copy_is_not_of_it(self):
        other = self.start("exec sleep 600", "8")
        orphan = self.start(f'FB_TEST_COPY=8 setsid sh -c \'echo $$ >{self.path("pid")}; exec sleep 600\' & exit 0')
        pid = self.pid_in("pid")
        self.ends(orphan.pidfd)
        self.assertIsNone(orphan.left_behind())
        self.assertEqual(other.adopted(), [pid])
        orphan.kill(signal.SIGKILL)
        self.assertFalse(self.is_gone(pid))
        self.assertIsNone(other.process.poll())

    def test_children_are_found_among_all_processes_too_whatever_their_names(self):
        os.symlink("/bin/sleep", self.path(") 1 ("))
        child = self.start(f'exec "{self.path(") 1 (")}" 600')
        self.assertIn(child.pid, group.own_children())
        self.assertEqual(sorted(group.scan_for_children()), sorted(group.own_children()))
        self.assertIsNone(group.parent_of("0"))

    def test_once_reaped_it_gets_no_signal(self):
        child = self.start("exit 0")
        self.ends(child.pidfd)
        child.reap()
        signalled = []
        killpg, os.killpg = os.killpg, lambda *words: signalled.append(words)
        try:
            child.kill(signal.SIGTERM)
        finally:
            os.killpg = killpg
        self.assertEqual(signalled, [])

    def test_it_runs_on_its_processor(self):
        cpu = min(os.sched_getaffinity(0))
        child = self.start(f'grep Cpus_allowed_list /proc/self/status >{self.path("cpus")}', cpus=[cpu])
        self.ends(child.pidfd)
        child.reap()
        self.assertEqual(self.read("cpus").split()[1], str(cpu))
        with self.assertRaisesRegex(OSError, "it cannot run on CPU 1023"):
            self.start("exit 0", cpus=[1023])

    def test_it_gets_sigterm_should_we_die(self):
        script = (
            "import sys, os; sys.path[:0] = sys.argv[2:]; from supervisor.group import Group\n"
            "Group(['/bin/sh', '-c', 'echo $$ >' + sys.argv[1] + '; exec sleep 600'], {}, b'x=y'); sys.stdin.read()"
        )
        parent = subprocess.Popen(
            [sys.executable, "-B", "-c", script, self.path("pid"), *sys.path], stdin=subprocess.PIPE
        )
        pid = self.pid_in("pid")
        pidfd = os.pidfd_open(pid)
        self.addCleanup(os.close, pidfd)
        parent.kill()
        parent.communicate()
        self.ends(pidfd)
        self.assertTrue(self.is_gone(pid))

    def test_a_program_that_is_not_there_is_an_error_with_its_name(self):
        with self.assertRaises(FileNotFoundError):
            Group([self.path("none")], {}, b"x=y")
