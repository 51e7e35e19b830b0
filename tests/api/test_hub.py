# SPDX-License-Identifier: Apache-2.0
"""Models from a hub: what is asked, what is told before, what comes, and what becomes of it when the server dies."""
import json
import math
import os
import pathlib
import random
import signal
import struct
import threading
import time

import pytest

import hub_stub
from conftest import ROOT, Server, gguf

REPO = "org/name"
TOKEN = "hf_secretsecretsecret"


@pytest.fixture
def hub():
    stub = hub_stub.Stub()
    stub.url = f"http://127.0.0.1:{hub_stub.serve(stub).server_port}"
    return stub


def settings(hub, tmp_path, **more):
    """The server's environment: this hub, and no token but what the test gives."""
    unset = {name: "" for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")}
    return {**unset, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), **more}


@pytest.fixture
def server(hub, tmp_path):
    server = Server(tmp_path, **settings(hub, tmp_path))
    server.login()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0


def offer(hub, faults=(), **model):
    model.setdefault("files", {"big.Q4_K_M.gguf": {"random": 3_000_000}})
    hub.reset({"models": {REPO: model}, "faults": list(faults), "token": TOKEN})


def refusal(reply, status, key):
    assert reply.status == status, reply.body
    error = reply.json["error"]
    assert error["key"] == key and error["message"] and error.get("hint", "x"), error
    return error


def wait(server, number, *states):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        reply = server.api("GET", f"/downloads/{number}")
        assert reply.status == 200, reply.body
        if reply.json["state"] in (states or ("done", "failed", "cancelled")):
            return reply.json
        time.sleep(0.02)
    raise AssertionError(reply.json)


def fetch(server, model=REPO, **more):
    reply = server.api("POST", "/downloads", {"model": model, **more})
    assert reply.status == 200, reply.body
    return wait(server, reply.json["id"])


def test_nothing_is_asked_before_somebody_asks_and_the_address_is_told(hub, server, tmp_path):
    told = server.api("GET", "/hub").json
    assert told == {"endpoint": hub.url, "has_token": False, "token_source": "", "token_path": str(tmp_path / "token")}
    for path in ("/models", "/downloads", "/doctor", "/status"):
        assert server.api("GET", path).status == 200
    assert hub.requests == []
    (tmp_path / "token").write_text(TOKEN + "\n")
    told = server.api("GET", "/hub").json
    assert told["has_token"] and told["token_source"] == str(tmp_path / "token") and TOKEN not in json.dumps(told)


def test_a_look_lists_what_can_be_had(hub, server):
    offer(hub, license="apache-2.0", files={"m.Q4_K_M.gguf": {"random": 50}, "m.Q8_0.gguf": {"random": 90}, "config.json": {"text": "{}"},
                                           "model.safetensors": {"random": 70}, "x.bin": {"random": 5}})
    look = server.api("POST", "/hub/look", {"model": f"{REPO}:Q8_0"}).json
    assert look["model"] == REPO and look["revision"] == "main" and look["commit"] == hub_stub.COMMIT
    assert look["license"] == "apache-2.0" and not look["is_gated"] and look["wanted"] == "Q8_0" and look["disk_free"] > 0
    assert [(c["file"], c["kind"], c["format"], c["size_bytes"], c["is_default"]) for c in look["choices"]] == [
        ("m.Q4_K_M.gguf", "gguf", "Q4_K_M", 50, True), ("m.Q8_0.gguf", "gguf", "Q8_0", 90, False), (".", "folder", "", 72, False)]
    assert server.api("GET", "/downloads").json == {"downloads": []}
    assert len(hub.requests) == 1


