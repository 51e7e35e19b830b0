# SPDX-License-Identifier: Apache-2.0
"""Providers: how they are, their keys, their models."""
import json
import os
import pathlib
import ssl
import stat
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ollama_stub import Stub, serve  # noqa: E402
from openai_stub import Stub as OpenAIStub, answer, serve as serve_openai  # noqa: E402
from conftest import Server  # noqa: E402
from test_contract import problem  # noqa: E402

KEY = "sk-planted-0123456789abcdef"
TINY = {"blob": "sha256:" + "0" * 64, "size": 105, "template": None, "system": "", "parameters": {}, "digest": "d1"}


@pytest.fixture
def ollama():
    stub = Stub("0.33.0")
    server = serve(stub)
    stub.port = server.server_port
    stub.models["tiny:latest"] = dict(TINY)
    yield stub
    server.shutdown()
    server.server_close()


@pytest.fixture
def provider(server, ollama):
    reply = server.api("POST", "/providers", {"kind": "ollama", "name": "stub", "url": f"http://127.0.0.1:{ollama.port}/"})
    assert reply.status == 200, reply.body
    yield reply.json
    server.api("DELETE", f"/providers/{reply.json['id']}")


def test_the_machines_ollama_is_always_there(server):
    providers = server.api("GET", "/providers").json["providers"]
    first = providers[0]
    assert first["is_default"] and first["kind"] == "ollama" and first["url"] == "http://127.0.0.1:11434"
    problem(server.api("DELETE", f"/providers/{first['id']}"), 409, "conflict")
    problem(server.api("PATCH", f"/providers/{first['id']}", {"url": "http://127.0.0.1:5"}), 409, "conflict", "url")


def test_a_provider_says_how_it_is(server, provider, ollama):
    assert provider["state"] == "ok" and provider["version"] == "0.33.0" and provider["warnings"] == []
    assert provider["url"] == f"http://127.0.0.1:{ollama.port}", "the slash at the end is gone"
    ollama.version = "0.17.0"
    again = server.api("PATCH", f"/providers/{provider['id']}", {"name": "renamed"}).json
    assert again["name"] == "renamed" and [w["code"] for w in again["warnings"]] == ["old"]
    ollama.version = "0.5.4"
    again = server.api("PATCH", f"/providers/{provider['id']}", {}, Accept_Language="zh-TW").json
    assert [w["code"] for w in again["warnings"]] == ["too_old", "old"] and "匯入" in again["warnings"][0]["hint"]
    ollama.faults = [{"at": "version", "do": "empty403"}]
    refused = server.api("PATCH", f"/providers/{provider['id']}", {}).json
    assert refused["state"] == "refused" and "403" in refused["problem"]["message"]


def test_a_redirect_is_an_error_that_shows_its_target(server, provider, ollama):
    ollama.faults = [{"at": "version", "do": "redirect", "to": "http://127.0.0.1:9/elsewhere"}]
    refused = server.api("PATCH", f"/providers/{provider['id']}", {}).json
    assert refused["state"] == "refused" and "127.0.0.1:9/elsewhere" in refused["problem"]["message"]


def test_what_is_wrong_with_an_address_is_said(server):
    add = {"kind": "ollama", "url": "http://127.0.0.1:1"}
    for url in ("ftp://x", "http://user:pw@x/", "http://x/?a=1", "http://", "http://x:99999", " "):
        problem(server.api("POST", "/providers", {**add, "url": url}), 400, "invalid", "url")
    problem(server.api("POST", "/providers", {**add, "kind": "other"}), 400, "invalid", "kind")
    problem(server.api("POST", "/providers", {"kind": "ollama"}), 400, "invalid", "url")
    problem(server.api("POST", "/providers", {**add, "key_source": "env:1 X"}), 400, "invalid", "key_source")
    problem(server.api("POST", "/providers", {**add, "key": "two\nlines"}), 400, "invalid", "key")
    problem(server.api("POST", "/providers", {**add, "url": "http://203.0.113.7/v1", "key": KEY}), 403, "denied", "url")
    problem(server.api("POST", "/providers", {**add, "url": "http://127.0.0.1:11434"}), 409, "conflict", "url")
    problem(server.api("PATCH", "/providers/999", {}), 404, "not_found")


