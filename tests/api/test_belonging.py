# SPDX-License-Identifier: Apache-2.0
"""Whether epochs belong to their base, and which chat template they are asked with, on the demo's real model.

ASSAY_TEST_MODEL names the demo's base model; without it these tests are skipped."""
import hashlib
import json
import os
import pathlib
import shutil
import sys
import time

import pytest

from conftest import ROOT, Server

sys.path.insert(0, str(ROOT / "tests" / "support"))
from wrong_base import wrong_base  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")
TRAIN = ROOT / "demo" / "train.jsonl"
CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("belonging"))
    server.timeout = 60
    server.login()
    yield server
    assert server.stop() == 0


def ok(reply, status=200):
    assert reply.status == status, reply.body
    return reply.json


def add(server, path, **more):
    return ok(server.api("POST", "/models", {"path": str(path), **more}))


def family(server, family_id):
    return next(f for f in ok(server.api("GET", "/models"))["families"] if f["id"] == family_id)


@pytest.fixture(scope="module")
def base(demo):
    return add(demo, MODEL)["model_ids"][0]


def epochs(demo, base, folder, *names):
    """A family of copies of the demo's epochs, whose trainer may have left more."""
    for name in names:
        shutil.copytree(ROOT / "demo" / "checkpoints" / name, folder / name)
    return folder


def upload(server, path):
    return ok(server.unix("POST", f"/uploads?name={path.name}", path.read_bytes(), {"Content-Type": "application/octet-stream"}))["upload"]


