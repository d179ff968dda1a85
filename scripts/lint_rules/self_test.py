# SPDX-License-Identifier: BSD-2-Clause
"""Shows that every rule refutes what it is there for: on a clean tree, and on trees with one offence each."""

import os
import shutil
import sys
import tempfile

from . import RULES, labels, rooms, run
from .tally import tally
from .tree import Tree

CLEAN = {
    "include/flow_balancer/ring.h": "struct ring;\n",
    "shm/ring.c": labels.RING,
    "dispatcher/capture/capture.h": "#include <pcap/pcap.h>\n" + rooms.ROOM_COMMENT,
    "dispatcher/capture/capture_file.c": '#include "capture.h"\n',
    "dispatcher/decode/decode.h": rooms.ROOM_COMMENT + "int fb_decode(void);\n",
    "dispatcher/decode/decode.c": '#include "dispatcher/decode/decode.h"\n',
    "dispatcher/datapath/loop.c": '#include "dispatcher/decode/decode.h"\n',
    "dispatcher/flows/flow_table.h": "int flows;\n",
    "dispatcher/fleet/fleet.c": '#include "flow_balancer/ring.h"\n',
    "worker/loop.c": "#include <numa.h>\n",
    "scripts/run": "#!/bin/bash\necho hello\n",
}


def findings_in(files, style):
    with tempfile.TemporaryDirectory(prefix="lint-self-test.") as root:
        for path, text in {**CLEAN, **files}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        shutil.copy(style, os.path.join(root, ".clang-format"))
        for rule in RULES:
            getattr(rule, "set_up", lambda _: None)(root)
        return run(Tree(root))


def self_test(style):
    """A case: its name, the file in which its offence is found, the files that differ, words of the finding."""
    allowed = [("the clean tree", {}), *(case for rule in RULES for case in rule.ALLOWED)]
    cases = [case for rule in RULES for case in rule.CASES]
    failed = 0
    for name, files in allowed:
        for path, line, text in findings_in(files, style):
            print(f"lint --self-test: {name}: must pass, but {path}:{line}: {text}", file=sys.stderr)
            failed += 1
    for name, path, files, expected in cases:
        findings = findings_in(files, style)
        if not any(found[0] == path and expected in found[2] for found in findings):
            print(f"lint --self-test: {name}: no finding '{expected}' in {path}, but {findings}", file=sys.stderr)
            failed += 1
    total = len(cases) + len(allowed)
    tally(f"passed {total - failed}", f"failed {failed}")
    print(f"lint --self-test: {total} trees, {failed} wrong")
    return 1 if failed else 0
