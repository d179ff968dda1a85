# SPDX-License-Identifier: BSD-2-Clause
"""Rooms and doors: who may include whom and through which headers, and what is used in few files only."""

import os
import re

from .tree import PRODUCT_DIRS

# Which folders a folder may include from: the layers of the architecture. Tests may include all,
# and are included from nowhere; files directly in dispatcher/ are its main program.
CONTRACTS = ["include/flow_balancer", "include/flow_balancer/common"]
SOURCES = ["dispatcher/capture", "dispatcher/decode"]
MAY_INCLUDE = {
    "include/flow_balancer": ["include/flow_balancer"],
    "include/flow_balancer/common": CONTRACTS,
    "shm": ["shm", "shm/view", *CONTRACTS],
    "shm/common": ["shm/common", *CONTRACTS],
    "shm/report": ["shm/report", *CONTRACTS],
    "shm/view": ["shm/view", *CONTRACTS],
    "dispatcher": ["dispatcher/run", "dispatcher/capture", *CONTRACTS],
    "dispatcher/offline": ["dispatcher/offline", "dispatcher/run", "dispatcher/datapath", "dispatcher/flows", *SOURCES, *CONTRACTS],
    "dispatcher/run": ["dispatcher/run", "dispatcher/datapath", "dispatcher/fleet", "dispatcher/flows", *SOURCES, *CONTRACTS],
    "dispatcher/datapath": ["dispatcher/datapath", "dispatcher/fleet", "dispatcher/flows", *SOURCES, *CONTRACTS],
    "dispatcher/fleet": ["dispatcher/fleet", "dispatcher/flows", *CONTRACTS],
    "dispatcher/flows": ["dispatcher/flows", *SOURCES, *CONTRACTS],
    "dispatcher/capture": ["dispatcher/capture", *CONTRACTS],
    "dispatcher/decode": ["dispatcher/decode", *CONTRACTS],
    "worker": ["worker", "worker/consumer", "worker/inspectors", "worker/records", *CONTRACTS],
    "worker/consumer": ["worker/consumer", *CONTRACTS],
    "worker/inspectors": ["worker/inspectors", "worker/records", *CONTRACTS],
    "worker/records": ["worker/records", *CONTRACTS],
    "worker/shim": ["worker/shim", "worker/consumer", *CONTRACTS],
}  # fmt: skip
# The headers of a folder that other folders may include; where it has no row, all of them.
# The first one says at its top what the folder does, what it may touch and what it must not know.
DOORS = {
    "dispatcher/capture": ["capture.h", "capture_fanout.h", "packet_clock.h", "frame.h"],
    "dispatcher/decode": ["decode.h"],
    "dispatcher/flows": ["flows.h", "fragments.h", "flow_class.h", "handles.h", "forwards.h", "flow_clock.h", "key_hash.h"],
    "dispatcher/fleet": ["fleet.h", "policy.h", "quarantine.h"],
    "dispatcher/datapath": ["datapath.h", "move.h", "look_up.h"],
    "dispatcher/run": ["run.h", "options.h", "sources.h"],
    "dispatcher/offline": ["offline_flows.h"],
    "shm/view": ["view.h"],
    "worker": ["loop.h"],
    "worker/consumer": ["consumer_parts.h"],
    "worker/inspectors": ["inspectors.h"],
    "worker/shim": ["shim.h"],
}
ROOM_COMMENT_LINES = 8
# Modules that know nothing of their neighbours in the folder.
LONERS = ["flow_table", "worker_heap", "timer_wheel"]
PCAP_FILES = re.compile(r"dispatcher/(capture/capture(_\w+)?|fleet/quarantine(_\w+)?)\.[ch]|worker/shim/\w+\.[ch]")
ATOMIC_FILES = re.compile(r"(include/flow_balancer|shm)/(object|ring|sides|ctl|life|counters|delay|history)\.[ch]")
# The last word of a key holds bits of its flow too: its layout, who makes it, and the table.
KEY_WORD = re.compile(r"\bword\[4\]")
KEY_FILES = re.compile(r"include/flow_balancer/flow_key\.h|dispatcher/(decode/decode\.c|flows/flow_table\.[ch])")
# A prefetch of the compiler's own may be left out, as prefetch.h says.
PREFETCH = re.compile(r"\b__builtin_prefetch\b")
PREFETCH_FILE = "include/flow_balancer/prefetch.h"


