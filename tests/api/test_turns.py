# SPDX-License-Identifier: Apache-2.0
"""Conversations of several turns, from an uploaded file to its exports and back, on a real small model.

ASSAY_TEST_MODEL names the model's file; without it what needs answers is skipped."""
import csv
import io
import json
import os
import re
import time

import pytest

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
needs_model = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")
ROWS = [{"question_id": 81, "category": "writing", "turns": ["Name a colour.", "Write one sentence about it."],
         "reference": ["Blue.", ""]},
        {"question_id": 82, "turns": ["Say hi."]},
        {"question_id": 83, "turns": ["What is 2+2?", "Double it.", "And once more."], "reference": ["4", "8", "16"]}]
TEXTS = ["Name a colour.", "Say hi.", "What is 2+2?", "Write one sentence about it.", "Double it.", "And once more."]
READ = ["Name a colour.", "Write one sentence about it.", "Say hi.", "What is 2+2?", "Double it.", "And once more."]
PLACES = [(None, None, None)] * 3 + [(2, 0, 0), (2, 2, 2), (3, 4, 2)]  # turn, follows, conversation


def upload(server, name, text):
    reply = server.send("POST", f"/api/v1/uploads?name={name}", text.encode(),
                        {**server.owner(), "Content-Type": "application/octet-stream"})
    assert reply.status == 200, reply.body
    return reply.json


def question_set(server, name, text):
    reply = server.api("POST", "/question-sets", {"upload": upload(server, name, text)["upload"]})
    assert reply.status == 200, reply.body
    return reply.json


def lines(rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def wait(server, run):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (state := server.api("GET", f"/runs/{run}").json)["state"] not in ("waiting", "running"):
            return state
        time.sleep(0.1)
    raise AssertionError(state)


def places(questions):
    return [(q.get("turn"), q.get("follows"), q.get("conversation")) for q in questions]


@pytest.fixture(scope="module")
def asked(server):
    model = server.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]
    stored = question_set(server, "mt.jsonl", lines(ROWS))
    body = {"question_set_id": stored["id"], "params": {"max_tokens": 12},
            "columns": [{"model_id": model}, {"model_id": model, "params": {"temperature": 0.9}}]}
    run = server.api("POST", "/runs", body).json["id"]
    assert wait(server, run)["n_done"] == 12
    return run


def test_an_upload_says_how_many_conversations_it_has(server):
    found = upload(server, "mt.jsonl", lines(ROWS))
    assert (found["format"], found["n_total"], found["n_with_reference"]) == ("mt_bench", 6, 4)
    assert (found["n_conversations"], found["n_turns"], found["problems"]) == (2, 5, [])
    assert [q["text"] for q in found["questions"]][:2] == ROWS[0]["turns"]
    assert found["questions"][1]["turn"] == 2 and found["questions"][1]["follows"] == 0
    stored = server.api("POST", "/question-sets", {"upload": found["upload"]}).json
    assert (stored["n_questions"], stored["n_later"]) == (6, 3)
    questions = server.api("GET", f"/question-sets/{stored['id']}").json["questions"]
    assert [q["text"] for q in questions] == TEXTS
    part = server.api("GET", f"/question-sets/{stored['id']}?offset=4&limit=1").json["questions"]
    assert part == [questions[4]] and part[0]["follows"] == 2
    read = server.api("GET", f"/question-sets/{stored['id']}?order=conversation").json
    assert [q["text"] for q in read["questions"]] == READ and read["total"] == 6
    assert [q["position"] for q in read["questions"]] == [0, 3, 1, 2, 4, 5]
    assert sorted(read["questions"], key=lambda q: q["position"]) == questions
    part = server.api("GET", f"/question-sets/{stored['id']}?order=conversation&offset=4&limit=9").json["questions"]
    assert part == read["questions"][4:]


def test_questions_may_be_posted_with_their_turns(server, model):
    questions = ["a", {"text": "b", "follows": 0}, {"text": "c"}, {"text": "d", "follows": 1}]
    run = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": questions}).json["id"]
    page = server.api("GET", f"/runs/{run}/questions").json["questions"]
    assert [q["text"] for q in page] == ["a", "c", "b", "d"]
    assert places(page) == [(None, None, None), (None, None, None), (2, 0, 0), (3, 2, 0)]
    more = server.api("POST", f"/runs/{run}/questions", {"questions": ["e", {"text": "f", "follows": 0}]})
    assert more.status == 200, more.body
    assert places(server.api("GET", f"/runs/{run}/questions?offset=4").json["questions"]) == [(None, None, None), (2, 4, 4)]


def test_conversations_are_read_one_after_another(server, model):
    questions = ["a", "b", {"text": "a2", "follows": 0}, {"text": "b2", "follows": 1}, {"text": "a3", "follows": 2}]
    run = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": questions}).json["id"]

    def read(query):
        page = server.api("GET", f"/runs/{run}/questions?order=conversation{query}").json
        return [q["text"] for q in page["questions"]], page["total"]

    assert read("") == (["a", "a2", "a3", "b", "b2"], 5)
    assert read("&offset=1&limit=3") == (["a2", "a3", "b"], 5)
    assert read("&filter=unrated&offset=4") == (["b2"], 5)
    page = server.api("GET", f"/runs/{run}/questions?order=position").json["questions"]
    assert [q["text"] for q in page] == ["a", "b", "a2", "b2", "a3"]
    assert server.api("GET", f"/runs/{run}/questions").json["questions"] == page
    for path in (f"/runs/{run}/questions", "/question-sets/1"):
        refused = server.api("GET", f"{path}?order=turn")
        assert refused.status == 400 and refused.json["error"]["field"] == "order"


