#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A Prometheus server is asked, for proc_prometheus.c.

    value URL EXPR                prints the number that the server has, or nothing
    expressions URL DASHBOARD     every expression of the dashboard has an answer, of metrics that there are
    rules URL RULES               the server has evaluated every rule, of metrics that there are

A case prints findings and ends with status 1.
"""

import json
import re
import sys
import time
import urllib.parse
import urllib.request

DEADLINE_S = 60  # a watchdog, not a measurement
METRIC = re.compile(r"\bflow_balancer_\w+")
# What a report has of some runs only: of interfaces, of pairs of them, and waiting times.
OPTIONAL = re.compile(
    r"flow_balancer_(interface_(received|kernel_drops|interface_drops)_total|interface_state|pair_(flows|one_sided|guessed)_total"
    r"|(delay|worker_latency|worker_inspection)_seconds_(bucket|sum|count))"
)
# Also without those there may be nothing: no state but one has a worker, every frame decoded, and only one inspector counts.
MAY_BE_EMPTY = ("flow_balancer_frames_decoded_total", 'inspector!~"eve-.*"')


def get(url, path, **query):
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(query)}", timeout=DEADLINE_S) as answer:
        return json.load(answer)["data"]


def ask(url, expr):
    return get(url, "/api/v1/query", query=expr)["result"]


def value(url, expr):
    try:
        found = ask(url, expr)
    except OSError:
        return 0  # not yet
    print(found[0]["value"][1] if found else "")
    return 0


def concrete(expr):
    return expr.replace("$__rate_interval", "30s").replace("$balancer", ".*")


def walk(node):
    """Every expression in a dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for inner in node.values():
            yield from walk(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from walk(inner)


def unknown(url, expr):
    """Metrics of an expression that there are not, so that it would never say anything."""
    known = set(get(url, "/api/v1/label/__name__/values"))
    return [name for name in METRIC.findall(expr) if name not in known and not OPTIONAL.fullmatch(name)]


def has_answer(url, expr, deadline):
    """A rate needs two samples."""
    while not ask(url, expr):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def report(findings, count, what):
    for finding in findings:
        print(finding)
    print(f"{count} {what}, {len(findings)} findings")
    return 1 if findings or not count else 0


def expressions(url, path):
    with open(path, encoding="utf-8") as file:
        found = list(walk(json.load(file)))
    findings = []
    for expr in map(concrete, found):
        missing = unknown(url, expr)
        if missing:
            findings.append(f"there is no {', '.join(missing)}: {expr}")
        is_free = OPTIONAL.search(expr) or any(part in expr for part in MAY_BE_EMPTY) or "changes(" in expr
        if is_free:
            ask(url, expr)  # it is understood
        elif not has_answer(url, expr, time.monotonic() + DEADLINE_S):
            findings.append(f"nothing is found: {expr}")
    return report(findings, len(found), "expressions")


def rules_of(url):
    return [rule for group in get(url, "/api/v1/rules")["groups"] for rule in group["rules"]]


def rules(url, path):
    with open(path, encoding="utf-8") as file:
        wanted = file.read().count("- alert:")
    deadline = time.monotonic() + DEADLINE_S
    while any(rule["health"] == "unknown" for rule in rules_of(url)) and time.monotonic() < deadline:
        time.sleep(0.2)
    found = rules_of(url)
    findings = [f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}" for rule in found if rule["health"] != "ok"]
    findings += [f"{rule['name']}: there is no {', '.join(unknown(url, rule['query']))}" for rule in found if unknown(url, rule["query"])]
    findings += [f"{rule['name']} fires" for rule in found if rule["state"] != "inactive"]
    if len(found) != wanted:
        findings.append(f"{len(found)} rules, not {wanted}")
    return report(findings, len(found), "rules")


CASES = {"value": value, "expressions": expressions, "rules": rules}

if __name__ == "__main__":
    sys.exit(CASES[sys.argv[1]](*sys.argv[2:]))
