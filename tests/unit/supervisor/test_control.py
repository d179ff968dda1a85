# SPDX-License-Identifier: BSD-2-Clause
"""The client of the control socket, against a socket that answers as it is told."""

import json
import os
import socket
import threading
from unittest import mock

from fakes import FolderTest
from supervisor import control


class Asking(FolderTest):
    def listen(self, answer):
        """Answers one request of one client; what was asked is in self.asked then."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)
        listener.bind(self.path("x.sock"))
        listener.listen()
        self.asked = []

        def serve():
            client, _ = listener.accept()
            with client:
                self.asked.append(client.recv(4096))
                if answer is not None:
                    client.send(answer)
                client.recv(1)  # until it closes

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)

    def ask(self, answer):
        self.listen(answer)
        with control.Control(self.path("x.sock")) as connection:
            return connection.ask("drain", worker=3)

    def test_a_request_is_one_json_object_and_so_is_its_answer(self):
        self.assertEqual(self.ask(b'{"ok": true, "n": 5}'), {"ok": True, "n": 5})
        self.assertEqual(json.loads(self.asked[0]), {"request": "drain", "worker": 3})

    def test_a_long_answer_comes_whole(self):
        workers = [{"worker": k, "state": "ready", "pid": 4194304} for k in range(256)]
        answer = json.dumps({"ok": True, "workers": workers}).encode()
        self.assertEqual(self.ask(answer)["workers"], workers)

    def test_a_refusal_is_an_error_with_its_reason(self):
        with self.assertRaisesRegex(control.Refusal, "^it is the only one$"):
            self.ask(b'{"ok": false, "error": "it is the only one"}')

    def test_a_reason_is_no_command_to_the_terminal(self):
        with self.assertRaisesRegex(OSError, r"^\?\[2Jgone\?$"):
            self.ask(b'{"ok": false, "error": "\\u001b[2Jgone\\n"}')

    def test_a_refusal_without_a_reason_is_one_too(self):
        with self.assertRaisesRegex(control.Refusal, "'drain' is refused without a reason"):
            self.ask(b"{}")

    def test_what_is_no_json_object_is_an_error_that_shows_it(self):
        with self.assertRaisesRegex(OSError, "no JSON object in the answer to 'drain': b'nonsense'"):
            self.ask(b"nonsense")

    def test_a_list_is_no_object(self):
        with self.assertRaisesRegex(OSError, "no JSON object"):
            self.ask(b"[1]")

    def test_a_dispatcher_that_does_not_answer_is_not_waited_for_for_ever(self):
        with mock.patch.object(control, "ANSWER_TIMEOUT_S", 0.02):
            with self.assertRaises(TimeoutError):
                self.ask(None)

    def test_it_knows_which_process_listens(self):
        self.listen(b"{}")
        with control.Control(self.path("x.sock")) as connection:
            self.assertEqual(connection.pid, os.getpid())
            connection.socket.send(b"{}")

    def test_where_no_process_listens_it_is_an_error(self):
        with self.assertRaises(FileNotFoundError):
            control.Control(self.path("x.sock"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self.path("x.sock"))
        with self.assertRaises(ConnectionRefusedError):
            control.Control(self.path("x.sock"))
