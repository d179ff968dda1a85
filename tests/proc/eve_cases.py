# SPDX-License-Identifier: BSD-2-Clause
"""Judges lines of --eve, for proc_eve.c and proc_eve_suricata.c: eve_cases.py CASE ARGUMENT...

  truth CAPTURES OUT      records of OUT/CAPTURE/ against what `record` wrote there and the captures' truth
  valid SCHEMA OUT        every line of OUT/CAPTURE/ against the schema
  refused SCHEMA          samples with one member wrong at a time: the schema refuses each
  both BUILD CAPTURES OUT CAPTURE   runs flow-worker and Suricata over a capture, if it is one to compare
  suricata CAPTURES OUT   the flows of both; differences by kind

A case prints what it counted, or findings and ends with status 1; 77: it needs python3-jsonschema.
"""

import collections
import copy
import glob
import gzip
import ipaddress
import json
import os
import subprocess
import sys

SKIPPED = 77
FINDINGS_SHOWN = 40


class Findings:
    def __init__(self):
        self.count = 0

    def add(self, text):
        self.count += 1
        if self.count <= FINDINGS_SHOWN:
            print(text)

    def status(self):
        if self.count:
            print(f"{self.count} findings")
        return 1 if self.count else 0


def lines_of(folder):
    for path in sorted(glob.glob(os.path.join(folder, "eve-*.json"))):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield f"{folder}/{os.path.basename(path)}:{number}", json.loads(line)


# ---- truth


def truth_of(captures, capture):
    with gzip.open(os.path.join(captures, "truth", capture + ".tsv.gz"), "rt", encoding="utf-8", newline="\n") as file:
        head = file.readline().rstrip("\n").split("\t")
        return {int(row[0]): dict(zip(head, row)) for row in (line.rstrip("\n").split("\t") for line in file)}


def recorded_flows(folder):
    """Flow id -> [(frame, community id, direction, flags)] of the lines of `record`."""
    flows = collections.defaultdict(list)
    for path in glob.glob(os.path.join(folder, "worker-*.tsv")):
        with open(path, encoding="utf-8") as file:
            for line in file:
                frame, _, cid, flow, _, direction, _, flags = line.rstrip("\n").split("\t")
                flows[int(flow)].append((int(frame), cid, int(direction), flags))
    return flows


def is_sure(row):
    """Both readers of the truth agree on the Community ID, and the packet is no later fragment."""
    return row["agree"] == "both" and row["frag"].split(":")[-1] in ("-", "first", "atomic")


def check_flow(where, event, rows, truth, findings):
    counts, turned = event["flow"], is_turned(event, rows, truth)
    packets, sizes = [0, 0], [0, 0]
    ids = set()
    for frame, cid, direction, flags in rows:
        packets[direction] += 1
        if frame not in truth:
            continue
        sizes[direction] += int(truth[frame]["len"])
        if "icmp-error" not in flags and cid != "-" and is_sure(truth[frame]):
            wanted = truth[frame]["cid_inner"]
            ids.add(truth[frame]["cid_outer"] if wanted == "=" else wanted)
    client, server = (1, 0) if turned else (0, 1)
    got = [counts[f"{what}_{side}"] for what in ("pkts", "bytes") for side in ("toserver", "toclient")]
    wanted = [packets[client], packets[server], sizes[client], sizes[server]]
    # The truth has no row for a frame whose wire length is beyond any network's.
    known = 4 if all(frame in truth for frame, *_ in rows) else 2
    if got[:known] != wanted[:known]:
        findings.add(f"{where}: packets and bytes are {got}, not {wanted}")
    if len(ids) == 1 and event.get("community_id") not in ids:
        findings.add(f"{where}: community_id is {event.get('community_id')}, not {ids.pop()}")
        return 0
    return len(ids) == 1


