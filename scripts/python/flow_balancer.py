# SPDX-License-Identifier: BSD-2-Clause
"""Take part in a flow-balancer run as a worker, from Python: libflowbalancer through ctypes.

    import flow_balancer

    with flow_balancer.Consumer() as consumer:
        for event in consumer:
            if isinstance(event, flow_balancer.Packet):
                look_at(event.data, event.flow.src, event.flow.dst)

The process claims a worker number and gets the packets of the flows that are bound to it, in order, and
the ends of flows. If it dies, the next process with its number goes on behind the last packet that it
finished, and the one that it was at comes once more, with Flag.REDELIVERED. An event is finished when
the next one is taken. See flow-balancer-inspectors(7).

One consumer a process at a time, used by one thread at a time. After fork() it is the parent's alone.
"""

from __future__ import annotations

import ctypes
import enum
import errno
import gc
import logging
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Optional, Union

__all__ = [
    "Consumer", "Ended", "Error", "Failed", "Flag", "Flow", "FlowEnd", "Layer", "NothingToClaim", "Orphaned", "Packet",
    "Reason", "Revoked", "Stats", "Tunnel", "flag_names", "version",
]  # fmt: skip

_log = logging.getLogger("flow_balancer")


class Flag(enum.IntFlag):
    """Flags of a packet. Packet.flags is a plain number: test it with `packet.flags & Flag.START`."""

    START = 1 << 0  # first packet of a flow
    GAP = 1 << 1  # packets of this flow were lost before: Packet.gap
    REDELIVERED = 1 << 2  # was under inspection when a worker died
    MID_STREAM = 1 << 3  # this process has no state of the flow, and it is no start
    FRAGMENT = 1 << 4  # an IP fragment
    TRUNCATED = 1 << 5  # caplen is less than wirelen
    TUNNEL = 1 << 6  # the offsets point into a tunnel
    MALFORMED = 1 << 7  # a header was cut short or is invalid
    ICMP_ERROR = 1 << 10  # goes with the flow that it quotes, against its direction


class Layer(enum.IntEnum):
    """What a flow's key is made of."""

    NONE = 0  # no addresses: one flow per link type and protocol
    MAC = 1
    IP4 = 2
    IP6 = 3


class Tunnel(enum.IntEnum):
    """The innermost tunnel that a flow's packets are in; Flow.tunnel_id is its id."""

    NONE = 0
    IP = 1
    GRE = 2
    ERSPAN = 3
    L2TP = 4
    VXLAN = 5
    GENEVE = 6
    GTP = 7
    LISP = 8
    OTHER = 9


class Reason(enum.IntEnum):
    """Why a flow ended. FlowEnd.reason is a plain number: a later version may know more of them."""

    CLOSED = 0
    TIMED_OUT = 1
    EVICTED = 2
    REUSED = 3
    VERDICT = 4
    SHUTDOWN = 5
    WORKER_LOST = 6
    ORPHANED = 7


class Ended(enum.IntEnum):
    """Why there are no more events: Consumer.ended."""

    STOPPED = -1  # told to stop or leave: all that was to be done is done
    LEFT = -2  # leave() was followed
    ORPHANED = -3  # the dispatcher is gone; all flows were ended before
    REVOKED = -4  # another process has the number: nothing may be touched any more
    FAILED = -5  # no memory


class Error(Exception):
    """What the library says of it, in one line. errno: what it returned."""

    def __init__(self, text: str, number: int = 0):
        super().__init__(text)
        self.errno = number


class NothingToClaim(Error):
    """No dispatcher of the name came in time, or all of its numbers are taken: try again later."""


class Orphaned(Error):
    """The dispatcher is gone. All flows were ended before, with Reason.ORPHANED."""


class Revoked(Error):
    """Another process has the number. What this one has written since may be there twice: leave."""


class Failed(Error):
    """The library could not go on: no memory."""


_ENDINGS = {
    Ended.ORPHANED: (Orphaned, "the dispatcher is gone"),
    Ended.REVOKED: (Revoked, "the dispatcher has revoked this process: another one has its number"),
    Ended.FAILED: (Failed, "the library cannot go on"),
}

# ---- the library ---------------------------------------------------------------------------------

_LOG_LINE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)


