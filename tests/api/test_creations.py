# SPDX-License-Identifier: Apache-2.0
"""From the epoch that was chosen to a file: merged, quantized, read back, listed, used again, deleted.

ASSAY_TEST_MODEL names the demo's base model; without it these tests are skipped."""
import hashlib
import json
import os
import pathlib
import shutil
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from live import Live, Refused, add_demo

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")

QUESTIONS = [{"text": "Which CPU does the Kestrel K7 use?", "reference": "The Halden Q5 eight-core."},
             {"text": "How long is the warranty?", "reference": "Three years."}]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    server = Live(tmp_path_factory.mktemp("create")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def run(live):
    base, *epochs = add_demo(live, MODEL)
    run = live.call("POST", "/runs", {"columns": [{"model_id": base}, {"model_id": epochs[1]}, {"model_id": epochs[3]}],
                                      "questions": QUESTIONS, "params": {"max_tokens": 16}})
    live.wait_run(run["id"])
    run = live.call("GET", f"/runs/{run['id']}")
    run["models"] = [base, *epochs]
    return run


def create(live, run, column=2, **fields):
    c = run["columns"][column]
    return live.call("POST", "/creations", {"model_id": c["model_id"], "run_id": run["id"], "column_id": c["id"], "target": "file",
                                            "format": "Q4_K_M", "name": "kestrel epoch 8", "prove": False, **fields})


def wait(live, creation, limit_s=120, states=("done", "failed", "cancelled")):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        creation = live.call("GET", f"/creations/{creation['id']}")
        if creation["state"] in states:
            return creation
        time.sleep(0.05)
    raise AssertionError(creation)


def until_empty(folder, limit_s=20):
    """A job's folder is removed beside other work."""
    deadline = time.monotonic() + limit_s
    while any(folder.iterdir()):
        assert time.monotonic() < deadline, list(folder.iterdir())
        time.sleep(0.05)


def states(creation):
    return {step["name"]: step["state"] for step in creation["steps"]}


def test_an_epoch_becomes_a_file_that_answers(live, run):
    creation = wait(live, create(live, run))
    assert creation["state"] == "done", creation
    assert set(states(creation).values()) == {"done"}
    made = creation["artifact"]
    content = pathlib.Path(made["path"]).read_bytes()
    assert content[:4] == b"GGUF" and len(content) == made["size_bytes"]
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    assert creation["result"]["path"] == made["path"] and made["file_name"] == "kestrel-epoch-8.Q4_K_M.gguf"
    origin = made["origin"]
    assert (origin["label"], origin["epoch"], origin["run_id"]) == ("Kestrel bot", 8, run["id"])
    assert len(origin["base_sha256"]) == len(origin["adapter_sha256"]) == 64
    answered = live.call("POST", "/runs", {"columns": [{"model_id": made["model_id"]}], "questions": QUESTIONS[:1],
                                           "params": {"max_tokens": 16}})
    live.wait_run(answered["id"])
    (cell,) = live.cells(answered["id"])
    assert cell["state"] == "done" and cell["text"], cell
    until_empty(live.data / "jobs")


def test_the_same_file_is_never_made_twice(live, run):
    first = wait(live, create(live, run))
    again = wait(live, create(live, run, name="another name"))
    assert again["artifact"]["id"] == first["artifact"]["id"]
    assert states(again)["merge"] == states(again)["quantize"] == states(again)["check"] == "skipped"
    assert len([a for a in live.call("GET", "/artifacts")["artifacts"] if a["format"] == "Q4_K_M"]) == 1


def test_a_file_goes_where_it_is_wanted_and_replaces_nothing_unasked(live, run, tmp_path):
    target = tmp_path / "there" / "bot.gguf"
    missing = wait(live, create(live, run, path=str(target)))
    assert missing["state"] == "failed" and missing["problem"]["key"] == "err_create_no_folder", missing
    assert not target.parent.exists()
    target.parent.mkdir()
    made = wait(live, create(live, run, path=str(target)))
    assert made["state"] == "done" and made["result"]["path"] == str(target), made
    assert hashlib.sha256(target.read_bytes()).hexdigest() == made["artifact"]["sha256"]
    refused = wait(live, create(live, run, path=str(target)))
    assert refused["state"] == "failed" and refused["problem"]["key"] == "err_file_exists", refused
    target.write_bytes(b"old")
    assert wait(live, create(live, run, path=str(target), replace=True))["state"] == "done"
    assert hashlib.sha256(target.read_bytes()).hexdigest() == made["artifact"]["sha256"]
    assert [p.name for p in target.parent.iterdir()] == ["bot.gguf"]


def test_half_precision_is_the_merged_model_itself(live, run):
    made = wait(live, create(live, run, column=1, format="F16", name="merged"))
    assert made["state"] == "done" and states(made)["quantize"] == "skipped", made
    assert made["artifact"]["size_bytes"] > 260e6
    live.call("DELETE", f"/artifacts/{made['artifact']['id']}")
    assert not os.path.exists(made["artifact"]["path"])
    with pytest.raises(Refused) as refused:
        live.call("GET", f"/artifacts/{made['artifact']['id']}")
    assert refused.value.status == 404


def test_a_job_can_be_cancelled_and_tried_again(live, run):
    creation = create(live, run, column=1, format="Q5_K_M", name="cancelled")
    live.call("POST", f"/creations/{creation['id']}/cancel")
    assert wait(live, creation)["state"] == "cancelled"
    with pytest.raises(Refused) as refused:
        live.call("POST", f"/creations/{creation['id']}/cancel")
    assert refused.value.status == 409
    live.call("POST", f"/creations/{creation['id']}/retry")
    again = wait(live, creation)
    assert again["state"] == "done", again
    with pytest.raises(Refused) as refused:
        live.call("POST", f"/creations/{creation['id']}/retry")
    assert refused.value.status == 409
    until_empty(live.data / "jobs")
    live.call("DELETE", f"/creations/{creation['id']}")
    assert os.path.exists(again["artifact"]["path"])


def test_a_deleted_file_is_made_anew(live, run):
    first = wait(live, create(live, run, column=1, format="Q8_0", name="gone"))
    os.unlink(first["artifact"]["path"])
    listed = next(a for a in live.call("GET", "/artifacts")["artifacts"] if a["id"] == first["artifact"]["id"])
    assert not listed["is_there"]
    again = wait(live, create(live, run, column=1, format="Q8_0", name="gone"))
    assert again["artifact"]["id"] == first["artifact"]["id"] and os.path.exists(again["artifact"]["path"])
    assert again["artifact"]["sha256"] == first["artifact"]["sha256"]


def test_another_epoch_over_the_same_file_is_never_taken_for_the_first(live, run, tmp_path):
    target = tmp_path / "bot.gguf"
    eighth = wait(live, create(live, run, path=str(target), format="Q4_0"))
    second = wait(live, create(live, run, column=1, path=str(target), format="Q4_0", replace=True))
    assert eighth["state"] == second["state"] == "done", (eighth, second)
    again = wait(live, create(live, run, format="Q4_0", name="again"))
    assert again["artifact"]["sha256"] == eighth["artifact"]["sha256"] != second["artifact"]["sha256"]
    live.call("DELETE", f"/artifacts/{again['artifact']['id']}")
    assert hashlib.sha256(target.read_bytes()).hexdigest() == second["artifact"]["sha256"]


def test_what_was_trained_anew_since_is_not_taken_for_what_was_validated(live, run, tmp_path):
    folder = tmp_path / "retrained" / "checkpoint-96"
    shutil.copytree(pathlib.Path(__file__).resolve().parent.parent.parent / "demo" / "checkpoints" / "checkpoint-96", folder)
    (model,) = live.call("POST", "/models", {"path": str(folder), "base_model_id": run["models"][0]})["model_ids"]
    validated = live.call("POST", "/runs", {"columns": [{"model_id": model}], "questions": QUESTIONS, "params": {"max_tokens": 8}})
    live.wait_run(validated["id"])
    column = live.call("GET", f"/runs/{validated['id']}")["columns"][0]["id"]
    deadline = time.monotonic() + 60
    while not json.loads(live.call("GET", f"/runs/{validated['id']}/export?format=jsonl", raw=True).split(b"\n")[0])["columns"][0]["adapter_hash"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    wish = {"model_id": model, "run_id": validated["id"], "column_id": column, "target": "file", "format": "Q4_0", "name": "new"}
    refused = wait(live, live.call("POST", "/creations", wish))
    assert refused["state"] == "failed" and refused["problem"]["key"] == "err_create_changed", refused


def test_a_setting_of_the_adapter_makes_another_file(live, run, tmp_path):
    folder = tmp_path / "alpha" / "checkpoint-96"
    shutil.copytree(pathlib.Path(__file__).resolve().parent.parent.parent / "demo" / "checkpoints" / "checkpoint-96", folder)
    (model,) = live.call("POST", "/models", {"path": str(folder), "base_model_id": run["models"][0]})["model_ids"]
    wish = {"model_id": model, "target": "file", "format": "Q4_0", "name": "alpha"}
    first = wait(live, live.call("POST", "/creations", wish))
    config = json.loads((folder / "adapter_config.json").read_text())
    config["lora_alpha"] *= 2
    (folder / "adapter_config.json").write_text(json.dumps(config))
    second = wait(live, live.call("POST", "/creations", wish))
    assert first["state"] == second["state"] == "done", (first, second)
    assert first["artifact"]["sha256"] != second["artifact"]["sha256"] and first["artifact"]["id"] != second["artifact"]["id"]


def test_assays_own_files_and_models_are_not_overwritten(live, run):
    for path, key in ((live.data / "assay.db", "err_path_is_ours"), (MODEL, "err_path_is_model")):
        refused = wait(live, create(live, run, path=str(path), replace=True))
        assert refused["state"] == "failed" and refused["problem"]["key"] == key, refused
    assert pathlib.Path(MODEL).read_bytes()[:4] == b"GGUF"


def test_runs_wait_while_a_job_computes_and_then_go_on(live, run):
    creation = create(live, run, column=1, format="Q6_K", name="beside")
    other = live.call("POST", "/runs", {"columns": [{"model_id": run["models"][0]}], "questions": QUESTIONS, "params": {"max_tokens": 8}})
    assert wait(live, creation)["state"] == "done"
    assert live.wait_run(other["id"])["state"] == "done"


@pytest.mark.parametrize("fields,status,key", [
    ({"format": "Q4_K_XXL"}, 400, "err_format_unknown"),
    ({"format": "IQ1_S"}, 400, "err_format_imatrix"),
    ({"column_id": 999999}, 400, "err_create_column"),
    ({"run_id": 999999}, 404, "err_run_not_found"),
    ({"model_id": 999999}, 404, "err_model_not_found"),
    ({"path": "not/absolute.gguf"}, 400, "err_path_absolute"),
    ({"target": "moon"}, 400, "err_field_choice"),
])
def test_a_wrong_wish_gets_a_sentence(live, run, fields, status, key):
    with pytest.raises(Refused) as refused:
        create(live, run, **fields)
    assert refused.value.status == status and key in refused.value.body


def test_standing_counts_wins_against_the_base(live, run):
    cells = live.cells(run["id"])
    live.call("PUT", f"/cells/{cells[2]['id']}/vote", {"liked": True})  # question 1, epoch 8
    live.call("PUT", f"/cells/{cells[3]['id']}/vote", {"liked": True})  # question 2, base
    live.call("PUT", f"/cells/{cells[5]['id']}/vote", {"liked": True})  # question 2, epoch 8
    standing = live.call("GET", f"/runs/{run['id']}/standing")
    base, epoch2, epoch8 = standing["columns"]
    assert standing["opponent"] == base["label"] and standing["recommended_column_id"] == epoch8["column_id"]
    assert (epoch8["n_likes"], epoch8["n_wins"], epoch8["n_losses"]) == (2, 1, 0)
    assert (epoch2["n_wins"], epoch2["n_losses"], epoch2["win_rate"]) == (0, 1, 0)
    assert epoch8["win_rate"] == 1 and abs(epoch8["low"] - 0.2065) < 1e-3 and epoch8["high"] == 1
    assert sorted(m["epoch"] for m in standing["unvalidated"]) == [1, 4]


def test_an_estimate_says_size_memory_and_disk(live, run):
    made = wait(live, create(live, run))["artifact"]
    estimate = live.call("POST", "/creations/estimate", {"model_id": run["models"][4], "format": "Q4_K_M"})
    assert abs(estimate["size_bytes"] / made["size_bytes"] - 1) < 0.02
    assert estimate["base_is_quantized"] and estimate["base_format"] == "Q4_0" and estimate["hint"]
    assert estimate["disk_needed_bytes"] > estimate["size_bytes"] < estimate["memory_bytes"]
    names = [f["name"] for f in live.call("GET", "/formats")["formats"]]
    assert {"Q4_K_M", "Q5_K_M", "Q8_0", "F16"} <= set(names)


def rows(proof):
    return {row["name"]: row for row in proof["rows"]}


def test_the_quality_check_tells_a_close_copy_from_a_coarse_one(live, run):
    close = wait(live, create(live, run, format="Q8_0", name="close", prove=True), limit_s=300)
    coarse = wait(live, create(live, run, format="Q2_K", name="coarse", prove=True), limit_s=300)
    assert close["state"] == coarse["state"] == "done", (close, coarse)
    near, far = close["artifact"]["proof"], coarse["artifact"]["proof"]
    assert near["verdict"] == "same" and "Same quality" in near["advice"], near
    assert far["verdict"] == "worse" and far["suggested_format"] == "Q8_0" and "Q8_0" in far["advice"], far
    assert rows(near)["mean_kld"]["after"] < 0.02 < 0.06 < rows(far)["mean_kld"]["after"]
    assert rows(near)["same_top"]["after"] > rows(far)["same_top"]["after"]
    assert rows(near)["f1_difference"]["verdict"] == "undecided"  # two questions prove nothing
    assert near["control_format"] is None and far["control_format"] == "Q8_0"
    assert abs(rows(far)["mean_kld"]["control"] - rows(near)["mean_kld"]["after"]) < 1e-6
    assert near["n_questions"] == 2 and near["n_tokens"] > 10 and near["size_after"] > far["size_after"]
    assert near["tokens_per_s_after"] > 0
    # Both stand side by side in a validation of their own: the stored answers beside the new ones.
    beside = live.call("GET", f"/runs/{near['run_id']}")
    assert beside["state"] == "done" and [c["n_done"] for c in beside["columns"]] == [2, 2]
    stored = [cell["text"] for cell in live.cells(run["id"])[2::3]]
    assert [cell["text"] for cell in live.cells(near["run_id"])[0::2]] == stored
    # The comment in the file's template changes no prompt.
    first = live.cells(near["run_id"])[:2]
    prompts = [live.call("GET", f"/cells/{cell['id']}/prompt")["prompt"] for cell in first]
    assert prompts[0] == prompts[1] and "<|im_start|>" in prompts[0]
    # The report of the validation tells it too.
    report = live.call("GET", f"/runs/{run['id']}/export?format=html&lang=en", raw=True).decode()
    assert near["advice"] in report and "mean KL divergence" in report and close["artifact"]["sha256"] in report
    # What was checked is not checked again.
    again = wait(live, create(live, run, format="Q8_0", name="again", prove=True))
    assert states(again)["proof"] == "skipped" and again["artifact"]["proof"] == near


def test_an_importance_matrix_comes_from_the_validation(live, run):
    made = wait(live, create(live, run, format="Q3_K_M", name="weighted", imatrix=True))
    assert made["state"] == "done" and states(made)["imatrix"] == "done", made
    assert made["artifact"]["settings"]["imatrix"]
    plain = wait(live, create(live, run, format="Q3_K_M", name="plain"))
    assert plain["artifact"]["id"] != made["artifact"]["id"] and plain["artifact"]["sha256"] != made["artifact"]["sha256"]


def test_the_chosen_epoch_becomes_a_workspace(live, run):
    made = wait(live, create(live, run, target="workspace", name="Kestrel help"))
    assert made["state"] == "done", made
    workspace = live.call("GET", f"/workspaces/{made['result']['workspace_id']}")
    assert workspace["name"] == "Kestrel help" and workspace["model_id"] == made["artifact"]["model_id"]
    assert workspace["params"]["temperature"] == 0 and workspace["run_id"] == run["id"]
    with pytest.raises(Refused) as refused:
        live.call("DELETE", f"/artifacts/{made['artifact']['id']}")
    assert refused.value.status == 409
    live.call("DELETE", f"/workspaces/{workspace['id']}")


def test_a_check_can_be_cancelled(live, run):
    creation = create(live, run, column=1, format="Q4_0", name="stopped", prove=True)
    deadline = time.monotonic() + 120
    while states(live.call("GET", f"/creations/{creation['id']}")).get("proof") != "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    live.call("POST", f"/creations/{creation['id']}/cancel")
    ended = wait(live, creation)
    assert ended["state"] == "cancelled" and states(ended)["proof"] == "cancelled"
    assert ended["artifact"]["proof"] is None  # the file is there, whole, and not proven
    assert os.path.exists(ended["artifact"]["path"])


def test_another_try_of_the_check_takes_the_place_of_the_first(live, run):
    def runs():
        return [r["id"] for r in live.call("GET", "/runs")["runs"] if r["name"] == "tried twice · Q8_0"]

    creation = create(live, run, column=1, format="Q8_0", name="tried twice", prove=True)
    deadline = time.monotonic() + 400
    while not (first := runs()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    live.call("POST", f"/creations/{creation['id']}/cancel")
    assert wait(live, creation)["state"] == "cancelled"
    live.call("POST", f"/creations/{creation['id']}/retry")
    again = wait(live, creation, 400)
    assert again["state"] == "done" and again["artifact"]["proof"], again
    assert runs() == [again["artifact"]["proof"]["run_id"]] != first


def test_a_proof_asks_conversations_whole(live, run):
    questions = [{"text": "Which CPU does the Kestrel K7 use?"}, {"text": "Say that again.", "follows": 0}, {"text": "Say hi."}]
    models = run["models"]
    asked = live.call("POST", "/runs", {"columns": [{"model_id": models[0]}, {"model_id": models[1]}], "questions": questions,
                                        "params": {"max_tokens": 6}})
    live.wait_run(asked["id"])
    asked = live.call("GET", f"/runs/{asked['id']}")
    done = wait(live, create(live, asked, column=1, format="Q8_0", name="turns", prove=True), limit_s=300)
    assert done["state"] == "done", done
    proof = live.call("GET", "/runs")["runs"][0]
    page = live.call("GET", f"/runs/{proof['id']}/questions")["questions"]
    assert [(q["text"], q.get("follows")) for q in page] == [(questions[0]["text"], None), ("Say hi.", None), ("Say that again.", 0)]
    assert all(cell["state"] == "done" for q in page for cell in q["cells"])
    prompt = live.call("GET", f"/cells/{page[2]['cells'][1]['id']}/prompt")["prompt"]
    assert page[0]["cells"][1]["text"].strip() in prompt
