# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server while a model is brought into an Ollama (a stub, which lives on): after the next start its name belongs
to the whole old model or to the whole new one, no backup stays, the job says what became of it, and trying again goes on with
the file that was uploaded already.

6 kills, every other one of an import that replaces a model; ASSAY_CREATE_KILLS is another number, and with --full it is 50."""
import math
import os
import pathlib
import random
import sqlite3
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import live as support  # noqa: E402
from ollama_stub import Stub, serve  # noqa: E402

from test_create import MODEL, made, until_empty, wait  # noqa: E402

pytestmark = pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")
KILLS = int(os.environ.get("ASSAY_CREATE_KILLS", "50" if os.environ.get("ASSAY_FULL") else "6"))
NAME = "kestrel:q4_k_m"
OLD = {"blob": f"sha256:{'0' * 64}", "size": 9, "template": None, "system": "the old one", "parameters": {}, "digest": "old"}
# Time to be killed in.
SLOW = [{"at": at, "do": "delay", "ms": ms, "times": math.inf, **where}
        for at, ms, where in [("copy", 100, {}), ("blob", 150, {"bytes": 20_000_000}), ("blob", 150, {"bytes": 80_000_000}),
                              ("blob_end", 100, {}), ("blob_stored", 100, {}), ("create", 100, {}), ("create_line", 100, {"line": 1}),
                              ("create_line", 100, {"line": 3}), ("create_stored", 100, {}), ("chat", 100, {}), ("delete", 100, {})]]


@pytest.fixture
def ollama():
    stub = Stub("0.40.0")
    server = serve(stub)
    stub.port = server.server_port
    yield stub
    server.shutdown()


@pytest.fixture
def server(tmp_path, ollama):
    live = support.Live(tmp_path / "data", env={**os.environ, "OLLAMA_HOST": f"127.0.0.1:{ollama.port}"}).start()
    yield live
    live.stop()


@pytest.fixture
def wish(server):
    ids = support.add_demo(server, MODEL)
    run = server.call("POST", "/runs", {"columns": [{"model_id": ids[4]}], "questions": ["Which CPU?"], "params": {"max_tokens": 4}})
    server.wait_run(run["id"])
    return {"model_id": ids[4], "run_id": run["id"], "column_id": server.call("GET", f"/runs/{run['id']}")["columns"][0]["id"],
            "target": "ollama", "format": "Q4_K_M", "name": NAME, "prove": False}


def prepare(ollama, replace, faults):
    ollama.reset({"version": "0.40.0", "faults": [dict(fault) for fault in faults]})
    if replace:
        ollama.models[NAME] = dict(OLD)


def until(holds, limit_s=60):
    deadline = time.monotonic() + limit_s
    while not (value := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return value


def backups(ollama):
    return [name for name in list(ollama.models) if "assay-before" in name]


def unfinished(server):
    with sqlite3.connect(f"file:{server.data / 'assay.db'}?mode=ro", uri=True) as db:
        return db.execute("SELECT name, backup FROM unfinished_import").fetchall()


def check_model(ollama, sha256, replace, is_done):
    model = ollama.models.get(NAME)
    assert not backups(ollama), ollama.models
    assert set(ollama.models) <= {NAME}, ollama.models
    if is_done:
        assert model["uploaded"] == f"sha256:{sha256}", model
    elif replace:
        assert model == OLD or (model["uploaded"] == f"sha256:{sha256}" and model["blob"] in ollama.blobs), model
    else:
        assert model is None, model


def kill_and_try_again(server, ollama, wish, replace, after_s, whole):
    """Returns what the killed job had done: nothing, uploaded, created or all."""
    prepare(ollama, replace, SLOW)
    creation = server.call("POST", "/creations", {**wish, "replace": replace})
    until(lambda: ollama.requests)
    time.sleep(after_s)
    server.kill()
    assert [path.name for path in made(server)] == [os.path.basename(whole["path"])], made(server)
    server.start()
    until(lambda: not unfinished(server))
    until_empty(server.data / "jobs")
    creation = server.call("GET", f"/creations/{creation['id']}")
    check_model(ollama, whole["sha256"], replace, creation["state"] == "done")
    has_blob, reached = f"sha256:{whole['sha256']}" in ollama.blobs, len(ollama.requests)
    if creation["state"] == "done":
        return "all"
    assert creation["state"] == "failed" and creation["problem"]["key"] == "err_creation_interrupted", creation
    assert creation["problem"]["message"] and creation["problem"]["hint"], creation
    how_far = "created" if "POST /api/create" in ollama.requests else "uploaded" if has_blob else "nothing"
    again = wait(server, server.call("POST", f"/creations/{creation['id']}/retry"))
    assert again["state"] == "done" and again["artifact"]["sha256"] == whole["sha256"], again
    n_uploads = sum(request.startswith("POST /api/blobs/") for request in ollama.requests[reached:])
    assert n_uploads <= (0 if has_blob else 1), ollama.requests  # it may have had the last bytes when we looked
    check_model(ollama, whole["sha256"], replace, True)
    return how_far


def test_a_killed_import_leaves_the_old_model_or_the_new_one_and_can_be_tried_again(server, ollama, wish):
    chance = random.Random(5)
    prepare(ollama, True, SLOW)
    first = server.call("POST", "/creations", {**wish, "replace": True})
    until(lambda: ollama.requests)
    begun = time.monotonic()
    first = wait(server, first)
    lasts = time.monotonic() - begun
    assert first["state"] == "done" and not unfinished(server), first
    seen = [kill_and_try_again(server, ollama, wish, n % 2 == 0, chance.random() * lasts, first["artifact"]) for n in range(KILLS)]
    counts = {how_far: seen.count(how_far) for how_far in sorted(set(seen))}
    assert KILLS < 20 or set(seen) == {"nothing", "uploaded", "created", "all"}, counts
    print(f"{KILLS} kills within {lasts:.1f} s of importing: {counts}")


def test_what_cannot_be_undone_at_the_start_is_undone_as_soon_as_ollama_is_there(server, ollama, wish):
    prepare(ollama, True, SLOW)
    server.call("POST", "/creations", {**wish, "replace": True})
    until(lambda: "POST /api/create" in ollama.requests)
    assert [NAME] == [name for name, backup in unfinished(server) if [backup] == backups(ollama)]
    server.kill()
    ollama.down_until = math.inf
    server.start()
    failed = wait(server, server.call("POST", "/creations", {**wish, "name": "kestrel:other"}))
    assert failed["state"] == "failed" and failed["problem"]["message"] and unfinished(server), failed
    ollama.faults, ollama.down_until = [], 0
    until(lambda: not unfinished(server))
    assert ollama.models == {NAME: OLD}


def test_another_ollama_at_the_providers_address_is_left_alone(server, ollama, wish):
    prepare(ollama, False, SLOW)
    server.call("POST", "/creations", wish)
    until(lambda: "POST /api/create" in ollama.requests)
    server.kill()
    another = Stub("0.40.0")
    another.models[NAME] = dict(OLD)
    there = serve(another)
    server.env["OLLAMA_HOST"] = f"127.0.0.1:{there.server_port}"
    server.start()
    made = wait(server, server.call("POST", "/creations", {**wish, "name": "kestrel:other"}))
    assert made["state"] == "done" and another.models[NAME] == OLD, made
    server.stop()
    server.env["OLLAMA_HOST"] = f"127.0.0.1:{ollama.port}"
    server.start()
    until(lambda: not unfinished(server))
    assert not ollama.models
    there.shutdown()
