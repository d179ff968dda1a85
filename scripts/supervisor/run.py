# SPDX-License-Identifier: BSD-2-Clause
"""One run, from the dispatcher's start to the end of the last child.

Must not know whether it runs in the foreground, nor what the options mean that it hands on.
"""

import os
import signal
import subprocess

from .child import STANDARD_ERROR, Child, describe
from .control import Control
from .exporter import Exporter
from .failure import EXIT_FAILED, EXIT_USAGE, explain
from .group import Group, adopt_orphans, reap_adopted
from .holding import HELD, OPEN_S, SAY, Holding
from .loop import Loop, Signals, stop_self
from .reload import Reload
from .worker import CRASH_LIMIT, CRASH_WINDOW_S, EXIT_REFUSED, EXIT_REVOKED, Crashes, Worker

CONNECT_FIRST_S = 0.005  # pause between looks for the dispatcher's socket; doubles
CONNECT_MAX_S = 0.1
SETTLE_S = 0.2  # a worker left with 0: by now the dispatcher knows whether it was told to
LEAVE_S = 5.0  # for workers to leave by themselves once the dispatcher has ended
TERMINATE_S = 2.0  # from SIGTERM to SIGKILL for those that did not
HURRY_S = 0.3  # instead of both without draining: what waits is already counted as abandoned
REST_S = 1.0  # from SIGTERM to SIGKILL for what a program of --attach has left behind
HELD_S = 5.0  # a number that another process has is tried so long without a word
REJOIN_S = 30.0  # for workers to finish the rings of a dispatcher that died and join the next one
READY_POLL_S = 0.05  # how often the dispatcher is asked whether all workers are ready
LOOK_S = 0.25  # how often the dispatcher is asked which workers it wants, and which hang
SAME_SIGNAL_S = 1.0  # what comes within it of one counts as the same, as the dispatcher has it
SIGNALS_FORWARDED = 2  # the dispatcher drains at the first, hurries at the second; then all is killed


