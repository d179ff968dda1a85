# SPDX-License-Identifier: BSD-2-Clause
"""What `run` and `start` were asked for, split between the programs.

The file of --config is read once, at the start: each process, also one that is started again much later, gets
a copy of it, so that what is changed in the file meanwhile counts for the next run only. `reload` reads the file.
Must not start anything but the programs' own checks of their options.
"""

import json
import os
import signal
import subprocess

from . import arguments, config, log, values
from .attach import Command
from .child import STANDARD_ERROR, describe
from .exporter import words as exporter_words
from .failure import EXIT_FAILED, EXIT_USAGE, Failure
from .options import DEFAULT_WORKERS, ORPHAN_TIMEOUT_S
from .sinks import Sinks


# The worker itself says that an inspector crashed while it was opened.
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)
DRAIN_TIMEOUT_S = 30.0  # the programs' own
CHECK_PAUSE_S = 10  # between two lines while the inspectors are opened


class Checked(Failure):
    """A program refused its options, and has said why itself."""

    def __init__(self, status):
        super().__init__("", EXIT_USAGE if status == EXIT_USAGE else EXIT_FAILED)


class Plan:
    def __init__(self, call, default_name):
        options = call.options
        self.programs = call.places.program_dir()
        known = arguments.known_options(self.program("flow-dispatcher"))
        words = arguments.arrange(call.rest, known)
        self.config = ["--config", options.config] if options.config else []
        self.kept = [config.keep(options.config)] if options.config else []  # descriptors for the processes
        copy = ["--config", config.kept_path(self.kept[0])] if options.config else []
        log_level = ["--log-level", options.log_level] if options.log_level else []
        self.shim_dirs = call.places.shim_dirs()
        self.attach = self.read_attach(options)
        self.inspector_args = [*log_level]
        for inspector in options.inspector or []:
            self.inspector_args += ["--inspector", inspector]
        for sink in options.eve or []:
            self.inspector_args += ["--eve", sink]
        for option in ("orphan_timeout", "wait", "exec_timeout", "exec_output", "eve_wait"):
            if getattr(options, option) is not None:
                self.inspector_args += ["--" + option.replace("_", "-"), getattr(options, option)]
        if options.orphan_timeout is None and not options.config:
            self.inspector_args += ["--orphan-timeout", str(ORPHAN_TIMEOUT_S)]
        drain = arguments.last_value(words, "--drain-timeout", known)
        if drain is not None:  # workers have children and records to drain
            self.inspector_args += ["--drain-timeout", drain]
        in_file = self.read_config([*self.config, *log_level, *words], call) if options.config else {}
        self.name = options.name or in_file.get("name") or default_name
        self.workers = options.workers if options.workers is not None else int(in_file.get("workers", DEFAULT_WORKERS))
        self.worker_cpus = options.worker_cpu or self.worker_cpus_in_file(options.config)
        self.worker_args = [*copy, *self.inspector_args, "-n", self.name]
        # Words of the user come last: an option that lacks its value would take what follows.
        reload = ["--reload-config", options.config] if options.config else []
        self.place = ["--runtime-dir", options.runtime_dir] if options.runtime_dir else []
        self.dispatcher_args = [*copy, *reload, *log_level, *self.place, "-w", str(self.workers), "-n", self.name, *words]
        self.reports = {}  # what is written at the end, also for a dispatcher that died: option -> file
        for option in ("report", "html"):
            path = arguments.last_value(words, f"--{option}", known) or in_file.get(option)
            if path:
                self.reports[f"--{option}"] = path
        self.log_level = call.log.level
        self.metrics = options.metrics or (options.config and config.read_key(options.config, "metrics", str))
        self.sinks = Sinks(options.eve, options.config)
        self.sinks.check(self.workers, self.reports)
        self.socket = call.places.socket(self.name)
        self.end_s = self.time_to_end(options, drain or in_file.get("drain-timeout"))

    def read_config(self, args, call):
        """What the file says, as the dispatcher reads it; it refuses its options before anything is started."""
        options = call.options
        if options.workers is not None:
            args = ["-w", str(options.workers), *args]
        if options.name:
            args = ["-n", options.name, *args]
        argv = [self.program("flow-dispatcher"), "--check", *args]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise Checked(done.returncode)
        try:
            found = json.loads(done.stdout)
        except ValueError:
            return {}  # one of the options makes it print something else
        # What was given several times is a list; its last counts.
        found = {key: value[-1] if isinstance(value, list) else value for key, value in found.items()}
        call.log.level = found.get("log-level", call.log.level)
        return found

    def time_to_end(self, options, drain):
        """How much longer than others workers may take to leave: for children of theirs to end, for readers of records."""
        given = options.inspector or [options.config and config.read_key(options.config, "inspector", str)]
        if not self.sinks.are_queued and not any(inspector and inspector.startswith("exec:") for inspector in given):
            return 0.0
        try:
            return float(drain) if drain else DRAIN_TIMEOUT_S
        except ValueError:
            return 0.0  # the worker refuses it

    def worker_cpus_in_file(self, path):
        """No program takes this from the file."""
        return (path and config.read_key(path, "worker-cpu", values.cpu_list)) or []

    @staticmethod
    def read_attach(options):
        """The command that takes the place of flow-worker, or None. What is given on the command line wins over the file."""
        command = options.attach
        path = options.config if not command and not options.inspector else None
        if path:
            command = config.read_key(path, "attach", Command)
            if command and config.read_key(path, "inspector", str):
                raise Failure(f"{path}: 'attach' and 'inspector' exclude each other: leave one of them out", EXIT_USAGE)
        if command:
            for option in ("inspector", "wait", "orphan_timeout", "exec_timeout", "exec_output", "eve", "eve_wait"):
                if getattr(options, option) is not None:
                    raise Failure(
                        f"--attach and --{option.replace('_', '-')} exclude each other: the program of --attach takes the "
                        "place of flow-worker",
                        EXIT_USAGE,
                    )
        return command

    def post_mortem_args(self, option):
        """For the dispatcher's program: --last-report or --clean, of a dispatcher of ours that died."""
        reports = [word for pair in self.reports.items() for word in pair]
        return [self.program("flow-dispatcher"), option, "-n", self.name, *self.place, *reports]

    def program(self, name):
        return os.path.join(self.programs, name)

    @property
    def worker_program(self):
        return self.attach.words[0] if self.attach else self.program("flow-worker")

    def cpus_of(self, number):
        """The same processor for each process of a worker number; none: it may run on all."""
        return self.worker_cpus[number % len(self.worker_cpus) :][:1] if self.worker_cpus else []

    def cpu_args(self, number):
        return [word for cpu in self.cpus_of(number) for word in ("--cpu", str(cpu))]

    @staticmethod
    def await_check(check):
        """An inspector may load for minutes; one that blocks has to be seen."""
        waited_s = 0
        while True:
            try:
                return check.wait(CHECK_PAUSE_S)
            except subprocess.TimeoutExpired:
                waited_s += CHECK_PAUSE_S
                log.Log().warning(f"the inspectors are not opened yet, after {waited_s} s: open() of one of them takes long")
            except BaseException:
                check.kill()  # an inspector may have blocked what would end it
                check.wait()
                raise

    def exporter_args(self):
        """The command that makes metrics of the run known, or None."""
        if not self.metrics:
            return None
        level = ["--log-level", self.log_level]
        return [self.program("flow-stat"), *level, "-n", self.name, *exporter_words(self.metrics)]

    def check_exporter(self):
        """A port that is in use, or a file that cannot be written, is refused before anything is started."""
        if self.metrics:
            done = subprocess.run([*self.exporter_args(), "--check"], stdin=subprocess.DEVNULL, check=False)
            if done.returncode:
                raise Checked(done.returncode)

    def check_worker_options(self):
        """Worker options are refused before anything is started; the worker says why itself.

        An inspector may print while it is opened for that. Of a program of --attach it is found out whether it can be
        run at all.
        """
        if self.attach:
            self.attach.check(self.shim_dirs)
            self.check_cpus()
            return
        argv = [self.program("flow-worker"), "--check", *self.config, *self.inspector_args]
        if self.worker_cpus:
            argv += ["--cpu", ",".join(str(cpu) for cpu in self.worker_cpus)]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=STANDARD_ERROR) as check:
            status = self.await_check(check)
        if status in (EXIT_FAILED, EXIT_USAGE) or -status in CRASHES:
            raise Checked(status)
        if status:
            raise Failure(f"the check of the workers' options ended with {describe(status)}: an inspector ended it")

    def check_cpus(self):
        before = os.sched_getaffinity(0)
        try:
            for cpu in self.worker_cpus:
                os.sched_setaffinity(0, {cpu})
        except (OSError, ValueError):
            raise Failure(
                f"--worker-cpu: there is no processor {cpu} that this process may use: give some of "
                f"{','.join(map(str, sorted(before)))}",
            ) from None
        finally:
            os.sched_setaffinity(0, before)
