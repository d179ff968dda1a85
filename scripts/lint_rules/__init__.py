# SPDX-License-Identifier: BSD-2-Clause
"""The rules of scripts/lint: a module each, with check(tree), and trees that show what it refutes and allows.

To add one: a module here, and its name in RULES.
"""

from . import calls, heads, interface, labels, layout, names, options, rooms, tools, words

RULES = [layout, names, rooms, calls, heads, interface, labels, words, options, tools]


def run(tree):
    """Every finding once, as (path, line, text), in the order of the files."""
    for rule in RULES:
        rule.check(tree)
    return sorted(set(tree.findings))
