# SPDX-License-Identifier: BSD-2-Clause
"""The error that ends the program: one line and an exit status. Must not know who raises it."""

import errno
import resource

EXIT_FAILED = 1
EXIT_USAGE = 2
ENOUGH_FILES = 4096  # of which the script needs one a process, the dispatcher two a worker and one a source


class Failure(Exception):
    """Ends the program with one line and an exit status."""

    def __init__(self, text, status=EXIT_FAILED):
        super().__init__(text)
        self.status = status


def explain(error):
    """An OSError in words, as fb_errno_text() has them; of what the user can do something about also what."""
    text = error.strerror or str(error)
    if error.errno == errno.EMFILE:
        text += ": " + raise_limit()
    return f"{error.filename}: {text}" if error.filename else text


def raise_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(4 * soft, ENOUGH_FILES)
    if soft < hard:
        return f"the limit is {soft}: raise it with 'ulimit -n {min(wanted, hard)}'"
    return (
        f"the limit is {soft}, and so is the hard limit: raise both as root, with 'ulimit -n {wanted}', "
        "or with LimitNOFILE= in a systemd unit"
    )
