# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server and of workers under load: no acknowledged vote and no finished answer is lost or changed."""
import os
import pathlib
import random
import signal
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import live as support  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
pytestmark = pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")
KILLS = int(os.environ.get("ASSAY_KILLS", "500" if os.environ.get("ASSAY_FULL") else "100"))


@pytest.fixture
def server(tmp_path):
    live = support.Live(tmp_path / "data").start()
    yield live
    live.stop()


class Voter(threading.Thread):
    """Likes and unlikes answered cells as fast as the server takes it, and remembers what was acknowledged."""

    def __init__(self, live):
        super().__init__(daemon=True)
        self.live, self.acked = live, {}
        self.cells, self.ended, self.count = [], False, 0
        self.random, self.pause = random.Random(7), threading.Lock()

    def run(self):
        while not self.ended:
            if not self.cells:
                time.sleep(0.01)
                continue
            with self.pause:
                self.vote(self.random.choice(self.cells), self.random.random() < 0.6)

    def vote(self, cell, liked):
        try:
            self.live.call("PUT", f"/cells/{cell}/vote", {"liked": liked})
            self.acked[cell] = liked
            self.count += 1
        except (support.ServerGone, support.Refused):
            # Killed before the reply: the vote may stand or not, so this cell promises nothing any more.
            self.acked.pop(cell, None)
            time.sleep(0.01)


def check_nothing_lost(live, run_id, voter, answers):
    for cell in live.cells(run_id):
        if cell["id"] in answers:
            assert cell["state"] == "done", "a finished answer is gone"
            assert cell["text"] == answers[cell["id"]], "a finished answer has changed"
        if cell["id"] in voter.acked:
            assert cell["liked"] == voter.acked[cell["id"]], "an acknowledged vote is lost"
        if cell["state"] == "done":
            answers[cell["id"]] = cell["text"]


def test_the_server_killed_at_random_moments_loses_no_vote_and_no_answer(server):
    ids = support.add_demo(server, MODEL)
    questions = [f"Which CPU does the Kestrel K{n} use?" for n in range(400)]
    columns, params = [{"model_id": ids[0]}, {"model_id": ids[4]}], {"max_tokens": 12}
    first = server.call("POST", "/runs", {"columns": columns, "questions": questions[:8], "params": params})
    server.wait_run(first["id"])  # the model is calibrated and there is something to vote on
    run = server.call("POST", "/runs", {"columns": columns, "questions": questions, "params": params})
    run_id, voter, answers, rng = run["id"], Voter(server), {}, random.Random(11)
    voter.cells = [cell["id"] for cell in server.cells(first["id"])]
    voter.start()
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.0, 1.0))
        workers = []
        try:
            workers = server.workers()
        except support.ServerGone:
            pass
        server.kill()
        server.start()
        with voter.pause:
            check_nothing_lost(server, first["id"], voter, answers)
            check_nothing_lost(server, run_id, voter, answers)
        voter.cells = list(answers)
        deadline = time.monotonic() + 10
        while any(support.alive(pid) for pid in workers) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(support.alive(pid) for pid in workers), "a worker outlived its server"
        if server.call("GET", f"/runs/{run_id}")["state"] == "interrupted":
            server.call("POST", f"/runs/{run_id}/resume")
    voter.ended = True
    voter.join(10)
    assert voter.count > KILLS, "the voter hardly voted, so this proved nothing"
    final = server.wait_run(run_id)
    assert final["n_done"] == final["n_cells"] and not final["drifted"]
    check_nothing_lost(server, run_id, voter, answers)


def test_workers_killed_at_random_moments_cost_no_answer(server):
    ids = support.add_demo(server, MODEL)
    questions = [f"How many HDMI screens can be connected to the Heron H{n}?" for n in range(KILLS)]
    run = server.call("POST", "/runs", {"columns": [{"model_id": ids[0]}, {"model_id": ids[4]}], "questions": questions,
                                        "params": {"max_tokens": 12}})
    rng, kills = random.Random(13), 0
    while kills < KILLS:
        time.sleep(rng.uniform(0.1, 0.8))
        if server.call("GET", f"/runs/{run['id']}")["state"] not in ("waiting", "running"):
            break
        for pid in server.workers():
            try:
                os.kill(pid, signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
    final = server.wait_run(run["id"], 600)
    failed = [c for c in server.cells(run["id"]) if c["state"] == "failed"]
    if failed:  # three deaths in a row fail a group's cells with the cause; retrying answers them
        assert all(c["problem"]["message"] for c in failed)
        server.call("POST", f"/runs/{run['id']}/retry", {})
        final = server.wait_run(run["id"], 600)
    assert kills >= 3
    assert final["n_done"] == final["n_cells"], final
    assert not final["drifted"]
