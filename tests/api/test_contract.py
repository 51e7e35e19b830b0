# SPDX-License-Identifier: Apache-2.0
"""What each route answers: the status, the shape, the sentence."""
import csv
import gzip
import io
import json
import pathlib
import sqlite3
import time
from urllib.parse import quote

import pytest
from conftest import gguf


def problem(reply, status, code, field=None):
    assert reply.status == status, reply.body
    error = reply.json["error"]
    assert error["code"] == code and error["message"] and not error["message"].startswith("err_"), error
    if field:
        assert error["field"] == field
    return error


def test_login_gives_two_halves_once(server):
    code = server.unix("POST", "/session/code").json
    assert code["url"].endswith("/#s=" + code["code"]) and len(code["code"]) == 32
    reply = server.send("POST", "/api/v1/session", {"code": code["code"]})
    cookie = reply.headers["Set-Cookie"]
    assert reply.json["role"] == "owner" and len(reply.json["key"]) == 64
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"):
        assert part in cookie
    assert "Domain" not in cookie and cookie.startswith(f"assay_{server.port}_")
    problem(server.send("POST", "/api/v1/session", {"code": code["code"]}), 403, "denied")
    halves = {"Cookie": cookie.split(";")[0], "X-Assay": reply.json["key"]}
    assert "key" not in server.send("GET", "/api/v1/session", headers=halves).json
    assert server.send("DELETE", "/api/v1/session", headers=halves).status == 204
    assert server.send("GET", "/api/v1/session", headers=halves).status == 401


def test_a_session_survives_a_restart_of_nothing_but_its_halves(server):
    assert server.api("GET", "/session").json["role"] == "owner"


def test_status_doctor_and_settings(server):
    status = server.api("GET", "/status").json
    assert status["memory_total"] > 0 and status["disk_free"] > 0 and status["data_dir"] == str(server.data)
    for check in server.api("GET", "/doctor").json["checks"]:
        assert check["state"] in ("ok", "warn", "fail") and check["label"] and not check["message"].startswith("core_")
    assert server.api("PATCH", "/settings", {"language": "zh-TW", "n_threads": 2}).json["n_threads"] == 2
    assert problem(server.api("GET", "/runs/999999"), 404, "not_found")["message"].startswith("找不到")
    english = problem(server.api("GET", "/runs/999999", Accept_Language="en"), 404, "not_found")
    assert english["message"].isascii()
    server.api("PATCH", "/settings", {"language": "", "n_threads": 0})
    problem(server.api("PATCH", "/settings", {"language": "fr"}), 400, "invalid", "language")
    problem(server.api("PATCH", "/settings", {"n_threads": -1}), 400, "invalid", "n_threads")


def test_models_are_scanned_named_and_forgotten(server, tmp_path):
    from conftest import gguf
    path = gguf(tmp_path / "one.gguf")
    reply = server.api("POST", "/models", {"path": str(path), "name": "第一個"})
    number = reply.json["model_ids"][0]
    model = server.api("GET", f"/models/{number}").json
    assert model["kind"] == "base" and model["name"] == "第一個" and model["family_id"] is None
    assert server.api("PATCH", f"/models/{number}", {"name": "二"}).json["name"] == "二"
    assert number in [m["id"] for m in server.api("GET", "/models").json["models"]]
    path.unlink()
    assert server.api("GET", f"/models/{number}").json["problem"]["key"] == "err_model_file_gone"
    assert server.api("DELETE", f"/models/{number}").status == 204
    assert number not in [m["id"] for m in server.api("GET", "/models").json["models"]]
    problem(server.api("POST", "/models", {}), 400, "invalid", "path")
    problem(server.api("POST", "/models", {"path": "relative"}), 400, "invalid", "path")
    problem(server.api("POST", "/models", {"path": str(tmp_path / "none")}), 404, "not_found")
    problem(server.api("PATCH", f"/models/{number}", {"name": ""}), 400, "invalid", "name")
    problem(server.api("PATCH", f"/models/{number}", {"name": "x" * 201}), 400, "invalid", "name")


