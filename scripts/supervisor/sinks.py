# SPDX-License-Identifier: BSD-2-Clause
"""Where the workers' records go (--eve), as far as the workers together have to agree on it.

Must not know how a record is written: flow-worker checks the rest.
"""

import os

from . import config
from .failure import EXIT_USAGE, Failure

OUTPUT = "-"
QUEUED = (OUTPUT, "unix:")  # a reader may take what is left only after a while


class Sinks:
    """The sinks of the command line; where it has none, those of the file."""

    def __init__(self, given, path):
        in_file = [text for _, key, text in config.read_lines(path) if key == "eve"] if path and not given else []
        self.given = given or in_file

    @property
    def take_output(self):
        """Records are what goes to standard output, and nothing else does."""
        return OUTPUT in self.given

    @property
    def are_queued(self):
        return any(sink.startswith(QUEUED) for sink in self.given)

    def check(self, workers, reports):
        """Before anything is started; reports: option -> file. A worker that is added later finds its file in use."""
        for option, path in reports.items():
            if self.take_output and path == OUTPUT:
                raise Failure(f"{option} - and --eve - would both go to standard output: give one of them a file", EXIT_USAGE)
        for sink in self.given:
            name = sink.removeprefix("file:").partition(",")[0]
            if sink.startswith("file:") and workers > 1 and "%k" not in name.replace("%%", "") and not is_special(name):
                stem, dot, ending = name.rpartition(".")
                better = f"{stem}-%k.{ending}" if dot and stem[-1:] not in ("", "/") and "/" not in ending else f"{name}-%k"
                raise Failure(f"--eve '{sink}': {workers} workers cannot write one file: write file:{better}", EXIT_USAGE)

    def check_background(self):
        if self.take_output:
            raise Failure(
                "--eve -: an instance in the background has no standard output: give file:PATTERN or unix:PATH", EXIT_USAGE
            )


def is_special(path):
    """A pipe or a device is nothing that one of them would cut."""
    return os.path.exists(path) and not os.path.isfile(path)
