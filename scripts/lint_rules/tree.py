# SPDX-License-Identifier: BSD-2-Clause
"""What is checked: the files of the repository, and of C files what is where in them."""

import bisect
import collections
import os
import re
import shutil

PRODUCT_DIRS = ["include", "shm", "dispatcher", "worker"]
SOURCE_DIRS = [*PRODUCT_DIRS, "tests"]  # tests may use whatever they need to judge the rest
SCRIPT_DIRS = ["scripts", ".ci", "tests"]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)")
FUNCTION_NAME = re.compile(r"(\w+)\s*\(")

# header: all before the opening brace, on one line
Function = collections.namedtuple("Function", "name first last header")


class Source:
    """A C file: its lines, comments, includes and functions. Relies on clang-format's layout."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            self.text = file.read()
        self.lines = self.text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.comments = []  # (first line, last line, text on one line)
        self.code = TOKEN.sub(self.take_comment, self.text).split("\n")
        self.includes = []  # (line, '<' or '"', name)
        for number, line in enumerate(self.lines, 1):
            found = INCLUDE.match(line)
            if found:
                self.includes.append((number, found[1], found[2]))
        self.functions = list(self.find_functions())

    def line_of(self, offset):
        return bisect.bisect_right(self.starts, offset)

    def take_comment(self, found):
        """Remembers a comment; leaves only the line ends of it, and of a string its quotes."""
        if found[0][0] in "\"'":
            return found[0][0] * 2
        text = re.sub(r"\s*\n\s*\*?\s*|\s+", " ", found[0])
        self.comments.append((self.line_of(found.start()), self.line_of(found.end() - 1), text))
        return "\n" * found[0].count("\n")

    def find_functions(self):
        header, first, function = "", 0, None
        for number, line in enumerate(self.code, 1):
            if function:  # inside a body
                if line.startswith("}"):
                    yield function._replace(last=number)
                    function = None
            elif header or re.match(r"[A-Za-z_]", line):
                first = first if header else number
                header += line + " "
                if line.rstrip().endswith("{"):
                    plain = ATTRIBUTE.sub("", header)
                    found = FUNCTION_NAME.search(plain)
                    if found and "=" not in plain:
                        function = Function(found[1], first, 0, plain.rstrip(" {"))
                    header = ""
                elif ";" in line or line.rstrip().endswith("}"):
                    header = ""

    def function_at(self, line):
        for function in self.functions:
            if function.first <= line <= function.last:
                return function
        return None

    def head(self):
        """The comments before the first line of code, each as (lines, text), without the licence."""
        code = (n for n, line in enumerate(self.code, 1) if line.strip() and not line.lstrip().startswith("#"))
        first_code = next(code, len(self.lines) + 1)
        return [
            (last - first + 1, text)
            for first, last, text in self.comments
            if last < first_code and "SPDX-License-Identifier" not in text
        ]


class Tree:
    """The files below root, and what the rules find in them."""

    def __init__(self, root, build=None):
        self.root = root
        self.build = build or os.path.join(root, "build")
        self.findings = []  # (path, line, text)
        self.notes = []  # what could not be checked, and why
        self.sources = {path: Source(root, path) for path in self.walk(SOURCE_DIRS) if path.endswith((".c", ".h"))}

    def walk(self, folders):
        for folder in folders:
            for where, inside, names in os.walk(os.path.join(self.root, folder)):
                inside[:] = sorted(name for name in inside if name != "__pycache__")
                for name in sorted(names):
                    yield os.path.relpath(os.path.join(where, name), self.root)

    def product(self):
        return {path: source for path, source in self.sources.items() if path.split(os.sep)[0] in PRODUCT_DIRS}

    def texts(self):
        """Every file that people read, as (path, text)."""
        for path in [*self.walk(dict.fromkeys(SOURCE_DIRS + SCRIPT_DIRS)), "Makefile", "README.md"]:
            try:
                with open(os.path.join(self.root, path), encoding="utf-8") as file:
                    yield path, file.read()
            except (FileNotFoundError, UnicodeDecodeError):
                continue  # no Makefile in a self-test tree; no words in a binary file

    def report(self, path, line, text):
        self.findings.append((path, line, text))

    def note(self, text):
        self.notes.append(text)

    def have_tool(self, name):
        if shutil.which(name):
            return True
        self.report("scripts/lint", 1, f"{name} is not installed: run scripts/install-deps --test")
        return False
