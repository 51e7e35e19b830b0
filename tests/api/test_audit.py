# SPDX-License-Identifier: Apache-2.0
"""What the owner did is kept and shown to the owner: complete, in both languages, without a secret."""
import sqlite3

from test_contract import problem

KEY = "sk-planted-0123456789abcdef"
PIN = "ab" * 32


def entries(server, query="", **headers):
    return server.api("GET", f"/audit{query}", **headers).json["entries"]


def since(server, last):
    """What came after the entry `last`, oldest first, as (what, subject, from)."""
    return [(e["what"], e["subject"], e["from"]) for e in reversed(entries(server)) if e["id"] > last]


def test_what_is_done_to_a_provider_is_kept_without_its_secrets(fresh):
    last = entries(fresh)[0]["id"]
    made = fresh.api("POST", "/providers", {"kind": "openai", "url": "http://127.0.0.1:9", "key": KEY}).json
    address = f"/providers/{made['id']}"
    fresh.api("PATCH", address, {"name": "lab"})
    fresh.api("PATCH", address, {"url": "https://127.0.0.1:9/v1", "pin_sha256": PIN})
    fresh.unix("PATCH", address, {"key_source": f"cmd:echo {KEY}"})
    fresh.api("PATCH", address, {"key_source": "cmd:"})  # as the page knows it: unchanged
    fresh.api("PATCH", address, {"key_source": "env:HOME", "pin_sha256": ""})
    fresh.api("DELETE", address)
    old, new = "http://127.0.0.1:9/v1", "https://127.0.0.1:9/v1"
    assert since(fresh, last) == [
        ("add_provider", old, "127.0.0.1"), ("set_key", f"{old}: file", "127.0.0.1"),
        ("move_provider", f"{old} -> {new}", "127.0.0.1"), ("set_key", f"{new}: none", "127.0.0.1"), ("set_trust", f"{new}: {PIN}", "127.0.0.1"),
        ("set_key", f"{new}: command", "unix"), ("set_key", f"{new}: env:HOME", "127.0.0.1"), ("set_trust", f"{new}: system", "127.0.0.1"),
        ("remove_provider", new, "127.0.0.1")]
    assert KEY not in fresh.api("GET", "/audit").body.decode()


def test_logins_and_keys_are_kept_and_nothing_is_changed_later(fresh):
    first = entries(fresh)[-1]
    assert (first["who"], first["what"], first["from"], first["subject"]) == ("owner", "login", "127.0.0.1", "") and first["at_ms"] > 0
    made = fresh.api("POST", "/api-keys", {"name": "my script"}).json
    fresh.api("DELETE", f"/api-keys/{made['id']}")
    fresh.api("DELETE", f"/api-keys/{made['id']}")  # there is none any more: nothing was done
    assert since(fresh, first["id"]) == [("add_api_key", f"{made['id']}, my script", "127.0.0.1"), ("remove_api_key", str(made["id"]), "127.0.0.1")]
    assert made["key"] not in fresh.api("GET", "/audit").body.decode()
    with sqlite3.connect(fresh.data / "assay.db", timeout=20) as db:
        for change in ("DELETE FROM audit", "UPDATE audit SET who = 'nobody'"):
            try:
                db.execute(change)
                raise AssertionError(change)
            except sqlite3.IntegrityError as refused:
                assert "append-only" in str(refused)


def test_the_list_is_told_in_pages_and_in_the_language_of_the_request(fresh):
    fresh.api("POST", "/api-keys", {"name": "one"})
    everything = entries(fresh)
    assert [e["id"] for e in everything] == sorted((e["id"] for e in everything), reverse=True)
    page = entries(fresh, "?limit=1")
    assert page == everything[:1] and page[0]["text"] == "API key made"
    assert entries(fresh, f"?before={page[0]['id']}") == everything[1:]
    assert entries(fresh, Accept_Language="zh-TW")[0]["text"] == "建立 API 金鑰"
    problem(fresh.api("GET", "/audit?limit=0"), 400, "invalid", "limit")
    problem(fresh.api("GET", "/audit?before=x"), 400, "invalid", "before")
