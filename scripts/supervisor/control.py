# SPDX-License-Identifier: BSD-2-Clause
"""The client of a dispatcher's control socket: one JSON object to ask, one to answer.

Must not know what the requests mean.
"""

import json
import socket
import struct
import time

ANSWER_TIMEOUT_S = 2.0
ANSWER_BYTES = 1 << 20
ROOM_POLL_S = 0.01  # how often a full queue of connections is tried again
ATTEMPTS = 3  # of a request whose connection was dropped as idle before it came


class Refusal(OSError):
    """The dispatcher does not do what it was asked, and says why."""


class Control:
    """One connection to a dispatcher; OSError from the constructor means that no process listens."""

    def __init__(self, path):
        self.path = path
        self.socket = connect(path)
        self.pid = peer_of(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, request, limit_s=None, **fields):
        """Returns the answer; OSError if there is none in time or it is a refusal. Some take longer than others."""
        asked = json.dumps({"request": request, **fields}).encode()
        for attempt in range(ATTEMPTS):
            if attempt:
                self.connect_again()
            self.socket.settimeout(limit_s or ANSWER_TIMEOUT_S)
            answer = self.answer(request, asked)
            if not answer.get("dropped"):
                break
        if not answer.get("ok"):
            raise Refusal(printable(answer.get("error", f"'{request}' is refused without a reason")))
        return answer

    def answer(self, request, asked):
        """The object that comes back; a connection that was closed may have left one in which it says why."""
        try:
            self.socket.send(asked)
        except (BrokenPipeError, ConnectionResetError):
            pass
        packet = self.receive()
        if not packet:
            raise OSError(f"the dispatcher closed the connection and did not answer '{request}'")
        try:
            answer = json.loads(packet)
            if not isinstance(answer, dict):
                raise ValueError
        except ValueError:
            raise OSError(f"no JSON object in the answer to '{request}': {packet[:80]!r}") from None
        return answer

    def receive(self):
        try:
            return self.socket.recv(ANSWER_BYTES)
        except ConnectionResetError:  # closed with our request unread: what was sent before is still to be had
            return self.socket.recv(ANSWER_BYTES)

    def connect_again(self):
        """It was dropped while it asked nothing, so what was asked now was not taken."""
        self.socket.close()
        self.socket = connect(self.path)
        if peer_of(self.socket) != self.pid:
            raise OSError("another dispatcher has taken its place")


def connect(path):
    """A connected socket; waits while too many others wait to be taken."""
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connected.settimeout(ANSWER_TIMEOUT_S)
        while True:
            try:
                connected.connect(path)
                return connected
            except BlockingIOError:  # the queue of the listener is full
                if time.monotonic() >= deadline:
                    raise TimeoutError("the dispatcher takes no connection") from None
                time.sleep(ROOM_POLL_S)
    except OSError:
        connected.close()
        raise


def peer_of(connected):
    """The process that listens."""
    return struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def printable(text):
    """The dispatcher may be another user's: nothing that it says is a command to our terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(text))
