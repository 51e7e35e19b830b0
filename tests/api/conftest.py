# SPDX-License-Identifier: Apache-2.0
"""A real server on a fresh data directory: over TCP with a session of two halves, and over its unix socket.

ASSAY_BIN names the program (build/bin/assay without it)."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from tiny_gguf import gguf  # noqa: E402

API = "/api/v1"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Reply:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    timeout = 20  # seconds to a reply

    def __init__(self, folder, ollama_host=None, lan=None, **more):
        self.data = folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        program = os.environ.get("ASSAY_BIN", str(ROOT / "build/bin/assay"))
        self.log = open(folder / "log", "w+b")
        environment = {k: v for k, v in os.environ.items() if k != "OLLAMA_HOST"}
        environment.update(more)
        if ollama_host:
            environment["OLLAMA_HOST"] = ollama_host
        words = [program, "serve", "--data", str(self.data), "--port", str(self.port), *(["--lan", lan] if lan else [])]
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log, env=environment)
        deadline = time.monotonic() + 20
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start:\n" + self.output())
            time.sleep(0.05)
        self.cookie = self.key = None

    def output(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def answers(self):
        try:
            return self.send("GET", "/healthz").body == b"ok" and (self.data / "assay.sock").exists()
        except OSError:
            return False

    def send(self, method, path, body=None, headers=None, unix=False, to="127.0.0.1"):
        connection = UnixConnection(str(self.data / "assay.sock")) if unix else \
            http.client.HTTPConnection(to, self.port, timeout=self.timeout)
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def owner(self):
        return {"Cookie": self.cookie, "X-Assay": self.key}

    def login(self):
        code = self.unix("POST", "/session/code").json["code"]
        reply = self.send("POST", API + "/session", {"code": code})
        assert reply.status == 200, reply.body
        self.cookie, self.key = reply.headers["Set-Cookie"].split(";")[0], reply.json["key"]
        return reply

    def api(self, method, path, body=None, **headers):
        return self.send(method, API + path, body, {**self.owner(), **{k.replace("_", "-"): v for k, v in headers.items()}})

    def unix(self, method, path, body=None, headers=None):
        return self.send(method, API + path, body, headers, unix=True)

    def rss_kib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        self.log.close()
        return code


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    server.login()
    yield server
    output = server.output()
    assert server.stop() == 0, output
    assert "Sanitizer" not in output, output


@pytest.fixture
def fresh(tmp_path):
    server = Server(tmp_path)
    server.login()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0


@pytest.fixture(scope="session")
def model(server, tmp_path_factory):
    path = gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")
    reply = server.api("POST", "/models", {"path": str(path)})
    assert reply.status == 200, reply.body
    return reply.json["model_ids"][0]


@pytest.fixture
def run(server, model):
    reply = server.api("POST", "/runs", {"columns": [{"model_id": model}], "questions": ["one", {"text": "二", "reference": "2"}],
                                         "name": "test run"})
    assert reply.status == 201, reply.body
    return reply.json
