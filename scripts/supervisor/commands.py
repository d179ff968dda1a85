# SPDX-License-Identifier: BSD-2-Clause
"""What each command but `start` does, from its options to its exit status.

Must not know how the dispatcher is asked, nor how a run goes.
"""

import fcntl
import os
import re
import selectors
import time

from . import outcome, preload
from .control import Control, printable
from .failure import EXIT_FAILED, EXIT_USAGE, Failure, explain
from .instance import Instance, NoAnswer, user_name
from .plan import Plan
from .reload import ANSWER_S, DEAF, DIED, DONE, FAILED, FOREIGN, RESULTS, SILENT
from .run import Supervisor

ADD_TIMEOUT_S = 5  # for a supervisor to start the worker that `add` asked for
START_TIMEOUT_S = 60  # above the dispatcher's own --start-timeout of 30 s
RELOAD_TIMEOUT_S = 120  # libpcap needs seconds for some hundred hosts, and the reload before may still run
RELOAD_POLL_S = 0.02  # how often the supervisor's record is read until it has the reload
LOG_POLL_S = 0.02  # how often `stop` looks whether the log is still held


def run(call):
    unnamed = f"run-{os.getpid()}"
    plan = Plan(call, unnamed)
    plan.check_exporter()
    plan.check_worker_options()
    call.places.make_runtime_dir()
    path, keep = call.places.outcome(plan.name), plan.name != unnamed
    end = outcome.Outcome(path, plan.name, keep, attached=bool(plan.attach))
    status = EXIT_FAILED
    try:
        status = Supervisor(plan, call.log, on_reload=end.note_reload).run()
    finally:
        end.end(status)
    return status


def stop(call):
    name = call.name()
    wait = Stop(Instance(name, call.places), call.options.now, call.options.timeout)
    wait.tell()
    wait.await_end()
    status, log = wait.ended()
    if status == 0:
        return 0
    why = f"the reason is in {printable(log)}" if log else "its own output has the reason"
    if status is None:
        raise Failure(f"how '{name}' ended is not known, its supervisor was killed: {why}")
    raise Failure(f"'{name}' ended with exit status {status}: {why}", status)


class Stop:
    """Tells an instance to stop, and waits until nothing of it is left."""

    def __init__(self, instance, now, seconds_left):
        self.instance = instance
        self.request = {"now": True} if now else {}
        self.seconds_left = seconds_left
        self.deadline = time.monotonic() + seconds_left
        self.run = None  # the outcome of the run that was told
        self.told = None  # the pid of the dispatcher that was
        self.watched = []

    def tell(self):
        """While a supervisor lives and no dispatcher listens there will soon be one, or the end."""
        while True:
            try:
                with self.instance.open() as control:
                    self.run = self.run or outcome.Watched.running(self.instance.outcome())
                    self.tell_dispatcher(control)
                return
            except OSError as error:
                raise Failure(f"'{self.instance.name}' cannot be told to stop: {explain(error)}") from None
            except Failure:
                self.run = self.run or outcome.Watched.running(self.instance.outcome())
                if not self.run:
                    raise
            if not self.run.is_held():
                return
            self.pause()

    def tell_dispatcher(self, control):
        self.told = control.pid
        watch_pid(self.watched, control.pid)
        workers = control.ask("workers")["workers"]
        control.ask("stop", **self.request)
        for worker in workers:
            watch_pid(self.watched, worker.get("pid"))

    def await_end(self):
        for pidfd in self.watched:
            selector = selectors.PollSelector()
            selector.register(pidfd, selectors.EVENT_READ)
            if not selector.select(max(0.0, self.deadline - time.monotonic())):
                self.fail()
        while self.run and self.run.is_held():
            self.tell_next()
            self.pause()
        await_log_release(self.instance.log(), self.deadline)

    def tell_next(self):
        """Should the dispatcher have died of something else, its supervisor may have started another."""
        try:
            with self.instance.connect(self.instance.path) as control:
                if control.pid != self.told:
                    self.tell_dispatcher(control)
        except OSError:
            pass  # it ends

    def pause(self):
        if time.monotonic() >= self.deadline:
            self.fail()
        time.sleep(LOG_POLL_S)

    def fail(self):
        raise Failure(
            f"'{self.instance.name}' still runs {self.seconds_left} s after it was told to stop: give a longer --timeout"
        )

    def ended(self):
        """The exit status of the run, None if it left none, and its log. Without a supervisor it is 0."""
        if not self.run:
            return 0, None
        return self.run.status(), self.run.read().get("log")


def watch_pid(watched, pid):
    """Opens a pidfd only to see the process end; it is not ours, so it is never signalled."""
    try:
        if pid:
            watched.append(os.pidfd_open(pid))
    except (OSError, OverflowError, TypeError):
        pass  # it has left already, or what the worker says is no pid


