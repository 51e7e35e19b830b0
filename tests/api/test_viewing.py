# SPDX-License-Identifier: Apache-2.0
"""People who have a share link: they see the results of one run, and nothing else. On a real small model, with the server reached
under a second address, as from the network."""
import json
import os
import sqlite3
import time

import pytest
from conftest import Server
from test_access import ROUTES, ask
from test_panels import COLUMNS, LAN, MODEL, QUESTIONS, Rater, answered, gunzip, invite, refused

pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")
THEIRS = ("/viewing", "/viewing/questions")
PATH, ADDRESS = "/home/somebody/models/secret.gguf", "https://lab.internal:8443/v1"


class Viewer:
    """A browser that opened a share link."""

    def __init__(self, server, link, to=LAN):
        self.server, self.to = server, to
        self.reply = server.send("POST", "/api/v1/viewing/session", {"code": link.split("#p=")[1]}, to=to)
        self.halves = {}
        if self.reply.status == 200:
            self.halves = {"Cookie": self.reply.headers["Set-Cookie"].split(";")[0], "X-Assay": self.reply.json["key"]}

    def ask(self, method, path, body=None):
        return self.server.send(method, "/api/v1" + path, body, self.halves, to=self.to)


def share(server, run, **body):
    return invite(server, run, kind="view", **body)


@pytest.fixture(scope="module")
def lan(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("lan"), lan=LAN)
    server.login()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def asked(lan):
    return answered(lan, QUESTIONS)


def change(server, *statements):
    with sqlite3.connect(server.data / "assay.db") as db:
        for sql, *values in statements:
            db.execute(sql, values)


def test_a_share_link_is_listed_beside_those_for_rating(lan, asked):
    made = share(lan, asked, title="Which one?")
    assert made["link"].startswith(f"http://{LAN}:{lan.port}/view/{made['id']}#p=") and made["kind"] == "view"
    assert (made["state"], made["raters"], made["n_viewers"]) == ("open", [], 0)
    assert abs(made["expires_ms"] - time.time() * 1000 - 7 * 86400e3) < 60e3
    rating = invite(lan, asked)
    assert rating["kind"] == "rate" and "/rate/" in rating["link"]
    listed = lan.api("GET", f"/runs/{asked}/panels").json["panels"]
    assert [(p["id"], p["kind"]) for p in listed[:2]] == [(rating["id"], "rate"), (made["id"], "view")]
    assert all("link" not in p for p in listed)
    Viewer(lan, made["link"]), Viewer(lan, made["link"])
    assert [p["n_viewers"] for p in lan.api("GET", f"/runs/{asked}/panels").json["panels"][:2]] == [0, 2]
    refused(lan.api("POST", f"/runs/{asked}/panels", {"kind": "own"}), 400, "err_panel_kind")
    assert lan.api("POST", f"/runs/{asked}/panels", {"kind": 1}).status == 400
    code = made["link"].split("#p=")[1].encode()
    for path in lan.data.rglob("*"):
        assert not path.is_file() or code not in path.read_bytes(), path