class _Config(ctypes.Structure):
    """struct fb_consumer_config"""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("instance", ctypes.c_char_p),
        ("worker", ctypes.c_uint32),
        ("wait_ms", ctypes.c_uint32),
        ("state_bytes", ctypes.c_size_t),
        ("spin", ctypes.c_uint32),
        ("log_level", ctypes.c_int32),
        ("log", _LOG_LINE),
        ("log_arg", ctypes.c_void_p),
        ("program", ctypes.c_char_p),
        ("stats", ctypes.POINTER(ctypes.c_char_p)),
        ("leave", ctypes.POINTER(ctypes.c_int)),
    ]


class _Stats(ctypes.Structure):
    """struct fb_consumer_stats"""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in (
            "packets", "bytes", "flows_started", "flows_ended", "mid_stream", "gap_packets", "waiting",
        )),
        ("worker", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("incarnation", ctypes.c_uint64),
    ]  # fmt: skip


class Stats(NamedTuple):
    """What this process has taken so far."""

    packets: int
    bytes: int  # captured
    flows_started: int
    flows_ended: int
    mid_stream: int  # flows taken up in mid-stream
    gap_packets: int  # packets told as lost before one that came
    waiting: int  # packets and flow ends in the ring now
    worker: int  # its number
    incarnation: int  # grows with each process of the number in this run


_WORKER_ANY = 0xFFFFFFFF
_NO_OFFSET = 0xFFFF
_PACKET = 1
_FLOW_END = 2
# Of struct fb_event: the kind, and where the two that it holds begin.
_EVENT_BYTES = 120
_PACKET_AT = struct.Struct("=i12xQQQQIIIiIHHHHHBBI4x")
_FLOW_END_AT = struct.Struct("=QQQII")
_FLOW_END_OFFSET = 88
_FLOW_BYTES = 64
_FLOW_MAIN = struct.Struct("=Q40xHHBB")  # id, ports, proto, layer
_FLOW_REST = struct.Struct("=8xQ38xHH2xI")  # first_ns, vlan, tunnel_id


def _find_library() -> tuple[str, ...]:
    """The one that was installed with this module, else the system's."""
    name = "libflowbalancer.so.1"
    beside = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", name))
    return (beside, name) if os.path.exists(beside) else (name,)


def _load() -> tuple[ctypes.CDLL, ctypes.PyDLL]:
    """The library for calls that may wait, without the interpreter's lock, and for those that never do."""
    problem: Optional[OSError] = None
    for path in _find_library():
        try:
            return ctypes.CDLL(path), ctypes.PyDLL(path)
        except OSError as error:
            problem = problem or error
    raise ImportError(f"libflowbalancer cannot be loaded: {problem}: install it, or set LD_LIBRARY_PATH to its folder")


_waiting, _quick = _load()


def _declare(name: str, result: Any, *args: Any, library: Any = _quick) -> Any:
    function = getattr(library, name)
    function.restype = result
    function.argtypes = args
    return function


_handle = ctypes.c_void_p
_open = _declare("fb_consumer_open", ctypes.c_int, ctypes.POINTER(_handle), ctypes.POINTER(_Config), library=_waiting)
_burst = _declare("fb_consumer_burst", ctypes.c_int, _handle, ctypes.c_int, library=_waiting)
_retry = _declare("fb_consumer_retry", ctypes.c_int, _handle, ctypes.c_uint, library=_waiting)
_abandon = _declare("fb_consumer_abandon", None, _handle, library=_waiting)
_close = _declare("fb_consumer_close", None, _handle, library=_waiting)
_step = _declare("fb_consumer_step", ctypes.c_void_p, _handle)
_fd = _declare("fb_consumer_fd", ctypes.c_int, _handle)
_now = _declare("fb_consumer_now", ctypes.c_uint64, _handle)
_take_stats = _declare("fb_consumer_stats", None, _handle, ctypes.POINTER(_Stats), ctypes.c_size_t)
_interface = _declare("fb_consumer_interface", ctypes.c_char_p, _handle, ctypes.c_uint)
_version = _declare("fb_consumer_version", ctypes.c_char_p)
_set_stat = (
    _declare("fb_consumer_set_stat", None, _handle, ctypes.c_uint, ctypes.c_uint64)
    if hasattr(_quick, "fb_consumer_set_stat")
    else None  # an older library
)


def version() -> str:
    """What the library was built as: "0.1.0"."""
    return _version().decode()


# ---- views of bytes that go away -----------------------------------------------------------------
#
# A packet's bytes are in memory that the dispatcher uses again once the packet is finished. All views that
# were made of one share its managed buffer, an object between them and the memory. What the interpreter's
# garbage collector does to such a buffer to break a cycle (its type's tp_clear) takes the memory away from
# all of them: used again, they raise ValueError. If this interpreter does it otherwise, which is tried
# below, data is a copy.

