# SPDX-License-Identifier: BSD-2-Clause
"""What one thread waits for: timers, descriptors, signals. Must not know what they are for."""

import heapq
import os
import selectors
import signal
import socket
import time


def ignore(*_):
    """A handler."""


def stop_self():
    """What Ctrl-Z does by itself. Returns when a shell continues us; immediately where none can."""
    handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, handler)


class Loop:
    """Calls an action when its time has come or its descriptor is readable, one after the other."""

    def __init__(self, clock=time.monotonic):
        self.now = clock
        self.selector = selectors.DefaultSelector()
        self.timers = []
        self.timer_count = 0  # keeps timers of the same time in order

    def after(self, seconds, action):
        self.timer_count += 1
        heapq.heappush(self.timers, (self.now() + seconds, self.timer_count, action))

    def cancel_timers(self):
        self.timers.clear()

    def skip(self, seconds):
        """So long nothing ran: no timer has come nearer."""
        self.timers = [(when + seconds, number, action) for when, number, action in self.timers]

    def watch(self, fd, action):
        self.selector.register(fd, selectors.EVENT_READ, action)

    def unwatch(self, fd):
        self.selector.unregister(fd)

    def step(self):
        """Waits for the next event and calls what it is for."""
        timeout = max(0.0, self.timers[0][0] - self.now()) if self.timers else None
        for key, _ in self.selector.select(timeout):
            key.data()
        self.run_due_timers()

    def run_due_timers(self):
        while self.timers and self.timers[0][0] <= self.now():
            heapq.heappop(self.timers)[2]()


class Signals:
    """From its making on, these signals do nothing by themselves, and read() says which arrived."""

    def __init__(self, signums):
        self.reader, self.writer = socket.socketpair()
        for end in (self.reader, self.writer):
            end.setblocking(False)
        signal.set_wakeup_fd(self.writer.fileno(), warn_on_full_buffer=False)
        for signum in signums:
            signal.signal(signum, ignore)  # the number arrives through the socket pair

    def fileno(self):
        return self.reader.fileno()

    def read(self):
        """The numbers of those that arrived, in order; call it when the descriptor is readable."""
        return list(self.reader.recv(4096))

    def close(self):
        signal.set_wakeup_fd(-1)
        self.reader.close()
        self.writer.close()
