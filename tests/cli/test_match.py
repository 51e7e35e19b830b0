# SPDX-License-Identifier: Apache-2.0
"""`assay models check` and `assay models template`: does an adapter belong to its base, and how is it asked?

ASSAY_TEST_MODEL names the demo's base model; without it these tests are skipped."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import live as support  # noqa: E402
from wrong_base import wrong_base  # noqa: E402

ROOT = support.ROOT
MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")
TRAIN = ROOT / "demo" / "train.jsonl"


def assay(*words, data):
    env = {**{k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL", "LC_MESSAGES", "ASSAY_LOG")}, "LANG": "C.UTF-8"}
    return subprocess.run([support.ASSAY, *map(str, words), "--data", str(data)], capture_output=True, text=True, timeout=300, env=env)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("match")
    assert assay("models", "add", MODEL, data=folder / "data").returncode == 0
    shutil.copytree(ROOT / "demo" / "checkpoints" / "checkpoint-96", folder / "bot" / "checkpoint-96")
    added = assay("models", "add", folder / "bot", data=folder / "data")
    assert added.returncode == 0, added.stderr
    return folder / "data"


def test_a_check_needs_answers_and_says_that_it_fits(data):
    without = assay("models", "check", "bot", data=data)
    assert without.returncode == 2 and "Give the file that it was trained on" in without.stderr
    shown = assay("models", "show", "bot", data=data)
    assert "only the name says so" in shown.stdout and "Chat template: from the base model" in shown.stdout

    checked = assay("models", "check", "bot@8", "--training", TRAIN, data=data)
    assert checked.returncode == 0, checked.stderr
    assert "epoch 8: It fits" in checked.stdout and "32 of 32 answers from train.jsonl" in checked.stdout
    assert "verified" in assay("models", "show", "bot", data=data).stdout
    assert "已確認相符" in assay("models", "show", "bot@8", "--lang", "zh-TW", data=data).stdout
    assert assay("models", "check", "SmolLM2-135M-Instruct.Q4_0", "--training", TRAIN, data=data).returncode == 2
    assert assay("models", "check", "nobody", data=data).returncode == 4
    assert assay("models", "check", "bot", "--training", "/nowhere.jsonl", data=data).returncode == 4


def test_a_wrong_base_of_the_same_shapes_is_exit_code_1(data, tmp_path):
    wrong_base(pathlib.Path(MODEL), tmp_path / "thing.gguf", seed=11)
    for name in ("checkpoint-12", "checkpoint-96"):
        shutil.copytree(ROOT / "demo" / "checkpoints" / name, tmp_path / "stray" / name)
    added = assay("models", "add", tmp_path / "stray", "--base", tmp_path / "thing.gguf", data=data)
    assert added.returncode == 0, added.stderr
    assert "only the sizes fit" in assay("models", "show", "stray", data=data).stdout
    checked = assay("models", "check", "stray", "--training", TRAIN, "--all", "--json", data=data)
    assert checked.returncode == 1, checked.stderr
    items = json.loads(checked.stdout)["items"]
    assert [item["epoch"] for item in items] == [1, 8]
    assert {item["result"]["verdict"] for item in items} == {"does_not_fit"}
    assert "They did not." in assay("models", "show", "stray", data=data).stdout


def test_a_template_is_shown_and_chosen_and_a_replay_keeps_the_one_it_had(data, tmp_path):
    questions = tmp_path / "questions.json"
    questions.write_text('["Which CPU does the Kestrel K7 use?", "Hello?"]', "utf-8")
    run = assay("run", questions, "--model", "bot@8", "--max-tokens", "8", "--json", data=data)
    assert run.returncode == 0, run.stderr
    chosen = assay("models", "template", "bot", "llama3", data=data)
    assert chosen.returncode == 0 and "preset llama3" in chosen.stdout and "differs" in chosen.stdout
    other = assay("run", questions, "--model", "bot@8", "--max-tokens", "8", "--json", data=data)
    runs = [json.loads(r.stdout) for r in (run, other)]
    assert runs[0]["columns"][0]["params"]["template"] == "" and "<|start_header_id|>" in runs[1]["columns"][0]["params"]["template"]
    # Both were asked differently, and each is asked again as it was.
    for one in runs:
        replay = assay("runs", "replay", one["id"], "--json", data=data)
        assert replay.returncode == 0 and json.loads(replay.stdout)["identical"], replay.stdout + replay.stderr
    assert assay("models", "template", "bot", "vicuna", data=data).returncode == 2
    back = assay("models", "template", "bot", "auto", "--json", data=data)
    assert json.loads(back.stdout)["source"] == "base" and json.loads(back.stdout)["choice"] == ""


def test_a_template_of_ones_own_is_tried_and_used_and_the_trainers_settings_are_shown(data, tmp_path):
    (tmp_path / "own.jinja").write_text("{% for m in messages %}Q: {{ m.content }}\nA:{% endfor %}", "utf-8")
    tried = assay("models", "template", "bot", "--file", tmp_path / "own.jinja", "--question", "Why?", data=data)
    assert tried.returncode == 0 and tried.stdout == "Q: Why?\nA:\n", tried.stdout + tried.stderr
    assert "<|im_start|>user\nWhy?" in assay("models", "template", "bot", "--question", "Why?", data=data).stdout
    (tmp_path / "wrong.jinja").write_text("{% for m in messages %}", "utf-8")
    wrong = assay("models", "template", "bot", "--file", tmp_path / "wrong.jinja", data=data)
    assert wrong.returncode == 4 and "chat template" in wrong.stderr
    (tmp_path / "endless.jinja").write_text("{% for i in range(99999999) %}{% for k in range(99999999) %}x{% endfor %}{% endfor %}", "utf-8")
    endless = assay("models", "template", "bot", "--file", tmp_path / "endless.jinja", data=data)
    assert endless.returncode != 0 and "template" in endless.stderr
    assert assay("models", "template", "bot", "--file", "/nowhere.jinja", data=data).returncode == 4
    # With "own" it is kept, where it can be used.
    for words in (["own"], ["own", "--file", "/nowhere.jinja"], ["own", "--file", tmp_path / "wrong.jinja"], ["own", "--file", tmp_path / "endless.jinja"]):
        refused = assay("models", "template", "bot", *words, data=data)
        assert refused.returncode != 0 and refused.stdout == "" and refused.stderr, words
    assert "from the base model" in assay("models", "template", "bot", data=data).stdout
    kept = assay("models", "template", "bot", "own", "--file", tmp_path / "own.jinja", data=data)
    assert kept.returncode == 0 and kept.stdout.startswith("Chat template: own text\n") and "differs" in kept.stdout, kept.stdout + kept.stderr
    assert assay("models", "template", "bot", "--question", "Why?", data=data).stdout == "Q: Why?\nA:\n"
    assert json.loads(assay("models", "template", "bot", "auto", "--json", data=data).stdout)["source"] == "base"
    questions = tmp_path / "one.json"
    questions.write_text('["Why?"]', "utf-8")
    run = assay("run", questions, "--model", f"bot@8,stop=A,stop=Q,template={tmp_path / 'own.jinja'}", "--max-tokens", "4", "--num-ctx", "64",
                "--json", data=data)
    params = json.loads(run.stdout)["columns"][0]["params"]
    assert (params["stop"], params["num_ctx"], params["template"][:8]) == (["A", "Q"], 64, "{% for m"), run.stderr
    folder = tmp_path / "left"
    shutil.copytree(ROOT / "demo" / "checkpoints" / "checkpoint-96", folder / "checkpoint-96")
    (folder / "Modelfile").write_text('FROM .\nPARAMETER stop "</s>"\nPARAMETER num_ctx 2048\nPARAMETER temperature 0.5\n')
    assert assay("models", "add", folder, "--base", "SmolLM2-135M-Instruct.Q4_0", data=data).returncode == 0
    shown = assay("models", "show", "left", data=data).stdout
    assert 'Settings of the Modelfile: {"temperature":0.5,"stop":["</s>"],"num_ctx":2048}' in shown, shown
