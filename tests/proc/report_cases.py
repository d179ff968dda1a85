#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reports against their schema, for proc_report_schema.c.

    valid SCHEMA FILE...     every report is valid
    refused SCHEMA FILE      the schema has what is in a report, all of it, and accepts nothing else

A case prints what it counted, or findings and ends with status 1; 77: it needs python3-jsonschema.
"""

import copy
import json
import sys

from eve_cases import Findings, declared, parent_of, places, validator

WAITS = {
    "samples": 3, "p50_us": 1.0, "p90_us": 2.0, "p99_us": 2.0, "max_us": 2.5, "sum_s": 5e-06, "buckets": [[1024, 2], [2560, 1]],
}  # fmt: skip
FLOW = {
    "flow": 7, "layer": "ip4", "proto": "TCP", "worker": None, "packets": 5, "bytes": 300, "error": 0, "share": 0.5,
    "packets_per_s": 2, "error_per_s": 0, "ended": False,
}  # fmt: skip
# No flow has all of them; together they are what one may have.
ENDS = {
    "src_ip": "192.0.2.1", "dest_ip": "192.0.2.2", "src_port": 1, "dest_port": 2, "src_mac": "00:11:22:33:44:55",
    "dest_mac": "00:11:22:33:44:66",
}  # fmt: skip
# Objects whose keys are not ours: options as they were given, and what inspectors name.
FREE = ("options", "inspectors")
# What may be negative: a link type is any number, and an age is of two clocks; and what may have no member at all.
SIGNED = (("links", 0), ("dispatcher", "heartbeat_age_s"))
EMPTY = (("violations",), ("delays",))
# Among them there is a wrong one for each type.
WRONG = [None, True, -2, 1.5, "x y", [], ["x"], {}, {"x": 1}]


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def valid(schema, *paths):
    check, _ = validator(schema)
    findings = Findings()
    for path in paths:
        for error in check.iter_errors(read(path)):
            findings.add(f"{path}: {'.'.join(map(str, error.path))}: {error.message[:300]}")
    print(f"{len(paths)} reports")
    return findings.status()


def extended(report):
    """With what a report may have, and this one has not."""
    report = copy.deepcopy(report)
    report["delays"] = {stage: WAITS for stage in ("capture_to_dispatch", "dispatch_to_inspection", "inspection")}
    report["largest_flows"] = report["busiest_flows"] = [{**FLOW, **ENDS}]
    report["latency"] = WAITS
    counts = {"received": 1, "kernel_drops": 0, "interface_drops": 0}
    report["capture"]["interfaces"] = [{"name": "eth0", "state": "up", **counts}]
    report["capture"]["pairs"] = [{"forward": "eth0", "reverse": None, "flows": 2, "one_sided": 1, "guessed": 1}]
    report["dispatcher"]["heartbeat_age_s"] = 0.01
    names = ("consumed_back", "consumed_ahead", "cursor_range", "state_value", "fault", "down_side")
    report["violations"] = {name: 1 for name in names}
    report["workers"][0].update(inspectors={"ids": {"alerts": 1}}, inspectors_left_out=1, latency=WAITS, inspection=WAITS)
    return report


def general(path):
    return tuple(0 if isinstance(key, int) else key for key in path)


def as_good(value, other):
    """Whether another value of that place is no mistake that a schema could see."""
    if value is None or other is None:
        return isinstance(value, str) or isinstance(other, str) or value is other
    if isinstance(value, bool) or isinstance(other, bool):
        return isinstance(value, bool) and isinstance(other, bool)
    if isinstance(value, float) and isinstance(other, (int, float)):
        return other >= 0
    return isinstance(value, str) and isinstance(other, str) or isinstance(value, list) and other == []


def is_required(schema, path):
    """Whether the object that has this key must have it."""
    node = schema
    for key in path[:-1]:
        node = resolve(schema, node)
        node = node["items"] if isinstance(key, int) else node["properties"][key]
    return path[-1] in resolve(schema, node).get("required", ())


def resolve(schema, node):
    return schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def changes_of(schema, report, path):
    """What may become of one member, with what is to be said of it."""
    key, value = path[-1], parent_of(report, path)[path[-1]]
    if isinstance(key, str):
        changed = copy.deepcopy(report)
        parent = parent_of(changed, path)
        del parent[key]
        if is_required(schema, path):
            yield "left out", changed
        changed = copy.deepcopy(report)
        parent_of(changed, path)[key + "_x"] = value
        yield "twice, once under another name,", changed
    for other in WRONG:
        if as_good(value, other) or (general(path) in SIGNED and other == -2) or (general(path) in EMPTY and other == {}):
            continue
        changed = copy.deepcopy(report)
        parent_of(changed, path)[key] = other
        yield f"as {json.dumps(other)}", changed


def refused(path, of_run):
    check, schema = validator(path)
    findings, tried, covered = Findings(), 0, set()
    report = extended(read(of_run))
    for error in check.iter_errors(report):
        findings.add(f"{'.'.join(map(str, error.path))}: {error.message[:300]}")
    for place in places(report):
        if general(place) in covered:
            continue
        covered.add(general(place))
        if any(key in FREE for key in place):
            continue
        for what, changed in changes_of(schema, report, place):
            tried += 1
            if check.is_valid(changed):
                findings.add(f"{'.'.join(map(str, place))} {what} is valid")
    for place in declared(schema, schema):
        if place not in covered:
            findings.add(f"no report has {'.'.join(map(str, place))}")
    print(f"{tried} changes")
    return findings.status()


CASES = {"valid": valid, "refused": refused}

if __name__ == "__main__":
    sys.exit(CASES[sys.argv[1]](*sys.argv[2:]))