def test_a_model_is_fetched_checked_and_added(hub, server, tmp_path):
    path = gguf(tmp_path / "tiny.Q4_K_M.gguf")
    offer(hub, license="mit", files={"tiny.Q4_K_M.gguf": {"file": str(path)}, "tiny.F16.gguf": {"random": 10}})
    done = fetch(server, f"{REPO}:q4_k_m")
    assert done["state"] == "done" and done["have_bytes"] == done["size_bytes"] == path.stat().st_size, done
    assert done["n_whole"] == done["n_files"] == 1 and done["license"] == "mit" and done["refusals"] == []
    assert pathlib.Path(done["path"]) == server.data / "models" / REPO / hub_stub.COMMIT[:12] / "tiny.Q4_K_M.gguf"
    assert pathlib.Path(done["path"]).read_bytes() == path.read_bytes()
    assert sorted(p.name for p in pathlib.Path(done["path"]).parent.iterdir()) == ["tiny.Q4_K_M.gguf"]
    model = server.api("GET", f"/models/{done['model_ids'][0]}").json
    assert model["path"] == done["path"] and "problem" not in model
    again = fetch(server, f"{REPO}:tiny.Q4_K_M.gguf")
    assert again["state"] == "done" and again["model_ids"] == done["model_ids"]
    assert [r["path"] for r in hub.requests if "/resolve/" in r["path"]] == [f"/{REPO}/resolve/{hub_stub.COMMIT}/tiny.Q4_K_M.gguf"]
    assert server.api("DELETE", f"/downloads/{again['id']}").status == 204
    assert pathlib.Path(done["path"]).exists(), "forgetting a download is not removing a model"


def test_a_folder_comes_with_what_describes_it_and_without_pickles(hub, server):
    offer(hub, files={"config.json": {"text": "{}"}, "model.safetensors": {"random": 100}, "tokenizer.json": {"text": "[]"},
                      "pytorch_model.bin": {"random": 100}, "onnx/model.onnx": {"random": 100}, "README.md": {"text": "hello"}})
    done = fetch(server)
    assert done["state"] == "done" and done["kind"] == "folder" and done["n_files"] == 3
    assert sorted(p.name for p in pathlib.Path(done["path"]).iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert server.api("POST", "/downloads", {"model": f"{REPO}:."}).json["kind"] == "folder"
    # Whatever assay makes of such a folder: it says so.
    assert done["model_ids"] or done["refusals"][0]["problem"]["message"]


def hf_folder(path, wide=64, ff=96, words=40):
    """A llama of one layer without values, as a hub has it."""
    path.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "hidden_size": wide, "intermediate_size": ff, "num_hidden_layers": 1,
              "num_attention_heads": 4, "vocab_size": words, "tie_word_embeddings": True, "max_position_embeddings": 512}
    shapes = {"model.embed_tokens.weight": [words, wide], "model.norm.weight": [wide]}
    at = "model.layers.0."
    shapes |= {f"{at}self_attn.{name}_proj.weight": [wide, wide] for name in "qkvo"}
    shapes |= {f"{at}mlp.gate_proj.weight": [ff, wide], f"{at}mlp.up_proj.weight": [ff, wide], f"{at}mlp.down_proj.weight": [wide, ff]}
    shapes |= {f"{at}{name}_layernorm.weight": [wide] for name in ("input", "post_attention")}
    head, size = {}, 0
    for name, shape in shapes.items():
        n = 2 * math.prod(shape)
        head[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [size, size + n]}
        size += n
    text = json.dumps(head).encode()
    (path / "config.json").write_text(json.dumps(config))
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))
    return path


def test_folders_and_adapters_are_called_by_their_name_on_the_hub(hub, server, tmp_path):
    folder = hf_folder(tmp_path / "source")
    adapter = ROOT / "demo" / "checkpoints" / "checkpoint-24"
    hub.reset({"models": {
        "org/Kestrel-7B": {"files": {p.name: {"file": str(p)} for p in folder.iterdir()}},
        "org/Kestrel-LoRA": {"files": {p.name: {"file": str(p)} for p in adapter.iterdir()}}}})
    done = fetch(server, "org/Kestrel-7B")
    assert done["state"] == "done" and done["refusals"] == [], done
    model = server.api("GET", f"/models/{done['model_ids'][0]}").json
    assert model["name"] == "Kestrel-7B" and model["path"] == done["path"] and model["n_ctx_train"] == 512
    done = fetch(server, "org/Kestrel-LoRA")
    assert done["kind"] == "adapter" and len(done["family_ids"]) == 1, done
    assert [f["name"] for f in server.api("GET", "/models").json["families"]] == ["Kestrel-LoRA"]


