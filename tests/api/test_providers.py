# SPDX-License-Identifier: Apache-2.0
"""Providers: how they are, their keys, their models."""
import json
import os
import pathlib
import shutil
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
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


def test_what_a_validation_would_ask_too_often_is_told_before_it_asks(server, openai):
    stub = server.api("POST", "/providers", {"kind": "openai", "url": f"http://127.0.0.1:{openai.port}", "key": KEY}).json
    assert stub["max_requests"] == 0  # on this machine nothing has a price
    openai.key = KEY
    stub = server.api("PATCH", f"/providers/{stub['id']}", {"max_requests": 3}).json
    assert stub["max_requests"] == 3
    small, lora = (server.api("POST", f"/providers/{stub['id']}/models/use", {"name": name}).json["id"] for name in ("small", "small-lora"))
    asked = len(openai.bodies)
    body = {"columns": [{"model_id": small}, {"model_id": lora}], "questions": ["one", "two"]}
    refused = problem(server.api("POST", "/runs", body), 413, "limit", "columns[0].model_id")
    assert "4" in refused["message"] and "3" in refused["message"] and len(openai.bodies) == asked
    stored = server.api("POST", "/question-sets", {"name": "many", "questions": [f"number {n}" for n in range(100)]}).json["id"]
    many = {"model_ids": [small, lora], "judge": "none", "budget_s": 60, "question_set_id": stored}
    refused = problem(server.api("POST", "/selections", many), 413, "limit", "columns[0].model_id")
    assert "200" in refused["message"] and len(openai.bodies) == asked  # of all rounds, not of the first alone
    run = server.api("POST", "/runs", {**body, "columns": body["columns"][:1]})
    assert run.status == 201 and finished(server, run.json)["columns"][0]["n_done"] == 2
    server.api("DELETE", f"/providers/{stub['id']}")


def test_a_provider_elsewhere_has_a_limit_unless_somebody_chose_another(server):
    add = {"kind": "openai", "url": "https://203.0.113.7/v1"}
    far = server.api("POST", "/providers", add).json
    assert far["max_requests"] == 10000
    assert server.api("PATCH", f"/providers/{far['id']}", {"max_requests": 0}).json["max_requests"] == 0
    assert server.api("PATCH", f"/providers/{far['id']}", {"name": "far"}).json["max_requests"] == 0
    problem(server.api("PATCH", f"/providers/{far['id']}", {"max_requests": -1}), 400, "invalid", "max_requests")
    server.api("DELETE", f"/providers/{far['id']}")


def test_epochs_become_models_of_a_vllm_that_runs(server, openai, tmp_path):
    shutil.copytree(ROOT / "demo" / "checkpoints", tmp_path / "kestrel")
    added = server.api("POST", "/models", {"path": str(tmp_path / "kestrel")}).json
    family = added["family_ids"][0]
    stub = server.api("POST", "/providers", {"kind": "openai", "url": f"http://127.0.0.1:{openai.port}"}).json
    load = f"/providers/{stub['id']}/adapters"
    refused = problem(server.api("POST", load, {"family_id": family}), 422, "unsupported")
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in refused["hint"]

    openai.loads = {}
    name = next(f["name"] for f in server.api("GET", "/models").json["families"] if f["id"] == family)
    slug = name.replace(" ", "-")
    loaded = server.api("POST", load, {"family_id": family}).json["adapters"]
    assert [a["name"] for a in loaded] == [f"{slug}-epoch-{n}" for n in (1, 2, 4, 8)]
    assert not any(a["was_there"] or "problem" in a for a in loaded)
    assert all(path.startswith(str(tmp_path / "kestrel")) for path in openai.loads.values())
    models = server.api("GET", f"/providers/{stub['id']}/models").json["models"]
    assert [m["parent"] for m in models if m["name"].startswith(slug)] == ["small"] * 4
    assert [a["was_there"] for a in server.api("POST", load, {"family_id": family}).json["adapters"]] == [True] * 4

    # Where the server runs on another machine, it has the folder elsewhere.
    openai.loads = {}
    (tmp_path / "there").mkdir()
    shutil.copytree(tmp_path / "kestrel", tmp_path / "there" / "k")
    for gone in sorted((tmp_path / "there" / "k").iterdir())[:1]:
        shutil.rmtree(gone)
    loaded = server.api("POST", load, {"family_id": family, "folder": f"{tmp_path}/there/k/"}).json["adapters"]
    assert sum("problem" in a for a in loaded) == 1 and len(openai.loads) == 3
    assert all(path.startswith(f"{tmp_path}/there/k/") for path in openai.loads.values())
    assert "No adapter found" in next(a["problem"]["message"] for a in loaded if "problem" in a)

    problem(server.api("POST", load, {}), 400, "invalid", "family_id")
    problem(server.api("POST", load, {"family_id": 999999}), 404, "not_found", "family_id")
    for step in range(200, 266):
        shutil.copytree(tmp_path / "kestrel" / "checkpoint-96", tmp_path / "many" / f"checkpoint-{step}", copy_function=os.link)
    many = server.api("POST", "/models", {"path": str(tmp_path / "many")}).json["family_ids"][0]
    refused = problem(server.api("POST", load, {"family_id": many}), 413, "limit", "family_id")
    assert "66 checkpoints; at most 64" in refused["message"] and refused["hint"]
    server.api("DELETE", f"/families/{many}")
    mine = next(p["id"] for p in server.api("GET", "/providers").json["providers"] if p["is_default"])
    problem(server.api("POST", f"/providers/{mine}/adapters", {"family_id": family}), 422, "unsupported")
    server.api("DELETE", f"/families/{family}")
    server.api("DELETE", f"/providers/{stub['id']}")


