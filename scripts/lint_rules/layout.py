# SPDX-License-Identifier: BSD-2-Clause
"""What is where: the top level, sizes of files and functions, unfinished work."""

import os
import re

from .tree import SCRIPT_DIRS, SOURCE_DIRS

TOP_LEVEL = {
    *SOURCE_DIRS, *SCRIPT_DIRS, "build", "Makefile", "README.md", "LICENSE", ".git", ".gitignore", ".clang-format",
}  # fmt: skip
MAX_LINES = {".c": 600, ".h": 300}
MAX_MAIN_LINES = 120
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")  # in halves, or this file would be a finding


def check(tree):
    check_top_level(tree)
    check_sizes(tree)
    check_unfinished(tree)


def check_top_level(tree):
    for name in os.listdir(tree.root):
        if name not in TOP_LEVEL:
            tree.report(name, 1, "does not belong at the top: the layout is " + " ".join(sorted(TOP_LEVEL)))


def check_sizes(tree):
    for path, source in tree.sources.items():
        limit = MAX_LINES[path[-2:]]
        if len(source.lines) > limit:
            tree.report(path, limit + 1, f"{len(source.lines)} lines, at most {limit}: split it by responsibility")
        for function in source.functions:
            lines = function.last - function.first + 1
            if function.name == "main" and lines >= MAX_MAIN_LINES:
                tree.report(path, function.first, f"main() has {lines} lines, must be below {MAX_MAIN_LINES}")


def check_unfinished(tree):
    for path, text in tree.texts():
        for number, line in enumerate(text.split("\n"), 1):
            for found in UNFINISHED.findall(line):
                tree.report(path, number, f"'{found}' marks unfinished work: finish it")


LONG_MAIN = "int main(void) {\n" + "    ;\n" * 118 + "}\n"
CASES = [
    ("layout", "src", {"src/a.txt": ""}, "does not belong at the top"),
    ("long .c", "shm/long.c", {"shm/long.c": "int x;\n" * 601}, "601 lines, at most 600"),
    ("long .h", "shm/long.h", {"shm/long.h": "int x;\n" * 301}, "301 lines, at most 300"),
    ("long main", "worker/main.c", {"worker/main.c": LONG_MAIN}, "main() has 120 lines"),
    ("unfinished", "shm/w.c", {"shm/w.c": "/* TO" + "DO: this */\n"}, "marks unfinished work"),
]
ALLOWED = [
    ("longest main", {"worker/main.c": LONG_MAIN.replace("    ;\n", "", 1)}),
]