def check(tree):
    numa_files = []
    for path, source in tree.sources.items():
        for line, kind, name in source.includes:
            target = resolve(tree, path, name)
            if kind == '"' and not target:
                tree.report(path, line, f'"{name}" is not in the tree')
            if target:
                check_edge(tree, path, line, target)
            if path.split(os.sep)[0] in PRODUCT_DIRS and kind == "<":
                check_library(tree, path, line, name)
                if name.startswith("numa"):
                    numa_files.append((path, line, name))
    for path, line, name in numa_files:
        if path != numa_files[0][0]:
            tree.report(path, line, f"<{name}> is already used in {numa_files[0][0]}: one file only")
    check_cycles(tree)
    check_words_of_few_files(tree)
    check_room_comments(tree)


def resolve(tree, path, name):
    """The file in the tree that an #include "name" of path means, or None."""
    for folder in (os.path.dirname(path), "include", ""):
        candidate = os.path.normpath(os.path.join(folder, name))
        if candidate in tree.sources:
            return candidate
    return None


def check_edge(tree, path, line, target):
    folder, other = os.path.dirname(path), os.path.dirname(target)
    if folder.split(os.sep)[0] == "tests":
        return
    if folder not in MAY_INCLUDE:
        tree.report(path, line, f"{folder}/ is not in the table of layers, MAY_INCLUDE")
    elif other not in MAY_INCLUDE[folder]:
        tree.report(path, line, f"{folder}/ must not include {other}/ ({target})")
    elif folder != other and os.path.basename(target) not in DOORS.get(other, [os.path.basename(target)]):
        tree.report(path, line, f"{target} is no door of {other}/: {', '.join(DOORS[other])}")
    if folder == other:
        mine = os.path.splitext(os.path.basename(path))[0]
        if mine in LONERS and os.path.splitext(os.path.basename(target))[0] != mine:
            tree.report(path, line, f"{mine} must not include a sibling ({target})")


def check_library(tree, path, line, name):
    if name.startswith("pcap") and not PCAP_FILES.fullmatch(path):
        tree.report(path, line, f"<{name}> only in capture/capture*, fleet/quarantine* and worker/shim/")
    if name == "stdatomic.h" and not ATOMIC_FILES.fullmatch(path):
        tree.report(path, line, "<stdatomic.h> only in the object, ring, sides, ctl, life, counter, delay and history files")


def check_cycles(tree):
    done, trail = set(), []

    def visit(path):
        if path in trail:
            cycle = trail[trail.index(path) :] + [path]
            tree.report(path, 1, "include cycle: " + " -> ".join(cycle))
            return
        if path in done:
            return
        trail.append(path)
        for _, _, name in tree.sources[path].includes:
            target = resolve(tree, path, name)
            if target:
                visit(target)
        trail.pop()
        done.add(path)

    for path in tree.sources:
        visit(path)


def check_words_of_few_files(tree):
    for path, source in tree.product().items():
        for number, line in enumerate(source.code, 1):
            if KEY_WORD.search(line) and not KEY_FILES.fullmatch(path):
                tree.report(path, number, "word[4] of a key only where its layout is known: see KEY_FILES in lint_rules/rooms.py")
            if PREFETCH.search(line) and path != PREFETCH_FILE:
                tree.report(path, number, f"__builtin_prefetch only in {PREFETCH_FILE}: fb_prefetch()")


def check_room_comments(tree):
    for folder, doors in DOORS.items():
        source = tree.sources.get(f"{folder}/{doors[0]}")
        if source and max((lines for lines, _ in source.head()), default=0) < ROOM_COMMENT_LINES:
            what = f"the first door of {folder}/ begins with no comment of at least {ROOM_COMMENT_LINES} lines"
            tree.report(source.path, 1, f"{what}: what the folder does, what it may touch, what it must not know")


