# SPDX-License-Identifier: BSD-2-Clause
"""Reads a page of --html: PAGE [REPORT.json [DRAWN]]. Says what is wrong, and nothing else.

The page has to be well-formed, to fetch and to run nothing, and to have the numbers of the report; with a third
argument it has graphs over time. tidy, where it is installed, has to find no error in it.
"""

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

RUN = {"script", "link", "img", "iframe", "object", "embed", "audio", "video", "base", "form"}
# tidy does not know all attributes of an SVG in a page.
UNKNOWN_TO_TIDY = re.compile("proprietary attribute")


def grouped(number):
    return f"{number:,}"


def text_of(element):
    return "".join(element.itertext()).strip()


def rows_of(page, section):
    """The rows of the table of a section, as lists of words."""
    for each in page.iter("section"):
        heading = each.find("h2")
        if heading is not None and text_of(heading) == section:
            return [[text_of(cell) for cell in row] for row in each.iter("tr")]
    return []


def check_alone(page, text):
    for element in page.iter():
        if element.tag in RUN:
            yield f"<{element.tag}>"
        for name, value in element.attrib.items():
            if name in ("src", "href") or name.startswith("on") or ":" in name:
                yield f"{element.tag} {name}={value}"
    for found in re.findall(r"https?:|@import|url\((?!#)", text):
        yield f"'{found}' in the page"


def check_described(page):
    """Each drawing says what it is, or is left out for those who do not see it."""
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    if len(ids) != len(set(ids)):
        yield "an id that is there twice"
    for drawing in page.iter("svg"):
        if drawing.get("role") == "img":
            for label in drawing.get("aria-labelledby").split():
                if label not in ids:
                    yield f"no title {label}"


def check_numbers(page, report):
    ledger, capture = report["ledger"], report["capture"]
    counters = rows_of(page, "Counters")
    wanted = [[key, grouped(value)] for key, value in ledger.items() if key in ("received", "inspected", "quarantined", "in_flight")]
    wanted += [[key, grouped(value)] for key, value in ledger["dropped"].items() if value]
    wanted += [["kernel_drops", grouped(capture["kernel_drops"])], ["created", grouped(report["flows"]["created"])]]
    for pair in wanted:
        if pair not in [row[:2] for row in counters]:
            yield f"the counters have no {pair}"
    workers = {row[0]: row for row in rows_of(page, "Workers")}
    for worker in report["workers"]:
        row = workers.get(str(worker["worker"]), [])
        for key in ("packets", "flows", "max_backlog", "dropped", "restarts"):
            if row and grouped(worker[key]) not in row:
                yield f"worker {worker['worker']} has no {key} {worker[key]}: {row}"
    if len([worker for worker in report["workers"] if worker["entered"]]) > len(workers) - 1:
        yield "workers are missing"


def check_verdict(page, report):
    ledger = report["ledger"]
    lost = sum(ledger["dropped"].values()) + ledger["shunted"] + ledger["quarantined"]
    lost += report["capture"]["kernel_drops"] + report["capture"]["interface_drops"]
    verdict = " ".join(text_of(p) for p in page.iter("p") if "verdict" in p.get("class", ""))
    if "Every packet is accounted for" not in verdict or (f"; {grouped(lost)} " not in verdict):
        yield f"{lost} packets were lost, and the page says: {verdict}"


def check_drawn(page):
    """There are areas over time, and each event that is listed has its number in a mark."""
    if not [path for path in page.iter("path") if "area inspected" in path.get("class", "")]:
        yield "no area of packets that were inspected"
    listed = [int(row[0]) for row in rows_of(page, "Events") if row[0].isdigit()]
    marks = [text_of(text) for text in page.iter("text") if "mark" in text.get("class", "").split()]
    covered = set()
    for mark in marks:
        first, _, last = mark.partition("\u2026")
        covered.update(range(int(first), int(last or first) + 1))
    if not listed or not covered.issuperset(listed[-1:]):
        yield f"events {listed}, marks {marks}"


def check_tidy(path):
    if shutil.which("tidy"):
        said = subprocess.run(["tidy", "-q", "-e", path], capture_output=True, text=True, check=False).stderr
        yield from (line for line in said.splitlines() if not UNKNOWN_TO_TIDY.search(line))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    page = ElementTree.fromstring(text)
    wrong = [*check_alone(page, text), *check_described(page), *check_tidy(sys.argv[1])]
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as file:
            report = json.load(file)
        wrong += [*check_numbers(page, report), *check_verdict(page, report)]
    if len(sys.argv) > 3:
        wrong += check_drawn(page)
    print("\n".join(wrong), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
