# SPDX-License-Identifier: BSD-2-Clause
"""One process that we started: its pidfd, its end. Must not know which program it runs."""

import os
import selectors
import signal
import subprocess

STANDARD_ERROR = 2  # as a stream of a child


class Child:
    """A process of ours in a session of its own, with these descriptors of ours beside the standard streams.

    It gets SIGTERM should we die: it asks for that itself (--parent), since the kernel forgets what
    setpriv asked for when it runs a program with file capabilities, which a dispatcher on an
    interface may well have.
    """

    is_foreign = False  # it is a program of ours

    def __init__(self, argv, stdin=None, stdout=None, kept=()):
        program, *words = argv
        argv = [program, "--parent", str(os.getpid()), *words]
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=stdout, pass_fds=kept, start_new_session=True)
        self.pid = self.process.pid
        self.pidfd = os.pidfd_open(self.pid)

    def kill(self, signum):
        try:
            signal.pidfd_send_signal(self.pidfd, signum)
        except ProcessLookupError:
            pass  # it has ended and its pidfd is about to say so

    def handles(self, signum):
        """Whether the program does something of its own at this signal, which else is ignored or kills it."""
        try:
            with open(f"/proc/{self.pid}/status", encoding="utf-8", errors="replace") as status:
                masks = [line.split()[1] for line in status if line.startswith("SigCgt:")]
        except OSError:
            return False
        return any(int(mask, 16) >> (signum - 1) & 1 for mask in masks)

    def left_behind(self):
        """What it starts is not ours to wait for."""
        return None

    def await_end(self, seconds):
        """Waits for its end; whether that came in time."""
        with selectors.PollSelector() as selector:
            selector.register(self.pidfd, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def reap(self):
        """The exit status, negative for a signal. Waits unless the pidfd has become readable."""
        os.close(self.pidfd)
        return self.process.wait()


def describe(status):
    """What reap() returned, in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"signal {-status}"
