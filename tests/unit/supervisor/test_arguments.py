# SPDX-License-Identifier: BSD-2-Clause
"""The words that go on to the dispatcher: values that are missing, and words that belong nowhere."""

import unittest

from fakes import FolderTest
from supervisor.arguments import arrange, known_options
from supervisor.failure import Failure

KNOWN = {
    "-r": "FILE", "--read": "FILE", "-i": "IFACE", "--interface": "IFACE", "-p": None, "--no-promiscuous-mode": None,
    "-s": "BYTES", "--report": "FILE", "--bpf": "EXPR", "--preload": None, "--timeout": "CLASS=SECONDS,...",
}  # fmt: skip


def refused(test, words, line):
    with test.assertRaises(Failure) as caught:
        arrange(words, KNOWN)
    test.assertEqual((str(caught.exception), caught.exception.status), (line, 2))


class Known(FolderTest):
    def options_of(self, script):
        return known_options(self.write("program", "#!/bin/sh\n" + script, 0o700))

    def test_they_are_those_that_the_program_lists_for_the_dispatcher(self):
        lines = (
            ("read", "r", "FILE", "-", "dispatcher", "yes", "Read packets"),
            ("no-promiscuous-mode", "p", "-", "-", "dispatcher", "yes", "Do not"),
            ("timeout", "-", "CLASS=SECONDS,...", "all=1, other=2", "dispatcher", "yes", "End a flow"),
            ("worker", "k", "K", "the first", "worker", "yes", "Take"),
            ("check", "-", "-", "-", "dispatcher,worker", "no", "Check"),
            ("timeout", "-", "S", "40", "script", "no", "Fail"),
        )
        self.write("lines", "".join("\t".join(line) + "\n" for line in lines))
        found = self.options_of(f'[ "$*" = --list-options ] && cat {self.path("lines")}')
        self.assertEqual(found, {
            "-r": "FILE", "--read": "FILE", "-p": None, "--no-promiscuous-mode": None,
            "--timeout": "CLASS=SECONDS,...", "--check": None,
        })  # fmt: skip

    def test_a_program_that_prints_none_leaves_every_word_as_it_is(self):
        self.assertEqual(self.options_of("exit 1"), {})
        words = ["-r", "none.pcap", "more", "--bpf", "--", "x"]
        self.assertEqual(arrange(words, {}), words)


class Values(unittest.TestCase):
    def test_one_at_the_end_is_missing(self):
        refused(self, ["-r"], "-r needs a value: write -r FILE")
        refused(self, ["-r", "-", "--timeout"], "--timeout needs a value: write --timeout CLASS=SECONDS,...")
        refused(self, ["-ps"], "-ps needs a value: write -ps BYTES")

    def test_one_is_missing_where_an_option_follows(self):
        refused(self, ["-r", "--report", "x"], "-r needs a value, and --report is an option: write -r FILE")
        refused(self, ["--bpf", "-p"], "--bpf needs a value, and -p is an option: write --bpf EXPR")
        refused(self, ["-i", "--read=x"], "-i needs a value, and --read=x is an option: write -i IFACE")

    def test_whatever_else_follows_is_one(self):
        for words in (["-r", "-"], ["-s", "-1"], ["--bpf", ""], ["--bpf", "-x or y"], ["-r", "./-p"], ["--bpf", "--"]):
            self.assertEqual(arrange(words, KNOWN), words)

    def test_it_may_be_in_the_same_word(self):
        for words in (["-rx.pcap"], ["--read=x.pcap"], ["--read="], ["-prx.pcap"], ["-s64", "-p"], ["--preload", "-p"]):
            self.assertEqual(arrange(words, KNOWN), words)

    def test_an_option_that_does_not_exist_is_for_the_dispatcher_to_refuse(self):
        for words in (["--no-such", "x", "-r"], ["-Z", "x", "-r"], ["-pZ", "more"], ["--rea", "x"]):
            self.assertEqual(arrange(words, KNOWN), words)


class Words(FolderTest):
    def setUp(self):
        super().setUp()
        self.files = [self.write(name, "") for name in ("a.pcap", "b.pcap", "c.pcap")]

    def test_files_behind_a_file_are_further_files_in_their_order(self):
        a, b, c = self.files
        in_order = ["-r", a, "-r", b, "-r", c]
        self.assertEqual(arrange(["-r", a, b, c], KNOWN), in_order)
        self.assertEqual(arrange(["-r", a, b, "-r", c], KNOWN), in_order)
        mixed = ["-r", a, "-p", "-r", b, "-s", "64", "-r", c]
        self.assertEqual(arrange(["-r", a, "-p", b, "-s", "64", c], KNOWN), mixed)
        for first in (["-r" + a], ["--read", a], ["--read=" + a], ["-pr", a]):
            self.assertEqual(arrange([*first, b], KNOWN), [*first, "-r", b])

    def test_behind_two_dashes_every_word_is_a_file(self):
        a, b, _ = self.files
        self.assertEqual(arrange(["-r", a, "--", b], KNOWN), ["-r", a, "-r", b])
        refused(
            self, ["-r", a, "--", "-p"],
            "'-p' is neither an option nor a file that exists: a filter is given with --bpf 'EXPR'",
        )  # fmt: skip
        refused(
            self, ["-r", a, "--", "--"],
            "'--' is neither an option nor a file that exists: a filter is given with --bpf 'EXPR'",
        )  # fmt: skip

    def test_standard_input_may_be_a_further_file(self):
        a, b, _ = self.files
        self.assertEqual(arrange(["-r", a, "-", b], KNOWN), ["-r", a, "-r", "-", "-r", b])

    def test_a_word_that_is_no_file_may_have_been_meant_for_a_filter(self):
        for words in (["-r", self.files[0], "tcp", "port", "80"], ["-i", "eth0", "tcp"], ["tcp"]):
            refused(
                self, words, "'tcp' is neither an option nor a file that exists: a filter is given with --bpf 'EXPR'"
            )

    def test_a_file_without_an_option_before_it_is_told_which(self):
        a = self.files[0]
        refused(self, [a], f"'{a}' is a file: write -r {a}")
        refused(self, ["-i", "eth0", a], f"'{a}' is a file: write -r {a}")
