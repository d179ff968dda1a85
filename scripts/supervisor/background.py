# SPDX-License-Identifier: BSD-2-Clause
"""`start`: a run in the background, and its log. Must not know how a run goes."""

import fcntl
import os
import selectors
import sys

from .failure import Failure, explain
from .options import DEFAULT_NAME
from .outcome import Outcome
from .plan import Plan
from .run import Supervisor

START_TIMEOUT_S = 60  # above the dispatcher's own --start-timeout of 30 s
LOG_LINES_SHOWN = 10


def start(call):
    plan = Plan(call, DEFAULT_NAME)
    plan.sinks.check_background()
    plan.check_exporter()
    plan.check_worker_options()
    call.places.make_runtime_dir()
    log_path = call.places.log(plan.name)
    log_fd = open_log(log_path, plan.name)
    begin = os.fstat(log_fd).st_size
    outcome = Outcome(call.places.outcome(plan.name), plan.name, keep=True, log=log_path, attached=bool(plan.attach))
    reader, writer = os.pipe()
    sys.stdout.flush()
    first = os.fork()
    if first == 0:
        os.close(reader)
        become_daemon(plan, call.log, log_fd, outcome, writer)
    os.close(writer)
    os.close(log_fd)
    outcome.close()
    os.waitpid(first, 0)
    return await_start(plan, reader, log_path, begin, call.log)


def open_log(path, name):
    """Appends to what earlier runs said. It stays locked while a process of the instance is alive."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Failure(f"cannot open the log {path}: {error.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Failure(
            f"'{name}' is already running (its log {path} is in use): stop it, or choose another -n"
        ) from None
    return fd


def become_daemon(plan, log, log_fd, outcome, writer):
    """In the first child: forks the supervisor off and never returns."""
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    status = 1
    try:
        null = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((null, 0), (log_fd, 1), (log_fd, 2)):
            os.dup2(source, target)
        os.close(null)
        os.close(log_fd)
        workers = "1 worker" if plan.workers == 1 else f"{plan.workers} workers"
        log.mark(f"'{plan.name}' starts with {workers}, pid {os.getpid()}")
        # The working directory stays: file names on the command line are relative to it.
        status = Supervisor(plan, log, on_ready=lambda: tell(writer, b"ready\n"), on_reload=outcome.note_reload).run()
    except OSError as error:
        log.error(explain(error))
    except Exception as error:  # the log is the only place left to say it
        log.error(f"the supervisor failed: {error!r}")
    finally:
        log.mark(f"'{plan.name}' has ended with exit status {status}")
        outcome.end(status)
        tell(writer, f"ended {status}\n".encode())
        os._exit(status)


def tell(writer, words):
    try:
        os.write(writer, words)
    except OSError:
        pass  # `start` was interrupted, or has long returned


def await_start(plan, reader, log_path, begin, log):
    """begin: where this run does in the log."""
    selector = selectors.DefaultSelector()
    selector.register(reader, selectors.EVENT_READ)
    if not selector.select(START_TIMEOUT_S):
        raise Failure(
            f"'{plan.name}' is not ready after {START_TIMEOUT_S} s and keeps trying: see {log_path}, "
            f"or end it with 'flow-balancer stop -n {plan.name}'"
        )
    word, _, status = os.read(reader, 100).decode().partition("\n")[0].partition(" ")
    if word == "ready":
        print(f"'{plan.name}' runs with {plan.workers} workers, log {log_path}")
        return 0
    if status == "0":
        print(f"'{plan.name}' has already ended, log {log_path}")
        return 0
    with open(log_path, encoding="utf-8", errors="replace") as lines:
        lines.seek(begin)
        for line in lines.readlines()[-LOG_LINES_SHOWN:]:
            log.raw(line.rstrip("\n"))
    raise Failure(f"'{plan.name}' did not start: the reason is above, and in {log_path}", int(status or 1))
