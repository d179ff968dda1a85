# SPDX-License-Identifier: BSD-2-Clause
"""Writes to standard error that never wait for a reader. Must not know what is written.

The rule is that of shm/common/log_output.h, which also says why: the descriptor is shared with the
dispatcher, the workers and the shell, so O_NONBLOCK is not set on it.
"""

import os
import select
import socket
import stat


class Output:
    """A descriptor that others write to as well. check() comes before all else."""

    def __init__(self, fd=2):
        self.fd = fd
        self.file = None  # device, inode and type of what it was when last checked
        self.terminal = False
        self.journal = False  # its lines go to systemd's journal
        self.own = None  # a second description, which does not wait
        self.socket = None  # or, of a socket, what sends

    def check(self):
        """Looks whether it is still the same file; if not, opens the new one again."""
        try:
            found = os.fstat(self.fd)
        except OSError:  # it is closed
            found = None
        file = found and (found.st_dev, found.st_ino, stat.S_IFMT(found.st_mode))
        if file == self.file:
            return
        self.close()
        self.file = file
        self.terminal = bool(found) and stat.S_ISCHR(found.st_mode) and os.isatty(self.fd)
        self.journal = bool(found) and is_journal(found)
        try:
            if found and stat.S_ISSOCK(found.st_mode):
                self.socket = socket.socket(fileno=os.dup(self.fd))
            elif self.can_wait():
                self.own = self.open_again(found)
        except OSError:
            pass  # it is another user's, /proc is not there, or too many files are open

    def close(self):
        if self.socket:
            self.socket.close()
        if self.own is not None:
            os.close(self.own)
        self.socket = self.own = None

    def can_wait(self):
        return self.terminal or bool(self.file) and self.file[2] in (stat.S_IFIFO, stat.S_IFSOCK)

    def open_again(self, found):
        own = os.open(f"/proc/self/fd/{self.fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        if not os.path.samestat(os.fstat(own), found):
            os.close(own)
            return None
        return own

    def write(self, data):
        """At most PIPE_BUF bytes. Returns how many were written: fewer if there is no room, or on an error."""
        try:
            if self.socket:
                return self.socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            if self.own is not None:
                return os.write(self.own, data)
            if not self.can_wait() or self.is_ready():
                return os.write(self.fd, data)
        except OSError:
            pass
        return 0

    def is_ready(self):
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        return bool(poll.poll(0))


def is_journal(found):
    """JOURNAL_STREAM is still set if the stream was redirected since."""
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
