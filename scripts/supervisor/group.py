# SPDX-License-Identifier: BSD-2-Clause
"""A program that knows nothing of us, with all processes that it starts. Must not know which program it is.

It leads a process group of its own, and signals go to the whole group: the process that has the worker number may
be a child of it. The group's number is ours as long as its leader is not reaped, so that comes last of all.

What outlives its parent becomes a child of ours, see adopt_orphans(). So the rest of a group is found when its leader
has ended, and so is what has left the group, by the mark in its environment.
"""

import errno
import os
import signal
import subprocess

from .child import Child

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option, value):
    import ctypes  # takes a while, and only these runs need it

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def adopt_orphans():
    """From now on a descendant whose parent has ended is a child of this process."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def own_children():
    """The pids of this process's children, those that have ended and are not reaped among them."""
    found = []
    try:
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/children", encoding="ascii") as children:
                found += map(int, children.read().split())
    except OSError:
        return scan_for_children()  # a kernel without that
    return found


def scan_for_children():
    """The same, from all processes that there are."""
    parent = str(os.getpid())
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and parent_of(pid) == parent]


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[1]  # a name may have a parenthesis in it
    except (OSError, IndexError):
        return None  # it has just gone


def reap_adopted(known):
    """Those of our children that have ended and are none of these, which are reaped by others."""
    for pid in set(own_children()) - set(known):
        reap_if_ended(pid)


def reap_if_ended(pid):
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


class Group(Child):
    """mark: an entry of the environment, as bytes, that only these processes have. cpus: on which they run; all if empty.

    Should we die, the leader gets SIGTERM, and the dispatcher, which ends the run then, ends the rest.
    """

    is_foreign = True

    def __init__(self, argv, environment, mark, cpus=(), stdin=None, stdout=None):
        parent = os.getpid()

        def enter():
            prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)
            if cpus:
                os.sched_setaffinity(0, cpus)

        try:
            self.process = subprocess.Popen(
                argv, env=environment, stdin=stdin, stdout=stdout, start_new_session=True, preexec_fn=enter
            )
        except subprocess.SubprocessError:
            raise OSError(errno.EINVAL, f"it cannot run on CPU {','.join(map(str, cpus))}") from None
        self.mark = mark
        self.pid = self.process.pid
        self.pidfd = os.pidfd_open(self.pid)
        self.is_reaped = False
        self.left_some = False  # processes were left when the leader had ended

    def kill(self, signum):
        if self.is_reaped:
            return
        try:
            os.killpg(self.pid, signum)
        except (ProcessLookupError, PermissionError):
            pass
        for pid in self.adopted():
            try:
                os.kill(pid, signum)  # a child of ours, and not reaped: the pid is still its own
            except (ProcessLookupError, PermissionError):
                pass

    def left_behind(self):
        """A pidfd of a process that the leader, which has ended, has left; the caller's to close. None: there is none."""
        for pid in self.adopted():
            if not reap_if_ended(pid):
                self.left_some = True
                return os.pidfd_open(pid)
        return None

    def adopted(self):
        """The pids of our children that are of this group, or have left it."""
        return [pid for pid in own_children() if pid != self.pid and self.is_of_us(pid)]

    def is_of_us(self, pid):
        try:
            if os.getpgid(pid) == self.pid:
                return True
            with open(f"/proc/{pid}/environ", "rb") as environ:
                return self.mark in environ.read().split(b"\0")
        except OSError:
            return False

    def reap(self):
        self.is_reaped = True
        return super().reap()
