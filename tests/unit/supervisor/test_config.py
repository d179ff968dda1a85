# SPDX-License-Identifier: BSD-2-Clause
"""The file of --config as the script reads it: what tests/unit/shm/common/test_config.c expects of the programs."""

import os
from argparse import ArgumentTypeError

from fakes import FolderTest
from supervisor import config
from supervisor.failure import Failure


class Reading(FolderTest):
    def lines(self, text):
        return [(key, value) for _, key, value in config.read_lines(self.write("x.conf", text))]

    def refused(self, text, line, part):
        with self.assertRaisesRegex(Failure, f"x.conf:{line}: .*{part}") as caught:
            self.lines(text)
        self.assertEqual(caught.exception.status, 2)

    def test_lines_are_taken_in_their_order(self):
        self.assertEqual(self.lines(""), [])
        self.assertEqual(
            self.lines("workers = 3\nread = a\nworkers = 4\nread=b\n"),
            [("workers", "3"), ("read", "a"), ("workers", "4"), ("read", "b")],
        )
        self.assertEqual(
            self.lines("p = yes\np=no\np: true\np =false\np\t=\toff"),
            [("p", "yes"), ("p", "no"), ("p", "true"), ("p", "false"), ("p", "off")],
        )

    def test_each_has_its_line_number(self):
        path = self.write("x.conf", "# one\n\n; three\na = 1\n\n  b = 2")
        self.assertEqual(list(config.read_lines(path)), [(4, "a", "1"), (6, "b", "2")])

    def test_white_space_comments_and_marks_are_as_users_write_them(self):
        self.assertEqual(self.lines("\ufeffread = a\r\n  workers = 3\t\r\n\r\n"), [("read", "a"), ("workers", "3")])
        self.assertEqual(
            self.lines("  # indented\nread = a b;c #d ; comment\nread = x=y:z\n"),
            [("read", "a b;c #d"), ("read", "x=y:z")],
        )
        self.assertEqual(self.lines('read =\nread = "q"\n'), [("read", ""), ("read", '"q"')])
        self.assertEqual(self.lines("read = ; nothing\nread =;x\n"), [("read", ""), ("read", ";x")])

    def test_bytes_that_are_no_text_come_through(self):
        self.assertEqual(self.lines("read = \udcff\n"), [("read", "\udcff")])

    def test_a_line_that_begins_with_other_white_space_is_more_of_the_value_before(self):
        self.assertEqual(self.lines("a = 1\n\f2 ; b\n\r\n"), [("a", "1"), ("a", "2 ; b")])
        self.refused("\f2\n", 1, "key = value")
        self.refused("a = 1\n[s]\n\f2\n", 3, "key = value")

    def test_a_line_without_a_value_is_refused(self):
        self.refused("workers = 4\npreload\nread = a\n", 2, "not 'key = value'")
        self.refused("workers = 4\n[half\n", 2, "not 'key = value'")
        self.refused("read = a\n  b\n", 2, "not 'key = value'")
        self.refused("read ;= a\n", 1, "not 'key = value'")

    def test_a_section_is_refused_at_its_first_key(self):
        self.assertEqual(self.lines("read = a\n[dispatcher]\n"), [("read", "a")])
        self.refused("read = a\n[dispatcher]\nworkers = 4\n", 3, "'workers' is in a section: .*dispatcher")

    def test_a_line_of_198_characters_is_the_longest(self):
        longest = "read = " + "x" * 191
        self.assertEqual(self.lines("\t" + longest + "\nread = b\n")[0], ("read", "x" * 191))
        self.refused("a = b\n" + longest + "x\n", 2, "longer than 198 characters: .* filter-file")
        self.assertEqual(self.lines("# " + "x" * 500 + "\n"), [])

    def test_a_nul_byte_is_refused(self):
        self.refused("read = a\nread\0 = b\n", 2, "a NUL byte")


class Key(FolderTest):
    def read(self, text, parse=str):
        return config.read_key(self.write("x.conf", text), "workers", parse)

    def test_the_last_line_of_a_key_counts(self):
        self.assertEqual(self.read("workers = 1\nworker = 9\nworkers = 2\n"), "2")
        self.assertIsNone(self.read("worker = 9\n"))

    def test_each_of_its_lines_is_checked(self):
        def parse(text):
            if text == "wrong":
                raise ArgumentTypeError("'wrong' is wrong")
            return text

        with self.assertRaisesRegex(Failure, "x.conf:2: workers: 'wrong' is wrong"):
            self.read("a = wrong\nworkers = wrong\nworkers = 2\n", parse)

    def test_keys_of_the_programs_are_passed_over(self):
        self.assertEqual(self.read("read = a\nno-such-key = 1\nworkers = 2\n"), "2")

    def test_a_file_that_cannot_be_read_is_said(self):
        for path, reason in ((self.path("none"), "No such file"), (self.folder, "Is a directory")):
            with self.assertRaisesRegex(Failure, f"--config '{path}': cannot read the file: {reason}") as caught:
                config.read_key(path, "workers", str)
            self.assertEqual(caught.exception.status, 2)


class Keeping(FolderTest):
    def keep(self, text):
        path = self.write("x.conf", text)
        fd = config.keep(path)
        self.addCleanup(os.close, fd)
        return path, fd

    def test_what_is_kept_is_what_the_file_was(self):
        text = "workers = 2\n" + "# filler\n" * 100000
        path, fd = self.keep(text)
        self.write("x.conf", "wrokers = 3\n")
        for _ in range(2):  # each reader begins at the start
            with open(config.kept_path(fd), encoding="utf-8") as copy:
                self.assertEqual(copy.read(), text)
        os.unlink(path)
        self.assertEqual(config.read_key(config.kept_path(fd), "workers", str), "2")

    def test_no_process_can_change_it(self):
        _, fd = self.keep("workers = 2\n")
        for change in (lambda: os.write(fd, b"x"), lambda: os.ftruncate(fd, 0), lambda: os.ftruncate(fd, 100)):
            with self.assertRaises(PermissionError):
                change()

    def test_it_is_for_those_processes_only_that_are_given_it(self):
        _, fd = self.keep("")
        self.assertFalse(os.get_inheritable(fd))

    def test_a_file_that_cannot_be_read_is_said(self):
        with self.assertRaisesRegex(Failure, "^--config '.*none': cannot read the file: No such file") as caught:
            config.keep(self.path("none"))
        self.assertEqual(caught.exception.status, 2)
