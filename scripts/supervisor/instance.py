# SPDX-License-Identifier: BSD-2-Clause
"""A running instance, asked by name over its control socket. Must not know which command asks."""

import pwd
import time

from .control import Control
from .failure import Failure, explain

READY_POLL_S = 0.05  # how often a worker's state is asked for


class NoAnswer(Failure):
    """None within the time that the request may take."""


class Instance:
    """What goes wrong ends the program with one line that names the instance."""

    def __init__(self, name, places, connect=Control):
        self.name = name
        self.places = places
        self.path = places.socket(name)
        self.connect = connect
        self.pid = None  # of the dispatcher that was asked last

    def open(self):
        """A connection; Failure if no process listens that we may talk to, OSError if it cannot be reached."""
        try:
            return self.connect(self.path)
        except (FileNotFoundError, ConnectionRefusedError, PermissionError) as error:
            refused = error
        # A name is one instance on the machine: what listens elsewhere is it, and lets its owner and root ask.
        for path, uid in self.places.other_sockets(self.name):
            if self.places.uid in (uid, 0):
                try:
                    control = self.connect(path)
                except OSError:
                    continue
                self.path = path
                return control
        raise Failure(self.why_not(refused))

    def why_not(self, refused):
        owner = self.places.owner(self.name)
        if owner is not None and owner != self.places.uid:
            who = "that user" if owner == 0 or self.places.uid == 0 else "that user or root"
            return f"instance '{self.name}' belongs to user {user_name(owner)}: run this as {who}"
        if isinstance(refused, PermissionError):
            return f"cannot connect to {self.path}: {refused.strerror}: set XDG_RUNTIME_DIR to a folder of yours"
        return f"no instance '{self.name}' is running: no process listens at {self.path}"

    def log(self):
        """The log of `start` is beside the socket."""
        return self.path.removesuffix(".sock") + ".log"

    def outcome(self):
        """So is what says how its run ended."""
        return self.path.removesuffix(".sock") + ".status"

    def ask(self, request, **fields):
        try:
            with self.open() as control:
                self.pid = control.pid
                try:
                    return control.ask(request, **fields)
                except TimeoutError as error:
                    raise NoAnswer(f"'{self.name}': {explain(error)}") from None
        except OSError as error:
            raise Failure(f"'{self.name}': {explain(error)}") from None

    def workers(self):
        """What the dispatcher says of each worker number."""
        return self.ask("workers")["workers"]

    def worker(self, number):
        for worker in self.workers():
            if worker["worker"] == number:
                return worker
        raise Failure(f"'{self.name}' has no worker number {number}")

    def await_worker(self, number, seconds_left, is_there):
        """Waits until is_there(worker); returns whether it came to that."""
        deadline = time.monotonic() + seconds_left
        while not is_there(self.worker(number)):
            if time.monotonic() >= deadline:
                return False
            time.sleep(READY_POLL_S)
        return True


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
