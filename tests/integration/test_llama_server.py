# SPDX-License-Identifier: Apache-2.0
"""A real OpenAI-compatible server: llama.cpp's own, of the same build as the worker, must give the worker's greedy answers.

ASSAY_LLAMA_SERVER names the program (`script/llama --tools` builds one), ASSAY_TEST_MODEL the model."""
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "api"), str(ROOT / "tests" / "support")]
from conftest import Server  # noqa: E402

SERVER, MODEL = os.environ.get("ASSAY_LLAMA_SERVER", ""), os.environ.get("ASSAY_TEST_MODEL", "")
pytestmark = pytest.mark.skipif(not SERVER or not MODEL, reason="no llama-server or no model")
QUESTIONS = ["Which CPU does the Kestrel K7 use?", "What is the capital of France?", "Name three colours.", "What is 2 + 2?"]
KEY = "sk-local-0123456789"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = open(tmp_path_factory.mktemp("llama") / "log", "w+b")
    process = subprocess.Popen([SERVER, "-m", MODEL, "--port", str(port), "-np", "2", "-c", "4096", "--api-key", KEY, "-ngl", "0"],
                               stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                if urllib.request.urlopen(f"http://127.0.0.1:{port}/health").status == 200:
                    break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def test_a_real_server_gives_the_workers_answers(tmp_path, address):
    server = Server(tmp_path)
    server.login()
    try:
        local = server.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]
        provider = server.api("POST", "/providers", {"kind": "openai", "url": address, "key": KEY}).json
        assert provider["state"] == "ok", provider
        name = server.api("GET", f"/providers/{provider['id']}/models").json["models"][0]["name"]
        remote = server.api("POST", f"/providers/{provider['id']}/models/use", {"name": name}).json["id"]
        run = server.api("POST", "/runs", {"columns": [{"model_id": local}, {"model_id": remote}], "questions": QUESTIONS,
                                           "params": {"max_tokens": 48}}).json
        for _ in range(1200):
            run = server.api("GET", f"/runs/{run['id']}").json
            if run["state"] == "done":
                break
            time.sleep(0.2)
        assert [c["n_done"] for c in run["columns"]] == [4, 4], run
        questions = server.api("GET", f"/runs/{run['id']}/questions").json["questions"]
        pairs = [tuple(c["text"].strip() for c in q["cells"]) for q in questions]
        print(*pairs, sep="\n")
        counts = [[c["n_generated"] for c in q["cells"]] for q in questions]
        # Batches differ, and so may near-ties: most begin alike, and some are the same to the end.
        assert sum(a[:20] == b[:20] for a, b in pairs) >= 3, pairs
        assert all(1 <= n <= 48 for pair in counts for n in pair), counts
        assert all(c["finish"] in ("stop", "length") for q in questions for c in q["cells"])
    finally:
        assert server.stop() == 0
