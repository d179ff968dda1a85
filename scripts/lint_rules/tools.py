# SPDX-License-Identifier: BSD-2-Clause
"""What other tools find: clang-format, shellcheck and the Python compiler."""

import os
import re
import subprocess

from .tree import SCRIPT_DIRS


def check(tree):
    check_white_space(tree)
    check_scripts(tree)


def check_white_space(tree):
    if not tree.sources or not tree.have_tool("clang-format"):
        return
    argv = ["clang-format", "--dry-run", *tree.sources]
    done = subprocess.run(argv, cwd=tree.root, stderr=subprocess.PIPE, text=True, check=False)
    places = {}
    for path, line in re.findall(r"^(.+?):(\d+):\d+: \w+: .*clang-format-violations", done.stderr, re.M):
        places.setdefault(path, []).append(int(line))
    for path, lines in places.items():
        tree.report(path, lines[0], f"white space is not clang-format's in {len(lines)} places: 'make format' fixes it")


def check_scripts(tree):
    shell = []
    for path in tree.walk(SCRIPT_DIRS):
        with open(os.path.join(tree.root, path), "rb") as file:
            source = file.read()
        interpreter = source.split(b"\n", 1)[0] if source.startswith(b"#!") else b""
        if b"python" in interpreter or path.endswith(".py"):
            check_python(tree, path, source)
        elif re.search(rb"\b(ba|da)?sh$", interpreter) or path.endswith(".sh"):
            shell.append(path)
    if not shell or not tree.have_tool("shellcheck"):
        return
    argv = ["shellcheck", "-f", "gcc", *shell]
    done = subprocess.run(argv, cwd=tree.root, stdout=subprocess.PIPE, text=True, check=False)
    for line in done.stdout.split("\n"):
        found = re.match(r"(.+?):(\d+):\d+: (.*)", line)
        if found:
            tree.report(found[1], int(found[2]), found[3])


def check_python(tree, path, source):
    try:
        compile(source, path, "exec")
    except SyntaxError as error:
        tree.report(path, error.lineno or 1, f"Python: {error.msg}")


CASES = [
    ("white space", "shm/w.c", {"shm/w.c": "int  x;\n"}, "white space"),
    ("shell", "scripts/run", {"scripts/run": "#!/bin/bash\nrm $1\n"}, "SC2086"),
    ("python", "scripts/run", {"scripts/run": "#!/usr/bin/env python3\ndef:\n"}, "Python:"),
]
ALLOWED = []
