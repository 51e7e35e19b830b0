# SPDX-License-Identifier: Apache-2.0
"""assay models get, against a stub of a hub."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import hub_stub  # noqa: E402
import live as support  # noqa: E402
from tiny_gguf import gguf  # noqa: E402

REPO = "org/name"


@pytest.fixture
def hub(tmp_path):
    stub = hub_stub.Stub()
    stub.url = f"http://127.0.0.1:{hub_stub.serve(stub).server_port}"
    stub.path = gguf(tmp_path / "tiny.Q4_K_M.gguf")
    stub.reset({"models": {REPO: {"license": "apache-2.0", "files": {"tiny.Q4_K_M.gguf": {"file": str(stub.path)}, "tiny.F16.gguf": {"random": 3_000_000}}}}})
    return stub


def environment(hub, tmp_path, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING_FACE", "LC_", "ASSAY_LOG"))}
    return {**kept, "LANG": "C.UTF-8", "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), **more}


def get(hub, tmp_path, *words, **more):
    command = [support.ASSAY, "models", "get", *words, "--data", str(tmp_path / "data")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(hub, tmp_path, **more))


def test_the_list_says_what_can_be_had(hub, tmp_path):
    done = get(hub, tmp_path, REPO, "--list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and "tiny.Q4_K_M.gguf" in lines[1] and "Q4_K_M" in lines[1] and "taken if you name none" in lines[1]
    assert hub.url in done.stderr and "apache-2.0" in done.stderr
    listed = json.loads(get(hub, tmp_path, REPO, "--list", "--json").stdout)
    assert [c["format"] for c in listed["choices"]] == ["Q4_K_M", "F16"]
    assert not (tmp_path / "data" / "models").exists()


def test_a_model_is_there_and_usable_afterwards(hub, tmp_path):
    done = get(hub, tmp_path, f"{REPO}:Q4_K_M")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "data" / "models" / REPO / hub_stub.COMMIT[:12] / "tiny.Q4_K_M.gguf"
    assert str(path) in done.stdout and "Found 1 model" in done.stdout and path.read_bytes() == hub.path.read_bytes()
    assert done.stderr.index("Asking") < done.stderr.index("Fetching")
    models = subprocess.run([support.ASSAY, "models", "list", "--json", "--data", str(tmp_path / "data")], capture_output=True, text=True, timeout=60)
    assert [m["path"] for m in json.loads(models.stdout)["models"]] == [str(path)]
    again = get(hub, tmp_path, f"{REPO}:Q4_K_M", "--json", "--revision", hub_stub.COMMIT)
    assert again.returncode == 0 and json.loads(again.stdout)["state"] == "done"
    assert len([r for r in hub.requests if "/resolve/" in r["path"]]) == 1


@pytest.mark.parametrize("words, code, part", [
    (["name"], 2, "ORG/NAME"), (["org/none"], 4, "org/none"), ([f"{REPO}:Q5_K_S"], 4, "tiny.F16.gguf"), ([REPO, "--revision", "v9"], 4, "v9"), ([], 2, ""),
], ids=str)
def test_what_cannot_be_had_ends_with_its_code(hub, tmp_path, words, code, part):
    done = get(hub, tmp_path, *words)
    assert done.returncode == code and done.stdout == "" and part in done.stderr, done.stderr


@pytest.mark.parametrize("words", [("no-slash",), ("../../etc/passwd",), ("org/name:..",), ("org/name", "--revision", "a b"), ("https://other.example/org/name",)])
def test_what_is_no_name_is_said_before_anybody_is_asked(hub, tmp_path, words):
    done = get(hub, tmp_path, *words)
    assert done.returncode == 2 and "Asking" not in done.stderr and done.stderr, done.stderr
    assert not hub.requests


def test_a_gated_model_says_what_to_do(hub, tmp_path):
    hub.models[REPO].spec["gated"] = "auto"
    done = get(hub, tmp_path, REPO)
    assert done.returncode == 3
    assert f"then run: assay models get {REPO}" in done.stderr and f"{hub.url}/settings/tokens" in done.stderr
    chinese = get(hub, tmp_path, REPO, "--lang", "zh-TW")
    assert f"再執行：assay models get {REPO}" in chinese.stderr and "Accept" not in chinese.stderr
    hub.token = "hf_x"
    assert get(hub, tmp_path, REPO, HF_TOKEN="hf_x").returncode == 0


def start_slow(hub, tmp_path):
    hub.faults = [{"at": "cdn", "do": "slow", "ms": 1, "stall": 2_500_000}]
    command = [support.ASSAY, "models", "get", f"{REPO}:F16", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(hub, tmp_path))
    part = tmp_path / "data" / "models" / REPO / hub_stub.COMMIT[:12] / "tiny.F16.gguf.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 300_000):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process, part


def test_ctrl_c_keeps_what_came_and_the_same_command_goes_on(hub, tmp_path):
    process, part = start_slow(hub, tmp_path)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 5 and f"assay models get {REPO}:F16" in text
    kept = part.stat().st_size
    assert 300_000 < kept < 3_000_000
    # The bytes are no model, which is said; they are all there, though, and none came twice.
    done = get(hub, tmp_path, f"{REPO}:F16")
    assert done.returncode == 0 and "tiny.F16.gguf" in done.stderr
    assert part.with_suffix("").read_bytes() == hub.models[REPO].files["tiny.F16.gguf"].data
    assert [r["range"] for r in hub.requests if r["server"] == "cdn"] == [None, f"bytes={kept}-"]


def test_kill_9_in_the_middle_leaves_a_part_that_the_same_command_continues(hub, tmp_path):
    process, part = start_slow(hub, tmp_path)
    process.kill()
    process.communicate()
    kept = part.stat().st_size
    done = get(hub, tmp_path, f"{REPO}:F16")
    assert done.returncode == 0
    assert part.with_suffix("").read_bytes() == hub.models[REPO].files["tiny.F16.gguf"].data
    assert [r["range"] for r in hub.requests if r["server"] == "cdn"][-1] == f"bytes={kept}-"


def test_a_running_server_does_it_with_its_own_variables(hub, tmp_path):
    server = support.Live(tmp_path / "data", env=environment(hub, tmp_path)).start()
    try:
        done = get(hub, tmp_path, f"{REPO}:Q4_K_M", HF_ENDPOINT="http://127.0.0.1:1")
        assert done.returncode == 0 and "its own HF_ENDPOINT" in done.stderr
        assert server.call("GET", "/downloads")["downloads"][0]["state"] == "done"
    finally:
        server.stop()
