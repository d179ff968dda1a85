# SPDX-License-Identifier: BSD-2-Clause
"""What each command but `start` does, from its options to its exit status.

Must not know how the dispatcher is asked, nor how a run goes.
"""

import fcntl
import os
import selectors
import time

from .control import printable
from .failure import Failure, explain
from .instance import Instance
from .plan import Plan
from .run import Supervisor

ADD_TIMEOUT_S = 5  # for a supervisor to start the worker that `add` asked for
START_TIMEOUT_S = 60  # above the dispatcher's own --start-timeout of 30 s
LOG_POLL_S = 0.02  # how often `stop` looks whether the log is still held


def run(call):
    plan = Plan(call, f"run-{os.getpid()}")
    plan.check_worker_options()
    return Supervisor(plan, call.log).run()


def stop(call):
    name = call.name()
    deadline = time.monotonic() + call.options.timeout
    instance = Instance(name, call.places)
    watched = []
    try:
        with instance.open() as control:
            watch_pid(watched, control.pid)
            workers = control.ask("workers")["workers"]
            control.ask("stop")
            for worker in workers:
                watch_pid(watched, worker.get("pid"))
    except OSError as error:
        raise Failure(f"'{name}' cannot be told to stop: {explain(error)}") from None
    for pidfd in watched:
        selector = selectors.PollSelector()
        selector.register(pidfd, selectors.EVENT_READ)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise Failure(
                f"'{name}' still runs {call.options.timeout} s after it was told to stop: give a longer --timeout"
            )
    await_log_release(instance.log(), deadline)
    return 0


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
    program = os.path.join(call.places.program_dir(), "flow-stat")
    name = ["-n", call.options.name] if call.options.name else []
    try:
        os.execv(program, [program, *name, *call.rest])
    except OSError as error:
        raise Failure(f"cannot run {program}: {error.strerror}; run 'make build'") from None


def add(call):
    name = call.name()
    instance = Instance(name, call.places)
    number = int(instance.ask("add")["worker"])
    if not instance.await_worker(number, ADD_TIMEOUT_S, lambda w: w["state"] in ("starting", "ready")):
        raise Failure(
            f"no process started worker {number} of '{name}' within {ADD_TIMEOUT_S} s: it is wanted; without a "
            f"supervisor start it yourself: flow-worker -n {name} -k {number}"
        )
    if not instance.await_worker(number, START_TIMEOUT_S, lambda w: w["state"] == "ready"):
        raise Failure(f"worker {number} of '{name}' did not become ready within {START_TIMEOUT_S} s")
    print(f"worker {number} of '{name}' is ready")
    return 0


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
    found = printable(Instance(name, call.places).ask("reload").get("filter") or "")
    if found:
        print(f"the filter of '{name}' is now \"{found}\"")
    else:
        print(f"'{name}' has no filter now: every frame is taken")
    return 0
