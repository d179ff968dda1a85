# SPDX-License-Identifier: BSD-2-Clause
"""What users compile against stays as it is: the public headers and the library against what was recorded of them.

RECORD has a line for each member of a struct, with its place, each value of an enum and each function. A line
that is gone or differs breaks what was compiled before; a new one has to be recorded, with a new minor version:
scripts/lint --record-interface.
"""

import os
import re
import subprocess
import tempfile

HEADERS = ["include/flow_balancer/consumer.h", "include/flow_balancer/inspector.h"]
PUBLIC = {*HEADERS, "include/flow_balancer/flow.h"}
RECORD = "scripts/lint_rules/interface.txt"
MAP = "worker/consumer/libflowbalancer.map"


def check(tree):
    if not os.path.exists(os.path.join(tree.root, HEADERS[0])) or not tree.have_tool("gcc"):
        return
    text = read_headers(tree)
    check_map(tree, text)
    recorded = read_record(tree)
    now = facts(tree, text)
    for name, what in recorded.items():
        if has_grown(what, now.get(name, "")):
            tree.report(RECORD, 1, f"{name} has grown: record it with scripts/lint --record-interface, and raise the minor version")
        elif now.get(name) != what:
            have = f"is now {now[name]}" if name in now else "is gone"
            tree.report(RECORD, 1, f"{name} was {what} and {have}: that breaks what was compiled against it")
    for name in now:
        if name not in recorded:
            tree.report(RECORD, 1, f"{name} is new: record it with scripts/lint --record-interface, and raise the minor version")


def has_grown(before, now):
    """Whether a struct has members behind those it had: it is handed out by pointer, or says its size."""
    sizes = [re.fullmatch(r"(\d+) bytes", what) for what in (before, now)]
    return all(sizes) and int(sizes[1][1]) > int(sizes[0][1])


def read_headers(tree):
    """The public headers without comments and macros; of other headers nothing."""
    lines = []
    for header in HEADERS:
        argv = ["gcc", "-E", "-Iinclude", header]
        done = subprocess.run(argv, cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        ours = False
        for line in done.stdout.splitlines():
            marker = re.match(r'# \d+ "(.*?)"', line)
            if marker:
                ours = marker[1] in PUBLIC
            elif ours:
                lines.append(line)
    return " ".join(" ".join(lines).split())


def check_map(tree, text):
    declared = set(re.findall(r"\b(fb_consumer_\w+)\(", text))
    with open(os.path.join(tree.root, MAP), encoding="utf-8") as file:
        exported = set(re.findall(r"^ +(fb_\w+);", file.read(), re.M))
    for name in sorted(declared ^ exported):
        where = "consumer.h, but is not exported" if name in declared else f"{MAP}, but not declared"
        tree.report(MAP, 1, f"{name} is in {where}")


def facts(tree, text):
    """Name -> what is recorded of it."""
    found, places, values = {}, [], []
    for match in re.finditer(r"\b(\w[\w *]*?)\b(fb_consumer_\w+)\(([^)]*)\);", text):
        found[f"{match[2]}()"] = " ".join(f"{match[1]}({match[3]})".split())
    for struct, body in re.findall(r"struct (\w+) \{([^{}]*)\};", text):
        places.append((struct, None))
        for member, kind in members(body):
            places.append((struct, member))
            found[f"{struct}.{member}"] = kind
    for enum, body in re.findall(r"enum (\w+) \{([^{}]*)\};", text):
        names = [re.match(r"\w+", value.strip())[0] for value in body.split(",") if value.strip()]
        # A list grows at its end: how long it is is no promise.
        values += [(enum, name) for name in names if not name.endswith("_COUNT")]
    for name, what in measure(tree, places, values).items():
        found[name] = f"{found[name]} {what}" if name in found else what
    return found


def members(body):
    for declaration in body.split(";"):
        declaration = re.sub(r"__attribute__ ?\(\(.*\)\)", "", declaration).strip()
        pointer = re.match(r"(.*?)\(\*(\w+)\)(\(.*\))$", declaration)
        if pointer:
            yield pointer[2], f"{pointer[1].strip()} (*){pointer[3]}"
        elif declaration:
            kind, first, rest = re.match(r"(.*?[ *])(\w+(?:\[\w+\])?)((?:, \w+)*)$", declaration).groups()
            for name in [first, *rest.split(",")]:
                array = re.match(r"(\w+)(\[\w+\])?", name.strip())
                if array:
                    yield array[1], kind.strip() + (array[2] or "")


def measure(tree, places, values):
    """Where members are and what values are, as the compiler has it."""
    lines = [f'#include "{header[len("include/"):]}"' for header in HEADERS]
    lines += ["#include <stddef.h>", "#include <stdio.h>", "int main(void) {"]
    for struct, member in places:
        if member is None:
            lines.append(f'printf("{struct}: %zu bytes\\n", sizeof(struct {struct}));')
        else:
            at = f"offsetof(struct {struct}, {member}), sizeof((struct {struct} *)0)->{member}"
            lines.append(f'printf("{struct}.{member}: at %zu, %zu bytes\\n", {at});')
    lines += [f'printf("{enum} {name}: %lld\\n", (long long){name});' for enum, name in values]
    with tempfile.TemporaryDirectory(prefix="lint-interface.") as folder:
        program = os.path.join(folder, "program")
        with open(program + ".c", "w", encoding="utf-8") as file:
            file.write("\n".join([*lines, "return 0; }", ""]))
        argv = ["gcc", "-I", os.path.join(tree.root, "include"), "-o", program, program + ".c"]
        subprocess.run(argv, check=True)
        done = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)
    return dict(line.split(": ", maxsplit=1) for line in done.stdout.splitlines())


