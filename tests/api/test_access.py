# SPDX-License-Identifier: Apache-2.0
"""Every route of the contract against every kind of caller: who may not, gets nothing done."""
import pathlib
import re

import pytest

CONTRACT = pathlib.Path(__file__).resolve().parents[2] / "docs/openapi.yaml"
BYTES = {("POST", "/uploads")}


def routes():
    path = None
    for line in CONTRACT.read_text("utf-8").split("components:")[0].splitlines():
        if found := re.match(r"  (/[^:]*):$", line):
            path = found.group(1)
        elif found := re.match(r"    (get|post|put|patch|delete):", line):
            yield found.group(1).upper(), path.replace("{id}", "999999").replace("{upload}", "0" * 32)


ROUTES = list(routes())


def ask(server, method, path, headers, unix=False):
    kind = "application/octet-stream" if (method, path) in BYTES else "application/json"
    if method not in ("GET", "DELETE"):
        headers = {"Content-Type": kind, **headers}
    body = b"{}" if method not in ("GET", "DELETE") else None
    return server.send(method, "/api/v1" + path, body, headers, unix=unix)


def callers(server):
    ours = f"127.0.0.1:{server.port}"
    owner = server.owner()
    foreign = {"Origin": "http://evil.test"}
    return [
        ("nobody", {}, 401), ("cookie half", {"Cookie": owner["Cookie"]}, 401), ("key half", {"X-Assay": owner["X-Assay"]}, 401),
        ("bearer", {"Authorization": "Bearer x"}, 401), ("two kinds", {**owner, "Authorization": "Bearer x"}, 403),
        ("wrong Host", {**owner, "Host": "evil.test"}, 421), ("other port", {**owner, "Host": "127.0.0.1:1"}, 421),
        ("foreign Origin", {**owner, **foreign}, 403), ("null Origin", {**owner, "Origin": "null"}, 403),
        ("another port's Origin", {**owner, "Origin": "http://127.0.0.1:3000"}, 403),
        ("same site", {**owner, "Host": ours, "Sec-Fetch-Site": "same-site"}, 403),
        ("cross site", {**owner, "Sec-Fetch-Site": "cross-site"}, 403),
    ]


def test_the_contract_is_read():
    assert len(ROUTES) >= 36


@pytest.mark.parametrize("method,path", ROUTES)
def test_who_may_not_is_refused(server, method, path):
    login = (method, path) in [("POST", "/session"), ("POST", "/rating/session"), ("POST", "/viewing/session")]
    for who, headers, status in callers(server):
        if login and status == 401 or login and who == "two kinds":
            continue
        assert ask(server, method, path, headers).status == status, who


@pytest.mark.parametrize("method,path", [r for r in ROUTES if r != ("GET", "/events")])
def test_the_unix_socket_is_the_owner(server, method, path):
    reply = ask(server, method, path, {"Host": "whatever"}, unix=True)
    assert reply.status not in (401, 421, 405, 415) and reply.status < 500
    assert reply.status != 403 or path == "/session" or path.startswith(("/rating", "/viewing"))


def test_a_code_is_made_on_the_unix_socket_only(server):
    assert ask(server, "POST", "/session/code", server.owner()).status == 403
    assert ask(server, "POST", "/session/code", {}, unix=True).status == 200


def test_a_cookie_chosen_by_the_client_is_no_session(server):
    name = server.cookie.split("=")[0]
    assert ask(server, "GET", "/status", {"Cookie": f"{name}={'0' * 64}", "X-Assay": server.key}).status == 401
    assert ask(server, "GET", "/status", {"Cookie": server.cookie, "X-Assay": "0" * 64}).status == 401


def test_guessing_codes_is_slowed_down(fresh):
    statuses = {fresh.send("POST", "/api/v1/session", {"code": f"{i:032x}"}).status for i in range(100)}
    assert statuses == {403, 429}
    assert fresh.api("GET", "/status").status == 200
