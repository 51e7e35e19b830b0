# SPDX-License-Identifier: Apache-2.0
"""assay providers: where keys come from and whose certificates are believed, set from a terminal."""
import json
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import live as support  # noqa: E402
from openai_stub import Stub, serve  # noqa: E402
from test_cli import assay  # noqa: E402

KEY = "sk-planted-by-a-command-4711"


@pytest.fixture
def stub():
    stub = Stub()
    stub.key = KEY
    running = serve(stub)
    stub.url = f"http://127.0.0.1:{running.server_port}/v1"
    yield stub
    running.shutdown()
    running.server_close()


@pytest.fixture
def lab(tmp_path, stub):
    """A server of assay with a provider that asks for a key."""
    server = support.Live(tmp_path / "data").start()
    server.provider = server.call("POST", "/providers", {"kind": "openai", "name": "Lab", "url": stub.url})
    yield server
    server.process.terminate()
    server.process.wait(20)


def test_a_key_is_told_by_a_command_or_standard_input(lab, stub, tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    shown = assay("providers", "list", data=lab.data)
    assert shown.returncode == 0 and "Lab" in shown.stdout and "refused" in shown.stdout and "key" in shown.stderr
    command = f"cmd:cat {tmp_path}/key"
    done = assay("providers", "key", "lab", command, data=lab.data)
    assert done.returncode == 0 and done.stderr.strip() == "Lab: saved, reachable.", done.stderr
    listed = json.loads(assay("providers", "list", "--json", data=lab.data).stdout)["providers"]
    assert [p["key_source"] for p in listed if p["name"] == "Lab"] == [command]
    assert command in assay("providers", "list", data=lab.data).stdout
    failed = assay("providers", "key", str(lab.provider["id"]), "cmd:echo locked >&2; exit 2", data=lab.data)
    assert failed.returncode == 0 and "refused" in failed.stderr and "status 2): locked" in failed.stderr
    assert KEY not in failed.stderr + failed.stdout
    done = assay("providers", "key", "Lab", "-", data=lab.data, stdin=KEY + "\n")
    assert done.returncode == 0 and "reachable" in done.stderr
    assert "…4711" in assay("providers", "list", data=lab.data).stdout
    assert assay("providers", "key", "Lab", "none", data=lab.data).returncode == 0
    assert KEY not in (lab.data / "secrets").read_text()


def test_without_a_server_the_command_does_it_itself(tmp_path, stub):
    data = tmp_path / "data"
    server = support.Live(data).start()
    server.call("POST", "/providers", {"kind": "openai", "name": "Lab", "url": stub.url})
    server.process.terminate()
    server.process.wait(20)
    done = assay("providers", "key", "Lab", f"cmd:echo {KEY}", data=data)
    assert done.returncode == 0 and "reachable" in done.stderr, done.stderr


def test_trust_is_one_of_three(lab, tmp_path):
    assert assay("providers", "trust", "Lab", data=lab.data).returncode == 2
    assert assay("providers", "trust", "Lab", "--system", "--pin", "AB", data=lab.data).returncode == 2
    plain = assay("providers", "trust", "Lab", "--pin", "ab" * 32, data=lab.data)
    assert plain.returncode == 2 and "not encrypted" in plain.stderr
    lab.call("PATCH", f"/providers/{lab.provider['id']}", {"url": "https://127.0.0.1:1/v1"})
    done = assay("providers", "trust", "Lab", "--pin", "ab" * 32, data=lab.data)
    assert done.returncode == 0 and "not reachable" in done.stderr
    assert ":".join(["AB"] * 32) in assay("providers", "list", data=lab.data).stdout
    missing = assay("providers", "trust", "Lab", "--ca", tmp_path / "none.pem", data=lab.data)
    assert missing.returncode == 2 and "none.pem" in missing.stderr
    assert assay("providers", "trust", "Lab", "--system", data=lab.data).returncode == 0
    assert lab.call("GET", "/providers")["providers"][1]["pin_sha256"] == ""


def test_what_is_no_source_is_not_repeated(tmp_path):
    done = assay("providers", "key", "Lab", KEY, data=tmp_path / "data")
    assert done.returncode == 2 and KEY not in done.stderr and not (tmp_path / "data").exists()
    assert assay("providers", "key", "Lab", "-", data=tmp_path / "data").returncode == 2
    unknown = assay("providers", "key", "Lab", "none", data=tmp_path / "data")
    assert unknown.returncode == 4 and "Lab" in unknown.stderr