def test_a_viewer_sees_the_results_and_nothing_else(lan):
    given = lan.api("POST", "/question-sets", {"name": "colours.json", "questions": QUESTIONS}).json
    model = lan.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]
    columns = [{"model_id": model, "params": {"system": f"You are number {i}.", "template": "{{ messages[-1].content }}" if i else ""}} for i in range(2)]
    run = lan.api("POST", "/runs", {"columns": columns, "question_set_id": given["id"], "params": {"max_tokens": 8}, "name": "A name"}).json["id"]
    until_done(lan, run)
    rows = lan.api("GET", f"/runs/{run}/questions").json["questions"]
    Rater(lan, invite(lan, run)["link"], "Zacharias").like(1, rows[0]["cells"][0]["text"])
    cell, = rows[2]["cells"][1:]
    problem = "\x1f".join(["io", "err_fs_open", f"path={PATH}", f"reason={ADDRESS}"])
    change(lan, ("UPDATE cell SET state = 2, problem = ? WHERE id = ?", problem, cell["id"]),
           ("UPDATE cell SET thinking = 'Let me see.', finish = 2 WHERE id = ?", rows[1]["cells"][0]["id"]),
           ('UPDATE "column" SET n_done = 3, n_failed = 1, problem = ? WHERE id = ?', problem, cell["column_id"]))
    viewer = Viewer(lan, share(lan, run)["link"])
    cookie = viewer.reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and set(viewer.reply.json) == {"key"}
    told = viewer.ask("GET", "/viewing").json
    assert set(told) == {"title", "question_set", "expires_ms", "created_ms", "state", "mode", "seed", "n_questions", "n_cells", "n_done",
                         "n_failed", "n_raters", "opponent", "columns"}
    assert (told["title"], told["question_set"], told["state"], told["n_raters"]) == ("A name", "colours.json", "done", 1)
    name = next(m["name"] for m in lan.api("GET", "/models").json["models"])
    first, second = told["columns"]
    assert set(first) == {"label", "epoch", "own_template", "params", "n_done", "n_failed", "n_total", "likes", "rated", "n_wins", "n_losses",
                          "win_rate", "low", "high"}
    assert first["label"] == name == told["opponent"] and (first["likes"], first["rated"]) == (1, 1)
    assert first["params"]["max_tokens"] == 8 and first["params"]["system"] == "You are number 0."
    assert [c["own_template"] for c in told["columns"]] == [False, True] and second["params"]["template"] == ""
    standing = lan.api("GET", f"/runs/{run}/standing").json["columns"]
    assert [[c[k] for k in ("n_wins", "n_losses", "win_rate", "low", "high")] for c in told["columns"]] == \
        [[c[k] for k in ("n_wins", "n_losses", "win_rate", "low", "high")] for c in standing]
    page = viewer.ask("GET", "/viewing/questions").json
    assert (page["total"], page["offset"], [q["text"] for q in page["questions"]]) == (4, 0, QUESTIONS)
    assert all(set(q) == {"number", "text", "answers"} for q in page["questions"])
    answer, slow = page["questions"][0]["answers"][0], page["questions"][1]["answers"][0]
    assert answer == {"state": "done", "text": rows[0]["cells"][0]["text"], "finish": rows[0]["cells"][0]["finish"],
                      "n_generated": rows[0]["cells"][0]["n_generated"], "likes": 1}
    assert (slow["thinking"], slow["finish"]) == ("Let me see.", "length")
    assert page["questions"][2]["answers"][1] == {"state": "failed"}
    everything = json.dumps([told, page])
    assert PATH in json.dumps(lan.api("GET", f"/runs/{run}/questions").json)  # the owner is told why
    for hidden in ("Zacharias", "/home/", "secret", "lab.internal", str(lan.data), os.path.dirname(MODEL), "err_", "sha"):
        assert hidden not in everything, hidden


def until_done(server, run):
    deadline = time.monotonic() + 120
    while server.api("GET", f"/runs/{run}").json["state"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_questions_come_page_by_page(lan):
    run = answered(lan, [f"Number {i}?" for i in range(23)])
    viewer = Viewer(lan, share(lan, run)["link"])
    numbers = []
    for offset in (0, 20, 40):
        page = viewer.ask("GET", f"/viewing/questions?offset={offset}").json
        assert page["total"] == 23
        numbers += [q["number"] for q in page["questions"]]
    assert numbers == list(range(1, 24))
    page = viewer.ask("GET", "/viewing/questions?offset=7&limit=2").json
    assert [(q["number"], q["text"]) for q in page["questions"]] == [(8, "Number 7?"), (9, "Number 8?")]
    for wrong in ("limit=0", "limit=101", "offset=-1", "limit=x"):
        assert viewer.ask("GET", f"/viewing/questions?{wrong}").status == 400, wrong


def test_what_is_not_answered_yet_is_told_as_it_stands(lan):
    model = lan.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]
    run = lan.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": ["Tell a long story."] * 40,
                                    "params": {"max_tokens": 400}}).json["id"]
    viewer = Viewer(lan, share(lan, run)["link"])  # also while it computes
    told = viewer.ask("GET", "/viewing").json
    assert told["state"] in ("waiting", "running") and told["n_done"] < told["n_cells"] == 40
    answers = [q["answers"][0] for q in viewer.ask("GET", "/viewing/questions?limit=100").json["questions"]]
    assert {"state": "waiting"} in answers and len(answers) == 40
    lan.api("POST", f"/runs/{run}/stop")
    deadline = time.monotonic() + 20
    while viewer.ask("GET", "/viewing").json["state"] != "stopped":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert viewer.ask("GET", "/viewing/questions?offset=39").json["questions"][0]["answers"] == [{"state": "cancelled"}]
    assert lan.api("DELETE", f"/runs/{run}").status == 204
    refused(viewer.ask("GET", "/viewing"), 403, "err_viewing_closed")


def test_a_link_opens_only_what_it_was_made_for(lan, asked):
    rating, viewing = invite(lan, asked)["link"], share(lan, asked)["link"]
    refused(Viewer(lan, rating).reply, 403, "err_viewing_code")
    refused(Rater(lan, viewing, "Ann").reply, 403, "err_panel_code")
    refused(Viewer(lan, "#p=" + "0" * 32).reply, 403, "err_viewing_code")
    assert lan.send("POST", "/api/v1/viewing/session", {}, to=LAN).status == 400