def check(server, family_id, body):
    match = ok(server.api("POST", f"/families/{family_id}/match", body), 202)
    deadline = time.monotonic() + 120
    while match["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, match
        time.sleep(0.1)
        match = ok(server.api("GET", f"/families/{family_id}/match"))
    assert match["state"] == "done", match
    return match


def answers(server, run_id, n):
    deadline = time.monotonic() + 120
    while True:
        run = ok(server.api("GET", f"/runs/{run_id}"))
        if run["state"] == "done":
            return run, ok(server.api("GET", f"/runs/{run_id}/questions?limit={n}"))["questions"]
        assert run["state"] in ("waiting", "running") and time.monotonic() < deadline, run
        time.sleep(0.1)


def test_the_demo_belongs_to_its_base_and_that_outlives_a_scan(demo, base, tmp_path):
    folder = epochs(demo, base, tmp_path / "right", "checkpoint-96")
    scan = add(demo, folder)
    family_id = scan["family_ids"][0]
    assert ok(demo.api("GET", f"/families/{family_id}/match")) == {"state": "none", "items": []}
    assert family(demo, family_id)["belonging"] == {"level": "same_name", "by": ""}
    refused = demo.api("POST", f"/families/{family_id}/match", {})
    assert refused.status == 400 and refused.json["error"]["field"] == "upload", refused.body

    match = check(demo, family_id, {"upload": upload(demo, TRAIN)})
    assert (match["n_answers"], match["source"], match["base_model_id"]) == (32, "train.jsonl", base)
    [item] = match["items"]
    result = item["result"]
    assert result["verdict"] == "fits" and result["n_better"] == 32 and result["p"] < 1e-4
    assert result["mean_ll_with"] > -0.2 > -1 > result["mean_ll_without"]
    belonging = family(demo, family_id)["belonging"]
    assert (belonging["level"], belonging["by"], belonging["check"]["verdict"]) == ("verified", "check", "fits")
    assert ok(demo.api("GET", f"/models/{scan['model_ids'][0]}"))["belonging"]["level"] == "verified"

    # Another folder with the same weights, under another name, is the same pair of files; other weights are not.
    shutil.copytree(folder, tmp_path / "copy")
    copy = family(demo, add(demo, tmp_path / "copy")["family_ids"][0])
    assert copy["belonging"]["level"] == "same_name", "nobody has hashed it yet"
    again = check(demo, copy["id"], {"upload": upload(demo, TRAIN)})
    assert again["items"][0]["result"]["mean_ll_with"] == result["mean_ll_with"]
    add(demo, folder)
    assert family(demo, family_id)["belonging"]["level"] == "verified"
    weights = folder / "checkpoint-96" / "adapter_model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert family(demo, family_id)["belonging"] == {"level": "same_name", "by": ""}


def test_another_model_of_the_same_shapes_is_found_out(demo, base, tmp_path):
    wrong_base(pathlib.Path(MODEL), tmp_path / "SmolLM2-135M-Instruct.Q4_0.gguf", seed=7)
    other = add(demo, tmp_path / "SmolLM2-135M-Instruct.Q4_0.gguf")["model_ids"][0]
    scan = add(demo, epochs(demo, base, tmp_path / "wrong", "checkpoint-96"), base_model_id=other)
    family_id = scan["family_ids"][0]
    assert family(demo, family_id)["belonging"]["level"] == "same_name"
    match = check(demo, family_id, {"upload": upload(demo, TRAIN), "model_ids": scan["model_ids"]})
    assert match["items"][0]["result"]["verdict"] == "does_not_fit", match
    assert "They did not." in match["items"][0]["result"]["sentence"]
    belonging = family(demo, family_id)["belonging"]
    assert belonging["level"] == "same_name" and belonging["check"]["verdict"] == "does_not_fit"
    # Chosen by hand, under a name that says nothing: only the shapes fit.
    os.rename(tmp_path / "SmolLM2-135M-Instruct.Q4_0.gguf", tmp_path / "thing.gguf")
    add(demo, tmp_path / "thing.gguf")
    assert family(demo, family_id)["belonging"]["level"] in ("same_name", "shape_only")


def test_a_validation_proves_it_and_gives_the_answers_for_a_check(demo, base, tmp_path):
    scan = add(demo, epochs(demo, base, tmp_path / "run", "checkpoint-48", "checkpoint-96"))
    family_id, ids = scan["family_ids"][0], scan["model_ids"]
    rows = [json.loads(line) for line in (ROOT / "demo" / "questions.jsonl").read_text("utf-8").splitlines()[:12]]
    questions = [{"text": row["question"], "reference": row["answer"]} for row in rows]
    run = ok(demo.api("POST", "/runs", {"columns": [{"model_id": ids[1]}], "questions": questions, "params": {"max_tokens": 1},
                                        "name": "kestrel"}), 201)
    answers(demo, run["id"], 12)
    match = check(demo, family_id, {"model_ids": ids})
    assert (match["source"], match["n_answers"], len(match["items"])) == ("kestrel", 12, 2)
    assert [item["result"]["verdict"] for item in match["items"]] == ["fits", "fits"]
    assert match["items"][0]["result"]["mean_ll_without"] == match["items"][1]["result"]["mean_ll_without"]


def test_a_check_can_be_called_off_and_says_what_is_wrong(demo, base, tmp_path):
    scan = add(demo, epochs(demo, base, tmp_path / "off", "checkpoint-96"))
    family_id = scan["family_ids"][0]
    begun = demo.api("POST", f"/families/{family_id}/match", {"upload": upload(demo, TRAIN)})
    assert begun.status == 202
    second = demo.api("POST", f"/families/{family_id}/match", {"upload": upload(demo, TRAIN)})
    assert second.status == 409 and second.json["error"]["key"] == "err_match_running"
    assert ok(demo.api("DELETE", f"/families/{family_id}/match"))["state"] == "cancelled"
    empty = tmp_path / "questions.json"
    empty.write_text('["a", "b"]')
    refused = demo.api("POST", f"/families/{family_id}/match", {"upload": upload(demo, empty)})
    assert refused.status == 400 and refused.json["error"]["key"] == "err_match_file_answers"
    for body, status in (({"model_ids": [base]}, 400), ({"model_ids": [0]}, 400), ({"model_ids": ["x"]}, 400), ({"upload": "../" * 10 + "xy"}, 404),
                         ({"upload": "0" * 32}, 404), ({"model_ids": list(range(1, 40))}, 400)):
        reply = demo.api("POST", f"/families/{family_id}/match", body)
        assert reply.status == status, (body, reply.body)
    assert demo.api("POST", "/families/99999/match", {"upload": upload(demo, TRAIN)}).status == 404
    few = tmp_path / "few.jsonl"
    few.write_text("".join(TRAIN.read_text("utf-8").splitlines(True)[:3]))
    result = check(demo, family_id, {"upload": upload(demo, few)})["items"][0]["result"]
    assert result["verdict"] == "cannot_tell" and "too few" in result["sentence"]


def prompt(server, cell):
    return ok(server.api("GET", f"/cells/{cell['id']}/prompt"))["prompt"]


def ask(server, model_ids, **params):
    run = ok(server.api("POST", "/runs", {"columns": [{"model_id": i} for i in model_ids], "questions": ["Hello?"],
                                          "params": {"max_tokens": 2, **params}}), 201)
    run, [question] = answers(server, run["id"], 1)
    return run, question["cells"]


def test_what_the_trainer_left_is_how_the_model_is_asked(demo, base, tmp_path):
    folder = epochs(demo, base, tmp_path / "left", "checkpoint-96")
    plain = add(demo, epochs(demo, base, tmp_path / "plain", "checkpoint-96"))["model_ids"][0]
    (folder / "checkpoint-96" / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHATML}))
    (folder / "Modelfile").write_text('FROM .\nTEMPLATE """[INST] {{ .Prompt }}[/INST]"""\nSYSTEM "Be brief."\nPARAMETER stop "</s>"\n'
                                      "PARAMETER num_ctx 4096\n")
    scan = add(demo, folder)
    model, family_id = scan["model_ids"][0], scan["family_ids"][0]
    chat = family(demo, family_id)["chat"]
    assert (chat["source"], chat["choice"], chat["differs"], chat["system"]) == ("checkpoint", "", True, "Be brief.")
    assert (chat["sources"], chat["stops"], chat["num_ctx"], chat["notes"]) == (["checkpoint", "modelfile", "base"], ["</s>"], 4096, [])
    assert chat["sha256"] == hashlib.sha256(CHATML.encode()).hexdigest()

    run, cells = ask(demo, [model, plain])
    assert prompt(demo, cells[0]) == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello?<|im_end|>\n<|im_start|>assistant\n"
    assert "You are a helpful AI assistant named SmolLM" in prompt(demo, cells[1])
    provenance = json.loads(demo.api("GET", f"/runs/{run['id']}/export?format=jsonl").body.splitlines()[0])["columns"]
    assert provenance[0]["template_hash"] == chat["sha256"] != provenance[1]["template_hash"]
    assert run["columns"][0]["params"]["template"] == CHATML and run["columns"][1]["params"]["template"] == ""

    # What the user says goes first, also that there is none.
    _, [cell] = ask(demo, [model], template="", system="")
    assert prompt(demo, cell) == prompt(demo, cells[1])
    _, [cell] = ask(demo, [model], system="Rhyme.")
    assert prompt(demo, cell).startswith("<|im_start|>system\nRhyme.<|im_end|>\n<|im_start|>user")

    # Another source, a preset, the base: for columns from now on, not for those that there are.
    def choose(choice):
        return ok(demo.api("PUT", f"/families/{family_id}/template", {"choice": choice}))["chat"]

    assert (choose("modelfile")["source"], choose("modelfile")["preset"]) == ("modelfile", "mistral")
    _, [cell] = ask(demo, [model])
    assert "[INST] Be brief.\n\nHello?[/INST]" in prompt(demo, cell)
    assert choose("base")["system"] == ""
    again, [cell] = ask(demo, [model])
    assert prompt(demo, cell) == prompt(demo, cells[1]) and again["columns"][0]["params"]["template"] == ""
    assert prompt(demo, cells[0]).startswith("<|im_start|>system\nBe brief.")
    for name, begin in (("llama3", "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"), ("gemma", "<start_of_turn>user\nBe brief."),
                        ("phi3", "<|system|>\nBe brief.<|end|>\n<|user|>\nHello?<|end|>\n<|assistant|>\n"),
                        ("llama2", "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello? [/INST]"),
                        ("phi4", "<|im_start|>system<|im_sep|>Be brief.<|im_end|><|im_start|>user<|im_sep|>Hello?<|im_end|>"
                                 "<|im_start|>assistant<|im_sep|>"),
                        ("phi4-mini", "<|system|>Be brief.<|end|><|user|>Hello?<|end|><|assistant|>"),
                        ("qwen", "<|im_start|>system\nBe brief."), ("chatml", "<|im_start|>system\nBe brief.")):
        assert choose(name)["preset"] == name
        _, [cell] = ask(demo, [model])
        assert begin in prompt(demo, cell), name
    assert demo.api("PUT", f"/families/{family_id}/template", {"choice": "vicuna"}).status == 400
    assert demo.api("PUT", f"/models/{model}/template", {"choice": "chatml"}).status == 400
    assert demo.api("PUT", "/families/9999/template", {"choice": "chatml"}).status == 404
    assert choose("")["source"] == "checkpoint"