@pytest.mark.parametrize("model, status, key", [
    ("", 400, None), ("name", 400, "err_hub_id"), ("../../etc", 400, "err_hub_id"), ("org/name:../../x.gguf", 400, "err_hub_file_form"),
    ("org/name@..", 400, "err_hub_revision_form"), ("https://elsewhere.example/org/name", 400, "err_hub_other"),
    ("org/none", 404, "err_hub_not_found_private"), ("org/name@v9", 404, "err_hub_revision"), ("org/name:Q5_K_S", 404, "err_hub_no_file"),
    ("org/name:x.bin", 422, "err_hub_pickle"), ("org/name:Q4_K_M", 400, "err_hub_which"),
])
def test_a_question_that_cannot_be_answered_says_why(hub, server, model, status, key):
    offer(hub, files={"a.Q4_K_M.gguf": {"random": 5}, "b.Q4_K_M.gguf": {"random": 5}, "x.bin": {"random": 5}})
    reply = server.api("POST", "/downloads", {"model": model})
    assert reply.status == status, reply.body
    assert key is None or reply.json["error"]["key"] == key
    assert server.api("GET", "/downloads").json["downloads"] == [] and not (server.data / "models").exists()


def test_the_address_of_a_page_will_do(hub, server):
    offer(hub)
    look = server.api("POST", "/hub/look", {"model": f"{hub.url}/{REPO}/blob/refs%2Fpr%2F1/big.Q4_K_M.gguf"})
    assert look.status == 400, "an escaped revision is not written by any hub"
    look = server.api("POST", "/hub/look", {"model": f"{hub.url}/{REPO}/blob/main/big.Q4_K_M.gguf"}).json
    assert look["wanted"] == "big.Q4_K_M.gguf"
    assert server.api("POST", "/hub/look", {"model": REPO, "revision": "refs/pr/1"}).json["revision"] == "refs/pr/1"
    assert hub.requests[-1]["path"] == f"/api/models/{REPO}/revision/refs%2Fpr%2F1?blobs=true"
    offer(hub, renamed="org/other")
    hub.models["org/other"] = hub_stub.Model("org/other", {"files": {"n.gguf": {"random": 5}}})
    assert server.api("POST", "/hub/look", {"model": REPO}).json["model"] == "org/other"


@pytest.mark.parametrize("raw, key", [
    ("<html>no hub</html>", "err_json_syntax"), ("[]", "err_hub_reply"), ("{}", "err_hub_reply"),
    ('{"id":"../../x","sha":"%s","siblings":[]}', "err_hub_reply"),
    ('{"id":"org/name","sha":"../..","siblings":[]}', "err_hub_reply"),
    ('{"id":"org/name","sha":"%s","siblings":[{"rfilename":"../../../.ssh/authorized_keys","size":1}]}', "err_hub_path"),
    ('{"id":"org/name","sha":"%s","siblings":[{"rfilename":"/etc/cron.d/x.gguf","size":1}]}', "err_hub_path"),
    ('{"id":"org/name","sha":"%s","siblings":[{"rfilename":"a\\u0000.gguf","size":1}]}', "err_json_syntax"),
    ('{"id":"org/name","sha":"%s","siblings":[{"rfilename":"a.gguf","size":99999999999999999999}]}', "err_json_syntax"),
    ('{"id":"org/name","sha":"%s","siblings":[{"rfilename":"a.gguf","size":9999999999999999}]}', "err_hub_reply"),
    ('{"id":"org/name","id":"org/b","sha":"%s","siblings":[]}', "err_json_syntax"),
    ("[" * 100000, "err_json_too_deep"),
], ids=range(12))
def test_what_a_hub_says_is_not_believed(hub, server, raw, key):
    offer(hub, raw=raw.replace("%s", hub_stub.COMMIT))
    reply = server.api("POST", "/downloads", {"model": REPO})
    assert reply.status in (413, 422) and reply.json["error"]["key"] == key, reply.body
    assert not (server.data / "models").exists()