def test_a_key_stays_in_a_file_of_its_owner(server, ollama):
    ollama.key = KEY
    url = f"http://127.0.0.1:{ollama.port}"
    added = server.api("POST", "/providers", {"kind": "ollama", "url": url, "key": KEY}).json
    address = f"/providers/{added['id']}"
    secrets = server.data / "secrets"
    assert added["state"] == "ok" and added["key_source"] == "file" and added["key_last4"] == "cdef"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600 and KEY in secrets.read_text()
    seen = b"".join(server.api("GET", path).body for path in ("/providers", "/models", "/status"))
    kept = b"".join(f.read_bytes() for f in server.data.iterdir() if f.is_file() and f.name not in ("secrets", "ballast"))
    assert KEY.encode() not in seen + kept + server.output().encode()
    # With another port it is another server: the key does not go there.
    moved = server.api("PATCH", address, {"url": "http://127.0.0.1:1"}).json
    assert moved["key_source"] == "" and KEY not in secrets.read_text()
    back = server.api("PATCH", address, {"url": url}).json
    assert back["state"] == "refused" and "key" in back["problem"]["hint"]
    assert server.api("PATCH", address, {"key": KEY}).json["state"] == "ok"
    os.chmod(secrets, 0o640)
    opened = server.api("PATCH", address, {"name": "x"}).json
    assert opened["state"] == "refused" and "chmod 600" in opened["problem"]["hint"]
    os.chmod(secrets, 0o600)
    assert server.api("PATCH", address, {"key": "short"}).json["key_last4"] == ""
    missing = server.api("PATCH", address, {"key_source": "env:ASSAY_NO_SUCH_KEY"}).json
    assert missing["key_source"] == "env:ASSAY_NO_SUCH_KEY" and "ASSAY_NO_SUCH_KEY" in missing["problem"]["message"]
    assert "short" not in secrets.read_text()
    assert server.api("DELETE", address).status == 204


def test_models_of_an_ollama(server, provider, ollama):
    address = f"/providers/{provider['id']}"
    ollama.loaded.add("tiny:latest")
    models = server.api("GET", address + "/models").json["models"]
    assert [m["name"] for m in models] == ["tiny:latest"]
    tiny = models[0]
    assert tiny["is_loaded"] and tiny["memory_bytes"] == 105 and tiny["format"] == "Q4_K_M" and tiny["imported"] is None
    assert tiny["modified_ms"] == 1788229230000 and tiny["model_id"] is None
    used = server.api("POST", address + "/models/use", {"name": "tiny"})
    assert used.status == 200 and used.json["kind"] == "remote" and used.json["provider_id"] == provider["id"]
    assert used.json["path"] == f"provider:{provider['id']}/tiny:latest"
    assert server.api("GET", address + "/models").json["models"][0]["model_id"] == used.json["id"]
    assert used.json["id"] in [m["id"] for m in server.api("GET", "/models").json["models"]]
    problem(server.api("POST", address + "/models/use", {"name": "none"}), 404, "not_found", "name")
    answer = server.api("POST", address + "/test", {"name": "tiny", "text": "Which CPU?"})
    assert answer.json["text"] == ollama.answer and answer.json["n_generated"] == 7
    assert answer.json["prompt"].endswith("Which CPU?<|im_end|>\n<|im_start|>assistant\n")
    ollama.version = "0.11.4"
    assert "prompt" not in server.api("POST", address + "/test", {"name": "tiny", "text": "Which CPU?"}).json
    assert server.api("POST", address + "/models/unload", {"name": "tiny"}).status == 204 and not ollama.loaded
    assert server.api("DELETE", address + "/models", {"name": "tiny"}).status == 204 and not ollama.models
    problem(server.api("DELETE", address + "/models", {"name": "tiny"}), 404, "not_found")
    assert used.json["id"] not in [m["id"] for m in server.api("GET", "/models").json["models"]]
    assert server.api("GET", address + "/models").json == {"models": []}


def test_a_hostile_list_is_cleaned(server, provider, ollama):
    ollama.models["\u202eevil\x1b[31m"] = dict(TINY, digest="x" * 5000)
    names = [m["name"] for m in server.api("GET", f"/providers/{provider['id']}/models").json["models"]]
    assert "evil[31m" in names
    ollama.faults = [{"at": "tags", "do": "error", "status": 500, "error": "<script>alert(1)</script>\x00" + "y" * 9000}]
    failed = server.api("GET", f"/providers/{provider['id']}/models").json
    assert failed["models"] == [] and len(failed["problem"]["message"]) < 500


def test_a_removed_provider_takes_its_models_along(server, ollama):
    added = server.api("POST", "/providers", {"kind": "ollama", "url": f"http://127.0.0.1:{ollama.port}"}).json
    used = server.api("POST", f"/providers/{added['id']}/models/use", {"name": "tiny"}).json
    assert server.api("DELETE", f"/providers/{added['id']}").status == 204
    assert added["id"] not in [p["id"] for p in server.api("GET", "/providers").json["providers"]]
    assert used["id"] not in [m["id"] for m in server.api("GET", "/models").json["models"]]