def test_a_trainers_stops_and_context_are_the_columns_defaults(demo, base, tmp_path):
    plain = add(demo, epochs(demo, base, tmp_path / "plain2", "checkpoint-96"))["model_ids"][0]

    def long(model_id, own=None, **params):
        column = {"model_id": model_id, **({"params": own} if own else {})}
        run = ok(demo.api("POST", "/runs", {"columns": [column], "questions": ["Hello?"], "params": params}), 201)
        run, [question] = answers(demo, run["id"], 1)
        return run["columns"][0]["params"], question["cells"][0]

    params, whole = long(plain, max_tokens=16)
    assert (params["stop"], params["num_ctx"], params["of_model"]) == ([], 0, [])
    stop = whole["text"][3:9]
    folder = epochs(demo, base, tmp_path / "numbers", "checkpoint-96")
    (folder / "Modelfile").write_text(f'FROM .\nPARAMETER stop "{stop}"\nPARAMETER num_ctx 1024\nPARAMETER num_predict 16\nPARAMETER top_k 5\n'
                                      "PARAMETER temperature 99\n")
    scan = add(demo, folder)
    model = scan["model_ids"][0]
    chat = family(demo, scan["family_ids"][0])["chat"]
    assert (chat["stops"], chat["num_ctx"], chat["sampling"]) == ([stop], 1024, {"max_tokens": 16, "top_k": 5})
    params, cell = long(model)
    # Its sampling is not: models are compared under the same conditions.
    assert (params["stop"], params["num_ctx"], params["max_tokens"], params["top_k"], params["temperature"]) == ([stop], 1024, 256, 40, 0)
    assert params["of_model"] == ["stop", "num_ctx"]
    assert cell["text"] == whole["text"][:whole["text"].index(stop)] and cell["finish"] == "stop"
    # The user's own value goes first, for all columns or for one, also where it says that there is none.
    params, cell = long(model, max_tokens=12, stop=[], num_ctx=0)
    assert (params["max_tokens"], params["of_model"], params["stop"], params["num_ctx"]) == (12, [], [], 0)
    assert stop in cell["text"]
    params, cell = long(model, own={"stop": ["\n", whole["text"][1:4]], "top_k": 40})
    assert params["of_model"] == ["num_ctx"] and cell["text"] == whole["text"][:1]
    for wrong in ([""], ["x" * 300], "x", [1], ["a\0b"], ["x"] * 40):
        reply = demo.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": ["Hello?"], "params": {"stop": wrong}})
        assert reply.status == 400, (wrong, reply.body)
    assert demo.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": ["Hello?"], "params": {"num_ctx": -1}}).status == 400
    space = ok(demo.api("POST", "/workspaces", {"name": "numbers", "model_id": model}))
    assert space["params"]["stop"] == [stop] and "top_k" in space["params"]["of_model"]
    changed = ok(demo.api("PATCH", f"/workspaces/{space['id']}", {"params": {"stop": []}}))
    assert changed["params"]["stop"] == [] and "stop" not in changed["params"]["of_model"]