def test_families_show_their_epochs(fresh):
    from conftest import ROOT
    reply = fresh.api("POST", "/models", {"path": str(ROOT / "demo/checkpoints")})
    family = reply.json["family_ids"][0]
    shown = [f for f in fresh.api("GET", "/models").json["families"] if f["id"] == family][0]
    assert [c["epoch"] for c in shown["checkpoints"]] == sorted(c["epoch"] for c in shown["checkpoints"])
    assert shown["missing_epochs"] and shown["losses"]
    assert fresh.api("PATCH", f"/families/{family}", {"name": "紅隼"}).json["name"] == "紅隼"
    problem(fresh.api("PATCH", "/families/999", {"name": "x"}), 404, "not_found")
    column = {"model_id": shown["checkpoints"][0]["id"]}
    problem(fresh.api("POST", "/runs", {"columns": [column], "questions": ["a"]}), 409, "conflict", "columns[0].model_id")
    assert fresh.api("DELETE", f"/families/{family}").status == 204


def test_an_upload_is_shown_and_becomes_a_set(server):
    rows = "".join(json.dumps({"q": f"question {i}", "a": str(i)}) + "\n" for i in range(30))
    reply = server.api("POST", "/uploads?name=%E9%A1%8C.jsonl", rows.encode(), Content_Type="application/octet-stream")
    upload = reply.json
    assert upload["fields"] == ["q", "a"] and upload["n_total"] == 0
    assert "q, a" in upload["problems"][0]["message"]  # which one is the question?
    upload = server.api("GET", f"/uploads/{upload['upload']}?question_field=q").json
    assert upload["name"] == "題.jsonl" and upload["n_total"] == 30 and len(upload["questions"]) == 20
    again = server.api("GET", f"/uploads/{upload['upload']}?question_field=a").json
    assert again["questions"][3]["text"] == "3" and again["name"] == "題.jsonl"
    added = server.api("POST", "/question-sets", {"upload": upload["upload"], "question_field": "q", "reference_field": "a"})
    assert added.json["n_questions"] == 30 and added.json["n_with_reference"] == 30
    number = added.json["id"]
    page = server.api("GET", f"/question-sets/{number}?offset=10&limit=5").json
    assert page["total"] == 30 and [q["text"] for q in page["questions"]] == [f"question {i}" for i in range(10, 15)]
    problem(server.api("GET", f"/uploads/{upload['upload']}"), 404, "not_found")
    assert server.api("DELETE", f"/question-sets/{number}").status == 204
    problem(server.api("GET", "/uploads/" + "0" * 32), 404, "not_found")
    problem(server.api("POST", "/uploads", b"", Content_Type="application/octet-stream"), 422, "data")


CONFIG = """# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
prompts: ['Answer briefly: {{ topic }}']
tests:
  - vars: {topic: 台灣最高的山？}
    assert: [{type: icontains, value: 玉山}]
  - vars: {topic: ''}
  - vars:
      topic: file://long.txt
  - vars: {topic: How high is it?}
"""


def test_an_upload_in_yaml_is_shown_with_the_lines_of_its_problems(server):
    def upload(name, text):
        return server.api("POST", f"/uploads?name={name}", text.encode(), Content_Type="application/octet-stream").json
    shown = upload("promptfooconfig.yaml", CONFIG)
    assert shown["format"] == "promptfoo" and shown["question_field"] == "topic" and shown["n_total"] == 2
    assert [(q["text"], q.get("reference", "")) for q in shown["questions"]] == [("台灣最高的山？", "玉山"), ("How high is it?", "")]
    assert [(p["line"], p["message"]) for p in shown["problems"]] == [
        (6, "Line 6: the question is empty. The other 2 questions were read."),
        (7, "Line 7: this stands in another file: file://long.txt. The other 2 questions were read.")]
    added = server.api("POST", "/question-sets", {"upload": shown["upload"]})
    assert added.json["n_questions"] == 2 and added.json["n_with_reference"] == 1
    broken = server.api("POST", "/uploads?name=q.yaml", b"- question: a\n- question: *x\n", Content_Type="application/octet-stream")
    assert problem(broken, 422, "data")["message"].startswith("Line 2: anchors and aliases")
    assert server.api("DELETE", f"/question-sets/{added.json['id']}").status == 204


