# SPDX-License-Identifier: Apache-2.0
"""The addresses that clients of OpenAI know, asked with OpenAI's own client."""
import json
import os
import shutil
import socket
import time

import openai
import pytest

from conftest import ROOT
from thinker import template as thinker

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
SYSTEM = "You are a careful assistant who answers in one short sentence."
needs_model = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")


@pytest.fixture(scope="module")
def key(server):
    return server.api("POST", "/api-keys", {"name": "test"}).json["key"]


@pytest.fixture(scope="module")
def client(server, key):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key=key, max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def bot(server):
    """A workspace's name."""
    model = server.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]
    body = {"name": "My Bot 客服", "model_id": model, "params": {"temperature": 0, "max_tokens": 24, "system": SYSTEM}}
    assert server.api("POST", "/workspaces", body).status == 200
    return "My Bot 客服"


def user(text):
    return [{"role": "user", "content": text}]


@needs_model
def test_models_and_workspaces_are_listed_under_names_that_can_be_asked(client, bot):
    names = {m.id: m.owned_by for m in client.models.list()}
    assert names[bot] == "assay-workspace" and "assay" in names.values()
    for name in [bot, "my-bot-客服", next(n for n, owner in names.items() if owner == "assay" and "SmolLM2" in n)]:
        reply = client.chat.completions.create(model=name, messages=user("Say yes."), max_tokens=2)
        assert reply.object == "chat.completion" and reply.model == name


def make_twin(server, max_tokens):
    model = next(w["model_id"] for w in server.api("GET", "/workspaces").json["workspaces"] if w["name"] == "My Bot 客服")
    made = server.api("POST", "/workspaces", {"name": "Twin", "model_id": model, "params": {"temperature": 0, "max_tokens": max_tokens}}).json
    return made["id"], made["api_name"]


@needs_model
def test_workspaces_of_one_name_keep_names_of_their_own(server, client, bot):
    def who_answers(name):
        return client.chat.completions.create(model=name, messages=user("Count to ten.")).usage.completion_tokens

    (first, name), (second, other) = make_twin(server, 2), make_twin(server, 3)
    assert name == "Twin" and other != name
    assert {name, other} <= {m.id for m in client.models.list()}
    assert [who_answers(n) for n in (name, other)] == [2, 3]
    # Neither using them nor changing their settings, nor that one of them goes, makes one name mean the other workspace.
    server.api("PATCH", f"/workspaces/{first}", {"n_passages": 2})
    assert [who_answers(n) for n in (name, other)] == [2, 3]
    assert server.api("DELETE", f"/workspaces/{first}").status == 204
    assert who_answers(other) == 3
    with pytest.raises(openai.NotFoundError):
        who_answers(name)
    assert server.api("PATCH", f"/workspaces/{second}", {"name": "Alone"}).json["api_name"] == "Alone"
    assert who_answers("Alone") == 3
    server.api("DELETE", f"/workspaces/{second}")


@needs_model
def test_an_answer_has_its_reason_and_its_usage(client, bot):
    reply = client.chat.completions.create(model=bot, messages=user("What is the capital of France?"), temperature=0, seed=1)
    choice = reply.choices[0]
    assert choice.message.role == "assistant" and choice.message.content and choice.finish_reason in ("stop", "length")
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens and reply.usage.completion_tokens > 1
    assert abs(reply.created - time.time()) < 100 and reply.id.startswith("chatcmpl-")
    again = client.chat.completions.create(model=bot, messages=user("What is the capital of France?"), temperature=0, seed=1)
    assert again.usage.prompt_tokens_details.cached_tokens == again.usage.prompt_tokens - 1  # nothing was computed twice
    one = client.chat.completions.create(model=bot, messages=user("What is the capital of France?"), max_completion_tokens=1)
    assert one.usage.completion_tokens == 1 and one.choices[0].finish_reason == "length"


