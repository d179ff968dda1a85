# SPDX-License-Identifier: BSD-2-Clause
"""The command line, and the line that is printed when it is wrong."""

import argparse
import contextlib
import io
import os
import unittest
from unittest import mock

from fakes import FolderTest, without_stamps
from supervisor import main, options, values
from supervisor.failure import Failure
from supervisor.log import Log
from supervisor.paths import Places


def parse(*words, log=None):
    return options.parse(list(words), Places("/scripts"), log or Log())


class Run(unittest.TestCase):
    def test_what_is_not_ours_goes_on_in_its_order(self):
        call = parse("run", "-r", "a.pcap", "-w", "4", "--policy", "hash", "-n", "x", "--bpf", "tcp port 80", "-p")
        self.assertEqual(call.rest, ["-r", "a.pcap", "--policy", "hash", "--bpf", "tcp port 80", "-p"])
        self.assertEqual((call.options.workers, call.options.name), (4, "x"))

    def test_an_option_is_not_taken_for_another_that_begins_like_it(self):
        self.assertEqual(parse("run", "--work", "4", "--conf", "x").rest, ["--work", "4", "--conf", "x"])

    def test_the_level_is_that_of_our_own_lines_too(self):
        log = Log()
        parse("run", "--log-level", "debug", log=log)
        self.assertEqual(log.level, "debug")
        parse("run", log=log)
        self.assertEqual(log.level, "debug")

    def test_wrong_values_are_quoted(self):
        for words, part in (
            (["run", "-w", "none"], "'none' is no number of workers"),
            (["run", "-w", ""], "'' is no number of workers: give a whole number"),
            (["run", "-n", "a/b"], "'a/b' is no instance name"),
            (["run", "--worker-cpu", "3-1"], "'3-1' is no list of processors"),
            (["run", "--log-level", "loud"], "--log-level 'loud' is none of error, warning, info, debug"),
            (["drain", "all"], "'all' is no worker number"),
            (["restart", "1x"], "'1x' is no worker number"),
            (["stop", "--timeout", "soon"], "'soon' is no number of seconds: give for example 40"),
            (["stop", "more"], "stop does not know 'more'"),
            (["add", "--max-workers", "3"], "add does not know '--max-workers'"),
            (["drain"], "K"),
            (["run", "-w"], "-w/--workers: expected one argument"),
            (["run", "--attach", "tcpdump -i %x"], "argument --attach: '%x' in '%x' is none of %d"),
            (["attach", "-n", "x", "tcpdump"], "attach needs a command: write -- before it"),
            (["attach", "-n", "x", "--"], "attach needs a command: write -- before it"),
            (["attach", "tcpdump", "--", "y"], "attach does not know 'tcpdump'"),
        ):
            with self.assertRaisesRegex(Failure, part) as caught:
                parse(*words)
            self.assertEqual(caught.exception.status, 2)

    def test_status_passes_on_what_flow_stat_knows(self):
        self.assertEqual(parse("status", "-n", "x", "--json").rest, ["--json"])

    def test_top_passes_on_what_flow_stat_knows(self):
        self.assertEqual(parse("top", "-n", "x", "--interval", "2", "-1").rest, ["--interval", "2", "-1"])

    def test_what_is_behind_the_dashes_is_the_command_of_attach_as_it_is(self):
        call = parse("attach", "-n", "x", "--", "tcpdump", "-n", "-i", "fb:x", "--", "port 53")
        self.assertEqual(call.rest, ["tcpdump", "-n", "-i", "fb:x", "--", "port 53"])
        self.assertEqual(parse("attach", "--", "tcpdump", "-h", "--help").rest, ["tcpdump", "-h", "--help"])
        self.assertEqual(call.options.name, "x")

    def test_stop_waits_longer_than_rings_may_drain(self):
        self.assertEqual(parse("stop").options.timeout, 40)
        self.assertEqual(parse("stop", "--timeout", "1.5").options.timeout, 1.5)

    def test_restart_takes_a_number_or_all(self):
        self.assertEqual(parse("restart", "all").options.worker, "all")
        self.assertEqual(parse("restart", "12").options.worker, 12)


