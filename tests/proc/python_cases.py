# SPDX-License-Identifier: BSD-2-Clause
"""What the module flow_balancer promises, a case a function: python_cases.py CASE INSTANCE.

For proc_python.c, which runs the dispatcher. A case ends with the number of packets that it took, or
fails with the line of its assertion.
"""

import asyncio
import gc
import os
import select
import signal
import sys
import threading

import flow_balancer
from flow_balancer import Consumer, Flag, FlowEnd, Packet


def refuses(error, call, *args):
    """The text of the error that it raises."""
    try:
        call(*args)
    except error as problem:
        return str(problem)
    raise AssertionError(f"no {error.__name__} of {call}")


def views(name):
    """What was kept of a packet's bytes is no other packet's bytes: it raises."""
    with Consumer(name) as consumer:
        kept, before, count = [], None, 0
        for event in consumer:
            for view in kept:
                refuses(ValueError, view.tobytes)
                refuses(ValueError, lambda v=view: v[0])
            if before is not None:
                assert "next event" in refuses(ValueError, lambda p=before: p.data)
                assert "next event" in refuses(ValueError, lambda p=before: p.flow)
                assert before.caplen >= 60  # its numbers are copies
            kept, before = [], None
            if isinstance(event, Packet):
                count += 1
                data = event.data
                assert data.readonly and data.format == "B" and data is event.data
                assert len(data) == event.caplen == event.wirelen
                assert event.payload == data[event.payload_off : event.payload_off + event.payload_len]
                refuses(TypeError, data.__setitem__, 0, 1)
                # Itself; a part; a part of a part; both and a view of a view; none.
                kept = [[data], [data[2:]], [data[4:][2:]], [data, memoryview(data)[1:]], []][count % 5]
                before = event
                if count % 1000 == 0:
                    gc.collect()
                del data
            del event
    for view in kept:
        refuses(ValueError, view.tobytes)
    return count


def packets(name):
    """What is said of packets and flows is what their bytes say."""
    count, flows, ended = 0, {}, 0
    with Consumer(name) as consumer:
        for event in consumer:
            if isinstance(event, FlowEnd):
                assert event.reason_name == "shutdown"
                assert event.flow.state == flows.pop(event.flow.id)
                ended += 1
                continue
            count += 1
            ip, flow = event.data[event.l3_off :], event.flow
            assert flow is event.flow
            size, at = (4, 12) if ip[0] >> 4 == 4 else (16, 8)
            ends = [bytes(ip[at : at + size]), bytes(ip[at + size : at + 2 * size])]
            ports = [int.from_bytes(event.data[event.l4_off + i : event.l4_off + i + 2], "big") for i in (0, 2)]
            if event.dir:
                ends.reverse()
                ports.reverse()
            assert [flow.src_bytes[:size], flow.dst_bytes[:size]] == ends
            assert [flow.src_port, flow.dst_port] == ports
            assert flow.src.count(".") == 3 if size == 4 else ":" in flow.src
            assert event.proto == flow.proto and flow.layer == (2 if size == 4 else 3)
            assert bool(event.flags & Flag.START) == (flow.state is None) == (event.flow_seq == 0)
            assert flow_balancer.flag_names(event.flags) == (("start",) if event.flow_seq == 0 else ())
            flow.state = flows[flow.id] = event.flow_seq + 1
        taken = consumer.stats
    assert not flows and consumer.ended == flow_balancer.Ended.STOPPED
    assert taken.packets == count and taken.flows_ended == ended and taken.worker == 0
    return count


def selected(name):
    """With select(), and what it is told by events(0)."""
    with Consumer(name) as consumer:
        count = 0
        while consumer.ended is None:
            select.select([consumer], [], [], 0.2)
            count += sum(isinstance(event, Packet) for event in consumer.events(0))
    return count


def in_asyncio(name):
    """Read by a loop that does other things too."""
    count = ticks = 0

    async def run(consumer):
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def take():
            nonlocal count
            for event in consumer.events(0):
                count += isinstance(event, Packet)
            if consumer.ended is not None:
                over.set()

        loop.add_reader(consumer, take)
        while not over.is_set():
            nonlocal ticks
            ticks += 1
            await asyncio.sleep(0.01)
        loop.remove_reader(consumer)

    with Consumer(name) as consumer:
        asyncio.run(run(consumer))
    assert ticks > 0
    return count