@pytest.fixture
def openai():
    stub = OpenAIStub()
    server = serve_openai(stub)
    stub.port = server.server_port
    yield stub
    server.shutdown()
    server.server_close()


def finished(server, run):
    for _ in range(400):
        run = server.api("GET", f"/runs/{run['id']}").json
        if run["state"] not in ("waiting", "running"):
            return run
        time.sleep(0.05)
    raise AssertionError(run)


def test_models_of_providers_are_columns_like_any_other(server, provider, ollama, openai):
    stub = server.api("POST", "/providers", {"kind": "openai", "url": f"http://127.0.0.1:{openai.port}", "key": KEY}).json
    openai.key = KEY
    assert stub["url"].endswith("/v1")
    models = server.api("GET", f"/providers/{stub['id']}/models").json["models"]
    assert [(m["name"], m["parent"]) for m in models] == [("small", ""), ("small-lora", "small")]
    small = server.api("POST", f"/providers/{stub['id']}/models/use", {"name": "small"}).json
    tiny = server.api("POST", f"/providers/{provider['id']}/models/use", {"name": "tiny"}).json
    columns = [{"model_id": small["id"]}, {"model_id": tiny["id"]}]
    run = server.api("POST", "/runs", {"columns": columns, "questions": ["Which CPU?", "四"], "name": "remote",
                                       "params": {"max_tokens": 64, "system": "Be brief."}})
    assert run.status == 201, run.body
    run = finished(server, run.json)
    assert run["state"] == "done" and [c["n_done"] for c in run["columns"]] == [2, 2]
    assert [c["label"] for c in run["columns"]] == ["small", "tiny:latest"]
    questions = server.api("GET", f"/runs/{run['id']}/questions").json["questions"]
    assert questions[1]["cells"][0]["text"] == answer("四") and questions[0]["cells"][1]["text"] == ollama.answer
    assert openai.bodies[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    cell = questions[0]["cells"][0]["id"]
    problem(server.api("GET", f"/cells/{cell}/prompt"), 422, "unsupported")
    exported = server.api("GET", f"/runs/{run['id']}/export?format=csv").body.decode("utf-8-sig")
    assert answer("四").replace('"', '""') in exported and KEY not in exported
    assert KEY.encode() not in b"".join(f.read_bytes() for f in server.data.iterdir() if f.is_file() and f.name != "secrets")
    server.api("DELETE", f"/providers/{stub['id']}")


def held_by(server):
    """Everything that the server has written, printed, sent to its children or shows of itself."""
    kept = [f.read_bytes() for f in server.data.rglob("*") if f.is_file() and f.name not in ("secrets", "ballast")]
    proc = pathlib.Path(f"/proc/{server.process.pid}")
    return b"".join([*kept, server.output().encode(), (proc / "cmdline").read_bytes()])


def test_no_key_is_ever_written_or_said_whatever_fails(tmp_path, openai):
    server = Server(tmp_path, ASSAY_LOG="debug")
    server.login()
    try:
        key = "sk-planted-by-a-test-4711"
        url = f"http://127.0.0.1:{openai.port}"
        added = server.api("POST", "/providers", {"kind": "openai", "url": url, "key": key}).json
        used = server.api("POST", f"/providers/{added['id']}/models/use", {"name": "small"}).json
        openai.faults = ["401", "500", "redirect", "error_json", "malformed", "400", "403", "cut"]
        said = []
        for _ in range(4):
            run = server.api("POST", "/runs", {"columns": [{"model_id": used["id"]}], "questions": ["one", "two", "three"]}).json
            said.append(json.dumps(finished(server, run)))
            said.append(server.api("GET", f"/runs/{run['id']}/export?format=jsonl").body.decode())
        said += [json.dumps(server.api("GET", path).json) for path in ("/providers", "/models", "/status", "/doctor", "/settings")]
        assert openai.requests >= 8 and key not in "".join(said)
        assert key.encode() not in held_by(server)
        assert "err_provider_key" in server.output()
    finally:
        assert server.stop() == 0


def test_a_certificate_that_nobody_signed_is_refused(server, tmp_path, ollama):
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out",
                           tmp_path / "cert", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                          capture_output=True)
    if made.returncode:
        pytest.skip("no openssl to make a certificate with")
    tls = serve(Stub())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    tls.socket = context.wrap_socket(tls.socket, server_side=True)
    added = server.api("POST", "/providers", {"kind": "ollama", "url": f"https://localhost:{tls.server_port}", "key": KEY}).json
    assert added["state"] == "refused" and added["problem"]["key"] == "err_http_tls", added
    server.api("DELETE", f"/providers/{added['id']}")
    tls.shutdown()
    tls.server_close()
