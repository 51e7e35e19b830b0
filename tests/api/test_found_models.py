# SPDX-License-Identifier: Apache-2.0
"""Models that other programs keep: found on request, added on request, and at the start only where that is allowed."""
import pathlib
import shutil
import sys
import time

import pytest
from conftest import ROOT, Server

sys.path.insert(0, str(ROOT / "tests" / "support"))
import made_up_home  # noqa: E402

USABLE = ["Owl-Q4_0", "acme/Tiny-GGUF:Q8_0", "acme_Heron-GGUF_heron-f16", "wren:1b"]


class Machine:
    """A server at a time on one data folder and one made-up home."""

    def __init__(self, folder):
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        self.server = None

    def start(self):
        self.stop()
        self.server = Server(self.folder, **made_up_home.variables(self.home))
        self.server.login()
        return self.server

    def stop(self):
        if self.server:
            assert self.server.stop() == 0
        self.server = None


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.stop()


def here(machine, reply):
    """Without what an Ollama service of this machine has."""
    return [find for find in reply["found"] if find["path"].startswith(str(machine.home))]


def names(server):
    return sorted(model["name"] for model in server.api("GET", "/models").json["models"])


def wait_for(condition, limit_s=20):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_models_of_other_programs_are_found_and_none_is_added(machine):
    made_up_home.fill(machine.home)
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in machine.home.rglob("*"))
    server = machine.start()
    reply = server.api("POST", "/models/find").json
    found = {find["name"]: find for find in here(machine, reply)}
    assert sorted(found) == sorted(USABLE + ["acme/Big-AWQ", "cloudy:latest"])
    assert all(("problem" in find) == (name not in USABLE) and not find["added"] for name, find in found.items())
    assert {found[name]["place"] for name in USABLE} == {"huggingface", "lmstudio", "ollama", "llama.cpp"}
    assert found["wren:1b"]["also"] == "wren:latest" and found["wren:1b"]["system"] == "Answer in rhymes."
    assert found["acme/Big-AWQ"]["problem"]["key"] == "err_hf_quantized" and "hf download" in found["acme/Big-AWQ"]["problem"]["hint"]
    assert all(find["size_bytes"] > 0 for name, find in found.items() if name != "cloudy:latest")
    states = {place["path"]: place["state"] for place in reply["places"]}
    assert states[str(machine.home / ".lmstudio" / "models")] == "searched"
    assert states[str(machine.home / ".cache" / "lm-studio" / "models")] == "absent"
    assert names(server) == []
    assert before == sorted((str(path), path.lstat().st_mtime_ns) for path in machine.home.rglob("*")), "nothing is written there"


def test_what_was_found_is_added_by_its_path_under_its_name(machine):
    made_up_home.fill(machine.home)
    server = machine.start()
    for find in here(machine, server.api("POST", "/models/find").json):
        if "problem" not in find:
            assert len(server.api("POST", "/models", {"path": find["path"]}).json["model_ids"]) == 1
    assert names(server) == USABLE
    again = here(machine, server.api("POST", "/models/find").json)
    assert all(find["added"] == (find["name"] in USABLE) for find in again)


def test_an_empty_home_says_where_it_was_looked(machine):
    reply = machine.start().api("POST", "/models/find").json
    assert here(machine, reply) == []
    assert {place["place"] for place in reply["places"]} == {"huggingface", "lmstudio", "ollama", "llama.cpp"}
    assert all(place["state"] == "absent" for place in reply["places"] if place["path"].startswith(str(machine.home)))


def test_a_start_looks_only_where_that_was_allowed_and_leaves_out_what_was_removed(machine):
    made_up_home.fill(machine.home)
    server = machine.start()
    assert server.api("GET", "/settings").json["find_at_start"] is False
    assert server.api("PATCH", "/settings", {"find_at_start": 1}).status == 400
    assert server.api("PATCH", "/settings", {"n_threads": 0}).json["find_at_start"] is False
    assert server.api("PATCH", "/settings", {"find_at_start": True}).json["find_at_start"] is True
    assert names(server) == []

    server = machine.start()
    wait_for(lambda: set(USABLE) <= set(names(server)))
    owl = next(model for model in server.api("GET", "/models").json["models"] if model["name"] == "Owl-Q4_0")
    assert server.api("DELETE", f"/models/{owl['id']}").status == 204

    made_up_home.different(machine.home / ".lmstudio" / "models" / "acme" / "Ibis" / "Ibis-F16.gguf", 9)
    server = machine.start()
    wait_for(lambda: "Ibis-F16" in names(server))
    assert "Owl-Q4_0" not in names(server)
    assert server.api("PATCH", "/settings", {"find_at_start": False}).json["find_at_start"] is False


