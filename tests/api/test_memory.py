# SPDX-License-Identifier: Apache-2.0
"""What Ollama holds of the memory, how it lets go, and what one model may use of GPUs."""
import socket
import time

import pytest

from conftest import Server, gguf
from tiny_gguf import huge_gguf
from ollama_stub import Stub, serve
from test_contract import problem

GB = 1_000_000_000


def held_model(memory, vram):
    return {"blob": "sha256:" + "0" * 64, "size": 105, "template": None, "system": "", "parameters": {}, "digest": "d1",
            "memory": memory, "vram": vram}


@pytest.fixture
def ollama():
    stub = Stub("0.33.0")
    server = serve(stub)
    stub.port = server.server_port
    stub.models = {"big:8b": held_model(5 * GB, 4 * GB), "small:latest": held_model(GB, 0), "idle:latest": held_model(GB, 0)}
    stub.loaded = {"big:8b", "small:latest"}
    yield stub
    server.shutdown()
    server.server_close()


@pytest.fixture
def provider(server, ollama):
    reply = server.api("POST", "/providers", {"kind": "ollama", "name": "stub", "url": f"http://127.0.0.1:{ollama.port}"})
    assert reply.status == 200, reply.body
    yield reply.json
    server.api("DELETE", f"/providers/{reply.json['id']}")


@pytest.fixture
def model(server, tmp_path):
    number = server.api("POST", "/models", {"path": str(gguf(tmp_path / "tiny.gguf"))}).json["model_ids"][0]
    yield number
    server.api("DELETE", f"/models/{number}")


@pytest.fixture
def huge(server, tmp_path):
    path = huge_gguf(tmp_path / "huge.gguf")
    reply = server.api("POST", "/models", {"path": str(path)})
    assert reply.status == 200 and reply.json["model_ids"], reply.body
    yield reply.json["model_ids"][0]
    server.api("DELETE", f"/models/{reply.json['model_ids'][0]}")


def requests(stub, method):
    return [r for r in stub.requests if r.startswith(method)]


def test_it_says_what_ollama_holds(server, provider, ollama):
    memory = server.api("GET", "/memory", Accept_Language="en").json
    assert memory["held"]["bytes"] == 6 * GB and memory["held"]["gpu_bytes"] == 4 * GB
    assert memory["held"]["message"] == "Ollama is holding 6.0 GB: big:8b (5.0 GB), small:latest (1.0 GB)."
    assert {m["name"] for m in memory["held"]["models"]} == {"big:8b", "small:latest"}
    assert all(m["provider_id"] == provider["id"] for m in memory["held"]["models"])
    assert memory["memory_total"] > 0 and memory["largest"]["bytes"] > 0 and memory["largest"]["name"]
    assert "model" not in memory and "freed_bytes" not in memory
    assert "Ollama 佔用了 6.0 GB" in server.api("GET", "/memory", Accept_Language="zh-TW").json["held"]["message"]
    check, = [c for c in server.api("GET", "/doctor", Accept_Language="en").json["checks"] if c["name"] == "ollama"]
    assert "Ollama is holding 6.0 GB" in check["message"] and "assay doctor --free" in check["hint"]


def test_nobody_is_asked_that_nobody_added_or_that_is_not_of_this_machine(server, ollama):
    assert server.api("GET", "/memory").json["held"] == {"bytes": 0, "gpu_bytes": 0, "message": "", "models": [], "problems": []}
    added = server.api("POST", "/providers", {"kind": "openai", "name": "no", "url": f"http://127.0.0.1:{ollama.port}/v1"}).json
    ollama.requests.clear()
    assert server.api("GET", "/memory").json["held"]["bytes"] == 0
    assert server.api("POST", "/memory/free", {}).json["freed_bytes"] == 0
    assert ollama.requests == [] and len(ollama.loaded) == 2
    server.api("DELETE", f"/providers/{added['id']}")
    assert not [c for c in server.api("GET", "/doctor").json["checks"] if c["name"] == "ollama"]