_READ_ONLY = 0x100  # PyBUF_READ
_TP_CLEAR = 51  # Py_tp_clear of the stable interface

_make_view = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)


def _make_clear() -> Any:
    """Takes the memory away from all views of a managed buffer; None: this interpreter cannot."""
    try:
        bytes_here = ctypes.create_string_buffer(b"here", 4)
        view = _make_view(ctypes.addressof(bytes_here), 4, _READ_ONLY)
        (managed,) = gc.get_referents(view)
        get_slot = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_int)(
            ("PyType_GetSlot", ctypes.pythonapi)
        )
        address = get_slot(type(managed), _TP_CLEAR)
        if type(managed).__name__ != "managedbuffer" or not address:
            return None
        clear = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object)(address)
        part = view[1:3]
        clear(managed)
    except Exception:  # pylint: disable=broad-except # whatever it is, the copy is safe
        return None
    for dead in (view, part):
        try:
            dead.tobytes()
        except ValueError:
            continue
        return None
    return clear


_clear = _make_clear()


# ---- flows, packets, ends ------------------------------------------------------------------------


class Flow:
    """What belongs to all packets of a flow. The same object for each of them, until the flow has ended.

    state is the program's, None at first: what it keeps of the flow. Source is the sender of the flow's
    first packet.
    """

    __slots__ = ("_raw", "_src", "_dst", "id", "src_port", "dst_port", "proto", "layer", "state")

    def __init__(self, raw: bytes):
        self._raw = raw  # struct fb_flow
        self._src: Optional[str] = None
        self._dst: Optional[str] = None
        self.id: int = 0  # unique in the run
        self.src_port: int = 0  # ICMP: its type; without IP: the ethertype
        self.dst_port: int = 0  # ICMP: the type that answers, or the code
        self.proto: int = 0  # IP protocol number; 0: no IP
        self.layer: int = 0  # a number of Layer
        self.id, self.src_port, self.dst_port, self.proto, self.layer = _FLOW_MAIN.unpack_from(raw)
        self.state: Any = None

    def __repr__(self) -> str:
        return f"<Flow {self.id} {self.src}:{self.src_port} {self.dst}:{self.dst_port} proto {self.proto}>"

    def _text(self, raw: bytes) -> str:
        if self.layer == Layer.IP4:
            return socket.inet_ntop(socket.AF_INET, raw[:4])
        if self.layer == Layer.IP6:
            return socket.inet_ntop(socket.AF_INET6, raw)
        return raw[:6].hex(":") if self.layer == Layer.MAC else ""

    @property
    def src(self) -> str:
        """Address of the first packet's sender, as text; "" where the flow has no addresses."""
        if self._src is None:
            self._src = self._text(self.src_bytes)
        return self._src

    @property
    def dst(self) -> str:
        """The other address, as text."""
        if self._dst is None:
            self._dst = self._text(self.dst_bytes)
        return self._dst

    @property
    def src_bytes(self) -> bytes:
        """16 bytes: IPv4 4, IPv6 16, MAC 6, the rest zero."""
        return self._raw[16:32]

    @property
    def dst_bytes(self) -> bytes:
        """As src_bytes."""
        return self._raw[32:48]

    @property
    def vlan(self) -> tuple[int, ...]:
        """VLAN ids, the outer one first; none: ()."""
        return tuple(vlan for vlan in _FLOW_REST.unpack_from(self._raw)[1:3] if vlan)

    @property
    def first_ns(self) -> int:
        """Capture time of the first packet; 0: not known."""
        return _FLOW_REST.unpack_from(self._raw)[0]

    @property
    def tunnel(self) -> int:
        """A number of Tunnel."""
        return self._raw[58]

    @property
    def tunnel_id(self) -> int:
        """Of the tunnel; 0: none."""
        return _FLOW_REST.unpack_from(self._raw)[3]

    @property
    def interface(self) -> int:
        """See Consumer.interface_name()."""
        return self._raw[59]


class _Present:
    """What the event that was taken last lends: of the process, as the consumer is."""

    event: Optional[tuple] = None  # _COMES while the loop takes the first one of a burst
    view: Optional[memoryview] = None  # of its bytes, if they were looked at
    flows: dict[int, Flow] = {}  # by their ids, those that were looked at
    flow_ids: dict[int, Any] = {}  # by the addresses of their records: where the id is


_present = _Present()
_COMES = ()  # the library may have handed out an event that the program has not seen: it is not finished


