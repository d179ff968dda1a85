# SPDX-License-Identifier: BSD-2-Clause
"""The command of --attach: a program that takes the place of flow-worker, and what each copy of it is told.

    %d  the device of its number, fb:NAME:K, for programs that use libpcap
    %k  its number
    %r  how many copies that number had before it, from 0: for the name of a file that is not to be written over
    %n  the name of the instance
    %%  a percent sign

It is split as a shell would, and run without one. A command with %d gets our library preloaded; one without it knows
libflowbalancer itself. Must not know how a process is started.
"""

import os
import re
import shlex
from argparse import ArgumentTypeError

from . import preload
from .failure import EXIT_USAGE, Failure

PLACE = re.compile(r"%(.?)", re.DOTALL)
KNOWN = "dkrn%"
# For the shim: the process leads a group of its own, and the whole of it is to end with the stream.
GROUP = "FB_ATTACH_GROUP"
# By this the supervisor knows again what a copy left behind.
MARK = "FB_ATTACH_COPY"


class Command:
    def __init__(self, text):
        """ArgumentTypeError for what is none."""
        try:
            self.words = shlex.split(text)
        except ValueError as error:
            raise ArgumentTypeError(f"'{text}' cannot be split into words: {error}: close what is quoted") from None
        if not self.words or not self.words[0]:
            raise ArgumentTypeError(f"'{text}' is no command: give a program and its arguments")
        used = set()
        for word in self.words:
            for found in PLACE.findall(word):
                if not found or found not in KNOWN:
                    raise ArgumentTypeError(
                        f"'%{found}' in '{word}' is none of %d, %k, %r, %n: write %% for a percent sign"
                    )
                used.add(found)
        if not used & {"d", "k"}:
            raise ArgumentTypeError(
                f"'{text}' does not say which worker each copy is: give it %d, such as 'tcpdump -i %d', or %k and %n"
            )
        if "%" in self.words[0].replace("%%", ""):
            raise ArgumentTypeError(f"'{self.words[0]}' is no program: the same one is started for each worker")
        self.uses_device = "d" in used
        self.program = self.shim = None

    def check(self, folders):
        """Finds the program, and the library in one of the folders. Failure before anything is started."""
        try:
            self.program = preload.find_program(self.words[0].replace("%%", "%"))
            if self.uses_device:
                self.shim = preload.find_library(folders)
                preload.check(self.program, self.shim)
        except preload.Unfit as unfit:
            raise Failure(f"--attach: {unfit}", EXIT_USAGE) from None

    def argv(self, name, number, run):
        values = {"d": f"fb:{name}:{number}", "k": str(number), "r": str(run), "n": name, "%": "%"}
        return [PLACE.sub(lambda found: values[found[1]], word) for word in self.words]

    def environment(self, number, run, environ=os.environ):
        found = preload.environment(self.shim, environ) if self.shim else dict(environ)
        return {**found, GROUP: "1", MARK: f"{number}.{run}"}

    @staticmethod
    def mark(number, run):
        """As it is in the environment."""
        return f"{MARK}={number}.{run}".encode()
