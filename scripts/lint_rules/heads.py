# SPDX-License-Identifier: BSD-2-Clause
"""Every test says at its top what it is about, and every product file is named there by some test."""

import os
import re

TEST = re.compile(r"tests/(.+/)?(test|proc|race|fuzz)_\w+\.c")
FILE = re.compile(r"(?<![\w/])(?:\w+/)+\w+\.c\b")


def check(tree):
    named = set()
    for path, source in tree.sources.items():
        if TEST.fullmatch(path):
            text = " ".join(text for _, text in source.head())
            if not re.search(r"\w", text):
                tree.report(path, 1, "no comment at the top says what is tested: name the files, as in dispatcher/flows/flows.c")
            named.update(FILE.findall(text))
    for path in tree.product():
        if path.endswith(".c") and not named & names_of(path):
            tree.report(path, 1, "no test names it in the comment at its top: give it one, or name it in that of its test")


def names_of(path):
    """dispatcher/flows/flows.c is flows/flows.c too."""
    parts = path.split(os.sep)
    return {"/".join(parts[i:]) for i in range(len(parts) - 1)}


def set_up(root):
    """A self-test tree has a test of all its product files but those named in its file `untested`."""
    paths = [os.path.relpath(os.path.join(where, name), root) for where, _, names in os.walk(root) for name in names]
    untested = ""
    if "untested" in paths:
        with open(os.path.join(root, "untested"), encoding="utf-8") as file:
            untested = file.read()
    tested = sorted(path for path in paths if path.endswith(".c") and path not in untested.split())
    os.makedirs(os.path.join(root, "tests/unit"), exist_ok=True)
    with open(os.path.join(root, "tests/unit/test_all.c"), "w", encoding="utf-8") as file:
        file.write("/*\n" + "".join(f" * {path}\n" for path in tested) + " */\nint x;\n")


LONE = {"dispatcher/flows/a.c": "int a;\n", "untested": "dispatcher/flows/a.c tests/unit/test_a.c tests/proc/proc_a.c"}
HEAD = "/* Tests %s. */\n#include <stddef.h>\n\nint x;\n"
CASES = [
    ("not tested", "dispatcher/flows/a.c", LONE, "no test names it"),
    ("named below", "dispatcher/flows/a.c", {**LONE, "tests/unit/test_a.c": "/* A. */\nint x;\n\n/* flows/a.c */\n"}, "no test names it"),
    ("other folder", "dispatcher/flows/a.c", {**LONE, "tests/unit/test_a.c": HEAD % "fleet/a.c"}, "no test names it"),
    ("named in no test", "dispatcher/flows/a.c", {**LONE, "tests/lib/a.h": HEAD % "flows/a.c"}, "no test names it"),
    ("no head", "tests/proc/proc_a.c", {"tests/proc/proc_a.c": "/* SPDX-License-Identifier: BSD-2-Clause */\nint x;\n"}, "no comment at the top"),
    ("empty head", "tests/unit/test_a.c", {"tests/unit/test_a.c": "/* */\nint x;\n"}, "no comment at the top"),
]  # fmt: skip
ALLOWED = [
    ("tested", {**LONE, "tests/unit/test_a.c": HEAD % "dispatcher/flows/a.c"}),
    ("tested by processes", {**LONE, "tests/proc/proc_a.c": HEAD % "what flows/a.c and others do"}),
]
