#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A packet log, as a program in Python that takes the place of a worker: what it was given, as tab-separated lines.

    flow-dispatcher -r trace.pcap -w 2 &
    ./packet_log.py DIR & ./packet_log.py DIR

DIR/worker-K.tsv, a line a packet:
  frame flow flow_seq dir src src_port dst dst_port proto payload_len flags
DIR/flows-K.tsv, a line when a flow ends; packets and bytes of payload as this process saw them:
  frame flow reason src src_port dst dst_port proto packets bytes

src is the sender of the flow's first packet; dir is 1 where a packet goes the other way.

If it dies, the next process with its number goes on behind the last packet that was finished. SIGTERM and
SIGINT let it leave when no packet waits for it, twice: now.
"""

import argparse
import os
import signal
import sys

import flow_balancer

LINE_BYTES = 512  # more than the longest line: two addresses, all flags, numbers
EXIT_REVOKED = 3  # as of flow-worker(1)


class Lines:
    """A file of lines that only grows.

    A line is written with one write(), without a buffer: it has left the process when the packet is finished.
    """

    def __init__(self, path):
        self.path = path
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self.size = self.whole_lines()
        os.ftruncate(self.file, self.size)

    def whole_lines(self):
        """How long it is without the part of a line that a killed process left."""
        size = os.lseek(self.file, 0, os.SEEK_END)
        start = max(0, size - LINE_BYTES)
        tail = os.pread(self.file, LINE_BYTES, start)
        if b"\n" not in tail and start > 0:
            raise OSError(f"{self.path}: not a file of lines")
        return start + tail.rfind(b"\n") + 1

    def write(self, consumer, line):
        """False: the run stopped while the line could not be written."""
        told = False
        while True:
            try:
                written = os.write(self.file, line)
                problem = "no room for a whole line"
            except OSError as error:
                written = 0
                problem = error.strerror
            if written == len(line):
                break
            if not told:
                print(f"cannot write {self.path}: {problem}: waiting until it can", file=sys.stderr)
                told = True
            os.ftruncate(self.file, self.size)
            if not consumer.retry(0.1):
                return False
        self.size += written
        if told:
            print(f"{self.path} can be written again", file=sys.stderr)
        return True


def ends_of(flow):
    """"SRC SRC_PORT DST DST_PORT" with tabs between."""
    return f"{flow.src or '-'}\t{flow.src_port}\t{flow.dst or '-'}\t{flow.dst_port}"


class FlowState:
    """What is kept for each flow: flow.state."""

    __slots__ = ("ends", "packets", "bytes")

    def __init__(self, flow):
        self.ends = ends_of(flow)
        self.packets = self.bytes = 0


def packet_line(packet, flow):
    flags = ",".join(flow_balancer.flag_names(packet.flags)) or "-"
    return (
        f"{packet.frame}\t{flow.id}\t{packet.flow_seq}\t{packet.dir}\t{flow.state.ends}\t"
        f"{packet.proto}\t{packet.payload_len}\t{flags}\n"
    ).encode()


def end_line(end):
    flow, state = end.flow, end.flow.state
    packets, payload = (state.packets, state.bytes) if state else (0, 0)
    return f"{end.frame}\t{flow.id}\t{end.reason_name}\t{ends_of(flow)}\t{flow.proto}\t{packets}\t{payload}\n".encode()


def serve(consumer, directory):
    """Until there are no more events."""
    worker = consumer.worker
    packets = Lines(f"{directory}/worker-{worker}.tsv")
    ends = Lines(f"{directory}/flows-{worker}.tsv")
    payload_bytes = flows_ended = 0
    for event in consumer:
        if isinstance(event, flow_balancer.Packet):
            flow = event.flow
            state = flow.state
            if state is None:
                state = flow.state = FlowState(flow)
            if not packets.write(consumer, packet_line(event, flow)):
                continue  # the iteration ends
            state.packets += 1
            state.bytes += event.payload_len
            payload_bytes += event.payload_len
            if event.frame % 1000 == 0:
                consumer.set_stat("payload_bytes", payload_bytes)
        elif ends.write(consumer, end_line(event)):
            flows_ended += 1
            consumer.set_stat("flow_lines", flows_ended)
    consumer.set_stat("payload_bytes", payload_bytes)
    print(f"worker {worker}: {consumer.stats.packets} packets, {payload_bytes} bytes of payload, "
          f"{flows_ended} flows ended", file=sys.stderr)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("-n", "--name", default="flow-balancer", help="name of the instance")
    parser.add_argument("-k", "--worker", type=int, help="number to claim; none: the first that is free")
    parser.add_argument("directory", metavar="DIR")
    options = parser.parse_args()
    os.makedirs(options.directory, exist_ok=True)
    try:
        with flow_balancer.Consumer(options.name, options.worker, stats=["payload_bytes", "flow_lines"]) as consumer:
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, lambda *_: consumer.leave())
            serve(consumer, options.directory)
    except flow_balancer.NothingToClaim as problem:
        print(problem, file=sys.stderr)
        return os.EX_TEMPFAIL
    except flow_balancer.Revoked as problem:
        print(problem, file=sys.stderr)
        return EXIT_REVOKED
    except (flow_balancer.Error, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
