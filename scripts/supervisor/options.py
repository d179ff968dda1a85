# SPDX-License-Identifier: BSD-2-Clause
"""The command line: commands, their options, their help. Must not know how a command is carried out."""

import argparse
import shlex
import subprocess
import sys

from . import config, values
from .attach import Command
from .failure import EXIT_USAGE, Failure
from .log import LEVELS
from .worker import CRASH_LIMIT, CRASH_WINDOW_S

DEFAULT_NAME = "flow-balancer"
DEFAULT_WORKERS = 8
ORPHAN_TIMEOUT_S = 1  # no other dispatcher follows under this supervisor: no use in waiting
STOP_TIMEOUT_S = 40  # above the dispatcher's own --drain-timeout of 30 s

PASSED_ON = (
    "All other options go to the dispatcher as they are, for example -r FILE, -i IFACE, --policy P, "
    "--on-full block|drop, --bpf EXPR, --report FILE.json: see flow-dispatcher --help. Files that follow -r FILE "
    "are read too. A crashed worker is started again; after "
    f"{CRASH_LIMIT} crashes within {CRASH_WINDOW_S:.0f} s it is given up: its flows go to the other workers, and the "
    "run ends with status 1. SIGINT and SIGTERM drain the rings and end the run. A second signal, more than a second "
    "later, ends it without draining; a third one kills all processes. SIGHUP reads filter and rules again, as reload does; "
    "of a run with a terminal it means that the terminal is gone, and ends the run. "
    "Exit status: 0; 1 if something failed, broke off, was abandoned or does not add up; 2 wrong usage."
)
STOPPED = (
    "A second stop waits for the same end. Exit status: that of the run; 1 also if it cannot be told to stop or still "
    "runs after --timeout; 0 if no supervisor runs, whatever the dispatcher ends with; 2 wrong usage."
)
ATTACHED = (
    "Runs the program of COMMAND in the place of this one, with libflowbalancer-pcap.so preloaded, so that libpcap opens "
    "fb:NAME, the next free worker of an instance, and fb:NAME:K. For example: flow-balancer attach -n sensor -- tcpdump -i "
    "fb:sensor. Exit status: that of the program; 1 if the instance does not run; 2 wrong usage, or a program that cannot "
    "be preloaded."
)
PASSED_TO_STAT = (
    "Other options go to flow-stat as they are: --json, --config FILE. "
    "Exit status: 0, 1 if it does not run, 2 wrong usage."
)
PASSED_TO_WATCH = (
    "Other options go to flow-stat as they are: --interval S, -1. "
    "Exit status: 0, 1 if the terminal cannot be used, 2 wrong usage."
)


class Call:
    """One call of the script: its options, the words that it passes on, and where it runs."""

    def __init__(self, options, rest, places, log):
        self.options = options
        self.rest = rest
        self.places = places
        self.log = log

    def name(self):
        """The instance that is asked: by the command line, by the file of --config, or the default."""
        path = self.options.config
        in_file = config.read_key(path, "name", values.instance_name) if path and not self.options.name else None
        return self.options.name or in_file or DEFAULT_NAME


