# SPDX-License-Identifier: BSD-2-Clause
"""Values of options, from text. A wrong one is an ArgumentTypeError that quotes it and says what is right.

Must not know which option a value belongs to.
"""

import re
from argparse import ArgumentTypeError

NAME_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def instance_name(text):
    if not NAME_PATTERN.fullmatch(text):
        raise ArgumentTypeError(f"'{text}' is no instance name: 1 to 64 letters, digits, '_' or '-'")
    return text


def absolute_path(text):
    if not text.startswith("/"):
        raise ArgumentTypeError(f"'{text}' is no absolute path: begin it with /")
    return text


def worker_count(text):
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ArgumentTypeError(f"'{text}' is no number of workers: give a whole number, for example 4")
    return int(text)


def worker_number(text):
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ArgumentTypeError(f"'{text}' is no worker number: give a whole number, for example 0")
    return int(text)


def worker_or_all(text):
    return text if text == "all" else worker_number(text)


def cpu_list(text):
    """As taskset's, but in the order as given."""
    cpus = []
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise ArgumentTypeError(f"'{text}' is no list of processors: give for example 2-5 or 1,3,5")
        cpus += range(first, last + 1)
    return cpus


def seconds(text):
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise ArgumentTypeError(f"'{text}' is no number of seconds: give for example 40")
    return float(text)
