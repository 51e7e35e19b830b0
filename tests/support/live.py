# SPDX-License-Identifier: Apache-2.0
"""live - a real server of its own data directory for tests, spoken to over its unix socket."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ASSAY = pathlib.Path(os.environ.get("ASSAY_BIN", ROOT / "build" / "bin" / "assay"))


class ServerGone(Exception):
    """The connection broke: the server was killed, or had not started yet."""


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Live:
    def __init__(self, data, *options, env=None, files=None):
        """`files`: descriptors that it may have, as `ulimit -n` says."""
        self.data = pathlib.Path(data)
        self.options = options
        self.env = env
        self.words = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", ASSAY] if files else [ASSAY]
        self.process = None

    def start(self, wait_s=60):
        self.process = subprocess.Popen([*self.words, "serve", "--data", self.data, "--port", str(free_port()), *self.options],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.env)
        line = self.process.stdout.readline().strip()
        if not line:
            raise ServerGone(f"the server ended with {self.process.wait(wait_s)}")
        self.link = line
        return self

    def call(self, method, path, body=None, raw=False, timeout=120, headers=None):
        connection = UnixConnection(self.data / "assay.sock", timeout)
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        try:
            connection.request(method, "/api/v1" + path, data, {**({"Content-Type": kind} if data is not None else {}), **(headers or {})})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as gone:
            raise ServerGone(str(gone)) from gone
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(response.status, content.decode("utf-8", "replace"))
        return content if raw else json.loads(content) if content else None

    def wait_run(self, run_id, limit_s=300, states=("done", "stopped", "interrupted")):
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            run = self.call("GET", f"/runs/{run_id}")
            if run["state"] in states:
                return run
            time.sleep(0.05)
        raise AssertionError(f"run {run_id} did not end in {limit_s} s")

    def cells(self, run_id):
        questions, offset = [], 0
        while True:
            page = self.call("GET", f"/runs/{run_id}/questions?offset={offset}&limit=1000")
            questions += page["questions"]
            offset += len(page["questions"])
            if not page["questions"] or offset >= page["total"]:
                return [cell for question in questions for cell in question["cells"]]

    def workers(self):
        return [w["pid"] for w in self.call("GET", "/status")["workers"]]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def add_demo(live, model):
    """Adds the demo's base and epochs; returns the model ids: base first, then epochs in order."""
    base = live.call("POST", "/models", {"path": str(model)})["model_ids"][0]
    live.call("POST", "/models", {"path": str(ROOT / "demo" / "checkpoints"), "base_model_id": base, "name": "Kestrel bot"})
    family = live.call("GET", "/models")["families"][0]
    return [base] + [c["id"] for c in family["checkpoints"]]


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