def test_it_lets_go_and_the_reply_waits_until_it_has(server, provider, ollama, model):
    ollama.faults = [{"at": "busy", "ms": 450}]
    reply = server.api("POST", "/memory/free", {"model_id": model})
    assert reply.status == 200, reply.body
    assert reply.json["freed_bytes"] == 6 * GB and reply.json["held"]["bytes"] == 0 and ollama.loaded == set()
    assert reply.json["model"]["id"] == model and reply.json["model"]["need_bytes"] > 0
    assert len(requests(ollama, "POST /api/generate")) == 2, "what is not loaded is left alone"
    assert len(requests(ollama, "GET /api/ps")) >= 3
    again = server.api("POST", "/memory/free")
    assert again.status == 200 and again.json["freed_bytes"] == 0


def test_an_ollama_that_refuses_or_says_nonsense_is_quoted(server, provider, ollama):
    ollama.faults = [{"at": "unload", "do": "error", "status": 500, "error": "the runner is stuck"}]
    assert "the runner is stuck" in problem(server.api("POST", "/memory/free", {}), 500, "io")["message"]
    ollama.faults = [{"at": "ps", "do": "error", "status": 500, "error": "no list today", "times": 9}]
    held = server.api("GET", "/memory").json["held"]
    assert held["bytes"] == 0 and "no list today" in held["problems"][0]["message"]
    ollama.faults = [{"at": "ps", "do": "kill", "ms": 1, "times": 9}]
    assert server.api("GET", "/memory").json["held"]["problems"] == [], "one that is not there holds nothing"


def test_a_stop_does_not_wait_for_an_ollama_that_never_lets_go(tmp_path, ollama):
    own = Server(tmp_path, ollama_host=f"127.0.0.1:{ollama.port}")
    own.login()
    ollama.faults = [{"at": "busy", "times": 99}]
    connection = socket.create_connection(("127.0.0.1", own.port))
    head = "".join(f"{k}: {v}\r\n" for k, v in own.owner().items())
    connection.sendall(f"POST /api/v1/memory/free HTTP/1.1\r\nHost: 127.0.0.1:{own.port}\r\n{head}Content-Type: application/json\r\n"
                       "Content-Length: 2\r\n\r\n{}".encode())
    while len(requests(ollama, "GET /api/ps")) < 3:
        time.sleep(0.01)
    busy = problem(own.api("POST", "/memory/free", {}), 503, "busy")
    assert "already" in busy["message"]
    assert own.stop() == 0
    connection.close()


def test_an_estimate_names_what_is_short_and_what_helps(server, provider, huge):
    estimate = server.api("GET", f"/memory?model_id={huge}", Accept_Language="en").json["model"]
    assert estimate["need_bytes"] > 8 * 10**12 and estimate["n_layers"] == 2 and not estimate["is_loaded"]
    assert "Ollama is holding 2.0 GB" in estimate["problem"]["message"], "what lies on a GPU is of no use to the processor"
    action, = estimate["problem"]["actions"]
    assert action == {"action": "free", "label": "Free it", "model_id": huge}
    after = server.api("POST", "/memory/free", {"model_id": huge}, Accept_Language="zh-TW").json["model"]
    assert "Ollama" not in after["problem"]["message"] and "actions" not in after["problem"]


@pytest.fixture
def long(server, tmp_path):
    """A model with a context of 16 Mi tokens, each of which takes 64 KiB."""
    path = gguf(tmp_path / "long.gguf")
    data = bytearray(path.read_bytes())
    for key, value in ((b"llama.context_length", 1 << 24), (b"llama.block_count", 512)):
        at = data.index(key) + len(key) + 4
        data[at:at + 4] = value.to_bytes(4, "little")
    path.write_bytes(data)
    number = server.api("POST", "/models", {"path": str(path)}).json["model_ids"][0]
    yield number
    server.api("DELETE", f"/models/{number}")


