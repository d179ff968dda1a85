# SPDX-License-Identifier: BSD-2-Clause
"""Who includes whom: the layers of the architecture, their doors, and the libraries."""

import os
import re

from .tree import PRODUCT_DIRS

# Which folders a folder may include from: the layers of the architecture. Tests may include all,
# and are included from nowhere; files directly in dispatcher/ are its main program.
CONTRACTS = ["include/flow_balancer", "include/flow_balancer/common"]
LAYERS = ["dispatcher/run", "dispatcher/datapath", "dispatcher/fleet", "dispatcher/flows"]
LOWEST = ["dispatcher/capture", "dispatcher/decode"]
MAY_INCLUDE = {
    "include/flow_balancer": ["include/flow_balancer"],
    "include/flow_balancer/common": CONTRACTS,
    "shm": ["shm", *CONTRACTS],
    "shm/common": ["shm/common", *CONTRACTS],
    "shm/report": ["shm/report", *CONTRACTS],
    "dispatcher": [*LAYERS, *LOWEST, *CONTRACTS],
    **{layer: [*LAYERS[i:], *LOWEST, *CONTRACTS] for i, layer in enumerate(LAYERS)},
    **{room: [room, *CONTRACTS] for room in LOWEST},
    "worker": ["worker", "worker/inspectors", *CONTRACTS],
    "worker/inspectors": ["worker/inspectors", *CONTRACTS],
}
# The headers of a folder that other folders may include; where it has no row, all of them.
DOORS = {
    "dispatcher/capture": ["capture.h", "capture_fanout.h", "frame.h"],
    "dispatcher/decode": ["decode.h"],
    "dispatcher/flows": ["flows.h", "fragments.h", "packet_clock.h", "flow_class.h", "handles.h", "forwards.h", "flow_clock.h", "key_hash.h"],
    "dispatcher/fleet": ["fleet.h", "policy.h", "quarantine.h"],
    "dispatcher/datapath": ["datapath.h", "move.h"],
    "dispatcher/run": ["run.h", "options.h"],
    "worker/inspectors": ["inspectors.h"],
}
# Modules that know nothing of their neighbours in the folder.
LONERS = ["flow_table", "worker_heap", "timer_wheel"]
PCAP_FILES = re.compile(r"dispatcher/(capture/capture(_\w+)?|fleet/quarantine(_\w+)?)\.[ch]")
ATOMIC_FILES = re.compile(r"(include/flow_balancer|shm)/(object|ring|sides|ctl|life|counters)\.[ch]")


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
        tree.report(path, line, f"<{name}> only in capture/capture* and fleet/quarantine*")
    if name == "stdatomic.h" and not ATOMIC_FILES.fullmatch(path):
        tree.report(path, line, "<stdatomic.h> only in the object, ring, sides, ctl, life and counter files")


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


CASES = [
    ("folders", "dispatcher/run/run.c", {"dispatcher/run/run.c": '#include "worker/w.h"\n', "worker/w.h": ""}, "must not include worker/"),
    ("folders back", "worker/loop.c", {"worker/loop.c": '#include "dispatcher/decode/decode.h"\n'}, "must not include dispatcher/decode/"),
    ("upwards", "dispatcher/flows/f.c", {"dispatcher/flows/f.c": '#include "dispatcher/fleet/fleet.h"\n', "dispatcher/fleet/fleet.h": ""}, "must not include dispatcher/fleet/"),
    ("door", "dispatcher/fleet/f.c", {"dispatcher/fleet/f.c": '#include "dispatcher/flows/flow_table.h"\n'}, "is no door of dispatcher/flows/"),
    ("new folder", "shm/view/v.c", {"shm/view/v.c": '#include "flow_balancer/ring.h"\n'}, "is not in the table of layers"),
    ("contracts", "include/flow_balancer/a.h", {"include/flow_balancer/a.h": '#include "shm/s.h"\n', "shm/s.h": ""}, "must not include shm/"),
    ("shm", "shm/s.c", {"shm/s.c": '#include "worker/w.h"\n', "worker/w.h": ""}, "must not include worker/"),
    ("sibling", "dispatcher/flows/flow_table.c", {"dispatcher/flows/flow_table.c": '#include "flows.h"\n', "dispatcher/flows/flows.h": ""}, "must not include a sibling"),
    ("other room", "dispatcher/decode/decode.c", {"dispatcher/decode/decode.c": '#include "dispatcher/capture/capture.h"\n'}, "must not include dispatcher/capture/"),
    ("missing", "shm/s.c", {"shm/s.c": '#include "nowhere.h"\n'}, "is not in the tree"),
    ("pcap", "worker/w.c", {"worker/w.c": "#include <pcap/dlt.h>\n"}, "<pcap/dlt.h> only in"),
    ("numa", "worker/loop.c", {"shm/n.c": "#include <numaif.h>\n"}, "one file only"),
    ("stdatomic", "shm/region.c", {"shm/region.c": "#include <stdatomic.h>\n"}, "<stdatomic.h> only in"),
    ("cycle", "shm/a.h", {"shm/a.h": '#include "b.h"\n', "shm/b.h": '#include "a.h"\n'}, "include cycle"),
]  # fmt: skip
ALLOWED = []