def test_a_hundred_thousand_files_are_too_many_and_stop_nothing(hub, server):
    files = ",".join('{"rfilename":"%d.gguf","size":1}' % i for i in range(100_000))
    offer(hub, raw='{"id":"org/name","sha":"%s","siblings":[%s]}' % (hub_stub.COMMIT, files))
    refusal(server.api("POST", "/hub/look", {"model": REPO}), 413, "err_hub_files")
    assert server.api("GET", "/status").status == 200


def test_a_gated_model_explains_the_way_in_both_languages(hub, server, tmp_path):
    offer(hub, gated="manual")
    assert server.api("POST", "/hub/look", {"model": REPO}).json["is_gated"]
    failed = fetch(server)
    assert failed["state"] == "failed" and failed["problem"]["key"] == "err_hub_gated"
    assert failed["problem"]["message"] == (f'"{REPO}" requires permission from its publisher. Accept the licence on its page, create an access '
                                            f"token, then run: assay models get {REPO}")
    for part in (f"{hub.url}/{REPO}", f"{hub.url}/settings/tokens", str(tmp_path / "token"), "HF_TOKEN"):
        assert part in failed["problem"]["hint"]
    chinese = server.api("GET", f"/downloads/{failed['id']}", Accept_Language="zh-TW").json["problem"]
    assert chinese["message"].startswith(f"「{REPO}」須先取得發布者授權。") and str(tmp_path / "token") in chinese["hint"]
    (tmp_path / "token").write_text(TOKEN)
    offer(hub, gated="manual", closed=True)
    again = server.api("POST", f"/downloads/{failed['id']}/resume").json
    assert wait(server, again["id"])["problem"]["key"] == "err_hub_gated_account"
    offer(hub, gated="manual")
    server.api("POST", f"/downloads/{failed['id']}/resume")
    assert wait(server, failed["id"])["state"] == "done"
    (tmp_path / "token").write_text("hf_wrong")
    refusal(server.api("POST", "/hub/look", {"model": REPO}), 403, "err_hub_token")


def test_the_token_goes_to_the_hub_alone_and_is_written_nowhere(hub, tmp_path):
    server = Server(tmp_path, **settings(hub, tmp_path, HF_TOKEN=TOKEN, ASSAY_LOG="debug"))
    server.login()
    offer(hub, private=True, faults=[{"at": "cdn", "do": "cut", "bytes": 100_000}])
    assert fetch(server)["state"] == "done"
    seen = {r["server"]: set() for r in hub.requests}
    for r in hub.requests:
        seen[r["server"]].add(r["authorization"])
    assert seen == {"hub": {f"Bearer {TOKEN}"}, "cdn": {None}}
    output = server.output()
    assert server.stop() == 0
    assert TOKEN not in output and TOKEN[:12] not in output
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


def test_progress_is_told_by_events(hub, server):
    offer(hub, faults=[{"at": "cdn", "do": "slow", "ms": 1, "stall": 1_500_000}], files={"a.gguf": {"random": 2_000_000}})
    seen = []
    stream = _Stream(server, seen)
    number = server.api("POST", "/downloads", {"model": REPO}).json["id"]
    stream.wait(lambda: seen and seen[-1]["have_bytes"] == 1_500_000)
    hub.go.set()
    stream.wait(lambda: seen and seen[-1]["state"] == "done")
    assert {d["id"] for d in seen} == {number} and {"running", "adding", "done"} <= {d["state"] for d in seen}
    assert any(0 < d["have_bytes"] < d["size_bytes"] for d in seen)
    assert [d["have_bytes"] for d in seen] == sorted(d["have_bytes"] for d in seen)


class _Stream:
    """Gathers the events named download."""

    def __init__(self, server, seen):
        import http.client
        self.seen = seen
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.connection.request("GET", "/api/v1/events", headers={**server.owner(), "Accept": "text/event-stream"})
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        event = ""
        try:
            for line in self.response:
                text = line.decode().strip()
                if text.startswith("event:"):
                    event = text[6:].strip()
                elif text.startswith("data:") and event == "download":
                    self.seen.append(json.loads(text[5:]))
        except (OSError, ValueError):
            pass

    def wait(self, condition):
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.seen
            time.sleep(0.02)


