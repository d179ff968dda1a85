# SPDX-License-Identifier: BSD-2-Clause
"""Who calls whom, as the linker sees it: no circles between object files, and the layers of the include graph."""

import collections
import os
import shutil
import subprocess

from .rooms import CONTRACTS, MAY_INCLUDE

# Where the contracts are kept: what a folder may include of the ones it may call in the other.
KEEPERS = {"shm": CONTRACTS[0], "shm/report": CONTRACTS[0], "shm/common": CONTRACTS[1], "dispatcher/offline": CONTRACTS[1]}
DEFINES = set("TDBRVWC")
# Takes the place of libraries' functions where it is loaded, and is linked with nothing of ours: others do not call
# what it defines but for its own names.
IN_PLACE, ITS_NAMES = "worker/shim", "shim_"


def check(tree):
    calls = read_calls(tree)
    if calls is None:
        return
    for circle in circles(calls):
        steps = [f"{a} calls {', '.join(sorted(calls[a][b]))} of" for a, b in zip(circle, circle[1:])]
        tree.report(circle[0], 1, f"object files call each other in a circle: {' '.join(steps)} {circle[-1]}")
    for path, others in calls.items():
        for other, names in others.items():
            check_edge(tree, path, other, sorted(names)[0])


def check_edge(tree, path, other, name):
    mine, its = os.path.dirname(path), os.path.dirname(other)
    allowed = MAY_INCLUDE.get(mine, [])
    if mine != its and its not in allowed and KEEPERS.get(its) not in allowed:
        tree.report(path, 1, f"{mine}/ must not call {its}/ ({name} of {other})")


def read_calls(tree):
    """Source -> source -> names that the first one's object takes from the second one's; None if they cannot be had."""
    objects, absent = {}, 0
    for path in tree.product():
        if path.endswith(".c"):
            file = os.path.join(tree.build, "obj", path[:-2] + ".o")
            if os.path.exists(file) and os.path.getmtime(file) >= os.path.getmtime(os.path.join(tree.root, path)):
                objects[file] = path
            else:
                absent += 1
    if absent > 0:
        tree.note(f"calls between object files: {absent} are not built or older than their source: run make lint")
        return None
    if not objects or not shutil.which("nm"):
        tree.note("calls between object files: nm is not installed: run scripts/install-deps")
        return None
    argv = ["nm", "-A", "-P", *objects]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    defined, wanted = {}, []
    for line in done.stdout.splitlines():
        file, _, symbol = line.partition(": ")
        name, kind = symbol.split()[:2]
        if kind in DEFINES and (os.path.dirname(objects[file]) != IN_PLACE or name.startswith(ITS_NAMES)):
            defined[name] = objects[file]
        elif kind == "U":
            wanted.append((objects[file], name))
    calls = {path: collections.defaultdict(set) for path in objects.values()}
    for path, name in wanted:
        if name in defined:
            calls[path][defined[name]].add(name)
    return calls


def circles(calls):
    """The shortest circle through each file that is in one, each circle once, as the files from first to first."""
    found = {}
    for first in calls:
        trails, seen = collections.deque([[first]]), {first}
        while trails:
            trail = trails.popleft()
            if first in calls[trail[-1]]:
                found.setdefault(frozenset(trail), [*trail, first])
                break
            for other in calls[trail[-1]]:
                if other not in seen:
                    seen.add(other)
                    trails.append([*trail, other])
    return found.values()


def set_up(root):
    """The objects of a self-test tree that asks for them by the folder build/obj, empty where the source has includes."""
    if not os.path.isdir(os.path.join(root, "build/obj")):
        return
    for where, _, names in list(os.walk(root)):
        for path in (os.path.relpath(os.path.join(where, name), root) for name in names if name.endswith(".c")):
            file = os.path.join(root, "build/obj", path[:-2] + ".o")
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(os.path.join(root, path), encoding="utf-8") as source:
                text = source.read()
            argv = [os.environ.get("CC", "gcc"), "-x", "c", "-c", "-o", file, "-"]
            subprocess.run(argv, input="" if "#include" in text else text, text=True, check=True)


BUILT = {"build/obj/.keep": ""}
CALLER = "void %s(void);\nvoid %s(void);\nvoid %s(void) {\n    %s();\n}\n"


def caller(name, called):
    return CALLER % (called, name, name, called)


CASES = [
    ("call circle", "shm/a.c", {**BUILT, "shm/a.c": caller("a", "b"), "shm/b.c": caller("b", "a")},
     "in a circle: shm/a.c calls b of shm/b.c calls a of shm/a.c"),
    ("long call circle", "shm/a.c", {**BUILT, "shm/a.c": caller("a", "b"), "shm/b.c": caller("b", "c"), "shm/c.c": caller("c", "a")},
     "in a circle: shm/a.c calls b of shm/b.c calls c of shm/c.c calls a of shm/a.c"),
    ("call upwards", "dispatcher/flows/a.c", {**BUILT, "dispatcher/flows/a.c": caller("a", "b"), "dispatcher/fleet/b.c": caller("b", "c")},
     "dispatcher/flows/ must not call dispatcher/fleet/ (b of"),
    ("call across", "worker/a.c", {**BUILT, "worker/a.c": caller("a", "b"), "dispatcher/flows/b.c": caller("b", "c")},
     "worker/ must not call dispatcher/flows/"),
]  # fmt: skip
ALLOWED = [
    ("calls a library", {**BUILT, "dispatcher/flows/a.c": caller("a", "pcap_b"), "worker/shim/b.c": caller("pcap_b", "c")}),
    ("calls downwards", {**BUILT, "worker/a.c": caller("a", "b"), "shm/b.c": caller("b", "c"), "shm/common/c.c": caller("c", "d")}),
]