def check_capture(captures, folder, findings):
    """Returns flows, packets, and how many Community IDs were compared."""
    truth, flows = truth_of(captures, os.path.basename(folder)), recorded_flows(folder)
    frames = sum(len(rows) for rows in flows.values())
    told, packets, ids = set(), 0, 0
    for where, event in lines_of(folder):
        if event["event_type"] != "flow":
            continue
        flow = event["flow_balancer"]["flow"]
        if flow in told or flow not in flows:
            findings.add(f"{where}: flow {flow} has {'two records' if flow in told else 'no packet'}")
            continue
        told.add(flow)
        ids += check_flow(where, event, flows[flow], truth, findings)
        packets += event["flow"]["pkts_toserver"] + event["flow"]["pkts_toclient"]
    for flow in sorted(set(flows) - told):
        findings.add(f"{folder}: flow {flow} has no record")
    with open(os.path.join(folder, "report.json"), encoding="utf-8") as file:
        inspected = json.load(file)["ledger"]["inspected"]
    if packets != inspected or packets != frames:
        findings.add(f"{folder}: records have {packets} packets, the ledger {inspected}, and `record` {frames}")
    return len(told), packets, ids


def is_turned(event, rows, truth):
    """Whether the source is the receiver of the flow's first packet, by the truth's addresses: that is a SYN with ACK then."""
    first = truth.get(min(rows)[0])
    if "src_port" not in event or first is None:
        return False
    ends = (first["outer"] if first["inner"] == "=" else first["inner"]).split(",")
    mine = (event["src_ip"], str(event["src_port"]), event["dest_ip"], str(event["dest_port"]))
    return mine == (ends[3], ends[4], ends[1], ends[2]) and mine[:2] != mine[2:]


def truth(captures, out):
    findings, total = Findings(), [0, 0, 0]
    for folder in sorted(glob.glob(os.path.join(out, "*/"))):
        for i, count in enumerate(check_capture(captures, folder.rstrip("/"), findings)):
            total[i] += count
    print("{} flows, {} packets, {} Community IDs".format(*total))
    return findings.status()


# ---- schema


def validator(path):
    try:
        import jsonschema  # pylint: disable=import-outside-toplevel
    except ImportError:
        sys.exit(SKIPPED)
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema), schema


def why(check, event):
    """What is wrong with an event, by the part of the schema for its type."""
    name = f"event_{event.get('event_type')}"
    name = name if name in check.schema["$defs"] else "event_other"
    of_type = check.evolve(schema={"$ref": f"#/$defs/{name}", "$defs": check.schema["$defs"]})
    return next(of_type.iter_errors(event)).message[:300]


def valid(path, out):
    check, _ = validator(path)
    findings, seen = Findings(), collections.Counter()
    for folder in sorted(glob.glob(os.path.join(out, "*/"))):
        for where, event in lines_of(folder.rstrip("/")):
            seen[event.get("event_type")] += 1
            if not check.is_valid(event):
                findings.add(f"{where}: {why(check, event)}")
    print(" ".join(f"{name}={count}" for name, count in sorted(seen.items())))
    return findings.status()


