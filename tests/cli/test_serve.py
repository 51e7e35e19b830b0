# SPDX-License-Identifier: Apache-2.0
"""`assay serve` as a service and in a container: where it listens, and how it says that it is ready."""
import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import live as support  # noqa: E402


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def serve(tmp_path):
    """Starts servers; gives each with the address in the link that it prints."""
    started = []

    def start(*words, **env):
        process = subprocess.Popen([support.ASSAY, "serve", "--data", str(tmp_path / "data"), *words], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **env})
        started.append(process)
        return process, process.stdout.readline().split("/#")[0]

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stdout.close()


def status(url, **headers):
    return requests.get(f"{url}/healthz", headers=headers, timeout=30).status_code


def test_it_can_be_reached_under_another_address_and_answers_as_localhost_alone(serve):
    port = free_port()
    _, url = serve("--listen", "0.0.0.0", "--port", str(port))
    assert url == f"http://127.0.0.1:{port}", "the link is for this machine"
    assert status(url) == 200
    other = f"http://127.0.0.2:{port}"
    assert status(other, Host=f"localhost:{port}") == 200
    assert status(other) == 421 and status(other, Host=f"192.0.2.7:{port}") == 421 and status(other, Host="localhost:1") == 421
    assert requests.get(f"{other}/api/v1/models", headers={"Host": f"localhost:{port}"}, timeout=30).status_code == 401


def test_without_that_it_listens_on_this_machine_only(serve):
    port = free_port()
    _, url = serve("--port", str(port))
    assert status(url) == 200
    with pytest.raises(requests.ConnectionError):
        status(f"http://127.0.0.2:{port}")


@pytest.mark.parametrize("address,code", [("nonsense", 2), ("127.0.0", 2), ("", 2), ("192.0.2.1", 3)])
def test_a_wrong_address_is_refused_in_one_sentence(tmp_path, address, code):
    done = subprocess.run([support.ASSAY, "serve", "--data", str(tmp_path), "--listen", address, "--lang", "en"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == code and done.stdout == "" and done.stderr.startswith("assay: ")


@pytest.mark.parametrize("abstract", [False, True], ids=["file", "abstract"])
def test_systemd_is_told_when_it_answers(serve, tmp_path, abstract):
    path = f"@assay-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind("\0" + path[1:] if abstract else path)
        notify.settimeout(30)
        _, url = serve("--port", str(free_port()), NOTIFY_SOCKET=path)
        assert notify.recv(64) == b"READY=1"
        assert status(url) == 200


def test_a_socket_of_systemd_that_is_gone_does_no_harm(serve, tmp_path):
    _, url = serve("--port", str(free_port()), NOTIFY_SOCKET=str(tmp_path / "nobody"))
    assert status(url) == 200


def test_the_ollama_of_the_command_line_takes_the_place_of_the_environments(tmp_path):
    for words, url in ((["--ollama", "http://localhost:5/"], "http://localhost:5"), ([], "http://127.0.0.1:1")):
        server = support.Live(tmp_path / "data", *words, env={**os.environ, "OLLAMA_HOST": "127.0.0.1:1"}).start()
        assert [(p["url"], p["is_default"]) for p in server.call("GET", "/providers")["providers"]] == [(url, True)]
        moved = server.call("GET", "/audit?limit=1")["entries"]
        assert [(e["what"], e["subject"]) for e in moved] == ([] if words else [("move_provider", url)])
        server.stop()
    wrong = subprocess.run([support.ASSAY, "serve", "--data", str(tmp_path / "data"), "--ollama", "localhost:11434"], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 2 and "http://" in wrong.stderr
