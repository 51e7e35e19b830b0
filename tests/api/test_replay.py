# SPDX-License-Identifier: Apache-2.0
"""A run is asked again, and a list shows those in one state."""
import time

from test_contract import problem
from tiny_gguf import gguf


def over(server, run):
    """Its state when nothing more comes: the tiny model has no words, so every answer fails."""
    deadline = time.monotonic() + 60
    while (now := server.api("GET", f"/runs/{run['id']}").json)["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return now


def questions(server, run):
    return server.api("GET", f"/runs/{run['id']}/questions").json["questions"]


def test_the_same_is_asked_again(server, model):
    body = {"columns": [{"model_id": model}, {"model_id": model, "params": {"temperature": 0.5, "max_tokens": 3}}], "name": "once",
            "questions": ["a", {"text": "b", "reference": "2", "other_references": ["two"], "system": "Be brief.", "id": "k",
                           "record": {"id": "k", "level": [1, {"x": None}]}},
                          {"text": "c", "follows": 0}],
            "params": {"max_tokens": 7, "system": "Be kind."}, "seed": 9, "mode": "fast", "blind": True, "parts": [1]}
    first = server.api("POST", "/runs", body).json
    over(server, first)
    reply = server.api("POST", f"/runs/{first['id']}/replay")
    assert reply.status == 201 and reply.json["id"] > first["id"], reply.body
    again = reply.json
    for member in ("name", "seed", "mode", "blind", "params", "n_questions", "n_cells"):
        assert again[member] == first[member], member
    assert [(c["model_id"], c["label"], c["params"]) for c in again["columns"]] == [(c["model_id"], c["label"], c["params"]) for c in first["columns"]]

    def asked(run):
        return [{k: v for k, v in q.items() if k not in ("id", "cells")} for q in questions(server, run)]
    assert asked(again) == asked(first)
    over(server, again)
    lines = [server.api("GET", f"/runs/{run['id']}/export?format=jsonl").body.splitlines()[0] for run in (first, again)]
    assert all(b'"parts":[0,1,2]' in line for line in lines), lines
    other = server.api("POST", f"/runs/{again['id']}/replay").json
    assert server.api("DELETE", f"/runs/{first['id']}").status == 204
    over(server, other)
    assert asked(other) == asked(again)


def test_a_model_that_was_removed_from_the_list_still_answers_and_a_run_that_is_gone_does_not(server, tmp_path):
    problem(server.api("POST", "/runs/999999/replay"), 404, "not_found")
    model = server.api("POST", "/models", {"path": str(gguf(tmp_path / "gone.gguf"))}).json["model_ids"][0]
    run = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": ["a"]}).json
    over(server, run)
    assert server.api("DELETE", f"/models/{model}").status == 204
    again = server.api("POST", f"/runs/{run['id']}/replay")
    assert again.status == 201 and again.json["columns"][0]["model_id"] == model, again.body
    over(server, again.json)


def test_a_list_shows_those_in_one_state(server, run):
    state = over(server, run)["state"]
    listed = server.api("GET", f"/runs?state={state}&q=test+run").json["runs"]
    assert run["id"] in [r["id"] for r in listed] and {r["state"] for r in listed} == {state}
    assert server.api("GET", "/runs?state=waiting&q=test+run").json["runs"] == []
    refused = server.api("GET", "/runs?state=finished")
    assert refused.status == 400 and refused.json["error"]["field"] == "state"
