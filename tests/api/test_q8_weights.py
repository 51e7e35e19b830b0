# SPDX-License-Identifier: Apache-2.0
"""Weights of 16 bits used as 8-bit Q8_0: made once, told apart from the stored ones everywhere, killed at any moment, chosen and
taken back.

The base is the demo's as a Hugging Face folder and as an F16 GGUF.  ASSAY_DEMO_MODEL names the demo's base; without it these
tests are skipped."""
import csv
import fcntl
import hashlib
import io
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import hf_family
from live import ASSAY, ROOT, Live, Refused

MODEL = os.environ.get("ASSAY_DEMO_MODEL", "")
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_DEMO_MODEL names no file")
NAME = "SmolLM2-135M-Instruct"
QUESTIONS = [{"text": "Which CPU does the Kestrel K7 use?", "reference": "The Halden Q5 eight-core."}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("q8")
    hf_family.write_base(MODEL, folder / NAME)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def f16(folder):
    """The same base as an F16 GGUF."""
    path = folder / f"{NAME}.F16.gguf"
    subprocess.run([ASSAY, "models", "convert", folder / NAME, "--out", path], check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    server = Live(tmp_path_factory.mktemp("q8server")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ids(live, f16):
    """The base, and the last epoch on it."""
    base = live.call("POST", "/models", {"path": str(f16)})["model_ids"][0]
    live.call("POST", "/models", {"path": str(ROOT / "demo/checkpoints"), "base_model_id": base, "name": "Kestrel bot"})
    return base, live.call("GET", "/models")["families"][0]["checkpoints"][-1]["id"]


def cache(live):
    return sorted((live.data / "cache/models").glob("*"))


def ask(live, model_ids, questions=None, columns=None, **params):
    columns = columns or [{"model_id": i} for i in model_ids]
    return live.call("POST", "/runs", {"columns": columns, "questions": questions or QUESTIONS, "seed": 7,
                                       "params": {"max_tokens": 12, **params}})["id"]


def done(live, run_id):
    run = live.wait_run(run_id, limit_s=180)
    assert [c["state"] for c in run["columns"]] == ["done"] * len(run["columns"]), run
    return run


def answers(live, run_id):
    done(live, run_id)
    return [cell["text"] for cell in live.cells(run_id)]


def export(live, run_id, form, lang="en"):
    return live.call("GET", f"/runs/{run_id}/export?format={form}&lang={lang}", raw=True).decode("utf-8-sig")


def columns_of(live, run_id):
    return json.loads(export(live, run_id, "jsonl").splitlines()[0])["columns"]


def cli(live, *words, expect=0):
    result = subprocess.run([ASSAY, *words, "--data", live.data, "--lang", "en"], capture_output=True, text=True)
    assert result.returncode == expect, result.stderr
    return result.stdout


def test_what_it_would_take_is_told_before_it_is_chosen(live, ids, f16):
    base = live.call("GET", f"/models/{ids[0]}")
    assert base["weights"] == "stored" and base["file_type"] == "F16"
    assert 0.52 < base["q8_size_bytes"] / f16.stat().st_size < 0.54
    assert "q8_size_bytes" not in live.call("GET", f"/models/{ids[1]}")
    quantized = live.call("GET", "/models/%d" % live.call("POST", "/models", {"path": MODEL})["model_ids"][0])
    assert quantized["weights"] == "stored" and "q8_size_bytes" not in quantized
    with pytest.raises(Refused, match="err_weights_not"):
        live.call("PATCH", f"/models/{quantized['id']}", {"weights": "q8_0"})
    with pytest.raises(Refused, match="err_weights_not"):
        live.call("PATCH", f"/models/{ids[1]}", {"weights": "q8_0"})
    with pytest.raises(Refused, match="err_weights_not"):
        ask(live, [quantized["id"]], weights="q8_0")
    with pytest.raises(Refused, match="err_field_choice"):
        ask(live, [ids[0]], weights="q4_0")


def test_a_run_uses_them_for_all_columns_of_the_base_and_says_so_everywhere(live, ids, f16):
    stored = ask(live, ids)
    assert "Halden" in answers(live, stored)[1]
    assert cache(live) == []
    run_id = ask(live, ids, weights="q8_0")
    texts = answers(live, run_id)
    assert "Halden" in texts[1], texts
    made = cache(live)
    assert len(made) == 1 and 0.5 < made[0].stat().st_size / f16.stat().st_size < 0.56
    with made[0].open() as file, pytest.raises(BlockingIOError):  # the worker has it: it gives way to nothing
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    check, = [c for c in live.call("GET", "/doctor")["checks"] if c["name"] == "cache"]
    assert f"{made[0].stat().st_size / 2**30:.1f} GiB" in check["message"] and str(made[0].parent) in check["message"], check
    run = live.call("GET", f"/runs/{run_id}")
    assert [c["params"]["weights"] for c in run["columns"]] == ["q8_0", "q8_0"]
    before, after = columns_of(live, stored), columns_of(live, run_id)
    assert "weights" not in before[0]["params"] and after[0]["params"]["weights"] == "q8_0"
    assert before[0]["model_hash"] and after[0]["model_hash"] and before[0]["model_hash"] != after[0]["model_hash"]
    assert before[1]["adapter_hash"] == after[1]["adapter_hash"]
    assert [c["title"] for c in after][0].endswith(" · 8-bit (Q8_0)") and "8-bit" not in before[0]["title"]
    for form in ("html", "csv", "junit"):
        assert "weights=q8_0" in export(live, run_id, form) and "weights=" not in export(live, stored, form)
    assert "8-bit (Q8_0)" in next(csv.reader(io.StringIO(export(live, run_id, "csv"))))[0] + export(live, run_id, "csv")
    assert "8 位元（Q8_0）" in export(live, run_id, "html", "zh-TW")
    assert "8-bit (Q8_0)" in cli(live, "runs", "show", str(run_id)) and "8-bit" not in cli(live, "runs", "show", str(stored))


def test_they_are_made_once_and_by_what_the_file_holds(live, ids, f16):
    files = {path: path.stat().st_mtime_ns for path in cache(live)}
    assert len(files) == 1
    first = answers(live, ask(live, ids, weights="q8_0"))
    assert {path: path.stat().st_mtime_ns for path in cache(live)} == files
    elsewhere = f16.with_name("elsewhere.gguf")
    elsewhere.hardlink_to(f16)
    other = live.call("POST", "/models", {"path": str(elsewhere)})["model_ids"][0]
    assert answers(live, ask(live, [other], weights="q8_0")) == first[:1]
    assert {path: path.stat().st_mtime_ns for path in cache(live)} == files


def test_the_choice_of_a_base_is_kept_and_a_run_keeps_its_own(live, ids):
    assert live.call("PATCH", f"/models/{ids[0]}", {"weights": "q8_0"})["weights"] == "q8_0"
    assert "used as 8-bit (Q8_0)" in cli(live, "models", "weights", "Kestrel bot")
    run_id = ask(live, ids)
    assert {c["params"]["weights"] for c in live.call("GET", f"/runs/{run_id}")["columns"]} == {"q8_0"}
    assert {c["params"]["weights"] for c in live.call("GET", f"/runs/{ask(live, ids, weights='stored')}")["columns"]} == {"stored"}
    assert "used as stored (F16" in cli(live, "models", "weights", "kestrel@8", "stored")
    assert live.call("GET", f"/models/{ids[0]}")["weights"] == "stored"
    done(live, run_id)
    # what is asked later is answered with the same weights
    live.call("POST", f"/runs/{run_id}/questions", {"questions": [{"text": "Say hello."}]})
    assert {c["params"]["weights"] for c in done(live, run_id)["columns"]} == {"q8_0"}
    assert cli(live, "runs", "replay", str(run_id))
    replayed = live.call("GET", "/runs?limit=1")["runs"][0]["id"]
    assert {c["params"]["weights"] for c in live.call("GET", f"/runs/{replayed}")["columns"]} == {"q8_0"}


def test_one_base_has_one_kind_of_weights_in_a_run(live, ids):
    with pytest.raises(Refused, match="err_weights_mixed"):
        ask(live, [], columns=[{"model_id": ids[0]}, {"model_id": ids[1], "params": {"weights": "q8_0"}}])


def test_failed_columns_are_tried_again_with_8_bit_weights(live, ids, f16):
    hidden = f16.with_name("hidden")
    f16.rename(hidden)
    try:
        failed = live.wait_run(ask(live, ids))
        assert {c["state"] for c in failed["columns"]} == {"failed"}
    finally:
        hidden.rename(f16)
    live.call("POST", f"/runs/{failed['id']}/retry", {"column_id": failed["columns"][1]["id"], "weights": "q8_0"})
    again = live.wait_run(failed["id"])
    assert [c["params"]["weights"] for c in again["columns"]] == ["q8_0", "q8_0"]
    assert [c["state"] for c in again["columns"]] == ["done", "done"]
    with pytest.raises(Refused, match="err_weights_answered"):
        live.call("POST", f"/runs/{failed['id']}/retry", {"column_id": failed["columns"][1]["id"], "weights": "stored"})


def test_automatic_validation_tells_its_answers_apart_too(live, ids):
    def select(**params):
        one = live.call("POST", "/selections", {"model_ids": list(ids), "questions": QUESTIONS, "judge": "none",
                                                "params": {"max_tokens": 12, **params}})
        deadline = time.monotonic() + 180
        while one["state"] not in ("done", "failed", "stopped") and time.monotonic() < deadline:
            one = live.call("GET", f"/selections/{one['id']}")
            time.sleep(0.05)
        assert one["state"] == "done", one
        return one

    stored, first, second = select(), select(weights="q8_0"), select(weights="q8_0")
    assert (stored["n_q8"], first["n_q8"], second["n_q8"]) == (0, 2, 2)
    assert second["n_reused"] == second["n_answers"] == 2
    texts = [[c["text"] for c in live.cells(one["run_id"])] for one in (first, second)]
    assert texts[0] == texts[1]
    report = live.call("GET", f"/selections/{second['id']}/report?format=html&lang=en", raw=True).decode()
    assert "2 of 2 columns answered with 8-bit (Q8_0) weights" in report
    sources = {c["reused_run_id"] for c in live.cells(second["run_id"])}
    weights = {w["params"]["weights"] for run in sources for w in live.call("GET", f"/runs/{run}")["columns"]}
    assert weights == {"q8_0"}


def test_a_new_model_is_made_from_the_stored_weights_and_its_proof_says_what_it_compares(live, ids, f16):
    run_id = ask(live, ids, weights="q8_0")
    run = done(live, run_id)
    creation = live.call("POST", "/creations", {"model_id": ids[0], "run_id": run_id, "column_id": run["columns"][0]["id"],
                                                "target": "file", "format": "Q8_0", "name": "from 8-bit"})
    deadline = time.monotonic() + 600
    while creation["state"] not in ("done", "failed") and time.monotonic() < deadline:
        creation = live.call("GET", f"/creations/{creation['id']}")
        time.sleep(0.1)
    assert creation["state"] == "done", creation
    artifact = creation["artifact"]
    assert artifact["proof"]["source_weights"] == "q8_0" and artifact["proof"]["reference_weights"] == "stored"
    assert "8-bit (Q8_0) weights" in artifact["proof"]["advice"]
    columns = live.call("GET", f"/runs/{artifact['proof']['run_id']}")["columns"]
    assert [c["params"]["weights"] for c in columns] == ["q8_0", "stored"]
    assert artifact["origin"]["run_weights"] == "q8_0"
    assert artifact["origin"]["base_sha256"] == hashlib.sha256(f16.read_bytes()).hexdigest()
    # llama.cpp has quantized the F16 file; what was made for the validation has the same bytes
    theirs, ours = hf_family.Gguf(artifact["path"]), hf_family.Gguf(cache(live)[0])
    assert set(ours.tensors) == set(theirs.tensors)
    for name, (shape, kind, at) in ours.tensors.items():
        assert (shape, kind) == theirs.tensors[name][:2], name
        size = int(np.prod(shape)) * {0: 32 * 4, 8: 34}[kind] // 32
        start, other = ours.start + at, theirs.start + theirs.tensors[name][2]
        assert (ours.bytes[start:start + size] == theirs.bytes[other:other + size]).all(), name


def test_a_chat_with_the_stored_weights_and_a_run_with_the_others_take_turns(live, ids):
    workspace = live.call("POST", "/workspaces", {"model_id": ids[0], "name": "chat", "params": {"max_tokens": 8}})
    run_id = ask(live, ids, questions=[{"text": f"What is {n} + {n}?"} for n in range(6)], weights="q8_0")
    chat = live.call("POST", f"/workspaces/{workspace['id']}/chats", {})
    message = live.call("POST", f"/chats/{chat['id']}/messages", {"text": "Say hello."})
    done(live, run_id)
    deadline = time.monotonic() + 120
    answer = {"state": ""}
    while answer["state"] not in ("done", "failed", "stopped") and time.monotonic() < deadline:
        answer = live.call("GET", f"/chats/{chat['id']}")["messages"][-1]
        time.sleep(0.05)
    assert answer["role"] == "assistant" and answer["state"] == "done" and answer["text"], (message, answer)


def test_a_judge_and_a_check_of_belonging_use_them_where_they_were_chosen(tmp_path, f16):
    live = Live(tmp_path).start()
    try:
        base = live.call("POST", "/models", {"path": str(f16)})["model_ids"][0]
        live.call("POST", "/models", {"path": str(ROOT / "demo/checkpoints"), "base_model_id": base, "name": "Kestrel bot"})
        live.call("PATCH", f"/models/{base}", {"weights": "q8_0"})
        shutil.copyfile(MODEL, tmp_path / "other.gguf")
        candidates = [live.call("POST", "/models", {"path": str(path)})["model_ids"][0] for path in (MODEL, tmp_path / "other.gguf")]
        selection = live.call("POST", "/selections", {"model_ids": candidates, "questions": [{"text": "Say hello."}],
                                                      "judge_model_id": base, "params": {"max_tokens": 4}})
        deadline = time.monotonic() + 120
        while not any(path.suffix == ".gguf" for path in cache(live)):
            assert time.monotonic() < deadline
            assert live.call("GET", f"/selections/{selection['id']}")["state"] in ("waiting", "running"), "judged without them"
            time.sleep(0.02)
        live.call("POST", f"/selections/{selection['id']}/stop")

        family = live.call("GET", "/models")["families"][0]["id"]
        live.call("POST", "/question-sets", {"name": "kestrel", "questions": [{**q, "text": f"{q['text']} ({i})"}
                                                                             for i in range(8) for q in QUESTIONS]})
        match = live.call("POST", f"/families/{family}/match", {})
        while match["state"] in ("waiting", "running"):
            assert time.monotonic() < deadline, match
            time.sleep(0.05)
            match = live.call("GET", f"/families/{family}/match")
        assert match["state"] == "done" and match["items"][0]["result"]["n_answers"] == 8, match
        database = sqlite3.connect(live.data / "assay.db")
        stored, q8 = database.execute("SELECT sha256, q8_sha256 FROM model WHERE id = ?", (base,)).fetchone()
        database.close()
        assert not stored and q8.split()[0] == hashlib.sha256(cache(live)[0].read_bytes()).hexdigest()
        # It is known of the model, however it is used.
        for weights in ("q8_0", "stored"):
            live.call("PATCH", f"/models/{base}", {"weights": weights})
            assert live.call("GET", "/models")["families"][0]["belonging"]["check"]["n_answers"] == 8, weights
    finally:
        live.stop()


def test_a_kill_while_they_are_made_leaves_nothing_half_made(tmp_path, f16):
    live = Live(tmp_path).start()
    try:
        model = live.call("POST", "/models", {"path": str(f16)})["model_ids"][0]
        run = ask(live, [model], weights="q8_0")
        deadline = time.monotonic() + 60
        while not cache(live):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        live.kill()
        left = cache(live)
        live.start()
        live.call("POST", f"/runs/{run}/resume", {})
        assert "" not in answers(live, run)
        assert [path.suffix for path in cache(live)] == [".gguf"], left
    finally:
        live.stop()


def test_a_folder_becomes_8_bit_at_once(tmp_path, folder, f16):
    live = Live(tmp_path).start()
    try:
        model = live.call("POST", "/models", {"path": str(folder / NAME)})["model_ids"][0]
        seen = set()
        run = ask(live, [model], weights="q8_0")
        while live.call("GET", f"/runs/{run}")["state"] not in ("done", "failed"):
            column = live.call("GET", f"/runs/{run}")["columns"][0]
            seen |= {"converting"} if column.get("is_converting") else set()
        assert "" not in answers(live, run)
        assert len(cache(live)) == 1 and 0.5 < cache(live)[0].stat().st_size / f16.stat().st_size < 0.56
        assert seen == {"converting"}
    finally:
        live.stop()
