# SPDX-License-Identifier: BSD-2-Clause
"""Where things are, and who may have made them."""

import os
from unittest import mock

from fakes import FolderTest
from supervisor.failure import Failure
from supervisor.paths import Places

OURS = os.geteuid() or 1000  # a user other than root, even if root runs the tests


class Programs(FolderTest):
    def find(self, environ=None):
        return Places(self.path("tree", "scripts"), environ=environ or {}).program_dir()

    def make_program(self, folder, mode=0o700):
        os.makedirs(self.path(folder), exist_ok=True)
        self.write(folder + "/flow-dispatcher", "", mode)

    def test_of_a_checkout_they_are_in_build(self):
        self.make_program("tree/build")
        self.make_program("tree/scripts")
        self.assertEqual(self.find(), self.path("tree", "build"))

    def test_installed_they_are_beside_the_script(self):
        self.make_program("tree/scripts")
        self.assertEqual(self.find(), self.path("tree", "scripts"))

    def test_the_environment_says_otherwise_and_then_no_other_place_counts(self):
        self.make_program("tree/build")
        self.make_program("other")
        self.assertEqual(self.find({"FB_BUILD": self.path("other")}), self.path("other"))
        with self.assertRaisesRegex(Failure, "flow-dispatcher is not in /nowhere: run 'make build'"):
            self.find({"FB_BUILD": "/nowhere"})

    def test_what_cannot_be_executed_is_none(self):
        self.make_program("tree/build", 0o600)
        if os.access(self.path("tree/build/flow-dispatcher"), os.X_OK):
            self.skipTest("here every file can be executed")
        with self.assertRaisesRegex(Failure, "is not in .*/tree/build nor in .*/tree/scripts"):
            self.find()


class Library(FolderTest):
    def test_the_one_for_libpcap_programs_is_beside_the_build_or_where_libraries_are_installed(self):
        places = Places(self.path("tree", "bin"), environ={"FB_BUILD": self.folder})
        self.write("flow-dispatcher", "", 0o700)
        lib = self.path("tree", "lib")
        self.assertEqual(places.shim_dirs(), [self.folder, lib, lib + "/flow-balancer"])


class RuntimeDir(FolderTest):
    def places(self, uid=None, **environ):
        uid = os.geteuid() if uid is None else uid
        return Places("/scripts", uid=uid, environ=environ, run=self.path("run"), tmp=self.path("tmp"))

    def test_it_is_where_root_can_write_or_where_it_is_told(self):
        with mock.patch("os.access", return_value=False):  # /run is read-only
            self.assertEqual(self.places(uid=0, XDG_RUNTIME_DIR="/x").runtime_dir(), "/x/flow-balancer")
            self.assertEqual(self.places(uid=0).runtime_dir(), self.path("run", "flow-balancer"))
        for uid in (0, OURS):
            places = self.places(uid, XDG_RUNTIME_DIR="/x")
            places.chosen = "/y"
            self.assertEqual(places.socket("a"), "/y/flow-balancer/a.sock")

    def test_it_is_below_run_for_root(self):
        os.mkdir(self.path("run"))
        places = self.places(uid=0, XDG_RUNTIME_DIR="/run/user/0")
        self.assertEqual(places.runtime_dir(), self.path("run", "flow-balancer"))
        self.assertEqual(places.socket("a"), self.path("run", "flow-balancer", "a.sock"))
        self.assertEqual(places.log("a"), self.path("run", "flow-balancer", "a.log"))

    def test_it_is_in_the_users_own_where_there_is_one_with_an_absolute_path(self):
        self.assertEqual(self.places(OURS, XDG_RUNTIME_DIR="/run/user/7").runtime_dir(), "/run/user/7/flow-balancer")
        fallback = self.path("tmp", f"flow-balancer-{OURS}", "flow-balancer")
        for environ in ({}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "run/user/7"}):
            self.assertEqual(self.places(OURS, **environ).runtime_dir(), fallback)


