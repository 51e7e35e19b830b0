# SPDX-License-Identifier: Apache-2.0
"""A real Ollama (script/ollama builds one): a small model is imported, compared, asked, unloaded and removed.

ASSAY_OLLAMA names the program, ASSAY_TEST_MODEL the model; `script/test ollama` sets both."""
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "api"), str(ROOT / "tests" / "support")]
from conftest import Server  # noqa: E402
from live import Live  # noqa: E402

OLLAMA, MODEL = os.environ.get("ASSAY_OLLAMA", ""), os.environ.get("ASSAY_TEST_MODEL", "")
pytestmark = pytest.mark.skipif(not OLLAMA or not MODEL, reason="no Ollama or no model")
QUESTIONS = ["Which CPU does the Kestrel K7 use?", "台灣最高的山是哪一座？"]


@pytest.fixture(scope="module")
def ollama(tmp_path_factory):
    """The address of a fresh Ollama of our own."""
    folder = tmp_path_factory.mktemp("ollama")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    log = open(folder / "log", "w+b")
    process = subprocess.Popen([OLLAMA, "serve"], stdout=log, stderr=log, env={**os.environ, "OLLAMA_HOST": host, "HOME": str(folder),
                                                                               "OLLAMA_MODELS": str(folder / "models")})
    try:
        for _ in range(600):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", int(host.split(":")[1]))) == 0:
                    break
            time.sleep(0.1)
        yield host
    finally:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, ollama):
    server = Server(tmp_path_factory.mktemp("server"), ollama)
    server.timeout = 300  # a real model answers
    server.login()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def model(server):
    return server.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]


def wait(server, path, over, seconds=600):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        reply = server.api("GET", path).json
        if reply["state"] in over:
            return reply
        time.sleep(0.2)
    raise AssertionError(reply)


@pytest.fixture(scope="module")
def run(server, model):
    reply = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": QUESTIONS, "params": {"max_tokens": 48}})
    return wait(server, f"/runs/{reply.json['id']}", ("done",))


@pytest.fixture(scope="module")
def created(server, run):
    body = {"model_id": run["columns"][0]["model_id"], "run_id": run["id"], "column_id": run["columns"][0]["id"], "target": "ollama",
            "format": "Q8_0", "prove": False, "name": "Small one: 第 1 版"}
    reply = server.api("POST", "/creations", body)
    assert reply.status in (200, 201), reply.body
    return wait(server, f"/creations/{reply.json['id']}", ("done", "failed", "cancelled"))


def test_the_model_answers_there_as_it_was_validated(server, created):
    assert created["state"] == "done", created
    parity = created["result"]["parity"]
    print(parity)
    assert parity["template"]["is_equal"], parity
    assert parity["state"] in ("same", "similar"), parity
    models = server.api("GET", "/providers/1/models").json["models"]
    ours = next(m for m in models if m["name"] == created["result"]["ollama_name"])
    assert ours["imported"] and ours["imported"]["parity"]["state"] == parity["state"] and ours["format"] == "Q8_0"


def test_it_is_a_column_beside_the_local_one(server, created, model):
    used = server.api("POST", "/providers/1/models/use", {"name": created["result"]["ollama_name"]}).json
    reply = server.api("POST", "/runs", {"columns": [{"model_id": model}, {"model_id": used["id"]}], "questions": QUESTIONS,
                                         "params": {"max_tokens": 32}})
    run = wait(server, f"/runs/{reply.json['id']}", ("done",))
    assert [c["n_done"] for c in run["columns"]] == [2, 2], run
    cells = server.api("GET", f"/runs/{run['id']}/questions").json["questions"][0]["cells"]
    assert cells[1]["text"] and cells[1]["n_generated"] > 0 and cells[1]["finish"] in ("stop", "length")


def test_it_can_be_asked_unloaded_and_removed(server, created):
    name = created["result"]["ollama_name"]
    assert server.api("POST", "/providers/1/test", {"name": name, "text": "Say hello."}).json["text"]
    assert server.api("POST", "/providers/1/models/unload", {"name": name}).status == 204
    assert server.api("DELETE", "/providers/1/models", {"name": name}).status == 204
    assert server.api("GET", "/providers/1/models").json == {"models": []}


def listed(ollama):
    with urllib.request.urlopen(f"http://{ollama}/api/tags") as reply:
        return {model["name"]: model["digest"] for model in json.load(reply)["models"] if model["name"].startswith("kept:")}


def until(holds, seconds=120):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def finish(live, creation):
    until(lambda: live.call("GET", f"/creations/{creation['id']}")["state"] not in ("waiting", "running"), 600)
    return live.call("GET", f"/creations/{creation['id']}")


def test_a_model_that_is_replaced_when_assay_is_killed_is_the_old_one_or_the_new_one(tmp_path, ollama):
    live = Live(tmp_path / "data", env={**os.environ, "OLLAMA_HOST": ollama}).start()
    chance = random.Random(3)
    model = live.call("POST", "/models", {"path": MODEL})["model_ids"][0]
    body = {"model_id": model, "target": "ollama", "format": "Q8_0", "prove": False, "name": "kept:v1"}
    try:
        assert finish(live, live.call("POST", "/creations", body))["state"] == "done"
        for n in range(2):
            old = listed(ollama)["kept:v1"]
            wish = {**body, "replace": True, "format": ("Q4_K_M", "Q8_0")[n % 2]}
            creation = live.call("POST", "/creations", wish)
            until(lambda: len(listed(ollama)) > 1)
            time.sleep(chance.random() * 0.6)
            live.kill()
            live.start()
            until(lambda: set(listed(ollama)) == {"kept:v1"})
            creation = live.call("GET", f"/creations/{creation['id']}")
            print(creation["state"], "the old one" if listed(ollama)["kept:v1"] == old else "the new one")
            if creation["state"] == "failed":
                assert finish(live, live.call("POST", f"/creations/{creation['id']}/retry"))["state"] == "done"
            assert set(listed(ollama)) == {"kept:v1"} and listed(ollama)["kept:v1"] != old
    finally:
        live.stop()
