# SPDX-License-Identifier: BSD-2-Clause
"""Whether a program can run with our library for libpcap programs in front of the others (LD_PRELOAD).

The dynamic linker ignores LD_PRELOAD in silence where a program is static or has more rights than its caller, so
that is found out before. Must not know why a program is started, nor how. flow-preflight imports it too.
"""

import os
import shutil
import stat
import struct

LIBRARY = "libflowbalancer-pcap.so"
# Programs that do not open the device themselves, and the one beside them that does.
HELPERS = {"tshark": "dumpcap", "wireshark": "dumpcap"}
PROFILES = "sys/kernel/security/apparmor/profiles"
PT_INTERP = 3
HEADER_BYTES = 64
# struct formats of what is needed of an ELF file: (e_phoff, e_phentsize, e_phnum) and where they are, by its class.
ELF_CLASSES = {1: ("I", 28, "HH", 42), 2: ("Q", 32, "HH", 54)}


class Unfit(Exception):
    """It cannot be preloaded, or is no program: what was found, and what to do."""


def find_library(folders):
    """The path of the library in the first of these folders that has it."""
    for folder in folders:
        path = os.path.join(folder, LIBRARY)
        if os.path.isfile(path):
            path = os.path.abspath(path)
            if any(c in path for c in ": "):
                raise Unfit(f"{path} cannot be preloaded, since LD_PRELOAD is parted at ':' and ' ': move it")
            return path
    raise Unfit(f"{LIBRARY} is not in {' nor in '.join(folders)}: run 'make build' or 'make install' again")


def find_program(word, path=None):
    """The file that a shell would run for this word."""
    found = shutil.which(word, path=path)
    if found:
        return found
    there = word if "/" in word else shutil.which(word, os.F_OK, path)
    if not there or not os.path.exists(there):
        where = "there is no such file" if "/" in word else "it is in no folder of PATH"
        raise Unfit(f"'{word}' cannot be run: {where}: install it, or give its path")
    if os.path.isdir(there):
        raise Unfit(f"'{word}' cannot be run: it is a directory: give a program")
    raise Unfit(f"'{word}' cannot be run: {there} is not executable for this user: chmod +x it, or give a program")


def check(program, library, root="/", uid=None):
    """Unfit unless the library will be in the program, and in the one that opens the device for it. Scripts may be."""
    beside = HELPERS.get(os.path.basename(program))
    beside = beside and os.path.join(os.path.dirname(os.path.realpath(program)), beside)
    for path in [program, beside] if beside and os.path.exists(beside) else [program]:
        via = "" if path == program else f"{program} captures with {path}, and "
        real = os.path.realpath(path)
        check_rights(path, real, via, os.geteuid() if uid is None else uid)
        check_linkage(path, real, library, via)
        check_profile(path, real, library, root)


def check_rights(path, real, via, uid):
    found = os.stat(real)
    why = None
    if found.st_mode & stat.S_ISUID and found.st_uid != uid:
        why = "it is setuid"
    elif found.st_mode & stat.S_ISGID and found.st_gid != os.getegid():
        why = "it is setgid"
    elif uid != 0 and has_capabilities(real):
        why = "it has file capabilities"
    if why:
        raise Unfit(
            f"{via}{path} cannot be preloaded: {why}, and the kernel then ignores LD_PRELOAD: it needs no privilege here, "
            f"so give a plain copy{' of both' if via else ''}, as 'cp' makes one"
        )


def has_capabilities(path):
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False


def check_linkage(path, real, library, via):
    found, ours = read_elf(real), read_elf(library)
    if not found:
        return  # a script, or what only its interpreter knows
    if not found["interpreter"]:
        raise Unfit(f"{via}{path} cannot be preloaded: it is statically linked: give one that is linked with libpcap.so")
    if ours and found["machine"] != ours["machine"]:
        raise Unfit(f"{via}{path} cannot be preloaded: it is for another machine than {library}: give one for this machine")


def read_elf(path):
    """What a program header says of itself; None for what is no ELF file or cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEADER_BYTES)
            if head[:4] != b"\x7fELF" or len(head) < HEADER_BYTES or head[4] not in ELF_CLASSES:
                return None
            order = "<" if head[5] == 1 else ">"
            offset, at, sizes, sizes_at = ELF_CLASSES[head[4]]
            (table,) = struct.unpack_from(order + offset, head, at)
            size, count = struct.unpack_from(order + sizes, head, sizes_at)
            file.seek(table)
            entries = file.read(size * count)
    except (OSError, struct.error, OverflowError):
        return None
    if not size or len(entries) < size * count:
        return None
    kinds = [struct.unpack_from(order + "I", entries, size * i)[0] for i in range(count)]
    return {"machine": (head[4], head[5], head[18:20]), "interpreter": PT_INTERP in kinds}


def check_profile(path, real, library, root):
    """Only of what can be read: where AppArmor refuses something else, the program says so when it opens its device."""
    profile = enforced_profile(path, real, root)
    name = profile and profile_file(real, profile, root)
    if name and not allows_shared_memory(name, root):
        raise Unfit(
            f"AppArmor's profile '{profile}' keeps {path} from the shared memory of an instance and from {library}: "
            f"add these lines to /etc/apparmor.d/local/{name}, then 'apparmor_parser -r /etc/apparmor.d/{name}': "
            + " ".join(profile_lines(library))
        )


def enforced_profile(path, real, root="/"):
    """The name of the profile that the kernel enforces for a program, or None; only root may read which there are."""
    try:
        with open(os.path.join(root, PROFILES), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    enforced = [line.removesuffix(" (enforce)") for line in lines if line.endswith(" (enforce)")]
    names = (path, real, os.path.basename(path), os.path.basename(real))
    return next((name for name in enforced if name in names), None)


def profile_file(real, profile, root):
    """Its name in /etc/apparmor.d, or None; what a site adds to it is in local/ under the same name."""
    names = (real.strip("/").replace("/", "."), profile.strip("/").replace("/", "."))
    return next((name for name in names if os.path.isfile(os.path.join(root, "etc/apparmor.d", name))), None)


def allows_shared_memory(name, root):
    for path in (name, os.path.join("local", name)):
        try:
            with open(os.path.join(root, "etc/apparmor.d", path), encoding="utf-8", errors="replace") as file:
                if any("/dev/shm/" in line for line in file if not line.lstrip().startswith("#")):
                    return True
        except OSError:
            pass
    return False


def profile_lines(library):
    """What a program needs to be a worker; they are in flow-balancer-pcap(7) too."""
    return (
        f"{library} mr,",
        "/dev/shm/ r,",
        "/dev/shm/*.ctl r,",
        "/dev/shm/*.{down,flows}.[0-9]* r,",
        "/dev/shm/*.up.[0-9]* rwk,",
        "/dev/hugepages/*.down.[0-9]* r,",
        "@{PROC}/@{pid}/attr/current r,",
    )


def environment(library, environ):
    """The same, with the library behind what is preloaded already."""
    before = environ.get("LD_PRELOAD")
    return {**environ, "LD_PRELOAD": f"{before}:{library}" if before else library}
