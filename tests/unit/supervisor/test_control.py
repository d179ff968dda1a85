# SPDX-License-Identifier: BSD-2-Clause
"""The client of the control socket, against a socket that answers as it is told."""

import json
import os
import select
import socket
import threading
import time
from unittest import mock

from fakes import FolderTest
from supervisor import control


class Asking(FolderTest):
    def listen(self, answer, after_s=0):
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
                time.sleep(after_s)
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

    def test_some_answers_may_take_longer(self):
        with mock.patch.object(control, "ANSWER_TIMEOUT_S", 0.02):
            self.listen(b'{"ok": true}', after_s=0.1)
            with control.Control(self.path("x.sock")) as connection:
                self.assertEqual(connection.ask("reload", limit_s=60), {"ok": True})
        self.assertEqual(json.loads(self.asked[0]), {"request": "reload"})

    def serve(self, *connections):
        """Each connection is served by one function, in turn."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)
        listener.bind(self.path("x.sock"))
        listener.listen()

        def run():
            for serve_one in connections:
                client, _ = listener.accept()
                with client:
                    serve_one(client)

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def drop(self, client):
        """As an idle one is dropped; what comes later finds the connection closed."""
        client.send(b'{"ok": false, "dropped": true, "error": "dropped for another"}')

    def drop_late(self, client):
        """The request is there already, unread: the connection is reset, not only closed."""
        poller = select.poll()
        poller.register(client, select.POLLIN)
        poller.poll()
        self.drop(client)

    def answer_well(self, client):
        self.asked = client.recv(4096)
        client.send(b'{"ok": true, "n": 5}')
        client.recv(1)

    def test_a_connection_that_was_dropped_as_idle_is_made_again_and_the_request_with_it(self):
        for drop in (self.drop, self.drop_late):
            thread = self.serve(drop, drop, self.answer_well)
            with control.Control(self.path("x.sock")) as connection:
                if drop == self.drop:
                    select.select([connection.socket], [], [])
                self.assertEqual(connection.ask("stop", now=True)["n"], 5)
            thread.join()
            self.assertEqual(json.loads(self.asked), {"request": "stop", "now": True})
            os.unlink(self.path("x.sock"))

    def test_one_that_is_dropped_again_and_again_is_refused_with_the_reason(self):
        self.serve(*[self.drop] * control.ATTEMPTS)
        with control.Control(self.path("x.sock")) as connection:
            with self.assertRaisesRegex(control.Refusal, "^dropped for another$"):
                connection.ask("stop")

    def test_a_connection_that_was_closed_is_no_broken_pipe(self):
        thread = self.serve(lambda client: None)
        with control.Control(self.path("x.sock")) as connection:
            thread.join()
            with self.assertRaisesRegex(OSError, "closed the connection and did not answer 'stop'"):
                connection.ask("stop")

    def test_a_request_goes_to_no_other_dispatcher(self):
        self.serve(self.drop, self.answer_well)
        with control.Control(self.path("x.sock")) as connection:
            connection.pid += 1
            with self.assertRaisesRegex(OSError, "another dispatcher has taken its place"):
                connection.ask("stop")
            connection.socket.send(b"{}")

    def test_a_full_queue_of_connections_is_waited_for(self):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)
        listener.bind(self.path("x.sock"))
        listener.listen(0)
        first = control.connect(self.path("x.sock"))
        self.addCleanup(first.close)
        with mock.patch.object(control, "ANSWER_TIMEOUT_S", 0.02), self.assertRaisesRegex(TimeoutError, "takes no"):
            control.connect(self.path("x.sock"))
        accept = threading.Timer(0.02, lambda: listener.accept()[0].close())
        accept.start()
        self.addCleanup(accept.join)
        control.connect(self.path("x.sock")).close()

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
