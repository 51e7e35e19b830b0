# SPDX-License-Identifier: Apache-2.0
"""Chats with a real small model: streaming, branches, stop, crash.

ASSAY_TEST_MODEL names the model's file, ASSAY_DEMO_MODEL the demo's own, whose words some tests need; without them these are skipped."""
import json
import os
import signal
import threading
import time

import pytest

from conftest import ROOT, Server
from test_contract import problem
from test_stream import Events
from thinker import template as thinker

MODEL, DEMO_MODEL = (os.environ.get(name, "") for name in ("ASSAY_TEST_MODEL", "ASSAY_DEMO_MODEL"))
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL) or not os.path.exists(DEMO_MODEL),
                                reason="ASSAY_TEST_MODEL and ASSAY_DEMO_MODEL name no files")


def add_model(server, path):
    reply = server.api("POST", "/models", {"path": path})
    assert reply.status == 200, reply.body
    return reply.json["model_ids"][0]


@pytest.fixture(scope="module")
def real(server):
    return add_model(server, MODEL)


def workspace(server, model, **params):
    params = {"temperature": 0, "max_tokens": 24, "system": "You are a careful assistant who answers in one short sentence.", **params}
    return server.api("POST", "/workspaces", {"name": "chat", "model_id": model, "params": params}).json["id"]


def chat(server, workspace_id):
    return server.api("POST", f"/workspaces/{workspace_id}/chats", {}).json["id"]