def test_a_set_without_a_name_is_called_after_its_first_question(server):
    def name(text):
        return server.api("POST", "/question-sets", {"questions": [text]}).json["name"]
    assert name("Short?") == "Short?"
    assert name("Which CPU does the Kestrel K7 use, and how many cores does it have?") == "Which CPU does the Kestrel K7 use, and how many cores does…"
    assert name("為" * 70) == "為" * 60 + "…"
    assert name("First line\nsecond") == "First line"


def test_an_upload_over_the_limit_is_refused_without_its_file(server):
    body = b"x" * (64 * 1024 * 1024 + 1)
    # All of it is read, so that the client hears the sentence and not a broken connection.
    assert str(64 * 1024 * 1024) in problem(server.api("POST", "/uploads", body, Content_Type="application/octet-stream"), 413, "limit")["message"]
    assert not [p for p in (server.data / "uploads").iterdir() if p.stat().st_size > 1024 * 1024]


def test_the_other_fields_of_a_row_go_through_sets_runs_and_exports(server, model):
    rows = [{"id": 1, "question": "a", "answer": "b", "category": "geo", "metadata": {"n": 1.5, "who": ["x", None]}},
            {"question": "c", "answer": "d"}, {"turns": 2, "question": "e", "system": "s", "tags": ["t"]}]
    others = [{"id": 1, "category": "geo", "metadata": {"n": 1.5, "who": ["x", None]}}, None, {"turns": 2, "tags": ["t"]}]
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    upload = server.api("POST", "/uploads?name=q.jsonl", body, Content_Type="application/octet-stream").json
    assert [q.get("record") for q in upload["questions"]] == others
    number = server.api("POST", "/question-sets", {"upload": upload["upload"]}).json["id"]
    for order in ("position", "conversation"):
        shown = server.api("GET", f"/question-sets/{number}?order={order}").json["questions"]
        assert [q.get("record") for q in shown] == others
    run = server.api("POST", "/runs", {"columns": [{"model_id": model}], "question_set_id": number}).json["id"]
    server.api("POST", f"/runs/{run}/questions", {"questions": [{"text": "f", "record": {"k": 1}}]})
    for order in ("position", "conversation"):
        shown = server.api("GET", f"/runs/{run}/questions?order={order}").json["questions"]
        assert [q.get("record") for q in shown] == [*others, {"k": 1}]
    lines = server.api("GET", f"/runs/{run}/export?format=jsonl").body.splitlines()[1:]
    assert [json.loads(line).get("record") for line in lines] == [*others, {"k": 1}]
    table = list(csv.DictReader(io.StringIO(server.api("GET", f"/runs/{run}/export?format=csv").body.decode())))
    assert [(row["record_id"], row["category"]) for row in table] == [("1", "geo"), ("", ""), ("", ""), ("", "")]
    again = server.api("POST", "/uploads?name=again.jsonl", b"\n".join(lines), Content_Type="application/octet-stream").json
    assert [q.get("record") for q in again["questions"]] == [*others, {"k": 1}]
    plain = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": [{"text": "a", "id": "k"}]}).json["id"]
    assert server.api("GET", f"/runs/{plain}/export?format=csv").body.decode().startswith('"ID","Question"')


def test_a_link_that_is_over_says_how_to_get_a_new_one(server):
    for language, sentence in (("en", "This link has expired or was already used. Run `assay open` for a new one."),
                               ("zh-TW", "這個連結已過期或已使用過。請執行 `assay open` 取得新的連結。")):
        error = problem(server.send("POST", "/api/v1/session", {"code": "0" * 32}, {"Accept-Language": language}), 403, "denied")
        assert (error["message"] + (" " if language == "en" else "") + error["hint"]) == sentence