def test_an_estimate_is_for_the_context_that_is_meant(server, long):
    def estimate(**query):
        words = "".join(f"&{name}={value}" for name, value in query.items())
        return server.api("GET", f"/memory?model_id={long}{words}", Accept_Language="en").json["model"]
    usual, longer, endless = estimate(), estimate(num_ctx=8192), estimate(num_ctx=1 << 24)
    assert usual["context_tokens"] == 2048 and "tokens" not in usual["message"]
    small = estimate(num_ctx=300)
    assert (small["need_bytes"], small["context_tokens"]) == (usual["need_bytes"], 2048), "several questions are answered at once"
    assert longer["context_tokens"] == 8192 and longer["need_bytes"] - usual["need_bytes"] > 6144 * 65536
    assert "room for 8192 tokens" in longer["message"], longer
    assert 2048 < endless["context_tokens"] < 1 << 24 and "problem" not in endless
    assert f"short contexts: room for {endless['context_tokens']} tokens" in endless["message"], endless
    assert endless["need_bytes"] <= endless["free_bytes"] < endless["need_bytes"] + 10**9, "as long as there is room"
    for wrong in (0, -1, "x", (1 << 24) + 1):
        problem(server.api("GET", f"/memory?model_id={long}&num_ctx={wrong}"), 400, "invalid", "num_ctx")


def test_a_refused_validation_says_what_ollama_holds(server, provider, huge):
    upload = server.api("POST", "/question-sets", {"name": "two", "questions": [{"text": "One?"}, {"text": "Two?"}]}).json
    run = server.api("POST", "/runs", {"question_set_id": upload["id"], "columns": [{"model_id": huge}]})
    assert run.status in (200, 201), run.body
    number = run.json["id"]
    for _ in range(6000):
        time.sleep(0.01)
        column = server.api("GET", f"/runs/{number}", Accept_Language="en").json["columns"][0]
        if column["state"] == "failed":
            break
    assert "Ollama is holding 2.0 GB" in column["problem"]["message"], column
    assert [a["action"] for a in column["problem"]["actions"]] == ["free"]
    server.api("DELETE", f"/runs/{number}")


def test_what_one_model_may_use_of_gpus(server, model):
    assert server.api("GET", f"/models/{model}").json["gpu"] is None
    for layers, device in ((-1, ""), (0, ""), (12, "CUDA0,CUDA1")):
        chosen = server.api("PUT", f"/models/{model}/gpu", {"layers": layers, "device": device})
        assert chosen.status == 200 and chosen.json["gpu"] == {"layers": layers, "device": device}, chosen.body
        assert server.api("GET", f"/models/{model}").json["gpu"] == {"layers": layers, "device": device}
    listed, = [m for m in server.api("GET", "/models").json["models"] if m["id"] == model]
    assert listed["gpu"]["layers"] == 12
    assert server.api("PUT", f"/models/{model}/gpu", {"layers": None}).json["gpu"] is None
    problem(server.api("PUT", f"/models/{model}/gpu", {}), 400, "invalid", "layers")
    problem(server.api("PUT", f"/models/{model}/gpu", {"layers": -2}), 400, "invalid", "layers")
    problem(server.api("PUT", f"/models/{model}/gpu", {"layers": "many"}), 400, "invalid", "layers")
    for device in ("CUDA0,", "CUDA 0", "C" * 40, "CUDA0," * 60 + "CUDA0", 7):
        problem(server.api("PUT", f"/models/{model}/gpu", {"layers": 1, "device": device}), 400, "invalid", "device")
    problem(server.api("PUT", "/models/999999/gpu", {"layers": 1}), 404, "not_found")
    problem(server.api("GET", "/memory?model_id=999999"), 404, "not_found")
    problem(server.api("GET", "/memory?model_id=x"), 400, "invalid", "model_id")


def test_a_provider_computes_its_models_itself(server, provider):
    used = server.api("POST", f"/providers/{provider['id']}/models/use", {"name": "idle:latest"}).json
    assert "gpu" not in used
    problem(server.api("PUT", f"/models/{used['id']}/gpu", {"layers": 0}), 400, "invalid")
    problem(server.api("GET", f"/memory?model_id={used['id']}"), 400, "invalid")
