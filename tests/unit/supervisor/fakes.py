# SPDX-License-Identifier: BSD-2-Clause
"""A clock that only tests move, and a dispatcher, children and a log that are none."""

import heapq
import itertools
import os
import re
import shutil
import signal
import tempfile
import unittest

from supervisor.exporter import words
from supervisor.loop import Loop
from supervisor.run import Supervisor
from supervisor.sinks import Sinks

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d "
START = 1000.0  # the fake clock does not begin at 0: nor does the real one


def without_stamps(text):
    """Lines of a log that is no terminal."""
    return re.sub(f"(?m)^{STAMP}", "", text)


class FakeLoop(Loop):
    def __init__(self):  # without Loop's own: no selector is needed
        self.time = START
        self.now = lambda: self.time
        self.timers = []
        self.timer_count = 0
        self.watched = {}

    def watch(self, fd, action):
        assert fd not in self.watched
        self.watched[fd] = action

    def unwatch(self, fd):
        del self.watched[fd]

    def advance(self, seconds):
        """Lets time pass; timers are called at their times. Half a microsecond more: sums of floats are not exact."""
        end = self.time + seconds + 5e-7
        while self.timers and self.timers[0][0] <= end:
            self.time, _, action = heapq.heappop(self.timers)
            action()
        self.time = end


class FakeChild:
    is_foreign = False
    numbers = itertools.count(5000)

    def __init__(self, loop, argv, stdin=None, stdout=None, kept=()):
        self.loop = loop
        self.argv = argv
        self.stdin = stdin
        self.stdout = stdout
        self.kept = kept
        self.pid = next(self.numbers)
        self.pidfd = -self.pid
        self.signals = []
        self.handled = set()  # signals of which it does not die
        self.status = None
        self.reaped = False
        self.ends_when_told = True  # it ends when it is told to

    def await_end(self, seconds):
        return self.ends_when_told

    def left_behind(self):
        return None

    def kill(self, signum):
        self.signals.append(signum)

    def handles(self, signum):
        return signum in self.handled

    def reap(self):
        self.reaped = True
        return self.status

    def exit(self, status):
        """It ends, and the loop notices."""
        self.status = status
        self.loop.watched[self.pidfd]()


class FakeGroup(FakeChild):
    """A program of --attach."""

    is_foreign = True

    def __init__(self, loop, argv, environment, mark, cpus=(), **streams):
        super().__init__(loop, argv, **streams)
        self.environment = environment
        self.mark = mark
        self.cpus = cpus
        self.left_some = False
        self.left = []  # pidfds of what its leader leaves behind

    def left_behind(self):
        self.left_some = self.left_some or bool(self.left)
        return self.left.pop(0) if self.left else None


class FakeLog:
    def __init__(self):
        self.level = "info"
        self.lines = []

    def error(self, text):
        self.lines.append(("error", text))

    def warning(self, text):
        self.lines.append(("warning", text))

    def debug(self, text):
        self.lines.append(("debug", text))

    def report_lost(self):
        pass

    def raw(self, line):
        self.lines.append(("", line))

    def erase_status(self):
        self.lines.append(("", "erased"))

    def text(self):
        return "\n".join(f"{level}: {text}" for level, text in self.lines)


class FakePlan:
    name = "test"
    socket = "/nowhere/test.sock"
    dispatcher_args = ["-r", "x.pcap"]
    worker_args = ["--inspector", "count"]
    kept = [77]
    end_s = 0.0
    sinks = Sinks(None, None)

    def __init__(self, workers, attach=None, metrics=None):
        self.workers = workers
        self.attach = attach
        self.metrics = metrics
        self.worker_program = attach.words[0] if attach else "/programs/flow-worker"

    def program(self, name):
        return "/programs/" + name

    def exporter_args(self):
        return ["/programs/flow-stat", *words(self.metrics)] if self.metrics else None

    def post_mortem_args(self, option):
        return ["/programs/flow-dispatcher", option, "-n", "test"]

    def cpu_args(self, number):
        return ["--cpu", str(number + 10)]

    def cpus_of(self, number):
        return [number + 10]


class FakeControl:
    """A connection to the FakeDispatcher."""

    def __init__(self, dispatcher):
        self.dispatcher = dispatcher
        self.pid = dispatcher.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, request, **fields):
        return self.dispatcher.answer(request, fields)


