# SPDX-License-Identifier: Apache-2.0
"""Model files that are damaged, that shrink while they are in use, and models that want more memory than there is: the column
fails with a sentence, its neighbours go on, and so does the server."""
import json
import math
import os
import pathlib
import shutil
import signal
import struct
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import gguf_places  # noqa: E402
import live as support  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
MAPPED = os.environ.get("ASSAY_DEMO_MODEL", "")  # its weights stay in the file; those of the other are copied when it is loaded
needs_mapped = pytest.mark.skipif(not MAPPED, reason="ASSAY_DEMO_MODEL names no model")
pytestmark = pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")
QUESTIONS = ["Why is the sky blue?", "What is two plus two?", "Who are you?"]


@pytest.fixture
def server(tmp_path):
    live = support.Live(tmp_path / "data").start()
    yield live
    assert live.process.poll() is None, "the server died"
    live.stop()


def add(server, path, **more):
    return server.call("POST", "/models", {"path": str(path), **more})["model_ids"][0]


def answer(server, ids, questions=QUESTIONS, **params):
    """A run of these models to its end, and its cells by column."""
    run = server.call("POST", "/runs", {"columns": [{"model_id": i} for i in ids], "questions": questions,
                                        "params": {"max_tokens": 6, **params}})
    run = server.wait_run(run["id"], 120)
    page = server.call("GET", f"/runs/{run['id']}/questions?limit=1000")
    return run, list(zip(*(question["cells"] for question in page["questions"])))


# --- weights that are no numbers ---

def test_a_model_with_a_weight_that_is_no_number_is_refused_by_its_tensor(server, tmp_path):
    """Such a number need not be seen in what is computed: this model's answers would only be other ones."""
    one_scale = struct.pack("<e", math.nan)  # of a block of 32 weights
    broken = [gguf_places.copy_with(MODEL, tmp_path / "norm.gguf", "output_norm.weight", struct.pack("<f", math.inf)),
              gguf_places.copy_with(MODEL, tmp_path / "block.gguf", "blk.7.ffn_down.weight", one_scale)]
    ids = [add(server, path) for path in (*broken, MODEL)]
    for _ in range(2):  # it is not forgotten
        run, columns = answer(server, ids)
        assert run["state"] == "done"
        for column, tensor in zip(run["columns"], ("output_norm.weight", "blk.7.ffn_down.weight")):
            assert (column["state"], column["problem"]["key"]) == ("failed", "err_values"), column
            assert tensor in column["problem"]["message"] and column["problem"]["hint"]
        assert all(c["state"] == "failed" for c in columns[0] + columns[1])
        assert all(c["state"] == "done" and c["text"] for c in columns[2]), "the other column was answered"


def test_a_conversation_with_such_a_model_fails_with_the_same_sentence(server, tmp_path):
    broken = gguf_places.copy_with(MODEL, tmp_path / "nan.gguf", "output_norm.weight", struct.pack("<f", math.nan))
    workspace = server.call("POST", "/workspaces", {"name": "w", "model_id": add(server, broken)})
    chat = server.call("POST", f"/workspaces/{workspace['id']}/chats", {})
    server.call("POST", f"/chats/{chat['id']}/messages", {"text": "Who are you?"})
    deadline = time.monotonic() + 60
    while (last := server.call("GET", f"/chats/{chat['id']}")["messages"][-1])["state"] not in ("done", "failed"):
        assert time.monotonic() < deadline, last
        time.sleep(0.05)
    assert (last["state"], last["problem"]["key"]) == ("failed", "err_values"), last


@pytest.mark.parametrize("params", [{}, {"temperature": 0.8, "top_p": 0.9}, {"repeat_penalty": 1.1}], ids=["likeliest", "drawn", "penalties"])
def test_a_model_that_computes_no_numbers_fails_its_cells_with_a_sentence(server, tmp_path, params):
    """Its weights are numbers, but too large ones."""
    broken = gguf_places.copy_with(MODEL, tmp_path / "huge.gguf", "output_norm.weight", struct.pack("<576f", *[3e38] * 576))
    ids = [add(server, broken), add(server, MODEL)]
    run, (bad, good) = answer(server, ids, **params)
    assert run["state"] == "done"
    assert [(c["state"], c["problem"]["key"]) for c in bad] == [("failed", "err_logits")] * len(QUESTIONS)
    assert "not numbers" in bad[0]["problem"]["message"] and bad[0]["problem"]["hint"]
    assert all(c["state"] == "done" and c["text"] for c in good), "the other column was answered"


def adapter_with(folder, value):
    """The demo's first epoch, in which one number is another one."""
    shutil.copytree(support.ROOT / "demo/checkpoints/checkpoint-12", folder)
    path = folder / "adapter_model.safetensors"
    data = bytearray(path.read_bytes())
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    name = sorted(n for n in header if n.endswith("lora_B.weight"))[0]
    value = {"F32": struct.pack("<f", value), "F16": struct.pack("<e", value), "BF16": struct.pack("<f", value)[2:]}[header[name]["dtype"]]
    at = 8 + size + header[name]["data_offsets"][0]
    data[at:at + len(value)] = value
    path.write_bytes(data)
    return name


