# SPDX-License-Identifier: Apache-2.0
"""A wall clock that jumps by ten years and back, as after a dead battery, a suspended machine or a step of NTP: what is measured, what is
in order and what is stored does not depend on it."""
import os
import pathlib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import live as support  # noqa: E402

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
pytestmark = pytest.mark.skipif(not MODEL, reason="ASSAY_TEST_MODEL names no model")
YEARS, DAY = 10 * 365 * 86400, 86400


class Clock:
    def __init__(self, folder):
        self.path, self.library = folder / "jump", folder / "clock_jump.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.library, support.ROOT / "tests/support/clock_jump.c", "-ldl"], check=True)
        self.jump(0)

    def jump(self, seconds):
        new = self.path.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.path)

    def env(self):
        return {**os.environ, "LD_PRELOAD": str(self.library), "CLOCK_JUMP": str(self.path)}


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def server(tmp_path, clock):
    live = support.Live(tmp_path / "data", env=clock.env()).start()
    yield live
    assert live.process.poll() is None, "the server died"
    live.stop()


def start_run(server, model, n=30):
    return server.call("POST", "/runs", {"columns": [{"model_id": model}], "questions": [f"Tell me about the number {i}." for i in range(n)],
                                         "params": {"max_tokens": 12}})["id"]


def wait_answers(server, run_id, n):
    deadline = time.monotonic() + 120
    while sum(c["state"] == "done" for c in server.cells(run_id)) < n:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_goes_on_when_the_clock_jumps_and_its_times_stay_true(server, clock):
    model = server.call("POST", "/models", {"path": MODEL})["model_ids"][0]
    began = time.monotonic()
    first = start_run(server, model)
    wait_answers(server, first, 2)
    clock.jump(YEARS)
    wait_answers(server, first, 8)
    clock.jump(-DAY)
    run = server.wait_run(first, 240)
    took_ms = (time.monotonic() - began) * 1000
    assert run["state"] == "done" and run["columns"][0]["n_done"] == 30 and not run["drifted"], run
    for cell in server.cells(first):
        assert 0 < cell["total_ms"] < took_ms, cell
    assert "eta_ms" not in run or not run["eta_ms"]

    # Made a day earlier by the clock, and still the newer one.
    second = start_run(server, model, 4)
    server.wait_run(second)
    listed = [r["id"] for r in server.call("GET", "/runs")["runs"]]
    assert listed[:2] == [second, first], listed

    cell = server.cells(second)[0]
    server.call("PUT", f"/cells/{cell['id']}/vote", {"liked": True})
    clock.jump(YEARS)
    server.kill()
    server.start()
    assert [c["liked"] for c in server.cells(second) if c["id"] == cell["id"]] == [True]
    assert server.call("GET", f"/runs/{second}")["state"] == "done"


def test_a_run_that_was_stopped_goes_on_on_another_day(server, clock):
    model = server.call("POST", "/models", {"path": MODEL})["model_ids"][0]
    run_id = start_run(server, model, 40)
    wait_answers(server, run_id, 2)
    kept = {c["id"]: c["text"] for c in server.cells(run_id) if c["state"] == "done"}
    server.kill()
    clock.jump(YEARS)
    server.start()
    server.call("POST", f"/runs/{run_id}/resume")
    run = server.wait_run(run_id, 240)
    after = {c["id"]: c["text"] for c in server.cells(run_id)}
    assert run["columns"][0]["n_done"] == 40 and not run["drifted"]
    assert all(after[i] == text for i, text in kept.items())
