# SPDX-License-Identifier: Apache-2.0
"""People who are invited by a link to rate: what they see, what they may, what becomes of it. On a real small model, with the
server reached under a second address, as from the network."""
import http.client
import json
import os
import sqlite3
import time

import pytest
from conftest import Server
from test_access import ROUTES, ask

MODEL = os.environ.get("ASSAY_TEST_MODEL", "")
LAN = "127.0.0.2"
COLUMNS = 3
QUESTIONS = ["Name a colour.", "Say hi.", "Count to three.", "Name a bird."]
pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="ASSAY_TEST_MODEL names no file")


class Rater:
    """A browser that came by a link."""

    def __init__(self, server, link, name, to=LAN, **more):
        self.server, self.to = server, to
        self.reply = server.send("POST", "/api/v1/rating/session", {"code": link.split("#p=")[1], "name": name, **more}, to=to)
        self.halves = {}
        if self.reply.status == 200:
            self.halves = {"Cookie": self.reply.headers["Set-Cookie"].split(";")[0], "X-Assay": self.reply.json["key"]}

    def ask(self, method, path, body=None):
        return self.server.send(method, "/api/v1" + path, body, self.halves, to=self.to)

    def question(self, number):
        return self.ask("GET", f"/rating/questions/{number}").json

    def like(self, number, *texts):
        slots = [a["slot"] for a in self.question(number)["answers"] if a["text"] in texts]
        return self.ask("PUT", f"/rating/questions/{number}", {"likes": slots})


def refused(reply, status, key):
    assert (reply.status, reply.json["error"]["key"]) == (status, key), reply.body


@pytest.fixture(scope="module")
def lan(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("lan"), lan=LAN)
    server.login()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def asked(lan):
    return answered(lan, QUESTIONS)