def raised(name):
    """A packet at which the program fails comes once more, flagged, to the next one."""
    count = 0

    def fail(consumer):
        nonlocal count
        for event in consumer:
            if count == 100:
                raise RuntimeError(str(event.frame))
            count += isinstance(event, Packet)

    def first():
        with Consumer(name) as consumer:
            fail(consumer)

    frame = int(refuses(RuntimeError, first))
    with Consumer(name, worker=0) as consumer:
        for event in consumer:
            if isinstance(event, Packet):
                assert (event.frame == frame) == bool(event.flags & Flag.REDELIVERED) == (event.deaths == 1)
                count += 1
    return count


def raised_in_between(name):
    """A signal whose handler raises before the loop has the first packet of a burst: it comes once more."""
    plain = flow_balancer._PACKET_AT

    class Interrupting:
        """In the place of the call that follows the library's."""

        @staticmethod
        def unpack_from(_buffer):
            raise KeyboardInterrupt

    def first():
        with Consumer(name) as consumer:
            for _ in consumer:
                raise AssertionError("it has a packet")

    flow_balancer._PACKET_AT = Interrupting
    refuses(KeyboardInterrupt, first)
    flow_balancer._PACKET_AT = plain
    count = 0
    with Consumer(name, worker=0) as consumer:
        for event in consumer:
            if isinstance(event, Packet):
                assert (event.frame == 1) == bool(event.flags & Flag.REDELIVERED) == (event.deaths == 1)
                count += 1
    return count


def broken_off(name):
    """A packet at which the program leaves is finished; loops may be left and begun."""
    count = 0
    with Consumer(name) as consumer:
        for _ in range(50):
            for event in consumer:
                if isinstance(event, Packet):
                    count += 1
                    break
    refuses(flow_balancer.Error, next, consumer.events())
    with Consumer(name, worker=0) as consumer:
        for event in consumer:
            if isinstance(event, Packet):
                assert not event.flags & Flag.REDELIVERED
                count += 1
    return count


def closed_inside(name):
    """What is closed in its own loop ends it."""
    with Consumer(name) as consumer:
        for event in consumer:
            data = event.data
            consumer.close()
            refuses(ValueError, data.tobytes)
    refuses(flow_balancer.Error, lambda: consumer.stats)
    return 1 + sum(isinstance(event, Packet) for event in Consumer(name, worker=0))


def forked(name):
    """A child has no consumer; it may end, and its parent goes on."""
    with Consumer(name) as consumer:
        events = consumer.events()
        data = next(events).data
        child = os.fork()
        if child == 0:
            refuses(flow_balancer.Error, lambda: consumer.stats)
            refuses(ValueError, data.tobytes)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert len(data.tobytes()) >= 60
        return 1 + sum(isinstance(event, Packet) for event in events)


def interrupted(name):
    """Ctrl-C while it waits for packets that never come."""
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    def wait():
        with Consumer(name) as consumer:
            for _ in consumer:
                pass

    refuses(KeyboardInterrupt, wait)
    refuses(flow_balancer.Error, Consumer, "no such name", None, 0.1)  # there is none in this process any more
    return 0


def refused(name):
    """What the library says is what the exception says."""
    assert "no dispatcher of instance 'nothing-here' for" in refuses(
        flow_balancer.NothingToClaim, Consumer, "nothing-here", None, 0.1
    )
    assert "has numbers 0 to " in refuses(flow_balancer.Error, Consumer, name, 300)
    with Consumer(name):
        assert "close that consumer first" in refuses(flow_balancer.Error, Consumer, name)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    refuses(KeyboardInterrupt, Consumer, "nothing-here", None, 60)
    return 0


def orphaned(name):
    """The flows are ended, and then it is an error."""
    ended = 0

    def take():
        nonlocal ended
        with Consumer(name) as consumer:
            for event in consumer:
                if isinstance(event, FlowEnd) and event.reason == flow_balancer.Reason.ORPHANED:
                    ended += 1
                elif isinstance(event, Packet) and event.frame == 5000:
                    print("taking", flush=True)

    refuses(flow_balancer.Orphaned, take)
    assert ended > 0
    return 0


def revoked(name):
    """It hangs, and another has its number when it goes on."""

    def take():
        with Consumer(name) as consumer:
            for _ in consumer:
                print("hanging", flush=True)
                sys.stdin.read()

    refuses(flow_balancer.Revoked, take)
    return 0


if __name__ == "__main__":
    print(globals()[sys.argv[1]](sys.argv[2]))
