# SPDX-License-Identifier: Apache-2.0
"""Real answers of a real small model: what a page and its events say together is exactly what is stored.

ASSAY_DEMO_MODEL names the model's file; without it these tests are skipped."""
import csv
import io
import json
import os
import shutil
import threading
import time

import pytest

from test_stream import Events
from thinker import template as thinker

MODEL = os.environ.get("ASSAY_DEMO_MODEL", "")
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_DEMO_MODEL names no file")


@pytest.fixture(scope="module")
def real(server):
    reply = server.api("POST", "/models", {"path": MODEL})
    assert reply.status == 200, reply.body
    return reply.json["model_ids"][0]


def start(server, model, questions, tokens, **params):
    body = {"columns": [{"model_id": model}, {"model_id": model, "params": {"temperature": 0.7}}],
            "questions": questions, "params": {"max_tokens": tokens, **params}}
    reply = server.api("POST", "/runs", body)
    assert reply.status == 201, reply.body
    return reply.json["id"]


def wait(server, run, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (state := server.api("GET", f"/runs/{run}").json)["state"] in ("done", "stopped"):
            return state
        time.sleep(0.1)
    raise AssertionError(state)


def cells_of(page):
    return {c["id"]: c for q in page["questions"] for c in q["cells"]}


def said(cell):
    return cell["text"], cell.get("thinking", "")


def apply(cells, events, after):
    """What a page shows that fetched `cells` at event `after` and then listened."""
    shown = {number: {"text": c["text"], "thinking": c.get("thinking", ""), "done": c["state"] == "done"} for number, c in cells.items()}
    for event in events:
        data = json.loads(event["data"])
        if int(event["id"]) <= after or data.get("cell_id", data.get("id")) not in shown:
            continue
        if event["event"] == "text" and not shown[data["cell_id"]]["done"]:
            shown[data["cell_id"]]["text"] += data["text"]
            shown[data["cell_id"]]["thinking"] += data.get("thinking", "")
        if event["event"] == "cell":
            seen = shown[data["id"]]
            if not seen["done"]:
                assert data["text"].startswith(seen["text"]) and data.get("thinking", "").startswith(seen["thinking"])
            shown[data["id"]] = {"text": data["text"], "thinking": data.get("thinking", ""), "done": True}
    return {number: said(c) for number, c in shown.items()}


def watch(server, real, questions, tokens, **params):
    """What is stored in the end, by cell, after it was checked that every page on the way leads there; and the pages' cells."""
    stream, events = Events(server), []
    assert stream.next()["event"] == "hello"

    def listen():
        while event := stream.next():
            events.append(event)
            if event["event"] == "run" and json.loads(event["data"])["state"] == "done":
                return
    listener = threading.Thread(target=listen)
    listener.start()
    run = start(server, real, questions, tokens, **params)
    pages = []
    while server.api("GET", f"/runs/{run}").json["state"] in ("waiting", "running"):
        pages.append(server.api("GET", f"/runs/{run}/questions").json)
        time.sleep(0.02)
    listener.join(timeout=60)
    stream.close()
    stored = {n: said(c) for n, c in cells_of(server.api("GET", f"/runs/{run}/questions").json).items()}
    assert len(stored) == 2 * len(questions)
    for page in pages:
        assert apply(cells_of(page), events, page["event_id"]) == stored
    return stored, [c for p in pages for c in cells_of(p).values()]


def test_any_page_and_the_events_after_it_give_the_stored_answers(server, real):
    stored, seen = watch(server, real, ["Count from one to thirty.", "Name ten animals.", "Why is the sky blue?"], 48)
    assert all(text and not thinking for text, thinking in stored.values())
    assert any(c["state"] == "running" and c["text"] for c in seen)


@pytest.mark.parametrize("opens", [True, False])
def test_thinking_and_answer_are_told_apart_while_they_stream(server, real, opens):
    questions = ["Is fire hot?", "What is two plus two?", "Which colour has the sky?", "Name ten animals."]
    stored, seen = watch(server, real, questions, 48, template=thinker(opens))
    assert sum(1 for text, thinking in stored.values() if text and thinking) >= len(questions), stored
    assert any(c["state"] == "running" and c.get("thinking") and not c["text"] for c in seen)
    for text, thinking in stored.values():
        assert not text.startswith("<think>") or thinking, "an answer that thinks was taken for text"
        assert "</think>" not in thinking
    # Of a tag that tells the two apart nothing was ever on the page, not even its first letters; other tags that the model writes are text.
    for cell in seen:
        text, thinking = stored[cell["id"]]
        assert text.startswith(cell["text"]) and thinking.startswith(cell.get("thinking", "")), (cell, text, thinking)


def test_a_table_has_the_thinking_of_columns_that_think_even_where_nothing_else_was_said(server, real):
    body = {"columns": [{"model_id": real}, {"model_id": real, "params": {"template": thinker(True)}}],
            "questions": ["Is fire hot?", "What is two plus two?"], "params": {"max_tokens": 2}}
    run = server.api("POST", "/runs", body).json["id"]
    wait(server, run)
    pages = [[said(c) for c in q["cells"]] for q in server.api("GET", f"/runs/{run}/questions").json["questions"]]
    assert all(text == "" and thinking for _, (text, thinking) in pages), "two tokens are to end within the thinking"
    for form in ("csv", "csv-excel"):
        text = server.api("GET", f"/runs/{run}/export?format={form}&lang=en").body.decode("utf-8-sig")
        head, *rows = csv.reader(io.StringIO(text))
        (at,) = [i for i, name in enumerate(head) if name.endswith(" thinking")]
        assert head[at - 1] + " thinking" == head[at] and head[at - 1] + " likes" == head[at + 1]
        assert [(row[at - 1], row[at]) for row in rows] == [answers[1] for answers in pages]


def test_a_vote_is_stored_told_to_others_and_taken_back(server, real):
    run = start(server, real, ["Say yes."], 4)
    columns = wait(server, run)["columns"]
    cell = server.api("GET", f"/runs/{run}/questions").json["questions"][0]["cells"][0]
    other = Events(server)
    other.next()
    for liked in (True, True, False, True):
        reply = server.api("PUT", f"/cells/{cell['id']}/vote", {"liked": liked}).json
        assert reply == {"cell_id": cell["id"], "liked": liked, "likes": int(liked), "column_id": columns[0]["id"],
                         "column_likes": int(liked)}
        told = json.loads(other.until("vote")["data"])
        assert told["likes"] == int(liked) and told["run_id"] == run
        # Wilson's interval of 1 of 1 begins at 1 / (1 + 1.96²); without a like nobody has rated.
        known = {c["id"]: c for c in server.api("GET", f"/runs/{run}").json["columns"]}[columns[0]["id"]]
        assert [known.get("likes_low"), known.get("likes_high")] == ([pytest.approx(0.206549, abs=1e-5), pytest.approx(1)] if liked else [None, None])
    while (column := json.loads(other.until("column")["data"])).get("likes_low") is None:
        pass
    assert column["likes"] == 1
    other.close()
    assert server.api("GET", f"/cells/{cell['id']}").json["liked"] is True
    rows = list(csv.reader(io.StringIO(server.api("GET", f"/runs/{run}/export?format=csv").body.decode("utf-8"))))
    assert cell["text"] in rows[1]


def test_the_prompt_is_what_the_model_really_gets(server, real):
    run = start(server, real, ["Say yes."], 4)
    cell = server.api("GET", f"/runs/{run}/questions").json["questions"][0]["cells"][0]["id"]
    reply = server.api("GET", f"/cells/{cell}/prompt").json
    assert "<|im_start|>user\nSay yes.<|im_end|>" in reply["prompt"] and reply["n_tokens"] > 5
    wait(server, run)


def test_a_prompt_can_be_asked_for_whatever_became_of_the_answer(server, real):
    run = start(server, real, [f"Write a long story about the number {i}." for i in range(24)], 64)
    server.api("POST", f"/runs/{run}/stop")
    wait(server, run)
    cells = [c for c in cells_of(server.api("GET", f"/runs/{run}/questions").json).values() if c["state"] == "cancelled"]
    assert cells and "Write a long story" in server.api("GET", f"/cells/{cells[-1]['id']}/prompt").json["prompt"]
    body = {"columns": [{"model_id": real, "params": {"template": "{{ raise_exception('no roles') }}"}}], "questions": ["Hi."]}
    run = server.api("POST", "/runs", body).json["id"]
    assert wait(server, run)["n_failed"] == 1
    (cell,) = cells_of(server.api("GET", f"/runs/{run}/questions").json).values()
    reply = server.api("GET", f"/cells/{cell['id']}/prompt")
    assert reply.status >= 400 and reply.json["error"]["key"] == "err_template_failed"
    assert reply.json["error"]["message"] == cell["problem"]["message"] and "no roles" in cell["problem"]["message"]


def test_a_stopped_run_goes_on_where_it_was(server, real):
    run = start(server, real, [f"Write a long story about the number {i}." for i in range(12)], 64)
    time.sleep(1)
    server.api("POST", f"/runs/{run}/stop")
    stopped = wait(server, run)
    assert server.api("DELETE", f"/runs/{run}").status in (204, 409) if stopped["state"] == "done" else True
    if stopped["state"] == "stopped":
        before = {n: c["text"] for n, c in cells_of(server.api("GET", f"/runs/{run}/questions").json).items()
                  if c["state"] == "done"}
        assert server.api("POST", f"/runs/{run}/resume").status == 200
        done = wait(server, run)
        assert done["n_done"] == 24 and not done["drifted"]
        after = cells_of(server.api("GET", f"/runs/{run}/questions").json)
        assert all(after[n]["text"] == text for n, text in before.items())


def test_a_run_that_is_retried_while_it_answers_stays_a_running_one(server, real):
    run = start(server, real, [f"Write a long story about the number {i}." for i in range(12)], 64)
    deadline = time.monotonic() + 120
    while server.api("GET", f"/runs/{run}").json["state"] != "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    for action in ("retry", "resume"):
        reply = server.api("POST", f"/runs/{run}/{action}").json
        assert reply["state"] in ("running", "done"), reply["state"]
    server.api("POST", f"/runs/{run}/stop")
    wait(server, run)


def test_a_base_model_whose_file_was_renamed_is_known_again_by_its_hash(server, tmp_path):
    first, second, third = (tmp_path / name for name in ("first.gguf", "second.gguf", "third.gguf"))
    shutil.copy(MODEL, first)
    model = server.api("POST", "/models", {"path": str(first)}).json["model_ids"][0]
    run = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": ["Hello?"], "params": {"max_tokens": 1}}).json["id"]
    wait(server, run)

    def hashed():
        row = server.api("GET", f"/runs/{run}/export?format=jsonl").body.splitlines()[0]
        return json.loads(row)["columns"][0]["model_hash"] != ""
    deadline = time.monotonic() + 60
    while not hashed():
        assert time.monotonic() < deadline, "the model was never hashed"
        time.sleep(0.1)
    first.rename(second)
    assert server.api("POST", "/models", {"path": str(tmp_path)}).json["model_ids"] == [model]
    assert server.api("GET", f"/models/{model}").json["path"] == str(second)
    # As long, but not the same: another model.
    with open(second, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    second.rename(third)
    assert server.api("POST", "/models", {"path": str(third)}).json["model_ids"] != [model]
    for each in server.api("GET", "/models").json["models"]:
        if each["path"].startswith(str(tmp_path)):
            server.api("DELETE", f"/models/{each['id']}")