class MakeRuntimeDir(FolderTest):
    """With XDG_RUNTIME_DIR, and below /tmp, where another user may have been first."""

    def setUp(self):
        super().setUp()
        self.before = os.umask(0)
        self.addCleanup(lambda: os.umask(self.before))
        os.mkdir(self.path("tmp"))
        self.uid = os.geteuid()

    def in_own(self, uid=None):
        places = Places("/scripts", uid=self.uid or 0, environ={"XDG_RUNTIME_DIR": self.folder}, run=self.folder)
        places.uid = self.uid if uid is None else uid
        return places

    def in_tmp(self):
        """As a user without XDG_RUNTIME_DIR; root's own would be below run."""
        places = Places("/scripts", uid=self.uid, environ={}, tmp=self.path("tmp"))
        places.runtime_base = lambda: (self.path("tmp", "flow-balancer-7"), True)
        return places

    def mode(self, path):
        return os.stat(path).st_mode & 0o7777

    def test_only_its_owner_may_do_anything_in_it(self):
        path = self.in_own().make_runtime_dir()
        self.assertEqual(path, self.path("flow-balancer"))
        self.assertEqual(self.mode(path), 0o700)

    def test_below_tmp_the_folder_above_is_made_and_as_closed(self):
        path = self.in_tmp().make_runtime_dir()
        self.assertEqual(path, self.path("tmp", "flow-balancer-7", "flow-balancer"))
        self.assertEqual(self.mode(path), 0o700)
        self.assertEqual(self.mode(os.path.dirname(path)), 0o700)

    def test_one_that_is_there_is_used(self):
        self.in_own().make_runtime_dir()
        self.assertEqual(self.in_own().make_runtime_dir(), self.path("flow-balancer"))

    def test_one_that_others_may_write_to_is_refused(self):
        path = self.in_own().make_runtime_dir()
        for mode in (0o720, 0o702, 0o1777):
            os.chmod(path, mode)
            with self.assertRaisesRegex(Failure, "flow-balancer is not a directory that only uid .*: chmod 700 it$"):
                self.in_own().make_runtime_dir()
        os.chmod(path, 0o755)
        self.in_own().make_runtime_dir()

    def test_below_tmp_the_folder_above_is_looked_at_too(self):
        self.in_tmp().make_runtime_dir()
        os.chmod(self.path("tmp", "flow-balancer-7"), 0o777)
        with self.assertRaisesRegex(Failure, "flow-balancer-7 is not a directory that only uid"):
            self.in_tmp().make_runtime_dir()

    def test_one_of_another_user_is_refused(self):
        self.in_own().make_runtime_dir()
        places = self.in_own(uid=self.uid + 1)
        places.runtime_base = lambda: (self.folder, False)
        with self.assertRaisesRegex(
            Failure, f"only uid {self.uid + 1} may write to: it is of uid {self.uid}: set XDG_RUNTIME_DIR to a folder"
        ):
            places.make_runtime_dir()

    def test_root_is_told_to_remove_what_is_in_the_way_or_to_go_elsewhere(self):
        self.in_own().make_runtime_dir()
        places = self.in_own(uid=0)
        places.runtime_base = lambda: (self.folder, False)
        stranger = os.stat_result((0o40700, 0, 0, 1, self.uid + 1, 0, 0, 0, 0, 0))
        with mock.patch("os.lstat", return_value=stranger), self.assertRaisesRegex(Failure, ": remove it, or give another with --runtime-dir$"):
            places.make_runtime_dir()

    def test_a_link_to_a_folder_of_ours_is_refused(self):
        os.mkdir(self.path("elsewhere"), 0o700)
        os.symlink(self.path("elsewhere"), self.path("flow-balancer"))
        with self.assertRaisesRegex(Failure, "is not a directory"):
            self.in_own().make_runtime_dir()

    def test_a_file_in_its_place_is_refused(self):
        self.write("flow-balancer", "")
        with self.assertRaisesRegex(Failure, "is not a directory .*: remove it$"):
            self.in_own().make_runtime_dir()

    def test_where_it_cannot_be_made_the_line_says_what_to_set(self):
        os.rmdir(self.path("tmp"))
        with self.assertRaisesRegex(Failure, "cannot make .*: No such file or directory; give another with --runtime-dir"):
            self.in_tmp().make_runtime_dir()