class Command(unittest.TestCase):
    """The first word."""

    def refused(self, words, line):
        with self.assertRaises(Failure) as caught:
            parse(*words)
        self.assertEqual((str(caught.exception), caught.exception.status), (line, 2))

    def test_without_it_what_there_is_is_said(self):
        commands = "run, start, stop, status, top, list, add, drain, restart, reload or attach"
        self.refused([], f"no command: give {commands} (see 'flow-balancer --help')")
        self.refused(["fly", "-r", "x"], f"'fly' is no command: give {commands}")

    def test_options_alone_are_meant_for_run(self):
        self.refused(["-r", "x.pcap"], 'no command: write "flow-balancer run -r x.pcap"')
        self.refused(
            ["--bpf", "tcp port 80", "-r", "a b.pcap"],
            "no command: write \"flow-balancer run --bpf 'tcp port 80' -r 'a b.pcap'\"",
        )

    def test_one_that_comes_later_is_put_first(self):
        self.refused(["-n", "x", "stop"], 'the command comes first: write "flow-balancer stop -n x"')


class Name(FolderTest):
    """The instance that a command asks."""

    def name(self, *words):
        return parse("stop", *words).name()

    def test_it_has_a_default(self):
        self.assertEqual(self.name(), "flow-balancer")

    def test_it_may_be_in_the_file_of_config(self):
        path = self.write("x.conf", "workers = 3\nname = from-file\n")
        for command in (["stop"], ["add"], ["drain", "1"], ["restart", "all"], ["reload"]):
            self.assertEqual(parse(*command, "--config", path).name(), "from-file")
        self.assertEqual(self.name("--config", self.write("y.conf", "workers = 3\n")), "flow-balancer")

    def test_the_command_line_wins_and_the_file_is_not_needed_then(self):
        self.assertEqual(self.name("-n", "mine", "--config", self.path("none")), "mine")

    def test_a_wrong_one_is_a_line_with_its_place(self):
        with self.assertRaisesRegex(Failure, "x.conf:1: name: '../a' is no instance name: 1 to 64 letters"):
            self.name("--config", self.write("x.conf", "name = ../a\n"))

    def test_a_file_that_cannot_be_read_is_said(self):
        with self.assertRaisesRegex(Failure, "--config '.*none': cannot read the file: No such file") as caught:
            self.name("--config", self.path("none"))
        self.assertEqual(caught.exception.status, 2)


class Help(unittest.TestCase):
    def test_every_command_prints_it_for_h_and_help(self):
        for words in ([], *([command] for command in main.COMMANDS)):
            texts = set()
            for option in ("-h", "--help"):
                output = io.StringIO()
                with contextlib.redirect_stdout(output), self.assertRaises(SystemExit) as caught:
                    parse(*words, option)
                self.assertEqual(caught.exception.code, 0)
                texts.add(output.getvalue())
            self.assertEqual(len(texts), 1)
            self.assertGreater(len(texts.pop()), 100)

    def test_every_command_that_help_lists_exists_and_the_other_way_round(self):
        self.assertEqual(list(options.make_parser(Places("/scripts"))[1]), list(main.COMMANDS))


class Version(FolderTest):
    def version(self, says):
        self.write("flow-dispatcher", f"#!/bin/sh\necho '{says}'\n", 0o700)
        output = io.StringIO()
        with contextlib.redirect_stdout(output), self.assertRaises(SystemExit) as caught:
            options.parse(["--version"], Places(self.folder, environ={}), Log())
        self.assertEqual(caught.exception.code, 0)
        return output.getvalue()

    def test_it_is_that_of_the_programs(self):
        self.assertEqual(self.version("flow-dispatcher 1.2.3, libnuma 2"), "flow-balancer 1.2.3,\n")
        self.assertEqual(self.version("flow-dispatcher 1.2.3"), "flow-balancer 1.2.3\n")
        self.assertEqual(self.version(""), "flow-balancer of unknown version\n")


