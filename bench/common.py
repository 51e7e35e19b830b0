# SPDX-License-Identifier: Apache-2.0
"""common - what the benchmarks share: building the peers, starting a server, talking over its unix socket, medians."""
import contextlib
import http.client
import json
import os
import pathlib
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ASSAY = ROOT / "build" / "bin" / "assay"


def output(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def peers():
    """Folder of llama.cpp's own programs, built from the same sources with the same flags."""
    return pathlib.Path(output("script/llama", "--tools")) / "build" / "bin"


def demo_model(bin_dir, quantization="Q4_K_M"):
    """The demo's base model, requantized once: Q4_K_M is what people run, and twice as fast to read as the Q4_1 it came as."""
    source = pathlib.Path(output("script/demo-model"))
    target = source.with_name(f"SmolLM2-135M-Instruct.{quantization}.gguf")
    if not target.exists():
        part = target.with_suffix(".part")
        output(bin_dir / "llama-quantize", "--allow-requantize", source, part, quantization)
        part.rename(target)
    return target


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=600)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Server:
    """An `assay serve` of its own data directory, spoken to over the unix socket."""

    def __init__(self, data, *options, program=ASSAY, log=None):
        self.data = pathlib.Path(data)
        self.started = time.monotonic()
        with open(log or os.devnull, "w", encoding="utf-8") as errors:
            self.process = subprocess.Popen([program, "serve", "--data", data, *options], stdout=subprocess.PIPE, stderr=errors, text=True)
        self.link = self.process.stdout.readline().strip()
        self.ready_s = time.monotonic() - self.started

    def call(self, method, path, body=None, raw=False, headers=None):
        connection = UnixConnection(self.data / "assay.sock")
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        connection.request(method, "/api/v1" + path, data, {"Content-Type": kind, **(headers or {})} if data is not None else headers or {})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:300]!r}")
        return content if raw else json.loads(content) if content else None

    def run(self, columns, questions, **settings):
        """Stores a run, waits for its end, returns it.  Asks seldom: the cores are busy, and the row has the time of its end."""
        run = self.call("POST", "/runs", {"columns": columns, "questions": questions, **settings})
        while run["state"] in ("waiting", "running"):
            time.sleep(0.5)
            run = self.call("GET", f"/runs/{run['id']}")
        return run

    def calibrated_slots(self):
        """Slots that calibration chose, of the only model of this data directory."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/assay.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT slots FROM calibration").fetchone()[0]

    def rss(self):
        return rss_mib(self.process.pid)

    def close(self):
        self.process.terminate()
        self.process.wait(20)


@contextlib.contextmanager
def server(*options, program=ASSAY):
    with tempfile.TemporaryDirectory() as data:
        running = Server(data, *options, program=program)
        try:
            yield running
        finally:
            running.close()


def rss_mib(pid, peak=False):
    name = "VmHWM" if peak else "VmRSS"
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return float("nan")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def spread(values, unit="s"):
    return f"{statistics.median(values):.2f} {unit} (min {min(values):.2f}, max {max(values):.2f}, {len(values)} runs)"


def questions(count):
    lines = (ROOT / "demo" / "questions.jsonl").read_text("utf-8").splitlines()[:count]
    return [json.loads(line)["question"] for line in lines]


def threads():
    return len(os.sched_getaffinity(0))
