# SPDX-License-Identifier: Apache-2.0
"""Documents of a workspace: taken in, found in Chinese and English, given with a question, cited."""
import os

import pytest

from test_chat import MODEL, ask, chat
from test_contract import problem

HANDBOOK = """# 員工手冊

## 請假規定

員工每年有十四天特休假。請假應於三天前向主管提出申請，並在系統中登錄。

## 出差

出差一律搭乘火車或高鐵。住宿費每晚上限為三千元，須檢附收據。

## 設備

每位新進員工可領取一台筆記型電腦 Kestrel K7，保固三年。
"""
PAGE = """<!doctype html><title>hidden</title><h1>Travel policy</h1>
<p>Hotels cost at most <b>120 euros</b> a night &amp; breakfast is included.</p>
<script>document.write("zebra")</script><h2>Trains</h2><p>First class is allowed on trips of more than four hours.</p>"""


@pytest.fixture
def workspace(server, model):
    number = server.api("POST", "/workspaces", {"name": "documents", "model_id": model}).json["id"]
    yield number
    server.api("DELETE", f"/workspaces/{number}")


def add(server, workspace, name, text, **more):
    data = text.encode() if isinstance(text, str) else text
    upload = server.api("POST", f"/uploads?kind=document&name={name}", data, Content_Type="application/octet-stream")
    assert upload.status == 200, upload.body
    return server.api("POST", f"/workspaces/{workspace}/documents", {"upload": upload.json["upload"], **more})


def search(server, workspace, query):
    return server.api("GET", f"/workspaces/{workspace}/search?q=" + "".join(f"%{b:02x}" for b in query.encode())).json["passages"]


def test_a_document_is_cut_found_and_opened_at_its_passage(server, workspace):
    made = add(server, workspace, "handbook.md", HANDBOOK)
    assert made.status == 200, made.body
    assert made.json["name"] == "handbook.md" and made.json["format"] == "md" and made.json["n_passages"] == 3
    found = search(server, workspace, "特休假有幾天？")
    assert found[0]["heading"] == "請假規定" and found[0]["document_name"] == "handbook.md" and "十四天" in found[0]["text"]
    assert search(server, workspace, "高鐵")[0]["heading"] == "出差" and search(server, workspace, "kestrel")[0]["heading"] == "設備"
    assert search(server, workspace, "宿")[0]["heading"] == "出差"
    assert search(server, workspace, "zebra") == [] and search(server, workspace, "?!") == []
    whole = server.api("GET", f"/documents/{made.json['id']}").json
    units = whole["text"].encode("utf-16-le")
    at, size = found[0]["start"], found[0]["length"]
    assert units[2 * at:2 * (at + size)].decode("utf-16-le") == found[0]["text"]
    assert [p["heading"] for p in whole["passages"]] == ["請假規定", "出差", "設備"]
    assert {"start": at, "length": size} == {k: whole["passages"][0][k] for k in ("start", "length")}
    listed = server.api("GET", f"/workspaces/{workspace}/documents").json["documents"]
    assert [d["id"] for d in listed] == [made.json["id"]] and "text" not in listed[0]
    assert server.api("GET", f"/workspaces/{workspace}").json["n_documents"] == 1
    assert server.api("DELETE", f"/documents/{made.json['id']}").status == 204
    assert search(server, workspace, "特休假") == []
    problem(server.api("GET", f"/documents/{made.json['id']}"), 404, "not_found")


def test_html_gives_its_text_and_nothing_else(server, workspace):
    made = add(server, workspace, "page.html", PAGE).json
    text = server.api("GET", f"/documents/{made['id']}").json["text"]
    assert "120 euros a night & breakfast" in text and "zebra" not in text and "hidden" not in text and "<" not in text
    assert search(server, workspace, "which class on long train trips")[0]["heading"] == "Trains"


def test_offsets_count_what_a_browser_counts(server, workspace):
    made = add(server, workspace, "emoji.txt", "\U0001f600 鯨魚是哺乳類。" * 3 + "\n\n" + "The kestrel is a bird. " * 60).json
    whole = server.api("GET", f"/documents/{made['id']}").json
    for p in search(server, workspace, "kestrel"):
        assert whole["text"].encode("utf-16-le")[2 * p["start"]:2 * (p["start"] + p["length"])].decode("utf-16-le") == p["text"]


def test_what_is_no_document_is_refused(server, workspace):
    problem(add(server, workspace, "a.txt", b"\x00\x01\x02\xff\xfe" * 100), 422, "data")
    problem(add(server, workspace, "a.txt", "   \n  "), 422, "data")
    problem(add(server, workspace, "a.txt", "word " * 900000), 413, "limit")
    assert add(server, workspace, "a.txt", "Big5: 中文".encode("big5")).status == 200
    problem(add(server, workspace, "b.txt", "Big5: 中文".encode("big5")), 409, "conflict")
    path = f"/workspaces/{workspace}/documents"
    problem(server.api("POST", path, {}), 400, "invalid", "upload")
    problem(server.api("POST", path, {"upload": "../../etc/passwd"}), 400, "invalid", "upload")
    problem(server.api("POST", path, {"upload": "0" * 32}), 404, "not_found")
    problem(server.api("GET", "/workspaces/999999/search?q=x"), 404, "not_found")
    problem(server.api("GET", "/workspaces/999999/documents"), 404, "not_found")
    problem(server.api("POST", "/uploads?kind=film", b"x", Content_Type="application/octet-stream"), 400, "invalid", "kind")


@pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")
def test_passages_go_with_the_question_and_stay_with_the_answer(server):
    model = server.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]
    params = {"temperature": 0, "max_tokens": 40, "system": "You answer from the passages."}
    number = server.api("POST", "/workspaces", {"name": "w", "model_id": model, "n_passages": 2, "params": params}).json["id"]
    plain = ask(server, chat(server, number), "How much may a hotel cost?")[1]
    assert plain["citations"] == []
    document = add(server, number, "page.html", PAGE).json
    add(server, number, "handbook.md", HANDBOOK)
    talk = chat(server, number)
    _, answer = ask(server, talk, "How much may a hotel cost a night?")
    assert answer["state"] == "done" and 1 <= len(answer["citations"]) <= 2 and answer["n_prompt"] > plain["n_prompt"] + 20
    first = answer["citations"][0]
    assert first["rank"] == 1 and first["document_id"] == document["id"] and "120 euros" in first["text"]
    assert [c["used"] for c in answer["citations"]] == [f"[{c['rank']}]" in answer["text"] for c in answer["citations"]]
    _, second = ask(server, talk, "住宿費的上限是多少？")
    assert second["citations"][0]["heading"] == "出差"
    assert second["n_reused"] >= answer["n_prompt"]  # the passages of the first turn are still where they were
    server.api("DELETE", f"/documents/{document['id']}")
    assert server.api("GET", f"/messages/{answer['id']}").json["citations"] == answer["citations"]
    server.api("PATCH", f"/workspaces/{number}", {"n_passages": 0})
    assert ask(server, talk, "出差怎麼去？")[1]["citations"] == []