def test_question_sets_from_the_body(server):
    reply = server.api("POST", "/question-sets", {"questions": ["e\u0301", {"text": "b", "reference": "r", "id": "7"}]})
    number = reply.json["id"]
    questions = server.api("GET", f"/question-sets/{number}").json["questions"]
    assert questions == [{"position": 0, "text": "\u00e9"}, {"position": 1, "text": "b", "reference": "r", "id": "7"}]
    several = [{"text": "c", "reference": "r", "other_references": ["e\u0301", "", "two\nlines"]}, {"text": "d", "other_references": ["", "first", "then"]}]
    number = server.api("POST", "/question-sets", {"questions": several}).json["id"]
    assert server.api("GET", f"/question-sets/{number}").json["questions"] == [
        {"position": 0, "text": "c", "reference": "r", "other_references": ["\u00e9", "two lines"]},
        {"position": 1, "text": "d", "reference": "first", "other_references": ["then"]}]
    for wrong, field in (([1], "[0]"), ("x", "")):
        problem(server.api("POST", "/question-sets", {"questions": [{"text": "e", "other_references": wrong}]}), 400, "invalid",
                f"questions[0].other_references{field}")
    record = {"id": 7, "n": [0.1, 9007199254740993, None], "o": {}}
    number = server.api("POST", "/question-sets", {"questions": [{"text": "f", "record": record}, {"text": "g", "record": {}}]}).json["id"]
    assert server.api("GET", f"/question-sets/{number}").json["questions"] == [
        {"position": 0, "text": "f", "record": {**record, "n": [0.1, "9007199254740993", None]}}, {"position": 1, "text": "g"}]
    for wrong, status, code in (([1], 400, "invalid"), ({"x": "x" * 262144}, 413, "limit")):
        problem(server.api("POST", "/question-sets", {"questions": [{"text": "h", "record": wrong}]}), status, code, "questions[0].record")
    problem(server.api("POST", "/question-sets", {}), 400, "invalid", "questions")
    problem(server.api("POST", "/question-sets", {"questions": []}), 400, "invalid", "questions")
    problem(server.api("POST", "/question-sets", {"questions": [""]}), 400, "invalid", "questions[0]")
    problem(server.api("POST", "/question-sets", {"questions": ["a", {"text": 1}]}), 400, "invalid", "questions[1].text")
    problem(server.api("POST", "/question-sets", {"questions": [1]}), 400, "invalid", "questions[0]")
    problem(server.api("POST", "/question-sets", {"upload": "../../etc/passwd"}), 400, "invalid", "upload")


def test_a_run_is_stored_listed_paged_changed_and_removed(server, model, run):
    number = run["id"]
    assert run["n_cells"] == 2 and run["columns"][0]["model_id"] == model and run["mode"] == "exact"
    assert number in [r["id"] for r in server.api("GET", "/runs").json["runs"]]
    assert number in [r["id"] for r in server.api("GET", "/runs?q=test%20run&limit=1000").json["runs"]]
    page = server.api("GET", f"/runs/{number}/questions").json
    assert page["total"] == 2 and page["event_id"] > 0 and page["questions"][1]["reference"] == "2"
    cell = page["questions"][0]["cells"][0]
    assert server.api("GET", f"/cells/{cell['id']}").json["question_id"] == page["questions"][0]["id"]
    for choice in ("all", "differ", "unrated", "failed"):
        assert server.api("GET", f"/runs/{number}/questions?filter={choice}").status == 200
    assert server.api("PATCH", f"/runs/{number}", {"name": "n", "blind": True}).json["blind"] is True
    assert server.api("POST", f"/runs/{number}/questions", {"questions": ["three"]}).json["n_questions"] == 3
    stopped = server.api("POST", f"/runs/{number}/stop")
    assert stopped.status == 200
    problem(server.api("POST", f"/runs/{number}/retry", {"column_id": 999999}), 404, "not_found", "column_id")
    deadline = time.monotonic() + 20
    while (reply := server.api("DELETE", f"/runs/{number}")).status == 409 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert reply.status == 204
    problem(server.api("GET", f"/runs/{number}"), 404, "not_found")


