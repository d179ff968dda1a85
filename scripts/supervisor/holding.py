# SPDX-License-Identifier: BSD-2-Clause
"""Whether a program that was started for a worker number has it, and what is done about one that does not.

    opening --claims--> holding --its number is free--> empty-handed --claims again--> holding
       |                                                     |
       +--its number is not wanted-->  SIGTERM, SIGKILL  <---+ after a while

A program ends by itself when its stream does. It is waited for longer if it was told to leave: it has to write what it
has left. One that has lost its number otherwise, as when a child of it died that had it, or that does not end, is ended,
so that another copy can serve the number. Must not know how the dispatcher is asked, nor how a signal is sent.
"""

import signal

HELD = ("starting", "ready", "draining", "stopping")
OPEN_S = 30.0  # after which one that has not opened its device is said: some read rules for long
LEAVE_S = 5.0  # from its number's end to SIGTERM, of one that was told to leave
LOST_S = 2.0  # the same, of one that lost it: one may open its device again, file after file
TERMINATE_S = 2.0  # from SIGTERM to SIGKILL
SAY = "say"  # that it does not open its device


class Holding:
    """Of one process; claims: those of the number before it began."""

    def __init__(self, now, claims, restarts_asked):
        self.began = now
        self.claims = claims
        self.restarts_asked = restarts_asked
        self.has_held = False
        self.free_since = None
        self.told = False  # to leave
        self.said = False
        self.terminated_at = None

    def look(self, seen, stopping, now):
        """What is to be done now: SIGTERM, SIGKILL, SAY or None. seen: what the dispatcher says of the number."""
        ends = stopping and seen["state"] != "vacant"  # for which another process is wanted, to the last
        self.told = self.told or ends or not seen["wanted"] or seen["restarts_asked"] != self.restarts_asked
        self.has_held = self.has_held or self.has_claimed(seen)
        if self.has_held and seen["state"] in HELD:
            self.free_since = self.terminated_at = None
            return None
        if not self.has_held and seen["wanted"] and not stopping:
            return self.is_late(now)
        self.free_since = now if self.free_since is None else self.free_since
        if self.terminated_at is not None:
            return signal.SIGKILL if now - self.terminated_at >= TERMINATE_S else None
        if now - self.free_since < self.patience():
            return None
        self.terminated_at = now
        return signal.SIGTERM

    def has_claimed(self, seen):
        """Also one that has come and gone between two looks."""
        return seen["claims"] != self.claims and (self.claims is not None or seen["state"] in HELD)

    def is_late(self, now):
        if self.said or now - self.began < OPEN_S:
            return None
        self.said = True
        return SAY

    def patience(self):
        if not self.has_held:
            return 0.0
        return LEAVE_S if self.told else LOST_S