TIME = "2026-11-29T15:58:37.123456+0000"
KEY = {"timestamp": TIME, "flow_id": 5566755282872648, "in_iface": "eth0"}
ENDS = {"vlan": [100, 7], "src_ip": "192.0.2.1", "src_port": 1234, "dest_ip": "192.0.2.2", "dest_port": 80}
ID = {"community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg="}
OURS = {"worker": 0, "incarnation": 1}
FLOW = {**OURS, "flow": 7, "layer": "ip4", "tunnel": {"type": "vxlan", "id": 42}}
MACS = {"src_mac": "00:11:22:33:44:55", "dest_mac": "ff:ff:ff:ff:ff:ff", "ethertype": 2054}
COUNTS = {
    "pkts_toserver": 4, "pkts_toclient": 2, "bytes_toserver": 240, "bytes_toclient": 120, "start": TIME, "end": TIME, "age": 5,
    "state": "bypassed", "bypass": "local", "reason": "forced", "alerted": False,
}  # fmt: skip
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr")
ALERT = {"action": "allowed", "gid": 1, "signature_id": 1000001, "rev": 1, "signature": "x", "category": "", "severity": 3}
TLS = {"version": "TLSv1.2", "ja3": "0123456789abcdef" * 2, "ja3s": "fedcba9876543210" * 2}
NDPI = {
    "flow_risk": {"6": {"risk": "x", "severity": "High", "risk_score": {"total": 100, "client": 90, "server": 10}}},
    "confidence": {"4": "DPI"}, "proto": "TLS.Google", "proto_id": "91.126", "encrypted": 1, "breed": "Acceptable", "category_id": 5,
    "category": "Web", "hostname": "example.org", "tls": TLS, "quic": TLS,
}  # fmt: skip
# Together they have every member that there is.
SAMPLES = [
    {**KEY, "event_type": "flow", **ENDS, "proto": "TCP", "app_proto": "tls", "flow": COUNTS, **ID,
     "tcp": {"tcp_flags": "ff", "tcp_flags_ts": "1b", "tcp_flags_tc": "00", **{flag: True for flag in FLAGS}, "state": "closed"},
     "ndpi": NDPI,
     "flow_balancer": {**FLOW, "end": "verdict", "lost": 1, "redelivered": 1, "malformed": 1, "mid_stream": True, "end_redelivered": True}},
    {**KEY, "event_type": "flow", "src_ip": "2001:db8::1", "dest_ip": "::ffff:1.2.3.4", "proto": "IPv6-ICMP", "icmp_type": 128,
     "icmp_code": 0, "response_icmp_type": 129, "response_icmp_code": 0, "flow": COUNTS, **ID, "flow_balancer": {**FLOW, "end": "closed"}},
    {"timestamp": TIME, "flow_id": 0, "event_type": "flow", "flow": COUNTS,
     "flow_balancer": {**FLOW, "layer": "mac", **MACS, "end": "shutdown"}},
    {"timestamp": TIME, "event_type": "stats", "stats": {"uptime": 8, "decoder": {"pkts": 1, "bytes": 60, "invalid": 0},
     "flow": {"total": 1, "active": 1}}, "flow_balancer": {**OURS, "anomalies_suppressed": 0,
     "sinks": [{"name": "eve-file2", "written": 1, "dropped": 0, "retried": 0}]}},
    {**KEY, "event_type": "anomaly", **ENDS, "proto": "253", **ID, "anomaly": {"type": "decode", "event": "decoder.ipv4.pkt_too_small"},
     "flow_balancer": {**FLOW, **MACS, "frame": 1, "reason": "ip4_short", "suppressed": 3}},
    {**KEY, "event_type": "alert", **ENDS, "proto": "UDP", **ID, "alert": ALERT,
     "flow_balancer": {**FLOW, **MACS, "frame": 1, "inspector": "mine"}},
    {**KEY, "event_type": "heavy", **ENDS, "proto": "UDP", **ID, "heavy": {"bytes": 1},
     "flow_balancer": {**FLOW, **MACS, "frame": 1, "inspector": "mine"}},
]  # fmt: skip


def places(value, path=()):
    """The path of every member and item."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


def parent_of(event, path):
    for key in path[:-1]:
        event = event[key]
    return event


def declared(schema, node, path=()):
    """The path of every member that the schema has, item 0 for each item."""
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for name, inner in node.get("properties", {}).items():
        yield (*path, name)
        yield from declared(schema, inner, (*path, name))
    if "items" in node:
        yield (*path, 0)
        yield from declared(schema, node["items"], (*path, 0))


WRONG = [None, True, False, 1, -1, 1.5, "", "x y", [], ["x"], {}, {"x": 1}]


def same_kind(value, other):
    """Whether another value is as good as the one that is there."""
    if isinstance(value, bool) or isinstance(other, bool):
        return isinstance(value, bool) and isinstance(other, bool)
    if isinstance(value, int):
        return other == 1
    return isinstance(value, str) and isinstance(other, str)


def changes_of(event, path):
    """What may become of one member, with what is to be said of it."""
    key, value = path[-1], parent_of(event, path)[path[-1]]
    if isinstance(key, str):
        renamed = copy.deepcopy(event)
        parent = parent_of(renamed, path)
        parent[key + "_x"] = parent.pop(key)
        yield "under another name", renamed
    for other in WRONG:
        if type(other) is type(value) and not isinstance(value, (dict, list)) and same_kind(value, other):
            continue
        changed = copy.deepcopy(event)
        parent_of(changed, path)[key] = other
        yield f"as {json.dumps(other)}", changed


def is_free(event, path):
    """An inspector's own object may have any name and any members."""
    return path[0] == event["event_type"] and event["event_type"] == "heavy"


