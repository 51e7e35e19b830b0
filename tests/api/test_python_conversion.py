# SPDX-License-Identifier: Apache-2.0
"""What assay cannot convert itself, by llama.cpp's converter, as the page asks for it.  Python and the converter are a stub's."""
import os
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import python_stub
from live import Live, Refused


class World:
    def __init__(self, folder):
        self.stub = python_stub.Stub(folder / "stub")
        self.live = Live(folder / "data", env={**os.environ, **self.stub.environment}).start()
        self.run = folder / "kestrel-gpt"
        for step in (4, 8):
            python_stub.gpt2(self.run / f"checkpoint-{step}")

    def now(self):
        return self.live.call("GET", "/conversion")

    def convert(self, path, **more):
        return self.live.call("POST", "/conversion", {"path": str(path), **more})

    def wait(self, *states):
        end = time.monotonic() + 60
        while (now := self.now())["state"] not in states:
            assert time.monotonic() < end, now
            time.sleep(0.02)
        return now

    def converted(self):
        return sorted((self.live.data / "models/converted").rglob("*")) if (self.live.data / "models/converted").exists() else []


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.live.stop()


def test_a_refusal_offers_it_and_nothing_is_installed_unasked(world):
    found = world.live.call("POST", "/models", {"path": str(world.run)})
    assert found["model_ids"] == [] and [r["with_python"] for r in found["refusals"]] == [True, True]
    now = world.now()
    assert now["state"] == "none" and not now["environment"]["is_ready"] and "problem" not in now["environment"]
    assert now["environment"]["disk_bytes"] > 1e9 and str(world.live.data) in now["environment"]["path"]
    with pytest.raises(Refused, match="err_python_not_asked"):
        world.convert(world.run / "checkpoint-4")
    assert world.stub.calls == []


def test_it_is_not_offered_where_it_cannot_help(world, tmp_path):
    mlx = tmp_path / "mlx"
    mlx.mkdir()
    (mlx / "adapters.safetensors").write_bytes(b"x")
    quantized = python_stub.gpt2(tmp_path / "awq", quantization_config={"quant_method": "awq"})
    for folder in (mlx, quantized):
        refusals = world.live.call("POST", "/models", {"path": str(folder)})["refusals"]
        assert [r["with_python"] for r in refusals] == [False], refusals


def test_epochs_become_one_family_and_are_not_refused_any_more(world):
    world.live.call("POST", "/models", {"path": str(world.run)})
    assert world.convert(world.run / "checkpoint-4", install=True)["state"] == "running"
    done = world.wait("done", "failed")
    assert done["state"] == "done" and done["environment"]["is_ready"], done
    world.convert(world.run / "checkpoint-8")
    assert world.wait("done", "failed")["state"] == "done"
    assert world.stub.calls == ["venv", "pip"]
    listed = world.live.call("GET", "/models")
    family = listed["families"][0]
    assert family["name"] == "kestrel-gpt" and [c["step"] for c in family["checkpoints"]] == [4, 8]
    assert {c["format"] for c in family["checkpoints"]} == {"gguf"} and listed["refusals"] == []
    # Again: the same file, the same row.
    world.convert(world.run / "checkpoint-8")
    world.wait("done")
    assert len(world.live.call("GET", "/models")["families"][0]["checkpoints"]) == 2


@pytest.mark.parametrize("step, what, key", [("pip", "fail", "err_python_pip"), ("convert", "garbage", "err_python_output"),
                                             ("convert", "die", "err_python_killed")])
def test_a_failure_is_told_and_can_be_forgotten(world, step, what, key):
    world.stub.tell(step, what)
    world.convert(world.run / "checkpoint-4", install=True)
    failed = world.wait("failed", "done")
    assert failed["problem"]["key"] == key and failed["problem"]["hint"]
    world.live.call("DELETE", "/conversion")
    assert world.now()["state"] == "none"
    assert [p for p in world.converted() if p.is_file() or p.suffix == ".part"] == []


def test_one_at_a_time_and_it_can_be_cancelled(world):
    world.stub.tell("pip", "wait")
    world.convert(world.run / "checkpoint-4", install=True)
    assert world.now()["phase"] in ("making", "installing")
    with pytest.raises(Refused, match="err_python_busy"):
        world.convert(world.run / "checkpoint-8", install=True)
    world.live.call("DELETE", "/conversion")
    assert world.wait("cancelled", "failed", "done")["state"] == "cancelled"
    assert not (world.live.data / "cache/python/env").exists()


def test_the_server_ends_while_the_converter_works(world):
    world.stub.tell("convert", "wait")
    world.convert(world.run / "checkpoint-4", install=True)
    end = time.monotonic() + 60
    while not any(p.name == "made.gguf" for p in world.converted()):
        assert time.monotonic() < end
        time.sleep(0.02)
    world.live.stop()
    assert [p for p in world.converted() if p.is_file()] == []
    world.live.start()
    assert world.now()["state"] == "none"


@pytest.mark.parametrize("body", [{}, {"path": 7}, {"path": "/nowhere", "install": True}])
def test_what_cannot_be_is_said(world, body):
    try:
        world.live.call("POST", "/conversion", body)
    except Refused as refused:
        assert refused.status == 400
        return
    failed = world.wait("failed")
    assert failed["problem"]["message"] and world.stub.calls == []
