# SPDX-License-Identifier: BSD-2-Clause
"""Memory order: each acquire and release has a label that names its partner, each relaxed access a reason."""

import re

LABEL_REACH = 3  # lines between a label and the access that it stands for
LABEL = re.compile(r"\b([A-Z][0-9]+): (pairs with |compiler only)((?:[A-Z][0-9]+ in \w+(?:, | and )?)*)")
PARTNER = re.compile(r"([A-Z][0-9]+) in (\w+)")
ORDERED = re.compile(r"\bmemory_order_(acquire|release|acq_rel|seq_cst|consume)\b")
RELAXED = re.compile(r"\bmemory_order_relaxed\b")
IMPLICIT = re.compile(r"\batomic_(load|store|exchange|fetch_\w+?|compare_exchange_\w+?)\s*\(")


def check(tree):
    product = tree.product()
    functions = {function.name for source in product.values() for function in source.functions}
    labels = {}  # label -> (path, line, function or None, partners)
    for path, source in product.items():
        for first, last, text in source.comments:
            for label, kind, rest in LABEL.findall(text):
                if label in labels:
                    tree.report(path, first, f"{label} is already a label in {labels[label][0]}")
                    continue
                inside = source.function_at(last)
                partners = PARTNER.findall(rest)
                if kind != "compiler only" and not partners:
                    tree.report(path, first, f"{label} does not say with what it pairs: 'pairs with X1 in function'")
                labels[label] = (path, first, inside.name if inside else None, partners)
        check_accesses(tree, source)
    for label, (path, line, function, partners) in labels.items():
        for partner, where in partners:
            check_partner(tree, label, path, line, partner, where, labels.get(partner), functions)


def check_partner(tree, label, path, line, partner, where, other, functions):
    if where not in functions:
        tree.report(path, line, f"{label} pairs with {partner} in {where}, but there is no function {where}")
    if not other:
        tree.report(path, line, f"{label} pairs with {partner}, but no comment defines {partner}")
        return
    if other[2] != where:
        tree.report(path, line, f"{label} says that {partner} is in {where}, but it is in {other[2]} ({other[0]})")
    if label not in [name for name, _ in other[3]]:
        tree.report(path, line, f"{label} pairs with {partner}, but {partner} does not name {label}")


def check_accesses(tree, source):
    for number, line in enumerate(source.code, 1):
        if ORDERED.search(line) and not has_comment(source, number - LABEL_REACH, number, LABEL):
            tree.report(source.path, number, "ordered access without a label: /* X1: pairs with Y1 in function */")
        if RELAXED.search(line) and not says_why_relaxed(source, number):
            tree.report(source.path, number, "relaxed access: no comment in or above its function says why it is enough")
        if IMPLICIT.search(line):
            tree.report(source.path, number, "atomic access without an explicit memory order: use the _explicit form")


def has_comment(source, first, last, pattern):
    return any(a <= last and b >= first and pattern.search(text) for a, b, text in source.comments)


def says_why_relaxed(source, line):
    """A comment with the word, or a label, in the function or above the block of functions that it is in."""
    function = source.function_at(line)
    first, last = (function.first, function.last) if function else (line, line)
    while first > 1 and source.lines[first - 2].strip():
        first -= 1
    return has_comment(source, first, last, re.compile(r"\brelaxed\b", re.I)) or has_comment(source, first, last, LABEL)


RING = """#include <stdatomic.h>

#include "flow_balancer/ring.h"

void put(struct ring *r) {
    /* R1: pairs with A1 in get */
    atomic_store_explicit(&r->seq, 1, memory_order_release);
}

int get(struct ring *r) {
    /* A1: pairs with R1 in put */
    return atomic_load_explicit(&r->seq, memory_order_acquire);
}
"""
CASES = [
    ("no label", "shm/ring.c", {"shm/ring.c": RING.replace("/* R1: pairs with A1 in get */", "")}, "without a label"),
    ("no partner", "shm/ring.c", {"shm/ring.c": RING.replace("A1: pairs with R1 in put", "A2: pairs with R1 in put")}, "no comment defines A1"),
    ("not named back", "shm/ring.c", {"shm/ring.c": RING.replace("with R1 in put", "with R2 in put")}, "does not name R1"),
    ("no function", "shm/ring.c", {"shm/ring.c": RING.replace("A1 in get", "A1 in take")}, "there is no function take"),
    ("wrong function", "shm/ring.c", {"shm/ring.c": RING.replace("A1 in get", "A1 in put")}, "but it is in get"),
    ("twice", "shm/ring.c", {"shm/ring.c": RING.replace("A1: pairs with R1 in put", "R1: pairs with A1 in get")}, "already a label"),
    ("half a label", "shm/ring.c", {"shm/ring.c": RING.replace("pairs with R1 in put", "pairs with put")}, "does not say with what"),
    ("relaxed", "shm/ring.c", {"shm/ring.c": RING + "\nint r(struct ring *r) {\n    return atomic_load_explicit(&r->seq, memory_order_relaxed);\n}\n"}, "relaxed access"),
    ("implicit", "shm/ring.c", {"shm/ring.c": RING + "\nint i(struct ring *r) {\n    return atomic_load(&r->seq);\n}\n"}, "explicit memory order"),
]  # fmt: skip
ALLOWED = [
    ("relaxed with a reason", {"shm/ring.c": RING + "\n/* Relaxed: a statistic. */\nint r(struct ring *r) {\n    return atomic_load_explicit(&r->seq, memory_order_relaxed);\n}\n"}),
    ("compiler fence", {"shm/ring.c": RING + "\nvoid s(void) {\n    atomic_signal_fence(memory_order_seq_cst); /* S1: compiler only */\n}\n"}),
    ("two partners", {"shm/ring.c": RING.replace("A1 in get", "A1 in get and A2 in also") + "\nint also(struct ring *r) {\n    /* A2: pairs with R1 in put */\n    return atomic_load_explicit(&r->seq, memory_order_acquire);\n}\n"}),
    ("a word in a string", {"shm/w.c": 'const char *x = "memory_order_release";\n'}),
]  # fmt: skip