def read_record(tree):
    try:
        with open(os.path.join(tree.root, RECORD), encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file if not line.startswith("#")]
    except FileNotFoundError:
        lines = []
    return dict(line.split(": ", maxsplit=1) for line in lines)


def record(tree):
    lines = [f"{name}: {what}\n" for name, what in facts(tree, read_headers(tree)).items()]
    with open(os.path.join(tree.root, RECORD), "w", encoding="utf-8") as file:
        file.writelines(["# What was compiled against inspector interface 1.0 and libflowbalancer 1.0 relies on.\n", *lines])


HEADER = "#include <stdint.h>\nstruct fb_p {\n    uint32_t a, b;\n    int (*f)(void *);\n};\nint fb_consumer_x(int a);\n"
MAPPED = "V {\nglobal:\n    fb_consumer_x;\n};\n"
GOOD = {
    HEADERS[0]: HEADER,
    HEADERS[1]: "enum fb_e { FB_A, FB_B };\n",
    MAP: MAPPED,
    RECORD: "fb_consumer_x(): int (int a)\nfb_p: 16 bytes\nfb_p.a: uint32_t at 0, 4 bytes\nfb_p.b: uint32_t at 4, 4 bytes\n"
    "fb_p.f: int (*)(void *) at 8, 8 bytes\nfb_e FB_A: 0\nfb_e FB_B: 1\n",
}
CASES = [
    ("member moved", RECORD, {**GOOD, HEADERS[0]: HEADER.replace("a, b", "b, a")}, "fb_p.a was"),
    ("member's type", RECORD, {**GOOD, HEADERS[0]: HEADER.replace("uint32_t a", "int32_t a")}, "fb_p.a was"),
    ("member gone", RECORD, {**GOOD, HEADERS[0]: HEADER.replace(", b", "")}, "fb_p.b was"),
    ("value changed", RECORD, {**GOOD, HEADERS[1]: "enum fb_e { FB_A, FB_C, FB_B };\n"}, "fb_e FB_B was 1"),
    ("value new", RECORD, {**GOOD, HEADERS[1]: "enum fb_e { FB_A, FB_B, FB_C };\n"}, "fb_e FB_C is new"),
    ("arguments", RECORD, {**GOOD, HEADERS[0]: HEADER.replace("int a);", "long a);")}, "fb_consumer_x() was"),
    ("not exported", MAP, {**GOOD, MAP: "V {\n};\n"}, "fb_consumer_x is in consumer.h"),
    ("not declared", MAP, {**GOOD, MAP: MAPPED.replace("x;", "x;\n    fb_consumer_y;")}, "fb_consumer_y is in worker"),
]
ALLOWED = [("interface", GOOD)]
