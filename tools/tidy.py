#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy - small rules that no compiler checks: licence lines, documented prototypes, unfinished marks, who includes llama.cpp.

    tidy.py        exit 1 and one line for each break
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LICENSED = {".c", ".h", ".cpp", ".py", ".ts", ".svelte", ".css", ".sql", ".cmake"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
PROTOTYPE = re.compile(r"^(?!static|typedef|#|\s|/|\}|struct \w+ \{|enum \w* ?\{|extern)[\w].*\(.*", re.M)
DOCUMENTED_MIN = 0.80


def tracked():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in out.stdout.splitlines() if (ROOT / line).is_file()]


def licence_breaks(files):
    for path in files:
        is_script = path.parent.name in ("script", ".ci") and path.suffix == ""
        if (path.suffix in LICENSED or is_script) and "tools/cstyle.py" not in str(path) and "demo" not in path.parts:
            if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(path.read_text("utf-8", "replace").splitlines()[:4]):
                yield f"{path.relative_to(ROOT)}: no SPDX line"


def unfinished(files):
    for path in files:
        if path.suffix in LICENSED and path.name not in ("tidy.py", "cstyle.py"):
            for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
                if UNFINISHED.search(line):
                    yield f"{path.relative_to(ROOT)}:{number}: unfinished: {line.strip()[:80]}"


def undocumented(files):
    """A comment must end on the line above a prototype, share its line, or head the block of prototypes it stands in."""
    total, missing = 0, []
    for path in files:
        if path.suffix != ".h" or "src" not in path.parts:
            continue
        lines = path.read_text("utf-8").splitlines()
        for number, line in enumerate(lines):
            if not PROTOTYPE.match(line) or "(" not in line or line.endswith(("{", "\\")):
                continue
            total += 1
            above = number - 1
            while above >= 0 and lines[above].strip() and "*/" not in lines[above]:
                above -= 1
            if not (above >= 0 and "*/" in lines[above]) and "/*" not in line:
                missing.append(f"{path.relative_to(ROOT)}:{number + 1}: prototype without a comment")
    share = 1 - len(missing) / total if total else 1
    print(f"tidy: {share:.0%} of {total} prototypes documented")
    return missing if share < DOCUMENTED_MIN else []


def foreign_includes(files):
    for path in files:
        if path.suffix in (".c", ".h", ".cpp") and "worker" not in path.parts and "src" in path.parts:
            if re.search(r'#include [<"](llama|ggml|gguf|common|chat)\.h', path.read_text("utf-8", "replace")):
                yield f"{path.relative_to(ROOT)}: only src/worker may include llama.cpp"


def main():
    files = tracked()
    breaks = [*licence_breaks(files), *unfinished(files), *undocumented(files), *foreign_includes(files)]
    for line in breaks:
        print(line)
    return 1 if breaks else 0


if __name__ == "__main__":
    sys.exit(main())
