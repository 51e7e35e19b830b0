# SPDX-License-Identifier: Apache-2.0
"""What the built programs have against a memory error that is not found in time: a toolchain that drops one of these says nothing."""
import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import live as support  # noqa: E402

PROGRAMS = [pathlib.Path(support.ASSAY), pathlib.Path(support.ASSAY).with_name("assay-worker")]


def readelf(program, *options):
    return subprocess.run(["readelf", "-W", *options, program], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_a_program_is_hardened(program):
    assert re.search(r"Type:\s+DYN", readelf(program, "-h")), "its addresses are random"
    segments = readelf(program, "-l")
    assert "GNU_RELRO" in segments and re.search(r"BIND_NOW|Flags:.*NOW", readelf(program, "-d")), "where its functions are is read-only"
    assert re.search(r"GNU_STACK.*\sRW\s", segments), "its stack is no code"
    assert not re.search(r"LOAD.*\sRWE\s", segments), "what it writes is no code"
    symbols = readelf(program, "--dyn-syms")
    assert "__stack_chk_fail" in symbols, "a stack that was written over ends it"
    assert "__vsnprintf_chk" in symbols, "so does text beyond the end of its buffer"


def test_every_file_of_ours_is_built_for_it():
    """As in compile_commands.json: what is linked does not tell of each file."""
    commands = json.loads((PROGRAMS[0].parent.parent / "compile_commands.json").read_text("utf-8"))
    ours = [c for c in commands if c["file"].startswith(str(ROOT / "src")) and c["file"].endswith((".c", ".cpp"))]
    assert len(ours) > 200
    for command in ours:
        words = command["command"].split()
        for flag in ("-fstack-protector-strong", "-fstack-clash-protection"):
            assert flag in words, command["file"]
        assert any(word in words for word in ("-D_FORTIFY_SOURCE=2", "-D_FORTIFY_SOURCE=3")), command["file"]
        assert ("-D_GLIBCXX_ASSERTIONS" in words) == command["file"].endswith(".cpp"), command["file"]