def held_by(server):
    """Everything that the server has written, printed, sent to its children or shows of itself."""
    kept = [f.read_bytes() for f in server.data.rglob("*") if f.is_file() and f.name not in ("secrets", "ballast")]
    proc = pathlib.Path(f"/proc/{server.process.pid}")
    return b"".join([*kept, server.output().encode(), (proc / "cmdline").read_bytes()])


# Where five planted keys are kept, the last one printed on the wrong side too: by a command that fails.
PLANTED = {"file": "sk-planted-by-a-test-4711", "env": "sk-planted-in-the-environment-4712", "cmd": "planted/told+by=a-command-4713",
           "cmd_old": "planted-then-changed-4714", "cmd_fails": "planted-and-printed-4715"}


def test_no_key_is_ever_written_or_said_whatever_fails(tmp_path, openai):
    server = Server(tmp_path, ASSAY_LOG="debug", ASSAY_TEST_PLANTED=PLANTED["env"])
    server.login()
    for name, key in PLANTED.items():
        (tmp_path / name).write_text(key + "\n")
    (tmp_path / "fails").write_text(f"cat {tmp_path}/cmd_fails; cat {tmp_path}/cmd_fails >&2; exit 1\n")
    places = {"file": {"key": PLANTED["file"]}, "env": {"key_source": "env:ASSAY_TEST_PLANTED"},
              "cmd": {"key_source": f"cmd:cat {tmp_path}/cmd"}, "cmd_old": {"key_source": f"cmd:cat {tmp_path}/cmd_old"},
              "cmd_fails": {"key_source": f"cmd:sh {tmp_path}/fails"}}
    said, stubs = [], []
    try:
        for name, place in places.items():
            stub = OpenAIStub()
            running = serve_openai(stub)
            stubs.append(running)
            added = server.unix("POST", "/providers", {"kind": "openai", "name": name, "url": f"http://127.0.0.1:{running.server_port}", **place})
            said.append(added.body.decode())
            provider = added.json["id"]
            assert (added.json["state"] == "ok") == (name != "cmd_fails"), added.body
            if name == "cmd_fails":
                assert added.json["problem"]["key"] == "err_key_command_failed"
                continue
            assert stub.keys[-1] == f"Bearer {PLANTED[name]}", "it did travel"
            used = server.api("POST", f"/providers/{provider}/models/use", {"name": "small"}).json
            if name == "cmd_old":
                (tmp_path / name).write_text("planted-and-new-4716\n")
                stub.key = "planted-and-new-4716"
            is_first = name == "file"
            stub.faults = ["401", "500", "redirect", "error_json", "malformed", "400", "403", "cut"] if is_first else ["401", "redirect", "403"]
            for _ in range(4 if is_first else 2):
                run = server.api("POST", "/runs", {"columns": [{"model_id": used["id"]}], "questions": ["one", "two", "three"]}).json
                said.append(json.dumps(finished(server, run)))
                said.append(server.api("GET", f"/runs/{run['id']}/export?format=jsonl").body.decode())
            assert stub.requests >= (8 if is_first else 3)
        said += [json.dumps(ask("GET", path).json) for ask in (server.api, server.unix)
                 for path in ("/providers", "/models", "/status", "/doctor", "/settings")]
        everything = "".join(said).encode() + held_by(server)
        for key in [*PLANTED.values(), "planted-and-new-4716"]:
            assert key.encode() not in everything, key
        assert "err_provider_key" in server.output() and "err_key_command_failed" in server.output()
    finally:
        assert server.stop() == 0
        for running in stubs:
            running.shutdown()
            running.server_close()