def has_terminal():
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Supervisor:
    """One dispatcher and its workers.

    What it needs of the system comes in from outside: loop (time and events), spawn (makes a
    Child of argv and its streams), spawn_group (the same of a program of --attach), connect (makes a Control of a path), call (runs a program to its end),
    stop_self (stops this process until it is continued).
    """

    def __init__(self, plan, log, on_ready=None, on_reload=None, loop=None, spawn=Child, spawn_group=Group,
                 connect=Control, call=subprocess.run, terminal=None, stop=stop_self):  # fmt: skip
        self.plan = plan
        self.log = log
        self.on_ready = on_ready
        self.loop = loop or Loop()
        self.spawn = spawn
        self.spawn_group = spawn_group
        self.connect = connect
        self.call = call
        self.stop_self = stop
        self.has_terminal = has_terminal() if terminal is None else terminal
        self.dispatcher = None
        self.dispatcher_status = None  # as reap() returns it, once it has ended
        self.ended_early = False  # it was told to end before it had its handlers, and died of that
        self.dispatcher_crashes = Crashes()
        self.was_listening = True  # or it is the first one: there is nothing of another one before it
        self.unreported = False  # one that listened has died, and what it counted is still to be printed
        self.restarting = False  # it has died, and its next process is on a timer
        self.live = False  # it captures on interfaces, so that another one can go on
        self.stopping = False  # it has said so
        self.added = 0  # workers that it wants beyond those of the plan
        self.drained = set()  # numbers of the plan that it does not want, and not because we gave them up
        self.workers = {number: Worker(number) for number in range(plan.workers)}
        self.reloads_asked = 0  # as the dispatcher counts them
        self.exporter = Exporter(plan.exporter_args(), self.loop, log, spawn)
        self.reload = Reload(self.loop, log, self.ask_workers, self.workers, on_reload)
        self.resume = []  # what tells the next dispatcher to begin with the filter of the one before
        self.listening = False  # the dispatcher does, and has its handlers
        self.hurrying = False  # the dispatcher was asked to end without draining
        self.signals_seen = 0
        self.signal_at = None  # when the last one that counted came
        self.forced_status = 0  # what the run ends with even if the dispatcher is content

    def run(self):
        """To the end of the last child; returns the exit status of the run."""
        signals = Signals((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP))
        self.loop.watch(signals.fileno(), lambda: self.signals_arrived(signals.read()))
        if self.plan.attach:
            adopt_orphans()
        try:
            self.start_dispatcher()
            while self.children() or self.restarting:
                self.loop.step()
        finally:
            self.clear_up()
            self.log.report_lost()
            signals.close()
        return self.status()

    def status(self):
        return max(EXIT_FAILED if self.dispatcher_status < 0 else self.dispatcher_status, self.forced_status)

    def in_hurry(self):
        return self.signals_seen > 1 or self.hurrying

    def clear_up(self):
        """Nothing is left to kill unless an exception of ours cut the run short."""
        for child in self.children():
            child.kill(signal.SIGKILL)
            child.reap()
        self.exporter.end()
        self.reap_adopted()
        died = self.dispatcher_status is None or self.dispatcher_status < 0 or self.ended_early
        if died or not self.was_listening:  # or one before it, and it did not come to replace what that left
            try:
                self.call(self.plan.post_mortem_args("--clean"), check=False, stdout=self.report_output())
            except OSError as error:
                self.log.error(f"what the dispatcher left in shared memory stays there: {explain(error)}")

    # signals

    def signals_arrived(self, arrived):
        """SIGTSTP stops everything; the others end the run, but SIGHUP has filter and rules read again.

        The dispatcher counts that as a reload once the filter is in force, and the workers follow.
        Where there was a terminal SIGHUP says that it is gone, which ends the run as well.
        """
        if signal.SIGTSTP in arrived:
            self.suspend()
            arrived = [signum for signum in arrived if signum != signal.SIGTSTP]
            if not arrived:
                return
        if not self.has_terminal and signal.SIGHUP in arrived:
            if self.dispatcher and self.listening:
                self.dispatcher.kill(signal.SIGHUP)
            if set(arrived) == {signal.SIGHUP}:
                return
        now = self.loop.now()
        if self.signal_at is not None and now - self.signal_at < SAME_SIGNAL_S:
            return
        self.signal_at = now
        self.signals_seen += 1
        if self.signals_seen > SIGNALS_FORWARDED:
            for child in self.children():
                child.kill(signal.SIGKILL)
        elif self.dispatcher:
            self.dispatcher.kill(signal.SIGTERM)
        else:
            if self.restarting:
                self.restarting = False
                self.wait_for_workers()
            self.end_workers(signal.SIGTERM if self.signals_seen == 1 else signal.SIGKILL)

    def suspend(self):
        """Our children are in sessions of their own, so that the terminal does not stop them."""
        began = self.loop.now()
        for child in reversed(self.all_children()):  # the dispatcher before the workers, which it watches
            child.kill(signal.SIGSTOP)
        self.log.erase_status()
        self.stop_self()
        self.loop.skip(self.loop.now() - began)
        for child in self.all_children():
            child.kill(signal.SIGCONT)

    # children

    def all_children(self):
        return self.children() + ([self.exporter.child] if self.exporter.child else [])

    def children(self):
        """Those that the run is made of, and does not end before."""
        found = [worker.child for worker in self.workers.values() if worker.child]
        return found + [self.dispatcher] if self.dispatcher else found

    def watch_child(self, child, on_end):
        """on_end is called once it has ended, and all that it left behind."""

        def ended():
            self.loop.unwatch(child.pidfd)
            left = child.left_behind()
            if left is not None:
                child.kill(signal.SIGTERM)
                self.loop.after(REST_S, lambda: child.kill(signal.SIGKILL))
            self.await_rest(child, left, lambda: on_end(child.reap()))

        self.loop.watch(child.pidfd, ended)
        return child

    def await_rest(self, child, left, on_end):
        """left: a pidfd of a process that it left behind, or None."""
        if left is None:
            on_end()
            return

        def ended():
            self.loop.unwatch(left)
            os.close(left)
            self.await_rest(child, child.left_behind(), on_end)

        self.loop.watch(left, ended)

    def report_output(self):
        """The stream that the readable report goes to: not the one of records."""
        return STANDARD_ERROR if self.plan.sinks.take_output else None

    def start_dispatcher(self):
        argv = [self.plan.program("flow-dispatcher"), *self.resume, *self.plan.dispatcher_args]
        child = self.spawn(argv, kept=self.plan.kept, stdout=self.report_output())
        self.dispatcher = self.watch_child(child, self.dispatcher_ended)
        self.look_for_dispatcher(CONNECT_FIRST_S)

    def dispatcher_ended(self, status):
        self.dispatcher = None
        self.ended_early = status == -signal.SIGTERM and self.signals_seen > 0 and not self.listening
        # The next one may lack what will be there in a moment: memory that workers still hold, an interface.
        cannot_follow = not self.was_listening and not self.ended_early and status not in (0, EXIT_USAGE)
        self.unreported = self.unreported or self.listening
        self.listening = False
        self.dispatcher_status = 0 if self.ended_early else status
        self.loop.cancel_timers()  # restarts and looks, which all are about a living dispatcher
        self.exporter.rearm()
        self.reload.forget()
        for worker in self.workers.values():
            worker.forget_dispatcher()
        if self.dispatcher_status < 0 or cannot_follow:
            self.dispatcher_died(describe(status))
        if not self.restarting:
            self.wait_for_workers()

    def dispatcher_died(self, how):
        """It is started again where another one can go on: what was read of a file cannot be read again."""
        self.restarting = False
        if not self.live or self.stopping or self.signals_seen:
            self.log.error(f"the dispatcher died: {how}; the run ends, and what it left in shared memory is removed")
            return
        pause = self.dispatcher_crashes.note(self.loop.now())
        if pause is None:
            self.log.error(
                f"the dispatcher died {CRASH_LIMIT} times within {CRASH_WINDOW_S:.0f} s, last by {how}: the run ends"
            )
            return
        self.log.error(f"the dispatcher died: {how}; starting another in {pause * 1000:.0f} ms, and all flows are new ones")
        self.forced_status = max(EXIT_FAILED, self.forced_status)
        self.restarting = True
        self.loop.after(pause, self.restart_dispatcher)

    def restart_dispatcher(self):
        if not self.restarting:
            return  # a signal came first
        self.was_listening = False
        try:
            if self.unreported:
                # The next one takes over what is there, so that no name is free meanwhile.
                self.call(self.plan.post_mortem_args("--last-report"), check=False, stdout=self.report_output())
                self.unreported = False
            self.start_dispatcher()
        except OSError as error:  # the program may be replaced just now
            self.dispatcher_died(f"it cannot be started: {error.strerror}")
            if not self.restarting:
                self.wait_for_workers()
            return
        self.restarting = False

    def wait_for_workers(self):
        """No dispatcher follows: workers have some time to leave."""
        leave, terminate = (HURRY_S, HURRY_S) if self.in_hurry() else (LEAVE_S + self.plan.end_s, TERMINATE_S)
        self.loop.after(leave, lambda: self.end_workers(signal.SIGTERM))
        self.loop.after(leave + terminate, lambda: self.end_workers(signal.SIGKILL))

    def end_workers(self, signum):
        for worker in self.workers.values():
            if worker.child:
                self.log.warning(f"worker {worker.number} did not leave by itself: {signal.Signals(signum).name}")
                worker.child.kill(signum)

    # the dispatcher, as it answers

    def ask(self, request, **fields):
        with self.connect(self.plan.socket) as control:
            return control.ask(request, **fields)

    def look_for_dispatcher(self, pause):
        """The workers start when *our* dispatcher listens: one that refuses its options never does."""
        try:
            with self.connect(self.plan.socket) as control:
                found = control.pid == self.dispatcher.pid
        except OSError:
            found = False
        if not found:
            self.loop.after(pause, lambda: self.look_for_dispatcher(min(pause * 2, CONNECT_MAX_S)))
            return
        self.listening = self.was_listening = True
        self.exporter.start()
        self.tell_what_was()
        for worker in self.workers.values():
            if worker.child and self.plan.attach:  # it has served the dispatcher before, and joins no other one
                self.end_former(worker)
            elif worker.child:  # of the dispatcher before
                self.loop.after(REJOIN_S, lambda worker=worker, child=worker.child: self.check_joined(worker, child))
            self.start_worker(worker)
        if self.on_ready:
            self.look_for_ready()
        self.loop.after(LOOK_S, self.look_after_workers)

    def tell_what_was(self):
        """A dispatcher that follows another one is told which workers were drained, given up, and added.

        It has the numbers of the plan only, until others are added.
        """
        drained, added = self.drained, self.added
        try:
            for worker in list(self.workers.values())[: self.plan.workers]:
                if worker.number in drained:
                    self.ask("drain", worker=worker.number)
                    if worker.child:  # the flows that kept it are gone with the dispatcher before
                        worker.child.kill(signal.SIGTERM)
                elif worker.given_up:
                    self.ask("give-up", worker=worker.number)
            for _ in range(added):
                self.ask("add")
        except OSError as error:
            self.log.warning(f"the dispatcher does not have all workers of the one before: {error}")

    def check_joined(self, worker, child):
        if worker.child is child and not self.was_ever_claimed(worker):
            self.log.warning(f"worker {worker.number} did not join the next dispatcher: SIGKILL")
            child.kill(signal.SIGKILL)

    def ask_workers(self):
        """Every number as the dispatcher sees it, and whether it is stopping; nothing if it does not say."""
        try:
            answer = self.ask("workers")
            found = {w["worker"]: w for w in answer["workers"]}
            self.live, self.stopping = bool(answer["live"]), bool(answer["stopping"])
            self.hurrying = bool(answer["hurrying"])
            self.reloads_asked = answer["reloads"]
            self.added = sum(seen["wanted"] for number, seen in found.items() if number >= self.plan.workers)
            unwanted = {number for number, seen in found.items() if number < self.plan.workers and not seen["wanted"]}
            self.drained = {number for number in unwanted if not self.workers[number].given_up}
            if "filter" in answer:
                self.resume = ["--resume-filter", answer["filter"] or ""]
            return found, self.stopping
        except (OSError, KeyError, TypeError) as error:
            self.log.debug(f"the dispatcher does not tell its workers: {error}")
            return {}, None

    def look_for_ready(self):
        found = self.ask_workers()[0]
        if all(found.get(k, {}).get("state") in ("ready", "draining", "stopping") for k in self.workers):
            self.on_ready()
            self.on_ready = None
        else:
            self.loop.after(READY_POLL_S, self.look_for_ready)

    def look_after_workers(self):
        """Starts the workers that the dispatcher wants, and kills those of ours that it has revoked."""
        self.log.report_lost()
        found, stopping = self.ask_workers()
        for number, seen in found.items():
            worker = self.workers.get(number)
            if worker and worker.child and worker.revocations is None:
                worker.revocations, worker.claims = seen["revocations"], seen["claims"]
            if worker and worker.child and worker.revocations != seen["revocations"]:
                self.log.warning(f"worker {number} was revoked and still runs: SIGKILL")
                worker.child.kill(signal.SIGKILL)
            elif worker and worker.child and worker.holding:
                self.look_after_program(worker, seen, stopping)
            elif seen["wanted"] and not stopping:
                if not worker or worker.given_up:
                    starts = worker.starts if worker else 0
                    self.workers[number] = worker = Worker(number, seen["restarts_asked"], starts)
                self.start_worker(worker)
        if found and not stopping:
            self.reload.look(self.dispatcher.pid, self.reloads_asked)
        self.reap_adopted()
        self.loop.after(LOOK_S, self.look_after_workers)

    # workers

    def may_start(self, worker):
        """The one place that decides whether a number gets a process: asked before every start."""
        if not self.listening or worker.child or worker.awaited or worker.given_up:
            return False
        seen = self.ask_workers()[0].get(worker.number)
        worker.revocations, worker.claims = (seen["revocations"], seen["claims"]) if seen else (None, None)
        worker.state = seen["state"] if seen else None
        return seen is None or seen["wanted"]  # one that was drained stays away, however it ended

    def start_worker(self, worker):
        if not self.may_start(worker):
            return
        if self.plan.attach and worker.state in HELD:
            self.wait_for_number(worker)
            return
        start, ended = (self.start_program, self.program_ended) if self.plan.attach else (self.start_own, self.worker_ended)
        try:
            worker.child = self.watch_child(start(worker), lambda status: ended(worker, status))
        except OSError as error:  # the program may be replaced just now
            self.worker_crashed(worker, f"{self.plan.worker_program} cannot be started: {error.strerror}")

    def start_own(self, worker):
        argv = [self.plan.program("flow-worker"), *self.plan.worker_args, "-k", str(worker.number)]
        argv += self.plan.cpu_args(worker.number)
        # The capture may come through our standard input, and the report go through our standard output.
        output = None if self.plan.sinks.take_output else STANDARD_ERROR
        return self.spawn(argv, kept=self.plan.kept, stdin=subprocess.DEVNULL, stdout=output)

    def start_later(self, worker, pause):
        def start():
            worker.awaited = False
            self.start_worker(worker)

        worker.awaited = True
        self.loop.after(pause, start)

    def worker_ended(self, worker, status):
        worker.child = None
        if not self.listening or self.signals_seen > SIGNALS_FORWARDED:
            return  # the next dispatcher, if there is one, gets another process
        if status == 0:
            worker.awaited = True
            self.check_left(worker, status)
        elif status == EXIT_REFUSED and not self.has_claimed(worker):
            self.start_later(worker, worker.note_refusal())
        elif status == EXIT_USAGE and not self.was_ever_claimed(worker):
            self.log.error(f"worker {worker.number} refuses its options: the run ends")
            self.forced_status = EXIT_USAGE
            self.dispatcher.kill(signal.SIGTERM)
        elif status != EXIT_REVOKED or not self.in_hurry():
            self.worker_crashed(worker, describe(status))

    def has_claimed(self, worker):
        """Whether the process that ended had the number: what it ends with then is a crash, whatever it is."""
        seen = self.ask_workers()[0].get(worker.number)
        return bool(seen) and worker.claims is not None and seen["claims"] != worker.claims

    def was_ever_claimed(self, worker):
        """Options that were once taken are right: a program may end with 2 for reasons of its own."""
        seen = self.ask_workers()[0].get(worker.number)
        return bool(seen) and seen["claims"] != 0

    def worker_crashed(self, worker, how):
        pause = worker.note_crash(self.loop.now())
        if pause is None:
            self.give_up(worker, how)
            return
        self.log.warning(f"worker {worker.number} crashed: {how}; starting it again in {pause * 1000:.0f} ms")
        self.start_later(worker, pause)

    def check_left(self, worker, status, settled=False):
        """A worker that left with 0 without having been told to is as missing as one that crashed.

        A program of --attach may end with any status when it is told to.
        """
        found, stopping = self.ask_workers()
        seen = found.get(worker.number)
        if seen and not stopping and seen["restarts_asked"] != worker.restarts_asked:
            worker.restarts_asked = seen["restarts_asked"]
            self.start_later(worker, 0)
        elif not seen or not settled:
            self.loop.after(SETTLE_S, lambda: self.check_left(worker, status, settled=True))
        elif stopping and seen["state"] == "vacant":
            self.worker_crashed(worker, describe(status) if status else "left with packets that wait for it")
        elif stopping or not seen["wanted"]:
            worker.awaited = False
        else:
            self.worker_crashed(worker, describe(status) if status else "left without having been told to")

    def give_up(self, worker, how):
        self.log.error(
            f"worker {worker.number} crashed {CRASH_LIMIT} times within {CRASH_WINDOW_S:.0f} s, "
            f"last by {how}: it is given up and its flows go to the others; fix the "
            f"{'command' if self.plan.attach else 'inspector'}, then 'flow-balancer add -n {self.plan.name}'",
        )
        worker.given_up = True
        self.forced_status = max(EXIT_FAILED, self.forced_status)
        try:
            self.ask("give-up", worker=worker.number)
        except OSError as error:
            self.log.error(f"the dispatcher does not accept that: {error}; it is stopped")
            if self.dispatcher:
                self.dispatcher.kill(signal.SIGTERM)

    # programs of --attach in the place of workers

    def start_program(self, worker):
        attach, number = self.plan.attach, worker.number
        argv = attach.argv(self.plan.name, number, worker.starts)
        environment = attach.environment(number, worker.starts)
        mark = attach.mark(number, worker.starts)
        child = self.spawn_group(
            argv, environment, mark, self.plan.cpus_of(number), stdin=subprocess.DEVNULL, stdout=STANDARD_ERROR
        )
        worker.starts += 1
        worker.former = worker.held_said = False
        worker.held_since = None
        worker.refusals = 0
        worker.holding = Holding(self.loop.now(), worker.claims, worker.restarts_asked)
        return child

    def wait_for_number(self, worker):
        """Another process has it: of the copy before, which is about to be gone, or one that something else started."""
        worker.held_since = self.loop.now() if worker.held_since is None else worker.held_since
        if not worker.held_said and self.loop.now() - worker.held_since >= HELD_S:
            worker.held_said = True
            self.log.warning(
                f"worker {worker.number}: a process that is none of ours has the number, see "
                f"'flow-balancer status -n {self.plan.name}': end it, and a copy is started"
            )
        self.start_later(worker, worker.note_refusal())

    def look_after_program(self, worker, seen, stopping):
        action = worker.holding.look(seen, stopping, self.loop.now())
        if action == SAY:
            self.log.warning(
                f"worker {worker.number}: its program has not taken the number within {OPEN_S:.0f} s: it is to open "
                f"fb:{self.plan.name}:{worker.number}, %d in the command of --attach, or take number %k of instance %n"
            )
        elif action:
            name = signal.Signals(action).name
            self.log.warning(f"worker {worker.number}: its program has lost its number, or left it, and still runs: {name}")
            worker.child.kill(action)

    def end_former(self, worker):
        child = worker.child
        worker.former = True
        self.loop.after(LEAVE_S, lambda: child.kill(signal.SIGTERM))
        self.loop.after(LEAVE_S + TERMINATE_S, lambda: child.kill(signal.SIGKILL))

    def program_ended(self, worker, status):
        """Its status means what it likes: what counts is whether it was told to leave. Then it may have any."""
        child, worker.child = worker.child, None
        if child.left_some and status == 0:
            self.log.warning(
                f"worker {worker.number}: its program ended and left processes behind, which were ended too: have it "
                "stay in the foreground"
            )
        if self.signals_seen > SIGNALS_FORWARDED:
            return
        told = not self.listening or self.was_told_to_leave(worker)
        if told and status and not self.in_hurry():
            self.log.warning(f"worker {worker.number}: its program ended with {describe(status)} when its packets had ended")
        if not self.listening:
            return
        if worker.former:
            self.start_later(worker, 0)
        elif told or status == 0:
            worker.awaited = True
            self.check_left(worker, status)
        else:
            self.worker_crashed(worker, describe(status))

    def was_told_to_leave(self, worker):
        found, stopping = self.ask_workers()
        seen = found.get(worker.number)
        if not seen:
            return False
        return stopping or not seen["wanted"] or seen["restarts_asked"] != worker.restarts_asked

    def reap_adopted(self):
        if self.plan.attach:
            reap_adopted({child.pid for child in self.all_children()})