def test_links_end_at_once(lan, asked):
    made = share(lan, asked)
    first = Viewer(lan, made["link"])
    renewed = lan.api("POST", f"/panels/{made['id']}/link").json["link"]
    refused(Viewer(lan, made["link"]).reply, 403, "err_viewing_code")
    second = Viewer(lan, renewed)
    assert [v.ask("GET", "/viewing").status for v in (first, second)] == [200, 200]
    assert lan.api("POST", f"/panels/{made['id']}/close").json["state"] == "closed"
    for viewer in (first, second):
        for path in THEIRS:
            refused(viewer.ask("GET", path), 403, "err_viewing_closed")
    refused(Viewer(lan, renewed).reply, 403, "err_viewing_code")
    late = share(lan, asked, days=1)
    viewer = Viewer(lan, late["link"])
    change(lan, ("UPDATE panel SET expires_ms = 1 WHERE id = ?", late["id"]))
    refused(viewer.ask("GET", "/viewing"), 403, "err_viewing_closed")
    refused(Viewer(lan, late["link"]).reply, 403, "err_viewing_code")


def test_a_browser_may_see_several_runs(lan, asked):
    viewers = [Viewer(lan, share(lan, asked, title=title)["link"]) for title in ("one", "two")]
    both = "; ".join(v.halves["Cookie"] for v in viewers)
    for viewer, title in zip(viewers, ("one", "two")):
        viewer.halves["Cookie"] = both
        assert viewer.ask("GET", "/viewing").json["title"] == title


def test_a_viewer_outlives_the_server(tmp_path):
    server = Server(tmp_path, lan=LAN)
    server.login()
    run = answered(server, QUESTIONS[:1])
    viewer = Viewer(server, share(server, run)["link"])
    server.process.kill()
    server.process.wait()
    again = Server(tmp_path, lan=LAN)
    again.login()
    moved = {"Cookie": viewer.halves["Cookie"].replace(str(server.port), str(again.port)), "X-Assay": viewer.halves["X-Assay"]}
    assert again.send("GET", "/api/v1/viewing", headers=moved, to=LAN).json["n_questions"] == 1
    assert again.stop() == 0


def test_who_opened_a_link_too_often_loses_the_first_of_them(lan, asked):
    made = share(lan, asked)
    other = Viewer(lan, share(lan, asked)["link"])
    viewers = [Viewer(lan, made["link"]) for _ in range(101)]
    assert {v.reply.status for v in viewers} == {200}
    refused(viewers[0].ask("GET", "/viewing"), 401, "err_gate_viewer")
    assert [v.ask("GET", "/viewing").status for v in (viewers[1], viewers[100], other)] == [200, 200, 200]


@pytest.mark.parametrize("method,path", ROUTES)
def test_a_viewer_may_nothing_else(lan, asked, method, path):
    """Every route: as a viewer from the network and on this machine, and the viewers' own routes as anybody else."""
    if not hasattr(lan, "viewer"):
        lan.viewer, lan.rater = Viewer(lan, share(lan, asked)["link"]), Rater(lan, invite(lan, asked)["link"], "Ann")
    if path in ("/rating/session", "/viewing/session", "/session"):
        return  # what these open is in the code that they are given
    here = ask(lan, method, path, lan.viewer.halves)
    kind = {} if method in ("GET", "DELETE") else {"Content-Type": "application/json"}
    there = lan.send(method, "/api/v1" + path, b"{}" if kind else None, {**lan.viewer.halves, **kind}, to=LAN)
    if path not in THEIRS:
        assert here.status == 401 and there.status == (401 if path.startswith("/rating") else 403)
        return
    assert here.status == there.status == 200
    for halves in (lan.owner(), lan.rater.halves, {}, {"Cookie": lan.viewer.halves["Cookie"]}, {"X-Assay": lan.viewer.halves["X-Assay"]}):
        for to in (LAN, "127.0.0.1"):
            refused(lan.send("GET", "/api/v1" + path, headers=halves, to=to), 401, "err_gate_viewer")
    for wrong in ("POST", "PUT", "PATCH", "DELETE"):
        assert lan.viewer.ask(wrong, path, {}).status in (401, 403, 405)


def test_the_page_of_viewers_is_that_of_raters(lan):
    for to in (LAN, "127.0.0.1"):
        assert b"rate-" in gunzip(lan.send("GET", "/view/7", headers={"Accept-Encoding": "gzip"}, to=to).body)


def test_who_opened_a_link_stands_in_the_audit(lan, asked):
    made = share(lan, asked)
    Viewer(lan, made["link"])
    lan.api("POST", f"/panels/{made['id']}/link")
    lan.api("POST", f"/panels/{made['id']}/close")
    entries = lan.api("GET", "/audit").json["entries"][:4]
    assert [(e["who"], e["what"]) for e in entries] == [("owner", "close_share"), ("owner", "renew_share"), ("viewer", "open_share"),
                                                        ("owner", "add_share")]
    assert all(not e["text"].startswith("core_") for e in entries) and entries[2]["from"].startswith("127.")
