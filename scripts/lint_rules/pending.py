# SPDX-License-Identifier: BSD-2-Clause
"""Findings of new rules that are being worked on: shown with `lint --pending`, and no failure until they are done."""

# words of a finding -> where it is still pending; a folder ends with a slash
PENDING_FOLDERS = {
    ": say ": [
        "dispatcher/", "scripts/flow-balancer", "scripts/supervisor/", "tests/lib/", "tests/fuzz/fuzz_fragments.c",
        "tests/mutants/13-fragment-buffer.patch", "tests/unit/dispatcher/capture/", "tests/unit/dispatcher/flows/test_fragments",
    ],
    "object files call each other": ["dispatcher/capture/", "dispatcher/fleet/"],
    "no test names it": ["dispatcher/"],
    "no comment at the top": ["tests/"],
    "begins with no comment of at least": ["dispatcher/datapath/"],
    "is a static function of": ["dispatcher/"],
    "is a predicate by its name": ["dispatcher/capture/"],
}


def is_pending(finding):
    path, _, text = finding
    return any(words in text and path.startswith(tuple(paths)) for words, paths in PENDING_FOLDERS.items())