class Parser(argparse.ArgumentParser):
    """Errors are one line with exit status 2."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message):
        raise Failure(f"{message} (see '{self.prog} --help')", EXIT_USAGE)


def show_version(places):
    class ShowVersion(argparse.Action):
        """Prints the version of the programs, which is ours."""

        def __call__(self, *_):
            argv = [places.program_dir() + "/flow-dispatcher", "--version"]
            done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
            words = done.stdout.split()
            print("flow-balancer", words[1] if len(words) > 1 else "of unknown version")
            sys.exit(0)

    return ShowVersion


def add_name_option(parser, default_name):
    text = f"instance name (default: {default_name})"
    parser.add_argument("-n", "--name", metavar="NAME", type=values.instance_name, help=text)
    parser.add_argument(
        "--runtime-dir", metavar="DIR", type=values.absolute_path,
        help="directory of the control socket and the log, as flow-balancer/NAME.sock (default: /run for root, else "
        "XDG_RUNTIME_DIR, else /tmp/flow-balancer-UID)",
    )  # fmt: skip


def add_run_options(parser, default_name):
    add_name_option(parser, default_name)
    parser.add_argument(
        "-w", "--workers", metavar="WORKERS", type=values.worker_count,
        help=f"number of worker processes (default: {DEFAULT_WORKERS})",
    )  # fmt: skip
    parser.add_argument(
        "--inspector", metavar="NAME[:ARGS]", action="append",
        help="what the workers do with packets: the name of an inspector, or the path of a plugin such as ./mine.so; "
        "given several times, each does (default: count; see flow-worker --help)",
    )  # fmt: skip
    parser.add_argument(
        "--attach", metavar="COMMAND", type=Command,
        help="start copies of this program as workers, in the place of flow-worker and its inspectors, for example "
        "'tcpdump -i %%d -w part-%%k-%%r.pcap'; run without a shell; %%d is the device of the worker for a program that "
        "uses libpcap, %%k its number, %%r how many copies it had before, %%n the instance, %%%% a percent sign",
    )  # fmt: skip
    parser.add_argument(
        "--exec-timeout", metavar="S|never",
        help="kill a child of --inspector exec:COMMAND that reads nothing for so long though its pipe is full (default: never)",
    )  # fmt: skip
    parser.add_argument(
        "--exec-output", metavar="PATTERN",
        help="file that the children of --inspector exec:COMMAND print to; %%k, %%r, %%n, %%l: worker, incarnation, "
        "instance, link type (default: standard error)",
    )  # fmt: skip
    parser.add_argument(
        "--eve", metavar="SINK", action="append",
        help="where the workers write the records of their inspectors to, a JSON object a line: file:PATTERN, in which "
        "%%k, %%r and %%n stand for worker, incarnation and instance, unix:PATH, or - for standard output; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--eve-wait", metavar="MS|forever",
        help="how long a sink of --eve that takes no more records may hold its worker in one outage (default: 1000)",
    )  # fmt: skip
    parser.add_argument(
        "--metrics", metavar="FILE|[ADDRESS:]PORT",
        help="have flow-stat serve metrics for Prometheus there, or write them to a file, as long as the run lasts",
    )  # fmt: skip
    parser.add_argument("--wait", metavar="spin|park", help="how idle workers wait (default: park)")
    parser.add_argument(
        "--worker-cpu", metavar="LIST", type=values.cpu_list,
        help="run each worker on one CPU of the list, by worker number, and begin again at the first when there are "
        "more workers than CPUs (default: those of the worker's NUMA node); --cpu LIST is for the dispatcher",
    )  # fmt: skip
    parser.add_argument(
        "--orphan-timeout", metavar="S",
        help=f"how long workers outlive their dispatcher (default: {ORPHAN_TIMEOUT_S}; with --config that of "
        "flow-worker)",
    )  # fmt: skip
    parser.add_argument(
        "--config", metavar="FILE",
        help="options of all programs as lines such as 'workers = 4'; the command line wins",
    )  # fmt: skip
    parser.add_argument("--log-level", metavar="LEVEL", help="error, warning, info (default) or debug")


def make_parser(places):
    """The parser of the whole command line, and those of the commands by their names."""
    parser = Parser(prog="flow-balancer", description="Spreads the flows of a capture over worker processes.")
    parser.add_argument("--version", nargs=0, action=show_version(places), help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def add(name, text, epilog=None):
        return commands.add_parser(name, help=text, description=text, epilog=epilog)

    run = add("run", "run in the foreground to the end of the capture and print the report", PASSED_ON)
    add_run_options(run, "run-PID")
    start = add("start", "run in the background; returns when all workers are ready", PASSED_ON)
    add_run_options(start, DEFAULT_NAME)
    stop = add("stop", "drain and end a running instance; returns when it is gone", STOPPED)
    stop.add_argument(
        "--timeout", metavar="S", type=values.seconds, default=STOP_TIMEOUT_S,
        help=f"seconds after which stop fails if the instance still runs (default: {STOP_TIMEOUT_S})",
    )  # fmt: skip
    stop.add_argument("--now", action="store_true", help="do not drain: what waits is counted as abandoned")
    status = add("status", "print what a running instance does, or how its last run ended", PASSED_TO_STAT)
    top = add("top", "show on the terminal what a running instance does, as flow-stat --watch", PASSED_TO_WATCH)
    listed = add("list", "list the instances of this machine, those of other users too")
    listed.add_argument("--json", action="store_true", help="print the list as JSON")
    more = add("add", "start one more worker of a running instance, up to --max-workers")
    text = "give a worker no new flows; it leaves when its flows have ended, or after --drain-timeout, when they move"
    drain = add("drain", text)
    drain.add_argument("worker", metavar="K", type=values.worker_number, help="worker number")
    text = "replace a worker's process, or those of all one after the other; their flows wait for it"
    restart = add("restart", text)
    restart.add_argument("worker", metavar="K|all", type=values.worker_or_all, help="worker number, or all")
    text = (
        "read the filter again, from the -F FILE or --config FILE of the run, one that is wrong changes nothing; then "
        "have the workers read the rules of their inspectors again, one after the other"
    )
    reload = add("reload", text)
    attach = add("attach", "run a libpcap program as a worker of a running instance: attach -n NAME -- COMMAND", ATTACHED)
    attach.usage = "%(prog)s [-h] [-n NAME] [--runtime-dir DIR] [--config FILE] -- PROGRAM [ARGUMENT ...]"
    for command in (stop, status, top, more, drain, restart, reload, attach):
        add_name_option(command, DEFAULT_NAME)
        command.add_argument("--config", metavar="FILE", help="take the instance name from this file")
    return parser, commands.choices


def check_command(argv, commands):
    """The first word is the command; one that is missing, misplaced or misspelt is said in a line of its own."""
    if argv and (argv[0] in commands or argv[0] in ("-h", "--help", "--version")):
        return
    give = f"give {', '.join(commands[:-1])} or {commands[-1]}"
    if not argv:
        raise Failure(f"no command: {give} (see 'flow-balancer --help')", EXIT_USAGE)
    if not argv[0].startswith("-"):
        raise Failure(f"'{argv[0]}' is no command: {give}", EXIT_USAGE)
    command = next((word for word in argv if word in commands), None)
    if not command:
        raise Failure(f'no command: write "flow-balancer run {shlex.join(argv)}"', EXIT_USAGE)
    argv = list(argv)
    argv.remove(command)
    raise Failure(f'the command comes first: write "flow-balancer {command} {shlex.join(argv)}"', EXIT_USAGE)


def split_command(argv):
    """The words before -- and those behind it, which of `attach` are another program's; None for other commands."""
    at = argv.index("--") if "--" in argv else len(argv)
    if argv[0] != "attach" or {"-h", "--help"} & set(argv[:at]):
        return argv, None
    if not argv[at + 1 :]:
        raise Failure("attach needs a command: write -- before it, as in attach -n NAME -- tcpdump -i fb:NAME", EXIT_USAGE)
    return argv[:at], argv[at + 1 :]


def parse(argv, places, log):
    """The call that these words make; sets the log level. Failure if they are wrong."""
    parser, commands = make_parser(places)
    check_command(argv, list(commands))
    argv, command = split_command(argv)
    options, rest = parser.parse_known_args(argv)
    if options.command not in ("run", "start", "status", "top") and rest:  # nor what is before the -- of attach
        parser.error(f"{options.command} does not know '{rest[0]}'")
    level = getattr(options, "log_level", None)
    if level and level not in LEVELS:
        parser.error(f"--log-level '{level}' is none of {', '.join(LEVELS)}")
    log.level = level or log.level
    places.chosen = getattr(options, "runtime_dir", None)
    return Call(options, rest if command is None else command, places, log)
