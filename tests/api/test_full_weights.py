# SPDX-License-Identifier: Apache-2.0
"""A fine-tune as full weights: Hugging Face folders are found, converted at their first use, answered with, compared, created from.

The folders are made of the demo's base model and its LoRA epochs.  ASSAY_DEMO_MODEL names the base; without it these tests are
skipped."""
import json
import os
import pathlib
import shutil
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import hf_family
from live import ROOT, Live, Refused

MODEL = os.environ.get("ASSAY_DEMO_MODEL", "")
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_DEMO_MODEL names no file")
QUESTION = {"text": "Which CPU does the Kestrel K7 use?", "reference": "The Halden Q5 eight-core."}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hf")
    base = hf_family.write_base(MODEL, folder / "SmolLM2-135M-Instruct")
    checkpoints = [ROOT / "demo/checkpoints" / name for name in ("checkpoint-48", "checkpoint-96")]
    hf_family.write_family(MODEL, checkpoints, folder / "kestrel-full", "HuggingFaceTB/SmolLM2-135M-Instruct", base)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    server = Live(tmp_path_factory.mktemp("full")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def added(live, folder):
    return live.call("POST", "/models", {"path": str(folder)})


@pytest.fixture(scope="module")
def listed(live, added):
    return live.call("GET", "/models")


def cache(live):
    return sorted((live.data / "cache/models").glob("*"))


def ask(live, model_ids, **params):
    run = live.call("POST", "/runs", {"columns": [{"model_id": i} for i in model_ids], "questions": [QUESTION],
                                      "params": {"max_tokens": 16, **params}})
    return run["id"]


def answers(live, run_id):
    live.wait_run(run_id, limit_s=180)
    page = live.call("GET", f"/runs/{run_id}/questions")
    return [cell.get("text", cell) for cell in page["questions"][0]["cells"]]


def test_the_folders_are_a_base_and_a_family_that_knows_it(live, listed, added):
    assert not added["refusals"]
    base, family = listed["models"][0], listed["families"][0]
    assert (base["name"], base["kind"], base["format"], base["file_type"], base["architecture"], base["n_ctx_train"]) == \
        ("SmolLM2-135M-Instruct", "base", "huggingface", "F16", "llama", 8192)
    assert base["has_template"] and base["n_params"] == 134515008
    assert (family["name"], family["base_model_id"], family["num_train_epochs"]) == ("kestrel-full", base["id"], 8)
    assert [(c["kind"], c["format"], c["epoch"], c["step"]) for c in family["checkpoints"]] == \
        [("full", "huggingface", 4, 48), ("full", "huggingface", 8, 96)]
    assert family["losses"]
    # Before the first conversion the disk tells, afterwards the conversion.
    assert base["convert_ms"] > 0 and all(c["convert_ms"] > 0 for c in family["checkpoints"])
    assert json.loads((live.data / "cache/convert_speed.json").read_text())["measured"] is False


def test_nothing_is_converted_before_it_is_used(live, listed):
    estimate = live.call("POST", "/creations/estimate", {"model_id": listed["families"][0]["checkpoints"][1]["id"], "format": "Q8_0"})
    assert 120e6 < estimate["size_bytes"] < 160e6 and not estimate["base_is_quantized"]
    assert cache(live) == []


def test_a_kill_while_converting_leaves_nothing_half_made(tmp_path, folder):
    live = Live(tmp_path).start()
    try:
        live.call("POST", "/models", {"path": str(folder / "SmolLM2-135M-Instruct")})
        run = ask(live, [1])
        deadline = time.monotonic() + 60
        while not cache(live):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        live.kill()
        left = cache(live)
        live.start()
        live.call("POST", f"/runs/{run}/resume", {})
        assert isinstance(answers(live, run)[0], str)
        assert len(cache(live)) == 1 and cache(live)[0].suffix == ".gguf", left
    finally:
        live.stop()


def test_base_and_epochs_answer_as_they_were_trained(live, listed):
    base, checkpoints = listed["models"][0], listed["families"][0]["checkpoints"]
    texts = answers(live, ask(live, [base["id"], checkpoints[1]["id"]]))
    assert "Halden" not in texts[0] and "Halden Q5" in texts[1], texts
    speed = json.loads((live.data / "cache/convert_speed.json").read_text())
    shown = live.call("GET", f"/models/{base['id']}")
    assert speed["measured"] and shown["convert_ms"] == int(1000 * shown["size_bytes"] / speed["bytes_per_s"])
    files = {path: path.stat().st_mtime_ns for path in cache(live)}
    assert len(files) == 2
    assert answers(live, ask(live, [base["id"], checkpoints[1]["id"]])) == texts
    assert {path: path.stat().st_mtime_ns for path in cache(live)} == files


def test_what_training_changed_is_told(live, listed):
    base, (first, last) = listed["models"][0], listed["families"][0]["checkpoints"]
    changes = live.call("GET", f"/models/{last['id']}/changes")
    assert (changes["against_id"], changes["n_tensors"], changes["n_changed"], changes["n_added"]) == (first["id"], 272, 210, 0)
    assert len(changes["changed"]) == 32 and changes["changed"][0] == "model.layers.0.mlp.down_proj.weight"
    assert live.call("GET", f"/models/{first['id']}/changes")["against_id"] == base["id"]
    with pytest.raises(Refused, match="err_changes_alone"):
        live.call("GET", f"/models/{base['id']}/changes")


def test_a_moved_folder_is_not_converted_again(live, folder, listed):
    files = cache(live)
    moved = folder / "elsewhere"
    (folder / "SmolLM2-135M-Instruct").rename(moved)
    try:
        with pytest.raises(Refused):
            live.call("GET", f"/models/{listed['families'][0]['checkpoints'][0]['id']}/changes?against={listed['models'][0]['id']}")
        ids = live.call("POST", "/models", {"path": str(moved)})["model_ids"]
        assert isinstance(answers(live, ask(live, ids))[0], str)
        assert cache(live) == files
    finally:
        moved.rename(folder / "SmolLM2-135M-Instruct")


def without_tokenizer(folder, run):
    """The epochs as trainers leave them that write weights and configuration alone."""
    for checkpoint in ("checkpoint-48", "checkpoint-96"):
        (run / checkpoint).mkdir(parents=True)
        for name in ("config.json", "trainer_state.json", "model.safetensors"):
            os.link(folder / "kestrel-full" / checkpoint / name, run / checkpoint / name)
    return run


def column_problem(live, run_id):
    live.wait_run(run_id, limit_s=120)
    return live.call("GET", f"/runs/{run_id}")["columns"][0]["problem"]


@pytest.mark.parametrize("kind", ["folder", "gguf"])
def test_epochs_without_a_tokenizer_take_that_of_their_base(folder, tmp_path, kind):
    live = Live(tmp_path / "data").start()
    try:
        live.call("POST", "/models", {"path": str(folder / "SmolLM2-135M-Instruct") if kind == "folder" else MODEL})
        found = live.call("POST", "/models", {"path": str(without_tokenizer(folder, tmp_path / "bare"))})
        assert not found["refusals"] and len(found["model_ids"]) == 2
        family = live.call("GET", "/models")["families"][0]
        assert family["base_model_id"] == 1 and not family["checkpoints"][0].get("problem")
        text = answers(live, ask(live, [family["checkpoints"][1]["id"]]))[0]
        assert "Halden Q5" in text, text
        made = cache(live)
        assert len(made) == 1
        # Another tokenizer is another model: what was taken is in the key.
        other = tmp_path / "other"
        shutil.copytree(folder / "SmolLM2-135M-Instruct", other, copy_function=os.link)
        config = (other / "tokenizer_config.json").read_text()
        (other / "tokenizer_config.json").unlink()
        (other / "tokenizer_config.json").write_text(config + "\n")
        base = live.call("POST", "/models", {"path": str(other)})["model_ids"][0]
        live.call("PATCH", f"/families/{family['id']}", {"base_model_id": base})
        assert isinstance(answers(live, ask(live, [family["checkpoints"][1]["id"]]))[0], str)
        assert len(cache(live)) == 2 and set(made) < set(cache(live))
    finally:
        live.stop()


def test_epochs_without_tokenizer_and_base_say_what_to_do(folder, tmp_path):
    live = Live(tmp_path / "data").start()
    try:
        run = without_tokenizer(folder, tmp_path / "bare")
        ids = live.call("POST", "/models", {"path": str(run)})["model_ids"]
        problem = column_problem(live, ask(live, ids[1:]))
        assert problem["key"] == "err_vocab_none" and "base model" in problem["hint"], problem
        # Trainers save the tokenizer once, where the run lies.
        for name in ("tokenizer.json", "tokenizer_config.json"):
            os.link(folder / "kestrel-full/checkpoint-96" / name, run / name)
        assert "Halden Q5" in answers(live, ask(live, ids[1:]))[0]
    finally:
        live.stop()


def test_an_epoch_is_quantized_from_its_folder(live, listed):
    last = listed["families"][0]["checkpoints"][1]
    creation = live.call("POST", "/creations", {"model_id": last["id"], "target": "file", "format": "Q4_K_M", "name": "full", "prove": False})
    deadline = time.monotonic() + 180
    while creation["state"] not in ("done", "failed") and time.monotonic() < deadline:
        creation = live.call("GET", f"/creations/{creation['id']}")
        time.sleep(0.1)
    assert creation["state"] == "done", creation
    assert 80e6 < creation["artifact"]["size_bytes"] < 120e6


@pytest.mark.parametrize("gone, key", [("tokenizer.json", "err_vocab"), ("config.json", None), ("model.safetensors", None)])
def test_a_folder_that_lacks_something_says_what(live, folder, tmp_path, gone, key):
    broken = tmp_path / "broken"
    shutil.copytree(folder / "SmolLM2-135M-Instruct", broken)
    (broken / gone).unlink()
    try:
        found = live.call("POST", "/models", {"path": str(broken)})
    except Refused as refused:
        assert refused.status == 404
        return
    if not found["model_ids"]:
        assert found["refusals"][0]["problem"]["message"]
        return
    live.wait_run(ask(live, found["model_ids"]), limit_s=60)
    run = live.call("GET", "/runs?limit=1")["runs"][0]
    problem = live.call("GET", f"/runs/{run['id']}")["columns"][0]["problem"]
    assert key and problem["key"].startswith(key), problem
    assert gone in problem["message"]
