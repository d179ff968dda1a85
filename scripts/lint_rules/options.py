# SPDX-License-Identifier: BSD-2-Clause
"""Every option of a program is in its manual page: the page takes the generated list, or names each one."""

import os
import re
import subprocess

LIST = "include/flow_balancer/common/option_list.h"
# The page of each program, by the word for it in the list.
PAGES = {
    "dispatcher": "flow-dispatcher.1",
    "worker": "flow-worker.1",
    "stat": "flow-stat.1",
    "script": "flow-balancer.1",
}
PYTHON_PAGES = {"scripts/preflight": "flow-preflight.1"}
PYTHON_OPTION = re.compile(r'add_argument\([^)]*?"--([\w-]+)"')


def check(tree):
    if LIST in tree.sources:
        for program, page in PAGES.items():
            path, text = read_page(tree, page)
            if text is not None and f"@OPTIONS {program}@" not in text:
                check_page(tree, path, text, listed_options(tree, program))
    for program, page in PYTHON_PAGES.items():
        try:
            with open(os.path.join(tree.root, program), encoding="utf-8") as file:
                options = PYTHON_OPTION.findall(file.read())
        except FileNotFoundError:
            continue
        path, text = read_page(tree, page)
        if text is not None:
            check_page(tree, path, text, options)


def read_page(tree, page):
    for path in (f"scripts/man/{page}.in", f"scripts/man/{page}"):
        if os.path.exists(os.path.join(tree.root, path)):
            with open(os.path.join(tree.root, path), encoding="utf-8") as file:
                return path, file.read()
    tree.report(f"scripts/man/{page}", 1, "there is no such page, and its program has options")
    return page, None


def listed_options(tree, reader):
    """The names of its options, as the built option-doc says."""
    program = os.path.join(tree.build, "option-doc")
    if not os.path.exists(program):
        tree.note(f"options in manual pages: {program} is not built: run make lint")
        return []
    done = subprocess.run([program, "list"], stdout=subprocess.PIPE, text=True, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [line[0] for line in lines if reader in line[4].split(",")]


def check_page(tree, path, text, options):
    named = set(re.findall(r"(?:\bFl -|--)([\w-]+)", text.replace("\\-", "-")))
    for option in sorted(set(options) - named):
        tree.report(path, 1, f"--{option} is not in the page of its program")


def set_up(root):
    """What stands for option-doc in a self-test tree is a script."""
    program = os.path.join(root, "build/option-doc")
    if os.path.exists(program):
        os.chmod(program, 0o755)


TREE = {
    LIST: "int x;\n",
    "build/option-doc": "#!/bin/sh\nprintf 'read\\tr\\tFILE\\t-\\tdispatcher,script\\tyes\\tRead.\\n'\n",
    "scripts/man/flow-dispatcher.1.in": '.\\" @OPTIONS dispatcher@\n',
    "scripts/man/flow-worker.1.in": '.\\" @OPTIONS worker@\n',
    "scripts/man/flow-stat.1": "No options.\n",
    "scripts/man/flow-balancer.1": ".It Fl r , Fl -read Ar FILE\n",
}
PREFLIGHT = {"scripts/preflight": '#!/usr/bin/python3\nparser.add_argument("-j", "--json")\n'}
CASES = [
    ("option not in a page", "scripts/man/flow-dispatcher.1.in", {**TREE, "scripts/man/flow-dispatcher.1.in": ""}, "--read is not in the page"),
    ("marker of another", "scripts/man/flow-dispatcher.1.in", {**TREE, "scripts/man/flow-dispatcher.1.in": '.\\" @OPTIONS worker@\n'}, "--read is not in the page"),
    ("no page", "scripts/man/flow-preflight.1", PREFLIGHT, "there is no such page"),
    ("Python option", "scripts/man/flow-preflight.1", {**PREFLIGHT, "scripts/man/flow-preflight.1": ".Fl -jso\n"}, "--json is not in the page"),
]  # fmt: skip
ALLOWED = [
    ("options in pages", TREE),
    ("Python options in a page", {**PREFLIGHT, "scripts/man/flow-preflight.1": ".Fl j , Fl -json\n"}),
]
