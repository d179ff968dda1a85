# SPDX-License-Identifier: BSD-2-Clause
"""What dies again and again: how long to wait before the next process of it, and when to give it up.

Must not know how a process is started, nor what time it is: callers say both.
"""

EXIT_REVOKED = 3  # a crash, but when a run is ended without draining
EXIT_REFUSED = 75  # EX_TEMPFAIL of sysexits.h: a worker found nothing to claim yet

# A worker number is given up at its eighth crash within 10 s: a packet that kills is met
# twice before it is quarantined, so three such packets in a row are survived. So is a dispatcher.
CRASH_LIMIT = 8
CRASH_WINDOW_S = 10.0
RESTART_FIRST_S = 0.05  # the first restart is immediate, the second waits this long; doubles
RESTART_MAX_S = 0.5  # well below the dispatcher's own --failover of 1 s, or waiting would lose the number
CLAIM_FIRST_S = 0.01  # pause before a refused claim is tried again; doubles
CLAIM_MAX_S = 0.2


class Crashes:
    """Those of one worker number, or of the dispatcher."""

    def __init__(self):
        self.recent = []  # when, within the last CRASH_WINDOW_S
        self.count = 0  # all of them

    def note(self, now):
        """Counts a crash; returns the pause before the next start, or None at the limit."""
        self.count += 1
        self.recent = [when for when in self.recent if now - when < CRASH_WINDOW_S] + [now]
        if len(self.recent) >= CRASH_LIMIT:
            return None
        if len(self.recent) == 1:
            return 0.0
        return min(RESTART_FIRST_S * 2 ** (len(self.recent) - 2), RESTART_MAX_S)


class Worker:
    """One worker number."""

    def __init__(self, number, restarts_asked=0, starts=0):
        self.number = number
        self.child = None
        self.awaited = False  # its next start is on a timer
        self.given_up = False
        self.restarts_asked = restarts_asked  # as the dispatcher counts them
        self.revocations = None  # of its processes, when the present one was started; None: not known
        self.claims = None  # of the number, then
        self.crashes = Crashes()
        self.refusals = 0  # refused claims in a row
        # of a program of --attach:
        self.starts = starts  # of the number in this run, which each process is told
        self.holding = None  # whether the present process has the number
        self.former = False  # the present process has served a dispatcher that died
        self.state = None  # the dispatcher's word, when the next process was to be started
        self.held_since = None  # another process has the number
        self.held_said = False

    def note_crash(self, now):
        """Counts a crash; returns the pause before the next start, or None at the limit."""
        self.refusals = 0
        return self.crashes.note(now)

    def forget_dispatcher(self):
        """It has died: the next one counts from 0, and nothing that was meant for it is due."""
        self.awaited = False
        self.restarts_asked = 0
        self.revocations = self.claims = None
        self.holding = self.held_since = None
        self.refusals = 0

    def note_refusal(self):
        """Counts a refused claim; returns the pause before the next start."""
        self.refusals += 1
        return min(CLAIM_FIRST_S * 2 ** min(self.refusals - 1, 10), CLAIM_MAX_S)