def test_cancel_resume_and_remove(hub, server):
    offer(hub, faults=[{"at": "cdn", "do": "slow", "ms": 1, "stall": 1_300_000}])
    number = server.api("POST", "/downloads", {"model": REPO}).json["id"]
    deadline = time.monotonic() + 20
    while server.api("GET", f"/downloads/{number}").json["have_bytes"] < 1_200_000:
        assert time.monotonic() < deadline
    refusal(server.api("DELETE", f"/downloads/{number}"), 409, "err_hub_active")
    assert server.api("POST", f"/downloads/{number}/cancel").status == 204
    cancelled = wait(server, number)
    part = pathlib.Path(cancelled["path"] + ".part")
    assert cancelled["state"] == "cancelled" and 0 < part.stat().st_size < 3_000_000
    refusal(server.api("POST", f"/downloads/{number}/cancel"), 409, "err_hub_is_over")
    assert server.api("DELETE", f"/downloads/{number}").status == 204
    deadline = time.monotonic() + 20
    while (server.data / "models" / "org").exists():
        assert time.monotonic() < deadline, "what came is still there"
        time.sleep(0.02)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/resume")):
        refusal(server.api(method, f"/downloads/{number}{path}"), 404, "err_hub_no_download")


def test_a_server_that_is_killed_leaves_what_can_be_continued(hub, tmp_path):
    """kill -9 at random moments: a start later the download is listed as interrupted, and goes on."""
    rng, size, sent = random.Random(5), 16_000_000, 0
    offer(hub, files={"big.gguf": {"random": size}})
    environment, number = settings(hub, tmp_path), None
    for turn in range(6):
        hub.faults = [{"at": "cdn", "do": "slow", "ms": 4, "stall": 2_600_000}] if turn < 5 else []
        server = Server(tmp_path, **environment)
        server.login()
        if number is None:
            number = server.api("POST", "/downloads", {"model": REPO}).json["id"]
        else:
            left = server.api("GET", "/downloads").json["downloads"]
            assert [(d["id"], d["state"]) for d in left] == [(number, "interrupted")], left
            sent = left[0]["have_bytes"]
            assert server.api("POST", f"/downloads/{number}/resume").status == 200
        if turn < 5:
            wanted = sent + rng.randrange(1_200_000, 2_600_000)
            deadline = time.monotonic() + 30
            while server.api("GET", f"/downloads/{number}").json["have_bytes"] < wanted:
                assert time.monotonic() < deadline
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
            server.log.close()
            parts = sorted(p.name for p in (server.data / "models").rglob("*") if p.is_file())
            assert len(parts) == 2 and parts[0].startswith(".download-") and parts[1] == "big.gguf.part", parts
    done = wait(server, number)
    assert done["state"] == "done" and pathlib.Path(done["path"]).read_bytes() == hub.models[REPO].files["big.gguf"].data
    starts = [int((r["range"] or "bytes=0-")[6:-1]) for r in hub.requests if r["server"] == "cdn"]
    assert starts[0] == 0 and starts == sorted(starts) and starts[-1] >= 5 << 20, "what was there was fetched again"
    assert server.stop() == 0


def test_a_wrong_address_and_a_hub_that_is_away(hub, tmp_path):
    server = Server(tmp_path, **settings(hub, tmp_path, HF_ENDPOINT="hub.example"))
    server.login()
    refusal(server.api("GET", "/hub"), 400, "err_hub_endpoint")
    refusal(server.api("POST", "/downloads", {"model": REPO}), 400, "err_hub_endpoint")
    assert server.stop() == 0
    server = Server(tmp_path, **settings(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:1"))
    server.login()
    error = server.api("POST", "/downloads", {"model": REPO}).json["error"]
    assert error["key"] == "err_http_connect" and "127.0.0.1:1" in error["message"]
    assert server.stop() == 0