class Values(unittest.TestCase):
    def test_a_list_of_processors_keeps_its_order(self):
        self.assertEqual(values.cpu_list("3"), [3])
        self.assertEqual(values.cpu_list("4,0-2,1"), [4, 0, 1, 2, 1])
        for text in ("", ",", "1,", "1-", "-1", "2-1", "a", "1 2", "1.5", "12345", "\u0663"):
            with self.assertRaises(argparse.ArgumentTypeError):
                values.cpu_list(text)

    def test_an_instance_name_cannot_leave_its_folder(self):
        for text in ("a", "A-9_z", "a" * 64):
            self.assertEqual(values.instance_name(text), text)
        for text in ("", ".", "..", "a/b", "a b", "a\n", "\u00e4", "a" * 65):
            with self.assertRaises(argparse.ArgumentTypeError):
                values.instance_name(text)

    def test_seconds(self):
        self.assertEqual(values.seconds("0.5"), 0.5)
        for text in ("", "-1", "1e3", "nan", "inf", "1.2345", "soon"):
            with self.assertRaises(argparse.ArgumentTypeError):
                values.seconds(text)


class Main(unittest.TestCase):
    def run_main(self, outcome, *words):
        """Its status, and the lines it wrote, when the command ends so."""
        reader, writer = os.pipe()
        log = Log(fd=writer)
        with mock.patch.object(main, "Log", lambda: log), mock.patch.dict(main.COMMANDS, {"run": outcome}):
            status = main.main(list(words) or ["run"], "/scripts")
        log.output.close()
        os.close(writer)
        text = os.read(reader, 4096).decode()
        os.close(reader)
        return status, without_stamps(text)

    def test_the_status_of_the_command_is_its_own(self):
        self.assertEqual(self.run_main(lambda _: 7), (7, ""))

    def test_a_failure_is_one_line_and_its_status(self):
        failing = mock.Mock(side_effect=Failure("it does not work: do this", 2))
        self.assertEqual(self.run_main(failing), (2, "flow-balancer: error: it does not work: do this\n"))

    def test_one_that_was_said_already_is_not_said_again(self):
        self.assertEqual(self.run_main(mock.Mock(side_effect=Failure("", 2))), (2, ""))

    def test_an_error_of_the_system_is_one_line_and_1(self):
        status, text = self.run_main(mock.Mock(side_effect=OSError("disk on fire")))
        self.assertEqual((status, text), (1, "flow-balancer: error: disk on fire\n"))

    def test_one_about_a_file_names_it(self):
        status, text = self.run_main(mock.Mock(side_effect=FileNotFoundError(2, "No such file or directory", "/x/y")))
        self.assertEqual((status, text), (1, "flow-balancer: error: /x/y: No such file or directory\n"))

    def test_too_many_open_files_names_the_limit_and_how_to_raise_it(self):
        for limits, words in (
            ((20, 1 << 20), "the limit is 20: raise it with 'ulimit -n 4096'"),
            ((2048, 1 << 20), "the limit is 2048: raise it with 'ulimit -n 8192'"),
            ((2048, 5000), "the limit is 2048: raise it with 'ulimit -n 5000'"),
            ((20, 20), "the limit is 20, and so is the hard limit: raise both as root, with 'ulimit -n 4096', "
             "or with LimitNOFILE= in a systemd unit"),
        ):  # fmt: skip
            with mock.patch("resource.getrlimit", lambda _, limits=limits: limits):
                text = self.run_main(mock.Mock(side_effect=OSError(24, "Too many open files")))[1]
            self.assertEqual(text, f"flow-balancer: error: Too many open files: {words}\n")

    def test_ctrl_c_has_the_status_that_shells_expect(self):
        self.assertEqual(self.run_main(mock.Mock(side_effect=KeyboardInterrupt)), (130, ""))

    def test_wrong_usage_is_one_line_and_2(self):
        status, text = self.run_main(None, "run", "-w", "x")
        self.assertEqual(status, 2)
        self.assertRegex(text, "^flow-balancer: error: [^\n]*\n$")