# --- certificates ---

def openssl(*words, folder):
    return subprocess.run(["openssl", *map(str, words)], cwd=folder, capture_output=True, text=True, check=True).stdout


class Certificate:
    """Made by the openssl tool, which script/setup --tests installs: signed by `ca`, or by itself."""

    def __init__(self, folder, name, san, ca=None, days="2"):
        self.path, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        subject = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-subj", f"/CN={name}"]
        extension = f"subjectAltName={san}" if san else "basicConstraints=critical,CA:TRUE"
        if ca:
            (folder / f"{name}.ext").write_text(extension)
            openssl("req", *subject, "-out", f"{name}.csr", folder=folder)
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", ca.path, "-CAkey", ca.key, "-CAcreateserial", "-days", days,
                    "-extfile", f"{name}.ext", "-out", self.path, folder=folder)
        else:
            config = folder / "empty.cnf"
            config.write_text("[req]\ndistinguished_name=dn\n[dn]\n")
            openssl("req", "-x509", *subject, "-config", config, "-days", days, "-addext", extension, "-out", self.path, folder=folder)
        self.pin = openssl("x509", "-in", self.path, "-noout", "-fingerprint", "-sha256", folder=folder).strip().split("=")[1]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    ca = Certificate(folder, "ca", None)
    return {"ca": ca, "good": Certificate(folder, "good", "DNS:localhost", ca), "self": Certificate(folder, "self", "DNS:localhost"),
            "expired": Certificate(folder, "expired", "DNS:localhost", ca, "-1"),
            "elsewhere": Certificate(folder, "elsewhere", "DNS:nas.example", ca)}


@pytest.fixture
def tls(certificates):
    """Starts an OpenAI-compatible server with one of the certificates."""
    servers = []

    def start(name):
        stub = OpenAIStub()
        stub.key = KEY
        running = serve_openai(stub)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates[name].path, certificates[name].key)
        running.socket = context.wrap_socket(running.socket, server_side=True)
        servers.append(running)
        stub.url = f"https://localhost:{running.server_port}/v1"
        return stub
    yield start
    for running in servers:
        running.shutdown()
        running.server_close()


@pytest.mark.parametrize("name, trust, key", [
    ("good", {}, "err_tls_issuer"), ("good", {"ca_file": "ca"}, ""), ("good", {"pin_sha256": "good"}, ""),
    ("good", {"pin_sha256": "self"}, "err_tls_pin"), ("good", {"ca_file": "self"}, "err_tls_issuer"),
    ("expired", {"ca_file": "ca"}, "err_tls_expired"), ("self", {}, "err_tls_self_signed"), ("self", {"ca_file": "ca"}, "err_tls_self_signed"),
    ("self", {"ca_file": "self"}, ""), ("self", {"pin_sha256": "self"}, ""),
    ("elsewhere", {"ca_file": "ca"}, "err_tls_host"), ("elsewhere", {"pin_sha256": "elsewhere"}, ""),
])
def test_a_certificate_is_believed_or_it_is_said_why_not(server, certificates, tls, name, trust, key):
    stub = tls(name)
    given = {field: certificates[which].pin if field == "pin_sha256" else str(certificates[which].path) for field, which in trust.items()}
    added = server.api("POST", "/providers", {"kind": "openai", "url": stub.url, "key": KEY, **given}).json
    try:
        assert added.get("problem", {}).get("key", "") == key, added
        assert added["state"] == ("refused" if key else "ok") and added["seen_sha256"] == (certificates[name].pin if key else "")
        assert {"ca_file": added["ca_file"], "pin_sha256": added["pin_sha256"]} == {"ca_file": "", "pin_sha256": "", **given}
        assert stub.keys == [] if key else stub.keys == [f"Bearer {KEY}"], "who is not believed gets no request, so no key"
        if key:
            assert certificates[name].pin in added["problem"]["hint"]
        models = server.api("GET", f"/providers/{added['id']}/models").json
        assert models.get("problem", {}).get("key", "") == key and bool(models["models"]) == (not key)
    finally:
        server.api("DELETE", f"/providers/{added['id']}")