def _refuse() -> None:
    raise ValueError("the next event has been taken: keep bytes(packet.data) or packet.flow before that")


def _take_back() -> None:
    """The bytes of the present packet are not the program's any more; every view of them says so."""
    view = _present.view
    _present.view = None
    if _clear is None:
        return
    (managed,) = gc.get_referents(view)
    if sys.getrefcount(managed) == 3:  # view, managed, and the argument: no part of it was kept
        try:
            view.release()
            return
        except BufferError:  # an object of another kind was made over it
            pass
    _clear(managed)


_FLOW_IDS_MOST = 1 << 16


def _id_at(address: int) -> Any:
    """Made once for each place: that takes longer than the look."""
    if len(_present.flow_ids) >= _FLOW_IDS_MOST:
        _present.flow_ids.clear()
    number = _present.flow_ids[address] = ctypes.c_uint64.from_address(address)
    return number


def _ended_flow_at(address: int) -> Flow:
    flow = _present.flows.pop(ctypes.c_uint64.from_address(address).value, None)
    return flow or Flow(ctypes.string_at(address, _FLOW_BYTES))


def _offset(index: int, doc: str) -> property:
    def get(self: tuple) -> Optional[int]:
        value = self[index]
        return None if value == _NO_OFFSET else value

    return property(get, doc=doc)


class _PacketFields(NamedTuple):
    """struct fb_packet, with the event's kind before."""

    kind: int
    time_ns: int  # capture time, nanoseconds since 1970
    frame: int  # frame number in the run, from 1
    data_at: int
    flow_at: int
    caplen: int  # bytes captured
    wirelen: int  # bytes on the wire
    flow_seq: int  # captured packets of this flow before this one
    link_type: int  # libpcap's DLT_ value of the frame
    gap: int  # packets of this flow lost just before this one
    deaths: int  # how many processes died while they inspected this packet
    l3_off: int
    l4_off: int
    payload_off: int
    flags: int  # bits of Flag
    proto: int  # IP protocol number of the packet; 0: no IP
    dir: int  # 0: from flow.src; 1: from flow.dst
    payload_len: int  # captured bytes of payload


class Packet(_PacketFields):
    """One packet. Its numbers may be kept; data, payload and flow are to be had before the next event is taken.

    time_ns, frame, caplen, wirelen, flow_seq, link_type, gap, deaths, flags, proto, dir, payload_len: as in flow.h.
    """

    l3_off: Optional[int] = _offset(11, "Where in data the innermost IP header is, or None.")
    l4_off: Optional[int] = _offset(12, "Where the transport header is, or None, as in later fragments.")
    payload_off: Optional[int] = _offset(13, "Where the first byte behind the transport header is, or None.")

    def __repr__(self) -> str:
        return f"<Packet frame {self.frame}, {self.caplen} bytes, {','.join(flag_names(self.flags)) or 'no flags'}>"

    @property
    def flow(self) -> Flow:
        """The flow that it belongs to; may be kept."""
        present, address = _present, self[4]
        if present.event is not self:
            _refuse()
        number = (present.flow_ids.get(address) or _id_at(address)).value
        flow = present.flows.get(number)
        if flow is None:
            flow = present.flows[number] = Flow(ctypes.string_at(address, _FLOW_BYTES))
        return flow

    @property
    def data(self) -> memoryview:
        """The captured bytes, not copied, read-only. It, and what is cut from it, raises ValueError once the next
        event is taken: keep bytes(packet.data). An object of another kind that was made over it (an array of
        numpy) cannot be taken back: it must not be kept."""
        if _present.event is not self:
            _refuse()
        view = _present.view
        if view is None:
            view = _present.view = _make_view(self[3], self[5], _READ_ONLY)
            if _clear is None:
                view = _present.view = memoryview(view.tobytes())
        return view

    @property
    def payload(self) -> memoryview:
        """The part of data behind the transport header, without padding; empty where that is not known."""
        start = self[13]
        return self.data[start : start + self[17]] if start != _NO_OFFSET else self.data[:0]


class FlowEnd(tuple):
    """The end of a flow, after its last packet."""

    time_ns: int = property(itemgetter(1), doc="Capture time at which it ended; orphaned: 0.")
    frame: int = property(itemgetter(2), doc="Last frame taken before it ended; orphaned: 0.")
    reason: int = property(itemgetter(3), doc="A number of Reason.")
    flags: int = property(itemgetter(4), doc="Flag.REDELIVERED: a process died while it was told this end.")
    flow: Flow = property(itemgetter(5), doc="With the state that the program gave it.")

    def __repr__(self) -> str:
        return f"<FlowEnd {self.flow!r} reason {self.reason}>"

    @property
    def reason_name(self) -> str:
        """As in reports: "timed_out"."""
        try:
            return Reason(self.reason).name.lower()
        except ValueError:
            return "?"


