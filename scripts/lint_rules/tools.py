# SPDX-License-Identifier: BSD-2-Clause
"""What other tools find: clang-format, shellcheck, the Python compiler and patch."""

import os
import re
import subprocess

from .tree import SCRIPT_DIRS


def check(tree):
    check_white_space(tree)
    check_scripts(tree)
    check_mutants(tree)


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


def check_mutants(tree):
    """A mutant that no longer fits its source shows nothing of the tests."""
    patches = [path for path in tree.walk(["tests/mutants"]) if path.endswith(".patch")]
    if not patches or not tree.have_tool("patch"):
        return
    for path in patches:
        argv = ["patch", "--dry-run", "-s", "-f", "-F0", "-p1", "-i", path]
        done = subprocess.run(argv, cwd=tree.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            tree.report(path, 1, "does not apply: make the patch again from what is there now")


MUTANT = "--- a/shm/m.c\n+++ b/shm/m.c\n@@ -1 +1 @@\n-int kept;\n+int lost;\n"
CASES = [
    ("white space", "shm/w.c", {"shm/w.c": "int  x;\n"}, "white space"),
    ("shell", "scripts/run", {"scripts/run": "#!/bin/bash\nrm $1\n"}, "SC2086"),
    ("python", "scripts/run", {"scripts/run": "#!/usr/bin/python3\ndef:\n"}, "Python:"),
    ("mutant", "tests/mutants/1.patch", {"tests/mutants/1.patch": MUTANT, "shm/m.c": "int renamed;\n"}, "does not apply"),
]
ALLOWED = [("a mutant", {"tests/mutants/1.patch": MUTANT, "shm/m.c": "int kept;\n"})]