@needs_model
def test_a_stream_adds_up_to_the_answer(client, bot):
    messages = [{"role": "system", "content": "You count."}, {"role": "user", "content": "Count."},
                {"role": "assistant", "content": "One, two,"},
                {"role": "user", "content": [{"type": "text", "text": "Go on to "}, {"type": "text", "text": "ten."}]}]
    whole = client.chat.completions.create(model=bot, messages=messages, temperature=0)
    chunks = list(client.chat.completions.create(model=bot, messages=messages, temperature=0, stream=True,
                                                 stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant" and len(chunks) > 3
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text and chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert {c.id for c in chunks} == {chunks[0].id} and chunks[0].object == "chat.completion.chunk"


@needs_model
def test_thinking_has_a_field_of_its_own_in_a_stream_too(server, client, bot):
    model = next(w["model_id"] for w in server.api("GET", "/workspaces").json["workspaces"] if w["name"] == bot)
    body = {"name": "Thinker", "model_id": model, "params": {"temperature": 0, "max_tokens": 60, "template": thinker(True)}}
    assert server.api("POST", "/workspaces", body).status == 200
    # Both go on from what the first question left: computed in other steps, a near-tie may fall the other way on some processors.
    _, whole = (client.chat.completions.create(model="Thinker", messages=user("Is fire hot?")).choices[0].message for _ in range(2))
    chunks = list(client.chat.completions.create(model="Thinker", messages=user("Is fire hot?"), stream=True))
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    assert "".join(d.content or "" for d in deltas) == whole.content != ""
    assert "".join(getattr(d, "reasoning_content", None) or "" for d in deltas) == whole.reasoning_content != ""
    assert "</think>" not in whole.reasoning_content and not whole.content.lstrip().startswith("<")


@needs_model
def test_epochs_are_named_as_they_are_shown_and_asked_by_what_the_trainer_wrote_too(server, client, bot, tmp_path):
    base = next(w["model_id"] for w in server.api("GET", "/workspaces").json["workspaces"] if w["name"] == bot)
    for step, epoch in ((470, 3.9167), (478, 3.98), (480, 4.0), (300, 2.4631)):
        folder = tmp_path / "wren" / f"checkpoint-{step}"
        shutil.copytree(ROOT / "demo" / "checkpoints" / "checkpoint-12", folder)
        state = json.loads((folder / "trainer_state.json").read_text("utf-8"))
        (folder / "trainer_state.json").write_text(json.dumps({**state, "epoch": epoch, "global_step": step}), "utf-8")
    added = server.api("POST", "/models", {"path": str(tmp_path / "wren"), "base_model_id": base})
    assert added.status == 200, added.body
    assert {m.id for m in client.models.list() if m.id.startswith("wren")} == {"wren@3.9", "wren@step:478", "wren@step:480", "wren@2.5"}
    for name in ("wren@3.9", "wren@3.9167", "wren@step:478", "wren@3.98", "wren@4", "wren@2.4631"):
        reply = client.chat.completions.create(model=name, messages=user("Say yes."), max_tokens=1)
        assert reply.model == name and reply.usage.completion_tokens == 1


@needs_model
def test_stop_texts_end_the_answer(client, bot):
    text = client.chat.completions.create(model=bot, messages=user("What is the capital of France?"), temperature=0).choices[0].message.content
    stop = text[6:9]
    reply = client.chat.completions.create(model=bot, messages=user("What is the capital of France?"), temperature=0, stop=[stop, "never"])
    assert stop not in reply.choices[0].message.content and reply.choices[0].finish_reason == "stop"


@needs_model
def test_a_client_that_leaves_frees_the_machine(server, client, key, bot):
    body = json.dumps({"model": bot, "messages": user("Write a very long story."), "max_tokens": 30000, "stream": True}).encode()
    plain = json.dumps({"model": bot, "messages": user("Write a very long story."), "max_tokens": 30000}).encode()
    for data, wait in ((body, True), (plain, False)):
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                      b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (server.port, key.encode(), len(data)) + data)
            if wait:
                assert b"data: " in s.recv(65536) + s.recv(65536)
    reply = client.chat.completions.create(model=bot, messages=user("Say yes."), max_tokens=2)
    assert reply.choices[0].message.content


def test_errors_have_the_shape_that_clients_read(server, client, key):
    with pytest.raises(openai.NotFoundError) as e:
        client.chat.completions.create(model="no such model", messages=user("x"))
    assert e.value.code == "model_not_found" and e.value.param == "model" and "no such model" in e.value.message
    for more, param in (({"n": 2}, "n"), ({"logprobs": True}, "logprobs"), ({"response_format": {"type": "json_object"}}, "response_format"),
                        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools")):
        with pytest.raises(openai.UnprocessableEntityError) as e:
            client.chat.completions.create(model="x", messages=user("x"), **more)
        assert e.value.param == param
    for more, param in (({"temperature": 9}, "temperature"), ({"top_p": 2}, "top_p"), ({"max_tokens": 0}, "max_tokens"),
                        ({"stop": [""]}, "stop")):
        with pytest.raises(openai.BadRequestError) as e:
            client.chat.completions.create(model="x", messages=user("x"), **more)
        assert e.value.param == param and e.value.type == "invalid_request_error"
    for messages in ([], [{"role": "tool", "content": "x"}], [{"role": "user"}],
                     [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]):
        with pytest.raises(openai.APIStatusError) as e:
            client.chat.completions.create(model="x", messages=messages)
        assert e.value.status_code in (400, 422) and e.value.param
    wrong = openai.OpenAI(base_url=client.base_url, api_key="sk-assay-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as e:
        wrong.models.list()
    assert e.value.code == "invalid_api_key"
    reply = server.send("GET", "/v1/nothing", headers={"Authorization": "Bearer " + key})
    assert reply.status == 404 and reply.json["error"]["message"]


def test_a_key_opens_nothing_else_and_nothing_else_opens_v1(server, key):
    bearer = {"Authorization": "Bearer " + key}
    assert server.send("GET", "/v1/models", headers=bearer).status == 200
    assert server.send("GET", "/v1/models").status == 401
    assert server.send("GET", "/v1/models", headers=server.owner()).status == 401
    assert server.send("GET", "/v1/models", headers={**bearer, **server.owner()}).status == 403
    assert server.send("GET", "/v1/models", headers={**bearer, "Origin": f"http://127.0.0.1:{server.port}"}).status == 403
    assert server.send("GET", "/v1/models", headers={**bearer, "Host": "evil.test"}).status == 421
    assert server.send("GET", "/api/v1/workspaces", headers=bearer).status == 401
    assert server.send("GET", "/api/v1/v1/models", headers=server.owner()).status == 404
    assert server.send("POST", "/v1/models", {}, headers=bearer).status == 405
    made = server.api("POST", "/api-keys", {"name": "short-lived"}).json
    used = {"Authorization": "Bearer " + made["key"]}
    assert server.send("GET", "/v1/models", headers=used).status == 200
    until = time.monotonic() + 20  # its use is noted after the reply
    while not [k for k in server.api("GET", "/api-keys").json["api_keys"] if k["id"] == made["id"]][0]["used_ms"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert server.api("DELETE", f"/api-keys/{made['id']}").status == 204
    assert server.send("GET", "/v1/models", headers=used).status == 401