Event = Union[Packet, FlowEnd]
_flag_names: dict[int, tuple[str, ...]] = {}


def flag_names(flags: int) -> tuple[str, ...]:
    """The names as in other outputs: ("start", "mid-stream")."""
    names = _flag_names.get(flags)
    if names is None:
        names = tuple(flag.name.lower().replace("_", "-") for flag in Flag if flags & flag)
        _flag_names[flags] = names
    return names


# ---- the consumer --------------------------------------------------------------------------------

_LOG_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
_last_error = ""
_consumers: list[Consumer] = []  # those that are open: one at most


def _take_line(_arg: int, level: int, line: bytes) -> None:
    """A line of the library: an error is kept for the exception, the others go to logging."""
    global _last_error
    text = line.decode(errors="replace").strip()
    if level == 0:
        _last_error = text
    _log.log(logging.DEBUG if level == 0 else _LOG_LEVELS[min(level, 3)], "%s", text)


_log_line = _LOG_LINE(_take_line)  # as long as the process: the library keeps it


def _forget_in_child() -> None:
    """After fork() the consumer is the parent's: its memory is not there."""
    for consumer in _consumers:
        consumer._forget()
    _consumers.clear()


os.register_at_fork(after_in_child=_forget_in_child)

_WAIT_MS = 100  # at most: a signal that comes just before a wait is looked at after it