def refused(path):
    check, schema = validator(path)
    findings, tried = Findings(), 0
    covered = set()
    for event in SAMPLES:
        if not check.is_valid(event):
            findings.add(f"sample {event['event_type']}: {why(check, event)}")
        of_type = "other" if event["event_type"] == "heavy" else event["event_type"]
        for place in places(event):
            covered.add((of_type, *(0 if isinstance(key, int) else key for key in place)))
            for what, changed in [] if is_free(event, place) else changes_of(event, place):
                tried += 1
                if check.is_valid(changed):
                    findings.add(f"{event['event_type']}: {'.'.join(map(str, place))} {what} is valid")
    for of_type in ("flow", "stats", "anomaly", "alert", "other"):
        for place in declared(schema, schema["$defs"][f"event_{of_type}"]):
            if (of_type, *place) not in covered:
                findings.add(f"no sample of {of_type} has {'.'.join(map(str, place))}")
    print(f"{tried} changes")
    return findings.status()


# ---- Suricata

# What differs, why, and how many flows of the captures at most.
KINDS = {
    "protocol": (109, "it has flows of TCP, UDP, SCTP, ICMP and few others only, and none of frames without IP"),
    "tunnel": (82, "it counts the bytes of the packet inside, and has flows of the packets around it"),
    "fragment": (123, "it counts a datagram that it put together once more"),
    "icmp_error": (25, "it does not count each ICMP error in the flow that it quotes, and has no flow of others"),
    "truncated": (4, "it finds a packet invalid of which not all was captured"),
    "direction": (28, "it turns flows that it takes up in their middle, or by what the application says"),
    "session": (4, "it has no session of what is no connection to it, such as an ACK without data or a RST first"),
    "sequence": (10, "it looks at sequence numbers: a FIN or RST out of the window does not count"),
}
# Flags of a packet, as `record` writes them.
BY_FLAG = [("tunnel", "tunnel"), ("fragment", "fragment"), ("icmp-error", "icmp_error"), ("truncated", "truncated")]
ICMP_ERRORS, ICMP6_ERRORS = (3, 4, 5, 11, 12), (1, 2, 3, 4)
SYN = 2
TIMEOUTS = [
    f"--set=flow-timeouts.{proto}.{prefix}{state}=2000000000"
    for proto in ("default", "tcp", "udp", "icmp") for prefix in ("", "emergency-") for state in ("new", "established", "closed", "bypassed")
]  # fmt: skip
SURICATA = ["/usr/bin/suricata", "-S", "/dev/null", "-k", "none", "--runmode", "single", "--set=stream.midstream=true",
            "--set=vlan.use-for-tracking=false", *TIMEOUTS]  # fmt: skip
RUN_S = 30  # seconds
PACKETS = range(10, 20001)  # of captures that are compared: smaller ones show nothing new, larger ones take long
NOT_COMPARED = {
    "mercury__emix.pcap": "made of captures of many years: time goes back, and its timeouts run out",
    "arkime__arkime_synthetic.pcap": "the same",
    "tcpdump__lspping-fec-rsvp.pcap": "MPLS that Suricata does not open",
    **{name: "Suricata does not know the link type, and does not end"
       for name in ("arkime__icmp-frame-relay.pcap", "tcpdump__OSPFv3_multipoint_adjacencies.pcap")},
    **{name: "it has several interfaces: Suricata does not read it, and does not end"
       for name in ("pcpp__many_interfaces-1.pcapng", "zeek__gap-data-missing.pcapng", "zeek__modify-request.pcapng")},
}


def compared_captures(captures):
    with open(os.path.join(captures, "INDEX.tsv"), encoding="utf-8") as file:
        head, *rows = (line.rstrip("\n").split("\t") for line in file)
    for row in (dict(zip(head, row)) for row in rows):
        if int(row["packets"]) in PACKETS and "malformed" not in row["categories"] and row["file"] not in NOT_COMPARED:
            yield row["file"]


def both(build, captures, out, capture):
    if capture in compared_captures(captures):
        run_both(build, os.path.join(captures, capture), os.path.join(out, capture))
    return 0


def run_both(build, path, out):
    worker = [f"{build}/flow-worker", "--read", path, "--log-level", "error", "--timeout", "all=never", "--inspector", f"record:{out}",
              "--inspector", "flow", "--eve", f"file:{out}/eve-%k.json"]  # fmt: skip
    try:
        for command in (worker, [*SURICATA, "-r", path, "-l", out]):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=RUN_S)
    except subprocess.TimeoutExpired:  # it does not end where it does not know a link type: nothing to compare
        for eve in glob.glob(f"{out}/eve*.json"):
            os.remove(eve)