def test_a_vote_needs_an_answer(server, run):
    cell = server.api("GET", f"/runs/{run['id']}/questions").json["questions"][0]["cells"][0]["id"]
    problem(server.api("PUT", f"/cells/{cell}/vote", {"liked": True}), 409, "conflict")
    problem(server.api("PUT", f"/cells/{cell}/vote", {}), 400, "invalid", "liked")
    problem(server.api("PUT", "/cells/999999/vote", {"liked": True}), 404, "not_found")


@pytest.mark.parametrize("form,mime", [("csv", "text/csv"), ("csv-excel", "text/csv"), ("jsonl", "application/x-ndjson"),
                                       ("html", "text/html"), ("junit", "application/xml")])
def test_exports_are_attachments(server, run, form, mime):
    reply = server.api("GET", f"/runs/{run['id']}/export?format={form}&lang=en")
    assert reply.status == 200 and reply.headers["Content-Type"].startswith(mime), reply.body
    assert reply.headers["Content-Disposition"].startswith("attachment") and reply.body


def test_exports_that_cannot_be_made_say_why(server, run):
    problem(server.api("GET", f"/runs/{run['id']}/export"), 400, "invalid")
    problem(server.api("GET", f"/runs/{run['id']}/export?format=docx"), 400, "invalid")
    problem(server.api("GET", "/runs/999999/export?format=csv"), 404, "not_found")


@pytest.mark.parametrize("body,field", [
    ({}, "columns"), ({"columns": []}, "columns"), ({"columns": [{}]}, "columns[0].model_id"),
    ({"columns": [{"model_id": 1}] * 17, "questions": ["a"]}, "columns"),
    ({"columns": [{"model_id": 1}]}, "questions"), ({"columns": [{"model_id": 1}], "questions": []}, "questions"),
    ({"columns": [{"model_id": 1, "params": {"temperature": 6}}], "questions": ["a"]}, "columns[0].params.temperature"),
    ({"columns": [{"model_id": "1"}], "questions": ["a"]}, "columns[0].model_id"),
    ({"columns": {"model_id": 1}, "questions": ["a"]}, "columns"),
])
def test_a_wrong_run_names_its_field(server, body, field):
    problem(server.api("POST", "/runs", body), 400, "invalid", field)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'{"a":1,"a":2}', b"\xff", b"{}x", b'{"name":"\\u0000"}',
                                  b"[" * 100])
def test_a_body_that_is_no_object_is_refused(server, body):
    reply = server.api("POST", "/runs", body, Content_Type="application/json")
    assert reply.status in (400, 413) and reply.json["error"]["message"]


