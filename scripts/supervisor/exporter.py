# SPDX-License-Identifier: BSD-2-Clause
"""flow-stat as one more child of a run, which has its metrics for Prometheus (--metrics).

Must not know how a run goes: nothing that happens to the exporter changes it.
"""

import re
import signal
import subprocess

from .child import STANDARD_ERROR, describe

INTERVAL_S = 5  # from one writing of a file to the next: below what Prometheus usually waits between two looks
RESTART_FIRST_S = 0.1  # pause before it is started again; doubles
RESTART_MAX_S = 30.0
STABLE_S = 60.0  # one that has lived so long was no mistake
END_S = 2.0  # from SIGTERM to SIGKILL
LISTENS = re.compile(r"([^/]*:)?\d+")


def words(metrics):
    """The options of flow-stat for a value of --metrics: a port, an address with one, or else a file."""
    if LISTENS.fullmatch(metrics):
        return ["--prometheus", "--listen", metrics]
    return ["--prometheus", "--output", metrics, "--every", str(INTERVAL_S)]


class Exporter:
    """argv: None, if there is to be none. spawn makes a Child, loop has timers and descriptors."""

    def __init__(self, argv, loop, log, spawn):
        self.argv = argv
        self.loop = loop
        self.log = log
        self.spawn = spawn
        self.child = None
        self.began = None  # when its process was started
        self.pause = RESTART_FIRST_S
        self.due = None  # when it is to be started again

    def start(self):
        """Where it runs, or is about to be started again, that goes on."""
        if self.argv and not self.child and self.due is None:
            self.start_child()

    def start_child(self):
        self.due = None
        self.began = self.loop.now()
        try:
            # The capture may come through our standard input, and records go through our standard output.
            self.child = self.spawn(self.argv, stdin=subprocess.DEVNULL, stdout=STANDARD_ERROR)
        except OSError as error:  # the program may be replaced just now
            self.start_later(f"it cannot be started: {error.strerror}")
            return
        self.loop.watch(self.child.pidfd, self.ended)

    def ended(self):
        child, self.child = self.child, None
        self.loop.unwatch(child.pidfd)
        self.start_later(describe(child.reap()))

    def start_later(self, how):
        if self.loop.now() - self.began >= STABLE_S:
            self.pause = RESTART_FIRST_S
        self.log.warning(f"the exporter of metrics ended: {how}; starting it again in {self.pause:.1f} s")
        self.due = self.loop.now() + self.pause
        self.pause = min(self.pause * 2, RESTART_MAX_S)
        self.rearm()

    def rearm(self):
        """After all timers were cancelled: its own is not about what they were about."""
        due = self.due
        if due is not None:
            self.loop.after(max(0.0, due - self.loop.now()), lambda: self.start_if_due(due))

    def start_if_due(self, due):
        if self.due == due:
            self.start_child()

    def end(self):
        """With the run. It has a file to remove, but nothing that would take long."""
        self.argv = self.due = None
        child, self.child = self.child, None
        if not child:
            return
        self.loop.unwatch(child.pidfd)
        child.kill(signal.SIGTERM)
        if not child.await_end(END_S):
            child.kill(signal.SIGKILL)
        child.reap()
