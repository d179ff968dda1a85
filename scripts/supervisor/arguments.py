# SPDX-License-Identifier: BSD-2-Clause
"""The words that go on to the dispatcher: files that follow -r, words that belong nowhere, missing values.

Must not know what an option means: which there are and which take a value, the dispatcher says itself.
"""

import os
import subprocess

from .failure import EXIT_USAGE, Failure

READ = ("-r", "--read")


def known_options(program):
    """Each spelling of an option of the dispatcher, and what its value is called, None for a flag."""
    argv = [program, "--list-options"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    known = {}
    for line in done.stdout.splitlines():
        name, letter, value, _, readers, *_ = line.split("\t")
        if "dispatcher" in readers.split(","):
            for spelling in ["--" + name, *(["-" + letter] if letter != "-" else [])]:
                known[spelling] = None if value == "-" else value
    return known


def arrange(words, known):
    """The same words, with -r before each further file.

    Failure for a wrong word where the dispatcher would name another one.
    """
    words = list(words)
    arranged = []
    options, reads = True, False
    while words:
        word = words.pop(0)
        if options and word == "--":
            options = False
        elif not options or not word.startswith("-") or word == "-":
            arranged += place(word, reads)
        else:
            arranged.append(word)
            option, complete = split(word, known)
            if option is None:
                return arranged + words  # an option that does not exist: the dispatcher says so
            if not complete:
                check_value(word, known[option], words, known)
                arranged.append(words.pop(0))
            reads = reads or option in READ
    return arranged


def split(word, known):
    """The option that a word is, or the last one of several letters, and whether its value is not in the next word."""
    if word.startswith("--"):
        name, has_value, _ = word.partition("=")
        return (name, bool(has_value) or known[name] is None) if name in known else (None, True)
    for at in range(1, len(word)):
        option = "-" + word[at]
        if option not in known:
            return None, True
        if known[option] is not None:
            return option, at + 1 < len(word)
    return option, True


def last_value(words, option, known):
    """The value of the last option of that long name in arranged words, or None."""
    words = list(words)
    value = None
    while words:
        word = words.pop(0)
        if word == "--" or not word.startswith("-") or word == "-":
            continue
        found, complete = split(word, known)
        if found is None:
            break
        text = word.partition("=")[2] if complete else words.pop(0)
        value = text if found == option else value
    return value


def check_value(word, value, rest, known):
    """The value of an option is the next word, unless that is an option: a file of such a name is ./-w."""
    follows = rest[0] if rest else None
    if follows is None:
        raise Failure(f"{word} needs a value: write {word} {value}", EXIT_USAGE)
    if follows.partition("=")[0] in known:
        raise Failure(f"{word} needs a value, and {follows} is an option: write {word} {value}", EXIT_USAGE)


def place(word, reads):
    """A word that is neither an option nor the value of one: behind a file it is a further file."""
    if word != "-" and not os.path.exists(word):
        raise Failure(
            f"'{word}' is neither an option nor a file that exists: a filter is given with --bpf 'EXPR'", EXIT_USAGE
        )
    if not reads:
        raise Failure(f"'{word}' is a file: write -r {word}", EXIT_USAGE)
    return ["-r", word]