class FakeDispatcher:
    """What answers on the control socket."""

    def __init__(self):
        self.pid = None  # None: it does not listen
        self.asked = []
        self.stopping = False
        self.hurrying = False
        self.live = False
        self.filter = None
        self.reloads = 0
        self.refuses = False
        self.workers = {}

    def connect(self, path):
        assert path == FakePlan.socket
        if self.pid is None:
            raise ConnectionRefusedError
        return FakeControl(self)

    def say(self, number, **fields):
        """What it will tell of a worker number."""
        counts = {"claims": 0, "revocations": 0, "restarts_asked": 0, "reloads": 0, "reload_failures": 0}
        known = {"worker": number, "state": "ready", "wanted": True, **counts}
        self.workers.setdefault(number, known).update(fields)

    def answer(self, request, fields):
        self.asked.append((request, fields))
        if self.refuses:
            raise OSError(f"'{request}' refused: no reason given")
        if request in ("give-up", "drain"):
            self.say(fields["worker"], wanted=False, state="lost")
        return {
            "ok": True,
            "live": self.live,
            "stopping": self.stopping,
            "hurrying": self.hurrying,
            "workers": list(self.workers.values()),
            "filter": self.filter,
            "reloads": self.reloads,
        }


class FakeRun:
    """A Supervisor with nothing real around it."""

    def __init__(self, workers=2, terminal=False, on_ready=None, attach=None, metrics=None):
        self.loop = FakeLoop()
        self.log = FakeLog()
        self.said = FakeDispatcher()
        self.started = []  # every child, in order
        self.missing = False  # the program of the next one is, or of the next call
        self.stops = []  # for each Ctrl-Z, the last signal of each child by then
        self.noted = []  # how each reload ended
        self.called = []  # programs that ran to their end
        self.supervisor = Supervisor(
            FakePlan(workers, attach, metrics),
            self.log,
            on_ready,
            self.noted.append,
            loop=self.loop,
            spawn=self.spawn,
            spawn_group=self.spawn_group,
            connect=self.said.connect,
            call=self.call,
            terminal=terminal,
            stop=self.stop,
        )

    def stop(self):
        """A minute of Ctrl-Z."""
        self.stops.append([child.signals[-1:] for child in self.supervisor.all_children()])
        self.loop.time += 60

    def call(self, argv, check, stdout):
        if self.missing:
            raise FileNotFoundError(2, "No such file or directory")
        self.called.append(argv)

    def spawn(self, argv, **streams):
        if self.missing:
            raise FileNotFoundError(2, "No such file or directory")
        self.started.append(FakeChild(self.loop, argv, **streams))
        return self.started[-1]

    def spawn_group(self, argv, environment, mark, cpus, **streams):
        if self.missing:
            raise FileNotFoundError(2, "No such file or directory")
        self.started.append(FakeGroup(self.loop, argv, environment, mark, cpus, **streams))
        return self.started[-1]

    def begin(self, listening=True):
        """Starts the dispatcher, and unless told otherwise lets it listen, so that the workers start."""
        self.supervisor.start_dispatcher()
        for number in self.supervisor.workers:
            self.said.say(number)
        if listening:
            self.listen()
        return self

    def listen(self):
        self.said.pid = self.dispatcher.pid
        self.loop.advance(0.1)

    def dispatchers(self):
        return [child for child in self.started if child.argv[0].endswith("/flow-dispatcher")]

    def exporters(self):
        return [child for child in self.started if child.argv[0].endswith("/flow-stat")]

    @property
    def dispatcher(self):
        return self.dispatchers()[-1]

    def starts(self, number):
        """Every process that was started for a worker number."""
        workers = [child for child in self.started if "-k" in child.argv]
        return [child for child in workers if child.argv[child.argv.index("-k") + 1] == str(number)]

    def worker(self, number):
        """Its present process."""
        return self.supervisor.workers[number].child

    def signal(self, *signums):
        self.supervisor.signals_arrived(list(signums))


def keep_signals(test):
    """For a test that calls run(): what the process does with signals is as before when the test has ended."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
        test.addCleanup(signal.signal, signum, signal.getsignal(signum))


class FolderTest(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="test_supervisor.")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()
