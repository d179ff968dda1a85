# SPDX-License-Identifier: BSD-2-Clause
"""Names that keep what they promise: one static function of a name in a folder; predicates change nothing."""

import os
import re

PREDICATE = re.compile(r"(^|_)(is|has|may)_")
RETURNS_BOOL = re.compile(r"(static |inline )*bool\b")


def check(tree):
    seen = {}  # (folder, name) -> path
    for path, source in tree.product().items():
        for function in source.functions:
            if re.match(r"static\b", function.header):
                first = seen.setdefault((os.path.dirname(path), function.name), path)
                if first != path:
                    what = f"{function.name}() is a static function of {first} too"
                    tree.report(path, function.first, f"{what}: give each a name of its own in the folder")
            if PREDICATE.search(function.name) and RETURNS_BOOL.match(function.header):
                check_predicate(tree, path, function)


def check_predicate(tree, path, function):
    """The parameters are what is in the outer parentheses behind the name; one level of parentheses in them is enough."""
    parameters = re.search(re.escape(function.name) + r"\s*\((.*)\)", function.header)[1]
    for parameter in re.split(r",(?![^()]*\))", parameters):
        pointed_at = parameter.split("*")[0]
        if "*" in parameter and not re.search(r"\bconst\b", pointed_at):
            what = f"{function.name}() is a predicate by its name, but '{parameter.strip()}' is not const"
            tree.report(path, function.first, f"{what}: a question changes nothing")


TWICE = "static int look(void) {\n    return 1;\n}\n"
QUESTION = "bool fb_has_room(%sstruct ring *ring, unsigned n) {\n    return n < ring->room;\n}\n"
CASES = [
    ("static twice", "shm/b.c", {"shm/a.c": TWICE, "shm/b.c": TWICE}, "look() is a static function of shm/a.c too"),
    ("acting predicate", "shm/a.c", {"shm/a.c": QUESTION % ""}, "'struct ring *ring' is not const"),
    ("second parameter", "shm/a.c", {"shm/a.c": QUESTION.replace("unsigned", "char *") % "const "}, "'char * n' is not const"),
]
ALLOWED = [
    ("static in two folders", {"shm/a.c": TWICE, "worker/a.c": TWICE}),
    ("asking predicate", {"shm/a.c": QUESTION % "const "}),
    ("sentence", {"shm/a.c": "void say_ring_is_full(struct ring *ring) {\n    ring->said = 1;\n}\n"}),
    ("verb", {"shm/a.c": QUESTION.replace("fb_has_room", "fb_make_room") % ""}),
]
