# SPDX-License-Identifier: BSD-2-Clause
"""How a run ended: a file beside its log. Must not know how a run goes, nor who asks.

The supervisor of a run makes the file anew, holds it locked for as long as it lives, and writes its
exit status into it last of all. So the lock says whether the run is over, whatever ended it, and a
file of an earlier run is never taken for that of a later one.
"""

import fcntl
import json
import os

from .failure import Failure
from .log import stamp

RECORD_BYTES = 4096  # far more than a record has; the file may be another user's


def remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass


class Turn:
    """Of two runs of one name that begin at the same time one makes its file before the other looks for it."""

    def __init__(self, folder):
        self.fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self):
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def __exit__(self, *_):
        os.close(self.fd)


class Outcome:
    """The file of our own run. keep: whether it stays when the run has ended. attached: its workers are other programs."""

    def __init__(self, path, name, keep, log=None, attached=False):
        self.path = path
        self.keep = keep
        self.record = {"started": stamp(), "log": log, "attached": attached}
        self.length = 0  # of the longest record so far, which a shorter one covers
        new = f"{path}.{os.getpid()}"
        try:
            with Turn(os.path.dirname(path)):
                if Watched.running(path):
                    raise Failure(f"'{name}' is already running: stop it, or choose another -n")
                self.make(new)
        except OSError as error:
            remove(new)
            raise Failure(f"cannot make {path}: {error.strerror}: remove what is there") from None

    def make(self, new):
        remove(new)
        self.fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.write()
        os.rename(new, self.path)  # who still reads the old one has it open

    def write(self):
        record = json.dumps(self.record)
        self.length = max(self.length, len(record))
        os.pwrite(self.fd, (record.ljust(self.length) + "\n").encode(), 0)

    def note_reload(self, reload):
        """How the latest reload ended that the workers followed."""
        self.record["reload"] = reload
        try:
            self.write()
        except OSError:
            pass  # a full disk: who waits for it is told that it took too long

    def end(self, status):
        """The run is over, and this is its exit status."""
        self.record.update(ended=stamp(), status=status)
        try:
            self.write()
            if not self.keep and os.path.samestat(os.fstat(self.fd), os.lstat(self.path)):
                os.unlink(self.path)
        except OSError:
            pass  # a full disk: as if we had been killed
        self.close()

    def close(self):
        """Leaves it to a process that we forked, which has the lock as well."""
        os.close(self.fd)


class Watched:
    """The file of a run, as others see it."""

    def __init__(self, fd):
        self.fd = fd

    @classmethod
    def open(cls, path):
        """None if there is none that can be read."""
        try:
            return cls(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
        except OSError:
            return None

    @classmethod
    def running(cls, path):
        """That of a run whose supervisor lives, else None."""
        found = cls.open(path)
        if found and not found.is_held():
            found.close()
            return None
        return found

    def is_held(self):
        try:
            fcntl.flock(self.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        return False

    def read(self):
        """What the supervisor wrote; has no "status" if it was killed."""
        try:
            record = json.loads(os.pread(self.fd, RECORD_BYTES, 0))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def status(self):
        """The exit status of a run that is over; None if its supervisor was killed."""
        status = self.read().get("status")
        return status if type(status) is int and 0 <= status <= 255 else None

    def close(self):
        os.close(self.fd)