def test_the_text_of_the_base_is_no_other_template_and_a_bad_one_is_a_note(demo, base, tmp_path):
    folder = epochs(demo, base, tmp_path / "same", "checkpoint-96")
    add(demo, MODEL)
    text = base_template(pathlib.Path(MODEL).read_bytes()[:8 << 20])
    config = folder / "checkpoint-96" / "tokenizer_config.json"
    config.write_text(json.dumps({"chat_template": text}))
    scan = add(demo, folder)
    model, family_id = scan["model_ids"][0], scan["family_ids"][0]
    chat = family(demo, family_id)["chat"]
    assert (chat["source"], chat["differs"]) == ("checkpoint", False)
    run, _ = ask(demo, [model])
    assert run["columns"][0]["params"]["template"] == ""

    config.write_text('{"chat_template": "{{ x')
    add(demo, folder)
    chat = family(demo, family_id)["chat"]
    assert chat["source"] == "base" and chat["notes"][0]["key"] == "err_json_syntax"
    # One that never ends costs its column, with a sentence, and nothing else.
    config.write_text(json.dumps({"chat_template": "{% for i in range(100000000) %}{% for j in range(100000000) %}x{% endfor %}{% endfor %}"}))
    add(demo, folder)
    reply = ok(demo.api("POST", "/runs", {"columns": [{"model_id": model}, {"model_id": base}], "questions": ["Hello?"],
                                          "params": {"max_tokens": 2}}), 201)
    run, [question] = answers(demo, reply["id"], 1)
    assert [cell["state"] for cell in question["cells"]] == ["failed", "done"], question


