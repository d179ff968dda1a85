# SPDX-License-Identifier: BSD-2-Clause
"""What is where: the top level, sizes of files and functions, unfinished work."""

import os
import re
import shutil
import subprocess

from .tree import SCRIPT_DIRS, SOURCE_DIRS

TOP_LEVEL = {
    *SOURCE_DIRS, *SCRIPT_DIRS, "build", "Makefile", "README.md", "LICENSE", ".git", ".gitignore", ".clang-format",
}  # fmt: skip
MAX_LINES = {".c": 600, ".h": 300}
MAX_FUNCTION_LINES = 60
# Where git cannot say what belongs to the tree, a file of the top level is looked at only if it ends like this.
SOURCE_ENDING = re.compile(r"\.(c|h|py|sh|pml|md|mk|patch|[1-8])$")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")  # in halves, or this file would be a finding


def check(tree):
    check_top_level(tree)
    check_sizes(tree)
    check_unfinished(tree)


def tracked_names(root):
    """The names at the top that git keeps track of, or None: no git, or a tree without its history."""
    if not shutil.which("git") or not os.path.exists(os.path.join(root, ".git")):
        return None
    argv = ["git", "ls-files", "-z"]
    done = subprocess.run(argv, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return {path.split("/")[0] for path in done.stdout.split("\0") if path} if done.returncode == 0 else None


def top_level_names(root):
    """Traces and reports that somebody tried the programs with are none of the tree's."""
    tracked = tracked_names(root)
    if tracked is not None:
        return tracked
    return {n for n in os.listdir(root) if os.path.isdir(os.path.join(root, n)) or SOURCE_ENDING.search(n)}


def check_top_level(tree):
    for name in top_level_names(tree.root):
        if name not in TOP_LEVEL:
            tree.report(name, 1, "does not belong at the top: the layout is " + " ".join(sorted(TOP_LEVEL)))


def check_sizes(tree):
    for path, source in tree.sources.items():
        limit = MAX_LINES[path[-2:]]
        if len(source.lines) > limit:
            tree.report(path, limit + 1, f"{len(source.lines)} lines, at most {limit}: split it by responsibility")
        for function in source.functions:
            lines = function.last - function.first + 1
            if lines > MAX_FUNCTION_LINES:
                what = f"{function.name}() has {lines} lines, at most {MAX_FUNCTION_LINES}: split it"
                tree.report(path, function.first, what)


def check_unfinished(tree):
    for path, text in tree.texts():
        for number, line in enumerate(text.split("\n"), 1):
            for found in UNFINISHED.findall(line):
                tree.report(path, number, f"'{found}' marks unfinished work: finish it")


def set_up(root):
    """A self-test tree that asks for it by a file `tracked` is a git repository of the files named there."""
    try:
        with open(os.path.join(root, "tracked"), encoding="utf-8") as file:
            names = file.read().split()
    except FileNotFoundError:
        return
    for argv in (["git", "init", "-q"], ["git", "add", "--", *names]):
        subprocess.run(argv, cwd=root, check=True)


LONG = "int f(void) {\n" + "    ;\n" * 59 + "}\n"
CASES = [
    ("folder at the top", "src", {"src/a.txt": ""}, "does not belong at the top"),
    ("source at the top", "a.c", {"a.c": "int a;\n"}, "does not belong at the top"),
    ("tracked at the top", "out.json", {"out.json": "", "tracked": "out.json"}, "does not belong at the top"),
    ("long .c", "shm/long.c", {"shm/long.c": "int x;\n" * 601}, "601 lines, at most 600"),
    ("long .h", "shm/long.h", {"shm/long.h": "int x;\n" * 301}, "301 lines, at most 300"),
    ("long function", "shm/f.c", {"shm/f.c": "int x;\n" + LONG}, "f() has 61 lines, at most 60"),
    ("long test", "tests/unit/f.c", {"tests/unit/f.c": LONG}, "f() has 61 lines, at most 60"),
    ("unfinished", "shm/w.c", {"shm/w.c": "/* TO" + "DO: this */\n"}, "marks unfinished work"),
]
ALLOWED = [
    ("longest function", {"shm/f.c": LONG.replace("    ;\n", "", 1)}),
    ("trace at the top", {"trace.pcap": "", "out.json": ""}),
    ("not tracked at the top", {"trace.pcap": "", "a.c": "", "tracked": "shm worker"}),
]
