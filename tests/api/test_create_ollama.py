# SPDX-License-Identifier: Apache-2.0
"""From the epoch that was chosen into an Ollama (a stub of several releases): uploaded, created, compared, listed as ours.

ASSAY_TEST_MODEL names the demo's base model; without it these tests are skipped."""
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from live import Live, add_demo

from test_creations import QUESTIONS, states, wait

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
STUB = pathlib.Path(__file__).resolve().parent.parent / "support" / "ollama_stub.py"
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")


class Ollama:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, STUB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def post(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return reply.read()

    def state(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stub/state") as reply:
            return json.load(reply)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


@pytest.fixture(scope="module")
def ollama():
    stub = Ollama()
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory, ollama):
    server = Live(tmp_path_factory.mktemp("ollama"), env={**os.environ, "OLLAMA_HOST": f"127.0.0.1:{ollama.port}"}).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def run(live):
    base, *epochs = add_demo(live, MODEL)
    run = live.call("POST", "/runs", {"columns": [{"model_id": base}, {"model_id": epochs[3]}], "questions": QUESTIONS,
                                      "params": {"max_tokens": 16}})
    live.wait_run(run["id"])
    return live.call("GET", f"/runs/{run['id']}")


def create(live, run, **fields):
    c = run["columns"][1]
    return live.call("POST", "/creations", {"model_id": c["model_id"], "run_id": run["id"], "column_id": c["id"], "target": "ollama",
                                            "format": "Q4_K_M", "name": "kestrel-epoch8:q4_k_m", "prove": False, **fields})


@pytest.mark.parametrize("version", ["0.11.5", "0.33.0", "0.40.0"])
def test_the_chosen_epoch_is_in_ollama(live, run, ollama, version):
    ollama.post("/stub/reset", {"version": version})
    made = wait(live, create(live, run))
    assert made["state"] == "done", made
    assert set(states(made).values()) <= {"done", "skipped"} and states(made)["ask"] == "done", made
    assert made["result"]["ollama_name"] == "kestrel-epoch8:q4_k_m"
    parity = made["result"]["parity"]
    assert parity["state"] in ("same", "similar", "different") and parity["explanation"] and parity["ollama_version"] == version
    assert parity["template"]["ours"].startswith("<|im_start|>") and parity["answer"]["ours"]
    provider = next(p for p in live.call("GET", "/providers")["providers"] if p["is_default"])
    listed = live.call("GET", f"/providers/{provider['id']}/models")["models"]
    ours = next(m for m in listed if m["name"] == "kestrel-epoch8:q4_k_m")
    assert ours["imported"]["run_id"] == run["id"] and ours["imported"]["epoch"] == 8
    done, asked = live.call("GET", "/audit?limit=2")["entries"]
    assert (done["what"], done["subject"]) == ("import", f"kestrel-epoch8:q4_k_m -> {provider['url']}") and done["from"] == "server"
    assert (asked["what"], asked["subject"]) == ("create_ollama", f"{made['id']}, kestrel-epoch8:q4_k_m") and asked["from"] == "unix"


def test_a_name_that_ollama_does_not_take_is_made_one(live, run, ollama):
    ollama.post("/stub/reset", {"version": "0.33.0"})
    made = wait(live, create(live, run, name="客服 Bot – 第 8 週期"))
    assert made["state"] == "done", made
    assert made["result"]["ollama_name"].isascii() and made["result"]["ollama_name"]


def test_an_existing_model_is_replaced_only_when_asked(live, run, ollama):
    ollama.post("/stub/reset", {"version": "0.33.0"})
    assert wait(live, create(live, run))["state"] == "done"
    refused = wait(live, create(live, run))
    assert refused["state"] == "failed" and "kestrel-epoch8" in refused["problem"]["message"], refused
    assert wait(live, create(live, run, replace=True))["state"] == "done"


def test_without_ollama_the_job_says_so_and_the_file_stays(live, run, ollama):
    ollama.post("/stub/reset", {"version": "0.33.0", "faults": [{"at": "version", "do": "error", "status": 500, "error": "no", "times": 99}]})
    failed = wait(live, create(live, run, name="gone"))
    assert failed["state"] == "failed" and failed["problem"]["message"], failed
    assert states(failed)["upload"] == "failed" and os.path.exists(failed["artifact"]["path"])
    ollama.post("/stub/reset", {"version": "0.33.0"})
    live.call("POST", f"/creations/{failed['id']}/retry")
    assert wait(live, failed)["state"] == "done"


def test_a_cancelled_upload_leaves_nothing(live, run, ollama):
    ollama.post("/stub/reset", {"version": "0.33.0", "faults": [{"at": "blob", "bytes": 1000000, "do": "delay", "ms": 3000}]})
    creation = create(live, run, name="cancelled")
    while live.call("GET", f"/creations/{creation['id']}")["steps"][-4]["fraction"] < 0.14:
        pass
    live.call("POST", f"/creations/{creation['id']}/cancel")
    assert wait(live, creation)["state"] == "cancelled"
    assert not [name for name in json.dumps(ollama.state()).split('"') if name.startswith("cancelled")]