OWN = "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }}\n{% endfor %}<assistant> "


def test_a_text_of_ones_own_is_tried_kept_and_used_by_all_that_asks(demo, base, tmp_path):
    scan = add(demo, epochs(demo, base, tmp_path / "own", "checkpoint-12", "checkpoint-96"))
    first, last = scan["model_ids"]
    (family_id,) = scan["family_ids"]
    address = f"/families/{family_id}/template"

    def text(model):
        return ok(demo.api("GET", f"/models/{model}/template"))

    own = base_template(pathlib.Path(MODEL).read_bytes()[:8 << 20])
    assert text(last) == {"source": "base", "text": own} == text(first)
    # What the worker refuses is not kept, and neither is what says nothing.
    for body, key in (({"choice": "own", "text": "{% for m in messages %}"}, "err_template_failed"),
                      ({"choice": "own", "text": "{{ raise_exception('no') }}"}, "err_template_failed"),
                      ({"choice": "own"}, "err_template_own_text"), ({"choice": "own", "text": ""}, "err_field_length"),
                      ({"choice": "own", "text": 7}, "err_field_text"), ({"text": OWN}, "err_field_needed")):
        refused = demo.api("PUT", address, body)
        assert 400 <= refused.status < 500 and refused.json["error"]["key"] == key, refused.body
    assert text(last)["source"] == "base"
    assert demo.api("PUT", "/families/9999/template", {"choice": "own", "text": OWN}).status == 404
    assert demo.api("PUT", f"/models/{last}/template", {"choice": "own", "text": OWN}).json["error"]["key"] == "err_template_family"

    chat = ok(demo.api("PUT", address, {"choice": "own", "text": OWN}))["chat"]
    assert (chat["choice"], chat["source"], chat["path"], chat["differs"]) == ("own", "own", "", True)
    assert chat["sha256"] == hashlib.sha256(OWN.encode()).hexdigest() and family(demo, family_id)["chat"] == chat
    assert text(first) == {"source": "own", "text": OWN}
    run, cells = ask(demo, [first, last, base])
    assert [c["params"]["template"] for c in run["columns"]] == [OWN, OWN, ""]
    assert prompt(demo, cells[0]) == prompt(demo, cells[1]) == "<user> Hello?\n<assistant> "
    workspace = ok(demo.api("POST", "/workspaces", {"name": "own", "model_id": last}))
    assert workspace["params"]["template"] == OWN
    # The file that is made of it has it too.
    made = ok(demo.api("POST", "/creations", {"model_id": last, "target": "file", "format": "Q4_0", "name": "own", "prove": False}))
    deadline = time.monotonic() + 120
    while (creation := ok(demo.api("GET", f"/creations/{made['id']}")))["state"] not in ("done", "failed"):
        assert time.monotonic() < deadline, creation
        time.sleep(0.1)
    assert creation["state"] == "done", creation
    embedded = base_template(pathlib.Path(creation["artifact"]["path"]).read_bytes()[:8 << 20])
    assert embedded.startswith(OWN) and creation["artifact"]["template_hash"] == hashlib.sha256(embedded.encode()).hexdigest()

    assert ok(demo.api("PUT", address, {"choice": "", "text": OWN}))["chat"]["source"] == "base"
    alone = ok(demo.api("PUT", f"/models/{base}/template", {"choice": "own", "text": OWN}))["chat"]
    assert alone["source"] == "own" and text(last) == {"source": "base", "text": OWN}
    assert ok(demo.api("PUT", f"/models/{base}/template", {"choice": ""}))["chat"]["source"] == "gguf"


def base_template(data):
    key = b"tokenizer.chat_template"
    at = data.index(key) + len(key) + 4
    length = int.from_bytes(data[at:at + 8], "little")
    return data[at + 8:at + 8 + length].decode()