def test_an_adapter_with_a_value_that_is_no_number_is_refused_by_its_tensor(server, tmp_path):
    base = add(server, MODEL)
    tensor = adapter_with(tmp_path / "checkpoint-12", math.nan)
    ids = [add(server, tmp_path / "checkpoint-12", base_model_id=base), base]
    run, (bad, good) = answer(server, ids)
    problem = run["columns"][0]["problem"]
    assert run["columns"][0]["state"] == "failed" and problem["key"] == "err_values", run["columns"][0]
    assert tensor in problem["message"] and problem["hint"]
    assert all(c["state"] == "failed" for c in bad) and all(c["state"] == "done" for c in good)


# --- files that change while they are in use ---

MANY = [f"Tell me about the number {n}." for n in range(24)]


def begin(server, *paths, max_tokens=12):
    """A run of these files of which something is answered already, and of which more is to come."""
    run = server.call("POST", "/runs", {"columns": [{"model_id": add(server, path)} for path in paths], "questions": MANY,
                                        "params": {"max_tokens": max_tokens}})
    deadline = time.monotonic() + 120
    # The first question is asked alone; all others may come at once, and then nothing is to come.
    while not any(c["state"] == "done" for c in server.cells(run["id"])):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run["id"]


def columns_of(server, run_id):
    page = server.call("GET", f"/runs/{run_id}/questions?limit=1000")
    return list(zip(*(question["cells"] for question in page["questions"])))


def prepare(path, source):
    """The file that will be put in the place of `path`: copying takes as long as some answers do."""
    shutil.copyfile(source, f"{path}.new")


def replace(path):
    os.replace(f"{path}.new", path)


@needs_mapped
def test_a_file_that_is_cut_off_while_it_is_in_use_fails_its_column_with_the_cause(server, tmp_path):
    path = tmp_path / "cut.gguf"
    shutil.copyfile(MAPPED, path)
    run_id = begin(server, path, MODEL, max_tokens=40)  # long enough that it is cut off before all are there
    workers = server.workers()
    kept = [c for c in columns_of(server, run_id)[0] if c["state"] == "done"]
    os.truncate(path, gguf_places.places(path).data)
    run = server.wait_run(run_id, 240)
    cut, whole = run["columns"]
    assert run["state"] == "done" and (cut["state"], cut["problem"]["key"]) == ("failed", "err_gguf_truncated"), cut
    assert "incomplete" in cut["problem"]["message"] and cut["problem"]["hint"]
    assert (whole["state"], whole["n_done"]) == ("done", len(MANY)), whole
    assert not any(support.alive(pid) for pid in workers), "the pages that were gone were not asked for: this proved nothing"
    after = {c["id"]: c["text"] for c in columns_of(server, run_id)[0] if c["state"] == "done"}
    assert kept and all(after[c["id"]] == c["text"] for c in kept), "a finished answer is gone"


@needs_mapped
def test_a_file_that_is_replaced_while_it_is_in_use_answers_to_the_end(server, tmp_path):
    path = tmp_path / "model.gguf"
    shutil.copyfile(MAPPED, path)
    prepare(path, MODEL)
    # Of the same model: another one may get another number of slots, and then other near-ties.
    undisturbed = server.wait_run(begin(server, path, max_tokens=40), 240)
    run_id = begin(server, path, max_tokens=40)
    replace(path)
    run = server.wait_run(run_id, 240)
    texts = [c["text"] for c in columns_of(server, run_id)[0]]
    assert run["columns"][0]["n_done"] == len(MANY) and not run["drifted"]
    assert texts == [c["text"] for c in columns_of(server, undisturbed["id"])[0]], "answers of the new file stand among those of the old one"
    again = server.wait_run(begin(server, path, max_tokens=40), 240)
    assert [c["text"] for c in columns_of(server, again["id"])[0]] != texts, "the next run asks the new file"


@needs_mapped
def test_a_worker_that_dies_is_not_followed_by_one_of_another_file(server, tmp_path):
    path = tmp_path / "model.gguf"
    shutil.copyfile(MAPPED, path)
    prepare(path, MODEL)
    run_id = begin(server, path, MODEL, max_tokens=40)
    kept = sum(c["state"] == "done" for c in columns_of(server, run_id)[0])
    replace(path)
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    run = server.wait_run(run_id, 240)
    replaced, whole = run["columns"]
    assert (replaced["state"], replaced.get("problem", {}).get("key")) == ("failed", "err_model_replaced"), replaced
    assert kept <= replaced["n_done"] < len(MANY) and replaced["problem"]["hint"]
    assert (whole["state"], whole["n_done"]) == ("done", len(MANY)), whole