@pytest.mark.parametrize("questions, key", [
    ([{"text": "a", "follows": 0}], "err_question_follows"),
    (["a", {"text": "b", "follows": 2}, "c"], "err_question_follows"),
    (["a", {"text": "b", "follows": "0"}], "err_field_integer"),
    (["a"] + [{"text": "b", "follows": i} for i in range(32)], "err_question_turns")])
def test_a_turn_that_follows_nothing_is_refused(server, model, questions, key):
    reply = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": questions})
    assert reply.status == (413 if key == "err_question_turns" else 400), reply.body
    assert reply.json["error"]["key"] == key
    if key == "err_question_turns":
        assert "turn 33" in reply.json["error"]["message"] and reply.json["error"]["hint"]
    assert reply.json["error"]["field"].startswith("questions[") and reply.json["error"]["field"].endswith("].follows")


@pytest.mark.parametrize("parts", [[3], [-1], ["1"], [1.5]])
def test_parts_are_positions_of_questions(server, model, parts):
    reply = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": ["a", "b", "c"], "parts": parts})
    assert reply.status == 400 and reply.json["error"]["key"] == "err_run_part"


@needs_model
def test_each_model_goes_on_from_its_own_answer(server, asked):
    page = server.api("GET", f"/runs/{asked}/questions").json["questions"]
    assert [q["text"] for q in page] == TEXTS and places(page) == PLACES
    for column in range(2):
        prompt = server.api("GET", f"/cells/{page[5]['cells'][column]['id']}/prompt").json["prompt"]
        first, second = page[2]["cells"][column]["text"], page[4]["cells"][column]["text"]
        assert (f"<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n{first}<|im_end|>\n"
                f"<|im_start|>user\nDouble it.<|im_end|>\n<|im_start|>assistant\n{second}<|im_end|>\n"
                "<|im_start|>user\nAnd once more.<|im_end|>\n<|im_start|>assistant\n") in prompt
        assert page[5]["cells"][column]["n_prompt"] > page[4]["cells"][column]["n_prompt"] > page[2]["cells"][column]["n_prompt"]


@needs_model
@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_a_table_of_a_conversation_comes_back_as_one(server, asked, language):
    text = server.api("GET", f"/runs/{asked}/export?format=csv&lang={language}", Accept_Language=language).body.decode()
    head, *rows = csv.reader(io.StringIO(text))
    at = head.index("對話" if "對話" in head else "Conversation")
    assert [row[at:at + 2] for row in rows] == [["1", "1"], ["1", "2"], ["2", "1"], ["3", "1"], ["3", "2"], ["3", "3"]]
    again = question_set(server, "again.csv", text)
    questions = server.api("GET", f"/question-sets/{again['id']}").json["questions"]
    assert [(q["text"], q.get("follows")) for q in questions] == list(zip(TEXTS, [place[1] for place in PLACES]))


@needs_model
def test_other_exports_name_the_turn(server, asked):
    rows = [json.loads(line) for line in server.api("GET", f"/runs/{asked}/export?format=jsonl").body.decode().splitlines()]
    assert rows[0]["parts"] == [0, 3, 5]
    assert [(row["conversation"], row["turn"]) for row in rows[1:]] == [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3)]
    assert [row["position"] for row in rows[1:]] == [0, 3, 1, 2, 4, 5]
    again = upload(server, "again.jsonl", lines(rows[1:]))
    assert (again["n_total"], again["n_conversations"], again["n_turns"]) == (6, 2, 5)
    page = server.api("GET", f"/runs/{asked}/export?format=html").body.decode()
    assert "Turn 3 of question 3" in page or "第 3 題的第 3 輪" in page
    assert '<a class="note" href="#q5">' in page and '<tr id="q5">' in page
    assert re.findall('<tr id="q([0-9]+)">', page) == ["1", "4", "2", "3", "5", "6"]
    suite = server.api("GET", f"/runs/{asked}/export?format=junit&lang=en").body.decode().split("</testsuite>")[0]
    assert re.findall('<testcase name="([^:]+): ([^"]+)"', suite) == [
        ("1", "Name a colour."), ("4 (Turn 2 of question 1)", "Write one sentence about it."), ("2", "Say hi."), ("3", "What is 2+2?"),
        ("5 (Turn 2 of question 3)", "Double it."), ("6 (Turn 3 of question 3)", "And once more.")]


@needs_model
def test_a_column_says_what_computed_it_as_exports_do(server, asked):
    columns = server.api("GET", f"/runs/{asked}").json["columns"]
    head = json.loads(server.api("GET", f"/runs/{asked}/export?format=jsonl").body.split(b"\n", 1)[0])
    facts = ("build", "device", "model_hash", "adapter_hash", "template_hash")
    assert [{f: c[f] for f in facts} for c in columns] == [{f: c[f] for f in facts} for c in head["columns"]]
    assert all(len(c["model_hash"]) == 64 and c["build"] and c["slots"] > 0 for c in columns)


def test_what_has_no_turns_is_exported_as_ever(server, run):
    text = server.api("GET", f"/runs/{run['id']}/export?format=csv").body.decode()
    assert "Conversation" not in text and "對話" not in text