def answered(server, questions):
    model = server.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]
    columns = [{"model_id": model, "params": {"system": f"You are number {i}.", "temperature": 1.5 * (i > 0)}} for i in range(COLUMNS)]
    run = server.api("POST", "/runs", {"columns": columns, "questions": questions, "params": {"max_tokens": 8}}).json["id"]
    deadline = time.monotonic() + 120
    while server.api("GET", f"/runs/{run}").json["state"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return run


def invite(server, run, **body):
    reply = server.api("POST", f"/runs/{run}/panels", body)
    assert reply.status == 200, reply.body
    return reply.json


def columns_of(server, run):
    return server.api("GET", f"/runs/{run}").json["columns"]


def test_the_link_leads_to_the_network_and_is_shown_once(lan, asked):
    made = invite(lan, asked, title="哪個好？", days=2, max_raters=3)
    assert made["link"].startswith(f"http://{LAN}:{lan.port}/rate/{made['id']}#p=") and made["is_lan"] and made["state"] == "open"
    assert (made["title"], made["max_raters"], made["n_questions"], made["raters"]) == ("哪個好？", 3, 4, [])
    assert abs(made["expires_ms"] - time.time() * 1000 - 2 * 86400e3) < 60e3
    shown = lan.api("GET", f"/runs/{asked}/panels").json["panels"][0]
    assert "link" not in shown and shown["id"] == made["id"]
    code = made["link"].split("#p=")[1].encode()
    for path in lan.data.rglob("*"):
        assert not path.is_file() or code not in path.read_bytes(), path


def test_links_of_all_runs_are_listed_with_their_runs(fresh):
    runs = [answered(fresh, QUESTIONS[:1]) for _ in range(2)]
    fresh.api("PATCH", f"/runs/{runs[0]}", {"name": "the first"})
    first, second, third = (invite(fresh, run, title=title) for run, title in zip((*runs, runs[0]), ("a", "b", "c")))
    rater = Rater(fresh, first["link"], "Ann", to="127.0.0.1")
    assert rater.reply.status == 200

    def listed(query=""):
        return fresh.api("GET", f"/panels{query}").json["panels"]
    assert [(p["id"], p["run_id"], p["title"], p["state"]) for p in listed()] == \
        [(third["id"], runs[0], "c", "open"), (second["id"], runs[1], "b", "open"), (first["id"], runs[0], "a", "open")]
    assert [p["run_name"] for p in listed()][::2] == ["the first", "the first"]
    assert [r["name"] for r in listed()[2]["raters"]] == ["Ann"] and not any("link" in p for p in listed())
    fresh.api("POST", f"/panels/{third['id']}/close")
    with sqlite3.connect(fresh.data / "assay.db") as db:
        db.execute("UPDATE panel SET expires_ms = 1 WHERE id = ?", (second["id"],))
    assert [(p["id"], p["state"]) for p in listed("?state=open")] == [(first["id"], "open")]
    assert [(p["id"], p["state"]) for p in listed("?state=ended")] == [(third["id"], "closed"), (second["id"], "expired")]
    assert [p["id"] for p in listed("?limit=1")] == [third["id"]]
    assert [p["id"] for p in listed(f"?state=ended&before={third['id']}")] == [second["id"]]
    for query in ("?state=closed", "?limit=0", "?limit=1001", "?before=-1", "?before=x"):
        assert fresh.api("GET", f"/panels{query}").status == 400, query
    fresh.api("DELETE", f"/runs/{runs[0]}")
    assert [p["id"] for p in listed()] == [second["id"]]


def test_the_doctor_says_that_raters_come_in_by_the_network(lan, server):
    check, = [c for c in lan.api("GET", "/doctor", Accept_Language="en").json["checks"] if c["name"] == "lan"]
    assert check["state"] == "ok" and f"http://{LAN}:{lan.port}" in check["message"]
    assert not [c for c in server.api("GET", "/doctor").json["checks"] if c["name"] == "lan"]


def test_a_rater_sees_answers_and_nothing_else(lan, asked):
    rater = Rater(lan, invite(lan, asked, title="Which?")["link"], "Ann")
    cookie = rater.reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and set(rater.reply.json) == {"key"}
    told = rater.ask("GET", "/rating").json
    assert {k: told[k] for k in ("title", "name", "n_questions", "n_rated")} == \
        {"title": "Which?", "name": "Ann", "n_questions": 4, "n_rated": 0}
    question = rater.question(1)
    assert set(question) == {"number", "earlier", "text", "rated", "answers"} and question["text"] == QUESTIONS[0]
    assert all(set(a) == {"slot", "text", "liked"} for a in question["answers"])
    rows = lan.api("GET", f"/runs/{asked}/questions").json["questions"]
    assert sorted(a["text"] for a in question["answers"]) == sorted(c["text"] for c in rows[0]["cells"])
    name = next(m["name"] for m in lan.api("GET", "/models").json["models"])
    assert name not in json.dumps([told, question]) and "You are number" not in json.dumps(question)


def test_every_rater_has_an_order_and_keeps_it(lan):
    run = answered(lan, [f"Question number {i}?" for i in range(12)])
    rows = lan.api("GET", f"/runs/{run}/questions").json["questions"]
    link = invite(lan, run)["link"]
    orders = []
    for name in ("Ann", "Bo"):
        rater = Rater(lan, link, name)
        order = [[a["text"] for a in rater.question(n)["answers"]] for n in range(1, 13)]
        assert order == [[a["text"] for a in rater.question(n)["answers"]] for n in range(1, 13)]
        # By column, where the texts tell them apart.
        orders.append([[[c["text"] for c in row["cells"]].index(text) for text in texts]
                       for row, texts in zip(rows, order) if len(set(texts)) == COLUMNS])
    assert len(orders[0]) > 6 and orders[0] != orders[1]
    assert all(len({tuple(o) for o in order}) > 1 for order in orders)  # not the same for all questions either


def test_votes_of_raters_and_of_the_owner_are_counted_together(lan):
    run = answered(lan, QUESTIONS)
    rows = lan.api("GET", f"/runs/{run}/questions").json["questions"]
    best = rows[0]["cells"][2]
    made = invite(lan, run)
    ann, bo = Rater(lan, made["link"], "Ann"), Rater(lan, made["link"], "Bo")
    lan.api("PUT", f"/cells/{best['id']}/vote", {"liked": True})
    assert ann.like(1, best["text"]).json == {"n_rated": 1}
    assert bo.like(1, best["text"]).json == {"n_rated": 1}
    assert bo.like(2).json == {"n_rated": 2}  # none of them
    cell = lan.api("GET", f"/cells/{best['id']}").json
    assert (cell["likes"], cell["liked"]) == (3, True)
    column = columns_of(lan, run)[2]
    assert (column["likes"], column["rated"]) == (3, 4)
    assert lan.api("GET", f"/runs/{run}").json["n_raters"] == 3
    raters = lan.api("GET", f"/runs/{run}/panels").json["panels"][0]["raters"]
    assert [(r["name"], r["n_rated"], r["n_likes"]) for r in raters] == [("Ann", 1, 1), ("Bo", 2, 1)]
    assert ann.question(1)["rated"] and [a["liked"] for a in ann.question(1)["answers"]].count(True) == 1
    assert not ann.question(2)["rated"]
    # Another mind.
    assert ann.like(1).json == {"n_rated": 1}
    assert columns_of(lan, run)[2]["likes"] == 2
    # A rater who is removed has said nothing, and can say nothing more.
    assert lan.api("DELETE", f"/raters/{raters[1]['id']}").status == 204
    column = columns_of(lan, run)[2]
    assert (column["likes"], column["rated"]) == (1, 2) and lan.api("GET", f"/runs/{run}").json["n_raters"] == 2
    refused(bo.ask("GET", "/rating"), 401, "err_gate_rater")
    assert lan.api("DELETE", f"/runs/{run}").status == 204
    assert ann.ask("GET", "/rating").status == 404


def test_the_page_hears_of_every_vote(lan):
    run = answered(lan, QUESTIONS[:1])
    rater = Rater(lan, invite(lan, run)["link"], "Ann")
    first = lan.api("GET", f"/runs/{run}/questions").json
    seen = []
    import http.client
    stream = http.client.HTTPConnection("127.0.0.1", lan.port, timeout=10)
    stream.request("GET", "/api/v1/events", headers={**lan.owner(), "Last-Event-ID": str(first["event_id"])})
    reply = stream.getresponse()
    texts = {c["text"] for c in first["questions"][0]["cells"]}
    rater.like(1, *texts)
    while len([e for e in seen if e == "vote"]) < COLUMNS or "run" not in seen or "panels" not in seen:
        line = reply.readline().decode()
        if line.startswith("event: "):
            seen.append(line[7:].strip())
        if line.startswith("data: ") and seen[-1] == "vote":
            data = json.loads(line[6:])
            assert data["run_id"] == run and data["liked"] is False and data["likes"] == 1 == data["column_likes"]
        if line.startswith("data: ") and seen[-1] == "run":
            assert json.loads(line[6:])["n_raters"] == 1
    stream.close()


def test_links_end_and_names_and_seats_are_taken(lan, asked):
    made = invite(lan, asked, max_raters=2)
    ann = Rater(lan, made["link"], "Ann")
    refused(Rater(lan, made["link"], "Ann").reply, 409, "err_rater_name")
    renewed = lan.api("POST", f"/panels/{made['id']}/link").json["link"]
    refused(Rater(lan, made["link"], "Bo").reply, 403, "err_panel_code")
    Rater(lan, renewed, "Bo")
    refused(Rater(lan, renewed, "Cem").reply, 409, "err_panel_full")
    assert ann.like(1).status == 200
    assert lan.api("POST", f"/panels/{made['id']}/close").json["state"] == "closed"
    refused(ann.ask("GET", "/rating"), 403, "err_panel_closed")
    refused(ann.ask("PUT", "/rating/questions/1", {"likes": []}), 403, "err_panel_closed")
    refused(Rater(lan, renewed, "Dan").reply, 403, "err_panel_code")
    refused(lan.api("POST", f"/panels/{made['id']}/link"), 409, "err_panel_closed")
    late = invite(lan, asked)
    rater = Rater(lan, late["link"], "Eve")
    with sqlite3.connect(lan.data / "assay.db") as db:
        db.execute("UPDATE panel SET expires_ms = 1 WHERE id = ?", (late["id"],))
    refused(rater.ask("GET", "/rating"), 403, "err_panel_closed")
    refused(Rater(lan, late["link"], "Fay").reply, 403, "err_panel_code")
    assert lan.api("GET", f"/runs/{asked}/panels").json["panels"][0]["state"] == "expired"


@pytest.mark.parametrize("body,status,key", [
    ({"likes": [COLUMNS]}, 400, "err_rating_slot"), ({"likes": [-1]}, 400, "err_rating_slot"), ({"likes": ["a"]}, 400, "err_rating_likes"),
    ({"likes": 1}, 400, "err_rating_likes"), ({}, 400, "err_rating_likes"), ({"likes": [0] * 17}, 400, "err_rating_likes"),
    ({"likes": [2**63 - 1]}, 400, "err_rating_slot")])
def test_an_opinion_that_is_none_is_refused(lan, asked, body, status, key):
    rater = Rater(lan, invite(lan, asked)["link"], "Ann")
    refused(rater.ask("PUT", "/rating/questions/1", body), status, key)
    assert rater.ask("GET", "/rating").json["n_rated"] == 0


def test_a_browser_may_come_to_several_panels(lan, asked):
    raters = [Rater(lan, invite(lan, asked, title=title)["link"], "Ann") for title in ("one", "two")]
    both = "; ".join(r.halves["Cookie"] for r in raters)
    assert len({r.halves["Cookie"].split("=")[0] for r in raters}) == 2
    for rater, title in zip(raters, ("one", "two")):
        rater.halves["Cookie"] = both
        assert rater.ask("GET", "/rating").json["title"] == title


def test_who_lost_the_first_reply_comes_in_again(lan, asked):
    link = invite(lan, asked, max_raters=1)["link"]
    first, again = (Rater(lan, link, "Ann", nonce="a" * 32) for _ in range(2))
    refused(first.ask("GET", "/rating"), 401, "err_gate_rater")  # its session is another now
    assert again.ask("GET", "/rating").json["name"] == "Ann"
    refused(Rater(lan, link, "Ann", nonce="b" * 32).reply, 409, "err_rater_name")


def test_closed_links_leave_their_places_to_others(lan, asked):
    """256 raters may be logged in; those of closed links are told so until somebody needs their place."""
    raters = []
    for panel in range(3):
        made = invite(lan, asked, max_raters=100)
        raters += [Rater(lan, made["link"], f"rater {i}") for i in range(100)]
        if panel < 2:
            assert {r.reply.status for r in raters[-100:]} == {200}
            lan.api("POST", f"/panels/{made['id']}/close")
    assert {r.reply.status for r in raters} == {200}
    assert raters[-1].ask("GET", "/rating").status == 200


@pytest.mark.parametrize("path", ["/rating/session", "/session"])
def test_strangers_may_send_little(lan, path):
    to = LAN if path.startswith("/rating") else "127.0.0.1"
    big = json.dumps({"code": "x", "name": "y", "z": "z" * 5000})
    reply = lan.send("POST", "/api/v1" + path, big, {"Content-Type": "application/json"}, to=to)
    assert reply.status == 413 and reply.json["error"]["code"] == "limit"

    pieces = [big[at:at + 1000].encode() for at in range(0, len(big), 1000)]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    reply = lan.send("POST", "/api/v1" + path, chunked, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}, to=to)
    assert reply.status == 413


