# SPDX-License-Identifier: BSD-2-Clause
"""A reload's round: the workers read their rules again, one after the other.

    dispatcher: one reload more --look--> round --each worker in turn--> told

Each gets SIGHUP once it serves its number, and its own counts, which the dispatcher has, say how that
went. It goes on after a failure, where the old rules stay, and after a worker that does not answer. It
ends with a worker that dies meanwhile: rules that kill their readers are not given to the next one.
Must not know what the rules are, nor how the dispatcher is asked.
"""

import signal

POLL_S = 0.05
ANSWER_S = 10.0  # for one worker: one that reads for longer than --hang, 5 s, is revoked if packets wait
SERVING = ("ready", "draining")
DONE, FAILED, SILENT, DIED, DEAF, FOREIGN = "done", "failed", "silent", "died", "deaf", "foreign"
RESULTS = (DONE, FAILED, SILENT, DIED, DEAF, FOREIGN)
PASSED_OVER = "passed over"  # its process ended before it was told: the next one begins with the rules that are there


class Turn:
    """That of one worker, and of the process that it has now."""

    def __init__(self, worker):
        self.worker = worker
        self.child = worker.child
        self.before = None  # its counts when it was told; None: not yet
        self.crashes = worker.crashes.count
        self.looks = 0

    def result(self, seen):
        """After one look at what the dispatcher says of the worker, or nothing: one of RESULTS, or None."""
        if self.child is None:  # it crashed while others were told, and waits to be started
            return PASSED_OVER
        if self.child.is_foreign:  # to many programs it means their end, to others new files
            return FOREIGN
        if self.worker.child is not self.child:
            if self.before is None:
                return PASSED_OVER
            return DIED if self.worker.crashes.count != self.crashes else DONE
        self.looks += 1
        if self.before is not None and seen:
            reloads, failures = counts(seen)
            if failures > self.before[1]:
                return FAILED
            if reloads > self.before[0]:
                return DONE
        elif seen and seen["state"] in SERVING:
            if not self.child.handles(signal.SIGHUP):  # it would die of it
                return DEAF
            self.before = counts(seen)
            self.child.kill(signal.SIGHUP)
        return SILENT if self.looks * POLL_S > ANSWER_S else None


def counts(seen):
    return seen["reloads"], seen["reload_failures"]


class Reload:
    """Of one dispatcher after the other; tell is called with how each round ended."""

    def __init__(self, loop, log, ask_workers, workers, tell):
        self.loop = loop
        self.log = log
        self.ask_workers = ask_workers
        self.workers = workers
        self.tell = tell or (lambda _: None)
        self.forget()

    def forget(self):
        """The dispatcher has ended, and all timers are cancelled: the next one counts from 0."""
        self.number = 0  # of the latest that was begun, as the dispatcher counts
        self.turn = None
        self.waiting = []

    def look(self, dispatcher, asked):
        """asked: the number of the dispatcher's latest reload. What comes during a round makes another one."""
        if asked <= self.number or self.turn:
            return
        self.number = asked
        self.found = {"dispatcher": dispatcher, "number": asked, **{result: [] for result in RESULTS}}
        self.waiting = [worker for worker in self.workers.values() if worker.child]
        self.next()

    def next(self):
        self.turn = Turn(self.waiting.pop(0)) if self.waiting else None
        if self.turn:
            self.poll()
        else:
            self.tell(self.found)

    def poll(self):
        found, stopping = self.ask_workers()
        if stopping:
            self.found["ended"] = True
            self.waiting.clear()
            self.next()
            return
        number = self.turn.worker.number
        result = self.turn.result(found.get(number))
        if result is None:
            self.loop.after(POLL_S, self.poll)
            return
        if result in RESULTS:
            self.found[result].append(number)
            self.say(number, result)
        if result == DIED:
            self.waiting.clear()
        self.next()

    def say(self, number, result):
        if result == FAILED:
            self.log.warning(f"worker {number} cannot read its rules again: it keeps the old ones, and has said why")
        elif result == SILENT:
            self.log.warning(f"worker {number} has not read its rules again within {ANSWER_S:.0f} s of being told")
        elif result == DIED:
            self.log.error(f"worker {number} died while it read its rules again: those after it keep the old ones")
        else:
            self.log.debug(f"worker {number}, told to read its rules again: {result}")
