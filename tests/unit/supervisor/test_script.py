# SPDX-License-Identifier: BSD-2-Clause
"""The script itself: it finds its modules in the checkout and installed, and leaves nothing behind."""

import os
import shutil
import subprocess
import sys

from fakes import FolderTest

SCRIPTS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "..", "scripts")


class Script(FolderTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("programs"))
        self.write("programs/flow-dispatcher", "#!/bin/sh\necho flow-dispatcher 1.2.3\n", 0o700)

    def install(self, script, modules):
        for folder in (os.path.dirname(script), modules):
            os.makedirs(self.path(folder), exist_ok=True)
        shutil.copy(os.path.join(SCRIPTS, "flow-balancer"), self.path(script))
        for name in os.listdir(os.path.join(SCRIPTS, "supervisor")):
            if name.endswith(".py"):
                shutil.copy(os.path.join(SCRIPTS, "supervisor", name), self.path(modules))

    def version(self, script):
        environ = {**os.environ, "FB_BUILD": self.path("programs")}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, self.path(script), "--version"], env=environ, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def test_beside_its_modules_as_in_a_checkout(self):
        self.install("scripts/flow-balancer", "scripts/supervisor")
        self.assertEqual(self.version("scripts/flow-balancer"), "flow-balancer 1.2.3\n")

    def test_installed(self):
        self.install("usr/bin/flow-balancer", "usr/lib/flow-balancer/supervisor")
        self.assertEqual(self.version("usr/bin/flow-balancer"), "flow-balancer 1.2.3\n")

    def test_through_a_link(self):
        self.install("usr/bin/flow-balancer", "usr/lib/flow-balancer/supervisor")
        os.symlink("usr/bin/flow-balancer", self.path("fb"))
        self.assertEqual(self.version("fb"), "flow-balancer 1.2.3\n")

    def test_a_package_of_the_same_name_is_not_taken_for_its_modules(self):
        self.install("usr/bin/flow-balancer", "usr/lib/flow-balancer/supervisor")
        os.mkdir(self.path("usr/bin/supervisor"))
        self.write("usr/bin/supervisor/__init__.py", "raise SystemExit('another supervisor')\n")
        self.assertEqual(self.version("usr/bin/flow-balancer"), "flow-balancer 1.2.3\n")

    def test_no_bytecode_is_left(self):
        self.install("scripts/flow-balancer", "scripts/supervisor")
        self.version("scripts/flow-balancer")
        for _, folders, files in os.walk(self.folder):
            self.assertNotIn("__pycache__", folders)
            self.assertEqual([name for name in files if name.endswith(".pyc")], [])

    def test_without_its_modules_it_is_one_line(self):
        os.mkdir(self.path("bin"))
        shutil.copy(os.path.join(SCRIPTS, "flow-balancer"), self.path("bin"))
        text = self.version("bin/flow-balancer")
        self.assertRegex(text, "^flow-balancer: error: its modules are neither in [^\n]*\n$")