def await_log_release(path, deadline):
    """The supervisor of `start` holds its log until it is done clearing up; it has little left to do."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # of another user it may be anything
    except OSError:
        return
    while time.monotonic() < deadline:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(LOG_POLL_S)
    os.close(fd)


def status(call):
    check_ended(call.name(), call.places)
    become_stat(call, [])


def top(call):
    """Also of an instance that does not run: the view waits for it."""
    become_stat(call, ["--watch"])


def become_stat(call, words):
    program = os.path.join(call.places.program_dir(), "flow-stat")
    options = call.options
    named = [*(["-n", options.name] if options.name else []), *(["--config", options.config] if options.config else [])]
    try:
        os.execv(program, [program, *words, *named, *call.rest])
    except OSError as error:
        raise Failure(f"cannot run {program}: {error.strerror}; run 'make build'") from None


def list_instances(call):
    program = os.path.join(call.places.program_dir(), "flow-stat")
    try:
        os.execv(program, [program, "--list", *(["--json"] if call.options.json else [])])
    except OSError as error:
        raise Failure(f"cannot run {program}: {error.strerror}; run 'make build'") from None


def check_ended(name, places):
    """Failure that says how the latest run of ours ended, if nothing runs under that name."""
    run = outcome.Watched.open(places.outcome(name))
    if not run or run.is_held() or places.owner(name) not in (None, places.uid):
        return
    try:
        with Control(places.socket(name)):
            return  # one without a supervisor
    except OSError:
        pass
    record, status = run.read(), run.status()
    log = f": see {printable(record['log'])}" if record.get("log") else ""
    if status is None:
        raise Failure(f"'{name}' is not running: its supervisor was killed{log}")
    ended = printable(record.get("ended"))
    raise Failure(f"'{name}' is not running: it ended with exit status {status} at {ended}{log}")


def add(call):
    name = call.name()
    instance = Instance(name, call.places)
    number = int(instance.ask("add")["worker"])
    seconds = START_TIMEOUT_S if is_attached(instance) else ADD_TIMEOUT_S
    if not instance.await_worker(number, seconds, lambda w: w["state"] in ("starting", "ready")):
        raise Failure(
            f"no process started worker {number} of '{name}' within {seconds} s: it is wanted; without a "
            f"supervisor start it yourself: flow-worker -n {name} -k {number}"
        )
    if not instance.await_worker(number, START_TIMEOUT_S, lambda w: w["state"] == "ready"):
        raise Failure(f"worker {number} of '{name}' did not become ready within {START_TIMEOUT_S} s")
    print(f"worker {number} of '{name}' is ready")
    return 0


def is_attached(instance):
    """Whether its workers are programs of --attach, which may take long before they open their device."""
    found = outcome.Watched.running(instance.outcome())
    return bool(found) and found.read().get("attached") is True


def drain(call):
    name, number = call.name(), call.options.worker
    Instance(name, call.places).ask("drain", worker=number)
    print(f"worker {number} of '{name}' gets no new flows; it leaves when its flows have ended or moved")
    return 0


def restart(call):
    instance = Instance(call.name(), call.places)
    numbers = [call.options.worker]
    if call.options.worker == "all":
        numbers = [w["worker"] for w in instance.workers() if w["state"] not in ("absent", "lost", "draining")]
    for number in numbers:
        restart_one(instance, number)
    return 0


def restart_one(instance, number):
    name = instance.name
    before = instance.worker(number)
    instance.ask("restart", worker=number)
    if not instance.await_worker(
        number, START_TIMEOUT_S, lambda w: w["state"] == "ready" and w["pid"] != before["pid"]
    ):
        raise Failure(
            f"worker {number} of '{name}' is not ready again after {START_TIMEOUT_S} s; without a supervisor "
            f"start it yourself: flow-worker -n {name} -k {number}"
        )
    print(f"worker {number} of '{name}' was restarted", flush=True)


def reload(call):
    name = call.name()
    instance = Instance(name, call.places)
    try:
        answer = instance.ask("reload", limit_s=RELOAD_TIMEOUT_S)
    except NoAnswer:
        raise Failure(
            f"'{name}': 'reload' has no answer after {RELOAD_TIMEOUT_S} s: the filter may still be compiled, and "
            f"{instance.log()} or the journal will say how that ends"
        ) from None
    kept, found = printable(answer.get("kept") or ""), printable(answer.get("filter") or "")
    if found and not kept:
        print(f"the filter of '{name}' is now \"{found}\"", flush=True)
    elif not kept:
        print(f"'{name}' has no filter now: every frame is taken", flush=True)
    reloaded = Reloaded(instance, answer["reload"])
    followed = reloaded.show()
    if kept and not followed:
        raise Failure(f"'{name}': reload: {kept}")
    return 0


class Reloaded:
    """How the workers followed a reload, as the supervisor notes it beside its log."""

    def __init__(self, instance, number):
        self.instance = instance
        self.number = number
        self.run = outcome.Watched.running(instance.outcome())
        self.dispatcher = []  # its pidfd, unless it has ended
        watch_pid(self.dispatcher, instance.pid)

    def show(self):
        """Whether any worker was told; Failure if one of them did not do it."""
        name = self.instance.name
        if not self.run:
            print(f"'{name}' has no supervisor: its workers were not told to read their rules again")
            return False
        found = self.wait()
        workers = {result: numbers_in(found.get(result)) for result in RESULTS}
        if workers[FOREIGN]:
            print(
                f"{say_workers(workers[FOREIGN])} of '{name}' were not told: what signals mean to a program of --attach is "
                f"its own affair; 'flow-balancer restart all -n {name}' starts new copies"
            )
        if workers[DONE]:
            print(f"{say_workers(workers[DONE])} of '{name}' read the rules again")
        if workers[DEAF]:
            print(f"{say_workers(workers[DEAF])} of '{name}' cannot read rules again: no handler of SIGHUP")
        wrong = [
            f"{say_workers(workers[result])} {what}"
            for result, what in (
                (FAILED, "could not read the rules again, and keep the old ones"),
                (SILENT, f"did not read the rules again within {ANSWER_S:.0f} s"),
                (DIED, "died while reading the rules again, and those after it keep the old ones"),
            )
            if workers[result]
        ]
        if found.get("ended"):
            print(f"'{name}' has ended meanwhile: no other worker reads the rules again")
        if wrong:
            raise Failure(f"'{name}': {'; '.join(wrong)}: see {self.log()}")
        return bool(workers[DONE] or found.get("ended"))

    def log(self):
        return printable(self.run.read().get("log") or "the output of the run")

    def wait(self):
        """The supervisor's word on this reload, or a later one, which read the rules later still."""
        name = self.instance.name
        seconds = ANSWER_S * (1 + len(self.instance.workers()))
        deadline = time.monotonic() + seconds
        while True:
            over, died = not self.run.is_held(), self.has_successor()
            found = self.run.read().get("reload")
            if isinstance(found, dict) and found.get("dispatcher") == self.instance.pid:
                if max(numbers_in([found.get("number")]), default=0) >= self.number:
                    return found
            if over:
                return {"ended": True}
            if died:
                raise Failure(f"'{name}': its dispatcher died before all workers had read the rules again: ask again")
            if time.monotonic() >= deadline:
                raise Failure(f"'{name}': not all workers are done with their rules after {seconds:.0f} s: see {self.log()}")
            time.sleep(RELOAD_POLL_S)

    def has_successor(self):
        """Whether the dispatcher that was asked has ended and the supervisor has started another."""
        selector = selectors.PollSelector()
        for pidfd in self.dispatcher:
            selector.register(pidfd, selectors.EVENT_READ)
        if self.dispatcher and not selector.select(0):
            return False
        try:
            with self.instance.connect(self.instance.path) as control:
                return control.pid != self.instance.pid
        except OSError:
            return False