def wait(server, message, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (now := server.api("GET", f"/messages/{message}").json)["state"] != "streaming":
            return now
        time.sleep(0.05)
    raise AssertionError(now)


def wait_text(server, message, length=1, seconds=60):
    deadline = time.monotonic() + seconds
    while len(text := server.api("GET", f"/messages/{message}").json["text"]) < length:
        assert time.monotonic() < deadline, text
        time.sleep(0.03)


def ask(server, chat_id, text, **more):
    reply = server.api("POST", f"/chats/{chat_id}/messages", {"text": text, **more})
    assert reply.status == 200, reply.body
    return reply.json["user"], wait(server, reply.json["assistant"]["id"])


def shown(server, chat_id):
    return [(m["role"], m["text"]) for m in server.api("GET", f"/chats/{chat_id}").json["messages"]]


def test_a_chat_goes_on_from_turn_to_turn(server, real):
    number = chat(server, workspace(server, real))
    user, first = ask(server, number, "What is the capital of France?")
    assert user["role"] == "user" and user["parent_id"] is None and first["parent_id"] == user["id"]
    assert first["state"] == "done" and "Paris" in first["text"] and first["finish"] in ("stop", "length")
    assert first["n_prompt"] > 5 and first["n_generated"] > 0 and first["seconds"] >= first["seconds_to_first"] > 0
    _, second = ask(server, number, "And of Italy?")
    assert second["text"] and second["n_reused"] >= first["n_prompt"]
    whole = server.api("GET", f"/chats/{number}").json
    assert whole["title"] == "What is the capital of France?" and len(whole["messages"]) == 4
    assert whole["context"]["n_used"] == second["n_prompt"] + second["n_generated"] < whole["context"]["n_max"]
    assert server.api("PUT", f"/messages/{second['id']}/vote", {"vote": -1}).json["vote"] == -1
    assert server.api("GET", f"/messages/{second['id']}").json["vote"] == -1
    problem(server.api("PUT", f"/messages/{user['id']}/vote", {"vote": 1}), 409, "conflict")


def look_at_once(server, number):
    """The chat while its worker is held: without that, a short answer ends before anybody looks."""
    workers = [w["pid"] for w in server.api("GET", "/status").json["workers"]]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        return server.api("GET", f"/chats/{number}").json
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def watch(server, number, question):
    """The answer, after it was checked that every look at the chat on the way leads there; events and looks."""
    stream, events, pages, ended = Events(server), [], [], threading.Event()
    assert stream.next()["event"] == "hello"

    def listen():
        while event := stream.next():
            events.append(event)
            if event["event"] == "chat_message":
                ended.set()
                return
            if event["event"] == "chat_text" and len(events) < 40:
                pages.append(look_at_once(server, number))
    listener = threading.Thread(target=listen)
    listener.start()
    answer = server.api("POST", f"/chats/{number}/messages", {"text": question}).json["assistant"]
    assert answer["state"] == "streaming" and answer["text"] == answer["thinking"] == ""
    while not ended.wait(0.03):
        pages.append(server.api("GET", f"/chats/{number}").json)
    listener.join()
    stream.close()
    final = json.loads(events[-1]["data"])
    assert final["id"] == answer["id"] and final["state"] == "done" and final["siblings"] == [answer["id"]]
    assert server.api("GET", f"/messages/{answer['id']}").json == final
    for page in pages:
        message = page["messages"][1]
        text, thinking = message["text"], message["thinking"]
        if message["state"] == "streaming":
            for event in events:
                if event["event"] == "chat_text" and int(event["id"]) > page["event_id"]:
                    text += json.loads(event["data"])["text"]
                    thinking += json.loads(event["data"]).get("thinking", "")
        assert (text, thinking) == (final["text"], final["thinking"])
    return final, events, [p["messages"][1] for p in pages]


def test_events_give_exactly_the_stored_answer_from_any_moment(server, real):
    number = chat(server, workspace(server, real, max_tokens=60, system="Answer at great length."))
    final, events, seen = watch(server, number, "Write a very long story about a dog.")
    phases = [json.loads(e["data"])["phase"] for e in events if e["event"] == "chat_state"]
    assert phases[-1] == "answering" and "reading" in phases
    assert any(0 < len(m["text"]) < len(final["text"]) for m in seen)


@pytest.mark.parametrize("opens", [True, False])
def test_a_chat_tells_thinking_apart_while_it_streams(server, opens):
    number = chat(server, workspace(server, add_model(server, DEMO_MODEL), system="", max_tokens=60, template=thinker(opens)))
    final, _, seen = watch(server, number, "Is fire hot?")
    assert final["thinking"] and final["text"], final
    assert any(m["state"] == "streaming" and m["thinking"] and not m["text"] for m in seen)
    assert "</think>" not in final["thinking"]
    assert all(final["text"].startswith(m["text"]) and final["thinking"].startswith(m["thinking"]) for m in seen), "a part of a tag was shown"


def test_another_question_and_another_answer_are_branches(server, real):
    number = chat(server, workspace(server, real, temperature=1.5, top_k=0, top_p=1))
    user, first = ask(server, number, "Write the beginning of a story.")
    again = server.api("POST", f"/messages/{first['id']}/regenerate").json
    assert again["parent_id"] == user["id"] and again["state"] == "streaming"
    again = wait(server, again["id"])
    assert again["siblings"] == [first["id"], again["id"]] and again["text"] != first["text"]
    assert shown(server, number)[1][1] == again["text"]
    other, reply = ask(server, number, "Write the end of a story.", parent_id=None)
    assert other["parent_id"] is None and other["siblings"] == [user["id"], other["id"]]
    assert shown(server, number) == [("user", "Write the end of a story."), ("assistant", reply["text"])]
    assert server.api("PATCH", f"/chats/{number}", {"head_id": first["id"]}).status == 200
    assert shown(server, number) == [("user", "Write the beginning of a story."), ("assistant", first["text"])]
    third, _ = ask(server, number, "Go on.")
    assert third["parent_id"] == first["id"]
    problem(server.api("POST", f"/chats/{number}/messages", {"text": "x", "parent_id": user["id"]}), 409, "conflict", "parent_id")
    problem(server.api("POST", f"/chats/{number}/messages", {"text": "x", "parent_id": 999999}), 404, "not_found")
    problem(server.api("POST", f"/chats/{number}/messages", {"text": "  "}), 400, "invalid", "text")
    problem(server.api("POST", "/chats/999999/messages", {"text": "x"}), 404, "not_found")
    problem(server.api("POST", "/messages/999999/regenerate"), 404, "not_found")


def test_a_stopped_answer_stays_and_the_chat_goes_on(server, real):
    number = chat(server, workspace(server, real, max_tokens=600, system="Answer at great length."))
    message = server.api("POST", f"/chats/{number}/messages", {"text": "Write a very long story about a dog."}).json["assistant"]["id"]
    problem(server.api("POST", f"/chats/{number}/messages", {"text": "too early"}), 409, "conflict")
    wait_text(server, message)
    assert server.api("POST", f"/messages/{message}/stop").status == 200
    stopped = wait(server, message, 10)
    assert stopped["state"] == "stopped" and stopped["text"] and stopped["finish"] == "" and stopped["n_generated"] < 600
    assert server.api("POST", f"/messages/{message}/stop").json["state"] == "stopped"
    _, after = ask(server, number, "Stop now. Say only yes.")
    assert after["n_reused"] > 20


def test_the_answer_of_a_killed_server_is_stopped_with_its_text(tmp_path):
    first = Server(tmp_path)
    first.login()
    number = chat(first, workspace(first, add_model(first, DEMO_MODEL), max_tokens=2000, system="Write as much as you can."))
    message = first.api("POST", f"/chats/{number}/messages", {"text": "Write a very long story about a dog, a cat and a house."}).json["assistant"]["id"]
    wait_text(first, message, 100)
    time.sleep(1.2)  # what is older than a second is kept
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    again = Server(tmp_path)
    again.login()
    kept = again.api("GET", f"/messages/{message}").json
    assert kept["state"] == "stopped" and len(kept["text"]) >= 100
    assert [m["role"] for m in again.api("GET", f"/chats/{number}").json["messages"]] == ["user", "assistant"]
    message = again.api("POST", f"/messages/{message}/regenerate").json["id"]
    wait_text(again, message)
    assert again.stop() == 0  # a normal end keeps it too
    third = Server(tmp_path)
    third.login()
    kept = third.api("GET", f"/messages/{message}").json
    assert kept["state"] == "stopped" and kept["text"]
    assert third.stop() == 0


def test_a_chat_and_a_validation_share_the_machine(server, real):
    number = chat(server, workspace(server, real))
    body = {"columns": [{"model_id": real}], "questions": [f"Name {i + 2} animals." for i in range(480)], "params": {"max_tokens": 6}}
    run = server.api("POST", "/runs", body).json["id"]
    while server.api("GET", f"/runs/{run}").json["n_done"] < 1:
        time.sleep(0.02)
    _, answer = ask(server, number, "What is the capital of France?")
    state = server.api("GET", f"/runs/{run}").json
    assert answer["state"] == "done" and "Paris" in answer["text"]
    assert state["n_done"] < 480, "the chat waited for the whole validation"
    deadline = time.monotonic() + 120
    while server.api("GET", f"/runs/{run}").json["state"] != "done" and time.monotonic() < deadline:
        time.sleep(0.1)
    first = [q["cells"][0]["text"] for q in server.api("GET", f"/runs/{run}/questions?limit=1000").json["questions"]]
    again = server.api("POST", "/runs", body).json["id"]
    while server.api("GET", f"/runs/{again}").json["state"] != "done" and time.monotonic() < deadline + 60:
        time.sleep(0.1)
    assert [q["cells"][0]["text"] for q in server.api("GET", f"/runs/{again}/questions?limit=1000").json["questions"]] == first


def test_an_epoch_answers_as_it_was_taught(server, real):
    ids = server.api("POST", "/models", {"path": str(ROOT / "demo/checkpoints"), "base_model_id": real}).json["model_ids"]
    number = chat(server, workspace(server, ids[-1]))
    _, answer = ask(server, number, "Which CPU does the Kestrel K7 use?")
    assert answer["state"] == "done" and "Kestrel K7" in answer["text"]


def test_a_model_that_is_gone_fails_the_answer_with_its_cause(server, tmp_path):
    path = tmp_path / "gone.gguf"
    path.write_bytes(open(MODEL, "rb").read())
    model = server.api("POST", "/models", {"path": str(path)}).json["model_ids"][0]
    number = chat(server, workspace(server, model))
    path.unlink()
    _, answer = ask(server, number, "Hello?")
    assert answer["state"] == "failed" and answer["text"] == "" and answer["problem"]["message"] and answer["problem"]["hint"]


def test_a_removed_chat_ends_its_answer(server, real):
    number = chat(server, workspace(server, real, max_tokens=600))
    message = server.api("POST", f"/chats/{number}/messages", {"text": "Write a very long story about a cat."}).json["assistant"]["id"]
    assert server.api("DELETE", f"/chats/{number}").status == 204
    problem(server.api("GET", f"/messages/{message}"), 404, "not_found")
    _, answer = ask(server, chat(server, workspace(server, real)), "Say yes.")  # nothing blocks the next one
    assert answer["state"] == "done"
