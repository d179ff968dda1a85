# SPDX-License-Identifier: BSD-2-Clause
"""An instance found by its name: in our place, in another of ours, or of another user."""

import os
import socket
from unittest import mock

from fakes import FolderTest
from supervisor.failure import Failure
from supervisor.instance import Instance
from supervisor.paths import Places

ME = 1000
OTHER = 1001


class Find(FolderTest):
    """Who owns what is made up: only root could make files of other users."""

    def setUp(self):
        super().setUp()
        self.owners = {}  # uid by path
        self.connected = []
        lstat = os.lstat
        self.lstat = mock.patch("os.lstat", lambda path: self.owned(path, lstat(path)))

    def owned(self, path, found):
        fields = list(found)
        fields[4] = self.owners.get(path, 0)
        return os.stat_result(fields)

    def make(self, path, uid):
        path = self.path(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8"):
            pass
        self.owners[path] = uid
        return path

    def listen(self, path, uid):
        path = self.path(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen()
        self.owners[path] = uid
        return path

    def open(self, uid=ME, connect=None):
        """The path of the socket that is talked to, or the line that says why there is none."""
        environ = {"XDG_RUNTIME_DIR": self.path("xdg")}
        places = Places("/s", uid, environ, run=self.path("run"), tmp=self.path("tmp"), shm=self.path("shm"))
        instance = Instance("x", places)
        instance.connect = connect or self.connect
        try:
            with self.lstat:
                instance.open()
        except Failure as failure:
            return str(failure)
        return instance.path

    def connect(self, path):
        self.connected.append(path)
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(client.close)
        client.connect(path)

    def test_in_our_place(self):
        path = self.listen("xdg/flow-balancer/x.sock", ME)
        self.listen("run/flow-balancer/x.sock", 0)
        self.assertEqual(self.open(), path)
        self.assertEqual(self.connected, [path])

    def test_in_another_place_of_ours(self):
        for place in (f"tmp/flow-balancer-{ME}", f"run/user/{ME}"):
            path = self.listen(place + "/flow-balancer/x.sock", ME)
            self.assertEqual(self.open(), path)
            os.unlink(path)

    def test_that_of_another_user_is_for_root(self):
        path = self.listen(f"tmp/flow-balancer-{OTHER}/flow-balancer/x.sock", OTHER)
        self.assertEqual(self.open(uid=0), path)
        self.assertIn("no instance 'x' is running", self.open(uid=ME))
        self.assertNotIn(path, self.connected[2:])

    def test_one_that_has_died_is_passed_over(self):
        path = self.listen(f"run/user/{ME}/flow-balancer/x.sock", ME)
        dead = self.path(f"tmp/flow-balancer-{ME}/flow-balancer/x.sock")
        os.makedirs(os.path.dirname(dead))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(dead)
        self.owners[dead] = ME
        self.assertEqual(self.open(), path)
        self.assertEqual(self.connected[1:], [dead, path])

    def test_what_is_no_socket_is_passed_over(self):
        self.make(f"tmp/flow-balancer-{ME}/flow-balancer/x.sock", ME)
        self.assertIn("no instance 'x' is running: no process listens at ", self.open())
        self.assertEqual(len(self.connected), 1)

    def test_whose_it_is_is_said(self):
        self.make("shm/x.ctl", 0)
        self.assertEqual(self.open(), "instance 'x' belongs to user root: run this as that user")
        self.make("shm/x.ctl", 4000000001)
        self.assertEqual(self.open(), "instance 'x' belongs to user 4000000001: run this as that user or root")
        self.assertEqual(self.open(uid=0), "instance 'x' belongs to user 4000000001: run this as that user")

    def test_what_a_killed_one_of_ours_left_is_no_instance(self):
        self.make("shm/x.ctl", ME)
        self.assertIn("no instance 'x' is running: no process listens at ", self.open())

    def test_a_folder_of_another_user_in_the_environment_is_said(self):
        def connect(_):
            raise PermissionError(13, "Permission denied")

        self.assertRegex(self.open(connect=connect), "^cannot connect to .*: Permission denied: set XDG_RUNTIME_DIR")
        self.make("shm/x.ctl", OTHER)
        self.assertRegex(self.open(connect=connect), "^instance 'x' belongs to user ")

    def test_any_other_error_is_not_taken_for_one_that_does_not_run(self):
        def connect(_):
            raise TimeoutError

        with self.assertRaises(TimeoutError):
            self.open(connect=connect)