def test_trust_is_changed_and_belongs_to_one_server(server, certificates, tls):
    stub = tls("self")
    added = server.api("POST", "/providers", {"kind": "openai", "url": stub.url, "key": KEY}).json
    address = f"/providers/{added['id']}"
    assert added["seen_sha256"] == certificates["self"].pin
    pinned = server.api("PATCH", address, {"pin_sha256": added["seen_sha256"].replace(":", "").lower()}).json
    assert pinned["state"] == "ok" and pinned["pin_sha256"] == certificates["self"].pin and pinned["ca_file"] == ""
    by_file = server.api("PATCH", address, {"ca_file": str(certificates["self"].path)}).json
    assert by_file["state"] == "ok" and by_file["pin_sha256"] == "" and by_file["ca_file"] == str(certificates["self"].path)
    renamed = server.api("PATCH", address, {"name": "x"}).json
    assert renamed["state"] == "ok" and renamed["ca_file"] == by_file["ca_file"]
    used = server.api("POST", f"{address}/models/use", {"name": "small"}).json
    run = server.api("POST", "/runs", {"columns": [{"model_id": used["id"]}], "questions": ["one", "two"]}).json
    assert finished(server, run)["columns"][0]["n_done"] == 2
    assert server.api("PATCH", address, {"ca_file": "", "pin_sha256": ""}).json["problem"]["key"] == "err_tls_self_signed"
    run = server.api("POST", "/runs", {"columns": [{"model_id": used["id"]}], "questions": ["one"]}).json
    assert finished(server, run)["columns"][0]["problem"]["key"] == "err_tls_self_signed"
    server.api("PATCH", address, {"pin_sha256": certificates["self"].pin})
    moved = server.api("PATCH", address, {"url": stub.url.replace("localhost", "127.0.0.1")}).json
    assert moved["pin_sha256"] == moved["key_source"] == "" and moved["problem"]["key"] == "err_tls_self_signed"
    server.api("DELETE", address)


def test_what_is_wrong_with_a_trust_is_said(server, certificates, tmp_path):
    add = {"kind": "openai", "url": "https://localhost:1/v1"}
    path, pin = str(certificates["ca"].path), certificates["ca"].pin
    (tmp_path / "junk").write_text("no certificate")
    problem(server.api("POST", "/providers", {**add, "pin_sha256": "AB:CD"}), 400, "invalid", "pin_sha256")
    problem(server.api("POST", "/providers", {**add, "ca_file": path, "pin_sha256": pin}), 400, "invalid", "ca_file")
    problem(server.api("POST", "/providers", {**add, "ca_file": "ca.pem"}), 400, "invalid", "ca_file")
    problem(server.api("POST", "/providers", {**add, "ca_file": str(tmp_path / "none")}), 400, "invalid", "ca_file")
    problem(server.api("POST", "/providers", {**add, "ca_file": str(tmp_path / "junk")}), 400, "invalid", "ca_file")
    problem(server.api("POST", "/providers", {**add, "url": "http://localhost:1", "ca_file": path}), 400, "invalid", "ca_file")
    problem(server.api("POST", "/providers", {**add, "url": "http://localhost:1", "pin_sha256": pin}), 400, "invalid", "pin_sha256")


def test_a_ca_file_that_is_lost_is_named(server, certificates, tls, tmp_path):
    stub = tls("good")
    copy = tmp_path / "ca.pem"
    copy.write_bytes(certificates["ca"].path.read_bytes())
    added = server.api("POST", "/providers", {"kind": "openai", "url": stub.url, "key": KEY, "ca_file": str(copy)}).json
    assert added["state"] == "ok"
    copy.unlink()
    # Whoever changes something else is not held up by it.
    lost = server.api("PATCH", f"/providers/{added['id']}", {"name": "x"}).json
    assert lost["problem"]["key"] == "err_tls_ca_read" and str(copy) in lost["problem"]["message"]
    copy.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    assert server.api("PATCH", f"/providers/{added['id']}", {}).json["problem"]["key"] == "err_tls_ca_pem"
    server.api("DELETE", f"/providers/{added['id']}")


# --- keys that a command tells ---