ROOM_COMMENT = "/*\n" + " * About this room.\n" * (ROOM_COMMENT_LINES - 2) + " */\n"
CASES = [
    ("folders", "dispatcher/run/run.c", {"dispatcher/run/run.c": '#include "worker/w.h"\n', "worker/w.h": ""}, "must not include worker/"),
    ("folders back", "worker/loop.c", {"worker/loop.c": '#include "dispatcher/decode/decode.h"\n'}, "must not include dispatcher/decode/"),
    ("upwards", "dispatcher/flows/f.c", {"dispatcher/flows/f.c": '#include "dispatcher/fleet/fleet.h"\n', "dispatcher/fleet/fleet.h": ""}, "must not include dispatcher/fleet/"),
    ("door", "dispatcher/fleet/f.c", {"dispatcher/fleet/f.c": '#include "dispatcher/flows/flow_table.h"\n'}, "is no door of dispatcher/flows/"),
    ("new folder", "shm/new/v.c", {"shm/new/v.c": '#include "flow_balancer/ring.h"\n'}, "is not in the table of layers"),
    ("contracts", "include/flow_balancer/a.h", {"include/flow_balancer/a.h": '#include "shm/s.h"\n', "shm/s.h": ""}, "must not include shm/"),
    ("shm", "shm/s.c", {"shm/s.c": '#include "worker/w.h"\n', "worker/w.h": ""}, "must not include worker/"),
    ("sibling", "dispatcher/flows/flow_table.c", {"dispatcher/flows/flow_table.c": '#include "flows.h"\n', "dispatcher/flows/flows.h": ""}, "must not include a sibling"),
    ("other room", "dispatcher/decode/decode.c", {"dispatcher/decode/decode.c": '#include "dispatcher/capture/capture.h"\n'}, "must not include dispatcher/capture/"),
    ("missing", "shm/s.c", {"shm/s.c": '#include "nowhere.h"\n'}, "is not in the tree"),
    ("pcap", "worker/w.c", {"worker/w.c": "#include <pcap/dlt.h>\n"}, "<pcap/dlt.h> only in"),
    ("numa", "worker/loop.c", {"shm/n.c": "#include <numaif.h>\n"}, "one file only"),
    ("stdatomic", "shm/region.c", {"shm/region.c": "#include <stdatomic.h>\n"}, "<stdatomic.h> only in"),
    ("key word", "worker/loop.c", {"worker/loop.c": "int f(void) {\n    return key.word[4];\n}\n"}, "word[4] of a key only"),
    ("prefetch", "worker/loop.c", {"worker/loop.c": "void f(void) {\n    __builtin_prefetch(0);\n}\n"}, "__builtin_prefetch only in"),
    ("no room comment", "dispatcher/run/run.h", {"dispatcher/run/run.h": "int run(void);\n"}, "comment of at least 8 lines"),
    ("short room comment", "dispatcher/run/run.h", {"dispatcher/run/run.h": ROOM_COMMENT.replace(" * About this room.\n", "", 1)}, "comment of at least 8 lines"),
    ("late room comment", "dispatcher/run/run.h", {"dispatcher/run/run.h": "int run(void);\n\n" + ROOM_COMMENT}, "comment of at least 8 lines"),
    ("far down", "dispatcher/fleet/f.c", {"dispatcher/fleet/f.c": '#include "dispatcher/decode/decode.h"\n'}, "must not include dispatcher/decode/"),
    ("main", "dispatcher/main.c", {"dispatcher/main.c": '#include "dispatcher/decode/decode.h"\n'}, "must not include dispatcher/decode/"),
    ("inspector", "worker/inspectors/i.c", {"worker/inspectors/i.c": '#include "worker/loop.h"\n', "worker/loop.h": ROOM_COMMENT}, "must not include worker/"),
    ("shm parts", "shm/common/c.c", {"shm/common/c.c": '#include "shm/s.h"\n', "shm/s.h": ""}, "must not include shm/"),
    ("tests", "worker/loop.c", {"worker/loop.c": '#include "tests/lib/t.h"\n', "tests/lib/t.h": ""}, "must not include tests/lib/"),
    ("cycle", "shm/a.h", {"shm/a.h": '#include "b.h"\n', "shm/b.h": '#include "a.h"\n'}, "include cycle"),
]  # fmt: skip
ALLOWED = [
    ("key word in a comment", {"worker/loop.c": "/* The kind is in word[4]. */\n"}),
    ("key word of the table", {"dispatcher/flows/flow_table.c": "int f(void) {\n    return key.word[4];\n}\n"}),
    ("room comment", {"dispatcher/run/run.h": "#include <stdint.h>\n\n" + ROOM_COMMENT + "int run(void);\n"}),
]