def test_an_allowed_start_also_looks_for_new_epochs_of_what_is_known(machine):
    run = machine.folder / "kestrel"

    def trained(*checkpoints):
        for name in checkpoints:
            shutil.copytree(ROOT / "demo" / "checkpoints" / name, run / name)

    def steps(server):
        return [[model["step"] for model in family["checkpoints"]] for family in server.api("GET", "/models").json["families"]]

    trained("checkpoint-12", "checkpoint-24")
    server = machine.start()
    added = server.api("POST", "/models", {"path": str(run)}).json["model_ids"]
    assert steps(server) == [[12, 24]]
    assert server.api("DELETE", f"/models/{added[0]}").status == 204

    trained("checkpoint-48")
    server = machine.start()
    assert steps(server) == [[24]], "not allowed"
    server.api("PATCH", "/settings", {"find_at_start": True})
    server = machine.start()
    wait_for(lambda: steps(server) == [[24, 48]])
    # The user may look at any time, and then gets back what was removed.
    trained("checkpoint-96")
    assert len(server.api("POST", "/models", {"path": str(run)}).json["model_ids"]) == 4
    assert steps(server) == [[12, 24, 48, 96]]


def test_a_model_that_was_added_by_a_link_keeps_its_number_when_the_link_is_made_anew(machine):
    made_up_home.fill(machine.home)
    server = machine.start()
    repository = machine.home / ".cache" / "huggingface" / "hub" / "models--acme--Tiny-GGUF"
    first = server.api("POST", "/models", {"path": str(repository / "snapshots" / "r1" / "Tiny-Q8_0.gguf")}).json["model_ids"]
    server.api("PATCH", f"/models/{first[0]}", {"name": "mine"})
    (repository / "snapshots" / "r2").mkdir()
    (repository / "snapshots" / "r1" / "Tiny-Q8_0.gguf").rename(repository / "snapshots" / "r2" / "Tiny-Q8_0.gguf")
    (repository / "refs" / "main").write_text("r2")
    for path in (repository / "snapshots" / "r2" / "Tiny-Q8_0.gguf", repository / "blobs" / "aa11", repository / "snapshots" / "r2"):
        assert server.api("POST", "/models", {"path": str(path)}).json["model_ids"] == first
    assert names(server) == ["mine"]


def test_a_run_keeps_its_numbers_and_its_name_wherever_its_folder_goes(machine):
    server = machine.start()
    run = machine.home / "kestrel" / "output"
    shutil.copytree(ROOT / "demo" / "checkpoints", run)
    ids = server.api("POST", "/models", {"path": str(run)}).json["model_ids"]
    family = server.api("GET", "/models").json["families"][0]
    assert family["name"] == "kestrel" and family["missing_epochs"] == [3, 5, 6, 7]
    assert server.api("PATCH", f"/families/{family['id']}", {"name": "ours"}).json["name"] == "ours"

    copy = machine.home / "copy"  # the first one is still there: another fine-tune
    shutil.copytree(run, copy)
    assert not set(server.api("POST", "/models", {"path": str(copy)}).json["model_ids"]) & set(ids)
    server.api("DELETE", f"/families/{server.api('GET', '/models').json['families'][0]['id']}")
    shutil.rmtree(copy)

    moved = machine.home / "archive" / "falcon"
    moved.parent.mkdir()
    run.rename(moved)
    assert server.api("POST", "/models", {"path": str(moved.parent)}).json["model_ids"] == ids
    families = [f for f in server.api("GET", "/models").json["families"] if f["id"] == family["id"]]
    assert len(families) == 1 and families[0]["name"] == "ours" and families[0]["path"] == str(moved)
    assert [c["path"] for c in families[0]["checkpoints"]] == [str(moved / pathlib.Path(c["path"]).name) for c in family["checkpoints"]]