def test_a_long_body_is_refused_with_the_limit(server):
    reply = server.api("POST", "/runs", b'{"name":"' + b"x" * 1024 * 1024 + b'"}', Content_Type="application/json")
    assert "1048576" in problem(reply, 413, "limit")["message"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=", "limit=1e3", "before=-1"])
def test_wrong_numbers_in_the_query(server, query):
    problem(server.api("GET", "/runs?" + query), 400, "invalid", query.split("=")[0])


@pytest.mark.parametrize("path", ["/nothing", "/runs/0", "/runs/x", "/runs/%00", "/runs/1%2f..", "/../etc/passwd", "/runs//1"])
def test_unknown_paths_are_json(server, path):
    problem(server.api("GET", path), 404, "not_found")


def test_wrong_methods_say_which_are_right(server):
    reply = server.api("PUT", "/runs")
    problem(reply, 405, "invalid")
    assert reply.headers["Allow"] == "GET, POST"
    assert server.api("OPTIONS", "/runs").status == 403
    assert server.send("POST", "/").status == 405


def test_the_page_has_its_policy_and_its_caching(server):
    reply = server.send("GET", "/", headers={"Accept-Encoding": "gzip"})
    if reply.status == 503:
        pytest.skip("built without the page")
    assert b"<html" in gzip.decompress(reply.body)
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "require-trusted-types-for 'script'" in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff" and reply.headers["Cache-Control"] == "no-cache"
    same = server.send("GET", "/runs/5", headers={"Accept-Encoding": "gzip", "If-None-Match": reply.headers["ETag"]})
    assert same.status == 304 and not same.body
    assert server.send("GET", "/").status == 406
    assert server.send("GET", "/none.js", headers={"Accept-Encoding": "gzip"}).status == 404


def test_no_reply_allows_other_sites(server):
    for path in ("/healthz", "/", "/api/v1/runs"):
        headers = server.send("GET", path, headers=server.owner()).headers
        assert not [name for name in headers if name.lower().startswith("access-control")]


def test_paths_that_cannot_be_looked_at_are_refused(server):
    for path, sentence in (("", "empty"), ("/tmp/" + "x" * 300, "longer"), ("/tmp" + "/y" * 2100, ""), ("/proc/self", "/proc"), ("/sys", "/sys")):
        refused = problem(server.api("POST", "/models", {"path": path}), 400, "invalid")
        assert sentence in refused["message"], refused


def test_what_was_not_taken_leaves_the_list_when_it_is_gone_or_dismissed(fresh, tmp_path):
    def listed():
        return [refusal["path"] for refusal in fresh.api("GET", "/models").json["refusals"]]
    def stored():
        with sqlite3.connect(f"file:{fresh.data / 'assay.db'}?mode=ro", uri=True) as db:
            return {path for path, in db.execute("SELECT path FROM refusal")}
    folder = tmp_path / "models"
    folder.mkdir()
    paths = [str(folder / f"{name}.gguf") for name in "abc"]
    for path in paths:
        pathlib.Path(path).write_bytes(b"GGUF broken")
    assert fresh.api("POST", "/models", {"path": str(folder)}).status == 200
    assert listed() == paths
    pathlib.Path(paths[0]).unlink()
    assert listed() == paths[1:] and stored() == set(paths)
    # The next scan forgets it, whatever it looks at.
    gguf(tmp_path / "good.gguf")
    assert fresh.api("POST", "/models", {"path": str(tmp_path / "good.gguf")}).status == 200
    assert stored() == set(paths[1:])
    assert fresh.api("DELETE", f"/models/refusals?path={quote(paths[1])}").status == 204
    assert listed() == paths[2:] and stored() == set(paths[2:])
    assert fresh.api("DELETE", f"/models/refusals?path={quote(paths[1])}").status == 204
    problem(fresh.api("DELETE", "/models/refusals"), 400, "invalid", "path")
    problem(fresh.api("DELETE", "/models/refusals?path="), 400, "invalid", "path")
    assert fresh.api("POST", "/models", {"path": str(folder)}).status == 200
    assert listed() == paths[1:]


def test_the_same_questions_are_stored_once(fresh):
    def given(name, questions):
        return fresh.api("POST", "/question-sets", {"name": name, "questions": questions}).json
    def listed():
        return [s["name"] for s in fresh.api("GET", "/question-sets").json["question_sets"]]
    first, other = given("a.json", ["one", {"text": "two", "reference": "2"}]), given("other", ["one", "two"])
    assert listed() == ["other", "a.json"]
    again = given("b.json", ["one", {"text": "two", "reference": "2"}])
    assert again["id"] == first["id"] != other["id"] and again["name"] == "b.json"
    assert listed() == ["b.json", "other"]
    upload = fresh.api("POST", "/uploads?name=c.jsonl", b'{"question": "one"}\n{"question": "two", "answer": "2"}\n', Content_Type="application/octet-stream").json
    assert fresh.api("POST", "/question-sets", {"upload": upload["upload"]}).json["id"] == first["id"]
    assert listed() == ["c.jsonl", "other"]