def test_a_key_from_a_command_is_set_on_this_machine_only(server, openai, tmp_path):
    openai.key = KEY
    command = f"cat {tmp_path}/key"
    (tmp_path / "key").write_text(KEY + "\n")
    add = {"kind": "openai", "url": f"http://127.0.0.1:{openai.port}", "key_source": f"cmd:{command}"}
    refused = problem(server.api("POST", "/providers", add), 403, "denied", "key_source")
    assert "assay providers key" in refused["hint"]
    added = server.unix("POST", "/providers", add).json
    address = f"/providers/{added['id']}"
    assert added["state"] == "ok" and added["key_source"] == f"cmd:{command}" and added["key_last4"] == ""
    seen = next(p for p in server.api("GET", "/providers").json["providers"] if p["id"] == added["id"])
    assert seen["key_source"] == "cmd:" and seen["state"] == "ok", "a page is told that there is a command, and not which"
    for source in ("cmd:echo other", f"cmd:{command}", "cmd: "):
        problem(server.api("PATCH", address, {"key_source": source}), 403, "denied", "key_source")
    for source in ("cmd: ", "cmd:two\nlines", "cmd:" + "x" * 1001):
        problem(server.unix("PATCH", address, {"key_source": source}), 400, "invalid", "key_source")
    # What the page sends back changes nothing, and another server does not get the key.
    assert server.api("PATCH", address, {"key_source": "cmd:", "name": "renamed"}).json["state"] == "ok"
    moved = server.api("PATCH", address, {"url": "http://127.0.0.1:1"}).json
    assert moved["key_source"] == ""
    assert server.unix("PATCH", address, {"url": add["url"], "key_source": add["key_source"]}).json["state"] == "ok"
    assert server.api("PATCH", address, {"key": ""}).json["key_source"] == ""
    server.api("DELETE", address)


def test_a_key_from_a_command_follows_the_secret_it_reads(server, openai, tmp_path):
    openai.key = KEY
    (tmp_path / "key").write_text(KEY + "\n")
    add = {"kind": "openai", "url": f"http://127.0.0.1:{openai.port}", "key_source": f"cmd:echo x >> {tmp_path}/ran; cat {tmp_path}/key"}
    added = server.unix("POST", "/providers", add).json
    address = f"/providers/{added['id']}"
    used = server.api("POST", f"{address}/models/use", {"name": "small"}).json

    def ask():
        run = server.api("POST", "/runs", {"columns": [{"model_id": used["id"]}], "questions": ["one", "two", "three"]}).json
        return finished(server, run)["columns"][0]
    assert ask()["n_done"] == 3 and len((tmp_path / "ran").read_text().split()) == 1, "one run for all of this"
    openai.key = "sk-planted-and-changed-4713"
    (tmp_path / "key").write_text(openai.key + "\n")
    assert ask()["n_done"] == 3 and len((tmp_path / "ran").read_text().split()) == 2
    openai.key = "another"
    failed = ask()
    assert failed["n_done"] == 0 and failed["problem"]["key"] == "err_provider_key"
    (tmp_path / "key").unlink()
    failed = ask()
    assert failed["n_done"] == 0 and failed["problem"]["key"] == "err_key_command_failed"
    assert server.api("PATCH", address, {}).json["state"] == "refused"
    server.api("DELETE", address)


def test_a_key_in_the_clear_stays_near_and_is_warned_of(server):
    private = {"kind": "openai", "url": "http://10.255.255.1:9", "key": KEY}
    problem(server.unix("POST", "/providers", {"kind": "openai", "url": "http://203.0.113.7", "key_source": "cmd:echo k"}), 403, "denied", "url")
    problem(server.api("POST", "/providers", {"kind": "openai", "url": "http://203.0.113.7", "key_source": "env:HOME"}), 403, "denied", "url")
    added = server.api("POST", "/providers", private).json
    assert [w["code"] for w in added["warnings"]] == ["plain_key"] and added["warnings"][0]["hint"]
    assert server.api("PATCH", f"/providers/{added['id']}", {"key": ""}).json["warnings"] == []
    problem(server.api("PATCH", f"/providers/{added['id']}", {"url": "http://203.0.113.7", "key": KEY}), 403, "denied", "url")
    server.api("DELETE", f"/providers/{added['id']}")


def test_the_machines_ollama_at_another_address_is_another_server(tmp_path, ollama):
    server = Server(tmp_path, ollama_host=f"127.0.0.1:{ollama.port}")
    server.login()
    first = server.api("GET", "/providers").json["providers"][0]
    assert server.api("PATCH", f"/providers/{first['id']}", {"key": KEY}).json["key_source"] == "file"
    assert server.stop() == 0
    server = Server(tmp_path, ollama_host="127.0.0.1:1")
    server.login()
    try:
        assert server.api("GET", "/providers").json["providers"][0]["key_source"] == ""
    finally:
        assert server.stop() == 0
