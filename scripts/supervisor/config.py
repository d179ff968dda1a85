# SPDX-License-Identifier: BSD-2-Clause
"""The file of --config, for what the script itself takes from it; same syntax as shm/common/config.c.

Must not know which keys there are: the programs, which read the same file, refuse those of none.
"""

import fcntl
import os
from argparse import ArgumentTypeError

from .failure import EXIT_USAGE, Failure

LINE_BYTES = 200  # a line with its end is shorter, or the programs could not read it
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_key(path, key, parse):
    """The value of a key, as parse returns it, or None. Of several lines each is checked, and the last counts."""
    value = None
    for number, name, text in read_lines(path):
        if name != key:
            continue
        try:
            value = parse(text)
        except ArgumentTypeError as error:
            raise wrong(path, number, f"{key}: {error}") from None
    return value


def keep(path):
    """A copy of the file as it is now, which nothing can change any more; returns its descriptor.

    A process that inherits the descriptor reads it as kept_path() has it.
    """
    text = read_bytes(path)
    fd = os.memfd_create("flow-balancer.conf", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(fd, "wb", closefd=False) as copy:
        copy.write(text)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    return fd


def kept_path(fd):
    return f"/proc/self/fd/{fd}"


def wrong(path, number, what):
    return Failure(f"{path}:{number}: {what}", EXIT_USAGE)


def read_bytes(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Failure(f"--config '{path}': cannot read the file: {error.strerror}", EXIT_USAGE) from None


def read_lines(path):
    """Yields (line number, key, value) of each line that has them."""
    lines = read_bytes(path).split(b"\n")
    section = key = None
    for number, line in enumerate(lines, 1):
        line = line.lstrip(b" \t")
        if b"\0" in line:
            raise wrong(path, number, "a NUL byte: give plain text")
        if len(line) + (number < len(lines)) >= LINE_BYTES and line[:1] not in (b"#", b";"):
            what = f"longer than {LINE_BYTES - 2} characters: take a long filter from a file, with filter-file"
            raise wrong(path, number, what)
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        text = line.strip()
        if text[:1] in (b"", b"#", b";"):
            continue
        # The library takes a line that begins with white space for more of the value before: here \r, \v and \f.
        if key and line[:1].isspace():
            value = text
        elif text[:1] == b"[":
            section, closed = cut(text[1:], b"]")
            key = None
            if not closed:
                raise wrong(path, number, "not 'key = value'")
            continue
        else:
            key, found = cut(text, b"=:")
            if not found:
                raise wrong(path, number, "not 'key = value'")
            key = key.rstrip()
            value = cut(text[len(key) :].lstrip()[1:], b"")[0].strip()
        if section:
            raise wrong(
                path, number, f"'{decode(key)}' is in a section: leave out the header [{decode(section)}], "
                "one list serves all programs"
            )  # fmt: skip
        yield number, decode(key), decode(value)


def cut(text, ends):
    """What is before the first of these bytes, and whether one is there; a comment behind white space ends it too."""
    after_space = False
    for at, byte in enumerate(text):
        if byte in ends:
            return text[:at], True
        if after_space and byte == ord(";"):
            return text[:at], False
        after_space = bytes((byte,)).isspace()
    return text, False


def decode(text):
    return text.decode(errors="surrogateescape")