def flows_in(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [event for event in map(json.loads, file) if event["event_type"] == "flow"]


def ends_of(event):
    """Source and destination, addresses as numbers: Suricata writes out all zeros of IPv6."""
    return [(ipaddress.ip_address(event[f"{side}_ip"]), event.get(f"{side}_port", -1)) for side in ("src", "dest")]


def by_ends(events):
    """Lists of flows by protocol and ends, whichever is the source, and ICMP by type and code."""
    flows = collections.defaultdict(list)
    for event in events:
        if "src_ip" in event:
            flows[(event["proto"], event.get("icmp_type"), event.get("icmp_code"), tuple(sorted(ends_of(event), key=str)))].append(event)
    for events_of_key in flows.values():
        events_of_key.sort(key=lambda event: event["flow"]["start"])
    return flows


def differences(mine, theirs):
    """The names of what differs between two records of one flow."""
    found, turned = set(), ends_of(mine) != ends_of(theirs)
    if turned:
        found.add("direction")
    for what in ("pkts", "bytes"):
        sides = [f"{what}_toserver", f"{what}_toclient"]
        if [mine["flow"][side] for side in sides] != [theirs["flow"][side] for side in (reversed(sides) if turned else sides)]:
            found.add(what)
    return found | {what for what in ("state", "reason") if mine["flow"][what] != theirs["flow"][what]}


def kind_of(found, mine, theirs, seen):
    """What explains the differences, or None; seen: flags of the flow's packets."""
    if found & {"pkts", "bytes"}:
        return next((kind for flag, kind in BY_FLAG if flag in seen), None)
    if "reason" in found:
        return None
    if "direction" in found:
        return "direction" if mine["proto"] == "UDP" or not int(mine["tcp"]["tcp_flags_ts"], 16) & SYN else None
    if "tcp" in mine:
        return "session" if "state" not in theirs["tcp"] else "sequence"
    return None


def lone_kind(event, is_mine, seen):
    """What explains a flow that one of them has alone; seen: flags of its packets, or of the whole capture."""
    if is_mine and event["proto"] not in ("TCP", "UDP", "SCTP", "ICMP", "IPv6-ICMP"):
        return "protocol"
    if is_mine and event.get("icmp_type") in (ICMP_ERRORS if event["proto"] == "ICMP" else ICMP6_ERRORS):
        return "icmp_error"
    return next((kind for flag, kind in BY_FLAG if flag in seen), None)


def compare(out, kinds, findings):
    """Returns how many flows are the same, to the last packet and byte."""
    mine, theirs = flows_in(f"{out}/eve-0.json"), flows_in(f"{out}/eve.json")
    flags = {flow: {flag for *_, words in rows for flag in words.split(",")} for flow, rows in recorded_flows(out).items()}
    everywhere = set().union(*flags.values())
    kinds["protocol"] += sum("src_ip" not in event for event in mine)
    ours, others, same = by_ends(mine), by_ends(theirs), 0
    for key in sorted(set(ours) | set(others), key=str):
        pairs = list(zip(ours[key], others[key]))
        for event, other in pairs:
            found, seen = differences(event, other), flags[event["flow_balancer"]["flow"]]
            kind = kind_of(found, event, other, seen) if found else None
            same += not found
            if kind:
                kinds[kind] += 1
            elif found:
                findings.add(f"{out}: {sorted(found)} of {event} and {other}")
        for event in [*ours[key][len(pairs):], *others[key][len(pairs):]]:
            is_mine = "flow_balancer" in event
            kind = lone_kind(event, is_mine, flags[event["flow_balancer"]["flow"]] if is_mine else everywhere)
            if kind:
                kinds[kind] += 1
            else:
                findings.add(f"{out}: only {'here' if is_mine else 'there'}: {event}")
    return same


def suricata(captures, out):
    findings, kinds, same = Findings(), collections.Counter(), 0
    for capture in compared_captures(captures):
        same += compare(os.path.join(out, capture), kinds, findings)
    print(f"{same} flows are the same")
    for kind, (most, why_so) in KINDS.items():
        print(f"{kinds[kind]} {kind}: {why_so}")
        if kinds[kind] > most:
            findings.add(f"{kind}: {kinds[kind]} flows, at most {most}")
    return findings.status()


CASES = {"both": both, "suricata": suricata, "truth": truth, "valid": valid, "refused": refused}

if __name__ == "__main__":
    sys.exit(CASES[sys.argv[1]](*sys.argv[2:]))
