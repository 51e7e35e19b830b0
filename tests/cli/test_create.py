# SPDX-License-Identifier: Apache-2.0
"""`assay create`: from an epoch to a file on the command line."""
import json
import pathlib
import signal
import subprocess
import time

import pytest

from test_cli import KESTREL, assay, demo, environment, needs_model, questions, support  # noqa: F401

pytestmark = needs_model


@pytest.fixture(scope="module")
def run(demo, tmp_path_factory):  # noqa: F811
    path = tmp_path_factory.mktemp("questions") / "questions.json"
    path.write_text(json.dumps(["Which CPU does the Kestrel K7 use?"]), "utf-8")
    ran = assay("run", path, "--model", f"{KESTREL}@base", "--model", f"{KESTREL}@8", "--max-tokens", 16, "--json", data=demo)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)["id"]


def test_a_column_becomes_a_file(demo, run, tmp_path):  # noqa: F811
    out = tmp_path / "bot.gguf"
    made = assay("create", "--run", run, "--column", 2, "--no-proof", "--out", out, data=demo)
    assert made.returncode == 0, made.stderr
    assert made.stdout == f"{out}\n" and out.read_bytes()[:4] == b"GGUF"
    assert "Merging" in made.stderr and "Quantizing" in made.stderr and "Q4_K_M" in made.stderr
    answer = assay("ask", "Which CPU does the Kestrel K7 use?", "--model", out, "--max-tokens", 16, data=demo)
    assert answer.returncode == 0 and answer.stdout.strip(), answer.stderr


def test_a_model_without_a_validation_gets_a_name_of_its_own(demo):  # noqa: F811
    made = assay("create", "--model", f"{KESTREL}@4", "--format", "q8_0", "--json", data=demo)
    assert made.returncode == 0, made.stderr
    creation = json.loads(made.stdout)
    assert pathlib.Path(creation["result"]["path"]).name == "kestrel-bot-epoch4.Q8_0.gguf"
    assert creation["artifact"]["format"] == "Q8_0" and not creation["prove"]


@pytest.mark.parametrize("words,code,text", [
    ([], 2, "--run"),
    (["--run", 1, "--model", "x"], 2, "--run"),
    (["--model", "x", "--column", 1], 2, "--column"),
    (["--run", 999], 4, "999"),
    (["--model", "x", "--strict"], 2, "--strict"),
    (["--model", f"{KESTREL}@8", "--format", "Q4_K_XXL"], 2, "Q4_K_XXL"),
    (["--model", f"{KESTREL}@3"], 4, "3"),
])
def test_a_slip_is_told(demo, run, words, code, text):  # noqa: F811
    refused = assay("create", *words, data=demo)
    assert refused.returncode == code, (refused.returncode, refused.stderr)
    assert text in refused.stderr and not refused.stdout


def test_without_thumbs_no_column_is_chosen(demo, run):  # noqa: F811
    refused = assay("create", "--run", run, data=demo)
    assert refused.returncode == 2 and "--column" in refused.stderr, refused.stderr
    assert "沒有人按讚" in assay("create", "--run", run, "--lang", "zh-TW", data=demo).stderr


def test_ctrl_c_leaves_nothing_half_made(demo):  # noqa: F811
    process = subprocess.Popen([support.ASSAY, "create", "--model", f"{KESTREL}@2", "--format", "Q5_K_M", "--data", str(demo)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    for line in process.stderr:
        if "Merging" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 5
    deadline = time.monotonic() + 10
    while any((demo / "jobs").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not list((demo / "jobs").iterdir())
    assert not [p for p in (demo / "artifacts").iterdir() if "Q5_K_M" in p.name or p.suffix == ".part"]


def test_the_ollama_of_the_command_line_gets_the_model(demo):  # noqa: F811
    from ollama_stub import Stub, serve
    stub = Stub("0.34.0")
    server = serve(stub)
    url = f"http://127.0.0.1:{server.server_port}"
    env = environment(OLLAMA_HOST="127.0.0.1:1")
    wish = ["create", "--model", f"{KESTREL}@4", "--format", "q8_0", "--to", "ollama", "--ollama", f"{url}/"]
    try:
        for name in ("first", "second"):  # the second time it is an AI provider already
            made = assay(*wish, "--name", name, "--json", data=demo, env=env)
            assert made.returncode == 0, made.stderr
            assert json.loads(made.stdout)["result"]["ollama_name"] == f"{name}:latest" in stub.models
        listed = json.loads(assay("providers", "list", "--json", data=demo, env=env).stdout)["providers"]
        assert [p["url"] for p in listed if p["kind"] == "ollama"] == ["http://127.0.0.1:1", url]
    finally:
        server.shutdown()
        server.server_close()
    alone = assay("create", "--model", f"{KESTREL}@4", "--ollama", url, data=demo)
    assert alone.returncode == 2 and "--to ollama" in alone.stderr
    wrong = assay("create", "--model", f"{KESTREL}@4", "--to", "ollama", "--ollama", "127.0.0.1", data=demo)
    assert wrong.returncode == 2 and "http://" in wrong.stderr
