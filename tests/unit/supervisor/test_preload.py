# SPDX-License-Identifier: BSD-2-Clause
"""Whether a program can be preloaded: what is found of files made for it, and what is said of those that cannot."""

import os
import stat
import struct
from types import SimpleNamespace
from unittest import mock

from fakes import FolderTest
from supervisor import preload

X86_64, ARM64, PT_LOAD, PT_INTERP = 62, 183, 1, 3


def elf(kinds, bits=64, machine=X86_64, order="<"):
    """The head of a program with program headers of these kinds."""
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2]) + bytes(10)
    if bits == 64:
        head = ident + struct.pack(order + "HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, len(kinds), 0, 0, 0)
        return head + b"".join(struct.pack(order + "I52x", kind) for kind in kinds)
    head = ident + struct.pack(order + "HHIIIIIHHHHHH", 2, machine, 1, 0, 52, 0, 0, 52, 32, len(kinds), 0, 0, 0)
    return head + b"".join(struct.pack(order + "I28x", kind) for kind in kinds)


class PreloadTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.shim = self.make("libflowbalancer-pcap.so", elf([PT_LOAD]))

    def make(self, name, content=None, mode=0o755):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(elf([PT_LOAD, PT_INTERP]) if content is None else content)
        os.chmod(path, mode)
        return path

    def check(self, path, uid=None):
        preload.check(path, self.shim, self.folder, uid)

    def refused(self, path, part, uid=None):
        with self.assertRaisesRegex(preload.Unfit, part):
            self.check(path, uid)


class Linkage(PreloadTest):
    def test_one_with_an_interpreter_and_a_script_can(self):
        self.check(self.make("program"))
        self.check(self.make("script", b"#!/bin/sh\n"))
        self.check(self.make("empty", b""))

    def test_a_static_one_cannot(self):
        self.refused(self.make("program", elf([PT_LOAD])), "program cannot be preloaded: it is statically linked: give one")
        self.refused(self.make("program", elf([PT_LOAD], machine=ARM64, order=">")), "it is statically linked")

    def test_one_for_another_machine_cannot(self):
        for content in (elf([PT_INTERP], 32, 3), elf([PT_INTERP], 64, ARM64), elf([PT_INTERP], 64, X86_64, ">")):
            self.refused(self.make("program", content), "it is for another machine than .*libflowbalancer-pcap.so")

    def test_of_a_file_that_breaks_off_nothing_is_said(self):
        for size in (4, 5, 17, 53, 63):
            self.assertIsNone(preload.read_elf(self.make("program", elf([PT_INTERP])[:size])))
        self.assertIsNone(preload.read_elf(self.make("program", elf([PT_INTERP])[:66])))

    def test_the_real_ones_of_this_machine(self):
        self.assertTrue(preload.read_elf(os.path.realpath("/bin/sh"))["interpreter"])


class Rights(PreloadTest):
    def test_setuid_of_another_user_and_setgid_of_another_group(self):
        path = self.make("program")
        real = os.stat(path)
        for mode, uid, gid, why in (
            (stat.S_ISUID, real.st_uid + 1, real.st_gid, "it is setuid"),
            (stat.S_ISGID, real.st_uid, os.getegid() + 1, "it is setgid"),
        ):
            found = SimpleNamespace(st_mode=0o755 | mode, st_uid=uid, st_gid=gid)
            with mock.patch.object(preload.os, "stat", lambda *_, found=found: found):
                with self.assertRaisesRegex(preload.Unfit, f"program cannot be preloaded: {why}, and the kernel then ignores"):
                    preload.check_rights(path, path, "", real.st_uid)

    def test_setuid_of_our_own_user_gives_no_rights(self):
        self.check(self.make("program", mode=0o4755))

    def test_file_capabilities_matter_for_all_but_root(self):
        path = self.make("program")
        with mock.patch.object(preload, "has_capabilities", lambda _: True):
            self.refused(path, "it has file capabilities, .* so give a plain copy, as 'cp' makes one", 1000)
            self.check(path, 0)

    def test_a_file_without_them_is_seen(self):
        self.assertFalse(preload.has_capabilities(self.make("program")))

    def test_the_program_beside_it_that_opens_the_device_counts_too(self):
        tshark = self.make("tshark")
        self.check(tshark)
        dumpcap = self.make("dumpcap", elf([PT_LOAD]))
        self.refused(tshark, f"^{tshark} captures with {dumpcap}, and {dumpcap} cannot be preloaded: it is statically linked")
        self.check(self.make("tcpdump"))


class Profile(PreloadTest):
    def profiles(self, text):
        os.makedirs(self.path("sys/kernel/security/apparmor"), exist_ok=True)
        self.write(preload.PROFILES, text)

    def test_one_that_is_enforced_is_said_with_the_lines_and_where_they_go(self):
        path = self.make("tcpdump")
        self.profiles("man (enforce)\ntcpdump (enforce)\n")
        os.makedirs(self.path("etc/apparmor.d"))
        self.write("etc/apparmor.d/tcpdump", "")
        self.refused(
            path,
            "AppArmor's profile 'tcpdump' keeps .*/tcpdump from .*: add these lines to /etc/apparmor.d/local/tcpdump, then "
            f"'apparmor_parser -r /etc/apparmor.d/tcpdump': {self.shim} mr, /dev/shm/ r, .* /dev/shm/.*up.* rwk, .* r,$",
        )

    def test_once_the_lines_are_there_it_can(self):
        path = self.make("tcpdump")
        self.profiles("tcpdump (enforce)\n")
        os.makedirs(self.path("etc/apparmor.d/local"))
        self.write("etc/apparmor.d/tcpdump", "# /dev/shm/ is missing\n")
        self.write("etc/apparmor.d/local/tcpdump", "# nor here: /dev/shm/ r,\n")
        self.refused(path, "AppArmor's profile")
        self.write("etc/apparmor.d/local/tcpdump", "\n".join(preload.profile_lines(self.shim)))
        self.check(path)
        os.unlink(self.path("etc/apparmor.d/local/tcpdump"))
        self.write("etc/apparmor.d/tcpdump", "  /dev/shm/** rwk,\n")
        self.check(path)

    def test_what_cannot_be_read_is_left_to_the_program(self):
        self.profiles("tcpdump (enforce)\n")
        self.check(self.make("tcpdump"))

    def test_it_and_its_file_may_have_the_name_of_the_program_file(self):
        path = self.make("program")
        dotted = path.strip("/").replace("/", ".")
        os.makedirs(self.path("etc/apparmor.d"))
        self.write(f"etc/apparmor.d/{dotted}", "")
        self.profiles(f"{path} (enforce)\n")
        self.refused(path, f"AppArmor's profile '{path}' .* add these lines to /etc/apparmor.d/local/{dotted}, then")

    def test_one_that_only_complains_or_is_of_another_program_is_none(self):
        self.profiles("tcpdump (complain)\n/usr/bin/other (enforce)\n")
        self.check(self.make("tcpdump"))

    def test_without_apparmor_or_the_right_to_look_there_is_none(self):
        self.check(self.make("tcpdump"))


class Library(FolderTest):
    def test_the_first_folder_that_has_it(self):
        for name in ("a", "b", "c"):
            os.mkdir(self.path(name))
        for name in ("b", "c"):
            self.write(f"{name}/{preload.LIBRARY}", "")
        found = preload.find_library([self.path("a"), self.path("b"), self.path("c")])
        self.assertEqual(found, self.path("b", preload.LIBRARY))

    def test_a_path_that_ld_preload_cannot_have(self):
        for name in ("a b", "a:b"):
            os.mkdir(self.path(name))
            self.write(f"{name}/{preload.LIBRARY}", "")
            with self.assertRaisesRegex(preload.Unfit, "cannot be preloaded, since LD_PRELOAD is parted at .*: move it"):
                preload.find_library([self.path(name)])


class Program(FolderTest):
    def test_it_is_found_in_path_as_a_shell_does(self):
        os.mkdir(self.path("bin"))
        self.write("bin/tool", "", 0o600)
        path = f"{self.path('bin')}:{self.folder}"
        with self.assertRaisesRegex(preload.Unfit, "'tool' cannot be run: .*/bin/tool is not executable"):
            preload.find_program("tool", path)
        self.write("tool", "", 0o700)
        self.assertEqual(preload.find_program("tool", path), self.path("tool"))
