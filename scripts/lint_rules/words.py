# SPDX-License-Identifier: BSD-2-Clause
"""One word for one thing: words that a reader would have to read twice, or that mean something else here.

They are looked for in code, comments, help, log lines and pages alike; an underscore ends a word, so
that names are read too. What no pattern can decide is left to the reader: `ring` as a verb, `order` for a
command, `stage` for what is not yet in a ring, `verdict` for anything but a worker's word on a flow,
`beside` and `around` for what a header encloses, `stand` for what merely is.
"""

import bisect
import re

OWN_FILE = "scripts/lint_rules/words.py"  # says what is not said
END_IN_ORDER = r"(?:(?:leav|stop+|end|exit|clos)(?:e|es|s|ed|ing)?|left|(?:shut|shuts|shutting) down|went|go|goes)"
# pattern, what to say instead, an example; a space in a pattern is any white space, also over the end of a line
WORDS = [
    (r"(?:un)?rungs?", "woken; or a page kind", "an unrung ring"),
    (r"shunt(?:s|ed|ing)?", "bypass; only the counter ledger.shunted has that name", "They are shunted."),
    (r"wish(?:es|ed)?", "status of the worker", "its last wish"),
    (r"(?:short|long) way", "fast path, slow path", "Goes the long way."),
    (r"let(?:s|ting)? out", "release", "It is let out."),
    (r"flows_over", "flow_expired", "flows_over()"),
    (r"hopeless", "stop_waiting", "if (hopeless(run))"),
    (r"obey(?:s|ed|ing)?", "follow, handle", "Obeys it."),
    (r"look for company", "check_no_worker", "look_for_company()"),
    (r"forsak(?:e|es|en|ing)|forsook", "give up", "Who is forsaken?"),
    (r"bur(?:y|ies|ied|ying)", "reap", "Buried later."),
    (r"accus(?:e|es|ed|ing)", "quarantine or mark", "accuse_first()"),
    (r"blam(?:e|es|ed|ing)", "charge, attribute", "Whom to blame?"),
    (r"lead on", "forward", "lead_on()"),
    (r"moved nowhere", "moved_unbound", "moved_nowhere"),
    (r"tx judge", "fb_tx_recover", "fb_tx_judge()"),
    (r"tx ring|loop ring|ring age", "wake", "fb_tx_ring()"),
    (END_IN_ORDER + " in order", "cleanly", "It shuts down in order."),
    (r"legal(?:ly)?", "valid", "no legal header"),
    (r"anew", "again", "Made anew."),
    (r"mend(?:s|ed|ing)?", "fix", "Mend it."),
    (r"stands(?! for)", "is", "It stands below."),
    (r"nobody", "no process, no one", "Nobody comes."),
    (r"who(?:so)?ever", "the process that, any process that", "whoever comes"),
    (r"news", "new data", "There is news."),
    (r"at once", "immediately; or at the same time", "Two at once."),
]
# Names that are not ours to choose, or that others rely on.
ALLOWED_NAMES = re.compile(
    r"""["'`]shunted["'`]            # the key, as a string
      | ledger(?:\.|\[["'])shunted   # the counter of the report
      | \d[ ]{2}shunted[ ]{2}        # its line in the report
      | (?:user[ ]|["'`])nobody\b    # the user
      | NOBODY\b                     # its number
      """,
    re.X,
)
PATTERN = re.compile(
    r"(?<![a-z])(?:" + "|".join(f"({word})" for word, _, _ in WORDS).replace(" ", r"[\s_]+") + r")(?![a-z])"
)
# What stands between two words of a sentence that goes on in the next line: of a comment, or of a string.
LEADER = re.compile(r'("?[ \t]*\\?\n[ \t]*)(\*+ |//+ |#+ |\.\\" |" *)?')


def check(tree):
    for path, text in tree.texts():
        if path == OWN_FILE:
            continue
        starts = [m.end() for m in re.finditer(r"^|\n", text)]
        prose = LEADER.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
        allowed = [found.span() for found in ALLOWED_NAMES.finditer(text)]
        for found in PATTERN.finditer(prose.lower()):
            if any(first <= found.start() < last for first, last in allowed):
                continue
            word = " ".join(prose[slice(*found.span())].split())
            line = bisect.bisect_right(starts, found.start())
            tree.report(path, line, f"'{word}': say {WORDS[found.lastindex - 1][1]}")


def comment(text):
    return {"shm/w.c": f"/* {text} */\n"}


CASES = [
    *((f"word in '{example}'", "shm/w.c", comment(example), f": say {instead}") for _, instead, example in WORDS),
    ("word over lines", "shm/w.c", comment("All of it at\n * once."), "'at once': say"),
    ("word in a string", "shm/w.c", {"shm/w.c": 'const char *x = "stops in "\n                "order";\n'}, "'stops in order': say"),
    ("word in a script", "scripts/run", {"scripts/run": "#!/bin/bash\n# All at\n# once.\necho hello\n"}, "'at once': say"),
    ("word in a name", "shm/w.c", {"shm/w.c": "int do_at_once;\n"}, "'at_once': say"),
    ("word in the README", "README.md", {"README.md": "It leaves in\norder.\n"}, "'leaves in order': say"),
]  # fmt: skip
ALLOWED = [
    (f"no word in '{example}'", comment(example))
    for example in [
        "Packets in order.", "ledger.shunted", "   0  shunted    packets not inspected", '"shunted"', "user nobody", "NOBODY", "R1 stands for release.",
        "newsletter", "Nothing at\n * all once more.", "amend", "letting go out", "illegal instruction", "husband",
    ]
]  # fmt: skip
