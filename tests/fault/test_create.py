# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server and of the job's worker while a model is merged, quantized and published: the file is there whole or
not at all, nothing half-made stays, and trying again makes the same bytes.

12 kills; ASSAY_CREATE_KILLS is another number, and with --full it is 50."""
import hashlib
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import live as support  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
KILLS = int(os.environ.get("ASSAY_CREATE_KILLS", "50" if os.environ.get("ASSAY_FULL") else "12"))
pytestmark = pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")


def wait(server, creation, limit_s=180):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        creation = server.call("GET", f"/creations/{creation['id']}")
        if creation["state"] not in ("waiting", "running"):
            return creation
        time.sleep(0.02)
    raise AssertionError(creation)


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def made(server):
    folder = server.data / "artifacts"
    return sorted(folder.iterdir()) if folder.exists() else []


def until_empty(folder, limit_s=20):
    """What a dead server left is removed by the next one, beside its other work."""
    deadline = time.monotonic() + limit_s
    while folder.exists() and any(folder.iterdir()):
        assert time.monotonic() < deadline, list(folder.iterdir())
        time.sleep(0.05)


@pytest.fixture
def server(tmp_path):
    live = support.Live(tmp_path / "data").start()
    yield live
    live.stop()


@pytest.fixture
def wish(server):
    ids = support.add_demo(server, MODEL)
    return {"model_id": ids[4], "target": "file", "format": "Q4_K_M", "name": "bot", "prove": False}


def remove(server, creation):
    server.call("DELETE", f"/artifacts/{creation['artifact']['id']}")


def test_a_killed_server_leaves_no_half_made_file(server, wish):
    chance = random.Random(7)
    begun = time.monotonic()
    whole = wait(server, server.call("POST", "/creations", wish))
    lasts = time.monotonic() - begun
    assert whole["state"] == "done", whole
    expected = whole["artifact"]["sha256"]
    remove(server, whole)
    survived = 0
    for _ in range(KILLS):
        creation = server.call("POST", "/creations", wish)
        time.sleep(chance.random() * lasts * 1.1)
        server.kill()
        for path in made(server):
            assert not path.name.endswith(".part") and digest(path) == expected, path
        server.start()
        until_empty(server.data / "jobs")
        creation = server.call("GET", f"/creations/{creation['id']}")
        assert creation["state"] in ("done", "failed"), creation
        if creation["state"] == "failed":
            assert creation["problem"]["key"] == "err_creation_interrupted"
            creation = server.call("POST", f"/creations/{creation['id']}/retry")
        else:
            survived += 1
        again = wait(server, creation)
        assert again["state"] == "done" and again["artifact"]["sha256"] == expected, again
        assert [digest(path) for path in made(server)] == [expected], made(server)
        remove(server, again)
        assert not made(server)
    print(f"{KILLS} kills of the server within {lasts:.1f} s of work; {survived} came after the end")


def kill_between_file_and_row(server, wish):
    """The file has its name; the row cannot come to the disk, because we hold the lock that it needs."""
    creation = server.call("POST", "/creations", wish)
    deadline = time.monotonic() + 60
    while not workers_of(server):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    lock = sqlite3.connect(server.data / "assay.db", isolation_level=None, timeout=20)
    lock.execute("BEGIN IMMEDIATE")
    while not (files := [path for path in made(server) if path.suffix == ".gguf"]):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    server.kill()
    lock.execute("ROLLBACK")
    assert lock.execute("SELECT count(*) FROM artifact").fetchone() == (0,)
    lock.close()
    [path] = files
    return creation, path


def artifacts(server, n, limit_s=20):
    deadline = time.monotonic() + limit_s
    while len(found := server.call("GET", "/artifacts")["artifacts"]) != n:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_a_file_that_was_published_without_its_row_gets_it(server, wish):
    creation, path = kill_between_file_and_row(server, wish)
    expected, stranger = digest(path), path.parent / "mine.gguf"
    stranger.write_bytes(b"a file of the user's")
    server.start()
    [row] = artifacts(server, 1)
    assert row["path"] == str(path) and row["sha256"] == expected == digest(path)
    until_empty(server.data / "publishing")
    assert server.call("GET", f"/creations/{creation['id']}")["problem"]["key"] == "err_creation_interrupted"
    again = wait(server, server.call("POST", f"/creations/{creation['id']}/retry"))
    assert again["state"] == "done" and again["artifact"]["id"] == row["id"], again
    assert made(server) == sorted([path, stranger]) and stranger.read_bytes() == b"a file of the user's"


def test_what_the_user_put_there_meanwhile_is_left_alone(server, wish):
    _, path = kill_between_file_and_row(server, wish)
    path.write_bytes(b"another file")
    server.start()
    until_empty(server.data / "publishing")
    artifacts(server, 0)
    assert path.read_bytes() == b"another file"


def workers_of(server):
    listed = subprocess.run(["pgrep", "-P", str(server.process.pid), "-f", "write-dir"], capture_output=True, text=True)
    return [int(pid) for pid in listed.stdout.split()]


def test_a_killed_worker_fails_its_job_with_the_cause(server, wish):
    chance = random.Random(11)
    failed = 0
    for _ in range(KILLS):
        creation = server.call("POST", "/creations", wish)
        deadline = time.monotonic() + 20
        while not (pids := workers_of(server)):
            assert time.monotonic() < deadline
        time.sleep(chance.random() * 1.5)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        creation = wait(server, creation)
        assert creation["state"] in ("done", "failed"), creation
        if creation["state"] == "failed":
            failed += 1
            assert creation["problem"]["message"] and creation["artifact"] is None
            assert not made(server)
            until_empty(server.data / "jobs")
        else:
            remove(server, creation)
    assert failed >= KILLS // 4, f"only {failed} of {KILLS} kills hit the work"
    print(f"{KILLS} kills of the job's worker, {failed} during its work")


def test_a_worker_that_dies_in_the_quality_check_leaves_the_file_and_the_cause(server, wish):
    run = server.call("POST", "/runs", {"columns": [{"model_id": wish["model_id"]}], "questions": [f"Name {n} colours." for n in range(2, 14)],
                                        "params": {"max_tokens": 48}})
    server.wait_run(run["id"])
    column = server.call("GET", f"/runs/{run['id']}")["columns"][0]["id"]
    creation = server.call("POST", "/creations", {**wish, "run_id": run["id"], "column_id": column, "prove": True})
    deadline = time.monotonic() + 120
    while {s["name"]: s["state"] for s in server.call("GET", f"/creations/{creation['id']}")["steps"]}.get("proof") != "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    while not (pids := workers_of(server)):
        assert time.monotonic() < deadline
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    creation = wait(server, creation)
    assert creation["state"] == "done" and os.path.exists(creation["result"]["path"]), creation
    assert creation["artifact"]["proof"] is None and creation["result"]["proof_problem"]["message"], creation
