# SPDX-License-Identifier: Apache-2.0
"""The scripts tell what they do when they are asked, and refuse what they do not know, before they start anything."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from test_cli import needs_model, support

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "script").iterdir() if path.name != "common.sh")


def call(tmp_path, *command):
    """In a made-up home, where nothing that a script would fetch or build is there: what starts anything takes too long."""
    env = {**os.environ, "HOME": str(tmp_path), "ASSAY_CACHE": str(tmp_path / "cache"), "ASSAY_DATA": str(tmp_path / "data")}
    return subprocess.run(command, capture_output=True, text=True, timeout=20, env=env, cwd=tmp_path)


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_the_comment_at_the_head(tmp_path, name, option):
    head = [line for line in (ROOT / "script" / name).read_text().splitlines()[2:] if line.startswith("#")][0]
    done = call(tmp_path, str(ROOT / "script" / name), option)
    assert done.returncode == 0 and not done.stderr, done
    assert done.stdout.startswith(head[2:]), done.stdout
    assert "common.sh" not in done.stdout and "set -euo" not in done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_unknown_option_is_refused(tmp_path, name):
    done = call(tmp_path, str(ROOT / "script" / name), "--ful")
    assert done.returncode == 2 and not done.stdout, done
    assert "--ful" in done.stderr.splitlines()[0], done.stderr
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "cache"])


@pytest.mark.parametrize("words, said", [(["--ful"], "no option --ful"), (["-x", "unit"], "no option -x"),
                                         (["unit", "untt"], "no suite untt"), (["--list", "untt"], "no suite untt")])
def test_the_tests_refuse_what_they_do_not_know(tmp_path, words, said):
    done = call(tmp_path, sys.executable, str(ROOT / "tests" / "run.py"), *words)
    assert done.returncode == 2 and said in done.stderr and not done.stdout, done


def test_the_suites_are_listed(tmp_path):
    done = call(tmp_path, str(ROOT / "script" / "test"), "--list")
    assert done.returncode == 0 and "unit" in done.stdout.split() and "package" in done.stdout.split(), done


def test_words_that_are_known_pass(tmp_path):
    assert call(tmp_path, sys.executable, str(ROOT / "tests" / "run.py"), "--check", "--full", "unit", "ollama").returncode == 0


@needs_model
def test_the_link_of_the_demo_opens_the_validation_that_it_started(tmp_path):
    (tmp_path / "script").mkdir()
    for name in ("demo", "common.sh"):
        shutil.copy(ROOT / "script" / name, tmp_path / "script" / name)
    for name, line in ("setup", ""), ("demo-model", 'echo "$ASSAY_TEST_MODEL"'):
        (tmp_path / "script" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "script" / name).chmod(0o755)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "bin").symlink_to(support.ASSAY.parent)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "checkpoints").symlink_to(ROOT / "demo" / "checkpoints")
    (tmp_path / "demo" / "questions.json").write_text('["Which CPU does the Kestrel K7 use?"]')
    env = {**os.environ, "ASSAY_CACHE": str(tmp_path / "cache"), "ASSAY_DATA": str(tmp_path / "data"), "ASSAY_DEMO_ONCE": "1",
           "ASSAY_PORT": str(support.free_port())}
    for number in 1, 2:
        done = subprocess.run([tmp_path / "script" / "demo"], capture_output=True, text=True, timeout=120, env=env)
        assert done.returncode == 0, done.stderr
        assert re.search(rf"^  Open this link:  http://127\.0\.0\.1:\d+/validate/{number}#s=\w+$", done.stdout, re.M), done.stdout