def numbers_in(found):
    """The file may be another user's: what else is there is passed over."""
    return [number for number in found if type(number) is int] if isinstance(found, list) else []


def say_workers(numbers):
    return f"worker {numbers[0]}" if len(numbers) == 1 else f"workers {', '.join(map(str, numbers))}"


DEVICE = re.compile(r"fb:([A-Za-z0-9_-]{1,64})(:[0-9]+)?")


def attach(call):
    """Becomes the program, which sees the devices of instances; what started it has to start it again."""
    words, places = call.rest, call.places
    check_instances(call, {found[1] for found in map(DEVICE.fullmatch, words) if found})
    try:
        program = preload.find_program(words[0])
        library = preload.find_library(places.shim_dirs())
        preload.check(program, library)
        os.execve(program, words, preload.environment(library, places.environ))
    except preload.Unfit as unfit:
        raise Failure(f"attach: {unfit}", EXIT_USAGE) from None
    except OSError as error:
        raise Failure(f"cannot run {program}: {error.strerror}") from None


def check_instances(call, names):
    """Those that the command names, or else the one that is asked for, are there and ours."""
    asked = call.options.name or call.options.config
    for name in sorted(names | ({call.name()} if asked else set())):
        owner = call.places.owner(name)
        if owner is None:
            raise Failure(f"no instance '{name}' is running: start it first, with 'flow-balancer start -n {name}'")
        if owner != call.places.uid:
            raise Failure(f"instance '{name}' belongs to user {user_name(owner)}: run this as that user")
