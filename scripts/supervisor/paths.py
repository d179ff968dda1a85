# SPDX-License-Identifier: BSD-2-Clause
"""Where programs, the runtime directory, control sockets and logs are.

Must not know what is in those files, nor who uses them.
"""

import glob
import os
import stat

from .failure import Failure


class Places:
    """The places of one user. script_dir is the folder of the script that was called."""

    def __init__(self, script_dir, uid=None, environ=os.environ, run="/run", tmp="/tmp", shm="/dev/shm"):
        self.script_dir = script_dir
        self.uid = os.geteuid() if uid is None else uid
        self.environ = environ
        self.run = run
        self.tmp = tmp
        self.shm = shm
        self.chosen = None  # --runtime-dir

    def program_dir(self):
        """The folder that holds flow-dispatcher, flow-worker and flow-stat."""
        places = [os.path.join(os.path.dirname(self.script_dir), "build"), self.script_dir]
        if self.environ.get("FB_BUILD"):
            places = [self.environ["FB_BUILD"]]
        for place in places:
            if os.access(os.path.join(place, "flow-dispatcher"), os.X_OK):
                return os.path.abspath(place)
        raise Failure(
            f"flow-dispatcher is not in {' nor in '.join(places)}: run 'make build', or set FB_BUILD to its folder"
        )

    def shim_dirs(self):
        """Where the library for libpcap programs may be: beside the build, or installed."""
        installed = os.path.join(os.path.dirname(self.script_dir), "lib")
        return [self.program_dir(), installed, os.path.join(installed, "flow-balancer")]

    def runtime_base(self):
        """The folder above ours, and whether it is ours to make."""
        if self.chosen:
            return self.chosen, False
        if self.uid == 0 and self.run_is_usable():
            return self.run, False
        if self.environ.get("XDG_RUNTIME_DIR", "").startswith("/"):
            return self.environ["XDG_RUNTIME_DIR"], False
        return (self.run, False) if self.uid == 0 else (f"{self.tmp}/flow-balancer-{self.uid}", True)

    def run_is_usable(self):
        """Whether root can have its folder there: in a container /run may be read-only."""
        return os.access(f"{self.run}/flow-balancer", os.W_OK) or os.access(self.run, os.W_OK)

    def runtime_dir(self):
        """Where control sockets and logs live; the dispatcher chooses the same place."""
        return os.path.join(self.runtime_base()[0], "flow-balancer")

    def make_runtime_dir(self):
        """Makes the folder if it is missing; refuses one that another user could have put there."""
        base, ours = self.runtime_base()
        for path in [base, self.runtime_dir()] if ours else [self.runtime_dir()]:
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                pass
            except OSError as error:
                raise Failure(
                    f"cannot make {path}: {error.strerror}; give another with --runtime-dir, or set XDG_RUNTIME_DIR to "
                    "a folder of yours"
                ) from None
            found = os.lstat(path)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid or found.st_mode & 0o022:
                raise Failure(
                    f"{path} is not a directory that only uid {self.uid} may write to: {self.remedy_of(found)}"
                )
        return path

    def remedy_of(self, found):
        """What to do about a folder that cannot be trusted; nobody can change or remove what is another user's."""
        if found.st_uid != self.uid:
            remedy = "set XDG_RUNTIME_DIR to a folder of yours"
            if self.uid == 0:
                remedy = "remove it, or give another with --runtime-dir"
            return f"it is of uid {found.st_uid}: {remedy}"
        return "chmod 700 it" if stat.S_ISDIR(found.st_mode) else "remove it"

    def socket(self, name):
        return os.path.join(self.runtime_dir(), name + ".sock")

    def other_sockets(self, name):
        """Sockets of that name in the places of other users, or of ours with another environment: (path, uid).

        Those in folders that we may not look into are not found.
        """
        for place in (f"{self.tmp}/flow-balancer-*", f"{self.run}/user/*"):
            for path in sorted(glob.glob(f"{place}/flow-balancer/{name}.sock")):
                try:
                    found = os.lstat(path)
                except OSError:
                    continue  # it has just gone
                if stat.S_ISSOCK(found.st_mode):
                    yield path, found.st_uid

    def owner(self, name):
        """The uid that the instance belongs to, by its shared memory, which every user sees; None if there is none."""
        try:
            return os.lstat(f"{self.shm}/{name}.ctl").st_uid
        except OSError:
            return None

    def log(self, name):
        return os.path.join(self.runtime_dir(), name + ".log")

    def outcome(self, name):
        return os.path.join(self.runtime_dir(), name + ".status")
