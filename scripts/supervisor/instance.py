# SPDX-License-Identifier: BSD-2-Clause
"""A running instance, asked by name over its control socket. Must not know which command asks."""

import time

from .control import Control
from .failure import Failure

READY_POLL_S = 0.05  # how often a worker's state is asked for


class Instance:
    """What goes wrong ends the program with one line that names the instance."""

    def __init__(self, name, places, connect=Control):
        self.name = name
        self.path = places.socket(name)
        self.connect = connect

    def open(self):
        """A connection; Failure if no process listens, OSError if it cannot be reached."""
        try:
            return self.connect(self.path)
        except (FileNotFoundError, ConnectionRefusedError):
            raise Failure(f"no instance '{self.name}' is running: nobody listens at {self.path}") from None

    def ask(self, request, **fields):
        try:
            with self.open() as control:
                return control.ask(request, **fields)
        except OSError as error:
            raise Failure(f"'{self.name}': {error.strerror or error}") from None

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