def test_a_stopped_validation_that_goes_on_blames_nobody_for_what_was_not_there(lan):
    run = answered(lan, QUESTIONS[:2])
    with sqlite3.connect(lan.data / "assay.db") as db:  # as if its last column had not come so far
        last, = db.execute('SELECT max(id) FROM "column" WHERE run_id = ?', (run,)).fetchone()
        db.execute("UPDATE cell SET state = 3 WHERE column_id = ?", (last,))
        db.execute('UPDATE "column" SET n_done = 0, n_cancelled = 2 WHERE id = ?', (last,))
    rater = Rater(lan, invite(lan, run)["link"], "Ann")
    assert len(rater.question(1)["answers"]) == COLUMNS - 1
    rater.like(1, *[a["text"] for a in rater.question(1)["answers"]])
    lan.api("POST", f"/runs/{run}/resume")
    deadline = time.monotonic() + 60
    while lan.api("GET", f"/runs/{run}").json["state"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [(c["likes"], c["rated"]) for c in columns_of(lan, run)] == [(1, 1)] * (COLUMNS - 1) + [(0, 0)]
    standing = lan.api("GET", f"/runs/{run}/standing").json
    assert standing["n_raters"] == 1 and [c["n_losses"] for c in standing["columns"]] == [0] * COLUMNS
    assert len(rater.question(1)["answers"]) == COLUMNS  # now it is there


def test_what_there_is_not_is_not_found(lan, asked):
    rater = Rater(lan, invite(lan, asked)["link"], "Ann")
    refused(rater.ask("GET", "/rating/questions/5"), 404, "err_rating_question")
    refused(rater.ask("PUT", "/rating/questions/99999999999", {"likes": []}), 404, "err_rating_question")
    refused(lan.api("POST", "/runs/999999/panels", {}), 404, "err_run_not_found")
    refused(lan.api("POST", "/panels/999999/link"), 404, "err_panel_not_found")
    refused(lan.api("DELETE", "/raters/1"), 404, "err_rater_not_found")  # the owner
    for body in ({"days": 0}, {"days": 91}, {"max_raters": 0}, {"max_raters": 101}, {"title": "x" * 201}, {"title": 1}):
        assert lan.api("POST", f"/runs/{asked}/panels", body).status == 400, body


def test_what_is_being_answered_is_not_rated_by_others(lan):
    model = lan.api("POST", "/models", {"path": MODEL}).json["model_ids"][0]
    run = lan.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": ["Tell a long story."] * 40,
                                    "params": {"max_tokens": 400}}).json["id"]
    refused(lan.api("POST", f"/runs/{run}/panels", {}), 409, "err_panel_running")
    lan.api("POST", f"/runs/{run}/stop")
    deadline = time.monotonic() + 20
    while (state := lan.api("GET", f"/runs/{run}").json)["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if not state["n_done"]:
        refused(lan.api("POST", f"/runs/{run}/panels", {}), 409, "err_panel_no_answer")
    lan.api("DELETE", f"/runs/{run}")


@pytest.mark.parametrize("method,path", ROUTES)
def test_the_network_is_for_raters_alone(lan, asked, method, path):
    """Every route, from the network: as the owner, as a rater, as a rater of another panel, as nobody."""
    if not hasattr(lan, "raters"):
        lan.raters = [Rater(lan, invite(lan, asked)["link"], "Ann"), Rater(lan, invite(lan, asked)["link"], "Bo")]
    theirs = path.startswith("/rating") and path != "/rating/session"
    for who, halves in (("owner", lan.owner()), ("rater", lan.raters[0].halves), ("other", lan.raters[1].halves), ("nobody", {})):
        kind = {} if method in ("GET", "DELETE") else {"Content-Type": "application/json"}
        reply = lan.send(method, "/api/v1" + path, b"{}" if kind else None, {**halves, **kind}, to=LAN)
        if path in ("/rating/session", "/viewing/session"):
            assert reply.status == 400
        elif path.startswith("/viewing"):
            assert reply.status == 401, who
        elif not theirs:
            assert reply.status == 403, who
        else:
            assert reply.status == (401 if who in ("owner", "nobody") else 404 if "999999" in path and method == "GET" else reply.status)
        # And on this machine a rater is no owner.
        if who in ("rater", "other") and not theirs and path not in ("/rating/session", "/viewing/session", "/session"):
            assert ask(lan, method, path, halves).status == 401


def test_the_network_gets_the_page_of_raters(lan):
    for path in ("/", "/rate/7", "/validate", "/settings"):
        assert b"rate-" in gunzip(lan.send("GET", path, headers={"Accept-Encoding": "gzip"}, to=LAN).body)
    assert b"rate-" in gunzip(lan.send("GET", "/rate/7", headers={"Accept-Encoding": "gzip"}).body)
    assert b"rate-" in gunzip(lan.send("GET", "/index.html", headers={"Accept-Encoding": "gzip"}, to=LAN).body)
    assert b"index-" in gunzip(lan.send("GET", "/", headers={"Accept-Encoding": "gzip"}).body)
    assert lan.send("GET", "/healthz", to=LAN).body == b"ok"
    wrong = lan.send("GET", "/", headers={"Host": "evil.test"}, to=LAN)
    assert wrong.status == 421 and f"http://{LAN}:{lan.port}".encode() in wrong.body
    assert lan.send("GET", "/", headers={"Host": f"127.0.0.1:{lan.port}"}, to=LAN).status == 421
    assert lan.send("GET", "/", headers={"Host": f"{LAN}:{lan.port}"}).status == 421


def gunzip(body):
    import gzip
    return gzip.decompress(body)


def test_without_an_address_links_are_for_this_machine(fresh):
    run = answered(fresh, QUESTIONS[:1])
    made = invite(fresh, run)
    assert made["link"].startswith(f"http://127.0.0.1:{fresh.port}/rate/{made['id']}#p=") and not made["is_lan"]
    rater = Rater(fresh, made["link"], "Ann", to="127.0.0.1")
    assert rater.like(1).json == {"n_rated": 1}
    with pytest.raises(OSError):
        fresh.send("GET", "/healthz", to=LAN)


def test_what_a_rater_said_outlives_the_server(tmp_path):
    server = Server(tmp_path, lan=LAN)
    server.login()
    run = answered(server, QUESTIONS[:2])
    rater = Rater(server, invite(server, run)["link"], "Ann")
    assert rater.like(1).status == 200
    server.process.kill()
    server.process.wait()
    again = Server(tmp_path, lan=LAN)
    again.login()
    moved = {"Cookie": rater.halves["Cookie"].replace(str(server.port), str(again.port)), "X-Assay": rater.halves["X-Assay"]}
    told = again.send("GET", "/api/v1/rating", headers=moved, to=LAN).json
    assert (told["name"], told["n_rated"]) == ("Ann", 1)
    assert again.stop() == 0


def test_who_came_and_who_was_removed_stands_in_the_audit(lan, asked):
    made = invite(lan, asked)
    Rater(lan, made["link"], "Zoe")
    number = lan.api("GET", f"/runs/{asked}/panels").json["panels"][0]["raters"][0]["id"]
    lan.api("DELETE", f"/raters/{number}")
    entries = lan.api("GET", "/audit").json["entries"][:3]
    assert [(e["who"], e["what"]) for e in entries] == [("owner", "remove_rater"), ("rater", "join_panel"), ("owner", "add_panel")]
    assert entries[1]["from"].startswith("127.")
    assert entries[0]["subject"] == f"{number}, Zoe" and all(not e["text"].startswith("core_") for e in entries)


def test_who_asks_far_more_than_a_person_can_waits_a_moment_and_nobody_else_does(lan, asked):
    link = invite(lan, asked)["link"]
    busy, other = Rater(lan, link, "Bea"), Rater(lan, link, "Cyd")
    statuses, deadline = [], time.monotonic() + 30
    while 429 not in statuses and time.monotonic() < deadline:
        statuses.append((reply := busy.ask("GET", "/rating")).status)
    refused(reply, 429, "err_too_often")
    assert statuses.count(200) >= 200 and reply.headers["Retry-After"] == "1"
    assert other.like(1).status == 200 and lan.api("GET", "/status").status == 200
    time.sleep(1)
    assert busy.like(1).status == 200


def test_an_address_of_the_network_that_asks_without_end_waits_a_moment_and_no_other_does(lan):
    def ask(source):
        connection = http.client.HTTPConnection(LAN, lan.port, timeout=20, source_address=(source, 0))
        try:
            while True:
                connection.request("GET", "/healthz")
                reply = connection.getresponse()
                yield reply.status, reply.headers["Retry-After"], reply.read()
        finally:
            connection.close()
    deadline, n, busy = time.monotonic() + 60, 0, ask("127.0.0.3")
    while (reply := next(busy))[0] == 200:
        n += 1
        assert time.monotonic() < deadline, n
    assert n >= 2000 and reply[:2] == (429, "1"), (n, reply)
    assert next(ask("127.0.0.4"))[0] == 200 and lan.send("GET", "/healthz").status == 200
