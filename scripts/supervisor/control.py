# SPDX-License-Identifier: BSD-2-Clause
"""The client of a dispatcher's control socket: one JSON object to ask, one to answer.

Must not know what the requests mean.
"""

import json
import socket
import struct

ANSWER_TIMEOUT_S = 2.0
ANSWER_BYTES = 1 << 20


class Refusal(OSError):
    """The dispatcher does not do what it was asked, and says why."""


class Control:
    """One connection to a dispatcher; OSError from the constructor means that no process listens."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.socket.settimeout(ANSWER_TIMEOUT_S)
            self.socket.connect(path)
            credentials = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            self.socket.close()
            raise
        self.pid = struct.unpack("3i", credentials)[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, request, **fields):
        """Returns the answer; OSError if there is none in time or it is a refusal."""
        self.socket.send(json.dumps({"request": request, **fields}).encode())
        packet = self.socket.recv(ANSWER_BYTES)
        try:
            answer = json.loads(packet)
            if not isinstance(answer, dict):
                raise ValueError
        except ValueError:
            raise OSError(f"no JSON object in the answer to '{request}': {packet[:80]!r}") from None
        if not answer.get("ok"):
            raise Refusal(printable(answer.get("error", f"'{request}' is refused without a reason")))
        return answer


def printable(text):
    """The dispatcher may be another user's: nothing that it says is a command to our terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(text))