class Consumer:
    """A worker of an instance: what `with` is used on. See the module."""

    def __init__(
        self,
        instance: str = "flow-balancer",
        worker: Optional[int] = None,
        wait: float = 30.0,
        stats: Sequence[str] = (),
        spin: bool = False,
    ):
        """Waits up to `wait` seconds for a dispatcher and a number, and claims it: the one given, or the first that is
        free. stats: names of the program's counters ([a-z0-9_], at most 32), which appear in status and report.
        spin: waits for packets by looking, not by sleeping. Raises NothingToClaim, or Error with the library's line.
        """
        global _last_error
        self.ended: Optional[Ended] = None  # why there are no more events; None: there may be
        self._handle: Optional[int] = None
        self._leave = ctypes.c_int(0)
        self._stat_names = tuple(stats)
        names = (ctypes.c_char_p * (len(self._stat_names) + 1))(*(name.encode() for name in self._stat_names), None)
        self._config = _Config(
            size=ctypes.sizeof(_Config),
            instance=instance.encode(),
            worker=_WORKER_ANY if worker is None else worker,
            wait_ms=round(wait * 1000),
            spin=spin,
            log_level=2,
            log=_log_line,
            program=os.path.splitext(os.path.basename(sys.argv[0]))[0].encode() or b"python3",
            stats=names if self._stat_names else None,
            leave=ctypes.pointer(self._leave),
        )
        _last_error = ""
        status, handle = self._open()
        if status != 0:
            text = _last_error or f"cannot take part in instance '{instance}': {os.strerror(-status)}"
            raise (NothingToClaim if -status == errno.EAGAIN else Error)(text, -status)
        self._handle = handle
        _present.event = _present.view = None
        _present.flows, _present.flow_ids = {}, {}
        _consumers.append(self)

    def _open(self) -> tuple[int, Optional[int]]:
        """In a thread of its own, so that signals are handled here meanwhile."""
        handle = ctypes.c_void_p()
        status: list[int] = []
        thread = threading.Thread(
            target=lambda: status.append(_open(ctypes.byref(handle), ctypes.byref(self._config))), daemon=True
        )
        thread.start()
        try:
            while thread.is_alive():
                thread.join(1.0)
        except BaseException:
            self._leave.value = 2
            thread.join()
            if handle.value:
                _close(handle)
            raise
        return status[0], handle.value

    def _live(self) -> int:
        if self._handle is None:
            raise Error("the consumer is closed, or another process's")
        return self._handle

    # ---- leaving

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, kind: Optional[type], error: Any, trace: Any) -> None:
        """After an exception the event in hand counts as not inspected: the next process of the number gets it once
        more, flagged. Otherwise it is finished."""
        if kind is not None and _present.event is not None:
            self.abandon()
        else:
            self.close()

    def _forget(self) -> Optional[int]:
        handle, self._handle = self._handle, None
        _present.event = None
        if _present.view is not None:
            _take_back()
        return handle

    def _leave_with(self, function: Any) -> None:
        handle = self._forget()
        if handle is not None:
            _consumers.remove(self)
            function(handle)

    def close(self) -> None:
        """Leaves: the event in hand is finished, the number is free. What `with` does at its end."""
        self._leave_with(_close)

    def abandon(self) -> None:
        """Leaves as if the process had died at the event in hand, which the next process of the number gets."""
        self._leave_with(_abandon)

    def leave(self) -> None:
        """Asks to leave, from a signal handler too: events end once no packet waits; called twice, soon."""
        self._leave.value += 1

    # ---- events

    def __iter__(self) -> Iterator[Event]:
        """All events. Ends when the run stops or leave() is followed; raises Orphaned, Revoked or Failed otherwise."""
        return self.events()

    def events(self, timeout: Optional[float] = None) -> Iterator[Event]:
        """Events until none came for `timeout` seconds (None: as long as it takes), or there are no more, which
        `ended` says. With 0 what is there: for programs that wait for fileno()."""
        # Written for speed: a packet is one call of the library and one look at its event.
        step, unpack, new, packet, present = _step, _PACKET_AT.unpack_from, tuple.__new__, Packet, _present
        handle = self._live()
        buffer, known = None, 0
        while self._await(handle, timeout):
            while address := step(handle):
                if address != known:
                    buffer, known = (ctypes.c_char * _EVENT_BYTES).from_address(address), address
                fields = unpack(buffer)
                if fields[0] == _PACKET:
                    event = new(packet, fields)
                elif fields[0] == _FLOW_END:
                    flow, *rest = _FLOW_END_AT.unpack_from(buffer, _FLOW_END_OFFSET)
                    event = new(FlowEnd, (_FLOW_END, *rest, _ended_flow_at(flow)))
                else:
                    continue  # of a later version
                present.event = event
                yield event
                if present.event is not event:
                    return  # closed, or others have taken the next one
                if present.view is not None:
                    _take_back()

    def _await(self, handle: int, timeout: Optional[float]) -> bool:
        """Whether there is a burst: otherwise none came, or there are no more."""
        _present.event = None
        if _present.view is not None:
            _take_back()
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _WAIT_MS if until is None else max(0, min(_WAIT_MS, round((until - time.monotonic()) * 1000)))
            taken = _burst(handle, left)
            if taken > 0:
                _present.event = _COMES
                return True
            if taken < 0:
                self._end(taken)
                return False
            if self._handle is None or (until is not None and time.monotonic() >= until):
                return False

    def _end(self, ended: int) -> None:
        self.ended = Ended(ended)
        if self.ended in _ENDINGS:
            kind, text = _ENDINGS[self.ended]
            raise kind(_last_error if kind is Failed and _last_error else text)

    def retry(self, pause: float = 0.1) -> bool:
        """The output for the event in hand cannot be written now: waits (at most 1 s), in which the process is neither
        taken for hanging nor the packet suspected. True: the event, still valid, may be tried again. False: the run
        stopped meanwhile, and the event counts as not inspected. Raises as iteration does."""
        ended = _retry(self._live(), round(pause * 1000))
        if ended != 0:
            self._end(ended)
        return ended == 0

    def fileno(self) -> int:
        """For select, selectors and asyncio: readable when events(0) may have something."""
        global _last_error
        _last_error = ""
        fd = _fd(self._live())
        if fd < 0:
            raise Error(_last_error or "no descriptor to be had", -fd)
        return fd

    # ---- numbers

    @property
    def stats(self) -> Stats:
        """What this process has taken so far."""
        taken = _Stats()
        _take_stats(self._live(), ctypes.byref(taken), ctypes.sizeof(taken))
        return Stats(*(getattr(taken, name) for name in Stats._fields))

    @property
    def worker(self) -> int:
        """The number that was claimed."""
        return self.stats.worker

    @property
    def now_ns(self) -> int:
        """CLOCK_MONOTONIC as the library last looked at it."""
        return _now(self._live())

    def set_stat(self, name: str, value: int) -> None:
        """Sets one of the program's counters, which must only grow."""
        index = self._stat_names.index(name)
        if _set_stat is not None:
            _set_stat(self._live(), index, value)

    def interface_name(self, index: int) -> str:
        """The name of interface Flow.interface; "" for files."""
        return _interface(self._live(), index).decode()
