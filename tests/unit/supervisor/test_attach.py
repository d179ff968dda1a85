# SPDX-License-Identifier: BSD-2-Clause
"""The command of --attach: its words, what stands for what, and what is refused before anything is started."""

import os
import unittest
from argparse import ArgumentTypeError

from fakes import FolderTest
from supervisor.attach import Command
from supervisor.failure import Failure


class Words(unittest.TestCase):
    def argv(self, text, number=3, run=2):
        return Command(text).argv("sensor", number, run)

    def refused(self, text, part):
        with self.assertRaisesRegex(ArgumentTypeError, part):
            Command(text)

    def test_it_is_split_as_a_shell_would_and_each_copy_gets_its_own(self):
        self.assertEqual(
            self.argv("tcpdump -i %d -w 'a part-%k-%r.pcap' \"port 53\""),
            ["tcpdump", "-i", "fb:sensor:3", "-w", "a part-3-2.pcap", "port 53"],
        )
        self.assertEqual(self.argv("x -n %n -k %k", 0, 0), ["x", "-n", "sensor", "-k", "0"])

    def test_several_in_a_word_and_a_percent_sign(self):
        self.assertEqual(self.argv("x %k%%d%r%%%n %d%d"), ["x", "3%d2%sensor", "fb:sensor:3fb:sensor:3"])

    def test_what_a_shell_would_do_with_it_is_not_done(self):
        self.assertEqual(self.argv("x %k $HOME *.py > y"), ["x", "3", "$HOME", "*.py", ">", "y"])

    def test_any_other_percent_is_refused_with_what_to_write(self):
        self.refused("tcpdump -i %d -w %H.pcap", "'%H' in '%H.pcap' is none of %d, %k, %r, %n: write %% for a percent sign")
        self.refused("x %k 5%", "'%' in '5%' is none of")
        self.refused("x %k %D", "'%D' in '%D' is none of")
        self.refused("x %k '%\n'", "is none of")

    def test_a_copy_has_to_be_told_which_worker_it_is(self):
        self.refused("tcpdump -i eth0", "does not say which worker each copy is: give it %d")
        self.refused("x -n %n -r %r", "does not say which worker each copy is")
        self.refused("x %%d %%k", "does not say which worker each copy is")

    def test_what_is_no_command(self):
        for text in ("", "  ", "''", "'' %d"):
            self.refused(text, "is no command: give a program and its arguments")
        self.refused("x '%d", "cannot be split into words: No closing quotation: close what is quoted")
        self.refused("prog-%k -i %d", "'prog-%k' is no program: the same one is started for each worker")


class Check(FolderTest):
    def setUp(self):
        super().setUp()
        self.shim = self.write("libflowbalancer-pcap.so", "")

    def check(self, text, folder=None):
        command = Command(text)
        command.check([folder or self.folder])
        return command

    def refused(self, text, part, folder=None):
        with self.assertRaisesRegex(Failure, part) as caught:
            self.check(text, folder)
        self.assertEqual(caught.exception.status, 2)

    def test_a_program_with_a_device_gets_the_library_behind_what_is_preloaded_already(self):
        command = self.check("sh %d")
        found = command.environment(1, 7, {"HOME": "/x"})
        self.assertEqual(found, {"HOME": "/x", "LD_PRELOAD": self.shim, "FB_ATTACH_GROUP": "1", "FB_ATTACH_COPY": "1.7"})
        self.assertEqual(command.environment(0, 0, {"LD_PRELOAD": "a.so"})["LD_PRELOAD"], f"a.so:{self.shim}")
        self.assertEqual(command.mark(1, 7), b"FB_ATTACH_COPY=1.7")

    def test_one_without_a_device_knows_the_library_itself_and_needs_none(self):
        os.unlink(self.shim)
        found = self.check("sh %k").environment(0, 0, {})
        self.assertEqual(found, {"FB_ATTACH_GROUP": "1", "FB_ATTACH_COPY": "0.0"})

    def test_what_cannot_be_run_is_said(self):
        self.refused("no-such-program %k", "^--attach: 'no-such-program' cannot be run: it is in no folder of PATH: install it")
        self.refused(f"{self.path('none')} %k", "cannot be run: there is no such file")
        self.refused(f"{self.folder} %k", "it is a directory: give a program")
        self.refused(f"{self.write('plain', '', 0o600)} %k", "is not executable for this user: chmod")

    def test_a_library_that_is_missing_is_said(self):
        os.mkdir(self.path("empty"))
        self.refused("sh %d", "libflowbalancer-pcap.so is not in .*/empty: run 'make build'", self.path("empty"))

    def test_a_percent_sign_in_the_name_of_a_program(self):
        program = self.write("a%b", "#!/bin/sh\n", 0o700)
        command = self.check(program.replace("%", "%%") + " %k")
        self.assertEqual(command.program, program)
        self.assertEqual(command.argv("n", 1, 0), [program, "1"])
